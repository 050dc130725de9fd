"""Where a run's jobs go, how long they may take, and how many ask a service at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit

from xgamma.config.settings import Config, Service

__all__ = [
    "ALL_SLOTS",
    "asks_for_outlines",
    "asks_simulated_sky",
    "asks_the_network",
    "fetch_minutes",
    "sets_partition",
    "slots_taken",
]

ALL_SLOTS = 100
"""How many slots each service has: a job takes 100 // max_requests of them."""

# Resources by which executors take a partition or queue.
_PARTITIONS = {"slurm_partition", "lsf_queue", "partition", "queue"}

_MINUTES_WITHOUT_A_NETWORK = 10


def asks_simulated_sky(config: Config) -> bool:
    """Whether jobs answer some of their questions themselves, from the simulated sky."""
    return config.replay_of is None and any(
        service.is_simulated for service in config.services.values()
    )


def asks_the_network(config: Config) -> bool:
    """Whether jobs ask other machines. A replay asks nobody."""
    return config.replay_of is None and not all(
        service.is_simulated for service in config.services.values()
    )


def asks_for_outlines(config: Config) -> bool:
    """Whether a job asks a service, which may be none of the archive's, for outlines."""
    return config.replay_of is None and config.outline_service is not None


def fetch_minutes(config: Config) -> float:
    """How long a job that asks services may take, in minutes.

    Over the network that is a query's own limit, and the time around it.
    """
    if not (asks_the_network(config) or asks_for_outlines(config)):
        return _MINUTES_WITHOUT_A_NETWORK
    return config.tap.deadline_s // 60 + 15


def sets_partition(resources: Collection[str]) -> bool:
    """Whether the resources that a profile sets for a rule say where its jobs run."""
    return not _PARTITIONS.isdisjoint(resources)


def slots_taken(services: Mapping[str, Service], resource: str, asked: Iterable[str]) -> int:
    """How many of a service's slots a job takes that asks the services `asked` in turn.

    Services on one host share the slots of the first of them, and the smallest of their
    `max_requests`. The demo archive has no host: jobs answer themselves.

    Parameters
    ----------
    services : mapping
        All services of the archive, in the order of the resources.
    resource : str
        The service whose slots are counted.
    asked : iterable of str

    Returns
    -------
    int
        0 to `ALL_SLOTS`.
    """
    hosts = {name: _host(name, service) for name, service in services.items()}
    sharing = [name for name in services if hosts[name] == hosts[resource]]
    if sharing[0] != resource or not set(sharing) & set(asked):
        return 0
    return ALL_SLOTS // min(services[name].max_requests for name in sharing)


def _host(name: str, service: Service) -> tuple[str, int | None]:
    if service.is_simulated:
        return name, None
    parts = urlsplit(service.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
