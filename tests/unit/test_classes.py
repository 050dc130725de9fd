"""The class vocabulary and the shares, against counts made by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from xgamma.class_shares import binomial_interval, class_shares, latitude_edges
from xgamma.classes import CLASSES, GROUPS, group_of, label_of, ordered_classes

# 4FGL-DR4 within 10 deg of the plane: class, number, group; counted from the catalogue.
PLANE = {
    "Galactic": dict(
        PSR=122, psr=4, MSP=38, msp=14, PWN=13, pwn=8, SNR=26, snr=17, glc=21, HMB=7, hmb=3,
        lmb=1, BIN=1, bin=6, NOV=5, SFR=2, sfr=2, GC=1,
    ),
    "Galactic candidate (spp)": dict(SPP=6, spp=121),
    "extragalactic": dict(FSRQ=4, fsrq=33, bll=83, BCU=1, bcu=299, rdg=4, agn=1, sey=1),
    "unclassified": {"": 1140, "unk": 137, "UNK": 3},
}  # fmt: skip


def catalogue(rows):
    """A frame of (class, |b|) rows, with signs of b that alternate."""
    signs = np.where(np.arange(len(rows)) % 2, 1.0, -1.0)
    return pd.DataFrame(
        {
            "source_type": [name for name, _ in rows],
            "bii": signs * np.array([b for _, b in rows], dtype=float),
        }
    )


@pytest.fixture(scope="module")
def whole_sky():
    rows = [
        (name, 3.0)
        for members in PLANE.values()
        for name, count in members.items()
        for _ in range(count)
    ]
    return catalogue(rows + [("bll", 45.0)] * 3602 + [("MSP", 30.0)] * 50 + [("", 60.0)] * 900)


@pytest.mark.parametrize(
    ("name", "group"), [(name, group) for group, names in PLANE.items() for name in names]
)
def test_every_class_of_the_plane_has_its_group(name, group):
    assert group_of(name) == group


@pytest.mark.parametrize(
    "name",
    ["AGN", "BLL", "LMB", "RDG", "GAL", "gal", "NLSY1", "nlsy1", "css", "sbg", "ssrq"],
)
def test_classes_that_the_plane_lacks_are_known_too(name):
    assert name in CLASSES
    assert group_of(name) == ("Galactic" if name == "LMB" else "extragalactic")


def test_padding_and_blanks_do_not_matter_but_case_does():
    assert group_of("psr  ") == "Galactic"
    assert label_of("     ") == "unclassified"
    assert label_of("psr  ") == "psr"


def test_an_unknown_class_is_unclassified_and_keeps_its_name():
    assert group_of("xyz") == "unclassified"
    assert label_of("xyz") == "xyz"


def test_order_is_galactic_to_extragalactic_then_the_unknown():
    found = ordered_classes(["zzz", "bll", "", "psr", "aaa", "PSR", "spp", "bll ", "glc", "unk"])
    assert found == ["PSR", "psr", "glc", "spp", "", "unk", "bll", "aaa", "zzz"]
    groups = [group_of(name) for name in CLASSES]
    assert [GROUPS.index(group) for group in groups] == sorted(map(GROUPS.index, groups))


@pytest.mark.parametrize(("k", "n"), [(0, 3), (3, 3), (10, 1020), (418, 844), (1, 2)])
def test_interval_agrees_with_scipy(k, n):
    low, high = binomial_interval(k, n)
    expected = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert low == pytest.approx(expected.low, abs=1e-12)
    assert high == pytest.approx(expected.high, abs=1e-12)


def test_interval_of_nothing_is_nan_and_nonsense_is_refused():
    low, high = binomial_interval([0, 0], [0, 4])
    assert math.isnan(low[0]) and math.isnan(high[0])
    assert low[1] == 0.0 and 0 < high[1] < 1
    with pytest.raises(ValueError, match="between 0 and trials"):
        binomial_interval(5, 4)


def test_latitude_edges_end_at_the_cut():
    assert latitude_edges(10) == [0, 0.5, 1, 2, 5, 10]
    assert latitude_edges(12) == [0, 0.5, 1, 2, 5, 10, 12]
    assert latitude_edges(0.3) == [0, 0.3]


def test_the_two_estimates_for_the_real_plane(whole_sky):
    """418 of 844, and 3602 * 0.2101 - 426 = 331 of 1280: published counts."""
    total = class_shares(whole_sky, 10.0).iloc[-1]
    assert bool(total["is_total"])
    assert total["n_galactic"] + total["n_spp"] == 418
    assert (total["n_spp"], total["n_extragalactic"]) == (127, 426)
    assert (total["n_unclassified"], total["n_all"]) == (1280, 2124)
    assert total["galactic_share"] == pytest.approx(418 / 844)
    assert total["galactic_share_without_spp"] == pytest.approx(291 / 717)
    area = 4 * math.pi * math.sin(math.radians(10))
    assert total["expected_extragalactic"] == pytest.approx(3602 * area / (4 * math.pi - area))
    assert round(total["expected_extragalactic"]) == 757
    assert round(total["extragalactic_at_most"]) == 331
    assert total["not_extragalactic_share"] == pytest.approx(1 - 330.918 / 1280, abs=1e-4)
    assert total["not_extragalactic_share_low"] < total["not_extragalactic_share"]
    assert total["not_extragalactic_share"] < total["not_extragalactic_share_high"]


def test_bins_contain_their_upper_edge_and_add_up():
    rows = [("PSR", 0.0), ("PSR", 0.5), ("bll", 0.50001), ("", 2.0), ("spp", 10.0), ("PSR", 10.01)]
    shares = class_shares(catalogue(rows), 10.0)
    bins, total = shares.iloc[:-1], shares.iloc[-1]
    assert list(bins["n_all"]) == [2, 1, 1, 0, 1]
    counts = ["n_galactic", "n_spp", "n_extragalactic", "n_unclassified", "n_all"]
    assert (bins[counts].sum() == total[counts]).all()
    assert total["n_all"] == 5
    assert bins["expected_extragalactic"].sum() == pytest.approx(total["expected_extragalactic"])


def test_estimates_stay_possible():
    crowded = class_shares(catalogue([("", 1.0)] * 2 + [("bll", 50.0)] * 900), 10.0).iloc[-1]
    assert crowded["extragalactic_at_most"] == 2
    assert crowded["not_extragalactic_share"] == 0
    known = class_shares(catalogue([("", 1.0)] * 2 + [("bll", 1.0)] * 9), 10.0).iloc[-1]
    assert known["extragalactic_at_most"] == 0
    assert known["not_extragalactic_share"] == 1


def test_no_outside_and_no_sources_are_not_numbers():
    everywhere = class_shares(catalogue([("", 1.0), ("bll", 80.0)]), 90.0).iloc[-1]
    assert math.isnan(everywhere["expected_extragalactic"])
    assert math.isnan(everywhere["not_extragalactic_share"])
    nothing = class_shares(catalogue([]), 10.0)
    assert nothing["galactic_share"].isna().all()
    assert (nothing["n_all"] == 0).all()
