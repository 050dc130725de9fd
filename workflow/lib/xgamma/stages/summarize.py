"""The numbers of a run: a structure for machines, a page for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xgamma.archive.catalogues import catalogues_of
from xgamma.archive.services import missing_optional
from xgamma.association.states import STATES
from xgamma.sky import within_latitude
from xgamma.stages.counterparts import VARIABILITY_FLAG, product_name
from xgamma.tables.names import designator, named_run
from xgamma.tables.printable import printable

__all__ = ["build_summary", "summary_text"]

_FOUND = ("likely counterpart", "counterpart")


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
        "in_plane_confused": sum(designator(name) == "c" for name in plane["name"]),
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


def _counterparts(
    pairs: pd.DataFrame,
    counterparts: Mapping[str, pd.DataFrame],
    surveys: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    sources = set(pairs["fermi_name"])
    with_survey, numbers = {}, {}
    for survey, found in counterparts.items():
        around = {which: found[found["around"] == which] for which in ("fermi", "csc")}
        with_survey[survey] = set(around["fermi"]["fermi_name"])
        candidates = around["csc"][["fermi_name", "csc_name"]].drop_duplicates()
        numbers[survey] = {
            "fermi_sources_with": len(with_survey[survey]),
            "fermi_sources_without": len(sources - with_survey[survey]),
            "rows_around_fermi": len(around["fermi"]),
            "rows_around_csc": len(around["csc"]),
            "candidates_with": len(candidates),
        }
        flag = product_name(surveys[survey]["columns"], VARIABILITY_FLAG)
        if flag is not None:
            numbers[survey]["variability_around_fermi"] = _counts(around["fermi"][flag])
    with_all = set.intersection(*with_survey.values()) if with_survey else set()
    return {"by_survey": numbers, "fermi_sources_with_all_surveys": len(with_all)}


def _association(
    sources: pd.DataFrame, candidates: pd.DataFrame, calibration: Mapping[str, Any]
) -> dict[str, Any]:
    likely = candidates.merge(sources[["fermi_name", "state"]], on="fermi_name")
    found = likely[(likely["rank"] == 1) & likely["state"].isin(_FOUND)]
    known = calibration["known"]
    return {
        "fermi_sources": len(sources),
        "candidates": len(candidates),
        "by_state": {state: int((sources["state"] == state).sum()) for state in STATES},
        "observed": int((~sources["state"].isin(STATES[:1])).sum()),
        "expected_false": float((1 - found["p_association"]).sum()),
        "sum_p": _number(candidates["p_association"].sum()),
        "sum_outside": _number(sources["p_outside"].sum()),
        "sum_below": _number(sources["p_below"].sum()),
        "sum_none": _number(sources["p_none"].sum()),
        "by_agreement": _counts(sources["agreement"]),
        "controls": calibration["controls"],
        "known": {
            key: known[key] for key in ("sources", "with_right_candidate", "first", "log_loss")
        },
    }


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
    fermi_sources: pd.DataFrame,
    candidates: pd.DataFrame,
    calibration: Mapping[str, Any],
    counterparts: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    """Every number that the notebook prints or states, and those that it should have.

    Parameters
    ----------
    settings : mapping
        archive, simulated, catalogs (the service that has them), spelt (its map of their names),
        latitude_cut_deg, min_flux, radius_deg, nearest, csc_radius_arcsec, surveys (survey ->
        {service, table, columns, optional, ...}); sources (names as they were asked for), if the
        run is for some alone.
    described : mapping
        (service, table) -> columns.
    chanmaster, csc, fermi : DataFrame
        The whole catalogues, or the parts of them that a run for some sources has.
    pairs, excluded : DataFrame
    verification : mapping
        `xgamma.stages.verify_crossmatch.Verification`.
    fermi_sources, candidates : DataFrame
        The flat tables: `xgamma.stages.tabulate`.
    calibration : mapping
        `association/calibration.json`.
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
            k: (sorted(v) if k in ("surveys", "sources") else v)
            for k, v in settings.items()
            if k not in ("archive", "simulated", "catalogs", "spelt")
        },
        "simulated": settings["simulated"],
        "missing_columns": missing_optional(
            described,
            settings["catalogs"],
            settings["surveys"],
            catalogues_of(settings.get("spelt", {})),
        ),
        "observations": _observations(chanmaster),
        "csc": _chandra(csc, cut, min_flux),
        "fermi": _fermi(fermi, excluded, cut),
        "pairs": _pairs(pairs, verification),
        "association": _association(fermi_sources, candidates, calibration),
        "counterparts": _counterparts(pairs, counterparts, settings["surveys"]),
        "run": {"archive": settings["archive"]},
    }


def _association_lines(numbers: Mapping[str, Any]) -> list[str]:
    """What became of the Fermi sources of the plane."""
    states = numbers["by_state"]
    claimed = sum(states[state] for state in _FOUND)
    lines = [
        f"Of {numbers['fermi_sources']:,} Fermi sources, {numbers['observed']:,} were observed, "
        "wholly or in part:"
    ]
    rests = {
        "counterpart": "a Chandra source, with P of 0.8 or more",
        "likely counterpart": "with 0.5 to 0.8",
        "confused": "one of several, but which one is open",
        "candidates, none likely": "all candidates below 0.5",
        "observed, nothing found": "",
        "partly observed": "a part of the ellipse was not looked at",
    }
    lines += [_line(f"  {state}", states[state], rest).rstrip() for state, rest in rests.items()]
    lines.append(
        f"  of the {claimed:,} likely ones, {numbers['expected_false']:.1f} are expected "
        "to be false"
    )
    known = numbers["known"]
    if known["with_right_candidate"]:
        lines.append(
            f"  known pulsars and binaries: the right source is first for {known['first']} of "
            f"{known['with_right_candidate']}"
        )
    return lines


def _flux(value: float | None) -> str:
    return "none" if value is None else f"{value:.2e}"


def _line(label: str, count: int, rest: str) -> str:
    return f"{label:<25} {count:>8,}   {rest}"


def summary_text(summary: Mapping[str, Any]) -> str:
    """The numbers on a page of at most 80 columns."""
    settings, observations, csc = summary["settings"], summary["observations"], summary["csc"]
    fermi, pairs, counterparts = summary["fermi"], summary["pairs"], summary["counterparts"]
    sky = "SIMULATED sky (the Fermi sources are real)" if summary["simulated"] else "real sky"
    asked = settings.get("sources", ())
    cut = f"|b| <= {settings['latitude_cut_deg']:g} deg"
    around, of_fermi = ("around them", "named") if asked else (cut, f"with {cut}")
    flux_cut = "any flux" if settings["min_flux"] is None else f"flux > {settings['min_flux']:g}"
    smallest, median, mean, largest = (
        _flux(csc[f"flux_{which}"]) for which in ("min", "median", "mean", "max")
    )
    sources = pairs["fermi_sources_circle"]
    lines = [
        f"xgamma: archive {summary['run']['archive']}, {sky}",
        *(textwrap.wrap(named_run(asked), 80, break_on_hyphens=False) if asked else ()),
        "",
        _line(
            "Chandra observations",
            observations["rows"],
            f"{observations['without_exposure']:,} without exposure",
        ),
        _line(
            "Chandra sources",
            csc["rows"],
            f"{csc['with_flux']:,} with a flux, {csc['dropped_by_flux_cut']:,} below the cut",
        ),
        f"  fluxes, erg/s/cm2                smallest {smallest}, median {median},",
        f"                                   mean {mean}, largest {largest}",
        _line(
            f"  {around}", csc["in_plane"], f"{csc['in_plane_above_flux_cut']:,} with {flux_cut}"
        ),
        _line(
            "Fermi sources",
            fermi["rows"],
            f"{fermi['in_plane']:,} {of_fermi}, {fermi['in_plane_confused']:,} confused",
        ),
        _line("  without R95", fermi["excluded"], "excluded, see crossmatch/excluded.ecsv"),
        "",
        _line(
            "Pairs in the circle",
            pairs["circle"],
            f"of {sources:,} Fermi and {pairs['distinct_csc_sources']:,} Chandra sources",
        ),
        _line(
            "  in the ellipse",
            pairs["ellipse"],
            f"of {pairs['fermi_sources_ellipse']:,} Fermi sources",
        ),
        _line(
            "  at any flux",
            pairs["circle_without_flux_cut"],
            f"of {pairs['fermi_sources_without_flux_cut']:,} Fermi sources",
        ),
        _line("  most pairs", pairs["matches_largest"], printable(pairs["matches_largest_of"])),
        _line("  confused sources", pairs["fermi_sources_confused"], "Fermi names that end in c"),
        "",
        *_association_lines(summary["association"]),
        "",
        f"Near {sources:,} Fermi sources ({settings['radius_deg']:g} deg) and the Chandra source",
        f"of {pairs['circle']:,} pairs ({settings['csc_radius_arcsec']:g} arcsec or more):",
    ]
    for survey, numbers in counterparts["by_survey"].items():
        of_pairs = f"and {numbers['candidates_with']:,} pairs have one"
        lines.append(_line(f"  {survey}", numbers["fermi_sources_with"], of_pairs))
    lines.append(
        _line("  all surveys", counterparts["fermi_sources_with_all_surveys"], "").rstrip()
    )
    lines.append("How likely each is the Chandra source: tables/identifications.csv.")
    if summary["missing_columns"]:
        lacking = f"Columns that the service lacks: {', '.join(summary['missing_columns'])}"
        lines += ["", textwrap.fill(lacking, 80, break_on_hyphens=False)]
    return "\n".join(lines) + "\n"
