"""The catalogues: what is asked for, whether all of it came, and in which form it is kept."""

import numpy as np
import pandas as pd
import pytest
from fake_tap import Field, votable

from xgamma.answers.checks import check_asked
from xgamma.archive.catalogues import (
    ALL_ROWS,
    CATALOGUES,
    Catalogue,
    ServiceColumn,
    catalogue_adql,
    count_adql,
    fetch_catalogue,
    fit_to_catalogue,
    require_columns,
    resolve_columns,
)
from xgamma.archive.client import TapClient, TapError
from xgamma.errors import XgammaError
from xgamma.tables.columns import Column
from xgamma.tap.mirror_names import MirrorLacks, Names

FERMI, CSC = CATALOGUES["fermilpsc"], CATALOGUES["csc"]


def names(catalogue):
    return [c.name for c in catalogue.columns]


# as the services document them; a change here is a change of what may be fetched at all
@pytest.mark.parametrize(
    ("catalogue", "certain", "optional"),
    [
        ("chanmaster", "obsid name ra dec time exposure", "status detector grating public_date"),
        (
            "csc",
            "name ra dec lii bii b_flux_ap error_ellipse_r0",
            "error_ellipse_r1 error_ellipse_angle b_flux_ap_lo b_flux_ap_hi significance "
            "hard_hm hard_hm_lolim hard_hm_hilim hard_ms hard_ms_lolim hard_ms_hilim "
            "extent_flag pileup_flag sat_src_flag conf_flag var_flag",
        ),
        (
            "fermilpsc",
            "name ra dec lii bii semi_major_axis_95 energy_flux source_type assoc_name",
            "semi_minor_axis_95 position_angle_95 energy_flux_error detection_significance "
            "analysis_flags pl_index variability_index lp_sigcurv counterpart_ra counterpart_dec "
            "assoc_fgl",
        ),
    ],
)
def test_required_columns_are_those_that_heasarc_certainly_has(catalogue, certain, optional):
    every = {c.name: c.required for c in CATALOGUES[catalogue].columns}
    assert {n for n, required in every.items() if required} == set(certain.split())
    assert {n for n, required in every.items() if not required} == set(optional.split())


def test_units_of_the_quantities():
    units = {c.name: c.column.unit for c in (*FERMI.columns, *CSC.columns)}
    assert units["semi_major_axis_95"] == units["semi_minor_axis_95"] == "deg"
    assert units["error_ellipse_r0"] == units["error_ellipse_r1"] == "arcsec"
    assert units["energy_flux"] == units["b_flux_ap"] == "erg / (s cm2)"
    assert units["b_flux_ap_lo"] == units["b_flux_ap_hi"] == units["b_flux_ap"]
    assert units["counterpart_ra"] == units["counterpart_dec"] == "deg"


def test_resolve_columns_knows_aliases_case_and_absence():
    there = [n.upper() for n in names(FERMI) if n not in ("analysis_flags", "position_angle_95")]
    resolved = resolve_columns(FERMI, [*there, "FLAGS"])
    assert resolved["analysis_flags"] == "FLAGS"
    assert resolved["position_angle_95"] is None
    assert resolved["ra"] == "RA"
    assert list(resolved) == names(FERMI)
    alias = {
        "powerlaw_index": "pl_index",
        "spectral_index": "pl_index",
        "lp_sig_curv": "lp_sigcurv",
        "lp_significance_curvature": "lp_sigcurv",
        "ra_counterpart": "counterpart_ra",
        "dec_counterpart": "counterpart_dec",
    }
    for theirs, ours in alias.items():
        assert resolve_columns(FERMI, [theirs])[ours] == theirs
    # the proper name wins over the alias
    assert resolve_columns(FERMI, ["flags", "analysis_flags"])["analysis_flags"] == "analysis_flags"


def test_adql_asks_for_all_rows_and_only_for_what_is_there():
    there = [n for n in names(FERMI) if n not in ("analysis_flags", "position_angle_95")]
    adql = catalogue_adql(FERMI, resolve_columns(FERMI, [*there, "flags"]), Names())
    # without TOP HEASARC gives 100,000 rows and says nothing
    assert adql.startswith(f"SELECT TOP {ALL_ROWS} ") and ALL_ROWS > 3_000_000
    assert adql.endswith(" FROM fermilpsc")
    asked = adql.split(f"TOP {ALL_ROWS} ")[1].split(" FROM")[0].split(", ")
    # in our order, whatever the service's
    place = there.index("assoc_name") + 1
    assert asked == [*there[:place], "flags AS analysis_flags", *there[place:]]


def test_the_count_is_of_the_same_rows():
    """A condition in one of the two queries only makes every fetch an error, or none."""
    for catalogue in CATALOGUES.values():
        adql = catalogue_adql(catalogue, resolve_columns(catalogue, names(catalogue)), Names())
        assert count_adql(catalogue, Names()).split(" FROM ")[1] == adql.split(" FROM ")[1]
    assert count_adql(CSC, Names()) == "SELECT COUNT(*) AS n FROM csc"


def test_the_queries_to_heasarc_word_for_word():
    """Kept answers are found again by these texts: a change makes every one of them useless."""
    chanmaster = CATALOGUES["chanmaster"]
    assert catalogue_adql(chanmaster, resolve_columns(chanmaster, names(chanmaster)), Names()) == (
        "SELECT TOP 9999999 obsid, name, ra, dec, time, exposure, detector, status, grating, "
        "public_date FROM chanmaster WHERE ra IS NOT NULL AND dec IS NOT NULL"
    )
    assert catalogue_adql(CSC, resolve_columns(CSC, names(CSC)), Names()) == (
        "SELECT TOP 9999999 name, ra, dec, lii, bii, error_ellipse_r0, error_ellipse_r1, "
        "error_ellipse_angle, b_flux_ap, b_flux_ap_lo, b_flux_ap_hi, significance, hard_hm, "
        "hard_hm_lolim, hard_hm_hilim, hard_ms, hard_ms_lolim, hard_ms_hilim, extent_flag, "
        "pileup_flag, sat_src_flag, conf_flag, var_flag FROM csc"
    )


MAP = {
    "chanmaster": {
        "table": '"B/chandra/chandra"',
        "columns": {
            "obsid": "ObsID", "name": '"_Target"', "RA": "RAJ2000", "dec": "dec",
            "time": "MJD", "exposure": "ExpTime", "det": "Det", "status": "Status",
        },
    }
}  # fmt: skip


def test_a_mirror_is_asked_in_its_names_and_answers_in_ours():
    chanmaster = CATALOGUES["chanmaster"]
    there = [n for n in names(chanmaster) if n not in ("status", "grating", "public_date")]
    adql = catalogue_adql(chanmaster, resolve_columns(chanmaster, there) | {"detector": "DET"},
                          Names(MAP))  # fmt: skip
    # `time` is a reserved word; what is spelt alike needs no alias
    assert adql == (
        'SELECT TOP 9999999 ObsID AS obsid, "_Target" AS name, RAJ2000 AS ra, dec, '
        'MJD AS "time", ExpTime AS exposure, Det AS detector FROM "B/chandra/chandra" '
        "WHERE RAJ2000 IS NOT NULL AND dec IS NOT NULL"
    )
    assert count_adql(chanmaster, Names(MAP)) == (
        'SELECT COUNT(*) AS n FROM "B/chandra/chandra" WHERE RAJ2000 IS NOT NULL AND dec IS NOT '
        "NULL"
    )


def test_a_mirror_whose_map_lacks_a_column_is_not_asked():
    """Not even for an optional one: null would say that the source has no such value."""
    chanmaster = CATALOGUES["chanmaster"]
    with pytest.raises(MirrorLacks, match=r"^the map has no column chanmaster.detector;"):
        catalogue_adql(chanmaster, resolve_columns(chanmaster, names(chanmaster)), Names(MAP))
    with pytest.raises(MirrorLacks, match=r"^the map has no column csc.name;|no table csc;"):
        catalogue_adql(CSC, resolve_columns(CSC, names(CSC)), Names(MAP))


def test_check_asked_says_what_came_instead():
    check_asked("heasarc", "csc", pd.DataFrame({"a": [], "b": []}), {"b": "b", "a": "x"})
    asked = {"a": "a", "b": "b", "c": "flux"}
    with pytest.raises(XgammaError) as caught:
        check_asked("heasarc", "csc", pd.DataFrame({"a": [], "x_b": []}), asked)
    assert str(caught.value) == (
        "heasarc: the answer for table csc has no column b, c (flux), which was asked for; "
        "it has a, x_b: is the service's URL the right one?"
    )
    with pytest.raises(XgammaError) as caught:
        check_asked("heasarc", "csc", pd.DataFrame({f"x{i}\n": [] for i in range(999)}), asked)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_require_columns_says_what_is_missing_and_what_is_there():
    require_columns("heasarc", "csc", ["name", "ra"], ["RA", "Name"])
    with pytest.raises(XgammaError) as caught:
        require_columns("heasarc", "csc", ["name", "b_flux_ap", "x"], ["name", "flux_aper_b"])
    assert str(caught.value) == (
        "heasarc: table csc has no column b_flux_ap, x; it has flux_aper_b, name"
    )
    with pytest.raises(XgammaError, match=r"heasarc: TAP_SCHEMA lists no columns of table csc;"):
        require_columns("heasarc", "csc", ["name"], iter(()))


SMALL = Catalogue(
    "small",
    (
        ServiceColumn(Column("name", "text")),
        ServiceColumn(Column("ra", "float", "deg")),
        ServiceColumn(Column("dec", "float", "deg")),
        ServiceColumn(Column("kind", "text"), required=False),
        ServiceColumn(Column("flags", "nullable_int"), required=False, aliases=("bits",)),
        ServiceColumn(Column("flux", "float"), required=False),
    ),
    key="name",
)


def test_fit_to_catalogue_strips_padding_and_fills_what_is_missing():
    frame = pd.DataFrame({"name": ["b  ", " a"], "ra": [1, 2], "dec": [3.0, 4.0], "more": [0, 0]})
    found = fit_to_catalogue(frame, SMALL)
    assert list(found.columns) == ["name", "ra", "dec", "kind", "flags", "flux"]
    assert found["name"].tolist() == ["a", "b"]
    assert found["kind"].tolist() == ["", ""]
    assert found["flux"].isna().all() and found["flux"].dtype == np.float64
    assert found["flags"].isna().all() and str(found["flags"].dtype) == "Int64"


def test_blank_padded_class_is_blank():
    """HEASARC pads classes: '     ' is 'unassociated' and not a class of its own."""
    frame = pd.DataFrame(
        {"name": "abc", "ra": 0.0, "dec": 0.0, "kind": ["     ", "psr  ", None]}, index=range(3)
    )
    assert sorted(fit_to_catalogue(frame, SMALL)["kind"]) == ["", "", "psr"]


def test_order_does_not_depend_on_the_order_of_the_answer():
    """Rows with the same key too: by all other columns, nulls included."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "name": random.choice(["a", "b", "c"], 60),
            "ra": random.choice([1.0, 2.0], 60),
            "dec": 0.0,
            "kind": random.choice(["", "psr"], 60),
            "flags": pd.array(random.choice([0, 7], 60), dtype="Int64"),
            "flux": random.choice([np.nan, 1.0, 2.0], 60),
        }
    )
    frame.loc[::7, "flags"] = pd.NA
    first = fit_to_catalogue(frame, SMALL)
    for seed in range(5):
        other = fit_to_catalogue(frame.sample(frac=1, random_state=seed), SMALL)
        pd.testing.assert_frame_equal(other, first)
    assert first["name"].is_monotonic_increasing


SERVED = ["name", "ra", "dec", "kind"]


def serve(fake_tap, rows, count=None, **columns):
    """Let the service give `rows` sources, and count `count`."""
    table = {
        "name": Field("name", "char", [f"s{i:03d}" for i in range(rows)]),
        "ra": Field("ra", "double", [float(i) for i in range(rows)]),
        "dec": Field("dec", "double", [0.5] * rows),
        "kind": Field("kind", "char", ["psr  "] * rows),
        **columns,
    }

    def answer(adql, _uploads):
        if "COUNT(*)" in adql:
            return votable(Field("count", "long", [rows if count is None else count]))
        return votable(*table.values())

    fake_tap.answer = answer
    return TapClient("heasarc", fake_tap.url)


def test_fetch_catalogue(fake_tap):
    frame, (record,) = fetch_catalogue(
        serve(fake_tap, 3, flags=Field("flags", "short", [1, None, 2], null="-99")),
        SMALL,
        ["name", "ra", "dec", "kind", "bits"],
    )
    assert frame["kind"].tolist() == ["psr"] * 3
    assert frame["flags"].tolist() == [1, pd.NA, 2]
    assert record["rows"] == record["counted"] == 3
    assert record["missing_columns"] == ["flux"]
    assert fake_tap.queries == [
        f"SELECT TOP {ALL_ROWS} name, ra, dec, kind, bits AS flags FROM small",
        "SELECT COUNT(*) AS n FROM small",
    ]


@pytest.mark.parametrize("piece_rows", [2, 3, 100])
def test_a_catalogue_in_pieces_is_sorted_as_a_whole(fake_tap, monkeypatch, piece_rows):
    monkeypatch.setattr("xgamma.tables.pieces.PIECE_ROWS", piece_rows)
    names = ["d", "b", "a", "g", "c", "f", "e"]
    ra = [40.0, 20.0, 10.0, 70.0, 30.0, 60.0, 50.0]
    of_both = {"name": Field("name", "char", names), "ra": Field("ra", "double", ra)}
    table, _ = fetch_catalogue(serve(fake_tap, 7, **of_both), SMALL, SERVED)
    assert table["name"].tolist() == sorted(names) and table["ra"].tolist() == sorted(ra)
    assert [len(piece) for piece in table.pieces()] == {2: [2, 2, 2, 1], 3: [3, 3, 1]}.get(
        piece_rows, [7]
    )
    twice = Field("name", "char", ["d", "b", "a", "d", "c", "f", "d"])
    with pytest.raises(XgammaError, match=r"more than once: 2, the first is name 'd'"):
        fetch_catalogue(serve(fake_tap, 7, name=twice), SMALL, SERVED)


@pytest.mark.parametrize(
    "field",
    [
        Field("extent_flag", "boolean", [True, None, False]),
        Field("extent_flag", "char", ["TRUE ", "", "FALSE"]),
        Field("extent_flag", "char", ["t", None, "f"]),
        Field("extent_flag", "short", [1, None, 0], null="-99"),
    ],
    ids=["boolean", "words", "letters", "numbers"],
)
def test_a_flag_is_t_or_f_however_it_is_published(fake_tap, field):
    """HEASARC's type is not known: True, TRUE and 1 in one table would be three values."""
    flagged = Catalogue(
        "small",
        (*SMALL.columns, next(c for c in CSC.columns if c.name == "extent_flag")),
        key="name",
    )
    client = serve(fake_tap, 3, extent_flag=field)
    frame, _ = fetch_catalogue(client, flagged, [*SERVED, "extent_flag"])
    assert frame["extent_flag"].tolist() == ["T", "", "F"]


def test_a_flag_s_word_that_nobody_foresaw_stays():
    frame = pd.DataFrame(
        {c.name: [c.column.null] * 2 for c in CSC.columns}
        | {"name": ["a", "b"], "var_flag": ["maybe", "TRUE"]}
    )
    assert fit_to_catalogue(frame, CSC)["var_flag"].tolist() == ["maybe", "T"]


def test_limits_of_hardness_in_heasarc_s_spelling():
    resolved = resolve_columns(CSC, ["HARD_HM", "hard_hm_lo", "hard_hm_hi", "hard_ms_lolim"])
    assert resolved["hard_hm"] == "HARD_HM"
    assert resolved["hard_hm_lolim"] == "hard_hm_lo"
    assert resolved["hard_hm_hilim"] == "hard_hm_hi"
    assert resolved["hard_ms_lolim"] == "hard_ms_lolim"
    assert resolved["hard_ms"] is None


@pytest.mark.parametrize("count", [2, 4])
def test_a_count_that_differs_is_an_error(fake_tap, count):
    """An answer cut in silence is never a shorter catalogue."""
    client = serve(fake_tap, 3, count)
    with pytest.raises(TapError, match=rf"heasarc \(.*\) gave 3 rows and counts {count}"):
        fetch_catalogue(client, SMALL, names(SMALL))


@pytest.mark.parametrize(
    ("ra", "dec", "said"),
    [
        ([1.0, 360.5, 3.0], [0.0, 0.0, 0.0], "'s001' at ra 360.5, dec 0.0"),
        ([1.0, 2.0, 3.0], [0.0, 0.0, -90.01], "'s002' at ra 3.0, dec -90.01"),
        ([None, 2.0, 3.0], [0.0, 0.0, 0.0], "'s000' at ra nan, dec 0.0"),
        ([1.0, 2.0, 3.0], [0.0, 90.01, 0.0], "'s001' at ra 2.0, dec 90.01"),
        ([1.0, 2.0, -0.01], [0.0, 0.0, 0.0], "'s002' at ra -0.01, dec 0.0"),
    ],
)
def test_an_invalid_position_names_its_row(fake_tap, ra, dec, said):
    client = serve(fake_tap, 3, ra=Field("ra", "double", ra), dec=Field("dec", "double", dec))
    with pytest.raises(XgammaError) as caught:
        fetch_catalogue(client, SMALL, SERVED)
    message = str(caught.value)
    assert message == f"heasarc: rows of small without a valid position: 1, the first is {said}"


@pytest.mark.parametrize(
    ("column", "said"),
    [
        # what HEASARC's joins do to names
        (
            Field("small_dec", "double", [0.5] * 3),
            "heasarc: the answer for table small has no column dec, which was asked for; it has "
            "name, ra, small_dec, kind: is the service's URL the right one?",
        ),
        (
            Field("dec", "double", [0.5] * 3, "rad"),
            "heasarc: small: column dec came in 'rad', ",
        ),
        (
            Field("name", "char", ["a", "b", "a "]),
            "heasarc: rows of small that came more than once: 1, the first is name 'a'; ",
        ),
        (
            Field("name", "char", ["a", None, "  "]),
            "heasarc: rows of small without name: 2; ",
        ),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_line(fake_tap, column, said):
    replaced = "dec" if column.name == "small_dec" else column.name
    client = serve(fake_tap, 3, **{replaced: column})
    with pytest.raises(XgammaError) as caught:
        fetch_catalogue(client, SMALL, SERVED)
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def test_positions_at_the_ends_of_the_ranges_are_valid(fake_tap):
    ends = Field("ra", "double", [0.0, 360.0]), Field("dec", "double", [-90.0, 90.0])
    frame, _ = fetch_catalogue(serve(fake_tap, 2, ra=ends[0], dec=ends[1]), SMALL, SERVED)
    assert frame["dec"].tolist() == [-90, 90]
