"""The archives and surveys that are there if the configuration names no others.

`config/config.yaml` has the same, with the reasons.
"""

from __future__ import annotations

from typing import Any

from xgamma.config.check import DEMO_URL

__all__ = ["SHIPPED_ARCHIVES", "SHIPPED_SURVEYS"]

_VIZIER = "https://tapvizier.cds.unistra.fr/TAPVizieR/tap"
_GAVO = "http://dc.g-vo.org/tap"

_DEMO = {
    "simulated": True,
    "catalogs_at": "heasarc",
    "services": {
        service: {
            "url": f"{DEMO_URL}{service}/tap",
            "max_requests": 4,
            "mode": "sync",
            "upload": True,
        }
        for service in ("heasarc", "gaia", "irsa")
    },
}

_HEASARC = {
    "url": "https://heasarc.gsfc.nasa.gov/xamin/vo/tap",
    "max_requests": 2,
    "mode": "sync",
    "upload": True,
    "releases": {"csc": "2.1", "fermilpsc": "4FGL-DR4"},
    "mirrors": [
        {
            "name": "vizier",
            "url": _VIZIER,
            "mode": "async",
            "tables": {
                "csc": {
                    "table": '"IX/70/csc21mas"',
                    "release": "2.1",
                    "rows": 407806,
                    "columns": {
                        "name": '"2CXO"',
                        "ra": "RAICRS",
                        "dec": "DEICRS",
                        "b_flux_ap": "Fluxb",
                    },
                }
            },
        }
    ],
}

_GAIA = {
    "url": "https://gea.esac.esa.int/tap-server/tap",
    "max_requests": 2,
    "mode": "async",
    "upload": True,
    "releases": {"gaiadr3.gaia_source": "DR3"},
    "mirrors": [
        {
            "name": "vizier",
            "url": _VIZIER,
            "mode": "async",
            "tables": {
                "gaiadr3.gaia_source": {
                    "table": '"I/355/gaiadr3"',
                    "release": "DR3",
                    "columns": {
                        "source_id": "Source",
                        "ra": "RA_ICRS",
                        "dec": "DE_ICRS",
                        "parallax": "Plx",
                        "pmra": "pmRA",
                        "pmdec": "pmDE",
                        "phot_g_mean_mag": "Gmag",
                        "ruwe": "RUWE",
                    },
                }
            },
        },
        {
            "name": "gavo",
            "url": _GAVO,
            "mode": "async",
            "tables": {
                "gaiadr3.gaia_source": {
                    "table": "gaia.dr3lite",
                    "release": "DR3",
                    "columns": {
                        "source_id": "source_id",
                        "ra": "ra",
                        "dec": "dec",
                        "phot_g_mean_mag": "phot_g_mean_mag",
                    },
                }
            },
        },
    ],
}

_IRSA = {
    "url": "https://irsa.ipac.caltech.edu/TAP",
    "max_requests": 2,
    "mode": "async",
    "upload": True,
    "releases": {"fp_psc": "all-sky"},
    "mirrors": [
        {
            "name": "vizier",
            "url": _VIZIER,
            "mode": "async",
            "tables": {
                "fp_psc": {
                    "table": '"II/246/out"',
                    "release": "all-sky",
                    "columns": {
                        "designation": '"2MASS"',
                        "ra": "RAJ2000",
                        "dec": "DEJ2000",
                        "err_maj": "errMaj",
                        "err_min": "errMin",
                        "err_ang": "errPA",
                        "j_m": "Jmag",
                        "j_msigcom": "e_Jmag",
                        "jdate": "JD",
                    },
                }
            },
        },
        {
            "name": "gavo",
            "url": _GAVO,
            "mode": "async",
            "tables": {
                "fp_psc": {
                    "table": "twomass.data",
                    "release": "all-sky",
                    "columns": {
                        "designation": "mainId",
                        "ra": "RAJ2000",
                        "dec": "DEJ2000",
                        "err_maj": "errMaj",
                        "j_m": "Jmag",
                    },
                }
            },
        },
    ],
}

SHIPPED_ARCHIVES: dict[str, Any] = {
    "demo": _DEMO,
    "live": {
        "simulated": False,
        "catalogs_at": "heasarc",
        "services": {"heasarc": _HEASARC, "gaia": _GAIA, "irsa": _IRSA},
    },
}
"""The default of `archives`, as YAML would give it."""

SHIPPED_SURVEYS: dict[str, Any] = {
    "gaia": {
        "service": "gaia",
        "table": "gaiadr3.gaia_source",
        "id": "source_id",
        "position": ["ra", "dec"],
        "columns": {
            "phot_g_mean_flux": "gaia_mean_g_flux",
            "phot_g_mean_mag": "gaia_mean_g_mag",
            "phot_variable_flag": "gaia_variability",
            "classprob_dsc_combmod_quasar": "gaia_prob_quasar",
            "classprob_dsc_combmod_galaxy": "gaia_prob_galaxy",
            "classprob_dsc_combmod_star": "gaia_prob_star",
            "ra_error": "gaia_ra_error",
            "dec_error": "gaia_dec_error",
            "parallax": "gaia_parallax",
            "pmra": "gaia_pmra",
            "pmdec": "gaia_pmdec",
            "ref_epoch": "gaia_ref_epoch",
            "ruwe": "gaia_ruwe",
            "bp_rp": "gaia_bp_rp",
            "phot_bp_mean_mag": "gaia_bp_mag",
            "duplicated_source": "gaia_duplicated",
        },
        "optional": ["bp_rp", "phot_bp_mean_mag", "duplicated_source"],
        "identify": {
            "magnitude": "phot_g_mean_mag",
            "errors": ["ra_error", "dec_error"],
            "proper_motion": ["pmra", "pmdec"],
            "epoch": "ref_epoch",
            "epoch_year": 2016,
        },
    },
    "twomass": {
        "service": "irsa",
        "table": "fp_psc",
        "id": "designation",
        "position": ["ra", "dec"],
        "columns": {
            "j_m": "twomass_j_mag",
            "h_m": "twomass_h_mag",
            "k_m": "twomass_k_mag",
            "err_maj": "twomass_err_maj",
            "err_min": "twomass_err_min",
            "err_ang": "twomass_err_ang",
            "ph_qual": "twomass_ph_qual",
            "cc_flg": "twomass_cc_flg",
            "jdate": "twomass_jdate",
        },
        "optional": ["jdate"],
        "identify": {
            "magnitude": "j_m",
            "errors": ["err_maj", "err_min", "err_ang"],
            "epoch": "jdate",
            "epoch_year": 1999.5,
        },
    },
}
"""The default of `surveys`, as YAML would give it."""
