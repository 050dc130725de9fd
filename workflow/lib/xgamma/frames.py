"""ICRS, FK5 (J2000) and Galactic positions into each other.

The numbers are astropy's, bit for bit, by the same functions of SOFA in the same order (a test
holds the two together): to load astropy's own coordinates takes 0.3 s of CPU, which is more than
most jobs have to do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["fk5_to_galactic", "galactic_to_fk5", "galactic_to_icrs", "icrs_to_galactic"]

_RADIANS, _DEGREES = 0.017453292519943295, 57.29577951308232

# from ICRS to FK5 at J2000 (USNO Circular 179), and from there to Galactic (IAU 1958, in the form
# of Reid & Brunthaler 2004)
_ICRS_TO_FK5 = np.array(
    [
        [0.9999999999999921, -1.1102233297408327e-07, -4.411804498096771e-08],
        [1.1102233723050035e-07, 0.9999999999999889, 9.647792246010129e-08],
        [4.411803426976326e-08, -9.647792751958126e-08, 0.9999999999999943],
    ]
)
_FK5_TO_GALACTIC = np.array(
    [
        [-0.054875539395714525, -0.8734371047274332, -0.4838349917703224],
        [0.49410945362336345, -0.44482959429881663, 0.74698224870205],
        [-0.8676661356858694, -0.1980763896109499, 0.4559837945175692],
    ]
)

Floats = NDArray[np.float64]


def icrs_to_galactic(ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """Galactic longitude in [0, 360) and latitude; all in degrees, as in the other functions."""
    return _rotated(ra, dec, _ICRS_TO_FK5, _FK5_TO_GALACTIC)


def galactic_to_icrs(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Floats, Floats]:
    """Right ascension in [0, 360) and declination, ICRS."""
    return _rotated(longitude, latitude, _FK5_TO_GALACTIC.T, _ICRS_TO_FK5.T)


def fk5_to_galactic(ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """Galactic longitude in [0, 360) and latitude."""
    return _rotated(ra, dec, _FK5_TO_GALACTIC)


def galactic_to_fk5(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Floats, Floats]:
    """Right ascension in [0, 360) and declination, FK5 at J2000."""
    return _rotated(longitude, latitude, _FK5_TO_GALACTIC.T)


def _rotated(longitude: ArrayLike, latitude: ArrayLike, *matrices: Floats) -> tuple[Floats, Floats]:
    from erfa import ufunc

    longitude = _wrapped(np.asarray(longitude, dtype=float), 360.0) * _RADIANS
    latitude = np.asarray(latitude, dtype=float) * _RADIANS
    if (np.abs(latitude) > np.pi / 2).any():
        raise ValueError("a latitude is beyond a pole")
    for matrix in matrices:
        vectors = ufunc.rxp(np.ascontiguousarray(matrix), ufunc.s2c(longitude, latitude))
        longitude, latitude = ufunc.c2s(vectors)
        longitude = _wrapped(longitude, 2 * np.pi)
    return longitude * _DEGREES, latitude * _DEGREES


def _wrapped(longitude: Floats, turn: float) -> Floats:
    """Into [0, turn)."""
    with np.errstate(invalid="ignore"):
        longitude = longitude - longitude // turn * turn
    # what is just below 0 becomes the whole turn itself
    longitude = np.where(longitude >= turn, longitude - turn, longitude)
    return np.where(longitude < 0, longitude + turn, longitude)
