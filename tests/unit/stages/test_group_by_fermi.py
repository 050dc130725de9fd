"""The nested tables: the same numbers as the long ones, one row per Fermi source."""

import io
import itertools
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from astropy.table import Table
from csv_of import csv_text

from xgamma.archive.surveys import SurveyTable
from xgamma.stages.group_by_fermi import GROUPED_COLUMNS, group_pairs
from xgamma.stages.merge_enrichment import (
    COUNTERPART_COLUMNS,
    add_counterparts,
    described_columns,
    grouped_columns,
)
from xgamma.tables.columns import Column
from xgamma.tables.files import write_ecsv

# 2**53 + 3 is odd: a float would make 2**53 + 4 of it
ODD_ID = 4104196427943626625
NOTEBOOK_COLUMNS = [
    "fermi_name", "fermi_l", "fermi_b", "fermi_flux", "fermi_r95", "fermi_class",
    "num_csc_matches", "csc_names", "csc_fluxes", "csc_glons", "csc_glats", "gaia_names",
    "gaia_classes", "gaia_glons", "gaia_glats", "gaia_mean_g_flux", "gaia_mean_g_mag",
    "gaia_variability", "sep_from_fermi_gaia", "sep_from_csc_gaia", "twomass_names",
    "twomass_glons", "twomass_glats", "sep_from_fermi_2mass", "sep_from_csc_2mass",
]  # fmt: skip
PLACE_COLUMNS = ["fermi_ra", "fermi_dec", "fermi_semi_minor_95", "fermi_position_angle_95"]


def make_pairs(*rows):
    """Pairs of (fermi_name, fermi_l, csc_name); the other values tell the two names."""
    return pd.DataFrame(
        {
            "fermi_name": fermi,
            "fermi_l": longitude,
            "fermi_b": 1.0,
            "fermi_flux": 1e-11,
            "fermi_r95": 0.1,
            "fermi_ra": 100.0 + longitude,
            "fermi_dec": -longitude / 10,
            "fermi_semi_minor_95": 0.05,
            "fermi_position_angle_95": longitude / 2,
            "fermi_class": "psr",
            "csc_name": csc,
            "csc_ra": 10.0,
            "csc_dec": 20.0,
            "csc_flux": 200.0 - ord(csc[-1]),  # the order of the fluxes is not that of the names
            "csc_l": float(ord(csc[-1])) + 0.5,
            "csc_b": -float(ord(csc[-1])),
        }
        for fermi, longitude, csc in rows
    )


CONFIG_FILE = Path(__file__).parents[3] / "config" / "config.yaml"
SURVEYS = yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8"))["surveys"]


PAIRS = make_pairs(
    ("4FGL B", 350.0, "2CXO c"),
    ("4FGL A", 5.0, "2CXO a"),
    ("4FGL B", 350.0, "2CXO a"),
    ("4FGL C", 5.0, "2CXO b"),
    ("4FGL B", 350.0, "2CXO b"),
)


def test_the_columns_are_the_notebooks_and_then_the_ellipse():
    assert [c.name for c in COUNTERPART_COLUMNS] == NOTEBOOK_COLUMNS + PLACE_COLUMNS
    assert [c.name for c in GROUPED_COLUMNS] == NOTEBOOK_COLUMNS[:11] + PLACE_COLUMNS


def test_group_pairs_by_hand():
    """The lists of a source are in one order, that of the names, and so is each flux."""
    found = group_pairs(PAIRS)
    # by longitude, latitude, name: A and C are at the same place
    assert found["fermi_name"].tolist() == ["4FGL A", "4FGL C", "4FGL B"]
    assert found["num_csc_matches"].tolist() == [1, 1, 3]
    assert found["csc_names"].tolist() == [["2CXO a"], ["2CXO b"], ["2CXO a", "2CXO b", "2CXO c"]]
    assert found["csc_fluxes"].tolist() == [[103.0], [102.0], [103.0, 102.0, 101.0]]
    assert found["csc_glons"].tolist()[2] == [97.5, 98.5, 99.5]
    assert found["csc_glats"].tolist()[2] == [-97.0, -98.0, -99.0]
    # to draw its ellipse
    assert found.loc[2, PLACE_COLUMNS].tolist() == [450.0, -35.0, 0.05, 175.0]


@pytest.mark.parametrize("matches", [1, 2, 3])
def test_lists_of_equal_length_stay_lists(matches, tmp_path):
    """They became two-dimensional arrays when every source had as many matches."""
    pairs = make_pairs(
        *((f"4FGL {f}", float(i), f"2CXO {c}") for i, f in enumerate("ABC")
          for c in "abc"[:matches])
    )  # fmt: skip
    found = group_pairs(pairs)
    assert all(type(cell) is list and len(cell) == matches for cell in found["csc_fluxes"])
    assert found["csc_names"].ndim == 1
    write_ecsv(tmp_path / "t.ecsv", found, GROUPED_COLUMNS)
    table = Table.read(tmp_path / "t.ecsv")
    assert [list(cell) for cell in table["csc_names"]] == found["csc_names"].tolist()


def test_the_order_of_the_pairs_does_not_matter():
    texts = {
        csv_text(group_pairs(PAIRS.iloc[list(order)]), GROUPED_COLUMNS)
        for order in itertools.islice(itertools.permutations(range(len(PAIRS))), 0, None, 7)
    }
    assert len(texts) == 1


def test_a_chandra_source_of_two_fermi_sources_is_in_both():
    """Taking one row per Chandra source would leave it with an arbitrary Fermi source."""
    found = group_pairs(PAIRS).set_index("fermi_name")["csc_names"]
    assert "2CXO a" in found["4FGL A"] and "2CXO a" in found["4FGL B"]


def test_a_null_flux_is_null_in_the_csv():
    pairs = PAIRS.assign(csc_flux=[np.nan, 1.0, 2.0, 3.0, 4.0])
    row = csv_text(group_pairs(pairs), GROUPED_COLUMNS).splitlines()[3]
    assert "[2.0, 4.0, null]" in row


def test_no_pairs_give_a_table_of_no_rows():
    found = add_counterparts(group_pairs(PAIRS.iloc[:0]), {}, {})
    assert len(found) == 0 and list(found.columns) == NOTEBOOK_COLUMNS + PLACE_COLUMNS


def long_table(**columns):
    rows = len(columns["fermi_name"])
    frame = pd.DataFrame({"around": ["fermi"] * rows, "csc_name": [""] * rows, **columns})
    return frame.assign(
        l=frame["rank"] + 0.25,
        b=frame["rank"] - 0.25,
        sep_fermi_arcsec=frame["rank"] * 10.0,
        sep_csc_arcsec=frame["rank"] * 5.0,
    )


def gaia_table():
    found = long_table(
        fermi_name=["4FGL B", "4FGL A", "4FGL B"],
        rank=[2, 1, 1],
        id=np.array([ODD_ID, 2**53 + 3, ODD_ID + 2], dtype="int64"),
        gaia_mean_g_flux=[1.0, 2.0, np.nan],
        gaia_mean_g_mag=np.array([17.1, 12.5, np.nan], dtype="float32"),
        gaia_variability=["NOT_AVAILABLE", "VARIABLE", ""],
        gaia_prob_quasar=np.array([0.1, np.nan, 0.2], dtype="float32"),
        gaia_prob_galaxy=np.array([0.3, np.nan, 0.4], dtype="float32"),
        gaia_prob_star=np.array([0.5, np.nan, 0.6], dtype="float32"),
    )
    # rows around a Chandra candidate belong to the long table only
    around_csc = found.iloc[:1].assign(around="csc", csc_name="2CXO a", id=1)
    return pd.concat([found, around_csc], ignore_index=True)


def twomass_table(rows=0):
    return long_table(fermi_name=["4FGL A"] * rows, rank=range(rows), id=[""] * rows)


def nested_csv(frame):
    """A nested table as a reader of the CSV sees it."""
    rows = pd.read_csv(io.StringIO(csv_text(frame, COUNTERPART_COLUMNS)), keep_default_na=False)
    lists = [c.name for c in COUNTERPART_COLUMNS if c.kind == "list"]
    rows[lists] = rows[lists].map(json.loads)
    return rows.set_index("fermi_name")


@pytest.fixture
def nested():
    found = {"gaia": gaia_table(), "twomass": twomass_table()}
    return nested_csv(add_counterparts(group_pairs(PAIRS), found, SURVEYS))


def test_counterparts_are_listed_nearest_first(nested):
    row = nested.loc["4FGL B"]
    assert row["gaia_names"] == [str(ODD_ID + 2), str(ODD_ID)], "ids exact, as text"
    assert row["gaia_mean_g_flux"] == [None, 1.0]
    assert row["gaia_mean_g_mag"] == [None, 17.1], "a float32 is not 17.100000381469727"
    assert row["gaia_variability"] == ["", "NOT_AVAILABLE"]
    assert row["gaia_classes"] == [[0.2, 0.4, 0.6], [0.1, 0.3, 0.5]]
    assert row["gaia_glons"] == [1.25, 2.25] and row["gaia_glats"] == [0.75, 1.75]
    assert row["sep_from_fermi_gaia"] == [10, 20] and row["sep_from_csc_gaia"] == [5, 10]
    assert nested.loc["4FGL A", "gaia_names"] == [str(2**53 + 3)]
    assert nested.loc["4FGL A", "gaia_classes"] == [[None, None, None]]


def test_a_source_with_nothing_found_keeps_its_row(nested):
    row = nested.loc["4FGL C"]
    assert row["num_csc_matches"] == 1
    for name in NOTEBOOK_COLUMNS[11:]:
        assert row[name] == []


def test_nothing_is_said_of_the_config_as_it_comes(nested, caplog):
    """It takes all columns of the grouped table, in the spelling that is looked for."""
    assert caplog.messages == []


def test_text_identifiers_and_columns_that_are_not_taken(caplog):
    """A survey configured without some of the columns gives nulls, and a line that says so."""
    found = long_table(fermi_name=["4FGL A"] * 2, rank=[1, 2], id=["18261506-1450543", "1"])
    kept = {"phot_g_mean_flux": "flux", "classprob_dsc_combmod_star": "star"}
    surveys = {
        **SURVEYS,
        "gaia": {**SURVEYS["gaia"], "columns": kept},
        "other": {"table": "o", "columns": {}},
    }
    gaia = found.assign(flux=[1.0, 2.0], star=[0.5, 0.6])
    made = add_counterparts(
        group_pairs(PAIRS), {"twomass": found, "gaia": gaia, "other": found}, surveys
    )
    row = made.set_index("fermi_name").loc["4FGL A"]
    assert row["twomass_names"] == ["18261506-1450543", "1"]
    assert row["gaia_mean_g_flux"] == [1.0, 2.0]
    assert row["gaia_mean_g_mag"] == row["gaia_variability"] == [None, None]
    assert row["gaia_classes"] == [[None, None, 0.5], [None, None, 0.6]]
    # a survey that the notebook does not have stands at the end
    others = ["names", "glons", "glats"]
    of_other = [*(f"other_{one}" for one in others), "sep_from_fermi_other", "sep_from_csc_other"]
    assert list(made.columns) == [*NOTEBOOK_COLUMNS, *PLACE_COLUMNS, *of_other]
    assert row["other_names"] == ["18261506-1450543", "1"]
    assert caplog.record_tuples == [
        (
            "xgamma.merge_enrichment",
            logging.WARNING,
            "grouped table: null in gaia_classes, gaia_mean_g_mag, gaia_variability: "
            "surveys.gaia.columns of the config does not take classprob_dsc_combmod_quasar, "
            "classprob_dsc_combmod_galaxy, phot_g_mean_mag, phot_variable_flag",
        )
    ]


def test_lists_have_the_unit_of_the_long_table():
    """`electron / s` stood in one table, `1 / s`, as the service had it, in the other."""
    surveys = {"optical": {**SURVEYS["gaia"], "columns": {"PHOT_G_MEAN_FLUX": "flux"}}}
    long = {"optical": [Column("b", "float", "deg"), Column("flux", "float", "1 / s")]}
    units = {column.name: column.unit for column in grouped_columns(long, surveys)}
    assert units["gaia_mean_g_flux"] == "1 / s"
    # not taken, of no survey, and computed here
    assert units["gaia_mean_g_mag"] == "" and units["sep_from_fermi_2mass"] == "arcsec"
    assert list(units) == NOTEBOOK_COLUMNS + PLACE_COLUMNS


def test_a_survey_s_own_columns_have_the_words_and_ucds_of_the_service():
    survey = SurveyTable("gaiadr3.gaia_source", "source_id", "ra", "dec", {"RUWE": "r", "new": "n"})
    columns = [Column("r", "float32", "", "as asked"), Column("n", "float", "", "as asked")]
    words = "Renormalised unit\n weight error. " * 9
    described = pd.DataFrame(
        {
            "table": ["GAIADR3.gaia_source", "other"],
            "column": ["ruwe", "new"],
            "ucd": ["stat.error", "meta.id"],
            "description": [words, "of another table"],
        }
    )
    own, other = described_columns(columns, survey, described)
    assert own.ucd == "stat.error" and own.description.startswith("Renormalised unit weight error.")
    assert own.description.endswith("… (gaiadr3.gaia_source.ruwe)") and len(own.description) < 150
    assert other == columns[1]


def renamed_survey():
    """Gaia's columns of the config and of the table under other names; nothing else changes."""
    names = SURVEYS["gaia"]["columns"]
    # services take a name in capitals for the same
    columns = {service.upper(): f"n{i}" for i, service in enumerate(names)}
    new = dict(zip(names.values(), columns.values(), strict=True))
    return {**SURVEYS["gaia"], "columns": columns}, gaia_table().rename(columns=new)


def test_columns_are_found_whatever_the_config_calls_them(nested, caplog):
    """`phot_g_mean_mag: gmag` filled the magnitudes with nulls, silently."""
    gaia, found = renamed_survey()
    assert "gaia_mean_g_mag" not in found
    counterparts = {"gaia": found, "twomass": twomass_table()}
    made = add_counterparts(group_pairs(PAIRS), counterparts, {**SURVEYS, "gaia": gaia})
    pd.testing.assert_frame_equal(nested_csv(made), nested)
    assert caplog.messages == []


def test_a_name_does_not_make_another_column_the_magnitude(caplog):
    """Blue magnitudes that the config calls gaia_mean_g_mag are not G magnitudes."""
    columns = {**SURVEYS["gaia"]["columns"], "phot_bp_mean_mag": "gaia_mean_g_mag"}
    del columns["phot_g_mean_mag"]
    surveys = {**SURVEYS, "gaia": {**SURVEYS["gaia"], "columns": columns}}
    counterparts = {"gaia": gaia_table(), "twomass": twomass_table()}
    made = add_counterparts(group_pairs(PAIRS), counterparts, surveys)
    assert nested_csv(made).loc["4FGL B", "gaia_mean_g_mag"] == [None, None]
    assert ["phot_g_mean_mag" in message for message in caplog.messages] == [True]


def test_a_survey_is_found_by_its_table_if_none_has_its_name(nested, caplog):
    """A survey that the config calls dr3 left the lists of Gaia empty, silently."""
    gaia, found = renamed_survey()
    surveys = {"infrared": SURVEYS["twomass"], "dr3": gaia, "again": SURVEYS["gaia"]}
    counterparts = {"infrared": twomass_table(), "dr3": found, "again": gaia_table().iloc[:0]}
    made = add_counterparts(group_pairs(PAIRS), counterparts, surveys)
    pd.testing.assert_frame_equal(nested_csv(made)[nested.columns], nested)
    assert caplog.messages == []
    # one that has the name goes first, whatever it searches and wherever it stands
    surveys["gaia"], counterparts["gaia"] = {"table": "dr4", "columns": {}}, twomass_table(1)
    surveys["dr3"] = {**gaia, "columns": {}}
    made = add_counterparts(group_pairs(PAIRS), counterparts, surveys)
    assert nested_csv(made).loc["4FGL A", "gaia_names"] == [""]


def test_a_survey_that_the_config_lacks_has_empty_lists_and_a_line_says_so(caplog):
    surveys = {"gaia": SURVEYS["gaia"]}
    made = nested_csv(add_counterparts(group_pairs(PAIRS), {"gaia": gaia_table()}, surveys))
    twomass = [name for name in NOTEBOOK_COLUMNS if "2mass" in name or "twomass" in name]
    assert len(twomass) == 5 and all(cell == [] for name in twomass for cell in made[name])
    assert caplog.messages == [
        "grouped table: its lists of twomass sources are empty: no survey of the config is called "
        "twomass or searches its table"
    ]


def test_equally_long_counterpart_lists_stay_lists():
    found = long_table(
        fermi_name=np.repeat(["4FGL A", "4FGL B", "4FGL C"], 3),
        rank=[1, 2, 3] * 3,
        id=np.arange(9) + ODD_ID,
    )
    columns = dict.fromkeys(SURVEYS["gaia"]["columns"], "sep_csc_arcsec")
    surveys = {"gaia": {**SURVEYS["gaia"], "columns": columns}}
    made = add_counterparts(group_pairs(PAIRS), {"gaia": found}, surveys)
    assert made["gaia_names"].ndim == 1
    assert all(type(cell) is list and len(cell) == 3 for cell in made["gaia_glons"])


def test_a_further_survey_has_its_columns_in_its_units():
    columns = {"_W1mag": "w1_mag", '"W2mag"': "wise_w2_mag"}
    surveys = {"wise": {"table": '"II/328/allwise"', "columns": columns}}
    found = long_table(fermi_name=["4FGL A"] * 2, rank=[1, 2], id=[7, 8])
    found = found.assign(w1_mag=[9.5, 10.5], wise_w2_mag=[9.0, 10.0])
    made = add_counterparts(group_pairs(PAIRS), {"wise": found}, surveys)
    row = made.set_index("fermi_name").loc["4FGL A"]
    assert row["wise_names"] == ["7", "8"]
    assert (row["wise_w1_mag"], row["wise_w2_mag"]) == ([9.5, 10.5], [9.0, 10.0])
    long = [Column("w1_mag", "float", "mag"), Column("wise_w2_mag", "float", "mag")]
    described = {one.name: one.unit for one in grouped_columns({"wise": long}, surveys)}
    assert list(described) == list(made.columns)
    assert (described["wise_w1_mag"], described["sep_from_csc_wise"]) == ("mag", "arcsec")
