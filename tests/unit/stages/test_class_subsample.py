"""The table of chosen classes, and that of their shares."""

import math

import numpy as np
import pandas as pd
import pytest

from xgamma.class_shares import class_shares
from xgamma.stages.class_subsample import SHARE_COLUMNS, class_subsample, subsample_columns
from xgamma.tables.files import read_ecsv, write_ecsv
from xgamma.tables.metadata import TableMetadata


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
    unmatched = class_subsample(fermi, pairs.iloc[:0], {"gaia": gaia.iloc[:0]}, ["HMB"])
    assert list(unmatched["num_csc_matches"]) == [0, 0]


def test_shares_are_written_with_all_their_digits(tmp_path):
    fermi = pd.DataFrame({"bii": [0.1, 0.7, 3.0, 40.0], "source_type": ["PSR", "", "bll", "bll"]})
    shares = class_shares(fermi, 10.0)
    ecsv = tmp_path / "shares.ecsv"
    about = TableMetadata("shares", "Shares.", "demo", simulated=True)
    write_ecsv(ecsv, shares, SHARE_COLUMNS, about)
    back = read_ecsv(ecsv, SHARE_COLUMNS)
    assert set(back.columns) == set(shares.columns)
    assert back["expected_extragalactic"].tolist() == shares["expected_extragalactic"].tolist()
