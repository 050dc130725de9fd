"""Tables that come with a request: from VOTable to Arrow, without loss."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xgamma.demo.server.catalogue import Column, Table, quote
from xgamma.demo.server.refusals import RequestRefused

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from astropy.io.votable.tree import Field

__all__ = ["Upload", "read_upload"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: A stream that refers to data elsewhere: astropy would open any file or address.
_REMOTE_DATA = re.compile(rb"STREAM\b[^>]*\bhref\s*=", re.IGNORECASE)

_NUMBERS = {
    "boolean": "bool",
    "bit": "bool",
    "unsignedByte": "uint8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
}
_TEXTS = ("char", "unicodeChar")


@dataclass(frozen=True)
class Upload:
    """A table of TAP_UPLOAD.

    Attributes
    ----------
    table : Table
        How queries see it.
    physical_name : str
        Its name among the connection's temporary tables.
    rows : pyarrow.Table
    """

    table: Table
    physical_name: str
    rows: pa.Table


def read_upload(name: str, votable: bytes) -> Upload:
    """Read an uploaded VOTable, in any of the serialisations.

    Parameters
    ----------
    name : str
        What the request calls the table, without ``TAP_UPLOAD.``.
    votable : bytes

    Returns
    -------
    Upload
        Integers keep all their digits, nulls stay null, NaN becomes null.

    Raises
    ------
    RequestRefused
        If the name, the document, or one of its columns cannot be used.
    """
    import pyarrow as pa
    from astropy.io.votable import parse

    if _NAME.fullmatch(name) is None:
        raise RequestRefused(f"UPLOAD: {name!r} is not a table name")
    if _REMOTE_DATA.search(votable):
        raise RequestRefused(f"UPLOAD: the data of {name} must stand in the VOTable itself")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = parse(io.BytesIO(votable)).get_first_table()
    # astropy raises whatever its many parsers raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RequestRefused(f"UPLOAD: {name} is not a VOTable: {reason}") from error

    columns: list[Column] = []
    arrays: list[pa.Array] = []
    for field, key in zip(table.fields, table.array.dtype.names or (), strict=True):
        if any(column.name.lower() == field.name.lower() for column in columns):
            raise RequestRefused(f"UPLOAD: {name} has two columns called {field.name}")
        arrays.append(_array(name, field, table.array[key]))
        columns.append(
            Column(
                name=field.name,
                datatype=field.datatype,
                arraysize="*" if field.datatype in _TEXTS else "",
                unit="" if field.unit is None else field.unit.to_string("vounit"),
                ucd=field.ucd or "",
                utype=field.utype or "",
                xtype=field.xtype or "",
                description=field.description or "",
            )
        )
    if not columns:
        raise RequestRefused(f"UPLOAD: {name} has no columns")
    physical_name = f"upload_{name.lower()}"
    upload_table = Table(
        name=f"TAP_UPLOAD.{name}",
        schema="TAP_UPLOAD",
        source=f"temp.main.{quote(physical_name)}",
        columns=tuple(columns),
    )
    rows = pa.table(arrays, names=[column.name for column in columns])
    return Upload(upload_table, physical_name, rows)


def _array(table_name: str, field: Field, values: np.ma.MaskedArray) -> pa.Array:
    """A column of an upload as Arrow."""
    import numpy as np
    import pyarrow as pa

    if field.datatype in _TEXTS and (field.arraysize or "1").count("x") == 0:
        texts = [
            value.decode("utf-8") if isinstance(value, bytes) else str(value)
            for value in values.data.tolist()
        ]
        return pa.array(texts, type=pa.string())
    if field.datatype not in _NUMBERS or field.arraysize not in (None, "", "1"):
        raise RequestRefused(
            f"UPLOAD: the column {field.name} of {table_name} is {field.datatype}"
            f"[{field.arraysize or 1}]; single numbers, truth values and text are supported"
        )
    data = np.asarray(values.data).astype(_NUMBERS[field.datatype])
    null = np.array(np.ma.getmaskarray(values))
    if data.dtype.kind == "f":
        null |= np.isnan(data)
    return pa.array(data, mask=null)
