"""Figures of two runs compared: probabilities, moves, and flows between states."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xgamma.association.states import LIKELY, STATES, SURE
from xgamma.comparison.explanations import LEAST_CHANGE
from xgamma.figures.style import (
    BLUE,
    DATA,
    INK,
    MISSING,
    VERMILION,
    figure_text,
    legend_above,
    new_figure,
    say_empty,
    styled,
    thousands,
)
from xgamma.stages.compare import NOT_IN_LIST, NOT_IN_RUN

__all__ = ["plot_moves", "plot_p_before_after", "plot_state_flows"]

# of the likeliest Chandra source: colour, marker, size, words
_BEST = {
    "same": (DATA, "o", 16, "the same Chandra source"),
    "other": (VERMILION, "^", 34, "another one"),
    "new": (BLUE, "D", 26, "none before"),
    "gone": (INK, "x", 30, "none after"),
}
_LEAST_P = 1e-3
# so many of the largest changes have names
_NAMED = 6
# shade and hatch of what joins two sources
_LINKS = {
    "name": (DATA, "", "by name"),
    "reference": (MISSING, "//", "by the list's own reference"),
    "overlap": (VERMILION, "xx", "by overlapping ellipses alone"),
}
_LARGEST_SIGMA = 4.0


def _surest(sources: pd.DataFrame) -> pd.DataFrame:
    """One row for each source that both runs have."""
    none = [NOT_IN_LIST, NOT_IN_RUN]
    both = ~(sources["state_before"].isin(none) | sources["state_after"].isin(none))
    return sources[sources["is_surest"] & both]


@styled
def plot_p_before_after(sources: pd.DataFrame, first: str, second: str) -> Figure:
    """Draw P of the likeliest Chandra source in the second run against that in the first.

    Parameters
    ----------
    sources : DataFrame
        `xgamma.stages.compare.COMPARED_SOURCES`.
    first, second : str
        The runs.
    """
    both = _surest(sources)
    p = both[["p_before", "p_after"]].fillna(0)
    shown = both[(p.max(axis=1) >= _LEAST_P).to_numpy()]
    figure = new_figure(
        "Probability of the likeliest Chandra source, before and after",
        f"{len(shown):,} Fermi sources of both runs with a probability of {_LEAST_P:g} or more in "
        f"one of them; without a candidate it is 0.\nDashed: likely counterparts from 0.5 on, "
        f"counterparts from 0.8 on.",
        6.6,
    )
    axes = figure.subplots()
    x, y = (shown[name].fillna(0).to_numpy() for name in ("p_before", "p_after"))
    axes.plot([0, 1], [0, 1], color=MISSING, lw=1, zorder=1)
    for value in (LIKELY, SURE):
        axes.axhline(value, color=MISSING, lw=0.8, ls="--", zorder=1)
        axes.axvline(value, color=MISSING, lw=0.8, ls="--", zorder=1)
    for word, (colour, marker, size, label) in _BEST.items():
        rows = (shown["best_change"] == word).to_numpy()
        if not rows.any():
            continue
        edge = {} if marker == "x" else {"edgecolors": "white", "linewidths": 0.5}
        axes.scatter(
            x[rows], y[rows], s=size, c=colour, marker=marker, zorder=3,
            label=f"{label} ({int(rows.sum()):,})", **edge,
        )  # fmt: skip
    for row in _to_be_named(x, y):
        # above the diagonal to the left of the point, below it to the right
        to_left = (y[row] > x[row] and x[row] > 0.2) or x[row] > 0.8
        axes.annotate(
            figure_text(shown["fermi_name_after"].iloc[row]), (x[row], y[row]),
            (-6 if to_left else 6, 0), textcoords="offset points", size=8.5, color=INK,
            ha="right" if to_left else "left", va="center",
        )  # fmt: skip
    ticks = [0, 0.2, 0.4, 0.5, 0.6, 0.8, 1]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel=f"probability in {figure_text(first)}",
        ylabel=f"probability in {figure_text(second)}",
    )
    if shown.empty:
        say_empty(axes, "no source with a probable candidate in either run")
    else:
        legend_above(axes, 4)
    return figure


def _to_be_named(x: np.ndarray, y: np.ndarray) -> list[int]:
    """The largest changes whose names do not lie on each other."""
    named: list[int] = []
    for row in np.argsort(-np.abs(y - x), kind="stable"):
        if len(named) == _NAMED or abs(y[row] - x[row]) < LEAST_CHANGE:
            break
        if all(abs(y[row] - y[other]) > 0.03 or abs(x[row] - x[other]) > 0.3 for other in named):
            named.append(int(row))
    return named


@styled
def plot_moves(sources: pd.DataFrame) -> Figure:
    """Draw how far the Fermi sources of both lists have moved, in standard deviations.

    Parameters
    ----------
    sources : DataFrame
        `xgamma.stages.compare.COMPARED_SOURCES`.
    """
    both = _surest(sources)
    both = both[both["moved_sigma"].notna()]
    still = int((both["moved_sigma"] == 0).sum())
    moved = both[both["moved_sigma"] > 0]
    figure = new_figure(
        "How far have the Fermi sources moved?",
        f"{len(moved):,} sources of both runs at another place, {still:,} at the same; those "
        "without an error ellipse are left out.\nLine: as many, if the positions were measured "
        "twice independently.",
        4.8,
    )
    axes = figure.subplots()
    edges = np.linspace(0, _LARGEST_SIGMA, 21)
    bottom = np.zeros(len(edges) - 1)
    for link, (colour, hatch, label) in _LINKS.items():
        values = moved.loc[moved["link"] == link, "moved_sigma"].clip(upper=_LARGEST_SIGMA)
        if values.empty:
            continue
        counts, _ = np.histogram(values, edges)
        axes.bar(
            edges[:-1], counts, np.diff(edges), bottom, align="edge", color=colour, hatch=hatch,
            edgecolor="white", linewidth=0.6, zorder=2, label=f"{label} ({len(values):,})",
        )  # fmt: skip
        bottom += counts
    x = np.linspace(0, _LARGEST_SIGMA, 161)
    width = edges[1] - edges[0]
    axes.plot(
        x, len(moved) * width * x * np.exp(-(x**2) / 2), color=INK, lw=1.4, zorder=3,
        label="two independent measurements",
    )  # fmt: skip
    ticks = np.arange(0, _LARGEST_SIGMA + 1)
    axes.set_xticks(ticks, [*(f"{tick:g}" for tick in ticks[:-1]), f"≥ {_LARGEST_SIGMA:g}"])
    axes.set(
        xlim=(0, _LARGEST_SIGMA),
        ylim=(0, max(bottom.max(), 1) * 1.06),
        xlabel="distance in standard deviations of both positions together",
        ylabel="Fermi sources",
    )
    axes.grid(axis="x", visible=False)
    thousands(axes.yaxis)
    legend_above(axes, 2)
    if moved.empty:
        axes.set_yticks([])
        say_empty(axes, "no source has moved")
    return figure


@styled
def plot_state_flows(sources: pd.DataFrame, first: str, second: str) -> Figure:
    """Show how many Fermi sources went from each state to each other one.

    Parameters
    ----------
    sources : DataFrame
        `xgamma.stages.compare.COMPARED_SOURCES`.
    first, second : str
        The runs.
    """
    rows = sources[sources["is_surest"] | sources["fate"].isin(["new", "gone"])]
    states = [*STATES, NOT_IN_RUN, NOT_IN_LIST]
    counts = pd.crosstab(rows["state_before"], rows["state_after"])
    counts = counts.reindex(index=states, columns=states, fill_value=0)
    # what neither run has is empty
    kept = [s for s in states if s in STATES or counts.loc[s].sum() or counts[s].sum()]
    table = counts.loc[kept, kept].to_numpy()
    changed = int(table.sum() - np.trace(table))
    figure = new_figure(
        "From state to state",
        f"{int(table.sum()):,} Fermi sources, of which {changed:,} are in another state than "
        "before (framed); darker: more of them.",
        5.6,
    )
    axes = figure.subplots()
    n = len(kept)
    largest = max(table.max(initial=0), 1)
    for y in range(n):
        for x in range(n):
            number = table[y, x]
            depth = np.log1p(number) / np.log1p(largest)
            # the same in grey: lightness alone tells how many
            shade = 0.96 - 0.34 * depth if number else 1.0
            axes.add_patch(
                Rectangle(
                    (x - 0.5, y - 0.5), 1, 1, facecolor=(shade,) * 3, edgecolor="white", lw=1,
                    zorder=1,
                )
            )  # fmt: skip
            if not number:
                continue
            if x != y:
                axes.add_patch(
                    Rectangle(
                        (x - 0.46, y - 0.44), 0.92, 0.88, fill=False, edgecolor=VERMILION,
                        lw=1.3, zorder=2,
                    )
                )  # fmt: skip
            axes.text(
                x, y, f"{number:,}", ha="center", va="center", size=10, zorder=3, color=INK,
                weight="bold" if x != y else "normal",
            )  # fmt: skip
    axes.set_xticks(range(n), [state.replace(", ", ",\n") for state in kept], rotation=30,
                    ha="right")  # fmt: skip
    axes.set_yticks(range(n), kept)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    axes.set(xlabel=f"in {figure_text(second)}", ylabel=f"in {figure_text(first)}")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)
    if not table.sum():
        say_empty(axes, "no Fermi source in either run")
    return figure
