"""Measure what Snakemake takes to see that nothing is to do, and to plan, with a job per source.

README.md says what is measured.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# this file's folder must not be the first where a library is looked for
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from project_copy import ProjectCopy

SETTINGS = {
    "sky": {"latitude_cut_deg": 0.1},
    "enrichment": {"shards": {"by": "source"}},
    "figures": {"dpi": 50},
}
SURVEYS = ("gaia", "twomass")


def pretend(project: ProjectCopy, sources: int) -> list[Path]:
    """Make a manifest of so many sources, and files for all of their shards."""
    folder = project.results() / "enrichment"
    path = folder / "shards.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    made = []
    for survey in SURVEYS:
        shard, digest = next(iter(manifest[survey].items()))
        pattern = folder / survey / f"{shard}.{digest}.parquet"
        manifest[survey] = {}
        for number in range(sources):
            name, digest = f"healpix2-{number % 192:03d}/source-{number:04d}", f"{number:016x}"
            manifest[survey][name] = digest
            for ending in (".parquet", ".provenance.json"):
                file = folder / survey / f"{name}.{digest}{ending}"
                file.parent.mkdir(exist_ok=True)
                shutil.copyfile(pattern.with_suffix(ending), file)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=int, nargs="+", default=[100, 500, 2000])
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        project = ProjectCopy(Path(folder) / "project")
        config = ("--configfile", project.configure("planning.yaml", SETTINGS))
        print("the demo, with a job per source, on a narrow strip", file=sys.stderr)
        measured(project, "--cores", "2", *config)
        for sources in arguments.sources:
            made = pretend(project, sources)
            # writes down with which settings each file was made, as its job would have
            measured(project, "--cores", "1", "--touch", "--forceall", *config)
            *nothing, said = measured(project, "--dry-run", *config)
            if "Nothing to be done" not in said:
                sys.exit(f"something is to be done:\n{said}")
            # a shard that is gone is made anew when a table is to be made of it
            for file in [*made, *project.results().glob("tables/counterparts_*")]:
                file.unlink()
            *everything, said = measured(project, "--dry-run", *config)
            shards = len(SURVEYS) * sources
            if not re.search(rf"enrich shard +{shards}\b", said.replace(",", "")):
                sys.exit(f"not {shards} shards are planned:\n{said}")
            rows.append((sources, shards, *nothing, *everything))
            print(*rows[-1], file=sys.stderr)
    print("| sources | shards | nothing to do: wall, s | CPU, s | all shards: wall, s | CPU, s |")
    print("|---:|---:|---:|---:|---:|---:|")
    for sources, shards, *times in rows:
        print(f"| {sources} | {shards} | " + " | ".join(f"{t:.1f}" for t in times) + " |")


if __name__ == "__main__":
    main()
