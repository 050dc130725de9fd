"""Pairs without a service that has both catalogues: the join here, and what goes up for one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord

from xgamma.answers.answer import Answer
from xgamma.archive.catalogues import CATALOGUES, fit_to_catalogue
from xgamma.errors import XgammaError
from xgamma.stages.crossmatch_own import join_by_upload, join_here, with_circles
from xgamma.stages.verify_crossmatch import verify_pairs

AVAILABLE = {("heasarc", "csc"): [c.name for c in CATALOGUES["csc"].columns]}


def sky(seed=1, circles=60, points=4000):
    """Circles and sources around them: across 0 h, at both poles, and with radii to a degree."""
    random = np.random.default_rng(seed)
    ra = random.uniform(0, 360, circles)
    dec = np.degrees(np.arcsin(random.uniform(-1, 1, circles)))
    ra[:3], dec[:5] = (0.001, 359.999, 120.0), (10.0, -20.0, 89.9, -90.0, 90.0)
    near = random.integers(0, circles, points)
    places = SkyCoord(ra, dec, unit="deg")[near].directional_offset_by(
        random.uniform(0, 360, points) * SkyCoord(0, 0, unit="deg").ra.unit,
        random.uniform(0, 1.5, points) * SkyCoord(0, 0, unit="deg").ra.unit,
    )
    fermi = pd.DataFrame(
        {
            "name": [f"FL16Y J{i:04d}" for i in range(circles)],
            "ra": ra,
            "dec": dec,
            "bii": random.uniform(-12, 12, circles),
            "semi_major_axis_95": np.where(np.arange(circles) % 9 == 8, np.nan, 0.02 + ra / 400),
        }
    )
    csc = pd.DataFrame(
        {
            "name": [f"2CXO J{i:04d}" for i in range(points)],
            "ra": places.ra.deg % 360,
            "dec": places.dec.deg,
            "b_flux_ap": np.where(random.random(points) < 0.2, np.nan, 1e-14),
        }
    )
    both = zip((fermi, csc), ("fermilpsc", "csc"), strict=True)
    return tuple(fit_to_catalogue(frame, CATALOGUES[which]) for frame, which in both)


def by_hand(fermi, csc, cut, min_flux):
    """All with all, by astropy's separations."""
    fermi = fermi[(fermi["bii"].abs() <= cut) & (fermi["semi_major_axis_95"] > 0)]
    csc = csc if min_flux is None else csc[csc["b_flux_ap"] > min_flux]
    points = SkyCoord(csc["ra"], csc["dec"], unit="deg")
    return {
        (row.name, name)
        for row in fermi.itertuples(index=False)
        for name in csc["name"][
            points.separation(SkyCoord(row.ra, row.dec, unit="deg")).deg <= row.semi_major_axis_95
        ]
    }


@pytest.mark.parametrize("min_flux", [0.0, None])
def test_the_join_here_is_that_of_all_with_all(min_flux):
    fermi, csc = sky()
    pairs = join_here(with_circles(fermi, 10.0), csc, min_flux)
    expected = by_hand(fermi, csc, 10.0, min_flux)
    assert len(expected) > 500
    assert set(zip(pairs["fermi_name"], pairs["csc_name"], strict=True)) == expected
    assert len(pairs) == len(expected)
    # as it would be held against the catalogues, which goes another way
    found = verify_pairs(pairs, fermi, csc, 10.0, min_flux)
    assert found.pairs_service == found.pairs_local == len(expected)


def test_without_circles_or_sources_there_are_no_pairs():
    fermi, csc = sky(circles=9, points=20)
    assert len(join_here(fermi[:0], csc, 0.0)) == len(join_here(fermi, csc[:0], 0.0)) == 0
    assert join_by_upload(None, fermi[:0], 0.0, AVAILABLE)[1] == []


class Server:
    """Joins what goes up, all with all."""

    name = "heasarc"

    def __init__(self, csc, change=lambda answer: answer):
        self.csc, self.change, self.trusted, self.kept = csc, change, [], self
        self.adql, self.uploads = "", {}

    def query_counted(self, adql, count, uploads):
        from xgamma.tap.mirror_names import Names

        self.adql, self.uploads = adql(Names()), uploads
        assert self.adql.split(" FROM ")[1] == count(Names()).split(" FROM ")[1]
        points = SkyCoord(self.csc["ra"], self.csc["dec"], unit="deg")
        rows = []
        for row in pd.DataFrame(uploads["fermi"]).to_dict("records"):
            place = SkyCoord(row["target_ra"], row["target_dec"], unit="deg")
            inside = self.csc[points.separation(place).deg <= row["radius_deg"]]
            rows.append(inside[inside["b_flux_ap"] > 0].assign(target_id=row["target_id"]))
        names = {
            "name": "csc_name",
            "ra": "csc_ra",
            "dec": "csc_dec",
            "lii": "csc_l",
            "bii": "csc_b",
            "b_flux_ap": "csc_flux",
            "error_ellipse_r0": "csc_error_r0",
        }
        frame = pd.concat(rows).rename(columns=names)[["target_id", *names.values()]]
        return Answer(self.change(frame.sample(frac=1, random_state=1)), {}, {"key": "k"})

    def trust(self, records):
        self.trusted += records


def test_a_list_of_ones_own_goes_up_and_comes_back_with_its_columns():
    fermi, csc = sky(points=1500)
    server, chosen = Server(csc), with_circles(fermi, 10.0)
    pairs, records = join_by_upload(server, chosen, 0.0, AVAILABLE)
    assert pairs.equals(join_here(chosen, csc, 0.0)) and len(pairs) > 100
    assert server.trusted == records == [{"key": "k"}]
    assert server.uploads["fermi"]["radius_deg"].tolist() == chosen["semi_major_axis_95"].tolist()
    assert "fermilpsc" not in server.adql and server.adql.endswith("AND c.b_flux_ap > 0.0")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop(columns="target_id"), "has no column target_id"),
        (lambda rows: pd.concat([rows, rows[:1]]), "came more than once: 1"),
        (lambda rows: rows.assign(csc_ra=np.nan), "without a valid position"),
    ],
)
def test_what_comes_back_is_checked(change, said):
    fermi, csc = sky(points=200)
    with pytest.raises(XgammaError, match=f"heasarc: .*csc joined with an upload.*{said}"):
        join_by_upload(Server(csc, change), with_circles(fermi, 10.0), 0.0, AVAILABLE)
