"""Positions on the sphere: separations, error ellipses, latitude cuts, matching.

All angles are degrees unless a name says otherwise; positions are ICRS. Separations
come from right ascension and declination, never from the catalogues' Galactic
coordinates, which are rounded or refer to FK5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xgamma.frames import icrs_to_galactic

__all__ = [
    "elliptical_distance",
    "galactic",
    "match_within",
    "position_angle",
    "ranges",
    "separation",
    "unit_vectors",
    "within_latitude",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# The matching: cells no smaller than this, however small the circles
_SMALLEST_CELL_DEG = 4.0**-5
_SIEVE_DEG = 0.125
# further than rounding can move a point or a circle's edge
_MARGIN_DEG = 1e-7
_BLOCK = 2**16  # points at a time: what is computed of them stays in the cache
_PORTION = 2**20  # candidate pairs at a time


def separation(ra1: ArrayLike, dec1: ArrayLike, ra2: ArrayLike, dec2: ArrayLike) -> Floats:
    """Angular separation in degrees of positions in degrees (shapes broadcast).

    Vincenty's formula, exact to rounding at all separations; the same bits as
    `astropy.coordinates.angular_separation`, whose import takes longer than the matching.
    """
    ra1, dec1, ra2, dec2 = (np.radians(np.asarray(a, dtype=float)) for a in (ra1, dec1, ra2, dec2))
    sin_delta, cos_delta = np.sin(ra2 - ra1), np.cos(ra2 - ra1)
    sin_1, cos_1, sin_2, cos_2 = np.sin(dec1), np.cos(dec1), np.sin(dec2), np.cos(dec2)
    across = np.hypot(cos_2 * sin_delta, cos_1 * sin_2 - sin_1 * cos_2 * cos_delta)
    return np.degrees(np.arctan2(across, sin_1 * sin_2 + cos_1 * cos_2 * cos_delta))


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


def fill_galactic(frame: Any, ra: str, dec: str, longitude: str, latitude: str) -> None:
    """Fill nulls of a frame's Galactic coordinates from its positions, in place; all in degrees.

    A position that is none leaves them null: who checks positions has the words for it.

    Parameters
    ----------
    frame : DataFrame
    ra, dec, longitude, latitude : str
        Its columns.
    """
    null = frame[longitude].isna() | frame[latitude].isna()
    if not null.any():
        return
    place = frame[null & (frame[dec].abs() <= 90)]
    computed = galactic(place[ra].to_numpy(float), place[dec].to_numpy(float))
    for name, values in zip((longitude, latitude), computed, strict=True):
        lacking = place[name].isna().to_numpy()
        frame.loc[place.index[lacking], name] = values[lacking]


def galactic(ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    """Galactic longitude in [0, 360) and latitude of ICRS positions, all in degrees."""
    return icrs_to_galactic(ra, dec)


def within_latitude(latitude: ArrayLike, cut_deg: float) -> NDArray[np.bool_]:
    """True where \\|latitude\\| <= cut, both ends included, as ADQL's BETWEEN does it."""
    return np.abs(np.asarray(latitude, dtype=float)) <= cut_deg


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> Floats:
    """Unit vectors, shape (n, 3), of positions in degrees, shape (n,)."""
    ra, dec = np.radians(np.asarray(ra, dtype=float)), np.radians(np.asarray(dec, dtype=float))
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


class _Grid:
    """The sky in cells of about `size` by `size` degrees, numbered from the south pole.

    Rows of equal height in declination, each cut evenly in right ascension; the last row
    is the north pole alone.
    """

    def __init__(self, size: float) -> None:
        rows = max(1, int(180 / size))
        self._rows_per_degree = rows / 180
        edge = np.linspace(-90, 90, rows + 1)
        widest = np.minimum(np.abs(edge), np.abs(np.append(edge[1:], 90)))
        self._columns = (1 + 360 / size * np.cos(np.radians(widest))).astype(np.int32)
        self._columns_per_degree = self._columns / 360
        self._first = np.cumsum(self._columns, dtype=np.int64) - self._columns
        self.cells = int(self._columns.sum())

    def _row(self, dec: Floats) -> NDArray[np.int32]:
        return ((dec + 90) * self._rows_per_degree).astype(np.int32)

    def cell(self, ra: Floats, dec: Floats) -> Integers:
        """The cell of each position; right ascension in [0, 360]."""
        row = self._row(dec)
        column = (ra * self._columns_per_degree[row]).astype(np.int32)
        np.minimum(column, self._columns[row] - 1, out=column)
        return self._first[row] + column

    def touched(self, ra: Floats, dec: Floats, reach: Floats) -> tuple[Integers, Integers]:
        """(circle, cell) for every cell that circles reach into, and a few more."""
        low, high = self._row(np.maximum(dec - reach, -90)), self._row(np.minimum(dec + reach, 90))
        circle, row = ranges(low, high - low + 1)
        # how far a circle reaches in right ascension: all around, if there is a pole in it
        polar = np.abs(dec) + reach > 90 - 1e-4
        sine = np.sin(np.radians(reach)) / np.cos(np.radians(dec))
        half = np.degrees(np.arcsin(sine, where=~polar, out=np.full(len(dec), np.pi)))
        west, east = (
            np.floor(edge[circle] * self._columns_per_degree[row]).astype(np.int64)
            for edge in (ra - half, ra + half)
        )
        which, column = ranges(west, np.minimum(east - west + 1, self._columns[row]))
        row = row[which]
        return circle[which], self._first[row] + column % self._columns[row]


def ranges(first: Integers, count: Integers) -> tuple[Integers, Integers]:
    """Ranges of integers, one after the other.

    Parameters
    ----------
    first, count : ndarray of int, shape (n,)
        Of each range.

    Returns
    -------
    which, number : ndarray of int, shape (sum of count,)
        Which range each integer is in, and the integer.
    """
    which = np.repeat(np.arange(len(count)), count)
    before = np.cumsum(count) - count
    return which, np.arange(len(which)) + (first - before)[which]


class _Index:
    """Circles of about one size, listed under the cells that they reach into."""

    def __init__(self, size: float, ra: Floats, dec: Floats, reach: Floats) -> None:
        self._grid = _Grid(size)
        circle, cell = self._grid.touched(ra, dec, reach)
        order = np.argsort(cell, kind="stable")
        self._circle, cell = circle[order], cell[order]
        # not np.unique, whose first call imports numpy.ma: that takes as long as the matching
        first = np.flatnonzero(np.diff(cell, prepend=-1))
        # no point is in the cell past the last one, where a search may end
        self._cells, self._first = (
            np.append(cell[first], self._grid.cells),
            np.append(first, len(cell)),
        )
        self._counts = np.diff(self._first, append=len(cell))

    def candidates(self, ra: Floats, dec: Floats) -> Iterator[tuple[Integers, Integers]]:
        """(circle, point) that share a cell, in portions."""
        cell = self._grid.cell(ra, dec)
        # in their order, so that a search begins where the last one has brought into the cache
        order = np.argsort(cell)
        cell = cell[order]
        at = np.searchsorted(self._cells, cell)
        points = np.flatnonzero(self._cells[at] == cell)
        first, count = self._first[at[points]], self._counts[at[points]]
        total = np.cumsum(count)
        start = done = 0
        while start < len(points):
            # one point at least, so a portion has at most as many pairs as there are circles
            stop = max(start + 1, int(np.searchsorted(total, done + _PORTION, "right")))
            which, entry = ranges(first[start:stop], count[start:stop])
            yield self._circle[entry], order[points[start:stop][which]]
            start, done = stop, int(total[stop - 1])


def _sieve(points: int, ra: Floats, dec: Floats, reach: Floats) -> Callable | None:
    """A function that tells which positions may be in a circle; None if it does not pay."""
    if ((2 * reach / _SIEVE_DEG + 2) ** 2).sum() > points:
        return None
    grid = _Grid(_SIEVE_DEG)
    reached = np.zeros(grid.cells, dtype=bool)
    reached[grid.touched(ra, dec, reach)[1]] = True
    return lambda ra, dec: np.flatnonzero(reached[grid.cell(ra, dec)])


def _folded(ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
    """The same directions with ra in [0, 360], dec in [-90, 90]; ValueError if not finite."""
    extremes = [
        edge for given in (ra, dec) for edge in (given.min(initial=0), given.max(initial=0))
    ]
    if not np.isfinite(extremes).all():  # a NaN anywhere makes both NaN
        raise ValueError("positions must be finite, check for nan or inf values")
    west, east, south, north = extremes
    if south < -90 or north > 90:
        above = (dec + 90) % 360
        over = above > 180  # past a pole, and down on the other side
        return np.where(over, ra + 180, ra) % 360, np.where(over, 270 - above, above - 90)
    return ra if west >= 0 and east <= 360 else ra % 360, dec


def match_within(
    centre_ra: ArrayLike,
    centre_dec: ArrayLike,
    radius_deg: ArrayLike,
    ra: ArrayLike,
    dec: ArrayLike,
) -> tuple[Integers, Integers, Floats]:
    """All (centre, point) pairs with separation <= the centre's own radius.

    Parameters
    ----------
    centre_ra, centre_dec, radius_deg : array_like, shape (m,)
        A radius that is negative or NaN holds nothing.
    ra, dec : array_like, shape (n,)

    Returns
    -------
    centre, point : ndarray of int64, shape (k,)
        Indices, sorted by centre, then point.
    separation_deg : ndarray, shape (k,)

    Raises
    ------
    ValueError
        If a position is not finite.

    Notes
    -----
    Circles are few and points many, so points are not sorted. A sieve of small cells drops
    those that no circle comes near. Circles are listed under the cells that they reach
    into, in a grid for each size of circles, a factor of four apart; a point's candidates
    stand under its cell. Both take too many rather than too few: the separation decides,
    so the result is exact. Points go through in blocks and candidates in portions, so that
    a dense field takes no more memory than its pairs.
    """
    centres = np.asarray(centre_ra, float), np.asarray(centre_dec, float)
    points = np.asarray(ra, float), np.asarray(dec, float)
    radius = np.broadcast_to(np.asarray(radius_deg, float), centres[0].shape)
    # cells need them folded; separations are of the positions as given
    (ra_1, dec_1), (ra_2, dec_2) = _folded(*centres), _folded(*points)
    reach = np.minimum(radius, 180.0) + _MARGIN_DEG
    usable = np.flatnonzero(radius >= 0)
    steps = np.round(np.log2(np.maximum(reach[usable], _SMALLEST_CELL_DEG)) / 2)
    indexes = []
    for step in sorted(set(steps.tolist())):
        circles = usable[steps == step]
        indexes.append((circles, _Index(4.0**step, ra_1[circles], dec_1[circles], reach[circles])))
    sieve = _sieve(len(ra_2), ra_1[usable], dec_1[usable], reach[usable])
    pairs = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
    for start in range(0, len(ra_2), _BLOCK):
        block = ra_2[start : start + _BLOCK], dec_2[start : start + _BLOCK]
        near = start + (sieve(*block) if sieve else np.arange(len(block[0])))
        for circles, index in indexes:
            for circle, place in index.candidates(ra_2[near], dec_2[near]):
                centre, point = circles[circle], near[place]
                level = np.abs(dec_2[point] - dec_1[centre]) <= reach[centre]
                centre, point = centre[level], point[level]
                apart = separation(*(c[centre] for c in centres), *(p[point] for p in points))
                inside = apart <= radius[centre]
                pairs.append((centre[inside], point[inside], apart[inside]))
    centre, point, apart = (np.concatenate(part) for part in zip(*pairs, strict=True))
    order = np.lexsort((point, centre))
    return centre[order], point[order], apart[order]
