"""Where Chandra has looked around the plane, and how deep.

From the list of its observations, a map of one's own, or the observations' outlines.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xgamma.association.background import Counts, listed_per_unit
from xgamma.association.fields import XraySources, fit_counts
from xgamma.association.positions import error_ellipses
from xgamma.coverage.cells import (
    ORDER,
    AimPoints,
    Cells,
    Pointings,
    from_moc,
    from_outlines,
    witnessed,
)
from xgamma.coverage.footprints import disc, flux_limit, in_catalogue_share
from xgamma.sky import galactic, match_within, within_latitude
from xgamma.tables.columns import Column

if TYPE_CHECKING:
    import mocpy

__all__ = [
    "CELL_COLUMNS",
    "EXTENDED_COLUMNS",
    "MARGIN_DEG",
    "cells_around",
    "cells_of_frame",
    "frame_of_cells",
    "map_coverage",
    "moc_of_cells",
]

MARGIN_DEG = 3.0
"""Beyond the latitude cut: ellipses reach over it, and so do controls."""

CELL_COLUMNS = [
    Column("cell", "int", "", "HEALPix number, order 11, nested, ICRS"),
    Column("ra", "float", "deg", "Right ascension of its centre, ICRS"),
    Column("dec", "float", "deg", "Declination of its centre, ICRS"),
    Column("share", "float32", "", "Probability that the place was seen"),
    Column("exposure", "float32", "s", "Exposure if so, as on the axis of ACIS"),
]

EXTENDED_COLUMNS = [
    Column("name", "text", "", "Fermi name"),
    Column("ra", "float", "deg", "Right ascension of the centre, ICRS"),
    Column("dec", "float", "deg", "Declination of the centre, ICRS"),
    Column("model_form", "text", "", "Disk, 2D Gaussian, Ring or Map"),
    Column("model_semi_major", "float", "deg", "Radius, 68 % radius or half the size"),
    Column("model_semi_minor", "float", "deg", "The same across"),
    Column("model_position_angle", "float", "deg", "East of north"),
]
"""The columns that are used of the shipped list of extended Fermi sources."""

# Without any observation: the catalogue itself says how deep it is, so any exposure does.
_NOMINAL_S = 1e4
_MJD_OF_1970 = 40587
# In the name of an instrument: gratings, and continuous clocking.
_NO_IMAGES = ("HETG", "LETG", "CC")


def map_coverage(
    chanmaster: pd.DataFrame,
    csc: pd.DataFrame,
    fermi: pd.DataFrame,
    extended: pd.DataFrame,
    *,
    latitude_cut_deg: float,
    public_by: str,
    moc: mocpy.MOC | None = None,
    outlines: pd.DataFrame | None = None,
    radius_arcmin: float = 0.0,
) -> Cells:
    """Cells that Chandra has seen at |b| up to the cut and a margin.

    Observations say where and how long; the catalogue bears witness: its sources prove that their
    places were seen, and where it should have several and has none, nobody looked.

    Parameters
    ----------
    chanmaster, csc, fermi : DataFrame
        The whole catalogues.
    extended : DataFrame
        Templates of extended Fermi sources.
    latitude_cut_deg : float
    public_by : str
        Date; observations that were made public later are not in the source catalogue.
    moc : mocpy.MOC, optional
        A map of where Chandra has looked; the observations then tell only how deep.
    outlines : DataFrame, optional
        `xgamma.archive.obscore.OUTLINE_COLUMNS`: what observations have seen, in their place. The
        list of observations then tells of each only what that table does not: grating, detector,
        status, dates.
    radius_arcmin : float
        Of the field of view, if it is a disc; 0: by Chandra's detectors.
    """
    limit = latitude_cut_deg + MARGIN_DEG
    csc = csc[within_latitude(csc["bii"], limit)]
    source_ra, source_dec = csc["ra"].to_numpy(float), csc["dec"].to_numpy(float)
    if outlines is not None:
        outlines = outlines[_near_plane(outlines["ra"], outlines["dec"], limit)]
        cells = _cells_of_outlines(_completed(outlines, chanmaster), public_by)
        return witnessed(cells, source_ra, source_dec, None)
    chanmaster = chanmaster[_near_plane(chanmaster["ra"], chanmaster["dec"], limit)]
    ra, dec, exposure = (chanmaster[name].to_numpy(float) for name in ("ra", "dec", "exposure"))
    detector = chanmaster["detector"].to_numpy(object)
    if radius_arcmin:
        detector = np.full(len(chanmaster), disc(radius_arcmin), dtype=object)
    listed = _in_catalogue(chanmaster, public_by)
    pointings = Pointings(ra, dec, detector, exposure)
    first = witnessed(pointings.cells(listed), source_ra, source_dec, None)
    if moc is not None:
        usual = float(np.median(first.exposure)) if (first.exposure > 0).any() else _NOMINAL_S
        return witnessed(from_moc(moc, first, usual), source_ra, source_dec, None)
    plane = fermi[within_latitude(fermi["bii"], latitude_cut_deg)]
    xray = XraySources.placed(source_ra, source_dec, csc["b_flux_ap"].to_numpy(float), first)
    counts = fit_counts(first, xray, error_ellipses(plane, extended))
    density = _Density(counts)
    believed = pointings.doubted(listed, source_ra, source_dec, density)
    return witnessed(pointings.cells(believed), source_ra, source_dec, density)


def cells_around(cells: Cells, chosen: pd.DataFrame) -> Cells:
    """The cells in the circles of chosen sources: further out not all was fetched that tells.

    Parameters
    ----------
    cells : Cells
    chosen : DataFrame
        ra, dec, reach_deg (degrees).
    """
    _, near, _ = match_within(chosen["ra"], chosen["dec"], chosen["reach_deg"], cells.ra, cells.dec)
    return cells.take(np.unique(near))


def _in_catalogue(observations: pd.DataFrame, public_by: str) -> np.ndarray:
    """`in_catalogue_share` of observations with the columns of chanmaster."""
    date = datetime.date.fromisoformat(public_by)
    return in_catalogue_share(
        observations["detector"].to_numpy(object),
        observations["status"].to_numpy(object),
        observations["grating"].to_numpy(object),
        observations["public_date"].to_numpy(float),
        observations["time"].to_numpy(float),
        observations["exposure"].to_numpy(float),
        (date - datetime.date(1970, 1, 1)).days + _MJD_OF_1970,
    )


def _completed(outlines: pd.DataFrame, chanmaster: pd.DataFrame) -> pd.DataFrame:
    """Outlines with what only the list of observations tells, in the columns of that."""
    known = chanmaster.drop_duplicates("obsid").set_index("obsid")
    # ObsCore's identifiers may be filled up with zeros
    own = known.reindex(outlines["obsid"].str.lstrip("0")).reset_index(drop=True)
    frame = outlines.reset_index(drop=True)
    instrument = frame["instrument"].str.upper()
    words = instrument.str.split(r"[^A-Z0-9]+")
    grating = frame["grating"].where(frame["grating"] != "", own["grating"].fillna(""))
    return frame.assign(
        detector=own["detector"].fillna("").where(lambda name: name != "", instrument),
        status=own["status"].fillna(""),
        # continuous clocking has one dimension: no images, as little as a grating
        grating=[
            next((word for word in of_row if word in _NO_IMAGES), one)
            for of_row, one in zip(words, grating, strict=True)
        ],
        public_date=frame["public_date"].fillna(own["public_date"]),
        time=frame["time"].fillna(own["time"]),
    )


def _cells_of_outlines(observations: pd.DataFrame, public_by: str) -> Cells:
    """The cells of those observations that the source catalogue is made from."""
    seen = observations[_in_catalogue(observations, public_by) > 0]
    ra, dec = seen["ra"].to_numpy(float), seen["dec"].to_numpy(float)
    aim_points = AimPoints(ra, dec, seen["detector"].tolist())
    outlines, exposure = seen["outline"].tolist(), seen["exposure"].to_numpy(float)
    return from_outlines(outlines, exposure, aim_points)


class _Density:
    """Sources per square degree that are listed after an exposure, usual in the run."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def __call__(self, exposure_s: np.ndarray) -> np.ndarray:
        limit = np.log10(flux_limit(exposure_s)) + self._counts.limit_shift
        return self._counts.mean * listed_per_unit(limit, self._counts.slope)


def _near_plane(ra: pd.Series, dec: pd.Series, limit: float) -> np.ndarray:
    return within_latitude(galactic(ra.to_numpy(float), dec.to_numpy(float))[1], limit)


def frame_of_cells(cells: Cells) -> pd.DataFrame:
    """The cells as a table: `CELL_COLUMNS`."""
    return pd.DataFrame(vars(cells))


def cells_of_frame(frame: pd.DataFrame) -> Cells:
    """The cells of such a table."""
    floats = (frame[name].to_numpy(float) for name in ("ra", "dec", "share", "exposure"))
    return Cells(frame["cell"].to_numpy(np.int64), *floats)


def moc_of_cells(cells: Cells) -> mocpy.MOC:
    """The map of the cells that Chandra has more likely seen than not."""
    from mocpy import MOC

    seen = cells.cell[cells.share >= 0.5].astype(np.uint64)
    return MOC.from_healpix_cells(seen, np.full(len(seen), ORDER, np.uint8), max_depth=ORDER)
