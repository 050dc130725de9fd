"""The simulated sky of the demo archive: from a seed to a DuckDB file.

Real in it: the Fermi sources. Simulated: Chandra observations, X-ray sources, stars,
and which of them belong together (the truth, kept in tables of its own). Every part
draws from its own stream of random numbers, so that a change in one leaves the others
as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xgamma.demo.sky.allwise import allwise_rows
from xgamma.demo.sky.counterparts import draw_counterparts, draw_known_positions, is_known
from xgamma.demo.sky.fermi import difficult_sources, fold_class, padded_source_type, read_fermi
from xgamma.demo.sky.motions import observed_years
from xgamma.demo.sky.patches import draw_positions, patch_radius_deg, patch_table
from xgamma.demo.sky.pointings import (
    covered_share,
    draw_aimed_fields,
    draw_background_fields,
    draw_observations,
)
from xgamma.demo.sky.served_list import tables_that_serve, with_known_positions
from xgamma.demo.sky.source_classes import class_of_nature
from xgamma.demo.sky.stars import gaia_rows, twomass_rows
from xgamma.demo.sky.targets import choose_aims
from xgamma.demo.sky.true_stars import draw_true_stars
from xgamma.demo.sky.xray import (
    draw_background,
    finish_catalogue,
    keep_best_field,
    place_counterparts,
    place_difficult_sources,
)
from xgamma.demo.sky.xray_quality import draw_quality
from xgamma.demo.storage import content_digest, create_table
from xgamma.demo.tap_schema import write_tap_schema
from xgamma.errors import XgammaError
from xgamma.frames import fk5_to_galactic
from xgamma.sky import elliptical_distance, match_within, position_angle
from xgamma.tables.columns import Column
from xgamma.tables.files import write_parquet
from xgamma.tables.whole_files import atomic_path

__all__ = ["FATE_COLUMNS", "TRUTH_COLUMNS", "Sky", "build_sky", "content_digest", "simulate"]


@dataclass(frozen=True)
class _SkySize:
    """How much of a sky to simulate.

    Parameters
    ----------
    observations : int
        Rows of `chanmaster`.
    fields : int
        Distinct places that the source catalogue covers.
    sources : int
        Rows of `csc`.
    match_scale : float
        Share of the real number of matched Fermi sources that fields are aimed for.
    aimed_share : float
        Share of the fields at |b| <= 10 deg that are aimed at Fermi sources; with those
        on star clusters and the Galactic Centre a third or more look at something known.
    gaia_patch_deg, twomass_patch_deg : float
        Radius of the patches of stars around Fermi sources; AllWISE has those of 2MASS.
    """

    observations: int
    fields: int
    sources: int
    match_scale: float
    aimed_share: float
    gaia_patch_deg: float
    twomass_patch_deg: float


_SIZES = {
    "small": _SkySize(
        observations=3_000,
        fields=1_000,
        sources=36_000,
        match_scale=0.3,
        aimed_share=0.5,
        gaia_patch_deg=0.039,
        twomass_patch_deg=0.048,
    ),
    "full": _SkySize(
        observations=30_000,
        fields=10_034,
        sources=407_806,
        match_scale=1.0,
        aimed_share=0.21,
        gaia_patch_deg=0.062,
        twomass_patch_deg=0.07,
    ),
}

# share of the fields at |b| <= 10 deg, and of the others those aimed at Fermi sources
_PLANE_SHARE, _SKY_AIMED_SHARE = 0.24, 0.06

# stars exist around Fermi sources up to here, so that the latitude cut can be raised
_STARS_LATITUDE_DEG = 20.0
# and around X-ray sources to this distance from the Fermi source, in units of its ellipse: as far
# out as the error law puts a counterpart at all
_CANDIDATE_DISTANCE = 3.0
# Fermi positions without stars: empty to a little more than the search radius
_HOLE_DEG = 0.035

TRUTH_COLUMNS = (
    Column("csc_name", "text", "", "Simulated X-ray source"),
    Column("source_class", "text", "", "neutron star, HMXB, LMXB, AGN, or field if of no Fermi"),
    Column("fermi_name", "text", "", "Fermi source that it is the counterpart of; '' if none"),
    Column("fermi_class", "text", "", "Class of that Fermi source, stripped"),
    Column("nature", "text", "", "What the counterpart was simulated as; '' if of no Fermi source"),
    Column("log_flux_ratio", "float", "", "log10 of true X-ray flux over gamma-ray energy flux"),
    Column("source_id", "int", "", "True counterpart in gaiadr3.gaia_source, or -1"),
    Column("designation", "text", "", "True counterpart in fp_psc; '' if none"),
    Column("allwise_designation", "text", "", "In allwise_p3as_psd; '' if none"),
)

FATE_COLUMNS = (
    Column("fermi_name", "text", "", "Fermi source with a 95 % ellipse"),
    Column("fermi_class", "text", "", "Class of it, stripped"),
    Column("nature", "text", "", "What its object was simulated as; '' if dark in X-rays"),
    Column("ra", "float", "deg", "Right ascension of the true object, ICRS"),
    Column("dec", "float", "deg", "Declination of the true object, ICRS"),
    Column("log_flux_ratio", "float", "", "log10 of true X-ray flux over gamma-ray energy flux"),
    Column("fate", "text", "", "detected, below limit, outside (of all fields) or none (dark)"),
    Column("csc_name", "text", "", "Simulated X-ray source that it is; '' unless detected"),
)


@dataclass(frozen=True)
class Sky:
    """A simulated sky: the rows of the served tables, and the truth.

    Attributes
    ----------
    tables : dict of str to DataFrame
        By the name of each served table; a frame may hold more columns than are served.
    truth : DataFrame
        `TRUTH_COLUMNS`.
    fates : DataFrame
        `FATE_COLUMNS`, one row for each Fermi source with an ellipse, in the list's order.
    """

    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    fates: pd.DataFrame


def _random_streams(seed: int) -> dict[str, np.random.Generator]:
    """A generator of random numbers for each part of the simulation."""
    parts = ("background fields", "counterparts", "aims", "aimed fields", "observations",
             "background", "detections", "catalogue", "true positions", "holes",
             "gaia positions", "gaia", "twomass positions", "twomass",
             "known positions", "allwise positions", "allwise", "quality")  # fmt: skip
    children = np.random.SeedSequence(seed).spawn(len(parts))
    return {part: np.random.default_rng(child) for part, child in zip(parts, children, strict=True)}


def _simulate_chandra(
    size: _SkySize,
    rng: dict[str, np.random.Generator],
    fermi: pd.DataFrame,
    counterparts: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Observations, the source catalogue with what the truth needs beside, and fates."""
    plane_fields = round(size.fields * _PLANE_SHARE)
    plane_aimed = round(plane_fields * size.aimed_share)
    sky_fields = size.fields - plane_fields
    sky_aimed = round(sky_fields * _SKY_AIMED_SHARE)
    difficult = difficult_sources(fermi)
    background = draw_background_fields(
        rng["background fields"], plane_fields - plane_aimed, sky_fields - sky_aimed
    )
    aims = choose_aims(
        rng["aims"],
        fermi,
        counterparts,
        covered_share(fermi, background),
        scale=size.match_scale,
        plane_fields=plane_aimed,
        sky_fields=sky_aimed,
        difficult={int(case.fermi): (case.ra, case.dec) for case in difficult.itertuples()},
    )
    fields = pd.concat(
        [background, draw_aimed_fields(rng["aimed fields"], aims)], ignore_index=True
    )
    observations, fields["exposure"] = draw_observations(
        rng["observations"], fields, size.observations
    )
    # HEASARC takes the positions as FK5
    observations["lii"], observations["bii"] = fk5_to_galactic(
        observations["ra"], observations["dec"]
    )

    detections, fate = place_counterparts(fields, fermi, counterparts)
    special = pd.concat(
        [detections, place_difficult_sources(rng["detections"], fields, difficult)],
        ignore_index=True,
    )
    needed, density_factor = size.sources - len(special), 1.0
    others = keep_best_field(fields, draw_background(rng["background"], fields, density_factor))
    while len(others) < needed:
        density_factor *= 1.05 * needed / len(others)
        others = keep_best_field(fields, draw_background(rng["background"], fields, density_factor))
    listed = rng["catalogue"].choice(len(others), needed, replace=False)
    sources = pd.concat([special, others.iloc[np.sort(listed)]], ignore_index=True)
    sources["fermi"] = sources["fermi"].fillna(-1).astype(int)
    for name in ("nature", "case"):
        sources[name] = sources[name].fillna("")
    return observations, finish_catalogue(rng["catalogue"], fields, sources), fate


def _choose_holes(rng: np.random.Generator, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of Fermi sources without stars, by survey; one of them has stars of neither."""
    count = max(2, len(rows) // 40)
    chosen = rng.permutation(rows)[: 2 * count - 1]
    return {"gaia": chosen[:count], "twomass": chosen[count - 1 :]}


def _candidates(fermi: pd.DataFrame, csc: pd.DataFrame) -> np.ndarray:
    """Rows of the X-ray sources that may be a Fermi source at |b| <= 20 deg, or are one."""
    usable = fermi[np.abs(fermi["bii"]) <= _STARS_LATITUDE_DEG]
    usable = usable[usable["semi_major_axis_95"] > 0]
    centres = {name: usable[name].to_numpy() for name in ("ra", "dec", "position_angle_95")}
    # the X-ray source's own error makes the ellipse larger
    error_deg = csc["error_ellipse_r0"].to_numpy() / 3600.0
    major, minor = (
        usable[f"semi_{which}_axis_95"].to_numpy()[:, None] for which in ("major", "minor")
    )
    reach = _CANDIDATE_DISTANCE * np.hypot(major[:, 0], error_deg.max())
    ra, dec = csc["ra"].to_numpy(), csc["dec"].to_numpy()
    centre, point, apart = match_within(centres["ra"], centres["dec"], reach, ra, dec)
    distance = elliptical_distance(
        apart,
        position_angle(centres["ra"][centre], centres["dec"][centre], ra[point], dec[point]),
        np.hypot(major[centre, 0], error_deg[point]),
        np.hypot(minor[centre, 0], error_deg[point]),
        centres["position_angle_95"][centre],
    )
    true = csc["fermi"].to_numpy()
    true_here = (true >= 0) & np.isin(true, usable.index)
    return np.union1d(point[distance <= _CANDIDATE_DISTANCE], np.flatnonzero(true_here))


def _simulate_stars(
    size: _SkySize,
    rng: dict[str, np.random.Generator],
    fermi: pd.DataFrame,
    csc: pd.DataFrame,
    observations: pd.DataFrame,
) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    """Rows of each survey, and the rows of `csc` around which there are stars."""
    radius = np.nan_to_num(fermi["semi_major_axis_95"].to_numpy(), nan=-1.0)
    usable = np.flatnonzero((radius > 0) & (np.abs(fermi["bii"]) <= _STARS_LATITUDE_DEG))
    fermi_ra, fermi_dec = fermi["ra"].to_numpy(), fermi["dec"].to_numpy()
    csc_ra, csc_dec = csc["ra"].to_numpy(), csc["dec"].to_numpy()
    centre, point, _ = match_within(
        fermi_ra[usable], fermi_dec[usable], radius[usable], csc_ra, csc_dec
    )
    matched = usable[np.unique(centre)]
    candidates = np.union1d(point, _candidates(fermi, csc))
    field_deg = patch_radius_deg(csc["error_ellipse_r0"].to_numpy()[candidates])
    narrow = patch_table(csc_ra[candidates], csc_dec[candidates], field_deg)
    wide_deg = max(size.gaia_patch_deg, size.twomass_patch_deg)
    _, near, _ = match_within(
        fermi_ra[matched], fermi_dec[matched], np.full(len(matched), wide_deg), csc_ra, csc_dec
    )
    # each X-ray source among the stars has its own as well
    _, near_candidate, _ = match_within(
        narrow["ra"], narrow["dec"], narrow["radius"], csc_ra, csc_dec
    )
    with_stars = np.unique(np.concatenate([candidates, near, near_candidate]))
    true = draw_true_stars(rng["true positions"], csc.iloc[with_stars])
    true["year"] = observed_years(csc_ra[with_stars], csc_dec[with_stars], observations)
    is_agn = (csc["source_class"] == "AGN").to_numpy()
    globular = fold_class(fermi["source_type"])[matched] == "glc"
    # not where a difficult case or a counterpart needs its star
    of_csc = csc["fermi"].to_numpy()
    has_counterpart = np.isin(matched, of_csc[of_csc >= 0])
    in_plane = np.abs(fermi["bii"].to_numpy()[matched]) <= 10
    # with a candidate that the default flux cut keeps: else nobody would ask there
    with_flux = np.isin(point, np.flatnonzero(csc["b_flux_ap"].to_numpy() > 0))
    has_candidate = np.isin(matched, usable[centre[with_flux]])
    holes = _choose_holes(rng["holes"], matched[in_plane & ~has_counterpart & has_candidate])
    rows = {}
    for survey, patch_deg, band in (
        ("gaia", size.gaia_patch_deg, "g"),
        ("twomass", size.twomass_patch_deg, "j"),
        ("allwise", size.twomass_patch_deg, "w1"),
    ):
        wide = patch_table(fermi_ra[matched], fermi_dec[matched], patch_deg, globular)
        ra, dec = draw_positions(rng[f"{survey} positions"], survey, wide, narrow)
        in_survey = true[true[survey]]
        # the X-ray source that a star is the counterpart of
        owner = np.append(np.full(len(ra), -1), in_survey.index)
        mag = np.append(np.full(len(ra), np.nan), in_survey[band])
        year = np.append(np.full(len(ra), np.nan), in_survey["year"])
        ra, dec = np.append(ra, in_survey["ra"]), np.append(dec, in_survey["dec"])
        if survey in holes:
            hole = holes[survey]
            _, in_hole, _ = match_within(
                fermi_ra[hole], fermi_dec[hole], np.full(len(hole), _HOLE_DEG), ra, dec
            )
            keep = np.ones(len(ra), dtype=bool)
            keep[in_hole] = False
            ra, dec, owner, mag, year = (values[keep] for values in (ra, dec, owner, mag, year))
        agn = (owner >= 0) & is_agn[owner]
        if survey == "gaia":
            rows[survey] = gaia_rows(rng["gaia"], ra, dec, owner, agn, mag, year)
        elif survey == "twomass":
            in_gaia = rows["gaia"][rows["gaia"]["csc"] >= 0].set_index("csc")
            motion = tuple(in_gaia[name].reindex(owner).to_numpy() for name in ("pmra", "pmdec"))
            rows[survey] = twomass_rows(rng["twomass"], ra, dec, owner, mag, year, motion)
        else:
            rows[survey] = allwise_rows(rng["allwise"], ra, dec, owner, agn, mag)
    return rows, with_stars


def _truth(
    fermi: pd.DataFrame, csc: pd.DataFrame, stars: dict[str, pd.DataFrame], with_stars: np.ndarray
) -> pd.DataFrame:
    """What belongs to what: `TRUTH_COLUMNS`, for sources among stars or of a Fermi source."""
    identifiers = {
        "source_id": np.full(len(csc), -1, dtype=np.int64),
        "designation": np.full(len(csc), "", dtype=object),
        "allwise_designation": np.full(len(csc), "", dtype=object),
    }
    for survey, column, name in (
        ("gaia", "source_id", "source_id"),
        ("twomass", "designation", "designation"),
        ("allwise", "designation", "allwise_designation"),
    ):
        true = stars[survey][stars[survey]["csc"] >= 0]
        identifiers[name][true["csc"]] = true[column]
    fermi_row = csc["fermi"].to_numpy()
    has_fermi = fermi_row >= 0
    truth = pd.DataFrame(
        {
            "csc_name": csc["name"],
            "source_class": csc["source_class"],
            "fermi_name": np.where(has_fermi, fermi["name"].to_numpy()[fermi_row], ""),
            "fermi_class": np.where(has_fermi, fermi["source_type"].to_numpy()[fermi_row], ""),
            "nature": csc["nature"],
            "log_flux_ratio": csc["log_flux_ratio"],
            **identifiers,
        }
    )
    is_told = has_fermi.copy()
    is_told[with_stars] = True
    return truth[is_told].sort_values(["fermi_name", "csc_name"], ignore_index=True)


def _fates(
    fermi: pd.DataFrame, counterparts: pd.DataFrame, fate: np.ndarray, csc: pd.DataFrame
) -> pd.DataFrame:
    """What became of the object of each Fermi source: `FATE_COLUMNS`."""
    row = counterparts["fermi"].to_numpy()
    is_counterpart = csc["fermi"].to_numpy() >= 0
    csc_name = np.full(len(fermi), "", dtype=object)
    csc_name[csc["fermi"][is_counterpart]] = csc["name"][is_counterpart]
    return pd.DataFrame(
        {
            "fermi_name": fermi["name"].to_numpy()[row],
            "fermi_class": fermi["source_type"].to_numpy()[row],
            **{name: counterparts[name] for name in ("nature", "ra", "dec", "log_flux_ratio")},
            "fate": fate,
            "csc_name": csc_name[row],
        }
    )


def simulate(size: str, seed: int, resource: Path, served: Path | None = None) -> Sky:
    """Simulate a sky.

    Parameters
    ----------
    size : {'small', 'full'}
        'full' has the real catalogues' sizes, 'small' about a tenth of the fields.
    seed : int
    resource : path
        The shipped 4FGL-DR4 list.
    served : path, optional
        The list that is served; else that one. All else is the same for every list.

    Returns
    -------
    Sky

    Raises
    ------
    XgammaError
        If `size` is unknown or the list cannot be read.
    """
    if size not in _SIZES:
        raise XgammaError(f"demo sky: size is {size!r}; it is one of {', '.join(_SIZES)}")
    rng = _random_streams(seed)
    fermi = read_fermi(resource)
    counterparts = draw_counterparts(rng["counterparts"], fermi)
    observations, csc, fate = _simulate_chandra(_SIZES[size], rng, fermi, counterparts)
    csc["source_class"] = class_of_nature(csc["nature"])
    csc = csc.join(draw_quality(rng["quality"], csc))
    stars, with_stars = _simulate_stars(_SIZES[size], rng, fermi, csc, observations)
    # the list's own counterparts belong to another sky than the simulated X-ray sources
    ra, dec = draw_known_positions(rng["known positions"], fermi, counterparts)
    if served is None or served == resource:
        known = is_known(fermi["source_type"])
        listed = fermi.assign(
            counterpart_ra=np.where(known, ra, np.nan), counterpart_dec=np.where(known, dec, np.nan)
        )
    else:
        listed = with_known_positions(read_fermi(served), fermi, ra, dec)
    served_fermi = listed.assign(source_type=padded_source_type(listed["source_type"]))
    return Sky(
        tables={
            "chanmaster": observations,
            "csc": csc,
            "fermilpsc": served_fermi,
            "gaiadr3.gaia_source": stars["gaia"],
            "fp_psc": stars["twomass"],
            "allwise_p3as_psd": stars["allwise"],
        },
        truth=_truth(fermi, csc, stars, with_stars),
        fates=_fates(fermi, counterparts, fate, csc),
    )


def build_sky(
    path: str | Path,
    *,
    size: str,
    seed: int,
    resource: str | Path,
    served: str | Path | None = None,
    truth_path: str | Path | None = None,
    fates_path: str | Path | None = None,
) -> pd.DataFrame:
    """Simulate a sky and write it as a DuckDB file, with TAP_SCHEMA in it.

    Parameters
    ----------
    path : path
        The DuckDB file; written beside its place and renamed.
    size : {'small', 'full'}
    seed : int
    resource : path
        The shipped 4FGL-DR4 list.
    served : path, optional
        The list that is served, as for `simulate`. The truth has the names of 4FGL-DR4.
    truth_path : path, optional
        Where to write the truth, as Parquet.
    fates_path : path, optional
        Where to write what became of each Fermi source's object, as Parquet:
        `FATE_COLUMNS`.

    Returns
    -------
    DataFrame
        The truth, `TRUTH_COLUMNS`: one row for each simulated X-ray source that is the
        counterpart of a Fermi source, or that there are stars around.

    Raises
    ------
    XgammaError
        If `size` is unknown or the list cannot be read.
    """
    import duckdb

    sky = simulate(size, seed, Path(resource), Path(served) if served else None)
    tables = tables_that_serve(sky.tables["fermilpsc"])
    with atomic_path(path) as temporary:
        # left by a run that was killed: DuckDB would go on with them
        for leftover in (temporary, temporary.with_name(temporary.name + ".wal")):
            leftover.unlink(missing_ok=True)
        with duckdb.connect(str(temporary)) as connection:
            for table in tables:
                create_table(connection, table, sky.tables[table.name])
            write_tap_schema(connection, tables)
    if truth_path is not None:
        write_parquet(truth_path, sky.truth, TRUTH_COLUMNS)
    if fates_path is not None:
        write_parquet(fates_path, sky.fates, FATE_COLUMNS)
    return sky.truth
