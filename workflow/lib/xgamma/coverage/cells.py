"""The sky in HEALPix cells, with the probability that Chandra has looked there, and how deep.

A cell (order 11, 1.7 arcmin wide, ICRS, nested) has the probability `share` that it was seen and
the `exposure` that was spent on it if so, in seconds on the axis of ACIS. Observations give both by
`Pointings`, exact outlines by `from_outlines`, a map of where by `from_moc`; a catalogue of
sources bears witness to it: `witnessed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xgamma.coverage.footprints import (
    detector_reach_deg,
    flux_limit,
    relative_exposure,
    roll_share,
    sure_radius_deg,
)
from xgamma.coverage.outlines import map_of_outline
from xgamma.errors import XgammaError
from xgamma.healpix import cells_at, centres
from xgamma.sky import match_within, separation

if TYPE_CHECKING:
    import mocpy

__all__ = [
    "CELL_AREA_DEG2",
    "ORDER",
    "AimPoints",
    "Cells",
    "Pointings",
    "cell_of",
    "from_moc",
    "from_outlines",
    "witnessed",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ORDER = 11
"""Of the HEALPix cells: 1.7 arcmin, a fifth of a chip of ACIS."""
CELL_AREA_DEG2 = 4 * np.pi * np.degrees(1) ** 2 / (12 * 4**ORDER)

# Outlines are looked at in cells so many orders finer, of which a cell has so many.
_FINER = 2
_PARTS = 4**_FINER
# observations of which the cells are looked up together, and cells of which sources are
_AT_A_TIME, _CELLS_AT_A_TIME = 400, 100_000
# a smaller probability is none
_LEAST_SHARE = 1e-3
# Sources within this angle bear witness that a place was seen: some six in the plane.
_WITNESS_DEG = 4 / 60
# With this share of the sources that a model expects there; the rest is for what it does not know.
_WITNESS_TRUST = 0.5


@dataclass(frozen=True)
class Cells:
    """Cells that Chandra may have seen, sorted by number.

    Attributes
    ----------
    cell : ndarray of int64, shape (n,)
        HEALPix number, nested, of order `ORDER`.
    ra, dec : ndarray, shape (n,)
        Centres, ICRS degrees.
    share : ndarray, shape (n,)
        Probability that the place was seen; or the part of it that was.
    exposure : ndarray, shape (n,)
        If so, for how long: seconds on the axis of ACIS.
    """

    cell: Integers
    ra: Floats
    dec: Floats
    share: Floats
    exposure: Floats

    def __len__(self) -> int:
        return len(self.cell)

    def take(self, rows: NDArray) -> Cells:
        """Only some of the cells."""
        return Cells(*(values[rows] for values in vars(self).values()))

    def at(self, ra: Floats, dec: Floats) -> Integers:
        """The row of the cell in which each position lies, -1 where there is none.

        Parameters
        ----------
        ra, dec : ndarray, shape (m,)
            ICRS degrees.

        Returns
        -------
        ndarray of int64, shape (m,)
        """
        return _rows(self.cell, cell_of(ra, dec))

    def log_flux_limit(self) -> Floats:
        """log10 of the flux (erg/cm2/s) that gives five counts in each cell."""
        return np.log10(flux_limit(self.exposure))


def cell_of(ra: Floats, dec: Floats) -> Integers:
    """The number of the cell in which each position (ICRS degrees) lies."""
    return cells_at(ra, dec, ORDER)


def _centres(cell: Integers) -> tuple[Floats, Floats]:
    return centres(cell, ORDER)


def _cells(moc: mocpy.MOC, order: int = ORDER) -> Integers:
    """The numbers of the cells in a map, sorted; of a finer map, of those that it touches."""
    if moc.max_order != order:  # else mocpy warns
        finer = moc.max_order > order
        moc = moc.degrade_to_order(order) if finer else moc.refine_to_order(order)
    return np.sort(moc.flatten().astype(np.int64))


def _discs(ra: Floats, dec: Floats, radius_deg: Floats) -> Integers:
    """The cells that any of some discs touch, and a few more."""
    from astropy import units as u
    from mocpy import MOC

    if not len(ra):
        return np.empty(0, np.int64)
    discs = []
    for radius in sorted(set(radius_deg.tolist())):
        of_size = radius_deg == radius
        discs.append(
            MOC.from_cones(
                ra[of_size] * u.deg,
                dec[of_size] * u.deg,
                radius=radius * u.deg,
                max_depth=ORDER,
                union_strategy="small_cones",
            )
        )
    return _cells(discs[0].union(*discs[1:]) if len(discs) > 1 else discs[0])


@dataclass(frozen=True)
class _Looks:
    """How observations with one detector cover cells: one value for each of both."""

    observation: NDArray[np.int32]
    row: NDArray[np.int32]
    share: NDArray[np.float32]
    time: NDArray[np.float32]


class Pointings:
    """Observations of which the roll angles are not known, and the cells that they may cover.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        Aim points, ICRS degrees.
    detector : sequence of str, shape (n,)
    exposure_s : ndarray, shape (n,)
    """

    def __init__(
        self, ra: Floats, dec: Floats, detector: Sequence[str], exposure_s: Floats
    ) -> None:
        self._ra, self._dec, self._exposure = ra, dec, exposure_s
        self._detector = np.asarray(detector, dtype=object)
        reach = self._by_detector(detector_reach_deg)
        self._cell = _discs(ra, dec, reach)
        self._cell_ra, self._cell_dec = _centres(self._cell)
        self._looks = [self._look(name, reach) for name in sorted(set(self._detector.tolist()))]

    def _by_detector(self, function: Callable[[str], float]) -> Floats:
        return np.array([function(name) for name in self._detector]).reshape(len(self._detector))

    def _look(self, detector: str, reach: Floats) -> _Looks:
        rows = np.flatnonzero(self._detector == detector)
        parts = []
        # some at a time: of all together the separations alone take a gigabyte
        for start in range(0, len(rows), _AT_A_TIME):
            of_part = rows[start : start + _AT_A_TIME]
            at, cell, off_axis = match_within(
                self._ra[of_part], self._dec[of_part], reach[of_part], self._cell_ra, self._cell_dec
            )
            share = roll_share(detector, off_axis)
            covers = share > 0
            at, cell, off_axis, share = at[covers], cell[covers], off_axis[covers], share[covers]
            time = self._exposure[of_part][at] * relative_exposure(detector, off_axis)
            parts.append(
                (
                    of_part[at].astype(np.int32),
                    cell.astype(np.int32),
                    share.astype(np.float32),
                    time.astype(np.float32),
                )
            )
        return _Looks(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def cells(self, in_catalogue: Floats) -> Cells:
        """The cells that observations cover, whatever the roll angles were.

        A place that observations p cover with probability s_p was seen with probability
        1 - PRODUCT (1 - s_p), taken for independent. Its exposure is the expected one if it was
        seen: SUM s_p t_p / that probability.

        Parameters
        ----------
        in_catalogue : ndarray, shape (n,)
            Probability that an observation counts:
            `xgamma.coverage.footprints.in_catalogue_share`.
        """
        n = len(self._cell)
        log_unseen, spent = np.zeros(n), np.zeros(n)
        for looks in self._looks:
            share = looks.share * in_catalogue[looks.observation]
            log_unseen += np.bincount(looks.row, np.log1p(-np.minimum(share, 0.999)), minlength=n)
            spent += np.bincount(looks.row, share * looks.time, minlength=n)
        seen = -np.expm1(log_unseen)
        keep = (seen > _LEAST_SHARE) & (spent > 0)
        return Cells(
            self._cell[keep],
            self._cell_ra[keep],
            self._cell_dec[keep],
            seen[keep],
            spent[keep] / seen[keep],
        )

    def doubted(
        self,
        in_catalogue: Floats,
        source_ra: Floats,
        source_dec: Floats,
        density: Callable[[Floats], Floats],
    ) -> Floats:
        """Probability that an observation counts if the catalogue has no source in its field.

        As `witnessed`, for the middle of the field, which most roll angles cover.

        Parameters
        ----------
        in_catalogue : ndarray, shape (n,)
        source_ra, source_dec : ndarray, shape (m,)
            Of the catalogue's sources.
        density : callable
            Expected sources per square degree from an exposure (s).

        Returns
        -------
        ndarray, shape (n,)
            As before where a source lies in the middle.
        """
        radius = self._by_detector(sure_radius_deg)
        near, _, _ = match_within(self._ra, self._dec, radius, source_ra, source_dec)
        found = np.bincount(near, minlength=len(self._ra)) > 0
        alone = ~found & (in_catalogue > 0) & (self._exposure > 0)
        expected = np.zeros(len(self._ra))
        area = np.pi * radius[alone] ** 2
        expected[alone] = _WITNESS_TRUST * density(self._exposure[alone]) * area
        empty = in_catalogue * np.exp(-expected)
        return np.where(alone, empty / (empty + 1 - in_catalogue), in_catalogue)


@dataclass(frozen=True)
class AimPoints:
    """Where observations were aimed, and with what: exposure counts for less off the axis.

    Attributes
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS degrees.
    detector : sequence of str, shape (n,)
        As `xgamma.coverage.footprints.relative_exposure` takes it.
    """

    ra: Floats
    dec: Floats
    detector: Sequence[str]


def from_outlines(
    outlines: Sequence[str], exposure_s: Floats, aim_points: AimPoints | None = None
) -> Cells:
    """Cells from the outlines of observations, as ObsCore's `s_region` has them (STC-S).

    Circles, polygons, unions and what else STC-S has, by mocpy; holes and right ascension 0 are
    no matter. The share of a cell is its part within the outlines, to a sixteenth of its area.

    Parameters
    ----------
    outlines : sequence of str, shape (n,)
    exposure_s : ndarray, shape (n,)
    aim_points : AimPoints, optional
        Without them, exposures count everywhere as on the axis.

    Returns
    -------
    Cells

    Raises
    ------
    XgammaError
        Naming the row of an outline that cannot be read, or is larger than any observation.
    """
    numbers = []
    for row, outline in enumerate(outlines):
        try:
            finer = map_of_outline(outline, ORDER + _FINER)
            numbers.append(_cells(finer, ORDER + _FINER))
        except XgammaError as error:
            raise XgammaError(f"coverage: the outline in row {row} {error}") from error
    if not numbers:
        return _of_numbers(np.empty(0, np.int64), np.empty(0))
    row = np.repeat(np.arange(len(numbers)), [len(inside) for inside in numbers])
    number = np.concatenate(numbers)
    cell, place = np.unique(number // _PARTS, return_inverse=True)
    time = np.asarray(exposure_s, float)[row]
    ra, dec = _centres(cell)
    if aim_points is not None:
        time *= _off_axis(aim_points, row, ra[place], dec[place])
    spent = np.bincount(place, time, minlength=len(cell))
    # parts that several observations have seen count once
    seen = np.unique(number) // _PARTS
    parts = np.bincount(np.searchsorted(cell, seen), minlength=len(cell))
    return Cells(cell, ra, dec, parts / _PARTS, spent / parts)


def _off_axis(aim_points: AimPoints, row: Integers, ra: Floats, dec: Floats) -> Floats:
    """`relative_exposure` of the observations in some rows at as many places."""
    angle = separation(aim_points.ra[row], aim_points.dec[row], ra, dec)
    worth = np.empty(len(row))
    detector = np.asarray(aim_points.detector, dtype=object)[row]
    for name in sorted(set(detector.tolist())):
        of_name = detector == name
        worth[of_name] = relative_exposure(name, angle[of_name])
    return worth


def _of_numbers(cell: Integers, exposure: Floats) -> Cells:
    ra, dec = _centres(cell)
    return Cells(cell, ra, dec, np.ones(len(cell)), exposure)


def from_moc(moc: mocpy.MOC, pointings: Cells, usual_exposure_s: float) -> Cells:
    """Cells from a map of where Chandra has looked; how deep, by its observations.

    Parameters
    ----------
    moc : mocpy.MOC
    pointings : Cells
        As `Pointings.cells` gives them.
    usual_exposure_s : float
        Where no observation is known.
    """
    cell = _cells(moc)
    ra, dec = _centres(cell)
    row = pointings.at(ra, dec)
    known = np.full(len(cell), float(usual_exposure_s))
    known[row >= 0] = pointings.exposure[row[row >= 0]]
    return Cells(cell, ra, dec, np.ones(len(cell)), known)


def witnessed(
    cells: Cells, ra: Floats, dec: Floats, density: Callable[[Floats], Floats] | None
) -> Cells:
    """Cells with what a catalogue of sources says of them.

    A source proves that its place was seen. A place without any source within 4 arcmin was the
    less likely seen the more are expected there: with the number mu that the density gives, its
    probability becomes s e^-mu / (s e^-mu + 1 - s) (Bayes). Half of the expected number is used,
    since densities scatter.

    Parameters
    ----------
    cells : Cells
    ra, dec : ndarray, shape (n,)
        Of the catalogue's sources, ICRS degrees.
    density : callable, or None
        Expected sources per square degree from an exposure (s). None: a place without sources
        stays as it is.

    Returns
    -------
    Cells
        With cells more where a source lies in none; their exposure is the median one.
    """
    own = np.sort(cell_of(ra, dec))
    own = own[np.diff(own, prepend=-1) > 0]
    # not np.unique nor np.isin: both are slow with so many numbers
    missing = own[_rows(cells.cell, own) < 0]
    usual = float(np.median(cells.exposure)) if len(cells) else 0.0
    cells = _merged(cells, _of_numbers(missing, np.full(len(missing), usual)))
    share = cells.share.copy()
    if density is not None:
        doubtful = np.flatnonzero(share < 1)
        alone = doubtful[~_has_source(cells.ra[doubtful], cells.dec[doubtful], ra, dec)]
        expected = _WITNESS_TRUST * density(cells.exposure[alone]) * np.pi * _WITNESS_DEG**2
        seen_and_empty = share[alone] * np.exp(-expected)
        share[alone] = seen_and_empty / (seen_and_empty + 1 - share[alone])
    share[_rows(cells.cell, own)] = 1.0
    return replace(cells, share=share)


def _has_source(cell_ra: Floats, cell_dec: Floats, ra: Floats, dec: Floats) -> NDArray[np.bool_]:
    """Whether a source lies within 4 arcmin of a cell's centre."""
    has = np.zeros(len(cell_ra), bool)
    for start in range(0, len(has), _CELLS_AT_A_TIME):
        part = slice(start, start + _CELLS_AT_A_TIME)
        near, _, _ = match_within(cell_ra[part], cell_dec[part], _WITNESS_DEG, ra, dec)
        has[part][near] = True
    return has


def _rows(sorted_numbers: Integers, wanted: Integers) -> Integers:
    """Where each wanted number stands among sorted ones, -1 where it does not."""
    if not len(sorted_numbers):
        return np.full(np.shape(wanted), -1)
    row = np.minimum(np.searchsorted(sorted_numbers, wanted), len(sorted_numbers) - 1)
    return np.where(sorted_numbers[row] == wanted, row, -1)


def _merged(first: Cells, second: Cells) -> Cells:
    order = np.argsort(np.append(first.cell, second.cell), kind="stable")
    return Cells(
        *(
            np.append(a, b)[order]
            for a, b in zip(vars(first).values(), vars(second).values(), strict=True)
        )
    )
