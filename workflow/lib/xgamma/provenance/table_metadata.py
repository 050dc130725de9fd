"""What a table of a run says of itself: the facts of `xgamma.tables.metadata`, from the run's own.

No clock: the days are those of the answers, from their records, so that the same answers give the
same bytes. The version is that of the job that writes; a new one alone runs no job again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from xgamma import __version__
from xgamma.provenance.products import description
from xgamma.provenance.references import reference_of
from xgamma.tables.columns import Column
from xgamma.tables.files import write_csv, write_ecsv, write_parquet
from xgamma.tables.metadata import TableMetadata, read_facts
from xgamma.tables.xray_words import CHANDRA_WORDS, XrayWords

__all__ = ["Origin", "write_compared"]

# A simulated sky has its Fermi sources of the catalogue itself.
_REAL = "fermilpsc"
_XGAMMA = f"xgamma {__version__}, by the xgamma maintainers; see CITATION.cff in its repository"


_WRITERS = {
    ".parquet": (write_parquet, True),
    ".ecsv": (write_ecsv, True),
    ".csv": (write_csv, False),
}


@dataclass(frozen=True)
class Origin:
    """What the tables of one job have in common.

    Attributes
    ----------
    archive : str
        Whose answers they rest on.
    simulated : bool
    catalogues : sequence of (str, str, str)
        Of each catalogue: its table, the service, its release ('' if the config names none).
    days : tuple of str
        Of the answers, sorted; none if the sky is simulated.
    words : XrayWords
        For the X-ray catalogue.
    """

    archive: str
    simulated: bool
    catalogues: tuple[tuple[str, str, str], ...]
    days: tuple[str, ...] = ()
    words: XrayWords = CHANDRA_WORDS

    @classmethod
    def of(
        cls,
        about: Mapping[str, Any],
        records: Iterable[str | Path] = (),
        tables: Iterable[str | Path] = (),
        surveys: Collection[str] | None = None,
    ) -> Origin:
        """The origin of what a job makes.

        Parameters
        ----------
        about : mapping
            `archive`, `simulated`, `catalogues`, `surveys` and `words`, as the rule's param has
            them.
        records : iterable of path-like
            `.provenance.json` of the fetched files on which the tables rest; not read if the sky
            is simulated.
        tables : iterable of path-like
            Parquet files with metadata of their own on which they rest too.
        surveys : collection of str, optional
            The surveys' tables on which they rest, if not on all.
        """
        days: set[str] = set()
        if not about["simulated"]:
            for path in records:
                answers = json.loads(Path(path).read_text(encoding="utf-8"))["answers"]
                days |= {answer["started"][:10] for answer in answers}
            for path in tables:
                days |= set(read_facts(path).get("answered", "").split("/"))
            # a file has none
            days.discard("")
        catalogues = tuple(
            (table, service, release)
            for table, service, release in about["catalogues"]
            if surveys is None or table in surveys or table not in about.get("surveys", ())
        )
        words = XrayWords(**about.get("words", {}))
        return cls(about["archive"], about["simulated"], catalogues, tuple(sorted(days)), words)

    def metadata(self, path: str | Path) -> TableMetadata:
        """Of the product at a path that ends as products' do: tables/candidates.parquet."""
        product = PurePath(*PurePath(path).parts[-2:])
        first_and_last = dict.fromkeys((*self.days[:1], *self.days[-1:]))
        return TableMetadata(
            name=product.stem,
            description=self.words.said(f"{description(product.as_posix())}."),
            archive=self.archive,
            simulated=self.simulated,
            catalogues=tuple(self._asked(*one) for one in self.catalogues),
            answered="/".join(first_and_last),
            software=f"xgamma {__version__}",
            cite=(_XGAMMA, *self._credits()),
        )

    def write(
        self, paths: str | Iterable[str], frame: pd.DataFrame, columns: Sequence[Column]
    ) -> None:
        """Write a table to files that end as its forms do; what it is goes into all but CSV."""
        columns = self.words.columns(columns)
        for path in [paths] if isinstance(paths, str) else paths:
            _write(path, frame, columns, self.metadata(path))

    def _asked(self, table: str, service: str, release: str) -> str:
        name = reference_of(table, release).name
        release = f", release {release}" if release else ""
        is_file = service.startswith("file ")
        made_up = ", simulated" if self.simulated and table != _REAL and not is_file else ""
        return f"{name}: {table} at {service}{release}{made_up}"

    def _credits(self) -> list[str]:
        found = []
        for table, _, release in self.catalogues:
            reference = reference_of(table, release)
            # nobody has measured what is made up
            if reference.credit and (table == _REAL or not self.simulated):
                found.append(f"{reference.name}: {reference.credit}")
        return found


def _write(
    path: str | Path, frame: pd.DataFrame, columns: Sequence[Column], about: TableMetadata
) -> None:
    write, has_metadata = _WRITERS[PurePath(path).suffix]
    write(path, frame, columns, *([about] if has_metadata else []))


def write_compared(
    paths: Iterable[str | Path],
    frame: pd.DataFrame,
    columns: Sequence[Column],
    facts: Sequence[Mapping[str, Any]],
) -> None:
    """Write a table of two runs to files that end as its forms do.

    Parameters
    ----------
    paths : iterable of path-like
        `comparisons/<name>/tables/<table>.<ending>`, or longer.
    frame : DataFrame
    columns : sequence of Column
    facts : sequence of mapping
        Of a table of each run, as `xgamma.tables.metadata.read_facts` gives them.
    """
    first, second = facts
    catalogues = [
        f"{run} run: {one}"
        for run, of in (("first", first), ("second", second))
        for one in of.get("catalogues", ())
    ]
    days = sorted({day for of in facts for day in of.get("answered", "").split("/") if day})
    for path in paths:
        product = PurePath(*PurePath(path).parts[-4:])
        about = TableMetadata(
            name=product.stem,
            description=f"{description(product.as_posix())}.",
            archive=" and ".join(dict.fromkeys(of["archive"] for of in facts)),
            simulated=any(of["simulated"] for of in facts),
            catalogues=tuple(catalogues),
            answered="/".join(dict.fromkeys((*days[:1], *days[-1:]))),
            software=f"xgamma {__version__}",
            cite=tuple(dict.fromkeys((_XGAMMA, *(one for of in facts for one in of["cite"])))),
        )
        _write(path, frame, columns, about)
