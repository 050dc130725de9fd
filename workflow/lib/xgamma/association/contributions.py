"""Why a candidate is likely: its odds as a product of what each part of the model gives.

The odds that a candidate, rather than none of the catalogue, is the Fermi source are
eta A f q / (n R), in the words of `posterior`. In decimal logarithms that is a sum of four terms,
and two more lead from there to the probability that is published:

    position     log10(f a)            f, the density of the position, over that of a flat ellipse
    flux ratio   log10(q)              how usual the flux ratio is, per dex
    chance       -log10(n a)           chance sources in the ellipse, at that flux and per dex
    class        log10(eta A / R)      whether such a source is to be seen at all
    others       what is left: other candidates, and other Fermi sources that share them
    evidence     what the optical and infrared objects say

with a the area of the 95 % ellipse.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["TERMS", "contributions", "log_odds"]

Floats = NDArray[np.float64]

TERMS = ("position", "flux ratio", "chance", "class", "others", "evidence")
"""In the order in which they are summed."""

# beyond this odds are as good as certain, and 1 - P is rounding
_LARGEST = 9.0


def log_odds(p: Floats) -> Floats:
    """log10(p / (1 - p)), not beyond +-9.

    Parameters
    ----------
    p : ndarray
        Probabilities.
    """
    p = np.asarray(p, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.log10(p) - np.log10(1 - p), -_LARGEST, _LARGEST)


def contributions(
    candidates: pd.DataFrame, area_deg2: Floats, with_evidence: Floats | None = None
) -> pd.DataFrame:
    """The terms of each candidate.

    Parameters
    ----------
    candidates : DataFrame, k rows
        All candidates of each of the Fermi sources in it: `fermi_name, position_density,
        density, likelihood_ratio, p_alone, p_association` of `xgamma.stages.associate`.
    area_deg2 : ndarray, shape (k,)
        Area of the 95 % ellipse of the Fermi source.
    with_evidence : ndarray, shape (k,), optional
        The probability with the evidence; NaN where there is none.

    Returns
    -------
    DataFrame, k rows
        `TERMS`, whose sum is `log_odds` of the last probability that there is. NaN throughout
        where chance or the position has no density at all.
    """
    position = candidates["position_density"].to_numpy()
    chance = candidates["density"].to_numpy()
    ratio = candidates["likelihood_ratio"].to_numpy()
    alone = candidates["p_alone"].to_numpy()
    none = 1 - candidates.groupby("fermi_name", sort=False)["p_alone"].transform("sum").to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        # of each candidate against none of them, as if it were the only one
        odds = np.clip(np.log10(alone) - np.log10(np.maximum(none, 10**-_LARGEST)), -300, 300)
        terms = {
            "position": np.log10(position * area_deg2),
            "flux ratio": np.log10(ratio * chance / position),
            "chance": -np.log10(chance * area_deg2),
            "class": odds - np.log10(ratio),
        }
    joint = log_odds(candidates["p_association"].to_numpy())
    terms["others"] = joint - odds
    if with_evidence is None:
        with_evidence = np.full(len(candidates), np.nan)
    last = log_odds(with_evidence)
    terms["evidence"] = np.where(np.isfinite(last), last - joint, 0.0)
    return pd.DataFrame(terms)[list(TERMS)]
