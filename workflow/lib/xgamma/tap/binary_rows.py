"""A reader of VOTables whose rows are a BINARY or BINARY2 stream: some thousand rows at once.

astropy reads such rows one value at a time, which takes most of the time of a large answer.
Here numpy reads each column, wherever in the row it stands.
"""

from __future__ import annotations

import binascii
import re
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from xgamma.tap.coding import coding_note, utf8_or_latin1
from xgamma.tap.fields import BIT, BOOLEAN, VotableField

__all__ = ["BinaryBlocks", "BinaryRows", "CutStream", "decoded", "split_rows"]

# The rows have to begin within these bytes, and the document to end within as many after them.
_MARGIN = 2**16
_CHUNK = 2**20
# of rows that are read at once
_BLOCK = 2**22
_IN_MEMORY = 8 * 2**20
# What may stand before the rows: first what may hold any text, also what looks like rows.
_MARKUP = re.compile(
    rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
    rb"|<(?P<binary>BINARY2?)>"
    rb"""|<STREAM(?P<attributes>(?:[^<>"']|"[^<"]*"|'[^<']*')*)>"""
    # a comment that does not end here, or a DOCTYPE
    rb"|<[!?]",
    re.DOTALL,
)
_STREAM_END = b"</STREAM>"
# characters of a VOTable boolean; all others mean null
_TRUE, _FALSE = b"Tt1", b"Ff0"
_BOOLEANS = _TRUE + _FALSE + b"\0 ?"
_CODINGS = {"char": ("ascii", 1), "unicodeChar": ("utf_16_be", 2)}
_SIZE = re.compile(r"(?P<count>[0-9]*)(?P<variable>\*?)")


class CutStream(ValueError):
    """The rows end in the middle of one."""


@dataclass
class BinaryRows:
    """A VOTable in two parts.

    Attributes
    ----------
    document : bytes
        The VOTable without its rows.
    content : file object
        The rows, base64 undone; closed when this is dropped.
    """

    document: bytes
    content: IO[bytes]


def decoded(text: str) -> bytes:
    """The bytes of a base64 stream.

    Raises
    ------
    CutStream
        If it is no base64.
    """
    # what is not ASCII is no base64 either
    return _from_base64(text.encode().translate(None, b" \t\r\n"))


def _from_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise CutStream(str(error)) from error


def split_rows(stream: IO[bytes]) -> BinaryRows | None:
    """Take the base64 stream out of a VOTable; None if it is not plain where it begins and ends.

    Parameters
    ----------
    stream : file object
        Binary, read from its start.

    Raises
    ------
    CutStream
        If the stream does not end, or is no base64.
    """
    stream.seek(0)
    head = stream.read(_MARGIN)
    start = _rows_begin(head)
    if start is None:
        return None
    content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    # it goes with them, whatever becomes of them
    weakref.finalize(rows := BinaryRows(head[:start], content), content.close)
    rest, tail = b"", head[start:]
    while True:
        end = tail.find(b"<")
        # no blanks or line breaks: base64 in groups of four characters
        rest += (tail if end < 0 else tail[:end]).translate(None, b" \t\r\n")
        whole = len(rest) if end >= 0 else len(rest) // 4 * 4
        content.write(_from_base64(rest[:whole]))
        rest = rest[whole:]
        if end >= 0:
            break
        tail = stream.read(_CHUNK)
        if not tail:
            raise CutStream("the stream does not end")
    after = tail[end:] + stream.read(_MARGIN)
    if not after.startswith(_STREAM_END) or stream.read(1):
        return None
    rows.document += after
    return rows


class BinaryBlocks:
    """The rows of a stream, a block at a time.

    Parameters
    ----------
    fields : sequence of VotableField
        Each checked.
    content : file object
        The rows, binary.
    has_null_bits : bool
        Whether each row begins with a bit for every column that is null, as in BINARY2.

    Attributes
    ----------
    notes : list of str
        What was read so far though it is not as VOTable has it: column, first row and reading.

    Raises
    ------
    CutStream
        If the content does not end with a row's end.
    UnreadableAnswer
        If a column cannot be read, or a value is none of its type.
    """

    def __init__(self, fields: Sequence[VotableField], content: IO[bytes], has_null_bits: bool):
        self._fields, self._content = fields, content
        self._null_bytes = (len(fields) + 7) // 8 if has_null_bits else 0
        self.notes: list[str] = []
        self._noted: set[tuple[str, str]] = set()  # columns and codings that a note names
        sizes = [_size(field) for field in fields]
        self._unsized = [i for i, size in enumerate(sizes) if size is None]
        self._sizes, self._reading = self._with_sizes(sizes) if self._unsized else (sizes, "")

    def __iter__(self) -> Iterator[list[np.ma.MaskedArray]]:
        """For each block, and each column, its values, masked where they are null."""
        first_row = 0
        for data, places in self._blocks(self._sizes):
            if self._unsized and not first_row:
                names = ", ".join(self._fields[i].name for i in self._unsized)
                self.notes.append(
                    f"column {names} states no arraysize and is read, from row 1 on, as "
                    f"{self._reading}"
                )
            yield self._columns(data, places, first_row)
            first_row += len(places.rows)

    def _columns(self, data: bytes, places: _Places, first_row: int) -> list[np.ma.MaskedArray]:
        content = np.frombuffer(data, dtype="u1")
        if self._null_bytes:
            # one bit per column, the first one highest
            null_bits = np.unpackbits(_gather(content, places.rows, self._null_bytes), axis=1)
        columns = []
        for i, (field, size) in enumerate(zip(self._fields, self._sizes, strict=True)):
            if field.is_text:
                start, length = places.starts[i], places.lengths[i]
                values = self._text(field, data, start, length, first_row)
                null = field.is_declared_null(values)
            else:
                raw = _gather(content, places.starts[i], size)
                values, null = _values(field, raw, first_row)
            if self._null_bytes:
                null = null | (null_bits[:, i] == 1)
            columns.append(np.ma.MaskedArray(values, null if null.any() else np.ma.nomask))
        return columns

    def _blocks(self, sizes: Sequence[int]) -> Iterator[tuple[bytes, _Places]]:
        """Bytes of some whole rows, and where in them everything is."""
        self._content.seek(0)
        left = b""
        # as much again as one row takes that is not yet whole
        while chunk := self._content.read(max(_BLOCK, len(left))):
            data = left + chunk
            places = _places(data, self._null_bytes, self._fields, sizes)
            if len(places.rows):
                yield data, places
            left = data[places.end :]
        if left:
            raise CutStream("the last row is cut")

    def _with_sizes(self, sizes: Sequence[int | None]) -> tuple[list[int], str]:
        """The sizes of texts that state none: one character, as VOTable has it, or any number.

        Services that leave the arraysize out may mean either; the stream has to fit one alone.
        """
        fitting, rows = [], 0
        for variable in (False, True):
            made = [
                size if size is not None else 0 if variable else _CODINGS[field.kind][1]
                for field, size in zip(self._fields, sizes, strict=True)
            ]
            try:
                rows = sum(len(places.rows) for _, places in self._blocks(made))
            except CutStream:
                continue
            fitting.append((made, "text of any length" if variable else "one character"))
        if len(fitting) == 1 or (fitting and not rows):
            return fitting[0]
        field = next(f for f, size in zip(self._fields, sizes, strict=True) if size is None)
        raise field.refused("states no arraysize, and its rows can be read in no way or in two")

    def _text(
        self,
        field: VotableField,
        data: bytes,
        starts: np.ndarray,
        lengths: np.ndarray | int,
        first_row: int,
    ) -> np.ndarray:
        """The texts of one column, those of a fixed length up to a NUL."""
        coding, _ = _CODINGS[field.kind]
        places = list(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))
        texts = np.empty(len(places), dtype=object)
        try:
            texts[:] = [data[a:b].decode(coding) for a, b in places]
        except UnicodeDecodeError:
            texts[:] = self._text_with_care(field, [data[a:b] for a, b in places], first_row)
        if isinstance(lengths, int):
            texts[:] = [text.partition("\0")[0] for text in texts.tolist()]
        return texts

    def _text_with_care(self, field: VotableField, cells: list[bytes], first_row: int) -> list[str]:
        """Texts of which one is not in its column's coding."""
        texts = []
        for row, cell in enumerate(cells, start=first_row):
            if field.kind == "unicodeChar":
                try:
                    texts.append(cell.decode("utf_16_be"))
                except UnicodeDecodeError:
                    raise field.refused_cell(
                        row, repr(cell), "which is no text in UTF-16"
                    ) from None
                continue
            text, coding = utf8_or_latin1(cell)
            texts.append(text)
            if coding != "ASCII" and (field.name, coding) not in self._noted:
                self._noted.add((field.name, coding))
                self.notes.append(coding_note(field.name, row + 1, coding))
        return texts


@dataclass(frozen=True)
class _Places:
    """Where in some bytes each whole row starts, each column of each row, and its length.

    `lengths` of a column are one number if all are the same; `end` is behind the last whole row.
    """

    rows: np.ndarray
    starts: list[np.ndarray]
    lengths: list[np.ndarray | int]
    end: int


def _rows_begin(head: bytes) -> int | None:
    """Where the rows of a base64 stream begin."""
    in_binary = False
    for found in _MARKUP.finditer(head):
        if found["binary"]:
            in_binary = True
        elif found["attributes"] is not None:
            plain = in_binary and b"base64" in found["attributes"]
            return found.end() if plain else None
        elif found[0] in (b"<!", b"<?"):
            return None
    return None


def _size(field: VotableField) -> int | None:
    """Bytes of a column in every row, 0 if they differ, None if it does not say."""
    if field.datatype is None or field.unsigned:
        raise field.refused(f"states {field.datatype or 'no datatype'}, which has no known width")
    if not field.is_text:
        return field.dtype.itemsize
    size = _SIZE.fullmatch((field.arraysize or "").strip())
    if size is None or size[0] == "0":
        raise field.refused(f"is a text of arraysize {field.arraysize!r}, which is none")
    if size["variable"]:
        return 0
    return int(size["count"]) * _CODINGS[field.kind][1] if size["count"] else None


def _places(
    data: bytes, null_bytes: int, fields: Sequence[VotableField], sizes: Sequence[int]
) -> _Places:
    """Where everything is in the whole rows that some bytes begin with."""
    if all(sizes):
        offsets = null_bytes + np.concatenate([[0], np.cumsum(sizes)])
        width = int(offsets[-1])
        if not width:
            raise CutStream("there are rows of no columns")
        rows = np.arange(len(data) // width, dtype="i8") * width
        starts = [rows + int(offset) for offset in offsets[:-1]]
        return _Places(rows, starts, list(sizes), len(rows) * width)
    # texts of their own length: only their lengths have to be read one by one
    steps: list[tuple[int, int]] = []  # fixed bytes before a text, bytes of its characters
    fixed = null_bytes
    for field, size in zip(fields, sizes, strict=True):
        if size:
            fixed += size
        else:
            steps.append((fixed, _CODINGS[field.kind][1]))
            fixed = 0
    text_bytes, position, end, total = [], 0, 0, len(data)
    while position < total:
        for before, width in steps:
            position += before
            length = int.from_bytes(data[position : position + 4], "big") * width
            text_bytes.append(length)
            position += 4 + length
        position += fixed
        if position <= total:
            end = position
    # what the last row would have, if it is not whole
    whole = len(text_bytes) // len(steps) - (position > total)
    texts = np.array(text_bytes, dtype="i8").reshape(-1, len(steps))[:whole]
    row_bytes = texts.sum(axis=1) + (null_bytes + sum(size or 4 for size in sizes))
    row_starts = (np.cumsum(row_bytes) - row_bytes).astype("i8")
    place, each_text = row_starts + null_bytes, iter(texts.T)
    starts, lengths = [], []
    for size in sizes:
        # a text stands behind its length, of four bytes
        start, length = (place, size) if size else (place + 4, next(each_text))
        starts.append(start)
        lengths.append(length)
        place = start + length
    return _Places(row_starts, starts, lengths, end)


def _gather(data: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """The bytes of one column, a row for each row."""
    return data[starts[:, None] + np.arange(size)]


def _values(field: VotableField, raw: np.ndarray, first_row: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers or booleans of one column, and where they are null."""
    if field.kind == BOOLEAN:
        known = np.isin(raw[:, 0], np.frombuffer(_BOOLEANS, "u1"))
        if not known.all():
            row = int(np.flatnonzero(~known)[0])
            raise field.refused_cell(first_row + row, raw[row].tobytes().decode("latin-1"))
        true = np.isin(raw[:, 0], np.frombuffer(_TRUE, "u1"))
        return true, ~true & ~np.isin(raw[:, 0], np.frombuffer(_FALSE, "u1"))
    if field.kind == BIT:
        # the standard has it in the highest bit, some have it in another
        return raw[:, 0] != 0, np.zeros(len(raw), bool)
    # big-endian in the stream, of this machine in memory
    stored = field.dtype.newbyteorder(">")
    values = np.ascontiguousarray(raw).view(stored)[:, 0].astype(field.dtype)
    null = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
    return values, null | field.is_declared_null(values)
