"""Error ellipses of two lists: how far apart they are, and whether they overlap.

Ellipses are taken as flat about the first one's centre: they span a few degrees at most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xgamma.association.positions import K95, Ellipses, ellipse_matrix
from xgamma.sky import position_angle, separation

__all__ = ["SIGMA_OF_ELLIPSE", "joint_distance", "overlap"]

Floats = NDArray[np.float64]

SIGMA_OF_ELLIPSE = float(np.sqrt(2 * K95))
"""The 95 % ellipse of a two-dimensional Gaussian in standard deviations, 2.448."""

# halvings of the golden section: the largest value is flat, so that its place matters little
_STEPS = 40
_GOLDEN = (np.sqrt(5) - 1) / 2


def joint_distance(first: Ellipses, second: Ellipses) -> Floats:
    """Distance of n pairs of centres in units of the joint 95 % ellipse of the two positions.

    sqrt(d^T (S1 + S2)^-1 d), d the offset and S the matrices of the ellipses; times
    `SIGMA_OF_ELLIPSE` it is in standard deviations.

    Parameters
    ----------
    first, second : Ellipses, n of each

    Returns
    -------
    ndarray, shape (n,)
        0 at one place, whatever the ellipses; NaN elsewhere where one of them is null.
    """
    east, north, one, other = _plane(first, second)
    same_place = (first.ra == second.ra) & (first.dec == second.dec)
    squared = _form(east, north, *(a + b for a, b in zip(one, other, strict=True)))
    return np.where(same_place, 0.0, np.sqrt(squared))


def overlap(first: Ellipses, second: Ellipses) -> NDArray[np.bool_]:
    """Whether the 95 % ellipses of n pairs have a point in common.

    They have none if d^T (S1 / (1 - s) + S2 / s)^-1 d > 1 for an s between 0 and 1 (Gilitschenski
    and Hanebeck 2012, FUSION, p. 396). It is concave in s: a golden section finds the largest.

    Parameters
    ----------
    first, second : Ellipses, n of each

    Returns
    -------
    ndarray of bool, shape (n,)
        False where an ellipse is null.
    """
    east, north, one, other = _plane(first, second)

    def height(s: Floats) -> Floats:
        return _form(east, north, *(a / (1 - s) + b / s for a, b in zip(one, other, strict=True)))

    low, high = np.full(len(east), 1e-9), np.full(len(east), 1 - 1e-9)
    highest = np.zeros(len(east))
    for _ in range(_STEPS):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        at_left, at_right = height(left), height(right)
        highest = np.fmax(highest, np.fmax(at_left, at_right))
        rises = at_left < at_right
        low, high = np.where(rises, left, low), np.where(rises, high, right)
    return (highest <= 1) & (first.major > 0) & (second.major > 0)


def _plane(first: Ellipses, second: Ellipses) -> tuple[Floats, Floats, tuple, tuple]:
    """Offsets east and north in degrees, and the elements of both matrices."""
    apart = separation(first.ra, first.dec, second.ra, second.dec)
    towards = np.radians(position_angle(first.ra, first.dec, second.ra, second.dec))
    return (
        apart * np.sin(towards),
        apart * np.cos(towards),
        ellipse_matrix(first.major, first.minor, first.angle),
        ellipse_matrix(second.major, second.minor, second.angle),
    )


def _form(east: Floats, north: Floats, ee: Floats, en: Floats, nn: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return (nn * east**2 - 2 * en * east * north + ee * north**2) / (ee * nn - en**2)
