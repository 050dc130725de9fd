"""The demo sky's rows as other services might have them: other names, errors and fluxes.

usage: other_names.py FOLDER

FOLDER is one that `export_sky` has written. To it come `gaiadr3`, `erass1` and `xmmssc`, around two
sources, as `tests/servers/dachs/rds/vizier/q.rd` describes them. The X-ray sources are those of
csc: what is found with them is known.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

__all__ = ["add_other_names"]

# LS 5039 and 3C 273, degrees
_PLACES = ((276.56, -14.85), (187.28, 2.05))
_HALF_DEG = 1.0

GAIA = {
    "source_id": "source",
    "ra": "ra_icrs",
    "dec": "de_icrs",
    "ra_error": "e_ra_icrs",
    "dec_error": "e_de_icrs",
    "parallax": "plx",
    "pmra": "pmra",
    "pmdec": "pmde",
    "ruwe": "ruwe",
    "phot_g_mean_flux": "fg",
    "phot_g_mean_mag": "gmag",
    "phot_bp_mean_mag": "bpmag",
    "bp_rp": "BP-RP",
    "phot_variable_flag": "varflag",
    "classprob_dsc_combmod_quasar": "pqso",
    "classprob_dsc_combmod_galaxy": "pgal",
    "classprob_dsc_combmod_star": "pstar",
    "duplicated_source": "dup",
}


def _near(rows: pd.DataFrame) -> pd.DataFrame:
    ra, dec = rows["ra"].astype(float), rows["dec"].astype(float)
    near = pd.Series(False, rows.index)
    for place in _PLACES:
        near |= ((ra - place[0]).abs() < _HALF_DEG) & ((dec - place[1]).abs() < _HALF_DEG)
    return rows[near]


def _scaled(values: pd.Series, factor: float) -> list[str]:
    """A power of two, so that the way back gives the same number; null stays so."""
    return [repr(float(value) * factor) if value else "" for value in values]


def add_other_names(folder: Path) -> None:
    """Write the three tables to `folder`."""
    # as text: no digit changes
    gaia = pd.read_csv(folder / "gaia_source.csv", dtype=str, keep_default_na=False)
    _near(gaia)[list(GAIA)].rename(columns=GAIA).to_csv(folder / "gaiadr3.csv", index=False)
    csc = _near(pd.read_csv(folder / "csc.csv", dtype=str, keep_default_na=False))
    xmm = pd.DataFrame(
        {
            "name": csc["name"],
            "ra": csc["ra"],
            "dec": csc["dec"],
            "error_radius": _scaled(csc["error_ellipse_r0"], 0.5),
            "error_minor": _scaled(csc["error_ellipse_r1"], 0.5),
            "_PA": csc["error_ellipse_angle"],
            "ep_8_flux": _scaled(csc["b_flux_ap"], 2.0),
            "var_flag": "7",
        }
    )
    xmm.to_csv(folder / "xmmssc.csv", index=False)
    erass1 = pd.DataFrame(
        {
            "iauname": csc["name"].str.replace("SIM", "1eRASS"),
            "ra_icrs": csc["ra"],
            "de_icrs": csc["dec"],
            "poserr": "4.5",
            "mlflux1": csc["b_flux_ap"],
            "_Glon": csc["lii"],
        }
    )
    erass1.to_csv(folder / "erass1.csv", index=False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    add_other_names(Path(sys.argv[1]))
