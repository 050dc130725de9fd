"""What the figures show: the right numbers at the right places, and nothing that crashes."""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from hostile_names import HOSTILE_NAMES
from matplotlib.cbook import is_math_text
from matplotlib.collections import (
    FillBetweenPolyCollection,
    LineCollection,
    PathCollection,
    PolyCollection,
)
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Text

from xgamma.class_shares import class_shares
from xgamma.classes import CLASSES, GROUPS, MOST_UNKNOWN, group_of
from xgamma.figures.associations import (
    NAMED,
    ellipse_outline,
    plot_association_map,
    plot_match_map,
)
from xgamma.figures.chance import candidate_fields, chance_of_one, field_density, ring_areas
from xgamma.figures.counterparts import (
    LEAST_STARS,
    chance_counterparts,
    class_counterparts,
    plot_counterparts_by_class,
    plot_variability_by_class,
    plot_variable_fraction,
    variability_counts,
    variability_flags,
)
from xgamma.figures.flux_ratios import (
    LEAST_SOURCES,
    plot_ratio_by_class,
    plot_ratio_by_position,
    spread,
    weighted_quantiles,
)
from xgamma.figures.matches import (
    dealt_counts,
    plot_matches_by_flux,
    plot_matches_by_position,
    plot_separations,
    rank_correlation,
)
from xgamma.figures.observations import clear_latitudes, exposure_cells, plot_exposure_map
from xgamma.figures.offsets import offset_counts, plot_offsets
from xgamma.figures.plane import plot_plane_histograms, plot_plane_map, plot_plane_sky
from xgamma.figures.sky_axes import sky_xy, wrap_longitude
from xgamma.figures.style import GROUP_COLOURS, GROUP_MARKERS, save_figure
from xgamma.figures.subsample import MOST_ROWS, _look, plot_class_shares, plot_subsample
from xgamma.sky import elliptical_distance, galactic, position_angle, separation
from xgamma.stages.class_subsample import class_subsample
from xgamma.stages.pairs import fermi_sources, log_flux_ratio

RADII = (0.03, 2.0)

EMPTY_PAIRS = pd.DataFrame(
    {
        **{name: pd.Series(dtype=str) for name in ("fermi_name", "fermi_class", "csc_name")},
        **{
            name: pd.Series(dtype=float)
            for name in (
                "fermi_l", "fermi_b", "fermi_r95", "fermi_flux", "csc_l", "csc_b", "csc_flux",
                "sep_deg", "separation_r95", "elliptical_distance", "csc_error_r0", "fermi_ra",
                "fermi_dec", "fermi_semi_minor_95", "fermi_position_angle_95",
            )
        },
        "confused": pd.Series(dtype=bool),
        "in_ellipse_95": pd.Series(dtype=bool),
    }
)  # fmt: skip
EMPTY_FOUND = pd.DataFrame(
    {
        **{name: pd.Series(dtype=str) for name in (
            "around", "fermi_name", "fermi_class", "csc_name", "gaia_variability")},
        "id": pd.Series(dtype="int64"),
        "sep_target_arcsec": pd.Series(dtype=float),
        "n_in_radius": pd.Series(dtype="int64"),
    }
)  # fmt: skip
EMPTY_TARGETS = pd.DataFrame(
    {
        **{name: pd.Series(dtype=str) for name in ("around", "fermi_name", "csc_name")},
        "radius_deg": pd.Series(dtype=float),
    }
)


def make_pairs(counts, classes=None, seed=1):
    """Pairs of Fermi sources with given numbers of Chandra sources; positions are random."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, count in enumerate(counts):
        lon, lat = rng.uniform(0, 360), rng.uniform(-9, 9)
        r95, flux = rng.uniform(0.02, 0.3), 10 ** rng.uniform(-12, -9)
        for _ in range(count):
            part, angle = np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
            rows.append(
                {
                    "fermi_name": f"4FGL J{number:04d}" + ("c" if number % 5 == 4 else ""),
                    "fermi_l": lon, "fermi_b": lat, "fermi_r95": r95, "fermi_flux": flux,
                    "fermi_class": (classes or ["PSR"])[number % len(classes or "x")],
                    "csc_name": f"SIM J{len(rows):05d}",
                    "csc_l": (lon + part * r95 * np.cos(angle) / np.cos(np.radians(lat))) % 360,
                    "csc_b": lat + part * r95 * np.sin(angle),
                    "csc_flux": 10 ** rng.uniform(-16, -12),
                    "sep_deg": part * r95, "separation_r95": part,
                    "elliptical_distance": part / 0.8, "csc_error_r0": 0.5 + 0.1 * (number % 3),
                    "fermi_ra": 266.4, "fermi_dec": -29.0, "fermi_semi_minor_95": 0.8 * r95,
                    "fermi_position_angle_95": 30.0,
                    "confused": number % 5 == 4, "in_ellipse_95": part < 0.8,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def pairs():
    return make_pairs([1, 3, 30, 2, 120, 1, 26, 25, 100, 101], ["PSR", "psr", "", "bll", "new"])


@pytest.fixture
def found(pairs):
    """Three sources around each Fermi position and one at each candidate of even number."""
    rows = []
    for name, members in pairs.groupby("fermi_name"):
        own = members["fermi_class"].iloc[0]
        for _ in range(3):
            rows.append(("fermi", name, own, "", 4_100_000_000_000_000_000 + len(rows), 9.0, 12))
        for csc in members["csc_name"].iloc[::2]:
            rows.append(("csc", name, own, csc, 4_100_000_000_000_000_000 + len(rows), 0.4, 1))
    table = pd.DataFrame(
        rows,
        columns=["around", "fermi_name", "fermi_class", "csc_name", "id", "sep_target_arcsec",
                 "n_in_radius"],
    )  # fmt: skip
    flags = ["VARIABLE", "NOT_AVAILABLE", "NOT_AVAILABLE", ""]
    return table.assign(gaia_variability=[flags[i % 4] for i in range(len(table))])


def flags_of(found):
    """The variability flags, of the survey as the config has it."""
    gaia = {"columns": {"phot_variable_flag": "gaia_variability"}}
    return variability_flags({"gaia": found}, {"gaia": gaia})


@pytest.fixture
def targets(pairs):
    fermi = pairs.drop_duplicates("fermi_name")
    return pd.concat(
        [
            pd.DataFrame({"around": "fermi", "fermi_name": fermi["fermi_name"], "csc_name": "",
                          "radius_deg": 0.03}),
            pd.DataFrame({"around": "csc", "fermi_name": pairs["fermi_name"],
                          "csc_name": pairs["csc_name"], "radius_deg": 2 / 3600}),
        ],
        ignore_index=True,
    )  # fmt: skip


def points(axes):
    """All markers of scatters on the axes, shape (n, 2)."""
    clouds = [c.get_offsets() for c in axes.collections if isinstance(c, PathCollection)]
    return np.concatenate([np.asarray(c) for c in clouds]) if clouds else np.empty((0, 2))


def words(figure):
    """Everything that is written on a figure."""
    inside = [t.get_text() for axes in figure.axes for t in axes.texts]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    return " | ".join([*(t.get_text() for t in figure.texts), *inside, *titles])


def rows_of(axes):
    """Label -> y of the class rows."""
    return {t.get_text(): y for t, y in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}


def as_set(x, y):
    return sorted(zip(np.round(x, 9).tolist(), np.round(y, 9).tolist(), strict=True))


# --- the sky ---------------------------------------------------------------------------------


def test_observations_stand_at_their_place_with_their_exposure():
    table = pd.DataFrame(
        {
            "ra": [10.0, 350.0, 180.0, 200.0, np.nan],
            "dec": [0.0, 45.0, -30.0, 5.0, 1.0],
            "exposure": [5000.0, 50000.0, 0.0, np.nan, 9000.0],
        }
    )
    figure = plot_exposure_map(table, 10.0)
    (none,) = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    assert as_set(*np.transpose(none.get_offsets())) == as_set(*sky_xy([180, 200], [-30, 5]))
    (cells,) = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
    assert sorted(cells.get_array()) == [5.0, 50.0]
    for path, kiloseconds in zip(cells.get_paths(), cells.get_array(), strict=True):
        place = {5.0: (10, 0), 50.0: (350, 45)}[float(kiloseconds)]
        projected = figure.axes[0].transProjection.transform(np.ravel(sky_xy(*place)))
        assert path.contains_point(projected, radius=1e-6)
    assert "2 observations with exposure, summed in cells of 2 × 2 deg; 2 without" in words(figure)


def test_exposures_are_summed_in_cells_of_equal_area():
    """Points on points showed the longest of many observations of a field."""
    rng = np.random.default_rng(4)
    ra, dec = rng.uniform(0, 360, 5000), np.degrees(np.arcsin(rng.uniform(-1, 1, 5000)))
    table = pd.DataFrame({"ra": ra, "dec": dec, "exposure": rng.uniform(1e3, 1e5, 5000)})
    table.loc[:1, ["ra", "dec"]] = [[180.0, 90.0], [180.0001, -90.0]]
    corners, sums = exposure_cells(table)
    assert sums.sum() == pytest.approx(table["exposure"].sum() / 1000)
    low, high = corners[:, :, 1].min(axis=1), corners[:, :, 1].max(axis=1)
    width = np.ptp(corners[:, :, 0], axis=1)
    area = np.degrees(np.degrees(width * (np.sin(high) - np.sin(low))))
    assert area[np.abs(low) < 1.3] == pytest.approx(4, rel=0.05)
    assert np.abs(corners[:, :, 0]).max() <= np.pi + 1e-9
    same = exposure_cells(pd.concat([table, table]))
    np.testing.assert_array_equal(same[0], corners)
    assert same[1] == pytest.approx(2 * sums)


@pytest.mark.parametrize("cut", [2.0, 5.0, 10.0])
def test_right_ascensions_are_written_clear_of_the_lines(cut):
    for longitude, declination in clear_latitudes(cut).items():
        (b,) = galactic([longitude % 360], [declination])[1]
        assert min(abs(b), abs(b - cut), abs(b + cut)) > 5
        assert min(abs(declination - line) for line in range(-90, 91, 30)) > 5


@pytest.fixture
def csc():
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "name": [f"SIM J{i:04d}" for i in range(400)],
            "lii": np.append(rng.uniform(0, 360, 397), [180.0, 179.999, 180.001]),
            "bii": np.append(rng.uniform(-10, 10, 397), [10.0, -10.0, 0.0]),
            "b_flux_ap": np.where(
                rng.uniform(size=400) < 0.2, np.nan, 10 ** rng.uniform(-16, -12, 400)
            ),
        }
    ).assign(b_flux_ap=lambda t: t["b_flux_ap"].where(t.index != 7, 0.0))


def test_plane_map_shows_every_source_once_with_its_own_flux(csc):
    figure = plot_plane_map(csc, 10.0)
    drawn, colours = [], {}
    for axes in figure.axes[:3]:
        for cloud in (c for c in axes.collections if isinstance(c, PathCollection)):
            xy = np.asarray(cloud.get_offsets())
            drawn.append(xy)
            if cloud.get_array() is not None:
                shades = np.ma.filled(cloud.get_array(), np.nan)
                values = zip(xy.tolist(), shades.tolist(), strict=True)
                colours |= {(round(x % 360, 6), round(y, 6)): value for (x, y), value in values}
    drawn = np.concatenate(drawn)
    assert as_set(drawn[:, 0] % 360, drawn[:, 1]) == as_set(csc["lii"] % 360, csc["bii"])
    bright = csc[csc["b_flux_ap"] > 0]
    assert len(colours) == len(bright)
    for row in bright.itertuples():
        key = (round(row.lii % 360, 6), round(row.bii, 6))
        assert colours[key] == pytest.approx(np.log10(row.b_flux_ap))


def test_plane_sky_and_histograms_count_all(csc):
    with_flux = int((csc["b_flux_ap"] > 0).sum())
    sky = plot_plane_sky(csc, 10.0)
    assert as_set(*points(sky.axes[0]).T) == as_set(*sky_xy(csc["lii"], csc["bii"]))
    assert f"{with_flux} sources with a broad-band flux, {400 - with_flux} without" in words(sky)
    histograms = plot_plane_histograms(csc, 10.0)
    for axes in histograms.axes:
        heights = [p.get_height() for p in axes.patches]
        assert sum(heights) == 400
    for axes, width in zip(histograms.axes, (360, 20), strict=True):
        edges = np.array([p.get_x() for p in axes.patches])
        # an edge at the Galactic Centre, or at the equator, splits what lies there
        assert np.abs(edges).min() == pytest.approx(axes.patches[0].get_width() / 2)
        assert edges.min() == pytest.approx(-width / 2)
    longitude = histograms.axes[0]
    assert longitude.get_xlim() == (180, -180)


# --- pairs -----------------------------------------------------------------------------------


def outlines(axes):
    """The ellipses of a strip: those at scale and the enlarged ones, by their line width."""
    kinds = {
        round(c.get_linewidth()[0], 2): c.get_segments()
        for c in axes.get_children()
        if isinstance(c, LineCollection)
    }
    return kinds.get(0.9, []), kinds.get(0.6, [])


def test_ellipses_stand_at_scale_in_the_enlarged_ones(pairs):
    sources = pairs.drop_duplicates("fermi_name")
    figure = plot_association_map(pairs, 10.0)
    for times, kind in ((1.0, 0), (10.0, 1)):
        drawn = [line for axes in figure.axes[:3] for line in outlines(axes)[kind]]
        assert len(drawn) >= len(sources)
        centres = [line[:-1].mean(axis=0) for line in drawn]
        for source in sources.itertuples():
            (own,) = {
                round(float(np.hypot(
                    (line[:, 0] - x) * np.cos(np.radians(y)), line[:, 1] - y).max()), 6)
                for line, (x, y) in zip(drawn, centres, strict=True)
                if abs((x - source.fermi_l + 180) % 360 - 180) < 1e-6
                and abs(y - source.fermi_b) < 1e-6
            }  # fmt: skip
            assert own == pytest.approx(times * source.fermi_r95, rel=0.01)


@pytest.mark.parametrize("angle", [0.0, 35.0, 120.0])
def test_the_outline_is_the_ellipse_of_the_equatorial_angle(angle):
    """Its points are on the 95 % ellipse when they are brought back to right ascension."""
    source = pd.DataFrame(
        {"fermi_ra": [255.0], "fermi_dec": [-41.0], "fermi_r95": 0.1, "fermi_semi_minor_95": 0.04,
         "fermi_position_angle_95": angle}
    )  # fmt: skip
    source["fermi_l"], source["fermi_b"] = galactic(source["fermi_ra"], source["fermi_dec"])
    (row,) = source.itertuples()
    lon, lat = ellipse_outline(row, 1.0).T
    sky = SkyCoord(lon, lat, unit="deg", frame="galactic").icrs
    place = (row.fermi_ra, row.fermi_dec, sky.ra.deg, sky.dec.deg)
    distance = elliptical_distance(separation(*place), position_angle(*place), 0.1, 0.04, angle)
    assert distance == pytest.approx(1.0, rel=0.01)


def test_without_an_angle_it_is_a_circle():
    source = make_pairs([1]).assign(fermi_position_angle_95=np.nan, fermi_b=0.0)
    (row,) = source.itertuples()
    x, y = (ellipse_outline(row, 3.0) - [row.fermi_l, row.fermi_b]).T
    assert np.hypot(x, y) == pytest.approx(3 * row.fermi_r95)


def test_an_ellipse_at_the_edge_is_on_both_strips():
    pairs = make_pairs([1]).assign(fermi_l=179.5, csc_l=179.5, fermi_b=0.0, csc_b=0.0)
    figure = plot_association_map(pairs.assign(fermi_r95=0.2), 10.0)
    centres = [[line[:-1, 0].mean() for line in outlines(axes)[1]] for axes in figure.axes[:3]]
    assert centres == [[pytest.approx(179.5)], [], [pytest.approx(-180.5)]]


def test_the_brightest_are_named(pairs):
    figure = plot_association_map(pairs, 10.0)
    sources = pairs.drop_duplicates("fermi_name").sort_values("fermi_flux", ascending=False)
    names = {text.get_text() for axes in figure.axes[:3] for text in axes.texts}
    assert names == {name.removeprefix("4FGL ") for name in sources["fermi_name"].head(NAMED)}
    for axes in figure.axes[:3]:
        (low, high), (right, left) = axes.get_ylim(), sorted(axes.get_xlim())
        for text in axes.texts:
            x, y = text.get_position()
            assert right < x < left and low < y < high


def test_a_source_in_two_circles_is_one_point_with_its_nearest_ratio():
    pairs = make_pairs([1, 1]).assign(csc_name="SIM J1", csc_l=20.0, csc_b=1.0, csc_flux=1e-13)
    pairs["fermi_flux"], pairs["separation_r95"] = [1e-10, 1e-12], [0.9, 0.2]
    figure = plot_association_map(pairs, 10.0)
    clouds = [c for axes in figure.axes[:3] for c in axes.collections]
    values = np.concatenate(
        [np.ma.filled(c.get_array(), np.nan) for c in clouds if isinstance(c, PathCollection)]
    )
    assert values == pytest.approx([-1.0])
    assert sum(len(outlines(axes)[0]) for axes in figure.axes[:3]) >= 2


def test_counts_stay_with_their_own_source(pairs):
    """Sorting longitudes apart from counts would move most of them."""
    figure = plot_matches_by_position(pairs, 10.0)
    counts = Counter(pairs["fermi_name"])
    sources = pairs.drop_duplicates("fermi_name")
    n = [counts[name] for name in sources["fermi_name"]]
    by_longitude, by_latitude = figure.axes
    assert as_set(*points(by_longitude).T) == as_set(wrap_longitude(sources["fermi_l"]), n)
    assert as_set(*points(by_latitude).T) == as_set(sources["fermi_b"], n)
    assert by_longitude.get_xlim() == (180, -180)
    most = sources["fermi_name"].iloc[4]
    assert f"Most: {most}, 120" in words(figure)


def test_marker_areas_are_proportional_to_counts(pairs):
    figure = plot_match_map(pairs, 10.0)
    counts = Counter(pairs["fermi_name"])
    where = {
        (round(row.fermi_l, 6), round(row.fermi_b, 6)): counts[row.fermi_name]
        for row in pairs.drop_duplicates("fermi_name").itertuples()
    }
    ratios = []
    for axes in figure.axes[:3]:
        for cloud in (c for c in axes.collections if c.get_label() == "bubbles"):
            for (x, y), area in zip(cloud.get_offsets(), cloud.get_sizes(), strict=True):
                ratios.append(area / where.pop((round(x % 360, 6), round(y, 6))))
    assert not where
    assert ratios == pytest.approx([ratios[0]] * 10)


def test_the_legend_reaches_the_largest_bubble_and_none_is_cut(pairs):
    """It ended at 20 points; the bubbles went to 40."""
    figure = plot_match_map(pairs, 10.0)
    bubbles = [
        c for axes in figure.axes[:3] for c in axes.collections if c.get_label() == "bubbles"
    ]
    widest = max(np.sqrt(c.get_sizes().max()) for c in bubbles)
    sizes = figure.legends[0]
    assert sizes.legend_handles[-1].get_markersize() == pytest.approx(widest)
    assert sizes.get_texts()[-1].get_text() == "120"
    assert not any(c.get_clip_on() for axes in figure.axes[:3] for c in axes.collections)


def test_confused_sources_are_hollow_on_the_map(pairs):
    confused = pairs[pairs["confused"]].drop_duplicates("fermi_name")
    hollow = [
        c.get_offsets()
        for axes in plot_match_map(pairs, 10.0).axes[:3]
        for c in axes.collections
        if c.get_label() == "bubbles" and not len(c.get_facecolors())
    ]
    drawn = np.concatenate(hollow)
    assert as_set(drawn[:, 0] % 360, drawn[:, 1]) == as_set(
        confused["fermi_l"] % 360, confused["fermi_b"]
    )


def test_matches_and_density_against_flux(pairs):
    number, density = plot_matches_by_flux(pairs).axes
    sources = pairs.groupby("fermi_name").agg(
        flux=("fermi_flux", "first"), r95=("fermi_r95", "first"), n=("csc_name", "size")
    )
    assert as_set(*points(number).T) == as_set(sources["flux"], sources["n"])
    expected = sources["n"] / (np.pi * sources["r95"] ** 2)
    assert sorted(points(density)[:, 1]) == pytest.approx(sorted(expected))
    left_out = plot_matches_by_flux(pairs.assign(fermi_flux=np.nan))
    assert "10 without flux left out" in words(left_out)
    assert "no Fermi source has a flux" in words(left_out)


def medians_of(axes):
    """Black lines from left to right: (x0, x1, y), in the order of drawing."""
    drawn = [line.get_xydata() for line in axes.lines if line.get_color() == "#222222"]
    return [(x[0, 0], x[1, 0], x[0, 1]) for x in drawn if x[0, 1] == x[1, 1]]


def test_the_density_is_drawn_beside_the_same_counts_dealt_at_random():
    """One match per circle at least: small circles are dense, whatever the flux has to do with it.

    Here counts have nothing to do with flux, and circles shrink with it.
    """
    rng = np.random.default_rng(3)
    pairs = make_pairs([int(n) for n in rng.integers(1, 9, 120)])
    number = pairs["fermi_name"].str.extract(r"J(\d+)")[0].astype(int)
    pairs["fermi_flux"], pairs["fermi_r95"] = 1e-12 * 1.05**number, 0.3 * 0.97**number
    counts, density = plot_matches_by_flux(pairs).axes
    for axes in (counts, density):
        bands = [
            (c.get_paths()[0].vertices[:, 1].min(), c.get_paths()[0].vertices[:, 1].max())
            for c in axes.collections
            if isinstance(c, FillBetweenPolyCollection)
        ]
        medians = medians_of(axes)
        assert len(bands) == len(medians) == 6
        assert all(
            low <= middle <= high
            for (low, high), (_, _, middle) in zip(bands, medians, strict=True)
        )
    title = density.get_title(loc="left")
    own, low, high = (float(x) for x in re.findall(r"[+-]\d\.\d\d", title))
    assert own > 0.5, "the artefact"
    assert low <= own <= high, "which the deals have as well"
    # and they tell what is not one
    brighter = plot_matches_by_flux(
        make_pairs([1 + i for i in range(40)])
        .assign(fermi_r95=0.1)
        .pipe(
            lambda t: t.assign(
                fermi_flux=1e-12
                * (
                    1
                    + t["fermi_name"].map(
                        {name: i for i, name in enumerate(t["fermi_name"].unique())}
                    )
                )
            )
        )
    ).axes[1]
    own, low, high = (float(x) for x in re.findall(r"[+-]\d\.\d\d", brighter.get_title(loc="left")))
    assert own == 1 and high < 0.5


def test_dealt_counts_are_the_same_counts():
    counts = np.array([1.0, 1, 2, 30, 400])
    dealt = dealt_counts(counts)
    assert (np.sort(dealt, axis=1) == counts).all()
    assert len(np.unique(dealt, axis=0)) > 10
    np.testing.assert_array_equal(dealt, dealt_counts(counts))


def test_rank_correlation_by_hand():
    x = np.array([1.0, 2, 3, 4])
    rows = np.array([[1.0, 2, 3, 4], [4, 3, 2, 1], [1, 1, 1, 1], [1, 3, 2, 4]])
    assert rank_correlation(x, rows) == pytest.approx([1, -1, np.nan, 0.8], nan_ok=True)


def test_separations_per_pair_and_per_source():
    pairs = make_pairs([9, 1, 1])
    pairs["elliptical_distance"] = [0.2] * 9 + [0.9, 1.1]
    assert "10 pairs of 2 Fermi sources" in words(plot_separations(pairs))
    assert "1 pairs of the circle beyond it are left out" in words(plot_separations(pairs))
    # how far in the circle does not matter: it is 1.4 times as large as the ellipses
    pairs["separation_r95"] = 0.5
    figure = plot_separations(pairs)
    assert "mean 0.12" in figure.axes[0].get_title(loc="left")  # (9 * 0.04 + 0.81) / 10
    assert "mean 0.43" in figure.axes[1].get_title(loc="left")  # (0.04 + 0.81) / 2 = 0.425
    for axes, low in zip(figure.axes, (0.9, 0.5), strict=True):
        values, edges, _ = axes.patches[0].get_data()
        assert (values * np.diff(edges)).sum() == pytest.approx(1)
        assert values[0] * (edges[1] - edges[0]) == pytest.approx(low)


def test_multiplicities_split_the_pairs(pairs):
    broken = pairs.assign(csc_flux=pairs["csc_flux"].where(pairs.index % 10 != 0))
    figure = plot_ratio_by_position(broken, 10.0)
    size = pairs["fermi_name"].map(Counter(pairs["fermi_name"]))
    usable = broken["csc_flux"].notna()
    ratio = np.log10(broken["csc_flux"] / broken["fermi_flux"])
    for row, (low, high) in enumerate([(1, 1), (2, 25), (26, 100), (101, 9999)]):
        chosen = usable & size.between(low, high)
        axes = figure.axes[2 * row]
        expected = as_set(wrap_longitude(pairs["fermi_l"][chosen]), ratio[chosen])
        assert as_set(*points(axes).T) == expected
        assert as_set(*points(figure.axes[2 * row + 1]).T) == as_set(
            pairs["fermi_b"][chosen], ratio[chosen]
        )
    assert f"{(~usable).sum()} without" in words(figure)


def test_ratio_is_null_safe():
    pairs = make_pairs([5])
    pairs["csc_flux"] = [np.nan, 0.0, -1e-14, 1e-13, 1e-14]
    pairs["fermi_flux"] = [1e-11, 1e-11, 1e-11, np.nan, 1e-11]
    ratio = log_flux_ratio(pairs)
    assert np.isnan(ratio[:4]).all()
    assert ratio[4] == pytest.approx(-3)


def test_ratio_by_class_is_complete_ordered_and_not_random(pairs):
    figure = plot_ratio_by_class(pairs)
    axes = figure.axes[0]
    places = rows_of(axes)
    assert list(places) == ["PSR", "psr", "unclassified", "bll", "new"]
    assert axes.yaxis_inverted()
    drawn = points(axes)
    ratio = np.log10(pairs["csc_flux"] / pairs["fermi_flux"])
    for label, place in places.items():
        own = drawn[np.abs(drawn[:, 1] - place) <= 0.32 + 1e-9]
        name = "" if label == "unclassified" else label
        assert sorted(own[:, 0]) == pytest.approx(sorted(ratio[pairs["fermi_class"] == name]))
    shuffled = plot_ratio_by_class(pairs.sample(frac=1, random_state=3))
    np.testing.assert_array_equal(points(shuffled.axes[0]), drawn)


def test_every_fermi_source_weighs_the_same_in_the_ratio_of_its_class():
    """A circle of 200 pairs outvoted five sources of one."""
    pairs = make_pairs([200, 1, 1, 1, 1, 1]).assign(fermi_flux=1e-11)
    pairs["csc_flux"] = [1e-15] * 200 + [1e-13] * 5
    axes = plot_ratio_by_class(pairs).axes[0]
    (low, high, _) = medians_of(axes)[0]
    (middle,) = {line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1}
    assert middle == pytest.approx(-2)
    assert high == pytest.approx(-2) and low < high


@pytest.mark.parametrize("sources", [1, 2, LEAST_SOURCES - 1, LEAST_SOURCES])
def test_no_quartiles_from_a_few_sources(sources):
    axes = plot_ratio_by_class(make_pairs([30] * sources)).axes[0]
    assert len(axes.lines) == (2 if sources == LEAST_SOURCES else 0)


def test_weighted_quantiles_by_hand():
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_quantiles(values, np.ones(3), [0, 0.5, 1]) == pytest.approx([1, 2, 3])
    at = [0.1, 0.25, 0.5, 0.9]
    many = np.random.default_rng(1).normal(size=31)
    expected = np.quantile(many, at, method="hazen")
    assert weighted_quantiles(many, np.full(31, 0.2), at) == pytest.approx(expected)
    # ten of weight 0.1 are as one
    heavy = np.append(np.zeros(10), [1.0, 2.0])
    weights = np.append(np.full(10, 0.1), [1.0, 1.0])
    assert weighted_quantiles(heavy, weights, [0.5]) == pytest.approx([1.0])


def test_spread_fills_its_width_evenly():
    places = spread(200, 0.3)
    assert np.abs(places).max() <= 0.3
    assert np.diff(np.sort(places)).max() < 0.01
    np.testing.assert_array_equal(places, spread(200, 0.3))
    assert spread(1, 0.3) == pytest.approx([0])


# --- counterparts ----------------------------------------------------------------------------


def test_counterparts_are_counted_per_fermi_source(pairs, found):
    part = found[found["fermi_name"] != "4FGL J0000"]
    table = class_counterparts(pairs, {"gaia": part, "other": EMPTY_FOUND}, "fermi")
    assert table.loc["PSR"].tolist() == [2, 1, 0]
    assert table.loc[""].tolist() == [2, 2, 0]
    assert table["sources"].sum() == 10


def test_chance_counterparts_by_hand(pairs, found, targets):
    """12 sources within 108 arcsec, and 2 arcsec around each candidate."""
    each = 12 / 108**2 * 4
    expected = {
        name: sum(1 - np.exp(-n * each) for n in counts)
        for name, counts in
        {"PSR": (1, 1), "psr": (3, 26), "": (30, 25), "bll": (2, 100), "new": (120, 101)}.items()
    }  # fmt: skip
    chance = chance_counterparts(pairs, found, targets)
    assert chance.to_dict() == pytest.approx(expected)
    axes = plot_counterparts_by_class(pairs, {"gaia": found}, targets, *RADII).axes[0]
    (marks,) = [c for c in axes.collections if isinstance(c, LineCollection)]
    assert [s[0, 0] for s in marks.get_segments()] == pytest.approx(list(expected.values()))


def test_the_search_around_the_positions_is_told_and_not_drawn(pairs, found, targets):
    """Each Fermi source has hundreds of stars there: every bar was as long as its class."""
    figure = plot_counterparts_by_class(pairs, {"gaia": found}, targets, *RADII)
    assert "not drawn): Gaia 10" in words(figure)
    assert len(figure.axes) == 2  # the bars, and the numbers beside them


def test_bars_of_counterparts_do_not_overlap(pairs, found, targets):
    surveys = {"gaia": found, "twomass": found.iloc[::7], "wise": found.iloc[:9]}
    figure = plot_counterparts_by_class(pairs, surveys, targets, *RADII)
    axes = figure.axes[0]
    bars = [p for p in axes.patches if isinstance(p, Rectangle)]
    pale, coloured = bars[:5], bars[5:]
    assert [bar.get_width() for bar in pale] == [2, 2, 2, 2, 2]
    spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in coloured)
    assert len(spans) == 15
    assert all(one[1] <= two[0] + 1e-9 for one, two in pairwise(spans))
    assert {"Gaia", "2MASS", "wise"} <= {t.get_text().strip() for t in figure.axes[1].texts}


def test_the_headings_of_four_surveys_keep_apart(pairs, found, targets):
    surveys = dict.fromkeys(["allwise", "gaia", "twomass", "panstarrs"], found)
    figure = plot_counterparts_by_class(pairs, surveys, targets, *RADII)
    figure.draw_without_rendering()
    columns = [t for t in figure.axes[1].texts if t.get_text().strip().isalnum()]
    headings = [t for t in columns if not t.get_text().strip().isdigit()]
    for line in ("above", "below"):
        boxes = sorted(
            (box.x0, box.x1)
            for t in headings
            for box in [t.get_window_extent()]
            if t.get_text().startswith("\n") == (line == "below")
        )
        assert len(boxes) >= 4
        assert all(one[1] < two[0] for one, two in pairwise(boxes))


def test_variability_labels_hold_with_more_classes_than_usual():
    """A 23-class position applied to a 27-class list mislabelled 21 of 23 bars."""
    classes = [*CLASSES, "new1", "new2"]
    rows = [
        ("csc", f"4FGL {name}", name, "", 1000 * place + i, "VARIABLE" if i == 0 else "")
        for place, name in enumerate(classes)
        for i in range(place + 1)
    ]
    found = pd.DataFrame(
        rows, columns=["around", "fermi_name", "fermi_class", "csc_name", "id", "gaia_variability"]
    )
    axes = plot_variability_by_class(flags_of(found), *RADII).axes[0]
    labels = rows_of(axes)
    assert list(labels) == [name or "unclassified" for name in classes]
    bars = [p for p in axes.patches if isinstance(p, Rectangle)]
    for place, label in enumerate(labels):
        own = [b for b in bars if b.get_y() < labels[label] < b.get_y() + b.get_height()]
        assert [b.get_width() for b in own] == [1, place], label
    assert axes.get_xscale() == "linear"


def test_flags_are_counted_once_and_null_is_not_constant(found):
    doubled = pd.concat([found, found.iloc[-3:].assign(csc_name="another candidate")])
    for around in ("fermi", "csc"):
        counts = variability_counts(flags_of(doubled), around)
        own = found[found["around"] == around]
        assert counts["all"].sum() == len(own)
        assert counts["variable"].sum() == (own["gaia_variability"] == "VARIABLE").sum()
        assert counts["constant"].sum() == 0
        assert counts["no_flag"].sum() == (own["gaia_variability"] != "VARIABLE").sum()
    text = words(plot_variability_by_class(flags_of(found), *RADII))
    assert "not 'constant'" in text


def test_fraction_variable_is_over_all_rows(found):
    axes = plot_variable_fraction(flags_of(found), *RADII).axes[0]
    counts = variability_counts(flags_of(found), "csc")
    enough = counts["all"] >= LEAST_STARS
    assert 0 < enough.sum() < len(counts)
    (line,) = [item for item in axes.lines if item.get_marker() == "o"]
    assert line.get_xdata() == pytest.approx((counts["variable"] / counts["all"])[enough])
    assert list(line.get_ydata()) == list(np.flatnonzero(enough))
    assert "lower limit" in words(axes.figure)
    # the axis ends where the longest interval does, not at 1
    ends = [segment[:, 0].max() for segment in axes.collections[0].get_segments()]
    assert max(ends) < axes.get_xlim()[1] < 1.1 * max(ends)


def test_variable_stars_stand_beside_those_of_the_field(found):
    """Field stars: 30, of which some are flagged."""
    field = variability_counts(flags_of(found), "fermi")
    fraction = field["variable"].sum() / field["all"].sum()
    assert 0 < fraction < 1
    axes = plot_variable_fraction(flags_of(found), *RADII).axes[0]
    (line,) = [item for item in axes.lines if item.get_linestyle() == "--"]
    assert list(line.get_xdata()) == pytest.approx([fraction] * 2)
    figure = plot_variability_by_class(flags_of(found), *RADII)
    counts = variability_counts(flags_of(found), "csc")
    own = next(axes for axes in figure.axes if axes.collections)
    (marks,) = own.collections
    expected = list(counts["all"] * fraction)
    assert [s[0, 0] for s in marks.get_segments()] == pytest.approx(expected)
    assert own.get_xlim()[1] < 1.1 * max(counts["variable"].max(), max(expected))


def test_classes_without_a_star_have_no_row(found):
    """Nor has the figure a panel for the field, whose stars are the level by chance."""
    some = found[(found["around"] == "fermi") | (found["fermi_class"] == "psr")]
    for draw in (plot_variability_by_class, plot_variable_fraction):
        assert list(rows_of(draw(flags_of(some), *RADII).axes[0])) == ["psr"]
    nothing = plot_variable_fraction(flags_of(found[found["around"] == "fermi"]), *RADII)
    assert "no Gaia sources found at Chandra candidates" in words(nothing)


def test_variability_is_not_available_without_the_column(found):
    surveys = {"twomass": {"columns": {"j_m": "gaia_variability"}}}
    # called like it, and another one
    assert variability_flags({"twomass": found}, surveys) is None
    for draw in (plot_variability_by_class, plot_variable_fraction):
        text = words(draw(None, *RADII))
        assert "not available" in text and "phot_variable_flag" in text


def test_variability_is_found_whatever_the_config_calls_it(found):
    """`phot_variable_flag: varies` left the figures saying that no survey has it."""
    surveys = {"twomass": {"columns": {}}, "dr3": {"columns": {"Phot_Variable_Flag": "varies"}}}
    renamed = found.rename(columns={"gaia_variability": "varies"}).assign(variability="another")
    flags = variability_flags({"twomass": found, "dr3": renamed}, surveys)
    pd.testing.assert_frame_equal(flags, flags_of(found))
    assert flags["variability"].value_counts()["VARIABLE"] > 5


def test_a_flag_that_the_service_lacks_is_no_flag(found):
    """Null in all rows, and so of a type that is not text."""
    flags = flags_of(found.assign(gaia_variability=np.nan))
    counts = variability_counts(flags, "fermi")
    assert counts["no_flag"].sum() == counts["all"].sum() > 0


def test_field_density_and_rings_by_hand():
    targets = pd.DataFrame(
        {
            "around": ["fermi", "fermi", "csc", "csc", "csc", "csc"],
            "fermi_name": ["A", "B", "A", "A", "B", "B"],
            "csc_name": ["", "", "x", "y", "z", "x"],
            "radius_deg": [10 / 3600, 10 / 3600, *[2 / 3600] * 4],
        }
    )
    found = pd.DataFrame(
        {
            "around": ["fermi", "fermi", "csc", "csc", "csc"],
            "fermi_name": ["A", "A", "A", "B", "A"],
            "csc_name": ["", "", "x", "x", "y"],
            "id": [1, 2, 3, 3, 4],
            "sep_target_arcsec": [5.0, 6.0, 0.3, 0.3, 1.7],
            "n_in_radius": [50, 50, 1, 1, 1],
        }
    )
    density, count = field_density(found, targets)
    # x and y belong to A (50 sources in 10 arcsec), z to B (none)
    assert count == 3
    assert density == pytest.approx((50 + 50 + 0) / (np.pi * 100) / 3)
    assert list(offset_counts(found, np.array([0, 1, 2.0]))) == [1, 1]
    pairs = pd.DataFrame({"csc_name": ["x", "y", "z"], "csc_error_r0": [0.5, np.nan, 0.2]})
    text = words(plot_offsets({"gaia": found}, targets, pairs))
    assert "2 found, 4 by chance" in text  # 3 candidates * 4 pi * 0.106
    assert "without error: 1" in text
    # x has its source at 0.6 of its error; y has none
    errors = pairs.set_index("csc_name")["csc_error_r0"].dropna()
    assert list(offset_counts(found, np.array([0, 0.5, 1.0]), errors)) == [0, 1]
    fields = candidate_fields(found, targets)
    chance = chance_of_one(fields)  # two candidates of A; B has no field
    assert chance["A"] == pytest.approx(1 - np.exp(-2 * 4 * 0.5)) and chance["B"] == 0


def test_a_ring_counts_where_it_was_searched():
    """Searches of 1 and 2 arcsec; what was not searched was counted as empty."""
    areas = ring_areas(np.array([1.0, 2.0]), np.array([0, 1, 2.0]))
    assert areas == pytest.approx(np.pi * np.array([[1, 0], [1, 3]]))
    in_errors = ring_areas(np.array([1.0, 2.0]), np.array([0, 1, 2.0]), np.array([0.5, 4.0]))
    assert in_errors == pytest.approx(np.pi * np.array([[0.25, 0.75], [4, 0]]))


def test_chance_alone_lies_on_its_line():
    """Stars at random, and radii that differ: in all rings as many as the field foresees."""
    rng = np.random.default_rng(8)
    radius = np.repeat([2.0, 6.0], [1000, 60])
    names = [f"SIM {i}" for i in range(len(radius))]
    fermi = pd.DataFrame({"around": "fermi", "fermi_name": ["A"], "csc_name": "",
                          "radius_deg": 0.03})  # fmt: skip
    csc = pd.DataFrame({"around": "csc", "fermi_name": "A", "csc_name": names,
                        "radius_deg": radius / 3600})  # fmt: skip
    density = 0.2
    count = rng.poisson(density * np.pi * radius**2)
    stars = pd.DataFrame({"csc_name": np.repeat(names, count)}).assign(
        around="csc", fermi_name="A", id=range(count.sum()), n_in_radius=1,
        sep_target_arcsec=np.repeat(radius, count) * np.sqrt(rng.uniform(size=count.sum())),
    )  # fmt: skip
    field = pd.DataFrame({"around": "fermi", "fermi_name": ["A"], "csc_name": "", "id": [-1],
                          "n_in_radius": round(density * np.pi * 108**2)})  # fmt: skip
    pairs = pd.DataFrame({"csc_name": names, "csc_error_r0": rng.uniform(0.3, 2, len(names))})
    figure = plot_offsets({"gaia": pd.concat([stars, field])}, pd.concat([fermi, csc]), pairs)
    for axes in figure.axes[:2]:
        _filled, outline, chance = [p for p in axes.patches if isinstance(p, StepPatch)]
        assert chance.get_data().values == pytest.approx(density, rel=0.01)
        assert outline.get_data().values == pytest.approx(density, rel=0.25)


# --- classes and anything --------------------------------------------------------------------


def test_shares_stack_to_one():
    fermi = pd.DataFrame(
        {"bii": np.linspace(-60, 60, 500), "source_type": (["PSR", "spp", "", "bll", "?"] * 100)}
    )
    axes = plot_class_shares(fermi, 10.0).axes[0]
    heights = Counter()
    for bar in axes.patches:
        heights[round(bar.get_x() + bar.get_width() / 2, 6)] += bar.get_height()
    assert set(heights) == {0, 1, 2, 3, 4, 5}
    assert all(height == pytest.approx(1) for height in heights.values())


def test_all_counts_of_the_shares_are_written():
    """Those of a low bar as well, for which there is no room in it."""
    fermi = pd.DataFrame({"bii": np.full(1000, 3.0), "source_type": [""] * 997 + ["PSR"] * 3})
    figure = plot_class_shares(fermi, 10.0)
    table = figure.axes[2]
    names = rows_of(table)
    written = {
        (label, round(t.get_position()[0])): t.get_text()
        for t in table.texts
        for label, place in names.items()
        if round(t.get_position()[1]) == place
    }
    shares = class_shares(fermi, 10.0)
    for column, label in (
        ("n_galactic", "Galactic"),
        ("n_spp", "Galactic candidate (spp)"),
        ("n_unclassified", "unclassified"),
        ("n_extragalactic", "extragalactic"),
        ("n_all", "all"),
    ):
        for place, count in enumerate(shares[column]):
            assert written[label, place] == f"{count:,}"
    assert len(written) == 5 * len(shares)


def subsample_of(pairs, classes):
    fermi = fermi_sources(pairs).rename(
        columns={"fermi_name": "name", "fermi_class": "source_type", "fermi_l": "lii",
                 "fermi_b": "bii", "fermi_r95": "semi_major_axis_95", "fermi_flux": "energy_flux"}
    )  # fmt: skip
    return class_subsample(fermi.assign(assoc_name="", ra=10.0, dec=20.0), pairs, {}, classes)


def drawn(figure, path):
    """Write the figure; without the layout, which is not what is tested."""
    figure.set_layout_engine(None)
    save_figure(figure, path, dpi=40)
    return path.stat().st_size > 1000


def test_subsample_rings_the_nearest_candidate(pairs):
    table = subsample_of(pairs, ["psr"])
    named = plot_subsample(table, pairs, ["psr"]).axes[1]
    nearest = pairs[pairs["fermi_class"] == "psr"].sort_values("separation_r95")
    nearest = nearest.drop_duplicates("fermi_name").sort_values("fermi_name")
    expected = log_flux_ratio(nearest)
    hollow = [c for c in named.collections if len(c.get_facecolors()) == 0]
    assert [c.get_offsets()[0][0] for c in hollow] == pytest.approx(list(expected))


def test_a_class_looks_the_same_in_both_panels(pairs):
    """The faint class has no named source here, and must not lend its look to the next."""
    many = make_pairs([1] * 40, ["PSR"]).assign(fermi_flux=1e-9)
    faint = pairs[pairs["fermi_class"] == "psr"].assign(fermi_flux=1e-13)
    last = pairs[pairs["fermi_class"] == "bll"].assign(fermi_flux=1e-8)
    many["fermi_name"] += " PSR"
    both = pd.concat([many, faint, last], ignore_index=True)
    figure = plot_subsample(subsample_of(both, ["PSR", "psr", "bll"]), both, ["PSR", "psr", "bll"])
    plane, named = figure.axes[:2]
    looks = {c.get_label(): tuple(c.get_facecolors()[0][:3]) for c in plane.collections}
    labels = [text.get_text() for text in named.get_yticklabels()]
    filled = [c for c in named.collections if len(c.get_facecolors())]
    assert len(filled) == len(labels) == MOST_ROWS
    for label, cloud in zip(labels, filled, strict=True):
        name = label.split("(")[1].rstrip(")")
        assert tuple(cloud.get_facecolors()[0][:3]) == looks[name]
    assert {label.split("(")[1] for label in labels} == {"PSR)", "bll)"}


def test_the_classes_of_a_group_have_its_colour_in_shades():
    """Sources of two classes are told apart, and those of two groups by what groups look like."""
    # as many of a group as there are pairs of a marker and a shade
    classes = [
        name for group in GROUPS for name in [c for c in CLASSES if CLASSES[c] == group][:18]
    ]
    looks = [_look(classes, name) for name in classes]
    assert len(set(looks)) == len(classes)
    for group in GROUPS:
        first = next(name for name in classes if group_of(name) == group)
        assert _look(classes, first) == (GROUP_MARKERS[group], to_rgb(GROUP_COLOURS[group]))


def drawings(pairs, found, targets, csc, classes):
    """Every figure, as functions without arguments."""
    fermi = pd.DataFrame({"bii": csc["bii"] * 4, "source_type": "new"})
    observations = pd.DataFrame({"ra": csc["lii"], "dec": csc["bii"], "exposure": 1e3})
    return {
        "exposure_map": lambda: plot_exposure_map(observations, 10.0),
        "plane_sky": lambda: plot_plane_sky(csc, 10.0),
        "plane_map": lambda: plot_plane_map(csc, 10.0),
        "plane_histograms": lambda: plot_plane_histograms(csc, 10.0),
        "association_map": lambda: plot_association_map(pairs, 10.0),
        "match_map": lambda: plot_match_map(pairs, 10.0),
        "matches_by_position": lambda: plot_matches_by_position(pairs, 10.0),
        "matches_by_flux": lambda: plot_matches_by_flux(pairs),
        "separations": lambda: plot_separations(pairs),
        "flux_ratio_by_position": lambda: plot_ratio_by_position(pairs, 10.0),
        "flux_ratio_by_class": lambda: plot_ratio_by_class(pairs),
        "counterparts_by_class": lambda: plot_counterparts_by_class(
            pairs, {"gaia": found, "new": found}, targets, *RADII
        ),
        "variability_by_class": lambda: plot_variability_by_class(flags_of(found), *RADII),
        "variable_fraction": lambda: plot_variable_fraction(flags_of(found), *RADII),
        "offsets": lambda: plot_offsets({"gaia": found, "new": found}, targets, pairs),
        "class_shares": lambda: plot_class_shares(fermi, 10.0),
        "class_subsample": lambda: plot_subsample(subsample_of(pairs, classes), pairs, classes),
    }


NAMES = list(drawings(EMPTY_PAIRS, EMPTY_FOUND, EMPTY_TARGETS, pd.DataFrame(
    {"name": [], "lii": [], "bii": [], "b_flux_ap": []}), ["PSR"]))  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_nothing_gives_a_figure_that_says_so(name, csc, tmp_path):
    figure = drawings(EMPTY_PAIRS, EMPTY_FOUND, EMPTY_TARGETS, csc.iloc[:0], ["PSR"])[name]()
    assert drawn(figure, tmp_path / "f.png")
    assert "no " in words(figure)


@pytest.mark.parametrize("name", NAMES)
def test_same_rows_same_bytes_and_new_classes_are_drawn(name, pairs, found, targets, csc, tmp_path):
    draw = drawings(pairs, found, targets, csc, ["new", "PSR"])[name]
    for file in ("a.png", "b.png"):
        save_figure(draw(), tmp_path / file, dpi=40)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_one_row_is_enough(name, csc, tmp_path):
    pairs = make_pairs([1])
    one = pd.DataFrame({"around": ["fermi"], "fermi_name": [pairs["fermi_name"][0]],
                        "fermi_class": ["PSR"], "csc_name": [""], "id": [1],
                        "sep_target_arcsec": [3.0], "n_in_radius": [1],
                        "gaia_variability": ["VARIABLE"]})  # fmt: skip
    targets = pd.DataFrame({"around": ["fermi", "csc"], "fermi_name": [pairs["fermi_name"][0]] * 2,
                            "csc_name": ["", pairs["csc_name"][0]],
                            "radius_deg": [0.03, 2 / 3600]})  # fmt: skip
    figure = drawings(pairs, one, targets, csc.iloc[:1], ["PSR"])[name]()
    assert drawn(figure, tmp_path / "f.png")


# no two alike when stripped, and the worst of each kind: as many as are shown one by one
HOSTILE_CLASSES = [
    "$x", "$\\frac{1}{0}$", "\\$", "$a$b$", "_hidden", "__", "a\nb", "\x1b[2J", "\x00",
    "\u202egnp.exe", "a\u2028b", "{shard}", "%s", "<b>&", "\\N", "#", "星", "🔭", "e\u0301",
    "x" * 100_000,
]  # fmt: skip
assert len(HOSTILE_CLASSES) == MOST_UNKNOWN
# vector files as well: they hold the text, and XML knows no control characters
FILES_WITH_TEXT = [
    "matches_by_position.png", "flux_ratio_by_class.png", "counterparts_by_class.png",
    "variability_by_class.png", "variable_fraction.png",
    "class_subsample.png", "class_subsample.pdf", "class_subsample.svg",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile_drawings():
    """Every figure, of sources whose names and classes are hostile."""
    pairs = make_pairs([1 + i % 3 for i in range(len(HOSTILE_CLASSES))], HOSTILE_CLASSES)
    names = dict(zip(pairs["fermi_name"].unique(), HOSTILE_NAMES[-len(HOSTILE_CLASSES) :],
                     strict=True))  # fmt: skip
    pairs["fermi_name"] = pairs["fermi_name"].map(names)
    pairs["csc_name"] = [HOSTILE_NAMES[i % len(HOSTILE_NAMES)] for i in range(len(pairs))]
    found = pairs[["fermi_name", "fermi_class", "csc_name"]].assign(
        around="csc", id=range(len(pairs)), sep_target_arcsec=1.0, n_in_radius=3,
        gaia_variability=[HOSTILE_NAMES[i] for i in range(len(pairs))],
    )  # fmt: skip
    targets = found[["around", "fermi_name", "csc_name"]].assign(radius_deg=0.03)
    csc = pd.DataFrame(
        {"name": HOSTILE_NAMES, "lii": 10.0, "bii": 1.0, "b_flux_ap": 1e-14}
    )  # fmt: skip
    return drawings(pairs, found, targets, csc, HOSTILE_CLASSES)


@pytest.mark.filterwarnings("ignore:Glyph")  # DejaVu Sans has not all scripts: boxes
@pytest.mark.parametrize("file", FILES_WITH_TEXT)
def test_hostile_text_is_shown_and_not_obeyed(file, hostile_drawings, tmp_path):
    """No formula is set, no line is broken, nothing is longer than the figure is wide."""
    figure = hostile_drawings[file.split(".")[0]]()
    assert drawn(figure, tmp_path / file)
    for written in (text.get_text() for text in figure.findobj(Text)):
        assert written.replace("\n", "").isprintable()
        assert "x" * 100 not in written
        for line in written.splitlines():
            # formulas are ours and matplotlib's: units, logarithms, powers of ten
            assert not is_math_text(line) or re.search(r"\$(\^|_|\\mathdefault)", line)


def test_hostile_classes_have_their_rows_and_legends(hostile_drawings):
    rows = rows_of(hostile_drawings["flux_ratio_by_class"]().axes[0])
    assert len(rows) == len(HOSTILE_CLASSES)
    assert {r"\$x", r"a\nb", r"\u202egnp.exe", " _hidden", "星", "x" * 19 + "…"} <= set(rows)
    legend = hostile_drawings["class_subsample"]().legends[0]
    labels = [text.get_text() for text in legend.get_texts()]
    # matplotlib leaves out labels that begin with an underscore
    assert {" _hidden", " __", r"\$x"} <= set(labels)
    assert len(labels) == 1 + len(HOSTILE_CLASSES)


def test_thousands_of_unknown_classes_are_one_row():
    """A row for each would be a figure of 100 metres."""
    pairs = make_pairs([1] * 3000, [f"class {i}" for i in range(2999)] + ["PSR"])
    figure = plot_ratio_by_class(pairs)
    assert list(rows_of(figure.axes[0])) == ["PSR", "2999 unknown classes"]
    assert figure.get_figheight() < 5
    counts = class_counterparts(pairs, {}, "fermi")
    assert counts["sources"].to_dict() == {"PSR": 1, "2999 unknown classes": 2999}


@pytest.mark.parametrize("latitude", [np.inf, -np.inf, np.nan, 1e308])
def test_a_latitude_beyond_the_pole_does_not_stretch_the_map(latitude, tmp_path):
    pairs = make_pairs([3, 2])
    expected = plot_association_map(pairs, 10.0).get_figheight()
    pairs.loc[1, "csc_b"] = latitude
    figure = plot_association_map(pairs, 10.0)
    assert figure.get_figheight() == pytest.approx(expected, rel=0.1)
    assert drawn(figure, tmp_path / "f.png")


@pytest.mark.parametrize("exposure", [np.inf, 5e-324, -1.0, np.nan])
def test_an_impossible_exposure_does_not_spoil_the_map(exposure, tmp_path):
    for exposures in ([1e3, 2e3, exposure], [exposure] * 3):
        sky = pd.DataFrame({"ra": [1.0, 2.0, 3.0], "dec": 0.0, "exposure": exposures})
        assert drawn(plot_exposure_map(sky, 10.0), tmp_path / "f.png")
