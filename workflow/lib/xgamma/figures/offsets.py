"""Figure: numbers of optical and infrared sources around the candidates, beside those by chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xgamma.figures.counterparts import survey_label
from xgamma.figures.style import INK, SEQUENCE, new_figure, say_empty, styled

__all__ = ["field_density", "offset_counts", "plot_offsets"]

ANNULI = 8
"""Rings between 0 and the search radius."""

ARCSEC2_PER_DEG2 = 3600.0**2


def field_density(found: pd.DataFrame, targets: pd.DataFrame) -> tuple[float, int]:
    """Give the density of a survey's sources that the candidates' fields lead us to expect.

    Parameters
    ----------
    found : DataFrame
        Counterparts of one survey: ``around, fermi_name, n_in_radius``.
    targets : DataFrame
        ``around, fermi_name, csc_name, radius_deg``: all searches, also those that found
        nothing.

    Returns
    -------
    density : float
        Per square arcsecond: the density within the radius of each Fermi position (all
        sources there, kept or not), averaged over the Chandra candidates of the Fermi
        sources, so that a crowded circle counts as often as it has candidates. NaN without
        candidates.
    count : int
        How many candidates: distinct CSC sources.
    """
    fields = targets[targets["around"] == "fermi"].drop_duplicates("fermi_name")
    inside = found[found["around"] == "fermi"].groupby("fermi_name")["n_in_radius"].max()
    area = np.pi * (fields.set_index("fermi_name")["radius_deg"] * 3600.0) ** 2
    density = inside.reindex(area.index).fillna(0) / area
    candidates = targets[targets["around"] == "csc"].sort_values(["csc_name", "fermi_name"])
    candidates = candidates.drop_duplicates("csc_name")
    expected = candidates["fermi_name"].map(density)
    return float(expected.mean()) if len(expected) else np.nan, len(candidates)


def offset_counts(found: pd.DataFrame, edges_arcsec: np.ndarray) -> np.ndarray:
    """Count the sources in rings around the Chandra candidates.

    Parameters
    ----------
    found : DataFrame
        Counterparts of one survey: ``around, csc_name, id, sep_target_arcsec``.
    edges_arcsec : ndarray of float, shape (m + 1,)

    Returns
    -------
    ndarray of int, shape (m,)
        Each pair of a candidate and a source once, also when the candidate lies in two
        Fermi circles.
    """
    near = found[found["around"] == "csc"].drop_duplicates(["csc_name", "id"])
    return np.histogram(near["sep_target_arcsec"].to_numpy(float), edges_arcsec)[0]


@styled
def plot_offsets(counterparts: Mapping[str, pd.DataFrame], targets: pd.DataFrame) -> Figure:
    """Compare the sources around the Chandra candidates with the field around them.

    Parameters
    ----------
    counterparts : mapping of str to DataFrame
        Survey -> its sources.
    targets : DataFrame
        All searches: ``around, fermi_name, csc_name, radius_deg``.

    Returns
    -------
    Figure
        A row per survey. Left: surface density in rings around the candidates. Right:
        sources per candidate within a radius. Lines: what the field density alone gives.
        True counterparts pile up within about an arcsecond; what lies on the line is chance.
    """
    candidates = targets[targets["around"] == "csc"]
    surveys = list(counterparts)
    title = "Optical and infrared sources around the Chandra candidates"
    figure = new_figure(
        title,
        f"{candidates['csc_name'].nunique():,} candidates. Dashed: chance, from the density "
        "of the survey around the Fermi positions, averaged over candidates.",
        1.1 + 2.9 * max(len(surveys), 1),
    )
    if not surveys or candidates.empty:
        axes = figure.subplots()
        axes.set_axis_off()
        say_empty(axes, "no Chandra candidates" if surveys else "no survey is configured")
        return figure
    edges = np.linspace(0, 3600.0 * float(candidates["radius_deg"].max()), ANNULI + 1)
    area = np.pi * np.diff(edges**2)
    grid = figure.subplots(len(surveys), 2, squeeze=False, sharex=True)
    for (rings, within), survey, colour in zip(
        grid, surveys, (SEQUENCE * len(surveys))[: len(surveys)], strict=True
    ):
        found = counterparts[survey]
        chance, number = field_density(found, targets)
        counts = offset_counts(found, edges)
        scale = 1.0 / (number * area)
        rings.stairs(counts * scale, edges, fill=True, color=colour, alpha=0.3, zorder=2)
        rings.stairs(counts * scale, edges, color=colour, zorder=3)
        middle = (edges[:-1] + edges[1:]) / 2
        rings.errorbar(
            middle, counts * scale, np.sqrt(counts) * scale, fmt="none", ecolor=colour,
            elinewidth=1, zorder=3,
        )  # fmt: skip
        rings.axhline(chance, color=INK, ls="--", lw=1.2, zorder=4)
        rings.set_ylabel(f"{survey_label(survey)} sources\nper arcsec$^2$ in a ring")
        rings.set_ylim(bottom=0)
        radius = np.linspace(0, edges[-1], 100)
        within.plot(edges, np.append(0, np.cumsum(counts)) / number, "o-", color=colour, ms=4)
        within.plot(radius, np.pi * radius**2 * chance, color=INK, ls="--", lw=1.2)
        within.set_ylabel(f"{survey_label(survey)} sources\nper candidate within")
        within.set_ylim(bottom=0)
        by_chance = np.pi * edges[-1] ** 2 * chance * number
        within.set_title(f"{counts.sum():,} found, {by_chance:,.0f} expected by chance")
        rings.set_title(f"{survey_label(survey)}: {chance * ARCSEC2_PER_DEG2:,.0f} per deg$^2$")
        if not len(found):
            say_empty(rings, f"no {survey_label(survey)} sources found")
    for axes in grid[-1]:
        axes.set_xlabel("Separation from the Chandra source (arcsec)")
    grid[0, 0].set_xlim(0, edges[-1])
    return figure
