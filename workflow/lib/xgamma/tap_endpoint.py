"""One address of a TAP service: a query goes in, a whole VOTable or an error comes out.

Every request is repeated for itself while what fails is passing, so that a poll that is
lost costs a poll, and not the job.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyvo
import requests
import tenacity
from astropy.table import Table
from pyvo.utils.http import create_session, setup_user_agent

from xgamma import __version__
from xgamma.demo import DEMO_URL
from xgamma.errors import XgammaError
from xgamma.names import Names
from xgamma.tap_answers import checked, parse_answer
from xgamma.tap_faults import is_passing, is_timeout, is_too_slow, plain_words, retry_after_s
from xgamma.tap_jobs import Job, JobLost
from xgamma.tap_transport import Body, BoundedAdapter, body_of

__all__ = ["Endpoint", "Limits", "Received", "upload_votable"]

logger = logging.getLogger("xgamma.tap")

# a service that asks for more patience than this is left alone
LONGEST_WAIT_S = 120.0
_CLEAN_UP_S = 30.0


@dataclass(frozen=True)
class Limits:
    """What a query may cost.

    Attributes
    ----------
    timeout_s, sync_timeout_s : float
        As in `xgamma.tap_transport.BoundedAdapter`.
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


class Endpoint:
    """One address, with the names that tables and columns have there.

    Parameters
    ----------
    service : str
        For messages.
    url : str
    mode : {'sync', 'async'}
    limits : Limits
    mirror : str, optional
        Its name, if it is a mirror.
    tables : mapping, optional
        As `xgamma.names.Names` takes it.
    sky : str, optional
        The demo sky's file, for URLs of the demo archive.

    Attributes
    ----------
    limits : Limits
    attempts : int
        How often anything of the last query was sent again, and once.
    """

    def __init__(
        self,
        service: str,
        url: str,
        mode: str,
        limits: Limits,
        *,
        mirror: str | None = None,
        tables: Mapping[str, Any] | None = None,
        sky: str | None = None,
    ):
        self.service, self.url, self.mode, self.mirror = service, url.rstrip("/"), mode, mirror
        self.names = Names(tables or {})
        self.attempts = 0
        self.limits = limits
        setup_user_agent(primary_component=f"xgamma/{__version__}")
        self.session = create_session()
        # bodies are read by us, once
        self.session.stream = True
        self._adapter = BoundedAdapter(
            _sender(service, url, sky),
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

    def declares_upload(self) -> bool | None:
        """What the capabilities say about uploads; None if they do not say."""
        self._adapter.end = time.monotonic() + self.limits.timeout_s
        try:
            return bool(pyvo.dal.TAPService(self.url, session=self.session).upload_methods)
        except (pyvo.dal.DALServiceError, requests.RequestException, AttributeError, ValueError):
            return None  # a ValueError: what came is not XML

    def ask(self, adql: str, uploads: Mapping[str, bytes]) -> Received:
        """The answer to a query, not yet believed: it may have overflowed.

        Parameters
        ----------
        adql : str
        uploads : mapping
            Table name -> VOTable.

        Raises
        ------
        Exception
            The last error, when what fails does not pass or time is up:
            `xgamma.tap_faults` tells what it is.
        """
        self.attempts = 1
        self._adapter.end = time.monotonic() + self.limits.deadline_s
        if self.mode == "async":
            return self._ask_async(adql, uploads)
        try:
            return self.patiently(lambda: self._ask_sync(adql, uploads), but=is_timeout)
        except Exception as error:
            if not is_too_slow(error) or self.time_left() <= 0:
                raise
            logger.warning("%s: %s; asking as a job", self.service, plain_words(error))
            self.attempts += 1
            try:
                return self._ask_async(adql, uploads)
            except Exception as second:
                # a service without jobs: the first error is the one that says what is wrong
                if isinstance(second, XgammaError):
                    raise
                raise error from second

    def time_left(self) -> float:
        """Seconds to the deadline."""
        return self._adapter.end - time.monotonic()

    def grant(self, seconds: float) -> None:
        """Allow this long at least from now on, whatever the deadline: to clean up."""
        self._adapter.end = max(self._adapter.end, time.monotonic() + seconds)

    def patiently(
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

    def _ask_sync(self, adql: str, uploads: Mapping[str, bytes]) -> Received:
        response = self.session.post(f"{self.url}/sync", **_form(adql, uploads))
        return self.received(response, "sync")

    def _ask_async(self, adql: str, uploads: Mapping[str, bytes]) -> Received:
        end = self._adapter.end

        def run() -> Received:
            job = Job(self, _form(adql, uploads))
            try:
                return job.result()
            finally:
                # a job left behind costs the archive storage; failing to delete costs us nothing
                self.grant(_CLEAN_UP_S)
                with contextlib.suppress(Exception):
                    job.delete()
                self._adapter.end = end

        # requests were repeated inside: here only a job that is gone is made anew
        return self.patiently(run, retry=lambda e: isinstance(e, JobLost))

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


def upload_votable(table: Table) -> bytes:
    """A table of numbers as a VOTable, the same bytes whatever the version of astropy.

    By hand: astropy's writer names its version in a comment, which would make another
    question of it, and writes beyond its buffer for rows of 256 bytes.
    """
    kinds = {"i": "long", "f": "double"}
    fields = "".join(
        f'<FIELD name="{name}" datatype="{kinds[table[name].dtype.kind]}"/>'
        for name in table.colnames
    )
    rows = "".join(
        f"<TR>{''.join(f'<TD>{value!r}</TD>' for value in row)}</TR>\n"
        for row in zip(*(table[name].tolist() for name in table.colnames), strict=True)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        f"<RESOURCE><TABLE>{fields}<DATA><TABLEDATA>\n{rows}"
        "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>\n"
    ).encode()


def _form(adql: str, uploads: Mapping[str, bytes]) -> dict[str, Any]:
    """The parameters of a TAP query, as requests takes them."""
    data = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": adql}
    if not uploads:
        return {"data": data}
    data["UPLOAD"] = ";".join(f"{name},param:{name}" for name in uploads)
    kind = "application/x-votable+xml"
    files = {name: (f"{name}.xml", content, kind) for name, content in uploads.items()}
    return {"data": data, "files": files}


def mark_of(url: str, sky: str | None) -> str | bool | None:
    """What trusted answers of a service are marked with: True, or which simulation gave them."""
    if not url.startswith(DEMO_URL) or not sky:
        return True
    from xgamma.demo.transport import simulation

    return simulation(sky)


def _sender(service: str, url: str, sky: str | None) -> requests.adapters.BaseAdapter:
    if not url.startswith(DEMO_URL):
        return requests.adapters.HTTPAdapter()
    if not sky:
        raise XgammaError(f"{service}: {url} is the demo archive, and its sky was not given")
    from xgamma.demo.transport import InProcessAdapter

    return InProcessAdapter(sky)
