"""The columns of the tables of counterparts, and how a survey's own column is found in them.

A shard's file has these columns, and so has the long table that is made of all shards. The
survey's own columns have the names that the config gives them; whoever needs one of them asks
for it by its name at the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xgamma.archive.surveys import SurveyTable
from xgamma.tables.columns import Column, kind_of

__all__ = [
    "FIELD",
    "VARIABILITY_FLAG",
    "counterpart_columns",
    "product_name",
    "survey_called",
]

VARIABILITY_FLAG = "phot_variable_flag"
"""Gaia's name of its flag: VARIABLE or NOT_AVAILABLE; the latter is not 'constant'."""

FIELD = "field"
"""What a shard calls a source beyond the search radius, around a candidate: it tells of the field,
and is in no table of counterparts."""

_TARGET_COLUMNS = [
    Column(
        "around",
        "text",
        "",
        "fermi: found around the Fermi position; csc: a Chandra source of the pairs; likely: a "
        "likely counterpart that is no pair",
        "meta.code",
    ),
    Column("fermi_name", "text", "", "Fermi name", "meta.id;meta.main"),
    Column("csc_name", "text", "", "Chandra source; blank around the Fermi position", "meta.id"),
    Column("rank", "int", "", "1 for the nearest to the target", "meta.number"),
]
_POSITION_COLUMNS = [
    Column(
        "ra", "float", "deg", "Right ascension, ICRS, at the survey's epoch", "pos.eq.ra;meta.main"
    ),
    Column(
        "dec", "float", "deg", "Declination, ICRS, at the survey's epoch", "pos.eq.dec;meta.main"
    ),
    Column("l", "float", "deg", "Galactic longitude, from ra and dec", "pos.galactic.lon"),
    Column("b", "float", "deg", "Galactic latitude, from ra and dec", "pos.galactic.lat"),
]
_SEPARATION_COLUMNS = [
    Column("sep_target_arcsec", "float", "arcsec", "Separation from the target", "pos.angDistance"),
    Column(
        "sep_fermi_arcsec",
        "float",
        "arcsec",
        "Separation from the Fermi position",
        "pos.angDistance",
    ),
    Column(
        "sep_csc_arcsec",
        "float",
        "arcsec",
        "Separation from the nearest Chandra candidate",
        "pos.angDistance",
    ),
    Column("nearest_csc_name", "text", "", "That candidate of the same Fermi source", "meta.id"),
    Column(
        "n_in_radius",
        "int",
        "",
        "Survey sources within the target's radius, kept or not",
        "meta.number",
    ),
]


def counterpart_columns(
    survey: SurveyTable,
    dtypes: Mapping[str, Any] | None = None,
    units: Mapping[str, str] | None = None,
) -> list[Column]:
    """The columns of a shard.

    Parameters
    ----------
    survey : SurveyTable
    dtypes : mapping of str to dtype, optional
        The types in which the survey's columns came: ``survey_id``, and ``extra_0``, ``extra_1``
        ... for its `columns`. Of what is not in it (no shard at all, or a column that the
        service lacks) identifiers are text, all else is float.
    units : mapping of str to str, optional
        The units of the same columns, as astropy spells them.
    """
    kinds = {name: kind_of(dtype) for name, dtype in (dtypes or {}).items()}
    units = units or {}
    taken = [
        Column(
            name,
            kinds.get(f"extra_{i}", "float"),
            units.get(f"extra_{i}", ""),
            f"{survey.table}.{service_name}",
        )
        for i, (service_name, name) in enumerate(survey.columns.items())
    ]
    # an identifier is never null
    id_kind = "int" if kinds.get("survey_id") == "nullable_int" else "text"
    return [
        *_TARGET_COLUMNS,
        Column("id", id_kind, "", f"{survey.table}.{survey.id}", "meta.id;meta.main"),
        *_POSITION_COLUMNS,
        *taken,
        *_SEPARATION_COLUMNS,
    ]


# The tables of Gaia and 2MASS at their archives, for a config that calls the surveys otherwise
_TABLES = {"gaia": "gaiadr3.gaia_source", "twomass": "fp_psc"}


def survey_called(which: str, surveys: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The config's survey that is 'gaia' or 'twomass'; None if there is none.

    That is the one of this name, wherever it is searched; if there is none, the first one that
    searches the archive's own table.
    """
    if which in surveys:
        return which
    return next(
        (name for name, one in surveys.items() if one["table"].lower() == _TABLES[which]), None
    )


def product_name(columns: Mapping[str, str], service_name: str) -> str | None:
    """The name that a survey's column has in our tables.

    Parameters
    ----------
    columns : mapping of str to str
        A survey's `columns` of the config: name at the service -> name in our tables.
    service_name : str
        Capitals and small letters are the same, as in ADQL.

    Returns
    -------
    str or None
        None if the config does not take the column.
    """
    names = {name.lower(): product for name, product in columns.items()}
    return names.get(service_name.lower())
