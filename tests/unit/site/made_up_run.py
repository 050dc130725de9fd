"""Tables of a run that never was: two Fermi sources with candidates, and one without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xgamma.coverage.cells import cell_of
from xgamma.site.source_pages import SourcePages
from xgamma.stages.associate import CANDIDATE_COLUMNS
from xgamma.stages.calibrate import CONTROL_COLUMNS
from xgamma.stages.conclude import EVIDENCE_TABLE, counterpart_columns
from xgamma.stages.identify import IDENTIFICATION_TABLE
from xgamma.stages.tabulate import CANDIDATE_TABLE, FERMI_TABLE
from xgamma.tables.columns import Column, conform

NAMES = ("4FGL J1826.2-1450", "4FGL J0240.5+6113", "4FGL J0002.1+6721c")
SURVEYS = {
    "gaia": {
        "table": "gaiadr3.gaia_source",
        "columns": {"phot_g_mean_mag": "g_mag", "pmra": "pm_east", "pmdec": "pm_north"},
        "identify": {"magnitude": "phot_g_mean_mag", "proper_motion": ["pmra", "pmdec"]},
    },
}
ABOUT = {
    "archive": "demo",
    "simulated": True,
    "software": "xgamma 0",
    "answered": "",
    "catalogues": ["4FGL-DR4: fermilpsc at heasarc"],
    "cite": [],
}
_DEFAULTS = {"text": "", "bool": False, "int": 1, "nullable_int": 1}


def frame_of(columns: list[Column], *rows: dict[str, Any]) -> pd.DataFrame:
    """Rows with a value in every column: 1, '' or False where none is given."""
    full = [{one.name: _DEFAULTS.get(one.kind, 1.0) for one in columns} | row for row in rows]
    return conform(pd.DataFrame(full, columns=[one.name for one in columns]), columns)


def made_up_run(
    fermi: tuple[str, str, str] = NAMES,
    chandra: tuple[str, str] = ("2CXO J182615.0-145054", "2CXO J182610.0-145000"),
    star: str = "4104196427943626624",
    words: str = "accreting object",
) -> SourcePages:
    """Pages of a run with these names.

    The first Fermi source (ra 276.56, dec -14.85, ellipse 0.05 by 0.04 deg) has two candidates,
    with P 0.9 and 0.06, evidence 0.95 and 0.02; the first of them has one object.
    """
    first, second, third = fermi
    ellipse = {"semi_major_axis_95": 0.05, "semi_minor_axis_95": 0.04, "position_angle_95": 30.0}
    sources = frame_of(
        FERMI_TABLE,
        {
            "fermi_name": first, "association": words, "fermi_ra": 276.56, "fermi_dec": -14.85,
            "best_p": 0.9, "p_outside": 0.01, "p_below": 0.01, "p_none": 0.02, **ellipse,
            "state": "counterpart", "ellipse": "catalogue",
        },
        {
            "fermi_name": second, "fermi_ra": 276.60, "fermi_dec": -14.87, "best_p": np.nan,
            "state": "partly observed", "p_outside": 0.5, "p_below": 0.2, "p_none": 0.3, **ellipse,
        },
        {
            "fermi_name": third, "fermi_ra": 0.5, "fermi_dec": 67.3, "best_p": np.nan,
            "state": "not observed", **ellipse,
        },
    )  # fmt: skip
    place = {"csc_ra": 276.5627, "csc_dec": -14.8484}
    other = {"csc_ra": 276.5417, "csc_dec": -14.8333}
    pairs = (
        {"fermi_name": first, "csc_name": chandra[0], "p_association": 0.9, "rank": 1, **place},
        {"fermi_name": first, "csc_name": chandra[1], "p_association": 0.06, "rank": 2, **other},
    )
    numbers = ({"position_density": 300.0, "density": 2.0, "likelihood_ratio": 600.0},
               {"position_density": 200.0, "density": 40.0, "likelihood_ratio": 3.0})  # fmt: skip
    candidates = frame_of(
        CANDIDATE_TABLE,
        *({**pair, **n, "sep_deg": 0.01, "log_flux_ratio": -3.0, "csc_flux": 1e-13}
          for pair, n in zip(pairs, numbers, strict=True)),
    )  # fmt: skip
    # 0.03 of the 4/3 that the weights sum to, with the 0.04 of the rest, are left
    ratios = (0.95 * 4 / 3 / 0.9, 0.02 * 4 / 3 / 0.06)
    evidence = frame_of(
        EVIDENCE_TABLE,
        *({**pair, "p_association_evidence": p, "evidence_ratio": ratio, "verdict": words,
           "x_ray_remarks": words}
          for pair, p, ratio in zip(pairs, (0.95, 0.02), ratios, strict=True)),
    )  # fmt: skip
    identifications = frame_of(
        IDENTIFICATION_TABLE,
        {
            **pairs[0], "survey": "gaia", "object_id": star, "p_object": 0.97, "rank": 1,
            "csc_epoch": 2006.0, "epoch": 2016.0, "ra": 276.5628, "dec": -14.8483,
            "remarks": words, "magnitude": 10.8,
        },
    )  # fmt: skip
    counterparts = frame_of(
        counterpart_columns(SURVEYS),
        {
            "fermi_name": first, "association": words, "state": "counterpart",
            "csc_name": chandra[0], "p_counterpart": 0.95, "gaia_id": star, "p_gaia": 0.97,
            "verdict": words, "warnings": words, "fermi_l": 16.9, "fermi_b": -1.3,
        },
        {
            "fermi_name": second, "state": "partly observed", "p_counterpart": np.nan,
            "fermi_l": 190.0, "fermi_b": 2.0,
        },
        {
            "fermi_name": third, "state": "not observed", "p_counterpart": np.nan,
            "fermi_l": 118.0, "fermi_b": 5.0, "fermi_class": words,
        },
    )  # fmt: skip
    association = frame_of(
        CANDIDATE_COLUMNS,
        *({**pair, **n, "p_alone": pair["p_association"]}
          for pair, n in zip(pairs, numbers, strict=True)),
    )  # fmt: skip
    objects = pd.DataFrame(
        {
            "csc_name": [chandra[0], chandra[0]],
            "id": [star, "2"],
            "ra": [276.5628, 276.5640],
            "dec": [-14.8483, -14.8470],
            "g_mag": [10.8, np.nan],
            "pm_east": [500.0, np.nan],
            "pm_north": [0.0, np.nan],
        }
    )
    bins = [{"low": 0.8, "high": 0.95, "candidates": 88, "right": 81, "expected": 78.6,
             "error": 2.9}]  # fmt: skip
    return SourcePages(
        sources=sources,
        candidates=candidates,
        evidence=evidence,
        identifications=identifications,
        counterparts=counterparts,
        cells=pd.DataFrame(
            {
                "cell": cell_of(np.array([276.56, 276.58]), np.array([-14.85, -14.86])),
                "ra": [276.56, 276.58],
                "dec": [-14.85, -14.86],
                "share": [1.0, 0.9],
                "exposure": [5e3, 5e4],
            }
        ),
        association=association,
        controls=frame_of(CONTROL_COLUMNS, {"fermi_name": first, "controls": 12}),
        catalogue=pd.DataFrame(
            {
                "name": list(fermi),
                "ra": [276.56, 276.60, 0.5],
                "dec": [-14.85, -14.87, 67.3],
                **{name: [value] * 3 for name, value in ellipse.items()},
                "counterpart_ra": [276.563, np.nan, np.nan],
                "counterpart_dec": [-14.848, np.nan, np.nan],
            }
        ),
        calibration={"injections": {"bins": bins}},
        objects={"gaia": objects},
        surveys=SURVEYS,
        motion_mas={"gaia": 1.0},
        with_evidence=True,
        about=ABOUT,
    )
