"""Probabilities with one input of a run exchanged for that of another run.

The inputs of a source's P, as the words of `INPUTS`:

- position: where Fermi saw it,
- ellipse: the error of that, with its tails,
- flux: the gamma-ray energy flux,
- class: what it may be, by its class or by its spectrum and variability,
- neighbours: the other Fermi sources, which may share its candidates,
- coverage: where Chandra has looked, and how deep,
- density: the Chandra sources that chance puts there, from the field's own and the run's counts,
- candidates: the Chandra sources themselves, with their positions, errors and fluxes,
- model: the shares and flux ratios that the run has learnt, or that its config has fixed.

They are exchanged for all sources at once, and nothing is learnt anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xgamma.association.background import Counts
from xgamma.association.fields import Fields, XraySources, fields_around
from xgamma.association.kinds import KindShares
from xgamma.association.overlaps import joint_probabilities
from xgamma.association.positions import Ellipses
from xgamma.association.posterior import Model, find_candidates, posterior
from xgamma.association.states import states_of
from xgamma.comparison.chandra_lists import ChandraList
from xgamma.coverage.cells import Cells

__all__ = ["INPUTS", "Exchanges", "FermiInputs", "Outcome", "RunInputs", "outcome_of"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INPUTS = (
    "position",
    "ellipse",
    "flux",
    "class",
    "neighbours",
    "coverage",
    "density",
    "candidates",
    "model",
)
"""What P rests on, in the order in which it is told."""

_OF_SOURCES = ("position", "ellipse", "flux", "class")
_POSITION = ("ra", "dec")
_ELLIPSE = ("major", "minor", "angle", "wide_share", "narrow", "wide", "origin")


@dataclass(frozen=True)
class FermiInputs:
    """What P rests on of n Fermi sources.

    Attributes
    ----------
    ellipses : Ellipses, n of them
    log_gamma_flux : ndarray, shape (n,)
        log10 erg/cm2/s.
    shares : KindShares, n of them
    """

    ellipses: Ellipses
    log_gamma_flux: Floats
    shares: KindShares

    def __len__(self) -> int:
        return len(self.log_gamma_flux)

    def take(self, rows: NDArray) -> FermiInputs:
        """Some of the sources."""
        shares = replace(
            self.shares, group=self.shares.group[rows], shares=self.shares.shares[rows]
        )
        return FermiInputs(self.ellipses.take(rows), self.log_gamma_flux[rows], shares)

    def followed_by(self, others: FermiInputs) -> FermiInputs:
        """These sources, then others."""
        return FermiInputs(
            Ellipses(
                *(
                    np.concatenate([values, vars(others.ellipses)[name]])
                    for name, values in vars(self.ellipses).items()
                )
            ),
            np.concatenate([self.log_gamma_flux, others.log_gamma_flux]),
            replace(
                self.shares,
                group=np.concatenate([self.shares.group, others.shares.group]),
                shares=np.concatenate([self.shares.shares, others.shares.shares]),
            ),
        )

    def with_input(
        self, which: str, rows: Integers, others: FermiInputs, of: Integers
    ) -> FermiInputs:
        """With position, ellipse, flux or class of some sources as others have it.

        Parameters
        ----------
        which : str
            'position', 'ellipse', 'flux' or 'class'.
        rows, of : ndarray of int, shape (k,)
            Of these sources it is taken from those of the others.
        """
        if which in ("position", "ellipse"):
            names = _POSITION if which == "position" else _ELLIPSE
            changed = {}
            for name in names:
                changed[name] = vars(self.ellipses)[name].copy()
                changed[name][rows] = vars(others.ellipses)[name][of]
            return replace(self, ellipses=replace(self.ellipses, **changed))
        if which == "flux":
            flux = self.log_gamma_flux.copy()
            flux[rows] = others.log_gamma_flux[of]
            return replace(self, log_gamma_flux=flux)
        group, shares = self.shares.group.copy(), self.shares.shares.copy()
        group[rows], shares[rows] = others.shares.group[of], others.shares.shares[of]
        return replace(self, shares=replace(self.shares, group=group, shares=shares))


@dataclass(frozen=True)
class RunInputs:
    """All that the probabilities of a run rest on.

    Attributes
    ----------
    fermi : FermiInputs
        The sources that were searched.
    chandra : ChandraList
    cells : Cells
        Where Chandra has looked.
    model : Model
        As it was learnt, with the counts.
    """

    fermi: FermiInputs
    chandra: ChandraList
    cells: Cells
    model: Model


@dataclass(frozen=True)
class Outcome:
    """What came out for n Fermi sources.

    Attributes
    ----------
    state : ndarray of str, shape (n,)
        Of `xgamma.association.states.STATES`.
    best : ndarray of int, shape (n,)
        Row of the likeliest candidate in the Chandra list; -1 without candidates.
    best_p : ndarray, shape (n,)
        Its probability; 0 without candidates.
    """

    state: NDArray[np.object_]
    best: Integers
    best_p: Floats

    def take(self, rows: NDArray) -> Outcome:
        """Of some of the sources."""
        return Outcome(self.state[rows], self.best[rows], self.best_p[rows])


@dataclass(frozen=True)
class _Look:
    """Chandra's view of a run: what fields are made of."""

    cells: Cells
    chandra: ChandraList
    model: Model

    def xray(self, chandra: ChandraList) -> XraySources:
        return XraySources.placed(chandra.ra, chandra.dec, chandra.flux, self.cells)

    def fields(self, fermi: FermiInputs) -> Fields:
        return fields_around(
            self.cells,
            self.xray(self.chandra),
            fermi.ellipses,
            fermi.log_gamma_flux,
            self.model.counts,
        )


class Exchanges:
    """What comes out of the first run's inputs with some of them as the second run has them.

    Parameters
    ----------
    before, after : RunInputs
    rows, others : ndarray of int, shape (k,)
        The Fermi sources that both runs have: their rows in `before.fermi` and `after.fermi`,
        each once.
    """

    def __init__(
        self, before: RunInputs, after: RunInputs, rows: Integers, others: Integers
    ) -> None:
        self._before, self._after = before, after
        self._rows, self._others = rows, others
        self._new = np.setdiff1d(np.arange(len(after.fermi)), others)
        self._looks = {
            run: _Look(one.cells, one.chandra, one.model)
            for run, one in (("before", before), ("after", after))
        }
        self._fields: dict[tuple[frozenset[str], str], Fields] = {}
        self._outcomes: dict[frozenset[str], Outcome] = {}

    @property
    def differing(self) -> tuple[str, ...]:
        """Those of `INPUTS` that differ between the runs."""
        before, after = self._before, self._after
        same_list = _same(before.chandra, after.chandra)
        # each has a part in both
        same_look = (
            same_list
            and _same(before.cells, after.cells)
            and before.model.counts == after.model.counts
        )
        gone = len(self._rows) < len(before.fermi)
        differs = {
            "neighbours": gone or len(self._new) > 0,
            "coverage": not same_look,
            "density": not same_look,
            "candidates": not same_list,
            "model": not _same_model(before.model, after.model),
        } | {
            which: not _same(self._fermi(frozenset([which])), before.fermi) for which in _OF_SOURCES
        }
        return tuple(which for which in INPUTS if differs[which])

    def outcome(self, *inputs: str) -> Outcome:
        """What comes out for the k sources.

        Parameters
        ----------
        *inputs : str
            Those of `INPUTS` that are as the second run has them. With `candidates` among them,
            the best ones are rows of the second run's list.
        """
        exchanged = frozenset(inputs)
        if exchanged not in self._outcomes:
            self._outcomes[exchanged] = self._computed(exchanged)
        return self._outcomes[exchanged]

    def _computed(self, exchanged: frozenset[str]) -> Outcome:
        sides = {which: "after" if which in exchanged else "before" for which in INPUTS}
        runs = {"before": self._before, "after": self._after}
        fields = self._fields_of(exchanged, sides["coverage"])
        if sides["density"] != sides["coverage"]:
            fields = _with_density(fields, self._fields_of(exchanged, sides["density"]))
        outcome = _outcome(
            self._fermi(exchanged),
            fields,
            self._looks[sides["coverage"]],
            runs[sides["density"]].model.counts,
            runs[sides["candidates"]].chandra,
            runs[sides["model"]].model,
        )
        linked = np.arange(len(self._rows)) if "neighbours" in exchanged else self._rows
        return outcome.take(linked)

    def _fermi(self, exchanged: frozenset[str]) -> FermiInputs:
        fermi = self._before.fermi
        for which in _OF_SOURCES:
            if which in exchanged:
                fermi = fermi.with_input(which, self._rows, self._after.fermi, self._others)
        if "neighbours" in exchanged:
            fermi = fermi.take(self._rows).followed_by(self._after.fermi.take(self._new))
        return fermi

    def _fields_of(self, exchanged: frozenset[str], side: str) -> Fields:
        """Fields of some inputs; what a source may be is no part of its field."""
        places = exchanged & {"position", "ellipse", "flux", "neighbours"}
        if (places, side) not in self._fields:
            self._fields[places, side] = self._looks[side].fields(self._fermi(places))
        return self._fields[places, side]


def outcome_of(run: RunInputs) -> Outcome:
    """What comes out of a run's own inputs."""
    look = _Look(run.cells, run.chandra, run.model)
    return _outcome(
        run.fermi, look.fields(run.fermi), look, run.model.counts, run.chandra, run.model
    )


def _outcome(
    fermi: FermiInputs,
    fields: Fields,
    coverage: _Look,
    counts: Counts,
    chandra: ChandraList,
    model: Model,
) -> Outcome:
    """What comes out of inputs that may be of several runs."""
    candidates = find_candidates(
        fermi.ellipses,
        fermi.log_gamma_flux,
        fields,
        coverage.xray(chandra),
        (chandra.error_major, chandra.error_minor, chandra.error_angle),
        counts,
    )
    alone = posterior(model, fermi.shares, fields, candidates)
    probability, _, _ = joint_probabilities(
        candidates.source, candidates.xray, alone.weight, alone.rest
    )
    n = len(fermi)
    best, best_p = np.full(n, -1), np.zeros(n)
    # the last that is written stays: the likeliest, of equal ones the first of the list
    order = np.lexsort((-candidates.xray, probability, candidates.source))
    best[candidates.source[order]] = candidates.xray[order]
    best_p[candidates.source[order]] = probability[order]
    state = states_of(
        fields.coverage,
        np.bincount(candidates.source, minlength=n),
        best_p,
        np.bincount(candidates.source, probability, minlength=n),
    )
    return Outcome(state, best, best_p)


def _with_density(fields: Fields, of: Fields) -> Fields:
    """Fields with what another run has counted around the same places."""
    return replace(
        fields,
        listed=of.listed,
        effective_area=of.effective_area,
        reach_deg=of.reach_deg,
        search_area=of.search_area,
    )


def _same(first: object, second: object) -> bool:
    """Whether all arrays of two objects of one class are the same, NaN being one value."""
    for name, values in vars(first).items():
        other = vars(second)[name]
        if hasattr(values, "__dict__"):
            if not _same(values, other):
                return False
        elif isinstance(values, np.ndarray):
            kinds_with_nan = values.dtype.kind == "f"
            if values.shape != other.shape or not np.array_equal(
                values, other, equal_nan=kinds_with_nan
            ):
                return False
        elif values != other:
            return False
    return True


def _same_model(first: Model, second: Model) -> bool:
    return (
        np.array_equal(first.eta, second.eta)
        and first.aimed == second.aimed
        and _same(first.ratios, second.ratios)
    )
