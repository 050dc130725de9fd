"""The table of chosen classes, and its page."""

import math
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hostile_names import HOSTILE_NAMES

from xgamma.class_shares import class_shares
from xgamma.stages.class_subsample import SHARE_COLUMNS, class_subsample, subsample_columns
from xgamma.tables.columns import Column
from xgamma.tables.files import read_ecsv
from xgamma.tables.metadata import TableMetadata
from xgamma.tables.page import PAGE_TEXT, table_page, write_table_and_page


@pytest.fixture
def fermi():
    return pd.DataFrame(
        {
            "name": ["4FGL B", "4FGL A", "4FGL C", "4FGL D"],
            "source_type": ["hmb", "HMB", "HMB", "PSR"],
            "assoc_name": ["LS <1>", "LS 2", "", "Vela"],
            "ra": [270.0, 256.0, 86.0, 128.0],
            "dec": [-19.0, -37.0, 29.0, -45.0],
            "lii": [10.0, 350.0, 180.0, 263.0],
            "bii": [1.0, -1.0, 0.0, -2.0],
            "semi_major_axis_95": [0.1, 0.2, np.nan, 0.01],
            "energy_flux": [1e-11, 1e-10, 2e-11, 9e-9],
        }
    )


@pytest.fixture
def pairs():
    return pd.DataFrame(
        {
            "fermi_name": ["4FGL A", "4FGL A", "4FGL A", "4FGL D"],
            "fermi_flux": [1e-10, 1e-10, 1e-10, 9e-9],
            "csc_name": ["SIM 1", "SIM 2", "SIM 3", "SIM 4"],
            "csc_flux": [1e-14, 1e-12, np.nan, 1e-13],
            "separation_r95": [0.4, 0.9, 0.1, 0.2],
            "in_ellipse_95": [True, False, True, True],
        }
    )


@pytest.fixture
def gaia():
    return pd.DataFrame(
        {
            "around": ["csc", "csc", "csc", "fermi", "csc"],
            "fermi_name": ["4FGL A", "4FGL A", "4FGL A", "4FGL A", "4FGL D"],
            "id": [4_100_000_000_000_000_001, 4_100_000_000_000_000_001, 7, 8, 9],
        }
    )


def test_rows_are_the_chosen_classes_with_their_candidates(fermi, pairs, gaia):
    table = class_subsample(fermi, pairs, {"gaia": gaia}, ["HMB", "hmb"])
    assert list(table["fermi_name"]) == ["4FGL A", "4FGL C", "4FGL B"]
    assert list(table.columns) == [column.name for column in subsample_columns(["gaia"])]
    a, c = table.iloc[0], table.iloc[1]
    assert a[["fermi_ra", "fermi_dec", "fermi_l", "fermi_b"]].tolist() == [256, -37, 350, -1]
    assert (a["num_csc_matches"], a["num_in_ellipse"], a["num_gaia"]) == (3, 2, 2)
    assert (a["nearest_csc_name"], a["nearest_separation_r95"]) == ("SIM 3", 0.1)
    assert math.isnan(a["nearest_log_flux_ratio"])
    assert a["brightest_csc_name"] == "SIM 2"
    assert a["brightest_log_flux_ratio"] == pytest.approx(-2.0)
    assert (c["num_csc_matches"], c["nearest_csc_name"], c["num_gaia"]) == (0, "", 0)
    assert math.isnan(c["fermi_r95"])


def test_case_is_kept_and_nothing_is_a_table_too(fermi, pairs, gaia):
    assert list(class_subsample(fermi, pairs, {}, ["hmb"])["fermi_name"]) == ["4FGL B"]
    empty = class_subsample(fermi, pairs.iloc[:0], {"gaia": gaia.iloc[:0]}, ["nov"])
    assert empty.empty
    assert "no such sources" in table_page(empty, subsample_columns(["gaia"]), "t", False)
    unmatched = class_subsample(fermi, pairs.iloc[:0], {"gaia": gaia.iloc[:0]}, ["HMB"])
    assert list(unmatched["num_csc_matches"]) == [0, 0]


def test_the_page_escapes_names_and_says_simulated(fermi, pairs):
    table = class_subsample(fermi, pairs, {}, ["hmb"])
    page = table_page(table, subsample_columns([]), "Binaries & co", True, "a note")
    assert "LS &lt;1&gt;" in page and "<1>" not in page
    assert "Binaries &amp; co" in page
    assert "simulated sky" in page
    assert "simulated sky" not in table_page(table, subsample_columns([]), "t", False)
    assert page.count("<tr>") == 2


class Page(HTMLParser):
    """The tags of a page, its attributes' values, and the text of its cells."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.values, self.cells, self.inside = set(), [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.values += [value for _, value in attrs]
        if tag in ("td", "th"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def test_hostile_text_is_shown_in_the_page_and_not_obeyed():
    ours = Page(table_page(pd.DataFrame({"t": ["a"]}), [Column("t", "text", "m", "d")], "t", False))
    for name in HOSTILE_NAMES:
        column = Column("t", "text", name, name)
        page = table_page(pd.DataFrame({"t": [name]}), [column], name, False, name)
        found = Page(page)
        assert found.tags <= ours.tags | {"p"}
        assert len(found.cells) == 2, "one heading, one cell"
        assert page.replace("\n", "").isprintable()
        assert len(found.cells[1]) <= PAGE_TEXT
        if name.isprintable() and len(name) <= PAGE_TEXT:
            assert found.cells[1] == name
            assert name in found.values, "the description, shown when the pointer rests"


def test_the_page_writes_every_kind_of_value():
    columns = [
        Column("t", "text"), Column("x", "float", "deg", "an angle"), Column("n", "int"),
        Column("m", "nullable_int"), Column("f", "bool"),
    ]  # fmt: skip
    frame = pd.DataFrame(
        {
            "t": ["a", ""],
            "x": [0.123456, np.nan],
            "n": [4_100_000_000_000_000_001, 2],
            "m": pd.array([None, 3], dtype="Int64"),
            "f": [True, False],
        }
    )
    page = table_page(frame, columns, "t", False)
    for cell in ("0.1235", "4100000000000000001", ">–<", ">yes<", ">no<", "<span>deg</span>"):
        assert cell in page


def test_shares_are_written_with_all_their_digits(tmp_path):
    fermi = pd.DataFrame({"bii": [0.1, 0.7, 3.0, 40.0], "source_type": ["PSR", "", "bll", "bll"]})
    shares = class_shares(fermi, 10.0)
    ecsv, html = tmp_path / "shares.ecsv", tmp_path / "shares.html"
    about = TableMetadata("shares", "Shares.", "demo", simulated=True)
    write_table_and_page(str(ecsv), str(html), shares, SHARE_COLUMNS, "Shares", about)
    back = read_ecsv(ecsv, SHARE_COLUMNS)
    assert set(back.columns) == set(shares.columns)
    assert back["expected_extragalactic"].tolist() == shares["expected_extragalactic"].tolist()
    assert "simulated sky" in html.read_text(encoding="utf-8")
