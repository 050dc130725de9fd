"""The front page: its table, its numbers, its maps."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hostile_names import HOSTILE_NAMES
from made_up_run import ABOUT, NAMES, made_up_run
from read_page import Page

from xgamma.errors import XgammaError
from xgamma.site.files import as_script, write_assets
from xgamma.site.front_page import front_context
from xgamma.site.plane_map import covered_strips
from xgamma.site.templates import render

SUMMARY = {
    "csc": {"rows": 1000},
    "observations": {"rows": 30},
    "association": {"by_state": {"counterpart": 1}},
}


def front(run) -> str:
    context = front_context(
        run.sources, run.counterparts, run.candidates, run.identifications, run.cells,
        SUMMARY, ABOUT, 10.0, [], True, ["gaia"],
    )  # fmt: skip
    return render("index.html", context)


def test_a_source_is_found_by_every_name_of_its_own():
    page = Page(front(made_up_run()))
    (names, *others) = page.values("td", "data-search")
    assert names.split(NAMES[0])[0] == ""
    for name in ("accreting object", "2CXO J182610.0-145000", "4104196427943626624"):
        assert name in names and not any(name in other for other in others)


def test_numbers_are_those_of_the_table():
    words = Page(front(made_up_run())).words()
    assert "Fermi sources 3" in words
    assert "observed by Chandra, wholly or in part 2" in words
    assert "with a counterpart (P of 0.8 or more) 1" in words
    assert "of these expected to be false 0.1" in words, "1 - 0.95"


def test_each_row_is_once_in_the_map_at_its_place():
    page = front(made_up_run())
    data = json.loads(re.search(r'id="map-data">(.*?)</script>', page, re.DOTALL)[1])
    text = json.dumps(data)
    assert text.count('"name": "GlyphRenderer"') == 8, "the states and the coverage"
    rows = sorted(int(n) for n in re.findall(r'\["row", \[([\d, ]+)\]\]', text))
    assert rows == [0, 1, 2]
    # 16.9 is left of the middle, 190 at the right edge
    assert '["l", [16.9]]' in text and '["l", [-170.0]]' in text
    # the still map has the same, with a link where there is a page
    links = [link for link in Page(page).values("a", "href") if link.startswith("sources/")]
    assert links == [
        "sources/4FGL_J0240.5%2B6113.html".replace("%2B", "+"), "sources/4FGL_J1826.2-1450.html",
        "sources/4FGL_J1826.2-1450.html", "sources/4FGL_J0240.5+6113.html",
    ]  # fmt: skip


def test_strips_are_the_places_that_were_seen():
    """By brute force: a place of a quarter of a degree is covered if a cell in it was seen."""
    from astropy.coordinates import SkyCoord

    generator = np.random.default_rng(2)
    lon, lat = generator.uniform(170, 200, 400), generator.uniform(-12, 12, 400)
    sky = SkyCoord(lon, lat, unit="deg", frame="galactic").icrs
    share = np.where(generator.random(400) < 0.5, 0.9, 0.1)
    cells = pd.DataFrame({"ra": sky.ra.deg, "dec": sky.dec.deg, "share": share})
    strips = covered_strips(cells, 10.0)
    expected = {
        (int((x if x < 180 else x - 360) // 0.25), int(y // 0.25))
        for x, y, s in zip(lon, lat, share, strict=True)
        if s > 0.5 and abs(y) <= 10
    }
    found = [
        (column, round(strip.bottom / 0.25))
        for strip in strips.itertuples()
        for column in range(round(strip.left / 0.25), round(strip.right / 0.25))
    ]
    assert len(found) == len(set(found)) and set(found) == expected
    assert (strips["top"] - strips["bottom"]).unique() == [0.25]
    assert covered_strips(cells.iloc[:0], 10.0).empty


def test_hostile_names_are_text():
    """All of them on one page: nothing of a name is a tag, an attribute or the end of the data."""
    ours = Page(front(made_up_run()))
    run = made_up_run()
    names = list(dict.fromkeys(HOSTILE_NAMES))
    many = len(names)
    one = run.counterparts.iloc[[0] * many].reset_index(drop=True)
    hostile = {name: names for name in ("fermi_name", "association", "fermi_class", "csc_name",
                                        "gaia_id")}  # fmt: skip
    sources = run.sources.iloc[[0] * many].reset_index(drop=True).assign(fermi_name=names)
    page = front(replace(run, counterparts=one.assign(**hostile), sources=sources))
    found = Page(page)
    assert found.tags.count("tr") == many + 1
    assert set(found.tags) <= set(ours.tags)
    assert page.replace("\n", "").isprintable()
    data = re.search(r'id="map-data">(.*?)</script>', page, re.DOTALL)[1]
    assert "<" not in data
    assert json.loads(data) and page.count("</script>") == 4
    links = {link for link in found.values("a", "href") if link.startswith("sources/")}
    assert len(links) == many
    assert all(re.fullmatch(r"sources/[\w+.-]+\.html", link, re.ASCII) for link in links)


def test_a_policy_stands_in_every_page():
    """Before anything that could run: no host but its own, no code in a page."""
    for page in (front(made_up_run()),):
        policy = Page(page).values("meta", "content")[0]
        assert page.index("Content-Security-Policy") < page.index("<title>")
        assert "default-src 'none'" in policy
        scripts = re.search(r"script-src ([^;]*);", policy)[1]
        assert scripts in ("'none'", "'self' file:")


def test_datatables_is_a_plain_script(tmp_path):
    names = ("bokeh.min.js", "datatables.css", "datatables.js", "site.css", "site.js")
    write_assets({name: tmp_path / name for name in names})
    script = (tmp_path / "datatables.js").read_text(encoding="utf-8")
    assert "window.jQuery=" in script and not re.search(r"\bexport\s*\{", script)
    assert "Bokeh" in (tmp_path / "bokeh.min.js").read_text(encoding="utf-8")
    with pytest.raises(XgammaError, match="not as it was"):
        as_script("var a=1;export{a as b};")
