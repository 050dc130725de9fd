"""Surveys that are searched for counterparts: their tables, and which columns are needed there.

A survey travels through Snakemake as a dict: service, table, id, ra, dec, columns (the service's
name -> ours) and optional (those of them that may be missing).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xgamma.tap.mirror_names import bare

__all__ = [
    "COLUMNS_DIFFER",
    "SurveyTable",
    "description_of",
    "missing_of_survey",
    "required_of_survey",
    "service_described",
    "surveys_of",
]

COLUMNS_DIFFER = (
    "the types or units of its columns differ between answers: the service changed in between, "
    "or a mirror gave some of them"
)
"""Why rows of two answers are not put into one table; the way out follows it."""


# Nearly everything is made from the catalogues: a survey at their service that is added, edited or
# misspelt may not make their description anew. No service has a name with a dash.
_APART = "{}-surveys"


@dataclass(frozen=True)
class SurveyTable:
    """Where a survey's sources are, and what is taken along.

    Attributes
    ----------
    table : str
    id, ra, dec : str
        Its columns of identifier, right ascension and declination (ICRS, degrees).
    columns : mapping
        The service's name of a column -> the name in the products.
    missing : sequence of str
        Those of `columns` that the service lacks; they become null.
    """

    table: str
    id: str
    ra: str
    dec: str
    columns: Mapping[str, str]
    missing: Sequence[str] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any], missing: Sequence[str] = ()) -> SurveyTable:
        """From a survey's settings, which also say whom to ask and what may be missing."""
        table = {key: settings[key] for key in ("table", "id", "ra", "dec", "columns")}
        return cls(**table, missing=missing)


def description_of(survey: Mapping[str, Any], catalogs: str) -> str:
    """The name of the description in which a survey's table is: its service's, or one apart.

    Parameters
    ----------
    survey : mapping
        Its settings.
    catalogs : str
        The service that has the catalogues.
    """
    service = survey["service"]
    return _APART.format(catalogs) if service == catalogs else service


def service_described(description: str, catalogs: str) -> str:
    """The service that a description is of."""
    return catalogs if description == _APART.format(catalogs) else description


def surveys_of(service: str, surveys: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The settings of the surveys that a service holds."""
    return [survey for survey in surveys.values() if survey["service"] == service]


def required_of_survey(survey: Mapping[str, Any]) -> list[str]:
    """The columns of a survey that its service must have: all that are named, less the optional.

    Without quotes, as services list them.
    """
    named = (survey["id"], survey["ra"], survey["dec"], *survey["columns"])
    return [bare(column) for column in named if column not in survey.get("optional", ())]


def missing_of_survey(
    survey: Mapping[str, Any], available: Mapping[tuple[str, str], Iterable[str]]
) -> list[str]:
    """The optional columns of a survey that its service lacks, sorted, spelt as in the config.

    Parameters
    ----------
    survey : mapping
        Its settings.
    available : mapping
        (service, table) -> columns that are there; case does not matter.
    """
    columns = {name.lower() for name in available[survey["service"], survey["table"]]}
    return sorted(name for name in survey.get("optional", ()) if bare(name).lower() not in columns)
