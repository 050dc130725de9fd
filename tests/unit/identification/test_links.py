"""Which objects of different surveys are one, and what the field gives for a group."""

import numpy as np
import pytest
from made_up_field import stepped
from scipy.stats import multivariate_normal

from xgamma.identification.ellipses import circular
from xgamma.identification.hypotheses import Hypotheses
from xgamma.identification.links import Objects, field_factors, link

RA, DEC = 0.0, 30.0


def objects(places, sigma=0.1, epoch=2000.0, motion=None, motion_sigma=0.0):
    """Objects at offsets (east, north) in arcsec from a place at 0 h."""
    places = np.array(places, float).reshape(-1, 2)
    n = len(places)
    ra, dec = stepped(RA, DEC, *places.T)
    return Objects(
        ra, dec, circular(np.full(n, sigma)), np.full(n, epoch),
        np.zeros((n, 2)) if motion is None else np.array(motion, float), np.full(n, motion_sigma),
        np.full(n, np.nan),
    )  # fmt: skip


def groups_of(*surveys):
    found = link(surveys)
    # of each object its group, of each group its objects: the same
    for survey, of_objects in enumerate(found.of):
        assert found.members[of_objects, survey].tolist() == list(range(len(of_objects)))
    assert (found.members >= 0).sum() == sum(map(len, surveys))
    return found, sorted(map(tuple, found.members.tolist()))


def test_each_the_other_s_nearest_across_0_h():
    one = objects([(-0.1, 0), (0.3, 0), (8, 8)])
    # the second's nearest is 0, whose nearest is the first of these
    other = objects([(-0.12, 0), (0.0, 0.05), (-8, -8)])
    assert groups_of(one, other)[1] == [(-1, 1), (-1, 2), (0, 0), (1, -1), (2, -1)]


def test_nearest_in_sigma_not_in_arcsec():
    one = objects([(0, 0)], sigma=0.01)
    precise_near, blurred_far = objects([(0.2, 0), (0.4, 0)]), objects([(0.2, 0), (0.4, 0)])
    other = Objects(
        blurred_far.ra, blurred_far.dec, circular([0.06, 0.4]), blurred_far.epoch,
        blurred_far.motion, blurred_far.motion_sigma, blurred_far.magnitude,
    )  # fmt: skip
    assert groups_of(one, precise_near)[1] == [(-1, 1), (0, 0)]
    assert groups_of(one, other)[1] == [(-1, 0), (0, 1)]


@pytest.mark.parametrize(("apart", "sigma", "linked"), [
    (0.50, 0.1, True),  # 3.5 sigma of both, in 0.22 % of the cases
    (0.54, 0.1, False),  # 3.8 sigma, in 0.07 %
    (2.9, 2.0, True),
    (3.1, 2.0, False),  # whatever the errors
])  # fmt: skip
def test_no_link_across_too_far(apart, sigma, linked):
    assert (
        groups_of(objects([(0, 0)], sigma), objects([(0, apart)], sigma))[1] == [(0, 0)]
    ) == linked


@pytest.mark.parametrize("speed", [0.05, 0.6, 4.0])
def test_a_star_that_moves_is_found_where_it_was(speed):
    """At 4 arcsec a year it is a minute of arc away; another star is where it is now."""
    years = 1999.5 - 2016.0
    gaia = objects(
        [(0, 0), (20, 0)], 0.001, 2016.0, [(speed, -speed / 2), (0, 0.001)], motion_sigma=0.001
    )
    was = speed * years, -speed / 2 * years
    other = objects([(1.0, 0), was, (20.02, 0)], epoch=1999.5, motion_sigma=0.005)
    assert groups_of(gaia, other)[1] == [(-1, 0), (0, 1), (1, 2)]


def test_a_motion_that_is_not_known_well_widens_the_search():
    def linked(motion_sigma):
        gaia = objects([(0, 0)], 0.001, 2016.0, motion_sigma=motion_sigma)
        return groups_of(gaia, objects([(0.6, 0)], epoch=1999.5))[1] == [(0, 0)]

    assert not linked(0.001)
    assert linked(0.02)


def test_three_surveys_make_a_group():
    """The third links to the first, and where that has nothing, to the second."""
    first = objects([(0, 0), (10, 0)])
    second = objects([(0.1, 0), (20, 0)])
    third = objects([(0.05, 0.05), (20.1, 0), (10.1, 0), (30, 0)])
    found, members = groups_of(first, second, third)
    assert members == [(-1, -1, 3), (-1, 1, 1), (0, 0, 0), (1, -1, 2)]
    assert sorted(found.pattern.tolist()) == [4, 5, 6, 7]


def test_overlaps_are_densities_of_the_members_about_one_place():
    """Each subset's: the first member at 0, Gaussians of one place, as `scipy` has them."""
    sigma, places = (0.1, 0.2, 0.3), np.array([(0, 0), (0.1, 0.2), (-0.2, 0.1)])
    found = link([objects([p], s) for p, s in zip(places, sigma, strict=True)])
    for subset in range(1, 8):
        chosen = [k for k in range(3) if subset >> k & 1]
        first, rest = chosen[0], chosen[1:]
        full = np.eye(2 * len(rest)) + np.kron(
            np.full((len(rest),) * 2, sigma[first] ** 2), np.eye(2)
        )
        full[np.diag_indices(2 * len(rest))] += np.repeat([sigma[k] ** 2 for k in rest], 2) - 1
        offsets = (places[rest] - places[first]).ravel()
        expected = multivariate_normal(np.zeros(len(offsets)), full).logpdf(offsets) if rest else 0
        assert found.log_overlap[0, subset] == pytest.approx(expected, abs=1e-6)
    alone = link([objects([(0, 0)]), objects([(9, 9)])])
    assert np.isnan(alone.log_overlap).tolist() == [[False, False, True, True],
                                                    [False, True, False, True]]  # fmt: skip


def test_without_objects():
    found, members = groups_of(objects([]), objects([(0, 0)]))
    assert members == [(-1, 0)] and found.pattern.tolist() == [2]
    none = link([objects([]), objects([])])
    assert none.members.shape == (0, 2) and none.log_overlap.shape == (0, 4)


def test_what_the_field_gives_for_whole_groups_parts_and_several():
    """F(G - S) / F(G) by hand: two surveys, groups a = {0, 0}, b = {1}, c = {-, 1}."""
    groups = link([objects([(0, 0), (10, 0)]), objects([(0.1, 0), (20, 0)])])
    # of two sources, per arcsec2: first alone, second alone, both
    density = np.array([[np.nan, 0.01, 0.02, 0.004], [np.nan, 0.05, 0.03, 0.001]])
    # both of one star, 0.1 arcsec apart with 0.1 each: a Gaussian of 0.02 arcsec2 at 0.01
    overlap = np.exp(-0.01 / 0.04) / (2 * np.pi * 0.02)
    cases = [
        # source, objects; what it counts
        (0, (-1, -1), 1),
        (0, (0, 0), 1 / (0.004 * overlap)),
        (0, (0, -1), 0.02 / (0.004 * overlap)),
        (0, (-1, 0), 0.01 / (0.004 * overlap)),
        (0, (1, -1), 1 / 0.01),
        (0, (-1, 1), 1 / 0.02),
        (1, (1, 1), 1 / 0.05 / 0.03),
        (1, (0, 1), 0.03 / (0.001 * overlap) / 0.03),
        (1, (1, 0), 1 / 0.05 * 0.05 / (0.001 * overlap)),
    ]
    hypotheses = Hypotheses(
        np.array([source for source, _, _ in cases]),
        np.full((len(cases), 2), -1), np.zeros(len(cases)),
    )  # fmt: skip
    chosen = np.array([rows for _, rows, _ in cases])
    found = field_factors(hypotheses, chosen, groups, np.log(density))
    expected = np.array([counts for _, _, counts in cases], float)
    assert np.exp(found) == pytest.approx(expected, rel=1e-6)
