"""The finding chart of a Fermi source, and the nearest surroundings of a Chandra source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from xgamma.association.positions import LARGEST_DISTANCE, R95_OF_R68
from xgamma.coverage.cells import ORDER
from xgamma.healpix import corners
from xgamma.site.charts import Frame, ellipse, line, number, polygons, svg, text

__all__ = [
    "DEPTHS_KS",
    "LABELLED_P",
    "SHAPES",
    "Neighbourhood",
    "chart_half_deg",
    "finding_chart",
    "inset",
]

DEPTHS_KS = (3, 10, 30, 100)
"""Exposures between the shades of coverage."""
SHAPES = ("disc", "square", "diamond", "triangle")
"""Of surveys, in the order of the config; the fifth and more look as the fourth."""
LABELLED_P = 0.05
"""Candidates as likely as this have their rank beside them."""

_SIZE, _LEFT, _TOP, _BELOW = 560.0, 52.0, 12.0, 46.0
# more cells than this are drawn as fewer larger ones
_MOST_CELLS = 1200
_MOST_LABELS = 8
# below this, candidates are dots
_LEAST_P = 0.001
_INSET_SIZE, _INSET_HALF_ARCSEC = 300.0, 10.0
_BRIGHT, _FAINT = 8.0, 20.0


@dataclass(frozen=True)
class Neighbourhood:
    """What is drawn around one Fermi source.

    Attributes
    ----------
    source : Mapping
        Its row of tables/fermi_sources.
    candidates : DataFrame
        Its rows of tables/candidates, likeliest first, with `p`: the probability that counts.
    cells : DataFrame
        `cell, share, exposure` of coverage/fields near.
    others : DataFrame
        Rows of tables/fermi_sources of other Fermi sources near.
    proposed : tuple of float, optional
        4FGL's position of the associated source, ICRS degrees.
    half_deg : float
        Half the width of the chart, of `chart_half_deg`.
    """

    source: Mapping[str, object]
    candidates: pd.DataFrame
    cells: pd.DataFrame
    others: pd.DataFrame
    proposed: tuple[float, float] | None
    half_deg: float


def chart_half_deg(major: float, candidates: pd.DataFrame) -> float:
    """Half the width of the chart: the 95 % ellipse, and the candidates that count."""
    likely = candidates[candidates["p"] >= LABELLED_P]
    farthest = float(likely["sep_deg"].max()) if len(likely) else 0.0
    return float(np.clip(1.12 * farthest, 1.3 * major, 1.05 * LARGEST_DISTANCE * major))


def finding_chart(near: Neighbourhood, label: str) -> Markup:
    """Draw the sky around a Fermi source, to scale.

    Parameters
    ----------
    near : Neighbourhood
    label : str
        What the chart shows, in words.
    """
    source, candidates = near.source, near.candidates
    major = float(source["semi_major_axis_95"])
    frame = Frame(
        float(source["fermi_ra"]), float(source["fermi_dec"]),
        near.half_deg, _SIZE, _LEFT, _TOP,
    )  # fmt: skip
    unit, per_deg = ("deg", 1.0) if frame.half_deg > 1 else ("arcmin", 60.0)
    inside = [
        *_coverage(frame, near.cells),
        *_other_sources(frame, near.others),
        *(
            ellipse(
                frame, frame.ra, frame.dec, factor * major,
                factor * float(source["semi_minor_axis_95"]),
                float(source["position_angle_95"]), name,
            )
            for factor, name in ((1.0, "fermi fermi-95"), (1 / R95_OF_R68, "fermi fermi-68"))
        ),
        *_candidates(frame, candidates),
    ]  # fmt: skip
    if near.proposed is not None:
        x, y = frame.at(*near.proposed)
        if frame.holds(x, y):
            inside += [
                line([(x - 8, y - 8), (x + 8, y + 8)], "proposed"),
                line([(x - 8, y + 8), (x + 8, y - 8)], "proposed"),
            ]
    return svg(
        _LEFT + _SIZE + 12,
        _TOP + _SIZE + _BELOW,
        label,
        [_clipped(frame, inside, "sky"), *frame.axes(unit, per_deg)],
        "finding",
    )


def _clipped(frame: Frame, inside: Sequence[str], name: str) -> Markup:
    """What ends at the edge of the frame."""
    place = (
        f'x="{number(frame.left)}" y="{number(frame.top)}" width="{number(frame.size)}" '
        f'height="{number(frame.size)}"'
    )
    box = f"{number(frame.left)} {number(frame.top)} {number(frame.size)} {number(frame.size)}"
    drawn = "\n".join(part for part in inside if part)
    return Markup(f'<svg {place} viewBox="{box}" class="{name}">\n{drawn}\n</svg>')


def _coverage(frame: Frame, cells: pd.DataFrame) -> list[Markup]:
    """Where Chandra has probably looked, by shades of depth."""
    cell, exposure = cells["cell"].to_numpy(np.int64), cells["exposure"].to_numpy(float)
    share, order = cells["share"].to_numpy(float), ORDER
    x, y = frame.at(cells["ra"].to_numpy(), cells["dec"].to_numpy())
    near = frame.holds(x, y, margin=0.05 * frame.scale)
    cell, share, exposure = cell[near], share[near], exposure[near]
    while len(cell) > _MOST_CELLS:
        cell, share, exposure = _coarser(cell, share, exposure)
        order -= 1
    seen = share >= 0.5
    cell, exposure = cell[seen], exposure[seen]
    if not len(cell):
        return []
    x, y = frame.at(*corners(cell, order))
    # a coarse cell of a wide chart may have a corner that the plane does not reach
    whole = np.isfinite(x).all(axis=1)
    x, y, depth = x[whole], y[whole], np.digitize(exposure[whole] / 1000, DEPTHS_KS)
    return [
        polygons(x[depth == shade], y[depth == shade], f"depth depth-{shade}")
        for shade in np.unique(depth)
    ]


def _coarser(
    cell: NDArray[np.int64], share: NDArray[np.float64], exposure: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Cells four times as large: the mean share, and the mean exposure of what was seen."""
    parent, row = np.unique(cell >> 2, return_inverse=True)
    total = np.bincount(row, share, minlength=len(parent))
    depth = np.bincount(row, share * exposure, minlength=len(parent))
    return parent, total / 4, depth / np.where(total > 0, total, 1)


def _other_sources(frame: Frame, others: pd.DataFrame) -> list[Markup]:
    parts = []
    for other in others.itertuples(index=False):
        x, y = frame.at(other.fermi_ra, other.fermi_dec)
        parts.append(
            ellipse(
                frame, other.fermi_ra, other.fermi_dec, other.semi_major_axis_95,
                other.semi_minor_axis_95, other.position_angle_95, "other",
            )
        )  # fmt: skip
        if frame.holds(x, y):
            anchor = "end" if x > frame.left + 0.7 * frame.size else "start"
            away = -6 if anchor == "end" else 6
            parts.append(text(x + away, y, other.fermi_name, "other-label", anchor))
    return parts


def _candidates(frame: Frame, candidates: pd.DataFrame) -> list[Markup]:
    """Dots, circles as large as likely, ranks beside those that count."""
    x, y = frame.at(candidates["csc_ra"].to_numpy(), candidates["csc_dec"].to_numpy())
    p = candidates["p"].to_numpy()
    inside = frame.holds(x, y)
    parts = []
    dots = "".join(
        f"M{number(a)} {number(b)}h0"
        for a, b in zip(x[inside & (p < _LEAST_P)], y[inside & (p < _LEAST_P)], strict=True)
    )
    if dots:
        parts.append(Markup(f'<path class="candidate-dots" d="{dots}"/>'))
    for row in np.flatnonzero(inside & (p >= _LEAST_P))[::-1]:
        radius = 3 + 9 * np.sqrt(p[row])
        name = "candidate likely" if p[row] >= 0.5 else "candidate"
        parts.append(
            Markup(
                f'<circle class="{name}" cx="{number(x[row])}" cy="{number(y[row])}" '
                f'r="{number(radius)}"/>'
            )
        )
    for row in np.flatnonzero(inside & (p >= LABELLED_P))[:_MOST_LABELS]:
        radius = 3 + 9 * np.sqrt(p[row])
        rank = str(int(candidates["rank"].iloc[row]))
        parts.append(text(x[row] + radius + 3, y[row] + 5, rank, "rank"))
    return parts


def inset(
    candidate: Mapping[str, object],
    objects: Mapping[str, pd.DataFrame],
    label: str,
) -> Markup:
    """Draw some 20 arcsec around a Chandra source.

    Parameters
    ----------
    candidate : Mapping
        Row of tables/candidates.
    objects : mapping of str to DataFrame
        Survey -> objects near: `ra, dec` (deg, at the survey's epoch), `pm_ra, pm_dec`
        (mas/yr, NaN without), `years` (from that epoch to Chandra's), `magnitude`, `p_object`
        (NaN for what is not near enough), `number` (as in the table beside; 0 for none).
    label : str
        What the chart shows, in words.
    """
    frame = Frame(
        float(candidate["csc_ra"]), float(candidate["csc_dec"]), _INSET_HALF_ARCSEC / 3600,
        _INSET_SIZE, 44.0, _TOP,
    )  # fmt: skip
    inside = []
    major = candidate["csc_error_r0"]
    if major > 0:
        minor = candidate["csc_error_r1"] if candidate["csc_error_r1"] > 0 else major
        angle = float(np.nan_to_num(candidate["csc_error_angle"]))
        inside.append(
            ellipse(frame, frame.ra, frame.dec, major / 3600, minor / 3600, angle, "chandra")
        )
    for place, rows in enumerate(objects.values()):
        inside += _objects(frame, rows, SHAPES[min(place, len(SHAPES) - 1)])
    return svg(
        44 + _INSET_SIZE + 12,
        _TOP + _INSET_SIZE + _BELOW,
        label,
        [_clipped(frame, inside, "sky"), *frame.axes("arcsec", 3600.0)],
        "inset",
    )


def _objects(frame: Frame, rows: pd.DataFrame, shape: str) -> list[Markup]:
    """Marks of one survey, larger if brighter, with arrows to where they were at Chandra's time."""
    parts = []
    shift = np.nan_to_num(rows[["pm_ra", "pm_dec"]].to_numpy(float)) * rows["years"].to_numpy(
        float
    )[:, None]  # fmt: skip
    dec = rows["dec"].to_numpy()
    moved_dec = dec + shift[:, 1] / 3.6e6
    moved_ra = rows["ra"].to_numpy() + shift[:, 0] / 3.6e6 / np.cos(np.radians(dec))
    x, y = frame.at(rows["ra"].to_numpy(), dec)
    to_x, to_y = frame.at(moved_ra, moved_dec)
    bright = np.clip(rows["magnitude"].to_numpy(float), _BRIGHT, _FAINT)
    radius = 2.5 + 6 * (_FAINT - np.nan_to_num(bright, nan=_FAINT)) / (_FAINT - _BRIGHT)
    numbers = rows["number"].to_numpy()
    for row in np.flatnonzero(frame.holds(x, y)):
        a, b, r = x[row], y[row], radius[row]
        chosen = " chosen" if numbers[row] else ""
        if shape == "triangle":
            corners = [(a, b - r - 3), (a - r - 3, b + r + 2), (a + r + 3, b + r + 2)]
            way = " ".join(f"{number(x)},{number(y)}" for x, y in corners)
            parts.append(Markup(f'<polygon class="object square{chosen}" points="{way}"/>'))
        elif shape == "disc":
            parts.append(
                Markup(
                    f'<circle class="object disc{chosen}" cx="{number(a)}" cy="{number(b)}" '
                    f'r="{number(r)}"/>'
                )
            )
        else:
            turn = f' transform="rotate(45 {number(a)} {number(b)})"' if shape == "diamond" else ""
            side = r + 3
            parts.append(
                Markup(
                    f'<rect class="object square{chosen}" x="{number(a - side)}" '
                    f'y="{number(b - side)}" width="{number(2 * side)}" '
                    f'height="{number(2 * side)}"{turn}/>'
                )
            )
        if np.hypot(to_x[row] - a, to_y[row] - b) > 2:
            parts += [
                line([(a, b), (to_x[row], to_y[row])], "motion"),
                Markup(
                    f'<circle class="motion-end" cx="{number(to_x[row])}" '
                    f'cy="{number(to_y[row])}" r="2"/>'
                ),
            ]
        if numbers[row]:
            place = (a + r + 4, b - 5) if shape == "disc" else (a - r - 6, b + 13)
            anchor = "start" if shape == "disc" else "end"
            parts.append(text(*place, str(int(numbers[row])), f"rank {shape}-rank", anchor))
    return parts
