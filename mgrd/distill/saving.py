"""A trained model in, a model folder out: whole or not at all, laid out as the folder that it came from.

Everything but the weights is that folder's, byte for byte, so what sampled from the one samples from the other.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mgrd import tables
from mgrd.distill import processes, state, trial
from mgrd.distill.lessons import Lesson
from mgrd.engines import adapters
from mgrd.engines.models import INDEX, tensor_names, weight_files
from mgrd.errors import MgrdError
from mgrd.options import Distill
from mgrd.progress import Story

FIGURES = "distill.json"
"""What a finished job reports, with the loss of every step and the traces it left out."""
_TRAVELS = (".json", ".jinja", ".txt", ".model")
"""Suffixes of configs, tokenizer, processor and chat template; code and other weights stay behind."""
_STAYS = (INDEX, adapters.CONFIG)
"""What `base` says of its weights, which are others now; an adapter of its own is merged into them."""


def finish(
    model: Any,
    figures: Mapping[str, Any],
    base: Path,
    out: Path,
    asked: Lesson,
    tokens: int,
    story: Story,
    options: Distill,
) -> dict[str, Any]:
    """Write the figures, then the model, which is made to answer `asked`; the first process does. Returns `told(out)`.

    `tokens` are those of an answer that it knows; the model comes last, so one that is there is finished. It answers in
    the engine that `options` name.
    """
    whole = rebuilt(model, base)
    if processes.is_first():
        tables.write_json(figures, out / FIGURES)
        vllm = options.engine == "vllm" and asked.files  # it is asked nothing without a clip
        ask = partial(trial.in_vllm, options=options) if vllm else trial.in_transformers
        look = partial(ask, lesson=asked, max_tokens=min(trial.TOKENS, tokens), story=story)
        save_model(whole, base, out / "model", look)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
    processes.wait()
    return told(out)


def rebuilt(model: Any, base: Path) -> Any:
    """The model with its weights whole: on the CPU, of use to the first process only, where they were not.

    Adapters that lay on 4 bits lie on the weights of `base` then, as these are stored. What was trained has left its
    device then, of every process: the new one is tried there.
    """
    if not processes.splits() and not getattr(model, "is_loaded_in_4bit", False):
        return model
    from mgrd.distill.loading import load

    learned = state.learned(model)
    model.to("cpu")
    if not processes.is_first():
        return model
    fresh, _ = load(base, _stored_dtype(base))
    configs = getattr(model, "peft_config", None)
    if configs:
        from peft import get_peft_model

        fresh = get_peft_model(fresh, configs["default"])
    unknown = fresh.load_state_dict(learned, strict=False).unexpected_keys
    if unknown:
        raise MgrdError(f"{base}: has other weights than were trained, e.g. {unknown[0]}")
    return fresh


def told(out: Path) -> dict[str, Any]:
    """The figures of a finished job, without its lists."""
    figures = dict(tables.read_json(out / FIGURES))
    return {name: value for name, value in figures.items() if not isinstance(value, list)}


def save_model(model: Any, base: Path, folder: Path, look: Callable[[Path], None]) -> None:
    """Write `model`, which was loaded from `base`, to `folder`; adapters are merged into it before.

    Weights keep the number format of `base`. `look` is given the folder before it has its name, and may raise: then
    there is no model. Raises MgrdError when transformers names tensors otherwise than `base`.
    """
    from safetensors import SafetensorError
    from transformers import GenerationConfig

    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    partial = folder.with_name(folder.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    model.generation_config = GenerationConfig()  # a stricter transformers would refuse to save some; base's is copied
    try:
        model.to(_stored_dtype(base)).save_pretrained(partial)
        for file in base.iterdir():
            if file.suffix in _TRAVELS and file.name not in _STAYS and file.is_file():
                shutil.copyfile(file, partial / file.name)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)  # on a full disk its space is what is needed
        raise MgrdError(f"{folder}: cannot be written ({error}); free some space and rerun") from error
    names, wanted = tensor_names(partial), tensor_names(base)
    if names != wanted:
        example = min(names ^ wanted)
        raise MgrdError(f"{partial}: its tensors are not named as those of {base}, e.g. {example}; vLLM may refuse it")
    model.to("cpu")  # room for the one that is looked at
    look(partial)
    partial.rename(folder)


def _stored_dtype(base: Path) -> Any:
    """The number format of the first floating-point tensor of a model folder."""
    from safetensors import safe_open

    for file in weight_files(base):
        with safe_open(base / file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  (not a mapping)
                dtype = tensors.get_tensor(name).dtype
                if dtype.is_floating_point:
                    return dtype
    raise MgrdError(f"{base}: its weights hold no floating-point tensor")
