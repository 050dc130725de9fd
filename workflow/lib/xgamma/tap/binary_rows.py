"""A reader of VOTables whose rows are a BINARY or BINARY2 stream: all rows at once.

astropy reads such rows one value at a time, which takes most of the time of a large answer.
Here numpy reads each column, wherever in the row it stands. What this module does not know
it leaves to astropy, and the document around the rows too.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from astropy.io.votable.tree import VOTableFile

__all__ = ["BinaryRows", "CutStream", "fill_rows", "split_rows"]

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
_NUMBERS = {
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
}
# characters of a VOTable boolean; all others mean null
_TRUE, _FALSE = b"Tt1", b"Ff0"
_BOOLEANS = _TRUE + _FALSE + b"\0 ?"
_CODINGS = {"char": ("ascii", 1), "unicodeChar": ("utf_16_be", 2)}


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
    has_null_bits : bool
        Whether each row begins with a bit for every column that is null, as in BINARY2.
    """

    document: bytes
    content: bytes
    has_null_bits: bool


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
    found = _rows_begin(head)
    if found is None:
        return None
    start, has_null_bits = found
    content, rest, tail = bytearray(), b"", head[start:]
    while True:
        end = tail.find(b"<")
        # no blanks or line breaks: base64 in groups of four characters
        rest += (tail if end < 0 else tail[:end]).translate(None, b" \t\r\n")
        whole = len(rest) if end >= 0 else len(rest) // 4 * 4
        try:
            content += binascii.a2b_base64(rest[:whole], strict_mode=True)
        except binascii.Error as error:
            raise CutStream(str(error)) from error
        rest = rest[whole:]
        if end >= 0:
            break
        tail = stream.read(_CHUNK)
        if not tail:
            raise CutStream("the stream does not end")
    after = tail[end:] + stream.read(_MARGIN)
    if not after.startswith(_STREAM_END) or stream.read(1):
        return None
    return BinaryRows(head[:start] + after, bytes(content), has_null_bits)


def fill_rows(votable: VOTableFile, rows: BinaryRows) -> bool:
    """Put a stream's rows into the table of a VOTable that was read without them.

    Parameters
    ----------
    votable : VOTableFile
        As astropy reads `rows.document`.
    rows : BinaryRows

    Returns
    -------
    bool
        False if the rows may be another table's, or the table has columns that this module
        does not know; nothing is done then.

    Raises
    ------
    CutStream
        If the content does not end with a row's end.
    ValueError
        If a value is none of its type.
    """
    tables = list(votable.iter_tables())
    if len(tables) != 1 or len(tables[0].array):
        return False
    (table,), content = tables, rows.content
    fields = list(table.fields)
    sizes = [_size(field) for field in fields]
    if not fields or any(size is None for size in sizes):
        return False
    null_bytes = (len(fields) + 7) // 8 if rows.has_null_bits else 0
    data = np.frombuffer(content, dtype="u1")
    row_starts, starts, lengths = _places(content, null_bytes, fields, sizes)
    array = np.ma.zeros(len(row_starts), dtype=table.array.dtype)
    if null_bytes:
        # one bit per column, the first one highest
        null_bits = np.unpackbits(_gather(data, row_starts, null_bytes), axis=1)
    for i, (field, size) in enumerate(zip(fields, sizes, strict=True)):
        name = array.dtype.names[i]
        if field.datatype in _CODINGS:
            array[name] = _text(field, content, starts[i], lengths[i])
            continue
        values, null = _values(field, _gather(data, starts[i], size))
        array[name] = values
        array.mask[name] = (null | (null_bits[:, i] == 1)) if null_bytes else null
    table.array = array
    return True


def _rows_begin(head: bytes) -> tuple[int, bool] | None:
    """Where the rows of a base64 stream begin, and whether they have bits for nulls."""
    binary = None
    for found in _MARKUP.finditer(head):
        if found["binary"]:
            binary = found["binary"]
        elif found["attributes"] is not None:
            if binary is None or b"base64" not in found["attributes"]:
                return None
            return found.end(), binary == b"BINARY2"
        elif found[0] in (b"<!", b"<?"):
            return None
    return None


def _size(field) -> int | None:
    """Bytes of a column in every row, 0 if they differ, None if it is not known here."""
    size = field.arraysize
    if field.datatype in _CODINGS:
        if size is None or size.endswith("*"):
            return None if size is None else 0
        return int(size) * _CODINGS[field.datatype][1] or None if size.isdecimal() else None
    if size not in (None, "1"):
        return None
    if field.datatype == "boolean":
        return 1
    return np.dtype(_NUMBERS[field.datatype]).itemsize if field.datatype in _NUMBERS else None


def _places(
    content: bytes, null_bytes: int, fields: Sequence, sizes: Sequence[int]
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
            steps.append((fixed, _CODINGS[field.datatype][1]))
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


def _values(field, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers or booleans of one column, and where they are null."""
    if field.datatype == "boolean":
        known = np.isin(raw[:, 0], np.frombuffer(_BOOLEANS, "u1"))
        if not known.all():
            raise ValueError("a boolean that is none")
        true = np.isin(raw[:, 0], np.frombuffer(_TRUE, "u1"))
        return true, ~true & ~np.isin(raw[:, 0], np.frombuffer(_FALSE, "u1"))
    values = np.ascontiguousarray(raw).view(_NUMBERS[field.datatype])[:, 0]
    if values.dtype.kind == "f":
        return values, np.isnan(values)
    null = field.values.null
    return values, np.zeros(len(values), bool) if null is None else values == null


def _text(field, content: bytes, starts: np.ndarray, lengths: np.ndarray | int) -> np.ndarray:
    """The texts of one column; those of a fixed length end at a NUL."""
    coding, _ = _CODINGS[field.datatype]
    ends = (starts + lengths).tolist()
    texts = np.empty(len(starts), dtype=object)
    if isinstance(lengths, int):
        texts[:] = [
            content[a:b].decode(coding).partition("\0")[0]
            for a, b in zip(starts.tolist(), ends, strict=True)
        ]
    else:
        texts[:] = [content[a:b].decode(coding) for a, b in zip(starts.tolist(), ends, strict=True)]
    return texts
