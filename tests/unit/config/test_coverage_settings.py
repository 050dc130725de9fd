"""Whom the config asks for outlines, and with which limits."""

import pytest

from xgamma.config.settings import ConfigError, load_config
from xgamma.run.scheduling import asks_for_outlines, asks_the_network, fetch_minutes, slots_taken

OUTLINES = {"source": "obscore"}


def test_nobody_is_asked_for_outlines_unless_they_are_wanted():
    for coverage in ({}, {"source": "moc", "moc": "a.fits", "obscore": {"url": "https://a/tap"}}):
        config = load_config({"coverage": coverage})
        assert config.outline_service is None and not asks_for_outlines(config)
    assert fetch_minutes(config) == 10


def test_outlines_come_over_the_network_beside_a_simulated_sky_too():
    config = load_config({"coverage": OUTLINES})
    assert config.outline_service.url == "https://cda.cfa.harvard.edu/cxctap"
    assert asks_for_outlines(config) and not asks_the_network(config)
    assert fetch_minutes(config) == 135
    assert not asks_for_outlines(load_config({"archive": "replay", "coverage": OUTLINES}))


@pytest.mark.parametrize(
    ("url", "slots"),
    [("https://a/tap", (0, 0, 0)), ("https://irsa.ipac.caltech.edu/x", (0, 0, 100))],
)
def test_a_host_that_has_outlines_too_gets_one_request_at_a_time(url, slots):
    config = load_config({"archive": "live", "coverage": OUTLINES | {"obscore": {"url": url}}})
    services = {**config.services, "obscore": config.outline_service}
    assert tuple(slots_taken(services, name, ["obscore"]) for name in config.services) == slots


@pytest.mark.parametrize(
    ("obscore", "problem"),
    [
        (
            {"url": "http://demo.invalid/heasarc/tap"},
            "coverage.obscore.url is 'http://demo.invalid/heasarc/tap'; the simulated sky has no "
            "outlines, so take source: pointings",
        ),
        ({"url": "https://a/tap/sync"}, "coverage.obscore.url is 'https://a/tap/sync'; a TAP"),
        ({"url": ""}, "coverage.obscore.url is ''; a TAP service's base URL starts with http"),
        ({"table": "a.b.c.d"}, "coverage.obscore.table is 'a.b.c.d'; a table's name"),
        ({"where": "a = 1\nOR b = 2"}, "it is a condition in ADQL, on one line"),
        ({"limits": "*"}, "the keys there are url, mode, table, where"),
    ],
)
def test_what_is_refused(obscore, problem):
    with pytest.raises(ConfigError) as of:
        load_config({"coverage": OUTLINES | {"obscore": obscore}})
    assert problem in str(of.value) and str(of.value).startswith("config: coverage.obscore.")
