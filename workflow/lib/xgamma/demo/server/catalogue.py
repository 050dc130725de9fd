"""What a service publishes: schemas, tables and columns, as its TAP_SCHEMA lists them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from xgamma.demo.server.refusals import RequestRefused

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "SERVICES",
    "Catalogue",
    "Column",
    "ForeignKey",
    "Identifier",
    "Schema",
    "Table",
    "load_catalogue",
    "quote",
    "same_name",
]

#: The services that share one file, and the tables that each of them publishes.
#: ``None`` publishes everything.
SERVICES: dict[str, tuple[str, ...] | None] = {
    "/heasarc/tap": ("csc", "fermilpsc", "chanmaster"),
    "/gaia/tap": ("gaiadr3.gaia_source",),
    "/irsa/tap": ("fp_psc", "allwise_p3as_psd"),
    "/tap": None,
}

_TAP_SCHEMA = "tap_schema"

#: Words that ADQL reserves and archives call columns by. Metadata gives these names
#: delimited, ready for a query; this service takes them bare as well.
_RESERVED = ("date", "day", "hour", "month", "position", "size", "time", "timestamp", "year")


def quote(identifier: str) -> str:
    """Write an identifier so that SQL takes it literally."""
    return '"' + identifier.replace('"', '""') + '"'


def _text_literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


class Identifier(NamedTuple):
    """A name as a query writes it, and whether it is delimited: then its case matters."""

    name: str
    delimited: bool


@dataclass(frozen=True)
class Column:
    """A column and what a VOTable can say about it.

    Attributes
    ----------
    name : str
    datatype, arraysize, unit, ucd, utype, xtype, description : str
        '' stands for "not given".
    indexed : bool
        Whether a range in this column is found quickly.
    std : bool
        Whether a standard defines the column.
    """

    name: str
    datatype: str = ""
    arraysize: str = ""
    unit: str = ""
    ucd: str = ""
    utype: str = ""
    xtype: str = ""
    description: str = ""
    indexed: bool = False
    std: bool = False

    @property
    def published_name(self) -> str:
        """The name as metadata gives it: fit for a query."""
        return quote(self.name) if self.name.lower() in _RESERVED else self.name


@dataclass(frozen=True)
class ForeignKey:
    """Columns of a table that refer to those of another, as (from, target) pairs."""

    target: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table that queries may name.

    Attributes
    ----------
    name : str
        As queries write it, with its schema when it has one: ``gaiadr3.gaia_source``.
    schema : str
        Schema under which TAP_SCHEMA lists it.
    source : str
        SQL that stands for the table in a FROM clause.
    columns : tuple of Column
    """

    name: str
    schema: str
    source: str
    columns: tuple[Column, ...]
    kind: str = "table"
    utype: str = ""
    description: str = ""
    foreign_keys: tuple[ForeignKey, ...] = ()


@dataclass(frozen=True)
class Schema:
    """A group of tables."""

    name: str
    description: str


@dataclass(frozen=True)
class Catalogue:
    """The schemas and tables of one service, in the order in which they are listed."""

    schemas: tuple[Schema, ...]
    tables: tuple[Table, ...]

    def table(self, parts: Sequence[Identifier]) -> Table:
        """Find the table that a query names.

        Parameters
        ----------
        parts : sequence of Identifier
            The dotted name, part by part.

        Raises
        ------
        RequestRefused
            When the service has no such table.
        """
        for table in self.tables:
            names = table.name.split(".")
            if len(names) == len(parts) and all(
                same_name(name, part) for name, part in zip(names, parts, strict=True)
            ):
                return table
        unknown = ".".join(part.name for part in parts)
        listed = ", ".join(table.name for table in self.tables)
        raise RequestRefused(f"unknown table {unknown}; this service has {listed}")

    def with_tables(self, tables: Iterable[Table]) -> Catalogue:
        """Add tables, such as those that come with a request."""
        return Catalogue(self.schemas, (*self.tables, *tables))


def same_name(name: str, identifier: Identifier) -> bool:
    """Whether an identifier means this name: ADQL ignores the case unless it is delimited."""
    if identifier.delimited:
        return name == identifier.name
    return name.lower() == identifier.name.lower()


def load_catalogue(
    connection: duckdb.DuckDBPyConnection, published: Sequence[str] | None = None
) -> Catalogue:
    """Read what a service publishes.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        A connection whose default database holds the schema ``tap_schema``.
    published : sequence of str, optional
        Names of the tables to publish beside TAP_SCHEMA itself; all by default.

    Returns
    -------
    Catalogue
        TAP_SCHEMA's own tables are restricted to rows about the published ones.
    """
    columns: dict[str, list[Column]] = {}
    for table_name, *values, indexed, std in connection.execute(
        "SELECT table_name, column_name, datatype, arraysize, unit, ucd, utype, xtype,"
        " description, indexed, std FROM tap_schema.columns"
        " ORDER BY table_name, column_index, column_name"
    ).fetchall():
        name, *texts = ["" if value is None else str(value) for value in values]
        column = Column(name.strip('"'), *texts, indexed=bool(indexed), std=bool(std))
        columns.setdefault(table_name, []).append(column)

    rows = [
        row
        for row in connection.execute(
            "SELECT schema_name, table_name, table_type, coalesce(utype, ''),"
            " coalesce(description, '') FROM tap_schema.tables"
            " ORDER BY table_index, table_name"
        ).fetchall()
        if published is None or row[1] in published or _in_tap_schema(row[1])
    ]
    keys = _foreign_keys(connection)
    names = [row[1] for row in rows]
    schema_names = sorted({row[0] for row in rows})
    tables = tuple(
        Table(
            name=name,
            schema=schema,
            source=_source_sql(name, names, schema_names),
            columns=tuple(columns.get(name, ())),
            kind=kind or "table",
            utype=utype,
            description=description,
            foreign_keys=tuple(key for key in keys.get(name, ()) if key.target in names),
        )
        for schema, name, kind, utype, description in rows
    )
    schemas = tuple(
        Schema(name, description)
        for name, description in connection.execute(
            "SELECT schema_name, coalesce(description, '')"
            " FROM tap_schema.schemas ORDER BY schema_index, schema_name"
        ).fetchall()
        if name in schema_names
    )
    return Catalogue(schemas, tables)


def _foreign_keys(connection: duckdb.DuckDBPyConnection) -> dict[str, list[ForeignKey]]:
    """The foreign keys of each table that has any."""
    keys: dict[str, list[ForeignKey]] = {}
    for table, target, columns in connection.execute(
        "SELECT from_table, target_table,"
        " list((from_column, target_column) ORDER BY from_column, target_column)"
        " FROM tap_schema.keys JOIN tap_schema.key_columns USING (key_id)"
        " GROUP BY key_id, from_table, target_table ORDER BY key_id"
    ).fetchall():
        keys.setdefault(table, []).append(ForeignKey(target, tuple(columns)))
    return keys


def _in_tap_schema(table_name: str) -> bool:
    return table_name.lower().startswith(f"{_TAP_SCHEMA}.")


def _source_sql(name: str, tables: Sequence[str], schemas: Sequence[str]) -> str:
    """SQL that stands for a table; TAP_SCHEMA's tables show only what is published."""
    parts = name.split(".")
    if len(parts) == 1:
        parts = ["main", *parts]
    physical = ".".join(quote(part) for part in parts)
    if not _in_tap_schema(name):
        return physical
    table_list = ", ".join(map(_text_literal, tables))
    schema_list = ", ".join(map(_text_literal, schemas))
    of_keys = f"from_table IN ({table_list}) AND target_table IN ({table_list})"
    condition = {
        "schemas": f"schema_name IN ({schema_list})",
        "tables": f"table_name IN ({table_list})",
        "columns": f"table_name IN ({table_list})",
        "keys": of_keys,
        "key_columns": f"key_id IN (SELECT key_id FROM tap_schema.keys WHERE {of_keys})",
    }.get(parts[-1].lower())
    if condition is None:
        return physical
    selected = "*"
    if parts[-1].lower() == "columns":
        reserved = ", ".join(map(_text_literal, _RESERVED))
        delimited = f"""if(column_name IN ({reserved}), '"' || column_name || '"', column_name)"""
        selected = f"* REPLACE ({delimited} AS column_name)"
    return f"(SELECT {selected} FROM {physical} WHERE {condition})"
