"""Source classes of the Fermi 4FGL catalogue: order, groups, labels.

4FGL writes a class in capitals when the source is *identified* (pulsations, correlated
variability, a resolved shape) and in small letters when it is only *associated* by position.
The case is information and is kept everywhere.

Classes: Abdollahi et al. 2020, ApJS 247, 33 (4FGL), table 7; Ballet et al. 2023,
arXiv:2307.12546 (4FGL-DR4).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CLASSES",
    "GROUPS",
    "UNCLASSIFIED_LABEL",
    "fold_unknown",
    "group_of",
    "label_of",
    "ordered_classes",
]

Group = Literal["Galactic", "Galactic candidate (spp)", "unclassified", "extragalactic"]

GALACTIC: Group = "Galactic"
CANDIDATE: Group = "Galactic candidate (spp)"
UNCLASSIFIED: Group = "unclassified"
EXTRAGALACTIC: Group = "extragalactic"

GROUPS: tuple[Group, ...] = (GALACTIC, CANDIDATE, UNCLASSIFIED, EXTRAGALACTIC)
"""The four groups in the order of display."""

UNCLASSIFIED_LABEL = "unclassified"
"""What a blank class is called on a figure."""

MOST_UNKNOWN = 20
"""Classes outside the vocabulary that a figure shows one by one."""

# Capitals of 'spp' are 4FGL's as well: six such sources are in the plane.
_VOCABULARY: tuple[tuple[str, Group], ...] = (
    ("GC", GALACTIC),  # Galactic Centre
    ("PSR", GALACTIC),  # young pulsar
    ("MSP", GALACTIC),  # millisecond pulsar
    ("PWN", GALACTIC),  # pulsar wind nebula
    ("SNR", GALACTIC),  # supernova remnant
    ("GLC", GALACTIC),  # globular cluster
    ("HMB", GALACTIC),  # high-mass binary
    ("LMB", GALACTIC),  # low-mass binary
    ("BIN", GALACTIC),  # binary
    ("NOV", GALACTIC),  # nova
    ("SFR", GALACTIC),  # star-forming region
    ("SPP", CANDIDATE),  # supernova remnant or pulsar wind nebula, potentially
    ("", UNCLASSIFIED),  # no association
    ("UNK", UNCLASSIFIED),  # counterpart of unknown nature
    ("BCU", EXTRAGALACTIC),  # active galaxy, blazar candidate of uncertain type
    ("BLL", EXTRAGALACTIC),  # BL Lac object
    ("FSRQ", EXTRAGALACTIC),  # flat-spectrum radio quasar
    ("SSRQ", EXTRAGALACTIC),  # soft-spectrum radio quasar
    ("CSS", EXTRAGALACTIC),  # compact steep-spectrum radio source
    ("RDG", EXTRAGALACTIC),  # radio galaxy
    ("NLSY1", EXTRAGALACTIC),  # narrow-line Seyfert 1 galaxy
    ("SEY", EXTRAGALACTIC),  # Seyfert galaxy
    ("AGN", EXTRAGALACTIC),  # active galaxy, other
    ("SBG", EXTRAGALACTIC),  # starburst galaxy
    ("GAL", EXTRAGALACTIC),  # galaxy, or a part of one
)


def _both_cases(designation: str) -> tuple[str, ...]:
    """Give the identified and the associated spelling, in this order."""
    return (designation, designation.lower()) if designation else ("",)


CLASSES: dict[str, Group] = {
    spelling: group for designation, group in _VOCABULARY for spelling in _both_cases(designation)
}
"""Every known spelling with its group, in the order of display."""

_RANK = {name: rank for rank, name in enumerate(CLASSES)}


def _clean(designation: str) -> str:
    """Strip the blanks with which HEASARC pads a class."""
    return designation.strip()


def group_of(designation: str) -> Group:
    """Tell the group of a class.

    Parameters
    ----------
    designation : str
        A class as 4FGL spells it; blanks around it do not matter.

    Returns
    -------
    str
        One of `GROUPS`. A class that this vocabulary does not hold is 'unclassified': it is
        not known to be one or the other.
    """
    return CLASSES.get(_clean(designation), UNCLASSIFIED)


def label_of(designation: str) -> str:
    """Give the name of a class on a figure: itself, or 'unclassified' when blank."""
    return _clean(designation) or UNCLASSIFIED_LABEL


def fold_unknown(designations: pd.Series) -> pd.Series:
    """Strip classes; if they hold too many unknown ones for a figure, make those one.

    Parameters
    ----------
    designations : Series of str, shape (n,)

    Returns
    -------
    Series of str, shape (n,)
        More than `MOST_UNKNOWN` different classes that the vocabulary lacks have become
        '7195 unknown classes'.
    """
    classes = designations.str.strip()
    unknown = set(classes) - CLASSES.keys()
    if len(unknown) <= MOST_UNKNOWN:
        return classes
    return classes.where(classes.isin(list(CLASSES)), f"{len(unknown)} unknown classes")


def ordered_classes(designations: Iterable[str]) -> list[str]:
    """List the classes that occur, each once, from Galactic to extragalactic.

    Parameters
    ----------
    designations : iterable of str
        Classes of sources, in any order, with or without padding.

    Returns
    -------
    list of str
        Known classes in the order of `CLASSES`, then the others in alphabetical order.
    """
    present = {_clean(designation) for designation in designations}
    return sorted(present, key=lambda name: (_RANK.get(name, len(_RANK)), name))
