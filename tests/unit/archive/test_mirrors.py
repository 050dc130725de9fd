"""A service that is down and one that holds the same rows under other names."""

import re

import pandas as pd
import pytest
from asking import ONE_ROW, answers, refusal
from astropy.table import Table
from fake_tap import FakeTap, Field, Reply, Wire, error_document, votable

from xgamma.archive.client import ServiceDown, TapClient, TapError

#: What the two call the same, quoted as ADQL needs it.
OURS = {"table": "stars", "id": "source_id", "ra": "ra", "mag": "g_mag"}
THEIRS = {"table": '"X/1/stars"', "id": "Source", "ra": '"_RA"', "mag": "Gmag"}
IDS = [2**53 + 1, 4104196427943626625, 7]
MAP = {
    "stars": {
        "table": THEIRS["table"],
        "release": "DR3",
        "columns": {OURS[k]: THEIRS[k] for k in ("id", "ra", "mag")},
    }
}
SCHEMA = ["table_name", "column_name", "datatype", "unit", "ucd", "description"]


def service_with(names, rows=3, listed=()):
    """Answers in the words of `names`, and refuses all others."""

    def answer(adql, _uploads):
        if "TAP_SCHEMA" in adql:
            asked = re.findall("'([^']*)'", adql)
            lines = [line for line in listed if line[0] in asked]
            columns = zip(
                *(["", *SCHEMA], *((0, *one, "", "", "", "") for one in lines)), strict=True
            )
            return votable(*(Field(name, "char", values) for name, *values in [*columns][1:]))
        if f"FROM {names['table']}" not in adql:
            return Reply(error_document(f"no such table in {adql}"), 400)
        if adql.startswith("SELECT COUNT(*)"):
            return votable(Field("count", "long", [rows]))
        for name in re.findall(r"(\S+) AS ", adql):
            if name not in names.values():
                return Reply(error_document(f"no such column: {name}"), 400)
        return votable(
            Field("id", "long", IDS[:rows]),
            Field("ra", "double", [359.9, 0.1, 7.5][:rows], "deg"),
            Field("mag", "float", ["17.1", None, "3"][:rows], "mag"),
        )

    return answer


def rows_adql(names):
    id_, ra, mag = (names.column("stars", OURS[key]) for key in ("id", "ra", "mag"))
    return f"SELECT {id_} AS id, {ra} AS ra, {mag} AS mag FROM {names.table('stars')}"


def count_adql(names):
    return f"SELECT COUNT(*) AS n FROM {names.table('stars')}"


@pytest.fixture
def mirror(fake_tap):
    fake_tap.answer = service_with(THEIRS)
    return fake_tap


@pytest.mark.parametrize("known", [True, False])
def test_where_the_service_s_name_is_not_known_the_mirror_is_asked(mirror, pauses, caplog, known):
    """Without a network nothing is said but by the error; with one, who stands in."""
    caplog.set_level("WARNING")
    url = mirror.url if known else "http://mirror.invalid/tap"
    maps = [{"name": "m", "url": url, "mode": "sync", "tables": MAP}]
    client = TapClient("gaia", "http://gaia.invalid/tap", mirrors=maps)
    if known:
        assert client.query(rows_adql).record["mirror"] == "m"
        (warning,) = caplog.messages
        assert warning.startswith("gaia (http://gaia.invalid/tap) does not answer: its name is not")
        return
    with pytest.raises(ServiceDown) as caught:
        client.query(rows_adql)
    assert caught.value.unreachable == ("gaia.invalid", "mirror.invalid")
    assert caplog.messages == []


def test_a_mirror_that_is_down_shows_that_there_is_a_network(mirror, pauses):
    mirror.answer = lambda *_: Reply(b"busy", 503, "text/plain")
    maps = [{"name": "m", "url": mirror.url, "mode": "sync", "tables": MAP}]
    with pytest.raises(ServiceDown) as caught:
        TapClient("gaia", "http://gaia.invalid/tap", mirrors=maps).query(rows_adql)
    assert caught.value.unreachable == ()


@pytest.fixture
def first(mirror):
    """The configured service; `mirror` sets what both need."""
    service = FakeTap(service_with(OURS))
    yield service
    service.close()


def client_of(first, *mirrors, tables=MAP, mode="sync", **options):
    listed = [
        {"name": f"m{number}", "url": one.url, "mode": mode, "tables": tables}
        for number, one in enumerate(mirrors)
    ]
    return TapClient("heasarc", first.url, mirrors=listed, **options)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_mirror_gives_the_same_table_and_is_named(first, mirror, pauses, mode):
    undisturbed = client_of(first).query(rows_adql)
    first.close()
    answer = client_of(first, mirror, mode=mode, attempts=2).query(rows_adql)
    pd.testing.assert_frame_equal(answer.frame, undisturbed.frame)
    assert answer.units == undisturbed.units and answer.frame["id"].tolist() == IDS
    told = undisturbed.record, answer.record
    assert [r["mirror"] for r in told] == [None, "m0"]
    assert [r["url"] for r in told] == [first.url, mirror.url]
    assert answer.record["mode"] == mode
    # the question is the same, whoever answers, and it was put in the mirror's words
    assert told[0]["key"] == told[1]["key"]
    assert told[0]["adql"] == "SELECT source_id AS id, ra AS ra, g_mag AS mag FROM stars"
    assert told[1]["adql"] == ('SELECT Source AS id, "_RA" AS ra, Gmag AS mag FROM "X/1/stars"')
    assert mirror.jobs == {}


def test_a_mirror_is_not_asked_while_the_first_gets_through(first, mirror, pauses):
    first.answer = answers(Reply(b"", 503), Reply(b"", 503), first.answer("FROM stars", {}))
    assert client_of(first, mirror, attempts=3).query(rows_adql).record["mirror"] is None
    assert len(pauses) == 2 and mirror.requests == []


@pytest.mark.parametrize(
    "down", [Reply(b"", 503), Reply(b"", 429), Reply(b"<html>", 200), Reply(ONE_ROW[:90]), Wire(())]
)
def test_a_mirror_is_asked_when_the_first_is_down_after_its_retries(
    first, mirror, pauses, caplog, down
):
    first.answer = lambda *_: down
    client = client_of(first, mirror, attempts=3)
    assert client.query(rows_adql).record["mirror"] == "m0"
    assert len(first.queries) == 3
    assert f"heasarc ({first.url}) does not answer: " in caplog.text, "one is told of it"
    # and at once from then on
    assert client.query(rows_adql).record["mirror"] == "m0"
    assert len(first.queries) == 3 and len(mirror.queries) == 2


@pytest.mark.parametrize(
    "limits", [{"timeout_s": 0.4, "sync_timeout_s": 0.4}, {"timeout_s": 9, "deadline_s": 0.4}]
)
def test_a_mirror_is_asked_when_the_first_hangs(first, mirror, limits):
    first.meddle = lambda *_: Wire([20.0])
    client = client_of(first, mirror, attempts=1, **limits)
    assert client.query(rows_adql).record["mirror"] == "m0"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(error_document("no such column"), 400), "refuses the query: no such column"),
        (Reply(error_document("query timed out")), "refuses the query: query timed out"),
        (Reply(b"", 404), "HTTP 404"),
        (votable(Field("n", "long", [1]), status="OVERFLOW"), "cut its answer at 1 rows"),
        (votable(Field("n", "long", [1]), Field("N", "long", [1])), "two columns"),
        (votable(Field("t", "char", ["x" * 20_000])), "tap.max_bytes"),
    ],
)
def test_a_mirror_is_not_asked_for_what_is_no_outage(first, mirror, pauses, reply, said):
    """It would hide that the query, the config or the answer is wrong."""
    first.answer = lambda *_: reply
    assert said in refusal(client_of(first, mirror, attempts=2, max_bytes=10_000), rows_adql)
    assert mirror.requests == []


def without(column):
    entry = MAP["stars"]
    columns = {ours: theirs for ours, theirs in entry["columns"].items() if ours != column}
    return {"stars": {**entry, "columns": columns}}


@pytest.mark.parametrize(
    ("tables", "lacks"),
    [
        (without("g_mag"), "the map has no column stars.g_mag"),
        ({"galaxies": MAP["stars"]}, "the map has no table stars"),
    ],
)
def test_a_mirror_that_lacks_what_is_asked_is_refused(first, mirror, pauses, tables, lacks):
    first.close()
    said = refusal(client_of(first, mirror, tables=tables, attempts=2), rows_adql)
    assert said == (
        f"heasarc ({first.url}) does not answer: connection refused (asked 2 times); check its url "
        "in the config and the network, or run again later; the mirror m0 is not asked: "
        f"{lacks}; if the mirror has it, add it to the map in the config"
    )
    assert mirror.requests == []


def test_a_query_in_the_words_of_the_first_is_for_it_alone(first, mirror, pauses):
    first.close()
    said = refusal(client_of(first, mirror, attempts=2), "SELECT ra AS ra FROM stars")
    assert "the mirror m0 is not asked: the query is written in the first service's names" in said
    assert mirror.requests == []


def test_a_column_that_the_mirror_does_not_have_after_all(first, mirror, pauses):
    first.close()
    mirror.answer = service_with({**THEIRS, "mag": "Bmag"})
    said = refusal(client_of(first, mirror, attempts=2), rows_adql)
    assert f"heasarc ({mirror.url}) refuses the query: no such column: Gmag" in said


def counting(rows):
    return {"stars": {**MAP["stars"], "rows": rows}}


def test_a_mirror_of_another_release_is_refused(first, mirror, pauses):
    first.close()
    said = refusal(client_of(first, mirror, tables=counting(4), attempts=2), rows_adql)
    assert (
        'the mirror m0 is not asked: its table "X/1/stars" has 3 rows where the release has 4; if '
        "that changed, correct the map in the config"
    ) in said
    assert mirror.queries == ['SELECT COUNT(*) AS n FROM "X/1/stars"']


@pytest.mark.parametrize(
    "count",
    [Field("n", "long", ["-1"], null="-1"), Field("n", "char", ["?"]), Field("n", "long", [])],
)
def test_a_mirror_that_does_not_count_is_refused(first, mirror, pauses, count):
    first.close()
    mirror.answer = lambda *_: votable(count)
    said = refusal(client_of(first, mirror, tables=counting(3), attempts=2), rows_adql)
    assert 'its table "X/1/stars" has None rows where the release has 3' in said


def test_a_mirror_is_counted_once(first, mirror, pauses):
    first.close()
    client = client_of(first, mirror, tables=counting(3), attempts=2)
    for _ in range(3):
        client.query(rows_adql)
    assert [q.startswith("SELECT COUNT") for q in mirror.queries] == [True, False, False, False]


def test_a_count_goes_to_whom_it_is_a_count_of(first, mirror, pauses):
    first.close()
    answer = client_of(first, mirror, attempts=2).query_counted(rows_adql, count_adql)
    assert (answer.record["counted"], answer.record["mirror"]) == (3, "m0")
    assert mirror.queries == [
        'SELECT Source AS id, "_RA" AS ra, Gmag AS mag FROM "X/1/stars"',
        'SELECT COUNT(*) AS n FROM "X/1/stars"',
    ]
    assert len(pauses) == 1, "the first was not tried again for the count"


@pytest.mark.parametrize("others", [3, 5])
def test_rows_of_one_are_not_held_against_the_count_of_another(first, mirror, pauses, others):
    """Even where the numbers agree: the count would prove nothing of the rows."""
    mirror.answer = service_with(THEIRS, others)
    right = first.answer("SELECT FROM stars", {})
    first.answer = answers(right, Reply(b"", 503))
    with pytest.raises(TapError) as caught:
        client_of(first, mirror, attempts=1).query_counted(rows_adql, count_adql)
    assert str(caught.value).startswith(
        f"heasarc ({first.url}) gave 3 rows and {mirror.url} counts {others}: the answer was cut"
    )


def test_the_first_is_asked_again_when_the_mirror_fails(first, mirror, pauses):
    right = first.answer("SELECT FROM stars", {})
    first.answer = answers(Reply(b"", 503), right)
    client = client_of(first, mirror, attempts=1)
    assert client.query(rows_adql).record["mirror"] == "m0"
    mirror.close()
    assert client.query(rows_adql).record["mirror"] is None


@pytest.mark.parametrize("answered_before", [False, True])
def test_both_down_is_one_line_with_both_reasons(first, mirror, pauses, answered_before):
    first.answer = lambda *_: Reply(b"", 503)
    client = client_of(first, mirror, attempts=2)
    if answered_before:
        client.query(rows_adql)
    mirror.close()
    with pytest.raises(ServiceDown):
        client.query(rows_adql)
    said = refusal(client, rows_adql)
    advice = "check its url in the config and the network, or run again later"
    assert said == (
        f"heasarc ({first.url}) does not answer: HTTP 503 Service Unavailable (asked 2 times); "
        f"{advice}; nor its mirror: heasarc ({mirror.url}) does not answer: connection refused "
        f"(asked 2 times); {advice}"
    )


def test_mirrors_are_asked_in_their_order(first, mirror, pauses):
    second = FakeTap(service_with(THEIRS))
    first.close()
    mirror.answer = lambda *_: Reply(b"", 500)
    client = client_of(first, mirror, second, attempts=1)
    assert client.query(rows_adql).record["mirror"] == "m1"
    assert len(mirror.queries) == 1
    second.close()
    said = refusal(client, rows_adql)
    assert said.count("nor its mirror: ") == 2 and said.count("does not answer") == 3


#: table, column as each lists them.
LISTED = {
    "first": [("stars", "source_id"), ("stars", "ra"), ("stars", "g_mag"), ("other", "ra")],
    "mirror": [
        ("X/1/stars", "Source"),
        ("X/1/stars", '"_RA"'),
        ("X/1/stars", "gmag"),
        ("X/1/stars", "Plx"),
        ('"X/1/other"', "ra"),
    ],
}


def columns_of(client):
    frame = client.columns(["stars"]).frame
    return [*zip(frame["table"], frame["column"], strict=True)]


def test_columns_of_a_mirror_come_in_our_words(first, mirror, pauses, tmp_path):
    expected = [("stars", "g_mag"), ("stars", "ra"), ("stars", "source_id")]
    first.answer = service_with(OURS, listed=LISTED["first"])
    mirror.answer = service_with(THEIRS, listed=LISTED["mirror"])
    assert columns_of(client_of(first, mirror)) == expected
    assert mirror.requests == []
    first.close()
    assert columns_of(client_of(first, mirror, attempts=2, answers=tmp_path)) == expected
    # and told again, with nobody there
    mirror.close()
    replay = client_of(first, mirror, answers=tmp_path, replay=True)
    assert columns_of(replay) == expected
    with pytest.raises(TapError, match="kept answers: heasarc: the mirror m0 gave the columns"):
        columns_of(client_of(first, answers=tmp_path, replay=True))


def test_a_mirror_that_lists_what_was_not_asked(first, mirror, pauses):
    first.close()
    rows = [
        ("X/1/stars", "Source"),
        ("evil", "Source"),
        ("X/1/STARS", "Gmag"),
        ("X/1/stars", "\x1b"),
    ]
    columns = zip(SCHEMA, *((*one, "", "", "", "") for one in rows), strict=True)
    body = votable(*(Field(n, "unicodeChar", [v.strip("\x1b") for v in vs]) for n, *vs in columns))
    mirror.answer = lambda *_: body
    assert columns_of(client_of(first, mirror, attempts=2)) == [("stars", "source_id")]


def test_an_answer_of_a_mirror_is_kept_under_the_question(first, mirror, pauses, tmp_path):
    first.close()
    answer = client_of(first, mirror, attempts=2, answers=tmp_path).query(rows_adql)
    mirror.close()
    again = client_of(first, mirror, answers=tmp_path, replay=True).query(rows_adql)
    pd.testing.assert_frame_equal(answer.frame, again.frame)
    assert again.record == answer.record and again.record["mirror"] == "m0"


def test_uploads_go_to_the_mirror(first, mirror, pauses):

    seen = []

    def answer(adql, uploads):
        seen.append({name: table["a"].tolist() for name, table in uploads.items()})
        return service_with(THEIRS)(adql, uploads)

    first.close()
    mirror.answer = answer
    client_of(first, mirror, attempts=2).query(rows_adql, {"t": Table({"a": [2**53 + 1]})})
    assert seen == [{"t": [2**53 + 1]}]
