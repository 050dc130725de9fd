"""Requests at a time, per host; whom a run asks; which rules have a partition."""

from types import SimpleNamespace

import pytest

from xgamma.config.settings import Service
from xgamma.run.scheduling import (
    asks_simulated_sky,
    asks_the_network,
    fetch_minutes,
    sets_partition,
    slots_taken,
)

NAMES = ("heasarc", "gaia", "irsa")


def services(*urls_and_requests):
    return {
        name: Service(url, requests, "sync", True)
        for name, (url, requests) in zip(NAMES, urls_and_requests, strict=True)
    }


def taken(services, *asked):
    """Slots of heasarc, gaia, irsa that a job takes."""
    return tuple(slots_taken(services, resource, asked) for resource in NAMES)


APART = services(("https://a/tap", 2), ("https://b/tap", 4), ("https://c/tap", 3))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["heasarc"], (50, 0, 0)),
        (["gaia"], (0, 25, 0)),
        (["irsa"], (0, 0, 33)),
        (NAMES, (50, 25, 33)),
        ([], (0, 0, 0)),
    ],
)
def test_hosts_apart(asked, expected):
    assert taken(APART, *asked) == expected


def test_two_services_of_one_host_share_the_slots_of_the_first():
    archive = services(
        ("https://a/tap", 2), ("https://B.org/gaia/tap", 4), ("https://b.org/tap", 1)
    )
    assert taken(archive, "heasarc") == (50, 0, 0)
    # and the smaller number of requests
    assert taken(archive, "gaia") == taken(archive, "irsa") == taken(archive, "gaia", "irsa")
    assert taken(archive, "irsa") == (0, 100, 0)
    assert taken(archive, *NAMES) == (50, 100, 0)


def test_all_on_one_host():
    archive = services(*[(f"http://127.0.0.1:8080/{name}/tap", 4) for name in NAMES])
    assert {taken(archive, name) for name in NAMES} == {(25, 0, 0)}


def test_a_port_makes_another_host_unless_it_is_the_usual_one():
    archive = services(("http://a:80/x", 2), ("http://a/y", 2), ("http://a:8080/z", 2))
    assert taken(archive, *NAMES) == (50, 0, 50)


def test_the_demo_has_no_host():
    archive = services(*[(f"http://demo.invalid/{name}/tap", 4) for name in NAMES])
    assert taken(archive, *NAMES) == (25, 25, 25)


@pytest.mark.parametrize(
    ("url", "replay_of", "simulated_sky", "network", "minutes"),
    [
        ("http://demo.invalid/heasarc/tap", None, True, False, 10),
        ("https://a/tap", None, False, True, 75),
        # a replay of either asks nobody
        ("http://demo.invalid/heasarc/tap", "demo", False, False, 10),
        ("https://a/tap", "live", False, False, 10),
    ],
)
def test_whom_a_run_asks(url, replay_of, simulated_sky, network, minutes):
    config = SimpleNamespace(
        services=services((url, 1), (url, 1), (url, 1)),
        replay_of=replay_of,
        outline_service=None,
        tap=SimpleNamespace(deadline_s=3600.0),
    )
    assert asks_simulated_sky(config) is simulated_sky
    assert asks_the_network(config) is network
    assert fetch_minutes(config) == minutes


def test_an_archive_may_be_simulated_in_part():
    archive = services(("http://demo.invalid/heasarc/tap", 1), ("https://b", 1), ("https://c", 1))
    config = SimpleNamespace(services=archive, replay_of=None)
    assert asks_simulated_sky(config) and asks_the_network(config)


@pytest.mark.parametrize(
    ("resources", "named"),
    [
        ({}, False),
        ({"mem_mb": 100}, False),
        ({"mem_mb": 100, "slurm_partition": "transfer"}, True),
        ({"lsf_queue": "short"}, True),
    ],
)
def test_a_partition_or_a_queue_is_a_place(resources, named):
    assert sets_partition(resources) is named
