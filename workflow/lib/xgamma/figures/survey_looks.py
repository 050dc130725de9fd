"""The colour, hatch and marker of each survey: the same in every figure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

from xgamma.figures.style import GREEN, ORANGE, PURPLE

__all__ = ["SurveyLook", "survey_label", "survey_looks"]


class SurveyLook(NamedTuple):
    """How bars and lines of a survey look; the hatch tells it apart without colour."""

    colour: str
    hatch: str
    marker: str


_PUBLISHED_NAMES = {"gaia": "Gaia", "twomass": "2MASS"}

_SHIPPED = {"gaia": SurveyLook(GREEN, "", "o"), "twomass": SurveyLook(ORANGE, "///", "s")}

# none of them is a colour of a group of classes
_OTHERS = tuple(
    SurveyLook(colour, hatch, marker)
    for hatch, marker in (("...", "D"), ("xxx", "^"))
    for colour in (PURPLE, "#8B6914", "#117733", "#CC6677", "#999933", "#661100")
)


def survey_label(survey: str) -> str:
    """Give the name of a survey as it is printed; an unknown one keeps its key."""
    return _PUBLISHED_NAMES.get(survey, survey)


def survey_looks(surveys: Iterable[str]) -> dict[str, SurveyLook]:
    """Give each survey its look.

    Parameters
    ----------
    surveys : iterable of str
        In the order of the config.

    Returns
    -------
    dict of str to SurveyLook
        Gaia and 2MASS have theirs; another survey has the one that its name leads to, not its
        place, so that it keeps it when another is added or removed. Where two names lead to
        one look, the later survey takes the next that is free; of more surveys than looks,
        some are alike.
    """
    looks: dict[str, SurveyLook] = {}
    for survey in surveys:
        if survey in _SHIPPED:
            looks[survey] = _SHIPPED[survey]
            continue
        first = zlib.crc32(survey.encode()) % len(_OTHERS)
        turned = _OTHERS[first:] + _OTHERS[:first]
        taken = set(looks.values())
        looks[survey] = next((look for look in turned if look not in taken), turned[0])
    return looks
