"""Scripts that open the exports: what they start, and that they hold nothing else."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from xgamma.exports.programs import aladin_script, topcat_script

VOTABLES, MAP = ["one.vot", "two.vot"], "map.fits"
# tells where it was started, and with what
STAND_IN = """#!/bin/sh
pwd
for word in "$@"; do printf '<%s>\\n' "$word"; done
"""
EXPECTED = [f"<{word}>" for word in ["-f", "votable", *VOTABLES, "-f", "fits", MAP]]


@pytest.fixture
def programs(tmp_path):
    """A folder for PATH that has a TOPCAT."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "topcat").write_text(STAND_IN)
    (folder / "topcat").chmod(0o755)
    return folder


def start(script, cwd, path, **variables):
    return subprocess.run(
        ["/bin/sh", script], cwd=cwd, env={"PATH": f"{path}:/usr/bin:/bin", **variables},
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["plain", "with blank", "-rf", "a#1", "$(touch x)", "'\"", "*", "line\nbreak", "é;ls"]
)
def test_topcat_is_started_in_the_folder_whatever_its_name(tmp_path, programs, name):
    folder = tmp_path / "elsewhere" / name
    folder.mkdir(parents=True)
    (folder / "open.sh").write_text(topcat_script(VOTABLES, [MAP]))
    for cwd, script in ((tmp_path, folder / "open.sh"), (folder, "open.sh")):
        done = start(script, cwd, programs, CDPATH=str(tmp_path))
        assert done.returncode == 0 and done.stderr == ""
        assert done.stdout.removeprefix(f"{folder}\n").splitlines() == EXPECTED
    assert sorted(one.name for one in folder.iterdir()) == ["open.sh"]
    # by a way that starts with a dash
    done = start(f"{name}/open.sh" if name != "-rf" else "./-rf/open.sh", folder.parent, programs)
    assert done.stdout.splitlines()[-len(EXPECTED) :] == EXPECTED


def test_another_command_for_topcat(tmp_path, programs):
    (tmp_path / "open.sh").write_text(topcat_script(VOTABLES, [MAP]))
    (programs / "java").write_text(STAND_IN)
    (programs / "java").chmod(0o755)
    done = start("open.sh", tmp_path, programs, TOPCAT="java -jar /opt/*.jar")
    assert done.stdout.splitlines()[1:] == ["<-jar>", "</opt/*.jar>", *EXPECTED]


def test_without_topcat_one_line_says_what_to_do(tmp_path):
    (tmp_path / "open.sh").write_text(topcat_script(VOTABLES, [MAP]))
    done = start("open.sh", tmp_path, tmp_path, TOPCAT="no-such-program")
    assert done.returncode == 127 and done.stdout == ""
    assert done.stderr == (
        "open_in_topcat.sh: no-such-program is not in PATH: install TOPCAT, or give its command "
        "in TOPCAT\n"
    )


def test_aladin_loads_the_files_and_does_nothing_else():
    script = aladin_script([MAP, *VOTABLES])
    # Aladin ends a command at ; in a comment too
    assert ";" not in script
    commands = [line for line in script.splitlines() if not line.startswith("#")]
    assert commands == [f"load {MAP}", "load one.vot", "load two.vot", "sync"]


def test_the_scripts_hold_only_their_own_words_and_the_names_of_files():
    assert re.fullmatch(r"[\x20-\x7e\n]+", topcat_script(VOTABLES, [MAP]))
    last = topcat_script(VOTABLES, [MAP]).split("exec ")[1].replace("\\\n", " ")
    assert shlex.split(last)[1:] == ["-f", "votable", *VOTABLES, "-f", "fits", MAP]
