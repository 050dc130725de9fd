"""What is left in Slurm of an earlier run, told by a squeue of our own making."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from xgamma.run.slurm import lost_jobs, wait_for_earlier_jobs


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Write what squeue says; each line is gone at the next call."""
    folder = tmp_path / "bin"
    folder.mkdir()
    answers = folder / "answers"

    def says(*lines: str) -> None:
        answers.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        program = folder / "squeue"
        program.write_text(f"#!/bin/sh\ncat {answers}\nsed -i 1d {answers}\n", encoding="utf-8")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return says


def test_waits_for_the_jobs_of_this_folder_only(squeue, tmp_path, capsys):
    squeue(
        f"8|RUNNING|rule_plot_plane|{tmp_path}",
        # of another folder, and the job in which Snakemake itself may run
        f"9|RUNNING|rule_plot_plane|{tmp_path}/other",
        f"10|RUNNING|(null)|{tmp_path}",
    )
    wait_for_earlier_jobs(tmp_path, latency_s=0, pause_s=0)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "8 (plot_plane, RUNNING)" in said[0]
    assert said[0].endswith("scancel 8")


def test_says_so_once_and_again_for_further_jobs(squeue, tmp_path, capsys):
    lines = [f"{job}|PENDING|rule_crossmatch|{tmp_path}" for job in (1, 2, 3)]
    squeue(*lines)
    wait_for_earlier_jobs(tmp_path, latency_s=0, pause_s=0)
    assert capsys.readouterr().err.count("in Slurm") == 1


def test_silence_of_slurm_is_not_the_end_of_jobs(squeue, tmp_path, capsys):
    """The controller is away for a moment, as it is now and then."""
    squeue(f"7|RUNNING|rule_crossmatch|{tmp_path}")
    program = tmp_path / "bin/squeue"
    asked = tmp_path / "asked"
    once = f"echo >> {asked}; test $(wc -l < {asked}) = 2 && exit 1"
    # at first the job, then an error, then the job, then none
    lines = program.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{once}\n")
    again = f"test $(wc -l < {asked}) = 1 || sed -i 1d"
    program.write_text(lines.replace("sed -i 1d", again), encoding="utf-8")
    wait_for_earlier_jobs(tmp_path, latency_s=0, pause_s=0)
    assert len(asked.read_text().splitlines()) == 4
    assert "these jobs have ended" in capsys.readouterr().err


def test_a_folder_of_another_name_is_the_same_folder(squeue, tmp_path, capsys):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    squeue(f"4|RUNNING|rule_drift|{tmp_path / 'real'}")
    wait_for_earlier_jobs(tmp_path / "link", latency_s=0, pause_s=0)
    assert "4 (drift, RUNNING)" in capsys.readouterr().err


def test_no_slurm_no_waiting(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    wait_for_earlier_jobs(tmp_path, latency_s=60)
    assert capsys.readouterr().err == ""


def test_ctrl_c_while_waiting_is_one_line_and_leaves_the_jobs(squeue, tmp_path, capsys):
    squeue(f"8|RUNNING|rule_plot_plane|{tmp_path}")
    ctrl_c = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    ctrl_c.start()
    with pytest.raises(SystemExit) as stopped:
        wait_for_earlier_jobs(tmp_path, latency_s=0, pause_s=30)
    assert stopped.value.code == 130
    assert capsys.readouterr().err.splitlines()[1:] == ["xgamma: stopped; the jobs in Slurm go on"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("error: StepId=5.batch exceeded memory limit (2 > 1), being killed", "rule_a:mem_mb=..."),
        ("error: Detected 1 oom_kill event in StepId=5.0.", "rule_a:mem_mb=..."),
        ("*** JOB 5 ON n1 CANCELLED AT 22:36:24 DUE TO TIME LIMIT ***", "rule_a:runtime=..."),
        ("*** JOB 5 ON n1 CANCELLED AT 22:36:24 DUE TO NODE FAILURE ***", "start the run again"),
        ("*** JOB 5 ON n1 CANCELLED AT 22:36:24 ***", "was cancelled"),
        ("Error in rule", "(rule_a) failed (log:"),
    ],
)
def test_a_lost_job_is_named_with_what_helps_and_its_log(tmp_path, words, said):
    log = tmp_path / ".snakemake/slurm_logs/rule_rule_a/csc/5.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Building DAG of jobs...\n{words}\n", encoding="utf-8")
    (line,) = lost_jobs(tmp_path, since=log.stat().st_mtime - 1)
    assert line.startswith("xgamma: Slurm job 5 (rule_a) ")
    assert said in line
    assert line.endswith(f"(log: {log})")
    assert lost_jobs(tmp_path, since=log.stat().st_mtime + 1) == []
    # a second attempt of the same job, and the same rule for something else
    for place, when in (("csc/6.log", 1), ("chanmaster/7.log", 2)):
        other = tmp_path / ".snakemake/slurm_logs/rule_rule_a" / place
        other.parent.mkdir(exist_ok=True)
        other.write_text(words, encoding="utf-8")
        os.utime(other, (log.stat().st_mtime + when,) * 2)
    lines = lost_jobs(tmp_path, since=log.stat().st_mtime - 1)
    assert [line.split()[3] for line in lines] == ["6", "7"]
