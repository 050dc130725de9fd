"""The real part of the demo sky: 4FGL-DR4, as cut down in `resources/`."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from xgamma.demo.tables import served_table
from xgamma.errors import XgammaError

__all__ = ["fold_class", "padded_source_type", "read_fermi"]

_TEXT = ("name", "source_type", "assoc_name")


def _values(name: str, texts: tuple[str, ...]) -> np.ndarray:
    if name in _TEXT:
        return np.array(texts, dtype=object)
    return np.array(texts, dtype=np.int64 if name == "analysis_flags" else np.float64)


def read_fermi(resource: str | Path) -> pd.DataFrame:
    """The rows of the shipped 4FGL-DR4 list, in its order.

    Parameters
    ----------
    resource : path
        `resources/4fgl_dr4_v35.ecsv.gz`.

    Returns
    -------
    DataFrame
        7,195 rows with the columns of the served table `fermilpsc`; `source_type` is
        stripped, text is '' and numbers are NaN where null, `analysis_flags` is int64.

    Raises
    ------
    XgammaError
        If the file is not there or is not that list.
    """
    # ECSV is blank-separated text under a commented header; importing astropy.table would
    # take longer than reading it
    try:
        with gzip.open(resource, "rt", encoding="utf-8", newline="") as stream:
            lines = csv.reader((x for x in stream if not x.startswith("# ")), delimiter=" ")
            header, *rows = lines
            fields = dict(zip(header, zip(*rows, strict=True), strict=True))
            frame = pd.DataFrame({n: _values(n, texts) for n, texts in fields.items()})
    except (OSError, EOFError, ValueError) as error:
        raise XgammaError(
            f"demo sky: cannot read the Fermi list {resource} ({error}); "
            "it belongs to the repository: restore it with git"
        ) from error
    missing = [c.name for c in served_table("fermilpsc").columns if c.name not in frame]
    if missing:
        raise XgammaError(
            f"demo sky: the Fermi list {resource} has no column {', '.join(missing)}; "
            "it belongs to the repository: restore it with git"
        )
    return frame


def padded_source_type(source_type: pd.Series) -> np.ndarray:
    """Classes as HEASARC serves them: padded with blanks to five characters."""
    return np.array([text.ljust(5) for text in source_type], dtype=object)


def fold_class(source_type: pd.Series) -> np.ndarray:
    """Classes in lower case, '' for none: identified and associated ones together."""
    return np.array([text.strip().lower() for text in source_type], dtype=object)
