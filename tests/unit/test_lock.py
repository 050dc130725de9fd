"""The pinned environments: the lock, the project's dependencies and the conda file agree."""

import functools
import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")

# Packages that conda knows by another name.
CONDA_NAMES = {
    "duckdb": "python-duckdb",
    "matplotlib": "matplotlib-base",
    "snakemake": "snakemake-minimal",
}
# What a conda environment has beside the project's dependencies.
CONDA_ONLY = {"python", "pip"}


def lock_text() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


@functools.cache
def locked() -> dict[str, list[Requirement]]:
    """Canonical name -> the lock's requirements of that package."""
    found: dict[str, list[Requirement]] = {}
    for line in lock_text().splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.rstrip("\\ "))
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def pinned(name: str, python: str = "3.12") -> str:
    """The version of a package that the lock installs on Linux with a Python version."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    versions = [
        next(iter(requirement.specifier)).version
        for requirement in locked()[canonicalize_name(name)]
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    assert len(versions) == 1, f"{name} has {len(versions)} versions for Python {python}"
    return versions[0]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def dependencies() -> list[Requirement]:
    return [Requirement(text) for text in project()["project"]["dependencies"]]


def conda() -> tuple[dict[str, str], dict[str, str]]:
    """The versions that the conda environment takes from channels, and from pip."""
    text = (ROOT / "envs" / "xgamma.yaml").read_text(encoding="utf-8")
    channels, index = {}, {}
    for item in yaml.safe_load(text)["dependencies"]:
        if isinstance(item, dict):
            index |= dict(pin.split("==") for pin in item["pip"])
        else:
            name, _, version = item.partition("=")
            channels[name] = version
    return channels, index


def test_every_requirement_is_pinned_with_hashes():
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock_text())[1:]:
        assert re.match(r"[a-z0-9-]+==[^ ]+ (; .+ )?\\\n", block), block.split("\n")[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block.split("\n")[0]


def test_the_lock_names_no_index():
    assert not re.search(r"://|index-url|find-links|@ ", lock_text())


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_what_the_project_asks_for(python):
    developers = [Requirement(t) for t in project()["project"]["optional-dependencies"]["dev"]]
    backend = [Requirement(text) for text in project()["build-system"]["requires"]]
    for requirement in [*dependencies(), *developers, *backend]:
        assert requirement.specifier.contains(pinned(requirement.name, python)), requirement


def test_all_pythons_get_the_same_packages():
    # so that products do not depend on the Python that makes them
    for requirement in dependencies():
        assert len({pinned(requirement.name, python) for python in PYTHONS}) == 1, requirement


def test_the_conda_environment_has_the_pins_of_the_lock():
    channels, index = conda()
    wanted = {canonicalize_name(requirement.name) for requirement in dependencies()}
    ours = {theirs: name for name, theirs in CONDA_NAMES.items()}
    found = {ours.get(name, name): version for name, version in channels.items()} | index
    assert set(found) - CONDA_ONLY == wanted
    python = channels["python"]
    for name in wanted:
        assert Version(found[name]) == Version(pinned(name, python)), name


def test_the_conda_environment_has_a_python_that_the_project_takes():
    assert conda()[0]["python"] in PYTHONS
    assert project()["project"]["requires-python"] == f">={PYTHONS[0]}"


def test_the_lock_is_complete():
    # pip installs it with --no-deps, so what an installed package needs must be in it
    for name in locked():
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:  # for other systems, or not installed here
            continue
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert canonicalize_name(need.name) in locked(), f"{name} needs {need}"
