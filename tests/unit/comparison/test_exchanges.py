"""One input exchanged: runs that differ in that one alone give it, and nothing else, as the reason.

Chandra has seen a disc evenly. Three Fermi sources lie in it; each has an X-ray source beside it,
and two of them share one. What comes out of the second run is computed from its own inputs.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from uniform_sky import counts, disc, ellipses

from xgamma.association.kinds import KindShares
from xgamma.association.parameters import GROUPS
from xgamma.association.posterior import Model
from xgamma.comparison.chandra_lists import ChandraList, match_chandra_lists
from xgamma.comparison.exchanges import (
    INPUTS,
    Exchanges,
    FermiInputs,
    Outcome,
    RunInputs,
    outcome_of,
)
from xgamma.comparison.explanations import (
    SEVERAL,
    changed_parts,
    explanations,
    same_candidates,
)

ALL = np.arange(3)


def chandra(ra, dec, log_flux):
    n = len(ra)
    return ChandraList(
        np.array(ra, float), np.array(dec, float), 10 ** np.array(log_flux, float),
        np.full(n, 0.8), np.full(n, 0.5), np.full(n, 30.0),
    )  # fmt: skip


def a_run():
    # unclassified ones, of which half may be active galaxies, half pulsars
    group = np.full(3, GROUPS.index("unclassified"))
    shares = np.tile([0.5, 0.0, 0.5, 0.0, 0.0], (3, 1))
    fermi = FermiInputs(
        ellipses([100.0, 100.3, 100.35], [0.0, 0.0, 0.0], 0.04),
        np.array([-11.0, -11.2, -11.5]),
        KindShares(group, shares, {}),
    )
    listed = chandra(
        [100.01, 100.1, 100.32, 99.95], [0.0, 0.01, 0.005, 0.02], [-12.6, -12.2, -12.5, -13.9]
    )
    return RunInputs(fermi, listed, disc(100, 0, 1.0), Model.stated(counts()))


def with_fermi(run, **changes):
    return replace(run, fermi=replace(run.fermi, **changes))


def changed_of(run, which):
    """The run with one input changed, of the first Fermi source if it is a source's own."""
    fermi, first = run.fermi, np.arange(3) == 0
    if which == "position":
        return with_fermi(
            run, ellipses=replace(fermi.ellipses, ra=fermi.ellipses.ra + 0.09 * first)
        )
    if which == "ellipse":
        size = np.where(first, 0.15, 0.04)
        return with_fermi(run, ellipses=replace(fermi.ellipses, major=size, minor=size))
    if which == "flux":
        return with_fermi(run, log_gamma_flux=fermi.log_gamma_flux + 2.0 * first)
    if which == "class":
        shares = np.where(first[:, None], [1.0, 0, 0, 0, 0], fermi.shares.shares)
        group = np.where(first, GROUPS.index("pulsar"), fermi.shares.group)
        return with_fermi(run, shares=replace(fermi.shares, group=group, shares=shares))
    if which == "model":
        return replace(run, model=replace(run.model, eta=run.model.eta * 0.3))
    raise ValueError(which)


@pytest.mark.parametrize("which", ["position", "ellipse", "flux", "class", "model"])
def test_a_change_of_one_input_is_explained_by_it_alone(which):
    before = a_run()
    after = changed_of(before, which)
    exchanged = Exchanges(before, after, ALL, ALL)
    assert list(exchanged.differing) == [which]
    start, end = outcome_of(before), outcome_of(after)
    assert exchanged.outcome(which).best_p == pytest.approx(end.best_p, abs=1e-12)
    assert exchanged.outcome(which).state.tolist() == end.state.tolist()
    match = match_chandra_lists(before.chandra, after.chandra)
    explained, nearest = explanations(start, end, exchanged, match)
    assert explained[0] == nearest[0] == which and np.abs(start.best_p - end.best_p)[0] > 0.05


def test_a_neighbour_that_is_gone_leaves_its_candidate():
    """The second and the third source share one: without the third it is the second's alone."""
    before = a_run()
    after = replace(before, fermi=before.fermi.take(np.array([0, 1])))
    rows = np.array([0, 1])
    exchanged = Exchanges(before, after, rows, rows)
    assert list(exchanged.differing) == ["neighbours"]
    start, end = outcome_of(before).take(rows), outcome_of(after)
    assert end.best_p[1] > start.best_p[1] + 0.05
    assert exchanged.outcome("neighbours").best_p == pytest.approx(end.best_p, abs=1e-12)
    match = match_chandra_lists(before.chandra, after.chandra)
    assert explanations(start, end, exchanged, match)[0].tolist() == ["", "neighbours"]


def test_a_neighbour_that_is_new_takes_a_part():
    after = a_run()
    before = replace(after, fermi=after.fermi.take(np.array([1, 0])))
    rows, others = np.array([1, 0]), np.array([0, 1])
    exchanged = Exchanges(before, after, rows, others)
    assert list(exchanged.differing) == ["neighbours"]
    end = outcome_of(after).take(others)
    assert exchanged.outcome("neighbours").best_p == pytest.approx(end.best_p, abs=1e-12)


def test_where_chandra_has_not_looked_any_more():
    """The first source has no X-ray source near, and lies outside the disc that was moved."""
    before = a_run()
    ra = np.where(ALL == 0, 99.3, before.fermi.ellipses.ra)
    before = with_fermi(before, ellipses=replace(before.fermi.ellipses, ra=ra))
    after = replace(before, cells=disc(100.6, 0, 0.9))
    exchanged = Exchanges(before, after, ALL, ALL)
    assert list(exchanged.differing) == ["coverage", "density"]
    start, end = outcome_of(before), outcome_of(after)
    match = match_chandra_lists(before.chandra, after.chandra)
    assert (start.state[0], end.state[0]) == ("observed, nothing found", "not observed")
    assert explanations(start, end, exchanged, match)[0].tolist() == ["coverage", "", ""]


def test_a_brighter_source_that_was_not_listed():
    """It is nearer to the first Fermi source than the one that was the best."""
    before = a_run()
    more = chandra(
        [99.999, 100.01, 100.1, 100.32, 99.95],
        [0.0, 0.0, 0.01, 0.005, 0.02],
        [-11.9, -12.6, -12.2, -12.5, -13.9],
    )
    after = replace(before, chandra=more)
    exchanged = Exchanges(before, after, ALL, ALL)
    assert list(exchanged.differing) == ["coverage", "density", "candidates"]
    match = match_chandra_lists(before.chandra, after.chandra)
    assert match.after.tolist() == [1, 2, 3, 4]
    start, end = outcome_of(before), outcome_of(after)
    # the same X-ray sources, on other rows
    assert changed_parts(start, end, match)["candidate"].tolist() == [True, False, False]
    assert explanations(start, end, exchanged, match)[0].tolist() == ["candidates", "", ""]


def test_candidates_of_a_longer_list():
    """A row of the later list may be further down than the earlier list has any."""
    one = chandra([100.0], [0.0], [-13.0])
    more = chandra([99.0, 99.1, 100.0], [0.0, 0.0, 0.0], [-13.0, -13.0, -13.0])
    match = match_chandra_lists(one, more)
    numbers = same_candidates(np.array([0, 2, -1, -1]), np.array([0, 1, 0, 1], bool), match)
    assert numbers.tolist() == [2, 2, -1, -1]
    # of a source that the later list does not have, a number of its own
    back = match_chandra_lists(more, one)
    assert same_candidates(np.array([1, 2]), np.zeros(2, bool), back).tolist() == [-3, 0]


def test_what_takes_two_inputs_is_said():
    """A pulsar of the same place and flux would be likelier; with the flux it is not."""
    before = a_run()
    after = changed_of(changed_of(before, "ellipse"), "flux")
    exchanged = Exchanges(before, after, ALL, ALL)
    assert list(exchanged.differing) == ["ellipse", "flux"]
    start, end = outcome_of(before), outcome_of(after)
    match = match_chandra_lists(before.chandra, after.chandra)
    explained, nearest = explanations(start, end, exchanged, match)
    assert explained[0] == "ellipse + flux" and nearest[0] in ("ellipse", "flux")


def test_runs_that_do_not_differ_have_nothing_to_exchange():
    assert Exchanges(a_run(), a_run(), ALL, ALL).differing == ()
    assert len(set(INPUTS)) == len(INPUTS)


@pytest.mark.parametrize(
    ("p", "words", "nearest"),
    [
        # from 0.2 to 0.8: within 0.06 of it is there
        ({"flux": 0.75, "class": 0.85, "model": 0.4}, "flux, class", "flux"),
        ({"flux": 0.5, "class": 0.6, "flux class": 0.76}, "flux + class", "class"),
        # of two pairs the nearer one
        ({"flux class": 0.76, "flux model": 0.81}, "flux + model", ""),
        ({"flux": 0.1, "flux class": 0.73}, SEVERAL, ""),
    ],
)
def test_words_of_explanations(p, words, nearest):
    def outcome(*inputs):
        value = p.get(" ".join(inputs), 0.2)
        state = "counterpart" if value > 0.7 else "confused"
        return Outcome(np.array([state], object), np.array([0]), np.array([value]))

    end = Outcome(np.array(["counterpart"], object), np.array([0]), np.array([0.8]))
    one = chandra([100.0], [0.0], [-13.0])
    exchanges = SimpleNamespace(differing=("flux", "class", "model"), outcome=outcome)
    found = explanations(outcome(), end, exchanges, match_chandra_lists(one, one))
    assert (found[0].tolist(), found[1].tolist()) == ([words], [nearest])
