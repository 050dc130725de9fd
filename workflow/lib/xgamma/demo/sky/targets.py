"""The Fermi sources that the simulated Chandra was pointed at.

Fields that cover a Fermi source by chance match too few of them, and all classes alike. So
a part of the fields is aimed: at pulsars, binaries and globular clusters above all. The
weights are fitted so that the shares of matched sources, by class and by latitude, come out
near the measured ones (4FGL-DR4 against CSC 2.1, |b| <= 10 deg).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xgamma.demo.sky.fermi import fold_class

__all__ = ["Aims", "choose_aims"]

# share of Fermi sources with a match, by |b| (deg); measured
_LATITUDE_EDGES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
_LATITUDE_SHARE = (0.35, 0.32, 0.26, 0.12, 0.055)

# the same by class: measured for the classes that matter to the science, chosen for the
# few sources of the others
_CLASS_SHARE = {
    "psr": 0.57, "hmb": 1.0, "glc": 0.90, "msp": 0.26, "spp": 0.26, "unk": 0.20, "": 0.10,
    "bcu": 0.06, "bll": 0.07, "fsrq": 0.08, "pwn": 0.5, "snr": 0.3, "bin": 0.6, "lmb": 1.0,
    "nov": 0.3, "sfr": 1.0, "gc": 1.0, "rdg": 0.5, "sey": 0.5, "agn": 0.3,
}  # fmt: skip

_CLASS_SHARE_REST = 0.3

# off the plane: chosen; pulsars and nearby galaxies are favourites there too
_SKY_SHARE = {
    "psr": 0.5, "msp": 0.3, "glc": 0.8, "bll": 0.07, "fsrq": 0.08, "bcu": 0.03, "": 0.02,
    "unk": 0.04,
}  # fmt: skip
_SKY_SHARE_REST = 0.3

# observed however small the simulated sky is: the binaries are a subsample of their own
_ALWAYS = ("hmb", "lmb", "bin")

# pulsars and binaries: faint in X-rays, so looked at for longer
_LONG_LOOKS = ("psr", "msp", "pwn", "hmb", "lmb", "bin")

# X-ray sources per square degree of a field, as the yields reckon
_CHANCE_DENSITY = 450.0


@dataclass(frozen=True)
class Aims:
    """Fields to aim at Fermi sources.

    Attributes
    ----------
    target : ndarray of int, shape (n,)
        Row of the Fermi source of each field.
    ra, dec : ndarray, shape (n,)
        Where to look, degrees.
    name : ndarray of str, shape (n,)
    further : ndarray of bool, shape (n,)
        The second and later fields of a target.
    unclassified : ndarray of bool, shape (n,)
        The target has no class, or 'unk'.
    long_look : ndarray of bool, shape (n,)
        The target is a pulsar or a binary.
    in_star_forming_region : ndarray of bool, shape (n,)
    difficult : ndarray of bool, shape (n,)
        The field is there for a difficult case.
    radius_deg : ndarray, shape (n,)
        Of the target's circle.
    """

    target: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    name: np.ndarray
    further: np.ndarray
    unclassified: np.ndarray
    long_look: np.ndarray
    in_star_forming_region: np.ndarray
    difficult: np.ndarray
    radius_deg: np.ndarray


def _shares(fermi: pd.DataFrame, scale: float) -> np.ndarray:
    """Wanted probability of a match for each Fermi source; NaN without a circle."""
    folded = fold_class(fermi["source_type"])
    latitude = np.abs(fermi["bii"].to_numpy())
    radius = fermi["semi_major_axis_95"].to_numpy()
    share = np.array([_SKY_SHARE.get(name, _SKY_SHARE_REST) for name in folded])
    plane = (latitude <= 10) & (radius > 0)
    band = np.digitize(latitude, _LATITUDE_EDGES[1:-1])
    by_class = np.array([_CLASS_SHARE.get(name, _CLASS_SHARE_REST) for name in folded])
    # huge circles are seldom aimed at: chance coverage matches them often enough
    fitted = by_class * np.exp(-((np.nan_to_num(radius) / 0.2) ** 2))
    # iterative proportional fitting of both shares (Deming & Stephan 1940, Annals of
    # Mathematical Statistics 11, 427)
    class_number = np.unique(folded.astype(str), return_inverse=True)[1]
    for _ in range(30):
        for group, wanted in ((band, np.array(_LATITUDE_SHARE)[band]), (class_number, by_class)):
            for value in np.unique(group[plane]):
                members = plane & (group == value)
                fitted[members] *= wanted[members].mean() / fitted[members].mean()
                fitted[members] = np.minimum(fitted[members], 0.99)
    share = np.where(plane, fitted, share)
    share = np.where(np.isin(folded, _ALWAYS), share, share * scale)
    return np.where(radius > 0, share, np.nan)


def _systematic(rng: np.random.Generator, probability: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Indices drawn with `probability`, evenly along `order`: systematic sampling.

    The numbers drawn scatter less than if each index were drawn for itself.
    """
    total = np.cumsum(probability[order]) + rng.random()
    total_before = np.append(total[0] - probability[order][0], total[:-1])
    return np.sort(order[np.floor(total) > np.floor(total_before)])


def choose_aims(
    rng: np.random.Generator,
    fermi: pd.DataFrame,
    counterparts: pd.DataFrame,
    covered: np.ndarray,
    *,
    scale: float,
    plane_fields: int,
    sky_fields: int,
    difficult: dict[int, tuple[float, float]],
) -> Aims:
    """Choose what to look at so that the shares of matched sources become the wanted ones.

    Parameters
    ----------
    rng : Generator
    fermi : DataFrame
        As `read_fermi` gives it.
    counterparts : DataFrame
        As `draw_counterparts` gives them: known objects are looked at where they are.
    covered : ndarray, shape (len(fermi),)
        Share of each circle that other fields cover already.
    scale : float
        Share of the measured number of matches that this sky has fields for.
    plane_fields, sky_fields : int
        Fields to hand out at |b| <= 10 and beyond; targets that are left over when each
        has one get further ones around them.
    difficult : dict of int to (float, float)
        Row of a Fermi source -> (ra, dec) in degrees that must be looked at.

    Returns
    -------
    Aims
    """
    share = _shares(fermi, scale)
    folded = fold_class(fermi["source_type"])
    latitude = np.abs(fermi["bii"].to_numpy())
    radius = fermi["semi_major_axis_95"].to_numpy()
    plane = latitude <= 10
    band = np.where(plane, np.digitize(latitude, _LATITUDE_EDGES[1:-1]), 9)
    # a covered circle holds a source by chance, an aimed field shows one with the yield
    area = np.pi * np.nan_to_num(radius) ** 2
    by_chance = 1 - np.exp(-_CHANCE_DENSITY * area * covered)
    has_known_object = 1 - np.isin(folded, ("", "unk", "spp", "snr"))
    target_yield = 1 - (1 - 0.6 * has_known_object) * np.exp(-_CHANCE_DENSITY * area)
    wanted = np.zeros(len(fermi))
    for value in np.unique(band):
        members = (band == value) & np.isfinite(share)
        chance = by_chance[members].mean()
        missing = (share[members] - chance) / (1 - chance) / target_yield[members]
        missing *= (1 - by_chance[members]) / (1 - chance)
        wanted[members] = np.clip(missing, 0.0, 1.0)
    order = np.lexsort((latitude, folded))
    first = np.union1d(_systematic(rng, wanted, order), list(difficult)).astype(int)
    targets_of_fields, further = [first], [np.zeros(len(first), dtype=bool)]
    for members, fields in ((plane, plane_fields), (~plane, sky_fields)):
        targets = first[members[first]]
        extra = fields - len(targets)
        if extra > 0 and len(targets):
            # crowded regions were mapped: more fields where the circle is large
            weight = rng.lognormal(0.0, 1.0, len(targets)) * np.sqrt(share[targets])
            weight *= 0.2 + np.minimum(radius[targets], 0.2) / 0.1
            targets_of_fields.append(np.sort(rng.choice(targets, extra, p=weight / weight.sum())))
            further.append(np.ones(extra, dtype=bool))
    target, is_further = np.concatenate(targets_of_fields), np.concatenate(further)
    ra, dec = fermi["ra"].to_numpy().copy(), fermi["dec"].to_numpy().copy()
    unclassified = np.isin(folded, ("", "unk"))
    located = counterparts[~unclassified[counterparts["fermi"]]]
    ra[located["fermi"]], dec[located["fermi"]] = located["ra"], located["dec"]
    for row, position in difficult.items():
        ra[row], dec[row] = position
    associated = fermi["assoc_name"].to_numpy()
    label = np.where(associated == "", fermi["name"].to_numpy(), associated)
    name = np.array([f"SIM {target_name}" for target_name in label[target]], dtype=object)
    large = (radius[target] > 0.07) & (radius[target] < 0.25)
    in_region = large & (latitude[target] < 2.5) & (rng.random(len(target)) < 0.3)
    return Aims(
        target=target,
        ra=ra[target],
        dec=dec[target],
        name=name,
        further=is_further,
        unclassified=unclassified[target],
        long_look=np.isin(folded[target], _LONG_LOOKS),
        in_star_forming_region=in_region,
        difficult=np.isin(target, list(difficult)) & ~is_further,
        radius_deg=radius[target],
    )
