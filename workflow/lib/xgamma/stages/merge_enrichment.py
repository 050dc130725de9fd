"""The long table of a survey, and the grouped table with the nearest sources of all surveys.

The long table (one row per source found) holds the rows of all shards and is the truth; the
grouped one is for reading. Its column names are those of the notebook that the workflow
implements; what other surveys than Gaia and 2MASS have stands at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from xgamma.archive.surveys import COLUMNS_DIFFER, SurveyTable
from xgamma.errors import XgammaError
from xgamma.stages.counterparts import (
    FIELD,
    VARIABILITY_FLAG,
    counterpart_columns,
    product_name,
    survey_called,
)
from xgamma.stages.group_by_fermi import GROUPED_COLUMNS, PLACE_COLUMNS
from xgamma.tables.columns import Column, conform, empty_frame
from xgamma.tables.printable import shortened

__all__ = [
    "COUNTERPART_COLUMNS",
    "add_counterparts",
    "described_columns",
    "grouped_columns",
    "merge_shards",
]

logger = logging.getLogger("xgamma.merge_enrichment")

# Of a service's description of a column: some are paragraphs.
_LONGEST_WORDS = 120

_CLASS = Column("fermi_class", "text", "", "Fermi class, blank if unassociated", "src.class")


@dataclass(frozen=True)
class _Nested:
    """A column of lists: of each Fermi source, what the long table holds, nearest first.

    Attributes
    ----------
    name, unit, description : str
        Of the column of the grouped table. What is a survey's own has the unit that its long
        table states.
    own : str
        The column of the long table, if every survey's has it.
    at_service : tuple of str
        Otherwise the survey's columns, as the service calls them; several make lists in the list.
    """

    name: str
    unit: str
    description: str
    own: str = ""
    at_service: tuple[str, ...] = ()

    @property
    def column(self) -> Column:
        """Of the grouped table, in the unit that is the same for every survey."""
        return Column(self.name, "list", self.unit, self.description)


# the names are the notebook's, which calls one survey twomass and 2mass
_NESTED = {
    "gaia": [
        _Nested("gaia_names", "", "Gaia source identifiers, nearest first", "id"),
        _Nested(
            "gaia_classes",
            "",
            "Probabilities of [quasar, galaxy, star]",
            at_service=(
                "classprob_dsc_combmod_quasar",
                "classprob_dsc_combmod_galaxy",
                "classprob_dsc_combmod_star",
            ),
        ),
        _Nested("gaia_glons", "deg", "Galactic longitudes", "l"),
        _Nested("gaia_glats", "deg", "Galactic latitudes", "b"),
        _Nested("gaia_mean_g_flux", "", "Mean G fluxes", at_service=("phot_g_mean_flux",)),
        _Nested("gaia_mean_g_mag", "", "Mean G magnitudes", at_service=("phot_g_mean_mag",)),
        _Nested("gaia_variability", "", "Variability flags", at_service=(VARIABILITY_FLAG,)),
        _Nested("sep_from_fermi_gaia", "arcsec", "Separations from Fermi", "sep_fermi_arcsec"),
        _Nested(
            "sep_from_csc_gaia",
            "arcsec",
            "Separations from the nearest Chandra source",
            "sep_csc_arcsec",
        ),
    ],
    "twomass": [
        _Nested("twomass_names", "", "2MASS designations, nearest first", "id"),
        _Nested("twomass_glons", "deg", "Galactic longitudes", "l"),
        _Nested("twomass_glats", "deg", "Galactic latitudes", "b"),
        _Nested("sep_from_fermi_2mass", "arcsec", "Separations from Fermi", "sep_fermi_arcsec"),
        _Nested(
            "sep_from_csc_2mass",
            "arcsec",
            "Separations from the nearest Chandra source",
            "sep_csc_arcsec",
        ),
    ],
}
COUNTERPART_COLUMNS = [
    *(column for column in GROUPED_COLUMNS if column not in PLACE_COLUMNS),
    *(nested.column for survey in _NESTED.values() for nested in survey),
    *PLACE_COLUMNS,
]
"""Of the grouped table; `grouped_columns` gives them with the units of the surveys' own."""


def merge_shards(
    shards: Sequence[tuple[pd.DataFrame, list[Column]]],
    survey: SurveyTable,
    fermi_class: Mapping[str, str],
) -> tuple[pd.DataFrame, list[Column]]:
    """One long table from a survey's shards, in an order that does not show them.

    Parameters
    ----------
    shards : sequence of (DataFrame, list of Column)
        May be empty: then the table has no rows.
    survey : SurveyTable
    fermi_class : mapping
        Fermi source -> class.

    Returns
    -------
    frame : DataFrame
        Sorted by around, fermi_name, csc_name, rank.
    columns : list of Column

    Raises
    ------
    XgammaError
        If the shards' columns differ: the service changed in between, or a mirror answered.
    """
    columns = shards[0][1] if shards else counterpart_columns(survey)
    if any(other != columns for _, other in shards):
        raise XgammaError(
            f"{survey.table}: {COLUMNS_DIFFER}; remove the enrichment folder and run again"
        )
    merged = (
        pd.concat([frame for frame, _ in shards], ignore_index=True)
        if shards
        else empty_frame(columns)
    )
    merged = merged[merged["around"] != FIELD].reset_index(drop=True)
    merged["fermi_class"] = merged["fermi_name"].map(fermi_class).astype("str")
    columns = [*columns[:2], _CLASS, *columns[2:]]
    merged = merged.sort_values(
        ["around", "fermi_name", "csc_name", "rank"], kind="stable", ignore_index=True
    )
    return conform(merged, columns), columns


def described_columns(
    columns: Sequence[Column], survey: SurveyTable, described: pd.DataFrame
) -> list[Column]:
    """The columns of a long table, the survey's own with the UCDs and words of the service.

    Parameters
    ----------
    columns : sequence of Column
    survey : SurveyTable
    described : DataFrame
        `xgamma.archive.services.DESCRIPTION_COLUMNS`. A column that is not in it stays as it is.
    """
    of_table = described[described["table"].str.lower() == survey.table.lower()]
    ours = {name.lower(): product for name, product in survey.columns.items()}
    changes = {}
    for row in of_table.itertuples(index=False):
        if (product := ours.get(row.column.lower())) is None:
            continue
        place = f"{survey.table}.{row.column}"
        words = " ".join(row.description.split()).rstrip(".")
        text = f"{shortened(words, _LONGEST_WORDS)} ({place})" if words else place
        changes[product] = {"description": text, "ucd": row.ucd}
    return [replace(column, **changes.get(column.name, {})) for column in columns]


def grouped_columns(
    long_columns: Mapping[str, Sequence[Column]], surveys: Mapping[str, Mapping[str, Any]]
) -> list[Column]:
    """`COUNTERPART_COLUMNS`, in the units in which the long tables have them.

    Parameters
    ----------
    long_columns : mapping
        Survey -> the columns of its long table.
    surveys : mapping
        As for `add_counterparts`.
    """
    units, lists = {}, _lists_of(surveys)
    for _, survey, nested_columns in lists:
        if survey is None:
            continue
        stated = {column.name: column.unit for column in long_columns[survey]}
        for nested in nested_columns:
            if nested.at_service:
                name = product_name(surveys[survey]["columns"], nested.at_service[0])
                units[nested.name] = stated.get(name, "")
    return [
        replace(column, unit=units.get(column.name, column.unit)) for column in _with_lists(lists)
    ]


def _lists_of(
    surveys: Mapping[str, Mapping[str, Any]],
) -> list[tuple[str, str | None, list[_Nested]]]:
    """'gaia', 'twomass' and all other surveys: each with the config's survey and its lists.

    Of the first two there may be none in the config.
    """
    lists = [(which, survey_called(which, surveys), columns) for which, columns in _NESTED.items()]
    known = {survey for _, survey, _ in lists}
    others = [name for name in surveys if name not in known]
    return [*lists, *((name, name, _further(name, surveys[name]["columns"])) for name in others)]


def _with_lists(lists: list[tuple[str, str | None, list[_Nested]]]) -> list[Column]:
    """The columns of the grouped table, those of surveys that the notebook does not have last."""
    further = (columns for which, _, columns in lists if which not in _NESTED)
    return [*COUNTERPART_COLUMNS, *(one.column for columns in further for one in columns)]


def _further(survey: str, columns: Mapping[str, str]) -> list[_Nested]:
    """The columns of lists of a survey that the notebook does not have."""
    return [
        _Nested(f"{survey}_names", "", f"Identifiers of {survey}, nearest first", "id"),
        _Nested(f"{survey}_glons", "deg", "Galactic longitudes", "l"),
        _Nested(f"{survey}_glats", "deg", "Galactic latitudes", "b"),
        *(
            _Nested(
                product if product.startswith(f"{survey}_") else f"{survey}_{product}",
                "",
                f"{product} of {survey}",
                at_service=(service_name,),
            )
            for service_name, product in columns.items()
        ),
        _Nested(f"sep_from_fermi_{survey}", "arcsec", "Separations from Fermi", "sep_fermi_arcsec"),
        _Nested(
            f"sep_from_csc_{survey}",
            "arcsec",
            "Separations from the nearest Chandra source",
            "sep_csc_arcsec",
        ),
    ]


def _product_names(survey: str, nested: list[_Nested], columns: Mapping[str, str]) -> dict:
    """Name at the service -> in the long table; None, and a warning, if the config lacks it."""
    names = {name: product_name(columns, name) for one in nested for name in one.at_service}
    if lacking := [name for name, product in names.items() if product is None]:
        null = [one.name for one in nested if set(one.at_service) & set(lacking)]
        logger.warning(
            "grouped table: null in %s: surveys.%s.columns of the config does not take %s",
            ", ".join(null),
            survey,
            ", ".join(lacking),
        )
    return names


def _listed(sources: pd.DataFrame, column: str | None) -> list:
    """The values of a column, or None for each source if the column is None."""
    if column is None:
        return [None] * len(sources)
    if column == "id":
        # as text: readers of JSON take numbers above 2**53 for floats and damage them
        return [str(value) for value in sources["id"]]
    values = sources[column].to_numpy()
    return list(values) if values.dtype == np.float32 else values.tolist()


def _nested_cell(sources: pd.DataFrame, nested: _Nested, names: Mapping[str, str | None]) -> list:
    """What the grouped table lists of one Fermi source's counterparts."""
    if nested.own:
        return _listed(sources, nested.own)
    lists = [_listed(sources, names[name]) for name in nested.at_service]
    return lists[0] if len(lists) == 1 else [list(values) for values in zip(*lists, strict=True)]


def add_counterparts(
    grouped: pd.DataFrame,
    counterparts: Mapping[str, pd.DataFrame],
    surveys: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Add the survey sources nearest each Fermi position, as lists.

    A column that the config does not take is null, and a survey that it does not have has empty
    lists: the log says so. That is no error, since the long tables lack nothing.

    Parameters
    ----------
    grouped : DataFrame
        Of `xgamma.stages.group_by_fermi.group_pairs`. A source with nothing found keeps its
        row, with empty lists.
    counterparts : mapping of str to DataFrame
        Survey -> its long table.
    surveys : mapping
        Survey -> {table, columns, ...}, as in the config. A survey's columns are found by their
        names at the service, so the config may call them, and the survey, as it likes.

    Returns
    -------
    DataFrame
        Those of `grouped_columns`.
    """
    table = grouped.copy()
    lists = _lists_of(surveys)
    for which, survey, columns in lists:
        found, names = {}, {}
        if survey is None:
            logger.warning(
                "grouped table: its lists of %s sources are empty: no survey of the config is "
                "called %s or searches its table",
                which,
                which,
            )
        else:
            names = _product_names(survey, columns, surveys[survey]["columns"])
            long = counterparts[survey]
            around = long[long["around"] == "fermi"].sort_values(["fermi_name", "rank"])
            found = dict(tuple(around.groupby("fermi_name")))
        for nested in columns:
            cells = [
                _nested_cell(found[fermi], nested, names) if fermi in found else []
                for fermi in table["fermi_name"]
            ]
            table[nested.name] = pd.Series(cells, index=table.index, dtype="object")
    return conform(table, _with_lists(lists))
