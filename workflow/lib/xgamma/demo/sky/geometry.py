"""Tangent planes and draws on the sphere, for the demo sky.

Offsets (x, y) are arcminutes on the plane that touches the sphere at a centre, x to
the east and y to the north before a field is rolled. Positions are ICRS degrees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xgamma.sky import unit_vectors

__all__ = ["ARCMIN", "from_tangent_plane", "isotropic", "ra_dec", "rotate", "to_tangent_plane"]

Floats = NDArray[np.float64]

ARCMIN = np.radians(1 / 60)


def ra_dec(vectors: Floats) -> tuple[Floats, Floats]:
    """Right ascension in [0, 360) and declination of vectors of shape (n, 3)."""
    x, y, z = vectors.T
    ra = np.degrees(np.arctan2(y, x)) % 360.0
    # the remainder of a tiny negative angle rounds up to 360
    return np.where(ra >= 360.0, 0.0, ra), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _east_north(ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    ra, dec = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    east = np.column_stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)])
    north = np.column_stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    return east, north


def from_tangent_plane(
    ra: ArrayLike, dec: ArrayLike, x: ArrayLike, y: ArrayLike
) -> tuple[Floats, Floats]:
    """Positions at offsets `x`, `y` (arcmin) from centres `ra`, `dec`; shapes (n,)."""
    east, north = _east_north(ra, dec)
    x, y = np.asarray(x, float)[:, None] * ARCMIN, np.asarray(y, float)[:, None] * ARCMIN
    return ra_dec(unit_vectors(ra, dec) + x * east + y * north)


def to_tangent_plane(
    ra: ArrayLike, dec: ArrayLike, point_ra: ArrayLike, point_dec: ArrayLike
) -> tuple[Floats, Floats]:
    """Offsets (arcmin) of points from centres; all of shape (n,), less than 90 deg apart."""
    east, north = _east_north(ra, dec)
    points = unit_vectors(point_ra, point_dec)
    depth = np.einsum("ij,ij->i", points, unit_vectors(ra, dec)) * ARCMIN
    return (
        np.einsum("ij,ij->i", points, east) / depth,
        np.einsum("ij,ij->i", points, north) / depth,
    )


def rotate(x: ArrayLike, y: ArrayLike, angle_deg: ArrayLike) -> tuple[Floats, Floats]:
    """Turn offsets by an angle, from north through east."""
    angle = np.radians(angle_deg)
    return (
        np.asarray(x) * np.cos(angle) + np.asarray(y) * np.sin(angle),
        -np.asarray(x) * np.sin(angle) + np.asarray(y) * np.cos(angle),
    )


def isotropic(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """`n` positions spread evenly over the sphere: longitude and latitude in degrees."""
    return rng.uniform(0.0, 360.0, n), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, n)))
