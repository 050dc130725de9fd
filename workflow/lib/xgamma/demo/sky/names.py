"""Names of simulated sources, made from their positions; each begins with SIM.

Catalogues name a source by where it lies, cut off and not rounded. Two sources so close
that their names would be the same get a letter each but the first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

__all__ = ["allwise_designations", "chandra_names", "twomass_designations"]

# a position that is rounded to just below a whole digit belongs to that digit
_ROUNDING = 1e-6


def chandra_names(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Names in the form of Chandra's source catalogue, 'SIM Jhhmmss.s+ddmmss'.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS, degrees.

    Returns
    -------
    ndarray of str, shape (n,)
        Doubles end in a letter.
    """
    # right ascension in tenths of a second of time, declination in seconds of arc
    ra_tenths = np.floor(ra * 2400.0 + _ROUNDING).astype(int) % 864_000
    dec_seconds = np.floor(np.abs(dec) * 3600.0 + _ROUNDING).astype(int)
    return _named(
        lambda t, s, sign: (
            f"SIM J{t // 36000:02d}{t // 600 % 60:02d}{t % 600 // 10:02d}.{t % 10}"
            f"{sign}{s // 3600:02d}{s // 60 % 60:02d}{s % 60:02d}"
        ),
        ra_tenths,
        dec_seconds,
        dec,
    )


def twomass_designations(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Designations in the form of 2MASS, 'SIM hhmmssss+ddmmsss'.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS, degrees.

    Returns
    -------
    ndarray of str, shape (n,)
        Doubles end in a letter.
    """
    return _named(
        lambda t, s, sign: (
            f"SIM {t // 360000:02d}{t // 6000 % 60:02d}{t % 6000:04d}"
            f"{sign}{s // 36000:02d}{s // 600 % 60:02d}{s % 600:03d}"
        ),
        *_hundredths_and_tenths(ra, dec),
        dec,
    )


def allwise_designations(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Designations in the form of AllWISE, 'SIM Jhhmmss.ss+ddmmss.s'.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS, degrees.

    Returns
    -------
    ndarray of str, shape (n,)
        Doubles end in a letter.
    """
    return _named(
        lambda t, s, sign: (
            f"SIM J{t // 360000:02d}{t // 6000 % 60:02d}{t % 6000 // 100:02d}.{t % 100:02d}"
            f"{sign}{s // 36000:02d}{s // 600 % 60:02d}{s % 600 // 10:02d}.{s % 10}"
        ),
        *_hundredths_and_tenths(ra, dec),
        dec,
    )


def _hundredths_and_tenths(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole hundredths of a second of time, and tenths of a second of arc without the sign."""
    return (
        np.floor(ra * 24_000.0 + _ROUNDING).astype(int) % 8_640_000,
        np.floor(np.abs(dec) * 36_000.0 + _ROUNDING).astype(int),
    )


def _named(
    form: Callable[[int, int, str], str], ra: np.ndarray, dec: np.ndarray, signed: np.ndarray
) -> np.ndarray:
    """Names of whole parts of both coordinates, the declination's without its sign."""
    signs = np.where(signed < 0, "-", "+")
    return _distinct(
        [form(t, s, sign) for t, s, sign in zip(ra.tolist(), dec.tolist(), signs, strict=True)]
    )


def _distinct(names: list[str]) -> np.ndarray:
    """The names, with a letter behind the second and later ones of the same name."""
    series = pd.Series(names, dtype=object)
    earlier = series.groupby(series).cumcount().to_numpy()
    for row in np.flatnonzero(earlier):
        names[row] += chr(ord("A") + min(int(earlier[row]), 26) - 1)
    return np.array(names, dtype=object)
