"""Measure the workflow's rules on 1, 4 and 16 times the rows of the real catalogues.

Time and memory of each rule, how they grow with the rows, and what grows faster than n log n.
README.md says what is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

# this file's folder must not be the first where a library is looked for
sys.path.append(sys.path.pop(0))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/lib"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests/integration"))

import pandas as pd
import pyarrow.parquet as pq
import scale_sky
import yaml
from chaos_runs import EmbeddedServer
from project_copy import ProjectCopy, archive_at
from slurm_runs import PROFILE, account, slurm_at

from xgamma.config.settings import load_config
from xgamma.demo.sky.build import build_sky

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = load_config(yaml.safe_load((PROJECT / "config/config.yaml").read_text("utf-8")))
ARCHIVE = "scale"
# what the work of a rule is measured against, if not by the Chandra sources
ROWS_OF = {
    **dict.fromkeys(("plot_observations", "fetch_catalog chanmaster"), "chanmaster"),
    **dict.fromkeys(("fetch_catalog fermilpsc", "filter_plane fermilpsc"), "fermilpsc"),
    **dict.fromkeys(("crossmatch", "group_by_fermi", "shard_sources"), "pairs"),
    **dict.fromkeys(("enrich_shard gaia", "enrich_shard twomass"), "shards"),
    **{"merge_enrichment": "shards", "identify": "shards"},
    **{"associate": "candidates", "calibrate": "controls", "publish_sources": "pages"},
    **dict.fromkeys(("plot_associations", "plot_counterparts", "plot_subsample"), "pairs"),
}
# less than this above its start, in seconds or megabytes, says nothing about how a rule grows
LEAST_S, LEAST_MB = 0.5, 20.0
# an exponent is measured to about this
TOLERANCE = 0.1

# Python reads this at its start. Each job of Snakemake is a process, which notes at its end what
# the kernel knows of it: Snakemake itself samples, so that it misses short jobs and peaks.
NOTES = """\
import atexit, json, os, resource, sys, time

_start = time.time()


def note():
    job = getattr(sys.modules["__main__"], "snakemake", None)
    if not hasattr(job, "rule"):
        return
    names = [name for name in ("catalog", "survey") if name in job.wildcards.keys()]
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/status") as status:
        # not ru_maxrss, in which the parent's memory counts until the new program starts
        peak = next(line for line in status if line.startswith("VmHWM"))
    row = {
        "rule": " ".join([job.rule, *(job.wildcards[w] for w in names)]),
        "wall_s": time.time() - _start,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": int(peak.split()[1]) / 1024,
    }
    with open(os.environ["XGAMMA_NOTES"], "a") as notes:
        notes.write(json.dumps(row) + "\\n")


atexit.register(note)
"""


def settings(url: str, factor: float) -> dict:
    """The config of a run on the sky of that factor, behind that address."""
    chosen = CONFIG.enrichment
    return {
        "archive": ARCHIVE,
        "archives": {ARCHIVE: archive_at(url)},
        "enrichment": {
            "radius_deg": scale_sky.shrunk(chosen.radius_deg, factor),
            "csc_radius_arcsec": scale_sky.shrunk(chosen.csc_radius_arcsec, factor),
            "csc_radius_sigma": scale_sky.shrunk(chosen.csc_radius_sigma, factor),
            "csc_radius_most_arcsec": scale_sky.shrunk(chosen.csc_radius_most_arcsec, factor),
        },
        # the limits are there against services that never stop, not against large catalogues
        "tap": {"max_rows": 9_999_999, "max_bytes": 10_000_000_000, "sync_timeout_s": 3600},
    }


def run(folder: Path, factor: float, cores: int, slurm_mb: int, targets: list[str]) -> dict:
    """Run the whole workflow on the sky of that factor, from nothing.

    Through Slurm, if that is to have memory.

    Returns
    -------
    dict
        factor; wall_s of the run; jobs, one dict each; rows, of what the rules read.
    """
    sky = folder / f"sky-{factor:g}.duckdb"
    if not sky.exists():
        base = folder / "base.duckdb"
        if not base.exists():
            fermi = PROJECT / "resources/4fgl_dr4_v35.ecsv.gz"
            build_sky(base, size="full", seed=CONFIG.demo.seed, resource=fermi)
        scale_sky.build(base, sky, factor)
    place = folder / f"project-{factor:g}"
    subprocess.run(["rm", "-rf", place], check=True)
    project = ProjectCopy(place)
    notes, start = place / "notes.jsonl", place / "start"
    start.mkdir()
    (start / "sitecustomize.py").write_text(NOTES, encoding="utf-8")
    options = ["--cores", str(cores)]
    server = EmbeddedServer(sky)
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        if slurm_mb:
            account(project)
            options += [*PROFILE, "--local-cores", str(cores)]
            node = ("--nodes", "1", "--cpus", "4", "--memory", str(slurm_mb))
            stack.enter_context(slurm_at(folder / "slurm", *node))
        config = project.configure("scale.yaml", settings(server.url, factor))
        environment = {**os.environ, "PYTHONPATH": str(start), "XGAMMA_NOTES": str(notes)}
        environment |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
        command = [sys.executable, "-m", "snakemake", *targets, *options]
        began = time.perf_counter()
        with open(place / "output.txt", "w", encoding="utf-8") as output:
            done = subprocess.run(
                [*command, "--configfile", config],
                cwd=place,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wall = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"the run failed: {place / 'output.txt'}")
    jobs = [json.loads(line) for line in notes.read_text("utf-8").splitlines()]
    return {
        "factor": factor,
        "wall_s": wall,
        "jobs": jobs,
        "rows": _rows(project.results(ARCHIVE)),
    }


def _rows(results: Path) -> dict[str, int]:
    files = {
        **{name: f"catalogs/{name}.parquet" for name in ("chanmaster", "csc", "fermilpsc")},
        "pairs": "crossmatch/pairs.parquet",
        "candidates": "association/candidates.parquet",
        "targets": "enrichment/targets.parquet",
        **{f"counterparts_{s}": f"tables/counterparts_{s}.parquet" for s in CONFIG.surveys},
    }
    rows = {
        name: pq.read_metadata(results / path).num_rows
        for name, path in files.items()
        if (results / path).exists()
    }
    shards = (results / "enrichment").glob("*/**/*.parquet")
    rows["shards"] = sum(pq.read_metadata(path).num_rows for path in shards)
    for name, path, count in (
        ("controls", "association/calibration.json", lambda of: of["controls"]["number"]),
        ("pages", "site/sources.json", len),
    ):
        if (results / path).exists():
            rows[name] = count(json.loads((results / path).read_text("utf-8")))
    return rows


def growth(values: dict[float, float], rows: dict[float, int], least: float) -> tuple[float, float]:
    """How what is above the start of a rule's jobs grows with the rows that they read.

    Parameters
    ----------
    values : dict
        Factor -> seconds or megabytes above the start.
    rows : dict
        Factor -> rows.
    least : float
        Below this a value is not told from the start's own scatter.

    Returns
    -------
    exponent, limit : float
        From the least factor with enough of it to the greatest, and what n log n has there;
        NaN if there are no two such factors.
    """
    seen = [factor for factor in sorted(values) if values[factor] >= least]
    if len(seen) < 2:
        return math.nan, math.nan
    low, high = seen[0], seen[-1]
    by = math.log(rows[high] / rows[low])
    n_log_n = [rows[factor] * math.log(rows[factor]) for factor in (low, high)]
    return math.log(values[high] / values[low]) / by, math.log(n_log_n[1] / n_log_n[0]) / by


def _per_rule(run: dict) -> pd.DataFrame:
    by_rule = pd.DataFrame(run["jobs"]).groupby("rule")
    summed = by_rule[["wall_s", "cpu_s"]].sum()
    return summed.assign(jobs=by_rule.size(), peak_mb=by_rule["peak_mb"].max())


def markdown(runs: list[dict]) -> str:
    """Three tables: the rows; seconds and memory of each rule by factor, and how they grow."""
    runs = sorted(runs, key=lambda one: one["factor"])
    rows = {run["factor"]: run["rows"] for run in runs[1:]}
    per_rule = {run["factor"]: _per_rule(run) for run in runs}
    start, last = per_rule.pop(runs[0]["factor"]), per_rule[runs[-1]["factor"]]
    heads = " | ".join(f"{factor:g}" for factor in rows)
    lines = [f"| rows | {heads} |", "|---" + "|---:" * len(rows) + "|"]
    for name in runs[0]["rows"]:
        numbers = " | ".join(f"{rows[factor][name]:,}" for factor in rows)
        lines.append(f"| {name} | {numbers} |")
    for title, column, least, form in (
        ("CPU, s", "cpu_s", LEAST_S, "{:.1f}"),
        ("peak memory of a job, MB", "peak_mb", LEAST_MB, "{:.0f}"),
    ):
        wall = column == "cpu_s"
        more = ["jobs", f"wall at {runs[-1]['factor']:g}"] if wall else []
        lines += ["", f"| {' | '.join([title, 'start', heads, *more, 'grows as'])} |"]
        lines += ["|---" + "|---:" * (len(rows) + len(more) + 2) + "|"]
        for rule in last.sort_values(column, ascending=False).index:
            # each job of a rule has a start
            begin = start.loc[rule, column] / (start.loc[rule, "jobs"] if wall else 1)
            found = {f: table.loc[rule] for f, table in per_rule.items()}
            above = {f: r[column] - begin * (r["jobs"] if wall else 1) for f, r in found.items()}
            of = ROWS_OF.get(rule, "csc")
            exponent, limit = growth(above, {f: rows[f][of] for f in rows}, least)
            unknown = "its start" if len(rows) > 1 else "one factor only"
            grows = unknown if math.isnan(exponent) else f"{of}^{exponent:.2f}"
            cells = [rule, form.format(begin), *(form.format(r[column]) for r in found.values())]
            if wall:
                cells += [f"{last.loc[rule, 'jobs']:.0f}", f"{last.loc[rule, 'wall_s']:.0f}"]
            cells.append(f"**{grows}**" if exponent > limit + TOLERANCE else grows)
            lines.append(f"| {' | '.join(cells)} |")
    walls = ", ".join(f"{run['wall_s']:.0f} s at {run['factor']:g}" for run in runs[1:])
    return "\n".join([*lines, "", f"Whole runs took {walls}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/xgamma-scale"))
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument(
        "--slurm",
        type=int,
        default=0,
        metavar="MB",
        help="through a Slurm of so much memory (root)",
    )
    parser.add_argument("--output", type=Path, help="also write all measurements, as JSON")
    parser.add_argument(
        "--tables-of", type=Path, nargs="+", help="print the tables of earlier --outputs"
    )
    parser.add_argument("targets", nargs="*", help="of Snakemake, instead of everything")
    options = parser.parse_args()
    if options.tables_of:
        earlier = [run for path in options.tables_of for run in json.loads(path.read_text("utf-8"))]
        # of two runs of one factor, the last
        print(markdown(list({run["factor"]: run for run in earlier}.values())))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for factor in (scale_sky.FLOOR, *sorted(options.factors)):
        runs.append(run(options.folder, factor, options.cores, options.slurm, options.targets))
        print(f"{factor:g}: {runs[-1]['wall_s']:.0f} s", file=sys.stderr, flush=True)
        if options.output:
            options.output.write_text(json.dumps(runs, indent=1), encoding="utf-8")
    print(markdown(runs))


if __name__ == "__main__":
    main()
