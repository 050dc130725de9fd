"""Files: nothing lost in a round trip, the same bytes for the same rows, whole or not at all."""

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.table import Table
from csv_of import csv_text
from hostile_names import HOSTILE_NAMES

from xgamma.errors import XgammaError
from xgamma.tables.columns import Column, conform, empty_frame
from xgamma.tables.ecsv import ECSV_TEXT
from xgamma.tables.files import (
    read_columns,
    read_ecsv,
    read_parquet,
    write_csv,
    write_ecsv,
    write_parquet,
)
from xgamma.tables.whole_files import atomic_path, write_json, write_text

COLUMNS = [
    Column("id", "int", "", "Identifier"),
    Column("name", "text", "", "Name, with a comma"),
    Column("ra", "float", "deg", "Right ascension"),
    Column("mag", "float32", "mag"),
    Column("flags", "nullable_int"),
    Column("inside", "bool"),
]
# 2**53 + 1 is the first integer that a float cannot hold
FRAME = pd.DataFrame(
    {
        "id": np.array([2**53 + 1, -(2**63), 2**63 - 1, 4104196427943626625], dtype="int64"),
        "name": ['say "hm", twice', "Ψ Cas ☆ é", "", "nan"],
        "ra": [0.1, np.nan, 1e-300, 359.99999999999994],
        "mag": np.array([17.1, np.nan, 0.1, -1.5], dtype="float32"),
        "flags": pd.array([2**53 + 1, None, 0, -1], dtype="Int64"),
        "inside": [True, False, False, True],
    }
)
# 4104196427943626624 is itself a float, and 4104196427943626625 becomes it as one
EXACT_IDS = [4104196427943626624, 4104196427943626625, 2**53 + 1, 2**63 - 1, -(2**63), 0]
# hostile names as people are to see them, written out by hand
SHOWN = {
    "two\nlines": r"two\nlines",
    "\r\nends\r": r"\r\nends\r",
    "a\tb": r"a\tb",
    "\u2028": r"\u2028",
    "\u202egnp.exe": r"\u202egnp.exe",
    "\x1b[2J": r"\x1b[2J",
    "Ψ Cas ☆": "Ψ Cas ☆",
    "#x": "#x",
    "'": "'",
    "\\N": "\\N",
    '"': '"',
    "<b>": "<b>",
}


def assert_same(found: pd.DataFrame, expected: pd.DataFrame):
    assert list(found.columns) == list(expected.columns)
    for name in expected.columns:
        for one, other in zip(found[name].tolist(), expected[name].tolist(), strict=True):
            same = pd.isna(one) == pd.isna(other) and (pd.isna(one) or one == other)
            assert same, f"{name}: {one!r} is not {other!r}"


@pytest.mark.parametrize("form", ["parquet", "ecsv"])
def test_round_trip_keeps_every_kind_exactly(tmp_path, form):
    """Catches identifiers that went through floats, nulls that became 0 or 'nan'."""
    path = tmp_path / f"t.{form}"
    if form == "parquet":
        write_parquet(path, FRAME, COLUMNS)
        found = read_parquet(path)
    else:
        write_ecsv(path, FRAME, COLUMNS)
        found = read_ecsv(path, COLUMNS)
    assert_same(found, FRAME)
    kinds = ["int64", "str", "float64", "float32", "Int64", "bool"]
    assert [str(t) for t in found.dtypes] == kinds


def test_parquet_keeps_any_text(tmp_path):
    frame = pd.DataFrame({"name": [*HOSTILE_NAMES, None]})
    write_parquet(tmp_path / "t.parquet", frame, COLUMNS[1:2])
    assert read_parquet(tmp_path / "t.parquet")["name"].tolist() == [*HOSTILE_NAMES, ""]


@pytest.mark.parametrize("form", ["ecsv", "csv"])
def test_tables_for_people_show_what_does_not_print(tmp_path, form):
    frame = pd.DataFrame({"name": list(SHOWN), "id": range(len(SHOWN))})
    columns = [COLUMNS[1], COLUMNS[0]]
    if form == "csv":
        text = csv_text(frame, columns)
        found = [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]
    else:
        write_ecsv(tmp_path / "t.ecsv", frame, columns)
        found = Table.read(tmp_path / "t.ecsv")["name"].tolist()
        text = (tmp_path / "t.ecsv").read_text(encoding="utf-8")
    assert found == list(SHOWN.values())
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("order", [["name"], ["name", "id"], ["id", "name"]])
def test_astropy_reads_every_row_of_any_ecsv(tmp_path, order):
    """A first value that began with '#' made its row a comment, and the row was gone."""
    columns = [{"id": COLUMNS[0], "name": COLUMNS[1]}[name] for name in order]
    names = [*HOSTILE_NAMES, "#", "# - {name: id}", "#ends"]
    frame = pd.DataFrame({"id": np.arange(len(names)), "name": names})
    write_ecsv(tmp_path / "t.ecsv", frame, columns)
    table = Table.read(tmp_path / "t.ecsv", format="ascii.ecsv")
    assert len(table) == len(names)
    if "id" in order:
        assert table["id"].tolist() == frame["id"].tolist()
    for found, name in zip(read_ecsv(tmp_path / "t.ecsv", columns)["name"], names, strict=True):
        # the documented losses: escapes, blanks at the ends, and the tail of a very long text
        if name.isprintable() and len(name) <= ECSV_TEXT:
            assert found == name.strip(" ")
        else:
            assert found.isprintable() and len(found) <= ECSV_TEXT


def test_a_very_long_text_is_cut_in_ecsv_only(tmp_path):
    """astropy gives every row the room of the longest text: a million rows, a million times."""
    frame = pd.DataFrame({"name": ["a" * ECSV_TEXT, "b" * (ECSV_TEXT + 1)]})
    write_ecsv(tmp_path / "t.ecsv", frame, COLUMNS[1:2])
    found = Table.read(tmp_path / "t.ecsv")["name"].tolist()
    assert found == ["a" * ECSV_TEXT, "b" * (ECSV_TEXT - 1) + "…"]
    assert csv_text(frame, COLUMNS[1:2]).splitlines()[2] == "b" * (ECSV_TEXT + 1)


def test_units_and_descriptions_cannot_break_the_head_of_an_ecsv(tmp_path):
    said = "m\n# - {name: forged}\n\u202e"
    write_ecsv(
        tmp_path / "t.ecsv", pd.DataFrame({"x": [1.0]}), [Column("x", "float", said, f"d {said}")]
    )
    table = Table.read(tmp_path / "t.ecsv")
    assert table.colnames == ["x"] and len(table) == 1
    assert str(table["x"].unit) == r"m\n# - {name: forged}\n\u202e"
    assert table["x"].description == r"d m\n# - {name: forged}\n\u202e"


@pytest.mark.parametrize("form", ["parquet", "ecsv", "csv", "json list", "nested csv"])
@pytest.mark.parametrize("kind", ["int", "nullable_int"])
def test_identifiers_of_64_bits_are_exact_in_every_file(tmp_path, form, kind):
    column = Column("id", kind)
    frame = pd.DataFrame({"id": np.array(EXACT_IDS, dtype="int64")})
    if form == "parquet":
        write_parquet(tmp_path / "t", frame, [column])
        found = pq.read_table(tmp_path / "t").column("id").to_pylist()
        assert read_parquet(tmp_path / "t")["id"].tolist() == EXACT_IDS
    elif form == "ecsv":
        write_ecsv(tmp_path / "t", frame, [column])
        found = [int(value) for value in Table.read(tmp_path / "t", format="ascii.ecsv")["id"]]
        assert read_ecsv(tmp_path / "t", [column])["id"].tolist() == EXACT_IDS
    elif form == "csv":
        found = [int(line) for line in csv_text(frame, [column]).splitlines()[1:]]
    else:
        # numpy's integers, as a row of a frame holds them
        lists = pd.DataFrame({"ids": [list(frame["id"])]})
        columns = [Column("ids", "list")]
        if form == "json list":
            write_ecsv(tmp_path / "t", lists, columns)
            found = list(Table.read(tmp_path / "t", format="ascii.ecsv")["ids"][0])
        else:
            found = json.loads(list(csv.reader(io.StringIO(csv_text(lists, columns))))[1][0])
    assert found == EXACT_IDS and all(type(value) is int for value in found)


def test_parquet_is_plain_and_says_its_units(tmp_path):
    """Readable without this library: int64 is int64, NaN is NaN, units in the metadata."""
    write_parquet(tmp_path / "t.parquet", FRAME, COLUMNS)
    table = pq.read_table(tmp_path / "t.parquet")
    types = ["int64", "string", "double", "float", "int64", "bool"]
    assert [str(f.type) for f in table.schema] == types
    assert table.column("id").to_pylist() == [2**53 + 1, -(2**63), 2**63 - 1, 4104196427943626625]
    assert table.column("flags").null_count == 1
    assert table.column("ra").null_count == 0 and np.isnan(table.column("ra").to_pylist()[1])
    assert table.schema.field("ra").metadata[b"unit"] == b"deg"
    assert read_columns(tmp_path / "t.parquet") == COLUMNS


def test_parquet_reads_only_the_columns_asked_for(tmp_path):
    write_parquet(tmp_path / "t.parquet", FRAME, COLUMNS)
    assert list(read_parquet(tmp_path / "t.parquet", ["ra", "id"]).columns) == ["ra", "id"]


def test_parquet_reads_only_the_rows_asked_for(tmp_path):
    write_parquet(tmp_path / "t.parquet", FRAME, COLUMNS)
    whole = read_parquet(tmp_path / "t.parquet")
    for rows in (np.arange(len(whole)) % 2 == 1, np.zeros(len(whole), dtype=bool)):
        some = read_parquet(tmp_path / "t.parquet", rows=rows)
        pd.testing.assert_frame_equal(some, whole[rows].reset_index(drop=True))


def test_what_is_read_can_be_changed_and_changes_nothing_else(tmp_path):
    write_parquet(tmp_path / "t.parquet", FRAME, COLUMNS)
    one = read_parquet(tmp_path / "t.parquet")
    kept, other = one.copy(), conform(one, COLUMNS)
    for column in COLUMNS:
        one.loc[0, column.name] = one.loc[1, column.name]
    pd.testing.assert_frame_equal(other, kept)
    assert not one.equals(kept)


@pytest.mark.parametrize("form", ["parquet", "ecsv", "csv"])
def test_tables_without_rows_keep_their_columns(tmp_path, form):
    path = tmp_path / f"t.{form}"
    empty = empty_frame(COLUMNS)
    if form == "csv":
        write_csv(path, empty, COLUMNS)
        assert path.read_bytes() == b"id,name,ra,mag,flags,inside\n"
        return
    write, read = (write_parquet, read_parquet) if form == "parquet" else (write_ecsv, read_ecsv)
    write(path, empty, COLUMNS)
    found = read(path) if form == "parquet" else read(path, COLUMNS)
    assert len(found) == 0
    assert found.dtypes.tolist() == empty.dtypes.tolist()


def test_ecsv_is_astropys(tmp_path):
    """`Table.read` gives units, descriptions, nulls and lists back."""
    lists = [Column("names", "list", "", "Names"), Column("fluxes", "list", "deg")]
    frame = FRAME.assign(
        names=[["a", 'b "c"'], [], ["é"], ["1", "2"]],
        fluxes=[[1.5, np.nan], [], [np.float32(0.1)], [1.0, 2.0]],
    )
    write_ecsv(tmp_path / "t.ecsv", frame, [*COLUMNS, *lists])
    table = Table.read(tmp_path / "t.ecsv")
    assert table["ra"].unit == u.deg and table["mag"].unit == u.mag
    assert table["name"].description == "Name, with a comma"
    assert table["id"].dtype == np.int64 and table["id"][0] == 2**53 + 1
    assert table["flags"].mask.tolist() == [False, True, False, False]
    assert list(table["names"]) == [["a", 'b "c"'], [], ["é"], ["1", "2"]]
    # NaN is not JSON; a float32 is its own shortest decimal, not 0.10000000149011612
    assert list(table["fluxes"]) == [[1.5, None], [], [0.1], [1.0, 2.0]]


def test_ecsv_takes_units_that_astropy_does_not_know(tmp_path):
    column = [Column("x", "float", "furlong per fortnight")]
    write_ecsv(tmp_path / "t.ecsv", pd.DataFrame({"x": [1.0]}), column)
    assert "furlong per fortnight" in (tmp_path / "t.ecsv").read_text()


def test_csv_is_a_header_and_data_only():
    """No unit row, which readers count as a source; null is nothing; lists are JSON."""
    columns = [*COLUMNS, Column("names", "list")]
    frame = FRAME.assign(names=[["a", 'b "c"'], [], [None, 1], ["é"]])
    rows = list(csv.reader(io.StringIO(csv_text(frame, columns), newline="")))
    assert rows[0] == ["id", "name", "ra", "mag", "flags", "inside", "names"]
    assert len(rows) == 1 + len(frame)
    assert rows[1] == ["9007199254740993", 'say "hm", twice', "0.1", "17.1", "9007199254740993",
                       "True", '["a", "b \\"c\\""]']  # fmt: skip
    assert rows[2] == ["-9223372036854775808", "Ψ Cas ☆ é", "", "", "", "False", "[]"]
    assert rows[4][2] == "359.99999999999994"
    assert [json.loads(row[6]) for row in rows[3:]] == [[None, 1], ["é"]]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        # shown as escapes, these begin with a backslash
        ("\t=1+1", r"\t=1+1"),
        ("\r=1+1", r"\r=1+1"),
        # no formulas
        ("4FGL J0534.5-2201", "4FGL J0534.5-2201"),
        ("'", "'"),
        ("", ""),
    ],
)
def test_no_text_of_a_csv_is_a_formula(text, cell):
    columns = [Column("name", "text"), Column("x", "float"), Column("names", "list")]
    frame = pd.DataFrame({"name": [text], "x": [-1.5], "names": [[text, -1.5]]})
    _, row = csv.reader(io.StringIO(csv_text(frame, columns), newline=""))
    assert row[0] == cell
    # numbers stay numbers, and a list begins with a bracket
    assert row[1] == "-1.5" and row[2].startswith("[")


def test_lists_of_a_csv_lose_nothing():
    """What does not print is in JSON's own escapes, so that a reader gets it back."""
    text = csv_text(pd.DataFrame({"names": [list(HOSTILE_NAMES)]}), [Column("names", "list")])
    assert text.replace("\n", "").isprintable()
    cell = text.split("\n", 1)[1].rstrip("\n")
    assert json.loads(cell[1:-1].replace('""', '"')) == list(HOSTILE_NAMES)


def test_csv_keeps_all_rows_of_any_text():
    frame = pd.DataFrame({"name": HOSTILE_NAMES, "id": range(len(HOSTILE_NAMES))})
    text = csv_text(frame, COLUMNS[1::-1])
    found = pd.read_csv(io.StringIO(text), keep_default_na=False)
    assert found["id"].tolist() == list(range(len(HOSTILE_NAMES)))
    assert text.count("\n") == 1 + len(HOSTILE_NAMES), "a line is a row"


@pytest.mark.parametrize("write", [write_parquet, write_ecsv, write_csv])
def test_same_rows_same_bytes(tmp_path, write):
    """Neither the index, nor other columns, nor their order, nor the time of day is in it."""
    write(tmp_path / "one", FRAME, COLUMNS)
    other = FRAME.assign(more=1)[["more", *reversed(FRAME.columns)]].set_axis([7, 3, 9, 1])
    write(tmp_path / "two", other, COLUMNS)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("kind", "values", "says"),
    [
        ("int", [1, None], "x is null in row 1"),
        ("bool", [True, None], "x is null in row 1"),
        ("float", [1.0, "much"], "x is not float"),
        ("nullable_int", [1.5, None], "x came as a float and may have lost digits"),
        # pandas would make 1, a wrong identifier, and True of these
        ("int", [1.5], "x came as a float and may have lost digits"),
        ("int", [4104196427943626624.0], "x came as a float and may have lost digits"),
        ("nullable_int", [4104196427943626624.0, None], "x came as a float and may have lost"),
        ("int", [2**64], "x is not int: "),
        ("int", np.array([2**63], dtype="uint64"), r"x holds integers above 2\*\*63 - 1"),
        ("nullable_int", pd.array([2**63, None], dtype="UInt64"), "x holds integers above 2"),
        ("bool", ["False"], "x holds other things than true and false"),
    ],
)
def test_conform_refuses_what_does_not_fit(kind, values, says):
    with pytest.raises(XgammaError, match=says):
        conform(pd.DataFrame({"x": values}), [Column("x", kind)])


def test_a_value_that_does_not_fit_is_quoted_short_and_on_one_line():
    with pytest.raises(XgammaError) as error:
        conform(pd.DataFrame({"x": ["a\n\x1b[2J" + "b" * 100_000]}), [Column("x", "float")])
    assert str(error.value).isprintable() and len(str(error.value)) < 300


def test_conform_names_missing_columns():
    with pytest.raises(XgammaError, match="column b, c is missing"):
        conform(pd.DataFrame({"a": [1]}), [Column(name, "int") for name in "abc"])


def test_conform_orders_drops_and_nulls():
    frame = pd.DataFrame({"x": [1], "t": [None], "y": [2.0]}, index=[5])
    found = conform(frame, [Column("y", "int"), Column("t", "text")])
    assert found.to_dict("list") == {"y": [2], "t": [""]}
    assert found.index.tolist() == [0]
    assert "t" in frame and frame["t"].isna().all(), "the frame given is not changed"


def names_in(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_failed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as beside:
        beside.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["t.txt"]


def test_a_writer_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "t.txt"):
        pass
    assert names_in(tmp_path) == []


def test_the_name_appears_only_with_the_whole_file(tmp_path):
    path = tmp_path / "new" / "t.txt"
    with atomic_path(path) as beside:
        beside.write_text("half")
        assert not path.exists()
        # on the same file system, or the renaming is a copy that can be cut short
        assert beside.parent == path.parent
    assert path.read_text() == "half"
    assert names_in(path.parent) == ["t.txt"]


WRITE_HALF_AND_HANG = """
import sys, time
from xgamma.tables.whole_files import atomic_path
with atomic_path(sys.argv[1]) as beside:
    beside.write_text("half of a longer text")
    print("half written", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_leaves_is_overwritten(tmp_path):
    path = tmp_path / "t.txt"
    command = [sys.executable, "-c", WRITE_HALF_AND_HANG, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout.readline() == b"half written\n"
        writer.kill()
    assert not path.exists()
    assert len(names_in(tmp_path)) == 1
    write_text(path, "new")
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["t.txt"]


def test_text_has_the_same_line_ends_everywhere(tmp_path):
    write_text(tmp_path / "t.txt", "b ≤ 10\nend\n")
    assert (tmp_path / "t.txt").read_bytes() == "b ≤ 10\nend\n".encode()


def test_json_is_sorted_and_refuses_nan(tmp_path):
    path = tmp_path / "t.json"
    write_json(path, {"b": 1, "a": [0.1, None]})
    assert path.read_text() == '{\n  "a": [\n    0.1,\n    null\n  ],\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text())["b"] == 1
