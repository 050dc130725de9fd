"""Which Chandra source is each Fermi source: all candidates with probabilities, and the model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from xgamma.association.background import Counts
from xgamma.association.fields import Fields, XraySources, fields_around, fit_counts
from xgamma.association.flux_ratios import FluxRatios
from xgamma.association.kinds import KindShares, kind_shares
from xgamma.association.learning import Fit, fit_model
from xgamma.association.overlaps import LARGEST_GROUP, joint_probabilities
from xgamma.association.parameters import GROUPS, KINDS, PARAMETERS, split
from xgamma.association.positions import Ellipses, error_ellipses
from xgamma.association.posterior import (
    ByKind,
    Candidates,
    Model,
    Posterior,
    find_candidates,
    posterior,
)
from xgamma.coverage.cells import Cells
from xgamma.sky import within_latitude
from xgamma.stages.map_coverage import MARGIN_DEG
from xgamma.tables.columns import ENERGY_FLUX, Column, conform

__all__ = [
    "CANDIDATE_COLUMNS",
    "KIND_COLUMNS",
    "SOURCE_COLUMNS",
    "XRAY_COLUMNS",
    "Association",
    "Sample",
    "associate",
    "candidate_frame",
    "kind_probabilities",
    "model_record",
    "read_model",
    "sample",
    "source_frame",
]

CANDIDATE_COLUMNS = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id;meta.main"),
    Column("csc_name", "text", "", "Chandra Source Catalog name", "meta.id"),
    Column("sep_deg", "float", "deg", "Separation", "pos.angDistance"),
    Column(
        "elliptical_distance",
        "float",
        "",
        "Distance in units of the 95 % ellipse",
        "pos.angDistance;arith.ratio",
    ),
    Column(
        "log_flux_ratio",
        "float",
        "",
        "log10 of X-ray over gamma-ray flux; null without flux",
        "phot.flux;arith.ratio",
    ),
    Column("position_density", "float", "1 / deg2", "Density of the Fermi position there"),
    Column("density", "float", "1 / deg2", "Chance density at its flux, per dex if it has one"),
    Column(
        "likelihood_ratio",
        "float",
        "",
        "How much likelier than by chance it is there",
        "stat.likelihood",
    ),
    Column(
        "p_alone",
        "float",
        "",
        "Probability if Fermi sources did not share candidates",
        "stat.probability",
    ),
    Column(
        "p_association", "float", "", "Probability that it is the Fermi source", "stat.probability"
    ),
    *(
        Column(f"if_{kind.replace(' ', '_').replace('-', '_')}", "float", "", f"If it is: a {kind}")
        for kind in KINDS
    ),
]

KIND_COLUMNS = [column.name for column in CANDIDATE_COLUMNS if column.name.startswith("if_")]
"""What a candidate is if it is the Fermi source, in the order of `KINDS`."""

SOURCE_COLUMNS = [
    Column("fermi_name", "text", "", "Fermi name", "meta.id;meta.main"),
    Column(
        "ellipse", "text", "", "Where the ellipse is from: catalogue, template, ...", "meta.code"
    ),
    Column(
        "semi_major_axis_95",
        "float",
        "deg",
        "95 % ellipse that was used, semi-major axis",
        "stat.error;pos",
    ),
    Column(
        "semi_minor_axis_95",
        "float",
        "deg",
        "95 % ellipse that was used, semi-minor axis",
        "stat.error;pos",
    ),
    Column("position_angle_95", "float", "deg", "Its position angle, east of north", "pos.posAng"),
    Column("group", "text", "", "Sources with one prior probability of a counterpart", "meta.code"),
    *(
        Column(f"share_{kind.replace(' ', '_').replace('-', '_')}", "float", "", f"Prior: {kind}")
        for kind in KINDS
    ),
    Column(
        "coverage",
        "float",
        "",
        "Share of the positional probability that Chandra has seen",
        "stat.probability",
    ),
    Column(
        "area_seen",
        "float",
        "deg2",
        "Part of the 95 % ellipse that Chandra has seen",
        "phys.angArea",
    ),
    Column(
        "exposure",
        "float",
        "s",
        "Median exposure there, as on the axis of ACIS",
        "time.duration;obs.exposure",
    ),
    Column(
        "exposure_deepest", "float", "s", "Longest exposure there", "time.duration;obs.exposure"
    ),
    Column(
        "flux_limit",
        "float",
        ENERGY_FLUX,
        "X-ray flux limit at the median exposure",
        "phot.flux;em.X-ray;stat.min",
    ),
    Column(
        "flux_limit_deepest",
        "float",
        ENERGY_FLUX,
        "X-ray flux limit at the longest exposure",
        "phot.flux;em.X-ray;stat.min",
    ),
    Column(
        "n_candidates", "int", "", "Chandra sources to three times the 95 % ellipse", "meta.number"
    ),
    Column(
        "expected_by_chance", "float", "", "How many of them are expected by chance", "stat.value"
    ),
    Column(
        "p_listed",
        "float",
        "",
        "Prior probability that its counterpart is listed and searched",
        "stat.probability",
    ),
    Column(
        "p_outside",
        "float",
        "",
        "Probability: the counterpart lies outside coverage",
        "stat.probability",
    ),
    Column("p_below", "float", "", "Probability: it is below the flux limit", "stat.probability"),
    Column("p_none", "float", "", "Probability: it has no X-ray counterpart", "stat.probability"),
    Column(
        "group_size",
        "int",
        "",
        "Fermi sources that share candidates with it, itself included",
        "meta.number",
    ),
]

_NUMBERS = (
    "ra", "dec", "b_flux_ap", "error_ellipse_r0", "error_ellipse_r1", "error_ellipse_angle"
)  # fmt: skip
XRAY_COLUMNS = ("name", "bii", *_NUMBERS)
"""What `sample` takes of the X-ray catalogue."""


@dataclass(frozen=True)
class Sample:
    """The Fermi sources of the plane and the Chandra sources around, as the science has them.

    Attributes
    ----------
    fermi, csc : DataFrame
        Rows of the catalogues, numbered from 0; of csc `XRAY_COLUMNS`.
    ellipses : Ellipses
    log_gamma_flux : ndarray
    shares : KindShares
    cells : Cells
    xray : XraySources
    errors : tuple of three ndarray
        95 % ellipses of the Chandra sources: semi-axes (arcsec), position angle (deg).
    others : Ellipses or None
        The Fermi sources that were not chosen; None for all of the plane.
    """

    fermi: pd.DataFrame
    csc: pd.DataFrame
    ellipses: Ellipses
    log_gamma_flux: np.ndarray
    shares: KindShares
    cells: Cells
    xray: XraySources
    errors: tuple[np.ndarray, np.ndarray, np.ndarray]
    others: Ellipses | None = None


def sample(
    fermi: pd.DataFrame,
    csc: pd.DataFrame,
    extended: pd.DataFrame,
    cells: Cells,
    latitude_cut_deg: float,
    chosen: Collection[str] = (),
) -> Sample:
    """The sources of the plane, or some that were chosen.

    Parameters
    ----------
    fermi, csc : DataFrame
        The whole catalogues, or all that is near the chosen sources; of csc `XRAY_COLUMNS`.
    extended : DataFrame
        Templates of extended Fermi sources.
    cells : Cells
    latitude_cut_deg : float
    chosen : collection of str
        Names of Fermi sources: these alone, whatever their latitude.
    """
    others = None
    if len(chosen):
        is_chosen = fermi["name"].isin(chosen)
        plane, near = fermi[is_chosen].reset_index(drop=True), csc
        others = error_ellipses(fermi[~is_chosen].reset_index(drop=True), extended)
    else:
        plane = fermi[within_latitude(fermi["bii"], latitude_cut_deg)].reset_index(drop=True)
        near = csc[within_latitude(csc["bii"], latitude_cut_deg + MARGIN_DEG)]
    near = near.reset_index(drop=True)
    flux = plane["energy_flux"].to_numpy(float)
    # a source without a flux, of which 4FGL has none, is taken for a usual one
    usual = np.nanmedian(flux[flux > 0]) if (flux > 0).any() else 1e-11
    log_gamma_flux = np.log10(np.where(flux > 0, flux, usual))
    ra, dec, xray_flux, r0, r1, angle = (near[name].to_numpy(float) for name in _NUMBERS)
    return Sample(
        plane,
        near,
        error_ellipses(plane, extended),
        log_gamma_flux,
        kind_shares(plane["source_type"].tolist(), plane, fermi),
        cells,
        XraySources.placed(ra, dec, xray_flux, cells),
        (r0, r1, angle),
        others,
    )


@dataclass(frozen=True)
class Association:
    """Everything that was found.

    Attributes
    ----------
    fields : Fields
    candidates : Candidates
    stated : Model
        Before the run's own data.
    fit : Fit
    alone, joint : Posterior
        Each Fermi source by itself, and no Chandra source for two.
    group_size : ndarray of int
        Of each Fermi source: how many share candidates.
    """

    fields: Fields
    candidates: Candidates
    stated: Model
    fit: Fit
    alone: Posterior
    joint: Posterior
    group_size: np.ndarray


def associate(of: Sample, fixed: Mapping[str, float]) -> Association:
    """Probabilities of all candidates of a sample.

    Parameters
    ----------
    of : Sample
    fixed : mapping
        Name of a value of the model -> the value.
    """
    counts = fit_counts(of.cells, of.xray, of.ellipses)
    fields = fields_around(of.cells, of.xray, of.ellipses, of.log_gamma_flux, counts)
    candidates = find_candidates(of.ellipses, of.log_gamma_flux, fields, of.xray, of.errors, counts)
    stated = Model.stated(counts)
    fit = fit_model(stated, of.shares, fields, candidates, fixed)
    alone = posterior(fit.model, of.shares, fields, candidates)
    probability, rest, group_size = joint_probabilities(
        candidates.source, candidates.xray, alone.weight, alone.rest
    )
    joint = alone.with_joint(probability, rest)
    return Association(fields, candidates, stated, fit, alone, joint, group_size)


def candidate_frame(of: Sample, found: Association) -> pd.DataFrame:
    """`CANDIDATE_COLUMNS`, sorted by Fermi source, likeliest first."""
    c = found.candidates
    frame = pd.DataFrame(
        {
            "fermi_name": of.fermi["name"].to_numpy()[c.source],
            "csc_name": of.csc["name"].to_numpy()[c.xray],
            "sep_deg": c.offsets.separation_deg,
            "elliptical_distance": c.offsets.distance,
            "log_flux_ratio": c.log_ratio,
            "position_density": np.exp(c.offsets.log_density),
            "density": np.exp(c.log_chance),
            "likelihood_ratio": found.alone.likelihood_ratio,
            "p_alone": found.alone.probability,
            "p_association": found.joint.probability,
            **dict(zip(KIND_COLUMNS, kind_probabilities(of, found).T, strict=True)),
        }
    )
    order = np.lexsort((frame["csc_name"], -frame["p_association"], frame["fermi_name"]))
    return conform(frame.iloc[order].reset_index(drop=True), CANDIDATE_COLUMNS)


def kind_probabilities(of: Sample, found: Association) -> np.ndarray:
    """What each candidate is, if it is the Fermi source: shape (k, kinds), rows sum to 1.

    In proportion to the kind's share of the source and the flux ratio's density under it.
    """
    c = found.candidates
    weight = np.empty((len(c), len(KINDS)))
    by_kind = ByKind(c, found.fields)
    for kind in range(len(KINDS)):
        ratio, _ = by_kind.of(found.fit.model.ratios, kind)
        weight[:, kind] = of.shares.shares[c.source, kind] * ratio
    total = weight.sum(axis=1, keepdims=True)
    # where no kind has such a flux at all, the prior
    return np.where(total > 0, weight / np.where(total > 0, total, 1), of.shares.shares[c.source])


def source_frame(of: Sample, found: Association) -> pd.DataFrame:
    """`SOURCE_COLUMNS`, one row for each Fermi source of the plane, sorted by name."""
    e, f, p = of.ellipses, found.fields, found.joint
    n = len(of.fermi)
    scale = found.stated.counts.field_scale(f.listed, f.effective_area)
    shift = f.log_limit
    with np.errstate(divide="ignore"):
        deepest = shift + np.log10(f.exposure) - np.log10(f.deepest)
    frame = pd.DataFrame(
        {
            "fermi_name": of.fermi["name"],
            "ellipse": e.origin,
            "semi_major_axis_95": e.major,
            "semi_minor_axis_95": e.minor,
            "position_angle_95": e.angle,
            "group": np.array(GROUPS, dtype=object)[of.shares.group],
            **{
                column.name: of.shares.shares[:, kind]
                for kind, column in enumerate(SOURCE_COLUMNS[6 : 6 + len(KINDS)])
            },
            "coverage": f.coverage,
            "area_seen": f.area_deg2,
            "exposure": f.exposure,
            "exposure_deepest": f.deepest,
            "flux_limit": 10**f.log_limit,
            "flux_limit_deepest": 10**deepest,
            "n_candidates": np.bincount(found.candidates.source, minlength=n),
            "expected_by_chance": scale * f.search_area,
            "p_listed": p.listed_share,
            "p_outside": p.outside,
            "p_below": p.below,
            "p_none": p.none,
            "group_size": found.group_size,
        }
    )
    return conform(frame.sort_values("fermi_name", ignore_index=True), SOURCE_COLUMNS)


def model_record(of: Sample, found: Association) -> dict[str, Any]:
    """The model with its values, their errors, and how many sources are behind each."""
    fit, counts = found.fit, found.stated.counts
    return {
        "values": {
            name: {
                "value": fit.value[name],
                "error": None if name in fit.fixed else fit.error[name],
                "sources": fit.sources[name],
                "fixed": name in fit.fixed,
            }
            for name in PARAMETERS
        },
        "counts": {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in asdict(counts).items()
        },
        "sums": expected_numbers(of, found),
        "class_teachers": dict(of.shares.teachers),
        "approximate_groups": int((found.group_size > LARGEST_GROUP).sum()),
    }


def expected_numbers(of: Sample, found: Association) -> dict[str, dict[str, float]]:
    """How many Fermi sources have a listed counterpart, and how many have none for which reason.

    The error is the scatter that the probabilities foresee and, added in quadrature, what the
    errors of the model's values make of the sum.

    Returns
    -------
    dict
        'listed', 'outside', 'below', 'none' -> `sum` and `error`.
    """
    joint = found.joint
    n = len(of.fermi)
    parts = {
        "listed": np.bincount(found.candidates.source, joint.probability, minlength=n),
        "outside": joint.outside,
        "below": joint.below,
        "none": joint.none,
    }
    variance = {name: float((p * (1 - p)).sum()) for name, p in parts.items()}
    at_best = _sums(found.alone)
    for name in PARAMETERS:
        error = found.fit.error[name]
        if not error > 0:
            continue
        value = [found.fit.value[other] + error * (other == name) for other in PARAMETERS]
        moved = posterior(
            model_of(value, found.stated.counts), of.shares, found.fields, found.candidates
        )
        for part, total in _sums(moved).items():
            variance[part] += (total - at_best[part]) ** 2
    return {
        name: {"sum": float(p.sum()), "error": float(np.sqrt(variance[name]))}
        for name, p in parts.items()
    }


def _sums(of: Posterior) -> dict[str, float]:
    return {
        "listed": float(of.probability.sum()),
        "outside": float(of.outside.sum()),
        "below": float(of.below.sum()),
        "none": float(of.none.sum()),
    }


def model_of(values: Sequence[float], counts: Counts) -> Model:
    """The model with values in the order of `PARAMETERS`."""
    share, median, width = split(np.array(values, float))
    # a share is none above 1
    share = np.minimum(share, 0.999)
    ratios = FluxRatios.stated(counts.slope).with_values(median, width)
    return replace(Model.stated(counts), eta=share[:-1], aimed=float(share[-1]), ratios=ratios)


def read_model(record: Mapping[str, Any]) -> Model:
    """The model of such a record."""
    value = [record["values"][name]["value"] for name in PARAMETERS]
    counts = Counts(**{name: np.nan if of is None else of for name, of in record["counts"].items()})
    return model_of(value, counts)
