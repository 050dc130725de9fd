"""An asynchronous query as a job of a service (IVOA UWS), any request of which may fail.

The archive must not be left with our jobs: each carries an identifier of ours and a short
destruction time from its creation on, is looked for if the answer to its creation is lost,
and is deleted when all is done.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import time
import uuid
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from xgamma.errors import XgammaError
from xgamma.tables.printable import one_line
from xgamma.tap.faults import QueryError, UnreadableAnswer, is_passing, plain_words
from xgamma.tap.patience import PatientSession, Received
from xgamma.tap.transport import body_of
from xgamma.tap.votable import checked

__all__ = ["Job", "JobLost"]

logger = logging.getLogger("xgamma.tap")

# how long a job lives that nobody follows any more
ORPHAN_S = 900.0
# of the jobs that wait to be run, how many of the latest are looked at for a lost one
_LATEST_JOBS = 20
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0
_ABORT_S = 10.0
_FINAL = ("COMPLETED", "ERROR", "ABORTED", "ARCHIVED")
_NO_JOB = "what came is no job, but perhaps a web page"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class JobLost(Exception):
    """The service has dropped the job, or gave it up for reasons that pass."""


class Job:
    """One job; nothing is sent before `result`.

    Parameters
    ----------
    session : PatientSession
    form : dict
        The query's `data` and `files`, as requests takes them.
    """

    def __init__(self, session: PatientSession, form: dict[str, Any]):
        self._session, self._form = session, form
        self._jobs_url = f"{session.url}/async"
        self._run_id = f"xgamma-{uuid.uuid4().hex[:16]}"
        self._url: str | None = None
        self._create_sent = self._start_sent = False
        self._failed_searches = 0  # for a job whose creation's answer was lost
        self._creation_time: str | None = None  # as the service gives it
        # when (monotonic) its destruction may be put off again
        self._next_extension = float("-inf")

    def result(self) -> Received:
        """Create the job, run it, wait for it, and fetch what it made.

        Raises
        ------
        JobLost
        XgammaError
            If the deadline passes; the job is aborted.
        Exception
            As `xgamma.tap.endpoint.Endpoint.ask`.
        """
        with_retries = self._session.with_retries
        with_retries(self._create)
        self._keep_alive(with_retries(self._read))
        with_retries(self._start)
        job = self._wait()
        if job.phase in ("ABORTED", "ARCHIVED"):
            raise JobLost("the service aborted the job")
        if job.phase == "ERROR":
            raise _failure(job)
        received = with_retries(partial(self._fetch, self._result_url(job)))
        with_retries(self._read)  # it was ours to the end
        return received

    def delete(self) -> None:
        """Delete the job, if there is one."""
        if self._url is not None:
            self._session.with_retries(self._delete)

    def _wait(self):
        """The job in a phase that is its last."""
        with_retries = self._session.with_retries
        job, pause = with_retries(self._read), _FIRST_PAUSE_S
        while job.phase not in _FINAL:
            self._keep_alive(job)
            if self._session.time_left() <= pause:
                self._abort()
                raise XgammaError(
                    f"{self._session.whom}: no answer within "
                    f"{self._session.limits.deadline_s:.0f} s, the job was {one_line(job.phase)} "
                    f"and is aborted; raise tap.deadline_s or make smaller shards"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)
            job = with_retries(self._read)
            if job.phase == "PENDING" and pause > 1.0:
                # what came in answer to the first start was not from the service
                with_retries(self._start)
        return job

    def _result_url(self, job) -> str:
        """Where the rows are: a job may list diagnostics beside them, or nothing that is a link."""
        results = list(job.results or [])
        named = [one for one in results if one.id_ == "result"]
        links = [one.href for one in named or results if _is_link(one.href)]
        return urljoin(self._url, links[0]) if links else f"{self._url}/results/result"

    def _create(self) -> None:
        if self._create_sent and self._url is None:
            self._find_lost()
        if self._url is not None:
            return
        data = {**self._form["data"], "RUNID": self._run_id, "DESTRUCTION": _from_now(ORPHAN_S)}
        self._create_sent = True
        # not followed: the answer to the creation is the job's address, nothing more
        response = self._session.http.post(
            self._jobs_url, **{**self._form, "data": data}, allow_redirects=False
        )
        checked(response)
        location = response.headers.get("Location")
        if not location:
            raise UnreadableAnswer(_NO_JOB, passing=True)
        self._url = urljoin(f"{self._jobs_url}/", location).rstrip("/")

    def _find_lost(self) -> None:
        """Search for the job that a creation may have made whose answer was lost.

        It is taken up only by its run identifier: jobs of equal ADQL may differ in their
        uploads. Where a service keeps no such identifier, jobs of our ADQL that wait to be
        run are left to go soon: whoever else runs xgamma sets the same time.
        """
        try:
            jobs = self._waiting_jobs()
        except Exception as error:
            self._failed_searches += 1
            if is_passing(error) and self._failed_searches < 3:
                raise  # and so searched for again, before another job is made
            # a service need not list its jobs
            logger.info("%s: no list of jobs: %s", self._session.service, plain_words(error))
            return
        for job in jobs[:_LATEST_JOBS]:
            url = f"{self._jobs_url}/{job.jobid}"
            if job.runid == self._run_id:
                self._url = url
                return
            if job.jobid and not job.runid:
                with contextlib.suppress(Exception):  # nothing rests on it
                    self._session.with_retries(partial(self._leave_if_ours, url))

    def _waiting_jobs(self) -> list:
        response = checked(
            self._session.http.get(
                self._jobs_url, params={"PHASE": "PENDING", "LAST": _LATEST_JOBS}
            )
        )
        try:
            return list(_uws().parse_job_list(_reader(response)))
        except Exception as error:  # any bytes at all may have come
            raise UnreadableAnswer("what came is no list of jobs", passing=True) from error

    def _leave_if_ours(self, url: str) -> None:
        """Let a job of our ADQL that waits to be run end soon."""
        job = self._described(url)
        queries = [p.content for p in job.parameters if (p.id_ or "").lower() == "query"]
        ends_soon = _seconds_to(job.destruction) <= ORPHAN_S
        if job.phase == "PENDING" and self._form["data"]["QUERY"] in queries and not ends_soon:
            self._post(url, "destruction", DESTRUCTION=_from_now(ORPHAN_S))

    def _read(self):
        """The job as the service describes it, if it is still ours."""
        job = self._described(self._url)
        created = str(job.creationtime or "")
        # a service that has lost its jobs may give their numbers to others
        if (job.runid and job.runid != self._run_id) or (self._creation_time or created) != created:
            self._url = None
            raise JobLost("the service has given the job's number to another")
        self._creation_time = created
        return job

    def _described(self, url: str):
        response = self._session.http.get(url)
        if response.status_code in (404, 410):
            raise JobLost("the service no longer knows the job")
        checked(response)
        try:
            job = _uws().parse_job(_reader(response))
        except Exception as error:  # any bytes at all may have come
            job = None
            logger.info("%s: no job: %s", self._session.service, plain_words(error))
        if job is None or not job.phase:
            raise UnreadableAnswer(_NO_JOB, passing=True)
        return job

    def _keep_alive(self, job) -> None:
        """Put the job's destruction off while it is followed, and no further."""
        checked_at, left = time.monotonic(), _seconds_to(job.destruction)
        # some services do not take the time that came with the creation
        if checked_at < self._next_extension or ORPHAN_S * 2 / 3 < left < ORPHAN_S + 60:
            return
        pause = ORPHAN_S / 3
        try:
            self._post(self._url, "destruction", DESTRUCTION=_from_now(ORPHAN_S))
        except Exception as error:
            logger.info("%s: destruction time: %s", self._session.service, plain_words(error))
            if is_passing(error):
                pause = 0.0  # the next poll does it again
        # a service may refuse, with or without saying so: it is not asked at every poll
        self._next_extension = checked_at + pause

    def _start(self) -> None:
        # asked before a second try: the answer to the first may have been lost, and a job that
        # runs or has run cannot be started
        if not self._start_sent or self._read().phase == "PENDING":
            self._start_sent = True
            self._post(self._url, "phase", PHASE="RUN")

    def _post(self, url: str, what: str, **data: str) -> None:
        # not followed: that would be the job again
        checked(self._session.http.post(f"{url}/{what}", data=data, allow_redirects=False))

    def _abort(self) -> None:
        try:
            with self._session.extend_deadline(_ABORT_S):
                self._post(self._url, "phase", PHASE="ABORT")
        except Exception as error:  # it is deleted next, which ends it too
            logger.info("%s: abort: %s", self._session.service, plain_words(error))

    def _fetch(self, url: str) -> Received:
        response = self._session.http.get(url)
        if response.status_code in (404, 410):
            raise JobLost("the service no longer has the job's result")
        return self._session.receive(response, "async")

    def _delete(self) -> None:
        response = self._session.http.delete(self._url, allow_redirects=False)
        if response.status_code in (404, 410):
            return
        if checked(response).status_code == 200:
            # usual is a redirect to the list of jobs; this may be a web page from in between
            with contextlib.suppress(JobLost):
                self._described(self._url)
                raise UnreadableAnswer("the job is still there", passing=True)


def _uws():
    # takes longer to load than a synchronous query takes, and only jobs need it
    from pyvo.io import uws

    return uws


def _is_link(href: str | None) -> bool:
    """Whether it is an address of the Web, or one relative to the job's."""
    try:
        return bool(href) and urlsplit(href).scheme in ("", "http", "https")
    except ValueError:
        return False


def _failure(job) -> Exception:
    """The error of a job that failed, with the service's words."""
    summary = job.errorsummary
    words = (summary.message.content if summary and summary.message else None) or ""
    error = QueryError(words or "the job failed, and the service says not why")
    return JobLost(words) if is_passing(error) else error


def _reader(response: requests.Response):
    body = body_of(response)
    body.stream.seek(0)
    # not the stream's own: it would be closed as soon as nobody holds the body
    return lambda size=-1: body.stream.read(size)


def _seconds_to(moment: Any) -> float:
    """From this moment to a time of a job, an astropy Time; infinite if there is none."""
    return float("inf") if moment is None else float(moment.unix) - time.time()


def _from_now(seconds: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return moment.strftime(_TIME)
