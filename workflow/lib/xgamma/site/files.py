"""Writing the pages: only what has changed, each file whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from xgamma.errors import XgammaError
from xgamma.site.templates import ASSETS
from xgamma.tables.whole_files import atomic_path, write_json

__all__ = ["ASSET_FILES", "write_assets", "write_pages"]

ASSET_FILES = ("bokeh.min.js", "datatables.css", "datatables.js", "site.css", "site.js")
"""What lies beside the pages."""


def write_pages(manifest: str | Path, folder: str | Path, pages: Iterable[tuple[str, str]]) -> None:
    """Write the pages that have changed to a folder, and remove those that are no more.

    Pages that are as they were keep their times. Each page appears whole or not at all: all are
    written beside their places, brought to the disk together, and renamed.

    Parameters
    ----------
    manifest : path-like
        Is written last: file of each page -> SHA-256 of its bytes.
    folder : path-like
    pages : iterable of (str, str)
        File and content.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    digests, parts = {}, []
    for file, text in pages:
        content = text.encode("utf-8")
        digests[file] = sha256(content).hexdigest()
        if not _has(folder / file, content):
            part = folder / f".{file}.part"
            part.write_bytes(content)
            parts.append((part, folder / file))
    # one by one, hundreds of small files would wait for the disk for half a minute
    os.sync()
    for part, path in parts:
        part.replace(path)
    for path in folder.iterdir():
        if path.is_file() and path.name not in digests:
            path.unlink()
    write_json(manifest, digests)


def _has(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def write_assets(paths: Mapping[str, str | Path]) -> None:
    """Write what lies beside the pages, from the packages that ship it and from here.

    Parameters
    ----------
    paths : mapping
        Of `ASSET_FILES`, where each goes.
    """
    for name in ASSET_FILES:
        content = _asset(name)
        with atomic_path(paths[name]) as beside:
            beside.write_bytes(content)


def _asset(name: str) -> bytes:
    # imported, so that another version of theirs makes the pages anew
    import bokeh
    import itables

    if name == "bokeh.min.js":
        return files(bokeh).joinpath("server/static/js/bokeh.min.js").read_bytes()
    if name == "datatables.css":
        return files(itables).joinpath("html/dt_bundle.css").read_bytes()
    if name == "datatables.js":
        module = files(itables).joinpath("html/dt_bundle.js").read_text(encoding="utf-8")
        return as_script(module).encode("utf-8")
    return (ASSETS / name).read_bytes()


def as_script(module: str) -> str:
    """A module of JavaScript as a plain script: browsers load no module from a disk.

    Raises
    ------
    XgammaError
        If the module does not end with one list of exports, among them jQuery.
    """
    exports = re.findall(r"export\{([^{}]*)\}", module)
    names = dict(
        reversed(pair.split(" as ")) for pair in (exports[0].split(",") if exports else ())
        if " as " in pair
    )  # fmt: skip
    if len(exports) != 1 or "jQuery" not in names:
        raise XgammaError(
            "site: itables' bundle of DataTables is not as it was (one list of exports with "
            "jQuery): see xgamma/site/files.py"
        )
    body = module.replace(f"export{{{exports[0]}}}", f"window.jQuery={names['jQuery']}")
    return f"(() => {{\n{body}\n}})();\n"
