"""What a job says: everything to its log file, to the user one line if it fails."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from xgamma.errors import XgammaError
from xgamma.tables.printable import one_line, printable, shortened

__all__ = ["job"]

# Characters of a message to the user; the log has all of it.
_MOST = 2000


class _OneLine(logging.Formatter):
    """One line per message, whatever the data in it hold; tracebacks stand indented below."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei) -> str:
        # an exception's own text may have line breaks: none of its lines looks like a message
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"    {printable(line)}" for line in lines)


def _said(message: object) -> str:
    """A message as the user sees it."""
    return shortened(f"xgamma: {one_line(message)}", _MOST)


class _Said(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _said(record.getMessage())


class _Terminated(BaseException):
    """SIGTERM came. Not an Exception, so that nothing takes it for a failure to retry."""


def _terminate(_signal: int, _frame: object) -> None:
    raise _Terminated


def _way_out(error: Exception) -> str:
    full = "No space left on device" in str(error)
    return "; free some space there, and give the same command again" if full else ""


@contextlib.contextmanager
def job(log_path: str) -> Iterator[logging.Logger]:
    """Send the library's messages to `log_path`; end with status 1 and one line on error.

    Waiting for a service is also said on standard error, since a silent program looks
    dead; the traceback of an unforeseen error goes to the log only. A job that is told to
    stop (Ctrl-C, SIGTERM) cleans up, says so, and ends with status 130 or 143.
    """
    # a log that cannot be written (full disk) is no reason for tracebacks of logging itself
    logging.raiseExceptions = False
    logger = logging.getLogger("xgamma")
    logger.setLevel(logging.INFO)
    try:
        Path(log_path).parent.mkdir(parents=True, exist_ok=True)
        to_file = logging.FileHandler(log_path, mode="w", encoding="utf-8")
    except OSError as error:
        sys.exit(_said(f"the log {log_path} cannot be written: {error.strerror or error}"))
    to_file.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    to_user = logging.StreamHandler(sys.stderr)
    to_user.setLevel(logging.WARNING)
    to_user.setFormatter(_Said())
    logger.handlers = [to_file, to_user]
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(to_file)
    # without this, SIGTERM leaves half-written files, and jobs at the services
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield logger
    except KeyboardInterrupt:
        logger.warning("interrupted (log: %s)", log_path)
        sys.exit(128 + signal.SIGINT)
    except _Terminated:
        logger.warning("terminated (log: %s)", log_path)
        sys.exit(128 + signal.SIGTERM)
    except XgammaError as error:
        logger.error("%s", error)
        sys.exit(1)
    except OSError as error:
        # a full disk or a folder that may not be written to is the user's to mend
        to_user.setLevel(logging.CRITICAL)
        said = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        said += _way_out(error)
        logger.exception("%s", said)
        sys.exit(_said(f"{said} (log: {log_path})"))
    except Exception as error:
        to_user.setLevel(logging.CRITICAL)
        # packages have exceptions of their own for a full disk
        way_out = _way_out(error)
        kind = type(error).__name__ if way_out else f"unforeseen {type(error).__name__}"
        said = f"{kind}: {shortened(one_line(error), _MOST // 2)}{way_out}"
        logger.exception("%s", said)
        sys.exit(_said(f"{said} (traceback in {log_path})"))
