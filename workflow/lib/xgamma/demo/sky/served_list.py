"""Another list of Fermi sources in front of the same sky: what the archive then serves.

The sky is always that of 4FGL-DR4: its true objects, the Chandra fields that were aimed at its
sources and the stars around these. Another list replaces the served table alone, as a new release
at HEASARC would, so that runs with two lists differ by the list. The positions that it gives for
its associations are those of the same true objects: which of its sources is which one of
4FGL-DR4 its names or its own cross-references say.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from xgamma.demo.sky.counterparts import is_known
from xgamma.demo.tables import DEMO_TABLES, ServedColumn, ServedTable

__all__ = ["same_sources", "tables_that_serve", "with_known_positions"]

_CROSS_REFERENCE = ServedColumn(
    "assoc_fgl", "char", "", "meta.id.assoc", "The same source in an earlier list", False
)
_TITLES = {"4FGL": "4FGL-DR3", "FL16Y": "FL16Y"}


def same_sources(served: pd.DataFrame, fermi: pd.DataFrame) -> np.ndarray:
    """Which source of 4FGL-DR4 each source of another list is.

    Parameters
    ----------
    served : DataFrame, n rows
        The other list: columns `name` and `assoc_fgl`.
    fermi : DataFrame
        4FGL-DR4.

    Returns
    -------
    ndarray of int, shape (n,)
        Its row in `fermi`, by the name, else by the cross-reference; -1 if neither is in
        4FGL-DR4.
    """
    row = pd.Series(np.arange(len(fermi)), index=fermi["name"].to_numpy())
    by_name = row.reindex(served["name"]).to_numpy()
    by_reference = row.reindex(served["assoc_fgl"]).to_numpy()
    found = np.where(np.isfinite(by_name), by_name, by_reference)
    return np.nan_to_num(found, nan=-1).astype(np.int64)


def with_known_positions(
    served: pd.DataFrame, fermi: pd.DataFrame, ra: np.ndarray, dec: np.ndarray
) -> pd.DataFrame:
    """Another list with the positions, in this sky, of the objects that it knows.

    Parameters
    ----------
    served : DataFrame, n rows
        The other list.
    fermi : DataFrame, m rows
        4FGL-DR4.
    ra, dec : ndarray, shape (m,)
        Degrees: where the object of each source of `fermi` is, as lists give it; NaN if the sky
        has none.

    Returns
    -------
    DataFrame
        `served` with `counterpart_ra, counterpart_dec`: null for a source of unknown nature, and
        for one that 4FGL-DR4 has not.
    """
    row = same_sources(served, fermi)
    told = (row >= 0) & is_known(served["source_type"])
    positions = {"counterpart_ra": ra, "counterpart_dec": dec}
    return served.assign(
        **{name: np.where(told, values[row], np.nan) for name, values in positions.items()}
    )


def tables_that_serve(fermi: pd.DataFrame) -> tuple[ServedTable, ...]:
    """The demo's tables with a list of Fermi sources in them.

    Parameters
    ----------
    fermi : DataFrame
        The list. One with cross-references has the column `assoc_fgl`: 4FGL-DR4 is without.

    Returns
    -------
    tuple of ServedTable
        `DEMO_TABLES` themselves for 4FGL-DR4.
    """
    if _CROSS_REFERENCE.name not in fermi:
        return DEMO_TABLES
    title = _TITLES[fermi["name"].iloc[0].split()[0]]
    return tuple(
        replace(
            table,
            description=table.description.replace("4FGL-DR4", title),
            columns=(*table.columns, _CROSS_REFERENCE),
        )
        if table.name == "fermilpsc"
        else table
        for table in DEMO_TABLES
    )
