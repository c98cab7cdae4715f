"""Stage 3: fine-tune a model on the traces that survived, beside replayed data, or on such data alone.

Everything that can be wrong with what is trained on is found before the first step. A stopped job goes on from its last
checkpoint; the model appears whole or not at all. Knows nothing about rules or about how traces were sampled.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from mgrd import folders
from mgrd.distill import lessons, pairs, processes, questions, tracking, trial
from mgrd.distill.lessons import Lesson
from mgrd.distill.replay import read_replay, taken
from mgrd.distill.survivors import TABLE as SURVIVORS
from mgrd.distill.survivors import content_hash, read, tell_later
from mgrd.errors import MgrdError, MisusedError
from mgrd.options import VLLM, Distill
from mgrd.progress import Story

OBJECTIVES = {
    **dict.fromkeys(("rejected_for", "pairs_per_question", "beta"), ("dpo",)),
    **dict.fromkeys(("reward", "pass_rate", "samples", "temperature", "max_tokens", "updates"), ("grpo",)),
    **dict.fromkeys(("clip_low", "clip_high", "collapse"), ("grpo",)),
    **dict.fromkeys(("held_out_share", "patience", "max_length", "gradient_checkpointing"), ("sft", "dpo")),
    **dict.fromkeys(("replay", "replay_ratio", "empty_think_ratio"), ("sft",)),
}
"""Options that only some objectives have."""

_HOW = ("accumulate", "gradient_checkpointing", "report_to", "save_steps", "engine", "engine_python", *VLLM, "replay")
"""Options that say how a job runs, not what it makes; what is replayed is known by its content."""

TOLD = 5
"""Traces that are named on stderr when they are left out; the others are in distill.json."""


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

    `options.replay` is trained on beside them, or alone. Every process of a launcher calls this; the first one writes.
    Returns figures: traces (of all sources), replayed, empty_think, held_out, left_out, steps, epochs, loss_first and
    loss_last (mean per target token over the first and the last tenth of the steps), loss_held_out (of the weights that
    were kept; null without), target_tokens (per epoch), padding (share of the tokens computed), parameters, trainable,
    precision, seconds. Of `dpo` and `grpo` see `train` of these modules. A model that is there already, made of the
    same, is not made again.
    Raises MgrdError when there is nothing to train on, InputError for a trace or a model folder that is not as it
    should be, and Stopped after SIGTERM or KeyboardInterrupt after Ctrl-C, with a checkpoint saved.
    """
    story = story if story and processes.is_first() else Story(quiet=not processes.is_first())
    check_options(options)
    identity = _identity(options)
    from mgrd.distill import dpo, grpo, loading, quantized, saving
    from mgrd.engines.models import model_fingerprint

    tracking.check(options.report_to)
    if options.qlora:
        quantized.check()
    processes.join()
    tell_later(survivors, "judged" if options.objective == "grpo" else SURVIVORS, story)
    rows = read(survivors, audio_root, ("question_id",)) if survivors and options.objective != "grpo" else []
    made = pairs.make(survivors, rows, options) if options.objective == "dpo" else None
    asked, unasked = questions.medium(survivors, audio_root, options) if options.objective == "grpo" else ([], {})
    replayed = read_replay(Path(options.replay), audio_root) if options.replay else []
    if not (out / "model").is_dir():
        loading.check(model)  # before anything is written
        if processes.is_first():
            trial.check(model, options)
    identity |= {"model": model_fingerprint(model), "survivors": content_hash(rows)}
    identity |= {"pairs": pairs.content_hash(made.pairs)} if made else {}
    identity |= {"questions": questions.content_hash(asked)} if asked else {}
    identity |= {"replay": lessons.content_hash(replayed)} if replayed else {}
    if processes.is_first():
        folders.open_stage(out, "distill", identity, overwrite=overwrite, story=story)
    processes.wait()
    if (out / "model").is_dir():
        story.note(f"{out / 'model'} is complete")
        return saving.told(out)
    if made:
        return dpo.train(made, model, out, options, story)
    if asked:
        return grpo.train(asked, unasked, model, out, options, story)
    chosen = taken(replayed, len(rows), options)
    if replayed:
        story.note(_told_replay(replayed, chosen))
    return _train([*lessons.of_survivors(rows, options.train_prompt), *chosen], model, out, options, story)


def check_options(options: Distill) -> None:
    """Raise MisusedError for what the options alone, and the launcher, show to be wrong."""
    default = Distill()
    for name, those in OBJECTIVES.items():
        if options.objective not in those and getattr(options, name) != getattr(default, name):
            raise MisusedError(f"--{name.replace('_', '-')}: goes with --objective {' or '.join(those)}")
    if options.batch_size % options.accumulate:
        raise MisusedError(f"--accumulate {options.accumulate}: must divide --batch-size {options.batch_size}")
    if options.qlora and options.lora is None:
        raise MisusedError("--qlora: needs --lora R; weights of 4 bits are not trained, adapters on them are")
    if options.patience is not None and not options.held_out_share:
        raise MisusedError(f"--patience {options.patience}: needs --held-out-share, there is no held-out loss")
    pairs.reasons(options.rejected_for)
    trial.check_options(options)
    if processes.splits() and (options.objective != "sft" or options.qlora):
        which = "--qlora" if options.qlora else f"--objective {options.objective}"
        raise MisusedError(f"{which}: does not go with FSDP; use examples/accelerate/ddp.yaml")


def _identity(options: Distill) -> dict[str, Any]:
    """The options that say what is made."""
    others = {name for name, those in OBJECTIVES.items() if options.objective not in those}
    found = {name: value for name, value in asdict(options).items() if name not in {*_HOW, *others}}
    return found | {"batch_size": options.batch_size * processes.count()}  # of a step, whoever does it


def _told_replay(replayed: Sequence[Lesson], chosen: Sequence[Lesson]) -> str:
    counts = [
        f"{sum(one.source == source for one in chosen):,} of {sum(one.source == source for one in replayed):,} {what}"
        for source, what in (("replay", "rows that reason"), ("empty-think", "rows with an empty think block"))
    ]
    return f"Replaying {' and '.join(counts)}"


def _train(given: list[Lesson], base: Path, out: Path, options: Distill, story: Story) -> dict[str, Any]:
    from mgrd.distill import checks, loading, saving, training
    from mgrd.distill import examples as ex
    from mgrd.distill.batches import held_out, padding
    from mgrd.engines.window import short_window

    started = time.monotonic()
    model, processor, device = loading.start(base, options, story)
    options = loading.alone(options, processor, story)
    kept, left_out, longest_s = ex.hearable(given, processor)
    with short_window(model, processor, longest_s) as padded:
        ears = ex.Ears(processor, padded)
        examples, too_long = ex.encode(kept, model, ears, options.max_length, story)
        left_out = sorted(left_out + too_long, key=lambda one: one.trace_id)
        for one in left_out[:TOLD]:
            story.note(f"{one.trace_id} is left out: {one.why}")
        if not examples:
            raise MgrdError(f"no survivors to distill: all {len(given)} are too long, e.g. {left_out[0].why}")
        story.note(f"Distilling {len(examples):,} traces, {len(left_out):,} left out as too long")
        learned, aside = held_out(examples, options.held_out_share, options.seed)
        split = processes.splits()  # then each layer goes to its device when it is split, never the whole model
        model = training.prepare(model if split else model.to(device), options)
        look = partial(training.try_longest, examples=examples, ears=ears)
        if not split:
            look(model)
        found = [*checks.report(examples, left_out, model, processor), *checks.parameters(model)]
        for row in found:
            story.note(f"  {row['check']:<46} {row['found']}")
        write = training.WRITE
        trained = training.train(model, learned, aside, ears, options, out, story, write, look if split else None)
    tenth = max(1, len(trained.losses) // 10)
    sources = Counter(lesson.source for lesson in given)
    figures = {
        "traces": len(learned),
        "replayed": sources["replay"],
        "empty_think": sources["empty-think"],
        "held_out": len(aside),
        "left_out": len(left_out),
        "steps": len(trained.losses),
        "epochs": options.epochs,
        "loss_first": round(sum(trained.losses[:tenth]) / tenth, 4),
        "loss_last": round(sum(trained.losses[-tenth:]) / tenth, 4),
        "loss_held_out": round(trained.loss_held_out, 4) if trained.loss_held_out is not None else None,
        "target_tokens": sum(len(example.target_ids) for example in learned),
        "padding": round(padding([example.length for example in learned], options, processes.count()), 4),
        "parameters": trained.parameters,
        "trainable": trained.trainable,
        "precision": training.precision(),
        "seconds": round(time.monotonic() - started, 1),
        "losses": trained.losses,
        "losses_held_out": trained.held_out,
        "checks": found,
        "left_out_traces": [asdict(one) for one in left_out],
    }
    first = min(examples, key=lambda one: (not one.files, one.length))
    asked = next(one for one in kept if one.lesson_id == first.trace_id)
    return saving.finish(trained.model, figures, base, out, asked, len(first.target_ids), story, options)
