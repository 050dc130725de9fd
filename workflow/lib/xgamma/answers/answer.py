"""An answer of a service: its table, and the record of how it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from xgamma.tables.pieces import PiecedTable
from xgamma.tap.faults import UnreadableAnswer

if TYPE_CHECKING:
    from xgamma.tap.votable import ParsedAnswer

__all__ = ["Answer", "answer_rows", "parse_count"]


@dataclass(frozen=True)
class Answer:
    """The answer to one question, and how it came.

    Attributes
    ----------
    rows : PiecedTable or DataFrame
        Columns named as asked (by FIELD name, lower case); text without blanks around it,
        '' and floats NaN for null, integers exact.
    units : dict
        Column name -> unit, as the service spells it or as astropy reads it.
    record : dict
        key, service, url and mirror (who answered), mode, adql, uploads (name -> SHA-256),
        rows, attempts, started (UTC), seconds, bytes, body (SHA-256 of it as received),
        server (what it says of itself); counted and count_key if the rows were counted.
    kept : bool
        Whether nobody was asked.
    """

    rows: PiecedTable | pd.DataFrame
    units: dict[str, str]
    record: dict[str, Any] = field(default_factory=dict)
    kept: bool = False

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All rows in memory, for answers that are not whole catalogues."""
        return self.rows.frame() if isinstance(self.rows, PiecedTable) else self.rows


def answer_rows(result: ParsedAnswer) -> tuple[PiecedTable, dict[str, str]]:
    """The rows and the units of a result: by FIELD name (IDs differ), in lower case.

    Returns
    -------
    rows : PiecedTable
        As in `Answer`.
    units : dict
        Column name -> unit as astropy reads it.

    Raises
    ------
    UnreadableAnswer
        If two columns have one name.
    """
    units: dict[str, str] = {}
    for name, unit in result.fields:
        if name.lower() in units:
            raise UnreadableAnswer(f"what came has two columns {name.lower()!r}", passing=False)
        units[name.lower()] = unit
    return result.rows, units


def parse_count(frame: pd.DataFrame) -> int | None:
    """The number in an answer to SELECT COUNT(*); None if it holds no number."""
    try:
        return int(frame.iloc[0, 0]) if frame.size == 1 else None
    except (TypeError, ValueError, OverflowError):
        return None
