"""Which exchanged input explains what has changed of a source.

A source has changed if its state has, or its likeliest candidate, or that one's P by
`LEAST_CHANGE`. An input explains it if its exchange alone gives the new state and the new
candidate, and brings P to the new value: no further away than a tenth of the change, or 0.02.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xgamma.comparison.chandra_lists import ChandraMatch
from xgamma.comparison.exchanges import INPUTS, Outcome

__all__ = ["LEAST_CHANGE", "SEVERAL", "changed_parts", "explanations", "same_candidates"]

LEAST_CHANGE = 0.05
"""A probability that changes by less counts as the same."""
SEVERAL = "several together"
"""The explanation where no input does it alone."""

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
    found = np.append(match.after, -1)[best]
    of_before = np.where(best < 0, -1, np.where(found >= 0, found, -2 - best))
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
    start: Outcome, end: Outcome, exchanged: Mapping[str, Outcome], match: ChandraMatch
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The inputs that explain the change of each source.

    Parameters
    ----------
    start, end : Outcome, n sources
        Of the first and of the second run.
    exchanged : mapping of str to Outcome
        As `exchanged_outcomes` gives them.
    match : ChandraMatch
        Between the Chandra lists.

    Returns
    -------
    explained : ndarray of str, shape (n,)
        The inputs whose exchange alone does it, in the order of `INPUTS`, as 'position, ellipse';
        `SEVERAL` if none does; '' where nothing has changed.
    nearest : ndarray of str, shape (n,)
        The input whose exchange alone brings P nearest to the new value, if one brings it nearer
        at all; '' where nothing has changed.
    """
    n = len(start.best)
    has_changed = np.any(list(changed_parts(start, end, match).values()), axis=0)
    change = np.abs(end.best_p - start.best_p)
    explained = [[] for _ in range(n)]
    nearest = np.full(n, "", dtype=object)
    least = change.copy()
    for which in INPUTS:
        if which not in exchanged:
            continue
        outcome = exchanged[which]
        of_after = np.full(n, which == "candidates")
        rest = np.abs(outcome.best_p - end.best_p)
        does_it = (
            (outcome.state == end.state)
            & (same_candidates(outcome.best, of_after, match) == end.best)
            & (rest <= np.maximum(_REST_SHARE * change, _REST))
        )
        for row in np.flatnonzero(does_it & has_changed):
            explained[row].append(which)
        # a step of rounding is none
        nearer = (rest < least - 1e-9) & has_changed
        nearest[nearer], least[nearer] = which, rest[nearer]
    words = [
        ", ".join(inputs) or SEVERAL if changed else ""
        for inputs, changed in zip(explained, has_changed, strict=True)
    ]
    return np.array(words, object).reshape(n), nearest
