"""What a Chandra source may be: every choice of at most one object of each survey.

A hypothesis says that the source and the objects chosen are one and the same. Where the Chandra
source lies at 0 with error covariance C_0, and the k - 1 chosen objects at x_i with C_i, the
positions have the density

    O = INT N(0; m, C_0) PROD N(x_i; m, C_i) dm ,

per arcsec2 for each object: Gaussians of one unknown place m. With weights P_i = C_i^-1 and
P = SUM P_i that is

    ln O = -(k - 1) ln 2 pi + 1/2 SUM ln |P_i| - 1/2 ln |P|
           - 1/2 [SUM x_i' P_i x_i - (SUM P_i x_i)' P^-1 (SUM P_i x_i)] .

Circular errors make it Budavari and Szalay's Bayes factor (2008, ApJ 679, 301, eq. 18) divided by
(4 pi sr)^(k-1), the sky on which an unrelated object may lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xgamma.identification.ellipses import determinant, inverse

__all__ = ["Hypotheses", "Neighbours", "enumerate_hypotheses", "posterior", "sum_by"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Neighbours:
    """The objects of one survey around Chandra sources, a row for each source and object.

    Attributes
    ----------
    source : ndarray of int, shape (n,)
        Rising.
    object : ndarray of int, shape (n,)
        Row of the survey's objects.
    east, north : ndarray, shape (n,)
        Offset of the object from the source at the source's epoch, arcsec.
    covariance : ndarray, shape (n, 3)
        Of the object's position at that epoch, arcsec2.
    """

    source: Integers
    object: Integers
    east: Floats
    north: Floats
    covariance: Floats


@dataclass(frozen=True)
class Hypotheses:
    """Every choice, sorted by source; the first of each source chooses nothing.

    Attributes
    ----------
    source : ndarray of int, shape (h,)
    row : ndarray of int, shape (h, surveys)
        Row of the survey's neighbours; -1 if none is chosen.
    log_overlap : ndarray, shape (h,)
        ln O above; 0 for the choice of nothing.
    """

    source: Integers
    row: Integers
    log_overlap: Floats

    @property
    def pattern(self) -> Integers:
        """From which surveys an object is chosen: bit s for survey s."""
        return (self.row >= 0) @ (1 << np.arange(self.row.shape[1]))


def enumerate_hypotheses(
    covariance: Floats, surveys: Sequence[Neighbours], largest_chi2: float = np.inf
) -> Hypotheses:
    """All hypotheses about Chandra sources.

    Parameters
    ----------
    covariance : ndarray, shape (n, 3)
        Of the sources' positions, arcsec2.
    surveys : sequence of Neighbours
    largest_chi2 : float
        Choices whose positions scatter more than that (the bracket above) are left out.
    """
    count = len(covariance)
    weight = inverse(covariance)
    source, row = np.arange(count), np.empty((count, 0), dtype=np.int64)
    # of each hypothesis: P, SUM P x (east, north), SUM x'Px, SUM ln |P_i|
    total, pull = weight, np.zeros((count, 2))
    square, log_dets = np.zeros(count), np.log(determinant(weight))
    for neighbours in surveys:
        weight = inverse(neighbours.covariance)
        x, y = neighbours.east, neighbours.north
        pulled = np.stack(
            [weight[:, 0] * x + weight[:, 1] * y, weight[:, 1] * x + weight[:, 2] * y], axis=-1
        )
        squared = x * pulled[:, 0] + y * pulled[:, 1]
        log_det = np.log(determinant(weight))
        # each hypothesis as it is, and with each of the source's neighbours
        counts = np.bincount(neighbours.source, minlength=count)
        first = np.cumsum(counts) - counts
        copies = 1 + counts[source]
        which = np.repeat(np.arange(len(source)), copies)
        step = np.arange(len(which)) - np.repeat(np.cumsum(copies) - copies, copies)
        chosen = np.where(step > 0, first[source[which]] + step - 1, -1)
        source = source[which]
        row = np.concatenate([row[which], chosen[:, None]], axis=1)
        total, pull, square, log_dets = (
            values[which] for values in (total, pull, square, log_dets)
        )
        added = np.flatnonzero(chosen >= 0)
        new = chosen[added]
        total[added] += weight[new]
        pull[added] += pulled[new]
        square[added] += squared[new]
        log_dets[added] += log_det[new]
        if np.isfinite(largest_chi2):
            kept = _scatter(total, pull, square) <= largest_chi2
            source, row, total, pull, square, log_dets = (
                values[kept] for values in (source, row, total, pull, square, log_dets)
            )
    chosen = (row >= 0).sum(axis=1)
    log_overlap = (
        -chosen * np.log(2 * np.pi)
        + 0.5 * (log_dets - np.log(determinant(total)))
        - 0.5 * _scatter(total, pull, square)
    )
    return Hypotheses(source, row, np.where(chosen > 0, log_overlap, 0.0))


def _scatter(total: Floats, pull: Floats, square: Floats) -> Floats:
    """The bracket above: chi2 of the positions about their common place."""
    east, north = pull[:, 0], pull[:, 1]
    mean = total[:, 2] * east**2 - 2 * total[:, 1] * east * north + total[:, 0] * north**2
    return square - mean / determinant(total)


def posterior(source: Integers, log_weight: Floats) -> Floats:
    """The probabilities of hypotheses: of each source's, they add up to 1.

    Parameters
    ----------
    source : ndarray of int, shape (h,)
        Rising.
    log_weight : ndarray, shape (h,)
        Natural log of prior times likelihood.
    """
    if not len(source):
        return np.zeros(0)
    first = np.flatnonzero(np.diff(source, prepend=-1))
    counts = np.diff(first, append=len(source))
    weight = np.exp(log_weight - np.repeat(np.maximum.reduceat(log_weight, first), counts))
    return weight / np.repeat(np.add.reduceat(weight, first), counts)


def sum_by(row: Integers, values: Floats, count: int) -> Floats:
    """The sum of values by the row that each belongs to, shape (count,); row -1 is left out."""
    chosen = row >= 0
    return np.bincount(row[chosen], weights=values[chosen], minlength=count)
