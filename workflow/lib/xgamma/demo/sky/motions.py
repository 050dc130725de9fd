"""Stars move between the surveys: where the counterpart of an X-ray source is in each of them.

The true position is that at the time when Chandra looked; Gaia and 2MASS list it at epochs of
their own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.geometry import from_tangent_plane
from xgamma.sky import match_within

__all__ = ["GAIA_YEAR", "moved", "observed_years", "year_of_julian_date"]

GAIA_YEAR = 2016.0

# observations whose field of view holds a source, about
_FIELD_OF_VIEW_DEG = 0.2
# of sources that no observation tells of: the middle of the years that the catalogue holds
_MIDDLE_YEAR = 2010.85
_LAST_YEAR = 2022.0


def observed_years(ra: np.ndarray, dec: np.ndarray, observations: pd.DataFrame) -> np.ndarray:
    """When sources (deg) were observed: the mean year, weighted by the exposure, shape (n,)."""
    made = observations[observations["exposure"] > 0]
    year = 2000.0 + (made["time"].to_numpy(float) - 51544.5) / 365.25
    source, row, _ = match_within(
        ra, dec, _FIELD_OF_VIEW_DEG, made["ra"].to_numpy(), made["dec"].to_numpy()
    )
    in_catalogue = year[row] <= _LAST_YEAR
    source, row = source[in_catalogue], row[in_catalogue]
    weight = made["exposure"].to_numpy(float)[row]
    exposure = np.bincount(source, weights=weight, minlength=len(ra))
    total = np.bincount(source, weights=weight * year[row], minlength=len(ra))
    return np.where(exposure > 0, total / np.where(exposure > 0, exposure, 1), _MIDDLE_YEAR)


def year_of_julian_date(date: np.ndarray) -> np.ndarray:
    """Julian years of Julian dates."""
    return 2000.0 + (date - 2451545.0) / 365.25


def moved(
    ra: np.ndarray, dec: np.ndarray, pmra: np.ndarray, pmdec: np.ndarray, years: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (deg) after so many years at proper motions (mas/yr); NaN stays where it is."""
    east, north = (np.nan_to_num(motion * years) / 60_000.0 for motion in (pmra, pmdec))
    return from_tangent_plane(ra, dec, east, north)
