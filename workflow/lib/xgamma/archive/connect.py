"""A client from the config: of one service, over the network or of the simulated sky."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from xgamma.archive.client import TapClient
from xgamma.config.settings import Config
from xgamma.errors import XgammaError

__all__ = ["connect", "connect_outlines", "simulated"]


def connect(
    settings: Config,
    service: str,
    sky: str | Path | None = None,
    *,
    results: Path | None = None,
) -> TapClient:
    """A client of one service of the archive that the settings name.

    Parameters
    ----------
    settings : Config
    service : str
        Its name in the config.
    sky : str, optional
        The simulated sky's file, for services that it answers for.
    results : Path, optional
        The archive's folder, in which answers are kept; else they are neither kept nor used again.

    Raises
    ------
    XgammaError
        If the service is simulated and no sky is given.
    """
    configured = settings.services[service]
    is_replay = settings.replay_of is not None
    is_simulated = configured.is_simulated and not is_replay
    if is_simulated and not sky:
        raise XgammaError(
            f"{service}: {configured.url} is the demo archive, and its sky was not given"
        )
    return TapClient(
        service,
        configured.url,
        mode=configured.mode,
        upload=configured.upload,
        tables=settings.spelt_tables(service),
        mirrors=[dataclasses.asdict(mirror) for mirror in configured.mirrors],
        answers=settings.answers_folder(results) if results else None,
        replay=is_replay,
        **dataclasses.asdict(settings.tap),
        **(simulated(sky) if is_simulated else {}),
    )


def connect_outlines(settings: Config, results: Path) -> TapClient:
    """A client of the service that has outlines of observations.

    Parameters
    ----------
    settings : Config
    results : Path
        The archive's folder, in which answers are kept.

    Raises
    ------
    XgammaError
        If the settings name none.
    """
    if settings.outline_service is None:
        raise XgammaError(
            "config: coverage.source is not obscore; only with that are outlines asked for"
        )
    return TapClient(
        "obscore",
        settings.outline_service.url,
        mode=settings.outline_service.mode,
        upload=False,
        answers=settings.answers_folder(results),
        replay=settings.replay_of is not None,
        **dataclasses.asdict(settings.tap),
    )


def simulated(sky: str | Path) -> dict[str, Any]:
    """The arguments of a `TapClient` that is answered by a simulated sky, in this process.

    Parameters
    ----------
    sky : path-like
        Its DuckDB file.
    """
    # the simulation is no dependency of what asks real services
    from xgamma.demo.server.transport import InProcessAdapter, simulation_digest

    return {"adapter": InProcessAdapter(sky), "trust_mark": simulation_digest(sky)}
