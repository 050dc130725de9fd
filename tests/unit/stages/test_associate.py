"""The probabilities on the simulated sky, whose truth is known: they must hold, over seeds.

The sky knows the positions, fluxes and fates of the true objects; the association sees only what
the archive serves. One sky has few counterparts, so several are taken together.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xgamma.association.posterior import Model, posterior
from xgamma.demo.sky.build import simulate
from xgamma.run.places import EXTENDED_LIST, FERMI_LIST, workflow_file
from xgamma.stages.associate import (
    CANDIDATE_COLUMNS,
    SOURCE_COLUMNS,
    associate,
    candidate_frame,
    expected_numbers,
    model_record,
    read_model,
    sample,
    source_frame,
)
from xgamma.stages.calibrate import calibrate, reliability
from xgamma.stages.map_coverage import (
    EXTENDED_COLUMNS,
    cells_of_frame,
    frame_of_cells,
    map_coverage,
    moc_of_cells,
)
from xgamma.tables.files import read_ecsv

SEEDS = (11, 12, 13, 14, 15, 16)
CUT_DEG = 10.0


class Solved:
    """A simulated sky, what was found in it, and its truth."""

    def __init__(self, seed: int, size: str = "small") -> None:
        sky = simulate(size, seed, workflow_file(FERMI_LIST))
        self.tables, self.truth = sky.tables, sky.truth
        self.extended = read_ecsv(workflow_file(EXTENDED_LIST), EXTENDED_COLUMNS)
        fermi = self.tables["fermilpsc"]
        fermi = fermi.assign(source_type=fermi["source_type"].str.strip())
        self.cells = map_coverage(
            self.tables["chanmaster"],
            self.tables["csc"],
            fermi,
            self.extended,
            latitude_cut_deg=CUT_DEG,
            public_by="2021-12-31",
        )
        self.sample = sample(fermi, self.tables["csc"], self.extended, self.cells, CUT_DEG)
        self.found = associate(self.sample, {})
        fates = sky.fates.set_index("fermi_name").reindex(self.sample.fermi["name"])
        self.fate = fates["fate"].fillna("").to_numpy()
        names = self.sample.csc["name"].to_numpy()[self.found.candidates.xray]
        true_name = fates["csc_name"].fillna("").to_numpy()[self.found.candidates.source]
        self.right = (names == true_name) & (true_name != "")
        # sources without an ellipse have no simulated object
        self.judged = (self.fate != "")[self.found.candidates.source]


@pytest.fixture(scope="module")
def skies() -> list[Solved]:
    return [Solved(seed) for seed in SEEDS]


def pulls(probability, right):
    """How far the number that is right lies from that expected, in sigma, by bins."""
    return [
        (one["right"] - one["expected"]) / one["error"]
        for one in reliability(probability, right)
        if one["error"] > 0
    ]


def test_probabilities_hold_on_the_truth(skies):
    probability = np.concatenate([sky.found.joint.probability[sky.judged] for sky in skies])
    right = np.concatenate([sky.right[sky.judged] for sky in skies])
    assert right.sum() > 250
    assert np.abs(pulls(probability, right)).max() < 3
    assert abs(right.sum() - probability.sum()) < 3 * np.sqrt(
        (probability * (1 - probability)).sum()
    )


@pytest.mark.parametrize("factor", [0.25, 2.0])
def test_with_another_density_they_would_not_hold(skies, factor):
    """The test above can fail: with twice the density, or a quarter of it, it does."""
    probability, right = [], []
    for sky in skies:
        found = sky.found
        wrong = found.candidates.take(np.arange(len(found.candidates)))
        wrong.log_chance[:] += np.log(factor)
        model = found.fit.model
        again = posterior(model, sky.sample.shares, found.fields, wrong)
        probability.append(again.probability[sky.judged])
        right.append(sky.right[sky.judged])
        wrong.log_chance[:] -= np.log(factor)
    assert np.abs(pulls(np.concatenate(probability), np.concatenate(right))).max() > 3


def test_what_is_not_listed_is_so_for_the_reason_that_is_given(skies):
    """Sums of the probabilities of each fate against the truth, with the model's own errors."""
    pull = {name: [] for name in ("listed", "outside", "below", "none")}
    for sky in skies:
        with_ellipse = sky.fate != ""
        joint, n = sky.found.joint, len(sky.fate)
        sums = {
            "listed": np.bincount(sky.found.candidates.source, joint.probability, minlength=n),
            "outside": joint.outside,
            "below": joint.below,
            "none": joint.none,
        }
        truth = {"listed": "detected", "below": "below limit"}
        for name, numbers in expected_numbers(sky.sample, sky.found).items():
            difference = (sky.fate == truth.get(name, name)).sum() - sums[name][with_ellipse].sum()
            pull[name].append(difference / numbers["error"])
    assert {name: np.abs(values).max() < 3 for name, values in pull.items()} == dict.fromkeys(
        pull, True
    )
    # of all skies together they do not lean to one side
    assert all(abs(np.mean(values)) * np.sqrt(len(SEEDS)) < 3 for values in pull.values())


def test_better_than_the_simple_ways(skies):
    """The right one first more often than nearest, brightest, and flux times position."""
    first = dict.fromkeys(("probability", "nearest", "brightest", "flux x position"), 0)
    for sky in skies:
        c = sky.found.candidates
        ratio = np.nan_to_num(c.log_ratio, nan=-99.0)
        ways = {
            "probability": sky.found.joint.probability,
            "nearest": -c.offsets.distance,
            "brightest": ratio,
            "flux x position": ratio * np.log(10) + c.offsets.log_density,
        }
        frame = pd.DataFrame({"source": c.source, "right": sky.right, **ways})
        for way in ways:
            best = frame.loc[frame.groupby("source")[way].idxmax()]
            first[way] += int(best["right"].sum())
    assert first["probability"] > max(first[way] for way in first if way != "probability")


def test_no_chandra_source_is_two_fermi_sources(skies):
    for sky in skies:
        c = sky.found.candidates
        assert np.bincount(c.xray, sky.found.joint.probability).max() <= 1 + 1e-9
        per_source = np.bincount(c.source, sky.found.joint.probability)
        assert per_source.max() <= 1 + 1e-9


def test_tables_and_model_are_the_same_again(skies):
    sky = skies[0]
    again = associate(sky.sample, {})
    for frame, columns in (
        (candidate_frame, CANDIDATE_COLUMNS),
        (source_frame, SOURCE_COLUMNS),
    ):
        one, other = frame(sky.sample, sky.found), frame(sky.sample, again)
        pd.testing.assert_frame_equal(one, other, check_exact=True)
        assert list(one.columns) == [c.name for c in columns]
    record = model_record(sky.sample, sky.found)
    assert record == model_record(sky.sample, again)
    model = read_model(record)
    assert model.eta.tolist() == sky.found.fit.model.eta.tolist()
    sums = record["sums"]
    assert sum(part["sum"] for part in sums.values()) == pytest.approx(len(sky.sample.fermi))


def test_a_value_that_is_fixed_is_not_learnt(skies):
    sky = skies[0]
    record = model_record(sky.sample, associate(sky.sample, {"eta_pulsar": 0.25}))
    assert record["values"]["eta_pulsar"]["value"] == pytest.approx(0.25)
    assert record["values"]["eta_pulsar"]["fixed"] and not record["values"]["eta_binary"]["fixed"]
    free = model_record(sky.sample, sky.found)["values"]["eta_pulsar"]
    assert free["value"] > 0.7 and free["error"] < 0.2 and free["sources"] > 20


def test_coverage_is_a_table_and_a_map(skies):
    cells = skies[0].cells
    again = cells_of_frame(frame_of_cells(cells))
    np.testing.assert_array_equal(again.cell, cells.cell)
    moc = moc_of_cells(cells)
    seen = cells.share >= 0.5
    assert moc.sky_fraction == pytest.approx(seen.sum() / (12 * 4**11))
    # a map of one's own: nothing but what is in it, and the sources
    only = map_coverage(
        *(skies[0].tables[name] for name in ("chanmaster", "csc", "fermilpsc")),
        skies[0].extended,
        latitude_cut_deg=CUT_DEG,
        public_by="2021-12-31",
        moc=moc,
    )
    assert (only.share == 1).all() and len(only) == seen.sum()


def test_controls_injections_and_known_sources(skies):
    """The checks that every run makes hold here, where nothing is wrong; and say what they are."""
    expected = right = 0.0
    for sky in skies[:2]:
        model = read_model(model_record(sky.sample, sky.found))
        record, by_source, known = calibrate(sky.sample, model, Model.stated(model.counts), {}, 24)
        controls = record["controls"]
        assert controls["number"] > 300 and by_source["controls"].max() <= 24
        # chance is claimed seldom, and found to be so
        assert 0 < controls["claims_by_source"] < 0.25
        injected = [one for one in record["injections"]["bins"] if one["error"] > 0]
        assert max(abs(one["right"] - one["expected"]) / one["error"] for one in injected) < 3.5
        numbers = record["known"]
        assert numbers["with_right_candidate"] == (known["rank"] > 0).sum() > 15
        assert numbers["first"] == (known["rank"] == 1).sum()
        assert numbers["first"] > max(numbers["first_by"].values()) - 3
        expected += numbers["sum_p"]
        right += numbers["with_right_candidate"]
        # the known sources' truth is the sky's, found by position alone
        names = set(sky.sample.fermi["name"][sky.found.candidates.source[sky.right]])
        with_right = known[known["rank"] > 0]["fermi_name"]
        assert with_right.isin(names).mean() > 0.95
    assert abs(expected - right) < 4 * np.sqrt(right)


def test_the_lists_of_the_workflow_are_there():
    assert all(Path(workflow_file(path)).is_file() for path in (FERMI_LIST, EXTENDED_LIST))
