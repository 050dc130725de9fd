"""The same rows, the same probabilities as NWAY's, where both make the same assumptions.

The numbers were computed by NWAY 4.8.0, a program, from the rows below in three FITS tables with
SKYAREA 0.004, 0.0004 and 0.0006 deg2 (X, A, B):

    nway.py X.fits :ERR A.fits 0.2 --radius 8 --prior-completeness 0.7
        --ignore-unrelated-associations --out one.fits
    nway.py X.fits :ERR A.fits 0.2 B.fits 0.3 --radius 8 --prior-completeness 0.7:0.6
        --ignore-unrelated-associations --out two.fits

It writes them in single precision. `benchmarks/identification.py` compares whole fields.
"""

import numpy as np
import pytest

from xgamma.identification.ellipses import circular
from xgamma.identification.hypotheses import Neighbours, enumerate_hypotheses, posterior
from xgamma.sky import match_within, position_angle

X = np.array([
    (120.0000, 30.0000, 0.6), (120.0100, 30.0050, 1.2), (120.0200, 29.9950, 2.0),
    (120.0300, 30.0010, 0.4), (120.0401, 29.9901, 0.9),
])  # fmt: skip
A = np.array([
    (120.00015, 30.00012), (120.00060, 29.99950), (120.00980, 30.00540), (120.01070, 30.00480),
    (120.01050, 30.00390), (120.02050, 29.99600), (120.01890, 29.99420),
])  # fmt: skip
B = np.array([
    (120.00012, 30.00018), (120.01065, 30.00476), (120.02140, 29.99560), (120.03001, 30.00103),
    (120.02060, 29.99590),
])  # fmt: skip
AREA = {"A": 0.0004, "B": 0.0006}

# (X, A): p_i, and p_any of each X
ONE = {
    (0, 0): 0.9996357560157776, (0, 1): 0.0003642273077275604, (1, 2): 0.7189241647720337,
    (1, 3): 0.2774397134780884, (1, 4): 0.0036361448001116514, (2, 5): 0.6405050754547119,
    (2, 6): 0.3594948947429657,
}  # fmt: skip
ONE_ANY = [0.9908909797668457, 0.9672456979751587, 0.8059431314468384, 0, 0]
# (X, A, B)
TWO = {
    (0, -1, 0): 0.0018145957728847861, (0, 0, -1): 0.0013365268241614103,
    (0, 0, 0): 0.9968484044075012, (0, 1, -1): 4.869769441029348e-07,
    (0, 1, 0): 7.243493304486979e-16, (1, -1, 1): 0.00240630516782403,
    (1, 2, -1): 0.0030842956621199846, (1, 2, 1): 1.418829946734677e-20,
    (1, 3, -1): 0.0011902592377737164, (1, 3, 1): 0.9933035373687744,
    (1, 4, -1): 1.5599622201989405e-05, (1, 4, 1): 4.893053323888508e-18,
    (2, -1, 2): 0.0014724268112331629, (2, -1, 4): 0.004832467529922724,
    (2, 5, -1): 0.0023515396751463413, (2, 5, 2): 5.116612367474948e-17,
    (2, 5, 4): 0.9900237321853638, (2, 6, -1): 0.001319843577221036, (3, -1, 3): 1.0,
}  # fmt: skip
TWO_ANY = [0.9999877214431763, 0.9998547434806824, 0.9991167783737183, 0.9979325532913208, 0]


def around(objects, sigma):
    source, row, apart = match_within(X[:, 0], X[:, 1], 8 / 3600, objects[:, 0], objects[:, 1])
    angle = np.radians(position_angle(*X[source, :2].T, *objects[row].T))
    return Neighbours(
        source, row, 3600 * apart * np.sin(angle), 3600 * apart * np.cos(angle),
        circular(np.full(len(row), sigma)),
    )  # fmt: skip


def probabilities(surveys, completeness):
    """p_any and p_i with NWAY's weights: c over (n + 1) / SKYAREA for each object chosen."""
    near = [around(objects, sigma) for objects, sigma, _ in surveys]
    found = enumerate_hypotheses(circular(X[:, 2]), near)
    prior = np.zeros(len(found.source))
    for number, ((objects, _, area), share) in enumerate(zip(surveys, completeness, strict=True)):
        density = (len(objects) + 1) / (area * 3600**2)
        prior += (found.row[:, number] >= 0) * np.log(share / density)
    probability = posterior(found.source, found.log_overlap + prior)
    none = probability[(found.row < 0).all(axis=1)]
    p_i = {}
    for source, rows, p in zip(found.source, found.row, probability, strict=True):
        if (rows >= 0).any():
            objects = [
                int(one.object[r]) if r >= 0 else -1 for one, r in zip(near, rows, strict=True)
            ]
            p_i[int(source), *objects] = p / (1 - none[source])
    return 1 - none, p_i


@pytest.mark.parametrize(
    ("surveys", "completeness", "any_of", "of_each"),
    [
        ([(A, 0.2, AREA["A"])], [0.7], ONE_ANY, ONE),
        ([(A, 0.2, AREA["A"]), (B, 0.3, AREA["B"])], [0.7, 0.6], TWO_ANY, TWO),
    ],
)
def test_p_any_and_p_i_are_nway_s(surveys, completeness, any_of, of_each):
    p_any, p_i = probabilities(surveys, completeness)
    assert p_any == pytest.approx(np.array(any_of), abs=1e-6)
    # it leaves out what is further apart than the radius, though both are near the source
    assert set(of_each) <= set(p_i)
    for choice, p in p_i.items():
        assert p == pytest.approx(of_each.get(choice, 0.0), abs=1e-6), choice
