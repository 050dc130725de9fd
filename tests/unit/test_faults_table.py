"""The table of faults names tests and modules that exist."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
TABLE = (TESTS / "faults.md").read_text(encoding="utf-8")
ROWS = [
    (part, line)
    for part in re.split(r"^## ", TABLE, flags=re.MULTILINE)[1:]
    for line in part.splitlines()
    if line.startswith("| ")
    and not re.match(r"\| (fault|what (they do|it does|is in it)) \|", line)
]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py(?:::\w+)+)`", TABLE)))


@functools.cache
def tests_in(path: Path) -> frozenset[str]:
    """The tests of a file, those of a class as Class::test; only those that pytest collects."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found |= {f"{node.name}::{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
    return frozenset(name for name in found if name.split("::")[-1].startswith("test_"))


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name):
    path, _, test = name.partition("::")
    assert (TESTS / path).is_file(), path
    assert test in tests_in(TESTS / path)


@pytest.mark.parametrize("module", sorted(set(re.findall(r"`(xgamma\.[a-z_.]+)`", TABLE))))
def test_a_module_that_is_named_exists(module):
    assert importlib.util.find_spec(module) is not None


def test_every_fault_has_a_test():
    faults = [line for part, line in ROWS if part.startswith("Faults")]
    assert len(faults) > 50
    assert [
        line for line in faults if not re.search(r"\.py::\w+` (\||, )|\.py::[\w:]+` \|$", line)
    ] == []


def test_everything_that_archives_do_is_met():
    known = [line for part, line in ROWS if part.startswith("What archives")]
    assert len(known) > 40
    met = re.compile(r"`xgamma\.|\.py::|not applicable, because|not used")
    assert [line for line in known if not met.search(line)] == []


def test_nothing_else_is_in_quotes_that_looks_like_a_test():
    """A name with a slip would be overlooked."""
    quoted = re.findall(r"`([^`]*(?:::|test_)[^`]*)`", TABLE)
    assert [one for one in quoted if one not in NAMED and one != "unit/test_faults_table.py"] == []
