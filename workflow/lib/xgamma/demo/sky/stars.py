"""Simulated rows of Gaia and 2MASS: field stars, and the true counterparts of X-ray sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.geometry import from_tangent_plane, rotate
from xgamma.demo.sky.motions import GAIA_YEAR, moved, year_of_julian_date
from xgamma.demo.sky.names import twomass_designations
from xgamma.sky import galactic

__all__ = ["gaia_rows", "twomass_rows"]

# real identifiers end below 6.92e18: twelve base pixels of HEALPix level 12, times 2**35
_FIRST_SOURCE_ID = 7_000_000_000_000_000_000

# G of an electron per second (Riello et al. 2021, A&A 649, A3: 25.6874)
_G_ZERO_POINT = 25.6873668671

# quantiles of G in crowded fields of the plane
_G_SHARE = np.array([0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0])
_G_MAG = np.array([9.0, 13.62, 16.29, 18.31, 19.20, 19.90, 20.49, 20.72, 21.1])

# intrinsic BP - RP of the main sequence at absolute magnitudes in G; rounded from the Gaia
# colour-magnitude diagram (Gaia Collaboration 2018, A&A 616, A10)
_ABSOLUTE_G = np.array([-2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0])
_MAIN_SEQUENCE = np.array([-0.3, 0.0, 0.3, 0.7, 1.0, 1.7, 2.4, 2.9, 4.2])
# reddening in BP - RP per kpc and at most, and extinction in G for one of reddening: chosen
_REDDENING_PER_KPC, _LARGEST_REDDENING, _EXTINCTION = 0.35, 1.5, 1.9
_AGN_BP_RP = (0.7, 0.3)
# BP and RP are measured less far down than G
_FAINTEST_BP = 21.3


def gaia_rows(
    rng: np.random.Generator,
    ra: np.ndarray,
    dec: np.ndarray,
    csc: np.ndarray,
    agn: np.ndarray,
    g: np.ndarray,
    year: np.ndarray,
) -> pd.DataFrame:
    """Rows of the served table `gaiadr3.gaia_source`, sorted by declination.

    Parameters
    ----------
    rng : Generator
    ra, dec : ndarray, shape (n,)
        Degrees, in `year`.
    csc : ndarray of int, shape (n,)
        Row of the X-ray source that this one is the true counterpart of, or -1.
    agn : ndarray of bool, shape (n,)
        Whether it is an active galaxy.
    g : ndarray, shape (n,)
        G magnitudes; NaN for field stars, of which they are drawn.
    year : ndarray, shape (n,)
        NaN for field stars, whose positions are those of the reference epoch.

    Returns
    -------
    DataFrame
        With `csc` as an additional column.
    """
    order = np.lexsort((ra, dec))
    ra, dec, csc, agn, g, year = (values[order] for values in (ra, dec, csc, agn, g, year))
    n = len(ra)
    # steps of up to 2**40: odd and even, rising with declination, above 2**53
    source_id = _FIRST_SOURCE_ID + np.cumsum(rng.integers(1, 2**40, n, dtype=np.int64))
    true = csc >= 0
    mag = np.interp(rng.random(n), _G_SHARE, _G_MAG)
    mag = np.where(np.isnan(g), mag, g)
    error = 0.02 * 10 ** (0.23 * np.maximum(mag - 14.0, 0.0)) * rng.lognormal(0.0, 0.2, n)
    distance_kpc = np.where(agn, np.inf, rng.lognormal(np.log(3.0), 0.6, n))
    pmra, pmdec = rng.normal(0.0, 1.0, (2, n)) * 9.0 / distance_kpc
    pmra, pmdec = pmra + error * rng.normal(size=n), pmdec + error * rng.normal(size=n)
    parallax = 1.0 / distance_kpc + error * rng.normal(size=n)
    ruwe = np.exp(rng.normal(0.03, 0.07, n)) * np.where(
        rng.random(n) < 0.05, rng.uniform(1.3, 6.0, n), 1.0
    )
    ra, dec = moved(ra, dec, pmra, pmdec, GAIA_YEAR - year)
    # position only: no parallax, no proper motion
    two_parameters = rng.random(n) < np.where(mag > 20.3, 0.35, 0.01)
    for values in (pmra, pmdec, parallax, ruwe):
        values[two_parameters] = np.nan
    flux = 10 ** (0.4 * (_G_ZERO_POINT - mag))
    bp_rp, bp = _draw_colours(rng, mag, distance_kpc, agn)
    without_flux = rng.random(n) < 0.003
    mag, flux, bp_rp, bp = (
        np.where(without_flux, np.nan, values) for values in (mag, flux, bp_rp, bp)
    )
    # one in a hundred is known as variable; of X-ray sources one in seven
    variable = rng.random(n) < np.where(true, 0.15, 0.01)
    not_quasar, galaxy = 10 ** rng.uniform(-13.0, -3.0, (2, n))
    quasar = np.where(agn, rng.uniform(0.8, 1.0, n), not_quasar)
    star = np.clip(1.0 - quasar - galaxy, 0.0, 1.0)
    unclassified = rng.random(n) < 0.05
    for values in (quasar, galaxy, star):
        values[unclassified] = np.nan
    lon, lat = galactic(ra, dec)
    frame = pd.DataFrame(
        {
            "ra": ra,
            "dec": dec,
            "l": lon,
            "b": lat,
            "phot_g_mean_mag": mag.astype(np.float32),
            "phot_g_mean_flux": flux,
            "phot_bp_mean_mag": bp.astype(np.float32),
            "bp_rp": bp_rp.astype(np.float32),
            "phot_variable_flag": np.where(variable, "VARIABLE", "NOT_AVAILABLE").astype(object),
            "classprob_dsc_combmod_quasar": quasar.astype(np.float32),
            "classprob_dsc_combmod_galaxy": galaxy.astype(np.float32),
            "classprob_dsc_combmod_star": star.astype(np.float32),
            "parallax": parallax,
            "ra_error": error.astype(np.float32),
            "dec_error": (error * rng.uniform(0.75, 1.0, n)).astype(np.float32),
            "ref_epoch": np.full(n, GAIA_YEAR),
            "pmra": pmra,
            "pmdec": pmdec,
            "ruwe": ruwe.astype(np.float32),
            "duplicated_source": rng.random(n) < 0.02,
            "csc": csc,
        }
    )
    frame = frame.sort_values(["dec", "ra"], kind="stable", ignore_index=True)
    frame.insert(0, "source_id", source_id)
    return frame


def _draw_colours(
    rng: np.random.Generator, mag: np.ndarray, distance_kpc: np.ndarray, agn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """BP - RP and BP: of stars on the reddened main sequence, and of active galaxies.

    Both are NaN for some, and for those too faint in BP.
    """
    n = len(mag)
    reddening = np.minimum(_REDDENING_PER_KPC * distance_kpc, _LARGEST_REDDENING)
    distance_pc = np.where(agn, 10.0, 1e3 * distance_kpc)
    absolute = mag - 5.0 * np.log10(distance_pc / 10.0) - _EXTINCTION * reddening
    star = np.interp(absolute, _ABSOLUTE_G, _MAIN_SEQUENCE) + reddening
    scatter = rng.standard_normal(n)
    bp_rp = np.where(agn, _AGN_BP_RP[0] + _AGN_BP_RP[1] * scatter, star + 0.15 * scatter)
    # BP - G of stars by their colour: fitted by eye to the same diagram
    bp = mag + 0.33 * bp_rp + 0.07 * bp_rp**2
    missing = (rng.random(n) < 0.01) | (bp + rng.normal(0.0, 0.2, n) > _FAINTEST_BP)
    return np.where(missing, np.nan, bp_rp), np.where(missing, np.nan, bp)


def _quality(rng: np.random.Generator, mag: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quality letters for magnitudes of shape (3, n), and the magnitudes, some null."""
    beyond_limit = mag + rng.normal(0.0, 0.4, mag.shape) - np.array([[16.0], [15.3], [14.6]])
    letter = np.select(
        [beyond_limit < 0, beyond_limit < 0.5, beyond_limit < 0.9, beyond_limit < 1.2],
        ["A", "B", "C", "D"],
        "U",
    ).astype(object)
    without_magnitude = rng.random(mag.shape) < 0.01
    letter[without_magnitude] = "X"
    return letter, np.where(without_magnitude, np.nan, mag)


def twomass_rows(
    rng: np.random.Generator,
    ra: np.ndarray,
    dec: np.ndarray,
    csc: np.ndarray,
    j: np.ndarray,
    year: np.ndarray,
    motion: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Rows of the served table `fp_psc`, sorted by declination.

    Parameters
    ----------
    rng : Generator
    ra, dec : ndarray, shape (n,)
        True positions, degrees, in `year`.
    csc : ndarray of int, shape (n,)
        Row of the X-ray source that this one is the true counterpart of, or -1.
    j : ndarray, shape (n,)
        J magnitudes; NaN for field stars, of which they are drawn.
    year : ndarray, shape (n,)
        NaN for field stars.
    motion : tuple of two ndarray, shape (n,)
        Proper motion along right ascension and declination, mas/yr.

    Returns
    -------
    DataFrame
        With `csc` as an additional column. Positions are those of the survey's date, have its error
        ellipse, of 0.06 arcsec or more, and are rounded as the survey's are.
    """
    order = np.lexsort((ra, dec))
    ra, dec, csc, j, year, pmra, pmdec = (
        values[order] for values in (ra, dec, csc, j, year, *motion)
    )
    n = len(ra)
    j = np.clip(np.where(np.isnan(j), rng.normal(14.6, 1.4, n), j), 4.0, 17.2)
    h = j - np.clip(rng.normal(0.85, 0.3, n), 0.0, 3.0)
    k = h - np.clip(rng.normal(0.3, 0.2, n), -0.1, 2.0)
    letter, (j, h, k) = _quality(rng, np.stack([j, h, k]))
    err_maj = np.round(0.06 + 0.01 * rng.poisson(0.6, n), 2)
    err_maj = np.where(rng.random(n) < 0.1, np.round(rng.uniform(0.1, 0.34, n), 2), err_maj)
    err_min = np.maximum(np.round(err_maj * rng.uniform(0.7, 1.0, n), 2), 0.06)
    err_ang = rng.integers(0, 180, n)
    along_major, along_minor = rng.normal(0.0, 1.0, (2, n)) * np.stack([err_maj, err_min]) / 60.0
    jdate = np.round(rng.uniform(2450606.0, 2451955.0, n), 4)
    ra, dec = moved(ra, dec, pmra, pmdec, year_of_julian_date(jdate) - year)
    ra, dec = from_tangent_plane(ra, dec, *rotate(along_minor, along_major, err_ang))
    ra, dec = np.round(ra, 6) % 360.0, np.round(dec, 6)
    lon, lat = galactic(ra, dec)
    flags = np.array(["000", "c00", "cc0", "0cc", "00c", "ccc"], dtype=object)
    frame = pd.DataFrame(
        {
            "designation": twomass_designations(ra, dec),
            "ra": ra,
            "dec": dec,
            "glon": np.round(lon, 3) % 360.0,
            "glat": np.round(lat, 3),
            "j_m": np.round(j, 3).astype(np.float32),
            "h_m": np.round(h, 3).astype(np.float32),
            "k_m": np.round(k, 3).astype(np.float32),
            "err_maj": err_maj.astype(np.float32),
            "err_min": err_min.astype(np.float32),
            "err_ang": err_ang,
            "ph_qual": letter[0] + letter[1] + letter[2],
            "cc_flg": flags[rng.choice(6, n, p=[0.8, 0.05, 0.03, 0.03, 0.03, 0.06])],
            "jdate": jdate,
            "csc": csc,
        }
    )
    return frame.sort_values(["dec", "ra"], kind="stable").reset_index(drop=True)
