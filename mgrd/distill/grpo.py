"""A model that samples, is rewarded and learns from it: group-relative policy optimization (arXiv 2402.03300).

As published for Step-Audio-R1 (arXiv 2511.15848, sections 3.2 and 4.3): questions of medium difficulty, 0.8 for the
answer and 0.2 for the reasoning, no penalty for straying from a reference, a clip of 0.2; their PPO has a critic, here
a question's samples judge each other. An advantage is the reward less the mean of its group and is not divided by its
deviation, which would weigh questions that are nearly always or hardly ever solved most (Dr. GRPO, arXiv 2503.20783).
Every token of a step weighs the same (DAPO, arXiv 2503.14476). TRL's GRPOTrainer (1.16) carries no audio.

One process; the transformers engine samples with the very weights that are trained. Knows nothing about rules.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mgrd import rewards
from mgrd.distill import checks, questions, saving, state
from mgrd.distill import examples as ex
from mgrd.distill.batches import IGNORED, collate, epoch_order
from mgrd.distill.examples import Ears, Example
from mgrd.distill.lessons import group
from mgrd.distill.questions import Asked
from mgrd.errors import MgrdError, Stopped
from mgrd.options import Distill
from mgrd.progress import Story, stop
from mgrd.traces import split

WARMUP_STEPS = 5
"""Steps over which the learning rate rises; then it stays."""
WATCHED = 3
"""Steps whose median think lengths are averaged: the first ones are what later ones are compared with."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """One rewarded sample."""

    example: Example
    advantage: float
    """Its reward less the mean of its question's samples."""
    logprob: float
    """Of its tokens when they were drawn, at temperature 1, in nats."""


def train(
    asked: Sequence[Asked], unasked: Mapping[str, int], base: Path, out: Path, options: Distill, story: Story
) -> dict[str, Any]:
    """Train `base` on its own samples of the questions and write `out/model` and the figures, which are returned.

    questions, those of `unasked` (too_easy, too_hard, no_answer), left_out, steps, epochs, samples, unrated (samples
    without a reward), unusable (with an audio placeholder in their text, which cannot be learned from), no_signal
    (questions, in all steps, whose samples all had the same reward: nothing is learned of them), reward, correct
    (shares) and think (median tokens) with _first and _last (means over the first and the last tenth of the steps),
    drift (mean difference of a token's log probability between sampling and training, in nats), parameters, trainable,
    precision, seconds.
    Raises MgrdError when the reasoning collapses: the last checkpoint before that is kept.
    """
    import torch

    from mgrd.distill import loading, training
    from mgrd.engines.transformers import TransformersEngine
    from mgrd.engines.window import short_window

    started = time.monotonic()
    model, processor, device = loading.start(base, options)
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
        prompts = {one.lesson.lesson_id: _prompt(one, model, ears) for one in asked}
    heard = checks.audio_tokens(model)
    reward = rewards.published if options.reward == "published" else rewards.grounded
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=options.lr, weight_decay=0.0)
    batches = _batches(len(asked), options)
    folder = out / "checkpoints"
    done, log = state.load(folder, model, optimizer)
    if done:
        story.note(f"going on from step {done}")
    with story.steps("Training", len(batches), "steps") as told, stop.interruptible():
        told(done)
        for step in range(done, len(batches)):
            those = [asked[number] for number in batches[step]]
            model.eval()
            texts = _sample(engine, those, step, options)
            if stop:
                _save_and_stop(folder, step, model, optimizer, log, len(batches))
            made, figures = _rewarded(those, texts, prompts, reward, processor.tokenizer, heard)
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
            if (step + 1) % options.save_steps == 0:
                state.save(folder, step + 1, model, optimizer, log)
            if stop and step + 1 < len(batches):
                _save_and_stop(folder, step + 1, model, optimizer, log, len(batches))
    first = min((one for one in asked), key=lambda one: one.lesson.lesson_id)
    found: dict[str, Any] = {
        "questions": len(asked),
        **unasked,
        "left_out": len(left_out),
        "steps": len(log),
        "epochs": options.epochs,
        **{name: int(sum(entry[name] for entry in log)) for name in ("samples", "unrated", "unusable", "no_signal")},
        **_ends(log, ("reward", "correct", "think")),
        "drift": round(statistics.fmean(entry["drift"] for entry in log), 5),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "trainable": sum(parameter.numel() for parameter in learned),
        "precision": training.precision(),
        "seconds": round(time.monotonic() - started, 1),
        "log": log,
        "checks": parameters,
        "left_out_traces": [asdict(one) for one in left_out],
    }
    engine.close()
    return saving.finish(model, found, base, out, first.lesson, saving.TRIED_TOKENS, story, options)


def advantages(rewarded: Sequence[float | None]) -> list[float | None]:
    """Rewards of one question's samples less their mean; None stays None and counts for nothing."""
    known = [reward for reward in rewarded if reward is not None]
    mean = statistics.fmean(known) if known else 0.0
    return [None if reward is None else reward - mean for reward in rewarded]


def clipped(new: Any, old: Any, advantage: Any, low: float, high: float) -> Any:
    """What each token costs: PPO's clipped surrogate (arXiv 1707.06347, equation 7), shapes alike, logs in nats."""
    import torch

    ratio = torch.exp(new - old)
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)


def _batches(count: int, options: Distill) -> list[list[int]]:
    """Numbers of the questions of each step: every epoch all of them, in an order of its own."""
    found: list[list[int]] = []
    epochs = max(1, round(options.epochs))
    for epoch in range(epochs):
        order = list(epoch_order([1] * count, options.batch_size, options.seed, epoch))
        found += [order[at : at + options.batch_size] for at in range(0, count, options.batch_size)]
    return found


def _prompt(one: Asked, model: Any, ears: Ears) -> Example:
    """The question's prompt as tokens, without a target."""
    lesson = one.lesson
    prompt = ex.render(ears.processor, lesson.turns)
    ids = ears.hear(prompt, lesson.files, lesson.shas)
    n_features = checks.check_prompt(lesson.where, ids, ears.features(prompt, lesson.files), model)
    return Example(lesson.lesson_id, prompt, lesson.files, ids, [], group(lesson), n_features)


def _sample(engine: Any, those: Sequence[Asked], step: int, options: Distill) -> dict[str, list[Any]]:
    """The completions of each question; the seeds depend on the step and the question alone."""
    from mgrd.audio.load import load
    from mgrd.engines import Request, Sampling

    found: dict[str, list[Any]] = {one.lesson.lesson_id: [] for one in those}
    requests = []
    for one in those:
        first = questions.seed(options.seed, step, one.lesson.lesson_id)
        seeds = {number: (first + number) % 2**32 for number in range(options.samples)}
        clips = [load(file).mono(engine.sr) for file in one.lesson.files]
        text = one.lesson.turns[-1].text
        requests.append(Request(one.lesson.lesson_id, text, clips, list(one.lesson.names), seeds))
    sampling = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    for completion in engine.sample(requests, sampling):
        if completion.error is not None:
            raise MgrdError(f"question {completion.error}; leave it out and rerun")
        found[completion.key].append(completion)
    return found


def _rewarded(
    those: Sequence[Asked],
    texts: Mapping[str, Sequence[Any]],
    prompts: Mapping[str, Example],
    reward: Any,
    tokenizer: Any,
    heard: set[int],
) -> tuple[list[Sampled], dict[str, float]]:
    """The samples that something can be learned from, and what is told of the step."""
    made: list[Sampled] = []
    rewarded: list[float] = []
    lengths: list[int] = []
    unrated = unusable = no_signal = correct = 0
    for one in those:
        completions = texts[one.lesson.lesson_id]
        columns = {name: [value] * len(completions) for name, value in one.columns.items()}
        found = reward([completion.text for completion in completions], **columns)
        gained = advantages(found)
        rewarded += [value for value in found if value is not None]
        correct += sum(value is not None and value >= rewards.CORRECT for value in found)
        unrated += sum(value is None for value in found)
        no_signal += not any(gained)
        lengths += [len(tokenizer(split(completion.text)[0])["input_ids"]) for completion in completions]
        for completion, advantage in zip(completions, gained, strict=True):
            if not heard.isdisjoint(completion.tokens):
                unusable += 1  # in the place of such a token the model would want to hear something
            elif advantage:
                example = replace(prompts[one.lesson.lesson_id], target_ids=list(completion.tokens))
                made.append(Sampled(example, advantage, completion.logprob))
    samples = sum(map(len, texts.values()))
    return made, {
        "samples": samples,
        "unrated": unrated,
        "unusable": unusable,
        "no_signal": no_signal,
        "reward": statistics.fmean(rewarded) if rewarded else 0.0,
        "correct": correct / max(len(rewarded), 1),
        "think": float(statistics.median(lengths)),
    }


def _update(
    model: Any, made: Sequence[Sampled], ears: Ears, optimizer: Any, learned: Sequence[Any], options: Distill
) -> dict[str, float]:
    """Learn from a step's samples, `options.updates` times; returns the first loss and the share clipped at last."""
    import torch

    from mgrd.distill.training import MAX_GRAD_NORM, precision

    if not made:
        return {"loss": 0.0, "clipped": 0.0, "drift": 0.0}
    device = next(model.parameters()).device
    order = sorted(made, key=lambda one: one.example.length)
    micro = max(1, options.batch_size // options.accumulate)
    groups = [order[at : at + micro] for at in range(0, len(order), micro)]
    tokens = sum(len(one.example.target_ids) for one in made)
    olds: list[Any] = []
    told = {"loss": 0.0, "clipped": 0.0, "drift": 0.0}
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
        norm = torch.nn.utils.clip_grad_norm_(learned, MAX_GRAD_NORM)
        if not torch.isfinite(norm):
            raise MgrdError("the gradient is not finite; lower --lr")
        optimizer.step()
        optimizer.zero_grad()
        told["clipped"] = outside / tokens
    return told


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


def _save_and_stop(
    folder: Path, step: int, model: Any, optimizer: Any, log: list[dict[str, float]], steps: int
) -> None:
    """Raise what a stop is, with a checkpoint saved."""
    state.save(folder, step, model, optimizer, log)
    if stop.signal_name == "SIGINT":
        raise KeyboardInterrupt
    raise Stopped(
        f"stopped by {stop.signal_name} at step {step} of {steps}; a checkpoint is saved, the same command goes on"
    )
