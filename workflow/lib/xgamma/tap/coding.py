"""Reads a document whose bytes are not the UTF-8 that they should be: no byte is lost.

Some archives send the bytes of old tables as they are. A text of which the bytes are no UTF-8 is
read as Latin-1, and which it was is said. Bytes that are no UTF-8 pass through the XML parser as
characters that no table has, and are read again when their cell is known.
"""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Iterator
from typing import IO

from xgamma.tap.faults import UnreadableAnswer

__all__ = ["as_utf8", "coding_note", "utf8_or_latin1", "without_marks"]

_IN_MEMORY = 8 * 2**20
_CHUNK = 2**20
_DECLARATION = re.compile(rb"""\A\s*<\?xml[^>]*?(\sencoding\s*=\s*["']([\w.:-]+)["'])""")
# what the XML parser knows itself
_OF_PARSER = ("iso-8859-1",)
_ASCII = bytes(range(128))
# private use: a byte b that is no UTF-8 becomes the character at _FIRST_MARK + b
_FIRST_MARK = 0x10F700
_MARKS = re.compile(f"[{chr(_FIRST_MARK + 128)}-{chr(_FIRST_MARK + 255)}]")
_MARKING = "xgamma-marks"


def as_utf8(stream: IO[bytes]) -> tuple[IO[bytes], bool]:
    """A document as the XML parser can read it, and whether it has marks.

    Parameters
    ----------
    stream : file object
        Binary.

    Returns
    -------
    stream : file object
        The same, or a copy in UTF-8, which the caller closes.
    has_marks : bool
        Whether `without_marks` is needed on its texts.

    Raises
    ------
    UnreadableAnswer
        If it declares a coding that is none, or that ASCII is no part of.
    """
    stream.seek(0)
    found = _DECLARATION.match(stream.read(1000))
    declared = found[2].decode() if found else "utf-8"
    if declared.lower() in _OF_PARSER:
        return stream, False
    try:
        coding = codecs.lookup(declared).name
        holds_ascii = _ASCII.decode(coding) == _ASCII.decode()
    except (LookupError, ValueError):
        holds_ascii = False
    if not holds_ascii:
        message = f"what came is not encoded in UTF-8, but in {declared}"
        raise UnreadableAnswer(message, passing=False)
    if coding not in ("utf-8", "ascii"):
        return _copied(stream, found, coding, "strict"), False
    is_utf8 = _is_utf8(stream)
    if is_utf8 and declared.lower() == "utf-8":
        return stream, False
    return _copied(stream, found, "utf-8", _MARKING), not is_utf8


def _is_utf8(stream: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in _chunks(stream):
            # of ASCII nothing can be left to the next chunk
            if not (chunk.isascii() and not decoder.getstate()[0]):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _copied(
    stream: IO[bytes], declaration: re.Match[bytes] | None, coding: str, errors: str
) -> IO[bytes]:
    """The stream in UTF-8, its declared coding left out."""
    decoder = codecs.getincrementaldecoder(coding)(errors)
    copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    first = True
    for chunk in _chunks(stream):
        if first and declaration is not None:
            chunk = chunk[: declaration.start(1)] + chunk[declaration.end(1) :]
        first = False
        copy.write(decoder.decode(chunk).encode())
    copy.write(decoder.decode(b"", final=True).encode())
    return copy


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        yield chunk


def _mark(error: UnicodeError) -> tuple[str, int]:
    wrong = error.object[error.start : error.end]
    return "".join(chr(_FIRST_MARK + byte) for byte in wrong), error.end


codecs.register_error(_MARKING, _mark)


def without_marks(text: str) -> str:
    """A text of a document that has marks: as Latin-1 if one is in it, else as it is."""
    if text.isascii() or not _MARKS.search(text):
        return text
    raw = b"".join(bytes([ord(c) - _FIRST_MARK]) if _MARKS.match(c) else c.encode() for c in text)
    return raw.decode("latin-1")


def utf8_or_latin1(raw: bytes) -> tuple[str, str]:
    """A text, and how it is coded: 'ASCII', 'UTF-8' or 'Latin-1'."""
    if raw.isascii():
        return raw.decode("ascii"), "ASCII"
    try:
        return raw.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "Latin-1"


def coding_note(column: str, row: int, coding: str) -> str:
    """What is said of a column whose texts are not coded as they should be."""
    return (
        f"column {column!r} has, first in row {row}, a text that is not coded as it should be "
        f"and is read as {coding}"
    )
