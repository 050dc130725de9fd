"""What a column knows of its values: their type in memory and in files, and their null."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from csv_of import csv_text

from xgamma.errors import XgammaError
from xgamma.tables.columns import Column, conform, kind_of
from xgamma.tables.files import read_ecsv, read_parquet, write_ecsv, write_parquet

VALUES = {
    "text": ["a", ""],
    "float": [0.1, -np.inf],
    "float32": [np.float32(0.1), np.float32(2)],
    "int": [2**53 + 1, -1],
    "nullable_int": [2**53 + 1, -1],
    "bool": [True, False],
}
WITH_NULL = ["text", "float", "float32", "nullable_int"]


def column_of(kind):
    return Column("x", kind, "mag", "what it is")


@pytest.mark.parametrize("kind", VALUES)
def test_a_frame_and_a_file_have_the_column_s_types(kind, tmp_path):
    column = column_of(kind)
    frame = conform(pd.DataFrame({"x": VALUES[kind]}), [column])
    assert frame["x"].dtype == column.dtype
    write_parquet(tmp_path / "t.parquet", frame, [column])
    assert pq.read_schema(tmp_path / "t.parquet").field("x").type == column.arrow_type
    found = read_parquet(tmp_path / "t.parquet")
    assert found["x"].dtype == column.dtype and found["x"].tolist() == VALUES[kind]


@pytest.mark.parametrize("kind", WITH_NULL)
def test_a_null_stays_one_in_every_file(kind, tmp_path):
    column = column_of(kind)
    frame = pd.DataFrame({"x": VALUES[kind]}).assign(x=column.null)
    expected = conform(frame, [column])
    write_parquet(tmp_path / "t.parquet", frame, [column])
    write_ecsv(tmp_path / "t.ecsv", frame, [column])
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "t.parquet"), expected)
    pd.testing.assert_frame_equal(read_ecsv(tmp_path / "t.ecsv", [column]), expected)
    assert csv_text(frame, [column]) == 'x\n""\n""\n'


@pytest.mark.parametrize("kind", ["int", "bool"])
def test_a_kind_without_null_refuses_it(kind):
    column = column_of(kind)
    with pytest.raises(XgammaError, match="x is null in row 0, where it must not be"):
        conform(pd.DataFrame({"x": VALUES[kind]}).assign(x=column.null), [column])


@pytest.mark.parametrize("kind", WITH_NULL)
def test_the_kind_of_what_came_is_the_one_that_keeps_it(kind):
    assert kind_of(column_of(kind).dtype) == kind


def test_integers_that_came_may_have_nulls_later():
    """A service's column of no nulls has some in the next answer: the same kind for both."""
    assert kind_of(np.dtype("int64")) == kind_of(np.dtype("int16")) == "nullable_int"


def test_parquet_holds_no_lists(tmp_path):
    frame = pd.DataFrame({"x": [[1, 2], []]})
    with pytest.raises(XgammaError, match="table: x holds lists, and Parquet files of ours do not"):
        write_parquet(tmp_path / "t.parquet", frame, [column_of("list")])
    assert list(tmp_path.iterdir()) == []
