"""The sources that a run is for: names from the config or a file, and the folder of such a run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xgamma.config.wording import value_text
from xgamma.errors import XgammaError
from xgamma.tables.names import name_key

__all__ = ["sources_folder", "with_source_names"]

# a name that stands for itself has neither: 4FGL J1826.2-1450 ends in no ending
_LIKE_A_FILE = re.compile(r".*/.*|.*\.[A-Za-z]+")
# at the start of a line, or after a blank
_COMMENT = re.compile(r"(?:^|\s)#.*")
_LONGEST_FOLDER = 60


def with_source_names(raw: Any) -> Any:
    """A configuration whose `sources` are names: those in the file, if it is the path of one.

    Parameters
    ----------
    raw : object
        The configuration as YAML or Snakemake gives it, right or wrong.

    Returns
    -------
    object
        What is neither a path nor a single name is as it was.

    Raises
    ------
    XgammaError
        If the file is missing, cannot be read, or has no name.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("sources"), str):
        return raw
    text = raw["sources"].strip()
    if not Path(text).is_file() and not _LIKE_A_FILE.fullmatch(text):
        return {**raw, "sources": [text] if text else []}
    return {**raw, "sources": _names_in(text)}


def _names_in(path: str) -> list[str]:
    place = f"config: sources is {value_text(path)}"
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise XgammaError(
            f"{place}; that file cannot be read: {reason} (names themselves go into a list: "
            f"""--config 'sources=["LS 5039"]')"""
        ) from error
    names = [_COMMENT.sub("", line).strip() for line in lines]
    if not any(names):
        raise XgammaError(f"{place}; that file has no name: write one to a line")
    return list(dict.fromkeys(name for name in names if name))


def sources_folder(names: Iterable[str]) -> str:
    """The name of the folder for a run of some sources, whatever their order and spelling.

    >>> sources_folder(["LS 5039"])
    'ls5039'
    """
    keys = sorted({name_key(name) for name in names})
    slug = re.sub(r"[^a-z0-9.+-]", "_", keys[0]) if len(keys) == 1 else f"{len(keys)}-sources"
    if [slug] == keys and len(slug) <= _LONGEST_FOLDER and slug.strip("."):
        return slug
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:8]
    return f"{slug[:_LONGEST_FOLDER]}-{digest}"
