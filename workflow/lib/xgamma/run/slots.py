"""How the jobs of a run share the requests that a host takes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from xgamma.config.check import DEMO_URL
from xgamma.config.settings import Service

__all__ = ["ALL_SLOTS", "slots_taken"]

ALL_SLOTS = 100
"""How many slots each service has in profiles/default."""


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
    hosts = {name: _host(name, service.url) for name, service in services.items()}
    sharing = [name for name in services if hosts[name] == hosts[resource]]
    if sharing[0] != resource or not set(sharing) & set(asked):
        return 0
    return ALL_SLOTS // min(services[name].max_requests for name in sharing)


def _host(name: str, url: str) -> tuple[str, int | None]:
    if url.startswith(DEMO_URL):
        return name, None
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
