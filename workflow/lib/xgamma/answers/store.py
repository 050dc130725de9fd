"""A folder of kept answers: each as it was received, so that the run can be replayed.

answers/bodies/ab/ab....gz       an answer's bytes, named by the SHA-256 of its content
answers/queries/cd/cd....json    what was asked and how it came, named by what was asked
answers/covers/ef.../<place>/    which questions these answers hold, see `xgamma.answers.reuse`
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from xgamma.errors import XgammaError
from xgamma.tables.printable import one_line
from xgamma.tables.whole_files import atomic_path, write_json, write_text
from xgamma.tap.transport import Body

__all__ = ["AnswerStore", "answers_digest", "query_key"]

_IN_MEMORY = 8 * 2**20
# fast: answers of whole catalogues are large, and an hour's run should not wait for a minute less
_LEVEL = 1
_TRUSTED = "trusted"


def query_key(service: str, url: str, adql: str, uploads: Mapping[str, str]) -> str:
    """The key of a question: 64 hexadecimal digits for whom, what, with which tables.

    Parameters
    ----------
    service, url, adql : str
        As configured: a mirror that answers instead does not change the question.
    uploads : mapping
        Table name -> SHA-256 of it.
    """
    parts = json.dumps([service, url, adql, dict(uploads)], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()


def answers_digest(folder: str | Path) -> str:
    """A digest of a store: 16 hexadecimal digits that change with any of its answers.

    Parameters
    ----------
    folder : path-like
        Of an `xgamma.answers.store.AnswerStore`; need not exist.
    """
    digest = hashlib.sha256()
    # a record names its answer's content, so the records say all
    for path in sorted(Path(folder).glob("queries/*/*.json")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


class AnswerStore:
    """A folder of answers.

    Parameters
    ----------
    folder : path-like
        Made when the first answer is kept.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def _query_path(self, key: str) -> Path:
        return self.folder / "queries" / key[:2] / f"{key}.json"

    def _body_path(self, sha256: str) -> Path:
        return self.folder / "bodies" / sha256[:2] / f"{sha256}.gz"

    def keep(self, stream: IO[bytes], record: Mapping[str, Any]) -> None:
        """Keep an answer's bytes, then its record: a record's body is always there."""
        path = self._body_path(record["body"])
        # beside the record: two jobs may get the same bytes for different questions
        near = self._query_path(record["key"]).with_suffix(".gz")
        with _locked(near.parent):
            if not _is_whole(path, record):
                stream.seek(0)
                with (
                    atomic_path(path, near) as beside,
                    open(beside, "wb") as file,
                    # neither a name nor a time in it: same bytes for the same answer
                    gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed,
                ):
                    shutil.copyfileobj(stream, packed, 2**20)
        self.update(record)

    def update(self, record: Mapping[str, Any]) -> None:
        """Keep a record, in place of an earlier one; its answer's bytes are kept already."""
        path = self._query_path(record["key"])
        with _locked(path.parent):
            write_json(path, dict(record))

    def trust(self, key: str, body: str, trust_mark: str | bool) -> None:
        """Mark an answer, if it is still the one with that body, as good to be used again."""
        path = self._query_path(key)
        with _locked(path.parent):
            record = self._record(key, "")
            if record["body"] == body and record.get(_TRUSTED) != trust_mark:
                write_json(path, {**record, _TRUSTED: trust_mark})

    def is_there(self, key: str, body: str | None = None, *, trust_mark: str | bool | None) -> bool:
        """Whether the last answer to a question is kept, with that body and that mark.

        None: any body, or any mark, will do.
        """
        try:
            record = self._record(key, "")
        except XgammaError:
            return False
        same_body = body is None or record["body"] == body
        return same_body and (trust_mark is None or record.get(_TRUSTED) == trust_mark)

    def note_cover(self, family: str, place: str, answers: list[Mapping[str, Any]]) -> None:
        """Keep what answers cover, under a name that their content gives."""
        text = json.dumps(answers, sort_keys=True, allow_nan=False)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = self.folder / "covers" / family / place / f"{name}.json"
        with _locked(path.parent):
            write_text(path, text + "\n")

    def covers(self, family: str, place: str) -> Iterator[dict[str, Any]]:
        """What `note_cover` was told of a family and place; files that are damaged are left out."""
        for path in sorted((self.folder / "covers" / family / place).glob("*.json")):
            yield from _read_cover(path)

    def covers_of(self, keys: Collection[str]) -> list[Path]:
        """The files that say what these answers cover, and nothing of others."""
        paths = sorted(self.folder.glob("covers/*/*/*.json"))
        return [
            path
            for path in paths
            if (covers := _read_cover(path)) and all(cover["key"] in keys for cover in covers)
        ]

    def files_of(self, key: str) -> list[Path]:
        """The record and the body of an answer."""
        return [self._query_path(key), self._body_path(self._record(key, "")["body"])]

    def find(
        self, key: str, asked: str = "", max_bytes: float = float("inf")
    ) -> tuple[Body, dict[str, Any]]:
        """An answer as it was received, and its record.

        Parameters
        ----------
        key : str
        asked : str
            The query, for messages.
        max_bytes : float
            Of the answer, unpacked.

        Raises
        ------
        XgammaError
            If the answer is missing, damaged, or too large.
        """
        record = self._record(key, asked)
        path = self._body_path(record["body"])
        if record["bytes"] > max_bytes:
            raise XgammaError(
                f"kept answers: {path} has {record['bytes']} bytes, which is more than "
                f"tap.max_bytes in the config; raise it if the answer is to be used. "
                f"The query was: {one_line(record['adql'])}"
            )
        stream = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        try:
            if _unpack(path, stream, record["bytes"]) != record["body"]:
                raise EOFError
        except FileNotFoundError:
            stream.close()
            raise _not_there(path, "is missing", asked) from None
        except (OSError, EOFError, zlib.error) as error:
            stream.close()
            raise _not_there(path, "is damaged", asked) from error
        record.pop(_TRUSTED, None)
        return Body(stream, record["bytes"], record["body"]), record

    def _record(self, key: str, asked: str) -> dict[str, Any]:
        path = self._query_path(key)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            texts = [record[name] for name in ("key", "body", "service", "url", "adql")]
            if record["mirror"] is not None:
                texts.append(record["mirror"])
            plain = type(record["bytes"]) is int and all(type(text) is str for text in texts)
            if not (plain and record["key"] == key and re.fullmatch("[0-9a-f]{64}", texts[1])):
                raise ValueError
        except FileNotFoundError:
            raise _not_there(path, "is missing", asked) from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _not_there(path, "is damaged", asked) from error
        return record


def _read_cover(path: Path) -> list[dict[str, Any]]:
    """What a file says that answers cover; nothing if it is damaged."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        if all(re.fullmatch("[0-9a-f]{64}", one["key"]) and one["body"] for one in noted):
            return noted
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return []


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A folder in which one process after the other writes: two jobs may ask the same."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_whole(path: Path, record: Mapping[str, Any]) -> bool:
    """Whether the bytes are kept already, and undamaged."""
    try:
        return _unpack(path, None, record["bytes"]) == record["body"]
    except (OSError, EOFError, zlib.error):
        return False


def _unpack(path: Path, stream: IO[bytes] | None, most: int) -> str:
    """The SHA-256 of what is unpacked, of which there may be no more than `most` bytes."""
    digest = hashlib.sha256()
    with gzip.open(path) as packed:
        while chunk := packed.read(2**20):
            most -= len(chunk)
            if most < 0:
                raise EOFError
            digest.update(chunk)
            if stream is not None:
                stream.write(chunk)
    return digest.hexdigest()


def _not_there(path: Path, what: str, asked: str) -> XgammaError:
    query = f"; the query was: {one_line(asked)}" if asked else ""
    return XgammaError(
        f"kept answers: {path} {what}; fetch it anew by a run on the archive itself, or "
        f"unpack the bundle again{query}"
    )
