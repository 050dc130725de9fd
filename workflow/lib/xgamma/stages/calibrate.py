"""Whether the probabilities hold: on controls, on injected counterparts, on known sources."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xgamma.association.controls import Controls, Injections, controls_of, injected
from xgamma.association.fields import fields_around
from xgamma.association.known import Known, judge_known
from xgamma.association.overlaps import joint_probabilities
from xgamma.association.parameters import GROUPS
from xgamma.association.posterior import Model, find_candidates, posterior
from xgamma.stages.associate import Sample
from xgamma.tables.columns import Column, conform

__all__ = ["BIN_EDGES", "CONTROL_COLUMNS", "KNOWN_COLUMNS", "calibrate", "reliability"]

BIN_EDGES = (0.0, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)
"""Of probabilities, for reliability."""
CLAIM, SURE = 0.5, 0.8
"""A likely counterpart, and a counterpart."""

CONTROL_COLUMNS = [
    Column("fermi_name", "text", "", "Fermi name"),
    Column("controls", "int", "", "Places without a Fermi source that were tried"),
    Column("chance_sum_p", "float", "", "Mean sum of probabilities there: what chance gives"),
    Column("chance_claims", "float", "", "Share of them with a candidate of P >= 0.5"),
]

KNOWN_COLUMNS = [
    Column("fermi_name", "text", "", "Fermi name"),
    Column("fermi_class", "text", "", "Fermi class"),
    Column("assoc_name", "text", "", "Associated source"),
    Column("candidates", "int", "", "Number of candidates"),
    Column("rank", "int", "", "Of the right candidate by probability, 1 first; 0: none is right"),
    Column("p_right", "float", "", "Probability of the right candidate, by a fit without it"),
    Column("p_no_candidate", "float", "", "Probability that none is right"),
    Column("nearest_is_right", "bool", "", "The nearest candidate is right"),
    Column("brightest_is_right", "bool", "", "The brightest candidate is right"),
    Column("flux_x_position_is_right", "bool", "", "Flux times position density picks it"),
]


def calibrate(
    of: Sample, model: Model, stated: Model, fixed: Mapping[str, float], controls: int
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Every check of the probabilities.

    Parameters
    ----------
    of : Sample
    model, stated : Model
        As it was learnt, and before.
    fixed : mapping
    controls : int
        Most controls for each Fermi source.

    Returns
    -------
    record : dict
        Numbers, for `association/calibration.json`.
    by_source : DataFrame
        `CONTROL_COLUMNS`, for Fermi sources that have controls.
    known : DataFrame
        `KNOWN_COLUMNS`.
    """
    counts = model.counts
    fields = fields_around(of.cells, of.xray, of.ellipses, of.log_gamma_flux, counts)
    candidates = find_candidates(of.ellipses, of.log_gamma_flux, fields, of.xray, of.errors, counts)
    alone = posterior(model, of.shares, fields, candidates)
    probability = joint_probabilities(candidates.source, candidates.xray, alone.weight, alone.rest)[
        0
    ]
    tried = controls_of(
        model,
        of.shares,
        of.cells,
        of.xray,
        of.errors,
        of.ellipses,
        of.log_gamma_flux,
        fields,
        candidates,
        probability,
        controls,
        of.others,
    )
    drawn = injected(tried, model, of.shares, of.cells, of.log_gamma_flux)
    judged = judge_known(
        stated,
        of.shares,
        fields,
        candidates,
        fixed,
        of.fermi["source_type"].str.strip().to_numpy(object),
        of.fermi["counterpart_ra"].to_numpy(float),
        of.fermi["counterpart_dec"].to_numpy(float),
        of.xray.ra,
        of.xray.dec,
    )
    by_source = _by_source(of, tried)
    record = {
        "claims": _claims(probability, candidates.source, len(of.fermi)),
        "controls": _controls(tried, by_source, of, alone.listed_share),
        "injections": _injections(drawn, of),
        "known": _known(judged),
    }
    return record, by_source, _known_frame(of, judged, candidates.source)


def reliability(
    probability: np.ndarray, right: np.ndarray, edges: tuple[float, ...] = BIN_EDGES
) -> list[dict[str, float]]:
    """How many candidates of each probability are right.

    Parameters
    ----------
    probability : ndarray, shape (k,)
    right : ndarray of bool, shape (k,)
    edges : tuple of float

    Returns
    -------
    list of dict
        For each bin: low, high, candidates, expected (sum of P), error (binomial), right.
    """
    rows = []
    last = edges[-1]
    for low, high in itertools.pairwise(edges):
        inside = (probability >= low) & ((probability < high) | (high == last))
        p = probability[inside]
        rows.append(
            {
                "low": low,
                "high": high,
                "candidates": int(inside.sum()),
                "expected": float(p.sum()),
                "error": float(np.sqrt((p * (1 - p)).sum())),
                "right": int(right[inside].sum()),
            }
        )
    return rows


def _claims(probability: np.ndarray, source: np.ndarray, n: int) -> dict[str, Any]:
    """Best candidates above the two limits, and how many of them are expected to be false."""
    best = np.zeros(n)
    np.maximum.at(best, source, probability)
    return {
        name: {
            "number": int((best >= least).sum()),
            "expected_false": float((1 - best[best >= least]).sum()),
        }
        for name, least in (("likely_or_better", CLAIM), ("counterpart", SURE))
    }


def _by_source(of: Sample, tried: Controls) -> pd.DataFrame:
    n = len(of.fermi)
    number = np.bincount(tried.source, minlength=n)
    control = tried.candidates.source
    sums = np.bincount(control, tried.posterior.probability, minlength=len(tried.source))
    claimed = np.zeros(len(tried.source))
    claimed[np.unique(control[tried.posterior.probability >= CLAIM])] = 1
    has = number > 0
    frame = pd.DataFrame(
        {
            "fermi_name": of.fermi["name"].to_numpy()[has],
            "controls": number[has],
            "chance_sum_p": (np.bincount(tried.source, sums, minlength=n)[has] / number[has]),
            "chance_claims": (np.bincount(tried.source, claimed, minlength=n)[has] / number[has]),
        }
    )
    return conform(frame.sort_values("fermi_name", ignore_index=True), CONTROL_COLUMNS)


def _controls(
    tried: Controls, by_source: pd.DataFrame, of: Sample, listed_share: np.ndarray
) -> dict[str, Any]:
    # A source without a listed counterpart is what its controls are: as often is it claimed.
    # Means are over sources, so that one with many controls counts as one with few.
    row = pd.Series(np.arange(len(of.fermi)), index=of.fermi["name"])[by_source["fermi_name"]]
    unlisted = 1 - listed_share[row.to_numpy()]
    return {
        "number": len(tried.source),
        "sources": len(by_source),
        "shifted": int((tried.kind == "shifted").sum()),
        "mirrored": int((tried.kind == "mirrored").sum()),
        "candidates": len(tried.candidates),
        "sum_p_by_source": _mean(by_source["chance_sum_p"]),
        "claims_by_source": _mean(by_source["chance_claims"]),
        "false_claims_expected": float((unlisted * by_source["chance_claims"].to_numpy()).sum()),
    }


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if len(values) else None


def _injections(drawn: Injections, of: Sample) -> dict[str, Any]:
    """Reliability and log loss of injections; over all, and by class, density and depth."""
    right_probability = np.zeros(len(drawn.source))
    right_probability[drawn.candidate_source[drawn.right]] = drawn.probability[drawn.right]
    of_truth = np.where(drawn.listed, right_probability, drawn.none)
    group = of.shares.group[drawn.source][drawn.candidate_source]
    parts = {name: group == number for number, name in enumerate(GROUPS)}
    return {
        "controls": len(drawn.source),
        "listed": int(drawn.listed.sum()),
        "sum_p": float(drawn.probability.sum()),
        "log_loss": float(-np.log(np.clip(of_truth, 1e-6, 1)).mean()) if len(of_truth) else None,
        "bins": reliability(drawn.probability, drawn.right),
        "by_group": {name: _sums(drawn, inside) for name, inside in parts.items() if inside.any()},
        "by_density": _by_thirds(drawn, drawn.density),
        "by_depth": _by_thirds(drawn, drawn.log_limit),
    }


def _sums(drawn: Injections, inside: np.ndarray) -> dict[str, float]:
    p = drawn.probability[inside]
    return {
        "expected": float(p.sum()),
        "error": float(np.sqrt((p * (1 - p)).sum())),
        "right": int(drawn.right[inside].sum()),
    }


def _by_thirds(drawn: Injections, values: np.ndarray) -> list[dict[str, float]]:
    """The same for the lowest, middle and highest third of the candidates' values."""
    if not len(values):
        return []
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    parts = (values <= low, (values > low) & (values <= high), values > high)
    return [
        {"median": float(np.median(values[part])), **_sums(drawn, part)}
        for part in parts
        if part.any()
    ]


def _known(judged: Known) -> dict[str, Any]:
    has_right = judged.has_right
    number = int(has_right.sum())
    of_known = judged.probability > 0
    normalised = judged.simple_probability["flux x position"]
    # a way without 'none' says nothing of sources whose counterpart is not listed: all others
    simple_loss = -np.log(np.clip(np.where(has_right, normalised, 1e-6), 1e-6, 1))
    return {
        "sources": len(judged.source),
        "with_right_candidate": number,
        "first": int((judged.rank == 1).sum()),
        "first_by": {way: int(right.sum()) for way, right in judged.simple.items()},
        "log_loss": _finite(judged.log_loss()),
        "log_loss_flux_x_position": _finite(float(simple_loss.mean()))
        if len(simple_loss)
        else None,
        "sum_p": float(judged.probability[of_known].sum()),
        "bins": reliability(judged.probability[of_known], judged.right[of_known]),
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _known_frame(of: Sample, judged: Known, candidate_source: np.ndarray) -> pd.DataFrame:
    row = judged.source
    fermi = of.fermi.iloc[row]
    frame = pd.DataFrame(
        {
            "fermi_name": fermi["name"].to_numpy(),
            "fermi_class": fermi["source_type"].to_numpy(),
            "assoc_name": fermi["assoc_name"].to_numpy(),
            "candidates": np.bincount(candidate_source, minlength=len(of.fermi))[row],
            "rank": judged.rank,
            "p_right": np.where(judged.has_right, judged.right_probability, np.nan),
            "p_no_candidate": judged.none_probability,
            "nearest_is_right": judged.simple["nearest"],
            "brightest_is_right": judged.simple["brightest"],
            "flux_x_position_is_right": judged.simple["flux x position"],
        }
    )
    return conform(frame.sort_values("fermi_name", ignore_index=True), KNOWN_COLUMNS)
