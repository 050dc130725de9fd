"""How long a run on the real archives would take, simulated: our plan against the notebook's.

No machine of the project's reaches them, so this is a model. What it assumes of the services stands
in `SERVICES` and `STATES`; what each plan asks is counted from runs. README.md says more.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Service:
    """What is assumed of a service; times in seconds, medians of lognormal distributions.

    Attributes
    ----------
    trip : float
        A request and its answer over the network: from Europe to the United States, or within.
    work : float
        A small query, once it runs.
    per_target : float
        More work for each position of an uploaded list.
    per_second : float
        Bytes of an answer that come in a second.
    queue : float
        How long a job waits before it runs.
    """

    trip: float
    work: float
    per_target: float
    per_second: float
    queue: float


# HEASARC and IRSA are in the United States, the Gaia archive near Madrid; nobody publishes queues
SERVICES = {
    "heasarc": Service(trip=0.25, work=2.0, per_target=0.0, per_second=2e6, queue=2.0),
    "gaia": Service(trip=0.08, work=2.0, per_target=0.02, per_second=3e6, queue=3.0),
    "irsa": Service(trip=0.25, work=2.0, per_target=0.02, per_second=2e6, queue=2.0),
}
SCATTER = 0.8
"""Of all these, in the natural logarithm: one in forty takes five times the median."""

STATES = {"quiet": 0.3, "usual": 1.0, "busy": 10.0}
"""How busy the archives are: queues are so many times as long."""

OURS_AT_A_TIME, NOTEBOOK_AT_A_TIME = 2, 4
OWN_WORK_S = {"ours": 40.0, "notebook": 20.0}
"""What a run of full size computes itself, on two cores."""


@dataclass(frozen=True)
class Query:
    """One query of a plan: where, how many positions go up, how many bytes come, in which mode."""

    service: str
    targets: int
    size: float
    mode: str


def seconds_of(query: Query, busy: float, poll: Callable[[float], float], random) -> float:
    """How long a query takes, drawn.

    Parameters
    ----------
    query : Query
    busy : float
        By which queues are longer.
    poll : callable
        From the time at which a job is done, when its client notices: both since it was sent.
    random : numpy.random.Generator
    """
    service = SERVICES[query.service]

    def drawn(median: float) -> float:
        return median * float(np.exp(SCATTER * random.standard_normal()))

    work = drawn(service.work) + query.targets * drawn(service.per_target)
    transfer = drawn(service.trip) + query.size / drawn(service.per_second)
    if query.mode == "sync":
        return work + transfer
    done = drawn(service.queue) * busy + work
    # create and start; the polls; the result; and remove
    return 2 * drawn(service.trip) + poll(done) + transfer + drawn(service.trip)


def polled_by_pyvo(done: float) -> float:
    """pyvo 1.9 waits 1 s, then 1.2 times as long each time, at most 120 s."""
    time, pause = 0.0, 1.0
    while time < done:
        time, pause = time + pause, min(pause * 1.2, 120.0)
    return time


def polled_by_us(done: float) -> float:
    """From 0.05 s, 1.5 times as long each time, at most 5 s."""
    time, pause = 0.0, 0.05
    while time < done:
        time, pause = time + pause, min(pause * 1.5, 5.0)
    return time


def side_by_side(chains: Sequence[Sequence[float]], workers: int) -> float:
    """How long chains of queries take, one after the other in each, so many chains at a time."""
    free = [0.0] * workers
    for chain in chains:
        heapq.heappush(free, heapq.heappop(free) + sum(chain))
    return max(free)


def notebook(sources: int, mode: str, busy: float, random) -> float:
    """The notebook: catalogues and join, then both surveys for each source, in four threads."""
    heasarc = [Query("heasarc", 0, size, "sync") for size in (4e6, 60e6, 2e6, 3e6)]
    first = sum(seconds_of(query, busy, polled_by_pyvo, random) for query in heasarc)
    chains = [
        [
            seconds_of(Query(name, 1, 5e4, mode), busy, polled_by_pyvo, random)
            for name in ("gaia", "irsa")
        ]
        for _ in range(sources)
    ]
    return first + side_by_side(chains, NOTEBOOK_AT_A_TIME) + OWN_WORK_S["notebook"]


def ours(sources: int, shards: int, busy: float, random) -> float:
    """Ours: columns, catalogues and join with their counts; two jobs for each shard and survey.

    Each shard asks for the numbers around its Fermi sources and for its rows; a service gets no
    more than two requests at a time. Sizes are those of a run at the catalogues' size.
    """
    modes = {"heasarc": "sync", "gaia": "async", "irsa": "async"}

    def taken(name: str, targets: int, size: float) -> float:
        return seconds_of(Query(name, targets, size, modes[name]), busy, polled_by_us, random)

    described = max(taken(name, 0, 2e4) for name in modes)
    # each with its count
    chains = [
        [taken("heasarc", 0, size), taken("heasarc", 0, 1e3)] for size in (4e6, 90e6, 2e6, 3e6)
    ]
    catalogues = side_by_side(chains, OURS_AT_A_TIME)
    # 27 Chandra candidates for each Fermi source
    targets = sources * 28
    surveys = []
    for name, rows_size in (("gaia", 30e6), ("irsa", 12e6)):
        jobs = [
            [
                taken(name, sources // shards, 1e4),
                taken(name, targets // shards, rows_size / shards),
            ]
            for _ in range(shards)
        ]
        surveys.append(side_by_side(jobs, OURS_AT_A_TIME))
    return described + catalogues + max(surveys) + OWN_WORK_S["ours"]


def plans(sources: int) -> dict[str, Callable]:
    """Name -> a run's seconds, drawn."""
    return {
        "notebook, as it is (jobs)": lambda *a: notebook(sources, "async", *a),
        "notebook, if sync worked": lambda *a: notebook(sources, "sync", *a),
        "xgamma, a shard per source": lambda *a: ours(sources, sources, *a),
        "xgamma": lambda *a: ours(sources, 6, *a),
    }


def simulate(sources: int, runs: int, seed: int) -> dict[tuple[str, str], np.ndarray]:
    """(state, plan) -> minutes of so many runs, each seeded by its place in the table."""
    found = {}
    for i, (state, busy) in enumerate(STATES.items()):
        for j, (name, plan) in enumerate(plans(sources).items()):
            randoms = (np.random.default_rng((seed, i, j, run)) for run in range(runs))
            found[state, name] = np.array([plan(busy, random) / 60 for random in randoms])
    return found


def draw(found: dict[tuple[str, str], np.ndarray], sources: int, path: Path) -> None:
    """Medians, and bars over the middle 90 % of the runs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(name for _, name in found))
    figure, axes = pyplot.subplots(figsize=(9, 4.2), layout="constrained")
    looks = {"quiet": ("o", "#9ecae1"), "usual": ("s", "#4a7db5"), "busy": ("^", "#1b3a5c")}
    for k, (state, (marker, colour)) in enumerate(looks.items()):
        for j, name in enumerate(names):
            low, middle, high = np.percentile(found[state, name], [5, 50, 95])
            y = j + 0.22 * (k - 1)
            axes.plot([low, high], [y, y], color=colour, lw=3, solid_capstyle="butt")
            label = f"{state}: queues × {STATES[state]:g}" if j == 0 else None
            axes.plot(middle, y, marker, color=colour, ms=8, mec="white", label=label)
            axes.text(high * 1.06, y, f"{middle:.0f}", va="center", fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    axes.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    axes.minorticks_off()
    axes.set_xlabel("minutes: median (number) and the middle 90 % of the simulated runs")
    axes.set_title(f"A run on the real archives, {sources} Fermi sources: simulated", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", lw=0.4, color="#cccccc")
    axes.set_xlim(1, 600)
    axes.legend(frameon=False, loc="upper right")
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=int, default=340, help="Fermi sources with candidates")
    parser.add_argument("--runs", type=int, default=200, help="simulated runs of each plan")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figure", type=Path, help="where the figure goes, as PNG")
    given = parser.parse_args()
    found = simulate(given.sources, given.runs, given.seed)
    print("| archives | plan | median, min | 5 to 95 %, min | against xgamma |")
    print("|---|---|---:|---:|---:|")
    for (state, name), minutes in found.items():
        low, middle, high = np.percentile(minutes, [5, 50, 95])
        ratio = middle / np.median(found[state, "xgamma"])
        print(f"| {state} | {name} | {middle:.1f} | {low:.1f} to {high:.1f} | {ratio:.1f} |")
    if given.figure:
        draw(found, given.sources, given.figure)


if __name__ == "__main__":
    main()
