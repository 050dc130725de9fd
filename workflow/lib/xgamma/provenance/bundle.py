"""One file with all that a replay needs: answers, settings, code, products and their origin.

The bytes depend on its contents only: sorted names, one date for all, no times, no paths
of this machine.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from xgamma.answers.store import AnswerStore
from xgamma.errors import XgammaError
from xgamma.provenance.record import check_products
from xgamma.tables.printable import shortened
from xgamma.tables.whole_files import atomic_path

__all__ = ["bundle_contents", "write_bundle"]

_FILES = (
    "Snakefile",
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "CITATION.cff",
    "config/README.md",
)
_FOLDERS = ("workflow", "docs", "envs", "profiles", "resources")
_CONFIG_HEAD = """\
# The settings of the run that is bundled, to be replayed from its kept answers.
# config/README.md has each key's meaning.
"""
# these are compressed already
_STORED = {".gz", ".parquet", ".png"}
_DATE = (1980, 1, 1, 0, 0, 0)


def bundle_contents(
    project: Path,
    results: Path,
    answers: Path,
    provenance: Mapping[str, Any],
    codes: Mapping[str, str],
) -> dict[str, Path | bytes]:
    """What goes into the bundle of an archive's products.

    Parameters
    ----------
    project : Path
        Where the workflow is.
    results, answers : Path
        Folders of the products and of the kept answers, which are in the archive's folder.
    provenance : mapping
        As `xgamma.provenance.record.run_provenance` gives it.
    codes : mapping
        Script -> digest of its code, as it is now.

    Returns
    -------
    dict
        Name in the bundle -> file, or the bytes themselves.

    Raises
    ------
    XgammaError
        If products, answers or code are not those of the provenance: what someone would
        replay would not be what is in the bundle.
    """
    changed = sorted(name for name, code in provenance["codes"].items() if codes.get(name) != code)
    if changed:
        raise XgammaError(
            f"bundle: workflow/scripts/{changed[0]}.py, or a module that it uses, has changed "
            f"since the products were made: run snakemake first"
        )
    check_products(results, provenance)
    archive = answers.parent.name
    below = Path("results", archive, results.relative_to(answers.parent)).as_posix()
    contents: dict[str, Path | bytes] = {
        **{name: project / name for name in _FILES},
        "config/config.yaml": _replay_config(provenance["config"], archive).encode(),
    }
    for folder in _FOLDERS:
        for path in (project / folder).rglob("*"):
            name = path.relative_to(project)
            if path.is_file() and not _is_left_out(name):
                contents[name.as_posix()] = path
    for name in [*provenance["products"], "provenance.json", "ro-crate-metadata.json"]:
        contents[f"{below}/{name}"] = results / name
    for path in _answer_files(answers, provenance):
        contents[f"results/{archive}/answers/{path.relative_to(answers).as_posix()}"] = path
    return contents


def _is_left_out(name: Path) -> bool:
    return any(
        part == "__pycache__" or part.startswith(".") or part.endswith(".egg-info")
        for part in name.parts
    )


def _replay_config(config: Mapping[str, Any], archive: str) -> str:
    replay = {**config, "archive": "replay", "replay": {"archive": archive}}
    return _CONFIG_HEAD + yaml.safe_dump(replay, sort_keys=False, allow_unicode=True)


def _answer_files(answers: Path, provenance: Mapping[str, Any]) -> list[Path]:
    """The files of the answers that products rest on, each answer read and found whole."""
    store = AnswerStore(answers)
    keys = {key for product in provenance["products"].values() for key in product["answers"]}
    files = []
    for key in sorted(keys):
        known = provenance["answers"].get(key, {})
        _, record = store.find(key, known.get("adql", ""))
        if record["body"] != known.get("body", record["body"]):
            raise XgammaError(
                f"bundle: {store.files_of(key)[0]} is a newer answer than the products rest on: "
                f"run snakemake --forceall, which makes the products of what is kept now; the "
                f"query was: {shortened(known['adql'], 80)}"
            )
        files += store.files_of(key)
    return files + store.covers_of(keys)


def write_bundle(path: Path, top: str, contents: Mapping[str, Path | bytes]) -> None:
    """Write a zip file, whole or not at all, in which all is in the folder `top`."""
    with atomic_path(path) as beside, zipfile.ZipFile(beside, "w") as bundle:
        for name in sorted(contents):
            content = contents[name]
            entry = zipfile.ZipInfo(f"{top}/{name}", _DATE)
            entry.create_system = 3  # or the bytes would tell the system it was made on
            entry.external_attr = 0o644 << 16
            stored = Path(name).suffix in _STORED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            if isinstance(content, bytes):
                bundle.writestr(entry, content)
                continue
            entry.file_size = content.stat().st_size
            with open(content, "rb") as source, bundle.open(entry, "w") as target:
                shutil.copyfileobj(source, target, 2**20)
