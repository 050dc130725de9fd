"""What services say of themselves, and what the registry says of them."""

import re
import threading
import time

import pytest
from fake_tap import CAPABILITIES, INLINE_UPLOAD, Field, Reply, votable
from pyvo import registry

from xgamma.archive.catalogues import CATALOGUES
from xgamma.archive.client import TapClient
from xgamma.archive.registry import (
    REGISTRY_COLUMNS,
    registered_services,
    search_registry,
)
from xgamma.archive.services import (
    DESCRIPTION_COLUMNS,
    describe_service,
    missing_optional,
    read_description,
)
from xgamma.archive.surveys import description_of, service_described
from xgamma.errors import XgammaError
from xgamma.tables.files import write_ecsv

GAIA = {
    "service": "gaia",
    "table": "gaiadr3.gaia_source",
    "id": "source_id",
    "ra": "ra",
    "dec": "dec",
    "columns": {"phot_g_mean_mag": "gaia_mean_g_mag"},
}


def columns_of(catalogue, without=()):
    return [c.name for c in CATALOGUES[catalogue].columns if c.name not in without]


@pytest.fixture
def tables():
    """Table -> its columns, as the fake service's TAP_SCHEMA gives them."""
    return {
        **{name: columns_of(name) for name in CATALOGUES},
        "gaiadr3.gaia_source": ["source_id", "ra", "dec", "phot_g_mean_mag", "parallax"],
    }


@pytest.fixture
def clients(fake_tap, tables):
    """HEASARC and Gaia, both at one address, described by `tables`."""

    def answer(adql, _uploads):
        asked = re.findall(r"'([^']*)'", adql)
        rows = [(t, c) for t in reversed(asked) for c in tables.get(t, ())]
        return votable(
            Field("table_name", "char", [t for t, _ in rows]),
            Field("column_name", "char", [c for _, c in rows]),
            Field("datatype", "char", ["double"] * len(rows)),
            Field("unit", "char", ["deg" if c in ("ra", "dec") else None for _, c in rows]),
            Field("ucd", "char", [None] * len(rows)),
            Field("description", "char", [f"The\n  {c}" for _, c in rows]),
        )

    fake_tap.answer = answer
    return {name: TapClient(name, fake_tap.url) for name in ("heasarc", "gaia", "irsa")}


def available_of(frame):
    return {key: g["column"].tolist() for key, g in frame.groupby(["service", "table"])}


def test_every_column_of_every_table_is_described(clients, tables, tmp_path):
    frames = {
        name: describe_service(clients[name], {"gaia": GAIA})[0] for name in ("heasarc", "gaia")
    }
    heasarc, gaia = frames.values()
    assert available_of(heasarc) == {("heasarc", name): sorted(tables[name]) for name in CATALOGUES}
    assert available_of(gaia) == {
        ("gaia", "gaiadr3.gaia_source"): sorted(tables["gaiadr3.gaia_source"])
    }
    assert heasarc.equals(heasarc.sort_values(["table", "column"], ignore_index=True))
    assert heasarc["used"].all()
    unused = gaia.loc[~gaia["used"], "column"].tolist()
    assert unused == ["parallax"], "only what the workflow reads is marked as used"
    # of one line: descriptions of some archives have several
    assert set(heasarc.loc[heasarc["column"] == "ra", "description"]) == {"The ra"}
    assert heasarc.loc[heasarc["column"] == "name", "unit"].tolist() == ["", "", ""]

    for name, frame in frames.items():
        write_ecsv(tmp_path / f"{name}.ecsv", frame, DESCRIPTION_COLUMNS)
    assert read_description(*tmp_path.glob("*.ecsv")) == available_of(heasarc) | available_of(gaia)


def test_a_survey_that_heasarc_has_is_described_apart_from_the_catalogues(clients, tables):
    """One whose table is misspelt took the catalogues' description with it."""
    nowhere = {**GAIA, "service": "heasarc", "table": "nowhere"}
    with pytest.raises(XgammaError, match="TAP_SCHEMA lists no columns of table nowhere;"):
        describe_service(clients["heasarc"], {"nowhere": nowhere})
    del tables["fermilpsc"]
    survey = {**GAIA, "service": "heasarc", "table": "csc", "id": "name"}
    frame, _ = describe_service(
        clients["heasarc"], {"gaia": GAIA, "csc": {**survey, "columns": {"b_flux_ap": "flux"}}}
    )
    assert list(available_of(frame)) == [("heasarc", "csc")]
    assert frame.loc[frame["used"], "column"].tolist() == ["b_flux_ap", "dec", "name", "ra"]
    assert {description_of(one, "heasarc") for one in (GAIA, survey)} == {"gaia", "heasarc-surveys"}
    described = [service_described(name, "heasarc") for name in ("heasarc-surveys", "heasarc")]
    assert described == ["heasarc", "heasarc"]
    # of another service of any name, whatever has the catalogues
    assert service_described("heasarc-surveys", "gaia") == "heasarc-surveys"


@pytest.mark.parametrize(
    ("table", "column", "service"),
    [
        ("csc", "b_flux_ap", "heasarc"),
        ("fermilpsc", "semi_major_axis_95", "heasarc"),
        ("gaiadr3.gaia_source", "phot_g_mean_mag", "gaia"),  # the user asked for it
        ("gaiadr3.gaia_source", "source_id", "gaia"),
    ],
)
def test_a_missing_required_column_is_named(clients, tables, table, column, service):
    tables[table].remove(column)
    with pytest.raises(XgammaError, match=f"^{service}: table {table} has no column {column}; it"):
        describe_service(clients[service], {"gaia": GAIA})


def test_a_missing_table_is_named(clients, tables):
    del tables["csc"]
    with pytest.raises(XgammaError, match=r"^heasarc: TAP_SCHEMA lists no columns of table csc;"):
        describe_service(clients["heasarc"], {"gaia": GAIA})


def test_optional_columns_and_aliases(clients, tables):
    """`flags` is 4FGL's name of analysis_flags: used, and not missing."""
    tables["fermilpsc"] = columns_of("fermilpsc", without=("analysis_flags", "energy_flux_error"))
    tables["fermilpsc"].append("FLAGS")
    tables["csc"].remove("error_ellipse_r1")
    frame, _ = describe_service(clients["heasarc"], {"gaia": GAIA})
    assert frame.loc[frame["column"] == "FLAGS", "used"].tolist() == [True]
    assert missing_optional(available_of(frame), "heasarc", {}) == [
        "csc.error_ellipse_r1",
        "fermilpsc.energy_flux_error",
    ]


def test_an_optional_column_of_a_survey(clients, tables):
    """2MASS's jdate may be missing: no error, and named; what is there is used."""
    tables["fp_psc"] = ["designation", "ra", "dec", "J_M"]
    survey = {
        "service": "irsa",
        "table": "fp_psc",
        "id": "designation",
        "ra": "ra",
        "dec": "dec",
        "columns": {"j_m": "twomass_j_mag", "jdate": "twomass_jdate"},
        "optional": ["j_m", "jdate"],
    }
    heasarc, irsa = (
        describe_service(clients[name], {"twomass": survey})[0] for name in ("heasarc", "irsa")
    )
    assert irsa.loc[irsa["column"] == "J_M", "used"].tolist() == [True]
    available = available_of(heasarc) | available_of(irsa)
    assert missing_optional(available, "heasarc", {"twomass": survey}) == ["fp_psc.jdate"]
    with pytest.raises(XgammaError, match=r"^irsa: table fp_psc has no column jdate; it"):
        describe_service(clients["irsa"], {"twomass": {**survey, "optional": []}})


def test_column_names_with_quotes(clients, tables):
    """Some services list a reserved word as it must be written, in double quotes."""
    tables["chanmaster"] = [f'"{c}"' if c == "time" else c for c in tables["chanmaster"]]
    frame, _ = describe_service(clients["heasarc"], {})
    assert "time" in frame["column"].tolist()


@pytest.mark.parametrize(
    ("upload", "capabilities", "warned"),
    [
        (True, INLINE_UPLOAD, False),
        (True, "", True),
        (False, "", False),  # the config knows: position by position
        (True, None, False),  # no capabilities: the first upload will show
    ],
)
def test_a_service_that_declares_no_upload_is_said_before_it_is_needed(
    fake_tap, clients, upload, capabilities, warned, caplog
):
    fake_tap.capabilities = (
        None
        if capabilities is None
        else CAPABILITIES.format(url=fake_tap.url, uploads=capabilities).encode()
    )
    clients["gaia"] = TapClient("gaia", fake_tap.url, upload=upload)
    describe_service(clients["gaia"], {"gaia": GAIA})
    assert ("does not say that it takes uploads" in caplog.text) == warned
    assert ("set upload: false for it" in caplog.text) == warned


MIRRORED = {
    **GAIA,
    "columns": {"phot_g_mean_mag": "gaia_mean_g_mag", "parallax": "gaia_parallax"},
    "optional": ["parallax"],
}


def mirrored(fake_tap, columns):
    """The Gaia service is dead; a mirror has these columns, and describes them as its own."""
    spelt = {name: name.upper() for name in columns}
    entry = {"table": '"I/355/gaiadr3"', "release": "DR3", "columns": spelt}
    mirror = {"name": "m", "url": fake_tap.url, "mode": "sync"}
    mirror["tables"] = {"gaiadr3.gaia_source": entry}
    dead = "http://127.0.0.1:1/tap"
    return TapClient("gaia", dead, attempts=1, upload=False, mirrors=[mirror])


def test_a_mirror_describes_its_columns_under_our_names(fake_tap, clients, tables):
    there = ["source_id", "ra", "dec", "phot_g_mean_mag", "parallax"]
    tables["I/355/gaiadr3"] = [name.upper() for name in there] + ["PMRA"]
    clients["gaia"] = mirrored(fake_tap, there)
    frame, records = describe_service(clients["gaia"], {"gaia": MIRRORED})
    found = frame.loc[frame["table"] == "gaiadr3.gaia_source", "column"].tolist()
    assert found == sorted(there), "what the map does not have is not there"
    assert [(r["service"], r["mirror"]) for r in records] == [("gaia", "m")]


@pytest.mark.parametrize("lacking", ["parallax", "phot_g_mean_mag"])
def test_a_mirror_s_map_must_be_complete(fake_tap, clients, tables, lacking):
    """An optional column that the map lacks is not one that the service lacks."""
    there = ["source_id", "ra", "dec", "phot_g_mean_mag", "parallax"]
    tables["I/355/gaiadr3"] = [name.upper() for name in there]
    clients["gaia"] = mirrored(fake_tap, [name for name in there if name != lacking])
    said = {
        "parallax": r"^gaia does not answer, and the map of its mirror m has no column parallax "
        r"of table gaiadr3.gaia_source: ",
        "phot_g_mean_mag": r"^gaia: table gaiadr3.gaia_source has no column phot_g_mean_mag; ",
    }
    with pytest.raises(XgammaError, match=said[lacking]):
        describe_service(clients["gaia"], {"gaia": MIRRORED})
    # the service itself may lack it
    if lacking == "parallax":
        tables["gaiadr3.gaia_source"].remove("parallax")
        describe_service(TapClient("gaia", fake_tap.url), {"gaia": MIRRORED})


def registry_rows(*resources):
    """What a RegTAP service gives pyvo: one row per resource, its interfaces joined."""
    separator = ":::py VO sep:::"
    joined = {
        "access_urls": lambda one: [url for url, _, _ in one["interfaces"]],
        "standard_ids": lambda one: [std for _, std, _ in one["interfaces"]],
        "intf_roles": lambda one: [role for _, _, role in one["interfaces"]],
        "intf_types": lambda one: ["vs:paramhttp"] * len(one["interfaces"]),
        "cap_descriptions": lambda one: [""] * len(one["interfaces"]),
    }
    plain = [
        "ivoid", "res_type", "short_name", "res_title", "content_level", "res_description",
        "reference_url", "creator_seq", "created", "updated", "rights", "content_type",
        "source_format", "source_value", "region_of_regard", "waveband", "alt_identifier",
    ]  # fmt: skip
    fields = [Field(name, "char", [one.get(name, "") for one in resources]) for name in plain]
    fields += [
        Field(name, "char", [separator.join(of(one)) for one in resources])
        for name, of in joined.items()
    ]
    return votable(*fields)


@pytest.fixture
def fake_registry(fake_tap, monkeypatch):
    """pyvo's registry searches go to the fake service."""
    before = registry.regtap.get_RegTAP_service_url()
    registry.choose_RegTAP_service(fake_tap.url)
    yield fake_tap
    registry.choose_RegTAP_service(before)


TAP_ID, SCS_ID = "ivo://ivoa.net/std/tap", "ivo://ivoa.net/std/conesearch"


def test_search_registry_takes_standard_tap_interfaces(fake_registry):
    fake_registry.answer = lambda *_: registry_rows(
        {
            "ivoid": "ivo://archive.example/tap",
            "res_title": "Archive TAP",
            "interfaces": [
                ("https://archive.example/tap", TAP_ID, "std"),
                ("https://archive.example/page", TAP_ID, ""),  # its web page
                ("https://archive.example/cone", SCS_ID, "std"),
            ],
        },
        {
            "ivoid": "ivo://other.example/aux",
            "res_title": "A table at the same place",
            "interfaces": [("https://other.example/tap", TAP_ID + "#aux", "std")],
        },
    )
    assert search_registry("gaia esa") == [
        {
            "ivoid": "ivo://archive.example/tap",
            "title": "Archive TAP",
            "access_url": "https://archive.example/tap",
        },
        {
            "ivoid": "ivo://other.example/aux",
            "title": "A table at the same place",
            "access_url": "https://other.example/tap",
        },
    ]
    asked = fake_registry.queries[-1]
    assert "'gaia'" in asked and "'esa'" in asked, "both words are looked for, as two"
    assert TAP_ID in asked


@pytest.mark.parametrize("status", [404, 503])
def test_a_silent_registry_is_said_in_a_line(fake_registry, status):
    fake_registry.answer = lambda *_: Reply(b"<p>\n\nno\n</p>", status, "text/html")
    with pytest.raises(
        XgammaError, match=r"^the IVOA registry \(http.*\) does not answer: .*; check"
    ) as it:
        search_registry("irsa")
    assert "\n" not in str(it.value)


@pytest.mark.parametrize("body", [b"<html>", b"not XML", b""])
def test_a_registry_that_answers_nonsense_is_said_in_a_line(fake_registry, body):
    fake_registry.answer = lambda *_: Reply(body, 200, "text/html")
    with pytest.raises(XgammaError, match=r"^the IVOA registry \(http.*\) does not answer: ") as it:
        search_registry("irsa")
    assert "\n" not in str(it.value)


def test_a_registry_that_hangs_is_given_up(fake_registry, monkeypatch):
    monkeypatch.setattr("xgamma.archive.registry._TIMEOUT_S", 0.3)
    hung = threading.Event()

    def never(*_):
        hung.wait(20)
        return registry_rows()

    fake_registry.answer = never
    start = time.monotonic()
    try:
        with pytest.raises(XgammaError, match=r"^the IVOA registry \(http.*\) does not answer: "):
            search_registry("irsa")
    finally:
        hung.set()
    assert time.monotonic() - start < 5


def test_registered_services():
    urls = {
        "heasarc": "https://heasarc.example/xamin/vo/tap",
        "gaia": "https://gaia.example/tap",
        "irsa": "https://irsa.example/TAP",
    }
    found = {
        # the same service: scheme, case and a last slash do not matter
        "heasarc": [entry("ivo://h/one", "http://heasarc.example/xamin/VO/tap/")],
        # a longer path is another service
        "gaia": [
            entry("ivo://g/two", "https://gaia.example/tap/other"),
            entry("ivo://g/one", "https://other.example/tap"),
            entry("ivo://g/one", "https://other.example/tap"),
        ],
        "irsa": [],
    }
    frame, sentences = registered_services(urls, found)
    assert sentences == [
        "heasarc: https://heasarc.example/xamin/vo/tap is registered as ivo://h/one",
        "gaia: https://gaia.example/tap is not among the 3 registered TAP services for 'gaia esa'",
        "irsa: https://irsa.example/TAP is not among the 0 registered TAP services for 'irsa'",
    ]
    rows = list(zip(frame["service"], frame["ivoid"], frame["configured"], strict=True))
    assert rows == [
        ("gaia", "ivo://g/one", False),
        ("gaia", "ivo://g/two", False),
        ("heasarc", "ivo://h/one", True),
    ]


def test_an_empty_registry_gives_an_empty_table():
    urls = dict.fromkeys(("heasarc", "gaia", "vizier_at_cds"), "https://x.example/tap")
    frame, sentences = registered_services(urls, {name: [] for name in urls})
    assert len(frame) == 0 and len(sentences) == 3
    assert list(frame.columns) == [c.name for c in REGISTRY_COLUMNS]
    assert [str(t) for t in frame.dtypes] == [
        "bool" if c.kind == "bool" else "str" for c in REGISTRY_COLUMNS
    ]


def entry(ivoid, access_url):
    return {"ivoid": ivoid, "title": "T", "access_url": access_url}
