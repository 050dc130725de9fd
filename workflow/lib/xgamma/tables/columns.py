"""What a column of our tables holds, and frames that hold just that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xgamma.errors import XgammaError
from xgamma.tables.printable import shortened

__all__ = ["Column", "conform", "empty_frame"]

# how text is kept: by Arrow, which takes a third of the room of Python's strings
_TEXT = pd.StringDtype(na_value=np.nan)

_DTYPES = {
    "text": "str",
    "float": "float64",
    "float32": "float32",
    "int": "int64",
    "nullable_int": "Int64",
    "bool": "bool",
    "list": "object",
}


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Parameters
    ----------
    name : str
    kind : {'text', 'float', 'float32', 'int', 'nullable_int', 'bool', 'list'}
        Null is '' for text and NaN for floats; `int` has no null (identifiers: they
        stay exact 64-bit integers); `list` holds Python lists, JSON in text files.
    unit : str
        In the spelling of astropy; '' if it has none.
    description : str
    """

    name: str
    kind: str
    unit: str = ""
    description: str = ""


def empty_frame(columns: Sequence[Column]) -> pd.DataFrame:
    """A frame of no rows with the columns' types."""
    return conform(pd.DataFrame({c.name: [] for c in columns}), columns)


def conform(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Give `frame` exactly `columns`, in their order and with their types.

    Raises
    ------
    XgammaError
        If a column is missing, an identifier is null, or a value does not fit its kind.
    """
    missing = [c.name for c in columns if c.name not in frame.columns]
    if missing:
        raise XgammaError(f"table: column {', '.join(missing)} is missing")
    made = {}
    for column in columns:
        values = frame[column.name]
        if column.kind == "text":
            # the detour for what is no text yet: of each row it makes an object
            kept = values if values.dtype == _TEXT else values.astype("object")
            values = kept.where(kept.notna(), "")
        elif column.kind in ("int", "bool") and values.isna().any():
            row = int(np.flatnonzero(values.isna())[0])
            raise XgammaError(f"table: {column.name} is null in row {row}, where it must not be")
        _refuse_silent_change(column, values)
        try:
            made[column.name] = values.astype(_DTYPES[column.kind]).reset_index(drop=True)
        except (ValueError, TypeError, OverflowError) as error:
            # the message quotes the value, which may be anything
            raise XgammaError(
                f"table: {column.name} is not {column.kind}: {shortened(str(error), 200)}"
            ) from error
    # pandas copies a column when it is written to: two tables may share it until then
    return pd.DataFrame(made, copy=False)


def _refuse_silent_change(column: Column, values: pd.Series) -> None:
    """Raise where pandas would make another value of one: 1.5 into 1, 'False' into True."""
    if column.kind in ("int", "nullable_int") and values.dtype.kind == "f":
        there = values.dropna()
        # above 2**53 a float no longer tells neighbouring integers apart
        if not ((there % 1 == 0) & (there.abs() <= 2**53)).all():
            raise XgammaError(f"table: {column.name} came as a float and may have lost digits")
    elif column.kind in ("int", "nullable_int") and values.dtype.kind == "u":
        if (values > 2**63 - 1).any():
            raise XgammaError(f"table: {column.name} holds integers above 2**63 - 1")
    elif column.kind == "bool" and not values.isin([True, False]).all():
        raise XgammaError(f"table: {column.name} holds other things than true and false")
