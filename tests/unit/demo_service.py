"""The demo service for tests: in the process, and the same application on a port."""

from __future__ import annotations

import gc
import threading

import pyvo
import requests
from pytest import fixture
from small_archive import make_frames, write_archive

from xgamma.config.check import DEMO_URL
from xgamma.demo.__main__ import make_tap_server
from xgamma.demo.server.transport import InProcessAdapter


@fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "sky.duckdb"
    write_archive(path, make_frames())
    return path


@fixture(scope="module")
def port_url(database):
    """The same application behind a real port."""
    with make_tap_server(database, "127.0.0.1", 0) as server:
        server.RequestHandlerClass.log_message = lambda *_: None
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@fixture(scope="module", params=["in process", "port"])
def base(request):
    return DEMO_URL if request.param == "in process" else request.getfixturevalue("port_url")


@fixture(scope="module")
def session(database):
    with requests.Session() as session:
        session.trust_env = False
        session.mount(DEMO_URL, InProcessAdapter(database))
        yield session
    # pyvo leaves the streams of refused requests to the garbage collector
    gc.collect()


@fixture
def service(session, base):
    return pyvo.dal.TAPService(f"{base}tap", session=session)
