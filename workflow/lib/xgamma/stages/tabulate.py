"""The tables that a user opens first: one row per Fermi source, one per candidate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.association.states import LIKELY, states_of
from xgamma.sky import separation
from xgamma.stages.associate import SOURCE_COLUMNS
from xgamma.tables.columns import ENERGY_FLUX, Column, conform

__all__ = [
    "CANDIDATE_TABLE",
    "FERMI_TABLE",
    "agreements",
    "candidate_table",
    "fermi_table",
]

# 4FGL's position and the Chandra source's are the same within this and the Chandra error
_SAME_ARCSEC = 5.0
# extended by nature: a position says nothing about which source it is
_EXTENDED = ("snr", "pwn", "spp", "sfr", "gc", "glc")

CANDIDATE_TABLE = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id"),
    Column("csc_name", "text", "", "Chandra Source Catalog name", "meta.id"),
    Column("rank", "int", "", "1 is the likeliest candidate of the Fermi source", "meta.number"),
    Column(
        "p_association",
        "float",
        "",
        "Probability that it is the Fermi source",
        "stat.probability",
    ),
    Column(
        "match_flag", "int", "", "1 the likeliest, 2 at least half as likely, 0 others", "meta.code"
    ),
    Column("association", "text", "", "The Fermi list's own association", "meta.id"),
    Column("fermi_class", "text", "", "Fermi class, blank if unassociated", "src.class"),
    Column("csc_ra", "float", "deg", "Right ascension of the Chandra source, ICRS", "pos.eq.ra"),
    Column("csc_dec", "float", "deg", "Its declination, ICRS", "pos.eq.dec"),
    Column("csc_l", "float", "deg", "Its Galactic longitude", "pos.galactic.lon"),
    Column("csc_b", "float", "deg", "Its Galactic latitude", "pos.galactic.lat"),
    Column(
        "csc_error_r0",
        "float",
        "arcsec",
        "Its 95 % error ellipse, semi-major axis",
        "stat.error;pos",
    ),
    Column("csc_error_r1", "float", "arcsec", "Semi-minor axis", "stat.error;pos"),
    Column("csc_error_angle", "float", "deg", "Position angle, east of north", "pos.posAng"),
    Column(
        "csc_flux", "float", ENERGY_FLUX, "Aperture flux, 0.5-7 keV, absorbed", "phot.flux;em.X-ray"
    ),
    Column("csc_flux_low", "float", ENERGY_FLUX, "Its lower 68 % limit", "stat.error;phot.flux"),
    Column("csc_flux_high", "float", ENERGY_FLUX, "Its upper 68 % limit", "stat.error;phot.flux"),
    Column("sep_deg", "float", "deg", "Separation", "pos.angDistance"),
    Column(
        "elliptical_distance",
        "float",
        "",
        "Distance in units of the 95 % ellipse, the Chandra error included",
        "pos.angDistance;arith.ratio",
    ),
    Column(
        "log_flux_ratio", "float", "", "log10 of X-ray over gamma-ray flux", "phot.flux;arith.ratio"
    ),
    Column(
        "position_density",
        "float",
        "1 / deg2",
        "Probability density of the Fermi source's position there",
    ),
    Column(
        "density",
        "float",
        "1 / deg2",
        "Chance density of Chandra sources at its place and flux, per dex; without flux, of all",
    ),
    Column(
        "likelihood_ratio",
        "float",
        "",
        "How much likelier it is there than by chance",
        "stat.likelihood",
    ),
    Column(
        "in_circle_95", "bool", "", "Within the semi-major axis of the 95 % ellipse", "meta.code"
    ),
    Column("in_ellipse_95", "bool", "", "Within the 95 % ellipse", "meta.code"),
]

_OF_SOURCES = {column.name: column for column in SOURCE_COLUMNS}

FERMI_TABLE = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id;meta.main"),
    Column("association", "text", "", "The Fermi list's own association", "meta.id"),
    Column("fermi_class", "text", "", "Fermi class, blank if unassociated", "src.class"),
    Column("fermi_ra", "float", "deg", "Right ascension, ICRS", "pos.eq.ra;meta.main"),
    Column("fermi_dec", "float", "deg", "Declination, ICRS", "pos.eq.dec;meta.main"),
    Column("fermi_l", "float", "deg", "Galactic longitude", "pos.galactic.lon"),
    Column("fermi_b", "float", "deg", "Galactic latitude", "pos.galactic.lat"),
    _OF_SOURCES["semi_major_axis_95"],
    _OF_SOURCES["semi_minor_axis_95"],
    _OF_SOURCES["position_angle_95"],
    _OF_SOURCES["ellipse"],
    Column("fermi_flux", "float", ENERGY_FLUX, "Energy flux, 0.1-100 GeV", "phot.flux;em.gamma"),
    Column("significance", "float", "", "Detection significance, sigma", "stat.snr"),
    Column(
        "lp_sigcurv",
        "float",
        "",
        "Significance of a curved spectrum, sigma; null if unknown",
        "stat.snr",
    ),
    Column("variability_index", "float", "", "Above 24.7 variable (99 %)", "src.var.index"),
    Column("state", "text", "", "What is known; see docs/method.md", "meta.code"),
    Column("best_csc_name", "text", "", "Likeliest candidate", "meta.id"),
    Column("best_p", "float", "", "Probability that it is the Fermi source", "stat.probability"),
    Column(
        "p_outside",
        "float",
        "",
        "Probability: the counterpart lies outside coverage",
        "stat.probability",
    ),
    Column("p_below", "float", "", "Probability: it is below the flux limit", "stat.probability"),
    Column("p_none", "float", "", "Probability: it has no X-ray counterpart", "stat.probability"),
    _OF_SOURCES["coverage"],
    _OF_SOURCES["area_seen"],
    _OF_SOURCES["exposure"],
    _OF_SOURCES["exposure_deepest"],
    _OF_SOURCES["flux_limit"],
    _OF_SOURCES["flux_limit_deepest"],
    _OF_SOURCES["n_candidates"],
    _OF_SOURCES["expected_by_chance"],
    Column(
        "chance_sum_p",
        "float",
        "",
        "Mean sum of P at places without a source; null if none",
        "stat.value",
    ),
    Column(
        "agreement",
        "text",
        "",
        "With the list's association by position: same source, other source, none proposed, "
        "not comparable",
        "meta.code",
    ),
]


def candidate_table(
    candidates: pd.DataFrame, fermi: pd.DataFrame, csc: pd.DataFrame
) -> pd.DataFrame:
    """`CANDIDATE_TABLE`, sorted by fermi_name and rank.

    Parameters
    ----------
    candidates : DataFrame
        `xgamma.stages.associate.CANDIDATE_COLUMNS`, likeliest first of each Fermi source.
    fermi, csc : DataFrame
        The catalogues.
    """
    sources = fermi.drop_duplicates("name").set_index("name").loc[candidates["fermi_name"]]
    chandra = csc.drop_duplicates("name").set_index("name").loc[candidates["csc_name"]]
    p = candidates["p_association"]
    rank = candidates.groupby("fermi_name", sort=False).cumcount() + 1
    best = p.groupby(candidates["fermi_name"], sort=False).transform("max")
    flag = np.where(rank == 1, 1, np.where((p >= best / 2) & (p > 0), 2, 0))
    frame = candidates.assign(
        rank=rank,
        match_flag=flag,
        association=sources["assoc_name"].to_numpy(),
        fermi_class=sources["source_type"].to_numpy(),
        csc_ra=chandra["ra"].to_numpy(),
        csc_dec=chandra["dec"].to_numpy(),
        csc_l=chandra["lii"].to_numpy(),
        csc_b=chandra["bii"].to_numpy(),
        csc_error_r0=chandra["error_ellipse_r0"].to_numpy(),
        csc_error_r1=chandra["error_ellipse_r1"].to_numpy(),
        csc_error_angle=chandra["error_ellipse_angle"].to_numpy(),
        csc_flux=chandra["b_flux_ap"].to_numpy(),
        csc_flux_low=chandra["b_flux_ap_lo"].to_numpy(),
        csc_flux_high=chandra["b_flux_ap_hi"].to_numpy(),
        # a source without an ellipse in the catalogue has no circle either
        in_circle_95=candidates["sep_deg"].to_numpy() <= sources["semi_major_axis_95"].to_numpy(),
        in_ellipse_95=candidates["elliptical_distance"] <= 1,
    )
    return conform(frame, CANDIDATE_TABLE)


def fermi_table(
    sources: pd.DataFrame,
    candidates: pd.DataFrame,
    controls: pd.DataFrame,
    fermi: pd.DataFrame,
) -> pd.DataFrame:
    """`FERMI_TABLE`, one row for each Fermi source of the plane, sorted by name.

    Parameters
    ----------
    sources : DataFrame
        `xgamma.stages.associate.SOURCE_COLUMNS`.
    candidates : DataFrame
        `CANDIDATE_TABLE`.
    controls : DataFrame
        `xgamma.stages.calibrate.CONTROL_COLUMNS`.
    fermi : DataFrame
        The catalogue.
    """
    names = sources["fermi_name"]
    catalogue = fermi.drop_duplicates("name").set_index("name").loc[names].reset_index()
    best = candidates[candidates["rank"] == 1].set_index("fermi_name").reindex(names)
    sums = candidates.groupby("fermi_name")["p_association"].sum().reindex(names).fillna(0)
    best_p = best["p_association"].fillna(0).to_numpy()
    chance = controls.set_index("fermi_name")["chance_sum_p"].reindex(names).to_numpy()
    frame = sources.assign(
        association=catalogue["assoc_name"],
        fermi_class=catalogue["source_type"],
        fermi_ra=catalogue["ra"],
        fermi_dec=catalogue["dec"],
        fermi_l=catalogue["lii"],
        fermi_b=catalogue["bii"],
        fermi_flux=catalogue["energy_flux"],
        significance=catalogue["detection_significance"],
        lp_sigcurv=catalogue["lp_sigcurv"],
        variability_index=catalogue["variability_index"],
        state=states_of(
            sources["coverage"].to_numpy(),
            sources["n_candidates"].to_numpy(),
            best_p,
            sums.to_numpy(),
        ),
        best_csc_name=best["csc_name"].fillna("").to_numpy(),
        best_p=np.where(sources["n_candidates"] > 0, best_p, np.nan),
        chance_sum_p=chance,
        agreement=agreements(catalogue, best, best_p),
    )
    return conform(frame, FERMI_TABLE)


def agreements(catalogue: pd.DataFrame, best: pd.DataFrame, best_p: np.ndarray) -> np.ndarray:
    """How the likely counterpart lies to that of 4FGL: the words of the column `agreement`.

    Parameters
    ----------
    catalogue : DataFrame, n rows
        The Fermi catalogue.
    best : DataFrame, n rows
        `csc_ra, csc_dec` (deg), `csc_error_r0` (arcsec) of the likeliest candidates.
    best_p : ndarray, shape (n,)
        Their probabilities; 0 for none.
    """
    ra, dec = catalogue["counterpart_ra"].to_numpy(), catalogue["counterpart_dec"].to_numpy()
    kinds = catalogue["source_type"].str.strip().str.lower()
    proposed = np.isfinite(ra) & np.isfinite(dec)
    comparable = (best_p >= LIKELY) & ~kinds.isin(_EXTENDED).to_numpy()
    both = proposed & comparable
    apart = np.full(len(ra), np.inf)
    rows = best[np.asarray(both)]
    apart[both] = 3600 * separation(ra[both], dec[both], rows["csc_ra"], rows["csc_dec"])
    error = best["csc_error_r0"].fillna(0).to_numpy()
    same = apart <= np.hypot(_SAME_ARCSEC, error)
    # without a name of 4FGL nothing was proposed; with one but no position nothing can be compared
    unnamed = catalogue["assoc_name"].str.strip().eq("").to_numpy()
    conditions = [comparable & ~proposed & unnamed, ~both, same]
    choices = ["none proposed", "not comparable", "same source"]
    return np.select(conditions, choices, "other source").astype(object)
