"""Is every clip in the prompt? Counts what a processor has made of clips, before the model computes anything.

Works on the tensors that a processor returns; where a family names neither its audio token nor a mask of its features,
nothing is counted here, and the question whether the model hears is left to mgrd.generate.hearing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MASKS = ("feature_attention_mask", "input_features_mask")
"""What families call the mask over the frames of their features that hold sound."""
_SLACK = 0.02
"""Share of the frames, and beside it `_SLACK_S` of each clip, that windows and rounding may take."""
_SLACK_S = 0.06


def audio_token(model: Any) -> int | None:
    """The token that stands for audio in a model's prompts, by its config or its encoder's; None when none names it."""
    for config in (model.config, getattr(model.config, "audio_config", None)):
        for name in ("audio_token_id", "audio_token_index"):
            if isinstance(found := getattr(config, name, None), int):
                return found
    return None


def check_audio(inputs: Mapping[str, Any], lengths: Sequence[Sequence[int]], token: int | None, extractor: Any) -> None:
    """Raise ValueError unless each prompt of a batch holds audio for its clips, and the features all of their sound.

    `lengths` are the samples of each prompt's clips.
    """
    if token is not None:
        counts = (inputs["input_ids"] == token).sum(-1).tolist()
        for count, clips, width in zip(counts, lengths, inputs["attention_mask"].sum(-1).tolist(), strict=True):
            if count < len(clips):
                raise ValueError(
                    f"its prompt of {width} tokens holds {count} audio tokens for {len(clips)} clips of "
                    f"{sum(clips) / extractor.sampling_rate:.1f} s: the model would not hear them; look at its chat "
                    "template and processor"
                )
    mask = next((inputs[name] for name in _MASKS if name in inputs), None)
    hop = getattr(extractor, "hop_length", None)
    if mask is None or not hop:
        return
    hop_s = hop / extractor.sampling_rate
    given = [length / extractor.sampling_rate for clips in lengths for length in clips]
    kept = [frames * hop_s for frames in mask.flatten(1).sum(-1).tolist()]
    if len(kept) != len(given):  # a family that cuts clips into windows, or has a row for a prompt
        given, kept = [sum(given)], [sum(kept)]
    slack_s = _SLACK_S * sum(map(len, lengths)) / len(given)
    for given_s, kept_s in zip(given, kept, strict=True):
        if kept_s < given_s * (1 - _SLACK) - slack_s:
            raise ValueError(
                f"its processor keeps {kept_s:.1f} s of {given_s:.1f} s of sound: the rest would be cut off"
            )
