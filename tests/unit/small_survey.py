"""A survey of a hundred stars, and the Fermi and Chandra sources around which it is searched."""

from __future__ import annotations

import numpy as np
import pandas as pd
from fake_tap import Field, SurveySky

from xgamma.archive.surveys import SurveyTable
from xgamma.stages.shard_sources import build_targets

SURVEY = SurveyTable(
    "gaiadr3.gaia_source",
    "source_id",
    "ra",
    "dec",
    {"phot_g_mean_mag": "gaia_mean_g_mag", "phot_variable_flag": "gaia_variability"},
)
RADIUS, CSC_RADIUS = 0.03, 2.0 / 3600
# odd, and far above 2**53: floats know only every 512th integer there
FIRST_ID = 4104196427943626625


def make_pairs():
    """Five Fermi sources: at 0 h, near the pole, two that overlap, one with nothing near."""
    fermi = [(0.002, 5.0), (70.0, 89.9), (200.0, -40.0), (200.02, -40.0), (300.0, 10.0)]
    return pd.DataFrame(
        {
            "fermi_name": f"4FGL {i}",
            "fermi_ra": ra,
            "fermi_dec": dec,
            "csc_name": f"2CXO {i}{k}",
            "csc_ra": (ra + 0.01 * k / np.cos(np.radians(dec))) % 360,
            "csc_dec": dec - 0.004 * k,
            "csc_error_r0": 0.8,
        }
        for i, (ra, dec) in enumerate(fermi)
        for k in range(1, 1 + (3, 2, 1, 1, 1)[i])
    )


def make_stars():
    """Stars around the first four sources, some within an arcsecond of a candidate."""
    random, pairs = np.random.default_rng(5), make_pairs()
    rows = []
    for _, one in pairs.drop_duplicates("fermi_name").iloc[:4].iterrows():
        stretch = np.cos(np.radians(one.fermi_dec))
        for east, north in random.uniform(-0.04, 0.04, (25, 2)):
            rows.append((one.fermi_ra + east / stretch, one.fermi_dec + north))
    for _, one in pairs.iloc[:-1].iterrows():
        for k in range(2):
            rows.append((one.csc_ra, one.csc_dec + (0.4 + k) / 3600))
    ra, dec = np.array(rows).T
    magnitude = random.uniform(8, 21, len(ra)).astype("float32")
    magnitude[::5] = np.nan
    return pd.DataFrame(
        {
            "source_id": FIRST_ID + 2 * np.arange(len(ra)),
            "ra": ra % 360,
            "dec": dec,
            "phot_g_mean_mag": magnitude,
            "phot_variable_flag": ["VARIABLE", "NOT_AVAILABLE", ""] * (len(ra) // 3)
            + [""] * (len(ra) % 3),
        }
    )


def survey_sky(stars):
    mags = [None if np.isnan(m) else str(m) for m in stars["phot_g_mean_mag"]]
    return SurveySky(
        SURVEY.table,
        Field("source_id", "long", stars["source_id"].tolist(), null="-1"),
        Field("ra", "double", stars["ra"].tolist(), "deg"),
        Field("dec", "double", stars["dec"].tolist(), "deg"),
        Field("phot_g_mean_mag", "float", mags, "mag"),
        Field("phot_variable_flag", "char", stars["phot_variable_flag"].tolist()),
    )


def targets_of(pairs, **changes):
    settings = {"radius_deg": RADIUS, "csc_radius_arcsec": 2.0, "by": "healpix", "order": 0}
    return build_targets(pairs, **{**settings, **changes})


def one_shard(pairs):
    """All targets as if of one shard."""
    targets = targets_of(pairs).assign(shard="all")
    return targets.assign(target_id=np.arange(len(targets)))
