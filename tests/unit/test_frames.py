"""Positions and cells without astropy's coordinates are astropy's, to the last bit."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from xgamma import frames, healpix

RNG = np.random.default_rng(4)
# poles, the ends of longitude, and two poles of the other system
FIRST = [0.0, 360.0, 359.99999999999994, 0.0, 180.0, 192.85948, 266.4051, 1e-300]
SECOND = [90.0, -90.0, 0.0, -0.0, 1e-12, 27.12825, -28.936175, -1e-300]
RA = np.concatenate([FIRST, RNG.uniform(0, 360, 20_000)])
DEC = np.concatenate([SECOND, np.degrees(np.arcsin(RNG.uniform(-1, 1, 20_000)))])


@pytest.mark.parametrize("start", ["icrs", "galactic", "fk5"])
@pytest.mark.parametrize("end", ["icrs", "galactic", "fk5"])
def test_every_bit_is_astropys(start, end):
    if not hasattr(frames, f"{start}_to_{end}"):
        return
    found = getattr(frames, f"{start}_to_{end}")(RA, DEC)
    by_astropy = getattr(SkyCoord(RA, DEC, unit="deg", frame=start), end).spherical
    assert (found[0] == by_astropy.lon.deg).all() and (found[1] == by_astropy.lat.deg).all()
    assert (found[0] >= 0).all() and (found[0] < 360).all()


def test_a_longitude_may_be_of_another_turn():
    for longitude in (-RA, RA + 360, RA - 720):
        found = frames.galactic_to_icrs(longitude, DEC)
        by_astropy = SkyCoord(longitude, DEC, unit="deg", frame="galactic").icrs
        assert (found[0] == by_astropy.ra.deg).all() and (found[1] == by_astropy.dec.deg).all()


def test_one_position_none_and_what_is_no_position():
    longitude, latitude = frames.icrs_to_galactic(266.4051, -28.936175)
    assert min(longitude, 360 - longitude) < 1e-4 and abs(latitude) < 1e-4
    assert [len(values) for values in frames.icrs_to_galactic([], [])] == [0, 0]
    assert np.isnan(frames.icrs_to_galactic(np.nan, 1.0)).all()
    with pytest.raises(ValueError, match="beyond a pole"):
        frames.icrs_to_galactic([1.0, 2.0], [3.0, 90.1])


@pytest.mark.parametrize("order", [0, 3, 11])
def test_cells_are_those_of_astropy_healpix(order):
    by_astropy = HEALPix(2**order, order="nested")
    cells = healpix.cells_at(RA, DEC, order)
    assert (cells == by_astropy.lonlat_to_healpix(RA * u.deg, DEC * u.deg)).all()
    ra, dec = healpix.centres(cells, order)
    expected = by_astropy.healpix_to_lonlat(cells)
    assert (ra == expected[0].deg).all() and (dec == expected[1].deg).all()
    ra, dec = healpix.corners(cells, order)
    expected = by_astropy.boundaries_lonlat(cells, step=1)
    assert (ra == expected[0].to_value("deg")).all() and (dec == expected[1].to_value("deg")).all()


def test_no_positions_have_no_cells():
    assert healpix.cells_at([], [], 3).shape == (0,)
    assert healpix.centres([], 3)[0].shape == (0,)
    assert healpix.corners([], 3)[0].shape == (0, 4)
