"""The real part of the demo sky: the Fermi sources, and the difficult cases among them.

The lists are cut down to the columns that are served (`resources/`). A difficult
case is a Fermi source of the plane together with the X-ray sources that make it difficult
for a matcher: the sky holds each of them, whatever its seed.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from xgamma.demo.tables import served_table
from xgamma.errors import XgammaError
from xgamma.frames import galactic_to_fk5
from xgamma.sky import match_within

__all__ = ["difficult_sources", "fold_class", "padded_source_type", "read_fermi"]

_TEXT_COLUMNS = ("name", "source_type", "assoc_name", "assoc_fgl")

# the latitude cut that the cases at the edge are made for
_EDGE_LATITUDE_DEG = 10.0

_ARCMIN_DEG = 1.0 / 60.0


def _values(name: str, texts: tuple[str, ...]) -> np.ndarray:
    if name in _TEXT_COLUMNS:
        return np.array(texts, dtype=object)
    return np.array(texts, dtype=np.int64 if name == "analysis_flags" else np.float64)


def read_fermi(resource: str | Path) -> pd.DataFrame:
    """The rows of a shipped list, in its order.

    Parameters
    ----------
    resource : path
        `resources/4fgl_dr4_v35.ecsv.gz`, which has 7,195, or another release.

    Returns
    -------
    DataFrame
        The columns of the served table `fermilpsc`, and the list's cross-references
        `assoc_fgl` if it has them; `source_type` is stripped, text is '' and numbers are NaN
        where null, `analysis_flags` is int64.

    Raises
    ------
    XgammaError
        If the file is not there or is not that list.
    """
    # ECSV is blank-separated text under a commented header; importing astropy.table would
    # take longer than reading it
    try:
        with gzip.open(resource, "rt", encoding="utf-8", newline="") as stream:
            lines = (line for line in stream if not line.startswith("# "))
            header, *rows = csv.reader(lines, delimiter=" ")
            columns = dict(zip(header, zip(*rows, strict=True), strict=True))
            frame = pd.DataFrame({name: _values(name, texts) for name, texts in columns.items()})
    except (OSError, EOFError, ValueError) as error:
        raise XgammaError(
            f"demo sky: cannot read the Fermi list {resource} ({error}); "
            "it belongs to the repository: restore it with git"
        ) from error
    served = [column.name for column in served_table("fermilpsc").columns]
    missing = [name for name in served if name not in frame]
    if missing:
        raise XgammaError(
            f"demo sky: the Fermi list {resource} has no column {', '.join(missing)}; "
            "it belongs to the repository: restore it with git"
        )
    return frame


def padded_source_type(source_type: pd.Series) -> np.ndarray:
    """Classes as HEASARC serves them: padded with blanks to five characters.

    Parameters
    ----------
    source_type : Series of str, shape (n,)

    Returns
    -------
    ndarray of str, shape (n,)
    """
    return np.array([name.ljust(5) for name in source_type], dtype=object)


def fold_class(source_type: pd.Series) -> np.ndarray:
    """Classes in lower case: identified and associated sources together.

    Parameters
    ----------
    source_type : Series of str, shape (n,)

    Returns
    -------
    ndarray of str, shape (n,)
        '' for sources without a class.
    """
    return np.array([name.strip().lower() for name in source_type], dtype=object)


def _most_overlapping(fermi: pd.DataFrame) -> tuple[int, int]:
    """Rows of the two Fermi sources in the plane that share the most of their circles."""
    radius = fermi["semi_major_axis_95"].to_numpy()
    rows = np.flatnonzero((np.abs(fermi["bii"].to_numpy()) <= _EDGE_LATITUDE_DEG) & (radius > 0))
    ra, dec = fermi["ra"].to_numpy(), fermi["dec"].to_numpy()
    first, second, separation = match_within(
        ra[rows], dec[rows], radius[rows] + radius[rows].max(), ra[rows], dec[rows]
    )
    pair = first != second
    first, second, separation = rows[first[pair]], rows[second[pair]], separation[pair]
    overlap = radius[first] + radius[second] - separation
    most = int(np.argmax(overlap / np.minimum(radius[first], radius[second])))
    return int(min(first[most], second[most])), int(max(first[most], second[most]))


def _from_heasarc_galactic(longitude: float, latitude: float) -> tuple[float, float]:
    """The ra, dec (deg) that HEASARC lists with a Galactic position: it takes them as FK5."""
    ra, dec = galactic_to_fk5(longitude, latitude)
    return float(ra), float(dec)


def difficult_sources(fermi: pd.DataFrame) -> pd.DataFrame:
    """X-ray sources that must be in the sky, and the Fermi sources that they belong to.

    Parameters
    ----------
    fermi : DataFrame
        As `read_fermi` gives it.

    Returns
    -------
    DataFrame
        Five rows: `case`, `fermi` (row number in `fermi`), `ra`, `dec` (deg) and `bii`
        (deg; NaN unless the service's latitude must be exactly this). One source lies in
        two circles, one on each side of right ascension 0 h in a circle across it, one
        exactly at the latitude cut of 10 deg, and one beyond the cut in the circle of a
        Fermi source inside it.
    """
    radius = fermi["semi_major_axis_95"].to_numpy()
    ra, dec = fermi["ra"].to_numpy(), fermi["dec"].to_numpy()
    latitude = fermi["bii"].to_numpy()
    plane = (np.abs(latitude) <= _EDGE_LATITUDE_DEG) & (radius > 0)
    rows = []

    first, second = _most_overlapping(fermi)
    # the point between the centres that is equally deep in both circles
    share = radius[first] / (radius[first] + radius[second])
    ra_difference = (ra[second] - ra[first] + 180.0) % 360.0 - 180.0
    middle_ra = (ra[first] + share * ra_difference) % 360.0
    middle_dec = dec[first] + share * (dec[second] - dec[first])
    rows.append(("in two circles", first, middle_ra, middle_dec, np.nan))

    distance_from_0h = np.abs((ra + 180.0) % 360.0 - 180.0) * np.cos(np.radians(dec))
    across = int(np.argmax(np.where(plane, radius - distance_from_0h, -np.inf)))
    step = 0.5 * _ARCMIN_DEG / np.cos(np.radians(dec[across]))
    rows.append(("after 0 h", across, step, dec[across], np.nan))
    rows.append(("before 0 h", across, 360.0 - step, dec[across], np.nan))

    overhang = np.where(plane, np.abs(latitude) + radius - _EDGE_LATITUDE_DEG, -np.inf)
    # the source nearest to the cut among those whose circle reaches far over it
    edge = int(np.argmax(np.where(overhang > 0.1, np.abs(latitude), -np.inf)))
    hemisphere = np.sign(latitude[edge])
    longitude = float(fermi["lii"].iloc[edge])
    at_cut = hemisphere * _EDGE_LATITUDE_DEG
    rows.append(("at the cut", edge, *_from_heasarc_galactic(longitude + 0.01, at_cut), at_cut))
    beyond_cut = hemisphere * (_EDGE_LATITUDE_DEG + 2.0 * _ARCMIN_DEG)
    rows.append(("beyond the cut", edge, *_from_heasarc_galactic(longitude, beyond_cut), np.nan))
    return pd.DataFrame(rows, columns=["case", "fermi", "ra", "dec", "bii"])
