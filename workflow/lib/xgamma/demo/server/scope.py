"""Which tables a SELECT sees, and which column a name in it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from xgamma.demo.server.catalogue import Column, quote, same_name
from xgamma.demo.server.errors import TapError
from xgamma.demo.server.expressions import refuse, require_only

__all__ = ["Scope", "Source", "identifier"]


def identifier(node: exp.Expression) -> tuple[str, bool]:
    """Read an identifier and whether it is delimited."""
    if not isinstance(node, exp.Identifier):
        raise refuse(node)
    if not node.name:
        raise TapError("ADQL: a name is empty")
    return node.name, bool(node.args.get("quoted"))


@dataclass
class Source:
    """A table, subquery or named query in a FROM clause.

    Attributes
    ----------
    names : tuple of (str, bool)
        What a query may call it: its alias, or the parts of the table's name;
        with each part, whether it was delimited.
    alias : str
        What the SQL calls it; unlike any other source in the whole query.
    columns : tuple of Column
    merged : set of str
        Columns (lower case) that a join by name has made one with an earlier source's.
    """

    names: tuple[tuple[str, bool], ...]
    alias: str
    columns: tuple[Column, ...]
    merged: set[str] = field(default_factory=set)

    def called(self, qualifier: Sequence[tuple[str, bool]]) -> bool:
        """Whether a qualifier names this source; a leading schema may be left out."""
        if not 0 < len(qualifier) <= len(self.names):
            return False
        last = self.names[-len(qualifier) :]
        return all(
            same_name(known, asked, delimited and known_delimited)
            for (known, known_delimited), (asked, delimited) in zip(last, qualifier, strict=True)
        )

    def visible(self) -> Iterator[Column]:
        """Columns that ``*`` shows."""
        return (column for column in self.columns if column.name.lower() not in self.merged)

    def sql(self, column: Column) -> str:
        """Write a reference to one of its columns."""
        return f"{quote(self.alias)}.{quote(column.name)}"

    @property
    def label(self) -> str:
        """How messages and doubled column names call it."""
        return self.names[-1][0] if self.names else ""


class Scope:
    """The sources of one SELECT, inside those of the query around it.

    Parameters
    ----------
    parent : Scope or None
        Where a name is looked up that none of the sources knows.
    write_query : callable
        Writes a query that stands inside an expression of this SELECT.
    """

    def __init__(
        self, parent: Scope | None, write_query: Callable[[exp.Expression, Scope], str]
    ) -> None:
        self.sources: list[Source] = []
        #: Output names that GROUP BY and ORDER BY may use, with what they stand for.
        self.aliases: dict[str, str] = {}
        self._parent = parent
        self._write_query = write_query

    def add(self, source: Source) -> None:
        """Put a source in sight.

        Raises
        ------
        TapError
            If another one has its name.
        """
        if source.names and any(other.names == source.names for other in self.sources):
            raise TapError(f"ADQL: {source.label} stands for two tables; give them aliases")
        self.sources.append(source)

    def subquery(self, node: exp.Expression) -> str:
        """Write a query inside an expression; it sees these sources."""
        return self._write_query(node, self)

    def column(self, node: exp.Column) -> str:
        """Write a column reference.

        Raises
        ------
        TapError
            If no source, or more than one, has such a column.
        """
        found = self.find(node)
        if found is None:
            return self.aliases[node.name.lower()]
        source, column = found
        return source.sql(column)

    def find(self, node: exp.Column) -> tuple[Source, Column] | None:
        """Find what a column reference means; None if it is an output name."""
        require_only(node, "this", "table", "db")
        name = identifier(node.this)
        qualifier = [identifier(node.args[part]) for part in ("db", "table") if node.args.get(part)]
        scope: Scope | None = self
        while scope is not None:
            matches = scope._matches(name, qualifier)
            if len(matches) > 1:
                tables = ", ".join(source.label for source, _ in matches)
                raise TapError(f"ADQL: the column {name[0]} is ambiguous: {tables} have one each")
            if matches:
                return matches[0]
            scope = scope._parent
        if not qualifier and name[0].lower() in self.aliases:
            return None
        raise TapError(self._unknown(node, qualifier))

    def star(self, qualifier: Sequence[tuple[str, bool]]) -> list[tuple[Source, Column]]:
        """Columns that ``*`` or ``table.*`` stands for."""
        sources = [source for source in self.sources if not qualifier or source.called(qualifier)]
        if not sources:
            asked = ".".join(part for part, _ in qualifier)
            raise TapError(f"unknown table {asked} in {asked}.*" if asked else "* needs a table")
        return [
            (source, column)
            for source in sources
            for column in (source.columns if qualifier else source.visible())
        ]

    def _matches(
        self, name: tuple[str, bool], qualifier: Sequence[tuple[str, bool]]
    ) -> list[tuple[Source, Column]]:
        return [
            (source, column)
            for source in self.sources
            if not qualifier or source.called(qualifier)
            for column in (source.columns if qualifier else source.visible())
            if same_name(column.name, *name)
        ]

    def _unknown(self, node: exp.Column, qualifier: Sequence[tuple[str, bool]]) -> str:
        asked = ".".join(part for part, _ in (*qualifier, identifier(node.this)))
        sources = [source for source in self.sources if not qualifier or source.called(qualifier)]
        if qualifier and not sources:
            return f"unknown table or alias {'.'.join(part for part, _ in qualifier)} in {asked}"
        known = "; ".join(
            f"{source.label or 'the subquery'} has "
            + ", ".join(column.name for column in source.columns)
            for source in sources
        )
        return f"unknown column {asked}" + (f"; {known}" if known else "")
