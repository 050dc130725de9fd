"""Shares of Galactic and extragalactic sources by latitude, with their errors.

A share is given with its Wilson interval (Wilson 1927, JASA 22, 209).
"""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from xgamma.classes import CANDIDATE, EXTRAGALACTIC, GALACTIC, GROUPS, UNCLASSIFIED, group_of

__all__ = ["binomial_interval", "class_shares", "latitude_edges"]


def binomial_interval(
    successes: npt.ArrayLike, trials: npt.ArrayLike, confidence: float = 0.95
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give Wilson's score interval of a fraction.

    Parameters
    ----------
    successes, trials : array_like of int, shape (n,) or scalar
        Counts; ``0 <= successes <= trials``.
    confidence : float
        Probability content, two-sided, in (0, 1).

    Returns
    -------
    lower, upper : ndarray of float, shape (n,)
        Bounds in [0, 1]; NaN where there were no trials.

    Raises
    ------
    ValueError
        If there are more successes than trials, or negative counts.

    Notes
    -----
    Wilson 1927, J. Am. Stat. Assoc. 22, 209. Its coverage stays near the nominal one for
    few trials and fractions near 0, where the normal approximation fails (Brown, Cai and
    DasGupta 2001, Stat. Sci. 16, 101).
    """
    k = np.asarray(successes, dtype=float)
    n = np.asarray(trials, dtype=float)
    if np.any(k < 0) or np.any(k > n):
        raise ValueError("successes must lie between 0 and trials")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = k / n
        centre = (fraction + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(fraction * (1 - fraction) / n + z**2 / (4 * n**2))
        lower = np.clip(centre - half, 0.0, 1.0)
        upper = np.clip(centre + half, 0.0, 1.0)
    # Rounding would otherwise leave bounds of 1e-17 where the exact ones are 0 and 1.
    lower = np.where(k == 0, 0.0, lower)
    upper = np.where(k == n, 1.0, upper)
    nothing = n == 0
    return np.where(nothing, np.nan, lower), np.where(nothing, np.nan, upper)


def latitude_edges(latitude_cut_deg: float) -> list[float]:
    """Give the edges of the |b| bins, in degrees, from 0 to the cut."""
    edges = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
    return [edge for edge in edges if edge < latitude_cut_deg] + [float(latitude_cut_deg)]


def _in_bin(b_abs: npt.NDArray[np.float64], lower: float, upper: float) -> npt.NDArray[np.bool_]:
    """Select ``lower < |b| <= upper``; the first bin holds b = 0 as well."""
    above = b_abs >= lower if lower == 0 else b_abs > lower
    return np.asarray(above & (b_abs <= upper))


def class_shares(fermi: pd.DataFrame, latitude_cut_deg: float) -> pd.DataFrame:
    """Count the groups of classes by latitude and estimate what the unclassified ones are.

    Two estimates, neither of them right by itself:

    - the *naive* one: an unclassified source is Galactic as often as a classified one is;
    - the *expected* one: extragalactic sources are as dense on the sky in the plane as
      outside it, so their number outside, times the ratio of the areas, less those that are
      classified already, is what the unclassified ones can hold at equal sensitivity. The
      plane's diffuse emission makes the sensitivity there worse, so it is an upper limit;
      the rest is 'not extragalactic', which includes residuals of the diffuse model.

    Parameters
    ----------
    fermi : DataFrame, shape (n,)
        The whole sky: columns ``bii`` (deg, Galactic) and ``source_type``.
    latitude_cut_deg : float
        The plane is ``|b| <= latitude_cut_deg``.

    Returns
    -------
    DataFrame
        One row per |b| bin and, last, one for the whole plane (``is_total``). Bins contain
        their upper edge. Columns: ``b_min_deg, b_max_deg, is_total``; the counts
        ``n_galactic`` (without spp), ``n_spp, n_extragalactic, n_unclassified, n_all``;
        ``galactic_share`` of the classified ones, with and (``_without_spp``) without spp
        among them, each with ``_low`` and ``_high`` (Wilson, 95 %); the extragalactic share
        is one less it. ``expected_extragalactic`` from the density outside and its
        standard deviation (``_error``: Poisson of both counts); ``extragalactic_at_most``
        of the unclassified ones (a count, held within 0 and their number) and
        ``not_extragalactic_share`` of them, with ``_low`` and ``_high`` (two standard
        deviations). NaN where nothing can be said.
    """
    b_abs = np.abs(np.asarray(fermi["bii"], dtype=float))
    groups = np.array([group_of(name) for name in fermi["source_type"]], dtype=object)
    outside = int(np.sum((b_abs > latitude_cut_deg) & (groups == EXTRAGALACTIC)))
    edges = latitude_edges(latitude_cut_deg)
    bins = [(low, high, False) for low, high in pairwise(edges)]
    rows = []
    for low, high, is_total in [*bins, (0.0, edges[-1], True)]:
        inside = _in_bin(b_abs, low, high)
        count = {group: int(np.sum(inside & (groups == group))) for group in GROUPS}
        rows.append(
            {
                "b_min_deg": low,
                "b_max_deg": high,
                "is_total": is_total,
                "n_galactic": count[GALACTIC],
                "n_spp": count[CANDIDATE],
                "n_extragalactic": count[EXTRAGALACTIC],
                "n_unclassified": count[UNCLASSIFIED],
                "n_all": int(np.sum(inside)),
                **_expectation(low, high, latitude_cut_deg, outside),
            }
        )
    return _with_shares(pd.DataFrame(rows))


def _expectation(low: float, high: float, cut: float, outside: int) -> dict[str, float]:
    """Scale the extragalactic count outside the plane to a pair of strips at +-|b|."""
    area_outside = 1.0 - np.sin(np.radians(cut))
    if area_outside < 1e-9:  # a cut of 90 deg leaves no outside
        return {"expected_extragalactic": np.nan, "expected_extragalactic_error": np.nan}
    ratio = (np.sin(np.radians(high)) - np.sin(np.radians(low))) / area_outside
    expected = ratio * outside
    return {
        "expected_extragalactic": expected,
        # The count outside fluctuates, and so does the one that is to be seen inside.
        "expected_extragalactic_error": float(np.sqrt(ratio**2 * outside + expected)),
    }


def _with_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Add the shares and both estimates to the counts of `class_shares`."""
    galactic, extragalactic = table["n_galactic"], table["n_extragalactic"]
    for suffix, successes in (
        ("", galactic + table["n_spp"]),
        ("_without_spp", galactic),
    ):
        trials = successes + extragalactic
        low, high = binomial_interval(successes, trials)
        table[f"galactic_share{suffix}"] = successes / trials.where(trials > 0)
        table[f"galactic_share{suffix}_low"] = low
        table[f"galactic_share{suffix}_high"] = high
    unclassified = table["n_unclassified"]
    some = unclassified.where(unclassified > 0)
    missing = table["expected_extragalactic"] - extragalactic
    error = table["expected_extragalactic_error"]

    def held(count: pd.Series) -> pd.Series:
        return count.clip(lower=0).clip(upper=unclassified)

    table["extragalactic_at_most"] = held(missing)
    table["not_extragalactic_share"] = 1 - held(missing) / some
    table["not_extragalactic_share_low"] = 1 - held(missing + 2 * error) / some
    table["not_extragalactic_share_high"] = 1 - held(missing - 2 * error) / some
    return table
