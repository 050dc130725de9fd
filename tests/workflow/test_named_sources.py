"""A run for one named source: what it asks, and that it finds what the run of the plane finds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from chaos_proxy import ChaosProxy
from chaos_runs import EmbeddedServer
from project_copy import ProjectCopy, archive_at
from regions import Regions

from xgamma.tables.files import read_parquet

pytestmark = pytest.mark.timeout(300)

ARCHIVE, NAME, FERMI = "served", "LS 5039", "4FGL J1826.2-1450"
FOLDER = f"{ARCHIVE}/sources/ls5039"


@pytest.fixture(scope="module")
def plane(demo_run):
    """Folder of the products of the whole plane."""
    return demo_run.project.results()


@pytest.fixture(scope="module")
def named(plane, tmp_path_factory):
    """A copy without products, the run in it, and the requests that the services got."""
    project = ProjectCopy(tmp_path_factory.mktemp("named") / "project")
    project.with_stand_ins(but=["exports"])
    (project.folder / "mine.txt").write_text("# a binary\nls 5039\n")
    model = json.loads((plane / "association/model.json").read_text(encoding="utf-8"))
    # what differs is then the chance density, learnt on one field
    fixed = {name: one["value"] for name, one in model["values"].items()}
    server = EmbeddedServer(plane / "archive/sky.duckdb")
    try:
        with ChaosProxy(server.url) as proxy:
            settings = {
                "archive": ARCHIVE,
                "archives": {ARCHIVE: archive_at(proxy.url)},
                "association": {"fixed": fixed},
            }
            config = project.configure("named.yaml", settings)
            made = project.make("--configfile", config, "--config", "sources=mine.txt")
            requests = proxy.counts.requests.copy()
            one = [f"results/{ARCHIVE}/sources/ls5038/catalogs/chosen.parquet"]
            wrong = project.run(*one, "--configfile", config, "--config", 'sources=["LS 5038"]')
    finally:
        server.stop()
    return project, made, requests, wrong


def test_no_more_is_asked_than_one_source_needs(named, plane):
    project, made, requests, _ = named
    # each service's columns; the Fermi sources and the join, each with its count, and two
    # catalogues around the source; the two surveys' capabilities, the numbers of their rows around
    # the source, and the rows around all targets
    assert requests.total() == (1 + 2 + 2 + 2) + 2 * 4, requests
    results = project.results(FOLDER)
    rows = {name: len(read_parquet(results / f"catalogs/{name}.parquet")) for name in
            ("csc", "chanmaster", "fermilpsc")}  # fmt: skip
    whole = {name: len(read_parquet(plane / f"catalogs/{name}.parquet")) for name in rows}
    assert rows["fermilpsc"] == whole["fermilpsc"]
    assert 0 < rows["csc"] < 0.01 * whole["csc"] and 0 < rows["chanmaster"] < 50
    assert "xgamma: a run for 1 named source: ls 5039\n" in made.output
    assert f"xgamma: products are under results/{FOLDER}/, made from answers of" in made.output
    assert not (results / "figures").exists() and not (results / "plane").exists()
    provenance = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["config"]["sources"] == ["ls 5039"]
    assert "catalogs/chosen.parquet" in provenance["products"]


def test_its_probabilities_are_those_of_the_run_of_the_plane(named, plane):
    results = named[0].results(FOLDER)
    sources, of_plane = (
        read_parquet(folder / "tables/fermi_sources.parquet") for folder in (results, plane)
    )
    assert sources["fermi_name"].tolist() == [FERMI]
    of_plane = of_plane[of_plane["fermi_name"] == FERMI].reset_index(drop=True)
    same = ["association", "state", "best_csc_name", "n_candidates", "agreement", "exposure"]
    assert sources[same].to_dict("records") == of_plane[same].to_dict("records")
    assert sources["coverage"][0] == pytest.approx(of_plane["coverage"][0], abs=1e-3)
    names = ["best_p", "p_outside", "p_below", "p_none"]
    assert sources[names].to_numpy() == pytest.approx(of_plane[names].to_numpy(), abs=0.005)
    candidates, others = (
        read_parquet(folder / "tables/candidates.parquet") for folder in (results, plane)
    )
    others = others[others["fermi_name"] == FERMI].reset_index(drop=True)
    assert candidates["csc_name"].tolist() == others["csc_name"].tolist()
    p, expected = candidates["p_association"].to_numpy(), others["p_association"].to_numpy()
    # the density of the field, and with it the odds, differs by less than 20 %
    assert np.abs(np.log(p[1:] / expected[1:])).max() < 0.2
    pairs, whole = (
        read_parquet(folder / "crossmatch/pairs.parquet") for folder in (results, plane)
    )
    whole = whole[whole["fermi_name"] == FERMI].reset_index(drop=True)
    assert len(pairs) > 0 and pairs.equals(whole)


def test_its_exports_are_of_it_alone(named):
    exports = named[0].results(FOLDER) / "exports"
    (ellipse,) = Regions.read(exports / "fermi_ellipses.reg", format="ds9")
    assert ellipse.meta["text"] == FERMI
    loaded = (exports / "open_in_aladin.ajs").read_text().split("load ")[1:]
    assert len(loaded) == 6 and all((exports / one.split()[0]).stat().st_size for one in loaded)


def test_a_misspelt_name_stops_with_one_line(named):
    wrong = named[3]
    assert wrong.returncode == 1
    line = "sources: no source is called LS 5038; did you mean LS 5039 (4FGL J1826.2-1450)"
    assert line in wrong.output and "Traceback" not in wrong.output
    # the Fermi catalogue was there already
    assert wrong.jobs == ["choose_sources", "describe_service_heasarc", "fetch_catalog_fermilpsc"]
