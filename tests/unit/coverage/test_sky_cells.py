"""The cells of the sky: union of pointings, outlines, maps, and what sources say of them."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import angular_separation
from astropy_healpix import HEALPix, nside_to_pixel_area
from mocpy import MOC

from xgamma.coverage.cells import (
    CELL_AREA_DEG2,
    ORDER,
    Cells,
    Pointings,
    cell_of,
    from_moc,
    from_outlines,
    witnessed,
)
from xgamma.coverage.footprints import roll_share
from xgamma.errors import XgammaError

HEALPIX = HEALPix(2**ORDER, order="nested")
# a cell's corner is at most so far from its centre, degrees
LARGEST_CELL_RADIUS = 0.026


def apart(ra1, dec1, ra2, dec2):
    return np.degrees(angular_separation(*np.radians([ra1, dec1]), *np.radians([ra2, dec2])))


def cone(ra, dec, radius):
    """All cells within a cone and some more: number and centre."""
    cell = np.sort(HEALPIX.cone_search_lonlat(ra * u.deg, dec * u.deg, radius * u.deg))
    centre_ra, centre_dec = HEALPIX.healpix_to_lonlat(cell)
    return cell, centre_ra.deg, centre_dec.deg


def made(ra, dec, share, exposure):
    """Cells at given places, sorted as they must be."""
    cell = cell_of(np.array(ra), np.array(dec))
    order = np.argsort(cell)
    centre_ra, centre_dec = (angle.deg for angle in HEALPIX.healpix_to_lonlat(cell[order]))
    return Cells(
        cell[order], centre_ra, centre_dec, np.array(share)[order], np.array(exposure)[order]
    )


def no_cells():
    return Cells(np.empty(0, np.int64), *(np.empty(0) for _ in range(4)))


def test_the_area_of_a_cell():
    assert pytest.approx(nside_to_pixel_area(2**ORDER).to_value(u.deg**2)) == CELL_AREA_DEG2


def test_the_cell_of_a_position_is_its_row_or_minus_one():
    cells = made([10.0, 359.99, 200.0], [20.0, -60.0, 89.9], [1, 0.5, 0.2], [1e4, 2e4, 3e4])
    assert cells.at(cells.ra, cells.dec).tolist() == [0, 1, 2]
    row = cells.at(np.array([10.0, 359.99, 200.0, 11.0]), np.array([20.0, -60.0, 89.9, 20.0]))
    assert cells.exposure[row[:3]].tolist() == [1e4, 2e4, 3e4] and row[3] == -1
    assert no_cells().at(np.array([10.0]), np.array([20.0])).tolist() == [-1]
    assert cells.at(np.empty(0), np.empty(0)).shape == (0,)


def test_two_pointings_by_hand():
    """Their shares by arcs of circles: a square of half side a misses four arcs past a."""
    ra, dec = np.array([40.0, 40.1]), np.array([10.0, 10.1])
    in_catalogue = np.array([0.97, 0.6])
    cells = Pointings(ra, dec, ["ACIS-I", "ACIS-I"], np.array([20e3, 50e3])).cells(in_catalogue)
    angle = np.array([apart(r, d, cells.ra, cells.dec) for r, d in zip(ra, dec, strict=True)]) * 60
    share = np.where(angle <= 8.45, 1.0, 1 - 4 / np.pi * np.arccos(8.45 / np.maximum(angle, 8.45)))
    share = np.where(angle < 8.45 * np.sqrt(2), share, 0.0) * in_catalogue[:, None]
    seen = 1 - (1 - share[0]) * (1 - share[1])
    time = np.array([20e3, 50e3])[:, None] / (1 + (angle / 7) ** 2)
    partly = (share > 0.1).all(axis=0) & (angle > 8.45).any(axis=0)
    assert partly.sum() > 20
    # rolls are counted to half a degree, angles tabulated every 0.05 arcmin
    assert cells.share == pytest.approx(seen, abs=0.02)
    exposure = (share * time).sum(axis=0) / seen
    assert cells.exposure[partly] == pytest.approx(exposure[partly], rel=0.02)
    # both surely on the detector
    sure = (angle < 8.4).all(axis=0)
    assert sure.sum() > 20
    assert cells.share[sure] == pytest.approx(1 - 0.03 * 0.4)
    by_hand = (0.97 * time[0, sure] + 0.6 * time[1, sure]) / (1 - 0.03 * 0.4)
    assert cells.exposure[sure] == pytest.approx(by_hand)


def test_a_pointing_alone_has_the_area_of_its_detector():
    for detector, area in (("ACIS-I", 16.9**2), ("HRC-I", 30.0**2), ("HRC-S", 99.0 * 6)):
        pointing = Pointings(np.array([266.4]), np.array([-29.0]), [detector], np.array([1e4]))
        cells = pointing.cells(np.ones(1))
        assert cells.share.sum() * CELL_AREA_DEG2 == pytest.approx(area / 3600, rel=0.02)


@pytest.mark.parametrize("dec", [0.05, -63.0, 89.95])
def test_a_pointing_across_0_h_has_the_cells_of_all_pairs(dec):
    pointing = Pointings(np.array([359.98]), np.array([dec]), ["ACIS-S"], np.array([1e4]))
    cells = pointing.cells(np.array([0.97]))
    number, ra, centre_dec = cone(359.98, dec, 0.7)
    share = 0.97 * roll_share("ACIS-S", apart(359.98, dec, ra, centre_dec))
    keep = share > 1e-3
    assert cells.cell.tolist() == number[keep].tolist()
    assert cells.share == pytest.approx(share[keep], abs=1e-6)
    assert (cells.ra < 180).any() and (cells.ra > 180).any()


def test_what_does_not_count_gives_no_cells():
    pointings = Pointings(np.array([10.0, 50.0]), np.array([5.0, 5.0]), ["ACIS-I", "ACIS-I"],
                          np.array([1e4, 0.0]))  # fmt: skip
    assert len(pointings.cells(np.zeros(2))) == 0
    only = pointings.cells(np.array([0.97, 0.0]))
    assert len(only) > 0 and (apart(10, 5, only.ra, only.dec) < 0.2).all()
    none = Pointings(np.empty(0), np.empty(0), [], np.empty(0))
    assert len(none.cells(np.empty(0))) == 0
    assert none.doubted(np.empty(0), np.empty(0), np.empty(0), np.ones_like).shape == (0,)


def test_an_observation_without_sources_is_doubted():
    """Of four fields the first has a source, the second none, the third none but little time."""
    ra, dec = np.array([10.0, 50.0, 90.0, 130.0]), np.full(4, 5.0)
    pointings = Pointings(ra, dec, ["ACIS-I"] * 4, np.array([5e4, 5e4, 100.0, 5e4]))
    doubted = pointings.doubted(
        np.array([0.97, 0.97, 0.97, 0.0]), np.array([10.05]), np.array([5.0]), lambda t: t / 1000
    )
    # a square covers half of the rolls within 8.45' / cos(22.5 deg); half the number counts
    area = np.pi * (8.45 / 60 / np.cos(np.pi / 8)) ** 2
    expected = [
        0.97 * np.exp(-0.5 * n * area) / (0.97 * np.exp(-0.5 * n * area) + 0.03)
        for n in (50.0, 0.1)
    ]
    assert doubted == pytest.approx([0.97, *expected, 0.0], rel=0.005)
    assert 0.8 < doubted[1] < 0.92 and doubted[2] > 0.969


# ---- outlines

DISC = np.pi * 0.5**2
OUTLINES = {
    "circle": ("Circle ICRS 10 20 0.5", DISC, np.pi),
    "circle at 0 h": ("Circle ICRS 0 -45 0.5", DISC, np.pi),
    "circle at the pole": ("CIRCLE ICRS 77 89.9 0.5", DISC, np.pi),
    "polygon": ("Polygon ICRS 10.5 -0.5 10.5 0.5 9.5 0.5 9.5 -0.5", 1.0, 4.0),
    "the other way around": ("POLYGON 9.5 -0.5 9.5 0.5 10.5 0.5 10.5 -0.5", 1.0, 4.0),
    "polygon at 0 h": ("Polygon ICRS 359.5 -0.5 0.5 -0.5 0.5 0.5 359.5 0.5", 1.0, 4.0),
    "union": ("Union ICRS (Circle 10 20 0.5 Circle 12 20 0.5)", 2 * DISC, 2 * np.pi),
    "union, one twice": ("Union ICRS (Circle 10 20 0.5 Circle 10 20 0.5)", DISC, np.pi),
    "hole by NOT": (
        "Intersection ICRS (Circle 10 20 0.5 Not (Circle 10 20 0.3))",
        np.pi * (0.25 - 0.09),
        1.6 * np.pi,
    ),
    "hole by DIFFERENCE at 0 h": (
        "Difference ICRS (Circle 359.9 20 0.5 Circle 359.9 20 0.3)",
        np.pi * (0.25 - 0.09),
        1.6 * np.pi,
    ),
}


@pytest.mark.parametrize("name", OUTLINES)
def test_an_outline_has_its_area_and_the_cells_on_its_edge(name):
    outline, area, edge = OUTLINES[name]
    cells = from_outlines([outline], np.array([1e4]))
    found = cells.share.sum() * CELL_AREA_DEG2
    # a sixteenth of a cell on the edge counts whole: half its width, corner to corner, all along
    assert area < found < area + 0.0075 * edge
    assert set(cells.share * 16) <= set(range(1, 17)) and cells.share.max() == 1
    assert (cells.exposure == 1e4).all()


def test_the_cells_of_a_circle_against_all_cells():
    cells = from_outlines(["Circle ICRS 359.95 -30 0.4"], np.array([1e4]))
    number, ra, dec = cone(359.95, -30, 0.6)
    angle = apart(359.95, -30, ra, dec)
    assert set(number[angle < 0.4]) <= set(cells.cell)
    assert set(cells.cell) <= set(number[angle < 0.4 + LARGEST_CELL_RADIUS])


def test_the_hole_of_an_outline_is_not_seen():
    for outline in (OUTLINES["hole by NOT"][0], "Difference (Circle 10 20 0.5 Circle 10 20 0.3)"):
        cells = from_outlines([outline], np.array([1e4]))
        assert cells.at(np.array([10.0, 10.0]), np.array([20.0, 20.4])).tolist()[0] == -1
        assert apart(10, 20, cells.ra, cells.dec).min() > 0.3 - LARGEST_CELL_RADIUS
        assert cells.at(np.array([10.0]), np.array([20.4])) >= 0


def test_outlines_that_overlap_add_their_exposures():
    outlines = ["Circle ICRS 10 20 0.5", "Circle ICRS 10.3 20 0.5", "Circle ICRS 20 20 0.1"]
    cells = from_outlines(outlines, np.array([1e4, 3e4, 7e3]))
    row = cells.at(np.array([9.7, 10.15, 10.7, 20.0]), np.full(4, 20.0))
    assert cells.exposure[row].tolist() == [1e4, 4e4, 3e4, 7e3]
    assert (np.diff(cells.cell) > 0).all()
    assert len(from_outlines([], np.empty(0))) == 0


BAD_OUTLINES = [
    "",
    "round",
    "Circle ICRS 10 20",
    "Circle ICRS 10 20 -1",
    "Circle ICRS nan 20 1",
    "Circle ICRS 10 95 1",
    "Polygon FK4 10 20 11 20 11 21",
    "Union ICRS ( )",
    None,
    float("nan"),
]


@pytest.mark.parametrize("outline", BAD_OUTLINES, ids=str)
def test_an_outline_that_cannot_be_read_is_named_in_one_line(outline):
    """mocpy's own words have several lines; a null is no text at all."""
    with pytest.raises(XgammaError, match=r"^coverage: the outline in row 1 cannot be read") as of:
        from_outlines(["Circle ICRS 10 20 0.5", outline], np.array([1e4, 1e4]))
    assert "\n" not in str(of.value) and repr(str(outline)) in str(of.value)


# ---- maps


def test_a_map_of_coarser_cells_is_divided():
    pointing = Pointings(np.array([45.0]), np.array([0.0]), ["ACIS-I"], np.array([1e4]))
    pointings = pointing.cells(np.ones(1))
    parent = int(cell_of(np.array([45.0]), np.array([0.1]))[0] >> 2 * (ORDER - 7))
    cells = from_moc(MOC.from_string(f"7/{parent}"), pointings, 500.0)
    assert cells.cell.tolist() == list(range(parent << 8, parent + 1 << 8))
    assert (cells.share == 1).all()
    row = pointings.at(cells.ra, cells.dec)
    assert (row >= 0).any() and (row < 0).any()
    assert cells.exposure[row >= 0].tolist() == pointings.exposure[row[row >= 0]].tolist()
    assert (cells.exposure[row < 0] == 500.0).all()


def test_a_map_of_finer_cells_counts_the_cells_that_it_touches():
    # two parts of cell 77, the last part of cell 90
    moc = MOC.from_string(f"13/{16 * 77} {16 * 77 + 9} {16 * 90 + 15}")
    cells = from_moc(moc, no_cells(), 500.0)
    assert cells.cell.tolist() == [77, 90] and cells.exposure.tolist() == [500.0, 500.0]


def test_a_map_of_nothing():
    assert len(from_moc(MOC.new_empty(29), no_cells(), 500.0)) == 0


# ---- what sources say


def test_a_source_proves_that_its_place_was_seen():
    cells = made([10.0, 50.0, 90.0], [5.0, 5.0, 5.0], [0.3, 0.3, 1.0], [1e4, 2e4, 6e4])
    found = witnessed(cells, np.array([10.0, 200.0, 200.0]), np.array([5.0, -5.0, -5.0]), None)
    row = found.at(np.array([10.0, 50.0, 90.0, 200.0]), np.array([5.0, 5.0, 5.0, -5.0]))
    assert found.share[row].tolist() == [1.0, 0.3, 1.0, 1.0]
    # the usual exposure where none is known
    assert found.exposure[row].tolist() == [1e4, 2e4, 6e4, 2e4]
    assert len(found) == 4 and (np.diff(found.cell) > 0).all()
    assert cells.share.tolist().count(0.3) == 2  # as it was


def test_a_place_without_sources_is_doubted():
    """Of 0.9 before; 2,000 sources per square degree are expected, of which half count."""
    cells = made([10.0, 50.0, 90.0], [5.0, 5.0, 5.0], [0.9, 0.9, 1.0], [1e4, 1e4, 1e4])
    # a source 3 arcmin off: not in the cell, but it bears witness
    found = witnessed(cells, np.array([50.05]), np.array([5.0]), lambda t: 0.2 * t)
    mu = 0.5 * 2000 * np.pi * (4 / 60) ** 2
    doubted = 0.9 * np.exp(-mu) / (0.9 * np.exp(-mu) + 0.1)
    row = found.at(np.array([10.0, 50.0, 90.0]), np.full(3, 5.0))
    assert found.share[row] == pytest.approx([doubted, 0.9, 1.0], rel=1e-12)
    assert 1e-6 < doubted < 1e-4


def test_a_source_just_too_far_bears_no_witness():
    cells = made([10.0], [0.0], [0.9], [1e4])
    near, far = (
        witnessed(cells, cells.ra, cells.dec + step / 60, lambda t: np.full(len(t), 100.0))
        for step in (3.9, 4.1)
    )
    at = cells.ra, cells.dec
    assert near.share[near.at(*at)] == 0.9 and far.share[far.at(*at)] < 0.9


def test_no_cells_and_no_sources():
    only = witnessed(no_cells(), np.array([10.0]), np.array([5.0]), lambda t: t)
    assert only.share.tolist() == [1.0] and only.exposure.tolist() == [0.0]
    assert len(witnessed(no_cells(), np.empty(0), np.empty(0), None)) == 0
