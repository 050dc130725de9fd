"""Which objects of different surveys are the same: a star of Gaia is mostly one of 2MASS, too.

Two objects are linked if each is the other's nearest (in sigma) and they are near enough. What is
linked is a group: at most one object of each survey. The field around a Chandra source is then a
field of groups, and a group is by chance where it is once, not once for each survey. With F(S)
the density of finding the objects S of one group,

    F(S) = n(pattern of S) O(S),   F(nothing) = 1,

n the groups of this pattern per arcsec2 and O the overlap of their positions (`hypotheses`), a
hypothesis that chooses S of group G explains what the field would give with F(G) and leaves
F(G - S) to it: it counts F(G - S) / F(G). For unlinked objects that is 1 / n for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xgamma.identification.ellipses import circular, squared_distance
from xgamma.identification.hypotheses import Hypotheses, Pair
from xgamma.sky import match_within, position_angle, separation

__all__ = ["Groups", "Objects", "field_factors", "link"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# of one object's positions 0.1 % scatter more than this: exp(-chi2 / 2)
_LARGEST_CHI2 = 13.8
# objects further apart are never linked, whatever their errors
_LARGEST_ARCSEC = 3.0


@dataclass(frozen=True)
class Objects:
    """The objects of one survey.

    Attributes
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS, degrees, at `epoch`.
    covariance : ndarray, shape (n, 3)
        Of these positions, arcsec2.
    epoch : ndarray, shape (n,)
        Years.
    motion : ndarray, shape (n, 2)
        Proper motion, arcsec/yr east and north; 0 where it is not known.
    motion_sigma : ndarray, shape (n,)
        Its error on each axis, arcsec/yr; where it is not known, how large motions are.
    magnitude : ndarray, shape (n,)
        NaN where there is none.
    """

    ra: Floats
    dec: Floats
    covariance: Floats
    epoch: Floats
    motion: Floats
    motion_sigma: Floats
    magnitude: Floats

    def __len__(self) -> int:
        return len(self.ra)


@dataclass(frozen=True)
class Groups:
    """Linked objects.

    Attributes
    ----------
    of : list of ndarray
        For each survey, the group of each object.
    members : ndarray of int, shape (g, surveys)
        The object of each survey, or -1.
    log_overlap : ndarray, shape (g, 2**surveys)
        ln O of each subset of a group's objects (bit s: survey s); NaN for what it has not.
    """

    of: list[Integers]
    members: Integers
    log_overlap: Floats

    @property
    def pattern(self) -> Integers:
        """In which surveys each group is, shape (g,): bit s for survey s."""
        return (self.members >= 0) @ (1 << np.arange(self.members.shape[1]))


def link(surveys: Sequence[Objects]) -> Groups:
    """Link the objects of surveys, each with the surveys before it.

    Parameters
    ----------
    surveys : sequence of Objects
        The best positions and motions first: where a member has a motion, it is the group's.
    """
    count = len(surveys)
    of: list[Integers] = []
    members = np.empty((0, count), dtype=np.int64)
    for number, objects in enumerate(surveys):
        group = np.full(len(objects), -1)
        for earlier in range(number):
            first, second = _mutual(surveys[earlier], objects)
            free = (group[second] < 0) & (members[of[earlier][first], number] < 0)
            group[second[free]] = of[earlier][first[free]]
            members[group[second[free]], number] = second[free]
        alone = np.flatnonzero(group < 0)
        group[alone] = len(members) + np.arange(len(alone))
        new = np.full((len(alone), count), -1)
        new[:, number] = alone
        members = np.concatenate([members, new])
        of.append(group)
    return Groups(of, members, _overlaps(surveys, members))


def _mutual(one: Objects, other: Objects) -> tuple[Integers, Integers]:
    """Pairs that are each other's nearest in sigma, and near enough."""
    # as far as each may have moved since
    ends = np.concatenate([one.epoch, other.epoch])
    years = np.ptp(ends) if len(ends) else 0.0
    reach = _LARGEST_ARCSEC + np.hypot(*one.motion.T) * years
    a, b, apart = match_within(one.ra, one.dec, reach / 3600, other.ra, other.dec)
    east, north, covariance = _offsets(one, a, other, b, apart)
    chi2 = squared_distance(covariance, east, north)
    near = np.flatnonzero((chi2 <= _LARGEST_CHI2) & (np.hypot(east, north) <= _LARGEST_ARCSEC))
    near = near[np.lexsort((b[near], a[near], chi2[near]))]
    best_of_a = near[_first(a[near])]
    best_of_b = near[_first(b[near])]
    both = np.intersect1d(best_of_a, best_of_b)
    return a[both], b[both]


def _first(values: Integers) -> Integers:
    """Where each value stands for the first time."""
    return np.unique(values, return_index=True)[1]


def _offsets(one: Objects, a: Integers, other: Objects, b: Integers, apart: Floats):
    """Offset and its covariance from objects a to b, at b's epoch."""
    angle = np.radians(position_angle(one.ra[a], one.dec[a], other.ra[b], other.dec[b]))
    years = other.epoch[b] - one.epoch[a]
    east = 3600 * apart * np.sin(angle) - years * one.motion[a, 0]
    north = 3600 * apart * np.cos(angle) - years * one.motion[a, 1]
    moved = circular(one.motion_sigma[a] * years)
    return east, north, one.covariance[a] + other.covariance[b] + moved


def _overlaps(surveys: Sequence[Objects], members: Integers) -> Floats:
    """ln O of each group's subsets, about the position of its first object."""
    count, number = members.shape
    log_overlap = np.full((count, 2**number), np.nan)
    log_overlap[:, 0] = 0.0
    # positions at the epoch of the first member, whose motion carries them there
    first = (members >= 0).argmax(axis=1) if count else np.zeros(0, dtype=np.int64)
    covariances = np.zeros((number, 3, count))
    offsets = np.zeros((number, 2, count))
    for survey in range(number):
        for origin in range(survey + 1):
            rows = np.flatnonzero((members[:, survey] >= 0) & (first == origin))
            a, b = members[rows, origin], members[rows, survey]
            one, other = surveys[origin], surveys[survey]
            apart = separation(one.ra[a], one.dec[a], other.ra[b], other.dec[b])
            east, north, _ = _offsets(one, a, other, b, apart)
            moved = circular(one.motion_sigma[a] * (other.epoch[b] - one.epoch[a]))
            covariances[survey][:, rows] = (other.covariance[b] + moved).T
            offsets[survey][:, rows] = east, north
    for subset in range(1, 2**number):
        chosen = [survey for survey in range(number) if subset >> survey & 1]
        rows = np.flatnonzero((members[:, chosen] >= 0).all(axis=1))
        place = list(covariances[chosen[0]][:, rows])
        east, north = offsets[chosen[0]][:, rows]
        total = np.zeros(len(rows))
        for survey in chosen[1:]:
            x, y = offsets[survey][:, rows]
            pair = Pair.of(place, list(covariances[survey][:, rows]), x - east, y - north)
            total += pair.log_density
            step_east, step_north = pair.step
            east, north, place = east + step_east, north + step_north, pair.covariance
        log_overlap[rows, subset] = total
    return log_overlap


def field_factors(
    hypotheses: Hypotheses, chosen_objects: Integers, groups: Groups, log_density: Mapping | Floats
) -> Floats:
    """ln of PROD F(G - S) / F(G) for each hypothesis, shape (h,).

    Parameters
    ----------
    hypotheses : Hypotheses
    chosen_objects : ndarray of int, shape (h, surveys)
        The object that each hypothesis chooses of each survey, or -1.
    groups : Groups
    log_density : ndarray, shape (sources, 2**surveys)
        ln of the groups of each pattern per arcsec2 around each source. Column 0 is not used.
    """
    number = chosen_objects.shape[1]
    factor = np.zeros(len(chosen_objects))
    pattern = groups.pattern
    group = np.full(chosen_objects.shape, -1)
    for survey in range(number):
        rows = chosen_objects[:, survey] >= 0
        group[rows, survey] = groups.of[survey][chosen_objects[rows, survey]]
    density = np.array(log_density, float)
    density[:, 0] = 0.0  # F(nothing) = 1
    for survey in range(number):
        same = (group == group[:, survey, None]) & (group[:, survey, None] >= 0)
        # each group once, where its first object is
        rows = np.flatnonzero(same.any(axis=1) & (same.argmax(axis=1) == survey))
        taken = same[rows] @ (1 << np.arange(number))
        of, source = group[rows, survey], hypotheses.source[rows]
        whole = pattern[of]
        left = whole & ~taken
        factor[rows] += (
            density[source, left]
            + groups.log_overlap[of, left]
            - density[source, whole]
            - groups.log_overlap[of, whole]
        )
    return factor
