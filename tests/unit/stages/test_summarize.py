"""Every number of the summary against a small sky that can be counted by hand."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from xgamma.archive.catalogues import CATALOGUES, fit_to_catalogue
from xgamma.stages.summarize import build_summary, summary_text
from xgamma.tables.whole_files import write_json

SETTINGS = {
    "archive": "demo",
    "simulated": True,
    "catalogs": "heasarc",
    "latitude_cut_deg": 10,
    "min_flux": 0,
    "radius_deg": 0.03,
    "nearest": 3,
    "csc_radius_arcsec": 2.0,
    "surveys": {
        "gaia": {
            "service": "gaia",
            "table": "gaiadr3.gaia_source",
            "columns": {"phot_variable_flag": "gaia_variability"},
            "optional": [],
        },
        "twomass": {
            "service": "irsa",
            "table": "fp_psc",
            "columns": {"jdate": "twomass_jdate"},
            "optional": ["jdate"],
        },
    },
}
DESCRIBED = {("heasarc", c.table): [one.name for one in c.columns] for c in CATALOGUES.values()}
DESCRIBED |= {("gaia", "gaiadr3.gaia_source"): ["source_id"], ("irsa", "fp_psc"): ["JDATE"]}
VERIFICATION = {
    "pairs_service": 5,
    "pairs_local": 5,
    "on_the_edge": [{"fermi_name": "x", "csc_name": "y", "margin_deg": 1e-9}],
    "pairs_without_flux_cut": 9,
    "fermi_without_flux_cut": 4,
}


def catalogue(which, /, **columns):
    rows = len(next(iter(columns.values())))
    filled = {
        c.name: columns.get(c.name, ["x"] * rows if c.column.kind == "text" else [1.0] * rows)
        for c in CATALOGUES[which].columns
    }
    return fit_to_catalogue(pd.DataFrame(filled), CATALOGUES[which])


CHANMASTER = catalogue(
    "chanmaster",
    obsid=["1", "2", "3", "4", "5"],
    exposure=[0.0, 1000.0, 2000.0, 9000.0, np.nan],
    status=["scheduled", "archived", "archived", "archived", ""],
)
# with flux: 1, 2, 3, 10 (in 1e-14); in the plane: all but the last two
CSC = catalogue(
    "csc",
    name=list("abcdefgh"),
    b_flux_ap=[1e-14, 2e-14, 0.0, np.nan, 3e-14, np.nan, 10e-14, 0.0],
    bii=[0.0, 10.0, -10.0, 1.0, -5.0, 2.0, 10.000001, -50.0],
)
FERMI = catalogue(
    "fermilpsc",
    name=["4FGL J1", "4FGL J2c", "4FGL J3c", "4FGL J4e", "4FGL J5", "4FGL J6"],
    bii=[0.0, -10.0, 10.5, 3.0, 4.0, 10.0],
    semi_major_axis_95=[0.1, 0.1, 0.1, np.nan, np.nan, 0.1],
    source_type=["PSR", "psr", "PSR", "SNR", "", "PSR"],
)
EXCLUDED = pd.DataFrame({"fermi_name": ["4FGL J4e", "4FGL J5"], "reason": ["extended", "null"]})
PAIRS = pd.DataFrame(
    {
        "fermi_name": ["4FGL J1", "4FGL J2c", "4FGL J2c", "4FGL J2c", "4FGL J6"],
        "fermi_class": ["PSR", "psr", "psr", "psr", "PSR"],
        "fermi_flags": pd.array([pd.NA, 4, 4, 4, 0], dtype="Int64"),
        "csc_name": ["a", "a", "b", "e", "e"],
        "in_ellipse_95": [True, True, False, True, False],
        "confused": [False, True, True, True, False],
    }
)


def found(rows, **columns):
    frame = pd.DataFrame(rows, columns=["around", "fermi_name", "csc_name"])
    return frame.assign(**columns)


GAIA = found(
    [
        ("csc", "4FGL J1", "a"),
        ("csc", "4FGL J2c", "a"),
        ("csc", "4FGL J2c", "a"),
        ("fermi", "4FGL J1", ""),
        ("fermi", "4FGL J1", ""),
        ("fermi", "4FGL J2c", ""),
    ],
    gaia_variability=["VARIABLE", "", "", "NOT_AVAILABLE", "NOT_AVAILABLE", "VARIABLE"],
)
TWOMASS = found([("fermi", "4FGL J2c", ""), ("csc", "4FGL J6", "e")])


SOURCES = pd.DataFrame(
    {
        "fermi_name": ["4FGL J1", "4FGL J2c", "4FGL J4e", "4FGL J5", "4FGL J6"],
        "state": [
            "counterpart", "likely counterpart", "not observed", "partly observed", "confused",
        ],
        "p_outside": [0.0, 0.1, 0.6, 0.25, 0.0],
        "p_below": [0.02, 0.1, 0.0, 0.25, 0.1],
        "p_none": [0.03, 0.1, 0.4, 0.5, 0.1],
        "agreement": ["same source", "other source", *["not comparable"] * 3],
    }
)  # fmt: skip
CANDIDATES = pd.DataFrame(
    {
        "fermi_name": ["4FGL J1", "4FGL J2c", "4FGL J2c", "4FGL J6", "4FGL J6"],
        "rank": [1, 1, 2, 1, 2],
        "p_association": [0.95, 0.6, 0.1, 0.45, 0.35],
    }
)
CALIBRATION = {
    "controls": {"number": 40, "claims_by_source": 0.05},
    "known": {
        "sources": 5,
        "with_right_candidate": 4,
        "first": 3,
        "log_loss": 0.9,
        "bins": [],
    },
}


def summarize(**changes):
    arguments = {
        "settings": SETTINGS,
        "described": DESCRIBED,
        "chanmaster": CHANMASTER,
        "csc": CSC,
        "fermi": FERMI,
        "pairs": PAIRS,
        "excluded": EXCLUDED,
        "verification": VERIFICATION,
        "fermi_sources": SOURCES,
        "candidates": CANDIDATES,
        "calibration": CALIBRATION,
        "counterparts": {"gaia": GAIA, "twomass": TWOMASS},
    }
    return build_summary(**{**arguments, **changes})


def test_observations():
    assert summarize()["observations"] == {
        "rows": 5,
        "without_exposure": 2,
        "median_exposure_ks": 2.0,
        "by_status": {"": 1, "archived": 3, "scheduled": 1},
    }


def test_chandra_sources():
    assert summarize()["csc"] == {
        "rows": 8,
        "with_flux": 4,
        "null_flux": 2,
        # null and zero: what b_flux_ap > 0 leaves out
        "dropped_by_flux_cut": 4,
        "flux_min": 1e-14,
        "flux_max": pytest.approx(1e-13),
        "flux_mean": pytest.approx(4e-14),
        "flux_median": pytest.approx(2.5e-14),
        "in_plane": 6,
        "in_plane_above_flux_cut": 3,
    }


@pytest.mark.parametrize(
    ("min_flux", "dropped", "in_plane"), [(None, 0, 6), (0, 4, 3), (2e-14, 6, 1)]
)
def test_the_flux_cut_is_exclusive_and_null_keeps_all(min_flux, dropped, in_plane):
    csc = summarize(settings={**SETTINGS, "min_flux": min_flux})["csc"]
    assert csc["dropped_by_flux_cut"] == dropped
    assert csc["in_plane_above_flux_cut"] == in_plane
    assert csc["with_flux"] == 4, "the numbers without the cut stay"


def test_fermi_sources():
    assert summarize()["fermi"] == {
        "rows": 6,
        "in_plane": 5,
        "in_plane_with_r95": 3,
        "in_plane_confused": 1,
        "excluded": 2,
        "excluded_by_reason": {"extended": 1, "null": 1},
        # upper and lower case are different statements
        "in_plane_by_class": {"": 1, "PSR": 2, "SNR": 1, "psr": 1},
    }


def test_pairs():
    """Per source, not per pair: classes, flags, confusion; and Chandra sources once."""
    assert summarize()["pairs"] == {
        "circle": 5,
        "ellipse": 3,
        "fermi_sources_circle": 3,
        "fermi_sources_ellipse": 2,
        "distinct_csc_sources": 3,
        "fermi_sources_confused": 1,
        "fermi_sources_flagged": 1,
        "matches_median": 1.0,
        "matches_largest": 3,
        "matches_largest_of": "4FGL J2c",
        "circle_without_flux_cut": 9,
        "fermi_sources_without_flux_cut": 4,
        "on_the_edge": 1,
        "by_class": {"PSR": 2, "psr": 1},
    }


def test_counterparts():
    counted = summarize()["counterparts"]
    assert counted["fermi_sources_with_all_surveys"] == 1
    assert counted["by_survey"] == {
        "gaia": {
            "fermi_sources_with": 2,
            "fermi_sources_without": 1,
            "rows_around_fermi": 3,
            "rows_around_csc": 3,
            # a Chandra source in two circles is two candidates
            "candidates_with": 2,
            # NOT_AVAILABLE is not 'constant'; rows around candidates do not count twice
            "variability_around_fermi": {"NOT_AVAILABLE": 2, "VARIABLE": 1},
        },
        "twomass": {
            "fermi_sources_with": 1,
            "fermi_sources_without": 2,
            "rows_around_fermi": 1,
            "rows_around_csc": 1,
            "candidates_with": 1,
        },
    }


def test_the_variability_flag_is_counted_whatever_the_config_calls_it():
    """It went uncounted, silently, unless it was called like the survey."""
    stars = {**SETTINGS["surveys"]["gaia"], "columns": {"PHOT_VARIABLE_FLAG": "varies"}}
    surveys = {"stars": stars, "twomass": SETTINGS["surveys"]["twomass"]}
    renamed = GAIA.rename(columns={"gaia_variability": "varies"})
    summary = summarize(
        settings={**SETTINGS, "surveys": surveys},
        # what is called like it is another column
        counterparts={"stars": renamed, "twomass": TWOMASS.assign(twomass_variability="x")},
    )
    counted = summary["counterparts"]["by_survey"]
    assert counted["stars"] == summarize()["counterparts"]["by_survey"]["gaia"]
    assert "variability_around_fermi" not in counted["twomass"]


def test_missing_columns_are_named():
    described = {
        key: [c for c in columns if c not in ("status", "analysis_flags")]
        for key, columns in DESCRIBED.items()
    }
    described["heasarc", "fermilpsc"].append("flags")
    summary = summarize(described=described)
    assert summary["missing_columns"] == ["chanmaster.status"]


def test_an_empty_sky_has_numbers_too(tmp_path):
    """No division by nothing, no NaN in the JSON, and a page of text."""
    summary = summarize(
        chanmaster=CHANMASTER.iloc[:0],
        csc=CSC.iloc[:0],
        fermi=FERMI.iloc[:0],
        pairs=PAIRS.iloc[:0],
        excluded=EXCLUDED.iloc[:0],
        counterparts={"gaia": GAIA.iloc[:0]},
    )
    assert summary["csc"]["flux_median"] is None and summary["pairs"]["matches_largest"] == 0
    assert summary["counterparts"]["fermi_sources_with_all_surveys"] == 0
    write_json(tmp_path / "summary.json", summary)
    assert "smallest none" in summary_text(summary)


def test_the_summary_is_json_and_the_same_for_the_same_rows(tmp_path):
    write_json(tmp_path / "one.json", summarize())
    shuffled = {
        name: frame.sample(frac=1, random_state=1)
        for name, frame in (("csc", CSC), ("fermi", FERMI), ("pairs", PAIRS))
    }
    write_json(tmp_path / "two.json", summarize(**shuffled))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    written = json.loads((tmp_path / "one.json").read_text())
    assert written["settings"]["latitude_cut_deg"] == 10
    # the archive's name is apart, so that the rest can be compared
    assert written["run"] == {"archive": "demo"} and "archive" not in written["settings"]


def test_association():
    """What became of each Fermi source; false are the likely ones, by their own probabilities."""
    numbers = summarize()["association"]
    assert numbers["by_state"] == {
        "not observed": 1,
        "partly observed": 1,
        "observed, nothing found": 0,
        "candidates, none likely": 0,
        "confused": 1,
        "likely counterpart": 1,
        "counterpart": 1,
    }
    assert (numbers["fermi_sources"], numbers["observed"], numbers["candidates"]) == (5, 4, 5)
    assert numbers["expected_false"] == pytest.approx(0.05 + 0.4)
    parts = [numbers[f"sum_{part}"] for part in ("p", "outside", "below", "none")]
    assert parts == pytest.approx([2.45, 0.95, 0.47, 1.13])
    assert sum(parts) == pytest.approx(5)
    assert numbers["by_agreement"] == {"not comparable": 3, "other source": 1, "same source": 1}
    assert numbers["known"]["first"] == 3
    assert numbers["controls"]["number"] == 40


def test_the_page_has_the_numbers():
    text = summary_text(summarize())
    plain = [" ".join(line.split()) for line in text.splitlines()]
    # the words before the first number
    lines: dict[str, str] = {}
    for line in plain:
        lines.setdefault(re.split(r" \d", line)[0], line)
    assert "SIMULATED" in text.splitlines()[0]
    assert lines["Chandra observations"] == "Chandra observations 5 2 without exposure"
    assert lines["Pairs in the circle"] == "Pairs in the circle 5 of 3 Fermi and 3 Chandra sources"
    assert lines["in the ellipse"] == "in the ellipse 3 of 2 Fermi sources"
    assert lines["most pairs"] == "most pairs 3 4FGL J2c"
    assert lines["without R95"].startswith("without R95 2 excluded")
    assert lines["Of"] == "Of 5 Fermi sources, 4 were observed, wholly or in part:"
    assert lines["counterpart"].startswith("counterpart 1 a Chandra source, with P of 0.8")
    assert lines["of the"] == "of the 2 likely ones, 0.5 are expected to be false"
    assert "the right source is first for 3 of 4" in text
    assert lines["gaia"] == "gaia 2 and 2 pairs have one"
    assert lines["all surveys"] == "all surveys 1"
    assert "smallest 1.00e-14, median 2.50e-14" in text
    assert "mean 4.00e-14, largest 1.00e-13" in text


def test_the_page_of_named_sources_names_them():
    summary = summarize(settings={**SETTINGS, "latitude_cut_deg": 90.0, "sources": ["B 2", "A 1"]})
    assert summary["settings"]["sources"] == ["A 1", "B 2"]
    first, second, *lines = (" ".join(line.split()) for line in summary_text(summary).splitlines())
    assert first.startswith("xgamma: archive demo") and second == (
        "a run for 2 named sources: A 1, B 2"
    )
    assert "around them 8 4 with flux > 0" in lines
    assert "Fermi sources 6 6 named, 2 confused" in lines


def test_a_real_sky_does_not_call_itself_simulated():
    text = summary_text(summarize(settings={**SETTINGS, "simulated": False}))
    assert "SIMULATED" not in text and "real sky" in text.splitlines()[0]


def test_the_page_fits_a_terminal_with_the_real_numbers():
    """80 columns, with the numbers of the real archives and every optional column missing."""
    summary = summarize(
        described={
            key: [c.name for c in CATALOGUES[key[1]].columns if c.required]
            if key[1] in CATALOGUES
            else []
            for key in DESCRIBED
        },
        settings={**SETTINGS, "min_flux": 1.25e-15, "latitude_cut_deg": 12.5},
    )
    summary["observations"] |= {"rows": 30_123, "without_exposure": 1_234}
    summary["csc"] |= {"rows": 407_806, "with_flux": 343_779, "dropped_by_flux_cut": 64_027}
    summary["csc"] |= {"in_plane": 118_265, "in_plane_above_flux_cut": 100_896}
    summary["fermi"] |= {"rows": 7_195, "in_plane": 2_124, "in_plane_confused": 288}
    summary["pairs"] |= {
        "circle": 9_162,
        "fermi_sources_circle": 340,
        "distinct_csc_sources": 9_156,
        "circle_without_flux_cut": 10_900,
        "matches_largest": 895,
        "matches_largest_of": "4FGL J1820.4-1609c",
    }
    summary["counterparts"]["by_survey"]["twomass"] |= {"candidates_with": 9_000}
    states = summary["association"]["by_state"]
    summary["association"] |= {"fermi_sources": 2_124, "observed": 1_460, "expected_false": 123.4}
    summary["association"]["by_state"] = dict.fromkeys(states, 1_234)
    text = summary_text(summary)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "csc.error_ellipse_angle" in text and "fermilpsc.semi_minor_axis_95" in text
