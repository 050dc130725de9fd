"""The whole workflow against a server behind a chaos proxy, and what must hold afterwards.

What tests/integration/test_chaos.py asserts for a few seeds, tests/chaos.py counts for many.
"""

from __future__ import annotations

import datetime
import os
import re
import select
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import requests
from project_copy import PROJECT, ProjectCopy, Run, archive_at

__all__ = [
    "ARCHIVE",
    "INTERRUPTS",
    "SHORT_LIFE_S",
    "TARGETS",
    "EmbeddedServer",
    "clear_errors",
    "configure",
    "differing",
    "half_files",
    "interrupt_after",
    "jobs_left",
    "rerun_until_finished",
    "run",
    "service_urls",
    "what_is_wrong",
]

ARCHIVE = "chaos"
_TABLES = (
    *("csc_fermi_pairs", "grouped_csc_fermi_pairs", "grouped_csc_fermi_gaia_2mass_pairs"),
    *("counterparts_gaia", "counterparts_twomass"),
)
_CALIBRATION = tuple(f"association/{name}" for name in ("calibration", "controls", "known"))
_PLANE = ("plane/csc.parquet", "plane/fermilpsc.parquet")
#: All but what asks nobody, and on which nothing rests that asks: figures, summary, checks.
TARGETS = (*_PLANE, *(f"tables/{name}.ecsv" for name in _TABLES))
#: How runs are interrupted, in turn: a power cut, as far as files go; Ctrl-C; a batch system.
INTERRUPTS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
#: Seconds that a job may be left to live when nobody follows it any more, and some more for
#: requests on their way.
SHORT_LIFE_S = 15 * 60 + 30

_UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
_MODES = {"heasarc": "sync", "gaia": "async", "irsa": "sync"}


class EmbeddedServer:
    """The demo service as a process of its own. Its jobs are lost when it ends.

    Parameters
    ----------
    sky : Path
        The archive's file.
    """

    def __init__(self, sky: Path) -> None:
        self.sky, self._port = sky, 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        """The address under which the three services stand."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, on the port that it had, and wait until it listens."""
        library = str(PROJECT / "workflow/lib")
        command = ["serve", "--database", str(self.sky), "--port", str(self._port)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "xgamma.demo", *command],
            env={**os.environ, "PYTHONPATH": library},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        ready, _, _ = select.select([self._process.stdout], [], [], 60)
        line = self._process.stdout.readline() if ready else ""
        assert line.startswith("http://"), f"the server did not start: {line!r}"
        self._port = urllib.parse.urlsplit(line).port

    def stop(self) -> None:
        """End it as `kill -9` does, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def restart(self) -> None:
        self.stop()
        self.start()


def configure(project: ProjectCopy, url: str, *, one_service: bool = False, **tap: float) -> str:
    """Write a config whose archive's services stand behind `url`; give its name.

    Parameters
    ----------
    project : ProjectCopy
    url : str
        Of the proxy.
    one_service : bool
        Whether one service, at `url` itself, has all tables.
    **tap : float
        Keys of the config's `tap` that are to differ from what suits these tests.
    """
    settings = {
        "archive": ARCHIVE,
        "archives": {ARCHIVE: archive_at(url, one_service=one_service, modes=_MODES)},
        "tap": {"timeout_s": 5, "sync_timeout_s": 20, "deadline_s": 120, "attempts": 6, **tap},
    }
    return project.configure("chaos.yaml", settings)


def run(project: ProjectCopy, settings: str, **options: float) -> Run:
    """Run the workflow for all tables."""
    targets = [f"results/{ARCHIVE}/{target}" for target in TARGETS]
    return project.run(*targets, "--configfile", settings, **options)


def rerun_until_finished(project: ProjectCopy, settings: str, most: int = 6) -> list[Run]:
    """Run the workflow again and again, plainly, until all is made.

    Each failure must say in words what went wrong, and what is done is not done again.

    Parameters
    ----------
    project : ProjectCopy
    settings : str
    most : int
        Runs; more are an error.
    """
    runs: list[Run] = []
    while len(runs) < most:
        done = project.finished_jobs()
        runs.append(run(project, settings))
        again = done & set(runs[-1].jobs)
        assert not again, f"done again though they were finished: {sorted(again)}"
        if runs[-1].returncode == 0:
            return runs
        assert clear_errors(runs[-1].output), runs[-1].output
    raise AssertionError(f"not finished after {most} runs:\n{runs[-1].output}")


def clear_errors(output: str) -> list[str]:
    """The lines that tell a user which service failed and how; none if anything is unclear."""
    if "Traceback" in output or "unforeseen" in output:
        return []
    errors = re.findall(r"^xgamma: (?:heasarc|gaia|irsa) \(http\S+\).*$", output, re.MULTILINE)
    return [line for line in errors if "asking again" not in line]


def differing(reference: Mapping[str, bytes], project: ProjectCopy) -> list[str]:
    """Names of the products that are not those of the undisturbed run, byte for byte."""
    made = project.products(ARCHIVE)
    # figures, the tables that are made with them, and what is made of the shards ask nobody
    asking_nobody = ("figures/", "tables/class_", "identification/", "tables/identifications.")
    asking_nobody += ("tables/evidence.", "tables/counterparts.", "tables/fermi_sources.")
    asking_nobody += ("tables/candidates.", "exports/", "summary.", *_CALIBRATION)
    expected = {
        name: content for name, content in reference.items() if not name.startswith(asking_nobody)
    }
    return sorted(n for n in {*expected, *made} if expected.get(n) != made.get(n))


def half_files(project: ProjectCopy) -> list[Path]:
    """Files in the making that nobody will finish."""
    return sorted(project.results(ARCHIVE).rglob(".*.part"))


def service_urls(url: str, *, one_service: bool = False) -> list[str]:
    """The addresses of the services behind `url`."""
    return [url] if one_service else [f"{url}/{name}/tap" for name in _MODES]


def jobs_left(urls: Iterable[str]) -> dict[str, float]:
    """Jobs that are still at the services: address -> seconds until their destruction."""
    left = {}
    with requests.Session() as session:
        session.trust_env = False
        for url in urls:
            listing = ElementTree.fromstring(session.get(f"{url}/async", timeout=30).content)
            for job in listing.iter(f"{_UWS}jobref"):
                place = f"{url}/async/{job.get('id')}"
                answer = session.get(f"{place}/destruction", timeout=30)
                if answer.status_code == 404:  # its time has just come
                    continue
                end = datetime.datetime.fromisoformat(answer.text.strip())
                now = datetime.datetime.now(datetime.UTC)
                left[place] = (end - now).total_seconds()
    return left


def what_is_wrong(
    reference: Mapping[str, bytes], project: ProjectCopy, urls: Iterable[str]
) -> list[str]:
    """What may not be so in the end, whatever happened: other bytes, half files, lasting jobs."""
    lasting = {url: seconds for url, seconds in jobs_left(urls).items() if seconds > SHORT_LIFE_S}
    return [
        *(f"other bytes: {name}" for name in differing(reference, project)),
        *(f"half a file: {path}" for path in half_files(project)),
        *(f"{url} lives for {seconds:.0f} s" for url, seconds in lasting.items()),
    ]


def interrupt_after(
    project: ProjectCopy, settings: str, seconds: float, end_by: signal.Signals = signal.SIGKILL
) -> bool:
    """Run, and end it by a signal so long after its first job; False: it was done before.

    What was on record as finished before is not begun again.
    """
    finished = project.finished_jobs()
    try:
        run(project, settings, timeout=seconds, timed_from_first_job=True, end_by=end_by)
    except subprocess.TimeoutExpired:
        return True
    finally:
        again = finished & set(project.jobs_of_last_run())
        assert not again, f"done again though they were finished: {sorted(again)}"
    return False
