"""The products of a run: what each one is, and which others it is made from.

Snakemake knows the second too, but forgets it; provenance keeps it. A test holds this table
against what Snakemake knows of a real run, so a new rule needs an entry here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from xgamma.errors import XgammaError
from xgamma.stages.shard_file import ShardFile

__all__ = ["all_sources", "description", "product_name"]


@dataclass(frozen=True)
class _Entry:
    """Products whose paths match one of `paths`; `made_from` matches what they are made from."""

    paths: tuple[str, ...]
    description: str
    made_from: tuple[str, ...] = ()


_DESCRIBED, _HEASARC = "services/*.ecsv", "services/heasarc.ecsv"
_CATALOGUES = {
    "chanmaster": "All Chandra observations (chanmaster)",
    "csc": "Chandra Source Catalog",
    "fermilpsc": "Fermi LAT point sources (4FGL-DR4)",
}
_CSC, _FERMI = "catalogs/csc.parquet", "catalogs/fermilpsc.parquet"
_PAIRS, _VERIFIED = "crossmatch/pairs.parquet", "crossmatch/verification.json"
_TARGETS, _SHARDS = "enrichment/targets.parquet", "enrichment/*/*.parquet"
_LONG = "tables/counterparts_*.parquet"


def _figures(made_from: tuple[str, ...], descriptions: Mapping[str, str]) -> list[_Entry]:
    return [_Entry((f"figures/{name}.*",), text, made_from) for name, text in descriptions.items()]


# The first entry that matches counts.
_ENTRIES = [
    _Entry((_DESCRIBED,), "Every column of a service's tables that are used, as it describes them"),
    *(
        _Entry((f"catalogs/{name}.parquet",), f"{text}, as fetched", (_HEASARC,))
        for name, text in _CATALOGUES.items()
    ),
    *(
        _Entry(
            (f"plane/{name}.parquet",),
            f"{_CATALOGUES[name]}, within the latitude cut",
            (f"catalogs/{name}.parquet",),
        )
        for name in ("csc", "fermilpsc")
    ),
    _Entry(
        (_PAIRS,),
        "Chandra sources inside the error circles of Fermi sources",
        (_HEASARC, "plane/fermilpsc.parquet"),
    ),
    _Entry(
        ("crossmatch/excluded.ecsv",),
        "Fermi sources of the plane that have no error ellipse, with the reason",
        (_HEASARC, "plane/fermilpsc.parquet"),
    ),
    _Entry(
        (_VERIFIED,),
        "The service's join against the same join from the fetched catalogues",
        (_PAIRS, _FERMI, _CSC),
    ),
    _Entry(
        ("tables/csc_fermi_pairs.ecsv",),
        "One row per Fermi-Chandra pair, with separations and flags",
        (_PAIRS, _VERIFIED),
    ),
    _Entry(
        ("tables/grouped_csc_fermi_pairs.*",),
        "One row per Fermi source, its Chandra sources as lists",
        (_PAIRS, _VERIFIED),
    ),
    _Entry(
        (_TARGETS,),
        "Positions around which the surveys are searched",
        (_PAIRS, _VERIFIED, _DESCRIBED),
    ),
    _Entry((_SHARDS,), "Survey sources around the targets of one shard", (_TARGETS, _DESCRIBED)),
    _Entry(
        ("tables/counterparts_*",),
        "Survey sources around the Fermi positions and the Chandra candidates",
        (_PAIRS, _TARGETS, _SHARDS),
    ),
    _Entry(
        ("tables/grouped_csc_fermi_gaia_2mass_pairs.*",),
        "One row per Fermi source, with the nearest survey sources as lists",
        (_PAIRS, _TARGETS, _SHARDS),
    ),
    _Entry(
        ("summary.json", "summary.txt"),
        "Every number of the run",
        (
            _DESCRIBED,
            "catalogs/*.parquet",
            _PAIRS,
            "crossmatch/excluded.ecsv",
            _VERIFIED,
            _LONG,
        ),
    ),
    *_figures(
        ("catalogs/chanmaster.parquet",),
        {"exposure_map": "Chandra observations on the sky, by exposure"},
    ),
    *_figures(
        ("plane/csc.parquet",),
        {
            "plane_sky": "Chandra sources of the plane on the sky, by flux",
            "plane_map": "Chandra sources of the plane in strips of longitude",
            "plane_histograms": "Chandra sources of the plane by longitude and latitude",
        },
    ),
    *_figures(
        (_PAIRS, _VERIFIED),
        {
            "association_map": "Fermi sources with Chandra sources in their circles",
            "match_map": "Chandra sources inside Fermi error circles, by flux ratio",
            "matches_by_position": "Chandra sources per circle by longitude and latitude",
            "matches_by_flux": "Chandra sources per circle against gamma-ray flux",
            "separations": "Separations of the pairs in units of R95",
            "flux_ratio_by_position": "X-ray over gamma-ray flux by longitude and latitude",
            "flux_ratio_by_class": "X-ray over gamma-ray flux by 4FGL class",
        },
    ),
    *_figures(
        (_PAIRS, _TARGETS, _LONG),
        {
            "counterparts_by_class": "Fermi sources with survey sources, by 4FGL class",
            "variability_by_class": "Gaia sources by 4FGL class and variability flag",
            "variable_fraction": "Fraction of Gaia sources flagged as variable, by 4FGL class",
            "offsets": "Survey sources around the Chandra candidates, by separation",
        },
    ),
    *(
        _Entry(paths, text, (_FERMI, "plane/fermilpsc.parquet", _PAIRS, _LONG))
        for paths, text in (
            (("figures/class_shares.*",), "Fermi sources of the plane by group of class"),
            (("figures/class_subsample.*",), "Fluxes of the sources of the chosen classes"),
            (("tables/class_shares.*",), "Classes of the Fermi sources by latitude"),
            (("tables/class_subsample.*",), "Fermi sources of the chosen classes"),
        )
    ),
]


def _entry(path: str) -> _Entry:
    for entry in _ENTRIES:
        if any(fnmatchcase(path, pattern) for pattern in entry.paths):
            return entry
    raise XgammaError(f"provenance: {path} is a product without an entry in xgamma/products.py")


def description(path: str) -> str:
    """What a product is, in a few words."""
    return _entry(path).description


def product_name(path: str) -> str:
    """A product's path without the digest that the file of a shard has in its name.

    The digest is of all that the shard depends on, the service's address among it: the same
    shard of another archive, or of a replay, has another.
    """
    shard = ShardFile.of(path)
    return path if shard is None else shard.name


def all_sources(path: str, products: Iterable[str]) -> set[str]:
    """The products that a product is made from, directly or not, itself included.

    Parameters
    ----------
    path : str
        Relative to the archive's folder.
    products : iterable of str
        All of them.

    Raises
    ------
    XgammaError
        If a product has no entry here.
    """
    there = list(products)
    found, waiting = {path}, [path]
    while waiting:
        patterns = _entry(waiting.pop()).made_from
        new = {p for p in there if any(fnmatchcase(p, pattern) for pattern in patterns)} - found
        found |= new
        waiting += new
    return found
