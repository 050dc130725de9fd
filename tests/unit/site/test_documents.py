"""Documents and small tables as pages show them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from read_page import Page

from xgamma.provenance.products import description
from xgamma.site.documents import document
from xgamma.site.figure_pages import GROUPS, figures_context, notebook_context, small_table
from xgamma.site.templates import compact, factor, odds, probability, render, scientific
from xgamma.tables.columns import Column

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["method", "columns"])
def test_documents_are_pages_without_a_formula_or_a_mark_left(name):
    text = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    page = document(text, {"columns.md": "columns.html"})
    found = Page(page)
    assert len(re.findall(r"^## ", text, re.MULTILINE)) == found.tags.count("h2")
    assert not [one for one in found.text if "$" in one or "\\frac" in one]
    assert not found.values("td", "style") and "img" not in found.tags
    ids = {value for _, attribute, value in found.attributes if attribute == "id"}
    for link in found.values("a", "href"):
        if link.startswith("#"):
            assert link[1:] in ids, "headings are where links say"
        else:
            assert link.startswith(("https://", "columns.html"))


def test_html_in_a_document_is_text():
    page = Page(document("a <b onclick='x'>c</b> [d](other.md) `<i>`", {}))
    assert page.tags == ["p", "a", "code"]
    assert not page.values("a", "href")


def test_every_figure_has_its_caption_and_its_group():
    """Captions of figures that are no more, or figures without, are found here."""
    captions = {path.stem for path in (ROOT / "workflow/lib/xgamma/site/captions").glob("*.md")}
    listed = [name for names in GROUPS.values() for name in names]
    rules = (ROOT / "workflow/rules/figures.smk").read_text(encoding="utf-8")
    assert sorted(listed) == sorted(captions) == sorted(re.findall(r'figure_files\("(\w+)"', rules))
    values = {"latitude_cut_deg": 10, "radius_deg": 0.03, "csc_radius_arcsec": 2, "classes": "HMB"}
    context = figures_context(
        ["png"],
        {one: f"{one}.png" for one in listed},
        dict.fromkeys(listed, (900, 500)),
        values,
        {},
    )
    for group in context["groups"]:
        for figure in group["figures"]:
            assert figure["description"] == description(f"figures/{figure['name']}.png")
            assert "{" not in figure["caption"]


def test_figures_of_a_kind_that_no_page_shows_are_named():
    values = {"latitude_cut_deg": 10, "radius_deg": 0.03, "csc_radius_arcsec": 2, "classes": "HMB"}
    about = {"simulated": False, "archive": "a", "software": "", "answered": ""}
    page = render("figures.html", {"about": about, **figures_context(["pdf"], {}, {}, values, {})})
    assert "figures/states.pdf" in page and "<img" not in page


def test_the_notebook_s_numbers_stand_beside_the_run_s():
    summary = {"csc": {"rows": 5, "with_flux": 4}, "pairs": {"circle": 3}}
    context = notebook_context(summary, 2, {})
    found = {row["what"]: (row["published"], row["value"]) for row in context["numbers"]}
    assert found["Chandra sources"] == ("407,806", "5")
    assert found["with a broad-band flux"] == ("343,779", "4")
    assert found["pairs"] == ("9,162", "3")
    assert found["Fermi sources with pairs"] == ("340", "–")
    assert found["Fermi sources with a likely counterpart"] == ("–", "2")


def test_small_tables_show_every_kind_of_value():
    columns = [
        Column("t", "text"), Column("x", "float", "deg", "an angle"), Column("n", "int"),
        Column("m", "nullable_int"), Column("f", "bool"),
    ]  # fmt: skip
    frame = pd.DataFrame(
        {
            "t": ["a", ""],
            "x": [0.123456, np.nan],
            "n": [4_100_000_000_000_000_001, 2],
            "m": pd.array([None, 3], dtype="Int64"),
            "f": [True, False],
        }
    )
    table = small_table(frame, columns)
    texts = [[cell["text"] for cell in row] for row in table["rows"]]
    assert texts == [
        ["a", "0.1235", "4,100,000,000,000,000,001", "–", "yes"],
        ["", "–", "2", "3", "no"],
    ]
    assert table["headings"][1] == {"name": "x", "unit": "deg", "description": "an angle"}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (probability(0.99999), "> 0.999"),
        (probability(0.0), "0.000"),
        (probability(1e-9), "< 0.001"),
        (probability(float("nan")), "–"),
        (scientific(1.25e-12), "1.25 × 10⁻¹²"),
        (compact(0.00012345), "1.23 × 10⁻⁴"),
        (compact(1234.6), "1,235"),
        (factor(1.0), "× 10"),
        (factor(-0.3), "÷ 2"),
        (odds(-1.0), "1 : 10"),
        (odds(2.2), "158 : 1"),
    ],
)
def test_numbers_are_short_and_never_lie(shown, expected):
    assert shown == expected
