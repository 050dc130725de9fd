"""The RO-Crate by the rules of its specification that need no validator, and its determinism.

The public validator looks at the crate of a whole run in tests/integration/test_crate.py.
"""

import json

import pytest
from rocrate.rocrate import ROCrate

from xgamma.errors import XgammaError
from xgamma.provenance.crate import crate_metadata
from xgamma.tables.whole_files import write_json

# In the context of RO-Crate 1.1: other words would mean nothing in a crate.
TERMS = {"@id", "@type", "about", "author", "citation", "conformsTo", "contentSize", "creator"}
TERMS |= {"datePublished", "description", "encodingFormat", "hasPart", "instrument", "isBasedOn"}
TERMS |= {"license", "mentions", "name", "object", "programmingLanguage", "publisher", "result"}
TERMS |= {"url", "version"}


def provenance(**changes):
    survey = {"service": "gaia", "table": "gaiadr3.gaia_source"}
    own = {"service": "irsa", "table": "my.stars"}
    answers = {
        "1": {"service": "heasarc", "url": "https://h/tap", "started": "2026-01-02T00:00:00+00:00"},
        "2": {"service": "gaia", "url": "https://g/tap", "started": "2026-03-02T00:00:00+00:00"},
        "3": {"service": "gaia", "url": "https://m/tap", "started": "2026-02-02T00:00:00+00:00"},
    }
    products = {
        "catalogs/csc.parquet": {"sha256": "a" * 64, "bytes": 4, "answers": ["1"]},
        "enrichment/gaia/4FGL_J1+2-ab.0123456789abcdef.parquet": {
            "sha256": "b" * 64,
            "bytes": 5,
            "answers": ["2"],
        },
        "figures/offsets.svg": {"sha256": "c" * 64, "bytes": 6, "answers": ["3"]},
    }
    return {
        "archive": "live",
        "answers_of": "live",
        "simulated": False,
        "config": {
            "archives": {"live": {"catalogs_at": "heasarc"}},
            "surveys": {"gaia": survey, "mine": own},
        },
        "answers": answers,
        "products": products,
        **changes,
    }


def entities(metadata):
    return {entity["@id"]: entity for entity in metadata["@graph"]}


def test_every_product_is_described():
    found = entities(crate_metadata(provenance()))
    files = {key: e for key, e in found.items() if e["@type"] == "File"}
    # as the specification asks for: relative, and percent-encoded
    shard = "enrichment/gaia/4FGL_J1%2B2-ab.0123456789abcdef.parquet"
    assert set(files) == {"catalogs/csc.parquet", shard, "figures/offsets.svg", "provenance.json"}
    assert {part["@id"] for part in found["./"]["hasPart"]} == set(files)
    csc = files["catalogs/csc.parquet"]
    assert (csc["contentSize"], csc["sha256"]) == ("4", "a" * 64)
    assert csc["encodingFormat"] == "application/vnd.apache.parquet"
    assert files["figures/offsets.svg"]["encodingFormat"] == "image/svg+xml"
    assert all(entity["description"] for entity in files.values())
    # it holds times, and the crate of a replay is to have the same bytes
    assert "sha256" not in files["provenance.json"]


def test_the_root_says_what_a_repository_asks_for():
    root = entities(crate_metadata(provenance()))["./"]
    assert root["datePublished"] == "2026-03-02T00:00:00+00:00", "of the newest answer"
    assert root["license"] == {"@id": "https://spdx.org/licenses/BSD-3-Clause"}
    assert root["name"] == "xgamma, archive live"
    assert "TAP services" in root["description"] and "simulated" not in root["description"]


def test_sources_have_their_credits_and_who_answered():
    found = entities(crate_metadata(provenance()))
    sources = {e["name"]: e for key, e in found.items() if key.startswith("#source-")}
    assert set(sources) == {
        "Chandra observations (chanmaster)",
        "Chandra Source Catalog",
        "4FGL-DR4",
        "Gaia DR3",
        "my.stars",
    }
    gaia = sources["Gaia DR3"]
    assert "Gaia Collaboration" in gaia["citation"]
    # a mirror answered too
    assert gaia["description"].endswith("fetched from https://g/tap, https://m/tap")
    assert "citation" not in sources["my.stars"]
    assert {e["@id"] for e in found["./"]["isBasedOn"]} == {e["@id"] for e in sources.values()}


def test_a_simulated_sky_credits_no_archive():
    found = entities(crate_metadata(provenance(simulated=True)))
    assert [e["name"] for key, e in found.items() if key.startswith("#source-")] == ["4FGL-DR4"]
    assert "simulated sky" in found["./"]["description"]


def test_every_reference_leads_somewhere_and_every_word_is_known():
    metadata = crate_metadata(provenance())
    assert metadata["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    terms = TERMS | set(metadata["@context"][1])
    found = entities(metadata)
    assert len(found) == len(metadata["@graph"]), "no identifier twice"
    for entity in metadata["@graph"]:
        assert set(entity) <= terms, entity["@id"]
        for key, value in entity.items():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and key != "conformsTo":
                    assert set(one) == {"@id"} and one["@id"] in found, (entity["@id"], key)
    assert found["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}


def test_same_provenance_same_bytes(tmp_path):
    for name, given in (("one", provenance()), ("two", provenance(run={"job_seconds": {}}))):
        write_json(tmp_path / f"{name}.json", crate_metadata(given))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_rocrate_reads_it_back(tmp_path):
    given = provenance()
    for path, described in given["products"].items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x" * described["bytes"])
    (tmp_path / "provenance.json").write_text("{}")
    write_json(tmp_path / "ro-crate-metadata.json", crate_metadata(given))
    read = ROCrate(tmp_path)
    assert len(read.data_entities) == 4
    assert read.root_dataset["author"]["name"] == "The xgamma maintainers"
    original = json.loads((tmp_path / "ro-crate-metadata.json").read_text())
    again = read.metadata.generate()["@graph"]
    assert sorted(again, key=lambda e: e["@id"]) == original["@graph"]


def test_a_product_without_a_description_is_an_error():
    with pytest.raises(XgammaError, match="without a description: enter one in"):
        crate_metadata(provenance(products={"new.csv": {"sha256": "0", "bytes": 0}}))
