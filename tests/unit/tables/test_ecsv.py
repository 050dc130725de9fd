"""ECSV by hand is astropy's own, byte for byte; so are the units in it."""

import io
import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table
from hostile_names import HOSTILE_NAMES

from xgamma.answers.checks import unit_readings
from xgamma.errors import XgammaError
from xgamma.tables import units
from xgamma.tables.columns import Column, conform, plain_value
from xgamma.tables.ecsv import ecsv_texts, parse_ecsv
from xgamma.tables.printable import printable, shortened

KINDS = [
    Column("name", "text", "", "A name: 'quoted', \"twice\", # or - not", "meta.id;meta.main"),
    Column("flux", "float", "erg / (s cm2)", "yes"),
    Column("magnitude", "float32", "mag", "12.5"),
    Column("id", "int", "", ""),
    Column("count", "nullable_int", "1 / deg2", "a" * 200 + " " + "b" * 100),
    Column("used", "bool", "", "null", "meta.code"),
    Column("values", "list", "furlong per fortnight", "[1, 2]"),
    Column("other", "text", "km/s", "Größe in \u03bcas\n"),
]
FACTS = {"name": "things", "simulated": True, "cite": ["One & two", "x: y"], "number": 3}


def by_astropy(frame, columns, facts):
    """The same table, written by astropy; a first value that starts with # is put in quotes."""
    table = Table(meta=facts)
    for column in columns:
        values = frame[column.name]
        if column.kind == "list":
            data = np.empty(len(values), dtype=object)
            data[:] = [plain_value(v) for v in values]
        elif column.kind == "text":
            data = np.array([shortened(v, 2000) for v in values] or [], dtype=str)
        elif column.kind == "nullable_int":
            whole = values.fillna(0).to_numpy(dtype="int64")
            data = MaskedColumn(whole, mask=values.isna().to_numpy())
        else:
            data = values.to_numpy()
        table[column.name] = data
        if column.unit:
            table[column.name].unit = printable(column.unit)
        table[column.name].description = printable(column.description) or None
        if column.ucd:
            table[column.name].info.meta = {"ucd": column.ucd}
    stream = io.StringIO()
    table.write(stream, format="ascii.ecsv")
    lines = stream.getvalue().split("\n")
    head = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    for i in range(head + 1, len(lines)):
        if lines[i].startswith("#"):
            first, *others = lines[i].split(" ", 1)
            lines[i] = " ".join([f'"{first}"', *others])
    return "\n".join(lines)


def rows(n):
    names = list(
        itertools.islice(itertools.cycle([*HOSTILE_NAMES, "", " x ", "#a", '"', "a b"]), n)
    )
    floats = [0.1, 1e-5, 1e16, 123456789012345.6, -0.0, np.nan, np.inf, 1e300, 5e-324, 2.0]
    picked = [floats[i % len(floats)] for i in range(n)]
    return pd.DataFrame(
        {
            "name": pd.Series(names, dtype="object"),
            "flux": np.array(picked, dtype="float64"),
            "magnitude": np.clip(np.array(picked), -1e30, 1e30).astype("float32"),
            "id": np.array([2**63 - 1 - i for i in range(n)], dtype="int64"),
            "count": pd.array([None if i % 3 == 0 else i for i in range(n)], dtype="Int64"),
            "used": np.arange(n) % 2 == 0,
            "values": pd.Series(
                [[names[i], picked[i], np.float32(0.1), None] for i in range(n)], dtype="object"
            ),
            "other": pd.Series(names[::-1], dtype="object"),
        }
    )


def ecsv_text(*table):
    return "".join(ecsv_texts(*table))


@pytest.mark.parametrize("facts", [{}, FACTS], ids=["plain", "with facts"])
@pytest.mark.parametrize("n", [0, 1, 60])
def test_the_text_is_that_of_astropy(n, facts):
    frame = conform(rows(n), KINDS)
    assert ecsv_text(frame, KINDS, facts) == by_astropy(frame, KINDS, facts)


@pytest.mark.parametrize("column", KINDS, ids=[column.kind for column in KINDS])
def test_a_column_alone_is_as_astropy_writes_it(column):
    frame = conform(rows(60), [column])
    assert ecsv_text(frame, [column]) == by_astropy(frame, [column], {})


@pytest.mark.parametrize("n", [0, 60])
def test_what_is_read_is_what_astropy_reads(n):
    columns = [column for column in KINDS if column.kind != "list"]
    text = ecsv_text(conform(rows(n), KINDS), KINDS, FACTS)
    table, found = Table.read(text, format="ascii.ecsv"), parse_ecsv(text, columns)
    for column in columns:
        expected = [
            column.null if value is np.ma.masked else value for value in table[column.name].tolist()
        ]
        if column.kind == "text":
            expected = [value or "" for value in expected]
        elif column.kind == "nullable_int":
            expected = [pd.NA if value is None else value for value in expected]
        expected = conform(pd.DataFrame({column.name: expected}), [column])
        pd.testing.assert_frame_equal(found[[column.name]], expected)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x name\n1 a\n2\n", "a row of 1 values in ECSV of 2 columns"),
        ("x\n1\n", "column name is missing"),
        ("", "column x, name is missing"),
    ],
)
def test_a_damaged_text_is_an_error(text, error):
    with pytest.raises(XgammaError, match=error):
        parse_ecsv(text, [Column("x", "int"), Column("name", "text")])


def test_units_are_those_of_astropy(monkeypatch):
    known = units._KNOWN.copy()
    assert len(known) > 10
    for unit, in_vo in known.items():
        with monkeypatch.context() as patch:
            patch.setattr(units, "_KNOWN", {})
            assert units.canonical(unit) == unit == str(u.Unit(unit))
            assert units.vounit(unit) == in_vo
        assert not unit or unit_readings(unit)[0].to_string() == unit
    for text in units._OF_VOUNITS:
        assert units.read_unit(text, "vounit") == _read_by_astropy(text, "vounit")
    for text in units._SIMPLE:
        assert units.read_unit(text, "cds") == _read_by_astropy(text, "cds")


def _read_by_astropy(text, standard):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        return str(u.Unit(text, format=standard, parse_strict="silent"))
