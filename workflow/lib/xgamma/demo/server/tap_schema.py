"""TAP_SCHEMA of the demo archive (TAP 1.1, section 4), written into its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xgamma.demo.columns import ServedColumn, ServedTable
from xgamma.demo.storage import create_table
from xgamma.demo.tables import DEMO_TABLES

if TYPE_CHECKING:
    import duckdb

__all__ = ["TAP_SCHEMA_TABLES", "write_tap_schema"]

C = ServedColumn

_SCHEMAS = {
    "heasarc": "Tables named and shaped as at HEASARC; Chandra rows are simulated",
    "gaiadr3": "A table named and shaped as in ESA's Gaia archive; all rows are simulated",
    "irsa": "A table named and shaped as at IRSA; all rows are simulated",
    "TAP_SCHEMA": "The tables that describe the tables of this service",
}


def _tap_schema_table(name: str, description: str, *columns: ServedColumn) -> ServedTable:
    return ServedTable(
        f"TAP_SCHEMA.{name}", "TAP_SCHEMA", f"tap_schema.{name}", description, columns
    )


_UTYPE = C("utype", "char", description="Utype, if one applies", principal=False)
_ABOUT = C("description", "char", description="Description")

TAP_SCHEMA_TABLES: tuple[ServedTable, ...] = (
    _tap_schema_table(
        "schemas",
        "Schemas of this service",
        C("schema_name", "char", description="Schema name"),
        _UTYPE,
        _ABOUT,
        C("schema_index", "int", description="Place in a list"),
    ),
    _tap_schema_table(
        "tables",
        "Tables of this service",
        C("schema_name", "char", description="Schema that the table belongs to"),
        C("table_name", "char", description="Table name as queries spell it"),
        C("table_type", "char", description="table or view"),
        _UTYPE,
        _ABOUT,
        C("table_index", "int", description="Place in a list"),
    ),
    _tap_schema_table(
        "columns",
        "Columns of the tables of this service",
        C("table_name", "char", description="Table that the column belongs to"),
        C("column_name", "char", description="Column name"),
        _ABOUT,
        C("unit", "char", description="Unit"),
        C("ucd", "char", description="UCD"),
        _UTYPE,
        C("datatype", "char", description="VOTable datatype"),
        C("arraysize", "char", description="VOTable arraysize"),
        C("xtype", "char", description="VOTable xtype", principal=False),
        C("size", "int", description="Deprecated: length of arraysize", principal=False),
        C("principal", "int", description="1 if the column belongs to a first look"),
        C("indexed", "int", description="1 if a range in the column is found quickly"),
        C("std", "int", description="1 if a standard defines the column"),
        C("column_index", "int", description="Place in the table"),
    ),
    _tap_schema_table(
        "keys",
        "Foreign keys between tables of this service",
        C("key_id", "char", description="Key identifier"),
        C("from_table", "char", description="Table that refers"),
        C("target_table", "char", description="Table that is referred to"),
        _UTYPE,
        _ABOUT,
    ),
    _tap_schema_table(
        "key_columns",
        "Columns of the foreign keys",
        C("key_id", "char", description="Key identifier"),
        C("from_column", "char", description="Column that refers"),
        C("target_column", "char", description="Column that is referred to"),
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


def _records(table: ServedTable, records: Sequence[tuple]) -> dict[str, np.ndarray]:
    columns = {}
    for index, column in enumerate(table.columns):
        kind = object if column.datatype == "char" else np.float64
        columns[column.name] = np.array([r[index] for r in records], dtype=kind)
        if column.datatype == "int" and not np.isnan(columns[column.name]).any():
            columns[column.name] = columns[column.name].astype(np.int32)
    return columns


def write_tap_schema(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[ServedTable] = DEMO_TABLES
) -> None:
    """Write TAP_SCHEMA (TAP 1.1, section 4) for `tables` and for itself."""
    listed = [*tables, *TAP_SCHEMA_TABLES]
    schemas = list(dict.fromkeys(t.schema for t in listed))
    schema_rows = [(s, None, _SCHEMAS[s], i) for i, s in enumerate(schemas, 1)]
    table_rows = [
        (t.schema, t.name, "table", None, t.description, i) for i, t in enumerate(listed, 1)
    ]
    column_rows = [
        (
            t.name,
            c.name,
            c.description,
            c.unit or None,
            c.ucd or None,
            None,
            c.datatype,
            c.arraysize,
            None,
            np.nan,
            int(c.principal),
            int(c.indexed),
            int(t.schema == "TAP_SCHEMA"),
            i,
        )
        for t in listed
        for i, c in enumerate(t.columns, 1)
    ]
    key_rows = [
        (f"k{i}", f"TAP_SCHEMA.{source}", f"TAP_SCHEMA.{target}", None, None)
        for i, (source, _, target, _) in enumerate(_FOREIGN_KEYS, 1)
    ]
    key_column_rows = [(f"k{i}", key[1], key[3]) for i, key in enumerate(_FOREIGN_KEYS, 1)]
    rows = (schema_rows, table_rows, column_rows, key_rows, key_column_rows)
    for table, records in zip(TAP_SCHEMA_TABLES, rows, strict=True):
        create_table(connection, table, _records(table, records))
