"""From ADQL 2.1 to DuckDB SQL: how a query is read, and where its translation starts.

sqlglot reads the query with a dialect that knows ADQL's keywords and no others.
`statement.py` and `expressions.py` write what they know of the syntax tree and refuse the
rest; `functions.py` lists the functions.

Where ADQL leaves a choice: division is in floating point, nulls sort last,
delimited identifiers have to match in case, and output columns without a name of
their own are called as `select_list.py` says.
"""

from __future__ import annotations

from sqlglot import Dialect, exp, parser, tokens
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from xgamma.demo.server.catalogue import Catalogue
from xgamma.demo.server.refusals import RequestRefused
from xgamma.demo.server.statement import Query, QueryWriter

__all__ = ["translate"]

_KEYWORDS = (
    "ALL", "AND", "AS", "ASC", "BETWEEN", "CASE", "CROSS", "DESC", "DISTINCT", "ELSE", "END",
    "EXCEPT", "EXISTS", "FROM", "FULL", "GROUP BY", "HAVING", "ILIKE", "IN", "INNER", "INTERSECT",
    "IS", "JOIN", "LEFT", "LIKE", "NATURAL", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER BY",
    "OUTER", "RIGHT", "SELECT", "THEN", "UNION", "USING", "WHEN", "WHERE", "WITH",
    "<=", ">=", "<>", "!=", "||",
    "BIGINT", "CHAR", "INT", "REAL", "SMALLINT", "VARCHAR",
    # Not ADQL: known only so that they are refused by name.
    "LIMIT", "FETCH", "OVER", "ESCAPE",
)  # fmt: skip
_REFUSED_KEYWORDS = {
    TokenType.LIMIT: "LIMIT (write TOP)",
    TokenType.FETCH: "FETCH (write TOP)",
    TokenType.OVER: "OVER (window functions)",
    TokenType.ESCAPE: "ESCAPE",
}


class _Tokenizer(tokens.Tokenizer):
    COMMENTS = ["--"]  # noqa: RUF012 - sqlglot reads plain class attributes
    KEYWORDS = {  # noqa: RUF012
        **{word: tokens.Tokenizer.KEYWORDS[word] for word in _KEYWORDS},
        "DOUBLE PRECISION": TokenType.DOUBLE,
        "INTEGER": TokenType.INT,
        "TOP": TokenType.TOP,
    }


class _Parser(parser.Parser):
    # Every function stays a plain call, to be looked up in the table of functions.
    FUNCTIONS = {}  # noqa: RUF012
    FUNCTION_PARSERS = {"CAST": parser.Parser.FUNCTION_PARSERS["CAST"]}  # noqa: RUF012
    NO_PAREN_FUNCTIONS = {}  # noqa: RUF012
    NO_PAREN_FUNCTION_PARSERS = {  # noqa: RUF012
        "CASE": parser.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]
    }
    # ORDER BY after the last query orders the union; TOP stays with its own SELECT.
    SET_OP_MODIFIERS = {"order", "offset"}  # noqa: RUF012


class _Adql(Dialect):
    NULL_ORDERING = "nulls_are_last"
    Tokenizer = _Tokenizer
    Parser = _Parser


def _parse(adql: str) -> exp.Expression:
    """Read one ADQL query.

    What is in it is checked when it is written. A text that is not one SELECT, or not
    well-formed, is refused, with the place.
    """
    dialect = _Adql()
    try:
        words = dialect.tokenize(adql)
        while words and words[-1].token_type is TokenType.SEMICOLON:
            words.pop()
        _check_words(words)
        trees = dialect.parser().parse(words, adql)
    except SqlglotError as error:
        raise RequestRefused(f"ADQL: {_reason(error)}") from error
    (tree,) = trees
    if tree is None:
        raise RequestRefused("ADQL: the query is empty")
    conditioned = [join for join in tree.find_all(exp.Join) if _has_condition(join)]
    if len(conditioned) < sum(word.token_type is TokenType.JOIN for word in words):
        raise RequestRefused("ADQL: a JOIN lacks its ON or USING")
    return tree


def translate(adql: str, catalogue: Catalogue) -> Query:
    """Translate an ADQL query for the tables of one service.

    Parameters
    ----------
    adql : str
    catalogue : Catalogue
        All that the query may name.

    Returns
    -------
    Query
        DuckDB SQL in which every name is resolved and quoted.

    Raises
    ------
    RequestRefused
        Names the word, table, column or function that cannot be used.
    """
    try:
        return QueryWriter(catalogue).write_request(_parse(adql))
    except RecursionError:
        raise RequestRefused("ADQL: the query is nested too deeply") from None


def _check_words(words: list[tokens.Token]) -> None:
    """Refuse what is better named before the grammar trips over it."""
    if not words:
        raise RequestRefused("ADQL: the query is empty")
    if words[0].token_type not in (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN):
        raise RequestRefused(f"ADQL: only SELECT is supported, not {words[0].text.upper()}")
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word.token_type is TokenType.SEMICOLON:
            raise RequestRefused("ADQL: only one query at a time is supported")
        pair = (word.token_type, following and following.token_type)
        if pair == (TokenType.SLASH, TokenType.STAR):
            raise RequestRefused("ADQL: comments in /* */ are not supported; -- is")
        if word.token_type is TokenType.NUMBER and _touches(word, following):
            raise RequestRefused(f"ADQL: {word.text}{following.text} is not a number")
        if word.token_type in _REFUSED_KEYWORDS:
            raise RequestRefused(f"ADQL: {_REFUSED_KEYWORDS[word.token_type]} is not supported")


def _touches(word: tokens.Token, following: tokens.Token | None) -> bool:
    return (
        following is not None
        and following.token_type is TokenType.VAR
        and word.end + 1 == following.start
    )


def _has_condition(join: exp.Join) -> bool:
    return bool(
        join.args.get("on") or join.args.get("using") or join.method or join.kind.upper() == "CROSS"
    )


def _reason(error: SqlglotError) -> str:
    """Say where reading stopped, without sqlglot's terminal colours."""
    details = getattr(error, "errors", None)
    if not details:
        return f"the query cannot be read: {str(error).splitlines()[0]}"
    first = details[0]
    near = (first.get("highlight") or "").strip()
    place = f"line {first['line']}, column {first['col']}"
    return f"syntax error at {place}" + (f", near {near!r}" if near else "")
