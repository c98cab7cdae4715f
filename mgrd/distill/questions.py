"""Judged traces in, the questions out that a model can learn from by trying: neither too easy nor too hard for it.

Step-Audio-R1 keeps those of which 3 to 6 of 8 samples are right (arXiv 2511.15848, section 3.2). Knows nothing about
models or rewards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgrd import folders, tables
from mgrd.distill import lessons
from mgrd.distill.lessons import Lesson
from mgrd.distill.survivors import audio_of
from mgrd.errors import MgrdError
from mgrd.options import Distill
from mgrd.questions import resolve_audio

_COLUMNS = ("question_id", "audio", "audio_sha", "question", "choices", "answer", "task", "language", "prompt")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question."""

    lesson: Lesson
    """Its turns and clips; its target is empty, its id the question's."""
    columns: dict[str, Any]
    """What a reward needs to know: answer, choices, audio, question, task, language."""


def medium(sources: Sequence[Path], audio_root: Path | None, options: Distill) -> tuple[list[Asked], dict[str, int]]:
    """The questions whose share of correct traces lies in `options.pass_rate`, by id; and how many were left out.

    Counted: too_easy, too_hard and no_answer (nobody knows it). Raises MgrdError when none is left.
    """
    right: dict[str, list[bool]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for source in sources:
        judged = folders.find(source, "judged")
        root, audio_out = audio_of(judged.parent, audio_root)
        for part in tables.iter_parts(judged, tables.JUDGED, [*_COLUMNS, "correct", "error", "control"]):
            for row in tables.rows_of(part):
                if row["error"] is None and row["control"] is None:
                    files = [resolve_audio(path, root, audio_out) for path in row["audio"]]
                    rows.setdefault(row["question_id"], row | {"files": files})
                    right.setdefault(row["question_id"], [])
                    right[row["question_id"]] += [] if row["correct"] is None else [row["correct"]]
    low, high = options.pass_rate
    counts = {"too_easy": 0, "too_hard": 0, "no_answer": 0}
    found = []
    for name in sorted(rows):
        share = sum(right[name]) / len(right[name]) if right[name] else None
        if share is None:
            counts["no_answer"] += 1
        elif share > high:
            counts["too_easy"] += 1
        elif share < low:
            counts["too_hard"] += 1
        else:
            found.append(_asked(rows[name], options.train_prompt))
    if not found:
        raise MgrdError(
            f"no questions to learn from: of {len(rows)} {counts['too_easy']} are too easy, {counts['too_hard']} too "
            f"hard (--pass-rate {low:g} {high:g}) and {counts['no_answer']} have no answer"
        )
    return found, counts


def seed(run: int, step: int, question_id: str) -> int:
    """The seed of a question's first sample of a step; that of sample i is i more, modulo 2**32."""
    digest = hashlib.blake2b(f"{run}\n{step}\n{question_id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def content_hash(asked: Sequence[Asked]) -> str:
    """Hash of what is asked and what is right; 32 hex digits."""
    told = [(lessons.group(one.lesson), one.columns["answer"], one.columns["choices"]) for one in asked]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _asked(row: dict[str, Any], train_prompt: str) -> Asked:
    (lesson,) = lessons.of_survivors(
        [row | {"trace_id": row["question_id"], "think": "", "response": ""}], train_prompt
    )
    columns = {name: row[name] for name in ("answer", "choices", "question", "task", "language")}
    return Asked(lesson, columns | {"audio": [str(file) for file in row["files"]]})
