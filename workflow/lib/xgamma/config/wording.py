"""How a message names a place in the configuration, a value there, and a key that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

__all__ = ["did_you_mean", "enumeration", "nearest", "place_text", "value_text"]

_MOST_CHARACTERS = 80


def place_text(place: Iterable[Any]) -> str:
    """Write a place as a user reads it: ``figures.formats[0]``.

    Parameters
    ----------
    place : iterable
        The keys that lead there, from the outside; of a list, the number of the item from 0.
    """
    parts = [str(part) if str(part).isprintable() else repr(part) for part in place]
    text = ".".join(f"[{part}]" if part.isdecimal() else part for part in parts)
    return _cut(text.replace(".[", "["))


def value_text(value: Any) -> str:
    """Write a value as a user may have typed it, on one line and not too long."""
    if isinstance(value, bool | None):
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return "a block of keys"
    if isinstance(value, list):
        text = f"[{', '.join(map(value_text, value))}]"
    else:
        text = repr(value) if isinstance(value, str) else str(value)
    return _cut(text)


def enumeration(words: Iterable[str], last: str = "and") -> str:
    """Write words as a sentence has them: ``png, pdf or svg``."""
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail


def nearest(word: object, known: Collection[str], likeness: float = 0.6) -> str | None:
    """Find the known word that was probably meant.

    Parameters
    ----------
    word : object
        What was written.
    known : collection of str
    likeness : float
        0 takes any word, 1 only the same one; see `difflib.SequenceMatcher.ratio`.

    Returns
    -------
    str or None
        None if nothing is alike.
    """
    found = difflib.get_close_matches(str(word), known, n=1, cutoff=likeness)
    return found[0] if found else None


def did_you_mean(word: object, known: Collection[str]) -> str:
    """The end of a message about a word that is not known: the nearest one, if any is alike."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
