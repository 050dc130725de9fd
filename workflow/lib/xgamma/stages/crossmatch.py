"""Fermi sources and the Chandra sources inside their error circles, as HEASARC joins them.

The pairs come from one ADQL join, as a circle of the 95 % semi-major axis around each Fermi
source. The same join is done again from the fetched catalogues (`xgamma.stages.verify_crossmatch`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xgamma.answers.answer import Answer
from xgamma.answers.checks import check_asked, check_positions, check_unique, check_units
from xgamma.archive.catalogues import ALL_ROWS, CATALOGUES, Catalogue, resolve_columns
from xgamma.errors import XgammaError
from xgamma.sky import within_latitude
from xgamma.stages.pairs import PAIR_COLUMNS, finish_pairs
from xgamma.tap.mirror_names import Names

__all__ = [
    "SELECTED",
    "checked_pairs",
    "crossmatch_adql",
    "crossmatch_count_adql",
    "fetch_pairs",
    "in_our_units",
    "in_their_units",
]

_TABLES = {"f": CATALOGUES["fermilpsc"].table, "c": CATALOGUES["csc"].table}
SELECTED = {
    "fermi_name": ("f", "name"),
    "fermi_ra": ("f", "ra"),
    "fermi_dec": ("f", "dec"),
    "fermi_l": ("f", "lii"),
    "fermi_b": ("f", "bii"),
    "fermi_r95": ("f", "semi_major_axis_95"),
    "fermi_semi_minor_95": ("f", "semi_minor_axis_95"),
    "fermi_position_angle_95": ("f", "position_angle_95"),
    "fermi_flux": ("f", "energy_flux"),
    "fermi_class": ("f", "source_type"),
    "fermi_flags": ("f", "analysis_flags"),
    "csc_name": ("c", "name"),
    "csc_ra": ("c", "ra"),
    "csc_dec": ("c", "dec"),
    "csc_l": ("c", "lii"),
    "csc_b": ("c", "bii"),
    "csc_flux": ("c", "b_flux_ap"),
    "csc_error_r0": ("c", "error_ellipse_r0"),
}
"""Our name in the pairs -> (alias in the join, column at HEASARC)."""


def _from_where(
    latitude_cut_deg: float, min_flux: float | None, names: Names, sources: Sequence[str] = ()
) -> str:
    def column(alias: str, name: str) -> str:
        return f"{alias}.{names.column(_TABLES[alias], name)}"

    tables = ", ".join(f"{names.table(table)} AS {alias}" for alias, table in _TABLES.items())
    latitude, radius = column("f", "bii"), column("f", "semi_major_axis_95")
    flux = "" if min_flux is None else f" AND {column('c', 'b_flux_ap')} > {min_flux!r}"
    # the cut is on the Fermi source only: its counterpart may lie just across the edge
    chosen = f"{latitude} BETWEEN {-latitude_cut_deg!r} AND {latitude_cut_deg!r}"
    if sources:
        quoted = (name.replace("'", "''") for name in sources)
        listed = ", ".join(f"'{name}'" for name in quoted)
        chosen = f"{column('f', 'name')} IN ({listed})"
    return (
        f"FROM {tables} WHERE {chosen}"
        f" AND {radius} > 0{flux}"
        f" AND CONTAINS(POINT('ICRS', {column('c', 'ra')}, {column('c', 'dec')}),"
        f" CIRCLE('ICRS', {column('f', 'ra')}, {column('f', 'dec')}, {radius})) = 1"
    )


def crossmatch_adql(
    latitude_cut_deg: float,
    min_flux: float | None,
    fermi_columns: dict[str, str | None],
    csc_columns: dict[str, str | None],
    names: Names,
    sources: Sequence[str] = (),
) -> str:
    """The join, for the columns that the service has.

    Parameters
    ----------
    latitude_cut_deg : float
        \\|b\\| of the Fermi source, inclusive, on the service's own `bii`.
    min_flux : float or None
        Chandra flux above which (exclusive) a source takes part, erg/s/cm2; None takes
        also those without a flux.
    fermi_columns, csc_columns : dict
        As `xgamma.archive.catalogues.resolve_columns` gives them.
    names : Names
        How the service that is asked spells the two tables and those columns.
    sources : sequence of str
        Names of Fermi sources: these alone, whatever their latitude. None: all within the cut.

    Raises
    ------
    MirrorLacks
        If it is a mirror whose map lacks one of them.
    """
    known = {"f": fermi_columns, "c": csc_columns}
    select = ", ".join(
        f"{alias}.{names.column(_TABLES[alias], theirs)} AS {ours}"
        for ours, (alias, name) in SELECTED.items()
        if (theirs := known[alias].get(name))
    )
    behind = _from_where(latitude_cut_deg, min_flux, names, sources)
    return f"SELECT TOP {ALL_ROWS} {select} {behind}"


def crossmatch_count_adql(
    latitude_cut_deg: float, min_flux: float | None, names: Names, sources: Sequence[str] = ()
) -> str:
    """The service's own count of the join's rows."""
    return f"SELECT COUNT(*) AS n {_from_where(latitude_cut_deg, min_flux, names, sources)}"


def fetch_pairs(
    client,
    latitude_cut_deg: float,
    min_flux: float | None,
    available: dict[tuple[str, str], list[str]],
    fermi: pd.DataFrame | None = None,
    catalogues: Mapping[str, Catalogue] = CATALOGUES,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Ask for the join, have its rows counted, and finish the pairs.

    Parameters
    ----------
    client : xgamma.archive.client.TapClient
        HEASARC's.
    latitude_cut_deg, min_flux
        As in `crossmatch_adql`.
    available : dict
        (service, table) -> columns, as `xgamma.archive.services.read_description` gives it.
    fermi : DataFrame, optional
        name, bii: these sources alone, whatever their latitude.
    catalogues : mapping
        The catalogues, as `xgamma.archive.catalogues.catalogues_of` gives them.

    Returns
    -------
    pairs : DataFrame
        `PAIR_COLUMNS`.
    records : list of dict
        How they were fetched: one record, maybe of an earlier run's wider join.

    Raises
    ------
    XgammaError
        If the answer is cut, lacks a column, has one in another unit, has a pair twice, or
        has a source without a name or a valid position.
    """
    columns = {
        name: resolve_columns(catalogues[name], available[client.name, catalogues[name].table])
        for name in ("fermilpsc", "csc")
    }
    # in all but the two limits, joins of which one may be part of another are the same
    question = crossmatch_adql(0.0, None, columns["fermilpsc"], columns["csc"], Names())
    sources: Sequence[str] = ()
    if fermi is not None:
        sources = sorted(fermi["name"])
        # a join of the plane that reaches as far has their rows
        latitude_cut_deg = float(fermi["bii"].abs().max())
    factors = catalogues["csc"].factors
    their_flux = in_their_units(min_flux, factors)
    answer = _kept_pairs(client, latitude_cut_deg, their_flux, question, sources)
    if is_new := answer is None:
        answer = client.query_counted(
            partial(
                crossmatch_adql,
                latitude_cut_deg,
                their_flux,
                columns["fermilpsc"],
                columns["csc"],
                sources=sources,
            ),
            partial(crossmatch_count_adql, latitude_cut_deg, their_flux, sources=sources),
        )
    known = {"f": columns["fermilpsc"], "c": columns["csc"]}
    asked = {
        ours: f"{_TABLES[alias]}.{theirs}"
        for ours, (alias, name) in SELECTED.items()
        if (theirs := known[alias].get(name))
    }
    joined = in_our_units(answer.frame, min_flux, factors)
    pairs = checked_pairs(client.name, "fermilpsc joined with csc", joined, answer.units, asked)
    if is_new:
        client.kept.trust([answer.record])
        if not sources:
            covers = {"latitude_cut_deg": latitude_cut_deg, "min_flux": their_flux}
            client.kept.note(question, "all", [(answer.record, covers)])
    return pairs, [answer.record]


def checked_pairs(
    service: str,
    table: str,
    joined: pd.DataFrame,
    units: Mapping[str, str],
    asked: Mapping[str, str],
) -> pd.DataFrame:
    """Check a join as it came, and finish its pairs.

    Parameters
    ----------
    service, table : str
        Who gave it, and what it is, for messages.
    joined : DataFrame
    units : mapping
        Column -> unit, as the service states it.
    asked : mapping
        Name asked for -> column of the service.

    Returns
    -------
    DataFrame
        `PAIR_COLUMNS`.

    Raises
    ------
    XgammaError
    """
    here = service, table
    check_asked(*here, joined, asked)
    check_units(*here, units, {c.name: c.unit for c in PAIR_COLUMNS if c.name in asked and c.unit})
    for kind in ("fermi", "csc"):
        check_positions(*here, joined, f"{kind}_name", f"{kind}_ra", f"{kind}_dec")
    pairs = finish_pairs(joined)
    for name in ("fermi_name", "csc_name"):
        if (blank := pairs[name] == "").any():
            raise XgammaError(
                f"{service}: pairs without {name}: {int(blank.sum())}; the service's table is "
                f"damaged: run again later"
            )
    check_unique(*here, pairs, ["fermi_name", "csc_name"])
    return pairs


def in_their_units(min_flux: float | None, factors: Mapping[str, float]) -> float | None:
    """The limit of the flux for a service whose fluxes are multiplied by a factor.

    A little lower, for a product of two numbers is rounded: `in_our_units` has the last word.
    """
    factor = factors.get("b_flux_ap")
    return min_flux if min_flux is None or factor is None else min_flux / factor * (1 - 1e-12)


def in_our_units(
    joined: pd.DataFrame, min_flux: float | None, factors: Mapping[str, float]
) -> pd.DataFrame:
    """Joined rows with the factors of the X-ray catalogue's columns, those above the limit.

    Parameters
    ----------
    joined : DataFrame
        As the service gave them.
    min_flux : float or None
    factors : mapping
        Of `xgamma.archive.catalogues.Catalogue`.
    """
    if not factors:
        return joined
    ours = {name: factors[theirs] for name, (_, theirs) in SELECTED.items() if theirs in factors}
    scaled = {name: joined[name] * factor for name, factor in ours.items() if name in joined}
    joined = joined.assign(**scaled)
    above = slice(None) if min_flux is None else joined["csc_flux"] > min_flux
    return joined[above].reset_index(drop=True)


def _kept_pairs(
    client,
    latitude_cut_deg: float,
    min_flux: float | None,
    question: str,
    sources: Sequence[str] = (),
) -> Answer | None:
    """The rows within the limits from a kept join with wider ones; None if there is none."""
    least = -np.inf if min_flux is None else min_flux
    wider = []
    for noted in client.kept.covering(question, ["all"]):
        cut, flux = noted["latitude_cut_deg"], noted["min_flux"]
        if cut >= latitude_cut_deg and (flux is None or flux <= least):
            wider.append((cut, 0 if flux is None else -1, noted["key"]))
    for *_, key in sorted(wider):
        answer = client.kept.find(key)
        if answer is not None:
            frame = answer.frame
            inside = within_latitude(frame["fermi_b"], latitude_cut_deg)
            if sources:
                inside &= frame["fermi_name"].str.strip().isin(sources).to_numpy()
            if min_flux is not None:
                inside &= (frame["csc_flux"] > min_flux).to_numpy()
            rows = frame[inside].reset_index(drop=True)
            return Answer(rows, answer.units, answer.record)
    return None
