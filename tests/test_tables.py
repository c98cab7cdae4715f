"""Tables that are whole or absent."""

import polars as pl
import pytest

from mgrd import tables
from mgrd.errors import InputError

ROW = {"trace_id": "q.1.0", "question_id": "q", "kept": True, "why": "ok"}


def test_a_table_comes_back_as_it_was_written_with_exactly_its_columns(tmp_path):
    path = tmp_path / "data[run]" / "selection.parquet"

    tables.write_table([ROW | {"extra": 1}], path, tables.SELECTION)

    assert tables.read_table(path, tables.SELECTION).to_dicts() == [ROW]
    assert pl.read_parquet(path, glob=False).schema == pl.Schema(tables.SELECTION)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        tables.write_table([ROW] * 50, tmp_path / name, tables.SELECTION)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_write_that_fails_leaves_the_old_file_and_no_partial_one(tmp_path):
    path = tmp_path / "x.json"
    tables.write_json({"a": 1}, path)

    with pytest.raises(TypeError):
        tables.write_json({"a": object()}, path)

    assert tables.read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


def test_parts_are_read_in_order_and_partial_ones_are_not(tmp_path):
    for number in (1, 0):
        rows = [ROW | {"trace_id": f"q.1.{number}"}]
        tables.write_table(rows, tmp_path / f"part-{number:06d}.parquet", tables.SELECTION)
    (tmp_path / "part-000002.parquet.partial").write_bytes(b"half")

    assert tables.read_table(tmp_path, tables.SELECTION)["trace_id"].to_list() == ["q.1.0", "q.1.1"]


def test_missing_damaged_and_foreign_tables_are_errors_by_name(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing more")
    pl.DataFrame({"other": [1]}).write_parquet(tmp_path / "other.parquet")

    with pytest.raises(InputError, match="no such table"):
        tables.read_table(tmp_path / "none.parquet", tables.SELECTION)
    with pytest.raises(InputError, match=r"bad\.parquet: cannot be read as Parquet"):
        tables.read_table(tmp_path / "bad.parquet", tables.SELECTION)
    with pytest.raises(InputError, match="it has no column trace_id, question_id, kept, why"):
        tables.read_table(tmp_path / "other.parquet", tables.SELECTION)
    with pytest.raises(InputError, match="no such file"):
        tables.read_json(tmp_path / "none.json")
