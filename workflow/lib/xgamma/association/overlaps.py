"""Fermi sources that share candidates: no Chandra source is two of them at once.

Within a group of Fermi sources that share candidates, an assignment a has the probability
PROPORTIONAL TO PROD_s w(s, a_s), a_s one of the candidates or none, no candidate twice. The sum
over all assignments goes from candidate to candidate. F_i(B) is the weight of all ways in which
just the sources of a set B are among the first i candidates, each taken once at most:

    F_i(B) = F_{i-1}(B) + SUM over s in B of w(s, i) F_{i-1}(B without s)

H_i(B) is the same for the candidates after i, or none. With Z = H_0(all sources)

    P(s, i) = w(s, i) SUM over B without s of F_{i-1}(B) H_i(all but B and s) / Z

All terms are positive, so that nothing cancels, however sure sources are of the same candidate.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from xgamma.sky import ranges

__all__ = ["LARGEST_GROUP", "joint_probabilities"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LARGEST_GROUP = 8
"""Fermi sources in a group that is computed exactly; work grows as 2 to this power."""
# Sources are taken as one group if they may pick the same candidate at least this often, whatever
# the others leave them: less changes no probability by more.
_LEAST_AGREEMENT = 1e-6
# none of the candidates is never quite excluded, so that Z stays above 0
_LEAST_NONE = 1e-30
_ROUNDS, _ACCURACY = 500, 1e-12


def joint_probabilities(
    source: Integers, xray: Integers, weight: Floats, rest: Floats
) -> tuple[Floats, Floats, Integers]:
    """Probabilities of all candidates when none is two Fermi sources at once.

    Parameters
    ----------
    source, xray : ndarray of int, shape (k,)
        Fermi source and Chandra source of each candidate; a pair occurs once.
    weight : ndarray, shape (k,)
        w(s, i).
    rest : ndarray, shape (n,)
        R_s, the weight of none.

    Returns
    -------
    probability : ndarray, shape (k,)
    none : ndarray, shape (n,)
        Probability that a Fermi source is none of its candidates.
    group_size : ndarray of int, shape (n,)
        Fermi sources in its group; above `LARGEST_GROUP` an approximation was used, exact where
        no candidates close a circle of sources: see `_by_messages`.
    """
    n = len(rest)
    total = np.bincount(source, weight, minlength=n) + rest
    share = weight / total[source]
    probability, none, size = share.copy(), rest / total, np.ones(n, np.int64)
    # the largest share that a candidate can have: all others are taken
    largest = weight / (weight + rest[source])
    groups = _groups(source, xray, largest, n)
    for members, rows in zip(groups, _rows_of(groups, source, n), strict=True):
        size[members] = len(members)
        at_source = np.searchsorted(members, source[rows])
        names, at_name = np.unique(xray[rows], return_inverse=True)
        if len(members) <= LARGEST_GROUP:
            table = np.zeros((len(members), len(names)))
            table[at_source, at_name] = share[rows]
            joint = _exact(table, none[members])
            probability[rows], taken = joint[at_source, at_name], joint.sum(axis=1)
        else:
            joint = _by_messages(at_source, at_name, share[rows], none[members])
            probability[rows], taken = joint, np.bincount(at_source, joint, len(members))
        none[members] = np.maximum(1 - taken, 0.0)
    return probability, none, size


def _groups(source: Integers, xray: Integers, largest: Floats, n: int) -> list[Integers]:
    """Fermi sources that may pick the same candidate, as sorted groups of two and more."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    columns = np.unique(xray, return_inverse=True)[1]
    matrix = csr_array((largest, (source, columns)), shape=(n, len(xray) + 1))
    agreement = (matrix @ matrix.T).tocoo()
    linked = (agreement.row < agreement.col) & (agreement.data > _LEAST_AGREEMENT)
    links = csr_array(
        (np.ones(linked.sum()), (agreement.row[linked], agreement.col[linked])), shape=(n, n)
    )
    label = connected_components(links, directed=False)[1]
    order = np.argsort(label, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [part for part in parts if len(part) > 1]


def _rows_of(groups: list[Integers], source: Integers, n: int) -> list[Integers]:
    """The candidates of each group."""
    number = np.full(n, len(groups))
    for place, members in enumerate(groups):
        number[members] = place
    of_row = number[source]
    order = np.argsort(of_row, kind="stable")
    edges = np.searchsorted(of_row[order], np.arange(len(groups) + 1))
    return [order[first:last] for first, last in itertools.pairwise(edges)]


def _exact(table: Floats, none: Floats) -> Floats:
    """P(s, i) of a group: shape (sources, candidates), as the weights, which with none sum to 1."""
    sources, candidates = table.shape
    sets = np.arange(1 << sources)
    everyone = sets[-1]
    # bits are sources; for each source the sets without it
    without = [sets[sets >> row & 1 == 0] for row in range(sources)]
    before = np.zeros((candidates + 1, len(sets)))
    before[0, 0] = 1.0
    after = np.ones((candidates + 1, len(sets)))
    for row, others in enumerate(without):
        after[-1, others | 1 << row] *= max(none[row], _LEAST_NONE)
    for filled, order, step in (
        (before, range(candidates), 1),
        (after, range(candidates, 0, -1), -1),
    ):
        for place in order:
            filled[place + step] = filled[place]
            weights = table[:, min(place, place + step)]
            for row in np.flatnonzero(weights):
                others = without[row]
                filled[place + step, others | 1 << row] += weights[row] * filled[place, others]
    joint = np.empty_like(table)
    for row, others in enumerate(without):
        rest = everyone ^ others ^ 1 << row
        ways = (before[:-1, others] * after[1:, rest]).sum(axis=1)
        joint[row] = table[row] * ways / after[0, everyone]
    return joint


def _by_messages(source: Integers, candidate: Integers, share: Floats, none: Floats) -> Floats:
    """An approximation for large groups: belief propagation.

    A source tells each candidate how much it wants it beside what else there is for it; a
    candidate tells each source how much the others leave of it. In turns this converges; where no
    candidates close a circle of sources it is exact (Williams and Lau 2014, IEEE Transactions on
    Aerospace and Electronic Systems 50, 2942). No candidate's probabilities exceed 1.

    Parameters
    ----------
    source, candidate : ndarray of int, shape (k,)
        Of each pair, numbered in the group from 0.
    share : ndarray, shape (k,)
    none : ndarray, shape (sources,)

    Returns
    -------
    ndarray, shape (k,)
        Probability of each pair.
    """
    of_source, of_candidate = _Lines(source), _Lines(candidate)
    left = np.ones_like(share)
    none = np.maximum(none, _LEAST_NONE)[source]
    for _ in range(_ROUNDS):
        before, offered = left, share * left
        wanted = share / (none + of_source.sum_of_others(offered))
        left = 1 / (1 + of_candidate.sum_of_others(wanted))
        if np.abs(left - before).max() < _ACCURACY:
            break
    return wanted / (1 + np.bincount(candidate, wanted)[candidate])


class _Lines:
    """Values in lines of unlike lengths, as the pairs of each source or of each candidate."""

    def __init__(self, line: Integers) -> None:
        count = np.bincount(line)
        order = np.argsort(line, kind="stable")
        place = np.empty_like(order)
        place[order] = ranges(np.zeros_like(count), count)[1]
        self._at = line, place
        self._shape = len(count), int(count.max())

    def sum_of_others(self, values: Floats) -> Floats:
        """Of each value, the sum of the others in its line."""
        table = np.zeros(self._shape)
        table[self._at] = values
        # of those before it and of those after it: a difference from the whole would cancel
        others = np.zeros(self._shape)
        others[:, 1:] = np.cumsum(table[:, :-1], axis=1)
        others[:, :-1] += np.cumsum(table[:, :0:-1], axis=1)[:, ::-1]
        return others[self._at]
