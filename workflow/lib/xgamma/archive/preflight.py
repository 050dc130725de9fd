"""Ask each service a little of all that a run needs, in a minute, before the first run.

What fails does not end it: the next question is put, or the next service is asked. Each line says
what a service can do and, where a run would stop, which key of the config mends that.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from xgamma.answers.answer import Answer, parse_count
from xgamma.archive.catalogues import Catalogue, catalogues_of, count_adql, resolve_columns
from xgamma.archive.client import ServiceDown, TapClient, TapError
from xgamma.archive.connect import connect
from xgamma.archive.own_catalogues import look_at_files
from xgamma.archive.run_plan import PUBLISHED_ROWS, SOME_ROWS, Pace, plan
from xgamma.archive.surveys import missing_of_survey, required_of_survey, surveys_of
from xgamma.config.settings import Config
from xgamma.errors import XgammaError
from xgamma.tables.printable import one_line, shortened
from xgamma.tap.mirror_names import bare

__all__ = ["Finding", "preflight"]

# of one question, where the config gives more: a service that needs longer is not judged
_LIMITS = {"timeout_s": 10.0, "sync_timeout_s": 15.0, "deadline_s": 45.0, "attempts": 2}
# after which no more is asked of a service
_SERVICE_S = 60.0

# (table, release) -> how many rows, and where that stands, for releases that are not the usual one
_ROWS_OF_RELEASE = {
    ("fermilpsc", "4FGL-DR3"): (6_659, "4FGL-DR3 has"),
    ("fermilpsc", "FL16Y"): (7_224, "FL16Y has"),
}

# LS 5039, Cyg X-3 and PSR B1259-63: all surveys of the plane have sources around them
_POSITIONS = ((276.5627, -14.8484), (308.1074, 40.9577), (195.6986, -63.8357))
_RADIUS_DEG = 0.03
# numbers that a service which goes by way of floats or rounds would change
_UPLOAD = {
    "target_id": np.array([2**53 + 1, 1, 2], dtype="int64"),
    "target_ra": np.array([position[0] + 1e-13 for position in _POSITIONS]),
    "target_dec": np.array([position[1] for position in _POSITIONS]),
    "radius_deg": np.array([_RADIUS_DEG + 1e-7] * 3),
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the preflight.

    Attributes
    ----------
    kind : {'ok', 'note', 'STOP', 'plan'}
        STOP: a run would stop there.
    place : str
        Service, and table.
    words : str
    changes : tuple of str
        Keys of the config, with the value that they should have.
    """

    kind: str
    place: str
    words: str
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        change = f"; in the config: {', '.join(self.changes)}" if self.changes else ""
        return one_line(f"{self.kind:<4} {self.place}: {self.words}{change}")


class _Line:
    """A finding that is being made: its kind is the gravest of its parts'."""

    def __init__(self, place: str):
        self._place, self._kind = place, "ok"
        self._words: list[str] = []
        self._changes: list[str] = []

    def ok(self, words: str) -> None:
        self._words.append(words)

    def note(self, words: str) -> None:
        self._words.append(words)
        self._kind = "STOP" if self._kind == "STOP" else "note"

    def stop(self, words: str, *changes: str) -> None:
        self._words.append(words)
        self._changes += changes
        self._kind = "STOP"

    def failed(self, what: str, error: XgammaError, *changes: str) -> None:
        """A question that got no answer: a run stops there, unless there was too little time."""
        reason = _reason(error)
        if _is_late(error):
            self.note(f"{what}: not known, {reason}")
        elif isinstance(error, ServiceDown):
            self.stop(f"{what}: {reason}; ask again later", *(f"{c}, if it stays" for c in changes))
        else:
            self.stop(f"{what}: {reason}", *changes)

    def finding(self) -> Finding:
        words = "; ".join(self._words)
        return Finding(self._kind, self._place, words, tuple(dict.fromkeys(self._changes)))


class _NotAsked(XgammaError):
    """The service has had all the time that it gets."""


class _Asker:
    """Asks one service in one mode, until its time is over."""

    def __init__(self, client: TapClient, end: float):
        self.client, self._end = client, end

    def timed(self, action: Callable[[], Answer]) -> tuple[Answer, float]:
        """What `action` gives, and how many seconds it took.

        Raises
        ------
        XgammaError
            Of the client; `_NotAsked` if there is no time.
        """
        start = time.monotonic()
        if start > self._end:
            raise _NotAsked(f"its {_SERVICE_S:.0f} s were over")
        return action(), time.monotonic() - start

    def query(self, adql: str, uploads: Mapping[str, Any] | None = None) -> tuple[Answer, float]:
        return self.timed(lambda: self.client.query(adql, uploads))


def preflight(
    settings: Config, surveys: Mapping[str, Mapping[str, Any]], sky: str | None = None
) -> Iterator[Finding]:
    """Try what a run needs of its services; nothing is kept, and no job is left there.

    Parameters
    ----------
    settings : Config
    surveys : mapping
        Survey -> its settings, see `xgamma.archive.surveys`.
    sky : str, optional
        As `xgamma.archive.connect.connect` takes it.

    Yields
    ------
    Finding
        Of each service and each table, as soon as it is known; at the end of the plan: how many
        requests a run makes, and how long it may take.
    """
    pace = Pace()
    yield from (Finding(kind, place, words) for kind, place, words in look_at_files(settings))
    # what nearly all rests on comes first, whatever the order of the config
    others = sorted(settings.services.keys() - {settings.catalogs_service})
    for service in (settings.catalogs_service, *others):
        own_surveys = {n: s for n, s in surveys.items() if surveys_of(service, {n: s})}
        if service == settings.catalogs_service or own_surveys:
            yield from _of_service(settings, service, own_surveys, sky, pace)
    yield Finding("plan", "run", plan(settings, surveys, pace))


def _of_service(
    settings: Config,
    service: str,
    surveys: Mapping[str, Mapping[str, Any]],
    sky: str | None,
    pace: Pace,
) -> Iterator[Finding]:
    line, block = _Line(service), f"archives.{settings.archive}.services.{service}"
    known = catalogues_of(settings.spelt_tables(service)).values()
    is_catalogs = service == settings.catalogs_service
    catalogues = [c for c in known if is_catalogs and c.table not in settings.catalogs]
    tables = sorted({c.table for c in catalogues} | {s["table"] for s in surveys.values()})
    asker, described = _reach(settings, service, tables, sky, pace, line)
    if asker is None:
        yield line.finding()
        return
    # a file's Fermi sources go up to be joined
    around = bool(surveys) or bool(
        catalogues and (settings.sources or "fermilpsc" in settings.catalogs)
    )
    uploads = around and settings.services[service].upload
    if uploads:
        uploads = _try_upload(asker, block, line)
    yield line.finding()
    available = {
        table: described.loc[described["table"] == table, "column"].tolist() for table in tables
    }
    for catalogue in catalogues:
        yield _of_catalogue(settings, asker, catalogue, available[catalogue.table], block, pace)
    if all(available.get(name) for name in ("csc", "fermilpsc")):
        yield _of_join(asker)
    for name, survey in surveys.items():
        yield _of_survey(asker, name, survey, available[survey["table"]], uploads, pace)


def _client(settings: Config, service: str, mode: str, sky: str | None) -> TapClient:
    """A client of the service alone, in one mode, with little patience."""
    archive = settings.archives[settings.archive]
    configured = dataclasses.replace(settings.services[service], mode=mode, mirrors=())
    limits = {key: min(most, getattr(settings.tap, key)) for key, most in _LIMITS.items()}
    brief = dataclasses.replace(
        settings,
        archives={settings.archive: dataclasses.replace(archive, services={service: configured})},
        tap=dataclasses.replace(settings.tap, **limits),
    )
    return connect(brief, service, sky)


def _reach(
    settings: Config, service: str, tables: list[str], sky: str | None, pace: Pace, line: _Line
) -> tuple[_Asker | None, pd.DataFrame | None]:
    """Whoever can ask the service, in the config's mode if that works, and its tables' columns."""
    configured = settings.services[service]
    block, end = f"archives.{settings.archive}.services.{service}", time.monotonic() + _SERVICE_S
    reached: dict[str, tuple[_Asker, Answer, float]] = {}
    failed: dict[str, XgammaError] = {}
    other = {"sync": "async", "async": "sync"}[configured.mode]
    for mode in (configured.mode, other):
        asker = _Asker(_client(settings, service, mode, sky), end)
        try:
            answer, seconds = asker.timed(lambda asker=asker: asker.client.columns(tables))
        except XgammaError as error:
            failed[mode] = error
            # a sync query that gets no answer has been asked as a job
            if error.unreachable or (mode == "sync" and _is_late(error)):
                break
        else:
            # a sync query that is too slow is asked as a job
            if answer.record["mode"] == mode:
                reached[mode] = asker, answer, seconds
            else:
                failed[mode] = TapError("too slow")
    if not reached:
        error = failed[configured.mode]
        no_network = ", or this machine has no network" if error.unreachable else ""
        line.stop(
            f"no answer from {configured.url}: {_reason(error)}{no_network}",
            f"{block}.url, if that is not where it is (snakemake --cores 1 discover_services "
            f"--config archive={settings.archive} lists where services are)",
        )
        return None, None
    mode = configured.mode if configured.mode in reached else other
    asker, answer, seconds = reached[mode]
    pace.request_s[service] = seconds
    line.ok(f"{configured.url} answers in {seconds:.1f} s")
    if mode != configured.mode:
        line.stop(
            f"{mode} works, {configured.mode} does not: {_reason(failed[configured.mode])}",
            f"{block}.mode: {mode}",
        )
    elif other in reached:
        line.ok("sync and async work")
    elif mode == "sync":
        line.note(
            f"sync works, async does not: {_reason(failed[other])}; queries that take longer than "
            f"tap.sync_timeout_s would fail"
        )
    else:
        line.ok(f"async works, sync, which is not used, does not: {_reason(failed[other])}")
    return asker, answer.frame


def _is_late(error: XgammaError) -> bool:
    """Whether there was too little time: of a client, only a job's deadline is no `TapError`."""
    return not isinstance(error, TapError) or "timed out" in error.reason


def _reason(error: XgammaError) -> str:
    """What came, in a few words, without what the client advises a run to do."""
    reason = error.reason if isinstance(error, TapError) else str(error).split(";")[0]
    return shortened(reason, 200)


def _try_upload(asker: _Asker, block: str, line: _Line) -> bool:
    """Whether three rows come back as they were sent."""
    select = ", ".join(f"t.{name} AS {name}" for name in _UPLOAD)
    change = f"{block}.upload: false"
    try:
        answer, seconds = asker.query(
            f"SELECT {select} FROM TAP_UPLOAD.targets AS t", {"targets": _UPLOAD}
        )
    except XgammaError as error:
        line.failed("an upload of three rows", error, change)
        return False
    frame, rows = answer.frame, len(_UPLOAD["target_id"])
    if len(frame) != rows:
        line.stop(f"of an upload of {rows} rows {len(frame)} came back", change)
        return False
    for name, sent in _UPLOAD.items():
        came = frame[name].tolist() if name in frame else []
        if sorted(came, key=str) != sorted(sent.tolist(), key=str):
            line.stop(f"an upload came back changed: {name} {came} for {sent.tolist()}", change)
            return False
    line.ok(f"an upload of {rows} rows came back whole in {seconds:.1f} s")
    return True


def _of_catalogue(
    settings: Config,
    asker: _Asker,
    catalogue: Catalogue,
    available: list[str],
    block: str,
    pace: Pace,
) -> Finding:
    """The columns and the number of rows of one of the catalogues."""
    line = _Line(f"{asker.client.name} {catalogue.table}")
    if not available:
        line.stop("its TAP_SCHEMA lists no such table", f"{block}.url, if that is another's")
        return line.finding()
    names = asker.client.names
    resolved = resolve_columns(catalogue, available)
    lacking = {c.name: c.required for c in catalogue.columns if resolved.get(c.name, "") is None}
    if needed := [name for name, required in lacking.items() if required]:
        line.stop(
            f"lacks {', '.join(needed)}, without which there is no run: a key of the config "
            f"cannot mend that, an archive that has them can"
        )
    _say_columns(
        line, len(resolved), [name for name in lacking if name not in needed], bool(needed)
    )
    try:
        answer, _ = asker.query(count_adql(catalogue, names))
    except XgammaError as error:
        line.failed("its number of rows", error)
        return line.finding()
    release = catalogue.table, settings.release_of(catalogue.table, asker.client.name)
    published = _ROWS_OF_RELEASE.get(release, PUBLISHED_ROWS[catalogue.table])
    if catalogue.table in settings.spelt_tables(asker.client.name):
        published = None, ""
    _say_rows(line, published, parse_count(answer.frame), settings.simulated)
    if not settings.sources or catalogue.table == "fermilpsc":
        pace.catalogue_rows += parse_count(answer.frame) or 0
    if catalogue.table == "csc" and not needed:
        columns = ", ".join(names.column("csc", one) for one in resolved.values() if one)
        try:
            answer, seconds = asker.query(
                f"SELECT TOP {SOME_ROWS} {columns} FROM {names.table('csc')}"
            )
        except XgammaError as error:
            line.failed(f"its first {SOME_ROWS:,} rows", error)
        else:
            more_s = max(0.0, seconds - pace.request_s[settings.catalogs_service])
            pace.row_s = more_s / max(1, len(answer.frame))
    return line.finding()


def _say_columns(line: _Line, number: int, optional: list[str], needed: bool) -> None:
    if optional:
        line.note(f"lacks the optional {', '.join(optional)}: null in the products")
    elif not needed:
        line.ok(f"all {number} columns")


def _say_rows(
    line: _Line, known: tuple[int | None, str], rows: int | None, simulated: bool
) -> None:
    published, words = known
    if not rows:
        line.stop("it is empty" if rows == 0 else "its number of rows is no number")
    elif simulated:
        line.ok(f"{rows:,} rows, simulated")
    elif published is None:
        line.ok(f"{rows:,} rows ({words})" if words else f"{rows:,} rows")
    elif rows == published:
        line.ok(f"{rows:,} rows, as many as {words}")
    else:
        line.note(f"{rows:,} rows where {words} {published:,}: another release, or not all of it")


def _of_join(asker: _Asker) -> Finding:
    """A few rows of the join on which the run rests."""
    line = _Line(f"{asker.client.name} csc, fermilpsc")
    names = asker.client.names
    tables = {"f": "fermilpsc", "c": "csc"}

    def column(alias: str, name: str) -> str:
        return f"{alias}.{names.column(tables[alias], name)}"

    radius = column("f", "semi_major_axis_95")
    listed = ", ".join(f"{names.table(table)} AS {alias}" for alias, table in tables.items())
    try:
        _, seconds = asker.query(
            f"SELECT TOP 3 {column('f', 'name')} AS fermi_name, {column('c', 'name')} AS csc_name"
            f" FROM {listed} WHERE {column('f', 'bii')} BETWEEN -1.0 AND 1.0 AND {radius} > 0"
            f" AND CONTAINS(POINT('ICRS', {column('c', 'ra')}, {column('c', 'dec')}),"
            f" CIRCLE('ICRS', {column('f', 'ra')}, {column('f', 'dec')}, {radius})) = 1"
        )
    except XgammaError as error:
        line.failed("their join by position", error)
    else:
        line.ok(f"their join by position, three rows of it, took {seconds:.1f} s")
    return line.finding()


def _of_survey(
    asker: _Asker,
    name: str,
    survey: Mapping[str, Any],
    available: list[str],
    uploads: bool,
    pace: Pace,
) -> Finding:
    """The columns of a survey's table, and three of its rows, asked for as the run does."""
    service, table = survey["service"], survey["table"]
    line = _Line(f"{service} {table} ({name})")
    if not available:
        line.stop("its TAP_SCHEMA lists no such table", f"surveys.{name}.table")
        return line.finding()
    lower = {column.lower() for column in available}
    names = asker.client.names
    needed = [column for column in required_of_survey(survey) if column.lower() not in lower]
    if needed:
        line.stop(f"lacks {', '.join(needed)}", *_mend(name, survey, needed))
    missing = missing_of_survey(survey, {(service, table): available})
    _say_columns(line, 3 + len(survey["columns"]), missing, bool(needed))
    if needed:
        return line.finding()
    position = {survey[axis] for axis in ("ra", "dec")}
    extra = [c for c in survey["columns"] if c not in missing and c not in position]
    columns = dict.fromkeys((survey["id"], survey["ra"], survey["dec"], *extra))
    select = ", ".join(
        f"s.{names.column(table, column)} AS column_{i}" for i, column in enumerate(columns)
    )
    place = ", ".join(f"s.{names.column(table, survey[axis])}" for axis in ("ra", "dec"))
    ra, dec = _POSITIONS[0]
    joined = ", TAP_UPLOAD.targets AS t" if uploads else ""
    circle = "t.target_ra, t.target_dec, t.radius_deg" if uploads else f"{ra}, {dec}, {_RADIUS_DEG}"
    try:
        answer, seconds = asker.query(
            f"SELECT TOP 3 {select} FROM {names.table(table)} AS s{joined} WHERE 1 = CONTAINS("
            f"POINT('ICRS', {place}), CIRCLE('ICRS', {circle}))",
            {"targets": _UPLOAD} if uploads else None,
        )
    except XgammaError as error:
        line.failed("three rows around a position", error)
        return line.finding()
    asked = len(_POSITIONS) if uploads else 1
    more_s = max(0.0, seconds - pace.request_s[service])
    pace.target_s[service] = pace.target_s.get(service, 0.0) + more_s / asked
    if len(answer.frame):
        line.ok(f"{len(answer.frame)} rows around {asked} positions in {seconds:.1f} s")
    else:
        line.note(
            f"no row around {asked} positions in the plane: right for a sparse catalogue only"
        )
    return line.finding()


def _mend(name: str, survey: Mapping[str, Any], needed: list[str]) -> Iterator[str]:
    """The keys of the config that name columns which are not there."""
    if bare(survey["id"]) in needed:
        yield f"surveys.{name}.id: a column that it has"
    if {bare(survey["ra"]), bare(survey["dec"])} & {*needed}:
        yield f"surveys.{name}.position: two columns that it has"
    if more := [column for column in survey["columns"] if bare(column) in needed]:
        optional = ", ".join([*survey.get("optional", ()), *more])
        yield f"surveys.{name}.optional: [{optional}]"
