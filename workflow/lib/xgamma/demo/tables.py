"""The tables of the demo archive: what each column is called, holds and means.

One dictionary serves the DuckDB file, TAP_SCHEMA and the tests. Names, units and
types are those of the archives that the demo stands for: HEASARC (`chanmaster`, `csc`,
`fermilpsc`), ESA (`gaiadr3.gaia_source`) and IRSA (`fp_psc`). Units are spelt as
VOUnits, UCDs as UCD1+.
"""

from __future__ import annotations

from xgamma.demo.columns import ServedColumn, ServedTable

__all__ = ["DEMO_TABLES", "ServedColumn", "ServedTable", "served_table"]

C = ServedColumn


def _equatorial(error: str = "") -> tuple[ServedColumn, ...]:
    return (
        C("ra", "double", "deg", "pos.eq.ra;meta.main", f"Right ascension, ICRS{error}"),
        C(
            "dec",
            "double",
            "deg",
            "pos.eq.dec;meta.main",
            f"Declination, ICRS{error}",
            indexed=True,
        ),
    )


def _heasarc_galactic() -> tuple[ServedColumn, ...]:
    return (
        C("lii", "double", "deg", "pos.galactic.lon", "Galactic longitude"),
        C("bii", "double", "deg", "pos.galactic.lat", "Galactic latitude"),
    )


_FLUX = "erg.cm**-2.s**-1"

_CHANMASTER = ServedTable(
    "chanmaster",
    "heasarc",
    "main.chanmaster",
    "Simulated Chandra observations",
    (
        C("obsid", "char", "", "meta.id;meta.main", "Observation identifier"),
        C("name", "char", "", "meta.id;src", "Target; all are simulated and say so"),
        *_equatorial(" (pointing)"),
        *_heasarc_galactic(),
        C(
            "exposure",
            "double",
            "s",
            "time.duration;obs.exposure",
            "Exposure; 0 before the observation is made",
        ),
        C("detector", "char", "", "meta.id;instr.det", "ACIS-I, ACIS-S, HRC-I or HRC-S"),
        C(
            "status",
            "char",
            "",
            "meta.code.status;obs",
            "archived, observed, scheduled or unobserved",
        ),
        C("grating", "char", "", "meta.code;instr.setup", "NONE, HETG or LETG"),
        C("time", "double", "d", "time.start;obs", "Start of the observation (MJD)"),
    ),
)

_CSC = ServedTable(
    "csc",
    "heasarc",
    "main.csc",
    "Simulated sources of a Chandra source catalogue",
    (
        C("name", "char", "", "meta.id;meta.main", "Source; all are simulated and say so"),
        *_equatorial(),
        *_heasarc_galactic(),
        C(
            "error_ellipse_r0",
            "double",
            "arcsec",
            "stat.error;phys.angSize.smajAxis",
            "Semi-major axis of the 95 % position error ellipse",
        ),
        C(
            "error_ellipse_r1",
            "double",
            "arcsec",
            "stat.error;phys.angSize.sminAxis",
            "Semi-minor axis of the 95 % position error ellipse",
        ),
        C(
            "error_ellipse_angle",
            "double",
            "deg",
            "pos.posAng",
            "Position angle of the error ellipse's major axis, east of north",
        ),
        C(
            "b_flux_ap",
            "double",
            _FLUX,
            "phot.flux;em.X-ray",
            "Aperture flux, ACIS broad band, 0.5-7 keV, not corrected for absorption",
        ),
        C(
            "b_flux_ap_lo",
            "double",
            _FLUX,
            "phot.flux;em.X-ray;stat.min",
            "68 % lower limit of b_flux_ap; 0 makes b_flux_ap_hi an upper limit",
            False,
        ),
        C(
            "b_flux_ap_hi",
            "double",
            _FLUX,
            "phot.flux;em.X-ray;stat.max",
            "68 % upper limit of b_flux_ap",
            False,
        ),
        C("significance", "double", "", "stat.snr", "Signal-to-noise ratio of the detection"),
    ),
)

_FERMILPSC = ServedTable(
    "fermilpsc",
    "heasarc",
    "main.fermilpsc",
    "Fermi LAT sources: the real 4FGL-DR4 list (Fermi-LAT Collaboration)",
    (
        C("name", "char", "", "meta.id;meta.main", "Source name"),
        *_equatorial(),
        *_heasarc_galactic(),
        C(
            "semi_major_axis_95",
            "double",
            "deg",
            "stat.error;phys.angSize.smajAxis",
            "Semi-major axis of the 95 % position error ellipse; null for extended sources",
        ),
        C(
            "semi_minor_axis_95",
            "double",
            "deg",
            "stat.error;phys.angSize.sminAxis",
            "Semi-minor axis of the 95 % position error ellipse",
        ),
        C(
            "position_angle_95",
            "double",
            "deg",
            "pos.posAng",
            "Position angle of the error ellipse's major axis, east of north",
        ),
        C(
            "detection_significance",
            "double",
            "",
            "stat.snr",
            "Significance, 50 MeV - 1 TeV, in sigma",
        ),
        C("energy_flux", "double", _FLUX, "phot.flux;em.gamma", "Energy flux, 0.1-100 GeV"),
        C(
            "energy_flux_error",
            "double",
            _FLUX,
            "stat.error;phot.flux;em.gamma",
            "1-sigma error of energy_flux",
        ),
        C(
            "flux_1_100_gev",
            "double",
            "cm**-2.s**-1",
            "phot.flux;em.gamma",
            "Integral photon flux, 1-100 GeV",
        ),
        C(
            "source_type",
            "char",
            "",
            "src.class",
            "Class, padded with blanks; upper case = identified, lower case = associated",
        ),
        C("assoc_name", "char", "", "meta.id.assoc", "Associated or identified source", False),
        C(
            "assoc_prob_bay",
            "double",
            "",
            "stat.probability",
            "Probability of the association, Bayesian method",
            False,
        ),
        C(
            "assoc_prob_lr",
            "double",
            "",
            "stat.probability",
            "Probability of the association, likelihood-ratio method",
            False,
        ),
        C("analysis_flags", "int", "", "meta.code.qual", "Analysis flags, one bit each", False),
    ),
)

_GAIA = ServedTable(
    "gaiadr3.gaia_source",
    "gaiadr3",
    "gaiadr3.gaia_source",
    "Simulated optical sources around the X-ray candidates",
    (
        C(
            "source_id",
            "long",
            "",
            "meta.id;meta.main",
            "Identifier; larger than any that the real catalogue uses",
        ),
        *_equatorial(" at ref_epoch"),
        C("l", "double", "deg", "pos.galactic.lon", "Galactic longitude"),
        C("b", "double", "deg", "pos.galactic.lat", "Galactic latitude"),
        C("phot_g_mean_mag", "float", "mag", "phot.mag;em.opt", "G band mean magnitude"),
        C(
            "phot_g_mean_flux",
            "double",
            "s**-1",
            "phot.flux;em.opt",
            "G band mean flux, electrons per second",
        ),
        C(
            "phot_variable_flag",
            "char",
            "",
            "meta.code;src.var",
            "VARIABLE, or NOT_AVAILABLE where nothing is known",
        ),
        C(
            "classprob_dsc_combmod_quasar",
            "float",
            "",
            "stat.probability",
            "Probability of being a quasar",
            False,
        ),
        C(
            "classprob_dsc_combmod_galaxy",
            "float",
            "",
            "stat.probability",
            "Probability of being a galaxy",
            False,
        ),
        C(
            "classprob_dsc_combmod_star",
            "float",
            "",
            "stat.probability",
            "Probability of being a single star",
            False,
        ),
        C("parallax", "double", "mas", "pos.parallax.trig", "Parallax"),
        C(
            "ra_error",
            "float",
            "mas",
            "stat.error;pos.eq.ra",
            "Standard error of ra times cos(dec)",
        ),
        C("dec_error", "float", "mas", "stat.error;pos.eq.dec", "Standard error of dec"),
        C("ref_epoch", "double", "yr", "meta.ref;time.epoch", "Reference epoch (Julian year)"),
        C(
            "pmra",
            "double",
            "mas.yr**-1",
            "pos.pm;pos.eq.ra",
            "Proper motion in ra times cos(dec); null for two-parameter solutions",
        ),
        C(
            "pmdec",
            "double",
            "mas.yr**-1",
            "pos.pm;pos.eq.dec",
            "Proper motion in dec; null for two-parameter solutions",
        ),
        C("ruwe", "float", "", "stat.error", "Renormalised unit weight error", False),
    ),
)

_FP_PSC = ServedTable(
    "fp_psc",
    "irsa",
    "main.fp_psc",
    "Simulated near-infrared sources around the X-ray candidates",
    (
        C("designation", "char", "", "meta.id;meta.main", "Source; all are simulated and say so"),
        *_equatorial(),
        C("glon", "double", "deg", "pos.galactic.lon", "Galactic longitude, rounded"),
        C("glat", "double", "deg", "pos.galactic.lat", "Galactic latitude, rounded"),
        C("j_m", "float", "mag", "phot.mag;em.IR.J", "J magnitude"),
        C("h_m", "float", "mag", "phot.mag;em.IR.H", "H magnitude"),
        C("k_m", "float", "mag", "phot.mag;em.IR.K", "K_s magnitude"),
        C(
            "err_maj",
            "float",
            "arcsec",
            "stat.error;phys.angSize.smajAxis",
            "Semi-major axis of the 1-sigma position error ellipse",
        ),
        C(
            "err_min",
            "float",
            "arcsec",
            "stat.error;phys.angSize.sminAxis",
            "Semi-minor axis of the 1-sigma position error ellipse",
        ),
        C("err_ang", "int", "deg", "pos.posAng", "Position angle of the error ellipse"),
        C(
            "ph_qual",
            "char",
            "",
            "meta.code.qual;phot",
            "Photometric quality, one letter a band; U = upper limit, X = no brightness",
        ),
        C(
            "cc_flg",
            "char",
            "",
            "meta.code;phot",
            "Contamination and confusion, one character a band; 000 = clean",
            False,
        ),
        C("jdate", "double", "d", "time.epoch", "Julian date of the measurement"),
    ),
)

DEMO_TABLES: tuple[ServedTable, ...] = (_CHANMASTER, _CSC, _FERMILPSC, _GAIA, _FP_PSC)


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
