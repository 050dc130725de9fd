"""HEASARC's catalogues: which columns are asked for, under which names, in which units.

This is the one place that knows how HEASARC names things. A column is `required` if
the service certainly has it; an optional one that is missing becomes null and is named
in the summary. Sources: HEASARC's table documentation for chanmaster, csc and fermilpsc; for the
hardness ratios and some flags of csc, which that does not settle, the names of the Chandra
Source Catalog itself, limits in HEASARC's spelling as aliases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xgamma.answers.checks import check_asked, check_positions, check_unique, check_units
from xgamma.errors import XgammaError
from xgamma.sky import fill_galactic
from xgamma.tables.columns import ENERGY_FLUX, Column, conform
from xgamma.tables.pieces import PiecedTable, beside_equal, pieces_of
from xgamma.tap.mirror_names import Names, bare

__all__ = [
    "CATALOGUES",
    "GALACTIC",
    "Catalogue",
    "ServiceColumn",
    "catalogue_adql",
    "catalogues_of",
    "check_columns",
    "check_rows",
    "columns_in",
    "count_adql",
    "fetch_catalogue",
    "fit_to_catalogue",
    "require_columns",
    "resolve_columns",
]

# HEASARC answers 100,000 rows unless TOP asks for more, and MAXREC cannot raise that
ALL_ROWS = 9_999_999

GALACTIC = ("lii", "bii")
"""Columns that are computed from a position where they are missing."""

# Our names that are reserved words of ADQL: as an alias they need quotes
_RESERVED = {"time"}


@dataclass(frozen=True)
class ServiceColumn:
    """A column of a catalogue: as we call it, and what a service may call it.

    `aliases` are other names under which the same quantity is published. `is_flag` marks text
    that is true or false: one service writes T, the next TRUE or 1. A column that is kept
    `if_there` is not in the products, rather than null, where the service lacks it.
    """

    column: Column
    required: bool = True
    aliases: tuple[str, ...] = ()
    is_flag: bool = False
    if_there: bool = False

    @property
    def name(self) -> str:
        return self.column.name


@dataclass(frozen=True)
class Catalogue:
    """A table at HEASARC, the columns that we take, and those without which a row is none.

    `factors` are what values of columns are multiplied by, as another X-ray catalogue needs it.
    """

    table: str
    columns: tuple[ServiceColumn, ...]
    key: str
    not_null: tuple[str, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)


def _text(name: str, description: str, **options) -> ServiceColumn:
    return ServiceColumn(Column(name, "text", "", description), **options)


def _float(name: str, unit: str, description: str, **options) -> ServiceColumn:
    return ServiceColumn(Column(name, "float", unit, description), **options)


def _hardness(name: str, description: str) -> tuple[ServiceColumn, ...]:
    """A hardness ratio of the Chandra Source Catalog and its limits."""
    limits = (
        _float(
            f"{name}_{limit}lim",
            "",
            f"{word} limit of {name}, 68 % confidence",
            required=False,
            aliases=(f"{name}_{limit}",),
        )
        for limit, word in (("lo", "Lower"), ("hi", "Upper"))
    )
    return _float(name, "", f"Hardness ratio {description}", required=False), *limits


def _flag(name: str, description: str) -> ServiceColumn:
    return _text(name, f"T or F: {description}", required=False, is_flag=True)


_FLAG_WORDS = {
    **dict.fromkeys(("T", "TRUE", "1", "Y", "YES"), "T"),
    **dict.fromkeys(("F", "FALSE", "0", "N", "NO"), "F"),
}

_RA = _float("ra", "deg", "Right ascension, ICRS")
_DEC = _float("dec", "deg", "Declination, ICRS")
_LII = _float("lii", "deg", "Galactic longitude, as the archive gives it")
_BII = _float("bii", "deg", "Galactic latitude, as the archive gives it")

CATALOGUES = {
    "chanmaster": Catalogue(
        "chanmaster",
        (
            _text("obsid", "Chandra observation identifier"),
            _text("name", "Target"),
            _RA,
            _DEC,
            _float("time", "d", "Start of the observation, MJD"),
            _float("exposure", "s", "Exposure; 0 if not yet observed"),
            _text("detector", "Detector", required=False),
            _text("status", "Status of the observation", required=False),
            _text("grating", "Grating; NONE if none", required=False),
            _float("public_date", "d", "Release of the data, MJD", required=False),
        ),
        key="obsid",
        # observations that are planned may have no position yet
        not_null=("ra", "dec"),
    ),
    "csc": Catalogue(
        "csc",
        (
            _text("name", "Chandra Source Catalog name"),
            _RA,
            _DEC,
            _LII,
            _BII,
            _float("error_ellipse_r0", "arcsec", "95 % position error, semi-major axis"),
            _float(
                "error_ellipse_r1",
                "arcsec",
                "95 % position error, semi-minor axis",
                required=False,
            ),
            _float(
                "error_ellipse_angle",
                "deg",
                "Position angle of the error ellipse, east of north",
                required=False,
            ),
            _float("b_flux_ap", ENERGY_FLUX, "Aperture flux, 0.5-7 keV, absorbed"),
            _float(
                "b_flux_ap_lo",
                ENERGY_FLUX,
                "Lower limit of b_flux_ap, 68 % confidence; 0 makes b_flux_ap_hi an upper limit",
                required=False,
            ),
            _float(
                "b_flux_ap_hi",
                ENERGY_FLUX,
                "Upper limit of b_flux_ap, 68 % confidence",
                required=False,
            ),
            _float("significance", "", "Highest flux significance", required=False),
            *_hardness("hard_hm", "(H - M) / (H + M), H 2-7 keV, M 1.2-2 keV"),
            *_hardness("hard_ms", "(M - S) / (M + S), M 1.2-2 keV, S 0.5-1.2 keV"),
            _flag("extent_flag", "the source is extended"),
            _flag("pileup_flag", "piled up in all observations: the flux is too low"),
            _flag("sat_src_flag", "saturated in all observations: no property is reliable"),
            _flag("conf_flag", "its region overlaps that of another source"),
            _flag("var_flag", "its flux varies"),
        ),
        key="name",
    ),
    "fermilpsc": Catalogue(
        "fermilpsc",
        (
            _text("name", "Fermi name"),
            _RA,
            _DEC,
            _LII,
            _BII,
            _float("semi_major_axis_95", "deg", "95 % error ellipse, semi-major axis"),
            _float(
                "semi_minor_axis_95",
                "deg",
                "95 % error ellipse, semi-minor axis",
                required=False,
            ),
            _float(
                "position_angle_95",
                "deg",
                "Position angle of the error ellipse, east of north",
                required=False,
            ),
            _float("energy_flux", ENERGY_FLUX, "Energy flux, 0.1-100 GeV"),
            _float(
                "energy_flux_error", ENERGY_FLUX, "1-sigma error of the energy flux", required=False
            ),
            _float("detection_significance", "", "Significance, sigma", required=False),
            _text("source_type", "Class; upper case identified, lower case associated"),
            _text("assoc_name", "Name of the associated source"),
            ServiceColumn(
                Column("analysis_flags", "nullable_int", "", "Analysis flags, one bit each"),
                required=False,
                aliases=("flags",),
            ),
            _float(
                "pl_index",
                "",
                "Photon index of the power-law fit",
                required=False,
                aliases=("powerlaw_index", "spectral_index"),
            ),
            _float("variability_index", "", "Variability index", required=False),
            _float(
                "lp_sigcurv",
                "",
                "Significance of the curvature, log-parabola against power law, sigma",
                required=False,
                aliases=("lp_sig_curv", "lp_significance_curvature"),
            ),
            _float(
                "counterpart_ra",
                "deg",
                "Right ascension of the associated object, ICRS",
                required=False,
                aliases=("ra_counterpart",),
            ),
            _float(
                "counterpart_dec",
                "deg",
                "Declination of the associated object, ICRS",
                required=False,
                aliases=("dec_counterpart",),
            ),
            _text(
                "assoc_fgl",
                "The same source in an earlier list, by this list; only where it says so",
                required=False,
                if_there=True,
            ),
        ),
        key="name",
    ),
}


def catalogues_of(spelt: Mapping[str, Any]) -> dict[str, Catalogue]:
    """`CATALOGUES`, with what another X-ray catalogue and its observations must have.

    Parameters
    ----------
    spelt : mapping
        Table -> how the service spells it: `xgamma.config.settings.Config.spelt_tables`. Of a
        table with "only", the columns that are named there are required, and no other, but not
        Galactic coordinates, which are computed if need be; one with an empty name is not there.
    """
    found = dict(CATALOGUES)
    for name in CATALOGUES.keys() & spelt.keys():
        entry = spelt[name]
        if not entry["table"]:
            del found[name]
            continue
        columns = found[name].columns
        if entry.get("only"):
            named = {ours: bare(theirs).lower() for ours, theirs in entry["columns"].items()}
            columns = tuple(
                replace(
                    column,
                    required=column.name in named and column.name not in GALACTIC,
                    # by which a file of the user's has it
                    aliases=(named[column.name],) if column.name in named else (),
                )
                for column in columns
            )
        found[name] = replace(found[name], columns=columns, factors=entry.get("factors", {}))
    return found


def resolve_columns(catalogue: Catalogue, available: Iterable[str]) -> dict[str, str | None]:
    """Our column name -> the service's, None where it is missing and would be null.

    Parameters
    ----------
    catalogue : Catalogue
    available : iterable of str
        The columns that the service has; case does not matter.
    """
    spellings = {name.lower(): name for name in available}
    resolved = {}
    for column in catalogue.columns:
        names = (column.name, *column.aliases)
        found = next((spellings[n] for n in names if n in spellings), None)
        if found or not column.if_there:
            resolved[column.name] = found
    return resolved


def columns_in(catalogue: Catalogue, table: pd.DataFrame | PiecedTable) -> list[Column]:
    """The columns of a catalogue as it is kept: all, but for those only kept if there."""
    return [c.column for c in catalogue.columns if c.name in table or not c.if_there]


def require_columns(service: str, table: str, wanted: Iterable[str], available: Iterable[str]):
    """Raise, naming them, if a service lacks columns that we cannot do without.

    Raises
    ------
    XgammaError
    """
    available = list(available)
    if not available:
        raise XgammaError(
            f"{service}: TAP_SCHEMA lists no columns of table {table}; "
            f"is the service's URL the right one, and the table's name?"
        )
    lower = {name.lower() for name in available}
    missing = [name for name in wanted if name.lower() not in lower]
    if missing:
        raise XgammaError(
            f"{service}: table {table} has no column {', '.join(missing)}; "
            f"it has {', '.join(sorted(lower))}"
        )


def catalogue_adql(catalogue: Catalogue, resolved: Mapping[str, str | None], names: Names) -> str:
    """The query for the whole catalogue, only the columns that are there.

    AS only where the names differ: a query of one table keeps its columns' names, and
    `time`, a reserved word, is no good alias.

    Parameters
    ----------
    catalogue : Catalogue
    resolved : mapping
        As `resolve_columns` gives it.
    names : Names
        How the service that is asked spells the table and `resolved`'s columns.

    Raises
    ------
    MirrorLacks
        If it is a mirror whose map lacks one of them.
    """
    select = []
    for name, column in resolved.items():
        if column:
            spelt = names.column(catalogue.table, column)
            alias = f'"{name}"' if name in _RESERVED else name
            select.append(name if spelt == name else f"{spelt} AS {alias}")
    return f"SELECT TOP {ALL_ROWS} {', '.join(select)} {_from_where(catalogue, names)}"


def count_adql(catalogue: Catalogue, names: Names) -> str:
    """The query for the service's own count of the rows of `catalogue_adql`."""
    return f"SELECT COUNT(*) AS n {_from_where(catalogue, names)}"


def _from_where(catalogue: Catalogue, names: Names) -> str:
    """What the queries for rows and for their number have in common."""
    conditions = [
        f"{names.column(catalogue.table, column)} IS NOT NULL" for column in catalogue.not_null
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"FROM {names.table(catalogue.table)}{where}"


def fit_to_catalogue(frame: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """An answer with the catalogue's columns and types, null where missing, sorted.

    The order of an archive's rows changes from query to query; ours does not: by key,
    ties by all the other columns.
    """
    frame = _fitted(frame, catalogue)
    if frame[catalogue.key].is_unique:  # as it should be: to sort by all takes ten times as long
        return frame.sort_values(catalogue.key, ignore_index=True)
    rest = [name for name in frame if name != catalogue.key]
    return frame.sort_values([catalogue.key, *rest], kind="stable", ignore_index=True)


def _fitted(frame: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Rows of an answer with the catalogue's columns and types, null where missing."""
    columns: Sequence[Column] = columns_in(catalogue, frame)
    frame = frame.copy(deep=False)
    for column in columns:
        if column.name not in frame.columns:
            frame[column.name] = column.null
    frame = conform(frame, columns)
    for name, factor in catalogue.factors.items():
        frame[name] = frame[name] * factor
    if "lii" in frame:
        # a catalogue need not have them
        fill_galactic(frame, "ra", "dec", *GALACTIC)
    for column in columns:
        if column.kind == "text":
            # HEASARC pads with blanks; an identifier never starts or ends with one
            frame[column.name] = frame[column.name].str.strip()
    for name in (c.name for c in catalogue.columns if c.is_flag):
        # a word that nobody foresaw stays as it is
        known = frame[name].str.upper().map(_FLAG_WORDS)
        frame[name] = known.where(known.notna(), frame[name]).astype(frame[name].dtype)
    return frame


def fetch_catalogue(
    client, catalogue: Catalogue, available: Iterable[str]
) -> tuple[PiecedTable, list[dict[str, Any]]]:
    """The whole catalogue, its rows counted by the service as well.

    Parameters
    ----------
    client : xgamma.archive.client.TapClient
    catalogue : Catalogue
    available : iterable of str
        The columns that the service has.

    Returns
    -------
    table : PiecedTable
        The catalogue's columns, sorted by its key.
    records : list of dict
        How it was fetched: one record, with `missing_columns`, the optional ones that the
        service lacks, and `units` as it states them.

    Raises
    ------
    XgammaError
        If the answer is cut, lacks a column, has one in another unit, or has a row without a
        key of its own or without a valid position.
    """
    resolved = resolve_columns(catalogue, available)
    answer = client.query_counted(
        partial(catalogue_adql, catalogue, resolved), partial(count_adql, catalogue)
    )
    record, units = answer.record, answer.units
    check_columns(client, catalogue, units, resolved)
    fitted = PiecedTable(columns_in(catalogue, answer.rows))
    for piece in pieces_of(answer.rows):
        fitted.add_frame(_fitted(piece, catalogue))
    del answer  # with its rows, of which there may be more than memory has room for
    table = fitted.in_order(fitted[catalogue.key].array.argsort())
    del fitted
    check_rows(client, catalogue, table)
    client.kept.trust([record])
    missing = [name for name, column in resolved.items() if column is None]
    return table, [{**record, "missing_columns": missing, "units": units}]


def check_columns(
    client, catalogue: Catalogue, units: Mapping[str, str], resolved: Mapping[str, str | None]
) -> None:
    """Refuse an answer, under our names, that lacks a column or has one in another unit.

    Parameters
    ----------
    client : xgamma.archive.client.TapClient
        Who gave it, for messages.
    catalogue : Catalogue
    units : mapping
        Column of the answer -> its unit, as the service has it.
    resolved : mapping
        As `resolve_columns` gives it.

    Raises
    ------
    XgammaError
    """
    source = client.name, catalogue.table
    asked = {name: column for name, column in resolved.items() if column}
    check_asked(*source, units, asked)
    expected = {
        c.name: c.column.unit for c in catalogue.columns if c.name in asked and c.column.unit
    }
    check_units(*source, units, expected)


def check_rows(client, catalogue: Catalogue, table: pd.DataFrame | PiecedTable) -> None:
    """Refuse rows without a key of their own or without a valid position.

    Parameters
    ----------
    client, catalogue
        As in `check_columns`.
    table : DataFrame or PiecedTable
        As `fit_to_catalogue` gives it, sorted by its key.

    Raises
    ------
    XgammaError
    """
    source = client.name, catalogue.table
    frame = pd.DataFrame({name: table[name] for name in (catalogue.key, "ra", "dec")}, copy=False)
    check_positions(*source, frame, catalogue.key)
    blank = frame[catalogue.key] == ""
    if blank.any():
        raise XgammaError(
            f"{client.name}: rows of {catalogue.table} without {catalogue.key}: {int(blank.sum())}"
            f"; the service's table is damaged: run again later"
        )
    keys = frame[catalogue.key]
    # neighbours, of which there are few: a search through all keys takes more room than they do
    same = np.asarray(keys.array[1:] == keys.array[:-1], dtype=bool)
    check_unique(*source, frame[beside_equal(same)[: len(keys)]], [catalogue.key])
