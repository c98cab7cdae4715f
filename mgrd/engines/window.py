"""Encode only as much of a fixed audio window as the clips fill.

A Whisper-type encoder pads every clip to its whole window (30 s, 60 s) and computes all of it. Where the padding is
masked, a shorter window gives the same answer; for clips of a few seconds that is 10 to 20 times less work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MASKED = frozenset({"qwen2_audio"})
"""Model types that insist on their window but mask what no clip fills. Voxtral insists too, but it listens to its
padding: with a shorter window it would answer differently."""


def window_samples(model: Any, processor: Any, longest_s: float) -> int | None:
    """How many samples to pad clips to when none is longer than `longest_s`; None when the window cannot be shortened.

    Goes into the processor's call: `processor(..., audio_kwargs={"max_length": n})`. A multiple of a second, and
    beyond the clip's end as far as the first frames after it can reach into the encoder's valid positions, so that
    these frames see the same silence as in the whole window.
    """
    if model.config.model_type not in _MASKED:
        return None
    extractor = processor.feature_extractor
    hop, sr = extractor.hop_length, extractor.sampling_rate
    frames = math.ceil(longest_s * sr / hop)
    step = math.lcm(sr, hop * _stride(model))
    # two convolutions of width 3 look 2 frames ahead; the spectrum of a frame reaches n_fft / 2, mirrored at the end
    needed = math.ceil(((frames + 3) * hop + extractor.n_fft) / step) * step
    return needed if needed < extractor.n_samples else None


@contextmanager
def short_window(model: Any, processor: Any, longest_s: float) -> Iterator[int | None]:
    """Shorten the encoder's window for clips of at most `longest_s`; yields `window_samples`.

    Within the block every call of the processor must pad to the yielded number of samples; None changes nothing.
    Afterwards, also after an error, the model is whole again: save it outside of the block.
    """
    from torch import nn

    samples = window_samples(model, processor, longest_s)
    if samples is None:
        yield None
        return
    encoder = model.get_encoder(modality="audio")
    table, positions = encoder.embed_positions, encoder.config.max_source_positions
    whole = table.weight
    encoder.config.max_source_positions = samples // processor.feature_extractor.hop_length // _stride(model)
    table.weight = nn.Parameter(whole.detach()[: encoder.config.max_source_positions].clone(), requires_grad=False)
    try:
        yield samples
    finally:
        whole.data = whole.data.to(table.weight.device, table.weight.dtype)  # the model may have moved in between
        table.weight = whole
        encoder.config.max_source_positions = positions


def _stride(model: Any) -> int:
    """Mel frames per position of the encoder."""
    encoder = model.get_encoder(modality="audio")
    return int(encoder.conv1.stride[0] * encoder.conv2.stride[0])
