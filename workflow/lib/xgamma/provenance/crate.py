"""An RO-Crate 1.1: a run's products described so that a repository such as Zenodo takes them.

Same products and answers, same bytes: no clock, no random names, everything sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from xgamma import __version__
from xgamma.provenance.products import description
from xgamma.provenance.references import reference_of

__all__ = ["crate_metadata"]

_LICENCE = "https://spdx.org/licenses/BSD-3-Clause"
_MEDIA_TYPES = {
    ".ajs": "text/plain",
    ".csv": "text/csv",
    ".ecsv": "text/plain",
    ".html": "text/html",
    ".fits": "application/fits",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".reg": "text/plain",
    ".sh": "application/x-sh",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".vot": "application/x-votable+xml",
}
_CATALOGUES = ("chanmaster", "csc", "fermilpsc")


def crate_metadata(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ro-crate-metadata.json, which stands beside the products.

    Parameters
    ----------
    provenance : mapping
        As `xgamma.provenance.record.run_provenance` gives it.

    Returns
    -------
    dict
        JSON-LD, its entities sorted.
    """
    crate = ROCrate(version="1.1")
    # the context of RO-Crate 1.1 is older than this term of schema.org
    crate.metadata.extra_terms["sha256"] = "https://schema.org/sha256"
    fermi = provenance.get("releases", {}).get("fermilpsc", "")
    files = [
        crate.add_file(dest_path=path, properties=_file(path, described, fermi))
        for path, described in provenance["products"].items()
    ]
    # no size and digest: there are times in it, and the crate has none
    crate.add_file(
        dest_path="provenance.json",
        properties={
            "name": "provenance.json",
            "description": "Where each product comes from: answers, settings, software, times",
            "encodingFormat": _MEDIA_TYPES[".json"],
        },
    )
    sources = _sources(provenance)
    for identifier, properties in (_fixed_entities() | sources).items():
        crate.add(ContextEntity(crate, identifier, properties=properties))
    crate.add(
        ContextEntity(
            crate,
            "#run",
            properties={
                "@type": "CreateAction",
                "name": "The run that made the products",
                "instrument": {"@id": "#xgamma"},
                "object": _references(sources),
                "result": _references(file.id for file in files),
            },
        )
    )
    for key, value in _root(provenance, sources).items():
        crate.root_dataset[key] = value
    metadata = crate.metadata.generate()
    metadata["@graph"].sort(key=lambda entity: entity["@id"])
    return metadata


def _root(provenance: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    archive = provenance["answers_of"]
    sky = (
        "a simulated sky, in which the Fermi sources only are real"
        if provenance["simulated"]
        else "the archives' own TAP services"
    )
    return {
        "name": f"xgamma, archive {archive}",
        "description": "Chandra X-ray sources that may be the counterparts of the Fermi "
        "gamma-ray sources of the Galactic plane, with their optical and infrared neighbours; "
        f"from {sky}.",
        # of the newest answer: a replay has the same
        "datePublished": max(answer["started"] for answer in provenance["answers"].values()),
        "license": {"@id": _LICENCE},
        "author": {"@id": "#maintainers"},
        "publisher": {"@id": "#maintainers"},
        "isBasedOn": _references(sources),
        "mentions": {"@id": "#run"},
    }


def _references(identifiers: Iterable[str]) -> Any:
    found = [{"@id": identifier} for identifier in identifiers]
    return found[0] if len(found) == 1 else found


def _file(path: str, described: Mapping[str, Any], fermi_release: str) -> dict[str, Any]:
    return {
        "name": path,
        "description": description(path, fermi_release),
        "encodingFormat": _MEDIA_TYPES[PurePath(path).suffix],
        "contentSize": str(described["bytes"]),
        "sha256": described["sha256"],
    }


def _sources(provenance: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables that the archives hold, as entities by identifier."""
    config = provenance["config"]
    surveys = config["surveys"].values()
    catalogs = config["archives"][provenance["answers_of"]]["catalogs_at"]
    xray = config.get("xray", {})
    called = {
        "csc": xray.get("table", "csc"),
        "chanmaster": xray.get("observations", {}).get("table", "chanmaster"),
    }
    tables = [called.get(table, table) for table in _CATALOGUES]
    services = dict.fromkeys(filter(None, tables), catalogs)
    services |= {survey["table"]: survey["service"] for survey in surveys}
    if provenance["simulated"]:
        # its rows come with the simulation; all other tables are made up
        services = {"fermilpsc": ""}
    entities = {}
    for table, service in sorted(services.items()):
        name, credit, url = reference_of(table, provenance.get("releases", {}).get(table, ""))
        asked = {a["url"] for a in provenance["answers"].values() if a["service"] == service}
        entities[f"#source-{table}"] = {
            "@type": "Dataset",
            "name": name,
            "description": f"Table {table}"
            + (f", fetched from {', '.join(sorted(asked))}" if asked else ""),
            **({"citation": credit, "url": url} if credit else {}),
        }
    return entities


def _fixed_entities() -> dict[str, dict[str, Any]]:
    return {
        _LICENCE: {
            "@type": "CreativeWork",
            "name": "BSD 3-Clause License",
            "description": "Of the workflow and of what it adds. The archives' rows are under "
            "the terms of those whom the sources credit: cite them.",
        },
        "#maintainers": {"@type": "Organization", "name": "The xgamma maintainers"},
        "#snakemake": {
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "url": "https://snakemake.github.io",
        },
        "#xgamma": {
            "@type": ["SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "xgamma",
            "description": "A Snakemake workflow that joins Fermi and Chandra sources",
            "version": __version__,
            "license": {"@id": _LICENCE},
            "creator": {"@id": "#maintainers"},
            "programmingLanguage": {"@id": "#snakemake"},
        },
    }
