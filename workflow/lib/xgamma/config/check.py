"""Checks of several settings together, such as a mirror's release, and names with a meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from xgamma.association.parameters import PARAMETERS
from xgamma.classes import CLASSES
from xgamma.config.own_catalogues import file_clashes
from xgamma.config.wording import did_you_mean, value_text

__all__ = ["DEMO_URL", "FIXED_COLUMNS", "REPLAY", "clashes"]

DEMO_URL = "http://demo.invalid/"
"""Where simulated services are that jobs answer themselves, without a server.

The name can never exist on the network (RFC 2606).
"""

REPLAY = "replay"
"""The archive that is none: the kept answers of another one."""

# services/registry.ecsv is what the IVOA registry knows; the others are resources of Snakemake's
_TAKEN_NAMES = frozenset(
    [
        "registry",
        "cores",
        "disk",
        "disk_mb",
        "disk_mib",
        "gpu",
        "gpus",
        "mem",
        "mem_mb",
        "mem_mib",
        "nodes",
        "runtime",
        "tasks",
        "threads",
        "tmpdir",
    ]
)

FIXED_COLUMNS = (
    "around",
    "fermi_name",
    "fermi_class",
    "csc_name",
    "rank",
    "id",
    "ra",
    "dec",
    "l",
    "b",
    "sep_target_arcsec",
    "sep_fermi_arcsec",
    "sep_csc_arcsec",
    "nearest_csc_name",
    "n_in_radius",
    "target_id",
)
"""Columns that tables of counterparts have, or have while they are made, whatever the survey."""


def clashes(config: dict[str, Any]) -> Iterator[str]:
    """Word how values that are in order do not fit together.

    Parameters
    ----------
    config : dict
        A completed configuration of which each value is allowed.

    Yields
    ------
    str
        One line for each problem: the key, its value, and what is allowed.
    """
    yield from _unknown_archives(config)
    yield from _unknown_services(config)
    for name, archive in config["archives"].items():
        yield from _archive_clashes(name, archive)
    for name, survey in config["surveys"].items():
        yield from _survey_clashes(name, survey)
    yield from file_clashes(config)
    if "fermilpsc" not in config["catalogs"]:
        # a list of one's own may have other words
        yield from _unknown_classes(config["subsample"]["classes"])
    yield from _unknown_values(config["association"]["fixed"])
    enrichment = config["enrichment"]
    least, most = enrichment["csc_radius_arcsec"], enrichment["csc_radius_most_arcsec"]
    if least > most:
        yield (
            f"enrichment.csc_radius_arcsec is {value_text(least)}, more than "
            f"csc_radius_most_arcsec, {value_text(most)}; raise that too"
        )
    if config["coverage"]["source"] == "moc" and not config["coverage"]["moc"]:
        yield "coverage.moc is missing; with source: moc it is the path of the map"
    outlines = config["coverage"]["obscore"]["url"]
    if config["coverage"]["source"] == "obscore" and outlines.startswith(DEMO_URL):
        yield (
            f"coverage.obscore.url is {value_text(outlines)}; the simulated sky has no outlines, "
            f"so take source: pointings"
        )
    tap = config["tap"]
    if tap["timeout_s"] > tap["deadline_s"]:
        yield (
            f"tap.timeout_s is {value_text(tap['timeout_s'])}; a time-out is at most "
            f"tap.deadline_s, which is {value_text(tap['deadline_s'])}"
        )


def _unknown_archives(config: dict[str, Any]) -> Iterator[str]:
    """Word a chosen archive that is not in the config, and one that takes a name with a meaning."""
    archives = [*config["archives"]]
    key, archive, known = "archive", config["archive"], [*archives, REPLAY]
    if archive == REPLAY:
        key, archive, known = "replay.archive", config["replay"]["archive"], archives
    if archive not in known:
        hint = did_you_mean(archive, known)
        yield f"{key} is {value_text(archive)}; the archives are {', '.join(known)}{hint}"
    if REPLAY in archives:
        yield "archives.replay is no name to use; archive: replay repeats what another one answered"


def _unknown_services(config: dict[str, Any]) -> Iterator[str]:
    """Word a survey's service that the archive in use has not."""
    in_use = config["replay"]["archive"] if config["archive"] == REPLAY else config["archive"]
    archive = config["archives"].get(in_use)
    if archive is None:
        return
    services = archive["services"]
    for name, survey in config["surveys"].items():
        if survey["service"] not in services:
            hint = did_you_mean(survey["service"], services)
            yield (
                f"surveys.{name}.service is {value_text(survey['service'])}; the services of "
                f"archives.{in_use} are {', '.join(services)}{hint}"
            )


def _unknown_classes(classes: list[str]) -> Iterator[str]:
    """Word classes that 4FGL does not have: no source would ever be of them."""
    identified = [name for name in CLASSES if name.isupper()]
    for i, name in enumerate(classes):
        if name not in CLASSES:
            other_case = [one for one in CLASSES if one.lower() == name.lower()]
            # the same word in another case is the nearest there is
            hint = did_you_mean(*(other_case[:1] or [name]), CLASSES)
            yield (
                f"subsample.classes[{i}] is {value_text(name)}; 4FGL's classes are "
                f"{', '.join(identified)}, in small letters if only associated{hint}"
            )


def _unknown_values(fixed: dict[str, float]) -> Iterator[str]:
    """Word values of the model that it does not have, and those that none of it can be."""
    for name, value in fixed.items():
        key = f"association.fixed.{name}"
        if name not in PARAMETERS:
            hint = did_you_mean(name, PARAMETERS)
            yield f"{key} is no value of the model; they are {', '.join(PARAMETERS)}{hint}"
        elif name.startswith("eta_") and not 0 <= value <= 1:
            yield f"{key} is {value_text(value)}; a share lies in [0, 1]"
        elif name.startswith("ratio_width_") and not value > 0:
            yield f"{key} is {value_text(value)}; a width is above 0"


def _archive_clashes(name: str, archive: dict[str, Any]) -> Iterator[str]:
    """Word what does not fit together in an archive: its mirrors, and whether it is simulated."""
    urls = {}
    for service, block in archive["services"].items():
        place = f"services.{service}"
        urls[f"{place}.url"] = block["url"]
        urls |= {f"{place}.mirrors[{i}].url": one["url"] for i, one in enumerate(block["mirrors"])}
        yield from _mirror_clashes(f"archives.{name}.{place}", service, block)
        if service in _TAKEN_NAMES:
            yield (
                f"archives.{name}.{place} is no name to use: a product or resource of Snakemake "
                "is called so"
            )
    catalogs = archive["catalogs_at"]
    if catalogs not in archive["services"]:
        yield (
            f"archives.{name}.catalogs_at is {value_text(catalogs)}; the services there are "
            f"{', '.join(archive['services'])}"
        )
    if not archive["simulated"] and any(url.startswith(DEMO_URL) for url in urls.values()):
        yield f"archives.{name}.simulated is false; under {DEMO_URL} the sky is simulated"
    for key, url in urls.items():
        if name == "demo" and not url.startswith(DEMO_URL):
            yield (
                f"archives.demo.{key} is {value_text(url)}; the demo's URLs are under "
                f"{DEMO_URL}, so give an archive elsewhere another name"
            )


def _mirror_clashes(place: str, service: str, block: dict[str, Any]) -> Iterator[str]:
    """Word what keeps mirrors from standing in for a service, whose block is at `place`."""
    names = Counter(mirror["name"] for mirror in block["mirrors"])
    for i, mirror in enumerate(block["mirrors"]):
        mirror_place = f"{place}.mirrors[{i}]"
        if names[mirror["name"]] > 1:
            yield (
                f"{mirror_place}.name is {value_text(mirror['name'])}; each mirror needs a name "
                "of its own"
            )
        if mirror["url"].rstrip("/") == block["url"].rstrip("/"):
            yield (
                f"{mirror_place}.url is {value_text(mirror['url'])}; that is {service} itself, "
                "and no mirror"
            )
        for table, entry in mirror["tables"].items():
            release, mirror_release = block["releases"].get(table), entry["release"]
            if release is None:
                yield (
                    f"{place}.releases.{table} is missing; without it nobody can tell whether the "
                    f"mirror {mirror['name']} holds the same release"
                )
            elif release != mirror_release:
                yield (
                    f"{mirror_place}.tables.{table}.release is {value_text(mirror_release)}, but "
                    f"{service} holds release {value_text(release)}; a mirror holds the same "
                    "release"
                )


def _survey_clashes(name: str, survey: dict[str, Any]) -> Iterator[str]:
    """Word columns of a survey whose names clash, and optional ones that are not asked for."""
    times = Counter(survey["columns"].values())
    for column, product_column in survey["columns"].items():
        problem = f"surveys.{name}.columns.{column} is {value_text(product_column)}"
        if product_column in FIXED_COLUMNS:
            yield f"{problem}; a table of counterparts has a column of that name already"
        elif times[product_column] > 1:
            yield f"{problem}; each column needs a name of its own"
    for column in survey["optional"]:
        if column not in survey["columns"]:
            yield (
                f"surveys.{name}.optional has {value_text(column)}; an optional column is one "
                f"of {', '.join(survey['columns'])}"
            )
    identify = survey["identify"]
    named = [identify["magnitude"], *identify["errors"], *identify["proper_motion"]]
    for column in [*named, identify["epoch"]]:
        if column and column not in survey["columns"]:
            yield (
                f"surveys.{name}.identify names {value_text(column)}, which surveys.{name}.columns "
                "does not take; add it there"
            )
    if len(identify["errors"]) == 1:
        yield f"surveys.{name}.identify.errors has one column; it is two or three, or none"
    if len(identify["proper_motion"]) == 1:
        yield f"surveys.{name}.identify.proper_motion has one column; it is two, or none"
