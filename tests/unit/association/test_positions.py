"""Error laws against integrals, ellipses against vectors, points that stand for integrals."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy import stats

from xgamma.association.positions import (
    LARGEST_DISTANCE,
    Ellipses,
    error_ellipses,
    offsets,
    spread_points,
)

K95 = -np.log(0.05)


def ellipse(ra, dec, major, minor, angle, wide_share=0.1, narrow=0.97, wide=2.86):
    """Ellipses of which only the first arguments differ."""
    values = np.broadcast_arrays(ra, dec, major, minor, angle, wide_share, narrow, wide)
    floats = [np.atleast_1d(value).astype(float) for value in values]
    return Ellipses(*floats, np.full(len(floats[0]), "catalogue", dtype=object))


def vector(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def by_vectors(centre, ra, dec):
    """East and north of a centre in degrees along the great circle, from vectors alone."""
    east = vector(centre[0] + 90, 0)
    north = np.cross(vector(*centre), east)
    towards = vector(ra, dec) - (vector(ra, dec) @ vector(*centre))[:, None] * vector(*centre)
    length = np.linalg.norm(towards, axis=1)
    apart = np.degrees(np.arctan2(length, vector(ra, dec) @ vector(*centre)))
    return (towards @ east) / length * apart, (towards @ north) / length * apart


def around(centre, east, north):
    """Positions at offsets in degrees, by astropy."""
    at = SkyCoord(*centre, unit="deg").directional_offset_by(
        np.arctan2(east, north) * u.rad, np.hypot(east, north) * u.deg
    )
    return at.ra.deg, at.dec.deg


def matrix(major, minor, angle):
    """Of an ellipse, east and north: the major axis lies `angle` east of north."""
    angle = np.radians(angle)
    axes = np.array([[np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)]]).T
    return axes @ np.diag([major**2, minor**2]) @ axes.T


def without_error(ellipses, source, ra, dec):
    null = np.full(len(ra), np.nan)
    return offsets(ellipses, source, ra, dec, null, null, null)


# ---- the law


@pytest.mark.parametrize("wide_share", [0.0, 0.1, 0.47])
def test_the_density_integrates_to_one_and_to_the_survival(wide_share):
    """Summed over the sky in steps of 22 arcsec, far enough for the wide part."""
    dec = np.arange(38.5, 41.5, 0.006)
    ra = np.arange(118.0, 122.0, 0.006)
    ra, dec = (grid.ravel() for grid in np.meshgrid(ra, dec))
    one = ellipse(120, 40, 0.12, 0.06, 35, wide_share)
    found = without_error(one, np.zeros(len(ra), np.int64), ra, dec)
    share = np.exp(found.log_density) * np.cos(np.radians(dec)) * 0.006**2
    assert share.sum() == pytest.approx(1, abs=3e-4)
    x = np.array([0.5, 1.0, 2.0, 3.0])
    beyond = [share[found.distance > limit].sum() for limit in x]
    assert one.survival(x)[0] == pytest.approx(beyond, abs=4e-3)


def table_of(**columns):
    """Fermi sources: strong ones in the plane with round ellipses, but for what is given."""
    n = max(len(values) for values in columns.values())
    usual = {
        "name": [f"made {row}" for row in range(n)],
        "ra": [100.0 + row for row in range(n)],
        "dec": [0.0] * n,
        "bii": [1.0] * n,
        "semi_major_axis_95": [0.1] * n,
        "semi_minor_axis_95": [0.1] * n,
        "position_angle_95": [0.0] * n,
        "analysis_flags": [0] * n,
        "detection_significance": [30.0] * n,
    }
    return pd.DataFrame(usual | columns)


NO_TEMPLATES = pd.DataFrame(
    columns=["name", "model_form", "model_semi_major", "model_semi_minor", "model_position_angle"]
)


def test_how_many_lie_outside_the_95_percent_ellipse():
    """Strong, weak, flagged, off the plane: shares by two exponentials, written out."""
    fermi = table_of(
        detection_significance=[30.0, 15.0, 30.0, 10.0, 30.0],
        analysis_flags=[0, 0, 1, 32 + 4, 0],
        bii=[1.0, -10.0, 10.0, 1.0, 10.1],
    )
    outside = error_ellipses(fermi, NO_TEMPLATES).survival(np.ones(1))[:, 0]
    near, far = np.exp(-2.9957 / 0.9409), np.exp(-2.9957 / 8.1796)
    expected = [0.9 * near + 0.1 * far, 0.7 * near + 0.3 * far, *[0.53 * near + 0.47 * far] * 2]
    assert outside == pytest.approx([*expected, np.exp(-2.9957 / 0.9025)], abs=1e-4)
    assert outside == pytest.approx([0.107, 0.237, 0.348, 0.348, 0.036], abs=1e-3)


def test_which_flags_are_doubtful():
    """1, 2, 6 and 7 of 4FGL are the bits 1, 2, 32, 64."""
    flags = [1 << bit for bit in range(12)]
    share = error_ellipses(table_of(analysis_flags=flags), NO_TEMPLATES).wide_share
    assert [flag for flag, w in zip(flags, share, strict=True) if w > 0.4] == [1, 2, 32, 64]
    assert error_ellipses(table_of(analysis_flags=["", None]), NO_TEMPLATES).wide_share.max() == 0.1


# ---- offsets


@pytest.mark.parametrize("centre", [(266.4, -29.0), (0.02, 60.0), (359.99, -0.01), (40.0, 89.95)])
def test_an_ellipse_at_an_angle_against_vectors(centre):
    """Near the pole and across 0 h too; x and density by matrices."""
    random = np.random.default_rng(3)
    east, north = random.normal(0, 0.1, (2, 200))
    ra, dec = around(centre, east, north)
    assert np.array(by_vectors(centre, ra, dec)) == pytest.approx(np.array([east, north]), abs=1e-9)
    found = without_error(ellipse(*centre, 0.15, 0.05, 63), np.zeros(200, np.int64), ra, dec)
    shape = matrix(0.15, 0.05, 63)
    offset = np.array([east, north])
    squared = (offset * (np.linalg.inv(shape) @ offset)).sum(axis=0)
    assert found.distance == pytest.approx(np.sqrt(squared), rel=1e-6)
    assert found.separation_deg == pytest.approx(np.hypot(east, north), abs=1e-9)
    law = [
        share * stats.multivariate_normal(cov=shape * scale**2 / (2 * K95)).pdf(offset.T)
        for share, scale in ((0.9, 0.97), (0.1, 2.86))
    ]
    assert found.log_density == pytest.approx(np.log(law[0] + law[1]), abs=1e-5)


def test_the_ends_of_the_axes_lie_at_one():
    """Position angle 30 degrees: the major axis points north-north-east."""
    angle = np.radians(30)
    east = np.array([0.2 * np.sin(angle), 0.1 * np.cos(angle)])
    north = np.array([0.2 * np.cos(angle), -0.1 * np.sin(angle)])
    ra, dec = around((300, 50), east, north)
    found = without_error(ellipse(300, 50, 0.2, 0.1, 30), np.zeros(2, np.int64), ra, dec)
    assert found.distance == pytest.approx([1, 1], rel=1e-9)


def test_the_error_of_the_chandra_source_is_added():
    """As matrices; it widens a tiny ellipse by far, a large one hardly."""
    random = np.random.default_rng(5)
    n = 100
    major = random.choice([0.002, 0.1], n)
    minor, angle = major * random.uniform(0.3, 1, n), random.uniform(0, 180, n)
    many = ellipse(200.0, -45.0, major, minor, angle)
    own_major = random.uniform(0.5, 30, n)
    own_minor, own_angle = own_major * random.uniform(0.2, 1, n), random.uniform(0, 180, n)
    east, north = random.normal(0, 1, (2, n)) * major
    ra, dec = around((200.0, -45.0), east, north)
    found = offsets(many, np.arange(n), ra, dec, own_major, own_minor, own_angle)
    for row in range(n):
        both = matrix(major[row], minor[row], angle[row]) + matrix(
            own_major[row] / 3600, own_minor[row] / 3600, own_angle[row]
        )
        offset = np.array([east[row], north[row]])
        assert found.distance[row] ** 2 == pytest.approx(
            offset @ np.linalg.solve(both, offset), rel=1e-5
        )
        law = sum(
            share * stats.multivariate_normal(cov=both * scale**2 / (2 * K95)).pdf(offset)
            for share, scale in ((0.9, 0.97), (0.1, 2.86))
        )
        assert found.log_density[row] == pytest.approx(np.log(law), abs=1e-5)


def test_errors_that_are_null():
    """No error at all; a round one where only the larger axis is given."""
    ra, dec = around((10, 0), np.array([0.01] * 4), np.array([0.0] * 4))
    one = ellipse(10, 0, 0.01, 0.01, 0)
    null = np.nan
    found = offsets(
        one,
        np.zeros(4, np.int64),
        ra,
        dec,
        np.array([null, 0.0, 36.0, 36.0]),
        np.array([null, 0.0, null, 36.0]),
        np.array([null, 0.0, null, 77.0]),
    )
    assert found.distance == pytest.approx([1, 1, np.sqrt(0.5), np.sqrt(0.5)], rel=1e-6)


def test_a_place_too_far_for_the_law_has_no_density():
    found = without_error(
        ellipse(10, 0, 1e-4, 1e-4, 0), np.zeros(1, np.int64), np.array([11.0]), np.array([0.0])
    )
    assert found.log_density[0] == -np.inf and found.distance[0] == pytest.approx(1e4, rel=1e-3)


# ---- ellipses that the catalogue does not give


def test_templates_of_extended_sources():
    """95 % of a Gaussian, of a disk; a ring and a map count as they are."""
    fermi = table_of(
        name=["gauss", "disk", "ring", "map", "point"],
        semi_major_axis_95=[np.nan, np.nan, np.nan, 0.0, 0.1],
        semi_minor_axis_95=[np.nan, np.nan, np.nan, 0.0, 0.05],
        position_angle_95=[np.nan, np.nan, np.nan, np.nan, 20.0],
        ra=[10.0, 20.0, 30.0, 40.0, 50.0],
        analysis_flags=[1, 0, 0, 0, 0],
    )
    extended = pd.DataFrame(
        {
            "name": ["map", "ring", "disk", "gauss", "point"],
            "model_form": ["Map", "Ring", "Disk", "2D Gaussian", "Disk"],
            "model_semi_major": [0.4, 0.3, 0.2, 0.5, 9.0],
            "model_semi_minor": [0.1, 0.3, 0.1, 0.5, 9.0],
            "model_position_angle": [70.0, np.nan, 45.0, 0.0, 0.0],
        }
    )
    found = error_ellipses(fermi, extended)
    gauss = stats.rayleigh.ppf(0.95) / stats.rayleigh.ppf(0.68)
    random = np.random.default_rng(1)
    disk = np.quantile(np.sqrt(random.random(1_000_000)), 0.95)
    assert found.major == pytest.approx([0.5 * gauss, 0.2 * disk, 0.3, 0.4, 0.1], rel=1e-3)
    assert found.minor == pytest.approx([0.5 * gauss, 0.1 * disk, 0.3, 0.1, 0.05], rel=1e-3)
    assert found.angle.tolist() == [0, 45, 0, 70, 20]
    assert found.origin.tolist() == ["template"] * 4 + ["catalogue"]
    # where it shines, not an error: 5 % outside, and no tails whatever the flags
    assert found.survival(np.ones(1))[:4, 0] == pytest.approx([0.05] * 4)
    assert found.wide_share[:4].tolist() == [0] * 4


def test_the_ellipse_of_the_same_object_or_a_usual_one():
    """0.04 degrees off, 0.06 degrees off, and alone; across 0 h."""
    fermi = table_of(
        ra=[359.98, 0.02, 50.0, 50.06, 200.0],
        semi_major_axis_95=[0.08, np.nan, 0.03, np.nan, np.nan],
        semi_minor_axis_95=[0.04, np.nan, 0.02, np.nan, np.nan],
        position_angle_95=[33.0, np.nan, 44.0, np.nan, np.nan],
    )
    found = error_ellipses(fermi, NO_TEMPLATES)
    assert found.origin.tolist() == [
        "catalogue", "same object", "catalogue", "substitute", "substitute",
    ]  # fmt: skip
    assert found.major.tolist() == [0.08, 0.08, 0.03, 0.1, 0.1]
    assert found.minor.tolist() == [0.04, 0.04, 0.02, 0.1, 0.1]
    assert found.angle.tolist() == [33, 33, 44, 0, 0]
    alone = error_ellipses(table_of(semi_major_axis_95=[np.nan]), NO_TEMPLATES)
    assert alone.origin.tolist() == ["substitute"]


def test_a_minor_axis_is_not_longer_and_a_null_one_round():
    fermi = table_of(semi_minor_axis_95=[np.nan, 0.2, 0.0, 0.07])
    assert error_ellipses(fermi, NO_TEMPLATES).minor.tolist() == [0.1, 0.1, 0.1, 0.07]


# ---- points that stand for integrals


@pytest.mark.parametrize(("wide_share", "count"), [(0.0, 1000), (0.3, 1000), (0.47, 200)])
def test_points_integrate_a_half_plane_to_one_half(wide_share, count):
    one = ellipse(83.6, 22.0, 0.1, 0.04, 50, wide_share)
    ra, dec, x = spread_points(one, count)
    within = np.isfinite(x[0])
    searched = 1 - one.survival(np.array([LARGEST_DISTANCE]))[0, 0]
    assert within.mean() == pytest.approx(searched, abs=1 / count)
    east, north = by_vectors((83.6, 22.0), ra[0, within], dec[0, within])
    for angle in np.radians([0, 30, 77, 140]):
        half = east * np.cos(angle) + north * np.sin(angle) > 0
        assert half.sum() / count == pytest.approx(searched / 2, abs=5 / count)


def test_points_integrate_a_small_disc_to_its_probability():
    """A disc that reaches over the edge of the ellipse; its probability by drawing places."""
    one = ellipse(83.6, 22.0, 0.1, 0.06, 50, 0.3)
    random = np.random.default_rng(6)
    scale = np.where(random.random(1_000_000) < 0.3, 2.86, 0.97)
    shape = np.linalg.cholesky(matrix(0.1, 0.06, 50) / (2 * K95))
    drawn = scale * (shape @ random.normal(size=(2, len(scale))))
    ra, dec, _ = (values[0] for values in spread_points(one, 4000))
    kept = np.isfinite(ra)
    east, north = by_vectors((83.6, 22.0), ra[kept], dec[kept])
    for centre in ((0.0, 0.0), (0.05, 0.03), (-0.08, 0.02)):
        truth = (np.hypot(*(drawn.T - centre).T) < 0.03).mean()
        found = (np.hypot(east - centre[0], north - centre[1]) < 0.03).sum() / 4000
        assert found == pytest.approx(truth, abs=0.003)
        assert truth > 0.01


@pytest.mark.parametrize(
    "centre", [(266.4, -29.0), (359.995, 60.0), (12.0, 89.99), (12.0, -89.999)]
)
def test_points_lie_where_they_say(centre):
    """`offsets`, which is held against vectors, finds each at its x."""
    both = ellipse(*centre, [0.2, 0.03], [0.08, 0.03], [130, 0], [0.1, 0.0])
    ra, dec, x = spread_points(both, 500)
    assert (ra[np.isfinite(x)] >= 0).all() and (ra[np.isfinite(x)] < 360).all()
    for row in range(2):
        kept = np.isfinite(x[row])
        source = np.full(kept.sum(), row)
        found = without_error(both, source, ra[row, kept], dec[row, kept])
        assert found.distance == pytest.approx(x[row, kept], rel=1e-6)
        # the i-th point has (i + 0.5) / n of the probability within
        rank = np.flatnonzero(kept)
        inner = 1 - both.survival(x[row, kept])[row]
        assert inner == pytest.approx((rank + 0.5) / 500, abs=2e-5)


def test_templates_of_another_list_go_by_place_and_designator():
    """The Crab's nebula and pulsar are at one place; 0.04 degrees is the same, 0.06 is not."""
    extended = pd.DataFrame(
        {
            "name": ["4FGL J0534.5+2201i", "4FGL J0222.4+6156e"],
            "ra": [83.633, 35.6],
            "dec": [22.0, 61.94],
            "model_form": ["Disk", "Map"],
            "model_semi_major": [0.02, 0.6],
            "model_semi_minor": [0.02, 0.5],
            "model_position_angle": [0.0, 10.0],
        }
    )
    fermi = table_of(
        name=["L J0534.5+2201i", "L J0534.5+2201s", "L J0222+61e", "L J0222+62e", "L J0222+61"],
        ra=[83.633, 83.633, 35.6, 35.6, 35.6],
        dec=[22.01, 22.0, 61.98, 62.0, 61.94],
        semi_major_axis_95=[np.nan] * 5,
    )
    found = error_ellipses(fermi, extended)
    own = ["template", "substitute", "template", "substitute", "substitute"]
    assert found.origin.tolist() == own
    assert found.major[[0, 2]] == pytest.approx([0.02 * np.sqrt(0.95), 0.6])
