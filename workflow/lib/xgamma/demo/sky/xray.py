"""Simulated X-ray sources in Chandra's fields: what is detected, and how a catalogue lists it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.geometry import from_tangent_plane, rotate, to_tangent_plane
from xgamma.demo.sky.names import chandra_names
from xgamma.demo.sky.number_counts import (
    agn_density,
    draw_agn_flux,
    draw_galactic_flux,
    galactic_density,
    transmitted_share,
)
from xgamma.demo.sky.pointings import FOOTPRINTS, contains, effective_exposure, reach_deg
from xgamma.frames import fk5_to_galactic
from xgamma.sky import galactic, match_within, ranges

__all__ = [
    "draw_background",
    "finish_catalogue",
    "keep_best_field",
    "place_counterparts",
    "place_difficult_sources",
    "position_error",
]

# a source of flux S gives S t / 1.2e-11 counts in t seconds on the axis of ACIS
_FLUX_PER_COUNT_RATE = 1.2e-11
_LEAST_COUNTS = 5.0
_LARGEST_FITTED_ARCMIN = 15.0
_FAINTEST_IN_CLUSTER = 2e-15

# 343,779 of 407,806 catalogue rows have a broad-band flux above zero
_SHARE_WITHOUT_FLUX = 1.0 - 343_779 / 407_806


def position_error(off_axis_arcmin: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """95 % position error in arcsec of a Chandra source.

    Kim et al. 2007 (ApJS 169, 401; ChaMP), eq. 14, with 0.29 arcsec of systematic error
    added in quadrature, as CSC 2.1 does.

    Parameters
    ----------
    off_axis_arcmin : ndarray, shape (n,)
        Angle from the aim point. The formula was fitted within 15 arcmin: beyond, the
        error at 15 arcmin is used.
    counts : ndarray, shape (n,)
        Net counts.

    Returns
    -------
    ndarray, shape (n,)
        Arcsec.
    """
    log_counts = np.log10(counts)
    off_axis_arcmin = np.minimum(off_axis_arcmin, _LARGEST_FITTED_ARCMIN)
    weak = 0.1145 * off_axis_arcmin - 0.4958 * log_counts + 0.1932
    strong = 0.0968 * off_axis_arcmin - 0.2064 * log_counts - 0.4260
    return np.hypot(10 ** np.where(log_counts <= 2.1393, weak, strong), 0.29)


def _detections(
    fields: pd.DataFrame, index: np.ndarray, ra: np.ndarray, dec: np.ndarray, flux: np.ndarray
) -> pd.DataFrame:
    """What fields number `index` see of sources: their angle off axis, exposure and counts."""
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
            "counts": flux * exposure / _FLUX_PER_COUNT_RATE,
        }
    )


def draw_background(
    rng: np.random.Generator, fields: pd.DataFrame, density_factor: float
) -> pd.DataFrame:
    """Draw the sources of each field: active galaxies, stars of the Galaxy, young clusters.

    Parameters
    ----------
    rng : Generator
    fields : DataFrame
        With `exposure` (s) summed over the observations of a field.
    density_factor : float
        Multiplies all densities but those of the clusters.

    Returns
    -------
    DataFrame
        Detected sources: `field` (row in `fields`), `ra`, `dec` (deg), `flux`
        (erg/cm2/s), `off_axis` (arcmin), `exposure` (s, effective), `counts`.
    """
    shape = FOOTPRINTS.iloc[fields["footprint"].to_numpy()]
    area = 4 * shape["half_x"].to_numpy() * shape["half_y"].to_numpy() / 3600.0
    every_field = np.arange(len(fields))
    least_flux = (
        _LEAST_COUNTS
        * _FLUX_PER_COUNT_RATE
        / effective_exposure(fields, every_field, np.zeros(len(fields)))
    )
    lon, lat = galactic(fields["ra"], fields["dec"])
    transmitted = transmitted_share(lat)
    agn_count = rng.poisson(density_factor * area * agn_density(least_flux / transmitted))
    star_count = rng.poisson(density_factor * area * galactic_density(least_flux, lon, lat))
    cluster_count = fields["cluster"].to_numpy()
    detections = []
    for kind, count in (("agn", agn_count), ("stars", star_count), ("cluster", cluster_count)):
        index = np.repeat(every_field, count)
        if kind == "agn":
            flux = draw_agn_flux(rng, (least_flux / transmitted)[index]) * transmitted[index]
        else:
            # a deeper look shows fainter field stars; a cluster's size is given
            faintest = np.maximum(least_flux, _FAINTEST_IN_CLUSTER if kind == "cluster" else 0.0)
            flux = draw_galactic_flux(rng, faintest[index])
        x, y = rng.uniform(-1, 1, (2, len(index)))
        x = x * shape["half_x"].to_numpy()[index] + shape["centre_x"].to_numpy()[index]
        y = y * shape["half_y"].to_numpy()[index] + shape["centre_y"].to_numpy()[index]
        if kind == "cluster":
            x, y = rng.normal(0.0, 2.5, (2, len(index)))
        detected = flux * effective_exposure(fields, index, np.hypot(x, y)) >= (
            _LEAST_COUNTS * _FLUX_PER_COUNT_RATE
        )
        index, flux = index[detected], flux[detected]
        east, north = rotate(x[detected], y[detected], fields["roll"].to_numpy()[index])
        ra, dec = from_tangent_plane(
            fields["ra"].to_numpy()[index], fields["dec"].to_numpy()[index], east, north
        )
        detections.append(_detections(fields, index, ra, dec, flux))
    return pd.concat(detections, ignore_index=True)


def keep_best_field(fields: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Leave out sources that a more sensitive field covers: overlaps count once.

    Without this a place seen by ten fields would have ten times its sources.

    Parameters
    ----------
    fields : DataFrame
    sources : DataFrame
        As `draw_background` gives them.

    Returns
    -------
    DataFrame
        The rows that stay, sorted by field.
    """
    reach = reach_deg(fields["footprint"].to_numpy())
    first, second, separation = match_within(
        fields["ra"], fields["dec"], reach + reach.max(), fields["ra"], fields["dec"]
    )
    overlapping = (first != second) & (separation < reach[first] + reach[second])
    first, second = first[overlapping], second[overlapping]
    by_field = np.argsort(sources["field"].to_numpy(), kind="stable")
    ordered = sources.iloc[by_field].reset_index(drop=True)
    start = np.searchsorted(ordered["field"], np.arange(len(fields) + 1))
    length = np.diff(start)[first]
    left_out = np.zeros(len(sources), dtype=bool)
    ra, dec, exposure = (ordered[name].to_numpy() for name in ("ra", "dec", "exposure"))
    # in portions: all tests at once would take gigabytes
    portion = np.cumsum(length) // 500_000
    for value in np.unique(portion):
        pairs = np.flatnonzero((portion == value) & (length > 0))
        if not len(pairs):
            continue
        count = length[pairs]
        pair, source = ranges(start[first[pairs]], count)
        field = second[pairs][pair]
        inside = contains(fields, field, ra[source], dec[source])
        source, field = source[inside], field[inside]
        rival = _detections(fields, field, ra[source], dec[source], np.ones(len(source)))
        left_out[source[rival["exposure"].to_numpy() > exposure[source]]] = True
    return ordered[~left_out].reset_index(drop=True)


def _best_field(
    fields: pd.DataFrame, ra: np.ndarray, dec: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions that a field covers, and the most sensitive field over each; as indices."""
    reach = reach_deg(fields["footprint"].to_numpy())
    field, point, _ = match_within(fields["ra"], fields["dec"], reach, ra, dec)
    inside = contains(fields, field, ra[point], dec[point])
    field, point = field[inside], point[inside]
    exposure = _detections(fields, field, ra[point], dec[point], np.ones(len(point)))["exposure"]
    order = np.lexsort((field, -exposure.to_numpy(), point))
    point, first = np.unique(point[order], return_index=True)
    return point, field[order][first]


def place_counterparts(
    fields: pd.DataFrame, fermi: pd.DataFrame, counterparts: pd.DataFrame
) -> tuple[pd.DataFrame, np.ndarray]:
    """Detect the true counterparts that lie in a field and are bright enough for it.

    Parameters
    ----------
    fields : DataFrame
        With `exposure` (s).
    fermi : DataFrame
        As `read_fermi` gives it.
    counterparts : DataFrame, n rows
        As `draw_counterparts` gives them.

    Returns
    -------
    detections : DataFrame
        The columns of `draw_background`, and `fermi` (row), `nature`, `log_flux_ratio`.
    fate : ndarray of str, shape (n,)
        'none' without X-rays, whether or not a field is there; 'outside' of all fields;
        'below limit', less than five counts in the most sensitive one; 'detected'.
    """
    shining = np.flatnonzero(counterparts["nature"].to_numpy() != "")
    fate = np.full(len(counterparts), "none", dtype=object)
    fate[shining] = "outside"
    true = counterparts.iloc[shining]
    point, field = _best_field(fields, true["ra"].to_numpy(), true["dec"].to_numpy())
    true = true.iloc[point]
    energy_flux = fermi["energy_flux"].to_numpy()[true["fermi"]]
    flux = energy_flux * 10 ** true["log_flux_ratio"].to_numpy()
    detections = _detections(fields, field, true["ra"].to_numpy(), true["dec"].to_numpy(), flux)
    for name in ("fermi", "nature", "log_flux_ratio"):
        detections[name] = true[name].to_numpy()
    detected = detections["counts"].to_numpy() >= _LEAST_COUNTS
    fate[shining[point]] = np.where(detected, "detected", "below limit")
    return detections[detected].reset_index(drop=True), fate


def place_difficult_sources(
    rng: np.random.Generator, fields: pd.DataFrame, difficult: pd.DataFrame
) -> pd.DataFrame:
    """Detect the sources of the difficult cases, each well above its field's limit.

    Parameters
    ----------
    rng : Generator
    fields : DataFrame
        With one for each Fermi source of `difficult` as its `target`.
    difficult : DataFrame
        As `difficult_sources` gives them.

    Returns
    -------
    DataFrame
        The columns of `draw_background`, and `case`, `bii` of `difficult`.
    """
    ra, dec = difficult["ra"].to_numpy(), difficult["dec"].to_numpy()
    target = fields["target"].to_numpy()
    field = np.array([np.flatnonzero(target == row)[0] for row in difficult["fermi"]])
    detections = _detections(fields, field, ra, dec, np.ones(len(ra)))
    counts = rng.uniform(15.0, 60.0, len(ra))
    detections["counts"] = counts
    detections["flux"] = counts * _FLUX_PER_COUNT_RATE / detections["exposure"]
    detections["case"] = difficult["case"].to_numpy()
    detections["bii"] = difficult["bii"].to_numpy()
    return detections


def finish_catalogue(
    rng: np.random.Generator, fields: pd.DataFrame, sources: pd.DataFrame
) -> pd.DataFrame:
    """Give the detections what a catalogue lists: errors, fluxes with limits, names.

    Fluxes seen by HRC alone are null, others are null or zero so often that the share
    of rows without flux is the real one, counterparts like all others; only the difficult
    cases keep theirs.

    Parameters
    ----------
    rng : Generator
    fields : DataFrame
    sources : DataFrame, n rows
        Detections of all kinds: the columns of `draw_background`, of
        `place_counterparts` and of `place_difficult_sources`.

    Returns
    -------
    DataFrame, n rows
        The columns of the served table `csc` but those of `draw_quality`; `fermi`, `nature`,
        `log_flux_ratio`, `case` for the truth; and of the detection `counts`, `off_axis`
        (arcmin) and `exposure` (s, effective). Sorted by declination.
    """
    sources = sources.sort_values(["dec", "ra"], kind="stable").reset_index(drop=True)
    n = len(sources)
    ra, dec = sources["ra"].to_numpy(), sources["dec"].to_numpy()
    counts, flux = sources["counts"].to_numpy(), sources["flux"].to_numpy()
    r0 = position_error(sources["off_axis"].to_numpy(), counts)
    # HEASARC takes the positions as FK5
    longitude_at_heasarc, latitude_at_heasarc = fk5_to_galactic(ra, dec)
    given_latitude = sources["bii"].to_numpy()
    measured = flux * np.exp(rng.normal(0.0, 0.15, n))
    keeps_flux = sources["case"].to_numpy() != ""
    measured = np.where(keeps_flux, flux, measured)
    error = flux * (1.0 + np.sqrt(counts + 0.75)) / counts
    low, high = np.maximum(measured - error, 0.0), measured + error
    efficiency = FOOTPRINTS["efficiency"].to_numpy()
    hrc = efficiency[fields["footprint"].to_numpy()[sources["field"]]] < 1
    other_share = max(0.0, (_SHARE_WITHOUT_FLUX - hrc.mean()) / (1.0 - hrc.mean()))
    draw = rng.random(n)
    null = hrc | (~keeps_flux & (draw < 0.7 * other_share))
    zero = ~null & ~keeps_flux & (draw < other_share)
    measured, low = np.where(zero, 0.0, measured), np.where(zero, 0.0, low)
    finished = pd.DataFrame(
        {
            "name": chandra_names(ra, dec),
            "ra": ra,
            "dec": dec,
            "lii": longitude_at_heasarc,
            "bii": np.where(np.isfinite(given_latitude), given_latitude, latitude_at_heasarc),
            "error_ellipse_r0": r0,
            "error_ellipse_r1": r0 * rng.uniform(0.65, 1.0, n),
            "error_ellipse_angle": rng.uniform(0.0, 180.0, n),
            "b_flux_ap": np.where(null, np.nan, measured),
            "b_flux_ap_lo": np.where(null, np.nan, low),
            "b_flux_ap_hi": np.where(null, np.nan, high),
            "significance": counts / (1.0 + np.sqrt(counts + 0.75)) * rng.uniform(0.9, 1.4, n),
        }
    )
    beside = "fermi", "nature", "log_flux_ratio", "case", "counts", "off_axis", "exposure"
    for name in beside:
        finished[name] = sources[name].to_numpy()
    return finished
