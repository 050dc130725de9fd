"""What is wrong with a configuration, in words for the one who wrote it.

The schema (``workflow/schemas/config.schema.yaml``) holds types, ranges, defaults and, as
``x-allowed``, the words that a user reads when a value is refused. This module adds what a
schema cannot say.
"""

from __future__ import annotations

import copy
import difflib
import functools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

__all__ = [
    "DEMO_URL",
    "FIXED_COLUMNS",
    "REPLAY",
    "SCHEMA_PATH",
    "SERVICES",
    "completed",
    "problems",
    "schema",
]

DEMO_URL = "http://demo.invalid/"
"""Where simulated services are that jobs answer themselves, without a server.

The name can never exist on the network (RFC 2606).
"""

SCHEMA_PATH = Path(__file__).resolve().parents[3] / "schemas" / "config.schema.yaml"

SERVICES = ("heasarc", "gaia", "irsa")
"""The services of every archive."""

REPLAY = "replay"
"""The archive that is none: the kept answers of another one."""

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

_MOST_CHARACTERS = 80
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORDS = {
    "boolean": {"true": True, "True": True, "false": False, "False": False},
    "null": {"null": None, "None": None, "~": None},
}


@functools.cache
def schema() -> dict[str, Any]:
    """Read the JSON schema of the configuration (draft 2020-12)."""
    return yaml.safe_load(SCHEMA_PATH.read_text(encoding="utf-8"))


def completed(raw: Any) -> Any:
    """Copy a configuration with the schema's defaults filled in.

    Text becomes a boolean, null or number where the schema expects one: YAML 1.1 takes
    ``1e-15`` for text, and Snakemake hands the nested values of ``--config`` over as text.

    Parameters
    ----------
    raw : object
        The configuration, right or wrong.

    Returns
    -------
    object
        A dict with every key that has a default; what is wrong stays as it was.
    """
    return _complete(schema(), raw)


def problems(config: Any) -> list[str]:
    """Find what is wrong with a completed configuration.

    Parameters
    ----------
    config : object
        What `completed` gave.

    Returns
    -------
    list of str
        One line for each problem: the key, its value, and what is allowed. Empty if all is
        well. How values fit together is looked at once each of them is in order.
    """
    return list(dict.fromkeys(_schema_problems(config))) or list(_other_problems(config))


def _complete(node: Mapping[str, Any], value: Any) -> Any:
    """Copy a value with defaults filled in and text read as what the schema expects."""
    node = _resolved(node)
    if isinstance(value, str):
        return _read_text(node, value)
    if isinstance(value, list):
        return [_complete(node.get("items", {}), item) for item in value]
    if not isinstance(value, Mapping):
        return value
    known = node.get("properties", {})
    block = {
        key: _complete(child, value[key] if key in value else copy.deepcopy(child["default"]))
        for key, child in known.items()
        if key in value or "default" in child
    }
    others = node.get("additionalProperties") or {}
    block |= {key: _complete(others, item) for key, item in value.items() if key not in known}
    return block


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the definition that a schema node refers to in its place."""
    if "$ref" not in node:
        return node
    return {**schema()["$defs"][node["$ref"].removeprefix("#/$defs/")], **node}


def _read_text(node: Mapping[str, Any], text: str) -> Any:
    """Read text as a boolean, null or number where the schema expects one."""
    types = node.get("type", "string")
    types = [types] if isinstance(types, str) else types
    for kind in types:
        if text in _WORDS.get(kind, {}):
            return _WORDS[kind][text]
        if kind in ("integer", "number") and _NUMBER.fullmatch(text):
            return int(text) if text.isdecimal() and len(text) < 20 else float(text)
    return text


@functools.cache
def _validator() -> jsonschema.protocols.Validator:
    """Make a validator that takes no NaN, infinity or control character for a value."""
    plain = jsonschema.Draft202012Validator.TYPE_CHECKER
    checker = plain.redefine_many(
        {
            "number": lambda _, value: plain.is_type(value, "number") and math.isfinite(value),
            "string": lambda _, value: isinstance(value, str) and value.isprintable(),
        }
    )
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=checker)(
        schema()
    )


def _schema_problems(config: Any) -> Iterator[str]:
    """Word what the schema refuses, in the schema's order."""
    for error in _validator().iter_errors(config):
        place = [str(part) for part in error.absolute_path]
        allowed = error.schema.get("x-allowed", "")
        if "propertyNames" in error.schema_path:
            yield f"{_dotted([*place, error.instance])} is no name to use; {allowed}"
        elif error.validator == "required":
            for key in error.schema["required"]:
                if key not in error.instance:
                    yield f"{_dotted([*place, key])} is missing; {allowed}"
        elif error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            for key, value in error.instance.items():
                if key not in known:
                    yield _unknown_key(place, key, value, known)
        else:
            where = _dotted(place) or "the whole of it"
            yield f"{where} is {_shown(error.instance)}; {allowed}"


def _unknown_key(place: list[str], key: Any, value: Any, known: list[str]) -> str:
    """Word a key that does not exist, with the key that was probably meant."""
    here = difflib.get_close_matches(str(key), known, n=1)
    elsewhere = {path[-1]: path for path in _key_paths(schema())}
    if here:
        hint = f"did you mean {_dotted([*place, here[0]])}?"
    elif near := difflib.get_close_matches(str(key), list(elsewhere), n=1, cutoff=0.8):
        hint = f"did you mean {_dotted(elsewhere[near[0]])}?"
    else:
        hint = f"the keys there are {', '.join(known)}"
    return f"{_dotted([*place, key])} is {_shown(value)}, but there is no such key; {hint}"


def _key_paths(node: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """List the keys of the schema's blocks that have a fixed place, outer ones first."""
    for key, child in node.get("properties", {}).items():
        yield (*place, key)
        yield from _key_paths(child, (*place, key))


def _other_problems(config: dict[str, Any]) -> Iterator[str]:
    """Word what a schema cannot say: how values fit together."""
    archives = config["archives"]
    if config["archive"] == REPLAY:
        yield from _unknown_archive("replay.archive", config["replay"]["archive"], [*archives])
    else:
        yield from _unknown_archive("archive", config["archive"], [*archives, REPLAY])
    if REPLAY in archives:
        yield "archives.replay is no name to use; archive: replay repeats what another one answered"
    for name, block in archives.items():
        urls = {f"{service}.url": block[service]["url"] for service in SERVICES}
        for service in SERVICES:
            mirrors = block[service]["mirrors"]
            urls |= {f"{service}.mirrors[{i}].url": m["url"] for i, m in enumerate(mirrors)}
            yield from _mirror_problems(f"archives.{name}.{service}", service, block[service])
        if not block["simulated"] and any(url.startswith(DEMO_URL) for url in urls.values()):
            yield f"archives.{name}.simulated is false; under {DEMO_URL} the sky is simulated"
        for place, url in urls.items():
            if name == "demo" and not url.startswith(DEMO_URL):
                yield (
                    f"archives.demo.{place} is {_shown(url)}; the demo's URLs are under "
                    f"{DEMO_URL}, so give an archive elsewhere another name"
                )
    for name, survey in config["surveys"].items():
        times = Counter(survey["columns"].values())
        for column, product in survey["columns"].items():
            where = f"surveys.{name}.columns.{column} is {_shown(product)}"
            if product in FIXED_COLUMNS:
                yield f"{where}; a table of counterparts has a column of that name already"
            elif times[product] > 1:
                yield f"{where}; each column needs a name of its own"
        for column in survey["optional"]:
            if column not in survey["columns"]:
                yield (
                    f"surveys.{name}.optional has {_shown(column)}; an optional column is one "
                    f"of {', '.join(survey['columns'])}"
                )
    tap = config["tap"]
    if tap["timeout_s"] > tap["deadline_s"]:
        yield (
            f"tap.timeout_s is {_shown(tap['timeout_s'])}; a time-out is at most "
            f"tap.deadline_s, which is {_shown(tap['deadline_s'])}"
        )


def _unknown_archive(key: str, archive: str, known: list[str]) -> Iterator[str]:
    """Word an archive that is not in the config."""
    if archive not in known:
        near = difflib.get_close_matches(archive, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield f"{key} is {_shown(archive)}; the archives are {', '.join(known)}{hint}"


def _mirror_problems(where: str, service: str, block: dict[str, Any]) -> Iterator[str]:
    """Word what keeps mirrors from standing in for a service."""
    names = Counter(mirror["name"] for mirror in block["mirrors"])
    for i, mirror in enumerate(block["mirrors"]):
        here = f"{where}.mirrors[{i}]"
        if names[mirror["name"]] > 1:
            yield f"{here}.name is {_shown(mirror['name'])}; each mirror needs a name of its own"
        if mirror["url"].rstrip("/") == block["url"].rstrip("/"):
            yield f"{here}.url is {_shown(mirror['url'])}; that is {service} itself, and no mirror"
        for table, entry in mirror["tables"].items():
            ours, theirs = block["releases"].get(table), entry["release"]
            if ours is None:
                yield (
                    f"{where}.releases.{table} is missing; without it nobody can tell whether the "
                    f"mirror {mirror['name']} holds the same release"
                )
            elif ours != theirs:
                yield (
                    f"{here}.tables.{table}.release is {_shown(theirs)}, but {service} holds "
                    f"release {_shown(ours)}; a mirror holds the same release"
                )


def _dotted(place: list[Any] | tuple[Any, ...]) -> str:
    """Write a place as a user reads it: ``figures.formats[0]``."""
    parts = [str(part) if str(part).isprintable() else repr(part) for part in place]
    text = ".".join(f"[{part}]" if part.isdecimal() else part for part in parts)
    return _cut(text.replace(".[", "["))


def _shown(value: Any) -> str:
    """Write a value as a user may have typed it, on one line and not too long."""
    if isinstance(value, bool | None):
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return "a block of keys"
    if isinstance(value, list):
        text = f"[{', '.join(map(_shown, value))}]"
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
