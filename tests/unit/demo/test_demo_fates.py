"""The true objects of the Fermi sources: what they are drawn by, and what became of each.

The laws are written down here a second time; offsets, footprints and counts are computed from
separations and position angles, not by the library. Shares of many draws are held to four
standard deviations.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xgamma.demo.sky import build
from xgamma.demo.sky.counterparts import draw_counterparts
from xgamma.demo.sky.fermi import read_fermi
from xgamma.demo.sky.pointings import FOOTPRINTS

RESOURCE = Path(__file__).parents[3] / "resources" / "4fgl_dr4_v35.ecsv.gz"
SEED, DRAWS = 4, 40
AGN_CLASSES = ("bll", "fsrq", "bcu")


def separation_and_angle(ra1, dec1, ra2, dec2):
    """Separation, and position angle east of north as seen from the first place; degrees."""
    ra1, dec1, ra2, dec2 = (np.radians(a) for a in (ra1, dec1, ra2, dec2))
    difference = ra2 - ra1
    east = np.cos(dec2) * np.sin(difference)
    north = np.sin(dec2) * np.cos(dec1) - np.cos(dec2) * np.sin(dec1) * np.cos(difference)
    along = np.sin(dec2) * np.sin(dec1) + np.cos(dec2) * np.cos(dec1) * np.cos(difference)
    return (
        np.degrees(np.arctan2(np.hypot(east, north), along)),
        np.degrees(np.arctan2(east, north)),
    )


def assert_share(members, expected, what):
    """A share of many draws, to four standard deviations."""
    members = np.asarray(members)
    tolerance = 4 * np.sqrt(expected * (1 - expected) / len(members)) + 1e-12
    assert abs(members.mean() - expected) <= tolerance, (what, members.mean(), expected)


@pytest.fixture(scope="module")
def fermi() -> pd.DataFrame:
    return read_fermi(RESOURCE)


@pytest.fixture(scope="module")
def drawn(fermi) -> pd.DataFrame:
    """The true objects of many skies, each with its Fermi source's columns."""
    objects = pd.concat(
        draw_counterparts(np.random.default_rng(seed), fermi) for seed in range(DRAWS)
    )
    of_source = fermi.iloc[objects["fermi"]].reset_index(drop=True).add_prefix("fermi_")
    return pd.concat([objects.reset_index(drop=True), of_source], axis=1)


# ---- what is drawn


def test_every_source_with_an_ellipse_has_an_object_and_no_other(fermi, drawn):
    with_ellipse = np.flatnonzero(fermi["semi_major_axis_95"] > 0)
    assert len(with_ellipse) == 7105
    assert drawn["fermi"].tolist() == with_ellipse.tolist() * DRAWS
    dark = drawn["nature"] == ""
    assert (drawn["log_flux_ratio"].isna() == dark).all()


def test_positions_follow_the_error_law(drawn):
    distance, angle = separation_and_angle(
        drawn["fermi_ra"], drawn["fermi_dec"], drawn["ra"], drawn["dec"]
    )
    from_major_axis = np.radians(angle - drawn["fermi_position_angle_95"])
    x = np.hypot(
        distance * np.cos(from_major_axis) / drawn["fermi_semi_major_axis_95"],
        distance * np.sin(from_major_axis) / drawn["fermi_semi_minor_axis_95"],
    ).to_numpy()
    plane = (drawn["fermi_bii"].abs() <= 10).to_numpy()
    flags = drawn["fermi_analysis_flags"].to_numpy()
    flagged = (flags % 2 == 1) | (flags // 2 % 2 == 1) | (flags // 32 % 4 > 0)
    weak = (drawn["fermi_detection_significance"] <= 15).to_numpy()
    core, wide = 0.97, 2.86
    groups = {
        "flagged": (plane & flagged, core, 0.47),
        "weak": (plane & ~flagged & weak, core, 0.30),
        "rest of the plane": (plane & ~flagged & ~weak, core, 0.10),
        "off the plane": (~plane, 0.95, 0.0),
    }
    for name, (members, scale, wide_share) in groups.items():
        assert members.sum() > 10_000, name
        for at in (0.5, 1.0, 1.5, 3.0):
            # 5 % of the nominal Gaussian lie beyond 1
            expected = (1 - wide_share) * 0.05 ** (at / scale) ** 2
            expected += wide_share * 0.05 ** (at / wide) ** 2
            assert_share(x[members] > at, expected, (name, at))


def test_shares_of_natures_by_class(drawn):
    folded = drawn["fermi_source_type"].str.lower()
    expected = {
        ("psr",): {"young pulsar": 0.9},
        ("msp",): {"millisecond pulsar": 0.8},
        ("hmb",): {"high-mass binary": 1.0},
        ("lmb", "bin"): {"other binary": 0.95},
        AGN_CLASSES: {"AGN": 0.95},
        ("spp",): {"young pulsar": 0.4 * 0.9},
        ("", "unk"): {
            "AGN": 0.2 * 0.95,
            "young pulsar": 0.1 * 0.9,
            "millisecond pulsar": 0.1 * 0.8,
        },
    }
    for classes, natures in expected.items():
        nature = drawn.loc[folded.isin(classes), "nature"]
        assert set(nature) <= {"", *natures}
        for name, share in natures.items():
            assert_share(nature == name, share, (classes, name))


@pytest.mark.parametrize(
    ("nature", "location", "scale"),
    [
        ("young pulsar", -3.58, 0.62),
        ("millisecond pulsar", -2.54, 0.83),
        ("AGN", -1.1, 0.8),
        ("high-mass binary", -2.2, 1.3),
        ("other binary", -1.3, 0.8),
    ],
)
def test_flux_ratios_are_those_of_a_t_distribution_with_both_tails(drawn, nature, location, scale):
    """Quantiles of Student's t with four degrees of freedom, from a table.

    They were cut off where a field shows no more, so that every object was detected.
    """
    t = (drawn.loc[drawn["nature"] == nature, "log_flux_ratio"] - location) / scale
    for quantile, share in ((0.741, 0.25), (2.132, 0.05), (4.604, 0.005)):
        assert_share(t > quantile, share, (nature, quantile))
        assert_share(t < -quantile, share, (nature, -quantile))


# ---- what became of it


@pytest.fixture(scope="module")
def sky_and_fields():
    """The small sky, and the fields that its simulation detects sources in."""
    seen = []
    place = build.place_counterparts

    def place_and_keep_fields(fields, *others):
        seen.append(fields)
        return place(fields, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "place_counterparts", place_and_keep_fields)
        sky = build.simulate("small", SEED, RESOURCE)
    return sky, *seen


@pytest.fixture(scope="module")
def sky(sky_and_fields):
    return sky_and_fields[0]


def test_fates_exclude_each_other_and_agree_with_the_catalogue(sky, fermi):
    fates, csc = sky.fates, sky.tables["csc"].set_index("name")
    assert list(fates.columns) == [column.name for column in build.FATE_COLUMNS]
    listed = fermi[fermi["semi_major_axis_95"] > 0]
    assert fates["fermi_name"].tolist() == listed["name"].tolist()
    assert fates["fermi_class"].tolist() == listed["source_type"].tolist()
    assert set(fates["fate"]) == {"detected", "below limit", "outside", "none"}
    assert ((fates["fate"] == "none") == (fates["nature"] == "")).all()
    detected = fates[fates["fate"] == "detected"]
    assert ((fates["fate"] == "detected") == (fates["csc_name"] != "")).all()
    assert detected["csc_name"].is_unique
    place = csc.loc[detected["csc_name"], ["ra", "dec"]].to_numpy()
    assert (place == detected[["ra", "dec"]].to_numpy()).all()
    # the other table tells the same of them, and knows no more counterparts
    truth = sky.truth[sky.truth["fermi_name"] != ""]
    same = ["fermi_name", "csc_name", "fermi_class", "nature", "log_flux_ratio"]
    pd.testing.assert_frame_equal(
        truth[same].reset_index(drop=True),
        detected[same].sort_values("fermi_name", ignore_index=True),
        check_dtype=False,
    )


def test_a_fate_is_that_of_the_best_field_over_the_object(sky_and_fields, fermi):
    """Each object that shines against each field: in which ones it lies, its counts in them."""
    sky, fields = sky_and_fields
    energy_flux = fermi.set_index("name")["energy_flux"]
    ra, dec, roll, exposure = (
        fields[name].to_numpy() for name in ("ra", "dec", "roll", "exposure")
    )
    half_x, half_y, centre_x, centre_y, efficiency = (
        FOOTPRINTS[name].to_numpy()[fields["footprint"]]
        for name in ("half_x", "half_y", "centre_x", "centre_y", "efficiency")
    )
    shining = sky.fates[sky.fates["fate"] != "none"]
    assert shining["fate"].value_counts().min() >= 10
    for one in shining.itertuples():
        distance, angle = separation_and_angle(ra, dec, one.ra, one.dec)
        # arcmin on the plane that touches the sky at the aim point; none of it beyond 90 deg
        off_axis = np.where(distance < 80, 60 * np.degrees(np.tan(np.radians(distance))), 1e9)
        from_up = np.radians(angle - roll)
        inside = np.abs(off_axis * np.sin(from_up) - centre_x) <= half_x
        inside &= np.abs(off_axis * np.cos(from_up) - centre_y) <= half_y
        flux = energy_flux[one.fermi_name] * 10**one.log_flux_ratio
        counts = flux * exposure * efficiency / (1 + (off_axis / 7.0) ** 2) / 1.2e-11
        if not inside.any():
            expected = "outside"
        else:
            expected = "detected" if counts[inside].max() >= 5 else "below limit"
        assert one.fate == expected, (one.fermi_name, counts[inside])


def test_the_list_of_observations_tells_where_the_catalogue_has_looked(sky_and_fields):
    """Public by the end of 2021 and without a grating: these made the fields, and no others."""
    sky, fields = sky_and_fields
    listed = sky.tables["chanmaster"]
    listed = listed[(listed["grating"] == "NONE") & (listed["public_date"] <= 59580)]
    assert len(listed) == fields["n_obs"].sum()
    assert listed["exposure"].sum() == pytest.approx(fields["exposure"].sum())
    # pointings scatter by a quarter of an arcminute on each axis
    for one in fields.itertuples():
        apart, _ = separation_and_angle(listed["ra"], listed["dec"], one.ra, one.dec)
        assert (apart < 1.5 / 60).sum() >= one.n_obs


def test_positions_that_the_list_gives_for_associated_sources(sky):
    """Of sources with a class, near the simulated object: the real ones are of another sky."""
    served = sky.tables["fermilpsc"].set_index("name")
    known = served["counterpart_ra"].notna()
    assert (known == served["counterpart_dec"].notna()).all()
    folded = served["source_type"].str.strip().str.lower()
    usable = ~folded.isin(["", "unk"]) & (served["semi_major_axis_95"] > 0)
    assert (known == usable).all() and known.sum() > 4000
    fates = sky.fates.set_index("fermi_name").loc[served.index[known]]
    given = served[known]
    distance, angle = separation_and_angle(
        fates["ra"], fates["dec"], given["counterpart_ra"], given["counterpart_dec"]
    )
    for axis in (np.sin, np.cos):
        offset = 3600 * distance * axis(np.radians(angle))
        assert offset.std() == pytest.approx(0.5, rel=0.05)
        assert abs(offset.mean()) < 4 * 0.5 / np.sqrt(len(offset))
    # an object without X-rays has its position all the same
    assert (fates["fate"] == "none").any()


def test_ls_5039_has_its_counterpart_among_its_candidates(sky):
    """A binary that examples show: detected, with a flux, in the circle."""
    (one,) = sky.fates[sky.fates["fermi_name"] == "4FGL J1826.2-1450"].itertuples()
    assert (one.fermi_class, one.nature, one.fate) == ("HMB", "high-mass binary", "detected")
    source = sky.tables["csc"].set_index("name").loc[one.csc_name]
    gamma = sky.tables["fermilpsc"].set_index("name").loc[one.fermi_name]
    distance, _ = separation_and_angle(gamma["ra"], gamma["dec"], source["ra"], source["dec"])
    assert source["b_flux_ap"] > 0 and distance <= gamma["semi_major_axis_95"]
