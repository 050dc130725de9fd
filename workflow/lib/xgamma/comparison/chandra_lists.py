"""Which Chandra sources of two lists are the same: by position alone, as names change.

Two positions are one source if they lie within their joint error, 99.7 % of it, and each is the
other's nearest in units of that error. Errors of two releases are not independent where the
observations are the same; there positions agree better than that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xgamma.association.positions import K95
from xgamma.sky import match_within

__all__ = ["ChandraList", "ChandraMatch", "match_chandra_lists"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# in units of the joint 95 % error: 0.3 % lie beyond
_REACH = float(np.sqrt(-np.log(0.003) / K95))
# Chandra's systematic error, which no source is without; arcsec, 95 %
_LEAST_ERROR_ARCSEC = 0.29


@dataclass(frozen=True)
class ChandraList:
    """A list of n X-ray sources.

    Attributes
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS degrees.
    flux : ndarray, shape (n,)
        erg/cm2/s, 0.5-7 keV; NaN or 0 for none.
    error_major, error_minor, error_angle : ndarray, shape (n,)
        95 % ellipse: semi-axes in arcsec, position angle in degrees; NaN where null.
    """

    ra: Floats
    dec: Floats
    flux: Floats
    error_major: Floats
    error_minor: Floats
    error_angle: Floats

    def __len__(self) -> int:
        return len(self.ra)


@dataclass(frozen=True)
class ChandraMatch:
    """Where the sources of one list are in the other.

    Attributes
    ----------
    after : ndarray of int, shape (n,)
        Of each source of the earlier list, its row in the later one; -1 if it is not there.
    before : ndarray of int, shape (m,)
        The same the other way round.
    n_after : ndarray of int, shape (n,)
        Of each source of the earlier list, how many of the later one lie within the errors.
    separation_arcsec : ndarray, shape (n,)
        NaN without one.
    """

    after: Integers
    before: Integers
    n_after: Integers
    separation_arcsec: Floats


def match_chandra_lists(before: ChandraList, after: ChandraList) -> ChandraMatch:
    """The sources of one list in the other, one for one.

    The error of a position is its 95 % semi-major axis, 0.29 arcsec at least.

    Parameters
    ----------
    before, after : ChandraList

    Returns
    -------
    ChandraMatch
    """
    error, other_error = (
        np.fmax(np.nan_to_num(one.error_major), _LEAST_ERROR_ARCSEC) / 3600
        for one in (before, after)
    )
    pairs = []
    # the few large errors apart: circles as large as they would hold all that is around
    large = other_error > 4 * np.median(other_error) if len(after) else np.zeros(0, bool)
    for part in (np.flatnonzero(~large), np.flatnonzero(large)):
        if len(part) and len(before):
            reach = _REACH * np.hypot(error, other_error[part].max()) * 1.0001
            row, other, apart = match_within(
                before.ra, before.dec, reach, after.ra[part], after.dec[part]
            )
            pairs.append((row, part[other], apart))
    row, other, apart = (
        np.concatenate([pair[place] for pair in pairs])
        if pairs
        else np.zeros(0, np.int64 if place < 2 else float)
        for place in range(3)
    )
    x = apart / np.hypot(error[row], other_error[other])
    near = x <= _REACH
    row, other, apart, x = row[near], other[near], apart[near], x[near]
    nearest, of_others = (
        _nearest(*sides, x, size) for sides, size in (
            ((row, other), len(before)), ((other, row), len(after)),
        )
    )  # fmt: skip
    mutual = (nearest >= 0) & (np.append(of_others, -1)[nearest] == np.arange(len(before)))
    found = np.where(mutual, nearest, -1)
    back = np.full(len(after), -1)
    back[found[mutual]] = np.flatnonzero(mutual)
    separation_arcsec = np.full(len(before), np.nan)
    chosen = found[row] == other
    separation_arcsec[row[chosen]] = 3600 * apart[chosen]
    return ChandraMatch(found, back, np.bincount(row, minlength=len(before)), separation_arcsec)


def _nearest(row: Integers, other: Integers, x: Floats, size: int) -> Integers:
    """Of each row, the other with the least x, the first of equal ones; -1 without any."""
    order = np.lexsort((other, x, row))[::-1]
    nearest = np.full(size, -1)
    # the last that is written stays
    nearest[row[order]] = other[order]
    return nearest
