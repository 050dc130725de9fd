"""Optical and infrared sources around the targets of one shard, from one survey.

What counts as inside, and which are the nearest, is decided here, not by the service.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xgamma.answers.answer import Answer
from xgamma.answers.checks import (
    check_asked,
    check_positions,
    check_unique,
    check_units,
    unit_readings,
)
from xgamma.answers.circles import Part, joined, note_parts, same_columns, take_covered
from xgamma.archive.around import asked_columns, circles_question, rows_around
from xgamma.archive.client import TapClient
from xgamma.archive.numbers import Numbers, numbers_around
from xgamma.archive.surveys import COLUMNS_DIFFER, SurveyTable
from xgamma.errors import XgammaError
from xgamma.sky import galactic, separation
from xgamma.stages.counterparts import FIELD, counterpart_columns
from xgamma.tables.columns import Column, conform
from xgamma.tables.printable import shortened
from xgamma.tables.units import is_known

__all__ = [
    "enrich_targets",
    "shard_columns",
]


def shard_columns(survey: SurveyTable, answer: Answer) -> list[Column]:
    """The columns of a shard; types and units of the survey's own as in `answer`."""
    units = {
        name: _astropy_unit(unit)
        for name, unit in answer.units.items()
        if name.startswith("extra_")
    }
    return counterpart_columns(survey, dict(answer.frame.dtypes), units)


def _astropy_unit(text: str) -> str:
    """A service's spelling of a unit in astropy's; unknown spellings as they are."""
    if is_known(text):
        return text
    readings = unit_readings(text)
    return readings[0].to_string() if readings else text


def _checked(
    client: TapClient, survey: SurveyTable, answer: Answer, targets: pd.DataFrame
) -> pd.DataFrame:
    """The rows of an answer under our names, or an error if they cannot be used."""
    place = client.name, survey.table
    renamed = {"survey_id": "id", "survey_ra": "ra", "survey_dec": "dec"}
    extra = {f"extra_{i}": name for i, name in enumerate(survey.columns.values())}
    asked = {"target_id": "target_id", **asked_columns(survey)}
    check_asked(*place, answer.frame, asked)
    found = answer.frame.rename(columns={**renamed, **extra})
    units = {renamed.get(name, name): unit for name, unit in answer.units.items()}
    check_units(*place, units, {"ra": "deg", "dec": "deg"})
    ids = pd.to_numeric(found["target_id"], errors="coerce")
    if not (sent := ids.isin(targets["target_id"])).all():
        first = found["target_id"][~sent].iloc[0]
        shown = "null" if pd.isna(first) else shortened(str(first), 40)
        raise XgammaError(
            f"{client.name}: rows of {survey.table} for targets that were not sent: "
            f"{int((~sent).sum())}, the first has target_id {shown}; the service does not join "
            f"uploads as asked: set upload: false for it in the config"
        )
    if found["id"].dtype.kind == "f":
        raise XgammaError(
            f"{client.name}: {survey.table}.{survey.id} came as floating-point numbers, which do "
            f"not hold long identifiers; name a column of whole numbers or text as id in the config"
        )
    if (null := found["id"].isna() | (found["id"] == "").fillna(False)).any():
        raise XgammaError(
            f"{client.name}: rows of {survey.table} without {survey.id}: {int(null.sum())}; the "
            f"column that names a row must have no nulls: choose another as id in the config"
        )
    check_positions(*place, found, "id")
    found["target_id"] = ids.astype("int64")
    for axis in ("ra", "dec"):
        found[axis] = found[axis].astype("float64")
    check_unique(*place, found, ["target_id", "id"])
    for service_name in survey.missing:
        found[survey.columns[service_name]] = np.nan
    return found


def _nearest_csc(found: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Separation from, and name of, the nearest candidate of the row's Fermi source."""
    candidates = {
        name: group for name, group in targets[targets["around"] == "csc"].groupby("fermi_name")
    }
    found = found.assign(sep_csc_arcsec=np.nan, nearest_csc_name="")
    for name, rows in found[found["around"] != FIELD].groupby("fermi_name").groups.items():
        if name not in candidates:
            continue
        near = candidates[name]
        distances = separation(
            found.loc[rows, "ra"].to_numpy()[:, None],
            found.loc[rows, "dec"].to_numpy()[:, None],
            near["ra"].to_numpy()[None, :],
            near["dec"].to_numpy()[None, :],
        )
        # the first of equally near ones: targets are sorted by name
        best = distances.argmin(axis=1)
        found.loc[rows, "sep_csc_arcsec"] = distances.min(axis=1) * 3600.0
        found.loc[rows, "nearest_csc_name"] = near["csc_name"].to_numpy()[best]
    return found


def _counted(
    client: TapClient, survey: SurveyTable, targets: pd.DataFrame, nearest: int
) -> Numbers:
    """Rows around Fermi positions, where there are so many that not all need come."""
    around_fermi = targets[targets["around"] == "fermi"]
    # one by one, a number costs as much as the rows; and of a kept answer all rows are there
    if client.upload:
        place = circles_question(survey), asked_columns(survey)
        _, around_fermi = take_covered(client.kept, *place, around_fermi)
    if not client.upload or around_fermi.empty:
        return Numbers({}, [], [])
    counted = numbers_around(client, survey, around_fermi)
    most = _rows_asked(nearest)
    counted.numbers = {target: n for target, n in counted.numbers.items() if n > most}
    return counted


def _rows_needed(nearest: int) -> int:
    """How many rows a circle should hold so that the nearest are surely among them."""
    return 4 * max(nearest, 6)


def _rows_asked(nearest: int) -> int:
    """How many are asked for: another count of the density, later, does not need more at once."""
    return 2 * _rows_needed(nearest)


def _narrowed(targets: pd.DataFrame, numbers: Mapping[int, int], nearest: int) -> pd.DataFrame:
    """The circles that hold a few dozen rows, by the density in the whole circle."""
    n = targets["target_id"].map(numbers).to_numpy(float)
    whole = targets["radius_deg"].to_numpy()
    needed, asked = (
        np.where(np.isnan(n), whole, whole * np.sqrt(rows / n))
        for rows in (_rows_needed(nearest), _rows_asked(nearest))
    )
    return targets.assign(radius_deg=needed, asked_radius_deg=asked)


def _too_few(
    found: pd.DataFrame, targets: pd.DataFrame, numbers: Mapping[int, int], nearest: int
) -> pd.DataFrame:
    """The targets whose nearest rows may be beyond the circle that was needed."""
    narrow = _narrowed(targets, numbers, nearest).set_index("target_id")
    narrow = narrow[narrow.index.isin(numbers)]
    rows = found[found["target_id"].isin(narrow.index)]
    target = narrow.loc[rows["target_id"]]
    apart = separation(rows["ra"], rows["dec"], target["ra"], target["dec"])
    within = rows["target_id"][apart <= target["radius_deg"].to_numpy()].value_counts()
    few = within.reindex(narrow.index, fill_value=0) < nearest
    return targets[targets["target_id"].isin(few.index[few])]


def _replaced(
    client: TapClient,
    survey: SurveyTable,
    parts: Sequence[Part],
    wide: Sequence[Part],
    targets: pd.DataFrame,
) -> list[Part]:
    """Parts of answers with those rows around `targets` that are in `wide`, and no others."""
    if not same_columns([*parts, *wide]):
        raise XgammaError(f"{client.name}: {survey.table}: {COLUMNS_DIFFER}; run again")
    kept = []
    for part in parts:
        around = pd.to_numeric(part.frame["target_id"]).isin(targets["target_id"])
        kept.append(dataclasses.replace(part, frame=part.frame[~around]))
    return [*kept, *wide]


def enrich_targets(
    client: TapClient, survey: SurveyTable, targets: pd.DataFrame, nearest: int
) -> tuple[pd.DataFrame, list[Column], list[dict[str, Any]]]:
    """The survey's sources around the targets of one shard.

    Parameters
    ----------
    client : TapClient
    survey : SurveyTable
    targets : DataFrame
        `xgamma.stages.shard_sources.TARGET_COLUMNS`, of one shard, not empty.
    nearest : int
        How many are kept around a Fermi position; around a candidate all are, those of the field
        around it apart.

    Returns
    -------
    frame : DataFrame
        One row per target and source, sorted by around, fermi_name, csc_name, rank.
        Separations in arcsec from the ICRS positions at the survey's epoch, proper
        motion not applied.
    columns : list of Column
    records : list of dict
        How the rows were fetched: one record per answer, which may be of an earlier run.

    Raises
    ------
    XgammaError
        If an answer is cut, lacks a column, has rows of other targets, rows without an
        identifier or a valid position, or a row twice.
    """
    asked = targets.assign(radius_deg=targets["field_radius_deg"])
    counted = _counted(client, survey, asked, nearest)
    parts, new = rows_around(client, survey, _narrowed(asked, counted.numbers, nearest))
    answer = joined(parts)
    found = _checked(client, survey, answer, targets)
    few = _too_few(found, asked, counted.numbers, nearest)
    if len(few):
        # their whole circles in place of what came of them
        wide, new_wide = rows_around(client, survey, few)
        parts, new = _replaced(client, survey, parts, wide, few), [*new, *new_wide]
        answer = joined(parts)
        found = _checked(client, survey, answer, targets)
        counted.numbers = {t: n for t, n in counted.numbers.items() if t not in {*few["target_id"]}}
    columns = shard_columns(survey, answer)
    target = targets.set_index("target_id").loc[found["target_id"]].reset_index(drop=True)
    for name in ("around", "fermi_name", "csc_name"):
        found[name] = target[name].to_numpy()
    found["sep_target_arcsec"] = 3600.0 * separation(
        found["ra"], found["dec"], target["ra"], target["dec"]
    )
    apart = found["sep_target_arcsec"].to_numpy()
    inside = apart <= 3600.0 * target["radius_deg"].to_numpy()
    found["inside"] = inside
    found.loc[~inside, "around"] = FIELD
    found = found[apart <= 3600.0 * target["field_radius_deg"].to_numpy()].sort_values(
        ["around", "fermi_name", "csc_name", "target_id", "sep_target_arcsec", "id"],
        ignore_index=True,
    )
    found["rank"] = found.groupby(["around", "target_id"]).cumcount() + 1
    found["n_in_radius"] = found.groupby("target_id")["inside"].transform("sum")
    # of whose circles not all rows are there
    numbers = found["target_id"].map(counted.numbers)
    found["n_in_radius"] = numbers.fillna(found["n_in_radius"]).astype("int64")
    found = found[(found["around"] != "fermi") | (found["rank"] <= nearest)].reset_index(drop=True)
    position = targets.drop_duplicates("fermi_name").set_index("fermi_name")
    position = position.loc[found["fermi_name"]]
    found["sep_fermi_arcsec"] = 3600.0 * separation(
        found["ra"],
        found["dec"],
        position["fermi_ra"].to_numpy(),
        position["fermi_dec"].to_numpy(),
    )
    found = _nearest_csc(found, targets)
    found["l"], found["b"] = galactic(found["ra"], found["dec"]) if len(found) else ([], [])
    found = conform(found, columns)
    note_parts(client.kept, circles_question(survey), asked_columns(survey), new)
    counted.note(client)
    return found, columns, [*counted.records, *(part.record for part in parts)]
