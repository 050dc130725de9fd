"""Fermi sources whose counterpart is known: does the right Chandra source come first?

Truth are pulsars, millisecond pulsars, binaries, novae and identified nebulae of 4FGL, with the
position of the counterpart that 4FGL gives: they were found by their pulsations or orbits, not by
an X-ray source at the right place. What was learnt from a source does not judge it: the model is
fitted without its part of the sources.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xgamma.association.fields import Fields
from xgamma.association.kinds import KindShares
from xgamma.association.learning import LEAST_WEIGHT, fit_model
from xgamma.association.posterior import Candidates, Model, posterior
from xgamma.sky import separation

__all__ = ["Known", "judge_known", "known_classes"]

Floats = NDArray[np.float64]

# a nebula's Chandra source may lie off: these are point sources; Geminga has moved 3.2 arcsec
_RADIUS_ARCSEC = 4.2
_PARTS = 5
_FLOOR = 1e-6


def known_classes(classes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """True for classes whose counterpart is known independently of X-ray positions."""
    lower = np.array([name.lower() for name in classes], dtype=object)
    return np.isin(lower, ("psr", "msp", "hmb", "bin", "nov")) | (classes == "PWN")


@dataclass(frozen=True)
class Known:
    """Of each known source: what came out.

    Attributes
    ----------
    source : ndarray of int, shape (s,)
        Row of the Fermi source.
    probability : ndarray, shape (k,)
        Of all candidates, of known and other sources, by a model that did not learn from it.
    right : ndarray of bool, shape (k,)
        Whether a candidate is the counterpart.
    rank : ndarray of int, shape (s,)
        Of the right candidate by probability, 1 first; 0 if none is right.
    right_probability, none_probability : ndarray, shape (s,)
    simple : dict of str to ndarray of bool, shape (s,)
        Whether 'nearest', 'brightest' and 'flux x position' have the right one first.
    simple_probability : dict of str to ndarray, shape (s,)
        What 'flux x position' says of the truth, normalised to 1.
    """

    source: NDArray[np.int64]
    probability: Floats
    right: NDArray[np.bool_]
    rank: NDArray[np.int64]
    right_probability: Floats
    none_probability: Floats
    simple: dict[str, NDArray[np.bool_]]
    simple_probability: dict[str, Floats]

    @property
    def has_right(self) -> NDArray[np.bool_]:
        return self.rank > 0

    def log_loss(self) -> float:
        """Mean of -ln P of the truth: of the right candidate, or of none."""
        return _log_loss(np.where(self.has_right, self.right_probability, self.none_probability))


def _log_loss(of_truth: Floats) -> float:
    return float(-np.log(np.clip(of_truth, _FLOOR, 1)).mean()) if len(of_truth) else np.nan


def judge_known(
    start: Model,
    shares: KindShares,
    fields: Fields,
    candidates: Candidates,
    fixed: dict[str, float],
    classes: NDArray[np.object_],
    counterpart_ra: Floats,
    counterpart_dec: Floats,
    xray_ra: Floats,
    xray_dec: Floats,
) -> Known:
    """Judge the probabilities on known sources that have candidates.

    Parameters
    ----------
    start : Model
        The stated one.
    shares, fields : KindShares, Fields
        Of n Fermi sources.
    candidates : Candidates, k of them
    fixed : dict
        Values that are not learnt.
    classes : ndarray of str, shape (n,)
        Stripped.
    counterpart_ra, counterpart_dec : ndarray, shape (n,)
        4FGL's counterpart, degrees; NaN where it gives none.
    xray_ra, xray_dec : ndarray
        Of the Chandra sources.

    Returns
    -------
    Known
    """
    n = len(classes)
    known = known_classes(classes) & np.isfinite(counterpart_ra)
    has_candidates = np.bincount(candidates.source, minlength=n) > 0
    source = np.flatnonzero(known & has_candidates)
    probability = np.zeros(len(candidates))
    judged = np.isin(np.arange(n), source)
    # in turn, so that each part has sources of all latitudes and classes
    part = np.full(n, -1)
    part[source] = np.arange(len(source)) % _PARTS
    teachers = candidates.take(
        posterior(start, shares, fields, candidates).probability > LEAST_WEIGHT
    )
    for number in range(_PARTS):
        of_part = part == number
        if not of_part.any():
            continue
        others = _only(shares, fields, teachers, ~of_part)
        learnt = fit_model(start, *others, fixed, errors=False).model
        rows = np.flatnonzero(of_part[candidates.source])
        few = _only(shares, fields, candidates.take(rows), of_part)
        probability[rows] = posterior(learnt, *few).probability
    rows = candidates.source
    apart = np.full(len(candidates), np.inf)
    of_known = judged[rows]
    apart[of_known] = separation(
        counterpart_ra[rows[of_known]],
        counterpart_dec[rows[of_known]],
        xray_ra[candidates.xray[of_known]],
        xray_dec[candidates.xray[of_known]],
    )
    right = np.zeros(len(candidates), bool)
    ways = {
        "nearest": -candidates.offsets.distance,
        "brightest": np.nan_to_num(candidates.log_ratio, nan=-99.0),
        "flux x position": np.nan_to_num(candidates.log_ratio, nan=-99.0) * np.log(10)
        + candidates.offsets.log_density,
    }
    rank = np.zeros(len(source), np.int64)
    of_right, of_none = np.zeros(len(source)), np.zeros(len(source))
    simple = {way: np.zeros(len(source), bool) for way in ways}
    normalised = np.zeros(len(source))
    for place, one in enumerate(source):
        mine = np.flatnonzero(rows == one)
        nearest = mine[np.argmin(apart[mine])]
        of_none[place] = max(1 - probability[mine].sum(), 0.0)
        if apart[nearest] * 3600 > _RADIUS_ARCSEC:
            continue
        right[nearest] = True
        of_right[place] = probability[nearest]
        rank[place] = 1 + (probability[mine] > probability[nearest]).sum()
        for way, value in ways.items():
            simple[way][place] = mine[np.argmax(value[mine])] == nearest
        value = ways["flux x position"][mine]
        share = np.exp(value - value.max())
        normalised[place] = share[mine == nearest][0] / share.sum()
    return Known(
        source,
        probability,
        right,
        rank,
        of_right,
        of_none,
        simple,
        {"flux x position": normalised},
    )


def _only(
    shares: KindShares, fields: Fields, candidates: Candidates, stay: NDArray[np.bool_]
) -> tuple[KindShares, Fields, Candidates]:
    """Some of the Fermi sources, with their candidates."""
    rows = np.flatnonzero(stay)
    number = np.cumsum(stay) - 1
    few = candidates.take(stay[candidates.source])
    few = Candidates(**{**vars(few), "source": number[few.source]})
    return (
        KindShares(shares.group[rows], shares.shares[rows], shares.teachers),
        fields.take(rows),
        few,
    )
