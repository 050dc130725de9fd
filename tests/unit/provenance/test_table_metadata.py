"""The facts in a run's tables: of the config and of the answers' records, never of the clock."""

import json

import pytest

from xgamma.errors import XgammaError
from xgamma.provenance.table_metadata import Origin
from xgamma.tables.columns import Column, empty_frame
from xgamma.tables.files import write_parquet

ABOUT = {
    "archive": "live",
    "simulated": False,
    "catalogues": [
        ["fermilpsc", "heasarc", "4FGL-DR4"],
        ["csc", "heasarc", "2.1"],
        ["gaiadr3.gaia_source", "gaia", ""],
        ["my.stars", "irsa", ""],
    ],
    "surveys": ["gaiadr3.gaia_source", "my.stars"],
}


def record(path, *started):
    path.write_text(json.dumps({"answers": [{"started": one} for one in started]}))
    return path


def test_days_are_those_of_the_answers(tmp_path):
    records = [
        record(tmp_path / "csc.json", "2026-11-21T23:59:59+00:00"),
        record(tmp_path / "joined.json", "2026-11-20T00:00:00+00:00", "2026-11-26T01:00:00+00:00"),
    ]
    assert Origin.of(ABOUT, records[:1]).metadata("tables/candidates.ecsv").answered == "2026-11-21"
    about = Origin.of(ABOUT, records).metadata("tables/candidates.ecsv")
    assert about.answered == "2026-11-20/2026-11-26"
    # a table that is made of that table rests on the same answers
    columns = [Column("x", "float")]
    write_parquet(tmp_path / "t.parquet", empty_frame(columns), columns, about)
    later = record(tmp_path / "later.json", "2026-11-27T01:00:00+00:00")
    found = Origin.of(ABOUT, [later], [tmp_path / "t.parquet"]).metadata("tables/candidates.ecsv")
    assert found.answered == "2026-11-20/2026-11-27"


def test_what_was_asked_with_releases_and_whom_to_cite():
    about = Origin.of(ABOUT).metadata("results/live/tables/counterparts_gaia.parquet")
    assert (about.name, about.archive, about.simulated) == ("counterparts_gaia", "live", False)
    assert about.description.startswith("Survey sources around") and about.description[-1] == "."
    assert about.catalogues == (
        "4FGL-DR4: fermilpsc at heasarc, release 4FGL-DR4",
        "Chandra Source Catalog: csc at heasarc, release 2.1",
        "Gaia DR3: gaiadr3.gaia_source at gaia",
        "my.stars: my.stars at irsa",
    )
    cited = [line.split(":")[0] for line in about.cite]
    assert cited[1:] == ["4FGL-DR4", "Chandra Source Catalog", "Gaia DR3"]
    assert about.cite[0].startswith(f"{about.software}, ")
    assert "Evans et al. 2024" in about.cite[2]


def test_a_table_of_one_survey_does_not_name_the_others():
    about = Origin.of(ABOUT, surveys=["my.stars"]).metadata("tables/counterparts_mine.parquet")
    assert [line.split(":")[0] for line in about.catalogues] == [
        "4FGL-DR4",
        "Chandra Source Catalog",
        "my.stars",
    ]


def test_a_simulated_sky_has_no_days_and_credits_the_real_catalogue_only(tmp_path):
    """Its answers are of the run's own day: other bytes each day, for the same sky."""
    records = [record(tmp_path / "csc.json", "2026-11-21T23:59:59+00:00")]
    about = Origin.of({**ABOUT, "simulated": True}, records).metadata("tables/candidates.ecsv")
    assert about.simulated and about.answered == "" and "answered" not in about.facts()
    assert about.catalogues[0] == "4FGL-DR4: fermilpsc at heasarc, release 4FGL-DR4"
    assert all(line.endswith(", simulated") for line in about.catalogues[1:])
    assert [line.split(":")[0] for line in about.cite[1:]] == ["4FGL-DR4"]


def test_a_table_that_is_no_product_is_refused():
    with pytest.raises(
        XgammaError, match=r"tables/unknown\.ecsv is a product without a description"
    ):
        Origin.of(ABOUT).metadata("results/live/tables/unknown.ecsv")
