"""The text of config files: keys that stand twice, and what is no UTF-8 or no YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from xgamma.config.files import file_problems

CONFIG_FILE = Path(__file__).resolve().parents[3] / "config" / "config.yaml"


def problems(tmp_path, content: bytes) -> list[str]:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    return [line.replace(str(path), "mine.yaml") for line in file_problems(path)]


def test_the_shipped_config_is_in_order():
    assert file_problems(CONFIG_FILE) == []


@pytest.mark.parametrize(
    "content",
    [
        "# Zürich\nsky: {latitude_cut_deg: 5}\n".encode(),
        b"\xef\xbb\xbfsky: {latitude_cut_deg: 5}\n",
        b"",
        b"sky: {latitude_cut_deg: 5}\ncrossmatch: {min_flux: 0}\n",
        # the same name in two blocks is two keys
        b"a: {x: 1}\nb: {x: 1}\nc: [{x: 1}, {x: 1}]\n",
        # a block in several places, or in itself; and << takes from two of them
        b"a: &one {x: 1}\nb: &two {y: 1}\nc: {<<: *one, <<: *two}\nd: &own [*own]\n",
        # JSON with tabs, which YAML refuses and Snakemake reads
        b'{\n"sky":\n\t{}\n}',
    ],
)
def test_what_is_in_order(tmp_path, content):
    assert problems(tmp_path, content) == []


def test_a_missing_file_is_for_snakemake_to_refuse(tmp_path):
    assert file_problems(tmp_path / "none.yaml") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"sky:\n  latitude_cut_deg: 5\ndemo: {seed: 1}\nsky:\n  latitude_cut_deg: 7\n",
            "config: mine.yaml: sky stands in line 1 and again in line 4; only the last one would "
            "count, so remove one of them",
        ),
        (
            b"enrichment:\n  nearest: 3\n  shards: {by: source}\n  nearest: 5\n",
            "config: mine.yaml: enrichment.nearest stands in line 2 and again in line 4; only the "
            "last one would count, so remove one of them",
        ),
        (
            b"sky: {latitude_cut_deg: 5, latitude_cut_deg: 7}\n",
            "config: mine.yaml: sky.latitude_cut_deg stands in line 1 and again in line 1; only "
            "the last one would count, so remove one of them",
        ),
        (
            b"# Z\xfcrich\nsky: {latitude_cut_deg: 5}\n",
            "config: mine.yaml, line 1, is not encoded in UTF-8 (byte 0xfc); save the file as "
            "UTF-8",
        ),
        (
            b"coverage: {public_by: 2021-13-01}\n",
            "config: mine.yaml: cannot be read as YAML: month must be in 1..12; look for tabs, "
            "uneven indentation and missing quotes or brackets there and above",
        ),
        (
            b"sky:\n\tlatitude_cut_deg: 5\n",
            "config: mine.yaml, line 2, cannot be read as YAML: found character '\\t' that cannot "
            "start any token; look for tabs, uneven indentation and missing quotes or brackets "
            "there and above",
        ),
    ],
)
def test_one_line_names_file_and_line(tmp_path, content, said):
    assert problems(tmp_path, content) == [said]
