"""How bright counterparts are, against scipy; what is listed, against integrals and draws."""

import numpy as np
import pytest
from scipy import integrate, stats

from xgamma.association.flux_ratios import LIMIT_GRID, FluxRatios, completeness
from xgamma.association.kinds import KINDS

RATIOS = FluxRatios.stated(1.0)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_the_density_is_student_t(kind):
    law = stats.t(4, RATIOS.median[kind], RATIOS.width[kind])
    r = np.linspace(-12, 8, 101)
    assert RATIOS.density(r, kind) == pytest.approx(law.pdf(r), rel=1e-12)
    whole, _ = integrate.quad(RATIOS.density, -np.inf, np.inf, args=(kind,))
    assert whole == pytest.approx(1, abs=1e-7)


def test_what_is_drawn_follows_the_density():
    random = np.random.default_rng(12)
    kind = random.integers(0, len(KINDS), 20_000)
    drawn = RATIOS.draw(random, kind)
    for number in range(len(KINDS)):
        law = stats.t(4, RATIOS.median[number], RATIOS.width[number])
        assert stats.kstest(drawn[kind == number], law.cdf).pvalue > 0.01


@pytest.mark.parametrize("slope", [0.6, 1.0, 1.5])
def test_a_fifth_of_the_listed_sources_lie_below_the_limit(slope):
    """Counts F^-slope per dex, of which the listed ones."""

    def listed(u):
        return 10 ** (-slope * u) * completeness(u, slope)

    below, _ = integrate.quad(listed, -20, 0)
    above, _ = integrate.quad(listed, 0, 30)
    assert below / (below + above) == pytest.approx(0.2, abs=1e-6)
    assert completeness(np.array([0.0, 3.0, np.inf]), slope).tolist() == [1, 1, 1]
    assert completeness(np.array([-np.inf]), slope).tolist() == [0]


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_what_is_listed_against_integrals(kind):
    ratios = FluxRatios(RATIOS.median, RATIOS.width, 1.2)
    law = stats.t(4, ratios.median[kind], ratios.width[kind])
    table = ratios.listed_table(kind)
    for at in range(40, 280, 20):
        u = LIMIT_GRID[at]
        # above the limit all are; below, as the completeness says: 10^(5 slope (r - u))
        faint, _ = integrate.quad(
            lambda r, u=u: law.pdf(r) * 10 ** (6 * (r - u)), u - 5, u, epsabs=1e-10
        )
        assert table[at] == pytest.approx(law.sf(u) + faint, abs=1e-3)
    assert (np.diff(table) < 0).all()


def test_what_is_listed_against_draws():
    random = np.random.default_rng(3)
    for kind in (0, 2):
        drawn = RATIOS.draw(random, np.full(200_000, kind))
        for at in (90, 120, 150, 200):
            listed = random.random(len(drawn)) < completeness(drawn - LIMIT_GRID[at], 1.0)
            expected = RATIOS.listed_table(kind)[at]
            error = np.sqrt(expected * (1 - expected) / len(drawn))
            assert abs(listed.mean() - expected) < 4 * error + 2e-4


def test_other_values_give_another_table():
    """A table that is remembered belongs to its values."""
    before = RATIOS.listed_table(0)
    other = RATIOS.with_values(RATIOS.median + 1, RATIOS.width)
    assert other.listed_table(0)[20:] == pytest.approx(before[:-20], abs=1e-4)
    steeper = FluxRatios(RATIOS.median, RATIOS.width, 2.0)
    assert (steeper.listed_table(0)[100:200] < before[100:200]).all()
    assert RATIOS.listed_table(0).tolist() == before.tolist()
