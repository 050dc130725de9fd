"""Errors of positions as covariances in the tangent plane, and positions carried to an epoch.

A covariance is an array of shape (n, 3) in arcsec2: east-east, east-north, north-north. Offsets
are (east, north) in arcsec.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "SIGMA_OF_95",
    "circular",
    "determinant",
    "from_axes",
    "from_ellipse",
    "inverse",
    "motion_covariance",
    "share_within",
    "squared_distance",
]

Floats = NDArray[np.float64]

_DIRECTIONS = 64

SIGMA_OF_95 = float(np.sqrt(-2 * np.log(0.05)))
"""Semi-axis of a 95 % ellipse in sigma, for a Gaussian in two dimensions: 2.4477."""


def circular(sigma: ArrayLike) -> Floats:
    """The covariance of a circular error, sigma in arcsec on each axis, shape (n,)."""
    variance = np.asarray(sigma, float) ** 2
    return np.stack([variance, np.zeros_like(variance), variance], axis=-1)


def from_axes(sigma_east: ArrayLike, sigma_north: ArrayLike, correlation: ArrayLike = 0) -> Floats:
    """The covariance of errors along right ascension and declination, arcsec, shape (n,)."""
    east, north = np.asarray(sigma_east, float), np.asarray(sigma_north, float)
    return np.stack([east**2, east * north * correlation, north**2], axis=-1)


def from_ellipse(sigma_major: ArrayLike, sigma_minor: ArrayLike, angle: ArrayLike) -> Floats:
    """The covariance of an error ellipse.

    Parameters
    ----------
    sigma_major, sigma_minor : array_like, shape (n,)
        Arcsec, one sigma.
    angle : array_like, shape (n,)
        Position angle of the major axis, degrees east of north.
    """
    major, minor = np.asarray(sigma_major, float) ** 2, np.asarray(sigma_minor, float) ** 2
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    return np.stack(
        [
            major * sine**2 + minor * cosine**2,
            (major - minor) * sine * cosine,
            major * cosine**2 + minor * sine**2,
        ],
        axis=-1,
    )


def motion_covariance(east: ArrayLike, north: ArrayLike, spread: ArrayLike) -> Floats:
    """What a motion (arcsec/yr) adds where the epoch is known to a spread (years, one sigma)."""
    along, across = np.asarray(east) * spread, np.asarray(north) * spread
    return np.stack([along**2, along * across, across**2], axis=-1)


def determinant(covariance: Floats) -> Floats:
    """Of each covariance or its inverse, shape (n,)."""
    return covariance[..., 0] * covariance[..., 2] - covariance[..., 1] ** 2


def inverse(covariance: Floats) -> Floats:
    """The inverse of each, in the same layout."""
    adjugate = np.stack([covariance[..., 2], -covariance[..., 1], covariance[..., 0]], axis=-1)
    return adjugate / determinant(covariance)[..., None]


def share_within(covariance: Floats, radius: ArrayLike) -> Floats:
    """The probability that an offset is smaller than a radius (arcsec), shape (n,).

    In polar coordinates the radial integral is elementary: with A = u' C^-1 u for the direction u,

        1 / (2 pi sqrt|C|) INT (1 - exp(-r^2 A / 2)) / A d theta ,

    summed over 64 directions.
    """
    weight, square = inverse(covariance), np.asarray(radius, float) ** 2
    total = np.zeros(len(covariance))
    for angle in np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS:  # the other half is the same
        east, north = np.sin(angle), np.cos(angle)
        along = weight[:, 0] * east**2 + 2 * weight[:, 1] * east * north + weight[:, 2] * north**2
        total += -np.expm1(-square * along / 2) / along
    share = total / _DIRECTIONS / np.sqrt(determinant(covariance))
    return np.clip(share, 0.0, 1.0)


def squared_distance(covariance: Floats, east: Floats, north: Floats) -> Floats:
    """Squared distance in sigma (Mahalanobis') of offsets, shape (n,)."""
    weight = inverse(covariance)
    return weight[..., 0] * east**2 + 2 * weight[..., 1] * east * north + weight[..., 2] * north**2
