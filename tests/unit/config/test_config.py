"""The configuration: what is accepted, how it is read, and what a user is told."""

import copy
import dataclasses
import json
import re
from pathlib import Path

import pytest
import yaml

from xgamma.archive.surveys import SurveyTable
from xgamma.association.parameters import PARAMETERS
from xgamma.config.check import FIXED_COLUMNS
from xgamma.config.key_table import keys
from xgamma.config.settings import (
    SETTINGS,
    Config,
    ConfigError,
    Mirror,
    Service,
    Shards,
    completed,
    load_config,
)
from xgamma.errors import XgammaError
from xgamma.stages.counterparts import counterpart_columns

ROOT = Path(__file__).resolve().parents[3]
CONFIG_FILE = ROOT / "config" / "config.yaml"

GAIA = {"service": "gaia", "table": "gaiadr3.gaia_source", "id": "source_id"}
GAIA["position"] = ["ra", "dec"]


def message(raw) -> str:
    """What a user reads when this configuration is refused."""
    with pytest.raises(ConfigError) as caught:
        load_config(raw)
    return str(caught.value)


def archive_at(url: str, **settings) -> dict:
    """An archive whose three services are at one URL, as earlier versions had them."""
    service = {"url": url, **settings}
    return {"simulated": False, "heasarc": service, "gaia": service, "irsa": service}


def mirrored(
    change=None, *, url="http://b/tap", names=("one",), releases=None, simulated=False
) -> dict:
    """A config whose archive `a` has mirrors of HEASARC, their table csc changed."""
    table = {"table": '"IX/70/csc21mas"', "release": "2.1", "columns": {"ra": "RAICRS"}}
    mirrors = [{"name": n, "url": url, "tables": {"csc": table | (change or {})}} for n in names]
    archive = archive_at("http://a/tap")
    archive["heasarc"] = {
        "url": "http://a/tap",
        "releases": {"csc": "2.1"} if releases is None else releases,
        "mirrors": mirrors,
    }
    return {"archive": "a", "archives": {"a": {**archive, "simulated": simulated}}}


REFUSED = [
    # out of range, at both ends
    (
        {"sky": {"latitude_cut_deg": 95}},
        "config: sky.latitude_cut_deg is 95; a Galactic latitude cut lies in (0, 90]",
    ),
    (
        {"sky": {"latitude_cut_deg": 0}},
        "config: sky.latitude_cut_deg is 0; a Galactic latitude cut lies in (0, 90]",
    ),
    (
        {"enrichment": {"radius_deg": 0.51}},
        "config: enrichment.radius_deg is 0.51; a search radius around a Fermi position lies in "
        "(0, 0.5] degrees",
    ),
    (
        {"enrichment": {"csc_radius_arcsec": 60.5}},
        "config: enrichment.csc_radius_arcsec is 60.5; a search radius around an X-ray source "
        "lies in (0, 60] arcsec",
    ),
    (
        {"crossmatch": {"min_flux": -1e-15}},
        "config: crossmatch.min_flux is -1e-15; the least flux is a number >= 0 in erg/cm2/s, or "
        "null for sources without flux too",
    ),
    (
        {"enrichment": {"shards": {"order": 4}}},
        "config: enrichment.shards.order is 4; a HEALPix order of shards is a whole number in "
        "[0, 3]",
    ),
    (
        {"figures": {"dpi": 601}},
        "config: figures.dpi is 601; the resolution is a whole number in [50, 600] dots per inch",
    ),
    # not a number at all, though Python calls it one
    (
        {"sky": {"latitude_cut_deg": float("nan")}},
        "config: sky.latitude_cut_deg is nan; a Galactic latitude cut lies in (0, 90]",
    ),
    (
        {"crossmatch": {"min_flux": float("inf")}},
        "config: crossmatch.min_flux is inf; the least flux is a number >= 0 in erg/cm2/s, or "
        "null for sources without flux too",
    ),
    (
        {"sky": {"latitude_cut_deg": True}},
        "config: sky.latitude_cut_deg is true; a Galactic latitude cut lies in (0, 90]",
    ),
    # wrong types
    (
        {"enrichment": {"nearest": 2.5}},
        "config: enrichment.nearest is 2.5; the number of nearest sources is a whole number in "
        "[1, 100]",
    ),
    (
        {"enrichment": {"nearest": "three"}},
        "config: enrichment.nearest is 'three'; the number of nearest sources is a whole number "
        "in [1, 100]",
    ),
    (
        {"enrichment": {"radius_deg": None}},
        "config: enrichment.radius_deg is null; a search radius around a Fermi position lies in "
        "(0, 0.5] degrees",
    ),
    (
        {"sky": None},
        "config: sky is null; it is a block of keys, to be left out for the defaults",
    ),
    (
        {"sky": {"latitude_cut_deg": {"deg": 5}}},
        "config: sky.latitude_cut_deg is a block of keys; a Galactic latitude cut lies in (0, 90]",
    ),
    (
        {"archives": {"mine": {**archive_at("http://a/tap"), "simulated": "perhaps"}}},
        "config: archives.mine.simulated is 'perhaps'; it is true or false",
    ),
    ([{"sky": 5}], "config: the whole of it is [a block of keys]; a config is a block of keys"),
    (None, "config: the whole of it is null; a config is a block of keys"),
    # misspelt keys: a neighbour, a key of another block, nothing alike
    (
        {"sky": {"latitude_cut": 5}},
        "config: sky.latitude_cut is 5, but there is no such key; did you mean "
        "sky.latitude_cut_deg?",
    ),
    (
        {"latitude_cut_deg": 5},
        "config: latitude_cut_deg is 5, but there is no such key; did you mean "
        "sky.latitude_cut_deg?",
    ),
    (
        {"figures": {"colour": "red"}},
        "config: figures.colour is 'red', but there is no such key; the keys there are formats, "
        "dpi",
    ),
    (
        {True: 1},
        "config: True is 1, but there is no such key; the keys there are archive, replay, "
        "archives, demo, catalogs, sources, compare, sky, xray, crossmatch, coverage, "
        "association, enrichment, surveys, subsample, figures, tap",
    ),
    (
        {"catalogs": {"gaia": {"file": "x.fit", "release": "1"}}},
        "config: catalogs.gaia is no catalogue that a file can stand in for; they are fermilpsc, "
        "csc",
    ),
    (
        {"catalogs": {"csc": {"file": "nowhere.fit", "release": "2.1"}}},
        "config: catalogs.csc.file is 'nowhere.fit'; there is no such file: a path counts from "
        f"the folder in which snakemake runs, {Path.cwd()}",
    ),
    (
        {"catalogs": {"csc": {"file": __file__}}},
        "config: catalogs.csc.release is missing; a catalogue of one's own is a block with file "
        "and release",
    ),
    (
        {"association": {"fixed": {"eta_pulsars": 0.9}}},
        "config: association.fixed.eta_pulsars is no value of the model; they are "
        f"{', '.join(PARAMETERS)}; did you mean eta_pulsar?",
    ),
    (
        {"association": {"fixed": {"eta_pulsar": 1.5}}},
        "config: association.fixed.eta_pulsar is 1.5; a share lies in [0, 1]",
    ),
    (
        {"association": {"fixed": {"ratio_width_pulsar": 0}}},
        "config: association.fixed.ratio_width_pulsar is 0; a width is above 0",
    ),
    (
        {"coverage": {"source": "moc"}},
        "config: coverage.moc is missing; with source: moc it is the path of the map",
    ),
    # words from a list
    (
        {"demo": {"size": "medium"}},
        "config: demo.size is 'medium'; the demo sky is small or full",
    ),
    (
        {"enrichment": {"shards": {"by": "row"}}},
        "config: enrichment.shards.by is 'row'; shards are made by healpix or by source",
    ),
    (
        {"figures": {"formats": ["png", "jpeg"]}},
        "config: figures.formats[1] is 'jpeg'; a figure's format is png, pdf or svg",
    ),
    (
        {"figures": {"formats": ["pdf"]}},
        "config: figures.formats is ['pdf']; it is a list of png (which the report needs) and, if "
        "you like, pdf and svg, each once",
    ),
    (
        {"subsample": {"classes": []}},
        "config: subsample.classes is []; it is a list of different 4FGL classes",
    ),
    (
        {"subsample": {"classes": ["high mass binary"]}},
        "config: subsample.classes[0] is 'high mass binary'; a 4FGL class is a word such as HMB "
        "or psr",
    ),
    (
        {"subsample": {"classes": ["PSR", "blazar"]}},
        "config: subsample.classes[1] is 'blazar'; 4FGL's classes are GC, PSR, MSP, PWN, SNR, GLC, "
        "HMB, LMB, BIN, NOV, SFR, SPP, UNK, BCU, BLL, FSRQ, SSRQ, CSS, RDG, NLSY1, SEY, AGN, SBG, "
        "GAL, in small letters if only associated",
    ),
    (
        {"subsample": {"classes": ["Psr"]}},
        "config: subsample.classes[0] is 'Psr'; 4FGL's classes are GC, PSR, MSP, PWN, SNR, GLC, "
        "HMB, LMB, BIN, NOV, SFR, SPP, UNK, BCU, BLL, FSRQ, SSRQ, CSS, RDG, NLSY1, SEY, AGN, SBG, "
        "GAL, in small letters if only associated; did you mean PSR?",
    ),
    # archives
    (
        {"archive": "lve"},
        "config: archive is 'lve'; the archives are demo, live, replay; did you mean live?",
    ),
    ({"archive": "mast"}, "config: archive is 'mast'; the archives are demo, live, replay"),
    (
        {"archive": "demo\n"},
        "config: archive is 'demo\\n'; it is the name of one of the archives, or replay",
    ),
    (
        {"archive": "replay", "replay": {"archive": "lve"}},
        "config: replay.archive is 'lve'; the archives are demo, live; did you mean live?",
    ),
    (
        {"archive": "replay", "replay": {"archive": "replay"}},
        "config: replay.archive is 'replay'; the archives are demo, live",
    ),
    (
        {
            "archive": "replay",
            "archives": {"replay": archive_at("http://a/tap")},
            "replay": {"archive": "replay"},
        },
        "config: archives.replay is no name to use; archive: replay repeats what another one "
        "answered",
    ),
    (
        {"archives": {"../live": archive_at("http://a/tap")}},
        "config: archives.../live is no name to use; an archive's name is of a-z, 0-9, _ and -, "
        "and starts with a letter",
    ),
    (
        {"archive": "a", "archives": {"a": archive_at("ftp://a/tap")}},
        "\n".join(
            f"config: archives.a.services.{service}.url is 'ftp://a/tap'; a TAP service's base URL "
            "starts "
            "with http:// or https:// and ends before /sync or /async"
            for service in ("heasarc", "gaia", "irsa")
        ),
    ),
    (
        {"archive": "a", "archives": {"a": {**archive_at("http://a/tap"), "irsa": {}}}},
        "config: archives.a.services.irsa.url is missing; a service is a block with url, "
        "max_requests, "
        "mode, upload, tables, releases and mirrors",
    ),
    (
        {"archive": "a", "archives": {"a": {"simulated": False, "heasarc": {"url": "http://a"}}}},
        "config: surveys.gaia.service is 'gaia'; the services of archives.a are heasarc\n"
        "config: surveys.twomass.service is 'irsa'; the services of archives.a are heasarc",
    ),
    # mirrors
    (
        mirrored({"release": "2.0"}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.release is '2.0', but heasarc "
        "holds "
        "release '2.1'; a mirror holds the same release",
    ),
    (
        mirrored({"release": 2.1}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.release is 2.1; a release is "
        "text; a "
        "number such as 2.1 needs quotes",
    ),
    (
        mirrored(releases={"fermilpsc": "4FGL-DR4"}),
        "config: archives.a.services.heasarc.releases.csc is missing; without it nobody can tell "
        "whether "
        "the mirror one holds the same release",
    ),
    (
        mirrored(releases={"csc": 2.1}),
        "config: archives.a.services.heasarc.releases.csc is 2.1; a release is text; a number such "
        "as 2.1 "
        "needs quotes",
    ),
    (
        mirrored(names=("one", "two", "one")),
        "config: archives.a.services.heasarc.mirrors[0].name is 'one'; each mirror needs a name of "
        "its own\n"
        "config: archives.a.services.heasarc.mirrors[2].name is 'one'; each mirror needs a name of "
        "its own",
    ),
    (
        mirrored(url="http://a/tap/"),
        "config: archives.a.services.heasarc.mirrors[0].url is 'http://a/tap/'; that is heasarc "
        "itself, and "
        "no mirror",
    ),
    (
        mirrored(url="mirror.example/tap"),
        "config: archives.a.services.heasarc.mirrors[0].url is 'mirror.example/tap'; a TAP "
        "service's base "
        "URL starts with http:// or https:// and ends before /sync or /async",
    ),
    (
        mirrored(url="http://demo.invalid/tap"),
        "config: archives.a.simulated is false; under http://demo.invalid/ the sky is simulated",
    ),
    (
        mirrored(names=("One",)),
        "config: archives.a.services.heasarc.mirrors[0].name is 'One'; a mirror's name is of a-z, "
        "0-9, _ "
        "and -, and starts with a letter",
    ),
    (
        mirrored({"columns": None}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.columns is null; it is a block "
        "of "
        "columns, service's name and mirror's name",
    ),
    (
        mirrored({"columns": {"ra": "2CXO"}}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.columns.ra is '2CXO'; a column "
        "of a "
        "mirror is of letters, digits and _, or in double quotes within single ones",
    ),
    (
        mirrored({"columns": {"ra, dec": "x"}}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.columns.ra, dec is no name to "
        "use; a "
        "column at a service is of letters, digits and _, or in double quotes within single ones",
    ),
    (
        mirrored({"table": "IX/70/csc21mas"}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.table is 'IX/70/csc21mas'; a "
        "table's "
        "name is of letters, digits and _, with at most two dots, or in double quotes within "
        "single ones",
    ),
    (
        mirrored({"rows": -1}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.rows is -1; a number of rows is "
        "a whole "
        "number in [0, 1000000000000], or null if it is not known",
    ),
    (
        mirrored({"coloums": {}}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.coloums is a block of keys, but "
        "there is "
        "no such key; did you mean archives.a.services.heasarc.mirrors[0].tables.csc.columns?",
    ),
    (
        {"archive": "a", "archives": {"a": archive_at("http://a/tap", mirrors=[{"name": "one"}])}},
        "\n".join(
            f"config: archives.a.services.{service}.mirrors[0].{key} is missing; a mirror is a "
            "block with "
            "name, url, mode and tables"
            for service in ("heasarc", "gaia", "irsa")
            for key in ("url", "tables")
        ).rsplit("\n", 1)[0]
        + "\n… and 1 more",
    ),
    (
        mirrored({"table": None, "release": None}),
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.table is null; a table's name "
        "is of "
        "letters, digits and _, with at most two dots, or in double quotes within single ones\n"
        "config: archives.a.services.heasarc.mirrors[0].tables.csc.release is null; a release is "
        "text; a "
        "number such as 2.1 needs quotes",
    ),
    # surveys
    (
        {"surveys": {"gaia": {**GAIA, "service": "mast"}}},
        "config: surveys.gaia.service is 'mast'; the services of archives.demo are heasarc, gaia, "
        "irsa",
    ),
    (
        {"surveys": {"gaia": {**GAIA, "table": "gaia_source; DROP TABLE csc"}}},
        "config: surveys.gaia.table is 'gaia_source; DROP TABLE csc'; a table's name is of "
        "letters, digits and _, with at most two dots, or in double quotes within single ones",
    ),
    (
        {"surveys": {"gaia": {**GAIA, "id": "1d"}}},
        "config: surveys.gaia.id is '1d'; a column at a service is of letters, digits and _, or in "
        "double quotes within single ones",
    ),
    (
        {"surveys": {"gaia": {**GAIA, "position": ["ra"]}}},
        "config: surveys.gaia.position is ['ra']; a position is a list of two different columns, "
        "right ascension and declination",
    ),
    (
        {"surveys": {"gaia": {**GAIA, "columns": {"ra, dec": "ra_dec"}}}},
        "config: surveys.gaia.columns.ra, dec is no name to use; a column at a service is of "
        "letters, digits and _, or in double quotes within single ones",
    ),
    (
        {"surveys": {"gaia": {**GAIA, "columns": {"ruwe": "RUWE"}}}},
        "config: surveys.gaia.columns.ruwe is 'RUWE'; a column of a product is of a-z, 0-9 and _, "
        "and starts with a letter",
    ),
    (
        {"surveys": {"gaia": {**GAIA, "columns": {"dist": "sep_csc_arcsec"}}}},
        "config: surveys.gaia.columns.dist is 'sep_csc_arcsec'; a table of counterparts has a "
        "column of that name already",
    ),
    (
        {"surveys": {"gaia": {**GAIA, "columns": {"pmra": "pm", "pmdec": "pm"}}}},
        "config: surveys.gaia.columns.pmra is 'pm'; each column needs a name of its own\n"
        "config: surveys.gaia.columns.pmdec is 'pm'; each column needs a name of its own",
    ),
    # what a service may take
    (
        {"tap": {"sync_timeout_s": 0}},
        "config: tap.sync_timeout_s is 0; a time-out of sync queries lies in [1, 86400] seconds",
    ),
    (
        {"tap": {"max_bytes": "2 GB"}},
        "config: tap.max_bytes is '2 GB'; the largest size of an answer is a whole number in "
        "[1000000, 100000000000] bytes",
    ),
    (
        {"tap": {"max_rows": 10_000_000}},
        "config: tap.max_rows is 10000000; the largest number of rows is a whole number in "
        "[1000, 9999999]",
    ),
    # values that do not go together
    (
        {"tap": {"timeout_s": 60, "deadline_s": 30}},
        "config: tap.timeout_s is 60; a time-out is at most tap.deadline_s, which is 30",
    ),
]


@pytest.mark.parametrize(("raw", "expected"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_refused_value_is_named_with_what_is_allowed(raw, expected):
    assert message(raw) == expected


def test_errors_are_for_users():
    assert issubclass(ConfigError, XgammaError)


def test_at_most_five_problems_are_told():
    bad = {
        "sky": {"latitude_cut_deg": 0},
        "demo": {"size": 1, "seed": -1},
        "figures": {"dpi": 1},
        "tap": {"attempts": 0, "timeout_s": 0, "deadline_s": 0},
    }
    lines = message(bad).split("\n")
    assert len(lines) == 6
    assert all(line.startswith("config: ") for line in lines[:5])
    assert lines[5] == "… and 2 more"


def test_a_long_value_is_cut():
    line = message({"archive": "x" * 500})
    assert line.startswith("config: archive is 'xxx")
    assert len(line) < 150


def test_a_problem_is_one_line_whatever_the_key():
    assert message({"a\nb": 1}).startswith("config: 'a\\nb' is 1, but there is no such key; ")


def test_simulated_services_are_said_to_be_simulated():
    demo = archive_at("http://demo.invalid/tap")
    for name in ("demo", "another"):
        assert message({"archive": name, "archives": {name: demo}}) == (
            f"config: archives.{name}.simulated is false; under http://demo.invalid/ the sky is "
            "simulated"
        )
    another = {**demo, "simulated": True}
    assert load_config({"archive": "another", "archives": {"another": another}}).simulated


def test_the_demo_needs_no_server():
    elsewhere = {**archive_at("http://localhost/tap"), "simulated": True}
    assert message({"archives": {"demo": elsewhere}}).split("\n")[0] == (
        "config: archives.demo.services.heasarc.url is 'http://localhost/tap'; the demo's URLs are "
        "under "
        "http://demo.invalid/, so give an archive elsewhere another name"
    )


def test_an_archive_that_is_not_asked_is_checked_too():
    raw = {"archives": {**load_yaml()["archives"], "mine": archive_at("nowhere")}}
    assert message(raw).startswith("config: archives.mine.services.heasarc.url is 'nowhere'; ")


def test_defaults_fill_what_is_left_out():
    config = load_config({"archives": {"demo": load_yaml()["archives"]["demo"]}, "sky": {}})
    assert config == load_config({})
    service = load_config({"archive": "a", "archives": {"a": archive_at("http://a/tap/")}})
    assert service.services["gaia"] == Service("http://a/tap", 2, "async", True)


def test_only_the_chosen_archive_is_in_the_result():
    # so that an edit of one archive changes no parameter of another's run
    other = copy.deepcopy(load_yaml())
    other["archives"]["live"]["services"]["gaia"]["max_requests"] = 1
    assert load_config(other) == load_config(load_yaml())
    live = load_config({"archive": "live"})
    assert (live.archive, live.simulated) == ("live", False)
    assert live.services["gaia"].mode == "async"


def test_a_replay_has_the_services_of_the_archive_that_it_repeats():
    live = load_config({"archive": "live"})
    replay = load_config({"archive": "replay", "replay": {"archive": "live"}})
    assert (replay.archive, replay.replay_of) == ("replay", "live")
    assert (replay.services, replay.simulated) == (live.services, False)
    assert live.replay_of is None and load_config({}).replay_of is None
    assert load_config({"archive": "replay"}).simulated, "of the demo, if nothing is said"
    # what is not read is not held against anybody
    mine = {"archives": {"mine": archive_at("http://a/tap")}, "archive": "mine"}
    assert load_config(mine).archive == "mine"


def test_a_mirror_is_handed_on_as_plain_data():
    change = {"rows": "12", "columns": {"name": '"2CXO"', "ra": "RAICRS"}}
    (mirror,) = load_config(mirrored(change, url="http://b/tap/")).services["heasarc"].mirrors
    table = {
        "table": '"IX/70/csc21mas"',
        "release": "2.1",
        "rows": 12,
        "columns": {"name": '"2CXO"', "ra": "RAICRS"},
    }
    assert mirror == Mirror("one", "http://b/tap", "async", {"csc": table})
    assert json.loads(json.dumps(dataclasses.asdict(mirror)))["tables"]["csc"] == table
    (other,) = load_config(mirrored()).services["heasarc"].mirrors
    assert "rows" not in other.tables["csc"], "not known is not zero"


def test_a_simulated_mirror_of_a_simulated_service():
    raw = mirrored(url="http://demo.invalid/tap", simulated=True)
    assert load_config(raw).services["heasarc"].mirrors[0].url == "http://demo.invalid/tap"
    demo = load_yaml()["archives"]["demo"]
    mirrors = mirrored()["archives"]["a"]["heasarc"]["mirrors"]
    demo["services"]["heasarc"] |= {"releases": {"csc": "2.1"}, "mirrors": mirrors}
    assert message({"archives": {"demo": demo}}) == (
        "config: archives.demo.services.heasarc.mirrors[0].url is 'http://b/tap'; the demo's URLs "
        "are "
        "under http://demo.invalid/, so give an archive elsewhere another name"
    )


def test_the_mirrors_that_are_shipped():
    """Same releases, certain columns only, and no map of CSC 2.0."""
    services = load_config({"archive": "live"}).services
    tables = {
        (service, mirror.name, ours): (entry["table"], entry["columns"])
        for service in services
        for mirror in services[service].mirrors
        for ours, entry in mirror.tables.items()
    }
    assert {key: value[0] for key, value in tables.items()} == {
        ("heasarc", "vizier", "csc"): '"IX/70/csc21mas"',
        ("gaia", "vizier", "gaiadr3.gaia_source"): '"I/355/gaiadr3"',
        ("gaia", "gavo", "gaiadr3.gaia_source"): "gaia.dr3lite",
        ("irsa", "vizier", "fp_psc"): '"II/246/out"',
        ("irsa", "gavo", "fp_psc"): "twomass.data",
    }
    certain = {
        ("heasarc", "vizier"): '"2CXO" RAICRS DEICRS Fluxb',
        ("gaia", "vizier"): "Source RA_ICRS DE_ICRS pmRA pmDE Plx Gmag RUWE",
        ("gaia", "gavo"): "source_id ra dec phot_g_mean_mag",
        ("irsa", "vizier"): '"2MASS" RAJ2000 DEJ2000 errMaj errMin errPA Jmag e_Jmag JD',
        ("irsa", "gavo"): "mainId RAJ2000 DEJ2000 errMaj Jmag",
    }
    found = {key[:2]: set(value[1].values()) for key, value in tables.items()}
    assert found == {key: set(text.split()) for key, text in certain.items()}


def test_equal_numbers_give_equal_configs():
    def config(cast, whole):
        return load_config(
            {
                "demo": {"seed": whole(5)},
                "sky": {"latitude_cut_deg": cast(5)},
                "crossmatch": {"min_flux": cast(0)},
                "enrichment": {"csc_radius_arcsec": cast(1), "nearest": whole(2)},
                "tap": {"timeout_s": cast(7), "max_rows": cast(2000), "max_bytes": cast(2000000)},
            }
        )

    # repr, since that is what tells 5 from 5.0
    assert repr(config(int, int)) == repr(config(float, float)) == repr(config(str, str))
    assert isinstance(config(int, float).enrichment.nearest, int)
    assert load_config({"tap": {"max_bytes": "2e9"}}).tap.max_bytes == 2_000_000_000
    assert repr(load_config({"crossmatch": {"min_flux": -0.0}}).crossmatch.min_flux) == "0.0"


@pytest.mark.parametrize(
    ("text", "flux"), [("1e-15", 1e-15), ("2.5E-14", 2.5e-14), (".5", 0.5), ("null", None)]
)
def test_numbers_that_come_as_text_are_numbers(text, flux):
    # YAML 1.1 reads 1e-15 as text, Snakemake the whole of a nested --config value
    assert load_config({"crossmatch": {"min_flux": text}}).crossmatch.min_flux == flux


@pytest.mark.parametrize(("text", "value"), [("True", True), ("false", False)])
def test_booleans_that_come_as_text_are_booleans(text, value):
    archives = {"a": {**archive_at("http://a/tap", upload=text), "simulated": text}}
    config = load_config({"archive": "a", "archives": archives})
    assert config.simulated is value
    assert config.services["irsa"].upload is value


def test_text_stays_text():
    archives = {"null": archive_at("http://a/tap"), "true": archive_at("http://b/tap")}
    assert load_config({"archive": "null", "archives": archives}).archive == "null"


def test_shards_by_source_have_no_cells():
    # Snakemake merges blocks, so the cells of config.yaml stay when a user says `by: source`
    merged = load_config({"enrichment": {"shards": {"by": "source", "order": 1, "targets": 5}}})
    alone = load_config({"enrichment": {"shards": {"by": "source"}}})
    assert merged == alone
    assert merged.enrichment.shards == Shards("source", None, None)


def test_limits_that_are_included():
    ends = {"sky": {"latitude_cut_deg": 90}, "enrichment": {"radius_deg": 0.5, "nearest": 100}}
    config = load_config(ends)
    assert (config.sky.latitude_cut_deg, config.enrichment.radius_deg) == (90.0, 0.5)


def test_a_third_survey_is_a_block_more():
    surveys = {**load_yaml()["surveys"], "wise": {**GAIA, "service": "irsa", "table": "allwise"}}
    config = load_config({"surveys": surveys})
    assert list(config.surveys) == ["gaia", "twomass", "wise"]
    assert config.surveys["wise"].columns == {}
    assert config.surveys["wise"].name == "wise"


def test_the_input_is_left_alone():
    raw = load_yaml()
    before = copy.deepcopy(raw)
    load_config(raw)
    assert raw == before


# The file has what the definitions have: every key, with its default.


def load_yaml() -> dict:
    return yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8"))


def test_config_yaml_holds_the_defaults():
    raw = load_yaml()
    assert isinstance(load_config(raw), Config)
    # repr, since the file is to have 10 where the definition has 10, and not 10.0
    written, defined = completed(raw), completed({})
    for key in SETTINGS.settings:
        assert repr(written[key]) == repr(defined[key]), f"config.yaml has another default of {key}"
    assert list(raw) == list(SETTINGS.settings)


def test_config_yaml_writes_every_key():
    raw = load_yaml()
    raw["catalogs"] = {"csc": {"file": "none is the default", "release": ""}}
    for key in keys():
        if ".<service>.tables.<table>." in key:
            continue  # the demo's and the archives' own services need no map
        key = key.replace("archives.<name>", "archives.live").replace("<service>", "heasarc")
        key = key.replace("<table>", "csc").replace("[]", ".0")
        node = raw
        for part in key.replace("surveys.<name>", "surveys.twomass").split("."):
            part = int(part) if part.isdecimal() else part
            is_written = part < len(node) if isinstance(node, list) else part in node
            assert is_written, f"{key} is not in config.yaml"
            node = node[part]


def test_config_yaml_explains_every_key():
    lines = CONFIG_FILE.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.lstrip().startswith("#")]
    for key in keys():
        name = key.rpartition(".")[2]
        if key.startswith("catalogs.<table>."):
            explained = any(f"{name}: " in line for line in comments)
        elif "<name>" in key:  # explained once, above the blocks
            explained = name == "<service>" or any(
                re.match(rf"# {{3,}}(\w+, )*{name}[, ]", line) for line in comments
            )
        else:
            depth = "  " * key.count(".")
            place = next(i for i, line in enumerate(lines) if line.startswith(f"{depth}{name}:"))
            explained = lines[place - 1].lstrip().startswith("#")
        assert explained, f"config.yaml does not say what {key} is"


def test_no_column_of_a_survey_takes_the_name_of_a_fixed_one():
    table = SurveyTable("t", "id", "ra", "dec", {})
    fixed = {column.name for column in counterpart_columns(table)} | {"fermi_class"}
    assert fixed <= set(FIXED_COLUMNS)
    for column in FIXED_COLUMNS:
        raw = {"surveys": {"gaia": {**GAIA, "columns": {"x": column}}}}
        assert message(raw).startswith(f"config: surveys.gaia.columns.x is {column!r}; ")


def with_services(*names: str, catalogs: str = "centre") -> dict:
    """An archive `a` with services of these names."""
    services = {name: {"url": f"http://{name}/tap"} for name in names}
    return {"simulated": False, "catalogs_at": catalogs, "services": services}


def surveyed(archive: dict, **services: str) -> dict:
    surveys = {name: {**GAIA, "service": service} for name, service in services.items()}
    return {"archive": "a", "archives": {"a": archive}, "surveys": surveys}


def test_services_of_any_name_and_number():
    archive = with_services("centre", "cds_1", "mine", "eso", "unused")
    config = load_config(surveyed(archive, stars="cds_1", more="mine", last="eso"))
    assert [*config.services] == ["centre", "cds_1", "mine", "eso", "unused"]
    assert config.catalogs_service == "centre"
    assert config.services["eso"].url == "http://eso/tap"


@pytest.mark.parametrize(
    ("archive", "survey", "said"),
    [
        (
            with_services("centre", "cds"),
            "csd",
            "surveys.s.service is 'csd'; the services of archives.a are centre, cds; did you mean "
            "cds?",
        ),
        (
            with_services("cds"),
            "cds",
            "archives.a.catalogs_at is 'centre'; the services there are cds",
        ),
        (
            with_services("centre", "runtime"),
            "centre",
            "archives.a.services.runtime is no name to use: a product or resource of Snakemake "
            "is called so",
        ),
        (
            with_services("centre", "C-D-S"),
            "centre",
            "archives.a.services.C-D-S is no name to use; a service's name is of a-z, 0-9 and _, "
            "and starts with a letter",
        ),
    ],
)
def test_services_that_do_not_fit(archive, survey, said):
    assert message(surveyed(archive, s=survey)) == f"config: {said}"


def test_a_config_of_an_earlier_version_means_what_it_meant():
    """Services stood beside `simulated`; Snakemake merges such a file with config.yaml."""
    new = load_yaml()["archives"]["live"]
    old = {"simulated": False, **new["services"]}
    assert load_config({"archive": "a", "archives": {"a": old}}).services == (
        load_config({"archive": "live"}).services
    )
    merged = {**new, "gaia": {"max_requests": 1}}
    gaia = load_config({"archive": "a", "archives": {"a": merged}}).services["gaia"]
    assert (gaia.max_requests, gaia.url) == (1, new["services"]["gaia"]["url"])
    # blocks within are merged too, as they were
    more = {**new, "heasarc": {"releases": {"csc": "2.0"}, "mirrors": []}}
    heasarc = load_config({"archive": "a", "archives": {"a": more}}).services["heasarc"]
    assert heasarc.releases == {"csc": "2.0", "fermilpsc": "4FGL-DR4"}
    assert message({"archive": "a", "archives": {"a": {**old, "gaia": {"urll": "http://b"}}}}) == (
        "config: archives.a.services.gaia.urll is 'http://b', but there is no such key; did you "
        "mean archives.a.services.gaia.url?\n"
        "config: archives.a.services.gaia.url is missing; a service is a block with url, "
        "max_requests, mode, upload, tables, releases and mirrors"
    )


@pytest.mark.parametrize("table", ['"J/A+A/682/A34/erass1-m"', 'vizier.public."II/328/allwise"'])
def test_names_that_need_quotes(table):
    survey = {
        **GAIA, "table": table, "id": '"2MASS"', "position": ["_RAJ2000", "_DEJ2000"],
        "columns": {"_r": "distance", '"e_W1mag"': "error"}, "optional": ["_r"], "identify": {},
    }  # fmt: skip
    (taken,) = load_config({"surveys": {"gaia": survey}}).surveys.values()
    assert (taken.table, taken.id, taken.ra) == (table, '"2MASS"', "_RAJ2000")
    assert taken.columns == {"_r": "distance", '"e_W1mag"': "error"}


def test_a_list_of_ones_own_may_have_other_classes():
    own = {"fermilpsc": {"file": __file__, "release": "mine"}}
    config = load_config({"catalogs": own, "subsample": {"classes": ["TDE"]}})
    assert config.release_of("fermilpsc", "heasarc") == "mine"
    assert config.releases == {"fermilpsc": "mine"}
    assert config.source_of("fermilpsc", "heasarc") == f"file {Path(__file__).name}"
    # a replay has the file among its answers
    replay = {"archive": "replay", "catalogs": {"csc": {"file": "gone.fit", "release": "2.1"}}}
    assert load_config(replay).source_of("csc", "heasarc") == "file gone.fit"
