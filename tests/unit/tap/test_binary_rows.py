"""Rows of VOTables read at once: what was encoded here by hand comes out, as from astropy."""

import base64
import io
import math
import random
import struct
from xml.sax.saxutils import escape

import pandas as pd
import pytest
import pyvo
from astropy.io.votable import parse

from xgamma.answers.answer import answer_frame
from xgamma.tap.binary_rows import take_stream
from xgamma.tap.faults import UnreadableAnswer
from xgamma.tap.tap_tabledata import take_text_rows
from xgamma.tap.votable import parse_answer

# datatype, arraysize, how a value is packed
TYPES = {
    "long": ("long", "", ">q"),
    "int": ("int", "", ">i"),
    "short": ("short", "", ">h"),
    "byte": ("unsignedByte", "", ">B"),
    "float": ("float", "", ">f"),
    "double": ("double", "", ">d"),
    "flag": ("boolean", "", None),
    "text": ("char", "*", None),
    "bounded": ("char", "12*", None),
    "fixed": ("char", "7", None),
    "wide": ("unicodeChar", "*", None),
}
RANGES = {"long": 2**63 - 1, "int": 2**31 - 1, "short": 2**15 - 1}
NULL = {"long": -(2**63), "int": -(2**31), "short": -(2**15)}


def made_up_value(kind, random_):
    if kind in RANGES:
        return random_.choice([None, 0, RANGES[kind], -RANGES[kind], random_.randrange(10**4)])
    if kind == "byte":
        return random_.randrange(256)
    if kind in ("float", "double"):
        value = random_.choice([None, 0.0, -1e-30, 1e30, random_.uniform(-400, 400), math.inf])
        return value if kind == "double" or value is None else unpacked_float(value)
    if kind == "flag":
        return random_.choice([None, True, False])
    letters = "ab <&>\"'_=+-" + ("Ψü" if kind == "wide" else "")
    # blanks at the ends of a cell are not kept by every form
    return "".join(random_.choices(letters, k=random_.randrange(7))).strip()


def unpacked_float(value):
    return struct.unpack(">f", struct.pack(">f", value))[0]


def packed(kind, value):
    datatype, size, form = TYPES[kind]
    if kind == "flag":
        return {None: b"?", True: b"T", False: b"F"}[value]
    if form:
        if value is None:
            value = NULL.get(kind, math.nan)
        return struct.pack(form, value)
    raw = value.encode("utf_16_be" if datatype == "unicodeChar" else "ascii")
    if size.isdecimal():
        return raw.ljust(int(size), b"\0")
    return struct.pack(">I", len(value)) + raw


def cell(kind, value):
    if value is None:
        return "" if kind != "flag" else "?"
    return escape(value) if isinstance(value, str) else str(value)


def document(kinds, rows, form):
    fields = []
    for i, kind in enumerate(kinds):
        datatype, size, _ = TYPES[kind]
        size = f' arraysize="{size}"' if size else ""
        null = f'<VALUES null="{NULL[kind]}"/>' if kind in NULL else ""
        fields.append(f'<FIELD name="c{i}" datatype="{datatype}"{size}>{null}</FIELD>')
    if form == "TABLEDATA":
        body = "".join(
            "<TR>\n"
            + "".join(
                f"<TD>{cell(k, v)}</TD>" if cell(k, v) else "<TD/>"
                for k, v in zip(kinds, row, strict=True)
            )
            + "</TR>"
            for row in rows
        )
    else:
        content = b""
        for row in rows:
            if form == "BINARY2":
                bits = "".join("01"[value is None] for value in row)
                bits = bits.ljust((len(bits) + 7) // 8 * 8, "0")
                content += int(bits, 2).to_bytes(len(bits) // 8, "big")
            content += b"".join(packed(k, v) for k, v in zip(kinds, row, strict=True))
        lines = base64.encodebytes(content).decode()
        body = f'<STREAM encoding="base64">\n{lines}</STREAM>'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE '
        'type="results"><INFO name="QUERY_STATUS" value="OK"/>'
        f"<TABLE>{''.join(fields)}<DATA><{form}>{body}</{form}></DATA></TABLE>"
        "</RESOURCE></VOTABLE>"
    ).encode()


def read(content):
    return answer_frame(parse_answer(io.BytesIO(content), "http://there/tap", 1e6))[0]


@pytest.mark.parametrize("form", ["BINARY", "BINARY2", "TABLEDATA"])
@pytest.mark.parametrize("seed", range(12))
def test_values_are_those_that_were_encoded(form, seed):
    random_ = random.Random(seed)
    kinds = random_.choices(list(TYPES), k=random_.choice([1, 2, 8, 9, 17]))
    if seed < 2:
        # a text of its own length in front of what can be null
        kinds = ["text", "double", "long", "flag", *kinds]
    rows = [[made_up_value(k, random_) for k in kinds] for _ in range(seed * 7)]
    content = document(kinds, rows, form)
    # it is our reading that is looked at, and not astropy's
    taken = take_text_rows if form == "TABLEDATA" else take_stream
    assert taken(io.BytesIO(content)) is not None
    frame = read(content)
    assert len(frame) == len(rows)
    for i, kind in enumerate(kinds):
        for value, row in zip(frame[f"c{i}"].tolist(), rows, strict=True):
            if row[i] is None:
                assert pd.isna(value), (kind, value)
            elif kind == "flag":
                assert value == int(row[i])
            else:
                assert value == row[i], kind
    theirs = pyvo.dal.TAPResults(parse(io.BytesIO(content)), url="")
    assert frame.equals(answer_frame(theirs)[0])


def test_blocks_of_rows_are_joined(monkeypatch):
    monkeypatch.setattr("xgamma.tap.tap_tabledata._ROWS_AT_ONCE", 3)
    rows = [[i, f"x{i}"] for i in range(10)]
    frame = read(document(["long", "text"], rows, "TABLEDATA"))
    assert frame.to_numpy().tolist() == rows


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<TR>", b"<TR><!-- <TR><TD>9</TD><TD>c</TD></TR> -->"),
        (b"<TD>a</TD>", b"<TD><![CDATA[a]]></TD>"),
        (b"<TD>a</TD>", b"<TD>&#97;</TD>"),
        (b"<TD>7</TD>", b"<TD>0x7</TD>"),
        (b"<TD>7</TD>", b'<TD encoding="none">7</TD>'),
        (b"UTF-8", b"ISO-8859-1"),
    ],
)
def test_what_is_not_plain_is_left_to_astropy(old, new):
    content = document(["long", "text"], [[7, "a"], [8, "b"]], "TABLEDATA")
    assert old in content
    content = content.replace(old, new, 1)
    assert read(content).to_numpy().tolist() == [[7, "a"], [8, "b"]]


@pytest.mark.parametrize("cut", [1, 5, 11])
@pytest.mark.parametrize("kinds", [["long", "short"], ["text", "long"], ["long", "text"]])
def test_a_stream_that_ends_in_a_row_is_no_answer(cut, kinds):
    """astropy drops such a row without a word."""
    row = [7 if TYPES[kind][2] else "abcdef" for kind in kinds]
    whole = document(kinds, [row], "BINARY")
    raw = base64.b64decode(whole.split(b'base64">')[1].split(b"<")[0])
    both = base64.b64encode(raw + raw[:-cut] if cut < len(raw) else raw[:-1])
    content = whole.split(b'base64">')[0] + b'base64">' + both + b"</STREAM>"
    content += whole.split(b"</STREAM>")[1]
    with pytest.raises(UnreadableAnswer, match="no whole VOTable"):
        read(content)


def test_a_stream_that_is_no_base64_is_no_answer():
    content = document(["long"], [[1], [2]], "BINARY")
    with pytest.raises(UnreadableAnswer, match="no whole VOTable"):
        read(content.replace(b"AAAAAAAAAAEAAAAAAAAAAg==", b"AAAAAAAA*AEAAAAAAAAAAg=="))


def test_a_text_longer_than_the_stream_is_no_answer():
    content = document(["text"], [["abc"]], "BINARY")
    assert b"AAAAA2FiYw==" in content
    with pytest.raises(UnreadableAnswer, match="no whole VOTable"):
        read(content.replace(b"AAAAA2FiYw==", b"/////2FiYw=="))
