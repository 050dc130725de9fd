"""Known sources: ranks, losses and simple ways by hand, and nobody judged by what it taught."""

from dataclasses import replace

import numpy as np
import pytest
from uniform_sky import one_kind_each, simulated, stated_model

from xgamma.association.fields import Fields
from xgamma.association.flux_ratios import LIMIT_GRID
from xgamma.association.kinds import KindShares
from xgamma.association.known import judge_known, known_classes
from xgamma.association.learning import fit_model
from xgamma.association.parameters import AIMED, ETA, KINDS, MEDIAN, PARAMETERS, WIDTH
from xgamma.association.positions import Offsets
from xgamma.association.posterior import Candidates, posterior

STATED = dict(zip(PARAMETERS, (*ETA, AIMED, *MEDIAN, *WIDTH), strict=True))
ARCSEC = 1 / 3600


def test_which_classes_are_known_without_x_rays():
    classes = np.array(
        ["PSR", "psr", "MSP", "msp", "HMB", "bin", "NOV", "PWN", "pwn", "LMB", "bcu", "spp", ""],
        dtype=object,
    )
    assert known_classes(classes).tolist() == [True] * 8 + [False] * 5


def test_by_hand():
    """Six sources with two candidates each, all values fixed:

    0 the right one is likelier, 1 it is the second, 2 none within 4.2 arcsec, 3 a blazar,
    4 without position, 5 without candidates.
    """
    source = np.repeat(np.arange(5), 2)
    # of each two: the first nearer, the second brighter
    place = np.tile([np.log(300.0), np.log(30.0)], 5)
    ratio = np.tile([-3.5, -2.5], 5)
    chance = np.tile([np.log(300.0), np.log(20.0)], 5)
    x = np.tile([0.3, 1.2], 5)
    candidates = Candidates(
        source, np.arange(10), Offsets(x, x, place), ratio, chance, np.full(10, -4.0)
    )
    depth = np.zeros((6, len(LIMIT_GRID)))
    depth[:, 100] = 1  # all seen, to u = -4
    nothing = np.zeros(6)
    fields = Fields(np.ones(6), *[nothing] * 5, depth, *[nothing] * 4)
    shares = KindShares(np.zeros(6, int), np.tile(np.eye(len(KINDS))[0], (6, 1)), {})
    xray_ra = np.arange(10) * 0.1
    # the right ones: 0 the first, 1 the second, 2 nobody
    offset = np.array([4.1, -4.1, 4.3]) * ARCSEC
    ra = np.array([xray_ra[0] + offset[0], xray_ra[3] + offset[1], xray_ra[4] + offset[2], 0.6])
    judged = judge_known(
        stated_model(), shares, fields, candidates, STATED,
        np.array(["psr", "MSP", "PSR", "bcu", "psr", "psr"], dtype=object),
        np.append(ra, [np.nan, 0.9]), np.zeros(6), xray_ra, np.zeros(10),
    )  # fmt: skip
    assert judged.source.tolist() == [0, 1, 2]
    alone = posterior(stated_model(), shares, fields, candidates)
    first, second = alone.probability[:2]
    assert first > second > 0.05
    assert judged.probability[:6] == pytest.approx([first, second] * 3)
    assert (judged.probability[6:] == 0).all()
    assert np.flatnonzero(judged.right).tolist() == [0, 3]
    assert judged.rank.tolist() == [1, 2, 0]
    assert judged.has_right.tolist() == [True, True, False]
    assert judged.right_probability == pytest.approx([first, second, 0])
    assert judged.none_probability == pytest.approx([1 - first - second] * 3)
    mean = -np.log([first, second, 1 - first - second]).mean()
    assert judged.log_loss() == pytest.approx(mean)
    assert judged.simple["nearest"].tolist() == [True, False, False]
    assert judged.simple["brightest"].tolist() == [False, True, False]
    # ten times as near and a tenth as bright: as good as the other
    by_product = np.array([300 * 10**-3.5, 30 * 10**-2.5])
    assert judged.simple_probability["flux x position"] == pytest.approx(
        [*(by_product / by_product.sum()), 0]
    )


def test_what_a_source_taught_does_not_judge_it():
    """Each fifth by the model of the other four, fitted by hand."""
    eta = np.array(ETA)
    sky = simulated(31, eta, stated_model().ratios, one_kind_each(), [0, 2])
    n = len(sky.shares.group)
    classes = np.where(sky.shares.group == 0, "PSR", "bcu").astype(object)
    # as 4FGL: where the counterpart is; in vain if it is not listed
    ra, dec = sky.places.ra.copy(), sky.places.dec.copy()
    of_right = sky.candidates.source[sky.right], sky.candidates.xray[sky.right]
    ra[of_right[0]], dec[of_right[0]] = sky.xray.ra[of_right[1]], sky.xray.dec[of_right[1]]
    start = stated_model(sky.counts)
    # learn three values only: it is quicker
    learnt = ("eta_pulsar", "eta_active_galaxy", "median_ratio_active_galaxy")
    fixed = {name: value for name, value in STATED.items() if name not in learnt}
    judged = judge_known(
        start, sky.shares, sky.fields, sky.candidates, fixed, classes, ra, dec,
        sky.xray.ra, sky.xray.dec,
    )  # fmt: skip
    has_candidates = np.isin(np.arange(n), sky.candidates.source)
    assert judged.source.tolist() == np.flatnonzero((classes == "PSR") & has_candidates).tolist()
    for part in (0, 3):
        out = judged.source[part::5]
        stay = np.setdiff1d(np.arange(n), out)
        few = sky.candidates.take(np.isin(sky.candidates.source, stay))
        few = replace(few, source=np.searchsorted(stay, few.source))
        others = KindShares(sky.shares.group[stay], sky.shares.shares[stay], {})
        model = fit_model(start, others, sky.fields.take(stay), few, fixed).model
        expected = posterior(model, sky.shares, sky.fields, sky.candidates).probability
        rows = np.isin(sky.candidates.source, out)
        assert judged.probability[rows] == pytest.approx(expected[rows], rel=1e-3, abs=1e-9)
    assert np.array_equal(judged.right, sky.right & np.isin(sky.candidates.source, judged.source))


def test_no_known_sources():
    sky = simulated(31, np.array(ETA), stated_model().ratios, one_kind_each(), [0, 2])
    n = len(sky.shares.group)
    judged = judge_known(
        stated_model(sky.counts), sky.shares, sky.fields, sky.candidates, STATED,
        np.full(n, "bcu", dtype=object), sky.places.ra, sky.places.dec,
        sky.xray.ra, sky.xray.dec,
    )  # fmt: skip
    assert judged.source.shape == (0,) and np.isnan(judged.log_loss())
