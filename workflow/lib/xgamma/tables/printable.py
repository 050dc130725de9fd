"""Text that came from outside, made fit for people's eyes.

A name from an archive may hold anything: line breaks that forge a line of a log,
escapes that clear a terminal, marks that turn the reading order round. Parquet keeps
such text as it came; wherever people read it, it is shown, not obeyed.
"""

from __future__ import annotations

__all__ = ["one_line", "printable", "shortened"]


def printable(text: str) -> str:
    r"""Show what does not print as an escape: ``\n``, ``\x1b``, ``\u202e``.

    Control and format characters, unpaired surrogates, unassigned characters, and blanks
    other than the space are shown; all else, of any script, stays.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )


def one_line(message: object) -> str:
    """Give a message on one line: runs of blanks and line breaks become one blank."""
    return printable(" ".join(str(message).split()))


def shortened(text: str, most: int) -> str:
    """Show text `printable` and at most `most` characters long; a cut is seen by its '…'."""
    shown = printable(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"
