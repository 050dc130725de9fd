"""The border of a set of HEALPix cells: closed lines along the edges of its cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Border", "borders"]

# A cell's corners are north, west, south, east; side k runs from corner k to the next one, and the
# cells beyond the four sides have these places among the eight neighbours of astropy_healpix.
_BEYOND_SIDE = (2, 0, 6, 4)


class Border(NamedTuple):
    """A closed line around cells, or around a hole in them.

    Attributes
    ----------
    ra, dec : ndarray of float
        Its corners, ICRS degrees; the last one is not the first again.
    hole : bool
    """

    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    hole: bool


def borders(cell: NDArray[np.int64], order: int) -> list[Border]:
    """The border of cells; those that touch in a corner alone have borders of their own.

    Parameters
    ----------
    cell : ndarray of int64, shape (n,)
        HEALPix numbers, nested, ICRS; sorted, each once.
    order : int
        Theirs.

    Returns
    -------
    list of Border
        In the order of their first cells.
    """
    from astropy_healpix import boundaries_lonlat, neighbours

    if not len(cell):
        return []
    lon, lat = boundaries_lonlat(cell, 1, 2**order, order="nested")
    corner = np.stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1
    ).value
    # eight cells have no neighbour beyond one of their corners, of which NumPy warns
    with np.errstate(invalid="ignore"):
        beyond = neighbours(cell, 2**order, order="nested")[list(_BEYOND_SIDE)].T
    place = np.searchsorted(cell, beyond).clip(max=len(cell) - 1)
    beyond = np.where(cell[place] == beyond, place, -1)

    # once for all lines: each would convert all corners
    ra, dec = lon.to_value("deg") % 360.0, lat.to_value("deg")
    row, side = np.nonzero(beyond < 0)
    following = _following(row, side, corner, beyond)
    found, seen = [], np.zeros(len(row), dtype=bool)
    for first in range(len(row)):
        if seen[first]:
            continue
        line, one = [], first
        while not seen[one]:
            seen[one] = True
            line.append(one)
            one = following[one]
        where = row[line], side[line]
        found.append(Border(ra[where], dec[where], bool(_is_hole(corner[where]))))
    return found


def _following(
    row: NDArray[np.int64],
    side: NDArray[np.int64],
    corner: NDArray[np.float64],
    beyond: NDArray[np.int64],
) -> list[int]:
    """For each side on the border the one that goes on where it ends.

    That is the next side of the same cell or, if a cell lies beyond that, of this one, and so on
    around the corner.
    """
    end = corner[row, (side + 1) % 4]
    next_row, next_side = row.copy(), (side + 1) % 4
    while (inside := beyond[next_row, next_side] >= 0).any():
        next_row[inside] = beyond[next_row[inside], next_side[inside]]
        apart = np.linalg.norm(corner[next_row[inside]] - end[inside, None], axis=-1)
        next_side[inside] = apart.argmin(axis=1)
    number = np.full(beyond.shape, -1)
    number[row, side] = np.arange(len(row))
    return number[next_row, next_side].tolist()


def _is_hole(corner: NDArray[np.float64]) -> bool:
    """Whether a line runs the other way round than that of one cell, seen from outside."""
    area = np.cross(corner, np.roll(corner, -1, axis=0)).sum(axis=0)
    return area @ corner.sum(axis=0) < 0
