"""STILTS' validator finds nothing wrong with the demo service but what is meant to be so."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path

import pytest

from xgamma.demo.__main__ import make_tap_server
from xgamma.demo.server.service import SERVICES
from xgamma.demo.sky.build import build_sky

RESOURCE = Path(__file__).parents[2] / "resources" / "4fgl_dr4_v35.ecsv.gz"

#: Errors that stay, by a pattern for the whole line, with the reason.
ALLOWED = {
    r"E-CAP-KEYX-\d+ Unknown standard feature key .*#features-adql-conditional.*": (
        "a group of features of ADQL 2.1 that STILTS 3.4.7 does not know"
    ),
    r"E-CAP-MUPM-\d+ Mandatory upload method .*#upload-http not declared.*": (
        "the demo archive takes uploads from the request only: it never opens addresses"
    ),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A small sky, served on a free port."""
    path = tmp_path_factory.mktemp("sky") / "sky.duckdb"
    build_sky(path, size="small", seed=4, resource=RESOURCE)
    with make_tap_server(path, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.integration
@pytest.mark.parametrize("service", SERVICES)
def test_taplint(url, service):
    """Needs STILTS: ``apt-get install stilts``."""
    command = ["stilts", "taplint", f"tapurl={url}{service}", "maxrepeat=1000", "report=EF"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=110)
    totals = re.search(r"Totals: Errors: (\d+);", run.stdout)
    assert totals, run.stdout + run.stderr
    errors = [line for line in run.stdout.splitlines() if line.startswith("E-")]
    assert len(errors) == int(totals.group(1))
    unexpected = [
        line for line in errors if not any(re.fullmatch(known, line) for known in ALLOWED)
    ]
    assert unexpected == []
