"""Simulated fields of Chandra, and the list of its observations.

A field is one place on the sky that the source catalogue covers: an instrument's
footprint with a roll, and the summed exposure of its observations, all of them without a
grating and public by the end of 2021. The observation list holds more than that: gratings,
calibration targets looked at again and again, recent observations, and ones not yet made,
whose exposure is 0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from xgamma.demo.sky.geometry import from_tangent_plane, isotropic, to_tangent_plane
from xgamma.demo.sky.targets import Aims
from xgamma.frames import galactic_to_icrs
from xgamma.sky import match_within

__all__ = [
    "FOOTPRINTS",
    "contains",
    "covered_share",
    "draw_aimed_fields",
    "draw_background_fields",
    "draw_observations",
    "effective_exposure",
    "reach_deg",
]

# footprints: detector, half width and half height, centre of the footprint relative to
# the aim point (arcmin, before the roll), share of fields, and counts per flux relative
# to ACIS. ACIS-S is one 8.3' chip (S3) or the row of six, in which S3 is the fourth.
FOOTPRINTS = pd.DataFrame(
    [
        ("ACIS-I", 8.45, 8.45, 0.0, 0.0, 0.36, 1.0),
        ("ACIS-S", 4.15, 4.15, 0.0, 0.0, 0.24, 1.0),
        ("ACIS-S", 25.0, 4.15, -4.15, 0.0, 0.30, 1.0),
        ("HRC-I", 15.0, 15.0, 0.0, 0.0, 0.06, 0.25),
        ("HRC-S", 49.5, 3.0, 0.0, 0.0, 0.04, 0.25),
    ],
    columns=["detector", "half_x", "half_y", "centre_x", "centre_y", "share", "efficiency"],
)

# measured quantiles of the exposure of one observation; the ends are chosen
_EXPOSURE_KS = {
    0.0: 0.5, 0.01: 1.2, 0.05: 2.3, 0.16: 4.9, 0.5: 15.6, 0.84: 48.0, 0.95: 85.0,
    0.99: 154.0, 1.0: 190.0,
}  # fmt: skip

# the source catalogue holds what was public by the end of 2021 (MJD)
_CATALOGUE_END = 59580.0
# data are public a year after the observation and its processing
_RELEASE_DAYS = (365.0, 395.0)

# off axis the mirror loses area and sharpness: exposure counts for half at this angle
_HALF_SENSITIVITY_ARCMIN = 7.0


def _draw_exposure(rng: np.random.Generator, n: int) -> np.ndarray:
    """Exposures in seconds, log-linear between the measured quantiles."""
    share, exposure = np.array(list(_EXPOSURE_KS.items())).T
    return np.round(1000.0 * 10 ** np.interp(rng.random(n), share, np.log10(exposure)), 1)


def reach_deg(footprint: np.ndarray) -> np.ndarray:
    """Distance of a footprint's farthest corner from the aim point.

    Parameters
    ----------
    footprint : ndarray of int, shape (n,)
        Rows of `FOOTPRINTS`.

    Returns
    -------
    ndarray, shape (n,)
        Degrees.
    """
    half = FOOTPRINTS[["half_x", "half_y"]].to_numpy() + np.abs(
        FOOTPRINTS[["centre_x", "centre_y"]].to_numpy()
    )
    return (np.hypot(*half.T) / 60.0)[footprint]


def _in_field_frame(
    fields: pd.DataFrame, index: np.ndarray, ra: np.ndarray, dec: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (arcmin) of positions from aim points, along the detector's sides."""
    east, north = to_tangent_plane(
        fields["ra"].to_numpy()[index], fields["dec"].to_numpy()[index], ra, dec
    )
    roll = np.radians(fields["roll"].to_numpy()[index])
    return (
        east * np.cos(roll) - north * np.sin(roll),
        east * np.sin(roll) + north * np.cos(roll),
    )


def contains(
    fields: pd.DataFrame, index: np.ndarray, ra: np.ndarray, dec: np.ndarray
) -> np.ndarray:
    """Whether positions lie in the footprints of fields.

    Parameters
    ----------
    fields : DataFrame
        As `draw_background_fields` gives them.
    index : ndarray of int, shape (n,)
        Row in `fields` for each position.
    ra, dec : ndarray, shape (n,)
        Degrees.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    x, y = _in_field_frame(fields, index, ra, dec)
    shape = FOOTPRINTS.iloc[fields["footprint"].to_numpy()[index]]
    return (np.abs(x - shape["centre_x"].to_numpy()) <= shape["half_x"].to_numpy()) & (
        np.abs(y - shape["centre_y"].to_numpy()) <= shape["half_y"].to_numpy()
    )


def effective_exposure(
    fields: pd.DataFrame, index: np.ndarray, off_axis_arcmin: np.ndarray
) -> np.ndarray:
    """Exposure that would show as much on the axis of ACIS.

    Parameters
    ----------
    fields : DataFrame
        With `exposure` (s).
    index : ndarray of int, shape (n,)
        Rows in `fields`.
    off_axis_arcmin : ndarray, shape (n,)
        Angle from the aim point.

    Returns
    -------
    ndarray, shape (n,)
        Seconds.
    """
    efficiency = FOOTPRINTS["efficiency"].to_numpy()[fields["footprint"].to_numpy()[index]]
    exposure = fields["exposure"].to_numpy()[index] * efficiency
    return exposure / (1.0 + (off_axis_arcmin / _HALF_SENSITIVITY_ARCMIN) ** 2)


def covered_share(fermi: pd.DataFrame, fields: pd.DataFrame) -> np.ndarray:
    """Share of each Fermi source's circle that fields cover, from 19 points in it.

    Parameters
    ----------
    fermi : DataFrame, n rows
        As `read_fermi` gives it.
    fields : DataFrame
        As `draw_background_fields` gives them.

    Returns
    -------
    ndarray, shape (n,)
        0 for a source without a circle.
    """
    radius = np.nan_to_num(fermi["semi_major_axis_95"].to_numpy(), nan=0.0)
    fermi_ra, fermi_dec = fermi["ra"].to_numpy(), fermi["dec"].to_numpy()
    reach = reach_deg(fields["footprint"].to_numpy())
    field, row, separation = match_within(
        fields["ra"], fields["dec"], reach + radius.max(), fermi_ra, fermi_dec
    )
    near = (separation <= reach[field] + radius[row]) & (radius[row] > 0)
    field, row = field[near], row[near]
    # the centre and two rings, each point for a like part of the circle
    angle = np.arange(12) * np.pi / 6
    x = np.concatenate([[0.0], 0.5 * np.sin(angle[::2]), 0.85 * np.sin(angle)])
    y = np.concatenate([[0.0], 0.5 * np.cos(angle[::2]), 0.85 * np.cos(angle)])
    pair = np.repeat(np.arange(len(row)), len(x))
    point = np.tile(np.arange(len(x)), len(row))
    scale = radius[row[pair]] * 60.0
    ra, dec = from_tangent_plane(
        fermi_ra[row[pair]], fermi_dec[row[pair]], x[point] * scale, y[point] * scale
    )
    inside = contains(fields, field[pair], ra, dec)
    covered = np.zeros((len(fermi), len(x)), dtype=bool)
    covered[row[pair[inside]], point[inside]] = True
    return covered.mean(axis=1)


def _plane_positions(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Galactic positions of fields at |b| <= 10: more to the Centre and to b = 0."""
    lon = np.where(rng.random(n) < 0.5, rng.laplace(0.0, 30.0, n), rng.uniform(-180, 180, n))
    lat = np.where(rng.random(n) < 0.5, rng.laplace(0.0, 0.8, n), rng.uniform(-10, 10, n))
    # four in ten lie beside another: regions of the plane were mapped in mosaics
    neighbour = rng.integers(0, max(1, n), n)
    in_mosaic = rng.random(n) < 0.4
    lon_offset, lat_offset = rng.normal(0.0, 0.2, (2, n))
    lon = np.where(in_mosaic, lon[neighbour] + lon_offset, lon)
    lat = np.where(in_mosaic, lat[neighbour] + lat_offset, lat)
    return lon % 360.0, np.clip(lat, -10.0, 10.0)


def _sky_positions(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Galactic positions of fields off the plane: a third of them in deep surveys."""
    lon, lat = isotropic(rng, 2 * n + 10)
    keep = np.flatnonzero(np.abs(lat) > 10.0)[:n]
    lon, lat = lon[keep], lat[keep]
    surveys = max(2, n // 150)
    centre = rng.integers(0, surveys, n)
    in_survey = (rng.random(n) < 0.3) & (np.arange(n) >= surveys)
    lat_offset, lon_offset = rng.normal(0.0, 0.6, n), rng.normal(0.0, 0.6, n)
    survey_lat = np.clip(lat[centre] + lat_offset, -89.0, 89.0)
    survey_lon = (lon[centre] + lon_offset / np.cos(np.radians(survey_lat))) % 360.0
    return np.where(in_survey, survey_lon, lon), np.where(in_survey, survey_lat, lat)


def _repeats(rng: np.random.Generator, n: int) -> np.ndarray:
    """Observations per field: most have one, few have many (mean 1.5)."""
    return np.minimum(rng.random(n) ** (-1 / 2.1), 60).astype(int)


def _fields(
    rng: np.random.Generator,
    ra: np.ndarray,
    dec: np.ndarray,
    names: list[str],
) -> pd.DataFrame:
    n = len(names)
    return pd.DataFrame(
        {
            "ra": ra,
            "dec": dec,
            "name": np.array(names, dtype=object),
            "roll": rng.uniform(0.0, 360.0, n),
            "footprint": rng.choice(len(FOOTPRINTS), n, p=FOOTPRINTS["share"]),
            "n_obs": _repeats(rng, n),
            "longest": np.full(n, np.inf),
            "cluster": np.zeros(n, dtype=int),
            "target": np.full(n, -1),
        }
    )


def _cluster_sizes(rng: np.random.Generator, n: int, median: float) -> np.ndarray:
    return np.clip(rng.lognormal(np.log(median), 0.9, n), 20, 1000).astype(int)


def draw_background_fields(rng: np.random.Generator, plane: int, sky: int) -> pd.DataFrame:
    """Draw fields that were not aimed at Fermi sources.

    An eighth of those in the plane cover young star clusters, and one in seventy the
    Galactic Centre, as a mosaic of 2 x 0.8 deg.

    Parameters
    ----------
    rng : Generator
    plane, sky : int
        How many at |b| <= 10 deg, and how many beyond.

    Returns
    -------
    DataFrame, plane + sky rows
        `ra, dec, roll` (deg), `footprint` (row of `FOOTPRINTS`), `n_obs`, `longest`
        (s; no observation of it is longer), `cluster` (X-ray sources of a star cluster
        at the aim point), `target` (row of a Fermi source or -1), `name`.
    """
    centre = max(3, plane // 70)
    clusters = plane // 8
    lon, lat = _plane_positions(rng, plane)
    lon[:centre], lat[:centre] = rng.uniform(-1, 1, centre) % 360.0, rng.uniform(-0.4, 0.4, centre)
    lon[0], lat[0] = 359.944, -0.046
    lat[centre : centre + clusters] = rng.laplace(0.0, 0.6, clusters)
    sky_lon, sky_lat = _sky_positions(rng, sky)
    ra, dec = galactic_to_icrs(np.append(lon, sky_lon), np.append(lat, sky_lat))
    names = [
        *(f"SIM GC MOSAIC {i:02d}" for i in range(centre)),
        *(f"SIM CLUSTER {i:03d}" for i in range(clusters)),
        *(f"SIM PLANE {i:04d}" for i in range(plane - centre - clusters)),
        *(f"SIM SKY {i:04d}" for i in range(sky)),
    ]
    fields = _fields(rng, ra, dec, names)
    fields.loc[: centre - 1, "footprint"] = 0
    # a survey, not the deepest look: a deep one there would fill the catalogue
    fields.loc[: centre - 1, "longest"] = 30_000.0
    fields.loc[: centre - 1, "n_obs"] = np.minimum(fields.loc[: centre - 1, "n_obs"], 2)
    sizes = _cluster_sizes(rng, clusters, 110.0)
    fields.loc[centre : centre + clusters - 1, "cluster"] = sizes
    fields.loc[centre : centre + clusters - 1, "footprint"] = 0
    return fields


def draw_aimed_fields(rng: np.random.Generator, aims: Aims) -> pd.DataFrame:
    """Draw fields that were aimed at Fermi sources.

    The first field of a target looks at it within an arcminute or so; further ones
    cover its surroundings. Half of the targets without a class had a snapshot only.

    Parameters
    ----------
    rng : Generator
    aims : Aims, n fields

    Returns
    -------
    DataFrame, n rows
        The columns of `draw_background_fields`.
    """
    n = len(aims.target)
    scatter = np.where(aims.further, np.clip(0.5 * aims.radius_deg * 60.0, 2.0, 9.0), 1.0)
    ra, dec = from_tangent_plane(
        aims.ra, aims.dec, rng.normal(0, 1, n) * scatter, rng.normal(0, 1, n) * scatter
    )
    fields = _fields(rng, ra, dec, list(aims.name))
    fields["target"] = aims.target
    snapshot = aims.unclassified & ~aims.further & (rng.random(n) < 0.5)
    fields.loc[snapshot, ["longest", "n_obs"]] = [5000.0, 1]
    fields["n_obs"] = fields["n_obs"].astype(int)
    # pulsars and binaries are faint in X-rays: they were looked at long enough to be seen
    long_look = aims.long_look & ~aims.further
    fields.loc[long_look, "n_obs"] = np.maximum(fields.loc[long_look, "n_obs"], 3)
    in_region = aims.in_star_forming_region & ~aims.further
    fields.loc[in_region, "cluster"] = _cluster_sizes(rng, int(in_region.sum()), 300.0)
    fields.loc[in_region | aims.difficult, "footprint"] = 0
    fields.loc[in_region, "longest"] = np.inf
    # a region worth a field was looked at again
    fields.loc[in_region, "n_obs"] = np.maximum(fields.loc[in_region, "n_obs"], 2)
    fields.loc[aims.difficult, ["longest", "n_obs"]] = [np.inf, 2]
    fields["n_obs"] = fields["n_obs"].astype(int)
    return fields


def draw_observations(
    rng: np.random.Generator, fields: pd.DataFrame, total: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw the observations of the fields, and others that fill the list up to `total`.

    Parameters
    ----------
    rng : Generator
    fields : DataFrame
        With at most `total` observations in its `n_obs`.
    total : int

    Returns
    -------
    observations : DataFrame, total rows
        The columns of the served table `chanmaster` except `lii` and `bii`.
    exposure : ndarray, shape (fields,)
        Summed over the observations of each field, seconds.

    Raises
    ------
    ValueError
        If the fields have more observations than `total`.
    """
    of_field = np.repeat(np.arange(len(fields)), fields["n_obs"])
    if len(of_field) > total:
        raise ValueError(f"{len(of_field)} observations in fields exceed the total of {total}")
    exposure = np.minimum(
        _draw_exposure(rng, len(of_field)), fields["longest"].to_numpy()[of_field]
    )
    others = total - len(of_field)
    # half of the others return to known fields, the rest is elsewhere
    returns = rng.random(others) < 0.5
    visited = rng.integers(0, len(fields), others)
    in_plane = rng.random(others) < 0.29
    plane_lon, plane_lat = _plane_positions(rng, others)
    sky_lon, sky_lat = _sky_positions(rng, others)
    new_ra, new_dec = galactic_to_icrs(
        np.where(in_plane, plane_lon, sky_lon), np.where(in_plane, plane_lat, sky_lat)
    )
    # calibration targets and the like: a new place seen several times
    group = np.sort(rng.integers(0, max(1, int(others / 1.5)), others))
    field_ra, field_dec = fields["ra"].to_numpy(), fields["dec"].to_numpy()
    ra = np.append(field_ra[of_field], np.where(returns, field_ra[visited], new_ra[group]))
    dec = np.append(field_dec[of_field], np.where(returns, field_dec[visited], new_dec[group]))
    jitter = rng.normal(0.0, 0.25, (2, total))
    ra, dec = from_tangent_plane(ra, dec, *jitter)
    names = np.append(
        fields["name"].to_numpy()[of_field],
        np.where(
            returns,
            fields["name"].to_numpy()[visited],
            np.array([f"SIM TARGET {number:05d}" for number in group], dtype=object),
        ),
    )
    detectors = FOOTPRINTS["detector"].to_numpy()
    footprint = np.append(
        fields["footprint"].to_numpy()[of_field],
        rng.choice(len(FOOTPRINTS), others, p=FOOTPRINTS["share"]),
    )
    detector = detectors[footprint].astype(object)
    # gratings blur the field: such observations are not in the source catalogue
    grating = np.full(total, "NONE", dtype=object)
    with_grating = np.flatnonzero(rng.random(others) < 0.2) + len(of_field)
    grating[with_grating] = np.where(rng.random(len(with_grating)) < 0.7, "HETG", "LETG")
    detector[grating == "HETG"] = "ACIS-S"
    detector[grating == "LETG"] = "HRC-S"
    status = np.full(total, "archived", dtype=object)
    status_draw = rng.random(others)
    status[len(of_field) :] = np.select(
        [status_draw < 0.02, status_draw < 0.05, status_draw < 0.07],
        ["unobserved", "scheduled", "observed"],
        "archived",
    )
    # the catalogue holds what was public by its end; without a grating the others are younger
    first = np.where(grating[len(of_field) :] == "NONE", _CATALOGUE_END - _RELEASE_DAYS[0], 51400.0)
    time = np.append(
        rng.uniform(51400.0, _CATALOGUE_END - _RELEASE_DAYS[1], len(of_field)),
        rng.uniform(first, 60900.0),
    )
    time[status == "observed"] = rng.uniform(60700.0, 60900.0, (status == "observed").sum())
    time[status == "scheduled"] = rng.uniform(60900.0, 61200.0, (status == "scheduled").sum())
    time[status == "unobserved"] = np.nan
    seconds = np.append(exposure, _draw_exposure(rng, others))
    seconds[(status == "scheduled") | (status == "unobserved")] = 0.0
    # of what is not yet made nobody knows when it will be public
    public_date = np.where(seconds > 0, time + rng.uniform(*_RELEASE_DAYS, total), np.nan)
    order = np.argsort(time, kind="stable")
    numbers = np.sort(rng.choice(np.arange(1, int(total * 1.05) + 10), total, replace=False))
    obsid = np.empty(total, dtype=object)
    obsid[order] = [str(number) for number in numbers]
    observations = pd.DataFrame(
        {
            "obsid": obsid,
            "name": names,
            "ra": np.round(ra, 5) % 360.0,
            "dec": np.round(dec, 5),
            "exposure": seconds,
            "detector": detector,
            "status": status,
            "grating": grating,
            "time": np.round(time, 6),
            "public_date": np.round(public_date, 6),
        }
    )
    return observations, np.bincount(of_field, exposure, minlength=len(fields))
