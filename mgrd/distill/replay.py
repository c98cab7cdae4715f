"""Data that is trained on beside the traces, so that what the model could before stays (paper, equation 5).

Rows of JSONL, `messages` or `question, completion`, in; lessons, and the share of them that a round takes, out. The
same file without survivors is a cold start. A row that does not reason gets an empty think block (paper, sections 3.1
and 4.1). Where the data comes from, and whether it is right, is not known here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mgrd.distill.lessons import Lesson, Turn
from mgrd.errors import InputError
from mgrd.options import Distill
from mgrd.questions.clips import is_clip, resolve_audio
from mgrd.traces import blocks, join, split

REPLAY_RATIO = 1.0
EMPTY_THINK_RATIO = 0.1
"""Rows per survivor where nothing else is said: equation 5 weighs both of its terms alike."""


def read_replay(path: Path, audio_root: Path | None) -> list[Lesson]:
    """The rows of a JSONL file, one lesson a line; clips lie under `audio_root`, or else under the file's folder.

    A row has `messages` (role and content; content is a text, or parts of type text and audio; the last is the
    assistant's) or `question` and `completion`; `audio`, a path or a list of them, belongs to the first user's turn.
    Raises InputError, with the line, for a row that cannot be learned from.
    """
    roots = [audio_root] if audio_root else []
    roots.append(path.absolute().parent)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSONL ({error})") from error
    lessons = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{path.name} line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{where}: is not JSON ({error}); a row is one object on one line") from error
            lessons.append(_lesson(row, where, roots))
    if not lessons:
        raise InputError(f"{path}: holds no rows to train on")
    return lessons


def taken(replay: Sequence[Lesson], survivors: int, options: Distill) -> list[Lesson]:
    """The rows to train on beside so many survivors, in the file's order; which ones depends on the seed and the rows.

    Ratios are rows per survivor; without survivors every row is taken, or so many empty think blocks for each that
    reasons. A file that has fewer gives all that it has.
    """
    reasoning = [lesson for lesson in replay if lesson.source == "replay"]
    ratio = options.replay_ratio
    if survivors:
        wanted = round(survivors * (REPLAY_RATIO if ratio is None else ratio))
        wanted_empty = round(survivors * _empty_ratio(options))
    else:
        wanted = len(reasoning)
        everything = options.empty_think_ratio is None or not reasoning
        wanted_empty = len(replay) if everything else round(wanted * _empty_ratio(options))
    empty = [lesson for lesson in replay if lesson.source == "empty-think"]
    chosen = {*_drawn(reasoning, wanted, options.seed), *_drawn(empty, wanted_empty, options.seed)}
    return [lesson for lesson in replay if lesson.lesson_id in chosen]


def _empty_ratio(options: Distill) -> float:
    return EMPTY_THINK_RATIO if options.empty_think_ratio is None else options.empty_think_ratio


def _drawn(lessons: Sequence[Lesson], wanted: int, seed: int) -> list[str]:
    """Ids of the first `wanted` of a shuffled order, which a row more elsewhere does not change."""
    key = {one.lesson_id: hashlib.blake2b(f"{seed}\n{one.lesson_id}".encode()).digest() for one in lessons}
    return sorted(key, key=lambda name: key[name])[:wanted]


def _lesson(row: Any, where: str, roots: Sequence[Path]) -> Lesson:
    if not isinstance(row, dict):
        raise InputError(f"{where}: must be an object with messages, or question and completion")
    if "messages" in row:
        turns, names, completion = _conversation(row, where)
    elif isinstance(row.get("question"), str) and isinstance(row.get("completion"), str):
        names = _paths(row.get("audio"), where)
        turns, completion = [Turn("user", row["question"], len(names))], row["completion"]
    else:
        raise InputError(f"{where}: has neither messages nor question and completion")
    think, response = _parted(completion, where)
    return Lesson(
        lesson_id=where,
        source="replay" if think else "empty-think",
        turns=tuple(turns),
        target=join(think, response),
        files=tuple(_found(name, roots, where) for name in names),
        names=tuple(names),
        shas=(None,) * len(names),
    )


def _conversation(row: Mapping[str, Any], where: str) -> tuple[list[Turn], list[str], str]:
    """The turns before the last message, all clips in order, and the last message's text."""
    messages = row["messages"]
    if not isinstance(messages, list) or not all(
        isinstance(one, dict) and one.get("role") in ("system", "user", "assistant") for one in messages
    ):
        raise InputError(f"{where}: messages must be objects with role (system, user or assistant) and content")
    if len(messages) < 2 or messages[-1]["role"] != "assistant" or messages[-2]["role"] != "user":
        raise InputError(f"{where}: the last two messages must be a user's and the assistant's, who is learned from")
    turns, names = [], []
    apart = _paths(row.get("audio"), where)
    for message in messages:
        text, clips = _content(message.get("content"), where)
        if apart and message["role"] == "user":
            clips, apart = [*apart, *clips], []
        if clips and message["role"] != "user":
            raise InputError(f"{where}: only a user's message can hold audio")
        turns.append(Turn(message["role"], text, len(clips)))
        names += clips
    return turns[:-1], names, turns[-1].text


def _content(content: Any, where: str) -> tuple[str, list[str]]:
    """A message's text and clips."""
    if isinstance(content, str):
        return content, []
    texts: list[str] = []
    clips: list[str] = []
    for kind, value in _parts(content, where):
        (texts if kind == "text" else clips).append(value)
    return "".join(texts), clips


def _parts(content: Any, where: str) -> Iterator[tuple[str, str]]:
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in ("text", "audio") or not isinstance(part.get(kind), str):
            raise InputError(f"{where}: content must be a text, or parts of type text and audio with that key")
        yield kind, part[kind]


def _paths(audio: Any, where: str) -> list[str]:
    paths = [audio] if isinstance(audio, str) else audio or []
    if not isinstance(paths, list) or not all(isinstance(one, str) and one for one in paths):
        raise InputError(f"{where}: audio must be a path or a list of paths")
    return paths


def _found(name: str, roots: Sequence[Path], where: str) -> Path:
    """The file of a clip, under the first root that has it."""
    for root in roots:
        try:
            path = resolve_audio(name, root)
        except InputError:
            continue
        if is_clip(path):
            return path
    raise InputError(f"{where}: no audio file {name[:80]!r} under {' or '.join(map(str, roots))}")


def _parted(completion: str, where: str) -> tuple[str, str]:
    """The think part and the response; a completion without tags is all response."""
    tags = blocks(completion)
    think, response = ("", completion.strip()) if tags == (0, 0) else split(completion)
    opens = completion.lstrip().lower().startswith(("<think>", "<|think_start|>"))
    if tags != (0, 0) and (tags != (1, 1) or not opens):
        raise InputError(f"{where}: has think tags elsewhere than once around what comes before the response")
    if not response:
        raise InputError(f"{where}: has no response")
    return think, response
