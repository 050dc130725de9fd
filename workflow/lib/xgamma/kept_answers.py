"""Which answers an archive has kept, as a replay needs to know before any job runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["answers_digest"]


def answers_digest(folder: str | Path) -> str:
    """Sixteen hexadecimal digits that change with any answer in a store.

    Parameters
    ----------
    folder : path-like
        Of an `xgamma.answer_store.AnswerStore`; need not exist.
    """
    digest = hashlib.sha256()
    # a record names its answer's content, so the records say all
    for path in sorted(Path(folder).glob("queries/*/*.json")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
