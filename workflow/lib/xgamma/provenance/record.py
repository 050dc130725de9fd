"""Where every product comes from: the answers it rests on, the settings, the software.

Each job that asks a service writes a record beside its product (`fetch_record`), and each job
notes what it makes from what (`xgamma.run.lineage`). One file per run joins them
(`run_provenance`): it has of each product its digest and the answers that it rests on. Times and
the machine are there, and in no product.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xgamma import __version__
from xgamma.errors import XgammaError
from xgamma.provenance.products import product_name
from xgamma.run.lineage import all_sources
from xgamma.stages.shard_file import ShardFile
from xgamma.tables.columns import Column, conform
from xgamma.tables.pieces import PIECE_ROWS, PiecedTable, beside_equal, in_one
from xgamma.tables.whole_files import write_text

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "check_products",
    "compare_replay",
    "content_digest",
    "differing_products",
    "fetch_record",
    "file_digest",
    "read_provenance",
    "run_provenance",
    "run_record",
    "software_versions",
    "write_provenance",
]

# what products can depend on
_PACKAGES = ["astropy", "matplotlib", "numpy", "pandas", "pyarrow", "pyvo", "scipy", "snakemake"]


def content_digest(table: pd.DataFrame | PiecedTable, columns: Sequence[Column]) -> str:
    """SHA-256 of a table's content, however it is stored and in whatever order its rows are.

    Names, kinds and units of the columns take part, and each value exactly: integers as
    such, floats by their bits (NaN is one value), text by its characters.

    Parameters
    ----------
    table : DataFrame or PiecedTable
    columns : sequence of Column

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    if isinstance(table, pd.DataFrame):
        table = conform(table, columns)
    digest = hashlib.sha256()
    head = [len(table), [[c.name, c.kind, c.unit] for c in columns]]
    digest.update(json.dumps(head).encode())
    order = _sorted_rows(table, columns)
    # a column at a time: a catalogue may have more rows than there is memory for
    for column in columns:
        for part in _in_order(table[column.name], column.kind, order):
            digest.update(part)
    return digest.hexdigest()


def _sorted_rows(table: pd.DataFrame | PiecedTable, columns: Sequence[Column]) -> np.ndarray:
    """An order of the rows in which the first column counts most, the second next, and so on."""
    if not columns or not len(table):
        return np.arange(len(table))
    # the first column tells the rows of most tables apart; where it does not, the others count
    first = _as_integers(table[columns[0].name], columns[0].kind)
    order = np.lexsort(first[::-1])
    same = np.logical_and.reduce([a[order][1:] == a[order][:-1] for a in first])
    tied = beside_equal(same)
    if tied.any():
        rows = order[tied]
        keys = [array for c in columns for array in _as_integers(table[c.name].iloc[rows], c.kind)]
        order[tied] = rows[np.lexsort(keys[::-1])]
    return order


def _in_order(values: pd.Series, kind: str, order: np.ndarray) -> Iterator[Any]:
    """The bytes of a column, its rows in an order; of texts their lengths, and then themselves."""
    if kind not in ("text", "list"):
        for array in _as_integers(values, kind):
            yield array[order]
        return
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = _texts(values, kind)
    yield pc.binary_length(texts).to_numpy()[order]
    for first in range(0, len(order), PIECE_ROWS):
        part = texts.take(pa.array(order[first : first + PIECE_ROWS]))
        yield "".join(part.to_pylist()).encode()


def _as_integers(values: pd.Series, kind: str) -> list[np.ndarray]:
    """A column as arrays of integers that differ where it does; those of text are ranks."""
    if kind in ("float", "float32"):
        size = 8 if kind == "float" else 4
        floats = values.to_numpy(dtype=f"<f{size}")
        if (null := np.isnan(floats)).any():
            # many bit patterns are NaN: one of them
            floats = np.where(null, np.array(np.nan, floats.dtype), floats)
        return [floats.view(f"<i{size}")]
    if kind == "nullable_int":
        null = values.isna().to_numpy().astype("<i8")
        return [values.fillna(0).to_numpy(dtype="<i8"), null]
    if kind in ("int", "bool"):
        return [values.to_numpy(dtype="<i8")]
    import pyarrow.compute as pc

    texts = _texts(values, kind)
    if pc.all(pc.less(texts[:-1], texts[1:])).as_py() is not False:
        # as the key of a catalogue: to sort it anew would take more room than it does
        return [np.arange(len(texts))]
    return [pc.rank(texts, tiebreaker="dense").to_numpy()]


def _texts(values: pd.Series, kind: str) -> pa.Array:
    """A column of texts, or of lists as JSON, in one part."""
    import pyarrow as pa

    texts = [json.dumps(value) for value in values] if kind == "list" else values
    return in_one(pa.array(texts, type=pa.large_string()))


def software_versions() -> dict[str, str]:
    """The versions of xgamma, Python and the packages that products can depend on."""
    versions = {"xgamma": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def fetch_record(
    results: Path,
    product: str,
    table: pd.DataFrame | PiecedTable,
    columns: Sequence[Column],
    answers: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """How a table was fetched: what was asked, what came, with which settings and software.

    Parameters
    ----------
    results : Path
        The archive's folder.
    product : str
        In that folder.
    table : DataFrame or PiecedTable
        With `columns`.
    columns : sequence of Column
    answers : sequence of mapping
        The records of the answers that it was made from.
    settings : mapping
        The part of the config that it depends on.
    """
    return {
        "product": {
            "path": Path(product).relative_to(results).as_posix(),
            "rows": len(table),
            "content": content_digest(table, columns),
        },
        "answers": [dict(answer) for answer in answers],
        "config": dict(settings),
        "software": software_versions(),
    }


def write_provenance(path: str | Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON in its own order: that of columns in the config has a meaning."""
    write_text(path, json.dumps(record, indent=2, allow_nan=False) + "\n")


def read_provenance(results: str | Path) -> dict[str, Any]:
    """The provenance of the products in an archive's folder.

    Raises
    ------
    XgammaError
        If there is none, or it cannot be read.
    """
    path = Path(results) / "provenance.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise XgammaError(
            f"{path} is missing: run snakemake on the archive {path.parent.name} first"
        ) from None
    except ValueError as error:
        raise XgammaError(
            f"{path} cannot be read ({error}): remove it, and run snakemake again"
        ) from error


def run_provenance(
    results: str | Path,
    products: Iterable[str],
    made_from: Mapping[str, Sequence[str]],
    fetched: Iterable[Mapping[str, Any]],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """The provenance of a run: what its products are, and what each one rests on.

    Parameters
    ----------
    results : path-like
        The archive's folder.
    products : iterable of str
        Paths in it.
    made_from : mapping
        Product -> paths of what its job read, as `xgamma.run.lineage.read_lineage` gives it.
    fetched : iterable of mapping
        What `fetch_record` gave for those of them that were fetched.
    about : mapping
        What is said of the run as a whole: archive, config, code, run, ...

    Returns
    -------
    dict
        `about`, software, answers (key -> record) and products (path -> sha256, bytes, the
        keys of the answers; for fetched ones also rows, content and config).

    Raises
    ------
    XgammaError
        Naming the first product of which no job noted what it was made from.
    """
    products = sorted(products)
    records = {record["product"]["path"]: record for record in fetched}
    keys = {path: _keys(record["answers"]) for path, record in records.items()}
    answers: dict[str, dict[str, Any]] = {}
    for answer in (answer for record in records.values() for answer in record["answers"]):
        # two shards may have asked the same: the answer that was kept last
        known = answers.get(answer["key"])
        if known is None or known["started"] < answer["started"]:
            answers[answer["key"]] = answer
    described = {}
    for path in products:
        file = Path(results) / path
        if path not in made_from:
            raise XgammaError(
                f"provenance: no job noted what {file} was made from: run snakemake --forceall, "
                f"which makes the products anew from the kept answers"
            )
        sources = all_sources(path, made_from)
        described[path] = {
            "sha256": file_digest(file),
            "bytes": file.stat().st_size,
            "answers": sorted({key for source in sources for key in keys.get(source, ())}),
        }
        if path in records:
            table = records[path]["product"]
            described[path] |= {name: table[name] for name in ("rows", "content")}
            described[path]["config"] = records[path]["config"]
    return {
        **about,
        "software": software_versions(),
        "answers": {key: answers[key] for key in sorted(answers)},
        "products": described,
    }


def _keys(answers: Iterable[Mapping[str, Any]]) -> set[str]:
    """The answers' keys, and those of the counts that they were held against."""
    return {answer[name] for answer in answers for name in ("key", "count_key") if name in answer}


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_products(results: str | Path, provenance: Mapping[str, Any]) -> None:
    """Refuse products that are not those that `provenance` describes.

    Raises
    ------
    XgammaError
        Naming the first product that is missing or has changed.
    """
    for name, described in provenance["products"].items():
        path = Path(results) / name
        if not path.is_file():
            what = "is missing"
        elif path.stat().st_size != described["bytes"] or file_digest(path) != described["sha256"]:
            what = "is not what provenance.json describes"
        else:
            continue
        raise XgammaError(f"{path} {what}: remove the file, and run snakemake again")


def differing_products(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """The products of two provenances that are not byte-identical, or only in one of them."""
    a, b = (
        {product_name(path): product["sha256"] for path, product in provenance["products"].items()}
        for provenance in (first, second)
    )
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def compare_replay(replay: Mapping[str, Any], repeated: Mapping[str, Any], folder: str) -> str:
    """The line that says that a replay gave the products of the run that it repeats.

    Parameters
    ----------
    replay, repeated : mapping
        The provenance of the replay, and of the run that it repeats.
    folder : str
        Where that run's products are, for messages.

    Raises
    ------
    XgammaError
        Naming the products that differ, and software of another version.
    """
    names = [product_name(path) for path in repeated["products"]]
    differing = differing_products(replay, repeated)
    if not differing:
        return f"xgamma: all {len(names)} products are byte-identical to those of {folder}"
    versions = [
        f"{name} {replay['software'].get(name, 'none')} instead of {version_then}"
        for name, version_then in repeated["software"].items()
        if replay["software"].get(name) != version_then
    ]
    reason = f"; there is {', '.join(versions)}" if versions else ""
    raise XgammaError(
        f"replay: {len(names) - len(set(names) & set(differing))} of {len(names)} products are "
        f"byte-identical to those of {folder}, not so {', '.join(differing)}{reason}"
    )


def run_record(
    benchmarks: Path, shards: Iterable[ShardFile], services: Collection[str]
) -> dict[str, Any]:
    """The times and the machine of a run: what differs between two runs of the same answers.

    Parameters
    ----------
    benchmarks : Path
        Folder of Snakemake's benchmark files of the jobs that have run so far.
    shards : iterable of ShardFile
        Those that count: shards of earlier settings have files there too.
    services : collection of str
        Those that are described; that of a survey which is gone does not count either.

    Returns
    -------
    dict
        Seconds and the largest memory (MB) of each rule's jobs, among others; the jobs of a
        rule are added up. A job too short to be sampled has no memory.
    """
    # that of the job which asks: an earlier one, and not there in the first run
    described = {path.stem for path in benchmarks.glob("describe_service_*.tsv")}
    left_out = {"provenance"} | described - {f"describe_service_{service}" for service in services}
    paths = [path for path in sorted(benchmarks.glob("*.tsv")) if path.stem not in left_out]
    files = [(path.stem, path) for path in paths]
    files += [(f"enrich_shard_{shard.survey}", benchmarks / f"{shard.job}.tsv") for shard in shards]
    seconds: dict[str, float] = {}
    memory: dict[str, float] = {}
    for rule, path in files:
        if not path.exists():
            continue
        with open(path, encoding="utf-8") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                seconds[rule] = round(seconds.get(rule, 0.0) + float(row["s"]), 4)
                if row["max_rss"] not in ("-", "NA"):
                    memory[rule] = max(memory.get(rule, 0.0), float(row["max_rss"]))
    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "job_seconds": seconds,
        "job_seconds_total": round(sum(seconds.values()), 1),
        "job_memory_mb": memory,
    }
