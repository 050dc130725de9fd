"""Asking a TAP service and not believing it: types, cuts, faults that pass and that do not."""

import datetime
import io
import re
import time
import types
import warnings

import numpy as np
import pandas as pd
import pytest
from asking import MODES, ONE_ROW, answers, client_of, refusal
from astropy import units as u
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table
from fake_tap import LOST, FakeJob, FakeTap, Field, Reply, error_document, votable

from xgamma import __version__
from xgamma.archive.client import TapError


@pytest.mark.parametrize("mode", MODES)
def test_values_come_through_exactly(fake_tap, mode):
    fake_tap.answer = lambda *_: votable(
        # the ID differs from the name, in case too: HEASARC's obsid has ID="DataLinkID"
        Field("SOURCE_ID", "long", [2**53 + 1, -(2**53) - 1, None], id="DataLinkID", null="-99"),
        Field("flags", "short", [7, None, 0], null="-32768"),
        Field("mag", "float", ["17.1", None, "-0.1"], unit="mag"),
        Field("ra", "double", ["359.99999999999994", None, "NaN"], unit="deg"),
        Field("name", "char", [" psr  ", "", None]),
        Field("label", "unicodeChar", ["Ψ <&>", "x", "y"]),
        Field("good", "boolean", ["T", "F", None]),
    )
    answer = client_of(fake_tap, mode=mode).query("SELECT * FROM t")
    frame = answer.frame
    assert list(frame.columns) == ["source_id", "flags", "mag", "ra", "name", "label", "good"]
    assert frame["source_id"].tolist() == [2**53 + 1, -(2**53) - 1, pd.NA]
    assert frame["flags"].tolist() == [7, pd.NA, 0]
    assert frame["mag"].dtype == np.float32
    np.testing.assert_array_equal(frame["mag"], np.array([17.1, np.nan, -0.1], "float32"))
    np.testing.assert_array_equal(frame["ra"], [359.99999999999994, np.nan, np.nan])
    assert frame["name"].tolist() == ["psr", "", ""]
    assert frame["label"].tolist() == ["Ψ <&>", "x", "y"]
    assert frame["good"].tolist() == [1, 0, pd.NA]
    assert answer.units["mag"] == "mag" and answer.units["name"] == ""
    assert answer.record["rows"] == 3 and answer.record["attempts"] == 1
    assert answer.record["mode"] == mode and answer.record["adql"] == "SELECT * FROM t"


def test_binary_answers_are_the_same(fake_tap):
    """BINARY2 comes big-endian, with nulls as bits: pandas takes neither as it is."""
    table = Table(
        {
            "id": MaskedColumn([2**53 + 1, 5], mask=[False, True]),
            "mag": MaskedColumn(np.array([17.1, 0], "float32"), mask=[False, True]),
            "name": ["abc", ""],
        }
    )
    buffer, made = io.BytesIO(), from_table(table)
    made.to_xml(buffer, tabledata_format="binary2")
    text = buffer.getvalue().replace(
        b"<TABLE", b'<INFO name="QUERY_STATUS" value="OK"/><TABLE', 1
    ).replace(b"<RESOURCE", b'<RESOURCE type="results"', 1)  # fmt: skip
    fake_tap.answer = lambda *_: text.replace(b'type="results" type="results"', b'type="results"')
    frame = client_of(fake_tap).query("SELECT 1").frame
    assert frame["id"].tolist() == [2**53 + 1, pd.NA]
    assert frame["mag"].dtype == np.dtype("float32") and frame["mag"].dtype.isnative
    assert frame["mag"].tolist()[0] == np.float32(17.1) and np.isnan(frame["mag"][1])
    assert frame["name"].tolist() == ["abc", ""]
    assert frame.sort_values("mag", ascending=False)["name"].tolist() == ["abc", ""]


def test_the_spelling_of_units_is_no_reason_to_warn(fake_tap):
    """VOTable 1.4 has VOUnits, where erg is deprecated: archives use it all the same."""
    fields = [Field(n, "double", [1.0], u) for n, u in (("f", "erg.cm**-2.s**-1"), ("g", "odd"))]
    fake_tap.answer = lambda *_: votable(*fields).replace(b'version="1.3"', b'version="1.4"')
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        units = client_of(fake_tap).query("SELECT 1").units
    assert [str(one.message) for one in said if one.category is not ResourceWarning] == []
    assert u.Unit(units["f"]) == u.erg / u.cm**2 / u.s
    assert units["g"] == "odd"


def test_an_answer_of_no_rows_keeps_its_types(fake_tap):
    fake_tap.answer = lambda *_: votable(
        Field("id", "long", []), Field("mag", "float", []), Field("name", "char", [])
    )
    frame = client_of(fake_tap).query("SELECT 1").frame
    assert [str(t) for t in frame.dtypes] == ["Int64", "float32", "str"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", ["before", "after"])
def test_overflow_is_an_error_and_never_a_shorter_table(fake_tap, mode, place):
    rows = Field("n", "long", [1, 2, 3])
    fake_tap.answer = lambda *_: (
        votable(rows, status="OVERFLOW")
        if place == "before"
        else votable(rows, trailing="OVERFLOW")
    )
    said = refusal(client_of(fake_tap, mode=mode), "SELECT n FROM t")
    assert said == (
        f"heasarc ({fake_tap.url}) cut its answer at 3 rows (OVERFLOW); "
        "the query was: SELECT n FROM t"
    )


@pytest.mark.parametrize("status", [200, 400])
def test_a_refused_query_is_not_asked_again(fake_tap, pauses, status):
    """HEASARC refuses with HTTP 200, VizieR with 400."""
    fake_tap.answer = lambda *_: Reply(error_document("no such\n  column: x"), status)
    said = refusal(client_of(fake_tap), "SELECT x FROM t")
    assert f"heasarc ({fake_tap.url}) refuses the query: no such column: x; " in said
    assert said.endswith("the query was: SELECT x FROM t")
    assert len(fake_tap.queries) == 1 and pauses == []


HTML = Reply(
    b"<!DOCTYPE html>\n<html><title> Sorry\n</title><h1>Maintenance</h1><br></html>",
    content_type="text/html",
)
PASSING = {
    "503": Reply(b"busy", 503, "text/plain"),
    "500": Reply(b"Pool empty", 500, "text/plain"),
    "500 in words": Reply(error_document("Pool empty"), 500),
    "429": Reply(b"slowly", 429, "text/plain", {"Retry-After": "1"}),
    "web page": HTML,
    "cut": Reply(votable(Field("n", "long", list(range(500))))[:6000]),
    "lost": Reply(ONE_ROW, headers={"Content-Length": str(len(ONE_ROW) + 1000)}),
    "timed out": Reply(error_document("query timed out after 600 s")),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_is_waited_out(fake_tap, pauses, fault, mode):
    fake_tap.answer = answers(PASSING[fault], PASSING[fault], ONE_ROW)
    answer = client_of(fake_tap, mode=mode).query("SELECT 1 AS n")
    assert answer.frame["n"].tolist() == [1]
    assert answer.record["attempts"] == 3
    # of a job the result is fetched again, and the query is not
    assert len(fake_tap.queries) == (3 if mode == "sync" else 1)
    # at least a second, then longer
    assert len(pauses) == 2 and 1 <= pauses[0] <= pauses[1] <= 5


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_stays_is_an_error_in_the_end(fake_tap, pauses, fault):
    fake_tap.answer = lambda *_: PASSING[fault]
    said = refusal(client_of(fake_tap, attempts=3))
    assert said.startswith(f"heasarc ({fake_tap.url}) ")
    assert len(fake_tap.asked("POST", "/tap/sync")) == 3
    # a query too long for one request is asked as a job at last, and only such a one
    assert fake_tap.made == (fault == "timed out")
    plain = {
        "503": "does not answer: HTTP 503 Service Unavailable (asked 3 times); check its url",
        "500": "does not answer: HTTP 500 Internal Server Error (asked 3 times); check its url",
        "500 in words": "does not answer: HTTP 500 Internal Server Error: Pool empty (asked 3",
        "429": "does not answer: HTTP 429 Too Many Requests (asked 3 times); it asks to wait 1 s",
        "web page": "does not answer: what came is a web page (Sorry) (asked 3 times); check its",
        "cut": "does not answer: what came is no whole VOTable",
        "lost": "does not answer: the answer ends early (asked 3 times)",
        "timed out": "refuses the query: query timed out after 600 s; the query was: SELECT 1",
    }
    assert plain[fault] in said


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_address_is_not_asked_again(fake_tap, pauses, status):
    fake_tap.answer = lambda *_: Reply(b"no", status, "text/plain")
    said = refusal(client_of(fake_tap))
    assert f"heasarc ({fake_tap.url}) does not answer" in said and "(asked 1 time)" in said
    assert "check its url in the config" in said
    assert len(fake_tap.queries) == 1 and pauses == []


@pytest.mark.parametrize("mode", MODES)
def test_a_dead_endpoint_is_named(pauses, mode, caplog):
    service = FakeTap()
    service.close()
    said = refusal(client_of(service, mode=mode, attempts=3))
    assert said == (
        f"heasarc ({service.url}) does not answer: connection refused (asked 3 times); "
        "check its url in the config and the network, or run again later"
    )
    assert len(pauses) == 2
    waits = re.findall(r"heasarc: connection refused; asking again in (\d) s", caplog.text)
    assert waits == [f"{pause:.0f}" for pause in pauses]
    assert "(attempt 2 of 3)" in caplog.text and "(attempt 3 of 3)" in caplog.text


def test_a_service_that_hangs_is_given_up(fake_tap, pauses):
    """pyvo has no time-out of its own for these requests."""

    def hang(*_):
        time.sleep(1.0)
        return ONE_ROW

    fake_tap.answer = hang
    started = time.monotonic()
    said = refusal(client_of(fake_tap, deadline_s=0.2, attempts=1))
    assert "does not answer: timed out" in said
    assert time.monotonic() - started < 0.9


def test_waiting_is_said(fake_tap, monkeypatch, caplog):
    monkeypatch.setattr("xgamma.archive.client._FIRST_NOTICE_S", 0.05)

    def slow(*_):
        time.sleep(0.3)
        return ONE_ROW

    fake_tap.answer = slow
    client_of(fake_tap).query("SELECT 1 AS n")
    assert f"waiting for heasarc ({fake_tap.url}), 0 s so far" in caplog.messages
    caplog.clear()
    fake_tap.answer = lambda *_: ONE_ROW
    client_of(fake_tap).query("SELECT 1 AS n")
    time.sleep(0.1)
    assert not any("waiting" in message for message in caplog.messages)


def test_a_job_is_polled_fetched_and_deleted(fake_tap):
    fake_tap.phases = ["QUEUED", "EXECUTING", "EXECUTING", "COMPLETED"]
    fake_tap.answer = lambda *_: ONE_ROW
    assert client_of(fake_tap, mode="async").query("SELECT 1 AS n").frame["n"].tolist() == [1]
    steps = [(method, path) for method, path, _ in fake_tap.requests]
    assert ("POST", "/tap/sync") not in steps
    assert fake_tap.asked("POST", "/tap/async/1/phase") == [{"PHASE": "RUN"}]
    assert steps.index(("POST", "/tap/async")) < steps.index(("POST", "/tap/async/1/phase"))
    assert steps[-1] == ("DELETE", "/tap/async/1") and fake_tap.jobs == {}
    # nothing else: what the service has taken at the creation is not sent again
    assert {step for step in steps if step[0] != "GET"} == {
        ("POST", "/tap/async"),
        ("POST", "/tap/async/1/phase"),
        ("DELETE", "/tap/async/1"),
    }


@pytest.mark.parametrize(
    "step",
    [
        ("GET", "/tap/async/1"),
        ("POST", "/tap/async/1/phase"),
        ("GET", "/tap/async/1/results/result"),
        ("DELETE", "/tap/async/1"),
    ],
)
@pytest.mark.parametrize("after_the_work", [False, True])
def test_a_dropped_request_does_not_lose_the_job(fake_tap, pauses, step, after_the_work):
    """ESA drops polling connections: the query must not be sent again for that."""
    dropped = drop_twice(fake_tap, *step, after_the_work)
    fake_tap.answer = lambda *_: ONE_ROW
    answer = client_of(fake_tap, mode="async").query("SELECT 1 AS n")
    assert answer.frame["n"].tolist() == [1] and len(dropped) >= 1
    assert len(fake_tap.queries) == 1 and fake_tap.jobs == {}
    assert len(fake_tap.asked("GET", "/tap/async")) == 0


def drop_twice(fake_tap, method, path, after_the_work):
    """Let the connection of the first two such requests break; before or after their work."""
    dropped = []

    def meddle(m, p, _form, respond):
        if (m, p) == (method, path) and len(dropped) < 2:
            dropped.append(respond() if after_the_work else None)
            return LOST
        return respond()

    fake_tap.meddle = meddle
    return dropped


def test_a_job_that_fails_says_why_and_is_deleted(fake_tap, pauses):
    fake_tap.phases, fake_tap.job_error = ["EXECUTING", "ERROR"], "division by\n zero"
    said = refusal(client_of(fake_tap, mode="async"), "SELECT 1/0 AS n")
    assert "refuses the query" in said and "division by zero" in said and "SELECT 1/0" in said
    assert len(fake_tap.queries) == 1 and fake_tap.jobs == {}


def test_an_aborted_job_is_asked_again(fake_tap, pauses):
    """IRSA aborts jobs under load; the same query succeeds a little later."""
    fake_tap.phases = ["EXECUTING", "ABORTED", "EXECUTING", "COMPLETED"]
    fake_tap.answer = lambda *_: ONE_ROW
    answer = client_of(fake_tap, mode="async").query("SELECT 1 AS n")
    assert answer.record["attempts"] == 2 and len(pauses) == 1
    assert fake_tap.made == 2 and fake_tap.jobs == {}


def test_a_job_that_never_ends_is_aborted_and_deleted(fake_tap, pauses):
    fake_tap.phases = ["EXECUTING"]
    started = time.monotonic()
    said = refusal(client_of(fake_tap, mode="async", deadline_s=1.0))
    assert time.monotonic() - started < 3
    assert (
        "no answer within 1 s, the job was EXECUTING and is aborted; raise tap.deadline_s" in said
    )
    assert fake_tap.asked("POST", "/tap/async/1/phase") == [{"PHASE": "RUN"}, {"PHASE": "ABORT"}]
    assert fake_tap.jobs == {}
    assert pauses == [], "what took too long once is not asked again"


@pytest.mark.parametrize(
    "page", [HTML, Reply(b"<html><body>login</body></html>", 200, "text/html")]
)
def test_a_web_page_for_a_job_is_not_polled_for_ever(fake_tap, pauses, page):
    """Well-formed, it has no phase; else it is no XML at all."""
    fake_tap.meddle = lambda *_: page
    started = time.monotonic()
    said = refusal(client_of(fake_tap, mode="async", attempts=2, deadline_s=60))
    assert time.monotonic() - started < 10
    assert f"heasarc ({fake_tap.url}) does not answer: " in said and "(asked 2 times)" in said
    assert len(pauses) == 1


def seconds_from_now(moment):
    """From now to a time as the protocol writes it."""
    then = datetime.datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ")
    return (then - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)).total_seconds()


@pytest.fixture
def fast_polls(monkeypatch):
    """No pause between the polls of a job."""
    clock = types.SimpleNamespace(sleep=lambda _: None, monotonic=time.monotonic, time=time.time)
    monkeypatch.setattr("xgamma.tap.jobs.time", clock)


def lose_first(fake_tap, method, path):
    """Let the first such request do its work, and lose the answer."""
    lost = []

    def meddle(m, p, _form, respond):
        if (m, p) == (method, path) and not lost:
            lost.append(respond())
            return LOST
        return respond()

    fake_tap.meddle = meddle


def rows_of_upload(_adql, uploads):
    """The uploaded numbers: whoever gets another job's answer gets other numbers."""
    return votable(Field("n", "long", uploads["t"]["n"].tolist()))


def test_a_job_is_known_by_its_run_and_ends_by_itself(fake_tap):
    fake_tap.answer = lambda *_: ONE_ROW
    client = client_of(fake_tap, mode="async")
    for _ in range(2):
        client.query("SELECT 1 AS n")
    first, second = fake_tap.asked("POST", "/tap/async")
    assert first["RUNID"] != second["RUNID"] and first["RUNID"].startswith("xgamma-")
    assert 800 < seconds_from_now(first["DESTRUCTION"]) <= 900


def test_a_destruction_time_that_is_not_taken_is_set(fake_tap):
    """Some services heed it only when the job is there."""
    fake_tap.takes_destruction, until = False, []

    def meddle(method, path, _form, respond):
        if path.endswith("/phase"):
            until.append(fake_tap.jobs["1"].destruction)
        return respond()

    fake_tap.answer, fake_tap.meddle = lambda *_: ONE_ROW, meddle
    client_of(fake_tap, mode="async").query("SELECT 1 AS n")
    assert len(until) == 1 and 800 < seconds_from_now(until[0]) <= 900, "before it runs"
    assert len(fake_tap.asked("POST", "/tap/async/1/destruction")) == 1


@pytest.mark.parametrize("refused", [False, True])
def test_destruction_is_put_off_while_a_job_is_followed(fake_tap, monkeypatch, refused):
    monkeypatch.setattr("xgamma.tap.jobs.ORPHAN_S", 0.3)
    monkeypatch.setattr("xgamma.tap.jobs._TIME", "%Y-%m-%dT%H:%M:%S.%fZ")
    monkeypatch.setattr("xgamma.tap.jobs._LONGEST_PAUSE_S", 0.02)
    monkeypatch.setattr("xgamma.tap.jobs._FIRST_PAUSE_S", 0.02)
    fake_tap.phases = ["EXECUTING"] * 20 + ["COMPLETED"]
    fake_tap.answer = lambda *_: ONE_ROW
    if refused:
        fake_tap.meddle = lambda _method, path, _form, respond: (
            Reply(b"", 403) if path.endswith("/destruction") else respond()
        )
    started = time.monotonic()
    client_of(fake_tap, mode="async").query("SELECT 1 AS n")
    took = time.monotonic() - started
    put_off = len(fake_tap.asked("POST", "/tap/async/1/destruction"))
    # every third of its life, 0.1 s, the first time at once where it is refused
    assert 2 <= put_off <= took / 0.1 + 1
    assert fake_tap.jobs == {}


def test_a_lost_creation_is_found_by_its_run(fake_tap, pauses):
    """Never by its query: another shard's job has the same, and other positions."""
    table = Table({"n": [7]})
    other = FakeJob("SELECT n FROM TAP_UPLOAD.t", {"t": Table({"n": [8]})}, "xgamma-other", "")
    fake_tap.jobs["other"] = other
    fake_tap.answer = rows_of_upload
    lose_first(fake_tap, "POST", "/tap/async")
    answer = client_of(fake_tap, mode="async").query("SELECT n FROM TAP_UPLOAD.t", {"t": table})
    assert answer.frame["n"].tolist() == [7]
    assert fake_tap.made == 1 and fake_tap.jobs == {"other": other}
    assert other.destruction == "", "it is somebody else's"
    assert answer.record["attempts"] == 2


def test_a_lost_creation_that_cannot_be_known_is_left_to_end_soon(fake_tap, pauses):
    fake_tap.keeps_run_id = fake_tap.takes_destruction = False
    unlike = FakeJob("SELECT other", {}, "", fake_tap.in_two_days)
    fake_tap.jobs["other"] = unlike
    fake_tap.answer = rows_of_upload
    lose_first(fake_tap, "POST", "/tap/async")
    client = client_of(fake_tap, mode="async")
    answer = client.query("SELECT n FROM TAP_UPLOAD.t", {"t": Table({"n": [7]})})
    assert answer.frame["n"].tolist() == [7] and fake_tap.made == 2
    assert sorted(fake_tap.jobs) == ["1", "other"]
    assert not fake_tap.jobs["1"].started, "nobody runs it, and nobody took it for ours"
    assert 800 < seconds_from_now(fake_tap.jobs["1"].destruction) <= 900
    assert unlike.destruction == fake_tap.in_two_days


@pytest.mark.parametrize("listing", [Reply(b"", 403), HTML, Reply(b"<odd"), LOST])
def test_a_lost_creation_without_a_list_is_made_anew(fake_tap, pauses, listing):
    """It had its short destruction time with it."""
    creations, lists = [], []

    def meddle(method, path, _form, respond):
        if (method, path) == ("POST", "/tap/async"):
            creations.append(respond())
            return LOST if len(creations) == 1 else creations[-1]
        if path == "/tap/async":
            lists.append(path)
            return listing if listing is not LOST or len(lists) == 1 else respond()
        return respond()

    fake_tap.answer, fake_tap.meddle = lambda *_: ONE_ROW, meddle
    assert len(client_of(fake_tap, mode="async").query("SELECT 1 AS n").frame) == 1
    # a list that comes at the second try says what there is
    assert len(creations) == (1 if listing is LOST else 2)


def test_a_web_page_in_answer_to_a_creation_is_no_job(fake_tap, pauses):
    fake_tap.answer = lambda *_: ONE_ROW
    page = answers(HTML, None)
    fake_tap.meddle = lambda method, path, _form, respond: (
        ((method, path) == ("POST", "/tap/async") and page()) or respond()
    )
    assert client_of(fake_tap, mode="async").query("SELECT 1").record["attempts"] == 2
    assert fake_tap.made == 1 and fake_tap.jobs == {}


@pytest.mark.parametrize("gone", ["while it ran", "before its result was fetched"])
def test_a_job_that_vanishes_is_made_anew(fake_tap, pauses, fast_polls, gone):
    """A restarted service may know nothing of it."""
    fake_tap.phases = ["EXECUTING", "EXECUTING", "COMPLETED"]

    def meddle(_method, path, _form, respond):
        ended = path.endswith("/results/result") or gone == "while it ran"
        if fake_tap.made == 1 and "1" in fake_tap.jobs and fake_tap.jobs["1"].started and ended:
            del fake_tap.jobs["1"]
        return respond()

    fake_tap.answer, fake_tap.meddle = lambda *_: ONE_ROW, meddle
    answer = client_of(fake_tap, mode="async").query("SELECT 1 AS n")
    assert answer.frame["n"].tolist() == [1] and answer.record["attempts"] == 2
    assert fake_tap.made == 2 and fake_tap.jobs == {}


def test_a_job_that_always_vanishes_is_an_error_in_the_end(fake_tap, pauses):
    fake_tap.meddle = lambda method, path, _form, respond: (
        Reply(b"", 404) if (method, path.count("/")) == ("GET", 3) else respond()
    )
    said = refusal(client_of(fake_tap, mode="async", attempts=2))
    assert said == (
        f"heasarc ({fake_tap.url}) does not finish the query: the service no longer knows the "
        "job (asked 2 times); run again later, or make smaller shards"
    )


def test_a_start_that_was_swallowed_is_sent_again(fake_tap, fast_polls):
    """A web page with 200 in its place, from a proxy on the way: the job waits for ever."""
    fake_tap.answer, page = lambda *_: ONE_ROW, answers(HTML, None)
    fake_tap.meddle = lambda _method, path, _form, respond: (
        (path.endswith("/phase") and page()) or respond()
    )
    assert len(client_of(fake_tap, mode="async").query("SELECT 1 AS n").frame) == 1
    assert fake_tap.asked("POST", "/tap/async/1/phase") == [{"PHASE": "RUN"}] * 2


@pytest.mark.parametrize("href", ["/tap/async/{job}/results/result", "{job}/results/result"])
def test_the_address_of_a_result_may_be_relative(fake_tap, href):
    """HEASARC's is."""
    fake_tap.answer, fake_tap.results = lambda *_: ONE_ROW, [("result", href)]
    assert len(client_of(fake_tap, mode="async").query("SELECT 1 AS n").frame) == 1


ROWS, LOG = "{url}/async/{job}/results/result", "{url}/async/{job}/log"


@pytest.mark.parametrize(
    "results",
    [
        [],
        [("diag", "uws:executing:10")],
        [("diag", "uws:executing:10"), ("rows", ROWS)],
        [("diag", "file:///etc/hostname"), ("rows", "{job}/results/result")],
        [("log", LOG), ("result", ROWS)],
        [("log", LOG), ("result", "uws:executing:10")],
        [("broken", "http://[")],
    ],
)
def test_the_result_of_a_job_is_told_from_its_diagnostics(fake_tap, pauses, results):
    fake_tap.answer, fake_tap.results = lambda *_: ONE_ROW, results
    assert len(client_of(fake_tap, mode="async").query("SELECT 1 AS n").frame) == 1
    assert fake_tap.asked("GET", "/tap/async/1/log") == [] and pauses == []


@pytest.mark.parametrize(
    "reply",
    [
        votable(Field("n", "long", [1]), status="OVERFLOW"),
        Reply(error_document("no"), 400),
        Reply(b"", 403),
        votable(Field("n", "long", [1]), Field("N", "long", [2])),
        HTML,
        LOST,
    ],
)
def test_a_job_is_deleted_whatever_its_answer(fake_tap, pauses, reply):
    fake_tap.answer = lambda *_: reply
    refusal(client_of(fake_tap, mode="async", attempts=2))
    assert fake_tap.made == 1 and fake_tap.jobs == {}


def test_a_service_without_jobs_gives_its_first_error(fake_tap, pauses):
    fake_tap.answer = lambda *_: Reply(b"", 504)
    fake_tap.meddle = lambda _method, path, _form, respond: (
        Reply(b"", 404) if "async" in path else respond()
    )
    said = refusal(client_of(fake_tap, attempts=2))
    assert "does not answer: HTTP 504 Gateway Timeout (asked 3 times)" in said


@pytest.mark.parametrize("reply", [Reply(b"", 502), Reply(b"", 504), PASSING["timed out"]])
def test_what_is_too_slow_for_one_request_is_asked_as_a_job(fake_tap, pauses, caplog, reply):
    """IRSA gives 502 after a minute where a job succeeds."""
    fake_tap.answer = lambda *_: ONE_ROW
    fake_tap.meddle = lambda _method, path, _form, respond: (
        reply if path == "/tap/sync" else respond()
    )
    answer = client_of(fake_tap, attempts=2).query("SELECT 1 AS n")
    assert answer.frame["n"].tolist() == [1]
    assert answer.record["mode"] == "async" and answer.record["attempts"] == 3
    assert "asking as a job" in caplog.text and fake_tap.jobs == {}


@pytest.mark.parametrize("mode", MODES)
def test_uploads_arrive_exactly(fake_tap, mode):
    table = Table({"target_id": [2**53 + 1, 2], "ra": [0.1, 359.99999999999994]})
    seen = []
    fake_tap.answer = lambda adql, uploads: (seen.append(uploads), ONE_ROW)[1]
    client_of(fake_tap, mode=mode).query("SELECT 1 FROM TAP_UPLOAD.targets", {"targets": table})
    (uploads,) = seen
    assert list(uploads) == ["targets"]
    assert uploads["targets"]["target_id"].tolist() == [2**53 + 1, 2]
    assert uploads["targets"]["ra"].tolist() == [0.1, 359.99999999999994]


def test_uploads_are_sent_again_after_a_fault(fake_tap, pauses):
    seen = []

    def answer(_adql, uploads):
        seen.append({name: len(table) for name, table in uploads.items()})
        return ONE_ROW if len(seen) > 1 else PASSING["503"]

    fake_tap.answer = answer
    client_of(fake_tap).query("SELECT 1", {"t": Table({"a": [1, 2]})})
    assert seen == [{"t": 2}, {"t": 2}]


@pytest.mark.parametrize("counted", [1, 2])
def test_query_counted(fake_tap, counted):
    uploads = {"t": Table({"a": [1]})}
    seen = []

    def answer(adql, sent):
        seen.append(sorted(sent))
        # HEASARC calls the column of a count `count`, whatever was asked
        return votable(Field("count", "int", [counted])) if "COUNT" in adql else ONE_ROW

    fake_tap.answer = answer
    client = client_of(fake_tap)
    if counted == 1:
        answer = client.query_counted("SELECT a", "SELECT COUNT(*) AS n", uploads)
        assert answer.record["counted"] == answer.record["rows"] == 1
        assert seen == [["t"], ["t"]], "the count is of the same rows, upload included"
    else:
        with pytest.raises(TapError, match=r"gave 1 rows and counts 2: the answer was cut, or"):
            client.query_counted("SELECT a", "SELECT COUNT(*) AS n")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [(None, None), (b"<html>login", None), (b"no XML", None)],
)
def test_capabilities_that_do_not_say(fake_tap, capabilities, expected):
    fake_tap.capabilities = capabilities
    assert client_of(fake_tap).declares_upload() is expected


def test_requests_say_who_asks(fake_tap):
    fake_tap.answer = lambda *_: ONE_ROW
    client_of(fake_tap).query("SELECT 1 AS n")
    assert fake_tap.user_agent.startswith(f"xgamma/{__version__}")


@pytest.mark.parametrize("when", ["polled", "fetched"])
def test_a_job_number_that_another_got_is_not_believed(fake_tap, pauses, when):
    """A service that has lost its jobs numbers anew: the rows there are somebody else's."""
    theirs = []

    def meddle(method, path, _form, respond):
        then = ("POST", "/phase") if when == "polled" else ("GET", "/results/result")
        polled = method == "GET" and path == "/tap/async/1" and not theirs
        if polled and fake_tap.asked(then[0], f"/tap/async/1{then[1]}"):
            fake_tap.jobs["1"].run_id = "xgamma-of-another"
            theirs.append(fake_tap.jobs["1"])
        return respond()

    fake_tap.meddle = meddle
    nine = votable(Field("n", "long", [9]))
    fake_tap.answer = answers(*([nine] if when == "fetched" else []), ONE_ROW)
    answer = client_of(fake_tap, mode="async").query("SELECT 1 AS n")
    assert answer.frame["n"].tolist() == [1]
    assert theirs and fake_tap.jobs == {"1": theirs[0]}, "nor is it deleted"
