"""One run of the demo: its products against brute force, and what runs again after an edit.

Expected products are computed from the rows of the simulated sky in another way than in the
library: separations from chords between unit vectors, every pair of positions tried, no
joins and no trees. Which jobs ran is read from their logs, not from what Snakemake says.

One file, since the run that all these tests share takes a minute and files are what the
tests' workers share out.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from project_copy import PACKAGES_LOADED, ProjectCopy, Run, ShardsSeen, shard_jobs

from xgamma.provenance.dictionary import dictionary_tables
from xgamma.stages.compare import COMPARED_SOURCES
from xgamma.stages.compared_run import RUN_FILES
from xgamma.tables.files import read_columns, read_parquet

pytestmark = pytest.mark.timeout(600)

CUT_DEG, RADIUS_DEG, NEAREST = 10.0, 0.03, 3
# around candidates: four standard deviations, of which a 95 % error has 2.4477; 2 to 10 arcsec
SIGMAS, SIGMA_OF_95, LEAST_ARCSEC, MOST_ARCSEC = 4, 2.4477468306808166, 2, 10
# rounding of the two ways to compute a separation, degrees
ROUNDING_DEG = 1e-11


def unit_vectors(ra_deg, dec_deg) -> np.ndarray:
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def separations_deg(position, many) -> np.ndarray:
    """From one unit vector to many: twice the arcsine of half the chord."""
    return np.degrees(2 * np.arcsin(np.sqrt(np.square(many - position).sum(axis=-1)) / 2))


@dataclass(frozen=True)
class Rows:
    """Rows of the sky's tables."""

    fermi: pd.DataFrame
    csc: pd.DataFrame
    gaia: pd.DataFrame
    twomass: pd.DataFrame


@pytest.fixture(scope="module")
def sky(demo_run) -> Rows:
    path = demo_run.project.results() / "archive/sky.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        return Rows(
            connection.sql(
                "SELECT name, ra, dec, bii, semi_major_axis_95 AS r95 FROM fermilpsc"
            ).df(),
            connection.sql("SELECT name, ra, dec, b_flux_ap, error_ellipse_r0 FROM csc").df(),
            connection.sql("SELECT source_id AS id, ra, dec FROM gaiadr3.gaia_source").df(),
            connection.sql("SELECT designation AS id, ra, dec FROM fp_psc").df(),
        )


@pytest.fixture(scope="module")
def expected_pairs(sky) -> pd.DataFrame:
    """fermi_name, csc_name, sep_deg: X-ray sources with a flux inside the circles."""
    fermi = sky.fermi[(sky.fermi["bii"].abs() <= CUT_DEG) & (sky.fermi["r95"] > 0)]
    csc = sky.csc[sky.csc["b_flux_ap"] > 0]
    everywhere = unit_vectors(csc["ra"], csc["dec"])
    names = csc["name"].to_numpy()
    found = []
    for source in fermi.itertuples():
        apart = separations_deg(unit_vectors(source.ra, source.dec), everywhere)
        inside = np.flatnonzero(apart <= source.r95)
        found += [(source.name, names[i], apart[i]) for i in inside]
    pairs = pd.DataFrame(found, columns=["fermi_name", "csc_name", "sep_deg"])
    return pairs.sort_values(["fermi_name", "csc_name", "sep_deg"], ignore_index=True)


def test_pairs_of_the_circles(demo_run, expected_pairs):
    pairs = read_parquet(demo_run.project.results() / "crossmatch/pairs.parquet")
    assert len(expected_pairs) > 1000
    assert expected_pairs["fermi_name"].nunique() > 50
    order = ["fermi_name", "csc_name", "sep_deg"]
    pairs = pairs.sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(
        pairs[["fermi_name", "csc_name"]], expected_pairs[["fermi_name", "csc_name"]],
        check_dtype=False,
    )  # fmt: skip
    np.testing.assert_allclose(pairs["sep_deg"], expected_pairs["sep_deg"], atol=ROUNDING_DEG)


@pytest.mark.parametrize("survey", ["gaia", "twomass"])
def test_the_three_nearest_around_each_fermi_position(demo_run, sky, expected_pairs, survey):
    there = getattr(sky, survey)
    everywhere, ids = unit_vectors(there["ra"], there["dec"]), there["id"].to_numpy()
    names = expected_pairs["fermi_name"].unique()
    found = read_parquet(demo_run.project.results() / f"tables/counterparts_{survey}.parquet")
    found = found[found["around"] == "fermi"]
    assert set(found["fermi_name"]) <= set(names)
    without = 0
    for source in sky.fermi[sky.fermi["name"].isin(names)].itertuples():
        apart = separations_deg(unit_vectors(source.ra, source.dec), everywhere)
        inside = np.flatnonzero(apart <= RADIUS_DEG)
        best = inside[np.argsort(apart[inside])][:NEAREST]
        rows = found[found["fermi_name"] == source.name].sort_values("rank")
        assert rows["id"].tolist() == ids[best].tolist(), source.name
        np.testing.assert_allclose(rows["sep_fermi_arcsec"] / 3600, apart[best], atol=ROUNDING_DEG)
        assert set(rows["n_in_radius"]) <= {len(inside)}
        without += len(inside) == 0
    # the sky has positions with none on purpose, so their absence is tested too
    assert 0 < without < len(names) / 2


@pytest.mark.parametrize("survey", ["gaia", "twomass"])
def test_all_sources_around_each_candidate(demo_run, sky, expected_pairs, survey):
    there = getattr(sky, survey)
    everywhere, ids = unit_vectors(there["ra"], there["dec"]), there["id"].to_numpy()
    expected = []
    positions = sky.csc.drop_duplicates("name").set_index("name")
    around = {}
    for pair in expected_pairs.itertuples():
        if pair.csc_name not in around:
            row = positions.loc[pair.csc_name]
            here = unit_vectors(row["ra"], row["dec"])
            # no chord is shorter than its part along one axis
            strip = np.flatnonzero(np.abs(everywhere[:, 2] - here[2]) <= 6e-5)
            apart = separations_deg(here, everywhere[strip])
            radius = SIGMAS * row["error_ellipse_r0"] / SIGMA_OF_95
            radius = min(max(radius, LEAST_ARCSEC), MOST_ARCSEC)
            around[pair.csc_name] = strip[3600 * apart <= radius]
        expected += [(pair.fermi_name, pair.csc_name, ids[i]) for i in around[pair.csc_name]]
    found = read_parquet(demo_run.project.results() / f"tables/counterparts_{survey}.parquet")
    found = found[found["around"] == "csc"]
    assert len(expected) > 500
    columns = ["fermi_name", "csc_name", "id"]
    assert sorted(found[columns].itertuples(index=False, name=None)) == sorted(expected)


def test_nested_table_is_the_long_ones(demo_run, expected_pairs):
    results = demo_run.project.results()
    nested = pd.read_csv(
        results / "tables/grouped_csc_fermi_gaia_2mass_pairs.csv", keep_default_na=False
    )
    assert set(nested["fermi_name"]) == set(expected_pairs["fermi_name"])
    long = read_parquet(results / "tables/counterparts_gaia.parquet")
    long = long[long["around"] == "fermi"]
    for row in nested.itertuples():
        mine = expected_pairs[expected_pairs["fermi_name"] == row.fermi_name]
        assert json.loads(row.csc_names) == sorted(mine["csc_name"])
        assert row.num_csc_matches == len(mine)
        # as text: a reader of JSON may take such large numbers for floats
        ids = long.loc[long["fermi_name"] == row.fermi_name, "id"]
        assert json.loads(row.gaia_names) == [str(i) for i in ids]
    assert any(int(name) > 2**53 and int(name) % 2 for name in long["id"])


def test_summary_counts(demo_run, sky, expected_pairs):
    summary = json.loads((demo_run.project.results() / "summary.json").read_text(encoding="utf-8"))
    assert summary["simulated"] is True
    assert summary["csc"]["rows"] == len(sky.csc)
    assert summary["csc"]["with_flux"] == (sky.csc["b_flux_ap"] > 0).sum()
    assert summary["fermi"]["rows"] == len(sky.fermi)
    assert summary["fermi"]["in_plane"] == (sky.fermi["bii"].abs() <= CUT_DEG).sum()
    assert summary["pairs"]["circle"] == len(expected_pairs)
    assert summary["pairs"]["fermi_sources_circle"] == expected_pairs["fermi_name"].nunique()
    assert summary["pairs"]["distinct_csc_sources"] == expected_pairs["csc_name"].nunique()


def test_only_what_is_simulated_is_marked_so(demo_run):
    """The shares of classes are of the real Fermi sources, which the simulated sky holds all."""
    marked = {}
    for path in (demo_run.project.results() / "figures").glob("*.png"):
        corner = imread(path)[:50, -220:, :3]
        marked[path.stem] = bool((np.abs(corner - to_rgb("#FFF3DD")) < 0.004).all(-1).sum() > 500)
    assert len(marked) > 20
    assert {name for name, one in marked.items() if not one} == {"class_shares"}


FINAL_TABLES = [
    f"results/demo/tables/{name}"
    for name in ("grouped_csc_fermi_gaia_2mass_pairs.csv", "csc_fermi_pairs.ecsv")
]
SMALL_CUT = {"sky": {"latitude_cut_deg": 0.03}}


def final_tables(project: ProjectCopy) -> dict[str, bytes]:
    """Those that FINAL_TABLES rest on, and that are made with them."""
    made = ("crossmatch/", "tables/csc_", "tables/grouped_", "tables/counterparts_")
    return {name: what for name, what in project.products().items() if name.startswith(made)}


def test_first_run_makes_everything_once(demo_run):
    jobs = demo_run.run.jobs
    assert len(jobs) == len(set(jobs))
    assert ShardsSeen().new_ones(demo_run.project) == shard_jobs(jobs)
    assert not list(demo_run.project.results().rglob(".*.part"))


def test_jobs_end_in_silence(demo_run):
    """What packages leave behind says nothing as their processes end."""
    assert not re.findall(".*(?:Exception ignored|Traceback|leaked).*", demo_run.run.output)


def test_second_run_does_nothing(demo_run, tmp_path):
    run = ProjectCopy(tmp_path / "project", demo_run.project).make()
    assert run.jobs == []
    assert "Nothing to be done" in run.output


def test_a_comparison_and_a_preflight_find_nothing(demo_run, tmp_path):
    """In one call of Snakemake, whose start takes as long as each of them."""
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    before = project.products()
    for file in RUN_FILES:
        earlier = project.results("earlier") / file
        earlier.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.results() / file, earlier)
    run = project.make(
        "compare", "preflight", "--config", "compare=[results/earlier, results/demo]"
    )
    assert run.jobs == ["compare", "preflight"] and project.products() == before

    folder = project.folder / "results/comparisons/earlier-demo"
    record = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    digests = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    del digests["comparison.json"]
    assert record["products"] == digests and len(digests) == 12
    numbers = record["numbers"]
    searched = len(read_parquet(project.results() / "tables/fermi_sources.parquet"))
    assert numbers["in_both_runs"] == numbers["unchanged"] == searched > 2000
    assert read_columns(folder / "tables/compared_sources.parquet") == COMPARED_SOURCES
    table = Table.read(folder / "tables/compared_sources.ecsv")
    assert len(table) == searched and table.meta["simulated"] is True
    page = (folder / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:href|src)="([^"#:]+)"', page)
    # the copy has no pages to link to
    assert "../../demo/site/index.html" in links
    assert [link for link in links if not (folder / link).is_file()] == []

    lines = (project.results() / "services/preflight.txt").read_text().splitlines()
    assert {line.split()[0] for line in lines[:-1]} == {"ok"} and len(lines) == 10
    assert lines[-1].startswith("plan run: about ") and " minutes, if " in lines[-1]
    assert [line for line in run.output.splitlines() if line in lines] == lines


def test_resolution_redraws_figures_only(demo_run, tmp_path):
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    coarse = project.configure("coarse.yaml", {"figures": {"dpi": 60}})
    planned = project.make("--dry-run", "--configfile", coarse).planned
    for rule in ("all", "provenance", "publish_documents"):
        assert planned.pop(rule) == 1
    assert set(planned) == {
        f"plot_{name}"
        for name in (
            "observations",
            "plane",
            "associations",
            "counterparts",
            "subsample",
            "probabilities",
            "identification",
        )
    }
    figure = "results/demo/figures/exposure_map.png"
    before = (project.folder / figure).read_bytes()
    assert project.make(figure, "--configfile", coarse).jobs == ["plot_observations"]
    assert len((project.folder / figure).read_bytes()) < len(before)


@pytest.fixture(scope="module")
def strip(demo_run, tmp_path_factory) -> tuple[ProjectCopy, Run]:
    """A narrow strip of the plane, as the default settings and two cores make it, and its run."""
    project = ProjectCopy(tmp_path_factory.mktemp("strip") / "project", demo_run.project)
    settings = project.configure("strip.yaml", SMALL_CUT)
    return project, project.make(*FINAL_TABLES, "--configfile", settings)


def test_latitude_cut_asks_for_new_shards_only(strip, demo_run, tmp_path):
    """tests/integration/test_reruns.py has a wider one, too."""
    seen = ShardsSeen()
    seen.new_ones(demo_run.project)
    narrow, run = strip
    assert shard_jobs(run.jobs) == seen.new_ones(narrow) != set()
    project = ProjectCopy(tmp_path / "project", narrow)
    assert shard_jobs(project.make(*FINAL_TABLES).jobs) == set() == seen.new_ones(project)
    assert final_tables(project) == final_tables(demo_run.project)


def test_kill_in_the_middle_then_a_plain_run(strip, tmp_path):
    project = ProjectCopy(tmp_path / "project", strip[0])
    for folder in ("enrichment", "tables"):
        shutil.rmtree(project.results() / folder)
    arguments = (*FINAL_TABLES, "--configfile", "strip.yaml")
    manifest = project.make("results/demo/enrichment/shards.json", *arguments[-2:])
    assert manifest.jobs == ["shard_sources"]
    shards = json.loads((project.results() / "enrichment/shards.json").read_text())["gaia"]
    shard = next(iter(shards))
    killed = project.run(*arguments, kill_at=f"{shards[shard]}.parquet")
    assert killed.returncode == -9
    half = project.results() / f"enrichment/gaia/.{shard}.{shards[shard]}.parquet.part"
    # no other rule looks at anything but a shard's name: if it is there, so must be its record
    assert half.exists() and half.with_name(f"{shard}.{shards[shard]}.provenance.json").exists()
    assert not half.with_name(f"{shard}.{shards[shard]}.parquet").exists()
    assert f"enrichment/gaia/{shard}.{shards[shard]}" in project.make(*arguments).jobs
    assert final_tables(project) == final_tables(strip[0])
    assert not list(project.results().rglob(".*.part"))


#: Packages that take long to load; pandas, NumPy and Arrow, 0.2 s of CPU, nearly all jobs need.
HEAVY = {"astropy", "bokeh", "duckdb", "matplotlib", "mocpy", "pyvo", "regions", "requests"}
HEAVY |= {"scipy", "sqlglot", "jinja2"}
ASKS_THE_DEMO = {"duckdb", "requests", "sqlglot"}
# mocpy loads regions where it is installed
MOC = {"astropy", "matplotlib", "mocpy", "regions"}
MAY_LOAD = {
    "build_demo_sky": {"duckdb", "scipy"},
    "describe_service": ASKS_THE_DEMO,
    "fetch_catalog": ASKS_THE_DEMO,
    "crossmatch": ASKS_THE_DEMO,
    # it takes uploads as other services do, whoever wrote them
    "enrich_shard": ASKS_THE_DEMO | {"astropy"},
    "map_coverage": MOC | {"scipy"},
    "associate": {"scipy"},
    "calibrate": {"scipy"},
    "exports": MOC,
    "publish_documents": {"jinja2"},
    "publish_front": {"jinja2", "bokeh"},
    "publish_sources": {"jinja2"},
    "provenance": {"jinja2", "requests"},
}


def test_jobs_load_what_they_need(demo_run):
    """As they ended: to start is what most of them take most of their time for."""
    text = (demo_run.project.folder / PACKAGES_LOADED).read_text(encoding="utf-8")
    loaded = {}
    for line in text.splitlines():
        program, *packages = line.split(" ")
        if not program.startswith("__main__"):
            name = program.removesuffix(".py").rpartition(".")[2]
            loaded[name] = loaded.get(name, set()) | (HEAVY & set(packages))
    assert len(loaded) > 20 and MAY_LOAD.keys() <= loaded.keys()
    for name, packages in loaded.items():
        draws = {"matplotlib"} if name.startswith("plot_") else set()
        assert packages == MAY_LOAD.get(name, draws), name


def test_the_tables_are_those_of_the_dictionary(demo_run):
    """Names, kinds, units, UCDs and words of docs/columns.md are in the files."""
    results = demo_run.project.results()
    for pattern, columns in dictionary_tables().items():
        stem, _, endings = pattern.rpartition(".")
        if "parquet" in endings and (results / f"{stem}.parquet").exists():
            # what is kept only where a list has it: 4FGL-DR4 refers to none of our lists
            shown = [column for column in columns if column.name != "assoc_fgl"]
            assert read_columns(results / f"{stem}.parquet") == shown, stem
        if "ecsv" in endings and "*" not in stem:
            table = Table.read(results / f"{stem}.ecsv")
            assert [(n, str(table[n].unit or "")) for n in table.colnames] == [
                (column.name, column.unit) for column in columns
            ], stem
            if stem.startswith("tables/"):
                assert table.meta["name"] == stem.removeprefix("tables/")
                assert table.meta["simulated"] is True and "answered" not in table.meta
