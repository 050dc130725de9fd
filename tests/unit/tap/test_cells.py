"""Cells that are not as VOTable has them: read whole, or one error that names column and row."""

import base64
import struct

import numpy as np
import pandas as pd
import pytest
from asking import client_of, refusal

HEAD = (
    '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">'
    '<INFO name="QUERY_STATUS" value="OK"/><TABLE><FIELD name="n" datatype="long"/>'
)
FOOT = "</DATA></TABLE></RESOURCE></VOTABLE>"


def in_text(field, *cells):
    """A table of numbered rows, and in each a cell as given."""
    rows = "".join(f"<TR><TD>{i}</TD><TD>{cell}</TD></TR>" for i, cell in enumerate(cells))
    return f"{HEAD}{field}<DATA><TABLEDATA>{rows}</TABLEDATA>{FOOT}".encode()


def in_bytes(field, *cells, form="BINARY2"):
    bits = b"\0" if form == "BINARY2" else b""
    content = b"".join(bits + struct.pack(">q", i) + cell for i, cell in enumerate(cells))
    stream = f'<STREAM encoding="base64">{base64.b64encode(content).decode()}</STREAM>'
    return f"{HEAD}{field}<DATA><{form}>{stream}</{form}>{FOOT}".encode()


def counted(text):
    """A text as a stream has it, its number of characters first."""
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">I", len(raw)) + raw


def values(fake_tap, body):
    fake_tap.answer = lambda *_: body
    frame = client_of(fake_tap).query("SELECT n, x").frame
    assert frame["n"].tolist() == list(range(len(frame)))
    return [None if pd.isna(value) else value for value in frame["x"]]


def refused(fake_tap, body):
    """What is said of a table that cannot be read: once, and not taken for a fault that passes."""
    fake_tap.answer = lambda *_: body
    fake_tap.queries.clear()
    words = refusal(client_of(fake_tap), "SELECT n, x FROM t")
    assert words.startswith(f"heasarc ({fake_tap.url}): what came ")
    assert words.endswith("; the query was: SELECT n, x FROM t") and len(fake_tap.queries) == 1
    return words


# text


@pytest.mark.parametrize(
    "attributes",
    [
        'datatype="char"',
        'datatype="unicodeChar"',
        'datatype="char" arraysize=""',
        'datatype="char" arraysize="2"',
        'datatype="char" arraysize="2*"',
        'datatype="unicodeChar" arraysize="3"',
        'datatype="string"',
        'datatype="char" arraysize="many"',
        "",
    ],
)
def test_no_text_is_cut_to_the_size_that_is_stated(fake_tap, attributes):
    body = in_text(f'<FIELD name="x" {attributes}/>', "AABC", "", "U", "ΨÜ中X")
    assert values(fake_tap, body) == ["AABC", "", "U", "ΨÜ中X"]


@pytest.mark.parametrize("form", ["BINARY", "BINARY2"])
def test_no_text_of_a_stream_is_cut(fake_tap, form, caplog):
    caplog.set_level("WARNING")
    bounded = '<FIELD name="x" datatype="char" arraysize="2*"/>'
    body = in_bytes(bounded, counted("AABC"), counted(""), form=form)
    assert values(fake_tap, body) == ["AABC", ""]
    wide = '<FIELD name="x" datatype="unicodeChar" arraysize="1*"/>'
    long = struct.pack(">I", 4) + "AΨBC".encode("utf-16-be")
    assert values(fake_tap, in_bytes(wide, long, form=form)) == ["AΨBC"]
    assert caplog.messages == []


@pytest.mark.parametrize("form", ["BINARY", "BINARY2"])
def test_text_of_a_stream_that_states_no_size(fake_tap, form, caplog):
    """One character, says the standard; services that leave the size out may mean any number."""
    caplog.set_level("WARNING")
    field = '<FIELD name="x" datatype="char"/>'
    assert values(fake_tap, in_bytes(field, b"A", b"U", b"\0", form=form)) == ["A", "U", ""]
    several = [counted("AABC"), counted("UX"), counted("")]
    assert values(fake_tap, in_bytes(field, *several, form=form)) == ["AABC", "UX", ""]
    said = "heasarc: column x states no arraysize and is read, from row 1 on, as "
    query = "; the query was: SELECT n, x"
    assert caplog.messages == [
        f"{said}one character{query}",
        f"{said}text of any length{query}",
    ]
    assert values(fake_tap, in_bytes(field, form=form)) == []


def test_text_of_a_stream_that_can_be_read_in_two_ways(fake_tap):
    """Rows of 8 + 4 bytes: texts with their length, or four rows for three of 8 + 1."""
    body = in_bytes('<FIELD name="x" datatype="char"/>', *[counted("")] * 3, form="BINARY")
    assert "column 'x' states no arraysize, and its rows can be read in no way or in two" in (
        refused(fake_tap, body)
    )


@pytest.mark.parametrize("form", ["BINARY", "BINARY2"])
@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ("", "column 'x' states no datatype, which has no known width"),
        ('datatype="unsignedInt"', "column 'x' states unsignedInt, which has no known width"),
        ('datatype="char" arraysize="many"', "column 'x' is a text of arraysize 'many'"),
        ('datatype="char" arraysize="0"', "column 'x' is a text of arraysize '0'"),
        ('datatype="timestamp"', "column 'x' is of type 'timestamp', which is not read"),
    ],
)
def test_a_column_of_a_stream_whose_width_is_not_known(fake_tap, form, attributes, said):
    body = in_bytes(f'<FIELD name="x" {attributes}/>', counted("A"), form=form)
    assert said in refused(fake_tap, body)


@pytest.mark.parametrize(("raw", "coding"), [("0°é".encode(), "UTF-8"), (b"0\xb0\xe9", "Latin-1")])
@pytest.mark.parametrize("size", ["*", "9*", "9"])
def test_text_of_a_stream_that_is_not_ascii(fake_tap, caplog, raw, coding, size):
    caplog.set_level("WARNING")
    field = f'<FIELD name="x" datatype="char" arraysize="{size}"/>'
    cells = [b"A", raw, b"", raw, b"0-9"]
    cells = [cell.ljust(9, b"\0") if size == "9" else counted(cell) for cell in cells]
    assert values(fake_tap, in_bytes(field, *cells)) == ["A", "0°é", "", "0°é", "0-9"]
    assert caplog.messages == [
        "heasarc: column 'x' has, first in row 2, a text that is not coded as it should be and is "
        f"read as {coding}; the query was: SELECT n, x"
    ]


def test_text_that_is_not_utf_8(fake_tap, caplog):
    """Of each cell all bytes are read in one way, though some may look like UTF-8."""
    caplog.set_level("WARNING")
    field = '<FIELD name="x" datatype="char" unit="µm"><DESCRIPTION>à</DESCRIPTION></FIELD>'
    made = in_text(field, *"ABCDE").replace("à".encode(), b"\xe0")
    for cell, raw in ((b">B<", b">0\xb0<"), (b">C<", "0°".encode()), (b">D<", b"\xc3\xa9\xe9")):
        made = made.replace(cell, b">" + raw.strip(b"<>") + b"<")
    assert values(fake_tap, made) == ["A", "0°", "0°", "Ã©é", "E"]
    assert caplog.messages == [
        "heasarc: the description of column 'x' is not coded as it should be and is read as "
        "Latin-1; the query was: SELECT n, x",
        "heasarc: column 'x' has, first in row 2, a text that is not coded as it should be and is "
        "read as Latin-1; the query was: SELECT n, x",
    ]


def test_text_that_is_no_utf_16(fake_tap):
    field = '<FIELD name="x" datatype="unicodeChar" arraysize="1"/>'
    said = refused(fake_tap, in_bytes(field, b"\0A", b"\xd8\x00"))
    assert "column 'x'" in said and "in row 2, which is no text in UTF-16" in said


# numbers


@pytest.mark.parametrize("datatype", ["float", "double"])
@pytest.mark.parametrize(
    "cell", ["12.5:", "14,2", "1.42D+01", "1_000", "--", "n/a", "\u0661", "1e", "0x1F", "1 2"]
)
def test_a_cell_that_is_no_number_is_named(fake_tap, datatype, cell):
    said = refused(fake_tap, in_text(f'<FIELD name="x" datatype="{datatype}"/>', "1", "", cell))
    assert f"column 'x' has '{cell}' in row 3, which is no {datatype}; leave the column out" in said


@pytest.mark.parametrize("datatype", ["float", "double"])
def test_cells_without_a_number(fake_tap, datatype):
    cells = ["", " ", "null", "NULL", "NaN", "nan", "1.5", "+InF", "-InF", "1e0"]
    body = in_text(f'<FIELD name="x" datatype="{datatype}"/>', *cells)
    assert values(fake_tap, body) == [None] * 6 + [1.5, np.inf, -np.inf, 1.0]


@pytest.mark.parametrize(("datatype", "cell"), [("float", "1e39"), ("double", "-1e999")])
def test_a_number_that_its_type_does_not_hold_is_not_infinite(fake_tap, datatype, cell):
    said = refused(fake_tap, in_text(f'<FIELD name="x" datatype="{datatype}"/>', "inf", cell))
    assert f"column 'x' has '{cell}' in row 2, which does not fit its type {datatype}" in said


@pytest.mark.parametrize("datatype", ["unsignedByte", "short", "int", "long", "unsignedInt"])
def test_cells_that_are_whole_numbers_and_null(fake_tap, datatype):
    cells = ["5.0", "7", "NULL", "", "NaN", "0x1F", "5.", " 6 ", "null", "+8.000"]
    body = in_text(f'<FIELD name="x" datatype="{datatype}"/>', *cells)
    assert values(fake_tap, body) == [5, 7, None, None, None, 31, 5, 6, None, 8]


def test_whole_numbers_with_a_point_are_exact(fake_tap):
    body = in_text(
        '<FIELD name="x" datatype="long"/>', "9007199254740993.0", "-9223372036854775808."
    )
    assert values(fake_tap, body) == [2**53 + 1, -(2**63)]


@pytest.mark.parametrize("cell", ["5.5", "1e3", "1_000", "five", "\u0665", "5 6", "--", "9" * 5000])
def test_a_cell_that_is_no_whole_number_is_named(fake_tap, cell):
    said = refused(fake_tap, in_text('<FIELD name="x" datatype="int"/>', "1", cell))
    assert f"column 'x' has '{cell[:20]}" in said and "in row 2, which is no int; leave" in said


@pytest.mark.parametrize("rows", [4095, 4096, 4097, 8193])
def test_the_row_of_a_cell_is_named_however_far_behind(fake_tap, rows):
    cells = ["1"] * rows
    field = '<FIELD name="x" datatype="int"/>'
    assert values(fake_tap, in_text(field, *cells)) == [1] * rows
    assert f"'x' has 'no' in row {rows + 1}," in refused(
        fake_tap, in_text(field, *cells, "no", "no")
    )


@pytest.mark.parametrize("attributes", ['datatype="boolean"', 'datatype="bit"'])
def test_truths(fake_tap, attributes):
    field = f'<FIELD name="x" {attributes}/>'
    assert values(fake_tap, in_text(field, "1", "0", "", "null")) == [1, 0, None, None]
    said = refused(fake_tap, in_text(field, "1", "yes"))
    assert "column 'x' has 'yes' in row 2, which is no b" in said
    if "boolean" in attributes:
        cells = ["TRUE", "f", "t", "False", "?"]
        assert values(fake_tap, in_text(field, *cells)) == [1, 0, 1, 0, None]
        assert "has 'y' in row 2, which is no boolean" in refused(
            fake_tap, in_bytes(field, b"T", b"y")
        )
    else:
        # in the highest bit, says the standard; astropy takes another
        assert values(fake_tap, in_bytes(field, b"\x80", b"\x08", b"\x00")) == [1, 1, 0]


@pytest.mark.parametrize("body", [in_text, in_bytes])
@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ('datatype="datetime"', "column 'x' is of type 'datetime', which is not read"),
        ('datatype="floatComplex"', "column 'x' is of type 'floatComplex', which is not read"),
        *(
            (f'datatype="{datatype}" arraysize="{size}"', "has arrays in column 'x'")
            for datatype, size in [
                ("char", "2x3"), ("unicodeChar", "3x*"), ("int", "*"), ("bit", "8"),
                ("double", "2"), ("boolean", "2x2"), ("float", "many"), ("short", "3*"),
            ]
        ),
    ],
)  # fmt: skip
def test_a_column_that_is_not_read_is_named(fake_tap, body, attributes, said):
    assert said in refused(fake_tap, body(f'<FIELD name="x" {attributes}/>'))


def test_an_array_of_one_number_is_a_number(fake_tap):
    field = '<FIELD name="x" datatype="int" arraysize="1"/>'
    assert values(fake_tap, in_text(field, "7")) == [7]
    assert values(fake_tap, in_bytes(field, struct.pack(">i", 7))) == [7]


# declared nulls


@pytest.mark.parametrize(
    ("datatype", "null", "cells", "expected"),
    [
        ("float", "-99.9", ["-99.9", "-99.90", "1"], [None, None, 1.0]),
        ("double", "1e20", ["1e20", "100000000000000000000", "1"], [None, None, 1.0]),
        ("float", "n/a", ["n/a", "1"], [None, 1.0]),
        ("float", "1e39", ["1e39", "1"], [None, 1.0]),
        ("int", "-99.0", ["-99", "-99.0", "1"], [None, None, 1]),
        ("unsignedByte", "-1", ["-1", "0"], [None, 0]),
        ("int", "9999999999", ["9999999999", "1"], [None, 1]),
        ("int", "--", ["--", "0"], [None, 0]),
        # astropy would take 0 for null
        ("int", "", ["0", ""], [0, None]),
        ("short", "none", ["0", "1"], [0, 1]),
        ("boolean", "x", ["x", "T"], [None, 1]),
        ("char", "N/A", ["N/A", "A"], ["", "A"]),
    ],
)
def test_a_declared_null_in_text(fake_tap, datatype, null, cells, expected):
    field = f'<FIELD name="x" datatype="{datatype}"><VALUES null="{null}"/></FIELD>'
    assert values(fake_tap, in_text(field, *cells)) == expected


def test_a_declared_null_may_be_another_column_s(fake_tap):
    first = '<FIELD name="n" datatype="long"/>'
    other = (
        '<FIELD name="n" datatype="long"><VALUES ID="v" null="-1"><MIN value="x"/></VALUES></FIELD>'
    )
    made = in_text('<FIELD name="x" datatype="float"><VALUES ref="v"/></FIELD>', "-1", "2")
    assert values(fake_tap, made.replace(first.encode(), other.encode())) == [None, 2.0]
