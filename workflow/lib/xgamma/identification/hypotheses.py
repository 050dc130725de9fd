"""What a Chandra source may be: every choice of at most one object of each survey.

A hypothesis says that the source and the objects chosen are one and the same. Where the Chandra
source lies at 0 with error covariance C_0, and the k - 1 chosen objects at x_i with C_i, the
positions have the density

    O = INT N(0; m, C_0) PROD N(x_i; m, C_i) dm ,

per arcsec2 for each object: Gaussians of one unknown place m. It is a product over the objects in
turn: where the positions before it have their common place y with covariance C (the first: 0 and
C_0), object i adds

    ln N(x_i - y; 0, S),   S = C + C_i ,

and after it y + C S^-1 (x_i - y) is the common place, with covariance C S^-1 C_i. Nothing is
subtracted from something as large as itself, so errors of 0.00002 arcsec do beside others of 10.

Circular errors make it Budavari and Szalay's Bayes factor (2008, ApJ 679, 301, eq. 18) divided by
(4 pi sr)^(k-1), the sky on which an unrelated object may lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xgamma.sky import ranges

__all__ = ["Hypotheses", "Neighbours", "Pair", "enumerate_hypotheses", "posterior", "sum_by"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# hypotheses at a time: what is computed of them stays in the cache
_PORTION = 2**15


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
    motion_covariance : ndarray, shape (n, 3), optional
        What the object's motion adds to the *source's* position where its epoch is not known well,
        arcsec2. Two objects that are one star move together: the first that is chosen tells.
    """

    source: Integers
    object: Integers
    east: Floats
    north: Floats
    covariance: Floats
    motion_covariance: Floats | None = None


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


@dataclass(frozen=True)
class Pair:
    """A place y with covariance C, and an object's position with C_i, as if of one thing.

    Covariances are lists of three arrays: east-east, east-north, north-north.

    Attributes
    ----------
    of_place, of_object : list of ndarray
        C and C_i.
    determinant : ndarray
        |S|.
    pull : tuple of two ndarray
        S^-1 (x_i - y).
    chi2, log_density : ndarray
        Squared distance in sigma, and ln N(x_i - y; 0, S).
    """

    of_place: list[Floats]
    of_object: list[Floats]
    determinant: Floats
    pull: tuple[Floats, Floats]
    chi2: Floats
    log_density: Floats

    @classmethod
    def of(cls, of_place: list[Floats], of_object: list[Floats], x: Floats, y: Floats) -> Pair:
        """Of positions that are (x, y) arcsec apart, east and north."""
        both = [one + other for one, other in zip(of_place, of_object, strict=True)]
        det = both[0] * both[2] - both[1] ** 2
        pull_x, pull_y = (both[2] * x - both[1] * y) / det, (both[0] * y - both[1] * x) / det
        distance = x * pull_x + y * pull_y
        log_density = -(np.log(2 * np.pi) + 0.5 * (np.log(det) + distance))
        return cls(of_place, of_object, det, (pull_x, pull_y), distance, log_density)

    @property
    def step(self) -> tuple[Floats, Floats]:
        """From y to the common place: C S^-1 (x_i - y)."""
        (pull_x, pull_y), place = self.pull, self.of_place
        return place[0] * pull_x + place[1] * pull_y, place[1] * pull_x + place[2] * pull_y

    @property
    def covariance(self) -> list[Floats]:
        """Of the common place: C S^-1 C_i = (|C_i| C + |C| C_i) / |S|."""
        det_place, det_object = (
            one[0] * one[2] - one[1] ** 2 for one in (self.of_place, self.of_object)
        )
        return [
            (det_object * one + det_place * other) / self.determinant
            for one, other in zip(self.of_place, self.of_object, strict=True)
        ]


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
        Choices whose positions scatter more than that about their common place are left out.
    """
    count = len(covariance)
    counts = [np.bincount(one.source, minlength=count) for one in surveys]
    first = [np.cumsum(number) - number for number in counts]
    total = np.cumsum(np.prod([np.ones(count), *(1.0 + number for number in counts)], axis=0))
    parts = []
    start, done = 0, 0.0
    while start < count:
        stop = max(start + 1, int(np.searchsorted(total, done + _PORTION, "right")))
        of_portion = slice(start, stop)
        parts.append(
            _enumerate(
                start,
                covariance[of_portion],
                surveys,
                [number[of_portion] for number in counts],
                [rows[of_portion] for rows in first],
                largest_chi2,
            )
        )
        start, done = stop, total[stop - 1]
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Hypotheses(none, np.empty((0, len(surveys)), dtype=np.int64), np.empty(0))
    return Hypotheses(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _enumerate(
    start: int,
    covariance: Floats,
    surveys: Sequence[Neighbours],
    counts: list[Integers],
    first: list[Integers],
    largest_chi2: float,
) -> tuple[Integers, Integers, Floats]:
    """The hypotheses of the sources from `start` on, as `Hypotheses` has them.

    `counts` and `first`, of each survey and source: how many neighbours, and the row of the first.
    """
    source, rows = np.arange(len(covariance)), []
    log_overlap, chi2 = np.zeros(len(source)), np.zeros(len(source))
    # the common place of what is chosen so far, and its covariance
    east, north = np.zeros(len(source)), np.zeros(len(source))
    place = [np.ascontiguousarray(part) for part in covariance.T]
    chosen_before = np.zeros(len(source), dtype=bool)
    for number, neighbours in enumerate(surveys):
        # each hypothesis as it is, and with each of the source's neighbours
        copies = 1 + counts[number][source]
        which, step = ranges(np.zeros_like(copies), copies)
        source = source[which]
        row = np.where(step > 0, first[number][source] + step - 1, -1)
        added = np.flatnonzero(step > 0)
        new, before = row[added], which[added]
        rows, log_overlap, chi2 = [one[which] for one in rows], log_overlap[which], chi2[which]
        rows.append(row)
        of_place = [part[before] for part in place]
        if neighbours.motion_covariance is not None:
            alone = ~chosen_before[before]
            of_place = [
                part + alone * motion
                for part, motion in zip(of_place, neighbours.motion_covariance[new].T, strict=True)
            ]
        pair = Pair.of(
            of_place,
            list(neighbours.covariance[new].T),
            neighbours.east[new] - east[before],
            neighbours.north[new] - north[before],
        )
        chi2[added] += pair.chi2
        log_overlap[added] += pair.log_density
        if number + 1 < len(surveys):
            east, north, chosen_before = east[which], north[which], chosen_before[which]
            step_east, step_north = pair.step
            east[added] += step_east
            north[added] += step_north
            chosen_before[added] = True
            place = [part[which] for part in place]
            for part, changed in zip(place, pair.covariance, strict=True):
                part[added] = changed
        if np.isfinite(largest_chi2):
            kept = np.flatnonzero(chi2 <= largest_chi2)
            source, log_overlap, chi2 = source[kept], log_overlap[kept], chi2[kept]
            rows = [one[kept] for one in rows]
            if number + 1 < len(surveys):
                east, north, chosen_before = east[kept], north[kept], chosen_before[kept]
                place = [part[kept] for part in place]
    row = np.stack(rows, axis=-1) if rows else np.empty((len(source), 0), dtype=np.int64)
    return source + start, row, log_overlap


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
