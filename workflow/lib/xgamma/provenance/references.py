"""The catalogues that the archives hold: their names, whom to credit, where they are described."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Reference", "reference_of"]


class Reference(NamedTuple):
    """What is cited of a catalogue; `credit` and `url` are '' if that is not known."""

    name: str
    credit: str = ""
    url: str = ""


_REFERENCES = {
    "chanmaster": Reference(
        "Chandra observations (chanmaster)",
        "Chandra X-ray Center; HEASARC",
        "https://heasarc.gsfc.nasa.gov/W3Browse/chandra/chanmaster.html",
    ),
    "csc": Reference(
        "Chandra Source Catalog",
        "Chandra X-ray Center; Evans et al. 2010, ApJS 189, 37; Evans et al. 2024, ApJS 274, 22",
        "https://cxc.cfa.harvard.edu/csc/",
    ),
    "fermilpsc": Reference(
        "4FGL-DR4",
        "Fermi-LAT Collaboration; Ballet et al. 2023, arXiv:2307.12546; "
        "Abdollahi et al. 2020, ApJS 247, 33; Abdollahi et al. 2022, ApJS 260, 53",
        "https://arxiv.org/abs/2307.12546",
    ),
    "gaiadr3.gaia_source": Reference(
        "Gaia DR3",
        "ESA/Gaia/DPAC; Gaia Collaboration 2016, A&A 595, A1; 2023, A&A 674, A1",
        "https://www.cosmos.esa.int/gaia",
    ),
    "fp_psc": Reference(
        "2MASS All-Sky Point Source Catalog",
        "University of Massachusetts and IPAC/Caltech; Skrutskie et al. 2006, AJ 131, 1163",
        "https://irsa.ipac.caltech.edu/Missions/2mass.html",
    ),
    "allwise_p3as_psd": Reference(
        "AllWISE",
        "UCLA, JPL/Caltech and NASA; Wright et al. 2010, AJ 140, 1868; Cutri et al. 2013, "
        "Explanatory Supplement",
        "https://irsa.ipac.caltech.edu/Missions/wise.html",
    ),
    '"J/A+A/682/A34/erass1-m"': Reference(
        "eRASS1",
        "eROSITA-DE; Merloni et al. 2024, A&A 682, A34",
        "https://erosita.mpe.mpg.de/dr1/",
    ),
    "xmmssc": Reference(
        "XMM-Newton Serendipitous Source Catalogue",
        "XMM-Newton Survey Science Centre; Webb et al. 2020, A&A 641, A136",
        "http://xmmssc.irap.omp.eu/",
    ),
}


# Of a table at a service: what to cite of a release that is not the usual one
_RELEASES = {
    ("fermilpsc", "4FGL-DR3"): Reference(
        "4FGL-DR3",
        "Fermi-LAT Collaboration; Abdollahi et al. 2022, ApJS 260, 53; "
        "Abdollahi et al. 2020, ApJS 247, 33",
        "https://arxiv.org/abs/2201.11184",
    ),
    ("fermilpsc", "FL16Y"): Reference(
        "FL16Y",
        "Fermi-LAT Collaboration; Ballet et al. 2026, arXiv:2602.22148; "
        "Abdollahi et al. 2022, ApJS 260, 53",
        "https://arxiv.org/abs/2602.22148",
    ),
}
_USUAL = {"fermilpsc": "4FGL-DR4"}


def reference_of(table: str, release: str = "") -> Reference:
    """The reference of a catalogue by its table's name at the service; that name if unknown.

    Parameters
    ----------
    table : str
    release : str, optional
        Of a list of Fermi sources; one that is not known here goes by its own name, and whom to
        credit is not known.
    """
    if not release or release == _USUAL.get(table, release):
        return _REFERENCES.get(table, Reference(table))
    known = _RELEASES.get((table, release))
    return known or Reference(release)
