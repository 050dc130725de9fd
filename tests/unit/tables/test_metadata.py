"""What a table says of itself: the same facts for every reader, in the same bytes."""

import json
import warnings
import xml.etree.ElementTree as ElementTree

import duckdb
import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from hostile_names import HOSTILE_NAMES
from made_up_metadata import THINGS

from xgamma.tables.columns import ENERGY_FLUX, Column
from xgamma.tables.files import read_columns, read_parquet, write_ecsv, write_parquet
from xgamma.tables.metadata import TableMetadata, read_facts
from xgamma.tables.units import vounit

COLUMNS = [
    Column("name", "text", "", "Name", "meta.id;meta.main"),
    Column("id", "int", "", "Identifier", "meta.id"),
    Column("ra", "float", "deg", "Right ascension, ICRS", "pos.eq.ra"),
    Column("flux", "float", ENERGY_FLUX, 'Flux < limit & "more"', "phot.flux;em.X-ray"),
    Column("rate", "float32", "electron / s"),
    Column("flags", "nullable_int"),
    Column("inside", "bool", "", "Inside"),
]
FRAME = pd.DataFrame(
    {
        "name": ["Ψ Cas", "", "a longer name"],
        "id": np.array([2**53 + 1, -1, 4104196427943626625], dtype="int64"),
        "ra": [0.25, np.nan, 359.5],
        "flux": [1e-14, 2e-13, np.nan],
        "rate": np.array([1.5, 2.5, np.nan], dtype="float32"),
        "flags": pd.array([1, None, 0], dtype="Int64"),
        "inside": [True, False, True],
    }
)
FACTS = {
    "name": "things",
    "description": "One row per thing.",
    "archive": "live",
    "simulated": False,
    "catalogues": ["A Catalogue: a at heasarc, release 2.1", "B: b at gaia"],
    "answered": "2026-11-20/2026-11-26",
    "software": "xgamma 0.1.0",
    "cite": ["xgamma", 'A Catalogue: A. Author 2020, "Title"'],
}
UNITS = {"ra": "deg", "flux": "erg / (s cm2)", "rate": "electron / s"}
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"


@pytest.fixture
def parquet(tmp_path):
    write_parquet(tmp_path / "things.parquet", FRAME, COLUMNS, THINGS)
    return tmp_path / "things.parquet"


def keys_of(path) -> dict[str, str]:
    """A file's own metadata, as DuckDB reads it."""
    query = "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?)"
    return dict(duckdb.execute(query, [str(path)]).fetchall())


def assert_quantities(table: QTable):
    assert table["flux"][:2].to(u.W / u.m**2).value == pytest.approx([1e-17, 2e-16])
    assert {n: str(table[n].unit) for n in table.colnames if table[n].unit} == UNITS
    assert table["id"].tolist() == FRAME["id"].tolist()
    # nothing is no text in ECSV
    assert [name or "" for name in table["name"].tolist()] == FRAME["name"].tolist()
    assert table["ra"].info.description == "Right ascension, ICRS"
    assert table["ra"].info.meta["ucd"] == "pos.eq.ra"


@pytest.mark.parametrize("form", ["parquet", "ecsv"])
def test_the_same_facts_give_the_same_bytes(tmp_path, form):
    write = {"parquet": write_parquet, "ecsv": write_ecsv}[form]
    for name in ("one", "other"):
        write(tmp_path / name, FRAME, COLUMNS, THINGS)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_astropy_reads_parquet_with_units_and_facts(parquet):
    with warnings.catch_warnings():
        # such as: the length of text is not known
        warnings.simplefilter("error")
        table = QTable.read(parquet)
    assert table.meta == FACTS
    assert_quantities(table)


def test_astropy_reads_ecsv_with_units_and_facts(tmp_path):
    write_ecsv(tmp_path / "things.ecsv", FRAME, COLUMNS, THINGS)
    table = QTable.read(tmp_path / "things.ecsv")
    assert dict(table.meta) == FACTS
    assert_quantities(table)


def test_pandas_has_facts_and_units_in_attrs(parquet):
    frame = pd.read_parquet(parquet)
    assert frame.attrs == {**FACTS, "units": UNITS}
    assert frame["id"].tolist() == FRAME["id"].tolist()


def test_duckdb_reads_rows_and_every_key(parquet):
    found = duckdb.execute("SELECT sum(id), max(name) FROM read_parquet(?)", [str(parquet)])
    assert found.fetchone() == (int(FRAME["id"].sum()), "Ψ Cas")
    keys = keys_of(parquet)
    assert json.loads(keys["PANDAS_ATTRS"])["units"] == UNITS
    assert keys["IVOA.VOTable-Parquet.version"] == "1.0"


def test_the_header_of_voparquet_by_hand(parquet):
    """What IVOA's Note asks for: a VOTable of the same columns, in its own units and types."""
    root = ElementTree.fromstring(keys_of(parquet)["IVOA.VOTable-Parquet.content"])
    assert root.tag == f"{VOTABLE}VOTABLE" and root.get("version") == "1.4"
    (table,) = root.iter(f"{VOTABLE}TABLE")
    assert table.get("name") == "things" and table.find(f"{VOTABLE}DATA") is None
    fields = table.findall(f"{VOTABLE}FIELD")
    assert [(f.get("name"), f.get("datatype"), f.get("unit")) for f in fields] == [
        ("name", "unicodeChar", None),
        ("id", "long", None),
        ("ra", "double", "deg"),
        ("flux", "double", "erg.s**-1.cm**-2"),
        ("rate", "float", "'electron'.s**-1"),
        ("flags", "long", None),
        ("inside", "boolean", None),
    ]
    assert [f.get("arraysize") for f in fields[:2]] == ["13*", None]
    assert fields[3].get("ucd") == "phot.flux;em.X-ray"
    assert fields[3].findtext(f"{VOTABLE}DESCRIPTION") == 'Flux < limit & "more"'
    infos = [(info.get("name"), info.get("value")) for info in table.findall(f"{VOTABLE}INFO")]
    assert ("simulated", "false") in infos and ("answered", FACTS["answered"]) in infos
    assert [value for name, value in infos if name == "catalogues"] == FACTS["catalogues"]


@pytest.mark.filterwarnings("ignore:The unit 'erg' has been deprecated")
@pytest.mark.filterwarnings("ignore:In merged column 'rate'")  # a unit that VOUnits does not have
def test_astropy_reads_the_header_of_voparquet(parquet):
    table = Table.read(parquet, format="parquet.votable")
    assert table["flux"].unit == u.Unit(ENERGY_FLUX) and table["ra"].unit == u.deg
    assert table["name"].tolist() == FRAME["name"].tolist()


@pytest.mark.parametrize("rows", [0, 3])
def test_any_text_and_no_rows(tmp_path, rows):
    """A description from a service may hold anything; it breaks no header."""
    text = "".join(HOSTILE_NAMES)
    about = TableMetadata("t", text, "demo", True, (text,))
    columns = [Column("name", "text", "", text), Column("x", "float", text, text)]
    frame = pd.DataFrame({"name": [""] * rows, "x": [1.0] * rows})
    write_parquet(tmp_path / "t.parquet", frame, columns, about)
    write_ecsv(tmp_path / "t.ecsv", frame, columns, about)
    ElementTree.fromstring(keys_of(tmp_path / "t.parquet")["IVOA.VOTable-Parquet.content"])
    assert read_columns(tmp_path / "t.parquet") == columns
    assert len(Table.read(tmp_path / "t.ecsv")) == len(pd.read_parquet(tmp_path / "t.parquet"))


def test_facts_are_read_again_and_rows_do_not_depend_on_them(parquet, tmp_path):
    assert read_facts(parquet) == FACTS
    write_parquet(tmp_path / "bare.parquet", FRAME, COLUMNS)
    assert read_facts(tmp_path / "bare.parquet") == {}
    assert read_parquet(parquet).equals(read_parquet(tmp_path / "bare.parquet"))


@pytest.mark.parametrize(
    ("unit", "spelt"),
    [
        ("deg", "deg"),
        ("1 / deg2", "deg**-2"),
        ("mas / yr", "mas.yr**-1"),
        ("0.001 mag", "0.001mag"),
        ("e-/s", "e-/s"),
    ],
)
def test_units_as_votable_has_them(unit, spelt):
    assert vounit(unit) == spelt
