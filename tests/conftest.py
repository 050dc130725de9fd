"""What the tests of the workflow share."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from project_copy import ProjectCopy, Run

# Names a folder for the run that is shared, where several calls of pytest are to share it.
_ENVIRONMENT = "XGAMMA_DEMO_RUN"


@dataclass(frozen=True)
class DemoRun:
    """The demo archive's products in a copy of the project, and the run that made them."""

    project: ProjectCopy
    run: Run


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory) -> DemoRun:
    """A run of the whole workflow with the settings that the project ships.

    Its products are shared, by all workers too: tests that run anything there take a copy.
    $XGAMMA_DEMO_RUN names a folder in which it is, or is to be made.
    """
    if os.environ.get(_ENVIRONMENT):
        folder = Path(os.environ[_ENVIRONMENT])
    else:
        folder = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            folder = folder.parent
        folder = folder / "demo_run"
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "run.json"
    # whoever comes second waits for the first, who needs all cores
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            project = ProjectCopy.at(folder / "project")
            changed = project.not_as_in_the_project()
            assert not changed, f"{folder} is of other code, remove it: {changed}"
            return DemoRun(project, Run(**json.loads(done.read_text(encoding="utf-8"))))
        # of a run that failed
        shutil.rmtree(folder / "project", ignore_errors=True)
        project = ProjectCopy(folder / "project")
        run = project.make(note_packages=True)
        done.write_text(json.dumps(dataclasses.asdict(run)), encoding="utf-8")
    return DemoRun(project, run)
