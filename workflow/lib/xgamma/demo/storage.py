"""Rows into the DuckDB file of the demo archive, and a digest of what one holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xgamma.demo.columns import ServedTable

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["arrow_table", "content_digest", "create_table"]


def arrow_table(table: ServedTable, columns: pd.DataFrame | dict[str, Any]) -> Any:
    """The rows as an Arrow table with the column types of `table`; NaN becomes null.

    Text '' stays ''; None becomes null. Identifiers never pass through floats.
    """
    import pyarrow as pa

    types = {
        "char": pa.string(),
        "double": pa.float64(),
        "float": pa.float32(),
        "long": pa.int64(),
        "int": pa.int32(),
    }
    arrays = []
    for column in table.columns:
        values = np.asarray(columns[column.name])
        if column.datatype == "float":
            values = values.astype(np.float32)
        arrays.append(pa.array(values, type=types[column.datatype], from_pandas=True))
    return pa.Table.from_arrays(arrays, names=[c.name for c in table.columns])


def create_table(
    connection: duckdb.DuckDBPyConnection, table: ServedTable, rows: pd.DataFrame | dict[str, Any]
) -> None:
    """Create `table` in the DuckDB file and fill it, keeping the order of the rows."""
    schema, _, bare = table.physical.partition(".")
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    columns = ", ".join(f'"{c.name}" {c.duckdb_type}' for c in table.columns)
    connection.execute(f'CREATE TABLE "{schema}"."{bare}" ({columns})')
    connection.register("rows_to_store", arrow_table(table, rows))
    connection.execute(f'INSERT INTO "{schema}"."{bare}" SELECT * FROM rows_to_store')
    connection.unregister("rows_to_store")


def content_digest(path: str | Path) -> str:
    """SHA-256 of what a DuckDB file holds, whatever its bytes and the order of its rows.

    Each table counts with its name, its columns' names and types, and its rows sorted by
    all columns.
    """
    import duckdb

    digest = hashlib.sha256()
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
        ).fetchall()
        for schema, name in tables:
            rows = connection.execute(f'SELECT * FROM "{schema}"."{name}" ORDER BY ALL')
            columns = [(d[0], str(d[1])) for d in rows.description]
            digest.update(repr((schema, name, columns)).encode())
            for column, values in rows.fetchnumpy().items():
                mask = np.ma.getmaskarray(values)
                plain = np.ma.getdata(values)
                if plain.dtype == object:
                    texts = np.where(mask, "", plain).tolist()
                    data = "\x1f".join(texts).encode()
                else:
                    data = np.where(mask, np.zeros(1, plain.dtype), plain).tobytes()
                digest.update(column.encode() + mask.tobytes() + data)
    return digest.hexdigest()
