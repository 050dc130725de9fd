"""Jobs in Slurm: those that an earlier run has left there, and those that failed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["lost_jobs", "wait_for_earlier_jobs"]

_PAUSE_S = 10

# What Slurm writes at the end of a job's log -> what became of the job, and what helps.
_FATES = {
    "memory limit": "took more memory than it had asked for: --set-resources {rule}:mem_mb=...",
    "oom_kill": "took more memory than it had asked for: --set-resources {rule}:mem_mb=...",
    "DUE TO TIME LIMIT": "took longer than it had asked for: --set-resources {rule}:runtime=...",
    "DUE TO NODE FAILURE": "was on a node that failed: start the run again",
    "CANCELLED AT": "was cancelled: start the run again",
}


def wait_for_earlier_jobs(folder: Path, latency_s: float, pause_s: float = _PAUSE_S) -> None:
    """Wait for Slurm jobs of an earlier run in `folder`, so that nothing runs twice.

    A run that is killed leaves its jobs in Slurm, and a new one knows nothing of them. The same
    holds if the earlier run is still alive, here or on another machine.

    Parameters
    ----------
    folder : Path
        Where Snakemake runs.
    latency_s : float
        How late files of other machines may show up: waited after the last job's end.
    pause_s : float
        Between two looks.
    """
    if shutil.which("squeue") is None:
        return
    try:
        announced = _wait_for_jobs(folder, pause_s)
        if announced:
            time.sleep(latency_s)
            print("xgamma: these jobs have ended", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("xgamma: stopped; the jobs in Slurm go on", file=sys.stderr, flush=True)
        sys.exit(128 + signal.SIGINT)


def _wait_for_jobs(folder: Path, pause_s: float) -> set[str]:
    """Return when no job of `folder` is left in Slurm; give those that the user was told of."""
    announced: set[str] = set()
    left: dict[str, str] = {}
    # who cannot ask Slurm cannot submit either; but once there are jobs, silence is not their end
    while (queued := _jobs_of(folder)) or (queued is None and left):
        left = queued or left
        if not announced.issuperset(left):
            announced.update(left)
            listed = ", ".join(f"{job} ({state})" for job, state in sorted(left.items()))
            print(
                f"xgamma: an earlier run in this folder has jobs in Slurm: {listed}. Waiting for "
                f"their end, so that nothing runs twice; to end them now: "
                f"scancel {' '.join(sorted(left))}",
                file=sys.stderr,
                flush=True,
            )
        time.sleep(pause_s)
    return announced


def _jobs_of(folder: Path) -> dict[str, str] | None:
    """Slurm job -> its rule and state, of the jobs that Snakemake submitted from `folder`.

    None if Slurm does not say.
    """
    real_folder = os.path.realpath(folder)
    command = ["squeue", "--noheader", "--me", "--format=%A|%T|%k|%Z"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = {}
    for line in answer.stdout.splitlines():
        job, state, comment, submitted_from = line.split("|", 3)
        # the executor's comment; Snakemake itself may be a job that was submitted from here
        if comment.startswith("rule_") and os.path.realpath(submitted_from) == real_folder:
            found[job] = f"{comment.removeprefix('rule_')}, {state}"
    return found


def lost_jobs(folder: Path, since: float) -> list[str]:
    """Give a line for each Slurm job that failed: what became of it, and its last log.

    The executor keeps the logs of failures only, in a folder for each job. Of a job that was done
    at a later attempt they are still there. Progress displays leave out what they say.

    Parameters
    ----------
    folder : Path
        Where Snakemake runs.
    since : float
        Seconds since the epoch: older logs are of earlier runs.
    """
    logs = folder / ".snakemake/slurm_logs"
    oldest_first = sorted(logs.rglob("*.log"), key=lambda path: path.stat().st_mtime)
    last = {log.parent: log for log in oldest_first if log.stat().st_mtime >= since}
    lines = []
    for log in last.values():
        rule = log.relative_to(logs).parts[0].removeprefix("rule_")
        text = log.read_text(encoding="utf-8", errors="replace")
        fates = (fate for words, fate in _FATES.items() if words in text)
        # a bundle has no resources of its own: those of its rules are set
        fate = next(fates, "failed").format(rule="RULE" if rule.startswith("group_") else rule)
        lines.append(f"xgamma: Slurm job {log.stem} ({rule}) {fate} (log: {log})")
    return lines
