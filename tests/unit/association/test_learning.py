"""What is drawn comes back, few sources keep the stated values, slopes are those of the loss."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from uniform_sky import counts, one_kind_each, simulated, stated_model, stated_ratios

from xgamma.association import learning
from xgamma.association.kinds import KindShares
from xgamma.association.learning import fit_model
from xgamma.association.parameters import (
    AIMED,
    ETA,
    GROUPS,
    KINDS,
    LOG_WIDTH_ERROR,
    MEDIAN,
    MEDIAN_ERROR,
    PARAMETERS,
    WIDTH,
)
from xgamma.association.posterior import posterior

GALAXY, UNCLASSIFIED = GROUPS.index("active galaxy"), GROUPS.index("unclassified")
STATED = dict(zip(PARAMETERS, (*ETA, AIMED, *MEDIAN, *WIDTH), strict=True))
# what the simulated galaxies are like: fewer shine, fainter
TRUE_ETA = np.array([0.9, 0.8, 0.75, 0.9, 0.4, 0.5])
TRUE_MEDIAN = -1.4


def true_ratios():
    median = stated_ratios().median.copy()
    median[2] = TRUE_MEDIAN
    return stated_ratios().with_values(median, stated_ratios().width)


@pytest.fixture(scope="module")
def skies():
    """Galaxies and unclassified sources, some hundreds, twice."""
    return [
        simulated(seed, TRUE_ETA, true_ratios(), one_kind_each(), [GALAXY, UNCLASSIFIED])
        for seed in (600, 601)
    ]


def fit(sky, fixed=None, sources=None):
    """Fit to a sky, or to its first sources only."""
    stay = slice(None) if sources is None else slice(sources)
    n = len(sky.shares.group[stay])
    return fit_model(
        stated_model(sky.counts),
        KindShares(sky.shares.group[stay], sky.shares.shares[stay], {}),
        sky.fields.take(np.arange(n)),
        sky.candidates.take(sky.candidates.source < n),
        fixed or {},
    )


@pytest.fixture(scope="module")
def fits(skies):
    return [fit(sky) for sky in skies]


def test_what_was_drawn_comes_back_within_its_errors(fits):
    for found in fits:
        for name, truth in (
            ("eta_active_galaxy", TRUE_ETA[GALAXY]),
            ("eta_unclassified", TRUE_ETA[UNCLASSIFIED]),
            ("median_ratio_active_galaxy", TRUE_MEDIAN),
            ("ratio_width_active_galaxy", 0.8),
        ):
            assert abs(found.value[name] - truth) < 3 * found.error[name], name
        # and it has left the stated values
        assert found.value["eta_active_galaxy"] < 0.87
        assert found.value["median_ratio_active_galaxy"] < -1.2
        assert found.error["eta_active_galaxy"] < 0.1
        assert found.error["median_ratio_active_galaxy"] < 0.2


def test_of_what_there_are_no_sources_the_stated_value_stays(fits):
    for found in fits:
        assert found.value["eta_pulsar"] == pytest.approx(0.9, abs=1e-3)
        assert found.sources["eta_pulsar"] == 0
        # so many sources count as the stated value does: an error of sqrt(0.9 * 0.1 / 10)
        assert found.error["eta_pulsar"] == pytest.approx(0.0949, rel=0.02)
        assert found.sources["eta_active_galaxy"] > 100
        assert found.sources["median_ratio_active_galaxy"] > 100


def test_few_sources_keep_the_stated_values(skies):
    found = fit(skies[0], sources=3)
    for name in PARAMETERS:
        known = 0.1 if name.startswith("eta") else 0.15
        assert found.value[name] == pytest.approx(STATED[name], abs=known), name
    nothing = fit(skies[0], sources=0)
    assert list(nothing.value.values()) == pytest.approx(list(STATED.values()), abs=1e-4)
    for name, error in zip(PARAMETERS[7:12], MEDIAN_ERROR, strict=True):
        assert nothing.error[name] == pytest.approx(error, rel=1e-3)
    for name, error, width in zip(PARAMETERS[12:], LOG_WIDTH_ERROR, WIDTH, strict=True):
        assert nothing.error[name] == pytest.approx(error * width, rel=1e-2)


def test_fixed_values_stay(skies, fits):
    fixed = {
        "eta_active_galaxy": 0.5,
        "median_ratio_active_galaxy": -2.0,
        "ratio_width_pulsar": 1.5,
    }
    found = fit(skies[0], fixed)
    for name, value in fixed.items():
        assert found.value[name] == pytest.approx(value, abs=1e-12)
        assert np.isnan(found.error[name])
    assert found.fixed == tuple(name for name in PARAMETERS if name in fixed)
    assert found.model.eta[GALAXY] == pytest.approx(0.5)
    assert found.model.ratios.median[2] == pytest.approx(-2.0)
    assert found.model.ratios.width[0] == pytest.approx(1.5)
    # the others are learnt beside them
    assert np.isfinite(found.error["ratio_width_active_galaxy"])
    assert found.value["ratio_width_active_galaxy"] > fits[0].value["ratio_width_active_galaxy"]


def test_all_values_fixed(skies):
    found = fit(skies[0], STATED)
    assert list(found.value.values()) == pytest.approx(list(STATED.values()), abs=1e-12)
    assert np.isnan(list(found.error.values())).all() and found.fixed == PARAMETERS


def test_the_same_bits_twice(skies, fits):
    again = fit(skies[0])
    assert again.value == fits[0].value
    assert np.array(list(again.error.values())).tobytes() == (
        np.array(list(fits[0].error.values())).tobytes()
    )


def loss_by_hand(sky, model):
    """Minus the logarithm of what the posterior has for a whole, and of the stated values."""
    found = posterior(model, sky.shares, sky.fields, sky.candidates)
    whole = np.bincount(sky.candidates.source, found.weight, minlength=len(found.rest)) + found.rest
    share, stated = np.append(model.eta, model.aimed), np.append(ETA, AIMED)
    prior = 10 * (stated * np.log(share) + (1 - stated) * np.log(1 - share)).sum()
    prior += stats.norm(MEDIAN, MEDIAN_ERROR).logpdf(model.ratios.median).sum()
    prior += stats.norm(np.log(WIDTH), LOG_WIDTH_ERROR).logpdf(np.log(model.ratios.width)).sum()
    return -np.log(whole).sum() - prior


def test_the_values_are_the_likeliest_of_a_likelihood_written_out(skies, fits):
    """A third of an error to either side is less likely, by about what an error means."""
    sky, found = skies[0], fits[0]
    best = loss_by_hand(sky, found.model)
    ratios = found.model.ratios
    # of "aimed" these sources say nothing: all of their ellipses were seen
    learnt = [name for name in PARAMETERS if name != "aimed"]
    for number, name in enumerate(learnt):
        for side in (-1, 1):
            step = side * found.error[name] / 3
            eta, median, width = found.model.eta.copy(), ratios.median.copy(), ratios.width.copy()
            values = (eta, median, width)[(number >= 6) + (number >= 11)]
            at = number - (0, 6, 11)[(number >= 6) + (number >= 11)]
            values[at] += step
            if eta.max() >= 1:
                continue
            moved = replace(found.model, eta=eta, ratios=ratios.with_values(median, width))
            # 1/2 (1/3)^2 if it were a parabola
            assert 0.02 < loss_by_hand(sky, moved) - best < 0.15, name


@pytest.fixture(scope="module")
def patchy():
    """Galaxies and binaries of which a part was seen, at four of which in ten Chandra was aimed."""
    return simulated(
        700,
        TRUE_ETA,
        stated_ratios(),
        one_kind_each(),
        [GALAXY, GALAXY + 1],
        patchy=True,
        aimed=0.4,
    )


def test_how_many_were_aimed_at_comes_back(patchy):
    found = fit(patchy)
    coverage = patchy.fields.coverage
    assert found.sources["aimed"] == (coverage > 0).sum() and np.quantile(coverage, 0.4) < 0.7
    assert abs(found.value["aimed"] - 0.4) < 3 * found.error["aimed"] < 0.4
    assert found.value["aimed"] < 0.65


def test_the_loss_is_that_likelihood_but_for_a_constant(patchy):
    """It leaves out sources that nobody looked at, and candidates that hardly count."""
    sky = patchy
    assert (sky.fields.coverage == 0).any()
    start = stated_model(sky.counts)
    task = learning._Task(start, sky.shares, sky.fields, sky.candidates)
    random = np.random.default_rng(4)
    differences = []
    for _ in range(4):
        free = task._stated_free + random.normal(0, 0.3, len(PARAMETERS))
        share, median, width = 1 / (1 + np.exp(-free[:7])), free[7:12], np.exp(free[12:])
        ratios = start.ratios.with_values(median, width)
        model = replace(start, eta=share[:6], aimed=share[6], ratios=ratios)
        differences.append(task.loss(free)[0] - loss_by_hand(sky, model))
    assert np.ptp(differences) < 1e-3


def test_the_slope_against_differences_of_the_loss(patchy):
    """At values that are none of the best: each direction, by central differences."""
    sky = patchy
    task = learning._Task(stated_model(sky.counts), sky.shares, sky.fields, sky.candidates)
    random = np.random.default_rng(3)
    stated = task._stated_free
    at = stated + random.normal(0, 0.3, len(stated))
    _, slope = task.loss(at)
    for direction in range(len(at)):
        step = np.zeros(len(at))
        step[direction] = 1e-3
        difference = (task.loss(at + step)[0] - task.loss(at - step)[0]) / 2e-3
        assert slope[direction] == pytest.approx(difference, abs=2e-2, rel=2e-3)


def test_sources_that_nobody_looked_at_teach_nothing(skies, fits):
    """A hundred more without coverage: not one bit changes."""
    sky = skies[0]
    n = len(sky.shares.group)
    dark = sky.fields.take(np.zeros(100, int))
    dark = replace(dark, coverage=np.zeros(100), depth=np.zeros_like(dark.depth))
    both = type(dark)(
        *(np.concatenate([a, b]) for a, b in zip(vars(sky.fields).values(), vars(dark).values(),
                                                  strict=True))
    )  # fmt: skip
    shares = KindShares(
        np.append(sky.shares.group, np.full(100, GALAXY)),
        np.concatenate([sky.shares.shares, np.tile(np.eye(len(KINDS))[2], (100, 1))]),
        {},
    )
    assert len(both.coverage) == n + 100
    found = fit_model(stated_model(sky.counts), shares, both, sky.candidates, {})
    assert found.value == fits[0].value and found.sources == fits[0].sources


def test_a_model_of_no_sources_at_all():
    nobody = simulated(1, TRUE_ETA, true_ratios(), one_kind_each())
    found = fit_model(
        stated_model(counts()),
        KindShares(np.empty(0, np.int64), np.empty((0, len(KINDS))), {}),
        nobody.fields.take(np.empty(0, int)),
        nobody.candidates.take(np.empty(0, int)),
        {},
    )
    assert list(found.value.values()) == pytest.approx(list(STATED.values()), abs=1e-4)
