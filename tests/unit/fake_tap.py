"""A TAP service of the tests' own, on a port of this machine: it answers what it is told to.

No demo archive and no pyvo on this side, so that the client is held against the protocol
and not against itself.
"""

from __future__ import annotations

import contextlib
import datetime
import email.parser
import email.policy
import io
import re
import socket
import socketserver
import struct
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from astropy.table import Table

XML = "application/x-votable+xml"
UWS = (
    'xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" version="1.1" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"'
)

CAPABILITIES = """<?xml version="1.0"?>
<vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0"
 xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1">
 <capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">
  <interface role="std" xsi:type="vs:ParamHTTP"><accessURL use="base">{url}</accessURL></interface>
  <language><name>ADQL</name><version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version></language>
  <outputFormat><mime>application/x-votable+xml</mime></outputFormat>
  {uploads}
 </capability>
</vosi:capabilities>"""
INLINE_UPLOAD = '<uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-inline"/>'


@dataclass(frozen=True)
class Field:
    """A VOTable FIELD and its values, None for null."""

    name: str
    datatype: str
    values: list
    unit: str = ""
    id: str = ""
    null: str = ""


def votable(*fields: Field, status: str = "OK", trailing: str = "") -> bytes:
    """A TABLEDATA VOTable; `trailing` is the status that follows the table, if any."""
    head = []
    for one in fields:
        size = ' arraysize="*"' if one.datatype in ("char", "unicodeChar") else ""
        unit = f" unit={quoteattr(one.unit)}" if one.unit else ""
        ident = f" ID={quoteattr(one.id)}" if one.id else ""
        null = f"<VALUES null={quoteattr(one.null)}/>" if one.null else ""
        head.append(
            f'<FIELD name={quoteattr(one.name)}{ident} datatype="{one.datatype}"{size}{unit}>'
            f"{null}</FIELD>"
        )
    rows = []
    for row in zip(*(one.values for one in fields), strict=True):
        cells = [
            one.null if value is None else escape(str(value))
            for one, value in zip(fields, row, strict=True)
        ]
        rows.append("<TR>" + "".join(f"<TD>{cell}</TD>" for cell in cells) + "</TR>")
    after = f'<INFO name="QUERY_STATUS" value="{trailing}"/>' if trailing else ""
    return (
        '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="{status}"/>'
        f"<TABLE>{''.join(head)}<DATA><TABLEDATA>{''.join(rows)}</TABLEDATA></DATA></TABLE>"
        f"{after}</RESOURCE></VOTABLE>"
    ).encode()


def error_document(message: str) -> bytes:
    """What TAP answers to a query that it refuses."""
    return (
        '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        '<RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">'
        f"{escape(message)}</INFO></RESOURCE></VOTABLE>"
    ).encode()


@dataclass(frozen=True)
class Reply:
    """An HTTP answer that is not simply a VOTable with status 200."""

    body: bytes = b""
    status: int = 200
    content_type: str = XML
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wire:
    """An answer as it goes over the wire, headers and all; a number is a pause in seconds.

    After the last piece the connection is closed, or reset.
    """

    pieces: Iterable[bytes | float]
    reset: bool = False


#: The connection is closed, and nothing is answered.
LOST = Wire(())


def head(*headers: str) -> bytes:
    """Status line and headers."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {XML}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class FakeJob:
    """A job as it is created; `started` when it was told to run."""

    adql: str
    uploads: dict
    run_id: str
    destruction: str
    started: bool = False


class FakeTap:
    """The service: give it `answer(adql, uploads)`, read `queries` and `requests` after.

    Attributes
    ----------
    answer : callable
        (adql, {name: Table}) -> bytes of a VOTable, or a `Reply` or `Wire`.
    meddle : callable
        (method, path, form, respond) -> Reply or Wire, for each request: by default what
        respond() gives, which is the service's own answer and does what was asked.
    queries, requests : list
        The ADQL of each query and created job; (method, path, form) of each request.
    jobs : dict
        Number -> `FakeJob`, those that were not deleted; `made` is how many there were.
    phases : list of str
        What the polls of asynchronous jobs see, one after the other; the last stays.
    job_error : str
        The message of a job that ends in ERROR.
    results : list of (str, str)
        The results in a job's document, name and address; with {url} and {job}.
    keeps_run_id, takes_destruction, lists_jobs : bool
        Whether a job's RUNID shows, DESTRUCTION is heeded in its creation, jobs are listed.
    in_two_days : str
        The destruction time of jobs that are given none.
    user_agent : str
        What the last request said that it was from.
    capabilities : bytes or None
        None: 404.
    """

    def __init__(self, answer: Callable[[str, dict], bytes | Reply] = lambda *_: votable()):
        self.answer = answer
        self.meddle: Callable[..., Reply | Wire] = lambda _method, _path, _form, respond: respond()
        self.queries: list[str] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.jobs: dict[str, FakeJob] = {}
        self.made = 0
        self.phases = ["COMPLETED"]
        self.job_error = ""
        self.results = [("result", "{url}/async/{job}/results/result")]
        self.keeps_run_id = self.takes_destruction = self.lists_jobs = True
        self.user_agent = ""
        then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
        self.in_two_days = then.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/tap"
        self.capabilities: bytes | None = CAPABILITIES.format(
            url=self.url, uploads=INLINE_UPLOAD
        ).encode()
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def asked(self, method: str, path: str) -> list[dict[str, str]]:
        """The parameters of every request of this method and path, in which * is anything."""
        return [form for m, p, form in self.requests if m == method and fnmatchcase(p, path)]

    def respond(self, method: str, path: str, form: dict[str, str], uploads: dict) -> Reply | Wire:
        self.requests.append((method, path, form))
        return self.meddle(method, path, form, lambda: self._work(method, path, form, uploads))

    def _work(self, method: str, path: str, form: dict[str, str], uploads: dict) -> Reply | Wire:
        if path == "/tap/capabilities":
            return Reply(self.capabilities or b"", 200 if self.capabilities else 404, "text/xml")
        if path == "/tap/sync":
            self.queries.append(form["QUERY"])
            return self._reply(form["QUERY"], uploads)
        if path == "/tap/async" and method == "POST":
            self.queries.append(form["QUERY"])
            until = form.get("DESTRUCTION") if self.takes_destruction else None
            self.made += 1
            self.jobs[f"{self.made}"] = FakeJob(
                form["QUERY"], uploads, form.get("RUNID", ""), until or self.in_two_days
            )
            return self._see_other(f"/async/{self.made}")
        if path == "/tap/async":
            return Reply(self._list(form), 200 if self.lists_jobs else 403, "text/xml")
        number, _, what = path.removeprefix("/tap/async/").partition("/")
        job = self.jobs.get(number)
        if job is None:
            return Reply(error_document(f"there is no job {number}"), 404)
        if (method, what) == ("DELETE", ""):
            del self.jobs[number]
            return self._see_other("/async")
        if (method, what) == ("POST", "phase"):
            job.started = job.started or form["PHASE"] == "RUN"
            return self._see_other(f"/async/{number}")
        if (method, what) == ("POST", "destruction"):
            job.destruction = form["DESTRUCTION"]
            return self._see_other(f"/async/{number}")
        if what == "results/result":
            return self._reply(job.adql, job.uploads)
        return Reply(self._document(number, job), content_type="text/xml")

    def _see_other(self, where: str) -> Reply:
        return Reply(status=303, headers={"Location": f"{self.url}{where}"})

    def _reply(self, adql: str, uploads: dict) -> Reply | Wire:
        made = self.answer(adql, uploads)
        return Reply(made) if isinstance(made, bytes) else made

    def _run_id(self, job: FakeJob) -> str:
        return f"<uws:runId>{escape(job.run_id)}</uws:runId>" if self.keeps_run_id else ""

    def _list(self, form: dict[str, str]) -> bytes:
        listed = "".join(
            f'<uws:jobref id="{number}"><uws:phase>PENDING</uws:phase>{self._run_id(job)}'
            "</uws:jobref>"
            for number, job in self.jobs.items()
            if not job.started or form.get("PHASE") != "PENDING"
        )
        return f"<uws:jobs {UWS}>{listed}</uws:jobs>".encode()

    def _document(self, number: str, job: FakeJob) -> bytes:
        phase = "PENDING"
        if job.started:
            phase = self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]
        result = error = ""
        if phase == "COMPLETED":
            for name, href in self.results:
                where = href.format(url=self.url, job=number)
                result += f"<uws:result id={quoteattr(name)} xlink:href={quoteattr(where)}/>"
        if phase == "ERROR":
            error = (
                '<uws:errorSummary type="fatal" hasDetail="false">'
                f"<uws:message>{escape(self.job_error)}</uws:message></uws:errorSummary>"
            )
        return (
            f"<uws:job {UWS}><uws:jobId>{number}</uws:jobId>{self._run_id(job)}"
            f"<uws:phase>{phase}</uws:phase><uws:destruction>{job.destruction}</uws:destruction>"
            f'<uws:parameters><uws:parameter id="query">{escape(job.adql)}</uws:parameter>'
            f"</uws:parameters><uws:results>{result}</uws:results>{error}</uws:job>"
        ).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # HTTPServer would ask the network for this machine's name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def shutdown_request(self, request: socket.socket) -> None:
        request.close()  # only that: a shutdown first would make an end of a reset


def _handler_of(service: FakeTap) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            form, uploads = _parse(self.headers.get("Content-Type", ""), self.rfile.read(length))
            url = urllib.parse.urlsplit(self.path)
            form.update(urllib.parse.parse_qsl(url.query))
            service.user_agent = self.headers.get("User-Agent", "")
            reply = service.respond(self.command, url.path, form, uploads)
            # a client that has had enough is no fault of the service
            with contextlib.suppress(ConnectionError):
                self._send(reply)

        def _send(self, reply: Reply | Wire) -> None:
            if isinstance(reply, Wire):
                self._send_raw(reply)
                return
            self.send_response(reply.status)
            usual = {"Content-Type": reply.content_type, "Content-Length": len(reply.body)}
            for name, value in {**usual, **reply.headers}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(reply.body)

        def _send_raw(self, wire: Wire) -> None:
            for piece in wire.pieces:
                if isinstance(piece, bytes):
                    self.connection.sendall(piece)
                elif service.closing.wait(piece):
                    return
            if wire.reset:
                at_once = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, *_args) -> None:
            pass

    return Handler


def _parse(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, Table]]:
    if not content_type.startswith("multipart/"):
        pairs = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)
        return dict(pairs), {}
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    form, files = {}, {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.get_filename():
            files[name] = content
        else:
            form[name] = content.decode()
    uploads = {}
    for one in form.get("UPLOAD", "").split(";"):
        if one:
            name, reference = one.split(",")
            content = files[reference.removeprefix("param:")]
            uploads[name] = Table.read(io.BytesIO(content), format="votable")
    return form, uploads


class SurveySky:
    """Answers the enrichment's queries from rows in memory: every pair is looked at.

    Inside means that the angle between two vectors, atan2(|a x b|, a . b), is at most the
    radius: another formula than the client's. Rows come in a different order each time.
    `rounding` is by how many degrees the service's own arithmetic makes circles larger.
    """

    def __init__(self, table: str, *fields: Field, rounding: float = 0.0):
        self.table, self.fields = table, {one.name: one for one in fields}
        self.rounding = rounding
        self._random = np.random.default_rng(7)

    def __call__(self, adql: str, uploads: dict[str, Table]) -> bytes:
        select, rest = re.fullmatch(
            r"SELECT (?:TOP \d+ )?(.*?) FROM (.*)", adql, flags=re.DOTALL
        ).groups()
        if not rest.startswith(f"{self.table} AS s"):
            return error_document(f"no such table in: {rest}")
        number = r"-?\d+\.?\d*(?:e-?\d+)?"
        circle = re.search(rf"CIRCLE\('ICRS', ({number}), ({number}), ({number})\)", rest)
        if circle:
            centres = [(None, *map(float, circle.groups()))]
        else:
            table = uploads["targets"]
            names = ("target_id", "target_ra", "target_dec", "radius_deg")
            centres = list(zip(*(table[name].tolist() for name in names), strict=True))
        points = _vectors(self.fields["ra"].values, self.fields["dec"].values)
        found = [
            (target, i)
            for target, ra, dec, radius in centres
            for i in np.flatnonzero(
                _angles(_vectors(ra, dec), points) <= radius + self.rounding
            ).tolist()
        ]
        if select == "COUNT(*) AS n":
            return votable(Field("n", "long", [len(found)]))
        if select == "t.target_id AS target_id, COUNT(*) AS n":
            assert rest.endswith(" GROUP BY t.target_id")
            numbers = Counter(target for target, _ in found)
            fields = Field("target_id", "long", [*numbers]), Field("n", "int", [*numbers.values()])
            return votable(*fields)
        found = [found[k] for k in self._random.permutation(len(found))]
        made = []
        for column in select.split(", "):
            source, name = re.fullmatch(r"(\S+) AS (\S+)", column).groups()
            if source == "t.target_id":
                made.append(Field(name, "long", [target for target, _ in found]))
                continue
            one = self.fields[source.removeprefix("s.")]
            values = [one.values[i] for _, i in found]
            made.append(Field(name, one.datatype, values, one.unit, null=one.null))
        return votable(*made)


def _vectors(ra, dec) -> np.ndarray:
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def _angles(centre: np.ndarray, points: np.ndarray) -> np.ndarray:
    across = np.linalg.norm(np.cross(points, centre), axis=-1)
    return np.degrees(np.arctan2(across, points @ centre))
