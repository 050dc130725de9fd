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

import pandas as pd
import pyarrow.parquet as pq
import scale_sky
import yaml
from chaos_runs import EmbeddedServer
from project_copy import ProjectCopy

from xgamma.config import load_config
from xgamma.demo.sky import build_sky

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = load_config(yaml.safe_load((PROJECT / "config/config.yaml").read_text("utf-8")))
ARCHIVE = "scale"
# what the work of a rule is measured against, if not by the Chandra sources
ROWS_OF = {
    **dict.fromkeys(("plot_observations", "fetch_catalog chanmaster"), "chanmaster"),
    **dict.fromkeys(("fetch_catalog fermilpsc", "filter_plane fermilpsc"), "fermilpsc"),
    **dict.fromkeys(("crossmatch", "group_by_fermi", "shard_sources", "merge_enrichment"), "pairs"),
    **dict.fromkeys(("enrich_shard gaia", "enrich_shard twomass"), "pairs"),
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
    services = {
        name: {"url": f"{url}/{name}/tap", "max_requests": 2, "mode": "sync", "upload": True}
        for name in ("heasarc", "gaia", "irsa")
    }
    chosen = CONFIG.enrichment
    return {
        "archive": ARCHIVE,
        "archives": {ARCHIVE: {"simulated": True, **services}},
        "enrichment": {
            "radius_deg": scale_sky.shrunk(chosen.radius_deg, factor),
            "csc_radius_arcsec": scale_sky.shrunk(chosen.csc_radius_arcsec, factor),
        },
        # the limits are there against services that never stop, not against large catalogues
        "tap": {"max_rows": 9_999_999, "max_bytes": 10_000_000_000, "sync_timeout_s": 3600},
    }


def run(folder: Path, factor: float, cores: int, targets: list[str]) -> dict:
    """Run the whole workflow on the sky of that factor, from nothing.

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
    server = EmbeddedServer(sky)
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        config = project.configure("scale.yaml", settings(server.url, factor))
        environment = {**os.environ, "PYTHONPATH": str(start), "XGAMMA_NOTES": str(notes)}
        environment |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *targets]
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
        "targets": "enrichment/targets.parquet",
        **{f"counterparts_{s}": f"tables/counterparts_{s}.parquet" for s in CONFIG.surveys},
    }
    return {
        name: pq.read_metadata(results / path).num_rows
        for name, path in files.items()
        if (results / path).exists()
    }


def growth(low: float, high: float, rows: tuple[float, float], floor: float, least: float) -> float:
    """The exponent p of rows^p, of what is above the floor; NaN if there is too little of that."""
    above = low - floor, high - floor
    if above[1] < least or above[0] <= 0:
        return math.nan
    return math.log(above[1] / above[0]) / math.log(rows[1] / rows[0])


def markdown(runs: list[dict]) -> str:
    """Three tables: rows, seconds and memory of each rule by factor, and how they grow."""
    floor, *others = sorted(runs, key=lambda one: one["factor"])
    factors = [one["factor"] for one in others]
    lines = [
        f"| rows | {' | '.join(f'{f:g}' for f in factors)} |",
        "|---" + "|---:" * len(factors) + "|",
    ]
    for name in others[0]["rows"]:
        numbers = " | ".join(f"{one['rows'][name]:,}" for one in others)
        lines.append(f"| {name} | {numbers} |")
    per = {
        one["factor"]: pd.DataFrame(one["jobs"]).groupby("rule").agg(
            jobs=("rule", "size"),
            cpu=("cpu_s", "sum"), longest=("cpu_s", "max"),
            wall=("wall_s", "sum"), peak=("peak_mb", "max"),
        )
        for one in runs
    }  # fmt: skip
    ends = (factors[-2], factors[-1]) if len(factors) > 1 else (factors[0],)
    heads = [f"{f:g}" for f in (0, *factors)]
    for title, value, summed, least, form in (
        ("CPU, s", "cpu", True, LEAST_S, "{:.1f}"),
        ("peak memory, MB", "peak", False, LEAST_MB, "{:.0f}"),
    ):
        lines += ["", f"| {title} | jobs | {' | '.join(heads)} | grows as |"]
        lines += ["|---|" + "---:|" * (len(heads) + 2)]
        for rule in per[factors[-1]].sort_values(value, ascending=False).index:
            have = [per[one["factor"]].loc[rule] for one in (floor, *others)]
            exponent = flag = ""
            if len(ends) == 2:
                n = tuple(
                    next(o for o in others if o["factor"] == f)["rows"][ROWS_OF.get(rule, "csc")]
                    for f in ends
                )
                # the start is paid by each job of a rule
                start = have[0][value] / have[0]["jobs"] if summed else have[0][value]
                above = [one[value] - (start * (one["jobs"] if summed else 1)) for one in have[-2:]]
                p = growth(*above, n, 0.0, least)
                limit = math.log(n[1] * math.log(n[1]) / (n[0] * math.log(n[0])), n[1] / n[0])
                exponent = "start only" if math.isnan(p) else f"n^{p:.2f}"
                flag = " **worse**" if p > limit + TOLERANCE else ""
            cells = " | ".join(form.format(one[value]) for one in have)
            lines.append(f"| {rule} | {have[-1]['jobs']:.0f} | {cells} | {exponent}{flag} |")
    walls = ", ".join(f"{one['factor']:g}: {one['wall_s']:.0f} s" for one in others)
    return "\n".join([*lines, "", f"Wall time of a run on two cores, by factor: {walls}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/xgamma-scale"))
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--output", type=Path, help="also write all measurements, as JSON")
    parser.add_argument("--from-json", type=Path, help="print the tables of an earlier --output")
    parser.add_argument("targets", nargs="*", help="of Snakemake, instead of everything")
    options = parser.parse_args()
    if options.from_json:
        print(markdown(json.loads(options.from_json.read_text("utf-8"))))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for factor in (scale_sky.FLOOR, *sorted(options.factors)):
        runs.append(run(options.folder, factor, options.cores, options.targets))
        print(f"{factor:g}: {runs[-1]['wall_s']:.0f} s", file=sys.stderr, flush=True)
        if options.output:
            options.output.write_text(json.dumps(runs, indent=1), encoding="utf-8")
    print(markdown(runs))


if __name__ == "__main__":
    main()
