"""X-ray over gamma-ray flux: by position, multiplicity and class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from xgamma.classes import fold_unknown, group_of, ordered_classes
from xgamma.figures.class_axes import (
    NumberColumn,
    class_figure_height,
    class_panels,
    empty_figure,
)
from xgamma.figures.sky_axes import longitude_axis, wrap_longitude
from xgamma.figures.style import (
    DATA,
    GROUP_COLOURS,
    GROUP_MARKERS,
    INK,
    NO_PAIRS,
    RATIO_LABEL,
    group_handles,
    new_figure,
    point_size,
    say_empty,
    styled,
)
from xgamma.stages.pairs import log_flux_ratio

__all__ = [
    "LEAST_SOURCES",
    "MULTIPLICITIES",
    "plot_ratio_by_class",
    "plot_ratio_by_position",
    "spread",
    "weighted_quantiles",
]

MULTIPLICITIES: tuple[tuple[str, int, float], ...] = (
    ("1 match", 1, 1),
    ("2–25", 2, 25),
    ("26–100", 26, 100),
    ("more than 100", 101, np.inf),
)
"""Label, least and greatest number of Chandra sources in the circle."""

MULTIPLICITY_AREAS = (24, 14, 9, 7)
"""Area of a marker (points squared) in each row of `MULTIPLICITIES`."""

LEAST_SOURCES = 5
"""Fermi sources of a class for which its median and quartiles are drawn, at least."""

GOLDEN = (np.sqrt(5) - 1) / 2


def _left_out(total: int, used: int) -> str:
    without = total - used
    return f"{used:,} pairs with a ratio" + (
        f"; {without:,} without (a flux null or zero) left out." if without else "."
    )


@styled
def plot_ratio_by_position(pairs: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Draw the flux ratio of each pair at the longitude and latitude of its Fermi source.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per pair.
    latitude_cut_deg : float

    Returns
    -------
    Figure
        One row of axes for each of the four `MULTIPLICITIES`, which would hide each other
        in one: the crowded circles have most of the pairs.
    """
    size = pairs.groupby("fermi_name")["fermi_name"].transform("size").to_numpy(float)
    ratio = log_flux_ratio(pairs)
    usable = np.isfinite(ratio)
    figure = new_figure(
        "Flux ratio by longitude and latitude",
        _left_out(len(pairs), int(usable.sum()))
        + "\nRows: number of Chandra sources that share the Fermi circle.",
        8.2,
    )
    grid = figure.subplots(len(MULTIPLICITIES), 2, sharex="col", sharey=True, width_ratios=(3, 2))
    longitude, latitude = wrap_longitude(pairs["fermi_l"]), pairs["fermi_b"].to_numpy(float)
    for row, (label, least, most), area in zip(
        grid, MULTIPLICITIES, MULTIPLICITY_AREAS, strict=True
    ):
        chosen = usable & (size >= least) & (size <= most)
        for axes, x in zip(row, (longitude, latitude), strict=True):
            axes.scatter(
                x[chosen], ratio[chosen], s=area, color=DATA, alpha=0.7, lw=0, zorder=3,
                rasterized=True,
            )  # fmt: skip
        sources = pairs["fermi_name"][chosen].nunique()
        row[0].set_title(f"{label}: {chosen.sum():,} pairs of {sources:,} Fermi sources")
    longitude_axis(grid[-1, 0])
    grid[-1, 0].set_xlabel("Galactic longitude of the Fermi source (deg)")
    grid[-1, 1].set_xlim(-1.03 * latitude_cut_deg, 1.03 * latitude_cut_deg)
    grid[-1, 1].set_xlabel("Galactic latitude of the Fermi source (deg)")
    figure.supylabel(RATIO_LABEL, size=10)
    if not usable.any():
        say_empty(grid[0, 0], NO_PAIRS if pairs.empty else "no pair has both fluxes")
    return figure


def spread(count: int, width: float) -> npt.NDArray[np.float64]:
    """Spread points evenly over ``[-width, width]``, the same way every time.

    Parameters
    ----------
    count : int
    width : float

    Returns
    -------
    ndarray of float, shape (count,)
        Multiples of the golden ratio modulo 1: any run of neighbours is spread out.
    """
    return width * (2 * np.mod(0.5 + GOLDEN * np.arange(count), 1.0) - 1)


def weighted_quantiles(
    values: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    at: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """Give quantiles of values that do not all weigh the same.

    Parameters
    ----------
    values, weights : ndarray of float, shape (n,)
        At least one; weights are positive.
    at : array_like of float, shape (q,)
        In [0, 1].

    Returns
    -------
    ndarray of float, shape (q,)
        Interpolated between the middles of the values' weights. Of equal weights: Hazen's
        quantiles (numpy's method 'hazen').
    """
    order = np.argsort(values, kind="stable")
    weight = weights[order]
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    return np.interp(np.asarray(at, float), middle, values[order])


@styled
def plot_ratio_by_class(pairs: pd.DataFrame) -> Figure:
    """Draw the flux ratio of every pair by the class of its Fermi source.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per pair.

    Returns
    -------
    Figure
        Classes from Galactic to extragalactic, identified ones in capitals; at the right the
        numbers of Fermi sources and of pairs. Median and quartiles: of pairs that weigh one
        over the pairs of their Fermi source, so that no crowded circle speaks for its class;
        of classes with `LEAST_SOURCES` Fermi sources or more.
    """
    table = pairs[["fermi_name", "csc_name", "fermi_class"]].assign(ratio=log_flux_ratio(pairs))
    usable = table[table["ratio"].notna()]
    usable = usable.assign(fermi_class=fold_unknown(usable["fermi_class"]))
    classes = ordered_classes(usable["fermi_class"])
    title = "Flux ratio by class of the Fermi source"
    if not classes:
        return empty_figure(title, NO_PAIRS if pairs.empty else "no pair has both fluxes")
    by_class = usable.groupby("fermi_class")
    members = [by_class.get_group(name).sort_values(["fermi_name", "csc_name"]) for name in classes]
    figure = new_figure(
        title,
        f"{_left_out(len(pairs), len(usable))}\nBlack: median and quartiles; every Fermi source "
        f"weighs 1. Of {LEAST_SOURCES} sources or more.",
        class_figure_height(len(classes)),
    )
    columns = [
        NumberColumn("sources", [rows["fermi_name"].nunique() for rows in members], "#555555"),
        NumberColumn("pairs", [len(rows) for rows in members]),
    ]
    (axes,) = class_panels(figure, classes, [""], [columns], number_width=0.1)
    for row, (name, rows) in enumerate(zip(classes, members, strict=True)):
        ratio = rows["ratio"].to_numpy(float)
        axes.scatter(
            ratio, row + spread(len(ratio), 0.32), s=point_size(len(usable)) * 1.5, lw=0,
            alpha=0.65, color=GROUP_COLOURS[group_of(name)], marker=GROUP_MARKERS[group_of(name)],
            zorder=2, rasterized=True,
        )  # fmt: skip
        if rows["fermi_name"].nunique() < LEAST_SOURCES:
            continue
        weights = 1.0 / rows.groupby("fermi_name")["ratio"].transform("size").to_numpy(float)
        low, middle, high = weighted_quantiles(ratio, weights, [0.25, 0.5, 0.75])
        axes.plot([low, high], [row, row], color=INK, lw=2.2, solid_capstyle="butt", zorder=4)
        axes.plot([middle] * 2, [row - 0.33, row + 0.33], color=INK, lw=2.2, zorder=4)
    axes.set_xlabel(RATIO_LABEL)
    groups = pd.Series([group_of(name) for name in classes])
    figure.legend(handles=group_handles(groups), loc="outside lower left", ncols=4)
    return figure
