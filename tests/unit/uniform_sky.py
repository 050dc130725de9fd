"""A sky that Chandra has seen evenly, with sources that the model draws: what tests look into."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix
from mocpy import MOC

from xgamma.association.background import Counts
from xgamma.association.fields import Fields, XraySources, fields_around, fit_counts
from xgamma.association.flux_ratios import FluxRatios, completeness
from xgamma.association.kinds import KindShares
from xgamma.association.parameters import GROUPS, KINDS
from xgamma.association.positions import Ellipses
from xgamma.association.posterior import Candidates, Model, find_candidates
from xgamma.coverage.cells import ORDER, Cells

HEALPIX = HEALPix(2**ORDER, order="nested")
# five counts of a source of 1e-14 erg/cm2/s
EXPOSURE = 6000.0
LOG_LIMIT = -14.0


@cache
def disc(ra, dec, radius, exposure=EXPOSURE, share=1.0):
    """The cells whose centres lie in a disc."""
    cone = MOC.from_cone(ra * u.deg, dec * u.deg, radius=radius * u.deg, max_depth=ORDER)
    cell = np.sort(cone.flatten().astype(np.int64))
    centre = SkyCoord(*HEALPIX.healpix_to_lonlat(cell))
    inside = centre.separation(SkyCoord(ra, dec, unit="deg")).deg < radius
    cell, centre = cell[inside], centre[inside]
    n = len(cell)
    return Cells(
        cell,
        centre.ra.deg,
        centre.dec.deg,
        np.full(n, float(share)),
        np.full(n, float(exposure)),
    )


def no_cells():
    return Cells(np.empty(0, np.int64), *(np.empty(0) for _ in range(4)))


def ellipses(ra, dec, major, minor=None, angle=0.0, wide_share=0.1):
    """Ellipses with the law of the plane."""
    minor = major if minor is None else minor
    values = np.broadcast_arrays(ra, dec, major, minor, angle, wide_share, 0.97, 2.86)
    floats = [np.atleast_1d(value).astype(float) for value in values]
    return Ellipses(*floats, np.full(len(floats[0]), "catalogue", dtype=object))


def counts(**values):
    """K = 200 per square degree above 1e-14, and well known."""
    usual = {
        "slope": 1.0, "measured_slope": 1.0, "slope_error": 0.1, "limit_shift": 0.0,
        "mean": 200.0, "shape": 2.0, "sources": 100, "fields": 10,
    }  # fmt: skip
    return Counts(**(usual | values))


def sources(ra, dec, log_flux, cells):
    """Chandra sources; a flux of NaN is none."""
    ra, dec, log_flux = (np.atleast_1d(np.asarray(v, float)) for v in (ra, dec, log_flux))
    return XraySources.placed(ra, dec, 10**log_flux, cells)


def no_sources():
    return XraySources(*(np.empty(0) for _ in range(4)))


def places_in_disc(random, ra, dec, radius, n):
    """Positions that are spread evenly over a disc."""
    distance = np.degrees(np.arccos(1 - random.random(n) * (1 - np.cos(np.radians(radius)))))
    return moved(ra, dec, distance, random.uniform(0, 360, n))


def moved(ra, dec, distance, angle):
    """Positions at a distance and a position angle, degrees."""
    at = SkyCoord(ra, dec, unit="deg").directional_offset_by(angle * u.deg, distance * u.deg)
    return at.ra.deg, at.dec.deg


def drawn_places(random, places, n):
    """n true positions of each ellipse, and their x: shape (ellipses * n,)."""
    of = places.take(np.repeat(np.arange(len(places)), n))
    wide = random.random(len(of)) < of.wide_share
    # a Gaussian of which 5 % lie beyond 1
    width = np.where(wide, of.wide, of.narrow) / np.sqrt(2 * np.log(20))
    along, across = width * random.normal(size=(2, len(of)))
    x = np.hypot(along, across)
    offset = along * of.major + 1j * across * of.minor
    towards = of.angle + np.degrees(np.angle(offset))
    return moved(of.ra, of.dec, np.abs(offset), towards), x


def listed_fluxes(random, n, slope=1.0, log_limit=LOG_LIMIT):
    """log10 of fluxes: four fifths above the limit, the others below, at four times the slope."""
    below = random.random(n) < 0.2
    distance = random.exponential(1 / (slope * np.log(10)), n)
    return log_limit + np.where(below, -distance / 4, distance)


def background(random, ra, dec, radius, scale=200.0, slope=1.0):
    """Listed chance sources of a disc: places and log10 of fluxes."""
    area = 2 * np.pi * (1 - np.cos(np.radians(radius))) * np.degrees(1) ** 2
    n = random.poisson(scale / 0.8 * 10 ** (-slope * (LOG_LIMIT + 14)) * area)
    return (*places_in_disc(random, ra, dec, radius, n), listed_fluxes(random, n, slope))


@dataclass(frozen=True)
class Simulated:
    """Fermi sources of which the counterparts are known, as the library sees them.

    `right` tells which candidates are counterparts; `counts` are learnt on the sky itself.
    """

    places: Ellipses
    log_gamma: np.ndarray
    cells: Cells
    xray: XraySources
    shares: KindShares
    fields: Fields
    candidates: Candidates
    right: np.ndarray
    counts: Counts


def patches(random, cells, places):
    """Cells around places of which a part was seen: discs that lie off."""
    distance = places.major * random.uniform(0, 2.5, len(places))
    centre = SkyCoord(
        *moved(places.ra, places.dec, distance, random.uniform(0, 360, len(places))), unit="deg"
    )
    radius = random.uniform(0.04, 0.1, len(places))
    at = SkyCoord(cells.ra, cells.dec, unit="deg")
    row, patch, apart, _ = centre.search_around_sky(at, 0.1 * u.deg)
    # astropy gives rows of the argument first
    return cells.take(np.unique(row[apart.deg < radius[patch]]))


def aimed_places(random, places, cells, is_aimed):
    """A true position of each; of what was aimed at, where Chandra has looked."""
    (ra, dec), x = drawn_places(random, places, 1)
    while len(again := np.flatnonzero(is_aimed & ((cells.at(ra, dec) < 0) | (x > 3)))):
        (ra[again], dec[again]), x[again] = drawn_places(random, places.take(again), 1)
    return ra, dec


def simulated(seed, eta, ratios, kinds, sources_of=None, patchy=False, aimed=0.0):
    """300 Fermi sources on a grid, apart from each other, drawn from a model.

    Parameters
    ----------
    eta : ndarray
        By group.
    ratios : FluxRatios
    kinds : ndarray, shape (groups, kinds)
        Shares of kinds by group.
    sources_of : list of int, optional
        Groups from which sources are taken; all of them.
    patchy : bool
        Of each source a part was seen.
    aimed : float
        The model's, of all groups but remnants and unclassified sources.
    """
    random = np.random.default_rng(seed)
    cells = disc(100, 0, 5.0)
    ra, dec = (grid.ravel() for grid in np.mgrid[-4.2:4.3:0.5, -4.2:4.3:0.5])
    ra, dec = 100 + ra, dec + random.uniform(-0.01, 0.01, len(ra))
    n = len(ra)
    major = random.uniform(0.02, 0.08, n)
    places = ellipses(
        ra, dec, major, major * random.uniform(0.5, 1, n), random.uniform(0, 180, n),
        random.choice([0.0, 0.1, 0.3, 0.47], n),
    )  # fmt: skip
    group = random.choice(sources_of or np.arange(len(GROUPS)), n)
    shares = kinds[group]
    kind = (random.random(n)[:, None] > np.cumsum(shares, axis=1)).sum(axis=1)
    kind = np.minimum(kind, len(KINDS) - 1)
    log_gamma = random.normal(-11.3, 0.3, n)
    log_flux = log_gamma + ratios.draw(random, kind)
    if patchy:
        cells = patches(random, cells, places)
    seen = fields_around(cells, no_sources(), places, log_gamma, counts(), points=400).coverage
    # a look that covers 10 % was aimed half as often as one that covers all
    is_aimed = random.random(n) < np.where(group < 4, aimed * seen / (seen + 0.1), 0)
    at = aimed_places(random, places, cells, is_aimed)
    listed = (random.random(n) < eta[group]) & (cells.at(*at) >= 0)
    listed &= random.random(n) < completeness(log_flux - LOG_LIMIT, 1.0)
    chance = background(random, 100, 0, 5.0)
    where = cells.at(*chance[:2]) >= 0
    chance = [values[where] for values in chance]
    all_sources = (
        np.append(values[listed], others)
        for values, others in zip((*at, log_flux), chance, strict=True)
    )
    xray = sources(*all_sources, cells)
    # every 20th has no flux, whatever it is
    without = random.random(len(xray)) < 0.05
    xray = XraySources(xray.ra, xray.dec, np.where(without, np.nan, xray.log_flux), xray.log_limit)
    of = fit_counts(cells, xray, places)
    around = fields_around(cells, xray, places, log_gamma, of, points=400)
    null = np.full(len(xray), np.nan)
    found = find_candidates(places, log_gamma, around, xray, (null, null, null), of)
    owner = np.append(np.flatnonzero(listed), np.full(len(xray) - listed.sum(), -1))
    return Simulated(
        places,
        log_gamma,
        cells,
        xray,
        KindShares(group, shares, {}),
        around,
        found,
        owner[found.xray] == found.source,
        of,
    )


def stated_model(of=None):
    return Model.stated(of or counts())


def one_kind_each():
    """Shares of kinds by group: each group its own kind, the unclassified some of each."""
    shares = np.zeros((len(GROUPS), len(KINDS)))
    for group, kind in enumerate((0, 1, 2, 4, 0)):
        shares[group, kind] = 1
    shares[-1] = [0.3, 0.2, 0.4, 0.05, 0.05]
    return shares


def stated_ratios():
    return FluxRatios.stated(1.0)
