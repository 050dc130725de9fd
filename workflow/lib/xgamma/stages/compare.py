"""Two finished runs compared: which sources are the same, what has changed of them, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xgamma.association.positions import error_ellipses
from xgamma.association.states import LIKELY
from xgamma.comparison.chandra_lists import ChandraList, ChandraMatch, match_chandra_lists
from xgamma.comparison.exchanges import (
    INPUTS,
    Exchanges,
    FermiInputs,
    RunInputs,
    outcome_of,
)
from xgamma.comparison.explanations import LEAST_CHANGE, explanations
from xgamma.comparison.fermi_lists import FATES, FermiList, match_fermi_lists
from xgamma.stages.associate import Sample, sample
from xgamma.stages.compared_run import ComparedRun
from xgamma.tables.columns import ENERGY_FLUX, Column, conform

__all__ = [
    "COMPARED_CHANDRA",
    "COMPARED_SOURCES",
    "NOT_IN_LIST",
    "NOT_IN_RUN",
    "OTHER_VERSION",
    "Comparison",
    "compare_runs",
]

NOT_IN_LIST, NOT_IN_RUN = "not in the list", "not in the run"
"""Instead of a state: of a source that the list does not have, or that the run did not search."""
OTHER_VERSION = "version of xgamma"
"""The explanation where this version computes another P from the run's inputs than the run had."""
# of tables that another version has written, beyond rounding
_SAME_P = 0.005

COMPARED_SOURCES = [
    Column("fermi_name_before", "text", "", "Fermi source in the first list", "meta.id"),
    Column("fermi_name_after", "text", "", "Fermi source in the second list", "meta.id"),
    Column(
        "fate", "text", "", "same, renamed, split, merged, several, new or gone", "meta.code"
    ),
    Column(
        "link", "text", "", "What joins the two: name, reference, overlap; blank if none",
        "meta.code",
    ),
    Column("is_surest", "bool", "", "The surest link of both sources", "meta.code"),
    Column("separation_deg", "float", "deg", "Between the two positions", "pos.angDistance"),
    Column(
        "moved_sigma", "float", "", "That in standard deviations of both errors together",
        "pos.angDistance;arith.ratio",
    ),
    Column("also_overlaps", "text", "", "Other sources whose ellipses overlap theirs", "meta.id"),
    Column("class_before", "text", "", "Class in the first list", "src.class"),
    Column("class_after", "text", "", "Class in the second list", "src.class"),
    Column("state_before", "text", "", "State in the first run", "meta.code"),
    Column("state_after", "text", "", "State in the second run", "meta.code"),
    Column("best_before", "text", "", "Likeliest Chandra source of the first run", "meta.id"),
    Column("best_after", "text", "", "Likeliest Chandra source of the second run", "meta.id"),
    Column(
        "best_change", "text", "", "Of the likeliest Chandra source: same, other, new, gone, none",
        "meta.code",
    ),
    Column("p_before", "float", "", "Its probability in the first run", "stat.probability"),
    Column("p_after", "float", "", "Its probability in the second run", "stat.probability"),
    Column(
        "p_after_of_before", "float", "",
        "Probability in the second run of the Chandra source that was the likeliest",
        "stat.probability",
    ),
    Column("changed", "text", "", "What has changed: class, state, candidate, P", "meta.code"),
    Column(
        "explained_by",
        "text",
        "",
        "Inputs whose exchange explains it: each alone, or two with +",
        "meta.code",
    ),
    Column("nearest_input", "text", "", "Input that alone brings P nearest", "meta.code"),
    *(
        Column(f"p_if_{name}", "float", "", f"P with the {name} of the second run alone",
               "stat.probability")
        for name in INPUTS
    ),
    Column("fermi_l", "float", "deg", "Galactic longitude, in the second list if it is there",
           "pos.galactic.lon"),
    Column("fermi_b", "float", "deg", "Its Galactic latitude", "pos.galactic.lat"),
]  # fmt: skip

COMPARED_CHANDRA = [
    Column("csc_name_before", "text", "", "Chandra source in the first list", "meta.id"),
    Column("csc_name_after", "text", "", "Chandra source in the second list", "meta.id"),
    Column("fate", "text", "", "same, renamed, new or gone", "meta.code"),
    Column("separation_arcsec", "float", "arcsec", "Between the two positions", "pos.angDistance"),
    Column(
        "n_within_errors", "int", "", "Sources of the second list within the errors",
        "meta.number",
    ),
    Column("flux_before", "float", ENERGY_FLUX, "Flux in the first list, 0.5-7 keV",
           "phot.flux;em.X-ray"),
    Column("flux_after", "float", ENERGY_FLUX, "Flux in the second list, 0.5-7 keV",
           "phot.flux;em.X-ray"),
    Column("largest_p_before", "float", "", "Largest P of it in the first run",
           "stat.probability"),
    Column("largest_p_after", "float", "", "Largest P of it in the second run",
           "stat.probability"),
]  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes
    ----------
    sources : DataFrame
        `COMPARED_SOURCES`: the links and the sources without one, of which one of the runs has
        the source; sorted by the names, those of the first list first.
    chandra : DataFrame
        `COMPARED_CHANDRA`: the candidates of both runs.
    numbers : mapping
        Counts of all of that.
    """

    sources: pd.DataFrame
    chandra: pd.DataFrame
    numbers: Mapping[str, Any]


def compare_runs(first: ComparedRun, second: ComparedRun, extended: pd.DataFrame) -> Comparison:
    """Compare two runs.

    Parameters
    ----------
    first, second : ComparedRun
        The earlier one and the later one.
    extended : DataFrame
        Templates of extended Fermi sources.
    """
    links = match_fermi_lists(
        *(FermiList.of(run.fermi, error_ellipses(run.fermi, extended)) for run in (first, second))
    )
    of_first, of_second = (
        sample(run.fermi, run.csc, extended, run.cells, run.latitude_cut_deg, run.chosen)
        for run in (first, second)
    )
    chandra = match_chandra_lists(_chandra_list(of_first), _chandra_list(of_second))
    frame = _described(links, first, second)
    frame["best_change"], frame["p_after_of_before"] = _best_changes(
        frame, (of_first, of_second), chandra, second
    )
    frame = _with_explanations(frame, (first, second), (of_first, of_second), chandra)
    frame["changed"] = _changes(frame)
    # which is an input itself
    frame.loc[(frame["changed"] == "class") & (frame["explained_by"] == ""), "explained_by"] = (
        "class"
    )
    sources = conform(frame.reset_index(drop=True), COMPARED_SOURCES)
    candidates = _chandra_frame((of_first, of_second), chandra, (first, second))
    return Comparison(sources, candidates, _numbers(sources, candidates))


def _chandra_list(of: Sample) -> ChandraList:
    ra, dec, flux = (of.csc[name].to_numpy(float) for name in ("ra", "dec", "b_flux_ap"))
    return ChandraList(ra, dec, flux, *of.errors)


def _described(links: pd.DataFrame, first: ComparedRun, second: ComparedRun) -> pd.DataFrame:
    """Links with what both runs say of the sources; those of which neither says anything go."""
    frame = links.rename(columns={"first": "is_surest"})
    for side, run in (("before", first), ("after", second)):
        names = np.append(run.fermi["name"].astype(object), "")[links[side]]
        table = run.sources.set_index("fermi_name").reindex(names)
        in_run = table["state"].notna().to_numpy()
        classes = np.append(run.fermi["source_type"].str.strip().astype(object), "")
        frame[f"fermi_name_{side}"] = names
        frame[f"class_{side}"] = classes[links[side]]
        frame[f"state_{side}"] = np.where(
            in_run,
            table["state"].astype(object).to_numpy(),
            np.where(names == "", NOT_IN_LIST, NOT_IN_RUN),
        )
        frame[f"best_{side}"] = table["best_csc_name"].astype(object).fillna("").to_numpy()
        frame[f"p_{side}"] = table["best_p"].to_numpy(float)
        frame[f"in_run_{side}"] = in_run
        for name in ("fermi_l", "fermi_b"):
            values = table[name].to_numpy(float)
            frame[name] = np.where(in_run, values, frame[name]) if name in frame else values
    return frame[_concerned(first, second, frame)].reset_index(drop=True)


def _concerned(first: ComparedRun, second: ComparedRun, frame: pd.DataFrame) -> pd.Series:
    """Sources that a run has; beside a run for named sources, of a run of the plane only these."""
    sides = [
        frame[f"in_run_{side}"]
        for side, run in (("before", first), ("after", second))
        if run.chosen or not (first.chosen or second.chosen)
    ]
    return sides[0] | sides[-1]


def _best_changes(
    frame: pd.DataFrame,
    samples: tuple[Sample, Sample],
    match: ChandraMatch,
    second: ComparedRun,
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the likeliest candidate is the same, and what P the earlier one has now."""
    rows = [
        pd.Series(np.arange(len(of.csc)), of.csc["name"].astype(object)).groupby(level=0).first()
        for of in samples
    ]
    before, after = (
        known.reindex(frame[f"best_{side}"]).fillna(-1).to_numpy(np.int64)
        for known, side in zip(rows, ("before", "after"), strict=True)
    )
    there = np.append(match.after, -1)[before]
    words = np.select(
        [
            (before < 0) & (after < 0),
            before < 0,
            after < 0,
            there == after,
        ],
        ["none", "new", "gone", "same"],
        "other",
    ).astype(object)
    words[~(frame["in_run_before"] & frame["in_run_after"])] = ""
    names = np.append(samples[1].csc["name"].astype(object), "")[there]
    p = second.candidates.set_index(["fermi_name", "csc_name"])["p_association"]
    keys = pd.MultiIndex.from_arrays([frame["fermi_name_after"].astype(object), names])
    return words, p.reindex(keys).to_numpy(float)


def _with_explanations(
    frame: pd.DataFrame,
    runs: tuple[ComparedRun, ComparedRun],
    samples: tuple[Sample, Sample],
    match: ChandraMatch,
) -> pd.DataFrame:
    """Explanations of what has changed of sources that both runs have."""
    inputs = [
        RunInputs(
            FermiInputs(of.ellipses, of.log_gamma_flux, of.shares),
            _chandra_list(of),
            of.cells,
            run.model,
        )
        for run, of in zip(runs, samples, strict=True)
    ]
    in_both = (frame["is_surest"] & frame["in_run_before"] & frame["in_run_after"]).to_numpy()
    linked = frame[in_both]
    places = [
        pd.Series(np.arange(len(of.fermi)), of.fermi["name"].astype(object)).reindex(
            linked[f"fermi_name_{side}"].astype(object)
        )
        for of, side in zip(samples, ("before", "after"), strict=True)
    ]
    rows, others = (place.to_numpy(np.int64) for place in places)
    start, end = outcome_of(inputs[0]).take(rows), outcome_of(inputs[1]).take(others)
    exchanges = Exchanges(*inputs, rows, others)
    explained, nearest = explanations(start, end, exchanges, match)
    # the tables of a run are what its user knows
    strange = np.zeros(len(linked), bool)
    for outcome, side in ((start, "before"), (end, "after")):
        known = linked[f"p_{side}"].fillna(0).to_numpy()
        strange |= np.abs(outcome.best_p - known) > _SAME_P
    explained = np.where(strange, OTHER_VERSION, explained)
    frame = frame.assign(explained_by="", nearest_input="")
    for name in INPUTS:
        frame[f"p_if_{name}"] = np.nan
    at = np.flatnonzero(in_both)
    frame.loc[at, "explained_by"] = explained
    frame.loc[at, "nearest_input"] = nearest
    differing = exchanges.differing
    for name in INPUTS:
        # what does not differ leaves P as it was
        outcome = exchanges.outcome(name) if name in differing else start
        frame.loc[at, f"p_if_{name}"] = np.where(outcome.best >= 0, outcome.best_p, np.nan)
    rest = (frame["explained_by"] == "") & ~in_both
    # of a source that one of the runs has, its fate says all
    of_fate = frame["fate"].where(frame["fate"].isin(["new", "gone"]), "")
    searched = frame["in_run_before"] & frame["in_run_after"]
    words = np.where(searched, frame["fate"], np.where(of_fate != "", of_fate, NOT_IN_RUN))
    frame["explained_by"] = np.where(rest, words, frame["explained_by"])
    return frame


def _changes(frame: pd.DataFrame) -> list[str]:
    """What has changed of each, in words; nothing of a source that one of the runs has not."""
    both = frame["in_run_before"] & frame["in_run_after"]
    moved = (frame["p_before"].fillna(0) - frame["p_after"].fillna(0)).abs() >= LEAST_CHANGE
    parts = {
        "class": frame["class_before"] != frame["class_after"],
        "state": frame["state_before"] != frame["state_after"],
        "candidate": frame["best_change"].isin(["other", "new", "gone"]),
        "P": moved,
    }
    told = pd.DataFrame({name: values & both for name, values in parts.items()})
    return [
        ", ".join(name for name, yes in zip(told, row, strict=True) if yes)
        for row in told.itertuples(index=False)
    ]


def _chandra_frame(
    samples: tuple[Sample, Sample],
    match: ChandraMatch,
    runs: tuple[ComparedRun, ComparedRun],
) -> pd.DataFrame:
    """`COMPARED_CHANDRA` of all that is a candidate in one of the runs."""
    names, fluxes, largest = [], [], []
    for of, run in zip(samples, runs, strict=True):
        p = run.candidates.groupby("csc_name")["p_association"].max()
        names.append(of.csc["name"].astype(object).to_numpy())
        fluxes.append(of.csc["b_flux_ap"].to_numpy(float))
        largest.append(p.reindex(names[-1]).to_numpy(float))
    alone = np.flatnonzero(match.before < 0)
    before = np.append(np.arange(len(names[0])), np.full(len(alone), -1))
    after = np.append(match.after, alone)
    p_before, p_after = np.append(largest[0], np.nan)[before], np.append(largest[1], np.nan)[after]
    name_before, name_after = np.append(names[0], "")[before], np.append(names[1], "")[after]
    frame = pd.DataFrame(
        {
            "csc_name_before": name_before,
            "csc_name_after": name_after,
            "fate": np.select(
                [before < 0, after < 0, name_before == name_after],
                ["new", "gone", "same"],
                "renamed",
            ).astype(object),
            "separation_arcsec": np.append(match.separation_arcsec, np.nan)[before],
            "n_within_errors": np.append(match.n_after, 0)[before],
            "flux_before": np.append(fluxes[0], np.nan)[before],
            "flux_after": np.append(fluxes[1], np.nan)[after],
            "largest_p_before": p_before,
            "largest_p_after": p_after,
        }
    )
    found = frame.assign(in_run_before=np.isfinite(p_before), in_run_after=np.isfinite(p_after))
    frame = frame[_concerned(*runs, found)]
    frame = frame.sort_values(["csc_name_before", "csc_name_after"], ignore_index=True)
    return conform(frame, COMPARED_CHANDRA)


def _numbers(sources: pd.DataFrame, chandra: pd.DataFrame) -> dict[str, Any]:
    """Counts: of links by fate, of sources that both runs have by what has changed."""
    both = _in_both(sources)
    surest = sources[both]
    moved = surest["moved_sigma"]
    explained = surest.loc[surest["changed"] != "", "explained_by"]
    likely = surest["p_before"] >= LIKELY
    return {
        "sources_before": int(
            sources.loc[_in_run(sources, "before"), "fermi_name_before"].nunique()
        ),
        "sources_after": int(sources.loc[_in_run(sources, "after"), "fermi_name_after"].nunique()),
        "links": {fate: int((sources["fate"] == fate).sum()) for fate in FATES},
        "in_both_runs": len(surest),
        "linked_by": {
            link: int((surest["link"] == link).sum()) for link in ("name", "reference", "overlap")
        },
        "with_ellipses": int(moved.notna().sum()),
        "moved_beyond_sigma": {str(sigma): int((moved > sigma).sum()) for sigma in (1, 2, 3)},
        "changed": {
            what: int(surest["changed"].str.split(", ").map({what}.issubset).sum())
            for what in ("class", "state", "candidate", "P")
        },
        "unchanged": int((surest["changed"] == "").sum()),
        "best": {
            word: int((surest["best_change"] == word).sum())
            for word in ("same", "other", "new", "gone", "none")
        },
        "likely_before": {
            "sources": int(likely.sum()),
            "same_best": int((likely & (surest["best_change"] == "same")).sum()),
            "still_likely": int(
                (likely & (surest["best_change"] == "same") & (surest["p_after"] >= LIKELY)).sum()
            ),
        },
        "explained_by": {
            words: int(count) for words, count in sorted(explained.value_counts().items()) if words
        },
        "not_explained": int((explained == "").sum()),
        "chandra": {
            fate: int((chandra["fate"] == fate).sum())
            for fate in ("same", "renamed", "new", "gone")
        },
    }


def _in_run(sources: pd.DataFrame, side: str) -> pd.Series:
    return ~sources[f"state_{side}"].isin([NOT_IN_LIST, NOT_IN_RUN])


def _in_both(sources: pd.DataFrame) -> pd.Series:
    """The surest links between sources that both runs have."""
    return sources["is_surest"] & _in_run(sources, "before") & _in_run(sources, "after")
