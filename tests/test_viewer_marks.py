"""Marks: one line each, on the disk at once, and readable after whatever a crash left."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgrd.errors import MgrdError
from mgrd.viewer.marks import FILE, Mark, add_mark, read_marks, unread_lines, unread_marks


def marks(folder):
    return [replace(one, time="") for one in read_marks(folder)]


def test_without_a_file_there_are_no_marks(tmp_path):
    assert read_marks(tmp_path) == []


def test_the_last_mark_of_a_trace_and_check_holds_and_null_takes_it_back(tmp_path):
    for mark in (
        Mark("a", "right"),
        Mark("a", "rejected_wrongly", "length", "it is \n short"),
        Mark("b", "kept_wrongly"),
        Mark("a", "rejected_wrongly"),
        Mark("b", None),
    ):
        add_mark(tmp_path, mark)
    assert marks(tmp_path) == [
        Mark("a", "rejected_wrongly", "length", "it is \n short"),
        Mark("a", "rejected_wrongly"),
    ]
    assert (tmp_path / FILE).read_text().count("\n") == 5


def test_a_mark_has_its_time(tmp_path):
    added = add_mark(tmp_path, Mark("a", "right"))
    assert added.time.endswith("+00:00")
    assert read_marks(tmp_path) == [added]


@settings(deadline=None)  # each mark waits for the disk
@given(cut=st.integers(0, 200))
def test_a_crash_in_the_middle_of_a_line_costs_no_mark_that_was_confirmed(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("marks")
    add_mark(folder, Mark("a", "right", None, "很好"))
    confirmed = (folder / FILE).read_bytes()
    add_mark(folder, Mark("b", "right"))
    whole = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(whole[: min(len(confirmed) + cut, len(whole))])
    before = marks(folder)
    assert before[:1] == [Mark("a", "right", None, "很好")]
    add_mark(folder, Mark("c", "kept_wrongly"))
    assert marks(folder) == [*before, Mark("c", "kept_wrongly")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("no JSON", "Expecting value"),
        ("[" * 100_000, "recursion"),
        ('{"mark": "right"}', "has no trace_id"),
        ('{"trace_id": "a", "mark": "good"}', "mark is none of right, kept_wrongly, rejected_wrongly"),
        ('{"trace_id": "a", "mark": "right", "note": 3}', "check, note or time is not text"),
        ('{"trace_id": "a", "mark": "right", "passed": "no"}', "passed is not true or false"),
    ],
)
def test_a_line_that_is_no_mark_is_named_with_its_number_and_all_others_count(tmp_path, line, why):
    before, after = (json.dumps({"trace_id": name, "mark": "right"}) for name in "ab")
    (tmp_path / FILE).write_text(f"{before}\n{line}\n{after}\n")
    assert marks(tmp_path) == [Mark("a", "right"), Mark("b", "right")]
    (said,) = unread_marks(tmp_path)
    assert said.startswith(f"{tmp_path / FILE}: line 2 is no mark (")
    assert why in said
    assert unread_lines([said]) == [f"Not counted: {said}; mend or remove that line"]


def test_of_many_lines_that_are_no_marks_the_first_are_named_and_the_others_counted(tmp_path):
    (tmp_path / FILE).write_text("a line of another file\n" * 1200)
    told = unread_lines(unread_marks(tmp_path))
    assert [one.partition(" is no mark")[0].rpartition(": ")[2] for one in told[:-1]] == ["line 1", "line 2", "line 3"]
    assert told[-1] == "and 1,197 more lines that are no marks"


def test_where_a_mark_cannot_be_written_the_error_says_so(tmp_path):
    with pytest.raises(MgrdError, match="the mark cannot be saved"):
        add_mark(tmp_path / "nowhere", Mark("a", "right"))
