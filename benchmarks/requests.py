"""Measure how few requests the enrichment makes, and what that is worth.

Against one server (GAVO DaCHS with the rows of the demo sky), with a delay added to every
request: a notebook's way, one query per source and survey in four threads, as async jobs and as
sync queries; and the workflow's, one query per shard and survey. README.md says what is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import itertools
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# this file is called like a library: its folder must not be the first where that is looked for
sys.path.append(sys.path.pop(0))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/lib"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
import pandas as pd
import pyvo
import yaml
from latency_proxy import LatencyProxy
from project_copy import ProjectCopy, archive_at

from xgamma.config.settings import load_config
from xgamma.tables.files import read_columns, read_parquet, write_parquet

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = load_config(yaml.safe_load((PROJECT / "config/config.yaml").read_text("utf-8")))
WAYS = ("async", "sync", "workflow")
THREADS = 4
# servers and we compute separations each in our own way: nearer than this is a tie
TIE_ARCSEC = 1e-4
PR_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>

# (survey, Fermi source) -> {id: separation in arcsec} of the nearest
Nearest = dict[tuple[str, str], dict[str, float]]


def _call(*command: object) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "workflow/lib")}
    words = [str(part) for part in command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words[0]} failed:\n{done.stdout}{done.stderr}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


class Dachs:
    """The server on `port`, its state and its sky in `folder`: made once, then only started."""

    def __init__(self, folder: Path, size: str, port: int, proxy: LatencyProxy) -> None:
        rows, self._state, scripts = folder / "rows", folder / "dachs", folder / "scripts"
        self._scripts = scripts / "dachs"
        folder.mkdir(parents=True, exist_ok=True)
        if not rows.exists():
            sky, partial = folder / "sky.duckdb", folder / "rows.partial"
            fermi = PROJECT / "resources/4fgl_dr4_v35.ecsv.gz"
            build = (sys.executable, "-m", "xgamma.demo", "build", "--resource", fermi)
            _call(*build, "--size", size, "--output", sky)
            _call(sys.executable, PROJECT / "tests/integration/export_sky.py", sky, partial)
            partial.rename(rows)
        # the links in its answers must lead to the proxy, not past it
        shutil.rmtree(scripts, ignore_errors=True)
        shutil.copytree(PROJECT / "tests/servers", scripts)
        settings = self._scripts / "etc/gavo.rc.in"
        own_url = "serverURL: http://127.0.0.1:@PORT@"
        settings.write_text(settings.read_text().replace(own_url, f"serverURL: {proxy.url}"))
        self.close()  # one that an earlier, killed command has left
        # Whatever its parent leaves behind becomes a child of this process, and stays in the
        # process table: DaCHS starts jobs from jobs that end, and their CPU seconds were lost.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._others = proxy.pid
        ports = ("--port", port, "--pg-port", free_port())
        _call(self._scripts / "up.sh", "--data", rows, "--state", self._state, *ports)

    def close(self) -> None:
        """Stop it; its state stays, for the next time."""
        _call(self._scripts / "down.sh", "--state", self._state)

    def cpu_s(self) -> float:
        """CPU seconds so far of DaCHS, PostgreSQL and all processes that they started."""
        parents, ticks = {}, {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it may just have ended
                fields = stat.read_text().rpartition(")")[2].split()
                parents[int(stat.parent.name)] = int(fields[1])
                # user and system, its own and those of its children that have ended
                ticks[int(stat.parent.name)] = sum(map(int, fields[11:15]))
        total = 0
        for pid in ticks:
            line = [pid]
            while line[-1] in parents:
                line.append(parents[line[-1]])
            # all that descend from this process, but for the proxy
            total += ticks[pid] if os.getpid() in line[1:] and self._others not in line else 0
        return total / os.sysconf("SC_CLK_TCK")


def notebook_loop(url: str, pairs: pd.DataFrame, mode: str) -> Nearest:
    """One query for each Fermi source and survey in plain pyvo, four at a time."""
    services = {name: pyvo.dal.TAPService(url) for name in CONFIG.surveys}
    radius, nearest = CONFIG.enrichment.radius_deg, CONFIG.enrichment.nearest

    def ask(task):
        name, fermi = task
        survey, service = CONFIG.surveys[name], services[name]
        columns = ", ".join([survey.id, survey.ra, survey.dec, *survey.columns])
        point = f"POINT('ICRS', {survey.ra}, {survey.dec})"
        centre = f"{fermi.fermi_ra!r}, {fermi.fermi_dec!r}"
        adql = (
            f"SELECT TOP {nearest} {columns}, DISTANCE({point}, POINT('ICRS', {centre})) AS dist"
            f" FROM {survey.table} WHERE 1 = CONTAINS({point}, CIRCLE('ICRS', {centre}, {radius}))"
            f" ORDER BY dist"
        )
        if mode == "sync":
            table = service.run_sync(adql).to_table()
        else:
            job = service.submit_job(adql)
            job.run()
            job.wait()
            table = job.fetch_result().to_table()
            job.delete()
        arcsec = (3600.0 * np.asarray(table["dist"])).tolist()
        return dict(zip(map(str, table[survey.id]), arcsec, strict=True))

    fermi = pairs.drop_duplicates("fermi_name")
    tasks = [(name, row) for row in fermi.itertuples() for name in CONFIG.surveys]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = zip(tasks, pool.map(ask, tasks), strict=True)
        return {(name, row.fermi_name): found for (name, row), found in answers if found}


def nearest_of(counterparts: dict[str, pd.DataFrame]) -> Nearest:
    """The sources around the Fermi positions in the workflow's long tables."""
    return {
        (name, fermi): dict(zip(map(str, rows["id"]), rows["sep_target_arcsec"], strict=True))
        for name, long in counterparts.items()
        for fermi, rows in long[long["around"] == "fermi"].groupby("fermi_name")
    }


def differences(one: Nearest, other: Nearest) -> list[str]:
    """Where they differ, other than in which of equally distant sources they hold."""
    found = []
    for key in sorted(one.keys() | other.keys()):
        a, b = one.get(key, {}), other.get(key, {})
        farthest = max([*a.values(), *b.values()])
        odd = [(a | b)[source] for source in a.keys() ^ b.keys()]
        if len(a) != len(b) or any(farthest - arcsec > TIE_ARCSEC for arcsec in odd):
            found.append(f"{key}: {a} and {b}")
    return found


class Workflow:
    """A copy of the project, with all that the enrichment needs made from the server's rows."""

    def __init__(self, folder: Path, url: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._project = ProjectCopy(folder)
        archive = archive_at(url, one_service=True)
        # or the first cell's answers would do for all
        tap = {"reuse": False}
        settings = {"archive": "bench", "archives": {"bench": archive}, "tap": tap}
        self._config = ("--configfile", self._project.configure("bench.yaml", settings))
        self._project.make(*self._config, "--", "results/bench/enrichment/targets.parquet")
        self._results = self._project.results("bench")
        names = ("crossmatch/pairs.parquet", "association/candidates.parquet")
        self._all = {self._results / name: read_parquet(self._results / name) for name in names}
        self._columns = {path: read_columns(path) for path in self._all}

    @property
    def all_pairs(self) -> pd.DataFrame:
        return next(iter(self._all.values()))

    def prepare(self, fermi_names: Collection[str]) -> None:
        """Leave these sources alone, and remove what was made and asked for others."""
        for path, rows in self._all.items():
            chosen = rows[rows["fermi_name"].isin(fermi_names)]
            write_parquet(path, chosen, self._columns[path])
        for name in ("enrichment", "tables", "answers"):
            shutil.rmtree(self._results / name, ignore_errors=True)

    def run(self) -> Nearest:
        """Run the jobs of the enrichment and no others, two at a time."""
        tables = {s: f"results/bench/tables/counterparts_{s}.parquet" for s in CONFIG.surveys}
        rules = ("shard_sources", "enrich_shard", "merge_enrichment")
        self._project.make(*self._config, "--allowed-rules", *rules, "--", *tables.values())
        folder = self._project.folder
        return nearest_of({name: read_parquet(folder / path) for name, path in tables.items()})

    def rows(self) -> int:
        """How many rows came since `prepare`."""
        records = (self._results / "answers/queries").glob("*/*.json")
        return sum(json.loads(path.read_text(encoding="utf-8"))["rows"] for path in records)


def measure(
    do: Callable, server: Dachs, proxy: LatencyProxy, delay_ms: float
) -> tuple[dict, Nearest]:
    """Call `do`; what it took, and what it found."""

    def clocks():
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        client_s = time.process_time() + ended.ru_utime + ended.ru_stime
        return np.array([client_s, server.cpu_s(), time.perf_counter()])

    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass  # what the server's jobs of the cell before have left
    proxy.restart(delay_ms)
    before = clocks()
    found = do()
    client, server_s, wall = (clocks() - before).round(3).tolist()
    taken = proxy.restart(0) | {"client_cpu_s": client, "server_cpu_s": server_s, "wall_s": wall}
    return taken | {"bytes": taken["bytes_up"] + taken["bytes_down"]}, found


def choose(pairs: pd.DataFrame, number: int) -> pd.DataFrame:
    """The pairs of `number` Fermi sources, spread evenly over the list sorted by name."""
    names = np.unique(pairs["fermi_name"].to_numpy(dtype=str))
    if number > len(names):
        sys.exit(f"the sky has {len(names)} Fermi sources with pairs, not {number}")
    taken = names[np.linspace(0, len(names) - 1, number).round().astype(int)]
    return pairs[pairs["fermi_name"].isin(taken)].reset_index(drop=True)


def run_matrix(options: argparse.Namespace) -> list[dict]:
    """Measure every cell of the matrix, and check that all ways find the same."""
    cells, agreed, port, folder = [], {}, free_port(), options.folder / options.sky
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(contextlib.closing(LatencyProxy(port)))
        server = stack.enter_context(contextlib.closing(Dachs(folder, options.sky, port, proxy)))
        url = f"{proxy.url}/tap"
        workflow = Workflow(folder / "project", url)
        pairs_of = {n: choose(workflow.all_pairs, n) for n in {2, *options.sources}}

        def do(way: str, number: int) -> Nearest:
            if way == "workflow":
                return workflow.run()
            return notebook_loop(url, pairs_of[number], way)

        for way in set(options.ways) - {"workflow"}:
            do(way, 2)  # imports and first uses are not counted
        repeats = range(options.repeat)
        for cell in itertools.product(options.delays, repeats, options.sources, options.ways):
            delay, _, number, way = cell
            if f"{way}:{number}:{delay:g}" in options.skip:
                continue
            workflow.prepare(set(pairs_of[number]["fermi_name"]))
            taken, found = measure(lambda: do(way, number), server, proxy, delay)  # noqa: B023
            nearest = sum(map(len, found.values()))
            taken["rows"] = workflow.rows() if way == "workflow" else nearest
            cells.append({"sources": number, "delay_ms": delay, "way": way, **taken})
            print(json.dumps(cells[-1]), file=sys.stderr, flush=True)
            if wrong := differences(agreed.setdefault(number, found), found):
                sys.exit(f"{way} found something else than the way before: {wrong[:3]}")
    return cells


def markdown(cells: list[dict]) -> str:
    """Two tables: the cells (medians of repeated ones), and the loops' ratios to the workflow."""
    measured = ["requests", "rows", "bytes", "client_cpu_s", "server_cpu_s", "wall_s"]
    keys = ["sources", "delay_ms", "way"]
    cell = pd.DataFrame(cells).groupby(keys, sort=False)[measured].median()
    ratios = []
    for (number, delay, way), row in cell.iterrows():
        if way != "workflow" and (number, delay, "workflow") in cell.index:
            ratio = row / cell.loc[(number, delay, "workflow")]
            ratios.append(((number, delay, f"{way} / workflow"), ratio))
    lines = []
    for title, rows, form in (
        ("way", cell.iterrows(), "{:.0f} | {:.0f} | {:.0f} | {:.2f} | {:.2f} | {:.2f}"),
        ("ratio", ratios, "{:.3g} | {:.3g} | {:.3g} | {:.3g} | {:.3g} | {:.3g}"),
    ):
        lines += ["", f"| sources | delay (ms) | {title} | {' | '.join(measured)} |"]
        lines += ["|---:|---:|---|---:|---:|---:|---:|---:|---:|"]
        lines += [f"| {n} | {d:g} | {way} | {form.format(*row)} |" for (n, d, way), row in rows]
    return "\n".join(lines[1:])


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--sources", type=int, nargs="+", default=[50, 340], help="how many Fermi sources")
    add("--delays", type=float, nargs="+", default=[0, 50, 200], help="ms added to each request")
    add("--ways", nargs="+", choices=WAYS, default=[*WAYS])
    add("--repeat", type=int, default=1, help="how often; the tables have the medians")
    add("--skip", nargs="+", default=[], metavar="WAY:SOURCES:DELAY", help="cells to leave out")
    add("--sky", choices=("small", "full"), default="full", help="the demo sky's size")
    add("--folder", type=Path, default=Path("/var/tmp/xgamma-bench"), help="for server and sky")
    add("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    os.environ.update(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    load, cells = os.getloadavg()[0], run_matrix(options)
    if options.output:
        options.output.write_text(json.dumps(cells, indent=1) + "\n", encoding="utf-8")
    versions = f"Python {sys.version.split()[0]}, pyvo {pyvo.__version__}"
    print(f"{markdown(cells)}\n\n{os.cpu_count()} cores, {versions}, load before {load:.1f}")


if __name__ == "__main__":
    main()
