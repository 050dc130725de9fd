"""What the tests of the workflow share."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from dataclasses import dataclass

import pytest
from project_copy import ProjectCopy, Run


@dataclass(frozen=True)
class DemoRun:
    """The demo archive's products in a copy of the project, and the run that made them."""

    project: ProjectCopy
    run: Run


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory) -> DemoRun:
    """A run of the whole workflow with the settings that the project ships.

    Its products are shared, by all workers too: tests that run anything there take a copy.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder = folder / "demo_run"
    folder.mkdir(exist_ok=True)
    done = folder / "run.json"
    # whoever comes second waits for the first, who needs all cores
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            run = Run(**json.loads(done.read_text(encoding="utf-8")))
            return DemoRun(ProjectCopy.at(folder / "project"), run)
        project = ProjectCopy(folder / "project")
        run = project.make()
        done.write_text(json.dumps(dataclasses.asdict(run)), encoding="utf-8")
    return DemoRun(project, run)
