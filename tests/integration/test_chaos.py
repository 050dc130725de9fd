"""The whole workflow while the services and the way to them fail, and while it is killed.

Whatever happens, the tables are those of the undisturbed run, byte for byte; where a run gives
up, it says so in words, and a plain rerun finishes without doing again what was done. Nothing is
left at the services that does not end by itself, soon.

For many seeds: ``python tests/chaos.py --help``.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_faults import FATAL, KINDS
from chaos_proxy import ChaosProxy
from chaos_runs import (
    ARCHIVE,
    SHORT_LIFE_S,
    EmbeddedServer,
    clear_errors,
    configure,
    differing,
    half_files,
    jobs_left,
    kill_after,
    rerun_until_finished,
    run,
    service_urls,
)
from export_sky import export_sky
from project_copy import ProjectCopy

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


def hold(undisturbed: dict[str, bytes], project: ProjectCopy, urls: list[str]) -> None:
    """What must be true in the end, whatever happened."""
    assert differing(undisturbed, project) == []
    assert half_files(project) == []
    assert {url: s for url, s in jobs_left(urls).items() if s > SHORT_LIFE_S} == {}


@pytest.mark.parametrize(("rate", "seed"), [(0.1, 1), (0.3, 2)])
def test_faults(server, project, undisturbed, rate, seed):
    options = {"rate": rate, "seed": seed, "stop_s": 6, "restart": server.restart}
    with ChaosProxy(server.url, **options) as proxy:
        rerun_until_finished(project, configure(project, proxy.url))
    requests = proxy.counts.requests.total()
    assert 0.3 * rate < proxy.counts.faults.total() / requests < 2 * rate
    hold(undisturbed, project, service_urls(server.url))


def test_a_server_that_is_down(server, project, undisturbed):
    """Down when a run starts, and again in its middle; no other faults."""
    proxy = ChaosProxy(server.url)
    port = proxy.port
    proxy.close()
    refused = run(project, configure(project, proxy.url, attempts=2))
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
    assert run(project, "chaos.yaml").jobs == []
    hold(undisturbed, project, service_urls(server.url))


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


def test_kills(server, project, undisturbed):
    """``kill -9`` of all processes at ten moments, while one request in ten meets a fault."""
    moments = random.Random(5)
    kinds = {kind: weight for kind, weight in KINDS.items() if kind not in FATAL}
    killed, in_flight = 0, []
    # a distance, so that there is mostly an answer on its way
    with ChaosProxy(server.url, rate=0.1, seed=5, kinds=kinds, delay_ms=250) as proxy:
        settings = configure(project, proxy.url)
        while killed < 10:
            if kill_after(project, settings, moments.uniform(3, 9)):
                killed += 1
                in_flight.append(proxy.in_flight)
        rerun_until_finished(project, settings)
    assert sum(in_flight) > 0
    hold(undisturbed, project, service_urls(server.url))


@pytest.fixture(scope="module")
def dachs_url(demo_run, dachs, tmp_path_factory) -> str:
    rows: Path = tmp_path_factory.mktemp("rows")
    export_sky(demo_run.project.results() / "archive/sky.duckdb", rows)
    return dachs.serve(rows)


def test_faults_before_another_server(dachs_url, project, undisturbed):
    with ChaosProxy(dachs_url, rate=0.3, seed=3, stop_s=6) as proxy:
        settings = configure(project, proxy.url, one_service=True)
        rerun_until_finished(project, settings)
    assert proxy.counts.faults.total() > 10
    hold(undisturbed, project, [dachs_url])
