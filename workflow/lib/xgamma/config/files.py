"""Checks of the text of a config file, which Snakemake reads before us and believes.

YAML takes a key that stands twice in a block as the last one says, without a word; and text that is
not UTF-8 ends in a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

__all__ = ["file_problems"]

# the one in C, where there is one: it is asked at each start
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def file_problems(path: str | Path) -> list[str]:
    """Find what is wrong with the text of a config file, whatever its settings are.

    Parameters
    ----------
    path : path-like
        A YAML file. One that is missing, or no YAML at all, is for Snakemake to refuse.

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
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError:
        return []
    return [
        f"config: {path}: {'.'.join(keys)} stands in line {first} and again in line {again}; "
        "only the last one would count, so remove one of them"
        for keys, first, again in _repeated(root, (), set())
    ]


def _repeated(
    node: yaml.Node | None, place: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """The keys that stand twice in one block: their place, and both lines, from 1.

    An alias is the node that it names, which may be one that holds it: each is looked at once.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _repeated(item, (*place, str(i)), seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        keys, line = (*place, str(key.value)), key.start_mark.line + 1
        # of several blocks that are merged, each counts
        if (key.tag, str(key.value)) in lines and key.tag != "tag:yaml.org,2002:merge":
            yield keys, lines[key.tag, str(key.value)], line
        lines.setdefault((key.tag, str(key.value)), line)
        yield from _repeated(value, keys, seen)
