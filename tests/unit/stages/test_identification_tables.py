"""From tables to sources and objects: units, epochs, missing errors; the table of matches."""

import numpy as np
import pandas as pd
import pytest
from astropy.time import Time

from xgamma.errors import XgammaError
from xgamma.stages.identify import (
    IDENTIFICATION_TABLE,
    chandra_sources,
    identification_table,
    identify_candidates,
    model_record,
    survey_objects,
)
from xgamma.tables.columns import Column

SETTINGS = {
    "table": "some.table",
    "columns": {
        "id": "id", "mag": "magnitude", "era": "error_1", "edec": "error_2", "pa": "angle",
        "pmra": "pm_1", "pmdec": "pm_2", "day": "day", "parallax": "parallax", "ruwe": "ruwe",
    },
    "identify": {
        "magnitude": "mag", "errors": ["era", "edec"], "error_arcsec": 0.3,
        "proper_motion": ["pmra", "pmdec"], "epoch": "day", "epoch_year": 2010.0,
    },
}  # fmt: skip
UNITS = {"error_1": "mas", "error_2": "mas", "pm_1": "mas / yr", "pm_2": "mas / yr"}


def settings(**identify):
    return {**SETTINGS, "identify": {**SETTINGS["identify"], **identify}}


def rows(**columns):
    """One object; or as many as the longest of `columns` has."""
    count = max((len(values) for values in columns.values() if isinstance(values, list)), default=1)
    plain = {
        "around": "csc", "ra": 10.0 + 0.01 * np.arange(count), "dec": 20.0, "magnitude": 15.0,
        "error_1": 30.0, "error_2": 40.0, "angle": 0.0, "pm_1": 3.0, "pm_2": -4.0,
        "day": 2016.0, "parallax": np.nan, "ruwe": 1.0,
    }  # fmt: skip
    frame = pd.DataFrame({"id": [str(k) for k in range(count)]})
    return frame.assign(**{**plain, **columns})


def one(units=UNITS, identify=None, **columns):
    return survey_objects(rows(**columns), units, settings(**(identify or {})))[1]


@pytest.mark.parametrize(("unit", "arcsec"), [("mas", 0.03), ("arcsec", 30.0), ("deg", 108_000.0)])
def test_errors_and_motions_in_the_service_s_units(unit, arcsec):
    units = {**UNITS, "error_1": unit, "pm_1": f"{unit} / yr"}
    objects = one(units)
    assert objects.covariance[0] == pytest.approx([arcsec**2, 0, 0.04**2])
    assert objects.motion[0] == pytest.approx([arcsec / 10, -0.004])
    assert objects.motion_sigma == pytest.approx([max(arcsec, 0.04)])


@pytest.mark.parametrize(("unit", "trouble"), [
    ("km", "is in km, which is no angle"), ("arcmin", "is in arcmin, which is no angle"),
    ("", "has no unit"),
])  # fmt: skip
def test_an_error_in_another_unit_is_a_line(unit, trouble):
    with pytest.raises(XgammaError) as caught:
        one({**UNITS, "error_2": unit})
    assert str(caught.value) == (
        f"surveys: some.table.edec {trouble}; identify.errors and identify.proper_motion name "
        "columns in mas, arcsec or deg (errors: [] takes error_arcsec for all)"
    )


def test_a_motion_without_a_unit_is_in_mas_as_the_settings_say():
    assert one({**UNITS, "pm_1": "", "pm_2": ""}).motion[0] == pytest.approx([0.003, -0.004])


def test_an_error_without_a_unit_that_no_object_has_does_not_matter():
    objects = one({}, error_1=np.nan, error_2=np.nan)
    assert objects.covariance[0] == pytest.approx([0.09, 0, 0.09])


def test_null_and_zero_errors_are_the_stated_one():
    objects = one(error_1=[30.0, np.nan, 0.0, 30.0], error_2=[40.0, 40.0, 40.0, np.nan])
    assert objects.covariance[0] == pytest.approx([0.0009, 0, 0.0016])
    assert objects.covariance[1:] == pytest.approx(np.tile([0.09, 0, 0.09], (3, 1)))
    assert one(identify={"errors": []}).covariance[0] == pytest.approx([0.09, 0, 0.09])


def test_an_ellipse_s_angle_is_east_of_north():
    ellipse = {"errors": ["era", "edec", "pa"], "proper_motion": []}
    objects = one({**UNITS, "error_1": "arcsec"}, ellipse, error_1=0.2, error_2=50.0, angle=90.0)
    assert objects.covariance[0] == pytest.approx([0.04, 0, 0.0025])
    unknown = one({**UNITS, "error_1": "arcsec"}, ellipse, error_1=0.2, error_2=50.0, angle=np.nan)
    assert unknown.covariance[0] == pytest.approx([0.0025, 0, 0.04])


def test_an_object_without_a_motion_may_have_one():
    """Two-parameter sources: 5 mas a year on each axis, and they say so."""
    frame, objects = survey_objects(
        rows(pm_1=[3.0, np.nan, 3.0], pm_2=[4.0, np.nan, np.nan]), UNITS, settings()
    )
    assert objects.motion.tolist() == [[0.003, 0.004], [0, 0], [0, 0]]
    assert objects.motion_sigma == pytest.approx([0.04, 0.005, 0.005])
    assert frame["remarks"].tolist() == ["", "two-parameter", "two-parameter"]
    # in a survey that knows no motions none is remarkable
    frame, objects = survey_objects(rows(), UNITS, settings(proper_motion=[]))
    assert objects.motion_sigma.tolist() == [0.005] and frame["remarks"].tolist() == [""]


def test_doubtful_solutions_have_larger_errors_and_parallaxes_move_stars():
    frame, objects = survey_objects(
        rows(ruwe=[1.39, 3.0, np.nan], parallax=[np.nan, 0.0, 200.0]), UNITS, settings()
    )
    assert frame["remarks"].tolist() == ["", "ruwe", ""]
    plain = np.array([0.0009, 0, 0.0016])
    assert objects.covariance[0] == pytest.approx(plain)
    assert objects.covariance[1] == pytest.approx(9 * plain)
    # a circle of 0.2 arcsec: half of its square on each axis, on average
    to_and_fro = np.var(0.2 * np.sin(np.linspace(0, 2 * np.pi, 1000, endpoint=False)))
    moved = np.array([to_and_fro, 0, to_and_fro])
    assert objects.covariance[2] == pytest.approx(plain + moved)
    assert objects.motion_sigma == pytest.approx([0.04, 0.12, 0.04])


@pytest.mark.parametrize("form", ["jyear", "jd", "mjd"])
@pytest.mark.parametrize("day", ["1998-01-03T12:00:00", "2017-07-01T00:00:00"])
def test_epochs_are_years_julian_dates_or_mjd(form, day):
    time = Time(day, scale="tt")
    assert one(day=getattr(time, form)).epoch == pytest.approx([time.jyear], abs=1e-6)


def test_an_object_without_an_epoch_has_the_stated_one():
    assert one(day=[2015.5, np.nan]).epoch.tolist() == [2015.5, 2010.0]
    assert one(identify={"epoch": ""}).epoch.tolist() == [2010.0]


def test_objects_stand_once_by_place_those_around_fermi_sources_not_at_all():
    frame = pd.concat([rows(ra=[3.0, 2.0], dec=[1.0, 1.0]), rows(id=["1"]), rows(id=["9"])])
    frame["around"] = ["csc", "csc", "both", "fermi"]
    frame = frame.assign(dec=[1.0, 1.0, 1.0, 1.0])
    kept, objects = survey_objects(frame, UNITS, settings())
    assert kept["id"].tolist() == ["1", "0"] and objects.ra.tolist() == [2.0, 3.0]
    assert len(survey_objects(rows().iloc[:0], UNITS, settings())[1]) == 0


def test_objects_near_each_other_may_be_blended():
    arcsec = 1 / 3600
    frame, _ = survey_objects(
        rows(ra=[359.9999] * 3, dec=[0.0, 1.4 * arcsec, 3.0 * arcsec]), UNITS, settings()
    )
    assert frame["remarks"].tolist() == ["blend", "blend", ""]


# ---- Chandra sources ----


def targets(*names, radius=4.0, **columns):
    frame = pd.DataFrame(
        {
            "around": "csc", "fermi_name": "4FGL 1", "csc_name": list(names),
            "ra": 10.0 + np.arange(len(names)), "dec": 20.0, "radius_deg": radius / 3600,
            "field_radius_deg": 12.0 / 3600,
        }
    )  # fmt: skip
    return frame.assign(**columns)


def catalogue(*names, r0=1.2, r1=0.6, angle=0.0, flux=1e-14):
    return pd.DataFrame(
        {
            "name": list(names), "error_ellipse_r0": r0, "error_ellipse_r1": r1,
            "error_ellipse_angle": angle, "b_flux_ap": flux,
        }
    )  # fmt: skip


def observed(*made):
    """Observations: (ra, year, exposure)."""
    ra, year, exposure = np.array(made, float).reshape(-1, 3).T
    return pd.DataFrame(
        {"ra": ra, "dec": 20.0, "time": Time(year, format="jyear").mjd, "exposure": exposure}
    )


def test_ellipses_of_95_percent_become_sigmas_with_a_floor():
    names, sources = chandra_sources(targets("a"), catalogue("a", angle=90.0), observed())
    east, north = (
        axis**2 / (-2 * np.log(0.05)) + 0.05**2 for axis in (1.2, 0.6)
    )  # fmt: skip
    assert names.tolist() == ["a"]
    assert sources.covariance[0] == pytest.approx([east, 0, north])
    assert (sources.match_arcsec[0], sources.field_arcsec[0]) == pytest.approx((4, 12))


@pytest.mark.parametrize(("r0", "r1", "axes"), [
    (1.2, np.nan, (1.2, 1.2)), (np.nan, np.nan, None), (0.0, 0.0, None),
])  # fmt: skip
def test_null_errors_of_chandra_sources(r0, r1, axes):
    found = chandra_sources(targets("a"), catalogue("a", r0=r0, r1=r1, angle=np.nan), observed())[1]
    variances = [axis**2 / (-2 * np.log(0.05)) for axis in axes] if axes else [1.0, 1.0]
    assert found.covariance[0, [0, 2]] == pytest.approx(np.array(variances) + 0.05**2)


def test_candidates_stand_once_sorted_and_keep_their_errors():
    both = pd.concat([targets("b", "a"), targets("b"), targets("x").assign(around="fermi")])
    names, sources = chandra_sources(both, catalogue("a", "x", "b", r0=[1.0, 2.0, 3.0]), observed())
    assert names.tolist() == ["a", "b"] and sources.ra.tolist() == [11.0, 10.0]
    assert sources.covariance[:, 2] == pytest.approx(
        np.array([1.0, 9.0]) / (-2 * np.log(0.05)) + 0.05**2
    )


def test_epochs_of_chandra_sources():
    """One observation: its time. Two: weighted by exposure. None, or none in its years: all."""
    seen = observed(
        (10.1, 2005.5, 30.0), (11.0, 2002.0, 30.0), (11.0, 2010.0, 10.0), (12.5, 2003.0, 10.0),
        (13.0, 2024.0, 10.0), (13.0, 2008.0, 0.0),
    )  # fmt: skip
    _, sources = chandra_sources(targets(*"abcd"), catalogue(*"abcd"), seen)
    assert sources.epoch == pytest.approx([2005.5, 2004.0, 2010.85, 2010.85], abs=1e-6)
    all_years = (2022.0 - 1999.7) / np.sqrt(12)
    two = np.sqrt((3 * 2.0**2 + 6.0**2) / 4)
    assert sources.epoch_spread == pytest.approx([0, two, all_years, all_years], abs=1e-6)


def test_groups_by_flux_are_of_equal_size_and_those_without_one_apart():
    flux = [3e-14, np.nan, 1e-15, 2e-15, 0.0, 5e-14, 8e-15, 9e-15]
    found = chandra_sources(targets(*"abcdefgh"), catalogue(*"abcdefgh", flux=flux), observed())[1]
    assert found.flux_group.tolist() == [2, 3, 0, 0, 3, 2, 1, 1]
    unknown = chandra_sources(targets("a"), catalogue("a", flux=np.nan), observed())[1]
    assert unknown.flux_group.tolist() == [3]


def test_without_candidates():
    names, sources = chandra_sources(targets(), catalogue("a"), observed())
    assert len(names) == len(sources) == 0


# ---- the table ----

COLUMNS = [Column(name, "float", unit) for name, unit in UNITS.items()]


def around(candidates, offsets, prefix, **columns):
    """A survey's rows: objects north of each candidate by so many arcsec, and a ring of ten."""
    parts, ring = [], np.radians(36.0 * np.arange(10))
    for target in candidates.itertuples():
        north = np.append(offsets, 9 * np.cos(ring)) / 3600
        east = np.append(0.0 * np.array(offsets), 9 * np.sin(ring)) / 3600
        place = {"ra": target.ra + east / np.cos(np.radians(target.dec)), "dec": target.dec + north}
        parts.append(pd.DataFrame(place))
    frame = pd.concat(parts, ignore_index=True)
    plain = rows(**{name: list(frame[name]) for name in ("ra", "dec")}).assign(**columns)
    return plain.assign(id=[f"{prefix}{k}" for k in range(len(plain))])


def identified(offsets=(0.4, 0.8, 3.5)):
    candidates = targets("a", "b")
    # one candidate of two Fermi sources
    shared = pd.concat([candidates, targets("a", fermi_name="4FGL 2")], ignore_index=True)
    slow = settings(proper_motion=[])
    surveys = {"slow": slow, "fast": settings()}
    shards = {
        "slow": (around(candidates, offsets, "s", error_1=100.0, error_2=100.0), COLUMNS),
        "fast": (around(candidates, offsets, "f"), COLUMNS),
    }
    found = identify_candidates(
        shared, catalogue("a", "b"), observed((10.0, 2016.0, 1.0), (11.0, 2016.0, 1.0)), shards,
        surveys,
    )  # fmt: skip
    return found, identification_table(found, shared, surveys)


def test_a_row_for_each_fermi_source_candidate_and_object_near():
    found, table = identified()
    assert list(table.columns) == [column.name for column in IDENTIFICATION_TABLE]
    # those that know motions come first for the matching, the config's order holds in the table
    assert list(found.surveys) == ["fast", "slow"]
    keys = table[["fermi_name", "csc_name", "survey"]].drop_duplicates().to_numpy().tolist()
    assert keys == [
        [fermi, csc, survey]
        for fermi, csc in (("4FGL 1", "a"), ("4FGL 1", "b"), ("4FGL 2", "a"))
        for survey in ("slow", "fast")
    ]
    first = table[(table.fermi_name == "4FGL 1") & (table.csc_name == "a")]
    assert first["rank"].tolist() == [1, 2, 3] * 2
    assert first["sep_arcsec"].to_numpy() == pytest.approx([0.4, 0.8, 3.5] * 2, abs=1e-4)
    of_second = table[table.fermi_name == "4FGL 2"].drop(columns="fermi_name")
    pd.testing.assert_frame_equal(
        of_second.reset_index(drop=True), first.drop(columns="fermi_name").reset_index(drop=True)
    )


def test_probabilities_of_a_source_and_survey_fit():
    table = identified()[1]
    for _, group in table.groupby(["fermi_name", "csc_name", "survey"]):
        assert group["p_object"].sum() == pytest.approx(group["p_any"].iloc[0])
        assert group["p_i"].sum() == pytest.approx(1)
        assert group["p_object"].is_monotonic_decreasing
        best = group["p_i"].iloc[0]
        expected = [1, *(2 if p >= best / 2 else 0 for p in group["p_i"].iloc[1:])]
        assert group["match_flag"].tolist() == expected
        assert group["field_density"].iloc[0] == pytest.approx(
            3600 * 10 / (np.pi * (12**2 - 4**2)), rel=0.05
        )
    assert table["p_any"].between(0.5, 1).all() and table["chance_p_any"].between(0, 0.5).all()
    # as good as the first: flagged
    assert set(identified((0.4, -0.41))[1]["match_flag"]) == {1, 2}


def test_separations_in_sigma_are_those_of_both_errors():
    table = identified()[1].set_index(["survey", "rank"])
    north = 1.2**2 / (-2 * np.log(0.05)) + 0.05**2
    # the object's: 40 mas and, from 2016 to 2016, no motion; the other survey's 100 mas
    for survey, sigma in (("fast", 0.04), ("slow", 0.1)):
        expected = 0.4 / np.sqrt(north + sigma**2)
        assert table.loc[(survey, 1), "sep_sigma"].iloc[0] == pytest.approx(expected, rel=1e-3)


def test_what_was_learnt_is_recorded():
    found, _ = identified()
    record = model_record(found)
    assert record["surveys"] == ["fast", "slow"] and record["sources"] == 2
    assert set(record["shares"]) == {"none", "fast", "slow", "fast+slow"}
    # three groups by density, for each of three by flux
    assert np.sum(list(record["shares"].values()), axis=0) == pytest.approx(np.ones(9))
    assert set(record["secure"]) == {"fast", "slow", "fast+slow"}
    for survey in ("fast", "slow"):
        assert 1 < record["sum_p_any"][survey] < 2 and 0 <= record["chance_p_any"][survey] < 0.5


def test_a_run_without_candidates_has_an_empty_table():
    surveys = {"fast": settings()}
    nothing = {"fast": (rows().iloc[:0], COLUMNS)}
    found = identify_candidates(targets(), catalogue("a"), observed(), nothing, surveys)
    table = identification_table(found, targets(), surveys)
    assert len(table) == 0 and len(table.columns) == len(IDENTIFICATION_TABLE)
    assert model_record(found)["chance_p_any"] == {"fast": None}
