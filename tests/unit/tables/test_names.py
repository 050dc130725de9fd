"""What names of gamma-ray sources say, in the lists of the LAT and in others."""

from __future__ import annotations

import pytest

from xgamma.tables.names import designator, list_of, without_list


@pytest.mark.parametrize(
    ("name", "of", "bare", "letters"),
    [
        ("4FGL J1826.2-1450", "4FGL", "J1826.2-1450", ""),
        ("FL16Y J1826.2-1451A", "FL16Y", "J1826.2-1451A", "A"),
        ("4FGL J0002.1+6721c", "4FGL", "J0002.1+6721c", "c"),
        ("FL16Y J0222.4+6156e", "FL16Y", "J0222.4+6156e", "e"),
        ("4FGL J0534.5+2201s", "4FGL", "J0534.5+2201s", "s"),
        ("4FGL J0534.5\u22122201i", "4FGL", "J0534.5\u22122201i", "i"),
        ("3HWC J2019+367", "3HWC", "J2019+367", ""),
        ("J1826.2-1450", "", "J1826.2-1450", ""),
        # a list of one's own may have any names: a final letter means nothing there
        ("Source abc", "", "Source abc", ""),
        ("", "", "", ""),
    ],
)
def test_the_parts_of_a_name(name, of, bare, letters):
    assert (list_of(name), without_list(name), designator(name)) == (of, bare, letters)
