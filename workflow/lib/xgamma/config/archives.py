"""The settings of an archive: its services, and the mirrors that stand in for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xgamma.config.check import DEMO_URL
from xgamma.config.kinds import Block, Boolean, Choice, ListOf, Named, Text, Whole, setting

__all__ = [
    "ARCHIVES",
    "ARCHIVE_NAME",
    "NAMED_EARLIER",
    "SERVICE_COLUMN",
    "SERVICE_TABLE",
    "TAP_URL",
    "Archive",
    "Mirror",
    "MirrorTable",
    "Service",
    "with_services",
]

ARCHIVE_NAME = "[a-z][a-z0-9_-]*"
"""What the name of an archive is like."""

# with a leading underscore, which ADQL wants in quotes: they are added when it is asked
_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_QUOTED = f'("[^"]+"|{_IDENTIFIER})'

SERVICE_TABLE = Text(
    rf"{_QUOTED}(\.{_QUOTED}){{0,2}}",
    "a table's name is of letters, digits and _, with at most two dots, or in double quotes within "
    "single ones",
    "as ADQL needs it",
)
SERVICE_COLUMN = Text(
    _QUOTED,
    "a column at a service is of letters, digits and _, or in double quotes within single ones",
    "as ADQL needs it",
)
SERVICE_NAME = "[a-z][a-z0-9_]*"
"""What the name of a service is like: a file and a resource of Snakemake's are called so."""
_RELEASE = Text(
    r".*\S.*", "a release is text; a number such as 2.1 needs quotes", "the service's release"
)
TAP_URL = Text(
    r"(?!.*/a?sync/?$)https?://[^\s/?#@]+(/[^\s?#@]*)?",
    "a TAP service's base URL starts with http:// or https:// and ends before /sync or /async",
    "`http://` or `https://`",
    without_end="/",
)


_SPELT_COLUMN = Text(
    _QUOTED,
    "a column of a mirror is of letters, digits and _, or in double quotes within single ones",
)


@dataclass(frozen=True)
class SpeltTable:
    """A table that a service has under another name than the config, and its columns."""

    table: str = setting(
        SERVICE_TABLE,
        what="The table's name there: `'\"I/355/gaiadr3\"'` where it needs double quotes.",
    )
    columns: dict[str, str] = setting(
        Named(
            SERVICE_COLUMN,
            _SPELT_COLUMN,
            "it is a block of columns, their names in the config and there",
            "name in the config: name there",
        ),
        default={},
        what="How it spells the columns; those that are not here are spelt as in the config.",
    )


@dataclass(frozen=True)
class MirrorTable:
    """A table at a mirror, and how its columns are spelt there."""

    table: str = setting(
        SERVICE_TABLE,
        what="The table's name at the mirror: `'\"I/355/gaiadr3\"'` where it needs double quotes.",
    )
    release: str = setting(
        _RELEASE,
        what="Another release is refused when the config is read: it is another catalogue.",
    )
    rows: int | None = setting(
        Whole(
            "[0, 1000000000000]",
            "a number of rows is a whole number in {range}, or null if it is not known",
            or_null=True,
        ),
        default=None,
        what="If given, the mirror counts its rows before it is used, and is refused if it has "
        "another number.",
    )
    columns: dict[str, str] = setting(
        Named(
            SERVICE_COLUMN,
            _SPELT_COLUMN,
            "it is a block of columns, service's name and mirror's name",
            "service column: mirror column",
            at_least=1,
        ),
        what="How it spells the columns. A query that needs a column which is not here is not put "
        "to this mirror.",
    )


def _entry_for_names(**settings: Any) -> dict[str, Any]:
    """A mirror's table as `xgamma.tap.mirror_names.Names` takes it: no `rows` if not known."""
    return {key: value for key, value in settings.items() if value is not None}


@dataclass(frozen=True)
class Mirror:
    """A service that holds another one's tables, of the same release, under its own names."""

    name: str = setting(
        Text(
            "[a-z][a-z0-9_-]*",
            "a mirror's name is of a-z, 0-9, _ and -, and starts with a letter",
            "a-z, 0-9, `_`, `-`",
        ),
        what="For messages and records; different from the service's other mirrors.",
    )
    url: str = setting(TAP_URL, what="Base URL, before `/sync` and `/async`.")
    mode: str = setting(
        Choice(("sync", "async"), "a mirror is asked sync or async"),
        default="async",
        what="As for the service.",
    )
    tables: dict[str, dict[str, Any]] = setting(
        Named(
            SERVICE_TABLE,
            Block(
                MirrorTable,
                "a mirror's table is a block with {keys}",
                make=_entry_for_names,
            ),
            "it is a block of tables, each by its name at the service that is mirrored",
            "table: keys below",
            at_least=1,
            placeholder="<table>",
        ),
        what="The tables that it has, by their names at the service.",
    )


@dataclass(frozen=True)
class Service:
    """A TAP service and how it wants to be asked."""

    url: str = setting(
        TAP_URL,
        what=f"Base URL, before `/sync` and `/async`. Under `{DEMO_URL}` the jobs themselves "
        "answer, from a simulated sky.",
    )
    max_requests: int = setting(
        Whole("[1, 10]", "the number of requests at a time is a whole number in {range}"),
        default=2,
        what="Requests at a time. The services publish no limit; two at a time is polite.",
    )
    mode: str = setting(
        Choice(("sync", "async"), "a service is asked sync or async"),
        default="async",
        what="One request and its answer, or a job that is polled. Sync answers are often capped "
        "(Gaia: 2000 rows) or time out (IRSA).",
    )
    upload: bool = setting(
        Boolean(),
        default=True,
        what="Whether the service takes our list of targets (TAP_UPLOAD). If not, it is asked "
        "cone by cone: slower, the same result.",
    )
    tables: dict[str, dict[str, Any]] = setting(
        Named(
            SERVICE_TABLE,
            Block(SpeltTable, "a table is a block with {keys}", make=dict),
            "it is a block of tables, each by its name in the config",
            "table: keys below",
            placeholder="<table>",
        ),
        default={},
        what="Tables that it has under other names than the rest of the config and this workflow "
        "use, as a copy of the Gaia archive elsewhere. See [Services](#services).",
    )
    releases: dict[str, str] = setting(
        Named(SERVICE_TABLE, _RELEASE, "it is a block of releases by table", "table: text"),
        default={},
        what="Which release of a table the service holds. Needed for each table that a mirror "
        "has; `2.1` needs quotes, or it is a number.",
    )
    mirrors: tuple[Mirror, ...] = setting(
        ListOf(
            Block(Mirror, "a mirror is a block with {keys}"),
            "it is a list of mirrors",
            "blocks of the keys below",
            distinct=False,  # those of one name are refused with better words
        ),
        default=[],
        what="Who is asked, in this order, when the service is down after all attempts. See "
        "[Mirrors](#mirrors).",
    )

    @property
    def is_simulated(self) -> bool:
        """Whether the jobs themselves answer, from a simulated sky."""
        return self.url.startswith(DEMO_URL)


@dataclass(frozen=True)
class Archive:
    """Services, and whether their sky is simulated."""

    simulated: bool = setting(
        Boolean(),
        what="Whether the sky is simulated; every figure says so. Required, so that nobody takes "
        "one for the other.",
    )
    catalogs_at: str = setting(
        Text(
            SERVICE_NAME, "it is the name of one of the archive's services", "a name of `services`"
        ),
        default="heasarc",
        what="Which of the services has the tables of Fermi and Chandra, or of the X-ray catalogue "
        "that `xray` names.",
    )
    services: dict[str, Service] = setting(
        Named(
            Text(
                SERVICE_NAME,
                "a service's name is of a-z, 0-9 and _, and starts with a letter",
            ),
            Block(Service, "a service is a block with {keys}", "the keys below"),
            "it is a block of services by name",
            "names of a-z, 0-9, `_`",
            at_least=1,
            placeholder="<service>",
        ),
        what="The TAP services, as many as you like, by names of your choice: a survey says by "
        "such a name who has it. Files and limits are called so too.",
    )


NAMED_EARLIER = ("heasarc", "gaia", "irsa")
"""The services that every archive had, beside `simulated`, before their names were free."""


def with_services(archive: Any) -> Any:
    """An archive as YAML gives it, with services that stand beside `services` put there.

    Config files of earlier versions have them so. What they say goes before what `services` says:
    that may come from the file that they are merged with.
    """
    if not isinstance(archive, Mapping):
        return archive
    earlier = {name: archive[name] for name in NAMED_EARLIER if name in archive}
    services = archive.get("services", {})
    if not earlier or not isinstance(services, Mapping):
        return archive
    rest = {key: value for key, value in archive.items() if key not in earlier}
    return {**rest, "services": _merged(services, earlier)}


def _merged(before: Any, after: Any) -> Any:
    """Blocks merged key by key, as Snakemake merges config files."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return after
    merged = {key: _merged(before[key], after[key]) for key in before.keys() & after.keys()}
    return {**before, **after, **merged}


ARCHIVES = Named(
    Text(
        ARCHIVE_NAME,
        "an archive's name is of a-z, 0-9, _ and -, and starts with a letter",
    ),
    Block(Archive, "an archive is a block with {keys}"),
    "it is a block of archives by name",
    "names of a-z, 0-9, `_`, `-`",
    at_least=1,
)
