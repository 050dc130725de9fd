"""Outlines as archives write them: STC-S of several tastes is one part of the sky."""

import numpy as np
import pytest

from xgamma.coverage.cells import CELL_AREA_DEG2, ORDER, AimPoints, from_outlines
from xgamma.coverage.outlines import map_of_outline
from xgamma.errors import XgammaError
from xgamma.sky import separation

SQUARE = "Polygon ICRS 359.9 20 0.1 20 0.1 20.2 359.9 20.2"
TWO = "Union ICRS (Polygon 10 20 10.2 20 10.2 20.2 10 20.2 Circle 11 20 0.1)"


def cells_of(outline: str) -> list[int]:
    return map_of_outline(outline, ORDER).flatten().tolist()


@pytest.mark.parametrize(
    ("outline", "same"),
    [
        ("POLYGON J2000 359.9 20 0.1 20 0.1 20.2 359.9 20.2", SQUARE),
        ("polygon FK5 -0.1 20 0.1 20 0.1 20.2 -0.1 20.2", SQUARE),
        ("POLYGON 359.9 20 360.1 20 360.1 20.2 359.9 20.2 359.9 20", SQUARE),
        ("Polygon ICRS 359.9 20.2 0.1 20.2 0.1 20 359.9 20", SQUARE),
        ("POLYGON 10 20 10.2 20 10.2 20.2 10 20.2 CIRCLE 11 20 0.1", TWO),
        ("POLYGON ICRS 10 20 10.2 20 10.2 20.2 10 20.2 CIRCLE ICRS 371 20 0.1", TWO),
        (
            "UNION J2000 TOPOCENTER ( CIRCLE 11 20 0.1 POLYGON 10 20 10.2 20 10.2 20.2 10 20.2 )",
            TWO,
        ),
    ],
)
def test_one_outline_written_in_many_ways(outline, same):
    expected = cells_of(same)
    assert cells_of(outline) == expected
    # 0.2 degrees by as much, less in right ascension; cells on the edge count whole
    assert len(expected) * CELL_AREA_DEG2 > 0.2 * 0.2 * np.cos(np.radians(20.1))


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        ("Circle ICRS 10 20", "cannot be read (a circle of 2 numbers)"),
        ("Circle ICRS 10 20 1 2", "cannot be read (a circle of 4 numbers)"),
        ("Polygon ICRS 10 20 11 20", "cannot be read (a polygon of 4 numbers)"),
        ("Polygon ICRS 10 20 11 20 11 21 10", "cannot be read (a polygon of 7 numbers)"),
        ("Circle GALACTIC 10 20 1", "cannot be read (Frame other than ICRS not supported"),
        ("Circle ICRS 10 95 1", "cannot be read (Latitude value out of bounds"),
        ("Union ICRS ()", "cannot be read (STC-S string parsing incomplete)"),
        ("Not ICRS (Circle 10 20 0.5)", "holds 1 of the sky, more than an observation can"),
        ("Circle ICRS 10 20 2", "holds 0.00031 of the sky, more than"),
    ],
)
def test_what_is_no_outline_of_an_observation_is_one_line(outline, reason):
    """mocpy takes a polygon of two points, and the sky around a hole."""
    with pytest.raises(XgammaError) as of:
        map_of_outline(outline, ORDER)
    message = str(of.value)
    assert message.startswith(reason) and message.endswith(f": {outline!r}") and "\n" not in message


def test_exposure_counts_for_less_off_the_axis():
    """1 / (1 + (angle / 7')^2), a quarter of it with HRC; aim points on either side of 0 h."""
    outline = ["Circle ICRS 0 -30 0.3", "Circle ICRS 0 -30 0.3", "Circle ICRS 90 -30 0.2"]
    aim = AimPoints(
        np.array([359.95, 0.02, 90.0]), np.array([-30.0] * 3), ["ACIS-I", "HRC-I", "HRC"]
    )
    cells = from_outlines(outline, np.array([1e4, 6e4, 2e4]), aim)

    def worth(ra):
        return 1 / (1 + (separation(ra, -30.0, cells.ra, cells.dec) * 60 / 7) ** 2)

    both = cells.ra < 80
    both |= cells.ra > 300
    expected = np.where(both, 1e4 * worth(359.95) + 1.5e4 * worth(0.02), 5e3 * worth(90.0))
    assert cells.exposure == pytest.approx(expected, rel=1e-9)
    assert cells.exposure[~both].max() == pytest.approx(5e3, rel=0.05)
    assert cells.exposure[~both].min() == pytest.approx(5e3 / (1 + (12 / 7) ** 2), rel=0.15)
