"""Both catalogues as files: their pairs, an edit of one of them, and what is on record."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from own_list import pairs_by_hand, shipped, write_fits
from project_copy import AFTER_ASKING, ProjectCopy

from xgamma.tables.files import read_parquet

pytestmark = pytest.mark.timeout(300)


def test_two_files_and_an_edit_of_one(demo_run, tmp_path):
    """Nobody has both catalogues to join them; a file is known by its content, not its time."""
    project = ProjectCopy(tmp_path / "project").with_stand_ins(*AFTER_ASKING)
    shutil.copytree(demo_run.project.results() / "archive", project.results() / "archive")
    catalogue = demo_run.project.results() / "catalogs/csc.parquet"
    shutil.copy(catalogue, project.folder / "mine.parquet")
    fermi, csc = shipped("fl16y_v41"), read_parquet(catalogue)
    files = {
        "fermilpsc": {"file": "gll_psc_v41.fit", "release": "FL16Y"},
        "csc": {"file": "mine.parquet", "release": "2.1"},
    }
    settings = project.configure("files.yaml", {"catalogs": files})
    target = "results/demo/crossmatch/pairs.parquet"

    def pairs():
        made = read_parquet(project.folder / target)
        return set(zip(made["fermi_name"], made["csc_name"], strict=True))

    write_fits(project.folder / "gll_psc_v41.fit", fermi)
    project.make(target, "--configfile", settings)
    expected = pairs_by_hand(fermi, csc)
    assert pairs() == expected and len(expected) > 1000
    # the file has what the list has, and the same as a service that serves it
    listed = read_parquet(project.results() / "catalogs/fermilpsc.parquet").set_index("name")
    for name in ("ra", "bii", "semi_major_axis_95", "energy_flux", "assoc_fgl"):
        assert listed[name].equals(fermi.set_index("name")[name].sort_index()), name

    gone = max(expected)[0]
    write_fits(project.folder / "gll_psc_v41.fit", fermi[fermi["name"] != gone])
    os.utime(project.folder / "mine.parquet")
    run = project.make(target, "--configfile", settings)
    assert sorted(run.jobs) == ["crossmatch", "fetch_catalog_fermilpsc", "verify_crossmatch"]
    assert pairs() == {pair for pair in expected if pair[0] != gone}
    record = project.results() / "crossmatch/joined.provenance.json"
    answers = json.loads(record.read_text(encoding="utf-8"))["answers"]
    assert [(one["url"], one["rows"], one["started"]) for one in answers] == [
        ("file mine.parquet", len(csc), ""),
        ("file gll_psc_v41.fit", 7223, ""),
    ]
