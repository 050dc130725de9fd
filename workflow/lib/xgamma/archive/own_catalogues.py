"""A catalogue of the user's own: a file in the place of a service's table.

It is checked as an answer is, and kept among the answers: the provenance names it by its digest, a
bundle holds it, and a replay reads it there. Columns go by the names of the service's table or by
those of the published file: of the LAT's FITS files, and of the Chandra Source Catalog.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from xgamma.answers.checks import unit_readings
from xgamma.answers.store import AnswerStore, query_key
from xgamma.archive.catalogues import (
    GALACTIC,
    Catalogue,
    ServiceColumn,
    catalogues_of,
    fit_to_catalogue,
)
from xgamma.archive.table_files import FileTable, UnreadableFile, open_table
from xgamma.config.settings import Config
from xgamma.errors import XgammaError
from xgamma.sky import galactic, separation
from xgamma.tables.printable import shortened

__all__ = ["fetch_file", "look_at_files", "read_catalogue"]

logger = logging.getLogger("xgamma.catalogues")

# Ours -> the published file's, where it is not the same word. The LAT's: the FITS files of 4FGL and
# FL16Y. Chandra's: master source properties, https://cxc.cfa.harvard.edu/csc/columns/master.html
_PUBLISHED = {
    "fermilpsc": {
        "name": ("source_name",),
        "ra": ("raj2000",),
        "dec": ("dej2000",),
        "lii": ("glon",),
        "bii": ("glat",),
        "semi_major_axis_95": ("conf_95_semimajor",),
        "semi_minor_axis_95": ("conf_95_semiminor",),
        "position_angle_95": ("conf_95_posang",),
        "energy_flux": ("energy_flux100",),
        "energy_flux_error": ("unc_energy_flux100",),
        "detection_significance": ("signif_avg",),
        "source_type": ("class1", "class"),
        "assoc_name": ("assoc1",),
    },
    "csc": {
        "lii": ("gal_l2",),
        "bii": ("gal_b2",),
        "error_ellipse_r0": ("err_ellipse_r0",),
        "error_ellipse_r1": ("err_ellipse_r1",),
        "error_ellipse_angle": ("err_ellipse_ang",),
        "b_flux_ap": ("flux_aper_b",),
        "b_flux_ap_lo": ("flux_aper_lolim_b",),
        "b_flux_ap_hi": ("flux_aper_hilim_b",),
        **{f"{ratio}_{limit}lim": (f"{ratio}_{limit}lim",)
           for ratio in ("hard_hm", "hard_ms") for limit in ("lo", "hi")},
    },
}  # fmt: skip
_FITS_TABLE = {"fermilpsc": "LAT_Point_Source_Catalog"}
_RANGES = {"ra": (0, 360), "dec": (-90, 90), "lii": (0, 360), "bii": (-90, 90)}
_SIZES = {"semi_major_axis_95", "semi_minor_axis_95", "error_ellipse_r0", "error_ellipse_r1"}
# Galactic positions are rounded, and some are made of FK5
_SAME_PLACE_DEG = 0.01


def fetch_file(
    settings: Config, catalogue: Catalogue, results: Path
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The catalogue in the file that the settings name; in a replay, in the file that was kept.

    Parameters
    ----------
    settings : Config
    catalogue : Catalogue
    results : Path
        The archive's folder.

    Returns
    -------
    frame : DataFrame
        As `xgamma.archive.catalogues.fetch_catalogue` gives it.
    records : list of dict
        One, of the kind that answers have, with `missing_columns` and `units`; without a time:
        a file is the same whenever it is read.

    Raises
    ------
    XgammaError
        As `read_catalogue`; if the file is not there, or was not kept.
    """
    own = settings.catalogs[catalogue.table]
    name, place = Path(own.file).name, f"catalogs.{catalogue.table}: {Path(own.file).name}"
    store = AnswerStore(settings.answers_folder(results))
    key = query_key("file", name, catalogue.table, {})
    if settings.replay_of is not None:
        body, record = store.find(key, f"the file {name}")
        with body.stream as stream:
            frame, facts = read_catalogue(stream, catalogue, place)
        return frame, [{**record, **facts}]
    try:
        with open(own.file, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
            frame, facts = read_catalogue(stream, catalogue, place)
            record = {
                "key": key,
                "service": "file",
                "url": own.source,
                "mirror": None,
                "mode": "file",
                "adql": f"all of {catalogue.table}, release {own.release}",
                "uploads": {},
                "rows": len(frame),
                "attempts": 1,
                "started": "",
                "seconds": 0.0,
                "bytes": size,
                "body": digest,
                "server": {},
            }
            store.keep(stream, record)
    except OSError as error:
        raise XgammaError(f"{place} cannot be read: {error.strerror or error}") from error
    return frame, [{**record, **facts}]


def look_at_files(settings: Config) -> Iterator[tuple[str, str, str]]:
    """Of each file that the settings name: whether a run could use it, the key, and how it is."""
    known = catalogues_of(settings.spelt_tables(settings.catalogs_service))
    for table, own in settings.catalogs.items():
        place = f"catalogs.{table}"
        try:
            with open(own.file, "rb") as stream:
                frame, facts = read_catalogue(stream, known[table], place)
        except (XgammaError, OSError) as error:
            yield "STOP", place, f"{own.file}: {str(error).removeprefix(place).lstrip(': ')}"
            continue
        words = f"{len(frame):,} rows in {own.file}, release {own.release}"
        if missing := facts["missing_columns"]:
            yield "note", place, f"{words}; lacks the optional {', '.join(missing)}: null"
        else:
            yield "ok", place, words


def read_catalogue(
    stream: IO[bytes], catalogue: Catalogue, place: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A catalogue from a file, checked as an answer is.

    Parameters
    ----------
    stream : binary file
    catalogue : Catalogue
    place : str
        The key of the config and the file, for messages.

    Returns
    -------
    frame : DataFrame
        The catalogue's columns, sorted by its key.
    facts : dict
        `missing_columns`, the optional ones that the file lacks, and `units` as it states them.

    Raises
    ------
    XgammaError
        If the file is no table or damaged, lacks a column, has one in another unit or of another
        kind, has no rows, or has a row without a name of its own or a valid position; with the
        column, the row (the first is row 1) and what to do.
    """
    try:
        with open_table(stream, _FITS_TABLE.get(catalogue.table, "")) as table:
            if not table.rows:
                raise XgammaError(f"{place} has no rows: is it the whole file?")
            frame, facts, spelt = _columns(table, catalogue, place)
    except UnreadableFile as error:
        raise XgammaError(f"{place}: {error}") from error
    _check_names(frame, catalogue, spelt, place)
    _check_numbers(frame, catalogue, spelt, place)
    _check_galactic(frame, catalogue, spelt, place)
    if facts["missing_columns"]:
        logger.warning("%s lacks %s: null", place, ", ".join(facts["missing_columns"]))
    return fit_to_catalogue(frame, catalogue), facts


def _names_of(column: ServiceColumn, table: str) -> tuple[str, ...]:
    """Under which names a file may have a column."""
    published = _PUBLISHED.get(table, {}).get(column.name, ())
    return (column.name, *column.aliases, *published)


def _columns(
    table: FileTable, catalogue: Catalogue, place: str
) -> tuple[pd.DataFrame, dict[str, Any], dict[str, str]]:
    """The columns that are there, under our names; facts of them; our name -> the file's."""
    spellings = {name.lower(): name for name in reversed(table.units)}
    found = {
        column.name: next(
            (spellings[n] for n in _names_of(column, catalogue.table) if n in spellings), None
        )
        for column in catalogue.columns
    }
    lacking = [c for c in catalogue.columns if c.required and not found[c.name]]
    if lacking := [c for c in lacking if c.name not in GALACTIC]:
        wanted = "; ".join(" or ".join(_names_of(c, catalogue.table)) for c in lacking)
        has = shortened(", ".join(table.units), 200)
        raise XgammaError(
            f"{place} has no column {wanted}; it has {has}: rename the column, or take another file"
        )
    spelt = {name: theirs for name, theirs in found.items() if theirs}
    units = {name: table.units[theirs] for name, theirs in spelt.items()}
    _check_units(units, catalogue, spelt, place)
    by_name = {c.name: c for c in catalogue.columns}
    series = {
        name: _as_kind(table.values(theirs), by_name[name], theirs, place)
        for name, theirs in spelt.items()
    }
    missing = [
        c.name for c in catalogue.columns if c.name not in {*spelt, *GALACTIC} and not c.if_there
    ]
    facts = {"missing_columns": missing, "units": units}
    return pd.DataFrame(series, copy=False), facts, spelt


def _check_units(
    units: dict[str, str], catalogue: Catalogue, spelt: dict[str, str], place: str
) -> None:
    from astropy import units as u

    unstated = []
    for column in catalogue.columns:
        stated = units.get(column.name)
        if not column.column.unit or stated is None:
            continue
        readings = unit_readings(stated) if stated else []
        if stated and readings and u.Unit(column.column.unit) not in readings:
            raise XgammaError(
                f"{place}: column {spelt[column.name]} is in {shortened(stated, 40)}, and "
                f"{column.column.unit} is needed: convert the column, or correct its unit"
            )
        if not readings:
            unstated.append(spelt[column.name])
    if unstated:
        logger.warning(
            "%s: no unit, or none that is understood, of %s: taken for ours",
            place,
            ", ".join(unstated),
        )


def _as_kind(values: pd.Series, column: ServiceColumn, theirs: str, place: str) -> pd.Series:
    """The values of a column that are of its kind."""
    is_text = values.dtype == "str"
    if column.column.kind == "text":
        if column.is_flag and not is_text:
            truth = values.astype("object")
            return truth.map({True: "T", False: "F"}).fillna("").astype("str")
        if not is_text:
            raise XgammaError(
                f"{place}: column {theirs} holds numbers, and text is needed: is it another column?"
            )
        return values
    if is_text:
        row = int(np.flatnonzero((values != "").to_numpy())[:1].sum())
        raise XgammaError(
            f"{place}: column {theirs} holds text, in row {row + 1} "
            f"'{shortened(values.iloc[row], 40)}', and numbers are needed: write it as numbers"
        )
    if column.column.kind == "float":
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        # the LAT's files have an infinite variability index for sources that have none
        return pd.Series(
            numbers if column.column.unit else np.where(np.isinf(numbers), np.nan, numbers)
        )
    numbers = pd.to_numeric(values).astype("Float64")
    broken = ((numbers % 1) != 0).fillna(False).to_numpy(bool)
    if broken.any():
        row = int(np.flatnonzero(broken)[0])
        raise XgammaError(
            f"{place}: column {theirs} has {numbers.iloc[row]} in row {row + 1}, and whole numbers "
            f"are needed: correct the row, or drop the column"
        )
    return numbers.astype("Int64")


def _check_names(
    frame: pd.DataFrame, catalogue: Catalogue, spelt: dict[str, str], place: str
) -> None:
    names, column = frame[catalogue.key], spelt[catalogue.key]
    blank = np.flatnonzero((names == "").to_numpy())
    if len(blank):
        raise XgammaError(
            f"{place}: column {column} is blank in row {blank[0] + 1}"
            f"{_and_more(len(blank))}: give each source a name, or leave the row out"
        )
    again = np.flatnonzero(names.duplicated().to_numpy())
    if len(again):
        name = names.iloc[again[0]]
        first = int(np.flatnonzero((names == name).to_numpy())[0])
        raise XgammaError(
            f"{place}: column {column} has {shortened(name, 60)} in row {first + 1} and in row "
            f"{again[0] + 1}{_and_more(len(again))}: leave one of them out, or rename it"
        )


def _check_numbers(
    frame: pd.DataFrame, catalogue: Catalogue, spelt: dict[str, str], place: str
) -> None:
    for name in (c.name for c in catalogue.columns if c.column.kind == "float" and c.column.unit):
        if name not in frame:
            continue
        values = frame[name].to_numpy(float)
        bad, needed = np.isinf(values), "a finite number or nothing"
        if name in _RANGES:
            low, high = _RANGES[name]
            bad = ~((values >= low) & (values <= high))
            needed = f"a number from {low} to {high}"
        elif name in _SIZES:
            bad |= values < 0
            needed = "a size, or nothing where there is none"
        rows = np.flatnonzero(bad)
        if len(rows):
            value = values[rows[0]]
            said = "null" if np.isnan(value) else f"{value:g}"
            raise XgammaError(
                f"{place}: column {spelt[name]} is {said} in row {rows[0] + 1} "
                f"({shortened(frame[catalogue.key].iloc[rows[0]], 60)}){_and_more(len(rows))}, and "
                f"{needed} is needed: correct the row, or leave it out"
            )


def _check_galactic(
    frame: pd.DataFrame, catalogue: Catalogue, spelt: dict[str, str], place: str
) -> None:
    if not spelt.keys() >= {*GALACTIC}:
        return
    apart = separation(*galactic(frame["ra"], frame["dec"]), frame["lii"], frame["bii"])
    rows = np.flatnonzero(apart > _SAME_PLACE_DEG)
    if len(rows):
        row = rows[0]
        raise XgammaError(
            f"{place}: row {row + 1} ({shortened(frame[catalogue.key].iloc[row], 60)}) is at two "
            f"places, {apart[row]:.2f} degrees apart by {spelt['ra']}, {spelt['dec']} and by "
            f"{spelt['lii']}, {spelt['bii']}{_and_more(len(rows))}: positions are ICRS degrees; "
            f"correct them, or leave the Galactic ones out"
        )


def _and_more(rows: int) -> str:
    return f", and {rows - 1} more rows" if rows > 1 else ""
