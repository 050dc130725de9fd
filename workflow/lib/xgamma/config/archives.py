"""The settings of an archive: its services, and the mirrors that stand in for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xgamma.config.check import DEMO_URL
from xgamma.config.kinds import Block, Boolean, Choice, ListOf, Named, Text, Whole, setting

__all__ = [
    "ARCHIVES",
    "ARCHIVE_NAME",
    "SERVICE_COLUMN",
    "SERVICE_TABLE",
    "TAP_URL",
    "Archive",
    "Mirror",
    "MirrorTable",
    "Service",
]

ARCHIVE_NAME = "[a-z][a-z0-9_-]*"
"""What the name of an archive is like."""

_IDENTIFIER = "[A-Za-z][A-Za-z0-9_]*"
_QUOTED = f'("[^"]+"|{_IDENTIFIER})'

SERVICE_TABLE = Text(
    rf"{_IDENTIFIER}(\.{_IDENTIFIER})?",
    "a table's name is of letters, digits and _, with at most one dot",
    "letters, digits, `_`, at most one dot",
)
SERVICE_COLUMN = Text(
    _IDENTIFIER,
    "a column at a service is of letters, digits and _, and starts with a letter",
    "letters, digits, `_`",
)
_RELEASE = Text(
    r".*\S.*", "a release is text; a number such as 2.1 needs quotes", "the service's release"
)
TAP_URL = Text(
    r"(?!.*/a?sync/?$)https?://[^\s/?#@]+(/[^\s?#@]*)?",
    "a TAP service's base URL starts with http:// or https:// and ends before /sync or /async",
    "`http://` or `https://`",
    without_end="/",
)


@dataclass(frozen=True)
class MirrorTable:
    """A table at a mirror, and how its columns are spelt there."""

    table: str = setting(
        Text(
            rf"{_QUOTED}(\.{_QUOTED}){{0,2}}",
            "a table's name is of letters, digits and _, or in double quotes within single ones",
            "as ADQL needs it",
        ),
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
            Text(
                _QUOTED,
                "a column of a mirror is of letters, digits and _, or in double quotes within "
                "single ones",
            ),
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


_SERVICE: dict[str, Any] = {
    "kind": Block(Service, "a service is a block with {keys}", "the keys below"),
    "what": "The TAP service that holds the tables of HEASARC (Chandra, Fermi), of the Gaia "
    "archive, of IRSA (2MASS).",
    "row": "<service>",
}


@dataclass(frozen=True)
class Archive:
    """Three services, and whether their sky is simulated."""

    simulated: bool = setting(
        Boolean(),
        what="Whether the sky is simulated; every figure says so. Required, so that nobody takes "
        "one for the other.",
    )
    heasarc: Service = setting(**_SERVICE)
    gaia: Service = setting(**_SERVICE)
    irsa: Service = setting(**_SERVICE)


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
