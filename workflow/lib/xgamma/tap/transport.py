"""One HTTP request, bounded in time and in bytes.

requests limits the silence between two bytes, which a server that sends one byte a second
never breaks, and pyvo limits nothing. Here an answer is read whole, uncompressed, into a
temporary file, within what it may cost, before anybody looks at it.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from typing import IO

import requests
import urllib3
from requests.adapters import BaseAdapter

from xgamma.errors import XgammaError

__all__ = ["Body", "BoundedAdapter", "TooLarge", "body_of", "no_room"]

_IN_MEMORY = 8 * 2**20
_CHUNK = 2**16
# an answer that grows by less than this within the time-out counts as silent
_LEAST_BYTES = 1000


class TooLarge(requests.RequestException):
    """An answer has more bytes than it may have."""


@dataclass(frozen=True)
class Body:
    """An answer as received, its content coding undone.

    Attributes
    ----------
    stream : file object
        Binary; whoever reads it goes to its start first. Closed when the body is dropped.
    bytes : int
    sha256 : str
        Of the content, 64 hexadecimal digits.
    """

    stream: IO[bytes]
    bytes: int
    sha256: str

    def __post_init__(self):
        weakref.finalize(self, self.stream.close)


def no_room(error: OSError) -> XgammaError:
    """What is said where an answer, or its rows, cannot be written to a temporary file."""
    return XgammaError(
        f"temporary files in {tempfile.gettempdir()}: {error.strerror or error}; free some space "
        f"there, or name another folder in the variable TMPDIR, and give the same command again"
    )


def body_of(response: requests.Response) -> Body:
    """The body of a response that came through a `BoundedAdapter`."""
    return response.raw.xgamma_body


class BoundedAdapter(BaseAdapter):
    """Reads every answer of another adapter whole, within limits.

    Parameters
    ----------
    inner : requests.adapters.HTTPAdapter
        What does the sending.
    timeout_s : float
        For a connection, for the start of an answer, and for any growth of it.
    sync_timeout_s : float
        In place of the former for the start of the answer to a synchronous query, which
        comes only when the query is done.
    max_bytes : float
        Of one answer, uncompressed.

    Attributes
    ----------
    end : float
        Time (monotonic) when whatever is going on has to end.
    answered : bool
        Whether anything was ever received whole.
    """

    def __init__(
        self, inner: BaseAdapter, *, timeout_s: float, sync_timeout_s: float, max_bytes: float
    ):
        super().__init__()
        self._inner, self._max_bytes = inner, max_bytes
        self._timeout_s, self._sync_timeout_s = timeout_s, sync_timeout_s
        self.end = float("inf")
        self.answered = False

    def send(self, request: requests.PreparedRequest, *args, **kwargs) -> requests.Response:
        """Send, and give the answer when it is all there.

        Raises
        ------
        requests.Timeout
            If it does not start, stops growing, or is not there at `end`; after `end`
            nothing is sent.
        TooLarge
        """
        if time.monotonic() >= self.end:
            raise requests.Timeout("no time is left before the deadline")
        sync = request.method == "POST" and request.path_url.split("?")[0].endswith("/sync")
        patience = self._sync_timeout_s if sync else self._timeout_s
        kwargs.update(timeout=(self._timeout_s, patience), stream=True)
        exchange = _Exchange(self._inner, request, args, kwargs, self._max_bytes)
        # in a thread of its own: no time-out of sockets covers a name that is not resolved, or
        # headers that come byte by byte. A thread that is given up ends with the process.
        threading.Thread(target=exchange.run, daemon=True).start()
        try:
            self._wait(exchange, patience)
        except BaseException:
            exchange.given_up.set()
            raise
        if exchange.error is not None:
            raise exchange.error
        self.answered = True
        return exchange.response

    def close(self) -> None:
        """Close what the inner adapter keeps open."""
        self._inner.close()

    def _wait(self, exchange: _Exchange, patience: float) -> None:
        if not exchange.begun.wait(self._at_most(patience)):
            self._refuse_late()
            raise requests.Timeout(f"no answer within {patience:g} s")
        # the answer has begun: from now on it has to grow
        seen = 0
        while not exchange.done.wait(self._at_most(self._timeout_s)):
            self._refuse_late()
            got = exchange.bytes
            if got - seen < _LEAST_BYTES:
                raise requests.Timeout(
                    f"the answer grew by {got - seen} bytes in {self._timeout_s:g} s"
                )
            seen = got

    def _at_most(self, seconds: float) -> float:
        return max(0.0, min(seconds, self.end - time.monotonic()))

    def _refuse_late(self) -> None:
        if time.monotonic() >= self.end:
            raise requests.Timeout("no whole answer before the deadline")


class _Exchange:
    """A request and its answer, in a thread."""

    def __init__(self, inner, request, args, kwargs, max_bytes: float):
        self._inner, self._request, self._args, self._kwargs = inner, request, args, kwargs
        self._max_bytes = max_bytes
        self.begun, self.done, self.given_up = (threading.Event() for _ in range(3))
        self.bytes = 0  # of the body so far
        self.response: requests.Response | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.response = self._exchange()
        except urllib3.exceptions.ReadTimeoutError:
            self.error = requests.Timeout(f"the answer stopped after {self.bytes} bytes")
        except BaseException as error:  # handed to whoever waits
            self.error = error
        finally:
            self.begun.set()
            self.done.set()

    def _exchange(self) -> requests.Response:
        response = self._inner.send(self._request, *self._args, **self._kwargs)
        self.begun.set()
        raw = response.raw
        stream = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        try:
            digest = self._receive(raw, stream)
        except BaseException:
            stream.close()
            raise
        raw.release_conn()
        stream.seek(0)
        headers = {k: v for k, v in raw.headers.items() if k.lower() not in _OF_TRANSPORT}
        received = urllib3.HTTPResponse(
            body=_View(stream),
            headers=headers,
            status=raw.status,
            reason=raw.reason,
            preload_content=False,
            request_method=self._request.method,
            request_url=self._request.url,
        )
        # requests looks there for cookies, which some archives tie a job to
        received._original_response = getattr(raw, "_original_response", None)
        received.xgamma_body = Body(stream, self.bytes, digest)
        response.raw = received
        return response

    def _receive(self, raw: urllib3.HTTPResponse, stream: IO[bytes]) -> str:
        digest = hashlib.sha256()
        # read1: what is there, so that a slow answer is seen to grow
        while chunk := raw.read1(_CHUNK, decode_content=True):
            self.bytes += len(chunk)
            if self.given_up.is_set() or self.bytes > self._max_bytes:
                with contextlib.suppress(Exception):
                    raw.close()
                raise TooLarge(
                    f"the answer has more than {self._max_bytes:.3g} bytes; if that is right, "
                    f"raise tap.max_bytes in the config"
                )
            digest.update(chunk)
            try:
                stream.write(chunk)
            except OSError as error:
                raise no_room(error) from error
        return digest.hexdigest()


class _View:
    """What urllib3 may read, and close, while the body stays open."""

    def __init__(self, stream: IO[bytes]):
        self._stream, self.closed = stream, False

    def read(self, amount: int | None = None) -> bytes:
        return self._stream.read(-1 if amount is None else amount)

    def close(self) -> None:
        self.closed = True


# headers that no longer hold of what was received
_OF_TRANSPORT = ("content-encoding", "transfer-encoding", "content-length")
