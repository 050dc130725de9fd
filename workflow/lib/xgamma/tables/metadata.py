"""What a table says of itself to whoever opens its file without knowing where it is from.

One set of facts (`TableMetadata`), in the words of each reader: the head of ECSV, and in Parquet
the keys under which pandas, astropy and the programs of the Virtual Observatory look for theirs.
DuckDB and polars show all of these keys. The same facts give the same bytes: nothing here looks
at a clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from xgamma.tables.columns import Column
from xgamma.tables.printable import printable
from xgamma.tables.units import vounit

__all__ = [
    "TableMetadata",
    "parquet_metadata",
    "read_facts",
    "read_metadata",
    "votable_header",
]

_PANDAS, _ASTROPY = "PANDAS_ATTRS", "table_meta_yaml"
_VO_VERSION, _VO_CONTENT = "IVOA.VOTable-Parquet.version", "IVOA.VOTable-Parquet.content"

# kind -> datatype of VOTable, of ECSV
_DATATYPES = {
    "text": ("unicodeChar", "string"),
    "float": ("double", "float64"),
    "float32": ("float", "float32"),
    "int": ("long", "int64"),
    "nullable_int": ("long", "int64"),
    "bool": ("boolean", "bool"),
}
# how the name of a column of coordinates, or of proper motion, ends -> its frame in VOTable's words
_FRAMES = {"ra": "ICRS", "dec": "ICRS", "l": "galactic", "b": "galactic"}


@dataclass(frozen=True)
class TableMetadata:
    """Facts of a whole table.

    Attributes
    ----------
    name : str
        Of the table: its file's, without the ending.
    description : str
        One sentence.
    archive : str
        Whose answers it was made from.
    simulated : bool
        Whether the sky is simulated.
    catalogues : tuple of str
        What was asked, with releases.
    answered : str
        Day of the answers, or first and last day as in 2026-11-20/2026-11-26; '' if simulated.
    software : str
        The program and its version.
    cite : tuple of str
        Whom to cite.
    """

    name: str
    description: str
    archive: str
    simulated: bool
    catalogues: tuple[str, ...] = ()
    answered: str = ""
    software: str = ""
    cite: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """What there is of them, in their order, as JSON and YAML have it."""
        facts = {name: value for name, value in asdict(self).items() if value not in ("", ())}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in facts.items()}


def votable_header(
    columns: Sequence[Column],
    about: TableMetadata,
    text_lengths: Mapping[str, int],
    frames: bool = False,
) -> str:
    """A VOTable without data, as VOParquet has it in the metadata of a Parquet file.

    Written by hand: to load astropy's package for VOTable takes longer than all else here. Parquet
    in the VO (IVOA Note 1.0, Taylor et al. 2025) has the rules.

    Parameters
    ----------
    columns, about, text_lengths
        As for `parquet_metadata`.
    frames : bool
        Whether it says in which frame the coordinates are (COOSYS), which VOParquet leaves out.
    """
    frame_of = {c.name: frame for c in columns if frames and (frame := _frame(c))}
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n<RESOURCE>\n',
        *(f'<COOSYS ID="{one}" system="{one}"/>\n' for one in sorted(set(frame_of.values()))),
        f"<TABLE name={_quoted(about.name)}>\n"
        f"<DESCRIPTION>{escape(printable(about.description))}</DESCRIPTION>\n",
    ]
    for name, value in _infos(about):
        parts.append(f'<INFO name="{name}" value={_quoted(value)}/>\n')
    for column in columns:
        kind = f'datatype="{_DATATYPES[column.kind][0]}"'
        if column.kind == "text":
            # with a limit, or astropy makes objects of them
            kind += f' arraysize="{max(1, text_lengths[column.name])}*"'
        unit = f" unit={_quoted(vounit(column.unit))}" if column.unit else ""
        ucd = f" ucd={_quoted(column.ucd)}" if column.ucd else ""
        frame = f' ref="{frame_of[column.name]}"' if column.name in frame_of else ""
        description = escape(printable(column.description))
        parts.append(
            f"<FIELD name={_quoted(column.label)} {kind}{unit}{ucd}{frame}>"
            f"<DESCRIPTION>{description}</DESCRIPTION></FIELD>\n"
        )
    return "".join([*parts, "</TABLE>\n</RESOURCE>\n</VOTABLE>\n"])


def _frame(column: Column) -> str:
    """The frame of a column's coordinates, by its name's end; '' if it has no coordinates.

    Not by its UCD, which surveys' columns may lack.
    """
    if not column.unit:
        return ""
    return _FRAMES.get(column.name.rpartition("_")[2], "")


def _quoted(text: str) -> str:
    return quoteattr(printable(text))


def _infos(about: TableMetadata) -> Iterator[tuple[str, str]]:
    """The facts that are no name or description of a TABLE; of several, each by itself."""
    for name, value in about.facts().items():
        if name in ("name", "description"):
            continue
        for one in value if isinstance(value, list) else [value]:
            yield name, one if isinstance(one, str) else json.dumps(one)


def _column_header(column: Column) -> dict[str, Any]:
    """A column as the head of an ECSV file has it."""
    header = {"name": column.label, "datatype": _DATATYPES[column.kind][1]}
    header |= {"unit": printable(column.unit)} if column.unit else {}
    header |= {"description": printable(column.description)} if column.description else {}
    return header | ({"meta": {"ucd": column.ucd}} if column.ucd else {})


def parquet_metadata(
    columns: Sequence[Column], about: TableMetadata, text_lengths: Mapping[str, int]
) -> dict[str, str]:
    """Key -> value of a Parquet file's own metadata, for each reader that looks for some.

    Parameters
    ----------
    columns : sequence of Column
    about : TableMetadata
    text_lengths : mapping
        Column of text -> characters of its longest value.

    Returns
    -------
    dict
        `PANDAS_ATTRS` becomes the frame's `attrs`, with the units; `table_meta_yaml` and
        `table::len::...` are for `astropy.table.Table.read`; `IVOA.VOTable-Parquet...` for TOPCAT
        and whoever else reads VOParquet.
    """
    units = {column.label: column.unit for column in columns if column.unit}
    # JSON is YAML as well
    header = {"datatype": [_column_header(column) for column in columns], "meta": about.facts()}
    return {
        _PANDAS: json.dumps({**about.facts(), "units": units}, ensure_ascii=False),
        _ASTROPY: json.dumps(header, ensure_ascii=False),
        **{f"table::len::{name}": str(max(1, n)) for name, n in text_lengths.items()},
        _VO_VERSION: "1.0",
        _VO_CONTENT: votable_header(columns, about, text_lengths),
    }


def read_facts(path: str | Path) -> dict[str, Any]:
    """What a Parquet file says of itself, as `TableMetadata.facts` gives it; {} if nothing."""
    import pyarrow.parquet as pq

    found = (pq.read_schema(path).metadata or {}).get(_PANDAS.encode(), b"{}")
    return {name: value for name, value in json.loads(found).items() if name != "units"}


def read_metadata(path: str | Path) -> TableMetadata:
    """The `TableMetadata` with which a Parquet file was written."""
    facts = read_facts(path)
    return TableMetadata(**{k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()})
