"""Probabilities keep what they say: of those of 0.3, three in ten are right.

Fermi sources and their counterparts are drawn from the model and put into a sky of chance sources;
the same code that runs on catalogues looks for them.
"""

from dataclasses import replace

import numpy as np
import pytest
from uniform_sky import one_kind_each, simulated, stated_model

from xgamma.association.posterior import posterior

EDGES = np.array([0, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95])


def drawn(seed, number, **how):
    model = stated_model()
    return [
        simulated(seed + step, model.eta, model.ratios, one_kind_each(), **how)
        for step in range(number)
    ]


@pytest.fixture(scope="module", params=["all seen", "all seen, again", "parts seen"])
def skies(request):
    """Over a thousand Fermi sources with 16,000 candidates, or 5,700 where parts were seen.

    There Chandra was aimed at the objects that were known, seven times in ten.
    """
    match request.param:
        case "all seen":
            return drawn(0, 4)
        case "all seen, again":
            return drawn(100, 4)
    return drawn(300, 6, patchy=True, aimed=0.7)


def pulls(skies, chance=1.0, aimed=0.7):
    """Right ones less the sum of P over the binomial error, by bins of P and for all together."""
    probability, right = [], []
    for sky in skies:
        candidates = replace(sky.candidates, log_chance=sky.candidates.log_chance + np.log(chance))
        model = replace(stated_model(sky.counts), aimed=aimed)
        found = posterior(model, sky.shares, sky.fields, candidates)
        probability.append(found.probability)
        right.append(sky.right)
    probability, right = np.concatenate(probability), np.concatenate(right)
    at = np.searchsorted(EDGES, probability, side="right") - 1
    off, variance = (
        np.bincount(at, values, minlength=len(EDGES))
        for values in (right - probability, probability * (1 - probability))
    )
    assert len(probability) > 5_000 and right.sum() > 300
    assert (np.bincount(at, minlength=len(EDGES)) > 30).all()
    # of what is all but sure, one may be wrong: the error of a count is not below 1
    return np.append(off, off.sum()) / np.sqrt(np.maximum(np.append(variance, variance.sum()), 1))


def test_as_many_are_right_as_the_probabilities_say(skies):
    assert np.abs(pulls(skies)).max() < 3


@pytest.mark.parametrize("chance", [2.0, 0.5])
def test_a_wrong_chance_density_is_noticed(skies, chance):
    """The test above would fail: more, or fewer, are right than the probabilities say."""
    found = pulls(skies, chance)
    assert np.abs(found).max() > 3
    assert np.sign(found[-1]) == np.sign(chance - 1) and abs(found[-1]) > 3


def test_that_chandra_was_aimed_at_known_objects_is_noticed():
    """Without it, sources of which a part was seen would have too low probabilities."""
    found = pulls(drawn(300, 6, patchy=True, aimed=0.7), aimed=0.0)
    assert found[-1] > 3 and np.abs(found).max() > 3


def test_what_is_not_listed_is_as_often_as_the_probabilities_say(skies):
    """Fermi sources of which no candidate is right, by the probability of that."""
    missing, expected, variance = 0, 0.0, 0.0
    for sky in skies:
        found = posterior(stated_model(sky.counts), sky.shares, sky.fields, sky.candidates)
        none = found.outside + found.below + found.none
        seen = sky.fields.coverage > 0
        has_right = np.bincount(sky.candidates.source, sky.right, minlength=len(none)) > 0
        missing += (seen & ~has_right).sum()
        expected += none[seen].sum()
        variance += (none * (1 - none))[seen].sum()
    assert abs(missing - expected) < 3 * np.sqrt(variance)
