"""What a user sees when the config is wrong or a service does not answer as it should."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator, Mapping

import pytest
from project_copy import ProjectCopy, Run, archive_at

pytestmark = pytest.mark.timeout(300)
PLAN = "plan run: abou"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> ProjectCopy:
    return ProjectCopy(tmp_path_factory.mktemp("errors") / "project")


@contextlib.contextmanager
def web_server(status: int, body: bytes, media_type: str) -> Iterator[str]:
    """A server on a free port that answers everything alike; gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def options(
    project: ProjectCopy,
    url: str | Mapping[str, str],
    name: str,
    *,
    whole: bool = False,
    **tap: float,
) -> list[str]:
    """Of a run with an archive `name`, all of whose services are at `url`, or each at its own.

    HEASARC is asked only, or all are.
    """
    archive = archive_at("" if isinstance(url, Mapping) else url, one_service=True, max_requests=1)
    for service, address in url.items() if isinstance(url, Mapping) else ():
        archive["services"][service]["url"] = address
    settings = {
        "archive": name,
        "archives": {name: archive},
        "tap": {"timeout_s": 5, "deadline_s": 10, "attempts": 1, **tap},
    }
    target = [] if whole else [f"results/{name}/services/heasarc.ecsv"]
    return [*target, "--configfile", project.configure(f"{name}.yaml", settings)]


def ask(project: ProjectCopy, url: str | Mapping[str, str], name: str, **how) -> Run:
    return project.run(*options(project, url, name, **how))


def said_of_each(run: Run) -> dict[str, str]:
    """Service -> what its job said when it failed; the end of the run says it again."""
    *said, last = [
        line
        for line in run.output.splitlines()
        # on a busy machine a job says that it still waits
        if line.startswith("xgamma: ") and not line.startswith("xgamma: waiting for ")
    ]
    jobs = len(run.jobs)
    assert last.startswith(f"xgamma: failed jobs: {jobs}, logs in results/")
    when_it_failed, at_the_end = sorted(said[:jobs]), said[jobs:]
    services = [re.match(r"xgamma: (\w+) ", line)[1] for line in when_it_failed]
    assert sorted(run.jobs) == [f"describe_service_{service}" for service in services]
    assert at_the_end == [
        line.replace("xgamma: ", f"xgamma: describe_service_{service}: ")
        for service, line in zip(services, when_it_failed, strict=True)
    ]
    return dict(zip(services, when_it_failed, strict=True))


def check_failed_plainly(project: ProjectCopy, run: Run, name: str) -> None:
    """No stack trace, and nothing made but the log that says why, and what was to be made."""
    assert run.returncode == 1, run.output
    assert "Traceback" not in run.output
    made = [
        path
        for path in project.results(name).rglob("*")
        if path.is_file() and path.parent.name not in ("logs", "benchmarks", "lineage")
    ]
    assert made == []


def test_nobody_listens(project):
    run = ask(project, "http://127.0.0.1:9/tap", "dead", whole=True)
    check_failed_plainly(project, run, "dead")
    said = said_of_each(run)
    assert list(said) == ["gaia", "heasarc", "irsa"]
    line = said["heasarc"]
    assert line.startswith(
        "xgamma: heasarc (http://127.0.0.1:9/tap) does not answer: connection refused"
    )
    assert "check its url in the config" in line


def test_no_network(project):
    """Names under .invalid are known nowhere: one line for three jobs that fail."""
    archive = archive_at("http://xgamma.invalid")
    for service in ("heasarc", "gaia", "irsa"):
        archive["services"][service]["url"] = f"http://{service}.invalid/tap"
    settings = {"archive": "offline", "archives": {"offline": archive}}
    run = project.run("--configfile", project.configure("offline.yaml", settings))
    check_failed_plainly(project, run, "offline")
    assert len(run.jobs) == 3
    assert [line for line in run.output.splitlines() if line.startswith("xgamma: ")] == [
        "xgamma: no network: gaia.invalid, heasarc.invalid, irsa.invalid are not known; connect "
        "this machine, or check the urls in the config (3 jobs)",
        "xgamma: failed jobs: 3, logs in results/offline/logs/; what is finished stays: the same "
        "command goes on from there",
    ]


def test_preflight_where_a_run_would_stop(project):
    """Each service has its line, and the command fails."""
    arguments = options(project, "http://127.0.0.1:9/tap", "unready", whole=True)
    run = project.run("preflight", *arguments)
    assert run.returncode == 1 and "Traceback" not in run.output
    report = project.results("unready") / "services/preflight.txt"
    lines = report.read_text(encoding="utf-8").splitlines()
    assert [line[:14] for line in lines] == [
        "STOP heasarc: ",
        "STOP gaia: no ",
        "STOP irsa: no ",
        PLAN,
    ]
    for line in lines[:3]:
        assert "no answer from http://127.0.0.1:9/tap: connection refused; in the config: " in line
    assert set(lines) <= set(run.output.splitlines()), "on the screen, too"
    path = "results/unready/services/preflight.txt"
    assert (
        f"xgamma: preflight: a run would stop: heasarc; gaia; irsa (the lines: {path})"
        in run.output
    )


def test_a_page_for_people_a_wrong_path_and_silence(project):
    """One of each; each job says of its service what is wrong with it."""
    page = b"<!doctype html><html><head><title>Welcome</title></head><body>Hello<br></body></html>"
    missing = b"<html><body><h1>Not Found</h1></body></html>"
    with (
        web_server(200, page, "text/html") as for_people,
        web_server(404, missing, "text/html") as lost,
        # a queue that nobody serves: the connection stands, and no byte ever comes
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        urls = {
            "heasarc": f"{for_people}/portal",
            "gaia": f"{lost}/tap",
            "irsa": f"http://127.0.0.1:{silent.getsockname()[1]}/tap",
        }
        run = ask(project, urls, "odd", whole=True, timeout_s=5)
    check_failed_plainly(project, run, "odd")
    line_of = said_of_each(run)
    assert f"heasarc ({urls['heasarc']})" in line_of["heasarc"]
    assert "check its url in the config" in line_of["heasarc"]
    assert f"gaia ({urls['gaia']})" in line_of["gaia"] and "404" in line_of["gaia"]
    assert f"irsa ({urls['irsa']}) does not answer: timed out" in line_of["irsa"]


def test_ctrl_c_is_no_failure(project):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/tap"
        # nor is what failed in an earlier run
        earlier = project.results("stopped") / "logs/crossmatch.error.json"
        earlier.parent.mkdir(parents=True)
        earlier.write_text('{"error": "down"}', encoding="utf-8")
        process = project.start(*options(project, url, "stopped", timeout_s=60, deadline_s=60))
        with silent.accept()[0]:
            os.killpg(process.pid, signal.SIGINT)
            output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    said = [line for line in output.splitlines() if line.startswith("xgamma: ")]
    log = "results/stopped/logs/describe_service_heasarc.log"
    assert said == [
        f"xgamma: interrupted (log: {log})",
        "xgamma: stopped, by you or for the reason above; what is finished stays: the same "
        "command goes on from there",
    ]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"sky": {"latitude_cut": 5}},
            "config: sky.latitude_cut is 5, but there is no such key; "
            "did you mean sky.latitude_cut_deg?",
        ),
        (
            {"archive": "dmeo"},
            "config: archive is 'dmeo'; the archives are demo, live, replay; did you mean demo?",
        ),
    ],
)
def test_wrong_config(project, settings, line):
    run = project.run("--configfile", project.configure("wrong.yaml", settings))
    assert run.returncode == 1
    assert run.jobs == []
    assert "Traceback" not in run.output
    (shown,) = (text for text in run.output.splitlines() if text.startswith("config: "))
    assert shown.startswith(line)
    assert "Error" not in run.output


def test_wrong_config_files(project, tmp_path):
    """Before Snakemake reads config.yaml, which ended in a traceback, and takes the last key."""
    other = ProjectCopy(tmp_path / "project", project)
    path = other.folder / "config/config.yaml"
    path.write_bytes(path.read_bytes() + b"# Z\xfcrich\n")
    (other.folder / "twice.yaml").write_text("figures: {dpi: 50}\nfigures: {dpi: 60}\n")
    run = other.run("--configfile", "twice.yaml")
    assert run.returncode == 1 and run.jobs == []
    assert "Traceback" not in run.output and "Error" not in run.output
    twice, not_utf8 = (text for text in run.output.splitlines() if text.startswith("config: "))
    assert "/twice.yaml: figures stands in line 1 and again in line 2; " in twice
    assert not_utf8.startswith("config: config/config.yaml, line ")


def test_no_home_that_can_be_written(project, tmp_path):
    """As in many containers; Snakemake ended in a traceback before it had read the Snakefile."""
    # nobody, root included, can make a folder in a file
    (tmp_path / "home").touch()
    process = project.start("--dry-run", HOME=str(tmp_path / "home"), XDG_CACHE_HOME="")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
