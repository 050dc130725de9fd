"""The display of progress, as the package for it draws it after our change."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from snakemake_logger_plugin_rich import events
from snakemake_logger_plugin_rich.handler import RichLogHandler

from xgamma.run.progress import tell_progress_plainly


class Clock:
    """Seconds that pass when a test says so."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def handler():
    settings = SimpleNamespace(
        dryrun=False, printshellcmds=False, show_failed_logs=False, verbose=False
    )
    made = RichLogHandler(settings)
    made.console.file = io.StringIO()
    made.progress.get_time = Clock()
    workflow = SimpleNamespace(
        logger_manager=SimpleNamespace(queue_listener=SimpleNamespace(handlers=[made]))
    )
    tell_progress_plainly(workflow)
    yield made
    made.event_handler.progress_display.live_display.stop()


def shown(handler) -> list[str]:
    """Lines of the display, without the bars."""
    screen = Console(file=io.StringIO(), width=120, record=True)
    screen.print(handler.progress.get_renderable())
    lines = screen.export_text().splitlines()
    return [" ".join(line.replace("━", "").replace("╺", "").replace("╸", "").split())
            for line in lines]  # fmt: skip


def started(rule: str, message: str, jobid: int) -> events.JobInfo:
    return events.JobInfo(jobid=jobid, rule_name=rule, threads=1, rule_msg=message, wildcards=None)


def test_bars_say_what_runs_how_many_and_since_when(handler):
    handle = handler.event_handler
    handle.handle_run_info(
        events.RunInfo(total_job_count=3, per_rule_job_counts={"enrich_shard": 2, "all": 1})
    )
    handler.progress.get_time.seconds = 150.0
    handle.handle_job_info(started("enrich_shard", "asking [gaia] around shard a", 1))
    handler.progress.get_time.seconds = 157.0
    assert "asking [gaia] around shard a 0/2 0:00:07" in shown(handler)
    handle.handle_job_finished(events.JobFinished(job_id=1))
    lines = shown(handler)
    assert "all jobs 1/3 0:00:57" in lines
    handle.handle_job_info(started("enrich_shard", "asking irsa", 2))
    handler.progress.get_time.seconds = 160.0
    assert "asking irsa 1/2 0:00:10" in shown(handler)


def test_another_display_stays_as_it_is():
    listener = SimpleNamespace(handlers=[object()])
    for manager in (None, SimpleNamespace(queue_listener=None), SimpleNamespace(
        queue_listener=listener)):  # fmt: skip
        tell_progress_plainly(SimpleNamespace(logger_manager=manager))
