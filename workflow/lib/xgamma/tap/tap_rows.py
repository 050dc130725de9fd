"""A VOTable taken apart: what surrounds its rows, which astropy reads, and the rows."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MARGIN", "TakenRows", "begins_plainly"]

MARGIN = 2**16
"""Bytes within which the rows have to begin."""


@dataclass(frozen=True)
class TakenRows:
    """The document without its rows, and the rows as they stood there (base64 undone).

    `flagged`: BINARY2, whose rows begin with a bit for each column that is null.
    """

    document: bytes
    content: bytes
    flagged: bool = False


def begins_plainly(before: bytes) -> bool:
    """True if what stands before the rows leaves no doubt that they are the only table's."""
    # a comment may hold anything, and the rows may be another table's
    return b"<!" not in before and before.count(b"<TABLE") == 1
