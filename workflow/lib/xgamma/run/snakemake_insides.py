"""Our uses of Snakemake's private code, each with the versions for which it was tested.

The next version may have changed it. The run then goes on, and the user is told once what it does
not guarantee: each part here has a way on without it.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

__all__ = [
    "INSIDES",
    "Inside",
    "before_jobs",
    "let_jobs_record",
    "limit_resources",
    "not_guaranteed",
    "resources_set_for",
]


@dataclass(frozen=True)
class Inside:
    """A part of Snakemake that is not its interface.

    Attributes
    ----------
    name : str
        What Snakemake calls it.
    tested : tuple of str
        The first and the last minor version with which our use of it was tested.
    guarantee : str
        What holds thanks to it.
    """

    name: str
    tested: tuple[str, str]
    guarantee: str


INSIDES = (
    Inside(
        "PersistenceBase.finished",
        ("9.27", "9.27"),
        "that a changed setting is noticed for jobs that outlived their run",
    ),
    Inside(
        "Workflow.execute",
        ("9.27", "9.27"),
        "that a run waits for the Slurm jobs of an earlier one",
    ),
    Inside(
        "Workflow.resource_settings",
        ("9.27", "9.27"),
        "that a rule goes to the partition that a profile sets for it",
    ),
    Inside(
        "Workflow.register_resource",
        ("9.27", "9.27"),
        "that a service gets no more than max_requests at a time "
        "(with --resources heasarc=100 gaia=100 irsa=100 it does)",
    ),
)


def not_guaranteed(installed: str | None = None) -> str:
    """Tell the user what an untested Snakemake may not do; nothing if it is tested.

    Parameters
    ----------
    installed : str, optional
        Snakemake's version; else that of the package.
    """
    installed = installed or version("snakemake")
    untested = [inside for inside in INSIDES if not _is_within(installed, inside.tested)]
    if not untested:
        return ""
    tested = " to ".join(dict.fromkeys(untested[0].tested))
    guarantees = "; ".join(inside.guarantee for inside in untested)
    return (
        f"xgamma: this is Snakemake {installed}, tested was {tested}. "
        f"Not guaranteed: {guarantees}. The tested version is in requirements.lock"
    )


def _is_within(installed: str, tested: tuple[str, str]) -> bool:
    first, last = (tuple(map(int, minor.split("."))) for minor in tested)
    # of "9.27.1" the minor version; others say 9.28rc1 or 0+unknown
    numbers = tuple(int(number) for number in re.findall(r"\d+", installed)[:2])
    return first <= numbers <= last


def before_jobs(workflow: Any, action: Callable[[], None]) -> None:
    """Have something done before a run looks at what is there, if the run is to run jobs.

    When the Snakefile is read, Snakemake has not told yet whether jobs will be run, or a report
    made, rules listed, files touched: only then does it call `Workflow.execute`, or does not.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        The Snakefile's `workflow`.
    action : callable
        Called without arguments.
    """
    with contextlib.suppress(AttributeError):
        execute = workflow.execute

        @functools.wraps(execute)
        def act_and_execute(*arguments: Any, **options: Any) -> Any:
            if _runs_jobs(options.get("executor_plugin")):
                action()
            return execute(*arguments, **options)

        workflow.execute = act_and_execute


def _runs_jobs(executor_plugin: Any) -> bool:
    """Whether an executor is a real one: not that of `--dry-run`, nor that of `--touch`."""
    settings = getattr(executor_plugin, "common_settings", None)
    return not (getattr(settings, "dryrun_exec", False) or getattr(settings, "touch_exec", False))


def let_jobs_record() -> None:
    """Let a job itself record with what it was run; to be called in a process that is a job's.

    Snakemake's main process writes down each finished job's params and inputs, by which the
    next run sees what a changed setting touches. Of a job that outlives the main process
    nothing is known, and its products would count as right whatever the settings say.
    `--immediate-submit`, where no main process is left, has the record written by the job:
    here that part of it alone is switched on.
    """
    with contextlib.suppress(ImportError, AttributeError):
        from snakemake.persistence import PersistenceBase

        PersistenceBase.finished = _recorded_by_job(PersistenceBase.finished)


def _recorded_by_job(finished: Any) -> Any:
    """Wrap Snakemake's `PersistenceBase.finished` for the process of a job."""

    async def finished_and_recorded(persistence: Any, job: Any) -> None:
        settings = persistence.dag.workflow.remote_execution_settings
        before = settings.immediate_submit
        settings.immediate_submit = True
        try:
            await finished(persistence, job)
        finally:
            settings.immediate_submit = before

    return finished_and_recorded


def limit_resources(workflow: Any, names: Iterable[str], total: int) -> None:
    """Give resources a total for all jobs, if neither a profile nor the command line does.

    Without one, Snakemake lets any number of jobs take a resource. A profile cannot be relied on:
    `--resources mem_mb=8000` replaces its whole block, and of a module the profile is not read.
    """
    with contextlib.suppress(AttributeError):
        for name in names:
            if name not in workflow.global_resources:
                workflow.register_resource(name, total)


def resources_set_for(workflow: Any, rule: str) -> Collection[str]:
    """The resources that a profile or the command line sets for a rule (`--set-resources`).

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        The Snakefile's `workflow`.
    rule : str
        As the Snakefile calls it; who uses it as a module may call it otherwise.
    """
    with contextlib.suppress(AttributeError):
        rule = workflow.modifier.modify_rulename(rule)
    settings = getattr(workflow, "resource_settings", None)
    return getattr(settings, "overwrite_resources", {}).get(rule, {})
