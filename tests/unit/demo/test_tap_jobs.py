"""Asynchronous queries of the demo service: the life of a job."""

from __future__ import annotations

import datetime
import subprocess
import sys
import threading
import time
import warnings

import pyvo
from pytest import approx, raises
from small_archive import make_frames

pytest_plugins = ["demo_service"]

CSC = make_frames()["csc"]

#: Takes far longer than a test may; only ever stopped.
ENDLESS = (
    "SELECT COUNT(*) FROM csc a, csc b, csc c, csc d"
    " WHERE SIN(a.ra) + SIN(b.ra) + SIN(c.ra) + SIN(d.ra) > 3.999999999"
)


def wait_for(job, phases, seconds=30):
    deadline = time.monotonic() + seconds
    while job.phase not in phases and time.monotonic() < deadline:
        time.sleep(0.02)
    return job.phase


def test_async_job_from_submit_to_delete(service, session):
    job = service.submit_job("SELECT name FROM csc ORDER BY name", maxrec=10)
    assert job.phase == "PENDING"
    assert job.url in [
        f"{service.baseurl}/async/{listed.jobid}" for listed in service.get_job_list()
    ]
    job.run().wait(timeout=20)
    assert job.phase == "COMPLETED"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pyvo.dal.DALOverflowWarning)
        result = job.fetch_result()
    assert result.query_status == "OVERFLOW"
    assert result.to_table()["name"].tolist() == CSC["name"].tolist()[:10]
    assert "QUERY=" not in job.url
    assert service.get_job(job.job_id).phase == "COMPLETED"
    url = job.url
    job.delete()
    assert session.get(url).status_code == 404


def test_async_parameters_can_change_until_it_runs(service, session):
    job = service.submit_job("SELECT nonsense")
    job.query = "SELECT COUNT(*) AS n FROM csc"
    answer = session.get(f"{job.url}/parameters")
    assert "COUNT(*)" in answer.text
    job.execution_duration = 33
    assert session.get(f"{job.url}/executionduration").text == "33"
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    text = tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ")
    session.post(f"{job.url}/destruction", data={"DESTRUCTION": text})
    assert session.get(f"{job.url}/destruction").text == text
    for empty in ("quote", "owner"):
        assert session.get(f"{job.url}/{empty}").text == ""
    assert session.get(f"{job.url}/results/result").status_code == 404
    session.post(f"{job.url}/phase", data={"PHASE": "RUN"})
    assert wait_for(job, ["COMPLETED"]) == "COMPLETED"
    assert "results/result" in session.get(f"{job.url}/results").text
    assert job.fetch_result()["n"].tolist() == [len(CSC)]
    assert session.post(f"{job.url}/parameters", data={"QUERY": "SELECT 1"}).status_code == 400
    assert session.delete(job.url).status_code == 200
    assert session.get(job.url).status_code == 404


def test_async_error(service, session):
    job = service.submit_job("SELECT nme FROM csc").run()
    assert wait_for(job, ["ERROR"]) == "ERROR"
    with raises(pyvo.dal.DALQueryError, match="unknown column nme"):
        job.raise_if_error()
    assert "unknown column nme" in session.get(f"{job.url}/error").text
    session.post(job.url, data={"ACTION": "DELETE"})
    assert session.get(job.url).status_code == 404


def test_async_abort_stops_the_query(service):
    job = service.submit_job(ENDLESS).run()
    assert wait_for(job, ["EXECUTING"]) == "EXECUTING"
    job.abort()
    assert job.phase == "ABORTED"
    following = service.run_async("SELECT COUNT(*) AS n FROM csc")
    assert following["n"].tolist() == [len(CSC)]
    job.delete()


def test_async_execution_duration_ends_in_abort(service):
    job = service.submit_job(ENDLESS)
    job.execution_duration = 1
    job.run()
    assert wait_for(job, ["ABORTED"]) == "ABORTED"
    job.delete()


def test_jobs_queue_and_wait_tells_of_changes(service, session):
    jobs = [service.submit_job(ENDLESS).run() for _ in range(3)]
    wait_for(jobs[1], ["EXECUTING"])
    assert wait_for(jobs[2], ["QUEUED"]) == "QUEUED"
    started = time.monotonic()
    session.get(jobs[2].url, params={"WAIT": "0.3"})
    assert time.monotonic() - started == approx(0.3, abs=0.25)
    aborting = threading.Timer(0.2, jobs[0].abort)
    aborting.start()
    started = time.monotonic()
    document = session.get(jobs[2].url, params={"WAIT": "20", "PHASE": "QUEUED"}).text
    assert time.monotonic() - started < 10
    aborting.join()
    assert "EXECUTING" in document
    listing = session.get(f"{service.baseurl}/async", params={"PHASE": "ABORTED"}).text
    assert f'id="{jobs[0].job_id}"' in listing
    assert f'id="{jobs[1].job_id}"' not in listing
    for job in jobs:
        job.delete()


def test_limits_and_name_given_at_creation(service, session):
    """A client that never learns its job's address can find it, and need not clean up."""
    url = f"{service.baseurl}/async"
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=15)
    limits = {
        "RUNID": "lost & found",
        "DESTRUCTION": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "EXECUTIONDURATION": "77",
    }
    query = {"QUERY": "SELECT COUNT(*) AS n FROM csc", "PHASE": "RUN"}
    posted = session.post(url, data={**query, **limits}, allow_redirects=False)
    (found,) = [job for job in service.get_job_list() if job.runid == "lost & found"]
    job = service.get_job(found.jobid)
    assert posted.headers["Location"] == f"{url}/{found.jobid}"
    assert session.get(f"{url}/{found.jobid}/destruction").text == limits["DESTRUCTION"]
    assert job.executionduration.value == 77
    before = len(service.get_job_list())
    for name, wrong in [("DESTRUCTION", "soon"), ("EXECUTIONDURATION", "1 h")]:
        refused = session.post(url, data={**query, name: wrong})
        assert refused.status_code == 400
        assert f"{name}={wrong} is not a" in refused.text
    assert len(service.get_job_list()) == before
    session.delete(posted.headers["Location"])


def test_the_list_of_jobs_since_a_time(service, session):
    job = service.submit_job("SELECT COUNT(*) AS n FROM csc")
    created = service.get_job(job.job_id).creationtime.to_datetime(timezone=datetime.UTC)
    for seconds, is_listed in [(-1, True), (0, False), (3600, False)]:
        after = (created + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        listing = session.get(f"{service.baseurl}/async", params={"AFTER": after}).text
        assert (f'id="{job.job_id}"' in listing) == is_listed, seconds
    refused = session.get(f"{service.baseurl}/async", params={"AFTER": "lately"})
    assert refused.status_code == 400
    assert "AFTER=lately is not a time" in refused.text
    job.delete()


def test_jobs_end_with_their_destruction_time(service, session):
    job = service.submit_job("SELECT COUNT(*) FROM csc")
    session.post(f"{job.url}/destruction", data={"DESTRUCTION": "2001-01-01T00:00:00Z"})
    assert session.get(job.url).status_code == 404


def test_a_process_ends_while_its_job_runs(database):
    script = (
        "import sys, requests\n"
        "from xgamma.demo.server.transport import InProcessAdapter\n"
        "with requests.Session() as session:\n"
        "    session.mount('http://demo.invalid/', InProcessAdapter(sys.argv[1]))\n"
        "    url = 'http://demo.invalid/tap/async'\n"
        "    job = session.post(url, data={'QUERY': sys.argv[2], 'PHASE': 'RUN'})\n"
        "    while session.get(f'{job.url}/phase').text != 'EXECUTING':\n"
        "        pass\n"
    )
    command = [sys.executable, "-c", script, str(database), ENDLESS]
    run = subprocess.run(command, capture_output=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, b"")
