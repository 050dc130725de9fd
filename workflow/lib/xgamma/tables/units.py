"""Units of columns, in the spelling of astropy and of VOUnits.

astropy takes 0.2 s of CPU to load, more than most jobs have to do: the units that our columns have
are written down here, and it is asked for others only. A test holds the two together.
"""

from __future__ import annotations

import functools
import warnings

__all__ = ["canonical", "is_known", "read_unit", "vounit"]

# astropy's spelling -> VOUnits'
_KNOWN = {
    "": "",
    "deg": "deg",
    "arcmin": "arcmin",
    "arcsec": "arcsec",
    "mas": "mas",
    "mag": "mag",
    "s": "s",
    "d": "d",
    "yr": "yr",
    "keV": "keV",
    "deg2": "deg**2",
    "1 / s": "s**-1",
    "1 / deg2": "deg**-2",
    "1 / arcmin2": "arcmin**-2",
    "mas / yr": "mas.yr**-1",
    "erg / (s cm2)": "erg.s**-1.cm**-2",
}
# the same the other way round
_OF_VOUNITS = {in_vo: unit for unit, in_vo in _KNOWN.items()} | {
    "cm**-2.s**-1": "1 / (s cm2)",
    "erg.cm**-2.s**-1": "erg / (s cm2)",
}
# what all standards spell in one way
_SIMPLE = {"", "deg", "arcmin", "arcsec", "mas", "mag", "s", "d", "yr", "keV"}


def read_unit(text: str, standard: str) -> str:
    """A unit in astropy's spelling from that of a standard; as it is, if it is none.

    Parameters
    ----------
    text : str
    standard : {'vounit', 'cds'}
    """
    if text in _SIMPLE:
        return text
    if standard == "vounit" and text in _OF_VOUNITS:
        return _OF_VOUNITS[text]
    from astropy import units as u

    with warnings.catch_warnings():
        # a deprecated spelling is still one
        warnings.simplefilter("ignore", u.UnitsWarning)
        return str(u.Unit(text, format=standard, parse_strict="silent"))


def is_known(unit: str) -> bool:
    """Whether it is one of the units that our columns have, in astropy's spelling."""
    return unit in _KNOWN


def canonical(unit: str) -> str:
    """A unit as astropy writes it; as it is, if astropy cannot read it."""
    if unit in _KNOWN:
        return unit
    from astropy import units as u

    with warnings.catch_warnings():
        # a deprecated spelling is still one
        warnings.simplefilter("ignore", u.UnitsWarning)
        return str(u.Unit(unit, parse_strict="silent"))


def vounit(unit: str) -> str:
    """A unit of a column as VOTable wants it: the spelling of VOUnits.

    Parameters
    ----------
    unit : str
        In the spelling of astropy. What astropy cannot read stays as it is, and what VOUnits
        does not know is in its quotes: ``electron / s`` becomes ``'electron'.s**-1``.
    """
    if unit in _KNOWN:
        return _KNOWN[unit]
    from astropy import units as u

    try:
        read = u.Unit(unit)
    except (ValueError, TypeError):
        return unit
    parts = []
    for base, power in zip(read.bases, read.powers, strict=True):
        known = (name for name in base.names if _is_vounit(name))
        name = next(known, f"'{base.name}'")
        parts.append(name if power == 1 else f"{name}**{power}")
    return ("" if read.scale == 1 else f"{read.scale:g}") + ".".join(parts)


@functools.cache
def _is_vounit(name: str) -> bool:
    from astropy import units as u

    with warnings.catch_warnings():
        # a deprecated unit, such as erg, is still one
        warnings.simplefilter("ignore", u.UnitsWarning)
        try:
            u.Unit(name, format="vounit")
        except ValueError:
            return False
    return True
