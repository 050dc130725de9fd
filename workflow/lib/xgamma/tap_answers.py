"""An answer of a TAP service as a frame, with nothing lost on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Answer", "answer_frame"]


@dataclass(frozen=True)
class Answer:
    """One answer and how it came.

    Attributes
    ----------
    frame : DataFrame
        Columns named as asked (by FIELD name, lower case); text '' and floats NaN for
        null, integers exact.
    units : dict
        Column name -> unit, as the service spells it or as astropy reads it.
    record : dict
        Service, URL, ADQL, mode, rows, attempts, start time and seconds.
    """

    frame: pd.DataFrame
    units: dict[str, str]
    record: dict[str, Any] = field(default_factory=dict)


def answer_frame(result) -> tuple[pd.DataFrame, dict[str, str]]:
    """A pyvo result as a frame: by FIELD name (IDs differ), integers exact."""
    table = result.resultstable
    made, units = {}, {}
    for position, described in enumerate(table.fields):
        name = described.name.lower()
        values = table.array[table.array.dtype.names[position]]
        made[name] = _series(values)
        units[name] = str(described.unit or "")
    return pd.DataFrame(made), units


def _series(values: np.ma.MaskedArray) -> pd.Series:
    data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
    if data.dtype.kind == "f":
        return pd.Series(np.where(mask, np.array(np.nan, data.dtype), data))
    if data.dtype.kind in "iub":
        kind = data.dtype.newbyteorder("=")
        if data.dtype.kind == "b":
            return pd.Series(pd.array(np.where(mask, False, data), dtype="boolean").astype("Int64"))
        return pd.Series(pd.arrays.IntegerArray(data.astype(kind).astype("int64"), mask.copy()))
    return pd.Series(
        [
            "" if hidden or value is None else str(value)
            for value, hidden in zip(data.tolist(), mask.tolist(), strict=True)
        ],
        dtype="str",
    )
