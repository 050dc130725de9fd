"""Region files for DS9: error ellipses, candidates, coverage.

They are written here and not by the package `regions`, which takes a millisecond for each shape and
puts what all have in common into one line, in an order that differs from run to run.

Aladin reads such files as scripts, in which a semicolon ends a command, even in a comment; DS9
hands text to Tcl. So what comes from outside is reduced to characters that mean nothing to either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xgamma.association.states import STATES
from xgamma.exports.borders import borders
from xgamma.tables.metadata import TableMetadata
from xgamma.tables.whole_files import write_text

if TYPE_CHECKING:
    import mocpy

__all__ = [
    "LEAST_PROBABILITY",
    "STATE_COLOURS",
    "plain_text",
    "write_candidates",
    "write_coverage",
    "write_ellipses",
]

LEAST_PROBABILITY = 0.01
"""Candidates less probable are drawn only if they have a match flag: DS9 is slow with thousands."""

STATE_COLOURS = dict(
    zip(
        STATES,
        ("#B5B5B5", "#8A8A8A", "#DDDDDD", "#56B4E9", "#E69F00", "#009E73", "#D55E00"),
        strict=True,
    )
)
"""State of a Fermi source -> colour, as on the pages; but for one that is black there."""

_COVERAGE_COLOUR = "#0090FF"
# 1e-7 deg are 0.4 mas
_DIGITS = 7
_LONGEST_TEXT = 400


def plain_text(text: str) -> str:
    """Text in which nothing is a command, a quote or a bracket of a program that reads it.

    >>> plain_text('4FGL J1826.2-1450; load {x}')
    '4FGL J1826.2-1450_ load _x_'
    """
    return re.sub(r"[^A-Za-z0-9 +\-.,:*/()_=%]", "_", text[:_LONGEST_TEXT]).strip()


def write_ellipses(path: str | Path, fermi: pd.DataFrame, about: TableMetadata) -> None:
    """Write the 95 % ellipse of each Fermi source, named, in the colour of its state.

    Parameters
    ----------
    path : path-like
    fermi : DataFrame
        `xgamma.stages.tabulate.FERMI_TABLE`.
    about : TableMetadata
        Of that table.
    """
    axes = fermi[["semi_major_axis_95", "semi_minor_axis_95"]].to_numpy()
    drawn = fermi[np.isfinite(axes).all(axis=1) & (axes > 0).all(axis=1)]
    # DS9 counts from the direction of falling right ascension, over north
    angle = (drawn["position_angle_95"].to_numpy() + 90) % 180
    columns = [drawn["fermi_ra"] % 360.0, drawn["fermi_dec"]]
    columns += [drawn["semi_major_axis_95"], drawn["semi_minor_axis_95"], angle]
    shapes = [_shape("ellipse", numbers) for numbers in zip(*columns, strict=True)]
    properties = [
        _properties(STATE_COLOURS[state], state, name)
        for state, name in zip(drawn["state"], drawn["fermi_name"], strict=True)
    ]
    title = (
        f"95 % error ellipses of {len(drawn)} of {len(fermi)} Fermi sources, in the colour of "
        f"their state"
    )
    _write(path, shapes, properties, [title, _legend()], about)


def write_candidates(
    path: str | Path, candidates: pd.DataFrame, counterparts: pd.DataFrame, about: TableMetadata
) -> None:
    """Write the Chandra candidates that count, in the colour of their Fermi source's state.

    The likeliest of each Fermi source is a circle with its name and probability, those at least
    half as likely are diamonds; x are others of `LEAST_PROBABILITY` or more.

    Parameters
    ----------
    path : path-like
    candidates : DataFrame
        `xgamma.stages.tabulate.CANDIDATE_TABLE`.
    counterparts : DataFrame
        `fermi_name, csc_name, p_counterpart, state` of tables/counterparts.
    about : TableMetadata
        Of the candidates.
    """
    of_source = counterparts.set_index("fermi_name")[["csc_name", "p_counterpart", "state"]]
    best = of_source.reindex(candidates["fermi_name"])
    likeliest = best["csc_name"].to_numpy() == candidates["csc_name"].to_numpy()
    counts = (candidates["match_flag"] > 0) | (candidates["p_association"] >= LEAST_PROBABILITY)
    drawn, best = candidates[counts | likeliest], best[(counts | likeliest).to_numpy()]
    places = zip(drawn["csc_ra"] % 360.0, drawn["csc_dec"], strict=True)
    shapes = [_shape("point", place) for place in places]
    properties = []
    for flag, name, (first, p, state) in zip(
        drawn["match_flag"], drawn["csc_name"], best.itertuples(index=False), strict=True
    ):
        text = f"{name} P={p:.2f}" if name == first else ""
        symbol = "circle" if name == first else "diamond" if flag else "x"
        symbol = f"point={symbol}"
        properties.append(f"{symbol} {_properties(STATE_COLOURS[state], state, text)}")
    titles = [
        f"{len(drawn)} of {len(candidates)} candidates, in the colour of the state of their Fermi "
        f"source. Circle: the likeliest. Diamond: at least half as likely. x: others with a "
        f"probability of {LEAST_PROBABILITY} or more. The rest are in candidates.vot alone",
        _legend(),
    ]
    _write(path, shapes, properties, titles, about)


def write_coverage(path: str | Path, moc: mocpy.MOC, about: TableMetadata) -> None:
    """Write the border of a coverage map as polygons; a hole is an excluded one.

    Parameters
    ----------
    path : path-like
    moc : mocpy.MOC
    about : TableMetadata
        Of a table of the same run: what is said of the archive.
    """
    cells = np.sort(moc.flatten().astype(np.int64))
    lines = borders(cells, moc.max_order)
    shapes = [_shape("polygon", np.column_stack([line.ra, line.dec]).ravel()) for line in lines]
    title = (
        f"Where Chandra has looked: all of coverage.moc.fits, as the borders around its "
        f"{len(cells)} HEALPix cells of order {moc.max_order}. Excluded polygons (-) are holes"
    )
    properties = [_properties(_COVERAGE_COLOUR, "hole" if line.hole else "seen") for line in lines]
    signs = ["-" if line.hole else "" for line in lines]
    _write(path, shapes, properties, [title], about, signs)


def _shape(kind: str, numbers: Iterable[float]) -> str:
    """A shape as DS9 has it; angles, all in degrees."""
    return f"{kind}({','.join(f'{number:.{_DIGITS}f}' for number in numbers)})"


def _properties(colour: str, group: str, text: str = "") -> str:
    """A colour, a group that DS9's menu of groups lists, and a name, for behind the # of a line."""
    shown = plain_text(text)
    return f"color={colour} tag={{{group}}}" + (f" text={{{shown}}}" if shown else "")


def _legend() -> str:
    # states have commas
    return " / ".join(f"{colour[1:]} {state}" for state, colour in STATE_COLOURS.items())


def _write(
    path: str | Path,
    shapes: Sequence[str],
    properties: Sequence[str],
    titles: Sequence[str],
    about: TableMetadata,
    signs: Sequence[str] | None = None,
) -> None:
    facts = about.facts()
    told = [f"archive {about.archive}", *(["simulated sky"] if about.simulated else [])]
    told += [f"{name} {facts[name]}" for name in ("answered", "software") if name in facts]
    words = [*titles, ", ".join(told), *about.catalogues]
    comments = [f"# xgamma: {plain_text(line)}" for line in words]
    drawn = zip(signs or [""] * len(shapes), shapes, properties, strict=True)
    lines = [f"{sign}{shape} # {behind}" for sign, shape, behind in drawn]
    write_text(path, "\n".join(["# Region file format: DS9", *comments, "icrs", *lines]) + "\n")
