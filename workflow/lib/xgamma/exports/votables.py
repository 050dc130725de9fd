"""A table as VOTable: the head that its Parquet file has, frames of coordinates, and the rows.

By hand, as the head: astropy takes 1.7 s for the rows of the demo's candidates, Arrow 0.1 s. The
rows are text (TABLEDATA), which every program reads, in the shortest digits that give each number
back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from xgamma.tables.columns import Column, conform
from xgamma.tables.ecsv import ECSV_TEXT
from xgamma.tables.metadata import TableMetadata, votable_header
from xgamma.tables.pieces import TEXT_ROWS
from xgamma.tables.printable import shortened
from xgamma.tables.whole_files import write_text

__all__ = ["write_votable"]


def write_votable(
    path: str | Path, frame: pd.DataFrame, columns: Sequence[Column], about: TableMetadata
) -> None:
    """Write a VOTable 1.4 that `votlint` has nothing to say of.

    A cell without a value is empty. Text is shown `printable`, since XML cannot hold control
    characters, and cut visibly at `ECSV_TEXT` characters: readers give each row the room of the
    longest.

    Parameters
    ----------
    path : path-like
    frame : DataFrame
    columns : sequence of Column
    about : TableMetadata
    """
    frame = conform(frame, columns)
    cells, lengths = [], {}
    for column in columns:
        if column.kind == "text":
            texts, lengths[column.name] = _texts(frame[column.name])
            cells.append(texts)
        else:
            cells.append(_numbers(frame[column.name], column))
    head, end, tail = votable_header(columns, about, lengths, frames=True).partition("</TABLE>")
    before, after = f"{head}<DATA>\n<TABLEDATA>\n", f"</TABLEDATA>\n</DATA>\n{end}{tail}"
    write_text(path, itertools.chain([before], _rows(cells), [after]))


def _rows(cells: Sequence[pa.Array]) -> Iterator[str]:
    """The rows of columns of cells, some at a time."""
    for first in range(0, len(cells[0]), TEXT_ROWS):
        some = [column.slice(first, TEXT_ROWS) for column in cells]
        rows = pc.binary_join_element_wise(*some, "</TD><TD>").to_pylist()
        yield "".join(f"<TR><TD>{row}</TD></TR>\n" for row in rows)


def _texts(values: pd.Series) -> tuple[pa.Array, int]:
    """What stands between the tags of cells of text, and the length of the longest.

    In units of UTF-16, of which a unicodeChar is one.
    """
    # names of sources stand in many rows
    numbers, texts = pd.factorize(values.to_numpy(dtype=object))
    shown = [shortened(text, ECSV_TEXT) for text in texts]
    longest = max((len(text.encode("utf-16-le")) // 2 for text in shown), default=0)
    escaped = pa.array([escape(text) for text in shown], pa.string())
    return escaped.take(pa.array(numbers, pa.int64())), longest


def _numbers(values: pd.Series, column: Column) -> pa.Array:
    """The same for numbers and truth values: nothing where there is no value."""
    array = pa.array(values, type=column.arrow_type, from_pandas=column.null is not None)
    text = pc.cast(array, pa.string())
    for infinite, name in (("inf", "+Inf"), ("-inf", "-Inf")):
        text = pc.if_else(pc.equal(text, infinite), name, text)
    return pc.fill_null(text, "")
