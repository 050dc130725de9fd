"""The pages of Fermi sources: what they say, and that no name can break them."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest
from hostile_names import HOSTILE_NAMES
from made_up_run import NAMES, made_up_run
from read_page import Page

from xgamma.site.files import write_pages
from xgamma.site.source_pages import in_order, page_files
from xgamma.site.templates import render


def pages(run=None) -> dict[str, str]:
    made = run or made_up_run()
    return {file: render("source.html", context) for file, context in made.contexts()}


@pytest.fixture(scope="module")
def first() -> Page:
    return Page(pages()["4FGL_J1826.2-1450.html"])


def test_sources_that_chandra_has_seen_have_a_page_by_their_probability():
    assert list(pages()) == ["4FGL_J1826.2-1450.html", "4FGL_J0240.5+6113.html"]
    frame = pd.DataFrame(
        {
            "fermi_name": ["d", "a", "c", "b"],
            "state": ["confused", "partly observed", "counterpart", "not observed"],
            "p_counterpart": [0.4, np.nan, 0.9, np.nan],
        }
    )
    assert in_order(frame) == ["c", "d", "a"]


def test_the_answer_the_candidates_and_their_objects(first):
    words = first.words()
    assert "2CXO J182615.0-145054 , P = 0.950 ; gaia 4104196427943626624 (0.970)" in words
    # the two candidates, by the probability with the evidence, and the one without
    assert re.search(r"1 2CXO J182615.0-145054 0.950 0.900 .* 2 2CXO J182610.0-145000 0.020 0.060",
                     words)  # fmt: skip
    assert "1 gaia 4104196427943626624 0.970" in words
    assert "81 of 88 were right; 78.6 ± 2.9 were expected" in words


def test_the_parts_of_the_probability_sum_to_one(first):
    parts = re.search(
        r"the likeliest candidate ([\d.]+) other candidates ([\d.]+) a source below the flux limit "
        r"([\d.]+) a source where Chandra has not looked ([\d.]+) no X-ray source at all ([\d.]+)",
        first.words(),
    )
    # 0.03 are left by 0.95 and 0.02; they are divided as 0.01, 0.01 and 0.02
    assert [float(p) for p in parts.groups()] == pytest.approx([0.95, 0.02, 0.0075, 0.0075, 0.015],
                                                               abs=6e-4)  # fmt: skip


def test_without_evidence_the_other_probability_counts():
    run = replace(made_up_run(), with_evidence=False)
    words = Page(pages(run)["4FGL_J1826.2-1450.html"]).words()
    assert re.search(r"1 2CXO J182615.0-145054 0.900 0.900 .* 2 2CXO J182610.0-145000 0.060 0.060",
                     words)  # fmt: skip
    assert "evidence its optical and infrared objects" not in words


def test_a_star_is_shown_where_it_was():
    """500 mas a year to the east for ten years back: 5 arcsec to the west, which is right."""
    (motion,) = re.findall(r'class="motion" points="([\d., ]+)"', "".join(pages().values()))
    (x, y), (to_x, to_y) = (map(float, point.split(",")) for point in motion.split())
    assert to_x - x == pytest.approx(5 * 300 / 20, abs=0.2)
    assert to_y == pytest.approx(y, abs=0.2)


def test_links_lead_to_neighbours_and_pages_by_probability(first):
    links = first.values("a", "href")
    assert links.count("4FGL_J0240.5+6113.html") == 3, "twice the next one, and once as near"
    outside = [link for link in links if link.startswith("https://")]
    assert len(outside) == 11 and all("276.56" in link for link in outside[:10])
    assert any("Coord=276.562700%20-14.848400" in link for link in outside)
    assert outside[-1].endswith("source_name=4FGL_J1826.2-1450")


def test_files_are_safe_and_each_source_has_its_own():
    usual = page_files(NAMES)
    assert usual[NAMES[1]] == "4FGL_J0240.5+6113.html"
    names = [*HOSTILE_NAMES, "4FGL j1826.2-1450", *NAMES]
    files = page_files(names)
    assert len({file.lower() for file in files.values()}) == len(set(names))
    for file in files.values():
        assert re.fullmatch(r"[A-Za-z0-9+][A-Za-z0-9+._-]*\.html", file)
        assert file.split(".")[0].upper() not in ("CON", "NUL", "AUX", "PRN")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_text(name):
    """Nothing of a name is a tag, an attribute or another page's address."""
    ours = Page(pages()["4FGL_J1826.2-1450.html"])
    hostile = made_up_run((name, NAMES[1], NAMES[2]), (name, f"{name} "), name, name)
    page = pages(hostile)[hostile.files[name]]
    found = Page(page)
    assert set(found.tags) <= set(ours.tags)
    assert {(tag, attribute) for tag, attribute, _ in found.attributes} <= {
        (tag, attribute) for tag, attribute, _ in ours.attributes
    }
    assert page.replace("\n", "").isprintable()
    for link in found.values("a", "href"):
        assert re.match(r"https://|\.\./|4FGL_|#main$", link) or link in hostile.files.values()
    if name.isprintable() and name.strip() == name and len(name) < 200:
        assert name in unescape(page)


def test_only_what_changes_is_written_anew_and_what_is_gone_is_removed(tmp_path):
    manifest, folder = tmp_path / "sources.json", tmp_path / "sources"
    write_pages(manifest, folder, [("a.html", "1"), ("b.html", "2")])
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    first = manifest.read_bytes()
    write_pages(manifest, folder, [("a.html", "1"), ("b.html", "3")])
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert after["a.html"] == before["a.html"] and after["b.html"] > before["b.html"]
    assert (folder / "b.html").read_text() == "3" and manifest.read_bytes() != first
    # what a killed run left beside
    (folder / ".c.html.part").write_text("half")
    write_pages(manifest, folder, [("a.html", "1")])
    assert [path.name for path in folder.iterdir()] == ["a.html"]
