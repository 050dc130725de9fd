"""Optical and infrared sources around the Fermi sources and the Chandra candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from xgamma.class_shares import binomial_interval
from xgamma.classes import fold_unknown, ordered_classes
from xgamma.figures.chance import candidate_fields, chance_of_one
from xgamma.figures.class_axes import (
    NumberColumn,
    class_figure_height,
    class_panels,
    empty_figure,
)
from xgamma.figures.style import (
    DATA,
    FLAGGED,
    INK,
    PALE,
    figure_text,
    new_figure,
    say_empty,
    styled,
)
from xgamma.figures.survey_looks import survey_label, survey_looks
from xgamma.stages.counterparts import VARIABILITY_FLAG, product_name

__all__ = [
    "LEAST_STARS",
    "chance_counterparts",
    "class_counterparts",
    "plot_counterparts_by_class",
    "plot_variability_by_class",
    "plot_variable_fraction",
    "variability_counts",
    "variability_flags",
]

NOT_AVAILABLE = f"variability: not available\n(no survey has the column {VARIABILITY_FLAG})"

LEAST_STARS = 10
"""Gaia sources of a class for which its fraction is drawn, at least."""


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


def chance_counterparts(
    pairs: pd.DataFrame, found: pd.DataFrame, targets: pd.DataFrame
) -> pd.Series:
    """Give how many Fermi sources of each class have a counterpart at a candidate by chance.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        ``fermi_name, fermi_class``.
    found : DataFrame
        Counterparts of one survey.
    targets : DataFrame
        All searches: ``around, fermi_name, csc_name, radius_deg``.

    Returns
    -------
    Series of float
        Index as in `class_counterparts`: sums of `xgamma.figures.chance.chance_of_one`.
    """
    sources = pairs[["fermi_name", "fermi_class"]].drop_duplicates("fermi_name")
    classes = fold_unknown(sources.set_index("fermi_name")["fermi_class"])
    chance = chance_of_one(candidate_fields(found, targets)).reindex(classes.index).fillna(0.0)
    return chance.groupby(classes).sum().reindex(ordered_classes(classes)).astype(float)


@styled
def plot_counterparts_by_class(
    pairs: pd.DataFrame,
    counterparts: Mapping[str, pd.DataFrame],
    targets: pd.DataFrame,
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
    targets : DataFrame
        All searches, for what chance gives.
    radius_deg, csc_radius_arcsec : float
        The radii of the two searches.

    Returns
    -------
    Figure
        Of the search around the Chandra candidates, with what the field's density gives by
        chance. Around the Fermi positions every source has hundreds of stars: these are the
        field, and are told in words. Pale bars: all Fermi sources of the class that have a
        Chandra candidate.
    """
    title = "Fermi sources with a counterpart at a Chandra candidate, by class"
    table = class_counterparts(pairs, counterparts, "csc")
    classes = list(table.index)
    if not classes:
        return empty_figure(title, "no Fermi source has a Chandra candidate")
    at_position = class_counterparts(pairs, counterparts, "fermi").sum()
    field = ", ".join(f"{survey_label(one)} {at_position[one]:,}" for one in counterparts)
    subtitle = (
        f"{table['sources'].sum():,} Fermi sources; {csc_radius_arcsec:g} arcsec or more around "
        "their Chandra sources. Black lines: how many have one by chance."
    )
    if field:
        subtitle += (
            f"\nWithin {radius_deg:g} deg of the Fermi position, where chance alone gives one "
            f"(not drawn): {field}."
        )
    figure = new_figure(title, subtitle, class_figure_height(len(classes)))
    chance = {key: chance_counterparts(pairs, one, targets) for key, one in counterparts.items()}
    columns = [
        *(
            column
            for survey in counterparts
            for column in (
                # on lines of their own: side by side, those of four surveys run into each other
                NumberColumn(f"{figure_text(survey_label(survey), 10)}\n ", list(table[survey])),
                NumberColumn("\nchance", [round(float(x), 1) for x in chance[survey]], "#555555"),
            )
        ),
        NumberColumn("of", list(table["sources"]), "#555555"),
    ]
    (axes,) = class_panels(figure, classes, [""], [columns], number_width=0.11)
    rows = np.arange(len(classes))
    height = 0.8 / max(len(counterparts), 1)
    looks = survey_looks(counterparts)
    axes.barh(rows, table["sources"], height=0.84, color=PALE, zorder=2)
    for place, (survey, look) in enumerate(looks.items()):
        middle = rows + (place - (len(looks) - 1) / 2) * height
        axes.barh(
            middle, table[survey], height=height * 0.9, color=look.colour, hatch=look.hatch,
            edgecolor="white", lw=0, zorder=3,
        )  # fmt: skip
        axes.vlines(
            chance[survey], middle - height / 2, middle + height / 2, color=INK, lw=2, zorder=4
        )
    axes.set_xlabel("Fermi sources")
    axes.set_xlim(0, 1.02 * table["sources"].max())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, steps=[1, 2, 5, 10]))
    handles: list[Any] = [
        Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", lw=0,
              label=survey_label(survey))
        for survey, look in looks.items()
    ]  # fmt: skip
    handles += [
        Line2D([], [], ls="", marker="|", ms=11, mew=2, color=INK, label="by chance"),
        Patch(color=PALE, label="all of the class"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), 6))
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


def _variability_tables(
    flags: pd.DataFrame | None, title: str
) -> tuple[Figure | None, pd.DataFrame, tuple[int, int]]:
    """Count stars at the candidates by class, and those of the field: VARIABLE ones, and all.

    Classes without a star have no row. If there is nothing to draw: a figure that says why.
    """
    if flags is None:
        return empty_figure(title, NOT_AVAILABLE), pd.DataFrame(), (0, 0)
    counts = variability_counts(flags, "csc")
    counts = counts[counts["all"] > 0]
    if counts.empty:
        return empty_figure(title, "no Gaia sources found at Chandra candidates"), counts, (0, 0)
    field = variability_counts(flags, "fermi")
    return None, counts, (int(field["variable"].sum()), int(field["all"].sum()))


def _field_words(field: tuple[int, int], radius_deg: float) -> str:
    variable, stars = field
    if not stars:
        return "No Gaia source lies near a Fermi position, to compare with."
    return (
        f"Chance: {variable:,} of {stars:,} Gaia sources within {radius_deg:g} deg of the Fermi "
        f"positions, {variable / stars:.1%}."
    )


@styled
def plot_variability_by_class(
    flags: pd.DataFrame | None, radius_deg: float, csc_radius_arcsec: float
) -> Figure:
    """Draw the Gaia sources at the candidates by class: their number, and how many vary.

    Parameters
    ----------
    flags : DataFrame or None
        As `variability_flags` gives them.
    radius_deg, csc_radius_arcsec : float
        The radii of the two searches.

    Returns
    -------
    Figure
        Left: all, stacked by flag, on a linear scale, since the parts of a stack have no
        meaning on a logarithmic one. Right: the VARIABLE ones on an axis of their own, with
        the number that stars of the field would give.
    """
    title = "Gaia variability flag by class of the Fermi source"
    figure, table, field = _variability_tables(flags, title)
    if figure is not None:
        return figure
    figure = new_figure(
        title,
        f"Gaia sources {csc_radius_arcsec:g} arcsec or more around the Chandra sources. 'No flag': "
        f"not processed for variability, not 'constant'.\n{_field_words(field, radius_deg)}",
        class_figure_height(len(table)),
    )
    numbers = [[NumberColumn("all", list(table["all"]), "#555555")], _flag_columns(table)[:1]]
    stacked, variable = class_panels(
        figure, list(table.index), ["by flag", "VARIABLE alone"], numbers, number_width=0.22
    )
    parts = [("variable", FLAGGED, "", "VARIABLE"), ("no_flag", PALE, "", "no variability flag")]
    if table["constant"].sum():
        parts.insert(1, ("constant", DATA, "//", "CONSTANT"))
    rows, left = np.arange(len(table)), np.zeros(len(table))
    for part, colour, hatch, label in parts:
        stacked.barh(
            rows, table[part], left=left, height=0.7, color=colour, hatch=hatch,
            edgecolor="white", lw=0, label=label, zorder=3,
        )  # fmt: skip
        left += table[part].to_numpy()
    variable.barh(rows, table["variable"], height=0.7, color=FLAGGED, zorder=3)
    most = float(table["variable"].max())
    handles = stacked.get_legend_handles_labels()[0]
    if field[1]:
        expected = table["all"].to_numpy() * field[0] / field[1]
        variable.vlines(expected, rows - 0.42, rows + 0.42, color=INK, lw=2, zorder=4)
        most = max(most, expected.max())
        handles.append(
            Line2D([], [], ls="", marker="|", ms=11, mew=2, color=INK, label="VARIABLE by chance")
        )
    for axes, end in ((stacked, left.max()), (variable, most)):
        axes.set_xlabel("Gaia sources")
        axes.set_xlim(0, 1.03 * max(end, 1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, steps=[1, 2, 5, 10]))
    figure.legend(handles=handles, loc="outside lower left", ncols=4)
    return figure


@styled
def plot_variable_fraction(
    flags: pd.DataFrame | None, radius_deg: float, csc_radius_arcsec: float
) -> Figure:
    """Draw the fraction of Gaia sources at the candidates flagged VARIABLE, by class.

    Parameters as in `plot_variability_by_class`.

    Returns
    -------
    Figure
        VARIABLE over all Gaia sources, which is a lower limit of the fraction that varies:
        few were processed. Bars are Wilson's 95 % intervals of that flagged fraction; the band
        is that of the stars of the field. Of classes with `LEAST_STARS` stars or more.
    """
    title = "Fraction of Gaia sources flagged VARIABLE (a lower limit)"
    figure, table, field = _variability_tables(flags, title)
    if figure is not None:
        return figure
    figure = new_figure(
        title,
        f"Gaia sources {csc_radius_arcsec:g} arcsec or more around the Chandra sources; bars: "
        f"Wilson's 95 % interval, of {LEAST_STARS} stars or more.\n"
        f"{_field_words(field, radius_deg)}",
        class_figure_height(len(table)),
    )
    (axes,) = class_panels(
        figure, list(table.index), [""], [_flag_columns(table)], number_width=0.14
    )
    k, n = table["variable"].to_numpy(), table["all"].to_numpy()
    some, rows = n >= LEAST_STARS, np.arange(len(table))
    low, high = binomial_interval(k, n)
    axes.hlines(rows[some], low[some], high[some], color=FLAGGED, lw=1.6, alpha=0.75, zorder=3)
    axes.plot(k[some] / n[some], rows[some], "o", color=FLAGGED, ms=5, zorder=4, ls="")
    end = high[some].max(initial=0.0)
    handles: list[Any] = [
        Line2D([], [], color=FLAGGED, marker="o", ms=5, lw=1.6, label="fraction, 95 % interval")
    ]
    if field[1]:
        (least,), (most,) = binomial_interval([field[0]], [field[1]])
        axes.axvspan(least, most, color=PALE, alpha=0.6, lw=0, zorder=1)
        axes.axvline(field[0] / field[1], color=INK, ls="--", lw=1.2, zorder=2)
        end = max(end, most)
        handles += [
            Line2D([], [], color=INK, ls="--", lw=1.2, label="stars of the field"),
            Patch(color=PALE, label="95 % interval of it"),
        ]
    if not some.any():
        say_empty(axes, f"no class with {LEAST_STARS} Gaia sources or more")
    axes.set_xlim(-0.015 * max(end, 0.01), 1.05 * max(end, 0.01))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if end > 0.05 else 1))
    axes.set_xlabel("Fraction flagged VARIABLE")
    figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return figure
