"""Outlines of observations, as ObsCore's `s_region` has them: STC-S, in the ways it is written.

mocpy reads STC-S with ICRS alone, longitudes in [0, 360) and one shape, or an operator around
several. Archives write J2000 or FK5 (within 0.03 arcsec of ICRS), longitudes beyond 0 h, and
shapes one after the other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xgamma.errors import XgammaError

if TYPE_CHECKING:
    import mocpy

__all__ = ["map_of_outline"]

_SHAPES = {"CIRCLE", "POLYGON", "ELLIPSE", "BOX"}
_FRAMES = {"ICRS", "J2000", "FK5"}
_TOKEN = re.compile(r"[()]|[^\s()]+")
# No observation sees so much of the sky (4 deg2): numbers in a wrong order, or a hole by itself.
_LARGEST_SHARE = 1e-4


def map_of_outline(outline: str, order: int) -> mocpy.MOC:
    """The part of the sky inside an outline.

    Parameters
    ----------
    outline : str
        STC-S: circles, polygons, unions, differences, intersections; ICRS, J2000 or FK5.
    order : int
        Of the HEALPix cells: those that the outline touches.

    Returns
    -------
    mocpy.MOC

    Raises
    ------
    XgammaError
        If it cannot be read, or holds more of the sky than an observation can; in one line, which
        begins with the reason and ends with the outline.
    """
    from mocpy import MOC

    try:
        inside = MOC.from_stcs(_as_mocpy_reads_it(outline), max_depth=order)
    except Exception as error:
        # of mocpy's words, which have several lines, the first; a null is no text
        reason = " ".join(str(error).partition(': "0: at line')[0].split())
        raise XgammaError(f"cannot be read ({reason}): {_beginning(outline)}") from error
    if inside.sky_fraction > _LARGEST_SHARE:
        raise XgammaError(
            f"holds {inside.sky_fraction:.2g} of the sky, more than an observation can: "
            f"{_beginning(outline)}"
        )
    return inside


def _beginning(outline: object) -> str:
    return repr(str(outline)[:80])


def _as_mocpy_reads_it(outline: str) -> str:
    """The same outline with one frame, longitudes in [0, 360), and an operator around shapes."""
    tokens: list[str] = []
    shapes: list[str] = []
    numbers: list[int] = []  # of each shape, how many it has
    depth = shapes_outside = 0
    for token in _TOKEN.findall(outline):
        word = token.upper()
        depth += (token == "(") - (token == ")")
        if word in _FRAMES:
            continue
        if word in _SHAPES:
            shapes.append(word)
            numbers.append(0)
            shapes_outside += not depth
        elif shapes and (number := _number(token)) is not None:
            # of a polygon every second number; of other shapes the first
            place = numbers[-1] % 2 if shapes[-1] == "POLYGON" else numbers[-1]
            if place == 0 and abs(number) < 720:
                token = repr(number % 360.0 % 360.0)
            numbers[-1] += 1
        tokens.append(token)
    for shape, count in zip(shapes, numbers, strict=True):
        # mocpy takes what is there
        if (shape == "CIRCLE" and count != 3) or (shape == "POLYGON" and (count < 6 or count % 2)):
            raise ValueError(f"a {shape.lower()} of {count} numbers")
    text = " ".join(tokens)
    return f"Union ({text})" if shapes_outside > 1 else text


def _number(token: str) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None
