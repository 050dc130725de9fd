"""How many X-ray sources are brighter than a flux: number counts, log N - log S.

One law for active galaxies, which are the same everywhere on the sky, and one for sources
of the Galaxy, which depend on where one looks. Fluxes are erg/cm2/s, 0.5-7 keV, as
observed; densities are per square degree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "agn_density",
    "draw_agn_flux",
    "draw_galactic_flux",
    "galactic_density",
    "transmitted_share",
]

Floats = NDArray[np.float64]

_REFERENCE_FLUX = 1e-14

# active galaxies: dN/dS ~ S^-1.58 below the break and S^-2.48 above it, 420 per square
# degree above the reference flux (after Georgakakis et al. 2008, MNRAS 388, 1205)
_BREAK_FLUX, _FAINT_SLOPE, _BRIGHT_SLOPE = 2.6e-14, 0.58, 1.48
_DENSITY_AT_BREAK = 420.0 / (
    ((_REFERENCE_FLUX / _BREAK_FLUX) ** -_FAINT_SLOPE - 1) / _FAINT_SLOPE * _BRIGHT_SLOPE + 1
)

# sources of the Galaxy: dN/dS ~ S^-2.2
_GALACTIC_SLOPE = 1.2

# nothing brighter is drawn
_BRIGHTEST_AGN, _BRIGHTEST_GALACTIC = 1e-9, 1e-8


def agn_density(flux: Floats) -> Floats:
    """Number of active galaxies brighter than a flux, behind no absorbing column.

    A broken power law after Georgakakis et al. 2008 (MNRAS 388, 1205), integrated over
    the flux.

    Parameters
    ----------
    flux : ndarray, shape (n,)
        erg/cm2/s.

    Returns
    -------
    ndarray, shape (n,)
        Per square degree.
    """
    x = flux / _BREAK_FLUX
    faint = _DENSITY_AT_BREAK * (
        1 + _BRIGHT_SLOPE * (np.maximum(x, 1e-9) ** -_FAINT_SLOPE - 1) / _FAINT_SLOPE
    )
    return np.where(x < 1, faint, _DENSITY_AT_BREAK * x**-_BRIGHT_SLOPE)


def draw_agn_flux(rng: np.random.Generator, least_flux: Floats) -> Floats:
    """Draw fluxes of active galaxies, by the inverse of `agn_density`.

    Parameters
    ----------
    rng : Generator
    least_flux : ndarray, shape (n,)
        erg/cm2/s; each galaxy is brighter than its own.

    Returns
    -------
    ndarray, shape (n,)
        erg/cm2/s.
    """
    density = agn_density(least_flux) * (1.0 - rng.random(len(least_flux)))
    ratio = density / _DENSITY_AT_BREAK
    x = np.where(
        ratio > 1,
        (1 + (np.maximum(ratio, 1) - 1) * _FAINT_SLOPE / _BRIGHT_SLOPE) ** (-1 / _FAINT_SLOPE),
        np.maximum(ratio, 1e-12) ** (-1 / _BRIGHT_SLOPE),
    )
    return np.minimum(x * _BREAK_FLUX, _BRIGHTEST_AGN)


def transmitted_share(latitude: Floats) -> Floats:
    """Share of an extragalactic flux that the gas of the Galactic plane lets through.

    40 % in the middle of the plane, nearly all from a few degrees on.

    Parameters
    ----------
    latitude : ndarray, shape (n,)
        Galactic, degrees.

    Returns
    -------
    ndarray, shape (n,)
    """
    return 1.0 - 0.6 * np.exp(-np.abs(latitude) / 1.5)


def _density_at_reference(longitude: Floats, latitude: Floats) -> Floats:
    """Sources of the Galaxy per square degree above the reference flux."""
    lon = (np.asarray(longitude) + 180.0) % 360.0 - 180.0
    disc = 200.0 * (0.25 + 0.75 * np.exp(-np.abs(lon) / 40.0)) * np.exp(-np.abs(latitude))
    # 1/theta at the Centre, flat inside the width of a field and gone beyond 2 deg
    theta = np.hypot(lon * np.cos(np.radians(latitude)), latitude + 0.05)
    centre = 450.0 / np.maximum(theta, 0.1)
    return disc + np.where(theta < 2.0, centre, 0.0)


def galactic_density(flux: Floats, longitude: Floats, latitude: Floats) -> Floats:
    """Number of sources of the Galaxy brighter than a flux.

    Parameters
    ----------
    flux : ndarray, shape (n,)
        erg/cm2/s.
    longitude, latitude : ndarray, shape (n,)
        Galactic, degrees.

    Returns
    -------
    ndarray, shape (n,)
        Per square degree.
    """
    return _density_at_reference(longitude, latitude) * (flux / _REFERENCE_FLUX) ** -_GALACTIC_SLOPE


def draw_galactic_flux(rng: np.random.Generator, least_flux: Floats) -> Floats:
    """Draw fluxes of sources of the Galaxy, by the inverse of `galactic_density`.

    Parameters
    ----------
    rng : Generator
    least_flux : ndarray, shape (n,)
        erg/cm2/s; each source is brighter than its own.

    Returns
    -------
    ndarray, shape (n,)
        erg/cm2/s.
    """
    share = 1.0 - rng.random(len(least_flux))
    return np.minimum(least_flux * share ** (-1 / _GALACTIC_SLOPE), _BRIGHTEST_GALACTIC)
