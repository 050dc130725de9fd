"""Figures of identifications: whether they hold, and what kind of objects they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xgamma.classes import GROUPS, group_of
from xgamma.figures.style import (
    GROUP_COLOURS,
    GROUP_MARKERS,
    INK,
    MISSING,
    PALE,
    new_figure,
    say_empty,
    styled,
)
from xgamma.figures.survey_looks import survey_label, survey_looks

__all__ = ["plot_colours", "plot_identification", "plot_x_ray_optical"]

# identified, and likely the Fermi source
_IDENTIFIED, _LIKELY = 0.5, 0.5


@styled
def plot_identification(model: Mapping[str, Any]) -> Figure:
    """Compare separations with their errors, and identifications with those by chance.

    Parameters
    ----------
    model : mapping
        `identification/model.json`.
    """
    surveys = model["surveys"]
    figure = new_figure(
        "Are the optical and infrared objects the Chandra sources?",
        f"{model['sources']:,} Chandra sources. Left: objects by their separation, and what the "
        "position errors (Rayleigh's\nlaw) and the density of the field foresee. Right: how often "
        "a source, and a place beside it, has a counterpart.",
        1.2 + 3.1 * max(len(surveys), 1),
    )
    if not surveys or not model["sources"]:
        say_empty(figure.subplots(), "no Chandra source was searched around")
        return figure
    panels = figure.subplots(len(surveys), 2, squeeze=False, width_ratios=[1.25, 1])
    for survey, (left, right) in zip(surveys, panels, strict=True):
        _separation_panel(left, survey, model["separations"][survey])
        _chance_panel(right, survey, model["p_any"][survey])
    return figure


def _separation_panel(axes: Axes, survey: str, counts: Mapping[str, Any]) -> None:
    edges = np.array(counts["edges"])
    middle = (edges[1:] + edges[:-1]) / 2
    chance, counterparts = np.array(counts["chance"]), np.array(counts["counterparts"])
    axes.stairs(counts["objects"], edges, color=PALE, fill=True)
    colour = survey_looks([survey])[survey].colour
    axes.plot(middle, chance, color=INK, ls="--")
    axes.plot(middle, chance + counterparts, color=colour)
    axes.set_title(survey_label(survey))
    axes.set(xlabel="separation in standard deviations", ylabel="objects", xlim=(0, edges[-1]))
    axes.set_ylim(bottom=0)
    axes.legend(
        handles=[
            Line2D([], [], color=PALE, lw=7, label="found"),
            Line2D([], [], color=colour, label="expected"),
            Line2D([], [], color=INK, ls="--", label="of them by chance"),
        ],
        loc="upper right",
    )


def _chance_panel(axes: Axes, survey: str, counts: Mapping[str, Any]) -> None:
    edges = np.array(counts["edges"])
    shares = {
        "Chandra sources": (survey_looks([survey])[survey].colour, "-", counts["sources"]),
        "places beside them": (INK, "--", counts["places"]),
    }
    for label, (colour, dashes, numbers) in shares.items():
        numbers = np.array(numbers, float)
        above = numbers[::-1].cumsum()[::-1] / max(numbers.sum(), 1)
        axes.plot(edges[:-1], above, color=colour, ls=dashes, label=label, drawstyle="steps-post")
    axes.set_yscale("log")
    axes.set(xlabel="p_any at least", ylabel="share", xlim=(0, 1), ylim=(1e-4, 1.5))
    axes.set_title(survey_label(survey))
    axes.set_yticks([1e-4, 1e-3, 1e-2, 1e-1, 1], ["0.0001", "0.001", "0.01", "0.1", "1"])
    axes.legend(loc="lower left")


def _likely(evidence: pd.DataFrame, fermi: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Likely counterparts with their group of class, and the other candidates, each source once."""
    classes = fermi.set_index("fermi_name")["fermi_class"]
    group = evidence["fermi_name"].map(classes).fillna("").map(group_of)
    is_likely = evidence["p_association"] >= _LIKELY
    others = evidence[~is_likely].drop_duplicates("csc_name")
    return evidence[is_likely].assign(group=group[is_likely]), others


def _scatter(
    axes: Axes, likely: pd.DataFrame, others: pd.DataFrame, x: str, y: str, empty: str
) -> None:
    """The other candidates in grey, and the likely counterparts by group of class."""
    others, likely = others.dropna(subset=[x, y]), likely.dropna(subset=[x, y])
    axes.plot(others[x], others[y], ls="", marker=".", ms=3, color=MISSING, alpha=0.8, zorder=2)
    for group in GROUPS:
        of_group = likely[likely["group"] == group]
        axes.plot(
            of_group[x], of_group[y], ls="", marker=GROUP_MARKERS[group], ms=6,
            color=GROUP_COLOURS[group], mec="white", mew=0.6, zorder=4,
        )  # fmt: skip
    if others.empty and likely.empty:
        say_empty(axes, empty)


def _handles(likely: pd.DataFrame) -> list[Line2D]:
    handles = [Line2D([], [], ls="", marker=".", color=MISSING, label="other candidates")]
    for group in GROUPS:
        count = int((likely["group"] == group).sum())
        handles.append(
            Line2D(
                [],
                [],
                ls="",
                marker=GROUP_MARKERS[group],
                color=GROUP_COLOURS[group],
                label=f"{group} ({count:,})",
            )
        )
    return handles


@styled
def plot_x_ray_optical(evidence: pd.DataFrame, fermi: pd.DataFrame) -> Figure:
    """Show X-ray flux against G, with lines of equal ratio.

    Parameters
    ----------
    evidence : DataFrame
        `xgamma.stages.conclude.EVIDENCE_TABLE`.
    fermi : DataFrame
        `xgamma.stages.tabulate.FERMI_TABLE`.
    """
    shown = evidence[evidence["p_gaia"] >= _IDENTIFIED]
    shown = shown.assign(log_flux=shown["log_fx_fg"] - 0.4 * shown["g_mag"] - 5.37)
    likely, others = _likely(shown, fermi)
    figure = new_figure(
        "X-ray and optical flux of the Chandra candidates",
        "Candidates whose Gaia object has a probability of 0.5 or more; coloured: likely "
        "counterparts of Fermi sources.\nStars lie below log $F_X/F_G$ = -2, accreting objects "
        "and active galaxies above -1.",
        5.4,
    )
    axes = figure.subplots()
    _scatter(axes, likely, others, "g_mag", "log_flux", "no candidate with a Gaia object")
    magnitude = np.array([6.0, 21.5])
    for ratio in (-4, -3, -2, -1, 0, 1):
        line = ratio - 0.4 * magnitude - 5.37
        axes.plot(magnitude, line, color=INK if ratio in (-2, -1) else PALE, lw=1, zorder=1)
        axes.annotate(
            f"{ratio:d}", (magnitude[1], line[1]), (4, 0), textcoords="offset points",
            va="center", size=9, color=INK,
        )  # fmt: skip
    axes.set(xlim=(6, 22.2), ylim=(-16.5, -9.5), xlabel="G (mag)")
    axes.set_ylabel("log$_{10}$ of the 0.5-7 keV flux (erg/cm$^2$/s)")
    figure.legend(handles=_handles(likely), loc="outside lower left", ncols=3)
    return figure


@styled
def plot_colours(evidence: pd.DataFrame, fermi: pd.DataFrame) -> Figure:
    """Show what kind of stars the objects are: in Gaia's diagram, and in infrared colours.

    Parameters
    ----------
    evidence, fermi : DataFrame
        As in `plot_x_ray_optical`.
    """
    figure = new_figure(
        "Which kinds of objects the Chandra candidates are",
        "Candidates whose object has a probability of 0.5 or more; coloured: likely counterparts. "
        "No reddening is taken out.\nLeft: those with a parallax of five standard deviations.",
        5.0,
    )
    left, right = figure.subplots(1, 2)
    likely, others = _likely(evidence[evidence["p_gaia"] >= _IDENTIFIED], fermi)
    _scatter(left, likely, others, "bp_rp", "absolute_g", "no parallax, or no BP - RP")
    left.invert_yaxis()
    left.set(xlabel="BP - RP (mag)", ylabel="M$_G$ (mag)")
    infrared = evidence[evidence["p_twomass"] >= _IDENTIFIED]
    likely_infrared, others = _likely(infrared, fermi)
    _scatter(right, likely_infrared, others, "h_k", "j_h", "no candidate with a 2MASS object")
    right.set(xlabel="H - K (mag)", ylabel="J - H (mag)")
    figure.legend(
        handles=_handles(pd.concat([likely, likely_infrared]).drop_duplicates("fermi_name")),
        loc="outside lower left", ncols=3,
    )  # fmt: skip
    return figure
