"""What Fermi sources may be: a group for every class, and shares from gamma rays alone."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xgamma.association.kinds import kind_shares
from xgamma.association.parameters import GROUPS, KINDS
from xgamma.classes import CLASSES
from xgamma.classes import group_of as group_on_figures

PULSAR, MILLISECOND, GALAXY, HIGH_MASS, BINARY = range(5)
STATED = [0.24, 0.23, 0.47, 0.02, 0.04]

# of made-up teachers: mean and width of log variability, curvature over root significance, index
MADE = {
    "PSR": ((1.0, 0.15), (1.5, 0.5), (2.5, 0.15)),
    "MSP": ((1.0, 0.15), (1.2, 0.4), (2.3, 0.15)),
    "bcu": ((1.7, 0.4), (0.2, 0.2), (2.2, 0.25)),
    "LMB": ((1.3, 0.3), (0.7, 0.4), (2.4, 0.3)),
}


def properties(log_variability, curvature, index, significance=16.0):
    """Rows of the catalogue; `curvature` is lp_sigcurv over the square root of significance."""
    rows = np.broadcast_arrays(log_variability, curvature, index, significance)
    log_variability, curvature, index, significance = (np.atleast_1d(row) for row in rows)
    return pd.DataFrame(
        {
            "variability_index": 10**log_variability,
            "lp_sigcurv": curvature * np.sqrt(significance),
            "pl_index": index,
            "detection_significance": significance,
        }
    )


def teachers(numbers=None, seed=1):
    random = np.random.default_rng(seed)
    numbers = {"PSR": 100, "MSP": 80, "bcu": 400, "LMB": 12} | (numbers or {})
    parts = []
    for name, number in numbers.items():
        drawn = [random.normal(mean, width, number) for mean, width in MADE[name]]
        part = properties(*drawn, random.uniform(9, 900, number))
        parts.append(part.assign(source_type=name))
    return pd.concat(parts, ignore_index=True)


def null(n):
    return properties(*np.full((3, n), np.nan))


def test_every_class_has_its_group_and_kind():
    expected = {
        "PSR": ("pulsar", PULSAR),
        "PWN": ("pulsar", PULSAR),
        "MSP": ("millisecond pulsar", MILLISECOND),
        "GLC": ("millisecond pulsar", MILLISECOND),
        "HMB": ("binary", HIGH_MASS),
        "LMB": ("binary", BINARY),
        "BIN": ("binary", BINARY),
        "NOV": ("binary", BINARY),
        "SPP": ("remnant", PULSAR),
        "SNR": ("remnant", PULSAR),
        "SFR": ("remnant", PULSAR),
        "GC": ("remnant", PULSAR),
        "": ("unclassified", None),
        "UNK": ("unclassified", None),
    }
    found = kind_shares(list(CLASSES), null(len(CLASSES)), null(0).assign(source_type=[]))
    for row, name in enumerate(CLASSES):
        group, kind = expected.get(name.upper(), ("active galaxy", GALAXY))
        assert GROUPS[found.group[row]] == group, name
        shares = STATED if kind is None else np.eye(len(KINDS))[kind]
        assert found.shares[row] == pytest.approx(shares), name
        # a source that figures count as Galactic is no galaxy
        assert (group == "active galaxy") == (group_on_figures(name) == "extragalactic"), name


def test_a_class_that_is_not_known_may_be_anything():
    """It was taken for an active galaxy, with a counterpart as sure as theirs."""
    found = kind_shares(["xyz", " psr "], null(2), teachers())
    assert [GROUPS[group] for group in found.group] == ["unclassified", "pulsar"]
    assert found.shares[0] == pytest.approx(STATED)


def test_without_properties_the_shares_are_the_stated_ones():
    for of in (teachers(), null(50).assign(source_type="PSR"), null(0).assign(source_type=[])):
        found = kind_shares(["", "unk"], null(2), of)
        assert found.shares == pytest.approx(np.array([STATED, STATED]))


def test_teachers_that_are_too_few_do_not_teach():
    variable = properties([2.5], [0.0], [1.8])
    assert kind_shares([""], variable, teachers({"LMB": 10})).teachers["other binary"] == 10
    few = kind_shares([""], variable, teachers({"LMB": 9}))
    assert few.teachers == {} and few.shares[0] == pytest.approx(STATED)
    # nor do those whose properties are null
    many = teachers({"LMB": 12})
    many.loc[many["source_type"] == "LMB", "pl_index"] = [np.nan] * 5 + [2.0] * 7
    assert kind_shares([""], variable, many).teachers == {}


def test_a_variable_hard_source_is_a_galaxy_and_a_curved_one_a_pulsar():
    found = kind_shares(["", ""], properties([2.3, 1.0], [0.0, 2.0], [1.9, 2.5]), teachers())
    assert found.shares[0, GALAXY] > 0.95
    assert found.shares[1, [PULSAR, MILLISECOND]].sum() > 0.9
    assert found.shares.sum(axis=1) == pytest.approx([1, 1])
    # classified sources keep their kind, whatever they look like
    as_they_are = kind_shares(
        ["PSR", "bll"], properties([2.3, 1.0], [0, 2], [1.9, 2.5]), teachers()
    )
    assert as_they_are.shares.tolist() == np.eye(5)[[PULSAR, GALAXY]].tolist()


def test_the_shares_against_normal_distributions_of_scipy():
    """To the power of a half; binaries share one distribution; what is null says nothing."""
    of = teachers()
    rows = properties([1.2, np.nan, 1.5], [0.9, 0.1, np.nan], [2.4, 2.1, np.nan])
    found = kind_shares(["", "", "unk"], rows, of)
    by_kind = [of[of["source_type"] == name] for name in ("PSR", "MSP", "bcu", "LMB", "LMB")]
    for row in range(3):
        expected = np.array(STATED)
        for kind, known in enumerate(by_kind):
            significance = np.sqrt(known["detection_significance"])
            features = [
                (np.log10(rows["variability_index"][row]), np.log10(known["variability_index"])),
                (rows["lp_sigcurv"][row] / 4, known["lp_sigcurv"] / significance),
                (rows["pl_index"][row], known["pl_index"]),
            ]
            for value, taught in features:
                if np.isfinite(value):
                    law = stats.norm(taught.mean(), taught.std(ddof=0))
                    expected[kind] *= np.sqrt(law.pdf(value))
        assert found.shares[row] == pytest.approx(expected / expected.sum(), rel=1e-9)
    assert found.teachers == {
        "pulsar": 100, "millisecond pulsar": 80, "active galaxy": 400, "other binary": 12,
    }  # fmt: skip


def test_remnants_do_not_teach_what_pulsars_are():
    of = teachers()
    remnants = properties(np.full(300, 3.0), 0.0, 1.5).assign(source_type="snr")
    row = properties([1.2], [0.9], [2.4])
    alone = kind_shares([""], row, of)
    both = kind_shares([""], row, pd.concat([of, remnants], ignore_index=True))
    assert both.shares.tolist() == alone.shares.tolist()


def test_properties_that_are_no_numbers():
    """Zero, negative and infinite ones are as null ones."""
    rows = properties([1.0, 1.0], [1.0, 1.0], [2.0, 2.0])
    rows["variability_index"] = [0.0, -3.0]
    rows["detection_significance"] = [0.0, 0.0]
    rows["pl_index"] = [np.inf, 2.4]
    found = kind_shares(["", ""], rows, teachers())
    assert found.shares[0] == pytest.approx(STATED)
    assert np.isfinite(found.shares).all() and found.shares[1, PULSAR] > STATED[PULSAR]


def test_no_sources():
    found = kind_shares([], null(0), teachers())
    assert found.shares.shape == (0, len(KINDS)) and found.group.shape == (0,)
