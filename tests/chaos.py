"""Run the whole workflow behind the chaos proxy for many seeds, and tell what differed.

    python tests/chaos.py --seeds 20 --rate 0.3
    python tests/chaos.py --seeds 5 --server dachs
    python tests/chaos.py --seeds 0 --kills 10

One line per seed; ends with status 1 if any table differs from the undisturbed run, a file is
half written, a job is left that does not end soon, or a run fails without saying why.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "integration"))

from chaos_faults import FATAL, KINDS
from chaos_proxy import ChaosProxy
from chaos_runs import (
    INTERRUPTS,
    SHORT_LIFE_S,
    TARGETS,
    EmbeddedServer,
    configure,
    differing,
    half_files,
    interrupt_after,
    jobs_left,
    rerun_until_finished,
    service_urls,
)
from conftest import Dachs
from export_sky import export_sky
from project_copy import ProjectCopy

_HEAD = f"{'seed':>4} {'faults':>6} {'requests':>8} {'runs':>4} {'kills':>5} {'wall':>5} "
_HEAD += f"{'differing':>9} {'jobs left':>9}  faults by kind"


@dataclass
class Upstream:
    """A server, and how to restart it."""

    url: str
    one_service: bool = False
    restart: Callable[[], None] | None = None


@dataclass
class Outcome:
    """What one seed came to."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    runs: int = 0
    kills: int = 0
    seconds: float = 0.0
    differing: list[str] = field(default_factory=list)
    left: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def lasting(self) -> dict[str, float]:
        """The jobs left that do not end soon."""
        return {url: seconds for url, seconds in self.left.items() if seconds > SHORT_LIFE_S}

    @property
    def is_good(self) -> bool:
        return not (self.error or self.differing or self.lasting)

    def __str__(self) -> str:
        kinds = " ".join(f"{kind}:{self.faults[kind]}" for kind in KINDS if self.faults[kind])
        left = len(self.left)
        more = [*self.differing, *self.error.splitlines()]
        more += [f"{url} lives for {s:.0f} s" for url, s in self.lasting.items()]
        return (
            f"{self.seed:4d} {self.faults.total():6d} {self.requests:8d} {self.runs:4d} "
            f"{self.kills:5d} {self.seconds:5.0f} {len(self.differing):9d} {left:9d}  {kinds}"
            + "".join(f"\n     {text}" for text in more)
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds and give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--rate", type=float, default=0.3, help="share of requests (%(default)s)")
    parser.add_argument("--kills", type=int, default=0, help="interrupt so many runs")
    parser.add_argument("--server", choices=("embedded", "dachs"), default="embedded")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at the same time")
    parser.add_argument("--no-overflow", action="store_true", help="only faults that pass")
    parser.add_argument("--stop", type=float, default=10, help="seconds that a server stops")
    parser.add_argument("--folder", type=Path, help="keep all there; must not exist")
    given = parser.parse_args(arguments)
    if given.folder is not None:
        given.folder.mkdir(parents=True)
        return _run_all(given, given.folder)
    with tempfile.TemporaryDirectory(prefix="xgamma-chaos-") as folder:
        return _run_all(given, Path(folder))


def _run_all(given: argparse.Namespace, folder: Path) -> int:
    start = time.monotonic()
    reference = ProjectCopy(folder / "reference")
    reference.make(*(f"results/demo/{target}" for target in TARGETS))
    expected = reference.products()
    print(f"undisturbed run: {time.monotonic() - start:.0f} s\n{_HEAD}", flush=True)
    sky = reference.results() / "archive/sky.duckdb"
    kills = dict.fromkeys(range(given.first, given.first + given.seeds), 0)
    if given.kills:
        kills[given.first + given.seeds] = given.kills

    def run_seed(seed: int) -> Outcome:
        with servers() as upstream:
            outcome = _outcome(given, upstream, expected, folder / f"seed{seed}", seed, kills[seed])
        print(outcome, flush=True)
        return outcome

    with contextlib.ExitStack() as stack:
        if given.server == "dachs":
            upstream = stack.enter_context(_dachs(sky, folder / "rows"))
            servers = functools.partial(contextlib.nullcontext, upstream)
        else:
            # one for each seed: a restart is not the other seeds' affair
            servers = functools.partial(_embedded, sky)
        with ThreadPoolExecutor(given.jobs) as pool:
            bad = [o.seed for o in pool.map(run_seed, kills) if not o.is_good]
    print(f"{len(kills)} seeds, {len(bad)} bad" + (f": {bad}" if bad else ""))
    return 1 if bad else 0


def _outcome(
    given: argparse.Namespace,
    upstream: Upstream,
    expected: dict[str, bytes],
    folder: Path,
    seed: int,
    kills: int,
) -> Outcome:
    outcome = Outcome(seed)
    shutil.rmtree(folder, ignore_errors=True)
    kinds = {k: w for k, w in KINDS.items() if not (given.no_overflow and k in FATAL)}
    rate = given.rate if not kills else min(given.rate, 0.1)
    moments = random.Random(seed)
    start = time.monotonic()
    with ChaosProxy(
        upstream.url,
        seed=seed,
        rate=rate,
        kinds=kinds,
        stop_s=given.stop,
        restart=upstream.restart,
        delay_ms=250 if kills else 0,
    ) as proxy:
        try:
            project = ProjectCopy(folder)
            settings = configure(project, proxy.url, one_service=upstream.one_service)
            while outcome.kills < kills:
                end_by = INTERRUPTS[outcome.kills % 3]
                if interrupt_after(project, settings, moments.uniform(0, 6), end_by):
                    outcome.kills += 1
                else:  # done before its time: from the start again
                    _check(outcome, expected, project)
                    shutil.rmtree(folder)
                    project = ProjectCopy(folder)
                    configure(project, proxy.url, one_service=upstream.one_service)
            outcome.runs = len(rerun_until_finished(project, settings, most=10))
            _check(outcome, expected, project)
        except Exception:
            outcome.error = traceback.format_exc()
        outcome.faults, outcome.requests = proxy.counts.faults, proxy.counts.requests.total()
    outcome.seconds = time.monotonic() - start
    outcome.left = jobs_left(service_urls(upstream.url, one_service=upstream.one_service))
    if outcome.is_good and given.folder is None:
        shutil.rmtree(folder)
    return outcome


def _check(outcome: Outcome, expected: dict[str, bytes], project: ProjectCopy) -> None:
    outcome.differing += differing(expected, project)
    outcome.differing += [f"half a file: {path.name}" for path in half_files(project)]


@contextlib.contextmanager
def _embedded(sky: Path) -> Iterator[Upstream]:
    server = EmbeddedServer(sky)
    try:
        yield Upstream(server.url, restart=server.restart)
    finally:
        server.stop()


@contextlib.contextmanager
def _dachs(sky: Path, rows: Path) -> Iterator[Upstream]:
    export_sky(sky, rows)
    # not under /tmp: the server's system user may not enter there
    with tempfile.TemporaryDirectory(prefix="xgamma-chaos-", dir="/var/tmp") as state:
        dachs = Dachs(Path(state))
        try:
            yield Upstream(dachs.serve(rows), one_service=True)
        finally:
            dachs.stop()


if __name__ == "__main__":
    sys.exit(main())
