"""Where Chandra has looked, and for how long."""

from __future__ import annotations

import numpy as np
import pandas as pd
from astropy.coordinates import Galactic, SkyCoord
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from xgamma.figures.sky_axes import sky_axes, sky_xy
from xgamma.figures.style import (
    INK,
    VERMILION,
    add_colorbar,
    colour_scale,
    new_figure,
    plain_log,
    point_size,
    say_empty,
    styled,
)

__all__ = ["plot_exposure_map"]


def _plane_lines(latitude_deg: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Trace ``b = latitude_deg`` in ICRS, broken where right ascension passes 180 deg."""
    lines = SkyCoord(
        Galactic("0d", "0d").realize_frame(
            SkyCoord(np.linspace(0, 360, 721), latitude_deg, unit="deg").spherical
        )
    ).icrs
    x, y = sky_xy(lines.ra.deg, lines.dec.deg)
    pieces = np.flatnonzero(np.abs(np.diff(x)) > np.pi) + 1
    return list(zip(np.split(x, pieces), np.split(y, pieces), strict=True))


@styled
def plot_exposure_map(observations: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Draw all observations on the sky, coloured by exposure.

    Parameters
    ----------
    observations : DataFrame, shape (n,)
        ``chanmaster``: ``ra, dec`` (deg, ICRS), ``exposure`` (s).
    latitude_cut_deg : float
        The plane's edge, drawn as a line.

    Returns
    -------
    Figure
        Observations with no exposure (zero or null: not made yet, or made to no avail) are
        crosses, and are counted.
    """
    placed = observations[observations["ra"].notna() & observations["dec"].notna()]
    exposed = placed["exposure"].fillna(0) > 0
    # Longest last: short ones would hide them.
    some = placed[exposed].sort_values(["exposure", "ra", "dec"], kind="stable")
    none = placed[~exposed]
    figure = new_figure(
        "Chandra observations",
        f"{len(some):,} observations with exposure; {len(none):,} without (crosses).\n"
        f"Lines: Galactic latitude 0 and ±{latitude_cut_deg:g} deg.",
        5.9,
    )
    axes = sky_axes(figure, "equatorial", label_latitude_deg=-15)
    for latitude, style in ((0.0, "-"), (latitude_cut_deg, ":"), (-latitude_cut_deg, ":")):
        for x, y in _plane_lines(latitude) if abs(latitude) < 90 else []:
            axes.plot(x, y, style, color=INK, lw=0.9, alpha=0.6, zorder=2)
    axes.scatter(
        *sky_xy(none["ra"], none["dec"]), marker="x", s=2 * point_size(len(placed)),
        lw=0.7, color=VERMILION, label="no exposure", rasterized=True, zorder=4,
    )  # fmt: skip
    kiloseconds = some["exposure"].to_numpy(float) / 1000
    finite = kiloseconds[np.isfinite(kiloseconds) & (kiloseconds > 0)]
    low, high = np.quantile(finite, [0.01, 0.99]) if len(finite) else (1.0, 100.0)
    points = axes.scatter(
        *sky_xy(some["ra"], some["dec"]), c=kiloseconds, s=point_size(len(some)), lw=0,
        cmap=colour_scale(), norm=LogNorm(low, max(high, low * 1.01)), label="with exposure",
        rasterized=True, zorder=3,
    )  # fmt: skip
    bar = add_colorbar(figure, points, axes, "Exposure (ks)")
    plain_log(bar.ax.xaxis)
    if placed.empty:
        say_empty(axes, "no observations")
    return figure
