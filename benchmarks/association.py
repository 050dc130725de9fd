"""Measure the probabilities of associations against NWAY's, LAT's formula and simpler ways.

All get the same rows of simulated skies, of which the truth is known. README.md says what is
measured and what came out.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

# a file beside this one is called like a library: the folder must not be the first
sys.path.append(sys.path.pop(0))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/lib"))

import association_peers as peers
import numpy as np
import pandas as pd
from astropy.table import Table

from xgamma.demo.sky.build import simulate

PROJECT = Path(__file__).resolve().parents[1]
NWAY_VERSION = "4.8.0"
# a Fermi source counts if Chandra has seen more than this of its positional probability
LEAST_COVERAGE = 0.01
LEAST_PROBABILITY = 1e-6
BINS = np.array([0, 0.01, 0.05, 0.2, 0.5, 0.8, 1])
# standard deviations in the radius of 95 % of a two-dimensional Gaussian
SIGMAS_95 = np.sqrt(2 * peers.K95)
# what NWAY calibrates for, in percent; and so many fake catalogues are tried
CALIBRATED_RATES, _TRIALS = (1, 3, 5, 10), 10
_HISTOGRAM = "CHANDRA_MAG_fit.txt"


@dataclass(frozen=True)
class Way:
    """One way to associate.

    Attributes
    ----------
    name : str
    function : str
        Of `association_peers`; '' for NWAY.
    constants : str
        'pick' or 'share': what it says is no probability, and becomes one by constants.
    options : tuple of str
        Of NWAY; `{histogram}` stands for one that other skies have told.
    """

    name: str
    function: str = ""
    constants: str = ""
    options: tuple[str, ...] = ()


OURS = Way("xgamma", "ours")
MAGNITUDE = ("--mag", "CHANDRA:MAG")
# with the 0.9 that NWAY takes for a secure match, and with 0.5, it finds too few in some sky; it
# advises to take less
SECURE = ("--mag-auto-minprob", "0.2")
WAYS = (
    OURS,
    Way("NWAY", options=(":POS_ERR",)),
    Way("NWAY, flux prior", options=(":POS_ERR", *MAGNITUDE, "auto", *SECURE)),
    Way("NWAY, told by other skies", options=(":MAJ:MIN:ANGLE", *MAGNITUDE, "{histogram}")),
    Way("LAT's formula", "lat"),
    Way("LAT's ratios, exclusive", "lat_exclusive"),
    Way("flux x position", "flux_times_position", "share"),
    Way("nearest", "nearest", "pick"),
    Way("brightest", "brightest", "pick"),
)

# A process's peak memory starts with its parent's: so a small one stands in between.
_RUN = """
import json, os, sys, time
start = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(process, 0)
wall = time.perf_counter() - start
print()
print(json.dumps([status, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


class Failed(Exception):
    """A program that ended with an error: the line that tells why."""


def run(command: list[str], folder: Path) -> tuple[np.ndarray, str]:
    """Wall seconds, CPU seconds and peak MB of a program, and what it printed."""
    # one BLAS thread, no window for a figure
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *command],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    *printed, last = done.stdout.splitlines()
    status, *used = json.loads(last)
    if status:
        lines = [line for line in [*printed, *done.stderr.splitlines()] if line.strip()]
        raise Failed(next((line for line in lines if line.startswith("ERROR")), lines[-1]))
    return np.array(used), "\n".join(printed)


def run_function(name: str, sky: Path, answer: Path) -> np.ndarray:
    """Run a function of `association_peers` as a process of its own; what it used."""
    paths = [str(PROJECT / "workflow/lib"), str(Path(__file__).resolve().parent)]
    code = (
        f"import sys; sys.path += {paths}; import association_peers; from pathlib import Path; "
        f"association_peers.{name}(Path({str(sky)!r}), Path({str(answer)!r}))"
    )
    return run([sys.executable, "-c", code], sky)[0]


# ---- the skies ----

# columns that are the truth, or hold what others have associated
_TELLING = "(fermi|nature|log_flux_ratio|case|assoc_.*|counterpart_.*)$"


@dataclass(frozen=True)
class Truth:
    """What is right, of the evaluated Fermi sources.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Of the Fermi sources.
    right : ndarray of int, shape (n,)
        Row of the Chandra source that each is; -1 if it is none of the catalogue.
    """

    rows: np.ndarray
    right: np.ndarray


def write_sky(size: str, seed: int, sky: Path) -> tuple[Truth, np.ndarray]:
    """Simulate a sky, write its tables, and map its coverage; the truth, and what the map used."""
    simulated = simulate(size, seed, PROJECT / "resources/4fgl_dr4_v35.ecsv.gz")
    sky.mkdir()
    served = {"fermi": "fermilpsc", "csc": "csc", "chanmaster": "chanmaster"}
    for name, table in served.items():
        frame = simulated.tables[table]
        telling = frame.columns.str.match(_TELLING)
        frame.loc[:, ~telling].reset_index(drop=True).to_parquet(sky / f"{name}.parquet")
    used = run_function("coverage", sky, sky / "cells.parquet")
    fermi, csc = peers.plane(sky)
    fates = simulated.fates.set_index("fermi_name")["csc_name"].reindex(fermi["name"])
    has_ellipse = fates.notna().to_numpy() & (fermi["semi_major_axis_95"].to_numpy(float) > 0)
    rows = np.flatnonzero(has_ellipse & (peers.covered_share(sky) > LEAST_COVERAGE))
    np.save(sky / "evaluated.npy", rows)
    return Truth(rows, pd.Index(csc["name"]).get_indexer(fates.to_numpy()[rows])), used


# ---- NWAY, which is a program and stays one ----


@contextlib.contextmanager
def nway_python(given: Path | None) -> Iterator[Path]:
    """The Python that has NWAY: the given one, or one of a new environment that is removed."""
    if given:
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin/python"
        install = ["-m", "pip", "install", "--quiet", f"nway=={NWAY_VERSION}"]
        subprocess.run([python, *install], check=True)
        yield python


def magnitudes(csc: pd.DataFrame) -> np.ndarray:
    """-2.5 log10 of the flux; -99 without one, as NWAY has it."""
    flux = csc["b_flux_ap"].to_numpy(float)
    return np.where(flux > 0, -2.5 * np.log10(np.where(flux > 0, flux, 1)), -99.0)


def flux_histogram(skies: list[Path], truths: list[Truth]) -> np.ndarray:
    """What an astronomer may know from elsewhere: told by the truth of other skies.

    Returns
    -------
    ndarray, shape (bins, 4)
        As NWAY reads it: edges in magnitudes, density of counterparts, density of all others.
    """
    right, others = [], []
    for sky, truth in zip(skies, truths, strict=True):
        magnitude = magnitudes(peers.plane(sky)[1])
        is_right = np.isin(np.arange(len(magnitude)), truth.right)
        right.append(magnitude[is_right & (magnitude > -99)])
        others.append(magnitude[~is_right & (magnitude > -99)])
    right, others = np.concatenate(right), np.concatenate(others)
    inner = np.quantile(right, np.linspace(0, 1, 13)[1:-1])
    last = max(right.max(), others.max()) + 1
    edges = np.concatenate([[min(right.min(), others.min()) - 1], inner, [last]])
    columns = [np.histogram(of, edges, density=True)[0] for of in (right, others)]
    return np.column_stack([edges[:-1], edges[1:], *columns])


class Nway:
    """NWAY's programs on one sky.

    Parameters
    ----------
    python : Path
        In the folder of which NWAY's programs are.
    sky : Path
    histogram : ndarray
        As `flux_histogram` gives it.
    """

    def __init__(self, python: Path, sky: Path, histogram: np.ndarray) -> None:
        self._python, self._sky = python, sky
        np.savetxt(sky / "histogram.txt", histogram)
        fermi, csc = peers.plane(sky)
        self._count = len(fermi)
        rows = np.load(sky / "evaluated.npy")
        fermi = fermi.iloc[rows]
        arcsec = 3600 / SIGMAS_95
        major, minor = fermi["semi_major_axis_95"], fermi["semi_minor_axis_95"]
        self._radius = peers.LARGEST_DISTANCE * major.max() * 3600
        columns = {
            "ID": rows,
            "RA": fermi["ra"],
            "DEC": fermi["dec"],
            "POS_ERR": np.sqrt(major * minor) * arcsec,
            "MAJ": major * arcsec,
            "MIN": minor * arcsec,
            "ANGLE": fermi["position_angle_95"],
        }
        self._write("fermi", columns, 4 * np.pi * np.degrees(1) ** 2)
        error = np.sqrt(csc["error_ellipse_r0"] * csc["error_ellipse_r1"]) / SIGMAS_95
        columns = {
            "ID": np.arange(len(csc)),
            "RA": csc["ra"],
            "DEC": csc["dec"],
            "POS_ERR": error.fillna(error.median()),
            "MAG": magnitudes(csc),
        }
        self._write("chandra", columns, peers.covered_area(sky))

    def _write(self, name: str, columns: dict, area_deg2: float) -> None:
        table = Table({key: np.asarray(column) for key, column in columns.items()})
        table.meta = {"EXTNAME": name.upper(), "SKYAREA": area_deg2}
        table.write(self._sky / f"{name}.fits")

    def _program(self, name: str, *arguments: str, folder: Path) -> tuple[np.ndarray, str]:
        program = self._python.parent / name
        return run([str(self._python), str(program), *arguments], folder)

    def match(self, way: Way, folder: Path, fermi: Path | None = None) -> np.ndarray:
        """Run `nway.py` in a new folder, where it writes `match.fits`; what it used."""
        folder.mkdir()
        errors, *options = (o.format(histogram=self._sky / "histogram.txt") for o in way.options)
        catalogues = [str(fermi or self._sky / "fermi.fits"), errors]
        catalogues += [str(self._sky / "chandra.fits"), ":POS_ERR"]
        options += ["--radius", str(self._radius), "--out", "match.fits"]
        return self._program("nway.py", *catalogues, *options, folder=folder)[0]

    def answer(self, folder: Path, answer: Path) -> None:
        """What NWAY found, as the other ways write it."""
        table = Table.read(folder / "match.fits")
        none = np.ones(self._count)
        none[table["FERMI_ID"]] = 1 - np.asarray(table["p_any"], float)
        table = table[table["CHANDRA_ID"] >= 0]
        probability = np.asarray(table["p_any"], float) * np.asarray(table["p_i"], float)
        peers.write(answer, table["FERMI_ID"], table["CHANDRA_ID"], probability, none)

    def cutoffs(self, way: Way, folder: Path) -> dict[int, float] | str:
        """Cut-offs of p_any by NWAY's own calibration, for false selection rates in percent.

        As its manual says: a fake catalogue, matched in the same way. If that cannot be made, the
        reason. A fake catalogue is drawn at random, and now and then the program trips over its
        own rejections: then it is run again, as one would.
        """
        # its numbers are drawn from a generator that no option seeds
        code = (
            "import numpy, runpy, sys; numpy.random.seed(int(sys.argv[1])); "
            "sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        create = str(self._python.parent / "nway-create-fake-catalogue.py")
        arguments = ["--radius", str(2 * self._radius), str(self._sky / "fermi.fits"), "fake.fits"]
        for seed in range(_TRIALS):
            try:
                run([str(self._python), "-c", code, str(seed), create, *arguments], folder)
                break
            except Failed as failed:
                reason = str(failed)
        else:
            return reason
        # the fake one is matched with the histogram of the real one
        options = [str(folder / _HISTOGRAM) if o == "auto" else o for o in way.options]
        files = ["match.fits", "fake/match.fits"]
        try:
            self.match(replace(way, options=tuple(options)), folder / "fake", folder / "fake.fits")
            printed = self._program("nway-calibrate-cutoff.py", *files, folder=folder)[1]
        except Failed as failed:
            return str(failed)
        found = re.findall(r"rate of <(\d+)%\n.*p_any>([\d.]+)", printed)
        return {int(rate): float(cutoff) for rate, cutoff in found}


# ---- judging ----


def constants_of(way: Way, truth: Truth, answer: dict[str, np.ndarray]) -> np.ndarray:
    """How often the pick is right, another candidate is, and none is: counts, shape (3,)."""
    right = _right(truth, answer)
    n = answer["none"].shape[0]
    has_candidates = np.bincount(answer["source"], minlength=n)[truth.rows] > 0
    picked = np.bincount(answer["source"], right & (answer["probability"] == 1), minlength=n)
    listed = np.bincount(answer["source"], right, minlength=n)
    if way.constants == "share":
        picked = listed
    first, any_one = picked[truth.rows].sum(), listed[truth.rows].sum()
    return np.array([first, any_one - first, has_candidates.sum() - any_one])


def with_constants(
    way: Way, answer: dict[str, np.ndarray], counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Probabilities of a way that has none: the shares of `constants_of` on other skies."""
    pick, others, none = counts / counts.sum()
    source, given = answer["source"], answer["probability"]
    number = np.bincount(source, minlength=len(answer["none"]))
    if way.constants == "share":
        probability = pick * given
    else:
        rest = others / np.maximum(number[source] - 1, 1)
        # a single candidate has no others
        total = np.where(number[source] > 1, 1.0, pick + none)
        probability = np.where(given == 1, pick, rest) / total
    left = 1 - np.bincount(source, probability, minlength=len(number))
    return {**answer, "probability": probability, "none": left}


def _right(truth: Truth, answer: dict[str, np.ndarray]) -> np.ndarray:
    right = np.full(len(answer["none"]), -1)
    right[truth.rows] = truth.right
    return (right[answer["source"]] == answer["xray"]) & (answer["xray"] >= 0)


@dataclass(frozen=True)
class Verdict:
    """How one way did on one sky.

    Attributes
    ----------
    first : int
        Sources with a listed counterpart of which the likeliest candidate is right.
    loss : ndarray, shape (n,)
        -ln of the probability of what is true, of each evaluated source.
    probability, right : ndarray
        Of its candidates.
    """

    first: int
    loss: np.ndarray
    probability: np.ndarray
    right: np.ndarray


def judge(truth: Truth, answer: dict[str, np.ndarray], ranks: np.ndarray) -> Verdict:
    """Compare probabilities with the truth; `ranks` tells which candidate of a source is first."""
    right = _right(truth, answer)
    source, n = answer["source"], len(answer["none"])
    order = np.lexsort((answer["xray"], -ranks, source))
    first = order[np.unique(source[order], return_index=True)[1]]
    of_truth = answer["none"].copy()
    of_truth[truth.rows[truth.right >= 0]] = 0
    of_truth += np.bincount(source, answer["probability"] * right, minlength=n)
    loss = -np.log(np.clip(of_truth[truth.rows], LEAST_PROBABILITY, 1))
    of_evaluated = np.isin(source, truth.rows)
    return Verdict(
        int(right[first].sum()),
        loss,
        answer["probability"][of_evaluated],
        right[of_evaluated],
    )


# ---- all of it ----


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[4, 5, 6, 7, 8])
    parser.add_argument("--size", choices=["small", "full"], default="full")
    parser.add_argument("--skip", nargs="+", default=[], choices=["nway"])
    parser.add_argument("--nway-python", type=Path, help="of an environment that has NWAY")
    arguments = parser.parse_args()
    ways = [way for way in WAYS if way.function or "nway" not in arguments.skip]
    with contextlib.ExitStack() as stack:
        python = None
        if "nway" not in arguments.skip:
            python = stack.enter_context(nway_python(arguments.nway_python))
            # compiles, and looks for fonts: once
            run([str(python), str(python.parent / "nway.py"), "--help"], Path.cwd())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        compare(arguments.size, arguments.seeds, ways, python, folder)


def compare(
    size: str, seeds: list[int], ways: list[Way], python: Path | None, folder: Path
) -> None:
    """Run all ways on all skies, and print the tables."""
    truths, used, answers, failed, cutoffs = {}, {}, {}, {}, {}
    for seed in seeds:
        truths[seed], used["coverage", seed] = write_sky(size, seed, folder / str(seed))
        print(seed, "coverage", *used["coverage", seed].round(2), file=sys.stderr)
    for seed in seeds:
        sky = folder / str(seed)
        if python:
            others = [other for other in seeds if other != seed] or [seed]
            skies = [folder / str(other) for other in others]
            nway = Nway(python, sky, flux_histogram(skies, [truths[other] for other in others]))
        for number, way in enumerate(ways):
            path = sky / f"{number}.npz"
            try:
                if way.function:
                    used[way, seed] = run_function(way.function, sky, path)
                else:
                    used[way, seed] = nway.match(way, sky / str(number))
                    nway.answer(sky / str(number), path)
                    cutoffs[way, seed] = nway.cutoffs(way, sky / str(number))
            except Failed as reason:
                failed[way] = str(reason)
                print(seed, way.name, "failed:", reason, file=sys.stderr)
                continue
            print(seed, way.name, *used[way, seed].round(2), file=sys.stderr)
            with np.load(path) as archive:
                answers[way, seed] = dict(archive)
    done = [way for way in ways if all((way, seed) in answers for seed in seeds)]
    verdicts = {}
    for way in done:
        counts = {s: constants_of(way, truths[s], answers[way, s]) for s in seeds}
        for seed in seeds:
            raw = answer = answers[way, seed]
            if way.constants:
                others = [counts[other] for other in seeds if other != seed] or [counts[seed]]
                answer = with_constants(way, answer, np.sum(others, axis=0))
            verdicts[way, seed] = judge(truths[seed], answer, raw["probability"])
    print_verdicts(seeds, done, truths, verdicts)
    print_reliability(seeds, done, verdicts)
    print_costs(seeds, done, used)
    for way in done:
        if not way.function:
            print_cutoffs(way, seeds, cutoffs, answers, truths)
    for way, reason in failed.items():
        print(f"{way.name} gave nothing on a sky or more: {reason}\n")


def print_table(heads: list[str], rows: list[list]) -> None:
    print("| " + " | ".join(heads) + " |")
    print("|---|" + "---:|" * (len(heads) - 1))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def print_verdicts(seeds: list, ways: list, truths: dict, verdicts: dict) -> None:
    """Who is right first, and the log loss."""
    listed = {seed: int((truths[seed].right >= 0).sum()) for seed in seeds}
    total = sum(len(truths[seed].rows) for seed in seeds)
    print(f"{total} Fermi sources, {sum(listed.values())} with a listed counterpart\n")
    ours, rows = np.concatenate([verdicts[OURS, seed].loss for seed in seeds]), []
    for way in ways:
        of_way = [verdicts[way, seed] for seed in seeds]
        first = sum(one.first for one in of_way)
        loss = np.concatenate([one.loss for one in of_way])
        more = loss - ours
        error = more.std() / np.sqrt(len(more))
        rows.append(
            [
                way.name,
                f"{first} / {sum(listed.values())}",
                f"{first / sum(listed.values()):.3f}",
                f"{loss.mean():.3f}",
                "" if way is OURS else f"{more.mean():+.3f} ± {error:.3f}",
                " ".join(f"{one.loss.mean():.3f}" for one in of_way),
            ]
        )
    heads = ["way", "right first", "share", "log loss", "more than xgamma", "log loss by seed"]
    print_table(heads, rows)


def print_reliability(seeds: list, ways: list, verdicts: dict) -> None:
    """Candidates by probability: how many, how many right ones are expected, and how many are."""
    rows = []
    for way in ways:
        probability = np.concatenate([verdicts[way, seed].probability for seed in seeds])
        right = np.concatenate([verdicts[way, seed].right for seed in seeds])
        at = np.clip(np.searchsorted(BINS, probability, side="right") - 1, 0, len(BINS) - 2)
        cells = []
        for bin_number in range(len(BINS) - 1):
            inside = at == bin_number
            expected = probability[inside].sum()
            cells.append(f"{inside.sum()}: {expected:.1f}, {right[inside].sum()}")
        rows.append([way.name, *cells])
    edges = [f"{low:g}-{high:g}" for low, high in itertools.pairwise(BINS)]
    print_table(["n: expected, right", *edges], rows)


def print_costs(seeds: list, ways: list, used: dict) -> None:
    """Seconds by sky, and the largest memory; ratios to xgamma with its map of the coverage."""
    mean = {
        way: np.mean([used[way, seed][:2] for seed in seeds], axis=0) for way in ["coverage", *ways]
    }
    ours, rows = mean["coverage"] + mean[OURS], []
    for way, seconds in mean.items():
        peak = max(used[way, seed][2] for seed in seeds)
        numbers = [f"{second:.2f}" for second in seconds] + [f"{peak:.0f}"]
        ratios = [f"{ratio:.2f}" for ratio in seconds / ours]
        rows.append([way if way == "coverage" else way.name, *numbers, *ratios])
    heads = ["way", "wall, s", "CPU, s", "peak, MB", "wall / (coverage + xgamma)", "CPU / that"]
    print_table(heads, rows)


def print_cutoffs(way: Way, seeds: list, cutoffs: dict, answers: dict, truths: dict) -> None:
    """NWAY's own calibration, and how many of the sources above its cut-off are right."""
    rows = []
    for seed in seeds:
        found = cutoffs[way, seed]
        if isinstance(found, str):
            rows.append([seed, found, *[""] * (len(CALIBRATED_RATES) - 1)])
            continue
        cells = [
            "none" if rate not in found else _above(found[rate], answers[way, seed], truths[seed])
            for rate in CALIBRATED_RATES
        ]
        rows.append([seed, *cells])
    print(f"{way.name}: cut-off of p_any for a rate of false selections; above it, right / all\n")
    print_table(["seed", *(f"< {rate} %" for rate in CALIBRATED_RATES)], rows)


def _above(cutoff: float, answer: dict[str, np.ndarray], truth: Truth) -> str:
    taken = truth.rows[1 - answer["none"][truth.rows] > cutoff]
    inside = np.isin(answer["source"], taken)
    kept = {name: answer[name][inside] for name in ("source", "xray", "probability")}
    first = judge(truth, {**kept, "none": answer["none"]}, kept["probability"]).first
    return f"{cutoff:.2f}: {first} / {len(taken)}"


if __name__ == "__main__":
    main()
