"""What the services of an archive say of themselves, before anything is fetched."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from xgamma.archive.catalogues import (
    CATALOGUES,
    DESCRIPTION_COLUMNS,
    require_columns,
    resolve_columns,
)
from xgamma.errors import XgammaError
from xgamma.tables.columns import conform
from xgamma.tables.files import read_ecsv

__all__ = [
    "describe_service",
    "missing_of_survey",
    "missing_optional",
    "read_description",
]

logger = logging.getLogger("xgamma.services")


def describe_service(
    client: Any, surveys: Mapping[str, Mapping[str, Any]]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The columns of every table of a service that is used, with types, units and descriptions.

    Parameters
    ----------
    client : xgamma.archive.client.TapClient
        HEASARC's catalogues are used whatever the surveys.
    surveys : mapping
        Survey -> {service, table, id, ra, dec, columns, optional}; those of other services
        are left out.

    Returns
    -------
    frame : DataFrame
        `xgamma.archive.catalogues.DESCRIPTION_COLUMNS`, sorted by table and column.
    records : list of dict
        How they were fetched: one record.

    Raises
    ------
    XgammaError
        If a required column is missing; if a mirror answered, an optional one too: a map that
        is not complete does not say that the service lacks the column.
    """
    surveys = {name: s for name, s in surveys.items() if s["service"] == client.name}
    catalogues = CATALOGUES.values() if client.name == "heasarc" else ()
    required = {
        c.table: [column.name for column in c.columns if column.required] for c in catalogues
    }
    optional = {
        c.table: [name for column in c.columns for name in (column.name, *column.aliases)]
        for c in catalogues
    }
    for survey in surveys.values():
        # what the user names is required, unless the user says otherwise
        wanted = [survey["id"], survey["ra"], survey["dec"], *survey["columns"]]
        spared = survey.get("optional", ())
        required.setdefault(survey["table"], []).extend(c for c in wanted if c not in spared)
        optional.setdefault(survey["table"], []).extend(spared)
    answer = client.columns(sorted(required))
    frame, mirror = answer.frame, answer.record["mirror"]
    uploads = surveys and client.upload and not answer.kept
    if uploads and client.declares_upload() is False:
        # capabilities are often behind what a service can do: no error yet
        logger.warning(
            "%s (%s) does not say that it takes uploads; if it refuses them, set "
            "upload: false for it under archives in the config, and it will be asked "
            "position by position",
            client.name,
            client.url,
        )
    for table in sorted(required):
        there = frame.loc[frame["table"] == table, "column"]
        require_columns(client.name, table, required[table], there)
        if mirror:
            _require_optional(client.name, mirror, table, there, surveys)
    used = {(t, name.lower()) for t in required for name in (*required[t], *optional[t])}
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
    there: Iterable[str],
    surveys: Mapping[str, Mapping[str, Any]],
) -> None:
    """Raise if the mirror that answered for a service lacks columns that may be missing there."""
    there = list(there)
    missing = [
        name
        for catalogue in CATALOGUES.values()
        if (service, table) == ("heasarc", catalogue.table)
        for name, theirs in resolve_columns(catalogue, there).items()
        if theirs is None
    ] + [
        name
        for survey in surveys.values()
        if table == survey["table"]
        for name in missing_of_survey(survey, {(service, table): there})
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


def missing_of_survey(
    survey: Mapping[str, Any], available: Mapping[tuple[str, str], Iterable[str]]
) -> list[str]:
    """The optional columns of a survey that its service lacks, sorted."""
    there = {name.lower() for name in available[survey["service"], survey["table"]]}
    return sorted(name for name in survey.get("optional", ()) if name.lower() not in there)


def missing_optional(
    available: Mapping[tuple[str, str], Iterable[str]],
    surveys: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """The optional columns that the tables lack, as table.column, sorted."""
    return sorted(
        [
            f"{catalogue.table}.{name}"
            for catalogue in CATALOGUES.values()
            for name, theirs in resolve_columns(
                catalogue, available["heasarc", catalogue.table]
            ).items()
            if theirs is None
        ]
        + [
            f"{survey['table']}.{name}"
            for survey in surveys.values()
            for name in missing_of_survey(survey, available)
        ]
    )
