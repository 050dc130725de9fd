"""Environments of their own for programs that judge what xgamma writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["environment_of"]


def environment_of(folder: Path, lock: Path) -> None:
    """Make an environment in `folder` with the packages of a lock, and nothing else.

    Our own pip installs them: to put a pip into each takes longer than they do.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", folder / "bin/python"),
            *("install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"),
            *("--requirement", lock),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
