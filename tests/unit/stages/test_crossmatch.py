"""The pairs: what is asked, what is computed for each, and that both joins must agree."""

import re

import numpy as np
import pandas as pd
import pytest
from fake_tap import Field, votable

from xgamma.archive.catalogues import ALL_ROWS, CATALOGUES, fit_to_catalogue, resolve_columns
from xgamma.archive.client import TapClient
from xgamma.errors import XgammaError
from xgamma.stages.crossmatch import crossmatch_adql, crossmatch_count_adql, fetch_pairs
from xgamma.stages.pairs import EXCLUDED_COLUMNS, PAIR_COLUMNS, excluded_sources, finish_pairs
from xgamma.stages.verify_crossmatch import EDGE_DEG, local_pairs, verify_pairs
from xgamma.tap.mirror_names import MirrorLacks, Names

COLUMNS = {name: [c.name for c in CATALOGUES[name].columns] for name in ("fermilpsc", "csc")}


def everything(name):
    return resolve_columns(CATALOGUES[name], COLUMNS[name])


def fermi_catalogue(*rows):
    """Rows of (name, ra, dec, bii, R95); the rest as a source has it."""
    frame = pd.DataFrame(rows, columns=["name", "ra", "dec", "bii", "semi_major_axis_95"])
    frame = frame.assign(
        lii=10.0,
        semi_minor_axis_95=frame["semi_major_axis_95"] / 2,
        position_angle_95=0.0,
        energy_flux=1e-11,
        energy_flux_error=1e-12,
        detection_significance=9.0,
        source_type="",
        assoc_name="",
        analysis_flags=0,
    )
    return fit_to_catalogue(frame, CATALOGUES["fermilpsc"])


def csc_catalogue(*rows):
    """Rows of (name, ra, dec, bii, flux)."""
    frame = pd.DataFrame(rows, columns=["name", "ra", "dec", "bii", "b_flux_ap"])
    return fit_to_catalogue(frame.assign(lii=10.0, error_ellipse_r0=0.7), CATALOGUES["csc"])


def joined(fermi, csc, pairs):
    """The rows that a service's join would give for the pairs of names."""
    f, c = fermi.set_index("name"), csc.set_index("name")
    return pd.DataFrame(
        {
            "fermi_name": a,
            "fermi_ra": f.at[a, "ra"],
            "fermi_dec": f.at[a, "dec"],
            "fermi_l": f.at[a, "lii"],
            "fermi_b": f.at[a, "bii"],
            "fermi_r95": f.at[a, "semi_major_axis_95"],
            "fermi_semi_minor_95": f.at[a, "semi_minor_axis_95"],
            "fermi_position_angle_95": f.at[a, "position_angle_95"],
            "fermi_flux": f.at[a, "energy_flux"],
            "fermi_class": f.at[a, "source_type"],
            "fermi_flags": f.at[a, "analysis_flags"],
            "csc_name": b,
            "csc_ra": c.at[b, "ra"],
            "csc_dec": c.at[b, "dec"],
            "csc_l": c.at[b, "lii"],
            "csc_b": c.at[b, "bii"],
            "csc_flux": c.at[b, "b_flux_ap"],
            "csc_error_r0": c.at[b, "error_ellipse_r0"],
        }
        for a, b in pairs
    )


def brute_force(fermi, csc, cut, min_flux):
    """The join as it is defined, all with all, with the angle between two unit vectors."""

    def vectors(frame):
        ra, dec = np.radians(frame["ra"]), np.radians(frame["dec"])
        return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)

    points, names = vectors(csc), csc["name"].to_numpy()
    bright = np.full(len(csc), True) if min_flux is None else csc["b_flux_ap"].to_numpy() > min_flux
    found = []
    for f, centre in zip(fermi.itertuples(), vectors(fermi), strict=True):
        if -cut <= f.bii <= cut and f.semi_major_axis_95 > 0:
            across = np.linalg.norm(np.cross(points, centre), axis=1)
            apart = np.degrees(np.arctan2(across, points @ centre))
            found += [(f.name, n) for n in names[bright & (apart <= f.semi_major_axis_95)]]
    return sorted(found)


@pytest.fixture(scope="module")
def sky():
    """Two crowded patches (one at 0 h, one near a pole), some nulls, some beyond the cut."""
    random = np.random.default_rng(20)
    at = [(0.0, 1.0), (100.0, 88.0)]
    fermi = [
        (
            f"4FGL J{i:04d}" + "c" * (i % 5 == 0),
            (at[i % 2][0] + random.uniform(-1, 1) / np.cos(np.radians(at[i % 2][1]))) % 360,
            at[i % 2][1] + random.uniform(-1, 1),
            random.uniform(-14, 14),
            np.nan if i % 7 == 0 else random.uniform(0.02, 0.4),
        )
        for i in range(40)
    ]
    csc = [
        (
            f"2CXO J{i:05d}",
            (at[i % 2][0] + random.normal(0, 0.7) / np.cos(np.radians(at[i % 2][1]))) % 360,
            at[i % 2][1] + random.normal(0, 0.7),
            random.uniform(-14, 14),
            [np.nan, 0.0, 1e-14, 3e-14][i % 4],
        )
        for i in range(600)
    ]
    return fermi_catalogue(*fermi), csc_catalogue(*csc)


def test_adql_cuts_the_fermi_latitude_only_and_names_every_column():
    adql = crossmatch_adql(9.5, 1e-15, everything("fermilpsc"), everything("csc"), Names())
    assert adql.startswith(f"SELECT TOP {ALL_ROWS} ")
    select, rest = adql.split(" FROM ")
    columns = select.removeprefix(f"SELECT TOP {ALL_ROWS} ").split(", ")
    # HEASARC calls the columns of a join alias_column: every one has its own name
    parts = [re.fullmatch(r"([fc])\.(\w+) AS (\w+)", column).groups() for column in columns]
    asked = {ours: (table, theirs) for table, theirs, ours in parts}
    assert asked["fermi_r95"] == ("f", "semi_major_axis_95")
    assert asked["csc_b"] == ("c", "bii")
    assert set(asked) == {c.name for c in PAIR_COLUMNS[:18]}
    assert rest.startswith("fermilpsc AS f, csc AS c WHERE ")
    assert "f.bii BETWEEN -9.5 AND 9.5" in rest and "c.bii" not in rest
    assert "f.semi_major_axis_95 > 0" in rest
    assert "c.b_flux_ap > 1e-15" in rest
    assert (
        "CONTAINS(POINT('ICRS', c.ra, c.dec), CIRCLE('ICRS', f.ra, f.dec, f.semi_major_axis_95))"
        " = 1" in rest
    )
    assert crossmatch_count_adql(9.5, 1e-15, Names()) == f"SELECT COUNT(*) AS n FROM {rest}"


def test_adql_without_flux_cut_and_with_what_the_service_has():
    fermi = {**everything("fermilpsc"), "analysis_flags": "flags", "semi_minor_axis_95": None}
    adql = crossmatch_adql(10, None, fermi, everything("csc"), Names())
    assert "b_flux_ap >" not in adql
    assert "BETWEEN -10 AND 10" in adql
    assert "f.flags AS fermi_flags" in adql, "under the service's own name"
    assert "semi_minor" not in adql


def test_the_join_word_for_word():
    """Kept answers are found again by this text: a change makes them useless."""
    columns = {"name": "name", "ra": "ra", "bii": None}
    assert crossmatch_adql(10.0, 0.0, columns, columns, Names()) == (
        "SELECT TOP 9999999 f.name AS fermi_name, f.ra AS fermi_ra, c.name AS csc_name, "
        "c.ra AS csc_ra FROM fermilpsc AS f, csc AS c WHERE f.bii BETWEEN -10.0 AND 10.0 AND "
        "f.semi_major_axis_95 > 0 AND c.b_flux_ap > 0.0 AND CONTAINS(POINT('ICRS', c.ra, c.dec), "
        "CIRCLE('ICRS', f.ra, f.dec, f.semi_major_axis_95)) = 1"
    )


def test_of_named_sources_the_names_are_asked_for_and_not_the_latitude():
    columns = {"name": "name", "bii": "bii"}
    names = ["4FGL J1826.2-1450", "O'Brien"]
    where = (
        "FROM fermilpsc AS f, csc AS c WHERE f.name IN ('4FGL J1826.2-1450', 'O''Brien') AND "
        "f.semi_major_axis_95 > 0 AND CONTAINS("
    )
    assert where in crossmatch_adql(10.0, None, columns, columns, Names(), sources=names)
    assert crossmatch_count_adql(10.0, None, Names(), names).startswith(
        f"SELECT COUNT(*) AS n {where}"
    )


def test_a_mirror_is_asked_in_its_names_and_answers_in_ours():
    maps = {
        "fermilpsc": {
            "table": '"IX/72/4fgldr4"',
            "columns": {
                "name": '"4FGL"', "ra": "RAJ2000", "dec": "DEJ2000", "bii": "GLAT",
                "semi_major_axis_95": "r95", "flags": "F",
            },
        },
        "csc": {
            "table": '"IX/70/csc21mas"',
            "columns": {
                "name": '"2CXO"', "ra": "RAICRS", "dec": "DEICRS", "b_flux_ap": "Fluxb",
            },
        },
    }  # fmt: skip
    fermi = {"name": "name", "ra": "ra", "analysis_flags": "flags"}
    csc = {"name": "name", "ra": "ra", "b_flux_ap": "b_flux_ap"}
    where = (
        'FROM "IX/72/4fgldr4" AS f, "IX/70/csc21mas" AS c WHERE f.GLAT BETWEEN -10 AND 10 AND '
        "f.r95 > 0 AND c.Fluxb > 0 AND CONTAINS(POINT('ICRS', c.RAICRS, c.DEICRS), "
        "CIRCLE('ICRS', f.RAJ2000, f.DEJ2000, f.r95)) = 1"
    )
    assert crossmatch_adql(10, 0, fermi, csc, Names(maps)) == (
        'SELECT TOP 9999999 f."4FGL" AS fermi_name, f.RAJ2000 AS fermi_ra, f.F AS fermi_flags, '
        f'c."2CXO" AS csc_name, c.RAICRS AS csc_ra, c.Fluxb AS csc_flux {where}'
    )
    assert crossmatch_count_adql(10, 0, Names(maps)) == f"SELECT COUNT(*) AS n {where}"
    # the condition needs columns too, asked for or not
    del maps["csc"]["columns"]["b_flux_ap"]
    assert "Flux" not in crossmatch_count_adql(10, None, Names(maps))
    with pytest.raises(MirrorLacks, match=r"^the map has no column csc.b_flux_ap;"):
        crossmatch_count_adql(10, 0, Names(maps))
    with pytest.raises(MirrorLacks, match=r"^the map has no column fermilpsc.lii;"):
        crossmatch_adql(10, None, everything("fermilpsc"), csc, Names(maps))


def test_finish_pairs_by_hand():
    """A 3:1 ellipse whose major axis points north-east: position angle 45, not 135."""
    fermi = fermi_catalogue(("4FGL J0000.0+0000c", 0.0, 0.0, 1.0, 0.3))
    fermi["semi_minor_axis_95"], fermi["position_angle_95"] = 0.1, 45.0
    fermi["source_type"], fermi["analysis_flags"] = "psr  ", 3
    step = 0.15 / np.sqrt(2)  # on the equator the sphere is flat enough for 1e-7
    csc = csc_catalogue(
        ("north-east", step, step, 1.0, 1e-14),
        ("north-west", 360 - step, step, 1.0, 1e-14),
        ("south-west", 360 - 2 * step, -2 * step, 1.0, 1e-14),
    )
    rows = joined(fermi, csc, [("4FGL J0000.0+0000c", name) for name in csc["name"]])
    found = finish_pairs(rows.sample(frac=1, random_state=1)).set_index("csc_name")
    assert list(found.index) == ["north-east", "north-west", "south-west"]
    np.testing.assert_allclose(found["sep_deg"], [0.15, 0.15, 0.3], atol=1e-6)
    np.testing.assert_allclose(found["separation_r95"], [0.5, 0.5, 1.0], atol=1e-5)
    # along the axis 0.15 / 0.3; across it 0.15 / 0.1; along it 0.3 / 0.3
    np.testing.assert_allclose(found["elliptical_distance"], [0.5, 1.5, 1.0], atol=1e-5)
    assert found["in_ellipse_95"].tolist()[:2] == [True, False]
    assert found["fermi_class"].tolist() == ["psr"] * 3
    assert found["fermi_flags"].tolist() == [3] * 3
    assert found["confused"].all()


@pytest.mark.parametrize(
    ("name", "confused"),
    [
        ("4FGL J1820.4-1609c", True),
        ("4FGL J1820.4-1609", False),
        ("4FGL J0534.5+2201i", False),
        ("c of", False),
    ],
)
def test_confused_is_the_c_at_the_end(name, confused):
    fermi, csc = fermi_catalogue((name, 1, 1, 1, 0.1)), csc_catalogue(("x", 1, 1, 1, 1.0))
    assert finish_pairs(joined(fermi, csc, [(name, "x")]))["confused"].tolist() == [confused]


@pytest.mark.parametrize("how", ["null", "no column"])
def test_without_an_ellipse_nothing_is_inside_it(how):
    fermi, csc = fermi_catalogue(("f", 1, 1, 1, 0.1)), csc_catalogue(("x", 1, 1, 1, 1.0))
    rows = joined(fermi, csc, [("f", "x")])
    rows["fermi_semi_minor_95"] = np.nan
    if how == "no column":
        rows = rows.drop(columns=["fermi_semi_minor_95", "fermi_position_angle_95", "fermi_flags"])
    found = finish_pairs(rows)
    assert list(found.columns) == [c.name for c in PAIR_COLUMNS]
    assert np.isnan(found["elliptical_distance"][0])
    assert found["in_ellipse_95"].tolist() == [False]
    assert found["sep_deg"].tolist() == [0]
    if how == "no column":
        assert found["fermi_flags"].isna().all()


def test_no_pairs_is_an_empty_table():
    fermi, csc = fermi_catalogue(("f", 1, 1, 1, 0.1)), csc_catalogue(("x", 1, 1, 1, 1.0))
    rows = joined(fermi, csc, [("f", "x")]).iloc[:0]
    found = finish_pairs(rows)
    assert len(found) == 0
    assert list(found.columns) == [c.name for c in PAIR_COLUMNS]


@pytest.mark.parametrize("min_flux", [0, 2e-14, None])
@pytest.mark.parametrize("cut", [10, 3.5])
def test_local_pairs_are_those_of_the_definition(sky, cut, min_flux):
    """Catches the cut on the wrong catalogue, >= for >, null R95 taken along."""
    fermi, csc = sky
    found = local_pairs(fermi, csc, cut, min_flux)
    inside = found[found["margin_deg"] >= 0]
    expected = brute_force(fermi, csc, cut, min_flux)
    assert sorted(zip(inside["fermi_name"], inside["csc_name"], strict=True)) == expected
    assert len(expected) > 10
    outside = csc.set_index("name").loc[inside["csc_name"], "bii"].abs() > cut
    assert outside.any(), "sources beyond the cut belong to Fermi sources inside it"


def test_the_cut_takes_fermi_sources_at_both_ends():
    names = ("at +", "at -", "beyond")
    fermi = fermi_catalogue(
        *[(n, 10.0 * i, 0.0, b, 0.1) for i, (n, b) in
          enumerate(zip(names, (10.0, -10.0, np.nextafter(10, 11)), strict=True))]
    )  # fmt: skip
    csc = csc_catalogue(*[(f"x{i}", 10.0 * i, 0.05, 12.0, 1e-14) for i in range(3)])
    assert sorted(local_pairs(fermi, csc, 10, 0)["fermi_name"]) == ["at +", "at -"]


def test_verify_pairs_agrees_with_a_true_join(sky):
    fermi, csc = sky
    expected = brute_force(fermi, csc, 10, 0)
    result = verify_pairs(finish_pairs(joined(fermi, csc, expected)), fermi, csc, 10, 0)
    assert result.pairs_service == result.pairs_local == len(expected)
    assert result.on_the_edge == []
    without_cut = brute_force(fermi, csc, 10, None)
    assert result.pairs_without_flux_cut == len(without_cut) > len(expected)
    assert result.fermi_without_flux_cut == len({name for name, _ in without_cut})


def test_verify_pairs_names_what_is_missing_extra_or_twice(sky):
    fermi, csc = sky
    true = brute_force(fermi, csc, 10, 0)
    far = csc.loc[csc["b_flux_ap"] > 0, "name"]
    extra = next((true[0][0], n) for n in far if (true[0][0], n) not in true)
    zero_flux = next(p for p in brute_force(fermi, csc, 10, None) if p not in true)

    def verify(pairs):
        verify_pairs(finish_pairs(joined(fermi, csc, pairs)), fermi, csc, 10, 0)

    for pairs, wrong, where in [
        (true[:-1], true[-1], "only here"),
        ([*true, extra], extra, "only at the service"),
        ([*true, zero_flux], zero_flux, "only at the service"),  # the flux cut was not made
        ([*true, true[3]], true[3], "only at the service"),  # a join that repeats a row
    ]:
        with pytest.raises(XgammaError) as caught:
            verify(pairs)
        message = str(caught.value)
        assert f"{wrong[0]} - {wrong[1]} ({where})" in message
        assert message.startswith("cross-match: 1 of ") and "--forcerun" in message

    with pytest.raises(XgammaError) as caught:
        verify(true[8:])
    assert "cross-match: 8 of " in str(caught.value)
    # five are shown, the rest is counted
    assert str(caught.value).count("(only here)") == 5 and "; ..." in str(caught.value)


@pytest.mark.parametrize("margin", [5e-8, -5e-8])
@pytest.mark.parametrize("at_service", [True, False])
def test_rounding_at_the_edge_is_listed_and_no_error(margin, at_service):
    """5e-8 deg from the circle's edge: a difference there is listed, agreement is not."""
    fermi = fermi_catalogue(("f", 100.0, 0.0, 1.0, 0.1))
    csc = csc_catalogue(
        ("edge", 100.0, 0.1 - margin, 1.0, 1e-14), ("inside", 100.0, 0.05, 1.0, 1e-14)
    )
    names = ["inside", "edge"] if at_service else ["inside"]
    pairs = finish_pairs(joined(fermi, csc, [("f", name) for name in names]))
    result = verify_pairs(pairs, fermi, csc, 10, 0)
    assert (result.pairs_service, result.pairs_local) == (1 + at_service, 1 + (margin > 0))
    if at_service == (margin > 0):
        assert result.on_the_edge == []
    else:
        (one,) = result.on_the_edge
        assert (one["fermi_name"], one["csc_name"]) == ("f", "edge")
        assert one["margin_deg"] == pytest.approx(margin, abs=1e-13)


@pytest.mark.parametrize("margin", [5e-7, -5e-7])
def test_a_difference_farther_from_the_edge_is_an_error(margin):
    assert abs(margin) > EDGE_DEG
    fermi = fermi_catalogue(("f", 100.0, 0.0, 1.0, 0.1))
    csc = csc_catalogue(("edge", 100.0, 0.1 - margin, 1.0, 1e-14), ("in", 100, 0, 1, 1.0))
    names = ["in"] if margin > 0 else ["in", "edge"]
    with pytest.raises(XgammaError, match=r"1 of 2 pairs differ .* f - edge"):
        verify_pairs(finish_pairs(joined(fermi, csc, [("f", n) for n in names])), fermi, csc, 10, 0)


def test_two_sources_of_one_name_are_two_pairs():
    fermi = fermi_catalogue(("f", 100.0, 0.0, 1.0, 0.1))
    csc = csc_catalogue(("same", 100.0, 0.01, 1.0, 1e-14), ("same", 100.0, 0.02, 1.0, 1e-14))
    one = joined(fermi, csc.iloc[:1], [("f", "same")])
    both = finish_pairs(pd.concat([one, joined(fermi, csc.iloc[1:], [("f", "same")])]))
    assert verify_pairs(both, fermi, csc, 10, 0).pairs_local == 2
    with pytest.raises(XgammaError, match="1 of 2 pairs differ"):
        verify_pairs(finish_pairs(one), fermi, csc, 10, 0)


def test_excluded_sources_say_why():
    fermi = fermi_catalogue(
        ("4FGL J1801.3-2326e", 1.0, 1.0, 10.0, np.nan),  # W 28, extended; at the cut
        ("4FGL J0534.5+2201i", 1.0, 1.0, -5.8, np.nan),  # the Crab nebula
        ("4FGL J0000.0+0000", 1.0, 1.0, 0.0, 0.0),
        ("4FGL J0001.0+0000", 1.0, 1.0, 0.0, 0.1),
        ("4FGL J0322.6-3712e", 1.0, 1.0, -56.0, np.nan),  # Fornax A: not in the cut
    )
    fermi.loc[fermi["name"].str.endswith("e"), "source_type"] = "SNR"
    found = excluded_sources(fermi, 10)
    assert list(found.columns) == [c.name for c in EXCLUDED_COLUMNS]
    extended = "extended source: 4FGL gives no 95 % error ellipse"
    null = "4FGL gives no 95 % error ellipse for this source"
    assert list(zip(found["fermi_name"], found["reason"], found["fermi_class"], strict=True)) == [
        ("4FGL J0000.0+0000", null, ""),
        ("4FGL J0534.5+2201i", null, ""),
        ("4FGL J1801.3-2326e", extended, "SNR"),
    ]


def test_every_source_in_the_cut_is_either_matched_or_excluded(sky):
    fermi, _ = sky
    plane = fermi[fermi["bii"].between(-10, 10)]
    usable = set(plane.loc[plane["semi_major_axis_95"] > 0, "name"])
    excluded = set(excluded_sources(fermi, 10)["fermi_name"])
    assert usable | excluded == set(plane["name"]) and not usable & excluded
    assert len(excluded) == 2


def serve_pairs(fake_tap, rows, units=None, **changed):
    """Let the service give these pairs, some of their columns changed."""
    text = ("fermi_name", "csc_name", "fermi_class")
    fields = {
        n: Field(n, "char", [f"{v}  " for v in rows[n]]) if n in text
        else Field(n, "double", [None if pd.isna(v) else v for v in rows[n].tolist()],
                   (units or {}).get(n, ""))
        for n in rows.columns
    }  # fmt: skip
    fields |= changed
    fake_tap.answer = lambda adql, _: (
        votable(Field("n", "long", [len(rows)]))
        if "COUNT(*)" in adql
        else votable(*fields.values())
    )
    available = {("heasarc", n): [c for c in cs if c != "analysis_flags"] for n, cs in
                 COLUMNS.items()}  # fmt: skip
    return fetch_pairs(TapClient("heasarc", fake_tap.url), 10, 0, available)


@pytest.fixture
def rows(sky):
    fermi, csc = sky
    pairs = brute_force(fermi, csc, 10, 0)
    return joined(fermi, csc, pairs).drop(columns="fermi_flags")


def test_fetch_pairs_counts_what_came(fake_tap, rows):
    """Through the protocol: types, padding, nulls, and the count of the same join."""
    found, (record,) = serve_pairs(fake_tap, rows)
    pd.testing.assert_frame_equal(found, finish_pairs(rows))
    assert record["counted"] == len(rows)
    assert "fermi_flags" not in fake_tap.queries[0]
    assert fake_tap.queries[1] == crossmatch_count_adql(10, 0, Names())


def test_units_that_are_spelt_in_other_ways_are_the_same(fake_tap, rows):
    spelt = {"fermi_ra": "degree", "csc_flux": "erg/s/cm^2", "fermi_flux": "mW.m**-2"}
    found, _ = serve_pairs(fake_tap, rows, {**spelt, "csc_error_r0": "arcsec"})
    assert len(found) == len(rows)


def test_pairs_that_cannot_be_used_are_an_error(fake_tap, rows):
    """A unit, a position, a name, a column, and a row that came twice."""
    here = "heasarc: .*fermilpsc joined with csc.*"
    with pytest.raises(XgammaError, match=f"{here}column csc_flux came in 'W'"):
        serve_pairs(fake_tap, rows, {"csc_flux": "W"})
    with pytest.raises(XgammaError, match=f"{here}column csc_error_r0 came in 'deg'"):
        serve_pairs(fake_tap, rows, {"csc_error_r0": "deg"})
    for column, worst in (("fermi_ra", 360.5), ("csc_dec", -90.5), ("csc_ra", np.nan)):
        bad = rows.copy()
        bad.loc[3, column] = worst
        name = bad.loc[3, f"{column.split('_')[0]}_name"]
        with pytest.raises(XgammaError, match=rf"{here}without a valid position: 1, .*{name}"):
            serve_pairs(fake_tap, bad)
    with pytest.raises(XgammaError, match=f"{here}more than once: 1, .*{rows.csc_name[0]}"):
        serve_pairs(fake_tap, pd.concat([rows, rows.iloc[:1]], ignore_index=True))
    for name in ("fermi_name", "csc_name"):
        blank = Field(name, "char", [" ", *rows[name].tolist()[1:]])
        with pytest.raises(XgammaError, match=f"^heasarc: pairs without {name}: 1; "):
            serve_pairs(fake_tap, rows, **{name: blank})
    renamed = Field("c_csc_l", "double", [1.0] * len(rows))
    with pytest.raises(
        XgammaError, match=r"no column csc_l \(csc.lii\), which was asked for; it has .*c_csc_l"
    ):
        serve_pairs(fake_tap, rows, csc_l=renamed)
