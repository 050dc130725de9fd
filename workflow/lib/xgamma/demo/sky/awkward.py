"""Difficult cases that the demo sky holds on purpose, found in the real Fermi list.

Each is a Fermi source of the plane that a field is aimed at, and the X-ray sources that
make the case whatever the seed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.sky import match_within

__all__ = ["EDGE_LATITUDE_DEG", "awkward_sources"]

# the latitude cut that the cases at the edge are made for
EDGE_LATITUDE_DEG = 10.0

_ARCMIN_DEG = 1.0 / 60.0


def _most_overlapping(fermi: pd.DataFrame) -> tuple[int, int]:
    """Rows of the two Fermi sources in the plane that share the most of their circles."""
    radius = fermi["semi_major_axis_95"].to_numpy()
    rows = np.flatnonzero((np.abs(fermi["bii"].to_numpy()) <= EDGE_LATITUDE_DEG) & (radius > 0))
    ra, dec = fermi["ra"].to_numpy(), fermi["dec"].to_numpy()
    a, b, apart = match_within(
        ra[rows], dec[rows], radius[rows] + radius[rows].max(), ra[rows], dec[rows]
    )
    a, b, apart = rows[a[a != b]], rows[b[a != b]], apart[a != b]
    best = int(np.argmax((radius[a] + radius[b] - apart) / np.minimum(radius[a], radius[b])))
    return int(min(a[best], b[best])), int(max(a[best], b[best]))


def _from_heasarc_galactic(lon: float, lat: float) -> tuple[float, float]:
    """Where HEASARC puts that Galactic position: it reads ra, dec as FK5."""
    from astropy.coordinates import SkyCoord

    fk5 = SkyCoord(lon, lat, unit="deg", frame="galactic").fk5
    return float(fk5.ra.deg), float(fk5.dec.deg)


def awkward_sources(fermi: pd.DataFrame) -> pd.DataFrame:
    """X-ray sources that must be in the sky, and the Fermi sources they are for.

    Parameters
    ----------
    fermi : DataFrame
        As `read_fermi` gives it.

    Returns
    -------
    DataFrame
        `case`, `fermi` (row number), `ra`, `dec` (deg) and `bii` (deg; NaN unless the
        service's latitude must be exactly this): one source in two circles, one on each
        side of 0 h inside a circle across it, one exactly at |b| = 10 deg, and one beyond
        it that a Fermi source inside the cut has in its circle.
    """
    radius = fermi["semi_major_axis_95"].to_numpy()
    ra, dec = fermi["ra"].to_numpy(), fermi["dec"].to_numpy()
    latitude = fermi["bii"].to_numpy()
    plane = (np.abs(latitude) <= EDGE_LATITUDE_DEG) & (radius > 0)
    rows = []

    one, other = _most_overlapping(fermi)
    # the point between the centres that is equally deep in both circles
    along = radius[one] / (radius[one] + radius[other])
    delta = (ra[other] - ra[one] + 180.0) % 360.0 - 180.0
    lens = (ra[one] + along * delta) % 360.0, dec[one] + along * (dec[other] - dec[one])
    rows.append(("in two circles", one, *lens, np.nan))

    from_zero = np.abs((ra + 180.0) % 360.0 - 180.0) * np.cos(np.radians(dec))
    across = int(np.argmax(np.where(plane, radius - from_zero, -np.inf)))
    step = 0.5 * _ARCMIN_DEG / np.cos(np.radians(dec[across]))
    rows.append(("after 0 h", across, step, dec[across], np.nan))
    rows.append(("before 0 h", across, 360.0 - step, dec[across], np.nan))

    beyond = np.where(plane, np.abs(latitude) + radius - EDGE_LATITUDE_DEG, -np.inf)
    # the source nearest to the cut among those that reach far over it
    edge = int(np.argmax(np.where(beyond > 0.1, np.abs(latitude), -np.inf)))
    sign = np.sign(latitude[edge])
    lon = float(fermi["lii"].iloc[edge])
    at_cut = sign * EDGE_LATITUDE_DEG
    rows.append(("at the cut", edge, *_from_heasarc_galactic(lon + 0.01, at_cut), at_cut))
    outside = sign * (EDGE_LATITUDE_DEG + 2.0 * _ARCMIN_DEG)
    rows.append(("beyond the cut", edge, *_from_heasarc_galactic(lon, outside), np.nan))
    return pd.DataFrame(rows, columns=["case", "fermi", "ra", "dec", "bii"])
