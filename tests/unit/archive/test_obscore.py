"""Outlines from an ObsCore table: what is asked, what is left out, what is refused."""

import logging
import re

import numpy as np
import pandas as pd
import pytest
from fake_tap import Field, error_document, votable

from xgamma.archive.client import TapClient, TapError
from xgamma.archive.obscore import OUTLINE_COLUMNS, asked_band_deg, fetch_outlines
from xgamma.errors import XgammaError
from xgamma.sky import galactic, separation

TABLE, WHERE = "ivoa.obscore", "obs_collection = 'SIM' OR obs_collection = 'TEST'"
# MJD 51544 is 2000 January 1
ROWS = {
    "obs_id": ["7", "00012", "12", "9", "11", "10", "12"],
    "s_ra": [266.0, 359.95, 83.6, 266.4, 266.5, 266.5, 83.6],
    "s_dec": [-29.0, 60.0, 22.0, -28.9, -28.0, -28.0, 22.0],
    "s_region": [
        "Circle ICRS 266 -29 0.2",
        "POLYGON J2000 -0.2 59.9 0.1 59.9 0.1 60.1 -0.2 60.1",
        "Union ICRS (Circle 83.6 22 0.2 Circle 84 22 0.1)",
        None,
        "Difference ICRS (Circle 266.5 -28 0.3 Circle 266.5 -28 0.1)",
        "Circle ICRS 266.5 -28 0.2",
        "Union ICRS (Circle 83.6 22 0.2 Circle 84 22 0.1)",
    ],
    "t_exptime": [1e4, 2e4, 3e4, 4e4, None, 0.0, 3.5e4],
    "instrument_name": ["ACIS", "HRC-I", "ACIS-S", "ACIS", "ACIS", "ACIS", "ACIS-S"],
    "obs_release_date": ["2000-01-01T12:00:00", "2001-01-01", "", None, "", "", ""],
    "t_min": [51000.5, 51001.5, None, 51003.5, 51004.5, 51005.5, None],
}
UNITS = {"s_ra": "deg", "s_dec": "deg", "t_exptime": "s", "t_min": "d"}
KINDS = {name: "double" for name in UNITS}


class Service:
    """An ObsCore table: answers to the three questions that are put to it."""

    def __init__(self, table="ivoa.ObsCore", without=(), units=(), **columns):
        self.rows = {k: v for k, v in {**ROWS, **columns}.items() if k not in without}
        self.table, self.units = table, {**UNITS, **dict(units)}

    def __call__(self, adql, _uploads):
        if "TAP_SCHEMA" in adql:
            listed = [*self.rows] if f"'{self.table}'" in adql else []
            texts = ("table_name", "column_name", "datatype", "unit", "ucd", "description")
            values = {name: [""] * len(listed) for name in texts}
            values |= {"table_name": [self.table] * len(listed), "column_name": listed}
            return votable(*(Field(name, "char", values[name]) for name in texts))
        if "COUNT(*)" in adql:
            return votable(Field("n", "int", [len(self.rows["obs_id"])]))
        asked = re.search(r"TOP \d+ (.*?) FROM", adql)[1].split(", ")
        return votable(
            *(
                Field(name, KINDS.get(name, "char"), self.rows[name], self.units.get(name, ""))
                for name in asked
            )
        )


def fetch(fake_tap, service=None, *, where=WHERE, band_deg=90.0, **options):
    fake_tap.answer = service or Service()
    client = TapClient("obscore", fake_tap.url, attempts=1, **options)
    return fetch_outlines(client, TABLE, where, band_deg)


def test_rows_become_observations(fake_tap, caplog):
    caplog.set_level(logging.INFO)
    frame, records = fetch(fake_tap)
    assert frame.columns.tolist() == [column.name for column in OUTLINE_COLUMNS]
    assert frame["obsid"].tolist() == ["00012", "12", "7"]
    assert frame["outline"].tolist() == [ROWS["s_region"][i] for i in (1, 2, 0)]
    # the same observation twice, for instance as two products: the longest exposure
    assert frame["exposure"].tolist() == [2e4, 3.5e4, 1e4]
    assert frame["instrument"].tolist() == ["HRC-I", "ACIS-S", "ACIS"]
    assert frame["public_date"].tolist()[::2] == [51910.0, 51544.0]
    assert np.isnan(frame["public_date"][1]) and np.isnan(frame["time"][1])
    assert (frame["grating"] == "").all()
    assert "7 rows; left out: 1 without s_region, 2 more without t_exptime" in caplog.text
    assert "1 rows that an observation has more than once" in caplog.text
    assert [record["rows"] for record in records] == [len(ROWS), 7]
    assert records[1]["missing_columns"] == ["grating"] and records[1]["counted"] == 7


def test_the_whole_sky_is_asked_for_with_the_condition_alone(fake_tap):
    fetch(fake_tap)
    assert fake_tap.queries[1] == (
        "SELECT TOP 9999999 obs_id, s_ra, s_dec, t_exptime, s_region, instrument_name, t_min, "
        f"obs_release_date FROM ivoa.obscore WHERE ({WHERE})"
    )
    assert fake_tap.queries[2] == f"SELECT COUNT(*) AS n FROM ivoa.obscore WHERE ({WHERE})"
    fetch(fake_tap, where=" ")
    assert fake_tap.queries[-1] == "SELECT COUNT(*) AS n FROM ivoa.obscore"


@pytest.mark.parametrize("band_deg", [5, 15, 60])
def test_the_condition_is_the_band(fake_tap, band_deg):
    """Held against astropy's Galactic latitudes."""
    fetch(fake_tap, band_deg=band_deg)
    condition = fake_tap.queries[1].partition(f"({WHERE}) AND (")[2].removesuffix(")")
    assert fake_tap.queries[2].endswith(f" WHERE ({WHERE}) AND ({condition})")
    random = np.random.default_rng(3)
    ra, dec = random.uniform(0, 360, 40_000), np.degrees(np.arcsin(random.uniform(-1, 1, 40_000)))
    functions = {"ABS": abs, "SIN": np.sin, "COS": np.cos, "RADIANS": np.radians}
    inside = eval(condition, {"s_ra": ra, "s_dec": dec, **functions})
    latitude = np.abs(galactic(ra, dec)[1])
    clear = np.abs(latitude - band_deg) > 1e-4
    assert (inside == (latitude <= band_deg))[clear].all() and clear.mean() > 0.99


def test_around_named_sources_the_condition_is_their_circles(fake_tap):
    """Held against separations, at a pole and at right ascension 0; one holds the table's rows."""
    circles = pd.DataFrame(
        {"ra": [266.0, 0.05, 120.0], "dec": [-29.0, 0.0, -89.5], "radius_deg": [89.0, 1.2, 2.0]}
    )
    fake_tap.answer = Service(**{name: values[:1] for name, values in ROWS.items()})
    client = TapClient("obscore", fake_tap.url, attempts=1)
    frame, _ = fetch_outlines(client, TABLE, WHERE, 15.0, circles)
    assert frame["obsid"].tolist() == ["7"]
    condition = fake_tap.queries[1].partition(f"({WHERE}) AND (")[2].removesuffix(")")
    assert len(fake_tap.queries) == 3
    random = np.random.default_rng(3)
    ra, dec = random.uniform(0, 360, 40_000), np.degrees(np.arcsin(random.uniform(-1, 1, 40_000)))
    ra[:9_000], dec[:9_000] = random.uniform(-3, 3, 9_000) % 360, random.uniform(-3, 3, 9_000)
    dec[9_000:18_000] = random.uniform(-90, -86, 9_000)
    functions = {"SIN": np.sin, "COS": np.cos, "RADIANS": np.radians}
    terms = condition.split(" OR ")
    assert len(terms) == 3
    for term, circle in zip(terms, circles.itertuples(), strict=True):
        inside = eval(term, {"s_ra": ra, "s_dec": dec, **functions})
        apart = separation(ra, dec, circle.ra, circle.dec)
        clear = np.abs(apart - circle.radius_deg) > 1e-4
        assert inside.sum() > 100 and (inside == (apart <= circle.radius_deg))[clear].all()


def test_a_service_without_these_functions_is_asked_for_all_rows(fake_tap, caplog):
    """Some refuse them, some compute something else: in degrees, for instance."""
    service = Service()  # has rows at b = -5.8, whatever is asked

    def refuse(adql, uploads):
        refused = "RADIANS" in adql
        return error_document("no function RADIANS") if refused else service(adql, uploads)

    for answer, reason in ((refuse, "no function RADIANS"), (service, "others than those asked")):
        caplog.clear()
        frame, _ = fetch(fake_tap, answer, band_deg=5)
        assert len(frame) == 3 and fake_tap.queries[-2].endswith(
            f"FROM ivoa.obscore WHERE ({WHERE})"
        )
        assert "asked for all rows" in caplog.text and reason in caplog.text


def test_a_condition_that_is_refused_is_said_without_ours(fake_tap):
    def refuse(adql, uploads):
        return (
            Service()(adql, uploads) if "TAP_SCHEMA" in adql else error_document("no such column")
        )

    with pytest.raises(TapError, match="refuses the query: no such column") as of:
        fetch(fake_tap, refuse, where="telescope = 1", band_deg=15)
    assert str(of.value).endswith("FROM ivoa.obscore WHERE (telescope = 1)")


def test_a_small_change_of_the_cut_asks_nobody(fake_tap, tmp_path):
    assert [asked_band_deg(cut) for cut in (0.5, 13, 15, 15.1, 88, 93)] == [5, 15, 15, 20, 90, 90]
    kept = {"answers": tmp_path, "reuse": True}
    first, _ = fetch(fake_tap, band_deg=asked_band_deg(12), **kept)
    asked = len(fake_tap.queries)
    second, _ = fetch(fake_tap, band_deg=asked_band_deg(14.5), **kept)
    assert asked == 3 == len(fake_tap.queries)
    assert first.equals(second)


def changed(column, row, value):
    values = [*ROWS[column]]
    values[row] = value
    return {column: values}


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (Service(table="ivoa.obsplan"), "TAP_SCHEMA lists no columns of table ivoa.obscore"),
        (Service(without=["s_region"]), "table ivoa.obscore has no column s_region; it has"),
        (Service(units={"t_exptime": "ks"}), "ivoa.obscore: column t_exptime came in 'ks'"),
        (Service(units={"s_ra": "hourangle"}), "ivoa.obscore: column s_ra came in 'hourangle'"),
        (Service(**changed("s_dec", 0, 91.0)), "rows of ivoa.obscore without a valid position: 1"),
        (
            Service(s_region=[None] * 7),
            "ivoa.obscore has no observation with an outline and an exposure (rows: 7): is "
            "coverage.obscore.where in the config right?",
        ),
        (
            Service(**changed("s_region", 2, "Circle ICRS 83.6")),
            "ivoa.obscore: row 3 (obs_id 12): the outline cannot be read (a circle of 1 numbers): "
            "'Circle ICRS 83.6'; leave such rows out by coverage.obscore.where",
        ),
        (
            Service(**changed("s_region", 0, "Circle ICRS -29 266 0.2")),
            "ivoa.obscore: row 1 (obs_id 7): the outline cannot be read (Latitude",
        ),
        (
            Service(**changed("s_region", 2, "Circle ICRS 22 83.6 0.2")),
            "row 3 (obs_id 12): the outline reaches 65.",
        ),
        (
            Service(**changed("obs_release_date", 1, "last year")),
            "ivoa.obscore: row 2 (obs_id 00012): obs_release_date is 'last year'",
        ),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(fake_tap, service, words):
    with pytest.raises(XgammaError) as of:
        fetch(fake_tap, service)
    assert words in str(of.value) and str(of.value).startswith("obscore: ")
    assert "\n" not in str(of.value)


def test_an_answer_with_a_bad_outline_is_not_used_again(fake_tap, tmp_path):
    """A service may mend it: the next run asks anew."""
    bad = Service(**changed("s_region", 2, "round"))
    with pytest.raises(XgammaError, match="'round'"):
        fetch(fake_tap, bad, answers=tmp_path, reuse=True)
    frame, _ = fetch(fake_tap, answers=tmp_path, reuse=True)
    assert len(frame) == 3 and len(fake_tap.queries) == 6
