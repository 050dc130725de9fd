"""Programs that are not ours read the tables of a run: STILTS (the engine of TOPCAT) and polars.

pandas, astropy and DuckDB, which are among the packages, do so in tests/unit/tables.

STILTS needs ``apt-get install stilts``. Debian's is built without Parquet and ECSV, so it gets
the header of VOParquet, which is what TOPCAT takes units, UCDs and descriptions from, with rows put
into it. polars has an environment of its own, from readers.lock.
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import pyarrow.parquet as pq
import pytest

from xgamma.tables.files import read_columns
from xgamma.tables.metadata import read_facts, vounit

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

LOCK = Path(__file__).with_name("readers.lock")
ROWS = 20
# What polars makes of each file: rows, the sum of identifiers, the file's own metadata.
WITH_POLARS = """\
import json, sys
import polars

found = {}
for path in sys.argv[1:]:
    frame = polars.read_parquet(path)
    attrs = json.loads(polars.read_parquet_metadata(path)["PANDAS_ATTRS"])
    types = {name: str(one) for name, one in frame.schema.items()}
    found[path] = [frame.height, types, attrs]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tables(demo_run) -> list[Path]:
    paths = sorted((demo_run.project.results() / "tables").glob("*.parquet"))
    assert len(paths) >= 4
    return paths


def stilts(*arguments: str | Path) -> str:
    done = subprocess.run(["stilts", *arguments], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cell(value) -> str:
    return "<TD/>" if value is None or value != value else f"<TD>{escape(str(value))}</TD>"


def test_stilts_reads_columns_units_ucds_and_words(tables, tmp_path):
    for path in tables:
        table, columns = pq.read_table(path).slice(0, ROWS), read_columns(path)
        header = table.schema.metadata[b"IVOA.VOTable-Parquet.content"].decode()
        rows = "".join(
            f"<TR>{''.join(map(cell, row.values()))}</TR>\n" for row in table.to_pylist()
        )
        data = f"<DATA><TABLEDATA>\n{rows}</TABLEDATA></DATA>\n</TABLE>"
        document = tmp_path / f"{path.stem}.vot"
        document.write_text(header.replace("</TABLE>", data), encoding="utf-8")
        assert stilts("votlint", document) == ""
        found = list(
            csv.DictReader(
                io.StringIO(stilts("tpipe", f"in={document}", "cmd=meta Name Units UCD Description",
                                   "ofmt=csv"))
            )
        )  # fmt: skip
        assert [tuple(row.values()) for row in found] == [
            (c.name, vounit(c.unit) if c.unit else "", c.ucd, c.description) for c in columns
        ]
        described = stilts("tpipe", f"in={document}", "omode=meta")
        assert re.search(rf"^Rows: +{table.num_rows}$", described, re.MULTILINE)
        assert read_facts(path)["archive"] in described and "xgamma" in described


def test_polars_reads_rows_types_and_facts(tables, tmp_path):
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install = [
        "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes",
        "--requirement", LOCK,
    ]  # fmt: skip
    subprocess.run([environment / "bin/python", *install], check=True, capture_output=True)
    command = [environment / "bin/python", "-c", WITH_POLARS, *tables]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    types = {"text": "String", "float": "Float64", "float32": "Float32", "bool": "Boolean"}
    for path in tables:
        rows, schema, attrs = found[str(path)]
        columns = read_columns(path)
        assert rows == pq.read_metadata(path).num_rows > 0
        assert schema == {c.name: types.get(c.kind, "Int64") for c in columns}
        assert attrs.pop("units") == {c.name: c.unit for c in columns if c.unit}
        assert attrs == read_facts(path)
