"""Figure: numbers of optical and infrared sources around the candidates, beside those by chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xgamma.figures.chance import candidate_fields, ring_areas
from xgamma.figures.style import INK, new_figure, say_empty, styled
from xgamma.figures.survey_looks import SurveyLook, survey_label, survey_looks

__all__ = ["offset_counts", "plot_offsets"]

RINGS = 8
"""Rings between 0 and the end of the axis."""

MOST_ERRORS = 4.0
"""Where the axis in units of the 95 % error ends."""

ARCSEC2_PER_DEG2 = 3600.0**2


def offset_counts(
    found: pd.DataFrame, edges: np.ndarray, units_arcsec: pd.Series | None = None
) -> npt.NDArray[np.int64]:
    """Count the sources in rings around the Chandra candidates.

    Parameters
    ----------
    found : DataFrame
        Counterparts of one survey: ``around, csc_name, id, sep_target_arcsec``.
    edges : ndarray of float, shape (m + 1,)
    units_arcsec : Series of float, optional
        Chandra name -> what its separations are divided by; sources of others do not count.

    Returns
    -------
    ndarray of int, shape (m,)
        Each pair of a candidate and a source once, also when the candidate lies in two
        Fermi circles.
    """
    near = found[found["around"] == "csc"].drop_duplicates(["csc_name", "id"])
    separation = near["sep_target_arcsec"].to_numpy(float)
    if units_arcsec is not None:
        separation = separation / near["csc_name"].map(units_arcsec).to_numpy(float)
    return np.histogram(separation[np.isfinite(separation)], edges)[0]


def _draw_rings(
    axes: Axes, edges: np.ndarray, counts: np.ndarray, fields: pd.DataFrame, areas: np.ndarray,
    look: SurveyLook,
) -> None:  # fmt: skip
    """Draw the surface density in rings, over what was searched of each, and that by chance."""
    searched = areas.sum(axis=0)
    some = searched > 0
    scale = np.divide(1.0, searched, out=np.zeros(len(searched)), where=some)
    axes.stairs(counts * scale, edges, fill=True, color=look.colour, alpha=0.3, zorder=2)
    axes.stairs(counts * scale, edges, color=look.colour, zorder=3)
    middle = (edges[:-1] + edges[1:]) / 2
    axes.errorbar(
        middle[some], (counts * scale)[some], (np.sqrt(counts) * scale)[some], fmt="none",
        ecolor=look.colour, elinewidth=1, zorder=3,
    )  # fmt: skip
    chance = (fields["density"].to_numpy()[:, None] * areas).sum(axis=0) * scale
    axes.stairs(np.where(some, chance, np.nan), edges, baseline=None, color=INK, ls="--", lw=1.2,
                zorder=4)  # fmt: skip
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, edges[-1])


@styled
def plot_offsets(
    counterparts: Mapping[str, pd.DataFrame], targets: pd.DataFrame, pairs: pd.DataFrame
) -> Figure:
    """Compare the sources around the Chandra candidates with the field around them.

    Parameters
    ----------
    counterparts : mapping of str to DataFrame
        Survey -> its sources.
    targets : DataFrame
        All searches: ``around, fermi_name, csc_name, radius_deg``.
    pairs : DataFrame
        ``csc_name, csc_error_r0`` (arcsec, 95 %).

    Returns
    -------
    Figure
        A row per survey. Surface density in rings around the candidates, by separation and by
        separation over the 95 % error of the Chandra position; and sources per candidate
        within a separation. Dashed: what the density of each candidate's own field gives in
        the area that was searched: radii differ, and a ring counts where it was searched.
    """
    candidates = targets[targets["around"] == "csc"]
    surveys = list(counterparts)
    title = "Optical and infrared sources around the Chandra candidates"
    figure = new_figure(
        title,
        f"{candidates['csc_name'].nunique():,} distinct Chandra sources. Dashed: chance, from the "
        "density of the survey around the Fermi position\nof each, in the area that was searched.",
        1.3 + 2.7 * max(len(surveys), 1),
    )
    if not surveys or candidates.empty:
        axes = figure.subplots()
        axes.set_axis_off()
        say_empty(axes, "no Chandra candidates" if surveys else "no survey is configured")
        return figure
    errors = pairs.drop_duplicates("csc_name").set_index("csc_name")["csc_error_r0"]
    errors = errors[errors > 0]
    radii = candidates["radius_deg"].to_numpy(float) * 3600.0
    # few searches go beyond; what they find would fill the axis with empty rings
    edges = np.linspace(0, float(np.quantile(radii, 0.95)), RINGS + 1)
    in_errors = np.linspace(0, MOST_ERRORS, RINGS + 1)
    grid = figure.subplots(len(surveys), 3, squeeze=False, sharex="col")
    for (rings, scaled, within), (survey, look) in zip(
        grid, survey_looks(surveys).items(), strict=True
    ):
        found = counterparts[survey]
        fields = candidate_fields(found, targets).drop_duplicates("csc_name")
        radius, density = fields["radius_arcsec"].to_numpy(), fields["density"].to_numpy()
        counts, areas = offset_counts(found, edges), ring_areas(radius, edges)
        _draw_rings(rings, edges, counts, fields, areas, look)
        known = fields[fields["csc_name"].isin(errors.index)]
        unit = known["csc_name"].map(errors).to_numpy(float)
        _draw_rings(
            scaled, in_errors, offset_counts(found, in_errors, errors), known,
            ring_areas(known["radius_arcsec"].to_numpy(), in_errors, unit), look,
        )  # fmt: skip
        by_chance = (density[:, None] * areas).sum(axis=0).cumsum() / len(fields)
        within.plot(
            edges, np.append(0, np.cumsum(counts)) / len(fields), marker=look.marker,
            color=look.colour, ms=4,
        )  # fmt: skip
        within.plot(edges, np.append(0, by_chance), color=INK, ls="--", lw=1.2)
        within.set_ylim(bottom=0)
        name = survey_label(survey)
        rings.set_ylabel(f"{name} sources\nper arcsec$^2$ in a ring")
        scaled.set_ylabel("per arcsec$^2$ in a ring")
        within.set_ylabel("per Chandra source within")
        rings.set_title(f"{name}: {density.mean() * ARCSEC2_PER_DEG2:,.0f} per deg$^2$")
        if len(known) < len(fields):
            scaled.set_title(f"without error: {len(fields) - len(known):,}")
        within.set_title(f"{counts.sum():,} found, {by_chance[-1] * len(fields):,.0f} by chance")
        if not len(found):
            say_empty(rings, f"no {name} sources found")
    for axes, label in zip(
        grid[-1],
        ("Separation (arcsec)", "Separation / 95 % error", "Separation (arcsec)"),
        strict=True,
    ):
        axes.set_xlabel(label)
    return figure
