"""ADQL of the demo service, against the same questions asked of the frames."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from small_archive import (
    ask,
    comparable,
    make_frames,
    rows_of,
    separation,
    write_archive,
)

from xgamma.demo.server.execution import Archive
from xgamma.demo.server.refusals import RequestRefused

FRAMES = make_frames()
CSC = FRAMES["csc"]
FERMI = FRAMES["fermilpsc"]
OBSERVATIONS = FRAMES["chanmaster"]
GAIA = FRAMES["gaiadr3.gaia_source"]
TWOMASS = FRAMES["fp_psc"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Archive:
    path = tmp_path_factory.mktemp("archive") / "sky.duckdb"
    write_archive(path, FRAMES)
    return Archive(path)


PLANE = FERMI[FERMI["bii"].between(-10, 10)]
PER_CLASS = FERMI.groupby("source_type")["bii"]

ANSWERS = {
    "SELECT name, ra FROM csc WHERE b_flux_ap > 1e-14": rows_of(
        CSC[CSC["b_flux_ap"] > 1e-14][["name", "ra"]]
    ),
    'SELECT "name", csc.RA FROM CSC WHERE Csc.Dec >= 45.5': rows_of(
        CSC[CSC["dec"] >= 45.5][["name", "ra"]]
    ),
    "SELECT name FROM fermilpsc WHERE bii BETWEEN -10 AND 10": rows_of(PLANE[["name"]]),
    "SELECT name FROM fermilpsc WHERE bii NOT BETWEEN -10 AND 10": rows_of(
        FERMI[~FERMI["bii"].between(-10, 10)][["name"]]
    ),
    "SELECT obsid, time FROM chanmaster WHERE time > 55000": rows_of(
        OBSERVATIONS[OBSERVATIONS["time"] > 55000][["obsid", "time"]]
    ),
    "SELECT name FROM chanmaster WHERE name = 'SIM O''Brien'": [("SIM O'Brien",)],
    "SELECT COUNT(*) FROM csc": [(len(CSC),)],
    "SELECT COUNT(b_flux_ap) AS n FROM csc": [(CSC["b_flux_ap"].notna().sum(),)],
    "SELECT COUNT(DISTINCT source_type) FROM fermilpsc": [(FERMI["source_type"].nunique(),)],
    "SELECT MIN(ra), MAX(ra), AVG(ra), SUM(significance) FROM csc": [
        (CSC["ra"].min(), CSC["ra"].max(), CSC["ra"].mean(), CSC["significance"].sum())
    ],
    "SELECT SUM(analysis_flags) FROM fermilpsc": [(int(FERMI["analysis_flags"].sum()),)],
    "SELECT source_type, COUNT(*), AVG(bii) FROM fermilpsc GROUP BY source_type": [
        (kind, len(values), values.mean()) for kind, values in PER_CLASS
    ],
    "SELECT source_type AS k, COUNT(*) AS n FROM fermilpsc GROUP BY k HAVING COUNT(*) > 48": [
        (kind, len(values)) for kind, values in PER_CLASS if len(values) > 48
    ],
    "SELECT FLOOR(bii / 30) AS slice, COUNT(*) FROM csc GROUP BY FLOOR(bii / 30)": rows_of(
        np.floor(CSC["bii"] / 30).value_counts().rename_axis("s").reset_index()
    ),
    "SELECT DISTINCT source_type FROM fermilpsc": [(k,) for k in FERMI["source_type"].unique()],
    "SELECT ALL analysis_flags FROM fermilpsc": rows_of(FERMI[["analysis_flags"]]),
    "SELECT name FROM fermilpsc WHERE source_type IN ('psr  ', 'PSR  ')": rows_of(
        FERMI[FERMI["source_type"].isin(["psr  ", "PSR  "])][["name"]]
    ),
    "SELECT name FROM fermilpsc WHERE NOT source_type IN ('psr  ') AND analysis_flags NOT IN (0)": (
        rows_of(FERMI[(FERMI["source_type"] != "psr  ") & (FERMI["analysis_flags"] != 0)][["name"]])
    ),
    "SELECT name FROM fermilpsc WHERE source_type LIKE 'p%'": rows_of(
        FERMI[FERMI["source_type"].str.startswith("p")][["name"]]
    ),
    "SELECT name FROM fermilpsc WHERE source_type ILIKE 'P_r%'": rows_of(
        FERMI[FERMI["source_type"].str.lower().str.startswith("p")][["name"]]
    ),
    "SELECT name FROM csc WHERE name NOT LIKE '%7%'": rows_of(
        CSC[~CSC["name"].str.contains("7")][["name"]]
    ),
    "SELECT name FROM fermilpsc WHERE semi_major_axis_95 IS NULL": rows_of(
        FERMI[FERMI["semi_major_axis_95"].isna()][["name"]]
    ),
    "SELECT COUNT(*) FROM csc WHERE b_flux_ap IS NOT NULL AND NOT (b_flux_ap = 0)": [
        (int((CSC["b_flux_ap"] > 0).sum()),)
    ],
    "SELECT name, COALESCE(b_flux_ap, significance, 0) FROM csc": rows_of(
        pd.DataFrame({"n": CSC["name"], "f": CSC["b_flux_ap"].fillna(CSC["significance"])})
    ),
    "SELECT name, CASE WHEN bii < 0 THEN 'south' WHEN bii < 30 THEN 'low' ELSE 'north' END"
    " FROM csc": [
        (name, "south" if b < 0 else "low" if b < 30 else "north")
        for name, b in zip(CSC["name"], CSC["bii"], strict=True)
    ],
    "SELECT name, CASE source_type WHEN 'psr  ' THEN 1 END FROM fermilpsc": [
        (name, 1 if kind == "psr  " else None)
        for name, kind in zip(FERMI["name"], FERMI["source_type"], strict=True)
    ],
    "SELECT CAST(bii AS VARCHAR(3)), CAST(obsid AS INTEGER) FROM fermilpsc, chanmaster"
    " WHERE fermilpsc.bii = 10 AND obsid = '7'": [("10.", 7)],
    "SELECT CAST(analysis_flags AS DOUBLE PRECISION) / 2, CAST('7' AS BIGINT) FROM fermilpsc": [
        (flags / 2, 7) for flags in FERMI["analysis_flags"]
    ],
    "SELECT TOP 1 CAST('ab' AS CHAR(4)) || '.', UPPER('aB') || LOWER('Cd') FROM csc": [
        ("ab  .", "ABcd")
    ],
    "SELECT -ra + 2 * (dec - 1.5) / 4 FROM csc": rows_of(
        (-CSC["ra"] + 2 * (CSC["dec"] - 1.5) / 4).to_frame()
    ),
    "SELECT LOG(ra), LOG10(ra), EXP(-ra), SQRT(ra), POWER(ra, 1.5), ABS(bii), SIGN(bii) FROM csc": (
        rows_of(
            pd.DataFrame(
                [
                    np.log(CSC["ra"]), np.log10(CSC["ra"]), np.exp(-CSC["ra"]), np.sqrt(CSC["ra"]),
                    CSC["ra"] ** 1.5, CSC["bii"].abs(), np.sign(CSC["bii"]).astype(int),
                ]
            ).T
        )
    ),
    "SELECT CEILING(bii), FLOOR(bii), ROUND(bii), TRUNCATE(bii), ROUND(bii, 2), TRUNCATE(bii, 1)"
    " FROM csc": [
        (
            math.ceil(b), math.floor(b), round(b), math.trunc(b), round(b, 2),
            math.trunc(b * 10) / 10,
        )
        for b in CSC["bii"]
    ],
    "SELECT MOD(analysis_flags, 4), MOD(-7, 3), PI() FROM fermilpsc": [
        (flags % 4, -1, math.pi) for flags in FERMI["analysis_flags"]
    ],
    "SELECT SIN(bii), COS(bii), TAN(bii), COT(bii), ASIN(bii/90), ACOS(bii/90), ATAN(bii),"
    " ATAN2(bii, lii), RADIANS(bii), DEGREES(bii) FROM csc": rows_of(
        pd.DataFrame(
            [
                np.sin(CSC["bii"]), np.cos(CSC["bii"]), np.tan(CSC["bii"]), 1 / np.tan(CSC["bii"]),
                np.arcsin(CSC["bii"] / 90), np.arccos(CSC["bii"] / 90), np.arctan(CSC["bii"]),
                np.arctan2(CSC["bii"], CSC["lii"]), np.radians(CSC["bii"]), np.degrees(CSC["bii"]),
            ]
        ).T
    ),
    "SELECT source_id FROM gaiadr3.gaia_source WHERE source_id = 4104196427943626631": [
        (4_104_196_427_943_626_631,)
    ],
    "SELECT g.source_id, gaia_source.ra FROM gaiadr3.gaia_source JOIN gaiadr3.gaia_source AS g"
    " ON g.source_id = gaiadr3.gaia_source.source_id WHERE g.phot_g_mean_mag < 12": rows_of(
        GAIA[GAIA["phot_g_mean_mag"] < 12][["source_id", "ra"]]
    ),
    # joins
    "SELECT f.name AS f, c.name AS c FROM fermilpsc AS f, csc c WHERE f.analysis_flags = 3"
    " AND c.significance > 8.9": [
        (f, c)
        for f in FERMI[FERMI["analysis_flags"] == 3]["name"]
        for c in CSC[CSC["significance"] > 8.9]["name"]
    ],
    "SELECT a.obsid, b.obsid AS other FROM chanmaster a INNER JOIN chanmaster b"
    " ON a.status = b.status AND a.obsid <> b.obsid": rows_of(
        OBSERVATIONS[OBSERVATIONS["status"] != ""]
        .merge(OBSERVATIONS[OBSERVATIONS["status"] != ""], on="status")
        .query("obsid_x != obsid_y")[["obsid_x", "obsid_y"]]
    ),
    "SELECT f.name, c.n FROM fermilpsc f LEFT JOIN (SELECT name, bii AS n FROM fermilpsc"
    " WHERE bii > 0) AS c ON f.name = c.name": [
        (name, b if b > 0 else None) for name, b in zip(FERMI["name"], FERMI["bii"], strict=True)
    ],
    "SELECT name, significance, g.bii FROM csc JOIN (SELECT name, bii FROM csc WHERE ra < 9) g"
    " USING (name)": rows_of(CSC[CSC["ra"] < 9][["name", "significance", "bii"]]),
    "SELECT * FROM (SELECT name, ra FROM csc WHERE ra < 3) a NATURAL JOIN"
    " (SELECT name, bii FROM csc WHERE bii > 0) b": rows_of(
        CSC[(CSC["ra"] < 3) & (CSC["bii"] > 0)][["name", "ra", "bii"]]
    ),
    # subqueries, WITH, sets
    "SELECT name FROM fermilpsc WHERE bii = (SELECT MAX(bii) FROM fermilpsc)": rows_of(
        FERMI[FERMI["bii"] == FERMI["bii"].max()][["name"]]
    ),
    "SELECT name FROM csc WHERE name IN (SELECT name FROM csc WHERE ra < 5)": rows_of(
        CSC[CSC["ra"] < 5][["name"]]
    ),
    "SELECT name FROM fermilpsc f WHERE EXISTS (SELECT 1 FROM fermilpsc g WHERE g.analysis_flags"
    " = f.analysis_flags AND g.bii > f.bii + 150)": rows_of(
        FERMI[
            [
                bool(((FERMI["analysis_flags"] == flags) & (FERMI["bii"] > b + 150)).any())
                for flags, b in zip(FERMI["analysis_flags"], FERMI["bii"], strict=True)
            ]
        ][["name"]]
    ),
    "WITH plane AS (SELECT * FROM fermilpsc WHERE bii BETWEEN -10 AND 10),"
    " p AS (SELECT source_type AS t FROM plane) SELECT t, COUNT(*) AS n FROM p GROUP BY t": (
        rows_of(PLANE["source_type"].value_counts().reset_index())
    ),
    "SELECT ra FROM csc WHERE ra < 9 UNION SELECT ra FROM csc WHERE ra < 5": rows_of(
        CSC[CSC["ra"] < 9][["ra"]]
    ),
    "SELECT ra FROM csc WHERE ra < 9 UNION ALL SELECT ra FROM csc WHERE ra < 5": rows_of(
        pd.concat([CSC[CSC["ra"] < 9][["ra"]], CSC[CSC["ra"] < 5][["ra"]]])
    ),
    "SELECT ra FROM csc WHERE ra < 9 EXCEPT SELECT ra FROM csc WHERE ra < 5": rows_of(
        CSC[CSC["ra"].between(5, 9)][["ra"]]
    ),
    "SELECT ra FROM csc WHERE ra < 9 INTERSECT SELECT ra FROM csc WHERE ra > 5": rows_of(
        CSC[CSC["ra"].between(5, 9)][["ra"]]
    ),
    "SELECT ra FROM csc WHERE ra < 1 UNION (SELECT TOP 2 dec FROM csc ORDER BY dec)": [
        *rows_of(CSC[CSC["ra"] < 1][["ra"]]),
        *((value,) for value in set(sorted(CSC["dec"])[:2])),
    ],
}  # fmt: skip


@pytest.mark.parametrize("adql", ANSWERS)
def test_answers(archive, adql):
    _, rows = ask(archive, adql)
    assert rows, "the question has no answer, so it tests nothing"
    assert comparable(rows) == comparable(ANSWERS[adql])


@pytest.mark.parametrize(
    "order",
    [
        "ra", "ra ASC", "ra DESC", "2 DESC", "csc.ra", "b_flux_ap DESC, ra", "position_angle",
        "ABS(bii), ra", "DISTANCE(POINT(ra, dec), POINT(12, 34))",
    ],
)  # fmt: skip
def test_order(archive, order):
    adql = "SELECT TOP 50 name, ra, dec, bii, b_flux_ap, ra + dec AS position_angle FROM csc"
    _, rows = ask(archive, f"{adql} WHERE b_flux_ap IS NOT NULL ORDER BY {order} OFFSET 5")
    frame = CSC[CSC["b_flux_ap"].notna()].assign(
        position_angle=CSC["ra"] + CSC["dec"],
        absolute=CSC["bii"].abs(),
        d=separation(CSC["ra"], CSC["dec"], 12, 34),
    )
    keys = {
        "2 DESC": (["ra"], [False]),
        "ra DESC": (["ra"], [False]),
        "b_flux_ap DESC, ra": (["b_flux_ap", "ra"], [False, True]),
        "position_angle": (["position_angle"], [True]),
        "ABS(bii), ra": (["absolute", "ra"], [True, True]),
        "DISTANCE(POINT(ra, dec), POINT(12, 34))": (["d"], [True]),
    }
    by, ascending = keys.get(order, (["ra"], [True]))
    expected = frame.sort_values(by, ascending=ascending)["name"].iloc[5:55]
    assert [row[0] for row in rows] == expected.tolist()


def test_order_of_union_and_nulls_last(archive):
    _, rows = ask(
        archive,
        "SELECT b_flux_ap AS f FROM csc WHERE ra < 40 UNION SELECT ra FROM csc WHERE ra < 1"
        " ORDER BY f OFFSET 2",
    )
    values = [value for (value,) in rows]
    assert values[-1] is None
    assert values[:-1] == sorted(values[:-1])
    expected = {*CSC[CSC["ra"] < 40]["b_flux_ap"].dropna(), *CSC[CSC["ra"] < 1]["ra"]}
    assert values[:-1] == sorted(expected)[2:]


def test_top_gives_any_rows_and_not_always_the_same(archive):
    answers = {
        tuple(ask(archive, "SELECT TOP 20 name FROM csc WHERE ra > 10")[1]) for _ in range(3)
    }
    assert len(answers) == 3
    assert {name for answer in answers for (name,) in answer} <= set(CSC["name"][CSC["ra"] > 10])


def test_rows_come_in_another_order_each_time(archive):
    first, second = (ask(archive, "SELECT name, ra FROM csc")[1] for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize(
    ("selected", "names"),
    [
        ("f.name, c.name, c.ra AS x", ["f_name", "c_name", "x"]),
        ("COUNT(*), MIN(f.ra), MAX(c.ra), COUNT(c.ra)", ["count", "min", "max", "count_4"]),
        ("f.name AS N, c.name AS n", ["N", "n_2"]),
        ("f.ra + 1, 'text', c.significance", ["column_1", "column_2", "significance"]),
        ("f.analysis_flags, c.*", [
            "analysis_flags", "name", "ra", "dec", "lii", "bii", "b_flux_ap", "significance",
        ]),
        ('f.name AS "a ""b"" é"', ['a "b" é']),
    ],
)  # fmt: skip
def test_output_names(archive, selected, names):
    given, _ = ask(archive, f"SELECT {selected} FROM fermilpsc f, csc c WHERE c.ra < 0")
    assert given == names


def test_columns_keep_their_meaning(archive):
    adql = (
        "WITH a AS (SELECT ra AS x, b_flux_ap FROM csc) SELECT x, b.b_flux_ap AS f, x + 1 AS y,"
        " DISTANCE(POINT(x, 0), POINT(0, 0)) AS d FROM (SELECT * FROM a) b"
    )
    with archive.answer(adql, "/tap", uploads={}, default_limit=1) as result:
        columns = {field.name: field.column for field in result.fields}
    assert (columns["x"].unit, columns["x"].ucd) == ("deg", "pos.eq.ra")
    assert columns["x"].description == "What ra is"
    assert columns["f"].unit == "mW.m**-2"
    assert (columns["y"].unit, columns["y"].ucd) == ("", "")
    assert (columns["d"].unit, columns["d"].ucd) == ("deg", "pos.angDistance")


@pytest.mark.parametrize(
    ("service", "known", "unknown"),
    [
        ("/heasarc/tap", "csc", "fp_psc"),
        ("/gaia/tap", "gaiadr3.gaia_source", "csc"),
        ("/irsa/tap", "fp_psc", "gaiadr3.gaia_source"),
    ],
)
def test_services_know_their_own_tables_only(archive, service, known, unknown):
    assert ask(archive, f"SELECT COUNT(*) FROM {known}", service)[1] == [(len(FRAMES[known]),)]
    with pytest.raises(RequestRefused, match=f"unknown table {re.escape(unknown)}"):
        ask(archive, f"SELECT COUNT(*) FROM {unknown}", service)
    _, rows = ask(archive, "SELECT DISTINCT table_name FROM TAP_SCHEMA.columns", service)
    names = {name for (name,) in rows}
    assert known in names
    assert unknown not in names
    assert "TAP_SCHEMA.columns" in names
    keys = 2 if service == "/heasarc/tap" else 1
    assert ask(archive, "SELECT COUNT(*) FROM TAP_SCHEMA.keys", service)[1] == [(keys,)]
    assert ask(archive, "SELECT COUNT(*) FROM TAP_SCHEMA.key_columns", service)[1] == [(keys,)]


def test_reserved_names_are_published_delimited_and_understood_bare(archive):
    _, rows = ask(
        archive,
        "SELECT column_name FROM TAP_SCHEMA.columns WHERE table_name = 'chanmaster'",
    )
    assert ('"time"',) in rows
    delimited, _ = ask(archive, 'SELECT "time", time AS t FROM chanmaster')
    assert delimited == ["time", "t"]
