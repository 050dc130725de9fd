"""A real TAP server for the integration tests, and where real rows are, if anywhere.

The server is GAVO DaCHS (tests/servers/dachs), on free ports, with a state folder of its own.
XGAMMA_REAL_SKY names a folder with rows of the real catalogues, which are not in this
repository; without it the tests on them do not run, and the summary says so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[1] / "servers/dachs"
_ENVIRONMENT = "XGAMMA_REAL_SKY"
_left_out: list[str] = []

# STILTS reads small tables in each start: to compile for long runs costs more than it gains
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


def pytest_collection_modifyitems(config, items):
    # the longest files first: at the end, one worker would be busy with one of them alone
    longest = ("test_dachs.py", "test_reruns.py", "test_crashes.py", "test_replay.py")
    items.sort(key=lambda item: item.path.name not in longest)
    if os.environ.get(_ENVIRONMENT):
        return
    without = [item for item in items if "real_sky" in item.fixturenames]
    items[:] = [item for item in items if item not in without]
    config.hook.pytest_deselected(items=without)
    _left_out.extend(item.nodeid for item in without)


def pytest_terminal_summary(terminalreporter):
    if _left_out:
        terminalreporter.section(f"not run: {_ENVIRONMENT} is not set", yellow=True)
        terminalreporter.write_line(
            f"{_ENVIRONMENT}=/folder/with/fits/files runs these on rows of the real catalogues:"
        )
        for name in _left_out:
            terminalreporter.write_line(f"  {name}")


@pytest.fixture(scope="session")
def real_sky() -> Path:
    """The folder with the real rows, one file per table."""
    folder = Path(os.environ[_ENVIRONMENT])
    assert folder.is_dir(), f"{_ENVIRONMENT} is {folder}, and no such folder is there"
    return folder


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


class Dachs:
    """The server; `serve` gives it the rows of a folder."""

    def __init__(self, state: Path) -> None:
        self._state, self._port, self._pg_port = state, _free_port(), _free_port()

    def serve(self, folder: Path) -> str:
        """Load the tables of `folder` in place of earlier ones; give the service's address."""
        self._call(
            "up.sh",
            *("--data", str(folder), "--port", str(self._port), "--pg-port", str(self._pg_port)),
        )
        return f"http://127.0.0.1:{self._port}/tap"

    def stop(self) -> None:
        """Stop the server and remove what it kept."""
        self._call("down.sh", "--purge")

    def _call(self, script: str, *arguments: str) -> None:
        command = [str(SERVER / script), "--state", str(self._state), *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, f"{script} failed:\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def dachs() -> Iterator[Dachs]:
    """A server without tables. $TAP_STATE is where it keeps its state, else a new folder."""
    # not under pytest's own folder: the server's system user may not enter that
    state = os.environ.get("TAP_STATE") or tempfile.mkdtemp(prefix="xgamma-dachs-", dir="/var/tmp")
    # one for each worker of pytest-xdist, in a folder that the server's user may enter
    Path(state).chmod(0o755)
    state = Path(state) / os.environ.get("PYTEST_XDIST_WORKER", "main")
    server = Dachs(state)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(state, ignore_errors=True)
        if "TAP_STATE" not in os.environ:
            state.parent.rmdir()
