"""Names of sources as people type them: blanks, case and the kind of dash tell none apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["designator", "list_of", "name_key", "named_run", "without_list"]

# a position as lists write it into names, the list's name before it and a designator after
_DESIGNATION = re.compile(r"(?:(?P<list>\S.*?)\s*)?J[\d.+-]*\d(?P<designator>[A-Za-z]*)")
# hyphen, non-breaking hyphen, figure dash, en dash, minus: papers have them for a minus sign
_DASHES = re.compile("[\u2010\u2011\u2012\u2013\u2212]")


def name_key(name: str) -> str:
    """What two spellings of a name have in common.

    >>> name_key("4fgl  J1826.2\u22121450") == name_key("4FGL J1826.2-1450")
    True
    """
    plain = _DASHES.sub("-", unicodedata.normalize("NFKC", name))
    return "".join(plain.split()).casefold()


def _part(name: str, which: str) -> str:
    found = _DESIGNATION.fullmatch(_DASHES.sub("-", name).strip())
    return (found[which] or "") if found else ""


def designator(name: str) -> str:
    """The letters after a gamma-ray source's position: e if extended, c if confused; '' if none.

    >>> designator("4FGL J0222.4+6156e"), designator("FL16Y J1826.2-1451A"), designator("Vela")
    ('e', 'A', '')
    """
    return _part(name, "designator")


def list_of(name: str) -> str:
    """The list that a gamma-ray source's name is of; '' if it says none.

    >>> list_of("FL16Y J1826.2-1451A"), list_of("J1826.2-1450")
    ('FL16Y', '')
    """
    return _part(name, "list")


def without_list(name: str) -> str:
    """A gamma-ray source's name without that of its list.

    >>> without_list("4FGL J1826.2-1450")
    'J1826.2-1450'
    """
    return name.removeprefix(list_of(name)).strip()


def named_run(names: Sequence[str], most: int = 5) -> str:
    """What a run for named sources is called, the first of them named.

    >>> named_run(["LS 5039", "Cyg X-3"])
    'a run for 2 named sources: LS 5039, Cyg X-3'
    """
    shown = [*names[:most], *(["..."] if len(names) > most else [])]
    return f"a run for {len(names)} named source{'s' * (len(names) != 1)}: {', '.join(shown)}"
