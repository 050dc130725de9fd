"""The path of a shard's file: what is put together comes apart again."""

import json
import re

import pytest

from xgamma.stages.shard_file import SHARD_PATTERN, ShardFile, read_manifest

DIGEST = "0123456789abcdef"
SHARDS = [
    ShardFile("gaia", "healpix1-002", DIGEST),
    ShardFile("gaia", "healpix2-041/4FGL_J0534_5+2201-1a2b3c4d", DIGEST),
    # names that look like other parts of the path
    ShardFile("enrichment", "enrichment", DIGEST),
    ShardFile("gaia", DIGEST, DIGEST),
]


@pytest.mark.parametrize("shard", SHARDS)
@pytest.mark.parametrize("before", ["", "results/demo/", "/somewhere/results/enrichment/"])
def test_there_and_back(shard, before):
    assert ShardFile.of(before + shard.path) == shard


def test_by_hand():
    shard = SHARDS[1]
    folder = "enrichment/gaia/healpix2-041"
    assert shard.path == f"{folder}/4FGL_J0534_5+2201-1a2b3c4d.{DIGEST}.parquet"
    assert shard.record == f"{folder}/4FGL_J0534_5+2201-1a2b3c4d.{DIGEST}.provenance.json"
    assert shard.job == f"{folder}/4FGL_J0534_5+2201-1a2b3c4d.{DIGEST}"
    assert shard.name == f"{folder}/4FGL_J0534_5+2201-1a2b3c4d.parquet"


@pytest.mark.parametrize(
    "path",
    [
        "enrichment/targets.parquet",
        "enrichment/shards.json",
        SHARDS[0].record,
        SHARDS[0].name,
        f"{SHARDS[0].job}.tsv",
        f"enrichment/gaia/.healpix1-002.{DIGEST}.parquet.part",
        f"enrichment/gaia/healpix1-002.{DIGEST[1:]}.parquet",
        f"enrichment/gaia/other/healpix1-002.{DIGEST}.parquet",
        f"crossmatch/gaia/healpix1-002.{DIGEST}.parquet",
        f"my_enrichment/gaia/healpix1-002.{DIGEST}.parquet",
    ],
)
def test_what_is_no_shard(path):
    assert ShardFile.of(path) is None


def test_a_path_of_wildcards():
    """As the rule enrich_shard names its files."""
    pattern = ShardFile("{survey}", "{shard}", "{digest}")
    for shard in SHARDS:
        wildcards = {"survey": shard.survey, "shard": shard.shard, "digest": shard.digest}
        assert pattern.path.format(**wildcards) == shard.path
        assert re.fullmatch(SHARD_PATTERN, shard.shard)


def test_a_manifest(tmp_path):
    manifest = {"gaia": {"healpix1-002": DIGEST, "healpix1-003": DIGEST[::-1]}, "twomass": {}}
    (tmp_path / "shards.json").write_text(json.dumps(manifest))
    assert read_manifest(tmp_path / "shards.json") == {
        "gaia": [SHARDS[0], ShardFile("gaia", "healpix1-003", DIGEST[::-1])],
        "twomass": [],
    }
