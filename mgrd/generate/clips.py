"""The clips of a question, decoded as the engine and the control want them. Knows nothing of samples or tables."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mgrd import tables
from mgrd.audio.load import Clip, load, probe
from mgrd.engines import Engine
from mgrd.errors import InputError, MgrdError
from mgrd.generate.job import Job
from mgrd.generate.seen import Seen
from mgrd.questions import resolve_audio


class ChangedClipError(InputError):
    """A clip's samples are not those that an earlier call heard."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a question's model is given to hear."""

    clips: list[NDArray[np.float32]]
    """Mono at the engine's rate, none longer than its window: whole clips, or their consecutive parts."""
    ids: list[str]
    """A name for the content of each, that no other content has."""
    parts: list[int]
    """How many of them each of the question's clips became."""

    @property
    def samples(self) -> int:
        """Of all of them together."""
        return sum(map(len, self.clips))


@dataclass
class Clips:
    """Decodes the clips of a question, as the engine and the control want them."""

    job: Job
    engine: Engine
    shas: dict[str, str]
    """Content hashes by path as given: those of earlier calls, and what this one decodes."""
    swapped: dict[str, list[str]]

    def of(self, row: dict[str, Any]) -> Heard:
        """What is heard of a question under the job's control; raises InputError where that is not all of it."""
        control = self.job.options.control
        clips = [self._decode(path) for path in row["audio"]]
        if control is None:
            for path, clip in zip(row["audio"], clips, strict=True):
                if not np.any(clip.samples):
                    raise InputError(f"{path}: every sample is zero, there is nothing to hear")
        if control == "swap":
            clips = [self._decode(path) for path in self.swapped[row["id"]]]
        heard = [clip.mono(self.engine.sr) for clip in clips]
        ids = [clip.sha for clip in clips]
        if control in ("silence", "noise"):
            heard = [control_clip(control, clip, row["id"], number) for number, clip in enumerate(heard)]
            ids = [f"{control}-{row['id']}-{sha}" for sha in ids]
        return in_parts(heard, ids, longest(self.job, self.engine.sr, self.engine.window_s))

    def sound(self, path: str) -> NDArray[np.float32]:
        """A clip under no control, or the first of its parts; raises InputError as `of` does."""
        clip = self._decode(path)
        most = longest(self.job, self.engine.sr, self.engine.window_s)
        return in_parts([clip.mono(self.engine.sr)], [clip.sha], most).clips[0]

    def _decode(self, path: str) -> Clip:
        source = resolve_audio(path, self.job.base, self.job.out / "audio")
        duration_s, _, _ = probe(source, path)
        if duration_s > self.engine.window_s and self.job.options.long_clips != "chunk":
            more = "; if it hears more, say so with --window and another -o" * (self.job.options.engine == "server")
            raise InputError(
                f"{path}: {duration_s:.1f} s is longer than the {self.engine.window_s:g} s this model hears; "
                f"cut it, or give it in parts, --long-clips chunk --retry-failed{more}"
            )
        clip = load(source, path)
        _check_same(path, self.shas.setdefault(path, clip.sha), clip)
        return clip


def longest(job: Job, sr: int, window_s: float) -> int | None:
    """The most samples of a part at `sr` Hz, where clips longer than the engine's window are cut; else None."""
    cuts = job.options.long_clips == "chunk" and math.isfinite(window_s)
    return round(window_s * sr) if cuts else None


def counts(lengths: Iterable[int], most: int | None) -> list[int]:
    """In how many parts clips of so many samples are given, when each may have `most`; None cuts nothing."""
    return [math.ceil(length / most) if most else 1 for length in lengths]


def in_parts(clips: list[NDArray[np.float32]], ids: list[str], most: int | None) -> Heard:
    """Clips cut into as few consecutive parts as are no longer than `most` samples; equal parts, none too short.

    None cuts nothing.
    """
    parts = counts(map(len, clips), most)
    cut = [part for clip, count in zip(clips, parts, strict=True) for part in np.array_split(clip, count)]
    names = [
        f"{name}.{number}/{count}" if count > 1 else name
        for name, count in zip(ids, parts, strict=True)
        for number in range(1, count + 1)
    ]
    return Heard(cut, names, parts)


def check_clips(job: Job, seen: Seen, shas: Mapping[str, str]) -> None:
    """Compare the clips whose size or time has changed since they were first decoded; the others are not opened.

    Raises ChangedClipError for one that holds other sound. One that was only copied is looked at this once.
    """
    looks = seen.changed(shas)
    for path in looks:
        _check_same(path, shas[path], load(resolve_audio(path, job.base, job.out / "audio"), path))
    seen.keep(looks)


def _check_same(path: str, before: str, clip: Clip) -> None:
    if before != clip.sha:
        raise ChangedClipError(
            f"{path}: the clip has changed since it was first sampled; give the new one another name, "
            "or --overwrite to sample everything again"
        )


def swaps(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Another question's audio for each question: the next of the same task, in an order that depends on ids alone.

    A question whose task has no other audio takes the next question of any task.
    """
    order = sorted(rows, key=lambda row: hashlib.blake2b(row["id"].encode(), digest_size=8).digest())
    rings: dict[str | None, list[dict[str, Any]]] = {}
    for row in order:
        rings.setdefault(row["task"], []).append(row)
    anywhere = _next_audio(order)
    found = {}
    for ring in rings.values():
        for name, audio in _next_audio(ring).items():
            other = audio or anywhere[name]
            if other is None:
                raise MgrdError("--control swap: all questions share one clip, there is nothing to swap it with")
            found[name] = list(other)
    return found


def _next_audio(ring: list[dict[str, Any]]) -> dict[str, list[str] | None]:
    """The audio of the next question round the ring that has another, by question; None where all have one."""
    found: dict[str, list[str] | None] = {}
    for row, after in [*zip(ring, [*ring[1:], ring[0]], strict=True)][::-1] * 2:  # the second time for those at the end
        found[row["id"]] = after["audio"] if after["audio"] != row["audio"] else found.get(after["id"])
    return found


def across_tasks(asked: pl.DataFrame, every: pl.DataFrame, swapped: Mapping[str, list[str]]) -> int:
    """How many of the questions that are asked hear a clip which no question of their task is about."""
    of_task: dict[str | None, set[tuple[str, ...]]] = {}
    for row in tables.rows_of(every):
        of_task.setdefault(row["task"], set()).add(tuple(row["audio"]))
    return sum(tuple(swapped[row["id"]]) not in of_task[row["task"]] for row in tables.rows_of(asked))


def swap_note(count: int, questions: int) -> str:
    """What is to be said of those that `across_tasks` counts."""
    return (
        f"--control swap: {count:,} of {questions:,} questions hear a clip of another task, theirs has no other: "
        "what they answer does not say what such clips are like"
    )


def control_clip(control: str, clip: NDArray[np.float32], question_id: str, number: int = 0) -> NDArray[np.float32]:
    """Silence, or white noise at the clip's own level, of the clip's length; the same for the same clip of a question.

    `number` is the place of the clip among the question's.
    """
    if control == "silence":
        return np.zeros_like(clip)
    digest = hashlib.blake2b(question_id.encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest) + number)
    level = float(np.sqrt(np.mean(np.square(clip, dtype=np.float64))))
    return (rng.standard_normal(len(clip)) * level).astype(np.float32)
