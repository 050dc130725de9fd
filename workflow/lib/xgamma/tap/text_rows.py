"""A reader of rows that are text (TABLEDATA), column by column.

Every cell is a value, is null, or is an error that names it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from xgamma.tap.fields import BIT, BOOLEAN, NULL_WORDS, VotableField, whole_number

__all__ = ["text_columns"]

_TRUE, _FALSE = ("TRUE", "T", "1"), ("FALSE", "F", "0")
_NULL_BOOLEANS = ("?", "\0", *(word.upper() for word in NULL_WORDS))
_BOOLEANS = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL_BOOLEANS),
}
_BITS = {"1": True, "0": False, **dict.fromkeys(word.upper() for word in NULL_WORDS)}


def text_columns(
    fields: Sequence[VotableField], cells: Sequence[str], first_row: int
) -> list[np.ma.MaskedArray]:
    """The columns of whole rows.

    Parameters
    ----------
    fields : sequence of VotableField
        Each checked.
    cells : sequence of str
        One row after the other.
    first_row : int
        How many rows came before, for messages.

    Returns
    -------
    list of MaskedArray
        For each column its values, masked where they are null.

    Raises
    ------
    UnreadableAnswer
        If a cell is neither a value of its column nor null.
    """
    width = len(fields)
    made = (_values(field, cells[i::width], first_row) for i, field in enumerate(fields))
    return [np.ma.MaskedArray(values, null) for values, null in made]


def _values(
    field: VotableField, cells: Sequence[str], first_row: int
) -> tuple[np.ndarray, np.ndarray]:
    """The values of cells of one column, and where they are null."""
    if field.is_text:
        texts = np.empty(len(cells), dtype=object)
        texts[:] = cells
        return texts, field.is_declared_null(texts)
    if field.kind in (BOOLEAN, BIT):
        return _truths(field, cells, first_row)
    if field.dtype.kind == "f":
        return _floats(field, cells, first_row)
    return _integers(field, cells, first_row)


def _truths(
    field: VotableField, cells: Sequence[str], first_row: int
) -> tuple[np.ndarray, np.ndarray]:
    known = _BOOLEANS if field.kind == BOOLEAN else _BITS
    made = []
    for row, cell in enumerate(cells):
        try:
            made.append(known[cell.strip().upper()])
        except KeyError:
            if not _is_null(field, cell):
                raise field.refused_cell(first_row + row, cell) from None
            made.append(None)
    return np.array([value is True for value in made]), np.array([v is None for v in made])


def _floats(
    field: VotableField, cells: Sequence[str], first_row: int
) -> tuple[np.ndarray, np.ndarray]:
    try:
        numbers = list(map(float, cells)) if _is_plain(cells) else None
    except ValueError:
        numbers = None
    if numbers is None:
        numbers = [_float(field, cell, first_row + row) for row, cell in enumerate(cells)]
    with np.errstate(over="ignore"):
        values = np.array(numbers, dtype=field.dtype)
    null = np.isnan(values) | field.is_declared_null(values)
    # too large for its type, as in 1e39 for a float
    for row in np.flatnonzero(np.isinf(values) & ~null):
        if "inf" not in cells[row].lower():
            why = f"which does not fit its type {field.kind}"
            raise field.refused_cell(first_row + int(row), cells[row], why)
    return values, null


def _float(field: VotableField, cell: str, row: int) -> float:
    if _is_null(field, cell):
        return math.nan
    try:
        if _is_plain((cell,)):
            return float(cell)
    except ValueError:
        pass
    raise field.refused_cell(row, cell)


def _integers(
    field: VotableField, cells: Sequence[str], first_row: int
) -> tuple[np.ndarray, np.ndarray]:
    try:
        numbers = list(map(int, cells)) if _is_plain(cells) else None
    except ValueError:
        numbers = None
    if numbers is None:
        numbers = [_integer(field, cell, first_row + row) for row, cell in enumerate(cells)]
    null = np.zeros(len(numbers), bool)
    if None in numbers or field.null_number is not None:
        # before the limits: a null may be a number that the type does not hold
        null[:] = [number is None or number == field.null_number for number in numbers]
        numbers = [0 if hidden else n for n, hidden in zip(numbers, null.tolist(), strict=True)]
    limits = np.iinfo(field.dtype)
    if not limits.min <= min(numbers) <= max(numbers) <= limits.max:
        row = next(i for i, n in enumerate(numbers) if not limits.min <= n <= limits.max)
        why = f"which does not fit its type {field.kind}"
        raise field.refused_cell(first_row + row, cells[row], why)
    return np.array(numbers, dtype=field.dtype), null


def _integer(field: VotableField, cell: str, row: int) -> int | None:
    if _is_null(field, cell):
        return None
    number = whole_number(cell)
    if number is None:
        raise field.refused_cell(row, cell)
    return number


def _is_null(field: VotableField, cell: str) -> bool:
    """Whether a cell is null by its words; a declared null need not be a number."""
    cell = cell.strip()
    return cell.lower() in NULL_WORDS or (field.null is not None and cell == field.null.strip())


def _is_plain(cells: Iterable[str]) -> bool:
    """Whether Python reads nothing as a number that is none elsewhere, such as 1_000."""
    joined = " ".join(cells)
    return "_" not in joined and joined.isascii()
