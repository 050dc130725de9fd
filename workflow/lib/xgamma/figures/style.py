"""The one style of all figures, and files with the same bytes every time.

Colours are those of Okabe and Ito (2008, 'Color Universal Design'), which stay apart for
colour-blind readers; brightness-ordered quantities use viridis without its palest end, which
would vanish on white. Figures are 9 inches wide: at 900 pixels a 9-point letter is 12 pixels.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ParamSpec

import matplotlib.style
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from xgamma.classes import GROUPS
from xgamma.tables.printable import shortened
from xgamma.tables.whole_files import atomic_path
from xgamma.tables.xray_words import CHANDRA_WORDS, XrayWords

__all__ = [
    "BLUE",
    "DATA",
    "FLAGGED",
    "GREY",
    "GROUP_COLOURS",
    "GROUP_HATCHES",
    "GROUP_MARKERS",
    "MISSING",
    "NO_PAIRS",
    "ORANGE",
    "PURPLE",
    "RATIO_LABEL",
    "SIMULATED_NOTE",
    "VERMILION",
    "WIDTH_IN",
    "add_colorbar",
    "colour_scale",
    "figure_text",
    "group_handles",
    "legend_above",
    "mark_simulated",
    "new_figure",
    "plain_log",
    "point_size",
    "robust_scale",
    "save_figure",
    "save_figures",
    "say_empty",
    "styled",
    "thousands",
]

BLUE = "#0072B2"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#AA4499"
INK = "#222222"
GREY = "#8A8A8A"
PALE = "#D9D9D9"

DATA = "#4A5568"
"""Of what belongs to no group and no survey."""
MISSING = "#B8B8B8"
"""Of what lacks the quantity that is drawn, and of what is there for comparison."""
FLAGGED = "#882255"
"""Of what a survey flags as variable."""

GROUP_COLOURS = {
    "Galactic": BLUE,
    "Galactic candidate (spp)": SKY_BLUE,
    "unclassified": GREY,
    "extragalactic": VERMILION,
}
"""Colours of the groups of `xgamma.classes`; nothing else has them."""

GROUP_MARKERS = dict(zip(GROUPS, ("o", "D", "s", "^"), strict=True))
"""Their markers: the groups stay apart without colour."""

GROUP_HATCHES = dict(zip(GROUPS, ("", "..", "//", "xx"), strict=True))
"""Their hatches, in bars."""

WIDTH_IN = 9.0
SIMULATED_NOTE = "simulated sky"
NO_PAIRS = "no Chandra source in any Fermi error circle"
RATIO_LABEL = r"log$_{10}$ (X-ray flux / gamma-ray flux)"

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.edgecolor": "#777777",
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.color": "#777777",
    "ytick.color": "#777777",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.6,
    "lines.linewidth": 1.4,
    "mathtext.default": "regular",
    "svg.hashsalt": "xgamma",
    "pdf.fonttype": 42,
    "path.simplify": True,
}

# Longest text from data on a figure: more than any name in 4FGL has.
MOST_LETTERS = 30

_P = ParamSpec("_P")


def figure_text(text: str, most: int = MOST_LETTERS) -> str:
    """Give text from data as matplotlib may write it: printable, no formula, not too long."""
    shown = shortened(text, most).replace("$", r"\$")
    # legends leave out what begins with an underscore
    return f" {shown}" if shown.startswith("_") else shown


def styled(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Make a drawing function use this module's style, whatever the user's settings are."""

    @functools.wraps(draw)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with matplotlib.style.context(["default", _STYLE]):
            return draw(*args, **kwargs)

    return wrapper


def new_figure(title: str, subtitle: str = "", height_in: float = 5.0) -> Figure:
    """Open a figure with a plain title and, below it, what the numbers rest on.

    Parameters
    ----------
    title : str
        One line.
    subtitle : str
        Counts, cuts and what is left out; lines separated by newlines.
    height_in : float
        Height in inches; the width is `WIDTH_IN`.

    Returns
    -------
    matplotlib.figure.Figure
        With an Agg canvas and a layout that keeps labels apart and the head free.
    """
    figure = Figure(figsize=(WIDTH_IN, height_in))
    FigureCanvasAgg(figure)
    lines = subtitle.count("\n") + 1 if subtitle else 0
    head_in = 0.42 + 0.19 * lines
    figure.set_layout_engine(
        "constrained", rect=(0.004, 0.004, 0.992, 1 - head_in / height_in), w_pad=0.06, h_pad=0.05
    )
    figure.text(0.012, 1 - 0.10 / height_in, title, va="top", size=12.5, weight="bold")
    if subtitle:
        figure.text(
            0.012, 1 - 0.36 / height_in, subtitle, va="top", size=9.5, color="#555555",
            linespacing=1.3,
        )  # fmt: skip
    return figure


def mark_simulated(figure: Figure) -> None:
    """Write 'simulated sky' into the upper right corner of a figure."""
    figure.text(
        0.988,
        1 - 0.11 / figure.get_figheight(),
        SIMULATED_NOTE,
        ha="right",
        va="top",
        size=9.5,
        color="#8A4B00",
        family="DejaVu Sans",
        bbox={"boxstyle": "round,pad=0.3", "facecolor": "#FFF3DD", "edgecolor": ORANGE, "lw": 0.8},
    )


def say_empty(axes: Axes, message: str) -> None:
    """Say in words, in the middle of the axes, that there is nothing to draw."""
    axes.text(
        0.5, 0.5, message, transform=axes.transAxes, ha="center", va="center", size=11,
        color="#555555", bbox={"facecolor": "white", "edgecolor": "none", "pad": 4}, zorder=10,
    )  # fmt: skip


def colour_scale() -> Colormap:
    """Give the colours of an ordered quantity: viridis without the palest tenth."""
    from matplotlib import colormaps

    colours = colormaps["viridis"](np.linspace(0.0, 0.92, 256))
    return LinearSegmentedColormap.from_list("viridis_on_white", colours)


def add_colorbar(figure: Figure, mappable: ScalarMappable, axes: Any, label: str) -> Colorbar:
    """Add a horizontal colour bar below `axes` (one, or a list)."""
    bar = figure.colorbar(
        mappable, ax=axes, orientation="horizontal", shrink=0.6, aspect=42, pad=0.03,
        extend="both",
    )  # fmt: skip
    bar.set_label(label)
    bar.outline.set_visible(False)
    bar.ax.grid(False)
    return bar


def robust_scale(values: npt.NDArray[np.float64]) -> Normalize:
    """Scale colours between the 1 % and 99 % quantiles: outliers keep the end colours."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Normalize(0.0, 1.0)
    low, high = np.quantile(finite, [0.01, 0.99])
    return Normalize(low, high) if high > low else Normalize(low - 0.5, low + 0.5)


def point_size(count: int) -> float:
    """Give the area (points squared) of a marker that suits a cloud of `count` points."""
    return float(np.clip(6e4 / max(count, 1), 2.0, 7.0))


def thousands(axis: Axis) -> None:
    """Label counts with separators: 12,000."""
    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.0f}"))


def plain_log(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 3, 10, 30, 100 ... in plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def legend_above(axes: Axes, columns: int, **options: Any) -> None:
    """Put the legend of the axes above them, where it covers no data."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.2, **options
    )


_NO_DATES: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}


@styled
def save_figure(figure: Figure, paths: str | Path | Sequence[str | Path], dpi: int) -> None:
    """Write a figure to one file or several, each whole or not at all.

    Parameters
    ----------
    figure : Figure
    paths : path or sequence of paths
        The ending tells the format: png, pdf or svg.
    dpi : int
        Pixels per inch of PNG and of the point clouds inside PDF and SVG.

    Notes
    -----
    The same figure gives the same bytes: no dates, no program name, fixed SVG identifiers.
    """
    _lay_out(figure, dpi)
    for path in [paths] if isinstance(paths, str | Path) else paths:
        kind = Path(path).suffix.lstrip(".").lower()
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, dpi=dpi, metadata=_NO_DATES.get(kind))
        with atomic_path(path) as beside:
            beside.write_bytes(stream.getvalue())


def _lay_out(figure: Figure, dpi: int) -> None:
    """Find the places of a figure's parts, once: `savefig` draws it once more for each file."""
    if (engine := figure.get_layout_engine()) is not None:
        figure.set_dpi(dpi)
        for axes in figure.axes:
            axes.apply_aspect()
        engine.execute(figure)
        figure.set_layout_engine(None)


@styled
def save_figures(
    figures: Mapping[str, Figure],
    outputs: Mapping[str, str | Sequence[str]],
    dpi: int,
    simulated: bool,
    words: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write each figure to the files of its name, marked as simulated if the sky is.

    Parameters
    ----------
    figures : mapping of str to Figure
    outputs : mapping of str to path or paths
        At least the names of `figures`.
    dpi : int
    simulated : bool
        Whether the archive is a simulated one.
    words : mapping
        For the X-ray catalogue: the attributes of `xgamma.tables.xray_words.XrayWords`.
    """
    xray = XrayWords(**words)
    for name, figure in figures.items():
        # to look through all of a figure takes as long as to draw a part of it
        for text in figure.findobj(Text) if xray != CHANDRA_WORDS else ():
            if (spoken := xray.said(text.get_text())) != text.get_text():
                text.set_text(spoken)
        if simulated:
            mark_simulated(figure)
        save_figure(figure, outputs[name], dpi)


def group_handles(present: pd.Series) -> list[Line2D]:
    """Make legend entries for the groups of classes that occur, in their order."""
    return [
        Line2D(
            [],
            [],
            ls="",
            marker=GROUP_MARKERS[group],
            ms=6,
            color=GROUP_COLOURS[group],
            label=group,
        )
        for group in GROUPS
        if (present == group).any()
    ]
