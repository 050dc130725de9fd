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

import numpy as np
from numpy.typing import NDArray

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
    for members in _groups(source, xray, largest, n):
        size[members] = len(members)
        rows = np.flatnonzero(np.isin(source, members))
        table, names = _table(members, source[rows], xray[rows], share[rows])
        if len(members) <= LARGEST_GROUP:
            joint = _exact(table, none[members])
        else:
            joint = _by_messages(table, none[members])
        at_source = np.searchsorted(members, source[rows])
        probability[rows] = joint[at_source, np.searchsorted(names, xray[rows])]
        none[members] = np.maximum(1 - joint.sum(axis=1), 0.0)
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


def _table(
    members: Integers, source: Integers, xray: Integers, share: Floats
) -> tuple[Floats, Integers]:
    """Weights as a table, sources by candidates, and the candidates' numbers."""
    names = np.unique(xray)
    table = np.zeros((len(members), len(names)))
    table[np.searchsorted(members, source), np.searchsorted(names, xray)] = share
    return table, names


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


def _by_messages(table: Floats, none: Floats) -> Floats:
    """An approximation for large groups: belief propagation.

    A source tells each candidate how much it wants it beside what else there is for it; a
    candidate tells each source how much the others leave of it. In turns this converges; where no
    candidates close a circle of sources it is exact (Williams and Lau 2014, IEEE Transactions on
    Aerospace and Electronic Systems 50, 2942). No candidate's probabilities exceed 1.
    """
    left = np.ones_like(table)
    none = np.maximum(none, _LEAST_NONE)[:, None]
    for _ in range(_ROUNDS):
        before, offered = left, table * left
        # the sum over the others, by summing them: a difference would cancel
        wanted = table / (none + _sum_of_others(offered))
        left = 1 / (1 + _sum_of_others(wanted.T).T)
        if np.abs(left - before).max() < _ACCURACY:
            break
    return wanted / (1 + wanted.sum(axis=0))


def _sum_of_others(values: Floats) -> Floats:
    """Of each element, the sum of the others in its row."""
    to_the_left, to_the_right = np.zeros_like(values), np.zeros_like(values)
    to_the_left[:, 1:] = np.cumsum(values[:, :-1], axis=1)
    to_the_right[:, :-1] = np.cumsum(values[:, :0:-1], axis=1)[:, ::-1]
    return to_the_left + to_the_right
