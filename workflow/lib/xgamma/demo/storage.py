"""The DuckDB file of the demo archive: rows into its tables, and a digest of what it holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xgamma.demo.tables import ServedTable

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["arrow_table", "content_digest", "create_table"]


def arrow_table(table: ServedTable, columns: pd.DataFrame | dict[str, Any]) -> Any:
    """Rows of a table of the demo archive as Arrow, with the types of its columns.

    Parameters
    ----------
    table : ServedTable
    columns : DataFrame or dict of str to array
        At least the columns of `table`; others are left out.

    Returns
    -------
    pyarrow.Table
        NaN and None have become null, '' is still ''. Identifiers never pass through
        floats, which would round them.
    """
    import pyarrow as pa

    types = {
        "char": pa.string(),
        "double": pa.float64(),
        "float": pa.float32(),
        "long": pa.int64(),
        "int": pa.int32(),
        "boolean": pa.bool_(),
    }
    arrays = []
    for column in table.columns:
        values = np.asarray(columns[column.name])
        if column.datatype == "float":
            values = values.astype(np.float32)
        arrays.append(pa.array(values, type=types[column.datatype], from_pandas=True))
    return pa.Table.from_arrays(arrays, names=[column.name for column in table.columns])


def create_table(
    connection: duckdb.DuckDBPyConnection, table: ServedTable, rows: pd.DataFrame | dict[str, Any]
) -> None:
    """Create a table in the DuckDB file and fill it.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Open for writing.
    table : ServedTable
    rows : DataFrame or dict of str to array
        As for `arrow_table`; their order is kept.
    """
    schema, _, name = table.physical.partition(".")
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    columns = ", ".join(f'"{column.name}" {column.duckdb_type}' for column in table.columns)
    connection.execute(f'CREATE TABLE "{schema}"."{name}" ({columns})')
    connection.register("rows_to_store", arrow_table(table, rows))
    connection.execute(f'INSERT INTO "{schema}"."{name}" SELECT * FROM rows_to_store')
    connection.unregister("rows_to_store")


def content_digest(path: str | Path) -> str:
    """SHA-256 of what a DuckDB file holds, whatever its bytes and the order of its rows.

    Each table counts with its name, its columns' names and types, and its rows sorted by
    all columns.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    import duckdb

    digest = hashlib.sha256()
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
        ).fetchall()
        for schema, name in tables:
            rows = connection.execute(f'SELECT * FROM "{schema}"."{name}" ORDER BY ALL')
            columns = [(column[0], str(column[1])) for column in rows.description]
            digest.update(repr((schema, name, columns)).encode())
            for column, values in rows.fetchnumpy().items():
                null = np.ma.getmaskarray(values)
                data = np.ma.getdata(values)
                # what stands in a null cell is left over from something else
                if data.dtype == object:
                    content = "\x1f".join(np.where(null, "", data).tolist()).encode()
                else:
                    content = np.where(null, np.zeros(1, data.dtype), data).tobytes()
                digest.update(column.encode() + null.tobytes() + content)
    return digest.hexdigest()
