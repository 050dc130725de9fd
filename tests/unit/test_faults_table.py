"""The table of faults names tests and modules that exist, and leaves no fault without one."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = (TESTS / "faults.md").read_text(encoding="utf-8")
TEST = re.compile(r"`([\w/]+\.py)::([\w:]+)`")
MODULE = re.compile(r"`(xgamma\.[a-z_.]+)`")


def rows(part: str) -> list[str]:
    """The lines of a part's tables, without their heads."""
    text = TABLE.split(f"## {part}\n", 1)[1].split("\n## ", 1)[0]
    tables = re.findall(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    return [line for table in tables for line in table.splitlines()]


@functools.cache
def names_in(path: Path) -> frozenset[str]:
    """The tests that pytest finds in a file, those of a class as Class::test."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found |= {f"{node.name}::{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
    return frozenset(name for name in found if name.split("::")[-1].startswith("test_"))


def test_the_tests_that_are_named_exist():
    named = TEST.findall(TABLE)
    assert len(set(named)) > 100
    files = {path for path, _ in named}
    assert [path for path in files if not (TESTS / path).is_file()] == []
    assert [one for one in named if one[1] not in names_in(TESTS / one[0])] == []


def test_the_modules_that_are_named_exist():
    named = set(MODULE.findall(TABLE))
    assert len(named) > 10
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


def test_every_fault_has_a_test():
    faults = rows("Faults and tests")
    assert len(faults) > 80
    assert [line for line in faults if not TEST.search(line.split("|")[3])] == []


def test_everything_that_archives_do_is_met():
    known = rows("What archives are known to do")
    assert len(known) > 50
    met = ("`xgamma.", ".py::", "not applicable, because", "not used")
    assert [line for line in known if not any(one in line for one in met)] == []


def test_no_name_of_a_test_has_a_slip():
    """What is not written as a test is would be overlooked above."""
    quoted = re.findall(r"`[^`]*(?:::|test_)[^`]*`", TABLE)
    assert [one for one in quoted if not TEST.fullmatch(one)] == ["`unit/test_faults_table.py`"]
