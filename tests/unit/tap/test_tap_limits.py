"""What a query may cost: time, requests, bytes and rows; faults of the network on the way."""

import bz2
import datetime
import email.utils
import errno
import gzip
import io
import itertools
import logging
import re
import socket
import ssl
import threading
import time
import zlib

import numpy as np
import pytest
from asking import BRIEF, FULL_DISK, MODES, ONE_ROW, answers, client_of, refusal
from astropy.io.votable import from_table
from astropy.table import Table
from fake_tap import LOST, XML, FakeTap, Field, Reply, Wire, head, votable

from xgamma.archive.client import TapClient, TapError
from xgamma.errors import XgammaError


def in_seconds(seconds):
    """A time from now, as HTTP writes it."""
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return email.utils.format_datetime(then, usegmt=True)


def busy(after, status=503):
    """An answer that says when to ask again: as given, or the date in so many seconds."""
    if after.startswith("date in "):
        after = in_seconds(int(after.removeprefix("date in ")))
    return Reply(b"busy", status, "text/plain", {"Retry-After": after})


@pytest.mark.parametrize("module", ["tap.transport", "tables.pieces"])
def test_no_room_for_temporary_files_is_said(fake_tap, monkeypatch, module):
    """Of an answer as it comes, and of its rows: else it would be the archive that is at fault."""
    monkeypatch.setattr(f"xgamma.{module}.tempfile", FULL_DISK)
    monkeypatch.setattr("xgamma.tables.pieces.PIECE_ROWS", 1)
    fake_tap.answer = answers(ONE_ROW)
    with pytest.raises(XgammaError, match=r"^temporary files in /.*: No space left on device; ."):
        client_of(fake_tap).query("SELECT 1 AS n")
    assert len(fake_tap.queries) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_service_is_left_alone_as_long_as_it_asks(fake_tap, pauses, status, form):
    after = "7" if form == "seconds" else "date in 7"
    fake_tap.answer = answers(busy(after, status), ONE_ROW)
    assert len(client_of(fake_tap).query("SELECT 1 AS n").frame) == 1
    assert len(pauses) == 1 and 5 < pauses[0] <= 7


@pytest.mark.parametrize("after", ["0", "-5", "soon", "date in -3600", "nan"])
def test_a_time_that_says_nothing_is_no_leave_to_hurry(fake_tap, pauses, after):
    fake_tap.answer = answers(busy(after), ONE_ROW)
    assert len(client_of(fake_tap).query("SELECT 1 AS n").frame) == 1
    assert len(pauses) == 1 and pauses[0] >= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("after", "deadline_s", "wait"),
    [("3600", 7200, "3600"), ("date in 86400", 7200, "8"), ("60", 30, "60"), ("inf", 7200, "")],
)
def test_a_service_that_asks_for_too_long_is_not_waited_for(
    fake_tap, pauses, mode, after, deadline_s, wait
):
    fake_tap.answer = lambda *_: busy(after)
    said = refusal(client_of(fake_tap, mode=mode, deadline_s=deadline_s))
    assert "does not answer: HTTP 503 Service Unavailable (asked 1 time); it asks to wait" in said
    assert f"it asks to wait {wait}" in said and said.endswith(" s; run again then")
    assert len(fake_tap.queries) == 1 and pauses == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_statuses_that_pass(fake_tap, pauses, status):
    fake_tap.answer = answers(Reply(b"", status), ONE_ROW)
    assert client_of(fake_tap).query("SELECT 1").record["attempts"] == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
@pytest.mark.parametrize("mode", MODES)
def test_statuses_that_stay(fake_tap, pauses, status, mode):
    fake_tap.meddle = lambda *_: Reply(b"", status)
    said = refusal(client_of(fake_tap, mode=mode))
    assert f"does not answer: HTTP {status} " in said and "(asked 1 time)" in said
    assert len(fake_tap.requests) == 1 and pauses == []


# the way there


def test_a_name_that_is_not_known(monkeypatch, pauses):
    def unknown(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = TapClient("heasarc", "http://archive.invalid/tap", attempts=5)
    with pytest.raises(TapError) as caught:
        client.query("SELECT 1 AS n")
    assert str(caught.value) == (
        "heasarc (http://archive.invalid/tap) does not answer: its name is not known (asked 2 "
        "times); check its url in the config and the network, or run again later"
    )
    assert caught.value.unreachable == ("archive.invalid",)
    assert pauses == [1.0], "a name server may drop a question, but a wrong name stays wrong"


def test_no_network(monkeypatch, pauses):
    """The name is known, from a cache or because it is an address."""

    def unreachable(*_args, **_kwargs):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr("urllib3.util.connection.create_connection", unreachable)
    with pytest.raises(TapError, match="does not answer: the network is unreachable") as caught:
        TapClient("heasarc", "http://192.0.2.1/tap").query("SELECT 1 AS n")
    assert caught.value.unreachable == ("192.0.2.1",) and pauses == [1.0]


@pytest.mark.parametrize("failing", [1, 4])
def test_a_name_server_that_fails_in_passing(fake_tap, monkeypatch, pauses, caplog, failing):
    """Once at first; as often as anything, where the service has answered before."""
    fake_tap.answer = lambda *_: ONE_ROW
    client, look_up = client_of(fake_tap, attempts=5), socket.getaddrinfo
    answered = failing > 1
    if answered:
        client.query("SELECT 1 AS n")
    left = [socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")] * failing

    def flaky(*args, **kwargs):
        if left:
            raise left.pop()
        return look_up(*args, **kwargs)

    caplog.clear()
    monkeypatch.setattr(socket, "getaddrinfo", flaky)
    assert client.query("SELECT 1 AS n").record["attempts"] == 1 + failing
    assert len(pauses) == failing
    # what a user sees; earlier tests in this process may have the library say more
    shown = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert any("asking again" in message for message in shown) == answered


def test_a_name_server_that_hangs(monkeypatch):
    """No time-out of sockets covers that."""
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: release.wait(20) and [])
    try:
        said = refusal(TapClient("heasarc", "http://archive.invalid/tap", **BRIEF))
    finally:
        release.set()
    assert "does not answer: timed out (asked 2 times)" in said


def test_a_service_that_is_not_secure(fake_tap, pauses):
    """http behind an https address: what a wrong port or an old url gives."""
    url = fake_tap.url.replace("http:", "https:")
    said = refusal(TapClient("heasarc", url, attempts=2))
    assert f"heasarc ({url}) does not answer: no secure connection: " in said
    assert "_ssl.c" not in said and "(asked 2 times); check its url" in said


def test_a_certificate_that_is_not_valid(fake_tap, monkeypatch, pauses):
    def refuse(*_args, **_kwargs):
        words = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has "
        raise ssl.SSLCertVerificationError(1, f"{words}expired (_ssl.c:1006)")

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", refuse)
    url = fake_tap.url.replace("http:", "https:")
    assert (
        "no secure connection: certificate verify failed: certificate has expired (asked 1 time)"
    ) in refusal(TapClient("heasarc", url, attempts=1))


def test_nobody_takes_the_connection():
    with socket.socket() as listening, socket.socket() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        # it fills the queue, and nobody takes it from there
        waiting.connect(listening.getsockname())
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/tap"
        said = refusal(TapClient("heasarc", url, **BRIEF))
    assert f"heasarc ({url}) does not answer: timed out" in said


@pytest.mark.parametrize("mode", MODES)
def test_a_service_that_is_silent(fake_tap, mode):
    fake_tap.meddle = lambda *_: Wire([20.0])
    assert "does not answer: timed out" in refusal(client_of(fake_tap, mode=mode, **BRIEF))


def one_by_one(start):
    """Some bytes, then one after the other, without an end."""
    return Wire(itertools.chain([start], itertools.cycle((0.02, b" "))))


DRIPS = {
    "a header": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "a body": head("Content-Length: 1000000"),
    "a body in chunks": head("Transfer-Encoding: chunked") + b"186A0\r\n",
    "a body without an end": head(),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", DRIPS)
def test_one_byte_at_a_time(fake_tap, what, mode):
    fake_tap.meddle = lambda *_: one_by_one(DRIPS[what])
    said = refusal(client_of(fake_tap, mode=mode, **BRIEF))
    assert "does not answer: timed out" in said
    assert what == "a header" or "the answer grew by" in said


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_that_stops(fake_tap, mode):
    fake_tap.meddle = lambda *_: Wire([head("Content-Length: 1000"), b"<VOTABLE>", 20.0])
    assert "does not answer: timed out: the answer " in refusal(
        client_of(fake_tap, mode=mode, **BRIEF)
    )


def test_an_answer_that_stops_is_asked_for_again(fake_tap, pauses):
    stopped = Wire([head("Content-Length: 1000"), b"<VOTABLE>", 20.0])
    fake_tap.answer = answers(stopped, ONE_ROW)
    limits = {"timeout_s": 0.6, "attempts": 2}
    answer = client_of(fake_tap, mode="async", **limits).query("SELECT 1 AS n")
    assert answer.frame["n"].tolist() == [1] and answer.record["attempts"] == 2


def test_a_stop_that_the_socket_sees_first_is_no_other_fault(fake_tap):
    """Its time-out is that of a synchronous answer."""
    fake_tap.answer = lambda *_: ONE_ROW
    stopped = Wire([head("Content-Length: 1000"), b"<VOTABLE>", 20.0])
    fake_tap.meddle = lambda _method, path, _form, respond: (
        stopped if path == "/tap/sync" else respond()
    )
    limits = {"timeout_s": 10, "sync_timeout_s": 0.15}
    assert client_of(fake_tap, **limits).query("SELECT 1").record["mode"] == "async"


def test_a_stop_is_seen_as_soon_as_with_any_request(fake_tap):
    """A synchronous answer may begin late; once it has begun it has to go on."""
    fake_tap.meddle = lambda *_: Wire([head("Content-Length: 1000"), b"<VOTABLE>", 20.0])
    started = time.monotonic()
    refusal(client_of(fake_tap, timeout_s=0.15, sync_timeout_s=30, attempts=1))
    assert time.monotonic() - started < 5


def test_an_answer_that_is_slow_and_grows_is_taken(fake_tap):
    body = votable(Field("n", "long", list(range(500))))
    parts = [body[i : i + 2000] for i in range(0, len(body), 2000)]
    # in all longer than the time-out
    pieces = [head(f"Content-Length: {len(body)}"), *itertools.chain(*((0.12, p) for p in parts))]
    fake_tap.answer = lambda *_: Wire(pieces)
    assert client_of(fake_tap, timeout_s=0.6).query("SELECT n").frame["n"].tolist() == [*range(500)]
    assert 0.12 * len(parts) > 0.6


def test_a_sync_query_that_takes_too_long_is_asked_as_a_job(fake_tap, caplog):
    fake_tap.answer = lambda *_: ONE_ROW
    fake_tap.meddle = lambda _method, path, _form, respond: (
        Wire([20.0]) if path == "/tap/sync" else respond()
    )
    limits = {"timeout_s": 10, "sync_timeout_s": 0.15}
    answer = client_of(fake_tap, **limits).query("SELECT 1 AS n")
    assert answer.record["mode"] == "async" and answer.record["attempts"] == 2
    assert len(fake_tap.asked("POST", "/tap/sync")) == 1, "not sent again for that"
    assert "heasarc: timed out; asking as a job" in caplog.text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "broken",
    [
        LOST,
        Wire((), reset=True),
        Wire([head("Content-Length: 5000"), ONE_ROW]),
        Wire([head("Content-Length: 5000"), ONE_ROW], reset=True),
        Wire([head("Transfer-Encoding: chunked"), b"10\r\n<VOTABLE versi"]),
        Wire([head("Transfer-Encoding: chunked"), b"%x\r\n" % len(ONE_ROW), ONE_ROW, b"\r\n"]),
        Wire([head("Transfer-Encoding: chunked"), b"no number\r\n"]),
        Wire([head(), ONE_ROW[:-20]]),
        Wire([head("Content-Encoding: gzip"), ONE_ROW]),
        Wire([head("Content-Encoding: gzip"), gzip.compress(ONE_ROW)[:-100]]),
        Wire([b"\x15\x03\x01\x00\x02\x02\x46"]),
        Wire([b"HTTP/1.1 200 OK\r\n", *(b"X-%d: x\r\n" % i for i in range(200)), b"\r\n"]),
    ],
    ids=[
        "closed",
        "reset",
        "short of its length",
        "reset within",
        "cut in a chunk",
        "no last chunk",
        "no chunk",
        "cut without a length",
        "not compressed as said",
        "cut and compressed",
        "no HTTP",
        "too many headers",
    ],
)
def test_a_connection_that_breaks_is_never_a_table(fake_tap, pauses, broken, mode):
    fake_tap.answer = answers(broken, ONE_ROW)
    answer = client_of(fake_tap, mode=mode).query("SELECT 1 AS n")
    assert answer.frame["n"].tolist() == [1] and answer.record["attempts"] == 2
    fake_tap.answer = lambda *_: broken
    assert "does not answer: " in refusal(client_of(fake_tap, mode=mode, attempts=2))


def test_an_answer_of_two_lengths(fake_tap):
    fake_tap.answer = lambda *_: Wire([head("Content-Length: 10, 20"), ONE_ROW])
    assert "does not answer: Content-Length contained multiple" in refusal(client_of(fake_tap))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("chunked", [False, True])
def test_whole_answers_however_sent(fake_tap, mode, chunked):
    packed = gzip.compress(ONE_ROW)
    sent = [packed]
    if chunked:
        parts = [packed[:7], packed[7:9], packed[9:]]
        sent = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]
    how = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(packed)}"
    fake_tap.answer = lambda *_: Wire([head("Content-Encoding: gzip", how), *sent])
    answer = client_of(fake_tap, mode=mode).query("SELECT 1 AS n")
    assert answer.frame["n"].tolist() == [1]
    assert answer.record["bytes"] == len(ONE_ROW)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_service_that_has_moved_is_followed(fake_tap, status):
    fake_tap.answer = lambda *_: ONE_ROW
    fake_tap.meddle = lambda _method, path, _form, respond: (
        Reply(b"", status, headers={"Location": f"{fake_tap.url}/async/1"})
        if path == "/tap/sync"
        else Reply(ONE_ROW)
    )
    assert len(client_of(fake_tap).query("SELECT 1 AS n").frame) == 1


@pytest.mark.parametrize("where", ["/tap/sync", "file:///etc/passwd", "http://[odd", ""])
def test_a_move_that_leads_nowhere(fake_tap, pauses, where):
    fake_tap.meddle = lambda *_: Reply(b"", 307, headers={"Location": where})
    said = refusal(client_of(fake_tap, attempts=2))
    assert f"heasarc ({fake_tap.url}) does not answer: " in said and "root:" not in said


# time in all


@pytest.mark.parametrize("what", ["GET /tap/async/1", "GET /tap/async/1/results/result"])
def test_a_deadline_ends_whatever_goes_on(fake_tap, what):
    method, path = what.split()
    fake_tap.meddle = lambda m, p, _form, respond: (
        Wire([20.0]) if (m, p) == (method, path) else respond()
    )
    fake_tap.answer = lambda *_: ONE_ROW
    said = refusal(client_of(fake_tap, mode="async", deadline_s=0.6))
    assert "its 0.6 s (tap.deadline_s in the config) are over" in said
    assert fake_tap.jobs == {}


def test_a_deadline_holds_for_all_attempts(fake_tap):
    fake_tap.answer = lambda *_: Reply(b"", 503)
    started = time.monotonic()
    said = refusal(client_of(fake_tap, deadline_s=0.3, attempts=50))
    assert 0.2 < time.monotonic() - started < 5
    assert "(tap.deadline_s in the config) are over" in said
    # the pause before the second ended with the time: nothing is sent that nobody waits for
    assert len(fake_tap.queries) == 1


# bytes


BOMB = gzip.compress(bytes(30_000_000))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, votable(Field("t", "char", ["x" * 200_000]))),
        ({"Content-Encoding": "gzip"}, BOMB),
        ({"Content-Encoding": "deflate"}, zlib.compress(bytes(30_000_000))),
        ({"Content-Encoding": "gzip, gzip"}, gzip.compress(BOMB)),
    ],
    ids=["long", "gzip", "deflate", "gzip twice"],
)
def test_an_answer_of_too_many_bytes(fake_tap, pauses, mode, headers, body):
    fake_tap.answer = lambda *_: Reply(body, headers=headers)
    said = refusal(client_of(fake_tap, mode=mode, max_bytes=1e5), "SELECT t")
    assert said == (
        f"heasarc ({fake_tap.url}): the answer has more than 1e+05 bytes; if that is right, raise "
        "tap.max_bytes in the config; the query was: SELECT t"
    )
    assert len(fake_tap.queries) == 1 and pauses == [] and fake_tap.jobs == {}


def test_a_job_of_too_many_bytes(fake_tap, pauses):
    bomb = Reply(BOMB, headers={"Content-Encoding": "gzip"})
    fake_tap.meddle = lambda method, _path, _form, respond: bomb if method == "GET" else respond()
    assert "more than 1e+05 bytes" in refusal(client_of(fake_tap, mode="async", max_bytes=1e5))
    assert fake_tap.jobs == {}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("kind", ["application/gzip", XML])
def test_a_packed_file_is_no_table(fake_tap, pauses, pack, kind):
    """astropy would unpack it, however much comes of it."""
    fake_tap.answer = lambda *_: Reply(pack(ONE_ROW), content_type=kind)
    assert "does not answer: what came is no VOTable" in refusal(client_of(fake_tap, attempts=1))


# rows


def binary2(rows):
    stream = io.BytesIO()
    table = Table({"n": np.arange(rows, dtype="int64")})
    from_table(table).to_xml(stream, tabledata_format="binary2")
    return stream.getvalue().replace(b"<RESOURCE>", b'<RESOURCE type="results">')


@pytest.mark.parametrize("form", ["TABLEDATA", "with a prefix", "BINARY2"])
def test_an_answer_of_too_many_rows(fake_tap, pauses, form):
    def answer(rows):
        if form == "BINARY2":
            return binary2(rows)
        made = votable(Field("n", "long", list(range(rows))))
        if form == "TABLEDATA":
            return made
        return re.sub(rb"<(/?)", rb"<\1v:", made.replace(b"xmlns=", b"xmlns:v="))

    fake_tap.answer = lambda *_: answer(1000)
    assert len(client_of(fake_tap, max_rows=1000).query("SELECT n").frame) == 1000
    fake_tap.answer = lambda *_: answer(1001)
    said = refusal(client_of(fake_tap, max_rows=1000), "SELECT n")
    assert said == (
        f"heasarc ({fake_tap.url}): the answer has more than 1000 rows; if that is right, raise "
        "tap.max_rows in the config; the query was: SELECT n"
    )
    assert pauses == []


@pytest.mark.parametrize("claim", ["1000000000000", "6000000", " +&#57;999999999", "9" * 5000])
def test_a_table_that_claims_more_rows_than_it_may(fake_tap, pauses, claim):
    """Room would be made for all of them."""
    fake_tap.answer = lambda *_: ONE_ROW.replace(b"<TABLE>", f'<TABLE nrows="{claim}">'.encode())
    assert "more than 5000000 rows" in refusal(client_of(fake_tap))


@pytest.mark.parametrize("claim", ["3", "5000000"])
@pytest.mark.parametrize("form", ["TABLEDATA", "BINARY2"])
def test_a_table_of_fewer_rows_than_it_claims_is_cut(fake_tap, pauses, claim, form):
    """Where a stream of rows is cut between two of them, nothing else says so."""
    two = votable(Field("n", "long", [1, 2])) if form == "TABLEDATA" else binary2(2)
    claiming = re.sub(rb"<TABLE( nrows=.2.)?>", f'<TABLE nrows="{claim}">'.encode(), two)
    assert claiming != two
    fake_tap.answer = answers(claiming, two)
    assert len(client_of(fake_tap).query("SELECT n").frame) == 2
    fake_tap.answer = lambda *_: claiming
    said = refusal(client_of(fake_tap, attempts=2))
    assert f"what came has 2 rows and says that they are {claim} (asked 2 times)" in said


@pytest.mark.parametrize("claim", ["0", "1", "2"])
def test_a_table_of_more_rows_than_it_claims_is_whole(fake_tap, claim):
    two = votable(Field("n", "long", [1, 2]))
    fake_tap.answer = lambda *_: two.replace(b"<TABLE>", f'<TABLE nrows="{claim}">'.encode())
    assert client_of(fake_tap).query("SELECT n").frame["n"].tolist() == [1, 2]


@pytest.mark.parametrize("claim", ["", "many", "9e9", "-1", "2.0", "\u0663"])
def test_a_claim_that_is_no_number_says_nothing(fake_tap, claim):
    said = votable(
        Field("n", "long", [1, 2]), Field("t", "char", [f'nrows="{claim}"', "nrows='9'"])
    )
    fake_tap.answer = lambda *_: said.replace(
        b"<TABLE>", f'<!-- <TABLE nrows="7000000"> --><TABLE nrows="{claim}">'.encode()
    )
    frame = client_of(fake_tap).query("SELECT n, t").frame
    assert frame["n"].tolist() == [1, 2] and frame["t"][0] == f'nrows="{claim}"'


@pytest.mark.parametrize("prefix", [False, True])
def test_a_table_of_too_many_columns(fake_tap, pauses, prefix):
    """astropy would be busy with them for minutes."""
    made = votable(*(Field(f"c{i}", "long", []) for i in range(5000)))
    if prefix:
        made = re.sub(rb"<(/?)", rb"<\1v:", made.replace(b"xmlns=", b"xmlns:v="))
    fake_tap.answer = lambda *_: made
    assert "what came has more than 1000 columns; the query was" in refusal(client_of(fake_tap))


def test_a_service_that_is_down_is_asked_as_often_as_configured(pauses):
    service = FakeTap()
    service.close()
    with pytest.raises(TapError, match=r"\(asked 7 times\)"):
        client_of(service, attempts=7).query("SELECT 1 AS n")
    # each wait about twice the one before
    assert [2**i <= pause <= 2**i + 1 for i, pause in enumerate(pauses)] == [True] * 6
