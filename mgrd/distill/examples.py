"""Rows in, token sequences with their targets out.

A prompt is tokenized by the model's own processor exactly as it is for sampling, and the target is appended to it, so
what is learned follows from the lengths. Nothing is ever cut: what does not fit is left out and named.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgrd.audio.load import load, probe
from mgrd.distill.survivors import user_turn
from mgrd.engines.chat import opens_think, render_chat, window_s
from mgrd.errors import InputError, Stopped
from mgrd.progress import Story, stop
from mgrd.traces import join

CACHED_BYTES = 2**30
"""Features kept in memory; a minute of 30 s clips with 128 mel bands takes 3 MB."""


@dataclass(frozen=True, slots=True)
class Example:
    """One trace to learn: the tokens of its prompt, audio placeholders expanded, and of its target, EOS included."""

    trace_id: str
    prompt: str
    files: tuple[Path, ...]
    prompt_ids: list[int]
    target_ids: list[int]

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt_ids) + len(self.target_ids)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A trace that is not trained on, and why."""

    trace_id: str
    why: str


def hearable(rows: Sequence[dict[str, Any]], processor: Any) -> tuple[list[dict[str, Any]], list[LeftOut], float]:
    """The rows whose clips the model hears whole, the others, and the longest clip of the former in seconds."""
    window, longest_s = window_s(processor), 0.0
    kept, left_out = [], []
    lengths_s: dict[Path, float] = {}
    for row in rows:
        for file, name in zip(row["files"], row["audio"], strict=True):
            if file not in lengths_s:
                lengths_s[file] = probe(file, name)[0]
        row_s = max(lengths_s[file] for file in row["files"])
        if row_s > window:
            why = f"a clip of {row_s:.1f} s is longer than the {window:g} s that the model hears"
            left_out.append(LeftOut(row["trace_id"], why))
        else:
            kept.append(row)
            longest_s = max(longest_s, row_s)
    return kept, left_out, longest_s


class Ears:
    """Runs the processor over prompts and clips; keeps the features of the clips used last, up to CACHED_BYTES."""

    def __init__(self, processor: Any, padded: int | None) -> None:
        self.processor, self.padded = processor, padded
        self.sr = int(processor.feature_extractor.sampling_rate)
        self.per_token = {*processor.tokenizer.model_input_names, "mm_token_type_ids"}
        self._kept: OrderedDict[tuple[Path, ...], dict[str, Any]] = OrderedDict()
        self._bytes = 0

    def hear(self, prompt: str, files: tuple[Path, ...], shas: Sequence[str | None] | None = None) -> list[int]:
        """Token ids of a prompt, with as many audio tokens as its clips have features."""
        clips = []
        for number, file in enumerate(files):
            clip = load(file)
            if shas and shas[number] not in (None, clip.sha):
                raise InputError(f"{file}: the clip has changed since the trace was sampled; sample again")
            clips.append(clip.mono(self.sr))
        limit = self.padded or getattr(self.processor.feature_extractor, "n_samples", None)
        if limit and max(map(len, clips)) > limit:
            raise InputError(f"{files[0]}: is longer than its header says; convert it to WAV or FLAC")
        inputs = self.processor(
            text=[prompt],
            audio=clips,
            audio_kwargs={"sampling_rate": self.sr} | ({"max_length": self.padded} if self.padded else {}),
            return_tensors="pt",
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
    rows: Sequence[dict[str, Any]], model: Any, ears: Ears, train_prompt: str, story: Story
) -> tuple[list[Example], list[LeftOut]]:
    """Tokenize rows, and check every one of them; those with too many tokens for the model are left out."""
    limit = max_tokens(model, ears.processor)
    examples, left_out = [], []
    heard: dict[tuple[str, tuple[Path, ...]], list[int]] = {}
    with story.steps("Reading survivors", len(rows), "traces") as step:
        for row in rows:
            if stop:
                raise Stopped(f"stopped by {stop.signal_name} before the first step; the same command starts again")
            prompt = render_chat(ears.processor, user_turn(row, train_prompt), len(row["files"]))
            files = tuple(row["files"])
            if (prompt, files) not in heard:
                heard[prompt, files] = ears.hear(prompt, files, row["audio_sha"])
                _check_prompt(row["trace_id"], heard[prompt, files], ears.features(prompt, files), model)
            target_ids = _target_ids(row, prompt, model, ears.processor)
            example = Example(row["trace_id"], prompt, files, heard[prompt, files], target_ids)
            if example.length > limit:
                why = f"its {example.length} tokens are more than the {limit} that the model takes"
                left_out.append(LeftOut(example.trace_id, why))
            else:
                examples.append(example)
            step()
    return examples, left_out


def max_tokens(model: Any, processor: Any) -> int:
    """The longest sequence, in tokens, that the model and its tokenizer say they take."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return int(min(limit for limit in (positions, processor.tokenizer.model_max_length) if limit))


def _target_ids(row: dict[str, Any], prompt: str, model: Any, processor: Any) -> list[int]:
    """The target's tokens and EOS, checked: they decode to the letter, and hold no other special token."""
    tokenizer = processor.tokenizer
    target = join(row["think"] or "", row["response"])
    if opens_think(prompt):  # the template has written the opening tag, with or without its line break
        target = target.removeprefix("<think>")
        target = target.removeprefix("\n") if prompt.endswith("\n") else target
    ids: list[int] = tokenizer(target, add_special_tokens=False)["input_ids"]
    where = f"trace {row['trace_id']}"
    if special := sorted(set(ids) & _forbidden(model, processor)):
        raise InputError(f"{where} holds the special token {tokenizer.decode(special[:1])}; filter it out")
    if (back := tokenizer.decode(ids, clean_up_tokenization_spaces=False)) != target:
        at = next((n for n, (a, b) in enumerate(zip(back, target, strict=False)) if a != b), len(back))
        raise InputError(
            f"{where}: the tokenizer cannot write it to the letter ({target[at : at + 12]!r} comes back as "
            f"{back[at : at + 12]!r}); filter it out"
        )
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


def _forbidden(model: Any, processor: Any) -> set[int]:
    """Special tokens that a target must not hold: all of them but think tags."""
    tokenizer = processor.tokenizer
    ids = {*tokenizer.all_special_ids, *_audio_tokens(model)}
    return ids - {tokenizer.convert_tokens_to_ids(tag) for tag in ("<think>", "</think>")}


def _audio_tokens(model: Any) -> set[int]:
    names = ("audio_token_id", "audio_token_index")
    return {token for name in names if isinstance(token := getattr(model.config, name, None), int)}


def _check_prompt(trace_id: str, prompt_ids: list[int], features: dict[str, Any], model: Any) -> None:
    """As many audio tokens as features, where the family says how many features a clip has."""
    placeholders = sum(token in _audio_tokens(model) for token in prompt_ids)
    encoder, mask = model.get_encoder(modality="audio"), features.get("feature_attention_mask")
    if mask is None or not hasattr(encoder, "_get_feat_extract_output_lengths"):
        return  # other families compare the two in their forward pass, which is tried before the first step
    expected = int(encoder._get_feat_extract_output_lengths(mask.sum(-1))[1].sum())
    if placeholders != expected or expected == 0:
        raise InputError(f"trace {trace_id}: its prompt has {placeholders} audio tokens for {expected} features")
