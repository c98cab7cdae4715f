"""A trained model in, a model folder out: whole or not at all, laid out as the folder that it came from.

Everything but the weights is that folder's, byte for byte, so what sampled from the one samples from the other.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mgrd import tables
from mgrd.children import mgrd_command
from mgrd.distill import processes, state
from mgrd.distill.lessons import Lesson
from mgrd.engines import adapters
from mgrd.engines.models import INDEX, tensor_names, weight_files
from mgrd.errors import EXIT_RETRIABLE, MgrdError, Stopped
from mgrd.options import Distill
from mgrd.progress import Story

FIGURES = "distill.json"
"""What a finished job reports, with the loss of every step and the traces it left out."""
TRIED_TOKENS = 16
"""How far a new model is made to answer."""
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
        ask = partial(try_vllm, python=options.engine_python) if vllm else try_out
        look = partial(ask, lesson=asked, max_tokens=min(TRIED_TOKENS, tokens), story=story)
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


def try_out(folder: Path, lesson: Lesson, max_tokens: int, story: Story) -> None:
    """Load a model in the transformers engine and have it answer; MgrdError when it cannot."""
    from mgrd.audio.load import load
    from mgrd.engines import Request, Sampling, open_engine

    engine = open_engine("transformers", folder)
    clips = [load(file).mono(engine.sr) for file in lesson.files]
    request = Request("the first question", lesson.turns[-1].text, clips, list(lesson.names), {0: 0})
    (answer,) = engine.sample([request], Sampling(temperature=0, max_tokens=max_tokens))
    engine.close()
    if answer.error is not None:
        raise MgrdError(f"{folder}: the trained model does not answer ({answer.error})")
    story.note(f"The model loads and begins to answer {lesson.where}: {answer.text!r}")


def try_vllm(folder: Path, lesson: Lesson, max_tokens: int, story: Story, python: str | None) -> None:
    """Have a model answer as in the next round: `mgrd generate` with vLLM, by the interpreter that has it.

    Raises MgrdError when it does not answer, Stopped when the child was stopped.
    """
    import torch

    gc.collect()
    torch.cuda.empty_cache()  # what the trainer held
    with tempfile.TemporaryDirectory(prefix="mgrd-try-") as scratch:
        question, prompt, out = (Path(scratch) / name for name in ("question.jsonl", "prompt.txt", "out"))
        row = {"id": "first", "audio": [str(file.absolute()) for file in lesson.files]}
        question.write_text(json.dumps(row | {"question": lesson.turns[-1].text}) + "\n", encoding="utf-8")
        prompt.write_text("{question}", encoding="utf-8")
        words = ["generate", question, "-m", folder.absolute(), "-o", out, "--audio-root", "/", "--prompt", prompt]
        words += ["--engine", "vllm", "--samples", 1, "--temperature", 0, "--max-tokens", max_tokens]
        words += ["--max-failed", 1, "--no-canary", "--quiet", "--json"]
        alone = {name: value for name, value in os.environ.items() if not _LAUNCHED.match(name)}
        child = subprocess.run(
            [*mgrd_command(python or sys.executable), *map(str, words)], env=alone, capture_output=True, check=False
        )
        if child.returncode == EXIT_RETRIABLE:
            raise Stopped(f"stopped while {folder} was tried in vllm; the same command goes on")
        said = child.stderr.decode(errors="replace").strip().splitlines()
        error = said[-1] if said else f"exit code {child.returncode}"
        if child.returncode == 0:
            (trace,) = tables.rows_of(tables.read_table(out / "traces", tables.TRACES, ["completion", "error"]))
            error = trace["error"]
    if error is not None:
        raise MgrdError(f"{folder}: the trained model does not answer in vllm ({error})")
    story.note(f"vllm loads the model, which begins to answer {lesson.where}: {trace['completion']!r}")


_LAUNCHED = re.compile(
    r"(?:LOCAL_|GROUP_|ROLE_)?(?:RANK|WORLD_SIZE|WORLD_RANK|NAME)$|MASTER_|TORCHELASTIC_|ACCELERATE_|FSDP_"
)
"""Variables by which a launcher tells a process its place; a child of it has none."""


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
