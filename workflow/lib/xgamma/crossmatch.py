"""Fermi sources and the Chandra sources inside their error circles.

The pairs come from one ADQL join at HEASARC, as a circle of the 95 % semi-major axis
around each Fermi source; how far out in its error *ellipse* each Chandra source lies
is computed here. The same join is done again from the fetched catalogues, and must agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xgamma.answer_checks import check_positions, check_unique, check_units
from xgamma.catalogs import ALL_ROWS, CATALOGUES, check_asked, resolve_columns
from xgamma.errors import XgammaError
from xgamma.names import Names
from xgamma.sky import (
    elliptical_distance,
    match_within,
    position_angle,
    separation,
    within_latitude,
)
from xgamma.tables import Column, conform
from xgamma.tap_answers import Answer

__all__ = [
    "EXCLUDED_COLUMNS",
    "PAIR_COLUMNS",
    "Verification",
    "crossmatch_adql",
    "crossmatch_count_adql",
    "excluded_sources",
    "fetch_pairs",
    "finish_pairs",
    "local_pairs",
    "verify_pairs",
]

# A difference of the two joins this close to a circle's edge may be rounding.
# The smallest margin of a real pair to its circle is 1.25e-5 deg.
EDGE_DEG = 1e-7

_FLUX = "erg / (s cm2)"
_TABLES = {"f": CATALOGUES["fermilpsc"].table, "c": CATALOGUES["csc"].table}
# our name in the pairs: (alias in the join, column at HEASARC)
_SELECTED = {
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

PAIR_COLUMNS = [
    Column("fermi_name", "text", "", "4FGL name"),
    Column("fermi_ra", "float", "deg", "Fermi right ascension, ICRS"),
    Column("fermi_dec", "float", "deg", "Fermi declination, ICRS"),
    Column("fermi_l", "float", "deg", "Fermi Galactic longitude"),
    Column("fermi_b", "float", "deg", "Fermi Galactic latitude"),
    Column("fermi_r95", "float", "deg", "95 % error ellipse, semi-major axis"),
    Column("fermi_semi_minor_95", "float", "deg", "95 % error ellipse, semi-minor axis"),
    Column("fermi_position_angle_95", "float", "deg", "Its position angle, east of north"),
    Column("fermi_flux", "float", _FLUX, "Fermi energy flux, 0.1-100 GeV"),
    Column("fermi_class", "text", "", "4FGL class, blank if unassociated"),
    Column("fermi_flags", "nullable_int", "", "4FGL analysis flags"),
    Column("csc_name", "text", "", "Chandra Source Catalog name"),
    Column("csc_ra", "float", "deg", "Chandra right ascension, ICRS"),
    Column("csc_dec", "float", "deg", "Chandra declination, ICRS"),
    Column("csc_l", "float", "deg", "Chandra Galactic longitude"),
    Column("csc_b", "float", "deg", "Chandra Galactic latitude"),
    Column("csc_flux", "float", _FLUX, "Chandra aperture flux, 0.5-7 keV, absorbed"),
    Column("csc_error_r0", "float", "arcsec", "Chandra 95 % position error, semi-major axis"),
    Column("sep_deg", "float", "deg", "Separation"),
    Column("separation_r95", "float", "", "Separation in units of fermi_r95"),
    Column("elliptical_distance", "float", "", "Distance in the error ellipse, 1 on the 95 % one"),
    Column("in_ellipse_95", "bool", "", "Inside the 95 % error ellipse"),
    Column("confused", "bool", "", "4FGL name ends in c: maybe diffuse emission"),
]

EXCLUDED_COLUMNS = [
    Column("fermi_name", "text", "", "4FGL name"),
    Column("fermi_l", "float", "deg", "Galactic longitude"),
    Column("fermi_b", "float", "deg", "Galactic latitude"),
    Column("fermi_flux", "float", _FLUX, "Energy flux, 0.1-100 GeV"),
    Column("fermi_class", "text", "", "4FGL class"),
    Column("assoc_name", "text", "", "Name of the associated source"),
    Column("reason", "text", "", "Why it takes no part in the cross-match"),
]


def _from_where(latitude_cut_deg: float, min_flux: float | None, names: Names) -> str:
    def column(alias: str, name: str) -> str:
        return f"{alias}.{names.column(_TABLES[alias], name)}"

    tables = ", ".join(f"{names.table(table)} AS {alias}" for alias, table in _TABLES.items())
    latitude, radius = column("f", "bii"), column("f", "semi_major_axis_95")
    flux = "" if min_flux is None else f" AND {column('c', 'b_flux_ap')} > {min_flux!r}"
    # the cut is on the Fermi source only: its counterpart may lie just across the edge
    return (
        f"FROM {tables} WHERE {latitude} BETWEEN {-latitude_cut_deg!r} AND {latitude_cut_deg!r}"
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
        As `xgamma.catalogs.resolve_columns` gives them.
    names : Names
        How the service that is asked spells the two tables and those columns.

    Raises
    ------
    MirrorLacks
        If it is a mirror whose map lacks one of them.
    """
    known = {"f": fermi_columns, "c": csc_columns}
    select = ", ".join(
        f"{alias}.{names.column(_TABLES[alias], theirs)} AS {ours}"
        for ours, (alias, name) in _SELECTED.items()
        if (theirs := known[alias].get(name))
    )
    return f"SELECT TOP {ALL_ROWS} {select} {_from_where(latitude_cut_deg, min_flux, names)}"


def crossmatch_count_adql(latitude_cut_deg: float, min_flux: float | None, names: Names) -> str:
    """The service's own count of the join's rows."""
    return f"SELECT COUNT(*) AS n {_from_where(latitude_cut_deg, min_flux, names)}"


def finish_pairs(joined: pd.DataFrame) -> pd.DataFrame:
    """Give the joined rows their separations and flags; sorted by the two names.

    Parameters
    ----------
    joined : DataFrame
        The columns of the join; optional ones may be missing.

    Returns
    -------
    DataFrame
        `PAIR_COLUMNS`.
    """
    pairs = joined.copy()
    pairs["sep_deg"] = separation(
        pairs["fermi_ra"], pairs["fermi_dec"], pairs["csc_ra"], pairs["csc_dec"]
    )
    pairs["separation_r95"] = pairs["sep_deg"] / pairs["fermi_r95"]
    for column in PAIR_COLUMNS:
        if column.name in _SELECTED and column.name not in pairs:
            pairs[column.name] = {"text": "", "nullable_int": pd.NA}.get(column.kind, np.nan)
    angle = position_angle(pairs["fermi_ra"], pairs["fermi_dec"], pairs["csc_ra"], pairs["csc_dec"])
    pairs["elliptical_distance"] = elliptical_distance(
        pairs["sep_deg"],
        angle,
        pairs["fermi_r95"],
        pairs["fermi_semi_minor_95"],
        pairs["fermi_position_angle_95"],
    )
    # without an ellipse (NaN) nothing is known to lie inside it
    pairs["in_ellipse_95"] = pairs["elliptical_distance"] <= 1
    for name in ("fermi_name", "fermi_class", "csc_name"):
        pairs[name] = pairs[name].astype("str").str.strip()
    pairs["confused"] = pairs["fermi_name"].str.endswith("c")
    pairs = conform(pairs, PAIR_COLUMNS)
    order = ["fermi_name", "csc_name", "csc_ra", "csc_dec"]
    return pairs.sort_values(order, kind="stable", ignore_index=True)


def excluded_sources(fermi: pd.DataFrame, latitude_cut_deg: float) -> pd.DataFrame:
    """The Fermi sources in the cut that a circle match must leave out, with the reason.

    Parameters
    ----------
    fermi : DataFrame
        The whole catalogue or its plane sample.

    Returns
    -------
    DataFrame
        `EXCLUDED_COLUMNS`, sorted by name.
    """
    chosen = fermi[
        within_latitude(fermi["bii"], latitude_cut_deg) & ~(fermi["semi_major_axis_95"] > 0)
    ]
    # 4FGL marks extended sources with a final e (Abdollahi et al. 2020, sect. 3.8)
    reason = np.where(
        chosen["name"].str.endswith("e"),
        "extended source: 4FGL gives no 95 % error ellipse",
        "4FGL gives no 95 % error ellipse for this source",
    )
    frame = pd.DataFrame(
        {
            "fermi_name": chosen["name"],
            "fermi_l": chosen["lii"],
            "fermi_b": chosen["bii"],
            "fermi_flux": chosen["energy_flux"],
            "fermi_class": chosen["source_type"],
            "assoc_name": chosen["assoc_name"],
            "reason": reason,
        }
    )
    return conform(frame, EXCLUDED_COLUMNS).sort_values("fermi_name", ignore_index=True)


def local_pairs(
    fermi: pd.DataFrame, csc: pd.DataFrame, latitude_cut_deg: float, min_flux: float | None
) -> pd.DataFrame:
    """The same join from the fetched catalogues: fermi_name, csc_name, margin_deg.

    `margin_deg` is the circle's radius less the separation, >= -EDGE_DEG: pairs just
    outside are kept for the comparison and told apart by their sign.
    """
    fermi = fermi[
        within_latitude(fermi["bii"], latitude_cut_deg) & (fermi["semi_major_axis_95"] > 0)
    ]
    if min_flux is not None:
        csc = csc[csc["b_flux_ap"] > min_flux]
    # whole catalogue, not the plane sample: a counterpart may lie outside the cut
    centre, point, distance = match_within(
        fermi["ra"], fermi["dec"], fermi["semi_major_axis_95"] + EDGE_DEG, csc["ra"], csc["dec"]
    )
    return pd.DataFrame(
        {
            "fermi_name": fermi["name"].to_numpy()[centre],
            "csc_name": csc["name"].to_numpy()[point],
            "margin_deg": fermi["semi_major_axis_95"].to_numpy()[centre] - distance,
        }
    )


@dataclass(frozen=True)
class Verification:
    """How the service's join compares with ours.

    Attributes
    ----------
    pairs_service, pairs_local : int
    on_the_edge : list of dict
        Differences within `EDGE_DEG` of a circle's edge: rounding, listed, no error.
    pairs_without_flux_cut, fermi_without_flux_cut : int
        Of the local join with every Chandra source, whatever its flux.
    """

    pairs_service: int
    pairs_local: int
    on_the_edge: list[dict]
    pairs_without_flux_cut: int
    fermi_without_flux_cut: int


def verify_pairs(
    pairs: pd.DataFrame,
    fermi: pd.DataFrame,
    csc: pd.DataFrame,
    latitude_cut_deg: float,
    min_flux: float | None,
) -> Verification:
    """Hold the service's pairs against those computed from the catalogues.

    Raises
    ------
    XgammaError
        If they differ by more than rounding at a circle's edge; names the pairs.
    """
    ours = local_pairs(fermi, csc, latitude_cut_deg, min_flux)
    names = ["fermi_name", "csc_name"]
    # numbered, so that a pair that comes twice is one too many
    merged = (
        pairs[names]
        .assign(copy=pairs.groupby(names).cumcount(), at_service=True)
        .merge(ours.assign(copy=ours.groupby(names).cumcount()), on=[*names, "copy"], how="outer")
    )
    at_service = merged["at_service"].notna()
    differ = at_service != (merged["margin_deg"] >= 0)
    on_edge = merged["margin_deg"].abs() <= EDGE_DEG
    wrong = merged[differ & ~on_edge]
    if len(wrong):
        shown = "; ".join(
            f"{row.fermi_name} - {row.csc_name} "
            f"({'only here' if pd.isna(row.at_service) else 'only at the service'})"
            for row in wrong.head(5).itertuples()
        )
        raise XgammaError(
            f"cross-match: {len(wrong)} of {len(merged)} pairs differ between the service's join "
            f"and the same join from the fetched catalogues: {shown}"
            f"{'; ...' if len(wrong) > 5 else ''}. "
            f"The service cut its answer or its tables changed in between: ask anew with "
            f"--forcerun fetch_catalog crossmatch --config 'tap={{reuse: false}}'"
        )
    edge = merged[differ & on_edge]
    every = local_pairs(fermi, csc, latitude_cut_deg, None)
    every = every[every["margin_deg"] >= 0]
    return Verification(
        pairs_service=len(pairs),
        pairs_local=int((ours["margin_deg"] >= 0).sum()),
        on_the_edge=[
            {"fermi_name": r.fermi_name, "csc_name": r.csc_name, "margin_deg": r.margin_deg}
            for r in edge.itertuples()
        ],
        pairs_without_flux_cut=len(every),
        fermi_without_flux_cut=int(every["fermi_name"].nunique()),
    )


def fetch_pairs(
    client,
    latitude_cut_deg: float,
    min_flux: float | None,
    available: dict[tuple[str, str], list[str]],
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Ask for the join, have its rows counted, and finish the pairs.

    Parameters
    ----------
    client : xgamma.tap.TapClient
        HEASARC's.
    latitude_cut_deg, min_flux
        As in `crossmatch_adql`.
    available : dict
        (service, table) -> columns, as `xgamma.services.read_description` gives it.

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
        name: resolve_columns(CATALOGUES[name], available[client.name, CATALOGUES[name].table])
        for name in ("fermilpsc", "csc")
    }
    # in all but the two limits, joins of which one may be part of another are the same
    question = crossmatch_adql(0.0, None, columns["fermilpsc"], columns["csc"], Names())
    answer = _kept_pairs(client, latitude_cut_deg, min_flux, question)
    if is_new := answer is None:
        answer = client.query_counted(
            partial(
                crossmatch_adql, latitude_cut_deg, min_flux, columns["fermilpsc"], columns["csc"]
            ),
            partial(crossmatch_count_adql, latitude_cut_deg, min_flux),
        )
    known = {"f": columns["fermilpsc"], "c": columns["csc"]}
    asked = {
        ours: f"{_TABLES[alias]}.{theirs}"
        for ours, (alias, name) in _SELECTED.items()
        if (theirs := known[alias].get(name))
    }
    here = client.name, "fermilpsc joined with csc"
    check_asked(*here, answer.frame, asked)
    units = {c.name: c.unit for c in PAIR_COLUMNS if c.name in asked and c.unit}
    check_units(*here, answer.units, units)
    for kind in ("fermi", "csc"):
        check_positions(*here, answer.frame, f"{kind}_name", f"{kind}_ra", f"{kind}_dec")
    pairs = finish_pairs(answer.frame)
    for name in ("fermi_name", "csc_name"):
        if (blank := pairs[name] == "").any():
            raise XgammaError(
                f"{client.name}: pairs without {name}: {int(blank.sum())}; the service's table is "
                f"damaged: run again later"
            )
    check_unique(*here, pairs, ["fermi_name", "csc_name"])
    if is_new:
        covers = {"latitude_cut_deg": latitude_cut_deg, "min_flux": min_flux}
        client.kept.trust([answer.record])
        client.kept.note(
            question, "all", [{**covers, **{k: answer.record[k] for k in ("key", "body")}}]
        )
    return pairs, [answer.record]


def _kept_pairs(
    client, latitude_cut_deg: float, min_flux: float | None, question: str
) -> Answer | None:
    """The rows within the limits from a kept join with wider ones; None if there is none."""
    least = -np.inf if min_flux is None else min_flux
    wider = []
    for noted in client.kept.covering(question, ["all"]):
        cut, flux = noted["latitude_cut_deg"], noted["min_flux"]
        if cut >= latitude_cut_deg and (flux is None or flux <= least):
            wider.append((cut, 0 if flux is None else -1, noted["key"]))
    for *_, key in sorted(wider):
        answer = client.kept.trusted(key)
        if answer is not None:
            frame = answer.frame
            inside = within_latitude(frame["fermi_b"], latitude_cut_deg)
            if min_flux is not None:
                inside &= (frame["csc_flux"] > min_flux).to_numpy()
            rows = frame[inside].reset_index(drop=True)
            return Answer(rows, answer.units, answer.record)
    return None
