"""The jobs of a run that ended badly, and what they said."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["failures"]

# The beginning of a line of `job`'s that says why a job ended.
_ERROR = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ERROR ")


def failures(logs: str | Path, since: float) -> dict[str, str]:
    """The jobs that ended with an error, and what they said.

    Parameters
    ----------
    logs : path-like
        Folder of the jobs' logs.
    since : float
        Seconds since the epoch: older logs are of earlier runs.

    Returns
    -------
    dict
        Log, relative to the folder and without its ending -> the error in one line; sorted.
    """
    said = {}
    for path in sorted(Path(logs).rglob("*.log")):
        if path.stat().st_mtime >= since:
            text = path.read_text(encoding="utf-8", errors="replace")
            if errors := [line for line in text.splitlines() if _ERROR.match(line)]:
                name = str(path.relative_to(logs).with_suffix(""))
                said[name] = _ERROR.sub("", errors[-1])
    return said
