"""A table as FITS: units, descriptions, UCDs and facts as cards of its header.

FITS holds ASCII alone: what is not is shown as an escape. There is no date, so that the same
table gives the same bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xgamma.errors import XgammaError
from xgamma.tables.columns import Column, conform
from xgamma.tables.ecsv import ECSV_TEXT
from xgamma.tables.metadata import TableMetadata
from xgamma.tables.printable import printable
from xgamma.tables.whole_files import atomic_path

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["NULL", "fits_unit", "write_fits"]

NULL = -(2**63)
"""What stands for no value in a column of integers, as TNULL says; STILTS writes the same."""

_FORMATS = {"float": "D", "float32": "E", "int": "K", "nullable_int": "K", "bool": "L"}

# fact -> its card; of several, each has its number behind
_CARDS = {
    "description": "TITLE",
    "archive": "ARCHIVE",
    "simulated": "SIMULATD",
    "catalogues": "CATLOG",
    "answered": "ANSWERED",
    "software": "CREATOR",
    "cite": "CITE",
}


def write_fits(
    path: str | Path, frame: pd.DataFrame, columns: Sequence[Column], about: TableMetadata
) -> None:
    """Write a FITS file of one binary table.

    No value is NaN in columns of floats, TNULL in those of integers, blanks in text. Text is cut
    visibly at `ECSV_TEXT` characters: each row has the room of the longest.

    Parameters
    ----------
    path : path-like
    frame : DataFrame
    columns : sequence of Column
    about : TableMetadata

    Raises
    ------
    XgammaError
        If a column has an integer that stands for no value.
    """
    from astropy.io import fits

    frame = conform(frame, columns)
    table = fits.BinTableHDU.from_columns(
        [_field(frame[column.name], column) for column in columns]
    )
    # by its keyword: astropy's `name` makes capitals of it
    table.header["EXTNAME"] = _ascii(about.name)
    table.header.extend(_cards(columns, about))
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    with atomic_path(path) as beside:
        beside.write_bytes(stream.getbuffer())


def _field(values: pd.Series, column: Column) -> fits.Column:
    from astropy.io import fits

    if column.kind == "text":
        # names of sources stand in many rows
        numbers, texts = pd.factorize(values.to_numpy(dtype=object))
        shown = np.array([_ascii(text).encode() for text in texts], dtype=np.bytes_)
        data = shown[numbers] if len(shown) else np.empty(0, dtype="S1")
        kind = f"{max(1, data.dtype.itemsize)}A"
    elif column.kind == "nullable_int":
        if (values == NULL).any():
            raise XgammaError(f"table: {column.name} has {NULL}, which stands for no value in FITS")
        data, kind = values.fillna(NULL).to_numpy(dtype="int64"), _FORMATS[column.kind]
    else:
        data, kind = values.to_numpy(), _FORMATS[column.kind]
    null = NULL if column.kind == "nullable_int" else None
    unit = fits_unit(column.unit) or None
    return fits.Column(column.label, kind, unit=unit, null=null, array=data)


def _cards(columns: Sequence[Column], about: TableMetadata) -> Iterator[tuple[str, str | bool]]:
    """Keyword and value of what astropy does not write itself; it continues what is long."""
    for number, column in enumerate(columns, start=1):
        if column.description:
            yield f"TCOMM{number}", _ascii(column.description)
        if column.ucd:
            yield f"TUCD{number}", _ascii(column.ucd)
    # of right ascensions and declinations
    yield "RADESYS", "ICRS"
    facts = about.facts()
    for fact, keyword in _CARDS.items():
        value = facts.get(fact, [])
        if isinstance(value, list):
            yield from ((f"{keyword}{n}", _ascii(one)) for n, one in enumerate(value, start=1))
        else:
            yield keyword, value if isinstance(value, bool) else _ascii(value)


def _ascii(text: str) -> str:
    shown = printable(text).encode("ascii", "backslashreplace").decode()
    return shown if len(shown) <= ECSV_TEXT else f"{shown[: ECSV_TEXT - 3]}..."


def fits_unit(unit: str) -> str:
    """A unit of a column as the FITS standard spells it.

    Parameters
    ----------
    unit : str
        In the spelling of astropy. What astropy cannot read, or FITS cannot hold, stays as it is.

    Examples
    --------
    >>> fits_unit("erg / (s cm2)")
    'erg s-1 cm-2'
    """
    from astropy import units as u

    with warnings.catch_warnings():
        # a deprecated unit, such as erg, is still one
        warnings.simplefilter("ignore", u.UnitsWarning)
        try:
            return u.Unit(unit).to_string("fits")
        except (ValueError, TypeError):
            return _ascii(unit)
