"""Catalogues that the user has as files, in the place of a service's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xgamma.config.kinds import Block, Named, Text, setting
from xgamma.config.wording import value_text

__all__ = ["OWN_CATALOGUES", "OwnCatalogue", "file_clashes"]

# at HEASARC; a survey is asked around positions, and has no file
_TABLES = ("fermilpsc", "csc")


@dataclass(frozen=True)
class OwnCatalogue:
    """A catalogue in a file."""

    file: str = setting(
        Text(r"\S(.*\S)?", "it is the path of a FITS, ECSV, VOTable or Parquet file", "a path"),
        what="Path of the file: FITS as the LAT team publishes it, ECSV, VOTable or Parquet, with "
        "the columns of the table or of the published file. See [a catalogue of one's "
        "own](../docs/own-catalogues.md).",
    )
    release: str = setting(
        Text(r".*\S.*", "a release is text; a number such as 2.1 needs quotes", "text"),
        what="Which release it is, for records, tables and figures: `FL16Y`.",
    )

    @property
    def source(self) -> str:
        """Where its rows come from, as records say it."""
        return f"file {Path(self.file).name}"


OWN_CATALOGUES = Named(
    Text(
        "[A-Za-z][A-Za-z0-9_.]*",
        "a catalogue is called as its table at the service: fermilpsc, csc",
        "`fermilpsc`, `csc`",
    ),
    Block(OwnCatalogue, "a catalogue of one's own is a block with {keys}"),
    "it is a block of catalogues, each by the name of its table at the service",
    "`fermilpsc`, `csc`: keys below",
    placeholder="<table>",
)


def file_clashes(config: Mapping[str, Any]) -> Iterator[str]:
    """Word catalogues that are none of the run's, and files that are not there."""
    for table, one in config["catalogs"].items():
        if table not in _TABLES:
            yield (
                f"catalogs.{table} is no catalogue that a file can stand in for; they are "
                f"{', '.join(_TABLES)}"
            )
        # a replay has the file among its answers
        elif config["archive"] != "replay" and not Path(one["file"]).is_file():
            yield (
                f"catalogs.{table}.file is {value_text(one['file'])}; there is no such file: a "
                f"path counts from the folder in which snakemake runs, {Path.cwd()}"
            )
