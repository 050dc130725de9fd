"""The client that the config describes: every field of it changes what the client does."""

import dataclasses
import time
from pathlib import Path

import pytest
import requests
from asking import MODES, ONE_ROW, refusal
from fake_tap import FakeTap, Field, Reply, votable
from small_archive import make_frames, write_archive

from xgamma.archive.connect import connect
from xgamma.config.archives import Archive, Mirror, Service
from xgamma.config.settings import Replay, Tap, load_config
from xgamma.errors import XgammaError

ADQL = "SELECT 1 AS n"
#: Of the archive, in the working directory.
RESULTS = Path("results/a")
BUSY = Reply(b"busy", 503, "text/plain")
MIRROR_TABLES = {"t": {"table": "other_t", "release": "1", "columns": {"n": "other_n"}}}


def settings_of(url, *, mode="sync", upload=True, tables=None, mirrors=(), replay_of=None, **tap):
    """The settings of an archive whose HEASARC is at `url`."""
    settings = load_config({})
    service = Service(
        url=url, mode=mode, upload=upload, tables=tables or {}, mirrors=tuple(mirrors)
    )
    return dataclasses.replace(
        settings,
        archive="replay" if replay_of else "a",
        replay=Replay(archive=replay_of or "demo"),
        archives={"a": Archive(simulated=False, services={"heasarc": service, "gaia": service})},
        tap=dataclasses.replace(settings.tap, **tap),
    )


def client_of(fake_tap, **settings):
    return connect(settings_of(fake_tap.url, **settings), "heasarc", results=RESULTS)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Answers are kept under the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def one_row(fake_tap):
    """A service that answers everything with one row."""
    fake_tap.answer = lambda *_: ONE_ROW
    return fake_tap


# the service


@pytest.mark.parametrize("mode", MODES)
def test_the_service_is_asked_at_its_url_in_its_mode(one_row, mode):
    answer = client_of(one_row, mode=mode).query(ADQL)
    assert (answer.record["service"], answer.record["url"]) == ("heasarc", one_row.url)
    assert answer.record["mode"] == mode
    assert len(one_row.asked("POST", f"/tap/{mode}")) == 1


@pytest.mark.parametrize("upload", [True, False])
def test_whether_the_service_takes_uploads(one_row, upload):
    assert client_of(one_row, upload=upload).upload is upload


def test_the_service_is_asked_in_the_words_that_its_map_has(one_row, folder):
    def ask(tables):
        client = client_of(one_row, tables=tables)
        return client.query(
            lambda names: f"SELECT {names.column('t', '_n')} FROM {names.table('t')}"
        )

    asked = ask({"t": {"table": '"I/1"', "columns": {"_n": "Num"}}}).record["adql"]
    assert asked == 'SELECT Num FROM "I/1"'
    assert ask({}).record["adql"] == 'SELECT "_n" FROM t'
    # what another map named is another question
    assert len(list((folder / RESULTS / "answers").rglob("*.json"))) == 2


def test_the_mirrors_are_asked_in_turn_in_their_modes_and_words(one_row, pauses):
    services = [FakeTap(lambda *_: BUSY) for _ in range(2)]
    mirrors = [
        Mirror("first", services[1].url, "sync", MIRROR_TABLES),
        Mirror("second", one_row.url, "async", MIRROR_TABLES),
    ]
    client = client_of(services[0], mirrors=mirrors, attempts=1)
    answer = client.query(lambda names: f"SELECT {names.column('t', 'n')} FROM {names.table('t')}")
    assert (answer.record["mirror"], answer.record["mode"]) == ("second", "async")
    assert answer.record["adql"] == "SELECT other_n FROM other_t"
    assert [len(service.asked("POST", "/tap/sync")) for service in services] == [1, 1]
    for service in services:
        service.close()


# patience and limits


def test_real_services_have_time_outs_beside_a_demo_sky(one_row, monkeypatch):
    """An archive may have some services simulated: the sky is given to all its clients."""
    timeouts = []
    send = requests.adapters.HTTPAdapter.send

    def record(self, request, *args, **kwargs):
        timeouts.append(kwargs.get("timeout"))
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", record)
    settings = settings_of(one_row.url, timeout_s=7, sync_timeout_s=9)
    client = connect(settings, "heasarc", "sky.duckdb")
    client.query(ADQL)
    client.declares_upload()
    # (to connect, to read): a synchronous answer begins when the query is done
    assert timeouts == [(7, 9), (7, 7)]


def test_the_deadline(fake_tap):
    def hang(*_):
        time.sleep(1.0)
        return ONE_ROW

    fake_tap.answer = hang
    started = time.monotonic()
    assert "its 0.2 s (tap.deadline_s in the config) are over" in refusal(
        client_of(fake_tap, deadline_s=0.2)
    )
    assert time.monotonic() - started < 0.9


@pytest.mark.parametrize("attempts", [1, 3])
def test_the_number_of_attempts(fake_tap, pauses, attempts):
    fake_tap.answer = lambda *_: BUSY
    refusal(client_of(fake_tap, attempts=attempts))
    assert len(fake_tap.asked("POST", "/tap/sync")) == attempts


@pytest.mark.parametrize(("limit", "unit"), [("max_bytes", "bytes"), ("max_rows", "rows")])
def test_what_an_answer_may_hold(fake_tap, limit, unit):
    fake_tap.answer = lambda *_: votable(Field("n", "long", range(100)))
    assert len(client_of(fake_tap, **{limit: 10**6}).query(ADQL).frame) == 100
    assert f"the answer has more than 99 {unit}; if that is right, raise tap.{limit}" in refusal(
        client_of(fake_tap, **{limit: 99})
    )


# kept answers


@pytest.mark.parametrize("reuse", [True, False])
def test_whether_trusted_answers_are_used_again(one_row, reuse):
    for _ in range(2):
        client = client_of(one_row, reuse=reuse)
        client.kept.trust([client.query(ADQL).record])
    assert len(one_row.queries) == (1 if reuse else 2)


def test_answers_are_kept_in_the_archives_folder_and_replayed_from_there(one_row, folder):
    kept = client_of(one_row).query(ADQL)
    assert len([*(folder / "results/a/answers/bodies").rglob("*.gz")]) == 1
    one_row.close()
    replaying = client_of(one_row, replay_of="a")
    again = replaying.query(ADQL)
    assert again.kept and again.record == kept.record and again.frame.equals(kept.frame)
    with pytest.raises(XgammaError, match=r"^kept answers: results/a/answers/queries/.*missing"):
        replaying.query("SELECT 2 AS n")


def test_answers_that_shall_not_be_kept_are_neither_kept_nor_used(one_row, folder):
    settings = settings_of(one_row.url, reuse=True)
    first = connect(settings, "heasarc", results=RESULTS)
    first.kept.trust([first.query(ADQL).record])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    asking_anew = connect(settings, "heasarc")
    answer = asking_anew.query(ADQL)
    asking_anew.kept.trust([answer.record])
    assert not answer.kept and len(one_row.queries) == 2
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


# the simulated sky


DEMO = "http://demo.invalid/heasarc/tap"


@pytest.fixture
def sky(folder):
    path = folder / "sky.duckdb"
    write_archive(path, make_frames())
    path.with_suffix(".json").write_text('{"seed": 1}')
    return path


def test_a_simulated_service_answers_from_the_sky(sky):
    answer = connect(settings_of(DEMO), "heasarc", str(sky)).query("SELECT COUNT(*) AS n FROM csc")
    assert answer.frame["n"].tolist() == [len(make_frames()["csc"])]


def test_a_simulated_service_needs_its_sky():
    with pytest.raises(XgammaError, match="is the demo archive, and its sky was not given"):
        connect(settings_of(DEMO), "heasarc")


def test_answers_of_another_sky_are_not_used_again(sky):
    settings = settings_of(DEMO, reuse=True)
    used_again = []
    for seed in (1, 1, 2):
        sky.with_suffix(".json").write_text(f'{{"seed": {seed}}}')
        client = connect(settings, "heasarc", str(sky), results=RESULTS)
        answer = client.query("SELECT COUNT(*) AS n FROM csc")
        client.kept.trust([answer.record])
        used_again.append(answer.kept)
    assert used_again == [False, True, False]


def test_a_simulated_service_is_replayed_without_its_sky(sky):
    adql = "SELECT COUNT(*) AS n FROM csc"
    kept = connect(settings_of(DEMO), "heasarc", str(sky), results=RESULTS).query(adql)
    sky.unlink()
    replay = settings_of(DEMO, replay_of="a")
    again = connect(replay, "heasarc", results=Path("results/replay")).query(adql)
    assert again.kept and again.record == kept.record


def test_no_field_is_left_out_of_these_tests():
    """A new one has to reach the client too, unless it is for Snakemake or for checks."""
    assert {field.name for field in dataclasses.fields(Service)} - {"max_requests", "releases"} == {
        *("url", "mode", "upload", "tables", "mirrors")
    }
    assert {field.name for field in dataclasses.fields(Tap)} == {
        *("timeout_s", "sync_timeout_s", "deadline_s", "attempts", "max_bytes", "max_rows"),
        "reuse",
    }
