"""Messages of a job: all of them to its log, one line to the user, an error to the end of the run.

A job that fails leaves a small JSON file beside its log, `X.error.json` beside `X.log`, from which
the end of the run says what failed. An attempt that follows removes it at its start.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xgamma.errors import XgammaError
from xgamma.run.lineage import note_lineage
from xgamma.run.places import results_folder
from xgamma.tables.printable import one_line, printable, shortened
from xgamma.tables.whole_files import write_json

__all__ = ["failures", "for_user", "job", "leave_garbage", "unreachable_hosts"]

# Characters of a message to the user; the log has all of it.
_LONGEST_MESSAGE = 2000

_ERROR_FILE = ".error.json"


class _OneLine(logging.Formatter):
    """One line per message, whatever the data in it hold; tracebacks stand indented below."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei) -> str:
        # an exception's own text may have line breaks: none of its lines looks like a message
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"    {printable(line)}" for line in lines)


def for_user(message: object) -> str:
    """Give a message as the user sees it: one line that names the program, not too long."""
    return shortened(f"xgamma: {one_line(message)}", _LONGEST_MESSAGE)


class _ForUser(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return for_user(record.getMessage())


class _Terminated(BaseException):
    """SIGTERM came. Not an Exception, so that nothing takes it for a failure to retry."""


def _terminate(_signal: int, _frame: object) -> None:
    raise _Terminated


def _words_of(error: Exception) -> str:
    """An error in one line: what it is and, where the user can mend it, how."""
    if isinstance(error, XgammaError):
        return one_line(error)
    # packages have exceptions of their own for a full disk
    full = "No space left on device" in str(error)
    way_out = "; free some space there, and give the same command again" if full else ""
    if isinstance(error, OSError):
        # a full disk or a folder that may not be written to is the user's to mend
        file = f": {error.filename}" if error.filename else ""
        return one_line(f"{error.strerror or error}{file}{way_out}")
    kind = type(error).__name__ if full else f"unforeseen {type(error).__name__}"
    return f"{kind}: {shortened(one_line(error), _LONGEST_MESSAGE // 2)}{way_out}"


def _where_to_look(error: Exception, log_path: str) -> str:
    """What the log has beside the error's words."""
    if isinstance(error, XgammaError):
        return ""
    return f" (log: {log_path})" if isinstance(error, OSError) else f" (traceback in {log_path})"


def _error_path(log_path: str | Path) -> Path:
    return Path(log_path).with_suffix(_ERROR_FILE)


def _keep_error(log_path: str, words: str, unreachable: tuple[str, ...]) -> bool:
    """Write the error for the end of the run; False if the line to the user must do."""
    record = {"error": words, "unreachable": unreachable}
    try:
        write_json(_error_path(log_path), record)
    except OSError:  # a full disk
        return False
    return True


def leave_garbage() -> None:
    """Look no more for garbage in what there is by now, which takes a tenth of a short job.

    For when the packages are loaded, and when the process ends. What is not collected DuckDB takes
    for a leak, and says so at length; and mocpy's maps go when mocpy has gone, and say so.
    """
    if {"duckdb", "mocpy"} & sys.modules.keys():
        gc.unfreeze()
    else:
        gc.freeze()


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[Path]:
    """Note what the job makes from what; send the library's messages to its log.

    An error ends the job with status 1 and one line; where there is no way to the services, the
    end of the run has that line, once for all jobs.

    Waiting for a service is also said on standard error, since a silent program looks
    dead; the traceback of an unforeseen error goes to the log only. A job that is told to
    stop (Ctrl-C, SIGTERM) cleans up, says so, and ends with status 130 or 143.

    Parameters
    ----------
    snakemake
        What Snakemake gives a script; used are its `log`, `input` and `output`.

    Yields
    ------
    Path
        The archive's folder, in which the job's log and products lie.
    """
    leave_garbage()
    gc.enable()  # it waits for this since `xgamma/__init__.py`
    atexit.register(leave_garbage)
    log_path = snakemake.log[0]
    results = results_folder(log_path)
    # a log that cannot be written (full disk) is no reason for tracebacks of logging itself
    logging.raiseExceptions = False
    logger = logging.getLogger("xgamma")
    logger.setLevel(logging.INFO)
    try:
        Path(log_path).parent.mkdir(parents=True, exist_ok=True)
        _error_path(log_path).unlink(missing_ok=True)  # of an earlier attempt
        to_file = logging.FileHandler(log_path, mode="w", encoding="utf-8")
    except OSError as error:
        sys.exit(for_user(f"the log {log_path} cannot be written: {error.strerror or error}"))
    to_file.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    to_user = logging.StreamHandler(sys.stderr)
    to_user.setLevel(logging.WARNING)
    to_user.setFormatter(_ForUser())
    logger.handlers = [to_file, to_user]
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(to_file)
    # without this, SIGTERM leaves half-written files, and jobs at the services
    signal.signal(signal.SIGTERM, _terminate)
    try:
        if snakemake.output:
            job_name = Path(log_path).relative_to(results / "logs").with_suffix("")
            note_lineage(results, job_name, snakemake.input, snakemake.output)
        yield results
    except KeyboardInterrupt:
        logger.warning("interrupted (log: %s)", log_path)
        sys.exit(128 + signal.SIGINT)
    except _Terminated:
        logger.warning("terminated (log: %s)", log_path)
        sys.exit(128 + signal.SIGTERM)
    except Exception as error:
        words, foreseen = _words_of(error), isinstance(error, XgammaError)
        # the user gets the words once, below
        to_user.setLevel(logging.CRITICAL)
        logger.error("%s", words, exc_info=not foreseen)
        unreachable = error.unreachable if isinstance(error, XgammaError) else ()
        is_kept = _keep_error(log_path, words, unreachable)
        if unreachable and is_kept:
            sys.exit(1)
        sys.exit(for_user(words + _where_to_look(error, log_path)))


def failures(logs: str | Path, since: float) -> dict[str, str]:
    """Give the jobs of a run whose last attempt failed, each with its error.

    Jobs that were stopped are not among them, nor those that were killed: these cannot tell.

    Parameters
    ----------
    logs : path-like
        Folder of the jobs' logs.
    since : float
        When the run began, in seconds since the epoch: older errors are of other runs.

    Returns
    -------
    dict
        Log, relative to the folder and without its ending -> the error in one line; sorted.
    """
    return {job_name: record["error"] for job_name, record in _error_records(logs, since).items()}


def unreachable_hosts(logs: str | Path, since: float) -> dict[str, list[str]]:
    """Give those of the failed jobs that found no way to a service, with the hosts they tried.

    Parameters
    ----------
    logs, since
        As for `failures`.

    Returns
    -------
    dict
        As `failures` names them -> the service's host, then its mirrors'.
    """
    records = _error_records(logs, since).items()
    return {name: record["unreachable"] for name, record in records if record.get("unreachable")}


def _error_records(logs: str | Path, since: float) -> dict[str, dict[str, Any]]:
    records = {}
    for path in sorted(Path(logs).rglob(f"*{_ERROR_FILE}")):
        if path.stat().st_mtime < since:
            continue
        job_name = str(path.relative_to(logs)).removesuffix(_ERROR_FILE)
        try:
            records[job_name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            # one that cannot be read must not hide the others
            words = f"why is in its log; {path} cannot be read: {error}"
            records[job_name] = {"error": words}
    return records
