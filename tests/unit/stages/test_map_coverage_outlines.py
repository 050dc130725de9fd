"""The map of coverage from outlines: which observations count, how deep, beside whose sources."""

import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord

from xgamma.archive.catalogues import CATALOGUES
from xgamma.archive.obscore import OUTLINE_COLUMNS
from xgamma.coverage.cells import CELL_AREA_DEG2
from xgamma.sky import separation
from xgamma.stages.map_coverage import map_coverage
from xgamma.tables.columns import conform, empty_frame

# on the plane, 5 degrees apart, so that each outline is by itself
PLACES = SkyCoord(np.arange(20, 75, 5), np.zeros(11), unit="deg", frame="galactic").icrs
RADIUS = 0.25


def outlines(*rows: dict) -> pd.DataFrame:
    """One circle at each place in turn, of 20 ks with ACIS, public since 2000."""
    usual = [
        {
            "obsid": f"{100 + i}",
            "ra": place.ra.deg,
            "dec": place.dec.deg,
            "exposure": 2e4,
            "instrument": "ACIS",
            "grating": "",
            "time": 51000.0,
            "public_date": 51544.0,
            "outline": f"Circle ICRS {place.ra.deg} {place.dec.deg} {RADIUS}",
        }
        for i, place in zip(range(len(rows)), PLACES, strict=False)
    ]
    made = pd.DataFrame([one | row for one, row in zip(usual, rows, strict=True)])
    return conform(made, OUTLINE_COLUMNS)


def catalogue(table: str, /, **columns) -> pd.DataFrame:
    wanted = [one.column for one in CATALOGUES[table].columns]
    frame = pd.DataFrame(columns)
    for column in wanted:
        if column.name not in frame:
            frame[column.name] = column.null
    return conform(frame, wanted)


def cover(frame, chanmaster=None, csc=None, public_by="2021-12-31"):
    nothing = empty_frame([one.column for one in CATALOGUES["csc"].columns])
    return map_coverage(
        catalogue("chanmaster", obsid=[]) if chanmaster is None else chanmaster,
        nothing if csc is None else csc,
        empty_frame([one.column for one in CATALOGUES["fermilpsc"].columns]),
        pd.DataFrame(),
        latitude_cut_deg=10,
        public_by=public_by,
        outlines=frame,
    )


def seen_at(cells) -> list[int]:
    """The places that any cell holds."""
    return np.flatnonzero(cells.at(PLACES.ra.deg, PLACES.dec.deg) >= 0).tolist()


def test_areas_and_depths():
    cells = cover(outlines({}, {"exposure": 5e3, "instrument": "HRC"}))
    for place, on_axis in zip(PLACES[:2], (2e4, 1250.0), strict=True):
        angle = separation(place.ra.deg, place.dec.deg, cells.ra, cells.dec)
        own = angle < 1
        area = np.pi * RADIUS**2
        # sixteenths of cells on the edge count whole: half a diagonal, 0.005 degrees, all around
        assert area < cells.share[own].sum() * CELL_AREA_DEG2 < np.pi * (RADIUS + 0.0075) ** 2
        expected = on_axis / (1 + (angle[own] * 60 / 7) ** 2)
        assert cells.exposure[own] == pytest.approx(expected)


def test_what_the_catalogue_cannot_hold_is_left_out():
    frame = outlines(
        {},
        {"instrument": "ACIS-HETG"},
        {"instrument": "HRC-S/LETG"},
        {"instrument": "ACIS-CC"},
        {"grating": "HETG"},
        {"grating": "None"},
        {"public_date": 59581.0},  # 2022 January 2
        {"public_date": 59579.0},  # 2021 December 31
        {"public_date": np.nan, "time": 59581.0},
        {"public_date": np.nan, "time": np.nan},
    )
    assert seen_at(cover(frame)) == [0, 5, 7, 9]
    assert seen_at(cover(frame, public_by="2022-01-02")) == [0, 5, 6, 7, 8, 9]


def test_the_list_of_observations_tells_what_the_table_does_not():
    frame = outlines(
        {"obsid": "00100"},
        {"public_date": np.nan},
        {"grating": "NONE"},
        {"instrument": "", "exposure": 4e3},
        {"obsid": "99999"},
    )
    listed = catalogue(
        "chanmaster",
        obsid=["100", "101", "102", "103", "7"],
        ra=[1.0] * 5,
        dec=[1.0] * 5,
        time=[52000.0] * 5,
        exposure=[9e9] * 5,
        grating=["HETG", "NONE", "LETG", "NONE", "HETG"],
        public_date=[52000.0, 59999.0, 52000.0, 52000.0, 52000.0],
        detector=["ACIS-S", "ACIS-I", "ACIS-I", "HRC-I", "ACIS-I"],
        status=["archived"] * 5,
    )
    cells = cover(frame, chanmaster=listed)
    # 0 by its grating, 1 by its date; the table's own word counts for 2
    assert seen_at(cells) == [2, 3, 4]
    at = cells.at(PLACES.ra.deg[3:4], PLACES.dec.deg[3:4])
    assert cells.exposure[at] == pytest.approx(1e3, rel=0.05)


def test_only_the_plane_and_its_margin():
    far, near = (SkyCoord(120, b, unit="deg", frame="galactic").icrs for b in (13.1, 12.9))
    rows = [
        {"ra": p.ra.deg, "dec": p.dec.deg, "outline": f"Circle {p.ra.deg} {p.dec.deg} 0.05"}
        for p in (far, near)
    ]
    cells = cover(outlines(*rows))
    assert cells.at(np.array([near.ra.deg]), np.array([near.dec.deg])) >= 0
    assert cells.at(np.array([far.ra.deg]), np.array([far.dec.deg])) == -1


def test_a_source_outside_all_outlines_proves_that_its_place_was_seen():
    csc = catalogue(
        "csc",
        name=["a", "b"],
        ra=PLACES.ra.deg[[0, 6]],
        dec=PLACES.dec.deg[[0, 6]],
        bii=[0.0, 0.0],
    )
    cells = cover(outlines({}), csc=csc)
    assert seen_at(cells) == [0, 6]
    # of the median depth
    within = separation(PLACES[0].ra.deg, PLACES[0].dec.deg, cells.ra, cells.dec) < 1
    at = cells.at(PLACES.ra.deg[6:7], PLACES.dec.deg[6:7])
    assert cells.exposure[at] == pytest.approx(np.median(cells.exposure[within]))
    assert within.sum() == len(cells) - 1
