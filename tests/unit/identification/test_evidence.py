"""Flux ratios, absolute magnitudes, and how much likelier evidence is of a class."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from xgamma.identification.evidence import (
    CLASSES,
    absolute_magnitude,
    evidence_ratio,
    log_flux_ratio,
    verdict,
)

WITH_RATIOS = [name for name, one in CLASSES.items() if one.quantiles]


def test_a_flux_ratio_by_hand():
    """1e-13 erg/cm2/s and G 17: log F_G = -0.4 17 - 5.37 = -12.17, so the ratio is -0.83."""
    ratio, error = log_flux_ratio(1e-13, 0.8e-13, 1.25e-13, 17.0, "G")
    assert ratio == pytest.approx(-0.83)
    # log10 of 1.25 on both sides, and 0.03 mag
    assert error == pytest.approx(np.hypot(np.log10(1.25), 0.012))
    # J: 3.129e-13 W/cm2/um over 0.162 um are 5.07e-7 erg/cm2/s at magnitude 0
    ratio, _ = log_flux_ratio(5.07e-7 * 10**-4, 1e-12, 1e-10, 10.0, "J")
    assert ratio == pytest.approx(0.0, abs=0.01)
    for missing in ((np.nan, 1, 2, 17.0), (0.0, 0, 1e-15, 17.0), (1e-13, 1, 2, np.nan)):
        assert np.isnan(log_flux_ratio(*missing, "G")).all()
    # an upper limit only: the error is that above
    _, error = log_flux_ratio(1e-13, 0.0, 1e-12, 17.0, "G")
    assert error == pytest.approx(np.hypot(1, 0.012))


def test_the_absolute_magnitude_of_the_sun_at_ten_parsec():
    absolute, error = absolute_magnitude([4.67, 4.67], [100.0, 1.0], [1.0, 0.3])
    assert absolute[0] == pytest.approx(4.67) and error[0] == pytest.approx(5 / np.log(10) / 100)
    # three standard deviations are no distance
    assert np.isnan(absolute[1]) and np.isnan(error[1])


@pytest.mark.parametrize("name", WITH_RATIOS)
def test_densities_have_the_quantiles_of_the_table(name):
    one = CLASSES[name]

    def density(ratio):
        return np.exp(one.log_density(np.array([ratio])))[0]

    edges = [-40, *one.quantiles, 40]
    shares = [quad(density, low, high, limit=200)[0] for low, high in itertools.pairwise(edges)]
    assert shares == pytest.approx([0.05, 0.2, 0.25, 0.25, 0.2, 0.05], abs=2e-4)
    for ratio in (-6.0, one.quantiles[1] + 0.1, one.quantiles[4] + 0.5):
        below = quad(density, -40, ratio, limit=200, points=one.quantiles)[0]
        assert one.below(np.array([ratio]))[0] == pytest.approx(below, abs=2e-4)


@pytest.mark.parametrize("name", CLASSES)
def test_over_field_sources_the_ratio_is_1_on_average(name):
    """Evidence that the field makes: or it would raise or lower all candidates alike."""
    random, n, share, limit = np.random.default_rng(3), 400_000, 0.5, -0.5
    field = CLASSES["field"]
    edges = np.array([-5.5, *field.quantiles, 1.0])
    # the field's ratios below the limit, by its density
    grid = np.linspace(edges[0] - 12, limit, 200_001)
    weights = np.exp(field.log_density(grid))
    ratio = random.choice(grid, n, p=weights / weights.sum())
    listed = random.random(n) < share
    ones = np.ones(n)
    r = evidence_ratio(
        name, share * ones, limit * ones, np.ones(listed.sum()), ratio[listed], ~listed * 1.0,
        np.flatnonzero(listed), n,
    )  # fmt: skip
    assert r.mean() == pytest.approx(1, abs=5 * r.std() / np.sqrt(n) + 0.01)


def test_a_neutron_star_has_no_object():
    """0 of 94: a sure object makes it 1 in 190, none makes it about as likely as the field's."""
    values = {"share_of_field": [0.5], "faintest": [np.nan], "count": 1}
    star = evidence_ratio(
        "neutron star", p_object=[1.0], ratio=[-3.0], p_none=[0.0], owner=[0], **values
    )
    assert star[0] == pytest.approx(0.5 / 95 / 0.5)
    nothing = evidence_ratio(
        "neutron star", p_object=[], ratio=[], p_none=[1.0], owner=[], **values
    )
    assert nothing[0] == pytest.approx((1 - 0.5 / 95) / 0.5)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.99, 0.9, -3.9, -4.0, 6.5, 1.4), "star: log F_X/F_G -3.9; M_G 6.5, main sequence"),
        ((0.99, 0.9, -2.4, -3.0, -2.0, 1.4), "young or active"),
        ((0.99, 0.9, -1.3, -1.0, -6.0, 0.2), "luminous blue star"),
        ((0.99, 0.0, 0.4, np.nan, np.nan, np.nan), "accreting object or active galaxy"),
        ((0.02, 0.03, np.nan, np.nan, np.nan, np.nan), "no optical or infrared object"),
        ((0.3, 0.2, np.nan, np.nan, np.nan, np.nan), "uncertain"),
        ((0.0, 0.9, np.nan, -2.0, np.nan, np.nan), "log F_X/F_J -2.0; infrared only"),
        ((np.nan,) * 6, ""),
    ],
)
def test_verdicts(numbers, words):
    assert (words in verdict(*numbers)) if words else verdict(*numbers) == ""
