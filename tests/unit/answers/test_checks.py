"""Answers that would make a wrong table: another unit, no position, a row twice."""

import logging

import numpy as np
import pandas as pd
import pytest

from xgamma.answers.checks import check_positions, check_unique, check_units
from xgamma.errors import XgammaError

FLUX = "erg / (s cm2)"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        # as HEASARC, the VO's standard, CDS and people write it
        ("erg/cm^2/s", FLUX),
        ("erg.cm**-2.s**-1", FLUX),
        ("erg s-1 cm-2", FLUX),
        ("erg/s/cm2", FLUX),
        (" erg / (s cm2) ", FLUX),
        # the same unit by another name: 1 erg/s/cm2 is 1e-7 J/s over 1e-4 m2
        ("mW/m2", FLUX),
        ("degree", "deg"),
        ("day", "d"),
        ("mas.yr**-1", "mas / yr"),
        ("'electron'.s**-1", "electron / s"),
        ("", ""),
    ],
)
def test_spellings_of_the_unit_that_we_expect_pass_in_silence(stated, expected, caplog):
    check_units("heasarc", "csc", {"x": stated}, {"x": expected})
    assert caplog.records == []


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("arcmin", "deg"),
        ("rad", "deg"),
        ("W/m2", FLUX),
        ("1e-12 erg/cm2/s", FLUX),
        ("10^-12 erg/s/cm^2", FLUX),
        ("ph/cm2/s", FLUX),
        ("Jy", "mag"),
        ("mas", "arcsec"),
        ("mag", ""),
        ("%", ""),
    ],
)
def test_another_unit_is_an_error_that_names_column_and_both_units(stated, expected):
    with pytest.raises(XgammaError) as error:
        check_units("heasarc", "csc", {"b_flux_ap": stated}, {"b_flux_ap": expected})
    said = str(error.value)
    assert said.startswith(f"heasarc: csc: column b_flux_ap came in '{stated}', ")
    assert (f"'{expected}' was expected" if expected else "no unit was expected") in said
    assert "\n" not in said


def test_units_that_are_missing_or_not_understood_are_one_warning_each(caplog):
    """`mjd` is no unit that astropy knows; many services state none in a join."""
    stated = {"time": "mjd", "ra": "", "flux": "ergs per second", "other": "parsnips"}
    expected = {"time": "d", "ra": "deg", "dec": "deg", "flux": FLUX}
    with caplog.at_level(logging.WARNING, "xgamma"):
        check_units("heasarc", "chanmaster", stated, expected)
    assert [record.getMessage() for record in caplog.records] == [
        "heasarc: chanmaster: no unit stated of ra, dec",
        "heasarc: chanmaster: units not understood: time (mjd), flux (ergs per second)",
    ]


@pytest.mark.parametrize("stated", ["(" * 9000, "m" * 9000, "9" * 9000, "\x1b[2J\n\u202e", "m**"])
def test_a_unit_made_to_hurt_is_not_understood_and_shown_short(stated, caplog):
    with caplog.at_level(logging.WARNING, "xgamma"):
        check_units("gaia", "g", {"ra": stated}, {"ra": "deg"})
    (record,) = caplog.records
    said = record.getMessage()
    assert said.startswith("gaia: g: units not understood: ra (")
    assert len(said) < 130 and said.isprintable()


def positions(ra, dec) -> pd.DataFrame:
    return pd.DataFrame({"name": [f"s{i}" for i in range(len(ra))], "ra": ra, "dec": dec})


def test_positions_on_the_sphere_pass_bounds_included():
    check_positions("gaia", "g", positions([0.0, 360.0, 83.6], [-90.0, 90.0, 22.0]), "name")
    check_positions("gaia", "g", positions([], []), "name")


@pytest.mark.parametrize(
    ("ra", "dec", "says"),
    [
        (np.nan, 1.0, "ra nan, dec 1.0"),
        (1.0, np.nan, "ra 1.0, dec nan"),
        (np.inf, 1.0, "ra inf, dec 1.0"),
        (1.0, -np.inf, "ra 1.0, dec -inf"),
        (-1e-9, 1.0, "ra -1e-09, dec 1.0"),
        (360.0000001, 1.0, "ra 360.0000001, dec 1.0"),
        (1.0, 90.0000001, "ra 1.0, dec 90.0000001"),
        (1.0, -91.0, "ra 1.0, dec -91.0"),
    ],
)
def test_a_position_off_the_sphere_is_an_error_with_count_and_first_key(ra, dec, says):
    frame = positions([5.0, ra, ra, 6.0], [5.0, dec, dec, 6.0])
    with pytest.raises(XgammaError) as error:
        check_positions("heasarc", "csc", frame, "name")
    assert str(error.value) == (
        f"heasarc: rows of csc without a valid position: 2, the first is 's1' at {says}"
    )


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, None], dtype="Int64"),
        pd.array([1.0, None], dtype="Float64"),
        ["1.0", "here"],
        np.array([1.0, np.nan], dtype="float32"),
    ],
)
def test_positions_of_any_type_are_looked_at(values):
    frame = pd.DataFrame({"id": [7, 4104196427943626625], "survey_ra": values, "survey_dec": 0})
    with pytest.raises(XgammaError, match=": 1, the first is 4104196427943626625 at ra nan"):
        check_positions("gaia", "g", frame, "id", "survey_ra", "survey_dec")


def test_keys_that_differ_pass():
    frame = pd.DataFrame({"target_id": [0, 0, 1], "id": [2**53, 2**53 + 1, 2**53]})
    check_unique("gaia", "g", frame, ["target_id", "id"])
    check_unique("gaia", "g", frame[:0], ["id"])


def test_rows_that_came_twice_are_an_error_with_count_and_the_first():
    """Five rows, three keys: two came again. As floats, rows 0 and 1 would be equal too."""
    frame = pd.DataFrame(
        {"target_id": [0, 0, 0, 1, 0], "id": [2**53, 2**53 + 1, 2**53 + 1, 2**53, 2**53 + 1]}
    )
    with pytest.raises(XgammaError) as error:
        check_unique("gaia", "g", frame, ["target_id", "id"])
    assert str(error.value).startswith(
        "gaia: rows of g that came more than once: 2, the first is "
        "target_id 0, id 9007199254740993; "
    )


def test_a_hostile_key_cannot_forge_a_line_or_flood_the_terminal():
    name = "a\nxgamma: all is well\x1b[2J\u202e" + "x" * 100_000
    twice = pd.DataFrame({"name": [name, name], "ra": [np.nan, 1.0], "dec": 0.0})
    for check in (
        lambda: check_unique("heasarc", "csc", twice, ["name"]),
        lambda: check_positions("heasarc", "csc", twice, "name"),
    ):
        with pytest.raises(XgammaError) as error:
            check()
        said = str(error.value)
        assert said.isprintable() and len(said) < 250
        assert r"'a\nxgamma: all is well\x1b[2J\u202exxx" in said and "…'" in said
