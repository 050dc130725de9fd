"""Files that appear whole or not at all, whatever is killed in between.

Loads neither NumPy nor pandas: each start of the workflow and each job's note needs it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["atomic_path", "write_json", "write_text"]


@contextlib.contextmanager
def atomic_path(path: str | Path, beside: str | Path | None = None) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it into place if all went well.

    The name beside is always the same, so what a killed process left is overwritten
    by its rerun and never stays. It is made from `beside`, where two jobs may write `path`.
    """
    path, near = Path(path), Path(beside or path)
    for folder in (path.parent, near.parent):
        folder.mkdir(parents=True, exist_ok=True)
    beside = near.with_name(f".{near.name}.part")
    try:
        yield beside
        # on disk before it has its name: a power cut may not leave a short file
        with open(beside, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str | Iterable[str]) -> None:
    """Write UTF-8 text, whole or not at all. Of several texts, one at a time is in memory."""
    with (
        atomic_path(path) as beside,
        open(beside, "w", encoding="utf-8", newline="\n") as stream,
    ):
        stream.writelines([text] if isinstance(text, str) else text)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON with sorted keys; NaN is refused (it is not JSON)."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")
