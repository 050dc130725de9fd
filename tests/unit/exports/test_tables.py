"""Exported tables: astropy reads from VOTable and FITS what was in the frame."""

from __future__ import annotations

import tracemalloc
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table
from hostile_names import HOSTILE_NAMES
from made_up_metadata import THINGS

from xgamma.errors import XgammaError
from xgamma.exports.fits_tables import NULL, fits_unit, write_fits
from xgamma.exports.votables import write_votable
from xgamma.tables.columns import ENERGY_FLUX, Column, empty_frame
from xgamma.tables.files import write_csv, write_ecsv
from xgamma.tables.metadata import TableMetadata
from xgamma.tables.pieces import TEXT_ROWS

pytestmark = [
    # VOUnits and FITS call it so, and have no other unit of that name
    pytest.mark.filterwarnings("ignore:The unit 'erg' has been deprecated"),
]

COLUMNS = [
    Column("name", "text", "", "Name", "meta.id;meta.main"),
    Column("fermi_ra", "float", "deg", "Right ascension, ICRS", "pos.eq.ra;meta.main"),
    Column("fermi_dec", "float", "deg", "Declination, ICRS", "pos.eq.dec;meta.main"),
    Column("l", "float", "deg", "Galactic longitude"),
    Column("pm_ra", "float", "mas / yr", "Proper motion", "pos.pm;pos.eq.ra"),
    Column("flux", "float", ENERGY_FLUX, 'Flux < limit & "more"' + 20 * ", long", "phot.flux"),
    Column("rate", "float32", "ct / s"),
    Column("band_b", "float", "", "No latitude"),
    Column("id", "int", "", "Identifier", "meta.id"),
    Column("flags", "nullable_int"),
    Column("inside", "bool", "", "Inside"),
]
FRAME = pd.DataFrame(
    {
        "name": ["LS 5039", "", "a <longer> & name"],
        "fermi_ra": [276.56270833333335, 0.1, 359.9999999999999],
        "fermi_dec": [-14.84819444444, -90.0, 1e-17],
        "l": [16.88, 1 / 3, np.nan],
        "pm_ra": [7.1, -0.0, np.nan],
        "flux": [1.2345678901234567e-14, np.inf, -np.inf],
        "rate": np.array([0.1, 2.5, np.nan], dtype="float32"),
        "band_b": [5e-324, 1.7976931348623157e308, np.nan],
        "id": np.array([2**53 + 1, -1, 4104196427943626625], dtype="int64"),
        "flags": pd.array([2**53 + 1, None, 0], dtype="Int64"),
        "inside": [True, False, True],
    }
)
ABOUT = replace(
    THINGS, cite=("xgamma", 'A Catalogue: A. Author 2020, "Title"' + 40 * ", and others")
)
WRITERS = {"votable": write_votable, "fits": write_fits}
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"


def write(form, path, frame=FRAME, columns=COLUMNS, about=ABOUT):
    WRITERS[form](path, frame, columns, about)
    return path


def read(form, path) -> Table:
    """As astropy has it, text blank where it is null."""
    return Table.read(path, format=form)


@pytest.mark.parametrize("ending", ["vot", "ecsv", "csv"])
def test_of_a_long_table_few_rows_are_text_at_a_time(tmp_path, ending):
    """The rows are those of a short one, over and over; the file is more than the memory for it."""
    first_and_last = ("LS 5039", "4104196427943626625")

    def write_rows(n):
        path, rows = tmp_path / f"{n}.{ending}", FRAME.iloc[np.arange(n) % len(FRAME)]
        tracemalloc.start()
        if ending == "csv":
            write_csv(path, rows, COLUMNS)
        else:
            {"vot": write_votable, "ecsv": write_ecsv}[ending](path, rows, COLUMNS, ABOUT)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        lines = path.read_text(encoding="utf-8").splitlines()
        shown = [line for line in lines if any(one in line for one in first_and_last)]
        return shown, peak, path.stat().st_size

    expected, _, _ = write_rows(3)
    n = 12 * TEXT_ROWS
    found, peak, size = write_rows(n)
    assert len(expected) == 2 and found == expected * (n // 3)
    assert peak < size


@pytest.mark.parametrize("form", WRITERS)
def test_every_value_comes_back(tmp_path, form):
    table = read(form, write(form, tmp_path / "things"))
    assert table.colnames == [column.name for column in COLUMNS]
    texts = ["" if one is np.ma.masked else one for one in table["name"]]
    assert texts == FRAME["name"].tolist()
    for name in ("fermi_ra", "fermi_dec", "l", "pm_ra", "flux", "band_b", "rate"):
        values = np.ma.filled(table[name], np.nan)
        assert values.dtype.newbyteorder("=") == FRAME[name].dtype
        # bit for bit, but for the sign of zero
        np.testing.assert_array_equal(values, FRAME[name].to_numpy())
    assert table["id"].tolist() == FRAME["id"].tolist()
    assert table["flags"].tolist() == [2**53 + 1, None, 0]
    assert table["id"].dtype.kind == table["flags"].dtype.kind == "i"
    assert table["inside"].tolist() == FRAME["inside"].tolist()


@pytest.mark.parametrize("form", WRITERS)
def test_units_and_descriptions_come_back(tmp_path, form):
    table = read(form, write(form, tmp_path / "things"))
    for column in COLUMNS:
        unit = u.Unit(column.unit) if column.unit else None
        assert table[column.name].unit == unit
    assert (1e-14 * table["flux"].unit).to_value("W / m2") == pytest.approx(1e-17)


def test_votable_says_of_each_column_what_it_is(tmp_path):
    found = parse_single_table(write("votable", tmp_path / "things.vot")).fields
    assert [(f.name, f.description or "", f.ucd or "") for f in found] == [
        (column.name, column.description, column.ucd) for column in COLUMNS
    ]


def test_fits_says_of_each_column_what_it_is(tmp_path):
    """astropy drops these cards when it reads a table, so they are read as cards."""
    header = fits.getheader(write("fits", tmp_path / "things.fits"), 1)
    assert header["EXTNAME"] == "things"
    for number, column in enumerate(COLUMNS, start=1):
        assert header[f"TTYPE{number}"] == column.name
        assert header.get(f"TCOMM{number}", "") == column.description
        assert header.get(f"TUCD{number}", "") == column.ucd
    assert header["TUNIT6"] == "erg s-1 cm-2" and header["TUNIT5"] == "mas yr-1"
    assert header["TNULL10"] == NULL


def test_fits_has_the_facts_and_no_date(tmp_path):
    header = fits.getheader(write("fits", tmp_path / "things.fits"), 1)
    assert header["TITLE"] == ABOUT.description and header["CREATOR"] == ABOUT.software
    assert header["ARCHIVE"] == "live" and header["SIMULATD"] is False
    assert header["ANSWERED"] == ABOUT.answered and header["RADESYS"] == "ICRS"
    assert (header["CATLOG1"], header["CATLOG2"]) == ABOUT.catalogues
    assert (header["CITE1"], header["CITE2"]) == ABOUT.cite
    assert all(len(card.keyword) <= 8 for card in header.cards)
    assert not [keyword for keyword in header if "DATE" in keyword or "CHECKSUM" in keyword]


def test_votable_has_the_facts_and_the_frames(tmp_path):
    root = ElementTree.parse(write("votable", tmp_path / "things.vot")).getroot()
    frames = {one.get("ID"): one.get("system") for one in root.iter(f"{VOTABLE}COOSYS")}
    assert frames == {"ICRS": "ICRS", "galactic": "galactic"}
    of_columns = {one.get("name"): one.get("ref") for one in root.iter(f"{VOTABLE}FIELD")}
    assert {name: ref for name, ref in of_columns.items() if ref} == {
        "fermi_ra": "ICRS", "fermi_dec": "ICRS", "pm_ra": "ICRS", "l": "galactic",
    }  # fmt: skip
    infos = [(one.get("name"), one.get("value")) for one in root.iter(f"{VOTABLE}INFO")]
    assert infos == [
        ("archive", "live"),
        ("simulated", "false"),
        *(("catalogues", one) for one in ABOUT.catalogues),
        ("answered", ABOUT.answered),
        ("software", ABOUT.software),
        *(("cite", one) for one in ABOUT.cite),
    ]


def test_a_table_without_coordinates_names_no_frame(tmp_path):
    path = write("votable", tmp_path / "things.vot", FRAME[["name"]], COLUMNS[:1])
    assert "COOSYS" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", WRITERS)
def test_the_same_table_gives_the_same_bytes(tmp_path, form):
    one, other = (write(form, tmp_path / name).read_bytes() for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize("form", WRITERS)
def test_a_table_without_rows(tmp_path, form):
    table = read(form, write(form, tmp_path / "things", empty_frame(COLUMNS)))
    assert len(table) == 0 and table.colnames == [column.name for column in COLUMNS]


@pytest.mark.parametrize("form", WRITERS)
def test_hostile_names_break_no_file(tmp_path, form):
    """They are one cell each, of printable characters, whatever they hold."""
    frame = pd.DataFrame({"name": HOSTILE_NAMES, "id": range(len(HOSTILE_NAMES))})
    columns = [COLUMNS[0], Column("id", "int", "", "a\nb \x1b[2J <x> & \" ' \u202e é")]
    about = TableMetadata("things", "x\n</TABLE>\x00", "a'b", True, ('\x1b[2J "é"', "]]>"))
    path = write(form, tmp_path / "things", frame, columns, about)
    table = read(form, path)
    assert table["id"].tolist() == list(range(len(HOSTILE_NAMES)))
    shown = ["" if one is np.ma.masked else str(one) for one in table["name"]]
    for name, text in zip(HOSTILE_NAMES, shown, strict=True):
        assert text.isprintable() and len(text) <= 2000
        plain = name.isprintable() and (form == "votable" or name.isascii())
        if plain and len(name) <= 2000:
            # FITS drops blanks at the end
            assert text.rstrip() == name.rstrip()
        elif len(name) > 2000:
            assert text.endswith("..." if form == "fits" else "…")
    # no two have become one
    kept = [text for text in shown if text.strip()]
    assert len(set(kept)) == len(kept)


def test_an_integer_that_stands_for_no_value_in_fits_is_refused(tmp_path):
    frame = pd.DataFrame({"flags": pd.array([NULL, None], dtype="Int64")})
    with pytest.raises(XgammaError, match="flags has -9223372036854775808, which stands for no"):
        write("fits", tmp_path / "things.fits", frame, [Column("flags", "nullable_int")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("unit", "in_fits"),
    [
        ("", ""),
        ("deg", "deg"),
        (ENERGY_FLUX, "erg s-1 cm-2"),
        ("mas / yr", "mas yr-1"),
        ("1 / arcmin2", "arcmin-2"),
        ("mag", "mag"),
        ("no such unit", "no such unit"),
        ("electron / s", "electron / s"),  # which FITS does not have
    ],
)
def test_units_in_the_spelling_of_fits(unit, in_fits):
    assert fits_unit(unit) == in_fits


@pytest.mark.parametrize("form", WRITERS)
def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, form):
    wrong = FRAME.assign(id=[1.5, 2.5, 3.5])
    with pytest.raises(XgammaError, match="id came as a float"):
        write(form, tmp_path / "things", wrong)
    assert not list(tmp_path.iterdir())
