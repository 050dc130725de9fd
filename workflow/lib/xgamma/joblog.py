"""What a job says: everything to its log file, to the user one line if it fails."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from xgamma.errors import XgammaError

__all__ = ["job"]


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


@contextlib.contextmanager
def job(log_path: str) -> Iterator[logging.Logger]:
    """Send the library's messages to `log_path`; end with status 1 and one line on error.

    Waiting for a service is also said on standard error, since a silent program looks
    dead; the traceback of an unforeseen error goes to the log only.
    """
    # a log that cannot be written (full disk) is no reason for tracebacks of logging itself
    logging.raiseExceptions = False
    logger = logging.getLogger("xgamma")
    logger.setLevel(logging.INFO)
    try:
        Path(log_path).parent.mkdir(parents=True, exist_ok=True)
        to_file = logging.FileHandler(log_path, mode="w", encoding="utf-8")
    except OSError as error:
        sys.exit(f"xgamma: the log {log_path} cannot be written: {error.strerror or error}")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_user = logging.StreamHandler(sys.stderr)
    to_user.setLevel(logging.WARNING)
    to_user.setFormatter(logging.Formatter("xgamma: %(message)s"))
    logger.handlers = [to_file, to_user]
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(to_file)
    try:
        yield logger
    except XgammaError as error:
        logger.error("%s", error)
        sys.exit(1)
    except OSError as error:
        # a full disk or a folder that may not be written to is the user's to mend
        to_user.setLevel(logging.CRITICAL)
        logger.exception("file system")
        place = f": {error.filename}" if error.filename else ""
        sys.exit(f"xgamma: {_one_line(error.strerror or error)}{place} (log: {log_path})")
    except Exception as error:
        to_user.setLevel(logging.CRITICAL)
        logger.exception("unforeseen error")
        said = f"unforeseen {type(error).__name__}: {_one_line(error)}"
        sys.exit(f"xgamma: {said} (traceback in {log_path})")
