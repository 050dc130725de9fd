"""What one Chandra observation has seen, of which the table tells no roll angle.

A place at some angle from the aim point was seen if the detector, turned by the roll angle, lay
over it. Without the roll angle there is a share of roll angles that cover the place.

Sizes are those of the Chandra Proposers' Observatory Guide: a chip of ACIS is 8.3 arcmin wide,
HRC-I 30 arcmin, HRC-S 99 by 6 arcmin.
"""

from __future__ import annotations

import functools
import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "FLUX_PER_COUNT_RATE",
    "LEAST_COUNTS",
    "detector_reach_deg",
    "disc",
    "flux_limit",
    "in_catalogue_share",
    "relative_exposure",
    "roll_share",
    "sure_radius_deg",
]

Floats = NDArray[np.float64]

FLUX_PER_COUNT_RATE = 1.2e-11
"""Flux (0.5-7 keV, erg/cm2/s) of a source that gives one count a second on the axis of ACIS."""
LEAST_COUNTS = 5.0
"""A source of fewer net counts is not in the catalogue, as a rule."""

# detector -> its shapes, each with the probability that it was used: half width and half height,
# centre relative to the aim point, arcmin. The table does not tell whether ACIS-S was read out
# with one chip (S3) or with the row of six in which S3 is the fourth.
_SHAPES = {
    "ACIS-I": ((1.0, 8.45, 8.45, 0.0, 0.0),),
    "ACIS-S": ((0.45, 4.15, 4.15, 0.0, 0.0), (0.55, 25.0, 4.15, -4.15, 0.0)),
    "HRC-I": ((1.0, 15.0, 15.0, 0.0, 0.0),),
    "HRC-S": ((1.0, 49.5, 3.0, 0.0, 0.0),),
}
# an unknown detector: what both chips of ACIS that look along the axis see
_OTHER = ((1.0, 4.15, 4.15, 0.0, 0.0),)
# counts per flux relative to ACIS
_EFFICIENCY = {"HRC-I": 0.25, "HRC-S": 0.25, "HRC": 0.25}
# off axis the mirror loses area and the images grow: exposure counts for half at this angle
_HALF_SENSITIVITY_ARCMIN = 7.0
# Probability that an archived observation is part of the source catalogue. CSC 2.1 leaves out
# gratings, which blur the field; of HRC-S few are in it.
_IN_CATALOGUE = {"HRC-S": 0.5}
_IN_CATALOGUE_REST = 0.97
_STEP_ARCMIN = 0.05
_ROLL_ANGLES = 720


def disc(radius_arcmin: float) -> str:
    """What a detector with a round field of view, centred on the aim point, is called here."""
    return f"disc of {radius_arcmin:g} arcmin"


def _disc_radius_arcmin(detector: str) -> float | None:
    """The radius of such a detector; None for others."""
    found = re.fullmatch(r"disc of (.+) arcmin", detector)
    return float(found[1]) if found else None


def _shapes(detector: str) -> tuple[tuple[float, ...], ...]:
    return _SHAPES.get(detector, _OTHER)


def detector_reach_deg(detector: str) -> float:
    """Largest distance from the aim point, in degrees, that a detector can see."""
    if radius := _disc_radius_arcmin(detector):
        return radius / 60
    return max(
        float(np.hypot(half_x + abs(x), half_y + abs(y))) / 60
        for _, half_x, half_y, x, y in _shapes(detector)
    )


@functools.cache
def sure_radius_deg(detector: str) -> float:
    """Radius, in degrees, within which a detector sees the more part of the roll angles."""
    share = _share_by_angle(detector)
    return float(np.argmax(share < 0.5) * _STEP_ARCMIN / 60)


@functools.cache
def _share_by_angle(detector: str) -> Floats:
    """Share of roll angles at 0, 0.05, 0.10 ... arcmin off axis."""
    off_axis = np.arange(0.0, detector_reach_deg(detector) * 60 + _STEP_ARCMIN, _STEP_ARCMIN)
    if radius := _disc_radius_arcmin(detector):
        return (off_axis <= radius).astype(float)
    angle = (np.arange(_ROLL_ANGLES) + 0.5) * (2 * np.pi / _ROLL_ANGLES)
    x, y = off_axis[:, None] * np.cos(angle), off_axis[:, None] * np.sin(angle)
    share = np.zeros(len(off_axis))
    for probability, half_x, half_y, centre_x, centre_y in _shapes(detector):
        inside = (np.abs(x - centre_x) <= half_x) & (np.abs(y - centre_y) <= half_y)
        share += probability * inside.mean(axis=1)
    return share


def roll_share(detector: str, off_axis_deg: ArrayLike) -> Floats:
    """Share of roll angles, and of the ways to read a detector out, that cover a place.

    Parameters
    ----------
    detector : str
        'ACIS-I', 'ACIS-S', 'HRC-I', 'HRC-S' or a `disc`; of any other the middle 8.3 arcmin count.
    off_axis_deg : array_like, shape (n,)
        Distance from the aim point, degrees.

    Returns
    -------
    ndarray, shape (n,)
        Of ACIS-I, for instance, 1 within 8.45 arcmin, 0 from 11.95 arcmin on.
    """
    share = _share_by_angle(detector)
    at = np.asarray(off_axis_deg, float) * (60 / _STEP_ARCMIN)
    return np.interp(at, np.arange(len(share)), share, right=0.0)


def relative_exposure(detector: str, off_axis_deg: ArrayLike) -> Floats:
    """What a second of exposure is worth, compared with a second on the axis of ACIS.

    1 / (1 + (angle / 7')^2) stands for the loss of area and sharpness together. It is an
    approximation; the run's own catalogue sets the scale of the flux limit.

    Parameters
    ----------
    detector : str
        As for `roll_share`; HRC and ACIS alone as well.
    off_axis_deg : array_like, shape (n,)
        Degrees.

    Returns
    -------
    ndarray, shape (n,)
    """
    angle = np.asarray(off_axis_deg, float) * 60 / _HALF_SENSITIVITY_ARCMIN
    return _EFFICIENCY.get(detector, 1.0) / (1.0 + angle**2)


def flux_limit(exposure_s: ArrayLike) -> Floats:
    """Flux (0.5-7 keV, erg/cm2/s) that gives five counts in an exposure on the axis of ACIS.

    Parameters
    ----------
    exposure_s : array_like, shape (n,)
        Seconds; infinite flux where it is 0.
    """
    with np.errstate(divide="ignore"):
        return LEAST_COUNTS * FLUX_PER_COUNT_RATE / np.asarray(exposure_s, float)


def in_catalogue_share(
    detector: NDArray[np.str_],
    status: NDArray[np.str_],
    grating: NDArray[np.str_],
    public_mjd: Floats,
    time_mjd: Floats,
    exposure_s: Floats,
    latest_mjd: float,
) -> Floats:
    """Probability that an observation is part of the source catalogue.

    Parameters
    ----------
    detector, status, grating : ndarray of str, shape (n,)
        '' where the table does not say.
    public_mjd, time_mjd : ndarray, shape (n,)
        When it was made public and when it was made, MJD; NaN where the table does not say.
    exposure_s : ndarray, shape (n,)
    latest_mjd : float
        Later observations were not public when the catalogue was made.

    Returns
    -------
    ndarray, shape (n,)
        0 for what was not observed, not archived, made with a grating or public too late.
    """
    share = np.array([_IN_CATALOGUE.get(name, _IN_CATALOGUE_REST) for name in detector])
    share = share.reshape(len(detector))
    archived = np.isin(status, ("archived", ""))
    plain = np.isin(np.char.upper(grating.astype(str)), ("NONE", ""))
    public = np.where(np.isfinite(public_mjd), public_mjd, time_mjd)
    in_time = ~(public > latest_mjd)
    return np.where(archived & plain & in_time & (exposure_s > 0), share, 0.0)
