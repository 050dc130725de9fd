# Refuses config files that Snakemake would read otherwise than meant, or end at with a traceback.
# Needs: the library on sys.path; comes before `configfile:`.
# Makes: checked_file().

import sys

from xgamma.config.files import file_problems


def checked_file(path):
    """The path of a config file, if it and those of --configfile are fit to be read."""
    # a run's jobs read what it has checked
    if workflow.is_main_process:
        problems = [line for file in (*workflow.configfiles, path) for line in file_problems(file)]
        if problems:
            # no stack trace: the user's file is wrong, not our code
            sys.exit("\n".join(problems))
    return path
