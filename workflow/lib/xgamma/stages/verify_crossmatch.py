"""Check of the service's join: the same join of the fetched catalogues must give the same pairs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from xgamma.errors import XgammaError
from xgamma.sky import match_within, within_latitude

__all__ = ["EDGE_DEG", "Verification", "local_pairs", "verify_pairs"]

# A difference of the two joins this close to a circle's edge may be rounding.
# The smallest margin of a real pair to its circle is 1.25e-5 deg.
EDGE_DEG = 1e-7


def local_pairs(
    fermi: pd.DataFrame, csc: pd.DataFrame, latitude_cut_deg: float, min_flux: float | None
) -> pd.DataFrame:
    """The same join from the fetched catalogues: fermi_name, csc_name, margin_deg.

    `margin_deg` is the circle's radius less the separation, >= -EDGE_DEG: pairs just
    outside are kept for the comparison and told apart by their sign.
    """
    fermi = fermi[
        within_latitude(fermi["bii"], latitude_cut_deg) & (fermi["semi_major_axis_95"] > 0)
    ]
    if min_flux is not None:
        csc = csc[csc["b_flux_ap"] > min_flux]
    # whole catalogue, not the plane sample: a counterpart may lie outside the cut
    centre, point, distance = match_within(
        fermi["ra"], fermi["dec"], fermi["semi_major_axis_95"] + EDGE_DEG, csc["ra"], csc["dec"]
    )
    return pd.DataFrame(
        {
            "fermi_name": fermi["name"].to_numpy()[centre],
            "csc_name": csc["name"].to_numpy()[point],
            "margin_deg": fermi["semi_major_axis_95"].to_numpy()[centre] - distance,
        }
    )


@dataclass(frozen=True)
class Verification:
    """How the service's join compares with ours.

    Attributes
    ----------
    pairs_service, pairs_local : int
    on_the_edge : list of dict
        Differences within `EDGE_DEG` of a circle's edge: rounding, listed, no error.
    pairs_without_flux_cut, fermi_without_flux_cut : int
        Of the local join with every Chandra source, whatever its flux.
    """

    pairs_service: int
    pairs_local: int
    on_the_edge: list[dict]
    pairs_without_flux_cut: int
    fermi_without_flux_cut: int


def verify_pairs(
    pairs: pd.DataFrame,
    fermi: pd.DataFrame,
    csc: pd.DataFrame,
    latitude_cut_deg: float,
    min_flux: float | None,
) -> Verification:
    """Hold the service's pairs against those computed from the catalogues.

    Raises
    ------
    XgammaError
        If they differ by more than rounding at a circle's edge; names the pairs.
    """
    ours = local_pairs(fermi, csc, latitude_cut_deg, min_flux)
    names = ["fermi_name", "csc_name"]
    # numbered, so that a pair that comes twice is one too many
    merged = (
        pairs[names]
        .assign(copy=pairs.groupby(names).cumcount(), at_service=True)
        .merge(ours.assign(copy=ours.groupby(names).cumcount()), on=[*names, "copy"], how="outer")
    )
    at_service = merged["at_service"].notna()
    differ = at_service != (merged["margin_deg"] >= 0)
    on_edge = merged["margin_deg"].abs() <= EDGE_DEG
    wrong = merged[differ & ~on_edge]
    if len(wrong):
        shown = "; ".join(
            f"{row.fermi_name} - {row.csc_name} "
            f"({'only here' if pd.isna(row.at_service) else 'only at the service'})"
            for row in wrong.head(5).itertuples()
        )
        raise XgammaError(
            f"cross-match: {len(wrong)} of {len(merged)} pairs differ between the service's join "
            f"and the same join from the fetched catalogues: {shown}"
            f"{'; ...' if len(wrong) > 5 else ''}. "
            f"The service cut its answer or its tables changed in between: ask anew with "
            f"--forcerun fetch_catalog crossmatch --config 'tap={{reuse: false}}'"
        )
    edge = merged[differ & on_edge]
    every = local_pairs(fermi, csc, latitude_cut_deg, None)
    every = every[every["margin_deg"] >= 0]
    return Verification(
        pairs_service=len(pairs),
        pairs_local=int((ours["margin_deg"] >= 0).sum()),
        on_the_edge=[
            {"fermi_name": r.fermi_name, "csc_name": r.csc_name, "margin_deg": r.margin_deg}
            for r in edge.itertuples()
        ],
        pairs_without_flux_cut=len(every),
        fermi_without_flux_cut=int(every["fermi_name"].nunique()),
    )
