"""Lessons in, token sequences with their targets out.

A prompt is tokenized by the model's own processor exactly as it is for sampling, and the target is appended to it, so
what is learned follows from the lengths. Nothing is ever cut: what does not fit is left out and named.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgrd.audio.load import load, probe
from mgrd.distill import checks
from mgrd.distill.lessons import Lesson, Turn, group
from mgrd.engines.chat import opens_think, sampling_rate, window_s
from mgrd.errors import InputError, Stopped
from mgrd.progress import Story, stop

CACHED_BYTES = 2**30
"""Features kept in memory; a minute of 30 s clips with 128 mel bands takes 3 MB."""


@dataclass(frozen=True, slots=True)
class Example:
    """One lesson: the tokens of its prompt, audio placeholders expanded, and of its target, EOS included."""

    trace_id: str
    prompt: str
    files: tuple[Path, ...]
    prompt_ids: list[int]
    target_ids: list[int]
    group: str
    """What examples of the same question share."""
    n_features: int | None
    """What its clips' encoder makes of them; None where only the forward pass knows."""
    learned: bool = True
    """False where it only fills a batch, so that all processes have one."""

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt_ids) + len(self.target_ids)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A trace that is not trained on, and why."""

    trace_id: str
    why: str


def hearable(lessons: Sequence[Lesson], processor: Any) -> tuple[list[Lesson], list[LeftOut], float]:
    """The lessons whose clips the model hears whole, the others, and the longest clip of the former in seconds."""
    window, longest_s = window_s(processor), 0.0
    kept, left_out = [], []
    lengths_s: dict[Path, float] = {}
    for lesson in lessons:
        for file, name in zip(lesson.files, lesson.names, strict=True):
            if file not in lengths_s:
                lengths_s[file] = probe(file, name)[0]
        lesson_s = max((lengths_s[file] for file in lesson.files), default=0.0)
        if lesson_s > window:
            why = f"a clip of {lesson_s:.1f} s is longer than the {window:g} s that the model hears"
            left_out.append(LeftOut(lesson.lesson_id, why))
        else:
            kept.append(lesson)
            longest_s = max(longest_s, lesson_s)
    return kept, left_out, longest_s


class Ears:
    """Runs the processor over prompts and clips; keeps the features of the clips used last, up to CACHED_BYTES."""

    def __init__(self, processor: Any, padded: int | None) -> None:
        self.processor, self.padded = processor, padded
        self.sr = sampling_rate(processor)
        self.per_token = {*processor.tokenizer.model_input_names, "token_type_ids", "mm_token_type_ids"}
        self._kept: OrderedDict[tuple[Path, ...], dict[str, Any]] = OrderedDict()
        self._bytes = 0

    def hear(self, prompt: str, files: tuple[Path, ...], shas: Sequence[str | None] | None = None) -> list[int]:
        """Token ids of a prompt, with as many audio tokens as its clips have features."""
        clips = []
        for file, sha in zip(files, shas or [None] * len(files), strict=True):
            clip = load(file)
            if sha not in (None, clip.sha):
                raise InputError(f"{file}: the clip has changed since the trace was sampled; sample again")
            clips.append(clip.mono(self.sr))
        limit = self.padded or window_s(self.processor) * self.sr
        if max(map(len, clips), default=0) > limit:
            raise InputError(f"{files[0]}: is longer than its header says; convert it to WAV or FLAC")
        audio_kwargs = {"sampling_rate": self.sr} | ({"max_length": self.padded} if self.padded else {})
        inputs = self.processor(
            text=[prompt],
            return_tensors="pt",
            **({"audio": clips, "audio_kwargs": audio_kwargs} if clips else {}),  # a replayed row may be text alone
        )
        self._keep(files, {name: tensor for name, tensor in inputs.items() if name not in self.per_token})
        ids: list[int] = inputs["input_ids"][0].tolist()
        return ids

    def features(self, prompt: str, files: tuple[Path, ...]) -> dict[str, Any]:
        """What the processor makes of the clips, by the name of the model's argument; one row a clip."""
        if files not in self._kept:
            self.hear(prompt, files)
        self._kept.move_to_end(files)
        return self._kept[files]

    def _keep(self, files: tuple[Path, ...], features: dict[str, Any]) -> None:
        if files not in self._kept:
            self._kept[files] = features
            self._bytes += _nbytes(features)
        while self._bytes > CACHED_BYTES and len(self._kept) > 1:
            self._bytes -= _nbytes(self._kept.popitem(last=False)[1])


def _nbytes(features: dict[str, Any]) -> int:
    return sum(tensor.nbytes for tensor in features.values())


def encode(
    lessons: Sequence[Lesson], model: Any, ears: Ears, max_length: int | None, story: Story
) -> tuple[list[Example], list[LeftOut]]:
    """Tokenize lessons, and check every one of them; those with more tokens than fit are left out.

    What fits are `max_length` tokens, and no more than the model takes.
    """
    limit = min(max_tokens(model, ears.processor), max_length or sys.maxsize)
    examples, left_out = [], []
    heard: dict[tuple[str, tuple[Path, ...]], tuple[list[int], int | None]] = {}
    with story.steps("Reading what to train on", len(lessons), "traces") as step:
        for lesson in lessons:
            if stop:
                raise Stopped(f"stopped by {stop.signal_name} before the first step; the same command starts again")
            prompt = render(ears.processor, lesson.turns)
            if (prompt, lesson.files) not in heard:
                try:
                    ids = ears.hear(prompt, lesson.files, lesson.shas)
                except ValueError as error:  # what processors raise of prompts and clips that do not go together
                    raise InputError(f"{lesson.where}: the processor does not take it ({error})") from error
                n_features = checks.check_prompt(lesson.where, ids, ears.features(prompt, lesson.files), model)
                heard[prompt, lesson.files] = ids, n_features
            prompt_ids, n_features = heard[prompt, lesson.files]
            example = Example(
                trace_id=lesson.lesson_id,
                prompt=prompt,
                files=lesson.files,
                prompt_ids=prompt_ids,
                target_ids=_target_ids(lesson, prompt, model, ears.processor),
                group=group(lesson),
                n_features=n_features,
            )
            if example.length > limit:
                who = "--max-length allows" if limit == max_length else "the model takes"
                why = f"its {example.length} tokens are more than the {limit} that {who}"
                left_out.append(LeftOut(example.trace_id, why))
            else:
                examples.append(example)
            step()
    return examples, left_out


def render(processor: Any, turns: Sequence[Turn]) -> str:
    """The prompt up to the assistant's first token, as mgrd.engines.chat makes it of a question alone."""
    prompt: str = processor.apply_chat_template(
        [
            {
                "role": turn.role,
                "content": [{"type": "audio", "audio": "clip"}] * turn.clips + [{"type": "text", "text": turn.text}],
            }
            for turn in turns
        ],
        add_generation_prompt=True,
        tokenize=False,
    )
    return prompt


def max_tokens(model: Any, processor: Any) -> int:
    """The longest sequence, in tokens, that the model and its tokenizer say they take."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return int(min(limit for limit in (positions, processor.tokenizer.model_max_length) if limit))


def _target_ids(lesson: Lesson, prompt: str, model: Any, processor: Any) -> list[int]:
    """The target's tokens and EOS, checked: they decode to the letter, and hold no other special token."""
    tokenizer = processor.tokenizer
    target = lesson.target
    if opens_think(prompt):  # the template has written the opening tag, with or without its line break
        target = target.removeprefix("<think>")
        target = target.removeprefix("\n") if prompt.endswith("\n") else target
    ids: list[int] = tokenizer(target, add_special_tokens=False)["input_ids"]
    checks.check_target(lesson.where, target, ids, model, tokenizer)
    return [*ids, end_of_turn(model, processor)]


def end_of_turn(model: Any, processor: Any) -> int:
    """The token that ends a target: the tokenizer's EOS, at which generation must stop."""
    eos, stops = processor.tokenizer.eos_token_id, model.generation_config.eos_token_id
    stops = [stops] if isinstance(stops, int) else stops or [eos]
    if eos is None or eos not in stops:
        raise InputError(
            f"the tokenizer ends a text with token {eos}, at which generation does not stop (generation_config.json "
            f"has {stops}); make the two agree"
        )
    return int(eos)
