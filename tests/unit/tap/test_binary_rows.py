"""Rows of binary streams read at once: what was encoded by hand comes out, as from astropy."""

import base64
import io
import math
import random
import struct
import time
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pytest
import pyvo
from asking import FULL_DISK
from astropy.io.votable import parse

from xgamma.answers.answer import answer_rows
from xgamma.errors import XgammaError
from xgamma.tap.binary_rows import split_rows
from xgamma.tap.faults import UnreadableAnswer
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
    return answer_rows(parse_answer(io.BytesIO(content), 1e6))[0].frame()


def read_by_astropy(content):
    table = pyvo.dal.TAPResults(parse(io.BytesIO(content)), url="").resultstable
    made = {}
    for field, name in zip(table.fields, table.array.dtype.names, strict=True):
        values = table.array[name]
        if values.dtype.kind in "OUS":
            texts = ["" if t is np.ma.masked else str(t).strip(" \t\r\n") for t in values]
            made[field.name.lower()] = pd.Series(texts, dtype="str")
        elif values.dtype.kind == "f":
            made[field.name.lower()] = values.filled(np.nan)
        else:
            whole, null = np.ma.getdata(values).astype("int64"), np.ma.getmaskarray(values)
            made[field.name.lower()] = pd.arrays.IntegerArray(whole, null.copy())
    return pd.DataFrame(made)


def read_at_once(content):
    """Whether the rows are taken out of the document before it is parsed."""
    return split_rows(io.BytesIO(content)) is not None


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
    assert read_at_once(content) == (form != "TABLEDATA")
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
    assert frame.equals(read_by_astropy(content))


ROWS = [[7, "a", 0.5], [None, "", None], [9, "c", -1.5]]
#: Text that looks like rows; in it, `@` stands for the end of what holds it.
LIKE_ROWS = [
    " read by hand @",
    ' <TABLE><FIELD name="n" datatype="int"/> @',
    ' <BINARY2><STREAM encoding="base64"> @',
    ' <BINARY2><STREAM encoding="base64">AAAA</STREAM></BINARY2> @',
    ' <BINARY><STREAM encoding="none"> <!-- <![CDATA[ <? @',
]
PLACES = ["<VOTABLE", "<RESOURCE", "<TABLE>", "<FIELD", "<DATA>", "<BINARY", "<STREAM", "</TABLE>"]


def with_inserted(form, place, text):
    content = document(["long", "text", "double"], ROWS, form).decode()
    assert place in content
    return content.replace(place, text + place, 1).encode()


@pytest.mark.parametrize("form", ["BINARY", "BINARY2"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", LIKE_ROWS)
def test_a_comment_may_hold_anything(form, place, text):
    """A commented-out table or stream is not taken for the rows, and does not slow them down."""
    # the standard forbids -- within a comment
    comment = "<!--" + text.replace("<!--", "<!").replace("@", "-->")
    content = with_inserted(form, place, comment)
    assert read_at_once(content)
    frame = read(content)
    assert frame["c1"].tolist() == ["a", "", "c"]
    assert frame.equals(read_by_astropy(content))


@pytest.mark.parametrize("text", LIKE_ROWS)
def test_other_text_that_looks_like_rows(text):
    for held in (
        "<DESCRIPTION><![CDATA[" + text.replace("@", "]]></DESCRIPTION>"),
        "<?note" + text.replace("@", "?>"),
    ):
        content = with_inserted("BINARY2", "<FIELD", held)
        assert read_at_once(content)
        frame = read(content)
        assert frame["c1"].tolist() == ["a", "", "c"]
        assert frame.equals(read_by_astropy(content))


ONE_ROW_TABLE = (
    '<{0}TABLE><FIELD name="c0" datatype="long"/><FIELD name="c1" datatype="char" arraysize="*"/>'
    '<FIELD name="c2" datatype="double"/>{1}</{0}TABLE>'
)
TEXT_ROWS = "<DATA><TABLEDATA><TR><TD>1</TD><TD>x</TD><TD>2</TD></TR></TABLEDATA></DATA>"
STREAM_ROWS = (
    '<DATA><BINARY><STREAM encoding="base64">AAAAAAAAAAcAAAAAAAAAAAAAAAA=</STREAM></BINARY></DATA>'
)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        # longer than is looked through for the rows
        ("<TABLE>", "<!--" + "x" * 2**16 + "-->"),
        ("<VOTABLE", "<!DOCTYPE VOTABLE [<!ELEMENT TABLE (BINARY, STREAM)> <!-- > -->]>"),
        # the rows are another table's than the first
        ("<TABLE>", ONE_ROW_TABLE.format("", TEXT_ROWS)),
        ("<TABLE>", ONE_ROW_TABLE.format("", "")),
        ("<TABLE>", ONE_ROW_TABLE.format("v:", TEXT_ROWS)),
        ("</RESOURCE>", ONE_ROW_TABLE.format("", TEXT_ROWS)),
        ("</RESOURCE>", "<RESOURCE>" + ONE_ROW_TABLE.format("", TEXT_ROWS) + "</RESOURCE>"),
        ("<TABLE>", "<RESOURCE>" + ONE_ROW_TABLE.format("", STREAM_ROWS) + "</RESOURCE>"),
    ],
)
def test_rows_are_the_result_s_wherever_another_table_stands(place, text):
    content = with_inserted("BINARY2", place, text)
    assert read(content).equals(read_by_astropy(content))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'<STREAM encoding="base64"', b"<STREAM a='>' encoding = 'base64'"),
        (b"</STREAM>", b"\r\n </STREAM>"),
    ],
)
def test_other_spellings_of_a_stream(old, new):
    content = with_inserted("BINARY2", "<TABLE>", "")
    assert old in content
    content = content.replace(old, new)
    assert read_at_once(content)
    assert read(content).equals(read_by_astropy(content))


@pytest.mark.parametrize(
    "before", ["<!--", "<?", "<STREAM '", '<STREAM "', "<![CDATA[", "<!-- -->"]
)
def test_what_stands_before_the_rows_is_read_once(before):
    """Marks that never end, as many as there is room for: seconds, if each were followed."""
    started = time.process_time()
    assert split_rows(io.BytesIO(before.encode() * 2**16)) is None
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("block", [16, 2**22])
def test_a_bad_value_is_named_by_its_row_wherever_it_was_read(monkeypatch, block):
    monkeypatch.setattr("xgamma.tap.binary_rows._BLOCK", block)
    whole = document(["long", "flag"], [[7, True]] * 50, "BINARY")
    before, rows = whole.split(b'base64">')
    rows, after = rows.split(b"</STREAM>")
    raw = bytearray(base64.b64decode(rows))
    raw[9 * 40 + 8] = ord("x")
    content = before + b'base64">' + base64.b64encode(raw) + b"</STREAM>" + after
    with pytest.raises(UnreadableAnswer, match="column 'c1' has 'x' in row 41"):
        read(content)


def test_no_room_for_the_rows_is_not_the_archive_s_fault(monkeypatch):
    monkeypatch.setattr("xgamma.tap.binary_rows.tempfile", FULL_DISK)
    with pytest.raises(XgammaError, match=r"^temporary files in .*: No space left on device; free"):
        read(document(["long"], [[7]], "BINARY"))


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
