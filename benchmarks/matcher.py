"""Measure the matcher against STILTS, astropy and DuckDB, on the same tables in one run.

Each tool is a whole process that reads two tables, matches and writes the pairs; all must find
the same ones. README.md says what is measured and what came out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# a file beside this one is called like a library: the folder must not be the first
sys.path.append(sys.path.pop(0))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/lib"))

import matcher_tools as tools
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import Table

from xgamma.demo.sky.build import simulate
from xgamma.sky import separation

PROJECT = Path(__file__).resolve().parents[1]

# function, name, suffix of its pairs, largest size that it is run with
TOOLS = (
    (tools.xgamma, "xgamma, .npy", "npy", 16),
    (tools.xgamma_parquet, "xgamma, Parquet", "npy", 16),
    (tools.duckdb_zones, "DuckDB, zones", "parquet", 16),
    (tools.duckdb_cells, "DuckDB, our cells in SQL", "parquet", 16),
    (tools.astropy_once, "astropy, largest radius", "npy", 1),
    (tools.astropy_classes, "astropy, classes of radius", "npy", 16),
    (tools.stilts_skyerr, "STILTS skyerr", "fits", 16),
    (tools.stilts_sky, "STILTS sky, then cut", "fits", 1),
    (tools.import_numpy, "(import numpy, no more)", "", 16),
)
SEED = 20_240_101
# the copies of a source of the larger tables lie around it as a field's sources do
SCATTER_DEG = 0.05
# tools compute separations each in its own way: a pair this close to the edge is rounding
EDGE_DEG = 1e-9

# A process's peak memory starts with its parent's: so a small one stands in between.
_RUN = """
import json, os, sys, time
start = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(process, 0)
wall = time.perf_counter() - start
print(json.dumps([status, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def write_tables(folder: Path) -> None:
    """The same rows in each tool's own format: NumPy's, Parquet, FITS."""
    sky = simulate("full", SEED, PROJECT / "resources/4fgl_dr4_v35.ecsv.gz")
    fermi = sky.tables["fermilpsc"]
    fermi = fermi[fermi["semi_major_axis_95"] > 0]
    centres = {c: fermi[c].to_numpy() for c in ("ra", "dec")}
    _write(folder / "centres", centres | {"radius": fermi["semi_major_axis_95"].to_numpy()})
    csc = sky.tables["csc"]
    for size in (1, 4, 16):
        random = np.random.default_rng(size)
        ra, dec = (np.array(np.tile(csc[name], size)) for name in ("ra", "dec"))
        east, north = random.normal(0, SCATTER_DEG, (2, len(ra) - len(csc)))
        dec[len(csc) :] = np.clip(dec[len(csc) :] + north, -90, 90)
        ra[len(csc) :] += east / np.cos(np.radians(dec[len(csc) :]))
        _write(folder / f"points_{size}", {"ra": ra % 360, "dec": dec})


def _write(path: Path, columns: dict[str, np.ndarray]) -> None:
    columns = {name: column.astype(float) for name, column in columns.items()}
    np.save(path.with_suffix(".npy"), list(columns.values()))
    pq.write_table(pa.table(columns), path.with_suffix(".parquet"))
    table = Table({"id": np.arange(len(columns["ra"])), **columns})
    if "radius" in columns:
        table["radius_arcsec"] = table["radius"] * 3600
    table.write(path.with_suffix(".fits"), overwrite=True)


def read_pairs(path: Path) -> np.ndarray:
    """Sorted pairs of row numbers, shape (n, 2)."""
    if path.suffix == ".npy":
        first, second = np.load(path)
    elif path.suffix == ".parquet":
        first, second = (column.to_numpy() for column in pq.read_table(path).columns)
    else:
        table = Table.read(path)
        first, second = np.asarray(table["id_1"]), np.asarray(table["id_2"])
    order = np.lexsort((second, first))
    return np.column_stack([first, second])[order].astype(np.int64)


def compare(pairs: np.ndarray, ours: np.ndarray, folder: Path, points: str) -> str:
    """How many pairs, and what differs; ends the run if that is not accounted for."""
    if np.array_equal(pairs, ours):
        return f"{len(pairs)}"
    mine, theirs = set(map(tuple, ours.tolist())), set(map(tuple, pairs.tolist()))
    if len(theirs) < len(pairs):
        sys.exit("a pair was found twice")
    differ = np.array(sorted(mine ^ theirs))
    ra_1, dec_1, radius = np.load(folder / "centres.npy")[:, differ[:, 0]]
    ra_2, dec_2 = np.load(f"{points}.npy")[:, differ[:, 1]]
    edge = np.abs(separation(ra_1, dec_1, ra_2, dec_2) - radius) <= EDGE_DEG
    lost = np.array([tuple(pair) in mine for pair in differ.tolist()])
    across = lost & (np.abs(ra_1 - ra_2) > 180)
    if not (edge | across).all():
        sys.exit(f"{(~edge & ~across).sum()} pairs differ: {differ[~edge & ~across][:5]}")
    return f"{len(pairs)}: {edge.sum()} on the edge, {(across & ~edge).sum()} lost at 0 h"


def measure(function, folder: Path, points: str, pairs: Path) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak MB of one process."""
    paths = [str(PROJECT / "workflow/lib"), str(Path(__file__).resolve().parent)]
    code = (
        f"import sys; sys.path += {paths}; import matcher_tools; "
        f"matcher_tools.{function.__name__}(*{[str(folder), points, str(pairs)]})"
    )
    run = [sys.executable, "-c", _RUN, sys.executable, "-c", code]
    # nothing here needs BLAS, whose threads take a third of the import of NumPy
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(run, env=environment, capture_output=True, text=True)
    status, *numbers = json.loads(done.stdout.splitlines()[-1])
    if status:
        sys.exit(f"{function.__name__} failed:\n{done.stderr}")
    return tuple(numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/xgamma-bench/matcher"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16], choices=[1, 4, 16])
    parser.add_argument("--repeat", type=int, help="of each tool and size; 5 at size 1, else 3")
    arguments = parser.parse_args()
    folder = arguments.folder
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write_tables(partial)
        partial.rename(folder)
    present = [t for t in TOOLS if "stilts" not in t[0].__name__ or shutil.which("stilts")]
    print("| size | tool | wall, s | CPU, s | peak, MB | wall / ours | CPU / ours | pairs |")
    print("|---:|---|---:|---:|---:|---:|---:|---|")
    for size in arguments.sizes:
        points = str(folder / f"points_{size}")
        runs = [t for t in present if size <= t[3]]
        numbers, found = {t[1]: [] for t in runs}, {}
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            for _ in range(arguments.repeat or (5 if size == 1 else 3)):
                for function, name, suffix, _ in runs:  # in turns: a busy minute slows all
                    pairs = Path(scratch) / f"{function.__name__}.{suffix}"
                    numbers[name].append(measure(function, folder, points, pairs))
                    print(size, name, *map("{:.2f}".format, numbers[name][-1]), file=sys.stderr)
                    if suffix and name not in found:
                        found[name] = read_pairs(pairs)
        middle = {
            n: [statistics.median(part) for part in zip(*r, strict=True)]
            for n, r in numbers.items()
        }
        ours = TOOLS[0][1]
        for name, (wall, cpu, peak) in middle.items():
            agrees = compare(found[name], found[ours], folder, points) if name in found else ""
            ratios = f"{wall / middle[ours][0]:.1f} | {cpu / middle[ours][1]:.1f}"
            print(
                f"| {size} | {name} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {ratios} | {agrees} |"
            )


if __name__ == "__main__":
    main()
