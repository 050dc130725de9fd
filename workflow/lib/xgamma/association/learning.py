"""What the run's own data say of the model: how often a counterpart exists, and how bright it is.

Learnt are eta of each group, and median and width of the flux ratio of each kind: the values under
which the data are most likely, the stated ones counting as data too. For few sources the stated
values rule, and the more there are, the less they do. Truth takes no part: the likelihood of a
Fermi source is SUM_i W_i + R (see `posterior`), over all that it may be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xgamma.association.fields import Fields
from xgamma.association.flux_ratios import FluxRatios
from xgamma.association.kinds import KindShares
from xgamma.association.parameters import (
    GROUPS,
    KINDS,
    LOG_WIDTH_ERROR,
    MEDIAN_ERROR,
    PARAMETERS,
    split,
)
from xgamma.association.posterior import (
    ByKind,
    Candidates,
    Model,
    aimed_factor,
    aimed_share,
    posterior,
)

__all__ = ["LEAST_WEIGHT", "Fit", "fit_model"]

Floats = NDArray[np.float64]

# as so many sources count the stated shares; of medians and widths, `parameters` has the errors
_SHARE_STRENGTH = 10.0
# shares are kept from the ends, where its logarithm ends
_LEAST_SHARE = 1e-3
LEAST_WEIGHT = 1e-6
"""Candidates of less weight against all else of their source change no value."""
# of the differences that stand for derivatives by median and width
_STEP = 1e-4


@dataclass(frozen=True)
class Fit:
    """A model with how well it is known.

    Attributes
    ----------
    model : Model
    value, error : dict of str to float
        By the names of `PARAMETERS`; the error is NaN where a value was fixed.
    sources : dict of str to int
        Fermi sources with coverage behind each value: of the group, or that may be of the kind.
    fixed : tuple of str
        The values that a user has fixed.
    """

    model: Model
    value: Mapping[str, float]
    error: Mapping[str, float]
    sources: Mapping[str, int]
    fixed: tuple[str, ...]


def fit_model(
    start: Model,
    shares: KindShares,
    fields: Fields,
    candidates: Candidates,
    fixed: Mapping[str, float],
    *,
    errors: bool = True,
) -> Fit:
    """The most likely model.

    Parameters
    ----------
    start : Model
        The stated one.
    shares : KindShares, n sources
    fields : Fields, n of them
    candidates : Candidates
    fixed : mapping
        One of those names -> value that is not learnt.
    errors : bool
        False: the errors, which take as long as the model, are left NaN.

    Returns
    -------
    Fit
    """
    from scipy.optimize import minimize

    task = _Task(start, shares, fields, candidates)
    free = np.array([name not in fixed for name in PARAMETERS])
    best = np.where(
        free,
        _to_free_scale(_values(start)),
        _to_free_scale(np.array([fixed.get(name, 0.5) for name in PARAMETERS])),
    )

    def loss(at: Floats) -> tuple[float, Floats]:
        everything = best.copy()
        everything[free] = at
        value, slope = task.loss(everything)
        return value, slope[free]

    error = np.full(len(PARAMETERS), np.nan)
    if free.any():
        found = minimize(loss, best[free], jac=True, method="L-BFGS-B")
        best[free] = found.x
        if errors:
            error[free] = _errors(lambda at: loss(at)[1], found.x)
    # what is fixed stays as it was given, 0 and 1 too
    held = np.array([fixed.get(name, 0.0) for name in PARAMETERS])
    value = np.where(free, _from_free_scale(best), held)
    # from the free scale: an error of the logit, or of the logarithm
    share, _, width = split(value)
    shares_error, median_error, width_error = split(error)
    error = np.concatenate([shares_error * share * (1 - share), median_error, width_error * width])
    return Fit(
        _model(start, value),
        dict(zip(PARAMETERS, value.tolist(), strict=True)),
        dict(zip(PARAMETERS, error.tolist(), strict=True)),
        _numbers(shares, fields),
        tuple(name for name in PARAMETERS if name in fixed),
    )


def _values(model: Model) -> Floats:
    return np.concatenate([model.eta, [model.aimed], model.ratios.median, model.ratios.width])


def _to_free_scale(values: Floats) -> Floats:
    share, median, width = split(values)
    share = np.clip(share, _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.concatenate([np.log(share / (1 - share)), median, np.log(width)])


def _from_free_scale(free: Floats) -> Floats:
    share, median, width = split(free)
    return np.concatenate([1 / (1 + np.exp(-share)), median, np.exp(width)])


def _model(start: Model, values: Floats) -> Model:
    share, median, width = split(values)
    ratios = start.ratios.with_values(median, width)
    return replace(start, eta=share[:-1], aimed=float(share[-1]), ratios=ratios)


class _Task:
    """The negative logarithm of the data's likelihood, times that of the stated values."""

    def __init__(
        self, start: Model, shares: KindShares, fields: Fields, candidates: Candidates
    ) -> None:
        seen = np.flatnonzero(fields.coverage > 0)
        row = np.full(len(fields.coverage), -1)
        row[seen] = np.arange(len(seen))
        before = posterior(start, shares, fields, candidates)
        counts = (before.probability > LEAST_WEIGHT) & (row[candidates.source] >= 0)
        few = candidates.take(counts)
        self._source = row[few.source]
        self._shares = KindShares(shares.group[seen], shares.shares[seen], shares.teachers)
        self._coverage = fields.coverage[seen]
        self._by_kind = ByKind(few, fields.take(seen))
        self._start = start
        self._stated = _values(start)
        self._stated_free = _to_free_scale(self._stated)

    def loss(self, free: Floats) -> tuple[float, Floats]:
        """The value and its slope in each direction."""
        model = _model(self._start, _from_free_scale(free))
        groups, kinds = len(GROUPS), len(KINDS)
        group, coverage = self._shares.group, self._coverage
        eta = model.eta[group]
        gain = np.zeros(len(eta))
        # of each median and width, how the gain changes: only its own kind does
        changes = np.empty((2 * kinds, len(eta)))
        for kind in range(kinds):
            of_kind = self._gain_of_kind(model.ratios, kind)
            gain += of_kind
            for place, (median, width) in enumerate(((_STEP, 1.0), (0.0, 1 + _STEP))):
                moved = model.ratios.with_values(
                    model.ratios.median + median, model.ratios.width * width
                )
                change = self._gain_of_kind(moved, kind) - of_kind
                changes[place * kinds + kind] = change / _STEP
        factor = aimed_factor(coverage, group, model.aimed)
        total = 1 + eta * factor * gain
        slope = np.empty(len(free))
        slope[:groups] = np.bincount(
            group, eta * (1 - eta) * factor * gain / total, minlength=groups
        )
        # the factor is linear in what it rests on
        by_aimed = (factor - 1) / model.aimed
        slope[groups] = (model.aimed * (1 - model.aimed) * by_aimed * eta * gain / total).sum()
        slope[groups + 1 :] = changes @ (eta * factor / total)
        share = np.append(model.eta, model.aimed)
        log_stated, stated_slope = self._stated_log(share, free)
        return float(-np.log(total).sum() - log_stated), -slope - stated_slope

    def _gain_of_kind(self, ratios: FluxRatios, kind: int) -> Floats:
        """SUM_i f q_k / n - D, the kind's share of it: how its source gains by a counterpart."""
        ratio, listed = self._by_kind.of(ratios, kind)
        share = self._shares.shares[:, kind]
        return share * (np.bincount(self._source, ratio, minlength=len(share)) - listed)

    def _stated_log(self, share: Floats, free: Floats) -> tuple[float, Floats]:
        """Logarithm of the stated values' probability, and its slope."""
        stated, _, _ = split(self._stated)
        value = _SHARE_STRENGTH * (stated * np.log(share) + (1 - stated) * np.log(1 - share)).sum()
        change = (free - self._stated_free)[len(share) :]
        known = np.array([*MEDIAN_ERROR, *LOG_WIDTH_ERROR])
        slope = np.concatenate([_SHARE_STRENGTH * (stated - share), -change / known**2])
        return float(value - 0.5 * ((change / known) ** 2).sum()), slope


def _errors(slope: Callable[[Floats], Floats], at: Floats) -> Floats:
    """Standard errors from the curvature at the best values."""
    step = 1e-3
    steps = step * np.eye(len(at))
    curvature = np.array([(slope(at + s) - slope(at - s)) / (2 * step) for s in steps])
    covariance = np.linalg.pinv((curvature + curvature.T) / 2)
    return np.sqrt(np.maximum(np.diag(covariance), 0))


def _numbers(shares: KindShares, fields: Fields) -> dict[str, int]:
    seen = fields.coverage > 0
    by_group = [int((seen & (shares.group == group)).sum()) for group in range(len(GROUPS))]
    # where a part was seen, and the object known
    aimed = int((aimed_share(fields.coverage, shares.group, 1.0) > 0).sum())
    by_kind = [int((seen & (shares.shares[:, k] > 0.5)).sum()) for k in range(len(KINDS))]
    return dict(zip(PARAMETERS, [*by_group, aimed, *by_kind, *by_kind], strict=True))
