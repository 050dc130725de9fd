"""Measure what the division into shards costs: the enrichment, and many jobs to look at.

README.md says what is measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

# this file's folder must not be the first where a library is looked for
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from project_copy import ProjectCopy, Run

# as it ships, where cells with few targets are one shard; then each cell by itself
DIVISIONS = [
    {},
    *({"by": "healpix", "order": order, "targets": 0} for order in range(4)),
    {"by": "source"},
]
NARROW = {
    "sky": {"latitude_cut_deg": 0.1},
    "enrichment": {"shards": {"by": "source"}},
    "figures": {"dpi": 50},
}
SURVEYS = ("gaia", "twomass")
MERGED = "results/demo/tables/grouped_csc_fermi_gaia_2mass_pairs.csv"


def one_shard(project: ProjectCopy) -> dict[tuple[str, str], bytes]:
    """Survey and ending -> what the file of a shard holds."""
    folder = project.results() / "enrichment"
    manifest = json.loads((folder / "shards.json").read_text(encoding="utf-8"))
    found = {}
    for survey in SURVEYS:
        shard, digest = next(iter(manifest[survey].items()))
        for ending in (".parquet", ".provenance.json"):
            found[survey, ending] = (folder / survey / f"{shard}.{digest}{ending}").read_bytes()
    return found


def pretend(
    project: ProjectCopy, sources: int, contents: dict[tuple[str, str], bytes]
) -> list[Path]:
    """Make a manifest of so many sources, and files for all of their shards."""
    folder = project.results() / "enrichment"
    shards = {f"healpix2-{n % 192:03d}/source-{n:04d}": f"{n:016x}" for n in range(sources)}
    made = []
    for (survey, ending), content in contents.items():
        for name, digest in shards.items():
            file = folder / survey / f"{name}.{digest}{ending}"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
            made.append(file)
    manifest = dict.fromkeys(SURVEYS, shards)
    (folder / "shards.json").write_text(json.dumps(manifest), encoding="utf-8")
    return made


def measured(project: ProjectCopy, *arguments: str) -> tuple[float, float, Run]:
    """Run Snakemake; its wall time and CPU, in s, and the run."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run = project.make(*arguments, timeout=3600)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, run


def print_table(heads: list[str], rows: list[tuple]) -> None:
    print("| " + " | ".join(heads) + " |")
    print("|" + "---:|" * len(heads))
    for row in rows:
        cells = (f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row)
        print("| " + " | ".join(cells) + " |")


def enrichment(folder: Path) -> None:
    """Time the enrichment of the demo by each division, from candidates to merged tables."""
    project = ProjectCopy(folder)
    project.make("results/demo/association/candidates.parquet")
    rows = []
    for division in DIVISIONS:
        # each division asks for everything, as a first run does
        settings = {"enrichment": {"shards": division}, "tap": {"reuse": False}}
        config = ("--configfile", project.configure("shards.yaml", settings))
        wall, cpu, _ = measured(project, MERGED, *config)
        text = (project.results() / "enrichment/shards.json").read_text(encoding="utf-8")
        shards = sum(len(of_survey) for of_survey in json.loads(text).values())
        name = " ".join(str(division[key]) for key in ("by", "order") if key in division)
        rows.append((name or "as it ships", shards, wall, cpu))
        print(*rows[-1], file=sys.stderr)
    print_table(["shards", "jobs", "wall, s", "CPU, s"], rows)


def looking(folder: Path, sources: list[int]) -> None:
    """Time Snakemake's dry runs where it finds nothing to do, and where it plans all shards."""
    rows = []
    project = ProjectCopy(folder)
    config = ("--configfile", project.configure("shards.yaml", NARROW))
    project.make(*config)
    contents = one_shard(project)
    merged = {p: p.read_bytes() for p in project.results().glob("tables/counterparts_*")}
    for number in sources:
        made = pretend(project, number, contents)
        for path, content in merged.items():
            path.write_bytes(content)
        # writes down with which settings each file was made, as its job would have
        project.make("--touch", "--forceall", *config, cores=1, timeout=3600)
        *nothing, run = measured(project, "--dry-run", *config)
        if run.planned:
            sys.exit(f"something is to be done:\n{run.output}")
        # a shard that is gone is made anew when a table is to be made of it
        for file in [*made, *merged]:
            file.unlink()
        *everything, run = measured(project, "--dry-run", *config)
        jobs = len(SURVEYS) * number
        if run.planned["enrich_shard"] != jobs:
            sys.exit(f"not {jobs} shards are planned:\n{run.output}")
        rows.append((number, jobs, *nothing, *everything))
        print(*rows[-1], file=sys.stderr)
    heads = ["nothing to do: wall, s", "CPU, s", "all shards: wall, s", "CPU, s"]
    print_table(["sources", "jobs", *heads], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sources", type=int, nargs="*", default=[100, 500, 2000], help="of the dry runs"
    )
    parser.add_argument("--only-look", action="store_true", help="leave out the enrichment")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not arguments.only_look:
            enrichment(Path(folder) / "enrichment")
        if arguments.sources:
            looking(Path(folder) / "looking", arguments.sources)


if __name__ == "__main__":
    main()
