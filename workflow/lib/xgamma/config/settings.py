"""The configuration as the workflow sees it: complete, typed, and of one archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xgamma.config.check import REPLAY, SERVICES, completed, problems
from xgamma.errors import XgammaError

__all__ = [
    "Config",
    "ConfigError",
    "Crossmatch",
    "Demo",
    "Enrichment",
    "Figures",
    "Mirror",
    "Service",
    "Shards",
    "Sky",
    "Subsample",
    "Survey",
    "Tap",
    "load_config",
]

_MOST_PROBLEMS = 5


class ConfigError(XgammaError):
    """The configuration cannot be used; the message has one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        lines = [f"config: {problem}" for problem in problems[:_MOST_PROBLEMS]]
        if len(problems) > _MOST_PROBLEMS:
            lines.append(f"… and {len(problems) - _MOST_PROBLEMS} more")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Mirror:
    """A service that holds another one's tables, of the same release, under its own names.

    Attributes
    ----------
    name : str
        What it is called in messages and records.
    url : str
        Base URL, without a slash at its end.
    mode : str
        'sync' or 'async'.
    tables : dict
        As `xgamma.tap.mirror_names.Names` takes it: our table -> {"table", "release",
        "columns"}, and "rows" if the number of rows is known.
    """

    name: str
    url: str
    mode: str
    tables: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Service:
    """A TAP service and how it wants to be asked.

    Attributes
    ----------
    url : str
        Base URL, without a slash at its end.
    max_requests : int
        Requests that it gets at a time.
    mode : str
        'sync' or 'async'.
    upload : bool
        Whether it takes TAP_UPLOAD tables.
    mirrors : tuple of Mirror
        Who is asked, in this order, when it is down.
    """

    url: str
    max_requests: int
    mode: str
    upload: bool
    mirrors: tuple[Mirror, ...] = ()


@dataclass(frozen=True)
class Demo:
    """The simulated sky: `size` is 'small' or 'full', `seed` seeds the simulation."""

    size: str
    seed: int


@dataclass(frozen=True)
class Sky:
    """The part of the sky that is searched: |b| <= `latitude_cut_deg` (degrees)."""

    latitude_cut_deg: float


@dataclass(frozen=True)
class Crossmatch:
    """Sources with a flux above `min_flux` (erg/cm2/s, exclusive) are paired; None takes all."""

    min_flux: float | None


@dataclass(frozen=True)
class Shards:
    """Requests are made `by` 'healpix' cell of an `order`, or by 'source' (`order` is None)."""

    by: str
    order: int | None


@dataclass(frozen=True)
class Enrichment:
    """The search for optical and infrared counterparts.

    Attributes
    ----------
    radius_deg : float
        Radius around a Fermi position, in degrees.
    nearest : int
        How many of the nearest sources are kept there.
    csc_radius_arcsec : float
        Radius around an X-ray candidate, in arcseconds.
    shards : Shards
        How the targets are split into requests.
    """

    radius_deg: float
    nearest: int
    csc_radius_arcsec: float
    shards: Shards


@dataclass(frozen=True)
class Survey:
    """A table that is searched for counterparts.

    Attributes
    ----------
    name : str
        Name of the survey in files and tables.
    service : str
        'heasarc', 'gaia' or 'irsa'.
    table : str
        Name of the table at the service.
    id, ra, dec : str
        Its columns of identifier, right ascension and declination (ICRS, degrees).
    columns : dict of str to str
        Column at the service -> name in the products, in the order of the products.
    optional : tuple of str
        Those columns, by their name at the service, that may be missing there.
    """

    name: str
    service: str
    table: str
    id: str
    ra: str
    dec: str
    columns: dict[str, str]
    optional: tuple[str, ...]


@dataclass(frozen=True)
class Subsample:
    """The 4FGL classes that have a table and a figure of their own."""

    classes: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """File formats of the figures ('png', 'pdf', 'svg'), and dots per inch of PNG."""

    formats: tuple[str, ...]
    dpi: int


@dataclass(frozen=True)
class Tap:
    """Patience with a service, and what an answer may cost.

    Attributes
    ----------
    timeout_s, sync_timeout_s, deadline_s : float
        Seconds of silence, of silence after a sync query, and for a whole query.
    attempts : int
        How often a query is sent.
    max_bytes, max_rows : int
        Most that one answer may hold; bytes after decompression.
    reuse : bool
        Whether a question is not put again that a kept answer holds.
    """

    timeout_s: float
    sync_timeout_s: float
    deadline_s: float
    attempts: int
    max_bytes: int
    max_rows: int
    reuse: bool


@dataclass(frozen=True)
class Config:
    """All settings, of the chosen archive only.

    Attributes
    ----------
    archive : str
        Name of the chosen archive, or 'replay'.
    replay_of : str or None
        The archive whose kept answers are read, if `archive` is 'replay'; `simulated` and
        `services` are then that archive's.
    simulated : bool
        Whether its sky is simulated.
    services : dict of str to Service
        Its services 'heasarc', 'gaia' and 'irsa'.
    demo, sky, crossmatch, enrichment, subsample, figures, tap
        The blocks of the configuration.
    surveys : dict of str to Survey
        The surveys by name.
    """

    archive: str
    replay_of: str | None
    simulated: bool
    services: dict[str, Service]
    demo: Demo
    sky: Sky
    crossmatch: Crossmatch
    enrichment: Enrichment
    surveys: dict[str, Survey]
    subsample: Subsample
    figures: Figures
    tap: Tap

    @property
    def results_folder(self) -> str:
        """Where the products go: simulated and real ones never mix."""
        return f"results/{self.archive}"

    @property
    def answers_folder(self) -> str:
        """Where a run keeps every answer; a replay reads those of the run that it repeats."""
        return f"results/{self.replay_of or self.archive}/answers"


def load_config(raw: Mapping[str, Any]) -> Config:
    """Check a configuration, complete it with defaults, and give it types.

    Parameters
    ----------
    raw : mapping
        The configuration as YAML or Snakemake gives it. Numbers, booleans and nulls may be
        text: YAML 1.1 takes ``1e-15`` for text, and Snakemake hands the nested values of
        ``--config`` over as text.

    Returns
    -------
    Config
        Equal settings give equal objects: 5 and 5.0 do not differ.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or a value is not allowed.
    """
    config = completed(raw)
    if found := problems(config):
        raise ConfigError(found)
    return _typed(config)


def _typed(config: dict[str, Any]) -> Config:
    """Turn a valid and complete configuration into its typed form."""
    replay_of = config["replay"]["archive"] if config["archive"] == REPLAY else None
    archive = config["archives"][replay_of or config["archive"]]
    enrichment, shards = config["enrichment"], config["enrichment"]["shards"]
    min_flux = config["crossmatch"]["min_flux"]
    return Config(
        archive=config["archive"],
        replay_of=replay_of,
        simulated=archive["simulated"],
        services={name: _service(archive[name]) for name in SERVICES},
        demo=Demo(size=config["demo"]["size"], seed=int(config["demo"]["seed"])),
        sky=Sky(latitude_cut_deg=float(config["sky"]["latitude_cut_deg"])),
        # -0.0 + 0.0 is 0.0: one text for one value
        crossmatch=Crossmatch(min_flux=None if min_flux is None else float(min_flux) + 0.0),
        enrichment=Enrichment(
            radius_deg=float(enrichment["radius_deg"]),
            nearest=int(enrichment["nearest"]),
            csc_radius_arcsec=float(enrichment["csc_radius_arcsec"]),
            # Snakemake merges blocks, so the order of config.yaml stays beside `by: source`.
            shards=Shards(
                by=shards["by"],
                order=int(shards["order"]) if shards["by"] == "healpix" else None,
            ),
        ),
        surveys={name: _survey(name, block) for name, block in config["surveys"].items()},
        subsample=Subsample(classes=tuple(config["subsample"]["classes"])),
        figures=Figures(
            formats=tuple(config["figures"]["formats"]), dpi=int(config["figures"]["dpi"])
        ),
        tap=Tap(
            timeout_s=float(config["tap"]["timeout_s"]),
            sync_timeout_s=float(config["tap"]["sync_timeout_s"]),
            deadline_s=float(config["tap"]["deadline_s"]),
            attempts=int(config["tap"]["attempts"]),
            max_bytes=int(config["tap"]["max_bytes"]),
            max_rows=int(config["tap"]["max_rows"]),
            reuse=config["tap"]["reuse"],
        ),
    )


def _service(block: dict[str, Any]) -> Service:
    return Service(
        url=block["url"].rstrip("/"),
        max_requests=int(block["max_requests"]),
        mode=block["mode"],
        upload=block["upload"],
        mirrors=tuple(_mirror(mirror) for mirror in block["mirrors"]),
    )


def _mirror(block: dict[str, Any]) -> Mirror:
    tables = {}
    for name, table in block["tables"].items():
        tables[name] = {
            "table": table["table"],
            "release": table["release"],
            "columns": dict(table["columns"]),
        }
        if table["rows"] is not None:
            tables[name]["rows"] = int(table["rows"])
    return Mirror(
        name=block["name"], url=block["url"].rstrip("/"), mode=block["mode"], tables=tables
    )


def _survey(name: str, block: dict[str, Any]) -> Survey:
    ra, dec = block["position"]
    return Survey(
        name=name,
        service=block["service"],
        table=block["table"],
        id=block["id"],
        ra=ra,
        dec=dec,
        columns=dict(block["columns"]),
        optional=tuple(block["optional"]),
    )
