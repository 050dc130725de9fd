"""The proxy of the chaos tests: what it does on the wire, and that a seed decides it."""

from __future__ import annotations

import email.utils
import http.client
import io
import socket
import threading
import time
import urllib.parse
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from astropy.io import votable
from astropy.table import Table
from chaos_faults import FATAL, KINDS, Identity, Plan, digest
from chaos_proxy import ChaosProxy
from pytest import approx, mark


def table_document(rows: int = 200) -> bytes:
    written = io.BytesIO()
    table = Table({"id": np.arange(rows) + 2**60, "name": [f"row {n}" for n in range(rows)]})
    votable.writeto(votable.from_table(table), written, tabledata_format="binary2")
    return written.getvalue()


TABLE = table_document()


class Upstream:
    """A server of three pages; it counts what reaches it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                upstream.seen.append((self.command, self.path, body))
                here = f"http://127.0.0.1:{self.server.server_port}"
                if self.path == "/tap/async" and self.command == "POST":
                    number = sum(m == "POST" for m, *_ in upstream.seen)
                    self.send_response(303)
                    self.send_header("Location", f"{here}/tap/async/{number}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif self.path.startswith("/tap/async/"):
                    self.whole(
                        b'<job href="%s/tap/async/1/results/r"/>' % here.encode(), "text/xml"
                    )
                elif self.path == "/tap/chunked":
                    self.send_response(200)
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
                else:
                    self.whole(TABLE, "application/x-votable+xml")

            def whole(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_arguments) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/tap"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def upstream():
    made = Upstream()
    yield made
    made.server.shutdown()
    made.server.server_close()


def one_kind(upstream: Upstream, kind: str, **options) -> ChaosProxy:
    return ChaosProxy(upstream.url, rate=1, kinds={kind: 1}, in_a_row=None, **options)


def on_the_wire(proxy: ChaosProxy, path: str = "sync", body: bytes = b"QUERY=q") -> bytes:
    """All bytes that come back, until the server closes."""
    url = urllib.parse.urlsplit(proxy.url)
    request = (
        f"POST {url.path}/{path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def ask(proxy: ChaosProxy, method: str, path: str, body: bytes | None = None):
    """Status, headers and body of an answer."""
    url = urllib.parse.urlsplit(proxy.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, f"{url.path}/{path}", body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


class TestNoFaults:
    def test_answers_pass_unchanged(self, upstream):
        with ChaosProxy(upstream.url) as proxy:
            status, headers, body = ask(proxy, "POST", "sync", b"QUERY=q")
            assert (status, body) == (200, TABLE)
            assert headers["Content-Length"] == str(len(TABLE))
            assert ask(proxy, "GET", "chunked")[2] == b"abcdefg"
            assert proxy.counts.faults == {}
        assert upstream.seen[0] == ("POST", "/tap/sync", b"QUERY=q")

    def test_addresses_are_the_proxys(self, upstream):
        with ChaosProxy(upstream.url) as proxy:
            status, headers, _ = ask(proxy, "POST", "async", b"QUERY=q")
            assert (status, headers["Location"]) == (303, f"{proxy.url}/async/1")
            assert (
                f'href="{proxy.url}/async/1/results/r"' in ask(proxy, "GET", "async/1")[2].decode()
            )

    def test_requests_and_bytes_are_counted(self, upstream):
        with ChaosProxy(upstream.url) as proxy:
            ask(proxy, "POST", "async", b"QUERY=q")
            ask(proxy, "GET", "async/1")
            ask(proxy, "GET", "async/2")
            counted = dict(proxy.counts.requests)
            assert counted == {("POST", "/tap/async"): 1, ("GET", "/tap/async/*"): 2}
            before = proxy.counts.bytes_in, proxy.counts.bytes_out
            answer = on_the_wire(proxy)
            assert proxy.counts.bytes_out - before[1] == len(answer)
            sent = proxy.counts.bytes_in - before[0]
            url = urllib.parse.urlsplit(proxy.url)
            assert sent == len(
                f"POST /tap/sync HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n"
                "Content-Length: 7\r\n\r\nQUERY=q"
            )

    def test_a_distance_is_added(self, upstream):
        with ChaosProxy(upstream.url, delay_ms=120) as proxy:
            start = time.monotonic()
            ask(proxy, "GET", "sync")
            assert time.monotonic() - start == approx(0.12, abs=0.1)

    def test_after_closing_nothing_listens(self, upstream):
        proxy = ChaosProxy(upstream.url)
        port = proxy.port
        proxy.close()
        with pytest.raises(ConnectionRefusedError):
            ask(proxy, "GET", "sync")
        with ChaosProxy(upstream.url, port=port) as again:
            assert again.url == proxy.url
            assert ask(again, "GET", "sync")[2] == TABLE

    def test_a_lost_server_is_a_closed_connection(self, upstream):
        with ChaosProxy(upstream.url) as proxy:
            upstream.server.shutdown()
            upstream.server.server_close()
            assert on_the_wire(proxy) == b""


class TestEachKind:
    def test_drop(self, upstream):
        with one_kind(upstream, "drop") as proxy:
            assert on_the_wire(proxy) == b""
            assert proxy.counts.faults == {"drop": 1}
        assert upstream.seen == []

    def test_reset(self, upstream):
        with one_kind(upstream, "reset") as proxy, pytest.raises(ConnectionResetError):
            on_the_wire(proxy)
        assert upstream.seen == []

    def test_delay(self, upstream):
        with one_kind(upstream, "delay", delays_s=(0.2, 0.3)) as proxy:
            start = time.monotonic()
            assert ask(proxy, "POST", "sync", b"QUERY=q")[2] == TABLE
            assert 0.2 <= time.monotonic() - start < 0.6

    def test_lose(self, upstream):
        with one_kind(upstream, "lose") as proxy:
            assert on_the_wire(proxy, "async") == b""
        assert [path for _, path, _ in upstream.seen] == ["/tap/async"]

    def test_cut_length(self, upstream):
        with one_kind(upstream, "cut_length") as proxy:
            head, _, body = on_the_wire(proxy).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(TABLE)}".encode() in head
        assert 0 < len(body) < len(TABLE)
        assert TABLE.startswith(body)

    def test_cut_chunked(self, upstream):
        with one_kind(upstream, "cut_chunked") as proxy:
            head, _, body = on_the_wire(proxy).partition(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        assert b"Content-Length" not in head
        size, _, chunk = body.partition(b"\r\n")
        assert chunk[: int(size, 16)] == TABLE[: int(size, 16)] != TABLE
        assert chunk[int(size, 16) :] == b"\r\n"  # and no last chunk

    def test_cut_close(self, upstream):
        with one_kind(upstream, "cut_close") as proxy:
            head, _, body = on_the_wire(proxy).partition(b"\r\n\r\n")
        assert b"Content-Length" not in head
        assert b"chunked" not in head
        assert TABLE.startswith(body)
        assert 0 < len(body) < len(TABLE)

    def test_an_empty_body_cannot_be_cut(self, upstream):
        with one_kind(upstream, "cut_length") as proxy:
            assert on_the_wire(proxy, "async") == b""

    @mark.parametrize(
        ("kind", "status", "after"),
        [("429", 429, "1"), ("500", 500, None), ("503", 503, None), ("503_seconds", 503, "1")],
    )
    def test_refusals(self, upstream, kind, status, after):
        with one_kind(upstream, kind) as proxy:
            answer = ask(proxy, "POST", "sync", b"QUERY=q")
        assert (answer[0], answer[1]["Retry-After"]) == (status, after)
        assert upstream.seen == []

    def test_retry_after_as_a_date(self, upstream):
        with one_kind(upstream, "503_date") as proxy:
            status, headers, _ = ask(proxy, "POST", "sync", b"QUERY=q")
        assert status == 503
        then = email.utils.parsedate_to_datetime(headers["Retry-After"]).timestamp()
        assert 0 < then - time.time() <= 2

    def test_html(self, upstream):
        with one_kind(upstream, "html") as proxy:
            status, headers, body = ask(proxy, "POST", "sync", b"QUERY=q")
        assert (status, headers["Content-Type"]) == (200, "text/html")
        assert body.startswith(b"<!DOCTYPE html>")

    def test_error(self, upstream):
        with one_kind(upstream, "error") as proxy:
            answers = [ask(proxy, "POST", "sync", b"QUERY=%d" % n) for n in range(20)]
        messages = set()
        for status, _, body in answers:
            assert status == 200
            (info,) = votable.parse(io.BytesIO(body)).resources[0].infos
            assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")
            messages.add(info.content)
        assert len(messages) == 3

    def test_overflow(self, upstream):
        with one_kind(upstream, "overflow") as proxy:
            status, _, body = ask(proxy, "POST", "sync", b"QUERY=q")
            # a job's phase is no table
            assert ask(proxy, "GET", "async/1")[0] == 200
            assert proxy.counts.faults == {"overflow": 1}
        assert status == 200
        rows = votable.parse_single_table(io.BytesIO(body)).array["id"].tolist()
        assert 0 <= len(rows) < 200
        assert rows == [2**60 + n for n in range(len(rows))]
        assert b'<INFO name="QUERY_STATUS" value="OVERFLOW"' in body

    def test_stop(self, upstream):
        ended = []
        with one_kind(upstream, "stop", stop_s=0.5, at_most={"stop": 1, "drop": 0}) as proxy:
            start = time.monotonic()
            first = threading.Thread(target=on_the_wire, args=(proxy,))
            first.start()
            time.sleep(0.1)
            ended.append((on_the_wire(proxy), time.monotonic() - start))
            first.join()
            assert proxy.counts.faults == {"stop": 1, "drop": 1}
        # the second one waited with the first, and met the substitute
        assert ended[0][0] == b""
        assert ended[0][1] == approx(0.5, abs=0.2)

    def test_restart(self, upstream):
        restarts = []
        with one_kind(upstream, "restart", restart=lambda: restarts.append(1)) as proxy:
            assert on_the_wire(proxy) == b""
            assert on_the_wire(proxy) == b""
            assert proxy.counts.faults == {"restart": 1, "drop": 1}
        assert restarts == [1]
        assert upstream.seen == []


class TestPlan:
    def test_a_seed_decides_whatever_the_order(self):
        asked = [Identity("POST", "/tap/sync", str(n)) for n in range(300)]
        forward, backward = Plan(7, 0.3), Plan(7, 0.3)
        first = {(i, n): forward.next(i) for n in range(3) for i in asked}
        second = {(i, n): backward.next(i) for i in reversed(asked) for n in range(3)}
        assert first == second
        other = Plan(8, 0.3)
        assert first != {(i, n): other.next(i) for n in range(3) for i in asked}

    def test_the_rate_and_all_kinds(self):
        plan = Plan(1, 0.3, in_a_row=None)
        drawn = [plan.next(Identity("POST", "/tap/sync", str(n))) for n in range(4000)]
        faults = Counter(fault.kind for fault in drawn if fault)
        # four standard deviations of a binomial
        assert faults.total() == approx(1200, abs=4 * (4000 * 0.3 * 0.7) ** 0.5)
        assert set(faults) == set(KINDS)
        expected = 1200 / sum(KINDS.values())
        for kind, weight in KINDS.items():
            assert faults[kind] == approx(weight * expected, abs=5 * (weight * expected) ** 0.5)
        assert faults[next(iter(FATAL))] > 0

    @mark.parametrize("most", [1, 3])
    def test_faults_in_a_row_are_bounded(self, most):
        plan = Plan(1, 1.0, in_a_row=most)
        drawn = [plan.next(Identity("GET", "/tap/sync", "")) for _ in range(2 * (most + 1))]
        assert [fault is None for fault in drawn] == [*[False] * most, True] * 2

    def test_what_differs_from_run_to_run_is_left_out(self):
        form = "application/x-www-form-urlencoded"
        one = digest("", form, b"QUERY=a&RUNID=1&DESTRUCTION=now&MAXREC=5&PHASE=RUN")
        assert one == digest("", form, b"QUERY=a&RUNID=2&destruction=then&PHASE=RUN")
        assert one != digest("", form, b"QUERY=b&RUNID=1&PHASE=RUN")
        assert digest("AFTER=1&WAIT=2", "", b"") == digest("", "", b"")

    def test_multipart_boundaries_are_left_out_and_uploads_count(self):
        def form(boundary: str, rows: str) -> str:
            parts = [('"QUERY"', "q"), ('"RUNID"', boundary), ('"t"; filename="t"', rows)]
            body = "".join(
                f"--{boundary}\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n"
                for name, value in parts
            )
            body += f"--{boundary}--\r\n"
            return digest("", f"multipart/form-data; boundary={boundary}", body.encode())

        assert form("b1", "rows") == form("another", "rows")
        assert form("b1", "rows") != form("b1", "other rows")

    def test_a_jobs_requests_are_known_by_what_it_asks(self, upstream):
        """Two jobs of the same number in two runs are not the same, if they ask another thing."""
        with ChaosProxy(upstream.url) as proxy:
            for query in (b"QUERY=a", b"QUERY=b"):
                _, headers, _ = ask(proxy, "POST", "async", query)
                number = headers["Location"].rpartition("/")[2]
                ask(proxy, "GET", f"async/{number}")
            met = [identity for identity, _ in proxy.counts.met if identity.method == "GET"]
        assert met[0].place == met[1].place == "/tap/async/*"
        assert met[0].asked != met[1].asked


def test_a_run_is_repeated_with_its_seed(upstream):
    def run(seed: int, order: int) -> dict[tuple[Identity, int], str]:
        made, sent = {}, Counter()
        # no bounds: who is the first to meet a bounded kind is a matter of order
        options = {"at_most": {"stop": 99, "restart": 99}, "stop_s": 0.05, "delays_s": (0, 0.01)}
        with ChaosProxy(
            upstream.url, seed=seed, rate=0.5, restart=lambda: None, **options
        ) as proxy:
            for query in [b"QUERY=%d" % n for n in range(25)][::order]:
                for _ in range(2):
                    try:
                        on_the_wire(proxy, body=query)
                    except ConnectionResetError:
                        continue
            for identity, kind in proxy.counts.met:
                made[identity, sent[identity]] = kind
                sent[identity] += 1
        return made

    first = run(3, 1)
    assert first == run(3, -1)
    assert 12 < sum(kind != "" for kind in first.values()) < 38
    assert first != run(4, 1)
