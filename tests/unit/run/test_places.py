"""Where the workflow's files and a job's products lie, and which folders cannot be worked in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xgamma.errors import XgammaError
from xgamma.run import places


@pytest.mark.parametrize(
    ("log", "folder"),
    [
        ("results/demo/logs/crossmatch.log", "results/demo"),
        ("results/demo/logs/enrichment/gaia/healpix0-001.0123456789abcdef.log", "results/demo"),
        # a prefix of a module, and one in the place of `results`
        ("sub/logs/results/demo/logs/enrichment/gaia/a.log", "sub/logs/results/demo"),
        ("sky/demo/logs/crossmatch.log", "sky/demo"),
        # archives and surveys may be called as they like
        ("results/logs/logs/crossmatch.log", "results/logs"),
        ("results/logs/logs/enrichment/logs/a.log", "results/logs"),
        ("results/enrichment/logs/crossmatch.log", "results/enrichment"),
        ("results/enrichment/logs/enrichment/logs/a.log", "results/enrichment"),
    ],
)
def test_the_folder_of_a_job(log, folder):
    assert places.results_folder(log) == Path(folder)


def test_files_of_the_workflow_lie_beside_the_library(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert places.workflow_file(places.FERMI_LIST).is_file()
    with pytest.raises(XgammaError, match=r"^nothing\.txt of the workflow is not beside .*clone"):
        places.workflow_file("nothing.txt")


@pytest.mark.parametrize("name", ["it's my sky", "Himmelsdurchmusterung ü", 'a"b$c`d', "(a)[b]*"])
def test_folders_that_do_no_harm(name):
    places.check_folders(f"/home/{name}")


@pytest.mark.parametrize("character", "\\?{}:")
def test_folders_that_cannot_be_worked_in(character, monkeypatch):
    folder = f"/home/a{character}b"
    named = f"{folder}: packages that it uses fail with {character} in a path"
    with pytest.raises(XgammaError) as error:
        places.check_folders(folder)
    assert named in str(error.value) and "\n" not in str(error.value)
    monkeypatch.setattr(places, "_WORKFLOW", Path(folder))
    with pytest.raises(XgammaError) as error:
        places.check_folders("/home")
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("folder", "command"), [("it's my ü sky", "python"), ("plain", "{folder}/python")]
)
def test_a_shell_finds_the_interpreter(folder, command, tmp_path, monkeypatch):
    """Snakemake writes sys.executable into commands as it is."""
    folder = tmp_path / folder
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    places.name_interpreter_plainly()
    assert sys.executable == command.format(folder=folder)
    code = "import sys; print(sys.executable)"
    done = subprocess.run(
        f"{sys.executable} -c '{code}'", shell=True, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(folder / "python")
