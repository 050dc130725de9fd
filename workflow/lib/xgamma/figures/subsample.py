"""What the unclassified sources may be, and the sources of chosen classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from xgamma.class_shares import class_shares
from xgamma.classes import group_of, ordered_classes
from xgamma.figures.class_axes import class_label, empty_figure
from xgamma.figures.style import (
    BLUE,
    GROUP_COLOURS,
    GROUP_HATCHES,
    GROUP_MARKERS,
    INK,
    MISSING,
    RATIO_LABEL,
    figure_text,
    new_figure,
    say_empty,
    styled,
)
from xgamma.stages.pairs import log_flux_ratio

__all__ = ["MOST_ROWS", "plot_class_shares", "plot_subsample"]

MOST_ROWS = 30
"""Sources that the subsample's figure names, at most; its table has them all."""

_MORE_MARKERS = ("v", "P", "X", "p", "*")
_SHADES = (0.0, 0.45, -0.45)


def _look(classes: Sequence[str], name: str) -> tuple[str, tuple[float, float, float]]:
    """Give a class a marker and a shade of its group's colour; the first has the group's own."""
    group = group_of(name)
    place = [one for one in classes if group_of(one) == group].index(name)
    markers = (GROUP_MARKERS[group], *_MORE_MARKERS)
    # one that makes a new pair with the shade when the shades start again
    shade = _SHADES[(place + place // len(markers)) % len(_SHADES)]
    towards = 1.0 if shade > 0 else 0.0
    mixed = [part + abs(shade) * (towards - part) for part in to_rgb(GROUP_COLOURS[group])]
    return markers[place % len(markers)], (mixed[0], mixed[1], mixed[2])


_PARTS = (
    ("n_galactic", "Galactic"),
    ("n_spp", "Galactic candidate (spp)"),
    ("n_unclassified", "unclassified"),
    ("n_extragalactic", "extragalactic"),
)


def _bin_labels(shares: pd.DataFrame) -> list[str]:
    return [
        "whole\nplane" if total else f"{low:g}–{high:g}"
        for low, high, total in zip(
            shares["b_min_deg"], shares["b_max_deg"], shares["is_total"], strict=True
        )
    ]


def _composition(axes: Axes, shares: pd.DataFrame) -> None:
    """Stack the groups of each latitude bin to 100 %."""
    places = np.arange(len(shares))
    total = shares["n_all"].to_numpy(float)
    bottom = np.zeros(len(shares))
    for column, group in _PARTS:
        count = shares[column].to_numpy()
        height = np.divide(count, total, out=np.zeros(len(shares)), where=total > 0)
        axes.bar(places, height, bottom=bottom, width=0.82, color=GROUP_COLOURS[group],
                 hatch=GROUP_HATCHES[group], edgecolor="white", lw=0, zorder=3)  # fmt: skip
        bottom += height
    axes.set_ylim(0, 1.0)
    axes.set_ylabel("Share of the Fermi sources")
    axes.set_title("all sources")


def _estimates(axes: Axes, shares: pd.DataFrame) -> None:
    """Draw the two estimates for an unclassified source, with intervals."""
    places = np.arange(len(shares))
    for column, offset, colour, face, marker, label in (
        ("galactic_share", -0.2, BLUE, BLUE, "o", "as the classified ones: Galactic with spp"),
        ("galactic_share_without_spp", 0.0, BLUE, "white", "s",
         "as the classified ones: without spp"),
        ("not_extragalactic_share", 0.2, INK, INK, "D", "not extragalactic, by density outside"),
    ):  # fmt: skip
        share = shares[column].to_numpy(float)
        low, high = shares[f"{column}_low"], shares[f"{column}_high"]
        some = np.isfinite(share)
        axes.vlines(places[some] + offset, low[some], high[some], color=colour, lw=1.6, zorder=2)
        axes.plot(places[some] + offset, share[some], marker, color=colour, mfc=face, ms=6,
                  label=label, ls="", zorder=3)  # fmt: skip
    axes.set_ylim(0, 1.0)
    axes.set_ylabel("Share of Galactic (or not extragalactic)")
    axes.set_title("estimates for an unclassified one")


def _table_below(
    axes: Axes, rows: Sequence[tuple[str, pd.Series]], heading: str, swatches: bool
) -> None:
    """Print counts below the bars that they belong to, each row with its name and its colour."""
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for place, (_name, counts) in enumerate(rows):
        for column, count in enumerate(counts):
            axes.text(column, place, f"{count:,}", ha="center", va="center", size=9)
    axes.set_yticks(range(len(rows)), [name for name, _counts in rows])
    axes.tick_params(axis="both", length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_title(heading, size=9.5, color="#555555", pad=3)
    if swatches:
        for place, (name, _counts) in enumerate(rows):
            if name in GROUP_COLOURS:
                swatch = Rectangle((-0.62, place - 0.3), 0.16, 0.6, clip_on=False, lw=0)
                swatch.set(facecolor=GROUP_COLOURS[name], edgecolor="white")
                swatch.set_hatch(GROUP_HATCHES[name] * 2)
                axes.add_artist(swatch)


@styled
def plot_class_shares(fermi: pd.DataFrame, latitude_cut_deg: float) -> Figure:
    """Draw the groups of classes by latitude, and what an unclassified source may be.

    Parameters
    ----------
    fermi : DataFrame, shape (n,)
        The whole sky: ``bii`` (deg), ``source_type``.
    latitude_cut_deg : float

    Returns
    -------
    Figure
        Numbers and definitions: `xgamma.classes.class_shares`.
    """
    title = "Galactic and extragalactic Fermi sources by latitude"
    if fermi.empty:
        return empty_figure(title, "no Fermi sources")
    shares = class_shares(fermi, latitude_cut_deg)
    whole = shares.iloc[-1]
    known = whole["n_galactic"] + whole["n_spp"]
    subtitle = (
        f"|b| ≤ {latitude_cut_deg:g} deg: {known:,} Galactic (of them {whole['n_spp']:,} spp), "
        f"{whole['n_extragalactic']:,} extragalactic, {whole['n_unclassified']:,} unclassified.\n"
        f"Classified ones: {known:,} of {known + whole['n_extragalactic']:,} Galactic."
    )
    if np.isfinite(whole["expected_extragalactic"]):
        subtitle += (
            f" By density outside the plane {whole['expected_extragalactic']:,.0f} extragalactic "
            f"are expected:\nat most about {whole['extragalactic_at_most']:,.0f} of the "
            f"{whole['n_unclassified']:,} unclassified ones, if the sensitivity were equal."
        )
    figure = new_figure(title, subtitle, 6.6)
    grid = figure.subplots(2, 2, height_ratios=(3.6, 1.3), sharex=True)
    (composition, estimates), (groups, trials) = grid
    _composition(composition, shares)
    _estimates(estimates, shares)
    rows = [(group, shares[column]) for column, group in _PARTS]
    _table_below(groups, [*rows, ("all", shares["n_all"])], "numbers of Fermi sources", True)
    classified = shares["n_galactic"] + shares["n_extragalactic"]
    _table_below(
        trials,
        [
            ("classified, with spp", classified + shares["n_spp"]),
            ("classified, without spp", classified),
            ("unclassified", shares["n_unclassified"]),
        ],
        "numbers that the estimates rest on",
        False,
    )
    for axes in (composition, estimates):
        axes.set_xticks(range(len(shares)), _bin_labels(shares))
        axes.tick_params(axis="x", labelbottom=True)
        axes.set_xlim(-0.66, len(shares) - 0.4)
        axes.axvline(len(shares) - 1.5, color="#999999", lw=0.8)
        axes.grid(False, axis="x")
        axes.set_xlabel("|b| (deg)")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axes in (groups, trials):
        axes.tick_params(axis="x", labelbottom=False)
    figure.legend(*estimates.get_legend_handles_labels(), loc="outside lower right", ncols=3)
    return figure


def _flux_plane(
    axes: Axes, pairs: pd.DataFrame, usable: np.ndarray, classes: Sequence[str]
) -> None:
    """Draw X-ray against gamma-ray flux: all pairs pale, the subsample by class."""
    xray, gamma = pairs["csc_flux"].to_numpy(float), pairs["fermi_flux"].to_numpy(float)
    axes.scatter(gamma[usable], xray[usable], s=7, lw=0, color=MISSING, rasterized=True,
                 label="all other pairs", zorder=2)  # fmt: skip
    own = pairs["fermi_class"].str.strip().to_numpy()
    for name in classes:
        chosen = usable & (own == name)
        marker, colour = _look(classes, name)
        axes.scatter(
            gamma[chosen], xray[chosen], s=26, marker=marker,
            color=colour, edgecolors="white", lw=0.4, alpha=0.9,
            label=class_label(name), zorder=3,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    if usable.any():
        ends = np.array([gamma[usable].min(), gamma[usable].max()])
        limits = axes.get_ylim()
        for exponent in range(-7, 2):
            axes.plot(ends, ends * 10.0**exponent, color="#BBBBBB", lw=0.7, ls=":", zorder=1)
        axes.set_ylim(limits)
    axes.set_title("dotted: equal ratios, a factor of 10 apart")
    axes.set_xlabel("Gamma-ray flux, 0.1–100 GeV\n(erg cm$^{-2}$ s$^{-1}$)")
    axes.set_ylabel("X-ray flux, 0.5–7 keV (erg cm$^{-2}$ s$^{-1}$)")


def _named_rows(
    axes: Axes,
    rows: pd.DataFrame,
    pairs: pd.DataFrame,
    ratio: np.ndarray,
    classes: Sequence[str],
) -> None:
    """Draw each named source's candidates by ratio; the nearest one is ringed."""
    for place, source in enumerate(rows.itertuples()):
        marker, colour = _look(classes, source.fermi_class)
        values = ratio[(pairs["fermi_name"] == source.fermi_name).to_numpy()]
        axes.scatter(
            values, np.full(len(values), place), s=26, lw=0.4, edgecolors="white",
            marker=marker, color=colour, zorder=3,
        )  # fmt: skip
        axes.scatter(source.nearest_log_flux_ratio, place, s=95, facecolors="none",
                     edgecolors=INK, lw=1.1, zorder=4)  # fmt: skip
    names = rows["assoc_name"].where(rows["assoc_name"] != "", rows["fermi_name"])
    axes.set_yticks(
        range(len(rows)),
        [
            f"{figure_text(name)}  ({class_label(kind)})"
            for name, kind in zip(names, rows["fermi_class"], strict=True)
        ],
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(RATIO_LABEL)
    axes.set_title("ringed: nearest to the Fermi position")


@styled
def plot_subsample(subsample: pd.DataFrame, pairs: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """Draw the sources of chosen classes among all pairs, and each one's flux ratios.

    Parameters
    ----------
    subsample : DataFrame, shape (k,)
        `xgamma.stages.class_subsample.class_subsample`.
    pairs : DataFrame, shape (n,)
        All pairs.
    classes : sequence of str
        The classes asked for.

    Returns
    -------
    Figure
        Dotted lines: equal flux ratios, a factor of ten apart. Of many sources, the
        `MOST_ROWS` brightest in gamma rays are named.
    """
    listed = ", ".join(class_label(name) for name in classes)
    title = (
        f"Sources of class {listed}" if len(listed) < 50 else f"Sources of {len(classes)} classes"
    )
    if subsample.empty:
        return empty_figure(title, "no Fermi source of these classes in the plane")
    matched = subsample[subsample["num_csc_matches"] > 0]
    brightest = matched.sort_values(["fermi_flux", "fermi_name"], ascending=[False, True])
    rows = matched[matched["fermi_name"].isin(brightest["fermi_name"].head(MOST_ROWS))]
    ratio = log_flux_ratio(pairs)
    chosen = pairs["fermi_name"].isin(subsample["fermi_name"]).to_numpy()
    subtitle = (
        f"{len(subsample):,} Fermi sources in the plane, {len(matched):,} of them with "
        f"{chosen.sum():,} pairs with Chandra sources."
    )
    if lost := int((chosen & ~np.isfinite(ratio)).sum()):
        subtitle += f" Left out: {lost:,} without a flux ratio."
    if len(rows) < len(matched):
        subtitle += f"\nNamed: the {len(rows)} brightest in gamma rays."
    figure = new_figure(title, subtitle, max(5.2, 1.9 + 0.22 * len(rows)))
    plane, named = figure.subplots(1, 2)
    # The same list for both, so that a class looks the same in both.
    present = ordered_classes(matched["fermi_class"])
    _flux_plane(plane, pairs, np.isfinite(ratio), present)
    figure.legend(loc="outside lower left", ncols=7, markerscale=1.2)
    if len(rows):
        _named_rows(named, rows, pairs, ratio, present)
    else:
        named.set_axis_off()
        say_empty(named, "none of them has a Chandra candidate")
    return figure
