"""What a column of our tables holds, and frames that hold just that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from xgamma.errors import XgammaError
from xgamma.tables.printable import shortened

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ENERGY_FLUX", "Column", "conform", "empty_frame", "kind_of", "plain_value"]

ENERGY_FLUX = "erg / (s cm2)"
"""Unit of energy fluxes, X-ray and gamma-ray, as astropy spells it."""


class _Kind(NamedTuple):
    """How a kind of values is kept in memory and in files, and what its null is."""

    dtype: np.dtype | pd.api.extensions.ExtensionDtype
    null: Any
    arrow: str  # an alias of pyarrow, which is imported only where files are read or written


_KINDS = {
    # by Arrow, which takes a third of the room of Python's strings
    "text": _Kind(pd.StringDtype(na_value=np.nan), "", "string"),
    "float": _Kind(np.dtype("float64"), np.nan, "float64"),
    "float32": _Kind(np.dtype("float32"), np.nan, "float32"),
    "int": _Kind(np.dtype("int64"), None, "int64"),
    "nullable_int": _Kind(pd.Int64Dtype(), pd.NA, "int64"),
    "bool": _Kind(np.dtype("bool"), None, "bool"),
    "list": _Kind(np.dtype("object"), None, ""),
}


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Parameters
    ----------
    name : str
    kind : {'text', 'float', 'float32', 'int', 'nullable_int', 'bool', 'list'}
        `int` and `bool` have no null (identifiers: they stay exact 64-bit integers);
        `list` holds Python lists, JSON in text files.
    unit : str
        In the spelling of astropy; '' if it has none.
    description : str
    ucd : str
        UCD1+; '' if none fits.
    shown : str
        What tables for people call it, if not `name`: see `xgamma.tables.xray_words`.
    """

    name: str
    kind: str
    unit: str = ""
    description: str = ""
    ucd: str = ""
    shown: str = ""

    @property
    def label(self) -> str:
        """What files call it."""
        return self.shown or self.name

    @property
    def dtype(self) -> np.dtype | pd.api.extensions.ExtensionDtype:
        """The type of its values in a frame."""
        return _KINDS[self.kind].dtype

    @property
    def null(self) -> Any:
        """What stands where there is no value: '', NaN or NA; None if each row must have one."""
        return _KINDS[self.kind].null

    @property
    def arrow_type(self) -> pa.DataType:
        """The type of its values in Parquet; XgammaError for lists, which our files do not hold."""
        import pyarrow as pa

        if self.kind == "list":
            raise XgammaError(f"table: {self.name} holds lists, and Parquet files of ours do not")
        return pa.type_for_alias(_KINDS[self.kind].arrow)


def kind_of(dtype: np.dtype | pd.api.extensions.ExtensionDtype) -> str:
    """The kind of a column that came with a type of NumPy or pandas; text if it is no number."""
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize in (4, 8):
        return "float32" if dtype.itemsize == 4 else "float"
    return "nullable_int" if pd.api.types.is_integer_dtype(dtype) else "text"


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
            kept = values if values.dtype == column.dtype else values.astype("object")
            values = kept.where(kept.notna(), column.null)
        elif column.kind in ("int", "bool") and values.isna().any():
            row = int(np.flatnonzero(values.isna())[0])
            raise XgammaError(f"table: {column.name} is null in row {row}, where it must not be")
        _refuse_silent_change(column, values)
        try:
            made[column.name] = values.astype(column.dtype).reset_index(drop=True)
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
        numbers = values.dropna()
        # above 2**53 a float no longer tells neighbouring integers apart
        if not ((numbers % 1 == 0) & (numbers.abs() <= 2**53)).all():
            raise XgammaError(f"table: {column.name} came as a float and may have lost digits")
    elif column.kind in ("int", "nullable_int") and values.dtype.kind == "u":
        if (values > 2**63 - 1).any():
            raise XgammaError(f"table: {column.name} holds integers above 2**63 - 1")
    elif column.kind == "bool" and not values.isin([True, False]).all():
        raise XgammaError(f"table: {column.name} holds other things than true and false")


def plain_value(value: Any) -> Any:
    """A value as JSON knows it; a float32 by its own shortest decimal."""
    if isinstance(value, list | tuple):
        return [plain_value(v) for v in value]
    if isinstance(value, np.float32):
        value = float(str(value))
    elif isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value
