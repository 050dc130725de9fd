"""`KeptAnswers`, the kept answers of one service: what need not be asked again, what is kept.

An answer is used again only if a table was made of it: whoever made the table says so
(`KeptAnswers.trust`), after all checks. A question may also be part of an earlier one, such as a
smaller circle around the same position: what an earlier question covers is noted with it, under
names that the asker understands.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from xgamma.answers.answer import Answer, answer_rows
from xgamma.answers.store import AnswerStore
from xgamma.errors import XgammaError
from xgamma.tables.printable import one_line
from xgamma.tap.faults import QueryError, UnreadableAnswer, plain_words
from xgamma.tap.patience import Limits
from xgamma.tap.votable import log_notes, parse_answer

__all__ = ["KeptAnswers"]

logger = logging.getLogger("xgamma.tap")


class KeptAnswers:
    """The one door to the kept answers of a service: they are found, kept and trusted here.

    Parameters
    ----------
    service, url : str
        As configured.
    folder : path-like or None
        Where answers are kept; None: nowhere.
    limits : Limits
        What an answer may cost.
    replay : bool
        Nobody is asked: every answer has to be in the folder, trusted or not.
    reuse : bool
        Whether trusted answers are taken instead of asking.
    trust_mark : True, str or None
        What trusted answers are marked with, and taken by. None: what answers at this address
        cannot be told from what answered there before, so no answer of it is taken.

    Attributes
    ----------
    replay : bool

    Raises
    ------
    XgammaError
        If a replay has no folder.
    """

    def __init__(
        self,
        service: str,
        url: str,
        folder: str | Path | None,
        limits: Limits,
        *,
        replay: bool,
        reuse: bool,
        trust_mark: str | bool | None,
    ):
        if replay and folder is None:
            raise XgammaError(f"{service}: a replay needs the folder of the answers that were kept")
        self._service, self._url = service, url
        self._store = None if folder is None else AnswerStore(folder)
        self._limits, self.replay = limits, replay
        # a replay takes every answer, marked or not
        self._trust_mark = None if replay else trust_mark
        can_trust = self._store is not None and trust_mark is not None
        self._reads = replay or (can_trust and reuse)
        self._writes = self._store is not None and not replay
        self._trusts = can_trust and not replay

    def find(self, key: str, asked: str = "") -> Answer | None:
        """The answer to a question, if it is to be used; None: ask.

        Parameters
        ----------
        key : str
            Of the question, see `xgamma.answers.store.query_key`.
        asked : str
            The query, for messages.

        Raises
        ------
        XgammaError
            If this is a replay, and the answer is missing, damaged, or not to be read.
        """
        if self.replay:
            return self._read(key, asked)
        if not self._reads or not self._store.is_there(key, trust_mark=self._trust_mark):
            return None
        try:
            answer = self._read(key, asked)
        except XgammaError as error:
            logger.info("asked anew: %s", error)
            return None
        logger.info("%s: answered at %s, not asked again", self._service, answer.record["started"])
        return answer

    def keep(self, stream: IO[bytes], record: Mapping[str, Any]) -> None:
        """Keep an answer's bytes, as received, and its record."""
        if self._writes:
            self._store.keep(stream, record)

    def update(self, record: Mapping[str, Any]) -> None:
        """Keep a record anew, with what has become known of an answer that is kept already."""
        if self._writes:
            self._store.update(record)

    def trust(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Mark answers as good to be used again: tables were made of them, nothing was wrong."""
        if self._trusts:
            for record in records:
                self._store.trust(record["key"], record["body"], self._trust_mark)

    def note(
        self, question: str, place: str, covers: Iterable[tuple[Mapping[str, Any], dict[str, Any]]]
    ) -> None:
        """Note what trusted answers cover, so that `covering` finds them.

        Parameters
        ----------
        question : str
            What they have in common: the same for all of which one may be part of another.
        place : str
            Under which part of the sky or of the question they are to be found.
        covers : iterable of (mapping, dict)
            The record of each one, and what it covers; values that JSON can hold.
        """
        if self._trusts:
            noted = [{**part, "key": r["key"], "body": r["body"]} for r, part in covers]
            self._store.note_cover(self._family(question), place, noted)

    def covering(self, question: str, places: Iterable[str]) -> list[dict[str, Any]]:
        """What `note` was told of answers that are still kept and may be used.

        Each with the key of its answer, by place, in an order that does not change.
        """
        if not self._reads:
            return []
        # an answer is noted in many places, and looked at once
        is_there = functools.cache(
            functools.partial(self._store.is_there, trust_mark=self._trust_mark)
        )
        return [
            noted
            for place in sorted(set(places))
            for noted in self._store.covers(self._family(question), place)
            if is_there(noted["key"], noted["body"])
        ]

    def _read(self, key: str, asked: str) -> Answer:
        body, record = self._store.find(key, asked, self._limits.max_bytes)
        try:
            result = parse_answer(body.stream, self._limits.max_rows)
            rows, units = answer_rows(result)
            log_notes(self._service, result, record["adql"])
        except (UnreadableAnswer, QueryError) as error:
            raise XgammaError(
                f"kept answers: {self._service}: {plain_words(error)}; "
                f"the query was: {one_line(record['adql'])}"
            ) from error
        return Answer(rows, units, record, kept=True)

    def _family(self, question: str) -> str:
        parts = json.dumps([self._service, self._url, question])
        return hashlib.sha256(parts.encode()).hexdigest()[:16]
