"""Field objects: how many there are where a Chandra source is, and how bright they are.

They are counted in a ring around the source, beyond the radius within which its counterpart is
searched. A ring holds few, so its density is drawn to that of its cell of the sky, and the cell's
to that of the run: with N objects in the area A, and m the density of the larger region,

    n = (k + N) / (k / m + A) ,

the mean of a gamma distribution of shape k given a Poisson count (as in
`xgamma.association.background`). The shape is the one by which the counts differ from each other
more than a Poisson law has it (moments).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xgamma.identification.links import Groups, Objects
from xgamma.sky import match_within

__all__ = ["KEPT_SHARE", "count_in_rings", "magnitude_bins", "magnitude_shares", "shrunk_densities"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# a shape of 1 means that fields differ by as much as they have, one of 300 that they hardly differ
_LEAST_SHAPE, _LARGEST_SHAPE = 1.0, 300.0
# magnitudes in steps of 0.5; the last bin is of objects without one
_MAG_EDGES = np.arange(3.0, 25.1, 0.5)
KEPT_SHARE = 0.5
"""What the smoothing leaves of an object in its own bin."""
_SMOOTHING = np.array([(1 - KEPT_SHARE) / 2, KEPT_SHARE, (1 - KEPT_SHARE) / 2])
# so that a magnitude that no field object has is unlikely, not impossible
_FLAT_COUNT = 1.0


def count_in_rings(
    ra: Floats,
    dec: Floats,
    inner_arcsec: Floats,
    outer_arcsec: Floats,
    surveys: list[Objects],
    groups: Groups,
) -> tuple[Integers, Floats, Integers]:
    """Count the groups of objects around sources.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        Degrees.
    inner_arcsec, outer_arcsec : ndarray, shape (n,)
        Radii of the ring.
    surveys : list of Objects
    groups : Groups

    Returns
    -------
    counts : ndarray of int, shape (n, 2**surveys)
        By pattern; a group is where its first object is.
    area : ndarray, shape (n,)
        Arcsec2.
    group : ndarray of int
        The groups that are in a ring, rising: the field.
    """
    number = len(surveys)
    first = (groups.members >= 0).argmax(axis=1) if len(groups.members) else np.zeros(0, int)
    place = np.empty((len(first), 2))
    for survey, objects in enumerate(surveys):
        rows = np.flatnonzero(first == survey)
        member = groups.members[rows, survey]
        place[rows] = np.stack([objects.ra[member], objects.dec[member]], axis=-1)
    centre, group, apart = match_within(ra, dec, outer_arcsec / 3600, place[:, 0], place[:, 1])
    beyond = apart * 3600 > inner_arcsec[centre]
    centre, group = centre[beyond], group[beyond]
    cell = centre * 2**number + groups.pattern[group]
    counts = np.bincount(cell, minlength=len(ra) * 2**number).reshape(len(ra), 2**number)
    return counts, np.pi * (outer_arcsec**2 - inner_arcsec**2), np.unique(group)


def shrunk_densities(counts: Integers, area: Floats, cell: Integers) -> Floats:
    """Groups per arcsec2 at each source, shape (n, patterns); never 0.

    Parameters
    ----------
    counts : ndarray of int, shape (n, patterns)
    area : ndarray, shape (n,)
        Arcsec2.
    cell : ndarray of int, shape (n,)
        The cell of the sky that each source is in.
    """
    _, cell = np.unique(cell, return_inverse=True)
    cell_area = np.bincount(cell, weights=area)
    density = np.empty(counts.shape)
    for pattern in range(counts.shape[1]):
        count = counts[:, pattern]
        # half an object of each kind, so that none is impossible
        of_run = (count.sum() + 0.5) / max(area.sum(), 1.0)
        in_cell = np.bincount(cell, weights=count)
        of_cell = _drawn_to(in_cell, cell_area, np.full(len(in_cell), of_run))
        density[:, pattern] = _drawn_to(count, area, of_cell[cell])
    return density


def _drawn_to(count: Floats, area: Floats, larger: Floats) -> Floats:
    """n above, with the shape by moments."""
    expected = larger * area
    excess = ((count - expected) ** 2 - expected).sum()
    square, shape = (expected**2).sum(), _LARGEST_SHAPE
    # if they differ by more than a Poisson law has it
    if excess * _LARGEST_SHAPE > square:
        shape = max(square / excess, _LEAST_SHAPE)
    return (shape + count) / (shape / larger + area)


def magnitude_bins(magnitude: Floats) -> Integers:
    """The bin of each magnitude; the last one if there is none."""
    bins = np.clip(np.digitize(magnitude, _MAG_EDGES), 0, len(_MAG_EDGES))
    return np.where(np.isfinite(magnitude), bins, len(_MAG_EDGES) + 1)


def magnitude_shares(bins: Integers, weights: Floats | None = None) -> Floats:
    """The share of each bin of magnitudes, smoothed; they add up to 1.

    Parameters
    ----------
    bins : ndarray of int, shape (n,)
        As `magnitude_bins` gives them.
    weights : ndarray, shape (n,), optional
        How much each counts.
    """
    number = len(_MAG_EDGES) + 2
    counts = np.bincount(bins, weights=weights, minlength=number).astype(float)
    with_magnitude = np.convolve(np.pad(counts[:-1], 1, mode="edge"), _SMOOTHING, mode="valid")
    total = counts[:-1].sum()
    if total > 0:  # the edges must not gain by the smoothing
        with_magnitude *= total / with_magnitude.sum()
    counts = np.append(with_magnitude, counts[-1]) + _FLAT_COUNT / number
    return counts / counts.sum()
