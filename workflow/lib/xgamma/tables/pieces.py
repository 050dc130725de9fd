"""A table of any number of rows: some thousand of them in memory, the others on disk.

An answer of an archive may have more rows than there is memory for. It is read in pieces, and each
thing that is done with it takes a piece at a time, or a column.
"""

from __future__ import annotations

import io
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from xgamma.tables.columns import Column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "PIECE_ROWS",
    "TEXT_ROWS",
    "PiecedTable",
    "arrow_of",
    "beside_equal",
    "in_one",
    "pieces_of",
    "series_of",
]

PIECE_ROWS = 2**16
"""Rows of a piece, the last one aside; of a catalogue of 25 columns some 13 MB."""

TEXT_ROWS = 2**12
"""Rows that are written as text at a time; of 50 columns some 20 MB."""


def arrow_of(
    values: pd.Series, column: Column, arrow_type: pa.DataType | None = None
) -> pa.Array | pa.ChunkedArray:
    """A column as Arrow has it, of its own type or another.

    Integers go there from numpy without passing through floats: identifiers above 2**53 stay exact.
    """
    import pyarrow as pa

    # from_pandas only where a null is not a number: NaN in a float column stays NaN
    arrow_type, from_pandas = arrow_type or column.arrow_type, column.null is pd.NA
    return pa.array(values, type=arrow_type, from_pandas=from_pandas)


def _held_type(column: Column) -> pa.DataType:
    """What a column is held as: of texts, together, more than 2 GB may come."""
    import pyarrow as pa

    return pa.large_string() if column.kind == "text" else column.arrow_type


def series_of(values: pa.ChunkedArray, column: Column) -> pd.Series:
    """A column of Arrow as pandas has it."""
    if isinstance(column.dtype, pd.api.extensions.ExtensionDtype):
        return values.to_pandas(types_mapper={values.type: column.dtype}.get)
    array = values.to_numpy()
    # what is Arrow's own memory cannot be written to
    return pd.Series(array if array.flags.writeable else array.copy())


class PiecedTable:
    """A table that is filled once, row after row, and then read, by columns or by pieces.

    Parameters
    ----------
    columns : sequence of Column
        Without lists.
    """

    def __init__(self, columns: Sequence[Column]):
        self.columns = list(columns)
        self._on_disk = _PiecesFile()
        # rows that are no whole piece yet, for each column its parts
        self._parts: list[list[pa.Array]] = [[] for _ in self.columns]
        self._rows = self._waiting = 0

    def __len__(self) -> int:
        return self._rows

    # by its places Python would look for a column 0, and find that there is nothing
    __iter__ = None

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    def add(self, arrays: Sequence[pa.Array]) -> None:
        """Add rows: for each column its values, as Arrow has them."""
        rows = len(arrays[0]) if arrays else 0
        for parts, array in zip(self._parts, arrays, strict=True):
            parts.append(array)
        self._rows += rows
        self._waiting += rows
        if self._waiting >= PIECE_ROWS:
            self._write_pieces()

    def add_frame(self, frame: pd.DataFrame) -> None:
        """Add the rows of a frame that has the columns and their types."""
        self.add([in_one(arrow_of(frame[c.name], c, _held_type(c))) for c in self.columns])

    def __getitem__(self, name: str) -> pd.Series:
        """A whole column; KeyError if there is none of that name."""
        places = (i for i, column in enumerate(self.columns) if column.name == name)
        if (place := next(places, None)) is None:
            raise KeyError(name)
        return series_of(self._whole(place), self.columns[place])

    def frame(self) -> pd.DataFrame:
        """All of it, in memory."""
        made = {c.name: series_of(self._whole(i), c) for i, c in enumerate(self.columns)}
        return pd.DataFrame(made, columns=[c.name for c in self.columns], copy=False)

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Frames of `PIECE_ROWS` rows, the last one of what is left; at least one."""
        import pyarrow as pa

        written = self._rows // PIECE_ROWS
        for piece in range(written + (self._waiting > 0 or written == 0)):
            made = {}
            for i, (column, parts) in enumerate(zip(self.columns, self._parts, strict=True)):
                values = [self._on_disk.read(i, piece)] if piece < written else parts
                made[column.name] = series_of(pa.chunked_array(values, _held_type(column)), column)
            yield pd.DataFrame(made, copy=False)

    def in_order(self, order: npt.NDArray[np.integer]) -> PiecedTable:
        """The same rows in another order.

        Parameters
        ----------
        order : ndarray of int
            Which row comes first, which second, and so on.
        """
        import pyarrow as pa

        made = PiecedTable(self.columns)
        made._rows, made._waiting = len(order), len(order) % PIECE_ROWS
        for i in range(len(self.columns)):
            # one column at a time, and in one part: each piece is from all over it
            values = in_one(self._whole(i))
            for first in range(0, len(order), PIECE_ROWS):
                part = values.take(pa.array(order[first : first + PIECE_ROWS]))
                if len(part) == PIECE_ROWS:
                    made._on_disk.write(i, part)
                else:
                    made._parts[i].append(part)
        return made

    def _whole(self, place: int) -> pa.ChunkedArray:
        import pyarrow as pa

        written = self._rows // PIECE_ROWS
        pieces = [self._on_disk.read(place, piece) for piece in range(written)]
        values = [*pieces, *self._parts[place]]
        return pa.chunked_array(values, _held_type(self.columns[place]))

    def _write_pieces(self) -> None:
        """Put all that is whole pieces by now on disk."""
        import pyarrow as pa

        whole = self._waiting // PIECE_ROWS * PIECE_ROWS
        for i, parts in enumerate(self._parts):
            values = pa.concat_arrays(parts)
            for first in range(0, whole, PIECE_ROWS):
                self._on_disk.write(i, values[first : first + PIECE_ROWS])
            parts[:] = [values[whole:]]
        self._waiting -= whole


class _PiecesFile:
    """The whole pieces of a table's columns, in a file that goes with the table."""

    def __init__(self):
        self._file: IO[bytes] | None = None
        # of each column: where its pieces are, and how long
        self._places: dict[int, list[tuple[int, int]]] = {}

    def write(self, column: int, values: pa.Array) -> None:
        import pyarrow as pa

        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        batch = pa.record_batch([values], ["values"])
        start = self._file.seek(0, io.SEEK_END)
        with pa.ipc.new_stream(self._file, batch.schema) as stream:
            stream.write_batch(batch)
        self._places.setdefault(column, []).append((start, self._file.tell() - start))

    def read(self, column: int, piece: int) -> pa.Array:
        import pyarrow as pa

        start, length = self._places[column][piece]
        self._file.seek(start)
        with pa.ipc.open_stream(self._file.read(length)) as stream:
            return stream.read_next_batch().column(0)


def pieces_of(table: pd.DataFrame | PiecedTable, rows: int = PIECE_ROWS) -> Iterator[pd.DataFrame]:
    """Frames of so many rows, at least one; what is in pieces comes in its own."""
    if isinstance(table, PiecedTable):
        yield from table.pieces()
        return
    for first in range(0, max(len(table), 1), rows):
        yield table.iloc[first : first + rows]


def in_one(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Values in one array: texts that pandas has put together are in several."""
    import pyarrow as pa

    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def beside_equal(same: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which rows, sorted, are the same as a neighbour.

    Parameters
    ----------
    same : ndarray of bool, shape (n - 1,)
        Of each row but the first, whether it is the same as the one before.
    """
    return np.append(same, False) | np.append(False, same)
