"""The true optical and infrared counterparts of the X-ray sources: where, how bright, listed where.

What a source is decides that: `source_classes` has the shares and flux ratios. None of this
knows the field stars around it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.counterparts import ELLIPSE_95_SIGMA
from xgamma.demo.sky.geometry import from_tangent_plane, rotate
from xgamma.demo.sky.source_classes import at_rank, per_class
from xgamma.sky import separation

__all__ = ["FAINTEST_G", "draw_true_stars"]

# where Gaia ends, and where it begins
FAINTEST_G, _BRIGHTEST_G = 21.0, 3.0
# log10 of X-ray flux over optical flux is log F_X + 0.4 G + this
_OPTICAL_ZERO_POINT = 5.37
# where the infrared surveys end
_FAINTEST_J, _FAINTEST_W1 = 16.8, 17.1

# extinction and crowding at the Galactic Centre leave no class more than this
_LARGEST_SHARE_AT_CENTRE = 0.2
# correlation of being listed in Gaia and in 2MASS: seven in ten of those in Gaia are in 2MASS
# too, and two in ten of the others
_GAIA_TWOMASS_CORRELATION = 0.49
# of those in 2MASS; AllWISE goes deeper, but is confused
_TWOMASS_ALSO_IN_ALLWISE = 0.9

# colours, mean and scatter: chosen. Stars of the plane are reddened, active galaxies are red
# beyond 3 micrometres
_G_MINUS_J = {"star": (2.8, 0.9), "AGN": (1.8, 0.5)}
_J_MINUS_W1 = {"star": (1.2, 0.4), "AGN": (2.4, 0.5)}
# brightness of those that are seen in one survey only: chosen
_J_ALONE, _W1_ALONE = (15.3, 0.9), (15.8, 0.7)
# G of X-ray sources without a listed flux, which no ratio gives
_G_WITHOUT_FLUX = (17.5, 2.0)


def draw_true_stars(rng: np.random.Generator, csc: pd.DataFrame) -> pd.DataFrame:
    """Draw the true optical and infrared counterparts of X-ray sources.

    Parameters
    ----------
    rng : Generator
    csc : DataFrame
        Catalogue rows: `ra, dec, lii, bii`, the error ellipse, `b_flux_ap` (erg/cm2/s) and
        `source_class`.

    Returns
    -------
    DataFrame
        Indexed as `csc`: `ra, dec` (deg), `gaia, twomass, allwise` (bool: listed there), and
        the magnitudes `g, j, w1`, NaN where not listed. Offsets follow the two-dimensional
        Gaussian whose 95 % contour the error ellipse is. A star that the ratio of its class
        makes fainter than `FAINTEST_G` is not in Gaia.
    """
    source_class = csc["source_class"].to_numpy()
    at_centre = separation(csc["lii"], csc["bii"], 359.944, -0.046) < 1.0
    gaia, twomass = _draw_lists(rng, source_class, at_centre)
    allwise = rng.random(len(csc)) < np.where(
        twomass, _TWOMASS_ALSO_IN_ALLWISE, per_class(source_class, "allwise")
    )
    g = _draw_g(rng, source_class, csc["b_flux_ap"].to_numpy(float))
    gaia &= g <= FAINTEST_G
    g = np.where(gaia, g, np.nan)
    j, w1 = _draw_infrared(rng, source_class == "AGN", g, twomass)
    ra, dec = _draw_places(rng, csc)
    return pd.DataFrame(
        {
            "ra": ra,
            "dec": dec,
            "gaia": gaia,
            "twomass": twomass,
            "allwise": allwise,
            "g": g,
            "j": np.where(twomass, j, np.nan),
            "w1": np.where(allwise, w1, np.nan),
        },
        index=csc.index,
    )


def _draw_lists(
    rng: np.random.Generator, source_class: np.ndarray, at_centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which sources have a counterpart that is bright enough for Gaia, and which in 2MASS."""
    largest = np.where(at_centre, _LARGEST_SHARE_AT_CENTRE, 1.0)
    in_gaia = np.minimum(per_class(source_class, "gaia"), largest)
    in_twomass = np.minimum(per_class(source_class, "twomass"), largest)
    spread = np.sqrt(in_gaia * (1 - in_gaia) * in_twomass * (1 - in_twomass))
    in_both = np.minimum(
        in_gaia * in_twomass + _GAIA_TWOMASS_CORRELATION * spread, np.minimum(in_gaia, in_twomass)
    )
    # one number for each source: in both, in Gaia alone, in 2MASS alone, in none
    draw = rng.random(len(source_class))
    gaia = draw < in_gaia
    twomass = (draw < in_both) | (~gaia & (draw < in_gaia + in_twomass - in_both))
    return gaia, twomass


def _draw_g(rng: np.random.Generator, source_class: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """G of each source, from the flux ratios of its class; NaN for classes without."""
    ratio = at_rank(source_class, "log_flux_ratio", rng.random(len(flux)))
    has_flux = flux > 0
    log_flux = np.log10(flux, out=np.full(len(flux), np.nan), where=has_flux)
    g = (ratio - log_flux - _OPTICAL_ZERO_POINT) / 0.4
    without_flux = np.clip(rng.normal(*_G_WITHOUT_FLUX, len(flux)), 7.0, 20.9)
    return np.maximum(np.where(has_flux, g, without_flux), _BRIGHTEST_G)


def _draw_infrared(
    rng: np.random.Generator, is_agn: np.ndarray, g: np.ndarray, twomass: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """J and W1 of each source; from G and J where it is listed with those."""

    def colour(table: dict[str, tuple[float, float]]) -> np.ndarray:
        mean, scatter = np.where(is_agn[:, None], np.array(table["AGN"]), np.array(table["star"])).T
        return np.maximum(mean + scatter * rng.standard_normal(len(is_agn)), 0.0)

    j_alone, w1_alone = (
        mean + scatter * rng.standard_normal(len(is_agn)) for mean, scatter in (_J_ALONE, _W1_ALONE)
    )
    j = np.where(np.isnan(g), j_alone, g - colour(_G_MINUS_J))
    # listed all the same: then it is redder
    j = np.minimum(j, _FAINTEST_J)
    w1 = np.where(twomass, j - colour(_J_MINUS_W1), w1_alone)
    return j, np.minimum(w1, _FAINTEST_W1)


def _draw_places(rng: np.random.Generator, csc: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Positions (deg) around the X-ray sources, by their error ellipses."""
    # offsets from arcsec to arcmin
    along_major, along_minor = rng.standard_normal((2, len(csc))) / ELLIPSE_95_SIGMA / 60.0
    east, north = rotate(
        along_minor * csc["error_ellipse_r1"].to_numpy(),
        along_major * csc["error_ellipse_r0"].to_numpy(),
        csc["error_ellipse_angle"].to_numpy(),
    )
    return from_tangent_plane(csc["ra"].to_numpy(), csc["dec"].to_numpy(), east, north)
