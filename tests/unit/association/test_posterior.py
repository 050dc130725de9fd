"""Probabilities of single sources on paper: candidates, and what else may be."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from uniform_sky import (
    LOG_LIMIT,
    counts,
    disc,
    ellipses,
    moved,
    no_sources,
    places_in_disc,
    sources,
    stated_model,
)

from xgamma.association.fields import Fields, fields_around
from xgamma.association.flux_ratios import LIMIT_GRID
from xgamma.association.kinds import KindShares
from xgamma.association.parameters import GROUPS, KINDS
from xgamma.association.positions import Offsets, error_ellipses
from xgamma.association.posterior import (
    Candidates,
    aimed_factor,
    aimed_share,
    find_candidates,
    posterior,
)

PULSAR, GALAXY = GROUPS.index("pulsar"), GROUPS.index("active galaxy")
LN10 = np.log(10)
# chance is well known: 200 per square degree above 1e-14, whatever the field
KNOWN = counts(shape=1e9)
# of what was aimed at has a test of its own
MODEL = replace(stated_model(KNOWN), aimed=0.0)


def student(ratio, kind):
    return stats.t(4, MODEL.ratios.median[kind], MODEL.ratios.width[kind]).pdf(ratio)


def listed(limit, kind):
    """Probability that a counterpart is listed, by integration."""
    law = stats.t(4, MODEL.ratios.median[kind], MODEL.ratios.width[kind])
    faint, _ = integrate.quad(lambda r: law.pdf(r) * 10 ** (5 * (r - limit)), limit - 6, limit)
    return law.sf(limit) + faint


def one_kind(*groups):
    """Sources of one kind each; a group has the number of its kind up to active galaxies."""
    return KindShares(np.array(groups), np.eye(len(KINDS))[list(groups)], {})


def fields(coverage, limit):
    """Fields of one depth each: log10 of flux limit over gamma-ray flux, a point of the grid."""
    n = len(coverage)
    depth = np.zeros((n, len(LIMIT_GRID)))
    depth[np.arange(n), np.searchsorted(LIMIT_GRID, np.array(limit) - 1e-6)] = coverage
    nothing = np.zeros(n)
    return Fields(
        np.array(coverage, float), nothing, nothing, nothing, nothing, nothing, depth,
        nothing, nothing, nothing, nothing,
    )  # fmt: skip


def candidates(*rows):
    """(source, log density of place, log ratio, log chance, limit ratio) of each."""
    source, place, ratio, chance, limit = (np.array(values) for values in zip(*rows, strict=True))
    nothing = np.zeros(len(rows))
    of = Offsets(nothing, nothing, place.astype(float))
    return Candidates(source, np.arange(len(rows)), of, ratio, chance, limit)


def none_at_all():
    empty, whole = np.empty(0), np.empty(0, np.int64)
    return Candidates(whole, whole, Offsets(empty, empty, empty), empty, empty, empty)


# ---- on paper


def test_one_source_and_one_candidate():
    """A pulsar, 80 % seen to u = -3; a place with f = 30 per square degree, r = -3, n = 100."""
    found = posterior(
        MODEL,
        one_kind(PULSAR),
        fields([0.8], [-3.0]),
        candidates((0, np.log(30), -3.0, np.log(100), -3.0)),
    )
    eta, is_listed = 0.9, 0.8 * listed(-3.0, 0)
    ratio = 30 * student(-3.0, 0) / 100
    whole = eta * ratio + 1 - eta * is_listed
    assert found.likelihood_ratio == pytest.approx([ratio])
    assert found.probability == pytest.approx([eta * ratio / whole], abs=2e-4)
    assert found.outside == pytest.approx([eta * 0.2 / whole], abs=2e-4)
    assert found.below == pytest.approx([eta * (0.8 - is_listed) / whole], abs=5e-4)
    assert found.none == pytest.approx([(1 - eta) / whole], abs=2e-4)
    assert found.listed_share == pytest.approx([eta * is_listed], abs=5e-4)
    assert found.weight == pytest.approx([eta * ratio])
    assert found.rest == pytest.approx([1 - eta * is_listed], abs=5e-4)


def test_what_was_aimed_at_lies_where_chandra_has_looked():
    """A fifth was seen, aimed at the pulsar in two of three cases, had it grazed by none."""
    model, unclassified = replace(MODEL, aimed=0.6), GROUPS.index("unclassified")
    place = (np.log(30), -3.0, np.log(100), -3.0)
    plain, aimed = (
        posterior(one, one_kind(PULSAR), fields([0.2], [-3.0]), candidates((0, *place)))
        for one in (MODEL, model)
    )
    share = 0.6 * 0.2 / (0.2 + 0.1)
    assert share == pytest.approx(0.4)
    assert aimed_share(np.array([0.2]), np.array([PULSAR]), 0.6) == pytest.approx(share)
    # coverage 0.2 + 0.4 x 0.8; all that was seen counts 0.6 + 0.4 / 0.2 times as much
    assert aimed.weight == pytest.approx(plain.weight * 2.6)
    assert aimed.listed_share == pytest.approx(plain.listed_share * 2.6)
    total = aimed.weight[0] / aimed.probability[0]
    assert aimed.outside[0] * total == pytest.approx(0.9 * (1 - 0.52))
    assert aimed.probability.sum() + (aimed.outside + aimed.below + aimed.none)[0] == (
        pytest.approx(1)
    )
    # of others the position was looked at, and of what was not seen nothing is known
    assert aimed_factor(np.array([0.2]), np.array([unclassified]), 0.6) == 1
    assert aimed_factor(np.array([0.0]), np.array([PULSAR]), 0.6) == 1


def test_no_candidates():
    """Nothing found: a galaxy in a deep field, one in a shallow field, one not looked at."""
    found = posterior(
        MODEL, one_kind(GALAXY, GALAXY, GALAXY), fields([1, 1, 0], [-4.0, -0.5, 0.0]), none_at_all()
    )
    for row, limit in ((0, -4.0), (1, -0.5)):
        missed = 0.95 * (1 - listed(limit, 2))
        assert found.below[row] == pytest.approx(missed / (missed + 0.05), abs=3e-3)
        assert found.none[row] == pytest.approx(0.05 / (missed + 0.05), abs=3e-3)
    assert found.outside == pytest.approx([0, 0, 0.95]) and found.below[2] == 0
    assert found.none[2] == pytest.approx(0.05)
    # a deep field in which nothing is found says that there is nothing
    assert found.none[0] > 0.8 and found.none[1] < 0.1


def test_a_candidate_without_flux():
    """That it is listed at all, over all that are listed there."""
    found = posterior(
        MODEL,
        one_kind(GALAXY),
        fields([1.0], [-2.0]),
        candidates((0, np.log(30), np.nan, np.log(250), -2.0)),
    )
    assert found.likelihood_ratio == pytest.approx([30 * listed(-2.0, 2) / 250], rel=1e-3)


def test_what_a_source_may_be_is_a_sum():
    """An unclassified source: the likelihood ratio of each kind with its share."""
    shares = np.array([[0.3, 0.2, 0.4, 0.03, 0.07]])
    found = posterior(
        MODEL,
        KindShares(np.array([GROUPS.index("unclassified")]), shares, {}),
        fields([1.0], [-3.0]),
        candidates((0, np.log(30), -2.0, np.log(100), -3.0)),
    )
    ratio = 0.3 * sum(s * student(-2.0, kind) for kind, s in enumerate(shares[0]))
    assert found.likelihood_ratio == pytest.approx([ratio])
    is_listed = sum(s * listed(-3.0, kind) for kind, s in enumerate(shares[0]))
    assert found.listed_share == pytest.approx([0.4 * is_listed], abs=5e-4)


def test_all_that_may_be_sums_to_one():
    random = np.random.default_rng(9)
    n, k = 50, 400
    kinds = random.dirichlet(np.ones(len(KINDS)), n)
    around = fields(random.random(n), random.choice(LIMIT_GRID, n))
    source = np.sort(random.integers(0, n, k))
    rows = zip(
        source,
        random.normal(3, 3, k),
        np.where(random.random(k) < 0.2, np.nan, random.normal(-2, 2, k)),
        random.normal(5, 2, k),
        random.uniform(-8, 5, k),
        strict=True,
    )
    found = posterior(
        MODEL, KindShares(random.integers(0, len(GROUPS), n), kinds, {}), around, candidates(*rows)
    )
    whole = np.bincount(source, found.probability, minlength=n)
    assert whole + found.outside + found.below + found.none == pytest.approx(np.ones(n))
    for part in (found.probability, found.outside, found.below, found.none):
        assert (part >= 0).all() and (part <= 1).all()
    # the same from weights
    total = np.bincount(source, found.weight, minlength=n) + found.rest
    assert found.probability == pytest.approx(found.weight / total[source])


def test_a_candidate_beyond_all_measure_is_sure():
    """A density of e^2000 is no overflow."""
    found = posterior(
        MODEL, one_kind(PULSAR), fields([1.0], [-3.0]), candidates((0, 2000.0, -3.0, 0.0, -3.0))
    )
    assert found.probability == pytest.approx([1]) and found.none == pytest.approx([0])


def test_joint_probabilities_leave_the_rest_in_proportion():
    found = posterior(
        MODEL,
        one_kind(PULSAR, PULSAR),
        fields([0.7, 0.0], [-3.0, 0.0]),
        candidates((0, np.log(30), -3.0, np.log(100), -3.0)),
    )
    joint = found.with_joint(np.array([0.1]), np.array([0.9, 1.0]))
    parts = np.array([joint.outside, joint.below, joint.none])
    assert parts.sum(axis=0) == pytest.approx([0.9, 1.0])
    assert joint.outside[0] / joint.none[0] == pytest.approx(found.outside[0] / found.none[0])
    assert joint.probability.tolist() == [0.1]


# ---- candidates


def found_in(places, xray, cells, of=KNOWN, errors=None, log_gamma=-11.0, left_out=None):
    gamma = np.full(len(places), log_gamma)
    around = fields_around(cells, xray, places, gamma, of)
    null = np.full(len(xray), np.nan)
    found = find_candidates(places, gamma, around, xray, errors or (null, null, null), of, left_out)
    return around, found


def test_candidates_are_searched_to_three_times_the_ellipse():
    cells = disc(100, 10, 1.0)
    at = moved(100, 10, np.array([0.0, 0.299, 0.301, 0.149, 0.151]), [0, 70, 70, 160, 160])
    xray = sources(*at, np.full(5, LOG_LIMIT), cells)
    _, found = found_in(ellipses(100, 10, 0.1, 0.05, 70), xray, cells)
    assert found.xray.tolist() == [0, 1, 3] and found.source.tolist() == [0, 0, 0]
    assert found.offsets.distance == pytest.approx([0, 2.99, 2.98], rel=1e-4)
    # errors of the Chandra sources widen it: 0.01 degrees beside 0.1 and 0.05
    errors = np.full(5, 36.0), np.full(5, np.nan), np.full(5, np.nan)
    _, found = found_in(ellipses(100, 10, 0.1, 0.05, 70), xray, cells, errors=errors)
    assert found.xray.tolist() == [0, 1, 2, 3, 4]
    left_out = np.array([True, False, False, True, False])
    _, found = found_in(
        ellipses(100, 10, 0.1, 0.05, 70), xray, cells, errors=errors, left_out=left_out
    )
    assert found.xray.tolist() == [1, 2, 4]


def test_a_candidate_is_not_its_own_chance():
    """Two in the region, one beyond it but searched; K of each is that of the other ones."""
    cells = disc(100, 10, 1.0)
    at = moved(100, 10, np.array([0.0, 0.15, 0.25]), 0.0)
    of = counts(shape=2.0)
    around, found = found_in(
        ellipses(100, 10, 0.1), sources(*at, [-14, -14, -14], cells), cells, of
    )
    assert around.listed.tolist() == [2]
    area = around.effective_area[0]
    scale = np.array([3, 3, 4]) / (2 / 200 + area)
    # K per square degree above 1e-14, so K ln10 per dex there
    assert np.exp(found.log_chance) == pytest.approx(scale * LN10)
    assert area == pytest.approx(np.pi * 0.2**2 / 0.8, rel=0.03)


def test_flux_ratios_limits_and_chance_of_candidates():
    """Ten times as bright, a tenth as many; without flux, all that are listed at the limit."""
    cells = disc(100, 10, 1.0, 60e3)  # to 1e-15
    at = moved(100, 10, np.array([0.01, 0.02, 0.03]), 0.0)
    xray = sources(*at, [-13.0, -12.0, np.nan], cells)
    around, found = found_in(ellipses(100, 10, 0.1), xray, cells, log_gamma=-10.5)
    assert found.log_ratio[:2] == pytest.approx([-2.5, -1.5]) and np.isnan(found.log_ratio[2])
    # of excesses 2 and 3 the quantile is 2.2, drawn to 0 by five sources
    shift = 2 * 2.2 / 7
    assert around.shift == pytest.approx([shift])
    assert found.limit_ratio == pytest.approx(np.full(3, -15 + shift + 10.5))
    expected = [200 * LN10 / 10, 200 * LN10 / 100, 200 * 10 ** (1 - shift) / 0.8]
    assert np.exp(found.log_chance) == pytest.approx(expected, rel=1e-6)


def test_a_candidate_of_which_no_exposure_is_known():
    """It lies in no cell, though in the catalogue: the field's limit stands for its own."""
    cells = disc(100, 10, 1.0)
    hole = cells.take(cells.at(np.array([100.05]), np.array([10.0]))[0] != np.arange(len(cells)))
    xray = sources([100.05, 100.05], [10.0, 10.001], [-13, np.nan], hole)
    assert xray.log_limit.tolist() == [np.inf, np.inf]
    around, found = found_in(ellipses(100, 10, 0.1), xray, hole)
    assert found.limit_ratio == pytest.approx(np.full(2, around.log_limit[0] + 11))
    probability = posterior(MODEL, one_kind(PULSAR), around, found).probability
    assert np.isfinite(probability).all()


def test_no_chandra_sources():
    cells = disc(100, 10, 0.5)
    around, found = found_in(ellipses(100, 10, 0.1), no_sources(), cells)
    assert len(found) == 0
    assert posterior(MODEL, one_kind(PULSAR), around, found).probability.shape == (0,)


# ---- sources in a field


def test_a_bright_candidate_far_out_is_the_one_where_ellipses_have_tails():
    """x = 2.5: a tenth of the sources in the plane have errors three times as large."""
    cells = disc(100, 10, 1.0)
    xray = sources(*moved(100, 10, 0.25, 200.0), -10.5, cells)
    with_tails, without = (ellipses(100, 10, 0.1, wide_share=w) for w in (0.1, 0.0))
    probability = []
    for places, w in ((with_tails, 0.1), (without, 0.0)):
        around, found = found_in(places, xray, cells, log_gamma=-9.5)
        probability.append(posterior(MODEL, one_kind(GALAXY), around, found).probability[0])
        k = -np.log(0.05)
        density = (1 - w) * k / 0.97**2 * np.exp(-k * 6.25 / 0.97**2)
        density += w * k / 2.86**2 * np.exp(-k * 6.25 / 2.86**2)
        density /= np.pi * 0.1**2
        chance = 200 * LN10 * 10**-3.5
        weight = 0.95 * density * student(-1.0, 2) / chance
        is_listed = 0.95 * (around.depth @ MODEL.ratios.listed_table(2))[0]
        assert probability[-1] == pytest.approx(weight / (weight + 1 - is_listed), rel=1e-4)
    assert probability[0] > 0.5 and probability[1] < 1e-4


def test_a_candidate_at_the_edge_of_coverage():
    """Half was seen: the candidate's weight is as in the middle, more is left for outside."""
    whole, half = disc(100, 10, 4.0), disc(100, 14, 4.0)
    places = ellipses(100, 10, 0.1)
    results = []
    for cells in (whole, half):
        xray = sources(*moved(100, 10, 0.04, 0.0), LOG_LIMIT, cells)
        around, found = found_in(places, xray, cells, log_gamma=-11.0)
        results.append(posterior(MODEL, one_kind(PULSAR), around, found))
    middle, edge = results
    assert edge.weight == pytest.approx(middle.weight)
    # the middle: 10 % of the errors are wide, of which exp(-K 9 / 2.86^2) lie beyond the search
    beyond = 0.1 * 0.05 ** (9 / 2.86**2)
    assert middle.outside[0] / middle.none[0] == pytest.approx(0.9 * beyond / 0.1, rel=0.1)
    total = edge.weight[0] / edge.probability[0]
    assert edge.outside[0] * total == pytest.approx(0.9 / 2, abs=0.06)
    assert edge.probability[0] < middle.probability[0]


def test_an_extended_source():
    """Its counterpart may lie anywhere in it: 95 % of a Gaussian, no tails beyond."""
    fermi = pd.DataFrame(
        {
            "name": ["wide"], "ra": [100.0], "dec": [10.0], "bii": [0.5],
            "semi_major_axis_95": [np.nan], "semi_minor_axis_95": [np.nan],
            "position_angle_95": [np.nan], "analysis_flags": [1],
            "detection_significance": [40.0],
        }
    )  # fmt: skip
    extended = pd.DataFrame(
        [("wide", "2D Gaussian", 0.2, 0.2, 0.0)],
        columns=["name", "model_form", "model_semi_major", "model_semi_minor",
                 "model_position_angle"],
    )  # fmt: skip
    cells = disc(100, 10, 2.0)
    places = error_ellipses(fermi, extended)
    distance = np.array([0.0, 0.2, 0.6])
    xray = sources(*moved(100, 10, distance, 50.0), np.full(3, -13.0), cells)
    _, found = found_in(places, xray, cells)
    sigma = 0.2 / stats.rayleigh.ppf(0.68)
    by_hand = stats.multivariate_normal(cov=sigma**2).logpdf(distance) - np.log(
        np.sqrt(2 * np.pi) * sigma
    )
    assert found.offsets.log_density == pytest.approx(by_hand, abs=1e-4)


def test_more_of_what_is_found_by_chance_takes_from_each():
    """A hundred faint ones in the ellipse share what one alone has; the rest is as before."""
    random = np.random.default_rng(2)
    cells = disc(100, 10, 1.0)
    at = places_in_disc(random, 100, 10, 0.05, 100)
    xray = sources(*at, np.full(100, LOG_LIMIT), cells)
    places = ellipses(100, 10, 0.1)
    around, many = found_in(places, xray, cells)
    one = many.take(np.array([0]))
    alone = posterior(MODEL, one_kind(PULSAR), around, one)
    together = posterior(MODEL, one_kind(PULSAR), around, many)
    assert together.weight[0] == pytest.approx(alone.weight[0])
    assert together.probability[0] < alone.probability[0]
    assert together.probability.sum() + together.rest[0] / (
        together.weight.sum() + together.rest[0]
    ) == pytest.approx(1)
    # twice the chance, half the likelihood ratio
    doubled = replace(many, log_chance=many.log_chance + np.log(2))
    assert posterior(MODEL, one_kind(PULSAR), around, doubled).likelihood_ratio == pytest.approx(
        together.likelihood_ratio / 2
    )
