"""Where things lie when a run works elsewhere than in the workflow's own folder.

The workflow's files lie beside the library. A job's products lie where its log does: a module's
`prefix` moves both, and no setting says so.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from xgamma.errors import XgammaError

__all__ = [
    "EXTENDED_LIST",
    "FERMI_LIST",
    "FERMI_LISTS",
    "check_folders",
    "name_interpreter_plainly",
    "results_folder",
    "workflow_file",
]

FERMI_LISTS = {
    "dr3": "resources/4fgl_dr3_v29.ecsv.gz",
    "dr4": "resources/4fgl_dr4_v35.ecsv.gz",
    "fl16y": "resources/fl16y_v41.ecsv.gz",
}
"""The lists of real Fermi sources that the demo can serve, by their names in the config."""

FERMI_LIST = FERMI_LISTS["dr4"]
"""The real Fermi sources for which the sky is simulated; of the workflow."""

EXTENDED_LIST = "resources/4fgl_dr4_v35_extended.ecsv"
"""Shapes of the extended Fermi sources, which have no error ellipse; of the workflow."""

_WORKFLOW = Path(__file__).parents[4]

# In a folder's name: DuckDB takes ? and \ for something else, Snakemake braces, and a colon
# separates the folders in which Python is searched for.
_IMPOSSIBLE = "\\?{}:"


def workflow_file(path: str) -> Path:
    """Give the place of one of the workflow's own files or folders.

    Parameters
    ----------
    path : str
        Relative to the folder of the Snakefile.

    Raises
    ------
    XgammaError
        If it is not there: the library was installed without the workflow around it.
    """
    place = _WORKFLOW / path
    if not place.exists():
        raise XgammaError(
            f"{path} of the workflow is not beside the library in {_WORKFLOW}: clone the "
            f"repository, and install the library with pip install --no-deps --editable CLONE"
        )
    return place


def results_folder(log: str) -> Path:
    """Give the archive's folder from the log of one of its jobs.

    Parameters
    ----------
    log : str
        <folder>/logs/<job>.log, for instance 'sub/results/demo/logs/crossmatch.log'.
    """
    parts = Path(log).parts
    last = len(parts) - 1 - parts[::-1].index("logs")
    # a survey may be called logs: the job is enrichment/logs/<shard> then
    if parts[last - 2 : last] == ("logs", "enrichment"):
        last -= 2
    return Path(*parts[:last])


def check_folders(working_folder: str | Path) -> None:
    """Refuse to work where jobs would fail, each for a reason that does not name the folder.

    Parameters
    ----------
    working_folder : path-like
        Where Snakemake runs. The workflow's own folder is looked at, too.

    Raises
    ------
    XgammaError
        Naming the folder and the character. Blanks, quotes and letters of all languages do no harm.
    """
    for folder in (str(working_folder), str(_WORKFLOW)):
        for character in _IMPOSSIBLE:
            if character in folder:
                raise XgammaError(
                    f"xgamma cannot work with the folder {folder}: packages that it uses fail with "
                    f"{character} in a path. Rename the folder, or take another one"
                )


def name_interpreter_plainly() -> None:
    """Let jobs find Python by its name alone, if its path has characters that a shell reads.

    Snakemake writes the path unquoted into the commands of its jobs, which then begin with
    the first word of `it's my sky/.venv/bin/python`.
    """
    folder, name = os.path.split(sys.executable)
    if shlex.quote(sys.executable) == sys.executable:
        return
    os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
    sys.executable = name
