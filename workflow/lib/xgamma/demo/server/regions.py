"""Points and circles on the sphere as SQL that a join can use.

A circle holds a point when their separation is at most its radius; the edge
belongs to it. The separation comes from the haversine formula, which keeps its
precision for small angles (Sinnott 1984, Sky & Telescope 68, 159). On its own
it would be computed for every pair of rows, so two necessary conditions stand
in front of it:

- the declinations differ by at most the radius: an inequality that DuckDB
  turns into a range join, or into a zone-map filter when the circle is constant;
- the right ascensions differ by at most what a circle of this radius can span
  at this declination, without trigonometry (see `_right_ascension_band`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Circle", "Point", "separation", "within"]

#: Degrees by which the bands are wider than the radius, so that rounding in them
#: never loses a pair that the separation keeps.
_MARGIN = "1e-9"

_TABLE_ALIAS = re.compile(r'"(t\d+)"\.')


@dataclass(frozen=True)
class Point:
    """A position: SQL for right ascension and declination (deg, ICRS)."""

    ra: str
    dec: str


@dataclass(frozen=True)
class Circle:
    """A circle: its centre, and SQL for its radius (deg)."""

    centre: Point
    radius: str


def separation(first: Point, second: Point) -> str:
    """SQL for the great-circle separation of two positions.

    Parameters
    ----------
    first, second : Point

    Returns
    -------
    str
        An expression in degrees: the haversine formula, Sinnott 1984.
    """
    half_dec = f"sin(radians({first.dec} - {second.dec}) / 2)"
    half_ra = f"sin(radians({first.ra} - {second.ra}) / 2)"
    haversine = (
        f"{half_dec} * {half_dec}"
        f" + cos(radians({first.dec})) * cos(radians({second.dec})) * {half_ra} * {half_ra}"
    )
    # rounding may lift the haversine of antipodes above 1, where asin has no value.
    return f"(2 * degrees(asin(sqrt(least(1.0, {haversine})))))"


def within(point: Point, circle: Circle, *, strict: bool = False) -> str:
    """SQL that is true where a circle holds a point.

    Parameters
    ----------
    point : Point
    circle : Circle
        A null or negative radius holds nothing.
    strict : bool
        Leave out the edge.

    Returns
    -------
    str
        A condition: the two bands, then the exact separation.
    """
    comparison = "<" if strict else "<="
    exact = f"{separation(point, circle.centre)} {comparison} {circle.radius}"
    bands = (_declination_band(point, circle), _right_ascension_band(point, circle))
    return "(" + " AND ".join((*bands, exact)) + ")"


def _declination_band(point: Point, circle: Circle) -> str:
    """Declinations that differ by at most the radius.

    Each side of each inequality draws on one table only, as far as possible:
    nothing else can become the condition of a range join.
    """
    reach = f"({circle.radius} + {_MARGIN})"
    radius_tables = _tables(circle.radius)
    if radius_tables and radius_tables <= _tables(point.dec):
        return (
            f"{circle.centre.dec} <= {point.dec} + {reach}"
            f" AND {circle.centre.dec} >= {point.dec} - {reach}"
        )
    return (
        f"{point.dec} >= {circle.centre.dec} - {reach}"
        f" AND {point.dec} <= {circle.centre.dec} + {reach}"
    )


def _right_ascension_band(point: Point, circle: Circle) -> str:
    """Right ascensions that a circle of this radius can reach, by arithmetic alone.

    A circle of radius r around declination d reaches right ascensions that
    differ by at most a, with sin a = sin r / cos d (angles in radians), as long as
    u = (abs(d) + r) / 90 deg is below 1. As a <= tan a <= sin r / cos(90 deg u) and
    cos(90 deg u) >= 0.78 (1 - u^2) on [0, 1] (the ratio of the two falls from 1/0.78 to
    pi/4/0.78 there), a * 0.78 (1 - u^2) <= r. Where u >= 1 the circle may hold a pole;
    the left side is then not positive, and every right ascension passes, as it must.
    """
    difference = f"(180 - abs(180 - abs({point.ra} - {circle.centre.ra}) % 360))"
    nearness_to_pole = f"((abs({circle.centre.dec}) + {circle.radius}) / 90)"
    cosine = f"0.78 * (1 - {nearness_to_pole} * {nearness_to_pole})"
    return f"{difference} * {cosine} <= {circle.radius} + {_MARGIN}"


def _tables(sql: str) -> set[str]:
    """Aliases of the tables that an expression draws on."""
    return set(_TABLE_ALIAS.findall(sql))
