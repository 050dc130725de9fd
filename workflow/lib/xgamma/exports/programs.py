"""Scripts that open the exports in TOPCAT and in Aladin.

Nothing in them comes from an archive or the config: names of our own files, and words of ours.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["aladin_script", "topcat_script"]

_TOPCAT = """\
#!/bin/sh
# Opens the tables and the coverage map of this folder in TOPCAT, wherever the folder is:
#
#   sh open_in_topcat.sh
#
# If TOPCAT is not in PATH, name it:
#
#   TOPCAT='java -jar /where/it/is/topcat-full.jar' sh open_in_topcat.sh
folder=$(dirname -- "$0")
CDPATH= cd -- "$folder" || exit 1
# its words, none of which is a pattern for files
set -f
set -- ${{TOPCAT:-topcat}}
if ! command -v "$1" > /dev/null; then
    echo "open_in_topcat.sh: $1 is not in PATH: install TOPCAT, or give its command in TOPCAT" >&2
    exit 127
fi
# names without a folder: TOPCAT would take a # in one for the number of a table
exec "$@" {files}
"""

# Aladin ends a command at a semicolon even in a comment, so there is none.
_ALADIN = """\
# Loads the coverage map, the error ellipses and the tables of this folder into Aladin.
# Start Aladin in the folder, since names of files are relative to where it runs:
#
#   cd exports
#   aladin open_in_aladin.ajs
#
# candidates.reg and coverage.reg are for DS9. Here the table and the map show the same.
{commands}
sync
"""


def topcat_script(votables: Sequence[str], fits: Sequence[str]) -> str:
    """A script for sh that starts TOPCAT with every table.

    Parameters
    ----------
    votables, fits : sequence of str
        Names of files beside it.
    """
    arguments = [f"-f {form} {' '.join(names)}" for form, names in
                 (("votable", votables), ("fits", fits)) if names]  # fmt: skip
    return _TOPCAT.format(files=" \\\n    ".join(arguments))


def aladin_script(files: Sequence[str]) -> str:
    """A script for Aladin that loads files, the last one on top.

    Parameters
    ----------
    files : sequence of str
        Names of files beside it.
    """
    return _ALADIN.format(commands="\n".join(f"load {name}" for name in files))
