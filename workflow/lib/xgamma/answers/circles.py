"""Finds kept answers that already hold the sources around a position.

A smaller radius, fewer kept sources, another division into shards, or fewer Fermi sources ask
nothing that an earlier run did not ask: its kept answers hold the rows. Which position an answer
covers is noted with the answers, by part of the sky (30 x 15 degrees).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from xgamma.answers.answer import Answer
from xgamma.answers.reuse import KeptAnswers

__all__ = ["Part", "joined", "note_parts", "same_columns", "take_covered"]


@dataclass(frozen=True)
class Part:
    """The part of one answer that is around some targets.

    Attributes
    ----------
    frame : DataFrame
        The columns asked for, and target_id.
    units : mapping
    record : dict
        The answer's.
    targets : DataFrame
        Those targets.
    numbered : bool
        Whether the answer itself says which target a row belongs to, in target_id.
    """

    frame: pd.DataFrame
    units: Mapping[str, str]
    record: dict[str, Any]
    targets: pd.DataFrame
    numbered: bool = True


def same_columns(parts: Sequence[Part]) -> bool:
    """Whether the answers have the same columns, types and units."""

    def columns(part: Part) -> tuple[dict, dict]:
        return (
            {n: str(dtype) for n, dtype in part.frame.dtypes.items() if n != "target_id"},
            {n: unit for n, unit in part.units.items() if n != "target_id"},
        )

    return all(columns(part) == columns(parts[0]) for part in parts)


def joined(parts: Sequence[Part]) -> Answer:
    """One answer with the rows of all parts. Empty parts keep the types, so they take part."""
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    return Answer(frame, dict(parts[0].units), parts[0].record)


def note_parts(
    kept: KeptAnswers, question: str, asked: Mapping[str, str], parts: Sequence[Part]
) -> None:
    """Note which targets the answers cover, once their rows are found to be good.

    Parameters
    ----------
    kept : KeptAnswers
    question : str
        The survey's table and position columns.
    asked : mapping
        Alias -> column of the survey.
    parts : sequence of Part
    """
    kept.trust([part.record for part in parts])
    by_place: dict[str, list[tuple[dict, dict]]] = defaultdict(list)
    for part in parts:
        circles: dict[str, list] = defaultdict(list)
        for t in part.targets.itertuples(index=False):
            circles[_place(t.ra, t.dec)].append([t.target_id, t.ra, t.dec, t.radius_deg])
        for place, targets in circles.items():
            covers = {"columns": dict(asked), "numbered": part.numbered, "targets": targets}
            by_place[place].append((part.record, covers))
    for place, covers in by_place.items():
        kept.note(question, place, covers)


def take_covered(
    kept: KeptAnswers, question: str, asked: Mapping[str, str], targets: pd.DataFrame
) -> tuple[list[Part], pd.DataFrame]:
    """Parts of kept answers that hold the rows around the targets, as far as there are such.

    Parameters
    ----------
    kept : KeptAnswers
    question, asked
        As in `note_parts`.
    targets : DataFrame
        target_id, ra, dec, radius_deg (degrees).

    Returns
    -------
    parts : list of Part
        Their circles may be larger than the targets' own.
    rest : DataFrame
        The targets around which nobody has asked.
    """
    wanted: dict[tuple[float, float], list[tuple[float, int]]] = defaultdict(list)
    for t in targets.itertuples(index=False):
        wanted[t.ra, t.dec].append((t.radius_deg, t.target_id))
    places = {_place(ra, dec) for ra, dec in wanted}
    found: dict[str, tuple[dict, dict[int, int]]] = {}
    for noted in kept.covering(question, places):
        if not {*asked.values()} <= {*noted["columns"].values()}:
            continue
        # target_id -> the number that the target has in the answer
        _, numbers = found.setdefault(noted["key"], (noted, {}))
        for number, ra, dec, radius_deg in noted["targets"]:
            for needed_deg, target in wanted.get((ra, dec), ()):
                if radius_deg >= needed_deg:
                    numbers.setdefault(target, number)
    parts, missing = [], set(targets["target_id"])
    # those that hold most come first: few answers are to be read
    for key in sorted(found, key=lambda key: (-len(found[key][1]), key)):
        noted, numbers = found[key]
        numbers = {target: number for target, number in numbers.items() if target in missing}
        if numbers and (answer := kept.find(key)) is not None:
            covered = targets[targets["target_id"].isin(numbers)]
            parts.append(_part(answer, asked, noted, numbers, covered))
            missing -= numbers.keys()
    return parts, targets[targets["target_id"].isin(missing)]


def _part(
    answer: Answer,
    asked: Mapping[str, str],
    noted: Mapping[str, Any],
    numbers: Mapping[int, int],
    targets: pd.DataFrame,
) -> Part:
    """The rows of an earlier answer, under the aliases and target_id of this question."""
    earlier_alias = {column: alias for alias, column in noted["columns"].items()}
    aliases = {alias: earlier_alias[column] for alias, column in asked.items()}
    frame = pd.DataFrame({alias: answer.frame[earlier] for alias, earlier in aliases.items()})
    if noted["numbered"]:
        renumbered = pd.DataFrame({"target_id": numbers.keys(), "number": numbers.values()})
        frame["number"] = pd.to_numeric(answer.frame["target_id"]).astype("int64")
        frame = frame.merge(renumbered, on="number").drop(columns="number")
    else:
        frame = frame.merge(pd.DataFrame({"target_id": numbers.keys()}), how="cross")
    units = {alias: answer.units[earlier] for alias, earlier in aliases.items()}
    return Part(frame, units, answer.record, targets)


def _place(ra: float, dec: float) -> str:
    """The part of the sky that holds a position."""
    return f"{int(ra // 30) * 30:03d}{int(dec // 15) * 15:+03d}"
