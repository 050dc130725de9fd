"""A reader of VOTables whose rows are a BINARY or BINARY2 stream: all rows at once.

astropy reads such rows one value at a time, which takes most of the time of a large answer.
Here numpy reads each column, wherever in the row it stands.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from xgamma.tap.coding import coding_note, utf8_or_latin1
from xgamma.tap.fields import BIT, BOOLEAN, VotableField

__all__ = ["BinaryRows", "CutStream", "binary_columns", "decoded", "split_rows"]

# The rows have to begin within these bytes, and the document to end within as many after them.
_MARGIN = 2**16
_CHUNK = 2**20
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


@dataclass(frozen=True)
class BinaryRows:
    """A VOTable in two parts.

    Attributes
    ----------
    document : bytes
        The VOTable without its rows.
    content : bytes
        The rows, base64 undone.
    """

    document: bytes
    content: bytes


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
        Binary, read from its start. Its content is in memory once, decoded.

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
    content, rest, tail = bytearray(), b"", head[start:]
    while True:
        end = tail.find(b"<")
        # no blanks or line breaks: base64 in groups of four characters
        rest += (tail if end < 0 else tail[:end]).translate(None, b" \t\r\n")
        whole = len(rest) if end >= 0 else len(rest) // 4 * 4
        content += _from_base64(rest[:whole])
        rest = rest[whole:]
        if end >= 0:
            break
        tail = stream.read(_CHUNK)
        if not tail:
            raise CutStream("the stream does not end")
    after = tail[end:] + stream.read(_MARGIN)
    if not after.startswith(_STREAM_END) or stream.read(1):
        return None
    return BinaryRows(head[:start] + after, bytes(content))


def binary_columns(
    fields: Sequence[VotableField], content: bytes, has_null_bits: bool
) -> tuple[list[np.ma.MaskedArray], list[str]]:
    """The columns of a stream's rows.

    Parameters
    ----------
    fields : sequence of VotableField
    content : bytes
    has_null_bits : bool
        Whether each row begins with a bit for every column that is null, as in BINARY2.

    Returns
    -------
    columns : list of MaskedArray
        For each column its values, masked where they are null.
    notes : list of str
        What was read though it is not as VOTable has it: column, first row and reading.

    Raises
    ------
    CutStream
        If the content does not end with a row's end.
    UnreadableAnswer
        If a column cannot be read, or a value is none of its type.
    """
    sizes, notes = [_size(field) for field in fields], []
    null_bytes = (len(fields) + 7) // 8 if has_null_bits else 0
    unsized = [i for i, field in enumerate(fields) if sizes[i] is None]
    if unsized:
        sizes, reading = _with_sizes(fields, sizes, content, null_bytes)
        names = ", ".join(fields[i].name for i in unsized)
        notes = [f"column {names} states no arraysize and is read, from row 1 on, as {reading}"]
    data = np.frombuffer(content, dtype="u1")
    row_starts, starts, lengths = _places(content, null_bytes, fields, sizes)
    if null_bytes:
        # one bit per column, the first one highest
        null_bits = np.unpackbits(_gather(data, row_starts, null_bytes), axis=1)
    columns = []
    for i, (field, size) in enumerate(zip(fields, sizes, strict=True)):
        if field.is_text:
            values, note = _text(field, content, starts[i], lengths[i])
            notes += note
            null = field.is_declared_null(values)
        else:
            values, null = _values(field, _gather(data, starts[i], size))
        if null_bytes:
            null = null | (null_bits[:, i] == 1)
        columns.append(np.ma.MaskedArray(values, null if null.any() else np.ma.nomask))
    return columns, notes if len(row_starts) else []


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
    field.check()
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


def _with_sizes(
    fields: Sequence[VotableField], sizes: Sequence[int | None], content: bytes, null_bytes: int
) -> tuple[list[int], str]:
    """The sizes of texts that state none: one character, as VOTable has it, or any number.

    Services that leave the arraysize out may mean either; the stream has to fit one alone.
    """
    fitting = []
    for variable in (False, True):
        made = [
            size if size is not None else 0 if variable else _CODINGS[field.kind][1]
            for field, size in zip(fields, sizes, strict=True)
        ]
        try:
            _places(content, null_bytes, fields, made)
        except CutStream:
            continue
        fitting.append((made, "text of any length" if variable else "one character"))
    if len(fitting) == 1 or (fitting and not content):
        return fitting[0]
    field = next(f for f, size in zip(fields, sizes, strict=True) if size is None)
    raise field.refused("states no arraysize, and its rows can be read in no way or in two")


def _places(
    content: bytes, null_bytes: int, fields: Sequence[VotableField], sizes: Sequence[int]
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray | int]]:
    """Where each row starts, each column of each row, and how many bytes it has."""
    if all(sizes):
        offsets = null_bytes + np.concatenate([[0], np.cumsum(sizes)])
        rows, left = divmod(len(content), int(offsets[-1]))
        if left:
            raise CutStream("the last row is cut")
        row_starts = np.arange(rows, dtype="i8") * int(offsets[-1])
        return row_starts, [row_starts + int(offset) for offset in offsets[:-1]], list(sizes)
    # texts of their own length: only their lengths have to be read one by one
    steps: list[tuple[int, int]] = []  # fixed bytes before a text, bytes of its characters
    fixed = null_bytes
    for field, size in zip(fields, sizes, strict=True):
        if size:
            fixed += size
        else:
            steps.append((fixed, _CODINGS[field.kind][1]))
            fixed = 0
    text_bytes, position, total = [], 0, len(content)
    while position < total:
        for before, width in steps:
            position += before
            length = int.from_bytes(content[position : position + 4], "big") * width
            text_bytes.append(length)
            position += 4 + length
        position += fixed
    if position != total:
        raise CutStream("the last row is cut")
    texts = np.array(text_bytes, dtype="i8").reshape(-1, len(steps))
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
    return row_starts, starts, lengths


def _gather(data: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """The bytes of one column, a row for each row."""
    return data[starts[:, None] + np.arange(size)]


def _values(field: VotableField, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers or booleans of one column, and where they are null."""
    if field.kind == BOOLEAN:
        known = np.isin(raw[:, 0], np.frombuffer(_BOOLEANS, "u1"))
        if not known.all():
            row = int(np.flatnonzero(~known)[0])
            raise field.refused_cell(row, raw[row].tobytes().decode("latin-1"))
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


def _text(
    field: VotableField, content: bytes, starts: np.ndarray, lengths: np.ndarray | int
) -> tuple[np.ndarray, list[str]]:
    """The texts of one column, those of a fixed length up to a NUL, and a note if one is odd."""
    coding, _ = _CODINGS[field.kind]
    places = list(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))
    texts, notes = np.empty(len(places), dtype=object), []
    try:
        texts[:] = [content[a:b].decode(coding) for a, b in places]
    except UnicodeDecodeError:
        texts[:], notes = _text_with_care(field, [content[a:b] for a, b in places])
    if isinstance(lengths, int):
        texts[:] = [text.partition("\0")[0] for text in texts.tolist()]
    return texts, notes


def _text_with_care(field: VotableField, cells: list[bytes]) -> tuple[list[str], list[str]]:
    """Texts of which one is not in its column's coding."""
    texts, first_rows = [], {}
    for row, cell in enumerate(cells):
        if field.kind == "unicodeChar":
            try:
                texts.append(cell.decode("utf_16_be"))
            except UnicodeDecodeError:
                raise field.refused_cell(row, repr(cell), "which is no text in UTF-16") from None
            continue
        text, coding = utf8_or_latin1(cell)
        texts.append(text)
        if coding != "ASCII":
            first_rows.setdefault(coding, row + 1)
    return texts, [coding_note(field.name, row, coding) for coding, row in first_rows.items()]
