"""The output columns of a SELECT: their names, and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from xgamma.demo.server.catalogue import Column
from xgamma.demo.server.expressions import ExpressionWriter
from xgamma.demo.server.functions import FUNCTIONS
from xgamma.demo.server.refusals import require_only
from xgamma.demo.server.scope import Scope, identifier

__all__ = ["select_list"]

_SEPARATION = Column("distance", unit="deg", ucd="pos.angDistance")


@dataclass(frozen=True)
class Item:
    """One output column of a SELECT.

    Attributes
    ----------
    name : str
    sql : str
    column : Column
        What is known of the column behind it: everything if the item is a plain
        column, the unit and UCD of a DISTANCE, else nothing.
    table : str
        How the query calls the table of a plain column without an alias, else ''.
    """

    name: str
    sql: str
    column: Column
    table: str = ""


def select_list(
    terms: Sequence[exp.Expression], scope: Scope, writer: ExpressionWriter
) -> list[Item]:
    """Write the terms of a SELECT.

    Parameters
    ----------
    terms : sequence of sqlglot.exp.Expression
        What stands between SELECT and FROM.
    scope : Scope
        The tables that the SELECT sees.
    writer : ExpressionWriter

    Returns
    -------
    list of Item
        Their names are unique, whatever their case. As at HEASARC, columns of the same
        name are called ``table_column`` each, with the table's alias, and a function
        gives its name: ``count``. What still has no name of its own gets its position:
        ``count_3``, ``column_3``.

    Raises
    ------
    RequestRefused
        Names what is not supported or not known.
    """
    items = [item for term in terms for item in _items(term, scope, writer)]
    wanted_names = [item.name.lower() for item in items]
    taken: set[str] = set()
    named = []
    for position, item in enumerate(items, start=1):
        name = item.name or f"column_{position}"
        if item.table and wanted_names.count(name.lower()) > 1:
            name = f"{item.table}_{name}"
        while name.lower() in taken:
            name = f"{name}_{position}"
        taken.add(name.lower())
        named.append(replace(item, name=name))
    return named


def _items(term: exp.Expression, scope: Scope, writer: ExpressionWriter) -> list[Item]:
    """Write one term of a SELECT list; a ``*`` gives several columns."""
    starred = isinstance(term, exp.Star) or (
        isinstance(term, exp.Column) and isinstance(term.this, exp.Star)
    )
    if starred:
        require_only(term if isinstance(term, exp.Star) else term.this)
        qualifier = [identifier(term.args[part]) for part in ("db", "table") if term.args.get(part)]
        return [
            Item(column.name, source.sql(column), column, source.label)
            for source, column in scope.star(qualifier)
        ]
    alias = ""
    if isinstance(term, exp.Alias):
        alias, term = identifier(term.args["alias"]).name, term.this
    value = term.unnest()
    if isinstance(value, exp.Column):
        source, column = scope.find(value)
        name = alias or column.name
        return [Item(name, source.sql(column), column, "" if alias else source.label)]
    function = value.name.upper() if isinstance(value, exp.Anonymous) else ""
    name = alias or (function.lower() if function in FUNCTIONS else "")
    column = _SEPARATION if function == "DISTANCE" else Column("")
    return [Item(name, writer.write(term), column)]
