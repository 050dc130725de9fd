"""Simulated Chandra sources inside their fields, as a source catalogue lists them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.counterparts import draw_flux_ratio
from xgamma.demo.sky.geometry import from_tangent_plane, rotate, to_tangent_plane
from xgamma.demo.sky.luminosity import (
    agn_density,
    dimming,
    draw_agn_flux,
    draw_galactic_flux,
    galactic_density,
)
from xgamma.demo.sky.pointings import FOOTPRINTS, contains, effective_exposure, reach_deg
from xgamma.sky import galactic, match_within

__all__ = [
    "LEAST_COUNTS",
    "draw_background",
    "draw_detections",
    "fields_over",
    "finish_catalogue",
    "keep_best_field",
    "place_counterparts",
    "position_error",
    "source_names",
]

# a source of flux S gives S t / 1.2e-11 counts in t seconds on the axis of ACIS
FLUX_PER_COUNT_RATE = 1.2e-11
LEAST_COUNTS = 5.0
_LARGEST_FITTED_ARCMIN = 15.0
_FAINTEST_IN_CLUSTER = 2e-15

# 343,779 of 407,806 catalogue rows have a broad-band flux above zero
SHARE_WITHOUT_FLUX = 1.0 - 343_779 / 407_806


def position_error(off_axis_arcmin: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """95 % position error in arcsec of a Chandra source.

    Kim et al. 2007 (ApJS 169, 401; ChaMP), eq. 14, with 0.29 arcsec of systematic error
    added in quadrature, as CSC 2.1 does.

    Parameters
    ----------
    off_axis_arcmin, counts : ndarray
        Angle from the aim point (the formula was fitted within 15 arcmin: beyond, the
        error there is used) and net counts.
    """
    log_counts = np.log10(counts)
    off_axis_arcmin = np.minimum(off_axis_arcmin, _LARGEST_FITTED_ARCMIN)
    weak = 0.1145 * off_axis_arcmin - 0.4958 * log_counts + 0.1932
    strong = 0.0968 * off_axis_arcmin - 0.2064 * log_counts - 0.4260
    return np.hypot(10 ** np.where(log_counts <= 2.1393, weak, strong), 0.29)


def _detections(
    fields: pd.DataFrame, index: np.ndarray, ra: np.ndarray, dec: np.ndarray, flux: np.ndarray
) -> pd.DataFrame:
    x, y = to_tangent_plane(
        fields["ra"].to_numpy()[index], fields["dec"].to_numpy()[index], ra, dec
    )
    off_axis = np.hypot(x, y)
    exposure = effective_exposure(fields, index, off_axis)
    return pd.DataFrame(
        {
            "field": index,
            "ra": ra,
            "dec": dec,
            "flux": flux,
            "off_axis": off_axis,
            "exposure": exposure,
            "counts": flux * exposure / FLUX_PER_COUNT_RATE,
        }
    )


def draw_background(
    rng: np.random.Generator, fields: pd.DataFrame, crowding: float
) -> pd.DataFrame:
    """Draw active galaxies, stars of the Galaxy and of young clusters in each field.

    Parameters
    ----------
    rng : Generator
    fields : DataFrame
        With `exposure` (s) summed over the observations of a field.
    crowding : float
        Factor on all densities but those of the clusters.

    Returns
    -------
    DataFrame
        Detected sources: `field`, `ra`, `dec` (deg), `flux`, `off_axis` (arcmin),
        `exposure` (s, effective), `counts`.
    """
    shape = FOOTPRINTS.iloc[fields["footprint"].to_numpy()]
    area = 4 * shape["half_x"].to_numpy() * shape["half_y"].to_numpy() / 3600.0
    everything = np.arange(len(fields))
    least = (
        LEAST_COUNTS
        * FLUX_PER_COUNT_RATE
        / effective_exposure(fields, everything, np.zeros(len(fields)))
    )
    lon, lat = galactic(fields["ra"], fields["dec"])
    through = dimming(lat)
    agn = rng.poisson(crowding * area * agn_density(least / through))
    stars = rng.poisson(crowding * area * galactic_density(least, lon, lat))
    members = fields["cluster"].to_numpy()
    parts = []
    for number, kind in ((agn, "agn"), (stars, "stars"), (members, "cluster")):
        index = np.repeat(everything, number)
        if kind == "agn":
            flux = draw_agn_flux(rng, (least / through)[index]) * through[index]
        else:
            # a deeper look shows fainter field stars; a cluster's size is given
            floor = least if kind == "stars" else np.maximum(least, _FAINTEST_IN_CLUSTER)
            flux = draw_galactic_flux(rng, floor[index])
        x, y = rng.uniform(-1, 1, (2, len(index)))
        x = x * shape["half_x"].to_numpy()[index] + shape["centre_x"].to_numpy()[index]
        y = y * shape["half_y"].to_numpy()[index] + shape["centre_y"].to_numpy()[index]
        if kind == "cluster":
            x, y = rng.normal(0.0, 2.5, (2, len(index)))
        seen = flux * effective_exposure(fields, index, np.hypot(x, y)) >= (
            LEAST_COUNTS * FLUX_PER_COUNT_RATE
        )
        index, flux = index[seen], flux[seen]
        east, north = rotate(x[seen], y[seen], fields["roll"].to_numpy()[index])
        ra, dec = from_tangent_plane(
            fields["ra"].to_numpy()[index], fields["dec"].to_numpy()[index], east, north
        )
        parts.append(_detections(fields, index, ra, dec, flux))
    return pd.concat(parts, ignore_index=True)


def keep_best_field(fields: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Leave out sources that a more sensitive field covers: overlaps count once.

    Without this a place seen by ten fields would have ten times its sources.
    """
    reach = reach_deg(fields["footprint"].to_numpy())
    one, other, apart = match_within(
        fields["ra"], fields["dec"], reach + reach.max(), fields["ra"], fields["dec"]
    )
    near = (one != other) & (apart < reach[one] + reach[other])
    one, other = one[near], other[near]
    by_field = np.argsort(sources["field"].to_numpy(), kind="stable")
    ordered = sources.iloc[by_field].reset_index(drop=True)
    start = np.searchsorted(ordered["field"], np.arange(len(fields) + 1))
    length = np.diff(start)[one]
    lost = np.zeros(len(sources), dtype=bool)
    ra, dec, own = (ordered[c].to_numpy() for c in ("ra", "dec", "exposure"))
    # in portions: all tests at once would take gigabytes
    portion = np.cumsum(length) // 500_000
    for value in np.unique(portion):
        pairs = np.flatnonzero((portion == value) & (length > 0))
        if not len(pairs):
            continue
        count = length[pairs]
        offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        source = np.repeat(start[one[pairs]], count) + offset
        field = np.repeat(other[pairs], count)
        inside = contains(fields, field, ra[source], dec[source])
        source, field = source[inside], field[inside]
        rival = _detections(fields, field, ra[source], dec[source], np.ones(len(source)))
        lost[source[rival["exposure"].to_numpy() > own[source]]] = True
    return ordered[~lost].reset_index(drop=True)


def fields_over(
    fields: pd.DataFrame, ra: np.ndarray, dec: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The most sensitive field over each position that has one.

    Returns
    -------
    point, field : ndarray of int
        Indices of positions and of fields, sorted by position.
    """
    reach = reach_deg(fields["footprint"].to_numpy())
    field, point, _ = match_within(fields["ra"], fields["dec"], reach, ra, dec)
    inside = contains(fields, field, ra[point], dec[point])
    field, point = field[inside], point[inside]
    exposure = _detections(fields, field, ra[point], dec[point], np.ones(len(point)))["exposure"]
    order = np.lexsort((field, -exposure.to_numpy(), point))
    point, first = np.unique(point[order], return_index=True)
    return point, field[order][first]


def place_counterparts(
    rng: np.random.Generator,
    fields: pd.DataFrame,
    fermi: pd.DataFrame,
    counterparts: pd.DataFrame,
) -> pd.DataFrame:
    """Detect the true counterparts that lie in a field.

    Returns
    -------
    DataFrame
        The columns of `draw_background`, and `fermi` (row), `nature`,
        `log_flux_ratio` of the flux in the catalogue.
    """
    point, field = fields_over(
        fields, counterparts["ra"].to_numpy(), counterparts["dec"].to_numpy()
    )
    true = counterparts.iloc[point].reset_index(drop=True)
    ra, dec = true["ra"].to_numpy(), true["dec"].to_numpy()
    exposure = _detections(fields, field, ra, dec, np.ones(len(field)))["exposure"].to_numpy()
    gamma = fermi["energy_flux"].to_numpy()[true["fermi"]]
    least = np.log10(1.2 * LEAST_COUNTS * FLUX_PER_COUNT_RATE / exposure / gamma)
    ratio = draw_flux_ratio(rng, true["nature"].to_numpy(), least)
    seen = np.isfinite(ratio)
    flux = (gamma * 10**ratio)[seen]
    found = _detections(fields, field[seen], ra[seen], dec[seen], flux)
    found["fermi"] = true["fermi"].to_numpy()[seen]
    found["nature"] = true["nature"].to_numpy()[seen]
    found["log_flux_ratio"] = ratio[seen]
    return found


def draw_detections(
    rng: np.random.Generator, fields: pd.DataFrame, awkward: pd.DataFrame
) -> pd.DataFrame:
    """Detect the sources of the difficult cases, each well above its field's limit."""
    ra, dec = awkward["ra"].to_numpy(), awkward["dec"].to_numpy()
    aimed = fields.reset_index(drop=True)
    field = np.array([int(aimed.index[aimed["target"] == f][0]) for f in awkward["fermi"]])
    found = _detections(fields, field, ra, dec, np.ones(len(ra)))
    counts = rng.uniform(15.0, 60.0, len(ra))
    found["counts"] = counts
    found["flux"] = counts * FLUX_PER_COUNT_RATE / found["exposure"]
    found["case"] = awkward["case"].to_numpy()
    found["bii"] = awkward["bii"].to_numpy()
    return found


def source_names(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """'SIM Jhhmmss.s+ddmmss' names, truncated not rounded; doubles get a letter."""
    tenth = np.floor(ra * 2400.0 + 1e-6).astype(int) % 864_000
    second = np.floor(np.abs(dec) * 3600.0 + 1e-6).astype(int)
    names = [
        f"SIM J{t // 36000:02d}{t // 600 % 60:02d}{t % 600 // 10:02d}.{t % 10}"
        f"{sign}{s // 3600:02d}{s // 60 % 60:02d}{s % 60:02d}"
        for t, s, sign in zip(
            tenth.tolist(), second.tolist(), np.where(dec < 0, "-", "+"), strict=True
        )
    ]
    series = pd.Series(names, dtype=object)
    double = series.groupby(series).cumcount().to_numpy()
    for row in np.flatnonzero(double):
        names[row] += chr(ord("A") + min(int(double[row]), 26) - 1)
    return np.array(names, dtype=object)


def finish_catalogue(
    rng: np.random.Generator, fields: pd.DataFrame, sources: pd.DataFrame
) -> pd.DataFrame:
    """Give the detections what a catalogue lists: errors, fluxes with limits, names.

    Fluxes seen by HRC alone are null, others are null or zero so often that the share
    of rows without flux is the real one; counterparts and difficult cases keep theirs.
    Sorted by declination. Keeps the columns that the truth needs.
    """
    from astropy.coordinates import SkyCoord

    sources = sources.sort_values(["dec", "ra"], kind="stable").reset_index(drop=True)
    n = len(sources)
    ra, dec = sources["ra"].to_numpy(), sources["dec"].to_numpy()
    counts, flux = sources["counts"].to_numpy(), sources["flux"].to_numpy()
    r0 = position_error(sources["off_axis"].to_numpy(), counts)
    heasarc = SkyCoord(ra, dec, unit="deg", frame="fk5").galactic
    exact = sources["bii"].to_numpy()
    measured = flux * np.exp(rng.normal(0.0, 0.15, n))
    keep = np.isfinite(sources["log_flux_ratio"].to_numpy()) | (sources["case"].to_numpy() != "")
    measured = np.where(keep, flux, measured)
    error = flux * (1.0 + np.sqrt(counts + 0.75)) / counts
    low, high = np.maximum(measured - error, 0.0), measured + error
    efficiency = FOOTPRINTS["efficiency"].to_numpy()
    hrc = efficiency[fields["footprint"].to_numpy()[sources["field"]]] < 1
    rest = max(0.0, (SHARE_WITHOUT_FLUX - hrc.mean()) / (1.0 - hrc.mean()))
    lot = rng.random(n)
    null = hrc | (~keep & (lot < 0.7 * rest))
    zero = ~null & ~keep & (lot < rest)
    measured, low = np.where(zero, 0.0, measured), np.where(zero, 0.0, low)
    finished = pd.DataFrame(
        {
            "name": source_names(ra, dec),
            "ra": ra,
            "dec": dec,
            "lii": heasarc.l.deg,
            "bii": np.where(np.isfinite(exact), exact, heasarc.b.deg),
            "error_ellipse_r0": r0,
            "error_ellipse_r1": r0 * rng.uniform(0.65, 1.0, n),
            "error_ellipse_angle": rng.uniform(0.0, 180.0, n),
            "b_flux_ap": np.where(null, np.nan, measured),
            "b_flux_ap_lo": np.where(null, np.nan, low),
            "b_flux_ap_hi": np.where(null, np.nan, high),
            "significance": counts / (1.0 + np.sqrt(counts + 0.75)) * rng.uniform(0.9, 1.4, n),
        }
    )
    for name in ("fermi", "nature", "log_flux_ratio", "case"):
        finished[name] = sources[name].to_numpy()
    return finished
