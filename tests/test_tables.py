"""Tables that are whole or absent."""

import errno
import os
import resource
import threading
import time
from contextlib import contextmanager

import polars as pl
import pytest

from mgrd import tables
from mgrd.errors import InputError, MgrdError
from mgrd.listen import find
from mgrd.sources import open_traces

ROW = {"trace_id": "q.1.0", "question_id": "q", "kept": True, "why": "ok", "majority": None, "vote_share": None}


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


@contextmanager
def full_disk():
    """Make the system refuse files over 2,000 bytes, as a full disk would: also pytest's own report, so be brief."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_a_full_disk_is_one_line_with_the_file_and_leaves_no_partial_one(tmp_path):
    rows = [ROW | {"why": str(hash(("why", number)))} for number in range(2000)]
    for name, write in (
        ("table.parquet", lambda path: tables.write_table(rows, path, tables.SELECTION)),
        ("x.json", lambda path: tables.write_json(rows, path)),
    ):
        said = rf"{name}: cannot be written \(.*; what was finished is saved"
        with pytest.raises(MgrdError, match=said) as refused, full_disk():
            write(tmp_path / name)
        assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_tells_only_at_the_end_that_it_is_full_is_heard(tmp_path, monkeypatch):
    tables.write_json({"a": 1}, tmp_path / "x.json")

    def no_space(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(MgrdError, match=r"x\.json: cannot be written \(No space left on device\)"):
        tables.write_json({"a": 2}, tmp_path / "x.json")
    assert [path.read_text() for path in tmp_path.iterdir()] == ['{\n  "a": 1\n}\n']


def test_a_path_with_brackets_is_a_path_and_no_pattern(tmp_path):
    path = tmp_path / "[round-1]" / "part-000000.parquet"
    tables.write_table([], path, tables.TRACES)

    assert tables.holds_traces(path)
    assert open_traces(path, audio_out=tmp_path / "audio").base == path.parent
    assert find([path], tmp_path / "audio").clips == {}


def test_a_part_is_written_when_it_is_old_though_no_row_comes(tmp_path, monkeypatch):
    """A sample of a long trace may be followed by none for an hour, and a kill -9 by then."""
    monkeypatch.setattr(tables, "PART_S", 0.05)
    with tables.Parts(tmp_path, tables.SELECTION) as parts:
        parts.add(ROW)
        until = time.monotonic() + 20
        while not tables.parts(tmp_path) and time.monotonic() < until:
            time.sleep(0.01)
        there = [path.name for path in tables.parts(tmp_path)]
        parts.add(ROW)

    assert there == ["part-000000.parquet"]
    assert [path.name for path in tables.parts(tmp_path)] == ["part-000000.parquet", "part-000001.parquet"]


def test_a_part_that_cannot_be_written_while_no_row_comes_is_told_with_the_next(tmp_path, monkeypatch):
    tried = threading.Event()

    def no_space(*_):
        tried.set()
        raise MgrdError("part: cannot be written")

    monkeypatch.setattr(tables, "PART_S", 0.05)
    parts = tables.Parts(tmp_path, tables.SELECTION)
    with monkeypatch.context() as full:
        full.setattr(tables, "write_table", no_space)
        parts.add(ROW)
        assert tried.wait(20)
        while not parts._is_late:
            time.sleep(0.01)
        with pytest.raises(MgrdError, match="cannot be written"):
            parts.add(ROW)
    parts.write()

    assert tables.read_table(tmp_path, tables.SELECTION).height == 2
