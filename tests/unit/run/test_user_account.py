"""What of the user's account the jobs do without: settings of matplotlib, a home folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xgamma.run.user_account import shield_jobs

VARIABLES = ("MATPLOTLIBRC", "MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
#: Says whether a job that draws begins with matplotlib's own settings, and uses its cache.
JOB = """
import matplotlib
matplotlib.get_cachedir()
print(matplotlib.rcParams == matplotlib.rcParamsDefault)
"""


@pytest.fixture
def account(tmp_path, monkeypatch):
    """A user with an empty home folder, who sets none of the variables."""
    for name in VARIABLES:
        # set first, so that what a test leaves is undone in any case
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job_says() -> str:
    done = subprocess.run(
        [sys.executable, "-c", JOB], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout


@pytest.mark.parametrize("place", ["home/.config/matplotlib/matplotlibrc", "named"])
def test_a_matplotlibrc_is_not_even_read(account, monkeypatch, place):
    """Of one that is not UTF-8, matplotlib ended with an error before the job had begun."""
    (account / place).parent.mkdir(parents=True, exist_ok=True)
    (account / place).write_bytes(b"text.usetex: True\nno.such.key: 1\nfont.family: Z\xfcrich\n")
    if place == "named":
        monkeypatch.setenv("MATPLOTLIBRC", str(account / place))
    shield_jobs(Path("spare"))
    assert job_says() == "True\n"
    assert "MPLCONFIGDIR" not in os.environ
    assert not (account / "spare").exists()


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"])
def test_a_home_that_cannot_be_written_is_not_needed(account, monkeypatch, variable):
    """matplotlib told so in two long lines per job, and made its list of fonts in each anew."""
    # nobody, root included, can make a folder in a file
    (account / "file").touch()
    monkeypatch.setenv(variable, str(account / "file"))
    shield_jobs(Path("spare"))
    assert os.environ["MPLCONFIGDIR"] == str(account / "spare/matplotlib")
    assert job_says() == "True\n"


def test_the_user_s_own_place_for_matplotlib_s_files_stays(account, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.setenv("MPLCONFIGDIR", str(account / "own"))
    shield_jobs(Path("spare"))
    assert os.environ["MPLCONFIGDIR"] == str(account / "own")
