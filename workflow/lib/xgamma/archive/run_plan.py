"""How many requests a run makes, and how long they take: from what a few of them took."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from xgamma.archive.surveys import surveys_of
from xgamma.config.settings import Config
from xgamma.healpix import centres
from xgamma.sky import galactic
from xgamma.tables.names import named_run

__all__ = ["PUBLISHED_ROWS", "SOME_ROWS", "Pace", "plan"]

# Table -> how many rows it has, if that is fixed, and where that stands
PUBLISHED_ROWS = {
    # Evans et al. 2024, ApJS 274, 22
    "csc": (407_806, "CSC 2.1 has"),
    # the catalogues' files, see resources/README.md
    "fermilpsc": (7_195, "4FGL-DR4 has"),
    "chanmaster": (None, "27,122 archived observations in September 2026, and growing"),
}

# of the X-ray catalogue, to see how fast rows come
SOME_ROWS = 2_000

# What a run with these catalogues found within 10 degrees of the plane: Fermi sources, and pairs
_FERMI_SOURCES, _PAIRS, _CUT_DEG = 340, 9_162, 10.0
# of CPU, on one core: benchmarks/README.md, whole runs, factor 1
_OWN_WORK_S = 80.0
# the same of a run for a few named sources
_OWN_WORK_NAMED_S = 30.0
# the columns; three catalogues and the join, each with its count
_CATALOG_REQUESTS = 1 + 2 * 4
# the columns; the Fermi sources and the join, each with its count; and two catalogues around them
_CATALOG_REQUESTS_NAMED = 1 + 2 * 2
_CATALOGUES_AROUND = 2
# the columns and the capabilities
_SURVEY_REQUESTS = 2


@dataclasses.dataclass
class Pace:
    """What answers took, in seconds; NaN where nothing was measured.

    Attributes
    ----------
    request_s : dict
        Service -> a small request.
    row_s : float
        A row of a catalogue.
    target_s : dict
        Service -> a target of the enrichment.
    catalogue_rows : int
    """

    request_s: dict[str, float] = dataclasses.field(default_factory=dict)
    row_s: float = math.nan
    target_s: dict[str, float] = dataclasses.field(default_factory=dict)
    catalogue_rows: int = 0


def plan(settings: Config, surveys: Mapping[str, Mapping[str, Any]], pace: Pace) -> str:
    """How many requests a run makes, and between which times it takes, in words.

    Parameters
    ----------
    settings : Config
    surveys : mapping
        Survey -> its settings, see `xgamma.archive.surveys`.
    pace : Pace
    """
    if settings.sources:
        return _plan_of_named(settings, surveys, pace)
    simulated_part = pace.catalogue_rows / sum(n or 27_122 for n, _ in PUBLISHED_ROWS.values())
    part = math.sin(math.radians(min(settings.sky.latitude_cut_deg, 90.0)))
    part *= (simulated_part if settings.simulated else 1.0) / math.sin(math.radians(_CUT_DEG))
    targets = round(part * (_FERMI_SOURCES + _PAIRS))
    shards = _shards(settings, round(part * _FERMI_SOURCES))
    requests = _requests(settings, surveys, _CATALOG_REQUESTS, shards, targets)
    words = _about(requests)
    unknown = [name for name in requests if name not in pace.request_s]
    if not unknown:
        unknown = ["csc"] if math.isnan(pace.row_s) else []
        unknown += [s["table"] for s in surveys.values() if s["service"] not in pace.target_s]
    if unknown:
        without = ", ".join(dict.fromkeys(unknown))
        return f"{words}; how long they take is not known without {without}"
    shortest = _OWN_WORK_S + pace.catalogue_rows * pace.row_s
    shortest += sum(
        number * pace.request_s[name] / settings.services[name].max_requests
        for name, number in requests.items()
    )
    longest = shortest + sum(
        targets * pace.target_s[name] / settings.services[name].max_requests
        for name in pace.target_s
    )
    return (
        f"{words}, {shortest / 60:.0f} to {math.ceil(longest / 60):.0f} minutes, if own work takes "
        f"{_OWN_WORK_S:.0f} s, rows come as fast as the first {SOME_ROWS:,} of csc, and each of "
        f"{targets:,} targets takes between nothing and what one of those above took; queues, and "
        f"the search for the pairs at {settings.catalogs_service}, come on top"
    )


def _plan_of_named(settings: Config, surveys: Mapping[str, Mapping[str, Any]], pace: Pace) -> str:
    """The same for named sources. Rows are few but for those of the Fermi catalogue."""
    sources = len(settings.sources)
    catalogs = _CATALOG_REQUESTS_NAMED
    has_upload = settings.services[settings.catalogs_service].upload
    catalogs += _CATALOGUES_AROUND * (1 if has_upload else sources)
    targets = round(sources * (1 + _PAIRS / _FERMI_SOURCES))
    requests = _requests(settings, surveys, catalogs, sources, targets)
    words = f"{named_run(settings.sources)}: {_about(requests)}"
    unknown = [name for name in requests if name not in pace.request_s]
    if unknown or math.isnan(pace.row_s):
        without = ", ".join(unknown or ["csc"])
        return f"{words}; how long they take is not known without {without}"
    seconds = _OWN_WORK_NAMED_S + pace.catalogue_rows * pace.row_s
    seconds += sum(number * pace.request_s[name] for name, number in requests.items())
    return (
        f"{words}, about {seconds:.0f} s on one core, if own work takes {_OWN_WORK_NAMED_S:.0f} s "
        f"of it; queues come on top"
    )


def _requests(
    settings: Config,
    surveys: Mapping[str, Mapping[str, Any]],
    catalogs: int,
    shards: int,
    targets: int,
) -> dict[str, int]:
    """How many requests each service gets."""
    requests = {settings.catalogs_service: catalogs}
    for service in dict.fromkeys(survey["service"] for survey in surveys.values()):
        # the numbers around the Fermi sources, and the rows; seldom more rows
        each = 2 * shards if settings.services[service].upload else targets
        number = _SURVEY_REQUESTS + each * len(surveys_of(service, surveys))
        requests[service] = requests.get(service, 0) + number
    return requests


def _about(requests: Mapping[str, int]) -> str:
    return (
        f"about {sum(requests.values()):,} requests "
        f"({', '.join(f'{name} {number:,}' for name, number in requests.items())})"
    )


def _shards(settings: Config, fermi_sources: int) -> int:
    """How many shards a survey has at most: cells of the sky within the cut, or Fermi sources."""
    if settings.enrichment.shards.by == "source":
        return fermi_sources
    fine, order = 6, settings.enrichment.shards.order
    pixels = np.arange(12 * 4**fine)
    _, latitude = galactic(*centres(pixels, fine))
    inside = np.abs(latitude) <= settings.sky.latitude_cut_deg
    return min(fermi_sources, len(np.unique(pixels[inside] >> 2 * (fine - order))))
