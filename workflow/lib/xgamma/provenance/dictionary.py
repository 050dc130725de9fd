"""The dictionary of all columns, docs/columns.md: made of what the tables are written with.

A new table is a line in `dictionary_tables`; what it is stands in `xgamma.provenance.products`.
Columns that depend on the config are those of the config as it is shipped; what a service says of
its columns is taken from the demo archive, whose tables are the services' own in names and units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from xgamma.answers.checks import unit_readings
from xgamma.archive.catalogues import CATALOGUES
from xgamma.archive.obscore import OUTLINE_COLUMNS
from xgamma.archive.services import DESCRIPTION_COLUMNS
from xgamma.archive.surveys import SurveyTable
from xgamma.config.settings import load_config
from xgamma.demo.tables import DEMO_TABLES, ServedTable
from xgamma.provenance.products import description
from xgamma.stages.associate import CANDIDATE_COLUMNS, SOURCE_COLUMNS
from xgamma.stages.calibrate import CONTROL_COLUMNS, KNOWN_COLUMNS
from xgamma.stages.chosen import CHOSEN_COLUMNS
from xgamma.stages.class_subsample import SHARE_COLUMNS, subsample_columns
from xgamma.stages.compare import COMPARED_CHANDRA, COMPARED_SOURCES
from xgamma.stages.conclude import EVIDENCE_TABLE
from xgamma.stages.conclude import counterpart_columns as conclusions
from xgamma.stages.counterparts import counterpart_columns
from xgamma.stages.group_by_fermi import GROUPED_COLUMNS
from xgamma.stages.identify import IDENTIFICATION_TABLE
from xgamma.stages.map_coverage import CELL_COLUMNS
from xgamma.stages.merge_enrichment import described_columns, grouped_columns, merge_shards
from xgamma.stages.pairs import EXCLUDED_COLUMNS, PAIR_COLUMNS
from xgamma.stages.shard_sources import TARGET_COLUMNS
from xgamma.stages.tabulate import CANDIDATE_TABLE, FERMI_TABLE
from xgamma.tables.columns import Column, empty_frame

__all__ = ["dictionary_tables", "dictionary_text"]

_HEAD = """\
# All columns of all tables

<!-- made by `make docs`: edit the columns in workflow/lib/xgamma instead -->

Units are spelt as astropy spells them. A kind is what Parquet has: `text`, `float` and `float32`
(64 and 32 bits, NaN where there is no value), `int` (64 bits), `nullable_int`, `bool`; `list` is a
list in ECSV and JSON in CSV. A UCD is the Virtual Observatory's word for what a column is. Columns
of surveys are those of the config as it is shipped.

Files of one name hold the same rows. `.parquet` and `.ecsv` have units, UCDs, descriptions and what
the table is; `.csv` has the names and the data only.
"""
_DTYPES = {
    "char": np.dtype("object"),
    "double": np.dtype("float64"),
    "float": np.dtype("float32"),
    "long": np.dtype("int64"),
    "int": np.dtype("int64"),
    "boolean": np.dtype("int64"),  # as answers are read: true is 1
}
_ALL = ("parquet", "ecsv", "csv")


def dictionary_tables() -> dict[str, Sequence[Column]]:
    """File of a product, with all its endings -> its columns; those to be opened first come first.

    Endings are in braces: ``tables/candidates.{parquet,ecsv,csv}``.
    """
    surveys = {
        name: {**asdict(one), "ra": one.ra, "dec": one.dec}
        for name, one in load_config({}).surveys.items()
    }
    long = {name: _long_columns(SurveyTable.of(survey)) for name, survey in surveys.items()}
    tables = {
        _file("tables/counterparts", *_ALL): conclusions(surveys),
        _file("tables/fermi_sources", *_ALL): FERMI_TABLE,
        _file("tables/candidates", *_ALL): CANDIDATE_TABLE,
        _file("tables/evidence", *_ALL): EVIDENCE_TABLE,
        _file("tables/identifications", *_ALL): IDENTIFICATION_TABLE,
        _file("tables/csc_fermi_pairs", "ecsv"): PAIR_COLUMNS,
        _file("tables/grouped_csc_fermi_pairs", "ecsv", "csv"): GROUPED_COLUMNS,
        **{
            _file(f"tables/counterparts_{name}", "parquet", "ecsv"): columns
            for name, columns in long.items()
        },
        _file("tables/grouped_csc_fermi_gaia_2mass_pairs", "ecsv", "csv"): grouped_columns(
            long, surveys
        ),
        _file("tables/class_subsample", "ecsv"): subsample_columns(list(surveys)),
        _file("tables/class_shares", "ecsv"): SHARE_COLUMNS,
        "association/candidates.parquet": CANDIDATE_COLUMNS,
        "association/sources.parquet": SOURCE_COLUMNS,
        "association/controls.parquet": CONTROL_COLUMNS,
        "association/known.parquet": KNOWN_COLUMNS,
        "coverage/fields.parquet": CELL_COLUMNS,
        "coverage/outlines.parquet": OUTLINE_COLUMNS,
        "crossmatch/pairs.parquet": PAIR_COLUMNS,
        "crossmatch/excluded.ecsv": EXCLUDED_COLUMNS,
        "enrichment/targets.parquet": TARGET_COLUMNS,
        "catalogs/chosen.parquet": CHOSEN_COLUMNS,
        **{
            f"catalogs/{name}.parquet": [one.column for one in catalogue.columns]
            for name, catalogue in CATALOGUES.items()
        },
        "services/*.ecsv": DESCRIPTION_COLUMNS,
        _file("comparisons/*/tables/compared_sources", *_ALL): COMPARED_SOURCES,
        _file("comparisons/*/tables/compared_chandra", *_ALL): COMPARED_CHANDRA,
    }
    return tables


def _file(name: str, *endings: str) -> str:
    return f"{name}.{endings[0]}" if len(endings) == 1 else f"{name}.{{{','.join(endings)}}}"


def _long_columns(survey: SurveyTable) -> list[Column]:
    """The columns of a survey's long table, if its service gives what the demo archive gives."""
    served = {table.name.lower(): table for table in DEMO_TABLES}.get(survey.table.lower())
    if served is None:
        columns, described = counterpart_columns(survey), empty_frame(DESCRIPTION_COLUMNS)
    else:
        columns = _columns_of_answer(survey, served)
        described = pd.DataFrame(
            {
                "table": served.name,
                "column": column.name,
                "ucd": column.ucd,
                "description": column.description,
            }
            for column in served.columns
        )
    _, columns = merge_shards([(empty_frame(columns), columns)], survey, {})
    return described_columns(columns, survey, described)


def _columns_of_answer(survey: SurveyTable, served: ServedTable) -> list[Column]:
    of_service = {column.name.lower(): column for column in served.columns}
    asked = {"survey_id": survey.id}
    asked |= {f"extra_{i}": name for i, name in enumerate(survey.columns)}
    found = {
        alias: of_service[name.lower()]
        for alias, name in asked.items()
        if name.lower() in of_service
    }
    return counterpart_columns(
        survey,
        {alias: _DTYPES[column.datatype] for alias, column in found.items()},
        {alias: _spelling(column.unit) for alias, column in found.items()},
    )


def _spelling(unit: str) -> str:
    readings = unit_readings(unit) if unit else []
    return readings[0].to_string() if readings else unit


def dictionary_text(tables: Mapping[str, Sequence[Column]] | None = None) -> str:
    """The dictionary, in Markdown.

    Parameters
    ----------
    tables : mapping, optional
        As `dictionary_tables` gives them, which are taken if none are given.
    """
    parts = [_HEAD]
    for file, columns in (dictionary_tables() if tables is None else tables).items():
        example = file.replace("{", "").split(",")[0].removesuffix("}").replace("*", "heasarc")
        parts.append(f"\n## {file}\n\n{description(example)}.\n\n")
        parts.append("| column | kind | unit | UCD | what |\n|---|---|---|---|---|\n")
        parts += [_row(column) for column in columns]
    return "".join(parts)


def _row(column: Column) -> str:
    code = [f"`{text}`" if text else "" for text in (column.unit, column.ucd)]
    cells = [f"`{column.name}`", column.kind, *code, column.description]
    return "|" + "|".join(f" {cell.replace('|', chr(92) + '|')} " for cell in cells) + "|\n"
