"""Public benchmarks' own files, in their published layout with content of our own: read as they are, quirks and all."""

import json

import datasets
import polars as pl
import pytest

from mgrd.errors import InputError
from mgrd.questions import read_questions
from mgrd.questions.published import LAYOUTS, columns, layout_of

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder whose clips are written by `clip`; `datasets` stays off the network."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path


def clip(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(WAV)


def as_json(folder, *rows, name="meta.json"):
    (folder / name).write_text(json.dumps(list(rows)), encoding="utf-8")
    return str(folder / name)


def as_jsonl(folder, *rows, name="meta.jsonl"):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(folder / name)


def read(source, **given):
    return read_questions(source, **given).drop("language").rows()


def test_mmau(folder):
    row = {
        "id": "u1", "audio_id": "./test-mini-audios/u1.wav", "question": "What barks?", "choices": ["a dog", "a cat"],
        "answer": "a dog", "dataset": "AudioSet", "task": "sound", "split": "test-mini", "category": ["Reasoning"],
        "sub-category": "Acoustic Source Inference", "difficulty": "Medium",
    }  # fmt: skip
    clip(folder, "test-mini-audios/u1.wav", "test-audios/u2.wav")
    hidden = {name: row[name] for name in ("question", "choices", "task")}

    assert read(as_json(folder, row, hidden | {"id": "u2", "audio_id": "./test-audios/u2.wav"})) == [
        ("u1", ["./test-mini-audios/u1.wav"], "What barks?", ["a dog", "a cat"], "a dog", "sound"),
        ("u2", ["./test-audios/u2.wav"], "What barks?", ["a dog", "a cat"], None, "sound"),
    ]


def test_mmar(folder):
    row = {
        "id": "r1", "audio_path": "./audio/r1.wav", "question": "Who laughs?", "choices": ["a man", "nobody"],
        "answer": "a man", "modality": "mix-sound-speech", "category": "Signal Layer", "sub-category": "x",
        "language": "en", "source": "y", "url": "z", "timestamp": "0,1", "thinking": "He does.", "cue": ["laughter"],
        "rubric": [{"name": "n", "scoring_point": "s", "note": "", "choices": [0, 1]}],
    }  # fmt: skip
    clip(folder, "audio/r1.wav")

    table = read_questions(as_jsonl(folder, row, name="MMAR-meta.jsonl"))

    assert table.rows() == [
        ("r1", ["./audio/r1.wav"], "Who laughs?", ["a man", "nobody"], "a man", "mix-sound-speech", "en")
    ]


def test_an_empty_choice_of_mmar_is_none(folder):
    """As in the questions of lines 396, 596, 615 and 886 of its file."""
    row = {
        "id": "r1", "audio_path": "r1.wav", "question": "Did he enter?", "choices": ["Entered", "Did not enter", ""],
        "answer": "Entered", "modality": "speech", "category": "Semantic Layer", "sub-category": "x", "language": "en",
    }  # fmt: skip
    clip(folder, "r1.wav")

    assert read(as_jsonl(folder, row))[0][3] == ["Entered", "Did not enter"]


def test_mmsu(folder):
    row = {
        "id": "s1", "task_name": "stress", "question": "Which word?", "choice_a": "one", "choice_b": "two",
        "choice_c": "six", "choice_d": "ten", "answer_gt": "six", "category": "Perception", "sub-category": "L",
        "sub-sub-category": "P", "linguistics_sub_discipline": "Phonology",
    }  # fmt: skip
    clip(folder, "s1.wav")
    pl.DataFrame([row | {"audio": {"bytes": WAV, "path": "s1.wav"}}]).write_parquet(folder / "train.parquet")
    asked = ("Which word?", ["one", "two", "six", "ten"], "six", "stress")

    (embedded,) = read(str(folder / "train.parquet"), audio_out=folder / "out" / "audio")
    (found,) = read(as_jsonl(folder, row | {"audio_path": "s1.wav"}))

    assert embedded[2:] == found[2:] == asked
    assert embedded[1][0].startswith("audio/")
    assert found[1] == ["s1.wav"]


def test_mmau_pro(folder):
    row = {
        "id": "p1", "audio_path": ["data/a.wav", "data/b.wav"], "question": "Which is louder?",
        "choices": ["the first", "the second"], "answer": "the first", "length_type": "short",
        "perceptual_skills": ["Loudness"], "reasoning_skills": [], "category": "multi", "transcription": None,
        "task_classification": "closed", "task_identifier": "multi-1", "kwargs": None, "sub-cat": None,
    }  # fmt: skip
    open_ended = row | {
        "id": "p2",
        "audio_path": ["data/a.wav"],
        "choices": [],
        "answer": "It is loud.",
        "category": "open",
    }
    instruction = row | {"id": "p3", "audio_path": ["data/a.wav"], "choices": [], "answer": None, "category": "if"}
    clip(folder, "data/a.wav", "data/b.wav")
    pl.DataFrame([row, open_ended, instruction]).write_parquet(folder / "test.parquet")

    assert read(str(folder / "test.parquet")) == [
        ("p1", ["data/a.wav", "data/b.wav"], "Which is louder?", ["the first", "the second"], "the first", "multi"),
        ("p2", ["data/a.wav"], "Which is louder?", None, "It is loud.", "open"),
        ("p3", ["data/a.wav"], "Which is louder?", None, None, "if"),
    ]


def test_airbench_foundation_and_chat(folder):
    row = {
        "path": "x.wav", "question": "Which?", "choice_a": "man", "choice_b": "woman", "answer_gt": "woman",
        "task_name": "Speaker_Gender_Recognition", "dataset_name": "meld", "uniq_id": 7,
    }  # fmt: skip
    grounding = row | {
        "task_name": "Audio_Grounding", "dataset_name": "AudioGrounding", "uniq_id": 8, "choice_c": "both",
        "choice_d": "neither",
    }  # fmt: skip
    chat = {
        "meta_info": "A man speaks.", "question": "What is said?", "answer_gt": "A greeting.", "path": "y.wav",
        "task_name": "speech_QA", "dataset_name": "iemocap", "uniq_id": 9,
    }  # fmt: skip
    paths = [
        "Speaker_Gender_Recognition_meld/x.wav",
        "Audio_Grounding_AudioGrounding/x.flac",
        "speech_QA_iemocap/y.wav",
    ]
    clip(folder, *paths)

    assert read(as_json(folder, row, grounding, name="Foundation_meta.json")) == [
        ("7", paths[:1], "Which?", ["man", "woman"], "woman", "Speaker_Gender_Recognition"),
        ("8", paths[1:2], "Which?", ["man", "woman", "both", "neither"], "woman", "Audio_Grounding"),
    ]
    assert read(as_json(folder, chat, name="Chat_meta.json")) == [
        ("9", paths[2:], "What is said?", None, "A greeting.", "speech_QA")
    ]


AVQA = {
    "id": 183, "video_name": "v_000030", "video_id": 3, "question_text": "What are the main sources in the video?",
    "multi_choice": ["motorcycle", "bus", "train", "truck"], "answer": 1, "question_relation": "View",
    "question_type": "Which", "dataset_name": "AVQA", "audio_path": "v_000030.wav",
}  # fmt: skip


def test_avqa(folder):
    clip(folder, "v_000030.wav")

    assert read(as_jsonl(folder, AVQA)) == [
        ("183", ["v_000030.wav"], "What are the main sources in the audio?", AVQA["multi_choice"], "bus", "View")
    ]
    with pytest.raises(InputError, match="line 1: answer '4' is no index of its choices, counted from 0"):
        read(as_jsonl(folder, AVQA | {"answer": 4}))


def test_big_bench_audio(folder):
    rows = [
        {"id": 3, "category": "navigate", "official_answer": "Yes", "file_name": "data\\/question_3.mp3"},
        {"id": 4, "category": "object_counting", "official_answer": "7", "file_name": "data/question_4.mp3"},
    ]
    clip(folder, "data/question_3.mp3", "data/question_4.mp3")
    as_jsonl(folder, *rows, name="metadata.jsonl")
    audio = {"bytes": WAV, "path": "question_3.mp3"}
    pl.DataFrame([rows[0] | {"audio": audio, "transcript": "You turn left."}]).write_parquet(
        folder / "embedded.parquet"
    )

    assert read(str(folder)) == [
        ("3", ["data/question_3.mp3"], 'Answer the spoken question with "yes" or "no".', None, "Yes", "navigate"),
        ("4", ["data/question_4.mp3"], "Answer the spoken question with a number.", None, "7", "object_counting"),
    ]
    assert read(str(folder / "embedded.parquet"), audio_out=folder / "out" / "audio")[0][4] == "Yes"
    with pytest.raises(InputError, match="category 'cooking' is none of Big Bench Audio's"):
        read(as_jsonl(folder, rows[0] | {"category": "cooking"}))


def test_spoken_mqa(folder):
    rows = [
        {
            "context": {"bytes": WAV + bytes([n]), "path": f"{n}.wav"},
            "context_transcript": "Seven plus five?",
            "instruction": {"text": "Solve the given math question step by step.", "audio": None},
            "answer": {"text": answer, "audio": None},
        }
        for n, answer in enumerate(["12", "7 + 5 = 12\n#### 1,200"])
    ]
    pl.DataFrame(rows).write_parquet(folder / "test.parquet")

    found = read(str(folder / "test.parquet"), audio_out=folder / "out" / "audio")

    assert [row[2:] for row in found] == [
        ("Solve the given math question step by step.", None, "12", None),
        ("Solve the given math question step by step.", None, "1200", None),
    ]
    assert len({row[0] for row in found}) == 2
    lists = [row | {"answer": {"text": [row["answer"]["text"]], "audio": None}} for row in rows]
    pl.DataFrame(lists).write_parquet(folder / "lists.parquet")  # as the reasoning sets are published
    assert [row[2:] for row in read(str(folder / "lists.parquet"), audio_out=folder / "out" / "audio")] == [
        row[2:] for row in found
    ]


def test_wild_speech_has_no_single_answer(folder):
    row = {
        "user_query": "Tell me a joke", "taskType": "chat", "checklist": "[...]", "conversation_hash": "0",
        "modification_type": None, "additional_info": None, "audio": {"bytes": WAV, "path": None},
    }  # fmt: skip
    pl.DataFrame([row]).write_parquet(folder / "train.parquet")

    ((_, _, question, choices, answer, task),) = read(str(folder / "train.parquet"), audio_out=folder / "out" / "audio")

    assert (question, choices, answer, task) == ("Listen to the speaker and reply.", None, None, "chat")


def test_map_goes_over_what_a_layout_says(folder):
    clip(folder, "v_000030.wav")

    assert read(as_jsonl(folder, AVQA), mapping={"task": "question_type"})[0][5] == "Which"


def test_a_file_of_ones_own_is_no_benchmarks(folder):
    clip(folder, "a.wav")
    row = {"audio": "a.wav", "question": "Calm?", "choices": ["yes", "no"], "answer": "yes", "modality": "speech"}

    assert layout_of(row) is None
    assert read(as_jsonl(folder, row))[0][2] == "Calm?"


def test_every_layout_is_recognised_by_its_own_columns():
    assert [layout_of(layout.has | layout.also).name for layout in LAYOUTS] == [layout.name for layout in LAYOUTS]
    assert all(layout.has | layout.also <= columns() for layout in LAYOUTS)
