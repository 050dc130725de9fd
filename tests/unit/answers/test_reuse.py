"""What is not asked again: questions that kept answers hold, and only those.

Each table made of kept answers is held against the one that a client makes that keeps nothing.
"""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from fake_tap import Field, votable
from small_archive import make_frames, write_archive
from small_survey import SURVEY, make_pairs, make_stars, one_shard, survey_sky, targets_of

from xgamma.answers.store import AnswerStore
from xgamma.archive.catalogues import CATALOGUES, fetch_catalogue
from xgamma.archive.client import TapClient
from xgamma.archive.connect import simulated
from xgamma.errors import XgammaError
from xgamma.stages.crossmatch import fetch_pairs
from xgamma.stages.enrich_shard import enrich_targets

BOTH = pytest.mark.parametrize("upload", [True, False], ids=["upload", "one by one"])


class Archive:
    """A survey that writes down around how many positions it was asked."""

    def __init__(self, fake_tap, stars):
        self.tap, self.sky, self.asked, self.counted = fake_tap, survey_sky(stars), [], 0
        fake_tap.answer = self

    def __call__(self, adql, uploads):
        if "GROUP BY" in adql:
            self.counted += 1
        else:
            self.asked.append(len(uploads["targets"]) if uploads else 1)
        return self.sky(adql, uploads)

    def positions(self, run):
        """Around how many positions a run asks, and what it makes."""
        self.asked.clear()
        self.counted = 0
        made = run()
        # of a run that only counts, how often
        return sum(self.asked) or self.counted, made


@pytest.fixture
def archive(fake_tap):
    return Archive(fake_tap, make_stars())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "answers"


def keeping(fake_tap, folder, **options):
    return TapClient("gaia", fake_tap.url, **{"answers": folder, "reuse": True, **options})


def run_of(fake_tap, folder, targets, nearest=3, survey=SURVEY, **options):
    """A job per shard, each with a client of its own."""

    def run():
        made = []
        for _, mine in targets.groupby("shard"):
            client = keeping(fake_tap, folder, **options)
            made.append(enrich_targets(client, survey, mine, nearest)[:2])
        return made

    return run


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for (frame, columns), (expected, expected_columns) in zip(ours, theirs, strict=True):
        pd.testing.assert_frame_equal(frame, expected)
        assert columns == expected_columns


POORER = dataclasses.replace(SURVEY, columns={"phot_variable_flag": "flag"})
PAIRS = make_pairs()
SMALLER = {
    "the same": {},
    "smaller radius": {"targets": targets_of(PAIRS, radius_deg=0.02)},
    "smaller radius around candidates": {"targets": targets_of(PAIRS, csc_radius_arcsec=0.5)},
    "fewer kept": {"nearest": 2},
    "more kept": {"nearest": 9},
    "fewer Fermi sources": {"targets": targets_of(PAIRS[PAIRS["fermi_name"] != "4FGL 2"])},
    "fewer candidates": {"targets": targets_of(PAIRS[::2])},
    "a shard per source": {"targets": targets_of(PAIRS, by="source")},
    "smaller cells": {"targets": targets_of(PAIRS, order=3)},
    "one cell": {"targets": one_shard(PAIRS)},
    "fewer columns, one renamed": {"survey": POORER},
}


@BOTH
@pytest.mark.parametrize("change", SMALLER)
def test_a_smaller_question_asks_nobody(archive, fake_tap, folder, change, upload):
    """Catches rows taken for the wrong target, ranks and counts of the larger circle."""
    wide = targets_of(PAIRS)
    asked, _ = archive.positions(run_of(fake_tap, folder, wide, upload=upload))
    assert asked == len(wide)
    options = {"targets": wide, "upload": upload, **SMALLER[change]}
    asked, made = archive.positions(run_of(fake_tap, folder, **options))
    assert asked == 0
    same(made, run_of(fake_tap, None, **options)())


@BOTH
def test_only_what_is_new_is_asked(archive, fake_tap, folder, upload):
    """One more Fermi source of a shard, and a larger circle around each."""
    few = targets_of(PAIRS[PAIRS["fermi_name"] != "4FGL 3"])
    archive.positions(run_of(fake_tap, folder, few, upload=upload))
    more = targets_of(PAIRS)
    asked, made = archive.positions(run_of(fake_tap, folder, more, upload=upload))
    assert asked == len(more) - len(few) == 2
    same(made, run_of(fake_tap, None, more, upload=upload)())
    larger = targets_of(PAIRS, radius_deg=0.035)
    asked, made = archive.positions(run_of(fake_tap, folder, larger, upload=upload))
    assert asked == PAIRS["fermi_name"].nunique()
    same(made, run_of(fake_tap, None, larger, upload=upload)())
    # and back: the larger circles, or the first ones
    asked, made = archive.positions(run_of(fake_tap, folder, more, upload=upload))
    assert asked == 0
    same(made, run_of(fake_tap, None, more, upload=upload)())


def test_other_columns_and_other_services_are_asked(archive, fake_tap, folder):
    targets = targets_of(PAIRS)
    archive.positions(run_of(fake_tap, folder, targets, survey=POORER))
    assert archive.positions(run_of(fake_tap, folder, targets))[0] == len(targets)
    again = run_of(fake_tap, folder, targets, reuse=False)
    assert archive.positions(again)[0] == len(targets), "reuse: false asks anew"
    smaller = targets_of(PAIRS, radius_deg=0.02)
    assert archive.positions(run_of(fake_tap, folder, smaller))[0] == 0, "and is used again itself"
    for name, url in (("irsa", fake_tap.url), ("gaia", f"{fake_tap.url}/")):
        client = TapClient(name, url, answers=folder, reuse=True)
        asked, _ = archive.positions(
            lambda client=client: enrich_targets(client, SURVEY, one_shard(PAIRS), 3)
        )
        assert asked == len(targets)


def test_an_answer_that_was_refused_is_not_used_again(archive, fake_tap, folder):
    """Else one bad answer would be in the way for ever."""
    targets, good = one_shard(PAIRS), archive.sky

    def twice(adql, uploads):
        answer = good(adql, uploads)
        if "GROUP BY" in adql:
            return answer
        return re.sub(rb"(<TR>.*?</TR>)", rb"\1\1", answer, count=1)

    archive.sky = twice
    with pytest.raises(XgammaError, match="more than once"):
        run_of(fake_tap, folder, targets)()
    archive.sky = good
    asked, made = archive.positions(run_of(fake_tap, folder, targets))
    assert asked == len(targets)
    same(made, run_of(fake_tap, None, targets)())


@pytest.mark.parametrize("what", ["bodies", "queries", "covers"])
def test_what_is_damaged_is_asked_again(archive, fake_tap, folder, what):
    targets = one_shard(PAIRS)
    archive.positions(run_of(fake_tap, folder, targets))
    halves = {name: targets[name] / 2 for name in ("radius_deg", "field_radius_deg")}
    smaller = one_shard(PAIRS).assign(**halves)
    for path in (folder / what).rglob("*.*"):
        path.write_bytes(path.read_bytes()[:-9])
    asked, made = archive.positions(run_of(fake_tap, folder, smaller))
    assert asked == len(targets)
    same(made, run_of(fake_tap, None, smaller)())


def test_a_service_that_has_changed_is_asked_for_all(archive, fake_tap, folder):
    """Magnitudes were single precision and are double now: they cannot be mixed."""
    few = one_shard(PAIRS[PAIRS["fermi_name"] != "4FGL 3"])
    archive.positions(run_of(fake_tap, folder, few))
    magnitudes = archive.sky.fields["phot_g_mean_mag"]
    archive.sky.fields["phot_g_mean_mag"] = dataclasses.replace(magnitudes, datatype="double")
    every = one_shard(PAIRS)
    asked, made = archive.positions(run_of(fake_tap, folder, every))
    assert asked == 2 + len(every)
    same(made, run_of(fake_tap, None, every)())


def test_a_replay_finds_what_a_smaller_run_was_made_of(archive, fake_tap, folder):
    """The run asked nothing under its own settings, so no answer has their name."""
    archive.positions(run_of(fake_tap, folder, targets_of(PAIRS)))
    smaller = targets_of(PAIRS, radius_deg=0.02, by="source")
    made = run_of(fake_tap, folder, smaller)()
    asked, again = archive.positions(run_of(fake_tap, folder, smaller, replay=True))
    assert asked == 0
    same(again, made)


def test_answers_and_what_they_cover_go_into_a_bundle(archive, fake_tap, folder):
    targets = targets_of(PAIRS)
    archive.positions(run_of(fake_tap, folder, targets))
    store = AnswerStore(folder)
    keys = sorted(path.stem for path in folder.glob("queries/*/*.json"))
    covers = store.covers_of(keys)
    assert set(covers) == set(folder.glob("covers/*/*/*.json")) != set()
    noted = [json.loads(path.read_text()) for path in covers]
    positions = {tuple(t[1:3]) for one in noted for part in one for t in part["targets"]}
    assert positions == set(targets[["ra", "dec"]].itertuples(index=False, name=None))
    assert store.covers_of(keys[1:]) != covers, "only of answers that are there"


@pytest.mark.parametrize("described", [True, False])
def test_the_embedded_archive_is_asked_anew_if_it_has_another_sky(tmp_path, described):
    """It has the same address; what is beside the sky says which one it is, if it is there."""
    found, asked = [], []
    for number, stars in enumerate((make_stars(), make_stars().iloc[::2])):
        path = tmp_path / f"{number}.duckdb"
        write_archive(path, {**make_frames(), SURVEY.table: stars})
        if described:
            path.with_suffix(".json").write_text(f'{{"seed": {number}}}')
        for _ in range(2):
            client = TapClient(
                "gaia",
                "http://demo.invalid/gaia/tap",
                **simulated(path),
                answers=tmp_path,
                reuse=True,
            )
            frame, _, answers = enrich_targets(client, SURVEY, one_shard(PAIRS), 9)
            found.append(len(frame))
            asked += [answer["body"] for answer in answers]
    assert found[0] == found[1] > found[2] == found[3] > 0
    # of each sky once, or each time; the order of the rows is another in each answer
    # and of numbers too
    assert len(set(asked)) == (4 if described else 8)


TEXT = {"fermi_name", "csc_name", "fermi_class"}
#: latitude and flux of eight pairs
LATITUDES = [-12.0, -10.0, -5.0, -1.0, 0.0, 3.0, 10.0, 12.0]
FLUXES = [1e-14, 2e-14, None, 3e-14, 0.0, 1e-15, 2e-14, 5e-13]


class Joins:
    """A HEASARC that makes the join of eight pairs within the limits that the ADQL names."""

    def __init__(self):
        self.asked = 0

    def __call__(self, adql, _):
        self.asked += 1
        limits = re.search(r"BETWEEN (\S+) AND (\S+) ", adql)
        low, high = map(float, limits.groups()) if limits else (-90, 90)
        named = re.search(r"f.name IN \((.*?)\)", adql)
        flux = re.search(r"b_flux_ap > (\S+)", adql)
        rows = [
            i
            for i, (b, f) in enumerate(zip(LATITUDES, FLUXES, strict=True))
            if low <= b <= high
            and (not named or f"'fermi_name {i}'" in named[1])
            and (not flux or (f is not None and f > float(flux[1])))
        ]
        if "COUNT(*)" in adql:
            return votable(Field("n", "long", [len(rows)]))
        made = []
        for name in re.findall(r" AS (\w+)[, ]", adql.split(" FROM ")[0] + " "):
            values = {"fermi_b": LATITUDES, "csc_flux": FLUXES}.get(name)
            if values is None:
                values = [f"{name} {i}" if name in TEXT else 1.0 + i for i in range(8)]
            kind = "char" if name in TEXT else "double"
            made.append(Field(name, kind, [values[i] for i in rows]))
        return votable(*made)


AVAILABLE = {
    ("heasarc", c.table): [column.name for column in c.columns] for c in CATALOGUES.values()
}


def pairs_of(fake_tap, folder, cut, flux):
    client = TapClient("heasarc", fake_tap.url, answers=folder, reuse=True)
    return fetch_pairs(client, cut, flux, AVAILABLE)[0]


@pytest.mark.parametrize(
    ("first", "then", "asks"),
    [
        ((12, None), (10, None), False),
        ((12, None), (10, 0), False),
        ((12, 0), (10, 1.5e-14), False),
        ((10, 0), (10, 0), False),
        ((10, 0), (12, 0), True),
        ((12, 0), (10, None), True),
        ((12, 2e-14), (10, 0), True),
        ((10, None), (12, 0), True),
    ],
)
def test_a_narrower_join_asks_nobody(fake_tap, folder, first, then, asks):
    """Both limits count; the flux is exclusive, the latitude inclusive, as in the ADQL."""
    fake_tap.answer = joins = Joins()
    pairs_of(fake_tap, folder, *first)
    joins.asked = 0
    made = pairs_of(fake_tap, folder, *then)
    assert joins.asked == (2 if asks else 0)
    pd.testing.assert_frame_equal(made, pairs_of(fake_tap, None, *then))
    cut, flux = then
    least = -np.inf if flux is None else flux
    expected = sum(
        abs(b) <= cut and (flux is None or (f is not None and f > least))
        for b, f in zip(LATITUDES, FLUXES, strict=True)
    )
    assert len(made) == expected > 0


@pytest.mark.parametrize(("cut", "asks"), [(12, False), (10, True)])
def test_the_join_of_named_sources_is_part_of_a_kept_join_that_reaches_as_far(
    fake_tap, folder, cut, asks
):
    fake_tap.answer = joins = Joins()
    whole = pairs_of(fake_tap, folder, cut, None)
    joins.asked = 0
    # at -12, -5 and 3 degrees, whatever the cut of the config
    fermi = pd.DataFrame({"name": [f"fermi_name {i}" for i in (5, 0, 2)], "bii": [3.0, -12.0, -5]})
    client = TapClient("heasarc", fake_tap.url, answers=folder, reuse=True)
    made, _ = fetch_pairs(client, 1.0, None, AVAILABLE, fermi)
    assert joins.asked == (2 if asks else 0)
    assert made["fermi_name"].tolist() == [f"fermi_name {i}" for i in (0, 2, 5)]
    # and no join of the plane is taken for theirs, nor theirs for one of the plane
    joins.asked = 0
    assert len(pairs_of(fake_tap, folder, cut, None)) == len(whole)
    assert joins.asked == 0
    assert len(pairs_of(fake_tap, folder, 15, None)) == len(LATITUDES)
    assert joins.asked == 2


def test_a_catalogue_is_asked_for_once(fake_tap, folder):
    """And counted once; a mirror's or another address's answer is another one."""
    asked = []
    catalogue = CATALOGUES["chanmaster"]
    frame = make_frames()["chanmaster"]

    def answer(adql, _):
        asked.append(adql)
        if "COUNT(*)" in adql:
            return votable(Field("n", "long", [len(frame)]))
        return votable(
            *(
                Field(
                    c.name,
                    "char" if c.column.kind == "text" else "double",
                    [
                        f"{c.name} {i}" if c.column.kind == "text" else 1.0
                        for i in range(len(frame))
                    ],
                    c.column.unit,
                )
                for c in catalogue.columns
            )
        )

    fake_tap.answer = answer
    available = [c.name for c in catalogue.columns]
    made = []
    for _ in range(2):
        client = TapClient("heasarc", fake_tap.url, answers=folder, reuse=True)
        made.append(fetch_catalogue(client, catalogue, available))
    assert len(asked) == 2
    pd.testing.assert_frame_equal(made[0][0].frame(), made[1][0].frame())
    assert made[0][1] == made[1][1], "the record is that of the answer, times and all"
