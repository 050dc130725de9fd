"""A simulated sky of which the Chandra candidates are identified, as the workflow does it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from test_associate import Solved

from xgamma.config.settings import load_config
from xgamma.sky import match_within
from xgamma.stages.associate import candidate_frame, source_frame
from xgamma.stages.conclude import evidence_table
from xgamma.stages.identify import Identified, identification_table, identify_candidates
from xgamma.stages.shard_sources import build_targets, likely_beyond_pairs
from xgamma.tables.columns import Column

TABLES = {"gaia": "gaiadr3.gaia_source", "twomass": "fp_psc"}
TRUE_NAME = {"gaia": "source_id", "twomass": "designation"}
# as the demo archive has them
UNITS = {
    "ra_error": "mas",
    "dec_error": "mas",
    "parallax": "mas",
    "pmra": "mas / yr",
    "pmdec": "mas / yr",
    "err_maj": "arcsec",
    "err_min": "arcsec",
    "err_ang": "deg",
}


def survey_settings() -> dict[str, dict]:
    """The surveys of the config as it is shipped, as the rules hand them on."""
    return {
        name: {
            "table": one.table,
            "columns": dict(one.columns),
            "identify": {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in vars(one.identify).items()
            },
        }
        for name, one in load_config({}).surveys.items()
    }


class IdentifiedSky:
    """What `Solved` has, and the identification of its candidates."""

    def __init__(self, seed: int, size: str = "small") -> None:
        self.solved = Solved(seed, size)
        self.truth = self.solved.truth.drop_duplicates("csc_name").set_index("csc_name")
        self.surveys = survey_settings()
        csc, fermi = self.solved.tables["csc"], self.solved.sample.fermi
        self.association = candidate_frame(self.solved.sample, self.solved.found)
        self.sources = source_frame(self.solved.sample, self.solved.found)
        self.targets = self._targets(csc, fermi)
        self.shards = {
            name: self._rows_around(name, self.solved.tables[table])
            for name, table in TABLES.items()
        }
        self.identified: Identified = identify_candidates(
            self.targets, csc, self.solved.tables["chanmaster"], self.shards, self.surveys
        )
        self.table = identification_table(self.identified, self.targets, self.surveys)
        joint = self.solved.found.joint
        rest = pd.Series(joint.outside + joint.below + joint.none, index=fermi["name"])
        self.evidence = evidence_table(self.identified, self.association, rest, csc, self.surveys)

    def _targets(self, csc: pd.DataFrame, fermi: pd.DataFrame) -> pd.DataFrame:
        radius = fermi["semi_major_axis_95"].fillna(-1).to_numpy()
        with_flux = csc[csc["b_flux_ap"] > 0].reset_index(drop=True)
        source, row, _ = match_within(
            fermi["ra"], fermi["dec"], radius, with_flux["ra"], with_flux["dec"]
        )
        places = fermi.set_index("name")[["ra", "dec"]].set_axis(["fermi_ra", "fermi_dec"], axis=1)
        of_csc = csc.drop_duplicates("name").set_index("name")
        of_csc = of_csc[["ra", "dec", "error_ellipse_r0"]]
        of_csc.columns = ["csc_ra", "csc_dec", "csc_error_r0"]
        pairs = pd.DataFrame(
            {
                "fermi_name": fermi["name"].to_numpy()[source],
                "csc_name": with_flux["name"].to_numpy()[row],
            }
        )
        pairs, candidates = (
            frame.join(places, on="fermi_name").join(of_csc, on="csc_name").assign(fermi_class="")
            for frame in (pairs, self.association)
        )
        settings = {"radius_deg": 0.03, "csc_radius_arcsec": 2.0, "csc_radius_sigma": 4.0}
        return build_targets(
            pairs,
            likely_beyond_pairs(candidates, pairs, 0.01),
            **settings,
            csc_radius_most_arcsec=10.0,
            by="healpix",
        )

    def _rows_around(self, survey: str, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Column]]:
        around = self.targets[self.targets["around"] != "fermi"]
        _, row, _ = match_within(
            around["ra"], around["dec"], around["field_radius_deg"], rows["ra"], rows["dec"]
        )
        columns = self.surveys[survey]["columns"]
        taken = {name: ours for name, ours in columns.items() if name in rows}
        frame = rows.iloc[row][["ra", "dec", *taken]].rename(columns=taken)
        frame.insert(0, "id", rows[TRUE_NAME[survey]].to_numpy()[row])
        frame = frame.assign(around="csc").reset_index(drop=True)
        units = [Column(ours, "float", UNITS.get(name, "")) for name, ours in taken.items()]
        return frame, units

    def objects(self, survey: str) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
        """p_object of each object near a candidate, whether it is the true one, and its rows."""
        rows = self.table[self.table["survey"] == survey]
        rows = rows.drop_duplicates(["csc_name", "object_id"])
        return rows["p_object"].to_numpy(), self._is_true(rows, survey), rows

    def _is_true(self, rows: pd.DataFrame, survey: str) -> np.ndarray:
        true = self.truth[TRUE_NAME[survey]].astype(str).reindex(rows["csc_name"]).fillna("")
        return true.to_numpy() == rows["object_id"].to_numpy()

    def listed(self, survey: str) -> tuple[np.ndarray, np.ndarray]:
        """p_any of each candidate, and whether it has a counterpart in the survey in truth."""
        number = list(self.identified.surveys).index(survey)
        true = self.truth[TRUE_NAME[survey]].astype(str).reindex(self.identified.names)
        return self.identified.found.p_any[:, number], ~true.fillna("").isin(["", "-1"]).to_numpy()

    def judged_evidence(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A probability of each candidate, whether it is right, and -ln P of each Fermi source.

        Of Fermi sources with a simulated object, and of candidates that were searched around. P is
        that of the right candidate or, where none is right, of none.
        """
        fate = pd.Series(self.solved.fate, index=self.solved.sample.fermi["name"])
        rows = self.evidence[self.evidence["fermi_name"].map(fate).to_numpy() != ""]
        of_fermi = self.truth[self.truth["fermi_name"] != ""].reset_index()
        true = of_fermi.set_index("fermi_name")["csc_name"]
        right = (rows["fermi_name"].map(true) == rows["csc_name"]).to_numpy()
        p = rows[name].to_numpy()
        by_source = pd.DataFrame({"fermi": rows["fermi_name"], "p": p, "right": p * right})
        sums = by_source.groupby("fermi")[["p", "right"]].sum()
        with_right = pd.Series(right, index=rows["fermi_name"]).groupby(level=0).any()
        of_source = np.where(with_right, sums["right"], 1 - sums["p"])
        return p, right, -np.log(np.clip(of_source, 1e-6, 1))
