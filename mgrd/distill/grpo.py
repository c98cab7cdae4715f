"""A model that samples, is rewarded and learns from it: group-relative policy optimization (arXiv 2402.03300).

As published for Step-Audio-R1 (arXiv 2511.15848, sections 3.2 and 4.3): questions of medium difficulty, 0.8 for the
answer and 0.2 for the reasoning, no penalty for straying from a reference, a clip of 0.2; their PPO has a critic, here
a question's samples judge each other. An advantage is the reward less the mean of its group and is not divided by its
deviation, which would weigh questions that are nearly always or hardly ever solved most (Dr. GRPO, arXiv 2503.20783).
Every token of a step weighs the same (DAPO, arXiv 2503.14476). TRL's GRPOTrainer (1.16) carries no audio.

The transformers engine samples with the very weights that are trained. Several processes share a step's questions and
add their gradients up, so that they make the steps of one process that has the whole batch. Knows nothing about rules.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mgrd import rewards
from mgrd.distill import checks, processes, quantized, rollouts, saving, state, tracking, trial
from mgrd.distill import examples as ex
from mgrd.distill.batches import IGNORED, collate, epoch_order
from mgrd.distill.examples import Ears
from mgrd.distill.questions import Asked
from mgrd.distill.rollouts import Sampled
from mgrd.errors import MgrdError, Stopped
from mgrd.options import Distill
from mgrd.progress import Story, stop

WARMUP_STEPS = 5
"""Steps over which the learning rate rises; then it stays."""
WATCHED = 3
"""Steps whose median think lengths are averaged: the first ones are what later ones are compared with."""
LISTS = {"loss": "losses", "reward": "rewards", "correct": "corrects", "think": "thinks"}
"""Figures of every step, and what they are called in distill.json."""


def train(
    asked: Sequence[Asked], unasked: Mapping[str, int], base: Path, out: Path, options: Distill, story: Story
) -> dict[str, Any]:
    """Train `base` on its own samples of the questions and write `out/model` and the figures, which are returned.

    questions, those of `unasked` (too_easy, too_hard, no_answer), left_out, steps, epochs, samples, unrated (samples
    without a reward), unusable (with an audio placeholder in their text, which cannot be learned from), no_signal
    (questions, in all steps, whose samples all had the same reward: nothing is learned of them), loss (near 0 whatever
    is learned), reward, correct (shares) and think (median tokens) with _first and _last (means over the first and the
    last tenth of the steps), clipped (mean share of tokens), drift (mean difference of a token's log probability
    between sampling and training, in nats), parameters, trainable, precision, seconds; each step's in lists.
    Raises MgrdError when the reasoning collapses: the last checkpoint before that is kept.
    """
    import torch

    from mgrd.distill import loading, training
    from mgrd.engines.transformers import TransformersEngine
    from mgrd.engines.window import short_window

    started = time.monotonic()
    model, processor, device = loading.start(base, options, story)
    options = loading.alone(options, processor, story)
    kept, left_out, longest_s = ex.hearable([one.lesson for one in asked], processor)
    ids = {lesson.lesson_id for lesson in kept}
    asked = [one for one in asked if one.lesson.lesson_id in ids]
    for one in left_out:
        story.note(f"question {one.trace_id} is left out: {one.why}")
    if not asked:
        raise MgrdError(f"no questions to learn from: all are left out, e.g. {left_out[0].why}")
    model = training.prepare(model.to(device), options)
    parameters = checks.parameters(model)
    for row in parameters:
        story.note(f"  {row['check']:<46} {row['found']}")
    engine = TransformersEngine(base, batch=options.batch_size, loaded=(model, processor))
    with short_window(model, processor, longest_s) as padded:
        ears = Ears(processor, padded)
        prompts = {one.lesson.lesson_id: rollouts.prompt(one, model, ears) for one in asked}
    heard = checks.audio_tokens(model)
    reward = rewards.published if options.reward == "published" else rewards.grounded
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=options.lr, weight_decay=0.0)
    batches = _batches(len(asked), options)
    folder = out / "checkpoints"
    done, log = state.load(folder, model, optimizer)
    if done:
        story.note(f"going on from step {done}")
    with (
        story.steps("Training", len(batches), "steps") as told,
        tracking.curves(options.report_to, out) as tell,
        stop.interruptible(),
    ):
        told(done)
        for step in range(done, len(batches)):
            those = [asked[number] for number in batches[step][processes.rank() :: processes.count()]]
            model.eval()
            texts = rollouts.sample(engine, those, step, options)
            if _stopped(device):
                _save_and_stop(folder, step, model, optimizer, log, len(batches))
            made, figures = rollouts.rewarded(those, texts, prompts, reward, processor.tokenizer, heard)
            length = figures["think"]
            if _collapsed([*(entry["think"] for entry in log), length], options.collapse):
                kept_at = state.newest(folder)
                raise MgrdError(
                    f"the reasoning collapsed: its median fell to {length:g} tokens at step {step + 1}, from "
                    f"{_started(log):g}; {kept_at or 'no checkpoint'} is the last one before that; lower --lr, or "
                    "--collapse to allow it"
                )
            for settings in optimizer.param_groups:
                settings["lr"] = options.lr * min(1.0, (step + 1) / WARMUP_STEPS)
            with short_window(model, processor, longest_s):
                figures |= _update(model, made, ears, optimizer, learned, options)
            log.append(figures)
            told()
            tell(step + 1, figures)
            if (step + 1) % options.save_steps == 0 or step + 1 == len(batches):
                _save(folder, step + 1, model, optimizer, log)
            if _stopped(device) and step + 1 < len(batches):
                _save_and_stop(folder, step + 1, model, optimizer, log, len(batches))
    first = min((one for one in asked), key=lambda one: one.lesson.lesson_id)
    found: dict[str, Any] = {
        "questions": len(asked),
        **unasked,
        "left_out": len(left_out),
        "steps": len(log),
        "epochs": options.epochs,
        **{name: int(sum(entry[name] for entry in log)) for name in ("samples", "unrated", "unusable", "no_signal")},
        **_ends(log, ("loss", "reward", "correct", "think")),
        **{name: round(statistics.fmean(entry[name] for entry in log), 5) for name in ("clipped", "drift")},
        "parameters": sum(quantized.size(parameter) for parameter in model.parameters()),
        "trainable": sum(parameter.numel() for parameter in learned),
        "precision": training.precision(),
        "seconds": round(time.monotonic() - started, 1),
        **{many: [entry[name] for entry in log] for name, many in LISTS.items()},
        "checks": parameters,
        "left_out_traces": [asdict(one) for one in left_out],
    }
    engine.close()
    del optimizer  # its moments are twice the weights, where the new model is tried
    return saving.finish(model, found, base, out, first.lesson, trial.TOKENS, story, options)


def clipped(new: Any, old: Any, advantage: Any, low: float, high: float) -> Any:
    """What each token costs: PPO's clipped surrogate (arXiv 1707.06347, equation 7), shapes alike, logs in nats."""
    import torch

    ratio = torch.exp(new - old)
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)


def _batches(count: int, options: Distill) -> list[list[int]]:
    """Numbers of the questions of each step, of all processes: every epoch all of them, in an order of its own."""
    found: list[list[int]] = []
    batch = options.batch_size * processes.count()
    for epoch in range(max(1, round(options.epochs))):
        order = list(epoch_order([1] * count, batch, options.seed, epoch))
        found += [order[at : at + batch] for at in range(0, count, batch)]
    return found


def _update(
    model: Any, made: Sequence[Sampled], ears: Ears, optimizer: Any, learned: Sequence[Any], options: Distill
) -> dict[str, float]:
    """Learn from a step's samples, `options.updates` times; returns the first loss and the share clipped at last.

    `made` are those of this process; the gradients and the figures are of all.
    """
    import torch

    from mgrd.distill.training import MAX_GRAD_NORM, precision

    device = next(model.parameters()).device
    told = {"loss": 0.0, "clipped": 0.0, "drift": 0.0}
    (tokens,) = processes.total([float(sum(len(one.example.target_ids) for one in made))], device)
    if not tokens:
        return told
    order = sorted(made, key=lambda one: one.example.length)
    micro = max(1, options.batch_size // options.accumulate)
    groups = [order[at : at + micro] for at in range(0, len(order), micro)]
    olds: list[Any] = []
    for update in range(options.updates):
        outside = 0
        for number, those in enumerate(groups):
            batch = collate([one.example for one in those], ears)
            targets = batch.pop("labels")[:, 1:].to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision() == "bf16"):
                logits = model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits[:, :-1]
            answered = targets != IGNORED
            # of what was drawn from, so that a sample's probability is that under its temperature
            scores = logits[answered].float() / options.temperature
            new = -torch.nn.functional.cross_entropy(scores, targets[answered], reduction="none")
            if update == 0:
                olds.append(new.detach())
                told["drift"] += _drift(logits, targets, those) / tokens
            weights = torch.tensor([one.advantage for one in those], device=device)[answered.nonzero()[:, 0]]
            costs = clipped(new, olds[number], weights, options.clip_low, options.clip_high)
            ratio = (new.detach() - olds[number]).exp()
            outside += int(((ratio < 1 - options.clip_low) | (ratio > 1 + options.clip_high)).sum())
            loss = costs.sum() / tokens
            loss.backward()
            told["loss"] += loss.item() if update == 0 else 0.0
        _add_up(learned)
        norm = torch.nn.utils.clip_grad_norm_(learned, MAX_GRAD_NORM)
        if not torch.isfinite(norm):
            raise MgrdError("the gradient is not finite; lower --lr")
        optimizer.step()
        optimizer.zero_grad()
        told["clipped"] = outside / tokens
    return dict(zip(told, processes.total(list(told.values()), device), strict=True))


def _add_up(learned: Sequence[Any]) -> None:
    """Give every process the sum of all processes' gradients; one without samples has none."""
    if processes.count() == 1:
        return
    import torch

    for parameter in learned:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        torch.distributed.all_reduce(parameter.grad)


def _drift(logits: Any, targets: Any, those: Sequence[Sampled]) -> float:
    """By how much the samples' log probabilities differ from those they were drawn with; a sum, in nats."""
    import torch

    answered = targets != IGNORED
    each = -torch.nn.functional.cross_entropy(logits.detach()[answered].float(), targets[answered], reduction="none")
    sums = torch.zeros(len(those), device=each.device).index_add(0, answered.nonzero()[:, 0], each)
    return float(sum(abs(found - one.logprob) for found, one in zip(sums.tolist(), those, strict=True)))


def _started(log: Sequence[Mapping[str, float]]) -> float:
    return statistics.fmean(entry["think"] for entry in log[:WATCHED])


def _collapsed(lengths: Sequence[float], share: float) -> bool:
    """Whether the last steps' median think lengths are below this share of the first steps'."""
    if len(lengths) < 2 * WATCHED:
        return False
    return statistics.fmean(lengths[-WATCHED:]) < share * statistics.fmean(lengths[:WATCHED])


def _ends(log: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, float]:
    tenth = max(1, len(log) // 10)
    ends = (("first", log[:tenth]), ("last", log[-tenth:]))
    return {
        f"{name}_{end}": round(statistics.fmean(entry[name] for entry in part), 4)
        for name in names
        for end, part in ends
    }


def _stopped(device: Any) -> bool:
    """Whether any process was asked to stop: a signal may reach one alone, and all must stop at the same step."""
    return processes.total([float(bool(stop))], device)[0] > 0


def _save(folder: Path, step: int, model: Any, optimizer: Any, log: list[dict[str, float]]) -> None:
    """Write a checkpoint; the first process does."""
    if processes.is_first():
        state.save(folder, step, model, optimizer, log)
    processes.wait()


def _save_and_stop(
    folder: Path, step: int, model: Any, optimizer: Any, log: list[dict[str, float]], steps: int
) -> None:
    """Raise what a stop is, with a checkpoint saved."""
    _save(folder, step, model, optimizer, log)
    if stop.signal_name == "SIGINT":
        raise KeyboardInterrupt
    raise Stopped(
        f"stopped by {stop.signal_name or 'another process'} at step {step} of {steps}; a checkpoint is saved, the "
        "same command goes on"
    )
