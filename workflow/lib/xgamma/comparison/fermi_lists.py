"""Which sources of two Fermi lists are the same: by name, by cross-reference, by their ellipses.

A link joins a source of the earlier list to one of the later list. In this order a source of the
later list has one by

1. name: both lists have it,
2. reference: one list says that it is the other's source (ASSOC_FGL), which LAT lists have of the
   release before with names of its own,
3. overlap: of two sources that have no link yet, the 95 % ellipses overlap, or the shape of an
   extended one; the nearest in units of the joint ellipse.

That the ellipse of a source without a link overlaps one that has a link is no evidence, and is
only told: between 4FGL-DR4 and FL16Y, at |b| <= 10 deg, 17 such sources do, where lists that are
shifted by 1 to 3 deg give 50; of those that both have no link 41 do, where chance gives 6.

Sources that links join make a group, and what a group is tells by numbers: one and one are `same`
or `renamed`, one and several `split`, several and one `merged`, more are `several`. A source
without a link is `gone` or `new`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xgamma.association.positions import Ellipses
from xgamma.comparison.ellipses import SIGMA_OF_ELLIPSE, joint_distance, overlap
from xgamma.sky import match_within, separation

__all__ = ["FATES", "LINKS", "FermiList", "match_fermi_lists"]

Integers = NDArray[np.int64]

FATES = ("same", "renamed", "split", "merged", "several", "new", "gone")
"""What may be of a source between two lists."""

LINKS = ("name", "reference", "overlap")
"""What joins two sources, the surest first."""

# of an ellipse that stands for one that a list does not have, nothing follows
_OVERLAPPING = ("catalogue", "template")
_SUFFIXES = "ceis"


@dataclass(frozen=True)
class FermiList:
    """A list of n gamma-ray sources.

    Attributes
    ----------
    names : ndarray of str, shape (n,)
        Each once.
    references : ndarray of str, shape (n,)
        Name of the source in an earlier list, '' for none.
    ellipses : Ellipses, n of them
    """

    names: NDArray[np.object_]
    references: NDArray[np.object_]
    ellipses: Ellipses

    @classmethod
    def of(cls, fermi: pd.DataFrame, ellipses: Ellipses) -> FermiList:
        """The list of a catalogue `fermilpsc`; without a column `assoc_fgl` it refers to none."""
        names = fermi["name"].astype(object).to_numpy()
        if "assoc_fgl" in fermi:
            references = fermi["assoc_fgl"].astype(object)
            references = references.where(references.notna(), "").to_numpy()
        else:
            references = np.full(len(names), "", dtype=object)
        return cls(names, references, ellipses)

    def __len__(self) -> int:
        return len(self.names)


def match_fermi_lists(before: FermiList, after: FermiList) -> pd.DataFrame:
    """All links between two lists, and the sources that have none.

    Parameters
    ----------
    before, after : FermiList
        The earlier list and the later one.

    Returns
    -------
    DataFrame
        Sorted by the names, those of the earlier list first:

        `before`, `after` : int
            Rows in the lists, -1 for none.
        `fate` : str
            Of `FATES`.
        `link` : str
            Of `LINKS`, '' without one.
        `first` : bool
            Whether the link is the surest of both sources; of equally sure ones, one between
            error ellipses, then the nearest.
        `separation_deg`, `moved_sigma` : float
            Between the positions, and that in standard deviations of both errors together; NaN
            without a link or, of sigma, without two error ellipses.
        `also_overlaps` : str
            Other sources, of either list, whose ellipses overlap those of the two in the other
            list, as `name, name`.
    """
    links = _sure_links(before, after)
    touching = _overlapping_pairs(before, after)
    links = pd.concat([links, _overlap_links(links, touching)], ignore_index=True)
    first, second = (
        one.ellipses.take(links[side].to_numpy())
        for one, side in ((before, "before"), (after, "after"))
    )
    measured = np.isin(first.origin, "catalogue") & np.isin(second.origin, "catalogue")
    x = joint_distance(first, second)
    links = links.assign(
        separation_deg=separation(first.ra, first.dec, second.ra, second.dec),
        moved_sigma=np.where(measured, SIGMA_OF_ELLIPSE * x, np.nan),
        fate=_fates(links, before, after),
    )
    links["first"] = _surest(links)
    alone = [
        pd.DataFrame(
            {side: rows, other: -1, "fate": fate, "link": "", "first": False}
            | dict.fromkeys(("separation_deg", "moved_sigma"), np.nan)
        )
        for side, other, fate, one in (
            ("before", "after", "gone", before),
            ("after", "before", "new", after),
        )
        for rows in [np.setdiff1d(np.arange(len(one)), links[side])]
    ]
    # of empty frames pandas takes no kinds of columns
    found = pd.concat([part for part in (links, *alone) if len(part)] or [links])
    found["also_overlaps"] = _other_overlaps(found, touching, before, after)
    old, new = (np.append(one.names, "") for one in (before, after))
    order = np.lexsort(
        (new[found["after"]].astype(str), old[found["before"]].astype(str), found["before"] < 0)
    )
    columns = ["before", "after", "fate", "link", "first", "separation_deg", "moved_sigma"]
    return found.iloc[order].reset_index(drop=True)[[*columns, "also_overlaps"]]


def _sure_links(before: FermiList, after: FermiList) -> pd.DataFrame:
    """By name and by reference: at most one for each source of the list that refers."""
    old, new = (dict(zip(one.names, range(len(one)), strict=True)) for one in (before, after))
    links = [(old[name], row, "name") for name, row in new.items() if name in old]
    has_old, has_new = ({link[side] for link in links} for side in (0, 1))
    for row, reference in enumerate(after.references):
        place = _place(reference, old)
        if place is not None and row not in has_new:
            links.append((place, row, "reference"))
    # the later list may be given first: then it is that of the two which refers
    has_old |= {link[0] for link in links}
    for place, reference in enumerate(before.references):
        row = _place(reference, new)
        if row is not None and place not in has_old:
            links.append((place, row, "reference"))
    links.sort(key=lambda link: link[:2])
    rows, others, words = zip(*links, strict=True) if links else ((), (), ())
    return pd.DataFrame(
        {
            "before": np.array(rows, np.int64),
            "after": np.array(others, np.int64),
            "link": np.array(words, object),
        }
    )


def _place(reference: str, names: Mapping[str, int]) -> int | None:
    """Where a list has the source of a reference; suffixes may be left out there."""
    if not reference:
        return None
    if reference in names:
        return names[reference]
    bare = reference.rstrip(_SUFFIXES)
    found = [names[name] for name in (bare, *(bare + s for s in _SUFFIXES)) if name in names]
    return found[0] if len(found) == 1 else None


def _overlapping_pairs(before: FermiList, after: FermiList) -> pd.DataFrame:
    """Pairs of sources whose ellipses overlap, with their distance in the joint ellipse."""
    old, new = before.ellipses, after.ellipses
    usable = [np.isin(one.origin, _OVERLAPPING) & (one.major > 0) for one in (old, new)]
    rows, others = (np.flatnonzero(which) for which in usable)
    old, new = old.take(rows), new.take(others)
    # large ones are few: circles of the size of each, and of the largest of the others
    pairs = []
    large = new.major > 1.0
    for part in (np.flatnonzero(~large), np.flatnonzero(large)):
        if not len(part):
            continue
        reach = (old.major + new.major[part].max()) * 1.0001
        one, other, _ = match_within(old.ra, old.dec, reach, new.ra[part], new.dec[part])
        pairs.append((one, part[other]))
    one, other = (
        np.concatenate([pair[side] for pair in pairs]) if pairs else np.zeros(0, np.int64)
        for side in (0, 1)
    )
    first, second = old.take(one), new.take(other)
    both = overlap(first, second)
    return pd.DataFrame(
        {
            "before": rows[one][both],
            "after": others[other][both],
            "x": joint_distance(first, second)[both],
        }
    )


def _overlap_links(links: pd.DataFrame, touching: pd.DataFrame) -> pd.DataFrame:
    """Of each source without a link, the nearest without one that its ellipse overlaps."""
    free = touching[
        ~touching["before"].isin(links["before"]) & ~touching["after"].isin(links["after"])
    ].sort_values(["x", "before", "after"], kind="stable")
    both = (
        pd.concat([free.drop_duplicates(side) for side in ("before", "after")])
        .drop_duplicates(["before", "after"])
        .sort_values(["after", "before"])
    )
    return both[["before", "after"]].assign(link="overlap")


def _fates(links: pd.DataFrame, before: FermiList, after: FermiList) -> NDArray[np.object_]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(before) + len(after)
    old, new = links["before"].to_numpy(), links["after"].to_numpy()
    graph = coo_array((np.ones(len(links)), (old, new + len(before))), shape=(n, n))
    label = connected_components(graph, directed=False)[1]
    in_old = np.bincount(label[: len(before)], minlength=n)[label[old]]
    in_new = np.bincount(label[len(before) :], minlength=n)[label[old]]
    same = before.names[old] == after.names[new]
    conditions = [(in_old == 1) & (in_new == 1) & same, (in_old == 1) & (in_new == 1)]
    conditions += [in_old == 1, in_new == 1]
    return np.select(conditions, ["same", "renamed", "split", "merged"], "several").astype(object)


def _surest(links: pd.DataFrame) -> NDArray[np.bool_]:
    """Each source in one of them at most: the surest first, then the nearest."""
    rank = links["link"].map({link: rank for rank, link in enumerate(LINKS)})
    # of components of one source, the one that has an error of its own
    without = links["moved_sigma"].isna()
    order = np.lexsort((links["after"], links["before"], links["separation_deg"], without, rank))
    chosen = np.zeros(len(links), bool)
    old, new = links["before"].to_numpy(), links["after"].to_numpy()
    taken_old: set[int] = set()
    taken_new: set[int] = set()
    for row in order:
        if old[row] not in taken_old and new[row] not in taken_new:
            chosen[row] = True
            taken_old.add(old[row])
            taken_new.add(new[row])
    return chosen


def _other_overlaps(
    found: pd.DataFrame, touching: pd.DataFrame, before: FermiList, after: FermiList
) -> list[str]:
    """Names of the sources that overlap without being the link's own."""
    of_old = {row: part for row, part in touching.groupby("before")["after"]}
    of_new = {row: part for row, part in touching.groupby("after")["before"]}
    told = []
    for old, new in zip(found["before"], found["after"], strict=True):
        names = {after.names[row] for row in of_old.get(old, ()) if row != new}
        names |= {before.names[row] for row in of_new.get(new, ()) if row != old}
        own = {before.names[old] if old >= 0 else "", after.names[new] if new >= 0 else ""}
        told.append(", ".join(sorted(names - own)))
    return told
