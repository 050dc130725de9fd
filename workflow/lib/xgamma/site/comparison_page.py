"""The page of two runs compared: its words, figures, and the sources that changed, with links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from xgamma.provenance.products import description
from xgamma.site.figure_pages import png_size
from xgamma.site.source_pages import page_files
from xgamma.stages.compare import NOT_IN_LIST
from xgamma.stages.compared_run import ComparedRun
from xgamma.stages.comparison_words import LARGEST_CHANGES, Section, largest_changes

__all__ = ["comparison_context"]

_CAPTIONS = {
    "compared_probabilities": (
        "Each point is a Fermi source that both runs have searched: the probability of its "
        "likeliest Chandra source in the second run against that in the first. On the line "
        "nothing has changed. Circles have the same Chandra source in both, as its position "
        "tells; triangles have another one. The largest changes have names."
    ),
    "compared_moves": (
        "How far the positions of the two lists lie apart, in standard deviations of both "
        "errors together. Two independent measurements would lie as the line says. Lists that "
        "share most of their data lie nearer; what lies far out was found by its ellipse "
        "alone, or has other neighbours now."
    ),
    "compared_states": (
        "How many Fermi sources went from the state at the left to the state below. On the "
        "diagonal nothing has changed. A source of two parts counts once; a source that one "
        "list does not have, or one run did not search, has a row or a column of its own."
    ),
}
_MOST_ROWS = 1000


def comparison_context(
    title: str,
    sections: Sequence[Section],
    sources: pd.DataFrame,
    runs: Sequence[ComparedRun],
    sites: Sequence[str],
    figures: Mapping[str, str | Path],
) -> dict[str, Any]:
    """Values of the page.

    Parameters
    ----------
    title : str
    sections : sequence of Section
    sources : DataFrame
        `xgamma.stages.compare.COMPARED_SOURCES`.
    runs : sequence of ComparedRun
        The first and the second.
    sites : sequence of str
        Where the pages of each run are, as links from this page: '../../demo/site/'.
    figures : mapping
        Name -> PNG file, which lies in `figures/` beside the page.
    """
    links = [_links(run, site) for run, site in zip(runs, sites, strict=True)]
    changed = largest_changes(sources)
    told = f"{len(changed):,} of the sources that both runs searched, the largest change of P first"
    if len(changed) > _MOST_ROWS:
        told += f"; the first {_MOST_ROWS:,}, all are in tables/compared_sources"
    return {
        "title": title,
        "runs": [
            {"folder": run.folder, "site": site if run.pages else ""}
            for run, site in zip(runs, sites, strict=True)
        ],
        # which the table below has in full
        "sections": [vars(one) for one in sections if one.title != LARGEST_CHANGES],
        "figures": [_figure(name, path) for name, path in figures.items()],
        "changed_words": f"{told}.",
        "changed": [
            {
                **row,
                "before": _named(row["fermi_name_before"], links[0]),
                "after": _named(row["fermi_name_after"], links[1]),
                **{
                    f"{what}_words": _arrow(row[f"{what}_before"], row[f"{what}_after"])
                    for what in ("class", "state", "best")
                },
            }
            for row in changed.head(_MOST_ROWS).to_dict("records")
        ],
    }


def _links(run: ComparedRun, site: str) -> dict[str, str]:
    files = page_files(run.sources["fermi_name"].tolist())
    return {name: f"{site}sources/{file}" for name, file in files.items() if file in run.pages}


def _named(name: str, links: Mapping[str, str]) -> dict[str, str]:
    return {"text": name or NOT_IN_LIST, "link": links.get(name, "")}


def _arrow(before: str, after: str) -> str:
    return " → ".join(dict.fromkeys((before or "none", after or "none")))


def _figure(name: str, path: str | Path) -> dict[str, Any]:
    width, height = png_size(path)
    return {
        "name": name,
        "file": Path(path).name,
        "description": description(f"comparisons/any/figures/{name}.png"),
        "caption": _CAPTIONS[name],
        "width": width,
        "height": height,
    }
