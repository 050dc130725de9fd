"""Programs that are not ours read the tables of a run: STILTS (the engine of TOPCAT) and polars.

And its exports: votlint, STILTS, regions, mocpy, and what the start of TOPCAT would load.

pandas, astropy and DuckDB, which are among the packages, do so in tests/unit/tables.

STILTS needs ``apt-get install stilts starlink-ecsv-java``. It reads each table as ECSV. Debian's is
built without Parquet, so of that it gets the header of VOParquet, which is what TOPCAT takes units,
UCDs and descriptions from, with rows put into it. polars has an environment of its own, from
readers.lock.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from environments import environment_of
from mocpy import MOC
from regions import Regions

from xgamma.exports.fits_tables import fits_unit
from xgamma.tables.files import read_columns, read_parquet
from xgamma.tables.metadata import read_facts
from xgamma.tables.units import vounit

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


# Debian has the reader of ECSV in a package of its own
ECSV_READER = "uk.ac.starlink.ecsv.EcsvTableBuilder"
JARS = ":".join(f"/usr/share/java/{name}.jar" for name in ("starlink-ecsv", "snakeyaml"))


def stilts(*arguments: str | Path) -> str:
    command = ["stilts", "-classpath", JARS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cell(value) -> str:
    return "<TD/>" if value is None or value != value else f"<TD>{escape(str(value))}</TD>"


def test_stilts_reads_every_table_with_its_units(demo_run, tmp_path):
    """As ECSV, which every table is written as: what astropy reads of it, and all rows."""
    every = sorted((demo_run.project.results() / "tables").glob("*.ecsv"))
    names = {path.stem for path in (demo_run.project.results() / "tables").iterdir()}
    assert {path.stem for path in every} == names and len(every) >= 12
    for path in every:
        out = tmp_path / f"{path.stem}.fits"
        stilts("tpipe", f"in={path}", f"ifmt={ECSV_READER}", "ofmt=fits-basic", f"out={out}")
        ours, theirs = (
            Table.read(path, format="ascii.ecsv"),
            Table.read(out, unit_parse_strict="silent"),
        )
        assert theirs.colnames == ours.colnames and len(theirs) == len(ours) > 0
        for name in ours.colnames:
            unit = ours[name].unit
            assert (unit is None) == (theirs[name].unit is None), f"{path.name}: {name}"
            if unit is not None:
                assert u.Unit(str(theirs[name].unit)) == unit
        numbers = next(n for n in ours.colnames if ours[n].dtype.kind == "f")
        mine, read = (np.ma.filled(t[numbers].astype(float), np.nan) for t in (ours, theirs))
        np.testing.assert_array_equal(read, mine)


def test_stilts_reads_columns_units_ucds_and_words(tables, tmp_path):
    # what all tables have in common is written by the same code: three of them
    for path in (
        path for path in tables if path.stem in ("candidates", "counterparts", "evidence")
    ):
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
    environment_of(environment, LOCK)
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


EXPORTED = ("counterparts", "fermi_sources", "candidates", "identifications")
# hands each table that it is to open to the engine of TOPCAT
STAND_IN = """\
#!/bin/sh
while [ $# -gt 0 ]; do
    if [ "$1" = -f ]; then form=$2; shift 2; continue; fi
    echo "$1 $(stilts tpipe ifmt="$form" in="$1" omode=count)" || exit
    shift
done
"""


@pytest.fixture(scope="module")
def exports(demo_run) -> Path:
    return demo_run.project.results() / "exports"


@pytest.mark.filterwarnings("ignore:The unit 'erg' has been deprecated")
@pytest.mark.parametrize("name", EXPORTED)
def test_votlint_has_nothing_to_say_and_stilts_reads_what_parquet_has(exports, tmp_path, name):
    parquet = exports.parent / f"tables/{name}.parquet"
    frame, columns = read_parquet(parquet), read_columns(parquet)
    assert stilts("votlint", exports / f"{name}.vot") == ""
    for ending, spelt in (("vot", vounit), ("fits", fits_unit)):
        out = tmp_path / f"{name}.{ending}.xml"
        stilts("tpipe", f"in={exports / name}.{ending}", "ofmt=votable", f"out={out}")
        fields = re.findall(r"<FIELD .*?</FIELD>|<FIELD [^>]*/>", out.read_text(), re.DOTALL)
        for field, column in zip(fields, columns, strict=True):
            told = dict(re.findall(r'(\w+)="([^"]*)"', field))
            assert told["name"] == column.name and told.get("ucd", "") == column.ucd
            assert told.get("unit", "") == (spelt(column.unit) if column.unit else "")
            described = re.search(r"<DESCRIPTION>(.*)</DESCRIPTION>", field, re.DOTALL)
            assert (described[1] if described else "") == escape(column.description)
        read = Table.read(out, format="votable")
        assert len(read) == len(frame) > 50
        for column in columns:
            values = frame[column.name]
            if column.kind == "text":
                assert read[column.name].filled("").tolist() == values.tolist()
            elif column.kind == "nullable_int":
                expected = [None if value is None else int(value) for value in values.to_list()]
                assert read[column.name].tolist() == expected
            else:
                found = np.ma.filled(read[column.name], np.nan if column.null else 0)
                np.testing.assert_array_equal(found, values.to_numpy())


def test_identifiers_of_gaia_are_exact_in_the_exports(exports):
    ids = Table.read(exports / "identifications.fits")
    ids = ids["object_id"][ids["survey"] == "gaia"].tolist()
    assert any(int(one) > 2**53 and int(one) % 2 for one in ids)
    wanted = read_parquet(exports.parent / "tables/identifications.parquet")
    assert ids == wanted.loc[wanted["survey"] == "gaia", "object_id"].tolist()


def test_regions_and_mocpy_read_the_exports(exports):
    fermi = read_parquet(exports.parent / "tables/fermi_sources.parquet")
    ellipses = Regions.read(exports / "fermi_ellipses.reg", format="ds9")
    assert [one.meta["text"] for one in ellipses] == fermi["fermi_name"].tolist()
    for half, name in (("width", "semi_major_axis_95"), ("height", "semi_minor_axis_95")):
        axes = [getattr(one, half).to_value("deg") / 2 for one in ellipses]
        assert axes == pytest.approx(fermi[name].tolist(), abs=1e-7)
    candidates = read_parquet(exports.parent / "tables/candidates.parquet")
    counterparts = read_parquet(exports.parent / "tables/counterparts.parquet")
    likeliest = counterparts.set_index("fermi_name")["csc_name"]
    is_likeliest = candidates["csc_name"] == candidates["fermi_name"].map(likeliest)
    drawn = candidates[
        is_likeliest | (candidates["match_flag"] > 0) | (candidates["p_association"] >= 0.01)
    ]
    points = Regions.read(exports / "candidates.reg", format="ds9")
    assert len(points) == len(drawn) > 100
    places = SkyCoord([one.center for one in points])
    apart = places.separation(SkyCoord(drawn["csc_ra"], drawn["csc_dec"], unit="deg"))
    assert apart.max() < 1 * u.mas
    made = MOC.from_fits(exports.parent / "coverage/chandra.moc.fits")
    assert MOC.from_fits(exports / "coverage.moc.fits") == made
    polygons = Regions.read(exports / "coverage.reg", format="ds9")
    # a border for each part, and those of the holes
    assert sum(one.meta["include"] for one in polygons) == made.split_count()


def test_the_start_of_topcat_opens_every_table(exports, tmp_path):
    (tmp_path / "topcat").write_text(STAND_IN)
    (tmp_path / "topcat").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", exports / "open_in_topcat.sh"], capture_output=True, text=True, timeout=110,
        env={**os.environ, "PATH": path}, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(\S+) columns: (\d+) +rows: (\d+)$", done.stdout, re.MULTILINE)
    tables = {
        name: pq.read_metadata(exports.parent / f"tables/{name}.parquet") for name in EXPORTED
    }
    cells = len(MOC.from_fits(exports / "coverage.moc.fits").uniq_hpx)
    assert found == [
        *((f"{name}.vot", str(t.num_columns), str(t.num_rows)) for name, t in tables.items()),
        ("coverage.moc.fits", "1", str(cells)),
    ]


def test_all_that_the_start_of_aladin_loads_is_there(exports):
    script = (exports / "open_in_aladin.ajs").read_text()
    loaded = re.findall(r"^load (\S+)$", script, re.MULTILINE)
    votables = [f"{name}.vot" for name in EXPORTED]
    assert loaded == ["coverage.moc.fits", "fermi_ellipses.reg", *votables]
    assert all((exports / name).is_file() for name in loaded)
