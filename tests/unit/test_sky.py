"""Separations, position angles, error ellipses, the latitude cut, and the matching.

Separations are held against atan2(|a x b|, a . b) of unit vectors and against published
ones: astropy's own SkyCoord.separation is the formula under test.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from xgamma.sky import (
    elliptical_distance,
    galactic,
    match_within,
    position_angle,
    separation,
    unit_vectors,
    within_latitude,
)

FERMI_LIST = Path(__file__).resolve().parents[2] / "resources" / "4fgl_dr4_v35.ecsv.gz"


def vectors(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def angle(ra1, dec1, ra2, dec2):
    """Angle between unit vectors, exact at all separations, in degrees."""
    a, b = vectors(ra1, dec1), vectors(ra2, dec2)
    across = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.degrees(np.arctan2(across, (a * b).sum(axis=-1)))


def random_positions(n, seed):
    random = np.random.default_rng(seed)
    return random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))


def fermi_source(name):
    table = Table.read(FERMI_LIST, format="ascii.ecsv")
    return table[[str(n) == name for n in table["name"]]][0]


@pytest.mark.parametrize(
    ("first", "second", "expected", "tolerance"),
    [
        # Meeus, Astronomical Algorithms, example 17.a: Arcturus and Spica
        ((213.9154, 19.1825), (201.2983, -11.1614), 32.7930, 1e-4),
        ((10, 20), (10, 20), 0, 0),
        ((0, 0), (90, 0), 90, 1e-13),
        ((0, 0), (180, 0), 180, 1e-13),
        ((17, 89), (197, 89), 2, 1e-12),  # over the north pole
        ((17, 90), (200, 90), 0, 1e-13),  # the pole has any right ascension
        ((17, -90), (200, -89.75), 0.25, 1e-13),
        ((359.999, 0), (0.001, 0), 0.002, 1e-13),  # across 0 h
        # a milliarcsecond and less: the arc cosine of a dot product gives 0 here
        ((120, 0), (120, 1e-8), 1e-8, 1e-16),
        ((50, 60), (50 + 2e-8, 60), 1e-8, 1e-14),  # cos(60 deg) = 1/2
    ],
)
def test_separation_of_known_cases(first, second, expected, tolerance):
    assert separation(*first, *second) == pytest.approx(expected, abs=tolerance, rel=0)
    assert separation(*second, *first) == pytest.approx(expected, abs=tolerance, rel=0)


def test_separation_equals_the_angle_between_vectors():
    """Catches degrees taken for radians, a lost cos(dec), a flat-sky shortcut."""
    near_pole = (np.array([10.0, 200.0]), np.array([89.9999, -89.99999]))
    one, two = random_positions(2000, 1), random_positions(2000, 2)
    one = [np.append(a, b) for a, b in zip(one, near_pole, strict=True)]
    two = [np.append(a, b) for a, b in zip(two, near_pole[::-1], strict=True)]
    two[1][-2:] = -89.9, 89.9
    np.testing.assert_allclose(separation(*one, *two), angle(*one, *two), atol=1e-12, rtol=0)


def test_separation_broadcasts():
    found = separation(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros((1, 4)), np.arange(4.0))
    assert found.shape == (3, 4)
    np.testing.assert_allclose(found[1], [0, 1, 2, 3], atol=1e-13)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((100, 0), (100, 1), 0),
        ((100, 0), (101, 0), 90),  # east is the direction of growing right ascension
        ((100, 0), (100, -1), 180),
        ((100, 0), (99, 0), 270),
        ((0, 0), (359.9, 0), 270),  # west, across 0 h
        ((359.9, 0), (0, 0), 90),
        ((0, 90), (30, 80), 150),  # at the pole, north lies along right ascension + 180
        ((0, -90), (30, -80), 30),
        ((33, 80), (213, 80), 0),  # over the pole the way goes north
    ],
)
def test_position_angle_is_east_of_north(first, second, expected):
    """A mirrored angle (west of north) fails here."""
    turned = (position_angle(*first, *second) - expected + 180) % 360 - 180
    assert turned == pytest.approx(0, abs=1e-9)


def test_position_angle_equals_astropys():
    one, two = random_positions(2000, 3), random_positions(2000, 4)
    expected = SkyCoord(*one, unit="deg").position_angle(SkyCoord(*two, unit="deg")).deg
    turned = (position_angle(*one, *two) - expected + 180) % 360 - 180
    np.testing.assert_allclose(turned, 0, atol=1e-9)


def test_separation_and_position_angle_invert_an_offset():
    """From a point, 0.1 deg along a given angle: both come back."""
    ra, dec = random_positions(300, 5)
    given = np.random.default_rng(6).uniform(0, 360, 300)
    moved = SkyCoord(ra, dec, unit="deg").directional_offset_by(given * u.deg, 0.1 * u.deg)
    found = position_angle(ra, dec, moved.ra.deg, moved.dec.deg)
    np.testing.assert_allclose((found - given + 180) % 360 - 180, 0, atol=1e-8)
    np.testing.assert_allclose(separation(ra, dec, moved.ra.deg, moved.dec.deg), 0.1, atol=1e-11)


def test_position_angle_is_below_360():
    """An angle that rounding makes slightly negative may not come out as 360."""
    assert position_angle(0, 0, -1e-20, 1) == 0
    assert (position_angle(np.zeros(1000), 0, -np.geomspace(1e-300, 1e-3, 1000), 1) < 360).all()


@pytest.mark.parametrize(
    ("sep", "angle_deg", "expected"),
    [
        # an ellipse of 2 x 1 deg, its major axis 30 deg east of north
        (2, 30, 1),
        (2, 210, 1),
        (1, 120, 1),
        (1, 300, 1),
        (1, 30, 0.5),
        (0, 77, 0),
        (2, -30, np.sqrt(0.25 + 3)),  # mirrored: cos 60 = 1/2 along, 2 sin 60 = sqrt 3 across
        (2, 75, np.sqrt(0.5 + 2)),
    ],
)
def test_elliptical_distance_by_hand(sep, angle_deg, expected):
    assert elliptical_distance(sep, angle_deg, 2, 1, 30) == pytest.approx(expected, abs=1e-12)


def test_elliptical_distance_is_null_without_an_axis():
    found = elliptical_distance([1.0, 1.0, 1.0], 0, [np.nan, 2, 2], [1, np.nan, 1], [0, 0, np.nan])
    assert np.isnan(found).all()


def test_elliptical_distance_of_a_published_pair():
    """HESS J0632+057: the X-ray source of the binary in the ellipse of 4FGL J0632.8+0550.

    By hand, on the plane tangent at the Fermi position: 2CXO J063259.2+054801 lies
    +0.03260 deg east and -0.04502 deg north; turned by the position angle of -76.15 deg
    (u along the axis, v across) and divided by the axes 0.1002 and 0.0812 deg.
    """
    row = fermi_source("4FGL J0632.8+0550")
    ra, dec = 15 * (6 + 32 / 60 + 59.2 / 3600), 5 + 48 / 60 + 1 / 3600
    east, north = (ra - row["ra"]) * np.cos(np.radians(dec)), dec - row["dec"]
    assert (east, north) == pytest.approx((0.03260, -0.04502), abs=2e-5)
    turn = np.radians(-76.15)
    u_axis = east * np.sin(turn) + north * np.cos(turn)
    v_axis = east * np.cos(turn) - north * np.sin(turn)
    by_hand = np.sqrt((u_axis / 0.1002) ** 2 + (v_axis / 0.0812) ** 2)
    assert by_hand == pytest.approx(0.612, abs=1e-3)

    sep = separation(row["ra"], row["dec"], ra, dec)
    at = position_angle(row["ra"], row["dec"], ra, dec)
    axes = row["semi_major_axis_95"], row["semi_minor_axis_95"], row["position_angle_95"]
    assert elliptical_distance(sep, at, *axes) == pytest.approx(by_hand, abs=1e-4)
    # west of north would put it elsewhere
    assert elliptical_distance(sep, -at, *axes) == pytest.approx(0.668, abs=1e-3)


def test_position_angles_of_4fgl_are_east_of_north():
    """The convention itself: known counterparts fill the ellipses as they should.

    Counterparts whose names hold their positions, in the 4FGL ellipses that are longest.
    A two-dimensional normal distribution with 95 % inside has a mean squared distance of
    1 / ln 20 = 0.33; any other reading of the angle makes it larger than the true one.
    """
    pattern = re.compile(r"J(\d\d)(\d\d)(\d\d\.?\d*)([+-])(\d\d)(\d\d)(\d\d\.?\d*)$")
    rows = []
    for row in Table.read(FERMI_LIST, format="ascii.ecsv"):
        name = str(row["assoc_name"])
        match = pattern.search(name)
        # names of 2MASS and 2MASX have no decimal point
        if not match or name.startswith("2MAS") or not row["semi_major_axis_95"] > 0:
            continue
        hours, minutes, seconds, sign, *declination = match.groups()
        degrees, arcmin, arcsec = map(float, declination)
        rows.append(
            (
                *(row[c] for c in ("ra", "dec", "semi_major_axis_95", "semi_minor_axis_95")),
                row["position_angle_95"],
                15 * (float(hours) + float(minutes) / 60 + float(seconds) / 3600),
                float(f"{sign}1") * (degrees + arcmin / 60 + arcsec / 3600),
            )
        )
    ra, dec, major, minor, tilt, there_ra, there_dec = np.array(rows, dtype=float).T
    long = minor / major < 0.7
    sep = separation(ra, dec, there_ra, there_dec)
    at = position_angle(ra, dec, there_ra, there_dec)

    def mean_square(angle_deg):
        return (elliptical_distance(sep, angle_deg, major, minor, tilt)[long] ** 2).mean()

    assert long.sum() > 100
    assert mean_square(at) < 0.42
    assert min(mean_square(-at), mean_square(90 - at), mean_square(at + 90)) > 0.45


@pytest.mark.parametrize(
    ("ra", "dec", "longitude", "latitude"),
    [
        # the definition of the Galactic frame in ICRS (Hipparcos catalogue, vol. 1, 1.5.3)
        (266.40499, -28.93617, 0, 0),
        (192.85948, 27.12825, 0, 90),
        (83.63308, 22.01450, 184.5575, -5.7844),  # the Crab pulsar (ATNF: 184.558, -5.784)
    ],
)
def test_galactic_of_published_positions(ra, dec, longitude, latitude):
    found_l, found_b = galactic([ra], [dec])
    assert found_b[0] == pytest.approx(latitude, abs=1e-4)
    if latitude < 90:
        assert (found_l[0] - longitude + 180) % 360 - 180 == pytest.approx(0, abs=1e-4)
    assert 0 <= found_l[0] < 360


def test_galactic_agrees_with_the_4fgl_list():
    """Every position of 4FGL-DR4; its own coordinates are float32, and FK5 by 0.032 arcsec."""
    table = Table.read(FERMI_LIST, format="ascii.ecsv")
    longitude, latitude = galactic(table["ra"], table["dec"])
    # 4FGL gives ra and dec to 1e-4 deg
    assert angle(longitude, latitude, table["lii"], table["bii"]).max() < 1.5e-4


def test_latitude_cut_takes_both_ends():
    b = [-10.0, 10.0, np.nextafter(-10, -11), np.nextafter(10, 11), 0, -0.0, 90, np.nan]
    assert within_latitude(b, 10).tolist() == [True, True, False, False, True, True, False, False]


def test_unit_vectors():
    found = unit_vectors([0, 90, 45, 123], [0, 0, 0, 90])
    half = np.sqrt(0.5)
    expected = [[1, 0, 0], [0, 1, 0], [half, half, 0], [0, 0, 1]]
    np.testing.assert_allclose(found, expected, atol=1e-15)


def all_pairs(centre_ra, centre_dec, radius, ra, dec):
    """Every centre with every point, by another formula; None where it is too close to say."""
    apart = angle(
        np.asarray(centre_ra)[:, None], np.asarray(centre_dec)[:, None], np.asarray(ra), dec
    )
    margin = np.broadcast_to(radius, len(apart))[:, None] - apart
    assert (np.abs(margin) > 1e-11).all(), "a pair too close to a circle's edge for this test"
    return list(zip(*(i.tolist() for i in np.nonzero(margin > 0)), strict=True)), apart


def sky_of(kind):
    random = np.random.default_rng(11)
    if kind == "whole sky":
        return *random_positions(60, 7), random.uniform(0, 30, 60), *random_positions(900, 8)
    if kind == "clusters":
        at_ra, at_dec = random_positions(15, 9)
        spread = random.normal(0, 0.2, (2, 15, 60))
        ra = (at_ra[:, None] + spread[0] / np.cos(np.radians(at_dec))[:, None]).ravel() % 360
        dec = np.clip(at_dec[:, None] + spread[1], -90, 90).ravel()
        return at_ra, at_dec, random.uniform(0.001, 0.5, 15), ra, dec
    if kind == "poles":
        centre_dec = np.repeat([90.0, 89.95, -90.0, -89.9], 5)
        ra, dec = random.uniform(0, 360, 800), 90 - random.uniform(0, 0.5, 800)
        dec[::2] *= -1
        return random.uniform(0, 360, 20), centre_dec, random.uniform(0, 0.4, 20), ra, dec
    if kind == "0 h":
        centre_ra = random.uniform(-0.2, 0.2, 30) % 360
        centre_dec = random.uniform(-60, 60, 30)
        ra = (np.repeat(centre_ra, 20) + random.uniform(-1, 1, 600)) % 360
        dec = np.repeat(centre_dec, 20) + random.uniform(-0.5, 0.5, 600)
        return centre_ra, centre_dec, random.uniform(0.1, 1, 30), ra, dec
    # nearly everything, to the last degree before the antipode
    return *random_positions(20, 12), random.uniform(150, 179.9, 20), *random_positions(500, 13)


@pytest.mark.parametrize("kind", ["whole sky", "clusters", "poles", "0 h", "huge circles"])
def test_match_within_equals_all_pairs(kind):
    """Catches chord for angle, one radius for all, lost pairs at the poles and at 0 h."""
    centre_ra, centre_dec, radius, ra, dec = sky_of(kind)
    expected, apart = all_pairs(centre_ra, centre_dec, radius, ra, dec)
    centre, point, distance = match_within(centre_ra, centre_dec, radius, ra, dec)
    # in the promised order, so lists and not sets
    assert list(zip(centre.tolist(), point.tolist(), strict=True)) == expected
    np.testing.assert_allclose(distance, apart[centre, point], atol=1e-12)
    assert len(expected) > 20
    assert centre.dtype == point.dtype == np.int64


def test_match_within_takes_the_edge_and_a_zero_radius():
    """<=, not <: a point at just the radius is inside; radius 0 takes the same position."""
    edge = float(separation(83.6, 22.0, 83.7, 22.1))
    for radius, inside in ((edge, [0]), (np.nextafter(edge, 0), [])):
        assert match_within([83.6], [22.0], [radius], [83.7], [22.1])[1].tolist() == inside
    centre, point, distance = match_within(
        [10.0, 200.0], [-5.0, 80.0], 0.0, [200.0, 10.0, 10.0], [80.0, -5.0, -5.0 + 1e-12]
    )
    assert (centre.tolist(), point.tolist()) == ([0, 1], [1, 0])
    assert distance.tolist() == [0, 0]


def test_match_within_180_degrees_is_everything():
    ra, dec = random_positions(50, 14)
    for radius in (180.0, 400.0):
        assert len(match_within([1.0, 2.0], [3.0, -4.0], radius, ra, dec)[0]) == 100


@pytest.mark.parametrize("empty", ["centres", "points", "found"])
def test_match_within_of_nothing(empty):
    none = np.empty(0)
    centres = (none, none, none) if empty == "centres" else ([1.0], [1.0], [0.1])
    points = (none, none) if empty == "points" else ([100.0], [1.0])
    centre, point, distance = match_within(*centres, *points)
    assert len(centre) == len(point) == len(distance) == 0
    assert centre.dtype == point.dtype == np.int64
