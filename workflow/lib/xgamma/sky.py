"""Positions on the sphere: separations, error ellipses, latitude cuts, matching.

All angles are degrees unless a name says otherwise; positions are ICRS. Separations
come from right ascension and declination, never from the catalogues' Galactic
coordinates, which are rounded or refer to FK5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "elliptical_distance",
    "galactic",
    "match_within",
    "position_angle",
    "separation",
    "unit_vectors",
    "within_latitude",
]

Floats = NDArray[np.float64]


def separation(ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike) -> Floats:
    """Angular separation in degrees of positions in degrees (shapes broadcast).

    Vincenty's formula, exact to rounding at all separations
    (astropy.coordinates.angular_separation).
    """
    from astropy.coordinates import angular_separation

    radians = (np.radians(np.asarray(a, dtype=float)) for a in (ra1, dec1, ra2, dec2))
    return np.degrees(angular_separation(*radians))


def position_angle(ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike) -> Floats:
    """Position angle of 2 as seen from 1, degrees east of north in [0, 360).

    Meeus, Astronomical Algorithms (2nd ed.), chapter 48, in its atan2 form.
    """
    ra1, dec1, ra2, dec2 = (np.radians(np.asarray(a, dtype=float)) for a in (ra1, dec1, ra2, dec2))
    delta = ra2 - ra1
    east = np.sin(delta) * np.cos(dec2)
    north = np.cos(dec1) * np.sin(dec2) - np.sin(dec1) * np.cos(dec2) * np.cos(delta)
    # twice: the remainder of a tiny negative angle rounds to 360 itself
    return np.degrees(np.arctan2(east, north)) % 360.0 % 360.0


def elliptical_distance(
    separation_deg: ArrayLike,
    position_angle_deg: ArrayLike,
    semi_major_deg: ArrayLike,
    semi_minor_deg: ArrayLike,
    ellipse_angle_deg: ArrayLike,
) -> Floats:
    """Distance from an ellipse's centre in units of the ellipse: 1 lies on it.

    Parameters
    ----------
    separation_deg, position_angle_deg : array_like
        Of the point, from the centre; position angle east of north.
    semi_major_deg, semi_minor_deg : array_like
    ellipse_angle_deg : array_like
        Position angle of the major axis, east of north.

    Returns
    -------
    ndarray
        NaN where an axis is null. Treats the ellipse as flat: error ellipses span a
        degree or so at most.
    """
    angle = np.radians(np.asarray(position_angle_deg) - np.asarray(ellipse_angle_deg))
    along = np.asarray(separation_deg) * np.cos(angle) / np.asarray(semi_major_deg)
    across = np.asarray(separation_deg) * np.sin(angle) / np.asarray(semi_minor_deg)
    return np.hypot(along, across)


def galactic(ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """Galactic longitude in [0, 360) and latitude of ICRS positions, all in degrees."""
    from astropy.coordinates import SkyCoord

    coordinates = SkyCoord(np.asarray(ra), np.asarray(dec), unit="deg", frame="icrs").galactic
    return coordinates.l.deg, coordinates.b.deg


def within_latitude(latitude: ArrayLike, cut_deg: float) -> NDArray[np.bool_]:
    """True where \\|latitude\\| <= cut, both ends included, as ADQL's BETWEEN does it."""
    return np.abs(np.asarray(latitude, dtype=float)) <= cut_deg


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> Floats:
    """Unit vectors, shape (n, 3), of positions in degrees, shape (n,)."""
    ra, dec = np.radians(np.asarray(ra, dtype=float)), np.radians(np.asarray(dec, dtype=float))
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def match_within(
    centre_ra: ArrayLike,
    centre_dec: ArrayLike,
    radius_deg: ArrayLike,
    ra: ArrayLike,
    dec: ArrayLike,
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """All (centre, point) pairs with separation <= the centre's own radius.

    Parameters
    ----------
    centre_ra, centre_dec, radius_deg : array_like, shape (m,)
    ra, dec : array_like, shape (n,)

    Returns
    -------
    centre, point : ndarray of int64, shape (k,)
        Indices, sorted by centre, then point.
    separation_deg : ndarray, shape (k,)

    Notes
    -----
    A k-d tree on unit vectors finds candidates by chord, with a margin that covers
    rounding; the separation then decides, so the result is exact.
    """
    from scipy.spatial import cKDTree

    centre_ra, centre_dec = np.asarray(centre_ra, float), np.asarray(centre_dec, float)
    radius_deg = np.broadcast_to(np.asarray(radius_deg, float), centre_ra.shape)
    ra, dec = np.asarray(ra, float), np.asarray(dec, float)
    if not len(centre_ra) or not len(ra):
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty(0)
    chord = 2 * np.sin(np.radians(np.minimum(radius_deg, 180.0)) / 2) * (1 + 1e-9) + 1e-12
    tree = cKDTree(unit_vectors(ra, dec))
    found = tree.query_ball_point(unit_vectors(centre_ra, centre_dec), chord, return_sorted=True)
    lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
    centre = np.repeat(np.arange(len(found)), lengths)
    point = (
        np.concatenate([np.asarray(f, dtype=np.int64) for f in found])
        if lengths.sum()
        else np.empty(0, dtype=np.int64)
    )
    distance = separation(centre_ra[centre], centre_dec[centre], ra[point], dec[point])
    inside = distance <= radius_deg[centre]
    return centre[inside], point[inside], distance[inside]
