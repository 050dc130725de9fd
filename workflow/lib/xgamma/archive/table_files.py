"""Tables in files: FITS, ECSV, VOTable and Parquet, told apart by their first bytes.

Columns are read one by one, as they are needed: a published catalogue has hundreds. Numbers of
32 bits become those that are written with the same shortest decimal: 276.5691, not 276.56909.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import numpy as np
import pandas as pd

from xgamma.errors import XgammaError
from xgamma.tables.printable import one_line

__all__ = ["FileTable", "UnreadableFile", "open_table"]

_IN_MEMORY = 64 * 2**20
# what comes first in a VOTable may be a declaration, a comment or the element itself
_XML, _FITS, _PARQUET, _ECSV, _GZIP = b"<", b"SIMPLE  =", b"PAR1", b"# %ECSV", b"\x1f\x8b"


class UnreadableFile(XgammaError):
    """A file that is no table, or is damaged: what is wrong with it, without its name."""


@dataclass(frozen=True)
class FileTable:
    """A table in a file, its columns not yet read.

    Attributes
    ----------
    rows : int
    units : dict
        Column -> unit as the file states it, '' if it states none; in the file's order.
    values : callable
        Column -> Series: text stripped of blanks and '' for null, floats NaN, integers NA, and
        truth values as booleans.
    """

    rows: int
    units: dict[str, str]
    values: Callable[[str], pd.Series]


@contextlib.contextmanager
def open_table(stream: IO[bytes], prefer: str = "") -> Iterator[FileTable]:
    """The table in a file, to be read while it is open.

    Parameters
    ----------
    stream : binary file
        Can be sought in; a file that is compressed by gzip is unpacked.
    prefer : str
        Name of the FITS table that is meant, if a file has several; else the first.

    Raises
    ------
    UnreadableFile
        Also for what is found while columns are read.
    """
    stream.seek(0)
    with contextlib.ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # a file that ends too early is read without an error
        warnings.filterwarnings("error", "(?s).*truncated")
        try:
            if stream.read(2) == _GZIP:
                stream = _unpacked(stream, stack)
            yield _reader(stream, stack)(stream, prefer)
        except XgammaError:
            raise
        except Exception as error:  # whatever a damaged file does to the parsers of four libraries
            if isinstance(error, EOFError) or "truncated" in str(error):
                raise UnreadableFile("it ends too early: copy it again") from error
            raise UnreadableFile(f"it cannot be read: {one_line(str(error))[:200]}") from error


def _reader(
    stream: IO[bytes], stack: contextlib.ExitStack
) -> Callable[[IO[bytes], str], FileTable]:
    """What reads a file that begins so."""
    stream.seek(0)
    start = stream.read(80)
    stream.seek(0)
    if start.startswith(_FITS):
        return partial(_fits, stack)
    if start.startswith(_PARQUET):
        return _parquet
    if start.startswith(_ECSV):
        return _ecsv
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_XML):
        return _votable
    raise UnreadableFile("it is none of FITS, ECSV, VOTable and Parquet")


def _unpacked(stream: IO[bytes], stack: contextlib.ExitStack) -> IO[bytes]:
    plain = stack.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115
    stream.seek(0)
    with gzip.GzipFile(fileobj=stream) as packed:
        shutil.copyfileobj(packed, plain, 2**20)
    return plain


def _fits(stack: contextlib.ExitStack, stream: IO[bytes], prefer: str) -> FileTable:
    from astropy.io import fits

    in_file = isinstance(stream, io.BufferedReader)
    hdus = fits.open(stream, memmap=in_file, lazy_load_hdus=False)
    # but not the stream, which is the caller's
    stack.callback(hdus.close, closed=False)
    tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
    if not tables:
        raise UnreadableFile("it has no table, only images")
    named = [hdu for hdu in tables if hdu.name.upper() == prefer.upper()]
    hdu = (named or tables)[0]
    data, columns = hdu.data, {column.name: column for column in hdu.columns}

    def values(name: str) -> pd.Series:
        null = columns[name].null
        found = np.asarray(data.field(name))
        mask = found == null if null not in (None, "") else np.zeros(found.shape, bool)
        return _series(name, found, mask)

    return FileTable(len(data), {n: str(c.unit or "") for n, c in columns.items()}, values)


def _votable(stream: IO[bytes], prefer: str) -> FileTable:
    from astropy.io.votable import parse

    # streams of the standard library's lack what the parser asks of them
    document = parse(io.BytesIO(stream.read()), verify="ignore")
    tables = [table for table in document.iter_tables() if len(table.fields)]
    if not tables:
        raise UnreadableFile("it is XML, but has no table")
    table = tables[0]
    place = {
        field.name: id_ for field, id_ in zip(table.fields, table.array.dtype.names, strict=True)
    }

    def values(name: str) -> pd.Series:
        column = table.array[place[name]]
        return _series(name, np.ma.getdata(column), np.ma.getmaskarray(column))

    units = {field.name: str(field.unit or "") for field in table.fields}
    return FileTable(len(table.array), units, values)


def _ecsv(stream: IO[bytes], prefer: str) -> FileTable:
    from astropy.table import Table

    table = Table.read(stream.read().decode("utf-8-sig"), format="ascii.ecsv")

    def values(name: str) -> pd.Series:
        column = table[name]
        return _series(name, np.ma.getdata(column), np.ma.getmaskarray(column))

    return FileTable(len(table), {n: str(table[n].unit or "") for n in table.colnames}, values)


def _parquet(stream: IO[bytes], prefer: str) -> FileTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(stream)

    def values(name: str) -> pd.Series:
        column = file.read([name]).column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        mask = column.is_null().to_numpy()
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            found = np.array(column.to_pylist(), dtype=object)
        else:
            fill = False if pa.types.is_boolean(kind) else 0
            found = column.fill_null(fill).to_numpy() if column.null_count else column.to_numpy()
        return _series(name, found, mask)

    fields: Mapping[str, Any] = {f.name: f.metadata or {} for f in file.schema_arrow}
    units = {name: about.get(b"unit", b"").decode() for name, about in fields.items()}
    return FileTable(file.metadata.num_rows, units, values)


def _series(name: str, found: np.ndarray, mask: np.ndarray) -> pd.Series:
    """A column as `FileTable.values` gives it."""
    if found.ndim != 1:
        raise UnreadableFile(f"column {name} holds arrays, where there is one value for a row")
    kind = found.dtype.kind
    if kind == "f":
        return pd.Series(np.where(mask, np.nan, _as_written(found)))
    if kind in "iu":
        return pd.Series(pd.arrays.IntegerArray(found.astype(np.int64), mask.copy()))
    if kind == "b":
        return pd.Series(pd.arrays.BooleanArray(found.astype(bool), mask.copy()))
    texts = [
        "" if null or value is None else _text(value)
        for value, null in zip(found.tolist(), mask.tolist(), strict=True)
    ]
    return pd.Series(texts, dtype="str")


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip(" \t\r\n\0")


def _as_written(values: np.ndarray) -> np.ndarray:
    if values.dtype.itemsize >= 8:
        return values.astype(np.float64)
    return values.astype(values.dtype.newbyteorder("=")).astype(str).astype(np.float64)
