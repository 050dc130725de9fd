"""What runs again, and what comes out: after nothing, after an edit, after a kill.

Which jobs ran is read from their logs, not from what Snakemake says.
"""

from __future__ import annotations

import json
import shutil

import pytest
from project_copy import ProjectCopy

from xgamma.tables import read_parquet

# one worker: the run that these tests share takes a minute
pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("demo_run")]

FINAL_TABLES = [
    f"results/demo/tables/{name}"
    for name in ("grouped_csc_fermi_gaia_2mass_pairs.csv", "csc_fermi_pairs.ecsv")
]
SMALL_CUT = {"sky": {"latitude_cut_deg": 0.05}}


def final_tables(project: ProjectCopy) -> dict[str, bytes]:
    """Those that FINAL_TABLES rest on, and that are made with them."""
    made = ("crossmatch/", "tables/csc_", "tables/grouped_", "tables/counterparts_")
    return {name: what for name, what in project.products().items() if name.startswith(made)}


def shard_jobs(jobs: list[str]) -> set[str]:
    return {job for job in jobs if job.startswith("enrichment/")}


class ShardsSeen:
    """Contents of the shards that were asked for already, survey by survey."""

    def __init__(self) -> None:
        self._seen: set[tuple] = set()

    def new_ones(self, project: ProjectCopy) -> set[str]:
        """The shards, as jobs, whose targets were never asked for before."""
        results = project.results()
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


def test_first_run_makes_everything_once(demo_run):
    jobs = demo_run.run.jobs
    assert len(jobs) == len(set(jobs))
    assert ShardsSeen().new_ones(demo_run.project) == shard_jobs(jobs)
    assert not list(demo_run.project.results().rglob(".*.part"))


def test_second_run_does_nothing(demo_run):
    run = demo_run.project.make()
    assert run.jobs == []
    assert "Nothing to be done" in run.output


def test_resolution_redraws_figures_only(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    coarse = project.configure("coarse.yaml", {"figures": {"dpi": 60}})
    planned = project.make("--dry-run", "--configfile", coarse).planned
    assert planned.pop("all") == 1
    assert set(planned) == {
        f"plot_{name}"
        for name in ("observations", "plane", "associations", "counterparts", "subsample")
    }
    figure = "results/demo/figures/exposure_map.png"
    before = (project.folder / figure).read_bytes()
    assert project.make(figure, "--configfile", coarse).jobs == ["plot_observations"]
    assert len((project.folder / figure).read_bytes()) < len(before)


@pytest.fixture(scope="module")
def small_cut(demo_run, tmp_path_factory) -> ProjectCopy:
    """A narrow strip of the plane, as the default settings and two cores make it."""
    project = ProjectCopy(tmp_path_factory.mktemp("strip") / "project", demo_run.project)
    project.make(*FINAL_TABLES, "--configfile", project.configure("strip.yaml", SMALL_CUT))
    return project


def test_latitude_cut_asks_for_new_shards_only(small_cut, demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project", small_cut)
    seen = ShardsSeen()
    seen.new_ones(demo_run.project)
    seen.new_ones(small_cut)
    for cut, some in ((0.1, True), (0.05, False), (10, False)):
        settings = project.configure("cut.yaml", {"sky": {"latitude_cut_deg": cut}})
        ran = shard_jobs(project.make(*FINAL_TABLES, "--configfile", settings).jobs)
        assert ran == seen.new_ones(project), cut
        assert bool(ran) is some
        if cut == 0.05:
            assert final_tables(project) == final_tables(small_cut)
    assert final_tables(project) == final_tables(demo_run.project)


def test_one_core_and_a_shard_per_source_give_the_same_bytes(small_cut, tmp_path):
    project = ProjectCopy(tmp_path / "project", small_cut)
    by_source = {**SMALL_CUT, "enrichment": {"shards": {"by": "source"}}}
    settings = project.configure("by_source.yaml", by_source)
    run = project.make(*FINAL_TABLES, "--configfile", settings, cores=1)
    sources = read_parquet(project.results() / "crossmatch/pairs.parquet")["fermi_name"].nunique()
    assert len(shard_jobs(run.jobs)) == 2 * sources
    assert final_tables(project) == final_tables(small_cut)


def test_kill_in_the_middle_then_a_plain_run(small_cut, tmp_path):
    project = ProjectCopy(tmp_path / "project", small_cut)
    for folder in ("enrichment", "tables"):
        shutil.rmtree(project.results() / folder)
    arguments = (*FINAL_TABLES, "--configfile", "strip.yaml")
    manifest = project.make("results/demo/enrichment/shards.json", *arguments[-2:])
    assert manifest.jobs == ["shard_sources"]
    shards = json.loads((project.results() / "enrichment/shards.json").read_text())["gaia"]
    shard = next(iter(shards))
    killed = project.run(*arguments, kill_at=f"enrichment/gaia/{shard}")
    assert killed.returncode == -9
    half = project.results() / f"enrichment/gaia/.{shard}.{shards[shard]}.parquet.part"
    assert half.exists()
    assert not half.with_name(f"{shard}.{shards[shard]}.parquet").exists()
    assert f"enrichment/gaia/{shard}.{shards[shard]}" in project.make(*arguments).jobs
    assert final_tables(project) == final_tables(small_cut)
    assert not list(project.results().rglob(".*.part"))
