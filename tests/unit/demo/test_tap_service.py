"""The demo service as its clients meet it: through pyvo, in the process and on a port."""

from __future__ import annotations

import contextlib
import csv
import io
import subprocess
import sys
import warnings

import numpy as np
import pyvo
import requests
from astropy.table import MaskedColumn, Table
from pytest import mark, raises
from small_archive import make_frames

from xgamma.config.check import DEMO_URL
from xgamma.demo.__main__ import main
from xgamma.demo.server.transport import InProcessAdapter

pytest_plugins = ["demo_service"]

FRAMES = make_frames()
CSC = FRAMES["csc"]
GAIA = FRAMES["gaiadr3.gaia_source"]


def test_sync(service):
    table = service.run_sync("SELECT name, ra, b_flux_ap FROM csc ORDER BY name").to_table()
    assert table["name"].tolist() == CSC["name"].tolist()
    assert table["ra"].tolist() == CSC["ra"].tolist()
    assert str(table["ra"].unit) == "deg"
    assert table["ra"].description == "What ra is"
    np.testing.assert_array_equal(table["b_flux_ap"].filled(np.nan), CSC["b_flux_ap"].to_numpy())
    field = service.run_sync("SELECT TOP 1 ra FROM csc").fielddescs[0]
    assert (field.ucd, field.unit, field.datatype) == ("pos.eq.ra", "deg", "double")


def test_values_survive_exactly(service):
    result = service.run_sync(
        "SELECT source_id, phot_g_mean_mag, phot_variable_flag FROM gaiadr3.gaia_source"
        " ORDER BY source_id"
    ).to_table()
    assert result["source_id"].dtype == np.int64
    assert result["source_id"].tolist() == GAIA["source_id"].tolist()
    assert result["phot_g_mean_mag"].dtype == np.float32
    magnitudes = GAIA["phot_g_mean_mag"].to_numpy()
    np.testing.assert_array_equal(result["phot_g_mean_mag"].filled(np.nan), magnitudes)
    np.testing.assert_array_equal(result["phot_g_mean_mag"].mask, np.isnan(magnitudes))
    types = service.run_sync("SELECT DISTINCT source_type AS t FROM fermilpsc").to_table()
    assert set(types["t"]) == {"psr  ", "bll  ", "     ", "PSR  ", "fsrq "}
    names = service.run_sync("SELECT name FROM chanmaster").to_table()
    assert set(names["name"]) == set(FRAMES["chanmaster"]["name"])


def test_nulls_of_every_kind(service):
    adql = (
        "SELECT CAST(obsid AS INTEGER) AS i, CASE WHEN obsid = '1' THEN source_id END AS b,"
        " CASE WHEN obsid = '1' THEN 1.5 END AS d, CASE WHEN obsid = '1' THEN 'x' END AS t,"
        " NULL AS n FROM chanmaster, (SELECT MAX(source_id) AS source_id FROM"
        " gaiadr3.gaia_source) g WHERE obsid IN ('1', '2') ORDER BY i"
    )
    table = service.run_sync(adql).to_table()
    assert table["i"].tolist() == [1, 2]
    assert table["b"].tolist() == [int(GAIA["source_id"].max()), None]
    assert table["d"].tolist() == [1.5, None]
    assert table["t"].tolist() == ["x", ""]
    assert table["n"].tolist() == ["", ""]


def test_text_beyond_ascii(service):
    table = service.run_sync("SELECT TOP 2 'naïve Δ' AS t, name FROM csc").to_table()
    assert table["t"].tolist() == ["naïve Δ"] * 2
    echo = service.run_sync(
        "SELECT label FROM tap_upload.x", uploads={"x": Table({"label": ["é", "", "Δm"]})}
    )
    assert echo["label"].tolist() == ["é", "", "Δm"]


@mark.parametrize("form", ["votable", "votable/td", "application/x-votable+xml"])
def test_serialisations_say_the_same(session, base, form):
    adql = "SELECT source_id, ra, phot_g_mean_mag, phot_variable_flag FROM gaiadr3.gaia_source"
    answer = session.get(
        f"{base}gaia/tap/sync",
        params={"LANG": "ADQL", "QUERY": f"{adql} ORDER BY ra", "RESPONSEFORMAT": form},
    )
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    table = Table.read(io.BytesIO(answer.content), format="votable")
    frame = GAIA.sort_values("ra")
    assert table["source_id"].tolist() == frame["source_id"].tolist()
    np.testing.assert_array_equal(
        table["phot_g_mean_mag"].filled(np.nan), frame["phot_g_mean_mag"].to_numpy()
    )


def test_csv(session, base):
    adql = "SELECT obsid, name, exposure, status FROM chanmaster WHERE obsid IN ('3', '6')"
    answer = session.get(
        f"{base}tap/sync", params={"QUERY": f"{adql} ORDER BY obsid", "FORMAT": "csv"}
    )
    assert answer.headers["Content-Type"] == "text/csv"
    rows = FRAMES["chanmaster"].set_index("obsid")
    assert list(csv.reader(answer.text.splitlines())) == [
        ["obsid", "name", "exposure", "status"],
        ["3", "SIM O'Brien", repr(float(rows["exposure"]["3"])), rows["status"]["3"]],
        ["6", "SIM <6> & co", "0", rows["status"]["6"]],
    ]


def test_overflow_by_maxrec(service):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pyvo.dal.DALOverflowWarning)
        cut = service.run_sync("SELECT name FROM csc", maxrec=100)
    assert (cut.query_status, len(cut)) == ("OVERFLOW", 100)
    whole = service.run_sync("SELECT name FROM csc", maxrec=len(CSC))
    assert (whole.query_status, len(whole)) == ("OK", len(CSC))
    top = service.run_sync("SELECT TOP 100 name FROM csc", maxrec=100)
    assert (top.query_status, len(top)) == ("OK", 100)


def test_default_limit_overflows_unless_top_is_larger(session, base):
    def count(selected, form, mark):
        query = {"QUERY": f"SELECT {selected} FROM csc, fermilpsc f", "FORMAT": form}
        answer = session.get(f"{base}tap/sync", params=query).text
        return answer.count(mark), 'value="OVERFLOW"' in answer

    assert count("f.analysis_flags", "votable/td", "<TR>") == (100_000, True)
    assert count("TOP 100002 f.analysis_flags", "votable/td", "<TR>") == (100_002, False)


def test_maxrec_0_describes_the_columns(session, base):
    answer = session.get(
        f"{base}tap/sync", params={"QUERY": "SELECT name, ra FROM csc", "MAXREC": "0"}
    )
    votable = Table.read(io.BytesIO(answer.content), format="votable")
    assert votable.colnames == ["name", "ra"]
    assert len(votable) == 0
    assert 'value="OVERFLOW"' in answer.text


def test_order_differs_between_identical_queries(service):
    first, second = (
        service.run_sync("SELECT name FROM csc").to_table()["name"].tolist() for _ in range(2)
    )
    assert first != second
    assert sorted(first) == sorted(second) == CSC["name"].tolist()


@mark.parametrize(
    ("parameters", "reason"),
    [
        ({"QUERY": "SELECT nme FROM csc"}, "unknown column nme"),
        ({"QUERY": "SELECT <x> FROM csc"}, "syntax error"),
        ({}, "QUERY is missing"),
        ({"QUERY": "SELECT ra FROM csc", "LANG": "SQL"}, "LANG=SQL is not supported"),
        ({"QUERY": "SELECT ra FROM csc", "FORMAT": "fits"}, "RESPONSEFORMAT=fits"),
        ({"QUERY": "SELECT ra FROM csc", "MAXREC": "-1"}, "MAXREC=-1"),
        ({"QUERY": "SELECT ra FROM csc", "REQUEST": "x"}, "REQUEST=x is not supported"),
        ({"QUERY": "SELECT 1", "UPLOAD": "t,http://x.invalid/t"}, "inline name,param:part is"),
        ({"QUERY": "SELECT 1", "UPLOAD": "t,param:t"}, "no part called t"),
    ],
)
def test_errors_are_votables(session, base, parameters, reason):
    answer = session.post(f"{base}tap/sync", data=parameters)
    assert answer.status_code == 400
    with raises(pyvo.dal.DALQueryError, match=reason):
        pyvo.dal.TAPResults(pyvo.dal.query.votableparse(io.BytesIO(answer.content).read))


def test_pyvo_raises_what_the_service_says(service):
    with raises(pyvo.dal.DALQueryError, match="unknown table nowhere"):
        service.run_sync("SELECT * FROM nowhere")


@mark.parametrize("lang", ["ADQL", "ADQL-2.0", "adql-2.1"])
def test_languages(session, base, lang):
    query = {"QUERY": "SELECT TOP 1 ra FROM csc", "LANG": lang}
    assert session.get(f"{base}heasarc/tap/sync", params=query).status_code == 200


def test_unknown_addresses(session, base):
    for path in ("", "nowhere", "tap/nowhere", "tap/sync/deeper", "tap/async/77", "taps/sync"):
        assert session.get(f"{base}{path}").status_code == 404


def test_vosi(service, session, base):
    assert "<vosi:available>true<" in session.get(f"{base}tap/availability").text
    capability = service.get_tap_capability()
    assert [str(method.ivo_id) for method in service.upload_methods] == [
        "ivo://ivoa.net/std/TAPRegExt#upload-inline"
    ]
    assert service.maxrec == 100_000
    language = capability.get_adql()
    forms = [form.form for features in language.languagefeaturelists for form in features]
    assert {"POINT", "CIRCLE", "CONTAINS", "DISTANCE", "WITH", "CAST", "OFFSET"} <= set(forms)
    tables = session.get(f"{base}gaia/tap/tables")
    parsed = pyvo.io.vosi.parse_tables(io.BytesIO(tables.content).read)
    names = [table.name for table in parsed.iter_tables()]
    assert "gaiadr3.gaia_source" in names
    assert "csc" not in names
    table = parsed.get_table_by_name("gaiadr3.gaia_source")
    assert [(column.name, column.unit) for column in table.columns][:2] == [
        ("source_id", None),
        ("ra", "deg"),
    ]
    (key,) = parsed.get_table_by_name("TAP_SCHEMA.columns").foreignkeys
    assert key.targettable == "TAP_SCHEMA.tables"
    assert [(pair.fromcolumn, pair.targetcolumn) for pair in key.fkcolumns] == [
        ("table_name", "table_name")
    ]
    one = session.get(f"{base}tap/tables/csc")
    assert one.status_code == 200
    assert "b_flux_ap" in one.text
    assert "<column" not in session.get(f"{base}tap/tables?detail=min").text


def uploaded():
    return Table(
        {
            "row_id": np.array([2**62 + 1, 2**53 + 1, -7], dtype=np.int64),
            "RA": [CSC["ra"][0], CSC["ra"][1], 0.0],
            "dec": [CSC["dec"][0], CSC["dec"][1], 0.0],
            "radius_deg": MaskedColumn([1e-4, 1e-4, 0.0], mask=[False, False, True]),
            "label": ["a  ", "b'<", ""],
            "flag": [True, False, True],
            "n": MaskedColumn(np.array([5, 6, 7], dtype=np.int64), mask=[False, True, False]),
        },
        units={"RA": "deg"},
    )


@mark.parametrize("mode", ["sync", "async"])
def test_uploads(service, mode):
    run = service.run_sync if mode == "sync" else service.run_async
    echo = run("SELECT * FROM tap_upload.T1 AS t", uploads={"t1": uploaded()}).to_table()
    assert echo.colnames == uploaded().colnames
    assert echo["row_id"].tolist() == [2**62 + 1, 2**53 + 1, -7]
    assert echo["radius_deg"].tolist() == [1e-4, 1e-4, None]
    assert echo["n"].tolist() == [5, None, 7]
    assert echo["flag"].tolist() == [True, False, True]
    assert str(echo["RA"].unit) == "deg"
    joined = run(
        "SELECT t.row_id AS i, c.name AS name FROM csc AS c, TAP_UPLOAD.t1 AS t WHERE"
        " 1=CONTAINS(POINT('ICRS', c.ra, c.dec), CIRCLE('ICRS', t.ra, t.dec, t.radius_deg))"
        " ORDER BY i",
        uploads={"t1": uploaded()},
    ).to_table()
    assert joined["i"].tolist() == [2**53 + 1, 2**62 + 1]
    assert joined["name"].tolist() == [CSC["name"][1], CSC["name"][0]]


@mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_uploads_in_every_serialisation(session, base, form):
    table = uploaded()["row_id", "RA", "label"]
    document = io.BytesIO()
    table.write(document, format="votable", tabledata_format=form)
    answer = session.post(
        f"{base}tap/sync",
        data={"QUERY": "SELECT row_id, ra, label FROM tap_upload.x", "UPLOAD": "x,param:file1"},
        files={"file1": ("x.vot", document.getvalue())},
    )
    echo = Table.read(io.BytesIO(answer.content), format="votable")
    assert echo["row_id"].tolist() == table["row_id"].tolist()
    assert echo["RA"].tolist() == table["RA"].tolist()
    assert [text.strip() for text in echo["label"]] == ["a", "b'<", ""]


@mark.parametrize(
    ("content", "reason"),
    [
        (b"no table", "is not a VOTable"),
        (b'<VOTABLE><STREAM href="file:///etc/passwd"/></VOTABLE>', "must stand in the VOTable"),
    ],
)
def test_bad_uploads(session, base, content, reason):
    answer = session.post(
        f"{base}tap/sync",
        data={"QUERY": "SELECT * FROM tap_upload.x", "UPLOAD": "x,param:x"},
        files={"x": ("x.vot", content)},
    )
    assert answer.status_code == 400
    assert reason in answer.text


def test_chunked_body(session, port_url):
    body = (piece for piece in (b"QUERY=SELECT+TOP+2", b"+name+FROM+csc", b"&FORMAT=csv"))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = session.post(f"{port_url}tap/sync", data=body, headers=headers)
    assert len(answer.text.splitlines()) == 3


def test_several_processes_share_a_file(database):
    script = (
        "import sys, requests\n"
        "from xgamma.demo.server.transport import InProcessAdapter\n"
        "with requests.Session() as session:\n"
        "    session.mount('http://demo.invalid/', InProcessAdapter(sys.argv[1]))\n"
        "    query = {'QUERY': 'SELECT COUNT(*) FROM csc', 'FORMAT': 'csv'}\n"
        "    answer = session.get('http://demo.invalid/heasarc/tap/sync', params=query)\n"
        "    print(answer.text.split()[1])\n"
    )
    command = [sys.executable, "-c", script, str(database)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as first,
        subprocess.Popen(command, stdout=subprocess.PIPE) as second,
    ):
        for process in (first, second):
            assert process.communicate()[0].split() == [str(len(CSC)).encode()]


def test_importing_the_transport_is_light():
    script = (
        "import sys, xgamma.demo.server.transport\n"
        "heavy = {'duckdb', 'sqlglot', 'pyarrow', 'pandas', 'astropy', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert output.stdout.strip() == b"[]"


def test_missing_file_is_an_error_that_says_so(tmp_path, capsys):
    with contextlib.closing(requests.Session()) as session:
        session.mount(DEMO_URL, InProcessAdapter(tmp_path / "none.duckdb"))
        service = pyvo.dal.TAPService(f"{DEMO_URL}tap", session=session)
        with raises(pyvo.dal.DALQueryError, match=r"none\.duckdb does not exist"):
            service.run_sync("SELECT * FROM csc")
    path = str(tmp_path / "none.duckdb")
    assert main(["serve", "--database", path, "--port", "0"]) == 1
    assert f"{path} does not exist" in capsys.readouterr().err
