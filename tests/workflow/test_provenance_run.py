"""Provenance, crate and drift of a whole run, held against the files and what Snakemake knows."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest
from astropy.table import Table
from project_copy import ProjectCopy

from xgamma.run.lineage import read_lineage
from xgamma.stages.shard_file import ShardFile
from xgamma.tables.files import read_parquet

pytestmark = pytest.mark.timeout(300)

# Folders of the archive whose files are no products.
APART = ("answers", "archive", "benchmarks", "lineage", "logs", "site")


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results(demo_run) -> Path:
    return demo_run.project.results()


@pytest.fixture(scope="module")
def provenance(results) -> dict:
    return read(results / "provenance.json")


def files_of(results: Path) -> set[str]:
    """Everything under the archive's folder that is a product, by looking."""
    names = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    about = {"provenance.json", "ro-crate-metadata.json", "enrichment/shards.json"}
    return {
        name
        for name in names - about
        if not name.endswith(".provenance.json") and name.split("/")[0] not in APART
    }


def test_every_product_is_there_with_its_digest(results, provenance):
    products = provenance["products"]
    assert set(products) == files_of(results)
    assert len(products) > 50
    for name, described in products.items():
        content = (results / name).read_bytes()
        assert described["sha256"] == hashlib.sha256(content).hexdigest(), name
        assert described["bytes"] == len(content), name


def lineage_of(project: ProjectCopy, products) -> dict[str, list[str]]:
    """As the jobs of these products noted it."""
    shards = [shard for name in products if (shard := ShardFile.of(name))]
    assert len(shards) == 2
    return read_lineage(project.results(), [shard.job for shard in shards])


def test_the_lineage_is_what_snakemake_knows(demo_run, provenance):
    """Every edge of it, neither missing nor too many."""
    known = {}
    metadata = demo_run.project.folder / ".snakemake/metadata"
    for path in metadata.rglob("*"):
        if path.is_file():
            # long names are cut into folders, marked by an @
            name = "".join(part.lstrip("@") for part in path.relative_to(metadata).parts)
            inputs = [one for one in read(path)["input"] if one.startswith("results/demo/")]
            product = base64.b64decode(name).decode().removeprefix("results/demo/")
            known[product] = {one.removeprefix("results/demo/") for one in inputs}
    noted = lineage_of(demo_run.project, provenance["products"])
    assert {*provenance["products"], "provenance.json"} < noted.keys()
    assert {product: set(inputs) for product, inputs in noted.items()} == known


def test_rows_that_are_not_verified_go_no_further(demo_run, provenance):
    noted = lineage_of(demo_run.project, provenance["products"])
    readers = {name for name, inputs in noted.items() if "crossmatch/joined.parquet" in inputs}
    verified = ("pairs.parquet", "excluded.ecsv", "verification.json")
    about = {"provenance.json", "ro-crate-metadata.json"}
    assert readers == {f"crossmatch/{name}" for name in verified} | about


def test_no_product_loses_its_lineage_by_a_kill(demo_run, provenance, tmp_path):
    """Nor by the loss of what Snakemake remembers; jobs that do not run again have theirs."""
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    for killed_at in ("lineage/summarize.json", "demo/summary.json"):
        killed = project.run(
            "results/demo/summary.json", "--forcerun", "summarize", kill_at=killed_at
        )
        assert killed.returncode == -9, killed.output
        shutil.rmtree(project.folder / ".snakemake")
        again = project.make("results/demo/summary.json", "results/demo/provenance.json")
        assert again.jobs == ["provenance", "summarize"]
        assert read(project.results() / "provenance.json")["products"] == provenance["products"]
    # without it, the run says so instead of recording products that rest on nothing
    (project.results() / "lineage/plot_plane.json").unlink()
    run = project.run("--forcerun", "provenance")
    assert run.returncode == 1
    assert (
        "xgamma: provenance: no job noted what results/demo/figures/plane_histograms.png was made "
        "from: run snakemake --forceall" in run.output
    )


def test_answers_are_kept_as_they_came(results, provenance):
    keys = {key for product in provenance["products"].values() for key in product["answers"]}
    answers = provenance["answers"]
    assert set(answers) <= keys
    counts = {a["count_key"] for a in answers.values() if "count_key" in a}
    assert keys - set(answers) == counts and len(counts) == 4
    for key in keys:
        record = read(results / f"answers/queries/{key[:2]}/{key}.json")
        body = record["body"]
        content = gzip.decompress((results / f"answers/bodies/{body[:2]}/{body}.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == body
        assert len(content) == record["bytes"] and content.startswith(b"<?xml")
        assert key not in answers or answers[key]["body"] == body


def test_a_catalogue_has_the_whole_story(provenance):
    csc = provenance["products"]["catalogs/csc.parquet"]
    (key,) = [
        k for k in csc["answers"] if " FROM csc" in provenance["answers"].get(k, {}).get("adql", "")
    ]
    answer = provenance["answers"][key]
    assert answer["rows"] == answer["counted"] == csc["rows"] > 10_000
    assert answer["service"] == "heasarc" and answer["url"] == csc["config"]["url"]
    assert answer["mirror"] is None and answer["attempts"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", answer["started"])
    assert {"seconds", "mode", "uploads", "server"} <= set(answer)
    assert len(csc["content"]) == 64
    # a figure of Chandra observations does not rest on it
    assert key not in provenance["products"]["figures/exposure_map.png"]["answers"]
    assert key in provenance["products"]["figures/plane_map.png"]["answers"]


def test_settings_software_times(provenance):
    assert provenance["config"]["sky"] == {"latitude_cut_deg": 10}
    assert provenance["config"]["archive"] == provenance["archive"] == "demo"
    assert "connections" not in provenance["config"]
    assert {"xgamma", "python", "astropy", "pyvo", "numpy", "pandas", "snakemake"} <= set(
        provenance["software"]
    )
    seconds = provenance["run"]["job_seconds"]
    assert {"crossmatch", "fetch_catalog_csc", "enrich_shard_gaia"} <= set(seconds)
    assert provenance["run"]["job_seconds_total"] == pytest.approx(sum(seconds.values()), abs=0.1)


def test_no_times_and_no_places_of_this_machine(demo_run, results):
    place = str(demo_run.project.folder).encode()
    for name in [*files_of(results), "provenance.json", "ro-crate-metadata.json"]:
        assert place not in (results / name).read_bytes(), name
    for name in ("summary.json", "summary.txt", "crossmatch/verification.json"):
        text = (results / name).read_text(encoding="utf-8")
        assert not re.search(r"20\d\d-\d\d|\d\d:\d\d|second", text), name


def test_the_crate_describes_what_is_there(results, provenance):
    graph = {e["@id"]: e for e in read(results / "ro-crate-metadata.json")["@graph"]}
    files = {name for name, entity in graph.items() if entity["@type"] == "File"}
    assert files == {*provenance["products"], "provenance.json"}
    for name in provenance["products"]:
        assert graph[name]["contentSize"] == str((results / name).stat().st_size)
    newest = max(answer["started"] for answer in provenance["answers"].values())
    assert graph["./"]["datePublished"] == newest


def digests(results: Path, *apart: str) -> dict[str, str]:
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in results.rglob("*")
        if path.is_file() and path.relative_to(results).parts[0] not in apart
    }


def test_drift_of_an_archive_that_is_the_same_and_of_one_that_is_not(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    results = project.results()
    before = digests(results, "logs", "drift")
    run = project.make("drift")
    assert run.jobs == ["drift"]
    assert "nothing has changed" in run.output
    assert digests(results, "logs", "drift") == before
    assert len(Table.read(results / "drift/drift.ecsv")) == 0

    # a star near a Fermi position becomes brighter, an observation goes, another one comes
    around = read_parquet(results / "tables/counterparts_gaia.parquet")
    star = int(around.loc[around["around"] == "fermi", "id"].iloc[0])
    with duckdb.connect(str(results / "archive/sky.duckdb")) as sky:
        star_where = f"WHERE source_id = {star}"
        magnitude = sky.sql(
            f"SELECT phot_g_mean_mag FROM gaiadr3.gaia_source {star_where}"
        ).fetchall()[0][0]
        sky.sql(f"UPDATE gaiadr3.gaia_source SET phot_g_mean_mag = 5 {star_where}")
        first, last = sky.sql("SELECT min(obsid), max(obsid) FROM chanmaster").fetchall()[0]
        sky.sql(f"DELETE FROM chanmaster WHERE obsid = '{first}'")
        sky.sql(
            f"INSERT INTO chanmaster SELECT * REPLACE ('x1' AS obsid) FROM chanmaster "
            f"WHERE obsid = '{last}'"
        )
    before = digests(results, "logs", "drift")
    run = project.make("drift")
    assert digests(results, "logs", "drift") == before
    changes = Table.read(results / "drift/drift.ecsv")
    rows = {(row["table"], row["what"], row["key"].split()[-1]) for row in changes}
    assert rows == {
        ("chanmaster", "gone", str(first).strip()),
        ("chanmaster", "added", "x1"),
        ("counterparts_gaia", "changed", str(star)),
    }
    changed = changes[changes["what"] == "changed"]
    assert set(changed["column"]) == {"gaia_mean_g_mag"}
    assert [float(v) for v in changed["kept"]] == pytest.approx([magnitude] * len(changed))
    assert {float(v) for v in changed["now"]} == {5.0}
    assert (results / "drift/drift.txt").read_text(encoding="utf-8") in run.output
    assert "nothing has changed" not in run.output


def test_what_is_refused(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    path = project.results() / "tables/csc_fermi_pairs.ecsv"
    path.write_bytes(path.read_bytes() + b" ")
    run = project.run("bundle", "compare", "drift", "replay")
    assert run.returncode == 1 and "Traceback" not in run.output
    assert run.jobs == ["bundle", "compare", "drift", "replay"]
    lines = [line for line in run.output.splitlines() if line.startswith("xgamma: ")]
    changed = (
        "results/demo/tables/csc_fermi_pairs.ecsv is not what provenance.json "
        "describes: remove the file, and run snakemake again"
    )
    other = "replay: the archive is not replay: snakemake --cores 2 replay --config archive=replay"
    no_runs = (
        "compare: name the folders of two runs, the earlier one first: snakemake --cores 1 "
        "compare --config 'compare=[results/a, results/b]'"
    )
    said_by = sorted((no_runs, other, changed, changed))
    assert sorted(lines[:4]) == [f"xgamma: {said}" for said in said_by]
    # and once more at the end, in the order of the jobs' names
    jobs = (("bundle", changed), ("compare", no_runs), ("drift", changed), ("replay", other))
    assert lines[4:8] == [f"xgamma: {job}: {said.removeprefix(f'{job}: ')}" for job, said in jobs]
    assert lines[8].startswith("xgamma: failed jobs: 4, ") and len(lines) == 9
    assert not (project.folder / "results/demo.zip").exists()
    assert not (project.results() / "drift").exists()
