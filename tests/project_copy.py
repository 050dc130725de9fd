"""A copy of the project in a folder of its own, to run its workflow in.

Runs leave the project itself alone, and a copy with its products can be copied again, so
that tests which only change a setting need not start from nothing.
"""

from __future__ import annotations

import base64
import contextlib
import filecmp
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from xgamma.tables.files import read_parquet

__all__ = [
    "AFTER_ASKING",
    "DRAWING",
    "ProjectCopy",
    "Run",
    "ShardsSeen",
    "archive_at",
    "differing_products",
    "shard_jobs",
    "stand_ins",
]

PROJECT = Path(__file__).parents[1]
_FOLDERS = ("config", "docs", "envs", "profiles", "resources", "workflow")
_FILES = (
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "Snakefile",
)
_TAKEN = (*_FOLDERS, *_FILES, "pyproject.toml", "requirements.lock")

#: Scripts of the rules that show what was found: figures, pages, files for other programs.
DRAWING = ("plot_*", "publish_*", "exports")
#: Those, and the others that ask nobody and on which nothing rests that asks.
AFTER_ASKING = (
    *DRAWING,
    *("calibrate", "group_by_fermi", "identify", "merge_enrichment", "summarize", "tabulate"),
)

# What a stand-in's files begin with, and what is put before its script. This imports nothing large,
# which is what most of a job's time goes to. The script itself stays below: the digest of its code
# has all that it imports. What is written differs where the inputs do, since Snakemake looks at
# contents, too, when it decides what runs again.
_STANDS_IN = b"a stand-in, "
_STAND_IN = f"""\
import hashlib
import sys
from pathlib import Path

from xgamma.run.job import job
from xgamma.tables.whole_files import write_text

with job(snakemake):
    digest = hashlib.sha256(repr(sorted(snakemake.params.items())).encode())
    for path in snakemake.input:
        digest.update(Path(path).read_bytes())
    for path in snakemake.output:
        write_text(path, {_STANDS_IN.decode()!r} + digest.hexdigest() + "\\n")
sys.exit()

"""

# Python reads this at its start: it ends the run's process group as `kill -9` does, at the
# moment when a file that is named in the environment would be renamed into its place.
_KILLER = """\
import os, signal

_target, _replace = os.environ["KILL_AT"], os.replace

def replace(source, destination, **options):
    if _target in str(destination):
        with open(source, "r+b") as stream:
            stream.truncate(os.path.getsize(source) // 2)
        os.killpg(0, signal.SIGKILL)
    _replace(source, destination, **options)

os.replace = replace
"""

# The same notes at the end of each job which packages it has loaded.
PACKAGES_LOADED = "packages_loaded.txt"
_NOTER = f"""\
import atexit, os, sys

_folder = os.getcwd()

def note():
    packages = {{name for name in sys.modules if "." not in name}} - sys.stdlib_module_names
    with open(os.path.join(_folder, {PACKAGES_LOADED!r}), "a") as stream:
        stream.write(" ".join([os.path.basename(sys.argv[0]), *sorted(packages)]) + "\\n")

atexit.register(note)
"""

# The same for a run that may not reach any other machine, nor a server on this one.
_OFFLINE = """\
import socket

def refuse(self, address):
    raise OSError(101, f"no network, but {address} was to be reached")

def refuse_names(host, *arguments, **options):
    raise OSError(101, f"no network, but {host} was to be looked up")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.gethostbyname = refuse_names
"""


def _files_taken(folder: Path) -> set[Path]:
    """The files of a project or a copy that a copy takes, relative to it."""
    return {
        path.relative_to(folder)
        for name in _TAKEN
        for path in (folder / name, *(folder / name).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@dataclass(frozen=True)
class Run:
    """One run of Snakemake.

    Attributes
    ----------
    returncode : int
    output : str
        Standard output and error, as a user sees them.
    jobs : list of str
        The jobs that ran, named by their logs without folder and ending, sorted: for
        instance 'fetch_catalog_csc', 'enrichment/gaia/healpix1-002.0123456789abcdef'.
    """

    returncode: int
    output: str
    jobs: list[str]

    @property
    def planned(self) -> Counter[str]:
        """Rule -> number of jobs, from the table that Snakemake shows before it runs."""
        rows = re.findall(r"^ *([a-z][a-z_ ]*?)  +(\d[\d,]*) *$", self.output, re.MULTILINE)
        counts = {rule.replace(" ", "_"): int(number.replace(",", "")) for rule, number in rows}
        counts.pop("total", None)
        return Counter(counts)


class ProjectCopy:
    """A copy of the project's workflow in `folder`.

    Parameters
    ----------
    folder : Path
        Is made; must not exist.
    source : ProjectCopy, optional
        Another copy to take, with its products and what Snakemake knows of them.
    """

    #: The Python that runs Snakemake.
    python = sys.executable

    def __init__(self, folder: Path, source: ProjectCopy | None = None) -> None:
        self.folder = folder
        if source is not None:
            shutil.copytree(source.folder, folder)
            return
        folder.mkdir(parents=True)
        for name in _TAKEN:
            here, there = PROJECT / name, folder / name
            if here.is_dir():
                # with the bytecode, which each run would make anew: it is of files of this time
                # but for what another worker is just writing
                shutil.copytree(here, there, ignore=shutil.ignore_patterns("*.pyc.*"))
            else:
                shutil.copy2(here, there)

    @classmethod
    def at(cls, folder: Path) -> ProjectCopy:
        """The copy, or the user's folder without the workflow's files, that is there already."""
        project = cls.__new__(cls)
        project.folder = folder
        return project

    def with_stand_ins(self, *scripts: str, but: Collection[str] = ()) -> ProjectCopy:
        """Let the jobs of some rules write a line to each of their files, and give the copy.

        For runs whose test is about other products: these jobs run when the true ones would, and
        note what they made from what, in a tenth of the time. `differing_products` passes over
        what they wrote.

        Parameters
        ----------
        scripts : str
            Names without folder and ending, as patterns; `DRAWING` if there are none.
        but : collection of str
            Those of them that stay as they are.
        """
        folder = self.folder / "workflow/scripts"
        paths = {path for one in scripts or DRAWING for path in folder.glob(f"{one}.py")}
        for path in paths - {folder / f"{one}.py" for one in but}:
            path.write_text(_STAND_IN + path.read_text(encoding="utf-8"), encoding="utf-8")
        return self

    def not_as_in_the_project(self) -> list[str]:
        """Files of the project that are missing here, have another content, or are here alone."""
        copied, original = _files_taken(self.folder), _files_taken(PROJECT)
        return sorted(
            str(file)
            for file in copied | original
            if file not in copied & original
            or not filecmp.cmp(PROJECT / file, self.folder / file, shallow=False)
        )

    def results(self, archive: str = "demo") -> Path:
        """The folder of an archive's products."""
        return self.folder / "results" / archive

    def configure(self, name: str, settings: dict) -> str:
        """Write a config file of one's own; give its name, for `--configfile`."""
        (self.folder / name).write_text(yaml.safe_dump(settings), encoding="utf-8")
        return name

    def start(self, *arguments: str, cores: int = 2, at_start: str = "", **environment: str):
        """Start Snakemake in the copy, in a process group of its own.

        Parameters
        ----------
        arguments : str
            Targets and options.
        cores : int
        at_start : str
            Code that every Python process of the run executes first.
        environment : str
            Further variables.

        Returns
        -------
        subprocess.Popen
            Its output, with the errors, is in `stdout`.
        """
        variables = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1"}
        variables |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
        for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH"):
            variables.pop(name, None)
        if at_start:
            (self.folder / "start").mkdir(exist_ok=True)
            (self.folder / "start/sitecustomize.py").write_text(at_start, encoding="utf-8")
            variables["PYTHONPATH"] = str(self.folder / "start")
        command = [self.python, "-m", "snakemake", "--cores", str(cores), *arguments]
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            # as a script's background jobs have it; the run would inherit that, and Ctrl-C be lost
            command = ["env", "--default-signal=INT", *command]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=variables | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(
        self,
        *arguments: str,
        cores: int = 2,
        kill_at: str = "",
        offline: bool = False,
        note_packages: bool = False,
        python_path: str = "",
        timeout: float = 900,
        timed_from_first_job: bool = False,
        end_by: signal.Signals = signal.SIGKILL,
    ) -> Run:
        """Run Snakemake in the copy, to its end.

        Parameters
        ----------
        arguments : str
            Targets and options.
        cores : int
        kill_at : str
            Part of a product's path: all processes are killed (-9) in place of the renaming
            that would give the product its name, with half of its bytes written.
        offline : bool
            Whether every attempt to reach a network is refused.
        note_packages : bool
            Whether each job notes in `PACKAGES_LOADED` what it has loaded at its end.
        python_path : str
            A folder in which Python looks for packages first.
        timeout : float
            Seconds; what is still running then is ended, which is an error.
        timed_from_first_job : bool
            Whether they begin with the first job: on a busy machine Snakemake's own start may
            take longer than all the rest.
        end_by : signal.Signals
            How: SIGINT to all, as Ctrl-C does, SIGTERM to Snakemake alone, or SIGKILL to all.
        """
        for logs in self._log_folders():
            shutil.rmtree(logs)
        at_start = (_KILLER if kill_at else "") + (_OFFLINE if offline else "")
        at_start += _NOTER if note_packages else ""
        more = {"KILL_AT": kill_at} | ({"PYTHONPATH": python_path} if python_path else {})
        process = self.start(*arguments, cores=cores, at_start=at_start, **more)
        try:
            while timed_from_first_job and process.poll() is None and not self.jobs_of_last_run():
                time.sleep(0.05)
            output, _ = process.communicate(timeout=timeout)
        except BaseException:
            if end_by == signal.SIGINT:
                os.killpg(process.pid, signal.SIGINT)
            elif end_by == signal.SIGTERM:
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=0 if end_by == signal.SIGKILL else 60)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return Run(process.returncode, output, self.jobs_of_last_run())

    def jobs_of_last_run(self) -> list[str]:
        """The jobs that the last run began, as `Run.jobs` has them."""
        return sorted(
            str(log.relative_to(logs).with_suffix(""))
            for logs in self._log_folders()
            for log in logs.rglob("*.log")
        )

    def _log_folders(self) -> list[Path]:
        """Of the products of the plane, and of named sources."""
        return [
            *self.folder.glob("results/*/logs"),
            *self.folder.glob("results/*/sources/*/logs"),
        ]

    def finished_jobs(self) -> set[str]:
        """All jobs that Snakemake has on record as finished, named like those.

        A job that was interrupted may have a record too: then a product of it is missing, or
        marked as incomplete.
        """
        known = self.folder / ".snakemake"
        finished: dict[str, bool] = {}
        for path in (known / "metadata").glob("*"):
            with contextlib.suppress(ValueError):  # cut short by a kill: not on record
                record = json.loads(path.read_text(encoding="utf-8"))
                log = Path(*Path(record["log"][0]).parts[3:])
                job = str(log.with_suffix(""))
                product = self.folder / base64.b64decode(path.name).decode()
                done = product.exists() and not (known / "incomplete" / path.name).exists()
                finished[job] = finished.get(job, True) and done and not record["incomplete"]
        return {job for job, done in finished.items() if done}

    def make(self, *arguments: str, **options) -> Run:
        """`run`, which must succeed."""
        run = self.run(*arguments, **options)
        assert run.returncode == 0, run.output
        return run

    def products(self, archive: str = "demo") -> dict[str, bytes]:
        """Path -> bytes of every product that is to be the same for the same rows.

        Left out are what tells one run or archive from another: provenance with its times, the
        descriptions of a service, and the archive's name in the summary and in the tables; shards
        are named without their digest, in which the service's address takes part.
        """
        results = self.results(archive)
        folders = (
            "catalogs",
            "plane",
            "crossmatch",
            "coverage",
            "association",
            "identification",
            "tables",
            "figures",
            "exports",
        )
        paths = {
            str(path.relative_to(results)): path
            for folder in folders
            for path in (results / folder).rglob("*")
            if path.is_file() and not path.name.endswith(".provenance.json")
        }
        # shards of other settings stay where they are; the manifest says which count
        manifest = json.loads((results / "enrichment/shards.json").read_text(encoding="utf-8"))
        for survey, shards in manifest.items():
            for shard, digest in shards.items():
                name = f"enrichment/{survey}/{shard}"
                paths[name] = results / f"{name}.{digest}.parquet"
        paths["enrichment/targets.parquet"] = results / "enrichment/targets.parquet"
        products = {name: paths[name].read_bytes() for name in sorted(paths)}
        for name in products:
            tables = name.startswith(("tables/", "exports/"))
            if tables and not products[name].startswith(_STANDS_IN):
                products[name] = without_archive(name, products[name])
        for path in (results / "summary.json", results / "summary.txt"):
            if path.exists():
                products[path.name] = without_name(path.read_bytes())
        return products


def stand_ins(products: Mapping[str, bytes]) -> set[str]:
    """Names of the products that a stand-in wrote."""
    return {name for name, content in products.items() if content.startswith(_STANDS_IN)}


def differing_products(products: Mapping[str, bytes], expected: Mapping[str, bytes]) -> list[str]:
    """Names of the products that are not the same in two runs, or in one of them only, sorted.

    What a stand-in wrote is the same as what another run has.
    """
    names = {*products, *expected}
    names -= products.keys() & expected.keys() & (stand_ins(products) | stand_ins(expected))
    return sorted(name for name in names if products.get(name) != expected.get(name))


# as the summary, ECSV, the three kinds of metadata in Parquet, VOTable, FITS and regions have it
_ARCHIVE = {
    before: re.compile(
        b"(%s)(?<=%s%s)%s" % (re.escape(before), line, re.escape(before), name), re.MULTILINE
    )
    for line, before, name in (
        (b"", b'"archive": "', rb'[^"]+'),
        (b"^", b"xgamma: archive ", rb"[^,]+"),
        (b"^", b"# - {archive: ", rb"[^}]+"),
        (b"", b'name="archive" value="', rb'[^"]+'),
        (b"", b"ARCHIVE = ", rb".{70}"),
        (b"^", b"# xgamma: archive ", rb"[^,\n]+"),
    )
}
# a service's own words for its columns, in the long tables
_WORDS = re.compile(rb"^#   (description: .*|meta: .*|- {ucd: .*)\n", re.MULTILINE)


def without_name(content: bytes) -> bytes:
    """A text less the archive's name: one place after the other, which is ten times as quick."""
    for before, place in _ARCHIVE.items():
        if before in content:
            content = place.sub(rb"\1", content)
    return content


def without_archive(name: str, content: bytes) -> bytes:
    """What a table's file holds, less the archive's name and what a service says of its columns.

    Of Parquet that is no file any more: the rows and the metadata, one after the other.
    """
    of_survey = name.startswith("tables/counterparts_")
    if not name.endswith(".parquet"):
        return without_name(_WORDS.sub(b"", content) if of_survey else content)
    table = pq.read_table(io.BytesIO(content))
    told = {key: without_name(value) for key, value in table.schema.metadata.items()}
    if of_survey:
        told = {}
        plain = pa.schema([pa.field(field.name, field.type) for field in table.schema])
        table = table.cast(plain)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.with_metadata(told)) as stream:
        stream.write_table(table.replace_schema_metadata(told).combine_chunks())
    return sink.getvalue().to_pybytes()


def shard_jobs(jobs: list[str]) -> set[str]:
    """Those of a run's jobs that asked for a shard."""
    return {job for job in jobs if job.startswith("enrichment/")}


def archive_at(
    url: str,
    *,
    one_service: bool = False,
    max_requests: int = 2,
    modes: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """The config's block of an archive whose services stand behind `url`.

    Parameters
    ----------
    url : str
    one_service : bool
        Whether one service, at `url` itself, has all tables.
    max_requests : int
    modes : mapping, optional
        Service -> sync or async; sync, if it is not there.
    """
    services = {
        name: {
            "url": url if one_service else f"{url}/{name}/tap",
            "max_requests": max_requests,
            "mode": (modes or {}).get(name, "sync"),
            "upload": True,
        }
        for name in ("heasarc", "gaia", "irsa")
    }
    return {"simulated": True, "services": services}


class ShardsSeen:
    """Contents of the shards that were asked for already, survey by survey."""

    def __init__(self) -> None:
        self._seen: set[tuple] = set()

    def new_ones(self, project: ProjectCopy, archive: str = "demo") -> set[str]:
        """The shards, as jobs, whose targets were never asked for before."""
        results = project.results(archive)
        targets = read_parquet(results / "enrichment/targets.parquet")
        manifest = json.loads((results / "enrichment/shards.json").read_text(encoding="utf-8"))
        new = set()
        for survey, shards in manifest.items():
            assert set(shards) == set(targets["shard"])
            for shard, digest in shards.items():
                rows = targets[targets["shard"] == shard].drop(columns="target_id")
                content = (survey, shard, *rows.itertuples(index=False, name=None))
                if content not in self._seen:
                    new.add(f"enrichment/{survey}/{shard}.{digest}")
                self._seen.add(content)
        return new
