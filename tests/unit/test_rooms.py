"""The rooms of the library: each imports only what stands above it, and none in a circle."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import xgamma
from xgamma import stages

LIBRARY = Path(xgamma.__file__).parent
#: A room may import the rooms above it.
ORDER = [
    "errors",
    "light",
    "frames",
    "healpix",
    "sky",
    "classes",
    "class_shares",
    "tables",
    "coverage",
    "association",
    "comparison",
    "identification",
    "config",
    "run",
    "tap",
    "answers",
    "demo",
    "archive",
    "stages",
    "figures",
    "exports",
    "provenance",
    "site",
]
#: What rooms hand each other: imported from everywhere, so it rests on no other room but these.
HANDED_OVER = {
    "tables.columns": {"errors", "tables"},
    "tap.patience": {"errors", "tap", "tables"},
    "answers.answer": {"tap", "tables"},
    "archive.surveys": {"tap"},
}
#: The demo archive's two halves rest on what describes its file, not on each other.
DEMO_FILE = {"demo.tables", "demo.storage", "demo.tap_schema"}
#: By these modules alone the other rooms enter the demo.
#: The dictionary of columns takes from `demo.tables` what services say of theirs.
DEMO_DOORS = {"demo.sky.build", "demo.server.service", "demo.server.transport", "demo.tables"}
MODULES = {
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts): path
    for path in sorted(LIBRARY.rglob("*.py"))
    if path.name != "__init__.py"
}
PACKAGES = sorted(path.parent for path in LIBRARY.rglob("__init__.py") if path.parent != LIBRARY)


SCRIPTS = LIBRARY.parents[1] / "scripts"
RULES = [
    rule
    for path in sorted((LIBRARY.parents[1] / "rules").glob("*.smk"))
    for rule in re.findall(
        r"^(?:rule|checkpoint) \w+:\n(?:    .*\n|\n)*", path.read_text(encoding="utf-8"), re.M
    )
]
RULE_NAMES = sorted(re.split(r"[ :]", rule)[1] for rule in RULES)


def imported(module: str) -> set[str]:
    """The library's modules that a module imports anywhere in it."""
    return imports_of(MODULES[module])


def imports_of(path: Path) -> set[str]:
    """The library's modules that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert not (isinstance(node, ast.ImportFrom) and node.level), "relative import"
            continue
        found |= {name.removeprefix("xgamma.") for name in names if name.startswith("xgamma.")}
    return found & set(MODULES)


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_its_place_in_the_order():
    assert sorted(map(room, MODULES)) and {room(module) for module in MODULES} == set(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_a_room_imports_only_what_stands_above_it(name):
    allowed = set(ORDER[: ORDER.index(name) + 1])
    wrong = {
        module: sorted(below)
        for module in MODULES
        if room(module) == name
        and (below := {one for one in imported(module) if room(one) not in allowed})
    }
    assert wrong == {}


@pytest.mark.parametrize("half", ["demo.sky", "demo.server"])
def test_the_halves_of_the_demo_do_not_import_each_other(half):
    inside = {module for module in MODULES if module.startswith(f"{half}.")}
    demo = {one for module in inside for one in imported(module) if room(one) == "demo"}
    assert inside and demo <= inside | DEMO_FILE


def test_what_the_halves_of_the_demo_share_imports_neither():
    shared = {one for module in DEMO_FILE for one in imported(module) if room(one) == "demo"}
    assert shared <= DEMO_FILE


def test_other_rooms_enter_the_demo_by_its_doors():
    outside = {module for module in MODULES if room(module) != "demo"}
    demo = {one for module in outside for one in imported(module) if room(one) == "demo"}
    assert demo and demo <= DEMO_DOORS <= set(MODULES)


def test_no_module_imports_itself_in_a_circle():
    # raises CycleError with the circle
    TopologicalSorter({module: imported(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("module", HANDED_OVER)
def test_what_rooms_hand_each_other_rests_on_little(module):
    assert {room(one) for one in imported(module)} <= HANDED_OVER[module]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_room_opens_with_a_few_lines(package):
    """What it knows, what it does not, where to start; and no code: every import would run it."""
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    assert len(tree.body) == 1 and 3 <= len(ast.get_docstring(tree).splitlines()) <= 7


def test_every_rule_has_a_script_of_its_name_and_every_script_a_rule():
    scripts = [
        re.findall(r'^    script:\n        "../scripts/(.+).py"$', one, re.M) for one in RULES
    ]
    assert sorted(scripts) == [[name] for name in RULE_NAMES]
    assert sorted(path.stem for path in SCRIPTS.glob("*.py")) == RULE_NAMES


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_rule_s_stage_has_its_name_or_the_room_says_where_it_is(rule):
    """Rule plot_subsample's work stood in subsample.py, verify_crossmatch's in verification.py."""
    odd = rule.startswith(("plot_", "publish_")) or f"`{rule}`" in stages.__doc__
    assert odd != (f"stages.{rule}" in MODULES)
    if not odd:
        assert f"stages.{rule}" in imports_of(SCRIPTS / f"{rule}.py")


def test_the_room_of_stages_names_the_modules_that_are_no_rule_s():
    others = {name.split(".")[1] for name in MODULES if room(name) == "stages"} - set(RULE_NAMES)
    assert {name for name in others if f"`{name}`" not in stages.__doc__} == set()


def test_what_the_snakefile_imports_loads_nothing_heavy():
    """Each job reads it anew."""
    text = (LIBRARY.parents[1] / "rules/common.smk").read_text(encoding="utf-8")
    imports = re.findall(r"^from xgamma[.\w]* import (?:\([^)]*\)|.*)$", text, re.MULTILINE)
    assert len(imports) > 5
    code = "\n".join([*imports, "import sys", "print(*sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "pyarrow", "astropy"} & set(done.stdout.split())
