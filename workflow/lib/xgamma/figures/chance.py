"""What the density of a survey around the Fermi positions gives around the candidates by chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["candidate_fields", "chance_of_one", "field_density", "ring_areas"]


def candidate_fields(found: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Give each search around a Chandra candidate the density of the field that it lies in.

    Parameters
    ----------
    found : DataFrame
        Counterparts of one survey: ``around, fermi_name, n_in_radius``.
    targets : DataFrame
        ``around, fermi_name, csc_name, radius_deg``: all searches, also those that found
        nothing.

    Returns
    -------
    DataFrame
        One row per pair: ``csc_name, fermi_name, radius_arcsec``, and ``density`` per square
        arcsecond: of all sources within the radius of the Fermi position, kept or not.
        Sorted by the two names.
    """
    fields = targets[targets["around"] == "fermi"].drop_duplicates("fermi_name")
    inside = found[found["around"] == "fermi"].groupby("fermi_name")["n_in_radius"].max()
    area = np.pi * (fields.set_index("fermi_name")["radius_deg"] * 3600.0) ** 2
    density = inside.reindex(area.index).fillna(0) / area
    own = targets[targets["around"] == "csc"].sort_values(["csc_name", "fermi_name"])
    own = own.drop_duplicates(["csc_name", "fermi_name"])
    return pd.DataFrame(
        {
            "csc_name": own["csc_name"],
            "fermi_name": own["fermi_name"],
            "radius_arcsec": own["radius_deg"].astype(float) * 3600.0,
            "density": own["fermi_name"].map(density).astype(float),
        }
    ).reset_index(drop=True)


def field_density(found: pd.DataFrame, targets: pd.DataFrame) -> tuple[float, int]:
    """Give the density of a survey's sources that the candidates' fields lead us to expect.

    Parameters
    ----------
    found, targets : DataFrame
        As in `candidate_fields`.

    Returns
    -------
    density : float
        Per square arcsecond, averaged over the Chandra candidates, so that a crowded circle
        counts as often as it has candidates. NaN without candidates.
    count : int
        How many candidates: distinct Chandra sources.
    """
    fields = candidate_fields(found, targets).drop_duplicates("csc_name")
    return float(fields["density"].mean()) if len(fields) else np.nan, len(fields)


def ring_areas(
    radius_arcsec: npt.NDArray[np.float64],
    edges: npt.NDArray[np.float64],
    unit_arcsec: npt.NDArray[np.float64] | float = 1.0,
) -> npt.NDArray[np.float64]:
    """Give the area of each ring that each search covers.

    Parameters
    ----------
    radius_arcsec : ndarray of float, shape (n,)
        How far each search went.
    edges : ndarray of float, shape (m + 1,)
        Of the rings, in units of `unit_arcsec`.
    unit_arcsec : float or ndarray of float, shape (n,)

    Returns
    -------
    ndarray of float, shape (n, m)
        Square arcseconds; 0 of a ring beyond the search.
    """
    outer = np.multiply.outer(np.broadcast_to(unit_arcsec, radius_arcsec.shape), edges)
    return np.pi * np.diff(np.minimum(outer, radius_arcsec[:, None]) ** 2, axis=1)


def chance_of_one(fields: pd.DataFrame) -> pd.Series:
    """Give each Fermi source the probability that a candidate of it has a counterpart by chance.

    Parameters
    ----------
    fields : DataFrame
        `candidate_fields`.

    Returns
    -------
    Series of float
        Fermi name -> 1 - exp(-n), n the sources that the field's density gives within the
        search radii of all its candidates. Where these overlap, n is too high.
    """
    number = fields["density"] * np.pi * fields["radius_arcsec"] ** 2
    return 1 - np.exp(-number.groupby(fields["fermi_name"]).sum())
