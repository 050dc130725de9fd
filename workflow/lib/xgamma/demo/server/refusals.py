"""How the demo service declines a request: one exception, and the words for queries.

The service refuses by name whatever it does not know. To pass over a part of a query
would give the answer to another query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xgamma.errors import XgammaError

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["RequestRefused", "not_supported", "require_only"]

# a piece of a query is quoted up to here
_LONGEST_QUOTE = 60


class RequestRefused(XgammaError):
    """A request that the service does not answer; the text becomes the TAP error document.

    Parameters
    ----------
    message : str
        One line that names what is wrong and what would be right.
    status : int
        HTTP status of the answer: 400 for a request that is wrong, 404 for a resource
        that does not exist, 413 for a body that is too long, 500 for a failure of the
        service.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def not_supported(node: exp.Expression, what: str = "") -> RequestRefused:
    """The refusal of a piece of a query.

    Parameters
    ----------
    node : sqlglot.exp.Expression
        The piece; its text is quoted.
    what : str
        What to call it; by default the name of its grammar rule.

    Returns
    -------
    RequestRefused
        For the caller to raise.
    """
    # 'GroupConcat' is the rule of GROUP CONCAT
    name = what or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).upper()
    text = node.sql()
    if len(text) > _LONGEST_QUOTE:
        text = text[: _LONGEST_QUOTE - 3] + "..."
    return RequestRefused(f"ADQL: {name} is not supported ({text})")


def require_only(node: exp.Expression, *understood: str) -> None:
    """Check that a node of a query has no parts but those that its writer understands.

    Parameters
    ----------
    node : sqlglot.exp.Expression
    *understood : str
        Keys of `node.args`.

    Raises
    ------
    RequestRefused
        Names the first part beyond them.
    """
    for part, value in node.args.items():
        if value and part not in understood:
            raise not_supported(node, f"{part.strip('_').replace('_', ' ').upper()} here")
