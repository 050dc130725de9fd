"""ADQL expressions as DuckDB SQL, node by node of the syntax tree.

Nothing of the query's text reaches the database: every kind of node that is known here
is written anew, and every other kind is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from xgamma.demo.server import regions
from xgamma.demo.server.functions import FUNCTIONS, TYPES
from xgamma.demo.server.refusals import RequestRefused, not_supported, require_only
from xgamma.demo.server.scope import Scope

__all__ = ["ExpressionWriter", "whole_number"]

_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.DPipe: "||"}
_COMPARISON = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_LOGIC = {exp.And: "AND", exp.Or: "OR"}
_LIKE = {exp.Like: "LIKE", exp.ILike: "ILIKE"}

#: What ADQL calls types that sqlglot calls otherwise.
_TYPE_NAMES = {"INT": "INTEGER", "FLOAT": "REAL", "DOUBLE": "DOUBLE PRECISION"}

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: Coordinate systems that ADQL 2.0 may name first in POINT and CIRCLE.
_COORDINATE_SYSTEMS = ("", "ICRS")


def whole_number(node: exp.Expression | None, where: str) -> int:
    """Read a count that is written as a plain number.

    Parameters
    ----------
    node : sqlglot.exp.Expression or None
    where : str
        What takes the number, for the message: 'TOP'.

    Returns
    -------
    int

    Raises
    ------
    RequestRefused
        If it is anything else.
    """
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
        return int(node.name)
    text = "nothing" if node is None else node.sql()
    raise RequestRefused(f"ADQL: {where} takes a whole number, not {text}")


class ExpressionWriter:
    """Writes the expressions of one SELECT.

    Parameters
    ----------
    scope : Scope
        Resolves the names of columns, and writes subqueries.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._writers: dict[type[exp.Expression], Callable[..., str]] = {
            exp.Literal: self._literal,
            exp.Null: lambda node: "NULL",
            exp.Paren: self._paren,
            exp.Neg: self._negative,
            exp.Not: self._not,
            exp.Column: self._scope.column,
            exp.Between: self._between,
            exp.In: self._in,
            exp.Is: self._is,
            exp.Exists: self._exists,
            exp.Case: self._case,
            exp.Cast: self._cast,
            exp.Subquery: self._scalar_subquery,
            exp.Anonymous: self._function,
            **dict.fromkeys(_ARITHMETIC, self._arithmetic),
            **dict.fromkeys(_COMPARISON, self._comparison),
            **dict.fromkeys(_LOGIC, self._logic),
            **dict.fromkeys(_LIKE, self._like),
        }

    def write(self, node: exp.Expression) -> str:
        """Write an expression as SQL.

        Parameters
        ----------
        node : sqlglot.exp.Expression

        Returns
        -------
        str
            In parentheses where something could bind to a part of it.

        Raises
        ------
        RequestRefused
            Names what is not supported or not known.
        """
        writer = self._writers.get(type(node))
        if writer is None:
            raise not_supported(node)
        return writer(node)

    def _literal(self, node: exp.Literal) -> str:
        if node.is_string:
            return "'" + node.this.replace("'", "''") + "'"
        if _NUMBER.fullmatch(node.this) is None:
            raise not_supported(node, "this number")
        # DuckDB reads 1.5 as an exact decimal and 1.5e0 as the double that ADQL means.
        exact_decimal = "." in node.this and "e" not in node.this.lower()
        return f"{node.this}e0" if exact_decimal else node.this

    def _paren(self, node: exp.Paren) -> str:
        return f"({self.write(node.this)})"

    def _negative(self, node: exp.Neg) -> str:
        return f"(- {self.write(node.this)})"

    def _not(self, node: exp.Not) -> str:
        return f"(NOT {self.write(node.this)})"

    def _arithmetic(self, node: exp.Binary) -> str:
        return self._binary(node, _ARITHMETIC[type(node)])

    def _logic(self, node: exp.Binary) -> str:
        return self._binary(node, _LOGIC[type(node)])

    def _binary(self, node: exp.Binary, operator: str) -> str:
        return f"({self.write(node.left)} {operator} {self.write(node.right)})"

    def _like(self, node: exp.Binary) -> str:
        require_only(node, "this", "expression", "negate")
        operator = ("NOT " if node.args.get("negate") else "") + _LIKE[type(node)]
        return self._binary(node, operator)

    def _between(self, node: exp.Between) -> str:
        require_only(node, "this", "low", "high")
        value, low, high = (self.write(node.args[key]) for key in ("this", "low", "high"))
        return f"({value} BETWEEN {low} AND {high})"

    def _in(self, node: exp.In) -> str:
        require_only(node, "this", "expressions", "query")
        query = node.args.get("query")
        members = (
            self._scope.subquery(query.this)
            if query is not None
            else ", ".join(map(self.write, node.expressions))
        )
        return f"({self.write(node.this)} IN ({members}))"

    def _is(self, node: exp.Is) -> str:
        if not isinstance(node.expression, exp.Null):
            raise not_supported(node, "IS with anything but NULL")
        return f"({self.write(node.this)} IS NULL)"

    def _exists(self, node: exp.Exists) -> str:
        return f"EXISTS ({self._scope.subquery(node.this)})"

    def _scalar_subquery(self, node: exp.Subquery) -> str:
        require_only(node, "this")
        return f"({self._scope.subquery(node.this)})"

    def _case(self, node: exp.Case) -> str:
        parts = ["CASE"]
        if node.this is not None:
            parts.append(self.write(node.this))
        for branch in node.args["ifs"]:
            parts.append(f"WHEN {self.write(branch.this)} THEN {self.write(branch.args['true'])}")
        if node.args.get("default") is not None:
            parts.append(f"ELSE {self.write(node.args['default'])}")
        return f"({' '.join(parts)} END)"

    def _cast(self, node: exp.Cast) -> str:
        require_only(node, "this", "to")
        name = _TYPE_NAMES.get(node.to.this.name, node.to.this.name)
        lengths = [whole_number(parameter.this, "a length") for parameter in node.to.expressions]
        key = f"{name}(n)" if len(lengths) == 1 else name
        if key not in TYPES or len(lengths) > 1:
            raise RequestRefused(
                f"ADQL: CAST to {node.to.sql()} is not supported; {', '.join(TYPES)} are"
            )
        return TYPES[key].format(self.write(node.this), *lengths)

    def _function(self, node: exp.Anonymous) -> str:
        name = node.name.upper()
        function = FUNCTIONS.get(name)
        if function is None:
            raise RequestRefused(
                f"ADQL: the function {name} is not supported; {', '.join(FUNCTIONS)} are"
            )
        arguments = node.expressions
        _check_count(name, arguments)
        if function.kind == "geometry":
            return self._geometry(name, arguments)
        if function.kind == "aggregate":
            return function.sql.format(self._aggregated(name, arguments[0]))
        values = [self.write(argument) for argument in arguments]
        return function.sql.format(*values, all=", ".join(values))

    def _aggregated(self, name: str, argument: exp.Expression) -> str:
        if isinstance(argument, exp.Star):
            if name != "COUNT":
                raise RequestRefused(f"ADQL: {name}(*) means nothing; only COUNT takes *")
            return "*"
        if isinstance(argument, exp.Distinct):
            require_only(argument, "expressions")
            if len(argument.expressions) != 1:
                raise not_supported(argument, "DISTINCT over several values")
            return f"DISTINCT {self.write(argument.expressions[0])}"
        return self.write(argument)

    def _geometry(self, name: str, arguments: Sequence[exp.Expression]) -> str:
        """Write geometry where a number is wanted."""
        if name in ("CONTAINS", "INTERSECTS"):
            contained = self._contained(name, arguments)
            return f"(CASE WHEN {contained} THEN 1 WHEN NOT {contained} THEN 0 END)"
        if name == "DISTANCE":
            return regions.separation(*self._two_points(arguments))
        if name in ("COORD1", "COORD2"):
            point = self._point(arguments[0])
            return point.ra if name == "COORD1" else point.dec
        raise RequestRefused(
            f"ADQL: {name} stands inside CONTAINS, INTERSECTS, DISTANCE, COORD1 or COORD2 only"
        )

    def _comparison(self, node: exp.Binary) -> str:
        """Write a comparison; geometry in it becomes a condition that a join can use."""
        operator = _COMPARISON[type(node)]
        left, right = node.left.unnest(), node.right.unnest()
        if not _is_geometry(left):
            # 1 = CONTAINS(...) as well as CONTAINS(...) = 1
            left, right = right, left
            operator = operator.translate(str.maketrans("<>", "><")) if operator != "<>" else "<>"
        if _is_geometry(left):
            name, arguments = left.name.upper(), left.expressions
            _check_count(name, arguments)
            wanted = _zero_or_one(right)
            if name in ("CONTAINS", "INTERSECTS") and operator == "=" and wanted is not None:
                contained = self._contained(name, arguments)
                return contained if wanted else f"(NOT {contained})"
            if name == "DISTANCE" and operator in ("<", "<="):
                point, centre = self._two_points(arguments)
                circle = regions.Circle(centre, self.write(right))
                return regions.within(point, circle, strict=operator == "<")
        return self._binary(node, _COMPARISON[type(node)])

    def _contained(self, name: str, arguments: Sequence[exp.Expression]) -> str:
        """Write "the point lies in the circle"; INTERSECTS takes them in any order."""
        point, circle = arguments
        if name == "INTERSECTS" and _function_name(point) == "CIRCLE":
            point, circle = circle, point
        return regions.within(self._point(point), self._circle(circle))

    def _two_points(
        self, arguments: Sequence[exp.Expression]
    ) -> tuple[regions.Point, regions.Point]:
        """Read DISTANCE(point, point) or DISTANCE(ra, dec, ra, dec)."""
        if len(arguments) == 2:
            return self._point(arguments[0]), self._point(arguments[1])
        ra1, dec1, ra2, dec2 = map(self.write, arguments)
        return regions.Point(ra1, dec1), regions.Point(ra2, dec2)

    def _point(self, node: exp.Expression) -> regions.Point:
        arguments = _coordinates("POINT", node)
        if len(arguments) != 2:
            raise not_supported(node, "a POINT of other than two coordinates")
        return regions.Point(*map(self.write, arguments))

    def _circle(self, node: exp.Expression) -> regions.Circle:
        arguments = _coordinates("CIRCLE", node)
        if len(arguments) == 2:
            return regions.Circle(self._point(arguments[0]), self.write(arguments[1]))
        if len(arguments) != 3:
            raise not_supported(node, "a CIRCLE of other than a centre and a radius")
        ra, dec, radius = map(self.write, arguments)
        return regions.Circle(regions.Point(ra, dec), radius)


def _check_count(name: str, arguments: Sequence[exp.Expression]) -> None:
    """Refuse a number of arguments that a function does not take."""
    counts = FUNCTIONS[name].arguments
    if len(arguments) not in counts:
        # COALESCE takes any number: three of them say enough
        listed = " or ".join(map(str, counts[:3]))
        raise RequestRefused(f"ADQL: {name} takes {listed} argument(s), not {len(arguments)}")


def _function_name(node: exp.Expression) -> str:
    return node.name.upper() if isinstance(node, exp.Anonymous) else ""


def _is_geometry(node: exp.Expression) -> bool:
    return _function_name(node) in ("CONTAINS", "INTERSECTS", "DISTANCE")


def _zero_or_one(node: exp.Expression) -> bool | None:
    """The truth value that a number is compared with; None if it is another number."""
    if isinstance(node, exp.Literal) and not node.is_string and node.name in ("0", "1"):
        return node.name == "1"
    return None


def _coordinates(name: str, node: exp.Expression) -> Sequence[exp.Expression]:
    """Arguments of POINT or CIRCLE, without ADQL 2.0's coordinate system."""
    if _function_name(node) != name:
        written = _function_name(node) or node.sql()
        raise RequestRefused(f"ADQL: {written} is not supported where a {name} is wanted")
    arguments = node.expressions
    if arguments and isinstance(arguments[0], exp.Literal) and arguments[0].is_string:
        system = arguments[0].name
        if system.strip().upper() not in _COORDINATE_SYSTEMS:
            raise RequestRefused(
                f"ADQL: the coordinate system '{system}' is not supported; 'ICRS' or none is"
            )
        arguments = arguments[1:]
    return arguments
