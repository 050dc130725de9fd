"""What an error of a service means: whether it passes, whether the service is down, in which words.

What really happened often stands somewhere along an error's chain of causes: requests wraps
errors of urllib3, which wraps errors of sockets and of TLS.
"""

from __future__ import annotations

import datetime
import email.utils
import errno
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import requests

from xgamma.tables.printable import one_line, shortened
from xgamma.tap.transport import TooLarge

__all__ = [
    "QueryError",
    "UnreadableAnswer",
    "is_down",
    "is_passing",
    "is_timeout",
    "is_too_large",
    "is_too_slow",
    "is_unreachable",
    "plain_words",
    "retry_after_s",
]

# what archives say of a query that would do at another time
_SLOW_WORDS = ("duration", "timed out", "timeout", "time-out")
_PASSING_WORDS = (*_SLOW_WORDS, "abort", "pool", "overload")
_UNKNOWN_HOST = ("Name or service not known", "name resolution", "Failed to resolve")


class QueryError(Exception):
    """The service says that the query failed; in its words."""

    def __init__(self, words: str = ""):
        super().__init__(words or "Unknown DAL Query Error")


class UnreadableAnswer(Exception):
    """What came is not the table that was asked for.

    Attributes
    ----------
    passing : bool
        Whether the same request may well succeed a little later.
    """

    def __init__(self, message: str, *, passing: bool):
        super().__init__(message)
        self.passing = passing


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what lies behind it, the error itself first."""
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


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error."""
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        code = response.status_code if response is not None else getattr(cause, "code", None)
        if isinstance(code, int):
            return code
    return None


def is_passing(error: BaseException) -> bool:
    """True if the same request may well succeed a little later."""
    if isinstance(error, UnreadableAnswer):
        return error.passing
    if isinstance(error, QueryError):
        return any(word in str(error).lower() for word in _PASSING_WORDS)
    if is_too_large(error):
        return False
    status = _status(error)
    if status is not None:
        return status in (408, 429) or status >= 500
    return any(
        isinstance(cause, requests.ConnectionError | requests.Timeout)
        # a body that ends early, or is not coded as its headers say
        or type(cause).__name__ in ("ProtocolError", "IncompleteRead", "DecodeError", "SSLError")
        for cause in _causes(error)
    )


def is_too_large(error: BaseException) -> bool:
    """True if an answer cost more bytes than it may."""
    return any(isinstance(cause, TooLarge) for cause in _causes(error))


def is_timeout(error: BaseException) -> bool:
    """True if no (whole) answer came in time, though there was a connection."""
    return any(
        isinstance(cause, requests.Timeout) and not isinstance(cause, requests.ConnectionError)
        for cause in _causes(error)
    )


def is_too_slow(error: BaseException) -> bool:
    """True if a synchronous query may have needed more time than the way there allows."""
    if isinstance(error, QueryError):
        return any(word in str(error).lower() for word in _SLOW_WORDS)
    return is_timeout(error) or _status(error) in (502, 504)


def is_unreachable(error: BaseException) -> bool:
    """True if there is no way to the host: its name is not known, or there is no network."""
    causes = [*_causes(error)]
    if any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes):
        return False  # the way to the proxy is not the way to the host
    return any(
        isinstance(cause, socket.gaierror) or getattr(cause, "errno", None) == errno.ENETUNREACH
        for cause in causes
    )


def is_down(error: BaseException) -> bool:
    """True if it is the service that fails, and not the query that is wrong for it."""
    return is_passing(error) and not isinstance(error, QueryError)


def retry_after_s(error: BaseException) -> float | None:
    """For how long the service asks to be left alone; None if it does not say."""
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        retry_after = response.headers.get("Retry-After") if response is not None else None
        if not retry_after:
            continue
        try:
            return max(0.0, float(retry_after))
        except ValueError:
            pass
        try:
            until = email.utils.parsedate_to_datetime(retry_after)
        except ValueError:
            continue
        until = until if until.tzinfo else until.replace(tzinfo=datetime.UTC)
        return max(0.0, (until - datetime.datetime.now(datetime.UTC)).total_seconds())
    return None


def plain_words(error: BaseException) -> str:
    """An error in the plainest words that its chain of causes has to offer, on one line."""
    if isinstance(error, QueryError | UnreadableAnswer):
        return _line(error)
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            # without OpenSSL's own code and line
            reason = re.sub(r"^\[[^]]*\]|\(_ssl\.c:\d+\)$", "", cause.strerror or str(cause))
            return _line(f"no secure connection: {reason}")
    for cause in _causes(error):
        if isinstance(cause, TooLarge):
            return _line(cause)
        if isinstance(cause, requests.Timeout):
            return "timed out" + (f": {_line(cause)}" if "bytes" in str(cause) else "")
        if isinstance(cause, requests.ConnectionError):
            text = str(cause)
            if "Connection refused" in text:
                return "connection refused"
            if any(mark in text for mark in _UNKNOWN_HOST):
                return "its name is not known"
            if "Network is unreachable" in text:
                return "the network is unreachable"
            return "the connection broke"
        if isinstance(cause, requests.HTTPError) and cause.response is not None:
            status = f"HTTP {cause.response.status_code} {cause.response.reason}"
            # the service's words, if `xgamma.tap.votable.checked` found some
            words = cause.__cause__
            return _line(f"{status}: {words}" if isinstance(words, QueryError) else status)
        if type(cause).__name__ in ("ProtocolError", "IncompleteRead"):
            return "the answer ends early"
        if type(cause).__name__ == "DecodeError":
            return "the answer is not compressed as it says"
    return _line(error)


def _line(words: object) -> str:
    """On one line and not too long: services' words go to terminals."""
    return shortened(one_line(words), 300) or type(words).__name__
