"""The true X-ray counterparts of the Fermi sources: which have one, what, where, how bright.

Only Fermi sources with a 95 % ellipse get one. Its nature follows from the class of
the list (for classes that say nothing, a part is drawn), its position from the error
ellipse, and its X-ray flux from the flux ratios measured for known objects.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.fermi import fold_class
from xgamma.demo.sky.geometry import from_tangent_plane, rotate

__all__ = ["ELLIPSE_95_SIGMA", "draw_counterparts", "draw_flux_ratio"]

# semi-axis of a 95 % error ellipse in units of sigma, two-dimensional Gaussian:
# sqrt(-2 ln 0.05)
ELLIPSE_95_SIGMA = float(np.sqrt(-2.0 * np.log(0.05)))

# mean and width of log10 (0.5-7 keV flux / 0.1-100 GeV flux), observed. The width for
# other binaries is an assumption: too few are known to measure it.
_FLUX_RATIO = {
    "young pulsar": (-3.6, 0.64),
    "millisecond pulsar": (-2.9, 0.9),
    "AGN": (-1.1, 0.8),
    "high-mass binary": (-2.2, 1.3),
    "other binary": (-1.3, 0.8),
}

# share with an X-ray source that a Chandra field over it can show; of 79 gamma-ray
# pulsars with Chandra sources in their circle 50 have one at their position
_DETECTABLE_SHARE = {
    "young pulsar": 50 / 79,
    "millisecond pulsar": 50 / 79,
    "AGN": 0.9,
    "high-mass binary": 1.0,
    "other binary": 0.9,
}

_YOUNG_PULSAR, _MILLISECOND_PULSAR = "young pulsar", "millisecond pulsar"
# nature by class (folded): (nature, probability); what is left has no X-ray point source
_UNCLASSIFIED = (("AGN", 0.2), (_YOUNG_PULSAR, 0.1), (_MILLISECOND_PULSAR, 0.1))
_NATURE = {
    "psr": ((_YOUNG_PULSAR, 1.0),),
    "pwn": ((_YOUNG_PULSAR, 1.0),),
    "msp": ((_MILLISECOND_PULSAR, 1.0),),
    "glc": ((_MILLISECOND_PULSAR, 1.0),),
    "hmb": (("high-mass binary", 1.0),),
    "lmb": (("other binary", 1.0),),
    "bin": (("other binary", 1.0),),
    "nov": (("other binary", 0.5),),
    "spp": ((_YOUNG_PULSAR, 0.4),),
    "snr": ((_YOUNG_PULSAR, 0.2),),
    "sfr": (),
    "gc": (),
    "unk": _UNCLASSIFIED,
    "": _UNCLASSIFIED,
}
_AGN = (("AGN", 1.0),)


def draw_counterparts(rng: np.random.Generator, fermi: pd.DataFrame) -> pd.DataFrame:
    """Draw the true X-ray counterparts of a part of the Fermi sources.

    Parameters
    ----------
    rng : Generator
    fermi : DataFrame
        As `read_fermi` gives it.

    Returns
    -------
    DataFrame
        One row per Fermi source that has one, in the order of `fermi`: `fermi` (its row
        number there), `nature`, `ra`, `dec` (deg). Positions follow the two-dimensional
        Gaussian whose 95 % contour the error ellipse is, tails included.
    """
    n = len(fermi)
    nature_draw, detectable_draw = rng.random(n), rng.random(n)
    along_major, along_minor = rng.standard_normal(n), rng.standard_normal(n)
    nature = np.full(n, "", dtype=object)
    classes = fold_class(fermi["source_type"])
    for folded in sorted(set(classes)):
        members = classes == folded
        low = 0.0
        for name, probability in _NATURE.get(folded, _AGN):
            drawn = members & (nature_draw >= low) & (nature_draw < low + probability)
            nature[drawn & (detectable_draw < _DETECTABLE_SHARE[name])] = name
            low += probability
    row = np.flatnonzero((nature != "") & (fermi["semi_major_axis_95"].to_numpy() > 0))
    major, minor, angle = (
        fermi[name].to_numpy()[row]
        for name in ("semi_major_axis_95", "semi_minor_axis_95", "position_angle_95")
    )
    # the major axis lies along the position angle: north of the unrotated frame
    east, north = rotate(
        along_minor[row] * minor * 60 / ELLIPSE_95_SIGMA,
        along_major[row] * major * 60 / ELLIPSE_95_SIGMA,
        angle,
    )
    ra, dec = from_tangent_plane(
        fermi["ra"].to_numpy()[row], fermi["dec"].to_numpy()[row], east, north
    )
    return pd.DataFrame({"fermi": row, "nature": nature[row], "ra": ra, "dec": dec})


def draw_flux_ratio(
    rng: np.random.Generator, nature: np.ndarray, least_log_ratio: np.ndarray
) -> np.ndarray:
    """Draw log10 of the X-ray to gamma-ray flux ratio above the detection limit.

    The measured ratios are those of detected sources, so each is drawn from its nature's
    normal distribution, cut off below what the field over the source can show.

    Parameters
    ----------
    rng : Generator
    nature : ndarray of str, shape (n,)
        Keys of the table of ratios.
    least_log_ratio : ndarray, shape (n,)
        log10 of the least ratio that the field can show.

    Returns
    -------
    ndarray, shape (n,)
        NaN, not detected, where the least ratio is NaN or three widths or more above the
        mean.
    """
    from scipy.special import ndtr, ndtri

    mean, width = np.array([_FLUX_RATIO[name] for name in nature]).reshape(-1, 2).T
    least = (least_log_ratio - mean) / width
    detected = least < 3.0
    # a normal distribution cut off below, by the inverse of its cumulative probability
    below = ndtr(np.where(detected, least, 0.0))
    log_ratio = mean + width * ndtri(below + rng.random(len(mean)) * (1.0 - below))
    return np.where(detected, log_ratio, np.nan)
