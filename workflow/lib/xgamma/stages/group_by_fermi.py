"""The grouped table: one row per Fermi source, its Chandra sources as lists.

The long table (one row per pair) is the truth; this one is for reading. Column names are those
of the notebook that the workflow implements, in its order; what the notebook does not have stands
at the end. Gaia and 2MASS are added in `xgamma.stages.merge_enrichment`.
"""

from __future__ import annotations

import pandas as pd

from xgamma.stages.pairs import PAIR_COLUMNS
from xgamma.tables.columns import ENERGY_FLUX, Column, conform

__all__ = ["GROUPED_COLUMNS", "PLACE_COLUMNS", "group_pairs"]

_NOTEBOOK = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id;meta.main"),
    Column("fermi_l", "float", "deg", "Galactic longitude", "pos.galactic.lon"),
    Column("fermi_b", "float", "deg", "Galactic latitude", "pos.galactic.lat"),
    Column("fermi_flux", "float", ENERGY_FLUX, "Energy flux, 0.1-100 GeV", "phot.flux;em.gamma"),
    Column("fermi_r95", "float", "deg", "95 % error ellipse, semi-major axis", "stat.error;pos"),
    Column("fermi_class", "text", "", "Fermi class, blank if unassociated", "src.class"),
    Column("num_csc_matches", "int", "", "Chandra sources inside the error circle", "meta.number"),
    Column("csc_names", "list", "", "Their names, sorted"),
    Column("csc_fluxes", "list", ENERGY_FLUX, "Their fluxes, 0.5-7 keV, in the order of the names"),
    Column("csc_glons", "list", "deg", "Their Galactic longitudes"),
    Column("csc_glats", "list", "deg", "Their Galactic latitudes"),
]

PLACE_COLUMNS = [
    Column("fermi_ra", "float", "deg", "Right ascension, ICRS", "pos.eq.ra"),
    Column("fermi_dec", "float", "deg", "Declination, ICRS", "pos.eq.dec"),
    *(
        column
        for column in PAIR_COLUMNS
        if column.name in ("fermi_semi_minor_95", "fermi_position_angle_95")
    ),
]
"""What the notebook's tables lack to draw the source's ellipse; they stand at the end."""

GROUPED_COLUMNS = [*_NOTEBOOK, *PLACE_COLUMNS]

_LISTED_PAIRS = {
    "csc_names": "csc_name",
    "csc_fluxes": "csc_flux",
    "csc_glons": "csc_l",
    "csc_glats": "csc_b",
}


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
                **{c.name: first[c.name] for c in [*_NOTEBOOK[1:6], *PLACE_COLUMNS]},
                "num_csc_matches": len(group),
                **{nested: group[one].tolist() for nested, one in _LISTED_PAIRS.items()},
            }
        )
    frame = conform(pd.DataFrame(rows, columns=[c.name for c in GROUPED_COLUMNS]), GROUPED_COLUMNS)
    return frame.sort_values(["fermi_l", "fermi_b", "fermi_name"], ignore_index=True)
