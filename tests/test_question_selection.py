"""Choosing questions: hard enough, not too hard, and not solved without the audio."""

import json

import polars as pl
import pytest
from judged_rows import trace, write

from mgrd import tables
from mgrd.errors import InputError, MgrdError, MisusedError
from mgrd.options import Questions
from mgrd.questions import read_questions
from mgrd.questions.selecting import select_questions


def samples(question_id, right, of, control=None, **given):
    """`of` judged samples of a question, the first `right` of them correct."""
    rows = (trace(question_id, i, correct=i < right, control=control, **given) for i in range(of))
    return [row | {"response": "down" if row["correct"] else "up"} for row in rows]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Six questions and an evaluation of them, with two controls in its sub-folders."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.wav").write_bytes(b"RIFF")
    names = ["easy", "hard", "read", "heard", "few", "never"]
    rows = [
        {"id": name, "audio": "clips/a.wav", "question": "Which way?", "choices": ["up", "down"], "answer": "down"}
        for name in names
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    heard = {"easy": 8, "hard": 1, "read": 6, "heard": 6}
    write(tmp_path / "e", [row for name, n in heard.items() for row in samples(name, n, 8)] + samples("few", 1, 2))
    for control, rates in (
        ("swap", {"easy": 1, "hard": 1, "read": 6, "heard": 2}),
        ("silence", {"read": 3, "heard": 3}),
    ):
        folder = tmp_path / "e" / f"control-{control}"
        write(folder, [row for name, n in rates.items() for row in samples(name, n, 8, control)])
    return tmp_path


def test_a_question_is_kept_when_it_is_neither_easy_nor_hard_and_needs_its_audio(home, run):
    code, out, err = run(
        *("questions", "q.jsonl", "--traces", "e", "-o", "chosen.jsonl", "--json"),
        *("--pass-rate", "3/8", "6/8", "--necessity", "0.25"),
    )
    assert (code, err) == (0, "")
    found = json.loads(out)
    kept = {"n": 1, "mean": 0.75, "least": 0.75, "most": 0.75}
    assert found.pop("figures") == {
        "pass_rate": {"kept": kept, "all": {"n": 5, "mean": 0.625, "least": 0.125, "most": 1.0}},
        "necessity": {
            "kept": kept | {"mean": 0.375, "least": 0.375, "most": 0.375},
            "all": {"n": 4, "mean": 0.3125, "least": 0.0, "most": 0.875},
        },
    }
    assert found == {
        "out": "chosen.jsonl",
        "questions": 6,
        "kept": 1,
        "left_out": {"no_traces": 1, "few_samples": 1, "too_hard": 1, "too_easy": 1, "not_needed": 1},
        "controls": {"silence": 16, "swap": 32},
        "unjudged": 0,
        "bounds": {"pass_rate": [0.375, 0.75], "necessity": 0.25, "min_samples": 4},
    }
    measured = {"control": "silence", "control_rate": 0.375, "control_samples": 8}
    assert [json.loads(line) for line in (home / "chosen.jsonl").read_text().splitlines()] == [
        {
            "id": "heard", "audio": ["clips/a.wav"], "question": "Which way?", "choices": ["up", "down"],
            "answer": "down", "task": None, "language": None, "pass_rate": 0.75, "samples": 8, "necessity": 0.375,
        } | measured
    ]  # fmt: skip
    left_out = (home / "chosen.left-out.jsonl").read_text()
    whys = {row["id"]: row["why"] for row in map(json.loads, left_out.splitlines())}
    assert whys == {
        "easy": "too_easy", "hard": "too_hard", "read": "not_needed", "few": "few_samples", "never": "no_traces",
    }  # fmt: skip


def test_what_was_chosen_is_read_as_questions_in_either_form(home):
    for name in ("chosen.jsonl", "chosen.parquet"):
        select_questions("q.jsonl", [home / "e"], home / name, Questions(necessity=0.3))
    read = [read_questions(str(home / name)) for name in ("chosen.jsonl", "chosen.parquet")]
    assert read[0].equals(read[1])
    assert read[0]["id"].to_list() == ["easy", "heard"]
    assert pl.read_parquet(home / "chosen.parquet")["necessity"].to_list() == [0.875, 0.375]
    again = (home / "chosen.parquet").read_bytes()
    select_questions("q.jsonl", [home / "e"], home / "chosen.parquet", Questions(necessity=0.3))
    assert (home / "chosen.parquet").read_bytes() == again


def test_without_a_bound_every_question_is_kept_with_its_figures(home):
    found = select_questions("q.jsonl", [home / "e"], home / "all.parquet", Questions())
    assert (found["kept"], found["left_out"]) == (6, {})
    table = pl.read_parquet(home / "all.parquet")
    assert table["pass_rate"].to_list() == [1.0, 0.125, 0.75, 0.75, 0.5, None]
    assert table["necessity"].to_list() == [0.875, 0.0, 0.0, 0.375, None, None]


def test_a_control_with_too_few_samples_shows_nothing(home):
    found = select_questions("q.jsonl", [home / "e"], home / "c.jsonl", Questions(necessity=0.0, min_samples=2))
    assert found["left_out"] == {"no_traces": 1, "few_control_samples": 1}


def test_samples_that_failed_are_no_attempts_and_a_folder_given_twice_counts_once(home):
    failed = trace("heard", 9, error="a.wav: is empty", correct=None)
    tables.write_table([failed], home / "e" / "judged" / "part-000001.parquet", tables.JUDGED)
    twice = [home / "e", home / "e" / "control-swap", home / "e"]
    select_questions("q.jsonl", twice, home / "c.parquet", Questions())
    row = pl.read_parquet(home / "c.parquet").row(3, named=True)
    assert (row["samples"], row["pass_rate"], row["control_samples"]) == (8, 0.75, 8)


def test_traces_that_were_not_judged_are_matched_here(home):
    rows = samples("heard", 5, 8)
    tables.write_table(rows, home / "g" / "traces" / "part-000000.parquet", tables.TRACES)
    select_questions("q.jsonl", [home / "g"], home / "c.parquet", Questions())
    assert pl.read_parquet(home / "c.parquet")["pass_rate"].to_list() == [None, None, None, 0.625, None, None]


def test_the_bounds_and_the_figures_are_told(home, run):
    code, out, err = run(
        *("questions", "q.jsonl", "--traces", "e", "-o", "chosen.jsonl"),
        *("--pass-rate", "3/8", "6/8", "--necessity", "0.25"),
    )
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "       1  left out: no traces with the audio",
        "       1  left out: too few samples with the audio (fewer than 4)",
        "       1  left out: too hard (pass rate below 0.375)",
        "       1  left out: too easy (pass rate above 0.75)",
        "       1  left out: solved without the audio (necessity below 0.25)",
        " pass rate of kept  mean 0.750, 0.750 to 0.750, over 1 questions",
        " pass rate of all   mean 0.625, 0.125 to 1.000, over 5 questions",
        " necessity of kept  mean 0.375, 0.375 to 0.375, over 1 questions",
        " necessity of all   mean 0.312, 0.000 to 0.875, over 4 questions",
        "1 of 6 questions kept: chosen.jsonl",
    ]


def test_a_folder_whose_judging_was_stopped_counts_all_its_traces_once_and_says_so(home, capsys):
    parts = [samples("heard", 5, 8), samples("few", 2, 8)]
    for number, rows in enumerate(parts):
        tables.write_table(rows, home / "g" / "traces" / f"part-{number:06d}.parquet", tables.TRACES)
    (home / "g" / "judged").mkdir()
    found = select_questions("q.jsonl", [home / "g"], home / "c.parquet", Questions())
    assert found["unjudged"] == 16
    judged = [row | {"correct": True} for row in parts[0]]
    tables.write_table(judged, home / "g" / "judged" / "part-000000.parquet", tables.JUDGED)
    found = select_questions("q.jsonl", [home / "g"], home / "c.parquet", Questions())
    assert found["unjudged"] == 8
    assert "8 traces are not judged: they are matched here, by our matcher and no judge" in capsys.readouterr().err
    assert pl.read_parquet(home / "c.parquet")["pass_rate"].to_list() == [None, None, None, 1.0, 0.25, None]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([trace("another", i) for i in range(8)], "6 no traces with the audio; these traces are of other questions"),
        ([trace("heard", i) for i in range(8)], "5 no traces with the audio, 1 too easy; sample these questions too"),
        (
            [trace(name, 0) for name in ("easy", "hard", "read", "heard", "few")],
            "--min-samples is 4 and the most of any question is 1: sample more, or lower it",
        ),
    ],
)
def test_what_to_do_when_nothing_is_kept_depends_on_why(home, given, said):
    write(home / "x", given)
    with pytest.raises(MgrdError, match=said):
        select_questions("q.jsonl", [home / "x"], home / "c.jsonl", Questions(pass_rate=(0.1, 0.9)))


@pytest.mark.parametrize(
    ("options", "rates", "said"),
    [
        (Questions(pass_rate=(0.9, 1.0)), 1, "6 too hard; lower the first of --pass-rate"),
        (Questions(pass_rate=(0.0, 0.1)), 8, "6 too easy; raise the second of --pass-rate"),
        (Questions(necessity=0.5), 4, "6 solved without the audio; lower --necessity"),
        (
            Questions(necessity=0.5, min_samples=8),
            4,
            "6 too few samples without the audio; --min-samples is 8 and the most of any question is 5 under a control",
        ),
    ],
)
def test_the_bound_that_is_to_be_changed_is_one_that_was_given(home, options, rates, said):
    for name, of, control in (("x", 8, None), ("x/control-swap", 5, "swap")):
        names = ("easy", "hard", "read", "heard", "few", "never")
        write(home / name, [row for one in names for row in samples(one, rates, of, control)])
    with pytest.raises(MgrdError, match=said):
        select_questions("q.jsonl", [home / "x"], home / "c.jsonl", options)


def test_questions_without_gold_cannot_be_measured(home):
    row = {"id": "open", "audio": "clips/a.wav", "question": "Which way?", "choices": ["up", "down"]}
    (home / "open.jsonl").write_text(json.dumps(row) + "\n" + (home / "q.jsonl").read_text())
    write(home / "o", samples("open", 0, 8, answer=None))
    folders = [home / "e", home / "o"]
    found = select_questions("open.jsonl", folders, home / "c.jsonl", Questions(pass_rate=(0.1, 1.0)))
    assert found["left_out"] == {"no_traces": 1, "no_gold": 1, "few_samples": 1}


def test_clips_that_lie_elsewhere_are_said_to(home, capsys):
    select_questions("q.jsonl", [home / "e"], home / "sub" / "c.jsonl", Questions())
    assert f"--audio-root {home}" in capsys.readouterr().err
    assert read_questions(str(home / "sub" / "c.jsonl"), audio_root=home).height == 6


@pytest.mark.parametrize(
    ("out", "options", "error", "said"),
    [
        ("c.csv", Questions(), MisusedError, "ends in .jsonl or .parquet"),
        ("c.jsonl", Questions(pass_rate=(0.9, 0.95)), MgrdError, "none of 6 questions is kept: 1 no traces"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(home, out, options, error, said):
    with pytest.raises(error, match=said):
        select_questions("q.jsonl", [home / "e"], home / out, options)
    assert not (home / out).exists()


def test_necessity_needs_a_control(home):
    write(home / "plain", samples("heard", 6, 8))
    with pytest.raises(InputError, match=r"no trace of .* was sampled without the audio"):
        select_questions("q.jsonl", [home / "plain"], home / "c.jsonl", Questions(necessity=0.1))


def test_traces_of_another_question_of_the_same_id_are_refused(home):
    write(home / "other", samples("heard", 6, 8, question="How fast?"))
    with pytest.raises(InputError, match="heard: asks something else"):
        select_questions("q.jsonl", [home / "other"], home / "c.jsonl", Questions())
    with pytest.raises(InputError, match="holds no traces"):
        (home / "empty" / "traces").mkdir(parents=True)
        select_questions("q.jsonl", [home / "empty"], home / "c.jsonl", Questions())
