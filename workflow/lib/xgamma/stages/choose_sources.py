"""The sources that a run is for, if the config names any: which Fermi sources, and their circles.

A name is that of a Fermi source, in the list or in an earlier one that the list refers to, of its
association, or of a Chandra source in its ellipse. With the named sources go their neighbours:
Fermi sources whose search overlaps theirs, and which may be the same Chandra source. They take part
in the probabilities, and are in no table.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from xgamma.association.positions import LARGEST_DISTANCE, Ellipses, error_ellipses
from xgamma.errors import XgammaError
from xgamma.sky import elliptical_distance, position_angle, separation
from xgamma.stages.chosen import CHOSEN_COLUMNS
from xgamma.tables.columns import conform
from xgamma.tables.names import list_of, name_key

__all__ = ["choose_sources"]

logger = logging.getLogger("xgamma.sources")

# Candidates are searched to 3 semi-axes, and densities learnt to 0.1 degrees outside the circle.
# Controls lie to 5 semi-axes and reach 3 further; of extended sources that is too much to ask for.
_DENSITY_DEG, _CONTROLS, _CONTROLS_DEG = 0.1, 8.0, 2.0
# 2CXO Jhhmmss.s+ddmmss; SIM in the demo archive
_CHANDRA = re.compile(r"(?:2?cxo|sim)?j(\d\d)(\d\d)(\d\d\.\d)([+-])(\d\d)(\d\d)(\d\d)[a-z]*")
_SUGGESTIONS = 3


def choose_sources(
    names: Sequence[str], fermi: pd.DataFrame, extended: pd.DataFrame
) -> pd.DataFrame:
    """The Fermi sources that are meant, and their neighbours.

    Parameters
    ----------
    names : sequence of str
        As a person types them.
    fermi : DataFrame
        The whole catalogue.
    extended : DataFrame
        Templates of extended Fermi sources.

    Returns
    -------
    DataFrame
        `CHOSEN_COLUMNS`, a row for each source and name, sorted by source.

    Raises
    ------
    XgammaError
        Naming what is meant by none, with the nearest names.
    """
    known = _KnownNames(fermi, error_ellipses(fermi, extended))
    found: list[tuple[int, str, str]] = []
    problems = []
    for name in names:
        kind, rows = known.find(name)
        if not rows:
            problems.append(known.problem(name))
        elif len(rows) > 1:
            every = ", ".join(fermi["name"].iloc[row] for row in rows)
            logger.warning(
                "%s is the %s of %d Fermi sources, all are taken: %s", name, kind, len(rows), every
            )
        else:
            logger.info("%s is %s, by its %s", name, fermi["name"].iloc[rows[0]], kind)
        found += [(row, name.strip(), kind) for row in rows]
    if problems:
        raise XgammaError(f"sources: {'; '.join(problems)}")
    ellipses = known.ellipses
    named = np.array(sorted({row for row, _, _ in found}), np.int64)
    neighbours = _neighbours(ellipses, named)
    found += [(row, "", "neighbour") for row in neighbours.tolist()]
    row = np.array([one[0] for one in found], np.int64)
    reach = _reach(ellipses)
    # a neighbour has no controls
    reach[named] = np.maximum(
        reach[named], np.minimum(_CONTROLS * ellipses.major[named], _CONTROLS_DEG)
    )
    frame = pd.DataFrame(
        {
            "fermi_name": fermi["name"].to_numpy()[row],
            "asked": [one[1] for one in found],
            "found_by": [one[2] for one in found],
            "ra": ellipses.ra[row],
            "dec": ellipses.dec[row],
            "reach_deg": reach[row],
        }
    )
    frame = frame.sort_values(["fermi_name", "asked"], ignore_index=True).drop_duplicates()
    logger.info("%d named sources, %d neighbours", len(named), len(neighbours))
    return conform(frame.reset_index(drop=True), CHOSEN_COLUMNS)


def _reach(ellipses: Ellipses) -> np.ndarray:
    return np.maximum(LARGEST_DISTANCE * ellipses.major, ellipses.major + _DENSITY_DEG)


def _neighbours(ellipses: Ellipses, named: np.ndarray) -> np.ndarray:
    """Rows of the others whose search, to three semi-axes, overlaps that of a named one.

    Not extended ones: over so much sky they take next to nothing from a single candidate.
    """
    reach = LARGEST_DISTANCE * ellipses.major
    near = np.zeros(len(ellipses), bool)
    for row in named:
        apart = separation(ellipses.ra[row], ellipses.dec[row], ellipses.ra, ellipses.dec)
        near |= apart < reach[row] + reach
    near[named] = False
    near &= ellipses.origin != "template"
    return np.flatnonzero(near)


class _KnownNames:
    """All names of a catalogue, by their keys."""

    def __init__(self, fermi: pd.DataFrame, ellipses: Ellipses) -> None:
        self.ellipses = ellipses
        self._names = fermi["name"].tolist()
        self._associations = fermi["assoc_name"].tolist()
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_association: dict[str, list[int]] = defaultdict(list)
        # in an earlier list, which some lists give
        self._earlier = fermi["assoc_fgl"].tolist() if "assoc_fgl" in fermi else []
        self._by_earlier: dict[str, list[int]] = defaultdict(list)
        # name of the list as a key -> as it is: 4FGL, FL16Y; one list has names of one kind
        self._lists = {name_key(one): one for one in map(list_of, self._names) if one}
        for row, name in enumerate(self._earlier):
            if key := name_key(name):
                self._by_earlier[key].append(row)
        for row, (name, association) in enumerate(
            zip(self._names, self._associations, strict=True)
        ):
            self._by_name[self._without_list(name_key(name))].append(row)
            if key := name_key(association):
                self._by_association[key].append(row)

    def find(self, name: str) -> tuple[str, list[int]]:
        """By what a name is known, and the rows that have it; none, if it is not."""
        key = name_key(name)
        if rows := self._by_name.get(self._without_list(key)):
            return f"{list_of(self._names[rows[0]])} name".strip(), rows
        if rows := self._by_earlier.get(key):
            return f"{list_of(name).upper()} name".strip(), rows
        if rows := self._by_association.get(key):
            return "association", rows
        if place := _chandra_place(name):
            x, _ = self._distances(*place)
            within = x <= LARGEST_DISTANCE
            # an extended source has a candidate by the hundred: it is meant only if no other is
            points = within & (self.ellipses.origin != "template")
            return "Chandra name", np.flatnonzero(points if points.any() else within).tolist()
        return "", []

    def _distances(self, ra: float, dec: float) -> tuple[np.ndarray, np.ndarray]:
        """From all sources, in units of their 95 % ellipses and in degrees."""
        e = self.ellipses
        apart = separation(e.ra, e.dec, ra, dec)
        towards = position_angle(e.ra, e.dec, ra, dec)
        return elliptical_distance(apart, towards, e.major, e.minor, e.angle), apart

    def problem(self, name: str) -> str:
        """Why a name is none, and which ones are nearest."""
        if place := _chandra_place(name):
            x, apart = self._distances(*place)
            row = int(np.argmin(x))
            return (
                f"{name} is no candidate of any Fermi source: the nearest, {self._names[row]}, is "
                f"{apart[row]:.2f} degrees away, {x[row]:.1f} times its 95 % ellipse, and "
                f"{LARGEST_DISTANCE:g} times are searched"
            )
        key = name_key(name)
        known = [*self._by_association, *self._by_earlier, *self._by_name]
        own = key.removesuffix(self._without_list(key))
        if own:
            known = [f"{own}{one}" for one in self._by_name]
        near = difflib.get_close_matches(key, known, n=_SUGGESTIONS)
        if not near:
            return (
                f"no source is called {name}: a name is {self._whose()}, that of an association "
                f"there, or Chandra's (2CXO J...)"
            )
        return f"no source is called {name}; did you mean {' or '.join(map(self._shown, near))}?"

    def _shown(self, key: str) -> str:
        if rows := self._by_association.get(key):
            return f"{self._associations[rows[0]]} ({', '.join(self._names[r] for r in rows)})"
        if rows := self._by_earlier.get(key):
            return f"{self._earlier[rows[0]]} ({', '.join(self._names[r] for r in rows)})"
        return self._names[self._by_name[self._without_list(key)][0]]

    def _whose(self) -> str:
        return f"{' or '.join(sorted(self._lists.values()))}'s" if self._lists else "the list's"

    def _without_list(self, key: str) -> str:
        return next((key.removeprefix(one) for one in self._lists if key.startswith(one)), key)


def _chandra_place(name: str) -> tuple[float, float] | None:
    """The position (degrees) in a Chandra name; None if it is no such name."""
    found = _CHANDRA.fullmatch(name_key(name))
    if not found:
        return None
    hours, minutes, seconds, sign, degrees, arcminutes, arcseconds = found.groups()
    ra = 15 * (int(hours) + int(minutes) / 60 + float(seconds) / 3600)
    dec = int(degrees) + int(arcminutes) / 60 + int(arcseconds) / 3600
    return (ra, -dec if sign == "-" else dec) if ra < 360 and dec <= 90 else None
