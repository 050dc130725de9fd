"""Joint probabilities against all assignments, one after the other."""

import itertools

import numpy as np
import pytest

from xgamma.association.overlaps import LARGEST_GROUP, joint_probabilities


def by_enumeration(weight, rest):
    """P(s, i) from every assignment of candidates (-1: none) to sources."""
    sources, candidates = weight.shape
    choices = np.array(list(itertools.product(range(-1, candidates), repeat=sources)))
    ordered = np.sort(choices, axis=1)
    twice = ((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)).any(axis=1)
    choices = choices[~twice]
    with_none = np.column_stack([weight, rest])  # column -1 is none
    value = np.prod([with_none[s, choices[:, s]] for s in range(sources)], axis=0)
    value /= value.sum()
    probability = np.array(
        [[value[choices[:, s] == i].sum() for i in range(candidates)] for s in range(sources)]
    )
    return probability, np.array([value[choices[:, s] == -1].sum() for s in range(sources)])


def table(weight, rest, random=None):
    """`joint_probabilities` of a table of sources by candidates, its rows in any order."""
    source, xray = np.nonzero(weight)
    order = np.arange(len(source)) if random is None else random.permutation(len(source))
    source, xray = source[order], xray[order]
    # numbers of Chandra sources are those of a large catalogue
    found, none, size = joint_probabilities(source, 1000 + 7 * xray, weight[source, xray], rest)
    probability = np.zeros_like(weight)
    probability[source, xray] = found
    return probability, none, size


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0, 3.0])
def test_random_tables(spread):
    """Weights over some dex: at a spread of 3 most sources are sure, often of the same one."""
    random = np.random.default_rng(int(10 * spread))
    linked = 0
    for _ in range(25):
        sources, candidates = int(random.integers(2, 6)), int(random.integers(1, 7))
        weight = 10 ** random.normal(0, spread, (sources, candidates))
        rest = 10 ** random.uniform(-3, 0, sources)
        expected, none = by_enumeration(weight, rest)
        found, found_none, size = table(weight, rest, random)
        # sources that hardly meet are taken apart, at the cost of 1e-6
        one_group = (size == sources).all()
        linked += one_group
        assert np.abs(found - expected).max() < (1e-9 if one_group else 1e-6)
        assert np.abs(found_none - none).max() < (1e-9 if one_group else 1e-6)
    assert linked >= 20


def test_candidates_that_not_all_sources_have():
    random = np.random.default_rng(4)
    for _ in range(20):
        weight = 10 ** random.normal(0, 1, (4, 6)) * (random.random((4, 6)) < 0.5)
        rest = random.uniform(0.1, 1, 4)
        expected, none = by_enumeration(weight, rest)
        found, found_none, _ = table(weight, rest, random)
        assert found == pytest.approx(expected, abs=1e-6)
        assert found_none == pytest.approx(none, abs=1e-6)


@pytest.mark.parametrize("rest", [1e-3, 1e-5, 1e-9])
@pytest.mark.parametrize("sources", [2, 5, 8])
def test_sources_that_are_all_sure_of_one_candidate(sources, rest):
    """Each is it with 1 / (n + rest): the sum over assignments was a difference of large numbers
    and lost its digits; five sources that were sure to 0.9999 had 0.09 each."""
    found, none, size = table(np.ones((sources, 1)), np.full(sources, rest))
    assert found == pytest.approx(np.full((sources, 1), 1 / (sources + rest)), abs=1e-9)
    assert none == pytest.approx(np.full(sources, 1 - 1 / (sources + rest)), abs=1e-9)
    assert (size == sources).all()


def test_sources_that_have_no_other_choice():
    """Weights beyond all measure: still probabilities."""
    found, none, _ = table(np.full((3, 1), 1e250), np.ones(3))
    assert found.sum() == pytest.approx(1) and none.sum() == pytest.approx(2)


def test_one_candidate_for_two_sources_on_paper():
    """Assignments: (it, none) 3 * 0.5, (none, it) 1 * 0.25, (none, none) 0.25 * 0.5."""
    found, none, size = table(np.array([[3.0], [1.0]]), np.array([0.25, 0.5]))
    whole = 1.5 + 0.25 + 0.125
    assert found[:, 0] == pytest.approx([1.5 / whole, 0.25 / whole], abs=1e-15)
    assert none == pytest.approx([0.375 / whole, 1.625 / whole], abs=1e-15)
    assert size.tolist() == [2, 2]


def test_a_second_choice_gains_by_the_first_being_taken():
    """The source that has another candidate gives way to the one that has none."""
    weight, rest = np.array([[100.0, 10.0], [100.0, 0.0]]), np.array([1.0, 1.0])
    found, _, _ = table(weight, rest)
    # (1, none), (2, 1), (none, 1), (2, none), (none, none)
    ways = np.array([100, 1000, 100, 10, 1])
    assert found[0] == pytest.approx([100 / ways.sum(), 1010 / ways.sum()], abs=1e-12)
    assert found[1, 0] == pytest.approx(1100 / ways.sum(), abs=1e-12)


def test_without_overlap_nothing_changes():
    weight = np.array([[2.0, 1.0, 0, 0], [0, 0, 5.0, 0], [0, 0, 0, 1e-3]])
    rest = np.array([1.0, 0.1, 1.0])
    found, none, size = table(weight, rest)
    alone = weight / (weight.sum(axis=1) + rest)[:, None]
    assert found.tolist() == alone.tolist()
    assert none.tolist() == (rest / (weight.sum(axis=1) + rest)).tolist()
    assert size.tolist() == [1, 1, 1]


def test_a_source_that_is_pushed_onto_another_s_candidate():
    """The first picks the third one's candidate once in ten million when it chooses for itself,
    but half the time once the second has taken the one that it wants: all three are a group."""
    weight = np.array([[1.0, 1e-7], [1.0, 0.0], [0.0, 1.0]])
    rest = np.array([1e-7, 1e-9, 1e-4])
    expected, _ = by_enumeration(weight, rest)
    found, _, size = table(weight, rest)
    assert size.tolist() == [3, 3, 3]
    assert found == pytest.approx(expected, abs=1e-9)
    assert found[:, 1].sum() <= 1


def test_groups_stand_side_by_side():
    """Two groups and a source alone, their rows mixed."""
    random = np.random.default_rng(8)
    blocks = [10 ** random.normal(0, 1, shape) for shape in ((2, 3), (1, 2), (3, 2))]
    weight = np.zeros((6, 7))
    weight[:2, :3], weight[2, 3:5], weight[3:, 5:] = blocks
    rest = random.uniform(0.1, 1, 6)
    shuffled = random.permutation(6)
    found, none, size = table(weight[shuffled], rest[shuffled], random)
    expected = np.zeros_like(weight)
    expected_none = np.zeros(6)
    for rows, columns in (((0, 2), (0, 3)), ((2, 3), (3, 5)), ((3, 6), (5, 7))):
        part = slice(*rows), slice(*columns)
        expected[part], expected_none[part[0]] = by_enumeration(weight[part], rest[part[0]])
    assert found == pytest.approx(expected[shuffled], abs=1e-9)
    assert none == pytest.approx(expected_none[shuffled], abs=1e-9)
    assert size.tolist() == np.array([2, 2, 1, 3, 3, 3])[shuffled].tolist()


def test_a_source_without_candidates():
    found, none, size = joint_probabilities(
        np.array([0, 2]), np.array([5, 5]), np.array([1.0, 1.0]), np.ones(3)
    )
    assert found == pytest.approx([1 / 3, 1 / 3]) and none == pytest.approx([2 / 3, 1, 2 / 3])
    assert size.tolist() == [2, 1, 2]
    empty = np.empty(0, np.int64)
    found, none, size = joint_probabilities(empty, empty, np.empty(0), np.ones(2))
    assert found.shape == (0,) and none.tolist() == [1, 1] and size.tolist() == [1, 1]


# ---- groups that are too large to be exact


def chain(random, sources, own, shared, spread):
    """Each source shares candidates with the next, as along the plane."""
    weight = np.zeros((sources, sources * own + shared))
    for row in range(sources):
        columns = np.arange(row * own, (row + 1) * own + shared)
        weight[row, columns] = 10 ** random.normal(-0.5, spread, len(columns))
    return weight


def chain_by_steps(weight, rest, own, shared):
    """A chain source by source: what matters of the past is which shared ones are taken."""
    sources = len(weight)
    taken = [
        frozenset(c) for n in range(shared + 1) for c in itertools.combinations(range(shared), n)
    ]

    def moves(row, state):
        yield -1, rest[row], frozenset()
        for column in range(row * own, (row + 1) * own + shared):
            place = column - row * own
            if place in state:
                continue
            yield column, weight[row, column], frozenset({place - own} if place >= own else ())

    before = [{frozenset(): 1.0}]
    for row in range(sources):
        after = dict.fromkeys(taken, 0.0)
        for state, value in before[-1].items():
            for _, factor, then in moves(row, state):
                after[then] += value * factor
        before.append(after)
    behind = dict.fromkeys(taken, 1.0)
    probability = np.zeros_like(weight)
    for row in reversed(range(sources)):
        ways = dict.fromkeys(taken, 0.0)
        for state in taken:
            for column, factor, then in moves(row, state):
                ways[state] += factor * behind[then]
                if column >= 0:
                    of_past = before[row].get(state, 0.0)
                    probability[row, column] += of_past * factor * behind[then]
        behind = ways
    return probability / behind[frozenset()]


def test_a_small_chain_by_steps_is_that_by_enumeration():
    """The second way of the next test is right itself."""
    random = np.random.default_rng(2)
    weight, rest = chain(random, 3, 2, 2, 0.7), random.uniform(0.1, 1, 3)
    expected = by_enumeration(weight, rest)[0]
    assert chain_by_steps(weight, rest, 2, 2) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("spread", "error"), [(0.3, 0.01), (1.0, 0.02), (2.0, 0.06)])
def test_a_group_above_the_limit_is_near_the_exact_one(spread, error):
    random = np.random.default_rng(int(10 * spread))
    sources = LARGEST_GROUP + 4
    for _ in range(5):
        weight, rest = chain(random, sources, 3, 2, spread), random.uniform(0.2, 1, sources)
        found, none, size = table(weight, rest, random)
        assert (size == sources).all()
        expected = chain_by_steps(weight, rest, 3, 2)
        assert np.abs(found - expected).max() < error
        assert (found.sum(axis=0) <= 1 + 1e-9).all()
        assert found.sum(axis=1) + none == pytest.approx(1, abs=1e-9)


def test_a_large_group_that_closes_no_circle_is_exact():
    random = np.random.default_rng(5)
    sources = LARGEST_GROUP + 3
    weight, rest = chain(random, sources, 3, 1, 2.0), random.uniform(0.2, 1, sources)
    found, _, size = table(weight, rest)
    assert (size == sources).all()
    assert found == pytest.approx(chain_by_steps(weight, rest, 3, 1), abs=1e-9)


def test_many_sources_that_are_sure_of_one_candidate():
    """Choosing in turns gave them a sum of 5."""
    sources = LARGEST_GROUP + 1
    found, none, _ = table(np.ones((sources, 1)), np.full(sources, 1e-3))
    assert found == pytest.approx(np.full((sources, 1), 1 / (sources + 1e-3)), rel=0.01)
    assert none == pytest.approx(1 - found[:, 0])
