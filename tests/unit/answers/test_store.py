"""Every answer kept as it came, found again, and never taken for what it is not."""

import gzip
import hashlib
import io
import json
import re
import threading

import pandas as pd
import pytest
from asking import MODES, ONE_ROW, client_of, refusal
from astropy.table import Table
from fake_tap import FakeTap, Field, Reply, votable

from xgamma.answers.store import AnswerStore, query_key
from xgamma.archive.client import TapClient
from xgamma.errors import XgammaError

ADQL = "SELECT n, t FROM t"
BODY = votable(
    Field("n", "long", [2**53 + 1, None], "s", null="-9"), Field("t", "unicodeChar", ["Ψ", ""])
).replace(b"<VOTABLE", b'\xef\xbb\xbf<?xml version="1.0"?>\r\n<VOTABLE', 1)


def keys_of(folder):
    """The questions that are answered there, sorted."""
    return sorted(path.stem for path in folder.glob("queries/*/*.json"))


@pytest.fixture
def kept(fake_tap, tmp_path):
    """A client that keeps what it is told, after one query."""
    fake_tap.answer = lambda *_: BODY
    client = client_of(fake_tap, answers=tmp_path / "answers")
    client.query(ADQL)
    return client


def replaying(fake_tap, tmp_path, **options):
    return client_of(fake_tap, answers=tmp_path / "answers", replay=True, **options)


def refused(client, adql):
    """What is said of an answer that is not there: it names the file, not the service."""
    return refusal(client, adql, names="kept answers: ")


def files_of(tmp_path):
    return {p for p in (tmp_path / "answers").rglob("*") if p.is_file()}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coded", [False, True])
def test_bytes_are_kept_as_they_came(fake_tap, tmp_path, mode, coded):
    reply = Reply(gzip.compress(BODY), headers={"Content-Encoding": "gzip"}) if coded else BODY
    fake_tap.answer = lambda *_: reply
    record = client_of(fake_tap, mode=mode, answers=tmp_path / "answers").query(ADQL).record
    digest = hashlib.sha256(BODY).hexdigest()
    assert (record["body"], record["bytes"], record["rows"]) == (digest, len(BODY), 2)
    body = tmp_path / f"answers/bodies/{digest[:2]}/{digest}.gz"
    noted = tmp_path / f"answers/queries/{record['key'][:2]}/{record['key']}.json"
    assert files_of(tmp_path) == {body, noted}, "and nothing else, no half file"
    assert gzip.decompress(body.read_bytes()) == BODY
    assert body.read_bytes()[3:8] == bytes(5), "no name and no time in it"
    assert json.loads(noted.read_text()) == record
    found, again = AnswerStore(tmp_path / "answers").find(record["key"])
    found.stream.seek(0)
    assert (found.stream.read(), found.sha256, again) == (BODY, digest, record)
    assert keys_of(tmp_path / "answers") == [record["key"]]
    assert AnswerStore(tmp_path / "answers").files_of(record["key"]) == [noted, body]


def test_a_record_says_what_was_asked_and_how_it_came(kept, fake_tap):
    record = kept.query(ADQL, {"u": Table({"a": [1]})}).record
    assert {*record} == {
        *("key", "service", "url", "mirror", "mode", "adql", "uploads", "rows", "attempts"),
        *("started", "seconds", "bytes", "body", "server"),
    }
    assert (record["service"], record["url"], record["mirror"]) == ("heasarc", fake_tap.url, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record["started"])
    assert re.fullmatch("[0-9a-f]{64}", record["uploads"]["u"])
    assert record["seconds"] >= 0 and record["server"]["Server"].startswith("BaseHTTP")
    json.dumps(record, allow_nan=False)


def test_a_service_says_who_it_is(fake_tap):
    """INFO elements: what a provenance can name, within bounds."""
    infos = '<INFO name="server" value="Xamin 5.2">of\n HEASARC</INFO>' + "".join(
        f'<INFO name="more{i}" value="{"x" * 5000}"/>' for i in range(100)
    )
    fake_tap.answer = lambda *_: ONE_ROW.replace(b"<TABLE>", infos.encode() + b"<TABLE>")
    said = client_of(fake_tap).query("SELECT 1").record["server"]
    assert said["server"] == "Xamin 5.2 of HEASARC" and "QUERY_STATUS" not in said
    assert len(said) <= 51 and max(map(len, said.values())) <= 300


@pytest.mark.parametrize("change", ["service", "url", "adql", "upload", "name of the upload"])
def test_every_question_has_its_own_answer(change):
    asked = {"service": "heasarc", "url": "http://a/tap", "adql": ADQL, "uploads": {"t": "00"}}
    other = {
        "service": {"service": "gaia"},
        "url": {"url": "http://b/tap"},
        "adql": {"adql": f"{ADQL} "},
        "upload": {"uploads": {"t": "01"}},
        "name of the upload": {"uploads": {"u": "00"}},
    }[change]
    assert query_key(**asked) != query_key(**asked | other)
    assert re.fullmatch("[0-9a-f]{64}", query_key(**asked))


def test_a_replay_asks_nobody(fake_tap, tmp_path):
    """The whole of a client's ways of asking, with the service gone."""
    tables = {"t": Table({"n": [2**53 + 1, 5]})}
    schema = ["table_name", "column_name", "datatype", "unit", "ucd", "description"]

    def answer(adql, uploads):
        if "TAP_SCHEMA" in adql:
            return votable(*(Field(name, "char", ["t"]) for name in schema))
        rows = uploads["t"]["n"].tolist() if uploads else [1, 2, 3]
        return votable(Field("n", "long", [len(rows)] if "COUNT" in adql else rows, "s"))

    def everything(client):
        return [
            client.query("SELECT n"),
            client.query("SELECT n", tables),
            client.query_counted("SELECT n AS m", "SELECT COUNT(*) AS n", tables),
            client.columns(["t"]),
        ]

    fake_tap.answer = answer
    first = everything(client_of(fake_tap, answers=tmp_path / "answers"))
    before = {path: path.read_bytes() for path in files_of(tmp_path)}
    asked = len(fake_tap.requests)
    fake_tap.close()
    client = replaying(fake_tap, tmp_path)
    again = everything(client)
    for one, other in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one.frame, other.frame)
        assert (one.units, one.record) == (other.units, other.record)
    assert again[1].frame["n"].tolist() == [2**53 + 1, 5]
    assert again[2].record["counted"] == 2 and len(again[2].record["count_key"]) == 64
    assert client.declares_upload() is None
    assert len(fake_tap.requests) == asked
    assert {path: path.read_bytes() for path in files_of(tmp_path)} == before


def test_the_time_of_a_query_is_not_in_its_answer(kept, fake_tap, tmp_path):
    """The same answer to the same question: the same file of bytes."""
    (body,) = (tmp_path / "answers/bodies").rglob("*.gz")
    first = body.read_bytes()
    body.unlink()
    kept.query(ADQL)
    assert body.read_bytes() == first


@pytest.mark.parametrize(
    "reply", [Reply(b"", 403), votable(Field("n", "long", [1]), status="OVERFLOW")]
)
def test_what_is_refused_is_not_kept(fake_tap, tmp_path, reply):
    fake_tap.answer = lambda *_: reply
    refusal(client_of(fake_tap, answers=tmp_path / "answers"))
    assert files_of(tmp_path) == set()


def spoil_record(path, **changes):
    record = json.loads(path.read_text())
    record.update(changes)
    path.write_text(json.dumps({k: v for k, v in record.items() if v != "gone"}))


def bomb(size):
    return gzip.compress(bytes(size), mtime=0)  # the same in every process, as it names a test


BODIES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "no gzip": lambda path: path.write_bytes(b"what is this"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "altered": lambda path: path.write_bytes(
        gzip.compress(BODY.replace(b"TABLEDATA", b"TABLEDATa"))
    ),
    "one bit": lambda path: path.write_bytes(
        b"".join(bytes([b ^ (i == 60)]) for i, b in enumerate(path.read_bytes()))
    ),
    "another's": lambda path: path.write_bytes(gzip.compress(ONE_ROW)),
    "bomb": lambda path: path.write_bytes(bomb(50_000_000)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
RECORDS = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_text(""),
    "cut": lambda path: path.write_text(path.read_text()[:-30]),
    "no object": lambda path: path.write_text("[]"),
    "no UTF-8": lambda path: path.write_bytes(b"\xff" + path.read_bytes()),
    "another key": lambda path: spoil_record(path, key="0" * 64),
    "no body": lambda path: spoil_record(path, body="gone"),
    "no digest": lambda path: spoil_record(path, body="../" * 20 + "abcd"),
    "no bytes": lambda path: spoil_record(path, bytes="gone"),
    "bytes without an end": lambda path: spoil_record(path, bytes=float("inf")),
    "no url": lambda path: spoil_record(path, url="gone"),
    "a list for a url": lambda path: spoil_record(path, url=[]),
    "a number for a mirror": lambda path: spoil_record(path, mirror=5),
    "no query": lambda path: spoil_record(path, adql="gone"),
    "nested without end": lambda path: path.write_text("[" * 100_000),
}
SPOILT = [(f"bodies/{how}", spoil) for how, spoil in BODIES.items()] + [
    (f"queries/{how}", spoil) for how, spoil in RECORDS.items()
]


@pytest.mark.parametrize(("how", "spoil"), SPOILT, ids=[how for how, _ in SPOILT])
def test_a_kept_answer_that_is_missing_or_damaged_is_named(kept, fake_tap, tmp_path, how, spoil):
    kind, how = how.split("/")
    (path,) = (p for p in files_of(tmp_path) if kind in p.parts)
    spoil(path)
    what = "missing" if how == "missing" else "damaged"
    said = refused(replaying(fake_tap, tmp_path), ADQL)
    assert said == (
        f"kept answers: {path} is {what}; fetch it anew by a run on the archive itself, "
        f"or unpack the bundle again; the query was: {ADQL}"
    )
    assert len(fake_tap.requests) == 1, "of the first run: a replay fetches nothing"


def test_a_bomb_is_not_unpacked_beyond_what_was_received(kept, fake_tap, tmp_path, monkeypatch):
    (body,) = (tmp_path / "answers/bodies").rglob("*.gz")
    BODIES["bomb"](body)
    written = []

    class Counted(io.BytesIO):
        def write(self, chunk):
            written.append(len(chunk))

    monkeypatch.setattr("xgamma.answers.store.tempfile.SpooledTemporaryFile", lambda **_: Counted())
    assert "is damaged" in refused(replaying(fake_tap, tmp_path), ADQL)
    assert sum(written) <= len(BODY)


def test_a_question_that_was_not_asked_has_no_answer(kept, fake_tap, tmp_path):
    said = refused(replaying(fake_tap, tmp_path), "SELECT other\nFROM t")
    assert "is missing; fetch it anew" in said and said.endswith("query was: SELECT other FROM t")


def test_a_kept_answer_that_is_too_large_is_not_unpacked(kept, fake_tap, tmp_path):
    """With its right size and digest: somebody else's bundle may hold anything."""
    record, body = AnswerStore(tmp_path / "answers").files_of(keys_of(tmp_path / "answers")[0])
    large = bytes(5_000_000)
    digest = hashlib.sha256(large).hexdigest()
    spoil_record(record, body=digest, bytes=len(large))
    path = body.parent.parent / digest[:2] / f"{digest}.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(large))
    said = refused(replaying(fake_tap, tmp_path, max_bytes=1e6), ADQL)
    assert f"{path} has 5000000 bytes, which is more than tap.max_bytes in the config" in said


@pytest.mark.parametrize(
    "body", [b"<html>", votable(), bomb(10)], ids=["a web page", "no column", "a packed file"]
)
def test_a_kept_answer_that_is_no_table(kept, fake_tap, tmp_path, body):
    record, path = AnswerStore(tmp_path / "answers").files_of(keys_of(tmp_path / "answers")[0])
    digest = hashlib.sha256(body).hexdigest()
    spoil_record(record, body=digest, bytes=len(body))
    other = path.parent.parent / digest[:2] / f"{digest}.gz"
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(gzip.compress(body))
    assert refused(replaying(fake_tap, tmp_path), ADQL).startswith("kept answers: heasarc: ")


@pytest.mark.parametrize("how", [how for how in BODIES if how != "a folder"])
def test_a_run_on_the_archive_repairs_what_is_damaged(kept, fake_tap, tmp_path, how):
    (body,) = (tmp_path / "answers/bodies").rglob("*.gz")
    BODIES[how](body)
    kept.query(ADQL)
    assert len(replaying(fake_tap, tmp_path).query(ADQL).frame) == 2


def test_the_same_answer_is_kept_once(kept, fake_tap, tmp_path):
    kept.query(f"{ADQL} -- again")
    assert len(list((tmp_path / "answers/bodies").rglob("*.gz"))) == 1
    assert len(keys_of(tmp_path / "answers")) == 2


@pytest.mark.parametrize("same_question", [True, False])
def test_many_keep_the_same_bytes_at_once(kept, tmp_path, same_question):
    """Two jobs may ask the same, or be told the same."""
    store = AnswerStore(tmp_path / "answers")
    body, record = store.find(keys_of(store.folder)[0])
    body.stream.seek(0)
    content, wrong = body.stream.read(), []

    def keep(number):
        for _ in range(15):
            mine = {**record, "key": record["key"] if same_question else f"{number:064x}"}
            try:
                AnswerStore(tmp_path / "answers").keep(io.BytesIO(content), mine)
                AnswerStore(tmp_path / "answers").find(mine["key"])
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(6)]
    for path in (tmp_path / "answers/bodies").rglob("*.gz"):
        path.unlink()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(keys_of(store.folder)) == (1 if same_question else 7)
    assert not [path for path in files_of(tmp_path) if path.name.endswith(".part")]


def test_a_full_disk_leaves_no_half_answer(fake_tap, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xgamma.answers.store.shutil.copyfileobj", full)
    fake_tap.answer = lambda *_: BODY
    with pytest.raises(OSError, match="No space left"):
        client_of(fake_tap, answers=tmp_path / "answers").query(ADQL)
    assert files_of(tmp_path) == set()


def test_a_replay_needs_a_folder():
    with pytest.raises(XgammaError, match="heasarc: a replay needs the folder of the answers"):
        TapClient("heasarc", "http://archive.invalid/tap", replay=True)
    store = AnswerStore("nowhere at all")
    assert keys_of(store.folder) == []
    with pytest.raises(XgammaError, match=r"nowhere at all/queries/00/0+\.json is missing"):
        store.files_of("0" * 64)


def test_an_error_about_a_query_of_several_lines_is_one_line(tmp_path, fake_tap):
    message = refused(replaying(fake_tap, tmp_path), "SELECT n\n  FROM t\x1b[2J")
    assert message.endswith(r"; the query was: SELECT n FROM t\x1b[2J")


def test_the_demo_archive_is_replayed_without_its_sky(tmp_path):
    client = TapClient("gaia", "http://demo.invalid/tap", answers=tmp_path, replay=True)
    with pytest.raises(XgammaError, match="is missing"):
        client.query(ADQL)


def test_nothing_is_kept_where_nothing_shall_be(fake_tap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fake_tap.answer = lambda *_: BODY
    client_of(fake_tap, answers=None).query(ADQL)
    assert list(tmp_path.iterdir()) == [] and isinstance(fake_tap, FakeTap)
