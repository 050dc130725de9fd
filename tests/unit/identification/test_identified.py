"""What is put into a field is found in it, and probabilities keep what they say."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_field import EPOCH, TRUE_SHARES, made_up, stepped
from scipy import stats

from xgamma.identification import identify as module
from xgamma.identification.ellipses import circular
from xgamma.identification.identify import (
    Sources,
    identify,
    shifted_places,
    shifted_probabilities,
)
from xgamma.identification.links import Objects
from xgamma.sky import position_angle, separation

EDGES = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98])


@pytest.fixture(scope="module")
def skies():
    return [made_up(seed, 3000) for seed in (1, 2)]


@pytest.fixture(scope="module")
def found(skies):
    return [shifted_probabilities(made.sources, made.surveys) for made in skies]


def right(made, one):
    """Of each survey's rows, whether the object is the source."""
    return [
        made.owner[survey][near.object] == near.source for survey, near in enumerate(one.neighbours)
    ]


def chi2_of_reliability(probability, truth):
    """Right ones less the sum of P, over the binomial error, squared, by bins of P."""
    at = np.searchsorted(EDGES, probability, side="right") - 1
    off, variance = (
        np.bincount(at, values, minlength=len(EDGES))
        for values in (truth - probability, probability * (1 - probability))
    )
    assert len(probability) > 5_000 and (np.bincount(at, minlength=len(EDGES)) >= 8).all()
    # of what is all but sure one may be wrong
    return (off**2 / np.maximum(variance, 1)).sum()


def all_of_objects(skies, found):
    probability, truth = [], []
    for made, one in zip(skies, found, strict=True):
        probability += one.probability
        truth += right(made, one)
    return np.concatenate(probability), np.concatenate(truth)


def all_of_sources(skies, found, survey):
    listed = [made.pattern >> survey & 1 for made in skies]
    return np.concatenate([one.p_any[:, survey] for one in found]), np.concatenate(listed)


# of twelve bins, one time in a thousand
TOO_MUCH = stats.chi2(len(EDGES)).isf(0.001)


def test_of_objects_of_probability_p_a_share_p_is_right(skies, found):
    assert chi2_of_reliability(*all_of_objects(skies, [one for one, _ in found])) < TOO_MUCH


@pytest.mark.parametrize("survey", [0, 1])
def test_of_sources_of_p_any_a_share_p_any_is_listed(skies, found, survey):
    reliability = all_of_sources(skies, [one for one, _ in found], survey)
    assert chi2_of_reliability(*reliability) < TOO_MUCH


def test_in_small_runs_too():
    """What hardly a hundred secure counterparts tell of magnitudes is not believed too much."""
    skies = [made_up(seed, 400) for seed in range(100, 136)]
    found = [identify(made.sources, made.surveys) for made in skies]
    assert chi2_of_reliability(*all_of_objects(skies, found)) < TOO_MUCH


@pytest.mark.parametrize("factor", [3, 1 / 3])
def test_with_a_wrong_density_they_would_not(skies, factor, monkeypatch):
    """The shares that are learnt do not make up for it."""
    honest = module.shrunk_densities
    monkeypatch.setattr(module, "shrunk_densities", lambda *args: factor * honest(*args))
    wrong = [identify(made.sources, made.surveys) for made in skies]
    assert chi2_of_reliability(*all_of_objects(skies, wrong)) > 1.5 * TOO_MUCH
    assert chi2_of_reliability(*all_of_sources(skies, wrong, 0)) > 1.5 * TOO_MUCH


def test_shares_come_back_within_their_errors(skies, found):
    error = np.sqrt(TRUE_SHARES * (1 - TRUE_SHARES) / 1000)
    for one, _ in found:
        # three groups of a thousand by density
        assert one.model.shares.shape == (3, 4) and (np.diff(one.model.group_edges) > 0).all()
        assert (np.abs(one.model.shares - TRUE_SHARES) < 4 * error).all()
        assert one.model.shares.sum(axis=1) == pytest.approx(np.ones(3))


def test_sums_of_probabilities_fit(skies, found):
    for made, (one, _) in zip(skies, found, strict=True):
        assert one.pattern.sum(axis=1) == pytest.approx(np.ones(3000))
        for survey, near in enumerate(one.neighbours):
            of_source = np.bincount(near.source, one.probability[survey], minlength=3000)
            # the rest is of counterparts beyond the match radius, of which there are few
            beyond = one.p_any[:, survey] - of_source
            assert beyond.min() > -1e-12 and beyond.max() < 1e-3
        assert one.p_any[:, 0] == pytest.approx(one.pattern[:, 1] + one.pattern[:, 3])
        assert one.p_any.sum(axis=0) == pytest.approx(
            [(made.pattern >> s & 1).sum() for s in (0, 1)], rel=0.02
        )


def test_chance_at_shifted_places_is_that_of_sources_at_random():
    """Half of the sources are nothing in either survey: these lie in their fields at random."""
    sources_of = made_up(11, 3000, shares=[0.5, 0.2, 0.1, 0.2])
    one, chance = shifted_probabilities(sources_of.sources, sources_of.surveys)
    assert chance.shape == (3000, 6, 2)
    at_random = sources_of.pattern == 0
    for survey in (0, 1):
        by_chance, shifted = one.p_any[at_random, survey], chance[..., survey]
        error = np.hypot(
            by_chance.std() / np.sqrt(len(by_chance)), shifted.mean(axis=1).std() / np.sqrt(3000)
        )
        assert abs(by_chance.mean() - shifted.mean()) < 3.5 * error
        assert by_chance.mean() > 5 * error
        # and not what is there: four in ten are listed, or three
        assert shifted.mean() < 0.1 < one.p_any[:, survey].mean()


def loss(made, found):
    """Minus the mean log of the probability of what is true, in the surveys that were looked at."""
    listed = made.pattern[:, None] >> np.arange(found.p_any.shape[1]) & 1
    of_truth = np.where(listed, found.p_any, 1 - found.p_any)
    return -np.log(np.clip(of_truth, 1e-9, 1)).mean()


def test_magnitudes_tell_counterparts_from_the_field(skies, found):
    """Counterparts are at 16, field stars at 19: probabilities are sharper with that."""
    made, (with_them, _) = skies[0], found[0]
    unknown = [replace(one, magnitude=np.full(len(one), np.nan)) for one in made.surveys]
    one_survey = identify(made.sources, made.surveys[:1])
    for one, without in (
        (with_them, identify(made.sources, unknown)),
        (one_survey, identify(made.sources, unknown[:1])),
    ):
        assert loss(made, one) < 0.75 * loss(made, without)
    bins = np.arange(47) * 0.5 + 2.75
    for pattern in (1, 2, 3):
        q, f = (
            shares[pattern, :46] / shares[pattern, :46].sum()
            for shares in (
                with_them.model.counterpart_magnitudes, with_them.model.field_magnitudes
            )
        )  # fmt: skip
        assert q @ bins[:46] == pytest.approx(16, abs=0.25)
        assert f @ bins[:46] == pytest.approx(19, abs=0.1)
    assert (with_them.model.secure[1:] >= 50).all() and with_them.model.secure.sum() < 3000


def test_with_few_counterparts_the_field_s_stars_do_not_pass_for_them():
    """Some hundred secure ones tell q: of it, as many are faint as of what was put in."""
    faint = []
    for seed in range(6):
        made = made_up(seed + 20, 400)
        model = identify(made.sources, made.surveys).model
        assert 50 <= model.secure[1] < 120
        # the bins from 19 on
        faint.append(model.counterpart_magnitudes[1, 33:46].sum())
    assert np.mean(faint) == pytest.approx(stats.norm(16, 1.6).sf(19), abs=0.02)


def test_magnitudes_do_not_count_with_few_secure_counterparts():
    """Parts of groups and stars of which only one is chosen included."""
    made = made_up(4, 60, least_density=8e-3)
    found = identify(made.sources, made.surveys)
    assert (found.model.secure[1:] < 50).all() and found.model.secure[1:].sum() > 5
    unknown = [replace(one, magnitude=np.full(len(one), np.nan)) for one in made.surveys]
    without = identify(made.sources, unknown)
    for one, other in zip(found.probability, without.probability, strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def alone(n=1, survey_sigma=0.1, offset=0.3, **source):
    """n sources far apart, an object near each, and ten in the ring of each."""
    ra, dec = np.arange(n) * 2.0, np.full(n, 20.0)
    angle = np.radians(np.arange(10) * 36)
    ring = [stepped(ra[k], dec[k], 9 * np.sin(angle), 9 * np.cos(angle)) for k in range(n)]
    near = stepped(ra, dec, 0.0, np.full(n, offset))
    place = [np.append(near[k], [r[k] for r in ring]) for k in (0, 1)]
    rows = len(place[0])
    survey = Objects(
        *place, circular(np.full(rows, survey_sigma)), np.full(rows, EPOCH), np.zeros((rows, 2)),
        np.zeros(rows), np.full(rows, np.nan),
    )  # fmt: skip
    sources = Sources(
        ra, dec, circular(np.full(n, 0.5)), np.full(n, EPOCH), np.zeros(n), np.full(n, 4.0),
        np.full(n, 12.0), np.zeros(n, int),
    )  # fmt: skip
    return replace(sources, **source), [survey]


def test_one_source_by_hand():
    """Sutherland and Saunders' ratio, with the shares that one source hardly moves from a half."""
    found = identify(*alone())
    variance, area = 0.5**2 + 0.1**2, np.pi * (12**2 - 4**2)
    # drawn to the run's, which is that of this ring: shape 300, twice
    run = 10.5 / area
    cell = (300 + 10) / (300 / run + area)
    density = (300 + 10) / (300 / cell + area)
    ratio = np.exp(-(0.3**2) / (2 * variance)) / (2 * np.pi * variance) / density
    share = 0.5
    for _ in range(100):
        p = share * ratio / (share * ratio + 1 - share)
        run_share = (p + 4 * 0.5) / 5
        share = (p + 40 * run_share) / 41
    assert found.p_any[0, 0] == pytest.approx(p, abs=1e-5)
    assert found.density[0, 0] == pytest.approx(density)
    assert found.model.shares[found.model.shares[:, 1].argmax(), 1] == pytest.approx(
        share, abs=1e-4
    )
    assert 0.5 < share < 0.65


def test_no_object_vouches_for_its_own_magnitude():
    """150 counterparts are of 16, the field of 19; one object, badly placed, is of 12."""
    offset = np.append(np.full(150, 0.3), 2.35)
    sources, (survey,) = alone(n=151, offset=offset)
    magnitude = np.full(len(survey), 19.2)
    magnitude[:150], magnitude[150] = 16.2, 12.2
    found = identify(sources, [replace(survey, magnitude=magnitude)])
    assert found.model.secure[1] == 150
    p = found.p_any[150, 0]
    variance = 0.5**2 + 0.1**2
    density = found.density[150, 0]
    share = found.model.shares[2, 1]  # all fields are alike, and so the densest
    # 47 bins share one object, beside 1510 of the field; three of the field stand by the 150
    f = 1 / 47 / 1511
    q = (1 / 47 + 3 * f) / (150 + 3)
    ratio = np.exp(-(2.35**2) / (2 * variance)) / (2 * np.pi * variance) / density
    odds = share / (1 - share) * ratio * q / f
    assert p / (1 - p) == pytest.approx(odds, rel=0.2)
    # with its own vote for 12 it would be sure
    assert 0.3 < p < 0.9


def test_without_sources_or_objects():
    sources, surveys = alone()
    none = np.zeros(0, int)
    given = [name for name in Sources.__dataclass_fields__ if name != "flux_group"]
    empty = Sources(*(getattr(sources, name)[none] for name in given))
    found, chance = shifted_probabilities(empty, surveys)
    assert found.p_any.shape == (0, 1) and chance.shape == (0, 6, 1)
    assert found.model.shares == pytest.approx(np.full((3, 2), 0.5))
    no_objects = Objects(
        *(getattr(surveys[0], name)[none] for name in Objects.__dataclass_fields__)
    )
    found, chance = shifted_probabilities(sources, [no_objects, surveys[0], no_objects])
    # what is listed in one survey alone: 1 of its 8 patterns
    assert (
        found.p_any[0, [0, 2]] == pytest.approx([0, 0], abs=1e-12) and 0.3 < found.p_any[0, 1] < 1
    )


def test_a_source_without_neighbours_is_none():
    found = identify(*alone(n=2, offset=np.array([0.3, 6.0])))
    assert found.neighbours[0].source.tolist() == [0]
    assert found.pattern[1] == pytest.approx([1, 0], abs=1e-12)


def test_a_counterpart_beyond_the_match_radius_is_listed_all_the_same():
    """Of an error of 5 arcsec, and nothing within 5: exp(-1/2) of the counterparts are beyond."""
    sources, surveys = alone(n=40, offset=np.append(np.full(39, 0.3), 6.0))
    covariance = sources.covariance.copy()
    match = sources.match_arcsec.copy()
    covariance[39], match[39] = circular(5.0), 5.0
    found = identify(replace(sources, covariance=covariance, match_arcsec=match), surveys)
    assert 39 not in found.neighbours[0].source
    share = found.model.shares[found.group[39], 1]
    beyond = share * np.exp(-0.5)
    assert found.p_any[39, 0] == pytest.approx(beyond / (beyond + 1 - share), rel=1e-9)


@pytest.mark.parametrize("survey", [0, 1])
def test_where_the_search_is_short_p_any_still_says_how_many_are_listed(survey):
    # wide fields, in which the counterparts that are missed are few
    made = made_up(31, 2000, least_density=5e-4, field=50.0, error=6.0)
    major = np.sqrt(made.sources.covariance[:, [0, 2]].sum(axis=1))
    found = identify(replace(made.sources, match_arcsec=1.2 * major), made.surveys)
    p, listed = found.p_any[:, survey], made.pattern >> survey & 1
    near = found.neighbours[survey]
    of_found = found.probability[survey].sum()
    error = np.sqrt((p * (1 - p)).sum())
    assert abs(p.sum() - listed.sum()) < 4 * error
    assert of_found < listed.sum() - 7 * error
    right = (made.owner[survey][near.object] == near.source).sum()
    assert abs(of_found - right) < 3.5 * error


def a_star_that_moves(motion, epoch, spread, apart=0.0):
    """Of 1"/yr or so, in two surveys; Chandra saw it at `epoch` (a mean, if it has a spread)."""
    sources, (field,) = alone()
    ra, dec = sources.ra[0], sources.dec[0]
    gaia, old = 2016.0, 1999.5
    at = [(motion * (year - epoch), -motion * (year - epoch) / 2) for year in (gaia, old)]
    surveys = []
    for (east, north), year, sigma in zip(at, (gaia, old), (0.0005, 0.08), strict=True):
        place = stepped(ra, dec, np.array([east]), np.array([north + apart]))
        first = year == gaia
        rows = len(field)
        own = np.zeros((rows, 2))
        if first:
            own[0] = motion, -motion / 2
        surveys.append(
            Objects(
                np.append(place[0], field.ra[1:]), np.append(place[1], field.dec[1:]),
                circular(np.full(rows, sigma)), np.full(rows, year), own,
                np.full(rows, 0.0005 if first else 0.005), np.full(rows, np.nan),
            )
        )  # fmt: skip
    reach = 4.0 + 2 * abs(motion) * 17
    sources = replace(
        sources, epoch=np.array([epoch]), epoch_spread=np.array([spread]),
        field_arcsec=np.array([reach + 8]), match_arcsec=np.array([5.0]),
    )  # fmt: skip
    return sources, surveys


@pytest.mark.parametrize("motion", [0.05, 0.5, -1.2])
def test_a_star_is_carried_to_the_epoch_of_the_source(motion):
    """The survey without motions gets that of the star's other object."""
    found = identify(*a_star_that_moves(motion, 2005.0, 0.0, apart=0.3))
    for survey, near in enumerate(found.neighbours):
        star = np.flatnonzero(near.object == 0)
        assert near.east[star] == pytest.approx([0], abs=2e-3)
        assert near.north[star] == pytest.approx([0.3], abs=2e-3)
        assert found.probability[survey][star] > 0.97
    assert found.pattern[0, 3] > 0.97


def test_a_source_whose_epoch_is_not_known():
    """The star was seen 3 years off the mean: 3.4 arcsec, which 6 years of spread explain."""
    sources, surveys = a_star_that_moves(1.0, 2010.0, 0.0)
    late = replace(sources, epoch=np.array([2013.0]))
    assert identify(late, surveys).p_any[0].max() < 0.01
    found = identify(replace(late, epoch_spread=np.array([6.0])), surveys)
    # both surveys see it as one
    assert found.pattern[0, 3] > 0.9


@pytest.mark.parametrize("dec", [0.0, 60.0, -89.9, 89.9995, 90.0])
def test_shifted_places_lie_as_far_as_they_should(dec):
    """Across a pole, too, and across 0 h; six directions, alike."""
    reach = np.array([4.0, 20.0])
    place_ra, place_dec = shifted_places(np.array([0.0, 0.001]), np.full(2, dec), reach)
    for k in range(2):
        ra = [0.0, 0.001][k]
        apart = 3600 * separation(ra, dec, place_ra[k], place_dec[k])
        assert apart == pytest.approx(np.full(6, reach[k]), rel=1e-6)
        if abs(dec) < 90:
            towards = position_angle(ra, dec, place_ra[k], place_dec[k])
            off = (towards - np.arange(6) * 60 + 180) % 360 - 180
            assert off == pytest.approx(np.zeros(6), abs=1e-3)
        pairs = separation(
            place_ra[k], place_dec[k], np.roll(place_ra[k], 1), np.roll(place_dec[k], 1)
        )
        assert 3600 * pairs == pytest.approx(np.full(6, reach[k]), rel=1e-5)
    assert ((place_ra >= 0) & (place_ra < 360)).all()
