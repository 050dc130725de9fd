"""What Chandra has seen around each Fermi source: how much of its ellipse, how deep, how crowded.

The places are those of Fermi sources or of anything else with an ellipse, such as controls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xgamma.association.background import (
    STATED_SLOPE,
    Counts,
    fit_scale,
    fit_slope,
    listed_per_unit,
)
from xgamma.association.flux_ratios import COMPLETE_SHARE, LIMIT_GRID
from xgamma.association.positions import LARGEST_DISTANCE, Ellipses, spread_points
from xgamma.coverage.cells import CELL_AREA_DEG2, Cells
from xgamma.coverage.footprints import flux_limit
from xgamma.sky import elliptical_distance, match_within, position_angle

__all__ = ["Fields", "XraySources", "fields_around", "fit_counts"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# The field of a source: its circle and this much around it, degrees.
_MARGIN_DEG = 0.1
_LEAST_FACTOR = 1.5
# a field's own flux limit counts against the run's as its sources against this many
_LIMIT_STRENGTH = 5.0
# If so many sources are expected outside the circle and there is none, nobody looked there:
# the chance of that is 1 in 1,000.
_EXPECTED_IF_SEARCHED = 7.0
_POINTS = 1000
_CELL_REACH_DEG = 0.05


@dataclass(frozen=True)
class XraySources:
    """The catalogue's sources.

    Attributes
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS degrees.
    log_flux : ndarray, shape (n,)
        log10 erg/cm2/s, 0.5-7 keV; NaN without a flux.
    log_limit : ndarray, shape (n,)
        log10 of the flux limit that the exposure at its place gives.
    """

    ra: Floats
    dec: Floats
    log_flux: Floats
    log_limit: Floats

    @classmethod
    def placed(cls, ra: Floats, dec: Floats, flux: Floats, cells: Cells) -> XraySources:
        """Sources in the cells that Chandra has seen; flux in erg/cm2/s, NaN or 0 for none."""
        row = cells.at(ra, dec)
        limit = np.append(cells.log_flux_limit(), np.inf)[row]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_flux = np.where(flux > 0, np.log10(np.where(flux > 0, flux, 1)), np.nan)
        return cls(ra, dec, log_flux, limit)

    def take(self, rows: NDArray) -> XraySources:
        """Some of the sources."""
        return XraySources(*(values[rows] for values in vars(self).values()))

    def __len__(self) -> int:
        return len(self.ra)


@dataclass(frozen=True)
class Fields:
    """Of n places, what Chandra has seen around them.

    Attributes
    ----------
    coverage : ndarray, shape (n,)
        Share of the positional probability that was seen, and within x = 3.
    area_deg2 : ndarray, shape (n,)
        Seen part of the 95 % ellipse.
    exposure, deepest : ndarray, shape (n,)
        Median and largest exposure in it, s on the axis of ACIS; NaN if not seen.
    log_limit : ndarray, shape (n,)
        log10 of the flux limit at the median exposure, as the field's own fluxes have it.
    shift : ndarray, shape (n,)
        What was added for that to the limit that the exposure gives.
    depth : ndarray, shape (n, grid)
        The positional probability by depth: by log10 of flux limit over gamma-ray flux, at
        `xgamma.association.flux_ratios.LIMIT_GRID`. Sums to `coverage`.
    listed, effective_area : ndarray, shape (n,)
        N and E of `xgamma.association.background`.
    reach_deg : ndarray, shape (n,)
        Radius of the region in which the N sources were counted.
    search_area : ndarray, shape (n,)
        As `effective_area`, for the ellipse to x = 3 in which candidates are searched.
    """

    coverage: Floats
    area_deg2: Floats
    exposure: Floats
    deepest: Floats
    log_limit: Floats
    shift: Floats
    depth: Floats
    listed: Floats
    effective_area: Floats
    reach_deg: Floats
    search_area: Floats

    def take(self, rows: NDArray) -> Fields:
        """Some of the fields."""
        return Fields(*(values[rows] for values in vars(self).values()))


def fit_counts(
    cells: Cells, xray: XraySources, ellipses: Ellipses, slope: float = STATED_SLOPE
) -> Counts:
    """The number counts of the run, learnt on the fields around Fermi sources.

    Parameters
    ----------
    cells : Cells
    xray : XraySources
        The whole catalogue.
    ellipses : Ellipses
        Of the Fermi sources.
    slope : float
        Of the counts.
    """
    place, source, _ = _near(ellipses, xray)
    excess = (xray.log_flux - xray.log_limit)[source]
    known = np.isfinite(excess)
    place, excess = place[known], excess[known]
    usual = fit_slope(excess)[0]
    # each field by its own limit: exposures do not tell it exactly
    own = _own_shift(place, excess, len(ellipses), usual)
    _, measured, error = fit_slope(excess - own[place])
    counts = Counts(slope, measured, error, usual, 1.0, 1.0, len(excess), 0)
    # the second time with the mean of the first: it decides which fields were searched
    for _ in range(2):
        regions = _regions(cells, xray, ellipses, counts)
        mean, shape = fit_scale(regions.listed, regions.effective_area)
        fields = int((regions.effective_area > 0).sum())
        counts = replace(counts, mean=mean, shape=shape, fields=fields)
    return counts


def _reach(ellipses: Ellipses) -> Floats:
    return np.maximum(_LEAST_FACTOR * ellipses.major, ellipses.major + _MARGIN_DEG)


def _near(ellipses: Ellipses, xray: XraySources) -> tuple[Integers, Integers, Floats]:
    return match_within(ellipses.ra, ellipses.dec, _reach(ellipses), xray.ra, xray.dec)


@dataclass(frozen=True)
class _Regions:
    listed: Floats
    effective_area: Floats
    reach_deg: Floats
    shift: Floats


def _regions(cells: Cells, xray: XraySources, ellipses: Ellipses, counts: Counts) -> _Regions:
    """Sources and effective area around each place, and the field's own flux limit."""
    n, reach = len(ellipses), _reach(ellipses)
    place, source, apart = _near(ellipses, xray)
    excess = (xray.log_flux - xray.log_limit)[source]
    shift = _own_shift(place, excess, n, counts.limit_shift)
    outside = apart > ellipses.major[place]
    listed_in = np.bincount(place[~outside], minlength=n).astype(float)
    listed_out = np.bincount(place[outside], minlength=n).astype(float)
    place, cell, apart = match_within(ellipses.ra, ellipses.dec, reach, cells.ra, cells.dec)
    area = _effective_area(cells, cell, shift[place], counts.slope)
    outside = apart > ellipses.major[place]
    area_in = np.bincount(place[~outside], area[~outside], minlength=n)
    area_out = np.bincount(place[outside], area[outside], minlength=n)
    # small ellipses: no cell's centre may lie in them, though all is seen
    inside_only = counts.field_scale(listed_in, area_in)
    not_searched = (listed_out == 0) & (inside_only * area_out > _EXPECTED_IF_SEARCHED)
    return _Regions(
        np.where(not_searched, listed_in, listed_in + listed_out),
        np.where(not_searched, area_in, area_in + area_out),
        np.where(not_searched, ellipses.major, reach),
        shift,
    )


def _effective_area(cells: Cells, cell: Integers, shift: Floats, slope: float) -> Floats:
    """What each cell would list for K = 1."""
    limit = cells.log_flux_limit()[cell] + shift
    return cells.share[cell] * CELL_AREA_DEG2 * listed_per_unit(limit, slope)


def _own_shift(place: Integers, excess: Floats, n: int, usual: float) -> Floats:
    """Each field's 20 % quantile of fluxes over limits, drawn to the run's."""
    known = np.isfinite(excess)
    place, excess = place[known], excess[known]
    order = np.lexsort((excess, place))
    place, excess = place[order], excess[order]
    count = np.bincount(place, minlength=n)
    first = np.cumsum(count) - count
    # the quantile between two sources, as numpy takes it
    at = (1 - COMPLETE_SHARE) * np.maximum(count - 1, 0)
    low = first + np.floor(at).astype(np.int64)
    high = first + np.ceil(at).astype(np.int64)
    excess = np.append(excess, 0.0)
    last = len(excess) - 1
    below, above = excess[np.minimum(low, last)], excess[np.minimum(high, last)]
    quantile = np.where(count > 0, below + (at - np.floor(at)) * (above - below), 0.0)
    return (count * quantile + _LIMIT_STRENGTH * usual) / (count + _LIMIT_STRENGTH)


def fields_around(
    cells: Cells,
    xray: XraySources,
    ellipses: Ellipses,
    log_gamma_flux: Floats,
    counts: Counts,
    points: int = _POINTS,
) -> Fields:
    """What Chandra has seen around places.

    Parameters
    ----------
    cells : Cells
    xray : XraySources
        The whole catalogue.
    ellipses : Ellipses, n of them
    log_gamma_flux : ndarray, shape (n,)
        log10 erg/cm2/s, 0.1-100 GeV.
    counts : Counts
    points : int
        By so many points the positional probability is summed up.

    Returns
    -------
    Fields, n of them
    """
    n = len(ellipses)
    regions = _regions(cells, xray, ellipses, counts)
    coverage, area = np.zeros(n), np.zeros(n)
    exposure, deepest = np.full(n, np.nan), np.full(n, np.nan)
    depth = np.zeros((n, len(LIMIT_GRID)))
    log_limits = cells.log_flux_limit()
    # a cell may touch a small ellipse though its centre lies outside
    wide = np.maximum(LARGEST_DISTANCE * ellipses.major, _CELL_REACH_DEG)
    place, cell_of_place, apart = match_within(ellipses.ra, ellipses.dec, wide, cells.ra, cells.dec)
    # the others were never looked at
    touched = np.flatnonzero(np.bincount(place, minlength=n))
    for start in range(0, len(touched), 500):
        rows = touched[start : start + 500]
        ra, dec, x = spread_points(ellipses.take(rows), points)
        within = np.isfinite(x)
        cell = np.full(x.shape, -1)
        cell[within] = cells.at(ra[within], dec[within])
        seen = cell >= 0
        share = np.where(seen, cells.share[cell], 0.0) / points
        coverage[rows] = share.sum(axis=1)
        u = np.where(seen, log_limits[cell], np.inf)
        u = u + (regions.shift[rows] - log_gamma_flux[rows])[:, None]
        depth[rows] = _histogram(u, share)
        in_ellipse = seen & (x <= 1)
        times = np.where(in_ellipse, cells.exposure[cell], np.nan)
        any_seen = in_ellipse.any(axis=1)
        exposure[rows[any_seen]] = np.nanmedian(times[any_seen], axis=1)
        deepest[rows[any_seen]] = np.nanmax(times[any_seen], axis=1)
        area[rows] = _seen_area(ellipses.take(rows), x, share * points)
    log_limit = np.log10(flux_limit(exposure)) + regions.shift
    towards = position_angle(
        ellipses.ra[place], ellipses.dec[place], cells.ra[cell_of_place], cells.dec[cell_of_place]
    )
    x = elliptical_distance(
        apart, towards, ellipses.major[place], ellipses.minor[place], ellipses.angle[place]
    )
    place, cell_of_place = place[x <= LARGEST_DISTANCE], cell_of_place[x <= LARGEST_DISTANCE]
    effective = _effective_area(cells, cell_of_place, regions.shift[place], counts.slope)
    search_area = np.bincount(place, effective, minlength=n)
    return Fields(
        coverage, area, exposure, deepest, log_limit, regions.shift, depth,
        regions.listed, regions.effective_area, regions.reach_deg, search_area,
    )  # fmt: skip


def _seen_area(ellipses: Ellipses, x: Floats, share: Floats) -> Floats:
    """Square degrees of the 95 % ellipse that were seen: its points weighted by their area."""
    # a point stands for the area between its x and the next: in proportion to x dx / dP
    with np.errstate(invalid="ignore"):
        weight = np.gradient(np.square(x), axis=1)
    inside = (x <= 1) & np.isfinite(weight)
    weight = np.where(inside, np.maximum(weight, 0), 0.0)
    total = weight.sum(axis=1)
    seen = (weight * share).sum(axis=1) / np.where(total > 0, total, 1)
    return np.pi * ellipses.major * ellipses.minor * seen


def _histogram(u: Floats, share: Floats) -> Floats:
    """Shares on `LIMIT_GRID`, each divided between the two grid points next to its u."""
    n, grid = len(u), len(LIMIT_GRID)
    step = LIMIT_GRID[1] - LIMIT_GRID[0]
    at = np.clip((np.nan_to_num(u, posinf=1e9) - LIMIT_GRID[0]) / step, 0, grid - 1)
    low = np.minimum(at.astype(np.int64), grid - 2)
    upper = share * (at - low)
    flat = (np.arange(n)[:, None] * grid + low).ravel()
    counted = np.bincount(flat, (share - upper).ravel(), minlength=n * grid)
    counted += np.bincount(flat + 1, upper.ravel(), minlength=n * grid)
    return counted.reshape(n, grid)
