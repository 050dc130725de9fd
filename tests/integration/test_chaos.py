"""The whole workflow while the services and the way to them fail, and while it is killed.

Whatever happens, the tables are those of the undisturbed run, byte for byte; where a run gives
up, it says so in words, and a plain rerun finishes without doing again what was done. Nothing is
left at the services that does not end by itself, soon.

Three in ten requests meet a fault in `test_faults`, one in ten in `test_interruptions`, none where
the server is down for a while. test_dachs.py has the faults before another server.

For many seeds, and more interruptions: ``python tests/chaos.py --help``.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pandas as pd
import pytest
from astropy.table import Table
from chaos_faults import FATAL, KINDS
from chaos_proxy import ChaosProxy
from chaos_runs import (
    ARCHIVE,
    INTERRUPTS,
    SHORT_LIFE_S,
    EmbeddedServer,
    clear_errors,
    configure,
    interrupt_after,
    jobs_left,
    rerun_until_finished,
    service_urls,
    what_is_wrong,
)
from project_copy import ProjectCopy

from xgamma.archive.client import TapClient
from xgamma.errors import XgammaError
from xgamma.sky import separation

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def undisturbed(demo_run) -> dict[str, bytes]:
    return demo_run.project.products()


@pytest.fixture
def server(demo_run) -> Iterator[EmbeddedServer]:
    made = EmbeddedServer(demo_run.project.results() / "archive/sky.duckdb")
    yield made
    made.stop()


@pytest.fixture
def project(tmp_path) -> ProjectCopy:
    return ProjectCopy(tmp_path / "project")


def test_faults(server, project, undisturbed):
    options = {"rate": 0.3, "seed": 2, "stop_s": 6, "restart": server.restart}
    with ChaosProxy(server.url, **options) as proxy:
        rerun_until_finished(project, configure(project, proxy.url))
    share = proxy.counts.faults.total() / proxy.counts.requests.total()
    assert 0.15 < share < 0.45
    assert what_is_wrong(undisturbed, project, service_urls(server.url)) == []


JOIN = (
    "SELECT u.row_id AS row_id, g.source_id AS source_id, g.ra AS ra "
    "FROM gaiadr3.gaia_source AS g, TAP_UPLOAD.t AS u WHERE 1=CONTAINS(POINT('ICRS', g.ra, g.dec), "
    "CIRCLE('ICRS', u.ra, u.dec, 1.0))"
)


# Service, mode, query, identifier of the one row that is uploaded. The last four differ in that
# alone: what tells two such jobs apart is only what they have uploaded.
QUERIES = [
    ("heasarc", "sync", "SELECT name AS name, ra AS ra FROM fermilpsc", None),
    ("heasarc", "async", "SELECT COUNT(*) AS n FROM csc", None),
    *(("gaia", mode, JOIN, row) for mode in ("async", "sync") for row in (2**60 + 1, 7)),
]


def told(url: str, name: str, mode: str, adql: str, row: int | None) -> pd.DataFrame | str:
    """What a client is told: a table, sorted, or the words of an error."""
    limits = {"timeout_s": 5, "sync_timeout_s": 20, "deadline_s": 60, "attempts": 5}
    client = TapClient(name, f"{url}/{name}/tap", mode=mode, **limits)
    uploads = {"t": Table({"row_id": [row], "ra": [266.4], "dec": [-29.0]})} if row else None
    try:
        frame = client.query(adql, uploads).frame
    except XgammaError as error:
        return str(error)
    return frame.sort_values(list(frame.columns), ignore_index=True)


# several threads set aside warnings at a time, and some come back
@pytest.mark.filterwarnings("ignore")
def test_the_client_alone_with_many_seeds(server):
    """Four in ten requests meet a fault: a table is right, or it is an error."""
    expected = [told(server.url, *query) for query in QUERIES]
    with duckdb.connect(str(server.sky), read_only=True) as connection:
        ra, dec = connection.sql("SELECT ra, dec FROM gaiadr3.gaia_source").fetchnumpy().values()
    stars = int((separation(ra, dec, 266.4, -29.0) <= 1).sum())
    assert stars > 100
    assert [len(table) for table in expected] == [7195, 1, *[stars] * 4]
    assert not expected[2].equals(expected[3])
    with contextlib.ExitStack() as stack:
        asked = []
        for seed in range(10):
            proxy = ChaosProxy(server.url, seed=seed, rate=0.4, stop_s=3, in_a_row=None)
            stack.enter_context(proxy)
            asked += [(proxy.url, *query) for query in QUERIES]
        # they mostly wait
        with ThreadPoolExecutor(len(asked)) as pool:
            answers = list(pool.map(lambda query: told(*query), asked))
    errors = [answer for answer in answers if isinstance(answer, str)]
    for answer, right in zip(answers, expected * 10, strict=True):
        assert isinstance(answer, str) or answer.equals(right)
    assert len(errors) < 0.25 * len(answers), errors
    assert [e for e in errors if not e.startswith(("heasarc (http", "gaia (http"))] == []
    left = jobs_left(service_urls(server.url))
    assert {url: s for url, s in left.items() if s > SHORT_LIFE_S} == {}


def test_a_server_that_is_down(server, project, undisturbed):
    """Down when a run starts, and again in its middle; no other faults."""
    proxy = ChaosProxy(server.url)
    port = proxy.port
    proxy.close()
    settings = configure(project, proxy.url, attempts=2)
    target = f"results/{ARCHIVE}/catalogs/fermilpsc.parquet"
    refused = project.run(target, "--configfile", settings)
    assert refused.returncode == 1
    assert any("connection refused" in line for line in clear_errors(refused.output))
    served = []

    def come_and_go() -> None:
        time.sleep(8)
        for more, pause in ((8, 6), (1_000_000, 0)):
            with ChaosProxy(server.url, port=port) as proxy:
                served.append(proxy)
                while proxy.counts.requests.total() < more and not ended.wait(0.05):
                    pass
            time.sleep(pause)

    ended = threading.Event()
    coming = threading.Thread(target=come_and_go)
    coming.start()
    try:
        runs = rerun_until_finished(project, configure(project, proxy.url))
    finally:
        ended.set()
        coming.join()
    assert len(runs) == 1
    assert [proxy.counts.requests.total() >= 8 for proxy in served] == [True, True]
    assert what_is_wrong(undisturbed, project, service_urls(server.url)) == []


def test_an_answer_cut_with_notice_is_an_error_and_not_a_shorter_table(
    server, project, undisturbed
):
    """The one fault that nobody may get over without being told."""
    target = f"results/{ARCHIVE}/catalogs/fermilpsc.parquet"
    kinds = dict.fromkeys(FATAL, 1.0)
    with ChaosProxy(server.url, rate=1, kinds=kinds, in_a_row=None) as proxy:
        settings = configure(project, proxy.url)
        failed = project.run(target, "--configfile", settings)
    assert failed.returncode == 1
    assert any("OVERFLOW" in line for line in clear_errors(failed.output))
    assert not list(project.results(ARCHIVE).rglob("*.parquet"))
    with ChaosProxy(server.url, port=proxy.port):
        project.make(target, "--configfile", settings)
    made = (project.folder / target).read_bytes()
    assert made == undisturbed["catalogs/fermilpsc.parquet"]


# of the pipe to the run that was killed
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_interruptions(server, project, undisturbed):
    """Six moments, while one request in ten meets a fault; no finished job is done again.

    In turn ``kill -9`` of all processes, which to the files is what a power cut is; Ctrl-C; and
    SIGTERM to Snakemake, as batch systems send it.
    """
    moments = random.Random(5)
    kinds = {kind: weight for kind, weight in KINDS.items() if kind not in FATAL}
    # a distance, so that there is mostly an answer on its way
    with ChaosProxy(server.url, rate=0.1, seed=5, kinds=kinds, delay_ms=250) as proxy:
        settings = configure(project, proxy.url)
        for end_by in INTERRUPTS * 2:
            seconds = moments.uniform(0, 3)
            assert interrupt_after(project, settings, seconds, end_by), "it was done before"
        asked = proxy.counts.requests.total()
        rerun_until_finished(project, settings)
    assert asked > 0, "it was interrupted before it asked anybody"
    assert what_is_wrong(undisturbed, project, service_urls(server.url)) == []
