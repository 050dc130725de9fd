"""Colours and warnings of the simulated Chandra catalogue: hardness ratios and flags.

Hardness ratios follow the class of a source. The flags follow what makes them in the real
catalogue: how bright a source is, how far off the axis, and how near the next one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.source_classes import at_rank, per_class
from xgamma.sky import unit_vectors

__all__ = ["draw_quality"]

# counts per second above which more than about a tenth of the events pile up, and above which
# the core of the image is lost; off the axis the image is too wide for either
_PILED_UP_RATE, _SATURATED_RATE, _SHARP_IMAGE_ARCMIN = 0.03, 1.0, 3.0
# two sources share a region when nearer than this, which grows with the image, arcsec: chosen
_CONFUSED_ARCSEC, _CONFUSED_ARCSEC_PER_ARCMIN2 = 2.0, 0.06
# counts at which a half of the sources that vary are seen to
_VARIABILITY_COUNTS = 100.0


def draw_quality(rng: np.random.Generator, csc: pd.DataFrame) -> pd.DataFrame:
    """Draw the hardness ratios and flags of catalogue sources.

    Parameters
    ----------
    rng : Generator
    csc : DataFrame, n rows
        As `finish_catalogue` gives it, with `source_class`.

    Returns
    -------
    DataFrame, n rows
        Indexed as `csc`: `hard_hm`, `hard_ms` with their 68 % limits, NaN for sources without
        a flux in the broad band; and the flags, 'T' or 'F'.
    """
    n = len(csc)
    source_class, counts = csc["source_class"].to_numpy(), csc["counts"].to_numpy()
    without_band = csc["b_flux_ap"].isna().to_numpy()
    columns = {}
    for name in ("hard_hm", "hard_ms"):
        value = at_rank(source_class, name, rng.random(n), ends=(-1.0, 1.0))
        # of a ratio of two numbers of counts; half a count keeps the ends from being certain
        error = np.sqrt((1.0 - value**2 + 0.5 / counts) / counts)
        for column, values in (
            (name, value),
            (f"{name}_lolim", np.maximum(value - error, -1.0)),
            (f"{name}_hilim", np.minimum(value + error, 1.0)),
        ):
            columns[column] = np.where(without_band, np.nan, values)
    off_axis = csc["off_axis"].to_numpy()
    rate = counts / csc["exposure"].to_numpy()
    is_sharp = off_axis < _SHARP_IMAGE_ARCMIN
    confused_within = _CONFUSED_ARCSEC + _CONFUSED_ARCSEC_PER_ARCMIN2 * off_axis**2
    seen_to_vary = counts / (counts + _VARIABILITY_COUNTS)
    flags = {
        "extent_flag": rng.random(n) < per_class(source_class, "extended"),
        "pileup_flag": is_sharp & (rate > _PILED_UP_RATE),
        "sat_src_flag": is_sharp & (rate > _SATURATED_RATE),
        "conf_flag": _nearest_arcsec(csc) < confused_within,
        "var_flag": rng.random(n) < per_class(source_class, "variable") * seen_to_vary,
    }
    columns |= {name: np.where(is_set, "T", "F").astype(object) for name, is_set in flags.items()}
    return pd.DataFrame(columns, index=csc.index)


def _nearest_arcsec(csc: pd.DataFrame) -> np.ndarray:
    """How far the nearest other source is, in arcsec."""
    from scipy.spatial import cKDTree

    places = unit_vectors(csc["ra"], csc["dec"])
    chord = cKDTree(places).query(places, k=2)[0][:, 1]
    return np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0))) * 3600.0
