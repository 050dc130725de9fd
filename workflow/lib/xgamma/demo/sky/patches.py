"""Patches of stars around the Fermi sources and the X-ray candidates of the simulated sky.

A whole sky of stars would be two thousand million rows; what the enrichment asks for
lies near the matched sources. Inside a patch the density is the real one at that
Galactic longitude and latitude.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xgamma.demo.sky.counterparts import ELLIPSE_95_SIGMA
from xgamma.demo.sky.geometry import from_tangent_plane
from xgamma.sky import galactic, match_within, separation

__all__ = ["draw_positions", "patch_radius_deg", "patch_table"]

Floats = NDArray[np.float64]

# around every X-ray candidate, in arcsec: to where field stars are counted around it. A
# counterpart is looked for within four sigma, but 2 arcsec at least and 10 at most; the field
# within three times as much, and 10 at least
_SEARCH_SIGMA, _LEAST_SEARCH, _LARGEST_SEARCH = 4.0, 2.0, 10.0
_FIELD_TO_SEARCH, _LEAST_FIELD, _MARGIN = 3.0, 10.0, 0.5

# sources per square degree: upper edges of |b|, then columns |l| < 30, 30-90, > 90 deg.
# Gaia: measured up to 10 deg except 4-6 (means of its neighbours); 2MASS: measured as
# inner plane, outer plane and 5-10 deg; beyond 10 deg chosen. AllWISE: chosen about the
# catalogue's mean of 18,100 (747,634,026 sources over the sky), confusion holds down the plane.
_SURVEY_DENSITY = {
    "gaia": (
        np.array([0.5, 1.0, 2.0, 4.0, 6.0, 10.0, 15.0, 90.0]),
        1e3
        * np.array(
            [
                [98, 84, 48],
                [125, 124, 33],
                [520, 175, 42],
                [420, 250, 40],
                [480, 169, 33],
                [550, 114, 28],
                [220, 70, 20],
                [110, 45, 15],
            ]
        ),
    ),
    "twomass": (
        np.array([5.0, 10.0, 90.0]),
        1e3 * np.array([[100, 80, 60], [48, 38, 28], [22, 16, 12]]),
    ),
    "allwise": (
        np.array([5.0, 10.0, 90.0]),
        1e3 * np.array([[34, 31, 27], [30, 26, 22], [20, 17, 15]]),
    ),
}
# extinction hides what lies behind the Galactic Centre's clouds
_GAIA_AT_CENTRE = 48e3
# a globular cluster: stars per square degree in the middle, and the width of a Gaussian
_CLUSTER_CORE = {"gaia": 840e3, "twomass": 120e3, "allwise": 30e3}
_CLUSTER_SIGMA_DEG = 0.008


def _field_density(survey: str, longitude: Floats, latitude: Floats) -> Floats:
    """Field stars per square degree of a survey at Galactic positions (deg), shape (n,)."""
    edges, table = _SURVEY_DENSITY[survey]
    lon = (np.asarray(longitude, float) + 180.0) % 360.0 - 180.0
    lat = np.asarray(latitude, float)
    row = np.searchsorted(edges[:-1], np.abs(lat), side="left")
    density = table[row, np.digitize(np.abs(lon), [30.0, 90.0])]
    if survey == "gaia":
        density = np.where(separation(lon, lat, 0.0, 0.0) < 1.0, _GAIA_AT_CENTRE, density)
    return density


def patch_radius_deg(error_ellipse_r0: Floats) -> Floats:
    """How far stars must lie around an X-ray candidate, so that its field can be counted.

    Parameters
    ----------
    error_ellipse_r0 : ndarray, shape (n,)
        Semi-major axis of the 95 % error ellipse, arcsec.

    Returns
    -------
    ndarray, shape (n,)
        Degrees; 10.5 to 30.5 arcsec.
    """
    search = np.clip(
        _SEARCH_SIGMA * error_ellipse_r0 / ELLIPSE_95_SIGMA, _LEAST_SEARCH, _LARGEST_SEARCH
    )
    return (np.maximum(_LEAST_FIELD, _FIELD_TO_SEARCH * search) + _MARGIN) / 3600.0


def patch_table(
    ra: Floats, dec: Floats, radius_deg: float | Floats, globular: NDArray[np.bool_] | None = None
) -> pd.DataFrame:
    """Patches, one around each centre.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        Centres, degrees.
    radius_deg : float or ndarray, shape (n,)
    globular : ndarray of bool, shape (n,), optional
        Whether a globular cluster lies at the centre; by default nowhere.

    Returns
    -------
    DataFrame
        `ra, dec, radius, l, b` (deg), `globular`.
    """
    lon, lat = galactic(ra, dec)
    return pd.DataFrame(
        {
            "ra": ra,
            "dec": dec,
            "radius": np.broadcast_to(radius_deg, len(ra)),
            "l": lon,
            "b": lat,
            "globular": np.zeros(len(ra), bool) if globular is None else globular,
        }
    )


def _first_patch(patches: pd.DataFrame, ra: Floats, dec: Floats) -> NDArray[np.int64]:
    """Index of the first patch that holds each position; the number of patches if none does."""
    first = np.full(len(ra), len(patches))
    patch, star, _ = match_within(patches["ra"], patches["dec"], patches["radius"], ra, dec)
    np.minimum.at(first, star, patch)
    return first


def draw_positions(
    rng: np.random.Generator, survey: str, wide: pd.DataFrame, narrow: pd.DataFrame
) -> tuple[Floats, Floats]:
    """Positions of field stars in the wide patches and, outside these, in the narrow ones.

    Where patches overlap, the first one has the stars: overlaps are neither denser nor empty.

    Parameters
    ----------
    rng : Generator
    survey : {'gaia', 'twomass', 'allwise'}
    wide, narrow : DataFrame
        As `patch_table` gives them: patches around Fermi sources, and around X-ray sources.

    Returns
    -------
    ra, dec : ndarray, shape (n,)
        Degrees.
    """
    positions = []
    for patches in (wide, narrow):
        if not len(patches):
            continue
        radius = patches["radius"].to_numpy()
        density = _field_density(survey, patches["l"].to_numpy(), patches["b"].to_numpy())
        # clouds and arms: densities scatter from patch to patch
        density = density * np.exp(rng.normal(0.0, 0.15, len(patches)))
        number = rng.poisson(density * np.pi * radius**2)
        patch = np.repeat(np.arange(len(patches)), number)
        distance = radius[patch] * np.sqrt(rng.random(len(patch))) * 60.0
        angle = rng.uniform(0.0, 2 * np.pi, len(patch))
        x, y = distance * np.sin(angle), distance * np.cos(angle)
        cluster_size = np.where(
            patches["globular"],
            rng.poisson(_CLUSTER_CORE[survey] * 2 * np.pi * _CLUSTER_SIGMA_DEG**2, len(patches)),
            0,
        )
        in_cluster = np.repeat(np.arange(len(patches)), cluster_size)
        cluster_x, cluster_y = rng.normal(0.0, _CLUSTER_SIGMA_DEG * 60.0, (2, len(in_cluster)))
        patch = np.append(patch, in_cluster)
        ra, dec = from_tangent_plane(
            patches["ra"].to_numpy()[patch],
            patches["dec"].to_numpy()[patch],
            np.append(x, cluster_x),
            np.append(y, cluster_y),
        )
        # rounding may put a star a hair outside of its own patch
        keep = _first_patch(patches, ra, dec) >= patch
        if patches is narrow:
            keep &= _first_patch(wide, ra, dec) == len(wide)
        positions.append((ra[keep], dec[keep]))
    if not positions:
        return np.empty(0), np.empty(0)
    ra, dec = (np.concatenate(coordinate) for coordinate in zip(*positions, strict=True))
    return ra, dec
