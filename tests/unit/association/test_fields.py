"""What was seen around places: discs of known area, edges, and fields that nobody looked at."""

import numpy as np
import pytest
from uniform_sky import (
    EXPOSURE,
    LOG_LIMIT,
    background,
    counts,
    disc,
    drawn_places,
    ellipses,
    moved,
    no_cells,
    no_sources,
    places_in_disc,
    sources,
)

from xgamma.association.fields import XraySources, fields_around, fit_counts
from xgamma.association.flux_ratios import LIMIT_GRID
from xgamma.coverage.cells import Cells

LOG_GAMMA = -11.0


def around(cells, xray, places, of=None, points=1000):
    gamma = np.full(len(places), LOG_GAMMA)
    return fields_around(cells, xray, places, gamma, of or counts(), points=points)


def searched(places):
    """Probability to lie within x = 3."""
    return 1 - places.survival(np.array([3.0]))[:, 0]


def test_sources_with_their_limits():
    """The cell's exposure, none outside; a flux that is null, zero or negative is none."""
    cells = disc(100, 10, 0.5)
    xray = XraySources.placed(
        np.array([100.0, 100.1, 100.0, 105.0]),
        np.array([10.0, 10.0, 10.1, 10.0]),
        np.array([1e-13, 0.0, np.nan, -1.0]),
        cells,
    )
    assert xray.log_flux[0] == pytest.approx(-13) and np.isnan(xray.log_flux[1:]).all()
    assert xray.log_limit == pytest.approx([LOG_LIMIT] * 3 + [np.inf])
    none = XraySources.placed(np.array([1.0]), np.array([2.0]), np.array([1e-13]), no_cells())
    assert none.log_limit.tolist() == [np.inf]


def test_in_the_middle_of_a_large_disc_all_is_seen():
    places = ellipses(100, 10, 0.1, 0.05, 40)
    field = around(disc(100, 10, 1.0), no_sources(), places)
    assert field.coverage == pytest.approx(searched(places), abs=2e-3)
    assert field.area_deg2 == pytest.approx([np.pi * 0.1 * 0.05])
    assert field.exposure == field.deepest == pytest.approx([EXPOSURE])
    # no fluxes tell of the limit: it is that of the exposure
    assert field.log_limit == pytest.approx([LOG_LIMIT])
    assert field.shift.tolist() == [0.0]


@pytest.mark.parametrize(("ra", "dec"), [(100.0, 10.0), (0.0, -60.0)])
def test_at_the_edge_half_is_seen(ra, dec):
    """Half of the probability and of the area, whatever the ellipse's angle; across 0 h too."""
    at = moved(ra, dec, 4.0, np.array([0.0, 90.0, 200.0]))
    places = ellipses(*at, 0.4, 0.2, np.array([0.0, 30.0, 77.0]))
    cells = disc(ra, dec, 4.0, share=0.8)
    field = around(cells, no_sources(), places)
    # cells make the edge uneven
    assert field.coverage == pytest.approx(0.8 * searched(places) / 2, abs=0.04)
    assert field.area_deg2 == pytest.approx(0.8 * np.pi * 0.4 * 0.2 / 2, rel=0.1)
    assert field.exposure == pytest.approx([EXPOSURE] * 3)
    random = np.random.default_rng(1)
    for row in range(3):
        drawn, x = drawn_places(random, places.take(np.array([row])), 50_000)
        seen = (cells.at(*drawn) >= 0) & (x < 3)
        assert field.coverage[row] == pytest.approx(0.8 * seen.mean(), abs=0.008)


def test_a_small_disc_in_a_large_ellipse():
    """Only the middle: the probability within a radius, round ellipse."""
    places = ellipses(100, 10, 0.2)
    field = around(disc(100, 10, 0.1), no_sources(), places)
    assert field.coverage == pytest.approx(1 - places.survival(np.array([0.5]))[:, 0], abs=0.02)
    assert field.area_deg2 == pytest.approx([np.pi * 0.1**2], rel=0.05)


def test_an_ellipse_inside_one_cell():
    """4 arcsec: no centre of a cell lies in it, and all of it was seen with the cell's share."""
    cells = disc(100, 10, 0.3, share=0.6)
    row = len(cells) // 2
    places = ellipses(cells.ra[row], cells.dec[row] + 0.004, 4 / 3600)
    field = around(cells, no_sources(), places)
    assert field.coverage == pytest.approx(0.6 * searched(places), abs=1e-3)
    assert field.area_deg2 == pytest.approx([0.6 * np.pi * (4 / 3600) ** 2])
    alone = around(cells.take(np.array([row])), no_sources(), places)
    assert alone.coverage == pytest.approx(field.coverage)
    next_to_it = around(cells.take(np.arange(len(cells)) != row), no_sources(), places)
    assert next_to_it.coverage.tolist() == [0.0]


def test_places_that_nobody_looked_at():
    places = ellipses([100.0, 130.0], 10.0, 0.1)
    xray = sources(100.0, 10.0, -13, disc(100, 10, 0.5))
    for cells in (disc(100, 10, 0.5), no_cells()):
        field = around(cells, xray, places)
        assert field.coverage[1] == field.area_deg2[1] == field.depth[1].sum() == 0
        assert np.isnan([field.exposure[1], field.deepest[1], field.log_limit[1]]).all()
        assert field.listed[1] == field.effective_area[1] == field.search_area[1] == 0
    assert around(cells, xray, places.take(np.array([], int))).coverage.shape == (0,)


def test_two_depths():
    """A disc, its northern half ten times as deep: exposures, and the probability by depth."""
    cells = disc(100, 10, 1.5)
    deep = cells.dec > 10
    cells = Cells(cells.cell, cells.ra, cells.dec, cells.share,
                  np.where(deep, 10 * EXPOSURE, EXPOSURE))  # fmt: skip
    places = ellipses(100, 9.98, 0.1, 0.1)
    field = around(cells, no_sources(), places)
    assert field.exposure == pytest.approx([EXPOSURE])
    assert field.deepest == pytest.approx([10 * EXPOSURE])
    assert field.depth.sum(axis=1) == pytest.approx(field.coverage, abs=1e-12)
    mean = (field.depth[0] * LIMIT_GRID).sum() / field.coverage[0]
    share = field.depth[0, LIMIT_GRID < -3.5].sum() / field.coverage[0]
    # limits of 1e-14 and 1e-15 for a gamma-ray flux of 1e-11
    assert mean == pytest.approx(-3 - share, abs=1e-9)
    # the deep part begins 0.02 degrees north: x = 0.2
    (_, dec), x = drawn_places(np.random.default_rng(1), places, 100_000)
    assert share == pytest.approx((dec[x < 3] > 10).mean(), abs=0.05)


def test_only_the_95_percent_ellipse_has_an_exposure():
    """A deeper part begins at x = 1.5: it counts for the probability by depth, not for these."""
    cells = disc(100, 10, 1.5)
    deep = cells.dec > 10.15
    cells = Cells(cells.cell, cells.ra, cells.dec, cells.share,
                  np.where(deep, 10 * EXPOSURE, EXPOSURE))  # fmt: skip
    field = around(cells, no_sources(), ellipses([100.0, 100.0], [10.0, 10.4], 0.1))
    assert field.exposure == pytest.approx([EXPOSURE, 10 * EXPOSURE])
    assert field.deepest == pytest.approx([EXPOSURE, 10 * EXPOSURE])
    assert field.depth[0, LIMIT_GRID < -3.5].sum() > 0.005


def test_the_grid_of_depths_keeps_the_mean():
    """A limit between two points of the grid is divided between them."""
    for exposure in (1.7e3, 4.4e4, 9.1e5):
        field = around(disc(100, 10, 0.8, exposure), no_sources(), ellipses(100, 10, 0.1))
        mean = (field.depth[0] * LIMIT_GRID).sum() / field.depth.sum()
        assert mean == pytest.approx(np.log10(5 * 1.2e-11 / exposure) - LOG_GAMMA, abs=1e-9)
        assert (field.depth > 0).sum() <= 2


def test_sources_and_effective_area_around_a_place():
    """Within the major axis and 0.1 degrees; each square degree lists 1 / 0.8 for K = 1."""
    cells = disc(100, 10, 1.0, share=0.5)
    at = moved(100, 10, np.array([0.0, 0.19, 0.29, 0.31]), 25.0)
    field = around(cells, sources(*at, [-14, np.nan, -14, -14], cells), ellipses(100, 10, 0.2))
    assert field.reach_deg == pytest.approx([0.3]) and field.listed.tolist() == [3]
    assert field.effective_area == pytest.approx([0.5 * np.pi * 0.3**2 / 0.8], rel=0.02)
    assert field.search_area == pytest.approx([0.5 * np.pi * 0.6**2 / 0.8], rel=0.02)
    # a large ellipse: half as much again
    wide = around(cells, no_sources(), ellipses(100, 10, 0.4))
    assert wide.reach_deg == pytest.approx([0.6])
    # ten times as deep, ten times as many
    deep = around(disc(100, 10, 1.0, 10 * EXPOSURE), no_sources(), ellipses(100, 10, 0.2))
    assert deep.effective_area == pytest.approx(20 * field.effective_area)


def test_where_the_outside_has_no_source_nobody_looked():
    """Inside ten sources, outside none: the 100 that should be there say that it was not seen."""
    cells = disc(100, 10, 1.0)
    random = np.random.default_rng(5)
    inside = places_in_disc(random, 100, 10, 0.09, 10)
    places = ellipses(100, 10, 0.1)
    field = around(cells, sources(*inside, np.full(10, LOG_LIMIT), cells), places)
    assert field.listed.tolist() == [10] and field.reach_deg.tolist() == [0.1]
    assert field.effective_area == pytest.approx([np.pi * 0.1**2 / 0.8], rel=0.1)
    # one source outside is enough
    ra, dec = (np.append(*both) for both in zip(inside, moved(100, 10, 0.15, 0.0), strict=True))
    field = around(cells, sources(ra, dec, np.full(11, LOG_LIMIT), cells), places)
    assert field.listed.tolist() == [11] and field.reach_deg == pytest.approx([0.2])
    # and so is an outside in which hardly seven are expected
    for expected, reach in ((6, 0.2), (8, 0.1)):
        few = counts(mean=expected / (np.pi * 0.03 / 0.8), shape=1e6)
        assert around(cells, no_sources(), places, few).reach_deg == pytest.approx([reach])


def test_expected_candidates_are_those_that_are_counted():
    """200 ellipses over a sky of chance sources alone; K of each field from its own sources."""
    random = np.random.default_rng(2)
    cells = disc(100, 10, 5.0)
    xray = sources(*background(random, 100, 10, 5.0), cells)
    centre = places_in_disc(random, 100, 10, 4.0, 200)
    major = random.uniform(0.05, 0.2, 200)
    places = ellipses(*centre, major, major * random.uniform(0.4, 1, 200), 30)
    of = fit_counts(cells, xray, places)
    assert of.mean == pytest.approx(200, rel=0.05) and of.shape > 10
    field = around(cells, xray, places, of)
    expected = of.field_scale(field.listed, field.effective_area) * field.search_area
    east = (xray.ra - places.ra[:, None]) * np.cos(np.radians(places.dec))[:, None]
    north = xray.dec - places.dec[:, None]
    angle = np.radians(30)
    along = (east * np.sin(angle) + north * np.cos(angle)) / places.major[:, None]
    across = (east * np.cos(angle) - north * np.sin(angle)) / places.minor[:, None]
    counted = (np.hypot(along, across) < 3).sum(axis=1)
    assert counted.sum() > 4000
    assert expected.sum() == pytest.approx(counted.sum(), rel=0.05)
    pull = (counted - expected) / np.sqrt(expected)
    assert 0.7 < pull.std() < 1.3


def test_the_run_s_counts_are_those_that_were_drawn():
    """The limit lies 0.25 dex above what exposures give; slope of 1.3, two densities of fields."""
    random = np.random.default_rng(11)
    parts = []
    for centre, scale in ((60, 100.0), (100, 300.0)):
        ra, dec, flux = background(random, centre, 10, 4.0, scale, slope=1.3)
        parts.append((ra, dec, flux + 0.25))
    ra, dec, flux = (np.concatenate(values) for values in zip(*parts, strict=True))
    one, two = disc(60, 10, 4.0), disc(100, 10, 4.0)
    order = np.argsort(np.append(one.cell, two.cell))
    cells = Cells(*(np.append(a, b)[order] for a, b in
                    zip(vars(one).values(), vars(two).values(), strict=True)))  # fmt: skip
    centre = np.repeat([60.0, 100.0], 60)
    places = ellipses(*places_in_disc(random, centre, 10.0, 3.5, 120), 0.15)
    of = fit_counts(cells, sources(ra, dec, flux, cells), places, slope=1.3)
    assert of.limit_shift == pytest.approx(0.25, abs=0.02)
    assert abs(of.measured_slope - 1.3) < 4 * of.slope_error
    assert of.slope == 1.3 and of.fields == 120
    # brighter by 0.25 dex and as many: K grows with the power of the slope
    assert of.mean == pytest.approx(200 * 10 ** (1.3 * 0.25), rel=0.05)
    # two values at half and one and a half of the mean: a gamma distribution of shape 4
    assert 2.5 < of.shape < 7


def test_the_slope_of_fields_whose_limits_differ():
    """Ten large fields, half of them 0.5 dex shallower, half deeper than exposures say."""
    random = np.random.default_rng(17)
    cells = disc(100, 10, 8.0)
    centres = moved(100, 10, 5.0, np.arange(10) * 36.0)
    parts = [background(random, *centre, 0.8, 300.0) for centre in zip(*centres, strict=True)]
    ra, dec, flux = (np.concatenate(values) for values in zip(*parts, strict=True))
    flux += np.repeat(np.tile([-0.5, 0.5], 5), [len(part[0]) for part in parts])
    of = fit_counts(cells, sources(ra, dec, flux, cells), ellipses(*centres, 0.5))
    assert of.sources > 5000
    assert of.measured_slope == pytest.approx(1.0, abs=0.04)


def test_a_field_s_own_limit_is_a_quantile_drawn_to_the_run_s():
    """As numpy takes quantiles; five sources of the run count beside the field's own."""
    cells = disc(100, 10, 3.0)
    random = np.random.default_rng(13)
    centres = moved(100, 10, 2.0, np.array([0.0, 90.0, 180.0, 270.0]))
    numbers = [1, 2, 37, 0]
    ra, dec, flux, own = [], [], [], []
    for row, number in enumerate(numbers):
        at = places_in_disc(random, centres[0][row], centres[1][row], 0.15, number)
        excess = random.normal(0.5, 0.4, number)
        ra.append(at[0]), dec.append(at[1]), flux.append(LOG_LIMIT + excess)
        quantile = np.quantile(excess, 0.2) if number else 0.0
        own.append((number * quantile + 5 * 0.3) / (number + 5))
    # sources without a flux do not count
    flux[2][:4] = np.nan
    rest = flux[2][4:] - LOG_LIMIT
    own[2] = (33 * np.quantile(rest, 0.2) + 5 * 0.3) / 38
    xray = sources(*(np.concatenate(values) for values in (ra, dec, flux)), cells)
    field = around(cells, xray, ellipses(*centres, 0.1), counts(limit_shift=0.3))
    assert field.shift == pytest.approx(own)
    assert field.log_limit == pytest.approx(LOG_LIMIT + np.array(own))
    assert field.listed.tolist() == numbers


def test_counts_of_a_run_without_sources_or_places():
    for cells in (disc(100, 10, 0.5), no_cells()):
        of = fit_counts(cells, no_sources(), ellipses(100, 10, 0.1))
        assert (of.mean, of.shape, of.limit_shift, of.sources) == (200.0, 1.5, 0.0, 0)
        assert np.isnan(of.measured_slope)
    nowhere = ellipses(100, 10, 0.1).take(np.array([], int))
    assert fit_counts(disc(100, 10, 0.5), no_sources(), nowhere).fields == 0
