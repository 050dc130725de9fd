"""The X-ray catalogue by config: which table it is, and which column plays which part."""

import copy
import io

import pandas as pd
import pytest
from astropy.table import Table

from xgamma.archive.catalogues import CATALOGUES, catalogues_of, fit_to_catalogue
from xgamma.archive.own_catalogues import look_at_files, read_catalogue
from xgamma.config.settings import ConfigError, load_config
from xgamma.config.xray import OBSERVATION_PARTS, PARTS
from xgamma.tap.mirror_names import Names

XMM = {
    "name": "xmm",
    "telescope": "XMM-Newton",
    "catalog": "4XMM",
    "table": "xmmssc",
    "columns": {
        "name": "name", "ra": "ra", "dec": "_dec", "error": "error_radius", "flux": "ep_8_flux",
    },
    "error_factor": 2.5,
    "flux_factor": 0.5,
    "observations": {
        "table": '"xmm master"',
        "columns": {"obsid": "obsid", "ra": "ra", "dec": "dec", "time": "time",
                    "exposure": "duration"},
        "radius_arcmin": 15,
    },
}  # fmt: skip


def changed(**changes) -> dict:
    """XMM with values changed by their places, such as columns__flux; None takes one away."""
    xray = copy.deepcopy(XMM)
    for place, value in changes.items():
        *blocks, key = place.split("__")
        block = xray
        for name in blocks:
            block = block[name]
        if value is None:
            del block[key]
        else:
            block[key] = value
    return xray


def refused(xray, **others) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config({"xray": xray, **others})
    return str(caught.value)


def test_the_parts_are_the_columns_of_the_catalogues():
    taken = {column.name for column in CATALOGUES["csc"].columns}
    limits = {f"{name}_{end}lim" for name in ("hard_hm", "hard_ms") for end in ("lo", "hi")}
    assert set(PARTS.values()) == taken - limits
    assert set(OBSERVATION_PARTS.values()) == {c.name for c in CATALOGUES["chanmaster"].columns}


def test_as_shipped_nothing_is_called_otherwise():
    config = load_config({})
    assert config.spelt_tables("heasarc") == {}
    assert catalogues_of({}) == CATALOGUES


def test_another_catalogue_is_asked_in_its_words():
    config = load_config({"xray": XMM})
    assert config.spelt_tables("gaia") == {}
    spelt = config.spelt_tables("heasarc")
    names = Names(spelt, others_too=True)
    assert (names.table("csc"), names.table("chanmaster")) == ("xmmssc", '"xmm master"')
    assert names.column("csc", "b_flux_ap") == "ep_8_flux"
    assert names.column("csc", "dec") == '"_dec"'
    assert names.column("chanmaster", "exposure") == "duration"
    assert names.column("fermilpsc", "name") == "name"
    # its own flag of another meaning is not the Chandra Source Catalog's
    assert names.configured_column("csc", "var_flag") is None


def test_what_another_catalogue_must_have_is_what_is_named():
    known = catalogues_of(load_config({"xray": XMM}).spelt_tables("heasarc"))
    required = {c.name for c in known["csc"].columns if c.required}
    assert required == {"name", "ra", "dec", "error_ellipse_r0", "b_flux_ap"}
    assert {c.name for c in known["chanmaster"].columns if c.required} == {
        *("obsid", "ra", "dec", "time", "exposure")
    }
    assert known["fermilpsc"] == CATALOGUES["fermilpsc"]


def test_a_file_in_its_place_has_its_names():
    known = catalogues_of(load_config({"xray": XMM}).spelt_tables("heasarc"))
    rows = b"name,ra,_dec,error_radius,ep_8_flux\n4XMM a,10.5,-60.25,1.5,2e-14\n"
    table = Table.read(rows.decode(), format="ascii.csv")
    for name, unit in (("ra", "deg"), ("_dec", "deg"), ("error_radius", "arcsec"),
                       ("ep_8_flux", "erg / (s cm2)")):  # fmt: skip
        table[name].unit = unit
    stream = io.BytesIO()
    table.write(stream, format="fits")
    stream.seek(0)
    frame, _ = read_catalogue(stream, known["csc"], "catalogs.csc: x.fits")
    (row,) = frame.to_dict("records")
    assert (row["name"], row["dec"], row["error_ellipse_r0"]) == ("4XMM a", -60.25, 3.75)
    assert row["b_flux_ap"] == 1e-14


def test_rows_come_in_our_units_with_places_in_the_galaxy():
    known = catalogues_of(load_config({"xray": XMM}).spelt_tables("heasarc"))
    rows = pd.DataFrame(
        {"name": ["4XMM J174540.0-290028"], "ra": [266.4168], "dec": [-29.0078],
         "error_ellipse_r0": [2.0], "b_flux_ap": [3e-13]}
    )  # fmt: skip
    (row,) = fit_to_catalogue(rows, known["csc"]).to_dict("records")
    assert (row["error_ellipse_r0"], row["b_flux_ap"]) == (5.0, 1.5e-13)
    # Sagittarius A*, Reid & Brunthaler 2004: l = 359.944, b = -0.046
    assert (row["lii"], row["bii"]) == pytest.approx((359.944, -0.046), abs=1e-3)
    assert row["var_flag"] == "" and pd.isna(row["hard_hm"])


def test_the_preflight_looks_at_a_file_by_its_names(tmp_path):
    """It was judged by the columns of the Chandra Source Catalog."""
    path = tmp_path / "mine.ecsv"
    table = Table({"name": ["4XMM a"], "ra": [10.5], "_dec": [-60.25], "error_radius": [1.5],
                   "ep_8_flux": [2e-14]})  # fmt: skip
    table.write(path, format="ascii.ecsv")
    config = load_config({"xray": XMM, "catalogs": {"csc": {"file": str(path), "release": "DR14"}}})
    ((kind, key, words),) = look_at_files(config)
    assert (kind, key) == ("note", "catalogs.csc") and words.startswith(f"1 rows in {path}")


def test_a_position_that_is_none_is_left_to_those_who_check_it():
    """It ended the job with a trace where the Galactic position was null too."""
    rows = {"name": ["a", "b"], "ra": [10.0, 266.4168], "dec": [91.0, -29.0078]}
    frame = fit_to_catalogue(pd.DataFrame(rows), CATALOGUES["csc"])
    assert frame["bii"].isna().tolist() == [True, False]
    assert frame["bii"][1] == pytest.approx(-0.046, abs=1e-3)


@pytest.mark.parametrize(
    ("xray", "said"),
    [
        (
            changed(columns__error=None),
            "xray.columns.error is missing; xray.table is not the shipped one",
        ),
        (
            changed(columns__flx="ep_8_flux"),
            "xray.columns.flx is 'ep_8_flux', but there is no such part; they are "
            f"{', '.join(PARTS)}; did you mean flux?",
        ),
        (
            changed(observations__columns__exposure=None),
            "xray.observations.columns.exposure is missing; xray.observations.table is not the "
            "shipped one",
        ),
        (
            changed(columns__flux=None),
            "crossmatch.min_flux is 0; without xray.columns.flux no source has a flux, so it is "
            "null",
        ),
        (
            changed(observations={"table": ""}),
            "coverage.source is 'pointings'; without a list of observations "
            "(xray.observations.table) it is moc, a map of your own",
        ),
        (changed(name="XMM"), "xray.name is 'XMM'; it is a short name of a-z and 0-9"),
        (changed(flux_factor=0), "xray.flux_factor is 0; a factor of fluxes lies in (0, 10]"),
    ],
)
def test_what_is_refused_says_what_to_do(xray, said):
    assert refused(xray) == f"config: {said}"


def test_without_a_list_of_observations_a_map_says_where():
    xray = changed(observations={"table": ""})
    config = load_config({"xray": xray, "coverage": {"source": "moc", "moc": "m.fits"}})
    assert "chanmaster" not in catalogues_of(config.spelt_tables("heasarc"))
