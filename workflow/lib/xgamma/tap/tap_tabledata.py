"""The rows of a VOTable's TABLEDATA, if they are as plain as archives write them.

astropy reads such rows cell by cell in Python, which takes most of the time of a large
answer. Here a block of rows is cut at once and its columns are made one by one. Whatever is
not plain (comments, character references, cells with attributes, hexadecimal numbers, text
where a number should be) is left to astropy, with its errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
from astropy.io.votable.tree import TableElement

from xgamma.tap.tap_rows import MARGIN, TakenRows, begins_plainly

__all__ = ["fill_text_rows", "take_text_rows"]

_START, _END = b"<TABLEDATA>", b"</TABLEDATA>"
_ROWS_AT_ONCE = 20_000
_ENCODING = re.compile(rb"""<\?xml[^>]*encoding=["']([^"']*)["']""")
# bytes that XML forbids, or changes when it reads them
_NOT_PLAIN = re.compile(rb"[\x00-\x08\x0b-\x1f]|\]\]>")
_ENTITY = re.compile(r"&(lt|gt|amp|quot|apos);|&")
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_INTEGERS = {"unsignedByte", "short", "int", "long"}
_FLOATS = {"float", "double"}
_TEXTS = {"char", "unicodeChar"}
_BOOLEANS = {"T": True, "TRUE": True, "1": True, "F": False, "FALSE": False, "0": False}


class _NotPlain(Exception):
    """Something that astropy has to look at."""


def take_text_rows(stream: IO[bytes]) -> TakenRows | None:
    """Take the one TABLEDATA out of a VOTable; None if there is not just one, and plain.

    Parameters
    ----------
    stream : file object
        Binary, read from its start.
    """
    stream.seek(0)
    head = stream.read(MARGIN)
    start = head.find(_START)
    named = _ENCODING.match(head)
    if start < 0 or (named and named[1].lower() not in (b"utf-8", b"us-ascii")):
        return None
    if not begins_plainly(head[:start]):
        return None
    whole = head + stream.read()
    start += len(_START)
    end = whole.find(_END, start)
    after = whole[end:]
    if end < 0 or b"<TABLE" in after or b"<!" in after or _NOT_PLAIN.search(whole):
        return None
    return TakenRows(whole[:start] + after, whole[start:end])


def fill_text_rows(table: TableElement, taken: TakenRows) -> bool:
    """Put rows into a table that was read without them.

    Parameters
    ----------
    table : TableElement
        With its fields, but no rows.
    taken : TakenRows

    Returns
    -------
    bool
        False if astropy has to read it; nothing is done then.
    """
    fields = list(table.fields)
    if not fields or not all(map(_is_known, fields)):
        return False
    blocks = []
    try:
        for rows in _rows(taken.content, len(fields)):
            block = np.ma.zeros(len(rows), dtype=table.array.dtype)
            cells = zip(*rows, strict=True)
            for field, name, column in zip(fields, block.dtype.names, cells, strict=True):
                values, null = _column(field, [cell.decode() for cell in column])
                block[name] = values
                block.mask[name] = null
            blocks.append(block)
    except (_NotPlain, ValueError, OverflowError):
        return False  # a ValueError: what is no number, or no UTF-8
    if blocks:
        table.array = np.ma.concatenate(blocks)
    return True


def _is_known(field) -> bool:
    if field.datatype in _TEXTS:
        return field.arraysize is not None and re.fullmatch(r"\d*\*?", field.arraysize) is not None
    if field.arraysize not in (None, "1"):
        return False
    if field.datatype in _FLOATS:
        return field.values.null is None
    return field.datatype in _INTEGERS or field.datatype == "boolean"


def _rows(content: bytes, columns: int) -> Iterator[Sequence[tuple[bytes, ...]]]:
    """Blocks of rows, each row its cells; all of the content is rows."""
    cell = rb"\s*<TD(?:>([^<]*)</TD|/)>"
    scanner = re.compile(rb"\s*<TR>" + cell * columns + rb"\s*</TR>").scanner(content)
    end, rows = 0, []
    while (match := scanner.match()) is not None:
        rows.append(match.groups(b""))
        end = match.end()
        if len(rows) == _ROWS_AT_ONCE:
            yield rows
            rows = []
    if content[end:].strip():
        raise _NotPlain
    if rows:
        yield rows


def _column(field, cells: list[str]) -> tuple[np.ndarray | list, np.ndarray | list]:
    """The values of some cells, and which of them are null."""
    if field.datatype in _TEXTS:
        return [_text(c) if "&" in c else c for c in cells], False
    if field.datatype in _FLOATS:
        values = np.array([float(c) if c else np.nan for c in cells])
        return values, np.isnan(values)
    if field.datatype == "boolean":
        words = [c.upper() for c in cells]
        if not set(words) <= {*_BOOLEANS, "", "?"}:
            raise _NotPlain
        return [_BOOLEANS.get(w, False) for w in words], [w not in _BOOLEANS for w in words]
    integers = [int(c) if c else None for c in cells]
    null = [i is None or i == field.values.null for i in integers]
    limits = np.iinfo({"unsignedByte": "u1", "short": "i2", "int": "i4"}.get(field.datatype, "i8"))
    there = [i for i in integers if i is not None]
    if there and not (limits.min <= min(there) and max(there) <= limits.max):
        raise _NotPlain
    return [0 if i is None else i for i in integers], null


def _text(cell: str) -> str:
    def plain(found: re.Match) -> str:
        if found[1] is None:
            raise _NotPlain
        return _ENTITIES[found[1]]

    return _ENTITY.sub(plain, cell)
