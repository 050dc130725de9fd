"""Chance: how many Chandra sources of a flux lie at a place, whatever Fermi saw there.

Sources grow in number as K (F / F0)^-a per square degree above F; the flux limit decides which of
them are listed. So a field is told by one number, K, whatever its depth: N listed sources in a
region are Poisson with mean K E, where E sums over the region's cells what each would list for
K = 1. K differs from field to field as a gamma distribution says; a field of few sources is drawn
to the mean of the run (gamma-Poisson; Clayton and Kaldor 1987, Biometrics 43, 671).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xgamma.association.flux_ratios import COMPLETE_SHARE

__all__ = [
    "LOG_REFERENCE_FLUX",
    "STATED_SLOPE",
    "Counts",
    "fit_scale",
    "fit_slope",
    "listed_per_unit",
]

Floats = NDArray[np.float64]

LOG_REFERENCE_FLUX = -14.0
"""log10 of F0, erg/cm2/s."""

STATED_SLOPE = 1.0
"""a: known from number counts of Chandra in the plane. It is not learnt on the run, whose brightest
sources near Fermi sources are their counterparts, and would dilute their own evidence."""
# K of a run without a field: sources per square degree above F0 in the plane
_STATED_MEAN = 200.0
# the gamma distribution's shape beforehand, and how much its logarithm may differ
_STATED_SHAPE, _SHAPE_SPREAD = 1.5, 1.0
_SHAPES = np.geomspace(0.2, 50, 120)


def listed_per_unit(log_flux_limit: Floats, slope: float) -> Floats:
    """Sources per square degree that are listed at a flux limit, for K = 1.

    A part `COMPLETE_SHARE` of them lies above the limit, see
    `xgamma.association.flux_ratios.completeness`.

    Parameters
    ----------
    log_flux_limit : ndarray
        log10 erg/cm2/s; 0 sources where it is infinite.
    slope : float
        a above.
    """
    return 10 ** (-slope * (log_flux_limit - LOG_REFERENCE_FLUX)) / COMPLETE_SHARE


@dataclass(frozen=True)
class Counts:
    """Number counts of the run.

    Attributes
    ----------
    slope : float
        a above.
    measured_slope, slope_error : float
        What the run's sources have, for comparison.
    limit_shift : float
        To be added to the log10 of the flux limit that the exposure gives: learnt from fluxes.
    mean : float
        K of the run.
    shape : float
        Of the gamma distribution of K: small if fields differ much.
    sources, fields : int
        From how many sources the shift was learnt, and from how many fields mean and shape.
    """

    slope: float
    measured_slope: float
    slope_error: float
    limit_shift: float
    mean: float
    shape: float
    sources: int
    fields: int

    def field_scale(self, listed: Floats, effective_area: Floats) -> Floats:
        """K of fields: the mean of what is known of each, (shape + N) / (shape / mean + E).

        Parameters
        ----------
        listed : ndarray, shape (n,)
            N, without the candidate in question.
        effective_area : ndarray, shape (n,)
            E above.
        """
        return (self.shape + listed) / (self.shape / self.mean + effective_area)

    def log_flux_density(self, scale: Floats, log_flux: Floats) -> Floats:
        """Natural log of sources per square degree and dex at a flux: K a ln10 (F / F0)^-a."""
        ln10 = np.log(10)
        excess = log_flux - LOG_REFERENCE_FLUX
        return np.log(scale * self.slope * ln10) - ln10 * self.slope * excess


def fit_slope(log_excess: Floats) -> tuple[float, float, float]:
    """The shift of the flux limit, and the slope of the counts above it with its error.

    The shift is the quantile below which a fifth of the sources lie. The slope is that of a power
    law, N / SUM ln(F / limit) (Crawford, Jauncey and Murdoch 1970, ApJ 162, 405).

    Parameters
    ----------
    log_excess : ndarray, shape (n,)
        log10 of fluxes over the limit that the exposure gives.

    Returns
    -------
    shift, slope, error : float
        NaN for a slope of no sources.
    """
    if not len(log_excess):
        return 0.0, np.nan, np.nan
    shift = float(np.quantile(log_excess, 1 - COMPLETE_SHARE))
    above = np.log(10) * (log_excess[log_excess > shift] - shift)
    if not len(above):
        return shift, np.nan, np.nan
    slope = float(len(above) / above.sum())
    return shift, slope, slope / np.sqrt(len(above))


def fit_scale(listed: Floats, effective_area: Floats) -> tuple[float, float]:
    """Mean and shape of the gamma distribution of K: the most likely ones.

    N is negative binomial then. The shape is known beforehand to lie about 1.5, by a factor of e.

    Parameters
    ----------
    listed, effective_area : ndarray, shape (n,)
        N and E of fields.

    Returns
    -------
    mean, shape : float
    """
    from scipy.special import gammaln

    known = effective_area > 0
    listed, effective_area = listed[known], effective_area[known]
    if not listed.sum():
        return _STATED_MEAN, _STATED_SHAPE
    best = (-np.inf, _STATED_MEAN, _STATED_SHAPE)
    for shape in _SHAPES:
        mean = listed.sum() / effective_area.sum()
        for _ in range(100):
            weight = shape / (shape + mean * effective_area)
            before, mean = mean, (weight * listed).sum() / (weight * effective_area).sum()
            if abs(mean - before) < 1e-10 * mean:
                break
        expected = mean * effective_area
        terms = (
            gammaln(listed + shape)
            - gammaln(shape)
            + shape * np.log(shape / (shape + expected))
            + listed * np.log(expected / (shape + expected))
        )
        prior = -0.5 * (np.log(shape / _STATED_SHAPE) / _SHAPE_SPREAD) ** 2
        best = max(best, (float(terms.sum() + prior), float(mean), float(shape)))
    return best[1], best[2]
