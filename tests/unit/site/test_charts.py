"""Places on the charts against astropy's world coordinates."""

from __future__ import annotations

import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hostile_names import HOSTILE_NAMES
from read_page import Page

from xgamma.site.charts import Frame, ellipse, svg, text, tick_step


def test_places_are_those_of_a_tangent_plane():
    """An image header with the same middle and scale puts positions at the same pixels."""
    frame = Frame(359.9, 67.3, half_deg=0.4, size=800, left=50, top=10)
    header = WCS(naxis=2)
    header.wcs.ctype = "RA---TAN", "DEC--TAN"
    header.wcs.crval = 359.9, 67.3
    header.wcs.crpix = 1, 1
    header.wcs.cdelt = -0.001, 0.001
    generator = np.random.default_rng(4)
    ra, dec = (359.9 + generator.uniform(-1, 1, 40)) % 360, 67.3 + generator.uniform(-0.4, 0.4, 40)
    x, y = frame.at(ra, dec)
    column, row = header.wcs_world2pix(ra, dec, 0)
    np.testing.assert_allclose(x, 50 + 400 + column, atol=1e-6)
    np.testing.assert_allclose(y, 10 + 400 - row, atol=1e-6)
    # what is behind has no place
    assert np.isnan(frame.at(np.array([179.9]), np.array([-67.3]))[0]).all()


@pytest.mark.parametrize("angle", [0.0, 30.0, 100.0, -75.0])
def test_the_major_axis_lies_at_its_position_angle(angle):
    """North through east, as astropy has it; a wrong sign mirrors every ellipse."""
    frame = Frame(276.56, -14.85, half_deg=0.1, size=500)
    drawn = ellipse(frame, 276.56, -14.85, 0.05, 0.02, angle, "e")
    x, y, rx, ry = (
        float(re.search(rf' {name}="([\d.]+)"', drawn)[1]) for name in ("cx", "cy", "rx", "ry")
    )
    turn = np.radians(float(re.search(r"rotate\(([-\d.]+) ", drawn)[1]))
    assert (rx, ry) == pytest.approx((50, 125))
    # the end of the major axis, up before it is turned (SVG turns with the clock, y grows down)
    end = x + ry * np.sin(turn), y - ry * np.cos(turn)
    middle = SkyCoord(276.56 * u.deg, -14.85 * u.deg)
    axis_end = middle.directional_offset_by(angle * u.deg, 0.05 * u.deg)
    assert end == pytest.approx(frame.at(axis_end.ra.deg, axis_end.dec.deg), abs=0.15)


def test_ticks_are_round_and_few():
    for length in np.geomspace(1e-4, 300, 60):
        step = tick_step(length)
        assert length / step <= 6 < length / step * 2.51
        assert re.fullmatch(r"[125]\.0e[-+]\d+", f"{step:.1e}")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_words_on_charts_are_shown_and_not_obeyed(name):
    page = Page(svg(10, 10, name, [text(1, 2, name)]))
    assert page.tags == ["svg", "text"]
    assert "".join(page.text).replace("\n", "").isprintable()
    if name.isprintable():
        assert page.values("svg", "aria-label") == [name]
        assert name in "".join(page.text)
