"""The products of a run, by their paths: what each one is, and its name in any archive.

What a product is made from stands elsewhere: its job noted that (`xgamma.run.lineage`).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from xgamma.errors import XgammaError
from xgamma.stages.shard_file import ShardFile

__all__ = ["description", "product_name"]

_CHANMASTER = "All Chandra observations (chanmaster)"
_CSC = "Chandra Source Catalog"
_FERMI_RELEASE = "4FGL-DR4"
_FERMI = f"Fermi LAT point sources ({_FERMI_RELEASE})"

# Pattern of a path -> what the product is. The first that matches counts.
_DESCRIPTIONS = {
    "services/*.ecsv": "Every column of a service's tables that are used, as it describes them",
    "catalogs/chanmaster.parquet": f"{_CHANMASTER}, as fetched",
    "catalogs/csc.parquet": f"{_CSC}, as fetched",
    "catalogs/fermilpsc.parquet": f"{_FERMI}, as fetched",
    "catalogs/chosen.parquet": "The Fermi sources that the run is for, and their neighbours",
    "plane/csc.parquet": f"{_CSC}, within the latitude cut",
    "plane/fermilpsc.parquet": f"{_FERMI}, within the latitude cut",
    "crossmatch/joined.parquet": "The pairs as the service joined them, not verified yet",
    "crossmatch/pairs.parquet": "Chandra sources inside the error circles of Fermi sources",
    "crossmatch/excluded.ecsv": (
        "Fermi sources of the plane that have no error ellipse, with the reason"
    ),
    "crossmatch/verification.json": (
        "The service's join against the same join from the fetched catalogues"
    ),
    "tables/csc_fermi_pairs.ecsv": "One row per Fermi-Chandra pair, with separations and flags",
    "tables/grouped_csc_fermi_pairs.*": "One row per Fermi source, its Chandra sources as lists",
    "coverage/outlines.parquet": "Outlines of Chandra's observations, as fetched (ObsCore)",
    "coverage/fields.parquet": "Where Chandra has looked around the plane, and how deep, by cells",
    "coverage/chandra.moc.fits": "Where Chandra has looked around the plane (MOC)",
    "association/candidates.parquet": "Chandra sources that may be Fermi sources: probabilities",
    "association/sources.parquet": "Fermi sources of the plane, with coverage and what else may be",
    "association/model.json": "The model behind the probabilities: values, errors, numbers",
    "association/calibration.json": "Whether the probabilities hold: controls, injections, known",
    "association/controls.parquet": "What chance gives for each Fermi source",
    "association/known.parquet": "Fermi sources whose counterpart is known: what came out",
    "tables/fermi_sources.*": "One row per Fermi source of the plane: its state and counterpart",
    "tables/candidates.*": "One row per Fermi source and candidate, with probabilities",
    "enrichment/targets.parquet": "Positions around which the surveys are searched",
    "enrichment/*/*.parquet": "Survey sources around the targets of one shard",
    "identification/model.json": "What the identification learnt, and what chance gives it",
    "tables/identifications.*": "Optical and infrared objects of the Chandra candidates",
    "tables/evidence.*": "What the objects say of each candidate, in numbers and words",
    "tables/counterparts.*": "One row per Fermi source: its counterpart at all wavelengths",
    "tables/counterparts_*": "Survey sources around the Fermi positions and the Chandra candidates",
    "tables/grouped_csc_fermi_gaia_2mass_pairs.*": (
        "One row per Fermi source, with the nearest survey sources as lists"
    ),
    "exports/counterparts.*": "One row per Fermi source: its counterpart, for TOPCAT and Aladin",
    "exports/fermi_sources.*": "One row per Fermi source: its state, for TOPCAT and Aladin",
    "exports/candidates.reg": "The candidates that count, in the colour of their state, for DS9",
    "exports/candidates.*": "One row per Fermi source and candidate, for TOPCAT and Aladin",
    "exports/identifications.*": "Objects of the Chandra candidates, for TOPCAT and Aladin",
    "exports/fermi_ellipses.reg": "Error ellipses of the Fermi sources, for DS9 and Aladin",
    "exports/coverage.reg": "Where Chandra has looked around the plane, for DS9",
    "exports/coverage.moc.fits": "Where Chandra has looked around the plane (MOC)",
    "exports/open_in_topcat.sh": "Opens the exported tables in TOPCAT",
    "exports/open_in_aladin.ajs": "Loads the exports into Aladin",
    "summary.json": "Every number of the run",
    "summary.txt": "Every number of the run",
    "figures/reliability.*": "Whether the probabilities hold",
    "figures/known_sources.*": "Known pulsars and binaries: whether the right source comes first",
    "figures/states.*": "What is known of each Fermi source, along the plane",
    "figures/probability.*": "Probability against place in the ellipse and flux ratio",
    "figures/identification.*": "Whether the identifications hold, by survey",
    "figures/x_ray_optical.*": "X-ray flux of the candidates against their G magnitude",
    "figures/colours.*": "Which kinds of objects the candidates are, by colours",
    "figures/exposure_map.*": "Chandra exposure of the sky, summed in cells",
    "figures/plane_sky.*": "Chandra sources of the plane on the sky, by flux",
    "figures/plane_map.*": "Chandra sources of the plane in strips of longitude",
    "figures/plane_histograms.*": "Chandra sources of the plane by longitude and latitude",
    "figures/association_map.*": "Chandra sources inside Fermi error circles, by flux ratio",
    "figures/match_map.*": "Fermi sources by number of Chandra sources in their circles",
    "figures/matches_by_position.*": "Chandra sources per circle by longitude and latitude",
    "figures/matches_by_flux.*": "Chandra sources per circle against gamma-ray flux",
    "figures/separations.*": "Distances of the pairs in units of the 95 % error ellipse",
    "figures/flux_ratio_by_position.*": "X-ray over gamma-ray flux by longitude and latitude",
    "figures/flux_ratio_by_class.*": "X-ray over gamma-ray flux by Fermi class",
    "figures/counterparts_by_class.*": "Fermi sources with survey sources, by Fermi class",
    "figures/variability_by_class.*": "Gaia sources by Fermi class and variability flag",
    "figures/variable_fraction.*": "Fraction of Gaia sources flagged as variable, by Fermi class",
    "figures/offsets.*": "Survey sources around the Chandra candidates, by separation",
    "figures/class_shares.*": "Fermi sources of the plane by group of class",
    "figures/class_subsample.*": "Fluxes of the sources of the chosen classes",
    "tables/class_shares.*": "Classes of the Fermi sources by latitude",
    "tables/class_subsample.*": "Fermi sources of the chosen classes",
    "comparisons/*/tables/compared_sources.*": (
        "One row per Fermi source of two runs: what has become of it, and why"
    ),
    "comparisons/*/tables/compared_chandra.*": "One row per Chandra candidate of two runs",
    "comparisons/*/figures/compared_probabilities.*": (
        "Probability of the likeliest Chandra source, before and after"
    ),
    "comparisons/*/figures/compared_moves.*": "How far the Fermi sources have moved",
    "comparisons/*/figures/compared_states.*": "Fermi sources from state to state",
}


def description(path: str, fermi_release: str = "") -> str:
    """What a product is, in a few words.

    Parameters
    ----------
    path : str
    fermi_release : str, optional
        The list of Fermi sources, if it is not the usual one.

    Raises
    ------
    XgammaError
        If it is none of the products that are known here.
    """
    for pattern, text in _DESCRIPTIONS.items():
        if fnmatchcase(path, pattern):
            return text.replace(_FERMI_RELEASE, fermi_release or _FERMI_RELEASE)
    raise XgammaError(
        f"provenance: {path} is a product without a description: enter one in "
        f"xgamma/provenance/products.py"
    )


def product_name(path: str) -> str:
    """A product's path without the digest that the file of a shard has in its name.

    The digest is of all that the shard depends on, the service's address among it: the same
    shard of another archive, or of a replay, has another.
    """
    shard = ShardFile.of(path)
    return path if shard is None else shard.name
