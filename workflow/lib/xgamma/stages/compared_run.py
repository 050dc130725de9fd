"""A finished run, read from its folder: what the comparison of two runs needs of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xgamma.association.posterior import Model
from xgamma.coverage.cells import Cells
from xgamma.errors import XgammaError
from xgamma.stages.associate import XRAY_COLUMNS, read_model
from xgamma.stages.map_coverage import cells_of_frame
from xgamma.tables.files import read_columns, read_parquet

__all__ = ["RUN_FILES", "ComparedRun", "comparison_folder", "read_run"]

RUN_FILES = (
    "provenance.json",
    "catalogs/fermilpsc.parquet",
    "catalogs/csc.parquet",
    "coverage/fields.parquet",
    "association/model.json",
    "tables/fermi_sources.parquet",
    "tables/candidates.parquet",
)
"""What is read of a run."""

_NEEDED = {
    "catalogs/fermilpsc.parquet": (
        "name", "ra", "dec", "bii", "semi_major_axis_95", "semi_minor_axis_95",
        "position_angle_95", "energy_flux", "detection_significance", "source_type",
        "analysis_flags", "pl_index", "variability_index", "lp_sigcurv",
    ),
    "catalogs/csc.parquet": XRAY_COLUMNS,
    "coverage/fields.parquet": ("cell", "ra", "dec", "share", "exposure"),
    "tables/fermi_sources.parquet": (
        "fermi_name", "fermi_class", "state", "best_csc_name", "best_p", "fermi_l", "fermi_b",
    ),
    "tables/candidates.parquet": ("fermi_name", "csc_name", "p_association"),
}  # fmt: skip
# which a list may lack
_OPTIONAL = ("assoc_fgl",)


@dataclass(frozen=True)
class ComparedRun:
    """A run as the comparison has it.

    Attributes
    ----------
    folder : str
        As the user wrote it.
    fermi, csc : DataFrame
        The catalogues.
    cells : Cells
    model : Model
    sources, candidates : DataFrame
        The tables `fermi_sources` and `candidates`, those columns that are needed.
    chosen : tuple of str
        Fermi sources that the run was for, with their neighbours; none for all of the plane.
    provenance : mapping
        `provenance.json`.
    digests : mapping of str to str
        SHA-256 of each of `RUN_FILES`.
    pages : frozenset of str
        Files of the pages of single sources.
    """

    folder: str
    fermi: pd.DataFrame
    csc: pd.DataFrame
    cells: Cells
    model: Model
    sources: pd.DataFrame
    candidates: pd.DataFrame
    chosen: tuple[str, ...]
    provenance: Mapping[str, Any]
    digests: Mapping[str, str]
    pages: frozenset[str]

    @property
    def latitude_cut_deg(self) -> float:
        return float(self.provenance["config"]["sky"]["latitude_cut_deg"])

    @property
    def simulated(self) -> bool:
        return bool(self.provenance["simulated"])


def read_run(folder: str) -> ComparedRun:
    """A run from the folder of its products.

    Parameters
    ----------
    folder : str

    Raises
    ------
    XgammaError
        Naming the folder and the first file that is missing, cannot be read, lacks a column, or
        is not the one that the provenance describes.
    """
    place = Path(folder)
    if not place.is_dir():
        raise XgammaError(
            f"compare: there is no folder {folder}: name two folders of products, such as "
            f"results/demo"
        )
    for file in RUN_FILES:
        if not (place / file).is_file():
            raise XgammaError(
                f"compare: {folder} is no finished run of xgamma, it has no {file}: name the "
                f"folder of a run's products, such as results/demo, or finish that run first"
            )
    provenance = _json(place, "provenance.json")
    digests = {file: _digest(place / file) for file in RUN_FILES}
    for file in RUN_FILES[1:]:
        described = provenance.get("products", {}).get(file, {}).get("sha256")
        if described != digests[file]:
            raise XgammaError(
                f"compare: {place / file} is not what provenance.json describes: run snakemake "
                f"there again, until it ends"
            )
    tables = {file: _table(place, file) for file in RUN_FILES if file.endswith(".parquet")}
    chosen: tuple[str, ...] = ()
    if provenance["config"].get("sources"):
        path = place / "catalogs/chosen.parquet"
        if not path.is_file():
            raise XgammaError(
                f"compare: {folder} is a run for named sources without {path.name}: run snakemake "
                f"there again"
            )
        chosen = tuple(read_parquet(path, ["fermi_name"])["fermi_name"])
    pages = place / "site/sources.json"
    return ComparedRun(
        folder=folder,
        fermi=tables["catalogs/fermilpsc.parquet"],
        csc=tables["catalogs/csc.parquet"],
        cells=cells_of_frame(tables["coverage/fields.parquet"]),
        model=read_model(_json(place, "association/model.json")),
        sources=tables["tables/fermi_sources.parquet"],
        candidates=tables["tables/candidates.parquet"],
        chosen=chosen,
        provenance=provenance,
        digests=digests,
        pages=frozenset(_json(place, "site/sources.json") if pages.is_file() else ()),
    )


def comparison_folder(folders: tuple[str, ...]) -> str:
    """The name of the folder for a comparison: of its two runs, without `results/`.

    >>> comparison_folder(("results/demo", "results/live/sources/ls5039"))
    'demo-live.sources.ls5039'
    """
    names = []
    for folder in folders:
        parts = [part for part in Path(folder).parts if part not in ("/", ".", "..")]
        below = parts[parts.index("results") + 1 :] if "results" in parts else parts[-1:]
        name = ".".join(below) or "results"
        if Path(folder) != Path("results", *below):
            # of two folders elsewhere, the last parts may be the same
            name += f".{hashlib.sha256(folder.encode()).hexdigest()[:6]}"
        names.append(name)
    return "-".join(names)


def _digest(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json(place: Path, file: str) -> Any:
    try:
        return json.loads((place / file).read_text(encoding="utf-8"))
    except ValueError as error:
        raise XgammaError(
            f"compare: {place / file} cannot be read ({error}): run snakemake there again"
        ) from error


def _table(place: Path, file: str) -> pd.DataFrame:
    try:
        there = {column.name for column in read_columns(place / file)}
    except (OSError, ValueError) as error:
        raise XgammaError(
            f"compare: {place / file} cannot be read ({error}): run snakemake there again"
        ) from error
    missing = [name for name in _NEEDED[file] if name not in there]
    if missing:
        raise XgammaError(
            f"compare: {place / file} has no column {missing[0]}; another version of xgamma "
            f"made it: run snakemake there again with this one"
        )
    optional = [name for name in _OPTIONAL if name in there and file.startswith("catalogs/fermi")]
    return read_parquet(place / file, [*_NEEDED[file], *optional])
