"""A parser of VOTables that may be anything: cut, no table at all, or built to do harm."""

from __future__ import annotations

import io
import logging
import re
from typing import IO

import requests

from xgamma.tables.printable import one_line, shortened
from xgamma.tap.binary_rows import CutStream, split_rows
from xgamma.tap.coding import as_utf8
from xgamma.tap.document import Document, NotWellFormed
from xgamma.tap.faults import QueryError, UnreadableAnswer
from xgamma.tap.outline import NoResult
from xgamma.tap.transport import body_of, no_room

__all__ = [
    "ParsedAnswer",
    "checked",
    "log_notes",
    "parse_answer",
    "says_overflow",
    "server_info",
]

logger = logging.getLogger("xgamma.tap")

_CHUNK = 2**20
_PAGE = re.compile(rb"(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)")
# what no XML may have in it
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class ParsedAnswer:
    """A VOTable that was read to its end.

    Attributes
    ----------
    outline : Outline
    fields : list of (str, str)
        Name and unit of each column, the unit in astropy's spelling.
    rows : PiecedTable
        The columns named in lower case.
    notes : list of str
        What was read though it is not as VOTable has it: column, first row and reading.

    Raises
    ------
    QueryError
        If it says that the query failed.
    NoResult
        If it has no table of results.
    UnreadableAnswer
        If that cannot be read.
    """

    def __init__(self, document: Document):
        self.outline, self.notes = document.outline, document.notes
        status = self.outline.status
        # overflow is for the asker to judge
        if status.value.lower() not in ("ok", "overflow"):
            raise QueryError(status.content)
        self.fields = self.outline.result.fields
        if document.refusal is not None:
            raise document.refusal
        if document.rows is None or len(self.fields) != len(document.rows.columns):
            raise UnreadableAnswer("what came has no table of results", passing=False)
        self.rows = document.rows

    def __len__(self) -> int:
        return len(self.rows)


def parse_answer(stream: IO[bytes], max_rows: float) -> ParsedAnswer:
    """The table of a VOTable that may be anything, or an error.

    Parameters
    ----------
    stream : file object
        Binary, read from its start.
    max_rows : float

    Raises
    ------
    UnreadableAnswer
        If it is no table, is cut, or is built to do harm; if a value in it cannot be read.
    QueryError
        If it says that the query failed.
    XgammaError
        If there is no room for its rows.
    """
    _inspect(stream)
    try:
        document, result = _parse(stream, max_rows)
    except (UnreadableAnswer, QueryError):
        raise
    except MemoryError as error:
        message = "what came is more than memory can hold"
        raise UnreadableAnswer(message, passing=False) from error
    except (NotWellFormed, CutStream, NoResult) as error:
        if isinstance(error, NotWellFormed):
            _refuse_control_characters(stream)
        # cut, or of somebody on the way
        message = f"what came is no whole VOTable ({_plain(error)})"
        raise UnreadableAnswer(message, passing=True) from error
    except OSError as error:
        # it is in temporary files, and so are its rows
        raise no_room(error) from error
    except Exception as error:
        # whatever a parser may raise over elements of which nothing is known
        message = f"what came is no VOTable that can be read ({type(error).__name__})"
        raise UnreadableAnswer(message, passing=False) from error
    if document.claimed is not None and len(result) < document.claimed:
        message = f"what came has {len(result)} rows and says that they are {document.claimed}"
        raise UnreadableAnswer(message, passing=True)
    return result


def _parse(stream: IO[bytes], max_rows: float) -> tuple[Document, ParsedAnswer]:
    """The document, and its table with its rows in it."""
    text, has_marks = as_utf8(stream)
    try:
        rows = split_rows(text)
        text.seek(0)
        outline = text if rows is None else io.BytesIO(rows.document)
        document = Document(outline, max_rows, has_marks=has_marks, stream_of_rows=rows)
    finally:
        if text is not stream:
            text.close()
    return document, ParsedAnswer(document)


def _plain(error: Exception) -> str:
    return shortened(one_line(error), 60) or type(error).__name__


def _refuse_control_characters(stream: IO[bytes]) -> None:
    """Raise if what made a document no XML are characters that none may have."""
    stream.seek(0)
    lines = 1
    while chunk := stream.read(_CHUNK):
        if found := _CONTROL.search(chunk):
            lines += chunk[: found.start()].count(b"\n")
            raise UnreadableAnswer(
                f"what came has a character that no VOTable may have ({found[0].hex()} in "
                f"hexadecimal), in line {lines}",
                passing=False,
            )
        lines += chunk.count(b"\n")


def log_notes(service: str, result: ParsedAnswer, adql: str) -> None:
    """Warn of what was read in an answer though it is not as VOTable has it."""
    for note in result.notes:
        logger.warning("%s: %s; the query was: %s", service, one_line(note), one_line(adql))


def says_overflow(result: ParsedAnswer) -> bool:
    """True if a result says anywhere that it was cut."""
    return any(
        (str(info.name).upper(), str(info.value).upper()) == ("QUERY_STATUS", "OVERFLOW")
        for info in result.outline.all_infos
    )


def _inspect(stream: IO[bytes]) -> None:
    """Look through the bytes for what a parser should never see."""
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
        # the look below reads ASCII; VOTables in UTF-16 are not known to exist
        raise UnreadableAnswer("what came is not encoded in UTF-8", passing=False)
    tail, chunk = b"", head
    while chunk:
        # with the end of the last chunk: a mark may lie across both
        text = tail + chunk
        if b"<!ENTITY" in text or b"<!entity" in text:
            message = "what came defines XML entities, which no VOTable needs and some attacks do"
            raise UnreadableAnswer(message, passing=False)
        tail, chunk = text[-100:], stream.read(_CHUNK)


def checked(response: requests.Response) -> requests.Response:
    """The response, if its status is good.

    Raises
    ------
    QueryError
        If a client error comes with the service's words about the query.
    requests.HTTPError
        Any other, from those words if there are any.
    """
    status = response.status_code
    if status >= 400:
        try:
            # an ERROR document is raised as what it says; other bodies say nothing
            parse_answer(body_of(response).stream, float("inf"))
        except UnreadableAnswer:
            pass
        except QueryError as error:
            if status < 500 and status not in (408, 429):
                raise
            raise requests.HTTPError(response=response) from error
    response.raise_for_status()
    return response


def server_info(result: ParsedAnswer, server: str | None) -> dict[str, str]:
    """Who answered, and with what: an answer's INFO elements and the Server header."""
    described = {} if not server else {"Server": server}
    outline = result.outline
    infos = [*outline.infos, *(info for one in outline.resources for info in one.infos)]
    for info in infos[:50]:
        text = " ".join(f"{info.value or ''} {info.content or ''}".split())
        # the status is always OK here, and the query is known
        if info.name not in ("QUERY_STATUS", "QUERY") and text:
            described[str(info.name)[:80]] = text[:300]
    return described
