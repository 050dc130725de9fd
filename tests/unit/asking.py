"""What the tests of the TAP client share: asking a fake service, and being refused."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from fake_tap import Field, votable

from xgamma.archive.client import TapClient
from xgamma.errors import XgammaError

ONE_ROW = votable(Field("n", "long", [1]))
MODES = ["sync", "async"]
#: Short time-outs; all in seconds.
BRIEF = {"timeout_s": 0.15, "sync_timeout_s": 0.15, "attempts": 1}


def _on_full_disk(**_):
    return open("/dev/full", "r+b", buffering=0)


#: In place of the module `tempfile`: its files have no room.
FULL_DISK = SimpleNamespace(
    SpooledTemporaryFile=_on_full_disk, TemporaryFile=_on_full_disk, gettempdir=lambda: "/t"
)


def client_of(service, **options) -> TapClient:
    return TapClient("heasarc", service.url, **options)


def answers(*replies):
    """One reply after the other; the last stays."""
    waiting = list(replies)
    return lambda *_: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def refusal(
    client: TapClient, adql="SELECT 1 AS n", within_s: float = 10.0, names: str = "heasarc"
) -> str:
    """What is said of a query that ends in an error: always one line that `names` somebody.

    `within_s` is far more than it takes: what is tested would else never end.
    """
    started = time.monotonic()
    with pytest.raises(XgammaError) as caught:
        client.query(adql)
    said = str(caught.value)
    assert time.monotonic() - started < within_s
    assert names in said and said.isprintable() and len(said) < 1500
    return said
