"""The pages of a run in a real browser: Chromium of Debian, driven by Playwright.

`in_browser.py` does what a reader does, in an environment of its own (browser.lock), and tells what
came of it. Needs ``apt-get install chromium``.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from environments import environment_of
from project_copy import ProjectCopy

from xgamma.tables.files import read_parquet

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit/site"))

from made_up_run import NAMES, made_up_run
from test_front_page import front

from xgamma.site.files import ASSET_FILES, write_assets, write_pages
from xgamma.site.templates import render

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
LS_5039 = "4FGL J1826.2-1450"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """A site whose every name is code, as far as a name can be."""
    folder = tmp_path_factory.mktemp("hostile")
    code = "<img src=x onerror='window.ran=1'><script>window.ran=1</script>"
    names = ('"><script>window.ran=1</script>', "</script><svg onload=window.ran=1>", NAMES[2])
    run = made_up_run(names, (code, f"{code} 2"), code, code)
    write_pages(
        folder / "sources.json",
        folder / "sources",
        ((file, render("source.html", context)) for file, context in run.contexts()),
    )
    write_assets({name: folder / "assets" / name for name in ASSET_FILES})
    (folder / "index.html").write_text(front(run), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(demo_run) -> Path:
    return demo_run.project.results() / "site"


@pytest.fixture(scope="module")
def counterparts(demo_run):
    return read_parquet(demo_run.project.results() / "tables/counterparts.parquet")


@pytest.fixture(scope="module")
def seen(site, hostile, tmp_path_factory) -> dict:
    """What the browser saw."""
    python = tmp_path_factory.mktemp("browser") / "venv/bin/python"
    environment_of(python.parents[1], HERE / "browser.lock")
    command = [python, HERE / "in_browser.py", site, hostile]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("way", ["file", "server"])
def test_from_the_front_page_to_the_star_of_ls_5039_and_back(seen, counterparts, way):
    """Open, search, click: and the same by a tap on the map; from a disk and from a server."""
    front = seen["front"][way]
    row = counterparts.set_index("fermi_name").loc[LS_5039]
    assert front["names"]["4FGL"] == [LS_5039]
    assert front["first"][0] in front["names"]["Chandra"]
    assert front["first"][0] in front["names"]["object"]
    for said in (front["tapped"], front["page"]):
        assert LS_5039 in said
    assert front["marked"] == [LS_5039], "the row that was tapped on the map is on the page"
    assert row["gaia_id"] in front["star"]
    below = counterparts["fermi_name"].tolist()
    assert front["next"].splitlines()[0] == below[below.index(LS_5039) + 1]
    assert "Which Chandra source is which Fermi source" in front["back"]
    assert front["layer"] is False
    assert counterparts["fermi_name"][2] in front["clicked"]


@pytest.mark.parametrize("way", ["file", "server"])
def test_sorted_filtered_and_downloaded(seen, counterparts, way):
    front = seen["front"][way]
    assert float(front["least_longitude"]) == pytest.approx(counterparts["fermi_l"].min(), abs=0.01)
    chosen = counterparts[
        (counterparts["state"] == "confused") & (counterparts["p_counterpart"] >= 0.3)
    ]
    assert 0 < len(chosen) < 25
    assert f"of {len(chosen)} (filtered" in front["filtered"]
    assert f"of {len(counterparts):,}" in front["cleared"]
    rows = list(csv.DictReader(io.StringIO(front["csv"])))
    assert {r["Fermi source"] for r in rows} == set(chosen["fermi_name"])
    p = {r["Fermi source"]: float(r["P"]) for r in rows}
    of_table = chosen.set_index("fermi_name")["p_counterpart"].to_dict()
    assert p == pytest.approx(of_table, rel=1e-5), "digits, not what the page rounds"


def test_nothing_goes_wrong_and_nobody_else_is_asked(seen):
    for how in ("file", "server", "keyboard"):
        assert seen["trouble"][how] == []
    assert seen["hosts"]["file"] == ["file"]
    (host,) = seen["hosts"]["server"]
    assert host.startswith("127.0.0.1:")


def test_by_keyboard_alone(seen):
    found = seen["keyboard"]
    assert found["first"] == "To the content"
    assert found["outline"] == "solid", "one sees where one is"
    assert LS_5039 in found["picked"] and LS_5039 in found["page"]


def test_axe_objects_to_nothing(seen):
    """Light and wide, dark and narrow; a formula in the head of a column has no text for axe."""
    left = {
        page: [one for one in objections if not one.startswith("empty-table-header (minor): "
               '<th class="number"><span class="math')]
        for page, objections in seen["accessibility"].items()
    }  # fmt: skip
    assert len(left) == 18
    assert {page: some for page, some in left.items() if some} == {}


def test_a_narrow_screen_scrolls_no_page_sideways(seen):
    assert set(seen["narrow"].values()) == {390}


def test_without_scripts_the_table_and_the_map_are_there(seen, counterparts, site):
    found = seen["without_scripts"]
    manifest = json.loads((site / "sources.json").read_text(encoding="utf-8"))
    assert found["rows"] == len(counterparts)
    assert found["links"] == len(manifest) == (counterparts["state"] != "not observed").sum()
    assert found["filters"] is False


def test_names_that_are_code_do_not_run(seen, hostile):
    assert seen["hostile"] == {"ran": True, "trouble": [], "rows": 3}
    # the names are there, as text
    assert "window.ran=1" in unescape((hostile / "index.html").read_text(encoding="utf-8"))


def test_the_pages_are_the_same_bytes_in_another_run(demo_run, site, tmp_path):
    """Made anew from the same tables; and a page that was there is not written again."""
    project = ProjectCopy(tmp_path / "project", demo_run.project)
    made = project.results() / "site"
    times = {path.name: path.stat().st_mtime_ns for path in (made / "sources").iterdir()}
    (made / "index.html").unlink()
    gone = next(iter(sorted(times)))
    (made / "sources" / gone).unlink()
    run = project.make("--forcerun", "publish_sources", "publish_front", "publish_documents")
    assert {"publish_sources", "publish_front", "publish_documents"} <= set(run.jobs)
    files = {path.relative_to(site) for path in site.rglob("*") if path.is_file()}
    assert {path.relative_to(made) for path in made.rglob("*") if path.is_file()} == files
    for file in files:
        assert (made / file).read_bytes() == (site / file).read_bytes(), file
    times_after = {path.name: path.stat().st_mtime_ns for path in (made / "sources").iterdir()}
    assert [name for name in times if times_after[name] != times[name]] == [gone]
