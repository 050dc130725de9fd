"""Targets and shards: a digest changes with what its file depends on, and with nothing else."""

import dataclasses
import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy_healpix import HEALPix
from hostile_names import HOSTILE_NAMES

import xgamma
from xgamma.stages.shard_file import SHARD_PATTERN, ShardFile
from xgamma.stages.shard_sources import (
    TARGET_COLUMNS,
    WHOLE_SKY,
    ShardBasis,
    build_targets,
    likely_beyond_pairs,
    shard_digests,
    with_positions,
)
from xgamma.tables.whole_files import write_text

SURVEY = {
    "service": "gaia",
    "table": "t",
    "id": "source_id",
    "ra": "ra",
    "dec": "dec",
    "columns": {"g": "gaia_g", "bp": "gaia_bp"},
    "optional": ["bp"],
}
BASIS = ShardBasis(
    url="https://x.example/tap",
    survey=SURVEY,
    missing=[],
    nearest=3,
    sky=None,
    kept_answers=None,
    code="abc",
)


def make_pairs(n=60, seed=2):
    """Pairs all over the sky, one to three Chandra sources to a Fermi source."""
    random = np.random.default_rng(seed)
    ra, dec = random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))
    return pd.DataFrame(
        {
            "fermi_name": f"4FGL {i:03d}",
            "fermi_ra": ra[i],
            "fermi_dec": dec[i],
            "csc_name": f"2CXO {i:03d}{letter}",
            "csc_ra": ra[i] + 0.01,
            "csc_dec": dec[i],
            "csc_error_r0": 0.8,
        }
        for i in range(n)
        for letter in "abc"[: 1 + i % 3]
    )


def targets_of(pairs, **changes):
    settings = {"radius_deg": 0.03, "csc_radius_arcsec": 2.0, "by": "healpix", "order": 1}
    return build_targets(pairs, **{**settings, **changes})


def digests_of(pairs, basis=BASIS, **changes):
    return shard_digests(targets_of(pairs, **changes), basis)


def nested_cell(ra, dec, order):
    """HEALPix cell, nested, of one position, from Gorski et al. 2005 (ApJ 622, 759), sect. 5.

    The base pixel, then one bit of x (north-east) and one of y (north-west) per order.
    """
    z, nside = np.sin(np.radians(dec)), 2**order
    turns = (ra / 90) % 4
    if abs(z) <= 2 / 3:
        west, east = int(nside * (0.5 + turns - 0.75 * z)), int(nside * (0.5 + turns + 0.75 * z))
        if west // nside == east // nside:
            face = (west // nside % 4) | 4
        else:
            face = min(west // nside, east // nside) % 4 + (8 if west > east else 0)
        x, y = east % nside, nside - west % nside - 1
    else:
        rest, root = turns % 1, nside * np.sqrt(3 * (1 - abs(z)))
        west, east = min(int(rest * root), nside - 1), min(int((1 - rest) * root), nside - 1)
        face = int(turns) + (0 if z > 0 else 8)
        x, y = (nside - east - 1, nside - west - 1) if z > 0 else (west, east)
    bits = sum(((x >> i & 1) << 2 * i) | ((y >> i & 1) << (2 * i + 1)) for i in range(order))
    return face * nside**2 + bits


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_shards_are_nested_healpix_cells_of_the_fermi_position(order):
    """Catches ring numbering, Galactic or degree-for-radian coordinates, the wrong order.

    Cells of which there may be hundreds stand in a folder of their cell of order 0.
    """
    pairs = make_pairs(400)
    targets = targets_of(pairs, order=order)
    position = pairs.drop_duplicates("fermi_name").set_index("fermi_name")
    expected = {}
    for name, row in position.iterrows():
        cell = nested_cell(row.fermi_ra, row.fermi_dec, order)
        face = nested_cell(row.fermi_ra, row.fermi_dec, 0)
        folder = f"healpix0-{face:03d}/" if order > 1 else ""
        expected[name] = f"{folder}healpix{order}-{cell:03d}"
    # a Chandra candidate is in the shard of its Fermi source, on whichever side of an edge
    assert (targets["shard"] == targets["fermi_name"].map(expected)).all()
    assert targets["shard"].nunique() > (11 if order == 0 else 40)


def test_nested_cells_of_an_order_lie_in_those_of_the_order_before():
    pairs = make_pairs(200)
    cells = [
        targets_of(pairs, order=order).drop_duplicates("fermi_name").set_index("fermi_name")
        for order in (1, 2)
    ]
    low, high = (c["shard"].str.rsplit("-", n=1).str[1].astype(int).sort_index() for c in cells)
    assert (high // 4 == low).all()


def test_targets_by_hand():
    pairs = make_pairs(3)
    targets = targets_of(pairs, order=0, radius_deg=0.05, csc_radius_arcsec=3.6)
    assert list(targets.columns) == [c.name for c in TARGET_COLUMNS]
    fermi, csc = (targets[targets["around"] == name] for name in ("fermi", "csc"))
    assert sorted(fermi["fermi_name"]) == ["4FGL 000", "4FGL 001", "4FGL 002"]
    assert sorted(csc["csc_name"]) == sorted(pairs["csc_name"])
    assert set(fermi["radius_deg"]) == {0.05} and set(fermi["csc_name"]) == {""}
    np.testing.assert_allclose(csc["radius_deg"], 0.001, rtol=1e-15)
    merged = csc.merge(pairs, on="csc_name")
    assert (merged["ra"] == merged["csc_ra"]).all() and (merged["dec"] == merged["csc_dec"]).all()
    for _, rows in targets.groupby("shard"):
        assert rows["target_id"].tolist() == list(range(len(rows)))


def test_a_chandra_source_in_two_circles_is_two_targets():
    pairs = make_pairs(2)
    pairs["csc_name"] = "2CXO same"
    csc = targets_of(pairs).query("around == 'csc'")
    assert sorted(csc["fermi_name"]) == ["4FGL 000", "4FGL 001", "4FGL 001"]


@pytest.mark.parametrize("by", ["healpix", "source"])
def test_no_pairs_no_shards(by):
    targets = targets_of(make_pairs().iloc[:0], by=by)
    assert len(targets) == 0 and list(targets.columns) == [c.name for c in TARGET_COLUMNS]
    assert shard_digests(targets, BASIS) == {}


def test_the_order_of_the_pairs_does_not_matter():
    pairs = make_pairs()
    expected = targets_of(pairs)
    for seed in range(3):
        shuffled = pairs.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(targets_of(shuffled), expected)
    assert digests_of(pairs.iloc[::-1]) == digests_of(pairs)


def changed_shards(before, after):
    return {s for s in before.keys() | after.keys() if before.get(s) != after.get(s)}


@pytest.mark.parametrize("by", ["healpix", "source"])
@pytest.mark.parametrize("column", ["fermi_ra", "fermi_dec", "csc_ra", "csc_dec", "csc_name"])
def test_one_bit_of_one_row_changes_its_own_shard_only(by, column):
    pairs = make_pairs()
    before, row = targets_of(pairs, by=by), 40
    own = before.loc[before["fermi_name"] == pairs.at[row, "fermi_name"], "shard"].iloc[0]
    if column == "csc_name":
        pairs.loc[row, column] += "x"
    elif column.startswith("fermi"):
        same = pairs["fermi_name"] == pairs.at[row, "fermi_name"]
        pairs.loc[same, column] = np.nextafter(pairs.at[row, column], np.inf)
    else:
        pairs.loc[row, column] = np.nextafter(pairs.at[row, column], np.inf)
    after = shard_digests(targets_of(pairs, by=by), BASIS)
    assert changed_shards(shard_digests(before, BASIS), after) == {own}


def test_a_wider_cut_changes_only_the_shards_that_gain_sources():
    """New rows before, between and after the old ones: no shard depends on a row number."""
    pairs = make_pairs(60)
    new = pairs["fermi_name"].isin(["4FGL 000", "4FGL 029", "4FGL 059"])
    before, after = digests_of(pairs[~new]), digests_of(pairs)
    gained = set(
        targets_of(pairs).query("fermi_name in ['4FGL 000', '4FGL 029', '4FGL 059']").shard
    )
    assert changed_shards(before, after) == gained
    assert len(before) > len(gained)
    # and back: the digests of before
    assert digests_of(pairs[~new]) == before


# Another value for each field of the basis, and for each setting of a survey.
OTHER_BASIS = {
    "url": "https://y.example/tap",
    "survey": {**SURVEY, "id": "designation"},
    "missing": ["bp"],
    "nearest": 4,
    "sky": '{"seed": 5}',
    "kept_answers": "0123",
    "code": "abd",
}
OTHER_SURVEY = {
    "service": "irsa",
    "table": "u",
    "id": "designation",
    "ra": "ra_j2000",
    "dec": "dec_j2000",
    "columns": {"g": "gaia_g", "bp": "gaia_blue"},
    "optional": [],
}


def check_that_all_change(basis):
    before, after = digests_of(make_pairs()), digests_of(make_pairs(), basis)
    assert changed_shards(before, after) == set(before) == set(after)


@pytest.mark.parametrize("field", OTHER_BASIS)
def test_every_shard_depends_on_each_field_of_the_basis(field):
    check_that_all_change(dataclasses.replace(BASIS, **{field: OTHER_BASIS[field]}))


@pytest.mark.parametrize("setting", OTHER_SURVEY)
def test_every_shard_depends_on_each_setting_of_its_survey(setting):
    survey = {**SURVEY, setting: OTHER_SURVEY[setting]}
    check_that_all_change(dataclasses.replace(BASIS, survey=survey))


def test_every_shard_depends_on_the_order_of_its_columns():
    """Its table has them in that order; shards of two orders could not be merged."""
    columns = dict(reversed(SURVEY["columns"].items()))
    check_that_all_change(dataclasses.replace(BASIS, survey={**SURVEY, "columns": columns}))


def test_no_field_is_left_out_above():
    assert OTHER_BASIS.keys() == {field.name for field in dataclasses.fields(ShardBasis)}
    assert OTHER_SURVEY.keys() == SURVEY.keys()


def test_whatever_enrich_shard_is_given_is_in_the_basis():
    """Its inputs are ancient: a param that no digest knows would never run a shard again."""
    text = (Path(xgamma.__file__).parents[2] / "rules/enrichment.smk").read_text(encoding="utf-8")
    rule = text.split("rule enrich_shard:")[1].split("\nrule ")[0]
    given = {
        block: set(re.findall(r"^        (\w+)=", lines, re.MULTILINE))
        for block, lines in re.findall(r"^    (input|params):\n((?: {8}.*\n)+)", rule, re.MULTILINE)
    }
    # the rows of the targets; the columns that the service has; the sky itself
    assert given["input"] == {"targets", "columns", "sky"}
    assert given["params"] == {"url", "survey", "nearest"} <= OTHER_BASIS.keys()


@pytest.mark.parametrize("change", [{"radius_deg": 0.031}, {"csc_radius_arcsec": 2.5}])
def test_every_shard_depends_on_its_radii(change):
    before, after = digests_of(make_pairs()), digests_of(make_pairs(), **change)
    assert changed_shards(before, after) == set(before)


def test_the_order_of_settings_does_not_matter():
    """But for that of the columns."""
    basis = dataclasses.replace(BASIS, survey=dict(reversed(SURVEY.items())))
    assert digests_of(make_pairs(), basis) == digests_of(make_pairs())


def test_values_do_not_run_into_each_other():
    """'ab' + 'c' and 'a' + 'bc' are different rows."""
    pairs = make_pairs(1)
    one = pairs.assign(fermi_name="ab", csc_name="c")
    two = pairs.assign(fermi_name="a", csc_name="bc")
    assert digests_of(one) != digests_of(two)


def test_digests_are_the_same_on_every_machine():
    """A hard-coded digest: no hash seed, word size or library version may be in it."""
    pairs = pd.DataFrame(
        {
            "fermi_name": ["4FGL J0000.0+0000"],
            "fermi_ra": [0.5],
            "fermi_dec": [0.25],
            "csc_name": ["2CXO é"],
            "csc_ra": [0.75],
            "csc_dec": [0.125],
            "csc_error_r0": [0.8],
        }
    )
    text = (
        '{"code": "abc", "kept_answers": null, "missing": [], "nearest": 3, "sky": null, "survey": '
        '{"columns": [["g", "gaia_g"], ["bp", "gaia_bp"]], "dec": "dec", "id": "source_id", '
        '"optional": ["bp"], "ra": "ra", "service": "gaia", "table": "t"}, '
        '"url": "https://x.example/tap"}'
        '["csc", "4FGL J0000.0+0000", "2CXO \\u00e9", "0x1.0000000000000p-1", '
        '"0x1.0000000000000p-2", "0x1.8000000000000p-1", "0x1.0000000000000p-3", '
        '"0x1.0000000000000p-10", "0x1.8000000000000p-9"]\n'
        '["fermi", "4FGL J0000.0+0000", "", "0x1.0000000000000p-1", '
        '"0x1.0000000000000p-2", "0x1.0000000000000p-1", "0x1.0000000000000p-2", '
        '"0x1.0000000000000p-5", "0x1.0000000000000p-5"]\n'
    )
    targets = targets_of(pairs, radius_deg=1 / 32, csc_radius_arcsec=3600 / 1024)
    expected = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert list(shard_digests(targets, BASIS).values()) == [expected]


def shards_by_source(names):
    """The shard of each Fermi source, in the order of `names`."""
    pairs = make_pairs(len(names))
    pairs["fermi_name"] = [names[int(name[5:])] for name in pairs["fermi_name"]]
    shard = targets_of(pairs, by="source").drop_duplicates("fermi_name").set_index("fermi_name")
    return [shard.at[name, "shard"] for name in names]


def test_names_of_shards_by_source_are_unique_and_safe():
    shards = shards_by_source(HOSTILE_NAMES)
    assert all(re.fullmatch(SHARD_PATTERN, shard) for shard in shards)
    # on file systems that do not know upper from lower case as well
    assert len({shard.lower() for shard in shards}) == len(HOSTILE_NAMES)
    # with a digest, an ending and what a half-written file adds: below the usual 255 bytes
    assert max(map(len, shards)) < 100
    # neither options, nor hidden, nor the names that Windows keeps for itself
    names = [shard.split("/")[1] for shard in shards]
    assert not any(name.startswith(("-", "+", ".")) for name in names)
    assert not {"con", "nul"} & {name.lower() for name in names}


def test_names_of_shards_by_source_are_readable():
    names = ["4FGL J0534.5+2201", "4FGL J0534.5-2201", "-4FGL"]
    readable = [shard.split("/")[1].rsplit("-", 1)[0] for shard in shards_by_source(names)]
    assert readable == ["4FGL_J0534_5+2201", "4FGL_J0534_5-2201", "4FGL"]


def test_files_named_by_hostile_sources_stay_in_their_folder(tmp_path):
    folder = tmp_path / "enrichment" / "gaia"
    for shard in shards_by_source(HOSTILE_NAMES):
        write_text(tmp_path / ShardFile("gaia", shard, "0" * 16).path, shard)
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) == len(HOSTILE_NAMES)
    assert {path.parent.parent for path in everything} == {folder}
    assert all(re.fullmatch("healpix2-[0-9]{3}", path.parent.name) for path in everything)


def test_cells_with_few_targets_are_one_shard():
    """The largest cell that holds few enough, by sums over the cells that lie in one another."""
    pairs = make_pairs(n=200)
    numbers = pairs.groupby("fermi_name").size() + 1
    at = pairs.drop_duplicates("fermi_name").set_index("fermi_name")
    most, expected, levels = 9, {}, set()
    for name, row in at.iterrows():
        for order in range(4):
            cell = nested_cell(row.fermi_ra, row.fermi_dec, order)
            inside = [
                nested_cell(other.fermi_ra, other.fermi_dec, order) == cell
                for other in at.itertuples()
            ]
            if numbers[at.index[inside]].sum() <= most or order == 3:
                break
        folder = f"healpix0-{cell >> 2 * order:03d}/" if order > 1 else ""
        expected[name] = f"{folder}healpix{order}-{cell:03d}"
        levels.add(order)
    targets = targets_of(pairs, order=3, most_together=most)
    assert dict(zip(targets["fermi_name"], targets["shard"], strict=True)) == expected
    assert levels == {1, 2, 3}
    assert targets.groupby("shard").size().loc[lambda n: n > most].index.str.contains("x3-").all()
    # all of them, to the last one
    total = len(targets)
    assert set(targets_of(pairs, most_together=total)["shard"]) == {WHOLE_SKY}
    assert WHOLE_SKY not in set(targets_of(pairs, most_together=total - 1)["shard"])


def test_a_small_sample_is_one_shard_whatever_its_cells():
    pairs = make_pairs(n=5)
    assert set(targets_of(pairs, order=3, most_together=100)["shard"]) == {"sky"}
    assert targets_of(pairs.iloc[:0], most_together=100).empty


@pytest.mark.parametrize(("by", "order"), [("source", 0), ("healpix", 3), ("healpix", 2)])
def test_no_folder_gets_thousands_of_files(by, order):
    """Two files a shard, for 4,000 sources over the whole sky."""
    pairs = make_pairs(4000).drop_duplicates("fermi_name")
    shards = pd.Series(targets_of(pairs, by=by, order=order)["shard"].unique())
    assert len(shards) > 150
    assert 2 * shards.str.split("/").str[0].value_counts().max() < 200


def test_astropy_healpix_agrees_with_the_definition():
    """The function above, on which a test rests, against the other implementation."""
    random = np.random.default_rng(9)
    ra, dec = random.uniform(0, 360, 500), np.degrees(np.arcsin(random.uniform(-1, 1, 500)))
    for order in range(4):
        cells = HEALPix(2**order, order="nested").lonlat_to_healpix(ra * u.deg, dec * u.deg)
        assert cells.tolist() == [nested_cell(*p, order) for p in zip(ra, dec, strict=True)]


def test_likely_counterparts_that_are_no_pairs_are_searched_around():
    """Outside the circle or without a flux: told apart, in the shard of their Fermi source."""
    pairs = pd.DataFrame(
        {
            "fermi_name": ["A"],
            "fermi_ra": [10.0],
            "fermi_dec": [0.0],
            "fermi_class": ["PSR"],
            "csc_name": ["pair"],
            "csc_ra": [10.01],
            "csc_dec": [0.0],
            "csc_error_r0": [0.8],
        }
    )
    candidates = pd.DataFrame(
        {
            "fermi_name": ["A", "A", "A", "B"],
            "fermi_ra": [10.0, 10.0, 10.0, 200.0],
            "fermi_dec": [0.0, 0.0, 0.0, 45.0],
            "fermi_class": ["PSR", "PSR", "PSR", ""],
            "csc_name": ["pair", "far", "unlikely", "alone"],
            "csc_ra": [10.01, 10.2, 10.3, 200.1],
            "csc_dec": [0.0, 0.0, 0.0, 45.0],
            "csc_error_r0": [0.8, np.nan, 0.8, 6.0],
            "p_association": [0.9, 0.01, 0.00999, 0.5],
        }
    )
    likely = likely_beyond_pairs(candidates, pairs, 0.01)
    assert likely["csc_name"].tolist() == ["far", "alone"]
    settings = {"radius_deg": 0.03, "csc_radius_arcsec": 2.0, "by": "healpix", "order": 0}
    targets = build_targets(pairs, likely, **settings).set_index(["around", "csc_name"])
    assert sorted(targets.index) == [
        ("csc", "pair"),
        ("fermi", ""),
        ("likely", "alone"),
        ("likely", "far"),
    ]
    assert targets.loc[("likely", "alone"), ["ra", "dec", "fermi_ra", "fermi_dec"]].tolist() == [
        200.1,
        45.0,
        200.0,
        45.0,
    ]
    assert targets.loc[("likely", "far"), "shard"] == targets.loc[("csc", "pair"), "shard"]
    assert targets.loc[("likely", "alone"), "shard"] != targets.loc[("csc", "pair"), "shard"]


def test_candidates_get_what_the_catalogues_say_of_both():
    """By names, in any order; a name that is listed twice gives no candidate twice."""
    candidates = pd.DataFrame(
        {"fermi_name": ["B", "A"], "csc_name": ["y", "x"], "p_association": [0.2, 0.9]}
    )
    fermi = pd.DataFrame(
        {"name": ["A", "B"], "ra": [1.0, 2.0], "dec": [3.0, 4.0], "source_type": ["PSR", ""]}
    )
    csc = pd.DataFrame(
        {
            "name": ["x", "y", "y"],
            "ra": [5.0, 6.0, 6.0],
            "dec": [7.0, 8.0, 8.0],
            "error_ellipse_r0": [0.5, np.nan, 0.7],
        }
    )
    found = with_positions(candidates, fermi, csc).set_index("csc_name")
    assert len(found) == 2
    assert found.loc["y", ["fermi_ra", "fermi_dec", "csc_ra", "csc_dec"]].tolist() == [2, 4, 6, 8]
    assert found.loc["x", ["fermi_class", "csc_error_r0", "p_association"]].tolist() == [
        "PSR", 0.5, 0.9,
    ]  # fmt: skip
