"""The demo service inside the process that asks it: an adapter for the library requests.

The TAP client does with it what it does with the real services. Only the last step
differs: the request goes to the WSGI application instead of to a socket.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from xgamma.run.code_digest import code_digest

if TYPE_CHECKING:
    from xgamma.demo.server.service import TapApplication

__all__ = ["InProcessAdapter", "simulation_digest"]

_applications: dict[Path, TapApplication] = {}
_applications_lock = threading.Lock()


def simulation_digest(database_path: str | Path) -> str | None:
    """A digest of what the answers rest on: the content of the sky, and the service's code.

    Parameters
    ----------
    database_path : path-like
        The archive's DuckDB file; a JSON file of the same name beside it, which the
        workflow writes with the sky, holds the digest of its content.

    Returns
    -------
    str or None
        Sixteen hexadecimal digits; None if there is no such JSON file.
    """
    try:
        sky_record = Path(database_path).with_suffix(".json").read_bytes()
    except FileNotFoundError:
        return None
    code = code_digest(Path(__file__).with_name("service.py"))
    return hashlib.sha256(sky_record + code.encode()).hexdigest()[:16]


class InProcessAdapter(HTTPAdapter):
    """Hands requests to the demo service of this process.

    There is one service per file and process: a job that one session submits can
    be followed by another. A session is given the adapter with its method `mount`.

    Parameters
    ----------
    database_path : path-like
        The archive's DuckDB file. It is opened by the first request, not here.
    """

    def __init__(self, database_path: str | Path) -> None:
        super().__init__()
        self._path = Path(database_path).resolve()

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Answer a prepared request; `stream` decides when the body is read."""
        heads: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            heads.append((status, headers))

        body = _application(self._path)(_environ(request), start_response)
        status_line, headers = heads[0]
        status, reason = status_line.split(" ", 1)
        raw = HTTPResponse(
            body=io.BufferedReader(_Body(body)),
            headers=headers,
            status=int(status),
            reason=reason,
            preload_content=False,
            request_method=request.method,
            request_url=request.url,
        )
        return self.build_response(request, raw)


def _application(path: Path) -> TapApplication:
    from xgamma.demo.server.service import TapApplication

    with _applications_lock:
        if path not in _applications:
            _applications[path] = TapApplication(path)
        return _applications[path]


def _environ(request: requests.PreparedRequest) -> Mapping[str, Any]:
    """The WSGI environment of a request (PEP 3333)."""
    url = urlsplit(request.url)
    body = _content(request.body)
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()
    }
    return {
        **headers,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path),
        "QUERY_STRING": url.query,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _content(body: bytes | str | Iterable[bytes] | None) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    return body.read() if hasattr(body, "read") else b"".join(body)


class _Body(io.RawIOBase):
    """The pieces of a WSGI answer as a stream."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._unread = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._unread:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._unread = memoryview(piece)
        count = min(len(buffer), len(self._unread))
        buffer[:count] = self._unread[:count]
        self._unread = self._unread[count:]
        return count

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None and not self.closed:
            close()
        super().close()
