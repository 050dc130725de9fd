"""Axes of the sky: all of it, and the Galactic plane in strips; longitude grows leftwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MultipleLocator

from xgamma.figures.style import new_figure

__all__ = [
    "LABELLED",
    "PlanePanel",
    "longitude_axis",
    "plane_axes",
    "sky_axes",
    "sky_xy",
    "wrap_longitude",
]

LABELLED = (-120, -60, 0, 60, 120)
"""Longitudes that are written on axes of the whole sky."""


def wrap_longitude(
    longitude_deg: npt.ArrayLike, centre_deg: float = 0.0
) -> npt.NDArray[np.float64]:
    """Bring longitudes into ``(centre - 180, centre + 180]`` degrees.

    Parameters
    ----------
    longitude_deg : array_like of float, shape (n,)
    centre_deg : float

    Returns
    -------
    ndarray of float, shape (n,)
    """
    longitude = np.asarray(longitude_deg, dtype=float)
    return centre_deg + 180.0 - np.mod(180.0 - (longitude - centre_deg), 360.0)


def _degrees_of_circle(value: float, _position: int | None = None) -> str:
    return f"{np.mod(value, 360.0):.0f}"


def longitude_axis(axes: Axes, low: float = -180.0, high: float = 180.0, step: float = 60) -> None:
    """Make x a Galactic longitude that increases to the left, labelled from 0 to 360."""
    axes.set_xlim(high, low)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(_degrees_of_circle))


def sky_xy(
    longitude_deg: npt.ArrayLike, latitude_deg: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Turn sky coordinates (deg) into those of `sky_axes`: radians, longitude negated.

    matplotlib's Aitoff axes cannot be inverted, so the sign is changed instead, and longitude
    increases to the left as it does for someone who looks up.
    """
    return -np.radians(wrap_longitude(longitude_deg)), np.radians(np.asarray(latitude_deg, float))


def sky_axes(
    figure: Figure,
    frame: Literal["galactic", "equatorial"],
    label_latitude_deg: float | Mapping[int, float] = -15.0,
) -> Axes:
    """Add axes of the whole sky in the Aitoff projection; plot with `sky_xy`.

    Parameters
    ----------
    figure : Figure
    frame : {'galactic', 'equatorial'}
        Names of the axes; the coordinates are what `sky_xy` is given.
    label_latitude_deg : float, or mapping of int to float
        Where the longitudes are written: some way off the data. One for all, or one for each
        of `LABELLED`.
    """
    axes = figure.add_subplot(projection="aitoff")
    axes.spines["geo"].set_visible(True)
    longitudes = np.arange(-150, 151, 30)
    axes.set_xticks(np.radians(longitudes), [""] * len(longitudes))
    latitudes = np.arange(-60, 61, 30)
    axes.set_yticks(np.radians(latitudes), [f"{b:+d}°" if b else "0°" for b in latitudes])
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for longitude in LABELLED:
        latitude = (
            label_latitude_deg[longitude]
            if isinstance(label_latitude_deg, Mapping)
            else label_latitude_deg
        )
        x, y = sky_xy(longitude, latitude)
        axes.text(
            float(x), float(y), f"{longitude % 360}°", ha="center", va="center", size=9.5,
            path_effects=halo, zorder=6,
        )  # fmt: skip
    names = {
        "galactic": ("Galactic longitude", "Galactic latitude"),
        "equatorial": ("Right ascension, ICRS", "Declination, ICRS"),
    }[frame]
    axes.set_xlabel(f"{names[0]} (deg)", labelpad=6)
    axes.set_ylabel(f"{names[1]} (deg)")
    return axes


@dataclass(frozen=True)
class PlanePanel:
    """One strip of the plane: axes, and the longitudes ``low < l <= high`` (deg) it shows."""

    axes: Axes
    low: float
    high: float

    def holds(self, longitude_deg: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Tell which longitudes belong to this strip; each belongs to exactly one."""
        wrapped = wrap_longitude(longitude_deg)
        return np.asarray((wrapped > self.low) & (wrapped <= self.high))

    def x(self, longitude_deg: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Give the longitudes as x of the axes, unbroken around the strip's middle."""
        return wrap_longitude(longitude_deg, (self.low + self.high) / 2)


def _latitude_ticks(cut_deg: float) -> list[float]:
    """Choose latitudes to label; a strip of a few degrees has room for two or three."""
    if cut_deg < 5:
        return [-cut_deg, cut_deg] if cut_deg < 2 else [-cut_deg, 0, cut_deg]
    step = 5 if cut_deg <= 15 else 10 if cut_deg <= 30 else 30
    return [float(b) for b in range(-90, 91, step) if abs(b) <= cut_deg]


def plane_axes(
    title: str, subtitle: str, latitude_cut_deg: float, extra_height_in: float = 0.9
) -> tuple[Figure, list[PlanePanel]]:
    """Open a map of the whole Galactic plane, at one scale in both directions.

    The plane is cut into strips that are stacked from l = 180 deg, over 0, to 180 deg, since
    a strip of 360 by 20 degrees is unreadable in one piece. The projection is plate carree:
    x is longitude, y is latitude, and a degree is as long in both (at ``b = 0`` exactly).

    Parameters
    ----------
    title, subtitle : str
        As in `new_figure`.
    latitude_cut_deg : float
        Half the height of the map, which shows a little more.
    extra_height_in : float
        Room for a colour bar or a legend, in inches.

    Returns
    -------
    figure : Figure
    panels : list of PlanePanel
        From the top (l = 180 to 60 deg for three strips) to the bottom.
    """
    count = next(
        n for n, most in ((6, 4), (3, 15), (2, 30), (1, np.inf)) if latitude_cut_deg <= most
    )
    width = 360.0 / count
    strip_in = 8.0 * 2 * latitude_cut_deg / width
    lines = subtitle.count("\n") + 1
    height = 0.42 + 0.19 * lines + count * (strip_in + 0.42) + extra_height_in
    figure = new_figure(title, subtitle, height)
    panels = []
    for row, axes in enumerate(np.atleast_1d(figure.subplots(count, 1))):
        high = 180.0 - row * width
        longitude_axis(axes, high - width, high, step={6: 10, 1: 60}.get(count, 20))
        # A hair more than the cut: a source on it keeps its whole marker.
        axes.set_ylim(-1.02 * latitude_cut_deg, 1.02 * latitude_cut_deg)
        axes.set_aspect("equal")
        axes.set_yticks(_latitude_ticks(latitude_cut_deg))
        axes.spines[["top", "right"]].set_visible(True)
        panels.append(PlanePanel(axes, high - width, high))
    panels[-1].axes.set_xlabel("Galactic longitude (deg)")
    panels[len(panels) // 2].axes.set_ylabel("Galactic latitude (deg)")
    return figure, panels
