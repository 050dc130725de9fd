"""What the archives say now, held against what was kept: rows added, gone, changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from xgamma.archive.around import fetch_around
from xgamma.archive.catalogues import Catalogue, fetch_catalogue
from xgamma.archive.services import DESCRIPTION_COLUMNS, describe_service, read_description
from xgamma.archive.surveys import SurveyTable, missing_of_survey, service_described
from xgamma.stages.chosen import WHOLE_SKY_DEG
from xgamma.stages.crossmatch import fetch_pairs
from xgamma.stages.crossmatch_own import join_by_upload, with_circles
from xgamma.stages.enrich_shard import enrich_targets
from xgamma.stages.shard_file import ShardFile
from xgamma.tables.columns import Column, conform
from xgamma.tables.files import read_ecsv, read_parquet, write_ecsv

__all__ = ["CHANGE_COLUMNS", "Asked", "ask_again", "drift_text", "table_changes"]

CHANGE_COLUMNS = [
    Column("table", "text", "", "Which of our tables"),
    Column("key", "text", "", "What names the row: the values of its key, with blanks between"),
    Column("what", "text", "", "added, gone, changed"),
    Column("column", "text", "", "Column whose value has changed"),
    Column("kept", "text", "", "Value in the products"),
    Column("now", "text", "", "Value as the service gives it now"),
]


@dataclass(frozen=True)
class Asked:
    """A table as it was kept, and as a service gives it afresh; `key` names its rows."""

    table: str
    kept: pd.DataFrame
    fresh: pd.DataFrame
    key: tuple[str, ...]


def ask_again(
    clients: Mapping[str, Any],
    catalogs: str,
    known: Mapping[str, Catalogue],
    results: Path,
    provenance: Mapping[str, Any],
) -> Iterator[Asked]:
    """All that was fetched, asked for again, one table after the other.

    Parameters
    ----------
    clients : mapping
        Service -> `xgamma.archive.client.TapClient`; those that keep nothing leave what is kept
        alone.
    catalogs : str
        The service that has the catalogues.
    known : mapping
        These, as `xgamma.archive.catalogues.catalogues_of` gives them.
    results : Path
        The archive's folder.
    provenance : mapping
        Of its products: which there are, and with which settings they were fetched.

    Raises
    ------
    XgammaError
        As the first fetching does, for instance if a column is gone.
    """
    products = provenance["products"]
    settings = {path: described.get("config") for path, described in products.items()}

    described = [path for path in products if path.startswith("services/")]
    with tempfile.TemporaryDirectory() as folder:
        # the format shows some text in another way, so both have to come from it
        fresh_files = [Path(folder) / Path(path).name for path in described]
        for path, file in zip(described, fresh_files, strict=True):
            client = clients[service_described(file.stem, catalogs)]
            asked = settings[path]
            fresh, _ = describe_service(client, asked["surveys"], known, asked.get("files", ()))
            write_ecsv(file, fresh, DESCRIPTION_COLUMNS)
        available = read_description(*fresh_files)
        both = [
            pd.concat([read_ecsv(file, DESCRIPTION_COLUMNS) for file in files], ignore_index=True)
            for files in ([results / path for path in described], fresh_files)
        ]
    yield Asked("columns", *both, ("service", "table", "column"))

    for name, catalogue in known.items():
        path = f"catalogs/{name}.parquet"
        if "file" in (settings[path] or {}):
            # nobody has it but the user
            continue
        circles = (settings[path] or {}).get("circles")
        asked = (clients[catalogs], catalogue, available[catalogs, catalogue.table])
        if circles is None:
            fresh = fetch_catalogue(*asked)[0].frame()
        else:
            fresh, _ = fetch_around(*asked, pd.DataFrame(circles))
        kept = read_parquet(results / path)
        yield Asked(name, kept, fresh, (catalogue.key,))

    path = "crossmatch/joined.parquet"
    fresh = _joined_again(clients[catalogs], known, results, settings[path], available)
    if fresh is not None:
        yield Asked("pairs", read_parquet(results / path), fresh, ("fermi_name", "csc_name"))

    # around the targets that were kept, or each new pair would come up as new stars too
    targets = read_parquet(results / "enrichment/targets.parquet")
    shards = [shard for path in products if (shard := ShardFile.of(path))]
    for name in sorted({shard.survey for shard in shards}):
        found = []
        for shard in (shard for shard in shards if shard.survey == name):
            asked = settings[shard.path]
            survey = asked["survey"]
            missing = missing_of_survey(survey, available)
            fresh, _, _ = enrich_targets(
                clients[survey["service"]],
                SurveyTable.of(survey, missing),
                targets[targets["shard"] == shard.shard],
                asked["nearest"],
            )
            found.append((read_parquet(results / shard.path), fresh))
        kept, fresh = (pd.concat(frames, ignore_index=True) for frames in zip(*found, strict=True))
        yield Asked(f"counterparts_{name}", kept, fresh, ("around", "fermi_name", "csc_name", "id"))


def _joined_again(
    client: Any,
    known: Mapping[str, Catalogue],
    results: Path,
    settings: Mapping[str, Any],
    available: Mapping[tuple[str, str], list[str]],
) -> pd.DataFrame | None:
    """The pairs as the service joins them now; None, if no service did."""
    if settings.get("join") == "here":
        return None
    cut, min_flux = settings["latitude_cut_deg"], settings["min_flux"]
    fermi = None
    if named := settings.get("sources"):
        cut = WHOLE_SKY_DEG
    if named or "join" in settings:
        fermi = read_parquet(results / "catalogs/fermilpsc.parquet")
        fermi = fermi[fermi["name"].isin(named)] if named else fermi
    if "join" in settings:
        return join_by_upload(client, with_circles(fermi, cut), min_flux, available, known)[0]
    cut = settings["latitude_cut_deg"]
    return fetch_pairs(client, cut, min_flux, available, fermi, known)[0]


def table_changes(
    table: str, kept: pd.DataFrame, fresh: pd.DataFrame, key: Sequence[str]
) -> pd.DataFrame:
    """Compare two states of a table by key.

    Parameters
    ----------
    table : str
        Its name in the result.
    kept, fresh : DataFrame
        The same columns. Rows that share a key are told apart by their order.
    key : sequence of str
        Columns that name a row.

    Returns
    -------
    DataFrame
        `CHANGE_COLUMNS`: one row per row added or gone and per value changed, sorted by key.
        Values are equal if they are the same number or text, or both null.
    """
    key = list(key)
    columns = kept.columns
    kept, fresh = _differing_rows(kept, fresh, key)
    kept, fresh = (
        frame.assign(copy=frame.groupby(key).cumcount()).set_index([*key, "copy"]).sort_index()
        for frame in (kept, fresh)
    )
    rows = [
        (table, _key_text(index), what, "", "", "")
        for what, frame, other in (("gone", kept, fresh), ("added", fresh, kept))
        for index in frame.index.difference(other.index)
    ]
    both = kept.index.intersection(fresh.index)
    before, after = kept.loc[both], fresh.loc[both]
    for column in columns.drop(key):
        old, new = before[column], after[column]
        for i in np.flatnonzero(~_same_values(old, new)):
            values = (_value_text(one.iloc[i]) for one in (old, new))
            rows.append((table, _key_text(both[i]), "changed", column, *values))
    changes = conform(pd.DataFrame(rows, columns=[c.name for c in CHANGE_COLUMNS]), CHANGE_COLUMNS)
    return changes.sort_values(["key", "what", "column"], kind="stable", ignore_index=True)


def _differing_rows(
    kept: pd.DataFrame, fresh: pd.DataFrame, key: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out rows that are in both: nearly all, of a catalogue, and the rest is costly."""
    if len(key) > 1 or not (kept[key[0]].is_unique and fresh[key[0]].is_unique):
        return kept, fresh
    place = pd.Index(fresh[key[0]]).get_indexer(pd.Index(kept[key[0]]))
    in_both = np.flatnonzero(place >= 0)
    same = np.ones(len(in_both), dtype=bool)
    for column in kept.columns:
        old, new = kept[column].iloc[in_both], fresh[column].iloc[place[in_both]]
        same &= _same_values(old.reset_index(drop=True), new.reset_index(drop=True))
    odd_kept, odd_fresh = np.ones(len(kept), dtype=bool), np.ones(len(fresh), dtype=bool)
    odd_kept[in_both[same]] = odd_fresh[place[in_both[same]]] = False
    return kept[odd_kept], fresh[odd_fresh]


def _same_values(old: pd.Series, new: pd.Series) -> npt.NDArray[np.bool_]:
    # of nullable integers, a comparison with null is null
    equal = (old == new).fillna(False).to_numpy(bool)
    return equal | (old.isna() & new.isna()).to_numpy(bool)


def _key_text(index: tuple) -> str:
    *values, copy = index
    # 2 for the second of the rows that share a key
    return " ".join([*map(str, values), *([f"({copy + 1})"] if copy else [])])


def _value_text(value: Any) -> str:
    # numbers in full: what has changed may be the last digit
    return "" if pd.isna(value) else str(value)


def drift_text(
    archive: str,
    results: Path,
    rows: Mapping[str, tuple[int, int]],
    changes: pd.DataFrame,
    when: tuple[str, str],
) -> str:
    """The changes on a page.

    Parameters
    ----------
    archive : str
    results : Path
        The folder of the products.
    rows : mapping
        Table -> number of rows kept, and now.
    changes : DataFrame
        `CHANGE_COLUMNS`, of all tables.
    when : tuple of str
        When the kept answers came, the newest of them, and when the services were asked now.

    Returns
    -------
    str
        At most 80 columns.
    """
    width = max(len(table) for table in rows)
    lines = [
        f"xgamma: archive {archive}",
        f"newest answer kept {when[0]}",
        f"asked again        {when[1]}",
        "",
        f"{'table':<{width}} {'kept':>9} {'now':>9} {'added':>9} {'gone':>9} {'changed':>9}",
    ]
    for table, (kept, fresh) in rows.items():
        of_table = changes[changes["table"] == table]
        # of a row that has changed, each value is listed
        counts = of_table.groupby("what")["key"].nunique()
        numbers = [kept, fresh, *(counts.get(what, 0) for what in ("added", "gone", "changed"))]
        lines.append(f"{table:<{width}} " + " ".join(f"{number:>9,}" for number in numbers))
    lines += [
        "",
        "nothing has changed" if changes.empty else f"each change: {results}/drift/drift.ecsv",
    ]
    return "\n".join(lines) + "\n"
