"""The tables of the demo archive: what each column is called, holds and means.

The DuckDB file, TAP_SCHEMA and the tests all take them from here. Names, units and
types are those of the archives that the demo stands for: HEASARC (`chanmaster`, `csc`,
`fermilpsc`), ESA (`gaiadr3.gaia_source`) and IRSA (`fp_psc`, `allwise_p3as_psd`). Units are
spelt as VOUnits, UCDs as UCD1+. The names of the Chandra catalogue's hardness ratios are those
of that catalogue: under which HEASARC has them is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEMO_TABLES", "ServedColumn", "ServedTable", "served_table"]

_DUCKDB_TYPES = {
    "char": "VARCHAR",
    "double": "DOUBLE",
    "float": "REAL",
    "long": "BIGINT",
    "int": "INTEGER",
    "boolean": "BOOLEAN",
}


@dataclass(frozen=True)
class ServedColumn:
    """A column as TAP_SCHEMA describes it.

    Parameters
    ----------
    name : str
    datatype : {'char', 'double', 'float', 'long', 'int', 'boolean'}
        VOTable datatype; 'char' has the arraysize '*'.
    unit : str
        VOUnit; '' if it has none.
    ucd : str
        UCD1+; '' if none fits.
    description : str
    principal : bool
        Whether the column belongs to a first look at the table.
    indexed : bool
        Whether a range in this column is found quickly.
    """

    name: str
    datatype: str
    unit: str = ""
    ucd: str = ""
    description: str = ""
    principal: bool = True
    indexed: bool = False

    @property
    def arraysize(self) -> str | None:
        """'*' for text, None for numbers."""
        return "*" if self.datatype == "char" else None

    @property
    def duckdb_type(self) -> str:
        """The type of the column in the DuckDB file."""
        return _DUCKDB_TYPES[self.datatype]


@dataclass(frozen=True)
class ServedTable:
    """A table of the demo archive, as queries and TAP_SCHEMA name it.

    Parameters
    ----------
    name : str
        As queries spell it, for instance 'gaiadr3.gaia_source'.
    schema : str
        Name of its TAP_SCHEMA schema: 'heasarc', 'gaiadr3', 'irsa' or 'TAP_SCHEMA'.
    physical : str
        Qualified name in the DuckDB file.
    description : str
    columns : tuple of ServedColumn
    """

    name: str
    schema: str
    physical: str
    description: str
    columns: tuple[ServedColumn, ...]


def _equatorial(note: str = "") -> tuple[ServedColumn, ...]:
    return (
        ServedColumn("ra", "double", "deg", "pos.eq.ra;meta.main", f"Right ascension, ICRS{note}"),
        ServedColumn(
            "dec",
            "double",
            "deg",
            "pos.eq.dec;meta.main",
            f"Declination, ICRS{note}",
            indexed=True,
        ),
    )


def _galactic_at_heasarc() -> tuple[ServedColumn, ...]:
    return (
        ServedColumn("lii", "double", "deg", "pos.galactic.lon", "Galactic longitude"),
        ServedColumn("bii", "double", "deg", "pos.galactic.lat", "Galactic latitude"),
    )


def _hardness(name: str, description: str) -> tuple[ServedColumn, ...]:
    """A hardness ratio of the Chandra catalogue and its 68 % limits."""
    ucd = "phot.color;em.X-ray"
    return (
        ServedColumn(name, "double", "", ucd, f"Hardness ratio {description}"),
        ServedColumn(
            f"{name}_lolim", "double", "", f"{ucd};stat.min", f"68 % lower limit of {name}", False
        ),
        ServedColumn(
            f"{name}_hilim", "double", "", f"{ucd};stat.max", f"68 % upper limit of {name}", False
        ),
    )


def _csc_flag(name: str, meaning: str) -> ServedColumn:
    return ServedColumn(name, "char", "", "meta.code.qual", f"T or F: whether {meaning}", False)


def _wise_band(band: int, ucd: str, wavelength: str) -> tuple[ServedColumn, ...]:
    return (
        ServedColumn(
            f"w{band}mpro",
            "float",
            "mag",
            f"phot.mag;{ucd}",
            f"W{band} magnitude ({wavelength} micrometres); a limit if w{band}sigmpro is null",
        ),
        ServedColumn(
            f"w{band}sigmpro",
            "float",
            "mag",
            f"stat.error;phot.mag;{ucd}",
            f"1-sigma error of w{band}mpro",
            principal=False,
        ),
    )


_FLUX = "erg.cm**-2.s**-1"

_CHANMASTER = ServedTable(
    "chanmaster",
    "heasarc",
    "main.chanmaster",
    "Simulated Chandra observations",
    (
        ServedColumn("obsid", "char", "", "meta.id;meta.main", "Observation identifier"),
        ServedColumn("name", "char", "", "meta.id;src", "Target; all are simulated and say so"),
        *_equatorial(" (pointing)"),
        *_galactic_at_heasarc(),
        ServedColumn(
            "exposure",
            "double",
            "s",
            "time.duration;obs.exposure",
            "Exposure; 0 before the observation is made",
        ),
        ServedColumn("detector", "char", "", "meta.id;instr.det", "ACIS-I, ACIS-S, HRC-I or HRC-S"),
        ServedColumn(
            "status",
            "char",
            "",
            "meta.code.status;obs",
            "archived, observed, scheduled or unobserved",
        ),
        ServedColumn("grating", "char", "", "meta.code;instr.setup", "NONE, HETG or LETG"),
        ServedColumn("time", "double", "d", "time.start;obs", "Start of the observation (MJD)"),
        ServedColumn(
            "public_date",
            "double",
            "d",
            "time.release",
            "Release of the data (MJD); null before the observation is made",
        ),
    ),
)

_CSC = ServedTable(
    "csc",
    "heasarc",
    "main.csc",
    "Simulated sources of a Chandra source catalogue",
    (
        ServedColumn(
            "name", "char", "", "meta.id;meta.main", "Source; all are simulated and say so"
        ),
        *_equatorial(),
        *_galactic_at_heasarc(),
        ServedColumn(
            "error_ellipse_r0",
            "double",
            "arcsec",
            "stat.error;phys.angSize.smajAxis",
            "Semi-major axis of the 95 % position error ellipse",
        ),
        ServedColumn(
            "error_ellipse_r1",
            "double",
            "arcsec",
            "stat.error;phys.angSize.sminAxis",
            "Semi-minor axis of the 95 % position error ellipse",
        ),
        ServedColumn(
            "error_ellipse_angle",
            "double",
            "deg",
            "pos.posAng",
            "Position angle of the error ellipse's major axis, east of north",
        ),
        ServedColumn(
            "b_flux_ap",
            "double",
            _FLUX,
            "phot.flux;em.X-ray",
            "Aperture flux, ACIS broad band, 0.5-7 keV, not corrected for absorption",
        ),
        ServedColumn(
            "b_flux_ap_lo",
            "double",
            _FLUX,
            "phot.flux;em.X-ray;stat.min",
            "68 % lower limit of b_flux_ap; 0 makes b_flux_ap_hi an upper limit",
            principal=False,
        ),
        ServedColumn(
            "b_flux_ap_hi",
            "double",
            _FLUX,
            "phot.flux;em.X-ray;stat.max",
            "68 % upper limit of b_flux_ap",
            principal=False,
        ),
        ServedColumn(
            "significance", "double", "", "stat.snr", "Signal-to-noise ratio of the detection"
        ),
        *_hardness("hard_hm", "(H - M) / (H + M), H 2-7 keV, M 1.2-2 keV"),
        *_hardness("hard_ms", "(M - S) / (M + S), M 1.2-2 keV, S 0.5-1.2 keV"),
        _csc_flag("extent_flag", "the source is extended"),
        _csc_flag("pileup_flag", "more than a tenth of the events are piled up"),
        _csc_flag("sat_src_flag", "the source is saturated"),
        _csc_flag("conf_flag", "its region overlaps that of another source"),
        _csc_flag("var_flag", "its flux varies"),
    ),
)

_FERMILPSC = ServedTable(
    "fermilpsc",
    "heasarc",
    "main.fermilpsc",
    "Fermi LAT sources: the real 4FGL-DR4 list (Fermi-LAT Collaboration); only counterpart_ra "
    "and counterpart_dec are simulated",
    (
        ServedColumn("name", "char", "", "meta.id;meta.main", "Source name"),
        *_equatorial(),
        *_galactic_at_heasarc(),
        ServedColumn(
            "semi_major_axis_95",
            "double",
            "deg",
            "stat.error;phys.angSize.smajAxis",
            "Semi-major axis of the 95 % position error ellipse; null for extended sources",
        ),
        ServedColumn(
            "semi_minor_axis_95",
            "double",
            "deg",
            "stat.error;phys.angSize.sminAxis",
            "Semi-minor axis of the 95 % position error ellipse",
        ),
        ServedColumn(
            "position_angle_95",
            "double",
            "deg",
            "pos.posAng",
            "Position angle of the error ellipse's major axis, east of north",
        ),
        ServedColumn(
            "detection_significance",
            "double",
            "",
            "stat.snr",
            "Significance, 50 MeV - 1 TeV, in sigma",
        ),
        ServedColumn(
            "energy_flux", "double", _FLUX, "phot.flux;em.gamma", "Energy flux, 0.1-100 GeV"
        ),
        ServedColumn(
            "energy_flux_error",
            "double",
            _FLUX,
            "stat.error;phot.flux;em.gamma",
            "1-sigma error of energy_flux",
        ),
        ServedColumn(
            "flux_1_100_gev",
            "double",
            "cm**-2.s**-1",
            "phot.flux;em.gamma",
            "Integral photon flux, 1-100 GeV",
        ),
        ServedColumn(
            "source_type",
            "char",
            "",
            "src.class",
            "Class, padded with blanks; upper case = identified, lower case = associated",
        ),
        ServedColumn(
            "assoc_name", "char", "", "meta.id.assoc", "Associated or identified source", False
        ),
        ServedColumn(
            "assoc_prob_bay",
            "double",
            "",
            "stat.probability",
            "Probability of the association, Bayesian method",
            principal=False,
        ),
        ServedColumn(
            "assoc_prob_lr",
            "double",
            "",
            "stat.probability",
            "Probability of the association, likelihood-ratio method",
            principal=False,
        ),
        ServedColumn(
            "analysis_flags", "int", "", "meta.code.qual", "Analysis flags, one bit each", False
        ),
        ServedColumn(
            "pl_index", "double", "", "spect.index;em.gamma", "Photon index, power-law fit"
        ),
        ServedColumn(
            "variability_index",
            "double",
            "",
            "src.var.index",
            "Twice the difference of log-likelihood, variable against constant flux",
        ),
        ServedColumn(
            "lp_sigcurv",
            "double",
            "",
            "stat.snr;spect.index",
            "Significance of the curvature, log-parabola against power law, in sigma",
        ),
        ServedColumn(
            "counterpart_ra",
            "double",
            "deg",
            "pos.eq.ra",
            "Simulated: right ascension of the associated object, ICRS",
            principal=False,
        ),
        ServedColumn(
            "counterpart_dec",
            "double",
            "deg",
            "pos.eq.dec",
            "Simulated: declination of the associated object, ICRS",
            principal=False,
        ),
    ),
)

_GAIA = ServedTable(
    "gaiadr3.gaia_source",
    "gaiadr3",
    "gaiadr3.gaia_source",
    "Simulated optical sources around the X-ray candidates",
    (
        ServedColumn(
            "source_id",
            "long",
            "",
            "meta.id;meta.main",
            "Identifier; larger than any that the real catalogue uses",
        ),
        *_equatorial(" at ref_epoch"),
        ServedColumn("l", "double", "deg", "pos.galactic.lon", "Galactic longitude"),
        ServedColumn("b", "double", "deg", "pos.galactic.lat", "Galactic latitude"),
        ServedColumn("phot_g_mean_mag", "float", "mag", "phot.mag;em.opt", "G band mean magnitude"),
        ServedColumn(
            "phot_g_mean_flux",
            "double",
            "s**-1",
            "phot.flux;em.opt",
            "G band mean flux, electrons per second",
        ),
        ServedColumn(
            "phot_bp_mean_mag", "float", "mag", "phot.mag;em.opt.B", "BP band mean magnitude"
        ),
        ServedColumn(
            "bp_rp", "float", "mag", "phot.color;em.opt.B;em.opt.R", "Colour BP - RP", False
        ),
        ServedColumn(
            "phot_variable_flag",
            "char",
            "",
            "meta.code;src.var",
            "VARIABLE, or NOT_AVAILABLE where nothing is known",
        ),
        ServedColumn(
            "classprob_dsc_combmod_quasar",
            "float",
            "",
            "stat.probability",
            "Probability of being a quasar",
            principal=False,
        ),
        ServedColumn(
            "classprob_dsc_combmod_galaxy",
            "float",
            "",
            "stat.probability",
            "Probability of being a galaxy",
            principal=False,
        ),
        ServedColumn(
            "classprob_dsc_combmod_star",
            "float",
            "",
            "stat.probability",
            "Probability of being a single star",
            principal=False,
        ),
        ServedColumn("parallax", "double", "mas", "pos.parallax.trig", "Parallax"),
        ServedColumn(
            "ra_error",
            "float",
            "mas",
            "stat.error;pos.eq.ra",
            "Standard error of ra times cos(dec)",
        ),
        ServedColumn("dec_error", "float", "mas", "stat.error;pos.eq.dec", "Standard error of dec"),
        ServedColumn(
            "ref_epoch", "double", "yr", "meta.ref;time.epoch", "Reference epoch (Julian year)"
        ),
        ServedColumn(
            "pmra",
            "double",
            "mas.yr**-1",
            "pos.pm;pos.eq.ra",
            "Proper motion in ra times cos(dec); null for two-parameter solutions",
        ),
        ServedColumn(
            "pmdec",
            "double",
            "mas.yr**-1",
            "pos.pm;pos.eq.dec",
            "Proper motion in dec; null for two-parameter solutions",
        ),
        ServedColumn(
            "ruwe", "float", "", "stat.error", "Renormalised unit weight error", principal=False
        ),
        ServedColumn(
            "duplicated_source",
            "boolean",
            "",
            "meta.code.status",
            "Whether other sources at this place were left out as duplicates",
            principal=False,
        ),
    ),
)

_FP_PSC = ServedTable(
    "fp_psc",
    "irsa",
    "main.fp_psc",
    "Simulated near-infrared sources around the X-ray candidates",
    (
        ServedColumn(
            "designation", "char", "", "meta.id;meta.main", "Source; all are simulated and say so"
        ),
        *_equatorial(),
        ServedColumn("glon", "double", "deg", "pos.galactic.lon", "Galactic longitude, rounded"),
        ServedColumn("glat", "double", "deg", "pos.galactic.lat", "Galactic latitude, rounded"),
        ServedColumn("j_m", "float", "mag", "phot.mag;em.IR.J", "J magnitude"),
        ServedColumn("h_m", "float", "mag", "phot.mag;em.IR.H", "H magnitude"),
        ServedColumn("k_m", "float", "mag", "phot.mag;em.IR.K", "K_s magnitude"),
        ServedColumn(
            "err_maj",
            "float",
            "arcsec",
            "stat.error;phys.angSize.smajAxis",
            "Semi-major axis of the 1-sigma position error ellipse",
        ),
        ServedColumn(
            "err_min",
            "float",
            "arcsec",
            "stat.error;phys.angSize.sminAxis",
            "Semi-minor axis of the 1-sigma position error ellipse",
        ),
        ServedColumn("err_ang", "int", "deg", "pos.posAng", "Position angle of the error ellipse"),
        ServedColumn(
            "ph_qual",
            "char",
            "",
            "meta.code.qual;phot",
            "Photometric quality, one letter a band; U = upper limit, X = no brightness",
        ),
        ServedColumn(
            "cc_flg",
            "char",
            "",
            "meta.code;phot",
            "Contamination and confusion, one character a band; 000 = clean",
            principal=False,
        ),
        ServedColumn("jdate", "double", "d", "time.epoch", "Julian date of the measurement"),
    ),
)

_ALLWISE = ServedTable(
    "allwise_p3as_psd",
    "irsa",
    "main.allwise_p3as_psd",
    "Simulated mid-infrared sources around the X-ray candidates",
    (
        ServedColumn(
            "designation", "char", "", "meta.id;meta.main", "Source; all are simulated and say so"
        ),
        *_equatorial(),
        ServedColumn(
            "sigra", "float", "arcsec", "stat.error;pos.eq.ra", "1-sigma error of ra times cos(dec)"
        ),
        ServedColumn("sigdec", "float", "arcsec", "stat.error;pos.eq.dec", "1-sigma error of dec"),
        *_wise_band(1, "em.IR.3-4um", "3.4"),
        *_wise_band(2, "em.IR.4-8um", "4.6"),
        *_wise_band(3, "em.IR.8-15um", "12"),
        *_wise_band(4, "em.IR.15-30um", "22"),
        ServedColumn(
            "ph_qual",
            "char",
            "",
            "meta.code.qual;phot",
            "Photometric quality, one letter a band; A is best, U = upper limit",
        ),
        ServedColumn(
            "cc_flags",
            "char",
            "",
            "meta.code;phot",
            "Contamination and confusion, one character a band; 0000 = clean",
            principal=False,
        ),
    ),
)

DEMO_TABLES: tuple[ServedTable, ...] = (_CHANMASTER, _CSC, _FERMILPSC, _GAIA, _FP_PSC, _ALLWISE)


def served_table(name: str) -> ServedTable:
    """The table of that name, case folded.

    Raises
    ------
    KeyError
        If the demo archive has no such table.
    """
    for table in DEMO_TABLES:
        if table.name.lower() == name.lower():
            return table
    raise KeyError(name)
