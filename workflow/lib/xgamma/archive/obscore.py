"""Outlines of Chandra's observations, from a service with a table of ObsCore's columns.

ObsCore (IVOA, version 1.1) is one layout for the observations of any archive. It has no Galactic
latitude: the service is asked to compute it, and asked for all rows if it cannot.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xgamma.answers.answer import Answer
from xgamma.answers.checks import check_asked, check_positions, check_units
from xgamma.archive.catalogues import ALL_ROWS, require_columns
from xgamma.archive.client import TapError
from xgamma.coverage.outlines import map_of_outline
from xgamma.errors import XgammaError
from xgamma.sky import galactic, separation
from xgamma.tables.columns import Column, conform
from xgamma.tap.faults import QueryError

__all__ = ["OUTLINE_COLUMNS", "asked_band_deg", "fetch_outlines"]

logger = logging.getLogger("xgamma.obscore")

OUTLINE_COLUMNS = [
    Column("obsid", "text", "", "Observation identifier"),
    Column("ra", "float", "deg", "Right ascension of its centre, ICRS"),
    Column("dec", "float", "deg", "Declination of its centre, ICRS"),
    Column("exposure", "float", "s", "Exposure"),
    Column("instrument", "text", "", "Instrument, as the service spells it"),
    Column("grating", "text", "", "Grating; nothing if the service does not say"),
    Column("time", "float", "d", "Start of the observation, MJD"),
    Column("public_date", "float", "d", "Release of the data, MJD"),
    Column("outline", "text", "", "What it has seen, STC-S"),
]

# our name -> ObsCore's. `grating` is none of ObsCore's, but some tables have it.
_REQUIRED = {
    "obsid": "obs_id",
    "ra": "s_ra",
    "dec": "s_dec",
    "exposure": "t_exptime",
    "outline": "s_region",
}
_OPTIONAL = {
    "instrument": "instrument_name",
    "grating": "grating",
    "time": "t_min",
    "public_date": "obs_release_date",
}
_UNITS = {"s_ra": "deg", "s_dec": "deg", "t_exptime": "s", "t_min": "d"}

_BAND_STEP_DEG = 5.0
_POLE_RA, _POLE_DEC = 192.85948, 27.12825
# the pole's own digits, and the condition's
_ROUNDING_DEG = 1e-3
# An outline ends at most so far from its centre: that of HRC-S is 1.7 degrees long.
_FARTHEST_DEG = 2.0
_ORDER = 9  # of the cells by which that is looked at: 7 arcmin
_MJD_OF_1970 = 40587
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")


def asked_band_deg(latitude_deg: float) -> float:
    """The latitude up to which is asked, 90 for the whole sky.

    In steps, so that a small change of the latitude cut asks nobody.
    """
    return float(min(90.0, np.ceil(latitude_deg / _BAND_STEP_DEG) * _BAND_STEP_DEG))


def _band_adql(band_deg: float) -> str:
    """A condition for \\|b\\| <= band; '' for the whole sky.

    sin b = sin d sin d_P + cos d cos d_P cos (a - a_P), with the Galactic pole P in ICRS (ESA 1997,
    The Hipparcos Catalogue, volume 1, section 1.5.3).
    """
    if band_deg >= 90:
        return ""
    along, across = np.sin(np.radians(_POLE_DEC)), np.cos(np.radians(_POLE_DEC))
    return (
        f"ABS({along:.8f} * SIN(RADIANS(s_dec)) + {across:.8f} * COS(RADIANS(s_dec)) * "
        f"COS(RADIANS(s_ra - {_POLE_RA}))) <= {np.sin(np.radians(band_deg)):.8f}"
    )


def _circles_adql(circles: pd.DataFrame) -> str:
    """A condition for positions in any of some circles: the cosine of the separation."""
    ra, dec, radius = (circles[name].to_numpy(float) for name in ("ra", "dec", "radius_deg"))
    terms = zip(
        np.sin(np.radians(dec)), np.cos(np.radians(dec)), ra, np.cos(np.radians(radius)),
        strict=True,
    )  # fmt: skip
    return " OR ".join(
        f"({sine:.10f} * SIN(RADIANS(s_dec)) + {cosine:.10f} * COS(RADIANS(s_dec)) * "
        f"COS(RADIANS(s_ra - {centre:.8f})) >= {least:.10f})"
        for sine, cosine, centre, least in terms
    )


def _ask(client: Any, table: str, columns: Collection[str], *conditions: str) -> Answer:
    wanted = " AND ".join(f"({one})" for one in conditions if one.strip())
    behind = f"FROM {table}" + (f" WHERE {wanted}" if wanted else "")
    return client.query_counted(
        f"SELECT TOP {ALL_ROWS} {', '.join(columns)} {behind}", f"SELECT COUNT(*) AS n {behind}"
    )


def _ask_for_part(
    client: Any,
    table: str,
    columns: Collection[str],
    where: str,
    part: str,
    inside: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Answer:
    """Only the rows of a part of the sky where the service can compute that, else all rows."""
    try:
        answer = _ask(client, table, columns, where, part)
    except TapError as error:
        if not isinstance(error.__cause__, QueryError) or not part:
            raise
        logger.warning("%s: asked for all rows, since it says: %s", client.name, error.reason)
    else:
        if not part or _lies_inside(answer.frame, inside):
            return answer
        logger.warning("%s: asked for all rows: it gave others than those asked for", client.name)
    return _ask(client, table, columns, where)


def _lies_inside(
    frame: pd.DataFrame, inside: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> bool:
    """Whether there are rows, and each is where it was asked for: functions may take degrees."""
    if not len(frame) or not {"s_ra", "s_dec"} <= {*frame.columns}:
        return False
    return bool(inside(frame["s_ra"].to_numpy(float), frame["s_dec"].to_numpy(float)).all())


def _within_band(ra: np.ndarray, dec: np.ndarray, band_deg: float) -> np.ndarray:
    return np.abs(galactic(ra, dec)[1]) <= band_deg + _ROUNDING_DEG


def _within_circles(ra: np.ndarray, dec: np.ndarray, circles: pd.DataFrame) -> np.ndarray:
    inside = np.zeros(len(ra), bool)
    for circle in circles.itertuples(index=False):
        inside |= separation(ra, dec, circle.ra, circle.dec) <= circle.radius_deg + _ROUNDING_DEG
    return inside


def fetch_outlines(
    client: Any, table: str, where: str, band_deg: float, circles: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The observations of a table that have an outline and an exposure.

    Parameters
    ----------
    client : xgamma.archive.client.TapClient
    table : str
    where : str
        Condition in ADQL, '' for all rows.
    band_deg : float
        As `asked_band_deg` gives it.
    circles : DataFrame, optional
        ra, dec, radius_deg (degrees): these parts of the sky alone, in place of the band.

    Returns
    -------
    frame : DataFrame
        `OUTLINE_COLUMNS`, sorted; rows that differ in nothing but the exposure are one
        observation, with the longest.
    records : list of dict
        How they were fetched: the columns, with `missing_columns`, and the rows.

    Raises
    ------
    XgammaError
        If the table lacks a column, has one in another unit, or no row with an outline; if a
        position, a date or an outline is none; naming the table and the first such row.
    """
    described = client.columns(_spellings(table))
    available = sorted(set(described.frame["column"].str.lower()))
    require_columns(client.name, table, _REQUIRED.values(), available)
    asked = {
        name: column
        for name, column in (_REQUIRED | _OPTIONAL).items()
        if column in available or name in _REQUIRED
    }
    if circles is None:
        part, inside = _band_adql(band_deg), partial(_within_band, band_deg=band_deg)
    else:
        part, inside = _circles_adql(circles), partial(_within_circles, circles=circles)
    answer = _ask_for_part(client, table, asked.values(), where, part, inside)
    check_asked(client.name, table, answer.frame, {column: column for column in asked.values()})
    units = {column: unit for column, unit in _UNITS.items() if column in asked.values()}
    check_units(client.name, table, answer.units, units)
    frame = _observations(client.name, table, answer.frame, asked)
    client.kept.trust([described.record, answer.record])
    missing = [column for name, column in _OPTIONAL.items() if name not in asked]
    return frame, [described.record, {**answer.record, "missing_columns": missing}]


def _spellings(table: str) -> list[str]:
    """As TAP_SCHEMA may have a table's name, in which case counts: ivoa.ObsCore is usual."""
    of_standard = re.sub("(?i)obscore", "ObsCore", table)
    return list(dict.fromkeys((table, table.lower(), of_standard)))


def _observations(
    service: str, table: str, rows: pd.DataFrame, asked: dict[str, str]
) -> pd.DataFrame:
    frame = rows.rename(columns={column: name for name, column in asked.items()})
    frame["row"] = np.arange(1, len(frame) + 1)
    for column in OUTLINE_COLUMNS:
        if column.name not in frame.columns:
            frame[column.name] = column.null
    source = f"{service}: {table}"
    frame["public_date"] = _dates(source, frame)
    number = frame["row"].to_numpy()
    frame = conform(frame, OUTLINE_COLUMNS).assign(row=number)
    for name in ("obsid", "outline"):
        frame[name] = frame[name].str.strip()
    has_outline = (frame["outline"] != "").to_numpy()
    has_exposure = (frame["exposure"] > 0).to_numpy()
    kept = frame[has_outline & has_exposure].reset_index(drop=True)
    logger.info(
        "%s: %d rows; left out: %d without s_region, %d more without t_exptime",
        source,
        len(frame),
        (~has_outline).sum(),
        (has_outline & ~has_exposure).sum(),
    )
    if kept.empty:
        raise XgammaError(
            f"{source} has no observation with an outline and an exposure (rows: {len(frame)}): "
            f"is coverage.obscore.where in the config right?"
        )
    check_positions(service, table, kept, "obsid")
    _check_outlines(source, kept)
    kept = kept.sort_values(
        ["obsid", "outline", "exposure"], ascending=[True, True, False], kind="stable"
    )
    once = ~kept.duplicated(["obsid", "outline"]).to_numpy()
    if not once.all():
        logger.info("%s: %d rows that an observation has more than once", source, (~once).sum())
    return conform(kept[once], OUTLINE_COLUMNS)


def _dates(source: str, frame: pd.DataFrame) -> np.ndarray:
    """Release dates as MJD, NaN where there is none."""
    values = frame["public_date"]
    if values.dtype.kind == "f":
        return values.to_numpy(float)
    text = values.astype(str).str.strip().to_numpy(object)
    dates = np.full(len(text), np.nan)
    for row, one in enumerate(text):
        if not one:
            continue
        if not _DATE.fullmatch(one):
            raise XgammaError(f"{source}: {_row(frame, row)}: obs_release_date is {one[:80]!r}")
        dates[row] = np.datetime64(one[:10], "D").astype(int) + _MJD_OF_1970
    return dates


def _row(frame: pd.DataFrame, row: int) -> str:
    return f"row {frame['row'].iloc[row]} (obs_id {frame['obsid'].iloc[row]})"


def _check_outlines(source: str, frame: pd.DataFrame) -> None:
    """Refuse outlines that cannot be read, or lie elsewhere than the observation."""
    from astropy_healpix import healpix_to_lonlat

    way_out = "leave such rows out by coverage.obscore.where in the config, and tell the archive"
    cells = []
    for row, outline in enumerate(frame["outline"]):
        try:
            cells.append(map_of_outline(outline, _ORDER).flatten().astype(np.int64))
        except XgammaError as error:
            raise XgammaError(
                f"{source}: {_row(frame, row)}: the outline {error}; {way_out}"
            ) from error
    number = np.repeat(np.arange(len(cells)), [len(one) for one in cells])
    ra, dec = (
        angle.deg for angle in healpix_to_lonlat(np.concatenate(cells), 2**_ORDER, order="nested")
    )
    away = separation(frame["ra"].to_numpy()[number], frame["dec"].to_numpy()[number], ra, dec)
    if (far := np.flatnonzero(away > _FARTHEST_DEG)).size:
        row = int(number[far[0]])
        farthest = away[number == row].max()
        raise XgammaError(
            f"{source}: {_row(frame, row)}: the outline reaches {farthest:.1f} degrees from s_ra, "
            f"s_dec: {frame['outline'].iloc[row][:80]!r}; {way_out}"
        )
