"""Runs whose jobs are on other machines: which rules stay, and jobs of a run that has ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

__all__ = ["lost_jobs", "recorded_by_jobs", "sets_partition", "wait_for_earlier_jobs"]

# Resources by which executors take a partition or queue.
_PLACES = {"slurm_partition", "lsf_queue", "partition", "queue"}

_PAUSE_S = 10

# What Slurm writes at the end of a job's log, and what helps.
_ENDS = {
    "memory limit": "took more memory than it had asked for: --set-resources {rule}:mem_mb=...",
    "oom_kill": "took more memory than it had asked for: --set-resources {rule}:mem_mb=...",
    "DUE TO TIME LIMIT": "took longer than it had asked for: --set-resources {rule}:runtime=...",
    "DUE TO NODE FAILURE": "was on a node that failed: start the run again",
    "CANCELLED AT": "was cancelled: start the run again",
}


def sets_partition(resources: Collection[str]) -> bool:
    """Whether the resources that a profile sets for a rule say where its jobs run."""
    return not _PLACES.isdisjoint(resources)


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
    said: set[str] = set()
    jobs: dict[str, str] = {}
    # who cannot ask Slurm cannot submit either; but once there are jobs, silence is not their end
    while (now := _jobs_of(folder)) or (now is None and jobs):
        jobs = now or jobs
        if not said.issuperset(jobs):
            said.update(jobs)
            listed = ", ".join(f"{job} ({what})" for job, what in sorted(jobs.items()))
            print(
                f"xgamma: an earlier run in this folder has jobs in Slurm: {listed}. Waiting for "
                f"their end, so that nothing runs twice; to end them now: "
                f"scancel {' '.join(sorted(jobs))}",
                file=sys.stderr,
                flush=True,
            )
        time.sleep(pause_s)
    if said:
        time.sleep(latency_s)
        print("xgamma: these jobs have ended", file=sys.stderr, flush=True)


def _jobs_of(folder: Path) -> dict[str, str] | None:
    """Slurm job -> its rule and state, of the jobs that Snakemake submitted from `folder`.

    None if Slurm does not say.
    """
    here = os.path.realpath(folder)
    command = ["squeue", "--noheader", "--me", "--format=%A|%T|%k|%Z"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = {}
    for line in answer.stdout.splitlines():
        job, state, comment, where = line.split("|", 3)
        # the executor's comment; Snakemake itself may be a job that was submitted from here
        if comment.startswith("rule_") and os.path.realpath(where) == here:
            found[job] = f"{comment.removeprefix('rule_')}, {state}"
    return found


def lost_jobs(folder: Path, since: float) -> list[str]:
    """What became of the Slurm jobs that failed, with the log of each one's last failure.

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
    in_time = sorted(logs.rglob("*.log"), key=lambda path: path.stat().st_mtime)
    last = {log.parent: log for log in in_time if log.stat().st_mtime >= since}
    lines = []
    for log in last.values():
        rule = log.relative_to(logs).parts[0].removeprefix("rule_")
        text = log.read_text(encoding="utf-8", errors="replace")
        ends = (advice for words, advice in _ENDS.items() if words in text)
        # a bundle has no resources of its own: those of its rules are set
        what = next(ends, "failed").format(rule="RULE" if rule.startswith("group_") else rule)
        lines.append(f"xgamma: Slurm job {log.stem} ({rule}) {what} (log: {log})")
    return lines


def recorded_by_jobs(finished: Any) -> Any:
    """Let a job itself record with what it was run, in place of the main process only.

    Snakemake's main process writes down each finished job's params and inputs, by which the
    next run sees what a changed setting touches. Of a job that outlives the main process
    nothing is known, and its products would count as right whatever the settings say.
    `--immediate-submit`, where no main process is left, has the record written by the job:
    here that part of it alone is switched on.

    Parameters
    ----------
    finished : coroutine function
        Snakemake's `PersistenceBase.finished`.

    Returns
    -------
    coroutine function
        To take its place in a process that is not the main one.
    """

    async def finished_and_recorded(persistence: Any, job: Any) -> None:
        settings = persistence.dag.workflow.remote_execution_settings
        before = settings.immediate_submit
        settings.immediate_submit = True
        try:
            await finished(persistence, job)
        finally:
            settings.immediate_submit = before

    return finished_and_recorded
