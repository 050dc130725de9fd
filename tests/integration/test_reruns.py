"""What an edit runs again, and what it asks: the table of config/README.md, on real runs.

A server with the demo's rows stands behind a proxy that counts requests. Dry runs say what one
edit alone would run again. Then edits follow each other on the same products, several at once,
each time by a plain ``snakemake --cores 2``; the rules that ran are read from the jobs' logs and
held against the table's rows of the edits. Which shards may run is worked out from the targets:
those that were never asked for with the same content.

What asks nobody, and on which nothing rests that asks, is left to stand-ins, but for one run.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from chaos_proxy import ChaosProxy
from chaos_runs import EmbeddedServer
from project_copy import (
    AFTER_ASKING,
    PROJECT,
    ProjectCopy,
    ShardsSeen,
    archive_at,
    shard_jobs,
)

from xgamma.tables.files import read_columns, read_parquet

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
        none; `described` the services that must describe themselves again, if any must.
        Requests to `elsewhere`, another address of a service, are not counted in the number.
        Several edits in one run save time, where none of them hides another, or `plan` has
        looked at each alone.
        """
        edit = "; ".join(edits)
        rules = set().union(*(TABLE[one][0] for one in edits))
        done.update(edits)
        jobs, requests = self.run(**options)
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
        of_all = requests + (elsewhere.counts.requests.total() if elsewhere else 0)
        if asked == {"nobody"}:
            assert of_all == 0, edit
        elif not all(text.endswith("if any") for text in asked - {"nobody"}):
            assert of_all > 0, edit
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
    """A narrow strip of the plane, made by one run."""
    project = ProjectCopy(tmp_path_factory.mktemp("reruns") / "project")
    project.with_stand_ins(*AFTER_ASKING)
    config = yaml.safe_load((project.folder / "config/config.yaml").read_text(encoding="utf-8"))
    with ChaosProxy(server.url) as proxy:
        config["archive"] = ARCHIVE
        config["archives"][ARCHIVE] = archive_at(proxy.url)
        bench = Bench(project, proxy, config)
        bench.set_all({"sky.latitude_cut_deg": 0.05})
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
        bench.set(f"archives.{ARCHIVE}.services.gaia.{key}", value)
    bench.set("archives.live.services.gaia.url", "https://example.org/tap")
    bench.set("demo.seed", 5)
    bench.set("compare", ["results/a", "results/b"])
    upside_down = {key: bench.config[key] for key in reversed(bench.config)}
    text = "# a comment\n" + yaml.safe_dump(upside_down, sort_keys=False)
    text, spellings = re.subn("latitude_cut_deg: 0.05", "latitude_cut_deg: 5.0e-2  # same", text)
    assert spellings == 1
    bench.write(text)
    for path in bench.project.folder.rglob("*"):
        top = path.relative_to(bench.project.folder).parts[0]
        if path.is_file() and top in ("workflow", "resources", "config", "Snakefile", "envs"):
            os.utime(path)
    asked_otherwise = "tap, mirrors, max_requests, mode, upload; compare; another archive"
    written_otherwise = "comments, order, 5 or 5.0, --cores, a touched file of ours"
    assert bench.check(asked_otherwise, written_otherwise, shards="none", cores=1) == 0
    bench.config = config
    bench.write()
    clone = ProjectCopy(tmp_path / "clone").with_stand_ins(*AFTER_ASKING)
    for path in clone.folder.rglob("*"):
        os.utime(path)
    (clone.folder / "config/config.yaml").write_text(yaml.safe_dump(bench.config, sort_keys=False))
    for folder in ("results", ".snakemake"):
        shutil.copytree(bench.project.folder / folder, clone.folder / folder)
    other = Bench(clone, bench.proxy, bench.config, bench.seen)
    assert other.check("a fresh clone around results/ and .snakemake/", shards="none") == 0
    shutil.rmtree(clone.folder / ".snakemake")
    assert other.check("a fresh clone around results/ alone", shards="none") == 0


SMALLER_PLANE = {"sky.latitude_cut_deg": 0.03}
BRIGHTER = {"crossmatch.min_flux": 1e-14}
SMALLER_RADIUS = {"enrichment.radius_deg": 0.02}
SMALLER_CSC_RADIUS = {"enrichment.csc_radius_arcsec": 1}
FEWER_SIGMA = {"enrichment.csc_radius_sigma": 3}
SMALLER_CAP = {"enrichment.csc_radius_most_arcsec": 5}
FEWER = {"enrichment.nearest": 2}
OTHER_SHARDS = {"enrichment.shards": {"by": "healpix", "order": 1}}
OWN_MAP = "own.moc.fits"
OWN_LIST = {"file": f"results/{ARCHIVE}/catalogs/fermilpsc.parquet", "release": "mine"}
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
    ("enrichment.nearest, up to 6", FEWER, ""),
    ("enrichment.shards", OTHER_SHARDS, ""),
    ("figures.dpi, figures.formats", {"figures.dpi": 60}, ""),
    ("subsample.classes", {"subsample.classes": ["PSR", "psr"]}, ""),
    ("a service's releases", {f"archives.{ARCHIVE}.services.heasarc.releases": {"csc": "2.1"}}, ""),
    ("catalogs", {"catalogs": {"fermilpsc": OWN_LIST}}, ""),
    ("xray.telescope, catalog, name", {"xray.telescope": "XMM-Newton"}, ""),
    ("xray: the rest", {"xray.flux_factor": 0.5}, ""),
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


SURVEY_NOWHERE = {"service": "heasarc", "table": "nowhere", "id": "id", "position": ["ra", "dec"]}


def pairs_of(bench: Bench) -> int:
    return len(read_parquet(bench.project.results(ARCHIVE) / "crossmatch/pairs.parquet"))


def test_one_edit_after_the_other_and_all_back(bench, server, tmp_path):
    """What is asked; rules of edits that are made together are planned alone, before or in it."""
    at_first, pairs = copy.deepcopy(bench.config), pairs_of(bench)
    columns = dict(at_first["surveys"]["gaia"]["columns"])
    del columns["parallax"]

    # less of all that has been asked asks nobody, even by other code; but how many rows a smaller
    # circle holds, of which not all are there
    library = bench.project.folder / f"workflow/lib/{LIBRARY}"
    code = library.read_bytes()
    bench.append(f"lib/{LIBRARY}")
    smaller = (SMALLER_RADIUS, SMALLER_CSC_RADIUS, FEWER_SIGMA, SMALLER_CAP, FEWER, OTHER_SHARDS)
    bench.set_all(BRIGHTER, *smaller, {"surveys.gaia.columns": {**columns, "pmra": "gaia_pm_ra"}})
    edits = [edit for edit, _, _ in PLANS if edit == LIBRARY or "enrichment" in edit]
    edits.remove("enrichment.least_probability")
    assert len(edits) == 7
    edits += ["crossmatch.min_flux higher", "a survey's columns: fewer, renamed"]
    assert bench.check(*edits, shards="all") <= len(bench.in_manifest("all"))
    assert 0 < pairs_of(bench) < pairs

    few = pairs_of(bench)
    bench.set_all(SMALLER_PLANE)
    bench.check("sky.latitude_cut_deg smaller")
    assert 0 < pairs_of(bench) < few
    bench.set_all({"sky.latitude_cut_deg": 0.06})
    requests = bench.check("sky.latitude_cut_deg larger")
    assert pairs_of(bench) > few
    # the join, its count, and for each shard with new sources numbers and rows, at most twice
    assert 2 < requests <= 2 + 3 * len(bench.in_manifest("all"))

    # an edit of one survey makes and asks nothing of the other's
    bench.set_all({"surveys.gaia.columns": {**columns, "b": "gaia_b"}})
    with ChaosProxy(server.url) as proxy:
        bench.set_all({f"archives.{ARCHIVE}.services.irsa.url": f"{proxy.url}/irsa/tap"})
        edits = "a survey's columns: more", "a survey's table or endpoint"
        requests = bench.check(*edits, shards="all", described="gaia irsa", elsewhere=proxy)
        assert requests == len(bench.in_manifest("gaia"))
        # the columns, the capabilities, and of each shard the numbers and the rows
        assert proxy.counts.requests.total() == 2 + 2 * len(bench.in_manifest("twomass"))
    del bench.config["surveys"]["twomass"]
    bench.set_all({"enrichment.radius_deg": 0.04, "enrichment.csc_radius_arcsec": 4})
    edits = "a survey removed", "enrichment.radius_deg, csc_radius_arcsec larger"
    requests = bench.check(*edits, shards="gaia")
    assert requests == 2 * len(bench.in_manifest("all"))
    check_without_stand_ins(bench, tmp_path)

    blocks = {key: at_first[key] for key in ("enrichment", "surveys")}
    surveys = {"gaia": bench.config["surveys"]["gaia"], "twomass": blocks["surveys"]["twomass"]}
    gaia = {"surveys": {"gaia": blocks["surveys"]["gaia"]}}
    url = {
        f"archives.{ARCHIVE}.services.irsa.url": at_first["archives"][ARCHIVE]["services"]["irsa"][
            "url"
        ]
    }
    bench.plan("sky.latitude_cut_deg: back", {"sky": at_first["sky"]})
    bench.plan("crossmatch.min_flux: back", {"crossmatch": at_first["crossmatch"]})
    bench.plan("enrichment: back", {"enrichment": blocks["enrichment"]})
    bench.plan("a survey's columns, table or endpoint: back", gaia | url)
    bench.plan("a survey added that was there before", {"surveys": surveys})
    bench.config = at_first
    bench.write()
    library.write_bytes(code)
    edits = [edit for edit in TABLE if ": back" in edit and edit != "sources: back"]
    edits += ["a survey added that was there before", LIBRARY]
    assert bench.check(*edits, shards="none") == 0
    assert pairs_of(bench) == pairs


def check_without_stand_ins(bench: Bench, folder: Path) -> None:
    """The other rules can do with one survey, and without columns that are not there."""
    project = ProjectCopy(folder / "project", bench.project)
    shutil.copytree(
        PROJECT / "workflow/scripts", project.folder / "workflow/scripts", dirs_exist_ok=True
    )
    tables = project.results(ARCHIVE) / "tables"
    names = [f"results/{ARCHIVE}/{name}" for name in ("summary.json", "tables/evidence.parquet")]
    project.make(*names)
    found = {column.name for column in read_columns(tables / "counterparts_gaia.parquet")}
    assert "gaia_b" in found and "gaia_parallax" not in found
    assert len(read_parquet(tables / "evidence.parquet")) > 0


def test_a_misspelt_survey_spoils_nothing(bench):
    """What describes the catalogues was removed for it, and all that rests on them made anew."""
    bench.set_all({"surveys.x": SURVEY_NOWHERE})
    run = bench.project.run()
    assert run.jobs == ["describe_service_heasarc-surveys"]
    assert "heasarc: TAP_SCHEMA lists no columns of table nowhere; " in run.output
    del bench.config["surveys"]["x"]
    bench.write()
    bench.check("a survey removed whose table HEASARC does not have", shards="none")


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
    assert 2 <= requests <= 2 + 3 * len(shards)
    bench.config = config
    bench.write()
    assert bench.check("sources: back", shards="none") == 0


def test_heasarc_elsewhere(bench, server):
    """It stays there, since nothing below asks it."""
    with ChaosProxy(server.url) as proxy:
        bench.set_all({f"archives.{ARCHIVE}.services.heasarc.url": f"{proxy.url}/heasarc/tap"})
        edit = "HEASARC's endpoint, with the same rows"
        assert bench.check(edit, shards="none", described="heasarc", elsewhere=proxy) == 0
        # the columns, and three catalogues and the join, each with its count
        assert proxy.counts.requests.total() == 1 + 2 * 4


def test_shards_that_fail_do_not_stop_the_others_and_are_named_at_the_end(bench):
    """Dense fields have more rows than are allowed; a larger limit runs these shards only."""
    allowed, results = bench.config["tap"]["max_rows"], bench.project.results(ARCHIVE)
    records = [results / f"{job}.provenance.json" for job in bench.in_manifest("all")]
    answers = [json.loads(path.read_text(encoding="utf-8"))["answers"] for path in records]
    most = int(statistics.median(max(one["rows"] for one in of_shard) for of_shard in answers))
    bench.set_all({"enrichment.radius_deg": 0.031, "tap.max_rows": most})
    run = bench.project.run()
    assert run.returncode == 1
    told = re.findall(
        rf"^xgamma: (enrichment/\S+): \w+ \(http.* more than {most} rows", run.output, re.M
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
    bench.set_all({"tap.max_rows": allowed})
    jobs, _ = bench.run()
    assert shard_jobs(jobs) == failed
    assert {"merge_enrichment", "summarize", "provenance"} < set(jobs)


def test_the_demo_is_another_sky_with_another_seed(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    edit = "demo.seed, demo.size, demo.fermi"
    for key, value in (("seed", 5), ("size", "full"), ("fermi", "fl16y")):
        settings = project.configure("demo.yaml", {"demo": {key: value}})
        planned = project.make("--dry-run", "--configfile", settings).planned
        # the shards are known when the checkpoint is done
        assert set(planned) - {"all", "provenance"} == TABLE[edit][0] - {"enrich_shard"}
    done.add(edit)


def test_every_row_of_the_table_was_tried():
    assert TABLE.keys() == done
