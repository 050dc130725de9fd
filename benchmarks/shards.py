"""Measure what the division into shards costs: the enrichment, and many jobs to look at.

README.md says what is measured.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# this file's folder must not be the first where a library is looked for
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from project_copy import ProjectCopy

DIVISIONS = [*({"by": "healpix", "order": order} for order in range(4)), {"by": "source"}]
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
    path = folder / "shards.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    made = []
    for survey in SURVEYS:
        manifest[survey] = {}
        for number in range(sources):
            name, digest = f"healpix2-{number % 192:03d}/source-{number:04d}", f"{number:016x}"
            manifest[survey][name] = digest
            for ending in (".parquet", ".provenance.json"):
                file = folder / survey / f"{name}.{digest}{ending}"
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(contents[survey, ending])
                made.append(file)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return made


def measured(project: ProjectCopy, *arguments: str) -> tuple[float, float, str]:
    """Wall time and CPU of Snakemake, in s, and what it printed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, done.stdout + done.stderr


def print_table(heads: list[str], rows: list[tuple]) -> None:
    print("| " + " | ".join(heads) + " |")
    print("|" + "---:|" * len(heads))
    for row in rows:
        cells = (f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row)
        print("| " + " | ".join(cells) + " |")


def enrichment(folder: Path) -> None:
    """Time the enrichment of the demo, from the pairs to the merged tables, by each division."""
    project = ProjectCopy(folder)
    measured(project, "--cores", "2", "results/demo/crossmatch/verification.json")
    rows = []
    for division in DIVISIONS:
        # each division asks for everything, as a first run does
        settings = {"enrichment": {"shards": division}, "tap": {"reuse": False}}
        config = ("--configfile", project.configure("shards.yaml", settings))
        wall, cpu, _ = measured(project, "--cores", "2", MERGED, *config)
        text = (project.results() / "enrichment/shards.json").read_text(encoding="utf-8")
        shards = sum(len(of_survey) for of_survey in json.loads(text).values())
        name = " ".join(str(value) for value in division.values())
        rows.append((name, shards, wall, cpu))
        print(*rows[-1], file=sys.stderr)
    print_table(["shards", "jobs", "wall, s", "CPU, s"], rows)


def looking(folder: Path, sources: list[int]) -> None:
    """Time Snakemake's dry runs where it finds nothing to do, and where it plans all shards."""
    rows = []
    if sources:
        project = ProjectCopy(folder)
        config = ("--configfile", project.configure("shards.yaml", NARROW))
        measured(project, "--cores", "2", *config)
        contents = one_shard(project)
        for number in sources:
            made = pretend(project, number, contents)
            # writes down with which settings each file was made, as its job would have
            measured(project, "--cores", "1", "--touch", "--forceall", *config)
            *nothing, said = measured(project, "--dry-run", *config)
            if "Nothing to be done" not in said:
                sys.exit(f"something is to be done:\n{said}")
            # a shard that is gone is made anew when a table is to be made of it
            for file in [*made, *project.results().glob("tables/counterparts_*")]:
                file.unlink()
            *everything, said = measured(project, "--dry-run", *config)
            jobs = len(SURVEYS) * number
            if not re.search(rf"enrich shard +{jobs}\b", said.replace(",", "")):
                sys.exit(f"not {jobs} shards are planned:\n{said}")
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
        looking(Path(folder) / "looking", arguments.sources)


if __name__ == "__main__":
    main()
