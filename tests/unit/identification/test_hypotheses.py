"""Every choice is there, and its density is that of an integral over the unknown place."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from xgamma.identification import hypotheses as module
from xgamma.identification.ellipses import circular, from_ellipse
from xgamma.identification.hypotheses import Neighbours, enumerate_hypotheses, posterior, sum_by

RANDOM = np.random.default_rng(11)


def neighbours(source, east, north, covariance, motion=None):
    source = np.array(source, dtype=np.int64)
    return Neighbours(
        source, np.arange(len(source)), np.array(east, float), np.array(north, float),
        np.asarray(covariance, float).reshape(-1, 3), motion,
    )  # fmt: skip


def matrix(covariance):
    return np.array([[covariance[0], covariance[1]], [covariance[1], covariance[2]]])


def field(counts, seed=0, largest_error=1.5):
    """Sources with so many neighbours, an entry of `counts` for each source, a row per survey."""
    random = np.random.default_rng(seed)
    surveys = []
    for of_survey in counts:
        source = np.repeat(np.arange(len(of_survey)), of_survey)
        n = len(source)
        minor = random.uniform(0.2, largest_error, n)
        covariance = from_ellipse(minor * 1.5, minor, random.uniform(0, 180, n))
        surveys.append(neighbours(source, *random.normal(0, 2, (2, n)), covariance))
    n = len(counts[0])
    minor = random.uniform(0.3, largest_error, n)
    return from_ellipse(minor * 2, minor, random.uniform(0, 180, n)), surveys


def joint_log_density(covariance, surveys, source, rows):
    """ln O as one Gaussian: the offsets share the source's error, and have their own."""
    chosen = [(one, row) for one, row in zip(surveys, rows, strict=True) if row >= 0]
    if not chosen:
        return 0.0
    k = len(chosen)
    full = np.kron(np.ones((k, k)), matrix(covariance[source]))
    for number, (one, row) in enumerate(chosen):
        at = slice(2 * number, 2 * number + 2)
        full[at, at] += matrix(one.covariance[row])
    offsets = np.ravel([(one.east[row], one.north[row]) for one, row in chosen])
    return multivariate_normal(np.zeros(2 * k), full).logpdf(offsets)


COUNTS = [[2, 0, 1, 0, 3], [0, 0, 2, 1, 2], [1, 0, 0, 2, 3]]


def brute_force(counts):
    """Choices by plain loops: (source, rows of the surveys)."""
    first = [np.cumsum(of_survey) - of_survey for of_survey in np.array(counts)]
    for source in range(len(counts[0])):
        options = [
            [-1, *(first[survey][source] + np.arange(of_survey[source]))]
            for survey, of_survey in enumerate(counts)
        ]
        yield from ((source, *rows) for rows in itertools.product(*options))


@pytest.mark.parametrize("portion", [1, 7, 2**15])
def test_every_choice_is_there_once_in_order(portion, monkeypatch):
    monkeypatch.setattr(module, "_PORTION", portion)
    covariance, surveys = field(COUNTS)
    found = enumerate_hypotheses(covariance, surveys)
    assert [(s, *r) for s, r in zip(found.source, found.row, strict=True)] == list(
        brute_force(COUNTS)
    )
    expected = [joint_log_density(covariance, surveys, s, r) for s, *r in brute_force(COUNTS)]
    assert found.log_overlap == pytest.approx(np.array(expected), abs=1e-12, rel=1e-12)
    pattern = [sum(1 << s for s, row in enumerate(rows) if row >= 0) for rows in found.row]
    assert found.pattern.tolist() == pattern


@pytest.mark.parametrize("portion", [5, 2**15])
def test_choices_that_scatter_too_much_are_left_out(portion, monkeypatch):
    monkeypatch.setattr(module, "_PORTION", portion)
    covariance, surveys = field(COUNTS, seed=2, largest_error=0.6)
    most, kept = 12.0, []
    for source, *rows in brute_force(COUNTS):
        chosen = [(one, row) for one, row in zip(surveys, rows, strict=True) if row >= 0]
        # chi2 about the best common place, by least squares
        places = np.array([[0, 0], *((one.east[r], one.north[r]) for one, r in chosen)])
        weights = [np.linalg.inv(matrix(c)) for c in
                   [covariance[source], *(one.covariance[r] for one, r in chosen)]]  # fmt: skip
        best = np.linalg.solve(
            sum(weights), sum(w @ x for w, x in zip(weights, places, strict=True))
        )
        chi2 = sum((x - best) @ w @ (x - best) for w, x in zip(weights, places, strict=True))
        if chi2 <= most:
            kept.append((source, *rows))
    found = enumerate_hypotheses(covariance, surveys, most)
    assert [(s, *r) for s, r in zip(found.source, found.row, strict=True)] == kept
    assert 5 + 5 < len(kept) < len(list(brute_force(COUNTS))) - 5


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_density_is_the_integral_over_the_unknown_place(number):
    counts = [[1]] * number
    covariance, surveys = field(counts, seed=number)
    step = 0.05
    axis = np.arange(-14, 14, step)
    places = np.stack(np.meshgrid(axis, axis), axis=-1)
    product = multivariate_normal([0, 0], matrix(covariance[0])).pdf(places)
    for one in surveys:
        at = [one.east[0], one.north[0]]
        product = product * multivariate_normal(at, matrix(one.covariance[0])).pdf(places)
    found = enumerate_hypotheses(covariance, surveys)
    assert found.log_overlap[-1] == pytest.approx(np.log(product.sum() * step**2), abs=1e-9)


def bayes_factor_18(sigma, offsets):
    """ln B of Budavari and Szalay (2008), eq. 18: sigma and separations in radians."""
    weight = sigma**-2.0
    pairs = sum(
        weight[i] * weight[j] * ((offsets[i] - offsets[j]) ** 2).sum()
        for i, j in itertools.combinations(range(len(sigma)), 2)
    )
    return (
        (len(sigma) - 1) * np.log(2) + np.log(weight).sum() - np.log(weight.sum())
        - pairs / (2 * weight.sum())
    )  # fmt: skip


@pytest.mark.parametrize("number", [1, 2, 3])
def test_circles_give_the_published_bayes_factor(number):
    sigma = np.array([0.7, 0.2, 0.4, 1.1][: number + 1])
    offsets = np.array([(0, 0), (0.5, 0.3), (0.6, -0.2), (-0.4, 0.9)][: number + 1], float)
    surveys = [
        neighbours([0], [x], [y], circular([s]))
        for (x, y), s in zip(offsets[1:], sigma[1:], strict=True)
    ]
    found = enumerate_hypotheses(circular(sigma[:1]), surveys)
    arcsec = np.radians(1 / 3600)
    sphere = 4 * np.pi / arcsec**2
    expected = bayes_factor_18(sigma * arcsec, offsets * arcsec) - number * np.log(sphere)
    assert found.log_overlap[-1] == pytest.approx(expected, abs=1e-10)


def test_errors_of_microarcseconds_keep_their_digits():
    """Weights of 1/sigma2 lose them: 81 arcsec2 times 2.5e9, less nearly the same, is chi2."""
    sigma = [Fraction(1), Fraction(2, 100_000), Fraction(1, 10)]
    east = [Fraction(0), Fraction(9), Fraction(905, 100)]
    surveys = [
        neighbours([0], [float(x)], [0], circular([float(s)]))
        for x, s in zip(east[1:], sigma[1:], strict=True)
    ]
    found = enumerate_hypotheses(circular([1.0]), surveys)
    weight = [1 / s**2 for s in sigma]
    chi2 = sum(
        weight[i] * weight[j] * (east[i] - east[j]) ** 2
        for i, j in itertools.combinations(range(3), 2)
    ) / sum(weight)
    determinant = weight[0] * weight[1] * weight[2] / sum(weight)
    expected = -2 * np.log(2 * np.pi) + np.log(float(determinant)) - float(chi2) / 2
    assert found.log_overlap[-1] == pytest.approx(expected, rel=1e-13)


def test_two_objects_of_one_star_move_together():
    """The source's epoch is not known: the integral over it, of a star in two surveys."""
    motion, spread = np.array([0.8, -0.3]), 6.0
    source, star, dust = (from_ellipse([a], [b], [t]) for a, b, t in
                          [(0.6, 0.4, 20), (0.001, 0.001, 0), (0.1, 0.07, 70)])  # fmt: skip
    offsets = np.array([[2.9, -1.2], [3.0, -1.25]])
    moved = np.array([[motion[0] ** 2, motion[0] * motion[1], motion[1] ** 2]]) * spread**2
    surveys = [
        neighbours([0], *offsets[:1].T, star, moved), neighbours([0], *offsets[1:].T, dust, moved)
    ]  # fmt: skip
    found = enumerate_hypotheses(source, surveys)
    years = np.linspace(-8 * spread, 8 * spread, 4001)
    full = np.kron(np.ones((2, 2)), matrix(source[0]))
    full[:2, :2] += matrix(star[0])
    full[2:, 2:] += matrix(dust[0])
    density = multivariate_normal(np.zeros(4), full).pdf(
        offsets.ravel() + years[:, None] * np.tile(motion, 2)
    )
    year = np.exp(-0.5 * (years / spread) ** 2) / (np.sqrt(2 * np.pi) * spread)
    integral = (density * year).sum() * (years[1] - years[0])
    assert found.row[-1].tolist() == [0, 0]
    assert found.log_overlap[-1] == pytest.approx(np.log(integral), abs=1e-6)
    # alone, each has the motion's spread too
    for row in (1, 2):
        at, error = (offsets[0], star) if found.row[row, 0] >= 0 else (offsets[1], dust)
        alone = multivariate_normal([0, 0], matrix((source + error + moved)[0])).logpdf(at)
        assert found.log_overlap[row] == pytest.approx(alone, abs=1e-10)


def test_without_sources_surveys_or_neighbours():
    none = enumerate_hypotheses(np.empty((0, 3)), [neighbours([], [], [], [])] * 2)
    assert none.row.shape == (0, 2) and not len(none.source) and not len(none.log_overlap)
    assert posterior(none.source, none.log_overlap).shape == (0,)
    no_survey = enumerate_hypotheses(circular([1.0, 2.0]), [])
    assert no_survey.row.shape == (2, 0) and no_survey.source.tolist() == [0, 1]
    assert no_survey.pattern.tolist() == [0, 0]
    lonely = enumerate_hypotheses(circular([1.0, 2.0]), [neighbours([], [], [], [])] * 2)
    assert lonely.row.tolist() == [[-1, -1]] * 2 and lonely.log_overlap.tolist() == [0, 0]


def test_probabilities_add_up_to_one_whatever_the_weights():
    source = np.repeat([0, 2, 3], [1, 4, 2])
    log_weight = np.array([-5.0, 0, 1, 2, -np.inf, 800.0, 805.0])
    found = posterior(source, log_weight)
    weights = np.exp([0.0, 1, 2])
    expected = [1, *(weights / weights.sum()), 0, 1 / (1 + np.exp(5)), 1 / (1 + np.exp(-5))]
    assert found == pytest.approx(np.array(expected), abs=1e-15)


def test_sums_leave_out_what_is_not_chosen():
    row = np.array([-1, 0, 2, 2, -1])
    assert sum_by(row, np.array([9.0, 1, 2, 3, 9]), 4).tolist() == [1, 0, 5, 0]
