"""A user's turn in a model's own chat template, and what the model's processor says about itself.

Shared by the engines and by `distill`, so that a model is sampled and trained on the same tokens.
"""

from __future__ import annotations

import inspect
from typing import Any


def render_chat(processor: Any, text: str, n_audio: int) -> str:
    """The prompt up to the assistant's first token: audio first, then the text, in the model's own template."""
    parts = [{"type": "audio", "audio": "clip"}] * n_audio + [{"type": "text", "text": text}]
    prompt: str = processor.apply_chat_template(
        [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
    )
    return prompt


def places_audio(processor: Any) -> bool:
    """Whether the model's own template has a place for audio; some know messages of text alone, and fail on parts."""
    from jinja2 import TemplateError

    try:
        return render_chat(processor, "", 1) != render_chat(processor, "", 0)
    except (TemplateError, TypeError):
        return False


def opens_think(prompt: str) -> bool:
    """Whether the template ends inside a think block, so that completions have no opening tag."""
    return prompt.rstrip().endswith(("<think>", "<|THINK_START|>"))


def ears(processor: Any) -> Any:
    """The part of a processor that makes features of clips; None of a text model. Families call it one or the other."""
    return getattr(processor, "feature_extractor", None) or getattr(processor, "audio_processor", None)


def sampling_rate(processor: Any) -> int:
    """The rate in Hz at which a model wants its clips; 0 for a text model, which is given none."""
    extractor = ears(processor)
    return int(extractor.sampling_rate) if extractor is not None else 0


def hears_padding(processor: Any) -> bool:
    """Whether a clip sounds otherwise beside a longer one, so that only clips of one length may share a batch.

    So it is where features are as long as their clip and no mask, alike long, says where they end (Granite Speech,
    Phi-4). A text model hears nothing.
    """
    import numpy as np

    sr = sampling_rate(processor)
    if not sr or not places_audio(processor):
        return False
    first, second = (
        processor(
            text=[render_chat(processor, "", 1)],
            audio=[np.zeros(seconds * sr, np.float32)],
            audio_kwargs={"sampling_rate": sr},
            return_tensors="pt",
        )
        for seconds in (1, 2)
    )

    def axes(name: str) -> set[tuple[int, int]]:
        return {pair for pair in zip(first[name].shape, second[name].shape, strict=True) if pair[0] != pair[1]}

    per_token = {name for name in first if first[name].shape == first["input_ids"].shape}
    features = {name for name in first if first[name].is_floating_point()}
    masks = {pair for name in first.keys() - per_token - features for pair in axes(name)}
    return any(pair not in masks for name in features for pair in axes(name))


def window_s(processor: Any) -> float:
    """The longest clip that the feature extractor hears whole, in seconds; infinite when it has no fixed window.

    Whisper's kind has `n_samples`; others (Gemma 3n) cut at a default of their call, silently.
    """
    if hasattr(processor, "max_audio_len"):  # Audio Flamingo 3 hears one window of its extractor after the other
        return float(processor.max_audio_len)
    extractor = ears(processor)
    samples = getattr(extractor, "n_samples", None)
    if samples is None and callable(extractor):
        defaults = {name: one.default for name, one in inspect.signature(extractor.__call__).parameters.items()}
        cut_at = defaults.get("max_length")
        samples = cut_at if defaults.get("truncation") is True and isinstance(cut_at, int) else None
    return samples / extractor.sampling_rate if samples else float("inf")
