"""How tables and columns are spelt in ADQL: in quotes where needed, or as a mirror has them.

Queries are built for the service that the config names. A mirror holds the same rows under
other names, and `Names` translates. What its map does not have is an error: a query that
needs it is not for this mirror, and nothing becomes null because of a map.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xgamma.errors import XgammaError

__all__ = ["MirrorLacks", "Names", "bare", "quoted_if_needed"]

# a delimited identifier, or a regular one with a leading underscore more than ADQL allows
_PART = re.compile(r'"[^"]+"|[^."]+')
_REGULAR = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def quoted_if_needed(name: str) -> str:
    """A table's or column's name as ADQL takes it; parts that stand in quotes stay as they are.

    ADQL 2.0, section 2.1.2: a regular identifier starts with a letter. Many catalogues have columns
    that start with an underscore.

    >>> quoted_if_needed("_RAJ2000")
    '"_RAJ2000"'
    >>> quoted_if_needed('vizier."J/A+A/682/A34/erass1-m"')
    'vizier."J/A+A/682/A34/erass1-m"'
    """
    return ".".join(
        part if part.startswith('"') or _REGULAR.fullmatch(part) else f'"{part}"'
        for part in _PART.findall(name)
    )


def bare(name: str) -> str:
    """A name without its quotes, as services list it and answer with it."""
    return name.replace('"', "")


class MirrorLacks(XgammaError):
    """A mirror's map has no entry for a table or column that a query needs."""


class Names:
    """The names of one service's tables and columns.

    Parameters
    ----------
    tables : mapping, optional
        Table -> {"table": str, "columns": {column: str}, "release": str, "rows": int,
        "only": bool}; the last two may be left out. Tables and columns are called as the configured
        service calls them: after `xgamma.archive.catalogues.resolve_columns`, so by an alias if it
        uses one. Case does not matter. The names there are as ADQL needs them, with quotes where it
        needs them. Without a map everything is spelt as it is asked for, in quotes if ADQL takes no
        such name without (`quoted_if_needed`).
    others_too : bool
        Whether tables and columns that the map does not have are spelt as they are asked for: so
        with the map of the configured service itself, of which the description tells what is there.
        Not so the columns of a table that is mapped with "only".

    Attributes
    ----------
    used : set of str
        The tables asked for so far, as the configured service calls them.
    """

    def __init__(
        self, tables: Mapping[str, Mapping[str, Any]] | None = None, *, others_too: bool = False
    ) -> None:
        self._tables = {table.lower(): entry for table, entry in (tables or {}).items()}
        self._others_too = others_too or not self._tables
        self.used: set[str] = set()

    def table(self, table: str) -> str:
        """The service's name of `table`.

        Raises
        ------
        MirrorLacks
            If there is a map, and it does not have the table.
        """
        self.used.add(table)
        return quoted_if_needed(self._entry(table)["table"])

    def column(self, table: str, column: str) -> str:
        """The service's name of a column of `table`.

        Raises
        ------
        MirrorLacks
            If there is a map, and it does not have the table or the column.
        """
        columns = {name.lower(): spelt for name, spelt in self._entry(table)["columns"].items()}
        if column.lower() not in columns and self._others_too:
            return quoted_if_needed(column)
        if column.lower() not in columns:
            raise MirrorLacks(
                f"the map has no column {table}.{column}; if the mirror has it, add it to the map "
                f"in the config"
            )
        return quoted_if_needed(columns[column.lower()])

    def rows(self, table: str) -> int | None:
        """How many rows the map says that `table` has; None if it does not say."""
        return self._entry(table).get("rows")

    def configured_column(self, table: str, listed: str) -> str | None:
        """The configured service's name of a column; None for one that no query asks for.

        Parameters
        ----------
        table : str
            As the configured service calls it.
        listed : str
            The service's name of the column, as it lists it: without quotes.

        Raises
        ------
        MirrorLacks
            If the map does not have the table.
        """
        entry = self._entry(table)
        columns = entry["columns"]
        spelt = {bare(name).lower(): ours for ours, name in columns.items()}
        if listed.lower() in spelt or not self._others_too or entry.get("only"):
            return spelt.get(listed.lower())
        # a column that has by chance the name of one that is spelt otherwise here is another one
        return None if listed.lower() in {bare(name).lower() for name in columns} else listed

    def _entry(self, table: str) -> Mapping[str, Any]:
        if table.lower() not in self._tables and self._others_too:
            return {"table": table, "columns": {}}
        if table.lower() not in self._tables:
            raise MirrorLacks(
                f"the map has no table {table}; if the mirror has it, add it to the map in the "
                f"config"
            )
        return self._tables[table.lower()]
