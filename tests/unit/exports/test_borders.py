"""Borders of cells: they go round just the cells, wherever these lie on the sphere."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy_healpix import healpix_to_lonlat, neighbours
from matplotlib.path import Path
from mocpy import MOC

from xgamma.exports.borders import borders

ORDER = 6
# among them right ascension 0, the poles, and where three of HEALPix's twelve fields meet
PLACES = [(200, 10), (0, 0), (359.9, -14), (45, 41.8103), (135, -41.8103), (10, 90), (99, -89)]


def cells_of(moc: MOC) -> np.ndarray:
    return np.sort(moc.flatten().astype(np.int64))


def disc(ra, dec, radius, order=ORDER) -> MOC:
    return MOC.from_cone(ra * u.deg, dec * u.deg, radius=radius * u.deg, max_depth=order)


def inside(lines, ra, dec, centre) -> np.ndarray:
    """Whether places lie in one of the borders and in none of the holes, on a plane around."""
    frame = SkyCoord(*centre, unit="deg").skyoffset_frame()

    def flat(lon, lat):
        place = SkyCoord(lon, lat, unit="deg").transform_to(frame).cartesian
        return np.stack([place.y / place.x, place.z / place.x], axis=-1)

    points = flat(ra, dec)
    within = [Path(flat(line.ra, line.dec)).contains_points(points) for line in lines]
    holes = np.array([line.hole for line in lines])
    return np.sum(np.array(within)[~holes], axis=0) - np.sum(np.array(within)[holes], axis=0)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hollow", [False, True])
def test_cells_are_inside_and_all_others_outside(place, hollow):
    moc = disc(*place, 6) - disc(*place, 3) if hollow else disc(*place, 6)
    cells, around = cells_of(moc), cells_of(disc(*place, 12))
    lines = borders(cells, ORDER)
    assert [line.hole for line in sorted(lines, key=lambda line: line.hole)] == [False, True][
        : 1 + hollow
    ]
    lon, lat = healpix_to_lonlat(around, 2**ORDER, order="nested")
    found = inside(lines, lon.deg, lat.deg, place)
    np.testing.assert_array_equal(found, np.isin(around, cells).astype(int))


def test_a_cell_alone_has_four_corners():
    (line,) = borders(np.array([1234]), ORDER)
    assert len(line.ra) == len(line.dec) == 4 and not line.hole


@pytest.mark.parametrize("direction", [1, 3, 5, 7])
def test_cells_that_touch_in_a_corner_alone_have_borders_of_their_own(direction):
    other = neighbours(np.array([1234]), 2**ORDER, order="nested")[direction, 0]
    lines = borders(np.sort([1234, other]), ORDER)
    assert [len(line.ra) for line in lines] == [4, 4]


def test_a_hole_that_touches_the_outside_in_a_corner():
    """Two cells are missing that touch in a corner, of which one is at the edge."""
    cells = cells_of(disc(200, 10, 6))
    whole = borders(cells, ORDER)
    hole = cells[len(cells) // 2]
    lines = borders(cells[cells != hole], ORDER)
    assert sorted(len(line.ra) for line in lines) == sorted([4, len(whole[0].ra)])
    assert sum(line.hole for line in lines) == 1


@pytest.mark.parametrize("order", [0, 1, 2])
def test_every_side_of_coarse_cells_meets_its_neighbour(order):
    """All of the sky has no border; without one cell, that cell's."""
    whole = np.arange(12 * 4**order)
    assert borders(whole, order) == []
    for missing in whole:
        (line,) = borders(np.delete(whole, missing), order)
        assert len(line.ra) == 4


def test_no_cells_have_no_border():
    assert borders(np.empty(0, np.int64), 11) == []


def test_right_ascensions_are_in_their_range():
    (line,) = borders(cells_of(disc(0, 0, 3)), ORDER)
    assert ((line.ra >= 0) & (line.ra < 360)).all() and np.ptp(line.ra) > 300
