"""Made-up tables through grouping, sharding and merging: nothing lost, doubled or mixed up.

What is expected is worked out here in plain Python, from lists of rows.
"""

import csv
import dataclasses
import io
import json
import math
import random
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from csv_of import csv_text
from hostile_names import HOSTILE_NAMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xgamma.archive.surveys import SurveyTable
from xgamma.stages.counterparts import counterpart_columns
from xgamma.stages.group_by_fermi import (
    GROUPED_COLUMNS,
    group_pairs,
)
from xgamma.stages.merge_enrichment import COUNTERPART_COLUMNS, add_counterparts, merge_shards
from xgamma.stages.pairs import PAIR_COLUMNS
from xgamma.stages.shard_sources import ShardBasis, build_targets, shard_digests
from xgamma.tables.columns import conform
from xgamma.tables.files import read_parquet, write_ecsv, write_parquet

# the same examples everywhere and every time, however slow the machine
BASIS = ShardBasis(
    url="", survey={"columns": {}}, missing=(), nearest=3, sky=None, kept_answers=None, code="a"
)
SETTINGS = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
FEWER = settings(SETTINGS, max_examples=8)
SHARDINGS = [("healpix", 0), ("healpix", 1), ("healpix", 2), ("healpix", 3), ("source", 0)]
GAIA = SurveyTable(
    "gaiadr3.gaia_source",
    "source_id",
    "ra",
    "dec",
    {"phot_g_mean_mag": "gaia_mean_g_mag", "classprob_star": "gaia_prob_star"},
)
GAIA_COLUMNS = [
    dataclasses.replace(column, kind="int") if column.name == "id" else column
    for column in counterpart_columns(GAIA)
]

NAMES = st.sampled_from([name for name in HOSTILE_NAMES if len(name) < 1000]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=8
)
FLUXES = [1e-13, 2.5e-12, 5e-324, 0.0, math.nan]
# neighbours that are one number as floats, and the ends of the range
IDS = [4104196427943626624, 4104196427943626625, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0]


class Sky(NamedTuple):
    """Pairs, and survey sources around their targets, as rows: dicts of plain values."""

    pairs: list[dict]
    found: list[dict]

    def pair_frame(self) -> pd.DataFrame:
        names = [c.name for c in PAIR_COLUMNS]
        return conform(pd.DataFrame(self.pairs, columns=names), PAIR_COLUMNS)

    def found_frame(self, rows=None) -> pd.DataFrame:
        names = [c.name for c in GAIA_COLUMNS]
        rows = self.found if rows is None else rows
        return conform(pd.DataFrame(rows, columns=names), GAIA_COLUMNS)

    def classes(self) -> dict[str, str]:
        return {row["fermi_name"]: row["fermi_class"] for row in self.pairs}

    def targets(self, by, order, rows=None) -> pd.DataFrame:
        pairs = self.pair_frame() if rows is None else Sky(rows, []).pair_frame()
        return build_targets(pairs, radius_deg=0.03, csc_radius_arcsec=2.0, by=by, order=order)


@st.composite
def skies(draw) -> Sky:
    """No, one or several Fermi sources, with Chandra sources that some of them share."""
    most = draw(st.sampled_from([0, 1, 3, 5, 6]))
    fermi_names = draw(st.lists(NAMES, unique=True, min_size=most, max_size=most))
    csc_names = draw(st.lists(NAMES, unique=True, min_size=most, max_size=most + 2))
    pick = random.Random(draw(st.integers(0, 2**32)))
    fermi = [
        {
            "fermi_name": name,
            "fermi_class": pick.choice(HOSTILE_NAMES[:60]),
            **_place(pick, "fermi"),
        }
        for name in fermi_names
    ]
    csc = [{"csc_name": name, **_place(pick, "csc")} for name in csc_names]
    rest = {c.name: "" if c.kind == "text" else 0 for c in PAIR_COLUMNS}
    pairs = [rest | one | other for one in fermi for other in csc if pick.random() < 0.7]
    pick.shuffle(pairs)
    around = [("fermi", name, "") for name in {pair["fermi_name"]: None for pair in pairs}]
    around += [("csc", pair["fermi_name"], pair["csc_name"]) for pair in pairs]
    nothing = {c.name: "" if c.kind == "text" else 0 for c in GAIA_COLUMNS}
    found = [
        nothing | {
            "around": which, "fermi_name": fermi_name, "csc_name": csc_name, "rank": rank,
            "id": number, "gaia_mean_g_mag": pick.choice(FLUXES),
            "nearest_csc_name": pick.choice(csc_names),
        }
        for which, fermi_name, csc_name in around
        for rank, number in enumerate(pick.sample(IDS, pick.randrange(4)), start=1)
    ]  # fmt: skip
    return Sky(pairs, found)


def _place(pick: random.Random, whose: str) -> dict[str, float]:
    """A place on the sky, poles and the ends of the longitudes among them, and a flux."""
    return {
        f"{whose}_ra": pick.choice([0.0, 360.0, 90.0, 1e-300, pick.uniform(0, 360)]),
        f"{whose}_dec": pick.choice([-90.0, 90.0, 0.0, pick.uniform(-90, 90)]),
        f"{whose}_l": pick.choice([0.0, pick.uniform(0, 360)]),
        f"{whose}_b": pick.choice([0.0, pick.uniform(-90, 90)]),
        f"{whose}_flux": pick.choice(FLUXES),
    }


def comparable(value):
    """A value that is equal to itself: NaN is not, and 0 is False."""
    if isinstance(value, list):
        return [comparable(one) for one in value]
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def rows_of(frame: pd.DataFrame, names) -> list[tuple]:
    columns = [frame[name].tolist() for name in names]
    return [tuple(comparable(value) for value in row) for row in zip(*columns, strict=True)]


@SETTINGS
@given(skies())
def test_grouping_keeps_every_pair_once_in_the_order_of_the_names(sky):
    expected = []
    for name in sorted(sky.classes()):
        own = sorted(
            (pair for pair in sky.pairs if pair["fermi_name"] == name),
            key=lambda pair: pair["csc_name"],
        )
        expected.append(
            (
                name, *(own[0][f"fermi_{key}"] for key in ("l", "b", "flux")), 0.0,
                own[0]["fermi_class"], len(own),
                *([pair[f"csc_{key}"] for pair in own] for key in ("name", "flux", "l", "b")),
                own[0]["fermi_ra"], own[0]["fermi_dec"], 0.0, 0.0,
            )
        )  # fmt: skip
    expected.sort(key=lambda row: (row[1], row[2], row[0]))
    grouped = group_pairs(sky.pair_frame())
    names = [c.name for c in GROUPED_COLUMNS]
    assert rows_of(grouped, names) == [tuple(map(comparable, row)) for row in expected]
    assert grouped["num_csc_matches"].sum() == len(sky.pairs)


@SETTINGS
@given(skies())
def test_lists_of_counterparts_have_one_length_and_one_order(sky):
    found, surveys = {"gaia": sky.found_frame()}, {"gaia": dataclasses.asdict(GAIA)}
    grouped = add_counterparts(group_pairs(sky.pair_frame()), found, surveys)
    lists = [name for name in grouped if name.startswith("gaia") or name.endswith("_gaia")]
    assert len(lists) == 9
    for row in grouped.to_dict("records"):
        own = [
            source for source in sky.found
            if (source["around"], source["fermi_name"]) == ("fermi", row["fermi_name"])
        ]  # fmt: skip
        assert row["gaia_names"] == [str(source["id"]) for source in own]
        expected = [comparable(source["gaia_mean_g_mag"]) for source in own]
        assert comparable(row["gaia_mean_g_mag"]) == expected
        assert {len(row[name]) for name in lists} == {len(own)}
    # the files: a row for each, and the lists again
    read = list(csv.DictReader(io.StringIO(csv_text(grouped, COUNTERPART_COLUMNS), newline="")))
    assert [json.loads(row["gaia_names"]) for row in read] == grouped["gaia_names"].tolist()
    assert [json.loads(row["csc_names"]) for row in read] == grouped["csc_names"].tolist()


@pytest.mark.parametrize(("by", "order"), SHARDINGS)
@FEWER
@given(skies())
def test_every_target_is_in_one_shard_with_its_fermi_source(by, order, sky):
    targets = sky.targets(by, order)
    fermi = {pair["fermi_name"]: (pair["fermi_ra"], pair["fermi_dec"]) for pair in sky.pairs}
    expected = [("fermi", name, "", *place, 0.03) for name, place in fermi.items()]
    expected += [
        ("csc", *(pair[key] for key in ("fermi_name", "csc_name", "csc_ra", "csc_dec")), 2 / 3600)
        for pair in sky.pairs
    ]
    names = ["around", "fermi_name", "csc_name", "ra", "dec", "radius_deg"]
    assert sorted(rows_of(targets, names)) == sorted(expected)
    shards = {}
    for name, shard, number in rows_of(targets, ["fermi_name", "shard", "target_id"]):
        shards.setdefault(shard, []).append((name, number))
    for members in shards.values():
        assert [number for _, number in members] == list(range(len(members)))
    # no Fermi source is in two shards
    homes = [{name for name, _ in members} for members in shards.values()]
    assert sum(map(len, homes)) == len(fermi)
    if by == "source":
        assert len(homes) == len(fermi)


@pytest.mark.parametrize(("by", "order"), SHARDINGS)
@FEWER
@given(skies(), st.data())
def test_a_digest_depends_on_the_shards_own_rows_only(by, order, sky, data):
    targets = sky.targets(by, order)
    digests = shard_digests(targets, BASIS)
    assert set(digests) == set(targets["shard"])
    for shard, rows in targets.groupby("shard"):
        assert shard_digests(rows, BASIS) == {shard: digests[shard]}
    if sky.pairs:
        gone = data.draw(st.sampled_from(sky.pairs))
        left = [pair for pair in sky.pairs if pair is not gone]
        home = targets.loc[targets["fermi_name"] == gone["fermi_name"], "shard"].iloc[0]
        after = shard_digests(sky.targets(by, order, left), BASIS)
        changed = {key for key in digests.keys() | after if digests.get(key) != after.get(key)}
        assert changed == {home}


def merged(sky: Sky, by: str, order: int, shuffled=lambda shards: shards):
    """What `merge_shards` makes of the sources, shared out over shards as their targets are."""
    targets = sky.targets(by, order)
    home = dict(zip(targets["fermi_name"], targets["shard"], strict=True))
    shards = {shard: [] for shard in sorted(set(home.values()))}
    for row in sky.found:
        shards[home[row["fermi_name"]]].append(row)
    # a shard in which nothing was found is a table of no rows
    frames = [(sky.found_frame(rows), GAIA_COLUMNS) for rows in shards.values()]
    return merge_shards(shuffled(frames), GAIA, sky.classes())


@FEWER
@given(skies(), st.data())
def test_merging_does_not_show_the_shards_nor_their_order(sky, data):
    names = [c.name for c in GAIA_COLUMNS]
    expected = sorted(
        (tuple(comparable(row[name]) for name in names) for row in sky.found),
        key=lambda row: (row[0], row[1], row[2], row[3]),
    )
    for by, order in SHARDINGS:
        frame, columns = merged(sky, by, order, lambda shards: data.draw(st.permutations(shards)))
        assert rows_of(frame, names) == expected
        assert frame["fermi_class"].tolist() == [sky.classes()[row[1]] for row in expected]
        assert {c.name for c in columns} == {*names, "fermi_class"}
    # no shard differs from one
    if sky.found:
        whole, _ = merge_shards([(sky.found_frame(), GAIA_COLUMNS)], GAIA, sky.classes())
        pd.testing.assert_frame_equal(whole, frame)


@FEWER
@given(skies())
def test_merged_tables_come_back_from_their_files(tmp_path_factory, sky):
    """Identifiers exact in all, every row in all, and in Parquet every character."""
    folder = tmp_path_factory.mktemp("made_up")
    frame, columns = merged(sky, "healpix", 1)
    if not sky.pairs:
        return
    ids = [row["id"] for row in sorted(
        sky.found, key=lambda row: [row[c] for c in ("around", "fermi_name", "csc_name", "rank")]
    )]  # fmt: skip
    write_parquet(folder / "t.parquet", frame, columns)
    assert pq.read_table(folder / "t.parquet").column("id").to_pylist() == ids
    pd.testing.assert_frame_equal(read_parquet(folder / "t.parquet"), frame)
    write_ecsv(folder / "t.ecsv", frame, columns)
    table = Table.read(folder / "t.ecsv", format="ascii.ecsv")
    assert table["id"].tolist() == ids
    read = list(csv.DictReader(io.StringIO(csv_text(frame, columns), newline="")))
    assert [int(row["id"]) for row in read] == ids
    # a table whose first value is a name, hostile or not
    named = [next(c for c in columns if c.name == name) for name in ("nearest_csc_name", "id")]
    write_ecsv(folder / "named.ecsv", frame, named)
    assert Table.read(folder / "named.ecsv", format="ascii.ecsv")["id"].tolist() == ids
