# Lets this process and its jobs import the library that belongs to these rules, and finds files
# that a user may have or leave to the workflow.
# Needs: nothing.
# Makes: HERE, IS_LOCAL, own_or_shipped(); the search path of Python.

import os
import sys
from importlib.util import find_spec
from pathlib import Path

# Of this file. workflow.basedir is the main Snakefile's, which may have these rules as a module.
HERE = workflow.current_basedir
# Of github(...) and the like Snakemake can read files, but there is no folder for Python.
IS_LOCAL = isinstance(HERE, os.PathLike)


def own_or_shipped(path):
    """A file of the working folder or, if only the workflow has it, that one."""
    shipped = os.path.normpath(HERE.join(f"../../{path}").get_path_or_uri(secret_free=True))
    return path if Path(path).exists() or not Path(shipped).exists() else shipped


def use_library(library):
    """Have a folder searched first, here and in the jobs."""
    sys.path[:] = dict.fromkeys([library, *sys.path])
    # Snakemake hands sys.path to the jobs' scripts too, but behind what is installed, and that may
    # be the library of another clone: the code digest would then be of code that does not run.
    before = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.environ.update(PYTHONPATH=os.pathsep.join(dict.fromkeys([library, *before])))


def refuse_library(reason):
    sys.exit(
        f"xgamma: {reason}: clone the repository, and give its Snakefile by path "
        f'(snakefile: "CLONE/workflow/Snakefile")'
    )


if IS_LOCAL:
    use_library(os.path.normpath(os.path.join(HERE, "../lib")))
    import xgamma

    if not Path(xgamma.__file__).is_relative_to(sys.path[0]):
        refuse_library(f"another module has its library from {xgamma.__file__}, not {sys.path[0]}")
elif find_spec("xgamma") is None:
    refuse_library(f"the library cannot be imported from {HERE}, and it is not installed")
else:
    import xgamma

    source = Path(workflow.source_path("../lib/xgamma/__init__.py")).read_text(encoding="utf-8")
    if f'__version__ = "{xgamma.__version__}"' not in source:
        refuse_library(f"the library in {xgamma.__file__} has another version than {HERE}")
    if not Path(xgamma.__file__).parents[1].with_name("rules").is_dir():
        refuse_library(f"the library in {xgamma.__file__} has no scripts and resources beside it")
