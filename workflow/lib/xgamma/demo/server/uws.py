"""Jobs that outlive their request: IVOA's Universal Worker Service pattern, version 1.1.

`JobStore` runs them; the functions at the end write the documents that describe them.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime
import tempfile
import threading
import uuid
import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from xgamma.demo.server.parameters import Parameters
from xgamma.demo.server.refusals import RequestRefused

__all__ = [
    "Job",
    "JobStore",
    "document",
    "job_document",
    "job_list_document",
    "parameters_element",
    "read_duration",
    "read_time",
    "results_element",
    "time_stamp",
]

_FINAL_PHASES = ("COMPLETED", "ERROR", "ABORTED")
_ACTIVE_PHASES = ("PENDING", "QUEUED", "EXECUTING")
_RUNNING_JOBS = 2
_LONGEST_WAIT_S = 60.0
_DEFAULT_DURATION_S = 600
_INTERRUPT_EVERY_S = 0.02
_LIFETIME = datetime.timedelta(days=1)

_NAMESPACES = (
    'xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="1.1"'
)
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def time_stamp(time: datetime.datetime) -> str:
    """A time as UWS writes it, UTC to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Job:
    """A query that runs on its own.

    Attributes
    ----------
    identifier : str
    parameters : Parameters
    phase : str
    result : file or None
        The answer, once the job is COMPLETED.
    media_type : str
        Of the answer.
    error : str
        What went wrong, once the phase is ERROR.
    interrupt : callable or None
        Stops the query that the job runs; does nothing before that has begun.
    thread : threading.Thread or None
        What runs the job, once it may run.
    """

    identifier: str
    parameters: Parameters
    phase: str = "PENDING"
    created: datetime.datetime = field(default_factory=_utc_now)
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    destruction: datetime.datetime = field(default_factory=lambda: _utc_now() + _LIFETIME)
    duration_seconds: int = _DEFAULT_DURATION_S
    result: IO[bytes] | None = None
    media_type: str = ""
    error: str = ""
    interrupt: Callable[[], None] | None = None
    thread: threading.Thread | None = None

    @property
    def run_id(self) -> str:
        """The name that the client gave the job."""
        return self.parameters.get("RUNID")


#: Answers a job: gives the pieces of the answer, and sets the job's `media_type`, and its
#: `interrupt` while the query runs.
Runner = Callable[[Job], Generator[bytes]]


class JobStore:
    """The jobs of one service, in memory; a few run at a time, the others queue.

    Parameters
    ----------
    run : callable
        Answers a job, piece by piece; raises `RequestRefused` when it cannot.
    """

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._free_places = threading.BoundedSemaphore(_RUNNING_JOBS)
        _stores.add(self)

    def create(self, parameters: Parameters) -> Job:
        """Make a job that waits to be run.

        Its DESTRUCTION and EXECUTIONDURATION may stand among the parameters, so that a job
        whose creator never learns of it does not stay for longer than the creator meant.

        Raises
        ------
        RequestRefused
            If one of them cannot be read.
        """
        self._delete_expired()
        limits: dict[str, Any] = {}
        if text := parameters.get("DESTRUCTION"):
            limits["destruction"] = read_time("DESTRUCTION", text)
        if text := parameters.get("EXECUTIONDURATION"):
            limits["duration_seconds"] = read_duration(text)
        with self._changed:
            # a number would name another client's job after a restart
            job = Job(uuid.uuid4().hex[:12], parameters, **limits)
            self._jobs[job.identifier] = job
        return job

    def get(self, identifier: str) -> Job:
        """Find a job.

        Raises
        ------
        RequestRefused
            If there is none, or no longer.
        """
        self._delete_expired()
        with self._changed:
            if identifier not in self._jobs:
                raise RequestRefused(f"there is no job {identifier}", status=404)
            return self._jobs[identifier]

    def find(
        self, phases: list[str], last: int | None, after: datetime.datetime | None = None
    ) -> list[Job]:
        """Find jobs, oldest first.

        Parameters
        ----------
        phases : list of str
            Jobs in any of these; all if there are none.
        last : int or None
            So many of the newest.
        after : datetime or None
            Jobs created later than this.
        """
        self._delete_expired()
        with self._changed:
            jobs = [
                job
                for job in self._jobs.values()
                if (not phases or job.phase in phases) and (after is None or job.created > after)
            ]
        return jobs if last is None else jobs[-last:] if last else []

    def start(self, job: Job) -> None:
        """Let a pending job run as soon as there is room for it."""
        with self._changed:
            if job.phase != "PENDING":
                return
            self._set_phase(job, "QUEUED")
            job.thread = threading.Thread(target=self._work, args=(job,), daemon=True)
            job.thread.start()

    def abort(self, job: Job) -> None:
        """Stop a job, whatever it is doing; its query has ended when this returns."""
        with self._changed:
            if job.phase in _FINAL_PHASES:
                return
            running = job.phase == "EXECUTING"
            self._set_phase(job, "ABORTED")
        # again and again: the query may just be about to begin
        while running and job.thread is not None and job.thread.is_alive():
            if (interrupt := job.interrupt) is not None:
                interrupt()
            job.thread.join(_INTERRUPT_EVERY_S)

    def delete(self, job: Job) -> None:
        """Stop a job and forget it with its result."""
        self.abort(job)
        with self._changed:
            self._jobs.pop(job.identifier, None)
            if job.result is not None:
                job.result.close()
            self._changed.notify_all()

    def stop(self) -> None:
        """Abort all jobs and wait until their threads have ended."""
        jobs = self.find([], None)
        for job in jobs:
            self.abort(job)
        for job in jobs:
            if job.thread is not None:
                job.thread.join()

    def wait(self, job: Job, seconds: float, phase: str) -> None:
        """Return when an active job has left its phase, or after so many seconds.

        Parameters
        ----------
        seconds : float
            Negative means as long as the service allows.
        phase : str
            Wait only while the job is in this phase; '' means in any.
        """
        with self._changed:
            phase_before = job.phase
            if phase_before not in _ACTIVE_PHASES or (phase and phase != phase_before):
                return
            longest = _LONGEST_WAIT_S if seconds < 0 else min(seconds, _LONGEST_WAIT_S)
            self._changed.wait_for(lambda: job.phase != phase_before, longest)

    def _work(self, job: Job) -> None:
        with self._free_places:
            with self._changed:
                if job.phase != "QUEUED":
                    return
                self._set_phase(job, "EXECUTING")
            overtime = threading.Timer(job.duration_seconds or 1e6, self.abort, (job,))
            overtime.daemon = True
            overtime.start()
            output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the job
            try:
                with contextlib.closing(self._run(job)) as pieces:
                    for piece in pieces:
                        if job.phase == "ABORTED":
                            break
                        output.write(piece)
            except RequestRefused as error:
                self._finish(job, "ERROR", error=str(error))
            except Exception as error:
                self._finish(job, "ERROR", error=f"the service failed: {error!r}")
                raise
            else:
                self._finish(job, "COMPLETED", result=output)
            finally:
                job.interrupt = None
                overtime.cancel()
                if job.result is not output:
                    output.close()

    def _finish(
        self, job: Job, phase: str, *, error: str = "", result: IO[bytes] | None = None
    ) -> None:
        with self._changed:
            if job.phase == "EXECUTING":
                job.error, job.result = error, result
                self._set_phase(job, phase)

    def _set_phase(self, job: Job, phase: str) -> None:
        job.phase = phase
        if phase == "EXECUTING":
            job.started = _utc_now()
        elif phase in _FINAL_PHASES:
            job.ended = _utc_now()
        self._changed.notify_all()

    def _delete_expired(self) -> None:
        time = _utc_now()
        with self._changed:
            expired = [job for job in self._jobs.values() if job.destruction <= time]
        for job in expired:
            self.delete(job)


_stores: weakref.WeakSet[JobStore] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """End queries before the interpreter ends: it aborts if a thread is still in one."""
    for store in list(_stores):
        store.stop()


def read_time(name: str, text: str) -> datetime.datetime:
    """Read a parameter that is a time, in UTC where it does not say.

    Raises
    ------
    RequestRefused
        Names the parameter and how it is written.
    """
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise RequestRefused(f"{name}={text} is not a time; write YYYY-MM-DDThh:mm:ssZ") from None
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def read_duration(text: str) -> int:
    """Read an EXECUTIONDURATION: seconds, 0 for no limit.

    Raises
    ------
    RequestRefused
        If it is no whole number.
    """
    if not text.isdecimal():
        raise RequestRefused(f"EXECUTIONDURATION={text} is not a whole number of seconds")
    return int(text)


def _time_element(name: str, time: datetime.datetime | None) -> str:
    if time is None:
        return f'<uws:{name} xsi:nil="true"/>\n'
    return f"<uws:{name}>{time_stamp(time)}</uws:{name}>\n"


def job_document(job: Job, url: str) -> bytes:
    """Describe a job.

    Parameters
    ----------
    job : Job
    url : str
        Its address, under which its result stands.
    """
    parts = [
        f"{_XML}<uws:job {_NAMESPACES}>\n<uws:jobId>{job.identifier}</uws:jobId>\n",
        f"<uws:runId>{escape(job.run_id)}</uws:runId>\n" if job.run_id else "",
        '<uws:ownerId xsi:nil="true"/>\n',
        f"<uws:phase>{job.phase}</uws:phase>\n",
        '<uws:quote xsi:nil="true"/>\n',
        f"<uws:creationTime>{time_stamp(job.created)}</uws:creationTime>\n",
        _time_element("startTime", job.started),
        _time_element("endTime", job.ended),
        f"<uws:executionDuration>{job.duration_seconds}</uws:executionDuration>\n",
        _time_element("destruction", job.destruction),
        parameters_element(job),
        results_element(job, url),
    ]
    if job.phase == "ERROR":
        parts.append(
            '<uws:errorSummary type="fatal" hasDetail="true">'
            f"<uws:message>{escape(job.error)}</uws:message></uws:errorSummary>\n"
        )
    return "".join((*parts, "</uws:job>\n")).encode()


def parameters_element(job: Job, namespaces: str = "") -> str:
    """The job's parameters, without the content of uploads."""
    elements = "".join(
        f"<uws:parameter id={quoteattr(name.lower())}>{escape(value)}</uws:parameter>\n"
        for name, values in job.parameters.values.items()
        for value in values
    )
    return f"<uws:parameters{namespaces}>\n{elements}</uws:parameters>\n"


def results_element(job: Job, url: str, namespaces: str = "") -> str:
    """Where the job's result stands, if it has one."""
    result = (
        f'<uws:result id="result" xlink:href={quoteattr(url + "/results/result")}/>\n'
        if job.phase == "COMPLETED"
        else ""
    )
    return f"<uws:results{namespaces}>\n{result}</uws:results>\n"


def document(element: Callable[..., str], *arguments: object) -> bytes:
    """Make one of a job's elements a document of its own.

    Parameters
    ----------
    element : callable
        `parameters_element` or `results_element`.
    *arguments
        What it takes.
    """
    return (_XML + element(*arguments, namespaces=f" {_NAMESPACES}")).encode()


def job_list_document(jobs: list[Job], url: str) -> bytes:
    """List jobs.

    Parameters
    ----------
    jobs : list of Job
    url : str
        The address under which they stand.
    """
    entries = "".join(
        f'<uws:jobref id="{job.identifier}" xlink:href={quoteattr(f"{url}/{job.identifier}")}>'
        f"<uws:phase>{job.phase}</uws:phase>"
        + (f"<uws:runId>{escape(job.run_id)}</uws:runId>" if job.run_id else "")
        + f"<uws:creationTime>{time_stamp(job.created)}</uws:creationTime></uws:jobref>\n"
        for job in jobs
    )
    return f"{_XML}<uws:jobs {_NAMESPACES}>\n{entries}</uws:jobs>\n".encode()
