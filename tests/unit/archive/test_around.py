"""A catalogue around positions: the rows that brute force finds, however it is asked, and once."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pandas as pd
import pytest
from small_archive import COLUMNS, make_frames, write_archive

from xgamma.archive.around import fetch_around
from xgamma.archive.catalogues import CATALOGUES, fetch_catalogue
from xgamma.archive.client import TapClient
from xgamma.archive.connect import simulated
from xgamma.errors import XgammaError

CSC = CATALOGUES["csc"]
AVAILABLE = [name for name, _, _ in COLUMNS["csc"]]


@pytest.fixture(scope="module")
def frames():
    return make_frames()


@pytest.fixture(scope="module")
def archive(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "sky.duckdb"
    write_archive(path, frames)
    return path


@pytest.fixture
def circles(frames):
    """Overlapping ones among them, at poles and right ascension 0; radii up to 2 degrees."""
    fermi = frames["fermilpsc"].iloc[:60].dropna()
    return pd.DataFrame(
        {
            "target_id": np.arange(len(fermi)),
            "ra": fermi["ra"].to_numpy(),
            "dec": fermi["dec"].to_numpy(),
            "radius_deg": fermi["semi_major_axis_95"].to_numpy(),
        }
    )


def client_of(archive, **options):
    # this sky has no digest, by which answers of a simulated one are trusted
    options = {**simulated(archive), "trust_mark": True, **options}
    return TapClient("heasarc", "http://demo.invalid/heasarc/tap", **options)


def vectors(frame):
    ra, dec = np.radians(frame["ra"].to_numpy()), np.radians(frame["dec"].to_numpy())
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def names_inside(csc, circles):
    chord = np.linalg.norm(vectors(csc)[:, None] - vectors(circles)[None], axis=2)
    apart = np.degrees(2 * np.arcsin(chord / 2))
    return sorted(csc["name"][(apart <= circles["radius_deg"].to_numpy()).any(axis=1)])


@pytest.mark.parametrize(
    "options", [{}, {"upload": False}, {"mode": "async"}], ids=["upload", "one by one", "async"]
)
def test_the_rows_are_those_of_the_whole_catalogue_in_the_circles(
    archive, frames, circles, options
):
    found, records = fetch_around(client_of(archive, **options), CSC, AVAILABLE, circles)
    inside = names_inside(frames["csc"], circles)
    assert 200 < len(inside) < 4000
    table, (of_whole,) = fetch_catalogue(client_of(archive), CSC, AVAILABLE)
    whole = table.frame()
    expected = whole[whole["name"].isin(inside)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)
    assert len(records) == (len(circles) if options == {"upload": False} else 1)
    assert "error_ellipse_r0" in records[0]["missing_columns"] == of_whole["missing_columns"]
    assert {name: unit for name, unit in records[0]["units"].items() if unit} == {
        name: unit for name, unit in of_whole["units"].items() if unit
    }


def test_asked_is_only_what_no_kept_answer_holds(archive, frames, circles, tmp_path, caplog):
    def fetch(some):
        caplog.clear()
        client = client_of(archive, answers=tmp_path, reuse=True)
        found, _ = fetch_around(client, CSC, AVAILABLE, some)
        assert found["name"].tolist() == names_inside(frames["csc"], some)
        return sum(" rows in " in line for line in caplog.messages)

    with caplog.at_level(logging.INFO):
        assert fetch(circles.iloc[:30]) == 1
        # smaller circles and fewer, under other numbers
        fewer = circles.iloc[5:20].assign(target_id=np.arange(15)[::-1])
        assert fetch(fewer.assign(radius_deg=fewer["radius_deg"] / 2)) == 0
        assert fetch(circles) == 1
        assert fetch(circles) == 0


def test_a_row_that_comes_with_two_values_is_refused(archive, circles):
    client = client_of(archive, upload=False)
    query, asked = client.query, []

    def changed(adql, uploads=None):
        answer = query(adql, uploads)
        asked.append(adql)
        frame = answer.frame.assign(extra_0=1.0 * len(asked))  # the longitude
        return dataclasses.replace(answer, rows=frame)

    client.query = changed
    largest = circles.nlargest(1, "radius_deg")
    twice = pd.concat([largest, largest.assign(target_id=99)])
    with pytest.raises(XgammaError, match=r"^heasarc: rows of csc that came more than once: "):
        fetch_around(client, CSC, AVAILABLE, twice)
