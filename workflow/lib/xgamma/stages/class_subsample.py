"""The tables of classes: shares by latitude, and the Fermi sources of chosen classes.

Rule plot_subsample writes both; the shares are those of `xgamma.classes.class_shares`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from xgamma.classes import ordered_classes
from xgamma.stages.pairs import log_flux_ratio
from xgamma.tables.columns import ENERGY_FLUX, Column, conform

__all__ = ["SHARE_COLUMNS", "class_subsample", "subsample_columns"]

_SUBSAMPLE = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id;meta.main"),
    Column(
        "fermi_class",
        "text",
        "",
        "Fermi class; upper case identified, lower associated",
        "src.class",
    ),
    Column("assoc_name", "text", "", "Associated source according to the Fermi list", "meta.id"),
    Column("fermi_ra", "float", "deg", "Right ascension, ICRS", "pos.eq.ra"),
    Column("fermi_dec", "float", "deg", "Declination, ICRS", "pos.eq.dec"),
    Column("fermi_l", "float", "deg", "Galactic longitude", "pos.galactic.lon"),
    Column("fermi_b", "float", "deg", "Galactic latitude", "pos.galactic.lat"),
    Column(
        "fermi_r95",
        "float",
        "deg",
        "Semi-major axis of the 95 % ellipse; null: not searched",
        "stat.error;pos",
    ),
    Column(
        "fermi_flux",
        "float",
        ENERGY_FLUX,
        "Gamma-ray energy flux, 0.1-100 GeV",
        "phot.flux;em.gamma",
    ),
    Column("num_csc_matches", "int", "", "Chandra sources within R95", "meta.number"),
    Column("num_in_ellipse", "int", "", "Of these, within the 95 % ellipse", "meta.number"),
    Column(
        "nearest_csc_name", "text", "", "Chandra source nearest to the Fermi position", "meta.id"
    ),
    Column(
        "nearest_separation_r95",
        "float",
        "",
        "Its separation over R95",
        "pos.angDistance;arith.ratio",
    ),
    Column(
        "nearest_csc_flux", "float", ENERGY_FLUX, "Its X-ray flux, 0.5-7 keV", "phot.flux;em.X-ray"
    ),
    Column(
        "nearest_log_flux_ratio",
        "float",
        "",
        "log10 of its X-ray over gamma-ray flux",
        "phot.flux;arith.ratio",
    ),
    Column("brightest_csc_name", "text", "", "Chandra source with the greatest flux", "meta.id"),
    Column(
        "brightest_separation_r95",
        "float",
        "",
        "Its separation over R95",
        "pos.angDistance;arith.ratio",
    ),
    Column(
        "brightest_log_flux_ratio",
        "float",
        "",
        "log10 of its X-ray over gamma-ray flux",
        "phot.flux;arith.ratio",
    ),
]

_SHARE = "of the classified sources: fraction that is Galactic"

SHARE_COLUMNS = [
    Column("b_min_deg", "float", "deg", "Least |b|, exclusive unless 0"),
    Column("b_max_deg", "float", "deg", "Greatest |b|, inclusive"),
    Column("is_total", "bool", "", "True for the whole plane"),
    Column("n_galactic", "int", "", "Galactic sources, without spp"),
    Column("n_spp", "int", "", "Potential supernova remnants or pulsar wind nebulae"),
    Column("n_extragalactic", "int", "", "Extragalactic sources"),
    Column("n_unclassified", "int", "", "Sources without a class, or of unknown class"),
    Column("n_all", "int", "", "All sources"),
    Column("galactic_share", "float", "", f"{_SHARE}, spp counted as such"),
    Column("galactic_share_low", "float", "", "Wilson's 95 % interval"),
    Column("galactic_share_high", "float", "", "Wilson's 95 % interval"),
    Column("galactic_share_without_spp", "float", "", f"{_SHARE}, spp left out"),
    Column("galactic_share_without_spp_low", "float", "", "Wilson's 95 % interval"),
    Column("galactic_share_without_spp_high", "float", "", "Wilson's 95 % interval"),
    Column("expected_extragalactic", "float", "", "From the density outside the plane"),
    Column("expected_extragalactic_error", "float", "", "Standard deviation, Poisson"),
    Column("extragalactic_at_most", "float", "", "Unclassified ones that can be extragalactic"),
    Column("not_extragalactic_share", "float", "", "Fraction of the unclassified that cannot be"),
    Column("not_extragalactic_share_low", "float", "", "Two standard deviations"),
    Column("not_extragalactic_share_high", "float", "", "Two standard deviations"),
]
"""Columns of `xgamma.classes.class_shares`."""


def subsample_columns(surveys: Sequence[str]) -> list[Column]:
    """List the columns of `class_subsample`, with one per survey at the end."""
    return _SUBSAMPLE + [
        Column(f"num_{survey}", "int", "", f"{survey} sources near its Chandra candidates")
        for survey in surveys
    ]


def class_subsample(
    fermi: pd.DataFrame,
    pairs: pd.DataFrame,
    counterparts: Mapping[str, pd.DataFrame],
    classes: Sequence[str],
) -> pd.DataFrame:
    """Select the Fermi sources of the plane that have one of the classes.

    Parameters
    ----------
    fermi : DataFrame, shape (n,)
        The plane's Fermi sources: ``name, source_type, assoc_name, ra, dec, lii, bii,
        semi_major_axis_95`` (deg), ``energy_flux``.
    pairs : DataFrame, shape (m,)
        One row per Fermi-CSC pair.
    counterparts : mapping of str to DataFrame
        Survey -> its sources: ``around, fermi_name, id``.
    classes : sequence of str
        As 4FGL spells them: 'HMB' does not select 'hmb'.

    Returns
    -------
    DataFrame
        Columns of `subsample_columns`; sources without a Chandra source are in it, with
        zeros. Sorted by class (Galactic to extragalactic), then name. A survey's source
        near several candidates of a Fermi source counts once.
    """
    chosen = fermi[fermi["source_type"].str.strip().isin(list(classes))]
    table = pd.DataFrame(
        {
            "fermi_name": chosen["name"],
            "fermi_class": chosen["source_type"].str.strip(),
            "assoc_name": chosen["assoc_name"].str.strip(),
            "fermi_ra": chosen["ra"],
            "fermi_dec": chosen["dec"],
            "fermi_l": chosen["lii"],
            "fermi_b": chosen["bii"],
            "fermi_r95": chosen["semi_major_axis_95"],
            "fermi_flux": chosen["energy_flux"],
        }
    )
    candidates = pairs[pairs["fermi_name"].isin(table["fermi_name"])]
    candidates = candidates.assign(log_flux_ratio=log_flux_ratio(candidates))
    with_ratio = candidates[candidates["log_flux_ratio"].notna()]
    by_source = candidates.groupby("fermi_name")
    names = table["fermi_name"]
    table["num_csc_matches"] = names.map(by_source.size()).fillna(0)
    table["num_in_ellipse"] = names.map(by_source["in_ellipse_95"].sum()).fillna(0)
    nearest = candidates.sort_values(["separation_r95", "csc_name"])
    brightest = with_ratio.sort_values(["csc_flux", "csc_name"], ascending=[False, True])
    for which, ordered in (("nearest", nearest), ("brightest", brightest)):
        first = ordered.drop_duplicates("fermi_name").set_index("fermi_name")
        for column in ("csc_name", "separation_r95", "csc_flux", "log_flux_ratio"):
            table[f"{which}_{column}"] = names.map(first[column])
    for survey, found in counterparts.items():
        near = found[found["around"] == "csc"].drop_duplicates(["fermi_name", "id"])
        table[f"num_{survey}"] = names.map(near.groupby("fermi_name").size()).fillna(0)
    order = {name: rank for rank, name in enumerate(ordered_classes(table["fermi_class"]))}
    table = table.assign(rank=table["fermi_class"].map(order)).sort_values(["rank", "fermi_name"])
    return conform(table, subsample_columns(list(counterparts)))
