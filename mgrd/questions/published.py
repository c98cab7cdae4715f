"""Rows of the public benchmarks' own files in, the columns of ours out: recognised by their columns, read as they are.

Knows each benchmark's layout and its quirks, nothing about files or about scoring (mgrd.matchers). What a layout has
beyond ours (rubrics, subcategories, transcripts) is left out; the source keeps it under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mgrd.questions.rows import Wrong, short

Cells = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How one benchmark writes a question."""

    name: str
    has: frozenset[str]
    """Columns that together are no other's."""
    read: Callable[[Cells], dict[str, Any]]
    """A row as cells of tables.QUESTIONS; raises Wrong for a row that cannot be one."""
    also: frozenset[str] = frozenset()
    """Columns that it reads when they are there."""


def layout_of(columns: Collection[str]) -> Layout | None:
    """The public benchmark that has these columns; None for any other file."""
    return next((layout for layout in LAYOUTS if layout.has <= set(columns)), None)


def columns() -> set[str]:
    """Every column that any layout reads: what a table stored by column is read for."""
    return {name for layout in LAYOUTS for name in layout.has | layout.also}


def _cells(row: Cells, **ours: Any) -> dict[str, Any]:
    return {"id": row.get("id"), "choices": None, "answer": None, "task": None, "language": None} | ours


def _mmau(row: Cells) -> dict[str, Any]:
    """MMAU (Sakshi113/MMAU @110127f): `audio_id` is a path; the large test split comes without answers."""
    return _cells(
        row,
        audio=row["audio_id"],
        question=row["question"],
        choices=row["choices"],
        answer=row.get("answer"),
        task=row.get("task"),
    )


def _mmar(row: Cells) -> dict[str, Any]:
    """MMAR (ddlBoJack/MMAR @3bce090, MMAR-meta.jsonl): `./audio/ID.wav` beside it; its task is the modality.

    Four questions have an empty choice, which no answer is.
    """
    return _cells(
        row,
        audio=row["audio_path"],
        question=row["question"],
        choices=[one for one in given if one != ""] if isinstance(given := row["choices"], list) else given,
        answer=row["answer"],
        task=row["modality"],
        language=row.get("language"),
    )


def _mmau_pro(row: Cells) -> dict[str, Any]:
    """MMAU-Pro (gamma-lab-umd/MMAU-Pro, test.parquet): several clips a question; open questions have no choices.

    An instruction-following question has no answer: its own rules (`kwargs`) are not ours.
    """
    clips = row["audio_path"]
    return _cells(
        row,
        audio=list(clips) if isinstance(clips, list | tuple) else clips,
        question=row["question"],
        choices=list(row["choices"]) if row["choices"] else None,
        answer=row["answer"],
        task=row.get("category"),
    )


def _lettered(row: Cells, **ours: Any) -> dict[str, Any]:
    """`choice_a` to `choice_d`, of which the last two may be absent, and the answer as text."""
    choices = [choice for letter in "abcd" if (choice := row.get(f"choice_{letter}")) not in (None, "")]
    asked = {"question": row["question"], "choices": choices, "answer": row["answer_gt"], "task": row["task_name"]}
    return _cells(row, **asked, **ours)


def _mmsu(row: Cells) -> dict[str, Any]:
    """MMSU (ddwang2000/MMSU; dingdongwang/MMSU @217d1d3): embedded audio, or a path under `audio` or `audio_path`."""
    return _lettered(row, audio=row["audio"] if row.get("audio") is not None else row.get("audio_path"))


def _airbench(row: Cells) -> dict[str, Any]:
    """AIR-Bench foundation (OFA-Sys/AIR-Bench @8d217d6, Inference_Foundation.py): the path is put together."""
    return _lettered(row, id=row.get("uniq_id"), audio=_airbench_path(row))


def _airbench_chat(row: Cells) -> dict[str, Any]:
    """AIR-Bench chat (Inference_Chat.py @09f83c1): open questions; the answer is a reference for a judge."""
    asked = {"question": row["question"], "answer": row["answer_gt"], "task": row["task_name"]}
    return _cells(row, id=row.get("uniq_id"), audio=_airbench_path(row), **asked)


def _airbench_path(row: Cells) -> str:
    name = row["path"]
    if not isinstance(name, str):
        raise Wrong("path is not text")
    if row["task_name"] == "Audio_Grounding":  # its clips are FLAC, its metadata says wav
        name = name[:-3] + "flac"
    return f"{row['task_name']}_{row['dataset_name']}/{name}"


def _avqa(row: Cells) -> dict[str, Any]:
    """AVQA as R1-AQA uses it (xiaomi-research/r1-aqa): the answer is an index from 0, "video" becomes "audio".

    Its task is `question_relation`: what is related to `View` may need the picture.
    """
    question, choices, answer = row["question_text"], row["multi_choice"], row["answer"]
    if not isinstance(choices, list) or not isinstance(answer, int) or not 0 <= answer < len(choices):
        raise Wrong(f"answer {short(str(answer))} is no index of its choices, counted from 0")
    return _cells(
        row,
        audio=row["audio_path"],
        question=question.replace("video", "audio").replace("Video", "Audio")
        if isinstance(question, str)
        else question,
        choices=choices,
        answer=choices[answer],
        task=row.get("question_relation"),
    )


_SPOKEN = {
    "formal_fallacies": 'Answer the spoken question with "valid" or "invalid".',
    "navigate": 'Answer the spoken question with "yes" or "no".',
    "object_counting": "Answer the spoken question with a number.",
    "web_of_lies": 'Answer the spoken question with "yes" or "no".',
}
"""What is asked where the question itself is spoken; as Step-Audio-R1 asks (`仅用 "valid" 或 "invalid" ...`)."""


def _big_bench_audio(row: Cells) -> dict[str, Any]:
    """Big Bench Audio (ArtificialAnalysis/big_bench_audio): a spoken question; audio is embedded or `file_name`."""
    if row["category"] not in _SPOKEN:
        raise Wrong(f"category {short(str(row['category']))} is none of Big Bench Audio's: {', '.join(_SPOKEN)}")
    audio = row["audio"] if row.get("audio") is not None else row.get("file_name")
    return _cells(
        row,
        audio=audio.replace("\\/", "/").replace("\\", "/") if isinstance(audio, str) else audio,
        question=_SPOKEN[row["category"]],
        answer=row["official_answer"],
        task=row["category"],
    )


def _spoken_mqa(row: Cells) -> dict[str, Any]:
    """Spoken-MQA (amao0o0/spoken-mqa) and other sets in AudioBench's layout: `answer.text` may end in `#### n`."""
    instruction, answer = (_inner_text(row[name], name) for name in ("instruction", "answer"))
    _, worked, last = answer.rpartition("####") if answer is not None else ("", "", None)
    return _cells(
        row,
        audio=row["context"],
        question=instruction,
        choices=row.get("choices") or None,
        answer=last.strip().replace(",", "") if worked and last is not None else answer,
    )


def _inner_text(value: Any, name: str) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("text")
    if isinstance(value, list) and len(value) == 1:  # as the reasoning sets have it
        value = value[0]
    if value is not None and not isinstance(value, str):
        raise Wrong(f"{name} holds no text")
    return value


def _wild_speech(row: Cells) -> dict[str, Any]:
    """WildSpeech (tencent/WildSpeech-Bench): a spoken query, judged by a checklist; there is no single answer.

    `user_query` is what is spoken and therefore not shown.
    """
    question = "Listen to the speaker and reply."
    return _cells(row, audio=row["audio"], question=question, task=row.get("taskType"))


LAYOUTS = (
    Layout("MMAU", frozenset({"audio_id", "question", "choices"}), _mmau, frozenset({"id", "answer", "task"})),
    Layout(
        "MMAR",
        frozenset({"audio_path", "question", "choices", "answer", "modality"}),
        _mmar,
        frozenset({"id", "language"}),
    ),
    Layout(
        "MMAU-Pro",
        frozenset({"audio_path", "question", "choices", "answer", "task_identifier"}),
        _mmau_pro,
        frozenset({"id", "category"}),
    ),
    Layout(
        "AIR-Bench",
        frozenset({"path", "question", "choice_a", "choice_b", "answer_gt", "task_name", "dataset_name"}),
        _airbench,
        frozenset({"choice_c", "choice_d", "uniq_id"}),
    ),
    Layout(
        "AIR-Bench chat",
        frozenset({"path", "question", "meta_info", "answer_gt", "task_name", "dataset_name"}),
        _airbench_chat,
        frozenset({"uniq_id"}),
    ),
    Layout(
        "MMSU",
        frozenset({"question", "choice_a", "choice_b", "answer_gt", "task_name"}),
        _mmsu,
        frozenset({"id", "audio", "audio_path", "choice_c", "choice_d"}),
    ),
    Layout(
        "AVQA",
        frozenset({"question_text", "multi_choice", "answer", "audio_path"}),
        _avqa,
        frozenset({"id", "question_relation"}),
    ),
    Layout(
        "Big Bench Audio",
        frozenset({"official_answer", "category"}),
        _big_bench_audio,
        frozenset({"id", "audio", "file_name"}),
    ),
    Layout("Spoken-MQA", frozenset({"context", "instruction", "answer"}), _spoken_mqa, frozenset({"id", "choices"})),
    Layout("WildSpeech", frozenset({"user_query", "checklist", "audio"}), _wild_speech, frozenset({"taskType"})),
)
"""In this order: a layout whose columns include another's comes first."""
