"""The names of a mirror: how it spells the tables and columns of the configured service.

Queries are built for the service that the config names. A mirror holds the same rows under
other names, and `Names` translates. What its map does not have is an error: a query that
needs it is not for this mirror, and nothing becomes null because of a map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xgamma.errors import XgammaError

__all__ = ["MirrorLacks", "Names"]


class MirrorLacks(XgammaError):
    """A mirror's map has no entry for a table or column that a query needs."""


class Names:
    """The names of one service's tables and columns.

    Parameters
    ----------
    tables : mapping, optional
        Table -> {"table": str, "columns": {column: str}, "release": str, "rows": int}; `rows`
        may be left out. Tables and columns are called as the configured service calls them:
        after `xgamma.archive.catalogues.resolve_columns`, so by an alias if it uses one. Case
        does not matter. The mirror's names are as ADQL needs them, with quotes where it needs
        them. Empty for the configured service itself: everything is spelt as it is asked for.

    Attributes
    ----------
    used : set of str
        The tables asked for so far, as the configured service calls them.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._tables = {table.lower(): entry for table, entry in (tables or {}).items()}
        self.used: set[str] = set()

    def table(self, table: str) -> str:
        """The service's name of `table`.

        Raises
        ------
        MirrorLacks
            If there is a map, and it does not have the table.
        """
        self.used.add(table)
        return self._entry(table)["table"] if self._tables else table

    def column(self, table: str, column: str) -> str:
        """The service's name of a column of `table`.

        Raises
        ------
        MirrorLacks
            If there is a map, and it does not have the table or the column.
        """
        if not self._tables:
            return column
        columns = {name.lower(): spelt for name, spelt in self._entry(table)["columns"].items()}
        if column.lower() not in columns:
            raise MirrorLacks(
                f"the map has no column {table}.{column}; if the mirror has it, add it to the map "
                f"in the config"
            )
        return columns[column.lower()]

    def rows(self, table: str) -> int | None:
        """How many rows the map says that `table` has; None if it does not say."""
        return self._entry(table).get("rows") if self._tables else None

    def configured_columns(self, table: str) -> dict[str, str]:
        """The mirror's columns (lower case, no quotes: as answers name them) -> configured ones.

        Raises
        ------
        MirrorLacks
            If the map does not have the table.
        """
        columns = self._entry(table)["columns"]
        return {spelt.replace('"', "").lower(): name for name, spelt in columns.items()}

    def _entry(self, table: str) -> Mapping[str, Any]:
        if table.lower() not in self._tables:
            raise MirrorLacks(
                f"the map has no table {table}; if the mirror has it, add it to the map in the "
                f"config"
            )
        return self._tables[table.lower()]
