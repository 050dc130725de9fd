"""What of the user's account the jobs do without: settings of matplotlib, a home folder.

matplotlib reads the user's settings when it is imported, before any style of ours, and warns of
each that it does not know. It keeps a list of fonts in the home folder; where that cannot be
written, as in many containers, each job makes the list anew, and says so in long lines.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["shield_jobs"]


def shield_jobs(spare_folder: Path) -> None:
    """Set the environment of the jobs that this process starts.

    Parameters
    ----------
    spare_folder : Path
        Where matplotlib keeps its list of fonts if it cannot do so in the home folder and the user
        names no other place in MPLCONFIGDIR. Is made when it is needed.
    """
    # An empty file: the user's own matplotlibrc is not even read. One in the working folder comes
    # before it; what stands there reaches no figure, see xgamma.figures.style.
    os.environ["MATPLOTLIBRC"] = os.devnull
    if not os.environ.get("MPLCONFIGDIR") and not _home_takes_files():
        os.environ["MPLCONFIGDIR"] = str(spare_folder.absolute() / "matplotlib")


def _home_takes_files() -> bool:
    """Whether matplotlib can make its folders for settings and caches, where they are not yet."""
    # "~" itself where a user has no home, as some containers' users
    home = Path(os.path.expanduser("~"))
    bases = (
        os.environ.get("XDG_CONFIG_HOME") or home / ".config",
        os.environ.get("XDG_CACHE_HOME") or home / ".cache",
    )
    return home.is_dir() and all(_can_be_written(Path(base, "matplotlib")) for base in bases)


def _can_be_written(folder: Path) -> bool:
    """Whether a folder, or the nearest one above it that exists, can be written."""
    existing = next(one for one in (folder, *folder.parents) if os.path.exists(one))
    return existing.is_dir() and os.access(existing, os.W_OK)
