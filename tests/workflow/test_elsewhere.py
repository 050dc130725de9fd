"""The workflow from another folder, as a module, in folders with odd names; and never hurried."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from project_copy import ProjectCopy, archive_at, differing_products, stand_ins

pytestmark = pytest.mark.timeout(600)

#: As snakedeploy writes it, but for the name of the rules and the prefix.
SNAKEFILE = """\
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


module xgamma:
    snakefile:
        {source}
    config:
        config
    prefix:
        "{prefix}"


use rule * from xgamma as xgamma_*


onsuccess:
    xgamma.onsuccess()
"""


def files_of(folder: Path) -> dict[str, int]:
    """Path -> time of the last change of every file; bytecode is not counted."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def left_as_it_is(project: ProjectCopy) -> Iterator[Path]:
    before = files_of(project.folder)
    yield project.folder
    assert files_of(project.folder) == before


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Iterator[Path]:
    """The workflow alone, for several users: it stays as it is, whatever they do."""
    yield from left_as_it_is(ProjectCopy(tmp_path_factory.mktemp("checkout") / "xgamma"))


@pytest.fixture(scope="module")
def checkout_without_figures(tmp_path_factory) -> Iterator[Path]:
    """The same, but for most figures: what draws knows of no path but its own."""
    project = ProjectCopy(tmp_path_factory.mktemp("without_figures") / "xgamma")
    # whose table is shown on a page
    yield from left_as_it_is(project.with_stand_ins("plot_*", but=["plot_subsample"]))


def user_of(folder: Path, source: str, prefix: str = "") -> ProjectCopy:
    """A folder of a user who has the workflow as a module."""
    for name, text in (
        ("workflow/Snakefile", SNAKEFILE.format(source=source, prefix=prefix)),
        ("config/config.yaml", "archive: demo\n"),
    ):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text, encoding="utf-8")
    return ProjectCopy.at(folder)


# another folder


@pytest.fixture(scope="module")
def elsewhere(demo_run, tmp_path_factory) -> ProjectCopy:
    """A user's folder with the demo's products, and nothing of the workflow."""
    folder = tmp_path_factory.mktemp("elsewhere") / "sky"
    for name in (".snakemake", "results"):
        shutil.copytree(demo_run.project.folder / name, folder / name)
    return ProjectCopy.at(folder)


def test_products_are_the_same_wherever_the_workflow_lies(elsewhere, checkout, demo_run, tmp_path):
    """Its place takes part in no input and no setting; its profile and its config are found."""
    (elsewhere.results() / "summary.txt").unlink()
    options = ("-s", str(checkout / "Snakefile"))
    run = elsewhere.make(*options)
    assert run.jobs == ["provenance", "publish_documents", "publish_front", "summarize"]
    assert f"profile {checkout}/profiles/default" in run.output.replace("\n", " ")
    assert elsewhere.products() == demo_run.project.products()
    # the same by --directory, from a folder that has nothing to do with it
    other = ProjectCopy.at(tmp_path)
    run = other.make(*options, "--directory", str(elsewhere.folder))
    assert "Nothing to be done" in run.output
    assert list(tmp_path.iterdir()) == []


def test_a_config_of_ones_own_is_taken_and_a_configfile_on_top(elsewhere, checkout):
    config = elsewhere.folder / "config/config.yaml"
    config.parent.mkdir()
    config.write_text("subsample: {classes: [PSR]}\nfigures: {dpi: 60}\n", encoding="utf-8")
    shipped = elsewhere.configure("dpi.yaml", {"figures": {"dpi": 150}})
    options = ("-s", str(checkout / "Snakefile"), "--dry-run", "--configfile", shipped)
    run = elsewhere.make(*options)
    assert run.planned == {
        "plot_subsample": 1, "publish_documents": 1, "provenance": 1, "all": 1,
    }  # fmt: skip


# a module, with a prefix, in a folder that a shell would read wrongly


@pytest.fixture(scope="module")
def module(checkout_without_figures, tmp_path_factory) -> ProjectCopy:
    """A user's folder after a run, with neither a profile nor a Python without blanks."""
    folder = tmp_path_factory.mktemp("module") / "it's my ü sky"
    user = user_of(folder, f'"{checkout_without_figures}/workflow/Snakefile"', "sub/")
    (folder / ".venv").symlink_to(sys.prefix)
    user.python = str(folder / ".venv/bin/python")
    run = user.make()
    assert "xgamma: products are under sub/results/demo/, made from answers of " in run.output
    return user


def test_a_module_makes_the_same_products_under_its_prefix(module, demo_run):
    moved = ProjectCopy.at(module.folder / "sub")
    products = moved.products()
    assert differing_products(products, demo_run.project.products()) == []
    assert {name.partition("/")[0] for name in stand_ins(products)} == {"figures"}
    assert moved.jobs_of_last_run() == demo_run.run.jobs
    assert sorted(path.name for path in module.folder.iterdir()) == [
        *(".snakemake", ".venv", "config", "sub", "workflow")
    ]
    assert "Nothing to be done" in module.make("--dry-run").output


def test_what_a_module_makes_can_be_bundled_and_held_against_the_archive(module):
    output = module.make("xgamma_bundle", "xgamma_drift").output
    assert re.search(r"xgamma: sub/results/demo\.zip has \d+ files", output)
    assert "nothing has changed" in output


# a source that is not on this machine, as snakedeploy writes it


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("installed", [True, False])
def test_a_source_on_github_needs_the_library(checkout, tmp_path, monkeypatch, installed):
    """It is in Snakemake's cache already, so that nobody is asked for it."""
    cached = "snakemake/snakemake/source-cache/snakemake-git-cache/github.com/someone/xgamma"
    repository = tmp_path / "cache" / cached
    ProjectCopy(repository)
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "all")
    commit = git(repository, "rev-parse", "HEAD")
    source = f'github("someone/xgamma", path="workflow/Snakefile", commit="{commit}")'
    user = user_of(tmp_path / "user", source)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hide = "" if installed else "import sys; sys.modules['xgamma'] = None"
    process = user.start("--dry-run", at_start=hide)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == (0 if installed else 1), output
    if installed:
        assert "xgamma_describe_service" in output
    else:
        assert "Traceback" not in output
        assert (
            "xgamma: the library cannot be imported from github.com/someone/xgamma/workflow/rules"
            f"@{commit}, and it is not installed: clone the repository, and give its Snakefile by "
            'path (snakefile: "CLONE/workflow/Snakefile")' in output
        )


# requests at a time


@contextlib.contextmanager
def counting_server() -> Iterator[tuple[str, list[int]]]:
    """A server that takes its time and refuses: its address, and how many it had at a time."""
    at_once, lock, counts = set(), threading.Lock(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                at_once.add(self)
                counts.append(len(at_once))
            time.sleep(3)
            with lock:
                at_once.discard(self)
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", counts
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("most", "as_module"), [(1, False), (2, True)])
def test_no_more_requests_at_a_time_than_allowed(checkout, tmp_path, most, as_module):
    """Three services on one host, without the profile that gave the total of slots once.

    But in the module, they have names of the user's choice.
    """
    user = user_of(tmp_path / "user", f'"{checkout}/workflow/Snakefile"')
    # other resources on the command line replace those of a profile
    beside = ["-s", str(checkout / "Snakefile"), "--resources", "mem_mb=8000"]
    options = [] if as_module else beside
    with counting_server() as (url, counts):
        archive, surveys = archive_at(url, max_requests=most), {}
        if not as_module:
            names = {"heasarc": "centre", "gaia": "esa", "irsa": "cds_1"}
            served = {names[name]: block for name, block in archive["services"].items()}
            archive |= {"services": served, "catalogs_at": "centre"}
            shipped = yaml.safe_load((checkout / "config/config.yaml").read_text(encoding="utf-8"))
            surveys = {"surveys": shipped["surveys"]}
            for survey in shipped["surveys"].values():
                survey["service"] = names[survey["service"]]
        tap = {"attempts": 1, "timeout_s": 60, "deadline_s": 60}
        settings = {"archive": "slow", "archives": {"slow": archive}, "tap": tap} | surveys
        options += ["--configfile", user.configure("slow.yaml", settings)]
        run = user.run(*options, "--keep-going", cores=4)
    assert run.returncode == 1, run.output
    asked = {re.match(r"describe_service_(\w+)", job)[1] for job in run.jobs}
    assert asked == {*archive["services"]} and len(asked) == 3
    assert len(counts) >= 3 and max(counts) <= most


def test_a_folder_that_cannot_be_worked_in_is_named(checkout, tmp_path):
    folder = tmp_path / "a{b}"
    folder.mkdir()
    run = ProjectCopy.at(folder).run("-s", str(checkout / "Snakefile"))
    assert run.returncode == 1 and run.jobs == []
    (line,) = [line for line in run.output.splitlines() if line.startswith("xgamma")]
    assert line.startswith(f"xgamma cannot work with the folder {folder}: ")
    assert not os.listdir(folder) or os.listdir(folder) == [".snakemake"]
