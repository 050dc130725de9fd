"""The settings of the X-ray catalogue: where it is, and which columns play which part.

As shipped it is the Chandra Source Catalog at HEASARC, and the workflow's own names of columns are
those of that table. Of another catalogue only the columns are taken that are named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xgamma.config.archives import SERVICE_COLUMN, SERVICE_TABLE
from xgamma.config.kinds import Named, Number, Text, block, setting
from xgamma.config.wording import did_you_mean, value_text
from xgamma.tables.xray_words import CHANDRA_WORDS

__all__ = ["CHANDRA", "OBSERVATION_PARTS", "PARTS", "Observations", "Xray", "xray_clashes"]

CHANDRA, OBSERVATIONS = "csc", "chanmaster"
"""The tables of the Chandra Source Catalog and its observations, whose names the workflow uses."""

PARTS = {
    "name": "name",
    "ra": "ra",
    "dec": "dec",
    "l": "lii",
    "b": "bii",
    "error": "error_ellipse_r0",
    "error_minor": "error_ellipse_r1",
    "error_angle": "error_ellipse_angle",
    "flux": "b_flux_ap",
    "flux_lower": "b_flux_ap_lo",
    "flux_upper": "b_flux_ap_hi",
    "significance": "significance",
    "hard_hm": "hard_hm",
    "hard_ms": "hard_ms",
    "extended": "extent_flag",
    "piled_up": "pileup_flag",
    "saturated": "sat_src_flag",
    "confused": "conf_flag",
    "variable": "var_flag",
}
"""Part that a column plays -> its name in `catalogs/csc.parquet`."""

OBSERVATION_PARTS = {
    "obsid": "obsid",
    "target": "name",
    "ra": "ra",
    "dec": "dec",
    "time": "time",
    "exposure": "exposure",
    "detector": "detector",
    "status": "status",
    "grating": "grating",
    "public_date": "public_date",
}
"""The same of the list of observations, `catalogs/chanmaster.parquet`."""

_NEEDED, _NEEDED_OF_OBSERVATIONS = (
    ("name", "ra", "dec", "error"),
    ("obsid", "ra", "dec", "time", "exposure"),
)
_WORDS = Text(".{1,60}", "it is a name of 1 to 60 characters", "a name")
_PART_NAME = Text("[a-z_]+", "a part is a word in small letters")
_COLUMNS = Named(
    _PART_NAME,
    SERVICE_COLUMN,
    "it is a block of parts and columns",
    "part: column",
    placeholder="<part>",
)


@dataclass(frozen=True)
class Observations:
    """The observations that the catalogue is made from: they say where was looked, and how long."""

    table: str = setting(
        Text(
            rf"({SERVICE_TABLE.pattern})?",
            "it is a table's name, or empty if there is no such list",
            "as ADQL needs it, or nothing",
        ),
        default=OBSERVATIONS,
        what="Its table, at the service of the catalogue. Empty: there is none; then "
        "`coverage.source` is `moc`.",
    )
    columns: dict[str, str] = setting(
        _COLUMNS,
        default={},
        what="As `xray.columns`. Parts: "
        + ", ".join(f"`{part}`" for part in OBSERVATION_PARTS)
        + ". Needed are the first but `target` up to `exposure` (s); times are MJD.",
    )
    radius_arcmin: float = setting(
        Number("[0, 60]", "the radius of a field of view lies in {range} arcmin"),
        default=0,
        what="Radius of the field of view, if it is a disc: 15 for XMM. 0: by Chandra's detectors.",
    )


@dataclass(frozen=True)
class Xray:
    """The catalogue whose sources are held against Fermi's. See
    [another X-ray catalogue](#another-x-ray-catalogue).
    """

    name: str = setting(
        Text("[a-z][a-z0-9]{0,11}", "it is a short name of a-z and 0-9", "a-z, 0-9"),
        default=CHANDRA_WORDS.name,
        what="How columns of the tables begin that are about its sources: `csc_name`.",
    )
    telescope: str = setting(
        _WORDS, default=CHANDRA_WORDS.telescope, what="For titles and texts: who has looked."
    )
    catalog: str = setting(
        _WORDS, default=CHANDRA_WORDS.catalog, what="For titles and texts: the catalogue."
    )
    table: str = setting(
        SERVICE_TABLE,
        default=CHANDRA,
        what="Its table, at the service that `archives.<name>.catalogs_at` names.",
    )
    columns: dict[str, str] = setting(
        _COLUMNS,
        default={},
        what="Which column plays which part. Of another table than `csc` these alone are taken, "
        "and what is not here is null. Parts: "
        + ", ".join(f"`{part}`" for part in PARTS)
        + ". Needed: `name`, `ra`, `dec` (ICRS, deg), `error` (arcsec).",
    )
    error_factor: float = setting(
        Number("(0, 10]", "a factor of errors lies in {range}"),
        default=1,
        what="The 95 % radius is the catalogue's error times this: 2.45 for one standard deviation "
        "on each axis, 1.73 for a radius that adds both in quadrature.",
    )
    flux_factor: float = setting(
        Number("(0, 10]", "a factor of fluxes lies in {range}"),
        default=1,
        what="The flux at 0.5-7 keV is the catalogue's times this. For a power law of photon index "
        "1.7, 0.2-12 keV: 0.66.",
    )
    observations: Observations = block(Observations)

    @property
    def words(self) -> dict[str, str]:
        """The words for it, as `xgamma.tables.xray_words.XrayWords` takes them; none as shipped."""
        shipped = vars(CHANDRA_WORDS)
        return {key: getattr(self, key) for key in shipped if getattr(self, key) != shipped[key]}

    @property
    def spelt_tables(self) -> dict[str, dict[str, Any]]:
        """The map of tables and columns for the service that has it; empty for `csc` as shipped."""
        observations = self.observations
        factors = {
            **dict.fromkeys(("error", "error_minor"), self.error_factor),
            **dict.fromkeys(("flux", "flux_lower", "flux_upper"), self.flux_factor),
        }
        return {
            **_spelt(CHANDRA, self.table, PARTS, self.columns, factors),
            **_spelt(OBSERVATIONS, observations.table, OBSERVATION_PARTS, observations.columns, {}),
        }


def _spelt(
    shipped: str,
    table: str,
    parts: Mapping[str, str],
    columns: Mapping[str, str],
    factors: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    """The map of one table, by its shipped name; none, if nothing about it differs."""
    is_other = table.lower() != shipped
    differing = {parts[part]: factor for part, factor in factors.items() if factor != 1}
    if not (columns or differing or is_other):
        return {}
    spelt = {parts[part]: column for part, column in columns.items()}
    return {shipped: {"table": table, "columns": spelt, "only": is_other, "factors": differing}}


def xray_clashes(config: Mapping[str, Any]) -> Iterator[str]:
    """Word parts that there are not, needed ones without a column, and what coverage needs."""
    xray, min_flux = config["xray"], config["crossmatch"]["min_flux"]
    observations = xray["observations"]
    is_chandra = xray["table"].lower() == CHANDRA
    yield from _columns_clash("xray", is_chandra, xray["columns"], PARTS, _NEEDED)
    if observations["table"]:
        yield from _columns_clash(
            "xray.observations",
            observations["table"].lower() == OBSERVATIONS,
            observations["columns"],
            OBSERVATION_PARTS,
            _NEEDED_OF_OBSERVATIONS,
        )
    elif config["coverage"]["source"] != "moc":
        yield (
            f"coverage.source is {value_text(config['coverage']['source'])}; without a list of "
            "observations (xray.observations.table) it is moc, a map of your own"
        )
    if not is_chandra and "flux" not in xray["columns"] and min_flux is not None:
        yield (
            f"crossmatch.min_flux is {value_text(min_flux)}; without xray.columns.flux no "
            "source has a flux, so it is null"
        )


def _columns_clash(
    place: str,
    is_shipped: bool,
    columns: Mapping[str, str],
    parts: Mapping[str, str],
    needed: tuple[str, ...],
) -> Iterator[str]:
    for part in columns:
        if part not in parts:
            yield (
                f"{place}.columns.{part} is {value_text(columns[part])}, but there is no such "
                f"part; they are {', '.join(parts)}{did_you_mean(part, parts)}"
            )
    for part in needed:
        if part not in columns and not is_shipped:
            yield f"{place}.columns.{part} is missing; {place}.table is not the shipped one"
