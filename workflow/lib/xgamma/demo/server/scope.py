"""The tables that a SELECT sees, and the column that a name in it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from xgamma.demo.server.catalogue import Column, Identifier, quote, same_name
from xgamma.demo.server.refusals import RequestRefused, not_supported, require_only

__all__ = ["Scope", "Source", "identifier"]


def identifier(node: exp.Expression) -> Identifier:
    """Read an identifier.

    Parameters
    ----------
    node : sqlglot.exp.Expression

    Returns
    -------
    Identifier

    Raises
    ------
    RequestRefused
        If the node is none, or its name is empty.
    """
    if not isinstance(node, exp.Identifier):
        raise not_supported(node)
    if not node.name:
        raise RequestRefused("ADQL: a name is empty")
    return Identifier(node.name, bool(node.args.get("quoted")))


@dataclass
class Source:
    """A table, subquery or named query in a FROM clause.

    Attributes
    ----------
    names : tuple of Identifier
        What a query may call it: its alias, or the parts of the table's name.
    alias : str
        What the SQL calls it; unlike any other source in the whole query.
    columns : tuple of Column
    merged : set of str
        Columns (lower case) that a join by name has made one with an earlier source's.
    """

    names: tuple[Identifier, ...]
    alias: str
    columns: tuple[Column, ...]
    merged: set[str] = field(default_factory=set)

    def answers_to(self, qualifier: Sequence[Identifier]) -> bool:
        """Whether a qualifier names this source; a leading schema may be left out."""
        if not 0 < len(qualifier) <= len(self.names):
            return False
        # a name given without quotes has no case, even if it is asked for in quotes
        return all(
            same_name(given.name, Identifier(part.name, part.delimited and given.delimited))
            for given, part in zip(self.names[-len(qualifier) :], qualifier, strict=True)
        )

    def visible(self) -> Iterator[Column]:
        """Columns that ``*`` shows: those that a join has merged stand in the other table."""
        return (column for column in self.columns if column.name.lower() not in self.merged)

    def sql(self, column: Column) -> str:
        """SQL that refers to one of its columns."""
        return f"{quote(self.alias)}.{quote(column.name)}"

    @property
    def label(self) -> str:
        """How messages and doubled column names call it."""
        return self.names[-1].name if self.names else ""


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
        self.output_names: dict[str, str] = {}
        self._parent = parent
        self._write_query = write_query

    def add(self, source: Source) -> None:
        """Put a source in sight.

        Raises
        ------
        RequestRefused
            If another one has its name.
        """
        if source.names and any(other.names == source.names for other in self.sources):
            raise RequestRefused(f"ADQL: {source.label} stands for two tables; give them aliases")
        self.sources.append(source)

    def subquery(self, node: exp.Expression) -> str:
        """Write a query inside an expression; it sees these sources."""
        return self._write_query(node, self)

    def column(self, node: exp.Column) -> str:
        """Write a column reference.

        Raises
        ------
        RequestRefused
            If no source, or more than one, has such a column.
        """
        found = self.find(node)
        if found is None:
            return self.output_names[node.name.lower()]
        source, column = found
        return source.sql(column)

    def find(self, node: exp.Column) -> tuple[Source, Column] | None:
        """Find what a column reference means.

        Returns
        -------
        (Source, Column) or None
            None if it is the name of an output column.

        Raises
        ------
        RequestRefused
            If no source, or more than one, has such a column.
        """
        require_only(node, "this", "table", "db")
        name = identifier(node.this)
        qualifier = [identifier(node.args[part]) for part in ("db", "table") if node.args.get(part)]
        scope: Scope | None = self
        while scope is not None:
            matches = scope._matches(name, qualifier)
            if len(matches) > 1:
                tables = ", ".join(source.label for source, _ in matches)
                raise RequestRefused(
                    f"ADQL: the column {name.name} is ambiguous: {tables} have one each"
                )
            if matches:
                return matches[0]
            scope = scope._parent
        if not qualifier and name.name.lower() in self.output_names:
            return None
        raise RequestRefused(self._unknown_column(node, qualifier))

    def star(self, qualifier: Sequence[Identifier]) -> list[tuple[Source, Column]]:
        """Columns that ``*`` or ``table.*`` stands for.

        Parameters
        ----------
        qualifier : sequence of Identifier
            Name of the table, part by part; empty for ``*``.

        Raises
        ------
        RequestRefused
            If there is no such table, or none at all.
        """
        sources = [
            source for source in self.sources if not qualifier or source.answers_to(qualifier)
        ]
        if not sources:
            table = ".".join(part.name for part in qualifier)
            raise RequestRefused(
                f"unknown table {table} in {table}.*" if table else "* needs a table"
            )
        return [
            (source, column)
            for source in sources
            for column in (source.columns if qualifier else source.visible())
        ]

    def _matches(
        self, name: Identifier, qualifier: Sequence[Identifier]
    ) -> list[tuple[Source, Column]]:
        return [
            (source, column)
            for source in self.sources
            if not qualifier or source.answers_to(qualifier)
            for column in (source.columns if qualifier else source.visible())
            if same_name(column.name, name)
        ]

    def _unknown_column(self, node: exp.Column, qualifier: Sequence[Identifier]) -> str:
        written = ".".join(part.name for part in (*qualifier, identifier(node.this)))
        sources = [
            source for source in self.sources if not qualifier or source.answers_to(qualifier)
        ]
        if qualifier and not sources:
            return (
                f"unknown table or alias {'.'.join(part.name for part in qualifier)} in {written}"
            )
        known = "; ".join(
            f"{source.label or 'the subquery'} has "
            + ", ".join(column.name for column in source.columns)
            for source in sources
        )
        return f"unknown column {written}" + (f"; {known}" if known else "")
