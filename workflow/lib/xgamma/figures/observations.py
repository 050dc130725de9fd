"""Where Chandra has looked, and for how long."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from xgamma.figures.sky_axes import LABELLED, sky_axes, sky_xy
from xgamma.figures.style import (
    INK,
    add_colorbar,
    colour_scale,
    new_figure,
    plain_log,
    point_size,
    say_empty,
    styled,
)
from xgamma.frames import galactic_to_icrs
from xgamma.sky import galactic

__all__ = ["clear_latitudes", "exposure_cells", "plot_exposure_map"]

CELL_DEG = 2.0
"""Side of a cell in which exposures are summed."""


def _plane_lines(latitude_deg: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Trace ``b = latitude_deg`` in ICRS, broken where right ascension passes 180 deg."""
    x, y = sky_xy(*galactic_to_icrs(np.linspace(0, 360, 721), latitude_deg))
    pieces = np.flatnonzero(np.abs(np.diff(x)) > np.pi) + 1
    return list(zip(np.split(x, pieces), np.split(y, pieces), strict=True))


def clear_latitudes(latitude_cut_deg: float) -> dict[int, float]:
    """Choose where right ascensions are written: off the lines of the plane and the grid.

    Parameters
    ----------
    latitude_cut_deg : float

    Returns
    -------
    dict of int to float
        Longitude of each label of `sky_axes` -> declination (deg).
    """
    lines = np.array([0.0, latitude_cut_deg, -latitude_cut_deg])
    candidates = np.array([-15.0, 15.0, -45.0, 45.0])
    longitudes, declinations = np.meshgrid(np.mod(LABELLED, 360), candidates, indexing="ij")
    _, latitudes = galactic(longitudes, declinations)
    chosen = {}
    for longitude, latitude in zip(LABELLED, latitudes, strict=True):
        distance = np.abs(latitude[:, None] - lines).min(axis=1)
        # the first that is clear; else the one that is farthest off
        clear = np.flatnonzero(distance > 8)
        chosen[longitude] = float(candidates[clear[0] if len(clear) else distance.argmax()])
    return chosen


def exposure_cells(
    observations: pd.DataFrame,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sum the exposures in cells of equal area.

    Parameters
    ----------
    observations : DataFrame, shape (n,)
        ``ra, dec`` (deg), ``exposure`` (s, positive).

    Returns
    -------
    corners : ndarray of float, shape (m, 4, 2)
        Of the cells with exposure, as `sky_axes` has them: radians, longitude negated. Rows of
        `CELL_DEG` in declination are cut into as many cells as keep that width, nearly.
    sums : ndarray of float, shape (m,)
        Kiloseconds.
    """
    longitude, latitude = (
        np.degrees(one) for one in sky_xy(observations["ra"], observations["dec"])
    )
    rows = round(180 / CELL_DEG)
    row = np.clip(np.floor((latitude + 90) / CELL_DEG).astype(int), 0, rows - 1)
    middle = (np.arange(rows) + 0.5) * CELL_DEG - 90
    columns = np.maximum(np.round(360 * np.cos(np.radians(middle)) / CELL_DEG), 1).astype(int)
    column = np.floor((longitude + 180) / 360 * columns[row]).astype(int) % columns[row]
    cells = pd.DataFrame({"row": row, "column": column})
    sums = observations["exposure"].to_numpy(float) / 1000
    table = cells.assign(sums=sums).groupby(["row", "column"], as_index=False)["sums"].sum()
    row, width = table["row"].to_numpy(), 360 / columns[table["row"].to_numpy()]
    left, low = table["column"].to_numpy() * width - 180, row * CELL_DEG - 90
    x = np.stack([left, left + width, left + width, left], axis=1)
    y = np.stack([low, low, low + CELL_DEG, low + CELL_DEG], axis=1)
    return np.radians(np.stack([x, y], axis=2)), table["sums"].to_numpy()


@styled
def plot_exposure_map(observations: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Draw the exposure of all observations on the sky, summed in cells of equal area.

    Parameters
    ----------
    observations : DataFrame, shape (n,)
        ``chanmaster``: ``ra, dec`` (deg, ICRS), ``exposure`` (s).
    latitude_cut_deg : float
        The plane's edge, drawn as a line.

    Returns
    -------
    Figure
        Observations with no exposure (zero or null: not made yet, or made to no avail) are
        crosses, and are counted.
    """
    placed = observations[observations["ra"].notna() & observations["dec"].notna()]
    exposure = placed["exposure"].to_numpy(float)
    exposed = np.isfinite(exposure) & (exposure > 0)
    some, none = placed[exposed], placed[~exposed]
    corners, sums = exposure_cells(some)
    figure = new_figure(
        "Chandra exposure of the sky",
        f"{len(some):,} observations with exposure, summed in cells of {CELL_DEG:g} × "
        f"{CELL_DEG:g} deg; {len(none):,} without (crosses).\n"
        f"Lines: Galactic latitude 0 (solid) and ±{latitude_cut_deg:g} deg (dotted).",
        5.9,
    )
    axes = sky_axes(figure, "equatorial", clear_latitudes(latitude_cut_deg))
    for latitude, style in ((0.0, "-"), (latitude_cut_deg, ":"), (-latitude_cut_deg, ":")):
        for x, y in _plane_lines(latitude) if abs(latitude) < 90 else []:
            axes.plot(x, y, style, color=INK, lw=0.9, alpha=0.6, zorder=4)
    axes.scatter(
        *sky_xy(none["ra"], none["dec"]), marker="x", s=2 * point_size(len(placed)),
        lw=0.6, color=INK, label="no exposure", rasterized=True, zorder=5,
    )  # fmt: skip
    low, high = np.quantile(sums, [0.01, 0.99]) if len(sums) else (1.0, 100.0)
    # projected at once: matplotlib projects one cell after the other
    projected = axes.transProjection.transform(corners.reshape(-1, 2)).reshape(-1, 4, 2)
    cells = PolyCollection(
        projected, array=sums, cmap=colour_scale(), lw=0, rasterized=True, zorder=3,
        norm=LogNorm(max(low, 1e-6), max(high, low * 1.01, 1e-5)),
        transform=axes.transAffine + axes.transAxes,
    )  # fmt: skip
    axes.add_collection(cells, autolim=False)
    bar = add_colorbar(figure, cells, axes, f"Exposure in {CELL_DEG**2:g} deg$^2$ (ks)")
    plain_log(bar.ax.xaxis)
    if placed.empty:
        say_empty(axes, "no observations")
    return figure
