"""The skies of benchmarks/scale.py, and what it says of growth: a benchmark can be wrong too."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest

from xgamma.demo.sky.build import build_sky
from xgamma.sky import match_within, separation

PROJECT = Path(__file__).parents[2]
sys.path.append(str(PROJECT / "benchmarks"))

import scale_sky  # noqa: E402
from scale import TOLERANCE, growth  # noqa: E402

pytestmark = pytest.mark.integration

TIMES = 4
KEYS = {
    "main.chanmaster": "obsid",
    "main.csc": "name",
    "main.fermilpsc": "name",
    "gaiadr3.gaia_source": "source_id",
    "main.fp_psc": "designation",
    "main.allwise_p3as_psd": "designation",
}


@pytest.fixture(scope="module")
def skies(tmp_path_factory):
    """The small sky as it is, and four times over."""
    folder = tmp_path_factory.mktemp("skies")
    resource = PROJECT / "resources/4fgl_dr4_v35.ecsv.gz"
    build_sky(folder / "one.duckdb", size="small", seed=4, resource=resource)
    scale_sky.build(folder / "one.duckdb", folder / "four.duckdb", TIMES)
    connections = [
        duckdb.connect(str(folder / f"{n}.duckdb"), read_only=True) for n in ("one", "four")
    ]
    yield connections
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("table", KEYS)
def test_so_many_times_the_rows_and_no_name_twice(skies, table):
    one, four = (c.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for c in skies)
    distinct = f"SELECT count(DISTINCT {KEYS[table]}) FROM {table}"
    names = skies[1].execute(distinct).fetchone()[0]
    assert (four, names) == (TIMES * one, TIMES * one)


def _sources(connection):
    fermi = connection.execute(
        "SELECT ra, dec, bii, semi_major_axis_95 AS r95 FROM main.fermilpsc"
        " WHERE abs(bii) <= 10 AND semi_major_axis_95 > 0"
    ).fetchnumpy()
    csc = connection.execute("SELECT ra, dec, bii FROM main.csc").fetchnumpy()
    stars = connection.execute("SELECT ra, dec FROM gaiadr3.gaia_source").fetchnumpy()
    return fermi, csc, stars


def test_pairs_and_stars_grow_with_the_rows_and_not_with_their_square(skies):
    pairs, found = [], []
    for connection, factor in zip(skies, (1, TIMES), strict=True):
        fermi, csc, stars = _sources(connection)
        at = fermi["ra"], fermi["dec"]
        pairs.append(len(match_within(*at, fermi["r95"], csc["ra"], csc["dec"])[0]))
        radius = scale_sky.shrunk(0.03, factor)
        found.append(len(match_within(*at, radius, stars["ra"], stars["dec"])[0]))
    # a little more than four times: chance puts sources of one copy into circles of another
    assert TIMES * 0.95 <= pairs[1] / pairs[0] <= TIMES * 1.5
    assert TIMES * 0.95 <= found[1] / found[0] <= TIMES * 1.1


def test_known_positions_stay_where_they_are_in_their_ellipses(skies):
    share_of_circle = []
    for connection in skies:
        fermi = connection.execute(
            "SELECT ra, dec, counterpart_ra AS to_ra, counterpart_dec AS to_dec,"
            " semi_major_axis_95 AS r95 FROM main.fermilpsc WHERE counterpart_ra IS NOT NULL"
        ).fetchnumpy()
        apart = separation(fermi["ra"], fermi["dec"], fermi["to_ra"], fermi["to_dec"])
        share_of_circle.append(np.sort(apart / fermi["r95"]))
    one, four = share_of_circle
    # drawn on tangent planes: the widest ellipses are no straight ones
    np.testing.assert_allclose(four, np.repeat(one, TIMES), rtol=1e-3, atol=1e-6)


def test_latitudes_stay(skies):
    one, four = (np.sort(_sources(connection)[0]["bii"]) for connection in skies)
    np.testing.assert_allclose(four, np.repeat(one, TIMES), atol=1e-5)


@pytest.mark.parametrize(
    ("law", "worse"),
    [
        (lambda n: n, False),
        (lambda n: n * math.log(n), False),
        (lambda n: n**1.5, True),
        (lambda n: n**2, True),
    ],
)
def test_what_grows_faster_than_n_log_n_is_told_apart(law, worse):
    rows = {factor: 400_000 * factor for factor in (1, 4, 16)}
    values = {factor: law(n) / law(rows[1]) for factor, n in rows.items()}
    exponent, limit = growth(values, rows, 0.5)
    assert (exponent > limit + TOLERANCE) == worse


def test_little_is_not_measured():
    rows = {1: 10, 4: 40, 16: 160}
    assert math.isnan(growth({1: 0.1, 4: 0.3, 16: 2.0}, rows, 0.5)[0])
    assert growth({1: 0.1, 4: 1.0, 16: 4.0}, rows, 0.5)[0] == pytest.approx(1.0)
