"""The last words of a run: what was made, or what failed and what to do."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from xgamma.run.job import failures, for_user, unreachable_hosts
from xgamma.run.slurm import lost_jobs
from xgamma.tables.names import named_run

__all__ = ["failure_report", "success_report"]

# Failed jobs that are named; of thousands, the others have the same reasons.
_MOST_NAMED = 20


def failure_report(results: str | Path, folder: Path, since: float) -> str:
    """Name the jobs of this run that failed, each with its reason, and say what to do.

    Parameters
    ----------
    results : path-like
        The archive's folder of products, as the user is to see it.
    folder : Path
        Where Snakemake runs.
    since : float
        When the run began, in seconds since the epoch.

    Returns
    -------
    str
        Several lines; one if nothing is known to have failed.
    """
    failed = failures(f"{results}/logs", since)
    hosts = unreachable_hosts(f"{results}/logs", since)
    others = [(job, error) for job, error in failed.items() if job not in hosts]
    lines = [
        # some errors begin with the job's name
        for_user(f"{job}: {error.removeprefix(f'{job}: ')}")
        for job, error in others[:_MOST_NAMED]
    ]
    if len(others) > _MOST_NAMED:
        lines.append(f"xgamma: ... and {len(others) - _MOST_NAMED} more")
    if hosts:
        lines.append(for_user(_no_way_to(hosts)))
    lines = [*lost_jobs(folder, since), *lines]
    if failed:
        outcome = f"failed jobs: {len(failed)}, logs in {results}/logs/"
    elif lines:
        outcome = f"logs in {results}/logs/"
    else:
        # Ctrl-C, or an error that is Snakemake's own
        outcome = "stopped, by you or for the reason above"
    next_step = "what is finished stays: the same command goes on from there"
    return "\n".join([*lines, f"xgamma: {outcome}; {next_step}"])


def _no_way_to(hosts: dict[str, list[str]]) -> str:
    """One line for all jobs that found no way to a service.

    A single host may be misspelt; several are not all so at a time.
    """
    services = dict.fromkeys(tried[0] for tried in hosts.values())
    mirrors = {host for tried in hosts.values() for host in tried} - {*services}
    beside = f" (nor are their mirrors: {', '.join(sorted(mirrors))})" if mirrors else ""
    jobs = f"{len(hosts)} job{'s' * (len(hosts) != 1)}"
    if len(services) == 1:
        (host,) = services
        return f"{host} is not known{beside}: check its url in the config, and the network ({jobs})"
    return (
        f"no network: {', '.join(services)} are not known{beside}; connect this machine, or check "
        f"the urls in the config ({jobs})"
    )


def success_report(
    results: str | Path, surveys: Collection[str], sources: Sequence[str] = ()
) -> str:
    """Say where the products are, how old their answers, and which tables are of another config.

    Parameters
    ----------
    results : path-like
        The archive's folder of products, as the user is to see it.
    surveys : collection of str
        The config's surveys.
    sources : sequence of str
        The config's named sources.

    Returns
    -------
    str
        A line, before it one for named sources, and one for each survey that is no longer in the
        config: Snakemake leaves its tables where they are.
    """
    tables = Path(results).glob("tables/counterparts_*.parquet")
    others = {table.stem.removeprefix("counterparts_") for table in tables} - {*surveys}
    return "\n".join(
        [
            *([f"xgamma: {named_run(sources)}"] if sources else []),
            f"xgamma: products are under {results}/{_days_of_answers(results)}"
            if _has_products(Path(results))
            else f"xgamma: no products yet under {results}/",
            *(
                [f"xgamma: open {results}/site/index.html in a browser"]
                if Path(results, "site/index.html").exists()
                else []
            ),
            *(
                f"xgamma: {results}/tables/counterparts_{survey}.* is of an earlier config"
                for survey in sorted(others)
            ),
        ]
    )


def _has_products(results: Path) -> bool:
    """Whether there is more than `preflight` leaves, which comes before the first run."""
    return any(
        path.is_file() and path.name != "preflight.txt" and path.parts[len(results.parts)] != "logs"
        for path in results.rglob("*")
    )


def _days_of_answers(results: str | Path) -> str:
    """Tell of when the answers are from which the products were made, if it is recorded.

    Kept answers are not asked for again: who waits for new data sees that these are old.
    """
    try:
        provenance = json.loads(Path(results, "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    days = sorted({answer["started"][:10] for answer in provenance["answers"].values()} - {""})
    if not days:
        return ""
    return f", made from answers of {' to '.join(sorted({days[0], days[-1]}))}"
