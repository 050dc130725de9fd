"""Axes whose rows are source classes, with columns of numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xgamma.classes import group_of, label_of
from xgamma.figures.style import INK, figure_text, new_figure, say_empty

__all__ = [
    "NumberColumn",
    "class_figure_height",
    "class_label",
    "class_panels",
    "class_rows",
    "empty_figure",
]

# A class of 4FGL has five letters at most.
_MOST_LETTERS = 20


@dataclass(frozen=True)
class NumberColumn:
    """A heading and one printed number per class."""

    heading: str
    numbers: Sequence[int | float]
    colour: str = INK


def class_label(designation: str) -> str:
    """Give a class as figures write it, 'unclassified' if it is blank."""
    return figure_text(label_of(designation), _MOST_LETTERS)


def class_rows(axes: Axes, classes: Sequence[str]) -> None:
    """Make y an axis of classes from the top down, with a line between groups."""
    axes.set_yticks(range(len(classes)), [class_label(name) for name in classes])
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    for row in range(1, len(classes)):
        if group_of(classes[row]) != group_of(classes[row - 1]):
            axes.axhline(row - 0.5, color="#999999", lw=0.8, zorder=1)


def class_figure_height(count: int) -> float:
    """Give the height in inches of a figure with `count` rows of classes."""
    return 2.3 + 0.25 * max(count, 5)


def class_panels(
    figure: Figure,
    classes: Sequence[str],
    titles: Sequence[str],
    columns: Sequence[Sequence[NumberColumn]],
    number_width: float = 0.3,
) -> list[Axes]:
    """Open one or more axes side by side that share rows of classes.

    Parameters
    ----------
    figure : Figure
    classes : sequence of str
        In the order of the rows.
    titles : sequence of str, length k
        One per axes; '' for none.
    columns : sequence of sequences of NumberColumn, length k
        What is printed at the right of each axes.
    number_width : float
        Width of a column of numbers in widths of the axes.

    Returns
    -------
    list of Axes, length k
    """
    ratios = [width for beside in columns for width in (1.0, number_width * len(beside))]
    grid = figure.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
    panels = []
    for place, (title, beside) in enumerate(zip(titles, columns, strict=True)):
        axes, table = grid[2 * place], grid[2 * place + 1]
        class_rows(axes, classes)
        if place:
            axes.tick_params(axis="y", labelleft=False)
        if title:
            axes.set_title(" ", pad=20)  # keeps the room that the long one below does not ask for
            axes.annotate(
                title, (0, 1), xytext=(0, 24), xycoords="axes fraction", size=10,
                textcoords="offset points",
            ).set_in_layout(False)  # fmt: skip
        _print_columns(table, beside, len(classes))
        panels.append(axes)
    return panels


def _print_columns(table: Axes, columns: Sequence[NumberColumn], rows: int) -> None:
    table.set_axis_off()
    table.set_xlim(0, max(len(columns), 1))
    table.set_ylim(rows - 0.4, -0.6)
    for place, column in enumerate(columns, start=1):
        table.text(place, -0.7, column.heading, ha="right", va="bottom", size=9.5, color="#555555")
        for row, number in enumerate(column.numbers):
            table.text(
                place, row, f"{number:,}", ha="right", va="center", size=9.5, color=column.colour
            )


def empty_figure(title: str, message: str) -> Figure:
    """Make a figure that says in words why there is nothing to draw."""
    figure = new_figure(title, "", 3.0)
    axes = figure.subplots()
    axes.set_axis_off()
    say_empty(axes, message)
    return figure
