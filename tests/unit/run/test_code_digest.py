"""The digest of a rule's code: it follows imports, and nothing else.

A copy of the library stands in a temporary folder, so that its modules can be edited.
"""

import ast
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

import xgamma.run.code_digest

LIBRARY = Path(xgamma.run.code_digest.__file__).parents[1]


@pytest.fixture
def library(tmp_path):
    """A copy of the library; its `code_digest` is in `library.module`."""
    folder = tmp_path / "a" / "xgamma"
    shutil.copytree(LIBRARY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return Copy(folder)


class Copy:
    def __init__(self, folder):
        self.folder = folder
        spec = importlib.util.spec_from_file_location("copied", folder / "run" / "code_digest.py")
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.script = folder.parent / "script.py"
        self.script.write_text("from xgamma.stages.group_by_fermi import group_pairs\n")

    def digest(self):
        return self.module.code_digest(self.script)

    def edit(self, name, text="\n# edited\n"):
        path = self.folder / name
        path.write_text(path.read_text() + text)

    def modules(self):
        return {str(p.relative_to(self.folder)) for p in self.module.imported_modules(self.script)}


def test_the_digest_changes_with_the_script_and_with_what_it_imports(library):
    """The stage imports tables, and tables import errors: a change in any of them counts."""
    seen = {library.digest()}
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in seen)
    for change in ("script", "stages/group_by_fermi.py", "tables/columns.py", "errors.py"):
        if change == "script":
            library.script.write_text(library.script.read_text() + "x = 1\n")
        else:
            library.edit(change)
        assert library.digest() not in seen, change
        seen.add(library.digest())


def test_the_digest_does_not_change_with_anything_else(library):
    """Not with an unrelated module, the version, a new file, times, or the place."""
    before = library.digest()
    for unrelated in (
        "stages/summarize.py",
        "archive/client.py",
        "figures/plane.py",
        "demo/sky/build.py",
        "__init__.py",
    ):
        library.edit(unrelated)
    (library.folder / "new.py").write_text("import xgamma.stages.group_by_fermi\n")
    for path in [library.script, *library.folder.rglob("*.py")]:
        os.utime(path, (1, 1))
    assert library.digest() == before

    moved = library.folder.parent.with_name("b") / "xgamma"
    shutil.copytree(library.folder, moved)
    assert Copy(moved).digest() == before


def test_going_back_gives_the_digest_of_before(library):
    """Enrichment files are named by it: an undone edit finds them again."""
    before, text = library.digest(), (library.folder / "tables/columns.py").read_text()
    library.edit("tables/columns.py")
    assert library.digest() != before
    (library.folder / "tables/columns.py").write_text(text)
    assert library.digest() == before


@pytest.mark.parametrize(
    "statement",
    [
        "from xgamma.fresh import name",
        "from xgamma import fresh",
        "import xgamma.fresh",
        "import os, xgamma.fresh as f",
        "def f():\n    from xgamma.fresh import name",
        "class A:\n    def f(self):\n        if True:\n            import xgamma.fresh",
        "try:\n    from xgamma.fresh import a, b\nexcept ImportError:\n    pass",
        "from xgamma.fresh import (  # noqa\n    a as x,  # the first\n    b,\n)",
    ],
)
def test_every_form_of_import_counts(library, statement):
    (library.folder / "fresh.py").write_text("name = a = b = 1\n")
    library.script.write_text(statement + "\n")
    assert library.modules() == {"fresh.py"}
    before = library.digest()
    library.edit("fresh.py")
    assert library.digest() != before


def test_modules_in_packages_and_circles(library):
    (library.folder / "one.py").write_text("from xgamma.pack.two import x\n")
    (library.folder / "pack").mkdir()
    (library.folder / "pack" / "__init__.py").write_text("")
    (library.folder / "pack" / "two.py").write_text("def f():\n    import xgamma.one\n")
    library.script.write_text("from xgamma.one import x\nfrom xgamma import pack\n")
    assert library.modules() == {"one.py", "pack/__init__.py", "pack/two.py"}


def test_names_that_only_look_like_ours_do_not_count(library):
    library.script.write_text(
        "import xgammatools.sky\nfrom other.xgamma import tables\nimport os\n"
    )
    assert library.modules() == set()


def test_a_package_can_be_left_out(library):
    """Live answers do not come from the simulation: its code does not count for them."""
    library.script.write_text(
        "from xgamma.demo.server.transport import InProcessAdapter\nimport xgamma.tables.files\n"
    )
    module, script = library.module, library.script
    modules = {
        str(p.relative_to(library.folder)) for p in module.imported_modules(script, ["xgamma.demo"])
    }
    assert "tables/columns.py" in modules and "demo/server/transport.py" in library.modules()
    assert not any(name.startswith("demo/") for name in modules)
    with_demo, without = library.digest(), module.code_digest(script, ["xgamma.demo"])
    library.edit("demo/server/service.py")
    assert module.code_digest(script, ["xgamma.demo"]) == without
    assert library.digest() != with_demo
    # of the name, not of what begins like it
    (library.folder / "demolition.py").write_text("")
    script.write_text("import xgamma.demolition\n")
    assert len(module.imported_modules(script, ["xgamma.demo"])) == 1


def test_the_enrichment_does_not_depend_on_the_figures():
    """A changed colour may not ask the archives again."""
    scripts = LIBRARY.parents[1] / "scripts"
    modules = xgamma.run.code_digest.imported_modules(scripts / "enrich_shard.py")
    names = {str(p.relative_to(LIBRARY)) for p in modules}
    assert {"stages/enrich_shard.py", "archive/client.py", "sky.py", "tables/columns.py"} <= names
    assert not any(name.startswith("figures") or name == "stages/summarize.py" for name in names)


def test_another_version_of_a_package_counts_where_it_is_imported(library, monkeypatch):
    """Products are made by packages too; a package that is not imported makes none of them."""
    library.script.write_text("import json\nfrom xgamma.tables.files import write_parquet\n")
    module, numbers = library.module, {"numpy": "2.0", "pyarrow": "8.0", "matplotlib": "3.0"}

    def version(name):
        module._version.cache_clear()
        if name not in numbers:
            raise module.PackageNotFoundError(name)
        return numbers[name]

    monkeypatch.setattr(module, "version", version)
    versions = module._versions([library.script, *module.imported_modules(library.script)])
    assert versions["numpy"] == "2.0" and versions["pyarrow"] == "8.0"
    assert "matplotlib" not in versions and "json" not in versions
    before = library.digest()
    numbers["matplotlib"] = "3.1"
    assert library.digest() == before
    numbers["numpy"] = "2.1"
    assert library.digest() != before


def test_imports_are_those_that_python_s_parser_finds():
    """They are looked for line by line: no text of ours may look like one, and none be missed."""
    paths = [*LIBRARY.rglob("*.py"), *LIBRARY.parents[1].glob("scripts/*.py")]
    assert len(paths) > 200
    for path in paths:
        source = path.read_text(encoding="utf-8")
        expected = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                expected |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.module and not node.level, path
                expected.add(node.module)
                expected |= {f"{node.module}.{alias.name}" for alias in node.names}
        assert xgamma.run.code_digest._imports(source) == expected, path
