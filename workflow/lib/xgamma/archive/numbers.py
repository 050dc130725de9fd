"""How many rows of a survey lie around positions, counted at the service.

Where only the nearest few of a circle's rows are kept, and the others are wanted as a number, a
number of each circle comes over the line instead of hundreds of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xgamma.answers.checks import check_asked
from xgamma.answers.circles import Part, note_parts, take_covered
from xgamma.archive.around import MARGIN_DEG, circles_upload, from_where
from xgamma.archive.catalogues import ALL_ROWS
from xgamma.archive.client import TapClient
from xgamma.archive.surveys import SurveyTable
from xgamma.errors import XgammaError
from xgamma.tap.mirror_names import Names

__all__ = ["Numbers", "numbers_around"]

_ASKED = {"n": "COUNT(*)"}
# a little within a circle's edge, and a little beyond it: between them, services round differently
_SIDES = {"inside": -MARGIN_DEG, "beyond": MARGIN_DEG}


class Numbers:
    """Rows in circles, as far as the service's own rounding cannot matter.

    Parameters
    ----------
    numbers : mapping
        target_id -> rows within the circle.
    records : list of dict
        How they were counted: one record per answer.
    noted : list of tuple
        What `note` notes.
    """

    def __init__(
        self,
        numbers: Mapping[int, int],
        records: list[dict[str, Any]],
        noted: list[tuple[str, Part]],
    ):
        self.numbers, self.records, self._noted = dict(numbers), records, noted

    def note(self, client: TapClient) -> None:
        """Note the answers as good to be used again."""
        for question, part in self._noted:
            note_parts(client.kept, question, _ASKED, [part])


def numbers_around(client: TapClient, survey: SurveyTable, targets: pd.DataFrame) -> Numbers:
    """Count the rows within each circle; one request at most, for what nobody has counted.

    Parameters
    ----------
    client : TapClient
    survey : SurveyTable
    targets : DataFrame
        target_id, ra, dec, radius_deg (degrees).

    Returns
    -------
    Numbers
        Of the circles with no row near their edge.

    Raises
    ------
    XgammaError
        If the answer has no numbers, or such of other circles.
    """
    sides = {
        side: targets.assign(
            target_id=2 * targets["target_id"] + number, edge_deg=targets["radius_deg"] + margin
        )
        for number, (side, margin) in enumerate(_SIDES.items())
    }
    found: dict[int, int] = {}
    records, missing = [], []
    for side, circles in sides.items():
        for radius_deg, some in circles.groupby("radius_deg"):
            question = _question(survey, side, radius_deg)
            kept, rest = take_covered(client.kept, question, _ASKED, some)
            for part in kept:
                found |= _numbers_of(client, survey, part.frame, part.targets["target_id"])
                records.append(part.record)
            missing.append(rest)
    rest = pd.concat(missing, ignore_index=True)
    noted = []
    if len(rest):
        # both edges of a circle at the same time
        both = {*(rest["target_id"] // 2)}
        rest = pd.concat(list(sides.values()), ignore_index=True)
        rest = rest[(rest["target_id"] // 2).isin(both)]
        upload = circles_upload(rest["target_id"], rest, rest["edge_deg"])
        answer = client.query(partial(_adql, survey), {"targets": upload})
        check_asked(client.name, survey.table, answer.frame, {"target_id": "target_id", **_ASKED})
        found |= _numbers_of(client, survey, answer.frame, rest["target_id"])
        records.append(answer.record)
        for number, side in enumerate(_SIDES):
            of_side = rest[rest["target_id"] % 2 == number]
            for radius_deg, some in of_side.groupby("radius_deg"):
                part = Part(answer.frame, answer.units, answer.record, some)
                noted.append((_question(survey, side, radius_deg), part))
    pairs = {int(t): (found.get(2 * t, 0), found.get(2 * t + 1, 0)) for t in targets["target_id"]}
    certain = {target: inside for target, (inside, beyond) in pairs.items() if inside == beyond}
    return Numbers(certain, records, noted)


def _question(survey: SurveyTable, side: str, radius_deg: float) -> str:
    """What is counted: of another radius, or side of the edge, it is another number."""
    place = f"{survey.ra}, {survey.dec}"
    return f"{survey.table} counted {side} {radius_deg!r} degrees around positions in {place}"


def _adql(survey: SurveyTable, names: Names) -> str:
    circle = "t.target_ra, t.target_dec, t.radius_deg"
    return (
        f"SELECT TOP {ALL_ROWS} t.target_id AS target_id, COUNT(*) AS n "
        f"{from_where(survey, circle, ', TAP_UPLOAD.targets AS t', names)} GROUP BY t.target_id"
    )


def _numbers_of(
    client: TapClient, survey: SurveyTable, frame: pd.DataFrame, sent: pd.Series
) -> dict[int, int]:
    """target_id -> number, of the circles that were sent; those without rows are not in it."""
    target, number = (pd.to_numeric(frame[name], errors="coerce") for name in ("target_id", "n"))
    good = target.isin(sent).to_numpy() & number.ge(1).fillna(False).to_numpy(bool)
    if not good.all() or target.duplicated().any():
        row = int(np.flatnonzero(~good)[0]) if not good.all() else 0
        raise XgammaError(
            f"{client.name}: the numbers of rows of {survey.table} around targets cannot be used: "
            f"target_id {frame['target_id'].iloc[row]}, n {frame['n'].iloc[row]}; the service does "
            f"not count uploads as asked: set upload: false for it in the config"
        )
    return dict(zip(target.astype("int64").tolist(), number.astype("int64").tolist(), strict=True))
