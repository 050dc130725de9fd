"""Circles and separations in ADQL, against brute force with Vincenty's formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_archive import ask, comparable, make_frames, rows_of, separation, write_archive

from xgamma.demo.server.execution import Archive

FRAMES = make_frames()
CSC = FRAMES["csc"]
FERMI = FRAMES["fermilpsc"]
TWOMASS = FRAMES["fp_psc"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Archive:
    path = tmp_path_factory.mktemp("archive") / "sky.duckdb"
    write_archive(path, FRAMES)
    return Archive(path)


def pairs_within(points: pd.DataFrame, circles: pd.DataFrame, radius) -> pd.DataFrame:
    """Every (point, circle) whose separation is at most the radius, by brute force."""
    distance = separation(
        points["ra"].to_numpy()[:, None],
        points["dec"].to_numpy()[:, None],
        circles["ra"].to_numpy(),
        circles["dec"].to_numpy(),
    )
    point, circle = np.nonzero(distance <= np.broadcast_to(radius, distance.shape))
    return pd.DataFrame({"point": point, "circle": circle, "separation": distance[point, circle]})


PLANE = FERMI[FERMI["bii"].between(-10, 10)]
BRIGHT = CSC[CSC["b_flux_ap"] > 0]
RADII = FERMI["semi_major_axis_95"].to_numpy()
PAIRS = pairs_within(CSC, FERMI, RADII)

ANSWERS = {
    "SELECT c.name AS c, f.name AS f FROM csc AS c, fermilpsc AS f"
    " WHERE CONTAINS(POINT('ICRS', c.ra, c.dec), CIRCLE('ICRS', f.ra, f.dec,"
    " f.semi_major_axis_95)) = 1": [
        (CSC["name"][pair.point], FERMI["name"][pair.circle])
        for pair in PAIRS.itertuples()
    ],
    "SELECT COUNT(*) FROM fermilpsc f JOIN csc c ON 1 = INTERSECTS(CIRCLE(POINT(f.ra, f.dec),"
    " f.semi_major_axis_95), POINT(c.ra, c.dec)) WHERE f.bii BETWEEN -10 AND 10"
    " AND c.b_flux_ap > 0": [
        (
            int(
                (
                    PAIRS["circle"].isin(PLANE.index) & PAIRS["point"].isin(BRIGHT.index)
                ).sum()
            ),
        )
    ],
    "SELECT COUNT(*) FROM fermilpsc f, csc c WHERE DISTANCE(f.ra, f.dec, c.ra, c.dec)"
    " <= f.semi_major_axis_95": [(len(PAIRS),)],
    "SELECT COUNT(*) FROM fermilpsc f, csc c WHERE 0.3 > DISTANCE(POINT(f.ra, f.dec),"
    " POINT(c.ra, c.dec))": [(len(pairs_within(CSC, FERMI, 0.3)),)],
    "SELECT COUNT(*) FROM fermilpsc f, csc c WHERE CONTAINS(POINT(f.ra, f.dec),"
    " CIRCLE(c.ra, c.dec, f.semi_major_axis_95)) = 0": [
        (len(CSC) * int(np.isfinite(RADII).sum()) - len(PAIRS),)
    ],
    "SELECT c.name, f.name AS f FROM csc c LEFT OUTER JOIN fermilpsc f ON CONTAINS(POINT(c.ra,"
    " c.dec), CIRCLE(f.ra, f.dec, f.semi_major_axis_95)) = 1 AND f.semi_major_axis_95 < 0.1": (
        rows_of(
            CSC[["name"]]
            .assign(point=CSC.index)
            .merge(
                PAIRS[RADII[PAIRS["circle"]] < 0.1].assign(
                    f=lambda frame: FERMI["name"].to_numpy()[frame["circle"]]
                ),
                on="point",
                how="left",
            )[["name", "f"]]
        )
    ),
    "SELECT SUM(CONTAINS(POINT(ra, dec), CIRCLE(0.5, 89.0, 3.0))) FROM csc": [
        (int((separation(CSC["ra"], CSC["dec"], 0.5, 89.0) <= 3).sum()),)
    ],
    "SELECT COORD1(POINT(ra, dec)), COORD2(POINT('', ra, dec)) FROM fp_psc": rows_of(
        TWOMASS[["ra", "dec"]]
    ),
}  # fmt: skip


@pytest.mark.parametrize("adql", ANSWERS)
def test_answers(archive, adql):
    _, rows = ask(archive, adql)
    assert rows, "the question has no answer, so it tests nothing"
    assert comparable(rows) == comparable(ANSWERS[adql])


CONES = [
    (0.0, 0.0, 5.0),
    (359.9, -20.0, 8.0),
    (0.1, 89.5, 0.4),
    (200.0, 89.9, 1.0),
    (77.0, -89.99, 3.0),
    (13.0, 90.0, 2.0),
    (180.0, 40.0, 50.1),
    (180.0, 40.0, 120.0),
    (180.0, 0.0, 180.0),
    (-40.0, 60.0, 30.1),
    (395.0, -60.0, 29.9),
]


@pytest.mark.parametrize(("ra", "dec", "radius"), CONES)
def test_cones_equal_brute_force(archive, ra, dec, radius):
    _, rows = ask(
        archive,
        f"SELECT name FROM csc WHERE 1=CONTAINS(POINT(ra, dec), CIRCLE({ra}, {dec}, {radius}))",
    )
    inside = separation(CSC["ra"], CSC["dec"], ra, dec) <= radius
    assert inside.any()
    assert {name for (name,) in rows} == set(CSC["name"][inside])


@pytest.mark.parametrize(
    ("first", "second", "expected_deg"),
    [
        # Along a meridian and along the equator the separation is the difference itself.
        ((10, 20), (10, 20.000000001), 1e-9),
        ((359.75, 0), (0.5, 0), 0.75),
        ((0, 89), (180, 89), 2.0),
        ((30, -90), (210, 90), 180.0),
        ((0, 0), (90, 45), 90.0),
    ],
)
def test_known_separations(archive, first, second, expected_deg):
    ((value,),) = ask(
        archive,
        f"SELECT TOP 1 DISTANCE(POINT({first[0]}, {first[1]}), POINT({second[0]}, {second[1]}))"
        " FROM csc",
    )[1]
    assert value == pytest.approx(expected_deg, rel=1e-5)


def test_separations_of_pairs(archive):
    """Haversine and Vincenty agree; the first is the less precise for large angles."""
    _, rows = ask(
        archive,
        "SELECT DISTANCE(POINT(c.ra, c.dec), POINT(f.ra, f.dec)) AS d FROM csc c, fermilpsc f"
        " WHERE 1=CONTAINS(POINT(c.ra, c.dec), CIRCLE(f.ra, f.dec, f.semi_major_axis_95))"
        " ORDER BY d",
    )
    np.testing.assert_allclose(
        [d for (d,) in rows], np.sort(PAIRS["separation"]), rtol=1e-9, atol=1e-12
    )


def test_edge_belongs_to_circle(archive):
    point, circle, smaller = "POINT(10, 0)", "CIRCLE(10.5, 0, 0.5)", "CIRCLE(10.5, 0, 0.4999999999)"
    ((inside, below),) = ask(
        archive,
        f"SELECT TOP 1 CONTAINS({point}, {circle}), CONTAINS({point}, {smaller}) FROM csc",
    )[1]
    assert (inside, below) == (1, 0)
