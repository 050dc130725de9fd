"""The rows of a VOTable's BINARY or BINARY2 stream, read at once and not one by one.

astropy reads such rows one value at a time, which takes most of the time of a large answer.
Here numpy reads each column, wherever in the row it stands. What this module does not know
it leaves to astropy.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from typing import IO

import numpy as np
from astropy.io.votable.tree import TableElement

from xgamma.tap.tap_rows import MARGIN, TakenRows, begins_plainly

__all__ = ["CutStream", "fill_rows", "take_stream"]

_CHUNK = 2**20
_START = re.compile(rb"<BINARY(2?)>\s*(<STREAM\s[^<>]*>)")
_END = b"</STREAM>"
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


def take_stream(stream: IO[bytes]) -> TakenRows | None:
    """Take the one base64 stream out of a VOTable; None if there is not just one.

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
    head = stream.read(MARGIN)
    start = _START.search(head)
    if start is None or b"base64" not in start[2] or b"href" in start[2]:
        return None
    if not begins_plainly(head[: start.end()]):
        return None
    content, rest, tail = bytearray(), b"", head[start.end() :]
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
    after = tail[end:] + stream.read(MARGIN)
    if not after.startswith(_END) or b"<TABLE" in after or stream.read(1):
        return None  # further tables, or other things than a stream's content
    return TakenRows(head[: start.end()] + after, bytes(content), bool(start[1]))


def fill_rows(table: TableElement, taken: TakenRows) -> bool:
    """Put a stream's rows into a table that was read without them.

    Parameters
    ----------
    table : TableElement
        With its fields, but no rows.
    taken : TakenRows

    Returns
    -------
    bool
        False if the table has columns that this module does not know; nothing is done then.

    Raises
    ------
    CutStream
        If the content does not end with a row's end.
    ValueError
        If a value is none of its type.
    """
    fields, content = list(table.fields), taken.content
    sizes = [_size(field) for field in fields]
    if not fields or any(size is None for size in sizes):
        return False
    flags = (len(fields) + 7) // 8 if taken.flagged else 0
    data = np.frombuffer(content, dtype="u1")
    rows, starts, lengths = _places(content, flags, fields, sizes)
    array = np.ma.zeros(len(rows), dtype=table.array.dtype)
    if flags:
        # one bit per column, the first one highest
        bits = np.unpackbits(_gather(data, rows, flags), axis=1)
    for i, (field, size) in enumerate(zip(fields, sizes, strict=True)):
        name = array.dtype.names[i]
        if field.datatype in _CODINGS:
            array[name] = _text(field, content, starts[i], lengths[i])
            continue
        values, null = _values(field, _gather(data, starts[i], size))
        array[name] = values
        array.mask[name] = (null | (bits[:, i] == 1)) if flags else null
    table.array = array
    return True


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
    content: bytes, flags: int, fields: Sequence, sizes: Sequence[int]
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray | int]]:
    """Where each row starts, each column of each row, and how many bytes it has."""
    if all(sizes):
        offsets = flags + np.concatenate([[0], np.cumsum(sizes)])
        rows, left = divmod(len(content), int(offsets[-1]))
        if left:
            raise CutStream("the last row is cut")
        row = np.arange(rows, dtype="i8") * int(offsets[-1])
        return row, [row + int(offset) for offset in offsets[:-1]], list(sizes)
    # texts of their own length: only their lengths have to be read one by one
    steps: list[tuple[int, int]] = []  # fixed bytes before a text, bytes of its characters
    before = flags
    for field, size in zip(fields, sizes, strict=True):
        if size:
            before += size
        else:
            steps.append((before, _CODINGS[field.datatype][1]))
            before = 0
    ends, at, total = [], 0, len(content)
    while at < total:
        for fixed, width in steps:
            at += fixed
            length = int.from_bytes(content[at : at + 4], "big") * width
            ends.append(length)
            at += 4 + length
        at += before
    if at != total:
        raise CutStream("the last row is cut")
    lengths = np.array(ends, dtype="i8").reshape(-1, len(steps))
    each_row = lengths.sum(axis=1) + (flags + sum(size or 4 for size in sizes))
    rows = (np.cumsum(each_row) - each_row).astype("i8")
    place = rows + flags
    starts, found, text = [], [], 0
    for size in sizes:
        if size:
            starts.append(place)
            found.append(size)
            place = place + size
        else:
            starts.append(place + 4)
            found.append(lengths[:, text])
            place = place + 4 + lengths[:, text]
            text += 1
    return rows, starts, found


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
