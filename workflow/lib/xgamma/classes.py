"""Source classes of the Fermi 4FGL catalogue: order, groups, shares.

4FGL writes a class in capitals when the source is *identified* (pulsations, correlated
variability, a resolved shape) and in small letters when it is only *associated* by position.
The case is information and is kept everywhere.

Classes: Abdollahi et al. 2020, ApJS 247, 33 (4FGL), table 7; Ballet et al. 2023,
arXiv:2307.12546 (4FGL-DR4).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = [
    "CLASSES",
    "GROUPS",
    "UNCLASSIFIED_LABEL",
    "binomial_interval",
    "class_shares",
    "fold_unknown",
    "group_of",
    "label_of",
    "latitude_edges",
    "ordered_classes",
]

Group = Literal["Galactic", "Galactic candidate (spp)", "unclassified", "extragalactic"]

GALACTIC: Group = "Galactic"
CANDIDATE: Group = "Galactic candidate (spp)"
UNCLASSIFIED: Group = "unclassified"
EXTRAGALACTIC: Group = "extragalactic"

GROUPS: tuple[Group, ...] = (GALACTIC, CANDIDATE, UNCLASSIFIED, EXTRAGALACTIC)
"""The four groups in the order of display."""

UNCLASSIFIED_LABEL = "unclassified"
"""What a blank class is called on a figure."""

MOST_UNKNOWN = 20
"""Classes outside the vocabulary that a figure shows one by one."""

# Capitals of 'spp' are 4FGL's as well: six such sources are in the plane.
_VOCABULARY: tuple[tuple[str, Group], ...] = (
    ("GC", GALACTIC),  # Galactic Centre
    ("PSR", GALACTIC),  # young pulsar
    ("MSP", GALACTIC),  # millisecond pulsar
    ("PWN", GALACTIC),  # pulsar wind nebula
    ("SNR", GALACTIC),  # supernova remnant
    ("GLC", GALACTIC),  # globular cluster
    ("HMB", GALACTIC),  # high-mass binary
    ("LMB", GALACTIC),  # low-mass binary
    ("BIN", GALACTIC),  # binary
    ("NOV", GALACTIC),  # nova
    ("SFR", GALACTIC),  # star-forming region
    ("SPP", CANDIDATE),  # supernova remnant or pulsar wind nebula, potentially
    ("", UNCLASSIFIED),  # no association
    ("UNK", UNCLASSIFIED),  # counterpart of unknown nature
    ("BCU", EXTRAGALACTIC),  # active galaxy, blazar candidate of uncertain type
    ("BLL", EXTRAGALACTIC),  # BL Lac object
    ("FSRQ", EXTRAGALACTIC),  # flat-spectrum radio quasar
    ("SSRQ", EXTRAGALACTIC),  # soft-spectrum radio quasar
    ("CSS", EXTRAGALACTIC),  # compact steep-spectrum radio source
    ("RDG", EXTRAGALACTIC),  # radio galaxy
    ("NLSY1", EXTRAGALACTIC),  # narrow-line Seyfert 1 galaxy
    ("SEY", EXTRAGALACTIC),  # Seyfert galaxy
    ("AGN", EXTRAGALACTIC),  # active galaxy, other
    ("SBG", EXTRAGALACTIC),  # starburst galaxy
    ("GAL", EXTRAGALACTIC),  # galaxy, or a part of one
)


def _both_cases(designation: str) -> tuple[str, ...]:
    """Give the identified and the associated spelling, in this order."""
    return (designation, designation.lower()) if designation else ("",)


CLASSES: dict[str, Group] = {
    spelling: group for designation, group in _VOCABULARY for spelling in _both_cases(designation)
}
"""Every known spelling with its group, in the order of display."""

_RANK = {name: rank for rank, name in enumerate(CLASSES)}


def _clean(designation: str) -> str:
    """Strip the blanks with which HEASARC pads a class."""
    return designation.strip()


def group_of(designation: str) -> Group:
    """Tell the group of a class.

    Parameters
    ----------
    designation : str
        A class as 4FGL spells it; blanks around it do not matter.

    Returns
    -------
    str
        One of `GROUPS`. A class that this vocabulary does not hold is 'unclassified': it is
        not known to be one or the other.
    """
    return CLASSES.get(_clean(designation), UNCLASSIFIED)


def label_of(designation: str) -> str:
    """Give the name of a class on a figure: itself, or 'unclassified' when blank."""
    return _clean(designation) or UNCLASSIFIED_LABEL


def fold_unknown(designations: pd.Series) -> pd.Series:
    """Strip classes; if they hold too many unknown ones for a figure, make those one.

    Parameters
    ----------
    designations : Series of str, shape (n,)

    Returns
    -------
    Series of str, shape (n,)
        More than `MOST_UNKNOWN` different classes that the vocabulary lacks have become
        '7195 unknown classes'.
    """
    classes = designations.str.strip()
    unknown = set(classes) - CLASSES.keys()
    if len(unknown) <= MOST_UNKNOWN:
        return classes
    return classes.where(classes.isin(list(CLASSES)), f"{len(unknown)} unknown classes")


def ordered_classes(designations: Iterable[str]) -> list[str]:
    """List the classes that occur, each once, from Galactic to extragalactic.

    Parameters
    ----------
    designations : iterable of str
        Classes of sources, in any order, with or without padding.

    Returns
    -------
    list of str
        Known classes in the order of `CLASSES`, then the others in alphabetical order.
    """
    present = {_clean(designation) for designation in designations}
    return sorted(present, key=lambda name: (_RANK.get(name, len(_RANK)), name))


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
