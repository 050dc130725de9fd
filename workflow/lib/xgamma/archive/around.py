"""The rows of a table around positions: a survey's around targets, a catalogue's around sources.

All positions go up in one table and are joined at the service; a service without uploads is asked
position by position. Both give the same rows. What kept answers hold is not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from xgamma.answers.answer import Answer
from xgamma.answers.circles import Part, joined, note_parts, same_columns, take_covered
from xgamma.archive.catalogues import (
    ALL_ROWS,
    Catalogue,
    check_columns,
    check_rows,
    fit_to_catalogue,
    resolve_columns,
)
from xgamma.archive.client import KNOWN_CAPS, TapClient
from xgamma.archive.surveys import COLUMNS_DIFFER, SurveyTable
from xgamma.errors import XgammaError
from xgamma.sky import match_within
from xgamma.tap.mirror_names import Names

__all__ = [
    "asked_columns",
    "circles_question",
    "circles_upload",
    "fetch_around",
    "from_where",
    "inside_circles",
    "rows_around",
]

# Services round differently at the very edge of a circle: ask for 0.4 milliarcseconds
# more and decide here.
MARGIN_DEG = 1e-7


def asked_columns(survey: SurveyTable) -> dict[str, str]:
    """Alias -> column of the survey."""
    # aliases of our own: services rename joined columns, and two of ours may be one of theirs
    asked = {"survey_id": survey.id, "survey_ra": survey.ra, "survey_dec": survey.dec}
    extra = {f"extra_{i}": c for i, c in enumerate(survey.columns) if c not in survey.missing}
    return {**asked, **extra}


def circles_question(survey: SurveyTable) -> str:
    """What questions have in common of which one may be part of another."""
    return f"{survey.table} around positions in {survey.ra}, {survey.dec}"


def _rows_adql(survey: SurveyTable, circle: str, upload: str, names: Names) -> str:
    select = [
        f"s.{names.column(survey.table, column)} AS {alias}"
        for alias, column in asked_columns(survey).items()
    ]
    if upload:
        select.insert(0, "t.target_id AS target_id")
    return f"SELECT TOP {ALL_ROWS} {', '.join(select)} {from_where(survey, circle, upload, names)}"


def _count_adql(survey: SurveyTable, circle: str, upload: str, names: Names) -> str:
    return f"SELECT COUNT(*) AS n {from_where(survey, circle, upload, names)}"


def from_where(survey: SurveyTable, circle: str, upload: str, names: Names) -> str:
    """The end of a question: the rows of a survey in a circle, or in those of an upload."""
    # POINT on the survey and CIRCLE on the upload: so that the survey's index is used
    ra, dec = (names.column(survey.table, axis) for axis in (survey.ra, survey.dec))
    return (
        f"FROM {names.table(survey.table)} AS s{upload}"
        f" WHERE 1 = CONTAINS(POINT('ICRS', s.{ra}, s.{dec}), CIRCLE('ICRS', {circle}))"
    )


def _ask(
    client: TapClient, survey: SurveyTable, circle: str, upload: str = "", uploads=None
) -> Answer:
    rows = partial(_rows_adql, survey, circle, upload)
    answer = client.query(rows, uploads)
    if len(answer.frame) in KNOWN_CAPS:
        # just the size at which services cut silently: have it counted
        count = partial(_count_adql, survey, circle, upload)
        answer = client.query_counted(rows, count, uploads)
    return answer


def circles_upload(
    target_id: ArrayLike, places: pd.DataFrame, radius_deg: ArrayLike
) -> dict[str, np.ndarray]:
    """Circles as they go up: numbered, around `ra` and `dec` of the places (degrees)."""
    return {
        "target_id": np.asarray(target_id, np.int64),
        "target_ra": places["ra"].to_numpy(float),
        "target_dec": places["dec"].to_numpy(float),
        "radius_deg": np.asarray(radius_deg, float),
    }


def _ask_with_upload(client: TapClient, survey: SurveyTable, targets: pd.DataFrame) -> list[Part]:
    upload = circles_upload(targets["target_id"], targets, targets["radius_deg"] + MARGIN_DEG)
    answer = _ask(
        client,
        survey,
        "t.target_ra, t.target_dec, t.radius_deg",
        ", TAP_UPLOAD.targets AS t",
        {"targets": upload},
    )
    return [Part(answer.frame, answer.units, answer.record, targets)]


def _ask_one_by_one(client: TapClient, survey: SurveyTable, targets: pd.DataFrame) -> list[Part]:
    parts = []
    for row, target in enumerate(targets.itertuples(index=False)):
        circle = f"{target.ra!r}, {target.dec!r}, {target.radius_deg + MARGIN_DEG!r}"
        answer = _ask(client, survey, circle)
        frame = answer.frame.assign(target_id=target.target_id)
        one = targets.iloc[[row]]
        parts.append(Part(frame, answer.units, answer.record, one, numbered=False))
        if not same_columns([parts[0], parts[-1]]):
            raise XgammaError(f"{client.name}: {survey.table}: {COLUMNS_DIFFER}; run again")
    return parts


def rows_around(
    client: TapClient, survey: SurveyTable, targets: pd.DataFrame
) -> tuple[list[Part], list[Part]]:
    """The rows around all targets, and which of them are new: asked for is what nobody kept.

    Asked for is to `asked_radius_deg`, where the targets have it: the next time, a little more may
    be needed.
    """
    ask = _ask_with_upload if client.upload else _ask_one_by_one
    kept, rest = take_covered(client.kept, circles_question(survey), asked_columns(survey), targets)
    new = ask(client, survey, _as_asked(rest)) if len(rest) else []
    if kept and not same_columns([*kept, *new]):
        # what was kept is of the service as it was
        kept, new = [], ask(client, survey, _as_asked(targets))
    return [*kept, *new], new


def _as_asked(targets: pd.DataFrame) -> pd.DataFrame:
    if "asked_radius_deg" not in targets:
        return targets
    return targets.assign(radius_deg=targets["asked_radius_deg"])


def fetch_around(
    client: TapClient, catalogue: Catalogue, available: Iterable[str], circles: pd.DataFrame
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The rows of a catalogue in any of some circles.

    Parameters
    ----------
    client : TapClient
    catalogue : Catalogue
    available : iterable of str
        The columns that the service has.
    circles : DataFrame, not empty
        target_id, ra, dec, radius_deg (degrees).

    Returns
    -------
    frame : DataFrame
        As `xgamma.archive.catalogues.fetch_catalogue` gives it.
    records : list of dict
        How it was fetched: one record per answer, which may be of an earlier run, with
        `missing_columns` and `units` as there.

    Raises
    ------
    XgammaError
        As `fetch_catalogue`; if two answers have the same row with other values.
    """
    resolved = resolve_columns(catalogue, available)
    own = ("ra", "dec", catalogue.key)
    survey = SurveyTable(
        catalogue.table,
        *(resolved[name] or name for name in (catalogue.key, "ra", "dec")),
        {column: name for name, column in resolved.items() if column and name not in own},
    )
    parts, new = rows_around(client, survey, circles)
    answer = joined(parts)
    ours = {"survey_id": catalogue.key, "survey_ra": "ra", "survey_dec": "dec"}
    ours |= {f"extra_{i}": name for i, name in enumerate(survey.columns.values())}
    units = {ours.get(alias, alias): unit for alias, unit in answer.units.items()}
    rows = answer.frame.rename(columns=ours)
    check_columns(client, catalogue, units, resolved)
    # a source may be in several circles, and a kept circle may be larger than it need be
    rows = rows.drop(columns="target_id").drop_duplicates(ignore_index=True)
    frame = fit_to_catalogue(rows, catalogue)
    check_rows(client, catalogue, frame)
    frame = inside_circles(frame, circles)
    note_parts(client.kept, circles_question(survey), asked_columns(survey), new)
    missing = [name for name, column in resolved.items() if column is None]
    return frame, [{**part.record, "missing_columns": missing, "units": units} for part in parts]


def inside_circles(frame: pd.DataFrame, circles: pd.DataFrame) -> pd.DataFrame:
    """The rows of a catalogue in any of some circles (ra, dec, radius_deg), in their order."""
    _, inside, _ = match_within(
        circles["ra"], circles["dec"], circles["radius_deg"], frame["ra"], frame["dec"]
    )
    return frame.loc[sorted(set(inside.tolist()))].reset_index(drop=True)
