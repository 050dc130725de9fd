"""Maps of the Fermi sources that have Chandra sources in their error circles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from xgamma.figures.sky_axes import PlanePanel, plane_axes
from xgamma.figures.style import (
    GROUP_COLOURS,
    GROUP_MARKERS,
    INK,
    NO_PAIRS,
    PALE,
    RATIO_LABEL,
    add_colorbar,
    colour_scale,
    figure_text,
    group_handles,
    robust_scale,
    say_empty,
    styled,
)
from xgamma.sky import position_angle
from xgamma.stages.pairs import fermi_sources, log_flux_ratio
from xgamma.tables.names import without_list

__all__ = [
    "ENLARGED",
    "NAMED",
    "ellipse_outline",
    "plot_association_map",
    "plot_match_map",
]

ENLARGED = 10.0
"""Ellipses are drawn at their own size, 1 to 2 pixels, and at this many times it."""

NAMED = 6
"""Fermi sources that the map of associations names: the brightest in gamma rays."""

MOST_WIDE = 32.0
"""Width of the largest bubble of the map of matches, in points."""

# the Galactic pole, ICRS
_POLE_RA, _POLE_DEC = 192.85948, 27.12825


def ellipse_outline(source: Any, scale: float, points: int = 49) -> npt.NDArray[np.float64]:
    """Trace a 95 % error ellipse on a plate carree map of the plane, where it is 1 / cos b wide.

    Parameters
    ----------
    source : row of pairs
        ``fermi_ra, fermi_dec, fermi_l, fermi_b, fermi_r95, fermi_semi_minor_95`` (deg) and
        ``fermi_position_angle_95`` (deg, east of north). Without the latter two: a circle.
    scale : float
        How many times as large as it is.
    points : int
        The last is the first.

    Returns
    -------
    ndarray of float, shape (points, 2)
        Degrees of longitude, from that of the source on, and of latitude.
    """
    minor, angle = source.fermi_semi_minor_95, source.fermi_position_angle_95
    if not (np.isfinite(minor) and np.isfinite(angle)):
        minor, angle = source.fermi_r95, 0.0
    # the angle is counted from the Galactic pole here
    to_pole = position_angle(source.fermi_ra, source.fermi_dec, _POLE_RA, _POLE_DEC)
    turn = np.radians(angle - float(to_pole))
    around = np.linspace(0, 2 * np.pi, points)
    along, across = source.fermi_r95 * np.cos(around), minor * np.sin(around)
    east = along * np.sin(turn) + across * np.cos(turn)
    north = along * np.cos(turn) - across * np.sin(turn)
    stretch = 1 / max(float(np.cos(np.radians(source.fermi_b))), 0.05)
    return np.column_stack(
        [source.fermi_l + scale * stretch * east, source.fermi_b + scale * north]
    )


def _draw_ellipses(panel: PlanePanel, outlines: Sequence[np.ndarray], **look: Any) -> None:
    """Draw outlines on a strip; what crosses its end is on the next one as well."""
    lines = []
    for outline in outlines:
        middle = float(panel.x(outline[:-1, 0].mean()))
        for copy in (middle - 360, middle, middle + 360):
            shift = np.array([copy - outline[:-1, 0].mean(), 0.0])
            moved = outline + shift
            if moved[:, 0].max() > panel.low and moved[:, 0].min() < panel.high:
                lines.append(moved)
    # not add_collection, which measures each for limits that are set already
    panel.axes.add_artist(
        LineCollection(
            lines, colors=INK, transform=panel.axes.transData, clip_path=panel.axes.patch, **look
        )
    )


def _name_brightest(panels: Sequence[PlanePanel], sources: pd.DataFrame, limit: float) -> None:
    """Write the names of the `NAMED` brightest sources beside their ellipses."""
    brightest = sources.sort_values(["fermi_flux", "fermi_name"], ascending=[False, True])
    width, height = 14.5 * (panels[0].high - panels[0].low) / 120, 0.17 * limit
    taken: list[tuple[int, float, float]] = []
    for source in brightest[brightest["fermi_flux"] > 0].head(NAMED).itertuples():
        place = next((i for i, one in enumerate(panels) if one.holds([source.fermi_l])[0]), None)
        if place is None or not abs(source.fermi_b) <= limit:
            continue
        panel = panels[place]
        x = float(panel.x(source.fermi_l))
        middle = min(max(x, panel.low + width / 2), panel.high - width / 2)
        near = panel.holds(sources["fermi_l"]) & (
            np.abs(panel.x(sources["fermi_l"]) - middle) < 0.6 * width
        )
        latitudes = sources["fermi_b"].to_numpy()[near]

        def cost(
            y: float,
            place: int = place,
            middle: float = middle,
            latitudes: np.ndarray = latitudes,
            own: float = source.fermi_b,
        ) -> tuple[int, int, float]:
            names = sum(
                strip == place and abs(middle - x0) < width and abs(y - y0) < height
                for strip, x0, y0 in taken
            )
            return names, int((np.abs(latitudes - y) < height).sum()), abs(y - own)

        y = min((limit * part for part in (-0.85, -0.65, -0.45, 0.45, 0.65, 0.85)), key=cost)
        taken.append((place, middle, y))
        panel.axes.annotate(
            figure_text(without_list(source.fermi_name)), (x, source.fermi_b),
            (middle, y), ha="center", va="center", size=8.5, zorder=7,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            arrowprops={"arrowstyle": "-", "lw": 0.6, "color": INK, "shrinkA": 1, "shrinkB": 3},
        )  # fmt: skip


@styled
def plot_association_map(pairs: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Map the matched Chandra sources by flux ratio, and the Fermi ellipses.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per pair.
    latitude_cut_deg : float

    Returns
    -------
    Figure
        Each CSC source is one point, also when it lies in several circles: then its ratio is
        to the Fermi source that is nearest in units of R95. Every Fermi source has its 95 %
        ellipse twice: at its own size, and `ENLARGED` times as large.
    """
    sources = pairs.drop_duplicates("fermi_name").sort_values("fermi_name")
    once = (
        pairs.assign(ratio=log_flux_ratio(pairs))
        .sort_values(["csc_name", "separation_r95", "fermi_name"], kind="stable")
        .drop_duplicates("csc_name")
    )
    shown = once[once["ratio"].notna()].sort_values(["ratio", "csc_name"], kind="stable")
    missing = len(once) - len(shown)
    lost = f"; {missing:,} without a ratio are left out" if missing else ""
    limit = _latitude_limit(pairs, latitude_cut_deg)
    figure, panels = plane_axes(
        "Chandra sources in Fermi error circles, by flux ratio",
        f"{len(once):,} distinct Chandra sources in the circles of {len(sources):,} Fermi sources; "
        f"higher ratios lie on top{lost}.\n"
        f"95 % ellipses: at scale (bold), and {ENLARGED:g} times as large (thin). "
        f"Named: the {min(NAMED, len(sources))} brightest in gamma rays.",
        limit,
    )
    ratio = shown["ratio"].to_numpy(float)
    scale, points = robust_scale(ratio), None
    own, large = (
        [ellipse_outline(source, times) for source in sources.itertuples()]
        for times in (1.0, ENLARGED)
    )
    for panel in panels:
        inside = panel.holds(shown["csc_l"])
        points = panel.axes.scatter(
            panel.x(shown["csc_l"][inside]), shown["csc_b"][inside], c=ratio[inside], s=5, lw=0,
            cmap=colour_scale(), norm=scale, zorder=3, rasterized=True,
        )  # fmt: skip
        _draw_ellipses(panel, large, linewidths=0.6, alpha=0.55, zorder=4)
        _draw_ellipses(panel, own, linewidths=0.9, zorder=5)
    _name_brightest(panels, sources, limit)
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
    """Give points squared per match: the fullest bubble is `MOST_WIDE` points wide at most."""
    return float(min(14.0, MOST_WIDE**2 / max(counts.max(), 1))) if len(counts) else 14.0


def _size_handles(sources: pd.DataFrame, per_match: float) -> list[Line2D]:
    """Make legend entries for some numbers of matches, the largest one last."""
    if sources.empty:
        return []
    most = int(sources["num_csc_matches"].max())
    fewer = [n for n in (1, 3, 10, 30, 100, 300, 1000) if n <= most / 2][-3:]
    return [
        Line2D(
            [], [], ls="", marker="o", color=INK, mfc=PALE, mew=0.5, ms=np.sqrt(per_match * n),
            label=f"{n:,}",
        )
        for n in (*fewer, most)
    ]  # fmt: skip


def _draw_bubbles(panel: PlanePanel, sources: pd.DataFrame, per_match: float) -> None:
    """Draw a bubble for the number, and the marker of the group in it; hollow: confused."""
    for (group, confused), own in sources.groupby(["group", "confused"], sort=True):
        colour = GROUP_COLOURS[group]
        x, y = panel.x(own["fermi_l"]), own["fermi_b"].to_numpy()
        bubbles = panel.axes.scatter(
            x, y, s=per_match * own["num_csc_matches"], label="bubbles", edgecolors=colour, lw=0.7,
            facecolors="none" if confused else [(*to_rgb(colour), 0.3)], zorder=3, clip_on=False,
        )  # fmt: skip
        marks = panel.axes.scatter(
            x, y, s=15, marker=GROUP_MARKERS[group], edgecolors=colour, lw=0.8, zorder=4,
            facecolors="white" if confused else colour, clip_on=False,
        )  # fmt: skip
        # they may reach beyond the strip, which keeps its size
        bubbles.set_in_layout(False)
        marks.set_in_layout(False)


@styled
def plot_match_map(pairs: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Map the Fermi sources with bubbles whose area is the number of Chandra matches.

    Parameters and axes as in `plot_association_map`. Hollow: confused sources.
    """
    sources = fermi_sources(pairs).sort_values(
        ["num_csc_matches", "fermi_name"], ascending=[False, True]
    )
    figure, panels = plane_axes(
        "Fermi sources by number of Chandra matches",
        f"{len(sources):,} Fermi sources with {len(pairs):,} pairs; the area of a bubble is "
        "proportional to the number of Chandra sources in the circle.",
        latitude_cut_deg,
    )
    per_match = _area_per_match(sources["num_csc_matches"])
    for panel in panels:
        _draw_bubbles(panel, sources[panel.holds(sources["fermi_l"])], per_match)
    handles = group_handles(sources["group"])
    if sources["confused"].any():
        handles.append(
            Line2D([], [], ls="", marker="o", ms=6, mfc="white", mec=INK, label="confused (c)")
        )
    sizes = _size_handles(sources, per_match)
    if sizes:
        figure.legend(
            handles=sizes, loc="outside lower left", ncols=len(sizes), handleheight=3.2,
            handlelength=3.2, title="Chandra sources in the circle", title_fontsize=9.5,
            alignment="left",
        )  # fmt: skip
        figure.legend(handles=handles, loc="outside lower right", ncols=3, handletextpad=0.3,
                      columnspacing=1.0)  # fmt: skip
    if pairs.empty:
        say_empty(panels[len(panels) // 2].axes, NO_PAIRS)
    return figure
