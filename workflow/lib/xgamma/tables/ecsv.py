"""ECSV without astropy, which takes longer to load than most jobs take for their work.

The text is astropy's, byte for byte (ECSV 1.0, APE 6); a test holds the two together.
"""

from __future__ import annotations

import csv
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import yaml

from xgamma.errors import XgammaError
from xgamma.tables.columns import Column, conform, plain_value
from xgamma.tables.pieces import TEXT_ROWS, pieces_of
from xgamma.tables.printable import printable, shortened
from xgamma.tables.units import canonical

__all__ = ["ECSV_TEXT", "ecsv_texts", "parse_ecsv"]

# Longest text in ECSV: astropy gives every row the room of the longest one.
ECSV_TEXT = 2000

_DATATYPES = {
    "text": "string",
    "list": "string",
    "float": "float64",
    "float32": "float32",
    "int": "int64",
    "nullable_int": "int64",
    "bool": "bool",
}
_YAML_WIDTH = 130


class _Dumper(yaml.SafeDumper):
    """YAML in astropy's order and form."""


def _represent_column(dumper: yaml.SafeDumper, column: dict[str, Any]) -> yaml.Node:
    """What is said of a column, in the order in which it is given."""
    return dumper.represent_mapping("tag:yaml.org,2002:map", list(column.items()))


def _represent_omap(dumper: yaml.SafeDumper, facts: OrderedDict) -> yaml.Node:
    items = [dumper.represent_data({key: value}) for key, value in facts.items()]
    return yaml.SequenceNode("tag:yaml.org,2002:omap", items, flow_style=False)


class _ColumnFacts(dict):
    """So that the dumper knows them."""


_Dumper.add_representer(_ColumnFacts, _represent_column)
_Dumper.add_representer(OrderedDict, _represent_omap)


def _facts(column: Column) -> _ColumnFacts:
    facts = _ColumnFacts(name=column.label)
    if column.unit:
        facts["unit"] = canonical(printable(column.unit))
    facts["datatype"] = _DATATYPES[column.kind]
    if description := printable(column.description):
        facts["description"] = description
    if column.ucd:
        facts["meta"] = OrderedDict(ucd=column.ucd)
    if column.kind == "list":
        facts["subtype"] = "json"
    return facts


def _cells(values: pd.Series, column: Column) -> list[str]:
    """The values of a column as texts, blanks at their ends dropped."""
    if column.kind == "list":
        cells = [json.dumps(plain_value(v), separators=(",", ":")) for v in values]
    elif column.kind == "text":
        cells = [shortened(text, ECSV_TEXT) for text in values]
    elif column.kind == "nullable_int":
        cells = ["" if null else str(v) for v, null in zip(values, values.isna(), strict=True)]
    elif column.kind == "float32":
        # a list of Python's floats would have the digits of a float64
        cells = [str(value) for value in values.to_numpy()]
    else:
        cells = [str(value) for value in values.tolist()]
    return [cell.strip(" \t") for cell in cells]


def _lines(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of columns of texts: in quotes what is empty, or has a blank or a quote."""
    quoted = []
    for column in cells:
        special = (not one or " " in one or '"' in one for one in column)
        quoted.append(
            [
                '"' + one.replace('"', '""') + '"' if quote else one
                for one, quote in zip(column, special, strict=True)
            ]
        )
    for first, *others in zip(*quoted, strict=True):
        # readers take a line that starts so for a comment
        start = f'"{first}"' if first.startswith("#") else first
        yield " ".join([start, *others]) + "\n"


def ecsv_texts(
    frame: pd.DataFrame, columns: Sequence[Column], facts: dict[str, Any] | None = None
) -> Iterator[str]:
    """A table as ECSV: its head, then its rows, some at a time.

    Parameters
    ----------
    frame : DataFrame
        As `xgamma.tables.columns.conform` gives it.
    columns : sequence of Column
    facts : dict, optional
        Of the whole table, its `meta`.
    """
    header: dict[str, Any] = {"datatype": [_facts(column) for column in columns]}
    if facts:
        header["meta"] = OrderedDict(facts)
    header["schema"] = "astropy-2.0"
    head = yaml.dump(header, Dumper=_Dumper, default_flow_style=None, width=_YAML_WIDTH)
    lines = ["%ECSV 1.0", "---", *head.splitlines()]
    yield "".join(f"# {line}\n" for line in lines)
    yield "".join(_lines([[column.label] for column in columns]))
    for piece in pieces_of(frame, TEXT_ROWS):
        yield "".join(_lines([_cells(piece[column.name], column) for column in columns]))


def parse_ecsv(text: str, columns: Sequence[Column]) -> pd.DataFrame:
    """The plain (not list) columns of the texts of `ecsv_texts`.

    Raises
    ------
    XgammaError
        If the text has no such column, or a line that is no row of it.
    ValueError
        If a value is not of its column's kind.
    """
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    rows = list(csv.reader(lines, delimiter=" "))
    names, rows = (rows[0], rows[1:]) if rows else ([], [])
    if bad := next((row for row in rows if len(row) != len(names)), None):
        raise XgammaError(
            f"table: a row of {len(bad)} values in ECSV of {len(names)} columns: {bad[:1]}"
        )
    in_text = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
    if missing := [column.label for column in columns if column.label not in in_text]:
        raise XgammaError(f"table: column {', '.join(missing)} is missing")
    series = {column.name: _values(in_text[column.label], column) for column in columns}
    return conform(pd.DataFrame(series), columns)


def _values(cells: Sequence[str], column: Column) -> Any:
    if column.kind == "text":
        return pd.array(list(cells), dtype=column.dtype)
    if column.kind == "bool":
        words = {"True": True, "False": False}
        if unknown := next((cell for cell in cells if cell not in words), None):
            raise ValueError(f"{column.name} holds {unknown!r}")
        return np.array([words[cell] for cell in cells], dtype=bool)
    if column.kind == "nullable_int":
        return pd.array([pd.NA if cell == "" else int(cell) for cell in cells], dtype=column.dtype)
    number = int if column.kind == "int" else float
    return np.array([number(cell) for cell in cells], dtype=column.dtype)
