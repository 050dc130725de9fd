"""The dictionary of columns is what the tables have; each unit is spelt in one way."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from astropy import units as u
from astropy.io.votable.ucd import parse_ucd

from xgamma.provenance import products
from xgamma.provenance.dictionary import dictionary_tables, dictionary_text
from xgamma.tables.columns import Column

ROOT = Path(__file__).resolve().parents[3]
TABLES = dictionary_tables()
COLUMNS = [(file, column) for file, columns in TABLES.items() for column in columns]
# a kind of position -> how the names of its two columns end
ICRS, GALACTIC = ("ra", "dec"), ("l", "b")


def test_the_committed_dictionary_is_that_of_the_code():
    text = (ROOT / "docs/columns.md").read_text(encoding="utf-8")
    assert text == dictionary_text(), "run make docs"


def test_every_table_that_is_a_product_is_in_it():
    def files(pattern):
        stem, _, ending = pattern.rpartition(".")
        return [f"{stem}.{one}" for one in ending.strip("{}").split(",")]

    listed = [file for pattern in TABLES for file in files(pattern)]
    tables = [
        pattern
        for pattern in products._DESCRIPTIONS
        if re.search(r"\.(parquet|ecsv)$|^tables/", pattern)
    ]
    # as fetched or cut from those above: the same columns
    same = {"plane/csc.parquet", "plane/fermilpsc.parquet", "crossmatch/joined.parquet"}
    same |= {"enrichment/*/*.parquet"}
    missing = [
        pattern
        for pattern in tables
        if pattern not in same
        and not any(file == pattern or fnmatchcase(file, pattern) for file in listed)
    ]
    assert missing == []


def test_every_unit_is_spelt_as_astropy_does_and_no_two_mean_the_same():
    spellings = {column.unit for _, column in COLUMNS if column.unit}
    assert len(spellings) > 8
    assert {spelling for spelling in spellings if u.Unit(spelling).to_string() != spelling} == set()


def test_a_column_has_one_unit_in_every_table():
    """`electron / s` in one table was `1 / s` in another."""
    found = {}
    for _, column in COLUMNS:
        found.setdefault(column.name, set()).add(column.unit)
    assert {name: units for name, units in found.items() if len(units) > 1} == {}


@pytest.mark.parametrize("ucd", sorted({column.ucd for _, column in COLUMNS if column.ucd}))
def test_ucds_are_words_of_the_virtual_observatory(ucd):
    parse_ucd(ucd, check_controlled_vocabulary=True)


@pytest.mark.parametrize("file", [file for file in TABLES if file.startswith("tables/")])
def test_a_position_is_given_in_both_systems(file):
    names = {column.name for column in TABLES[file]}
    found = {"": 0}
    for own, other in ((ICRS, GALACTIC), (GALACTIC, ICRS)):
        for prefix in ("", "fermi_", "csc_"):
            if {prefix + end for end in own} <= names:
                found[prefix] = found.get(prefix, 0) + 1
                assert {prefix + end for end in other} <= names
    assert sum(found.values()) or file == "tables/class_shares.ecsv"


def test_every_column_of_the_tables_says_what_it_is():
    assert [(f, c.name) for f, c in COLUMNS if not c.description and "services" not in f] == []


def test_a_bar_in_a_description_does_not_end_its_cell():
    text = dictionary_text({"tables/class_shares.ecsv": [Column("b", "float", "deg", "Least |b|")]})
    assert text.endswith("| `b` | float | `deg` |  | Least \\|b\\| |\n")
