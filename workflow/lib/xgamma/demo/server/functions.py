"""The functions, types and features of ADQL that the service supports, in one table.

The translator accepts a function only if it is listed here, and the capabilities
document lists the same.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FUNCTIONS", "LANGUAGE_FEATURES", "TYPES"]


@dataclass(frozen=True)
class Function:
    """A function of ADQL, and how it is written for DuckDB.

    Attributes
    ----------
    kind : {'scalar', 'aggregate', 'geometry'}
    arguments : tuple of int
        The numbers of arguments that it takes.
    sql : str
        DuckDB's form, with ``{0}``, ``{1}`` for the arguments and ``{all}`` for
        all of them; '' for geometry, which has a module of its own, `regions.py`.
    meaning : str
        For the capabilities document.
    """

    kind: str
    arguments: tuple[int, ...]
    sql: str
    meaning: str


def _scalar(arguments: int | tuple[int, ...], sql: str, meaning: str) -> Function:
    counts = (arguments,) if isinstance(arguments, int) else arguments
    return Function("scalar", counts, sql, meaning)


def _aggregate(sql: str, meaning: str) -> Function:
    return Function("aggregate", (1,), sql, meaning)


def _geometry(arguments: int | tuple[int, ...], meaning: str) -> Function:
    counts = (arguments,) if isinstance(arguments, int) else arguments
    return Function("geometry", counts, "", meaning)


#: Every function, by its name in ADQL. DuckDB's own LOG is base 10, ADQL's is natural.
FUNCTIONS: dict[str, Function] = {
    "ABS": _scalar(1, "abs({0})", "absolute value"),
    "CEILING": _scalar(1, "ceil({0})", "least integer not below"),
    "FLOOR": _scalar(1, "floor({0})", "greatest integer not above"),
    "ROUND": _scalar((1, 2), "round({all})", "round, to so many decimals"),
    "TRUNCATE": _scalar((1, 2), "trunc({all})", "cut off, after so many decimals"),
    "MOD": _scalar(2, "mod({0}, {1})", "remainder, with the sign of the dividend"),
    "SIGN": _scalar(1, "sign({0})", "-1, 0 or 1"),
    "SQRT": _scalar(1, "sqrt({0})", "square root"),
    "POWER": _scalar(2, "pow({0}, {1})", "first argument to the power of the second"),
    "EXP": _scalar(1, "exp({0})", "exponential"),
    "LOG": _scalar(1, "ln({0})", "natural logarithm"),
    "LOG10": _scalar(1, "log10({0})", "logarithm to base 10"),
    "PI": _scalar(0, "pi()", "the number pi"),
    "DEGREES": _scalar(1, "degrees({0})", "radians to degrees"),
    "RADIANS": _scalar(1, "radians({0})", "degrees to radians"),
    "SIN": _scalar(1, "sin({0})", "sine of radians"),
    "COS": _scalar(1, "cos({0})", "cosine of radians"),
    "TAN": _scalar(1, "tan({0})", "tangent of radians"),
    "COT": _scalar(1, "cot({0})", "cotangent of radians"),
    "ASIN": _scalar(1, "asin({0})", "arc sine, radians"),
    "ACOS": _scalar(1, "acos({0})", "arc cosine, radians"),
    "ATAN": _scalar(1, "atan({0})", "arc tangent, radians"),
    "ATAN2": _scalar(2, "atan2({0}, {1})", "angle of the point (second, first), radians"),
    "UPPER": _scalar(1, "upper({0})", "text in upper case"),
    "LOWER": _scalar(1, "lower({0})", "text in lower case"),
    "COALESCE": _scalar(tuple(range(1, 100)), "coalesce({all})", "first that is not null"),
    "COUNT": _aggregate("count({0})", "number of rows, or of values that are not null"),
    "MIN": _aggregate("min({0})", "least value"),
    "MAX": _aggregate("max({0})", "greatest value"),
    "SUM": _aggregate("sum({0})", "sum"),
    "AVG": _aggregate("avg({0})", "mean"),
    "POINT": _geometry((2, 3), "position, deg, ICRS"),
    "CIRCLE": _geometry((2, 3, 4), "centre and radius, deg, ICRS"),
    "CONTAINS": _geometry(2, "1 if the point lies in the circle or on its edge, else 0"),
    "INTERSECTS": _geometry(2, "the same, with point and circle in any order"),
    "DISTANCE": _geometry((2, 4), "separation of two positions, deg"),
    "COORD1": _geometry(1, "right ascension of a point, deg"),
    "COORD2": _geometry(1, "declination of a point, deg"),
}

#: Types that CAST knows, as written for DuckDB: ``{0}`` is the value and ``{1}`` a
#: length, which some text types take.
TYPES: dict[str, str] = {
    "SMALLINT": "CAST({0} AS SMALLINT)",
    "INTEGER": "CAST({0} AS INTEGER)",
    "BIGINT": "CAST({0} AS BIGINT)",
    "REAL": "CAST({0} AS REAL)",
    "DOUBLE PRECISION": "CAST({0} AS DOUBLE)",
    "VARCHAR": "CAST({0} AS VARCHAR)",
    "VARCHAR(n)": "left(CAST({0} AS VARCHAR), {1})",
    "CHAR(n)": "rpad(CAST({0} AS VARCHAR), {1}, ' ')",
}

_TAPREGEXT = "ivo://ivoa.net/std/TAPRegExt#features-adql"

#: What the capabilities document declares beyond the core of ADQL 2.1: the IVOA's
#: identifier of a group of features, and for each feature its form and meaning.
LANGUAGE_FEATURES: dict[str, dict[str, str]] = {
    f"{_TAPREGEXT}geo": {
        name: function.meaning
        for name, function in FUNCTIONS.items()
        if function.kind == "geometry"
    },
    f"{_TAPREGEXT}-string": {
        "LOWER": FUNCTIONS["LOWER"].meaning,
        "UPPER": FUNCTIONS["UPPER"].meaning,
        "ILIKE": "LIKE without case",
    },
    f"{_TAPREGEXT}-conditional": {"COALESCE": FUNCTIONS["COALESCE"].meaning},
    f"{_TAPREGEXT}-sets": {
        "UNION": "rows of either query",
        "EXCEPT": "rows of the first query alone",
        "INTERSECT": "rows of both queries",
    },
    f"{_TAPREGEXT}-common-table": {"WITH": "named subqueries, not recursive"},
    f"{_TAPREGEXT}-type": {"CAST": "to " + ", ".join(TYPES)},
    f"{_TAPREGEXT}-offset": {"OFFSET": "rows to leave out"},
}
