"""How many Chandra sources lie in a Fermi circle, and where in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xgamma.figures.sky_axes import longitude_axis, wrap_longitude
from xgamma.figures.style import (
    BLUE,
    GROUP_COLOURS,
    INK,
    NO_PAIRS,
    ORANGE,
    figure_text,
    group_handles,
    new_figure,
    plain_log,
    say_empty,
    styled,
)
from xgamma.stages.pairs import fermi_sources

__all__ = ["plot_matches_by_flux", "plot_matches_by_position", "plot_separations"]


def _source_points(axes: Axes, x: np.ndarray, y: np.ndarray, sources: pd.DataFrame) -> None:
    """Draw one marker per Fermi source: colour by group, hollow when it is confused."""
    colours = np.array([GROUP_COLOURS[group] for group in sources["group"]], dtype=object)
    confused = sources["confused"].to_numpy(bool)
    for chosen, face in ((~confused, colours), (confused, np.full(len(sources), "white"))):
        axes.scatter(
            x[chosen], y[chosen], s=26, facecolors=list(face[chosen]),
            edgecolors=list(colours[chosen]), lw=1.0, zorder=3,
        )  # fmt: skip


def _legend_of_sources(figure: Figure, sources: pd.DataFrame) -> None:
    handles = group_handles(sources["group"])
    if sources["confused"].any():
        handles.append(
            Line2D([], [], ls="", marker="o", ms=6, mfc="white", mec=INK, label="confused (c)")
        )
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))


@styled
def plot_matches_by_position(pairs: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Draw the number of Chandra matches of each Fermi source by longitude and latitude.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per pair.
    latitude_cut_deg : float

    Returns
    -------
    Figure
        One stem and point per Fermi source: its own position, its own count.
    """
    sources = fermi_sources(pairs)
    counts = sources["num_csc_matches"].to_numpy(float)
    subtitle = f"{len(sources):,} Fermi sources with {len(pairs):,} pairs."
    if len(sources):
        top = sources.sort_values(["num_csc_matches", "fermi_name"], ascending=[False, True])
        name, most = top["fermi_name"].iloc[0], top["num_csc_matches"].iloc[0]
        subtitle += f" Most: {figure_text(name)}, {most:,}."
    figure = new_figure("Chandra matches per Fermi source", subtitle, 4.7)
    by_longitude, by_latitude = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for axes, x in (
        (by_longitude, wrap_longitude(sources["fermi_l"])),
        (by_latitude, sources["fermi_b"].to_numpy(float)),
    ):
        axes.vlines(x, 0.7, counts, color="#C4C4C4", lw=0.6, zorder=2)
        _source_points(axes, x, counts, sources)
        axes.set_yscale("log")
        plain_log(axes.yaxis)
    by_longitude.set_ylim(0.7, max(10.0, 1.6 * counts.max(initial=1)))
    longitude_axis(by_longitude)
    by_longitude.set_xlabel("Galactic longitude of the Fermi source (deg)")
    by_longitude.set_ylabel("Chandra sources in the circle")
    by_latitude.set_xlim(-1.03 * latitude_cut_deg, 1.03 * latitude_cut_deg)
    by_latitude.set_xlabel("Galactic latitude of the Fermi source (deg)")
    _legend_of_sources(figure, sources)
    if pairs.empty:
        say_empty(by_longitude, NO_PAIRS)
    return figure


def _binned_median(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw median and quartiles in bins that hold equal numbers of sources."""
    bins = min(6, len(x) // 8)
    if bins < 2:
        return
    for members in np.array_split(np.argsort(x, kind="stable"), bins):
        low, middle, high = np.quantile(y[members], [0.25, 0.5, 0.75])
        centre, span = np.median(x[members]), x[members][[0, -1]]
        axes.plot(span, [middle, middle], color=INK, lw=2, zorder=5, solid_capstyle="butt")
        axes.plot([centre, centre], [low, high], color=INK, lw=1.2, zorder=5)


@styled
def plot_matches_by_flux(pairs: pd.DataFrame) -> Figure:
    """Draw matches against gamma-ray flux: their number, and their number per area.

    Brighter Fermi sources are better located, so their circles are smaller and hold fewer
    sources whatever the X-ray sky is like; the density does not depend on that.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per pair.
    """
    sources = fermi_sources(pairs)
    usable = sources[(sources["fermi_flux"] > 0) & (sources["fermi_r95"] > 0)]
    subtitle = f"{len(usable):,} Fermi sources"
    if len(usable) < len(sources):
        subtitle += f" ({len(sources) - len(usable):,} without flux left out)"
    figure = new_figure(
        "Do brighter gamma-ray sources have more Chandra matches?",
        f"{subtitle}. Black: median and quartiles in bins of equal numbers of sources.",
        4.9,
    )
    flux = usable["fermi_flux"].to_numpy(float)
    counts = usable["num_csc_matches"].to_numpy(float)
    density = counts / (np.pi * usable["fermi_r95"].to_numpy(float) ** 2)
    for axes, y, label in zip(
        figure.subplots(1, 2),
        (counts, density),
        ("Chandra sources in the circle", "Chandra sources per deg$^2$ of the circle"),
        strict=True,
    ):
        axes.set_xlabel("Gamma-ray flux, 0.1–100 GeV (erg cm$^{-2}$ s$^{-1}$)")
        axes.set_ylabel(label)
        if usable.empty:  # logarithmic axes need something to scale with
            say_empty(axes, NO_PAIRS if pairs.empty else "no Fermi source has a flux")
            continue
        _source_points(axes, flux, y, usable)
        _binned_median(axes, flux, y)
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain_log(axes.yaxis)
    _legend_of_sources(figure, usable)
    return figure


@styled
def plot_separations(pairs: pd.DataFrame) -> Figure:
    """Draw the distribution of (separation / R95) squared, per pair and per source.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        ``fermi_name, separation_r95`` in [0, 1].

    Returns
    -------
    Figure
        Densities with integral 1. Sources strewn evenly over the circle give a flat line
        at 1; it is a reference, not the chance expectation, which clustering, aimed
        pointings and fields that cover a part of the circle all change. Per source, each
        pair weighs one over the number of pairs of its Fermi source, so that a few crowded
        circles do not speak for all. Error bars: square root of the sum of squared weights.
    """
    squared = pairs["separation_r95"].to_numpy(float) ** 2
    per_source = 1.0 / pairs.groupby("fermi_name")["fermi_name"].transform("size").to_numpy(float)
    figure = new_figure(
        "Where in the error circle the Chandra sources lie",
        f"{len(pairs):,} pairs of {pairs['fermi_name'].nunique():,} Fermi sources. "
        "Dashed: even over the circle (a reference only).",
        4.4,
    )
    left, right = figure.subplots(1, 2, sharey=True)
    edges = np.linspace(0, 1, 21 if len(pairs) >= 1000 else 11)
    for axes, weights, colour, title in (
        (left, np.ones(len(pairs)), BLUE, "every pair weighs 1"),
        (right, per_source, ORANGE, "every Fermi source weighs 1"),
    ):
        axes.axhline(1.0, color=INK, ls="--", lw=1, zorder=4)
        axes.set_xlim(0, 1)
        axes.set_xlabel(r"(separation / R95)$^2$")
        if pairs.empty:
            say_empty(axes, NO_PAIRS)
            continue
        scale = 1.0 / (weights.sum() * np.diff(edges))
        height = np.histogram(squared, edges, weights=weights)[0] * scale
        error = np.sqrt(np.histogram(squared, edges, weights=weights**2)[0]) * scale
        axes.stairs(height, edges, fill=True, color=colour, alpha=0.35, zorder=2)
        axes.stairs(height, edges, color=colour, lw=1.4, zorder=3)
        middle = (edges[:-1] + edges[1:]) / 2
        axes.errorbar(middle, height, error, fmt="none", ecolor=colour, elinewidth=1, zorder=3)
        mean = np.average(squared, weights=weights)
        axes.set_title(f"{title}: mean {mean:.2f} (even: 0.50)")
    left.set_ylabel("Probability density")
    left.set_ylim(bottom=0)
    return figure
