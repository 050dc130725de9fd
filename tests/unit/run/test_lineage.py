"""What jobs note of their products: read back, and there before anything is made."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from xgamma.errors import XgammaError
from xgamma.run.job import job
from xgamma.run.lineage import all_sources, note_lineage, read_lineage

SHARD_JOB = "enrichment/gaia/healpix0-004.0123456789abcdef"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Snakemake's paths are relative to the project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def note(job_name, inputs, outputs, archive="demo"):
    folder = Path("results", archive)
    note_lineage(
        folder,
        job_name,
        [f"{folder}/{path}" for path in inputs],
        [f"{folder}/{path}" for path in outputs],
    )


def test_what_was_noted_is_read(project):
    note("crossmatch", ["services/heasarc.ecsv"], ["crossmatch/joined.parquet"])
    note("plot_plane", ["plane/csc.parquet"], ["figures/a.png", "figures/b.png"])
    note(SHARD_JOB, ["enrichment/targets.parquet"], [f"{SHARD_JOB}.parquet"])
    # of an earlier setting, and of another archive
    note("enrichment/gaia/healpix0-005.0123456789abcdef", [], ["enrichment/gaia/old.parquet"])
    note("crossmatch", ["services/irsa.ecsv"], ["crossmatch/joined.parquet"], archive="live")
    assert read_lineage("results/demo", [SHARD_JOB]) == {
        "crossmatch/joined.parquet": ["services/heasarc.ecsv"],
        "figures/a.png": ["plane/csc.parquet"],
        "figures/b.png": ["plane/csc.parquet"],
        f"{SHARD_JOB}.parquet": ["enrichment/targets.parquet"],
    }


def test_each_input_once_and_none_from_outside(project):
    inputs = ["results/demo/a.csv", "results/demo/a.csv", "resources/4fgl.ecsv.gz"]
    note_lineage(Path("results/demo"), "x", inputs, ["results/demo/b.csv"])
    assert read_lineage("results/demo", []) == {"b.csv": ["a.csv"]}


def test_the_newest_note_of_a_product_counts(project):
    """A rule that is renamed leaves the note of its old name."""
    for names in (("join", "crossmatch"), ("crossmatch", "join")):
        for number, name in enumerate(names):
            note(name, [f"{number}.csv"], ["pairs.csv"])
        assert read_lineage("results/demo", []) == {"pairs.csv": ["1.csv"]}


def test_a_note_that_cannot_be_read_is_named(project):
    note("crossmatch", [], ["pairs.csv"])
    (project / "results/demo/lineage/crossmatch.json").write_text("{")
    with pytest.raises(XgammaError, match=r"lineage/crossmatch\.json cannot be read .*--forceall"):
        read_lineage("results/demo", [])


def test_no_notes_at_all(project):
    assert read_lineage("results/demo", [SHARD_JOB]) == {}


def test_all_sources_by_hand():
    made_from = {"d": ["b", "c"], "c": ["a"], "b": ["a"], "e": ["d"]}
    assert all_sources("d", made_from) == {"a", "b", "c", "d"}
    assert all_sources("a", made_from) == {"a"}
    # a circle, which Snakemake does not let happen, is no endless loop
    assert all_sources("x", {"x": ["y"], "y": ["x"]}) == {"x", "y"}


def a_job(folder="results/demo", **changes):
    files = {
        "log": [f"{folder}/logs/x.log"],
        "input": [f"{folder}/a.csv"],
        "output": [f"{folder}/b.csv"],
    }
    return SimpleNamespace(**{**files, **changes})


@pytest.fixture
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("folder", ["results/demo", "sub/folder/results/demo"])
def test_a_job_notes_before_it_makes_anything(project, sigterm_as_before, folder):
    """Also where a module's prefix puts its files."""
    with job(a_job(folder)) as results:
        assert read_lineage(folder, []) == {"b.csv": ["a.csv"]}
    assert results == Path(folder)


def test_a_job_without_products_notes_nothing(project, sigterm_as_before):
    with job(a_job(output=[])):
        pass
    assert [path.name for path in (project / "results/demo").iterdir()] == ["logs"]


KILLED = """
import os, signal
from types import SimpleNamespace
from xgamma.run.job import job

files = {"log": ["results/demo/logs/x.log"], "input": ["results/demo/new.csv"]}
if {at_the_note}:
    os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
with job(SimpleNamespace(**files, output=["results/demo/b.csv"])):
    open("results/demo/b.csv", "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("at_the_note", [True, False])
def test_a_product_is_never_without_its_note(project, at_the_note):
    """Killed while it writes the note: the note of before is whole, and there is no product."""
    note("x", ["old.csv"], ["b.csv"])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = KILLED.replace("{at_the_note}", str(at_the_note))
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    noted = json.loads((project / "results/demo/lineage/x.json").read_text())["from"]
    made = (project / "results/demo/b.csv").exists()
    assert (made, noted) == ((False, ["old.csv"]) if at_the_note else (True, ["new.csv"]))
