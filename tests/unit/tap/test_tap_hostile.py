"""Answers that are no answers, or are made to do harm: a table as it was meant, or one line."""

import base64
import re
import struct

import numpy as np
import pandas as pd
import pytest
from asking import MODES, ONE_ROW, client_of, refusal
from fake_tap import Field, Reply, Wire, error_document, votable

from xgamma.archive.catalogues import CATALOGUES, catalogue_adql, resolve_columns
from xgamma.archive.client import TapError
from xgamma.archive.surveys import SurveyTable
from xgamma.stages.enrich_shard import enrich_targets
from xgamma.tap.mirror_names import Names

#: Odd, and so large that floats know only every 64th or 1024th integer there.
LONG_IDS = [2**53 + 1, -(2**53) - 1, 4104196427943626625, 2**63 - 1, -(2**63) + 1]


def one_text(text):
    return votable(Field("t", "char", [text]))


def with_table(fields, rows="", head=""):
    """A VOTable with its inner parts as given."""
    return (
        f'{head}<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/><TABLE>{fields}'
        f"<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


def with_rows(fields, rows):
    """The same, with its rows in another form."""
    return with_table(fields).replace(b"<TABLEDATA></TABLEDATA>", rows.encode())


N = '<FIELD name="n" datatype="long"/>'
T = '<FIELD name="t" datatype="char" arraysize="*"/>'
ROW = "<TR><TD>1</TD></TR>"


# no tables


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "what came is empty"),
        (b" \r\n\t", "what came is empty"),
        (b'{"status": "error"}', "what came is no VOTable"),
        (b"n,m\n1,2\n", "what came is no VOTable"),
        (b"ORA-00600: internal error", "what came is no VOTable"),
        (b"SIMPLE  =                    T", "what came is no VOTable"),
        (bytes(range(256)), "what came is no VOTable"),
        (b"<html><body>Please log in</body></html>", "what came is a web page ("),
        (
            b"\xef\xbb\xbf\n<!doctype HTML><TITLE>Down\n till  five</TITLE>",
            "web page (Down till five)",
        ),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html><title>XHTML</title>', "web page (XHTML)"),
        (b"<HTML><title>\x1b[2J\xe2\x80\xaeevil\x07</title>", "what came is a web page ("),
        (b"<rss version='2.0'><channel/></rss>", "what came is no VOTable, but 'rss'"),
        (ONE_ROW[: len(ONE_ROW) // 2], "what came is no whole VOTable"),
        (one_text("x").replace(b">x<", b">\x00<"), "what came is not encoded in UTF-8"),
        (one_text("x").replace(b">x<", b">&nobody;<"), "what came is no whole VOTable"),
    ],
)
def test_what_is_no_table_is_said_and_asked_for_again(fake_tap, pauses, body, said):
    fake_tap.answer = lambda *_: Reply(body, content_type="text/html")
    words = refusal(client_of(fake_tap, attempts=2))
    if said == "what came is not encoded in UTF-8":
        assert f"heasarc ({fake_tap.url}): {said}; the query was: SELECT 1 AS n" in words
        assert pauses == []
    else:
        said = said.removesuffix(" (") if said.endswith(" (") and b"title" not in body else said
        assert f"heasarc ({fake_tap.url}) does not answer: " in words and said in words
        assert words.endswith("; check its url in the config and the network, or run again later")
        assert "(asked 2 times)" in words and len(pauses) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (with_table(N, "<TR><TD>1</TD><TD>2</TD></TR>"), "has 2 cells in row 1, and 1 columns"),
        (with_table(N + T, ROW), "has 1 cells in row 1, and 2 columns"),
        (with_table(N, f"<TD>1</TD>{ROW}"), "has 2 cells in row 0, and 1 columns"),
        (with_table(N + T, "<TR><TD>1</TD><TD>a<b>c</b></TD></TR>"), "an element 'b' in row 1"),
        (
            with_table(N, '<TR><TD encoding="base64">AAAAAAAAAAE=</TD></TR>'),
            "has a cell in 'base64' in row 1",
        ),
        (with_table(N, ROW).replace(b"</DATA>", b"</DATA><DATA/>"), "has rows twice in one table"),
        (
            with_table(N, ROW).replace(b"</DATA>", b"<BINARY><STREAM/></BINARY></DATA>"),
            "has rows twice in one table",
        ),
        (with_rows(N, "<BINARY><STREAM/><STREAM/></BINARY>"), "has two streams of rows"),
        (with_rows(N, "<BINARY2/>"), "has a binary table without a stream"),
        (with_rows(N, '<BINARY><STREAM encoding="gzip"/></BINARY>'), "has its rows in 'gzip'"),
        (
            with_table(N, ROW).replace(b"</DATA>", f"</DATA>{N}".encode()),
            "has column 'n' behind its rows",
        ),
        (with_table(T, ROW).replace(b">1<", b">\x01<"), "no VOTable may have (01 in hexadecimal)"),
        (
            with_table(N, ROW).replace(b'type="results"', b'type="meta"'),
            "has no table of results",
        ),
    ],
)
def test_what_asking_again_does_not_mend_is_said_at_once(fake_tap, pauses, body, said):
    fake_tap.answer = lambda *_: body
    words = refusal(client_of(fake_tap))
    assert f"heasarc ({fake_tap.url}): what came " in words and said in words
    assert words.endswith("; the query was: SELECT 1 AS n") and len(fake_tap.queries) == 1


@pytest.mark.parametrize("data", [b"", b"<DATA/>", b"<DATA><TABLEDATA/></DATA>"])
def test_a_table_without_rows_has_its_columns(fake_tap, data):
    made = with_table(N + T).replace(b"<DATA><TABLEDATA></TABLEDATA></DATA>", data)
    fake_tap.answer = lambda *_: made.replace(b"</TABLE>", b'<INFO name="a" value="b"/></TABLE>')
    frame = client_of(fake_tap).query("SELECT n, t").frame
    assert len(frame) == 0 and [str(one) for one in frame.dtypes] == ["Int64", "str"]


def test_a_query_that_failed_is_said_before_what_is_wrong_with_its_rows(fake_tap):
    """A service that fails in the middle of a row writes why behind it."""
    failed = b'</TABLE><INFO name="QUERY_STATUS" value="ERROR">disk full</INFO>'
    fake_tap.answer = lambda *_: with_table(N + T, ROW).replace(b"</TABLE>", failed)
    assert "refuses the query: disk full" in refusal(client_of(fake_tap))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_answer_in_another_encoding(fake_tap, pauses, encoding):
    """Nothing that is looked for in the bytes would be found there."""
    fake_tap.answer = lambda *_: ONE_ROW.decode().encode(encoding)
    said = refusal(client_of(fake_tap, attempts=1))
    other = "no VOTable" if encoding == "utf-16-be" else "not encoded in UTF-8"
    assert f"what came is {other}" in said


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-7", "cp037", "nonsense"])
def test_an_answer_that_claims_another_encoding(fake_tap, pauses, encoding):
    fake_tap.answer = lambda *_: f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + ONE_ROW
    said = f"what came is not encoded in UTF-8, but in {encoding}; the query was"
    assert said in refusal(client_of(fake_tap)) and pauses == []


@pytest.mark.parametrize("encoding", ["utf8", "US-ASCII", "ISO-8859-1", "latin-1", "windows-1252"])
def test_an_answer_that_says_how_it_is_encoded(fake_tap, encoding):
    """The parser itself knows no other than UTF-8 and ISO-8859-1 under those names."""
    text = "x" if encoding == "US-ASCII" else "é"
    made = f'<?xml version="1.0" encoding="{encoding}"?>' + one_text(text).decode()
    fake_tap.answer = lambda *_: made.encode(encoding)
    assert client_of(fake_tap).query("SELECT t").frame["t"].tolist() == [text]


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (
            '<INFO name="QUERY_STATUS" value="ERROR">disk full</INFO>',
            "refuses the query: disk full",
        ),
        ('<INFO name="QUERY_STATUS" value="OVERFLOW"/>', "cut its answer at 1 rows (OVERFLOW)"),
        ('<INFO name="query_status" value="overflow"/>', "cut its answer at 1 rows (OVERFLOW)"),
    ],
)
@pytest.mark.parametrize("place", ["</TABLE>", "</RESOURCE>", "</VOTABLE>", "<TABLE>"])
def test_a_status_is_seen_wherever_it_stands(fake_tap, inner, words, place):
    """After the rows too: a query may fail or be cut when the first are sent already."""
    where = f"{place}{inner}" if place == "<TABLE>" else f"{inner}{place}"
    fake_tap.answer = lambda *_: ONE_ROW.replace(place.encode(), where.encode())
    if "ERROR" in inner and place in ("</TABLE>", "<TABLE>", "</VOTABLE>"):
        # not where a service may write it; the status in its place says that all is well
        assert client_of(fake_tap).query("SELECT 1").frame["n"].tolist() == [1]
    else:
        assert words in refusal(client_of(fake_tap))


# XML as a weapon


def entities(levels):
    inner = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, levels))
    return f'<!DOCTYPE x [<!ENTITY e0 "aaaaaaaaaa">{inner}]>', f"&e{levels - 1};"


def bomb(levels=9):
    head, reference = entities(levels)
    return with_table(T, f"<TR><TD>{reference}</TD></TR>", head)


def test_an_entity_bomb_is_not_read(fake_tap, pauses):
    fake_tap.answer = lambda *_: bomb()
    said = refusal(client_of(fake_tap))
    assert "what came defines XML entities, which no VOTable needs and some attacks do" in said
    assert pauses == []


@pytest.mark.parametrize("before", range(4088, 4100))
def test_an_entity_is_found_across_the_pieces_that_are_read(fake_tap, before):
    """The first of them has 4096 bytes."""
    doctype = bomb(1)
    filler = "<!--x-->" + " " * (before - len("<!--x-->") - doctype.index(b"<!ENTITY"))
    fake_tap.answer = lambda *_: filler.encode() + doctype
    assert (filler.encode() + doctype).index(b"<!ENTITY") == before
    assert "what came defines XML entities" in refusal(client_of(fake_tap))


@pytest.mark.parametrize(
    "declared",
    [
        '[<!ENTITY x SYSTEM "file:///etc/passwd">]',
        '[<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]',
        'SYSTEM "file:///etc/passwd"',
        'SYSTEM "http://127.0.0.1:9/evil.dtd"',
    ],
)
def test_no_file_is_read_for_an_answer(fake_tap, pauses, declared):
    fake_tap.answer = lambda *_: with_table(T, "<TR><TD>&x;</TD></TR>", f"<!DOCTYPE V {declared}>")
    try:
        frame = client_of(fake_tap, attempts=1).query("SELECT t").frame
    except TapError as error:
        assert "XML entities" in str(error)
    else:
        # a DTD elsewhere is allowed, as old VOTables have one; it is not loaded
        assert "ENTITY" not in declared and frame["t"].tolist() == [""]


@pytest.mark.parametrize("tag", ["RESOURCE", "GROUP", "x"])
def test_nesting_without_end(fake_tap, pauses, tag):
    inner = f"<{tag}>" * 50_000 + f"</{tag}>" * 50_000
    fake_tap.answer = lambda *_: ONE_ROW.replace(b"<TABLE>", f"{inner}<TABLE>".encode())
    try:
        frame = client_of(fake_tap, attempts=1).query("SELECT 1").frame
    except TapError as error:
        assert "what came is no VOTable that can be read (RecursionError)" in str(error)
        assert tag == "RESOURCE"
    else:
        assert frame["n"].tolist() == [1]


@pytest.mark.parametrize(
    "body",
    [bomb(), b"<a>" * 50_000, b"\x00\xff", b"", b"<html>"],
    ids=["bomb", "nesting", "no text", "empty", "web page"],
)
def test_capabilities_and_jobs_that_do_harm(fake_tap, pauses, body):
    fake_tap.capabilities = body
    assert client_of(fake_tap).declares_upload() is None
    fake_tap.meddle = lambda method, _path, _form, respond: (
        Reply(body, content_type="text/xml") if method == "GET" else respond()
    )
    said = refusal(client_of(fake_tap, mode="async", attempts=2))
    assert "does not answer: what came is no job, but perhaps a web page (asked 2 times)" in said
    assert fake_tap.jobs == {}


# values


BINARY = [
    ("id", "long", ">q", [*LONG_IDS[:3], None]),
    ("flags", "short", ">h", [7, -1, None, 0]),
    ("band", "int", ">i", [1, None, -(2**31) + 1, 0]),
    ("level", "unsignedByte", ">B", [255, 0, None, 1]),
    ("mag", "float", ">f", [17.1, None, -0.1, float("inf")]),
    ("ra", "double", ">d", [359.99999999999994, None, 1e-300, 0.0]),
    ("good", "boolean", "c", [True, False, None, True]),
    ("name", "char", "s", ["abc", "", None, "a'b"]),
    ("label", "unicodeChar", "u", ["Ψ <&>", "é", "", "中"]),
]
MARK = {"long": -(2**63), "short": -32768, "int": -(2**31), "unsignedByte": 9}


def packed(kind, form, value, binary2):
    if form == "s":
        text = (value or "").encode("ascii")
        return struct.pack(">I", len(text)) + text
    if form == "u":
        return struct.pack(">I", len(value)) + value.encode("utf-16-be")
    if form == "c":
        return {True: b"T", False: b"F", None: b"?"}[value]
    if value is None:
        value = np.nan if kind in ("float", "double") else 0 if binary2 else MARK[kind]
    return struct.pack(form, value)


def binary(binary2):
    """The table of `BINARY` as the standard has it, written without astropy."""
    fields, stream = [], b""
    for name, kind, form, _ in BINARY:
        size = ' arraysize="*"' if form in "su" else ""
        null = f'<VALUES null="{MARK[kind]}"/>' if kind in MARK and not binary2 else ""
        # the ID is another column's name
        fields.append(
            f'<FIELD ID="{name[::-1]}" name="{name.upper()}" datatype="{kind}"{size}>{null}</FIELD>'
        )
    for row in zip(*(values for *_, values in BINARY), strict=True):
        if binary2:
            bits = "".join("1" if value is None else "0" for value in row).ljust(16, "0")
            stream += int(bits, 2).to_bytes(2)
        for (_, kind, form, _), value in zip(BINARY, row, strict=True):
            stream += packed(kind, form, value, binary2)
    form = "BINARY2" if binary2 else "BINARY"
    data = (
        f'<{form}><STREAM encoding="base64">{base64.b64encode(stream).decode()}</STREAM></{form}>'
    )
    made = with_table("".join(fields)).decode()
    return made.replace("<TABLEDATA></TABLEDATA>", data).encode()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("binary2", [False, True], ids=["BINARY", "BINARY2"])
def test_binary_tables(fake_tap, mode, binary2):
    fake_tap.answer = lambda *_: binary(binary2)
    frame = client_of(fake_tap, mode=mode).query("SELECT * FROM t").frame
    assert list(frame.columns) == [name for name, *_ in BINARY]
    for name, kind, form, values in BINARY:
        if form in "su":
            assert frame[name].tolist() == [value or "" for value in values]
        elif kind in ("float", "double"):
            dtype = np.float32 if kind == "float" else np.float64
            np.testing.assert_array_equal(frame[name], np.array(values, float).astype(dtype))
            assert frame[name].dtype == dtype and frame[name].dtype.isnative
        else:
            assert frame[name].dtype == "Int64"
            assert [None if pd.isna(v) else v for v in frame[name]] == values


@pytest.mark.parametrize("cut", [1, 9, 40])
@pytest.mark.parametrize("binary2", [False, True], ids=["BINARY", "BINARY2"])
def test_a_binary_table_that_ends_within_a_row(fake_tap, pauses, cut, binary2):
    def shorten(found):
        data = base64.b64decode(found[1])[:-cut]
        return b">" + base64.b64encode(data) + b"<"

    short = re.sub(rb'(?<=base64")>([^<]*)<', shorten, binary(binary2))
    assert short != binary(binary2)
    fake_tap.answer = lambda *_: short
    assert "what came is no whole VOTable" in refusal(client_of(fake_tap, attempts=2))


def test_identifiers_that_floats_damage_stay_as_they_are(fake_tap):
    assert all(int(float(one)) != one for one in LONG_IDS)
    fake_tap.answer = lambda *_: votable(
        Field("source_id", "long", [*LONG_IDS, None], null="-99"),
        Field("obsid", "char", [*LONG_IDS, ""]),
    )
    frame = client_of(fake_tap).query("SELECT source_id, obsid").frame
    assert frame["source_id"].tolist() == [*LONG_IDS, pd.NA]
    assert frame["obsid"].tolist() == [*map(str, LONG_IDS), ""]


@pytest.mark.parametrize(
    ("kind", "value"), [("long", 2**63), ("long", 10**30), ("int", 2**31), ("short", -40_000)]
)
def test_an_integer_that_does_not_fit_is_an_error(fake_tap, pauses, kind, value):
    """astropy would make the largest one that fits of it."""
    fake_tap.answer = lambda *_: votable(Field("n", kind, [1, value]))
    said = refusal(client_of(fake_tap), "SELECT n")
    assert f"column 'n' has '{value}' in row 2, which does not fit its type {kind};" in said
    assert pauses == []


@pytest.mark.parametrize("comment", [b"", b'<!-- was: <VOTABLE version="1.1"> -->'])
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4"])
def test_an_empty_cell_of_integers_is_null_in_every_version(fake_tap, version, comment):
    """astropy would make 0 of it in the older ones."""
    made = votable(Field("n", "long", [1, "", 3]), Field("m", "short", ["", 5, ""]))
    made = made.replace(b"1.3", version.encode())
    fake_tap.answer = lambda *_: b'<?xml version="1.0"?>' + comment + made
    frame = client_of(fake_tap).query("SELECT n, m").frame
    assert frame["n"].tolist() == [1, pd.NA, 3] and frame["m"].tolist() == [pd.NA, 5, pd.NA]


def test_line_ends_of_windows(fake_tap):
    made = votable(Field("n", "long", [" 1\n", "2"]), Field("t", "char", ["a", "b"]))
    fake_tap.answer = lambda *_: made.replace(b"><", b">\r\n<").replace(b"\n", b"\r\n")
    frame = client_of(fake_tap).query("SELECT n, t").frame
    assert frame["n"].tolist() == [1, 2] and frame["t"].tolist() == ["a", "b"]


def test_text_of_every_script(fake_tap):
    texts = ["Ψ ü 中 🌌", "\u202eabc", "a\tb\nc", "'; DROP TABLE csc --", '"<&>"', "\u2028"]
    fake_tap.answer = lambda *_: votable(
        Field("t", "unicodeChar", texts), Field("c", "char", texts)
    )
    frame = client_of(fake_tap).query("SELECT t, c").frame
    assert frame["t"].tolist() == texts and frame["c"].tolist() == texts


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (with_table(N + N, "<TR><TD>1</TD><TD>2</TD></TR>"), "what came has two columns 'n'"),
        (with_table(N + N.replace('"n"', '"N"'), ""), "what came has two columns 'n'"),
        (
            with_table(
                '<FIELD name="x" datatype="double" arraysize="2"/>', "<TR><TD>1 2</TD></TR>"
            ),
            "what came has arrays in column 'x'",
        ),
    ],
)
def test_columns_that_cannot_be_told_apart_or_read(fake_tap, pauses, body, said):
    fake_tap.answer = lambda *_: body
    assert refusal(client_of(fake_tap), "SELECT n") == (
        f"heasarc ({fake_tap.url}): {said}; the query was: SELECT n"
    )


@pytest.mark.parametrize(
    "field",
    [
        Field("n", "double", ["NaN"]),
        Field("n", "double", ["+Inf"]),
        Field("n", "char", ["many"]),
        Field("n", "char", [""]),
        Field("n", "long", ["-9"], null="-9"),
        Field("n", "long", []),
        Field("n", "long", [1, 2]),
    ],
)
def test_a_count_that_is_no_number(fake_tap, field):
    fake_tap.answer = lambda *_: votable(field)
    client = client_of(fake_tap)
    with pytest.raises(TapError) as caught:
        client.query_counted("SELECT n FROM t", "SELECT COUNT(*) AS n FROM t")
    assert str(caught.value) == (
        f"heasarc ({fake_tap.url}) gave no number for: SELECT COUNT(*) AS n FROM t"
    )


# words


HOSTILE = "no\r\nsuch \x85\u2028column\u202e\x9b31m " + "x" * 5000


def test_a_services_words_are_shown_and_not_obeyed(fake_tap, pauses):
    fake_tap.answer = lambda *_: Reply(error_document(HOSTILE), 400)
    said = refusal(client_of(fake_tap), "SELECT\n  a\nFROM t\x1b[2J")
    assert "refuses the query: no such column" in said
    assert said.endswith(r"the query was: SELECT a FROM t\x1b[2J")
    fake_tap.phases, fake_tap.job_error = ["ERROR"], HOSTILE
    fake_tap.answer = lambda *_: ONE_ROW
    assert "refuses the query: no such column" in refusal(client_of(fake_tap, mode="async"))


def test_the_name_of_a_column_is_shown_and_not_obeyed(fake_tap):
    twice = [Field(HOSTILE[:60].replace("\x9b", ""), "long", []) for _ in range(2)]
    fake_tap.answer = lambda *_: votable(*twice)
    assert "what came has two columns" in refusal(client_of(fake_tap))


def test_a_status_line_is_shown_and_not_obeyed(fake_tap, pauses):
    fake_tap.answer = lambda *_: Wire(
        [b"HTTP/1.1 404 \x1b[2J\xe2\x80\xae" + b"x" * 9000 + b"\r\nContent-Length: 0\r\n\r\n"]
    )
    assert "does not answer: HTTP 404" in refusal(client_of(fake_tap))


@pytest.mark.parametrize(
    "fields",
    [
        [Field("column_name", "char", ["ra"])],
        [Field("table_name", "char", ["t"]), Field("n", "long", [1])],
    ],
)
def test_a_schema_without_its_columns(fake_tap, fields):
    fake_tap.answer = lambda *_: votable(*fields)
    with pytest.raises(
        TapError, match=r"gave no .*datatype.* of its columns: is its url"
    ) as caught:
        client_of(fake_tap).columns(["t"])
    assert "\n" not in str(caught.value)


def test_a_schema_of_numbers_is_read_as_text(fake_tap):
    names = ["table_name", "column_name", "datatype", "unit", "ucd", "description"]
    fake_tap.answer = lambda *_: votable(*(Field(name, "long", [1]) for name in names))
    frame = client_of(fake_tap).columns(["t"]).frame
    assert frame.to_numpy().tolist() == [["1"] * 6]


# what is asked is never made of what was answered

DANGEROUS = ["'; DROP TABLE csc --", '" OR 1=1 --', "ra) FROM secrets --", "ra\x00", "name, *"]


def test_listed_columns_do_not_change_a_query():
    for catalogue in CATALOGUES.values():
        clean = [name for c in catalogue.columns for name in (c.name, *c.aliases)]
        asked = [
            catalogue_adql(catalogue, resolve_columns(catalogue, available), Names())
            for available in (clean, [*DANGEROUS, *clean, *DANGEROUS])
        ]
        assert asked[0] == asked[1]


@pytest.mark.parametrize("upload", [True, False])
def test_names_of_sources_do_not_enter_a_query(fake_tap, upload):
    asked = []

    def answer(adql, uploads):
        asked.append(adql)
        assert all(t.colnames == ["target_id", "target_ra", "target_dec", "radius_deg"]
                   and {c.dtype.kind for c in t.itercols()} <= {"i", "f"}
                   for t in uploads.values())  # fmt: skip
        fields = [Field("target_id", "long", [])] if uploads else []
        if "COUNT(*)" in adql:
            return votable(*fields, Field("n", "long", []))
        for name, kind in (
            ("survey_id", "long"),
            ("survey_ra", "double"),
            ("survey_dec", "double"),
        ):
            fields.append(Field(name, kind, [], "" if kind == "long" else "deg"))
        return votable(*fields)

    fake_tap.answer = answer
    targets = pd.DataFrame(
        {
            "target_id": range(5),
            "around": "fermi",
            "fermi_name": DANGEROUS,
            "fermi_ra": 1.5,
            "fermi_dec": -2.5,
            "csc_name": DANGEROUS,
            "ra": 1.5,
            "dec": -2.5,
            "radius_deg": 0.25,
            "field_radius_deg": 0.25,
            "shard": DANGEROUS,
        }
    )
    survey = SurveyTable("t", "id", "ra", "dec", {})
    enrich_targets(client_of(fake_tap, upload=upload), survey, targets, 3)
    circle = "t.target_ra, t.target_dec, t.radius_deg" if upload else "1.5, -2.5, 0.2500001"
    from_where = (
        f"FROM t AS s{', TAP_UPLOAD.targets AS t' if upload else ''} WHERE 1 = "
        f"CONTAINS(POINT('ICRS', s.ra, s.dec), CIRCLE('ICRS', {circle}))"
    )
    # with uploads also the numbers of rows
    assert len(asked) == (2 if upload else 5)
    behind = {adql[adql.index("FROM") :].removesuffix(" GROUP BY t.target_id") for adql in asked}
    assert behind == {from_where}


@pytest.mark.parametrize("prefix", ["", "v:"])
@pytest.mark.parametrize("within", ["BINARY", "FITS", "PARQUET"])
def test_no_other_place_is_looked_at_for_rows(fake_tap, tmp_path, prefix, within):
    """A VOTable may name one, and astropy would read any file or address."""
    secret = tmp_path / "secret"
    secret.write_bytes(struct.pack(">q", 42))
    for href in (secret.as_uri(), f"{fake_tap.url}/elsewhere"):
        for attributes in (
            f"href='{href}'",
            f'encoding="none"\n\thref = "{href}"',
            f"a='>' href='{href}'",
        ):
            stream = f"<{within}><{prefix}STREAM {attributes}/></{within}>"
            body = with_table(N).replace(b"<TABLEDATA></TABLEDATA>", stream.encode())
            fake_tap.answer = lambda *_, body=body: body
            place = "elsewhere" if within == "BINARY" else f"as {within}"
            assert f"what came has its rows {place}, w" in refusal(client_of(fake_tap))
    assert fake_tap.asked("GET", "/tap/elsewhere") == []


def test_a_text_may_speak_of_streams(fake_tap):
    texts = ["GD-1 STREAM href=x", "PAL5:STREAM", "STREAM", "<STREAM href='x'/>"]
    fake_tap.answer = lambda *_: votable(Field("t", "char", texts)).replace(
        b"<DATA>", b'<DATA><!-- was <STREAM href="x"/> -->'
    )
    assert client_of(fake_tap).query("SELECT t").frame["t"].tolist() == texts
