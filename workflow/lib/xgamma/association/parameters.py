"""What the model of a counterpart knows beforehand: kinds, groups, and their stated values.

Plain values: a config may fix each of them by its name, instead of having it learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = [
    "AIMED",
    "AIMED_GROUPS",
    "ETA",
    "GROUPS",
    "KINDS",
    "LOG_WIDTH_ERROR",
    "MEDIAN",
    "MEDIAN_ERROR",
    "PARAMETERS",
    "UNCLASSIFIED",
    "WIDTH",
    "split",
]

KINDS = ("pulsar", "millisecond pulsar", "active galaxy", "high-mass binary", "other binary")
"""Sources with one distribution of flux ratios."""

UNCLASSIFIED = "unclassified"
GROUPS = ("pulsar", "millisecond pulsar", "active galaxy", "binary", "remnant", UNCLASSIFIED)
"""Sources that share one prior probability to have an X-ray counterpart at all. Chandra was pointed
at known pulsars, so the share found for them does not carry over to unclassified sources."""

ETA = (0.9, 0.8, 0.95, 0.95, 0.4, 0.4)
"""That probability for each of `GROUPS`: stated, not measured."""

AIMED_GROUPS = GROUPS[:4]
"""Their objects were known, and Chandra was aimed at many of them."""
AIMED = 0.7
"""Probability that a look at a part of such a source's ellipse was aimed at the object: stated."""

# log10 of X-ray (0.5-7 keV, absorbed) over gamma-ray energy flux (0.1-100 GeV). Pulsars: 50 timing
# positions in CSC 2.1; millisecond pulsars: 9; the others: classified sources of 4FGL-DR4.
MEDIAN = (-3.58, -2.54, -1.1, -2.2, -1.3)
"""Median of the flux ratio of each of `KINDS`, dex."""
WIDTH = (0.62, 0.83, 0.8, 1.3, 1.0)
"""Its width, dex."""
MEDIAN_ERROR = (0.15, 0.3, 0.3, 0.5, 0.5)
"""How well the medians are known beforehand: by how many objects they were measured on."""
LOG_WIDTH_ERROR = (0.15, 0.25, 0.25, 0.3, 0.3)
"""The same for the natural logarithm of the widths."""

PARAMETERS = tuple(
    f"{what}_{name.replace(' ', '_').replace('-', '_')}" if name else what
    for what, names in (
        ("eta", GROUPS),
        ("aimed", ("",)),
        ("median_ratio", KINDS),
        ("ratio_width", KINDS),
    )
    for name in names
)
"""Names of what is learnt on a run's own data."""

_Values = TypeVar("_Values", bound=Sequence)


def split(values: _Values) -> tuple[_Values, _Values, _Values]:
    """Values in the order of `PARAMETERS`: eta and aimed, which are shares; medians; widths."""
    shares, kinds = len(GROUPS) + 1, len(KINDS)
    return values[:shares], values[shares : shares + kinds], values[shares + kinds :]
