"""What is known of a Fermi source, in one word or two."""

from __future__ import annotations

import numpy as np

__all__ = ["LIKELY", "STATES", "SURE", "states_of"]

STATES = (
    "not observed",
    "partly observed",
    "observed, nothing found",
    "candidates, none likely",
    "confused",
    "likely counterpart",
    "counterpart",
)
"""What is known of a Fermi source, from nothing to all."""

# less of the positional probability than this is not observed, more than that is observed
_NOT_OBSERVED, _OBSERVED = 0.01, 0.8
LIKELY, SURE = 0.5, 0.8


def states_of(
    coverage: np.ndarray, candidates: np.ndarray, best_p: np.ndarray, sum_p: np.ndarray
) -> np.ndarray:
    """One of `STATES` for each source.

    Confused: one of the candidates is likely the counterpart, but which one is not.

    Parameters
    ----------
    coverage, candidates, best_p, sum_p : ndarray, shape (n,)
        Share of the positional probability that was seen, number of candidates, the largest of
        their probabilities, and the sum.
    """
    conditions = [
        best_p >= SURE,
        best_p >= LIKELY,
        sum_p >= LIKELY,
        (coverage < _NOT_OBSERVED) & (candidates == 0),
        coverage < _OBSERVED,
        candidates > 0,
    ]
    choices = [STATES[6], STATES[5], STATES[4], STATES[0], STATES[1], STATES[3]]
    return np.select(conditions, choices, STATES[2]).astype(object)
