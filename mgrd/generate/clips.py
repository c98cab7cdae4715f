"""The clips of a question, decoded as the engine and the control want them. Knows nothing of samples or tables."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgrd.audio.load import Clip, load, probe
from mgrd.engines import Engine
from mgrd.errors import InputError, MgrdError
from mgrd.generate.job import Job
from mgrd.questions import resolve_audio


class ChangedClipError(InputError):
    """A clip's samples are not those that an earlier call heard."""


@dataclass
class Clips:
    """Decodes the clips of a question, as the engine and the control want them."""

    job: Job
    engine: Engine
    shas: dict[str, str]
    """Content hashes by path as given: those of earlier calls, and what this one decodes."""
    swapped: dict[str, list[str]]

    def of(self, row: dict[str, Any]) -> list[NDArray[np.float32]]:
        """Mono clips at the engine's rate; raises InputError for one that cannot be heard whole."""
        clips = [self._decode(path) for path in row["audio"]]
        if self.job.options.control is None:
            for path, clip in zip(row["audio"], clips, strict=True):
                if not np.any(clip.samples):
                    raise InputError(f"{path}: every sample is zero, there is nothing to hear")
        if self.job.options.control == "swap":
            clips = [self._decode(path) for path in self.swapped[row["id"]]]
        heard = [clip.mono(self.engine.sr) for clip in clips]
        if self.job.options.control in ("silence", "noise"):
            heard = [control_clip(self.job.options.control, clip, row["id"]) for clip in heard]
        return heard

    def _decode(self, path: str) -> Clip:
        source = resolve_audio(path, self.job.base, self.job.out / "audio")
        duration_s, _, _ = probe(source, path)
        if duration_s > self.engine.window_s:
            more = ", or say how much it hears with --window" if self.job.options.engine == "server" else ""
            raise InputError(
                f"{path}: {duration_s:.1f} s is longer than the {self.engine.window_s:g} s this model hears; "
                f"cut it, it is never cut silently{more}"
            )
        clip = load(source, path)
        before = self.shas.setdefault(path, clip.sha)
        if before != clip.sha:
            raise ChangedClipError(
                f"{path}: the clip has changed since it was first sampled; give the new one another name, "
                "or --overwrite to sample everything again"
            )
        return clip


def swaps(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Another question's audio for each question: the next of the same task, in an order that depends on ids alone.

    A question whose task has no other audio takes the next question of any task.
    """
    order = sorted(rows, key=lambda row: hashlib.blake2b(row["id"].encode(), digest_size=8).digest())
    rings: dict[str | None, list[dict[str, Any]]] = {}
    for row in order:
        rings.setdefault(row["task"], []).append(row)
    found = {}
    for task, ring in rings.items():
        for index, row in enumerate(ring):
            same_task = (ring[(index + step) % len(ring)] for step in range(1, len(ring)))
            others = itertools.chain(same_task, (other for other in order if other["task"] != task))
            audio = next((other["audio"] for other in others if other["audio"] != row["audio"]), None)
            if audio is None:
                raise MgrdError("--control swap: all questions share one clip, there is nothing to swap it with")
            found[row["id"]] = list(audio)
    return found


def control_clip(control: str, clip: NDArray[np.float32], question_id: str) -> NDArray[np.float32]:
    """Silence, or white noise at the clip's own level, of the clip's length; the same for the same question."""
    if control == "silence":
        return np.zeros_like(clip)
    rng = np.random.default_rng(int.from_bytes(hashlib.blake2b(question_id.encode(), digest_size=8).digest()))
    level = float(np.sqrt(np.mean(np.square(clip, dtype=np.float64))))
    return (rng.standard_normal(len(clip)) * level).astype(np.float32)
