"""What TAP_SCHEMA says of a column and of a table."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ServedColumn", "ServedTable"]

_DUCKDB_TYPES = {
    "char": "VARCHAR",
    "double": "DOUBLE",
    "float": "REAL",
    "long": "BIGINT",
    "int": "INTEGER",
}


@dataclass(frozen=True)
class ServedColumn:
    """A column as TAP_SCHEMA describes it.

    Parameters
    ----------
    name : str
    datatype : {'char', 'double', 'float', 'long', 'int'}
        VOTable datatype; 'char' has the arraysize '*'.
    unit : str
        VOUnit; '' if it has none.
    ucd : str
        UCD1+; '' if none fits.
    description : str
    principal : bool
        Whether the column belongs to a first look at the table.
    indexed : bool
        Whether a range in this column is found quickly.
    """

    name: str
    datatype: str
    unit: str = ""
    ucd: str = ""
    description: str = ""
    principal: bool = True
    indexed: bool = False

    @property
    def arraysize(self) -> str | None:
        """'*' for text, None for numbers."""
        return "*" if self.datatype == "char" else None

    @property
    def duckdb_type(self) -> str:
        """The type of the column in the DuckDB file."""
        return _DUCKDB_TYPES[self.datatype]


@dataclass(frozen=True)
class ServedTable:
    """A table of the demo archive.

    Parameters
    ----------
    name : str
        As queries spell it, for instance 'gaiadr3.gaia_source'.
    schema : str
        Name of its TAP_SCHEMA schema: 'heasarc', 'gaiadr3', 'irsa' or 'TAP_SCHEMA'.
    physical : str
        Qualified name in the DuckDB file.
    description : str
    columns : tuple of ServedColumn
    """

    name: str
    schema: str
    physical: str
    description: str
    columns: tuple[ServedColumn, ...]
