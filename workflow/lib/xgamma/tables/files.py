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
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from xgamma.tables.columns import Column, conform, plain_value
from xgamma.tables.ecsv import ecsv_texts, parse_ecsv
from xgamma.tables.metadata import TableMetadata, parquet_metadata
from xgamma.tables.pieces import PIECE_ROWS, TEXT_ROWS, PiecedTable, arrow_of, pieces_of, series_of
from xgamma.tables.printable import printable
from xgamma.tables.whole_files import atomic_path, write_text

__all__ = [
    "csv_texts",
    "read_columns",
    "read_ecsv",
    "read_parquet",
    "write_csv",
    "write_ecsv",
    "write_parquet",
]


def write_parquet(
    path: str | Path,
    table: pd.DataFrame | PiecedTable,
    columns: Sequence[Column],
    about: TableMetadata | None = None,
) -> None:
    """Write plain Parquet: unit and description in each field's metadata.

    The same bytes whether the rows are in memory or in pieces: each piece is a row group.

    Parameters
    ----------
    path : path-like
    table : DataFrame or PiecedTable
    columns : sequence of Column
    about : TableMetadata, optional
        For tables that people open: then other programs find it, and the units, as well.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(table, pd.DataFrame):
        table = conform(table, columns)
    fields = []
    for column in columns:
        metadata = {
            "kind": column.kind,
            "unit": column.unit,
            "description": column.description,
            **({"ucd": column.ucd} if column.ucd else {}),
        }
        if column.shown:
            metadata["here"] = column.name
        fields.append(pa.field(column.label, column.arrow_type, metadata=metadata))
    schema = pa.schema(fields)
    if about is not None:
        lengths = {c.name: table[c.name].str.len().max() for c in columns if c.kind == "text"}
        longest = {name: int(n) if n == n else 0 for name, n in lengths.items()}
        schema = schema.with_metadata(parquet_metadata(columns, about, longest))
    with (
        atomic_path(path) as beside,
        pq.ParquetWriter(beside, schema, compression="zstd", store_schema=True) as file,
    ):
        for piece in pieces_of(table):
            arrays = [arrow_of(piece[column.name], column) for column in columns]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema), PIECE_ROWS)


def read_columns(path: str | Path) -> list[Column]:
    """The columns of a Parquet file written by `write_parquet`."""
    import pyarrow.parquet as pq

    columns = []
    for field in pq.read_schema(path):
        metadata = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
        columns.append(
            Column(
                metadata.get("here", field.name),
                metadata.get("kind", "text"),
                metadata.get("unit", ""),
                metadata.get("description", ""),
                metadata.get("ucd", ""),
                field.name if "here" in metadata else "",
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
            values = file.read([column.label]).column(column.label)
            if rows is not None:
                values = values.filter(pa.array(rows))
            series[column.name] = series_of(values, column)
    frame = pd.DataFrame(series, columns=[column.name for column in read], copy=False)
    return conform(frame, read)


def _json_cell(value: list) -> str:
    """A list as JSON: what does not print is in JSON's own escapes, so nothing is lost."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def _csv_cells(values: pd.Series, column: Column) -> list[str]:
    """The values of a column as CSV shows them: nothing where they are null."""
    if column.kind == "list":
        return [_json_cell(plain_value(value)) for value in values]
    if column.kind == "text":
        return [_csv_text(text) for text in values]
    if column.kind == "nullable_int":
        return ["" if value is pd.NA else str(value) for value in values.tolist()]
    if column.kind == "float":
        return [str(value) if math.isfinite(value) else "" for value in values.tolist()]
    if column.kind == "float32":
        # a list of Python's floats would have the digits of a float64
        return [str(float(str(v))) if np.isfinite(v) else "" for v in values.to_numpy()]
    return [str(value) for value in values.tolist()]


def _csv_text(text: str) -> str:
    text = printable(text)
    # spreadsheets compute what starts so, and an apostrophe makes it text to them; tab and
    # carriage return, which do the same, are escapes by now
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def csv_texts(frame: pd.DataFrame, columns: Sequence[Column]) -> Iterator[str]:
    """Header and data, some rows at a time.

    RFC 4180 quoting, null as nothing, lists as JSON arrays.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    import csv

    def lines(rows: Iterable[Iterable[str]]) -> str:
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(rows)
        return stream.getvalue()

    yield lines([[column.label for column in columns]])
    for piece in pieces_of(conform(frame, columns), TEXT_ROWS):
        # a column at a time: what a cell becomes rests on its column
        yield lines(zip(*(_csv_cells(piece[c.name], c) for c in columns), strict=True))


def write_csv(path: str | Path, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
    """Write `csv_texts` to a file. Units are not in it: see the ECSV of the same name."""
    write_text(path, csv_texts(frame, columns))


def write_ecsv(
    path: str | Path,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    about: TableMetadata | None = None,
) -> None:
    """Write ECSV: `astropy.table.Table.read(path)` gives units and descriptions back.

    Line breaks and all else in text that does not print are shown as escapes, since a row
    is a line; blanks at its ends are dropped, as astropy does; and what is longer than
    `xgamma.tables.ecsv.ECSV_TEXT` is cut, visibly. Parquet keeps all. What `about` tells becomes
    the table's `meta`.
    """
    facts = about.facts() if about is not None else {}
    write_text(path, ecsv_texts(conform(frame, columns), columns, facts))


def read_ecsv(path: str | Path, columns: Sequence[Column]) -> pd.DataFrame:
    """Read back the plain (not list) columns of a file of `write_ecsv`."""
    return parse_ecsv(Path(path).read_text(encoding="utf-8"), columns)
