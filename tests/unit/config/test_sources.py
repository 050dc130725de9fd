"""Names of sources in the config: a list, one name, a file; and where their products go."""

from __future__ import annotations

from pathlib import Path

import pytest

from xgamma.config.settings import ConfigError, load_config
from xgamma.config.sources import sources_folder, with_source_names
from xgamma.errors import XgammaError


def names(value):
    return load_config(with_source_names({"sources": value})).sources


def test_a_list_one_name_and_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert names(["LS 5039", "4FGL J1745.6-2859"]) == ("LS 5039", "4FGL J1745.6-2859")
    assert names("LS 5039") == names(" LS 5039 ") == ("LS 5039",)
    # no ending, though there is a dot
    assert names("4FGL J1745.6-2859") == ("4FGL J1745.6-2859",)
    assert names([]) == names("") == load_config({}).sources == ()


def test_a_file_with_comments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "\ufeff# mine\n\n  LS 5039 \r\nPSR J1023+0038\t# a binary\n4FGL J1745.6-2859\nLS 5039\n"
    Path("mine.txt").write_bytes(text.encode())
    expected = ("LS 5039", "PSR J1023+0038", "4FGL J1745.6-2859")
    assert names("mine.txt") == names(str(tmp_path / "mine.txt")) == expected
    # a file that is there needs no ending
    Path("mine.txt").rename("mine")
    assert names("mine") == expected


def test_a_file_that_is_missing_empty_or_no_text_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("none.txt").write_text("# nobody\n\n")
    Path("image.png").write_bytes(b"\x89PNG\xff\xfe")
    for path, reason in (
        ("mine.txt", "No such file or directory"),
        ("lists/mine", "No such file or directory"),
        ("none.txt", "that file has no name"),
        ("image.png", "cannot be read"),
    ):
        with pytest.raises(XgammaError, match=reason) as caught:
            names(path)
        line = str(caught.value)
        assert line.startswith(f"config: sources is '{path}'; ") and "\n" not in line


@pytest.mark.parametrize("wrong", [{"a": 1}, [5039], [""], ["  "], [["LS 5039"]], None, 5])
def test_what_is_no_list_of_names_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"^config: sources"):
        names(wrong)


def test_products_are_beside_the_plane_s_and_share_its_answers():
    plane, one = load_config({}), load_config({"sources": ["LS 5039"]})
    assert (plane.results_folder, one.results_folder) == (
        "results/demo",
        "results/demo/sources/ls5039",
    )
    prefixed = Path("sub") / one.results_folder
    assert one.answers_folder(prefixed) == Path("sub/results/demo/answers")
    assert plane.answers_folder(Path("sub/results/demo")) == one.answers_folder(prefixed)
    assert plane.results_of(Path("sub/results/replay"), "demo") == Path("sub/results/demo")
    replay = load_config({"archive": "replay", "sources": ["LS 5039"]})
    folder = Path("sub") / replay.results_folder
    assert folder == Path("sub/results/replay/sources/ls5039")
    assert replay.answers_folder(folder) == Path("sub/results/demo/answers")
    assert replay.results_of(folder, "demo") == prefixed


def test_the_folder_tells_lists_apart_and_not_spellings():
    assert sources_folder(["4fgl  J1826.2\u22121450"]) == sources_folder(["4FGL J1826.2-1450"])
    assert sources_folder(["a", "B", "b"]) == sources_folder(["b", "A"])
    # the place of a comma, a slash, one more name, no letter that a folder's name may have
    lists = [["a", "b"], ["ab"], ["a/b"], ["a_b"], ["a", "b", "c"], [".."], ["é"], ["x" * 300]]
    folders = [sources_folder(one) for one in lists]
    assert len(set(folders)) == len(lists)
    assert all(len(one) < 80 and one.strip(".") and "/" not in one for one in folders)
