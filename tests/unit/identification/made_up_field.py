"""Chandra sources in fields of stars, of which the truth is known: two surveys, as Gaia and 2MASS.

Positions are drawn at the sources' epoch and carried to the surveys' by the stars' motions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xgamma.identification.ellipses import SIGMA_OF_95, circular, from_ellipse
from xgamma.identification.identify import Sources
from xgamma.identification.links import Objects

EPOCH, EPOCHS, ERRORS = 2009.0, (2016.0, 1999.5), (0.0003, 0.08)
# of the field's stars: in the first survey alone, in the second, in both
FIELD_SHARES = (0.65, 0.08, 0.27)
# of the sources: listed in none, in the first alone, in the second, in both
TRUE_SHARES = np.array([0.35, 0.25, 0.1, 0.3])
MOTION = 0.004


@dataclass(frozen=True)
class Made:
    """Sources, surveys, and what is true.

    Attributes
    ----------
    sources : Sources
    surveys : list of Objects
    owner : list of ndarray
        Of each survey's objects, the source that each is; -1 for the field's.
    pattern : ndarray of int
        Where each source is listed.
    """

    sources: Sources
    surveys: list[Objects]
    owner: list[np.ndarray]
    pattern: np.ndarray


def stepped(ra, dec, east, north):
    """Places at offsets in arcsec: far from the poles."""
    place_dec = dec + north / 3600
    return (ra + east / 3600 / np.cos(np.radians(place_dec))) % 360, place_dec


def made_up(
    seed, number, shares=TRUE_SHARES, magnitudes=True, least_density=4e-3, field=12.0, error=0.9
):
    """`number` sources in fields.

    `least_density` : objects per arcsec2, of the emptiest field; the fullest has ten times as many.
    `field` : its least radius, arcsec.
    `error` : median semi-axis of the 95 % ellipses, arcsec.
    """
    random = np.random.default_rng(seed)
    # 0 h is among them
    ra, dec = (random.uniform(-2, 2, number)) % 360, random.uniform(-60, 60, number)
    major = (
        np.clip(random.lognormal(np.log(error), 0.5, number), error / 2, 6 * error) / SIGMA_OF_95
    )
    minor, angle = major * random.uniform(0.5, 1, number), random.uniform(0, 180, number)
    match = np.maximum(2.0, 4.5 * major)
    reach = np.maximum(field, 3 * match)
    pattern = random.choice(4, number, p=shares)
    density = least_density * 10 ** random.random(number)
    # a field around each source, a little wider than is looked at
    owner = np.repeat(np.arange(number), random.poisson(density * np.pi * (reach + 2) ** 2))
    radius, theta = (
        (reach[owner] + 2) * np.sqrt(random.random(len(owner))),
        random.random(len(owner)),
    )
    east, north = radius * np.sin(2 * np.pi * theta), radius * np.cos(2 * np.pi * theta)
    listed = random.choice([1, 2, 3], len(owner), p=FIELD_SHARES)
    # counterparts: where the source's error puts them
    real = np.flatnonzero(pattern)
    along, across = random.normal(0, major[real]), random.normal(0, minor[real])
    sine, cosine = np.sin(np.radians(angle[real])), np.cos(np.radians(angle[real]))
    east = np.append(east, along * sine + across * cosine)
    north = np.append(north, along * cosine - across * sine)
    true = np.append(np.full(len(owner), -1), real)
    owner, listed = np.append(owner, real), np.append(listed, pattern[real])
    motion = random.normal(0, MOTION, (len(owner), 2))
    mean, width = np.where(true < 0, 19.0, 16.0), np.where(true < 0, 1.2, 1.6)
    magnitude = random.normal(mean, width)
    surveys, owners = [], []
    for survey, (epoch, error) in enumerate(zip(EPOCHS, ERRORS, strict=True)):
        rows = np.flatnonzero(listed >> survey & 1)
        moved = motion[rows] * (epoch - EPOCH) + random.normal(0, error, (len(rows), 2))
        place = stepped(
            ra[owner[rows]], dec[owner[rows]], east[rows] + moved[:, 0], north[rows] + moved[:, 1]
        )
        known = survey == 0
        surveys.append(
            Objects(
                *place,
                covariance=circular(np.full(len(rows), error)),
                epoch=np.full(len(rows), epoch),
                motion=motion[rows] if known else np.zeros((len(rows), 2)),
                motion_sigma=np.full(len(rows), 0.0003 if known else MOTION),
                magnitude=magnitude[rows] if magnitudes else np.full(len(rows), np.nan),
            )
        )
        owners.append(true[rows])
    sources = Sources(
        ra=ra,
        dec=dec,
        covariance=from_ellipse(major, minor, angle),
        epoch=np.full(number, EPOCH),
        epoch_spread=np.zeros(number),
        match_arcsec=match,
        field_arcsec=reach,
        cell=np.arange(number) // 40,
    )
    return Made(sources, surveys, owners, pattern)
