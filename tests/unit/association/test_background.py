"""Chance: slopes and scales that are drawn come back, fields by hand and by integrals."""

import numpy as np
import pytest
from scipy import integrate, stats
from uniform_sky import counts

from xgamma.association.background import fit_scale, fit_slope, listed_per_unit
from xgamma.association.flux_ratios import completeness

LN10 = np.log(10)


def drawn_excess(random, n, slope):
    """log10 of flux over limit of listed sources: a fifth lie below, at four times the slope."""
    below = random.random(n) < 0.2
    distance = random.exponential(1 / (slope * LN10), n)
    return np.where(below, -distance / 4, distance)


# ---- slope and limit


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.7, 0.3), (1.5, -0.4)])
def test_a_power_law_that_is_drawn_comes_back(slope, shift):
    excess = shift + drawn_excess(np.random.default_rng(7), 20_000, slope)
    found_shift, found, error = fit_slope(excess)
    # a quantile's error is that of the share over the density there
    assert abs(found_shift - shift) < 3 * np.sqrt(0.2 * 0.8 / 20_000) / (0.8 * slope * LN10)
    assert abs(found - slope) < 3 * error
    assert error == pytest.approx(slope / np.sqrt(16_000), rel=0.05)


def test_the_error_of_the_slope_is_the_scatter_of_repeated_draws():
    random = np.random.default_rng(8)
    fits = np.array([fit_slope(drawn_excess(random, 200, 1.0)) for _ in range(400)])
    pull = (fits[:, 1] - 1) / fits[:, 2]
    assert pull.std() == pytest.approx(1, abs=0.15) and abs(pull.mean()) < 0.2


def test_the_slope_of_hardly_any_sources():
    assert fit_slope(np.empty(0))[0] == 0 and np.isnan(fit_slope(np.empty(0))[1:]).all()
    shift, slope, error = fit_slope(np.array([0.3]))
    assert shift == 0.3 and np.isnan([slope, error]).all()


# ---- how many are listed


@pytest.mark.parametrize("slope", [0.8, 1.0, 1.4])
def test_what_is_listed_is_the_integral_over_counts_and_completeness(slope):
    for limit in (-15.3, -14.0, -12.6):
        expected, _ = integrate.quad(
            lambda f, limit=limit: (
                np.exp(counts(slope=slope).log_flux_density(150.0, f))
                * completeness(f - limit, slope)
            ),
            -22,
            -2,
            points=[limit],
        )
        assert 150 * listed_per_unit(np.array([limit]), slope) == pytest.approx([expected], 1e-5)
    assert listed_per_unit(np.array([np.inf]), slope).tolist() == [0]


def test_the_density_of_fluxes_is_the_slope_of_the_counts():
    """K sources per square degree above 1e-14; a tenth above ten times that, for a slope of 1."""
    above, _ = integrate.quad(lambda f: np.exp(counts().log_flux_density(200.0, f)), -14, 10)
    assert above == pytest.approx(200, rel=1e-6)
    above, _ = integrate.quad(lambda f: np.exp(counts().log_flux_density(200.0, f)), -13, 10)
    assert above == pytest.approx(20, rel=1e-6)


# ---- the scale of a field


def test_the_scale_of_a_field_by_hand():
    """(2 + N) / (2 / 200 + E): nothing seen, none found in much, 30 in a tenth of a degree."""
    listed, area = np.array([0.0, 0.0, 30.0]), np.array([0.0, 0.99, 0.1])
    scale = counts().field_scale(listed, area)
    assert scale == pytest.approx([200, 2, 32 / 0.11])


def test_the_scale_of_a_field_is_the_mean_of_its_posterior():
    prior = stats.gamma(2.0, scale=100.0)
    for listed, area in ((0, 0.01), (7, 0.05), (40, 0.1)):

        def weight(k, listed=listed, area=area):
            return prior.pdf(k) * stats.poisson.pmf(listed, k * area)

        whole, _ = integrate.quad(weight, 0, 5000, limit=200)
        mean, _ = integrate.quad(lambda k, weight=weight: k * weight(k), 0, 5000, limit=200)
        found = counts().field_scale(np.array([listed]), np.array([area]))
        assert found == pytest.approx([mean / whole], rel=1e-5)


@pytest.mark.parametrize(("mean", "shape"), [(150.0, 2.0), (40.0, 0.6), (300.0, 10.0)])
def test_scales_that_are_drawn_come_back(mean, shape):
    random = np.random.default_rng(int(mean))
    area = 10 ** random.uniform(-2, -0.3, 2000)
    listed = random.poisson(random.gamma(shape, mean / shape, 2000) * area)
    found_mean, found_shape = fit_scale(listed.astype(float), area)
    # fields scatter by the root of 1 / shape and of 1 / number
    error = mean * np.sqrt((1 / shape + 1 / (mean * np.median(area))) / 2000)
    assert abs(found_mean - mean) < 3 * error
    assert found_shape == pytest.approx(shape, rel=0.2)


def test_the_most_likely_scale_against_a_search_by_scipy():
    random = np.random.default_rng(4)
    area = random.uniform(0.0, 0.2, 60)
    area[:5] = 0  # not seen: say nothing
    listed = random.poisson(random.gamma(1.2, 100 / 1.2, 60) * area).astype(float)

    def loss(mean, shape):
        seen = area > 0
        likelihood = stats.nbinom.logpmf(listed[seen], shape, shape / (shape + mean * area[seen]))
        return -likelihood.sum() - stats.norm.logpdf(np.log(shape / 1.5))

    mean, shape = fit_scale(listed, area)
    best = loss(mean, shape)
    for other_mean in mean * np.geomspace(0.5, 2, 31):
        for other_shape in np.geomspace(0.3, 20, 40):
            assert best < loss(other_mean, other_shape) + 1e-2
    # the mean is sought exactly, the shape on a grid of 5 %
    assert best < min(loss(mean * 0.99, shape), loss(mean * 1.01, shape))
    assert best < min(loss(mean, shape * 0.9), loss(mean, shape * 1.1))


def test_the_scale_of_a_run_without_sources_is_stated():
    assert fit_scale(np.zeros(3), np.array([0.1, 0.2, 0.0])) == (200.0, 1.5)
    assert fit_scale(np.empty(0), np.empty(0)) == (200.0, 1.5)
