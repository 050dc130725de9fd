"""Asking a TAP service, and not believing it.

Every request of the workflow goes through `TapClient`: it gets through what is passing,
and gives an error instead of a table wherever an answer may be cut short. What it was told
is kept, so that it can be shown, and replayed without the service.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyvo
from astropy.table import Table
from requests.adapters import BaseAdapter

from xgamma.answers.answer import Answer, answer_frame, parse_count
from xgamma.answers.reuse import KeptAnswers
from xgamma.answers.store import query_key
from xgamma.errors import XgammaError
from xgamma.tables.printable import one_line
from xgamma.tap.endpoint import Endpoint, upload_votable
from xgamma.tap.faults import UnreadableAnswer, is_down, is_too_large, plain_words, retry_after_s
from xgamma.tap.jobs import JobLost
from xgamma.tap.mirror_names import MirrorLacks, Names
from xgamma.tap.patience import Limits, Received
from xgamma.tap.votable import says_overflow, server_info

__all__ = ["KNOWN_CAPS", "ServiceDown", "TapClient", "TapError"]

logger = logging.getLogger("xgamma.tap")

# What servers are known to cut at; an answer of just this size is counted again
KNOWN_CAPS = {2_000, 20_000, 50_000, 100_000, 3_000_000}
_SAY_AFTER_S, _SAY_EVERY_S = 10.0, 30.0
_OF_COLUMNS = ["table", "column", "datatype", "unit", "ucd", "description"]

Adql = str | Callable[[Names], str]


class TapError(XgammaError):
    """A service did not answer, or its answer cannot be trusted; said in one line."""

    def __init__(self, said: str):
        super().__init__(one_line(said))


class ServiceDown(TapError):
    """A service did not answer, however often it was asked: a mirror may."""


class TapClient:
    """One service of an archive, and its mirrors.

    Parameters
    ----------
    name : str
        Which service, for messages: heasarc, gaia, irsa.
    url : str
    mode : {'sync', 'async'}
        A synchronous query that takes too long is asked again as a job.
    upload : bool
        False: the service takes no tables, callers ask position by position.
    mirrors : iterable of mapping
        {name, url, mode, tables}; asked in their order when the service is down.
    answers : path-like, optional
        Folder in which answers are kept.
    replay : bool
        Ask nobody: take the answers that are kept there.
    reuse : bool
        Do not put a question again whose answer is kept there, if a table was made of it.
    mark : True, str or None
        What answers that may be used again are marked with, see `KeptAnswers`.
    adapter : requests.adapters.BaseAdapter, optional
        What sends to `url`; over the network, if it is not given.
    **limits
        The fields of `xgamma.tap.patience.Limits`.

    Attributes
    ----------
    kept : KeptAnswers
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        mode: str = "sync",
        upload: bool = True,
        mirrors: Iterable[Mapping[str, Any]] = (),
        answers: str | Path | None = None,
        replay: bool = False,
        reuse: bool = False,
        mark: str | bool | None = True,
        adapter: BaseAdapter | None = None,
        **limits: float,
    ):
        self.name, self.url, self.mode, self.upload = name, url, mode, upload
        self._limits = Limits(**limits)
        with _said_in_one_line():
            self.kept = KeptAnswers(
                name, url, answers, self._limits, replay=replay, reuse=reuse, mark=mark
            )
        mirrors = list(mirrors)
        # of a replay too: what a mirror has answered is in its names
        self._names = {mirror["name"]: Names(mirror["tables"]) for mirror in mirrors}
        self._endpoints: list[Endpoint] = []
        if not replay:
            self._endpoints.append(Endpoint(name, url, mode, self._limits, adapter=adapter))
            self._endpoints += [
                Endpoint(
                    name, m["url"], m["mode"], self._limits, mirror=m["name"], tables=m["tables"]
                )
                for m in mirrors
            ]
        self._mirrors_held: set[tuple[str, str]] = set()

    def declares_upload(self) -> bool | None:
        """What the capabilities say about uploads; None if they do not say."""
        return None if self.kept.replay else self._endpoints[0].declares_upload()

    def query(self, adql: Adql, uploads: Mapping[str, Table] | None = None) -> Answer:
        """Ask, and give the whole answer or an error.

        Parameters
        ----------
        adql : str or callable
            A function of `Names` that gives the ADQL under a service's names; a mirror can
            only be asked with such.
        uploads : mapping of str to astropy.table.Table, optional
            Sent with the query and seen in it as TAP_UPLOAD.<name>.

        Raises
        ------
        TapError
            If the service does not answer, refuses the query, or cuts the answer, or
            answers with what is no table or costs more than it may.
        """
        sent = {name: upload_votable(table) for name, table in (uploads or {}).items()}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in sent.items()}
        asked = _spelt(adql, Names())
        key = query_key(self.name, self.url, asked, digests)
        with _said_in_one_line():
            kept = self.kept.find(key, asked)
        if kept is not None:
            return kept
        started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
        endpoint, received = self._ask_in_turn(adql, sent)
        with _as_tap_errors(endpoint, asked):
            frame, units = answer_frame(received.result)
        record = {
            "key": key,
            "service": self.name,
            "url": endpoint.url,
            "mirror": endpoint.mirror,
            "mode": received.mode,
            "adql": _spelt(adql, endpoint.names),
            "uploads": digests,
            "rows": len(frame),
            "attempts": endpoint.attempts,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 3),
            "bytes": received.body.bytes,
            "body": received.body.sha256,
            "server": server_info(received.result, received.server),
        }
        self.kept.keep(received.body.stream, record)
        logger.info("%s: %d rows in %.2f s: %s", self.name, len(frame), record["seconds"], asked)
        return Answer(frame, units, record)

    def query_counted(
        self, adql: Adql, count_adql: Adql, uploads: Mapping[str, Table] | None = None
    ) -> Answer:
        """`query`, held against the service's own count of the same rows.

        Raises
        ------
        TapError
            If the numbers differ: an answer cut without saying so, or a table that
            changed in between.
        """
        answer = self.query(adql, uploads)
        if answer.kept and not self.kept.replay and "counted" in answer.record:
            return answer
        counted = self.query(count_adql, uploads)
        expected = self._number(counted)
        who, same = counted.record["url"], answer.record["url"] == counted.record["url"]
        if not same or expected != len(answer.frame):
            raise TapError(
                f"{self.name} ({answer.record['url']}) gave {len(answer.frame)} rows and "
                f"{'counts' if same else f'{who} counts'} {expected}: "
                f"the answer was cut, or the table is changing; run again later. "
                f"The query was: {answer.record['adql']}"
            )
        record = {**answer.record, "counted": expected, "count_key": counted.record["key"]}
        self.kept.update(record)
        return Answer(answer.frame, answer.units, record)

    def columns(self, tables: list[str]) -> Answer:
        """What TAP_SCHEMA says of the columns of `tables`.

        Returns
        -------
        Answer
            table, column, datatype, unit, ucd, description; sorted by table and column; a
            mirror's tables and columns under our names, those that its map lacks left out.
        """

        def adql(names: Names) -> str:
            # some services list a quoted table without its quotes
            spellings = [s for t in tables for s in _spellings(names.table(t))]
            listed = ", ".join(f"'{spelling}'" for spelling in spellings)
            return (
                "SELECT table_name AS table_name, column_name AS column_name, "
                "datatype AS datatype, unit AS unit, ucd AS ucd, description AS description "
                f"FROM TAP_SCHEMA.columns WHERE table_name IN ({listed})"
            )

        answer = self.query(adql)
        frame = answer.frame.rename(columns={"table_name": "table", "column_name": "column"})
        if missing := {*_OF_COLUMNS} - {*frame.columns}:
            raise TapError(
                f"{self.name} ({answer.record['url']}) gave no {', '.join(sorted(missing))} of its "
                f"columns: is its url in the config the right one?"
            )
        frame = frame[_OF_COLUMNS].astype("str")
        # some services give names with the quotes that ADQL would need
        frame["column"] = frame["column"].str.strip('"')
        if answer.record["mirror"]:
            names = self._names.get(answer.record["mirror"])
            if names is None:
                raise TapError(
                    f"kept answers: {self.name}: the mirror {answer.record['mirror']} gave the "
                    f"columns, and its map is no longer in the config"
                )
            ours = {names.table(table).replace('"', ""): table for table in tables}
            frame["table"] = frame["table"].str.replace('"', "").map(ours)
            frame = frame.dropna(subset=["table"])
            frame["column"] = [
                names.ours(table).get(column.lower())
                for table, column in zip(frame["table"], frame["column"], strict=True)
            ]
            frame = frame.dropna(subset=["column"])
        frame = frame.sort_values(["table", "column"], ignore_index=True)
        return dataclasses.replace(answer, frame=frame)

    def _ask_in_turn(self, adql: Adql, sent: Mapping[str, bytes]) -> tuple[Endpoint, Received]:
        """The first answer of the service or, if that is down, of a mirror."""
        said: list[str] = []
        for endpoint in list(self._endpoints):
            try:
                if endpoint.mirror is not None:
                    self._hold_to_release(endpoint, adql)
                spelt = _spelt(adql, endpoint.names)
                with (
                    _say_that_we_wait(endpoint.whom),
                    _as_tap_errors(endpoint, spelt),
                ):
                    received = endpoint.ask(spelt, sent)
                    _refuse_overflow(endpoint, received, spelt)
            except MirrorLacks as error:
                said.append(f"the mirror {endpoint.mirror} is not asked: {error}")
            except ServiceDown as error:
                nor = "nor its mirror: " if endpoint.mirror else ""
                # the service's own words first, whoever was asked first
                said.insert(len(said) if nor else 0, f"{nor}{error}")
                if len(self._endpoints) > 1:
                    logger.warning("%s", error)
            else:
                # the next query goes there at once, and a count to whom it is a count of
                self._endpoints.remove(endpoint)
                self._endpoints.insert(0, endpoint)
                return endpoint, received
        raise ServiceDown("; ".join(said))

    def _hold_to_release(self, endpoint: Endpoint, adql: Adql) -> None:
        """Refuse a mirror whose table has another number of rows than its release has."""
        endpoint.names.used.clear()
        if isinstance(adql, str):
            raise MirrorLacks("the query is written in the first service's names")
        adql(endpoint.names)
        for table in sorted(endpoint.names.used):
            expected = endpoint.names.rows(table)
            if expected is None or (endpoint.url, table) in self._mirrors_held:
                continue
            query = f"SELECT COUNT(*) AS n FROM {endpoint.names.table(table)}"
            with _as_tap_errors(endpoint, query):
                frame, _ = answer_frame(endpoint.ask(query, {}).result)
            found = parse_count(frame)
            if found != expected:
                raise MirrorLacks(
                    f"its table {endpoint.names.table(table)} has {found} rows where the release "
                    f"has {expected}; if that changed, correct the map in the config"
                )
            self._mirrors_held.add((endpoint.url, table))

    def _number(self, answer: Answer) -> int:
        if (number := parse_count(answer.frame)) is None:
            raise TapError(
                f"{self.name} ({answer.record['url']}) gave no number for: {answer.record['adql']}"
            )
        return number


def _spelt(adql: Adql, names: Names) -> str:
    return adql if isinstance(adql, str) else adql(names)


def _spellings(table: str) -> list[str]:
    bare = table.replace('"', "")
    return [table] if bare == table else [table, bare]


def _refuse_overflow(endpoint: Endpoint, received: Received, adql: str) -> None:
    if says_overflow(received.result):
        raise TapError(
            f"{endpoint.whom} cut its answer at {len(received.result)} rows (OVERFLOW); "
            f"the query was: {adql}"
        )


@contextlib.contextmanager
def _said_in_one_line() -> Iterator[None]:
    """Turn an error of ours into a `TapError`."""
    try:
        yield
    except XgammaError as error:
        raise error if isinstance(error, TapError) else TapError(str(error)) from error


@contextlib.contextmanager
def _as_tap_errors(endpoint: Endpoint, adql: str) -> Iterator[None]:
    """Say in one line what became of a query: who, what came, what to do."""
    try:
        with _said_in_one_line():
            yield
    except TapError:
        raise
    except JobLost as error:
        raise ServiceDown(
            f"{endpoint.whom} does not finish the query: {plain_words(error)} (asked "
            f"{_times(endpoint.attempts)}); run again later, or make smaller shards"
        ) from error
    except pyvo.dal.DALQueryError as error:
        raise TapError(
            f"{endpoint.whom} refuses the query: {plain_words(error)}; the query was: {adql}"
        ) from error
    except Exception as error:
        if is_too_large(error) or (isinstance(error, UnreadableAnswer) and not error.passing):
            said = plain_words(error)
            raise TapError(f"{endpoint.whom}: {said}; the query was: {adql}") from error
        asked = f"{endpoint.whom} does not answer: {plain_words(error)}"
        wait = retry_after_s(error)
        if endpoint.time_left() <= 0:
            advice = f"its {endpoint.limits.deadline_s:g} s (tap.deadline_s in the config) are over"
        elif wait:
            advice = f"it asks to wait {wait:.0f} s; run again then"
        else:
            advice = "check its url in the config and the network, or run again later"
        kind = ServiceDown if is_down(error) else TapError
        raise kind(f"{asked} (asked {_times(endpoint.attempts)}); {advice}") from error


def _times(number: int) -> str:
    return f"{number} time{'s' * (number != 1)}"


@contextlib.contextmanager
def _say_that_we_wait(whom: str) -> Iterator[None]:
    """While the block runs long, say so: a silent program looks dead."""
    done = threading.Event()
    start = time.monotonic()

    def speak():
        pause = _SAY_AFTER_S
        while not done.wait(pause):
            logger.warning("waiting for %s, %.0f s so far", whom, time.monotonic() - start)
            pause = _SAY_EVERY_S

    threading.Thread(target=speak, daemon=True).start()
    try:
        yield
    finally:
        done.set()
