"""The page of each Fermi source that Chandra has seen: what it says, in plain values and charts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from markupsafe import Markup

from xgamma.association.contributions import TERMS, contributions
from xgamma.association.states import STATES
from xgamma.site.charts import number, svg
from xgamma.site.finding_chart import (
    DEPTHS_KS,
    Neighbourhood,
    chart_half_deg,
    finding_chart,
    inset,
)
from xgamma.site.plane_map import slug
from xgamma.sky import match_within, separation
from xgamma.stages.conclude import counting_probabilities
from xgamma.stages.counterparts import product_name

__all__ = ["SEEN", "SourcePages", "by_probability", "in_order", "page_files"]

SEEN = STATES[1:]
"""Sources with one of these states have a page."""

# so many candidates are listed on a page, if they are as likely as that or among the first
_MOST_ROWS, _LEAST_P, _FIRST_ROWS = 100, 0.001, 20
# the surroundings of these candidates are drawn
_MOST_INSETS, _INSET_P = 3, 0.1
# to the corners of the drawing
_NEAR_ARCSEC, _INSET_REACH_ARCSEC = 10.0, 14.2

_USUAL_NAME = re.compile(r"[0-9A-Z]+ J[0-9.]+[+-][0-9.]+[a-z]?")
_MEANINGS = {
    "partly observed": "Chandra has looked at a part of the ellipse only: the source may lie in "
    "the rest.",
    "observed, nothing found": "Chandra has looked, and lists nothing there.",
    "candidates, none likely": "All candidates together are less likely than not.",
    "confused": "One of the candidates is likely the source, but which one is open.",
    "likely counterpart": "One candidate is more likely than not the source.",
    "counterpart": "One candidate is the source with a probability of 0.8 or more.",
}
_TERM_WORDS = {
    "position": "how near it lies to the middle of the ellipse",
    "flux ratio": "how usual its X-ray flux is for such a gamma-ray source",
    "chance": "how few unrelated sources of that flux are expected in the ellipse",
    "class": "whether a source of this class is to be seen by Chandra at all",
    "others": "other candidates, and other Fermi sources that could own it",
    "evidence": "its optical and infrared objects",
}
_WITHOUT_FLUX = "how usual it is that such a source is listed without a flux"


def page_files(names: Sequence[str]) -> dict[str, str]:
    """Fermi source -> file of its page: letters, digits, +, - and . of its name, each file once.

    Parameters
    ----------
    names : sequence of str
        Whatever an archive may call its sources.
    """
    files: dict[str, str] = {}
    taken = set()
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9+.-]+", "_", name).strip("._-") or "source"
        # unlike any other, also on a disk that does not tell capitals from small letters
        if not _USUAL_NAME.fullmatch(name) or plain.lower() in taken:
            plain = f"{plain[:60]}_{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        taken.add(plain.lower())
        files[name] = f"{plain}.html"
    return files


def by_probability(counterparts: pd.DataFrame) -> pd.DataFrame:
    """Rows of tables/counterparts, the likeliest first, those without a candidate last."""
    return counterparts.sort_values(
        ["p_counterpart", "fermi_name"], ascending=[False, True], na_position="last"
    )


def in_order(counterparts: pd.DataFrame) -> list[str]:
    """Names of the sources that have a page, those with the likeliest counterpart first.

    Parameters
    ----------
    counterparts : DataFrame
        tables/counterparts.
    """
    ordered = by_probability(counterparts)
    return ordered.loc[ordered["state"].isin(SEEN), "fermi_name"].tolist()


@dataclass(frozen=True)
class SourcePages:
    """The tables of a run, from which pages are made.

    Attributes
    ----------
    sources, candidates, evidence, identifications, counterparts : DataFrame
        Of `tables/`.
    cells : DataFrame
        coverage/fields.
    association : DataFrame
        association/candidates.
    controls : DataFrame
        association/controls.
    catalogue : DataFrame
        catalogs/fermilpsc.
    calibration : mapping
        association/calibration.json.
    objects : mapping of str to DataFrame
        Survey -> all rows of its shards around Chandra sources.
    surveys : mapping
        Survey -> its settings.
    motion_mas : mapping
        Survey -> what a unit of its proper motions is in mas/yr, if not 1.
    with_evidence : bool
        Whether the probability that counts is that with the optical evidence.
    about : mapping
        What every page says of the run: `simulated, archive, software, answered, catalogues`.
    """

    sources: pd.DataFrame
    candidates: pd.DataFrame
    evidence: pd.DataFrame
    identifications: pd.DataFrame
    counterparts: pd.DataFrame
    cells: pd.DataFrame
    association: pd.DataFrame
    controls: pd.DataFrame
    catalogue: pd.DataFrame
    calibration: Mapping[str, Any]
    objects: Mapping[str, pd.DataFrame]
    surveys: Mapping[str, Mapping[str, Any]]
    motion_mas: Mapping[str, float]
    with_evidence: bool
    about: Mapping[str, Any]

    @cached_property
    def names(self) -> list[str]:
        """In the order of the pages."""
        return in_order(self.counterparts)

    @cached_property
    def files(self) -> dict[str, str]:
        """Fermi source -> file of its page."""
        return page_files(sorted(self.names))

    def contexts(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """File and values of each page, in the order of the pages."""
        of = self._by_source
        for place, name in enumerate(self.names):
            before = self.names[place - 1] if place else None
            after = self.names[place + 1] if place + 1 < len(self.names) else None
            context = self._context(name, of)
            context["before"] = self._link(before)
            context["after"] = self._link(after)
            yield self.files[name], context

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """Candidates with `p`, the probability that counts, likeliest first, and their rank by it.

        As tables/counterparts has it.
        """
        frame = counting_probabilities(
            self.candidates, self.evidence, self.sources, self.with_evidence
        ).rename(columns={"p_counterpart": "p"})
        frame = frame.sort_values(
            ["fermi_name", "p", "rank"], ascending=[True, False, True], ignore_index=True
        )
        frame["rank"] = frame.groupby("fermi_name", sort=False).cumcount() + 1
        return _in_few_blocks(frame)

    @cached_property
    def _listed(self) -> pd.DataFrame:
        """The rows of `ranked` that pages list: of each source its first ones."""
        p, rank = self.ranked["p"], self.ranked["rank"]
        counts = (p >= _LEAST_P) | (rank <= _FIRST_ROWS)
        return self.ranked[counts & (rank <= _MOST_ROWS)]

    @cached_property
    def neighbours(self) -> pd.DataFrame:
        """Ellipses of all Fermi sources: those that the run used, else the catalogue's."""
        columns = [
            "fermi_name", "fermi_ra", "fermi_dec",
            "semi_major_axis_95", "semi_minor_axis_95", "position_angle_95",
        ]  # fmt: skip
        of_catalogue = self.catalogue.rename(
            columns={"name": "fermi_name", "ra": "fermi_ra", "dec": "fermi_dec"}
        )
        others = of_catalogue[
            ~of_catalogue["fermi_name"].isin(self.sources["fermi_name"])
            & (of_catalogue["semi_major_axis_95"] > 0)
        ]
        both = [self.sources[columns], others[columns]]
        return pd.concat(both, ignore_index=True).fillna({"position_angle_95": 0.0})

    def _link(self, name: str | None) -> dict[str, str] | None:
        return None if name is None else {"name": name, "file": quote(self.files[name], safe="+")}

    @cached_property
    def _by_source(self) -> dict[str, Mapping[str, Any]]:
        """Parts of the tables by Fermi source, found once for all pages."""
        rows = self.sources[self.sources["fermi_name"].isin(self.names)].reset_index(drop=True)
        half = {}
        candidates = dict(iter(self.ranked.groupby("fermi_name", sort=False)))
        none = self.ranked.iloc[:0]
        for row in rows.itertuples(index=False):
            half[row.fermi_name] = chart_half_deg(
                row.semi_major_axis_95, candidates.get(row.fermi_name, none)
            )
        # to the corners of the chart, and a cell more
        reach = 1.45 * np.array([half[name] for name in rows["fermi_name"]]) + 0.05
        near = match_within(
            rows["fermi_ra"].to_numpy(), rows["fermi_dec"].to_numpy(), reach,
            self.cells["ra"].to_numpy(), self.cells["dec"].to_numpy(),
        )  # fmt: skip
        largest = float(self.neighbours["semi_major_axis_95"].max())
        beside = match_within(
            rows["fermi_ra"].to_numpy(), rows["fermi_dec"].to_numpy(),
            reach + np.minimum(reach, largest),
            self.neighbours["fermi_ra"].to_numpy(), self.neighbours["fermi_dec"].to_numpy(),
        )  # fmt: skip
        order = {name: row for row, name in enumerate(rows["fermi_name"])}
        area = np.pi * self.sources["semi_major_axis_95"] * self.sources["semi_minor_axis_95"]
        of = self.association[self.association["fermi_name"].isin(self.names)]
        areas = area.set_axis(self.sources["fermi_name"]).reindex(of["fermi_name"]).to_numpy()
        wanted = pd.MultiIndex.from_frame(of[["fermi_name", "csc_name"]])
        ranked = self.ranked.set_index(["fermi_name", "csc_name"])["p_association_evidence"]
        evidence = ranked.reindex(wanted).to_numpy() if self.with_evidence else None
        terms = pd.concat([of.reset_index(drop=True), contributions(of, areas, evidence)], axis=1)
        catalogue = self.catalogue.drop_duplicates("name").set_index("name")
        first = self.identifications[self.identifications["rank"] == 1]
        pair = ["fermi_name", "csc_name"]
        # made at once: for the rows of one page at a time it takes far longer
        listed: dict[str, list[dict[str, Any]]] = {}
        for row in self._listed.to_dict("records"):
            listed.setdefault(row["fermi_name"], []).append(row)
        drawn = self._listed[_has_inset(self._listed)]
        near_drawn = _in_few_blocks(self.identifications.merge(drawn[pair], on=pair))
        return {
            "rows": {row["fermi_name"]: row for row in rows.to_dict("records")},
            "candidates": candidates,
            "listed": listed,
            "half_deg": half,
            "cells": _split(near, order, self.cells),
            "others": _split(beside, order, self.neighbours),
            "terms": dict(iter(_in_few_blocks(terms).groupby("fermi_name", sort=False))),
            "evidence": {
                (row["fermi_name"], row["csc_name"]): row
                for row in self.evidence.merge(self._listed[pair], on=pair).to_dict("records")
            },
            "best_objects": {
                (row["fermi_name"], row["csc_name"], row["survey"]): _plain(row)
                for row in first[first["p_object"] >= _INSET_P].to_dict("records")
            },
            # only of those whose surroundings are drawn
            "identifications": dict(iter(near_drawn.groupby(pair, sort=False))),
            "identification_rows": dict(enumerate(near_drawn.to_dict("records"))),
            "counterparts": {
                row["fermi_name"]: row for row in self.counterparts.to_dict("records")
            },
            "controls": {row["fermi_name"]: row for row in self.controls.to_dict("records")},
            "proposed": catalogue[["counterpart_ra", "counterpart_dec"]],
            "objects": {
                survey: dict(
                    iter(
                        _in_few_blocks(frame[frame["csc_name"].isin(drawn["csc_name"])]).groupby(
                            "csc_name"
                        )
                    )
                )
                for survey, frame in self.objects.items()
            },
        }

    def _context(self, name: str, of: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        row = of["rows"][name]
        candidates = of["candidates"].get(name, self.ranked.iloc[:0])
        others = of["others"][name]
        others = others[others["fermi_name"] != name]
        ra, dec = of["proposed"].loc[name] if name in of["proposed"].index else (np.nan, np.nan)
        proposed = (float(ra), float(dec)) if np.isfinite(ra) and np.isfinite(dec) else None
        half = of["half_deg"][name]
        near = Neighbourhood(row, candidates, of["cells"][name], others, proposed, half)
        listed = of["listed"].get(name, [])
        conclusion = of["counterparts"][name]
        control = of["controls"].get(name)
        with_page = others[others["fermi_name"].isin(self.files)]
        away = np.maximum(
            np.abs(with_page["fermi_dec"] - row["fermi_dec"]),
            np.abs((with_page["fermi_ra"] - row["fermi_ra"] + 180) % 360 - 180)
            * np.cos(np.radians(row["fermi_dec"])),
        )
        overlapping = with_page[away <= half]
        return {
            "about": self.about,
            "source": _plain(row),
            "conclusion": _plain(conclusion),
            "identified": [
                (survey, conclusion[f"{survey}_id"], conclusion[f"p_{survey}"])
                for survey in self.surveys
                if conclusion[f"{survey}_id"]
            ],
            "surveys": list(self.surveys),
            "slug": slug(conclusion["state"]),
            "meaning": _MEANINGS[conclusion["state"]],
            "warnings": [w for w in conclusion["warnings"].split("; ") if w],
            "chart": finding_chart(near, _chart_words(name, candidates)),
            "proposed": proposed is not None,
            "depths": list(DEPTHS_KS),
            "neighbours": [self._link(other) for other in overlapping["fermi_name"]],
            "candidates": [self._candidate(candidate, of) for candidate in listed],
            "left_out": len(candidates) - len(listed),
            "insets": list(self._insets(filter(_has_inset, listed), of)),
            "shares": _shares(row, candidates),
            "terms": self._terms(of["terms"].get(name), candidates),
            "control": _plain(control) if control else None,
            "bin": _bin_of(self.calibration["injections"]["bins"], candidates),
            "positions": _positions(row, candidates),
        }

    def _candidate(
        self, candidate: Mapping[str, Any], of: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        key = (candidate["fermi_name"], candidate["csc_name"])
        evidence = of["evidence"].get(key)
        objects = [of["best_objects"].get((*key, survey)) for survey in self.surveys]
        return {
            **_plain(candidate),
            "evidence": _plain(evidence) if evidence else None,
            "objects": objects,
        }

    def _insets(
        self, drawn: Iterable[Mapping[str, Any]], of: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        for candidate in drawn:
            key = (candidate["fermi_name"], candidate["csc_name"])
            if key not in of["evidence"]:
                continue
            found = of["identifications"].get(key)
            drawn, table, within = {}, [], []
            for survey in self.surveys:
                rows, listed = self._objects_near(survey, candidate, found, of, len(table))
                apart = 3600 * separation(
                    candidate["csc_ra"], candidate["csc_dec"], rows["ra"], rows["dec"]
                )
                drawn[survey] = rows[apart <= _INSET_REACH_ARCSEC]
                within.append(f"{int((apart <= _NEAR_ARCSEC).sum())} of {survey}")
                table += listed
            evidence = of["evidence"][key]
            words = (
                f"Surroundings of {candidate['csc_name']}: its 95 % error ellipse and "
                f"{', '.join(within)} within {_NEAR_ARCSEC:g} arcsec"
            )
            yield {
                "name": candidate["csc_name"],
                "rank": int(candidate["rank"]),
                "chart": inset(candidate, drawn, words),
                "objects": table,
                "verdict": evidence["verdict"],
                "remarks": evidence["x_ray_remarks"],
            }

    def _objects_near(
        self,
        survey: str,
        candidate: Mapping[str, Any],
        found: pd.DataFrame | None,
        of: Mapping[str, Mapping[str, Any]],
        before: int,
    ) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
        """Objects of a survey as the inset has them, and those that may be the source."""
        settings = self.surveys[survey]
        rows = of["objects"][survey].get(candidate["csc_name"])
        listed = []
        epoch, years_of = np.nan, float(settings["identify"].get("epoch_year", np.nan))
        numbers: dict[str, int] = {}
        p_of: dict[str, float] = {}
        if found is not None:
            mine = found[found["survey"] == survey]
            for one in map(of["identification_rows"].__getitem__, mine.index):
                if one["p_object"] >= _LEAST_P:
                    numbers[one["object_id"]] = before + len(listed) + 1
                    listed.append({**_plain(one), "number": numbers[one["object_id"]]})
                p_of[one["object_id"]] = one["p_object"]
            if len(found):
                epoch = float(found["csc_epoch"].iloc[0])
            if len(mine):
                years_of = float(mine["epoch"].iloc[0])
        if rows is None:
            return _NO_OBJECTS, listed
        rows = rows.drop_duplicates("id")
        ids = rows["id"].astype(str)
        motions = settings["identify"]["proper_motion"]
        motion = [product_name(settings["columns"], one) for one in motions]
        magnitude = product_name(settings["columns"], settings["identify"]["magnitude"])
        null, to_mas = np.full(len(rows), np.nan), self.motion_mas.get(survey, 1.0)
        years = np.nan_to_num(epoch - years_of) if np.isfinite(epoch) else 0.0
        frame = pd.DataFrame(
            {
                "ra": rows["ra"].to_numpy(),
                "dec": rows["dec"].to_numpy(),
                "pm_ra": rows[motion[0]].to_numpy(float) * to_mas if motion else null,
                "pm_dec": rows[motion[1]].to_numpy(float) * to_mas if motion else null,
                "years": np.full(len(rows), years),
                "magnitude": rows[magnitude].to_numpy(float) if magnitude else null,
                "p_object": [p_of.get(one, np.nan) for one in ids],
                "number": [numbers.get(one, 0) for one in ids],
            }
        )
        order = np.lexsort((frame["ra"], frame["dec"]))
        return frame.iloc[order].reset_index(drop=True), listed

    def _terms(
        self, of_source: pd.DataFrame | None, candidates: pd.DataFrame
    ) -> dict[str, Any] | None:
        """Why the likeliest candidate is likely; nothing without one."""
        if of_source is None or not len(candidates):
            return None
        best = of_source[of_source["csc_name"] == candidates["csc_name"].iloc[0]].iloc[0]
        values = [float(best[term]) for term in TERMS]
        if not np.isfinite(values).all():
            return None
        words = _TERM_WORDS
        if not np.isfinite(best["log_flux_ratio"]):
            words = words | {"flux ratio": _WITHOUT_FLUX}
        kinds = [
            (column.removeprefix("if_").replace("_", " "), float(best[column]))
            for column in of_source.columns
            if column.startswith("if_")
        ]
        return {
            "name": best["csc_name"],
            "terms": [
                {"name": term, "words": words[term], "value": value, "bar": _bar(value)}
                for term, value in zip(TERMS, values, strict=True)
                if term != "evidence" or value
            ],
            "sum": float(sum(values)),
            "kinds": sorted(((k, p) for k, p in kinds if p >= 0.01), key=lambda kp: -kp[1]),
        }


_NO_OBJECTS = pd.DataFrame(
    columns=["ra", "dec", "pm_ra", "pm_dec", "years", "magnitude", "p_object", "number"],
    dtype=float,
)


def _split(
    matched: tuple[np.ndarray, ...], order: Mapping[str, int], rows: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Rows near each source, from the pairs of `match_within`."""
    source, row = matched[0], matched[1]
    order_of_rows = np.lexsort((row, source))
    used, row = np.unique(row[order_of_rows], return_inverse=True)
    some = _in_few_blocks(rows.iloc[used])
    edges = np.searchsorted(source[order_of_rows], np.arange(len(order) + 1))
    return {
        name: some.iloc[row[edges[number] : edges[number + 1]]] for name, number in order.items()
    }


def _in_few_blocks(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows, quicker to take a few of: texts as Python's, columns of a type together."""
    texts = [name for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.StringDtype)]
    return frame.astype(dict.fromkeys(texts, object)).copy()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Values as templates take them: Python's own."""
    return {name: v.item() if isinstance(v, np.generic) else v for name, v in row.items()}


def _has_inset(candidates: Any) -> Any:
    """Whether the surroundings of a listed candidate, or of each of several, are drawn."""
    p, rank = candidates["p"], candidates["rank"]
    return ((p >= _INSET_P) | (rank == 1)) & (rank <= _MOST_INSETS)


def _chart_words(name: str, candidates: pd.DataFrame) -> str:
    """What the finding chart shows, for who cannot see it."""
    words = f"Finding chart of {name}: its 68 and 95 % error ellipses and the Chandra sources near"
    best = candidates.iloc[0] if len(candidates) else None
    if best is None:
        return f"{words}; there are no candidates"
    return (
        f"{words}; the likeliest is {best['csc_name']}, {60 * best['sep_deg']:.1f} arcmin from the "
        f"middle"
    )


def _shares(row: Mapping[str, Any], candidates: pd.DataFrame) -> dict[str, Any]:
    """Where all of the probability goes: parts that sum to 1, and a bar of them."""
    best = float(candidates["p"].iloc[0]) if len(candidates) else 0.0
    rest = float(candidates["p"].iloc[1:].sum())
    # the evidence says nothing of these: they share what the candidates leave
    left = row["p_below"] + row["p_outside"] + row["p_none"]
    factor = max(1 - best - rest, 0.0) / left if left > 0 else 0.0
    parts = [
        ("best", "the likeliest candidate", best),
        ("rest", "other candidates", rest),
        ("below", "a source below the flux limit", factor * float(row["p_below"])),
        ("outside", "a source where Chandra has not looked", factor * float(row["p_outside"])),
        ("none", "no X-ray source at all", factor * float(row["p_none"])),
    ]
    x, bars = 0.0, []
    for name, _, p in parts:
        width = 600 * p
        if width > 0.05:
            bars.append(
                f'<rect class="share share-{name}" x="{number(x)}" y="0" '
                f'width="{number(width)}" height="26"/>'
            )
        x += width
    words = "; ".join(f"{label} {p:.3f}" for _, label, p in parts)
    return {
        "chart": svg(600, 26, f"Where the probability goes: {words}", bars, "shares"),
        "parts": [{"name": name, "label": label, "p": p} for name, label, p in parts],
    }


def _bar(value: float) -> Markup:
    """A bar from the middle: to the right for, to the left against; 3 decades to each side."""
    length = 60 * min(abs(value), 3.0) / 3
    x = 60.0 if value >= 0 else 60 - length
    name = "for" if value >= 0 else "against"
    return Markup(
        '<svg class="bar" viewBox="0 0 120 14" aria-hidden="true">'
        f'<rect class="{name}" x="{number(x)}" y="2" width="{number(length)}" height="10"/>'
        '<line class="zero" x1="60" y1="0" x2="60" y2="14"/></svg>'
    )


def _bin_of(bins: Sequence[Mapping[str, Any]], candidates: pd.DataFrame) -> dict[str, Any] | None:
    """The bin of the injections in which the likeliest candidate was before the evidence."""
    if not len(candidates):
        return None
    p = float(candidates["p_association"].iloc[0])
    for one in bins:
        if one["candidates"] and (one["low"] <= p < one["high"] or p == one["high"] == 1):
            return {**one, "p": p}
    return None


def _positions(row: Mapping[str, Any], candidates: pd.DataFrame) -> list[dict[str, Any]]:
    """Positions that links carry elsewhere: of the likeliest candidate, and of the Fermi source."""
    places = []
    if len(candidates):
        best = candidates.iloc[0]
        places.append((best["csc_name"], float(best["csc_ra"]), float(best["csc_dec"]), 2.0))
    light_curve = quote(row["fermi_name"].replace(" ", "_"), safe="")
    fermi = (row["fermi_name"], float(row["fermi_ra"]), float(row["fermi_dec"]))
    places.append((*fermi, 60 * float(row["semi_major_axis_95"])))
    return [
        {
            "name": name,
            "ra": f"{ra:.6f}",
            "dec": f"{dec:+.6f}",
            "plain_dec": f"{dec:.6f}",
            "radius_arcmin": f"{max(radius, 1):.1f}",
            "radius_deg": f"{max(radius, 1) / 60:.4f}",
            "field_deg": f"{max(4 * radius / 60, 0.05):.3f}",
            "light_curve": light_curve if name == row["fermi_name"] else None,
        }
        for name, ra, dec, radius in places
    ]
