"""Requests to one address, repeated while what fails is passing, within one deadline."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyvo
import requests
import tenacity
from pyvo.utils.http import create_session, setup_user_agent

from xgamma import __version__
from xgamma.tap.faults import is_passing, plain_words, retry_after_s
from xgamma.tap.transport import Body, BoundedAdapter, body_of
from xgamma.tap.votable import checked, parse_answer

__all__ = ["LONGEST_WAIT_S", "Limits", "PatientSession", "Received"]

logger = logging.getLogger("xgamma.tap")

# a service that asks for more patience than this is left alone
LONGEST_WAIT_S = 120.0


@dataclass(frozen=True)
class Limits:
    """What a query may cost.

    Attributes
    ----------
    timeout_s, sync_timeout_s : float
        As in `xgamma.tap.transport.BoundedAdapter`.
    deadline_s : float
        For a query, with its queue and all its attempts.
    attempts : int
        How often a request is sent before a passing fault counts as lasting.
    max_bytes, max_rows : float
        Of one answer.
    """

    timeout_s: float = 60.0
    sync_timeout_s: float = 600.0
    deadline_s: float = 7200.0
    attempts: int = 5
    max_bytes: float = 2e9
    max_rows: float = 5e6


@dataclass(frozen=True)
class Received:
    """A parsed answer, its bytes, and the way that it took."""

    result: pyvo.dal.TAPResults
    body: Body
    mode: str
    server: str | None


class PatientSession:
    """An HTTP session with one address: bounded requests, retries, and a deadline over all.

    Parameters
    ----------
    service : str
        For messages.
    url : str
        Of the address, without a slash at its end.
    limits : Limits
    adapter : requests.adapters.BaseAdapter
        What does the sending.

    Attributes
    ----------
    session : requests.Session
    attempts : int
        How often anything of the last query was sent again, and once.
    """

    def __init__(
        self, service: str, url: str, limits: Limits, adapter: requests.adapters.BaseAdapter
    ):
        self.service, self.url, self.limits = service, url, limits
        self.attempts = 0
        setup_user_agent(primary_component=f"xgamma/{__version__}")
        self.session = create_session()
        # bodies are read by us, once
        self.session.stream = True
        self._adapter = BoundedAdapter(
            adapter,
            timeout_s=limits.timeout_s,
            sync_timeout_s=limits.sync_timeout_s,
            max_bytes=limits.max_bytes,
        )
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, self._adapter)

    @property
    def whom(self) -> str:
        """Service and address, for messages."""
        return f"{self.service} ({self.url})"

    def begin(self, seconds: float | None = None) -> None:
        """Start a query: its attempts are counted anew, and it may take `seconds` in all.

        The deadline of the limits, if none are given.
        """
        self.attempts = 1
        self._adapter.end = time.monotonic() + (seconds or self.limits.deadline_s)

    def time_left(self) -> float:
        """Seconds to the deadline."""
        return self._adapter.end - time.monotonic()

    def extend_deadline(self, seconds: float) -> None:
        """Allow this long at least from now on, whatever the deadline: to clean up."""
        self._adapter.end = max(self._adapter.end, time.monotonic() + seconds)

    @contextlib.contextmanager
    def beyond_deadline(self, seconds: float) -> Iterator[None]:
        """Allow `seconds` for the block, whatever the deadline, which holds again after it."""
        end = self._adapter.end
        self.extend_deadline(seconds)
        try:
            yield
        finally:
            self._adapter.end = end

    def with_retries(
        self,
        action: Callable[[], Any],
        *,
        but: Callable[[BaseException], bool] = lambda _: False,
        retry: Callable[[BaseException], bool] = is_passing,
    ) -> Any:
        """Do `action` until it succeeds, while what fails is passing (and not `but`)."""

        def wait(state: tenacity.RetryCallState) -> float:
            # none, or 0: nothing is gained by asking again at once
            asked = retry_after_s(state.outcome.exception()) or backoff(state)
            return min(asked, max(0.0, self.time_left()))

        def stop(state: tenacity.RetryCallState) -> bool:
            if state.attempt_number >= self.limits.attempts:
                return True
            asked = retry_after_s(state.outcome.exception()) or 0.0
            return asked > LONGEST_WAIT_S or asked >= self.time_left()

        def say(state: tenacity.RetryCallState) -> None:
            self.attempts += 1
            logger.warning(
                "%s: %s; asking again in %.0f s (attempt %d of %d)",
                self.service,
                plain_words(state.outcome.exception()),
                state.upcoming_sleep,
                state.attempt_number + 1,
                self.limits.attempts,
            )

        # jitter: jobs that failed together do not come back together
        backoff = tenacity.wait_exponential_jitter(initial=1, max=60)
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: retry(e) and not but(e)),
            wait=wait,
            stop=stop,
            before_sleep=say,
            reraise=True,
        )(action)

    def received(self, response: requests.Response, mode: str) -> Received:
        """What a response holds, parsed.

        Raises
        ------
        requests.HTTPError, pyvo.dal.DALQueryError, UnreadableAnswer
        """
        checked(response)
        body = body_of(response)
        result = parse_answer(body.stream, self.url, self.limits.max_rows)
        return Received(result, body, mode, response.headers.get("Server"))
