"""What several unit tests share: a TAP service to ask, and no waiting for retries."""

import types

import pytest
from fake_tap import FakeTap


def pytest_configure(config):
    # connections that were given up are left to the garbage collector, which may come in the
    # middle of any later test
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def fake_tap(monkeypatch):
    """A TAP service on this machine; set its `answer`."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    service = FakeTap()
    yield service
    service.close()


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """The pauses that a retrying client would make, in seconds; it makes none."""
    made: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", types.SimpleNamespace(sleep=made.append))
    return made
