"""Axes of the sky, the simulated note, and files with the same bytes every time."""

import matplotlib
import numpy as np
import pytest

from xgamma.figures.sky_axes import (
    longitude_axis,
    plane_axes,
    sky_axes,
    sky_xy,
    wrap_longitude,
)
from xgamma.figures.style import (
    SIMULATED_NOTE,
    mark_simulated,
    new_figure,
    robust_scale,
    save_figure,
    save_figures,
    styled,
)


@styled
def draw_something():
    figure = new_figure("A title", "a subtitle", 3.0)
    axes = figure.subplots()
    axes.scatter(range(50), np.arange(50) ** 2, rasterized=True)
    axes.set_xlabel("x (deg)")
    return figure


def texts(figure):
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize(
    ("longitude", "centre", "expected"),
    [(0, 0, 0), (180, 0, 180), (180.001, 0, -179.999), (359, 0, -1), (-180, 0, 180),
     (10, 240, 370), (61, 240, 61), (60, 240, 420)],
)  # fmt: skip
def test_longitudes_wrap_opposite_the_centre(longitude, centre, expected):
    assert wrap_longitude(longitude, centre) == pytest.approx(expected)


def test_sky_longitude_increases_to_the_left():
    x, y = sky_xy([0, 60, 179, 181, 300], [0, 10, -20, 30, 0])
    assert np.degrees(x) == pytest.approx([0, -60, -179, 179, 60])
    assert np.degrees(y) == pytest.approx([0, 10, -20, 30, 0])


@pytest.mark.parametrize("frame", ["galactic", "equatorial"])
def test_sky_labels_stand_at_their_longitudes(frame):
    axes = sky_axes(new_figure("t"), frame, label_latitude_deg=-20)
    labels = {text.get_text(): text.get_position() for text in axes.texts}
    assert set(labels) == {"120°", "60°", "0°", "300°", "240°"}
    for label, position in labels.items():
        x, y = sky_xy(float(label.rstrip("°")), -20)
        assert position == pytest.approx((float(x), float(y)))
    assert labels["60°"][0] < labels["0°"][0] < labels["300°"][0]


@pytest.mark.parametrize("cut", [0.5, 5.0, 10.0, 25.0, 60.0])
def test_strips_hold_every_longitude_once(cut):
    _, panels = plane_axes("t", "s", cut)
    longitudes = np.concatenate([np.arange(0, 360, 0.25), [60.0, 180.0, 179.999, 180.001, 300.0]])
    assert (sum(panel.holds(longitudes).astype(int) for panel in panels) == 1).all()
    for panel in panels:
        x = panel.x(longitudes[panel.holds(longitudes)])
        left, right = panel.axes.get_xlim()
        assert left > right, "longitude increases to the left"
        assert (x <= left).all() and (x >= right).all()
        assert panel.axes.get_aspect() == 1.0
        low, high = panel.axes.get_ylim()
        assert low < -cut < cut < high


def test_longitudes_are_labelled_from_0_to_360():
    axes = new_figure("t").subplots()
    longitude_axis(axes)
    shown = [axes.xaxis.get_major_formatter()(x) for x in (180, 120, 0, -60, -180)]
    assert shown == ["180", "120", "0", "300", "180"]


def test_the_note_is_there_only_if_the_sky_is_simulated(tmp_path):
    for simulated in (True, False):
        figure = draw_something()
        path = tmp_path / f"{simulated}.png"
        save_figures({"f": figure}, {"f": [str(path)]}, dpi=50, simulated=simulated)
        assert (SIMULATED_NOTE in texts(figure)) is simulated
    assert (tmp_path / "True.png").read_bytes() != (tmp_path / "False.png").read_bytes()


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_two_drawings_have_the_same_bytes(tmp_path, kind):
    paths = [tmp_path / f"{run}.{kind}" for run in range(2)]
    for path in paths:
        figure = draw_something()
        mark_simulated(figure)
        save_figure(figure, path, dpi=60)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    for unwanted in (b"CreationDate", b"Software", b"dc:date"):
        assert unwanted not in first
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"0.{kind}", f"1.{kind}"]


#: A user's matplotlibrc; without LaTeX on the machine, text.usetex alone ends in an error.
HOSTILE = {
    "text.usetex": True,
    "font.size": 30,
    "font.weight": "bold",
    "font.style": "italic",
    "text.antialiased": False,
    "text.hinting": "none",
    "patch.antialiased": False,
    "path.sketch": (3, 20, 2),
    "lines.linewidth": 9,
    "axes.grid": False,
    "savefig.dpi": 30,
    "savefig.bbox": "tight",
    "savefig.facecolor": "black",
}


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_users_settings_reach_no_figure(tmp_path, kind):
    """Neither what is drawn, nor the note, nor how it is saved."""

    def save(name):
        save_figures({"f": draw_something()}, {"f": [str(tmp_path / name)]}, 60, simulated=True)

    save(f"plain.{kind}")
    with matplotlib.rc_context(HOSTILE):
        save(f"hostile.{kind}")
    assert (tmp_path / f"plain.{kind}").read_bytes() == (tmp_path / f"hostile.{kind}").read_bytes()


def test_a_figure_is_1350_pixels_wide_at_150_dpi(tmp_path):
    save_figure(draw_something(), tmp_path / "a.png", dpi=150)
    header = (tmp_path / "a.png").read_bytes()[16:24]
    assert int.from_bytes(header[:4], "big") == 1350
    assert int.from_bytes(header[4:], "big") == 450


def test_a_failed_drawing_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="abc"):
        save_figure(draw_something(), tmp_path / "a.abc", dpi=60)
    assert list(tmp_path.iterdir()) == []


def test_colours_ignore_outliers_and_survive_nothing():
    scale = robust_scale(np.append(np.linspace(0, 1, 1000), 1e6))
    assert scale.vmax < 2
    assert robust_scale(np.array([])).vmin < robust_scale(np.array([])).vmax
    one = robust_scale(np.array([3.0, np.nan]))
    assert one.vmin < 3.0 < one.vmax
