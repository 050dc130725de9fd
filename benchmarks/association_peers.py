"""The ways of `association.py`, each a function from the tables of a sky to probabilities.

Each runs in a process of its own: `sky` is a folder with `fermi.parquet`, `csc.parquet`,
`chanmaster.parquet`, then `cells.parquet` and `evaluated.npy`; `answer` is a file for the
probability of each candidate and that of none of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xgamma.sky import elliptical_distance, match_within, position_angle, within_latitude

PROJECT = Path(__file__).resolve().parents[1]
LATITUDE_DEG, MARGIN_DEG = 10.0, 3.0
# the demo's source catalogue has what was public by then
PUBLIC_BY = "2021-12-31"
K95 = -np.log(0.05)
# candidates lie within so many 95 % ellipses
LARGEST_DISTANCE = 3.0
# gtsrcid's density is that of the objects around: within 4 deg, or 2.5 times the ellipse
LOCAL_DEG, LOCAL_ELLIPSES = 4.0, 2.5


def plane(sky: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Fermi sources at low latitude, and the Chandra sources around; numbered from 0."""
    fermi, csc = (pd.read_parquet(sky / f"{name}.parquet") for name in ("fermi", "csc"))
    fermi = fermi[within_latitude(fermi["bii"], LATITUDE_DEG)]
    csc = csc[within_latitude(csc["bii"], LATITUDE_DEG + MARGIN_DEG)]
    return fermi.reset_index(drop=True), csc.reset_index(drop=True)


def write(answer: Path, source, xray, probability, none) -> None:
    """Rows of both tables with a probability for each pair; `none` for each Fermi source."""
    np.savez(answer, source=source, xray=xray, probability=probability, none=none)


# ---- ours: the only part that knows how xgamma is called ----


def coverage(sky: Path, answer: Path) -> None:
    """The cells that Chandra has seen: of all ways only the simplest do without."""
    from xgamma.stages.map_coverage import frame_of_cells, map_coverage

    chanmaster, csc, fermi = (
        pd.read_parquet(sky / f"{name}.parquet") for name in ("chanmaster", "csc", "fermi")
    )
    cells = map_coverage(
        chanmaster, csc, fermi, _templates(), latitude_cut_deg=LATITUDE_DEG, public_by=PUBLIC_BY
    )
    frame_of_cells(cells).to_parquet(answer)


def ours(sky: Path, answer: Path) -> None:
    """xgamma: position, flux ratio and local chance, joint over Fermi sources."""
    from xgamma.stages.associate import associate, sample

    fermi, csc = (pd.read_parquet(sky / f"{name}.parquet") for name in ("fermi", "csc"))
    found = associate(sample(fermi, csc, _templates(), read_cells(sky), LATITUDE_DEG), {})
    candidates, joint = found.candidates, found.joint
    none = joint.outside + joint.below + joint.none
    write(answer, candidates.source, candidates.xray, joint.probability, none)


def read_cells(sky: Path):
    """What `coverage` wrote."""
    from xgamma.stages.map_coverage import cells_of_frame

    return cells_of_frame(pd.read_parquet(sky / "cells.parquet"))


def covered_share(sky: Path) -> np.ndarray:
    """Of each Fermi source, the share of its positional probability that Chandra has seen."""
    from xgamma.association.positions import error_ellipses, spread_points

    cells, points = read_cells(sky), 1000
    ra, dec, _ = spread_points(error_ellipses(plane(sky)[0], _templates()), points)
    known = np.isfinite(ra)
    share = np.zeros(ra.shape)
    share[known] = np.append(cells.share, 0.0)[cells.at(ra[known], dec[known])]
    return share.sum(axis=1) / points


def covered_area(sky: Path) -> float:
    """Square degrees that Chandra has seen, as likely as it has."""
    from xgamma.coverage.cells import CELL_AREA_DEG2

    return float(read_cells(sky).share.sum() * CELL_AREA_DEG2)


def _templates() -> pd.DataFrame:
    from astropy.table import Table

    path = PROJECT / "resources/4fgl_dr4_v35_extended.ecsv"
    return Table.read(path, format="ascii.ecsv").to_pandas()


# ---- peers that are a formula ----


def candidates(sky: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Pairs within `LARGEST_DISTANCE` ellipses of the evaluated Fermi sources, and both tables.

    The pairs have `source, xray, apart` (deg), `x` (in 95 % ellipses) and `flux` (0 if null).
    """
    fermi, csc = plane(sky)
    rows = np.load(sky / "evaluated.npy")
    ra, dec, major, minor, angle = (
        fermi[name].to_numpy(float)[rows]
        for name in ("ra", "dec", "semi_major_axis_95", "semi_minor_axis_95", "position_angle_95")
    )
    csc_ra, csc_dec = csc["ra"].to_numpy(float), csc["dec"].to_numpy(float)
    at, xray, apart = match_within(ra, dec, LARGEST_DISTANCE * major, csc_ra, csc_dec)
    towards = position_angle(ra[at], dec[at], csc_ra[xray], csc_dec[xray])
    x = elliptical_distance(apart, towards, major[at], minor[at], angle[at])
    flux = np.nan_to_num(csc["b_flux_ap"].to_numpy(float))[xray]
    pairs = pd.DataFrame({"source": rows[at], "xray": xray, "apart": apart, "x": x, "flux": flux})
    return pairs[pairs["x"] <= LARGEST_DISTANCE].reset_index(drop=True), fermi, csc


def _write_pick(answer: Path, pairs: pd.DataFrame, order: list, count: int) -> None:
    """Probability 1 for the first of each source's candidates by some keys, the first most."""
    ranked = np.lexsort([pairs["xray"], *order[::-1], pairs["source"]])
    first = ranked[np.unique(pairs["source"].to_numpy()[ranked], return_index=True)[1]]
    probability = np.zeros(len(pairs))
    probability[first] = 1.0
    write(answer, pairs["source"], pairs["xray"], probability, _none(pairs, probability, count))


def _none(pairs: pd.DataFrame, probability: np.ndarray, count: int) -> np.ndarray:
    return 1 - np.bincount(pairs["source"], probability, minlength=count)


def nearest(sky: Path, answer: Path) -> None:
    """The Chandra source at the smallest angle."""
    pairs, fermi, _ = candidates(sky)
    _write_pick(answer, pairs, [pairs["apart"]], len(fermi))


def brightest(sky: Path, answer: Path) -> None:
    """The brightest in the 95 % ellipse; if none lies in it, the brightest candidate."""
    pairs, fermi, _ = candidates(sky)
    _write_pick(answer, pairs, [pairs["x"] > 1, -pairs["flux"]], len(fermi))


def flux_times_position(sky: Path, answer: Path) -> None:
    """Flux times the Gaussian of the position, as shares of each Fermi source's sum."""
    pairs, fermi, _ = candidates(sky)
    weight = pairs["flux"].to_numpy() * np.exp(-K95 * pairs["x"].to_numpy() ** 2)
    total = np.bincount(pairs["source"], weight, minlength=len(fermi))[pairs["source"]]
    probability = np.divide(weight, total, out=np.zeros(len(weight)), where=total > 0)
    write(
        answer, pairs["source"], pairs["xray"], probability, _none(pairs, probability, len(fermi))
    )


def lat(sky: Path, answer: Path, exclusive: bool = False) -> None:
    """The formula of LAT's catalogues, with the local density of objects as bright and brighter.

    Each candidate has its own probability, [1 + (1 - prior) / (prior ratio)]^-1; where their sum
    exceeds 1 it is made 1. `exclusive` takes the same ratios for candidates of which only one can
    be right: prior ratio_i / (SUM prior ratio_j + 1 - prior).
    """
    from xgamma.association.kinds import kind_shares
    from xgamma.association.parameters import GROUPS

    pairs, fermi, csc = candidates(sky)
    rows, source = np.load(sky / "evaluated.npy"), pairs["source"].to_numpy()
    area, brighter = _local_counts(sky, pairs, fermi, csc)
    major, minor = (fermi[f"semi_{axis}_axis_95"].to_numpy(float) for axis in ("major", "minor"))
    ratio = K95 * np.exp(-K95 * pairs["x"].to_numpy() ** 2)
    ratio /= np.pi * (major * minor)[source] * brighter / area[source]
    catalogue = pd.read_parquet(sky / "fermi.parquet")
    group = kind_shares(fermi["source_type"].tolist(), fermi, catalogue).group
    members = np.bincount(group[rows], minlength=len(GROUPS))
    prior = np.full(len(GROUPS), 0.5)
    for _ in range(50):
        weight, rest = prior[group[source]] * ratio, 1 - prior[group]
        if exclusive:
            total = np.bincount(source, weight, minlength=len(fermi)) + rest
            probability = weight / total[source]
        else:
            probability = weight / (weight + rest[source])
            total = np.bincount(source, probability, minlength=len(fermi))
            probability /= np.maximum(total, 1)[source]
        found = np.bincount(source, probability, minlength=len(fermi))
        of_group = np.bincount(group[rows], found[rows], minlength=len(GROUPS))
        # a prior of 1 would make all candidates equal
        before, prior = prior, np.minimum(of_group / np.maximum(members, 1), 0.99)
        if np.abs(prior - before).max() < 1e-4:
            break
    write(answer, source, pairs["xray"], probability, 1 - found)


def lat_exclusive(sky: Path, answer: Path) -> None:
    """The same for candidates that exclude each other."""
    lat(sky, answer, exclusive=True)


def _local_counts(
    sky: Path, pairs: pd.DataFrame, fermi: pd.DataFrame, csc: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Covered area around each Fermi source (deg2); objects there as bright as each candidate."""
    from xgamma.coverage.cells import CELL_AREA_DEG2

    cells = read_cells(sky)
    ra, dec, major = (fermi[name].to_numpy(float) for name in ("ra", "dec", "semi_major_axis_95"))
    csc_ra, csc_dec = csc["ra"].to_numpy(float), csc["dec"].to_numpy(float)
    # an object without a flux is fainter than any with one
    all_flux = np.nan_to_num(csc["b_flux_ap"].to_numpy(float))
    source, flux = pairs["source"].to_numpy(), pairs["flux"].to_numpy()
    area, brighter = np.zeros(len(fermi)), np.zeros(len(pairs))
    # one after the other: all objects around all of them are many
    for row in np.unique(source):
        reach = np.array([max(LOCAL_DEG, LOCAL_ELLIPSES * major[row])])
        place = ra[[row]], dec[[row]], reach
        area[row] = cells.share[match_within(*place, cells.ra, cells.dec)[1]].sum()
        fluxes = np.sort(all_flux[match_within(*place, csc_ra, csc_dec)[1]])
        own = source == row
        brighter[own] = len(fluxes) - np.searchsorted(fluxes, flux[own])
    return area * CELL_AREA_DEG2, brighter
