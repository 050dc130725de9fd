"""What a VOTable says of itself: its resources, tables, columns and INFO, without any rows.

astropy's own reader takes 0.3 s of CPU to load, more than most answers take to be asked for and
read; of what it makes of a document, this is all that is used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from xgamma.tables.units import read_unit

__all__ = ["Info", "NoResult", "Outline", "Resource", "Table", "outline_of"]

_Event = tuple[bool, str, Any, tuple[int, int]]


class NoResult(Exception):
    """The document has no table of results."""


@dataclass
class Info:
    """An INFO element."""

    name: str
    value: str
    content: str = ""


@dataclass
class Table:
    """A TABLE: names and units of its columns, the units in astropy's spelling."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    infos: list[Info] = field(default_factory=list)


@dataclass
class Resource:
    """A RESOURCE, of type results or meta."""

    kind: str
    infos: list[Info] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)


@dataclass
class Outline:
    """A VOTABLE."""

    version: str
    infos: list[Info] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)

    @property
    def results(self) -> Resource | None:
        """The resource that has the result: the first that says so, else the first."""
        said = (one for one in self.resources if one.kind == "results")
        return next(said, self.resources[0] if self.resources else None)

    @property
    def result(self) -> Table:
        """The table of the result.

        Raises
        ------
        NoResult
        """
        if self.results is None or not self.results.tables:
            raise NoResult("VOTable response missing results table")
        table = self.results.tables[0]
        if not table.fields:
            raise NoResult("response table missing column descriptions.")
        return table

    @property
    def status(self) -> Info:
        """What it says of the query (DALI 1.1, section 4.4): OK, if it says nothing.

        Within the resource of the result, or its table, or at the top; the last word counts.
        """
        places = [self.infos]
        if self.results is not None:
            tables = [table.infos for table in self.results.tables[:1]]
            places = [self.results.infos, *tables, *places]
        for infos in places:
            found = [info for info in infos if info.name.lower() == "query_status"]
            if found:
                return found[-1]
        return Info("QUERY_STATUS", "OK")

    @property
    def all_infos(self) -> list[Info]:
        """Those at the top, of its resources and of their tables."""
        return [
            *self.infos,
            *(i for one in self.resources for i in one.infos),
            *(i for one in self.resources for table in one.tables for i in table.infos),
        ]


def outline_of(events: Iterator[_Event]) -> Outline | None:
    """Put an outline together; None if there is no VOTABLE.

    Parameters
    ----------
    events : iterator
        Starts and ends, in pairs, of VOTABLE, RESOURCE, TABLE, FIELD and INFO, each where it may
        stand: whether it is a start, the tag, at the start its attributes, at the end its text.
    """
    outline: Outline | None = None
    inside: list[Any] = []
    for start, tag, data, _ in events:
        if not start:
            ended = inside.pop()
            if tag == "INFO":
                ended.content = data
            continue
        made: Any = None
        if tag == "VOTABLE":
            made = outline = Outline(data["version"])
        elif tag == "RESOURCE":
            made = Resource(data["type"])
            inside[-1].resources.append(made)
        elif tag == "TABLE":
            made = Table()
            inside[-1].tables.append(made)
        elif tag == "INFO":
            made = Info(data["name"], data["value"])
            inside[-1].infos.append(made)
        else:
            # since 1.4 units are VOUnits
            standard = "cds" if outline.version < "1.4" else "vounit"
            inside[-1].fields.append((data["name"], read_unit(data.get("unit", ""), standard)))
        inside.append(made)
    return outline
