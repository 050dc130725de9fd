"""The table of the sources that a run is for, if the config names any, and what follows from it."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from xgamma.errors import XgammaError
from xgamma.sky import separation, unit_vectors
from xgamma.tables.columns import Column
from xgamma.tables.names import name_key

__all__ = [
    "CHOSEN_COLUMNS",
    "WHOLE_SKY_DEG",
    "check_chandra_names",
    "circles",
    "named_sources",
    "narrowed",
    "of_named",
]

CHOSEN_COLUMNS = [
    Column("fermi_name", "text", "", "Fermi name"),
    Column("asked", "text", "", "The name by which it was asked for; none: a neighbour"),
    Column("found_by", "text", "", "Fermi name, association, Chandra name, or neighbour"),
    Column("ra", "float", "deg", "Right ascension, ICRS"),
    Column("dec", "float", "deg", "Declination, ICRS"),
    Column("reach_deg", "float", "deg", "Radius of the sky around it that the run looks at"),
]

WHOLE_SKY_DEG = 90.0
"""The latitude cut of named sources: none."""

_Circle = tuple[float, float, float]
_ROUNDING_DEG = 1e-9
# A cell was seen by observations that were aimed so far from it (HRC-S is 99 arcmin long), and
# whether an observation counts is told by sources so far from its aim (HRC-I) ...
_OBSERVATIONS_DEG, _WITNESSES_DEG = 0.83, 0.28
_BEYOND_DEG = {
    "chanmaster": _OBSERVATIONS_DEG,
    "csc": _OBSERVATIONS_DEG + _WITNESSES_DEG,
}


def check_chandra_names(chosen: pd.DataFrame, csc: pd.DataFrame) -> None:
    """Refuse Chandra names that none of the sources around has.

    Parameters
    ----------
    chosen : DataFrame
        `CHOSEN_COLUMNS`.
    csc : DataFrame
        The Chandra sources around them.

    Raises
    ------
    XgammaError
        Naming them, with the nearest names.
    """
    known = {_without_catalogue(name): name for name in csc["name"]}
    asked = chosen.loc[chosen["found_by"] == "Chandra name", "asked"]
    problems = []
    for name in dict.fromkeys(asked):
        key = _without_catalogue(name)
        if key not in known:
            near = [known[k] for k in difflib.get_close_matches(key, known, n=3)]
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            problems.append(f"no Chandra source is called {name}{hint}")
    if problems:
        raise XgammaError(f"sources: {'; '.join(problems)}")


def _without_catalogue(name: str) -> str:
    return name_key(name)[name_key(name).find("j") :]


def named_sources(chosen: pd.DataFrame) -> list[str]:
    """The Fermi sources that were asked for, without their neighbours, sorted."""
    return sorted(set(chosen.loc[chosen["found_by"] != "neighbour", "fermi_name"]))


def narrowed(
    fermi: pd.DataFrame, latitude_cut_deg: float, chosen: pd.DataFrame | None
) -> tuple[pd.DataFrame, float]:
    """A catalogue and the cut in latitude; of named sources, these alone and none.

    Parameters
    ----------
    fermi : DataFrame
    latitude_cut_deg : float
    chosen : DataFrame or None
        `CHOSEN_COLUMNS`.
    """
    if chosen is None:
        return fermi, latitude_cut_deg
    return fermi[fermi["name"].isin(named_sources(chosen))].reset_index(drop=True), WHOLE_SKY_DEG


def of_named(frame: pd.DataFrame, chosen: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of a table, by its `fermi_name`, of the sources that were asked for.

    Parameters
    ----------
    frame : DataFrame
    chosen : DataFrame or None
        `CHOSEN_COLUMNS`; None: all rows.
    """
    if chosen is None:
        return frame
    return frame[frame["fermi_name"].isin(named_sources(chosen))].reset_index(drop=True)


def circles(chosen: pd.DataFrame, catalogue: str) -> pd.DataFrame:
    """Where rows of a catalogue are needed.

    Parameters
    ----------
    chosen : DataFrame
        `CHOSEN_COLUMNS`.
    catalogue : str
        chanmaster or csc.

    Returns
    -------
    DataFrame
        target_id, ra, dec, radius_deg (degrees): circles that hold all of them; those that overlap
        so much that one around both is no larger than the two are one.
    """
    once = chosen.drop_duplicates("fermi_name")
    found: list[_Circle] = []
    for row in once.sort_values(["reach_deg", "fermi_name"]).itertuples(index=False):
        circle = row.ra, row.dec, min(row.reach_deg + _BEYOND_DEG[catalogue], 180.0)
        at = 0
        while at < len(found):
            around = _around_both(found[at], circle)
            if around[2] ** 2 <= found[at][2] ** 2 + circle[2] ** 2:
                # the larger one may take in others
                del found[at]
                circle, at = around, 0
            else:
                at += 1
        found.append(circle)
    frame = pd.DataFrame(sorted(found), columns=["ra", "dec", "radius_deg"])
    frame.insert(0, "target_id", np.arange(len(frame)))
    return frame


def _around_both(first: _Circle, second: _Circle) -> _Circle:
    """The smallest circle around two."""
    small, large = sorted((first, second), key=lambda circle: circle[2])
    apart = float(separation(*large[:2], *small[:2]))
    if apart + small[2] <= large[2]:
        return large
    radius = (apart + small[2] + large[2]) / 2
    # from the large one's centre towards the small one's
    part = (radius - large[2]) / apart
    vectors = unit_vectors([large[0], small[0]], [large[1], small[1]])
    angle = np.radians(apart)
    weights = np.array([np.sin((1 - part) * angle), np.sin(part * angle)]) / np.sin(angle)
    x, y, z = weights @ vectors
    ra, dec = np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))
    return float(ra), float(dec), min(radius + _ROUNDING_DEG, 180.0)
