"""The simulated sky: like the real one where it was measured, and awkward on purpose.

The measured numbers are those of 4FGL-DR4 and CSC 2.1 at |b| <= 10 deg. Separations are
computed here from scratch (haversine), not by the library.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from xgamma.demo.sky.build import FATE_COLUMNS, TRUTH_COLUMNS, build_sky, simulate
from xgamma.demo.sky.fermi import read_fermi
from xgamma.demo.sky.xray import position_error
from xgamma.demo.storage import content_digest
from xgamma.demo.tables import DEMO_TABLES, served_table
from xgamma.errors import XgammaError
from xgamma.tables.files import read_parquet

RESOURCE = Path(__file__).parents[3] / "resources" / "4fgl_dr4_v35.ecsv.gz"
SEED = 4
LATITUDE_BANDS = ((0, 0.5), (0.5, 1), (1, 2), (2, 5), (5, 10))


def haversine(ra1, dec1, ra2, dec2):
    """Separation in degrees."""
    ra1, dec1, ra2, dec2 = (np.radians(a) for a in (ra1, dec1, ra2, dec2))
    half = (
        np.sin((dec2 - dec1) / 2) ** 2 + np.cos(dec1) * np.cos(dec2) * np.sin((ra2 - ra1) / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(np.minimum(half, 1.0))))


def pairs_within(centres: pd.DataFrame, radius, points: pd.DataFrame):
    """Row numbers (centre, point) of all pairs no further apart than the centre's radius."""
    order = np.argsort(points["dec"].to_numpy(), kind="stable")
    ra, dec = points["ra"].to_numpy()[order], points["dec"].to_numpy()[order]
    centre, point = [], []
    for row, (c_ra, c_dec, r) in enumerate(zip(centres["ra"], centres["dec"], radius, strict=True)):
        low, high = np.searchsorted(dec, [c_dec - r - 1e-9, c_dec + r + 1e-9])
        near = np.flatnonzero(haversine(c_ra, c_dec, ra[low:high], dec[low:high]) <= r) + low
        centre.append(np.full(len(near), row))
        point.append(order[near])
    return np.concatenate(centre), np.concatenate(point)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sky")
    path, truth = folder / "sky.duckdb", folder / "truth.parquet"
    returned = build_sky(
        path,
        size="small",
        seed=SEED,
        resource=RESOURCE,
        truth_path=truth,
        fates_path=folder / "fates.parquet",
    )
    return path, truth, returned


@pytest.fixture(scope="module")
def small(built):
    """The tables as the file holds them."""
    with duckdb.connect(str(built[0]), read_only=True) as connection:
        return {t.name: connection.execute(f"SELECT * FROM {t.physical}").df() for t in DEMO_TABLES}


@pytest.fixture(scope="module")
def full():
    return simulate("full", SEED, RESOURCE)


class Matched:
    """The Fermi sources of the plane that have a circle, and their X-ray candidates."""

    def __init__(self, tables):
        fermi, csc = tables["fermilpsc"], tables["csc"]
        usable = (fermi["bii"].abs() <= 10) & (fermi["semi_major_axis_95"] > 0)
        self.fermi = fermi[usable].reset_index(drop=True)
        self.csc = csc[csc["b_flux_ap"] > 0].reset_index(drop=True)
        self.one, self.other = pairs_within(self.fermi, self.fermi["semi_major_axis_95"], self.csc)
        self.candidates = np.bincount(self.one, minlength=len(self.fermi))
        self.matched = self.candidates > 0
        self.classes = self.fermi["source_type"].str.strip().str.lower()

    def share(self, members) -> float:
        return self.matched[np.asarray(members)].mean()


@pytest.fixture(scope="module")
def matched(full):
    return Matched(full.tables)


@pytest.fixture(scope="module")
def matched_small(small):
    return Matched(small)


# ---- the real part


def test_fermi_rows_are_those_of_the_resource(small):
    """Read line by line here, by the library through pandas and DuckDB."""
    from astropy.table import Table

    real = Table.read(RESOURCE, format="ascii.ecsv")
    served = small["fermilpsc"].set_index("name").loc[list(real["name"])]
    assert len(served) == 7195
    for column in served_table("fermilpsc").columns:
        if column.name in ("name", "counterpart_ra", "counterpart_dec"):
            continue  # the last two are simulated
        if column.datatype == "char":
            text = np.ma.filled(real[column.name].astype(object), "")
            assert (served[column.name].str.strip() == text).all()
        else:
            np.testing.assert_array_equal(
                served[column.name].to_numpy(float), np.asarray(real[column.name], float)
            )


@pytest.mark.parametrize(
    ("file", "rows"),
    [("4fgl_dr4_v35", 7195), ("4fgl_dr3_v29", 6659), ("fl16y_v41", 7224)],
)
def test_resources_are_whole_and_compressed_without_a_clock(file, rows):
    path = RESOURCE.with_name(f"{file}.ecsv.gz")
    assert path.read_bytes()[4:8] == bytes(4)
    with gzip.open(path, "rt") as stream:
        text = stream.read()
    assert "Fermi-LAT Collaboration" in text[:4000]
    assert len(text.splitlines()) == len([x for x in text.splitlines() if x[:2] == "# "]) + 1 + rows


def test_a_missing_list_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(XgammaError, match="restore it with git"):
        read_fermi(tmp_path / "nothing.ecsv.gz")


def test_an_unknown_size_is_an_error():
    with pytest.raises(XgammaError, match="'huge'; it is one of small, full"):
        simulate("huge", SEED, RESOURCE)


# ---- sizes


def test_small_sizes(small):
    assert len(small["chanmaster"]) == 3000
    assert len(small["csc"]) == 36_000
    assert 130_000 < len(small["gaiadr3.gaia_source"]) <= 190_000
    assert 75_000 < len(small["fp_psc"]) <= 110_000
    assert 32_000 < len(small["allwise_p3as_psd"]) <= 48_000


def test_full_sizes_are_the_real_catalogues(full):
    assert len(full.tables["chanmaster"]) == 30_000
    assert len(full.tables["csc"]) == 407_806
    assert len(full.tables["fermilpsc"]) == 7195
    assert len(full.tables["gaiadr3.gaia_source"]) == pytest.approx(1.28e6, rel=0.1)
    assert len(full.tables["fp_psc"]) == pytest.approx(6.4e5, rel=0.1)
    assert len(full.tables["allwise_p3as_psd"]) == pytest.approx(2.8e5, rel=0.1)


# ---- full sky against what was measured


def test_share_of_matched_fermi_sources(matched):
    assert matched.matched.mean() == pytest.approx(0.166, abs=0.025)


@pytest.mark.parametrize(
    ("band", "share"), list(zip(LATITUDE_BANDS, (0.35, 0.32, 0.26, 0.12, 0.055), strict=True))
)
def test_share_of_matched_by_latitude(matched, band, share):
    latitude = matched.fermi["bii"].abs()
    assert matched.share((latitude >= band[0]) & (latitude < band[1])) == pytest.approx(
        share, rel=0.3
    )


@pytest.mark.parametrize(
    ("folded", "share", "tolerance"),
    [
        ("psr", 0.57, 0.12),
        ("hmb", 1.0, 0.3),
        ("glc", 0.90, 0.2),
        ("msp", 0.26, 0.15),
        ("spp", 0.26, 0.15),
        ("unk", 0.20, 0.1),
        ("", 0.10, 0.03),
        ("bcu", 0.06, 0.04),
        ("bll", 0.07, 0.06),
    ],
)
def test_share_of_matched_by_class(matched, folded, share, tolerance):
    assert matched.share(matched.classes == folded) == pytest.approx(share, abs=tolerance)


def test_candidates_per_matched_source(matched):
    candidates = matched.candidates[matched.matched]
    quartiles = np.percentile(candidates, [25, 50, 75, 90])
    assert np.all(quartiles >= [1, 4, 14, 40])
    assert np.all(quartiles <= [3, 9, 32, 100])
    assert 250 < candidates.max() < 1500
    one, few, many, crowd = np.histogram(candidates, [1, 2, 26, 101, 10_000])[0]
    assert one == pytest.approx(63, abs=30)
    assert few == pytest.approx(202, abs=50)
    assert many == pytest.approx(55, abs=25)
    assert crowd == pytest.approx(20, abs=12)
    assert len(matched.one) == pytest.approx(9162, rel=0.3)


def test_fluxes_of_pairs(matched):
    flux = np.log10(matched.csc["b_flux_ap"].to_numpy()[matched.other])
    measured = [-15.35, -14.77, -14.40, -13.97, -13.27, -12.45]
    np.testing.assert_allclose(np.percentile(flux, [5, 25, 50, 75, 95, 99]), measured, atol=0.35)


def test_fluxes_of_the_catalogue(full):
    flux = full.tables["csc"]["b_flux_ap"]
    assert (flux > 0).mean() == pytest.approx(343_779 / 407_806, abs=0.01)
    assert flux.isna().mean() > 0.05
    assert (flux == 0).mean() > 0.01
    latitude = full.tables["csc"]["bii"].abs()
    assert ((latitude <= 10) & (flux > 0)).sum() == pytest.approx(100_896, rel=0.15)


@pytest.mark.parametrize("sky", ["small", "full"])
def test_exposures(sky, request):
    tables = request.getfixturevalue(sky)
    tables = tables if sky == "small" else tables.tables
    exposure = tables["chanmaster"]["exposure"]
    quantiles = np.percentile(exposure[exposure > 0] / 1e3, [1, 5, 16, 50, 84, 95, 99])
    np.testing.assert_allclose(quantiles, [1.2, 2.3, 4.9, 15.6, 48, 85, 154], rtol=0.12)


# measured densities, per square degree: |b| from, to, and |l| < 30 / 30-90 / > 90
GAIA = [
    (0, 0.5, 98e3, 84e3, 48e3),
    (0.5, 1, 125e3, 124e3, 33e3),
    (1, 2, 520e3, 175e3, 42e3),
    (2, 4, 420e3, 250e3, 40e3),
    (6, 10, 550e3, 114e3, 28e3),
]


def test_densities_of_stars(full, matched):
    """Median over the Fermi positions of a bin, stars within 0.03 deg."""
    fermi = matched.fermi[matched.matched & (matched.classes != "glc")].reset_index(drop=True)
    lon = ((fermi["lii"] + 180) % 360 - 180).abs().to_numpy()
    lat = fermi["bii"].abs().to_numpy()
    area = np.pi * 0.03**2
    density = {}
    for name in ("gaiadr3.gaia_source", "fp_psc"):
        one, _ = pairs_within(fermi, np.full(len(fermi), 0.03), full.tables[name])
        density[name] = np.bincount(one, minlength=len(fermi)) / area
    away = np.hypot(lon, lat) > 1.5
    checked = 0
    for low, high, *wanted in GAIA:
        for (west, east), value in zip(((0, 30), (30, 90), (90, 181)), wanted, strict=True):
            bin_ = (lat >= low) & (lat < high) & (lon >= west) & (lon < east) & away
            if bin_.sum() >= 5:
                median = np.median(density["gaiadr3.gaia_source"][bin_])
                assert median == pytest.approx(value, rel=0.25), (low, west)
                checked += 1
    assert checked >= 10
    infrared = density["fp_psc"]
    assert np.median(infrared[(lat < 5) & (lon < 30)]) == pytest.approx(100e3, rel=0.15)
    assert np.median(infrared[(lat < 5) & (lon > 90)]) == pytest.approx(60e3, rel=0.15)
    assert 25e3 < np.median(infrared[lat > 5]) < 50e3


def test_galactic_centre_is_crowded(full):
    csc = full.tables["csc"]
    lon = (csc["lii"] + 180) % 360 - 180
    inside = (lon.abs() <= 1) & (csc["bii"].abs() <= 0.4)
    assert 4000 < inside.sum() < 14_000  # 9,017 in the survey of 2 x 0.8 deg


# ---- small sky: fewer fields, the same densities


def test_small_sky_has_fewer_matches_not_other_ones(matched_small):
    assert 80 <= matched_small.matched.sum() <= 130
    candidates = matched_small.candidates[matched_small.matched]
    assert 2 <= np.median(candidates) <= 9
    assert 100 <= candidates.max() <= 900
    latitude = matched_small.fermi["bii"].abs()
    assert matched_small.share(latitude < 1) > 3 * matched_small.share(latitude > 5)
    assert matched_small.share(matched_small.classes == "psr") > 3 * matched_small.share(
        matched_small.classes == "bcu"
    )
    # the binaries are a subsample of their own: a small sky has nearly all of them
    assert matched_small.share(matched_small.classes == "hmb") >= 0.7


# ---- counterparts


def test_truth_file_is_what_is_returned(built):
    _, path, returned = built
    truth = read_parquet(path)
    assert list(truth.columns) == [c.name for c in TRUTH_COLUMNS]
    assert len(truth) == len(returned)
    assert (truth["source_id"].to_numpy() == returned["source_id"].to_numpy()).all()
    assert truth["source_id"].dtype == np.int64


def test_file_of_fates_tells_of_every_source_with_an_ellipse(built, small):
    fates = read_parquet(built[1].with_name("fates.parquet"))
    assert list(fates.columns) == [c.name for c in FATE_COLUMNS]
    fermi = small["fermilpsc"]
    with_ellipse = fermi.loc[fermi["semi_major_axis_95"] > 0, "name"]
    assert fates["fermi_name"].tolist() == with_ellipse.tolist()
    detected = fates.loc[fates["csc_name"] != "", "csc_name"]
    counterparts = built[2].loc[built[2]["fermi_name"] != "", "csc_name"]
    assert sorted(detected) == sorted(counterparts)


def test_truth_refers_to_rows_that_exist(built, small):
    truth = built[2]
    assert truth["csc_name"].is_unique
    assert set(truth["csc_name"]) <= set(small["csc"]["name"])
    assert set(truth["fermi_name"]) - {""} <= set(small["fermilpsc"]["name"])
    gaia = truth.loc[truth["source_id"] >= 0, "source_id"]
    assert gaia.is_unique
    assert set(gaia) <= set(small["gaiadr3.gaia_source"]["source_id"])
    assert set(truth["designation"]) - {""} <= set(small["fp_psc"]["designation"])
    allwise = set(small["allwise_p3as_psd"]["designation"])
    assert set(truth["allwise_designation"]) - {""} <= allwise
    counterparts = truth[truth["fermi_name"] != ""]
    assert counterparts["fermi_name"].is_unique
    assert len(counterparts) > 80


def test_counterparts_are_listed_as_all_other_sources_are(full):
    """They kept their flux, and it was exactly the true one: by that alone they stood out."""
    truth = full.truth[full.truth["fermi_name"] != ""]
    assert len(truth) > 300
    flux = full.tables["csc"].set_index("name")["b_flux_ap"].loc[truth["csc_name"]].to_numpy()
    energy_flux = full.tables["fermilpsc"].set_index("name")["energy_flux"]
    true_flux = energy_flux.loc[truth["fermi_name"]].to_numpy() * 10 ** truth["log_flux_ratio"]
    listed = flux > 0
    assert listed.mean() == pytest.approx(343_779 / 407_806, abs=0.06)
    error = np.log(flux[listed] / true_flux[listed])
    assert error.std() == pytest.approx(0.15, rel=0.15)
    assert error.mean() == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize(
    ("nature", "mean"),
    [
        ("young pulsar", -3.58),
        ("millisecond pulsar", -2.54),
        ("AGN", -1.1),
        ("high-mass binary", -2.2),
    ],
)
def test_flux_ratios_by_class(full, nature, mean):
    ratio = full.truth.loc[full.truth["nature"] == nature, "log_flux_ratio"]
    assert len(ratio) >= 8
    # the detection limit takes the faintest, so the rest is a little brighter
    assert ratio.median() == pytest.approx(mean, abs=0.7)


def test_true_stars_lie_within_the_errors(full):
    truth = full.truth[full.truth["source_id"] >= 0]
    csc = full.tables["csc"].set_index("name").loc[truth["csc_name"]]
    gaia = full.tables["gaiadr3.gaia_source"].set_index("source_id").loc[truth["source_id"]]
    offset = 3600 * haversine(
        csc["ra"].to_numpy(), csc["dec"].to_numpy(), gaia["ra"].to_numpy(), gaia["dec"].to_numpy()
    )
    r0, r1 = csc["error_ellipse_r0"].to_numpy(), csc["error_ellipse_r1"].to_numpy()
    assert 0.93 < (offset <= r0).mean() < 0.99
    assert (offset <= r1).mean() < 0.95


def test_position_error_by_hand():
    """Ten counts on the axis: 10 ** (-0.4958 + 0.1932) = 0.4982; with 0.29: 0.5764 arcsec.

    A thousand at 5 arcmin: 10 ** (0.484 - 0.6192 - 0.426) = 0.2747; with 0.29: 0.3995.
    """
    error = position_error(np.array([0.0, 5.0]), np.array([10.0, 1000.0]))
    np.testing.assert_allclose(error, [0.5764, 0.3995], atol=2e-4)


# ---- awkward on purpose


def test_null_radii_and_padded_classes(small):
    fermi = small["fermilpsc"]
    assert fermi["semi_major_axis_95"].isna().sum() == 90
    assert (fermi["source_type"].str.len() == 5).all()
    assert {"psr  ", "     ", "FSRQ "} <= set(fermi["source_type"])


def test_a_source_in_two_circles(matched_small):
    assert (np.bincount(matched_small.other) > 1).any()


def test_a_source_beyond_the_cut_matches(matched_small):
    latitude = matched_small.csc["bii"].abs().to_numpy()[matched_small.other]
    assert (latitude > 10).any()


@pytest.mark.parametrize("seed_sky", ["small", "full"])
def test_a_matched_source_exactly_at_the_cut(seed_sky, request):
    tables = request.getfixturevalue(seed_sky)
    matched = Matched(tables if seed_sky == "small" else tables.tables)
    assert (matched.csc["bii"].abs().to_numpy()[matched.other] == 10.0).any()


def test_a_circle_across_0_h(matched_small):
    ra = matched_small.csc["ra"].to_numpy()[matched_small.other]
    after = set(matched_small.one[ra < 1])
    before = set(matched_small.one[ra > 359])
    assert after & before


def test_identifiers_do_not_fit_a_double(small):
    source_id = small["gaiadr3.gaia_source"]["source_id"].to_numpy()
    assert source_id.dtype == np.int64
    assert len(np.unique(source_id)) == len(source_id)
    assert source_id.min() > 2**53
    # twelve base pixels of order 12, times 2**35: no real identifier is larger
    assert source_id.min() > 12 * 4**12 * 2**35
    assert (source_id % 2 == 1).any()
    assert (source_id.astype(float).astype(np.int64) != source_id).mean() > 0.5


def test_fermi_positions_without_stars(small, matched_small):
    fermi = matched_small.fermi[matched_small.matched].reset_index(drop=True)
    empty = {}
    for name in ("gaiadr3.gaia_source", "fp_psc"):
        one, _ = pairs_within(fermi, np.full(len(fermi), 0.03), small[name])
        empty[name] = np.bincount(one, minlength=len(fermi)) == 0
    gaia, infrared = empty.values()
    assert (gaia & ~infrared).any()
    assert (infrared & ~gaia).any()
    assert (gaia & infrared).any()
    assert gaia.mean() < 0.1
    assert infrared.mean() < 0.1


def test_stars_reach_beyond_the_plane(small):
    """The latitude cut can be raised to 20 deg and finds stars there too."""
    fermi, csc = small["fermilpsc"], small["csc"]
    beyond = fermi[
        fermi["bii"].abs().between(10, 20, inclusive="neither") & (fermi["semi_major_axis_95"] > 0)
    ].reset_index(drop=True)
    one, _ = pairs_within(beyond, beyond["semi_major_axis_95"], csc)
    rows = np.unique(one)
    assert len(rows) >= 8
    there = beyond.iloc[rows].reset_index(drop=True)
    stars, _ = pairs_within(there, np.full(len(there), 0.03), small["gaiadr3.gaia_source"])
    assert len(np.unique(stars)) == len(there)


def test_nulls(small):
    gaia, infrared = small["gaiadr3.gaia_source"], small["fp_psc"]
    for column in ("phot_g_mean_mag", "classprob_dsc_combmod_star", "pmra", "parallax", "bp_rp"):
        assert 0 < gaia[column].isna().mean() < 0.2
    for column in ("j_m", "h_m", "k_m"):
        assert 0 < infrared[column].isna().mean() < 0.2
    assert small["chanmaster"]["time"].isna().any()


def test_null_is_null_not_nan(built):
    """NaN would pass `IS NOT NULL` and sort above all numbers."""
    with duckdb.connect(str(built[0]), read_only=True) as connection:
        for table in DEMO_TABLES:
            for column in table.columns:
                if column.datatype in ("double", "float"):
                    query = f'SELECT count(*) FROM {table.physical} WHERE isnan("{column.name}")'
                    assert connection.execute(query).fetchone() == (0,), column.name


def test_variability(small):
    flags = small["gaiadr3.gaia_source"]["phot_variable_flag"]
    assert set(flags) == {"VARIABLE", "NOT_AVAILABLE"}
    assert 0.005 < (flags == "VARIABLE").mean() < 0.03


def test_observations(small):
    observations = small["chanmaster"]
    assert observations["obsid"].is_unique
    assert set(observations["detector"]) == {"ACIS-I", "ACIS-S", "HRC-I", "HRC-S"}
    waiting = observations["status"].isin(["scheduled", "unobserved"])
    assert (observations.loc[waiting, "exposure"] == 0).all()
    assert (observations.loc[~waiting, "exposure"] > 0).all()
    assert waiting.any()
    # published a year and up to a month after the observation; of those not made nobody knows
    assert (observations["public_date"].isna() == waiting).all()
    wait = (observations["public_date"] - observations["time"])[~waiting]
    assert wait.between(365, 395).all() and wait.max() - wait.min() > 29
    assert observations["name"].duplicated().mean() > 0.3
    plane = observations["bii"].abs() <= 10
    at_fermi = observations["name"].str.contains("4FGL|PSR|SNR|GC MOSAIC|CLUSTER")
    assert at_fermi[plane].mean() > 0.25


@pytest.mark.parametrize("sky", ["small", "full"])
def test_simulated_rows_say_so(sky, request):
    tables = request.getfixturevalue(sky)
    tables = tables if sky == "small" else tables.tables
    assert tables["csc"]["name"].str.match(r"^SIM J\d{6}\.\d[+-]\d{6}[A-Z]?$").all()
    assert tables["csc"]["name"].is_unique
    assert tables["fp_psc"]["designation"].str.match(r"^SIM \d{8}[+-]\d{7}[A-Z]?$").all()
    assert tables["fp_psc"]["designation"].is_unique
    allwise = tables["allwise_p3as_psd"]["designation"]
    assert allwise.str.match(r"^SIM J\d{6}\.\d\d[+-]\d{6}\.\d[A-Z]?$").all()
    assert allwise.is_unique
    assert tables["chanmaster"]["name"].str.startswith("SIM ").all()


@pytest.mark.parametrize("name", ["chanmaster", "csc", "gaiadr3.gaia_source", "fp_psc"])
def test_positions(small, name):
    table = small[name]
    assert table["ra"].between(0, 360, inclusive="left").all()
    lon, lat = {
        "gaiadr3.gaia_source": ("l", "b"),
        "fp_psc": ("glon", "glat"),
    }.get(name, ("lii", "bii"))
    # the north Galactic pole and the node of the ICRS (Hipparcos, vol. 1, section 1.5.3)
    pole_ra, pole_dec, node = np.radians([192.85948, 27.12825, 32.93192])
    ra, dec = np.radians(table["ra"].to_numpy()), np.radians(table["dec"].to_numpy())
    b = np.arcsin(
        np.sin(dec) * np.sin(pole_dec) + np.cos(dec) * np.cos(pole_dec) * np.cos(ra - pole_ra)
    )
    y = np.sin(dec) * np.cos(pole_dec) - np.cos(dec) * np.sin(pole_dec) * np.cos(ra - pole_ra)
    x = np.cos(dec) * np.sin(ra - pole_ra)
    longitude = np.degrees(np.arctan2(y, x) + node) % 360
    apart = haversine(longitude, np.degrees(b), table[lon].to_numpy(), table[lat].to_numpy())
    # the pole is given to 1e-5 deg; HEASARC reads ICRS as FK5; IRSA rounds to 1e-3 deg
    assert apart.max() < {"fp_psc": 8e-4}.get(name, 2e-5)


def test_rows_are_stored_by_declination(small):
    for name in ("csc", "gaiadr3.gaia_source", "fp_psc", "allwise_p3as_psd"):
        assert small[name]["dec"].is_monotonic_increasing


# ---- the file


def test_tap_schema_describes_every_column(built):
    with duckdb.connect(str(built[0]), read_only=True) as connection:
        listed = set(
            connection.execute(
                "SELECT lower(table_name), column_name, datatype FROM tap_schema.columns"
            ).fetchall()
        )
        physical = connection.execute(
            "SELECT table_schema, table_name, column_name, data_type"
            " FROM information_schema.columns"
        ).fetchall()
        owners = connection.execute(
            "SELECT count(*) FROM tap_schema.tables t ANTI JOIN tap_schema.schemas s"
            " ON t.schema_name = s.schema_name"
        ).fetchone()
    votable = {
        "VARCHAR": "char",
        "DOUBLE": "double",
        "FLOAT": "float",
        "BIGINT": "long",
        "INTEGER": "int",
        "BOOLEAN": "boolean",
    }
    held = {
        (table if schema == "main" else f"{schema}.{table}", column, votable[kind])
        for schema, table, column, kind in physical
    }
    assert held == listed
    assert owners == (0,)


def test_tap_schema_keys_refer_to_listed_columns(built):
    with duckdb.connect(str(built[0]), read_only=True) as connection:
        dangling = connection.execute(
            "SELECT count(*) FROM tap_schema.keys k JOIN tap_schema.key_columns kc USING (key_id)"
            " WHERE (k.from_table, kc.from_column) NOT IN"
            " (SELECT (table_name, column_name) FROM tap_schema.columns)"
            " OR (k.target_table, kc.target_column) NOT IN"
            " (SELECT (table_name, column_name) FROM tap_schema.columns)"
        ).fetchone()
        keys = connection.execute("SELECT count(*) FROM tap_schema.keys").fetchone()
    assert keys == (5,)
    assert dangling == (0,)


# the archives say erg, which VOUnits call deprecated but allow
@pytest.mark.filterwarnings("ignore:The unit 'erg' has been deprecated")
def test_units_and_ucds_are_well_formed():
    from astropy.io.votable.ucd import check_ucd
    from astropy.units import Unit

    for table in DEMO_TABLES:
        for column in table.columns:
            assert column.description
            assert column.ucd == "" or check_ucd(column.ucd, check_controlled_vocabulary=True), (
                column.name,
                column.ucd,
            )
            Unit(column.unit, format="vounit")


def test_same_seed_same_content_whichever_list_is_served(built, small, tmp_path):
    """FL16Y in front of the sky of 4FGL-DR4: one table is another, and what describes it."""
    again = tmp_path / "again.duckdb"
    truth = build_sky(
        again,
        size="small",
        seed=SEED,
        resource=RESOURCE,
        served=RESOURCE.with_name("fl16y_v41.ecsv.gz"),
        fates_path=tmp_path / "fates.parquet",
    )
    pd.testing.assert_frame_equal(truth, built[2])
    with duckdb.connect(str(again), read_only=True) as connection:
        connection.execute(f"ATTACH '{built[0]}' AS first (READ_ONLY)")
        for table in DEMO_TABLES:
            if table.name != "fermilpsc":
                for one, other in (("again", "first"), ("first", "again")):
                    left, right = (f"SELECT * FROM {x}.{table.physical}" for x in (one, other))
                    assert not connection.execute(f"{left} EXCEPT ALL {right}").fetchall()
        fermi = connection.execute("SELECT * FROM main.fermilpsc").df()
        described = connection.execute(
            "SELECT description FROM tap_schema.tables WHERE table_name = 'fermilpsc'"
            " UNION ALL SELECT column_name FROM tap_schema.columns"
            " WHERE table_name = 'fermilpsc' AND column_name LIKE 'assoc_f%'"
        ).fetchall()
    assert len(fermi) == 7224 and fermi["name"].str.startswith("FL16Y J").all()
    assert "real FL16Y list" in described[0][0] and described[1] == ("assoc_fgl",)
    # the object of a source is where it is by either list
    both = fermi.merge(small["fermilpsc"], left_on="assoc_fgl", right_on="name")
    told = both["counterpart_ra_x"].notna() & both["counterpart_ra_y"].notna()
    assert told.sum() > 4000
    for name in ("counterpart_ra", "counterpart_dec"):
        assert (both.loc[told, f"{name}_x"] == both.loc[told, f"{name}_y"]).all()
    unknown = fermi["source_type"].str.strip().str.lower().isin(["", "unk"])
    assert fermi.loc[unknown | (fermi["assoc_fgl"] == ""), "counterpart_ra"].isna().all()
    fates = (tmp_path / "fates.parquet").read_bytes()
    assert fates == built[1].with_name("fates.parquet").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.duckdb", "fates.parquet"]


def test_other_seed_other_content(built, tmp_path):
    other = tmp_path / "other.duckdb"
    build_sky(other, size="small", seed=SEED + 1, resource=RESOURCE)
    assert content_digest(other) != content_digest(built[0])


def test_digest_sees_one_value_and_not_the_order_of_rows(tmp_path):
    digests = []
    for number, rows in enumerate(("(1, 'a'), (2, NULL)", "(2, NULL), (1, 'a')", "(1,'a'),(2,'')")):
        path = tmp_path / f"{number}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE t (n BIGINT, s VARCHAR)")
            connection.execute(f"INSERT INTO t VALUES {rows}")
        digests.append(content_digest(path))
    assert digests[0] == digests[1] != digests[2]
