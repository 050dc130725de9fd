"""Two small finished runs compared: what is told of each source, and runs that are refused."""

import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from finished_runs import NO_TEMPLATES, csc_frame, describe, fermi_frame, two_runs, write_run
from hostile_names import HOSTILE_NAMES

from xgamma.errors import XgammaError
from xgamma.figures.comparisons import plot_moves, plot_p_before_after, plot_state_flows
from xgamma.site.comparison_page import comparison_context
from xgamma.site.templates import render
from xgamma.stages.compare import COMPARED_SOURCES, OTHER_VERSION, compare_runs
from xgamma.stages.compared_run import comparison_folder, read_run
from xgamma.stages.comparison_words import Section, comparison_sections, markdown
from xgamma.tables.columns import empty_frame
from xgamma.tables.files import read_columns, read_parquet, write_parquet


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return two_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def runs(folders):
    return [read_run(folder) for folder in folders]


@pytest.fixture(scope="module")
def found(runs):
    return compare_runs(*runs, NO_TEMPLATES)


def test_each_source_has_a_row(found):
    rows = found.sources.set_index("fermi_name_before")
    assert rows["fate"].to_dict() == {
        "4FGL J0638.4+0018": "gone",
        "4FGL J0640.0+0000": "renamed",
        "4FGL J0641.2+0000": "renamed",
        "": "new",
    }
    moved = rows.loc["4FGL J0640.0+0000"]
    assert (moved["link"], moved["fermi_name_after"]) == ("reference", "FL16Y J0640.4+0000")
    # 0.1 deg over hypot(0.04, 0.04), times the root of -2 ln 0.05
    assert moved["moved_sigma"] == pytest.approx(0.1 / 0.0565685 * 2.447747, rel=1e-4)
    assert rows.loc["4FGL J0641.2+0000", "moved_sigma"] == 0
    assert rows.loc["", ["state_before", "explained_by"]].tolist() == ["not in the list", "new"]
    gone = rows.loc["4FGL J0638.4+0018"]
    assert gone[["state_after", "explained_by", "changed"]].tolist() == [
        "not in the list", "gone", "",
    ]  # fmt: skip


def test_the_position_explains_what_has_changed(found):
    """The source now lies upon the second Chandra source, and far from the first."""
    row = found.sources.set_index("fermi_name_before").loc["4FGL J0640.0+0000"]
    assert (row["best_before"], row["best_after"], row["best_change"]) == ("A0", "B1", "other")
    assert row["explained_by"].split(", ")[0] == "position" == row["nearest_input"]
    assert row["p_if_position"] == pytest.approx(row["p_after"], abs=0.02)
    assert row["p_after_of_before"] < 0.1 < 0.5 < row["p_before"]


def test_a_chandra_source_of_another_name_is_the_same(found):
    row = found.sources.set_index("fermi_name_before").loc["4FGL J0641.2+0000"]
    assert (row["best_before"], row["best_after"], row["best_change"]) == ("A2", "B2", "same")
    assert (row["changed"], row["explained_by"]) == ("", "")
    chandra = found.chandra
    assert set(chandra["fate"]) == {"renamed"}
    assert chandra["separation_arcsec"].to_numpy() == pytest.approx(0.1, abs=1e-3)


def test_the_numbers(found):
    numbers = found.numbers
    assert numbers["links"] == {
        "same": 0, "renamed": 2, "split": 0, "merged": 0, "several": 0, "new": 1, "gone": 1,
    }  # fmt: skip
    assert (numbers["in_both_runs"], numbers["unchanged"]) == (2, 1)
    assert numbers["moved_beyond_sigma"] == {"1": 1, "2": 1, "3": 1}
    assert numbers["best"] == {"same": 1, "other": 1, "new": 0, "gone": 0, "none": 0}
    assert numbers["likely_before"] == {"sources": 2, "same_best": 1, "still_likely": 1}


def test_a_run_beside_itself_has_not_changed(runs):
    found = compare_runs(runs[0], runs[0], NO_TEMPLATES)
    assert set(found.sources["fate"]) == {"same"} and set(found.sources["changed"]) == {""}
    assert set(found.sources["explained_by"]) == {""} and found.numbers["explained_by"] == {}


def test_tables_of_another_version_are_told(folders, runs, tmp_path):
    """What this version does not compute from the run's inputs, no input explains."""
    folder = shutil.copytree(folders[0], tmp_path / "a")
    path = folder / "tables/fermi_sources.parquet"
    frame = read_parquet(path)
    frame.loc[frame["fermi_name"] == "4FGL J0641.2+0000", "best_p"] = 0.2
    write_parquet(path, frame, read_columns(path))
    describe(folder)
    rows = compare_runs(read_run(str(folder)), runs[1], NO_TEMPLATES).sources
    row = rows.set_index("fermi_name_before").loc["4FGL J0641.2+0000"]
    assert (row["changed"], row["explained_by"]) == ("P", OTHER_VERSION)


# ---- runs that are refused


def broken_json(folder):
    (folder / "provenance.json").write_text("{")


def without_column(folder):
    path = folder / "catalogs/csc.parquet"
    columns = [column for column in read_columns(path) if column.name != "b_flux_ap"]
    write_parquet(path, read_parquet(path, [column.name for column in columns]), columns)
    describe(folder)


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (
            lambda folder: folder.rename(folder.with_name("c")),
            "compare: there is no folder {0}: name two folders of products, such as results/demo",
        ),
        (
            lambda folder: (folder / "association/model.json").unlink(),
            "compare: {0} is no finished run of xgamma, it has no association/model.json: name "
            "the folder of a run's products, such as results/demo, or finish that run first",
        ),
        (
            lambda folder: (folder / "association/model.json").write_text("{}"),
            "compare: {0}/association/model.json is not what provenance.json describes: run "
            "snakemake there again, until it ends",
        ),
        (
            broken_json,
            "compare: {0}/provenance.json cannot be read (Expecting property name enclosed in "
            "double quotes: line 1 column 2 (char 1)): run snakemake there again",
        ),
        (
            without_column,
            "compare: {0}/catalogs/csc.parquet has no column b_flux_ap; another version of xgamma "
            "made it: run snakemake there again with this one",
        ),
    ],
    ids=["no folder", "no file", "changed", "broken", "no column"],
)
def test_a_folder_that_is_no_run_is_refused_in_one_line(folders, tmp_path, damage, line):
    folder = shutil.copytree(folders[0], tmp_path / "a")
    damage(folder)
    with pytest.raises(XgammaError) as error:
        read_run(str(folder))
    assert str(error.value) == line.format(folder)


@pytest.mark.parametrize(
    ("folders", "name"),
    [
        (("results/a", "results/b"), "a-b"),
        (("results/a/", "results/live/sources/ls5039"), "a-live.sources.ls5039"),
    ],
)
def test_a_comparison_is_named_by_its_runs(folders, name):
    assert comparison_folder(folders) == name


def test_runs_of_one_name_elsewhere_have_names_of_their_own():
    names = {comparison_folder((f"/{disk}/results/demo", "results/demo")) for disk in "xy"}
    assert len(names) == 2 and all(name.startswith("demo.") for name in names)


# ---- words, page, figures


def test_the_words_have_the_numbers(runs, found):
    text = markdown("two runs", comparison_sections(*runs, found, ("one", "other")))
    for words in (
        "| coverage.public\\_by | 2021-12-31 | 2014-12-31 |",
        "2 sources were searched in both runs: 0 are found by name, 2 by the list's own "
        "reference, 0 by overlapping ellipses alone.",
        "| gone | 1 |",
        "| 4FGL J0640.0+0000 → FL16Y J0640.4+0000 |",
    ):
        assert words in text
    assert text == markdown("two runs", comparison_sections(*runs, found, ("one", "other")))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_from_archives_stay_text(runs, found, name):
    """In Markdown and on the page."""
    text = markdown("x", [Section("y", (), ("name", "other"), [(name, "1")])])
    row = text.splitlines()[6]
    assert row.startswith("| ") and row.replace("\\|", "").count("|") == 3
    sources = found.sources.assign(fermi_name_before=name, best_after=name)
    context = comparison_context("x", [], sources, runs, ["../a/site/", "../b/site/"], {})
    about = {"archive": "demo", "simulated": True, "software": "", "answered": ""}
    page = render("comparison.html", {"about": about, **context})
    assert "<script" not in page and "<img" not in page


def test_the_page_links_to_pages_that_are_there(runs, found):
    context = comparison_context("x", [], found.sources, runs, ["../a/site/", "../b/site/"], {})
    (row,) = context["changed"]
    assert row["before"] == {
        "text": "4FGL J0640.0+0000",
        "link": "../a/site/sources/4FGL_J0640.0+0000.html",
    }
    assert row["after"] == {"text": "FL16Y J0640.4+0000", "link": ""}


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_figures_show_the_numbers(found):
    assert texts(plot_p_before_after(found.sources, "a", "b")) == ["FL16Y J0640.4+0000"]
    heights = sum(bar.get_height() for bar in plot_moves(found.sources).axes[0].patches)
    # the one that has moved; the other one lies where it lay
    assert heights == 1
    counts = [int(text) for text in texts(plot_state_flows(found.sources, "a", "b"))]
    assert sum(counts) == 4


def test_figures_of_nothing_say_so():
    nothing = empty_frame(COMPARED_SOURCES)
    for draw in (
        partial(plot_p_before_after, first="a", second="b"),
        plot_moves,
        partial(plot_state_flows, first="a", second="b"),
    ):
        assert any(words.startswith("no ") for words in texts(draw(nothing)))


def test_what_came_is_what_the_columns_say(found):
    assert list(found.sources.columns) == [column.name for column in COMPARED_SOURCES]
    assert json.dumps(found.numbers) and isinstance(found.sources, pd.DataFrame)
    assert np.isfinite(found.sources["fermi_l"]).all()


NO_CHANDRA = csc_frame([], [], [], [])
ONE_CHANDRA = csc_frame(["A0"], [100.01], [0.0], [-12.3])
NOWHERE, THERE, ELSEWHERE = (
    fermi_frame(names, ra, [0.0] * len(names))
    for names, ra in (([], []), (["4FGL J1"], [100.0]), (["4FGL J2"], [100.9]))
)


@pytest.mark.parametrize(
    ("before", "after", "explained"),
    [
        ((THERE, ONE_CHANDRA), (ELSEWHERE, ONE_CHANDRA), ["gone", "new"]),
        ((THERE, ONE_CHANDRA), (THERE, NO_CHANDRA), ["candidates"]),
        ((NOWHERE, ONE_CHANDRA), (THERE, ONE_CHANDRA), ["new"]),
        ((NOWHERE, NO_CHANDRA), (NOWHERE, NO_CHANDRA), []),
    ],
    ids=["nothing in common", "no Chandra source", "no Fermi source", "nothing"],
)
def test_runs_with_nothing_in_them(tmp_path, before, after, explained):
    pair = [read_run(write_run(tmp_path / side, *of)) for side, of in (("a", before), ("b", after))]
    found = compare_runs(*pair, NO_TEMPLATES)
    assert found.sources["explained_by"].tolist() == explained
    assert markdown("x", comparison_sections(*pair, found, ("", ""))).startswith("# x\n")


def test_beside_a_run_for_named_sources_only_these_count(runs):
    """The first run is for one source; what else the second one has is no news."""
    named = replace(
        runs[0],
        chosen=("4FGL J0641.2+0000",),
        sources=runs[0].sources[runs[0].sources["fermi_name"] == "4FGL J0641.2+0000"],
        candidates=runs[0].candidates[runs[0].candidates["fermi_name"] == "4FGL J0641.2+0000"],
    )
    found = compare_runs(named, runs[1], NO_TEMPLATES)
    assert found.sources["fermi_name_after"].tolist() == ["FL16Y J0641.2+0000"]
    assert found.chandra["csc_name_before"].tolist() == ["A2"]
