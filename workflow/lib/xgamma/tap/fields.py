"""What a VOTable says of a column's cells: their type, their size, and what is null.

Both readers of rows, `text_rows` and `binary_rows`, go by this, so that a value is the same
however it was sent. A text is a Python string of any length: nothing is cut to a size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xgamma.tables.printable import one_line, shortened
from xgamma.tap.faults import UnreadableAnswer

__all__ = ["BIT", "BOOLEAN", "NULL_WORDS", "NUMBERS", "VotableField", "whole_number"]

NUMBERS = {
    "unsignedByte": "u1",
    "short": "i2",
    "int": "i4",
    "long": "i8",
    "float": "f4",
    "double": "f8",
}
BOOLEAN, BIT = "boolean", "bit"
TEXTS = ("char", "unicodeChar")
#: What stands in cells without a value, in lower case.
NULL_WORDS = ("", "null", "nan")

# names that are no datatypes of VOTable, and the one that each can only mean
_SYNONYMS = {
    "string": "char",
    "unicodeString": "unicodeChar",
    "int16": "short",
    "int32": "int",
    "int64": "long",
    "float32": "float",
    "float64": "double",
}
# the same, in text; in bytes they have another width than the type that holds their values
_UNSIGNED = {"unsignedShort": "int", "unsignedInt": "long"}
_WHOLE = re.compile(r"\s*([+-]?[0-9]+)(?:\.0*)?\s*")
_HEXADECIMAL = re.compile(r"\s*0[xX]([0-9a-fA-F]+)\s*")
_MOST_DIGITS = 1000


@dataclass(frozen=True)
class VotableField:
    """A FIELD of a VOTable.

    Attributes
    ----------
    name : str
    datatype, arraysize : str or None
        As they are spelt there.
    null : str or None
        The declared null.
    """

    name: str
    datatype: str | None
    arraysize: str | None = None
    null: str | None = None

    @cached_property
    def kind(self) -> str | None:
        """Its datatype as VOTable names it, text if none is given; None if there is no such."""
        named = (self.datatype or "char").strip()
        named = {**_SYNONYMS, **_UNSIGNED}.get(named, named)
        return named if named in NUMBERS or named in (BOOLEAN, BIT, *TEXTS) else None

    @property
    def is_text(self) -> bool:
        return self.kind in TEXTS

    @cached_property
    def dtype(self) -> np.dtype:
        """The type of its values in memory."""
        if self.is_text:
            return np.dtype(object)
        return np.dtype(NUMBERS.get(self.kind, "?"))

    @cached_property
    def null_number(self) -> float | int | None:
        """The declared null of a column of numbers; None if it is none of its numbers."""
        if self.null is None or self.kind not in NUMBERS:
            return None
        if self.dtype.kind != "f":
            return whole_number(self.null)
        try:
            return float(self.null)
        except ValueError:
            return None

    def is_declared_null(self, values: np.ndarray) -> np.ndarray:
        """Where values, as they are in memory, are the declared null."""
        if self.null is None:
            return np.zeros(len(values), bool)
        if self.is_text:
            null = self.null.strip()
            return np.array([text.strip() == null for text in values.tolist()], bool)
        number = self.null_number
        if number is None:
            return np.zeros(len(values), bool)
        if self.dtype.kind == "f":
            with np.errstate(over="ignore"):
                # -99.9 of a float is not the -99.9 of a double
                number = np.array(number, self.dtype)
        elif not np.iinfo(self.dtype).min <= number <= np.iinfo(self.dtype).max:
            return np.zeros(len(values), bool)
        return values == number

    def check(self) -> None:
        """Refuse a column of which no row can be read.

        Raises
        ------
        UnreadableAnswer
            If its type is unknown, or it holds arrays.
        """
        size = (self.arraysize or "").strip()
        if self.kind is None:
            raise self.refused(f"is of type {_shown(self.datatype)}, which is not read")
        if "x" in size if self.is_text else size not in ("", "1"):
            raise UnreadableAnswer(
                f"what came has arrays in column {_shown(self.name)}", passing=False
            )

    @property
    def unsigned(self) -> bool:
        """Whether it is one of the types whose width in bytes is not known."""
        return self.datatype is not None and self.datatype.strip() in _UNSIGNED

    def refused(self, why: str) -> UnreadableAnswer:
        """The error that the column cannot be read; `why` goes on from its name."""
        return UnreadableAnswer(
            f"what came cannot be read: column {_shown(self.name)} {why}; leave the column out, "
            f"or tell the archive",
            passing=False,
        )

    def refused_cell(self, row: int, cell: object, why: str | None = None) -> UnreadableAnswer:
        """The error that a cell cannot be read, the first row is 0."""
        why = why or f"which is no {self.kind}"
        return self.refused(f"has {_shown(cell)} in row {row + 1}, {why}")


def whole_number(text: str) -> int | None:
    """The whole number that a text is, 5.0 and 0x1F included; None if it is none."""
    if len(text) > _MOST_DIGITS:
        return None
    if found := _WHOLE.fullmatch(text):
        return int(found[1])
    found = _HEXADECIMAL.fullmatch(text)
    return int(found[1], 16) if found else None


def _shown(value: object) -> str:
    return f"'{shortened(one_line(value), 60)}'"
