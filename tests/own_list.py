"""A list of Fermi sources in a FITS file as the LAT team publishes it, and its pairs by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from project_copy import PROJECT

__all__ = ["pairs_by_hand", "shipped", "write_fits"]

# our name: the LAT's, the format of its FITS file, the unit there
_LAT = {
    "name": ("Source_Name", "24A", None),
    "ra": ("RAJ2000", "E", "deg"),
    "dec": ("DEJ2000", "E", "deg"),
    "lii": ("GLON", "E", "deg"),
    "bii": ("GLAT", "E", "deg"),
    "semi_major_axis_95": ("Conf_95_SemiMajor", "E", "deg"),
    "semi_minor_axis_95": ("Conf_95_SemiMinor", "E", "deg"),
    "position_angle_95": ("Conf_95_PosAng", "E", "deg"),
    "energy_flux": ("Energy_Flux100", "E", "erg/cm2/s"),
    "source_type": ("CLASS1", "5A", None),
    "assoc_name": ("ASSOC1", "30A", None),
    "assoc_fgl": ("ASSOC_FGL", "18A", None),
    "analysis_flags": ("Flags", "J", None),
}


def shipped(name: str) -> pd.DataFrame:
    """A list of resources/, which the demo serves."""
    table = Table.read(PROJECT / f"resources/{name}.ecsv.gz", format="ascii.ecsv")
    return table[list(_LAT)].filled("").to_pandas()


def write_fits(path: Path, rows: pd.DataFrame) -> None:
    """Write rows as the LAT's file has them, a table of extended sources before them."""
    columns = [
        fits.Column(name, form, unit=unit, array=rows[ours].to_numpy())
        for ours, (name, form, unit) in _LAT.items()
    ]
    extended = [fits.Column("Source_Name", "24A", array=np.array(["FL16Y J0222.4+6156e"]))]
    hdus = [
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns(extended, name="ExtendedSources"),
        fits.BinTableHDU.from_columns(columns, name="LAT_Point_Source_Catalog"),
    ]
    fits.HDUList(hdus).writeto(path, overwrite=True)


def pairs_by_hand(fermi: pd.DataFrame, csc: pd.DataFrame) -> set[tuple[str, str]]:
    """Names of the sources with a flux in the circles within 10 degrees, by astropy's matching."""
    fermi = fermi[(fermi["bii"].abs() <= 10) & (fermi["semi_major_axis_95"] > 0)]
    csc = csc[csc["b_flux_ap"] > 0]
    circles, points = (SkyCoord(one["ra"], one["dec"], unit="deg") for one in (fermi, csc))
    radius = fermi["semi_major_axis_95"].to_numpy()
    point, circle, apart, _ = circles.search_around_sky(points, radius.max() * circles.ra.unit)
    inside = apart.deg <= radius[circle]
    names = (fermi["name"].to_numpy()[circle[inside]], csc["name"].to_numpy()[point[inside]])
    return set(zip(*names, strict=True))
