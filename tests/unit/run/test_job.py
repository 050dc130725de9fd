"""What a user sees of a job that fails: one line; what the log has: everything."""

import os
import re
import signal
import subprocess
import sys

import pytest

from xgamma.run.job import failures, unreachable_hosts

JOB = """
import logging, sys, warnings
from types import SimpleNamespace
from xgamma.errors import XgammaError
from xgamma.run.job import job

with job(SimpleNamespace(log=[sys.argv[1]], input=[], output=[])):
    logger = logging.getLogger("xgamma")
    logger.info("started")
    exec(sys.argv[2])
"""


def run(log, action):
    """A job in a process of its own: (exit status, standard error, log)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(log), action],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.stdout == ""
    return done.returncode, done.stderr, log.read_text() if log.is_file() else ""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "job.log"


def test_a_job_that_succeeds_says_nothing(log):
    status, said, logged = run(log, "pass")
    assert (status, said) == (0, "")
    assert "INFO started" in logged


def test_a_job_with_duckdb_says_nothing_either(log):
    """What is not collected at the end is a leak to DuckDB, of which it tells in twenty lines."""
    act = "import duckdb; globals()['kept'] = duckdb.connect().sql('SELECT 1').fetchall()"
    assert run(log, act)[:2] == (0, "")


def test_waiting_is_said_and_logged(log):
    """A silent program looks dead."""
    act = "logging.getLogger('xgamma.archive.client').warning('waiting for gaia, %d s so far', 10)"
    status, said, logged = run(log, act)
    assert (status, said) == (0, "xgamma: waiting for gaia, 10 s so far\n")
    assert "WARNING waiting for gaia, 10 s so far" in logged


def test_warnings_go_to_the_log_only(log):
    status, said, logged = run(log, "warnings.warn('units are odd')")
    assert (status, said) == (0, "")
    assert "units are odd" in logged


def test_an_error_for_the_user_is_one_line_without_a_traceback(log):
    status, said, logged = run(log, "raise XgammaError('csc: no column x; choose another')")
    assert (status, said) == (1, "xgamma: csc: no column x; choose another\n")
    assert "ERROR csc: no column x" in logged and "Traceback" not in logged


def test_an_unforeseen_error_has_its_traceback_in_the_log_only(log):
    status, said, logged = run(log, "raise ValueError('one\\n  two')")
    assert status == 1
    assert said == f"xgamma: unforeseen ValueError: one two (traceback in {log})\n"
    assert "Traceback (most recent call last)" in logged and "ValueError: one" in logged


FILES = pytest.mark.parametrize(
    ("action", "message"),
    [
        ("open('/nowhere/x', 'w')", "No such file or directory: /nowhere/x"),
        # a full disk, met while writing: the system names no file
        (
            "print('x', file=open('/dev/full', 'w'), flush=True)",
            "No space left on device; free some space there, and give the same command again",
        ),
        (
            "import errno; raise OSError(errno.EROFS, 'Read-only file system', 'results/t.csv')",
            "Read-only file system: results/t.csv",
        ),
    ],
)


def test_a_full_disk_that_a_package_met(log):
    """DuckDB and others have exceptions of their own, which are no OSError."""
    status, said, _ = run(log, "raise ValueError('f.wal: No space left on device')")
    assert (status, said) == (
        1,
        "xgamma: ValueError: f.wal: No space left on device; free some space there, and give the "
        f"same command again (traceback in {log})\n",
    )


@FILES
def test_trouble_with_files_is_the_users_to_mend(log, action, message):
    status, said, logged = run(log, action)
    assert (status, said) == (1, f"xgamma: {message} (log: {log})\n")
    assert "Traceback" in logged


@pytest.mark.parametrize(
    ("action", "status", "message"),
    [
        ("pass", 0, ""),
        ("raise XgammaError('gone')", 1, "xgamma: gone\n"),
        ("raise ValueError('v')", 1, "xgamma: unforeseen ValueError: v (traceback in {log})\n"),
    ],
)
def test_a_log_on_a_full_disk_makes_no_noise(log, action, status, message):
    log.parent.mkdir()
    log.symlink_to("/dev/full")
    assert run(log, action)[:2] == (status, message.format(log=log))


def test_a_log_that_cannot_be_made_is_one_line(log):
    log.parent.touch()
    status, said, _ = run(log, "pass")
    assert status == 1
    assert said.startswith(f"xgamma: the log {log} cannot be written: ")
    assert said.count("\n") == 1


def test_the_log_is_of_the_last_run(log):
    run(log, "logger.info('first run')")
    assert "first run" not in run(log, "pass")[2]


def test_a_chosen_exit_status_is_kept(log):
    assert run(log, "sys.exit(3)")[0] == 3


FORGED = "x\\n2026-01-01 00:00:00,000 INFO all is well\\r\\x1b[2J\\u202e\\u2028ERROR"
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (f"raise XgammaError('csc: {FORGED}')", 1),
        (f"logger.warning('csc: %s', '{FORGED}')", 0),
        (f"warnings.warn('csc: {FORGED}')", 0),
        (f"raise ValueError('csc: {FORGED}')", 1),
        (f"raise OSError(5, 'csc: {FORGED}', 'x')", 1),
    ],
)
def test_data_in_a_message_cannot_forge_a_line(log, action, status):
    found, said, logged = run(log, action)
    assert found == status
    assert said.count("\n") <= 1 and said.rstrip("\n").isprintable()
    lines = logged.rstrip("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    # a line of the log is a message or, indented, a part of a traceback
    messages = [line for line in lines if not line.startswith("    ")]
    assert all(LOG_LINE.match(line) for line in messages)
    assert len(messages) == 2 and "started" in messages[0]


@pytest.mark.parametrize("error", ["XgammaError", "ValueError"])
def test_a_very_long_message_is_cut_for_the_user_only(log, error):
    _, said, logged = run(log, f"raise {error}('a' * 100_000)")
    assert len(said) < 2100 and "aaa…" in said
    assert "a" * 100_000 in logged


WAIT = """
from xgamma.tables.whole_files import atomic_path
import time
with atomic_path(sys.argv[3]) as beside:
    beside.write_text("half")
    print("half written", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("sent", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_job_that_is_told_to_stop_cleans_up_and_says_one_line(log, tmp_path, sent, status, word):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", JOB, str(log), WAIT, str(tmp_path / "t.csv")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # heeded by the job even where these tests run in the background, which ignores it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout.readline() == "half written\n"
        process.send_signal(sent)
        said = process.communicate(timeout=30)[1]
    assert (process.returncode, said) == (status, f"xgamma: {word} (log: {log})\n")
    assert f"WARNING {word}" in log.read_text() and "Traceback" not in log.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_each_failed_job_leaves_its_error_as_data(tmp_path):
    """Each its reason in one line; a job that only warned or was stopped leaves none."""
    logs = tmp_path / "logs"
    for name, code in (
        ("enrichment/gaia/a.0123", "raise XgammaError('gaia: down; run again later')"),
        ("enrichment/gaia/b.4567", "logging.getLogger('xgamma').warning('asking again')"),
        ("enrichment/gaia/c.89ab", "raise KeyboardInterrupt"),
        ("crossmatch", "raise OSError(28, 'No space left on device', 'results/t.parquet')"),
        ("summarize", "raise ValueError('two\\nlines ERROR')"),
        # a line that looks like one of a log's is no error
        ("drift", "logger.info('2026-01-01 00:00:00,000 ERROR none')"),
    ):
        run(logs / f"{name}.log", code)
    assert failures(logs, 0) == {
        "crossmatch": "No space left on device: results/t.parquet; free some space there, and "
        "give the same command again",
        "enrichment/gaia/a.0123": "gaia: down; run again later",
        "summarize": "unforeseen ValueError: two lines ERROR",
    }
    # those of an earlier run are not told again, nor lost to one that goes on elsewhere
    os.utime(logs / "crossmatch.error.json", (1000, 1000))
    assert set(failures(logs, 1001)) == {"enrichment/gaia/a.0123", "summarize"}
    assert "crossmatch" in failures(logs, 1000)


def test_a_job_without_a_network_leaves_its_words_to_the_end_of_the_run(log):
    code = "error = XgammaError('gaia: no'); error.unreachable = ('gaia.invalid',); raise error"
    assert run(log, code)[:2] == (1, "")
    assert failures(log.parent, 0) == {"job": "gaia: no"}
    assert unreachable_hosts(log.parent, 0) == {"job": ["gaia.invalid"]}
    assert "ERROR gaia: no" in log.read_text()
    # unless they cannot be kept
    log.with_name("job.error.json").unlink()
    log.with_name(".job.error.json.part").symlink_to("/dev/full")
    assert run(log, code)[:2] == (1, "xgamma: gaia: no\n")


def test_a_job_that_succeeds_at_a_later_attempt_is_no_failure(log):
    for action, failed in (
        ("raise XgammaError('down')", {"job": "down"}),
        ("raise XgammaError('still down')", {"job": "still down"}),
        # killed: what it had to tell, it could not
        ("import os; os._exit(9)", {}),
        ("raise XgammaError('down again')", {"job": "down again"}),
        ("pass", {}),
    ):
        run(log, action)
        assert failures(log.parent, 0) == failed, action


def test_an_error_that_cannot_be_kept_is_told_to_the_user_all_the_same(log):
    """As on a full disk: no traceback, no half file, the one line."""
    log.parent.mkdir()
    # where the file would be written to first
    log.with_name(".job.error.json.part").symlink_to("/dev/full")
    assert run(log, "raise XgammaError('gone')")[:2] == (1, "xgamma: gone\n")
    assert failures(log.parent, 0) == {}
    assert [path.name for path in log.parent.iterdir()] == ["job.log"]


def test_an_error_that_cannot_be_read_hides_no_other(tmp_path):
    (tmp_path / "a.error.json").write_text("{")
    (tmp_path / "b.error.json").write_text('{"error": "gone"}')
    failed = failures(tmp_path, 0)
    assert failed["a"].startswith(f"why is in its log; {tmp_path / 'a.error.json'} cannot be read")
    assert failed["b"] == "gone"
