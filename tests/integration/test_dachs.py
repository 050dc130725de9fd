"""The whole workflow against a real TAP server, GAVO DaCHS on PostgreSQL.

With the demo sky's rows its tables must be those of the demo archive, byte for byte, though
parser, geometry, row order and VOTable writer are different ones. With real rows, if there are
any, known numbers and objects must come out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from chaos_proxy import ChaosProxy
from chaos_runs import configure, jobs_left, rerun_until_finished, what_is_wrong
from export_sky import export_sky
from other_names import add_other_names
from own_list import pairs_by_hand, shipped, write_fits
from project_copy import (
    AFTER_ASKING,
    ProjectCopy,
    archive_at,
    differing_products,
    stand_ins,
)

from xgamma.coverage.cells import CELL_AREA_DEG2
from xgamma.tables.files import read_parquet

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


def run_against(project: ProjectCopy, url: str, name: str, simulated: bool) -> ProjectCopy:
    """Run the workflow with an archive `name` whose three services are one server."""
    archive = archive_at(url, one_service=True, modes={"gaia": "async"})
    archive["simulated"] = simulated
    settings = project.configure("server.yaml", {"archive": name, "archives": {name: archive}})
    project.make("--configfile", settings)
    return project


def summary_of(project: ProjectCopy, archive: str) -> dict:
    summary = json.loads((project.results(archive) / "summary.json").read_text(encoding="utf-8"))
    del summary["run"]
    return summary


@pytest.fixture(scope="module")
def url_of_demo_rows(demo_run, dachs, tmp_path_factory) -> str:
    """The server with the demo sky's rows, for the tests before those on real rows."""
    rows: Path = tmp_path_factory.mktemp("rows")
    export_sky(demo_run.project.results() / "archive/sky.duckdb", rows)
    add_other_names(rows)
    return dachs.serve(rows)


@pytest.fixture(scope="module")
def with_demo_rows(url_of_demo_rows, tmp_path_factory) -> ProjectCopy:
    """Products from the server with the demo sky's rows, archive 'dachs'.

    What is drawn from them, and written for other programs, is left to stand-ins: from the same
    tables of an archive of another name it is the same, as test_replay.py shows.
    """
    project = ProjectCopy(tmp_path_factory.mktemp("dachs") / "project").with_stand_ins()
    return run_against(project, url_of_demo_rows, "dachs", simulated=True)


EXAMPLES = ("allwise", "erass1", "gaia_vizier", "xmm")
NAMED = ("--config", 'sources=["LS 5039", "3C 273"]')


@pytest.fixture(scope="module")
def named_in_demo(demo_run, tmp_path_factory) -> tuple[ProjectCopy, str]:
    """A run for named sources on the demo archive, and the folder of its products."""
    # what asks nobody is the same in each archive, as the tests of all products show, and replay's
    project = ProjectCopy(tmp_path_factory.mktemp("named") / "ours", demo_run.project)
    project.with_stand_ins(*AFTER_ASKING).make(*NAMED)
    (folder,) = project.results().glob("sources/2-sources-*")
    return project, f"sources/{folder.name}"


class TestDemoRows:
    def test_products_are_the_same_bytes(self, demo_run, with_demo_rows):
        ours, theirs = demo_run.project.products(), with_demo_rows.products("dachs")
        assert differing_products(ours, theirs) == []
        kinds = {name.partition("/")[0] for name in ours}
        folders = {"catalogs", "plane", "crossmatch", "coverage", "association", "tables"}
        folders |= {"enrichment", "exports", "figures", "identification"}
        assert kinds == {*folders, "summary.json", "summary.txt"}
        assert sum(name.startswith("figures/") for name in ours) >= 16
        compared = set(ours) - stand_ins(theirs)
        assert {name.partition("/")[0] for name in compared} == kinds - {"figures", "exports"}
        for survey in ("gaia", "twomass"):
            assert sum(name.startswith(f"enrichment/{survey}/") for name in ours) >= 1

    def test_summary_is_the_same(self, demo_run, with_demo_rows):
        assert summary_of(demo_run.project, "demo") == summary_of(with_demo_rows, "dachs")

    def test_nothing_is_asked_again(self, with_demo_rows):
        assert with_demo_rows.make("--configfile", "server.yaml").jobs == []

    def test_named_sources(self, named_in_demo, url_of_demo_rows, tmp_path):
        """By uploads, and circle by circle; the demo archive's bytes."""
        ours, below = named_in_demo
        expected = ours.products(f"demo/{below}")
        assert len(expected) > 20
        served = ProjectCopy(tmp_path / "served").with_stand_ins(*AFTER_ASKING)
        # circle by circle the catalogues alone: the surveys are asked as ever
        in_circles = [f"catalogs/{name}.parquet" for name in ("csc", "chanmaster")]
        for name, upload, only in (("uploads", True, []), ("circles", False, in_circles)):
            archive = archive_at(url_of_demo_rows, one_service=True, modes={"gaia": "async"})
            for service in ("heasarc", "gaia", "irsa"):
                archive["services"][service]["upload"] = upload
            config = {"archive": name, "archives": {name: archive}}
            targets = [f"results/{name}/{below}/{one}" for one in only]
            settings = served.configure(f"{name}.yaml", config)
            served.make(*targets, "--configfile", settings, *NAMED)
            if only:
                folder = served.results(f"{name}/{below}")
                assert all((folder / one).read_bytes() == expected[one] for one in only)
                continue
            products = served.products(f"{name}/{below}")
            assert differing_products(products, expected) == []

    def test_services_and_catalogues_of_other_names(
        self, demo_run, named_in_demo, url_of_demo_rows, tmp_path
    ):
        """The examples: AllWISE, eRASS1 under a name in quotes, Gaia and the X-ray catalogue under
        other names. These have the rows of those that they stand for: what is found is known.
        """
        project = ProjectCopy(tmp_path / "project")
        services = ("heasarc", "gaia", "irsa", "vizier")
        made_up = {
            "archive": "live",
            "archives": {
                "live": {
                    "simulated": True,
                    "services": {
                        name: {"url": url_of_demo_rows, "mirrors": []} for name in services
                    },
                }
            },
            "surveys": {"erass1": {"columns": {"_Glon": "erass1_glon"}}},
            # errors and fluxes are halves and doubles of the Chandra Source Catalog's
            "xray": {
                "table": 'gavo.vizier."xmm-ssc"',
                "columns": {"error_minor": "error_minor", "error_angle": "_PA"},
                "error_factor": 2,
                "flux_factor": 0.5,
                "observations": {
                    "table": "chanmaster",
                    "columns": {"exposure": "exposure"},
                    "radius_arcmin": 0,
                },
            },
            "coverage": {"public_by": "2021-12-31"},
        }
        examples = [f"config/examples/{name}.yaml" for name in EXAMPLES]
        settings = project.configure("served.yaml", made_up)
        project.make("--configfile", *examples, settings, *NAMED)
        ours, below = named_in_demo
        expected, served = ours.results() / below, project.results("live") / below

        # the same catalogue under other names gives the same probabilities, to the bit
        found = read_parquet(served / "association/candidates.parquet")
        pd.testing.assert_frame_equal(
            found, read_parquet(expected / "association/candidates.parquet"), check_exact=True
        )
        assert len(found) >= 5 and found["p_association"].max() > 0.9
        sources = [read_parquet(run / "association/sources.parquet") for run in (served, expected)]
        pd.testing.assert_frame_equal(*sources, check_exact=True)
        # what the table lacks is null, and said
        table = read_parquet(served / "tables/candidates.parquet")
        assert table["csc_flux_low"].isna().all() and table["csc_flux"].notna().any()
        summary = json.loads((served / "summary.json").read_text(encoding="utf-8"))
        assert {"csc.var_flag", "csc.b_flux_ap_lo"} < set(summary["missing_columns"])

        # Gaia from another service: the same stars, in the columns that the config has
        theirs, ours = (
            pd.concat(map(read_parquet, sorted((run / "enrichment/gaia").glob("*.parquet"))))
            for run in (served, expected)
        )
        # eROSITA's positions are searched wider, so of them there are more
        theirs, ours = (
            frame[frame["around"] != "fermi"].drop_duplicates("id").set_index("id")
            for frame in (theirs, ours)
        )
        columns = [name for name in ours if name.startswith("gaia_") and "epoch" not in name]
        columns += ["ra", "dec", "l", "b"]
        assert len(ours) > 2 and len(columns) > 18 and set(ours.index) < set(theirs.index)
        pd.testing.assert_frame_equal(
            theirs.loc[ours.index, columns], ours[columns], check_dtype=False, check_exact=True
        )

        # LS 5039 is identified by four surveys, in the words of the X-ray catalogue
        (first,) = pd.read_csv(served / "tables/counterparts.csv").head(1).to_dict("records")
        assert first["association"].startswith("LS 5039") and "csc_name" not in first
        assert first["xmm_name"] == found["csc_name"][0]
        for survey in ("gaia", "twomass", "allwise", "erass1"):
            assert first[f"p_{survey}"] > 0.9
        grouped = pd.read_csv(served / "tables/grouped_csc_fermi_gaia_2mass_pairs.csv")
        assert {"xmm_names", "allwise_w1_mag", "erass1_names", "erass1_glon"} < {*grouped.columns}
        pages = [*(served / "site").rglob("*.html")]
        texts = {page.name: page.read_text(encoding="utf-8") for page in pages}
        (page,) = (text for name, text in texts.items() if "J1826.2" in name)
        assert "XMM-Newton" in page and "Chandra" not in page

        # who was asked, in which names
        record = json.loads((served / "catalogs/csc.provenance.json").read_text(encoding="utf-8"))
        assert 'FROM gavo.vizier."xmm-ssc" AS s' in record["answers"][0]["adql"]
        (shard,) = (served / "enrichment/erass1").glob("*.provenance.json")
        record = json.loads(shard.read_text(encoding="utf-8"))
        assert {answer["service"] for answer in record["answers"]} == {"vizier"}
        asked = " ".join(answer["adql"] for answer in record["answers"])
        assert 's."_Glon" AS' in asked and 'FROM "J/A+A/682/A34/erass1-m" AS s' in asked

    def test_lists_as_files_go_up_to_be_joined(self, demo_run, url_of_demo_rows, tmp_path):
        """The list after 4FGL-DR4, and the one before; by astropy's own matching."""
        csc = read_parquet(demo_run.project.results() / "catalogs/csc.parquet")
        project = ProjectCopy(tmp_path / "project").with_stand_ins(*AFTER_ASKING)
        archive = archive_at(url_of_demo_rows, one_service=True)
        for name, release in (("fl16y_v41", "FL16Y"), ("4fgl_dr3_v29", "4FGL-DR3")):
            fermi = shipped(name)
            write_fits(project.folder / f"{name}.fit", fermi)
            own = {"fermilpsc": {"file": f"{name}.fit", "release": release}}
            settings = project.configure(
                f"{name}.yaml",
                {"archive": "files", "archives": {"files": archive}, "catalogs": own},
            )
            made = "results/files/crossmatch/pairs.parquet"
            run = project.make(made, "--configfile", settings)
            assert {"crossmatch", "fetch_catalog_fermilpsc"} < {*run.jobs}
            pairs = read_parquet(project.folder / made)
            expected = pairs_by_hand(fermi, csc)
            assert set(zip(pairs["fermi_name"], pairs["csc_name"], strict=True)) == expected
            assert len(pairs) == len(expected) > 1000
            record = project.results("files") / "crossmatch/joined.provenance.json"
            record = json.loads(record.read_text(encoding="utf-8"))
            assert record["config"]["join"] == "upload"
            assert record["answers"][0]["counted"] == len(expected)
        assert "fetch_catalog_csc" not in run.jobs, "only the list is another one"

    def test_preflight(self, url_of_demo_rows, tmp_path):
        """Both modes, an upload, the join, each service in the config's mode; no job stays."""
        archive = archive_at(url_of_demo_rows, one_service=True, modes={"gaia": "async"})
        project = ProjectCopy(tmp_path / "project")
        settings = project.configure("server.yaml", {"archive": "s", "archives": {"s": archive}})
        before = jobs_left([url_of_demo_rows])
        project.make("preflight", "--configfile", settings)
        text = (project.results("s") / "services/preflight.txt").read_text(encoding="utf-8")
        *lines, plan = text.splitlines()
        assert [line for line in lines if not line.startswith("ok ")] == [] and len(lines) == 9
        assert text.count("sync and async work; an upload of 3 rows came back whole") == 2
        assert text.count("3 rows around 3 positions") == 2
        assert "ok heasarc fermilpsc: all 19 columns; 7,195 rows, simulated" in lines
        assert plan.startswith("plan run: about ") and " minutes, if " in plan
        assert jobs_left([url_of_demo_rows]).keys() <= before.keys()

    def test_faults_before_this_server(self, demo_run, url_of_demo_rows, tmp_path):
        """Three in ten requests meet one (test_chaos.py); the same bytes come out."""
        project = ProjectCopy(tmp_path / "project")
        with ChaosProxy(url_of_demo_rows, rate=0.3, seed=3, stop_s=6) as proxy:
            settings = configure(project, proxy.url, one_service=True)
            rerun_until_finished(project, settings)
        assert proxy.counts.faults.total() > 10
        undisturbed = demo_run.project.products()
        assert what_is_wrong(undisturbed, project, [url_of_demo_rows]) == []


SQUARE = (0.3, 0.2)  # degrees: width, height


def outlines_by_hand(places: SkyCoord) -> dict[str, tuple[str, float, float]]:
    """Name -> outline around its place, its area and the length of its edge (deg2, deg)."""
    disc, hole, square, two, gone = [(place.ra.deg, place.dec.deg) for place in places]
    width, height = SQUARE

    def polygon(ra, dec):
        half = width / 2 / np.cos(np.radians(dec))
        corners = [(-half, -1), (half, -1), (half, 1), (-half, 1)]
        return "Polygon " + " ".join(f"{ra + x} {dec + y * height / 2}" for x, y in corners)

    return {
        "disc": ("Circle ICRS {} {} 0.2".format(*disc), np.pi * 0.04, 0.4 * np.pi),
        "hole": (
            "Difference ICRS (Circle {0} {1} 0.3 Circle {0} {1} 0.15)".format(*hole),
            np.pi * (0.09 - 0.0225),
            0.9 * np.pi,
        ),
        "square": (polygon(*square), width * height, 2 * (width + height)),
        "two": (
            f"Union ICRS ({polygon(*two)} {polygon(two[0], two[1] + 0.6)})",
            2 * width * height,
            4 * (width + height),
        ),
        # with a grating
        "gone": ("Circle ICRS {} {} 0.2".format(*gone), 0.0, 0.0),
    }


@pytest.fixture(scope="module")
def with_outlines(demo_run, dachs, tmp_path_factory):
    """The demo archive with outlines from the server; the outlines by hand, and their places."""
    catalogs = demo_run.project.results() / "catalogs"
    listed, csc = (read_parquet(catalogs / f"{name}.parquet") for name in ("chanmaster", "csc"))
    # places of the plane without Chandra sources: the square and the two across 0 h
    sources = SkyCoord(csc["ra"], csc["dec"], unit="deg")
    at_0h = SkyCoord(359.99, np.arange(50, 74, 0.5), unit="deg")
    elsewhere = SkyCoord(np.arange(0, 360, 4.0), 4.0, unit="deg", frame="galactic").icrs
    (first, *others), rest = (
        [place for place in tried if place.separation(sources).min().deg > 1.2]
        for tried in (at_0h, elsewhere)
    )
    second = next(place for place in others if place.separation(first).deg > 2.5)
    places = SkyCoord([*rest[:2], first, second, rest[2]])
    by_hand = outlines_by_hand(places)
    rows = pd.DataFrame(
        {
            "obs_id": [*listed["obsid"], *by_hand],
            "s_ra": [*listed["ra"], *places.ra.deg],
            "s_dec": [*listed["dec"], *places.dec.deg],
            "t_exptime": [*listed["exposure"], *[3e4] * 5],
            "instrument_name": [*listed["detector"], *["ACIS-I"] * 4, "ACIS-HETG"],
            "s_region": [
                *(
                    f"CIRCLE J2000 {ra} {dec} 0.15"
                    for ra, dec in zip(listed["ra"], listed["dec"], strict=True)
                ),
                *(outline for outline, _, _ in by_hand.values()),
            ],
        }
    ).assign(obs_collection="SIM", dataproduct_type="event", obs_release_date="2001-02-03T04:05:06")
    # no outline, no exposure, another telescope's
    odd = rows.iloc[-5:].assign(
        obs_id=["a", "b", "c", "d", "e"],
        s_region=["", "", "Circle ICRS 1 62 0.2", "nonsense", "nonsense"],
        t_exptime=[1e4, 1e4, 0.0, 1e4, 1e4],
        obs_collection=["SIM"] * 3 + ["OTHER"] * 2,
    )
    folder = tmp_path_factory.mktemp("outlines")
    pd.concat([rows, odd]).to_csv(folder / "obscore.csv", index=False)
    obscore = {"table": "chandra.obscore", "where": "obs_collection = 'SIM'", "mode": "async"}
    coverage = {"source": "obscore", "obscore": {"url": dachs.serve(folder), **obscore}}
    project = ProjectCopy(folder / "project", demo_run.project)
    project.with_stand_ins(*AFTER_ASKING, but=["calibrate", "tabulate"])
    settings = project.configure("outlines.yaml", {"coverage": coverage})
    run = project.make("--configfile", settings)
    return project, run, by_hand, places


class TestOutlines:
    def test_areas_and_depths_are_those_of_the_outlines(self, with_outlines):
        project, _, by_hand, places = with_outlines
        fields = read_parquet(project.results() / "coverage/fields.parquet")
        cells = SkyCoord(fields["ra"], fields["dec"], unit="deg")
        for place, (name, (_, area, edge)) in zip(places, by_hand.items(), strict=True):
            angle = cells.separation(place).deg
            own = angle < 1.1
            # sixteenths of cells on the edge count whole, and cells of sources
            found = fields["share"][own].sum() * CELL_AREA_DEG2
            assert area <= found <= area + 0.012 * edge, name
            expected = 3e4 / (1 + (angle[own] * 60 / 7) ** 2)
            assert fields["exposure"][own].to_numpy() == pytest.approx(expected, rel=1e-5)

    def test_what_is_left_out_is_in_the_log(self, with_outlines):
        project, _, by_hand, _ = with_outlines
        listed = read_parquet(project.results() / "catalogs/chanmaster.parquet")
        near = np.abs(SkyCoord(listed["ra"], listed["dec"], unit="deg").galactic.b.deg) <= 15
        unexposed = 1 + int((near & ~(listed["exposure"] > 0)).sum())
        log = (project.results() / "logs/fetch_outlines.log").read_text(encoding="utf-8")
        assert f"left out: 2 without s_region, {unexposed} more without t_exptime" in log
        outlines = read_parquet(project.results() / "coverage/outlines.parquet")
        assert {*by_hand} <= {*outlines["obsid"]} and not {*"abcde"} & {*outlines["obsid"]}
        assert set(outlines["public_date"]) == {51943.0}

    def test_what_was_asked_is_on_record_and_not_asked_again(self, with_outlines):
        project, run, _, _ = with_outlines
        assert not {"fetch_catalog_csc", "crossmatch"} & {*run.jobs}
        assert {"fetch_outlines", "map_coverage", "associate", "provenance"} <= {*run.jobs}
        path = project.results() / "provenance.json"
        provenance = json.loads(path.read_text(encoding="utf-8"))
        outlines = provenance["products"]["coverage/outlines.parquet"]
        answers = [provenance["answers"].get(key) for key in outlines["answers"]]
        # the count is in its answer's record
        assert [answer["service"] for answer in answers if answer] == ["obscore"] * 2
        assert outlines["config"]["where"] == "obs_collection = 'SIM'"
        of_map = provenance["products"]["coverage/fields.parquet"]["answers"]
        assert {*outlines["answers"]} < {*of_map}
        assert project.make("--configfile", "outlines.yaml").jobs == []


class KnownObject(NamedTuple):
    """A published object: what is not known with certainty is None, and nothing is asked of it."""

    fermi_name: str
    position: str | None  # as in its name in the Chandra Source Catalog 2.1
    gaia: int | None = None  # Gaia DR3
    twomass: str | None = None


KNOWN_OBJECTS = {
    "LS 5039": KnownObject("4FGL J1826.2-1450", "18 26 15.0 -14 50 55", 4104196427943626624),
    "LS I +61 303": KnownObject(
        "4FGL J0240.5+6113", "02 40 31.6 +61 13 45", 465645515129855872, "02403165+6113456"
    ),
    "1FGL J1018.6-5856": KnownObject(
        "4FGL J1018.9-5856", "10 18 55.6 -58 56 45", 5255509901121774976, "10185560-5856459"
    ),
    "HESS J0632+057": KnownObject("4FGL J0632.8+0550", "06 32 59.2 +05 48 01", 3131822364779745536),
    "PSR B1259-63": KnownObject("4FGL J1302.9-6349", "13 02 47.6 -63 50 08", 5862299960127967488),
    "PSR J2032+4127": KnownObject(
        "4FGL J2032.2+4127", "20 32 13.1 +41 27 24", 2067835682818358400, "20321312+4127243"
    ),
    "Cyg X-3": KnownObject("4FGL J2032.4+4056", "20 32 25.7 +40 57 28"),
    "Eta Carinae": KnownObject("4FGL J1045.1-5940", "10 45 03.5 -59 41 03"),
    "Geminga": KnownObject("4FGL J0633.9+1746", "06 33 54.3 +17 46 14"),
    "Kes 75": KnownObject("4FGL J1846.4-0258", "18 46 24.9 -02 58 30"),
    "3C 111": KnownObject("4FGL J0418.2+3807", "04 18 21.2 +38 01 35"),
    "Crab pulsar": KnownObject("4FGL J0534.5+2200", None),
    "Vela pulsar": KnownObject("4FGL J0835.3-4510", None),
    "Galactic Centre": KnownObject("4FGL J1745.6-2859", "17 45 40.0 -29 00 28"),
}

# Whose Chandra source comes first, with at least this p_association. What came out, and of those
# that are not here, is in docs/known-objects.md.
FIRST = {
    "LS 5039": 0.99,
    "LS I +61 303": 0.99,
    "1FGL J1018.6-5856": 0.98,
    "PSR B1259-63": 0.95,
    "PSR J2032+4127": 0.5,
    "Cyg X-3": 0.99,
    "Kes 75": 0.5,
    "3C 111": 0.9,
}
# Whose published star is the likeliest object, with at least this p_object. LS 5039's is 3.4
# sigma from its Chandra source.
STARS = {
    ("LS 5039", "gaia"): 0.7,
    ("LS I +61 303", "gaia"): 0.98,
    ("LS I +61 303", "twomass"): 0.98,
    ("PSR J2032+4127", "gaia"): 0.98,
    ("PSR J2032+4127", "twomass"): 0.98,
}


def near(table: pd.DataFrame, position: str, arcsec: float, prefix: str = "") -> pd.DataFrame:
    """The table's rows within so many arcseconds of a place."""
    target = SkyCoord(position, unit=("hourangle", "deg"))
    places = SkyCoord(table[f"{prefix}ra"], table[f"{prefix}dec"], unit="deg")
    return table[places.separation(target).arcsec < arcsec]


@pytest.fixture(scope="module")
def with_real_rows(dachs, real_sky, tmp_path_factory) -> ProjectCopy:
    """Products from the server with real rows, archive 'real'."""
    url = dachs.serve(real_sky)
    project = ProjectCopy(tmp_path_factory.mktemp("real") / "project")
    return run_against(project, url, "real", simulated=False)


class TestRealRows:
    def test_numbers(self, with_real_rows):
        """Computed beforehand in three independent ways from the same rows."""
        summary = summary_of(with_real_rows, "real")
        assert summary["simulated"] is False
        pairs = summary["pairs"]
        assert (pairs["circle"], pairs["fermi_sources_circle"]) == (286, 104)
        assert (pairs["ellipse"], pairs["fermi_sources_ellipse"]) == (265, 95)
        assert pairs["circle_without_flux_cut"] == 1428
        assert pairs["fermi_sources_without_flux_cut"] == 183
        found = read_parquet(with_real_rows.results("real") / "crossmatch/pairs.parquet")
        assert len(found) == 286
        assert found["fermi_name"].nunique() == 104
        assert found["in_ellipse_95"].sum() == 265
        assert found.loc[found["in_ellipse_95"], "fermi_name"].nunique() == 95

    def test_all_products_and_figures(self, demo_run, with_real_rows):
        ours, theirs = demo_run.project.products(), with_real_rows.products("real")
        not_of_shards = {name for name in ours if name.count("/") == 1}
        assert not_of_shards <= set(theirs)
        for name, content in theirs.items():
            assert content, name
            assert not name.endswith(".png") or content.startswith(b"\x89PNG")

    def test_known_objects_are_candidates(self, with_real_rows):
        """Every one that has a row with a flux, but the Galactic Centre's (below)."""
        results = with_real_rows.results("real")
        csc = read_parquet(results / "catalogs/csc.parquet")
        csc = csc[csc["b_flux_ap"] > 0]
        pairs = read_parquet(results / "crossmatch/pairs.parquet")
        candidates = set()
        for name, known in KNOWN_OBJECTS.items():
            if known.position is None or name == "Galactic Centre":
                continue
            rows = set(near(csc, known.position, 2)["name"])
            paired = set(pairs.loc[pairs["fermi_name"] == known.fermi_name, "csc_name"])
            assert rows <= paired, name
            if rows:
                candidates.add(name)
        # what is known to be among the rows; more of them may be loaded
        assert candidates >= set(FIRST)

    def test_known_objects_come_first(self, with_real_rows):
        """By position, not by name: some names are of other releases."""
        candidates = read_parquet(with_real_rows.results("real") / "tables/candidates.parquet")
        for name, least in FIRST.items():
            known = KNOWN_OBJECTS[name]
            first = candidates[
                (candidates["fermi_name"] == known.fermi_name) & (candidates["rank"] == 1)
            ]
            first = near(first, known.position, 2, "csc_")
            assert len(first) == 1, name
            assert first["p_association"].item() >= least, name

    def test_stars_of_known_objects(self, with_real_rows, real_sky):
        """The published star is the likeliest object wherever its row was loaded."""
        identified = read_parquet(with_real_rows.results("real") / "tables/identifications.parquet")
        loaded = {
            "gaia": set(fits.getdata(real_sky / "gaia_source.fits.gz")["source_id"].tolist()),
            "twomass": {d.strip() for d in fits.getdata(real_sky / "fp_psc.fits")["designation"]},
        }
        right = set()
        for name in FIRST:
            known = KNOWN_OBJECTS[name]
            for survey, rows in loaded.items():
                published = getattr(known, survey)
                if published not in rows:
                    continue
                likeliest = identified[
                    (identified["fermi_name"] == known.fermi_name)
                    & (identified["survey"] == survey)
                    & (identified["rank"] == 1)
                ]
                likeliest = near(likeliest, known.position, 2, "csc_")
                assert likeliest["object_id"].tolist() == [str(published)], (name, survey)
                assert likeliest["p_object"].item() >= STARS.get((name, survey), 0.5), (
                    name,
                    survey,
                )
                right.add((name, survey))
        assert right >= set(STARS)

    def test_geminga_has_no_flux(self, with_real_rows):
        """Three rows of two releases without a flux: no pair; they share what one would have."""
        results = with_real_rows.results("real")
        known = KNOWN_OBJECTS["Geminga"]
        pairs = read_parquet(results / "crossmatch/pairs.parquet")
        assert known.fermi_name not in set(pairs["fermi_name"])
        candidates = read_parquet(results / "tables/candidates.parquet")
        candidates = candidates[candidates["fermi_name"] == known.fermi_name]
        entries = near(candidates, known.position, 3, "csc_")
        assert len(entries) == 3 and entries["p_association"].sum() > 0.95
        assert (entries["p_association"] < 0.5).all()

    def test_without_rows_nothing_is_found(self, with_real_rows):
        """No Chandra rows around them were loaded: not observed, rather than nothing found."""
        counterparts = read_parquet(with_real_rows.results("real") / "tables/counterparts.parquet")
        state = counterparts.set_index("fermi_name")["state"]
        for name in ("HESS J0632+057", "Crab pulsar"):
            assert state[KNOWN_OBJECTS[name].fermi_name] == "not observed"

    def test_sagittarius_a_star_lies_outside(self, with_real_rows):
        """At 0.01096 deg from the Galactic Centre's Fermi source, whose R95 is 0.0103 deg."""
        results = with_real_rows.results("real")
        known = KNOWN_OBJECTS["Galactic Centre"]
        csc = read_parquet(results / "catalogs/csc.parquet")
        (name,) = near(csc, known.position, 2)["name"]
        pairs = read_parquet(results / "crossmatch/pairs.parquet")
        centre = pairs[pairs["fermi_name"] == known.fermi_name]
        assert len(centre) > 0
        assert name not in set(centre["csc_name"])
        # yet a candidate, behind three that lie inside
        candidates = read_parquet(results / "tables/candidates.parquet")
        candidates = candidates[candidates["fermi_name"] == known.fermi_name]
        candidate = candidates[candidates["csc_name"] == name]
        assert candidate["rank"].item() == 4
        assert 0.02 < candidate["p_association"].item() < 0.2
