"""What each job made, and from what: noted by the job itself, beside the products.

Snakemake knows it too, in a folder that gets lost when products move. A note has the name of its
job: ``results/<archive>/lineage/<job>.json``, as the job's log and benchmark. The job writes it,
whole or not at all, before it makes anything, and before that Snakemake has removed what an
earlier job made. So each product has its note, whatever was killed in between; and a note whose
products never came does no harm.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from xgamma.errors import XgammaError
from xgamma.tables.whole_files import write_json

__all__ = ["all_sources", "note_lineage", "read_lineage"]


def note_lineage(
    results: Path, job: str | Path, inputs: Iterable[str], outputs: Iterable[str]
) -> None:
    """Write down what a job is about to make, and from what.

    Parameters
    ----------
    results : Path
        The archive's folder.
    job : path-like
        Its name: that of its log, without the ending.
    inputs, outputs : iterable of str
        Paths as Snakemake has them; noted are those in the archive's folder, relative to it.
    """
    note = {
        "started": datetime.datetime.now(datetime.UTC).isoformat(),
        "made": _in_folder(results, outputs),
        "from": _in_folder(results, inputs),
    }
    write_json(results / "lineage" / f"{job}.json", note)


def _in_folder(results: Path, paths: Iterable[str]) -> list[str]:
    inside = {path for path in map(Path, paths) if path.is_relative_to(results)}
    return sorted(path.relative_to(results).as_posix() for path in inside)


def read_lineage(results: str | Path, shard_jobs: Iterable[str]) -> dict[str, list[str]]:
    """What each product was made from, as the jobs noted it.

    Parameters
    ----------
    results : path-like
        The archive's folder.
    shard_jobs : iterable of str
        Names of the jobs whose shards count: there may be notes of many earlier ones.

    Returns
    -------
    dict
        Path of a product -> paths of the job's inputs, all relative to the archive's folder.

    Raises
    ------
    XgammaError
        If a note cannot be read.
    """
    folder = Path(results) / "lineage"
    paths = [*folder.glob("*.json"), *(folder / f"{job}.json" for job in shard_jobs)]
    notes = [note for path in paths if (note := _read_note(path)) is not None]
    made_from = {}
    # a rule that had another name once may have left a note of the same product: the newest counts
    for note in sorted(notes, key=lambda note: note["started"]):
        made_from |= dict.fromkeys(note["made"], note["from"])
    return made_from


def _read_note(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None  # who needs it says so
    except ValueError as error:
        raise XgammaError(
            f"{path} cannot be read ({error}): run snakemake --forceall, which makes the products "
            f"anew from the kept answers"
        ) from error


def all_sources(path: str, made_from: Mapping[str, Sequence[str]]) -> set[str]:
    """What a product is made from, directly or not, itself included.

    Parameters
    ----------
    path : str
        Relative to the archive's folder.
    made_from : mapping
        As `read_lineage` gives it. What is not in it was made from nothing in the folder.
    """
    found, waiting = {path}, [path]
    while waiting:
        new = set(made_from.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found
