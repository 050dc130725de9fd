"""The probability that a Chandra source is a Fermi source, and that none of the catalogue is.

For Fermi source s and candidate i at offset D, with the flux ratio r (Sutherland and Saunders 1992,
MNRAS 259, 413, with depth and coverage):

    W_i = eta f(D) SUM_k pi_k q_k(r) / n(F)        candidate, with flux
    W_i = eta f(D) SUM_k pi_k G_k / n              without flux: listed at all, over all listed
    R   = 1 - eta D                                none of them
    P_i = W_i / (SUM_j W_j + R)

eta is the prior probability that s has an X-ray counterpart at all, pi_k what s may be, f where it
may lie (`positions`), q_k and G_k how bright it is and whether it is listed (`flux_ratios`), n the
chance density at that place and flux (`background`), D the probability that a counterpart is
listed and lies within the search: pi_k G_k summed over coverage and depth (`fields`). The rest
divides into R = (1 - eta) + eta (1 - coverage) + eta (coverage - D): no counterpart, outside, below
the limit.

Chandra was aimed at many objects that were known: then the counterpart lies where it has looked.
With the probability A = a c / (c + 0.1) that it was, for a look that covers the share c of the
positional probability, f and D are (1 - A) + A / c times as large, and coverage is c + A (1 - c).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xgamma.association.background import Counts, listed_per_unit
from xgamma.association.fields import Fields, XraySources
from xgamma.association.flux_ratios import LIMIT_GRID, FluxRatios
from xgamma.association.kinds import KindShares
from xgamma.association.parameters import AIMED, AIMED_GROUPS, ETA, GROUPS, KINDS
from xgamma.association.positions import LARGEST_DISTANCE, Ellipses, Offsets, offsets
from xgamma.sky import match_within

__all__ = [
    "ByKind",
    "Candidates",
    "Model",
    "Posterior",
    "aimed_factor",
    "aimed_share",
    "find_candidates",
    "posterior",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


# a look that covers less than this share was hardly aimed at the source
_GRAZING = 0.1


@dataclass(frozen=True)
class Model:
    """All that is not of one source alone.

    Attributes
    ----------
    eta : ndarray, shape (groups,)
        Of `xgamma.association.parameters.GROUPS`.
    ratios : FluxRatios
    counts : Counts
    aimed : float
        a above, of the groups whose objects were known.
    """

    eta: Floats
    ratios: FluxRatios
    counts: Counts
    aimed: float

    @classmethod
    def stated(cls, counts: Counts) -> Model:
        """Values of known objects, before the run's own data."""
        return cls(np.array(ETA), FluxRatios.stated(counts.slope), counts, AIMED)


@dataclass(frozen=True)
class Candidates:
    """Chandra sources within x = 3 of Fermi sources, sorted by Fermi source.

    Attributes
    ----------
    source : ndarray of int, shape (k,)
        Row of the Fermi source.
    xray : ndarray of int, shape (k,)
        Row in the catalogue.
    offsets : Offsets
    log_ratio : ndarray, shape (k,)
        NaN without a flux.
    log_chance : ndarray, shape (k,)
        Natural log of n(F) or, without a flux, of n: per square degree, and per dex with flux.
    limit_ratio : ndarray, shape (k,)
        log10 of the flux limit at its place over the gamma-ray flux.
    """

    source: Integers
    xray: Integers
    offsets: Offsets
    log_ratio: Floats
    log_chance: Floats
    limit_ratio: Floats

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray) -> Candidates:
        """Some of the candidates."""
        chosen = {name: values[rows] for name, values in vars(self).items() if name != "offsets"}
        of = Offsets(*(values[rows] for values in vars(self.offsets).values()))
        return Candidates(**chosen, offsets=of)


def find_candidates(
    ellipses: Ellipses,
    log_gamma_flux: Floats,
    fields: Fields,
    xray: XraySources,
    errors: tuple[Floats, Floats, Floats],
    counts: Counts,
    left_out: NDArray[np.bool_] | None = None,
) -> Candidates:
    """All Chandra sources within x = 3, and what each would be by chance.

    Parameters
    ----------
    ellipses : Ellipses, n of them
    log_gamma_flux : ndarray, shape (n,)
        log10 erg/cm2/s.
    fields : Fields, n of them
    xray : XraySources, m of them
    errors : tuple of three ndarray, shape (m,)
        Their 95 % ellipses: semi-axes (arcsec), position angle (deg); NaN where null.
    counts : Counts
    left_out : ndarray of bool, shape (m,), optional
        Chandra sources that are no candidates.

    Returns
    -------
    Candidates
    """
    # the Chandra source's own error widens the ellipse
    largest = np.nanmax(errors[0], initial=0.0) / 3600
    reach = LARGEST_DISTANCE * np.hypot(ellipses.major, largest) * 1.0001
    source, row, apart = match_within(ellipses.ra, ellipses.dec, reach, xray.ra, xray.dec)
    if left_out is not None:
        stays = ~left_out[row]
        source, row, apart = source[stays], row[stays], apart[stays]
    of = offsets(ellipses, source, xray.ra[row], xray.dec[row], *(e[row] for e in errors))
    near = of.distance <= LARGEST_DISTANCE
    source, row, apart = source[near], row[near], apart[near]
    of = Offsets(*(values[near] for values in vars(of).values()))
    # the candidate itself is not counted as chance
    in_region = apart <= fields.reach_deg[source]
    scale = counts.field_scale(fields.listed[source] - in_region, fields.effective_area[source])
    limit = xray.log_limit[row] + fields.shift[source]
    # where no exposure is known, the field's
    limit = np.where(np.isfinite(limit), limit, fields.log_limit[source])
    log_flux = xray.log_flux[row]
    has_flux = np.isfinite(log_flux)
    log_chance = np.where(
        has_flux,
        counts.log_flux_density(scale, np.where(has_flux, log_flux, 0)),
        np.log(scale * listed_per_unit(np.where(np.isfinite(limit), limit, -14), counts.slope)),
    )
    gamma = log_gamma_flux[source]
    return Candidates(source, row, of, log_flux - gamma, log_chance, limit - gamma)


@dataclass(frozen=True)
class Posterior:
    """Probabilities of candidates, and of what else may be, by Fermi source.

    Attributes
    ----------
    probability : ndarray, shape (k,)
        Of each candidate.
    likelihood_ratio : ndarray, shape (k,)
        f SUM pi_k q_k / n: as likely as chance makes it is 1.
    outside, below, none : ndarray, shape (n,)
        Outside coverage or the search; below the flux limit; no X-ray counterpart at all.
    listed_share : ndarray, shape (n,)
        eta D: the prior probability to find the counterpart in the catalogue.
    weight, rest : ndarray, shape (k,), (n,)
        W and R above, for who goes on with them.
    """

    probability: Floats
    likelihood_ratio: Floats
    outside: Floats
    below: Floats
    none: Floats
    listed_share: Floats
    weight: Floats
    rest: Floats

    def with_joint(self, probability: Floats, rest: Floats) -> Posterior:
        """The same with joint probabilities; `rest` is what is left of each source."""
        parts = self.outside + self.below + self.none
        factor = np.where(parts > 0, rest / np.where(parts > 0, parts, 1), 0.0)
        return replace(
            self,
            probability=probability,
            outside=self.outside * factor,
            below=self.below * factor,
            none=self.none * factor,
        )


class ByKind:
    """What each kind alone would have: f q_k / n of each candidate, and the listed share D.

    What does not hang on the flux ratios is found once, for many of them.

    Parameters
    ----------
    candidates : Candidates, k of them
    fields : Fields, n of them
    """

    def __init__(self, candidates: Candidates, fields: Fields) -> None:
        self._has_flux = np.isfinite(candidates.log_ratio)
        self._log_ratio = candidates.log_ratio[self._has_flux]
        self._limit_ratio = candidates.limit_ratio[~self._has_flux]
        logarithm = candidates.offsets.log_density - candidates.log_chance
        self._over_chance = np.exp(np.minimum(logarithm, 600))
        self._depth = fields.depth

    def of(self, ratios: FluxRatios, kind: int) -> tuple[Floats, Floats]:
        """Those of one of `KINDS`.

        Returns
        -------
        ratio : ndarray, shape (k,)
        listed : ndarray, shape (n,)
        """
        table = ratios.listed_table(kind)
        brightness = np.empty(len(self._has_flux))
        brightness[self._has_flux] = ratios.density(self._log_ratio, kind)
        brightness[~self._has_flux] = np.interp(self._limit_ratio, LIMIT_GRID, table)
        return brightness * self._over_chance, self._depth @ table


def aimed_share(coverage: Floats, group: Integers, aimed: float) -> Floats:
    """A above: probability that what Chandra has seen of a source was aimed at the object.

    Parameters
    ----------
    coverage : ndarray, shape (n,)
        c above.
    group : ndarray of int, shape (n,)
        Of `GROUPS`; 0 for those whose objects were not known.
    aimed : float
        a above.
    """
    known = np.isin(group, [GROUPS.index(name) for name in AIMED_GROUPS])
    return np.where(known, aimed * coverage / (coverage + _GRAZING), 0.0)


def aimed_factor(coverage: Floats, group: Integers, aimed: float) -> Floats:
    """(1 - A) + A / c above; 1 where nothing was seen."""
    share = aimed_share(coverage, group, aimed)
    seen = coverage > 0
    return np.where(seen, 1 - share + share / np.where(seen, coverage, 1), 1.0)


def posterior(
    model: Model,
    shares: KindShares,
    fields: Fields,
    candidates: Candidates,
) -> Posterior:
    """Probabilities of all candidates, each Fermi source by itself.

    Parameters
    ----------
    model : Model
    shares : KindShares, n sources
    fields : Fields, n of them
    candidates : Candidates, k of them

    Returns
    -------
    Posterior
    """
    n = len(shares.group)
    eta = model.eta[shares.group]
    aimed = aimed_factor(fields.coverage, shares.group, model.aimed)
    ratio, listed = np.zeros(len(candidates)), np.zeros(n)
    by_kind = ByKind(candidates, fields)
    for kind in range(len(KINDS)):
        share = shares.shares[:, kind]
        ratio_of_kind, listed_of_kind = by_kind.of(model.ratios, kind)
        ratio += share[candidates.source] * ratio_of_kind
        listed += share * listed_of_kind
    weight = (eta * aimed)[candidates.source] * ratio
    coverage, listed = aimed * fields.coverage, aimed * listed
    outside, below, none = eta * (1 - coverage), eta * (coverage - listed), 1 - eta
    rest = outside + below + none
    total = np.bincount(candidates.source, weight, minlength=n) + rest
    return Posterior(
        weight / total[candidates.source],
        ratio,
        outside / total,
        below / total,
        none / total,
        eta * listed,
        weight,
        rest,
    )
