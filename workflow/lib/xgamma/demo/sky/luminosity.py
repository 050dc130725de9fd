"""How many X-ray sources a field shows: log N - log S of active galaxies and the Galaxy.

Fluxes are erg/cm2/s, 0.5-7 keV, as observed; densities are per square degree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "agn_density",
    "dimming",
    "draw_agn_flux",
    "draw_galactic_flux",
    "galactic_density",
]

Floats = NDArray[np.float64]

# dN/dS ~ S^-1.58 below the break and S^-2.48 above it, 420 per square degree above
# 1e-14 (after Georgakakis et al. 2008, MNRAS 388, 1205)
_BREAK, _FAINT, _BRIGHT, _REFERENCE = 2.6e-14, 0.58, 1.48, 1e-14
_AT_BREAK = 420.0 / (((_REFERENCE / _BREAK) ** -_FAINT - 1) / _FAINT * _BRIGHT + 1)

# the Galactic part: dN/dS ~ S^-2.2
_GALACTIC = 1.2


def agn_density(flux: Floats) -> Floats:
    """Active galaxies brighter than `flux`, before dimming."""
    x = flux / _BREAK
    faint = _AT_BREAK * (1 + _BRIGHT * (np.maximum(x, 1e-9) ** -_FAINT - 1) / _FAINT)
    return np.where(x < 1, faint, _AT_BREAK * x**-_BRIGHT)


def draw_agn_flux(rng: np.random.Generator, least_flux: Floats) -> Floats:
    """Draw fluxes of active galaxies brighter than `least_flux`, one for each."""
    density = agn_density(least_flux) * (1.0 - rng.random(len(least_flux)))
    ratio = density / _AT_BREAK
    x = np.where(
        ratio > 1,
        (1 + (np.maximum(ratio, 1) - 1) * _FAINT / _BRIGHT) ** (-1 / _FAINT),
        np.maximum(ratio, 1e-12) ** (-1 / _BRIGHT),
    )
    return np.minimum(x * _BREAK, 1e-9)


def dimming(latitude: Floats) -> Floats:
    """Share of an extragalactic flux that the column of the plane lets through."""
    return 1.0 - 0.6 * np.exp(-np.abs(latitude) / 1.5)


def _normalisation(longitude: Floats, latitude: Floats) -> Floats:
    """Galactic sources per square degree above 1e-14."""
    lon = (np.asarray(longitude) + 180.0) % 360.0 - 180.0
    disc = 200.0 * (0.25 + 0.75 * np.exp(-np.abs(lon) / 40.0)) * np.exp(-np.abs(latitude))
    # 1/theta at the Centre, flat inside the width of a field and gone beyond 2 deg
    theta = np.hypot(lon * np.cos(np.radians(latitude)), latitude + 0.05)
    centre = 450.0 / np.maximum(theta, 0.1)
    return disc + np.where(theta < 2.0, centre, 0.0)


def galactic_density(flux: Floats, longitude: Floats, latitude: Floats) -> Floats:
    """Galactic sources brighter than `flux` at Galactic positions in degrees."""
    return _normalisation(longitude, latitude) * (flux / _REFERENCE) ** -_GALACTIC


def draw_galactic_flux(rng: np.random.Generator, least_flux: Floats) -> Floats:
    """Draw fluxes of Galactic sources brighter than `least_flux`, one for each."""
    share = 1.0 - rng.random(len(least_flux))
    return np.minimum(least_flux * share ** (-1 / _GALACTIC), 1e-8)
