"""What we use of Snakemake's insides: it is there, does what it should, and is warned of."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from snakemake.persistence import PersistenceBase
from snakemake.settings.types import ResourceSettings
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from xgamma.run.snakemake_insides import (
    INSIDES,
    before_jobs,
    let_jobs_record,
    limit_resources,
    not_guaranteed,
    resources_set_for,
)


def test_the_installed_snakemake_is_a_tested_one():
    """That of requirements.lock: whoever raises it there tests the insides, and says so."""
    assert not_guaranteed() == "", version("snakemake")


@pytest.mark.parametrize(
    ("installed", "tested"),
    [
        ("9.27.0", True),
        ("9.27.12", True),
        ("9.28.0.dev3", False),
        ("9.9.1", False),
        ("10.0", False),
        ("9.28rc1", False),
        ("0+unknown", False),
    ],
)
def test_another_version_is_warned_of_in_one_line(installed, tested):
    warning = not_guaranteed(installed)
    assert (warning == "") is tested
    if not tested:
        assert warning.startswith(f"xgamma: this is Snakemake {installed}, tested was 9.27. ")
        assert all(inside.guarantee in warning for inside in INSIDES)
        assert "\n" not in warning


class Workflow:
    """Notes what is done, in its order."""

    def __init__(self):
        self.done = []

    def execute(self, executor_plugin, updated_files=None):
        self.done.append("execute")
        return updated_files


@pytest.mark.parametrize(
    ("executor", "done"),
    [
        ("local", ["action", "execute"]),
        ("slurm", ["action", "execute"]),
        ("dryrun", ["execute"]),
        ("touch", ["execute"]),
    ],
)
def test_the_action_comes_before_jobs_and_before_nothing_else(executor, done):
    workflow = Workflow()
    before_jobs(workflow, lambda: workflow.done.append("action"))
    assert workflow.done == []
    registry = ExecutorPluginRegistry()
    plugin = registry.get_plugin(executor)
    assert workflow.execute(executor_plugin=plugin, updated_files=["a"]) == ["a"]
    assert workflow.done == done


def test_a_workflow_that_executes_otherwise_is_left_alone():
    workflow = SimpleNamespace()
    before_jobs(workflow, lambda: None)
    assert vars(workflow) == {}


def test_a_record_is_written_as_if_no_main_process_were_left(monkeypatch):
    settings = SimpleNamespace(immediate_submit=False)
    workflow = SimpleNamespace(remote_execution_settings=settings)
    persistence = SimpleNamespace(dag=SimpleNamespace(workflow=workflow))
    seen = []

    async def finished(of, job):
        seen.append((of, job, settings.immediate_submit))
        raise OSError("disk full")

    monkeypatch.setattr(PersistenceBase, "finished", finished)
    let_jobs_record()
    with pytest.raises(OSError, match="disk full"):
        asyncio.run(PersistenceBase.finished(persistence, "a job"))
    assert seen == [(persistence, "a job", True)]
    # the scheduler reads it too
    assert settings.immediate_submit is False


def test_a_total_is_given_where_nobody_gives_one():
    """`--resources mem_mb=8000` alone took away the limit of requests that was in the profile."""
    settings = ResourceSettings(resources={"gaia": 50, "mem_mb": 8000})
    workflow = SimpleNamespace(global_resources=settings._parsed_resources)
    workflow.register_resource = workflow.global_resources.__setitem__
    limit_resources(workflow, ["heasarc", "gaia"], 100)
    totals = {name: workflow.global_resources[name].value for name in ("heasarc", "gaia")}
    assert totals == {"heasarc": 100, "gaia": 50}
    # one that has no such thing is left alone
    limit_resources(SimpleNamespace(), ["heasarc"], 100)


def test_resources_of_a_rule_that_a_module_renames():
    overwrite = {"x_drift": {"slurm_partition": "transfer"}}
    workflow = SimpleNamespace(
        resource_settings=SimpleNamespace(overwrite_resources=overwrite),
        modifier=SimpleNamespace(modify_rulename="x_{}".format),
    )
    assert set(resources_set_for(workflow, "drift")) == {"slurm_partition"}


def test_resources_that_are_set_for_a_rule():
    overwrite = {"drift": {"slurm_partition": "transfer"}}
    workflow = SimpleNamespace(resource_settings=SimpleNamespace(overwrite_resources=overwrite))
    assert set(resources_set_for(workflow, "drift")) == {"slurm_partition"}
    assert not resources_set_for(workflow, "crossmatch")
    assert not resources_set_for(SimpleNamespace(), "drift")
