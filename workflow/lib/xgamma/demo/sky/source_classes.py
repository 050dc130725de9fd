"""What an X-ray source is to the eye: how often it has a counterpart, and how colours scatter.

Measured on the 2,927 classified Chandra sources of Yang et al. 2022 (ApJ 941, 104), and on 2,000
sources of the plane without a class. The counterparts of Fermi sources get the class of their
nature; every other source is one of the field.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FIELD", "SOURCE_CLASSES", "SourceClass", "at_rank", "class_of_nature", "per_class"]

Floats = NDArray[np.float64]

FIELD = "field"


class SourceClass(NamedTuple):
    """One class; quantiles are at 5, 25, 50, 75 and 95 %.

    Parameters
    ----------
    gaia, twomass : float
        Share with a counterpart in Gaia, and in 2MASS.
    allwise : float
        Share with one in AllWISE of those that have none in 2MASS; chosen.
    log_flux_ratio : tuple of float, or None
        Of log10 of X-ray flux over optical flux: log F_X + 0.4 G + 5.37.
    hard_hm, hard_ms : tuple of float
        Of the hardness ratios (H - M) / (H + M) and (M - S) / (M + S), S 0.5-1.2,
        M 1.2-2, H 2-7 keV.
    variable : float
        Share that varies so that a bright source shows it; chosen.
    extended : float
        Share that is extended; chosen.
    """

    gaia: float
    twomass: float
    allwise: float
    log_flux_ratio: tuple[float, ...] | None
    hard_hm: tuple[float, ...]
    hard_ms: tuple[float, ...]
    variable: float
    extended: float


SOURCE_CLASSES = {
    # a tenth of them in a nebula that Chandra resolves
    "neutron star": SourceClass(
        gaia=0.0, twomass=0.0, allwise=0.0, log_flux_ratio=None,
        hard_hm=(-0.54, 0.19, 0.67, 0.85, 0.98), hard_ms=(-0.85, -0.29, 0.19, 0.79, 0.95),
        variable=0.03, extended=0.10,
    ),
    "HMXB": SourceClass(
        gaia=0.70, twomass=0.86, allwise=0.30, log_flux_ratio=(-3.34, -1.72, -1.26, -0.65, 1.25),
        hard_hm=(0.49, 0.79, 0.93, 1.0, 1.0), hard_ms=(0.0, 0.44, 0.64, 0.80, 1.0),
        variable=0.60, extended=0.01,
    ),
    "LMXB": SourceClass(
        gaia=0.43, twomass=0.20, allwise=0.15, log_flux_ratio=(-1.94, -0.69, 0.05, 0.39, 1.19),
        hard_hm=(-0.50, 0.0, 0.42, 0.66, 0.92), hard_ms=(-0.65, -0.34, -0.03, 0.27, 0.77),
        variable=0.50, extended=0.01,
    ),
    "AGN": SourceClass(
        gaia=0.70, twomass=0.30, allwise=0.85, log_flux_ratio=(-1.21, -0.55, -0.16, 0.31, 0.97),
        hard_hm=(0.13, 0.41, 0.52, 0.62, 0.90), hard_ms=(-0.47, -0.26, -0.12, 0.11, 0.64),
        variable=0.30, extended=0.01,
    ),
    FIELD: SourceClass(
        gaia=0.57, twomass=0.47, allwise=0.15, log_flux_ratio=(-3.93, -2.60, -1.88, -1.28, -0.47),
        hard_hm=(-0.27, 0.33, 0.64, 0.85, 0.99), hard_ms=(-0.67, -0.08, 0.21, 0.57, 0.98),
        variable=0.20, extended=0.02,
    ),
}  # fmt: skip

_CLASS_OF_NATURE = {
    "young pulsar": "neutron star",
    "millisecond pulsar": "neutron star",
    "AGN": "AGN",
    "high-mass binary": "HMXB",
    "other binary": "LMXB",
}

_RANKS = (0.05, 0.25, 0.50, 0.75, 0.95)


def class_of_nature(nature: ArrayLike) -> NDArray[np.object_]:
    """Class of each source by its nature: `FIELD` where that is '', of no Fermi source.

    Parameters
    ----------
    nature : array_like of str, shape (n,)
        As `draw_counterparts` names them.

    Returns
    -------
    ndarray of str, shape (n,)
        Keys of `SOURCE_CLASSES`.
    """
    return np.array([_CLASS_OF_NATURE[name] if name else FIELD for name in nature], dtype=object)


def per_class(source_class: NDArray[np.object_], quantity: str) -> Floats:
    """A number of each source's class: 'gaia', 'twomass', 'allwise', 'variable', 'extended'.

    Parameters
    ----------
    source_class : ndarray of str, shape (n,)
    quantity : str

    Returns
    -------
    ndarray, shape (n,)
    """
    values = {name: getattr(kind, quantity) for name, kind in SOURCE_CLASSES.items()}
    return np.array([values[name] for name in source_class], dtype=float)


def at_rank(
    source_class: NDArray[np.object_],
    quantity: str,
    rank: Floats,
    ends: tuple[float, float] | None = None,
) -> Floats:
    """Values of a quantity at ranks of its distribution in each source's class.

    Between the quantiles of the class the values are interpolated linearly.

    Parameters
    ----------
    source_class : ndarray of str, shape (n,)
    quantity : str
        'log_flux_ratio', 'hard_hm' or 'hard_ms'.
    rank : ndarray, shape (n,)
        In [0, 1]; even random numbers give the distribution.
    ends : (float, float), optional
        Values at ranks 0 and 1. By default each end lies half as far beyond the outermost
        quantile as the quantile next to that lies inside it.

    Returns
    -------
    ndarray, shape (n,)
        NaN for a class that has no such quantity.
    """
    values = np.full(len(source_class), np.nan)
    for name, kind in SOURCE_CLASSES.items():
        quantiles = getattr(kind, quantity)
        members = source_class == name
        if quantiles is None or not members.any():
            continue
        low, high = ends or (
            1.5 * quantiles[0] - 0.5 * quantiles[1],
            1.5 * quantiles[-1] - 0.5 * quantiles[-2],
        )
        values[members] = np.interp(rank[members], (0.0, *_RANKS, 1.0), (low, *quantiles, high))
    return values
