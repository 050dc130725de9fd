"""The Chandra sources of the Galactic plane: where they are and how bright."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xgamma.figures.sky_axes import longitude_axis, plane_axes, sky_axes, sky_xy, wrap_longitude
from xgamma.figures.style import (
    DATA,
    MISSING,
    PALE,
    add_colorbar,
    colour_scale,
    legend_above,
    new_figure,
    point_size,
    robust_scale,
    say_empty,
    styled,
    thousands,
)

__all__ = ["plot_plane_histograms", "plot_plane_map", "plot_plane_sky"]

FLUX_LABEL = r"log$_{10}$ X-ray flux, 0.5–7 keV (erg cm$^{-2}$ s$^{-1}$)"


BINS_L, BINS_B = 75, 41
"""Odd numbers of bins: none ends at the Galactic Centre or at the equator, and splits it."""

ON_TOP = "; brighter ones lie on top."


def _by_flux(csc: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split sources into those with a positive flux, faintest first, and the others."""
    bright = csc["b_flux_ap"].fillna(0) > 0
    return csc[bright].sort_values(["b_flux_ap", "name"], kind="stable"), csc[~bright]


def _counts(some: pd.DataFrame, none: pd.DataFrame, latitude_cut_deg: float) -> str:
    return (
        f"|b| ≤ {latitude_cut_deg:g} deg: {len(some):,} sources with a broad-band flux, "
        f"{len(none):,} without (null or zero; grey)"
    )


@styled
def plot_plane_sky(csc: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Draw the plane's Chandra sources on the whole sky, coloured by flux.

    Parameters
    ----------
    csc : DataFrame, shape (n,)
        Sources within the cut: ``name``, ``lii, bii`` (deg), ``b_flux_ap`` (erg/cm2/s,
        0.5-7 keV).
    latitude_cut_deg : float

    Returns
    -------
    Figure
        The brightest source is on top where points overlap.
    """
    some, none = _by_flux(csc)
    figure = new_figure(
        "Chandra sources of the Galactic plane", _counts(some, none, latitude_cut_deg) + ON_TOP, 5.6
    )
    axes = sky_axes(figure, "galactic", label_latitude_deg=-latitude_cut_deg - 8)
    area = point_size(len(csc))
    axes.scatter(*sky_xy(none["lii"], none["bii"]), s=area, lw=0, color=MISSING, rasterized=True)
    log_flux = np.log10(some["b_flux_ap"].to_numpy(float))
    points = axes.scatter(
        *sky_xy(some["lii"], some["bii"]), c=log_flux, s=area, lw=0, cmap=colour_scale(),
        norm=robust_scale(log_flux), rasterized=True, zorder=3,
    )  # fmt: skip
    add_colorbar(figure, points, axes, FLUX_LABEL)
    if csc.empty:
        say_empty(axes, "no Chandra sources in the plane")
    return figure


@styled
def plot_plane_map(csc: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Draw the plane's Chandra sources in strips that show every longitude.

    Parameters and colours as in `plot_plane_sky`.
    """
    some, none = _by_flux(csc)
    figure, panels = plane_axes(
        "Map of the Galactic plane in X-rays", _counts(some, none, latitude_cut_deg) + ON_TOP,
        latitude_cut_deg,
    )  # fmt: skip
    log_flux = np.log10(some["b_flux_ap"].to_numpy(float))
    scale, points = robust_scale(log_flux), None
    for panel in panels:
        inside = panel.holds(none["lii"])
        panel.axes.scatter(
            panel.x(none["lii"][inside]), none["bii"][inside], s=point_size(len(csc)), lw=0,
            color=MISSING, rasterized=True,
        )  # fmt: skip
        inside = panel.holds(some["lii"])
        points = panel.axes.scatter(
            panel.x(some["lii"][inside]), some["bii"][inside], c=log_flux[inside], lw=0,
            s=point_size(len(csc)),
            cmap=colour_scale(), norm=scale, rasterized=True, zorder=3,
        )  # fmt: skip
    if points is not None:
        add_colorbar(figure, points, [panel.axes for panel in panels], FLUX_LABEL)
    if csc.empty:
        say_empty(panels[len(panels) // 2].axes, "no Chandra sources in the plane")
    return figure


@styled
def plot_plane_histograms(csc: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Count the plane's Chandra sources by longitude and by latitude.

    Parameters as in `plot_plane_sky`. Longitudes are wrapped at 180 deg, so that the
    Galactic Centre is in the middle of the middle bin, as the equator is.
    """
    some, none = _by_flux(csc)
    figure = new_figure(
        "Chandra sources of the plane by longitude and latitude",
        _counts(some, none, latitude_cut_deg) + ".",
        4.3,
    )
    by_longitude, by_latitude = figure.subplots(1, 2, width_ratios=(3, 2))
    bins_l = np.linspace(-180, 180, BINS_L + 1)
    bins_b = np.linspace(-latitude_cut_deg, latitude_cut_deg, BINS_B + 1)
    for axes, bins, values in (
        (by_longitude, bins_l, [wrap_longitude(t["lii"]) for t in (some, none)]),
        (by_latitude, bins_b, [t["bii"].to_numpy(float) for t in (some, none)]),
    ):
        thousands(axes.yaxis)
        axes.hist(
            values, bins=bins, stacked=True, color=[DATA, PALE], label=["with flux", "without"]
        )
    longitude_axis(by_longitude)
    by_longitude.set_xlabel("Galactic longitude (deg)")
    by_longitude.set_ylabel(f"Sources per {360 / BINS_L:.2g} deg")
    by_latitude.set_xlabel("Galactic latitude (deg)")
    by_latitude.set_ylabel(f"Sources per {2 * latitude_cut_deg / BINS_B:.2g} deg")
    by_latitude.set_xlim(-latitude_cut_deg, latitude_cut_deg)
    legend_above(by_longitude, 2)
    if csc.empty:
        say_empty(by_longitude, "no Chandra sources in the plane")
    return figure
