"""A parser of VOTables that may be anything: cut, no table at all, or built to do harm."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import IO

import pyvo
import requests
from astropy.io.votable import parse
from astropy.io.votable.exceptions import W51, VOWarning
from astropy.units import UnitsWarning

from xgamma.tap.binary_rows import fill_rows, split_rows
from xgamma.tap.faults import UnreadableAnswer
from xgamma.tap.transport import body_of

__all__ = [
    "checked",
    "parse_answer",
    "says_overflow",
    "server_info",
]

_CHUNK = 2**20
# far more than any query selects; astropy needs minutes for some thousands
_MOST_COLUMNS = 1000
_PREFIXED = re.compile(rb"<[^\s<>:]*:FIELD\b")
_NROWS = re.compile(rb"""nrows\s*=\s*["']([^"']*)""")
# plain attributes only: astropy would open any other address or file for href
_STREAMS = re.compile(rb"""(?:\A|<)(?:[^\s<>"'=]*:)?(?=STREAM\b)""")
_STREAM = re.compile(rb"""STREAM(?:\s+(?!href)\w+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_MOST_STREAMS, _TAG = 10, 1000
# comments come first: they may hold anything
_ROOT = re.compile(rb"<!--.*?-->|(?P<root><(?:\w+:)?VOTABLE\b[^>]*>)", re.DOTALL)
_OLD = re.compile(rb"""(VOTable/v|version\s*=\s*["'])1\.[0-2]""")
_PAGE = re.compile(rb"(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)")


def parse_answer(stream: IO[bytes], url: str, max_rows: float) -> pyvo.dal.TAPResults:
    """The table of a VOTable that may be anything, or an error.

    Parameters
    ----------
    stream : file object
        Binary, read from its start.
    url : str
        For messages.
    max_rows : float

    Raises
    ------
    UnreadableAnswer
        If it is no table, is cut, or is built to do harm.
    pyvo.dal.DALQueryError
        If it says that the query failed.
    """
    claimed = _inspect(stream, max_rows)
    stream.seek(0)
    with warnings.catch_warnings():
        # overflow is an error of ours; astropy warns of archives' spelling of VOTable
        warnings.simplefilter("ignore", pyvo.dal.DALOverflowWarning)
        warnings.simplefilter("ignore", VOWarning)
        warnings.simplefilter("ignore", UnitsWarning)
        # an integer too large, of which astropy would make the largest one that fits
        warnings.simplefilter("error", W51)
        try:
            result = _parse(stream, url)
            rows = len(result)
        except pyvo.dal.DALQueryError:
            raise
        except MemoryError as error:
            message = "what came claims more rows than memory can hold"
            raise UnreadableAnswer(message, passing=False) from error
        except W51 as error:
            message = "what came has an integer that does not fit its column's type"
            raise UnreadableAnswer(message, passing=False) from error
        except Exception as error:
            # whatever a parser may raise over bytes of which nothing is known
            message = f"what came is no whole VOTable ({type(error).__name__})"
            raise UnreadableAnswer(message, passing=True) from error
    if rows > max_rows:
        raise UnreadableAnswer(_too_many(max_rows), passing=False)
    if claimed is not None and rows < claimed:
        message = f"what came has {rows} rows and says that they are {claimed}"
        raise UnreadableAnswer(message, passing=True)
    return result


def _parse(stream: IO[bytes], url: str) -> pyvo.dal.TAPResults:
    """Read the rows of a binary stream by `binary_rows`, and all else by astropy."""
    rows = split_rows(stream)
    if rows is not None:
        result = _results(io.BytesIO(rows.document), url)
        if fill_rows(result.votable, rows):
            return result
    stream.seek(0)
    return _results(stream, url)


def _results(stream: IO[bytes], url: str) -> pyvo.dal.TAPResults:
    # a read function: given a file, astropy would undo compression, however much
    return pyvo.dal.TAPResults(parse(_as_1_3(stream), verify="warn"), url=url)


def _as_1_3(stream: IO[bytes]) -> Callable[[int], bytes]:
    """The stream's read function, for VOTable 1.3: before, an empty cell of integers is 0."""

    def read(size: int = -1) -> bytes:
        at_start, chunk = stream.tell() == 0, stream.read(size)
        root = next((m for m in _ROOT.finditer(chunk) if m["root"]), None) if at_start else None
        if root is None:
            return chunk
        return chunk[: root.start()] + _OLD.sub(rb"\g<1>1.3", root[0]) + chunk[root.end() :]

    return read


def says_overflow(result: pyvo.dal.TAPResults) -> bool:
    """True if a result says anywhere that it was cut; pyvo looks at one place."""
    infos = list(result.votable.infos)
    for resource in result.votable.resources:
        infos += resource.infos
        for table in resource.tables:
            infos += table.infos
    return any(
        (str(info.name).upper(), str(info.value).upper()) == ("QUERY_STATUS", "OVERFLOW")
        for info in infos
    )


def _too_many(max_rows: float) -> str:
    return (
        f"the answer has more than {max_rows:.0f} rows; if that is right, raise tap.max_rows in "
        f"the config"
    )


def _inspect(stream: IO[bytes], max_rows: float) -> int | None:
    """Look through the bytes for what a parser should never see.

    Gives how many rows the only table claims to have, if it does.
    """
    stream.seek(0)
    head = stream.read(4096)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if _PAGE.match(start):
        title = re.search(rb"<title[^>]*>([^<]{1,80})", head, re.IGNORECASE)
        named = f" ({' '.join(title[1].decode(errors='replace').split())})" if title else ""
        raise UnreadableAnswer(f"what came is a web page{named}", passing=True)
    if not start:
        raise UnreadableAnswer("what came is empty", passing=True)
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not (wide or start.startswith(b"<")):
        raise UnreadableAnswer("what came is no VOTable", passing=True)
    if wide or b"\0" in head:
        # the looks below read ASCII; VOTables in UTF-16 are not known to exist
        raise UnreadableAnswer("what came is not encoded in UTF-8", passing=False)
    rows, columns, tail, chunk = 0, 0, b"", head
    streams: set[int] = set()
    claims, claimed = {}, 0.0
    while chunk:
        # with the end of the last chunk: a mark may lie across both
        text = tail + chunk
        before = stream.tell() - len(text)
        if b"<!ENTITY" in text or b"<!entity" in text:
            message = "what came defines XML entities, which no VOTable needs and some attacks do"
            raise UnreadableAnswer(message, passing=False)
        rows += text.count(b"<TR") - tail.count(b"<TR")
        for found in _NROWS.finditer(text):
            plain = found[1].isdigit() and len(found[1]) < 16
            claim = int(found[1]) if plain else float("inf")
            claimed = max(claimed, claim)
            if len(claims) < 2 or before + found.start() in claims:
                claims[before + found.start()] = claim
        # room would be made for as many rows as a table claims to have
        if max(rows, claimed) > max_rows:
            raise UnreadableAnswer(_too_many(max_rows), passing=False)
        columns += text.count(b"<FIELD") - tail.count(b"<FIELD")
        if b":FIELD" in text:
            columns += len(_PREFIXED.findall(text)) - len(_PREFIXED.findall(tail))
        if columns > _MOST_COLUMNS:
            message = f"what came has more than {_MOST_COLUMNS} columns"
            raise UnreadableAnswer(message, passing=False)
        if b"STREAM" in text and len(streams) <= _MOST_STREAMS:
            streams.update(before + found.end() for found in _STREAMS.finditer(text))
        tail, chunk = text[-100:], stream.read(_CHUNK)
    for place in sorted(streams)[:_MOST_STREAMS]:
        stream.seek(place)
        if len(streams) > _MOST_STREAMS or not _STREAM.match(stream.read(_TAG)):
            message = "what came has its rows elsewhere, where they are not looked for"
            raise UnreadableAnswer(message, passing=False)
    return int(*claims.values()) if len(claims) == 1 else None


def checked(response: requests.Response) -> requests.Response:
    """The response, if its status is good.

    Raises
    ------
    pyvo.dal.DALQueryError
        If a client error comes with the service's words about the query.
    requests.HTTPError
        Any other, from those words if there are any.
    """
    status = response.status_code
    if status >= 400:
        try:
            # an ERROR document is raised as what it says; other bodies say nothing
            parse_answer(body_of(response).stream, response.url, float("inf"))
        except UnreadableAnswer:
            pass
        except pyvo.dal.DALQueryError as error:
            if status < 500 and status not in (408, 429):
                raise
            raise requests.HTTPError(response=response) from error
    response.raise_for_status()
    return response


def server_info(result: pyvo.dal.TAPResults, server: str | None) -> dict[str, str]:
    """Who answered, and with what: an answer's INFO elements and the Server header."""
    described = {} if not server else {"Server": server}
    infos = [*result.votable.infos, *(i for r in result.votable.resources for i in r.infos)]
    for info in infos[:50]:
        text = " ".join(f"{info.value or ''} {info.content or ''}".split())
        # the status is always OK here, and the query is known
        if info.name not in ("QUERY_STATUS", "QUERY") and text:
            described[str(info.name)[:80]] = text[:300]
    return described
