"""Every setting, each defined once; and the configuration as the workflow sees it.

A class below is a block of ``config/config.yaml``, and a field of it is a key: its definition says
which values are allowed, what a user reads when one is refused, the default, and what it is and
why. Defaults, checks, types and the table in ``config/README.md`` come from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xgamma.config.archives import (
    ARCHIVE_NAME,
    ARCHIVES,
    Archive,
    Mirror,
    Service,
    with_services,
)
from xgamma.config.check import REPLAY, clashes
from xgamma.config.coverage import Coverage, Obscore
from xgamma.config.kinds import (
    Block,
    Boolean,
    Choice,
    ListOf,
    Named,
    Number,
    Text,
    Whole,
    block,
    setting,
)
from xgamma.config.own_catalogues import OWN_CATALOGUES, OwnCatalogue
from xgamma.config.shipped import SHIPPED_ARCHIVES, SHIPPED_SURVEYS
from xgamma.config.sources import sources_folder
from xgamma.config.surveys import SURVEYS, Identify, Survey
from xgamma.config.xray import Observations, Xray, xray_clashes
from xgamma.errors import XgammaError

__all__ = [
    "SETTINGS",
    "Archive",
    "Association",
    "Config",
    "ConfigError",
    "Coverage",
    "Crossmatch",
    "Demo",
    "Enrichment",
    "Figures",
    "Identify",
    "Mirror",
    "Obscore",
    "Observations",
    "Replay",
    "Service",
    "Shards",
    "Sky",
    "Subsample",
    "Survey",
    "Tap",
    "Xray",
    "completed",
    "load_config",
]

_MOST_PROBLEMS = 5


@dataclass(frozen=True)
class Replay:
    """What `archive: replay` repeats."""

    archive: str = setting(
        Text(ARCHIVE_NAME, "it is the name of one of the archives", "a name under `archives`"),
        default="demo",
        what="Whose kept answers are read: those in `results/<archive>/answers`.",
    )


@dataclass(frozen=True)
class Demo:
    """The simulated sky behind `http://demo.invalid/`."""

    size: str = setting(
        Choice(("small", "full"), "the demo sky is {words}"),
        default="small",
        what="`small` is for trying out, `full` has as many rows as the real catalogues.",
    )
    seed: int = setting(
        Whole("[0, 4294967295]", "a seed is a whole number in {range}"),
        default=4,
        what="The same seed gives the same sky.",
    )
    fermi: str = setting(
        Choice(("dr4", "dr3", "fl16y"), "the demo's Fermi list is {words}"),
        default="dr4",
        what="The list of Fermi sources that it serves: 4FGL-DR4, 4FGL-DR3 or FL16Y. The rest of "
        "the sky is that of 4FGL-DR4 whichever it is.",
    )

    @property
    def fermi_release(self) -> str:
        """The release of another list than the usual one, '' for that."""
        return {"dr3": "4FGL-DR3", "fl16y": "FL16Y"}.get(self.fermi, "")


@dataclass(frozen=True)
class Sky:
    """The part of the sky that is searched."""

    latitude_cut_deg: float = setting(
        Number("(0, 90]", "a Galactic latitude cut lies in {range}"),
        default=10,
        what="Fermi sources with |b| up to this, inclusive, in degrees. Ten on either side hold "
        "the disc and the bulge; 90 is the whole sky.",
    )


@dataclass(frozen=True)
class Crossmatch:
    """Which Chandra sources may be paired with a Fermi source."""

    min_flux: float | None = setting(
        Number(
            "[0, ∞)",
            "the least flux is a number >= 0 in erg/cm2/s, or null for sources without flux too",
            or_null=True,
        ),
        default=0,
        what="Broad-band flux above this, exclusive, in erg/cm2/s (0.5-7 keV). 0 leaves out about "
        "one source in six, which has no such flux; `null` keeps them.",
    )


@dataclass(frozen=True)
class Association:
    """Which Chandra source is a Fermi source. See [the method](../docs/method.md)."""

    fixed: dict[str, float] = setting(
        Named(
            Text("[a-z_]+", "a name is one of those in association/model.json"),
            Number("(-20, 20)", "a value of the model lies in {range}"),
            "it is a block of names and numbers",
            "name: number",
            placeholder="<value>",
        ),
        default={},
        what="Values of the model that are taken as they are, and not learnt on the run's own "
        "data: `eta_...` is the share of sources with an X-ray counterpart, `median_ratio_...` "
        "and `ratio_width_...` are log10 of X-ray over gamma-ray flux. The names are those in "
        "`association/model.json`.",
    )
    evidence: bool = setting(
        Boolean(),
        default=True,
        what="Whether the optical evidence counts in the table of counterparts: its P, its states "
        "and which candidate comes first. On simulated skies that holds and tells more; all "
        "tables that have it show the probability without it as well.",
    )
    controls: int = setting(
        Whole("[0, 200]", "the number of controls per source is a whole number in {range}"),
        default=24,
        what="How many places without a Fermi source are tried per Fermi source, where there is "
        "room: they show how often chance passes for a counterpart.",
    )


@dataclass(frozen=True)
class Shards:
    """How the Fermi sources are split into requests. When a source changes, its shard is made
    again and no other, and asked for are the positions that are new. See [Shards](#shards).
    """

    by: str = setting(
        Choice(("healpix", "source"), "shards are made by healpix or by source"),
        default="healpix",
        what="One shard per HEALPix cell that holds sources, or one per source: more and smaller "
        "requests.",
    )
    order: int | None = setting(
        Whole("[0, 3]", "a HEALPix order of shards is a whole number in {range}"),
        default=0,
        what="12, 48, 192 or 768 cells over the sky. 0 makes the fewest requests; a higher order "
        "repeats less when a source changes. Without effect when shards are made by `source`.",
    )
    targets: int | None = setting(
        Whole("[0, 100000]", "how many targets share a shard is a whole number in {range}"),
        default=3000,
        what="Cells are one shard, up to the whole sky, as long as they hold together no more "
        "positions to search than this: a small sample is few jobs. With 0, each cell is a shard. "
        "Without effect when shards are made by `source`.",
    )

    def __post_init__(self) -> None:
        # Snakemake merges blocks, so what config.yaml says of cells stays beside `by: source`
        if self.by == "source":
            object.__setattr__(self, "order", None)
            object.__setattr__(self, "targets", None)


@dataclass(frozen=True)
class Enrichment:
    """The search for optical and infrared counterparts."""

    radius_deg: float = setting(
        Number("(0, 0.5]", "a search radius around a Fermi position lies in {range} degrees"),
        default=0.03,
        what="Radius around each Fermi position, in degrees. For comparison with other work: "
        "Fermi positions are good to 0.02-0.3 degrees, so in the plane this finds mostly field "
        "stars.",
    )
    nearest: int = setting(
        Whole("[1, 100]", "the number of nearest sources is a whole number in {range}"),
        default=3,
        what="How many are kept there, nearest first, per survey. Three keep the tables readable.",
    )
    csc_radius_arcsec: float = setting(
        Number("(0, 60]", "a search radius around an X-ray source lies in {range} arcsec"),
        default=2,
        what="Least radius around each candidate X-ray source, in arcseconds; all rows are kept. "
        "Near the axis Chandra's 95 % errors are 0.5-1 arcsec (0.29 of it systematic) and Gaia's "
        "are negligible, so 2 holds nearly all true matches there; at 3e5 stars per square degree "
        "chance adds 0.3 per candidate.",
    )
    csc_radius_sigma: float = setting(
        Number("(0, 10]", "a search radius in standard deviations lies in {range}"),
        default=4,
        what="The radius in standard deviations of the candidate's position (95 % error ellipse, "
        "major axis / 2.45), where that is more.",
    )
    csc_radius_most_arcsec: float = setting(
        Number("(0, 60]", "a search radius around an X-ray source lies in {range} arcsec"),
        default=10,
        what="The largest radius, whatever the error; not less than `csc_radius_arcsec`. Asked for "
        "are three times the radius, ten arcseconds at least: the field around shows how often "
        "chance is near.",
    )
    least_probability: float = setting(
        Number("(0, 1]", "a probability lies in {range}"),
        default=0.01,
        what="Searched is also around Chandra sources outside the circle, or without a flux, that "
        "are the counterpart with at least this probability.",
    )
    shards: Shards = block(Shards)


@dataclass(frozen=True)
class Subsample:
    """A table and a figure of some classes only."""

    classes: tuple[str, ...] = setting(
        ListOf(
            Text("[A-Za-z][A-Za-z0-9]{0,7}", "a 4FGL class is a word such as HMB or psr"),
            "it is a list of different 4FGL classes",
            "different 4FGL classes",
            at_least=1,
        ),
        default=["HMB", "hmb", "LMB", "lmb", "BIN", "bin"],
        what="Upper case is identified, lower case associated. Binaries, since their companion "
        "star can be seen by Gaia and 2MASS.",
    )


@dataclass(frozen=True)
class Figures:
    """How figures are written."""

    formats: tuple[str, ...] = setting(
        ListOf(
            Choice(("png", "pdf", "svg"), "a figure's format is {words}"),
            "it is a list of png (which the report needs) and, if you like, pdf and svg, each once",
            with_item="png",
        ),
        default=["png"],
        what="`png` must be there, for the report; the others are for papers.",
    )
    dpi: int = setting(
        Whole("[50, 600]", "the resolution is a whole number in {range} dots per inch"),
        default=150,
        what="Dots per inch of `png`: sharp on a screen, small in the report.",
    )


@dataclass(frozen=True)
class Tap:
    """How long to wait for a service, how often to ask again, and how much to take."""

    timeout_s: float = setting(
        Number("[1, 3600]", "a time-out lies in {range} seconds"),
        default=60,
        what="Seconds of silence before a request is given up, at most `deadline_s`: archives "
        "under load take a while.",
    )
    sync_timeout_s: float = setting(
        Number("[1, 86400]", "a time-out of sync queries lies in {range} seconds"),
        default=600,
        what="The same for the answer to a sync query, which begins when the query is done. After "
        "that it is asked again as a job. `deadline_s` ends it in any case.",
    )
    deadline_s: float = setting(
        Number("[1, 86400]", "a deadline lies in {range} seconds"),
        default=7200,
        what="Seconds for one query, its queue and all its attempts. A Gaia job may run for 5400.",
    )
    attempts: int = setting(
        Whole("[1, 10]", "the number of attempts is a whole number in {range}"),
        default=5,
        what="How often a query is sent while the service or the network fails, with growing "
        "waits in between.",
    )
    max_bytes: int = setting(
        Whole(
            "[1000000, 100000000000]",
            "the largest size of an answer is a whole number in {range} bytes",
        ),
        default=2_000_000_000,
        what="Largest answer in bytes, uncompressed: a service that never stops fills no disk.",
    )
    max_rows: int = setting(
        Whole("[1000, 9999999]", "the largest number of rows is a whole number in {range}"),
        default=5_000_000,
        what="Largest answer in rows. The Gaia archive gives 3 million at most.",
    )
    reuse: bool = setting(
        Boolean(),
        default=True,
        what="Whether a question is not put again that a kept answer holds: the same one, a "
        "smaller circle, a narrower cut, fewer columns. See "
        "[What an edit runs again](#what-an-edit-runs-again).",
    )


@dataclass(frozen=True)
class Config:
    """All settings, block by block as in ``config/config.yaml``.

    As `load_config` gives it, `archives` has the chosen archive only, so that an edit of another
    one changes nothing here; and without `archive: replay`, `replay` has its defaults.
    """

    archive: str = setting(
        Text(
            ARCHIVE_NAME,
            "it is the name of one of the archives, or replay",
            "a name under `archives`, or `replay`",
        ),
        default="demo",
        what="Who answers. The demo needs no network. Products go to `results/<archive>`, so that "
        "simulated and real ones never mix. `replay` asks nobody and repeats a run from its kept "
        "answers.",
    )
    replay: Replay = block(Replay)
    archives: dict[str, Archive] = setting(
        ARCHIVES,
        default=SHIPPED_ARCHIVES,
        what="The archives. Add one for a mirror or a server of your own.",
    )
    demo: Demo = block(Demo)
    catalogs: dict[str, OwnCatalogue] = setting(
        OWN_CATALOGUES,
        default={},
        what="Catalogues that you have as files: each takes the place of HEASARC's table.",
    )
    sources: tuple[str, ...] = setting(
        ListOf(
            Text(
                r".*\S.*", "a source has a name of at least one letter, in quotes if it is a number"
            ),
            "it is a list of names such as [LS 5039], or the path of a file with one to a line",
            "names, or the path of a file with one to a line",
            distinct=False,
        ),
        default=[],
        what="The run is for these sources alone, wherever they are on the sky, and goes to "
        "`results/<archive>/sources`: 4FGL names, associations there, or Chandra's (`2CXO J...`). "
        "Blanks and case do not matter. Empty: all of the plane. See "
        "[some sources](../docs/sources.md).",
    )
    compare: tuple[str, ...] = setting(
        ListOf(
            Text(r".*\S.*", "it is the path of a folder of products, such as results/demo"),
            "it is a list of two folders, the earlier run's first: [results/a, results/b]",
            "two folders of products",
            at_most=2,
        ),
        default=[],
        what="Which two runs `snakemake compare` compares, the earlier one first. No rule of a run "
        "looks at it. See [the next release](../docs/releases.md).",
    )
    sky: Sky = block(Sky)
    xray: Xray = block(Xray)
    crossmatch: Crossmatch = block(Crossmatch)
    coverage: Coverage = block(Coverage)
    association: Association = block(Association)
    enrichment: Enrichment = block(Enrichment)
    surveys: dict[str, Survey] = setting(
        SURVEYS,
        default=SHIPPED_SURVEYS,
        what="The catalogues that are searched. One more is one more block; it gets its own "
        "`tables/counterparts_<name>.ecsv`.",
    )
    subsample: Subsample = block(Subsample)
    figures: Figures = block(Figures)
    tap: Tap = block(Tap)

    @property
    def replay_of(self) -> str | None:
        """The archive whose kept answers are read, if `archive` is 'replay'; else None."""
        return self.replay.archive if self.archive == REPLAY else None

    @property
    def simulated(self) -> bool:
        """Whether the sky of the archive is simulated; of a replay, of the one it repeats."""
        return self._answering.simulated

    @property
    def services(self) -> dict[str, Service]:
        """The services of the archive, by name; of a replay, as above."""
        return dict(self._answering.services)

    @property
    def catalogs_service(self) -> str:
        """The name of the service that has the Fermi and X-ray catalogues."""
        return self._answering.catalogs_at

    def spelt_tables(self, service: str) -> dict[str, dict[str, Any]]:
        """How a service spells tables that the workflow calls otherwise, as `Names` takes it."""
        of_xray = self.xray.spelt_tables if service == self.catalogs_service else {}
        return {**self.services[service].tables, **of_xray}

    def release_of(self, table: str, service: str) -> str:
        """The release of a table at a service, or of the file in its place; '' if none is named."""
        if table in self.catalogs:
            return self.catalogs[table].release
        asked = self.services[service]
        served = self.demo.fermi_release if asked.is_simulated and table == "fermilpsc" else ""
        return served or asked.releases.get(table, "")

    @property
    def releases(self) -> dict[str, str]:
        """Table -> its release, of those that are named; the services have each its own tables."""
        every = [(table, name) for name, one in self.services.items() for table in one.releases]
        every += [(table, self.catalogs_service) for table in ("fermilpsc", *self.catalogs)]
        named = {table: self.release_of(table, service) for table, service in every}
        return {table: release for table, release in named.items() if release}

    def source_of(self, table: str, service: str) -> str:
        """Where a table's rows come from: the service, or the file in its place."""
        return self.catalogs[table].source if table in self.catalogs else service

    @property
    def outline_service(self) -> Service | None:
        """The service that is asked for outlines, one request at a time; None if none is."""
        if self.coverage.source != "obscore":
            return None
        obscore = self.coverage.obscore
        return Service(obscore.url, max_requests=1, mode=obscore.mode, upload=False)

    @property
    def archive_folder(self) -> str:
        """Where all of an archive is: simulated and real products never mix."""
        return f"results/{self.archive}"

    @property
    def results_folder(self) -> str:
        """Where the products go. Those of named sources leave the plane's alone."""
        return f"{self.archive_folder}{self._below_archive}"

    def answers_folder(self, results: Path) -> Path:
        """Where a run keeps every answer; a replay reads those of the run that it repeats.

        Parameters
        ----------
        results : Path
            The folder of products, as jobs have it: a module's prefix may come before it.
        """
        return self.folder_of(results, self.replay_of or self.archive) / "answers"

    def folder_of(self, results: Path, archive: str) -> Path:
        """The folder of an archive, beside that to which the folder of products belongs."""
        return (results.parents[1] if self.sources else results).with_name(archive)

    def results_of(self, results: Path, archive: str) -> Path:
        """Where the same products of another archive are."""
        return Path(f"{self.folder_of(results, archive)}{self._below_archive}")

    @property
    def _below_archive(self) -> str:
        return f"/sources/{sources_folder(self.sources)}" if self.sources else ""

    @property
    def _answering(self) -> Archive:
        return self.archives[self.replay_of or self.archive]


SETTINGS = Block(Config, "a config is a block of keys")
"""The definition of the whole configuration."""


class ConfigError(XgammaError):
    """The configuration cannot be used; the message has one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        lines = [f"config: {problem}" for problem in problems[:_MOST_PROBLEMS]]
        if len(problems) > _MOST_PROBLEMS:
            lines.append(f"… and {len(problems) - _MOST_PROBLEMS} more")
        super().__init__("\n".join(lines))


def completed(raw: Any) -> Any:
    """Copy a configuration with the defaults filled in.

    Parameters
    ----------
    raw : object
        The configuration as YAML or Snakemake gives it, right or wrong.

    Returns
    -------
    object
        A dict with every key that has a default, numbers that came as text read; what is wrong
        stays as it was. Services of an earlier version's config are where they belong now.
    """
    if isinstance(raw, Mapping) and isinstance(raw.get("archives"), Mapping):
        archives = {name: with_services(block) for name, block in raw["archives"].items()}
        raw = {**raw, "archives": archives}
    return SETTINGS.complete(raw)


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
        If a key is unknown or missing, or a value is not allowed. How values fit together is
        looked at once each of them is in order.
    """
    complete = completed(raw)
    problems = list(SETTINGS.problems(complete, (), SETTINGS))
    problems = problems or [*clashes(complete), *xray_clashes(complete)]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    config = SETTINGS.typed(complete)
    chosen = config.replay_of or config.archive
    return replace(
        config,
        replay=config.replay if config.replay_of else Replay(),
        archives={chosen: config.archives[chosen]},
    )
