"""How a service spells our tables and columns.

Queries are built for the service that the config names. A mirror holds the same rows under
other names, and `Names` translates. What its map does not have is an error: a query that
needs it is not for this mirror, and nothing becomes null because of a map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xgamma.errors import XgammaError

__all__ = ["MirrorLacks", "Names", "unquoted"]


class MirrorLacks(XgammaError):
    """A mirror's map has no entry for a table or column that a query needs."""


def unquoted(identifier: str) -> str:
    """An ADQL identifier without its double quotes, lower case: as answers name columns."""
    return identifier.replace('"', "").lower()


class Names:
    """The names of one service's tables and columns.

    Parameters
    ----------
    tables : mapping, optional
        Our table -> {"table": theirs, "columns": {ours: theirs}, "release": str, "rows": int};
        `rows` may be left out. *Ours* is what the configured service calls it:
        after `xgamma.archive.catalogues.resolve_columns`, so an alias if that service uses one.
        Case does not matter. *Theirs* is as ADQL needs it, with quotes where it needs them.
        Empty for the configured service itself: everything is spelt as it is asked for.

    Attributes
    ----------
    used : set of str
        Our names of the tables asked for so far.
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
        columns = {ours.lower(): theirs for ours, theirs in self._entry(table)["columns"].items()}
        if column.lower() not in columns:
            raise MirrorLacks(
                f"the map has no column {table}.{column}; if the mirror has it, add it to the map "
                f"in the config"
            )
        return columns[column.lower()]

    def rows(self, table: str) -> int | None:
        """How many rows the map says that `table` has; None if it does not say."""
        return self._entry(table).get("rows") if self._tables else None

    def ours(self, table: str) -> dict[str, str]:
        """Their column (lower case, no quotes) -> ours; empty for the configured service."""
        if not self._tables:
            return {}
        return {unquoted(theirs): ours for ours, theirs in self._entry(table)["columns"].items()}

    def _entry(self, table: str) -> Mapping[str, Any]:
        if table.lower() not in self._tables:
            raise MirrorLacks(
                f"the map has no table {table}; if the mirror has it, add it to the map in the "
                f"config"
            )
        return self._tables[table.lower()]
