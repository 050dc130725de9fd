"""Stars that move: where a counterpart is when Chandra, Gaia and 2MASS look."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from xgamma.demo.sky.build import simulate
from xgamma.demo.sky.motions import moved, observed_years, year_of_julian_date
from xgamma.run.places import FERMI_LIST, workflow_file


def test_a_motion_by_hand():
    """600 mas/yr for ten years are 6 arcsec: at 60 deg twice as much right ascension."""
    ra, dec = moved(np.array([359.9999]), np.array([60.0]), *np.array([[600.0], [0.0], [10.0]]))
    assert ra[0] == pytest.approx(359.9999 + 12 / 3600 - 360, abs=1e-7)
    ra, dec = moved(
        *np.array([[10.0, 10.0], [0.0, 0.0], [0.0, np.nan], [-360.0, 1.0], [10.0, 1.0]])
    )
    assert dec == pytest.approx([-0.001, 1 / 3.6e6], abs=1e-9)
    # without a motion it stays
    assert ra[1] == 10.0


def test_years_are_the_mean_by_exposure():
    observations = pd.DataFrame(
        {
            "ra": [10.0, 10.1, 200.0],
            "dec": [0.0, 0.0, 0.0],
            "exposure": [1e4, 3e4, 1e4],
            # 2000.0, 2008.0, and after the catalogue's end
            "time": [51544.5, 51544.5 + 8 * 365.25, 51544.5 + 25 * 365.25],
        }
    )
    years = observed_years(np.array([10.05, 200.0, 90.0]), np.zeros(3), observations)
    assert years == pytest.approx([2006.0, 2010.85, 2010.85])


def test_gaia_and_twomass_list_one_star_where_it_was_at_their_time():
    """Carried back by Gaia's motion, 2MASS's positions scatter by 2MASS's errors alone."""
    sky = simulate("small", 4, workflow_file(FERMI_LIST))
    gaia, twomass = (
        sky.tables[name][sky.tables[name]["csc"] >= 0].set_index("csc")
        for name in ("gaiadr3.gaia_source", "fp_psc")
    )
    both = gaia.join(twomass.add_suffix("_2"), how="inner").dropna(subset=["pmra"])
    years = year_of_julian_date(both["jdate_2"]) - both["ref_epoch"]
    assert (years < -14).all() and len(both) > 1000
    north = 3600 * (both["dec_2"] - both["dec"]) - both["pmdec"] * years / 1000
    angle = np.radians(both["err_ang_2"])
    sigma = np.hypot(both["err_maj_2"] * np.cos(angle), both["err_min_2"] * np.sin(angle))
    scatter = north / sigma
    assert np.std(scatter) == pytest.approx(1, abs=4 / np.sqrt(2 * len(both)))
    # left where they are, the fast ones would be far off
    still = 3600 * (both["dec_2"] - both["dec"]) / sigma
    assert np.std(still) > 1.2
