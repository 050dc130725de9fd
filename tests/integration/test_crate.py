"""The public validator of RO-Crates finds nothing wrong with the crate of a run.

It is roc-validator, installed from validator.lock into an environment of its own, and it works
without a network: the context of RO-Crate, which it would fetch, comes from the package rocrate.
"""

from __future__ import annotations

import importlib.resources
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from environments import environment_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

LOCK = Path(__file__).with_name("validator.lock")
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# Puts a file into the validator's HTTP cache as if it had come from an address.
FILL_CACHE = """\
import io, sys
import requests, requests_cache, urllib3

cache, address, path = sys.argv[1:]

class FromFile(requests.adapters.HTTPAdapter):
    def send(self, request, **options):
        body = io.BytesIO(open(path, "rb").read())
        headers = {"Content-Type": "application/ld+json"}
        found = urllib3.HTTPResponse(body, headers, 200, preload_content=False)
        return self.build_response(request, found)

session = requests_cache.CachedSession(cache, backend="sqlite", expire_after=-1)
session.mount("https://", FromFile())
headers = {"Accept": "application/ld+json, application/json"}
assert session.get(address, headers=headers).ok
"""
# Recommendations that are not followed, with the reason.
ALLOWED = {
    "The organization SHOULD have a URL.": "the maintainers have no page of their own",
}


class Validator:
    """roc-validator in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        environment_of(folder / "venv", LOCK)
        context = importlib.resources.files("rocrate") / "data/ro-crate.jsonld"
        self._must("python", "-c", FILL_CACHE, folder / "cache", CONTEXT, context)

    def _call(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess:
        command = [self._folder / "venv/bin" / program, *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def _must(self, *command: str | Path) -> None:
        done = self._call(*command)
        assert done.returncode == 0, done.stdout + done.stderr

    def issues(self, crate: Path) -> dict[str, str]:
        """What is wrong with a crate: message -> REQUIRED or RECOMMENDED."""
        report = self._folder / "report.json"
        report.unlink(missing_ok=True)
        done = self._call(
            "rocrate-validator", "-y", "validate", "--profile-identifier", "ro-crate-1.1",
            "--requirement-severity", "recommended", "--offline", "--cache-path",
            self._folder / "cache", "--output-format", "json", "--output-file", report, crate,
        )  # fmt: skip
        assert report.exists(), done.stdout + done.stderr
        found = json.loads(report.read_text(encoding="utf-8"))
        assert found["statistics"]["total_checks"] > 50
        return {issue["message"]: issue["severity"] for issue in found["issues"]}


@pytest.fixture(scope="module")
def validator(tmp_path_factory) -> Validator:
    return Validator(tmp_path_factory.mktemp("validator"))


def test_the_crate_of_a_run_is_valid(validator, demo_run):
    assert set(validator.issues(demo_run.project.results())) <= set(ALLOWED)


def test_the_validator_sees_what_is_wrong(validator, demo_run, tmp_path):
    """Without this, one that looks at nothing would pass too."""
    crate = tmp_path / "crate"
    shutil.copytree(demo_run.project.results(), crate)
    (crate / "tables/csc_fermi_pairs.ecsv").unlink()
    path = crate / "ro-crate-metadata.json"
    metadata = json.loads(path.read_text(encoding="utf-8"))
    (root,) = [entity for entity in metadata["@graph"] if entity["@id"] == "./"]
    del root["license"]
    path.write_text(json.dumps(metadata), encoding="utf-8")
    required = [m for m, severity in validator.issues(crate).items() if severity == "REQUIRED"]
    assert any("license" in message for message in required)
    assert any("csc_fermi_pairs.ecsv" in message for message in required)
