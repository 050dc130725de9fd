"""An answer of a service: its table as a frame, and the record of how it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xgamma.tap.faults import UnreadableAnswer

if TYPE_CHECKING:
    from xgamma.tap.votable import ParsedAnswer

__all__ = ["Answer", "answer_frame", "parse_count"]

# services pad texts to a length of theirs; other white space may be a text's own
_BLANKS = " \t\r\n"
_TEXTS_AT_A_TIME = 65536


@dataclass(frozen=True)
class Answer:
    """The answer to one question, and how it came.

    Attributes
    ----------
    frame : DataFrame
        Columns named as asked (by FIELD name, lower case); text without blanks around it,
        '' and floats NaN for null, integers exact.
    units : dict
        Column name -> unit, as the service spells it or as astropy reads it.
    record : dict
        key, service, url and mirror (who answered), mode, adql, uploads (name -> SHA-256),
        rows, attempts, started (UTC), seconds, bytes, body (SHA-256 of it as received),
        server (what it says of itself); counted and count_key if the rows were counted.
    kept : bool
        Whether nobody was asked.
    """

    frame: pd.DataFrame
    units: dict[str, str]
    record: dict[str, Any] = field(default_factory=dict)
    kept: bool = False


def answer_frame(result: ParsedAnswer) -> tuple[pd.DataFrame, dict[str, str]]:
    """The frame and the units of a result: by FIELD name (IDs differ), integers exact.

    The result's columns are used up.

    Returns
    -------
    frame : DataFrame
        As in `Answer`.
    units : dict
        Column name -> unit as astropy reads it.

    Raises
    ------
    UnreadableAnswer
        If two columns have one name, or one holds arrays.
    """
    columns, units = {}, {}
    for name, unit in result.fields:
        name = name.lower()
        # taken from the result, and given free once it is in the frame: a catalogue is large
        values = result.columns.pop(0)
        if name in columns:
            raise UnreadableAnswer(f"what came has two columns {name!r}", passing=False)
        if values.ndim != 1:
            raise UnreadableAnswer(f"what came has arrays in column {name!r}", passing=False)
        columns[name] = _series(values)
        units[name] = unit
    return pd.DataFrame(columns), units


def parse_count(frame: pd.DataFrame) -> int | None:
    """The number in an answer to SELECT COUNT(*); None if it holds no number."""
    try:
        return int(frame.iloc[0, 0]) if frame.size == 1 else None
    except (TypeError, ValueError, OverflowError):
        return None


def _series(values: np.ma.MaskedArray) -> pd.Series:
    data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    if data.dtype.kind == "f":
        data[mask] = np.nan  # nobody else has it
        return pd.Series(data)
    if data.dtype.kind in "iub":
        return pd.Series(pd.arrays.IntegerArray(data.astype("int64"), mask.copy()))
    # some thousand at a time: Python's strings take three times the room of Arrow's
    parts = []
    for first in range(0, max(len(data), 1), _TEXTS_AT_A_TIME):
        block = slice(first, first + _TEXTS_AT_A_TIME)
        texts = [text.strip(_BLANKS) for text in data[block].tolist()]
        for row in np.flatnonzero(mask[block]).tolist():
            texts[row] = ""
        data[block] = ""
        parts.append(pd.Series(texts, dtype="str"))
    return pd.concat(parts, ignore_index=True)
