"""Which sources are meant by names as people type them, and how much of the sky they need."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from xgamma.archive.catalogues import CATALOGUES, fit_to_catalogue
from xgamma.errors import XgammaError
from xgamma.sky import separation
from xgamma.stages.choose_sources import choose_sources
from xgamma.stages.chosen import (
    check_chandra_names,
    circles,
    named_sources,
    narrowed,
    of_named,
)

EXTENDED = pd.DataFrame(
    {
        "name": ["4FGL J1824.4-1350e"],
        "ra": [276.11],
        "dec": [-13.84],
        "model_form": ["2D Gaussian"],
        "model_semi_major": [0.75],
        "model_semi_minor": [0.75],
        "model_position_angle": [0.0],
    }
)


def catalogue(*rows):
    """Rows of (name, association, ra, dec, R95)."""
    frame = pd.DataFrame(rows, columns=["name", "assoc_name", "ra", "dec", "semi_major_axis_95"])
    frame = frame.assign(semi_minor_axis_95=frame["semi_major_axis_95"], lii=0.0, bii=60.0)
    return fit_to_catalogue(frame, CATALOGUES["fermilpsc"])


FERMI = catalogue(
    ("4FGL J1826.2-1450", "LS 5039", 276.56, -14.85, 0.014),
    ("4FGL J1826.5-1430", "", 276.62, -14.75, 0.03),
    ("4FGL J1824.4-1350e", "HESS J1825-137", 276.11, -13.84, np.nan),
    ("4FGL J0534.5+2201i", "Crab Nebula", 83.633, 22.015, np.nan),
    ("4FGL J0534.5+2201s", "Crab Nebula", 83.633, 22.016, np.nan),
    ("4FGL J1229.0+0202", "3C 273", 187.27, 2.05, 0.03),
)
LS = "4FGL J1826.2-1450"


LATER = catalogue(
    ("FL16Y J1826.2-1451A", "LS 5039", 276.57, -14.86, np.nan),
    ("FL16Y J1826.2-1451B", "LS 5039", 276.57, -14.86, 0.014),
    ("FL16Y J1824.5-1351e", "HESS J1825-137", 276.11, -13.84, np.nan),
).assign(assoc_fgl=["", "4FGL J1826.2-1450", "4FGL J1826.2-1450"])


def chosen(*names):
    return choose_sources(names, FERMI, EXTENDED)


def meant(*names):
    return named_sources(chosen(*names))


def refusal(*names):
    with pytest.raises(XgammaError) as caught:
        chosen(*names)
    line = str(caught.value)
    assert line.startswith("sources: ") and "\n" not in line
    return line


@pytest.mark.parametrize(
    "name",
    [
        *("4FGL J1826.2-1450", "4fglj1826.2-1450", " J1826.2 -1450 ", "4FGL J1826.2\u22121450"),
        *("LS 5039", "ls5039", "LS\u00a05039"),
        *("2CXO J182615.0-145054", "cxoj182615.0-145054", "J182615.0-145054X"),
    ],
)
def test_every_kind_of_name_in_every_spelling(name):
    assert meant(name) == [LS]


def test_a_misspelt_name_is_named_with_the_nearest_ones():
    assert "no source is called LS 5038; did you mean LS 5039 (4FGL J1826.2-1450)" in refusal(
        "3C 273", "LS 5038"
    )
    assert "did you mean 4FGL J1826.2-1450 or" in refusal("4FGL J1826.3-1450")
    assert "4FGL J1826.2-1450" in refusal("J1826.3-1450")
    two = refusal("3C 274", "abracadabra")
    assert "no source is called 3C 274; did you mean 3C 273" in two
    assert "no source is called abracadabra: a name is 4FGL's" in two


def test_of_an_association_that_two_sources_have_both_are_taken_and_named(caplog):
    with caplog.at_level(logging.WARNING):
        assert meant("crab nebula") == ["4FGL J0534.5+2201i", "4FGL J0534.5+2201s"]
    assert "crab nebula is the association of 2 Fermi sources, all are taken: " in caplog.text
    assert "4FGL J0534.5+2201i, 4FGL J0534.5+2201s" in caplog.text


def test_a_chandra_source_is_looked_up_by_place():
    # 0.6 degrees from the extended source alone
    assert meant("2CXO J182426.4-131424") == ["4FGL J1824.4-1350e"]
    far = refusal("2CXO J122904.8+021124")
    assert "2CXO J122904.8+021124 is no candidate of any Fermi source: the nearest, " in far
    # 0.14 degrees, by hand
    assert "4FGL J1229.0+0202, is 0.14 degrees away, 4.7 times its 95 % ellipse" in far
    # no such hour, no such declination
    assert "no source is called" in refusal("2CXO J252904.8+021124", "2CXO J122904.8+911124")


def test_a_chandra_name_that_no_source_has_is_refused_with_the_nearest():
    table = chosen("2CXO J182615.0-145054", "LS 5039")
    csc = pd.DataFrame({"name": ["2CXO J182615.0-145055", "2CXO J182700.0-150000"]})
    with pytest.raises(XgammaError) as caught:
        check_chandra_names(table, csc)
    assert str(caught.value).startswith(
        "sources: no Chandra source is called 2CXO J182615.0-145054; did you mean "
        "2CXO J182615.0-145055"
    )
    check_chandra_names(table, pd.DataFrame({"name": ["2CXO J182615.0-145054"]}))
    check_chandra_names(chosen("LS 5039"), csc)


def test_neighbours_are_those_whose_search_overlaps_but_no_extended_ones():
    """0.115 degrees apart: 3 x (0.014 + 0.03) is more."""
    table = chosen("LS 5039").set_index("fermi_name")
    assert table["found_by"].to_dict() == {LS: "association", "4FGL J1826.5-1430": "neighbour"}
    assert named_sources(table.reset_index()) == [LS]
    # 3 x R95 = 0.042 is less than what densities need; 8 x R95 for the controls is 0.112
    assert table["reach_deg"].to_dict() == pytest.approx({LS: 0.114, "4FGL J1826.5-1430": 0.13})
    # named itself, it is no neighbour, and has its controls
    both = chosen("LS 5039", "J1826.5-1430").set_index("fermi_name")
    assert both["reach_deg"].to_dict() == pytest.approx({LS: 0.114, "4FGL J1826.5-1430": 0.24})


def test_a_source_without_ellipse_and_an_extended_one_have_a_reach():
    reach = chosen("Crab Nebula", "HESS J1825-137").set_index("fermi_name")["reach_deg"]
    # what is usual, 0.1, for the controls; of the template 95 % of a Gaussian, to three of it
    assert reach["4FGL J0534.5+2201i"] == pytest.approx(0.8)
    assert reach["4FGL J1824.4-1350e"] == pytest.approx(3 * 0.75 * 1.6214, rel=1e-3)


def test_a_table_of_one_name_twice_has_each_source_once_in_what_follows():
    table = chosen("LS 5039", "4FGL J1826.2-1450", "LS 5039")
    assert table["asked"].tolist() == ["4FGL J1826.2-1450", "LS 5039", ""]
    assert named_sources(table) == [LS]
    fermi, cut = narrowed(FERMI, 10.0, table)
    assert fermi["name"].tolist() == [LS] and cut == 90
    rows = pd.DataFrame({"fermi_name": [LS, "4FGL J1826.5-1430", LS]})
    assert of_named(rows, table)["fermi_name"].tolist() == [LS, LS]
    assert narrowed(FERMI, 10.0, None)[1] == 10 and len(of_named(rows, None)) == 3


def test_circles_hold_all_that_tells_of_a_place():
    """An HRC-S aim point 49.6 arcmin away saw it; a source 16.2 arcmin further tells of HRC-I."""
    table = chosen("3C 273")
    (observations,), (sources,) = (
        circles(table, name)["radius_deg"].tolist() for name in ("chanmaster", "csc")
    )
    assert observations >= 0.24 + np.hypot(49.5, 3.0) / 60
    assert sources >= observations + 15 / np.cos(np.pi / 8) / 60
    assert sources < 1.5


def test_circles_that_overlap_much_are_one_and_nothing_is_left_out():
    """Crowded around a pole and right ascension 0, and one far away."""
    random = np.random.default_rng(3)
    n = 60
    table = pd.DataFrame(
        {
            "fermi_name": [f"4FGL J{i}" for i in range(n)],
            "ra": np.append(random.uniform(0, 360, 30), random.uniform(-3, 3, n - 30) % 360),
            "dec": np.append(random.uniform(86, 90, 30), random.uniform(-3, 3, n - 30)),
            "reach_deg": random.uniform(0.1, 2.0, n),
        }
    )
    table.loc[n - 1, ["ra", "dec"]] = 180.0, -80.0
    found = circles(table, "chanmaster")
    assert len(found) < 20 and found["target_id"].tolist() == list(range(len(found)))
    area = (found["radius_deg"] ** 2).sum()
    assert area <= ((table["reach_deg"] + 0.83) ** 2).sum()
    assert ((found["ra"] == 180.0) & (found["dec"] == -80.0)).sum() == 1
    for row in table.itertuples():
        apart = separation(row.ra, row.dec, found["ra"], found["dec"])
        assert (apart + row.reach_deg + 0.83 <= found["radius_deg"] + 1e-12).any(), row
    pd.testing.assert_frame_equal(circles(table[::-1], "chanmaster"), found)


def test_a_later_list_is_asked_by_its_names_and_by_those_that_it_refers_to():
    def found(name):
        table = choose_sources([name], LATER, EXTENDED)
        named = table[table["asked"] != ""]
        return named["fermi_name"].str[-1].tolist(), named["found_by"].unique().tolist()

    assert found("FL16Y J1826.2-1451B") == (["B"], ["FL16Y name"])
    assert found("j1826.2-1451a") == (["A"], ["FL16Y name"])
    assert found("4fgl J1826.2-1450") == (["A", "B"], ["4FGL name"])
    with pytest.raises(XgammaError, match=r"did you mean 4FGL J1826.2-1450 \(FL16Y J1826.2-1451A,"):
        found("4FGL J1826.3-1450")
    with pytest.raises(XgammaError, match=r"did you mean FL16Y J1826\.2-1451B or"):
        found("FL16Y J1826.2-1452B")
    with pytest.raises(XgammaError, match="abracadabra: a name is FL16Y's, that of"):
        found("abracadabra")
