"""Checks of the text of a config file, before Snakemake reads it.

Of a key that stands twice in a block, YAML takes the last value without a word. Text that is not
UTF-8 ends in a traceback, and of text that is no YAML Snakemake says neither file nor line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from xgamma.config.wording import place_text
from xgamma.tables.printable import one_line

__all__ = ["file_problems"]


def file_problems(path: str | Path) -> list[str]:
    """Find what is wrong with the text of a config file, whatever its settings are.

    Parameters
    ----------
    path : path-like
        YAML or JSON. A file that is missing is for Snakemake to refuse, or to do without.

    Returns
    -------
    list of str
        One line for each problem, with file, line and the way out; empty if all is well.
    """
    try:
        content = Path(path).read_bytes()
    except OSError:
        return []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        return [
            f"config: {path}, line {line}, is not encoded in UTF-8 (byte 0x{byte:02x}); "
            "save the file as UTF-8"
        ]
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        # what looks like a day, and is none: 2021-13-01
        yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        return [] if _is_json(text) else [f"config: {path}{_what_is_no_yaml(error)}"]
    return [
        f"config: {path}: {place_text(keys)} stands in line {first} and again in line {again}; "
        "only the last one would count, so remove one of them"
        for keys, first, again in _repeated(root, (), set())
    ]


def _is_json(text: str) -> bool:
    """Whether Snakemake, which tries JSON first, can read what is no YAML: tabs, for instance."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _what_is_no_yaml(error: Exception) -> str:
    """Word where YAML cannot be read, and why; to come after the file's name."""
    mark = getattr(error, "problem_mark", None)
    place = f", line {mark.line + 1}," if mark else ":"
    reason = getattr(error, "problem", None) or error
    return (
        f"{place} cannot be read as YAML: {one_line(reason)}; look for tabs, uneven indentation "
        "and missing quotes or brackets there and above"
    )


def _repeated(
    node: yaml.Node | None, place: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """The keys that stand twice in one block: their place, and both lines, from 1.

    A node is looked at once, though it may be in several places, even in itself (``&a``, ``*a``).
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _repeated(item, (*place, str(i)), seen)
    if not isinstance(node, yaml.MappingNode):
        return
    first_keys: dict[tuple[str, str], yaml.Node] = {}
    for key, value in node.value:
        keys = (*place, str(key.value))
        first = first_keys.setdefault((key.tag, str(key.value)), key)
        # each << adds what it names
        if first is not key and key.tag != "tag:yaml.org,2002:merge":
            yield keys, first.start_mark.line + 1, key.start_mark.line + 1
        yield from _repeated(value, keys, seen)
