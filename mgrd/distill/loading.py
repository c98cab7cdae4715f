"""A model folder in, a model to train out; a folder that cannot be trained says so, and what to use instead."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from mgrd.engines import adapters
from mgrd.engines.chat import hears_padding
from mgrd.engines.models import check_model_folder, load_audio_lm
from mgrd.errors import InputError
from mgrd.options import Distill
from mgrd.progress import Story

ELSEWHERE = "; mgrd distill --export ms-swift writes the survivors for a trainer that may know it"


def check(path: Path) -> None:
    """Raise InputError for a folder that is no model to train, before anything is written."""
    try:
        config = check_model_folder(path)
    except InputError as error:
        raise _elsewhere(path, error) from error
    if hasattr(config, "thinker_config"):
        raise InputError(
            f"{path}: model type {config.model_type} is a thinker and a talker; save its thinker alone "
            f"(transformers, the class {type(config.thinker_config).__name__.removesuffix('Config')}"
            f"ForConditionalGeneration) and train that" + ELSEWHERE
        )


def start(path: Path, options: Distill, story: Story) -> tuple[Any, Any, str]:
    """Load (model, processor, the device to train on), with every random number from `options.seed`."""
    import torch
    from transformers import set_seed

    from mgrd.distill import quantized
    from mgrd.distill.training import language_linears, precision

    set_seed(options.seed)
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    # Full training needs fp32 weights under bf16 autocast; frozen ones may be bf16, which halves a 7B model's memory.
    half = options.lora and torch.cuda.is_available() and precision() == "bf16"
    dtype = torch.bfloat16 if half else torch.float32
    model, processor = load(path, dtype)
    if (adapter := adapters.find(path)) is not None:
        story.note(f"{adapter}: the adapter that {path.name} ships to hear with is merged into its weights")
    if options.qlora:
        quantized.quantize(model, language_linears(model), dtype)
    return model, processor, device


def alone(options: Distill, processor: Any, story: Story) -> Distill:
    """The options, with one example in a pass where a clip would hear the padding beside a longer one."""
    if options.accumulate == options.batch_size or not hears_padding(processor):
        return options
    story.note(
        f"Its encoder hears padding: one trace in a pass, --accumulate {options.batch_size} (was {options.accumulate})"
    )
    return replace(options, accumulate=options.batch_size)


def load(path: Path, dtype: Any) -> tuple[Any, Any]:
    """Load (model, processor), on the CPU; InputError as in mgrd.engines.models."""
    try:
        return load_audio_lm(path, dtype)
    except InputError as error:
        raise _elsewhere(path, error) from error


def _elsewhere(path: Path, error: InputError) -> InputError:
    """The error, with another way where there is a model that only transformers or mgrd cannot take."""
    whole = (path / "config.json").is_file()
    return InputError(f"{error}{ELSEWHERE}") if whole else error
