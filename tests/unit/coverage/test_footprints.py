"""What one observation has seen, against rolls that are drawn, and which observations count."""

import numpy as np
import pytest

from xgamma.coverage.footprints import (
    detector_reach_deg,
    disc,
    flux_limit,
    in_catalogue_share,
    relative_exposure,
    roll_share,
    sure_radius_deg,
)

ARCMIN = 1 / 60

# Of the Proposers' Observatory Guide: sizes in arcmin, and where the aim point lies on the detector
SQUARE_OF_ACIS_I = [(1.0, (-8.45, 8.45), (-8.45, 8.45))]
# the aim point lies on S3, the fourth chip of six
CHIPS_OF_ACIS_S = [(0.45, (-4.15, 4.15), (-4.15, 4.15)), (0.55, (-29.15, 20.85), (-4.15, 4.15))]
SQUARE_OF_HRC_I = [(1.0, (-15, 15), (-15, 15))]
STRIP_OF_HRC_S = [(1.0, (-49.5, 49.5), (-3, 3))]
ONE_CHIP = [(1.0, (-4.15, 4.15), (-4.15, 4.15))]


def drawn_share(rectangles, off_axis, rolls=400_000, seed=1):
    """Turn the sky instead of the detector: how often does a place lie on it?"""
    random = np.random.default_rng(seed)
    angle, read_out = random.uniform(0, 2 * np.pi, rolls), random.random(rolls)
    x, y = off_axis * np.cos(angle), off_axis * np.sin(angle)
    hits, first = 0, 0.0
    for probability, (left, right), (low, high) in rectangles:
        used = (first <= read_out) & (read_out < first + probability)
        hits += (used & (left <= x) & (x <= right) & (low <= y) & (y <= high)).sum()
        first += probability
    return hits / rolls


def test_acis_i_sees_all_within_its_square_and_nothing_past_its_corners():
    assert (roll_share("ACIS-I", np.array([0, 4, 8.4, 8.45]) * ARCMIN) == 1).all()
    assert roll_share("ACIS-I", 8.6 * ARCMIN) < 1
    assert roll_share("ACIS-I", 11.85 * ARCMIN) > 0
    # half the diagonal of 16.9 arcmin
    assert (roll_share("ACIS-I", np.array([11.95, 12, 30, 600]) * ARCMIN) == 0).all()


def test_a_disc_sees_all_within_its_radius():
    assert detector_reach_deg(disc(15)) == 15 * ARCMIN
    assert roll_share(disc(15), np.array([0, 14.9, 15.1, 40]) * ARCMIN).tolist() == [1, 1, 0, 0]


def test_the_share_of_a_square_is_that_of_its_arcs():
    """Four arcs of half width arccos(a / theta) lie outside a square of half side a."""
    off_axis = np.arange(8.5, 11.9, 0.05)
    by_arcs = 1 - 4 / np.pi * np.arccos(8.45 / off_axis)
    # 720 rolls: arcs are counted to half a degree
    assert roll_share("ACIS-I", off_axis * ARCMIN) == pytest.approx(by_arcs, abs=8 / 720)


@pytest.mark.parametrize(
    ("detector", "rectangles", "off_axis"),
    [
        ("ACIS-I", SQUARE_OF_ACIS_I, (3.0, 10.0, 11.5)),
        ("ACIS-S", CHIPS_OF_ACIS_S, (1.0, 4.2, 7.0, 12.0, 21.5, 28.0)),
        ("HRC-I", SQUARE_OF_HRC_I, (14.0, 17.0, 20.0)),
        ("HRC-S", STRIP_OF_HRC_S, (2.0, 10.0, 45.0)),
        ("", ONE_CHIP, (3.0, 5.0)),
    ],
)
def test_the_share_of_rolls_against_rolls_that_are_drawn(detector, rectangles, off_axis):
    found = roll_share(detector, np.array(off_axis) * ARCMIN)
    drawn = [drawn_share(rectangles, angle) for angle in off_axis]
    assert found == pytest.approx(drawn, abs=8 / 720 + 0.003)


@pytest.mark.parametrize("detector", ["ACIS-I", "ACIS-S", "HRC-I", "HRC-S", "ACIS-X"])
def test_nothing_is_seen_beyond_the_reach(detector):
    reach = detector_reach_deg(detector)
    assert roll_share(detector, reach - 0.1 * ARCMIN) > 0
    assert roll_share(detector, reach + 0.06 * ARCMIN) == 0


def test_the_middle_of_a_field_is_seen_by_most_rolls():
    # by arcs: half of the rolls of a square where arccos(a / theta) = pi / 8
    assert sure_radius_deg("ACIS-I") == pytest.approx(8.45 / np.cos(np.pi / 8) / 60, abs=0.002)
    for detector in ("ACIS-S", "HRC-I", "HRC-S", ""):
        radius = sure_radius_deg(detector)
        share = roll_share(detector, np.array([radius - 0.06 * ARCMIN, radius + 1e-9]))
        assert share[0] >= 0.5 > share[1]


def test_exposure_off_axis():
    off_axis = np.array([0, 7, 14]) * ARCMIN
    assert relative_exposure("ACIS-I", off_axis) == pytest.approx([1, 1 / 2, 1 / 5])
    assert relative_exposure("HRC-I", off_axis) == pytest.approx([1 / 4, 1 / 8, 1 / 20])


def test_the_flux_limit_is_that_of_five_counts():
    # 5 counts in 6 ks, 1.2e-11 erg/cm2/s for one count a second
    assert flux_limit(np.array([6000.0])) == pytest.approx([1e-14])
    assert flux_limit(0.0) == np.inf


# detector, status, grating, public, made, exposure -> whether it counts
OBSERVATIONS = [
    ("ACIS-I", "archived", "NONE", 58000, 57000, 1e4, 0.97),
    ("HRC-S", "archived", "NONE", 58000, 57000, 1e4, 0.5),
    ("ACIS-S", "", "", 58000, 57000, 1e4, 0.97),  # a table that tells neither
    ("ACIS-S", "archived", "none", 58000, 57000, 1e4, 0.97),
    ("ACIS-S", "archived", "HETG", 58000, 57000, 1e4, 0),
    ("ACIS-S", "archived", "LETG", 58000, 57000, 1e4, 0),
    ("ACIS-I", "scheduled", "NONE", 58000, 57000, 1e4, 0),
    ("ACIS-I", "observed", "NONE", 58000, 57000, 1e4, 0),
    ("ACIS-I", "archived", "NONE", 59000, 57000, 1e4, 0.97),  # on the last day
    ("ACIS-I", "archived", "NONE", 59000.5, 57000, 1e4, 0),
    ("ACIS-I", "archived", "NONE", np.nan, 57000, 1e4, 0.97),
    ("ACIS-I", "archived", "NONE", np.nan, 59100, 1e4, 0),
    ("ACIS-I", "archived", "NONE", 58000, np.nan, 1e4, 0.97),
    ("ACIS-I", "archived", "NONE", np.nan, np.nan, 1e4, 0.97),
    ("ACIS-I", "archived", "NONE", 58000, 57000, 0, 0),
    ("ACIS-I", "archived", "NONE", 58000, 57000, np.nan, 0),
]


@pytest.mark.parametrize("kind", [str, object])
def test_which_observations_count(kind):
    detector, status, grating, public, made, exposure, expected = zip(*OBSERVATIONS, strict=True)
    found = in_catalogue_share(
        *(np.array(names, dtype=kind) for names in (detector, status, grating)),
        *(np.array(values, float) for values in (public, made, exposure)),
        latest_mjd=59000,
    )
    assert found.tolist() == list(expected)


def test_no_observations():
    nothing = np.array([])
    names = np.array([], dtype=object)
    found = in_catalogue_share(names, names, names, nothing, nothing, nothing, 59000)
    assert found.shape == (0,)
