"""Data that is trained on beside survivors, or alone: what rows become, how many are taken, what is refused."""

import json
from dataclasses import replace

import pytest
from distilling import FAST
from distilling import run as train
from hypothesis import given
from hypothesis import strategies as st

from mgrd import progress
from mgrd.distill.lessons import Lesson, Turn
from mgrd.distill.replay import read_replay, taken
from mgrd.errors import InputError, SettingsError
from mgrd.options import Distill

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_become_lessons_whatever_their_form(tmp_path, clips):
    file = write(
        tmp_path / "r.jsonl",
        {"question": "2 + 2?", "completion": "<think>two and two</think>4"},
        {"question": "Say hi.", "completion": "hi", "audio": "220.wav"},
        {
            "audio": ["440.wav"],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "And this?"},
                {"role": "assistant", "content": "A tone."},
                {
                    "role": "user",
                    "content": [{"type": "audio", "audio": "220.wav"}, {"type": "text", "text": "Lower?"}],
                },
                {"role": "assistant", "content": "<think>\nIt fell.\n</think>\nlower"},
            ],
        },
    )

    assert read_replay(file, clips) == [
        Lesson("r.jsonl line 1", "replay", (Turn("user", "2 + 2?"),), "<think>\ntwo and two\n</think>\n4", (), (), ()),
        Lesson(
            "r.jsonl line 2",
            "empty-think",
            (Turn("user", "Say hi.", 1),),
            "<think>\n\n</think>\nhi",
            (clips / "220.wav",),
            ("220.wav",),
            (None,),
        ),
        Lesson(
            "r.jsonl line 3",
            "replay",
            (
                Turn("system", "Be brief."),
                Turn("user", "And this?", 1),
                Turn("assistant", "A tone."),
                Turn("user", "Lower?", 1),
            ),
            "<think>\nIt fell.\n</think>\nlower",
            (clips / "440.wav", clips / "220.wav"),
            ("440.wav", "220.wav"),
            (None, None),
        ),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1], "must be an object with messages"),
        ({"question": "a"}, "has neither messages nor question and completion"),
        ({"question": "a", "completion": "b<think>c</think>d"}, "has think tags elsewhere"),
        ({"question": "a", "completion": "<think>c"}, "has think tags elsewhere"),
        ({"question": "a", "completion": "<think>c</think> "}, "has no response"),
        ({"question": "a", "completion": "b", "audio": [3]}, "audio must be a path or a list of paths"),
        ({"question": "a", "completion": "b", "audio": "none.wav"}, "no audio file 'none.wav'"),
        ({"question": "a", "completion": "b", "audio": "../r.jsonl"}, "no audio file"),
        ({"messages": [{"role": "user", "content": "a"}]}, "the last two messages must be"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages must be objects with role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "b"}]},
            "content must be a text, or parts",
        ),
    ],
)
def test_a_row_that_cannot_be_learned_from_is_refused_with_its_line(tmp_path, row, message):
    fine = {"question": "a", "completion": "b"}
    with pytest.raises(InputError, match=f"r.jsonl line 2: .*{message}"):
        read_replay(write(tmp_path / "r.jsonl", fine, row), None)


def test_an_empty_file_and_a_broken_line_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no rows to train on"):
        read_replay(write(tmp_path / "r.jsonl"), None)
    (tmp_path / "r.jsonl").write_text('\n{"question": ')
    with pytest.raises(InputError, match="line 2: is not JSON"):
        read_replay(tmp_path / "r.jsonl", None)


def lessons(reasoning, empty):
    kinds = ["replay"] * reasoning + ["empty-think"] * empty
    return [Lesson(f"r line {n}", kind, (Turn("user", str(n)),), "", (), (), ()) for n, kind in enumerate(kinds)]


def counts(chosen):
    return sum(one.source == "replay" for one in chosen), sum(one.source == "empty-think" for one in chosen)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.floats(0, 3), st.floats(0, 3), st.integers(0, 9))
def test_ratios_are_per_survivor_as_far_as_the_file_goes(reasoning, empty, survivors, ratio, empty_ratio, seed):
    given_rows = lessons(reasoning, empty)
    options = Distill(replay_ratio=ratio, empty_think_ratio=empty_ratio, seed=seed)

    chosen = taken(given_rows, survivors, options)

    assert counts(chosen) == (min(reasoning, round(survivors * ratio)), min(empty, round(survivors * empty_ratio)))
    assert chosen == [one for one in given_rows if one in chosen]
    more = taken(given_rows, survivors + 5, options)
    assert [one for one in chosen if one not in more] == []


def test_a_cold_start_takes_everything_unless_told_how_many_empty_think_blocks():
    assert counts(taken(lessons(20, 30), 0, Distill())) == (20, 30)
    assert counts(taken(lessons(20, 30), 0, Distill(empty_think_ratio=0.5))) == (20, 10)
    assert counts(taken(lessons(0, 30), 0, Distill(empty_think_ratio=0.5))) == (0, 30)
    assert counts(taken(lessons(20, 30), 10, Distill())) == (10, 1)


TEXT = [{"question": f"What is {n} + 1?", "completion": f"<think>one more than {n}</think>{n + 1}"} for n in range(8)]
PLAIN = [{"question": f"Say {n}.", "completion": str(n)} for n in range(8)]


def test_survivors_replay_and_empty_think_blocks_are_trained_on_in_the_same_batches(survivors, model, tmp_path):
    file = write(tmp_path / "r.jsonl", *TEXT, *PLAIN)
    options = replace(FAST, replay=str(file), replay_ratio=0.5, empty_think_ratio=0.2, epochs=6)

    figures = train(survivors(), model, tmp_path / "out", options)

    assert {name: figures[name] for name in ("traces", "replayed", "empty_think", "left_out")} == {
        "traces": 10 + 5 + 2,
        "replayed": 5,
        "empty_think": 2,
        "left_out": 0,
    }
    assert figures["loss_last"] < 0.7 * figures["loss_first"]


def test_replay_without_survivors_is_a_cold_start(model, tmp_path, capsys):
    file = write(tmp_path / "r.jsonl", *TEXT, *PLAIN)

    figures = train(None, model, tmp_path / "out", replace(FAST, replay=str(file)), story=progress.Story())

    assert (figures["traces"], figures["replayed"], figures["empty_think"]) == (16, 8, 8)
    assert (tmp_path / "out" / "model" / "model.safetensors").exists()
    told = capsys.readouterr().err
    assert "Replaying 8 of 8 rows that reason and 8 of 8 rows with an empty think block\n" in told


def test_other_data_to_replay_is_other_work(model, tmp_path):
    file = write(tmp_path / "r.jsonl", *TEXT)
    options = replace(FAST, replay=str(file))
    made = train(None, model, tmp_path / "out", options)
    moved = file.rename(tmp_path / "r2.jsonl").rename(file)

    assert train(None, model, tmp_path / "out", replace(options, replay=str(moved))) == made
    write(file, *TEXT[1:])
    with pytest.raises(SettingsError, match="made under other settings"):
        train(None, model, tmp_path / "out", options)


def test_nothing_to_train_on_is_misused(model, tmp_path, run):
    code, _, told = run("distill", "-m", model, "-o", tmp_path / "out")
    assert (code, told) == (2, "Error: give folders that filter wrote, or --replay FILE to train on that alone\n")
    code, _, told = run("distill", "-m", model, "-o", tmp_path / "out", "--replay", tmp_path / "none")
    assert (code, told) == (2, f"Error: {tmp_path / 'none'}: no such replay file\n")
