"""The true objects of the Fermi sources: what each is, where, how bright in X-rays, if at all.

Every Fermi source with a 95 % ellipse has one. Its position follows the error law that
timing positions of pulsars show, its nature the class of the list (for classes that say
nothing, a part is drawn), and its X-ray flux the flux ratios measured for known objects.
None of this knows where Chandra has looked.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.fermi import fold_class
from xgamma.demo.sky.geometry import from_tangent_plane, rotate

__all__ = ["ELLIPSE_95_SIGMA", "draw_counterparts", "draw_known_positions", "is_known"]

# semi-axis of a 95 % error ellipse in units of sigma, two-dimensional Gaussian:
# sqrt(-2 ln 0.05)
ELLIPSE_95_SIGMA = float(np.sqrt(-2.0 * np.log(0.05)))

# the error law of positions, in units of the nominal Gaussian: in the plane a core and a
# wide part, whose share depends on how good the detection is; beyond it a core alone
_PLANE_LATITUDE_DEG = 10.0
_CORE_SCALE, _WIDE_SCALE, _SCALE_OFF_PLANE = 0.97, 2.86, 0.95
_WIDE_SHARE, _WIDE_SHARE_WEAK, _WIDE_SHARE_FLAGGED = 0.10, 0.30, 0.47
_WEAK_SIGNIFICANCE = 15.0
# analysis flags 1, 2, 6, 7: the source or its position changes with the model of the diffuse
# emission, lies on a clump of it, or the position is unstable
_DOUBTFUL_FLAGS = sum(1 << (flag - 1) for flag in (1, 2, 6, 7))

# location and scale of log10 (0.5-7 keV flux / 0.1-100 GeV flux). The scale for other
# binaries is an assumption: too few are known to measure it.
_FLUX_RATIO = {
    "young pulsar": (-3.58, 0.62),
    "millisecond pulsar": (-2.54, 0.83),
    "AGN": (-1.1, 0.8),
    "high-mass binary": (-2.2, 1.3),
    "other binary": (-1.3, 0.8),
}
# the ratios have heavier tails than a normal distribution: Student's t
_FLUX_RATIO_DEGREES = 4

# share that shines in X-rays at all
_SHINING_SHARE = {
    "young pulsar": 0.9,
    "millisecond pulsar": 0.8,
    "AGN": 0.95,
    "high-mass binary": 1.0,
    "other binary": 0.95,
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

# scatter of the positions that the list gives for associated sources, on each axis
_KNOWN_POSITION_ARCMIN = 0.5 / 60.0


def draw_counterparts(rng: np.random.Generator, fermi: pd.DataFrame) -> pd.DataFrame:
    """Draw the true object of each Fermi source that has a 95 % ellipse.

    In units x of the ellipse the share of objects beyond x is
    (1 - w) exp(-K x^2 / s1^2) + w exp(-K x^2 / s2^2) with K = -ln 0.05: at |b| <= 10 deg
    s1 = 0.97, s2 = 2.86 and w = 0.47, 0.30 or 0.10 for sources with doubtful flags, other
    weak ones and the rest; beyond s1 = 0.95 and w = 0.

    Parameters
    ----------
    rng : Generator
    fermi : DataFrame
        As `read_fermi` gives it.

    Returns
    -------
    DataFrame
        One row per Fermi source with an ellipse, in the order of `fermi`: `fermi` (its
        row number there), `ra`, `dec` (deg), `nature` ('' if it shines not at all in
        X-rays), `log_flux_ratio` (log10 of 0.5-7 keV flux over 0.1-100 GeV energy flux,
        whatever can be detected; NaN without a nature).
    """
    row = np.flatnonzero(fermi["semi_major_axis_95"].to_numpy() > 0)
    located = fermi.iloc[row]
    ra, dec = _draw_positions(rng, located)
    nature = _draw_natures(rng, located)
    of_none = np.nan, np.nan
    location, scale = np.array([_FLUX_RATIO.get(name, of_none) for name in nature]).T
    log_flux_ratio = location + scale * rng.standard_t(_FLUX_RATIO_DEGREES, len(row))
    return pd.DataFrame(
        {"fermi": row, "ra": ra, "dec": dec, "nature": nature, "log_flux_ratio": log_flux_ratio}
    )


def _draw_positions(rng: np.random.Generator, fermi: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Positions (deg) around Fermi sources with ellipses, by the error law."""
    n = len(fermi)
    flagged = (fermi["analysis_flags"].to_numpy() & _DOUBTFUL_FLAGS) != 0
    weak = fermi["detection_significance"].to_numpy() <= _WEAK_SIGNIFICANCE
    in_plane = np.abs(fermi["bii"].to_numpy()) <= _PLANE_LATITUDE_DEG
    wide_share = np.select([flagged, weak], [_WIDE_SHARE_FLAGGED, _WIDE_SHARE_WEAK], _WIDE_SHARE)
    is_wide = rng.random(n) < wide_share
    scale = np.where(in_plane, np.where(is_wide, _WIDE_SCALE, _CORE_SCALE), _SCALE_OFF_PLANE)
    along_major, along_minor = rng.standard_normal((2, n)) * scale * 60.0 / ELLIPSE_95_SIGMA
    # the major axis lies along the position angle: north of the unrotated frame
    east, north = rotate(
        along_minor * fermi["semi_minor_axis_95"].to_numpy(),
        along_major * fermi["semi_major_axis_95"].to_numpy(),
        fermi["position_angle_95"].to_numpy(),
    )
    return from_tangent_plane(fermi["ra"].to_numpy(), fermi["dec"].to_numpy(), east, north)


def _draw_natures(rng: np.random.Generator, fermi: pd.DataFrame) -> np.ndarray:
    """Nature of each source's object; '' if it does not shine in X-rays."""
    n = len(fermi)
    nature_draw, shining_draw = rng.random(n), rng.random(n)
    nature = np.full(n, "", dtype=object)
    classes = fold_class(fermi["source_type"])
    for folded in sorted(set(classes)):
        members = classes == folded
        low = 0.0
        for name, probability in _NATURE.get(folded, _AGN):
            drawn = members & (nature_draw >= low) & (nature_draw < low + probability)
            nature[drawn & (shining_draw < _SHINING_SHARE[name])] = name
            low += probability
    return nature


def draw_known_positions(
    rng: np.random.Generator, fermi: pd.DataFrame, counterparts: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the positions that the list gives for the objects that it knows.

    Parameters
    ----------
    rng : Generator
    fermi : DataFrame, n rows
        As `read_fermi` gives it.
    counterparts : DataFrame
        As `draw_counterparts` gives them.

    Returns
    -------
    ra, dec : ndarray, shape (n,)
        Degrees: where the true object is, within 0.5 arcsec on each axis. NaN for sources
        without an ellipse. Of those that are not `is_known` a list says nothing.
    """
    row = counterparts["fermi"].to_numpy()
    offset = rng.normal(0.0, _KNOWN_POSITION_ARCMIN, (2, len(row)))
    ra, dec = np.full((2, len(fermi)), np.nan)
    ra[row], dec[row] = from_tangent_plane(counterparts["ra"], counterparts["dec"], *offset)
    return ra, dec


def is_known(source_type: pd.Series) -> np.ndarray:
    """Whether a list knows what its sources are: they have a class, other than 'unk'.

    Parameters
    ----------
    source_type : Series of str, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    return ~np.isin(fold_class(source_type), ("", "unk"))
