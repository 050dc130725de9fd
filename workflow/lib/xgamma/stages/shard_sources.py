"""The positions to search, divided into shards, and the digest in the name of each shard's file.

A shard's file carries a digest of everything that its content depends on. So a file
that exists is right, whatever was edited or killed in between; going back to an earlier
setting finds the earlier files; and a changed row concerns its own shard only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xgamma.healpix import cells_at
from xgamma.identification.ellipses import SIGMA_OF_95
from xgamma.tables.columns import Column, conform

__all__ = [
    "TARGET_COLUMNS",
    "WHOLE_SKY",
    "ShardBasis",
    "build_targets",
    "likely_beyond_pairs",
    "shard_digests",
    "with_positions",
]

TARGET_COLUMNS = [
    Column("target_id", "int", "", "Running number within the shard"),
    Column(
        "around",
        "text",
        "",
        "fermi: the Fermi position; csc: a Chandra source of the pairs; likely: a likely "
        "counterpart that is no pair",
    ),
    Column("fermi_name", "text", "", "Fermi name"),
    Column("fermi_ra", "float", "deg", "Fermi right ascension, ICRS"),
    Column("fermi_dec", "float", "deg", "Fermi declination, ICRS"),
    Column("csc_name", "text", "", "Chandra source; blank around the Fermi position"),
    Column("ra", "float", "deg", "Right ascension, ICRS"),
    Column("dec", "float", "deg", "Declination, ICRS"),
    Column("radius_deg", "float", "deg", "Search radius"),
    Column("field_radius_deg", "float", "deg", "Radius asked for: the field is counted in it, too"),
    Column("shard", "text", "", "Shard"),
]


#: The shard of all sources, if they are few.
WHOLE_SKY = "sky"

# around candidates the field is counted to three times the radius, at least to this
_FIELD_RADII, _LEAST_FIELD_ARCSEC = 3.0, 10.0


def _file_name(name: str) -> str:
    """A source's name as a file's: readable, and not the same for two names, whatever they hold."""
    # not taken for an option by any program
    readable = re.sub(r"[^A-Za-z0-9+-]+", "_", name).lstrip("+-")[:40] or "_"
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _shard_names(
    fermi: pd.DataFrame, numbers: pd.Series, by: str, order: int, most_together: int
) -> list[str]:
    # shared file systems are slow with thousands of files in one folder: many shards stand in
    # folders, which are named by a larger cell
    if by == "source":
        cells = cells_at(fermi["fermi_ra"], fermi["fermi_dec"], 2).tolist()
        names = zip(cells, fermi["fermi_name"], strict=True)
        return [f"healpix2-{cell:03d}/{_file_name(name)}" for cell, name in names]
    if numbers.sum() <= most_together:
        return [WHOLE_SKY] * len(fermi)
    finest = cells_at(fermi["fermi_ra"], fermi["fermi_dec"], order)
    names = np.full(len(fermi), "", dtype=object)
    # from the largest cells to the smallest: who is in one by now stays there
    for level in range(order + 1):
        cells = finest >> 2 * (order - level)
        together = numbers.groupby(cells).transform("sum").to_numpy()
        for i in np.flatnonzero((names == "") & ((together <= most_together) | (level == order))):
            folder = f"healpix0-{cells[i] >> 2 * level:03d}/" if level > 1 else ""
            names[i] = f"{folder}healpix{level}-{cells[i]:03d}"
    return names.tolist()


def with_positions(
    candidates: pd.DataFrame, fermi: pd.DataFrame, csc: pd.DataFrame
) -> pd.DataFrame:
    """Candidates with what the catalogues say of both sources.

    Parameters
    ----------
    candidates : DataFrame
        ``fermi_name, csc_name`` and what else is to stay.
    fermi, csc : DataFrame
        The catalogues: name, ra, dec, and source_type or error_ellipse_r0.
    """
    of_fermi, of_csc = (
        catalogue.drop_duplicates("name").rename(columns=names)
        for catalogue, names in (
            (fermi, {"name": "fermi_name", "ra": "fermi_ra", "dec": "fermi_dec",
                     "source_type": "fermi_class"}),
            (csc, {"name": "csc_name", "ra": "csc_ra", "dec": "csc_dec",
                   "error_ellipse_r0": "csc_error_r0"}),
        )
    )  # fmt: skip
    return candidates.merge(of_fermi, on="fermi_name").merge(of_csc, on="csc_name")


def likely_beyond_pairs(
    candidates: pd.DataFrame, pairs: pd.DataFrame, least_probability: float
) -> pd.DataFrame:
    """Likely counterparts that are no pairs: outside the circle, or without a flux.

    Parameters
    ----------
    candidates : DataFrame
        As `with_positions` gives them, with p_association.
    pairs : DataFrame
        `xgamma.stages.pairs.PAIR_COLUMNS`.
    least_probability : float

    Returns
    -------
    DataFrame
        ``fermi_name, fermi_ra, fermi_dec, fermi_class, csc_name, csc_ra, csc_dec, csc_error_r0``.
    """
    names = ["fermi_name", "csc_name"]
    likely = candidates[candidates["p_association"] >= least_probability]
    paired = likely.set_index(names).index.isin(pairs.set_index(names).index)
    columns = [*names, "fermi_ra", "fermi_dec", "fermi_class", "csc_ra", "csc_dec"]
    columns.append("csc_error_r0")
    return likely.loc[~paired, columns].reset_index(drop=True)


def build_targets(
    pairs: pd.DataFrame,
    likely: pd.DataFrame | None = None,
    *,
    radius_deg: float,
    csc_radius_arcsec: float,
    csc_radius_sigma: float = 0.0,
    csc_radius_most_arcsec: float = 0.0,
    by: str,
    order: int = 0,
    most_together: int | None = 0,
) -> pd.DataFrame:
    """The positions around which the surveys are searched.

    One target per Fermi source (the notebook's search), one per pair, around the Chandra
    candidate, and one per likely counterpart that is no pair. A Fermi source and its candidates
    share a shard: the HEALPix cell (ICRS, nested) of the Fermi position, or the source itself,
    never a row number. Cells that hold few targets together are one: the larger cell in which
    they lie, up to the whole sky.

    Parameters
    ----------
    pairs : DataFrame
        `xgamma.stages.pairs.PAIR_COLUMNS`.
    likely : DataFrame, optional
        As `likely_beyond_pairs` gives them.
    radius_deg, csc_radius_arcsec : float
        Around a Fermi position; around a candidate, at least.
    csc_radius_sigma, csc_radius_most_arcsec : float
        Around a candidate: standard deviations of its position (95 % major axis / 2.45), up to
        so many arcsec. A candidate without an error has the least radius.
    by : {'healpix', 'source'}
    order : int
        Of the HEALPix cells, the smallest.
    most_together : int, optional
        A larger cell with at most so many targets is not divided.

    Returns
    -------
    DataFrame
        `TARGET_COLUMNS`, sorted by shard, then around, fermi_name, csc_name.
    """
    fermi = pairs.drop_duplicates("fermi_name").reset_index(drop=True)
    columns = ["fermi_name", "fermi_ra", "fermi_dec", "csc_name", "csc_ra", "csc_dec"]
    columns.append("csc_error_r0")
    around = pairs[columns].assign(around="csc")
    if likely is not None:
        around = pd.concat([around, likely[columns].assign(around="likely")], ignore_index=True)
    every = around.drop_duplicates("fermi_name")
    # the candidates' positions, and its own if it has pairs
    numbers = every["fermi_name"].map(around["fermi_name"].value_counts()).to_numpy("int64")
    numbers = pd.Series(numbers + every["fermi_name"].isin(fermi["fermi_name"]).to_numpy())
    names = _shard_names(every, numbers, by, order, most_together or 0)
    shard = dict(zip(every["fermi_name"], names, strict=True))
    around_fermi = pd.DataFrame(
        {
            "around": "fermi",
            "fermi_name": fermi["fermi_name"],
            "fermi_ra": fermi["fermi_ra"],
            "fermi_dec": fermi["fermi_dec"],
            "csc_name": "",
            "ra": fermi["fermi_ra"],
            "dec": fermi["fermi_dec"],
            "radius_deg": radius_deg,
            "field_radius_deg": radius_deg,
        }
    )
    by_error = csc_radius_sigma * around["csc_error_r0"].fillna(0.0) / SIGMA_OF_95
    radius = np.maximum(csc_radius_arcsec, np.minimum(by_error, csc_radius_most_arcsec))
    around_csc = pd.DataFrame(
        {
            "around": around["around"],
            "fermi_name": around["fermi_name"],
            "fermi_ra": around["fermi_ra"],
            "fermi_dec": around["fermi_dec"],
            "csc_name": around["csc_name"],
            "ra": around["csc_ra"],
            "dec": around["csc_dec"],
            "radius_deg": radius / 3600.0,
            "field_radius_deg": np.maximum(_LEAST_FIELD_ARCSEC, _FIELD_RADII * radius) / 3600.0,
        }
    )
    targets = pd.concat([around_fermi, around_csc], ignore_index=True)
    targets["shard"] = targets["fermi_name"].map(shard)
    targets = targets.sort_values(
        ["shard", "around", "fermi_name", "csc_name", "ra", "dec"], ignore_index=True
    )
    targets["target_id"] = targets.groupby("shard").cumcount()
    return conform(targets, TARGET_COLUMNS)


@dataclass(frozen=True)
class ShardBasis:
    """What every shard of a survey depends on, besides its own targets.

    A field here is a part of the digest; what the rule enrich_shard reads and is not here
    would leave shards as they are when it changes.

    Attributes
    ----------
    url : str
        Of the service that is asked.
    survey : mapping
        Settings of the survey: service, table, id, ra, dec, columns, optional. Values that
        JSON can hold.
    missing : sequence of str
        The optional columns that the service lacks.
    nearest : int
        How many sources are kept around a Fermi position.
    sky : str or None
        The record of the simulated sky, if that answers: its address is always the same.
    kept_answers : str or None
        Digest of the answers that a replay reads.
    code : str
        Digest of the code of the rule enrich_shard.
    """

    url: str
    survey: Mapping[str, Any]
    missing: Sequence[str]
    nearest: int
    sky: str | None
    kept_answers: str | None
    code: str

    def text(self) -> str:
        """All of it as JSON: the same text for the same values."""
        # a shard has its columns in the order of the settings, which sorted keys do not show
        survey = {**self.survey, "columns": list(self.survey["columns"].items())}
        return json.dumps({**vars(self), "survey": survey}, sort_keys=True, allow_nan=False)


def shard_digests(targets: pd.DataFrame, basis: ShardBasis) -> dict[str, str]:
    """Shard -> sixteen hexadecimal digits for its targets and all else that it depends on.

    Parameters
    ----------
    targets : DataFrame
        `TARGET_COLUMNS`.
    basis : ShardBasis
    """
    basis_text = basis.text()
    digests = {}
    for shard, rows in targets.groupby("shard", sort=True):
        digest = hashlib.sha256(basis_text.encode())
        for row in rows.itertuples(index=False):
            values = [row.around, row.fermi_name, row.csc_name]
            places = (row.fermi_ra, row.fermi_dec, row.ra, row.dec)
            places += (row.radius_deg, row.field_radius_deg)
            values += [float(v).hex() for v in places]
            digest.update(json.dumps(values).encode() + b"\n")
        digests[str(shard)] = digest.hexdigest()[:16]
    return digests
