"""What an edit runs again, and what it asks: the table of config/README.md, on real runs.

A server with the demo's rows stands behind a proxy that counts requests. One edit follows the
other on the same products, each by a plain ``snakemake --cores 2``; the rules that ran are read
from the jobs' logs and held against the table's row of that edit. Which shards may run is worked
out from the targets: those that were never asked for with the same content.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
from collections.abc import Iterator
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

    def run(self, **options) -> tuple[list[str], int]:
        """The jobs that ran, and how many requests they made."""
        before = self.proxy.counts.requests.total()
        run = self.project.make(**options)
        assert len(run.jobs) == len(set(run.jobs))
        return run.jobs, self.proxy.counts.requests.total() - before

    def check(
        self, *edits: str, shards: str = "new", described: str = "gaia heasarc irsa", **options
    ) -> int:
        """Run after edits, hold the jobs against their rows; give the number of requests.

        `shards` are those that must run: all, those with new contents, those of one survey, or
        none; `described` the services that must describe themselves again, if any must. Several
        edits in one run save time, where none of them hides another.
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
        if all(TABLE[one][1] == "nobody" for one in edits):
            assert requests == 0, edit
        else:
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
        bench.set("sky.latitude_cut_deg", 0.1)
        bench.set("figures.dpi", 50)
        bench.write()
        jobs, requests = bench.run()
        assert {"describe_service_heasarc", "provenance"} <= set(jobs) and requests > 10
        assert shard_jobs(jobs) == bench.seen.new_ones(project, ARCHIVE)
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
    bench.write()
    assert (
        bench.check("tap, mirrors, max_requests, mode, upload; another archive", shards="none") == 0
    )
    bench.config = config
    upside_down = {key: config[key] for key in reversed(config)}
    text = "# a comment\n" + yaml.safe_dump(upside_down, sort_keys=False)
    text, spellings = re.subn("latitude_cut_deg: 0.1", "latitude_cut_deg: 1.0e-1  # same", text)
    assert spellings == 1
    bench.write(text)
    for path in bench.project.folder.rglob("*"):
        top = path.relative_to(bench.project.folder).parts[0]
        if path.is_file() and top in ("workflow", "resources", "config", "Snakefile", "envs"):
            os.utime(path)
    edit = "comments, order, 5 or 5.0, --cores, a touched file of ours"
    assert bench.check(edit, shards="none", cores=1) == 0
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


def test_smaller_questions_ask_nobody_and_larger_ones_only_what_is_new(bench):
    def sources() -> int:
        return len((bench.project.results(ARCHIVE) / CSV).read_text().splitlines()) - 1

    bench.set("sky.latitude_cut_deg", 0.05)
    bench.write()
    at_first = sources()
    bench.check("sky.latitude_cut_deg smaller")
    at_005 = sources()
    assert 0 < at_005 < at_first
    bench.set("sky.latitude_cut_deg", 0.15)
    bench.write()
    requests = bench.check("sky.latitude_cut_deg larger")
    assert sources() > at_first
    # the join, its count, and one request for each shard with new sources
    assert 2 < requests <= 2 + len(bench.in_manifest("all"))
    bench.set("sky.latitude_cut_deg", 0.1)
    bench.write()
    bench.check("sky.latitude_cut_deg: back", shards="none")
    assert sources() == at_first
    before = bench.config["crossmatch"]["min_flux"]
    bench.set("crossmatch.min_flux", 1e-14)
    bench.write()
    bench.check("crossmatch.min_flux higher")
    assert 0 < sources() <= at_first
    bench.set("crossmatch.min_flux", before)
    bench.set("enrichment.radius_deg", 0.02)
    bench.set("enrichment.nearest", 2)
    bench.set("enrichment.csc_radius_arcsec", 1)
    bench.write()
    smaller = ("enrichment.radius_deg smaller", "enrichment.csc_radius_arcsec smaller")
    bench.check("crossmatch.min_flux: back", *smaller, "enrichment.nearest", shards="all")
    bench.set("enrichment.radius_deg", 0.04)
    bench.write()
    requests = bench.check("enrichment.radius_deg, csc_radius_arcsec larger", shards="all")
    assert requests == len(bench.in_manifest("all"))
    bench.set("enrichment.shards", {"by": "source"})
    bench.write()
    bench.check("enrichment.shards", shards="all")
    bench.set("enrichment.shards", {"by": "healpix", "order": 0})
    bench.set("enrichment.radius_deg", 0.02)
    bench.write()
    assert bench.check("enrichment: back", shards="none") == 0


CSV = "tables/grouped_csc_fermi_pairs.csv"


def test_a_survey_is_its_own_affair(bench, server):
    at_first = bench.config["surveys"]["gaia"]["columns"]
    columns = dict(at_first)
    del columns["parallax"]
    bench.set("surveys.gaia.columns", {**columns, "pmra": "gaia_pm_ra"})
    bench.write()
    bench.check("a survey's columns: fewer, renamed", shards="gaia", described="gaia")
    bench.set("surveys.gaia.columns", {**columns, "b": "gaia_b"})
    bench.write()
    requests = bench.check("a survey's columns: more", shards="gaia", described="gaia")
    assert requests == len(bench.in_manifest("gaia"))
    with ChaosProxy(server.url) as proxy:
        ours, bench.proxy = bench.proxy, proxy
        bench.set(f"archives.{ARCHIVE}.irsa.url", f"{proxy.url}/irsa/tap")
        bench.write()
        # the columns, the capabilities, and the shards
        expected = 2 + len(bench.in_manifest("twomass"))
        edit = "a survey's table or endpoint"
        assert bench.check(edit, shards="twomass", described="irsa") == expected
        bench.proxy = ours
    removed = bench.config["surveys"].pop("twomass")
    bench.write()
    bench.check("a survey removed", shards="none")
    bench.set(f"archives.{ARCHIVE}.irsa.url", f"{ours.url}/irsa/tap")
    bench.set("surveys.twomass", removed)
    bench.set("surveys.gaia.columns", at_first)
    bench.write()
    back = "a survey's columns, table or endpoint: back"
    before = "a survey added that was there before"
    bench.check(back, before, shards="none", described="gaia irsa")


def test_figures_and_code(bench, tmp_path):
    bench.set("figures.dpi", 60)
    bench.write()
    bench.check("figures.dpi, figures.formats", shards="none")
    bench.set("subsample.classes", ["PSR", "psr"])
    bench.write()
    bench.append("lib/xgamma/figures/plane.py")
    bench.append("scripts/group_by_fermi.py")
    bench.check("subsample.classes", "a module of one figure", "a script", shards="none")
    bench.append("lib/xgamma/archive/client.py")
    bench.check("xgamma/archive/client.py", shards="all")
    upgraded = tmp_path / "upgraded"
    (upgraded / "matplotlib-99.0.dist-info").mkdir(parents=True)
    (upgraded / "matplotlib-99.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: matplotlib\nVersion: 99.0\n"
    )
    bench.check("another version of matplotlib", shards="none", python_path=str(upgraded))


def test_shards_that_fail_do_not_stop_the_others_and_are_named_at_the_end(bench):
    """Dense fields have more rows than are allowed; a larger limit runs these shards only."""
    bench.set("sky.latitude_cut_deg", 0.15)
    bench.set("enrichment.radius_deg", 0.031)
    bench.set("tap.max_rows", 1000)
    bench.write()
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
    bench.set("tap.max_rows", 5_000_000)
    bench.write()
    jobs, _ = bench.run()
    assert shard_jobs(jobs) == failed
    assert {"merge_enrichment", "summarize", "provenance"} < set(jobs)


def test_heasarc_elsewhere(bench, server):
    with ChaosProxy(server.url) as proxy:
        bench.proxy = proxy
        bench.set(f"archives.{ARCHIVE}.heasarc.url", f"{proxy.url}/heasarc/tap")
        bench.write()
        edit = "HEASARC's endpoint, with the same rows"
        # the columns, and three catalogues and the join, each with its count
        assert bench.check(edit, shards="none", described="heasarc") == 1 + 2 * 4


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
