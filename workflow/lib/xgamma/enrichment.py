"""Optical and infrared sources around the targets of one shard, from one survey.

All targets of a shard go up in one table and are joined at the service; a service
without uploads is asked position by position. Both give the same rows: what counts as
inside, and which are the nearest, is decided here, not by the service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xgamma.catalogs import ALL_ROWS
from xgamma.errors import XgammaError
from xgamma.sky import galactic, separation
from xgamma.tables import Column, conform, empty_frame
from xgamma.tap import KNOWN_CAPS, TapClient
from xgamma.tap_answers import Answer

__all__ = ["SurveyTable", "counterpart_columns", "enrich_targets", "merge_shards"]

# Services round differently at the very edge of a circle: ask for 0.4 milliarcseconds
# more and decide here.
MARGIN_DEG = 1e-7


@dataclass(frozen=True)
class SurveyTable:
    """Where a survey's sources are, and what is taken along.

    `columns` maps the service's column names to ours; those in `missing` the service
    lacks, and they become null.
    """

    table: str
    id: str
    ra: str
    dec: str
    columns: Mapping[str, str]
    missing: Sequence[str] = ()


_BEFORE = [
    Column("around", "text", "", "fermi: found around the Fermi position; csc: a candidate"),
    Column("fermi_name", "text", "", "4FGL name"),
    Column("csc_name", "text", "", "Chandra source; blank around the Fermi position"),
    Column("rank", "int", "", "1 for the nearest to the target"),
]
_AFTER = [
    Column("sep_target_arcsec", "float", "arcsec", "Separation from the target"),
    Column("sep_fermi_arcsec", "float", "arcsec", "Separation from the Fermi position"),
    Column("sep_csc_arcsec", "float", "arcsec", "Separation from the nearest Chandra candidate"),
    Column("nearest_csc_name", "text", "", "That candidate of the same Fermi source"),
    Column("n_in_radius", "int", "", "Survey sources within the target's radius, kept or not"),
]
_CLASS = Column("fermi_class", "text", "", "4FGL class, blank if unassociated")


def _unit(text: str) -> str:
    """A service's spelling of a unit in astropy's; unknown spellings as they are."""
    from astropy import units as u

    for spelling in ("vounit", "cds", "generic"):
        try:
            return u.Unit(text, format=spelling).to_string()
        except ValueError:
            continue
    return text


def counterpart_columns(survey: SurveyTable, answer: Answer | None = None) -> list[Column]:
    """The columns of a shard; types and units of the survey's own as in `answer`.

    Without an answer (no shard at all) identifiers are text, all else is float.
    """
    kinds, units = {}, {}
    if answer is not None:
        units = answer.units
        for name, dtype in answer.frame.dtypes.items():
            kinds[name] = {"f4": "float32", "f8": "float"}.get(
                dtype.str[1:] if isinstance(dtype, np.dtype) else "",
                "nullable_int" if pd.api.types.is_integer_dtype(dtype) else "text",
            )
    id_kind = "int" if kinds.get("survey_id") == "nullable_int" else "text"
    own = [
        Column(
            ours,
            kinds.get(f"extra_{i}", "float"),
            _unit(units.get(f"extra_{i}", "")),
            f"{survey.table}.{theirs}",
        )
        for i, (theirs, ours) in enumerate(survey.columns.items())
    ]
    return [
        *_BEFORE,
        Column("id", id_kind, "", f"{survey.table}.{survey.id}"),
        Column("ra", "float", "deg", "Right ascension, ICRS, at the survey's epoch"),
        Column("dec", "float", "deg", "Declination, ICRS, at the survey's epoch"),
        Column("l", "float", "deg", "Galactic longitude, from ra and dec"),
        Column("b", "float", "deg", "Galactic latitude, from ra and dec"),
        *own,
        *_AFTER,
    ]


def _select(survey: SurveyTable) -> str:
    # aliases of our own: services rename joined columns, and two of ours may be one of theirs
    parts = [
        f"s.{survey.id} AS survey_id",
        f"s.{survey.ra} AS survey_ra",
        f"s.{survey.dec} AS survey_dec",
    ]
    parts += [
        f"s.{theirs} AS extra_{i}"
        for i, theirs in enumerate(survey.columns)
        if theirs not in survey.missing
    ]
    return ", ".join(parts)


def _ask_with_upload(client: TapClient, survey: SurveyTable, targets: pd.DataFrame) -> Answer:
    from astropy.table import Table

    upload = Table(
        {
            "target_id": targets["target_id"].to_numpy(),
            "target_ra": targets["ra"].to_numpy(),
            "target_dec": targets["dec"].to_numpy(),
            "radius_deg": targets["radius_deg"].to_numpy() + MARGIN_DEG,
        }
    )
    # POINT on the survey and CIRCLE on the upload: so that the survey's index is used
    source = (
        f"FROM {survey.table} AS s, TAP_UPLOAD.targets AS t"
        f" WHERE 1 = CONTAINS(POINT('ICRS', s.{survey.ra}, s.{survey.dec}),"
        " CIRCLE('ICRS', t.target_ra, t.target_dec, t.radius_deg))"
    )
    adql = f"SELECT TOP {ALL_ROWS} t.target_id AS target_id, {_select(survey)} {source}"
    answer = client.query(adql, {"targets": upload})
    if len(answer.frame) in KNOWN_CAPS:
        # just the size at which services cut silently: have it counted
        answer = client.query_counted(adql, f"SELECT COUNT(*) AS n {source}", {"targets": upload})
    return answer


def _ask_one_by_one(client: TapClient, survey: SurveyTable, targets: pd.DataFrame) -> Answer:
    frames, last = [], None
    for target in targets.itertuples(index=False):
        source = (
            f"FROM {survey.table} AS s"
            f" WHERE 1 = CONTAINS(POINT('ICRS', s.{survey.ra}, s.{survey.dec}),"
            f" CIRCLE('ICRS', {target.ra!r}, {target.dec!r}, {target.radius_deg + MARGIN_DEG!r}))"
        )
        adql = f"SELECT TOP {ALL_ROWS} {_select(survey)} {source}"
        last = client.query(adql)
        if len(last.frame) in KNOWN_CAPS:
            last = client.query_counted(adql, f"SELECT COUNT(*) AS n {source}")
        frames.append(last.frame.assign(target_id=target.target_id))
    # the empty ones keep the types, so they take part
    return Answer(pd.concat(frames, ignore_index=True), last.units, last.record)


def _nearest_csc(found: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Separation from, and name of, the nearest candidate of the row's Fermi source."""
    candidates = {
        name: group for name, group in targets[targets["around"] == "csc"].groupby("fermi_name")
    }
    found = found.assign(sep_csc_arcsec=np.nan, nearest_csc_name="")
    for name, rows in found.groupby("fermi_name").groups.items():
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


def enrich_targets(
    client: TapClient, survey: SurveyTable, targets: pd.DataFrame, nearest: int
) -> tuple[pd.DataFrame, list[Column]]:
    """The survey's sources around the targets of one shard.

    Parameters
    ----------
    client : TapClient
    survey : SurveyTable
    targets : DataFrame
        `xgamma.shards.TARGET_COLUMNS`, of one shard, not empty.
    nearest : int
        How many are kept around a Fermi position; around a candidate all are.

    Returns
    -------
    frame : DataFrame
        One row per target and source, sorted by around, fermi_name, csc_name, rank.
        Separations in arcsec from the ICRS positions at the survey's epoch, proper
        motion not applied.
    columns : list of Column
    """
    ask = _ask_with_upload if client.upload else _ask_one_by_one
    answer = ask(client, survey, targets)
    columns = counterpart_columns(survey, answer)
    found = answer.frame.rename(
        columns={
            "survey_id": "id",
            "survey_ra": "ra",
            "survey_dec": "dec",
            **{f"extra_{i}": ours for i, ours in enumerate(survey.columns.values())},
        }
    )
    for theirs in survey.missing:
        found[survey.columns[theirs]] = np.nan
    found["target_id"] = found["target_id"].astype("int64")
    for axis in ("ra", "dec"):
        found[axis] = found[axis].astype("float64")
    target = targets.set_index("target_id").loc[found["target_id"]].reset_index(drop=True)
    for name in ("around", "fermi_name", "csc_name"):
        found[name] = target[name].to_numpy()
    found["sep_target_arcsec"] = 3600.0 * separation(
        found["ra"], found["dec"], target["ra"], target["dec"]
    )
    inside = found["sep_target_arcsec"].to_numpy() <= 3600.0 * target["radius_deg"].to_numpy()
    found = found[inside].sort_values(
        ["around", "fermi_name", "csc_name", "target_id", "sep_target_arcsec", "id"],
        ignore_index=True,
    )
    found["rank"] = found.groupby("target_id").cumcount() + 1
    found["n_in_radius"] = found.groupby("target_id")["rank"].transform("size")
    found = found[(found["around"] == "csc") | (found["rank"] <= nearest)].reset_index(drop=True)
    fermi = targets[targets["around"] == "fermi"].set_index("fermi_name")
    there = fermi.loc[found["fermi_name"]]
    found["sep_fermi_arcsec"] = 3600.0 * separation(
        found["ra"], found["dec"], there["ra"].to_numpy(), there["dec"].to_numpy()
    )
    found = _nearest_csc(found, targets)
    found["l"], found["b"] = galactic(found["ra"], found["dec"]) if len(found) else ([], [])
    return conform(found, columns), columns


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
        If the shards' columns differ: the service changed its table in between.
    """
    columns = shards[0][1] if shards else counterpart_columns(survey)
    if any(other != columns for _, other in shards):
        raise XgammaError(
            f"{survey.table}: the types or units of its columns differ between shards; the "
            f"service changed in between: remove the enrichment folder and run again"
        )
    merged = (
        pd.concat([frame for frame, _ in shards], ignore_index=True)
        if shards
        else empty_frame(columns)
    )
    merged["fermi_class"] = merged["fermi_name"].map(fermi_class).astype("str")
    columns = [*columns[:2], _CLASS, *columns[2:]]
    merged = merged.sort_values(
        ["around", "fermi_name", "csc_name", "rank"], kind="stable", ignore_index=True
    )
    return conform(merged, columns), columns
