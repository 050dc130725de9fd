"""What the identified objects say of each candidate, and the table that a user opens first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xgamma.association.states import states_of
from xgamma.identification.evidence import (
    GAIA_LIMIT_MAG,
    absolute_magnitude,
    evidence_ratio,
    log_flux_ratio,
    verdict,
    with_evidence,
)
from xgamma.sky import galactic
from xgamma.stages.associate import KIND_COLUMNS
from xgamma.stages.counterparts import product_name, survey_called
from xgamma.stages.identify import Identified
from xgamma.stages.tabulate import CANDIDATE_TABLE, FERMI_TABLE, agreements
from xgamma.tables.columns import Column, conform
from xgamma.tables.names import designator

__all__ = [
    "EVIDENCE_TABLE",
    "counterpart_columns",
    "counterpart_table",
    "counting_probabilities",
    "evidence_table",
    "none_of_them",
]

# the class of the evidence for each of `KIND_COLUMNS`: both kinds of pulsar are neutron stars
_CLASS_OF_KIND = (
    "neutron star",
    "neutron star",
    "active galaxy",
    "high-mass binary",
    "other binary",
)
# Gaia's errors of parallaxes over those of right ascension, about (Lindegren et al. 2021)
_PARALLAX_ERROR = 1.2
# warnings: what 4FGL calls variable (99 %), and a field where chance is a counterpart so often
_VARIABLE_INDEX, _CROWDED = 24.7, 0.1

EVIDENCE_TABLE = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id"),
    Column("csc_name", "text", "", "Chandra source", "meta.id"),
    Column("csc_ra", "float", "deg", "Its right ascension, ICRS", "pos.eq.ra"),
    Column("csc_dec", "float", "deg", "Its declination, ICRS", "pos.eq.dec"),
    Column("csc_l", "float", "deg", "Its Galactic longitude", "pos.galactic.lon"),
    Column("csc_b", "float", "deg", "Its Galactic latitude", "pos.galactic.lat"),
    Column(
        "p_association", "float", "", "Probability that it is the Fermi source", "stat.probability"
    ),
    Column(
        "p_association_evidence", "float", "",
        "The same with the optical evidence: see docs/method.md", "stat.probability",
    ),
    Column(
        "evidence_ratio", "float", "", "How much likelier the optical evidence is than in the field"
    ),
    Column("p_gaia", "float", "", "Probability of the likeliest Gaia object", "stat.probability"),
    Column("p_twomass", "float", "", "That of the likeliest 2MASS object", "stat.probability"),
    Column("log_fx_fg", "float", "", "log10 of X-ray over G flux of that Gaia object"),
    Column("log_fx_fg_error", "float", "", "Its error, one sigma", "stat.error"),
    Column("log_fx_fj", "float", "", "log10 of X-ray over J flux of that 2MASS object"),
    Column("log_fx_fj_error", "float", "", "Its error, one sigma", "stat.error"),
    Column("g_mag", "float", "mag", "G of the Gaia object", "phot.mag;em.opt"),
    Column("bp_rp", "float", "mag", "BP - RP; null where bp_rp is not taken", "phot.color"),
    Column("absolute_g", "float", "mag", "M_G, extinction ignored, if the parallax is 5 sigma"),
    Column("absolute_g_error", "float", "mag", "Its error by the parallax", "stat.error"),
    Column("j_mag", "float", "mag", "J of the 2MASS object", "phot.mag;em.IR.J"),
    Column("j_h", "float", "mag", "J - H", "phot.color"),
    Column("h_k", "float", "mag", "H - K", "phot.color"),
    Column("hardness_hm", "float", "", "(H - M) / (H + M), 2-7 and 1.2-2 keV"),
    Column("hardness_ms", "float", "", "(M - S) / (M + S), 1.2-2 and 0.5-1.2 keV"),
    Column("x_ray_remarks", "text", "", "The catalogue's flags: extended, piled up, confused, ..."),
    Column("verdict", "text", "", "What the numbers say in words"),
]  # fmt: skip

# the catalogue's columns of flags, where it has them, and their words
_FLAGS = {
    "extent_flag": "extended",
    "pileup_flag": "piled up",
    "sat_src_flag": "saturated",
    "conf_flag": "confused",
    "var_flag": "variable",
}


def _is_set(values: pd.Series) -> np.ndarray:
    """Whether flags are set: numbers other than 0, or T, true, yes, 1."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return values.fillna(0).to_numpy(float) != 0
    return values.fillna("").str.strip().str.lower().isin(["t", "true", "y", "yes", "1"]).to_numpy()


class _Best:
    """The likeliest object of one survey for each Chandra source, and its columns."""

    def __init__(
        self, identified: Identified, which: str, surveys: Mapping[str, Mapping[str, Any]]
    ) -> None:
        count = len(identified.names)
        self.name = survey_called(which, surveys)
        self.row = np.full(count, -1)
        self.probability = np.full(count, np.nan)
        if self.name is None:
            return
        number = list(identified.surveys).index(self.name)
        self._settings, self._rows = surveys[self.name], identified.surveys[self.name]
        self.near = identified.found.neighbours[number]
        self.of_near = identified.found.probability[number]
        order = np.lexsort((self.near.object, -self.of_near, self.near.source))
        first = order[np.unique(self.near.source[order], return_index=True)[1]]
        self.row[self.near.source[first]] = self.near.object[first]
        self.probability[:] = 0.0
        self.probability[self.near.source[first]] = self.of_near[first]
        self.p_any = identified.found.p_any[:, number]

    def object_values(self, service_name: str, objects: np.ndarray) -> np.ndarray:
        """A column of objects; NaN if the config does not take it, or where there is no object."""
        values = np.full(len(objects), np.nan)
        name = product_name(self._settings["columns"], service_name) if self.name else None
        if name:
            rows = np.flatnonzero(objects >= 0)
            values[rows] = self._rows[name].to_numpy(float)[objects[rows]]
        return values

    def values(self, service_name: str) -> np.ndarray:
        """The column of each source's likeliest object."""
        return self.object_values(service_name, self.row)


def evidence_table(
    identified: Identified,
    association: pd.DataFrame,
    rest: pd.Series,
    csc: pd.DataFrame,
    surveys: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """`EVIDENCE_TABLE`, one row for each Fermi source and candidate that was searched around.

    Parameters
    ----------
    identified : Identified
    association : DataFrame
        `xgamma.stages.associate.CANDIDATE_COLUMNS`.
    rest : Series
        Of `none_of_them`.
    csc : DataFrame
        The catalogue.
    surveys : mapping
        Survey -> its settings.
    """
    names = pd.Index(identified.names)
    gaia = _Best(identified, "gaia", surveys)
    twomass = _Best(identified, "twomass", surveys)
    rows = csc.drop_duplicates("name").set_index("name").reindex(names)
    flux = [rows[n].to_numpy(float) for n in ("b_flux_ap", "b_flux_ap_lo", "b_flux_ap_hi")]
    g, j = gaia.values("phot_g_mean_mag"), twomass.values("j_m")
    h, k = twomass.values("h_m"), twomass.values("k_m")
    fx_fg, fx_fg_error = log_flux_ratio(*flux, g, "G")
    fx_fj, fx_fj_error = log_flux_ratio(*flux, j, "J")
    parallax_error = _PARALLAX_ERROR * gaia.values("ra_error")
    absolute, absolute_error = absolute_magnitude(g, gaia.values("parallax"), parallax_error)
    colour = gaia.values("bp_rp")
    null = pd.Series(np.nan, index=names)
    remarks = np.full(len(names), "", dtype=object)
    for flag, word in _FLAGS.items():
        if flag in rows:
            found = _is_set(rows[flag])
            remarks[found] = [f"{text}; {word}" if text else word for text in remarks[found]]
    lon, lat = galactic(identified.sources.ra, identified.sources.dec) if len(names) else ([], [])
    of_source = pd.DataFrame(
        {
            "csc_name": names,
            "csc_ra": identified.sources.ra,
            "csc_dec": identified.sources.dec,
            "csc_l": lon,
            "csc_b": lat,
            "p_gaia": gaia.probability,
            "p_twomass": twomass.probability,
            "log_fx_fg": fx_fg,
            "log_fx_fg_error": fx_fg_error,
            "log_fx_fj": fx_fj,
            "log_fx_fj_error": fx_fj_error,
            "g_mag": g,
            "bp_rp": colour,
            "absolute_g": absolute,
            "absolute_g_error": absolute_error,
            "j_mag": j,
            "j_h": j - h,
            "h_k": h - k,
            "hardness_hm": rows.get("hard_hm", null).to_numpy(float),
            "hardness_ms": rows.get("hard_ms", null).to_numpy(float),
            "x_ray_remarks": remarks,
            "verdict": [
                verdict(*numbers)
                for numbers in zip(
                    gaia.probability, twomass.probability, fx_fg, fx_fj, absolute, colour,
                    strict=True,
                )
            ],
        }
    )  # fmt: skip
    ratios = _class_ratios(identified, gaia, flux)
    row = names.get_indexer(association["csc_name"])
    by_kind = association[KIND_COLUMNS].to_numpy()
    ratio = np.where(row >= 0, (by_kind * ratios[row]).sum(axis=1), 1.0)
    p = with_evidence(
        association["p_association"].to_numpy(),
        ratio,
        association["fermi_name"].to_numpy(),
        association["fermi_name"].map(rest).to_numpy(float),
    )
    table = association[["fermi_name", "csc_name", "p_association"]].assign(
        p_association_evidence=p, evidence_ratio=ratio
    )
    table = table[row >= 0].merge(of_source, on="csc_name")
    order = ["fermi_name", "p_association", "csc_name"]
    table = table.sort_values(order, ascending=[True, False, True], ignore_index=True)
    return conform(table, EVIDENCE_TABLE)


def _class_ratios(identified: Identified, gaia: _Best, flux: list[np.ndarray]) -> np.ndarray:
    """R of each Chandra source for each of `KIND_COLUMNS`; 1 without Gaia."""
    count = len(identified.names)
    if gaia.name is None or not count:
        return np.ones((count, len(KIND_COLUMNS)))
    model = identified.found.model
    group = identified.found.group
    number = list(identified.surveys).index(gaia.name)
    patterns = np.arange(model.shares.shape[1])
    share = model.shares[:, (patterns >> number & 1) == 1].sum(axis=1)[group]
    magnitude = gaia.object_values("phot_g_mean_mag", gaia.near.object)
    of_near = [values[gaia.near.source] for values in flux]
    ratio, _ = log_flux_ratio(*of_near, magnitude, "G")
    # what an object at Gaia's limit would have
    faintest, _ = log_flux_ratio(*flux, np.full(count, GAIA_LIMIT_MAG), "G")
    by_class = {
        name: evidence_ratio(
            name, share, faintest, gaia.of_near, ratio, 1 - gaia.p_any, gaia.near.source, count
        )
        for name in set(_CLASS_OF_KIND)
    }
    return np.stack([by_class[name] for name in _CLASS_OF_KIND], axis=-1)


def counterpart_columns(surveys: Mapping[str, Mapping[str, Any]]) -> list[Column]:
    """The columns of the table that a user opens first."""
    tables = (*EVIDENCE_TABLE, *CANDIDATE_TABLE, *FERMI_TABLE)
    known = {column.name: column for column in tables}
    of_surveys = []
    for name in surveys:
        of_surveys += [
            Column(f"{name}_id", "text", "", f"Likeliest object of the survey {name}", "meta.id"),
            Column(
                f"p_{name}", "float", "", "Probability that it is the Chandra source",
                "stat.probability",
            ),
        ]  # fmt: skip
    places = [
        *("agreement", "fermi_ra", "fermi_dec", "fermi_l", "fermi_b"),
        *("csc_ra", "csc_dec", "csc_l", "csc_b", "fermi_flux", "csc_flux", "log_flux_ratio"),
        "elliptical_distance",
    ]
    numbers = [
        *("log_fx_fg", "log_fx_fg_error", "log_fx_fj", "log_fx_fj_error", "g_mag", "bp_rp"),
        *("absolute_g", "absolute_g_error", "j_mag", "j_h", "h_k", "hardness_hm", "hardness_ms"),
        *("p_outside", "p_below", "p_none"),
    ]
    return [
        *(known[name] for name in ("fermi_name", "association", "fermi_class", "state")),
        Column("csc_name", "text", "", "Likeliest Chandra source; blank if there is none"),
        Column(
            "p_counterpart",
            "float",
            "",
            "Probability that it is the Fermi source: one of the next two, as association.evidence "
            "says",
            "stat.probability",
        ),
        *(known[name] for name in ("p_association", "p_association_evidence")),
        *of_surveys,
        known["verdict"],
        Column("warnings", "text", "", "confused, variable gamma-ray source, crowded, ..."),
        *(known[name] for name in (*places, *numbers)),
    ]


def none_of_them(fermi: pd.DataFrame) -> pd.Series:
    """By Fermi source, the probability that it is none of its candidates.

    Parameters
    ----------
    fermi : DataFrame
        `FERMI_TABLE`.
    """
    return fermi.set_index("fermi_name")[["p_outside", "p_below", "p_none"]].sum(axis=1)


def counting_probabilities(
    candidates: pd.DataFrame, evidence: pd.DataFrame, fermi: pd.DataFrame, evidence_counts: bool
) -> pd.DataFrame:
    """Candidates with `p_counterpart`, the probability that counts, and the one with the evidence.

    Parameters
    ----------
    candidates, evidence, fermi : DataFrame
        `CANDIDATE_TABLE`, `EVIDENCE_TABLE`, `FERMI_TABLE`. A candidate that was not searched
        around has no evidence, which says nothing about it.
    evidence_counts : bool
        Whether the one with the evidence counts.
    """
    pair = ["fermi_name", "csc_name"]
    with_p = candidates.merge(evidence[[*pair, "evidence_ratio"]], on=pair, how="left")
    with_p["p_association_evidence"] = with_evidence(
        with_p["p_association"].to_numpy(),
        with_p["evidence_ratio"].to_numpy(),
        with_p["fermi_name"].to_numpy(),
        with_p["fermi_name"].map(none_of_them(fermi)).to_numpy(float),
    )
    counting = "p_association_evidence" if evidence_counts else "p_association"
    return with_p.assign(p_counterpart=with_p[counting])


def counterpart_table(
    fermi: pd.DataFrame,
    candidates: pd.DataFrame,
    evidence: pd.DataFrame,
    identifications: pd.DataFrame,
    surveys: Mapping[str, Mapping[str, Any]],
    evidence_counts: bool,
    catalogue: pd.DataFrame,
) -> pd.DataFrame:
    """`counterpart_columns`, one row for each Fermi source, the surest first.

    Parameters
    ----------
    fermi, candidates : DataFrame
        `xgamma.stages.tabulate.FERMI_TABLE` and `CANDIDATE_TABLE`.
    evidence : DataFrame
        `EVIDENCE_TABLE`.
    identifications : DataFrame
        `xgamma.stages.identify.IDENTIFICATION_TABLE`.
    surveys : mapping
        Survey -> its settings.
    evidence_counts : bool
        Whether the optical evidence decides which candidate comes first, and the state.
    catalogue : DataFrame
        The Fermi catalogue.
    """
    pair = ["fermi_name", "csc_name"]
    with_p = counting_probabilities(candidates, evidence, fermi, evidence_counts)
    with_p = with_p.sort_values(
        ["fermi_name", "p_counterpart", "rank"], ascending=[True, False, True]
    )
    best = with_p.drop_duplicates("fermi_name")
    sums = with_p.groupby("fermi_name")["p_counterpart"].sum()
    own = ["fermi_name", "csc_name", "p_counterpart", "p_association", "csc_flux"]
    own += ["p_association_evidence", "csc_error_r0"]
    own.append("log_flux_ratio")
    own += ["elliptical_distance", "csc_ra", "csc_dec"]
    table = fermi.merge(best[own], on="fermi_name", how="left")
    taken = [c for c in evidence.columns if c not in table.columns or c in pair]
    table = table.merge(evidence[taken], on=pair, how="left")
    listed = table["csc_ra"].notna().to_numpy()
    lon, lat = np.full((2, len(table)), np.nan)
    if listed.any():
        lon[listed], lat[listed] = galactic(table["csc_ra"][listed], table["csc_dec"][listed])
    table["csc_l"], table["csc_b"] = lon, lat
    first = identifications[identifications["rank"] == 1]
    for name in surveys:
        of_survey = first[first["survey"] == name].set_index(pair)[["object_id", "p_object"]]
        of_survey.columns = [f"{name}_id", f"p_{name}"]
        table = table.drop(columns=of_survey.columns, errors="ignore")
        table = table.merge(of_survey, left_on=pair, right_index=True, how="left")
    table["state"] = states_of(
        table["coverage"].to_numpy(),
        table["n_candidates"].to_numpy(),
        table["p_counterpart"].fillna(0).to_numpy(),
        table["fermi_name"].map(sums).fillna(0).to_numpy(),
    )
    table["agreement"] = agreements(
        catalogue.drop_duplicates("name").set_index("name").loc[table["fermi_name"]],
        table[["csc_ra", "csc_dec", "csc_error_r0"]],
        table["p_counterpart"].fillna(0).to_numpy(),
    )
    table["warnings"] = _warnings(table, first, surveys)
    for name in ("csc_name", "verdict", *(f"{survey}_id" for survey in surveys)):
        table[name] = table[name].fillna("")
    table = table.sort_values(
        ["p_counterpart", "fermi_name"], ascending=[False, True], na_position="last",
        ignore_index=True,
    )  # fmt: skip
    return conform(table, counterpart_columns(surveys))


def _warnings(
    table: pd.DataFrame, first: pd.DataFrame, surveys: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """What a user should know before he trusts a row."""
    crowded = first[["fermi_name", "csc_name", "chance_p_any"]]
    crowded = crowded.groupby(["fermi_name", "csc_name"])["chance_p_any"].max()
    chance = crowded.reindex(pd.MultiIndex.from_frame(table[["fermi_name", "csc_name"]])).to_numpy()
    is_confused = np.array([designator(name) == "c" for name in table["fermi_name"]], bool)
    holds = {
        "confused: name ends in c": is_confused,
        "variable gamma-ray source": (table["variability_index"] > _VARIABLE_INDEX).to_numpy(),
        "ellipse not of the catalogue": (table["ellipse"] != "catalogue").to_numpy(),
        "crowded: chance objects": np.nan_to_num(chance) > _CROWDED,
    }
    remarks = table["x_ray_remarks"].fillna("").to_numpy()
    words = []
    for row in range(len(table)):
        found = [word for word, flags in holds.items() if flags[row]]
        found += [f"X-ray source {one}" for one in remarks[row].split("; ") if one]
        words.append("; ".join(found))
    return words
