"""Colours: one meaning each, and a second cue for whoever sees none."""

from itertools import permutations

import pytest
from matplotlib.colors import to_hex

from xgamma.classes import GROUPS
from xgamma.figures.probabilities import STATE_MARKS
from xgamma.figures.style import (
    DATA,
    FLAGGED,
    GROUP_COLOURS,
    GROUP_HATCHES,
    GROUP_MARKERS,
    INK,
    MISSING,
    PALE,
)
from xgamma.figures.survey_looks import _OTHERS, survey_looks

SURVEYS = ["allwise", "gaia", "panstarrs", "sdss", "twomass", "vvv"]


@pytest.mark.parametrize("added", SURVEYS)
def test_a_survey_keeps_its_look_when_another_is_added(added):
    """Colours went by place: one survey more in front, and Gaia was orange."""
    few = [survey for survey in SURVEYS if survey != added]
    before = survey_looks(few)
    for place in range(len(few) + 1):
        after = survey_looks([*few[:place], added, *few[place:]])
        assert {"gaia", "twomass"} <= after.keys()
        kept = {name for name in few if after[name] == before[name]}
        # a look can only be taken by a newcomer that is configured earlier and has the same
        assert {"gaia", "twomass"} - {added} <= kept
        assert place < len(few) or kept == set(few)


def test_surveys_differ_from_each_other_and_from_all_else():
    names = ["gaia", "twomass", *(f"survey{i}" for i in range(len(_OTHERS)))]
    looks = survey_looks(names)
    assert len(set(looks.values())) == len(names)
    assert survey_looks([*names, "one more"])["one more"] in _OTHERS
    others = {*GROUP_COLOURS.values(), DATA, FLAGGED, INK, MISSING, PALE}
    assert len(others) == len(GROUP_COLOURS) + 5
    states = {colour for colour, _marker, _size in STATE_MARKS.values()}
    assert len(states) == len(STATE_MARKS)
    assert states & others == {INK, MISSING, PALE}
    others |= states
    assert not {to_hex(look.colour) for look in looks.values()} & {to_hex(c) for c in others}


@pytest.mark.parametrize("cue", [GROUP_COLOURS, GROUP_MARKERS, GROUP_HATCHES])
def test_groups_differ_in_every_cue(cue):
    assert list(cue) == list(GROUPS)
    assert all(cue[one] != cue[other] for one, other in permutations(GROUPS, 2))
