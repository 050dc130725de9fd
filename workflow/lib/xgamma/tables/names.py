"""Names of sources as people type them: blanks, case and the kind of dash tell none apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["name_key", "named_run"]

# hyphen, non-breaking hyphen, figure dash, en dash, minus: papers have them for a minus sign
_DASHES = re.compile("[\u2010\u2011\u2012\u2013\u2212]")


def name_key(name: str) -> str:
    """What two spellings of a name have in common.

    >>> name_key("4fgl  J1826.2\u22121450") == name_key("4FGL J1826.2-1450")
    True
    """
    plain = _DASHES.sub("-", unicodedata.normalize("NFKC", name))
    return "".join(plain.split()).casefold()


def named_run(names: Sequence[str], most: int = 5) -> str:
    """What a run for named sources is called, the first of them named.

    >>> named_run(["LS 5039", "Cyg X-3"])
    'a run for 2 named sources: LS 5039, Cyg X-3'
    """
    shown = [*names[:most], *(["..."] if len(names) > most else [])]
    return f"a run for {len(names)} named source{'s' * (len(names) != 1)}: {', '.join(shown)}"
