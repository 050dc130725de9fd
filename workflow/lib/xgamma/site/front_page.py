"""The front page: the run in a few numbers, the plane, and a table of all its Fermi sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from xgamma.association.states import LIKELY, STATES
from xgamma.classes import ordered_classes
from xgamma.site.plane_map import MARKS, covered_strips, interactive_map, slug, still_map
from xgamma.site.source_pages import by_probability, in_order, page_files
from xgamma.tables.printable import printable

__all__ = ["front_context"]

# the table finds a source by the names of its candidates from this probability on, the likeliest
# first, and by those of their objects
_LEAST_P, _MOST_NAMES, _LEAST_OBJECT_P = 0.001, 100, 0.1
_OPEN_STATES = ("confused", "candidates, none likely", "observed, nothing found")


def front_context(
    sources: pd.DataFrame,
    counterparts: pd.DataFrame,
    candidates: pd.DataFrame,
    identifications: pd.DataFrame,
    cells: pd.DataFrame,
    summary: Mapping[str, Any],
    about: Mapping[str, Any],
    latitude_cut_deg: float,
    named: Sequence[str],
    with_evidence: bool,
    surveys: Sequence[str],
) -> dict[str, Any]:
    """Values of the front page.

    Parameters
    ----------
    sources, counterparts, candidates, identifications : DataFrame
        Of `tables/`.
    cells : DataFrame
        coverage/fields.
    summary : mapping
        summary.json.
    about : mapping
        What every page says of the run.
    latitude_cut_deg : float
    named : sequence of str
        The sources that the run is for; none for all of the plane.
    with_evidence : bool
        Whether the probability that counts is that with the optical evidence.
    surveys : sequence of str
        Of the config.
    """
    edge_deg = _edge(counterparts, latitude_cut_deg)
    rows = _rows(sources, counterparts, candidates, identifications, surveys)
    strips = covered_strips(cells, edge_deg)
    counts = counterparts["state"].value_counts()
    states = [
        {
            "name": state,
            "slug": slug(state),
            "count": int(counts.get(state, 0)),
            "glyph": MARKS[state][3],
        }
        for state in STATES
    ]
    words = (
        "Longitude runs to the left, and latitudes are stretched. A mark is a Fermi source: its "
        "colour and shape tell its state, its size the probability of the likeliest counterpart."
    )
    return {
        "about": about,
        "survey": surveys[0] if surveys else "",
        "asked": _asked(summary, about, latitude_cut_deg, named, with_evidence),
        "numbers": _numbers(counterparts, counts),
        "rows": rows,
        "states": states,
        "classes": ordered_classes(sources["fermi_class"].unique()),
        "map_words": words,
        "map_data": interactive_map(rows, strips, edge_deg),
        "still_map": still_map(
            rows, strips, edge_deg,
            f"Map of {len(rows)} Fermi sources by state; the table below has them all",
        ),
    }  # fmt: skip


def _rows(
    sources: pd.DataFrame,
    counterparts: pd.DataFrame,
    candidates: pd.DataFrame,
    identifications: pd.DataFrame,
    surveys: Sequence[str],
) -> list[dict[str, Any]]:
    """Of the table: the likeliest counterparts first, then by name."""
    seen = in_order(counterparts)
    files = page_files(sorted(seen))
    names = _names(candidates, identifications)
    frame = counterparts.merge(
        sources[["fermi_name", "coverage"]], on="fermi_name", how="left", validate="1:1"
    )
    wanted = [
        "fermi_name", "association", "fermi_class", "state", "p_counterpart", "csc_name",
        "fermi_l", "fermi_b", "fermi_flux", "coverage",
    ]  # fmt: skip
    # the table has room for one survey
    objects = f"{surveys[0]}_id" if surveys else ""
    rows = []
    for row in by_probability(frame)[[*wanted, *([objects] if objects else [])]].to_dict("records"):
        file = files.get(row["fermi_name"])
        also = names.get(row["fermi_name"], "")
        rows.append(
            {
                **row,
                "object_id": row[objects] if objects else "",
                "file": quote(file, safe="+") if file else "",
                "names": _searched(f"{row['fermi_name']} {row['association']} {also}"),
                "p_order": _order(row["p_counterpart"]),
                "l_order": _order(row["fermi_l"]),
                "flux_order": _order(row["fermi_flux"]),
                "seen_order": _order(row["coverage"]),
            }
        )
    return rows


def _searched(names: str) -> Markup:
    """Names for the search, as many as there are."""
    return escape(printable(names.strip()))


def _edge(counterparts: pd.DataFrame, latitude_cut_deg: float) -> float:
    """The latitude to which the map goes: named sources may lie off the plane."""
    latitude = counterparts["fermi_b"].abs().max() if len(counterparts) else 0.0
    return max(latitude_cut_deg, float(np.ceil(latitude)))


def _order(value: float) -> str:
    """A number as a cell is sorted by it; '' for none."""
    return "" if value != value else repr(float(f"{value:.6g}"))


def _names(candidates: pd.DataFrame, identifications: pd.DataFrame) -> dict[str, str]:
    """Fermi source -> names of its candidates and of their objects, for the search."""
    listed = candidates[candidates["p_association"] >= _LEAST_P]
    listed = listed.groupby("fermi_name", sort=False).head(_MOST_NAMES)
    objects = identifications[identifications["p_object"] >= _LEAST_OBJECT_P]
    objects = objects.merge(listed[["fermi_name", "csc_name"]], on=["fermi_name", "csc_name"])
    both = pd.concat(
        [
            listed[["fermi_name", "csc_name"]].set_axis(["fermi_name", "name"], axis=1),
            objects[["fermi_name", "object_id"]].set_axis(["fermi_name", "name"], axis=1),
        ]
    )
    return both.groupby("fermi_name", sort=False)["name"].agg(" ".join).to_dict()


def _numbers(counterparts: pd.DataFrame, counts: pd.Series) -> list[tuple[str, str]]:
    p = counterparts["p_counterpart"]
    expected_false = float((1 - p[p >= LIKELY]).sum())
    still_open = sum(counts.get(state, 0) for state in _OPEN_STATES)
    return [
        ("Fermi sources", f"{len(counterparts):,}"),
        (
            "observed by Chandra, wholly or in part",
            f"{len(counterparts) - counts.get(STATES[0], 0):,}",
        ),
        ("with a counterpart (P of 0.8 or more)", f"{counts.get('counterpart', 0):,}"),
        ("with a likely one (0.5 to 0.8)", f"{counts.get('likely counterpart', 0):,}"),
        ("of these expected to be false", f"{expected_false:.1f}"),
        (
            "observed, none likely or open which",
            f"{still_open:,}",
        ),
    ]


def _asked(
    summary: Mapping[str, Any],
    about: Mapping[str, Any],
    latitude_cut_deg: float,
    named: Sequence[str],
    with_evidence: bool,
) -> str:
    """What was asked, of whom, when: one paragraph."""
    what = (
        f"This run is for {', '.join(named)}"
        if named
        else f"All Fermi sources within {latitude_cut_deg:g}° of the Galactic plane"
    )
    before = summary["association"]["by_state"]
    other = [before.get(state, 0) for state in ("counterpart", "likely counterpart")]
    evidence = (
        " Probabilities count what the optical and infrared objects say; before that, "
        f"{other[0]:,} sources had a counterpart and {other[1]:,} a likely one."
        if with_evidence
        else ""
    )
    when = f", answered {about['answered']}" if about["answered"] else ""
    return (
        f"{what}, beside {summary['csc']['rows']:,} Chandra sources of "
        f"{summary['observations']['rows']:,} observations. Asked: "
        f"{'; '.join(about['catalogues'])}{when}.{evidence}"
    )
