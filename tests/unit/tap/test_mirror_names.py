"""Names of tables and columns: as asked for, or as a mirror's map has them, or an error."""

import pytest

from xgamma.errors import XgammaError
from xgamma.tap.mirror_names import MirrorLacks, Names

MAP = {
    "fp_psc": {
        "table": '"II/246/out"',
        "release": "all-sky",
        "rows": 470992970,
        "columns": {"designation": '"2MASS"', "ra": "RAJ2000", "J_m": "Jmag"},
    },
    "gaiadr3.gaia_source": {
        "table": "gaia.dr3lite",
        "release": "DR3",
        "columns": {"source_id": "source_id"},
    },
}


def test_the_configured_service_is_asked_in_its_own_words():
    names = Names()
    assert names.table("fp_psc") == "fp_psc"
    assert names.column("fp_psc", "J_M") == "J_M"
    assert names.used == {"fp_psc"}


def test_a_mirror_is_asked_in_its_words_whatever_the_case_of_ours():
    names = Names(MAP)
    assert names.table("FP_PSC") == '"II/246/out"'
    assert names.column("fp_psc", "designation") == '"2MASS"'
    assert names.column("Fp_Psc", "j_M") == "Jmag"
    assert names.column("gaiadr3.gaia_source", "source_id") == "source_id"
    assert names.used == {"FP_PSC"}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda n: n.table("csc"), "the map has no table csc; "),
        (lambda n: n.column("csc", "ra"), "the map has no table csc; "),
        (lambda n: n.configured_column("csc", "ra"), "the map has no table csc; "),
        (lambda n: n.column("fp_psc", "k_m"), "the map has no column fp_psc.k_m; "),
    ],
)
def test_what_the_map_lacks_is_an_error_that_names_it(ask, said):
    with pytest.raises(MirrorLacks) as caught:
        ask(Names(MAP))
    assert isinstance(caught.value, XgammaError)
    assert str(caught.value).startswith(said)
    assert "if the mirror has it, add it to the map in the config" in str(caught.value)


def test_what_a_mirror_says_of_itself_is_read_in_our_words():
    listed = ["2MASS", "RAJ2000", "jmag", "DEJ2000", "ra"]
    read = [Names(MAP).configured_column("fp_psc", name) for name in listed]
    assert read == ["designation", "ra", "J_m", None, None]


OWN = {"gaia_source": {"table": '"I/355/gaiadr3"', "columns": {"ra": "_RAJ2000", "g": '"Gmag"'}}}


def test_a_service_with_a_map_is_asked_as_the_config_says_and_else_as_ever():
    names = Names(OWN, others_too=True)
    assert (names.table("gaia_source"), names.table("fp_psc")) == ('"I/355/gaiadr3"', "fp_psc")
    asked = [names.column("gaia_source", name) for name in ("RA", "g", "ruwe", "_r", '"2MASS"')]
    assert asked == ['"_RAJ2000"', '"Gmag"', "ruwe", '"_r"', '"2MASS"']
    assert names.column("fp_psc", "ra") == "ra"
    listed = ["_RAJ2000", "GMAG", "ruwe", "ra", "G"]
    # its own ra and G are others than those that the map names
    read = [names.configured_column("gaia_source", name) for name in listed]
    assert read == ["ra", "g", "ruwe", None, None]
    only = {"gaia_source": {**OWN["gaia_source"], "only": True}}
    assert Names(only, others_too=True).configured_column("gaia_source", "ruwe") is None


@pytest.mark.parametrize(
    ("name", "adql"),
    [
        ("ra", "ra"),
        ("_r", '"_r"'),
        ('"2MASS"', '"2MASS"'),
        ("gaiadr3.gaia_source", "gaiadr3.gaia_source"),
        ('"J/A+A/682/A34/erass1-m"', '"J/A+A/682/A34/erass1-m"'),
        ('cds."I/355.2/x"._main', 'cds."I/355.2/x"."_main"'),
    ],
)
def test_quotes_stand_where_adql_needs_them(name, adql):
    assert Names().table(name) == Names().column("t", name) == adql


def test_the_number_of_rows_is_told_if_the_map_has_it():
    names = Names(MAP)
    assert names.rows("FP_PSC") == 470_992_970
    assert names.rows("gaiadr3.gaia_source") is None
    assert Names().rows("fp_psc") is None


def test_the_map_is_not_changed_and_not_shared():
    one, other = Names(MAP), Names(MAP)
    one.table("fp_psc")
    assert other.used == set()
