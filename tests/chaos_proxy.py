"""A reverse HTTP proxy that treats a server's clients as a network and a busy archive would.

It stands between a TAP client and a real server. At a given rate a request meets one of the
faults of `chaos_faults.KINDS`; at rate 0 the proxy counts requests and bytes, and may add a fixed
delay to each: the distance to an archive.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import re
import socket
import socketserver
import struct
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chaos_faults import KINDS, Fault, Identity, Plan, digest, error_document, overflow

__all__ = ["ChaosProxy", "Counts"]

_JOB = re.compile(r"(?P<list>.*/async)/(?P<job>[^/]+)(?P<rest>.*)")
_NOT_FORWARDED = {
    *("connection", "keep-alive", "transfer-encoding", "content-length", "host"),
    # what comes back is read, cut and rewritten
    "accept-encoding",
}
_PIECE = 1 << 16
_SERVER_TIMEOUT_S = 600
_PAGE = b"<!DOCTYPE html><html><body><h1>Down for maintenance</h1></body></html>"
_GONE = (OSError, http.client.HTTPException)


@dataclass
class Counts:
    """What went through a proxy.

    Attributes
    ----------
    requests : Counter
        (method, place) -> number; a job's number in the place is *.
    bytes_in, bytes_out : int
        Of requests and of answers, heads included.
    faults : Counter
        Kind -> number.
    met : list of (Identity, str)
        Requests in the order of their coming, with the kind of fault, '' for none.
    """

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    met: list[tuple[Identity, str]] = field(default_factory=list)


class ChaosProxy:
    """The proxy; it listens from its making until `close`, or as a context.

    Parameters
    ----------
    upstream : str
        The server's address, http only, with or without a path.
    seed, rate, kinds, in_a_row
        As for `chaos_faults.Plan`.
    port : int
        Where to listen; 0 takes any free one.
    delay_ms : float
        Added to every request.
    delays_s : (float, float)
        Shortest and longest delay of the fault of that name.
    stop_s : float
        How long a stopped server answers nobody.
    restart : callable, optional
        Restarts the server and returns when it answers; without it that fault is a drop.
    at_most : mapping of str to int
        Kinds that happen only so often; from then on they are drops.

    Attributes
    ----------
    url : str
        `upstream`, at the proxy's address.
    counts : Counts
    """

    def __init__(
        self,
        upstream: str,
        *,
        seed: int = 0,
        rate: float = 0.0,
        kinds: Mapping[str, float] = KINDS,
        in_a_row: int | None = 3,
        port: int = 0,
        delay_ms: float = 0.0,
        delays_s: tuple[float, float] = (0.2, 2.0),
        stop_s: float = 10.0,
        restart: Callable[[], None] | None = None,
        at_most: Mapping[str, int] | None = None,
    ) -> None:
        there = urllib.parse.urlsplit(upstream)
        self._plan = Plan(seed, rate, kinds, in_a_row)
        self._upstream = (there.hostname, there.port or 80)
        self._delay_s, self._delays_s, self._stop_s = delay_ms / 1000, delays_s, stop_s
        self._restart = restart
        self._left = {"stop": 1, "restart": 1 if restart else 0, **(at_most or {})}
        self._jobs: dict[str, str] = {}
        self._lock = threading.Lock()
        self._going = threading.Event()
        self._going.set()
        self.counts = Counts()
        self._server = _Server(("127.0.0.1", port), self)
        self.port = self._server.server_address[1]
        self._here = f"http://127.0.0.1:{self.port}"
        self._there = f"http://{there.netloc}"
        self.url = self._here + there.path
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def __enter__(self) -> ChaosProxy:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more: connections are refused from now on, open ones are closed."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.close_connections()

    # --- what happens to a request ------------------------------------------------------------

    def meet(self, request: _Handler, body: bytes) -> tuple[Identity, Fault | None]:
        """Know a request again, count it, and draw its fault."""
        url = urllib.parse.urlsplit(request.path)
        asked = digest(url.query, request.headers.get("Content-Type", ""), body)
        lines = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
        head = len(request.raw_requestline) + lines + 2
        with self._lock:
            place = url.path
            if job := _JOB.fullmatch(url.path):
                place = f"{job['list']}/*{job['rest']}"
                asked = f"{self._jobs.get(job['list'] + '/' + job['job'], '')} {asked}"
            identity = Identity(request.command, place, asked)
            fault = self._plan.next(identity)
            if fault is not None and fault.kind in self._left:
                self._left[fault.kind] -= 1
                if self._left[fault.kind] < 0:
                    fault = Fault("drop", fault.share)
            kind = fault.kind if fault else ""
            self.counts.requests[request.command, place] += 1
            self.counts.bytes_in += head + len(body)
            self.counts.faults.update([kind] if kind else [])
            self.counts.met.append((identity, kind))
        return identity, fault

    def treat(self, request: _Handler, body: bytes) -> None:
        """Answer a request, or do to it what is drawn."""
        identity, fault = self.meet(request, body)
        self._going.wait()
        time.sleep(self._delay_s)
        kind, share = (fault.kind, fault.share) if fault else ("", 0.0)
        match kind:
            case "drop" | "reset":
                return request.leave(reset=kind == "reset")
            case "delay":
                shortest, longest = self._delays_s
                time.sleep(shortest + share * (longest - shortest))
            case "stop" | "restart":
                with self._nobody_is_answered():
                    if kind == "restart":
                        self._restart()
                        return request.leave()
                    time.sleep(self._stop_s)
            case "html":
                return request.reply(200, _PAGE, {"Content-Type": "text/html"})
            case "error":
                kind_of_body = {"Content-Type": "application/x-votable+xml"}
                return request.reply(200, error_document(fault.message), kind_of_body)
            case "429" | "500" | "503" | "503_seconds" | "503_date":
                headers = {"Content-Type": "text/plain"}
                if kind in ("429", "503_seconds"):
                    headers["Retry-After"] = "1"
                elif kind == "503_date":
                    headers["Retry-After"] = email.utils.formatdate(time.time() + 2, usegmt=True)
                return request.reply(int(kind[:3]), b"the server is busy\n", headers)
        with contextlib.suppress(*_GONE), self._forward(request, body) as answer:
            return self._pass_on(request, identity, answer, fault)
        request.leave()  # the server is gone, and so is what it was saying

    @contextlib.contextmanager
    def _nobody_is_answered(self) -> Iterator[None]:
        self._going.clear()
        try:
            yield
        finally:
            self._going.set()

    @contextlib.contextmanager
    def _forward(self, request: _Handler, body: bytes) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(*self._upstream, timeout=_SERVER_TIMEOUT_S)
        headers = {n: v for n, v in request.headers.items() if n.lower() not in _NOT_FORWARDED}
        headers |= {"Accept-Encoding": "identity", "Connection": "close"}
        if body or request.command == "POST":
            headers["Content-Length"] = str(len(body))
        with contextlib.closing(connection):
            connection.request(request.command, request.path, body or None, headers)
            yield connection.getresponse()

    def _pass_on(
        self,
        request: _Handler,
        identity: Identity,
        answer: http.client.HTTPResponse,
        fault: Fault | None,
    ) -> None:
        headers = {n: v for n, v in answer.getheaders() if n.lower() not in _NOT_FORWARDED}
        if "Location" in headers:
            headers["Location"] = headers["Location"].replace(self._there, self._here)
            self._learn_job(identity, headers["Location"])
        kind = fault.kind if fault else ""
        # Documents that hold addresses; tables are passed on as they come
        rewritten = headers.get("Content-Type", "").startswith("text/xml")
        if not rewritten and kind not in ("lose", "overflow") and not kind.startswith("cut"):
            return request.stream(answer, headers)
        body = answer.read()
        if rewritten:
            body = body.replace(self._there.encode(), self._here.encode())
        if kind == "overflow" and b"<TABLE" in body:
            body = overflow(body, fault.share)
        cut = int(1 + fault.share * (len(body) - 1)) if fault else 0
        # nothing can be cut off an empty body
        if kind == "lose" or (kind.startswith("cut") and cut >= len(body)):
            return request.leave()
        if kind.startswith("cut"):
            return request.cut(answer.status, body, cut, headers, kind)
        request.reply(answer.status, body, headers)

    def _learn_job(self, identity: Identity, location: str) -> None:
        """Remember what a job was made for: the next requests know only its number."""
        job = _JOB.fullmatch(urllib.parse.urlsplit(location).path)
        if identity.method == "POST" and identity.place.endswith("/async") and job:
            with self._lock:
                self._jobs[f"{job['list']}/{job['job']}"] = identity.asked


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _treat(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self.server.proxy.treat(self, body)
        except ConnectionError:
            # a client that has given up is no error of the proxy's
            self.close_connection = True

    do_GET = do_POST = do_DELETE = _treat

    def leave(self, *, reset: bool = False) -> None:
        """Close the connection without an answer."""
        self.close_connection = True
        if reset:
            # no lingering: what would be a close is a reset (RST)
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.server.not_to_be_shut.add(self.connection)

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Answer with a whole body."""
        self._begin(status, {**headers, "Content-Length": str(len(body))})
        self._send(body)

    def cut(
        self, status: int, body: bytes, length: int, headers: dict[str, str], kind: str
    ) -> None:
        """Answer with the first `length` bytes of a body, then close."""
        self.close_connection = True
        headers = {**headers, "Connection": "close"}
        piece = body[:length]
        if kind == "cut_length":
            headers["Content-Length"] = str(len(body))
        elif kind == "cut_chunked":
            headers["Transfer-Encoding"] = "chunked"
            piece = _chunk(piece)
        self._begin(status, headers)
        self._send(piece)

    def stream(self, answer: http.client.HTTPResponse, headers: dict[str, str]) -> None:
        """Pass an answer on as it comes."""
        chunked = answer.length is None
        headers["Transfer-Encoding" if chunked else "Content-Length"] = (
            "chunked" if chunked else str(answer.length)
        )
        self._begin(answer.status, headers)
        try:
            while piece := answer.read1(_PIECE):
                self._send(_chunk(piece) if chunked else piece)
        except http.client.HTTPException:
            return self.leave()  # the server was lost in the middle: so is the answer
        if chunked:
            self._send(b"0\r\n\r\n")
        elif answer.length:
            self.leave()

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self._count(sum(map(len, self._headers_buffer)) + 2)
        self.end_headers()

    def _send(self, content: bytes) -> None:
        self._count(len(content))
        self.wfile.write(content)

    def _count(self, count: int) -> None:
        proxy = self.server.proxy
        with proxy._lock:
            proxy.counts.bytes_out += count

    def log_message(self, *_arguments: object) -> None:
        pass


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], proxy: ChaosProxy) -> None:
        self.proxy = proxy
        self.not_to_be_shut: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the network for this machine's name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request: socket.socket, client_address: object) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self._open.discard(request)
        if request in self.not_to_be_shut:
            self.not_to_be_shut.discard(request)
            self.close_request(request)  # without the FIN that a shutdown would send before
        else:
            super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: socket.socket, client_address: object) -> None:
        import sys

        # a client that is killed in the middle is what this proxy is for
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
