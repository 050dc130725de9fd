"""What the display of progress says while a run goes on, in words that a newcomer understands.

The package for the display (snakemake-logger-plugin-rich) shows a bar for each rule, with an
unlabelled number of running jobs, per cent, and the time since the bar was made. Here a bar tells
what its latest job does (the rule's message, so also whom it asks), how many jobs of how many are
done, and the time since the first of them started.
"""

from __future__ import annotations

import contextlib
from typing import Any

from xgamma.tables.printable import one_line

__all__ = ["tell_progress_plainly"]


def tell_progress_plainly(workflow: Any) -> None:
    """Change the display, if there is one and it is as we know it; else leave it as it is.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        The Snakefile's `workflow`.
    """
    with contextlib.suppress(AttributeError, ImportError, TypeError):
        from snakemake_logger_plugin_rich.handler import RichLogHandler

        for handler in workflow.logger_manager.queue_listener.handlers:
            if isinstance(handler, RichLogHandler):
                _change(handler)


def _change(handler: Any) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    events, progress = handler.event_handler, handler.progress
    tasks = events.progress_display.rule_tasks
    told = events.handle_job_info
    finished = events.handle_job_finished
    started: set[str] = set()
    progress.columns = (
        TextColumn("[bold blue]{task.description}"),
        BarColumn(bar_width=None, complete_style="green", finished_style="dim green"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )

    def handle_job_info(event: Any, **options: Any) -> None:
        told(event, **options)
        task = tasks.get(event.rule_name)
        if task is None or events.dryrun:
            return
        if event.rule_name not in started:
            started.add(event.rule_name)
            # its bar was made when the run began
            progress.tasks[task].start_time = progress.get_time()
        words = one_line(event.rule_msg or event.rule_name.replace("_", " "))
        # brackets are marks of the display
        progress.update(task, description=words.replace("[", r"\["))

    def handle_job_finished(event: Any, **options: Any) -> None:
        finished(event, **options)
        total = tasks.get("Total Progress")
        if total is not None:
            progress.update(total, description="all jobs")

    events.handle_job_info = handle_job_info
    events.handle_job_finished = handle_job_finished
