"""Requests at a time: per host, whichever services are there."""

import pytest

from xgamma.config.settings import Service
from xgamma.run.slots import slots_taken

NAMES = ("heasarc", "gaia", "irsa")


def services(*urls_and_requests):
    return {
        name: Service(url, requests, "sync", True)
        for name, (url, requests) in zip(NAMES, urls_and_requests, strict=True)
    }


def taken(there, *asked):
    """Slots of heasarc, gaia, irsa that a job takes."""
    return tuple(slots_taken(there, resource, asked) for resource in NAMES)


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
    there = services(("https://a/tap", 2), ("https://B.org/gaia/tap", 4), ("https://b.org/tap", 1))
    assert taken(there, "heasarc") == (50, 0, 0)
    # and the smaller number of requests
    assert taken(there, "gaia") == taken(there, "irsa") == taken(there, "gaia", "irsa")
    assert taken(there, "irsa") == (0, 100, 0)
    assert taken(there, *NAMES) == (50, 100, 0)


def test_all_on_one_host():
    there = services(*[(f"http://127.0.0.1:8080/{name}/tap", 4) for name in NAMES])
    assert {taken(there, name) for name in NAMES} == {(25, 0, 0)}


def test_a_port_makes_another_host_unless_it_is_the_usual_one():
    there = services(("http://a:80/x", 2), ("http://a/y", 2), ("http://a:8080/z", 2))
    assert taken(there, *NAMES) == (50, 0, 50)


def test_the_demo_has_no_host():
    there = services(*[(f"http://demo.invalid/{name}/tap", 4) for name in NAMES])
    assert taken(there, *NAMES) == (25, 25, 25)
