"""The true optical and infrared counterparts, the stars around candidates, and X-ray colours.

The table of classes is written down here a second time. Distributions are drawn for made-up
sources, thousands of each class, and held to four standard deviations; that they reach the tables
is shown on the small sky.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xgamma.demo.sky.allwise import allwise_rows
from xgamma.demo.sky.build import Sky, simulate
from xgamma.demo.sky.patches import draw_positions, patch_radius_deg, patch_table
from xgamma.demo.sky.true_stars import draw_true_stars
from xgamma.demo.sky.xray_quality import draw_quality

RESOURCE = Path(__file__).parents[3] / "resources" / "4fgl_dr4_v35.ecsv.gz"
SEED, DRAWS = 4, 20_000
RANKS = (0.05, 0.25, 0.50, 0.75, 0.95)
# shares in Gaia and 2MASS; quantiles of log F_X/F_G, HR_hm and HR_ms
TABLE = {
    "neutron star": (
        (0.0, 0.0), None,
        (-0.54, 0.19, 0.67, 0.85, 0.98), (-0.85, -0.29, 0.19, 0.79, 0.95),
    ),
    "HMXB": (
        (0.70, 0.86), (-3.34, -1.72, -1.26, -0.65, 1.25),
        (0.49, 0.79, 0.93, 1, 1), (0, 0.44, 0.64, 0.80, 1),
    ),
    "LMXB": (
        (0.43, 0.20), (-1.94, -0.69, 0.05, 0.39, 1.19),
        (-0.50, 0, 0.42, 0.66, 0.92), (-0.65, -0.34, -0.03, 0.27, 0.77),
    ),
    "AGN": (
        (0.70, 0.30), (-1.21, -0.55, -0.16, 0.31, 0.97),
        (0.13, 0.41, 0.52, 0.62, 0.90), (-0.47, -0.26, -0.12, 0.11, 0.64),
    ),
    "field": (
        (0.57, 0.47), (-3.93, -2.60, -1.88, -1.28, -0.47),
        (-0.27, 0.33, 0.64, 0.85, 0.99), (-0.67, -0.08, 0.21, 0.57, 0.98),
    ),
}  # fmt: skip
CLASSES = list(TABLE)


def assert_share(members, expected, what):
    """A share of many draws, to four standard deviations."""
    members = np.asarray(members)
    tolerance = 4 * np.sqrt(expected * (1 - expected) / len(members)) + 1e-12
    assert abs(members.mean() - expected) <= tolerance, (what, members.mean(), expected)


def made_up(source_class: str, log_flux: float, n: int = DRAWS, **columns) -> pd.DataFrame:
    """Sources of one class and flux, away from the Galactic Centre unless told otherwise."""
    return pd.DataFrame(
        {
            "ra": np.linspace(10.0, 11.0, n),
            "dec": -20.0,
            "lii": 120.0,
            "bii": 5.0,
            "error_ellipse_r0": 2.0,
            "error_ellipse_r1": 1.0,
            "error_ellipse_angle": 30.0,
            "b_flux_ap": 10.0**log_flux,
            "source_class": source_class,
            "counts": 1000.0,
            "off_axis": 1.0,
            "exposure": 1e5,
            **columns,
        }
    )


def drawn(source_class: str, log_flux: float, **columns) -> pd.DataFrame:
    return draw_true_stars(np.random.default_rng(SEED), made_up(source_class, log_flux, **columns))


@pytest.fixture(scope="module")
def sky() -> Sky:
    return simulate("small", SEED, RESOURCE)


# ---- which surveys list a counterpart


@pytest.mark.parametrize("source_class", CLASSES)
def test_shares_in_gaia_and_2mass(source_class):
    """Of sources so bright that no counterpart is beyond Gaia's end."""
    gaia, twomass = TABLE[source_class][0]
    stars = drawn(source_class, -11.0)
    assert_share(stars["gaia"], gaia, "gaia")
    assert_share(stars["twomass"], twomass, "2MASS")
    # the correlation of the two: 0.7 of those in Gaia and 0.2 of the others at 0.6 and 0.5
    correlation = (0.6 * 0.7 - 0.6 * 0.5) / np.sqrt(0.6 * 0.4 * 0.5 * 0.5)
    both = gaia * twomass + correlation * np.sqrt(gaia * (1 - gaia) * twomass * (1 - twomass))
    assert (stars["gaia"] & stars["twomass"]).mean() == pytest.approx(
        min(both, gaia, twomass), abs=0.015
    )


@pytest.mark.parametrize(
    ("source_class", "else_allwise"),
    [("neutron star", 0.0), ("HMXB", 0.3), ("LMXB", 0.15), ("AGN", 0.85), ("field", 0.15)],
)
def test_shares_in_allwise(source_class, else_allwise):
    stars = drawn(source_class, -13.0)
    assert_share(stars.loc[~stars["twomass"], "allwise"], else_allwise, "not in 2MASS")
    if stars["twomass"].any():
        assert_share(stars.loc[stars["twomass"], "allwise"], 0.9, "in 2MASS")


def test_fewer_at_the_galactic_centre():
    stars = drawn("HMXB", -11.0, lii=0.1, bii=-0.2)
    assert_share(stars["gaia"], 0.2, "gaia")
    assert_share(stars["twomass"], 0.2, "2MASS")
    assert_share(drawn("neutron star", -11.0, lii=0.1, bii=-0.2)["gaia"], 0.0, "neutron star")


# ---- how bright they are


@pytest.mark.parametrize("source_class", CLASSES[1:])
def test_flux_ratios_follow_the_quantiles(source_class):
    log_flux = -11.0
    stars = drawn(source_class, log_flux)
    ratio = log_flux + 0.4 * stars.loc[stars["gaia"], "g"] + 5.37
    for rank, quantile in zip(RANKS, TABLE[source_class][1], strict=True):
        assert_share(ratio <= quantile, rank, quantile)
    # the ends: half a step beyond the outermost quantiles
    low, next_low, _, next_high, high = TABLE[source_class][1]
    assert ratio.min() >= low - 0.5 * (next_low - low) - 1e-9
    assert ratio.max() <= high + 0.5 * (high - next_high) + 1e-9


def test_what_is_fainter_than_gaia_s_end_is_not_in_gaia():
    """At that flux the ratio of the field's upper quartile makes G = 21: a quarter is lost."""
    log_flux = -1.28 - 0.4 * 21.0 - 5.37
    stars = drawn("field", log_flux)
    assert_share(stars["gaia"], 0.57 * 0.75, "gaia")
    assert stars["g"].max() <= 21.0
    # 2MASS has them as before
    assert_share(stars["twomass"], 0.47, "2MASS")


def test_without_a_flux_no_ratio_counts():
    for flux in (np.nan, 0.0):
        stars = draw_true_stars(np.random.default_rng(SEED), made_up("field", 0.0, b_flux_ap=flux))
        assert_share(stars["gaia"], 0.57, flux)
        assert stars["g"].median() == pytest.approx(17.5, abs=0.1)


def test_magnitudes_of_one_object_agree():
    """J from G and W1 from J by a colour; NaN where a survey does not list it."""
    stars = drawn("field", -13.0)
    for survey, band in (("gaia", "g"), ("twomass", "j"), ("allwise", "w1")):
        assert (stars[band].notna() == stars[survey]).all()
    both = stars[stars["gaia"] & stars["twomass"] & (stars["j"] < 16.7)]
    assert (both["g"] - both["j"]).median() == pytest.approx(2.8, abs=0.1)
    infrared = stars[stars["twomass"] & stars["allwise"]]
    assert (infrared["j"] - infrared["w1"]).median() == pytest.approx(1.2, abs=0.05)
    agn = drawn("AGN", -12.0)
    both = agn[agn["gaia"] & agn["twomass"] & (agn["j"] < 16.7)]
    assert (both["g"] - both["j"]).median() == pytest.approx(1.8, abs=0.1)


def test_places_follow_the_error_ellipse():
    """95 % of them inside, the major axis 30 degrees east of north."""
    csc = made_up("field", -13.0)
    stars = draw_true_stars(np.random.default_rng(SEED), csc)
    east = (stars["ra"] - csc["ra"]) * np.cos(np.radians(csc["dec"])) * 3600
    north = (stars["dec"] - csc["dec"]) * 3600
    angle = np.radians(30.0)
    along = east * np.sin(angle) + north * np.cos(angle)
    across = east * np.cos(angle) - north * np.sin(angle)
    assert_share(np.hypot(along / 2.0, across / 1.0) <= 1, 0.95, "inside")
    assert along.std() == pytest.approx(2.0 / 2.4477, rel=0.03)
    assert across.std() == pytest.approx(1.0 / 2.4477, rel=0.03)


# ---- AllWISE


def test_rows_of_allwise():
    n = DRAWS
    rng = np.random.default_rng(SEED)
    ra, dec = rng.uniform(0, 1, n), rng.uniform(-30, -29, n)
    agn = np.arange(n) < n // 2
    rows = allwise_rows(rng, ra, dec, np.arange(n), agn, np.where(agn, 14.0, np.nan))
    assert rows["dec"].is_monotonic_increasing
    truth = rows["csc"].to_numpy()
    east = (rows["ra"].to_numpy() - ra[truth]) * np.cos(np.radians(dec[truth])) * 3600
    north = (rows["dec"].to_numpy() - dec[truth]) * 3600
    assert (east / rows["sigra"]).std() == pytest.approx(1.0, abs=0.03)
    assert (north / rows["sigdec"]).std() == pytest.approx(1.0, abs=0.03)
    assert rows["sigra"].between(0.03, 0.35).all()
    for band in range(4):
        letter = rows["ph_qual"].str[band]
        assert set(letter) <= set("ABCU")
        # an upper limit has no error, a detection has one
        assert (rows[f"w{band + 1}sigmpro"].isna() == (letter == "U")).all()
    assert (rows["ph_qual"].str[0] != "U").all()
    assert (rows["ph_qual"].str[3] == "U").mean() > 0.4
    is_agn = agn[truth]
    colour = rows["w1mpro"] - rows["w2mpro"]
    assert colour[is_agn].median() == pytest.approx(1.0, abs=0.05)
    assert colour[~is_agn].median() == pytest.approx(0.0, abs=0.05)
    assert rows.loc[is_agn, "w1mpro"].median() == pytest.approx(14.0, abs=0.02)


# ---- colours and flags of the Chandra catalogue


@pytest.mark.parametrize("source_class", CLASSES)
def test_hardness_ratios_follow_the_quantiles(source_class):
    quality = draw_quality(np.random.default_rng(SEED), made_up(source_class, -13.0))
    for name, quantiles in zip(("hard_hm", "hard_ms"), TABLE[source_class][2:], strict=True):
        value, low, high = (quality[f"{name}{end}"] for end in ("", "_lolim", "_hilim"))
        for rank, quantile in zip(RANKS, quantiles, strict=True):
            if abs(quantile) < 1:  # many lie on the end itself
                assert_share(value <= quantile, rank, (name, quantile))
        assert ((low <= value) & (value <= high)).all()
        assert low.min() >= -1 and high.max() <= 1


def test_errors_of_hardness_shrink_with_counts():
    widths = [
        (q["hard_hm_hilim"] - q["hard_hm_lolim"]).median()
        for q in (
            draw_quality(np.random.default_rng(SEED), made_up("field", -13.0, counts=counts))
            for counts in (100.0, 10_000.0)
        )
    ]
    assert widths[0] / widths[1] == pytest.approx(10.0, rel=0.1)


def test_flags():
    n = 1000
    apart = np.arange(n) / 10.0  # degrees: none is confused
    csc = made_up("LMXB", -13.0, n, ra=apart, dec=0.0)
    # two of them 1.5 arcsec apart
    csc.loc[1, "ra"] = 1.5 / 3600
    csc["counts"] = np.where(np.arange(n) < 10, 1e5, 1000.0)  # 1 and 0.01 per second
    csc.loc[:4, "off_axis"] = 9.0
    csc.loc[5, "counts"] *= 2
    flags = draw_quality(np.random.default_rng(SEED), csc)
    assert np.flatnonzero(flags["conf_flag"] == "T").tolist() == [0, 1]
    assert np.flatnonzero(flags["pileup_flag"] == "T").tolist() == [5, 6, 7, 8, 9]
    assert np.flatnonzero(flags["sat_src_flag"] == "T").tolist() == [5]
    many = draw_quality(np.random.default_rng(SEED), made_up("LMXB", -13.0, counts=100.0))
    assert_share(many["var_flag"] == "T", 0.25, "half of the half that varies")
    extended = draw_quality(np.random.default_rng(SEED), made_up("neutron star", -13.0))
    assert_share(extended["extent_flag"] == "T", 0.10, "nebulae")


def test_catalogue_has_colours_and_flags(sky):
    csc = sky.tables["csc"]
    # HRC sees no colours, and what has no flux in the broad band has none in the others
    assert (csc["hard_hm"].isna() == csc["b_flux_ap"].isna()).all()
    assert (csc["hard_ms_lolim"].isna() == csc["b_flux_ap"].isna()).all()
    for name, low, high in (
        ("extent_flag", 0.015, 0.025),
        ("pileup_flag", 0.0002, 0.01),
        ("sat_src_flag", 0.00002, 0.002),
        ("conf_flag", 0.005, 0.05),
        ("var_flag", 0.01, 0.10),
    ):
        assert set(csc[name]) == {"T", "F"}
        assert low < (csc[name] == "T").mean() < high


# ---- what reaches the small sky


def ellipse_distance(fermi, csc):
    """Rows of `fermi` and `csc`, and the distance in units of the 95 % ellipse, up to 3."""
    ra, dec = np.radians(csc["ra"].to_numpy()), np.radians(csc["dec"].to_numpy())
    order = np.argsort(dec, kind="stable")
    found = []
    for row, f in enumerate(fermi.itertuples()):
        reach = np.radians(3.2 * f.semi_major_axis_95)
        f_dec, f_ra = np.radians(f.dec), np.radians(f.ra)
        low, high = np.searchsorted(dec[order], [f_dec - reach, f_dec + reach])
        near = order[low:high]
        north = np.sin(dec[near]) * np.cos(f_dec) - np.cos(dec[near]) * np.sin(f_dec) * np.cos(
            ra[near] - f_ra
        )
        east = np.cos(dec[near]) * np.sin(ra[near] - f_ra)
        toward = np.sin(dec[near]) * np.sin(f_dec) + np.cos(dec[near]) * np.cos(f_dec) * np.cos(
            ra[near] - f_ra
        )
        separation = np.degrees(np.arctan2(np.hypot(east, north), toward))
        angle = np.arctan2(east, north) - np.radians(f.position_angle_95)
        x = np.hypot(
            separation * np.cos(angle) / f.semi_major_axis_95,
            separation * np.sin(angle) / f.semi_minor_axis_95,
        )
        found += [(row, one, value) for one, value in zip(near, x, strict=True) if value <= 3]
    return pd.DataFrame(found, columns=["fermi", "csc", "x"])


@pytest.fixture(scope="module")
def candidates(sky):
    """X-ray sources within three ellipses of a Fermi source at |b| <= 20 deg, each once."""
    fermi, csc = sky.tables["fermilpsc"], sky.tables["csc"]
    fermi = fermi[(fermi["bii"].abs() <= 20) & (fermi["semi_major_axis_95"] > 0)]
    pairs = ellipse_distance(fermi, csc)
    nearest = pairs.groupby("csc")["x"].min()
    return csc.loc[nearest.index].assign(x=nearest)


def test_truth_tells_of_every_candidate(sky, candidates):
    truth = sky.truth.set_index("csc_name")
    assert len(candidates) > 3000
    assert set(candidates["name"]) <= set(truth.index)
    classes = truth["nature"].map(
        {
            "": "field",
            "young pulsar": "neutron star",
            "millisecond pulsar": "neutron star",
            "AGN": "AGN",
            "high-mass binary": "HMXB",
            "other binary": "LMXB",
        }
    )
    assert truth["source_class"].tolist() == classes.tolist()
    neutron_stars = truth[truth["source_class"] == "neutron star"]
    assert len(neutron_stars) >= 30
    assert (neutron_stars["source_id"] == -1).all()
    assert (neutron_stars["designation"] == "").all()


def test_shares_of_candidates_with_stars(sky, candidates):
    """By hand from each one's flux: how much of the field's ratios is within Gaia's end."""
    truth = sky.truth.set_index("csc_name").loc[candidates["name"]].reset_index()
    away = np.hypot((candidates["lii"] + 180) % 360 - 180, candidates["bii"]).to_numpy() >= 1.0
    field = (truth["source_class"] == "field").to_numpy() & away
    flux = candidates["b_flux_ap"].to_numpy()[field]
    quantiles = TABLE["field"][1]
    ends = 1.5 * quantiles[0] - 0.5 * quantiles[1], 1.5 * quantiles[-1] - 0.5 * quantiles[-2]
    within = np.interp(
        np.log10(np.where(flux > 0, flux, 1.0)) + 0.4 * 21.0 + 5.37,
        (ends[0], *quantiles, ends[1]),
        (0, *RANKS, 1),
    )
    # holes take some away: places without stars, a few in a hundred
    gaia = (truth["source_id"] >= 0).to_numpy()[field]
    assert gaia.mean() == pytest.approx(0.57 * within.mean(), abs=0.03)
    assert (truth["designation"] != "")[field].mean() == pytest.approx(0.47, abs=0.03)
    in_allwise = 0.47 * 0.9 + 0.53 * 0.15
    assert (truth["allwise_designation"] != "")[field].mean() == pytest.approx(in_allwise, abs=0.03)


def test_true_counterparts_outside_the_circle_have_stars(sky, candidates):
    """They had none: only what lay inside the circle had stars around it."""
    outside = candidates[(candidates["x"] > 1) & (candidates["fermi"] >= 0)]
    assert len(outside) >= 5
    stars = sky.tables["gaiadr3.gaia_source"]
    stars = stars[stars["csc"] < 0]
    counts = []
    for one in outside.itertuples():
        near = stars[(stars["dec"] - one.dec).abs() < 0.01]
        east = (near["ra"] - one.ra) * np.cos(np.radians(one.dec))
        counts.append((np.hypot(east, near["dec"] - one.dec) * 3600 < 10).sum())
    # 0.3 expected in the emptiest field, 10 in the densest
    assert np.mean(counts) > 0.3 and np.count_nonzero(counts) >= 0.3 * len(counts)


@pytest.mark.parametrize("table", ["gaiadr3.gaia_source", "fp_psc", "allwise_p3as_psd"])
def test_stars_fill_the_ring_in_which_a_field_is_counted(sky, candidates, table):
    """As many in the outer half of the area as in the inner: patches cover, and do not overlap."""
    stars = sky.tables[table]
    stars = stars[stars["csc"] < 0]
    sigma = candidates["error_ellipse_r0"].to_numpy() / 2.4477
    radius = np.maximum(10.0, 3 * np.clip(4 * sigma, 2.0, 10.0))
    inner, outer, wide = 0, 0, 0
    dec = stars["dec"].to_numpy()
    ra = stars["ra"].to_numpy()
    order = np.argsort(dec, kind="stable")
    for c_ra, c_dec, r in zip(candidates["ra"], candidates["dec"], radius, strict=True):
        low, high = np.searchsorted(dec[order], [c_dec - r / 3600, c_dec + r / 3600])
        near = order[low:high]
        east = ((ra[near] - c_ra + 180) % 360 - 180) * np.cos(np.radians(c_dec))
        square = (east**2 + (dec[near] - c_dec) ** 2) * 3600**2 / r**2
        inner += np.count_nonzero(square <= 0.5)
        outer += np.count_nonzero((square > 0.5) & (square <= 1.0))
        wide += r > 25
    assert wide > 500 and inner > 2000
    # where patches overlap a star counts more than once, which widens the scatter
    assert outer / inner == pytest.approx(1.0, abs=8 / np.sqrt(inner))


def test_radius_of_a_patch_by_hand():
    """10 arcsec at least; three times four sigma, of which 10 are the most; and half more."""
    r0 = np.array([0.5, 2.0, 4.0, 50.0])
    radius = patch_radius_deg(r0) * 3600
    assert radius == pytest.approx([10.5, 10.5, 12 * 4.0 / 2.4477 + 0.5, 30.5], abs=1e-3)


def test_overlapping_patches_are_neither_denser_nor_empty():
    """A small patch at 15 arcsec in one of 30, and one of 30 across the edge of a wide one."""
    n = 300
    ra, dec = np.linspace(240.0, 250.0, n), np.full(n, -45.0)
    scale = 3600 * np.cos(np.radians(45.0))
    centres = np.append(ra, ra + 15 / scale)
    radius = np.repeat([30.0, 10.0], n) / 3600
    narrow = patch_table(centres, np.append(dec, dec), radius)
    wide = patch_table(ra[:1] + 60 / scale, dec[:1], 60.0 / 3600)
    rng = np.random.default_rng(SEED)
    star_ra, star_dec = draw_positions(rng, "gaia", wide, narrow)
    row = np.abs(star_ra[:, None] - ra).argmin(axis=1)
    east, north = (star_ra - ra[row]) * scale, (star_dec + 45.0) * 3600
    alone = row > 1  # the wide patch lies at the first ones
    small = np.hypot(east - 15, north) <= 10
    large = np.hypot(east, north) <= 30
    density_small = np.count_nonzero(small & alone) / 100
    density_rest = np.count_nonzero(large & ~small & alone) / 800
    assert np.count_nonzero(small) > 500
    assert density_small == pytest.approx(density_rest, rel=0.1)
    # as dense as the others, though one of them overlaps it
    in_wide = np.count_nonzero(np.hypot((star_ra - wide["ra"][0]) * scale, north) <= 60)
    assert in_wide == pytest.approx(60**2 * density_rest / (n - 2), rel=0.4)


def test_colours_of_gaia_sources(sky):
    gaia = sky.tables["gaiadr3.gaia_source"]
    assert gaia["duplicated_source"].dtype == bool
    assert 0.01 < gaia["duplicated_source"].mean() < 0.03
    # BP is measured where the colour is, and BP - G grows with it
    assert (gaia["bp_rp"].isna() == gaia["phot_bp_mean_mag"].isna()).all()
    assert 0.02 < gaia["bp_rp"].isna().mean() < 0.3
    excess = gaia["phot_bp_mean_mag"] - gaia["phot_g_mean_mag"]
    assert np.corrcoef(excess.dropna(), gaia["bp_rp"].dropna())[0, 1] > 0.95
    assert gaia["bp_rp"].quantile(0.01) > -0.5 and 0.8 < gaia["bp_rp"].median() < 2.5
    assert gaia["bp_rp"].quantile(0.99) < 6
