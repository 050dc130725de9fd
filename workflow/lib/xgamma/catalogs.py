"""The catalogues: which columns are asked for, under which names, in which units.

This is the one place that knows how HEASARC names things. A column is `required` if
the service certainly has it; an optional one that is missing becomes null and is named
in the summary. Sources: HEASARC's table documentation for chanmaster, csc and fermilpsc.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xgamma.errors import XgammaError
from xgamma.tables import Column, conform

__all__ = [
    "CATALOGUES",
    "DESCRIPTION_COLUMNS",
    "Catalogue",
    "ServiceColumn",
    "catalogue_adql",
    "count_adql",
    "fetch_catalogue",
    "fit_to_catalogue",
    "require_columns",
    "resolve_columns",
]

# HEASARC answers 100,000 rows unless TOP asks for more, and MAXREC cannot raise that
ALL_ROWS = 9_999_999


@dataclass(frozen=True)
class ServiceColumn:
    """A column as we call it, and what a service may call it.

    `aliases` are other names under which the same quantity is published.
    """

    column: Column
    required: bool = True
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.column.name


@dataclass(frozen=True)
class Catalogue:
    """A table at HEASARC, the columns that we take, and what makes a row ours to take."""

    table: str
    columns: tuple[ServiceColumn, ...]
    key: str
    where: str = ""


def _text(name: str, description: str, **options) -> ServiceColumn:
    return ServiceColumn(Column(name, "text", "", description), **options)


def _float(name: str, unit: str, description: str, **options) -> ServiceColumn:
    return ServiceColumn(Column(name, "float", unit, description), **options)


_RA = _float("ra", "deg", "Right ascension, ICRS")
_DEC = _float("dec", "deg", "Declination, ICRS")
_LII = _float("lii", "deg", "Galactic longitude, as the archive gives it")
_BII = _float("bii", "deg", "Galactic latitude, as the archive gives it")
_FLUX = "erg / (s cm2)"

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
        ),
        key="obsid",
        # observations that are planned may have no position yet
        where="ra IS NOT NULL AND dec IS NOT NULL",
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
            _float("b_flux_ap", _FLUX, "Aperture flux, 0.5-7 keV, absorbed"),
            _float("significance", "", "Highest flux significance", required=False),
        ),
        key="name",
    ),
    "fermilpsc": Catalogue(
        "fermilpsc",
        (
            _text("name", "4FGL name"),
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
            _float("energy_flux", _FLUX, "Energy flux, 0.1-100 GeV"),
            _float("energy_flux_error", _FLUX, "1-sigma error of the energy flux", required=False),
            _float("detection_significance", "", "Significance, sigma", required=False),
            _text("source_type", "Class; upper case identified, lower case associated"),
            _text("assoc_name", "Name of the associated source"),
            ServiceColumn(
                Column("analysis_flags", "nullable_int", "", "Analysis flags, one bit each"),
                required=False,
                aliases=("flags",),
            ),
        ),
        key="name",
    ),
}

DESCRIPTION_COLUMNS = [
    Column("service", "text", "", "Which of the archive's services"),
    Column("table", "text", "", "Table"),
    Column("column", "text", "", "Column"),
    Column("datatype", "text", "", "Type, as the service spells it"),
    Column("unit", "text", "", "Unit, as the service spells it"),
    Column("ucd", "text", "", "Unified content descriptor"),
    Column("used", "bool", "", "True if the workflow reads it"),
    Column("description", "text", "", "Description, as the service gives it"),
]


def resolve_columns(catalogue: Catalogue, available: Iterable[str]) -> dict[str, str | None]:
    """Our column name -> the service's, None where an optional one is missing."""
    there = {name.lower(): name for name in available}
    resolved = {}
    for wanted in catalogue.columns:
        names = (wanted.name, *wanted.aliases)
        resolved[wanted.name] = next((there[n] for n in names if n in there), None)
    return resolved


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
    there = {name.lower() for name in available}
    missing = [name for name in wanted if name.lower() not in there]
    if missing:
        raise XgammaError(
            f"{service}: table {table} has no column {', '.join(missing)}; "
            f"it has {', '.join(sorted(there))}"
        )


def catalogue_adql(catalogue: Catalogue, resolved: dict[str, str | None]) -> str:
    """The query for the whole catalogue, only the columns that are there.

    AS only where the names differ: a query of one table keeps its columns' names, and
    `time`, a reserved word, is no good alias.
    """
    select = ", ".join(
        f"{theirs} AS {ours}" if theirs != ours else ours
        for ours, theirs in resolved.items()
        if theirs
    )
    where = f" WHERE {catalogue.where}" if catalogue.where else ""
    return f"SELECT TOP {ALL_ROWS} {select} FROM {catalogue.table}{where}"


def count_adql(catalogue: Catalogue) -> str:
    """The query for the service's own count of the rows of `catalogue_adql`."""
    where = f" WHERE {catalogue.where}" if catalogue.where else ""
    return f"SELECT COUNT(*) AS n FROM {catalogue.table}{where}"


def fit_to_catalogue(frame: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Give an answer the catalogue's columns and types, null where missing, sorted.

    The order of an archive's rows changes from query to query; ours does not: by key,
    ties by all the other columns.
    """
    columns: Sequence[Column] = [c.column for c in catalogue.columns]
    frame = frame.copy()
    for column in columns:
        if column.name not in frame.columns:
            null = {"text": "", "nullable_int": pd.NA}.get(column.kind, np.nan)
            frame[column.name] = null
    frame = conform(frame, columns)
    for column in columns:
        if column.kind == "text":
            # HEASARC pads with blanks; an identifier never starts or ends with one
            frame[column.name] = frame[column.name].str.strip()
    rest = [c.name for c in columns if c.name != catalogue.key]
    return frame.sort_values([catalogue.key, *rest], kind="stable", ignore_index=True)


def fetch_catalogue(client, catalogue: Catalogue, available: Iterable[str]):
    """The whole catalogue, its rows counted by the service as well.

    Parameters
    ----------
    client : xgamma.tap.TapClient
    catalogue : Catalogue
    available : iterable of str
        The columns that the service has.

    Returns
    -------
    frame : DataFrame
        The catalogue's columns, sorted by its key.
    record : dict
        How it was fetched, and which optional columns are missing.

    Raises
    ------
    XgammaError
        If the answer is cut, or a row has no valid position.
    """
    resolved = resolve_columns(catalogue, available)
    answer = client.query_counted(catalogue_adql(catalogue, resolved), count_adql(catalogue))
    frame = fit_to_catalogue(answer.frame, catalogue)
    bad = ~(frame["ra"].between(0, 360) & frame["dec"].between(-90, 90))
    if bad.any():
        first = frame[bad].iloc[0]
        raise XgammaError(
            f"{client.name}: rows of {catalogue.table} without a valid position: "
            f"{int(bad.sum())}, the first is {first[catalogue.key]!r} at ra {first['ra']}, "
            f"dec {first['dec']}"
        )
    missing = [ours for ours, theirs in resolved.items() if theirs is None]
    return frame, {**answer.record, "missing_columns": missing, "units": answer.units}
