"""The map of the plane: as Bokeh draws it, and a still one for pages without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from xgamma.association.states import STATES
from xgamma.site.charts import line, number, svg, text
from xgamma.site.templates import probability
from xgamma.sky import galactic
from xgamma.tables.printable import printable

__all__ = ["MARKS", "covered_strips", "interactive_map", "slug", "still_map"]

MARKS = dict(
    zip(
        STATES,
        (
            ("#b5b5b5", "dot", 4, "·"),
            ("#8a8a8a", "circle", 5, "●"),
            ("#333333", "x", 7, "✕"),
            ("#56b4e9", "square", 7, "■"),
            ("#e69f00", "diamond", 10, "◆"),
            ("#009e73", "triangle", 10, "▲"),
            ("#d55e00", "star", 13, "★"),
        ),
        strict=True,
    )
)
"""Colour, marker of Bokeh, least size, sign of a state: the more is known, the larger."""

_GROWTH = 6.0
_STEP_DEG = 0.25
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 1100.0, 300.0, 40.0, 40.0


def slug(state: str) -> str:
    """A state as a name of a class."""
    return state.replace(",", "").replace(" ", "-")


def _centred(longitude: np.ndarray) -> np.ndarray:
    """Longitudes from -180 to 180, the Galactic Centre in the middle."""
    return (np.asarray(longitude, float) + 180) % 360 - 180


def covered_strips(cells: pd.DataFrame, latitude_cut_deg: float) -> pd.DataFrame:
    """Where Chandra has probably looked, in strips along longitude.

    Parameters
    ----------
    cells : DataFrame
        `ra, dec` (deg) and `share` of coverage/fields.
    latitude_cut_deg : float

    Returns
    -------
    DataFrame
        `left, right, bottom, top`: degrees, longitudes from -180 to 180; a strip is
        `_STEP_DEG` high and covers every place of that size that has a cell that was seen.
    """
    seen = cells[cells["share"] >= 0.5]
    lon, lat = galactic(seen["ra"], seen["dec"]) if len(seen) else (np.zeros(0), np.zeros(0))
    inside = np.abs(lat) <= latitude_cut_deg
    column = np.floor(_centred(lon[inside]) / _STEP_DEG).astype(np.int64)
    row = np.floor(lat[inside] / _STEP_DEG).astype(np.int64)
    places = np.unique(np.stack([row, column], axis=1), axis=0)
    begins = np.ones(len(places), dtype=bool)
    begins[1:] = (np.diff(places[:, 0]) != 0) | (np.diff(places[:, 1]) != 1)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(places)) - 1 if len(first) else first
    return pd.DataFrame(
        {
            "left": places[first, 1] * _STEP_DEG,
            "right": (places[last, 1] + 1) * _STEP_DEG,
            "bottom": places[first, 0] * _STEP_DEG,
            "top": (places[first, 0] + 1) * _STEP_DEG,
        }
    )


def interactive_map(
    rows: Sequence[Mapping[str, Any]], strips: pd.DataFrame, latitude_cut_deg: float
) -> dict[str, Any]:
    """What Bokeh's scripts draw the map from.

    Parameters
    ----------
    rows : sequence of mapping
        Of the table: `fermi_name, association, state, p_counterpart, fermi_l, fermi_b`.
    strips : DataFrame
        Of `covered_strips`.
    latitude_cut_deg : float

    Returns
    -------
    dict
        For `Bokeh.embed.embed_item`. Each state has a layer of its name, with a column `row`:
        the number of the row in the table; the coverage has one.
    """
    from bokeh.embed import json_item
    from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d
    from bokeh.plotting import figure

    edge = latitude_cut_deg * 1.04
    plot = figure(
        height=340,
        sizing_mode="stretch_width",
        x_range=Range1d(180, -180, bounds=(-180, 180)),
        y_range=Range1d(-edge, edge, bounds=(-edge, edge)),
        x_axis_label="Galactic longitude (deg)",
        y_axis_label="latitude (deg)",
        tools="pan,wheel_zoom,box_zoom,reset",
        active_scroll="wheel_zoom",
        toolbar_location="above",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color="#8a8a8a",
        name="plane",
    )
    plot.toolbar.logo = None
    ticks = list(range(-180, 181, 30))
    plot.xaxis.ticker = FixedTicker(ticks=ticks, minor_ticks=list(range(-180, 181, 10)))
    plot.xaxis.major_label_overrides = {tick: str(tick % 360) for tick in ticks}
    plot.grid.grid_line_alpha = 0.25
    quads = plot.quad(
        "left", "right", "bottom", "top",
        source=ColumnDataSource({name: strips[name].tolist() for name in strips}),
        fill_color="#56b4e9", fill_alpha=0.45, line_color=None, name="coverage",
    )  # fmt: skip
    quads.nonselection_glyph = None
    shown = []
    for state, (colour, marker, size, _) in MARKS.items():
        of_state = [(number, row) for number, row in enumerate(rows) if row["state"] == state]
        p = [row["p_counterpart"] for _, row in of_state]
        layer = plot.scatter(
            "l", "b", size="size", marker=marker, color=colour, fill_alpha=0.75, name=state,
            nonselection_fill_alpha=0.75, selection_line_color="#aa4499", selection_line_width=3,
            source=ColumnDataSource(
                {
                    "l": _centred([row["fermi_l"] for _, row in of_state]).round(4).tolist(),
                    "b": np.round([row["fermi_b"] for _, row in of_state], 4).tolist(),
                    "size": [
                        round(size + (0 if one != one else _GROWTH * one), 1) for one in p
                    ],
                    "row": [number for number, _ in of_state],
                    "name": [printable(row["fermi_name"]) for _, row in of_state],
                    "also": [printable(row["association"]) for _, row in of_state],
                    "p": [probability(one) for one in p],
                }
            ),
        )  # fmt: skip
        if state != STATES[0]:
            shown.append(layer)
    plot.add_tools(
        HoverTool(
            renderers=shown,
            tooltips=[("source", "@name"), ("associated", "@also"), ("P", "@p")],
        )
    )
    return json_item(plot)


def still_map(
    rows: Sequence[Mapping[str, Any]], strips: pd.DataFrame, latitude_cut_deg: float, label: str
) -> Markup:
    """The same map as SVG, where marks with a page are links.

    Parameters
    ----------
    rows, strips, latitude_cut_deg
        As in `interactive_map`; rows also have `file`.
    label : str
        What it shows, in words.
    """
    edge = latitude_cut_deg * 1.04
    width, height = _WIDTH - _LEFT - 10, _HEIGHT - _BOTTOM - 10

    def x_of(longitude: Any) -> Any:
        return _LEFT + (180 - np.asarray(longitude, float)) / 360 * width

    def y_of(latitude: Any) -> Any:
        return 10 + (edge - np.asarray(latitude, float)) / (2 * edge) * height

    ways = "".join(
        f"M{number(x_of(one.right))} {number(y_of(one.top))}H{number(x_of(one.left))}"
        f"V{number(y_of(one.bottom))}H{number(x_of(one.right))}z"
        for one in strips.itertuples(index=False)
    )
    parts = [Markup(f'<path class="map-coverage" d="{ways}"/>')]
    marks: dict[str, list[Markup]] = {state: [] for state in STATES}
    for row in rows:
        p = row["p_counterpart"]
        radius = MARKS[row["state"]][2] / 2.4 + (0 if p != p else 2.5 * p)
        x, y = x_of(_centred(row["fermi_l"])), y_of(row["fermi_b"])
        mark = f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>'
        if row["file"]:
            name = escape(printable(row["fermi_name"]))
            mark = f'<a href="sources/{escape(row["file"])}" aria-label="{name}">{mark}</a>'
        marks[row["state"]].append(Markup(mark))
    for state, drawn in marks.items():
        parts.append(Markup(f'<g class="mark-{slug(state)}">{"".join(drawn)}</g>'))
    bottom = 10 + height
    parts.append(
        Markup(
            f'<rect class="frame" x="{number(_LEFT)}" y="10" width="{number(width)}" '
            f'height="{number(height)}"/>'
        )
    )
    for tick in range(-180, 181, 30):
        x = float(x_of(tick))
        parts += [
            line([(x, bottom), (x, bottom + 5)], "tick"),
            text(x, bottom + 18, str(tick % 360), "tick-label", "middle"),
        ]
    for tick in (-latitude_cut_deg, 0, latitude_cut_deg):
        parts.append(text(_LEFT - 6, float(y_of(tick)) + 4, f"{tick:g}", "tick-label", "end"))
    # a group, not an image: the links in it are for all readers
    return svg(_WIDTH, _HEIGHT, label, parts, "plane", role="group")
