"""Asking a TAP service, and not believing it.

Every request of the workflow goes through `TapClient`: a deadline, retries for what is
passing, and an error instead of a table wherever an answer may be cut short.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyvo
import requests
import tenacity
from astropy.units import UnitsWarning
from pyvo.utils.http import create_session, setup_user_agent

from xgamma import __version__
from xgamma.errors import XgammaError
from xgamma.tap_answers import Answer, answer_frame
from xgamma.tap_faults import causes, is_passing, plain_words

__all__ = ["KNOWN_CAPS", "TapClient", "TapError"]

logger = logging.getLogger("xgamma.tap")

# What servers are known to cut at; an answer of just this size is counted again
KNOWN_CAPS = {2_000, 20_000, 50_000, 100_000, 3_000_000}
_SAY_AFTER_S, _SAY_EVERY_S = 10.0, 30.0


class TapError(XgammaError):
    """A service did not answer, or its answer cannot be trusted."""


class _Timeouts(requests.adapters.HTTPAdapter):
    """Connect and read time-outs on every request: pyvo sets none of its own."""

    def __init__(self, connect_s: float, read_s: float):
        self._timeout = (connect_s, read_s)
        super().__init__()

    def send(self, request, *args, **kwargs):
        kwargs["timeout"] = self._timeout
        return super().send(request, *args, **kwargs)


@contextlib.contextmanager
def _say_that_we_wait(whom: str) -> Iterator[None]:
    """While the block runs long, say so: a silent program looks dead."""
    done = threading.Event()
    start = time.monotonic()

    def speak():
        pause = _SAY_AFTER_S
        while not done.wait(pause):
            logger.warning("waiting for %s, %.0f s so far", whom, time.monotonic() - start)
            pause = _SAY_EVERY_S

    threading.Thread(target=speak, daemon=True).start()
    try:
        yield
    finally:
        done.set()


class TapClient:
    """One service of an archive.

    Parameters
    ----------
    name : str
        Which service, for messages: heasarc, gaia, irsa.
    url : str
    mode : {'sync', 'async'}
    upload : bool
        False: the service takes no tables, callers ask position by position.
    timeout_s, deadline_s : float
        For a connection and each wait for a byte; for a whole query.
    attempts : int
        How often a request is sent before a passing fault counts as lasting.
    sky : str, optional
        The demo sky's file, for URLs of the demo archive, which are answered in this
        process.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        mode: str = "sync",
        upload: bool = True,
        timeout_s: float = 60.0,
        deadline_s: float = 1800.0,
        attempts: int = 4,
        sky: str | None = None,
    ):
        self.name, self.url, self.mode, self.upload = name, url, mode, upload
        self._deadline_s, self._attempts = deadline_s, attempts
        setup_user_agent(primary_component=f"xgamma/{__version__}")
        session = create_session()
        if url.startswith("http://demo.invalid/"):
            if not sky:
                raise TapError(f"{name}: {url} is the demo archive, and its sky was not given")
            from xgamma.demo.transport import mount

            mount(session, sky)
        else:
            session.mount("http://", _Timeouts(timeout_s, timeout_s))
            session.mount("https://", _Timeouts(timeout_s, timeout_s))
            # a synchronous answer starts only when the query is done
            session.mount(url.rstrip("/") + "/sync", _Timeouts(timeout_s, deadline_s))
        self._service = pyvo.dal.TAPService(url, session=session)

    def declares_upload(self) -> bool | None:
        """What the capabilities say about uploads; None if they do not say."""
        try:
            return bool(self._service.upload_methods)
        except (pyvo.dal.DALServiceError, requests.RequestException, AttributeError, ValueError):
            return None  # a ValueError: what came is not XML

    def query(self, adql: str, uploads: Mapping[str, Any] | None = None) -> Answer:
        """Ask, and give the whole answer or an error.

        Parameters
        ----------
        adql : str
        uploads : mapping of str to astropy.table.Table, optional
            Sent with the query and seen in it as TAP_UPLOAD.<name>.

        Raises
        ------
        TapError
            If the service does not answer, refuses the query, or cuts the answer.
        """
        started = datetime.datetime.now(datetime.UTC)
        clock = time.monotonic()
        # one deadline for the query, its queue and all its attempts
        end = clock + self._deadline_s
        attempts = 0

        def ask():
            nonlocal attempts
            attempts += 1
            return self._ask_once(adql, uploads, end)

        def log_retry(state: tenacity.RetryCallState):
            logger.warning(
                "%s: %s; asking again (attempt %d of %d)",
                self.name,
                plain_words(state.outcome.exception()),
                state.attempt_number + 1,
                self._attempts,
            )

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_passing),
            wait=tenacity.wait_exponential_jitter(initial=1, max=60),
            stop=tenacity.stop_after_attempt(self._attempts)
            | tenacity.stop_after_delay(self._deadline_s),
            before_sleep=log_retry,
            reraise=True,
        )
        try:
            with _say_that_we_wait(f"{self.name} ({self.url})"):
                result = retrying(ask)
        except TapError:
            raise
        except pyvo.dal.DALQueryError as error:
            raise TapError(
                f"{self.name} ({self.url}) refuses the query: {plain_words(error)}; "
                f"the query was: {adql}"
            ) from error
        except (pyvo.dal.DALAccessError, requests.RequestException, ValueError) as error:
            raise TapError(
                f"{self.name} ({self.url}) does not answer: {plain_words(error)}"
                f" (asked {attempts} time{'s' * (attempts > 1)}); check its url in the config"
                f" and the network, or run again later"
            ) from error
        if result.query_status == "OVERFLOW":
            raise TapError(
                f"{self.name} ({self.url}) cut its answer at {len(result)} rows (OVERFLOW); "
                f"the query was: {adql}"
            )
        frame, units = answer_frame(result)
        record = {
            "service": self.name,
            "url": self.url,
            "mode": self.mode,
            "adql": adql,
            "rows": len(frame),
            "attempts": attempts,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 3),
        }
        logger.info("%s: %d rows in %.2f s: %s", self.name, len(frame), record["seconds"], adql)
        return Answer(frame, units, record)

    def count(self, adql: str, uploads: Mapping[str, Any] | None = None) -> int:
        """The single number that a query of the form SELECT COUNT(*) AS n gives."""
        frame = self.query(adql, uploads).frame
        if frame.size != 1:
            raise TapError(f"{self.name} ({self.url}) gave no number for: {adql}")
        return int(frame.iloc[0, 0])

    def query_counted(
        self, adql: str, count_adql: str, uploads: Mapping[str, Any] | None = None
    ) -> Answer:
        """`query`, held against the service's own count of the same rows.

        Raises
        ------
        TapError
            If the numbers differ: an answer cut without saying so, or a table that
            changed in between.
        """
        answer = self.query(adql, uploads)
        expected = self.count(count_adql, uploads)
        if expected != len(answer.frame):
            raise TapError(
                f"{self.name} ({self.url}) gave {len(answer.frame)} rows and counts {expected}: "
                f"the answer was cut, or the table is changing; run again later. "
                f"The query was: {adql}"
            )
        answer.record["counted"] = expected
        return answer

    def columns(self, tables: list[str]) -> pd.DataFrame:
        """What TAP_SCHEMA says of the columns of `tables`.

        Returns
        -------
        DataFrame
            table, column, datatype, unit, ucd, description; sorted by table and column.
        """
        names = ", ".join(f"'{table}'" for table in tables)
        frame = self.query(
            "SELECT table_name AS table_name, column_name AS column_name, datatype AS datatype, "
            "unit AS unit, ucd AS ucd, description AS description "
            f"FROM TAP_SCHEMA.columns WHERE table_name IN ({names})"
        ).frame
        frame = frame.rename(columns={"table_name": "table", "column_name": "column"})
        # some services give names with the quotes that ADQL would need
        frame["column"] = frame["column"].str.strip('"')
        return frame.sort_values(["table", "column"], ignore_index=True)

    def _ask_once(self, adql: str, uploads: Mapping[str, Any] | None, end: float):
        with warnings.catch_warnings():
            # overflow is an error of ours; astropy warns of archives' spelling of VOTable
            warnings.simplefilter("ignore", pyvo.dal.DALOverflowWarning)
            warnings.filterwarnings("ignore", module="astropy.io.votable")
            warnings.simplefilter("ignore", UnitsWarning)
            if self.mode == "sync":
                return self._service.run_sync(adql, uploads=dict(uploads or {}) or None)
            try:
                return self._run_async(adql, uploads, end)
            except ValueError as error:
                # not XML: raw here, where run_sync says that it is an error of the format
                raise pyvo.dal.DALFormatError(error, self.url) from error

    def _run_async(self, adql: str, uploads: Mapping[str, Any] | None, end: float):
        job = self._service.submit_job(adql, uploads=dict(uploads or {}) or None)
        try:
            job.run()
            # our own polling: pyvo's wait has no deadline, and a slow start for quick jobs
            pause = 0.05
            while (phase := self._phase(job, end)) not in ("COMPLETED", "ERROR", "ABORTED"):
                if phase is None:
                    raise pyvo.dal.DALFormatError(
                        reason="what came is no job, but perhaps a web page", url=self.url
                    )
                if time.monotonic() > end:
                    job.abort()
                    raise TapError(
                        f"{self.name} ({self.url}): no answer within {self._deadline_s:.0f} s, "
                        f"the job was {phase} and is aborted; raise tap.deadline_s or "
                        f"make smaller shards"
                    )
                time.sleep(pause)
                pause = min(pause * 1.5, 5.0)
            if phase == "ABORTED":
                # in these words, so that it is asked again: services abort under load
                raise pyvo.dal.DALQueryError("the service aborted the job", url=self.url)
            return job.fetch_result()
        finally:
            # a job left behind costs the archive storage; failing to delete costs us nothing
            with contextlib.suppress(Exception):
                job.delete()

    def _phase(self, job, end: float) -> str | None:
        """The job's phase. A poll that is dropped does not lose the job: it polls again."""
        pause = 1.0
        while True:
            try:
                return job.phase
            except (pyvo.dal.DALAccessError, requests.RequestException) as error:
                lost = any(isinstance(c, requests.ConnectionError) for c in causes(error))
                if not lost or pause > 8 or time.monotonic() > end:
                    raise
                logger.warning("%s: %s while waiting; polling again", self.name, plain_words(error))
                time.sleep(pause)
                pause *= 2
