"""How bright a counterpart is in X-rays, and whether Chandra would have listed it.

r = log10 (X-ray flux, 0.5-7 keV, absorbed / gamma-ray energy flux, 0.1-100 GeV). Of each kind of
source r follows a Student t with 4 degrees of freedom: known objects scatter with heavier tails
than a normal distribution has. Medians and widths are those of `parameters` until a run's own data
say better.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xgamma.association.parameters import MEDIAN, WIDTH

__all__ = ["BELOW_SLOPE_FACTOR", "COMPLETE_SHARE", "LIMIT_GRID", "FluxRatios", "completeness"]

Floats = NDArray[np.float64]

DEGREES_OF_FREEDOM = 4
# normalisation of Student t with 4 degrees: gamma(5/2) / (sqrt(4 pi) gamma(2))
_NORM = 3 / 8

COMPLETE_SHARE = 0.8
"""Share of the listed sources above the flux limit, which is their 20 % quantile."""
BELOW_SLOPE_FACTOR = COMPLETE_SHARE / (1 - COMPLETE_SHARE)
"""Below the limit the number per dex falls this much more steeply than it falls above."""

LIMIT_GRID = np.linspace(-9.0, 6.0, 301)
"""u = log10 (flux limit / gamma-ray flux): a field's depth for a source, where it is tabulated."""
# integrals over r are sums over these
_RATIOS = np.arange(-14.0, 12.0, 0.04)


def completeness(log_excess: Floats, slope: float) -> Floats:
    """Probability that a source is listed, by log10 of its flux over the flux limit.

    1 above the limit. Below, 10^(5 slope u): with sources that grow in number as F^-slope, the
    listed ones then fall as F^(4 slope), and a fifth of them lie below the limit.

    Parameters
    ----------
    log_excess : ndarray
        u = log10 (F / limit).
    slope : float
        Of the number counts.
    """
    return 10 ** (np.minimum(log_excess, 0) * slope * (1 + BELOW_SLOPE_FACTOR))


@dataclass(frozen=True)
class FluxRatios:
    """The distribution of r for each kind of source.

    Attributes
    ----------
    median, width : ndarray, shape (kinds,)
        Dex.
    slope : float
        Of the number counts, for the completeness.
    """

    median: Floats
    width: Floats
    slope: float

    @classmethod
    def stated(cls, slope: float) -> FluxRatios:
        """Those of known objects."""
        return cls(np.array(MEDIAN), np.array(WIDTH), slope)

    def with_values(self, median: Floats, width: Floats) -> FluxRatios:
        return replace(self, median=median, width=width)

    def density(self, log_ratio: Floats, kind: int) -> Floats:
        """Probability per dex of r for a kind of source, shape (n,)."""
        z = (np.asarray(log_ratio, float) - self.median[kind]) / self.width[kind]
        return _NORM * (1 + z**2 / DEGREES_OF_FREEDOM) ** -2.5 / self.width[kind]

    def draw(self, rng: np.random.Generator, kind: NDArray[np.int64]) -> Floats:
        """Draw r for sources of given kinds, shape (n,)."""
        t = rng.standard_t(DEGREES_OF_FREEDOM, len(kind))
        return self.median[kind] + self.width[kind] * t

    def listed_table(self, kind: int) -> Floats:
        """Probability that a counterpart of a kind is listed, by how deep the field is.

        G(u) = INT q(r) C(r - u) dr with the completeness C, at the u of `LIMIT_GRID`.

        Returns
        -------
        ndarray, shape (grid,)
        """
        density = self.density(_RATIOS, kind)
        return _listed(self.slope) @ (density / density.sum())


@functools.cache
def _listed(slope: float) -> Floats:
    """Completeness at the u of `LIMIT_GRID` and the r of `_RATIOS`."""
    return completeness(_RATIOS[None, :] - LIMIT_GRID[:, None], slope)
