"""The columns of an archive's tables, as its services list them before anything is fetched."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from xgamma.archive.catalogues import CATALOGUES, Catalogue, require_columns, resolve_columns
from xgamma.archive.surveys import missing_of_survey, required_of_survey, surveys_of
from xgamma.errors import XgammaError
from xgamma.tables.columns import Column, conform
from xgamma.tables.files import read_ecsv
from xgamma.tap.mirror_names import bare

__all__ = ["DESCRIPTION_COLUMNS", "describe_service", "missing_optional", "read_description"]

logger = logging.getLogger("xgamma.services")

DESCRIPTION_COLUMNS = [
    Column("service", "text", "", "Which of the archive's services"),
    Column("table", "text", "", "Table"),
    Column("column", "text", "", "Column"),
    Column("datatype", "text", "", "Type, as the service spells it"),
    Column("unit", "text", "", "Unit, as the service spells it"),
    Column("ucd", "text", "", "Unified content descriptor"),
    Column("used", "bool", "", "True if the workflow reads it"),
    Column("description", "text", "", "Description, as the service gives it"),
]


def describe_service(
    client: Any,
    surveys: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Catalogue] = CATALOGUES,
    files: Collection[str] = (),
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The columns of surveys' tables, or of the catalogues: types, units, descriptions.

    Parameters
    ----------
    client : xgamma.archive.client.TapClient
    surveys : mapping
        Survey -> its settings, see `xgamma.archive.surveys`; those of other services are left
        out. If none is left, the catalogues are described.
    known : mapping
        The catalogues, as `xgamma.archive.catalogues.catalogues_of` gives them.
    files : collection of str
        Tables in whose place there are files of the user's: nobody is asked for these.

    Returns
    -------
    frame : DataFrame
        `DESCRIPTION_COLUMNS`, sorted by table and column.
    records : list of dict
        How they were fetched: one record.

    Raises
    ------
    XgammaError
        If a required column is missing; if a mirror answered, an optional one too: a map that
        is not complete does not say that the service lacks the column.
    """
    own_surveys = surveys_of(client.name, surveys)
    catalogues = [c for c in known.values() if not own_surveys and c.table not in files]
    required = {
        c.table: [column.name for column in c.columns if column.required] for c in catalogues
    }
    optional = {
        c.table: [name for column in c.columns for name in (column.name, *column.aliases)]
        for c in catalogues
    }
    for survey in own_surveys:
        # what the user names is required, unless the user says otherwise
        required.setdefault(survey["table"], []).extend(required_of_survey(survey))
        optional.setdefault(survey["table"], []).extend(map(bare, survey.get("optional", ())))
    answer = client.columns(sorted(required))
    frame, mirror = answer.frame, answer.record["mirror"]
    will_upload = own_surveys and client.upload and not answer.kept
    if will_upload and client.declares_upload() is False:
        # capabilities are often behind what a service can do: no error yet
        logger.warning(
            "%s (%s) does not say that it takes uploads; if it refuses them, set "
            "upload: false for it under archives in the config, and it will be asked "
            "position by position",
            client.name,
            client.url,
        )
    for table in sorted(required):
        available = frame.loc[frame["table"] == table, "column"].tolist()
        # as the service spells them: that is what a user can look up
        spelt = [bare(client.names.column(table, name)) for name in available]
        wanted = [bare(client.names.column(table, name)) for name in required[table]]
        require_columns(client.name, client.names.table(table), wanted, spelt)
        if mirror:
            _require_optional(client.name, mirror, table, available, own_surveys)
    used = {
        (table, name.lower()) for table in required for name in (*required[table], *optional[table])
    }
    frame["used"] = [(row.table, row.column.lower()) in used for row in frame.itertuples()]
    frame = conform(frame.assign(service=client.name), DESCRIPTION_COLUMNS)
    for name in ("unit", "ucd", "description"):
        # one line per cell: descriptions of some archives have several
        frame[name] = [" ".join(text.split()) for text in frame[name]]
    if not mirror:
        # a mirror's map may lack columns that the service has when it is back
        client.kept.trust([answer.record])
    return frame.sort_values(["table", "column"], ignore_index=True), [answer.record]


def _require_optional(
    service: str,
    mirror: str,
    table: str,
    available: Sequence[str],
    surveys: Iterable[Mapping[str, Any]],
) -> None:
    """Raise if the mirror that answered for a service lacks columns that may be missing there."""
    missing = [
        name
        for catalogue in CATALOGUES.values()
        if not surveys and table == catalogue.table
        for name in _lacking(catalogue, available)
    ] + [
        name
        for survey in surveys
        if table == survey["table"]
        for name in missing_of_survey(survey, {(service, table): available})
    ]
    if missing:
        raise XgammaError(
            f"{service} does not answer, and the map of its mirror {mirror} has no column "
            f"{', '.join(missing)} of table {table}: complete the map in the config, or run again "
            f"when {service} is back"
        )


def read_description(*paths: str | Path) -> dict[tuple[str, str], list[str]]:
    """(service, table) -> its columns, from files that `describe_service` filled."""
    return {
        (str(service), str(table)): group["column"].tolist()
        for path in paths
        for (service, table), group in read_ecsv(path, DESCRIPTION_COLUMNS).groupby(
            ["service", "table"]
        )
    }


def missing_optional(
    available: Mapping[tuple[str, str], Iterable[str]],
    catalogs: str,
    surveys: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Catalogue] = CATALOGUES,
) -> list[str]:
    """The optional columns that the tables lack, as table.column, sorted.

    Parameters
    ----------
    available : mapping
        (service, table) -> columns, as `read_description` gives it; a catalogue that is a file
        of the user's is not among them.
    catalogs : str
        The service that has the catalogues.
    surveys : mapping
        Survey -> its settings.
    known : mapping
        The catalogues, as `xgamma.archive.catalogues.catalogues_of` gives them.
    """
    of_catalogues = [
        f"{catalogue.table}.{name}"
        for catalogue in known.values()
        if (catalogs, catalogue.table) in available
        for name in _lacking(catalogue, available[catalogs, catalogue.table])
    ]
    of_surveys = [
        f"{survey['table']}.{name}"
        for survey in surveys.values()
        for name in missing_of_survey(survey, available)
    ]
    return sorted(of_catalogues + of_surveys)


def _lacking(catalogue: Catalogue, available: Iterable[str]) -> list[str]:
    """The columns of a catalogue, as we call them, that the service lacks."""
    resolved = resolve_columns(catalogue, available)
    return [name for name, service_name in resolved.items() if service_name is None]
