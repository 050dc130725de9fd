"""Places where no Fermi source is: what the same code finds there is chance.

A control has the ellipse of a Fermi source, moved by 2 to 5 of its semi-axes and turned, or
mirrored in Galactic longitude or latitude, to a place that Chandra saw about as well. What it finds
says how often chance passes for that source's counterpart. Put into it is then a counterpart that
the model draws, at the share of sources that have one: the truth is known, and the probabilities
must hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xgamma.association.fields import Fields, XraySources, fields_around
from xgamma.association.flux_ratios import completeness
from xgamma.association.kinds import KindShares
from xgamma.association.parameters import KINDS
from xgamma.association.positions import (
    K95,
    LARGEST_DISTANCE,
    Ellipses,
    Offsets,
    moved,
)
from xgamma.association.posterior import (
    Candidates,
    Model,
    Posterior,
    aimed_share,
    find_candidates,
    posterior,
)
from xgamma.coverage.cells import Cells
from xgamma.frames import galactic_to_icrs
from xgamma.sky import galactic, match_within, ranges

__all__ = ["Controls", "Injections", "controls_of", "injected"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_SHIFTS = (2.0, 3.0, 4.0, 5.0)  # semi-major axes
_DIRECTIONS = 12
# like depth: the median exposure within this factor
_LIKE_EXPOSURE = 2.0
# like coverage: the share of the source's within this factor
_LIKE_COVERAGE = 0.7
# a Chandra source that is a Fermi source's counterpart as likely as this is no chance
_LEAST_COUNTERPART = 0.1
_POINTS = 200
_SEED = 20260701
_DRAWS = 200
# smaller places are of one size
_SMALLEST_DEG = 0.01


@dataclass(frozen=True)
class Controls:
    """Controls, sorted by their Fermi source.

    Attributes
    ----------
    source : ndarray of int, shape (c,)
        Row of the Fermi source of which it is a control.
    kind : ndarray of str, shape (c,)
        'shifted' or 'mirrored'.
    ellipses : Ellipses, c of them
    fields : Fields, c of them
    candidates : Candidates
    posterior : Posterior
    """

    source: Integers
    kind: NDArray[np.object_]
    ellipses: Ellipses
    fields: Fields
    candidates: Candidates
    posterior: Posterior


@dataclass(frozen=True)
class Injections:
    """Controls of which some have a counterpart that was drawn.

    Attributes
    ----------
    source, candidate_source : ndarray of int, shape (c,), (k,)
        Fermi source of each control, and control of each candidate.
    probability : ndarray, shape (k,)
        Of each candidate, the injected ones included.
    right : ndarray of bool, shape (k,)
        Whether it is the injected one.
    listed : ndarray of bool, shape (c,)
        Whether a counterpart was injected and listed.
    none : ndarray, shape (c,)
        Probability that it is none of the candidates.
    density, log_limit : ndarray, shape (k,)
        Chance density (per square degree and dex, or per square degree) and flux limit of each
        candidate, to divide them by.
    """

    source: Integers
    candidate_source: Integers
    probability: Floats
    right: NDArray[np.bool_]
    listed: NDArray[np.bool_]
    none: Floats
    density: Floats
    log_limit: Floats


def _places(ellipses: Ellipses, seen: Integers) -> tuple[Integers, Ellipses, NDArray[np.object_]]:
    """All places to which the ellipses of some sources are moved, in a fixed order."""
    sources, moved_to, kinds = [], [], []
    one = ellipses.take(seen)
    for step, shift in enumerate(_SHIFTS):
        for turn in range(_DIRECTIONS):
            # each ring begins at another angle
            towards = np.radians((turn + step / len(_SHIFTS)) * 360 / _DIRECTIONS)
            east, north = shift * np.sin(towards), shift * np.cos(towards)
            ra, dec = moved(one.ra, one.dec, one.major * east, one.major * north)
            angle = (one.angle + 90.0 * turn) % 180.0
            sources.append(seen)
            moved_to.append(replace(one, ra=ra, dec=dec, angle=angle))
            kinds.append(np.full(len(seen), "shifted", dtype=object))
    longitude, latitude = galactic(one.ra, one.dec)
    for longitude_sign, latitude_sign in ((-1, 1), (1, -1), (-1, -1)):
        ra, dec = galactic_to_icrs(longitude_sign * longitude, latitude_sign * latitude)
        sources.append(seen)
        moved_to.append(replace(one, ra=ra, dec=dec))
        kinds.append(np.full(len(seen), "mirrored", dtype=object))
    together = Ellipses(
        *(np.concatenate([vars(part)[name] for part in moved_to]) for name in vars(one))
    )
    return np.concatenate(sources), together, np.concatenate(kinds)


def controls_of(
    model: Model,
    shares: KindShares,
    cells: Cells,
    xray: XraySources,
    errors: tuple[Floats, Floats, Floats],
    ellipses: Ellipses,
    log_gamma_flux: Floats,
    fields: Fields,
    candidates: Candidates,
    probability: Floats,
    most: int,
    others: Ellipses | None = None,
) -> Controls:
    """Controls of every Fermi source that Chandra has seen, up to `most` of each.

    A place counts if no other Fermi source is near (ellipses to x = 1.5 do not touch), if Chandra
    saw at least 0.7 of the share that it saw of the source, and as deep within a factor of 2.
    Chandra sources that are a Fermi source's counterpart with P > 0.1 are left out.

    Parameters
    ----------
    model : Model
    shares : KindShares, n sources
    cells : Cells
    xray : XraySources, m of them
    errors : tuple of three ndarray, shape (m,)
    ellipses : Ellipses, n of them
    log_gamma_flux : ndarray, shape (n,)
    fields : Fields, n of them
    candidates : Candidates
        Of the Fermi sources.
    probability : ndarray
        Of those candidates.
    most : int
    others : Ellipses, optional
        Further Fermi sources, near which no control is either.

    Returns
    -------
    Controls
    """
    seen = np.flatnonzero(np.isfinite(fields.exposure))
    source, places, kind = _places(ellipses, seen)
    near, place = _close(ellipses, places)
    taken = np.zeros(len(source), bool)
    # its own source is as near as it was moved
    taken[place[near != source[place]]] = True
    if others is not None:
        taken[_close(others, places)[1]] = True
    # a quick look first: is the centre's neighbourhood seen at all
    free = np.flatnonzero(~taken & _touched(cells, places))
    source, places, kind = source[free], places.take(free), kind[free]
    around = fields_around(
        cells, xray, places, log_gamma_flux[source], model.counts, points=_POINTS
    )
    with np.errstate(invalid="ignore"):
        ratio = around.exposure / fields.exposure[source]
    alike = (around.coverage >= _LIKE_COVERAGE * fields.coverage[source]) & (
        (ratio > 1 / _LIKE_EXPOSURE) & (ratio < _LIKE_EXPOSURE)
    )
    # the first ones of each source, in the order in which they were made
    rows = np.flatnonzero(alike)
    rows = rows[np.argsort(source[rows], kind="stable")]
    count = np.bincount(source[rows], minlength=len(ellipses))
    rank = ranges(np.zeros_like(count), count)[1]
    rows = rows[rank < most]
    source, places, kind, around = source[rows], places.take(rows), kind[rows], around.take(rows)
    left_out = np.zeros(len(xray), bool)
    left_out[candidates.xray[probability > _LEAST_COUNTERPART]] = True
    of_places = find_candidates(
        places, log_gamma_flux[source], around, xray, errors, model.counts, left_out
    )
    of_source = KindShares(shares.group[source], shares.shares[source], shares.teachers)
    found = posterior(model, of_source, around, of_places)
    return Controls(source, kind, places, around, of_places, found)


def _close(ellipses: Ellipses, places: Ellipses) -> tuple[Integers, Integers]:
    """(ellipse, place) of which the ellipses touch, to x = 1.5."""
    reach, own = 1.5 * ellipses.major, 1.5 * places.major
    pairs = []
    # places of a size together: a few large ones would make all of them neighbours of all
    size = np.ceil(np.log2(np.maximum(own, _SMALLEST_DEG))).astype(int)
    for one in np.unique(size):
        some = np.flatnonzero(size == one)
        near, place, apart = match_within(
            ellipses.ra, ellipses.dec, reach + own[some].max(), places.ra[some], places.dec[some]
        )
        place = some[place]
        close = apart < reach[near] + own[place]
        pairs.append((near[close], place[close]))
    if not pairs:
        return np.zeros(0, int), np.zeros(0, int)
    near, place = map(np.concatenate, zip(*pairs, strict=True))
    return near, place


def _touched(cells: Cells, places: Ellipses) -> NDArray[np.bool_]:
    return cells.at(places.ra, places.dec) >= 0


def injected(
    controls: Controls,
    model: Model,
    shares: KindShares,
    cells: Cells,
    log_gamma_flux: Floats,
) -> Injections:
    """Counterparts that the model draws, put into the controls, and what the same code says.

    Of each control's source: with probability eta it shines in X-rays; its kind, flux ratio and
    place are drawn; it is listed where Chandra has looked, with the completeness at its flux.

    Parameters
    ----------
    controls : Controls, c of them
    model : Model
    shares : KindShares
        Of the Fermi sources.
    cells : Cells
    log_gamma_flux : ndarray
        Of the Fermi sources.

    Returns
    -------
    Injections
    """
    rng = np.random.default_rng(_SEED)
    source, fields = controls.source, controls.fields
    c = len(source)
    draws = rng.random((6, c))
    of_source = shares.shares[source]
    kind = np.minimum(
        (draws[0][:, None] > np.cumsum(of_source, axis=1)).sum(axis=1), len(KINDS) - 1
    )
    log_flux = model.ratios.draw(rng, kind) + log_gamma_flux[source]
    ra, dec, x = _drawn_places(controls.ellipses, draws[1], draws[2])
    # what was aimed at lies where Chandra has looked: drawn again until it does
    aimed = draws[5] < aimed_share(fields.coverage, shares.group[source], model.aimed)
    for _ in range(_DRAWS):
        row = cells.at(ra, dec)
        unseen = np.append(cells.share, 0.0)[row] < rng.random(c)
        again = np.flatnonzero(aimed & (unseen | (x > LARGEST_DISTANCE)))
        if not len(again):
            break
        radial, turn = rng.random((2, len(again)))
        ra[again], dec[again], x[again] = _drawn_places(controls.ellipses.take(again), radial, turn)
    row = cells.at(ra, dec)
    limit = np.append(cells.log_flux_limit(), np.inf)[row] + fields.shift
    share = np.where(aimed, 1.0, np.append(cells.share, 0.0)[row])
    listed_if = completeness(log_flux - limit, model.counts.slope)
    listed = (
        (draws[3] < model.eta[shares.group[source]])
        & (draws[4] < share * np.where(np.isfinite(limit), listed_if, 0.0))
        & (x <= LARGEST_DISTANCE)
    )
    drawn = _as_candidates(
        controls, np.flatnonzero(listed), log_flux, limit, x, model, log_gamma_flux
    )
    candidates = _joined(controls.candidates, drawn)
    right = np.append(np.zeros(len(controls.candidates), bool), np.ones(len(drawn), bool))
    order = np.argsort(candidates.source, kind="stable")
    candidates, right = candidates.take(order), right[order]
    groups = KindShares(shares.group[source], of_source, shares.teachers)
    found = posterior(model, groups, fields, candidates)
    return Injections(
        source,
        candidates.source,
        found.probability,
        right,
        listed,
        found.outside + found.below + found.none,
        np.exp(candidates.log_chance),
        candidates.limit_ratio + log_gamma_flux[source][candidates.source],
    )


def _drawn_places(
    ellipses: Ellipses, radial: Floats, turn: Floats
) -> tuple[Floats, Floats, Floats]:
    """A place for each ellipse by its error law, and its x."""
    # which part of the law, by the first draw; how far in it, by what is left of that draw
    w = ellipses.wide_share
    wide = radial < w
    left = np.where(wide, radial / np.maximum(w, 1e-9), (radial - w) / (1 - w))
    scale = np.where(wide, ellipses.wide, ellipses.narrow)
    x = scale * np.sqrt(-np.log1p(-np.minimum(left, 1 - 1e-12)) / K95)
    along, across = x * np.cos(2 * np.pi * turn), x * np.sin(2 * np.pi * turn)
    along, across = along * ellipses.major, across * ellipses.minor
    angle = np.radians(ellipses.angle)
    east = along * np.sin(angle) + across * np.cos(angle)
    north = along * np.cos(angle) - across * np.sin(angle)
    ra, dec = moved(ellipses.ra, ellipses.dec, east, north)
    return ra, dec, x


def _as_candidates(
    controls: Controls,
    rows: Integers,
    log_flux: Floats,
    limit: Floats,
    x: Floats,
    model: Model,
    log_gamma_flux: Floats,
) -> Candidates:
    """Drawn counterparts as candidates of their controls; each has a flux."""
    e, x = controls.ellipses.take(rows), x[rows]
    density = (1 - e.wide_share) * K95 / e.narrow**2 * np.exp(-K95 * (x / e.narrow) ** 2)
    density += e.wide_share * K95 / e.wide**2 * np.exp(-K95 * (x / e.wide) ** 2)
    scale = model.counts.field_scale(
        controls.fields.listed[rows], controls.fields.effective_area[rows]
    )
    gamma = log_gamma_flux[controls.source[rows]]
    return Candidates(
        rows,
        np.full(len(rows), -1),
        Offsets(x * e.major, x, np.log(density / (np.pi * e.major * e.minor))),
        log_flux[rows] - gamma,
        model.counts.log_flux_density(scale, log_flux[rows]),
        limit[rows] - gamma,
    )


def _joined(first: Candidates, second: Candidates) -> Candidates:
    offsets = Offsets(
        *(
            np.append(a, b)
            for a, b in zip(
                vars(first.offsets).values(), vars(second.offsets).values(), strict=True
            )
        )
    )
    joined = {
        name: np.append(values, vars(second)[name])
        for name, values in vars(first).items()
        if name != "offsets"
    }
    return Candidates(**joined, offsets=offsets)
