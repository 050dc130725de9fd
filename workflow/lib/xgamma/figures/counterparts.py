"""Optical and infrared sources around the Fermi sources and the Chandra candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from xgamma.class_shares import binomial_interval
from xgamma.classes import fold_unknown, ordered_classes
from xgamma.figures.class_axes import (
    NumberColumn,
    class_figure_height,
    class_panels,
    empty_figure,
)
from xgamma.figures.style import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    SEQUENCE,
    VERMILION,
    new_figure,
    styled,
)
from xgamma.stages.counterparts import VARIABILITY_FLAG, product_name

__all__ = [
    "class_counterparts",
    "plot_counterparts_by_class",
    "plot_variability_by_class",
    "plot_variable_fraction",
    "survey_label",
    "variability_counts",
    "variability_flags",
]

NOT_AVAILABLE = f"variability: not available\n(no survey has the column {VARIABILITY_FLAG})"

_PUBLISHED_NAMES = {"gaia": "Gaia", "twomass": "2MASS"}


def survey_label(survey: str) -> str:
    """Give the name of a survey as it is printed; an unknown one keeps its key."""
    return _PUBLISHED_NAMES.get(survey, survey)


def _around_labels(radius_deg: float, csc_radius_arcsec: float) -> dict[str, str]:
    return {
        "fermi": f"within {radius_deg:g} deg of the Fermi position",
        "csc": f"around a Chandra candidate, {csc_radius_arcsec:g} arcsec at least",
    }


def class_counterparts(
    pairs: pd.DataFrame, counterparts: Mapping[str, pd.DataFrame], around: str
) -> pd.DataFrame:
    """Count the Fermi sources that have at least one counterpart, by class.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per Fermi-CSC pair: ``fermi_name, fermi_class``.
    counterparts : mapping of str to DataFrame
        Survey -> its sources: ``around, fermi_name``.
    around : {'fermi', 'csc'}
        Which search: around the Fermi position, or around any of its Chandra candidates.

    Returns
    -------
    DataFrame
        Index: class, in the order of `ordered_classes`, as `fold_unknown` gives it. Columns:
        ``sources`` (Fermi sources with a pair), then one per survey.
    """
    sources = pairs[["fermi_name", "fermi_class"]].drop_duplicates("fermi_name")
    classes = fold_unknown(sources.set_index("fermi_name")["fermi_class"])
    order = ordered_classes(classes)
    table = pd.DataFrame({"sources": classes.value_counts().reindex(order).astype("int64")})
    for survey, found in counterparts.items():
        named = found.loc[found["around"] == around, "fermi_name"].unique()
        hits = classes[classes.index.isin(named)].value_counts()
        table[survey] = hits.reindex(order).fillna(0).astype("int64")
    return table


@styled
def plot_counterparts_by_class(
    pairs: pd.DataFrame,
    counterparts: Mapping[str, pd.DataFrame],
    radius_deg: float,
    csc_radius_arcsec: float,
) -> Figure:
    """Draw how many Fermi sources of each class have a counterpart in each survey.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per Fermi-CSC pair.
    counterparts : mapping of str to DataFrame
        Survey -> its sources.
    radius_deg, csc_radius_arcsec : float
        The radii of the two searches, for the titles.

    Returns
    -------
    Figure
        Pale bars: all Fermi sources of the class that have a Chandra candidate.
    """
    title = "Fermi sources with at least one counterpart, by class"
    labels = _around_labels(radius_deg, csc_radius_arcsec)
    tables = {key: class_counterparts(pairs, counterparts, key) for key in labels}
    classes = list(tables["fermi"].index)
    if not classes:
        return empty_figure(title, "no Fermi source has a Chandra candidate")
    figure = new_figure(
        title,
        f"{tables['fermi']['sources'].sum():,} Fermi sources with Chandra candidates. "
        "A counterpart by position is a candidate: in crowded fields chance gives one.",
        class_figure_height(len(classes)),
    )
    columns = [
        [
            *(NumberColumn(survey_label(survey), list(table[survey])) for survey in counterparts),
            NumberColumn("of", list(table["sources"]), "#555555"),
        ]
        for table in tables.values()
    ]
    panels = class_panels(figure, classes, list(labels.values()), columns, number_width=0.22)
    rows = np.arange(len(classes))
    height = 0.8 / max(len(counterparts), 1)
    for axes, table in zip(panels, tables.values(), strict=True):
        axes.barh(rows, table["sources"], height=0.84, color=PALE, zorder=2)
        for place, survey in enumerate(counterparts):
            colour = SEQUENCE[place % len(SEQUENCE)]
            offset = (place - (len(counterparts) - 1) / 2) * height
            axes.barh(rows + offset, table[survey], height=height * 0.9, color=colour, zorder=3)
        axes.set_xlabel("Fermi sources")
        axes.set_xlim(0, 1.02 * table["sources"].max())
    handles = [
        Patch(color=SEQUENCE[place % len(SEQUENCE)], label=survey_label(survey))
        for place, survey in enumerate(counterparts)
    ]
    figure.legend(
        handles=[*handles, Patch(color=PALE, label="all of the class")],
        loc="outside lower left", ncols=len(handles) + 1,
    )  # fmt: skip
    return figure


def variability_flags(
    counterparts: Mapping[str, pd.DataFrame], surveys: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame | None:
    """Take Gaia's variability flags from the survey that has them.

    Parameters
    ----------
    counterparts : mapping of str to DataFrame
        Survey -> its sources: ``around, fermi_name, fermi_class, id``, and what the config takes.
    surveys : mapping
        Survey -> {columns, ...}, as in the config: the flag may have any name in our tables.

    Returns
    -------
    DataFrame or None
        ``around, fermi_name, fermi_class, id, variability``; text, blank where it is null. Of
        the first survey that has the column; None if none has.
    """
    for survey, found in counterparts.items():
        flag = product_name(surveys[survey]["columns"], VARIABILITY_FLAG)
        if flag is not None:
            sources = found[["around", "fermi_name", "fermi_class", "id"]]
            # a column that the service lacks came as numbers, all of them null
            return sources.assign(variability=found[flag].astype("str").fillna(""))
    return None


def variability_counts(flags: pd.DataFrame, around: str) -> pd.DataFrame:
    """Count variability flags by class of the Fermi source.

    Parameters
    ----------
    flags : DataFrame, shape (n,)
        As `variability_flags` gives it.
    around : {'fermi', 'csc'}

    Returns
    -------
    DataFrame
        Index: class in the order of display, of both searches. Columns: ``variable``
        (VARIABLE), ``constant`` (CONSTANT, which Gaia DR3 does not use),
        ``no_flag`` (NOT_AVAILABLE or null: not processed, which says nothing about the
        star), ``all``. A star near several candidates of one Fermi source counts once.
    """
    flags = flags.assign(fermi_class=fold_unknown(flags["fermi_class"]))
    order = ordered_classes(flags["fermi_class"])
    stars = flags[flags["around"] == around].drop_duplicates(["fermi_name", "id"])
    flag = stars["variability"].str.strip().str.upper()
    kind = flag.map({"VARIABLE": "variable", "CONSTANT": "constant"}).fillna("no_flag")
    counts = pd.crosstab(stars["fermi_class"], kind)
    counts = counts.reindex(index=order, columns=["variable", "constant", "no_flag"])
    counts = counts.fillna(0).astype("int64")
    counts["all"] = counts.sum(axis=1)
    return counts


def _flag_columns(table: pd.DataFrame) -> list[NumberColumn]:
    return [
        NumberColumn("VARIABLE", list(table["variable"])),
        NumberColumn("of", list(table["all"]), "#555555"),
    ]


def _open_variability(
    flags: pd.DataFrame | None,
    title: str,
    subtitle: str,
    radius_deg: float,
    csc_radius_arcsec: float,
) -> tuple[Figure, list[Axes], list[pd.DataFrame]]:
    """Open a figure with a panel and `variability_counts` per search; none, and it says why."""
    if flags is None:
        return empty_figure(title, NOT_AVAILABLE), [], []
    if not len(flags):
        return empty_figure(title, "no Gaia sources found"), [], []
    labels = _around_labels(radius_deg, csc_radius_arcsec)
    tables = [variability_counts(flags, around) for around in labels]
    classes = list(tables[0].index)
    figure = new_figure(title, subtitle, class_figure_height(len(classes)))
    columns = [_flag_columns(table) for table in tables]
    return figure, class_panels(figure, classes, list(labels.values()), columns), tables


@styled
def plot_variability_by_class(
    flags: pd.DataFrame | None, radius_deg: float, csc_radius_arcsec: float
) -> Figure:
    """Draw the number of Gaia sources by class and variability flag, stacked.

    Parameters
    ----------
    flags : DataFrame or None
        As `variability_flags` gives them.
    radius_deg, csc_radius_arcsec : float
        The radii of the two searches, for the titles.

    Returns
    -------
    Figure
        On a linear scale, since the parts of a stack have no meaning on a logarithmic one;
        the numbers are printed, for bars too short to see.
    """
    figure, panels, tables = _open_variability(
        flags,
        "Gaia variability flag by class of the Fermi source",
        "Gaia sources near each class. 'No flag' is NOT_AVAILABLE or null: the star was not "
        "processed for variability; it is not 'constant'.",
        radius_deg,
        csc_radius_arcsec,
    )
    if not panels:
        return figure
    parts = [("variable", VERMILION, "VARIABLE"), ("no_flag", PALE, "no variability flag")]
    if any(table["constant"].sum() for table in tables):
        parts.insert(1, ("constant", BLUE, "CONSTANT"))
    for axes, table in zip(panels, tables, strict=True):
        left = np.zeros(len(table))
        for part, colour, label in parts:
            axes.barh(
                range(len(table)), table[part], left=left, height=0.7, color=colour,
                label=label, zorder=3,
            )  # fmt: skip
            left += table[part].to_numpy()
        axes.set_xlabel("Gaia sources")
        axes.set_xlim(0, 1.03 * max(left.max(), 1))
        axes.locator_params(axis="x", nbins=4)
    figure.legend(
        handles=panels[0].get_legend_handles_labels()[0], loc="outside lower left", ncols=3
    )
    return figure


@styled
def plot_variable_fraction(
    flags: pd.DataFrame | None, radius_deg: float, csc_radius_arcsec: float
) -> Figure:
    """Draw the fraction of Gaia sources flagged VARIABLE, by class.

    Parameters as in `plot_variability_by_class`.

    Returns
    -------
    Figure
        VARIABLE over all Gaia sources, which is a lower limit of the fraction that varies:
        few were processed. Bars are Wilson's 95 % intervals of that flagged fraction.
    """
    figure, panels, tables = _open_variability(
        flags,
        "Fraction of Gaia sources flagged VARIABLE (a lower limit)",
        "VARIABLE over all Gaia sources; bars: Wilson's 95 % interval. "
        "Gaia did not process all stars: unflagged ones may vary.",
        radius_deg,
        csc_radius_arcsec,
    )
    if not panels:
        return figure
    for axes, table, colour in zip(panels, tables, (BLUE, ORANGE), strict=True):
        k, n = table["variable"].to_numpy(), table["all"].to_numpy()
        some = n > 0
        low, high = binomial_interval(k, n)
        rows = np.arange(len(table))
        axes.hlines(rows[some], low[some], high[some], color=colour, lw=1.6, alpha=0.75, zorder=2)
        axes.plot(k[some] / n[some], rows[some], "o", color=colour, ms=5, zorder=3)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("Fraction flagged VARIABLE")
    figure.legend(
        handles=[
            Line2D([], [], color=INK, marker="o", ms=5, lw=1.6, label="fraction, 95 % interval")
        ],
        loc="outside lower left",
    )
    return figure
