"""Made-up tables in all three forms: the values that were made up, and what astropy reads."""

from __future__ import annotations

import base64
import io
import math
import struct
import warnings
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pandas as pd
import pytest
from astropy.io.votable import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xgamma.answers.answer import answer_rows
from xgamma.tap.votable import parse_answer

SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
PACKED = {"unsignedByte": "B", "short": "h", "int": "i", "long": "q", "float": "f", "double": "d"}
BITS = {"unsignedByte": 8, "short": 16, "int": 32, "long": 64}
FORMS = ["TABLEDATA", "BINARY", "BINARY2"]
SIZES = ["*", "4*", "3"]


@dataclass
class Made:
    """A column: its values, None for null, and how it is written.

    `null` is declared; `under_null` are the bytes or texts that stand where BINARY2's bit says
    null.
    """

    datatype: str
    values: list
    null: object = None
    size: str = ""
    under_null: list = field(default_factory=list)


def integers(datatype):
    bits = BITS[datatype]
    low, high = (
        (0, 2**bits - 1)
        if datatype == "unsignedByte"
        else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )
    return st.one_of(st.sampled_from([low, high, 0]), st.integers(low, high))


def values_of(datatype):
    if datatype in BITS:
        return integers(datatype)
    if datatype in ("float", "double"):
        width = 32 if datatype == "float" else 64
        return st.floats(allow_nan=False, width=width)
    if datatype in ("boolean", "bit"):
        return st.booleans()
    letters = "ab<&>'_-" + ("Ψü中🌌" if datatype == "unicodeChar" else "")
    # blanks around a text are no part of it; three UTF-16 units at most, for the fixed size
    return st.text(letters, max_size=3).filter(lambda text: len(text.encode("utf-16-be")) <= 6)


@st.composite
def columns(draw, rows, form):
    datatype = draw(st.sampled_from([*PACKED, "boolean", "bit", "char", "unicodeChar"]))
    one = values_of(datatype)
    null = draw(st.none() | one) if datatype not in ("boolean", "bit") else None
    # BINARY has no other way to say that an integer or a bit is null
    can_be_null = form != "BINARY" or datatype in ("float", "double", "boolean") or null is not None
    values = draw(st.lists(st.none() | one if can_be_null else one, min_size=rows, max_size=rows))
    under = draw(st.lists(one, min_size=rows, max_size=rows))
    # what is declared as null is null, and in texts so is the empty one
    empty = "" if datatype in ("char", "unicodeChar") else None
    values = [
        None if value == null or (empty is not None and value == empty) else value
        for value in values
    ]
    size = draw(st.sampled_from(SIZES)) if empty is not None else ""
    if form == "BINARY" and null is None and empty is not None:
        values = [value if value is not None else "" for value in values]
    return Made(datatype, values, null, size, under)


@st.composite
def tables(draw):
    form, rows = draw(st.sampled_from(FORMS)), draw(st.integers(0, 4))
    return form, rows, draw(st.lists(columns(rows, form), min_size=1, max_size=10))


def as_cell(made, value):
    if value is None:
        if made.datatype in ("char", "unicodeChar"):
            return escape(made.null or "")
        return "" if made.null is None else as_text(made.null)
    return as_text(value)


def as_text(value):
    return (
        escape(value)
        if isinstance(value, str)
        else str(int(value) if isinstance(value, bool) else value)
    )


def as_bytes(made, value, under, form):
    if value is None:
        if form == "BINARY2":
            value = under  # says nothing: the bit says null
        elif made.datatype == "boolean":
            return b"?"
        else:
            value = math.nan if made.null is None else made.null
    if made.datatype in PACKED:
        return struct.pack(f">{PACKED[made.datatype]}", value)
    if made.datatype == "boolean":
        return b"T" if value else b"F"
    if made.datatype == "bit":
        return b"\x80" if value else b"\0"
    coding, width = ("ascii", 1) if made.datatype == "char" else ("utf-16-be", 2)
    raw = value.encode(coding)
    if made.size == "3":
        return raw.ljust(3 * width, b"\0")
    return struct.pack(">I", len(raw) // width) + raw


def document(form, rows, table):
    fields = ""
    for i, made in enumerate(table):
        size = f' arraysize="{made.size}"' if made.size else ""
        null = "" if made.null is None else f"<VALUES null={quoteattr(str(made.null))}/>"
        fields += f'<FIELD name="c{i}" datatype="{made.datatype}"{size}>{null}</FIELD>'
    if form == "TABLEDATA":
        inner = "".join(
            "<TR>"
            + "".join(f"<TD>{as_cell(made, made.values[row])}</TD>" for made in table)
            + "</TR>"
            for row in range(rows)
        )
    else:
        content = b""
        for row in range(rows):
            if form == "BINARY2":
                bits = "".join("01"[made.values[row] is None] for made in table)
                count = (len(bits) + 7) // 8
                content += int(bits.ljust(8 * count, "0"), 2).to_bytes(count, "big")
            for made in table:
                content += as_bytes(made, made.values[row], made.under_null[row], form)
        inner = f'<STREAM encoding="base64">{base64.b64encode(content).decode()}</STREAM>'
    return (
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        '<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/>'
        f"<TABLE>{fields}<DATA><{form}>{inner}</{form}></DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def plain(value):
    """A value as our tables have it: no blanks around a text, None for null."""
    value = value.strip(" \t\r\n") if isinstance(value, str) else value
    return None if value is pd.NA or value == "" or value != value else value


def of_astropy(values):
    """Values of a masked array, None where it is masked."""
    data = np.ma.getdata(values).tolist()
    mask = np.ma.getmaskarray(values).tolist()
    return [None if hidden else plain(value) for value, hidden in zip(data, mask, strict=True)]


def astropy_is_wrong(made, form):
    """Where a column is known to come out of astropy with other values than were written."""
    if made.datatype in ("char", "unicodeChar"):
        # it looks at neither a text's bit nor its declared null, and cuts what is bounded by
        # UTF-16 units at as many characters
        return made.null is not None or (form == "BINARY2" and None in made.values)
    # of a byte with one bit it takes the fifth, and the standard has it in the first
    return made.datatype == "bit" and form != "TABLEDATA"


@SETTINGS
@given(tables(), st.sampled_from([None, 1, 2, 5]))
def test_every_value_of_every_type_in_every_form(table, portion):
    """All at once, as they come if they are few, and in portions, of which a row may need many."""
    form, rows, made_columns = table
    body = document(form, rows, made_columns)
    with pytest.MonkeyPatch.context() as patch:
        if portion:
            patch.setattr("xgamma.tap.binary_rows._BLOCK", 3 * portion)
            patch.setattr("xgamma.tap.document._ROWS_AT_A_TIME", portion)
            patch.setattr("xgamma.tables.pieces.PIECE_ROWS", portion)
        result = parse_answer(io.BytesIO(body), 1e6)
        table = answer_rows(result)[0].frame()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_astropy = parse(io.BytesIO(body)).get_first_table().array
    assert len(result) == len(by_astropy) == rows and result.notes == []
    for i, made in enumerate(made_columns):
        ours = [plain(value) for value in table[f"c{i}"].tolist()]
        assert ours == [plain(value) for value in made.values], (form, made)
        if not astropy_is_wrong(made, form):
            assert ours == of_astropy(by_astropy[f"c{i}"]), (form, made)
        if made.datatype in ("float", "double"):
            assert table[f"c{i}"].dtype == by_astropy[f"c{i}"].dtype
