"""Answers as documents: VOTable (BINARY2 or TABLEDATA), CSV, and errors.

BINARY2 is the default, as at HEASARC: it is written five times faster than
TABLEDATA, read a little faster, and keeps the blanks at the end of a text, which
readers of TABLEDATA strip.
"""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from xgamma.demo.server.refusals import RequestRefused

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from xgamma.demo.server.execution import Field, Result

__all__ = ["FORMATS", "VOTABLE_TYPE", "error_document", "write"]

VOTABLE_TYPE = "application/x-votable+xml"

#: Formats by the names that a request may use: (media type, serialisation).
FORMATS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "votable", "votable/b2", VOTABLE_TYPE, "text/xml", "application/xml",
            f"{VOTABLE_TYPE};serialization=binary2",
        ),
        (VOTABLE_TYPE, "binary2"),
    ),
    **dict.fromkeys(
        ("votable/td", f"{VOTABLE_TYPE};serialization=tabledata"), (VOTABLE_TYPE, "tabledata")
    ),
    **dict.fromkeys(("csv", "text/csv", "text/csv;header=present"), ("text/csv", "csv")),
}  # fmt: skip

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:schemaLocation="http://www.ivoa.net/xml/VOTable/v1.3'
    ' http://www.ivoa.net/xml/VOTable/v1.3">\n'
    '<RESOURCE type="results">\n'
)
_TAIL = "</RESOURCE>\n</VOTABLE>\n"

#: How VOTable writes a number or truth value that Arrow writes in another way.
_NUMBER_WORDS = {
    None: "",
    "nan": "",
    "inf": "+Inf",
    "-inf": "-Inf",
    "true": "T",
    "false": "F",
}

_BIG_ENDIAN = {
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
}


def write(result: Result, serialisation: str, adql: str) -> Iterator[bytes]:
    """Write an answer, piece by piece.

    Parameters
    ----------
    result : Result
    serialisation : {'binary2', 'tabledata', 'csv'}
    adql : str
        The query, which a VOTable repeats.

    Yields
    ------
    bytes
    """
    if serialisation == "csv":
        yield from _csv(result)
        return
    yield (
        f'{_HEAD}<INFO name="QUERY_STATUS" value="OK"/>\n'
        f'<INFO name="QUERY" value={quoteattr(_printable(adql))}/>\n<TABLE>\n'
    ).encode()
    for field in result.fields:
        yield _field(field).encode()
    body = _binary2 if serialisation == "binary2" else _tabledata
    yield b"<DATA>\n"
    yield from body(result)
    yield b"</DATA>\n</TABLE>\n"
    if result.overflow:
        yield b'<INFO name="QUERY_STATUS" value="OVERFLOW">There are more rows.</INFO>\n'
    yield _TAIL.encode()


def error_document(message: str) -> bytes:
    """The VOTable that tells what went wrong."""
    return (
        f'{_HEAD}<INFO name="QUERY_STATUS" value="ERROR">{escape(_printable(message))}</INFO>\n'
        f"{_TAIL}"
    ).encode()


def _printable(text: str) -> str:
    """Leave out the control characters that XML cannot hold."""
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n\r")


def _field(field: Field) -> str:
    column = field.column
    attributes = {
        "name": field.name,
        "datatype": field.datatype,
        "arraysize": field.arraysize,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
        "xtype": column.xtype,
    }
    written = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items() if value)
    if not column.description:
        return f"<FIELD {written}/>\n"
    description = escape(_printable(column.description))
    return f"<FIELD {written}>\n<DESCRIPTION>{description}</DESCRIPTION>\n</FIELD>\n"


def _csv(result: Result) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import csv

    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    names = [[field.name] for field in result.fields]
    header = pa.record_batch(names, names=[str(position) for position, _ in enumerate(names)])
    for rows in itertools.chain((header,), result.batches()):
        buffer = io.BytesIO()
        csv.write_csv(rows, buffer, write_options=options)
        yield buffer.getvalue()


def _tabledata(result: Result) -> Iterator[bytes]:
    yield b"<TABLEDATA>\n"
    for batch in result.batches():
        columns = map(_cells, batch.columns, result.fields)
        rows = (f"<TR>{''.join(row)}</TR>\n" for row in zip(*columns, strict=True))
        yield "".join(rows).encode()
    yield b"</TABLEDATA>\n"


def _cells(column: pa.Array, field: Field) -> Iterator[str]:
    """The cells of one column; numbers in the shortest form that reads back the same."""
    import pyarrow as pa

    for text in column.cast(pa.string()).to_pylist():
        cell = escape(_printable(text or "")) if field.arraysize else _NUMBER_WORDS.get(text, text)
        yield f"<TD>{cell}</TD>" if cell else "<TD/>"


def _binary2(result: Result) -> Iterator[bytes]:
    yield b'<BINARY2>\n<STREAM encoding="base64">\n'
    # base64 codes three bytes at a time: what is left over waits for the next rows
    left_over = b""
    for batch in result.batches():
        block = left_over + _binary2_rows(batch, result)
        coded = len(block) - len(block) % 3
        left_over = block[coded:]
        yield base64.b64encode(block[:coded]) + b"\n"
    yield base64.b64encode(left_over) + b"\n</STREAM>\n</BINARY2>\n"


def _binary2_rows(batch: pa.RecordBatch, result: Result) -> bytes:
    """Rows in BINARY2: null flags, then the values, texts with their lengths.

    Rows differ in length with their texts. So the place of each value is computed
    for all rows at once, and every column is written in one step.
    """
    import numpy as np

    n_rows = batch.num_rows
    nulls = np.zeros((n_rows, len(result.fields)), dtype=bool)
    cells: list[tuple[np.ndarray, np.ndarray]] = []
    for position, (column, field) in enumerate(zip(batch.columns, result.fields, strict=True)):
        encoded, lengths, missing = _encoded(column, field)
        nulls[:, position] = missing
        cells.append((encoded, lengths))
    flags = np.packbits(nulls, axis=1)
    flag_lengths = np.full(n_rows, flags.shape[1], dtype=np.int64)
    cells.insert(0, (flags.ravel(), flag_lengths))

    row_lengths = sum(lengths for _, lengths in cells)
    row_ends = np.cumsum(row_lengths)
    places = row_ends - row_lengths
    rows = np.empty(int(row_ends[-1]), dtype=np.uint8)
    for encoded, lengths in cells:
        first = np.cumsum(lengths) - lengths
        rows[np.repeat(places - first, lengths) + np.arange(len(encoded))] = encoded
        places = places + lengths
    return rows.tobytes()


def _encoded(column: pa.Array, field: Field) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A column in BINARY2.

    Returns
    -------
    encoded : ndarray of uint8
        The bytes of all rows, one behind the other.
    lengths : ndarray of int64, shape (rows,)
        How many of them belong to each row.
    missing : ndarray of bool, shape (rows,)
        Which rows are null.
    """
    import numpy as np

    missing = np.asarray(column.is_null(nan_is_null=True))
    n_rows = len(column)
    if field.arraysize:
        return *_encoded_text(column, field), missing
    if field.datatype == "boolean":
        flags = np.asarray(column.fill_null(False))
        letters = np.where(missing, ord("?"), np.where(flags, ord("T"), ord("F")))
        return letters.astype(np.uint8), np.ones(n_rows, dtype=np.int64), missing
    values = np.asarray(column.fill_null(np.nan if field.datatype in ("float", "double") else 0))
    encoded = np.ascontiguousarray(values, dtype=_BIG_ENDIAN[field.datatype])
    lengths = np.full(n_rows, encoded.dtype.itemsize, dtype=np.int64)
    return encoded.view(np.uint8), lengths, missing


def _encoded_text(column: pa.Array, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Texts behind their lengths in characters, four bytes each."""
    import numpy as np

    data, text_lengths = _text_bytes(column.fill_null(""), field)
    width = 1 if field.datatype == "char" else 2
    lengths = text_lengths + 4
    first = np.cumsum(lengths) - lengths
    encoded = np.empty(int(lengths.sum()), dtype=np.uint8)
    length_bytes = (text_lengths // width).astype(">u4").view(np.uint8).reshape(-1, 4)
    encoded[first[:, None] + np.arange(4)] = length_bytes
    text_first = np.cumsum(text_lengths) - text_lengths
    encoded[np.repeat(first + 4 - text_first, text_lengths) + np.arange(len(data))] = data
    return encoded, lengths


def _text_bytes(column: pa.Array, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """All texts of a column, one behind the other, and how many bytes each takes.

    ``char`` is ASCII, which Arrow's own bytes are; ``unicodeChar`` has two bytes a
    character.
    """
    import numpy as np

    if field.datatype == "unicodeChar":
        texts = [text.encode("utf-16-be") for text in column.to_pylist()]
        return np.frombuffer(b"".join(texts), np.uint8), np.array([len(text) for text in texts])
    # Arrow holds a column's texts as one run of bytes, and where each begins
    _, offsets_buffer, data_buffer = column.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)
    offsets = offsets[column.offset : column.offset + len(column) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    if data.size and data.max() > 127:
        raise RequestRefused(f"the column {field.name} holds more than ASCII", status=500)
    return data, np.diff(offsets)
