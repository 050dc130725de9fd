"""A digest of all code that a rule runs: script, our modules, versions of packages.

Snakemake's own trigger looks at a script's modification time, which changes in every
clone, and not at the modules it imports; this one looks at contents, transitively, and at the
versions of the packages that these import.
"""

from __future__ import annotations

import functools
import hashlib
import re
import sys
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["code_digest", "imported_modules"]

_LIBRARY = Path(__file__).parents[1]
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([A-Za-z_][\w.]*)[ \t]+import[ \t]+(\([^)]*\)|.+)|import[ \t]+(.+))", re.M
)
# of the names in one line or in brackets
_NO_NAMES = re.compile(r"\bas\s+\w+|#.*")
# Packages whose project has another name. To look all of them up takes longer than a job's start.
_OTHER_NAMES = {"erfa": "pyerfa", "markdown_it": "markdown-it-py", "yaml": "PyYAML"}


@functools.cache
def _module_file(name: str) -> Path | None:
    """The file of a module `xgamma.a.b`; None if there is none (then it is a name in one)."""
    path = _LIBRARY.joinpath(*name.split(".")[1:])
    if path.with_suffix(".py").is_file() and path != _LIBRARY:
        return path.with_suffix(".py")
    # the package's own __init__ holds the version only: a new version reruns nothing
    if path != _LIBRARY and (path / "__init__.py").is_file():
        return path / "__init__.py"
    return None


# most rules use the same modules
@functools.cache
def _imports(source: str) -> frozenset[str]:
    """What is imported anywhere in a source: modules, and names that may be modules.

    By its lines: to parse 200 modules is a third of what Snakemake takes to start. Not seen are
    forms that our style has none of: behind a colon or a semicolon, and with a backslash.
    """
    names = set()
    for module, of_module, listed in _IMPORT.findall(source):
        words = re.findall(r"[\w.]+", _NO_NAMES.sub("", of_module or listed))
        names |= {module, *(f"{module}.{word}" for word in words)} if module else {*words}
    return frozenset(names)


@functools.cache
def _version(package: str) -> str | None:
    for project in (package.replace("_", "-"), _OTHER_NAMES.get(package, package)):
        try:
            return version(project)
        except PackageNotFoundError:
            continue
    return None


def imported_modules(script: str | Path, leave_out: Collection[str] = ()) -> list[Path]:
    """The library files that a script imports, directly or not, sorted.

    Parameters
    ----------
    script : path-like
    leave_out : collection of str
        Packages such as 'xgamma.demo' that are not followed: their code does not run here.
    """
    seen: set[Path] = set()
    waiting = [Path(script)]
    while waiting:
        for name in sorted(_imports(waiting.pop().read_text(encoding="utf-8"))):
            if name.split(".")[0] != "xgamma":
                continue
            if any(f"{name}.".startswith(f"{package}.") for package in leave_out):
                continue
            path = _module_file(name)
            if path is not None and path not in seen:
                seen.add(path)
                waiting.append(path)
    return sorted(seen)


def _versions(sources: Collection[Path]) -> dict[str, str]:
    """The installed versions of the packages that these files import, sorted."""
    names = set()
    for path in sources:
        names |= {name.split(".")[0] for name in _imports(path.read_text(encoding="utf-8"))}
    names -= sys.stdlib_module_names
    found = {name: _version(name) for name in names if name != "xgamma"}
    return {name: found[name] for name in sorted(found) if found[name]}


def code_digest(script: str | Path, leave_out: Collection[str] = ()) -> str:
    """Sixteen hexadecimal digits that change when the script or what it uses does.

    That is a module of ours, or the version of a package.
    """
    digest = hashlib.sha256()
    sources = [Path(script), *imported_modules(script, leave_out)]
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for name, number in _versions(sources).items():
        digest.update(f"{name}={number}\0".encode())
    return digest.hexdigest()[:16]
