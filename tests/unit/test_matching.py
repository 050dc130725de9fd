"""The matching, to the last bit: against all pairs, in awkward places, in bounded memory.

test_sky.py holds the separations themselves against other formulas.
"""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from astropy.coordinates import angular_separation

from xgamma import sky
from xgamma.sky import match_within, separation


def random_positions(n, random):
    return random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))


def test_separation_has_the_bits_of_astropy():
    """The products hold separations: a rounding of our own would change their bytes."""
    n = 1_000_000
    random = np.random.default_rng(21)
    ra1, dec1 = random_positions(n, random)
    ra2, dec2 = random_positions(n, random)
    near, same, opposite, wrap, pole = (slice(k * n // 10, (k + 1) * n // 10) for k in range(5))
    step = 10 ** random.uniform(-12, 0, n) * random.normal(size=(2, n))
    ra2[near], dec2[near] = ra1[near] + step[0, near], (dec1 + step[1])[near].clip(-90, 90)
    ra2[same], dec2[same] = ra1[same], dec1[same]
    ra2[opposite], dec2[opposite] = (ra1[opposite] + 180) % 360, -dec1[opposite]
    ra1[wrap], ra2[wrap], dec2[wrap] = 360 - abs(step[0, wrap]), abs(step[1, wrap]), dec1[wrap]
    dec1[pole], dec2[pole] = random.choice([-90, 90, 89.9999999], (2, n // 10))
    expected = np.degrees(angular_separation(*map(np.radians, (ra1, dec1, ra2, dec2))))
    assert separation(ra1, dec1, ra2, dec2).tobytes() == expected.tobytes()
    # a slice of a computation has the bits of the whole
    for part in (slice(7, 10), slice(1, n, 3)):
        found = separation(ra1[part], dec1[part], ra2[part], dec2[part])
        assert found.tobytes() == expected[part].tobytes()


def awkward_positions(random, n):
    """Positions of one of the kinds that a grid of cells can lose."""
    ra, dec = random_positions(n, random)
    size = 10 ** random.uniform(-6, 1)
    match random.integers(6):
        case 0:  # around both poles
            dec = random.choice([-1, 1], n) * (90 - size * random.random(n))
        case 1:  # on both sides of 0 h, some below 0
            ra = size * random.uniform(-1, 1, n)
        case 2:  # in a corner of the grid
            ra, dec = size * random.uniform(-1, 1, (2, n))
            ra %= 360
        case 3:  # on the edges of cells
            ra, dec = np.round(ra * 8) / 8, np.round(dec / 10) * 10
        case 4:  # past the poles and around more than once
            ra, dec = random.uniform(-720, 720, n), random.uniform(-400, 400, n)
    return ra, dec


@pytest.mark.parametrize("seed", range(120))
def test_match_within_loses_and_adds_nothing(seed, monkeypatch):
    """Every pair whose separation is in the radius and no other, to the last bit.

    Catches circles missing from cells that they reach into: at 0 h, over a pole, at an
    edge; a point lost between blocks or portions; radii of all sizes in one call.
    """
    random = np.random.default_rng(seed)
    monkeypatch.setattr(sky, "_BLOCK", int(random.choice([50, 2**16])))
    monkeypatch.setattr(sky, "_PORTION", int(random.choice([1, 100, 2**20])))
    if seed % 3 == 0:  # also with so few points that the sieve does not pay
        monkeypatch.setattr(sky, "_SIEVE_DEG", 10.0)
    m, n = random.integers(1, 40), random.integers(1, 1500)
    centre_ra, centre_dec = awkward_positions(random, m)
    ra, dec = awkward_positions(random, n)
    # half of the points beside a centre, some at its very place
    beside, near = random.integers(0, m, n // 2), 10 ** random.uniform(-7, 0.5)
    offset = near * random.normal(size=(2, n // 2)) * random.integers(0, 2, n // 2)
    ra[: n // 2], dec[: n // 2] = centre_ra[beside] + offset[0], centre_dec[beside] + offset[1]
    radius = 10 ** random.uniform(-8, random.uniform(-6, 2.4), m)
    special = random.random(m) < 0.2
    radius[special] = random.choice([0, -1, np.nan, 89.9999, 90, 180, np.inf], special.sum())
    # at the very edge of its circle
    radius[0] = separation(centre_ra[0], centre_dec[0], ra[-1], dec[-1])
    apart = separation(centre_ra[:, None], centre_dec[:, None], ra, dec)
    expected = np.nonzero(apart <= radius[:, None])
    centre, point, distance = match_within(centre_ra, centre_dec, radius, ra, dec)
    np.testing.assert_array_equal([centre, point], expected)
    assert distance.tobytes() == apart[expected].tobytes()
    assert len(centre) > 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", range(4))
def test_match_within_refuses_what_is_no_position(place, wrong):
    """A NaN would end in some cell and match nothing, unseen."""
    given = [np.array([10.0, 20.0, 30.0]) for _ in range(4)]
    given[place][1] = wrong
    with pytest.raises(ValueError, match="must be finite"):
        match_within(*given[:2], 1.0, *given[2:])


def test_match_within_of_a_dense_field_is_bounded_in_memory(monkeypatch):
    """4 million candidates and hardly a pair: they may not all be there at once."""
    monkeypatch.setattr(sky, "_PORTION", 2**15)
    random = np.random.default_rng(5)
    centres, points = (random.uniform(0, 5e-4, (2, n)) + 50 for n in (2000, 2000))
    tracemalloc.start()
    centre, _, _ = match_within(*centres, 1e-6, *points)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0 < len(centre) < 100
    assert peak < 10e6


def test_matching_imports_little():
    """An import of any of these takes as long as the matching of 400 000 sources, or longer."""
    code = (
        "import sys; from xgamma.sky import match_within; match_within([1], [1], [1], [1], [1]);"
        "print({'scipy', 'pandas', 'astropy', 'pyarrow', 'numpy.ma'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
