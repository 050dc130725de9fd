"""Tables in pieces, beside the same rows in a frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from xgamma.provenance.record import content_digest
from xgamma.tables import pieces
from xgamma.tables.columns import Column, conform
from xgamma.tables.files import read_parquet, write_parquet
from xgamma.tables.pieces import PiecedTable

COLUMNS = [
    Column("name", "text"),
    Column("flux", "float", "erg / (s cm2)"),
    Column("mag", "float32", "mag"),
    Column("flags", "nullable_int"),
    Column("id", "int"),
    Column("there", "bool"),
]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_ROWS", 100)
    monkeypatch.setattr("xgamma.tables.files.PIECE_ROWS", 100)
    monkeypatch.setattr("xgamma.provenance.record.PIECE_ROWS", 100)


def made_up(rows):
    chance = np.random.default_rng(rows)
    flux = chance.normal(size=rows)
    flux[::7] = np.nan
    flags = pd.array(chance.integers(-5, 5, rows), dtype="Int64")
    flags[::5] = pd.NA
    frame = {
        "name": [f"{'é' * (i % 3)}{chance.integers(10**6)}" if i % 11 else "" for i in range(rows)],
        "flux": flux,
        "mag": chance.normal(size=rows).astype("float32"),
        "flags": flags,
        "id": 2**62 + chance.permutation(rows),
        "there": chance.random(rows) < 0.5,
    }
    return conform(pd.DataFrame(frame), COLUMNS)


def in_blocks(frame, block):
    table = PiecedTable(COLUMNS)
    for first in range(0, len(frame), block):
        table.add_frame(frame.iloc[first : first + block])
    return table


@pytest.mark.parametrize("rows", [0, 1, 99, 100, 101, 350, 1000])
@pytest.mark.parametrize("block", [7, 100, 640])
def test_it_holds_what_was_added(rows, block):
    frame = made_up(rows)
    table = in_blocks(frame, block)
    assert len(table) == rows
    pd.testing.assert_frame_equal(table.frame(), frame)
    for name in frame:
        pd.testing.assert_series_equal(table[name], frame[name], check_names=False)
    parts = list(table.pieces())
    assert [len(part) for part in parts[:-1]] == [100] * (max(rows - 1, 0) // 100)
    together = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(together, frame)


@pytest.mark.parametrize("rows", [0, 1, 100, 350])
def test_another_order(rows):
    frame = made_up(rows)
    order = np.random.default_rng(1).permutation(rows)
    found = in_blocks(frame, 7).in_order(order)
    assert len(found) == rows
    expected = frame.iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.frame(), expected)
    pd.testing.assert_frame_equal(pd.concat(found.pieces(), ignore_index=True), expected)


@pytest.mark.parametrize("rows", [0, 1, 100, 350])
def test_files_and_digests_are_those_of_the_frame(rows, tmp_path):
    frame = made_up(rows)
    table = in_blocks(frame, 64)
    write_parquet(tmp_path / "pieces.parquet", table, COLUMNS)
    write_parquet(tmp_path / "frame.parquet", frame, COLUMNS)
    assert (tmp_path / "pieces.parquet").read_bytes() == (tmp_path / "frame.parquet").read_bytes()
    assert pq.ParquetFile(tmp_path / "frame.parquet").num_row_groups == max(1, -(-rows // 100))
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "pieces.parquet"), frame)
    assert content_digest(table, COLUMNS) == content_digest(frame, COLUMNS)
    shuffled = table.in_order(np.arange(rows)[::-1])
    assert content_digest(shuffled, COLUMNS) == content_digest(frame, COLUMNS)


def test_texts_that_were_put_together():
    """pandas keeps them in parts, of which Arrow would not make one array by itself."""
    parts = [made_up(rows) for rows in (60, 70, 80)]
    frame = pd.concat(parts, ignore_index=True)
    table = PiecedTable(COLUMNS)
    table.add_frame(frame)
    pd.testing.assert_frame_equal(table.frame(), frame)
    assert [len(piece) for piece in table.pieces()] == [100, 100, 10]


def test_a_digest_does_not_hang_on_the_size_of_a_piece(monkeypatch):
    frame = made_up(350)
    expected = content_digest(frame, COLUMNS)
    for rows in (7, 1000):
        monkeypatch.setattr("xgamma.provenance.record.PIECE_ROWS", rows)
        assert content_digest(frame, COLUMNS) == expected


def test_a_column_that_is_not_there():
    table = in_blocks(made_up(3), 2)
    assert "flux" in table and "fluxes" not in table
    with pytest.raises(KeyError, match="fluxes"):
        table["fluxes"]
    with pytest.raises(TypeError):
        list(table)
