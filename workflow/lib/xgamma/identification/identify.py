"""Which object of each survey a Chandra source is, or none: the parts put together.

A hypothesis h about a source chooses at most one object of each survey. With the share s_p of
sources whose counterpart is listed in just the surveys of the pattern p, its weight is

    w(h) = s_p(h) O(h) q_p(mag) / f(mag) PROD F(G - S) / F(G) ,    F = n O ,

O the density of the positions if they are one place (`hypotheses`), F what the field gives
(`links`), n its density there (`densities`). q and f are how the magnitude of the first object
that is chosen is distributed among counterparts of that pattern, and among such objects of the
field; q / f is 1 where too few counterparts are known. The choice of nothing has s_0. Weights are
normalised to probabilities. In one survey, and without magnitudes, that is Sutherland and
Saunders' likelihood ratio (1992, MNRAS 259, 413); with circular errors, no links, one density and
s_p / s_0 for the completeness it is NWAY's (Salvato et al. 2018, MNRAS 473, 4937).

Where Chandra's error is large, the counterpart may lie beyond the match radius: with the
probability 1 - c (`ellipses.share_within`). Then nothing of it is seen: the choice of nothing has
s_0 + (1 - s_0) (1 - c), and of its probability the latter part is of counterparts not searched.

The shares s are learnt on the run by expectation and maximisation, in groups of sources by the
density of the field (three) and by X-ray flux, since counterparts of bright sources are brighter; q
is learnt by X-ray flux.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xgamma.identification.densities import (
    KEPT_SHARE,
    count_in_rings,
    magnitude_bins,
    magnitude_shares,
    shrunk_densities,
)
from xgamma.identification.ellipses import circular, motion_covariance, share_within
from xgamma.identification.hypotheses import (
    Hypotheses,
    Neighbours,
    enumerate_hypotheses,
    posterior,
    sum_by,
)
from xgamma.identification.links import Groups, Objects, field_factors, link
from xgamma.sky import match_within, position_angle

__all__ = [
    "Identification",
    "Model",
    "Sources",
    "identify",
    "shifted_places",
    "shifted_probabilities",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# positions that scatter more than 7 sigma about one place are not one object
_LARGEST_CHI2 = 49.0
# sources that the stated shares (all patterns alike) and the run's shares count for
_STATED_WEIGHT, _RUN_WEIGHT = 4.0, 40.0
_DENSITY_GROUPS = 3
_STEPS, _CONVERGED = 200, 1e-7
# magnitudes are used from so many secure counterparts on, and count beside so many of the field:
# enough that no bin is empty, few enough that the field's stars do not pass for counterparts
_FEWEST_SECURE, _SECURE = 50, 0.9
_FIELD_WEIGHT = 3.0
# places tried around each source, at twice the radius in which counterparts are searched
_SHIFTS = 6


@dataclass(frozen=True)
class Sources:
    """The Chandra sources.

    Attributes
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS, degrees.
    covariance : ndarray, shape (n, 3)
        Of the position, arcsec2.
    epoch, epoch_spread : ndarray, shape (n,)
        When they were observed, years: mean and standard deviation.
    match_arcsec, field_arcsec : ndarray, shape (n,)
        The counterpart is searched within the first; field objects are counted between both. The
        surveys are complete within the second.
    cell : ndarray of int, shape (n,)
        Cell of the sky.
    flux_group : ndarray of int, shape (n,), optional
        Group of X-ray flux, from 0; without it all are in one.
    """

    ra: Floats
    dec: Floats
    covariance: Floats
    epoch: Floats
    epoch_spread: Floats
    match_arcsec: Floats
    field_arcsec: Floats
    cell: Integers
    flux_group: Integers | None = None

    def __len__(self) -> int:
        return len(self.ra)


@dataclass(frozen=True)
class Model:
    """What a run learns.

    Attributes
    ----------
    shares : ndarray, shape (groups, 2**surveys)
        s above, by group of sources and pattern: three groups of field density for each of flux.
    group_edges : ndarray
        Field densities (per arcsec2) between the groups.
    counterpart_magnitudes, field_magnitudes : ndarray, shape (kinds, bins)
        q and f, the magnitude being that of the pattern's first survey. Where too few are secure,
        q is f. Kinds are the patterns of the first group of flux, then of the next.
    secure : ndarray of int, shape (kinds,)
        Counterparts of each kind that are secure by position.
    """

    shares: Floats
    group_edges: Floats
    counterpart_magnitudes: Floats
    field_magnitudes: Floats
    secure: Integers


@dataclass(frozen=True)
class Identification:
    """What came out.

    Attributes
    ----------
    neighbours : list of Neighbours
        Of each survey, the objects within the match radius at the source's epoch.
    probability : list of ndarray
        For each of these rows, that the object is the source.
    p_any : ndarray, shape (n, surveys)
        That the source is listed in the survey, within the match radius or beyond.
    pattern : ndarray, shape (n, 2**surveys)
        That it is listed in just these surveys.
    density : ndarray, shape (n, surveys)
        Objects of the survey per arcsec2 around.
    group : ndarray of int, shape (n,)
        The row of the model's shares that holds for each source.
    groups : Groups
    model : Model
    """

    neighbours: list[Neighbours]
    probability: list[Floats]
    p_any: Floats
    pattern: Floats
    density: Floats
    group: Integers
    groups: Groups
    model: Model


@dataclass(frozen=True)
class _Field:
    """Surveys, groups and densities, as both sources and shifted places need them."""

    surveys: list[Objects]
    groups: Groups
    log_density: Floats  # of each source and pattern
    group: Integers
    magnitude_bin: list[Integers]  # of each survey's objects
    magnitudes: Floats  # of groups of each pattern, the share of each bin in each survey
    beyond: Floats  # of each source, 1 - c


def identify(sources: Sources, surveys: Sequence[Objects]) -> Identification:
    """Give each object around Chandra sources the probability that it is the source.

    Parameters
    ----------
    sources : Sources
    surveys : sequence of Objects
        Best positions and motions first.
    """
    return _identify(sources, surveys)[0]


def _identify(sources: Sources, surveys: Sequence[Objects]) -> tuple[Identification, _Field]:
    groups = link(surveys)
    surveys = _with_motion_of_groups(surveys, groups)
    counts, area, in_field = count_in_rings(
        sources.ra, sources.dec, sources.match_arcsec, sources.field_arcsec, surveys, groups
    )
    density = shrunk_densities(counts, area, sources.cell)
    of_all = density[:, 1:].sum(axis=1)
    quantiles = np.arange(1, _DENSITY_GROUPS) / _DENSITY_GROUPS
    edges = np.quantile(of_all, quantiles) if len(of_all) else np.zeros(_DENSITY_GROUPS - 1)
    group = np.digitize(of_all, edges)
    if sources.flux_group is not None:
        group = group + _DENSITY_GROUPS * sources.flux_group
    bins = [magnitude_bins(objects.magnitude) for objects in surveys]
    field = _Field(
        surveys, groups, np.log(density), group, bins,
        _field_magnitudes(groups, bins, in_field),
        1 - share_within(sources.covariance, sources.match_arcsec),
    )  # fmt: skip
    neighbours = _neighbours(sources, surveys)
    hypotheses = enumerate_hypotheses(sources.covariance, neighbours, _LARGEST_CHI2)
    model, probability = _learn(hypotheses, neighbours, field, edges)
    number = len(surveys)
    pattern = _patterns(hypotheses, probability, field, model.shares)
    in_survey = (np.arange(2**number)[:, None] >> np.arange(number)) & 1
    return (
        Identification(
            neighbours=neighbours,
            probability=[
                sum_by(hypotheses.row[:, survey], probability, len(near.source))
                for survey, near in enumerate(neighbours)
            ],
            p_any=pattern @ in_survey,
            pattern=pattern,
            density=density @ in_survey,
            group=field.group,
            groups=groups,
            model=model,
        ),
        field,
    )


def shifted_probabilities(
    sources: Sources, surveys: Sequence[Objects]
) -> tuple[Identification, Floats]:
    """Identify sources, and show how likely chance passes for a counterpart.

    Six places around each source, twice its match radius away, are identified in its stead: with
    the same errors, densities and learnt values. What is found there is there by chance.

    Parameters
    ----------
    sources, surveys
        As in `identify`; three match radii must lie within the field's radius.

    Returns
    -------
    identification : Identification
        Of the sources.
    p_any : ndarray, shape (n, places, surveys)
        At the shifted places.
    """
    found, field = _identify(sources, surveys)
    count, number = len(sources), len(surveys)
    ra, dec = shifted_places(sources.ra, sources.dec, 2 * sources.match_arcsec)
    parent = np.repeat(np.arange(count), _SHIFTS)
    places = replace(
        sources,
        ra=ra.ravel(),
        dec=dec.ravel(),
        **{
            name: getattr(sources, name)[parent]
            for name in (
                "covariance", "epoch", "epoch_spread", "match_arcsec", "field_arcsec", "cell"
            )
        },
    )  # fmt: skip
    field = replace(
        field,
        log_density=field.log_density[parent],
        group=field.group[parent],
        beyond=field.beyond[parent],
    )
    neighbours = _neighbours(places, field.surveys)
    hypotheses = enumerate_hypotheses(places.covariance, neighbours, _LARGEST_CHI2)
    probability = _weigh(hypotheses, _Choices.of(hypotheses, neighbours, field), field, found.model)
    p_any = np.stack(
        [
            np.bincount(
                hypotheses.source,
                weights=probability * (hypotheses.row[:, survey] >= 0),
                minlength=len(places),
            )
            for survey in range(number)
        ],
        axis=-1,
    )
    return found, p_any.reshape(count, _SHIFTS, number)


def shifted_places(ra: Floats, dec: Floats, reach_arcsec: Floats) -> tuple[Floats, Floats]:
    """Six places around each, degrees, shape (n, 6): the first one north, then by the east."""
    angle = np.radians(np.arange(_SHIFTS) * 360 / _SHIFTS)
    reach = np.radians(reach_arcsec[:, None] / 3600)
    up, north = np.cos(reach), np.sin(reach) * np.cos(angle)
    sin_dec, cos_dec = np.sin(np.radians(dec[:, None])), np.cos(np.radians(dec[:, None]))
    # on axes towards the source's meridian, east of it, and the pole: across a pole, too
    x, y = cos_dec * up - sin_dec * north, np.sin(reach) * np.sin(angle)
    z = sin_dec * up + cos_dec * north
    turned = np.degrees(np.arctan2(y, x))
    return (ra[:, None] + turned) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def _with_motion_of_groups(surveys: Sequence[Objects], groups: Groups) -> list[Objects]:
    """The surveys, linked objects with the motion of the first member that has one."""
    moved = [
        replace(objects, motion=objects.motion.copy(), motion_sigma=objects.motion_sigma.copy())
        for objects in surveys
    ]
    for number, objects in enumerate(moved):
        for earlier in range(number):
            partner = groups.members[groups.of[number], earlier]
            still = (objects.motion == 0).all(axis=1)
            rows = np.flatnonzero((partner >= 0) & still)
            objects.motion[rows] = moved[earlier].motion[partner[rows]]
            known = rows[(objects.motion[rows] != 0).any(axis=1)]
            objects.motion_sigma[known] = moved[earlier].motion_sigma[partner[known]]
    return moved


def _neighbours(sources: Sources, surveys: Sequence[Objects]) -> list[Neighbours]:
    """Objects within the match radius at the sources' epochs."""
    found = []
    for objects in surveys:
        source, row, apart = match_within(
            sources.ra, sources.dec, sources.field_arcsec / 3600, objects.ra, objects.dec
        )
        angle = np.radians(
            position_angle(
                sources.ra[source], sources.dec[source], objects.ra[row], objects.dec[row]
            )
        )
        years = sources.epoch[source] - objects.epoch[row]
        east = 3600 * apart * np.sin(angle) + years * objects.motion[row, 0]
        north = 3600 * apart * np.cos(angle) + years * objects.motion[row, 1]
        near = np.flatnonzero(np.hypot(east, north) <= sources.match_arcsec[source])
        source, row, east, north, years = (
            values[near] for values in (source, row, east, north, years)
        )
        covariance = objects.covariance[row] + circular(objects.motion_sigma[row] * years)
        of_source = motion_covariance(*objects.motion[row].T, sources.epoch_spread[source])
        found.append(Neighbours(source, row, east, north, covariance, of_source))
    return found


def _first_survey(pattern: Integers) -> Integers:
    """The lowest bit of each pattern, by number; 0 for pattern 0."""
    lowest = pattern & -pattern
    return np.where(pattern > 0, np.log2(np.maximum(lowest, 1)).astype(np.int64), 0)


def _field_magnitudes(groups: Groups, bins: list[Integers], in_field: Integers) -> Floats:
    """f: of the field's groups of each pattern and each of their surveys, the bins' shares."""
    patterns = 2 ** len(bins)
    # what no group has is not used
    shares = np.ones((patterns, len(bins), len(magnitude_shares(np.zeros(0, dtype=np.int64)))))
    pattern = groups.pattern[in_field]
    for number in range(1, patterns):
        members = groups.members[in_field[pattern == number]]
        for survey, of_objects in enumerate(bins):
            if number >> survey & 1:
                shares[number, survey] = magnitude_shares(of_objects[members[:, survey]])
    return shares


@dataclass(frozen=True)
class _Choices:
    """What hypotheses choose: patterns, objects; of the first one the magnitude's bin and ln f.

    A kind is a pattern of the sources of one group of flux: their number times the patterns, and
    the pattern.
    """

    pattern: Integers
    kind: Integers
    objects: Integers
    bins: Integers
    log_field_magnitude: Floats

    @classmethod
    def of(cls, hypotheses: Hypotheses, neighbours: list[Neighbours], field: _Field) -> _Choices:
        objects = np.full(hypotheses.row.shape, -1)
        for survey, near in enumerate(neighbours):
            rows = np.flatnonzero(hypotheses.row[:, survey] >= 0)
            objects[rows, survey] = near.object[hypotheses.row[rows, survey]]
        pattern = hypotheses.pattern
        first = _first_survey(pattern)
        bins = np.zeros(len(pattern), dtype=np.int64)
        log_f = np.zeros(len(pattern))
        for survey, of_objects in enumerate(field.magnitude_bin):
            rows = np.flatnonzero((first == survey) & (pattern > 0))
            chosen = objects[rows, survey]
            bins[rows] = of_objects[chosen]
            group = field.groups.of[survey][chosen]
            log_f[rows] = np.log(field.magnitudes[field.groups.pattern[group], survey, bins[rows]])
        flux_group = field.group[hypotheses.source] // _DENSITY_GROUPS
        kind = flux_group * len(field.magnitudes) + pattern
        return cls(pattern, kind, objects, bins, log_f)


def _log_field(hypotheses: Hypotheses, choices: _Choices, field: _Field) -> Floats:
    """ln O + ln PROD F(G - S) / F(G) of each hypothesis."""
    return hypotheses.log_overlap + field_factors(
        hypotheses, choices.objects, field.groups, field.log_density
    )


def _weigh(hypotheses: Hypotheses, choices: _Choices, field: _Field, model: Model) -> Floats:
    """The probability of each hypothesis."""
    return posterior(
        hypotheses.source,
        _log_field(hypotheses, choices, field) + _log_prior(hypotheses, choices, field, model),
    )


def _log_prior(
    hypotheses: Hypotheses,
    choices: _Choices,
    field: _Field,
    model: Model,
    own: Floats | None = None,
) -> Floats:
    """ln s_p q_p(mag) / f(mag) of each hypothesis.

    `own` is with which probability each has told what q is: that is taken out of its own q, since
    no object is the likelier for being there.
    """
    pattern = choices.pattern
    source = hypotheses.source
    share = model.shares[field.group[source], pattern]
    nothing = share + (1 - share) * field.beyond[source]
    share = np.where(pattern > 0, share, nothing)
    kind = choices.kind
    magnitude = model.counterpart_magnitudes[kind, choices.bins]
    if own is not None:
        total = np.bincount(kind, own, minlength=len(model.secure))[kind] + _FIELD_WEIGHT
        least = _FIELD_WEIGHT * np.exp(choices.log_field_magnitude)
        others = np.maximum(total * magnitude - own * KEPT_SHARE, least)
        magnitude = others / (total - own)
    known = _has_magnitudes(model.secure, model.shares.shape[1])[kind]
    evidence = np.log(magnitude) - choices.log_field_magnitude
    return np.log(share) + np.where(known, evidence, 0.0)


def _has_magnitudes(secure: Integers, patterns: int) -> NDArray[np.bool_]:
    """Of which kinds enough counterparts are secure for their magnitudes to count."""
    return (secure >= _FEWEST_SECURE) & (np.arange(len(secure)) % patterns > 0)


def _learn(
    hypotheses: Hypotheses,
    neighbours: list[Neighbours],
    field: _Field,
    edges: Floats,
) -> tuple[Model, Floats]:
    """Shares and magnitudes by expectation and maximisation, and the probabilities they give."""
    choices = _Choices.of(hypotheses, neighbours, field)
    patterns = len(field.magnitudes)
    first = _first_survey(np.arange(patterns))
    field_magnitudes = field.magnitudes[np.arange(patterns), first]
    stated = np.full(patterns, 1 / patterns)
    flux_groups = int(field.group.max(initial=0)) // _DENSITY_GROUPS + 1
    number = _DENSITY_GROUPS * flux_groups
    field_magnitudes = np.tile(field_magnitudes, (flux_groups, 1))
    kinds = len(field_magnitudes)
    # magnitudes play no part at first: no counterpart is secure yet
    model = Model(
        np.tile(stated, (number, 1)), edges, field_magnitudes, field_magnitudes,
        np.zeros(kinds, dtype=np.int64),
    )  # fmt: skip
    log_field = _log_field(hypotheses, choices, field)
    known = np.zeros(kinds, dtype=bool)
    probability, own = np.zeros(len(hypotheses.source)), None
    for with_magnitudes in (False, True):
        for _ in range(_STEPS):
            log_prior = _log_prior(hypotheses, choices, field, model, own)
            probability = posterior(hypotheses.source, log_field + log_prior)
            patterns_of_sources = _patterns(hypotheses, probability, field, model.shares)
            shares = _learnt_shares(field.group, number, patterns_of_sources, stated)
            change = np.abs(shares - model.shares).max()
            model = replace(model, shares=shares)
            if known.any():
                magnitudes = _learnt_magnitudes(choices, probability, field_magnitudes, known)
                change = max(change, np.abs(magnitudes - model.counterpart_magnitudes).max())
                model, own = replace(model, counterpart_magnitudes=magnitudes), probability
            if change < _CONVERGED:
                break
        if not with_magnitudes:
            secure = np.bincount(choices.kind[probability > _SECURE], minlength=kinds)
            known = _has_magnitudes(secure, patterns)
            model = replace(model, secure=secure)
            if not known.any():
                break
    return model, probability


def _patterns(hypotheses: Hypotheses, probability: Floats, field: _Field, shares: Floats) -> Floats:
    """Probability of each pattern for each source, counterparts beyond the search among them."""
    count, patterns = len(field.beyond), shares.shape[1]
    cell = hypotheses.source * patterns + hypotheses.pattern
    found = np.bincount(cell, weights=probability, minlength=count * patterns)
    found = found.reshape(count, patterns)
    of_nothing = shares[field.group].copy()
    of_nothing[:, 1:] *= field.beyond[:, None]
    of_nothing /= of_nothing.sum(axis=1, keepdims=True)
    nothing = found[:, :1] * of_nothing
    found[:, 0] = 0.0
    return found + nothing


def _learnt_shares(group: Integers, number: int, pattern: Floats, stated: Floats) -> Floats:
    """s of each group: drawn to that of the run, and the run's to the stated one."""
    sums = np.zeros((number, len(stated)))
    np.add.at(sums, group, pattern)
    run = sums.sum(axis=0) + _STATED_WEIGHT * stated
    run /= run.sum()
    shares = sums + _RUN_WEIGHT * run
    return shares / shares.sum(axis=1, keepdims=True)


def _learnt_magnitudes(
    choices: _Choices, probability: Floats, field_magnitudes: Floats, known: NDArray[np.bool_]
) -> Floats:
    """q of each kind: where it is not known well enough, the field's."""
    magnitudes = field_magnitudes.copy()
    for kind in np.flatnonzero(known):
        rows = choices.kind == kind
        weight = probability[rows]
        learnt = magnitude_shares(choices.bins[rows], weight)
        total = weight.sum()
        magnitudes[kind] = (total * learnt + _FIELD_WEIGHT * field_magnitudes[kind]) / (
            total + _FIELD_WEIGHT
        )
    return magnitudes
