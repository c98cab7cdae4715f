"""Which of the passed traces are trained on, and why the others are not."""

import polars as pl
import pytest
from judged_rows import trace, write

from mgrd import tables
from mgrd.options import Select
from mgrd.selection import select


def kept(out):
    rows = tables.read_table(out / "selection.parquet", tables.SELECTION).to_dicts()
    assert all(row["kept"] is (row["why"] is None) for row in rows)
    return {row["trace_id"]: row["kept"] or row["why"] for row in rows}


def test_every_trace_is_accounted_for_and_survivors_are_whole_rows(tmp_path):
    rows = [
        trace("q1", 0),
        trace("q1", 1, think="It rises.", objections=["acoustic.true_to_waveform", "correctness.right_answer"]),
        trace("q2", 0, objections=["correctness.right_answer"]),
    ]
    write(tmp_path, rows[:1], rows[1:])

    result = select(tmp_path, tmp_path, Select())

    assert result == {
        "traces": 3,
        "passed": 1,
        "survivors": 1,
        "questions": 2,
        "too_easy": 0,
        "too_hard": 0,
        "without_survivors": 1,
        "objections": {"correctness.right_answer": 2, "acoustic.true_to_waveform": 1},
    }
    assert kept(tmp_path) == {
        "q1.1.0": True,
        "q1.1.1": "acoustic.true_to_waveform, correctness.right_answer",
        "q2.1.0": "correctness.right_answer",
    }
    survivors = tables.read_table(tmp_path / "survivors.parquet", tables.JUDGED)
    assert survivors.equals(tables.read_table(tmp_path / "judged", tables.JUDGED).head(1))


def test_copies_of_a_text_are_left_out_whatever_their_case_and_punctuation(tmp_path):
    write(
        tmp_path,
        [trace(sample=0, think="It falls."), trace(sample=1, think="it  FALLS"), trace(sample=2, think="It sinks.")],
    )

    select(tmp_path, tmp_path, Select())

    assert kept(tmp_path) == {"q1.1.0": True, "q1.1.1": "repeats q1.1.0", "q1.1.2": True}


def test_a_cap_keeps_the_first_and_what_is_most_unlike_it(tmp_path):
    thinks = [
        "The pitch falls at the end of the word.",
        "The pitch falls at the end of the clip.",
        "A bell rings twice, then a door shuts.",
        "The pitch falls at the end of the line.",
    ]
    write(tmp_path, [trace(sample=i, think=think) for i, think in enumerate(thinks)])

    select(tmp_path, tmp_path, Select(per_question=2))

    assert kept(tmp_path) == {
        "q1.1.0": True,
        "q1.1.1": "over the 2 of its question",
        "q1.1.2": True,
        "q1.1.3": "over the 2 of its question",
    }


@pytest.mark.parametrize(("passing", "survives"), [(0, 0), (1, 0), (3, 3), (5, 5), (6, 6), (7, 0), (8, 0)])
def test_a_question_outside_the_difficulty_band_is_left_out_whole(tmp_path, passing, survives):
    rows = [
        trace(sample=i, think=f"It falls {i} times.", objections=() if i < passing else ["correctness.right_answer"])
        for i in range(8)
    ]
    write(tmp_path, rows)

    result = select(tmp_path, tmp_path, Select(pass_rate=(3 / 8, 6 / 8)))

    assert result["survivors"] == survives
    assert (result["too_hard"], result["too_easy"]) == (passing < 3, passing > 6)


def test_samples_that_failed_are_no_attempts(tmp_path):
    failed = trace(sample=1, error="the clip is empty", objections=["generate.failed"])
    write(tmp_path, [trace(sample=0), failed])

    assert select(tmp_path, tmp_path, Select(pass_rate=(1.0, 1.0)))["survivors"] == 1


def test_a_question_spread_over_parts_is_one_question_and_order_does_not_matter(tmp_path):
    rows = [trace(sample=i, think=f"It falls {i // 2} times.") for i in range(4)]
    write(tmp_path / "a", rows[:1], rows[1:])
    write(tmp_path / "b", rows)

    for name in "ab":
        select(tmp_path / name, tmp_path / name, Select(per_question=1))

    for file in ("selection.parquet", "survivors.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_no_survivor_is_an_empty_table_with_all_columns(tmp_path):
    write(tmp_path, [trace(objections=["logic.format"])])

    select(tmp_path, tmp_path, Select())

    assert pl.read_parquet(tmp_path / "survivors.parquet").schema == pl.Schema(tables.JUDGED)
