"""Parts of three real Fermi lists around the sources of the tests, and the lists made of them.

Cut from gll_psc_v29 (4FGL-DR3), v35 (4FGL-DR4) and v41 (FL16Y) of the Fermi-LAT Collaboration:
all sources within 0.75 deg of the chosen ones, of names, positions, ellipses and flags.
"""

from pathlib import Path

import pandas as pd

from xgamma.association.positions import error_ellipses
from xgamma.comparison.fermi_lists import FermiList
from xgamma.run.places import EXTENDED_LIST, workflow_file
from xgamma.stages.map_coverage import EXTENDED_COLUMNS
from xgamma.tables.files import read_ecsv

HERE = Path(__file__).parent


def real_list(name: str) -> FermiList:
    """Of `4fgl_dr3`, `4fgl_dr4` or `fl16y`."""
    fermi = pd.read_csv(HERE / f"{name}_part.csv", keep_default_na=False, na_values=[""])
    extended = read_ecsv(workflow_file(EXTENDED_LIST), EXTENDED_COLUMNS)
    return FermiList.of(fermi, error_ellipses(fermi, extended))
