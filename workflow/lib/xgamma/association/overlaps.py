"""Fermi sources that share candidates: no Chandra source is two of them at once.

Within a group of Fermi sources that share candidates, an assignment a has the probability
PROPORTIONAL TO PROD_s w(s, a_s), a_s one of the candidates or none, no candidate twice. The sum
over all assignments is that over all choices, less those in which sources agree: with the sums
p_B = SUM_i PROD_{s in B} w(s, i) over the candidates that all sources of a set B share, and T_s =
R_s + p_{s}, it is

    Z = SUM over partitions of the sources into sets B of PROD_B c_B,
    c_{s} = T_s,   c_B = (-1)^(|B| - 1) (|B| - 1)! p_B for two and more

(Moebius inversion on the lattice of partitions; Stanley, Enumerative Combinatorics 1, example
3.10.4). P(s, i) = w(s, i) Z without s and i / Z. This is exact, whatever the number of candidates.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST_GROUP", "joint_probabilities"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LARGEST_GROUP = 8
"""Fermi sources in a group that is computed exactly; work grows as 3 to this power."""
# Sources are taken as one group if they pick the same candidate at least this often when each
# chooses for itself: less changes no probability by more.
_LEAST_AGREEMENT = 1e-6
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
        Fermi sources in its group; above `LARGEST_GROUP` an approximation was used: each source's
        probabilities are those of the candidates that the others leave, in repeated turns.
    """
    n = len(rest)
    total = np.bincount(source, weight, minlength=n) + rest
    share = weight / total[source]
    probability, none, size = share.copy(), rest / total, np.ones(n, np.int64)
    for members in _groups(source, xray, share, n):
        size[members] = len(members)
        rows = np.flatnonzero(np.isin(source, members))
        table, names = _table(members, source[rows], xray[rows], share[rows])
        if len(members) <= LARGEST_GROUP:
            joint = _exact(table, none[members])
        else:
            joint = _in_turns(table, none[members])
        at_source = np.searchsorted(members, source[rows])
        probability[rows] = joint[at_source, np.searchsorted(names, xray[rows])]
        none[members] = 1 - joint.sum(axis=1)
    return probability, none, size


def _groups(source: Integers, xray: Integers, share: Floats, n: int) -> list[Integers]:
    """Fermi sources that may pick the same candidate, as sorted groups of two and more."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    columns = np.unique(xray, return_inverse=True)[1]
    matrix = csr_array((share, (source, columns)), shape=(n, len(xray) + 1))
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
    sources = len(table)
    everyone = (1 << sources) - 1
    # PROD over the sources of a set, for each candidate
    products = np.ones((1 << sources, table.shape[1]))
    for members in range(1, 1 << sources):
        lowest = (members & -members).bit_length() - 1
        products[members] = products[members & (members - 1)] * table[lowest]
    sums = products.sum(axis=1)

    def count(members: int, without: Floats) -> Floats:
        """Z of a set of sources when each candidate, one after the other, is taken away."""
        z: dict[int, Floats] = {0: np.ones(len(without[0]) if len(without) else 0)}
        subsets = [s for s in range(1, members + 1) if s & ~members == 0]
        for subset in subsets:
            first = subset & -subset
            others = subset ^ first
            value, part = 0.0, others
            while True:
                block = first | part
                length = block.bit_count()
                sign = (-1.0) ** (length - 1) * factorial(length - 1)
                power = sums[block] - without[block]
                if length == 1:
                    power = power + none[first.bit_length() - 1]
                value = value + sign * power * z[subset ^ block]
                if not part:
                    break
                part = (part - 1) & others
            z[subset] = value
        return z[members]

    whole = float(count(everyone, np.zeros((1 << sources, 1)))[0])
    joint = np.empty_like(table)
    for row in range(sources):
        joint[row] = table[row] * count(everyone ^ (1 << row), products) / whole
    return np.clip(joint, 0.0, 1.0)


def _in_turns(table: Floats, none: Floats) -> Floats:
    """An approximation for large groups: each source chooses of what the others leave."""
    joint = table.copy()
    for _ in range(_ROUNDS):
        before = joint.copy()
        for row in range(len(table)):
            left = np.prod(1 - np.delete(joint, row, axis=0), axis=0)
            weight = table[row] * left
            joint[row] = weight / (weight.sum() + none[row])
        if np.abs(joint - before).max() < _ACCURACY:
            break
    return joint
