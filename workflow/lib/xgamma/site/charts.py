"""Charts as SVG: a piece of sky on a tangent plane, and marks on it.

Colours and line widths are classes of `assets/site.css`, so that dark pages and print have their
own. All numbers have a fixed number of digits: the same tables give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from xgamma.tables.printable import printable

__all__ = ["Frame", "ellipse", "line", "number", "polygons", "svg", "text", "tick_step"]

Floats = NDArray[np.float64]

# a step between ticks is one of these times a power of ten
_STEPS = (1, 2, 5)


def number(value: float, digits: int = 1) -> str:
    """A coordinate, without zeros that say nothing."""
    shown = f"{value:.{digits}f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown


def text(x: float, y: float, words: str, name: str = "", anchor: str = "") -> Markup:
    """Words at a place; whatever is in them is shown, not obeyed."""
    of_class = f' class="{name}"' if name else ""
    at = f' text-anchor="{anchor}"' if anchor else ""
    shown = escape(printable(words))
    return Markup(f'<text x="{number(x)}" y="{number(y)}"{of_class}{at}>{shown}</text>')


def line(points: Sequence[tuple[float, float]], name: str) -> Markup:
    """A line through points."""
    way = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return Markup(f'<polyline class="{name}" points="{way}"/>')


def svg(
    width: float,
    height: float,
    label: str,
    parts: Iterable[str],
    name: str = "",
    role: str = "img",
) -> Markup:
    """A whole chart.

    Parameters
    ----------
    width, height : float
        Of the drawing; on the page it is as wide as there is room.
    label : str
        What it shows, for who cannot see it.
    parts : iterable of str
        SVG.
    name : str
        A class.
    role : str
        What it is to who cannot see it: an image, or a group of links.
    """
    shown = escape(printable(label))
    of_class = f' class="{name}"' if name else ""
    inside = "\n".join(part for part in parts if part)
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" role="{role}" viewBox="0 0 {number(width)} '
        f'{number(height)}"{of_class} aria-label="{shown}">\n{inside}\n</svg>'
    )


def tick_step(length: float, most: int = 6) -> float:
    """The least round step that divides a length into no more than so many."""
    power = 10.0 ** np.floor(np.log10(length / most))
    return next(step * power for step in (*_STEPS, 10, 20) if step * power * most >= length)


@dataclass(frozen=True)
class Frame:
    """A square piece of sky, north up and east to the left.

    Attributes
    ----------
    ra, dec : float
        Its middle, ICRS degrees.
    half_deg : float
        From the middle to the edge.
    size : float
        Of the drawing.
    left, top : float
        Where it begins.
    """

    ra: float
    dec: float
    half_deg: float
    size: float
    left: float = 0.0
    top: float = 0.0

    @property
    def scale(self) -> float:
        """Units of the drawing per degree."""
        return self.size / (2 * self.half_deg)

    def at(self, ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
        """Where positions are in the drawing.

        Gnomonic projection (Calabretta and Greisen 2002, A&A 395, 1077, eqs. 54 and 55).

        Parameters
        ----------
        ra, dec : ndarray
            ICRS degrees.

        Returns
        -------
        x, y : ndarray
            NaN for what lies behind.
        """
        apart = np.radians(np.asarray(ra, float) - self.ra)
        d, d0 = np.radians(np.asarray(dec, float)), np.radians(self.dec)
        cosine = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(apart)
        cosine = np.where(cosine > 1e-3, cosine, np.nan)
        east = np.degrees(np.cos(d) * np.sin(apart) / cosine)
        north = np.degrees(
            (np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(apart)) / cosine
        )
        middle = self.size / 2
        return (
            self.left + middle - east * self.scale,
            self.top + middle - north * self.scale,
        )

    def holds(self, x: Floats, y: Floats, margin: float = 0.0) -> NDArray[np.bool_]:
        """Whether points of the drawing are in the frame, or so near to it."""
        inside_x = (x >= self.left - margin) & (x <= self.left + self.size + margin)
        return inside_x & (y >= self.top - margin) & (y <= self.top + self.size + margin)

    def axes(self, unit: str, units_per_deg: float) -> list[Markup]:
        """The frame with ticks: offsets from the middle, east and north, in a unit."""
        half = self.half_deg * units_per_deg
        step = tick_step(2 * half)
        count = int(np.floor(half / step))
        parts = [
            Markup(
                f'<rect class="frame" x="{number(self.left)}" y="{number(self.top)}" '
                f'width="{number(self.size)}" height="{number(self.size)}"/>'
            )
        ]
        bottom, middle = self.top + self.size, self.size / 2
        for tick in range(-count, count + 1):
            offset = tick * step
            way = offset / units_per_deg * self.scale
            label = f"{offset:+g}" if tick else "0"
            x, y = self.left + middle - way, self.top + middle - way
            parts += [
                line([(x, bottom), (x, bottom + 5)], "tick"),
                text(x, bottom + 19, label, "tick-label", "middle"),
                line([(self.left - 5, y), (self.left, y)], "tick"),
                text(self.left - 8, y + 4, label, "tick-label", "end"),
            ]
        parts.append(
            text(self.left + middle, bottom + 37, f"east ({unit}), north up", "label", "middle")
        )
        return parts


def ellipse(
    frame: Frame, ra: float, dec: float, major: float, minor: float, angle: float, name: str
) -> Markup:
    """An ellipse on the sky.

    Parameters
    ----------
    frame : Frame
    ra, dec : float
        Its centre, ICRS degrees.
    major, minor : float
        Semi-axes, degrees.
    angle : float
        Position angle of the major axis, degrees east of north.
    name : str
        Class.
    """
    x, y = frame.at(ra, dec)
    # north is up and east left: angles from north through east turn against the clock
    return Markup(
        f'<ellipse class="{name}" cx="{number(x)}" cy="{number(y)}" '
        f'rx="{number(minor * frame.scale)}" ry="{number(major * frame.scale)}" '
        f'transform="rotate({number(-angle)} {number(x)} {number(y)})"/>'
    )


def polygons(x: Floats, y: Floats, name: str) -> Markup:
    """Closed polygons as one path.

    Parameters
    ----------
    x, y : ndarray, shape (n, corners)
    name : str
        Class.
    """
    ways = []
    for xs, ys in zip(np.round(x, 1).tolist(), np.round(y, 1).tolist(), strict=True):
        corners = "L".join(f"{number(a)} {number(b)}" for a, b in zip(xs, ys, strict=True))
        ways.append(f"M{corners}z")
    return Markup(f'<path class="{name}" d="{"".join(ways)}"/>') if ways else Markup("")
