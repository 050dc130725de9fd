"""The demo archive as a TAP 1.1 service: a WSGI application.

Four services share one file: HEASARC's tables at ``/heasarc/tap``, ESA's at
``/gaia/tap``, IRSA's at ``/irsa/tap``, and all of them at ``/tap``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from xgamma.demo.server import uws, vosi
from xgamma.demo.server.catalogue import SERVICES
from xgamma.demo.server.execution import Archive
from xgamma.demo.server.parameters import DEFAULT_ROWS, Parameters, TapRequest, read_parameters
from xgamma.demo.server.refusals import RequestRefused
from xgamma.demo.server.votable import VOTABLE_TYPE, error_document, write

__all__ = ["SERVICES", "TapApplication"]

_XML_TYPE = "text/xml"
_TEXT_TYPE = "text/plain"
_PIECE_BYTES = 1 << 16


@dataclass
class _Response:
    body: Iterable[bytes] = ()
    media_type: str = _XML_TYPE
    status: HTTPStatus = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)


class TapApplication:
    """Answers TAP requests about one DuckDB file.

    Parameters
    ----------
    database_path : path-like
        A file with the tables and a schema ``tap_schema`` that describes them.
    """

    def __init__(self, database_path: str | Path) -> None:
        self._archive = Archive(database_path)
        self._jobs = {
            service: uws.JobStore(lambda job, service=service: self._run(job, service))
            for service in SERVICES
        }

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        """Answer one WSGI request."""
        try:
            response = self._respond(environ)
        except RequestRefused as error:
            response = _Response(
                [error_document(str(error))], VOTABLE_TYPE, HTTPStatus(error.status)
            )
        headers = {"Content-Type": response.media_type, **response.headers}
        start_response(f"{response.status.value} {response.status.phrase}", list(headers.items()))
        return response.body

    def _respond(self, environ: Mapping[str, Any]) -> _Response:
        path = environ.get("PATH_INFO", "")
        service = next((base for base in SERVICES if f"{path}/".startswith(f"{base}/")), None)
        if service is None:
            raise RequestRefused(
                f"nothing stands at {path}; services stand at {', '.join(SERVICES)}", status=404
            )
        url = _host(environ) + service
        resource, *subresources = path.removeprefix(service).strip("/").split("/")
        parameters = read_parameters(environ)
        match resource:
            case "sync" if not subresources:
                return self._sync(parameters, service)
            case "async":
                method = environ["REQUEST_METHOD"]
                return self._async(method, subresources, parameters, service, f"{url}/async")
            case "availability" if not subresources:
                return _Response([vosi.availability()])
            case "capabilities" if not subresources:
                return _Response([vosi.capabilities(url)])
            case "tables" if len(subresources) <= 1:
                catalogue = self._archive.catalogue(service)
                if subresources:
                    return _Response([vosi.table_document(catalogue, subresources[0])])
                with_columns = parameters.get("DETAIL") != "min"
                return _Response([vosi.tables_document(catalogue, with_columns=with_columns)])
        raise RequestRefused(f"nothing stands at {path}", status=404)

    def _sync(self, parameters: Parameters, service: str) -> _Response:
        request = TapRequest.from_parameters(parameters)
        pieces = self._answer(request, service)
        # a query fails before its first rows, if it does: then the status can still say so
        first = list(itertools.islice(pieces, 1))
        return _Response(itertools.chain(first, pieces), request.media_type)

    def _answer(
        self, request: TapRequest, service: str, job: uws.Job | None = None
    ) -> Generator[bytes]:
        def interruptible(interrupt: Callable[[], None]) -> None:
            if job is not None:
                job.interrupt = interrupt

        with self._archive.answer(
            request.query,
            service,
            uploads=request.uploads,
            default_limit=DEFAULT_ROWS,
            maxrec=request.maxrec,
            interruptible=interruptible,
        ) as result:
            yield from write(result, request.serialisation, request.query)

    def _run(self, job: uws.Job, service: str) -> Generator[bytes]:
        request = TapRequest.from_parameters(job.parameters)
        job.media_type = request.media_type
        yield from self._answer(request, service, job)

    def _async(
        self, method: str, path: list[str], parameters: Parameters, service: str, url: str
    ) -> _Response:
        jobs = self._jobs[service]
        if not path:
            if method == "POST":
                job = jobs.create(parameters)
                if parameters.get("PHASE") == "RUN":
                    jobs.start(job)
                return _redirect(f"{url}/{job.identifier}")
            last, after = parameters.get("LAST"), parameters.get("AFTER")
            listed = jobs.find(
                parameters.values.get("PHASE", []),
                int(last) if last.isdecimal() else None,
                uws.read_time("AFTER", after) if after else None,
            )
            return _Response([uws.job_list_document(listed, url)])
        job = jobs.get(path[0])
        job_url = f"{url}/{job.identifier}"
        if method == "DELETE" or (method == "POST" and parameters.get("ACTION") == "DELETE"):
            jobs.delete(job)
            return _redirect(url)
        if method == "POST":
            _change(jobs, job, "/".join(path[1:]), parameters)
            return _redirect(job_url)
        return _show(jobs, job, "/".join(path[1:]), parameters, job_url)


def _host(environ: Mapping[str, Any]) -> str:
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return f"{environ['wsgi.url_scheme']}://{host}{environ.get('SCRIPT_NAME', '')}"


def _redirect(url: str) -> _Response:
    return _Response(status=HTTPStatus.SEE_OTHER, headers={"Location": url})


def _change(jobs: uws.JobStore, job: uws.Job, resource: str, parameters: Parameters) -> None:
    """Change what a client may change about a job."""
    value = parameters.get(resource.upper())
    match resource:
        case "phase" if value == "RUN":
            jobs.start(job)
        case "phase" if value == "ABORT":
            jobs.abort(job)
        case "parameters" | "" if job.phase == "PENDING":
            job.parameters.replace(parameters)
            if parameters.get("PHASE") == "RUN":
                jobs.start(job)
        case "executionduration":
            job.duration_seconds = uws.read_duration(value)
        case "destruction":
            job.destruction = uws.read_time("DESTRUCTION", value)
        case _:
            name = resource.upper() or "PARAMETERS"
            raise RequestRefused(
                f"{name}={value}: a job in the phase {job.phase} does not take this"
            )


def _show(
    jobs: uws.JobStore, job: uws.Job, resource: str, parameters: Parameters, url: str
) -> _Response:
    """Show a job or a part of it."""
    texts = {
        "phase": job.phase,
        "executionduration": str(job.duration_seconds),
        "destruction": uws.time_stamp(job.destruction),
        "quote": "",
        "owner": "",
    }
    match resource:
        case "":
            wait = parameters.get("WAIT")
            if wait:
                jobs.wait(job, _seconds(wait), parameters.get("PHASE"))
            return _Response([uws.job_document(job, url)])
        case "parameters":
            return _Response([uws.document(uws.parameters_element, job)])
        case "results":
            return _Response([uws.document(uws.results_element, job, url)])
        case "results/result" if job.result is not None:
            return _Response(_pieces(job.result), job.media_type)
        case "error" if job.phase == "ERROR":
            return _Response([error_document(job.error)], VOTABLE_TYPE)
        case _ if resource in texts:
            return _Response([texts[resource].encode()], _TEXT_TYPE)
    raise RequestRefused(f"the job {job.identifier} ({job.phase}) has no {resource}", status=404)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RequestRefused(f"WAIT={text} is not a number of seconds") from None


def _pieces(result: IO[bytes]) -> Iterator[bytes]:
    """Read a result that others may be reading, or deleting, at the same time.

    The descriptor of its own keeps the file, and `pread` leaves the others' places alone.
    """
    result.flush()
    descriptor = os.dup(result.fileno())

    def read() -> Iterator[bytes]:
        try:
            offset = 0
            while piece := os.pread(descriptor, _PIECE_BYTES, offset):
                offset += len(piece)
                yield piece
        finally:
            os.close(descriptor)

    return read()
