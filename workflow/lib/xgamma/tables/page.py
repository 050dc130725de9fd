"""A table as a web page that needs nothing else: the report shows it as it is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from xgamma.tables.columns import Column, conform
from xgamma.tables.files import write_ecsv
from xgamma.tables.metadata import TableMetadata
from xgamma.tables.printable import printable, shortened
from xgamma.tables.whole_files import write_text

__all__ = ["table_page", "write_table_and_page"]

_STYLE = """
body { font: 14px/1.4 "DejaVu Sans", Verdana, sans-serif; color: #222; margin: 1.2em; }
h1 { font-size: 1.2em; }
table { border-collapse: collapse; font-size: 12px; }
th { text-align: left; vertical-align: bottom; border-bottom: 2px solid #777; }
th span { font-weight: normal; color: #666; }
th, td { padding: 0.25em 0.6em; white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr:nth-child(even) td { background: #f5f5f5; }
.simulated { display: inline-block; color: #8a4b00; background: #fff3dd;
             border: 1px solid #e69f00; border-radius: 4px; padding: 0 0.5em; }
"""

# Longest text in a page, which is to be looked at.
PAGE_TEXT = 200


def _text(text: str) -> str:
    """Text as HTML shows it: nothing in it is a tag, turns the page round or floods it."""
    return escape(shortened(text, PAGE_TEXT), quote=True)


def _cell(value: Any, kind: str) -> str:
    if kind == "text":
        return f"<td>{_text(value)}</td>"
    if kind == "bool":
        return f"<td>{'yes' if value else 'no'}</td>"
    if value is pd.NA or (isinstance(value, float | np.floating) and np.isnan(value)):
        return '<td class="number">–</td>'
    shown = f"{value:.4g}" if kind.startswith("float") else f"{value:d}"
    return f'<td class="number">{shown}</td>'


def _heading(column: Column) -> str:
    unit = f"<br><span>{_text(column.unit)}</span>" if column.unit else ""
    return f'<th title="{_text(column.description)}">{_text(column.name)}{unit}</th>'


def table_page(
    frame: pd.DataFrame, columns: Sequence[Column], title: str, simulated: bool, note: str = ""
) -> str:
    """Render a table as HTML.

    Parameters
    ----------
    frame : DataFrame
        Holds at least `columns`.
    columns : sequence of Column
        What to show, in this order; units stand below the names, descriptions show when the
        pointer rests on a name. Lists cannot be shown.
    title : str
        Plain text above the table.
    simulated : bool
        Whether to say that the sky is simulated.
    note : str
        A sentence below the title.

    Returns
    -------
    str
        A whole page, with four digits of each number and `PAGE_TEXT` characters of a text;
        the files beside it have them all.
    """
    frame = conform(frame, columns)
    rows = [
        "<tr>"
        + "".join(_cell(value, column.kind) for value, column in zip(row, columns, strict=True))
        + "</tr>"
        for row in frame.itertuples(index=False)
    ]
    if not rows:
        rows = [f'<tr><td colspan="{len(columns)}">no such sources</td></tr>']
    # not cut: these are ours, and of the config
    title, note = escape(printable(title)), escape(printable(note))
    below = f"<p>{note}</p>\n" if note else ""
    mark = '<p class="simulated">simulated sky</p>\n' if simulated else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{mark}{below}<table>\n<thead><tr>"
        + "".join(_heading(column) for column in columns)
        + "</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n</body>\n</html>\n"
    )


def write_table_and_page(
    ecsv_path: str,
    html_path: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    title: str,
    about: TableMetadata,
) -> None:
    """Write a table twice: ECSV with all digits, and a page to look at."""
    write_ecsv(ecsv_path, frame, columns, about)
    note = "Rounded to four digits; the ECSV file of the same name has them all."
    write_text(html_path, table_page(frame, columns, title, about.simulated, note))
