"""Simulated rows of AllWISE: field stars, and the true counterparts of X-ray sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.geometry import from_tangent_plane
from xgamma.demo.sky.names import allwise_designations

__all__ = ["allwise_rows"]

# magnitudes in W1..W4 at which the signal is five times the noise (Cutri et al. 2013,
# Explanatory Supplement to the AllWISE Data Release Products, section II.3)
_LIMITS = np.array([[16.9], [16.0], [11.5], [8.0]])
# where the colours' mean and scatter are those of stars, and of active galaxies: W1 - W2,
# W2 - W3, W3 - W4; chosen
_STAR_COLOURS = ((0.0, 0.1), (0.4, 0.5), (0.6, 0.6))
_AGN_COLOURS = ((1.0, 0.2), (2.8, 0.4), (2.4, 0.3))
# field stars of the plane in W1, mean and scatter; chosen
_FIELD_W1 = (14.3, 1.4)
# position error of a bright source, arcsec on each axis, and of one at the limit of W1
_LEAST_ERROR_ARCSEC, _ERROR_AT_LIMIT_ARCSEC = 0.035, 0.20


def allwise_rows(
    rng: np.random.Generator,
    ra: np.ndarray,
    dec: np.ndarray,
    csc: np.ndarray,
    agn: np.ndarray,
    w1: np.ndarray,
) -> pd.DataFrame:
    """Rows of the served table `allwise_p3as_psd`, sorted by declination.

    Parameters
    ----------
    rng : Generator
    ra, dec : ndarray, shape (n,)
        True positions, degrees.
    csc : ndarray of int, shape (n,)
        Row of the X-ray source that this one is the true counterpart of, or -1.
    agn : ndarray of bool, shape (n,)
        Whether it is an active galaxy.
    w1 : ndarray, shape (n,)
        True magnitudes; NaN for field stars, of which they are drawn.

    Returns
    -------
    DataFrame
        With `csc` as an additional column. Positions scatter by their own errors `sigra` and
        `sigdec`. A band without a detection has its limit as magnitude, and no error.
    """
    n = len(ra)
    field = np.clip(rng.normal(*_FIELD_W1, n), 5.0, 17.1)
    w1 = np.where(np.isnan(w1), field, w1)
    mean, scatter = np.where(agn[:, None, None], _AGN_COLOURS, _STAR_COLOURS).T
    colours = mean.T + scatter.T * rng.standard_normal((n, 3))
    true_mag = np.vstack([w1, w1 - np.cumsum(colours.T, axis=0)])
    # five times the noise at the limit; never better than two hundredths
    relative = 0.2 * 10 ** (0.4 * (true_mag - _LIMITS))
    mag_error = np.hypot(0.02, 1.0857 * relative)
    signal = np.maximum(1.0 / relative + rng.standard_normal(true_mag.shape), 0.0)
    letter = np.select([signal >= 10, signal >= 3, signal >= 2], ["A", "B", "C"], "U")
    # what is in the catalogue at all is there in its deepest band
    letter[0] = np.where(letter[0] == "U", "C", letter[0])
    limit = letter == "U"
    mag = true_mag + np.minimum(mag_error, 0.5) * rng.standard_normal(true_mag.shape)
    # the 95 % limit is two sigma
    mag = np.where(limit, _LIMITS + 2.5 * np.log10(5.0 / 2.0), mag)
    mag_error = np.where(limit, np.nan, np.minimum(mag_error, 0.54))
    error = np.hypot(_LEAST_ERROR_ARCSEC, _ERROR_AT_LIMIT_ARCSEC * 10 ** (0.4 * (w1 - _LIMITS[0])))
    sig_ra, sig_dec = (
        np.round(error * rng.uniform(low, high, n), 4) for low, high in ((1.0, 1.1), (0.95, 1.05))
    )
    offset = np.stack([sig_ra, sig_dec]) * rng.standard_normal((2, n)) / 60.0
    ra, dec = from_tangent_plane(ra, dec, *offset)
    ra, dec = np.round(ra, 7) % 360.0, np.round(dec, 7)
    flags = np.array(["0000", "h000", "hh00", "d000", "dd00", "00h0"], dtype=object)
    quality = letter.astype(object)
    columns = {
        "designation": allwise_designations(ra, dec),
        "ra": ra,
        "dec": dec,
        "sigra": sig_ra.astype(np.float32),
        "sigdec": sig_dec.astype(np.float32),
    }
    for band in range(4):
        columns[f"w{band + 1}mpro"] = np.round(mag[band], 3).astype(np.float32)
        columns[f"w{band + 1}sigmpro"] = np.round(mag_error[band], 3).astype(np.float32)
    columns["ph_qual"] = quality[0] + quality[1] + quality[2] + quality[3]
    columns["cc_flags"] = flags[rng.choice(6, n, p=[0.8, 0.06, 0.04, 0.04, 0.03, 0.03])]
    columns["csc"] = csc
    frame = pd.DataFrame(columns)
    return frame.sort_values(["dec", "ra"], kind="stable").reset_index(drop=True)
