"""A run repeated from its kept answers, by someone who has nothing but the bundle."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from project_copy import ProjectCopy, Run, archive_at

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def bundle(demo_run, tmp_path_factory) -> Path:
    project = ProjectCopy(tmp_path_factory.mktemp("bundle") / "project", demo_run.project)
    run = project.make("bundle")
    assert run.jobs == ["bundle"]
    assert "xgamma: results/demo.zip has " in run.output
    return project.folder / "results/demo.zip"


@pytest.fixture(scope="module")
def replayed(bundle, tmp_path_factory) -> tuple[ProjectCopy, Run]:
    """The bundle, unpacked elsewhere and replayed while no network can be reached."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    project = ProjectCopy.at(folder / "xgamma-demo")
    return project, project.make("replay", offline=True)


def test_the_bundle_holds_no_sky_and_nothing_twice(bundle):
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    assert not [name for name in names if "archive/sky" in name or "/tests/" in name]
    module = "workflow/lib/xgamma/archive/client.py"
    for wanted in ("Snakefile", "Makefile", "requirements.lock", module):
        assert f"xgamma-demo/{wanted}" in names


def test_the_network_is_blocked_in_a_replay(tmp_path):
    """The block itself: without it the tests below would prove nothing."""
    project = ProjectCopy(tmp_path / "project")
    archive = archive_at("http://127.0.0.1:9/tap", one_service=True, max_requests=1)
    settings = {"archive": "x", "archives": {"x": archive}, "tap": {"attempts": 1}}
    run = project.run("--configfile", project.configure("x.yaml", settings), offline=True)
    assert run.returncode == 1 and sorted(run.jobs) == [
        f"describe_service_{s}" for s in ("gaia", "heasarc", "irsa")
    ]
    # a network that is there would say that the connection was refused
    assert "does not answer" in run.output and "refused" not in run.output


def test_a_replay_gives_the_same_bytes(demo_run, replayed):
    project, run = replayed
    ours, theirs = project.products("replay"), demo_run.project.products()
    assert set(ours) == set(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert {"summary.json", "summary.txt", "crossmatch/verification.json"} <= set(ours)
    for ending in (".parquet", ".ecsv", ".csv", ".vot", ".png"):
        assert any(name.endswith(ending) for name in ours), ending
    for name in ("summary.json", "summary.txt", "services/gaia.ecsv"):
        # what `products` leaves out or blanks
        there = demo_run.project.results() / name
        assert (project.results("replay") / name).read_bytes() == there.read_bytes()
    assert "build_demo_sky" not in run.jobs


def test_a_replay_says_so(demo_run, replayed):
    project, run = replayed
    path = demo_run.project.results() / "provenance.json"
    products = json.loads(path.read_text(encoding="utf-8"))["products"]
    said = f"xgamma: all {len(products)} products are byte-identical to those of results/demo"
    assert said in run.output.splitlines()
    crates = [
        (one.results(name) / "ro-crate-metadata.json").read_text(encoding="utf-8")
        for one, name in ((project, "replay"), (demo_run.project, "demo"))
    ]
    dates = [
        entity["datePublished"]
        for crate in crates
        for entity in json.loads(crate)["@graph"]
        if entity["@id"] == "./"
    ]
    assert dates[0] == dates[1]


def test_a_bundle_of_the_bundle_has_the_same_bytes(bundle, replayed):
    project, _ = replayed
    project.make("bundle", "--config", "archive=demo")
    assert (project.folder / "results/demo.zip").read_bytes() == bundle.read_bytes()


def test_a_second_replay_only_compares_and_names_what_differs(replayed, tmp_path):
    project = ProjectCopy(tmp_path / "project", replayed[0])
    path = project.results() / "provenance.json"
    provenance = json.loads(path.read_text(encoding="utf-8"))
    provenance["products"]["figures/offsets.png"]["sha256"] = "0" * 64
    path.write_text(json.dumps(provenance), encoding="utf-8")
    # no answer of a replay comes from the simulation, so its code does not matter
    with open(project.folder / "workflow/lib/xgamma/demo/server/transport.py", "a") as module:
        module.write("# edited\n")
    run = project.run("replay", offline=True)
    assert run.returncode == 1 and run.jobs == ["replay"]
    line = next(line for line in run.output.splitlines() if line.startswith("xgamma: "))
    count = len(provenance["products"])
    assert f"{count - 1} of {count} products are byte-identical" in line
    assert "not so figures/offsets.png" in line


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_damaged_answer_is_named(replayed, tmp_path, damage):
    project = ProjectCopy(tmp_path / "project", replayed[0])
    shutil.rmtree(project.results("replay"))
    (record,) = [
        path
        for path in (project.results() / "answers/queries").rglob("*.json")
        if "FROM TAP_SCHEMA.columns WHERE table_name IN ('fp_psc')" in path.read_text()
    ]
    body = json.loads(record.read_text(encoding="utf-8"))["body"]
    path = project.results() / f"answers/bodies/{body[:2]}/{body}.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    if damage == "altered":
        path.write_bytes(content)
    run = project.run("results/replay/services/irsa.ecsv", offline=True)
    assert run.returncode == 1 and "Traceback" not in run.output
    line = next(line for line in run.output.splitlines() if line.startswith("xgamma: "))
    assert path.relative_to(project.folder).as_posix() in line
    assert "WHERE table_name IN ('fp_psc')" in line
    assert not (project.results("replay") / "services").exists()
