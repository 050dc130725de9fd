"""Which request meets which fault: decided by a seed and by what is asked, never by time.

A request is known by its method, its place (job numbers left out) and a digest of what it asks;
with the number of times that it has been sent, that decides. So two runs of the same queries
meet the same faults, in whatever order threads and processes send them.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["FATAL", "KINDS", "Fault", "Identity", "Plan", "digest", "error_document", "overflow"]

#: Kind -> how often it is taken, relative to the others.
#:
#: drop, reset        the connection is closed, or reset, and nothing is forwarded
#: delay              the answer comes late
#: lose               the server does the work, and the connection is closed instead of answered
#: cut_length         the body ends before its Content-Length
#: cut_chunked        the body ends before its last chunk
#: cut_close          the body ends early, and nothing in HTTP says so
#: 429                Too Many Requests, with Retry-After
#: 500, 503           Internal Server Error, Service Unavailable
#: 503_seconds, 503_date   the latter with Retry-After, as a number and as a date
#: html               a web page with status 200
#: error              a VOTable that says ERROR, of a kind that passes, with status 200
#: overflow           the true answer's first rows, with QUERY_STATUS OVERFLOW
#: stop               the server answers nobody for some seconds, then goes on
#: restart            the server is restarted with the request in flight
KINDS: Mapping[str, float] = {
    "drop": 2,
    "reset": 2,
    "delay": 2,
    "lose": 2,
    "cut_length": 1,
    "cut_chunked": 1,
    "cut_close": 1,
    "429": 1,
    "500": 1,
    "503": 1,
    "503_seconds": 1,
    "503_date": 1,
    "html": 1,
    "error": 1,
    "stop": 0.3,
    "restart": 0.3,
    "overflow": 0.3,
}
#: A client must not ask again after these: the job ends, in words.
FATAL = {"overflow"}

# What archives say when they are busy; the same query succeeds a little later
_PASSING_ERRORS = (
    "Connection pool empty: no connection could be had",
    "Execution duration exceeded",
    "the query timed out",
)
# Parameters that differ between two runs of the same query
_OF_THE_MOMENT = {"RUNID", "DESTRUCTION", "MAXREC", "AFTER", "LAST", "WAIT"}


@dataclass(frozen=True)
class Identity:
    """What makes two requests the same one, sent again.

    Attributes
    ----------
    method : str
    place : str
        The path, with * for a job's number.
    asked : str
        Digest of the parameters and uploads; for a request about a job, also of those that
        created the job.
    """

    method: str
    place: str
    asked: str

    @property
    def is_table(self) -> bool:
        """Whether the answer is a query's table."""
        return self.place.endswith("/sync") or "/results/" in self.place


@dataclass(frozen=True)
class Fault:
    """A fault of a kind; `share`, in [0, 1), is its delay, cut or wording."""

    kind: str
    share: float

    @property
    def message(self) -> str:
        """The words of an ERROR document."""
        return _PASSING_ERRORS[int(self.share * len(_PASSING_ERRORS))]


class Plan:
    """Draws faults.

    Parameters
    ----------
    seed : int
    rate : float
        Share of requests that meet a fault, 0 to 1.
    kinds : mapping of str to float
        As `KINDS`; what is left out does not happen.
    in_a_row : int or None
        Most faults that one request meets one after the other; None: any number.
    """

    def __init__(
        self,
        seed: int = 0,
        rate: float = 0.0,
        kinds: Mapping[str, float] = KINDS,
        in_a_row: int | None = 3,
    ) -> None:
        unknown = set(kinds) - set(KINDS)
        assert not unknown, f"no such faults: {unknown}"
        self._seed, self._rate, self._kinds, self._most = seed, rate, dict(kinds), in_a_row
        self._sent: dict[Identity, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def next(self, identity: Identity) -> Fault | None:
        """What happens to a request that is sent now; None: nothing."""
        with self._lock:
            number, in_a_row = self._sent.get(identity, (0, 0))
            fault = None
            if self._most is None or in_a_row < self._most:
                fault = self._draw(identity, number)
            self._sent[identity] = (number + 1, in_a_row + 1 if fault else 0)
        return fault

    def _draw(self, identity: Identity, number: int) -> Fault | None:
        text = f"{self._seed}|{identity.method}|{identity.place}|{identity.asked}|{number}"
        drawn = hashlib.sha256(text.encode()).digest()
        whether, which, share = (
            int.from_bytes(drawn[start : start + 8]) / 2**64 for start in (0, 8, 16)
        )
        if whether >= self._rate:
            return None
        kinds = {k: w for k, w in self._kinds.items() if k != "overflow" or identity.is_table}
        left = which * sum(kinds.values())
        for kind, weight in kinds.items():
            left -= weight
            if left < 0:
                return Fault(kind, share)
        return None


def digest(query: str, content_type: str, body: bytes) -> str:
    """Digest of what a request asks, without what differs from run to run.

    Parameters
    ----------
    query : str
        Of the address, behind the question mark.
    content_type : str
    body : bytes
        A form, in either of its two encodings.
    """
    pieces = [_form(query.encode())]
    boundary = re.search(r'boundary="?([^";,]+)', content_type)
    pieces.append(_parts(body, boundary[1].encode()) if boundary else _form(body))
    made = hashlib.sha256()
    for name, value in (pair for piece in pieces for pair in piece):
        if name.upper() not in _OF_THE_MOMENT:
            made.update(f"{name} {len(value)} ".encode() + value)
    return made.hexdigest()[:16]


def _form(body: bytes) -> Iterable[tuple[str, bytes]]:
    pairs = urllib.parse.parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    return [(name, value.encode("latin-1", "replace")) for name, value in pairs]


def _parts(body: bytes, boundary: bytes) -> Iterable[tuple[str, bytes]]:
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"]*)"', head)
        yield (name[1].decode("latin-1") if name else ""), content


def error_document(message: str) -> bytes:
    """A VOTable that says ERROR."""
    return (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">{message}</INFO>'
        "</RESOURCE></VOTABLE>"
    ).encode()


def overflow(body: bytes, share: float) -> bytes:
    """A VOTable's first rows, cut with notice, as a service does at its limit.

    Parameters
    ----------
    body : bytes
    share : float
        Of the rows that stay, or of the first thousand: a client does not wait for ever.
    """
    from astropy.io import votable

    document = votable.parse(io.BytesIO(body), verify="ignore")
    for table in document.iter_tables():
        table.array = table.array[: int(min(len(table.array), 1000) * share)]
        # not TABLEDATA: astropy's writer of that runs over its buffer for rows of some lengths
        table.format = "binary2"
    written = io.BytesIO()
    document.to_xml(written)
    before, end, after = written.getvalue().rpartition(b"</RESOURCE>")
    return before + b'<INFO name="QUERY_STATUS" value="OVERFLOW"/>' + end + after
