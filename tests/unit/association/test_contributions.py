"""Why a candidate is likely: terms that sum to the odds, each of which says what it is called."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from xgamma.association.contributions import TERMS, contributions, log_odds

ETA, AREA = 0.6, 0.02


@pytest.fixture
def candidates() -> pd.DataFrame:
    """Two of one source and one of another, with W and R worked out by hand."""
    position = np.array([90.0, 30.0, 50.0])
    brightness = np.array([0.8, 0.1, 0.5])
    density = np.array([5.0, 400.0, 1000.0])
    ratio = position * brightness / density
    weight, rest = ETA * ratio, 1 - ETA * 0.7
    total = np.array([*[weight[:2].sum() + rest] * 2, weight[2] + rest])
    return pd.DataFrame(
        {
            "fermi_name": ["a", "a", "b"],
            "position_density": position,
            "density": density,
            "likelihood_ratio": ratio,
            "p_alone": weight / total,
            # sources that share candidates change them a little
            "p_association": weight / total * [0.9, 1.0, 1.0],
        }
    )


def test_terms_sum_to_the_odds(candidates):
    terms = contributions(candidates, np.full(3, AREA))
    assert list(terms.columns) == list(TERMS)
    expected = np.log10(candidates["p_association"] / (1 - candidates["p_association"]))
    np.testing.assert_allclose(terms.sum(axis=1), expected, atol=1e-12)
    evidence = contributions(candidates, np.full(3, AREA), np.array([0.99, np.nan, 0.5]))
    np.testing.assert_allclose(evidence.sum(axis=1)[[0, 2]], np.log10([99, 1]), atol=1e-12)
    assert evidence["evidence"][1] == 0


def test_each_term_is_what_its_name_says(candidates):
    terms = contributions(candidates, np.full(3, AREA))
    np.testing.assert_allclose(10 ** terms["position"], [1.8, 0.6, 1.0])
    np.testing.assert_allclose(10 ** terms["flux ratio"], [0.8, 0.1, 0.5])
    np.testing.assert_allclose(10 ** -terms["chance"], [0.1, 8, 20])
    # eta over what is left, as for a candidate that is the only one
    np.testing.assert_allclose(10 ** terms["class"], ETA / (1 - ETA * 0.7))
    # a joint probability a tenth lower, and the other candidate
    assert terms["others"][0] < 0 and terms["others"][2] == pytest.approx(0, abs=1e-12)


def test_certainty_is_finite(candidates):
    assert log_odds(np.array([0.0, 0.5, 1.0])).tolist() == [-9, 0, 9]
    sure = candidates.assign(p_alone=[1.0, 0.0, 1e-300], p_association=[1.0, 0.0, 1e-300])
    assert np.isfinite(contributions(sure, np.full(3, AREA))[["others", "position"]]).all(axis=None)
