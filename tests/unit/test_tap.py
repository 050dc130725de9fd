"""Asking a TAP service and not believing it: types, cuts, faults that pass and that do not."""

import io
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import pyvo
import requests
from astropy import units as u
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table
from fake_tap import FakeTap, Field, Reply, error_document, votable

from xgamma import __version__
from xgamma.tap import TapClient, TapError

ONE_ROW = votable(Field("n", "long", [1]))
MODES = ["sync", "async"]


def client_of(service, **options):
    return TapClient("heasarc", service.url, **options)


def answers(*replies):
    """One reply after the other; the last stays."""
    waiting = list(replies)
    return lambda *_: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def refusal(client, adql="SELECT 1 AS n"):
    """What is said of a query that ends in an error; always one line."""
    with pytest.raises(TapError) as caught:
        client.query(adql)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
    # whether the padding survives depends on the serialization: the catalogues strip it
    assert frame["name"].str.strip().tolist() == ["psr", "", ""]
    assert frame["label"].tolist() == ["Ψ <&>", "x", "y"]
    assert frame["good"].tolist()[:2] == [1, 0]
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


HTML = Reply(b"<html><body><h1>Maintenance</h1><br></body></html>", 200, "text/html")
PASSING = {
    "503": Reply(b"busy", 503, "text/plain"),
    "500": Reply(b"Pool empty", 500, "text/plain"),
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
    assert answer.record["attempts"] == len(fake_tap.queries) == 3
    # at least a second, then longer
    assert len(pauses) == 2 and 1 <= pauses[0] <= pauses[1] <= 5


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_stays_is_an_error_in_the_end(fake_tap, pauses, fault):
    fake_tap.answer = lambda *_: PASSING[fault]
    said = refusal(client_of(fake_tap, attempts=3))
    assert said.startswith(f"heasarc ({fake_tap.url}) ")
    assert len(fake_tap.queries) == 3 and len(pauses) == 2
    plain = {
        "503": "does not answer: HTTP 503 Service Unavailable (asked 3 times); check its url",
        "web page": "what came is no VOTable, but perhaps a web page (asked 3 times); check its",
        "timed out": "refuses the query: query timed out after 600 s; the query was: SELECT 1",
    }
    assert plain.get(fault, "") in said


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
    assert "heasarc: connection refused; asking again (attempt 2 of 3)" in caplog.text


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
    monkeypatch.setattr("xgamma.tap._SAY_AFTER_S", 0.05)

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
    assert ("DELETE", "/tap/async/1") in steps[-2:]


def test_a_dropped_poll_does_not_lose_the_job(fake_tap, pauses, monkeypatch):
    """ESA drops polling connections: the query must not be sent again for that."""
    truly, polls = pyvo.dal.AsyncTAPJob.phase, []

    def phase(job):
        polls.append(None)
        if len(polls) <= 2:
            raise requests.ConnectionError("Connection aborted")
        return truly.fget(job)

    monkeypatch.setattr(pyvo.dal.AsyncTAPJob, "phase", property(phase))
    monkeypatch.setattr("xgamma.tap.time.sleep", lambda _: None)
    fake_tap.answer = lambda *_: ONE_ROW
    assert len(client_of(fake_tap, mode="async").query("SELECT 1 AS n").frame) == 1
    assert len(polls) == 3 and len(fake_tap.queries) == 1


def test_a_job_that_fails_says_why_and_is_deleted(fake_tap, pauses):
    fake_tap.phases, fake_tap.job_error = ["EXECUTING", "ERROR"], "division by\n zero"
    said = refusal(client_of(fake_tap, mode="async"), "SELECT 1/0 AS n")
    assert "refuses the query" in said and "division by zero" in said and "SELECT 1/0" in said
    assert len(fake_tap.asked("DELETE", "/tap/async/1")) == 1
    assert len(fake_tap.queries) == 1


def test_an_aborted_job_is_asked_again(fake_tap, pauses):
    """IRSA aborts jobs under load; the same query succeeds a little later."""
    fake_tap.phases = ["EXECUTING", "ABORTED", "EXECUTING", "COMPLETED"]
    fake_tap.answer = lambda *_: ONE_ROW
    answer = client_of(fake_tap, mode="async").query("SELECT 1 AS n")
    assert answer.record["attempts"] == 2 and len(pauses) == 1
    assert len(fake_tap.asked("DELETE", "/tap/async/1")) == 2


def test_a_job_that_never_ends_is_aborted_and_deleted(fake_tap, pauses):
    fake_tap.phases = ["EXECUTING"]
    started = time.monotonic()
    said = refusal(client_of(fake_tap, mode="async", deadline_s=0.3))
    assert time.monotonic() - started < 3
    assert (
        "no answer within 0 s, the job was EXECUTING and is aborted; raise tap.deadline_s" in said
    )
    assert fake_tap.asked("POST", "/tap/async/1/phase") == [{"PHASE": "RUN"}, {"PHASE": "ABORT"}]
    assert len(fake_tap.asked("DELETE", "/tap/async/1")) == 1
    assert pauses == [], "what took too long once is not asked again"


@pytest.mark.parametrize(
    "page", [HTML, Reply(b"<html><body>login</body></html>", 200, "text/html")]
)
def test_a_web_page_for_a_job_is_not_polled_for_ever(fake_tap, pauses, page):
    """Well-formed, it has no phase; else it is no XML at all."""
    fake_tap.respond = lambda *_: page
    started = time.monotonic()
    said = refusal(client_of(fake_tap, mode="async", attempts=2, deadline_s=60))
    assert time.monotonic() - started < 10
    assert f"heasarc ({fake_tap.url}) does not answer: " in said and "(asked 2 times)" in said
    assert len(pauses) == 1


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
        assert client.count("SELECT COUNT(*) AS n") == 1
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


def test_the_demo_archive_needs_its_sky():
    with pytest.raises(TapError, match="is the demo archive, and its sky was not given"):
        TapClient("gaia", "http://demo.invalid/gaia/tap")


def test_real_services_have_time_outs_beside_a_demo_sky(fake_tap, tmp_path, monkeypatch):
    """An archive may have some services simulated: the sky is given to all its clients."""
    timeouts = []
    send = requests.adapters.HTTPAdapter.send

    def record(self, request, *args, **kwargs):
        timeouts.append(kwargs.get("timeout"))
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", record)
    fake_tap.answer = lambda *_: ONE_ROW
    client = client_of(fake_tap, timeout_s=7, deadline_s=9, sky=str(tmp_path / "sky.duckdb"))
    client.query("SELECT 1 AS n")
    client.declares_upload()
    # (to connect, to read): a synchronous answer begins when the query is done
    assert timeouts == [(7, 9), (7, 7)]
