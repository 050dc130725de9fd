"""Provenance: the digest of a content, what rests on which answers, and the comparison of runs.

The small run below has two catalogues, a plane part, the pairs and a figure; which answers
each product rests on is written down by hand.
"""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xgamma.answers.store import answers_digest
from xgamma.errors import XgammaError
from xgamma.provenance.products import description, product_name
from xgamma.provenance.record import (
    check_products,
    compare_replay,
    content_digest,
    differing_products,
    fetch_record,
    read_provenance,
    run_provenance,
    run_record,
    software_versions,
    write_provenance,
)
from xgamma.stages.shard_file import ShardFile
from xgamma.tables.columns import Column
from xgamma.tables.files import read_columns, read_parquet, write_parquet
from xgamma.tables.whole_files import write_json

COLUMNS = [
    Column("name", "text"),
    Column("id", "int"),
    Column("flags", "nullable_int"),
    Column("flux", "float", "erg / (s cm2)"),
    Column("mag", "float32", "mag"),
    Column("good", "bool"),
    Column("list", "list"),
]
FRAME = pd.DataFrame(
    {
        "name": ["a", "b\n", "", "É"],
        "id": [2**53, 2**53 + 1, -1, 4104196427943626625],
        "flags": pd.array([1, None, 0, 2**62 + 1], dtype="Int64"),
        "flux": [1e-14, np.nan, -np.inf, 0.1 + 0.2],
        "mag": np.array([1.5, np.nan, 0.0, 21.25], dtype="float32"),
        "good": [True, False, True, True],
        "list": [["x"], [], ["y", 1.5], [None]],
    }
)
PLAIN = COLUMNS[:6]


class TestContentDigest:
    def test_order_of_rows_and_index_do_not_count(self):
        expected = content_digest(FRAME, COLUMNS)
        assert len(expected) == 64
        for seed in range(5):
            shuffled = FRAME.sample(frac=1, random_state=seed)
            assert content_digest(shuffled, COLUMNS) == expected
        twice = pd.concat([FRAME, FRAME])
        assert content_digest(twice, COLUMNS) != expected

    @pytest.mark.parametrize("rows", [0, 1, 2, 50])
    def test_a_table_that_is_sorted_has_the_digest_of_one_that_is_not(self, rows):
        """Rows in order are not sorted again, and those with the same first value by the others."""
        chance = np.random.default_rng(rows)
        columns = [Column("name", "text"), Column("flux", "float"), Column("id", "int")]
        for names in (rows + 1, 5):
            frame = pd.DataFrame(
                {
                    "name": [f"{n:03d}" for n in np.sort(np.arange(rows) % names)],
                    "flux": chance.choice([-2.0, -1.0, 0.0, 1.0, np.nan], rows),
                    "id": chance.integers(-9, 9, rows),
                }
            )
            expected = content_digest(frame, columns)
            for seed in range(3):
                shuffled = frame.sample(frac=1, random_state=seed)
                assert content_digest(shuffled, columns) == expected
                assert rows < 2 or content_digest(shuffled, columns[::-1]) == content_digest(
                    frame, columns[::-1]
                )

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("id", 2**53 + 2),
            ("flags", 0),
            ("flux", 0.0),
            ("mag", np.float32(1.0)),
            ("good", True),
            ("name", "b"),
            ("list", [""]),
        ],
    )
    def test_every_value_counts_and_null_is_no_zero(self, column, value):
        changed = FRAME.copy()
        changed.at[1, column] = value
        assert content_digest(changed, COLUMNS) != content_digest(FRAME, COLUMNS)

    def test_the_last_digit_counts(self):
        changed = FRAME.assign(flux=np.nextafter(FRAME["flux"], 1))
        assert content_digest(changed, COLUMNS) != content_digest(FRAME, COLUMNS)
        # 2**53 and 2**53 + 1 are one float
        ids = [Column("id", "int")]
        digests = {content_digest(pd.DataFrame({"id": [2**53 + i]}), ids) for i in range(2)}
        assert len(digests) == 2

    def test_nan_is_one_value(self):
        bits = [0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000]
        flux = [Column("flux", "float")]
        digests = {
            content_digest(pd.DataFrame({"flux": np.frombuffer(struct.pack("<Q", b), "<f8")}), flux)
            for b in bits
        }
        assert len(digests) == 1

    def test_values_do_not_run_into_each_other(self):
        columns = [Column("a", "text"), Column("b", "text")]
        one = pd.DataFrame({"a": ["xy", "z"], "b": ["", "w"]})
        two = pd.DataFrame({"a": ["x", "z"], "b": ["y", "w"]})
        swapped = pd.DataFrame({"a": ["xy", "z"], "b": ["w", ""]})
        assert len({content_digest(frame, columns) for frame in (one, two, swapped)}) == 3

    def test_names_kinds_and_units_count(self):
        frame = pd.DataFrame({"a": [1, 2]})
        variants = [
            Column("a", "int"),
            Column("a", "float"),
            Column("a", "nullable_int"),
            Column("a", "int", "deg"),
        ]
        digests = [content_digest(frame, [column]) for column in variants]
        digests.append(content_digest(frame.rename(columns={"a": "b"}), [Column("b", "int")]))
        assert len(set(digests)) == 5
        described = Column("a", "int", "", "words about it")
        assert content_digest(frame, [described]) == digests[0]

    def test_parquet_can_be_written_in_any_way(self, tmp_path):
        plain = FRAME.assign(name=["a", "b", "", "É"])
        expected = content_digest(plain, PLAIN)
        write_parquet(tmp_path / "one.parquet", plain, PLAIN)
        table = pq.read_table(tmp_path / "one.parquet")
        pq.write_table(
            table, tmp_path / "two.parquet", compression="gzip", row_group_size=2, version="1.0"
        )
        for name in ("one.parquet", "two.parquet"):
            path = tmp_path / name
            assert content_digest(read_parquet(path), read_columns(path)) == expected
        assert (tmp_path / "one.parquet").read_bytes() != (tmp_path / "two.parquet").read_bytes()

    def test_no_rows(self):
        assert content_digest(FRAME.iloc[:0], COLUMNS) != content_digest(FRAME.iloc[:1], COLUMNS)


def answer(key, started="2026-01-02T03:04:05+00:00", **more):
    return {"key": key, "service": "heasarc", "url": "u", "started": started, **more}


def entry(path, answers):
    return {
        "product": {"path": path, "rows": 3, "content": "c" * 64},
        "answers": answers,
        "config": {"url": "u"},
        "software": {},
    }


FILES = {
    "services/gaia.ecsv": b"gaia",
    "services/heasarc.ecsv": b"heasarc",
    "catalogs/fermilpsc.parquet": b"fermi",
    "plane/fermilpsc.parquet": b"plane",
    "catalogs/csc.parquet": b"csc",
    "crossmatch/joined.parquet": b"pairs",
    "crossmatch/pairs.parquet": b"pairs",
    "crossmatch/verification.json": b"{}",
    "enrichment/targets.parquet": b"targets",
    "enrichment/gaia/a.0123456789abcdef.parquet": b"shard",
    "figures/separations.png": b"figure",
}
_JOINED = ["crossmatch/joined.parquet", "catalogs/fermilpsc.parquet", "catalogs/csc.parquet"]
MADE_FROM = {
    "services/gaia.ecsv": [],
    # what is no product takes part as well
    "services/heasarc.ecsv": ["archive/sky.duckdb"],
    "catalogs/fermilpsc.parquet": ["services/heasarc.ecsv"],
    "plane/fermilpsc.parquet": ["catalogs/fermilpsc.parquet"],
    "catalogs/csc.parquet": ["services/heasarc.ecsv"],
    "crossmatch/joined.parquet": ["services/heasarc.ecsv"],
    "crossmatch/pairs.parquet": _JOINED,
    "crossmatch/verification.json": _JOINED,
    "enrichment/targets.parquet": ["crossmatch/pairs.parquet", "services/gaia.ecsv"],
    "enrichment/gaia/a.0123456789abcdef.parquet": ["enrichment/targets.parquet"],
    "figures/separations.png": ["crossmatch/pairs.parquet"],
}
FETCHED = [
    entry("services/gaia.ecsv", [answer("0")]),
    entry("services/heasarc.ecsv", [answer("1")]),
    entry("catalogs/fermilpsc.parquet", [answer("2", count_key="3", counted=3)]),
    entry("catalogs/csc.parquet", [answer("4", count_key="5", counted=3)]),
    entry("crossmatch/joined.parquet", [answer("6", count_key="7", counted=3)]),
    entry("enrichment/gaia/a.0123456789abcdef.parquet", [answer("8")]),
]
RESTS_ON = {
    "services/gaia.ecsv": "0",
    "services/heasarc.ecsv": "1",
    "catalogs/fermilpsc.parquet": "123",
    "plane/fermilpsc.parquet": "123",
    "catalogs/csc.parquet": "145",
    "crossmatch/joined.parquet": "167",
    "crossmatch/pairs.parquet": "1234567",
    "crossmatch/verification.json": "1234567",
    "enrichment/targets.parquet": "01234567",
    "enrichment/gaia/a.0123456789abcdef.parquet": "012345678",
    "figures/separations.png": "1234567",
}


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results" / "demo"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    # of another setting: not a product of this run
    (folder / "enrichment/gaia/a.fedcba9876543210.parquet").write_bytes(b"old")
    return folder


@pytest.fixture
def provenance(results):
    return run_provenance(results, FILES, MADE_FROM, FETCHED, {"archive": "demo", "codes": {}})


class TestRunProvenance:
    def test_what_rests_on_which_answers(self, provenance):
        found = {path: "".join(p["answers"]) for path, p in provenance["products"].items()}
        assert found == RESTS_ON

    def test_products_are_described_as_they_are(self, provenance):
        assert list(provenance["products"]) == sorted(FILES)
        for path, described in provenance["products"].items():
            assert described["sha256"] == hashlib.sha256(FILES[path]).hexdigest()
            assert described["bytes"] == len(FILES[path])
            fetched = path in {one["product"]["path"] for one in FETCHED}
            assert ("rows" in described, "config" in described) == (fetched, fetched)

    def test_each_answer_is_there_once(self, provenance):
        assert list(provenance["answers"]) == ["0", "1", "2", "4", "6", "8"]
        assert provenance["archive"] == "demo"
        assert provenance["software"] == software_versions()
        assert {"xgamma", "python", "astropy", "pyvo", "numpy"} <= set(provenance["software"])

    @pytest.mark.parametrize("order", [1, -1])
    def test_of_two_answers_to_one_question_the_newer(self, results, order):
        path = "enrichment/gaia/a.0123456789abcdef.parquet"
        both = [answer("8", "2026-01-02T00:00:00+00:00"), answer("8", "2026-01-03T00:00:00+00:00")]
        fetched = [entry(path, both[::order])]
        found = run_provenance(results, [path], MADE_FROM, fetched, {})
        assert found["answers"]["8"]["started"].startswith("2026-01-03")

    def test_a_product_of_which_no_job_noted_anything_is_an_error(self, results):
        """It would seem to rest on no answer at all."""
        made_from = {path: sources for path, sources in MADE_FROM.items() if "targets" not in path}
        with pytest.raises(
            XgammaError, match=r"no job noted what .*demo/enrichment/targets\.parquet .*--forceall"
        ):
            run_provenance(results, FILES, made_from, FETCHED, {})

    def test_written_and_read_in_the_order_of_the_config(self, results, provenance):
        provenance["config"] = {"surveys": {"z": {"b": "1", "a": "2"}, "a": {}}}
        write_provenance(results / "provenance.json", provenance)
        read = read_provenance(results)
        assert read == provenance
        assert json.dumps(read) == json.dumps(provenance), "the order of columns has a meaning"

    def test_none_or_a_broken_one_is_one_line(self, results):
        with pytest.raises(XgammaError, match=r"provenance\.json is missing: run snakemake"):
            read_provenance(results)
        (results / "provenance.json").write_text("{")
        with pytest.raises(XgammaError, match=r"provenance\.json cannot be read"):
            read_provenance(results)


def test_fetch_record(tmp_path):
    path = "results/demo/enrichment/gaia/a.0123456789abcdef.parquet"
    settings = {"url": "u", "survey": {"columns": {"b": "x", "a": "y"}}}
    record = fetch_record(Path("results/demo"), path, FRAME, COLUMNS, [answer("8")], settings)
    assert record["product"] == {
        "path": "enrichment/gaia/a.0123456789abcdef.parquet",
        "rows": 4,
        "content": content_digest(FRAME, COLUMNS),
    }
    assert record["answers"] == [answer("8")] and record["config"] == settings
    assert record["software"]["pyarrow"] == pa.__version__
    write_provenance(tmp_path / "one.json", record)
    assert list(json.loads((tmp_path / "one.json").read_text())["config"]["survey"]["columns"]) == [
        "b",
        "a",
    ]


class TestCheckProducts:
    def test_untouched(self, results, provenance):
        check_products(results, provenance)

    @pytest.mark.parametrize("content", [b"Pairs", b"pairs.", b""])
    def test_changed(self, results, provenance, content):
        (results / "crossmatch/pairs.parquet").write_bytes(content)
        with pytest.raises(XgammaError, match=r"demo/crossmatch/pairs\.parquet is not what"):
            check_products(results, provenance)

    def test_missing(self, results, provenance):
        (results / "figures/separations.png").unlink()
        with pytest.raises(XgammaError, match=r"figures/separations\.png is missing"):
            check_products(results, provenance)


class TestCompareReplay:
    def replayed(self, provenance, **changes):
        """The same products, shards named by another digest."""
        products = {
            path.replace("0123456789abcdef", "00000000ffffffff"): dict(described)
            for path, described in provenance["products"].items()
        }
        return {**provenance, "products": products, **changes}

    def test_the_same(self, provenance):
        said = compare_replay(self.replayed(provenance), provenance, "results/demo")
        assert said == "xgamma: all 11 products are byte-identical to those of results/demo"

    def test_different_missing_and_more(self, provenance):
        ours = self.replayed(provenance, software={"python": "0", "astropy": "1"})
        ours["products"]["figures/separations.png"]["sha256"] = "0"
        ours["products"]["enrichment/gaia/a.00000000ffffffff.parquet"]["sha256"] = "0"
        del ours["products"]["catalogs/csc.parquet"]
        ours["products"]["figures/offsets.png"] = {"sha256": "0"}
        theirs = {**provenance, "software": {"python": "0", "astropy": "2", "numpy": "3"}}
        assert differing_products(ours, theirs) == [
            "catalogs/csc.parquet",
            "enrichment/gaia/a.parquet",
            "figures/offsets.png",
            "figures/separations.png",
        ]
        with pytest.raises(XgammaError) as error:
            compare_replay(ours, theirs, "results/demo")
        assert str(error.value).startswith("replay: 8 of 11 products are byte-identical")
        assert "figures/separations.png" in str(error.value)
        assert str(error.value).endswith("there is astropy 1 instead of 2, numpy none instead of 3")


def test_product_names_are_those_of_any_archive():
    assert product_name("enrichment/gaia/a_b-1.0123456789abcdef.parquet") == (
        "enrichment/gaia/a_b-1.parquet"
    )
    for same in ("enrichment/targets.parquet", "catalogs/csc.parquet", "figures/a.png"):
        assert product_name(same) == same


def test_descriptions():
    """The pattern of the shards is the widest: what else is in their folder has its own."""
    described = {path: description(path) for path in FILES}
    assert len(set(described.values())) == len(FILES) - 1, "both descriptions of a service alike"
    assert described["enrichment/targets.parquet"].startswith("Positions around which")
    with pytest.raises(XgammaError, match=r"figures/new\.png is a product without a description"):
        description("figures/new.png")


def test_digest_of_kept_answers(tmp_path):
    def keep(key, body):
        write_json(tmp_path / f"queries/{key[:2]}/{key}.json", {"key": key, "body": body})

    none = answers_digest(tmp_path)
    keep("aa1", "x")
    one = answers_digest(tmp_path)
    keep("bb2", "y")
    two = answers_digest(tmp_path)
    keep("aa1", "z")
    assert len({none, one, two, answers_digest(tmp_path)}) == 4
    keep("aa1", "x")
    assert answers_digest(tmp_path) == two


HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def test_run_record(tmp_path):
    (tmp_path / "crossmatch.tsv").write_text(HEAD + "1.5\t0:00:01\t210.5\t1\t1\t1\t0\t0\t0\t1\n")
    # Snakemake writes - or NA where a job was too short to be measured
    (tmp_path / "quick.tsv").write_text(HEAD + "0.04\t0:00:00\tNA\t-\t-\t-\t-\t-\t-\t-\n")
    # of the run before: the job that makes this record has none yet
    (tmp_path / "provenance.tsv").write_text(HEAD + "9.0\t0:00:09\t99\t1\t1\t1\t0\t0\t0\t1\n")
    for service, seconds in (("gaia", 0.5), ("irsa", 60.0)):  # irsa's survey was removed
        row = f"{seconds}\t0:00:01\tNA\t-\t-\t-\t-\t-\t-\t-\n"
        (tmp_path / f"describe_service_{service}.tsv").write_text(HEAD + row)
    gaia = tmp_path / "enrichment" / "gaia"
    gaia.mkdir(parents=True)
    for shard, seconds, memory in (("a.1", 2.0, 300.0), ("b.2", 3.5, 400.0), ("a.0", 50.0, 999.0)):
        row = f"{seconds}\t0:00:02\t{memory}\t1\t1\t1\t0\t0\t0\t1\n"
        (gaia / f"{shard}.tsv").write_text(HEAD + row)
    # a.0 is of an earlier setting: the manifest does not name it, and it must not count;
    # c.3 was made before there were benchmarks
    shards = [ShardFile("gaia", name, digest) for name, digest in ("a1", "b2", "c3")]
    record = run_record(tmp_path, shards, ["gaia"])
    seconds = {"crossmatch": 1.5, "describe_service_gaia": 0.5, "quick": 0.04}
    assert record["job_seconds"] == {**seconds, "enrich_shard_gaia": 5.5}
    assert record["job_seconds_total"] == 7.5
    assert record["job_memory_mb"] == {"crossmatch": 210.5, "enrich_shard_gaia": 400.0}
    assert record["cores"] >= 1 and record["machine"]
