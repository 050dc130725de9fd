"""The workflow through a real Slurm, as a user runs it, and what becomes of its faults.

One cluster of two nodes (tests/servers/slurm); /etc/slurm must be free for it. Polling is quicker
than the profile's, since jobs take seconds here; all else is the profile as it ships.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_runs import EmbeddedServer
from project_copy import ProjectCopy, archive_at, differing_products
from slurm_runs import (
    Head,
    account,
    accounted,
    jobs_of_rules,
    queued,
    slurm,
    slurm_at,
    states,
    wait_until,
)

from xgamma.stages.shard_file import ShardFile

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Slurm of two nodes. $SLURM_STATE is where it keeps its state, else a new folder."""
    state = os.environ.get("SLURM_STATE") or tempfile.mkdtemp(
        prefix="xgamma-slurm-", dir="/var/tmp"
    )
    try:
        with slurm_at(state):
            yield
    finally:
        shutil.rmtree(state, ignore_errors=True)


MOST_REQUESTS = 2


# All tables, and the figure that is bundled with what it is drawn from.
WHOLE = (
    "summary.json",
    "plane/fermilpsc.parquet",
    "tables/counterparts.parquet",
    "tables/grouped_csc_fermi_pairs.csv",
    "figures/plane_map.png",
)


@pytest.fixture(scope="module")
def whole_run(cluster, demo_run, tmp_path_factory) -> Head:
    """The demo through Slurm, but for three shards of each survey, which are there.

    And but for what is drawn from its tables, of which one figure is made: a job here takes two
    starts of Snakemake. It goes on while other tests use the cluster.
    """
    project = account(ProjectCopy(tmp_path_factory.mktemp("slurm") / "project", demo_run.project))
    results = project.results()
    # a shard for each cell, or there would be one for each survey; three of them are made here
    services = {name: {"max_requests": MOST_REQUESTS} for name in ("gaia", "irsa")}
    settings = {"archives": {"demo": services}, "enrichment": {"shards": {"targets": 0}}}
    settings = project.configure("few.yaml", settings)
    manifest = "results/demo/enrichment/shards.json"
    project.make(manifest, "--configfile", settings)
    manifest = json.loads((project.folder / manifest).read_text(encoding="utf-8"))
    stay = [
        ShardFile(survey, *shard)
        for survey, shards in manifest.items()
        for shard in list(shards.items())[:3]
    ]
    made = [f"results/demo/{shard.path}" for shard in stay]
    project.make(*made, "--configfile", settings)
    stay = [shard.digest for shard in stay]
    for path in results.rglob("*"):
        if path.is_file() and not any(digest in path.name for digest in stay):
            path.unlink()
    targets = [f"results/demo/{name}" for name in WHOLE]
    return Head(project, *targets, "--configfile", settings)


@pytest.fixture
def project(whole_run, demo_run, tmp_path) -> ProjectCopy:
    """The demo's products, made on this machine, to take some away from. Figures matter little."""
    return account(ProjectCopy(tmp_path / "project", demo_run.project).with_stand_ins())


# One figure of each rule: the one whose file is written first.
FIGURES = {
    "plot_observations": "exposure_map.png",
    "plot_associations": "association_map.png",
    "plot_counterparts": "counterparts_by_class.png",
    "plot_subsample": "class_shares.png",
}


def figures_of(project: ProjectCopy, *rules: str) -> list[str]:
    """Remove a figure of each rule; give them as targets."""
    names = [f"figures/{FIGURES[rule]}" for rule in rules]
    for name in names:
        (project.results() / name).unlink()
    return [f"results/demo/{name}" for name in names]


def test_jobs_lost_in_four_ways_are_done_again(project):
    """Cancelled, over memory, over time, and on a node that goes down, all in one run."""
    before = project.products()
    lost = ("plot_counterparts", "plot_observations", "plot_associations", "plot_subsample")
    targets = figures_of(project, *lost)
    held = [FIGURES[rule] for rule in ("plot_counterparts", "plot_associations", "plot_subsample")]
    head = Head(
        project,
        *(*targets, "--set-resources"),
        # Snakemake alone is larger than 150 MB; the second attempt has 600, the third 1350
        "plot_observations:mem_mb=150*attempt**2",
        "plot_associations:runtime=attempt",
        # n2 is filled first, by the one job that may go there
        *(f"{rule}:slurm_extra='--exclude=n2'" for rule in lost[:3]),
        hold=tuple(held),
    )
    for name in held:
        wait_until(lambda name=name: head.holds(name), f"the job that writes {name}")
    slurm("scancel", queued(project)["rule_plot_counterparts"])
    slurm("scontrol", "update", "nodename=n2", "state=down", "reason=test")
    try:
        wait_until(lambda: "TIMEOUT" in states(project).get("plot_associations", ()), "the limit")
    finally:
        slurm("scontrol", "update", "nodename=n2", "state=resume")
        head.let_go()
    output = head.end()
    ended = states(project)
    assert set(ended) == set(lost)
    for rule, first, words in (
        ("plot_counterparts", "CANCELLED", "CANCELLED AT"),
        # OUT_OF_MEMORY where Slurm has cgroups
        ("plot_observations", "FAILED", "exceeded memory limit"),
        ("plot_associations", "TIMEOUT", "DUE TO TIME LIMIT"),
        ("plot_subsample", "NODE_FAIL", "DUE TO NODE FAILURE"),
    ):
        assert (ended[rule][0], ended[rule][-1]) == (first, "COMPLETED"), ended
        # Slurm's words, in the log that is named when the job is submitted
        found = re.findall(rf"log: (\S+/slurm_logs/rule_{rule}/\d+\.log)", output)
        assert words in Path(found[0]).read_text(encoding="utf-8")
    nodes = [job["NodeList"] for job in accounted(project) if "plot_subsample" in job["Comment"]]
    assert (nodes[0], nodes[-1]) == ("n2", "n1")
    assert differing_products(project.products(), before) == []


def test_a_fault_that_stays_is_named_and_the_rest_is_made(project):
    """A job that never has memory enough; the others do not suffer, and a rerun finishes."""
    targets = figures_of(project, "plot_counterparts", "plot_observations")
    head = Head(
        project, *targets, "--retries", "0", "--set-resources", "plot_counterparts:mem_mb=150"
    )
    code, output = head.ended()
    assert code == 1
    assert (project.results() / "figures/exposure_map.png").exists()
    assert not (project.results() / "figures/counterparts_by_class.png").exists()
    assert states(project)["plot_counterparts"] == ["FAILED"]
    assert re.search(
        r"xgamma: Slurm job \d+ \(plot_counterparts\) took more memory than it had asked for: "
        r"--set-resources plot_counterparts:mem_mb=\.\.\. "
        r"\(log: \S+/slurm_logs/rule_plot_counterparts/\d+\.log\)",
        output,
    )
    # the same command, without the limit
    Head(project, *targets).end()
    assert jobs_of_rules(project)["plot_observations"] == 1


def head_knows(project: ProjectCopy, rule: str) -> bool:
    """Whether a run has noticed the end of a rule's job."""
    logs = (project.folder / ".snakemake/log").glob("*.snakemake.log")
    return any(f"(Rule: {rule})" in log.read_text(encoding="utf-8") for log in logs)


def test_head_killed_and_started_again(project):
    """What had ended is not done again, what runs not twice; and its settings are known."""
    targets = figures_of(project, "plot_observations", "plot_counterparts")
    settings = project.configure("coarse.yaml", {"figures": {"dpi": 60}})
    arguments = (*targets, "--configfile", settings)
    head = Head(project, *arguments, hold=(FIGURES["plot_counterparts"],))
    wait_until(
        lambda: head.holds(FIGURES["plot_counterparts"]), "the job that is to outlive the run"
    )
    wait_until(lambda: "COMPLETED" in states(project).get("plot_observations", []), "the other")
    wait_until(lambda: head_knows(project, "plot_observations"), "the run's record of it")
    head.kill()
    again = Head(project, *arguments)
    wait_until(lambda: again.said("xgamma: an earlier run in this folder"), "the notice")
    left = queued(project)
    assert list(left) == ["rule_plot_counterparts"]
    head.let_go()
    output = again.end()
    assert f"to end them now: scancel {left['rule_plot_counterparts']}\n" in output
    assert jobs_of_rules(project) == {"plot_observations": 1, "plot_counterparts": 1}
    # made with 60 dots per inch, and known to be
    assert project.make("--dry-run", *targets, "--configfile", settings).planned == {}
    assert project.make("--dry-run", *targets).planned == {
        "plot_observations": 1,
        "plot_counterparts": 1,
    }


@pytest.fixture(scope="module")
def archive(demo_run) -> Iterator[str]:
    """The demo's sky as a service on a port, which to the rules is one on the network."""
    server = EmbeddedServer(demo_run.project.results() / "archive/sky.duckdb")
    yield server.url
    server.stop()


def served(project: ProjectCopy, url: str, max_requests: int) -> tuple[str, str]:
    """Options for a run against it."""
    archive = archive_at(url, max_requests=max_requests)
    settings = {"archive": "served", "archives": {"served": archive}}
    return "--configfile", project.configure("served.yaml", settings)


def products_of_served(*names: str) -> list[str]:
    return [f"results/served/{name}.parquet" for name in names]


def test_fetches_stay_on_the_head_node(whole_run, archive, tmp_path, demo_run):
    project = account(ProjectCopy(tmp_path / "project"))
    targets = products_of_served("plane/csc", "plane/fermilpsc")
    Head(project, *targets, *served(project, archive, max_requests=2)).end()
    # of the fetches Slurm knows nothing
    assert set(jobs_of_rules(project)) == {"plane_filter_plane"}
    logs = {path.stem for path in project.results("served").rglob("*.log")}
    assert logs >= {"describe_service_heasarc", "fetch_catalog_csc", "fetch_catalog_fermilpsc"}
    for name in ("plane/csc.parquet", "catalogs/csc.parquet"):
        ours, theirs = project.results("served") / name, demo_run.project.results() / name
        assert ours.read_bytes() == theirs.read_bytes()


def overlap(times: list[tuple[str, str]]) -> int:
    """The largest number of (start, end) that hold at the same time, to a second."""
    return max(sum(a < start <= b or a == start for a, b in times) for start, _ in times)


def test_fetches_on_a_partition_of_choice_one_at_a_time(whole_run, archive, tmp_path):
    """The lines of the profile, no longer comments; one request at a time in the whole cluster."""
    project = account(ProjectCopy(tmp_path / "project"))
    path = project.folder / "profiles/slurm/config.yaml"
    text = path.read_text(encoding="utf-8")
    head, block, rest = re.split(r"((?:#set-resources:|#  \w+: \{.*\})\n(?:#  .*\n)+)", text)
    path.write_text(head + re.sub(r"(?m)^#", "", block) + rest, encoding="utf-8")
    targets = products_of_served("catalogs/fermilpsc", "catalogs/chanmaster")
    Head(project, *targets, *served(project, archive, max_requests=1)).end()
    jobs = accounted(project)
    assert Counter(job["Comment"].split("_wildcards")[0] for job in jobs) == {
        "rule_describe_service": 1,
        "rule_fetch_catalog": 2,
    }
    assert {job["Partition"] for job in jobs} == {"transfer"}
    assert overlap([(job["Start"], job["End"]) for job in jobs]) == 1


def test_whole_demo_is_the_same_bytes(whole_run, demo_run):
    output = whole_run.end()
    project = whole_run.project
    # the shards are others here: what is made of them is the same
    ours, expected = (
        {name: v for name, v in run.products().items() if not name.startswith("enrichment/")}
        for run in (project, demo_run.project)
    )
    drawn = ("figures/", "exports/", "tables/class_")
    expected = {
        name: v for name, v in expected.items() if name in ours or not name.startswith(drawn)
    }
    assert differing_products(ours, expected) == []
    # all but what was there went through Slurm once; two bundles are one job each
    jobs = [job for job in accounted(project) if job["State"] != "NODE_FAIL"]  # of another test
    rules = Counter(job["Comment"].split("_wildcards")[0].removeprefix("rule_") for job in jobs)
    bundled = {"plane_filter_plane_plot_plane": 1, "plane_filter_plane": 1}
    bundled["pairs_group_by_fermi_verify_crossmatch"] = 1
    several = {"enrich_shard": 6, "fetch_catalog": 3, "describe_service": 3}
    single = ("build_demo_sky", "crossmatch", "shard_sources")
    found = ("map_coverage", "associate", "calibrate", "tabulate", "identify")
    last = ("merge_enrichment", "summarize", *found)
    assert rules == {**bundled, **several, **dict.fromkeys((*single, *last), 1)}, output
    # the larger what a job reads, the more memory it asks for
    catalogues = ("catalogs/csc.parquet", "catalogs/fermilpsc.parquet")
    read = ("coverage/fields.parquet", *catalogues, "association/model.json")
    megabytes = sum((project.results() / name).stat().st_size for name in read) / 1e6
    (asked,) = (job["ReqMem"] for job in jobs if job["Comment"] == "rule_calibrate")
    assert asked == f"{math.ceil(1500 + 9 * megabytes)}M"
    # at most so many requests to a service at a time, in all of the cluster
    for survey in ("gaia", "twomass"):
        shards = [job for job in jobs if f"_wildcards_{survey}_" in job["Comment"]]
        assert len(shards) > MOST_REQUESTS
        assert overlap([(job["Start"], job["End"]) for job in shards]) <= MOST_REQUESTS
    left = project.make("--dry-run", "--configfile", "few.yaml").planned
    left = set(left) - {"all", "provenance", "exports"}
    assert left and all(rule.startswith(("plot_", "publish_")) for rule in left)
