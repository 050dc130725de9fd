"""The tables of the integration tests' server: those of the demo archive, value for value."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xgamma.demo.storage import create_table
from xgamma.demo.tables import DEMO_TABLES

TESTS = Path(__file__).parents[2]
SERVER = TESTS / "servers/dachs"
POSTGRESQL_TYPES = {
    "char": "text",
    "double": "double precision",
    "float": "real",
    "long": "bigint",
    "int": "integer",
    "boolean": "boolean",
}


def load(path: Path, *columns: str) -> tuple[list[list[str]], str]:
    """What the server is given for the rows of a file, and what is said about them."""
    done = subprocess.run(
        [sys.executable, SERVER / "load.py", path, *columns],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split("\t") for line in done.stdout.splitlines()], done.stderr


@pytest.mark.parametrize("table", DEMO_TABLES, ids=lambda table: table.name)
def test_server_has_the_columns_types_and_units_of_the_demo(table):
    described = {
        element.get("id"): element.findall("column")
        for path in SERVER.glob("rds/*/q.rd")
        for element in ET.parse(path).iter("table")
    }
    theirs = described[table.name.rpartition(".")[2]]
    assert [(c.get("name"), c.get("type"), c.get("unit", "")) for c in theirs] == [
        (c.name, POSTGRESQL_TYPES[c.datatype], c.unit) for c in table.columns
    ]


def test_exported_rows_are_loaded_exactly(tmp_path):
    import duckdb

    tables = {table.name: table for table in DEMO_TABLES}
    # doubles and floats that lose digits easily, ids above 2**53, nulls, blanks, quotes
    doubles = [0.1 + 0.2, 1e-15 / 3, 359.99999999999994, np.nan]
    floats = np.array([0.1, 1 / 3, 16777217.0, np.nan], dtype=np.float32)
    special = {
        "source_id": [2**53 + 1, 2**63 - 1, 4_104_196_427_943_626_624, 7],
        "analysis_flags": [0, 1, 4096, 2**31 - 1],
        "err_ang": [0, 90, 179, 45],
        "duplicated_source": [True, False, False, True],
    }
    texts = ["psr  ", 'SIM "quoted", J1', "tab\there", "back\\slash"]
    given = {
        name: {
            column.name: special.get(column.name)
            or {"double": doubles, "float": floats, "char": texts}[column.datatype]
            for column in table.columns
        }
        for name, table in tables.items()
    }
    sky, folder = tmp_path / "sky.duckdb", tmp_path / "rows"
    with duckdb.connect(str(sky)) as connection:
        for name, table in tables.items():
            create_table(connection, table, given[name])
    subprocess.run(
        [sys.executable, TESTS / "integration/export_sky.py", sky, folder],
        check=True,
        env={"PYTHONPATH": str(TESTS.parent / "workflow/lib"), "PATH": ""},
    )
    read = {"double": float, "float": np.float32, "long": int, "int": int}
    read["boolean"] = {"true": True, "false": False}.__getitem__
    escaped = {"tab\there": "tab\\there", "back\\slash": "back\\\\slash"}
    for name, table in tables.items():
        path = folder / f"{name.rpartition('.')[2]}.csv"
        rows, said = load(path, *(column.name for column in table.columns))
        assert said == ""
        for column, got in zip(table.columns, zip(*rows, strict=True), strict=True):
            wanted = given[name][column.name]
            if column.datatype == "char":
                assert list(got) == [escaped.get(text, text) for text in wanted]
            else:
                values = [None if v == "\\N" else read[column.datatype](v) for v in got]
                assert values == [None if v != v else v for v in wanted], column.name


def test_column_that_a_file_lacks_is_null_and_said(tmp_path):
    path = tmp_path / "fermilpsc.fits"
    columns = [
        fits.Column("NAME", "18A", array=["4FGL J0000.3-7355", "4FGL J0001.2+4741"]),
        fits.Column("ra", "D", array=[0.1, np.nan]),
        fits.Column("flags", "J", array=[0, 4096]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    rows, said = load(path, "name", "ra", "assoc_prob_lr", "analysis_flags")
    assert rows == [
        ["4FGL J0000.3-7355", "0.1", "\\N", "0"],
        ["4FGL J0001.2+4741", "\\N", "\\N", "4096"],
    ]
    assert said == f"note: {path} has no assoc_prob_lr: null\n"
