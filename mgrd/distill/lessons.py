"""What is trained on, whatever it came from: turns before, and the text that answers them.

Survivors and replayed rows become lessons; only lessons are tokenized. Knows nothing about tokens or files' formats.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mgrd.distill.survivors import user_turn
from mgrd.traces import join

Source = Literal["trace", "replay", "empty-think"]
"""A survivor, a replayed row that reasons, and one that only answers: its think block is empty."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message before the target, in the order of its template: clips first, then the text."""

    role: str
    text: str
    clips: int = 0


@dataclass(frozen=True, slots=True)
class Lesson:
    """Turns and the think block and response that follow them."""

    lesson_id: str
    """A trace's id; of a replayed row, its file's name and its line."""
    source: Source
    turns: tuple[Turn, ...]
    target: str
    files: tuple[Path, ...]
    """Of all turns' clips, in order."""
    names: tuple[str, ...]
    """The clips as their table names them."""
    shas: tuple[str | None, ...]

    @property
    def where(self) -> str:
        """What an error calls it."""
        return f"trace {self.lesson_id}" if self.source == "trace" else self.lesson_id


def of_survivors(rows: Sequence[dict[str, Any]], train_prompt: str) -> list[Lesson]:
    """One lesson a survivor, in their order."""
    return [
        Lesson(
            lesson_id=row["trace_id"],
            source="trace",
            turns=(Turn("user", user_turn(row, train_prompt), len(row["files"])),),
            target=join(row["think"] or "", row["response"]),
            files=tuple(row["files"]),
            names=tuple(row["audio"]),
            shas=tuple(row["audio_sha"] or [None] * len(row["audio"])),
        )
        for row in rows
    ]


def group(lesson: Lesson) -> str:
    """What lessons of the same question share, whatever their answers: its turns and its clips' names."""
    return json.dumps([[asdict(turn) for turn in lesson.turns], lesson.names])


def content_hash(lessons: Sequence[Lesson]) -> str:
    """Hash of what lessons say, of clips by their names; 32 hex digits."""
    whole = hashlib.sha256()
    for lesson in lessons:
        whole.update(f"{group(lesson)}\n{json.dumps(lesson.target)}\n".encode())
    return whole.hexdigest()[:32]
