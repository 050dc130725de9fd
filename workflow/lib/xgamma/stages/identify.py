"""Identify the Chandra candidates: their optical and infrared objects, each with a probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xgamma.errors import XgammaError
from xgamma.healpix import cells_at
from xgamma.identification.ellipses import (
    SIGMA_OF_95,
    determinant,
    from_axes,
    from_ellipse,
    squared_distance,
)
from xgamma.identification.identify import Identification, Sources, shifted_probabilities
from xgamma.identification.links import Objects
from xgamma.sky import galactic, match_within
from xgamma.stages.counterparts import product_name
from xgamma.tables.columns import Column, conform

__all__ = [
    "IDENTIFICATION_TABLE",
    "Identified",
    "chandra_sources",
    "identification_table",
    "identify_candidates",
    "model_record",
    "motion_in_mas",
    "survey_objects",
]

# a Chandra source without an error in the catalogue, arcsec on each axis
_UNKNOWN_ERROR_ARCSEC = 1.0
# the catalogue's errors hold the alignment of the frames; this guards against errors of 0
_FRAME_ARCSEC = 0.05
# when the source catalogue's observations were made, if the list does not tell: uniform
_FIRST_YEAR, _LAST_YEAR = 1999.7, 2022.0
# observations within this see the source, mostly
_FIELD_OF_VIEW_DEG = 0.2
# a star's proper motion where it is not measured, arcsec/yr on each axis
_TYPICAL_MOTION = 0.005
# Gaia's solutions of one star above this ruwe are doubtful (Lindegren et al. 2021): errors grow
_DOUBTFUL_RUWE = 1.4
# objects of one survey nearer to each other than this may be blended in another
_BLEND_ARCSEC = 1.5
# what is said of an object: no motion is known; that ruwe; that blend
_REMARKS = ("two-parameter", "ruwe", "blend")
# of the histograms of separations
_SIGMA_EDGES = np.arange(0, 5.01, 0.25)
_ARCSEC = {"mas": 1e-3, "arcsec": 1.0, "deg": 3600.0}

IDENTIFICATION_TABLE = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id"),
    Column("csc_name", "text", "", "Chandra source", "meta.id"),
    Column("survey", "text", "", "Survey, as the config names it", "meta.id"),
    Column("object_id", "text", "", "The survey's name of the object", "meta.id"),
    Column("rank", "int", "", "1 is the likeliest object of the survey", "meta.number"),
    Column(
        "p_any", "float", "", "Probability that the source is listed in the survey",
        "stat.probability",
    ),
    Column(
        "p_object", "float", "", "Probability that this object is the source", "stat.probability"
    ),
    Column(
        "p_i", "float", "", "The same, if the source is listed in the survey: p_object / p_any",
        "stat.probability",
    ),
    Column(
        "match_flag", "int", "", "1 the likeliest, 2 at least half as likely, 0 others", "meta.code"
    ),
    Column(
        "chance_p_any", "float", "",
        "Mean p_any at six places around, where it is chance", "stat.probability",
    ),
    Column("sep_arcsec", "float", "arcsec", "Separation at the Chandra epoch", "pos.angDistance"),
    Column("sep_sigma", "float", "", "The same in standard deviations of both positions"),
    Column("csc_ra", "float", "deg", "Right ascension of the Chandra source, ICRS", "pos.eq.ra"),
    Column("csc_dec", "float", "deg", "Its declination, ICRS", "pos.eq.dec"),
    Column("csc_l", "float", "deg", "Its Galactic longitude", "pos.galactic.lon"),
    Column("csc_b", "float", "deg", "Its Galactic latitude", "pos.galactic.lat"),
    Column("csc_epoch", "float", "yr", "When Chandra saw it: mean over observations", "time.epoch"),
    Column("ra", "float", "deg", "Right ascension of the object, ICRS, at its survey's epoch"),
    Column("dec", "float", "deg", "Its declination, ICRS, at that epoch"),
    Column("epoch", "float", "yr", "That epoch", "time.epoch"),
    Column("l", "float", "deg", "Its Galactic longitude", "pos.galactic.lon"),
    Column("b", "float", "deg", "Its Galactic latitude", "pos.galactic.lat"),
    Column("magnitude", "float", "mag", "Its magnitude, of which the config tells the band"),
    Column("pm_ra", "float", "mas / yr", "Proper motion along right ascension", "pos.pm;pos.eq.ra"),
    Column("pm_dec", "float", "mas / yr", "Proper motion along declination", "pos.pm;pos.eq.dec"),
    Column(
        "field_density", "float", "1 / arcmin2", "Objects of the survey around the source, chance"
    ),
    Column(
        "remarks", "text", "",
        "two-parameter (no motion known), ruwe (a doubtful solution), blend (another one within "
        "1.5 arcsec)",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Identified:
    """What a run identified.

    Attributes
    ----------
    names : ndarray
        The Chandra sources, sorted.
    sources : Sources
    surveys : dict of str to DataFrame
        The objects of each survey, in the order in which `found` has the surveys.
    found : Identification
    chance : ndarray, shape (n, places, surveys)
        p_any at shifted places.
    """

    names: np.ndarray
    sources: Sources
    surveys: dict[str, pd.DataFrame]
    found: Identification
    chance: np.ndarray


def chandra_sources(
    targets: pd.DataFrame, csc: pd.DataFrame, observations: pd.DataFrame
) -> tuple[np.ndarray, Sources]:
    """The Chandra sources around which was searched, each once, sorted by name.

    Parameters
    ----------
    targets : DataFrame
        `xgamma.stages.shard_sources.TARGET_COLUMNS`.
    csc, observations : DataFrame
        The catalogues csc and chanmaster.
    """
    around = targets[targets["around"] != "fermi"].sort_values("csc_name")
    around = around.drop_duplicates("csc_name")
    names = around["csc_name"].to_numpy()
    rows = csc.drop_duplicates("name").set_index("name").reindex(names)
    major = rows["error_ellipse_r0"].to_numpy(float) / SIGMA_OF_95
    minor = rows["error_ellipse_r1"].to_numpy(float) / SIGMA_OF_95
    major = np.where(major > 0, major, _UNKNOWN_ERROR_ARCSEC)
    minor = np.where(minor > 0, minor, major)
    angle = np.nan_to_num(rows["error_ellipse_angle"].to_numpy(float))
    covariance = from_ellipse(np.hypot(major, _FRAME_ARCSEC), np.hypot(minor, _FRAME_ARCSEC), angle)
    ra, dec = around["ra"].to_numpy(), around["dec"].to_numpy()
    epoch, spread = _epochs(ra, dec, observations)
    return names, Sources(
        ra=ra,
        dec=dec,
        covariance=covariance,
        epoch=epoch,
        epoch_spread=spread,
        match_arcsec=3600 * around["radius_deg"].to_numpy(),
        field_arcsec=3600 * around["field_radius_deg"].to_numpy(),
        cell=_cells(ra, dec),
        flux_group=_flux_groups(rows["b_flux_ap"].to_numpy(float)),
    )


def _flux_groups(flux: np.ndarray) -> np.ndarray:
    """Three groups of equal size by X-ray flux, and one without."""
    known = flux > 0
    edges = np.quantile(flux[known], [1 / 3, 2 / 3]) if known.any() else [0.0, 0.0]
    return np.where(known, np.digitize(np.nan_to_num(flux), edges), 3)


def _cells(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """HEALPix cells of about two degrees, in which the field hardly differs."""
    return cells_at(ra, dec, 5)


def _epochs(ra: np.ndarray, dec: np.ndarray, observations: pd.DataFrame):
    """Mean and spread (years) of the observations that see each source, by their exposure.

    One observation: its time, without a spread. None: the catalogue's years, alike.
    """
    made = observations[(observations["exposure"] > 0) & observations["time"].notna()]
    year = _years(made["time"].to_numpy(float))
    source, row, _ = match_within(
        ra, dec, _FIELD_OF_VIEW_DEG, made["ra"].to_numpy(), made["dec"].to_numpy()
    )
    in_catalogue = (year[row] >= _FIRST_YEAR) & (year[row] <= _LAST_YEAR)
    source, row = source[in_catalogue], row[in_catalogue]
    weight = made["exposure"].to_numpy(float)[row]
    sums = [np.bincount(source, weights=weight * year[row] ** k, minlength=len(ra)) for k in (0, 1)]
    seen = sums[0] > 0
    mean = np.where(seen, sums[1] / np.where(seen, sums[0], 1), (_FIRST_YEAR + _LAST_YEAR) / 2)
    square = np.bincount(
        source, weights=weight * (year[row] - mean[source]) ** 2, minlength=len(ra)
    )
    spread = np.sqrt(square / np.where(seen, sums[0], 1))
    return mean, np.where(seen, spread, (_LAST_YEAR - _FIRST_YEAR) / np.sqrt(12))


def _years(epoch: np.ndarray) -> np.ndarray:
    """Years of epochs that are years, Julian dates or MJD."""
    mjd = np.where(epoch > 1e6, epoch - 2400000.5, epoch)
    return np.where(epoch < 3000, epoch, 2000 + (mjd - 51544.5) / 365.25)


def survey_objects(
    frame: pd.DataFrame, units: Mapping[str, str], settings: Mapping[str, Any]
) -> tuple[pd.DataFrame, Objects]:
    """A survey's objects around Chandra sources, each once.

    Parameters
    ----------
    frame : DataFrame
        Rows of the survey's shards.
    units : mapping
        Column -> unit, as the shards have it.
    settings : mapping
        Of the survey: columns, identify.

    Returns
    -------
    rows : DataFrame
        Sorted by declination, right ascension and id, with columns remarks, epoch (years),
        motion_ra_mas and motion_dec_mas (mas/yr).
    objects : Objects
        In the same order.

    Raises
    ------
    XgammaError
        If an error or motion has a unit that is none of an angle, or an error has none.
    """
    rows = frame[frame["around"] != "fermi"].drop_duplicates("id")
    rows = rows.sort_values(["dec", "ra", "id"], ignore_index=True)
    count, identify = len(rows), settings["identify"]

    def values(service_name: str) -> np.ndarray:
        name = product_name(settings["columns"], service_name) if service_name else None
        return rows[name].to_numpy(float) if name else np.full(count, np.nan)

    def arcsec(service_name: str, unstated: str = "") -> np.ndarray:
        name = product_name(settings["columns"], service_name)
        unit = units.get(name, "").split("/")[0].strip() or unstated
        given = values(service_name)
        if unit in _ARCSEC:
            return given * _ARCSEC[unit]
        if not unit and not np.isfinite(given).any():
            return given
        trouble = f"is in {unit}, which is no angle" if unit else "has no unit"
        raise XgammaError(
            f"surveys: {settings['table']}.{service_name} {trouble}; identify.errors and "
            "identify.proper_motion name columns in mas, arcsec or deg (errors: [] takes "
            "error_arcsec for all)"
        )

    errors = identify["errors"]
    east = arcsec(errors[0]) if errors else np.full(count, np.nan)
    north = arcsec(errors[1]) if errors else np.full(count, np.nan)
    known = (east > 0) & (north > 0)
    east = np.where(known, east, identify["error_arcsec"])
    north = np.where(known, north, identify["error_arcsec"])
    motion = np.zeros((count, 2))
    moves = np.zeros(count, dtype=bool)
    if identify["proper_motion"]:
        # as the settings have them
        motion = np.stack([arcsec(name, "mas") for name in identify["proper_motion"]], axis=-1)
        moves = np.isfinite(motion).all(axis=1)
        motion = np.where(moves[:, None], motion, 0.0)
    # Gaia's errors of motions per year are about those of its positions
    motion_sigma = np.where(moves, np.maximum(east, north), _TYPICAL_MOTION)
    ruwe = values("ruwe")
    doubtful = ruwe > _DOUBTFUL_RUWE
    scale = np.where(doubtful, ruwe, 1.0)
    # an ellipse's errors are its major and minor axes; else they lie along the coordinates
    if len(errors) == 3:
        angle = np.nan_to_num(values(errors[2]))
        covariance = from_ellipse(east * scale, north * scale, angle)
    else:
        covariance = from_axes(east * scale, north * scale)
    # a parallax moves a star to and fro
    parallax = np.nan_to_num(values("parallax")) / 1e3
    covariance = covariance + from_axes(np.abs(parallax), np.abs(parallax)) / 2
    epoch = _years(values(identify["epoch"]))
    epoch = np.where(np.isfinite(epoch), epoch, identify["epoch_year"])
    objects = Objects(
        ra=rows["ra"].to_numpy(),
        dec=rows["dec"].to_numpy(),
        covariance=covariance,
        epoch=epoch,
        motion=motion,
        motion_sigma=motion_sigma * scale,
        magnitude=values(identify["magnitude"]),
    )
    still = ~moves if identify["proper_motion"] else np.zeros(count, dtype=bool)
    remarks = [
        "; ".join(word for word, holds in zip(_REMARKS, flags, strict=True) if holds)
        for flags in zip(still, doubtful, _blended(objects), strict=True)
    ]
    motion_mas = np.where(moves[:, None], 1e3 * motion, np.nan)
    told = {"remarks": remarks, "epoch": epoch}
    told |= {"motion_ra_mas": motion_mas[:, 0], "motion_dec_mas": motion_mas[:, 1]}
    return rows.assign(**told), objects


def motion_in_mas(columns: Sequence[Column], settings: Mapping[str, Any]) -> float:
    """What a unit of a survey's proper motions is in mas/yr; 1 if it has none.

    Parameters
    ----------
    columns : sequence of Column
        Of the survey's shards.
    settings : mapping
        Of the survey: columns, identify.
    """
    named = settings["identify"]["proper_motion"]
    if not named:
        return 1.0
    name = product_name(settings["columns"], named[0])
    unit = next((column.unit for column in columns if column.name == name), "")
    return 1e3 * _ARCSEC.get(unit.split("/")[0].strip(), _ARCSEC["mas"])


def _blended(objects: Objects) -> np.ndarray:
    """Whether another object of the survey is very near."""
    one, other, _ = match_within(
        objects.ra, objects.dec, _BLEND_ARCSEC / 3600, objects.ra, objects.dec
    )
    blended = np.zeros(len(objects), dtype=bool)
    blended[one[one != other]] = True
    return blended


def identify_candidates(
    targets: pd.DataFrame,
    csc: pd.DataFrame,
    observations: pd.DataFrame,
    shards: Mapping[str, tuple[pd.DataFrame, Sequence[Column]]],
    surveys: Mapping[str, Mapping[str, Any]],
) -> Identified:
    """Identify the Chandra sources around which was searched.

    Parameters
    ----------
    targets, csc, observations : DataFrame
        As in `chandra_sources`.
    shards : mapping
        Survey -> the rows of all its shards, and their columns.
    surveys : mapping
        Survey -> its settings.
    """
    names, sources = chandra_sources(targets, csc, observations)
    # best positions first: those of surveys that know motions
    order = sorted(surveys, key=lambda name: not surveys[name]["identify"]["proper_motion"])
    rows, objects = {}, []
    for name in order:
        frame, columns = shards[name]
        units = {column.name: column.unit for column in columns}
        rows[name], of_survey = survey_objects(frame, units, surveys[name])
        objects.append(of_survey)
    found, chance = shifted_probabilities(sources, objects)
    return Identified(names, sources, rows, found, chance)


def identification_table(
    identified: Identified, targets: pd.DataFrame, surveys: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """`IDENTIFICATION_TABLE`: a row for each Fermi source, Chandra candidate and object near.

    Parameters
    ----------
    identified : Identified
    targets : DataFrame
        `xgamma.stages.shard_sources.TARGET_COLUMNS`.
    surveys : mapping
        Survey -> its settings.
    """
    parts = []
    for number, (name, rows) in enumerate(identified.surveys.items()):
        near, p = identified.found.neighbours[number], identified.found.probability[number]
        of = rows.iloc[near.object].reset_index(drop=True)
        settings = surveys[name]
        total = identified.sources.covariance[near.source] + near.covariance
        if near.motion_covariance is not None:
            total = total + near.motion_covariance
        magnitude = product_name(settings["columns"], settings["identify"]["magnitude"])
        null = np.full(len(of), np.nan)
        parts.append(
            pd.DataFrame(
                {
                    "csc_name": identified.names[near.source],
                    "survey": name,
                    "object_id": of["id"].astype(str),
                    "p_any": identified.found.p_any[near.source, number],
                    "p_object": p,
                    "chance_p_any": identified.chance[near.source, :, number].mean(axis=1),
                    "sep_arcsec": np.hypot(near.east, near.north),
                    "sep_sigma": np.sqrt(squared_distance(total, near.east, near.north)),
                    "csc_ra": identified.sources.ra[near.source],
                    "csc_dec": identified.sources.dec[near.source],
                    "csc_epoch": identified.sources.epoch[near.source],
                    "ra": of["ra"],
                    "dec": of["dec"],
                    "epoch": of["epoch"],
                    "magnitude": of[magnitude] if magnitude else null,
                    "pm_ra": of["motion_ra_mas"],
                    "pm_dec": of["motion_dec_mas"],
                    "field_density": 3600 * identified.found.density[near.source, number],
                    "remarks": of["remarks"],
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    with np.errstate(invalid="ignore"):
        table["p_i"] = np.where(table["p_any"] > 0, table["p_object"] / table["p_any"], 0.0)
    table = table.sort_values(
        ["csc_name", "survey", "p_object", "sep_arcsec", "object_id"],
        ascending=[True, True, False, True, True],
        ignore_index=True,
    )
    of_source = table.groupby(["csc_name", "survey"], sort=False)
    table["rank"] = of_source.cumcount() + 1
    best = of_source["p_i"].transform("max")
    half = (table["p_i"] >= best / 2) & (table["p_i"] > 0)
    table["match_flag"] = np.where(table["rank"] == 1, 1, np.where(half, 2, 0))
    for of in ("", "csc_"):
        place = galactic(table[f"{of}ra"], table[f"{of}dec"]) if len(table) else ([], [])
        table[f"{of}l"], table[f"{of}b"] = place
    pairs = targets.loc[targets["around"] != "fermi", ["fermi_name", "csc_name"]]
    table = pairs.drop_duplicates().merge(table, on="csc_name")
    order = {name: number for number, name in enumerate(surveys)}
    table["order"] = table["survey"].map(order)
    table = table.sort_values(["fermi_name", "csc_name", "order", "rank"], ignore_index=True)
    return conform(table, IDENTIFICATION_TABLE)


def _separations(identified: Identified, number: int) -> dict[str, list[float]]:
    """Objects of a survey by separation in sigma: found, by chance, and counterparts expected."""
    found, sources = identified.found, identified.sources
    near, p = found.neighbours[number], found.probability[number]
    total = sources.covariance[near.source] + near.covariance
    sigma = np.sqrt(squared_distance(total, near.east, near.north))
    objects = np.histogram(sigma, _SIGMA_EDGES)[0]
    # an object's own error is small beside Chandra's
    area = 2 * np.pi * np.sqrt(determinant(sources.covariance)) * found.density[:, number]
    # a circle of the match radius, in which an ellipse of so many sigma fits
    reach = sources.match_arcsec / np.sqrt(sources.covariance[:, [0, 2]].max(axis=1))
    squares = np.minimum(_SIGMA_EDGES[:, None], reach) ** 2 / 2
    chance = (np.diff(squares, axis=0) * area).sum(axis=1)
    below = 1 - np.exp(-(_SIGMA_EDGES**2) / 2)
    return {
        "edges": _SIGMA_EDGES.tolist(),
        "objects": objects.tolist(),
        "chance": chance.tolist(),
        "counterparts": (p.sum() * np.diff(below)).tolist(),
    }


def _p_any_counts(identified: Identified, number: int) -> dict[str, list[float]]:
    """Sources, and shifted places, by p_any."""
    edges = np.linspace(0, 1, 51)
    return {
        "edges": edges.tolist(),
        "sources": np.histogram(identified.found.p_any[:, number], edges)[0].tolist(),
        "places": np.histogram(identified.chance[..., number], edges)[0].tolist(),
    }


def model_record(identified: Identified) -> dict[str, Any]:
    """What was learnt, and what chance gives, for `identification/model.json`."""
    found, names = identified.found, list(identified.surveys)
    patterns = {
        "+".join(name for bit, name in enumerate(names) if pattern >> bit & 1) or "none": pattern
        for pattern in range(2 ** len(names))
    }
    return {
        "surveys": names,
        "sources": len(identified.names),
        "field_density_edges_per_arcmin2": (3600 * found.model.group_edges).tolist(),
        "shares": {
            label: found.model.shares[:, pattern].tolist() for label, pattern in patterns.items()
        },
        "secure": {
            label: int(found.model.secure[pattern :: len(patterns)].sum())
            for label, pattern in patterns.items()
            if pattern
        },
        "separations": {name: _separations(identified, n) for n, name in enumerate(names)},
        "p_any": {name: _p_any_counts(identified, n) for n, name in enumerate(names)},
        "sum_p_any": dict(zip(names, found.p_any.sum(axis=0).tolist(), strict=True)),
        "chance_p_any": dict(zip(names, identified.chance.mean(axis=(0, 1)).tolist(), strict=True))
        if len(identified.names)
        else dict.fromkeys(names, None),
    }
