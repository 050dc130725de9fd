"""Maps of the Fermi sources that have Chandra sources in their error circles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from xgamma.figures.sky_axes import PlanePanel, plane_axes
from xgamma.figures.style import (
    GROUP_COLOURS,
    INK,
    NO_PAIRS,
    RATIO_LABEL,
    add_colorbar,
    colour_scale,
    group_handles,
    robust_scale,
    say_empty,
    styled,
)
from xgamma.stages.pairs import fermi_sources, log_flux_ratio

__all__ = [
    "CIRCLE_SCALE",
    "plot_association_map",
    "plot_match_map",
]

CIRCLE_SCALE = 10.0
"""Circles are drawn at this many times R95: at their own size they are 1 to 2 pixels."""


def _circle(panel: PlanePanel, longitude: float, latitude: float, radius_deg: float) -> Ellipse:
    """Draw a circle of the sky on a plate carree map, where it is 1 / cos b wide."""
    stretch = 1 / max(float(np.cos(np.radians(latitude))), 0.05)
    return Ellipse(
        (float(panel.x(longitude)), latitude),
        2 * radius_deg * stretch,
        2 * radius_deg,
        facecolor="none",
        edgecolor=INK,
        lw=0.6,
        alpha=0.55,
        zorder=4,
    )


@styled
def plot_association_map(pairs: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Map the matched Chandra sources by flux ratio, and ten times each Fermi circle.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per pair.
    latitude_cut_deg : float

    Returns
    -------
    Figure
        Each CSC source is one point, also when it lies in several circles: then its ratio is
        to the Fermi source that is nearest in units of R95. Every Fermi source has its
        circle, with a radius of `CIRCLE_SCALE` times R95 in the map's own degrees.
    """
    sources = fermi_sources(pairs)
    once = (
        pairs.assign(ratio=log_flux_ratio(pairs))
        .sort_values(["csc_name", "separation_r95", "fermi_name"], kind="stable")
        .drop_duplicates("csc_name")
    )
    shown = once[once["ratio"].notna()].sort_values(["ratio", "csc_name"], kind="stable")
    missing = len(once) - len(shown)
    lost = f"; {missing:,} without a ratio are left out" if missing else ""
    figure, panels = plane_axes(
        "Chandra sources in Fermi error circles, by flux ratio",
        f"{len(once):,} distinct Chandra sources in {len(sources):,} Fermi circles; "
        f"higher ratios lie on top{lost}.\n"
        f"Circles are {CIRCLE_SCALE:g} × R95, at the scale of the map.",
        _latitude_limit(pairs, latitude_cut_deg),
    )
    ratio = shown["ratio"].to_numpy(float)
    scale, points = robust_scale(ratio), None
    for panel in panels:
        inside = panel.holds(shown["csc_l"])
        points = panel.axes.scatter(
            panel.x(shown["csc_l"][inside]), shown["csc_b"][inside], c=ratio[inside], s=9, lw=0,
            cmap=colour_scale(), norm=scale, zorder=3, rasterized=True,
        )  # fmt: skip
        for longitude, latitude, r95 in sources[["fermi_l", "fermi_b", "fermi_r95"]].to_numpy():
            radius = CIRCLE_SCALE * r95
            # A circle near the end of a strip is drawn on both; the rest is cut off.
            x = float(panel.x(longitude))
            for copy in (x - 360, x, x + 360):
                reach = radius / max(np.cos(np.radians(latitude)), 0.05)
                if panel.low - reach < copy < panel.high + reach:
                    circle = _circle(panel, longitude, latitude, radius)
                    circle.set_center((copy, latitude))
                    # not add_patch, which measures each one for limits that are set already
                    panel.axes.add_artist(circle)
    if points is not None:
        add_colorbar(figure, points, [panel.axes for panel in panels], RATIO_LABEL)
    if pairs.empty:
        say_empty(panels[len(panels) // 2].axes, NO_PAIRS)
    return figure


def _latitude_limit(pairs: pd.DataFrame, latitude_cut_deg: float) -> float:
    """Make room for Chandra sources beyond the cut: it is the Fermi source that obeys it."""
    latitude = pairs["csc_b"].abs()
    # what an archive gives beyond the pole is nowhere on the map, and may not stretch it
    return float(np.fmax(latitude_cut_deg, latitude[latitude <= 90].max()))


def _area_per_match(counts: pd.Series) -> float:
    """Give points squared per match: the fullest marker is 40 points wide at most."""
    return float(min(14.0, 1600.0 / max(counts.max(), 1))) if len(counts) else 14.0


def _size_handles(sources: pd.DataFrame, per_match: float) -> list[Line2D]:
    """Make legend entries for some numbers of matches, up to what a legend has room for."""
    most = int(sources["num_csc_matches"].max()) if len(sources) else 0
    diameters = {n: np.sqrt(per_match * n) for n in (1, 3, 10, 30, 100, 300, 1000) if n <= most}
    return [
        Line2D([], [], ls="", marker="o", color="#777777", ms=diameter, label=f"n = {n:,}")
        for n, diameter in diameters.items()
        if diameter <= 20
    ][-4:]


def _two_rows(upper: list[Line2D], lower: list[Line2D]) -> dict[str, Any]:
    """Arrange legend entries in two rows; matplotlib fills columns first."""
    columns = max(len(upper), len(lower), 1)
    blank = Line2D([], [], ls="", label=" ")
    rows = [row + [blank] * (columns - len(row)) for row in (upper, lower)]
    handles = [handle for pair in zip(*rows, strict=True) for handle in pair]
    return {
        "handles": handles, "loc": "outside lower left", "ncols": columns,
        "labelspacing": 0.9, "handletextpad": 0.8,
    }  # fmt: skip


@styled
def plot_match_map(pairs: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Map the Fermi sources with markers whose area is the number of Chandra matches.

    Parameters and axes as in `plot_association_map`.
    """
    sources = fermi_sources(pairs).sort_values(
        ["num_csc_matches", "fermi_name"], ascending=[False, True]
    )
    figure, panels = plane_axes(
        "Fermi sources by number of Chandra matches",
        f"{len(sources):,} Fermi sources with {len(pairs):,} pairs; the area of a marker is "
        "proportional to the number of Chandra sources in the circle.",
        latitude_cut_deg,
    )
    per_match = _area_per_match(sources["num_csc_matches"])
    for panel in panels:
        inside = sources[panel.holds(sources["fermi_l"])]
        panel.axes.scatter(
            panel.x(inside["fermi_l"]), inside["fermi_b"], s=per_match * inside["num_csc_matches"],
            facecolors=[(*to_rgb(GROUP_COLOURS[group]), 0.45) for group in inside["group"]],
            edgecolors=[GROUP_COLOURS[group] for group in inside["group"]], lw=0.5, zorder=3,
        )  # fmt: skip
    figure.legend(**_two_rows(group_handles(sources["group"]), _size_handles(sources, per_match)))
    if pairs.empty:
        say_empty(panels[len(panels) // 2].axes, NO_PAIRS)
    return figure
