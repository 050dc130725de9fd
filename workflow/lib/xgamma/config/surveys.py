"""The settings of a survey: a table of a service, and the columns that are taken from it."""

from __future__ import annotations

from dataclasses import dataclass

from xgamma.config.archives import SERVICE_COLUMN, SERVICE_NAME, SERVICE_TABLE
from xgamma.config.kinds import (
    Block,
    ListOf,
    Named,
    Number,
    Text,
    block,
    setting,
)

__all__ = ["SURVEYS", "SURVEY_NAME", "Identify", "Survey"]

SURVEY_NAME = "[a-z][a-z0-9_]*"
"""What the name of a survey is like, in files too."""


_COLUMN_OR_NOTHING = Text(".{0,100}", "it is a column that `columns` takes", "a column, or nothing")


@dataclass(frozen=True)
class Identify:
    """What of a survey tells whether its object is a Chandra source: columns that `columns` takes.
    See [the method](../docs/method.md#what-is-it).
    """

    magnitude: str = setting(
        _COLUMN_OR_NOTHING,
        default="",
        what="The magnitude: counterparts are brighter than the field. Without it, places decide.",
    )
    errors: tuple[str, ...] = setting(
        ListOf(
            SERVICE_COLUMN,
            "errors are two columns (along right ascension and declination), or three (major and "
            "minor axis, position angle of the major axis)",
            "two or three columns",
            at_most=3,
        ),
        default=[],
        what="Errors of the position, one sigma, in mas, arcsec or deg as the service's "
        "description says: along right ascension and declination, or major axis, minor axis and "
        "position angle (degrees east of north).",
    )
    error_arcsec: float = setting(
        Number("(0, 10]", "an error of a position lies in {range} arcsec"),
        default=0.3,
        what="One sigma on each axis, in arcsec, where `errors` has none.",
    )
    proper_motion: tuple[str, ...] = setting(
        ListOf(
            SERVICE_COLUMN,
            "a proper motion is two columns, along right ascension and declination",
            "two columns",
            at_most=2,
        ),
        default=[],
        what="Proper motion along right ascension (times cos dec) and declination, mas/yr.",
    )
    epoch: str = setting(
        _COLUMN_OR_NOTHING,
        default="",
        what="When the position was measured: a year, a Julian date or an MJD, told by its size.",
    )
    epoch_year: float = setting(
        Number("[1900, 2100]", "an epoch is a year in {range}"),
        default=2000,
        what="The year, where `epoch` has none.",
    )


@dataclass(frozen=True)
class Survey:
    """A table that is searched for counterparts.

    Attributes
    ----------
    name : str
        Name of the survey in files and tables: the key of its block.
    """

    name: str
    service: str = setting(
        Text(
            SERVICE_NAME,
            "a survey's service is the name of one of the archive's services",
            "a name of `services`",
        ),
        what="Which of the archive's `services` holds it.",
    )
    table: str = setting(SERVICE_TABLE, what="The table's name there.")
    id: str = setting(SERVICE_COLUMN, what="The column that names a row.")
    position: tuple[str, ...] = setting(
        ListOf(
            SERVICE_COLUMN,
            "a position is a list of two different columns, right ascension and declination",
            "two columns",
            at_least=2,
            at_most=2,
        ),
        what="The columns of right ascension and declination, ICRS, in degrees.",
    )
    columns: dict[str, str] = setting(
        Named(
            SERVICE_COLUMN,
            Text(
                "[a-z][a-z0-9_]*",
                "a column of a product is of a-z, 0-9 and _, and starts with a letter",
            ),
            "it is a block of service column and product column names",
            "service column: our name",
        ),
        default={},
        what="Further columns and the names they get: a-z, 0-9 and `_`, different from each other "
        "and from the columns that every table of counterparts has.",
    )
    optional: tuple[str, ...] = setting(
        ListOf(
            SERVICE_COLUMN,
            "it is a list of service columns, all of them keys of columns",
            "keys of `columns`",
        ),
        default=[],
        what="Columns that are null, and named in the summary, where the service lacks them. Any "
        "other missing column is an error before anything is fetched.",
    )

    identify: Identify = block(Identify)

    @property
    def ra(self) -> str:
        """The column of right ascension (ICRS, degrees)."""
        return self.position[0]

    @property
    def dec(self) -> str:
        """The column of declination (ICRS, degrees)."""
        return self.position[1]


SURVEYS = Named(
    Text(SURVEY_NAME, "a survey's name is of a-z, 0-9 and _, and starts with a letter"),
    Block(Survey, "a survey is a block with {keys}"),
    "it is a block of surveys by name",
    "names of a-z, 0-9, `_`",
    at_least=1,
    name_as="name",
)
