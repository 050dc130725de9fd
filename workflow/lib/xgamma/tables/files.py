"""Tables on disk: whole or not at all, units kept, the same bytes for the same rows.

Parquet is what the stages hand to each other; ECSV (units in the header) and CSV
(header and data, nothing else) are for people. In memory a table is a pandas frame
with plain types; `Column` says for each column its kind, unit and meaning, `TableMetadata` what
the whole is. Parquet keeps text exactly as it came; in the others, what does not print is shown
as an escape.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from xgamma.tables.columns import Column, conform
from xgamma.tables.metadata import TableMetadata, parquet_metadata
from xgamma.tables.printable import printable, shortened
from xgamma.tables.whole_files import atomic_path, write_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "csv_text",
    "read_columns",
    "read_ecsv",
    "read_parquet",
    "write_csv",
    "write_ecsv",
    "write_parquet",
]

# Longest text in ECSV: astropy gives every row the room of the longest one.
ECSV_TEXT = 2000


def write_parquet(
    path: str | Path,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    about: TableMetadata | None = None,
) -> None:
    """Write plain Parquet: unit and description in each field's metadata.

    Integers go from numpy to Arrow without passing through floats, so identifiers
    above 2**53 stay exact.

    Parameters
    ----------
    path : path-like
    frame : DataFrame
    columns : sequence of Column
    about : TableMetadata, optional
        For tables that people open: then other programs find it, and the units, as well.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = conform(frame, columns)
    arrays, fields = [], []
    for column in columns:
        # from_pandas only where a null is not a number: NaN in a float column stays NaN
        arrays.append(
            pa.array(frame[column.name], type=column.arrow_type, from_pandas=column.null is pd.NA)
        )
        metadata = {
            "kind": column.kind,
            "unit": column.unit,
            "description": column.description,
            **({"ucd": column.ucd} if column.ucd else {}),
        }
        fields.append(pa.field(column.name, column.arrow_type, metadata=metadata))
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    if about is not None:
        lengths = {c.name: frame[c.name].str.len().max() for c in columns if c.kind == "text"}
        longest = {name: int(n) if n == n else 0 for name, n in lengths.items()}
        table = table.replace_schema_metadata(parquet_metadata(columns, about, longest))
    with atomic_path(path) as beside:
        pq.write_table(table, beside, compression="zstd", store_schema=True)


def read_columns(path: str | Path) -> list[Column]:
    """The columns of a Parquet file written by `write_parquet`."""
    import pyarrow.parquet as pq

    columns = []
    for field in pq.read_schema(path):
        metadata = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
        columns.append(
            Column(
                field.name,
                metadata.get("kind", "text"),
                metadata.get("unit", ""),
                metadata.get("description", ""),
                metadata.get("ucd", ""),
            )
        )
    return columns


def read_parquet(
    path: str | Path,
    columns: Sequence[str] | None = None,
    rows: npt.NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Read a Parquet file written by `write_parquet`.

    Parameters
    ----------
    path : path-like
    columns : sequence of str, optional
        Only these, in this order.
    rows : ndarray of bool, optional
        Only those that are True. The others take room one column at a time.

    Returns
    -------
    DataFrame
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    in_file = {column.name: column for column in read_columns(path)}
    read = list(in_file.values()) if columns is None else [in_file[name] for name in columns]
    series = {}
    with pq.ParquetFile(path) as file:
        for column in read:
            values = file.read([column.name]).column(column.name)
            if rows is not None:
                values = values.filter(pa.array(rows))
            series[column.name] = _series(values, column)
    frame = pd.DataFrame(series, columns=[column.name for column in read], copy=False)
    return conform(frame, read)


def _series(values: pa.ChunkedArray, column: Column) -> pd.Series:
    """The values of a column of Parquet as pandas has them."""
    if isinstance(column.dtype, pd.api.extensions.ExtensionDtype):
        return values.to_pandas(types_mapper={values.type: column.dtype}.get)
    array = values.to_numpy()
    # what is Arrow's own memory cannot be written to
    return pd.Series(array if array.flags.writeable else array.copy())


def _plain(value: Any) -> Any:
    """A value as JSON knows it; a float32 by its own shortest decimal."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.float32):
        value = float(str(value))
    elif isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value


def _json_cell(value: list) -> str:
    """A list as JSON: what does not print is in JSON's own escapes, so nothing is lost."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _csv_cell(value: Any, column: Column) -> str:
    """A value as CSV shows it: nothing where it is null."""
    value = _plain(value)
    if value is None:
        return ""
    if isinstance(value, list):
        return _json_cell(value)
    if column.kind == "text":
        text = printable(value)
        # spreadsheets compute what starts so, and an apostrophe makes it text to them; tab and
        # carriage return, which do the same, are escapes by now
        return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
    return str(value)


def csv_text(frame: pd.DataFrame, columns: Sequence[Column]) -> str:
    """Header and data, RFC 4180 quoting, null as nothing, lists as JSON arrays.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    import csv

    frame = conform(frame, columns)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([c.name for c in columns])
    # a list of Python's floats would give a float32 the digits of a float64
    values = [
        frame[c.name].to_numpy() if c.kind == "float32" else frame[c.name].tolist() for c in columns
    ]
    for row in zip(*values, strict=True):
        writer.writerow([_csv_cell(value, c) for value, c in zip(row, columns, strict=True)])
    return stream.getvalue()


def write_csv(path: str | Path, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
    """Write `csv_text` to a file. Units are not in it: see the ECSV of the same name."""
    write_text(path, csv_text(frame, columns))


def _without_comments(ecsv: str) -> str:
    """Quote first values that start with '#', or readers take their lines for comments."""
    lines = ecsv.split("\n")
    header = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    # astropy has quoted those that hold a blank or a quote already
    lines[header + 1 :] = [re.sub(r"^#\S*", r'"\g<0>"', line) for line in lines[header + 1 :]]
    return "\n".join(lines)


def write_ecsv(
    path: str | Path,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    about: TableMetadata | None = None,
) -> None:
    """Write ECSV: `astropy.table.Table.read(path)` gives units and descriptions back.

    Line breaks and all else in text that does not print are shown as escapes, since a row
    is a line; blanks at its ends are dropped, as astropy does; and what is longer than
    `ECSV_TEXT` is cut, visibly. Parquet keeps all. What `about` tells becomes the table's `meta`.
    """
    from astropy.table import MaskedColumn, Table

    frame = conform(frame, columns)
    table = Table(meta=about.facts() if about is not None else {})
    for column in columns:
        values = frame[column.name]
        if column.kind == "list":
            data = np.empty(len(values), dtype=object)
            data[:] = [_plain(v) for v in values]
        elif column.kind == "text":
            shown = [shortened(text, ECSV_TEXT) for text in values]
            data = np.array(shown, dtype=str) if shown else np.empty(0, dtype="U1")
        elif column.kind == "nullable_int":
            data = MaskedColumn(
                values.fillna(0).to_numpy(dtype="int64"), mask=values.isna().to_numpy()
            )
        else:
            data = values.to_numpy()
        table[column.name] = data
        if column.unit:
            table[column.name].unit = printable(column.unit)
        table[column.name].description = printable(column.description) or None
        if column.ucd:
            table[column.name].info.meta = {"ucd": column.ucd}
    stream = io.StringIO()
    table.write(stream, format="ascii.ecsv")
    write_text(path, _without_comments(stream.getvalue()))


def read_ecsv(path: str | Path, columns: Sequence[Column]) -> pd.DataFrame:
    """Read back the plain (not list) columns of a file of `write_ecsv`."""
    from astropy.table import Table

    table = Table.read(path, format="ascii.ecsv")
    series = {}
    for column in columns:
        data = table[column.name]
        if isinstance(column.dtype, pd.api.extensions.ExtensionDtype):
            values = [column.null if value is np.ma.masked else value for value in data]
            series[column.name] = pd.array(values, dtype=column.dtype)
        else:
            series[column.name] = np.asarray(data)
    return conform(pd.DataFrame(series), columns)
