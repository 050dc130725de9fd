"""The settings of the coverage: how it is known where Chandra has looked, and how deep."""

from __future__ import annotations

from dataclasses import dataclass

from xgamma.config.archives import SERVICE_TABLE, TAP_URL
from xgamma.config.kinds import Choice, Date, Text, block, setting

__all__ = ["Coverage", "Obscore"]


@dataclass(frozen=True)
class Obscore:
    """The service that has outlines of Chandra's observations. Read only if `coverage.source` is
    `obscore`.
    """

    url: str = setting(
        TAP_URL,
        default="https://cda.cfa.harvard.edu/cxctap",
        what="Base URL, before `/sync` and `/async`; one request at a time. The default is the "
        "Chandra archive's own service: not reached from here, and whether it has an ObsCore "
        "table at present is not known.",
    )
    mode: str = setting(
        Choice(("sync", "async"), "a service is asked sync or async"),
        default="sync",
        what="One request and its answer, or a job that is polled.",
    )
    table: str = setting(
        SERVICE_TABLE,
        default="ivoa.obscore",
        what="Its table with the columns of ObsCore.",
    )
    where: str = setting(
        Text(".{0,1000}", "it is a condition in ADQL, on one line", "a condition, or nothing"),
        default="dataproduct_type = 'event'",
        what="Which rows are observations by Chandra: ObsCore has a row for each product, and "
        "often other telescopes too. Add `AND obs_collection = ...` for these.",
    )


@dataclass(frozen=True)
class Coverage:
    """Where Chandra has looked, and how deep. See [the method](../docs/method.md#coverage)."""

    source: str = setting(
        Choice(("pointings", "moc", "obscore"), "coverage is known from {words}"),
        default="pointings",
        what="`pointings`: from the list of observations, whatever their roll angles were. `moc`: "
        "from a map of your own, in the file `moc`; the list of observations tells how deep. "
        "`obscore`: from the outlines of the observations, which a TAP service has: the block "
        "`obscore`.",
    )
    moc: str = setting(
        Text(".{0,1000}", "it is the path of a FITS file", "a path"),
        default="",
        what="A coverage map (MOC) as FITS, such as the Chandra archive publishes. Read only if "
        "`source` is `moc`.",
    )
    public_by: str = setting(
        Date("it is a date such as 2021-12-31", "a day"),
        default="2021-12-31",
        what="Observations that were made public later are not in the source catalogue: the end "
        "of 2021 for CSC 2.1.",
    )
    obscore: Obscore = block(Obscore)
