"""Slurm is asked for the jobs of an earlier run when jobs are to be run, and only then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from project_copy import ProjectCopy

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def project(demo_run, tmp_path_factory) -> ProjectCopy:
    return ProjectCopy(tmp_path_factory.mktemp("earlier_jobs") / "project", demo_run.project)


@pytest.fixture
def asked(tmp_path, monkeypatch) -> Path:
    """A file that is there as soon as somebody calls `squeue`, which knows of no job."""
    path, program = tmp_path / "asked", tmp_path / "bin/squeue"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {path}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return path


# one of each kind that `snakemake.cli` tells apart: without rules' jobs, without a run, in a run
@pytest.mark.parametrize(
    "option",
    ["--lint", "--list-rules", "--report=page.html", "--summary", "--unlock", "--dry-run"],
)
def test_who_runs_no_job_does_not_wait(project, asked, option):
    run = project.run(option)
    assert run.returncode == 0, run.output
    assert not asked.exists()


def test_who_runs_jobs_asks_first(project, asked):
    """Even if there is nothing to be done: an earlier run's jobs may be making it anew."""
    project.make("results/demo/summary.txt")
    assert asked.exists()
