"""Region files: what the package `regions` reads, and where DS9 would draw it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hostile_names import HOSTILE_NAMES
from mocpy import MOC
from regions import Regions

from xgamma.association.states import STATES
from xgamma.exports.ds9 import (
    STATE_COLOURS,
    plain_text,
    write_candidates,
    write_coverage,
    write_ellipses,
)
from xgamma.tables.metadata import TableMetadata

ABOUT = TableMetadata("fermi_sources", "All.", "demo", True, ("4FGL-DR4: fermilpsc",), "", "x 1")
# a shape, and behind the # nothing that ends a command, a quote or a line
SHAPE = re.compile(r"-?(ellipse|point|polygon)\([-0-9.,]+\) # [A-Za-z0-9 #{}=+\-.,:*/()_%]+")


def fermi_sources(names=("4FGL J1826.2-1450", "4FGL J0002.1+6721c", "4FGL J1745.6-2859")):
    n = len(names)
    return pd.DataFrame(
        {
            "fermi_name": names,
            "fermi_ra": np.resize([276.5627, 0.5419, 359.99], n),
            "fermi_dec": np.resize([-14.8482, 67.3578, -29.0], n),
            "semi_major_axis_95": np.resize([0.2, 0.155, 1.0], n),
            "semi_minor_axis_95": np.resize([0.05, 0.1111, 0.5], n),
            "position_angle_95": np.resize([30.0, -82.1, 179.0], n),
            "state": np.resize(["counterpart", "confused", "not observed"], n),
        }
    )


def conclusions(fermi, table):
    """Of tables/counterparts: the first candidate of each source, 0.876 for all."""
    first = table.drop_duplicates("fermi_name").set_index("fermi_name")["csc_name"]
    return pd.DataFrame(
        {
            "fermi_name": fermi["fermi_name"],
            "csc_name": [first.get(name, "") for name in fermi["fermi_name"]],
            "p_counterpart": 0.876,
            "state": fermi["state"],
        }
    ).drop_duplicates("fermi_name")


def candidates(names, fermi_names, flags=(1,), p=(0.9,)):
    n = len(names)
    return pd.DataFrame(
        {
            "fermi_name": fermi_names,
            "csc_name": names,
            "match_flag": np.resize(flags, n),
            "p_association": np.resize(p, n),
            "csc_ra": 276.5 + 0.01 * np.arange(n),
            "csc_dec": -14.8 + 0.01 * np.arange(n),
        }
    )


def shapes_of(path) -> list[str]:
    """Its lines but for the head and the comments."""
    lines = path.read_text(encoding="ascii").splitlines()
    assert lines[0].startswith("# Region file format: DS9") and lines.count("icrs") == 1
    assert all(line.startswith("# xgamma: ") for line in lines[1 : lines.index("icrs")])
    return lines[lines.index("icrs") + 1 :]


def test_the_major_axis_lies_at_the_position_angle(tmp_path):
    """By DS9's own rule: counter-clockwise from the x axis of an image with north up, east left."""
    fermi = fermi_sources()
    write_ellipses(tmp_path / "e.reg", fermi, ABOUT)
    lines = shapes_of(tmp_path / "e.reg")
    assert len(lines) == len(fermi)
    for line, source in zip(lines, fermi.itertuples(), strict=True):
        numbers = map(float, re.match(r"ellipse\((.*?)\)", line)[1].split(","))
        ra, dec, first, second, angle = numbers
        assert (ra, dec) == pytest.approx((source.fermi_ra, source.fermi_dec), abs=1e-7)
        assert (first, second) == pytest.approx(
            (source.semi_major_axis_95, source.semi_minor_axis_95), abs=1e-7
        )
        image = WCS(naxis=2)
        image.wcs.ctype = "RA---TAN", "DEC--TAN"
        image.wcs.crval, image.wcs.crpix, image.wcs.cdelt = (ra, dec), (1, 1), (-1e-3, 1e-3)
        turned = np.radians(angle)
        end = image.pixel_to_world(1e3 * first * np.cos(turned), 1e3 * first * np.sin(turned))
        centre = SkyCoord(ra, dec, unit="deg")
        assert centre.separation(end).deg == pytest.approx(source.semi_major_axis_95, rel=1e-3)
        difference = centre.position_angle(end).deg - source.position_angle_95
        assert (difference + 90) % 180 - 90 == pytest.approx(0, abs=1e-4)


def test_regions_reads_the_ellipses_of_the_table(tmp_path):
    """As it draws them on an image that is turned."""
    fermi = fermi_sources()
    write_ellipses(tmp_path / "e.reg", fermi, ABOUT)
    read = Regions.read(tmp_path / "e.reg", format="ds9")
    for region, source in zip(read, fermi.itertuples(), strict=True):
        assert region.meta["text"] == source.fermi_name and region.meta["tag"] == [source.state]
        assert region.visual["edgecolor"] == STATE_COLOURS[source.state]
        image = WCS(naxis=2)
        image.wcs.ctype, image.wcs.crpix = ("RA---TAN", "DEC--TAN"), (500, 500)
        image.wcs.crval, image.wcs.cdelt = (source.fermi_ra, source.fermi_dec), (-1e-3, 1e-3)
        turned = np.radians(25)
        image.wcs.pc = [[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]]
        drawn = region.to_pixel(image)
        x = drawn.center.x + drawn.width / 2 * np.cos(drawn.angle)
        y = drawn.center.y + drawn.width / 2 * np.sin(drawn.angle)
        end = image.pixel_to_world(x.value, y.value)
        angle = region.center.position_angle(end).deg - source.position_angle_95
        assert (angle + 90) % 180 - 90 == pytest.approx(0, abs=0.01)
        assert region.center.separation(end).deg == pytest.approx(
            source.semi_major_axis_95, rel=1e-3
        )


def test_a_source_without_an_ellipse_is_not_drawn_and_that_is_said(tmp_path):
    fermi = fermi_sources()
    fermi.loc[1, ["semi_major_axis_95", "semi_minor_axis_95"]] = np.nan
    write_ellipses(tmp_path / "e.reg", fermi, ABOUT)
    assert len(shapes_of(tmp_path / "e.reg")) == 2
    assert " 2 of 3 Fermi sources" in (tmp_path / "e.reg").read_text()


def test_candidates_have_the_colour_of_their_source_and_the_sign_of_their_flag(tmp_path):
    fermi = fermi_sources()
    names = ["2CXO A", "2CXO B", "2CXO C", "2CXO D"]
    of = fermi["fermi_name"].iloc[[0, 0, 1, 1]].tolist()
    table = candidates(names, of, flags=(1, 2, 0, 0), p=(0.7, 0.5, 0.01, 0.0099))
    write_candidates(tmp_path / "c.reg", table, conclusions(fermi, table), ABOUT)
    assert "xgamma: 3 of 4 candidates" in (tmp_path / "c.reg").read_text()
    read = Regions.read(tmp_path / "c.reg", format="ds9")
    found = [(r.visual["marker"], r.visual["color"], r.meta.get("text")) for r in read]
    green, orange = STATE_COLOURS["counterpart"], STATE_COLOURS["confused"]
    assert found == [
        ("o", green, "2CXO A P=0.88"), ("D", green, None), ("o", orange, "2CXO C P=0.88"),
    ]  # fmt: skip
    for region, row in zip(read, table.itertuples(), strict=False):
        apart = region.center.separation(SkyCoord(row.csc_ra, row.csc_dec, unit="deg"))
        assert apart < 1 * u.mas


def test_every_state_has_a_colour_of_its_own():
    assert list(STATE_COLOURS) == list(STATES)
    assert len(set(STATE_COLOURS.values())) == len(STATES)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_hostile_names_end_no_command(tmp_path, name):
    """Aladin reads a region file as a script, in which ; ends a command, also in a comment."""
    about = TableMetadata("x", name, f"a {name}", True, (f"b {name}",), "", f"c {name}")
    fermi = fermi_sources([name, f"{name}; load x", "4FGL"])
    write_ellipses(tmp_path / "e.reg", fermi, about)
    table = candidates([name, f"}}{name}"], fermi["fermi_name"].tolist()[:2])
    write_candidates(tmp_path / "c.reg", table, conclusions(fermi, table), about)
    for path, n in ((tmp_path / "e.reg", 3), (tmp_path / "c.reg", 2)):
        text = path.read_bytes().decode("ascii")
        assert ";" not in text and max(map(len, text.splitlines())) < 1000
        lines = shapes_of(path)
        assert len(lines) == n and all(map(SHAPE.fullmatch, lines))
        assert len(Regions.read(path, format="ds9")) == n


def test_a_name_as_it_is_stays():
    for name in ("4FGL J1826.2-1450c", "2CXO J182615.0-145054", "LS 5039 (HMB), 1/2"):
        assert plain_text(name) == name


def test_files_without_a_shape_are_read_too(tmp_path):
    fermi, none = fermi_sources(), candidates([], [])
    write_ellipses(tmp_path / "e.reg", fermi[:0], ABOUT)
    write_candidates(tmp_path / "c.reg", none, conclusions(fermi, none), ABOUT)
    write_coverage(tmp_path / "m.reg", MOC.new_empty(11), ABOUT)
    for name in ("e", "c", "m"):
        assert shapes_of(tmp_path / f"{name}.reg") == []
        assert len(Regions.read(tmp_path / f"{name}.reg", format="ds9")) == 0


def test_coverage_is_the_map(tmp_path):
    """A ring: its hole is an excluded polygon; together they have the area of the cells."""
    large, small = (
        MOC.from_cone(10 * u.deg, 60 * u.deg, radius=radius * u.deg, max_depth=7)
        for radius in (2, 1)
    )
    ring = large - small
    write_coverage(tmp_path / "m.reg", ring, ABOUT)
    assert all(map(SHAPE.fullmatch, shapes_of(tmp_path / "m.reg")))
    outer, hole = Regions.read(tmp_path / "m.reg", format="ds9")
    assert (outer.meta["tag"], hole.meta["tag"]) == (["seen"], ["hole"])
    assert (outer.meta["include"], hole.meta["include"]) == (1, 0)
    filled = [MOC.from_polygon_skycoord(one.vertices, max_depth=11) for one in (outer, hole)]
    area = filled[0].sky_fraction - filled[1].sky_fraction
    # both are larger by the half of the small cells on the edge, which cancels but for the lengths
    assert area == pytest.approx(ring.sky_fraction, rel=0.02)
