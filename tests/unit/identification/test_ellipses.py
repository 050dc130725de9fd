"""Error ellipses: which way they point, and distances in sigma."""

import numpy as np
import pytest
from scipy import stats

from xgamma.identification.ellipses import (
    SIGMA_OF_95,
    circular,
    determinant,
    from_axes,
    from_ellipse,
    inverse,
    motion_covariance,
    share_within,
    squared_distance,
)
from xgamma.sky import position_angle, separation


def matrices(covariance):
    """Covariances as the 2 x 2 matrices that they stand for."""
    return np.stack([covariance[:, [0, 1]], covariance[:, [1, 2]]], axis=1)


def test_the_95_percent_axis_holds_95_percent():
    assert stats.chi2(2).cdf(SIGMA_OF_95**2) == pytest.approx(0.95, abs=1e-12)


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 135, 180, 250, -30])
def test_the_major_axis_points_where_its_position_angle_says(angle):
    """Eigenvectors know nothing of sines and cosines: the long one is along (east, north)."""
    matrix = matrices(from_ellipse([3.0], [0.5], [angle]))[0]
    variances, axes = np.linalg.eigh(matrix)
    assert variances == pytest.approx([0.25, 9.0])
    east_north = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    assert abs(axes[:, 1] @ east_north) == pytest.approx(1)


@pytest.mark.parametrize(
    ("ra", "dec"), [(0.0001, 20.0), (359.9999, -60.0), (0.0, 0.0), (80.0, 89.98), (200.0, -89.9)]
)
def test_a_place_on_the_ellipse_is_one_sigma_away_at_0_h_and_near_a_pole(ra, dec):
    """A step along the major axis on the sphere, of one sigma, by formulae of the sphere."""
    major, angle = 5.0, 40.0
    step, theta = np.radians(major / 3600), np.radians(angle)
    sin_dec, cos_dec = np.sin(np.radians(dec)), np.cos(np.radians(dec))
    place_dec = np.degrees(
        np.arcsin(sin_dec * np.cos(step) + cos_dec * np.sin(step) * np.cos(theta))
    )
    place_ra = ra + np.degrees(
        np.arctan2(
            np.sin(theta) * np.sin(step) * cos_dec,
            np.cos(step) - sin_dec * np.sin(np.radians(place_dec)),
        )
    )
    place = place_ra % 360, place_dec
    apart = 3600 * separation(ra, dec, *place)
    towards = np.radians(position_angle(ra, dec, *place))
    east, north = np.atleast_1d(apart * np.sin(towards)), np.atleast_1d(apart * np.cos(towards))
    covariance = from_ellipse([major], [0.2], [angle])
    assert squared_distance(covariance, east, north) == pytest.approx([1.0], abs=1e-4)


def test_inverse_determinant_and_distance_are_those_of_matrices():
    random = np.random.default_rng(3)
    covariance = from_ellipse(
        random.uniform(1, 3, 50), random.uniform(0.1, 1, 50), np.arange(50) * 7
    )
    full = matrices(covariance)
    assert determinant(covariance) == pytest.approx(np.linalg.det(full))
    assert matrices(inverse(covariance)) == pytest.approx(np.linalg.inv(full))
    offset = random.normal(size=(50, 2))
    expected = [x @ np.linalg.solve(one, x) for x, one in zip(offset, full, strict=True)]
    assert squared_distance(covariance, *offset.T) == pytest.approx(np.array(expected))


def test_circles_axes_and_motions():
    assert circular([2.0]).tolist() == [[4.0, 0.0, 4.0]]
    assert from_axes([2.0], [3.0], [0.5]).tolist() == [[4.0, 3.0, 9.0]]
    assert from_ellipse([2.0], [2.0], [33.0]) == pytest.approx(circular([2.0]), abs=1e-15)
    # years drawn: where a star of this motion is scatters like that
    years = np.random.default_rng(1).normal(0, 6.0, 200_000)
    drawn = np.cov(years * 0.3, years * -0.4)
    expected = matrices(motion_covariance([0.3], [-0.4], [6.0]))[0]
    assert drawn == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("minor", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("radius", [0.2, 1.0, 2.5])
def test_the_share_within_a_radius_is_that_of_an_integral(minor, radius):
    """Along one axis numerically, along the other by the normal law's own distribution."""
    step = 1e-3
    x = np.arange(-radius + step / 2, radius, step)
    within = stats.norm(0, minor)
    half = np.sqrt(radius**2 - x**2)
    expected = (stats.norm(0, 1).pdf(x) * (within.cdf(half) - within.cdf(-half))).sum() * step
    for angle in (0, 37, 90):
        found = share_within(from_ellipse([1.0], [minor], [angle]), np.array([radius]))
        assert found == pytest.approx([expected], abs=1e-4)
    far = share_within(from_ellipse([1.0], [minor], [0.0]), np.array([40.0]))
    assert far == pytest.approx([1.0], abs=1e-9)
