"""What a user reads of services that lack something, before the first run."""

import dataclasses
import re
import threading
import time

import numpy as np
import pytest
from fake_tap import LOST, FakeTap, Field, Reply, Wire, error_document, votable

from xgamma.archive.catalogues import CATALOGUES
from xgamma.archive.preflight import preflight
from xgamma.config.archives import Archive, Service
from xgamma.config.settings import load_config

GAIA = {
    "service": "gaia",
    "table": "gaiadr3.gaia_source",
    "id": "source_id",
    "ra": "ra",
    "dec": "dec",
    "columns": {"parallax": "gaia_parallax", "ruwe": "gaia_ruwe"},
    "optional": ["ruwe"],
}
ROWS = {"chanmaster": 28_000, "csc": 407_806, "fermilpsc": 7_195}


class Rows:
    """Answers what the preflight asks, from lists of columns and numbers of rows."""

    def __init__(self):
        self.columns = {
            **{name: [c.name for c in one.columns] for name, one in CATALOGUES.items()},
            "gaiadr3.gaia_source": ["source_id", "ra", "dec", "parallax", "ruwe"],
        }
        self.rows = dict(ROWS)
        self.uploads = lambda table: table

    def __call__(self, adql, uploads):
        if "TAP_SCHEMA" in adql:
            return self.described(re.findall(r"'([^']*)'", adql))
        if "COUNT(*)" in adql:
            return votable(Field("count", "long", [self.rows[re.search(r"FROM (\w+)", adql)[1]]]))
        if "FROM TAP_UPLOAD" in adql:
            came = self.uploads(uploads["targets"])
            kinds = {"i": "long", "f": "double"}
            return votable(
                *(Field(n, kinds[came[n].dtype.kind], came[n].tolist()) for n in came.colnames)
            )
        names = re.findall(r"AS (\w+?)(?:,| FROM)", adql) or adql.split(" FROM ")[0].split(", ")
        return votable(*(Field(name.split()[-1], "long", [1, 2, 3]) for name in names))

    def described(self, tables):
        listed = [(t, c) for t in tables for c in self.columns.get(t, ())]
        fields = {"table_name": [t for t, _ in listed], "column_name": [c for _, c in listed]}
        empty = dict.fromkeys(("datatype", "unit", "ucd", "description"), [""] * len(listed))
        return votable(*(Field(name, "char", values) for name, values in (fields | empty).items()))


@pytest.fixture
def gaia(fake_tap):
    """The service that may lack something."""
    fake_tap.answer = Rows()
    return fake_tap


@pytest.fixture
def heasarc(gaia):
    """Another one; `gaia` sets what both need."""
    service = FakeTap(Rows())
    yield service
    service.close()


def findings(heasarc, gaia, *, tap=(), sources=(), **gaia_settings):
    """The lines, with seconds as N; nothing may be left at the services."""
    settings = load_config({})
    services = {
        "heasarc": Service(url=heasarc.url, mode="sync"),
        "gaia": Service(url=gaia.url, **{"mode": "sync", **gaia_settings}),
        "irsa": Service(url="http://irsa.invalid/tap"),
    }
    settings = dataclasses.replace(
        settings,
        archive="a",
        sources=sources,
        archives={"a": Archive(simulated=False, services=services)},
        tap=dataclasses.replace(settings.tap, attempts=1, **dict(tap)),
    )
    lines = [str(one) for one in preflight(settings, {"gaia": GAIA})]
    assert all(line.isprintable() and len(line) < 600 for line in lines)
    assert heasarc.jobs == gaia.jobs == {}
    return [re.sub(r"\b\d+\.\d s", "N s", line) for line in lines]


def of_gaia(heasarc, gaia, **settings):
    """The lines of the one that lacks something; the others are as they should be."""
    lines = findings(heasarc, gaia, **settings)
    others = [line for line in lines if line.startswith("ok heasarc")]
    assert len(others) == 5 and lines[-1].startswith("plan run: about "), "the others go on"
    return [line for line in lines[5:-1]]


def test_services_that_have_all(heasarc, gaia):
    *lines, plan = findings(heasarc, gaia)
    assert lines == [
        f"ok heasarc: {heasarc.url} answers in N s; sync and async work",
        "ok heasarc chanmaster: all 10 columns; 28,000 rows (27,122 archived observations in "
        "September 2026, and growing)",
        "ok heasarc csc: all 23 columns; 407,806 rows, as many as CSC 2.1 has",
        "ok heasarc fermilpsc: all 20 columns; 7,195 rows, as many as 4FGL-DR4 has",
        "ok heasarc csc, fermilpsc: their join by position, three rows of it, took N s",
        f"ok gaia: {gaia.url} answers in N s; sync and async work; an upload of 3 rows came back "
        "whole in N s",
        "ok gaia gaiadr3.gaia_source (gaia): all 5 columns; 3 rows around 3 positions in N s",
    ]
    assert re.match(
        r"plan run: about \d\d requests \(heasarc 9, gaia \d+\), \d+ to \d+ minutes, if own work "
        r"takes 80 s, rows come as fast as .*, and each of 9,502 targets takes ",
        plan,
    )
    # irsa has no survey: it is not asked; the others are asked for little
    assert len(heasarc.queries) + len(gaia.queries) <= 12
    assert not any("COUNT" in query for query in gaia.queries)


def test_the_plan_of_named_sources(heasarc, gaia):
    """Uploads of HEASARC too: the catalogues are asked for around the sources."""
    lines = findings(heasarc, gaia, sources=("LS 5039", "Cyg X-3"))
    assert lines[0].endswith("an upload of 3 rows came back whole in N s")
    assert re.match(
        r"plan run: a run for 2 named sources: LS 5039, Cyg X-3: about 13 requests \(heasarc 7, "
        r"gaia 6\), about \d+ s on one core, if own work takes 30 s of it",
        lines[-1],
    )


def no(path):
    def meddle(_method, asked, _form, respond):
        return Reply(b"", 404) if asked.startswith(path) else respond()

    return meddle


@pytest.mark.parametrize(
    ("lacking", "mode", "line"),
    [
        (
            "sync",
            "sync",
            "STOP gaia: {url} answers in N s; async works, sync does not: HTTP 404 Not Found; an "
            "upload of 3 rows came back whole in N s; in the config: "
            "archives.a.services.gaia.mode: async",
        ),
        (
            "async",
            "async",
            "STOP gaia: {url} answers in N s; sync works, async does not: HTTP 404 Not Found; an "
            "upload of 3 rows came back whole in N s; in the config: "
            "archives.a.services.gaia.mode: sync",
        ),
        (
            "async",
            "sync",
            "note gaia: {url} answers in N s; sync works, async does not: HTTP 404 Not Found; "
            "queries that take longer than tap.sync_timeout_s would fail; an upload of 3 rows came "
            "back whole in N s",
        ),
        (
            "sync",
            "async",
            "ok gaia: {url} answers in N s; async works, sync, which is not used, does not: HTTP "
            "404 Not Found; an upload of 3 rows came back whole in N s",
        ),
    ],
)
def test_a_mode_that_does_not_work(heasarc, gaia, lacking, mode, line):
    gaia.meddle = no(f"/tap/{lacking}")
    service, survey = of_gaia(heasarc, gaia, mode=mode)
    assert service == line.format(url=gaia.url)
    assert survey.startswith("ok gaia gaiadr3.gaia_source (gaia): all 5 columns; 3 rows")


def test_sync_that_is_too_slow_is_no_sync_that_works(heasarc, gaia):
    closing = threading.Event()

    def meddle(_method, path, _form, respond):
        if path == "/tap/sync":
            closing.wait(1.5)
        return respond()

    gaia.meddle = meddle
    service, _ = of_gaia(heasarc, gaia, tap={"sync_timeout_s": 1.0})
    assert "async works, sync does not: too slow; " in service
    assert service.endswith("in the config: archives.a.services.gaia.mode: async")


def rounded(table):
    table["target_dec"] = np.round(table["target_dec"], 3)
    return table


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table[:2], "of an upload of 3 rows 2 came back"),
        (
            lambda table: rounded(table),
            "an upload came back changed: target_dec [-14.848, 40.958, -63.836] for [-14.8484, "
            "40.9577, -63.8357]",
        ),
        (
            lambda table: table["target_id", "target_ra"],
            "an upload came back changed: target_dec [] for [-14.8484, 40.9577, -63.8357]",
        ),
    ],
)
def test_an_upload_that_comes_back_short_or_changed(heasarc, gaia, change, words):
    gaia.answer.uploads = change
    service, survey = of_gaia(heasarc, gaia)
    assert service == (
        f"STOP gaia: {gaia.url} answers in N s; sync and async work; {words}; in the config: "
        "archives.a.services.gaia.upload: false"
    )
    assert survey.endswith("3 rows around 1 positions in N s"), "as such a config asks"
    assert not any("TAP_UPLOAD.targets AS t WHERE" in query for query in gaia.queries)


def test_uploads_that_are_refused(heasarc, gaia):
    usual = gaia.answer
    gaia.answer = lambda adql, uploads: (
        error_document("uploads are not supported") if uploads else usual(adql, uploads)
    )
    service, survey = of_gaia(heasarc, gaia)
    assert service == (
        f"STOP gaia: {gaia.url} answers in N s; sync and async work; an upload of three rows: "
        "uploads are not supported; in the config: archives.a.services.gaia.upload: false"
    )
    assert survey.startswith("ok ")
    # as the config has it, there is nothing to find fault with
    service, _ = of_gaia(heasarc, gaia, upload=False)
    assert service == f"ok gaia: {gaia.url} answers in N s; sync and async work"


@pytest.mark.parametrize(
    ("column", "line"),
    [
        (
            "parallax",
            "STOP gaia gaiadr3.gaia_source (gaia): lacks parallax; in the config: "
            "surveys.gaia.optional: [ruwe, parallax]",
        ),
        (
            "source_id",
            "STOP gaia gaiadr3.gaia_source (gaia): lacks source_id; in the config: "
            "surveys.gaia.id: a column that it has",
        ),
        (
            "dec",
            "STOP gaia gaiadr3.gaia_source (gaia): lacks dec; in the config: "
            "surveys.gaia.position: two columns that it has",
        ),
        (
            "ruwe",
            "note gaia gaiadr3.gaia_source (gaia): lacks the optional ruwe: null in the products; "
            "3 rows around 3 positions in N s",
        ),
    ],
)
def test_a_column_that_a_survey_lacks(heasarc, gaia, column, line):
    gaia.answer.columns["gaiadr3.gaia_source"].remove(column)
    assert of_gaia(heasarc, gaia)[1:] == [line]


def test_a_table_that_is_not_there(heasarc, gaia):
    del gaia.answer.columns["gaiadr3.gaia_source"]
    assert of_gaia(heasarc, gaia)[1:] == [
        "STOP gaia gaiadr3.gaia_source (gaia): its TAP_SCHEMA lists no such table; in the config: "
        "surveys.gaia.table"
    ]


def test_rows_that_are_refused(heasarc, gaia):
    usual = gaia.answer
    gaia.answer = lambda adql, uploads: (
        error_document("no CONTAINS here") if "CONTAINS" in adql else usual(adql, uploads)
    )
    assert of_gaia(heasarc, gaia)[1:] == [
        "STOP gaia gaiadr3.gaia_source (gaia): all 5 columns; three rows around a position: no "
        "CONTAINS here"
    ]


def test_catalogues_that_lack_something(heasarc, gaia):
    heasarc.answer.columns["csc"].remove("b_flux_ap")
    heasarc.answer.columns["fermilpsc"].remove("analysis_flags")
    heasarc.answer.columns["fermilpsc"].append("FLAGS")  # another name of it
    heasarc.answer.columns["fermilpsc"].remove("semi_minor_axis_95")
    heasarc.answer.rows |= {"csc": 317_167, "chanmaster": 0}
    lines = findings(heasarc, gaia)
    assert lines[1:4] == [
        "STOP heasarc chanmaster: all 10 columns; it is empty",
        "STOP heasarc csc: lacks b_flux_ap, without which there is no run: a key of the config "
        "cannot mend that, an archive that has them can; 317,167 rows where CSC 2.1 has 407,806: "
        "another release, or not all of it",
        "note heasarc fermilpsc: lacks the optional semi_minor_axis_95: null in the products; "
        "7,195 rows, as many as 4FGL-DR4 has",
    ]
    assert lines[-1].endswith("; how long they take is not known without csc")
    del heasarc.answer.columns["csc"]
    assert findings(heasarc, gaia)[2] == (
        "STOP heasarc csc: its TAP_SCHEMA lists no such table; in the config: "
        "archives.a.services.heasarc.url, if that is another's"
    )


WAY_OUT = (
    "; in the config: archives.a.services.gaia.url, if that is not where it is (snakemake --cores "
    "1 "
    "discover_services --config archive=a lists where services are)"
)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b"", 404), "HTTP 404 Not Found"),
        (Reply(b"Pool empty", 500, "text/plain"), "HTTP 500 Internal Server Error"),
        (LOST, "the connection broke"),
        (
            Reply(b"<html><title>Portal</title><br></html>", 200, "text/html"),
            "what came is a web page (Portal)",
        ),
        (Wire((30.0,)), "timed out"),
    ],
    ids=["wrong url", "500", "lost", "page", "silence"],
)
def test_a_service_that_gives_no_answer(heasarc, gaia, reply, reason):
    gaia.meddle = lambda *_: reply
    started = time.monotonic()
    brief = {"timeout_s": 1.0, "sync_timeout_s": 1.0, "deadline_s": 1.5}
    assert of_gaia(heasarc, gaia, tap=brief) == [
        f"STOP gaia: no answer from {gaia.url}: {reason}{WAY_OUT}"
    ]
    assert time.monotonic() - started < 20


def test_a_name_that_is_not_known(heasarc, gaia):
    gaia.url = "http://gaia.invalid/tap"
    assert of_gaia(heasarc, gaia) == [
        f"STOP gaia: no answer from {gaia.url}: its name is not known, or this machine has no "
        f"network{WAY_OUT}"
    ]


def test_a_job_that_waits_in_a_queue_is_not_judged(heasarc, gaia):
    def meddle(_method, _path, _form, respond):
        # the columns come, in both modes; what is asked after them waits
        gaia.phases = ["QUEUED"] if len(gaia.queries) > 2 else ["COMPLETED"]
        return respond()

    gaia.meddle = meddle
    service, survey = of_gaia(heasarc, gaia, mode="async", tap={"timeout_s": 1, "deadline_s": 1})
    assert service.startswith("note gaia: ") and service.endswith(
        f"an upload of three rows: not known, gaia ({gaia.url}): no answer within 1 s, the job was "
        "QUEUED and is aborted"
    )
    assert survey.startswith("note gaia gaiadr3.gaia_source (gaia): all 5 columns; three rows")


def test_silence_in_the_middle_is_not_judged_and_ends(heasarc, gaia, monkeypatch):
    """A service that hangs at each further question costs no more than its time."""
    monkeypatch.setattr("xgamma.archive.preflight._SERVICE_S", 0.9)
    usual, hung = heasarc.answer, threading.Event()

    def hang(adql, uploads):
        if "TAP_SCHEMA" not in adql:
            hung.wait(2)
        return usual(adql, uploads)

    heasarc.answer = hang
    started = time.monotonic()
    brief = {"timeout_s": 0.8, "sync_timeout_s": 0.8, "deadline_s": 1.0}
    lines = findings(heasarc, gaia, tap=brief)
    hung.set()
    assert time.monotonic() - started < 20
    assert (
        lines[1]
        == "note heasarc chanmaster: all 10 columns; its number of rows: not known, timed out"
    )
    assert lines[4] == (
        "note heasarc csc, fermilpsc: their join by position: not known, its 1 s were over"
    )
    assert lines[5].startswith("ok gaia: ") and len(lines) == 8
