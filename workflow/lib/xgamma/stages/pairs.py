"""The columns of a Fermi-Chandra pair, and the Fermi sources that cannot be matched.

The service's join gives both sources' columns; how far apart they are, and how far out in its
error *ellipse* each Chandra source lies, is computed here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from xgamma.classes import group_of
from xgamma.sky import (
    elliptical_distance,
    fill_galactic,
    position_angle,
    separation,
    within_latitude,
)
from xgamma.tables.columns import ENERGY_FLUX, Column, conform
from xgamma.tables.names import designator, list_of

__all__ = [
    "EXCLUDED_COLUMNS",
    "PAIR_COLUMNS",
    "excluded_sources",
    "fermi_sources",
    "finish_pairs",
    "log_flux_ratio",
]

PAIR_COLUMNS = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id;meta.main"),
    Column("fermi_ra", "float", "deg", "Fermi right ascension, ICRS", "pos.eq.ra"),
    Column("fermi_dec", "float", "deg", "Fermi declination, ICRS", "pos.eq.dec"),
    Column("fermi_l", "float", "deg", "Fermi Galactic longitude", "pos.galactic.lon"),
    Column("fermi_b", "float", "deg", "Fermi Galactic latitude", "pos.galactic.lat"),
    Column("fermi_r95", "float", "deg", "95 % error ellipse, semi-major axis", "stat.error;pos"),
    Column(
        "fermi_semi_minor_95",
        "float",
        "deg",
        "95 % error ellipse, semi-minor axis",
        "stat.error;pos",
    ),
    Column(
        "fermi_position_angle_95", "float", "deg", "Its position angle, east of north", "pos.posAng"
    ),
    Column(
        "fermi_flux", "float", ENERGY_FLUX, "Fermi energy flux, 0.1-100 GeV", "phot.flux;em.gamma"
    ),
    Column("fermi_class", "text", "", "Fermi class, blank if unassociated", "src.class"),
    Column("fermi_flags", "nullable_int", "", "Fermi analysis flags", "meta.code"),
    Column("csc_name", "text", "", "Chandra Source Catalog name", "meta.id"),
    Column("csc_ra", "float", "deg", "Chandra right ascension, ICRS", "pos.eq.ra"),
    Column("csc_dec", "float", "deg", "Chandra declination, ICRS", "pos.eq.dec"),
    Column("csc_l", "float", "deg", "Chandra Galactic longitude", "pos.galactic.lon"),
    Column("csc_b", "float", "deg", "Chandra Galactic latitude", "pos.galactic.lat"),
    Column(
        "csc_flux",
        "float",
        ENERGY_FLUX,
        "Chandra aperture flux, 0.5-7 keV, absorbed",
        "phot.flux;em.X-ray",
    ),
    Column(
        "csc_error_r0",
        "float",
        "arcsec",
        "Chandra 95 % position error, semi-major axis",
        "stat.error;pos",
    ),
    Column("sep_deg", "float", "deg", "Separation", "pos.angDistance"),
    Column(
        "separation_r95",
        "float",
        "",
        "Separation in units of fermi_r95",
        "pos.angDistance;arith.ratio",
    ),
    Column(
        "elliptical_distance",
        "float",
        "",
        "Distance in the error ellipse, 1 on the 95 % one",
        "pos.angDistance;arith.ratio",
    ),
    Column("in_ellipse_95", "bool", "", "Inside the 95 % error ellipse", "meta.code"),
    Column("confused", "bool", "", "Fermi name ends in c: maybe diffuse emission", "meta.code"),
]

EXCLUDED_COLUMNS = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id;meta.main"),
    Column("fermi_ra", "float", "deg", "Right ascension, ICRS", "pos.eq.ra"),
    Column("fermi_dec", "float", "deg", "Declination, ICRS", "pos.eq.dec"),
    Column("fermi_l", "float", "deg", "Galactic longitude", "pos.galactic.lon"),
    Column("fermi_b", "float", "deg", "Galactic latitude", "pos.galactic.lat"),
    Column("fermi_flux", "float", ENERGY_FLUX, "Energy flux, 0.1-100 GeV", "phot.flux;em.gamma"),
    Column("fermi_class", "text", "", "Fermi class", "src.class"),
    Column("assoc_name", "text", "", "Name of the associated source", "meta.id"),
    Column("reason", "text", "", "Why it takes no part in the cross-match", "meta.note"),
]

_MADE_HERE = {"sep_deg", "separation_r95", "elliptical_distance", "in_ellipse_95", "confused"}


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
        if column.name not in pairs and column.name not in _MADE_HERE:
            pairs[column.name] = column.null
    # an X-ray catalogue need not have them
    fill_galactic(pairs, "csc_ra", "csc_dec", "csc_l", "csc_b")
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
    pairs["confused"] = [designator(name) == "c" for name in pairs["fermi_name"]]
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
    # the LAT lists mark extended sources with a final e (Abdollahi et al. 2020, sect. 3.8)
    reason = [
        f"extended source: {list_of(name) or 'the list'} gives no 95 % error ellipse"
        if designator(name) == "e"
        else f"{list_of(name) or 'the list'} gives no 95 % error ellipse for this source"
        for name in chosen["name"]
    ]
    frame = pd.DataFrame(
        {
            "fermi_name": chosen["name"],
            "fermi_ra": chosen["ra"],
            "fermi_dec": chosen["dec"],
            "fermi_l": chosen["lii"],
            "fermi_b": chosen["bii"],
            "fermi_flux": chosen["energy_flux"],
            "fermi_class": chosen["source_type"],
            "assoc_name": chosen["assoc_name"],
            "reason": reason,
        }
    )
    return conform(frame, EXCLUDED_COLUMNS).sort_values("fermi_name", ignore_index=True)


def log_flux_ratio(pairs: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Give log10 of X-ray flux (0.5-7 keV) over gamma-ray flux (0.1-100 GeV) per pair.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        ``csc_flux, fermi_flux`` (erg/cm2/s both).

    Returns
    -------
    ndarray of float, shape (n,)
        NaN where a flux is null, zero or negative.
    """
    xray = pairs["csc_flux"].to_numpy(float)
    gamma = pairs["fermi_flux"].to_numpy(float)
    usable = (xray > 0) & (gamma > 0)
    ratio = np.full(len(pairs), np.nan)
    ratio[usable] = np.log10(xray[usable] / gamma[usable])
    return ratio


def fermi_sources(pairs: pd.DataFrame) -> pd.DataFrame:
    """Reduce pairs to one row per Fermi source.

    Parameters
    ----------
    pairs : DataFrame, shape (n,)
        One row per Fermi-CSC pair.

    Returns
    -------
    DataFrame
        ``fermi_name, fermi_l, fermi_b, fermi_r95`` (deg), ``fermi_flux`` (erg/cm2/s),
        ``fermi_class, confused, num_csc_matches, group``; sorted by name.
    """
    columns = [
        "fermi_name", "fermi_l", "fermi_b", "fermi_r95", "fermi_flux", "fermi_class", "confused",
    ]  # fmt: skip
    counts = pairs["fermi_name"].value_counts()
    sources = pairs[columns].drop_duplicates("fermi_name").sort_values("fermi_name")
    sources = sources.reset_index(drop=True)
    sources["num_csc_matches"] = sources["fermi_name"].map(counts).astype("int64")
    sources["group"] = [group_of(name) for name in sources["fermi_class"]]
    return sources
