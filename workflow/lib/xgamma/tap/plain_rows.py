"""The rows of an answer as tables of ours have them, however they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xgamma.tables.columns import Column, kind_of
from xgamma.tables.pieces import PiecedTable
from xgamma.tap.fields import VotableField

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["plain_arrays", "rows_of"]

# services pad texts to a length of theirs; other white space may be a text's own
_BLANKS = " \t\r\n"


def rows_of(fields: Sequence[VotableField]) -> PiecedTable:
    """An empty table for the rows of an answer, its columns named in lower case.

    Two of them may have one name: that is for the asker to judge.
    """
    return PiecedTable([Column(field.name.lower(), _kind(field.dtype)) for field in fields])


def plain_arrays(columns: Sequence[np.ma.MaskedArray]) -> list[pa.Array]:
    """Columns of an answer as they are kept.

    Parameters
    ----------
    columns : sequence of MaskedArray
        Values, masked where they are null; used up.

    Returns
    -------
    list of pyarrow.Array
        Text without blanks around it, '' and floats NaN for null; integers and booleans as 64-bit
        integers.
    """
    import pyarrow as pa

    made = []
    for values in columns:
        data, mask = np.ma.getdata(values), np.ma.getmaskarray(values)
        kind = _kind(data.dtype)
        if kind == "text":
            texts = [
                "" if null else text.strip(_BLANKS)
                for text, null in zip(data.tolist(), mask.tolist(), strict=True)
            ]
            made.append(pa.array(texts, pa.large_string()))
        elif kind == "nullable_int":
            made.append(pa.array(data.astype("int64"), mask=mask))
        else:
            data[mask] = np.nan  # nobody else has it
            made.append(pa.array(data))
    return made


def _kind(dtype: np.dtype) -> str:
    """The kind of a column of ours that holds an answer's values of a type."""
    return "nullable_int" if dtype.kind == "b" else kind_of(dtype)
