"""Figures of probabilities: whether they hold, what they rest on, what is known of each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xgamma.association.states import STATES
from xgamma.figures.sky_axes import plane_axes
from xgamma.figures.style import (
    DATA,
    INK,
    MISSING,
    PALE,
    RATIO_LABEL,
    add_colorbar,
    colour_scale,
    new_figure,
    robust_scale,
    say_empty,
    styled,
)

__all__ = [
    "STATE_MARKS",
    "plot_known_sources",
    "plot_probability",
    "plot_reliability",
    "plot_states",
]

# colour, marker, size of a state: the more is known, the larger and darker; the violet is theirs
STATE_MARKS = dict(
    zip(
        STATES,
        (
            (PALE, ".", 3),
            (MISSING, "o", 3),
            (INK, "x", 5),
            ("#B3A8E0", "s", 4),
            ("#8673C7", "D", 5),
            ("#5B3FA8", "^", 6),
            ("#2E1065", "*", 11),
        ),
        strict=True,
    )
)

_WAYS = ("flux x position", "brightest", "nearest")
_RANKS = (
    (1, 1, "1"),
    (2, 2, "2"),
    (3, 3, "3"),
    (4, 10, "4-10"),
    (11, 10**9, "> 10"),
    (0, 0, "none"),
)


@styled
def plot_reliability(calibration: Mapping[str, Any]) -> Figure:
    """Compare probabilities with how many are right: on injections, and on known sources.

    Parameters
    ----------
    calibration : mapping
        `association/calibration.json`.

    Returns
    -------
    Figure
        One panel each, a bar and a point per bin of probability.
    """
    injections, known = calibration["injections"], calibration["known"]
    figure = new_figure(
        "Do the probabilities hold?",
        "Candidates in bins of probability: how many are right, and how many the probabilities "
        "foresee, with their scatter\n(1 sigma). Where they hold, points lie at the bars' ends.",
        4.7,
    )
    left, right = figure.subplots(1, 2, sharey=True)
    _reliability_panel(
        left,
        injections["bins"],
        f"{injections['listed']:,} counterparts drawn into {injections['controls']:,} controls",
    )
    _reliability_panel(
        right,
        known["bins"],
        f"{known['with_right_candidate']:,} known pulsars and binaries",
    )
    return figure


def _reliability_panel(axes: Axes, bins: Sequence[Mapping[str, float]], title: str) -> None:
    axes.set_title(title)
    labels = [f"{one['low']:g}-{one['high']:g}" for one in bins]
    for place, one in enumerate(bins):
        number = one["candidates"]
        if not number:
            continue
        p, share, error = (one[key] / number for key in ("expected", "right", "error"))
        axes.bar(place, p, width=0.72, color=PALE, zorder=2)
        axes.plot(
            [place, place], [max(p - error, 0), min(p + error, 1)], color=MISSING, lw=2.5, zorder=3
        )
        axes.plot([place], [share], "o", color=DATA, ms=7, mec="white", mew=0.8, zorder=4)
        top = max(share, p + error)
        axes.annotate(
            f"{one['right']:,}\nof {number:,}", (place, min(top, 1.0)), (0, 7),
            textcoords="offset points", ha="center", va="bottom", size=8.5, color=INK,
        )  # fmt: skip
    axes.set_xticks(range(len(bins)), labels, rotation=35, ha="right")
    axes.set(ylim=(0, 1.22), xlabel="probability")
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.grid(axis="x", visible=False)
    axes.legend(
        handles=[
            Line2D([], [], ls="", marker="o", ms=7, color=DATA, label="share that is right"),
            Line2D([], [], color=PALE, lw=7, label="share expected"),
        ],
        loc="upper left",
    )
    if not any(one["candidates"] for one in bins):
        say_empty(axes, "no source to judge by")


@styled
def plot_known_sources(known: pd.DataFrame, calibration: Mapping[str, Any]) -> Figure:
    """Show at which rank the right Chandra source of known objects comes, and how simple ways do.

    Parameters
    ----------
    known : DataFrame
        `xgamma.stages.calibrate.KNOWN_COLUMNS`.
    calibration : mapping
        `association/calibration.json`.
    """
    numbers = calibration["known"]
    with_right = known[known["rank"] > 0]
    figure = new_figure(
        "Known pulsars and binaries: does the right Chandra source come first?",
        f"{len(known):,} with candidates; the right one is among them for {len(with_right):,}. "
        "Each was judged by a fit without it.",
        4.2,
    )
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    counts = [
        int(((known["rank"] >= low) & (known["rank"] <= high)).sum()) for low, high, _ in _RANKS
    ]
    bars = left.bar(range(len(counts)), counts, color=[DATA] * 5 + [MISSING], width=0.7)
    left.bar_label(bars, padding=2, size=9)
    left.set_xticks(range(len(counts)), [label for _, _, label in _RANKS])
    left.set(xlabel="rank of the right one by probability", ylabel="known sources")
    left.grid(axis="x", visible=False)
    left.margins(y=0.12)
    ways = ["probability", *_WAYS]
    first = [numbers["first"], *(numbers["first_by"][way] for way in _WAYS)]
    bars = right.barh(range(len(ways)), first, color=[DATA, *[MISSING] * len(_WAYS)], height=0.65)
    right.bar_label(bars, padding=3, size=9)
    right.set_yticks(range(len(ways)), ways)
    right.invert_yaxis()
    right.set(xlabel=f"right one first, of {len(with_right):,}")
    right.set_xlim(0, max(len(with_right), 1) * 1.12)
    right.grid(axis="y", visible=False)
    if known.empty:
        say_empty(left, "no known source has a candidate")
    return figure


@styled
def plot_states(sources: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Map what is known of each Fermi source of the plane.

    Parameters
    ----------
    sources : DataFrame
        `xgamma.stages.tabulate.FERMI_TABLE`.
    latitude_cut_deg : float
    """
    counts = sources["state"].value_counts()
    figure, panels = plane_axes(
        "What is known of the Fermi sources of the plane",
        f"{len(sources):,} sources; a counterpart has a probability of 0.8 or more, a likely one "
        "0.5 to 0.8.",
        latitude_cut_deg,
    )
    for panel in panels:
        inside = sources[panel.holds(sources["fermi_l"])]
        for order, state in enumerate(STATES):
            of_state = inside[inside["state"] == state]
            colour, marker, size = STATE_MARKS[state]
            panel.axes.plot(
                panel.x(of_state["fermi_l"]), of_state["fermi_b"], ls="", marker=marker, ms=size,
                color=colour, mec="white" if size > 4 and marker != "x" else colour, mew=0.5,
                zorder=3 + order,
            )  # fmt: skip
    handles = [
        Line2D([], [], ls="", marker=marker, ms=max(size, 5), color=colour,
               label=f"{state} ({counts.get(state, 0):,})")
        for state, (colour, marker, size) in STATE_MARKS.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower left", ncols=4)
    if sources.empty:
        say_empty(panels[len(panels) // 2].axes, "no Fermi source in the plane")
    return figure


@styled
def plot_probability(candidates: pd.DataFrame) -> Figure:
    """Show what makes a candidate likely: its place in the ellipse, and its flux ratio.

    Parameters
    ----------
    candidates : DataFrame
        `xgamma.stages.tabulate.CANDIDATE_TABLE`.
    """
    shown = candidates[candidates["p_association"] >= 1e-3]
    with_flux = shown[shown["log_flux_ratio"].notna()].sort_values("p_association")
    without = shown[shown["log_flux_ratio"].isna()]
    figure = new_figure(
        "What makes a candidate likely",
        f"{len(shown):,} of {len(candidates):,} candidates, those with a probability of 0.001 or "
        f"more; {len(without):,} of them without a flux (crosses).",
        5.2,
    )
    axes = figure.subplots()
    ratio = with_flux["log_flux_ratio"].to_numpy(float)
    points = axes.scatter(
        with_flux["elliptical_distance"], with_flux["p_association"], c=ratio, s=16, lw=0,
        cmap=colour_scale(), norm=robust_scale(ratio), zorder=3, rasterized=True,
    )  # fmt: skip
    axes.plot(
        without["elliptical_distance"], without["p_association"], "x", color=INK, ms=4,
        mew=0.9, zorder=4,
    )  # fmt: skip
    axes.axhline(0.5, color=MISSING, lw=1, ls="--", zorder=1)
    axes.axvline(1, color=MISSING, lw=1, ls=":", zorder=1)
    axes.set_yscale("log")
    axes.set(
        xlim=(0, 3.02),
        ylim=(8e-4, 1.3),
        xlabel="distance from the Fermi position, in units of the 95 % ellipse",
        ylabel="probability",
    )
    axes.set_yticks([0.001, 0.01, 0.1, 0.5, 1], ["0.001", "0.01", "0.1", "0.5", "1"])
    add_colorbar(figure, points, axes, RATIO_LABEL)
    if shown.empty:
        say_empty(axes, "no candidate with a probability of 0.001 or more")
    return figure
