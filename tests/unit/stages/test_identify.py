"""Identifications on simulated skies, whose truth is known: they must hold, over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from identified_sky import IdentifiedSky
from test_associate import pulls

from xgamma.association.states import STATES
from xgamma.stages.conclude import counterpart_table
from xgamma.stages.identify import identify_candidates
from xgamma.stages.tabulate import candidate_table, fermi_table

SEEDS = (21, 22)
SURVEYS = ["gaia", "twomass"]


@pytest.fixture(scope="module")
def skies() -> list[IdentifiedSky]:
    return [IdentifiedSky(seed) for seed in SEEDS]


def objects_of(skies, survey):
    parts = [sky.objects(survey) for sky in skies]
    p, right = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    return p, right, [part[2] for part in parts]


def listed_of(skies, survey):
    return (
        np.concatenate(values)
        for values in zip(*(sky.listed(survey) for sky in skies), strict=True)
    )


@pytest.mark.parametrize("survey", SURVEYS)
def test_as_many_objects_are_the_source_as_the_probabilities_say(skies, survey):
    p, right, _ = objects_of(skies, survey)
    assert right.sum() > 1500
    assert np.abs(pulls(p, right)).max() < 3.3
    assert abs(right.sum() - p.sum()) < 3 * np.sqrt((p * (1 - p)).sum())


@pytest.mark.parametrize("survey", SURVEYS)
def test_as_many_sources_are_listed_as_p_any_says_near_and_far_from_the_axis(skies, survey):
    p, listed = listed_of(skies, survey)
    assert np.abs(pulls(p, listed)).max() < 3.3
    error = np.concatenate(
        [sky.identified.sources.covariance[:, [0, 2]].max(axis=1) for sky in skies]
    )
    for group in np.array_split(np.argsort(error), 4):
        scatter = np.sqrt((p[group] * (1 - p[group])).sum())
        assert abs(listed[group].sum() - p[group].sum()) < 3.3 * scatter


@pytest.mark.parametrize("survey", SURVEYS)
def test_more_are_found_and_fewer_are_wrong_than_by_the_nearest_within_2_arcsec(skies, survey):
    p, right, rows = objects_of(skies, survey)
    _, listed = listed_of(skies, survey)
    chosen = (np.concatenate([one["rank"] for one in rows]) == 1) & (p >= 0.5)
    nearest = np.concatenate(
        [
            one.groupby("csc_name")["sep_arcsec"].transform("min").eq(one["sep_arcsec"])
            & (one["sep_arcsec"] <= 2)
            for one in rows
        ]
    )
    assert right[chosen].sum() / listed.sum() > right[nearest].sum() / listed.sum() + 0.02
    assert right[chosen].mean() > right[nearest].mean() + 0.05
    assert right[chosen].mean() == pytest.approx(p[chosen].mean(), abs=0.015)


@pytest.mark.parametrize("survey", SURVEYS)
def test_chance_is_what_sources_without_a_counterpart_have(skies, survey):
    """The rate at shifted places against sources of which the truth says that they have none."""
    found, chance = [], []
    for sky in skies:
        number = list(sky.identified.surveys).index(survey)
        near, p = sky.identified.found.neighbours[number], sky.identified.found.probability[number]
        of_source = np.bincount(near.source, weights=p, minlength=len(sky.identified.names))
        _, listed = sky.listed(survey)
        found.append(of_source[~listed])
        chance.append(sky.identified.chance[~listed, :, number].mean(axis=1))
    found, chance = np.concatenate(found), np.concatenate(chance)
    error = np.std(found - chance) / np.sqrt(len(found))
    assert 0.005 < chance.mean() < 0.15
    assert abs(found.mean() - chance.mean()) < 3.5 * error


def test_with_half_the_position_errors_they_would_not_hold(skies):
    """The tests above can fail."""
    sky = skies[0]
    csc = sky.solved.tables["csc"]
    halved = {name: csc[name] / 2 for name in ("error_ellipse_r0", "error_ellipse_r1")}
    found = identify_candidates(
        sky.targets, csc.assign(**halved), sky.solved.tables["chanmaster"], sky.shards, sky.surveys
    )
    number = list(found.surveys).index("gaia")
    _, listed = sky.listed("gaia")
    assert np.abs(pulls(found.found.p_any[:, number], listed)).max() > 5


def test_evidence_holds_and_tells_more(skies):
    """Where the sky is made as the evidence is weighed: better by its log loss, and calibrated."""
    loss = {}
    for name in ("p_association", "p_association_evidence"):
        probability, right, terms = [], [], []
        for sky in skies:
            p, is_right, of_source = sky.judged_evidence(name)
            probability.append(p)
            right.append(is_right)
            terms.append(of_source)
        probability, right = np.concatenate(probability), np.concatenate(right)
        assert np.abs(pulls(probability, right)).max() < 3.3, name
        loss[name] = np.concatenate(terms).mean()
    assert loss["p_association_evidence"] < loss["p_association"] - 0.03


def test_the_table_to_open_first(skies):
    """One row per Fermi source, the surest first; the headline is the one that was chosen."""
    sky = skies[0]
    solved = sky.solved
    candidates = candidate_table(sky.association, solved.sample.fermi, solved.tables["csc"])
    controls = pd.DataFrame({"fermi_name": [], "chance_sum_p": []})
    fermi = fermi_table(sky.sources, candidates, controls, solved.sample.fermi)
    for with_evidence in (False, True):
        table = counterpart_table(
            fermi,
            candidates,
            sky.evidence,
            sky.table,
            sky.surveys,
            with_evidence,
            solved.sample.fermi,
        )
        assert sorted(table["fermi_name"]) == sorted(fermi["fermi_name"])
        p = table["p_counterpart"].dropna()
        assert p.is_monotonic_decreasing and p.iloc[0] > 0.99
        chosen = "p_association_evidence" if with_evidence else "p_association"
        known = table[table[chosen].notna()]
        assert (known["p_counterpart"] == known[chosen]).all()
        sure = table["p_counterpart"] >= 0.8
        assert (table["state"] == STATES[6]).eq(sure).all()
        if not with_evidence:
            states = fermi.set_index("fermi_name")["state"]
            assert (table["state"] == table["fermi_name"].map(states)).all()
    # the likeliest objects of the likeliest candidate
    first = table[(table["gaia_id"] != "") & (table["p_counterpart"] > 0.5)].iloc[0]
    rows = sky.table[
        (sky.table["fermi_name"] == first["fermi_name"])
        & (sky.table["csc_name"] == first["csc_name"])
        & (sky.table["survey"] == "gaia")
    ]
    assert first["gaia_id"] == rows.loc[rows["p_object"].idxmax(), "object_id"]
