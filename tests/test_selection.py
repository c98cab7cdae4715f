"""Which of the passed traces are trained on, and why the others are not."""

import shutil

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
        "no_majority": 0,
        "without_survivors": 1,
        "left_out": {},
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


def test_texts_that_differ_in_few_words_are_near_copies_and_the_first_is_kept(tmp_path):
    words = [f"word{i}" for i in range(100)]
    one_off = [*words[:50], "other", *words[51:]]
    thinks = [words, one_off, [*one_off[:10], "another", *one_off[11:40], "third", *one_off[41:]]]
    write(tmp_path, [trace(sample=i, think=" ".join(think)) for i, think in enumerate(thinks)])

    result = select(tmp_path, tmp_path, Select())

    why = kept(tmp_path)
    assert (why["q1.1.0"], why["q1.1.2"]) == (True, True)
    likeness = float(why["q1.1.1"].removeprefix("nearly repeats q1.1.0 (likeness ").removesuffix(")"))
    assert likeness == pytest.approx(96 / 102, abs=3 * 0.021)  # 3 of 99 trigrams each
    assert result["left_out"] == {"similar": 1}


def test_a_similarity_of_one_leaves_out_copies_alone(tmp_path):
    words = [f"word{i}" for i in range(400)]
    thinks = [words, [*words[:-1], "other"], words]
    write(tmp_path, [trace(sample=i, think=" ".join(think)) for i, think in enumerate(thinks)])

    select(tmp_path, tmp_path, Select(max_similarity=1.0))

    assert kept(tmp_path) == {"q1.1.0": True, "q1.1.1": True, "q1.1.2": "repeats q1.1.0"}


def test_copies_of_another_questions_text_are_kept(tmp_path):
    write(tmp_path, [trace("q1"), trace("q2")])

    assert select(tmp_path, tmp_path, Select())["survivors"] == 2


THINKS = [
    "The pitch falls at the end of the word.",
    "The pitch falls at the end of the clip.",
    "The pitch falls at the end of the line, then a door shuts, then a bell rings.",
    "A bell rings twice, then a door shuts.",
    "At the end of the clip then a door shuts.",
]
GARBLE = "Hz the only people toget may than 500 was puzzles of"


def test_a_cap_keeps_a_typical_text_and_what_is_most_unlike_it(tmp_path):
    write(tmp_path, [trace(sample=i, think=think, logprob=-6.0) for i, think in enumerate(THINKS)])

    select(tmp_path, tmp_path, Select(per_question=2))

    over = "over the 2 of its question"
    assert kept(tmp_path) == {"q1.1.0": over, "q1.1.1": True, "q1.1.2": over, "q1.1.3": True, "q1.1.4": over}


@pytest.mark.parametrize("known", [True, False])
def test_garble_is_chosen_only_when_the_others_do_not_suffice(tmp_path, known):
    thinks = [GARBLE, *THINKS]
    tokens = {"completion_tokens": 10}
    rows = [
        trace(sample=i, think=think, logprob=(-20.0 if think == GARBLE else -6.0) if known else None, **tokens)
        for i, think in enumerate(thinks)
    ]
    write(tmp_path, rows)

    for limit in range(1, 7):
        select(tmp_path, tmp_path, Select(per_question=limit))
        assert (kept(tmp_path)["q1.1.0"] is True) is (limit == 6), limit


def test_balance_takes_every_questions_first_before_any_questions_second(tmp_path):
    many = [trace(f"q{q}", i, think=f"It falls {q} {i}.", task="pitch") for q in range(3) for i in range(4)]
    few = [trace("r", i, think=f"It rises {i}.", task="mood") for i in range(2)]
    write(tmp_path, many, few)

    result = select(tmp_path, tmp_path, Select(per_task=4))

    rows = pl.read_parquet(tmp_path / "survivors.parquet")
    assert dict(rows.group_by("task").len().iter_rows()) == {"pitch": 4, "mood": 2}
    assert sorted(rows.group_by("question_id").len()["len"]) == [1, 1, 2, 2]
    assert result["left_out"] == {"over_task": 8}
    assert {why for why in kept(tmp_path).values() if why is not True} == {"over the 4 of its task, pitch"}


def test_a_question_of_which_the_balance_left_nothing_is_listed_as_such(tmp_path):
    write(tmp_path, [trace(f"q{q}", task="pitch") for q in range(3)])

    result = select(tmp_path, tmp_path, Select(per_task=2))

    assert sorted(outcomes(tmp_path, "outcome")) == ["kept", "kept", "over_task"]
    assert (result["survivors"], result["without_survivors"]) == (2, 1)


def outcomes(out, *columns):
    rows = tables.read_table(out / "outcomes.parquet", tables.OUTCOMES)
    return rows.select(columns).rows() if len(columns) > 1 else rows.get_column(columns[0]).to_list()


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
    outcome = "too_hard" if passing < 3 else "too_easy" if passing > 6 else "kept"
    assert outcomes(tmp_path, "question_id", "samples", "passed", "survivors", "outcome") == [
        ("q1", 8, passing, survives, outcome)
    ]


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

    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_no_survivor_is_an_empty_table_with_all_columns(tmp_path):
    write(tmp_path, [trace(objections=["logic.format"])])

    select(tmp_path, tmp_path, Select())

    assert pl.read_parquet(tmp_path / "survivors.parquet").schema == pl.Schema(tables.JUDGED)


def vote(*answers, passing=None, **given):
    """Samples of a question without gold that answer these, None for one that could not be resolved."""
    passing = range(len(answers)) if passing is None else passing
    return [
        trace(
            sample=i,
            think=f"It falls {i} times.",
            predicted=answer,
            answer=None,
            correct=None,
            objections=() if i in passing else ["logic.length"],
            **given,
        )
        for i, answer in enumerate(answers)
    ]


def test_without_gold_the_majority_of_all_samples_decides_and_its_share_is_recorded(tmp_path):
    write(tmp_path, [*vote("up", "down", "down", None, "down", passing=(0, 1, 3, 4)), trace("gold")])

    result = select(tmp_path, tmp_path, Select(), majority=True)

    assert kept(tmp_path) == {
        "q1.1.0": "answers 'up', but 3 of 5 samples answer 'down'",
        "q1.1.1": True,
        "q1.1.2": "logic.length",
        "q1.1.3": "is not resolved, but 3 of 5 samples answer 'down'",
        "q1.1.4": True,
        "gold.1.0": True,
    }
    assert result["left_out"] == {"minority": 2}
    votes = tables.read_table(tmp_path / "selection.parquet", tables.SELECTION)
    assert votes.select("majority", "vote_share").rows() == [("down", 0.6)] * 5 + [(None, None)]
    assert outcomes(tmp_path, "question_id", "majority", "vote_share") == [("gold", None, None), ("q1", "down", 0.6)]
    survivors = tables.read_table(tmp_path / "survivors.parquet", tables.JUDGED)
    assert survivors["correct"].to_list() == [None, None, True]  # a vote is no proof


@pytest.mark.parametrize(
    ("answers", "why", "share"),
    [
        (("up", "down", "up", "down"), "no majority: 2 of 4 each for 'up' and 'down'", 0.5),
        (("up", "down", "sideways"), "no majority: no two of 3 samples answer alike", 1 / 3),
        (("up",), "no majority: no two of 1 samples answer alike", 1.0),
        ((None, None), "no majority: none of 2 samples could be resolved", 0.0),
    ],
)
def test_a_tie_and_a_single_vote_decide_nothing(tmp_path, answers, why, share):
    write(tmp_path, vote(*answers))

    result = select(tmp_path, tmp_path, Select(), majority=True)

    assert set(kept(tmp_path).values()) == {why}
    assert (result["no_majority"], result["without_survivors"]) == (1, 1)
    assert outcomes(tmp_path, "outcome", "majority", "vote_share") == [("no_majority", None, share)]


def test_open_answers_that_mean_the_same_number_are_one_vote(tmp_path):
    write(tmp_path, vote("3", "three", "4", choices=None))

    select(tmp_path, tmp_path, Select(), majority=True)

    assert kept(tmp_path) == {"q1.1.0": True, "q1.1.1": True, "q1.1.2": "answers '4', but 2 of 3 samples answer '3'"}


def test_the_difficulty_of_a_question_without_gold_is_what_agrees_with_the_majority(tmp_path):
    write(tmp_path, vote("up", "down", "down", "down"))

    assert select(tmp_path, tmp_path, Select(pass_rate=(0.7, 0.8)), majority=True)["survivors"] == 3
    assert select(tmp_path, tmp_path, Select(pass_rate=(0.9, 1.0)))["survivors"] == 4


def test_without_majority_nobody_votes(tmp_path):
    write(tmp_path, vote("up", "down"))

    assert select(tmp_path, tmp_path, Select())["survivors"] == 2
    assert outcomes(tmp_path, "vote_share") == [None]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["up", "down", None]), st.booleans(), st.text("ab ", max_size=6)),
        max_size=24,
    ),
    st.randoms(),
)
def test_whatever_the_order_and_the_parts_every_trace_is_kept_or_has_a_reason(tmp_path, drawn, random):
    rows = [
        trace(f"q{q}", i, think=think, predicted=said, answer=None, objections=() if ok else ["logic.length"])
        for i, (q, said, ok, think) in enumerate(drawn)
    ]
    options = Select(per_question=3, per_task=4, max_similarity=0.5, pass_rate=(0.1, 1.0))
    found = []
    for name in "ab":
        folder = tmp_path / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "judged").mkdir(parents=True)
        cut = random.randint(0, len(rows)) if name == "b" else len(rows)
        write(folder, *(part for part in (rows[:cut], rows[cut:]) if part))
        result = select(folder, folder, options, majority=True)
        why = kept(folder)
        passed = [row["trace_id"] for row in rows if row["passed"]]
        assert why.keys() == {row["trace_id"] for row in rows}
        assert result["survivors"] + sum(result["left_out"].values()) == len(passed) == result["passed"]
        assert [i for i in why if why[i] is True] == pl.read_parquet(folder / "survivors.parquet")["trace_id"].to_list()
        found.append({file: (folder / file).read_bytes() for file in FILES})
    assert found[0] == found[1]


FILES = ("selection.parquet", "outcomes.parquet", "survivors.parquet")
