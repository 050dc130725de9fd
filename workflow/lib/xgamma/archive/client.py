"""The client of a service of an archive and its mirrors, by which all is asked.

It asks again where a fault passes, asks a mirror where the service is down, and gives an error
instead of a table wherever an answer may be cut short. What it is told is kept, so that it can be
shown, and replayed without the service.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
from requests.adapters import BaseAdapter

from xgamma.answers.answer import Answer, answer_rows, parse_count
from xgamma.answers.reuse import KeptAnswers
from xgamma.answers.store import query_key
from xgamma.errors import XgammaError
from xgamma.tables.printable import one_line
from xgamma.tap.endpoint import Endpoint, upload_votable
from xgamma.tap.faults import (
    QueryError,
    UnreadableAnswer,
    is_down,
    is_too_large,
    is_unreachable,
    plain_words,
    retry_after_s,
)
from xgamma.tap.jobs import JobLost
from xgamma.tap.mirror_names import MirrorLacks, Names, bare
from xgamma.tap.patience import Limits, Received
from xgamma.tap.votable import log_notes, says_overflow, server_info

__all__ = ["KNOWN_CAPS", "ServiceDown", "TapClient", "TapError"]

logger = logging.getLogger("xgamma.tap")

# Numbers of rows at which services are known to cut: such an answer has to be counted
KNOWN_CAPS = {2_000, 20_000, 50_000, 100_000, 3_000_000}
_FIRST_NOTICE_S, _NEXT_NOTICE_S = 10.0, 30.0
_COLUMN_FIELDS = ["table", "column", "datatype", "unit", "ucd", "description"]

Adql = str | Callable[[Names], str]


class TapError(XgammaError):
    """A service did not answer, or its answer cannot be trusted; in one line.

    Attributes
    ----------
    reason : str
        What came in place of an answer, without whom was asked and what to do; the message, if
        that is all.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))
        self.reason = str(self)


class ServiceDown(TapError):
    """A service did not answer, however often it was asked: a mirror may."""


class TapClient:
    """The client of one service of an archive and of its mirrors.

    Parameters
    ----------
    name : str
        Which service, as the config calls it.
    url : str
    mode : {'sync', 'async'}
        A synchronous query that takes too long is asked again as a job.
    upload : bool
        False: the service takes no tables, callers ask position by position.
    tables : mapping, optional
        How the service spells tables and columns that the config calls otherwise, as
        `xgamma.tap.mirror_names.Names` takes it.
    mirrors : iterable of mapping
        {name, url, mode, tables}; asked in their order when the service is down.
    answers : path-like, optional
        Folder in which answers are kept.
    replay : bool
        Ask nobody: take the answers that are kept there.
    reuse : bool
        Do not put a question again whose answer is kept there, if a table was made of it.
    trust_mark : True, str or None
        What answers that may be used again are marked with, see `KeptAnswers`.
    adapter : requests.adapters.BaseAdapter, optional
        What sends to `url`; over the network, if it is not given.
    **limits
        The fields of `xgamma.tap.patience.Limits`.

    Attributes
    ----------
    kept : KeptAnswers

    Raises
    ------
    XgammaError
        If a replay has no folder.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        mode: str = "sync",
        upload: bool = True,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
        mirrors: Iterable[Mapping[str, Any]] = (),
        answers: str | Path | None = None,
        replay: bool = False,
        reuse: bool = False,
        trust_mark: str | bool | None = True,
        adapter: BaseAdapter | None = None,
        **limits: float,
    ):
        self.name, self.url, self.upload = name, url, upload
        self._limits = Limits(**limits)
        if tables and trust_mark is not None:
            # rows of the columns that another map named are not used again
            text = json.dumps([trust_mark, tables], sort_keys=True)
            trust_mark = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.kept = KeptAnswers(
            name, url, answers, self._limits, replay=replay, reuse=reuse, trust_mark=trust_mark
        )
        mirrors = list(mirrors)
        # whose answer it is -> its names; of a replay too
        self._names: dict[str | None, Names] = {None: Names(tables, others_too=True)}
        self._names |= {mirror["name"]: Names(mirror["tables"]) for mirror in mirrors}
        self._endpoints: list[Endpoint] = []
        if not replay:
            self._endpoints.append(
                Endpoint(name, url, mode, self._limits, names=self._names[None], adapter=adapter)
            )
            self._endpoints += [
                Endpoint(
                    name,
                    mirror["url"],
                    mirror["mode"],
                    self._limits,
                    mirror=mirror["name"],
                    names=self._names[mirror["name"]],
                )
                for mirror in mirrors
            ]
        self._counted_mirrors: set[tuple[str, str]] = set()

    @property
    def names(self) -> Names:
        """How the configured service spells tables and columns."""
        return self._names[None]

    def declares_upload(self) -> bool | None:
        """What the capabilities say about uploads; None if they do not say."""
        return None if self.kept.replay else self._endpoints[0].declares_upload()

    def query(self, adql: Adql, uploads: Mapping[str, Mapping[str, Any]] | None = None) -> Answer:
        """Ask, and give the whole answer or an error.

        Parameters
        ----------
        adql : str or callable
            A function of `Names` that gives the ADQL under a service's names; a mirror can
            only be asked with such.
        uploads : mapping, optional
            Name -> table of numbers: a frame, or column -> values. Sent with the query and
            seen in it as TAP_UPLOAD.<name>.

        Raises
        ------
        TapError
            If the service does not answer, refuses the query, or cuts the answer, or
            answers with what is no table or costs more than it may.
        XgammaError
            If this is a replay, and the answer is not there.
        """
        votables = {name: upload_votable(table) for name, table in (uploads or {}).items()}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in votables.items()}
        asked = _spelt(adql, self._names[None])
        key = query_key(self.name, self.url, asked, digests)
        if (kept := self.kept.find(key, asked)) is not None:
            return kept
        started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
        endpoint, received = self._ask_in_turn(adql, votables)
        with _as_tap_errors(endpoint, asked):
            rows, units = answer_rows(received.result)
            log_notes(self.name, received.result, asked)
        record = {
            "key": key,
            "service": self.name,
            "url": endpoint.url,
            "mirror": endpoint.mirror,
            "mode": received.mode,
            "adql": _spelt(adql, endpoint.names),
            "uploads": digests,
            "rows": len(rows),
            "attempts": endpoint.attempts,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 3),
            "bytes": received.body.bytes,
            "body": received.body.sha256,
            "server": server_info(received.result, received.server),
        }
        self.kept.keep(received.body.stream, record)
        logger.info("%s: %d rows in %.2f s: %s", self.name, len(rows), record["seconds"], asked)
        return Answer(rows, units, record)

    def query_counted(
        self, adql: Adql, count_adql: Adql, uploads: Mapping[str, Mapping[str, Any]] | None = None
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
        expected = self._count(counted)
        url, counted_url = answer.record["url"], counted.record["url"]
        if counted_url != url or expected != len(answer.rows):
            raise TapError(
                f"{self.name} ({url}) gave {len(answer.rows)} rows and "
                f"{'counts' if counted_url == url else f'{counted_url} counts'} {expected}: "
                f"the answer was cut, or the table is changing; run again later. "
                f"The query was: {answer.record['adql']}"
            )
        record = {**answer.record, "counted": expected, "count_key": counted.record["key"]}
        self.kept.update(record)
        return dataclasses.replace(answer, record=record)

    def columns(self, tables: list[str]) -> Answer:
        """What TAP_SCHEMA says of the columns of `tables`.

        Parameters
        ----------
        tables : list of str
            As the configured service calls them.

        Returns
        -------
        Answer
            table, column, datatype, unit, ucd, description; sorted by table and column; a
            mirror's tables and columns under the configured service's names, those that its map
            lacks left out.

        Raises
        ------
        TapError
            As `query`; if there is no such list; if a mirror's map is no longer in the config.
        """

        def adql(names: Names) -> str:
            spellings = [s for table in tables for s in _spellings(names.table(table))]
            escaped = (spelling.replace("'", "''") for spelling in spellings)
            listed = ", ".join(f"'{spelling}'" for spelling in escaped)
            return (
                "SELECT table_name AS table_name, column_name AS column_name, "
                "datatype AS datatype, unit AS unit, ucd AS ucd, description AS description "
                f"FROM TAP_SCHEMA.columns WHERE table_name IN ({listed})"
            )

        answer = self.query(adql)
        frame = answer.frame.rename(columns={"table_name": "table", "column_name": "column"})
        if missing := {*_COLUMN_FIELDS} - {*frame.columns}:
            raise TapError(
                f"{self.name} ({answer.record['url']}) gave no {', '.join(sorted(missing))} of its "
                f"columns: is its url in the config the right one?"
            )
        frame = frame[_COLUMN_FIELDS].astype("str")
        frame = self._in_configured_names(answer.record["mirror"], frame, tables)
        frame = frame.sort_values(["table", "column"], ignore_index=True)
        return dataclasses.replace(answer, rows=frame)

    def _in_configured_names(
        self, mirror: str | None, frame: pd.DataFrame, tables: list[str]
    ) -> pd.DataFrame:
        """A list of columns under the names that the config has of tables and columns."""
        names = self._names.get(mirror)
        if names is None:
            raise TapError(
                f"kept answers: {self.name}: the mirror {mirror} gave the columns, and its map is "
                f"no longer in the config"
            )
        configured = {bare(names.table(table)): table for table in tables}
        # some services give names with the quotes that ADQL would need, others without
        in_config = [configured.get(bare(table), bare(table)) for table in frame["table"]]
        frame = frame.assign(table=pd.Series(in_config, frame.index, dtype="str"))
        if mirror:
            frame = frame[frame["table"].isin(tables)]
        columns = [
            names.configured_column(table, bare(column))
            for table, column in zip(frame["table"], frame["column"], strict=True)
        ]
        # not a list: an empty one has no type
        frame = frame.assign(column=pd.Series(columns, frame.index, dtype="str"))
        return frame.dropna(subset=["column"])

    def _ask_in_turn(self, adql: Adql, uploads: Mapping[str, bytes]) -> tuple[Endpoint, Received]:
        """The answer of the service or, if that is down, of the first mirror that gives one."""
        failures: list[str] = []
        reason = ""  # of the service itself
        hosts: list[tuple[str, ...]] = []  # of each that is down, if there is no way to it
        for endpoint in list(self._endpoints):
            try:
                if endpoint.mirror is not None:
                    self._check_release(endpoint, adql)
                spelt = _spelt(adql, endpoint.names)
                with _warn_while_waiting(endpoint.whom), _as_tap_errors(endpoint, spelt):
                    received = endpoint.ask(spelt, uploads)
                    _refuse_overflow(endpoint, received, spelt)
            except MirrorLacks as error:
                failures.append(f"the mirror {endpoint.mirror} is not asked: {error}")
            except ServiceDown as error:
                if endpoint.mirror:
                    failures.append(f"nor its mirror: {error}")
                else:
                    # the service comes first, whoever was asked first
                    failures.insert(0, str(error))
                    reason = error.reason
                hosts.append(error.unreachable)
                if len(self._endpoints) > 1:
                    # where there is a network, it is said when a mirror has answered
                    logger.log(logging.INFO if error.unreachable else logging.WARNING, "%s", error)
            else:
                if any(hosts):
                    logger.warning("%s", failures[0])
                # the next query goes there at once, and a count to whom it is a count of
                self._endpoints.remove(endpoint)
                self._endpoints.insert(0, endpoint)
                return endpoint, received
        down = ServiceDown("; ".join(failures))
        down.reason = reason or down.reason
        if all(hosts):
            down.unreachable = tuple(host for of_one in hosts for host in of_one)
        raise down

    def _check_release(self, endpoint: Endpoint, adql: Adql) -> None:
        """Refuse a mirror whose table has another number of rows than its release has."""
        endpoint.names.used.clear()
        if isinstance(adql, str):
            raise MirrorLacks("the query is written in the first service's names")
        adql(endpoint.names)
        for table in sorted(endpoint.names.used):
            expected = endpoint.names.rows(table)
            if expected is None or (endpoint.url, table) in self._counted_mirrors:
                continue
            query = f"SELECT COUNT(*) AS n FROM {endpoint.names.table(table)}"
            with _as_tap_errors(endpoint, query):
                counted, _ = answer_rows(endpoint.ask(query, {}).result)
            rows = parse_count(counted.frame())
            if rows != expected:
                raise MirrorLacks(
                    f"its table {endpoint.names.table(table)} has {rows} rows where the release "
                    f"has {expected}; if that changed, correct the map in the config"
                )
            self._counted_mirrors.add((endpoint.url, table))

    def _count(self, answer: Answer) -> int:
        if (number := parse_count(answer.frame)) is None:
            raise TapError(
                f"{self.name} ({answer.record['url']}) gave no number for: {answer.record['adql']}"
            )
        return number


def _spelt(adql: Adql, names: Names) -> str:
    return adql if isinstance(adql, str) else adql(names)


def _spellings(table: str) -> list[str]:
    """A table as ADQL needs it, and without quotes, as some services list it."""
    return list(dict.fromkeys((table, bare(table))))


def _refuse_overflow(endpoint: Endpoint, received: Received, adql: str) -> None:
    if says_overflow(received.result):
        raise TapError(
            f"{endpoint.whom} cut its answer at {len(received.result)} rows (OVERFLOW); "
            f"the query was: {adql}"
        )


@contextlib.contextmanager
def _as_tap_errors(endpoint: Endpoint, adql: str) -> Iterator[None]:
    """Turn whatever the block raises over a query into a `TapError`."""
    try:
        yield
    except XgammaError:
        raise  # it says what became of the query
    except Exception as error:
        raise _tap_error(error, endpoint, adql) from error


def _tap_error(error: Exception, endpoint: Endpoint, adql: str) -> TapError:
    """What became of a query, in one line: who was asked, what came, what to do."""
    whom, reason = endpoint.whom, plain_words(error)
    asked = f"(asked {endpoint.attempts} time{'s' * (endpoint.attempts != 1)})"
    if isinstance(error, JobLost):
        return ServiceDown(
            f"{whom} does not finish the query: {reason} {asked}; run again later, or make "
            f"smaller shards"
        )
    if isinstance(error, QueryError):
        refused = TapError(f"{whom} refuses the query: {reason}; the query was: {adql}")
        refused.reason = reason
        return refused
    if is_too_large(error) or (isinstance(error, UnreadableAnswer) and not error.passing):
        return TapError(f"{whom}: {reason}; the query was: {adql}")
    wait_s = retry_after_s(error)
    if endpoint.time_left() <= 0:
        advice = f"its {endpoint.limits.deadline_s:g} s (tap.deadline_s in the config) are over"
    elif wait_s:
        advice = f"it asks to wait {wait_s:.0f} s; run again then"
    else:
        advice = "check its url in the config and the network, or run again later"
    kind = ServiceDown if is_down(error) else TapError
    described = kind(f"{whom} does not answer: {reason} {asked}; {advice}")
    described.reason = reason
    if is_unreachable(error):
        described.unreachable = (urlsplit(endpoint.url).hostname or endpoint.url,)
    return described


@contextlib.contextmanager
def _warn_while_waiting(whom: str) -> Iterator[None]:
    """While the block runs long, warn now and then: a silent program looks dead."""
    done = threading.Event()
    start = time.monotonic()

    def warn() -> None:
        pause = _FIRST_NOTICE_S
        while not done.wait(pause):
            logger.warning("waiting for %s, %.0f s so far", whom, time.monotonic() - start)
            pause = _NEXT_NOTICE_S

    threading.Thread(target=warn, daemon=True).start()
    try:
        yield
    finally:
        done.set()
