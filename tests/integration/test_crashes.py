"""A kill in every way of writing, settings that change, and every kind of division into shards.

The quick forms of these are in tests/workflow/test_demo_run.py.
"""

from __future__ import annotations

import json
import shutil

import pytest
from project_copy import AFTER_ASKING, ProjectCopy, differing_products, shard_jobs

from xgamma.tables.files import read_parquet

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

# Product asked for, and the file in whose writing the run is killed: one of each way in which rules
# write. In the order of the workflow. A folder stands for one of its shards. That a shard's table
# is written after its record, tests/workflow/test_demo_run.py holds for all shards. Tables of
# several surveys are in the next test.
KILLS = [
    # a database, a table, a record: the last of three
    ("archive/sky.duckdb", "archive/sky.json"),
    # a table with its record, in this order: the table is there already
    ("catalogs/csc.parquet", "catalogs/csc.provenance.json"),
    # what a job notes of itself before it makes anything
    ("crossmatch/joined.parquet", "lineage/crossmatch.json"),
    # the file that other rules rest on, when its companions are there
    ("crossmatch/pairs.parquet", "crossmatch/pairs.parquet"),
    # a checkpoint, in its first file and in its last
    ("enrichment/shards.json", "enrichment/targets.parquet"),
    ("enrichment/shards.json", "enrichment/shards.json"),
    # its name says what is in it, whatever Snakemake knows of it
    ("enrichment/gaia/", "enrichment/gaia/"),
    # figures, then tables
    ("figures/class_shares.png", "tables/class_subsample.ecsv"),
    # what rests on all others
    ("provenance.json", "ro-crate-metadata.json"),
]


def test_kill_in_every_way_of_writing(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project")
    project.with_stand_ins(*AFTER_ASKING, but=["merge_enrichment", "plot_subsample"])
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
    assert differing_products(project.products(), demo_run.project.products()) == []
    assert not list(project.results().rglob(".*.part"))
    assert project.make().jobs == []


def test_another_setting_after_a_kill_leaves_nothing_stale(demo_run, tmp_path):
    target = "results/demo/tables/grouped_csc_fermi_gaia_2mass_pairs.csv"
    first, second = (
        {"enrichment": {"radius_deg": radius, "csc_radius_arcsec": 1, "nearest": nearest}}
        for radius, nearest in ((0.025, 3), (0.02, 2))
    )
    projects = {}
    for name in ("killed", "plain"):
        project = projects[name] = ProjectCopy(tmp_path / name, demo_run.project)
        if name == "plain":
            # no shard of another setting is there to be taken for one of this
            shutil.rmtree(project.results() / "enrichment")
        if name == "killed":
            settings = project.configure("first.yaml", first)
            for writing in ("enrichment/gaia/", "tables/counterparts_twomass.parquet"):
                run = project.run(target, "--configfile", settings, kill_at=writing)
                assert run.returncode == -9, run.output
        project.make(target, "--configfile", project.configure("second.yaml", second))
    assert projects["killed"].products() == projects["plain"].products()


def test_shards_do_not_show(demo_run, tmp_path):
    """However the sources are divided, and on however many cores: the same bytes."""
    target = "results/demo/tables/grouped_csc_fermi_gaia_2mass_pairs.csv"
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    made, numbers = {}, {}
    # the coarsest division, and the finest
    for by, cores in (("healpix", 2), ("source", 1)):
        settings = {
            "sky": {"latitude_cut_deg": 0.03},
            "enrichment": {"shards": {"by": by, "order": 0, "targets": 0}},
        }
        # nothing of the others is there to be used, nor any kept answer
        for folder in ("answers", "enrichment", "tables"):
            shutil.rmtree(project.results() / folder)
        run = project.make(
            target, "--configfile", project.configure("shards.yaml", settings), cores=cores
        )
        numbers[by] = len(shard_jobs(run.jobs))
        made[by] = {
            product: content
            for product, content in project.products().items()
            if product.startswith(("tables/grouped_csc_fermi_gaia", "tables/counterparts"))
        }
    # of the pairs, and those that have a likely counterpart beyond them
    targets = read_parquet(project.results() / "enrichment/targets.parquet")
    assert numbers["source"] == 2 * targets["fermi_name"].nunique()
    assert 2 < numbers["healpix"] < numbers["source"]
    assert len(made["source"]) == 6 and made["source"] == made["healpix"]
