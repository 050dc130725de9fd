"""A VOTable's elements on their way from the XML parser to its outline and its rows.

The outline is given what a document says of itself: its resources, its tables, their columns'
names and units, and INFO. The rows are read here, by `text_rows` and `binary_rows`, and not by
astropy: of what that does not understand in a cell it makes a null or another value, with a warning
at most.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO, Any

from xgamma.light import extension
from xgamma.tables.pieces import PiecedTable
from xgamma.tap.binary_rows import BinaryBlocks, BinaryRows, decoded
from xgamma.tap.coding import coding_note, without_marks
from xgamma.tap.faults import UnreadableAnswer
from xgamma.tap.fields import VotableField
from xgamma.tap.outline import outline_of
from xgamma.tap.plain_rows import plain_arrays, rows_of
from xgamma.tap.text_rows import text_columns

__all__ = ["Document", "NotWellFormed", "too_many_rows"]

# far more than any query selects
_MOST_COLUMNS = 1000
_ROWS_AT_A_TIME = 4096
_COUNT = re.compile(r"\s*\+?([0-9]+)\s*", re.ASCII)
_MOST_DIGITS = 15
# what the outline is given: element -> those within it
_WITHIN: dict[str, tuple[str, ...]] = {
    "": ("VOTABLE",),
    "VOTABLE": ("RESOURCE", "INFO"),
    "RESOURCE": ("RESOURCE", "TABLE", "INFO"),
    "TABLE": ("FIELD", "INFO"),
}
_VERSIONS = ("1.3", "1.4", "1.5")

_Event = tuple[bool, str, Any, tuple[int, int]]


class NotWellFormed(Exception):
    """The document is no XML to its end."""


def too_many_rows(max_rows: float) -> UnreadableAnswer:
    """The error of an answer that has, or claims, more rows than it may have."""
    return UnreadableAnswer(
        f"the answer has more than {max_rows:.0f} rows; if that is right, raise tap.max_rows in "
        f"the config",
        passing=False,
    )


class Document:
    """A VOTable and the rows of its result, which is the first table of its first such resource.

    Parameters
    ----------
    stream : file object
        Binary, in a coding that the XML parser knows.
    max_rows : float
    has_marks : bool
        Whether `xgamma.tap.coding.without_marks` is needed.
    stream_of_rows : BinaryRows, optional
        The first stream in the document, if it was taken out of it.

    Attributes
    ----------
    outline : Outline
    fields : list of VotableField
        The result's columns.
    rows : PiecedTable
        Its rows, the columns named in lower case.
    claimed : int or None
        How many rows the result says that it has.
    notes : list of str
        What was read though it is not as VOTable has it: column, first row and reading.
    refusal : Exception or None
        Why the rows cannot be read; the document may also say that the query failed.

    Raises
    ------
    NotWellFormed
    UnreadableAnswer
        If it has more rows or columns than it may have.
    """

    def __init__(
        self,
        stream: IO[bytes],
        max_rows: float,
        *,
        has_marks: bool = False,
        stream_of_rows: BinaryRows | None = None,
    ):
        self._max_rows, self._has_marks, self._taken_out = max_rows, has_marks, stream_of_rows
        self._fields_seen = self._streams_seen = 0
        # 0: not yet there, 1: its resource has begun, 2: in it, 3: behind it
        self._in_result = 0
        self._nulls: dict[str, str] = {}  # by the ID of a VALUES element
        self._noted: set[int] = set()  # columns of which a note says how they are coded
        self.fields: list[VotableField] = []
        self.rows: PiecedTable | None = None
        self.claimed: int | None = None
        self.notes: list[str] = []
        self.refusal: Exception | None = None
        # astropy's, in C; a function, since of a file it would take the descriptor
        parser = extension("astropy.utils.xml._iterparser").IterParser(
            lambda size=-1: stream.read(size)
        )
        outline = outline_of(self._outline(_well_formed(parser)))
        if outline is None:
            raise NotWellFormed("there is no VOTABLE")
        self.outline = outline
        if self.rows is None and self.fields:
            self._read_data(iter(()))

    def _outline(self, events: Iterator[_Event]) -> Iterator[_Event]:
        """The elements that the outline is given; on the way the result's rows are read."""
        path = [""]
        for start, tag, data, position in events:
            if not start:
                path.pop()
                if tag == "TABLE" and len(path) == 3 and self._in_result == 2:
                    self._in_result = 3
                text = without_marks(data) if self._has_marks else data
                yield False, tag, text, position
            elif tag == "xml":
                continue
            elif tag in _WITHIN.get(path[-1], ()):
                if self._has_marks:
                    data = {name: without_marks(text) for name, text in data.items()}
                yield True, tag, self._entered(tag, data, len(path)), position
                if tag in ("FIELD", "INFO"):
                    # neither has elements of its own that are needed
                    text = self._inner(events, tag)
                    yield False, tag, text, position
                else:
                    path.append(tag)
            elif tag == "DATA" and self._in_result == 2 and path[-1] == "TABLE":
                self._read_data(events)
            elif len(path) == 1:
                raise UnreadableAnswer(f"what came is no VOTable, but {tag!r}", passing=True)
            else:
                self._skip(events)

    def _entered(self, tag: str, data: dict[str, str], depth: int) -> dict[str, str]:
        """The attributes that the outline is given of an element that begins."""
        if tag == "VOTABLE":
            version = data.get("version", "1.3")
            old = re.fullmatch(r"v?1\.[0-2]", version) is not None
            return {"version": version if version in _VERSIONS else "1.3" if old else "1.5"}
        if tag == "INFO":
            return {name: data.get(name, "") for name in ("name", "value")}
        if tag == "RESOURCE":
            # as pyvo has it; results is the default
            kind = "results" if data.get("type", "results").lower() == "results" else "meta"
            if depth == 2 and kind == "results" and self._in_result == 0:
                self._in_result = 1
            return {"type": kind}
        if tag == "TABLE":
            if depth == 3 and self._in_result == 1:
                self._in_result = 2
                self.claimed = self._claim(data.get("nrows", ""))
            return {}
        self._fields_seen += 1
        if self._fields_seen > _MOST_COLUMNS:
            message = f"what came has more than {_MOST_COLUMNS} columns"
            raise UnreadableAnswer(message, passing=False)
        name = data.get("name") or data.get("ID") or f"unnamed {self._fields_seen}"
        if self._in_result == 2:
            if self.rows is not None:
                self.refusal = UnreadableAnswer(
                    f"what came has column {name!r} behind its rows", passing=False
                )
            field = VotableField(name, data.get("datatype"), data.get("arraysize"))
            self.fields.append(field)
        return {"name": name, "unit": data.get("unit", "")}

    def _claim(self, nrows: str) -> int | None:
        """How many rows a table says that it has, if it says a number."""
        found = _COUNT.fullmatch(nrows)
        if found is None:
            return None
        digits = found[1].lstrip("0")
        # no need to wait for them
        if len(digits) > _MOST_DIGITS or int(digits or 0) > self._max_rows:
            raise too_many_rows(self._max_rows)
        return int(digits or 0)

    def _inner(self, events: Iterator[_Event], outer: str) -> str:
        """Read to an element's end: its text, and of a FIELD the null that it declares."""
        depth = 1
        for start, tag, data, _ in events:
            depth += 1 if start else -1
            if start and (outer, tag, depth) == ("FIELD", "VALUES", 2):
                self._declare_null({name: without_marks(text) for name, text in data.items()})
            elif not start and (outer, tag) == ("FIELD", "DESCRIPTION"):
                self._check_description(data)
            if depth == 0:
                return without_marks(data) if self._has_marks else data
        return ""

    def _declare_null(self, values: dict[str, str]) -> None:
        null = values.get("null", self._nulls.get(values.get("ref", "")))
        if null is not None and "ID" in values:
            self._nulls[values["ID"]] = null
        if null is not None and self._in_result == 2:
            field = self.fields[-1]
            self.fields[-1] = VotableField(field.name, field.datatype, field.arraysize, null)

    def _check_description(self, text: str) -> None:
        if self._has_marks and self._in_result == 2 and without_marks(text) != text:
            self.notes.append(
                f"the description of column {self.fields[-1].name!r} is not coded as it should be "
                f"and is read as Latin-1"
            )

    def _skip(self, events: Iterator[_Event], depth: int = 1) -> None:
        """Read on behind the end of an element that nobody needs."""
        for start, tag, _, _ in events:
            depth += 1 if start else -1
            self._streams_seen += start and tag == "STREAM"
            if depth == 0:
                return

    def _read_data(self, events: Iterator[_Event]) -> None:
        """The result's rows, to the end of DATA; none if there is no DATA."""
        twice = UnreadableAnswer("what came has rows twice in one table", passing=False)
        if self.rows is not None:
            self.refusal = self.refusal or twice
        self.rows = rows_of(self.fields)
        has_rows, form, _, _ = next(events, (False, "DATA", "", (0, 0)))
        try:
            for field in self.fields:
                field.check()
            if not has_rows:
                self._read_text(iter(()))
                return
            if form == "TABLEDATA":
                self._read_text(events)
            elif form in ("BINARY", "BINARY2"):
                self._read_stream(events, has_null_bits=form == "BINARY2")
            else:
                message = f"what came has its rows as {form}, which is not read"
                raise UnreadableAnswer(message, passing=False)
        except (NotWellFormed, OSError):
            # the document itself, or no room for its rows
            raise
        except Exception as error:
            # what the document says of its query counts more, and stands behind
            self.refusal = self.refusal or error
        for start, tag, _, _ in events:
            self._streams_seen += start and tag == "STREAM"
            if start:
                self.refusal = self.refusal or twice
            elif tag == "DATA":
                return

    def _read_text(self, events: Iterator[_Event]) -> None:
        width = len(self.fields)
        cells: list[str] = []
        rows = expected = 0
        for start, tag, data, _ in events:
            if tag == "TD":
                if not start:
                    cells.append(data)
                elif data.get("encoding"):
                    message = f"what came has a cell in {data['encoding']!r} in row {rows}"
                    raise UnreadableAnswer(message, passing=False)
            elif tag not in ("TR", "TABLEDATA"):
                message = f"what came has an element {tag!r} in row {rows}, where cells are"
                raise UnreadableAnswer(message, passing=False)
            elif len(cells) != expected:
                raise UnreadableAnswer(
                    f"what came has {len(cells) - expected + width} cells in row {rows}, and "
                    f"{width} columns",
                    passing=False,
                )
            elif tag == "TABLEDATA":
                break
            elif start:
                rows += 1
                expected += width
                if rows > self._max_rows:
                    raise too_many_rows(self._max_rows)
            elif rows % _ROWS_AT_A_TIME == 0:
                self._add(cells)
                cells, expected = [], 0
        if cells:
            self._add(cells)

    def _add(self, cells: list[str]) -> None:
        width, before = len(self.fields), len(self.rows)
        if self._has_marks:
            plain = [without_marks(cell) for cell in cells]
            for i, field in enumerate(self.fields):
                changed = (
                    row
                    for row in range(len(cells) // width)
                    if plain[row * width + i] != cells[row * width + i]
                )
                row = None if i in self._noted else next(changed, None)
                if row is not None:
                    self._noted.add(i)
                    self.notes.append(coding_note(field.name, before + row + 1, "Latin-1"))
            cells = plain
        self.rows.add(plain_arrays(text_columns(self.fields, cells, before)))

    def _read_stream(self, events: Iterator[_Event], *, has_null_bits: bool) -> None:
        content: IO[bytes] | None = None
        for start, tag, data, _ in events:
            if tag == "STREAM" and start:
                if content is not None:
                    raise UnreadableAnswer("what came has two streams of rows", passing=False)
                if "href" in data:
                    message = "what came has its rows elsewhere, where they are not looked for"
                    raise UnreadableAnswer(message, passing=False)
                if data.get("encoding", "base64") != "base64":
                    message = f"what came has its rows in {data['encoding']!r}, which is not read"
                    raise UnreadableAnswer(message, passing=False)
                self._streams_seen += 1
            elif tag == "STREAM":
                taken_out = self._taken_out is not None and self._streams_seen == 1
                content = self._taken_out.content if taken_out else io.BytesIO(decoded(data))
            elif not start and tag in ("BINARY", "BINARY2"):
                break
        if content is None:
            raise UnreadableAnswer("what came has a binary table without a stream", passing=False)
        blocks = BinaryBlocks(self.fields, content, has_null_bits)
        try:
            for columns in blocks:
                self.rows.add(plain_arrays(columns))
                if len(self.rows) > self._max_rows:
                    raise too_many_rows(self._max_rows)
        finally:
            self.notes += blocks.notes


def _well_formed(parser: Iterator[_Event]) -> Iterator[_Event]:
    """The parser's elements; its own error is told from all that is done with them."""
    try:
        yield from parser
    except ValueError as error:
        raise NotWellFormed(str(error)) from error
