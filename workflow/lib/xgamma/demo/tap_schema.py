"""TAP_SCHEMA: the tables that describe the tables of the demo archive, written into its file.

Defined by the IVOA in TAP 1.1, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xgamma.demo.storage import create_table
from xgamma.demo.tables import DEMO_TABLES, ServedColumn, ServedTable

if TYPE_CHECKING:
    import duckdb

__all__ = ["write_tap_schema"]

_SCHEMAS = {
    "heasarc": "Tables named and shaped as at HEASARC; Chandra rows are simulated",
    "gaiadr3": "A table named and shaped as in ESA's Gaia archive; all rows are simulated",
    "irsa": "Tables named and shaped as at IRSA; all rows are simulated",
    "TAP_SCHEMA": "The tables that describe the tables of this service",
}


def _tap_schema_table(name: str, description: str, *columns: ServedColumn) -> ServedTable:
    return ServedTable(
        f"TAP_SCHEMA.{name}", "TAP_SCHEMA", f"tap_schema.{name}", description, columns
    )


_UTYPE = ServedColumn("utype", "char", description="Utype, if one applies", principal=False)
_DESCRIPTION = ServedColumn("description", "char", description="Description")

_TAP_SCHEMA_TABLES: tuple[ServedTable, ...] = (
    _tap_schema_table(
        "schemas",
        "Schemas of this service",
        ServedColumn("schema_name", "char", description="Schema name"),
        _UTYPE,
        _DESCRIPTION,
        ServedColumn("schema_index", "int", description="Place in a list"),
    ),
    _tap_schema_table(
        "tables",
        "Tables of this service",
        ServedColumn("schema_name", "char", description="Schema that the table belongs to"),
        ServedColumn("table_name", "char", description="Table name as queries spell it"),
        ServedColumn("table_type", "char", description="table or view"),
        _UTYPE,
        _DESCRIPTION,
        ServedColumn("table_index", "int", description="Place in a list"),
    ),
    _tap_schema_table(
        "columns",
        "Columns of the tables of this service",
        ServedColumn("table_name", "char", description="Table that the column belongs to"),
        ServedColumn("column_name", "char", description="Column name"),
        _DESCRIPTION,
        ServedColumn("unit", "char", description="Unit"),
        ServedColumn("ucd", "char", description="UCD"),
        _UTYPE,
        ServedColumn("datatype", "char", description="VOTable datatype"),
        ServedColumn("arraysize", "char", description="VOTable arraysize"),
        ServedColumn("xtype", "char", description="VOTable xtype", principal=False),
        ServedColumn("size", "int", description="Deprecated: length of arraysize", principal=False),
        ServedColumn("principal", "int", description="1 if the column belongs to a first look"),
        ServedColumn("indexed", "int", description="1 if a range in the column is found quickly"),
        ServedColumn("std", "int", description="1 if a standard defines the column"),
        ServedColumn("column_index", "int", description="Place in the table"),
    ),
    _tap_schema_table(
        "keys",
        "Foreign keys between tables of this service",
        ServedColumn("key_id", "char", description="Key identifier"),
        ServedColumn("from_table", "char", description="Table that refers"),
        ServedColumn("target_table", "char", description="Table that is referred to"),
        _UTYPE,
        _DESCRIPTION,
    ),
    _tap_schema_table(
        "key_columns",
        "Columns of the foreign keys",
        ServedColumn("key_id", "char", description="Key identifier"),
        ServedColumn("from_column", "char", description="Column that refers"),
        ServedColumn("target_column", "char", description="Column that is referred to"),
    ),
)


# of TAP_SCHEMA itself, which the standard demands: table, column -> table, column
_FOREIGN_KEYS = (
    ("tables", "schema_name", "schemas", "schema_name"),
    ("columns", "table_name", "tables", "table_name"),
    ("keys", "from_table", "tables", "table_name"),
    ("keys", "target_table", "tables", "table_name"),
    ("key_columns", "key_id", "keys", "key_id"),
)


def _columns(table: ServedTable, rows: Sequence[tuple]) -> dict[str, np.ndarray]:
    """Columns of a table of TAP_SCHEMA from its rows; numbers that are null are NaN."""
    columns = {}
    for index, column in enumerate(table.columns):
        dtype = object if column.datatype == "char" else np.float64
        values = np.array([row[index] for row in rows], dtype=dtype)
        if column.datatype == "int" and not np.isnan(values).any():
            values = values.astype(np.int32)
        columns[column.name] = values
    return columns


def write_tap_schema(
    connection: duckdb.DuckDBPyConnection, served: Sequence[ServedTable] = DEMO_TABLES
) -> None:
    """Write TAP_SCHEMA for the tables that are served, and for itself.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Open for writing.
    served : sequence of ServedTable
    """
    tables = [*served, *_TAP_SCHEMA_TABLES]
    schemas = list(dict.fromkeys(table.schema for table in tables))
    schema_rows = [
        (schema, None, _SCHEMAS[schema], place) for place, schema in enumerate(schemas, 1)
    ]
    table_rows = [
        (table.schema, table.name, "table", None, table.description, place)
        for place, table in enumerate(tables, 1)
    ]
    # in the order of the columns of TAP_SCHEMA.columns
    column_rows = [
        (
            table.name,
            column.name,
            column.description,
            column.unit or None,
            column.ucd or None,
            None,
            column.datatype,
            column.arraysize,
            None,
            np.nan,
            int(column.principal),
            int(column.indexed),
            int(table.schema == "TAP_SCHEMA"),
            place,
        )
        for table in tables
        for place, column in enumerate(table.columns, 1)
    ]
    key_rows = [
        (f"k{number}", f"TAP_SCHEMA.{table}", f"TAP_SCHEMA.{target}", None, None)
        for number, (table, _, target, _) in enumerate(_FOREIGN_KEYS, 1)
    ]
    key_column_rows = [
        (f"k{number}", column, target_column)
        for number, (_, column, _, target_column) in enumerate(_FOREIGN_KEYS, 1)
    ]
    rows_of_tables = (schema_rows, table_rows, column_rows, key_rows, key_column_rows)
    for table, rows in zip(_TAP_SCHEMA_TABLES, rows_of_tables, strict=True):
        create_table(connection, table, _columns(table, rows))
