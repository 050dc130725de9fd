"""Runs of the workflow through Slurm, while they run, and what Slurm's accounting says of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from project_copy import ProjectCopy

__all__ = [
    "PROFILE",
    "Head",
    "account",
    "accounted",
    "heads",
    "jobs_of_rules",
    "queued",
    "slurm",
    "slurm_at",
    "states",
    "wait_until",
]

SERVER = Path(__file__).parents[1] / "servers/slurm"
PROFILE = (
    *("--profile", "profiles/slurm", "--latency-wait", "30"),
    *("--slurm-init-seconds-before-status-checks", "5"),
)
# Several starts of Snakemake and a busy machine; nothing here should take nearly so long.
PATIENCE_S = 300

# Jobs wait before the file that is named in HOLD_AT gets its name, until the file `go` is there.
HOLD = """\
import os, time

_names, _replace = os.environ["HOLD_AT"].split(), os.replace

def replace(source, destination, **options):
    if os.path.basename(str(destination)) in _names:
        open(f"start/held.{os.path.basename(str(destination))}", "w").close()
        while not os.path.exists("start/go"):
            time.sleep(0.2)
    _replace(source, destination, **options)

os.replace = replace
"""


def wait_until(there: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S} s"
        time.sleep(1)  # a look at the queue is several processes


def slurm(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def slurm_at(state: str | Path, *options: str) -> Iterator[None]:
    """A Slurm that keeps its state there, with options of tests/servers/slurm/up.sh."""
    done = subprocess.run(
        [SERVER / "up.sh", "--state", state, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    try:
        assert done.returncode == 0, f"up.sh failed:\n{done.stdout}{done.stderr}"
        yield
    finally:
        # of tests that failed
        for head in heads:
            head.kill()
        subprocess.run([SERVER / "down.sh", "--state", state, "--purge"], check=True)


def account(project: ProjectCopy) -> ProjectCopy:
    """Set what a user of this cluster must set in the profile."""
    path = project.folder / "profiles/slurm/config.yaml"
    text = path.read_text(encoding="utf-8")
    assert "#slurm_account: my_account" in text
    text = text.replace("#slurm_account: my_account", "slurm_account: ci")
    path.write_text(text, encoding="utf-8")
    return project


heads: list[Head] = []


class Head:
    """A run of Snakemake on the head node, while it runs."""

    def __init__(self, project: ProjectCopy, *arguments: str, hold: tuple[str, ...] = ()) -> None:
        self.project = project
        self._start = project.folder / "start"
        self._process = project.start(
            *PROFILE,
            *arguments,
            cores=4,
            at_start=HOLD if hold else "",
            HOLD_AT=" ".join(hold),
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(
            target=lambda: self._lines.extend(self._process.stdout), daemon=True
        )
        self._reader.start()
        heads.append(self)

    def said(self, words: str) -> bool:
        return any(words in line for line in self._lines)

    def holds(self, name: str) -> bool:
        """Whether a job waits before this file gets its name."""
        assert self._process.poll() is None, "".join(self._lines)
        return (self._start / f"held.{name}").exists()

    def let_go(self) -> None:
        (self._start / "go").touch()

    def kill(self) -> None:
        """End it as `kill -9` does, if it still runs; its jobs go on."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def ended(self) -> tuple[int, str]:
        """Wait for the end; give the status and the output."""
        try:
            self._process.wait(timeout=3 * PATIENCE_S)
        finally:
            self.kill()
        return self._process.returncode, "".join(self._lines)

    def end(self) -> str:
        """Wait for the end, which must be a success; give the output."""
        status, output = self.ended()
        assert status == 0, output
        return output


def accounted(project: ProjectCopy) -> list[dict[str, str]]:
    """The Slurm jobs that were submitted from a project's folder."""
    times_and_place = ("State", "Start", "End", "NodeList", "Partition")
    fields = ("JobIDRaw", *times_and_place, "ReqMem", "Comment", "WorkDir")
    lines = slurm("sacct", "-nXP", "-S", "now-1days", "-o", ",".join(fields)).splitlines()
    jobs = [dict(zip(fields, line.split("|"), strict=True)) for line in lines]
    return [job for job in jobs if job["WorkDir"] == str(project.folder)]


def jobs_of_rules(project: ProjectCopy) -> Counter[str]:
    return Counter(job["Comment"].removeprefix("rule_") for job in accounted(project))


def queued(project: ProjectCopy) -> dict[str, str]:
    """Rule -> Slurm job, of what is queued or runs."""
    lines = slurm("squeue", "-h", "-o", "%A|%k|%Z").splitlines()
    rows = [line.split("|") for line in lines]
    return {rule: job for job, rule, where in rows if where == str(project.folder)}


def states(project: ProjectCopy) -> dict[str, list[str]]:
    """Rule -> how each of its Slurm jobs ended, in the order of their submission.

    The comment that names the rule is in the accounting only when a job has ended.
    """
    found: dict[str, list[str]] = {}
    for job in accounted(project):
        rule = job["Comment"].removeprefix("rule_")
        found.setdefault(rule, []).append(job["State"].split()[0])
    return found
