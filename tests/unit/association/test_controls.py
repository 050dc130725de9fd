"""Controls lie where no source is and Chandra saw as well; what is put into them is found again."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from uniform_sky import disc, ellipses, no_sources, one_kind_each, simulated, stated_model

from xgamma.association.controls import _close, controls_of, injected
from xgamma.association.fields import fields_around
from xgamma.association.kinds import KindShares
from xgamma.association.parameters import KINDS
from xgamma.association.posterior import find_candidates, posterior
from xgamma.sky import separation

MOST = 6


class Run:
    """A simulated sky with its controls."""

    def __init__(self, seed):
        stated = stated_model()
        self.sky = simulated(seed, stated.eta, stated.ratios, one_kind_each())
        self.model = stated_model(self.sky.counts)
        sky = self.sky
        found = posterior(self.model, sky.shares, sky.fields, sky.candidates)
        null = np.full(len(sky.xray), np.nan)
        self.probability = found.probability
        self.controls = controls_of(
            self.model, sky.shares, sky.cells, sky.xray, (null, null, null), sky.places,
            sky.log_gamma, sky.fields, sky.candidates, found.probability, MOST,
        )  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    return [Run(seed) for seed in (40, 41)]


def test_where_controls_lie(runs):
    for run in runs:
        controls, sky = run.controls, run.sky
        source = controls.source
        assert (np.diff(source) >= 0).all() and np.bincount(source).max() == MOST
        assert len(source) > 1000
        at = SkyCoord(controls.ellipses.ra, controls.ellipses.dec, unit="deg")
        fermi = SkyCoord(sky.places.ra, sky.places.dec, unit="deg")
        # their ellipses to x = 1.5 touch no other Fermi source's; their own is as near as 2
        apart = at[:, None].separation(fermi[None, :]).deg
        own = apart[np.arange(len(source)), source] / sky.places.major[source]
        assert own.min() > 1.99 and own.max() < 5.01
        apart[np.arange(len(source)), source] = np.inf
        least = 1.5 * (controls.ellipses.major[:, None] + sky.places.major[None, :])
        assert (apart >= least - 1e-9).all()
        assert (controls.ellipses.minor == sky.places.minor[source]).all()
        # as well seen, as deep
        assert (controls.fields.coverage >= 0.7 * sky.fields.coverage[source]).all()
        depth = controls.fields.exposure / sky.fields.exposure[source]
        assert (depth > 0.5).all() and (depth < 2).all()


def test_a_source_s_counterpart_is_no_candidate_of_a_control(runs):
    for run in runs:
        likely = run.sky.candidates.xray[run.probability > 0.1]
        assert len(likely) > 50
        assert not np.isin(run.controls.candidates.xray, likely).any()


def test_what_controls_have_is_as_much_as_chance_gives(runs):
    counted = expected = 0.0
    for run in runs:
        fields = run.controls.fields
        scale = run.model.counts.field_scale(fields.listed, fields.effective_area)
        counted += len(run.controls.candidates)
        expected += (scale * fields.search_area).sum()
    # places overlap, so that their sources are the same ones several times
    assert counted == pytest.approx(expected, rel=0.06)


def test_mirrored_places():
    """A source whose surroundings were not seen has controls only where its mirror image lies."""
    at = SkyCoord(l=30 * u.deg, b=3 * u.deg, frame="galactic")
    mirrors = SkyCoord(l=[330, 30, 330] * u.deg, b=[3, -3, -3] * u.deg, frame="galactic")
    parts = [disc(at.icrs.ra.deg, at.icrs.dec.deg, 0.12)]
    parts += [disc(ra, dec, 0.4) for ra, dec in zip(mirrors.icrs.ra.deg, mirrors.icrs.dec.deg,
                                                   strict=True)]  # fmt: skip
    order = np.argsort(np.concatenate([part.cell for part in parts]))
    cells = type(parts[0])(
        *(np.concatenate([vars(part)[name] for part in parts])[order] for name in vars(parts[0]))
    )
    places = ellipses(at.icrs.ra.deg, at.icrs.dec.deg, 0.1, wide_share=0.0)
    gamma, model = np.array([-11.0]), stated_model()
    fields = fields_around(cells, no_sources(), places, gamma, model.counts)
    shares = KindShares(np.array([0]), np.eye(len(KINDS))[:1], {})
    nothing = (np.empty(0), np.empty(0), np.empty(0))
    candidates = find_candidates(places, gamma, fields, no_sources(), nothing, model.counts)
    controls = controls_of(
        model, shares, cells, no_sources(), nothing, places, gamma, fields, candidates,
        np.empty(0), 24,
    )  # fmt: skip
    assert controls.kind.tolist() == ["mirrored"] * 3
    found = SkyCoord(controls.ellipses.ra, controls.ellipses.dec, unit="deg")
    assert found.separation(mirrors).arcsec.max() < 1e-3


def test_no_control_lies_at_a_fermi_source_that_is_not_in_the_run(runs):
    run = runs[0]
    sky, null = run.sky, np.full(len(run.sky.xray), np.nan)
    first = run.controls.ellipses.take(run.controls.source == run.controls.source[0])
    others = first.take(np.arange(1))
    found = controls_of(
        run.model, sky.shares, sky.cells, sky.xray, (null, null, null), sky.places,
        sky.log_gamma, sky.fields, sky.candidates, run.probability, 60, others,
    )  # fmt: skip
    every = controls_of(
        run.model, sky.shares, sky.cells, sky.xray, (null, null, null), sky.places,
        sky.log_gamma, sky.fields, sky.candidates, run.probability, 60,
    )  # fmt: skip

    def touches(places):
        apart = separation(places.ra, places.dec, others.ra[0], others.dec[0])
        return apart < 1.5 * (places.major + others.major[0])

    assert touches(every.ellipses).any() and not touches(found.ellipses).any()
    assert len(found.source) == (~touches(every.ellipses)).sum()


def test_what_is_put_in_is_found_as_often_as_the_probabilities_say(runs):
    probability, right = [], []
    for run in runs:
        put = injected(run.controls, run.model, run.sky.shares, run.sky.cells, run.sky.log_gamma)
        probability.append(put.probability)
        right.append(put.right)
        assert np.bincount(put.candidate_source, put.right, minlength=len(put.source)).max() == 1
        assert put.right.sum() == put.listed.sum()
        # as many are listed as the model says beforehand
        listed_share = run.controls.posterior.listed_share
        error = np.sqrt((listed_share * (1 - listed_share)).sum())
        assert abs(put.listed.sum() - listed_share.sum()) < 3 * error
        whole = np.bincount(put.candidate_source, put.probability, minlength=len(put.none))
        assert whole + put.none == pytest.approx(np.ones(len(put.none)))
    probability, right = np.concatenate(probability), np.concatenate(right)
    edges = np.array([0, 0.01, 0.1, 0.3, 0.6, 0.9])
    at = np.searchsorted(edges, probability, side="right") - 1
    off, variance = (
        np.bincount(at, values) for values in (right - probability, probability * (1 - probability))
    )
    # controls of one source share their chance sources: a little more than the binomial error
    assert (np.abs(off) < 4 * np.sqrt(variance)).all()


def test_injections_are_the_same_twice(runs):
    run = runs[0]
    arguments = run.controls, run.model, run.sky.shares, run.sky.cells, run.sky.log_gamma
    first, second = injected(*arguments), injected(*arguments)
    for name, values in vars(first).items():
        assert np.array_equal(values, vars(second)[name]), name


def test_without_sources_there_are_no_controls(runs):
    empty = np.empty(0, int)
    run = runs[0]
    sky = run.sky
    null = np.full(len(sky.xray), np.nan)
    controls = controls_of(
        run.model, KindShares(empty, np.empty((0, len(KINDS))), {}), sky.cells, sky.xray,
        (null, null, null), sky.places.take(empty), np.empty(0), sky.fields.take(empty),
        sky.candidates.take(empty), np.empty(0), MOST,
    )  # fmt: skip
    assert len(controls.source) == 0
    put = injected(controls, run.model, sky.shares, sky.cells, sky.log_gamma)
    assert put.probability.shape == put.listed.shape == (0,)


def test_what_touches_is_found_whatever_the_sizes():
    """Places are searched size by size: a large one must not hide what others touch."""
    rng = np.random.default_rng(5)
    near, far = (
        ellipses(rng.uniform(0, 20, n), rng.uniform(-10, 10, n), 10 ** rng.uniform(-3, 0.5, n))
        for n in (150, 200)
    )
    found = set(zip(*(a.tolist() for a in _close(near, far)), strict=True))
    apart = separation(near.ra[:, None], near.dec[:, None], far.ra[None], far.dec[None])
    touching = apart < 1.5 * (near.major[:, None] + far.major[None])
    assert found == set(zip(*(a.tolist() for a in np.nonzero(touching)), strict=True))
    assert 500 < len(found) < 0.5 * touching.size
    nothing = ellipses(np.zeros(0), np.zeros(0), np.zeros(0))
    assert [len(a) for a in _close(near, nothing)] == [0, 0]
