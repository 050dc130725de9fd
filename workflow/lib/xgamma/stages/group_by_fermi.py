"""One row per Fermi source: the nested tables, derived from the long ones.

The long tables (one row per pair) are the truth; these are for reading. Column names
are those of the notebook that the workflow implements.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from xgamma.tables.columns import Column, conform

__all__ = ["COUNTERPART_COLUMNS", "GROUPED_COLUMNS", "add_counterparts", "group_pairs"]

_FLUX = "erg / (s cm2)"

GROUPED_COLUMNS = [
    Column("fermi_name", "text", "", "4FGL name"),
    Column("fermi_l", "float", "deg", "Galactic longitude"),
    Column("fermi_b", "float", "deg", "Galactic latitude"),
    Column("fermi_flux", "float", _FLUX, "Energy flux, 0.1-100 GeV"),
    Column("fermi_r95", "float", "deg", "95 % error ellipse, semi-major axis"),
    Column("fermi_class", "text", "", "4FGL class, blank if unassociated"),
    Column("num_csc_matches", "int", "", "Chandra sources inside the error circle"),
    Column("csc_names", "list", "", "Their names, sorted"),
    Column("csc_fluxes", "list", _FLUX, "Their fluxes, 0.5-7 keV, in the order of the names"),
    Column("csc_glons", "list", "deg", "Their Galactic longitudes"),
    Column("csc_glats", "list", "deg", "Their Galactic latitudes"),
]

_LISTED_PAIRS = {
    "csc_names": "csc_name",
    "csc_fluxes": "csc_flux",
    "csc_glons": "csc_l",
    "csc_glats": "csc_b",
}

# nested column: (column of the long table, unit, description); lists by separation
_NESTED = {
    "gaia": {
        "gaia_names": ("id", "", "Gaia source identifiers, nearest first"),
        "gaia_classes": (
            ("gaia_prob_quasar", "gaia_prob_galaxy", "gaia_prob_star"),
            "",
            "Probabilities of [quasar, galaxy, star]",
        ),
        "gaia_glons": ("l", "deg", "Galactic longitudes"),
        "gaia_glats": ("b", "deg", "Galactic latitudes"),
        "gaia_mean_g_flux": ("gaia_mean_g_flux", "electron / s", "Mean G fluxes"),
        "gaia_mean_g_mag": ("gaia_mean_g_mag", "mag", "Mean G magnitudes"),
        "gaia_variability": ("gaia_variability", "", "Variability flags"),
        "sep_from_fermi_gaia": ("sep_fermi_arcsec", "arcsec", "Separations from Fermi"),
        "sep_from_csc_gaia": (
            "sep_csc_arcsec",
            "arcsec",
            "Separations from the nearest Chandra source",
        ),
    },
    "twomass": {
        "twomass_names": ("id", "", "2MASS designations, nearest first"),
        "twomass_glons": ("l", "deg", "Galactic longitudes"),
        "twomass_glats": ("b", "deg", "Galactic latitudes"),
        "sep_from_fermi_2mass": ("sep_fermi_arcsec", "arcsec", "Separations from Fermi"),
        "sep_from_csc_2mass": (
            "sep_csc_arcsec",
            "arcsec",
            "Separations from the nearest Chandra source",
        ),
    },
}

COUNTERPART_COLUMNS = GROUPED_COLUMNS + [
    Column(name, "list", unit, description)
    for survey in _NESTED.values()
    for name, (_, unit, description) in survey.items()
]


def group_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row per Fermi source, its Chandra sources as lists sorted by name.

    Parameters
    ----------
    pairs : DataFrame
        `xgamma.stages.pairs.PAIR_COLUMNS`.

    Returns
    -------
    DataFrame
        `GROUPED_COLUMNS`, sorted by fermi_l, fermi_b, fermi_name.
    """
    rows = []
    ordered = pairs.sort_values(["csc_name", "csc_ra", "csc_dec"], kind="stable")
    for name, group in ordered.groupby("fermi_name", sort=True):
        first = group.iloc[0]
        rows.append(
            {
                "fermi_name": name,
                **{c.name: first[c.name] for c in GROUPED_COLUMNS[1:6]},
                "num_csc_matches": len(group),
                **{nested: group[one].tolist() for nested, one in _LISTED_PAIRS.items()},
            }
        )
    frame = pd.DataFrame(rows, columns=[c.name for c in GROUPED_COLUMNS])
    frame = conform(frame, GROUPED_COLUMNS)
    return frame.sort_values(["fermi_l", "fermi_b", "fermi_name"], ignore_index=True)


def _cells(group: pd.DataFrame | None, source) -> list:
    if group is None:
        return []
    if isinstance(source, tuple):
        parts = [_cells(group, one) for one in source]
        return [list(values) for values in zip(*parts, strict=True)]
    if source not in group:
        return [None] * len(group)
    if source == "id":
        # as text: readers of JSON take numbers above 2**53 for floats and damage them
        return [str(value) for value in group[source]]
    values = group[source].to_numpy()
    return list(values) if values.dtype == np.float32 else values.tolist()


def add_counterparts(
    grouped: pd.DataFrame, counterparts: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Add the survey sources nearest each Fermi position, as lists.

    Parameters
    ----------
    grouped : DataFrame
        Of `group_pairs`. A source with nothing found keeps its row, with empty lists.
    counterparts : mapping of str to DataFrame
        Survey -> its long table. Surveys other than gaia and twomass have no columns
        here: they are in their long table only.

    Returns
    -------
    DataFrame
        `COUNTERPART_COLUMNS`.
    """
    made = grouped.copy()
    for survey, nested in _NESTED.items():
        groups = {}
        if survey in counterparts:
            long = counterparts[survey]
            around = long[long["around"] == "fermi"].sort_values(["fermi_name", "rank"])
            groups = dict(tuple(around.groupby("fermi_name")))
        for name, (source, _, _) in nested.items():
            made[name] = pd.Series(
                [_cells(groups.get(fermi), source) for fermi in made["fermi_name"]],
                index=made.index,
                dtype="object",
            )
    return conform(made, COUNTERPART_COLUMNS)
