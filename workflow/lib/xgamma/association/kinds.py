"""What a Fermi source may be, and how likely each is before any X-ray source is looked at.

A kind is a group of objects with one distribution of flux ratios. A classified source has its kind.
For the others the share of each kind comes from what the gamma rays alone say: how curved the
spectrum is, how hard, how variable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xgamma.association.parameters import GROUPS, KINDS, UNCLASSIFIED
from xgamma.classes import group_of

__all__ = ["KindShares", "kind_shares"]

Floats = NDArray[np.float64]

_PULSAR, _MILLISECOND, _GALAXY, _HIGH_MASS, _BINARY = range(len(KINDS))

# class in lower case -> (group, kind); without a kind the shares decide
_OF_CLASS: dict[str, tuple[str, int | None]] = {
    "psr": ("pulsar", _PULSAR),
    "pwn": ("pulsar", _PULSAR),
    "msp": ("millisecond pulsar", _MILLISECOND),
    "glc": ("millisecond pulsar", _MILLISECOND),
    "hmb": ("binary", _HIGH_MASS),
    "lmb": ("binary", _BINARY),
    "bin": ("binary", _BINARY),
    "nov": ("binary", _BINARY),
    # a remnant, a nebula, a star-forming region or the Centre: if a point source, a pulsar
    "spp": ("remnant", _PULSAR),
    "snr": ("remnant", _PULSAR),
    "sfr": ("remnant", _PULSAR),
    "gc": ("remnant", _PULSAR),
    "": (UNCLASSIFIED, None),
    "unk": (UNCLASSIFIED, None),
}
_OF_GALAXIES = ("active galaxy", _GALAXY)

# What unclassified sources of the plane are, if anything with an X-ray counterpart: stated, not
# measured. Half of them active galaxies, as many pulsars, few binaries.
_STATED_SHARES = np.array([0.24, 0.23, 0.47, 0.02, 0.04])
# A likelihood ratio counts with this power: features are not independent, and unclassified
# sources are fainter than those that teach.
_TRUST = 0.5
_LEAST_TEACHERS = 10


@dataclass(frozen=True)
class KindShares:
    """What sources may be.

    Attributes
    ----------
    group : ndarray of int, shape (n,)
        Of `GROUPS`.
    shares : ndarray, shape (n, kinds)
        Probability of each of `KINDS`, if it has an X-ray counterpart; rows sum to 1.
    teachers : dict of str to int
        Classified sources from which the gamma-ray properties of a kind were learnt; empty if the
        stated shares were used.
    """

    group: NDArray[np.int64]
    shares: Floats
    teachers: Mapping[str, int]


def kind_shares(
    classes: Sequence[str], catalogue: pd.DataFrame, teachers: pd.DataFrame
) -> KindShares:
    """Groups and kinds of Fermi sources.

    For unclassified sources the stated shares are multiplied by the likelihood of index, curvature
    and variability under each kind, a normal distribution for each property, learnt on classified
    sources; to the power 0.5. Curvature is `lp_sigcurv` over the square root of the significance,
    which takes out that bright sources show it more clearly.

    Parameters
    ----------
    classes : sequence of str, shape (n,)
        As 4FGL has them, stripped.
    catalogue : DataFrame, n rows
        `pl_index, lp_sigcurv, variability_index, detection_significance`, NaN where null.
    teachers : DataFrame
        The whole catalogue: those columns and `source_type`.

    Returns
    -------
    KindShares
    """
    of_class = [_group_and_kind(name) for name in classes]
    group = np.array([GROUPS.index(name) for name, _ in of_class], np.int64).reshape(len(of_class))
    shares = np.tile(_STATED_SHARES, (len(of_class), 1))
    open_rows = np.array([kind is None for _, kind in of_class], bool).reshape(len(of_class))
    for row, (_, kind) in enumerate(of_class):
        if kind is not None:
            shares[row] = np.eye(len(KINDS))[kind]
    likelihood, numbers = _likelihoods(_features(catalogue[open_rows]), teachers)
    shares[open_rows] *= likelihood
    return KindShares(group, shares / shares.sum(axis=1, keepdims=True), numbers)


def _group_and_kind(class_name: str) -> tuple[str, int | None]:
    """Of a class; one that is not known may be anything."""
    name = class_name.strip().lower()
    if group_of(name) == "extragalactic":
        return _OF_GALAXIES
    return _OF_CLASS.get(name, _OF_CLASS[""])


def _features(catalogue: pd.DataFrame) -> Floats:
    """Shape (n, 3): log10 variability, curvature per root significance, index; NaN where null."""
    with np.errstate(divide="ignore", invalid="ignore"):
        variability = np.log10(catalogue["variability_index"].to_numpy(float))
        significance = catalogue["detection_significance"].to_numpy(float)
        curvature = catalogue["lp_sigcurv"].to_numpy(float) / np.sqrt(significance)
    features = np.column_stack([variability, curvature, catalogue["pl_index"].to_numpy(float)])
    return np.where(np.isfinite(features), features, np.nan)


def _likelihoods(features: Floats, teachers: pd.DataFrame) -> tuple[Floats, dict[str, int]]:
    """Likelihood of features under each kind, shape (n, kinds), to the power `_TRUST`."""
    kinds = np.array(
        [
            -1 if kind is None or group == "remnant" else kind
            for group, kind in map(_group_and_kind, teachers["source_type"])
        ],
        np.int64,
    ).reshape(len(teachers))
    known = _features(teachers)
    # binaries are too few to teach each for itself
    kinds[kinds == _HIGH_MASS] = _BINARY
    logarithm, numbers = np.zeros((len(features), len(KINDS))), {}
    for kind in (_PULSAR, _MILLISECOND, _GALAXY, _BINARY):
        of_kind = known[kinds == kind]
        taught = np.isfinite(of_kind).sum(axis=0)
        if (taught < _LEAST_TEACHERS).any():
            return np.ones((len(features), len(KINDS))), {}
        mean, width = np.nanmean(of_kind, axis=0), np.nanstd(of_kind, axis=0)
        width = np.maximum(width, 1e-6)
        terms = -0.5 * ((features - mean) / width) ** 2 - np.log(width)
        # what is null says nothing
        logarithm[:, kind] = _TRUST * np.nansum(terms, axis=1)
        numbers[KINDS[kind]] = int(taught.min())
    logarithm[:, _HIGH_MASS] = logarithm[:, _BINARY]
    logarithm -= logarithm.max(axis=1, initial=-np.inf, keepdims=True)
    return np.exp(logarithm), numbers
