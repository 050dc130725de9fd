"""Field objects: counted by loops, shrunk by hand, bins of magnitudes."""

import numpy as np
import pytest
from made_up_field import made_up
from test_links import objects

from xgamma.identification.densities import (
    count_in_rings,
    magnitude_bins,
    magnitude_shares,
    shrunk_densities,
)
from xgamma.identification.links import link
from xgamma.sky import separation


def test_rings_are_counted_as_loops_count_them():
    made = made_up(5, 25, least_density=3e-3)
    sources, surveys = made.sources, made.surveys
    groups = link(surveys)
    counts, area, in_field = count_in_rings(
        sources.ra, sources.dec, sources.match_arcsec, sources.field_arcsec, surveys, groups
    )
    expected, inside = np.zeros_like(counts), set()
    for group, members in enumerate(groups.members):
        survey = 0 if members[0] >= 0 else 1
        ra, dec = surveys[survey].ra[members[survey]], surveys[survey].dec[members[survey]]
        pattern = (members[0] >= 0) + 2 * (members[1] >= 0)
        for source in range(len(sources)):
            apart = 3600 * separation(sources.ra[source], sources.dec[source], ra, dec)
            if sources.match_arcsec[source] < apart <= sources.field_arcsec[source]:
                expected[source, pattern] += 1
                inside.add(group)
    assert counts.tolist() == expected.tolist()
    assert in_field.tolist() == sorted(inside)
    assert counts[:, 1:].min(axis=0).tolist() == [0, 0, 0] and counts.sum() > 100
    outer, inner = sources.field_arcsec, sources.match_arcsec
    assert area == pytest.approx(np.pi * outer**2 - np.pi * inner**2)


def test_the_inner_edge_is_the_counterpart_s_the_outer_one_the_field_s():
    survey = objects([(0, 5.0), (0, 5.001), (0, 9.999), (0, 10.001), (0, 0)])
    counts, _, in_field = count_in_rings(
        np.array([0.0]), np.array([30.0]), np.array([5.0005]), np.array([10.0]), [survey],
        link([survey]),
    )  # fmt: skip
    assert counts.tolist() == [[0, 2]] and in_field.tolist() == [1, 2]


def test_a_field_without_objects():
    none = [objects([]), objects([])]
    counts, area, in_field = count_in_rings(
        np.zeros(3), np.zeros(3), np.full(3, 2.0), np.full(3, 12.0), none, link(none)
    )
    assert counts.tolist() == [[0] * 4] * 3 and not len(in_field)
    density = shrunk_densities(counts, area, np.arange(3))
    # less than an object in all the area, and none is impossible
    assert (density > 0).all() and (density < 1 / area.sum()).all()
    empty = shrunk_densities(np.zeros((0, 4), int), np.zeros(0), np.zeros(0, int))
    assert empty.shape == (0, 4)


def test_counts_alike_are_drawn_to_their_cell_and_it_to_the_run():
    """By hand: two sources in one cell, one in another; counts scatter less than Poisson's."""
    counts, area = np.array([[0, 4], [0, 6], [0, 5]]), np.array([100.0, 100.0, 100.0])
    run = 15.5 / 300
    # the largest shape, for cells and for sources
    cells = [(300 + 10) / (300 / run + 200), (300 + 5) / (300 / run + 100)]
    expected = [
        (300 + count) / (300 / cell + 100)
        for count, cell in zip((4, 6, 5), (cells[0], cells[0], cells[1]), strict=True)
    ]
    assert shrunk_densities(counts, area, np.array([7, 7, 2]))[:, 1] == pytest.approx(expected)


def test_counts_that_differ_keep_their_own():
    """Fields drawn from a gamma law, counts from Poisson's: the best mean of both is known."""
    random, shape, mean, area = np.random.default_rng(2), 3.0, 0.02, 800.0
    truth = random.gamma(shape, mean / shape, 4000)
    counts = np.stack([np.zeros(4000, int), random.poisson(truth * area)], axis=-1)
    found = shrunk_densities(counts, np.full(4000, area), np.zeros(4000, int))[:, 1]
    best = (shape + counts[:, 1]) / (shape / mean + area)
    assert found == pytest.approx(best, rel=0.05)
    error = ((found - truth) ** 2).mean()
    assert error < ((counts[:, 1] / area - truth) ** 2).mean() * 0.95
    assert error < ((mean - truth) ** 2).mean() * 0.3


def test_bins_of_magnitudes():
    bins = magnitude_bins(np.array([2.0, 3.0, 3.49, 3.5, 17.2, 24.9, 25.0, 40.0, np.nan, np.inf]))
    assert bins.tolist() == [0, 1, 1, 2, 29, 44, 45, 45, 46, 46]
    shares = magnitude_shares(bins)
    assert len(shares) == 47 and shares.sum() == pytest.approx(1) and shares.min() > 0


def test_shares_of_bins_are_smoothed_and_weighted():
    flat = 1 / 47
    shares = magnitude_shares(np.array([10, 46]), np.array([8.0, 3.0]))
    assert shares * 12 == pytest.approx(
        flat + np.bincount([9, 10, 11, 46], [2.0, 4.0, 2.0, 3.0], minlength=47)
    )
    # an edge does not gain: of four at it, one goes on to its neighbour
    edge = magnitude_shares(np.array([0] * 4))
    assert edge * 5 == pytest.approx(flat + np.bincount([0, 1], [3.0, 1.0], minlength=47))
    assert magnitude_shares(np.zeros(0, int)) == pytest.approx(np.full(47, flat))
