"""Tangent planes on the sphere, and positions drawn on it.

Offsets (x, y) are arcminutes on the plane that touches the sphere at a centre, x to
the east and y to the north. Positions are ICRS degrees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xgamma.sky import unit_vectors

__all__ = ["from_tangent_plane", "isotropic", "ra_dec", "rotate", "to_tangent_plane"]

Floats = NDArray[np.float64]

_ARCMIN_RAD = np.radians(1 / 60)


def ra_dec(vectors: Floats) -> tuple[Floats, Floats]:
    """Directions of vectors: the inverse of `xgamma.sky.unit_vectors`.

    Parameters
    ----------
    vectors : ndarray, shape (n, 3)
        Of any length.

    Returns
    -------
    ra, dec : ndarray, shape (n,)
        Degrees; `ra` in [0, 360).
    """
    x, y, z = vectors.T
    ra = np.degrees(np.arctan2(y, x)) % 360.0
    # the remainder of a tiny negative angle rounds up to 360
    return np.where(ra >= 360.0, 0.0, ra), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _east_north(ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """Unit vectors to the east and to the north at positions; shapes (n, 3)."""
    ra, dec = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    east = np.column_stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)])
    north = np.column_stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    return east, north


def from_tangent_plane(
    ra: ArrayLike, dec: ArrayLike, x: ArrayLike, y: ArrayLike
) -> tuple[Floats, Floats]:
    """Positions at offsets from centres: the inverse gnomonic projection.

    Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3 (TAN), in vectors.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Centres, degrees.
    x, y : array_like, shape (n,)
        Offsets to the east and to the north, arcmin.

    Returns
    -------
    ra, dec : ndarray, shape (n,)
        Degrees.
    """
    east, north = _east_north(ra, dec)
    x, y = np.asarray(x, float)[:, None] * _ARCMIN_RAD, np.asarray(y, float)[:, None] * _ARCMIN_RAD
    return ra_dec(unit_vectors(ra, dec) + x * east + y * north)


def to_tangent_plane(
    ra: ArrayLike, dec: ArrayLike, point_ra: ArrayLike, point_dec: ArrayLike
) -> tuple[Floats, Floats]:
    """Offsets of points from centres: the gnomonic projection.

    Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3 (TAN), in vectors.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Centres, degrees.
    point_ra, point_dec : array_like, shape (n,)
        Less than 90 degrees from their centres.

    Returns
    -------
    x, y : ndarray, shape (n,)
        Offsets to the east and to the north, arcmin.
    """
    east, north = _east_north(ra, dec)
    points = unit_vectors(point_ra, point_dec)
    depth = np.einsum("ij,ij->i", points, unit_vectors(ra, dec)) * _ARCMIN_RAD
    return (
        np.einsum("ij,ij->i", points, east) / depth,
        np.einsum("ij,ij->i", points, north) / depth,
    )


def rotate(x: ArrayLike, y: ArrayLike, angle_deg: ArrayLike) -> tuple[Floats, Floats]:
    """Turn offsets about the centre.

    Parameters
    ----------
    x, y : array_like, shape (n,)
    angle_deg : array_like, shape (n,)
        From north through east, as position angles are counted.

    Returns
    -------
    x, y : ndarray, shape (n,)
    """
    angle = np.radians(angle_deg)
    return (
        np.asarray(x) * np.cos(angle) + np.asarray(y) * np.sin(angle),
        -np.asarray(x) * np.sin(angle) + np.asarray(y) * np.cos(angle),
    )


def isotropic(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Draw positions evenly over the sphere.

    Parameters
    ----------
    rng : Generator
    n : int

    Returns
    -------
    longitude, latitude : ndarray, shape (n,)
        Degrees.
    """
    return rng.uniform(0.0, 360.0, n), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, n)))
