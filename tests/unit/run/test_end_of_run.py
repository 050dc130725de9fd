"""The last words of a run, from what its jobs left in the results."""

import json
import os
import time

import pytest

from xgamma.run.end_of_run import failure_report, success_report

NEXT = "what is finished stays: the same command goes on from there"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder of a project, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fail(project, job, error, *unreachable):
    path = project / f"results/live/logs/{job}.error.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"error": error, "unreachable": unreachable}
    path.write_text(json.dumps(record), encoding="utf-8")


def report(project):
    return failure_report("results/live", project, since=time.time() - 60).splitlines()


def test_nothing_is_known_to_have_failed(project):
    assert report(project) == [f"xgamma: stopped, by you or for the reason above; {NEXT}"]


def test_each_failed_job_is_named_once(project):
    fail(project, "enrichment/gaia/a.01", "gaia (https://a/tap) does not answer")
    fail(project, "drift", "drift: a replay asks nobody")
    assert report(project) == [
        "xgamma: drift: a replay asks nobody",
        "xgamma: enrichment/gaia/a.01: gaia (https://a/tap) does not answer",
        f"xgamma: failed jobs: 2, logs in results/live/logs/; {NEXT}",
    ]


def test_without_a_network_one_line_names_all_hosts(project):
    fail(project, "describe_service_gaia", "its name", "gaia.invalid", "mirror.invalid")
    fail(project, "describe_service_irsa", "its name", "irsa.invalid", "mirror.invalid")
    for number in range(30):
        fail(project, f"enrichment/gaia/a.{number}", "its name", "gaia.invalid", "mirror.invalid")
    assert report(project) == [
        "xgamma: no network: gaia.invalid, irsa.invalid are not known (nor are their mirrors: "
        "mirror.invalid); connect this machine, or check the urls in the config (32 jobs)",
        f"xgamma: failed jobs: 32, logs in results/live/logs/; {NEXT}",
    ]


def test_one_name_that_is_not_known_may_be_misspelt(project):
    fail(project, "describe_service_gaia", "its name", "gaja.invalid")
    fail(project, "crossmatch", "heasarc (https://a/tap) does not answer")
    assert report(project)[:2] == [
        "xgamma: crossmatch: heasarc (https://a/tap) does not answer",
        "xgamma: gaja.invalid is not known: check its url in the config, and the network (1 job)",
    ]


def test_of_many_failed_jobs_twenty_are_named(project):
    for number in range(23):
        fail(project, f"shard{number:02}", "down")
    lines = report(project)
    assert lines[19:21] == ["xgamma: shard19: down", "xgamma: ... and 3 more"]
    assert lines[21].startswith("xgamma: failed jobs: 23, ") and len(lines) == 22


def test_a_job_that_slurm_ended_is_named_by_slurms_log(project):
    log = project / ".snakemake/slurm_logs/rule_drift/5.log"
    log.parent.mkdir(parents=True)
    log.write_text("error: Detected 1 oom_kill event in StepId=5.0.", encoding="utf-8")
    lines = report(project)
    assert lines[0].startswith("xgamma: Slurm job 5 (drift) took more memory")
    assert lines[1:] == [f"xgamma: logs in results/live/logs/; {NEXT}"]
    os.utime(log, (1e9, 1e9))
    assert len(report(project)) == 1


def test_an_error_is_one_line_however_long(project):
    fail(project, "a", "x" * 100_000)
    lines = report(project)
    assert len(lines) == 2 and len(lines[0]) <= 2000 and lines[0].endswith("…")


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([], ""),
        (["2026-11-02"], ", made from answers of 2026-11-02"),
        (
            ["2026-11-03", "2026-11-01", "2026-11-02"],
            ", made from answers of 2026-11-01 to 2026-11-03",
        ),
    ],
)
def test_how_old_the_answers_are(project, days, words):
    """And no time that the jobs took: added up, it is more than Snakemake's, just above."""
    (project / "results/live").mkdir(parents=True)
    answers = {str(n): {"started": f"{day}T12:00:00+00:00"} for n, day in enumerate(days)}
    record = {"run": {"job_seconds_total": 12.3}, "answers": answers}
    (project / "results/live/provenance.json").write_text(json.dumps(record), encoding="utf-8")
    assert success_report("results/live", []) == f"xgamma: products are under results/live/{words}"


def test_a_preflight_is_no_product(project):
    for name in ("logs/preflight.log", "services/preflight.txt"):
        path = project / "results/live" / name
        path.parent.mkdir(parents=True)
        path.touch()
    assert success_report("results/live", []) == "xgamma: no products yet under results/live/"
    (project / "results/live/services/heasarc.ecsv").touch()
    assert success_report("results/live", []) == "xgamma: products are under results/live/"
    assert success_report("results/live", [], ("LS 5039",)).splitlines() == [
        "xgamma: a run for 1 named source: LS 5039",
        "xgamma: products are under results/live/",
    ]


def test_tables_of_another_config_are_named(project):
    tables = project / "results/live/tables"
    tables.mkdir(parents=True)
    for survey in ("gaia", "twomass", "allwise"):
        (tables / f"counterparts_{survey}.parquet").touch()
    assert success_report("results/live", {"gaia": 1}).splitlines() == [
        "xgamma: products are under results/live/",
        "xgamma: results/live/tables/counterparts_allwise.* is of an earlier config",
        "xgamma: results/live/tables/counterparts_twomass.* is of an earlier config",
    ]
