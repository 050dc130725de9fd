"""Measure which object each source is against NWAY: the same probabilities, in which time.

README.md says what is measured and what came out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# a file beside this one is called like a library: the folder must not be the first
sys.path.append(sys.path.pop(0))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/lib"))

import numpy as np
import pandas as pd
from association import nway_python, run
from astropy.table import Table

PROGRAM = Path(__file__).resolve().parent / "identification_match.py"
RADIUS = 10.0
# its numbers are in single precision
EQUAL = 1e-6


@dataclass(frozen=True)
class Survey:
    """A survey: how many objects, their error in arcsec, the share of sources that it lists."""

    objects: int
    error: float
    share: float


@dataclass(frozen=True)
class Field:
    """A made-up field: a square of sources with errors of 0.5 to 2 arcsec, and surveys of it.

    Attributes
    ----------
    name : str
    sources : int
    side_deg : float
    ra, dec : float
        Of its centre, degrees.
    surveys : tuple of Survey
    """

    name: str
    sources: int
    side_deg: float
    ra: float
    dec: float
    surveys: tuple[Survey, ...]


DEEP = (Survey(560_000, 0.1, 0.9), Survey(345_000, 0.5, 0.8))
WIDE = (Survey(1_000_000, 0.1, 0.7), Survey(1_000_000, 0.3, 0.5))
# as in NWAY's manual: X-ray sources of 2 deg2 against optical and infrared ones
EQUALITY = (
    Field("2 deg2 with 1,800 X-ray, 560,000 and 345,000 objects", 1_800, 1.41, 150.1, 2.2, DEEP),
    # there it looks for pairs in another way
    Field("at 0 h and 60 deg", 3_000, 1.0, 0.0, 60.0, (Survey(40_000, 0.2, 0.6),) * 2),
)
SPEED = Field("100,000 X-ray, 1,000,000 and 1,000,000 objects", 100_000, 10.0, 150.0, 0.0, WIDE)


def write_field(field: Field, seed: int, folder: Path) -> None:
    """The tables of a field, x, a and b, as Parquet (ours) and as FITS (NWAY's)."""
    folder.mkdir()
    random = np.random.default_rng(seed)

    def places(number: int) -> tuple[np.ndarray, np.ndarray]:
        across, along = random.uniform(-field.side_deg / 2, field.side_deg / 2, (2, number))
        dec = field.dec + along
        return field.ra + across / np.cos(np.radians(dec)), dec

    x_ra, x_dec = places(field.sources)
    x_error = random.uniform(0.5, 2.0, field.sources)
    _write(folder / "x", x_ra, x_dec, x_error, field)
    for name, survey in zip("ab", field.surveys, strict=True):
        ra, dec = places(survey.objects)
        listed = np.flatnonzero(random.random(field.sources) < survey.share)
        scatter = np.hypot(x_error[listed], survey.error) / 3600
        east, north = random.normal(0, 1, (2, len(listed))) * scatter
        dec[: len(listed)] = x_dec[listed] + north
        ra[: len(listed)] = x_ra[listed] + east / np.cos(np.radians(x_dec[listed]))
        _write(folder / name, ra, dec, np.full(len(ra), survey.error), field)


def _write(path: Path, ra: np.ndarray, dec: np.ndarray, error: np.ndarray, field: Field) -> None:
    columns = {"ID": np.arange(len(ra)), "RA": ra % 360, "DEC": dec, "ERR": error}
    pd.DataFrame(columns).to_parquet(path.with_suffix(".parquet"), index=False)
    table = Table(columns)
    table.meta = {"EXTNAME": path.name.upper(), "SKYAREA": field.side_deg**2}
    table.write(path.with_suffix(".fits"))


def ours(field: Field, tables: Path, surveys: int, out: Path) -> np.ndarray:
    """Run our program; wall and CPU seconds and peak MB."""
    given = []
    for name, survey in zip("ab"[:surveys], field.surveys, strict=False):
        given += [str(tables / f"{name}.parquet"), str(survey.share), str(field.side_deg**2)]
    x = str(tables / "x.parquet")
    return run([sys.executable, str(PROGRAM), x, str(RADIUS), str(out), *given], tables)[0]


def nway(
    python: Path, field: Field, tables: Path, surveys: int, out: Path, more: list[str]
) -> np.ndarray:
    """Run NWAY; wall and CPU seconds and peak MB."""
    given = [str(tables / "x.fits"), ":ERR"]
    for name in "ab"[:surveys]:
        given += [str(tables / f"{name}.fits"), ":ERR"]
    shares = ":".join(str(survey.share) for survey in field.surveys[:surveys])
    options = ["--radius", str(RADIUS), "--prior-completeness", shares, "--out", str(out), *more]
    # it keeps pairs in its folder for the next time: so a new one
    with tempfile.TemporaryDirectory(dir=tables) as folder:
        program = str(python.parent / "nway.py")
        return run([str(python), program, *given, *options], Path(folder))[0]


IGNORE = ["--ignore-unrelated-associations"]


def compare(python: Path, field: Field, tables: Path) -> list[list]:
    """Rows of the table: the largest differences from NWAY's probabilities."""
    rows = []
    for surveys in (1, 2):
        out, fits = tables / f"ours_{surveys}.parquet", tables / f"nway_{surveys}.fits"
        ours(field, tables, surveys, out)
        nway(python, field, tables, surveys, fits, IGNORE)
        table, keys = Table.read(fits), ["X", *(f"survey_{k}" for k in range(surveys))]
        named = dict(zip(keys, ("X_ID", "A_ID", "B_ID"), strict=False))
        of_nway = pd.DataFrame(
            {key: np.maximum(np.asarray(table[column]), -1) for key, column in named.items()}
            | {n: np.asarray(table[n], float) for n in ("p_any", "p_i", "match_flag")}
        )
        both = pd.read_parquet(out).merge(of_nway, on=keys, how="outer", suffixes=("", "_nway"))
        if both["p_i"].isna().any():
            sys.exit(f"{field.name}: NWAY has {both['p_i'].isna().sum()} choices that we have not")
        # it leaves out objects that are further from each other than the radius
        alone = both["p_i_nway"].isna()
        pairs = both[~alone]
        off = [(pairs[n] - pairs[f"{n}_nway"]).abs().max() for n in ("p_any", "p_i")]
        left_out = both.loc[alone, "p_i"].max() if alone.any() else 0.0
        flags = (pairs["match_flag"] != pairs["match_flag_nway"]).sum()
        if max(*off, left_out) > EQUAL:
            sys.exit(f"{field.name}, {surveys}: differs by {off}, or by {left_out} left out")
        numbers = [f"{value:.1e}" for value in (*off, left_out)]
        rows.append([field.name, surveys, len(pairs), *numbers[:2], alone.sum(), numbers[2], flags])
    return rows


def measure(python: Path, tables: Path, repeat: int) -> list[list]:
    """Rows of the table: medians of what both take, in turns, and the ratios of pairs."""
    ways = {
        (1, "xgamma"): None, (1, "NWAY"): [], (2, "xgamma"): None,
        (2, "NWAY, unrelated ones ignored"): IGNORE, (2, "NWAY"): [],
    }  # fmt: skip
    used = {way: [] for way in ways}
    for _ in range(repeat):
        for (surveys, name), options in ways.items():
            if options is None:
                numbers = ours(SPEED, tables, surveys, tables / "out.parquet")
            else:
                numbers = nway(python, SPEED, tables, surveys, tables / "out.fits", options)
                (tables / "out.fits").unlink()
            used[surveys, name].append(numbers)
            print(surveys, name, *numbers.round(2), file=sys.stderr)
    rows = []
    for (surveys, name), numbers in used.items():
        pairs = np.array(numbers) / np.array(used[surveys, "xgamma"])
        wall, cpu, peak = (statistics.median(column) for column in np.transpose(numbers))
        ratios = [f"{statistics.median(pairs[:, k]):.1f}" for k in (0, 1)]
        rows.append([surveys, name, f"{wall:.2f}", f"{cpu:.2f}", f"{peak:.0f}", *ratios])
    return rows


def grow(factor: int, tables: Path) -> list[list]:
    """Rows of the table: ours, of so many times the sources and objects at the same density."""
    larger = Field(
        SPEED.name, factor * SPEED.sources, factor**0.5 * SPEED.side_deg, SPEED.ra, SPEED.dec,
        tuple(Survey(factor * one.objects, one.error, one.share) for one in SPEED.surveys),
    )  # fmt: skip
    write_field(larger, factor, tables)
    rows = []
    for surveys in (1, 2):
        wall, cpu, peak = ours(larger, tables, surveys, tables / "out.parquet")
        rows.append([factor, surveys, f"{wall:.2f}", f"{cpu:.2f}", f"{peak:.0f}"])
    return rows


def print_table(heads: list[str], rows: list[list]) -> None:
    print("| " + " | ".join(heads) + " |")
    print("|---|" + "---:|" * (len(heads) - 1))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nway-python", type=Path, help="of an environment that has NWAY")
    parser.add_argument("--repeat", type=int, default=3, help="of each measurement of time")
    parser.add_argument("--factors", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--only", nargs="+", default=["equality", "speed", "growth"],
                        choices=["equality", "speed", "growth"])  # fmt: skip
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, nway_python(arguments.nway_python) as python:
        folder = Path(scratch)
        if "equality" in arguments.only:
            rows = []
            for number, field in enumerate(EQUALITY):
                write_field(field, number, folder / f"equality_{number}")
                rows += compare(python, field, folder / f"equality_{number}")
            heads = [
                "field",
                "surveys",
                "choices",
                "p_any",
                "p_i",
                "NWAY leaves out",
                "p_i",
                "flags",
            ]
            print_table(heads, rows)
        if "speed" in arguments.only:
            write_field(SPEED, 1, folder / "speed")
            # compiles: once
            run([str(python), str(python.parent / "nway.py"), "--help"], folder)
            rows = measure(python, folder / "speed", arguments.repeat)
            heads = [
                "surveys",
                "program",
                "wall, s",
                "CPU, s",
                "peak, MB",
                "wall / ours",
                "CPU / ours",
            ]
            print_table(heads, rows)
        if "growth" in arguments.only:
            rows = [row for f in arguments.factors for row in grow(f, folder / f"times_{f}")]
            print_table(["times", "surveys", "wall, s", "CPU, s", "peak, MB"], rows)


if __name__ == "__main__":
    main()
