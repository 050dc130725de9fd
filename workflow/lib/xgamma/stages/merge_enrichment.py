"""The shards of a survey as one long table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from xgamma.archive.surveys import SurveyTable
from xgamma.errors import XgammaError
from xgamma.stages.enrich_shard import _CHANGED, counterpart_columns
from xgamma.tables.columns import Column, conform, empty_frame

__all__ = ["merge_shards"]

_CLASS = Column("fermi_class", "text", "", "4FGL class, blank if unassociated")


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
        raise XgammaError(f"{survey.table}: {_CHANGED}; remove the enrichment folder and run again")
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
