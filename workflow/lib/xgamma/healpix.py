"""Cells of the sky: HEALPix numbers, nested, of ICRS positions in degrees.

By the functions in C of astropy-healpix alone: to load that package takes all of astropy's
coordinates, 0.4 s of CPU, which is more than most jobs have to do.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xgamma.light import extension

if TYPE_CHECKING:
    import astropy_healpix  # noqa: F401  its version counts in the digest of a rule's code

__all__ = ["cells_at", "centres", "corners"]

_RADIANS, _DEGREES = 0.017453292519943295, 57.29577951308232

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def cells_at(ra: ArrayLike, dec: ArrayLike, order: int) -> Integers:
    """The cell in which each position lies."""
    longitude = np.asarray(ra, dtype=float) * _RADIANS
    latitude = np.asarray(dec, dtype=float) * _RADIANS
    cells, _, _ = _core().lonlat_to_healpix_nested(longitude, latitude, _nside(order))
    return np.asarray(cells, dtype=np.int64)


def centres(cell: ArrayLike, order: int) -> tuple[Floats, Floats]:
    """Right ascension in [0, 360) and declination of the middle of each cell."""
    return _positions(cell, order, 0.5, 0.5)


def corners(cell: ArrayLike, order: int) -> tuple[Floats, Floats]:
    """Right ascension and declination of the four corners, shape (n, 4): N, W, S, E."""
    x, y = np.array([1.0, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0, 0.0])
    return _positions(np.asarray(cell)[:, None], order, x, y)


def _positions(
    cell: ArrayLike, order: int, dx: float | Floats, dy: float | Floats
) -> tuple[Floats, Floats]:
    cell = np.asarray(cell, dtype=np.int64)
    ra, dec = _core().healpix_nested_to_lonlat(cell, _nside(order), dx, dy)
    return ra * _DEGREES % 360.0, dec * _DEGREES


def _nside(order: int) -> np.ndarray:
    return np.asarray(2**order, dtype=np.intc)


def _core() -> ModuleType:
    return extension("astropy_healpix._core")
