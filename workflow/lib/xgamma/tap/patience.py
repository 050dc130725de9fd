"""An HTTP session with one address: retries while a fault passes, and one deadline over all."""

from __future__ import annotations

import contextlib
import logging
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests
import tenacity

from xgamma import __version__
from xgamma.tap.faults import is_passing, is_unreachable, plain_words, retry_after_s
from xgamma.tap.transport import Body, BoundedAdapter, body_of
from xgamma.tap.votable import ParsedAnswer, checked, parse_answer

__all__ = ["Limits", "PatientSession", "Received"]

logger = logging.getLogger("xgamma.tap")

# a service that asks for more patience than this is left alone
_LONGEST_WAIT_S = 120.0
# To an address to which there was never a way, the way is looked for again once, and soon. A name
# server that drops a question answers the next one; where there is no network, more patience
# makes each job late with the same words. An address that has answered is known to be there.
_TRIES_OF_THE_WAY, _NEXT_TRY_S, _LAST_TRY_S = 2, 1.0, 5.0


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
    """An answer to a query, parsed but not yet believed.

    Attributes
    ----------
    result : ParsedAnswer
    body : Body
        Its bytes.
    mode : {'sync', 'async'}
        How it was asked for.
    server : str or None
        The Server header.
    """

    result: ParsedAnswer
    body: Body
    mode: str
    server: str | None


class PatientSession:
    """An HTTP session with one address: bounded requests, retries, and one deadline for a query.

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
    http : requests.Session
        Each of its requests is bounded; none is repeated by itself.
    attempts : int
        1, and 1 more for each time that anything of the query was asked again.
    """

    def __init__(
        self, service: str, url: str, limits: Limits, adapter: requests.adapters.BaseAdapter
    ):
        self.service, self.url, self.limits = service, url, limits
        self.attempts = 0
        self.http = requests.Session()
        # as IVOA's note on software identification has it
        system = f"Python/{platform.python_version()} ({platform.system()})"
        self.http.headers["User-Agent"] = f"xgamma/{__version__} {system} (IVOA-science)"
        # bodies are read by us, once
        self.http.stream = True
        self._adapter = BoundedAdapter(
            adapter,
            timeout_s=limits.timeout_s,
            sync_timeout_s=limits.sync_timeout_s,
            max_bytes=limits.max_bytes,
        )
        for scheme in ("http://", "https://"):
            self.http.mount(scheme, self._adapter)

    @property
    def whom(self) -> str:
        """Service and address, for messages."""
        return f"{self.service} ({self.url})"

    def begin_query(self, deadline_s: float) -> None:
        """Count attempts anew, and give all that follows `deadline_s` seconds in all."""
        self.attempts = 1
        self._adapter.end = time.monotonic() + deadline_s

    def time_left(self) -> float:
        """Seconds to the deadline."""
        return self._adapter.end - time.monotonic()

    @contextlib.contextmanager
    def extend_deadline(self, seconds: float) -> Iterator[None]:
        """Allow the block at least `seconds`, to clean up; after it the deadline holds again."""
        end = self._adapter.end
        self._adapter.end = max(end, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._adapter.end = end

    def with_retries(
        self,
        action: Callable[[], Any],
        retry: Callable[[BaseException], bool] = is_passing,
    ) -> Any:
        """What `action` gives, done again while it fails with an error that `retry` says yes to.

        Parameters
        ----------
        action : callable
            Without arguments.
        retry : callable
            Whether an error is a reason to do it again; by default, whether it passes. Where
            there was never a way to the host, it is done again once, within seconds.

        Raises
        ------
        Exception
            The last error of `action`, when it is no reason, the attempts are used up, or the
            service asks for a longer pause than there is time.
        """
        # jitter: jobs that failed together do not come back together
        backoff = tenacity.wait_exponential_jitter(initial=1, max=60)

        def no_way(state: tenacity.RetryCallState) -> bool:
            return not self._adapter.answered and is_unreachable(state.outcome.exception())

        def tries(state: tenacity.RetryCallState) -> int:
            attempts = self.limits.attempts
            return min(attempts, _TRIES_OF_THE_WAY) if no_way(state) else attempts

        def asked_pause_s(state: tenacity.RetryCallState) -> float:
            return retry_after_s(state.outcome.exception()) or 0.0

        def pause_s(state: tenacity.RetryCallState) -> float:
            # where the service asks for none: nothing is gained by asking again at once
            pause = asked_pause_s(state) or (_NEXT_TRY_S if no_way(state) else backoff(state))
            return min(pause, max(0.0, self.time_left()))

        def give_up(state: tenacity.RetryCallState) -> bool:
            most_s = min(_LONGEST_WAIT_S, self.time_left())
            late = no_way(state) and state.seconds_since_start > _LAST_TRY_S
            return late or state.attempt_number >= tries(state) or asked_pause_s(state) > most_s

        def announce(state: tenacity.RetryCallState) -> None:
            self.attempts += 1
            # without a network all jobs would say so
            logger.log(
                logging.INFO if no_way(state) else logging.WARNING,
                "%s: %s; asking again in %.0f s (attempt %d of %d)",
                self.service,
                plain_words(state.outcome.exception()),
                state.upcoming_sleep,
                state.attempt_number + 1,
                tries(state),
            )

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(retry),
            wait=pause_s,
            stop=give_up,
            before_sleep=announce,
            reraise=True,
        )(action)

    def receive(self, response: requests.Response, mode: str) -> Received:
        """Parse the response to a query that was asked in `mode`.

        Raises
        ------
        requests.HTTPError, QueryError, UnreadableAnswer
        """
        checked(response)
        body = body_of(response)
        result = parse_answer(body.stream, self.limits.max_rows)
        return Received(result, body, mode, response.headers.get("Server"))
