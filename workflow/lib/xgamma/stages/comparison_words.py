"""The comparison of two runs in words: sections of sentences and small tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xgamma.comparison.explanations import SEVERAL
from xgamma.stages.compare import NOT_IN_LIST, NOT_IN_RUN, OTHER_VERSION, Comparison
from xgamma.stages.compared_run import ComparedRun
from xgamma.tables.printable import printable, shortened

__all__ = [
    "LARGEST_CHANGES",
    "Section",
    "comparison_sections",
    "differing_settings",
    "largest_changes",
    "markdown",
]

LARGEST_CHANGES = "The largest changes"
"""Title of the section of these."""

_MOST_CHANGES = 20
_MOST_GROUPS = 40
_LONGEST_VALUE = 60
# which no comparison is about
_NO_SETTINGS = ("compare", "archives", "replay", "tap", "figures")


@dataclass(frozen=True)
class Section:
    """A part of the summary.

    Attributes
    ----------
    title : str
    paragraphs : sequence of str
    headings : sequence of str
        Of a table below; none without one.
    rows : sequence of sequence of str
        Its cells.
    """

    title: str
    paragraphs: Sequence[str] = ()
    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def comparison_sections(
    first: ComparedRun, second: ComparedRun, found: Comparison, lists: Sequence[str]
) -> list[Section]:
    """All that is told of a comparison.

    Parameters
    ----------
    first, second : ComparedRun
    found : Comparison
    lists : sequence of str
        What each run's Fermi list is, in words.
    """
    return [
        _runs(first, second, found, lists),
        _settings(first, second),
        _lists(found),
        _changes(found),
        _reasons(found),
        _largest(found),
        *_groups(found),
    ]


def _runs(
    first: ComparedRun, second: ComparedRun, found: Comparison, lists: Sequence[str]
) -> Section:
    runs = (first, second)
    numbers = found.numbers
    rows = [
        ("archive", *(_archive(run) for run in runs)),
        ("Fermi list", *lists),
        ("sources in it", *(f"{len(run.fermi):,}" for run in runs)),
        ("of them searched", f"{numbers['sources_before']:,}", f"{numbers['sources_after']:,}"),
        ("Chandra sources", *(f"{len(run.csc):,}" for run in runs)),
        ("made by", *(f"xgamma {run.provenance['software'].get('xgamma', '?')}" for run in runs)),
        ("provenance (SHA-256)", *(run.digests["provenance.json"][:16] for run in runs)),
    ]
    return Section("The two runs", (), ("what", first.folder, second.folder), rows)


def _archive(run: ComparedRun) -> str:
    sky = ", a simulated sky" if run.simulated else ""
    return f"{run.provenance['answers_of']}{sky}"


def differing_settings(first: ComparedRun, second: ComparedRun) -> list[tuple[str, str, str]]:
    """Key, value before and value after of each setting that differs, sorted by key."""
    before, after = (dict(_flat(run.provenance["config"])) for run in (first, second))
    return [
        (key, _value(before.get(key)), _value(after.get(key)))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key.split(".")[0] not in _NO_SETTINGS
    ]


def _flat(block: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in block.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _value(value: Any) -> str:
    return "not set" if value is None else shortened(printable(str(value)), _LONGEST_VALUE)


def _settings(first: ComparedRun, second: ComparedRun) -> Section:
    rows = differing_settings(first, second)
    same = [
        words
        for file, words in (
            ("catalogs/fermilpsc.parquet", "the Fermi list"),
            ("catalogs/csc.parquet", "the Chandra list"),
            ("coverage/fields.parquet", "the coverage"),
            ("association/model.json", "the learnt model"),
        )
        if first.digests[file] == second.digests[file]
    ]
    told = f"The same in both: {', '.join(same)}." if same else "No input is the same in both."
    if not rows:
        return Section("What differs", (told, "No setting that concerns sources differs."))
    return Section("What differs", (told,), ("setting", "before", "after"), rows)


def _lists(found: Comparison) -> Section:
    numbers = found.numbers
    links, linked, moved = numbers["links"], numbers["linked_by"], numbers["moved_beyond_sigma"]
    return Section(
        "Fermi sources",
        (
            f"{numbers['in_both_runs']:,} sources were searched in both runs: "
            f"{linked['name']:,} are found by name, {linked['reference']:,} by the list's own "
            f"reference, {linked['overlap']:,} by overlapping ellipses alone.",
            f"Of {numbers['with_ellipses']:,} with two error ellipses, {moved['1']:,} have moved "
            f"by more than 1 sigma, {moved['2']:,} by more than 2, {moved['3']:,} by more than 3. "
            "Lists that share data agree better than their errors say: independent ones would "
            "have 61 %, 14 % and 1.1 %.",
        ),
        ("fate", "links or sources"),
        [(fate, f"{count:,}") for fate, count in links.items()],
    )


def _changes(found: Comparison) -> Section:
    numbers = found.numbers
    changed, best, likely = numbers["changed"], numbers["best"], numbers["likely_before"]
    with_best = numbers["in_both_runs"] - best["none"]
    return Section(
        "What has changed",
        (
            f"Of {numbers['in_both_runs']:,} sources in both runs, {numbers['unchanged']:,} are as "
            f"they were: class, state, likeliest Chandra source, and its P to within 0.05.",
            f"{with_best:,} have a candidate in one of the runs: {best['same']:,} keep the "
            f"likeliest Chandra source, {best['other']:,} have another one, {best['new']:,} had "
            f"none before, {best['gone']:,} have none now.",
            f"{likely['sources']:,} had one with P of 0.5 or more: {likely['same_best']:,} of them "
            f"keep it as the likeliest, {likely['still_likely']:,} with P of 0.5 or more.",
        ),
        ("what", "sources"),
        [(what, f"{count:,}") for what, count in changed.items()],
    )


def _reasons(found: Comparison) -> Section:
    explained = found.numbers["explained_by"]
    rows = sorted(explained.items(), key=lambda one: (-one[1], one[0]))
    words = [
        "The inputs of the first run are exchanged for those of the second one by one, for all "
        "sources at once. An input explains a change if its exchange alone gives the new state, "
        "the new likeliest Chandra source, and the new P; where none does, two together may, as in "
        "“position + ellipse”.",
    ]
    if SEVERAL in explained:
        words.append(
            f"“{SEVERAL}”: neither one nor two do it; the column nearest_input has the one that "
            "alone brings P nearest."
        )
    if OTHER_VERSION in explained:
        words.append(
            f"“{OTHER_VERSION}”: this version computes another P from a run's inputs than the run "
            "has: make that run again with it."
        )
    return Section("Why", words, ("input", "changed sources"), [(a, f"{b:,}") for a, b in rows])


def largest_changes(sources: pd.DataFrame) -> pd.DataFrame:
    """The sources of both runs that have changed, the largest change of P first.

    Parameters
    ----------
    sources : DataFrame
        `xgamma.stages.compare.COMPARED_SOURCES`.
    """
    none = [NOT_IN_LIST, NOT_IN_RUN]
    both = sources["is_surest"] & ~(
        sources["state_before"].isin(none) | sources["state_after"].isin(none)
    )
    changed = sources[both & (sources["changed"] != "")]
    change = np.abs(changed["p_after"].fillna(0) - changed["p_before"].fillna(0)).to_numpy()
    order = np.lexsort((changed["fermi_name_after"].astype(object), -change))
    return changed.iloc[order]


def _largest(found: Comparison) -> Section:
    changed = largest_changes(found.sources)
    rows = [
        (
            _arrow(row.fermi_name_before, row.fermi_name_after),
            _arrow(row.state_before, row.state_after),
            _arrow(row.best_before or "none", row.best_after or "none"),
            f"{_p(row.p_before)} → {_p(row.p_after)}",
            row.explained_by,
        )
        for row in changed.head(_MOST_CHANGES).itertuples()
    ]
    told = f"{len(changed):,} sources have changed; the {len(rows)} with the largest change of P."
    return Section(
        LARGEST_CHANGES,
        (told,) if rows else ("Nothing has changed.",),
        ("Fermi source", "state", "Chandra source", "P", "explained by") if rows else (),
        rows,
    )


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _p(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _groups(found: Comparison) -> Iterator[Section]:
    """Where it is not one for one: each link, and what else overlaps."""
    sources = found.sources
    odd = sources[sources["fate"].isin(["split", "merged", "several"])]
    if odd.empty:
        return
    rows = [
        (
            row.fate,
            row.fermi_name_before,
            row.fermi_name_after,
            row.link,
            "–" if np.isnan(row.moved_sigma) else f"{row.moved_sigma:.1f}",
            row.also_overlaps,
        )
        for row in odd.head(_MOST_GROUPS).itertuples()
    ]
    more = len(odd) - len(rows)
    told = "Not one for one: each link, and which other ellipses overlap."
    yield Section(
        "Split and merged sources",
        (f"{told} {more:,} more are in the table." if more else told,),
        ("fate", "before", "after", "link", "sigma", "also overlaps"),
        rows,
    )


def markdown(title: str, sections: Sequence[Section]) -> str:
    """Sections as a document in Markdown.

    Parameters
    ----------
    title : str
    sections : sequence of Section
        Text of any kind: characters that mean something in Markdown are escaped.
    """
    lines = [f"# {_escaped(title)}"]
    for section in sections:
        lines += ["", f"## {_escaped(section.title)}"]
        for paragraph in section.paragraphs:
            lines += ["", _escaped(paragraph)]
        if section.rows:
            lines += ["", _row(section.headings), f"|{'---|' * len(section.headings)}"]
            lines += [_row(row) for row in section.rows]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#!|~])", r"\\\1", printable(text))
