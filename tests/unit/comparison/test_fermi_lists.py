"""Sources of one list in the other: 29 real ones, each looked at by hand, and made-up ones.

The answers come from the lists as they are printed (names, ASSOC_FGL), and from code of its own:
offsets by astropy, ellipses as polygons of 7,200 corners, 5.991 for two degrees of freedom at 95 %.
For DR3 to DR4 the authors of DR4 say how many there are in all: 14 deleted, 10 located anew
(Ballet et al. 2023, arXiv:2307.12546).
"""

import numpy as np
import pandas as pd
import pytest
from real_lists import real_list

from xgamma.association.positions import Ellipses
from xgamma.comparison.fermi_lists import FermiList, match_fermi_lists

DR3, DR4, FL16Y = "4fgl_dr3", "4fgl_dr4", "fl16y"


@pytest.fixture(scope="module")
def matches():
    """(list, list) -> the rows of the matching, with names in place of numbers."""
    lists = {name: real_list(name) for name in (DR3, DR4, FL16Y)}
    found = {}
    for pair in ((DR3, DR4), (DR4, FL16Y), (DR3, FL16Y)):
        found[pair] = named(match_fermi_lists(*(lists[name] for name in pair)), pair, lists)
    return found


def named(rows, pair, lists):
    before, after = (np.append(lists[name].names, "") for name in pair)
    return rows.assign(old=before[rows["before"]], new=after[rows["after"]])


# the source in question; each of its links as (other source, link, surest, sigma, or None without
# two error ellipses)
HAND_CHECKED = [
    # both lists have it: the Crab pulsar; one of which the ellipse alone was measured anew
    (DR3, DR4, "4FGL J0534.5+2200", "same", [("4FGL J0534.5+2200", "name", True, 0.0)]),
    (DR3, DR4, "4FGL J0143.1-3622", "same", [("4FGL J0143.1-3622", "name", True, 0.0434)]),
    # measured anew, so of another name: Cyg X-3, one a third of a sigma off, one 2.5 sigma
    (DR3, DR4, "4FGL J2032.6+4053", "renamed", [("4FGL J2032.4+4056", "overlap", True, 0.6707)]),
    (DR3, DR4, "4FGL J1423.5-7829", "renamed", [("4FGL J1423.6-7829", "overlap", True, 0.2714)]),
    (DR3, DR4, "4FGL J2239.4+5130", "renamed", [("4FGL J2240.4+5133", "overlap", True, 2.4961)]),
    # an ellipse of 0.6 deg, in which there are two now
    (
        DR3,
        DR4,
        "4FGL J2107.7+3529",
        "split",
        [
            ("4FGL J2106.7+3549", "overlap", False, 2.3098),
            ("4FGL J2109.3+3531", "overlap", True, 1.2761),
        ],
    ),
    # the pulsar of 3C 58, whose nebula is a source of its own now
    (DR3, DR4, "4FGL J0205.7+6449", "same", [("4FGL J0205.7+6449", "name", True, 0.0)]),
    # three points where an extended source is now
    (DR3, DR4, "4FGL J1924.3+1628", "merged", [("4FGL J1925.2+1618e", "overlap", False, None)]),
    (DR3, DR4, "4FGL J1924.3+1601c", "merged", [("4FGL J1925.2+1618e", "overlap", False, None)]),
    (DR3, DR4, "4FGL J1925.4+1616", "merged", [("4FGL J1925.2+1618e", "overlap", True, None)]),
    # CTB 80: the pulsar stays, and its neighbour has become an extended source
    (DR3, DR4, "4FGL J1955.1+3321", "renamed", [("4FGL J1954.4+3252e", "overlap", True, None)]),
    # nothing there; a source 0.185 deg away with ellipses of 0.119 and 0.028; inside the Cygnus
    # Loop, which both lists have
    (DR3, DR4, "4FGL J2047.5+2854", "gone", []),
    (DR3, DR4, "4FGL J0009.2+6847", "gone", []),
    (DR3, DR4, "4FGL J2056.4+3142", "gone", []),
    # as the later list itself says
    (
        DR4,
        FL16Y,
        "4FGL J1305.5-6241",
        "renamed",
        [("FL16Y J1305.7-6241", "reference", True, 1.2606)],
    ),
    # LS 5039 by its phases: one place, one ellipse
    (
        DR4,
        FL16Y,
        "4FGL J1826.2-1450",
        "split",
        [
            ("FL16Y J1826.2-1451A", "reference", False, None),
            ("FL16Y J1826.2-1451B", "reference", True, 1.0751),
        ],
    ),
    # the later list names the source twice; so too with a suffix
    (
        DR4,
        FL16Y,
        "4FGL J1203.4-6145",
        "split",
        [
            ("FL16Y J1202.6-6144", "reference", True, 1.0844),
            ("FL16Y J1205.6-6141", "reference", False, 2.3548),
        ],
    ),
    (
        DR4,
        FL16Y,
        "4FGL J1011.4-5729c",
        "split",
        [
            ("FL16Y J1010.2-5731", "reference", True, 1.7111),
            ("FL16Y J1012.6-5727", "reference", False, 2.3377),
        ],
    ),
    # one says which it was; that the other one of the earlier list overlaps too is no evidence
    (
        DR4,
        FL16Y,
        "4FGL J1424.2-6111c",
        "renamed",
        [("FL16Y J1423.1-6107", "reference", True, 2.0056)],
    ),
    (DR4, FL16Y, "4FGL J1422.3-6059", "gone", []),
    # neither is mentioned, and both overlap one that mentions none
    (
        DR4,
        FL16Y,
        "4FGL J1759.1-2347c",
        "merged",
        [("FL16Y J1759.4-2352", "overlap", False, 3.1500)],
    ),
    (DR4, FL16Y, "4FGL J1759.7-2354", "merged", [("FL16Y J1759.4-2352", "overlap", True, 2.6172)]),
    # the list does not say so, the ellipses touch: far for one source
    (DR4, FL16Y, "4FGL J1216.8-5955", "renamed", [("FL16Y J1218.1-5953", "overlap", True, 3.1702)]),
    # the nearest is 8 sigma away
    (DR4, FL16Y, "4FGL J1911.3+1055", "gone", []),
    # the list refers to DR4, whose name DR3 does not have
    (DR3, FL16Y, "4FGL J0301.6-7155", "renamed", [("FL16Y J0301.6-7156", "overlap", True, 0.4475)]),
]


@pytest.mark.parametrize(
    ("first", "second", "name", "fate", "links"),
    HAND_CHECKED,
    ids=lambda value: value if isinstance(value, str) and "J" in value else "",
)
def test_hand_checked_sources(matches, first, second, name, fate, links):
    rows = matches[first, second]
    rows = rows[rows["old"] == name]
    assert set(rows["fate"]) == {fate}
    if not links:
        assert rows["new"].tolist() == [""] and rows["moved_sigma"].isna().all()
        return
    assert list(zip(rows["new"], rows["link"], rows["first"], strict=True)) == [
        link[:3] for link in links
    ]
    sigma = [np.nan if link[3] is None else link[3] for link in links]
    assert rows["moved_sigma"].to_numpy() == pytest.approx(sigma, abs=2e-4, nan_ok=True)


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        # the nebula of 3C 58, upon its pulsar
        (DR3, DR4, "4FGL J0205.6+6449e"),
        # 0.64 deg from one that is gone, whose ellipse is of 0.26 deg
        (DR3, DR4, "4FGL J1216.3-1032"),
        # 0.2 deg from one that is gone, with ellipses of 0.08 and 0.09 deg: 4.5 sigma
        (DR3, DR4, "4FGL J1925.2+1600c"),
        # the nearest is 1.4 deg away
        (DR4, FL16Y, "FL16Y J0714.0-3213"),
    ],
)
def test_hand_checked_new_sources(matches, first, second, name):
    row = matches[first, second].set_index("new").loc[name]
    assert (row["fate"], row["old"], row["link"]) == ("new", "", "")


def test_what_else_overlaps_is_said(matches):
    rows = matches[DR3, DR4].set_index(["old", "new"])
    others = rows.loc[("4FGL J2107.7+3529", "4FGL J2109.3+3531"), "also_overlaps"]
    assert others == "4FGL J2106.7+3549"
    assert rows.loc[("4FGL J2056.4+3142", ""), "also_overlaps"] == "4FGL J2051.0+3049e"


def test_every_source_of_both_lists_is_there(matches):
    rows = matches[DR4, FL16Y]
    assert set(rows["old"]) - {""} == set(real_list(DR4).names)
    assert set(rows["new"]) - {""} == set(real_list(FL16Y).names)
    # and once among the surest links
    surest = rows[rows["first"]]
    assert surest["old"].is_unique and surest["new"].is_unique


def test_the_other_way_round_splits_are_mergers():
    """The list that refers to the other one may come first."""
    links = match_fermi_lists(real_list(DR4), real_list(FL16Y))
    back = match_fermi_lists(real_list(FL16Y), real_list(DR4))
    turned = {"split": "merged", "merged": "split", "gone": "new", "new": "gone"}
    keys = ["before", "after", "fate", "link"]
    expected = links.assign(
        before=links["after"], after=links["before"], fate=links["fate"].replace(turned)
    )[keys].sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(back[keys].sort_values(keys, ignore_index=True), expected)


# ---- made-up lists


def made_up(names, ra, radius=0.1, references=None, origin="catalogue"):
    n = len(names)
    values = [np.broadcast_to(np.asarray(v, float), n) for v in (ra, 0, radius, radius, 0, 0, 1, 1)]
    ellipses = Ellipses(*values, np.full(n, origin, object))
    return FermiList(np.array(names, object), np.array(references or [""] * n, object), ellipses)


def test_a_name_counts_more_than_a_reference_and_a_reference_more_than_an_overlap():
    before = made_up(["A", "B", "C"], [10, 11, 12])
    after = made_up(["B", "N", "M"], [10, 12, 12.05], references=["A", "A", "A"])
    rows = match_fermi_lists(before, after)
    links = {(r.before, r.after): r.link for r in rows.itertuples() if r.link}
    # C is left over, and those that lie upon it are A's
    assert links == {(1, 0): "name", (0, 1): "reference", (0, 2): "reference"}
    told = rows.set_index("before").loc[2]
    assert (told["fate"], told["also_overlaps"]) == ("gone", "M, N")


def test_a_suffix_may_be_left_out_in_a_reference():
    before = made_up(["4FGL J1.0+1c", "4FGL J2.0+2", "4FGL J3.0+3c", "4FGL J3.0+3e"], range(4))
    after = made_up(
        ["X", "Y", "Z"], [50, 60, 70], references=["4FGL J1.0+1", "4FGL J2.0+2c", "4FGL J3.0+3"]
    )
    rows = match_fermi_lists(before, after)
    links = {(r.before, r.after) for r in rows.itertuples() if r.link}
    # two have the last one's name: it says nothing
    assert links == {(0, 0), (1, 1)}


def test_circles_overlap_up_to_the_sum_of_their_radii():
    before = made_up(["A", "B"], [10, 20], 0.1)
    after = made_up(["X", "Y"], [10.2999, 20.3001], 0.2)
    rows = match_fermi_lists(before, after)
    assert rows["fate"].tolist() == ["renamed", "gone", "new"]
    # 0.2999 / hypot(0.1, 0.2), times the root of -2 ln 0.05
    assert rows["moved_sigma"].iloc[0] == pytest.approx(0.2999 / 0.223607 * 2.447747, rel=1e-4)


def test_without_an_ellipse_nothing_overlaps():
    before = made_up(["A", "B"], [10, 20])
    after = made_up(["A", "X"], [10, 20], origin="substitute")
    rows = match_fermi_lists(before, after)
    assert rows["fate"].tolist() == ["same", "gone", "new"]
    assert rows["moved_sigma"].isna().all()


def test_empty_lists():
    none, one = made_up([], []), made_up(["A"], [10])
    assert match_fermi_lists(none, none).empty
    assert match_fermi_lists(none, one)["fate"].tolist() == ["new"]
    assert match_fermi_lists(one, none)["fate"].tolist() == ["gone"]
