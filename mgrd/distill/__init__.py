"""Stage 3: fine-tune a model on the traces that survived.

Everything that can be wrong with the survivors is found before the first step. A stopped job goes on from its last
checkpoint; the model appears whole or not at all. Knows nothing about rules or about how traces were sampled.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mgrd import folders, tables
from mgrd.distill.survivors import content_hash, read
from mgrd.errors import MgrdError, MisusedError
from mgrd.options import Distill
from mgrd.progress import Story

FIGURES = "distill.json"
"""What a finished job reports, with the loss of every step and the traces it left out."""

_HOW = ("accumulate", "save_steps")
"""Options that say how a job runs, not what it makes."""

TOLD = 5
"""Traces that are named on stderr when they are left out; the others are in FIGURES."""


def distill(
    survivors: Sequence[Path],
    model: Path,
    out: Path,
    options: Distill,
    *,
    audio_root: Path | None = None,
    overwrite: bool = False,
    story: Story | None = None,
) -> dict[str, Any]:
    """Train `model` on the survivors in each of `survivors` (a filtered folder or its table) and write `out/model`.

    Returns figures: traces, left_out, steps, epochs, loss_first and loss_last (mean per target token over the first and
    the last tenth of the steps), target_tokens (per epoch), padding (share of the tokens computed), parameters,
    trainable, precision, seconds. A model that is there already, made of the same, is not made again.
    Raises MgrdError when there is nothing to train on, InputError for a trace or a model folder that is not as it
    should be, and Stopped after SIGTERM or KeyboardInterrupt after Ctrl-C, with a checkpoint saved.
    """
    story = story or Story()
    if options.batch_size % options.accumulate:
        raise MisusedError(f"--accumulate {options.accumulate}: must divide --batch-size {options.batch_size}")
    from mgrd.engines.models import check_model_folder, model_fingerprint

    rows = read(survivors, audio_root)
    if not (out / "model").is_dir():
        check_model_folder(model)  # before anything is written
    identity = {name: value for name, value in asdict(options).items() if name not in _HOW}
    identity |= {"model": model_fingerprint(model), "survivors": content_hash(rows)}
    folders.open_stage(out, "distill", identity, overwrite=overwrite, story=story)
    if (out / "model").is_dir():
        story.note(f"{out / 'model'} is complete")
        return _figures(out)
    return _train(rows, model, out, options, story)


def _train(rows: list[dict[str, Any]], base: Path, out: Path, options: Distill, story: Story) -> dict[str, Any]:
    import torch
    from transformers import set_seed

    from mgrd.distill import examples as ex
    from mgrd.distill import saving, training
    from mgrd.distill.batches import padding
    from mgrd.engines.models import load_audio_lm
    from mgrd.engines.window import short_window

    started = time.monotonic()
    set_seed(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Full training needs fp32 weights under bf16 autocast; frozen ones may be bf16, which halves a 7B model's memory.
    dtype = torch.bfloat16 if options.lora and device == "cuda" and training.precision() == "bf16" else torch.float32
    model, processor = load_audio_lm(base, dtype)
    kept, left_out, longest_s = ex.hearable(rows, processor)
    with short_window(model, processor, longest_s) as padded:
        ears = ex.Ears(processor, padded)
        examples, too_long = ex.encode(kept, model, ears, options.train_prompt, story)
        left_out = sorted(left_out + too_long, key=lambda one: one.trace_id)
        for one in left_out[:TOLD]:
            story.note(f"trace {one.trace_id} is left out: {one.why}")
        if not examples:
            raise MgrdError(f"no survivors to distill: all {len(rows)} are too long, e.g. {left_out[0].why}")
        story.note(f"Distilling {len(examples):,} traces, {len(left_out):,} left out as too long")
        model = training.prepare(model.to(device), options)
        training.try_longest(model, examples, ears)
        trained = training.train(model, examples, ears, options, out / "checkpoints", story)
    tenth = max(1, len(trained.losses) // 10)
    figures = {
        "traces": len(examples),
        "left_out": len(left_out),
        "steps": len(trained.losses),
        "epochs": options.epochs,
        "loss_first": round(sum(trained.losses[:tenth]) / tenth, 4),
        "loss_last": round(sum(trained.losses[-tenth:]) / tenth, 4),
        "target_tokens": sum(len(example.target_ids) for example in examples),
        "padding": round(padding([example.length for example in examples], options), 4),
        "parameters": trained.parameters,
        "trainable": trained.trainable,
        "precision": training.precision(),
        "seconds": round(time.monotonic() - started, 1),
        "losses": trained.losses,
        "left_out_traces": [asdict(one) for one in left_out],
    }
    tables.write_json(figures, out / FIGURES)
    saving.save_model(trained.model, base, out / "model")  # last, so a model that is there is finished
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    return _figures(out)


def _figures(out: Path) -> dict[str, Any]:
    figures = dict(tables.read_json(out / FIGURES))
    return {name: value for name, value in figures.items() if not isinstance(value, list)}
