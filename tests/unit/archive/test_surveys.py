"""Surveys as dicts in the settings: which columns their services must have, and may lack."""

from xgamma.archive.surveys import (
    SurveyTable,
    missing_of_survey,
    required_of_survey,
    surveys_of,
)

TWOMASS = {
    "service": "irsa",
    "table": "fp_psc",
    "id": "designation",
    "ra": "ra",
    "dec": "dec",
    "columns": {"j_m": "twomass_j_mag", "jdate": "twomass_jdate", "k_m": "twomass_k_mag"},
    "optional": ["k_m", "jdate"],
}


def test_a_table_is_made_of_the_settings_and_of_what_is_missing():
    assert SurveyTable.of(TWOMASS, ["jdate"]) == SurveyTable(
        "fp_psc", "designation", "ra", "dec", TWOMASS["columns"], missing=["jdate"]
    )


def test_what_is_not_optional_is_required():
    assert required_of_survey(TWOMASS) == ["designation", "ra", "dec", "j_m"]
    without = {key: value for key, value in TWOMASS.items() if key != "optional"}
    assert required_of_survey(without) == ["designation", "ra", "dec", "j_m", "jdate", "k_m"]


def test_optional_columns_that_the_service_lacks_are_missing_whatever_the_case():
    columns = ["DESIGNATION", "RA", "DEC", "J_M", "K_M"]
    assert missing_of_survey(TWOMASS, {("irsa", "fp_psc"): columns}) == ["jdate"]
    assert missing_of_survey(TWOMASS, {("irsa", "fp_psc"): []}) == ["jdate", "k_m"]


def test_surveys_are_of_one_service():
    gaia = {**TWOMASS, "service": "gaia"}
    assert surveys_of("gaia", {"gaia": gaia, "twomass": TWOMASS}) == [gaia]
