"""The pairs where a catalogue is a file of the user's: no service has both to join them.

With a list of Fermi sources of one's own, their circles go up to the service that has the Chandra
sources, which joins them. Where it takes no uploads, or the Chandra sources are the file, they are
joined here, from the fetched catalogues. Either way the pairs are verified afterwards as a
service's are, so the join here goes another way than that one: by bands of declination and by the
angle between unit vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xgamma.answers.checks import check_asked
from xgamma.archive.around import circles_upload
from xgamma.archive.catalogues import ALL_ROWS, CATALOGUES, Catalogue, resolve_columns
from xgamma.sky import within_latitude
from xgamma.stages.crossmatch import SELECTED, checked_pairs, in_our_units, in_their_units
from xgamma.stages.pairs import PAIR_COLUMNS, finish_pairs
from xgamma.tables.columns import empty_frame
from xgamma.tap.mirror_names import Names

__all__ = ["join_by_upload", "join_here", "with_circles"]

_CSC = CATALOGUES["csc"].table


def with_circles(fermi: pd.DataFrame, latitude_cut_deg: float) -> pd.DataFrame:
    """The Fermi sources within the cut that have a circle, in their order."""
    inside = within_latitude(fermi["bii"], latitude_cut_deg) & (fermi["semi_major_axis_95"] > 0)
    return fermi[inside].reset_index(drop=True)


def _columns_of(alias: str, available: Sequence[str]) -> dict[str, str]:
    """Name in the pairs -> column of one of the two tables, of those that it has."""
    return {
        ours: name for ours, (one, name) in SELECTED.items() if one == alias and name in available
    }


def _from_where(min_flux: float | None, names: Names) -> str:
    ra, dec, flux = (names.column(_CSC, name) for name in ("ra", "dec", "b_flux_ap"))
    above = "" if min_flux is None else f" AND c.{flux} > {min_flux!r}"
    return (
        f"FROM {names.table(_CSC)} AS c, TAP_UPLOAD.fermi AS t"
        f" WHERE 1 = CONTAINS(POINT('ICRS', c.{ra}, c.{dec}),"
        f" CIRCLE('ICRS', t.target_ra, t.target_dec, t.radius_deg)){above}"
    )


def _rows_adql(columns: Mapping[str, str], min_flux: float | None, names: Names) -> str:
    selected = [f"c.{names.column(_CSC, theirs)} AS {ours}" for ours, theirs in columns.items()]
    select = ", ".join(["t.target_id AS target_id", *selected])
    return f"SELECT TOP {ALL_ROWS} {select} {_from_where(min_flux, names)}"


def _count_adql(min_flux: float | None, names: Names) -> str:
    return f"SELECT COUNT(*) AS n {_from_where(min_flux, names)}"


def join_by_upload(
    client: Any,
    fermi: pd.DataFrame,
    min_flux: float | None,
    available: Mapping[tuple[str, str], Sequence[str]],
    catalogues: Mapping[str, Catalogue] = CATALOGUES,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Have the service join the circles that go up to its Chandra sources, and count the pairs.

    Parameters
    ----------
    client : xgamma.archive.client.TapClient
        Of the service that has the Chandra sources.
    fermi : DataFrame
        The Fermi sources, as `with_circles` gives them.
    min_flux : float or None
        As in `xgamma.stages.crossmatch.crossmatch_adql`.
    available : mapping
        (service, table) -> columns, as `xgamma.archive.services.read_description` gives it.
    catalogues : mapping
        As `xgamma.archive.catalogues.catalogues_of` gives them.

    Returns
    -------
    pairs : DataFrame
        `PAIR_COLUMNS`.
    records : list of dict
        Of the answer; none, if there is no circle.

    Raises
    ------
    XgammaError
        As `xgamma.stages.crossmatch.fetch_pairs`.
    """
    if not len(fermi):
        return empty_frame(PAIR_COLUMNS), []
    resolved = resolve_columns(catalogues["csc"], available[client.name, _CSC])
    columns = {
        ours: theirs
        for ours, name in _columns_of("c", list(resolved)).items()
        if (theirs := resolved[name])
    }
    upload = circles_upload(np.arange(len(fermi)), fermi, fermi["semi_major_axis_95"])
    factors = catalogues["csc"].factors
    limit = in_their_units(min_flux, factors)
    answer = client.query_counted(
        partial(_rows_adql, columns, limit), partial(_count_adql, limit), {"fermi": upload}
    )
    asked = {"target_id": "target_id", **{ours: f"{_CSC}.{c}" for ours, c in columns.items()}}
    table = f"{_CSC} joined with an upload"
    check_asked(client.name, table, answer.frame, asked)
    row = answer.frame["target_id"].to_numpy(np.int64)
    of_fermi = {
        ours: fermi[name].iloc[row].to_numpy()
        for ours, name in _columns_of("f", fermi.columns).items()
    }
    joined = answer.frame.reset_index(drop=True).assign(**of_fermi)
    joined = in_our_units(joined, min_flux, factors)
    pairs = checked_pairs(client.name, table, joined, answer.units, asked)
    client.kept.trust([answer.record])
    return pairs, [answer.record]


def join_here(fermi: pd.DataFrame, csc: pd.DataFrame, min_flux: float | None) -> pd.DataFrame:
    """The same join of the fetched catalogues.

    Parameters
    ----------
    fermi : DataFrame
        The Fermi sources, as `with_circles` gives them.
    csc : DataFrame
        The whole catalogue of Chandra sources.
    min_flux : float or None

    Returns
    -------
    DataFrame
        `PAIR_COLUMNS`.
    """
    if min_flux is not None:
        csc = csc[csc["b_flux_ap"] > min_flux]
    dec = csc["dec"].to_numpy(float)
    order = np.argsort(dec, kind="stable")
    vectors = _unit_vectors(csc["ra"].to_numpy(float)[order], dec[order])
    centres = _unit_vectors(fermi["ra"].to_numpy(float), fermi["dec"].to_numpy(float))
    radius = fermi["semi_major_axis_95"].to_numpy(float)
    margin = 1e-9  # a band must not lose what rounding puts outside
    low, high = (
        np.searchsorted(dec[order], fermi["dec"].to_numpy(float) + sign * (radius + margin), side)
        for sign, side in ((-1, "left"), (1, "right"))
    )
    rows = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for one in range(len(fermi)):
        band = vectors[low[one] : high[one]]
        # half the chord is the sine of half the angle: exact for small ones, where a cosine is not
        chord = np.sqrt(((band - centres[one]) ** 2).sum(axis=1))
        found = np.flatnonzero(np.degrees(2 * np.arcsin(chord / 2)) <= radius[one])
        rows.append((np.full(len(found), one), order[found + low[one]]))
    fermi_row, csc_row = (np.concatenate(part) for part in zip(*rows, strict=True))
    joined = {
        ours: frame[name].iloc[row].to_numpy()
        for alias, frame, row in (("f", fermi, fermi_row), ("c", csc, csc_row))
        for ours, name in _columns_of(alias, frame.columns).items()
    }
    return finish_pairs(pd.DataFrame(joined))


def _unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    alpha, delta = np.radians(ra), np.radians(dec)
    cos_dec = np.cos(delta)
    return np.stack([cos_dec * np.cos(alpha), cos_dec * np.sin(alpha), np.sin(delta)], axis=1)
