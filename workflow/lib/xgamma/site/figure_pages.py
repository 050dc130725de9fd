"""The page of figures, and the page that sets the run beside the notebook."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xgamma.provenance.products import description
from xgamma.site.documents import document
from xgamma.site.templates import compact
from xgamma.tables.columns import Column, conform

__all__ = ["GROUPS", "figures_context", "notebook_context", "png_size", "small_table"]

GROUPS = {
    "Probabilities": ("states", "probability", "reliability", "known_sources"),
    "Identifications": ("identification", "x_ray_optical", "colours"),
    "Sky": ("exposure_map", "plane_sky", "plane_map", "plane_histograms"),
    "Associations": (
        "association_map", "match_map", "matches_by_position", "matches_by_flux", "separations",
        "flux_ratio_by_position", "flux_ratio_by_class",
    ),
    "Counterparts": (
        "counterparts_by_class", "variability_by_class", "variable_fraction", "offsets",
    ),
    "Classes": ("class_shares", "class_subsample"),
}  # fmt: skip
"""Titles of the page of figures, and the figures below each."""

_CAPTIONS = Path(__file__).parent / "captions"


def figures_context(
    formats: Sequence[str],
    files: Mapping[str, str],
    sizes: Mapping[str, tuple[int, int]],
    values: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Values of the page of figures.

    Parameters
    ----------
    formats : sequence of str
        In which the figures are.
    files : mapping
        Figure -> its file, of those that lie beside the page.
    sizes : mapping
        Figure -> width and height in pixels of these; zeros if unknown.
    values : mapping
        Of the config, for captions.
    tables : mapping
        Figure -> the table below it, as `small_table` gives it.
    """
    groups = []
    for title, names in GROUPS.items():
        figures = []
        for name in names:
            words = (_CAPTIONS / f"{name}.md").read_text(encoding="utf-8").format_map(values)
            width, height = sizes.get(name, (0, 0))
            figures.append(
                {
                    "name": name,
                    "file": files.get(name, ""),
                    "elsewhere": f"figures/{name}.{formats[0]}",
                    "description": description(f"figures/{name}.png"),
                    "caption": document(words, {}),
                    "width": width,
                    "height": height,
                    "table": tables.get(name),
                }
            )
        groups.append({"title": title, "figures": figures})
    return {"groups": groups}


def png_size(path: str | Path) -> tuple[int, int]:
    """Width and height of a PNG in pixels, from its head; zeros for another file."""
    with open(path, "rb") as stream:
        head = stream.read(24)
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        return 0, 0
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def small_table(frame: pd.DataFrame, columns: Sequence[Column]) -> dict[str, Any]:
    """A table as a page shows it: four digits of each number.

    Parameters
    ----------
    frame : DataFrame
        Holds at least `columns`.
    columns : sequence of Column
        None of lists.
    """
    frame = conform(frame, columns)
    return {
        "headings": [
            {"name": one.name, "unit": one.unit, "description": one.description} for one in columns
        ],
        "rows": [
            [_cell(value, column.kind) for value, column in zip(row, columns, strict=True)]
            for row in frame.itertuples(index=False)
        ],
    }


def _cell(value: Any, kind: str) -> dict[str, Any]:
    if kind == "text":
        return {"text": value, "is_number": False}
    if kind == "bool":
        return {"text": "yes" if value else "no", "is_number": False}
    if value is pd.NA or (isinstance(value, float | np.floating) and np.isnan(value)):
        return {"text": "–", "is_number": True}
    return {"text": compact(float(value), 4) if kind.startswith("float") else f"{value:,d}",
            "is_number": True}  # fmt: skip


# what, the notebook's number, where ours is in summary.json, why it differs. The notebook's are
# those of its published output (J. Eagle, HEASARC, 2025).
_NUMBERS = (
    (
        "Chandra sources", 407_806, ("csc", "rows"),
        "The same question; another release of the catalogue has other sources.",
    ),
    (
        "with a broad-band flux", 343_779, ("csc", "with_flux"),
        "A flux above the config's cut. Sources that only the HRC has seen have none; they stay "
        "candidates for the probabilities.",
    ),
    (
        "of these within 10° of the plane", 100_896, ("csc", "in_plane_above_flux_cut"),
        "Within sky.latitude_cut_deg.",
    ),
    (
        "pairs", 9_162, ("pairs", "circle"),
        "The circle of the semi-major axis of the 95 % ellipse, as in the notebook.",
    ),
    (
        "pairs in the 95 % ellipse", None, ("pairs", "ellipse"),
        "The circle is 1.4 times as large as the ellipses of the plane: of the notebook's pairs, "
        "7,049 lie in them.",
    ),
    (
        "Fermi sources with pairs", 340, ("pairs", "fermi_sources_circle"),
        "Sources without an ellipse in the list, most of them extended, have no circle: they are "
        "listed in crossmatch/excluded, and take part in the probabilities.",
    ),
    (
        "different Chandra sources in pairs", 9_156, ("pairs", "distinct_csc_sources"),
        "A source in two circles is a candidate of both.",
    ),
    (
        "most pairs of one Fermi source", 895, ("pairs", "matches_largest"),
        "The notebook's charts showed it at a wrong place: counts were not sorted with the "
        "longitudes.",
    ),
    (
        "Gaia sources near Fermi positions", 1_020,
        ("counterparts", "by_survey", "gaia", "rows_around_fermi"),
        "The three nearest to the middle of each ellipse, as in the notebook; they have little to "
        "do with the gamma rays. Sources around the Chandra candidates are searched too.",
    ),
    (
        "Fermi sources with a likely counterpart", None, (),
        "The notebook lists pairs, most of which are chance; this run gives each a probability.",
    ),
)  # fmt: skip

_TABLES = (
    (
        "grouped_csc_fermi_pairs.csv", "tables/grouped_csc_fermi_pairs.csv",
        "The same columns. Lists are JSON, units are in the .ecsv, rows and lists are sorted.",
    ),
    (
        "grouped_csc_fermi_gaia_2mass_pairs.csv",
        "tables/grouped_csc_fermi_gaia_2mass_pairs.csv",
        "The same columns. 2MASS sources are the nearest ones, which TOP 3 without an order did "
        "not give.",
    ),
    (
        "the pairs, with separations", "tables/csc_fermi_pairs.ecsv",
        "Computed and not kept by the notebook.",
    ),
    ("–", "tables/counterparts.csv", "The answer: one row per Fermi source, with probabilities."),
)  # fmt: skip

_FIGURES = (
    ("exposure_map", "All Chandra observations by exposure",
     "Observations without exposure are marked instead of left out without a word."),
    ("plane_sky", "Chandra sources of the plane", "Sources without a flux are shown, too."),
    ("plane_histograms", "Chandra sources by longitude and latitude", "Axes are labelled."),
    ("match_map", "Associated sources by flux ratio",
     "The notebook's projection has no place for longitudes beyond 90°: 96 of its 340 sources "
     "were missing."),
    ("matches_by_position", "Chandra sources per circle by longitude and latitude",
     "Counts stand at the places of their sources: 312 of the 340 bars did not."),
    ("flux_ratio_by_class", "Flux ratios by class",
     "Points do not jump from run to run; classes are those of the data."),
    ("counterparts_by_class", "Fermi sources with Gaia and 2MASS sources by class",
     "The notebook's chart stopped with an error; sources around the Chandra candidates stand "
     "beside those around the Fermi positions."),
    ("variability_by_class", "Gaia variability by class",
     "Labels are those of the bars (21 of 23 were not), and what is not known to vary is not "
     "called constant."),
    ("variable_fraction", "Fraction of variable Gaia sources by class",
     "A lower limit, with its interval."),
)  # fmt: skip


def notebook_context(
    summary: Mapping[str, Any], likely: int, files: Mapping[str, str]
) -> dict[str, Any]:
    """Values of the page beside the notebook.

    Parameters
    ----------
    summary : mapping
        summary.json.
    likely : int
        Fermi sources with a likely counterpart, in tables/counterparts.
    files : mapping
        Figure -> its file, of those that lie beside the page.
    """
    numbers = []
    for what, published, path, why in _NUMBERS:
        value = _looked_up(summary, path) if path else likely
        numbers.append(
            {
                "what": what,
                "published": "–" if published is None else f"{published:,}",
                "value": "–" if value is None else f"{value:,}",
                "why": why,
            }
        )
    return {
        "numbers": numbers,
        "tables": [{"published": a, "file": b, "why": c} for a, b, c in _TABLES],
        "figures": [
            {"file": files.get(name, ""), "what": what, "why": why} for name, what, why in _FIGURES
        ],
    }


def _looked_up(summary: Mapping[str, Any], path: Sequence[str]) -> int | None:
    """A number of the summary; None where a run has none."""
    value: Any = summary
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value
