"""Telling faults that pass from faults that stay, and saying either in plain words.

pyvo gives a lost connection as an error of format, and a refused query with or without an
HTTP code: what really happened stands somewhere along the chain of causes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyvo
import requests

__all__ = ["causes", "is_passing", "plain_words"]


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what lies behind it: pyvo wraps a lost connection as a format error."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, getattr(current, "cause", None)]
        waiting += list(current.args)


def is_passing(error: BaseException) -> bool:
    """True if the same request may well succeed a little later."""
    if isinstance(error, pyvo.dal.DALQueryError):
        text = str(error).lower()
        return any(w in text for w in ("duration", "timed out", "timeout", "abort", "pool"))
    for cause in causes(error):
        code = getattr(cause, "code", None)
        if isinstance(code, int):
            return code in (408, 429) or code >= 500
        if isinstance(cause, requests.ConnectionError | requests.Timeout):
            return True
        if type(cause).__name__ == "ProtocolError":
            return True
    # not the format that was asked for: a maintenance page, a body cut short
    return isinstance(error, pyvo.dal.DALFormatError)


def plain_words(error: BaseException) -> str:
    """The plainest words that an error's chain has to offer, on one line."""
    for cause in causes(error):
        if isinstance(cause, requests.ConnectionError):
            text = str(cause)
            for mark in (
                "Connection refused",
                "Name or service not known",
                "Temporary failure in name resolution",
                "Failed to resolve",
            ):
                if mark in text:
                    return mark.lower()
        if isinstance(cause, requests.Timeout):
            return "timed out"
        if isinstance(cause, requests.HTTPError) and not isinstance(error, pyvo.dal.DALQueryError):
            return f"HTTP {cause.response.status_code} {cause.response.reason}"
        if type(cause).__name__ == "E19":
            return "what came is no VOTable, but perhaps a web page"
    return " ".join(str(error).split())[:300] or type(error).__name__
