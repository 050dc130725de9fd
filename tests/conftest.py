"""What the tests of the workflow share."""

from __future__ import annotations

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

    Its products are shared: tests that change them take a copy.
    """
    project = ProjectCopy(tmp_path_factory.mktemp("demo") / "project")
    return DemoRun(project, project.make())
