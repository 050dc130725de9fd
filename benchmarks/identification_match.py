"""Positions of sources against surveys with the parts of `xgamma.identification`, as a program.

    python identification_match.py X.parquet RADIUS OUT.parquet A.parquet SHARE AREA [B.parquet ...]

Tables have RA, DEC (degrees) and ERR (arcsec on each axis), AREA is a survey's in deg2, SHARE that
of sources which it lists. Each choice of at most one object of each survey within RADIUS arcsec is
a row of OUT: numbers of the rows, separations, p_any, p_i, match_flag. Weights are as NWAY has
them, one density (n + 1) / AREA for each survey.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/lib"))

import numpy as np
import pyarrow as pa
from pyarrow.parquet import ParquetFile, write_table

from xgamma.identification.ellipses import circular
from xgamma.identification.hypotheses import Neighbours, enumerate_hypotheses, posterior
from xgamma.sky import match_within, position_angle

SECOND = 0.5  # at least this share of the best p_i is flagged 2


def read(path: str, names: list[str]) -> list[np.ndarray]:
    """Columns of a Parquet file. pyarrow's own conversions import pandas, here and in `write`."""
    table = ParquetFile(path, memory_map=True).read(names).columns
    return [np.concatenate([np.from_dlpack(part) for part in c.chunks]) for c in table]


def write(path: str, columns: dict[str, np.ndarray]) -> None:
    """Columns without nulls as a Parquet file."""
    arrays = {
        name: pa.Array.from_buffers(
            pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)]
        )
        for name, values in columns.items()
    }
    write_table(pa.table(arrays), path)


def around(ra: np.ndarray, dec: np.ndarray, radius_arcsec: float, path: str) -> Neighbours:
    """A survey's objects near sources, with circular errors."""
    object_ra, object_dec = read(path, ["RA", "DEC"])
    source, row, apart = match_within(ra, dec, radius_arcsec / 3600, object_ra, object_dec)
    towards = np.radians(position_angle(ra[source], dec[source], object_ra[row], object_dec[row]))
    del object_ra, object_dec
    error = read(path, ["ERR"])[0][row]
    apart *= 3600
    return Neighbours(
        source, row, apart * np.sin(towards), apart * np.cos(towards), circular(error)
    )


def main() -> None:
    path, radius, out, *given = sys.argv[1:]
    surveys = list(zip(given[::3], map(float, given[1::3]), map(float, given[2::3]), strict=True))
    ra, dec, error = read(path, ["RA", "DEC", "ERR"])
    near = [around(ra, dec, float(radius), survey) for survey, _, _ in surveys]
    found = enumerate_hypotheses(circular(error), near)
    # ln of share over density, for each object that is chosen
    weight = found.log_overlap
    columns = {"X": found.source}
    for number, (survey, share, area) in enumerate(surveys):
        count = ParquetFile(survey).metadata.num_rows
        row, neighbours = found.row[:, number], near[number]
        chosen = np.flatnonzero(row >= 0)
        weight[chosen] += np.log(share * area * 3600**2 / (count + 1))
        objects, apart = np.full(len(row), -1), np.full(len(row), np.nan)
        objects[chosen] = neighbours.object[row[chosen]]
        apart[chosen] = np.hypot(neighbours.east, neighbours.north)[row[chosen]]
        columns |= {f"survey_{number}": objects, f"separation_{number}": apart}
    probability = posterior(found.source, weight)
    first = np.flatnonzero(np.diff(found.source, prepend=-1))
    counts = np.diff(first, append=len(weight))
    probability[first] = 0.0
    some = np.add.reduceat(probability, first)
    p_i = probability / np.repeat(np.where(some > 0, some, 1.0), counts)
    best = np.repeat(np.maximum.reduceat(p_i, first), counts)
    flag = np.where(p_i == best, 1, np.where(p_i > SECOND * best, 2, 0)).astype(np.int16)
    columns |= {"p_any": np.repeat(some, counts), "p_i": p_i, "match_flag": flag}
    write(out, columns)


if __name__ == "__main__":
    main()
