"""How many Chandra sources lie in a Fermi circle, and where in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xgamma.association.positions import K95
from xgamma.classes import GROUPS
from xgamma.figures.sky_axes import longitude_axis, wrap_longitude
from xgamma.figures.style import (
    DATA,
    GROUP_COLOURS,
    GROUP_MARKERS,
    INK,
    NO_PAIRS,
    figure_text,
    group_handles,
    new_figure,
    plain_log,
    say_empty,
    styled,
)
from xgamma.stages.pairs import fermi_sources

__all__ = [
    "dealt_counts",
    "plot_matches_by_flux",
    "plot_matches_by_position",
    "plot_separations",
    "rank_correlation",
]

DEALS = 200
"""How often counts are dealt at random for the band of what chance alone gives."""

NULL = "#F2E6B8"


def _source_points(axes: Axes, x: np.ndarray, y: np.ndarray, sources: pd.DataFrame) -> None:
    """Draw one marker per Fermi source: colour and shape by group, hollow when it is confused."""
    confused = sources["confused"].to_numpy(bool)
    for group in GROUPS:
        colour, own = GROUP_COLOURS[group], (sources["group"] == group).to_numpy(bool)
        for chosen, face in ((own & ~confused, colour), (own & confused, "white")):
            if chosen.any():
                axes.scatter(
                    x[chosen], y[chosen], s=26, marker=GROUP_MARKERS[group], facecolors=face,
                    edgecolors=colour, lw=1.0, zorder=3,
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


def _flux_bins(flux: np.ndarray) -> list[np.ndarray]:
    """Split sources into bins of equal numbers by flux; none if there are too few."""
    bins = min(6, len(flux) // 8)
    return np.array_split(np.argsort(flux, kind="stable"), bins) if bins >= 2 else []


def _binned_median(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Draw median and quartiles in bins that hold equal numbers of sources."""
    for members in _flux_bins(x):
        low, middle, high = np.quantile(y[members], [0.25, 0.5, 0.75])
        centre, span = np.median(x[members]), x[members][[0, -1]]
        axes.plot(span, [middle, middle], color=INK, lw=2, zorder=5, solid_capstyle="butt")
        axes.plot([centre, centre], [low, high], color=INK, lw=1.2, zorder=5)


def rank_correlation(x: np.ndarray, y: np.ndarray) -> npt.NDArray[np.float64]:
    """Give Spearman's rank correlation of x with each row of y.

    Parameters
    ----------
    x : ndarray of float, shape (n,)
    y : ndarray of float, shape (k, n)

    Returns
    -------
    ndarray of float, shape (k,)
        NaN where all values are equal.
    """
    ranks = [pd.DataFrame(np.atleast_2d(rows)).rank(axis=1).to_numpy() for rows in (x, y)]
    one, other = (rows - rows.mean(axis=1, keepdims=True) for rows in ranks)
    norm = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.divide(
        (one * other).sum(axis=1), norm, out=np.full(len(norm), np.nan), where=norm > 0
    )


def dealt_counts(counts: np.ndarray) -> npt.NDArray[np.float64]:
    """Deal the counts to the sources at random, `DEALS` times; the same way every time.

    Parameters
    ----------
    counts : ndarray of float, shape (n,)

    Returns
    -------
    ndarray of float, shape (DEALS, n)
        Each row holds the same counts in another order.
    """
    return np.random.default_rng(0).permuted(np.tile(counts, (DEALS, 1)), axis=1)


def _draw_null(axes: Axes, flux: np.ndarray, dealt: np.ndarray) -> None:
    """Draw where the medians of dealt counts lie: 95 % of them, in the same bins of flux."""
    for members in _flux_bins(flux):
        low, high = np.quantile(np.median(dealt[:, members], axis=1), [0.025, 0.975])
        axes.fill_between(
            flux[members][[0, -1]], low, high, facecolor=NULL, edgecolor=INK, lw=0.6, zorder=2,
        )  # fmt: skip


@styled
def plot_matches_by_flux(pairs: pd.DataFrame) -> Figure:
    """Draw matches against gamma-ray flux: their number, and their number per area.

    Brighter Fermi sources are better located, so their circles are smaller and hold fewer
    sources whatever the X-ray sky is like. Nor is the density free of that: only sources with
    a match are drawn, so it is one match per circle at least, and small circles are dense. What
    that alone does is drawn: the same counts, dealt to the sources at random.

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
        f"{subtitle}. Black: median and quartiles in bins of equal numbers of sources.\n"
        f"Bands: 95 % of the medians of the same counts, dealt to the sources at random "
        "(in brackets: 95 % of their rank correlations).",
        5.1,
    )
    flux = usable["fermi_flux"].to_numpy(float)
    counts = usable["num_csc_matches"].to_numpy(float)
    area = np.pi * usable["fermi_r95"].to_numpy(float) ** 2
    for axes, per, label in zip(
        figure.subplots(1, 2),
        (np.ones(len(usable)), area),
        ("Chandra sources in the circle", "Chandra sources per deg$^2$ of the circle"),
        strict=True,
    ):
        axes.set_xlabel("Gamma-ray flux, 0.1–100 GeV (erg cm$^{-2}$ s$^{-1}$)")
        axes.set_ylabel(label)
        if usable.empty:  # logarithmic axes need something to scale with
            say_empty(axes, NO_PAIRS if pairs.empty else "no Fermi source has a flux")
            continue
        _source_points(axes, flux, counts / per, usable)
        _binned_median(axes, flux, counts / per)
        if _flux_bins(flux):
            dealt = dealt_counts(counts) / per
            _draw_null(axes, flux, dealt)
            (own,) = rank_correlation(flux, counts / per)
            low, high = np.quantile(rank_correlation(flux, dealt), [0.025, 0.975])
            axes.set_title(f"rank correlation {own:+.2f} (dealt: {low:+.2f} to {high:+.2f})")
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain_log(axes.yaxis)
    _legend_of_sources(figure, usable)
    return figure


@styled
def plot_separations(pairs: pd.DataFrame) -> Figure:
    """Draw the distribution of the squared distance in the 95 % ellipse, per pair and source.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        ``fermi_name, elliptical_distance``: 1 on the 95 % ellipse, NaN without one.

    Returns
    -------
    Figure
        Densities with integral 1, of the pairs inside the ellipse. Sources strewn evenly over
        it give a flat line at 1; it is a reference, not the chance expectation, which
        clustering, aimed pointings and fields that cover a part of the ellipse all change. If
        all were counterparts, the squared distance would be exponential (the Gaussian errors
        of which the ellipse holds 95 %). Per source, each pair weighs one over the number of
        pairs of its Fermi source, so that a few crowded ellipses do not speak for all. Error
        bars: square root of the sum of squared weights.
    """
    distance = pairs["elliptical_distance"].to_numpy(float)
    inside = distance <= 1  # NaN is not
    squared, names = distance[inside] ** 2, pairs["fermi_name"][inside]
    per_source = 1.0 / names.groupby(names).transform("size").to_numpy(float)
    figure = new_figure(
        "Where in the error ellipse the Chandra sources lie",
        f"{inside.sum():,} pairs of {names.nunique():,} Fermi sources in the 95 % ellipse; "
        f"{(~inside).sum():,} pairs of the circle beyond it are left out.\n"
        "Dashed: even over the ellipse. Dotted: if all were counterparts.",
        4.6,
    )
    left, right = figure.subplots(1, 2, sharey=True)
    edges = np.linspace(0, 1, 21 if len(squared) >= 1000 else 11)
    x = np.linspace(0, 1, 100)
    for axes, weights, title in (
        (left, np.ones(len(squared)), "every pair weighs 1"),
        (right, per_source, "every Fermi source weighs 1"),
    ):
        axes.axhline(1.0, color=INK, ls="--", lw=1, zorder=4)
        axes.plot(x, K95 * np.exp(-K95 * x) / 0.95, color=INK, ls=":", lw=1.2, zorder=4)
        axes.set_xlim(0, 1)
        axes.set_xlabel("(distance / 95 % ellipse)$^2$")
        if not len(squared):
            say_empty(axes, NO_PAIRS if pairs.empty else "no pair lies in an error ellipse")
            continue
        scale = 1.0 / (weights.sum() * np.diff(edges))
        height = np.histogram(squared, edges, weights=weights)[0] * scale
        error = np.sqrt(np.histogram(squared, edges, weights=weights**2)[0]) * scale
        axes.stairs(height, edges, fill=True, color=DATA, alpha=0.3, zorder=2)
        axes.stairs(height, edges, color=DATA, lw=1.4, zorder=3)
        middle = (edges[:-1] + edges[1:]) / 2
        axes.errorbar(middle, height, error, fmt="none", ecolor=DATA, elinewidth=1, zorder=3)
        mean = np.average(squared, weights=weights)
        axes.set_title(f"{title}: mean {mean:.2f} (even: 0.50)")
    left.set_ylabel("Probability density")
    left.set_ylim(bottom=0)
    return figure
