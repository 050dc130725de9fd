"""ADQL queries as DuckDB SQL: SELECT, joins, set operations, WITH.

The expressions in a query are written by `expressions.py`, its output columns by
`select_list.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from xgamma.demo.server.catalogue import Catalogue, Column, Identifier, quote, same_name
from xgamma.demo.server.expressions import ExpressionWriter, whole_number
from xgamma.demo.server.refusals import RequestRefused, not_supported, require_only
from xgamma.demo.server.scope import Scope, Source, identifier
from xgamma.demo.server.select_list import select_list

__all__ = ["Query", "QueryWriter"]

_SET_OPERATIONS = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}
_QUERIES = (exp.Select, *_SET_OPERATIONS)


@dataclass(frozen=True)
class Query:
    """A query in SQL, with its order and limits apart.

    Attributes
    ----------
    body : str
        The query without ORDER BY, TOP and OFFSET.
    columns : tuple of Column
        Its output: unique names, and what is known of the columns behind them.
    order : str
        The ORDER BY clause, or ''.
    top, offset : int or None
    tables : frozenset of str
        Names of the tables that the whole request reads.
    """

    body: str
    columns: tuple[Column, ...]
    order: str = ""
    top: int | None = None
    offset: int | None = None
    tables: frozenset[str] = frozenset()

    @property
    def sql(self) -> str:
        """The whole query; rows come in any order where none is asked for."""
        limit = "" if self.top is None else f" LIMIT {self.top}"
        offset = "" if self.offset is None else f" OFFSET {self.offset}"
        return f"{self.body}{self.order}{limit}{offset}"


class QueryWriter:
    """Writes one request's query, with all that is nested in it.

    Parameters
    ----------
    catalogue : Catalogue
        The tables that the query may name.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._named: list[tuple[Identifier, str, tuple[Column, ...]]] = []
        self._alias_count = 0
        self._tables: set[str] = set()

    def write_request(self, node: exp.Expression) -> Query:
        """Write the query that a request asks.

        Raises
        ------
        RequestRefused
            Names what is unknown or not supported.
        """
        return replace(self.write(node), tables=frozenset(self._tables))

    def write(self, node: exp.Expression, parent: Scope | None = None) -> Query:
        """Write a SELECT, a set operation, or either in parentheses."""
        # the names of a WITH end with the query that it stands before
        named_outside = len(self._named)
        prefix = self._with(node.args.get("with_"), parent)
        if isinstance(node, exp.Subquery) and isinstance(node.this.unnest(), _QUERIES):
            require_only(node, "this", "with_", "order", "offset")
            inner = self.write(node.this, parent)
            query = self._ordered_by_output(node, Query(f"({inner.sql})", inner.columns))
            if not any(node.args.get(key) for key in ("with_", "order", "offset")):
                query = inner
        elif type(node) in _SET_OPERATIONS:
            query = self._set_operation(node, parent)
        elif isinstance(node, exp.Select):
            query = self._select(node, parent)
        else:
            raise not_supported(node)
        del self._named[named_outside:]
        return replace(query, body=prefix + query.body)

    def _with(self, node: exp.With | None, parent: Scope | None) -> str:
        if node is None:
            return ""
        require_only(node, "expressions")
        definitions = []
        for definition in node.expressions:
            require_only(definition, "this", "alias")
            require_only(definition.args["alias"], "this")
            query = self.write(definition.this, parent)
            alias = self._new_alias()
            name = identifier(definition.args["alias"].this)
            self._named.append((name, alias, query.columns))
            definitions.append(f"{quote(alias)} AS ({query.sql})")
        return f"WITH {', '.join(definitions)} "

    def _new_alias(self) -> str:
        self._alias_count += 1
        return f"t{self._alias_count}"

    def _set_operation(self, node: exp.SetOperation, parent: Scope | None) -> Query:
        require_only(node, "this", "expression", "distinct", "order", "offset", "with_")
        left, right = self.write(node.this, parent), self.write(node.expression, parent)
        name = _SET_OPERATIONS[type(node)]
        if len(left.columns) != len(right.columns):
            raise RequestRefused(
                f"ADQL: {name} joins {len(left.columns)} column(s) to {len(right.columns)}"
            )
        columns = tuple(
            first if _same_meaning(first, second) else Column(first.name)
            for first, second in zip(left.columns, right.columns, strict=True)
        )
        operator = name if node.args.get("distinct") else f"{name} ALL"
        body = f"({left.sql}) {operator} ({right.sql})"
        return self._ordered_by_output(node, Query(body, columns))

    def _ordered_by_output(self, node: exp.Expression, query: Query) -> Query:
        """Add ORDER BY and OFFSET where only the names of the output can be meant."""
        terms = []
        for term in _order_terms(node):
            position = _output_position(term.this, query.columns)
            if position is None:
                raise RequestRefused(
                    f"ADQL: ORDER BY {term.this.sql()} names no column of the query's output"
                )
            terms.append(f"{position}{_direction(term)}")
        return replace(query, order=_order_clause(terms), offset=_offset(node))

    def _select(self, node: exp.Select, parent: Scope | None) -> Query:
        require_only(
            node, "with_", "expressions", "distinct", "limit", "from_", "joins", "where",
            "group", "having", "order", "offset", "operation_modifiers",
        )  # fmt: skip
        if not node.expressions:
            raise RequestRefused("ADQL: SELECT without columns")
        scope = Scope(parent, lambda subquery, outer_scope: self.write(subquery, outer_scope).sql)
        writer = ExpressionWriter(scope)
        clauses = []
        if node.args.get("from_") is not None:
            sources = self._from_item(node.args["from_"].this, scope)
            joins = (self._join(join, scope) for join in node.args.get("joins") or ())
            clauses.append(f" FROM {' '.join((sources, *joins))}")
        if node.args.get("where") is not None:
            clauses.append(f" WHERE {writer.write(node.args['where'].this)}")
        items = select_list(node.expressions, scope, writer)
        having = node.args.get("having")
        having_clause = "" if having is None else f" HAVING {writer.write(having.this)}"
        scope.output_names = {item.name.lower(): item.sql for item in items}
        if node.args.get("group") is not None:
            require_only(node.args["group"], "expressions")
            terms = ", ".join(map(writer.write, node.args["group"].expressions))
            clauses.append(f" GROUP BY {terms}")
        clauses.append(having_clause)
        columns = tuple(replace(item.column, name=item.name) for item in items)
        order = []
        for term in _order_terms(node):
            position = _output_position(term.this, columns)
            order.append(f"{position or writer.write(term.this)}{_direction(term)}")
        selected = ", ".join(f"{item.sql} AS {quote(item.name)}" for item in items)
        return Query(
            body=f"SELECT {_distinct(node)}{selected}{''.join(clauses)}",
            columns=columns,
            order=_order_clause(order),
            top=_top(node),
            offset=_offset(node),
        )

    def _from_item(self, node: exp.Expression, scope: Scope) -> str:
        """Write what stands in FROM, and put its columns in sight."""
        joins = [*(node.args.get("joins") or ())]
        if isinstance(node, exp.Table):
            source = self._table(node, scope)
        elif isinstance(node, exp.Subquery) and isinstance(node.this.unnest(), _QUERIES):
            require_only(node, "this", "alias", "joins")
            source = self._derived_table(node, scope)
        elif isinstance(node, exp.Subquery):
            require_only(node, "this", "joins")
            source = f"({self._from_item(node.this, scope)})"
        else:
            raise not_supported(node)
        return " ".join((source, *(self._join(join, scope) for join in joins)))

    def _table(self, node: exp.Table, scope: Scope) -> str:
        if not isinstance(node.this, exp.Identifier):
            raise not_supported(node.this, f"the table function {node.this.name.upper()}")
        require_only(node, "this", "db", "alias", "joins")
        parts = [identifier(node.args[part]) for part in ("db", "this") if node.args.get(part)]
        names = self._alias_of(node) or tuple(parts)
        alias = self._new_alias()
        for name, source, columns in reversed(self._named):
            if len(parts) == 1 and same_name(name.name, parts[0]):
                scope.add(Source(names, alias, columns))
                return f"{quote(source)} AS {quote(alias)}"
        table = self._catalogue.table(parts)
        self._tables.add(table.name)
        scope.add(Source(names, alias, table.columns))
        return f"{table.source} AS {quote(alias)}"

    def _derived_table(self, node: exp.Subquery, scope: Scope) -> str:
        query = self.write(node.this)
        alias = self._new_alias()
        scope.add(Source(self._alias_of(node), alias, query.columns))
        return f"({query.sql}) AS {quote(alias)}"

    def _alias_of(self, node: exp.Expression) -> tuple[Identifier, ...]:
        alias = node.args.get("alias")
        if alias is None:
            return ()
        require_only(alias, "this")
        return (identifier(alias.this),)

    def _join(self, node: exp.Join, scope: Scope) -> str:
        require_only(node, "this", "side", "kind", "method", "on", "using")
        side, kind = node.side.upper(), node.kind.upper()
        method = node.method.upper()
        if side not in ("", "LEFT", "RIGHT", "FULL") or kind not in ("", "INNER", "OUTER", "CROSS"):
            raise not_supported(node, f"{side} {kind} JOIN".strip())
        if method not in ("", "NATURAL"):
            raise not_supported(node, f"{method} JOIN")
        earlier = list(scope.sources)
        source = self._from_item(node.this, scope)
        added = scope.sources[len(earlier) :]
        if node.args.get("on") is not None:
            condition = ExpressionWriter(scope).write(node.args["on"])
        elif node.args.get("using") or method:
            if side in ("RIGHT", "FULL"):
                raise not_supported(node, f"USING or NATURAL in a {side} JOIN")
            names = [identifier(name) for name in node.args.get("using") or ()]
            condition = _equal_columns(names or _common_columns(earlier, added), earlier, added)
        else:
            return f"CROSS JOIN {source}"
        return f"{side or 'INNER'} JOIN {source} ON {condition}"


def _equal_columns(
    names: Sequence[Identifier], left: Sequence[Source], right: Sequence[Source]
) -> str:
    """Write a join by name, and let ``*`` show each of the columns once."""
    conditions = []
    for name, delimited in names:
        node = exp.column(exp.to_identifier(name, quoted=delimited))
        found = []
        for sources in (left, right):
            scope = Scope(None, lambda *_: "")
            scope.sources = list(sources)
            found.append(scope.find(node))
        (left_source, left_column), (right_source, right_column) = found
        conditions.append(f"{left_source.sql(left_column)} = {right_source.sql(right_column)}")
        right_source.merged.add(right_column.name.lower())
    return " AND ".join(conditions)


def _common_columns(left: Sequence[Source], right: Sequence[Source]) -> list[Identifier]:
    """Columns that a NATURAL JOIN makes equal: those of the right side that the left has too."""
    on_the_left = {column.name.lower() for source in left for column in source.visible()}
    on_the_right = [column.name for source in right for column in source.visible()]
    names = [Identifier(name, False) for name in on_the_right if name.lower() in on_the_left]
    if not names:
        raise RequestRefused("ADQL: NATURAL JOIN of tables that have no column in common")
    return names


def _same_meaning(first: Column, second: Column) -> bool:
    return (first.unit, first.ucd) == (second.unit, second.ucd)


def _distinct(node: exp.Select) -> str:
    distinct = node.args.get("distinct")
    if distinct is None:
        return ""
    require_only(distinct)
    return "DISTINCT "


def _order_terms(node: exp.Expression) -> list[exp.Ordered]:
    order = node.args.get("order")
    if order is None:
        return []
    require_only(order, "expressions")
    for term in order.expressions:
        if not isinstance(term, exp.Ordered):
            raise not_supported(term)
        require_only(term, "this", "desc")
    return order.expressions


def _direction(term: exp.Ordered) -> str:
    return " DESC" if term.args.get("desc") else ""


def _order_clause(terms: Sequence[str]) -> str:
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def _output_position(node: exp.Expression, columns: Sequence[Column]) -> int | None:
    """Position of the output column that an ORDER BY term names or numbers, from 1."""
    if isinstance(node, exp.Literal):
        position = whole_number(node, "ORDER BY")
        if not 1 <= position <= len(columns):
            raise RequestRefused(
                f"ADQL: ORDER BY {position}: the query has {len(columns)} column(s)"
            )
        return position
    if isinstance(node, exp.Column) and not node.args.get("table"):
        names = [column.name.lower() for column in columns]
        if node.name.lower() in names:
            return names.index(node.name.lower()) + 1
    return None


def _top(node: exp.Select) -> int | None:
    limit = node.args.get("limit")
    if limit is None:
        return None
    if not isinstance(limit, exp.Limit):
        raise not_supported(limit)
    require_only(limit, "expression")
    return whole_number(limit.expression, "TOP")


def _offset(node: exp.Expression) -> int | None:
    offset = node.args.get("offset")
    if offset is None:
        return None
    require_only(offset, "expression")
    return whole_number(offset.expression, "OFFSET")
