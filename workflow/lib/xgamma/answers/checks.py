"""Checks of every answer before it becomes a table: columns, units, positions, keys.

An archive that changes a column's unit, loses a position or repeats a row answers
without an error, and the products would be wrong without one.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from xgamma.errors import XgammaError
from xgamma.tables.printable import shortened

__all__ = ["check_asked", "check_positions", "check_unique", "check_units", "unit_readings"]

logger = logging.getLogger(__name__)

# Longer keys and units are cut in messages.
_MOST_CHARACTERS = 80


def check_asked(
    service: str, table: str, columns: Collection[str], asked: Mapping[str, str]
) -> None:
    """Refuse an answer that lacks a column that was asked for, or has it under another name.

    Parameters
    ----------
    service, table : str
    columns : collection of str
        Those of the answer.
    asked : mapping
        Name asked for -> column of the service that it stands for.

    Raises
    ------
    XgammaError
        Naming what is missing and what came.
    """
    missing = [
        name if name == column else f"{name} ({column})"
        for name, column in asked.items()
        if name not in columns
    ]
    if missing:
        came = shortened(", ".join(columns), 200)
        raise XgammaError(
            f"{service}: the answer for table {table} has no column {', '.join(missing)}, which "
            f"was asked for; it has {came or 'none'}: is the service's URL the right one?"
        )


def unit_readings(text: str) -> list:
    """The units that a service's spelling may mean: as each standard that astropy knows reads it.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of astropy.units.UnitBase
        As VOUnits, CDS's standard and astropy's generic one have it, in this order;
        empty if none can read it.
    """
    from astropy import units as u

    readings = []
    # VOUnits quotes the units that it does not know itself; astropy may
    text = text.replace("'", "")
    with warnings.catch_warnings():
        # a deprecated spelling is still a spelling
        warnings.simplefilter("ignore", u.UnitsWarning)
        for spelling in ("vounit", "cds", "generic"):
            try:
                readings.append(u.Unit(text, format=spelling))
            except (ValueError, TypeError):
                continue
    return readings


def check_units(
    service: str, table: str, units: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    """Refuse units other than those that we rely on; warn of those that are not stated.

    Parameters
    ----------
    service, table : str
        Who answers, and for which table.
    units : mapping of str to str
        Column -> unit as the service spells it; '' or no entry: not stated.
    expected : mapping of str to str
        Column -> unit in astropy's spelling, '' for none. Other columns are not checked.

    Raises
    ------
    XgammaError
        If a stated unit is another one. One that is missing or that astropy cannot read
        is a warning: many services state none.
    """
    unstated, unknown = [], []
    for column, wanted in expected.items():
        stated = units.get(column, "").strip()
        if stated in ("", wanted):
            unstated += [column] if stated != wanted else []
            continue
        readings = unit_readings(stated)
        # takes longer to load than most answers take to be read
        from astropy import units as u

        if not readings:
            unknown.append(f"{column} ({shortened(stated, _MOST_CHARACTERS)})")
        elif u.Unit(wanted) not in readings:
            raise XgammaError(
                f"{service}: {table}: column {column} came in {_shown(stated)}, "
                f"{_shown(wanted) if wanted else 'no unit'} was expected; its numbers would be "
                f"misread, so see the archive's documentation for what changed"
            )
    if unstated:
        logger.warning("%s: %s: no unit stated of %s", service, table, ", ".join(unstated))
    if unknown:
        logger.warning("%s: %s: units not understood: %s", service, table, ", ".join(unknown))


def check_positions(
    service: str, table: str, frame: pd.DataFrame, key: str, ra: str = "ra", dec: str = "dec"
) -> None:
    """Refuse rows whose position is null, infinite or outside the sphere.

    Parameters
    ----------
    service, table : str
    frame : DataFrame
        Holds `key` and the columns `ra` (deg, 0 to 360) and `dec` (deg, -90 to 90), bounds
        included.
    key : str
        The column that names a row in the message.

    Raises
    ------
    XgammaError
        With the number of such rows and the first of them.
    """
    alpha, delta = (
        pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        for name in (ra, dec)
    )
    bad = ~((alpha >= 0) & (alpha <= 360) & (delta >= -90) & (delta <= 90))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise XgammaError(
            f"{service}: rows of {table} without a valid position: {int(bad.sum())}, the "
            f"first is {_shown(frame[key].iloc[first])} at ra {alpha[first]}, dec {delta[first]}"
        )


def check_unique(service: str, table: str, frame: pd.DataFrame, keys: Sequence[str]) -> None:
    """Refuse rows that have their keys in common with an earlier one.

    Parameters
    ----------
    service, table : str
    frame : DataFrame
        Holds the columns `keys`.
    keys : sequence of str
        What together names a row.

    Raises
    ------
    XgammaError
        With the number of such rows and the keys of the first.
    """
    repeated = frame.duplicated(list(keys)).to_numpy()
    if repeated.any():
        first = frame.iloc[int(np.flatnonzero(repeated)[0])]
        named = ", ".join(f"{key} {_shown(first[key])}" for key in keys)
        raise XgammaError(
            f"{service}: rows of {table} that came more than once: {int(repeated.sum())}, the "
            f"first is {named}; ask again, and if it stays, tell the archive"
        )


def _shown(value: object) -> str:
    """A key in a message: text in quotes, numbers as they are."""
    return f"'{shortened(value, _MOST_CHARACTERS)}'" if isinstance(value, str) else str(value)
