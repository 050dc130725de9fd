"""The table of keys in ``config/README.md``, made from the definitions of the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xgamma.config.kinds import REQUIRED, Block, Kind, ListOf, Named, Setting
from xgamma.config.settings import SETTINGS
from xgamma.config.wording import enumeration
from xgamma.errors import XgammaError

__all__ = ["key_table", "keys", "update_key_table"]

_START = "<!-- made by `python -m xgamma.config`: edit the definitions of the settings instead -->"
_END = "<!-- end of the table -->"
_HEAD = "| key | type | allowed | default | what, and why |\n|---|---|---|---|---|\n"


def keys() -> dict[str, Setting]:
    """All settings by key, as the table writes it: ``archives.<name>.simulated``.

    Blocks whose key is a name of the user's choice are not there; what is in them is.
    """
    return dict(_keys(SETTINGS, ""))


def key_table() -> str:
    """Make the table, in Markdown: one row for each of `keys`."""
    rows = [
        _row(f"`{key}`", one.kind.type_name, one.kind.cell, _default_cell(one), one.what)
        for key, one in keys().items()
    ]
    return "".join([_HEAD, *rows])


def update_key_table(readme: Path) -> bool:
    """Write the table into a file, between the two lines that enclose it there.

    Parameters
    ----------
    readme : Path

    Returns
    -------
    bool
        Whether the file has changed.

    Raises
    ------
    XgammaError
        If it does not have these lines.
    """
    text = readme.read_text(encoding="utf-8")
    before, start, rest = text.partition(f"{_START}\n")
    _, end, after = rest.partition(_END)
    if not (start and end):
        raise XgammaError(
            f"{readme}: the table of keys has no place there; put it between the lines "
            f"{_START} and {_END}"
        )
    updated = f"{before}{start}{key_table()}{end}{after}"
    if updated != text:
        readme.write_text(updated, encoding="utf-8")
    return updated != text


def _keys(kind: Kind, place: str) -> Iterator[tuple[str, Setting]]:
    """Walk through the keys of the blocks that are in a kind of value, whose own key is given."""
    if isinstance(kind, Block):
        for key, one in kind.settings.items():
            inner_place = f"{place}.{one.row or key}".lstrip(".")
            yield inner_place, one
            yield from _keys(one.kind, inner_place)
    elif isinstance(kind, ListOf):
        yield from _keys(kind.items, f"{place}[]")
    elif isinstance(kind, Named):
        yield from _keys(kind.values, f"{place}.{kind.placeholder}")


def _row(*cells: str) -> str:
    escaped = [cell.replace("|", r"\|") for cell in cells]
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in escaped) + "\n"


def _default_cell(one: Setting) -> str:
    """Write a default as a user would write it in YAML; of long ones, the names."""
    if one.default is REQUIRED:
        return "required"
    if isinstance(one.kind, Named) and one.default:
        return enumeration(f"`{name}`" for name in one.default)
    return f"`{_in_yaml(one.default)}`"


def _in_yaml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_in_yaml, value))}]"
    # quotes where YAML would take the text for nothing or for a date
    plain = isinstance(value, str) and value and not value[0].isdigit()
    return value if plain else json.dumps(value)
