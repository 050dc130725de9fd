"""Which exchanged input explains what has changed of a source.

A source has changed if its state has, or its likeliest candidate, or that one's P by
`LEAST_CHANGE`. An input explains it if its exchange alone gives the new state and the new
candidate, and brings P to the new value: no further away than a tenth of the change, or 0.02.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from xgamma.comparison.chandra_lists import ChandraMatch
from xgamma.comparison.exchanges import Exchanges, Outcome

__all__ = ["LEAST_CHANGE", "SEVERAL", "changed_parts", "explanations", "same_candidates"]

LEAST_CHANGE = 0.05
"""A probability that changes by less counts as the same."""
SEVERAL = "several together"
"""The explanation where no input does it alone, nor two of them."""

_REST_SHARE, _REST = 0.1, 0.02


def same_candidates(best: NDArray, of_after: NDArray[np.bool_], match: ChandraMatch) -> NDArray:
    """Numbers of candidates that are the same for one source in both lists.

    Parameters
    ----------
    best : ndarray of int, shape (n,)
        Rows of a list, -1 for none.
    of_after : ndarray of bool, shape (n,)
        Whether it is the later list; else it is the earlier one.
    match : ChandraMatch
        Between the two.

    Returns
    -------
    ndarray of int, shape (n,)
        The row in the later list; of a source that only the earlier one has, -2 - its row there.
    """
    # a row of the later list is none of the earlier one
    row = np.where(of_after, -1, best)
    found = np.append(match.after, -1)[row]
    of_before = np.where(row < 0, -1, np.where(found >= 0, found, -2 - row))
    return np.where(of_after, best, of_before)


def changed_parts(
    start: Outcome, end: Outcome, match: ChandraMatch
) -> dict[str, NDArray[np.bool_]]:
    """What has changed of n sources: 'state', 'candidate', 'P', each of shape (n,)."""
    n = len(start.best)
    return {
        "state": start.state != end.state,
        "candidate": same_candidates(start.best, np.zeros(n, bool), match) != end.best,
        "P": np.abs(start.best_p - end.best_p) >= LEAST_CHANGE,
    }


def explanations(
    start: Outcome, end: Outcome, exchanges: Exchanges, match: ChandraMatch
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The inputs that explain the change of each source.

    Parameters
    ----------
    start, end : Outcome, n sources
        Of the first and of the second run.
    exchanges : Exchanges
        Of the same sources.
    match : ChandraMatch
        Between the Chandra lists.

    Returns
    -------
    explained : ndarray of str, shape (n,)
        The inputs whose exchange alone does it, in the order of `INPUTS`, as 'position, ellipse';
        if there is none, the two that do it together, as 'position + ellipse', those that leave
        the least of the change of P; `SEVERAL` if no two do; '' where nothing has changed.
    nearest : ndarray of str, shape (n,)
        The input whose exchange alone brings P nearest to the new value, if one brings it nearer
        at all; '' where nothing has changed.
    """
    n = len(start.best)
    has_changed = np.any(list(changed_parts(start, end, match).values()), axis=0)
    change = np.abs(end.best_p - start.best_p)
    explained: list[list[str]] = [[] for _ in range(n)]
    nearest, least = np.full(n, "", dtype=object), change.copy()
    differing = exchanges.differing
    for which in differing:
        rest, does_it = _rest(exchanges.outcome(which), end, change, match, (which,))
        for row in np.flatnonzero(does_it & has_changed):
            explained[row].append(which)
        # a step of rounding is none
        nearer = (rest < least - 1e-9) & has_changed
        nearest[nearer], least[nearer] = which, rest[nearer]
    words = np.array([", ".join(inputs) for inputs in explained], object).reshape(n)
    is_open = has_changed & (words == "")
    words[is_open], least = SEVERAL, np.full(n, np.inf)
    for pair in combinations(differing, 2) if is_open.any() else ():
        rest, does_it = _rest(exchanges.outcome(*pair), end, change, match, pair)
        better = is_open & does_it & (rest < least - 1e-9)
        words[better], least[better] = " + ".join(pair), rest[better]
    return words, nearest


def _rest(
    outcome: Outcome,
    end: Outcome,
    change: NDArray[np.float64],
    match: ChandraMatch,
    inputs: Sequence[str],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What of the change of P an outcome leaves, and whether it is the new one."""
    of_after = np.full(len(change), "candidates" in inputs)
    rest = np.abs(outcome.best_p - end.best_p)
    does_it = (
        (outcome.state == end.state)
        & (same_candidates(outcome.best, of_after, match) == end.best)
        & (rest <= np.maximum(_REST_SHARE * change, _REST))
    )
    return rest, does_it
