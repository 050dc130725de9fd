"""The flat tables: states, ranks, flags and agreement, each by a small case."""

import numpy as np
import pandas as pd
import pytest

from xgamma.archive.catalogues import CATALOGUES, fit_to_catalogue
from xgamma.stages.associate import CANDIDATE_COLUMNS, SOURCE_COLUMNS
from xgamma.stages.calibrate import CONTROL_COLUMNS
from xgamma.stages.tabulate import CANDIDATE_TABLE, FERMI_TABLE, candidate_table, fermi_table
from xgamma.tables.columns import conform


def made_up(columns, rows, **values):
    """A frame of some columns: what is not given is text of nothing, 1 or null."""
    usual = {"text": "", "int": 1, "float": np.nan, "bool": False}
    frame = {c.name: values.get(c.name, [usual[c.kind]] * rows) for c in columns}
    return conform(pd.DataFrame(frame), columns)


def catalogue(which, **columns):
    rows = len(next(iter(columns.values())))
    filled = {
        c.name: columns.get(c.name, [""] * rows if c.column.kind == "text" else [np.nan] * rows)
        for c in CATALOGUES[which].columns
    }
    return fit_to_catalogue(pd.DataFrame(filled), CATALOGUES[which])


# name, coverage, probabilities of its candidates, and its state
CASES = [
    ("never looked at", 0.0, [], "not observed"),
    ("a corner", 0.009, [], "not observed"),
    # a source proves that its place was seen
    ("a corner with a source", 0.009, [0.01], "partly observed"),
    ("half of it", 0.5, [0.1, 0.2], "partly observed"),
    ("all but a part", 0.81, [0.1, 0.2], "candidates, none likely"),
    ("empty", 1.0, [], "observed, nothing found"),
    ("one of two", 1.0, [0.3, 0.25], "confused"),
    ("one of two, half seen", 0.5, [0.3, 0.25], "confused"),
    ("likely", 1.0, [0.5], "likely counterpart"),
    ("nearly sure", 1.0, [0.799], "likely counterpart"),
    ("sure", 0.3, [0.1, 0.8], "counterpart"),
]


def tables():
    names = [case[0] for case in CASES]
    fermi = catalogue(
        "fermilpsc",
        name=names,
        ra=[10.0] * len(names),
        dec=[0.0] * len(names),
        semi_major_axis_95=[0.1] * len(names),
    )
    rows = [
        (name, f"csc {name} {i}", p)
        for name, _, probabilities, _ in CASES
        for i, p in enumerate(probabilities)
    ]
    frame = pd.DataFrame(rows, columns=["fermi_name", "csc_name", "p_association"])
    frame = frame.sort_values(
        ["fermi_name", "p_association"], ascending=[True, False], ignore_index=True
    )
    frame = made_up(CANDIDATE_COLUMNS, len(frame), **frame.to_dict("list"))
    csc = catalogue("csc", name=frame["csc_name"].tolist(), ra=[10.0] * len(frame))
    candidates = candidate_table(frame, fermi, csc)
    sources = made_up(
        SOURCE_COLUMNS,
        len(names),
        fermi_name=names,
        coverage=[case[1] for case in CASES],
        n_candidates=[len(case[2]) for case in CASES],
    ).sort_values("fermi_name", ignore_index=True)
    controls = made_up(CONTROL_COLUMNS, 1, fermi_name=["sure"], chance_sum_p=[0.25])
    return candidates, fermi_table(sources, candidates, controls, fermi)


def test_every_source_has_one_state():
    _, sources = tables()
    assert dict(zip(sources["fermi_name"], sources["state"], strict=True)) == {
        name: state for name, _, _, state in CASES
    }
    assert list(sources.columns) == [c.name for c in FERMI_TABLE]


def test_best_candidate_and_chance():
    _, sources = tables()
    sources = sources.set_index("fermi_name")
    assert sources.loc["sure", ["best_csc_name", "best_p", "chance_sum_p"]].tolist() == [
        "csc sure 1",
        0.8,
        0.25,
    ]
    assert sources.loc["empty", "best_csc_name"] == "" and np.isnan(sources.loc["empty", "best_p"])
    assert np.isnan(sources.loc["likely", "chance_sum_p"]), "no control, no rate"


def test_ranks_and_flags():
    """1 the likeliest, 2 at least half as likely, 0 the others."""
    names = ["a"] * 4 + ["b"]
    p = [0.5, 0.25, 0.2499, 0.0, 0.0]
    frame = made_up(
        CANDIDATE_COLUMNS,
        5,
        fermi_name=names,
        csc_name=list("vwxyz"),
        p_association=p,
        sep_deg=[0.05, 0.1, 0.1001, 0.2, 0.01],
        elliptical_distance=[0.5, 1.0, 1.2, 2.0, 0.1],
    )
    fermi = catalogue("fermilpsc", name=["a", "b"], semi_major_axis_95=[0.1, np.nan])
    csc = catalogue("csc", name=list("vwxyz"), b_flux_ap=[1e-14] * 5, lii=[9.0] * 5, bii=[-8.0] * 5)
    table = candidate_table(frame, fermi, csc)
    assert table.loc[0, ["csc_l", "csc_b"]].tolist() == [9.0, -8.0]
    assert table["rank"].tolist() == [1, 2, 3, 4, 1]
    assert table["match_flag"].tolist() == [1, 2, 0, 0, 1]
    assert table["in_circle_95"].tolist() == [True, True, False, False, False]
    assert table["in_ellipse_95"].tolist() == [True, True, False, False, True]
    assert [c.name for c in CANDIDATE_TABLE] == list(table.columns)
    assert all(c.description for c in CANDIDATE_TABLE + FERMI_TABLE)


@pytest.mark.parametrize(
    ("kind", "name", "place", "p", "agreement"),
    [
        # the Chandra source is at ra 10, dec 0, good to 3 arcsec
        ("PSR", "PSR X", (10.0, 5.0 / 3600), 0.9, "same source"),
        ("PSR", "PSR X", (10.0, 5.8 / 3600), 0.9, "same source"),
        ("PSR", "PSR X", (10.0, 6.0 / 3600), 0.9, "other source"),
        ("bcu", "QSO", (10.1, 0.0), 0.5, "other source"),
        ("bcu", "QSO", (10.0, 0.0), 0.49, "not comparable"),
        ("bcu", "QSO", (np.nan, np.nan), 0.9, "not comparable"),
        ("", "", (np.nan, np.nan), 0.9, "none proposed"),
        ("", "", (np.nan, np.nan), 0.1, "not comparable"),
        # where a remnant's centre lies says nothing of a point source
        ("snr", "SNR", (10.0, 0.0), 0.9, "not comparable"),
    ],
)
def test_agreement_with_4fgl(kind, name, place, p, agreement):
    fermi = catalogue(
        "fermilpsc",
        name=["s"],
        source_type=[kind],
        assoc_name=[name],
        counterpart_ra=[place[0]],
        counterpart_dec=[place[1]],
        semi_major_axis_95=[0.1],
    )
    csc = catalogue("csc", name=["c"], ra=[10.0], dec=[0.0], error_ellipse_r0=[3.0])
    frame = made_up(CANDIDATE_COLUMNS, 1, fermi_name=["s"], csc_name=["c"], p_association=[p])
    candidates = candidate_table(frame, fermi, csc)
    sources = made_up(SOURCE_COLUMNS, 1, fermi_name=["s"], coverage=[1.0], n_candidates=[1])
    controls = made_up(CONTROL_COLUMNS, 0)
    table = fermi_table(sources, candidates, controls, fermi)
    assert table["agreement"].tolist() == [agreement]
