"""What an edit runs again, and what it asks: the table of config/README.md, on real runs.

A server with the demo's rows stands behind a proxy that counts requests. Dry runs say what one
edit alone would run again. Then one edit follows the other on the same products, or several at
once, each by a plain ``snakemake --cores 2``; the rules that ran are read from the jobs' logs and
held against the table's rows of the edits. Which shards may run is worked out from the targets:
those that were never asked for with the same content.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
import yaml
from chaos_proxy import ChaosProxy
from chaos_runs import EmbeddedServer
from project_copy import PROJECT, ProjectCopy, ShardsSeen, archive_at, shard_jobs

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]

ARCHIVE = "served"


def read_table() -> dict[str, tuple[set[str], str]]:
    """Edit -> rules that run again, and what is asked; names of groups replaced by their rules."""
    text = (PROJECT / "config/README.md").read_text(encoding="utf-8")
    section = text.split("## What an edit runs again")[1].split("\n## ")[0]
    groups: dict[str, set[str]] = {}
    for name, rules in re.findall(r"^- \*\*(\w+)\*\*: (.*(?:\n  .*)*)", section, re.MULTILINE):
        groups[name] = set(re.findall(r"`(\w+)`", rules))
    for rules in groups.values():
        for _ in groups:
            rules |= {r for name in rules & groups.keys() for r in groups[name]}
    table = {}
    for line in section.splitlines():
        if line.startswith("| ") and line.count("|") == 4 and not line.startswith("| edit"):
            edit, rules, asked = (cell.strip() for cell in line.strip("|").split("|"))
            named = set(re.findall(r"`(\w+)`", rules))
            for name in re.findall(r"\*\*(\w+)\*\*", rules):
                named |= groups[name]
            if " but " in rules:
                named -= set(re.findall(r"`(\w+)`", rules.split(" but ")[1]))
            table[edit.replace("`", "")] = named - groups.keys(), asked
    return table


TABLE = read_table()
done: set[str] = set()


def rule_of(job: str) -> str:
    """The rule whose job has a log of that name."""
    if job.startswith("enrichment/"):
        return "enrich_shard"
    return re.sub(r"^(describe_service|fetch_catalog|filter_plane)_\w+$", r"\1", job)


@dataclass
class Bench:
    """Products of the served archive, and what was asked so far."""

    project: ProjectCopy
    proxy: ChaosProxy
    config: dict
    seen: ShardsSeen = field(default_factory=ShardsSeen)

    def write(self, text: str | None = None) -> None:
        shown = yaml.safe_dump(self.config, sort_keys=False) if text is None else text
        (self.project.folder / "config/config.yaml").write_text(shown, encoding="utf-8")

    def set(self, key: str, value: object) -> None:
        """Change one key of the config, written with dots."""
        block = self.config
        *blocks, last = key.split(".")
        for name in blocks:
            block = block[name]
        block[last] = value

    def set_all(self, *settings: Mapping[str, object]) -> None:
        """Change keys of the config, and write it."""
        for keys in settings:
            for key, value in keys.items():
                self.set(key, value)
        self.write()

    def run(self, **options) -> tuple[list[str], int]:
        """The jobs that ran, and how many requests they made."""
        before = self.proxy.counts.requests.total()
        run = self.project.make(**options)
        assert len(run.jobs) == len(set(run.jobs))
        return run.jobs, self.proxy.counts.requests.total() - before

    def check(
        self,
        *edits: str,
        shards: str = "new",
        described: str = "gaia heasarc irsa",
        elsewhere: ChaosProxy | None = None,
        **options,
    ) -> int:
        """Run after edits, hold the jobs against their rows; give the number of requests.

        `shards` are those that must run: all, those with new contents, those of one survey, or
        none; `described` the services that must describe themselves again, if any must. All
        requests must go to `elsewhere`, if it is given. Several edits in one run save time, where
        none of them hides another, or `plan` has looked at each alone.
        """
        edit = "; ".join(edits)
        rules = set().union(*(TABLE[one][0] for one in edits))
        done.update(edits)
        jobs, requests = self.run(**options)
        if elsewhere is not None:
            assert requests == 0, edit
            requests = elsewhere.counts.requests.total()
        new = self.seen.new_ones(self.project, ARCHIVE)
        ran = {rule_of(job) for job in jobs}
        assert ran - {"provenance"} == rules - ({"enrich_shard"} - ran), edit
        assert ("provenance" in ran) == bool(rules), "after each run that makes something"
        again = {job for job in jobs if rule_of(job) == "describe_service"}
        if again:
            assert again == {f"describe_service_{name}" for name in described.split()}, edit
        expected = new if shards == "new" else self.in_manifest(shards)
        assert shard_jobs(jobs) == expected, edit
        asked = {TABLE[one][1] for one in edits}
        if asked == {"nobody"}:
            assert requests == 0, edit
        elif not all(text.endswith("if any") for text in asked - {"nobody"}):
            assert requests > 0, edit
        return requests

    def in_manifest(self, survey: str) -> set[str]:
        """The jobs of a survey's shards, of all surveys ('all'), or none."""
        path = self.project.results(ARCHIVE) / "enrichment/shards.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return {
            f"enrichment/{name}/{shard}.{digest}"
            for name, shards in manifest.items()
            if survey in ("all", name)
            for shard, digest in shards.items()
        }

    def plan(
        self, edit: str, settings: Mapping[str, object] | None = None, code: str = "", **options
    ) -> None:
        """Hold what a dry run plans after one edit alone against its row; take the edit back.

        A run does what is planned, but for the shards: which of them are new is known only when
        the checkpoint is done.
        """
        before = copy.deepcopy(self.config)
        for key, value in (settings or {}).items():
            self.set(key, value)
        self.write()
        path = self.project.folder / "workflow" / (code or "rules/common.smk")
        content = path.read_bytes()
        try:
            if code:
                self.append(code)
            planned = self.project.make("--dry-run", **options).planned
        finally:
            path.write_bytes(content)
            self.config = before
            self.write()
        assert set(planned) - {"all", "provenance"} == TABLE[edit][0] - {"enrich_shard"}, edit
        assert planned["provenance"] == 1, edit
        done.add(edit)

    def append(self, name: str) -> None:
        path = self.project.folder / "workflow" / name
        path.write_text(path.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")


@pytest.fixture(scope="module")
def server(demo_run) -> Iterator[EmbeddedServer]:
    made = EmbeddedServer(demo_run.project.results() / "archive/sky.duckdb")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def bench(server, tmp_path_factory) -> Iterator[Bench]:
    """A narrow strip of the plane, made by one run; small figures."""
    project = ProjectCopy(tmp_path_factory.mktemp("reruns") / "project")
    config = yaml.safe_load((project.folder / "config/config.yaml").read_text(encoding="utf-8"))
    with ChaosProxy(server.url) as proxy:
        config["archive"] = ARCHIVE
        config["archives"][ARCHIVE] = archive_at(proxy.url)
        bench = Bench(project, proxy, config)
        bench.set_all({"sky.latitude_cut_deg": 0.1, "figures.dpi": 50})
        jobs, requests = bench.run()
        assert {"describe_service_heasarc", "provenance"} <= set(jobs) and requests > 10
        assert shard_jobs(jobs) == bench.seen.new_ones(project, ARCHIVE)
        made = project.results(ARCHIVE) / "coverage/chandra.moc.fits"
        shutil.copy(made, project.folder / OWN_MAP)
        yield bench


def test_nothing_runs_where_nothing_changes(bench, tmp_path):
    """How to ask, how the file is written, times, cores, another clone."""
    config = copy.deepcopy(bench.config)
    for key, value in (("timeout_s", 7), ("attempts", 2), ("max_rows", 10**6), ("reuse", False)):
        bench.set(f"tap.{key}", value)
    for key, value in (("max_requests", 5), ("mode", "async"), ("upload", False)):
        bench.set(f"archives.{ARCHIVE}.gaia.{key}", value)
    bench.set("archives.live.gaia.url", "https://example.org/tap")
    bench.set("demo.seed", 5)
    upside_down = {key: bench.config[key] for key in reversed(bench.config)}
    text = "# a comment\n" + yaml.safe_dump(upside_down, sort_keys=False)
    text, spellings = re.subn("latitude_cut_deg: 0.1", "latitude_cut_deg: 1.0e-1  # same", text)
    assert spellings == 1
    bench.write(text)
    for path in bench.project.folder.rglob("*"):
        top = path.relative_to(bench.project.folder).parts[0]
        if path.is_file() and top in ("workflow", "resources", "config", "Snakefile", "envs"):
            os.utime(path)
    asked_otherwise = "tap, mirrors, max_requests, mode, upload; another archive"
    written_otherwise = "comments, order, 5 or 5.0, --cores, a touched file of ours"
    assert bench.check(asked_otherwise, written_otherwise, shards="none", cores=1) == 0
    bench.config = config
    bench.write()
    clone = ProjectCopy(tmp_path / "clone")
    for path in clone.folder.rglob("*"):
        os.utime(path)
    (clone.folder / "config/config.yaml").write_text(yaml.safe_dump(bench.config, sort_keys=False))
    for folder in ("results", ".snakemake"):
        shutil.copytree(bench.project.folder / folder, clone.folder / folder)
    other = Bench(clone, bench.proxy, bench.config, bench.seen)
    assert other.check("a fresh clone around results/ and .snakemake/", shards="none") == 0
    shutil.rmtree(clone.folder / ".snakemake")
    assert other.check("a fresh clone around results/ alone", shards="none") == 0


SMALLER_PLANE = {"sky.latitude_cut_deg": 0.05}
BRIGHTER = {"crossmatch.min_flux": 1e-14}
SMALLER_RADIUS = {"enrichment.radius_deg": 0.02}
SMALLER_CSC_RADIUS = {"enrichment.csc_radius_arcsec": 1}
FEWER_SIGMA = {"enrichment.csc_radius_sigma": 3}
SMALLER_CAP = {"enrichment.csc_radius_most_arcsec": 5}
FEWER = {"enrichment.nearest": 2}
OTHER_SHARDS = {"enrichment.shards": {"by": "healpix", "order": 1}}
OWN_MAP = "own.moc.fits"
# a module that every rule rests on
(LIBRARY,) = (edit for edit in TABLE if re.fullmatch(r"xgamma/\S+\.py", edit))
PLANS = [
    ("sky.latitude_cut_deg smaller", SMALLER_PLANE, ""),
    ("crossmatch.min_flux higher", BRIGHTER, ""),
    ("coverage.public_by", {"coverage.public_by": "2020-12-31"}, ""),
    ("coverage.source: moc, another map", {"coverage.source": "moc", "coverage.moc": OWN_MAP}, ""),
    ("coverage.source: obscore", {"coverage.source": "obscore"}, ""),
    ("association.fixed", {"association.fixed": {"eta_pulsar": 0.9}}, ""),
    ("association.evidence", {"association.evidence": False}, ""),
    ("association.controls", {"association.controls": 5}, ""),
    ("enrichment.least_probability", {"enrichment.least_probability": 0.1}, ""),
    ("enrichment.radius_deg smaller", SMALLER_RADIUS, ""),
    ("enrichment.csc_radius_arcsec smaller", SMALLER_CSC_RADIUS, ""),
    ("enrichment.csc_radius_sigma smaller", FEWER_SIGMA, ""),
    ("enrichment.csc_radius_most_arcsec smaller", SMALLER_CAP, ""),
    ("a survey's identify", {"surveys.gaia.identify.magnitude": ""}, ""),
    ("enrichment.nearest", FEWER, ""),
    ("enrichment.shards", OTHER_SHARDS, ""),
    ("figures.dpi, figures.formats", {"figures.dpi": 60}, ""),
    ("subsample.classes", {"subsample.classes": ["PSR", "psr"]}, ""),
    ("a service's releases", {f"archives.{ARCHIVE}.heasarc.releases": {"csc": "2.1"}}, ""),
    ("a module of one figure", {}, "lib/xgamma/figures/plane.py"),
    ("a script", {}, "scripts/group_by_fermi.py"),
    (LIBRARY, {}, f"lib/{LIBRARY}"),
]


@pytest.mark.parametrize(("edit", "settings", "code"), PLANS, ids=[plan[0] for plan in PLANS])
def test_plan_of_one_edit_alone(bench, edit, settings, code):
    bench.plan(edit, settings, code)


def test_plan_with_another_version_of_a_package(bench, tmp_path):
    (tmp_path / "matplotlib-99.0.dist-info").mkdir()
    (tmp_path / "matplotlib-99.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: matplotlib\nVersion: 99.0\n"
    )
    bench.plan("another version of matplotlib", python_path=str(tmp_path))


def test_another_plane_and_flux(bench):
    """What is asked; rules of edits that are made together were planned alone before."""

    def sources() -> int:
        return len((bench.project.results(ARCHIVE) / CSV).read_text().splitlines()) - 1

    config, at_first = copy.deepcopy(bench.config), sources()
    bench.set_all(SMALLER_PLANE, BRIGHTER)
    bench.check("sky.latitude_cut_deg smaller", "crossmatch.min_flux higher")
    smaller = sources()
    assert 0 < smaller < at_first
    bench.set_all({"sky.latitude_cut_deg": 0.15})
    requests = bench.check("sky.latitude_cut_deg larger")
    assert sources() > smaller
    # the join, its count, and one request for each shard with new sources
    assert 2 < requests <= 2 + len(bench.in_manifest("all"))
    bench.config = config
    bench.write()
    bench.check("sky.latitude_cut_deg: back", "crossmatch.min_flux: back", shards="none")
    assert sources() == at_first


SURVEY_NOWHERE = {"service": "heasarc", "table": "nowhere", "id": "id", "position": ["ra", "dec"]}
CSV = "tables/grouped_csc_fermi_pairs.csv"


def test_a_survey_is_its_own_affair(bench, server):
    """An edit of one survey makes and asks nothing of the other's."""
    config = copy.deepcopy(bench.config)
    columns = dict(bench.config["surveys"]["gaia"]["columns"])
    del columns["parallax"]
    bench.set_all({"surveys.gaia.columns": {**columns, "pmra": "gaia_pm_ra"}})
    bench.check("a survey's columns: fewer, renamed", shards="gaia", described="gaia")
    with ChaosProxy(server.url) as proxy:
        bench.set_all({f"archives.{ARCHIVE}.irsa.url": f"{proxy.url}/irsa/tap"})
        edit = "a survey's table or endpoint"
        requests = bench.check(edit, shards="twomass", described="irsa", elsewhere=proxy)
        # the columns, the capabilities, and the shards; and nothing of the other survey's
        assert requests == 2 + len(bench.in_manifest("twomass"))
    del bench.config["surveys"]["twomass"]
    bench.set_all({"surveys.gaia.columns": {**columns, "b": "gaia_b"}})
    edits = "a survey's columns: more", "a survey removed"
    requests = bench.check(*edits, shards="gaia", described="gaia")
    assert requests == len(bench.in_manifest("gaia"))
    bench.config = config
    bench.write()
    edits = (
        "a survey's columns, table or endpoint: back",
        "a survey added that was there before",
    )
    bench.check(*edits, shards="none", described="gaia irsa")


def test_a_misspelt_survey_spoils_nothing(bench):
    """What describes the catalogues was removed for it, and all that rests on them made anew."""
    bench.set_all({"surveys.x": SURVEY_NOWHERE})
    run = bench.project.run()
    assert run.jobs == ["describe_service_heasarc_surveys"]
    assert "heasarc: TAP_SCHEMA lists no columns of table nowhere; " in run.output
    del bench.config["surveys"]["x"]
    bench.write()
    bench.check("a survey removed whose table HEASARC does not have", shards="none")


def test_heasarc_elsewhere(bench, server):
    config = copy.deepcopy(bench.config)
    with ChaosProxy(server.url) as proxy:
        bench.set_all({f"archives.{ARCHIVE}.heasarc.url": f"{proxy.url}/heasarc/tap"})
        edit = "HEASARC's endpoint, with the same rows"
        # the columns, and three catalogues and the join, each with its count
        requests = bench.check(edit, shards="none", described="heasarc", elsewhere=proxy)
        assert requests == 1 + 2 * 4
    bench.config = config


def test_another_enrichment(bench):
    """Everything at once asks nobody, a larger radius all; rules were planned one by one."""
    bench.append(f"lib/{LIBRARY}")
    bench.set_all(SMALLER_RADIUS, SMALLER_CSC_RADIUS, FEWER_SIGMA, SMALLER_CAP)
    bench.set_all(FEWER, OTHER_SHARDS)
    edits = [edit for edit, _, _ in PLANS if edit == LIBRARY or "enrichment" in edit]
    edits.remove("enrichment.least_probability")
    assert len(edits) == 7
    bench.check(*edits, shards="all")
    bench.set_all({"enrichment.radius_deg": 0.04})
    requests = bench.check("enrichment.radius_deg, csc_radius_arcsec larger", shards="all")
    assert requests == len(bench.in_manifest("all"))
    bench.set_all(SMALLER_RADIUS)
    assert bench.check("enrichment: back", shards="none") == 0


def test_named_sources_leave_the_plane_alone(bench):
    """What the plane has asked is not asked again: the columns, the Fermi sources, the join."""
    config = copy.deepcopy(bench.config)
    bench.set_all({"sources": ["4FGL J1745.6-2859"]})
    folder = f"{ARCHIVE}/sources/4fglj1745.6-2859"
    jobs, requests = bench.run()
    assert {rule_of(job) for job in jobs} - {"provenance"} == TABLE["sources"][0]
    done.add("sources")
    # the two catalogues around it; nothing of a survey that lies within a circle of the plane's
    shards = shard_jobs(jobs)
    assert shards == bench.seen.new_ones(bench.project, folder) and len(shards) == 2
    assert 2 <= requests <= 2 + len(shards)
    bench.config = config
    bench.write()
    assert bench.check("sources: back", shards="none") == 0


def test_shards_that_fail_do_not_stop_the_others_and_are_named_at_the_end(bench):
    """Dense fields have more rows than are allowed; a larger limit runs these shards only."""
    bench.set_all({"sky.latitude_cut_deg": 0.15, "enrichment.radius_deg": 0.031})
    bench.set_all({"enrichment.shards": {"by": "healpix", "order": 0}, "tap.max_rows": 1000})
    run = bench.project.run()
    assert run.returncode == 1
    told = re.findall(
        r"^xgamma: (enrichment/\S+): \w+ \(http.* more than 1000 rows", run.output, re.M
    )
    failed, tried = set(told), shard_jobs(run.jobs)
    assert len(failed) == len(told) > 0 and failed < tried
    # at the end, after all that Snakemake says of its own
    said = [line for line in run.output.splitlines() if line.startswith("xgamma: ")]
    assert re.match(rf"xgamma: failed jobs: {len(failed)}, logs in results/served/logs/", said[-1])
    assert {f"xgamma: {job}" for job in failed} == {
        line.split(" (http")[0].rpartition(": ")[0] for line in said[-1 - len(failed) : -1]
    }
    assert tried == bench.in_manifest("all")
    bench.set_all({"tap.max_rows": 5_000_000})
    jobs, _ = bench.run()
    assert shard_jobs(jobs) == failed
    assert {"merge_enrichment", "summarize", "provenance"} < set(jobs)


def test_the_demo_is_another_sky_with_another_seed(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    edit = "demo.seed, demo.size"
    for key, value in (("seed", 5), ("size", "full")):
        settings = project.configure("demo.yaml", {"demo": {key: value}})
        planned = project.make("--dry-run", "--configfile", settings).planned
        # the shards are known when the checkpoint is done
        assert set(planned) - {"all", "provenance"} == TABLE[edit][0] - {"enrich_shard"}
    done.add(edit)


def test_every_row_of_the_table_was_tried():
    assert TABLE.keys() == done
