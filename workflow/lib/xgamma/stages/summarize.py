"""The numbers of a run: a structure for machines, a page for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xgamma.archive.services import missing_optional
from xgamma.sky import within_latitude
from xgamma.tables.printable import printable

__all__ = ["build_summary", "summary_text"]


def _observations(chanmaster: pd.DataFrame) -> dict[str, Any]:
    exposed = chanmaster.loc[chanmaster["exposure"] > 0, "exposure"]
    return {
        "rows": len(chanmaster),
        "without_exposure": len(chanmaster) - len(exposed),
        "median_exposure_ks": _number(exposed.median() / 1e3),
        "by_status": _counts(chanmaster["status"]),
    }


def _chandra(csc: pd.DataFrame, cut: float, min_flux: float | None) -> dict[str, Any]:
    positive = csc.loc[csc["b_flux_ap"] > 0, "b_flux_ap"]
    taken = (
        csc["b_flux_ap"] > min_flux if min_flux is not None else pd.Series(True, index=csc.index)
    )
    in_plane = within_latitude(csc["bii"], cut)
    return {
        "rows": len(csc),
        "with_flux": len(positive),
        "null_flux": int(csc["b_flux_ap"].isna().sum()),
        "dropped_by_flux_cut": int((~taken).sum()),
        "flux_min": _number(positive.min()),
        "flux_max": _number(positive.max()),
        "flux_mean": _number(positive.mean()),
        "flux_median": _number(positive.median()),
        "in_plane": int(in_plane.sum()),
        "in_plane_above_flux_cut": int((in_plane & taken).sum()),
    }


def _fermi(fermi: pd.DataFrame, excluded: pd.DataFrame, cut: float) -> dict[str, Any]:
    plane = fermi[within_latitude(fermi["bii"], cut)]
    return {
        "rows": len(fermi),
        "in_plane": len(plane),
        "in_plane_with_r95": int((plane["semi_major_axis_95"] > 0).sum()),
        "in_plane_confused": int(plane["name"].str.endswith("c").sum()),
        "excluded": len(excluded),
        "excluded_by_reason": _counts(excluded["reason"]),
        "in_plane_by_class": _counts(plane["source_type"]),
    }


def _pairs(pairs: pd.DataFrame, verification: Mapping[str, Any]) -> dict[str, Any]:
    ellipse = pairs[pairs["in_ellipse_95"]]
    sources = pairs.drop_duplicates("fermi_name")
    matches = pairs.groupby("fermi_name").size()
    return {
        "circle": len(pairs),
        "ellipse": len(ellipse),
        "fermi_sources_circle": len(sources),
        "fermi_sources_ellipse": int(ellipse["fermi_name"].nunique()),
        "distinct_csc_sources": int(pairs["csc_name"].nunique()),
        "fermi_sources_confused": int(sources["confused"].sum()),
        "fermi_sources_flagged": int((sources["fermi_flags"].fillna(0) > 0).sum()),
        "matches_median": _number(matches.median()),
        "matches_largest": int(matches.max()) if len(matches) else 0,
        "matches_largest_of": str(matches.idxmax()) if len(matches) else "",
        "circle_without_flux_cut": verification["pairs_without_flux_cut"],
        "fermi_sources_without_flux_cut": verification["fermi_without_flux_cut"],
        "on_the_edge": len(verification["on_the_edge"]),
        "by_class": _counts(sources["fermi_class"]),
    }


def _counterparts(pairs: pd.DataFrame, found: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    sources = set(pairs["fermi_name"])
    with_survey, numbers = {}, {}
    for survey, frame in found.items():
        around = {name: frame[frame["around"] == name] for name in ("fermi", "csc")}
        with_survey[survey] = set(around["fermi"]["fermi_name"])
        candidates = around["csc"][["fermi_name", "csc_name"]].drop_duplicates()
        numbers[survey] = {
            "fermi_sources_with": len(with_survey[survey]),
            "fermi_sources_without": len(sources - with_survey[survey]),
            "rows_around_fermi": len(around["fermi"]),
            "rows_around_csc": len(around["csc"]),
            "candidates_with": len(candidates),
        }
        flag = frame.get(f"{survey}_variability")
        if flag is not None:
            numbers[survey]["variability_around_fermi"] = _counts(flag[frame["around"] == "fermi"])
    both = set.intersection(*with_survey.values()) if with_survey else set()
    return {"by_survey": numbers, "fermi_sources_with_all_surveys": len(both)}


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _counts(values: pd.Series) -> dict[str, int]:
    return {str(k): int(v) for k, v in values.value_counts().sort_index().items()}


def build_summary(
    *,
    settings: Mapping[str, Any],
    described: Mapping[tuple[str, str], list[str]],
    chanmaster: pd.DataFrame,
    csc: pd.DataFrame,
    fermi: pd.DataFrame,
    pairs: pd.DataFrame,
    excluded: pd.DataFrame,
    verification: Mapping[str, Any],
    counterparts: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    """Every number that the notebook prints or states, and those that it should have.

    Parameters
    ----------
    settings : mapping
        archive, simulated, latitude_cut_deg, min_flux, radius_deg, nearest,
        csc_radius_arcsec, surveys (survey -> {service, table, columns, optional, ...}).
    described : mapping
        (service, table) -> columns.
    chanmaster, csc, fermi : DataFrame
        The whole catalogues.
    pairs, excluded : DataFrame
    verification : mapping
        `xgamma.stages.verify_crossmatch.Verification`.
    counterparts : mapping
        Survey -> long table.

    Returns
    -------
    dict
        Fluxes in erg/s/cm2. The same for the same rows: times are in the run's provenance.
    """
    cut, min_flux = settings["latitude_cut_deg"], settings["min_flux"]
    return {
        "settings": {
            k: (sorted(v) if k == "surveys" else v)
            for k, v in settings.items()
            if k not in ("archive", "simulated")
        },
        "simulated": settings["simulated"],
        "missing_columns": missing_optional(described, settings["surveys"]),
        "observations": _observations(chanmaster),
        "csc": _chandra(csc, cut, min_flux),
        "fermi": _fermi(fermi, excluded, cut),
        "pairs": _pairs(pairs, verification),
        "counterparts": _counterparts(pairs, counterparts),
        "run": {"archive": settings["archive"]},
    }


def _e(value: float | None) -> str:
    return "none" if value is None else f"{value:.2e}"


def summary_text(summary: Mapping[str, Any]) -> str:
    """The numbers on a page of at most 80 columns."""
    s, o, c = summary["settings"], summary["observations"], summary["csc"]
    f, p, k = summary["fermi"], summary["pairs"], summary["counterparts"]
    sky = "SIMULATED sky (the Fermi sources are real)" if summary["simulated"] else "real sky"
    cut = f"|b| <= {s['latitude_cut_deg']:g} deg"
    flux_cut = "any flux" if s["min_flux"] is None else f"flux > {s['min_flux']:g}"
    lines = [
        f"xgamma: archive {summary['run']['archive']}, {sky}",
        "",
        f"Chandra observations  {o['rows']:>8,}   {o['without_exposure']:,} without exposure",
        f"Chandra sources       {c['rows']:>8,}   {c['with_flux']:,} with a flux, "
        f"{c['dropped_by_flux_cut']:,} dropped by the cut",
        f"  fluxes, erg/s/cm2             smallest {_e(c['flux_min'])}, median "
        f"{_e(c['flux_median'])},",
        f"                                mean {_e(c['flux_mean'])}, largest {_e(c['flux_max'])}",
        f"  {cut:<19} {c['in_plane']:>8,}   {c['in_plane_above_flux_cut']:,} with {flux_cut}",
        f"Fermi sources         {f['rows']:>8,}   {f['in_plane']:,} with {cut}, "
        f"{f['in_plane_confused']:,} confused",
        f"  without R95         {f['excluded']:>8,}   excluded, see crossmatch/excluded.ecsv",
        "",
        f"Pairs in the circle   {p['circle']:>8,}   of {p['fermi_sources_circle']:,} Fermi and "
        f"{p['distinct_csc_sources']:,} Chandra sources",
        f"  in the ellipse      {p['ellipse']:>8,}   of {p['fermi_sources_ellipse']:,} Fermi "
        f"sources",
        f"  at any flux         {p['circle_without_flux_cut']:>8,}   of "
        f"{p['fermi_sources_without_flux_cut']:,} Fermi sources",
        f"  most candidates     {p['matches_largest']:>8,}   {printable(p['matches_largest_of'])}",
        f"  confused sources    {p['fermi_sources_confused']:>8,}   Fermi names that end in c",
        "",
        f"Of {p['fermi_sources_circle']:,} Fermi sources, within {s['radius_deg']:g} deg, and "
        f"{p['circle']:,} candidates, within {s['csc_radius_arcsec']:g} arcsec:",
    ]
    for survey, numbers in k["by_survey"].items():
        lines.append(
            f"  {survey:<19} {numbers['fermi_sources_with']:>8,}   "
            f"and {numbers['candidates_with']:,} candidates have one"
        )
    lines.append(f"  all surveys         {k['fermi_sources_with_all_surveys']:>8,}")
    lines.append("A match without a probability is a candidate, not a counterpart.")
    if summary["missing_columns"]:
        lacking = f"Columns that the service lacks: {', '.join(summary['missing_columns'])}"
        lines += ["", textwrap.fill(lacking, 80, break_on_hyphens=False)]
    return "\n".join(lines) + "\n"
