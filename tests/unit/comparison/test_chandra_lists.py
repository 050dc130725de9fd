"""Chandra sources of two lists: by position within the errors, whatever their names."""

import numpy as np
import pytest

from xgamma.comparison.chandra_lists import ChandraList, match_chandra_lists

# on the equator, so that arcseconds of right ascension are arcseconds
ARCSEC = 1 / 3600


def sources(ra_arcsec, error=0.5):
    n = len(ra_arcsec)
    error = np.broadcast_to(np.asarray(error, float), n)
    ra = 10 + np.array(ra_arcsec, float) * ARCSEC
    return ChandraList(ra, np.zeros(n), np.full(n, 1e-14), error, error, np.zeros(n))


def test_sources_within_their_joint_error_are_the_same():
    """99.7 % of a Gaussian of which 95 % lie within hypot(0.6, 0.8) = 1 lie within 1.393."""
    match = match_chandra_lists(sources([0, 100, 200], 0.6), sources([1.39, 101.40, 200, 300], 0.8))
    assert match.after.tolist() == [0, -1, 2]
    assert match.before.tolist() == [0, -1, 2, -1]
    assert match.separation_arcsec == pytest.approx([1.39, np.nan, 0], abs=1e-6, nan_ok=True)


def test_the_nearest_in_units_of_the_error_and_one_for_one():
    # 2.0 off with a large error is nearer than 0.9 off with a small one
    before = sources([0, 50, 50.4])
    after = sources([0.9, -2.0, 50.3], [0.5, 5.0, 0.5])
    match = match_chandra_lists(before, after)
    assert match.after.tolist() == [1, -1, 2]
    assert match.n_after.tolist() == [2, 1, 1]


def test_a_null_error_counts_as_the_systematic_one():
    """1.393 times hypot(0.29, 0.29) is 0.571 arcsec."""
    before, after = sources([0, 10], np.nan), sources([0.57, 10.58], 0.0)
    assert match_chandra_lists(before, after).after.tolist() == [0, -1]


def test_empty_lists():
    none, one = sources([]), sources([0])
    assert match_chandra_lists(none, one).before.tolist() == [-1]
    assert match_chandra_lists(one, none).after.tolist() == [-1]
    assert match_chandra_lists(none, none).after.tolist() == []
