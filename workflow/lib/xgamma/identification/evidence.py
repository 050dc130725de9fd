"""What the optical and infrared object says of a Chandra source: flux ratios, words, likelihoods.

Flux ratios are log10 F_X / F_band, F_X the absorbed 0.5-7 keV flux, F_G = 10^(-0.4 G - 5.37) and
F_J = 10^(-0.4 J - 6.29) erg/cm2/s (J: zero point of Cohen, Wheaton and Megeath 2003, AJ 126, 1090,
over its width of 0.162 micron). The distributions by class are those of the classified sources of
CSC 2 with which Yang et al. (2022, ApJ 941, 104) train, and of 2,000 field sources in the plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CLASSES",
    "GAIA_LIMIT_MAG",
    "ClassEvidence",
    "absolute_magnitude",
    "evidence_ratio",
    "log_flux_ratio",
    "verdict",
    "with_evidence",
]

Floats = NDArray[np.float64]

GAIA_LIMIT_MAG = 21.0
"""Where Gaia ends, about (Gaia Collaboration 2021)."""

# of the quantiles of a class
_SHARES_BELOW = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
_ZERO_POINTS = {"G": 5.37, "J": 6.29}
# magnitudes are good to this at best when X-ray sources vary and are not observed at one time
_LEAST_MAG_ERROR = 0.03


@dataclass(frozen=True)
class ClassEvidence:
    """How sources of one class look in the optical.

    Attributes
    ----------
    count : int
        Sources behind the numbers.
    in_gaia : float
        Share that has a Gaia counterpart.
    quantiles : tuple of five floats
        5, 25, 50, 75, 95 % of log10 F_X / F_G of those; empty if there are none.
    """

    count: int
    in_gaia: float
    quantiles: tuple[float, ...] = ()

    @property
    def share(self) -> float:
        """The share in Gaia, never quite 0 or 1: with half a source more of each kind."""
        return (self.in_gaia * self.count + 0.5) / (self.count + 1)

    @property
    def _tails(self) -> tuple[float, float]:
        """Scales of the exponentials: a tail of 0.05 that goes on where an interval of 0.2 ends."""
        edges = self.quantiles
        return (edges[1] - edges[0]) / 4, (edges[4] - edges[3]) / 4

    def log_density(self, ratio: Floats) -> Floats:
        """Natural log of the density of log10 F_X / F_G, per dex.

        Even between the quantiles, exponential beyond the outer ones, where it goes on steadily.
        """
        edges, (low, high) = np.array(self.quantiles), self._tails
        density = np.diff(_SHARES_BELOW) / np.diff(edges)
        inside = np.clip(np.searchsorted(edges, ratio) - 1, 0, 3)
        logarithm = np.log(density[inside])
        logarithm = np.where(ratio < edges[0], logarithm - (edges[0] - ratio) / low, logarithm)
        return np.where(ratio > edges[-1], logarithm - (ratio - edges[-1]) / high, logarithm)

    def below(self, ratio: Floats) -> Floats:
        """The share of ratios below one, by the same density; 1 where it is NaN."""
        if not self.quantiles:
            return np.ones(len(ratio))
        edges, (low, high) = np.array(self.quantiles), self._tails
        inside = np.interp(ratio, edges, _SHARES_BELOW)
        with np.errstate(over="ignore"):
            inside = np.where(ratio < edges[0], 0.05 * np.exp((ratio - edges[0]) / low), inside)
            inside = np.where(
                ratio > edges[-1], 1 - 0.05 * np.exp(-(ratio - edges[-1]) / high), inside
            )
        return np.where(np.isnan(ratio), 1.0, inside)


CLASSES: Mapping[str, ClassEvidence] = {
    "neutron star": ClassEvidence(94, 0.0),
    "high-mass binary": ClassEvidence(37, 0.70, (-3.34, -1.72, -1.26, -0.65, 1.25)),
    "other binary": ClassEvidence(65, 0.43, (-1.94, -0.69, 0.05, 0.39, 1.19)),
    "active galaxy": ClassEvidence(1301, 0.70, (-1.21, -0.55, -0.16, 0.31, 0.97)),
    "field": ClassEvidence(2000, 0.57, (-3.93, -2.60, -1.88, -1.28, -0.47)),
}
"""By what a Fermi source may be, and of field sources."""


def log_flux_ratio(
    flux: ArrayLike, low: ArrayLike, high: ArrayLike, magnitude: ArrayLike, band: str
) -> tuple[Floats, Floats]:
    """log10 of the X-ray flux over that of a band, and its error.

    Parameters
    ----------
    flux, low, high : array_like
        erg/cm2/s with its 68 % limits; NaN or 0 where there is none.
    magnitude : array_like
    band : {'G', 'J'}

    Returns
    -------
    ratio, error : ndarray
        NaN where a flux or magnitude is missing; the error is of the X-ray flux, one sigma.
    """
    flux, low, high = (np.asarray(values, float) for values in (flux, low, high))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_flux = np.where(flux > 0, np.log10(flux), np.nan)
        above = np.log10(high) - log_flux
        below = np.where(low > 0, log_flux - np.log10(low), above)
        error = np.hypot((above + below) / 2, 0.4 * _LEAST_MAG_ERROR)
    ratio = log_flux + 0.4 * np.asarray(magnitude, float) + _ZERO_POINTS[band]
    return ratio, np.where(np.isfinite(ratio), error, np.nan)


def absolute_magnitude(
    magnitude: ArrayLike, parallax: ArrayLike, error: ArrayLike
) -> tuple[Floats, Floats]:
    """Absolute magnitude and its error, where the parallax (mas) is five times its error.

    Not corrected for extinction: M = m + 5 log10(parallax / 100 mas).
    """
    parallax, error = np.asarray(parallax, float), np.asarray(error, float)
    good = parallax > 5 * error
    safe = np.where(good, parallax, 1.0)
    absolute = np.asarray(magnitude, float) + 5 * np.log10(safe / 100)
    scatter = 5 / np.log(10) * error / safe
    return np.where(good, absolute, np.nan), np.where(good, scatter, np.nan)


def evidence_ratio(
    name: str,
    share_of_field: ArrayLike,
    faintest: ArrayLike,
    p_object: ArrayLike,
    ratio: ArrayLike,
    p_none: ArrayLike,
    owner: ArrayLike,
    count: int,
) -> Floats:
    """How much likelier the optical evidence is of a class than of a field source.

    With p_j the probability that the object j is the source, given that it is a field source, p_0
    that none is, g the share of a class that Gaia would list if it saw all, q the density of the
    flux ratio r and Q(r_max) the part of it that is bright enough for Gaia at this X-ray flux:

        R = p_0 (1 - g Q(r_max)) / (1 - s) + SUM_j p_j g q(r_j) / (s q_f(r_j) / Q_f(r_max)) .

    s is the share of sources in Gaia that the run has learnt. Averaged over field sources R is 1.

    Parameters
    ----------
    name : str
        Of `CLASSES`.
    share_of_field : array_like, shape (count,)
        s with which p_j was made.
    faintest : array_like, shape (count,)
        r_max: the flux ratio with an object at Gaia's limit; NaN without an X-ray flux.
    p_object, ratio : array_like, shape (n,)
        p_j and r_j; where r_j is NaN, q / q_f is 1.
    p_none : array_like, shape (count,)
        p_0.
    owner : array_like of int, shape (n,)
        The source that each object is near.
    count : int
        How many sources there are.

    Returns
    -------
    ndarray, shape (count,)
    """
    of, field = CLASSES[name], CLASSES["field"]
    faintest = np.asarray(faintest, float)
    seen, seen_of_field = of.share * of.below(faintest), field.below(faintest)
    share = np.asarray(share_of_field, float)
    ratio, owner = np.asarray(ratio, float), np.asarray(owner, np.int64)
    relative = np.zeros(len(ratio))
    known = np.isfinite(ratio)
    if of.quantiles:
        relative[known] = of.log_density(ratio[known]) - field.log_density(ratio[known])
    terms = (
        np.asarray(p_object, float) * np.exp(relative) * (of.share * seen_of_field / share)[owner]
    )
    with_object = np.bincount(owner, weights=terms, minlength=count)
    return np.asarray(p_none, float) * (1 - seen) / (1 - share) + with_object


def verdict(
    p_gaia: float, p_twomass: float, ratio: float, ratio_of_j: float, absolute: float, colour: float
) -> str:
    """What the evidence says in words; regions of log10 F_X / F_G as in the table of the facts.

    Parameters
    ----------
    p_gaia, p_twomass : float
        Probability of the likeliest object of each survey; NaN if the survey was not searched.
    ratio, ratio_of_j : float
        log10 F_X / F_G and F_X / F_J; NaN if unknown.
    absolute, colour : float
        M_G and BP - RP; NaN if unknown.
    """
    if not (p_gaia >= 0.5 or p_twomass >= 0.5):
        if np.isnan(p_gaia) and np.isnan(p_twomass):
            return ""
        if max(np.nan_to_num(p_gaia), np.nan_to_num(p_twomass)) < 0.1:
            return "no optical or infrared object: as neutron stars are, or faint ones"
        return "optical or infrared object uncertain"
    words = []
    if np.isfinite(ratio):
        shown = f"log F_X/F_G {ratio:.1f}"
        if ratio < -3:
            words.append(f"star: {shown}")
        elif ratio < -2:
            words.append(f"star, young or active: {shown}")
        elif ratio < -1:
            words.append(f"young star, massive binary or galaxy: {shown}")
        else:
            words.append(f"accreting object or active galaxy: {shown}")
    elif np.isfinite(ratio_of_j):
        words.append(f"log F_X/F_J {ratio_of_j:.1f}")
    else:
        words.append("object without a flux ratio")
    if np.isfinite(absolute):
        place = _place_in_diagram(absolute, colour)
        words.append(f"M_G {absolute:.1f}" + (f", {place}" if place else ""))
    if p_gaia < 0.5:
        words.append("infrared only")
    return "; ".join(words)


def _place_in_diagram(absolute: float, colour: float) -> str:
    """Where a star lies in the colour-magnitude diagram of Gaia, reddening ignored."""
    if not np.isfinite(colour):
        return ""
    # the main sequence, roughly: M_G 0 at BP - RP 0, 10 at 2.5 (Gaia Collaboration 2018)
    main_sequence = 0.5 + 4.0 * colour
    if absolute < main_sequence - 3:
        return "giant or supergiant" if colour > 0.7 else "luminous blue star"
    if absolute > main_sequence + 4:
        return "white dwarf"
    return "main sequence"


def with_evidence(
    p: NDArray[np.float64],
    ratio: NDArray[np.float64],
    source: NDArray[np.object_],
    rest: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Probabilities of candidates once the evidence is known: p_i r_i / (SUM_j p_j r_j + rest).

    Parameters
    ----------
    p : ndarray, shape (k,)
        Before that.
    ratio : ndarray, shape (k,)
        How much likelier the evidence is for the source than in the field; NaN where there is
        none, which says nothing: 1.
    source : ndarray, shape (k,)
        The Fermi source of each.
    rest : ndarray, shape (k,)
        Probability that its Fermi source is none of its candidates.
    """
    weight = p * np.where(np.isfinite(ratio), ratio, 1.0)
    _, row = np.unique(source.astype(str), return_inverse=True)
    total = np.bincount(row, weight)[row] if len(row) else weight
    return np.divide(weight, total + rest, out=np.zeros(len(weight)), where=weight > 0)
