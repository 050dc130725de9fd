"""What the demo service's ADQL refuses, and that it says what."""

from __future__ import annotations

import re

import duckdb
import pytest
from small_archive import ask, make_frames, write_archive

from xgamma.demo.server.execution import Archive
from xgamma.demo.server.refusals import RequestRefused

FRAMES = make_frames()
CSC = FRAMES["csc"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Archive:
    path = tmp_path_factory.mktemp("archive") / "sky.duckdb"
    write_archive(path, FRAMES)
    return Archive(path)


REFUSALS = {
    # tables and columns
    "SELECT nme FROM csc": "unknown column nme; csc has name",
    "SELECT c.time FROM csc c": r"unknown column c\.time",
    "SELECT x.name FROM csc": r"unknown table or alias x in x\.name",
    "SELECT csc.name FROM csc AS c": "unknown table or alias csc",
    "SELECT x.* FROM csc": r"unknown table x in x\.\*",
    "SELECT * FROM cscs": "unknown table cscs; this service has csc",
    "SELECT * FROM gaia_source": "unknown table gaia_source",
    "SELECT * FROM main.csc": r"unknown table main\.csc",
    "SELECT * FROM tap_upload.t": r"unknown table tap_upload\.t",
    "SELECT * FROM duckdb_settings": "unknown table duckdb_settings",
    "SELECT * FROM sqlite_master": "unknown table sqlite_master",
    "SELECT * FROM information_schema.tables": r"unknown table information_schema\.tables",
    'SELECT "NAME" FROM csc': "unknown column NAME",
    "SELECT name FROM csc, fermilpsc": "column name is ambiguous: csc, fermilpsc",
    "SELECT name FROM csc, csc": "csc stands for two tables",
    "SELECT name FROM csc ORDER BY 2": "ORDER BY 2: the query has 1 column",
    "SELECT ra FROM csc UNION SELECT ra FROM csc ORDER BY dec": "ORDER BY dec names no column",
    "SELECT ra FROM csc UNION SELECT ra, dec FROM csc": r"UNION joins 1 column\(s\) to 2",
    # functions
    "SELECT RAND() FROM csc": "function RAND is not supported",
    "SELECT SOUNDEX(name) FROM csc": "function SOUNDEX is not supported",
    "SELECT BOX(1, 2, 3, 4) FROM csc": "function BOX is not supported",
    "SELECT AREA(CIRCLE(1, 2, 3)) FROM csc": "function AREA is not supported",
    "SELECT IN_UNIT(ra, 'rad') FROM csc": "function IN_UNIT is not supported",
    "SELECT POINT(ra, dec) FROM csc": "POINT stands inside CONTAINS",
    "SELECT ra FROM csc WHERE CONTAINS(POINT(ra, dec), POLYGON(1, 2, 3, 4, 5, 6)) = 1": "POLYGON",
    "SELECT ra FROM csc WHERE CONTAINS(ra, CIRCLE(1, 2, 3)) = 1": "where a POINT is wanted",
    "SELECT ra FROM csc WHERE CONTAINS(POINT('GALACTIC', ra, dec), CIRCLE(1, 2, 3)) = 1": (
        "coordinate system 'GALACTIC' is not supported"
    ),
    "SELECT SQRT(ra, dec) FROM csc": r"SQRT takes 1 argument\(s\), not 2",
    "SELECT ra FROM csc WHERE DISTANCE(ra, dec) < 1": "where a POINT is wanted",
    "SELECT SUM(*) FROM csc": r"SUM\(\*\) means nothing",
    "SELECT SUM(ra) OVER (PARTITION BY dec) FROM csc": r"OVER \(window functions\)",
    "SELECT CAST(ra AS TIMESTAMP) FROM csc": "CAST to TIMESTAMP is not supported",
    "SELECT CAST(ra AS CHAR) FROM csc": "CAST to CHAR is not supported",
    # language
    "SELECT ra FROM csc LIMIT 3": r"LIMIT \(write TOP\)",
    "SELECT ra FROM csc FETCH FIRST 3 ROWS ONLY": r"FETCH \(write TOP\)",
    "SELECT TOP 2.5 ra FROM csc": r"TOP takes a whole number, not 2\.5",
    "SELECT name FROM csc WHERE name LIKE 'a' ESCAPE 'b'": "ESCAPE is not supported",
    "SELECT ra FROM csc ORDER BY ra NULLS FIRST": "NULLS FIRST",
    "SELECT DISTINCT ON (ra) ra FROM csc": "ON here is not supported",
    "SELECT ra FROM csc GROUP BY ALL": "ALL here is not supported",
    "SELECT ra FROM csc JOIN fermilpsc": "JOIN lacks its ON or USING",
    "SELECT a.ra FROM csc a FULL JOIN csc b USING (ra)": "USING or NATURAL in a FULL JOIN",
    "SELECT ra % 3 FROM csc": "MOD is not supported",
    "SELECT ra FROM csc WHERE ra = ANY (SELECT 1)": "ANY",
    "WITH RECURSIVE a AS (SELECT ra FROM csc) SELECT ra FROM a": "syntax error|RECURSIVE",
    "SELECT ra FROM csc WHERE": "syntax error at line 1",
    "SELECT FROM csc": "SELECT without columns",
    'SELECT ra AS "" FROM csc': "a name is empty",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000: "nested too deeply",
    "SELECT CAST(ra AS DOUBLE) FROM csc": "CAST to DOUBLE is not supported; .*DOUBLE PRECISION",
    "SELECT 0x1F FROM csc": "0x1F is not a number",
    "": "the query is empty",
    # ways out of the archive
    "COPY csc TO '/somewhere'": "only SELECT is supported, not COPY",
    "ATTACH 'other.db'": "only SELECT is supported, not ATTACH",
    "PRAGMA database_list": "only SELECT is supported, not PRAGMA",
    "SET threads = 64": "only SELECT is supported, not SET",
    "INSTALL httpfs": "only SELECT is supported, not INSTALL",
    "DROP TABLE csc": "only SELECT is supported, not DROP",
    "DELETE FROM csc": "only SELECT is supported, not DELETE",
    "VALUES (1)": "only SELECT is supported, not VALUES",
    "EXPLAIN SELECT ra FROM csc": "only SELECT is supported, not EXPLAIN",
    "FROM csc": "only SELECT is supported, not FROM",
    "SELECT ra FROM csc; DROP TABLE csc": "only one query at a time",
    "SELECT ra FROM csc; SELECT 1": "only one query at a time",
    "SELECT ra /* hidden */ FROM csc": r"comments in /\* \*/ are not supported",
    "SELECT * FROM read_csv('/etc/passwd')": "table function READ_CSV",
    "SELECT * FROM read_parquet('x')": "table function READ_PARQUET",
    "SELECT * FROM range(3)": "table function RANGE",
    "SELECT * FROM '/etc/passwd'": "unknown table /etc/passwd",
    'SELECT * FROM "/etc/passwd"': "unknown table /etc/passwd",
    "SELECT getenv('HOME') FROM csc": "function GETENV is not supported",
    "SELECT read_text('/etc/passwd') FROM csc": "function READ_TEXT is not supported",
    "SELECT current_setting('threads') FROM csc": "function CURRENT_SETTING is not supported",
    "WITH a AS (DELETE FROM csc RETURNING ra) SELECT ra FROM a": "ADQL: ",
    "SELECT ra INTO other FROM csc": "syntax error",
    "SELECT ra FROM csc WHERE name = $1": r"unknown column \$1",
    "SELECT ra FROM csc WHERE name = ?": "PLACEHOLDER",
    "SELECT [ra] FROM csc": "ARRAY",
    "SELECT {'a': ra} FROM csc": "STRUCT",
    "SELECT * EXCLUDE (ra) FROM csc": "EXCEPT here",
}


@pytest.mark.parametrize("adql", REFUSALS)
def test_refusals_name_what_they_refuse(archive, adql):
    with pytest.raises(RequestRefused, match=REFUSALS[adql]) as refusal:
        ask(archive, adql)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE csc; --", 'a" FROM csc --', "it''s", "{0}", "\\'", "%"]
)
def test_text_stays_text(archive, text):
    literal = text.replace("'", "''")
    assert ask(archive, f"SELECT TOP 1 '{literal}' FROM csc")[1] == [(text,)]
    delimited = text.replace('"', '""')
    assert ask(archive, f'SELECT TOP 1 ra AS "{delimited}" FROM csc')[0] == [text]


def test_line_comments_and_a_closing_semicolon_are_adql(archive):
    _, rows = ask(archive, "SELECT COUNT(*) -- all of them\nFROM csc;")
    assert rows == [(len(CSC),)]


def test_the_database_itself_is_shut_off(archive):
    with archive._connected() as connection:
        for statement in (
            "COPY csc TO 'out.csv'",
            "SELECT * FROM read_csv('/etc/passwd')",
            "ATTACH 'other.duckdb'",
            "SET enable_external_access = true",
            "INSERT INTO csc (name) VALUES ('x')",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)


def test_what_duckdb_refuses_is_a_tap_error(archive):
    with pytest.raises(RequestRefused, match=re.escape("the database cannot run this query")):
        ask(archive, "SELECT name + 1 FROM csc")


def test_a_query_stopped_while_its_rows_come_is_a_tap_error(archive):
    """A job that is aborted then ends so; DuckDB's own error comes through Arrow as an OSError."""
    stops = []
    adql = "SELECT csc.ra FROM csc, fermilpsc ORDER BY csc.ra"
    options = {"uploads": {}, "default_limit": None, "interruptible": stops.append}
    with archive.answer(adql, "/tap", **options) as result:
        batches = result.batches()
        next(batches)
        stops[0]()
        with pytest.raises(RequestRefused, match="the query was stopped before it was done"):
            list(batches)
