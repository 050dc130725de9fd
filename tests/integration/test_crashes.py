"""A kill inside every rule, and settings that change, on the whole demo sky.

The quick forms of these are in tests/workflow/test_demo_run.py.
"""

from __future__ import annotations

import json

import pytest
from project_copy import ProjectCopy, ShardsSeen, shard_jobs

from xgamma.tables import read_parquet

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

# Product asked for, and the file in whose writing the run is killed: every rule, and every
# output of those that have several which others build on. In the order of the workflow. A folder
# stands for one of its shards.
KILLS = [
    ("archive/sky.duckdb", "archive/sky.duckdb"),
    ("archive/sky.duckdb", "archive/truth.parquet"),
    ("archive/sky.duckdb", "archive/sky.json"),
    ("services/columns.ecsv", "services/columns.ecsv"),
    ("services/columns.ecsv", "services/columns.provenance.json"),
    ("catalogs/csc.parquet", "catalogs/csc.parquet"),
    ("catalogs/csc.parquet", "catalogs/csc.provenance.json"),
    ("plane/fermilpsc.parquet", "plane/fermilpsc.parquet"),
    ("crossmatch/pairs.parquet", "crossmatch/pairs.parquet"),
    ("crossmatch/pairs.parquet", "crossmatch/excluded.ecsv"),
    ("crossmatch/verification.json", "crossmatch/verification.json"),
    ("tables/csc_fermi_pairs.ecsv", "tables/grouped_csc_fermi_pairs.csv"),
    ("enrichment/shards.json", "enrichment/targets.parquet"),
    ("enrichment/shards.json", "enrichment/shards.json"),
    ("enrichment/gaia/", "enrichment/gaia/"),
    ("enrichment/twomass/", "enrichment/twomass/"),
    ("tables/counterparts_gaia.ecsv", "tables/counterparts_gaia.parquet"),
    ("tables/counterparts_gaia.ecsv", "tables/grouped_csc_fermi_gaia_2mass_pairs.csv"),
    ("summary.txt", "summary.json"),
    ("summary.txt", "summary.txt"),
    ("figures/exposure_map.png", "figures/exposure_map.png"),
    ("figures/plane_map.png", "figures/plane_map.png"),
    ("figures/separations.png", "figures/separations.png"),
    ("figures/offsets.png", "figures/offsets.png"),
    ("figures/class_shares.png", "tables/class_subsample.ecsv"),
    ("provenance.json", "provenance.json"),
    ("provenance.json", "ro-crate-metadata.json"),
]


def test_kill_inside_every_rule(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project")
    for product, writing in KILLS:
        if writing.endswith("/"):
            project.make("results/demo/enrichment/shards.json")
            path = project.results() / "enrichment/shards.json"
            manifest = json.loads(path.read_text(encoding="utf-8"))
            shard, digest = next(iter(manifest[writing.split("/")[1]].items()))
            product = writing = f"{writing}{shard}.{digest}.parquet"
        killed = project.run(f"results/demo/{product}", kill_at=f"results/demo/{writing}")
        assert killed.returncode == -9, (writing, killed.output)
        assert not (project.results() / writing).exists()
    project.make()
    ours, theirs = project.products(), demo_run.project.products()
    assert set(ours) == set(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert not list(project.results().rglob(".*.part"))
    assert project.make().jobs == []


def test_another_setting_after_a_kill_leaves_nothing_stale(demo_run, tmp_path):
    target = "results/demo/tables/grouped_csc_fermi_gaia_2mass_pairs.csv"
    strip = {"sky": {"latitude_cut_deg": 0.05}}
    changed = {**strip, "enrichment": {"radius_deg": 0.02, "csc_radius_arcsec": 1, "nearest": 2}}
    projects = {}
    for name in ("killed", "plain"):
        project = projects[name] = ProjectCopy(tmp_path / name, demo_run.project)
        if name == "killed":
            settings = project.configure("strip.yaml", strip)
            for writing in ("enrichment/gaia/", "tables/counterparts_twomass.parquet"):
                run = project.run(target, "--configfile", settings, kill_at=writing)
                assert run.returncode == -9, run.output
        project.make(target, "--configfile", project.configure("changed.yaml", changed))
    assert projects["killed"].products() == projects["plain"].products()


def test_latitude_cut_up_down_and_back(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    results = project.results()
    seen = ShardsSeen()
    seen.new_ones(project)
    asked = []
    for cut in (12, 9, 10, 12, 9):
        settings = project.configure("cut.yaml", {"sky": {"latitude_cut_deg": cut}})
        run = project.make("results/demo/tables/counterparts_gaia.ecsv", "--configfile", settings)
        shards = shard_jobs(run.jobs)
        assert shards == seen.new_ones(project), cut
        asked.append((cut, bool(shards)))
        assert read_parquet(results / "crossmatch/pairs.parquet")["fermi_b"].abs().max() <= cut
        if cut == 10:
            for survey in ("gaia", "twomass"):
                name = f"tables/counterparts_{survey}.parquet"
                assert project.products()[name] == demo_run.project.products()[name]
    assert asked == [(12, True), (9, True), (10, False), (12, False), (9, False)]


def test_cores_and_shards_do_not_show(demo_run, tmp_path):
    target = "results/demo/tables/grouped_csc_fermi_gaia_2mass_pairs.csv"
    strip = {"sky": {"latitude_cut_deg": 0.2}}
    made = {}
    for name, cores, shards in (
        ("two cores", 2, {"by": "healpix", "order": 1}),
        ("one core", 1, {"by": "healpix", "order": 1}),
        ("large cells", 2, {"by": "healpix", "order": 0}),
        ("by source", 2, {"by": "source"}),
    ):
        project = ProjectCopy(tmp_path / name, demo_run.project)
        if name != "by source":
            # made anew, so that the number of cores matters
            for path in (project.results() / "enrichment").rglob("*.parquet"):
                path.unlink()
        settings = {**strip, "enrichment": {"shards": shards}}
        project.make(target, "--configfile", project.configure("s.yaml", settings), cores=cores)
        made[name] = {
            product: content
            for product, content in project.products().items()
            if product.startswith(("tables/grouped", "tables/counterparts", "crossmatch/"))
        }
    for name, products in made.items():
        assert products == made["two cores"], name
