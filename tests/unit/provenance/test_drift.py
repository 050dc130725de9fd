"""What has changed between two states of a table; asking again is tested on the demo archive."""

from pathlib import Path

import numpy as np
import pandas as pd

from xgamma.provenance.drift import CHANGE_COLUMNS, drift_text, table_changes
from xgamma.tables.columns import conform
from xgamma.tables.files import read_ecsv, write_ecsv

KEPT = pd.DataFrame(
    {
        "name": ["a", "b", "c", "d"],
        "id": [4104196427943626625, 2**53, 3, 4],
        "flags": pd.array([1, None, None, 4], dtype="Int64"),
        "flux": [1e-14, np.nan, 3.0, np.nan],
        "kind": ["x", "", "y\n", "="],
    }
)


def changes(now, kept=KEPT, key=("name",)):
    found = table_changes("csc", kept, now, list(key))
    assert list(found.columns) == [c.name for c in CHANGE_COLUMNS]
    assert set(found["table"]) <= {"csc"}
    return [tuple(row) for row in found.drop(columns="table").itertuples(index=False)]


def test_nothing():
    assert changes(KEPT.sample(frac=1, random_state=3)) == []
    assert changes(KEPT.iloc[:0], KEPT.iloc[:0]) == []


def test_added_and_gone():
    now = pd.concat([KEPT.iloc[[3, 1]], KEPT.iloc[:1].assign(name="new")])
    assert changes(now) == [
        ("a", "gone", "", "", ""),
        ("c", "gone", "", "", ""),
        ("new", "added", "", "", ""),
    ]
    assert len(changes(KEPT.iloc[:0])) == len(changes(KEPT, KEPT.iloc[:0])) == 4


def test_changed_values_are_given_in_full():
    now = KEPT.copy()
    now.loc[0, "flux"] = np.nextafter(1e-14, 1)
    now.loc[1, "flux"] = 0.0
    now.loc[2, "flux"] = np.nan
    # the ids that a float cannot tell apart
    now.loc[0, "id"] += 1
    now.loc[1, "id"] += 1
    now.loc[1, "flags"] = 0
    now.loc[3, "flags"] = pd.NA
    now.loc[2, "kind"] = "y"
    assert changes(now) == [
        ("a", "changed", "flux", "1e-14", "1.0000000000000002e-14"),
        ("a", "changed", "id", "4104196427943626625", "4104196427943626626"),
        ("b", "changed", "flags", "", "0"),
        ("b", "changed", "flux", "", "0.0"),
        ("b", "changed", "id", "9007199254740992", "9007199254740993"),
        ("c", "changed", "flux", "3.0", ""),
        ("c", "changed", "kind", "y\n", "y"),
        ("d", "changed", "flags", "4", ""),
    ]


def test_float32_by_its_own_digits():
    kept = KEPT.assign(flux=KEPT["flux"].astype("float32"))
    now = kept.copy()
    now.loc[2, "flux"] = np.float32(21.25)
    assert changes(now, kept) == [("c", "changed", "flux", "3.0", "21.25")]


def test_rows_that_share_a_key():
    kept = pd.concat([KEPT, KEPT.iloc[:1]], ignore_index=True)
    assert changes(kept, kept) == []
    assert changes(KEPT, kept) == [("a (2)", "gone", "", "", "")]
    assert changes(kept, KEPT) == [("a (2)", "added", "", "", "")]


def test_keys_of_several_columns():
    now = KEPT.drop(index=0)
    assert changes(now, key=("name", "id")) == [("a 4104196427943626625", "gone", "", "", "")]


def test_the_page_and_the_table(tmp_path):
    now = pd.concat([KEPT.iloc[1:].assign(flux=2.0, id=7), KEPT.iloc[:1].assign(name="new")])
    found = table_changes("csc", KEPT, now, ["name"])
    rows = {"chanmaster": (30_123, 30_123), "csc": (4, 4)}
    when = ("2026-01-02T03:04:05+00:00", "2026-02-03T04:05:06+00:00")
    text = drift_text("live", Path("results/live"), rows, found, when)
    lines = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert lines["chanmaster"] == ["30,123", "30,123", "0", "0", "0"]
    # three rows have changed, in two columns each
    assert lines["csc"] == ["4", "4", "1", "1", "3"]
    assert "drift/drift.ecsv" in text and "nothing has changed" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert when[0] in text and when[1] in text
    write_ecsv(tmp_path / "drift.ecsv", found, CHANGE_COLUMNS)
    read = read_ecsv(tmp_path / "drift.ecsv", CHANGE_COLUMNS)
    pd.testing.assert_frame_equal(read, conform(found, CHANGE_COLUMNS))

    none = drift_text("live", Path("results/live"), rows, found.iloc[:0], when)
    assert "nothing has changed" in none and "drift.ecsv" not in none
