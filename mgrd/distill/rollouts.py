"""Questions in, rewarded samples of the model that is trained out: what GRPO learns of one step.

Each of several processes samples questions of its own; what is told of a step is of all. Knows nothing about losses.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mgrd import rewards
from mgrd.distill import checks, processes, questions
from mgrd.distill import examples as ex
from mgrd.distill.examples import Ears, Example
from mgrd.distill.lessons import group
from mgrd.distill.questions import Asked
from mgrd.errors import MgrdError
from mgrd.options import Distill
from mgrd.traces import split


@dataclass(frozen=True, slots=True)
class Sampled:
    """One rewarded sample."""

    example: Example
    advantage: float
    """Its reward less the mean of its question's samples."""
    logprob: float
    """Of its tokens when they were drawn, at temperature 1, in nats."""


def prompt(one: Asked, model: Any, ears: Ears) -> Example:
    """The question's prompt as tokens, without a target."""
    lesson = one.lesson
    text = ex.render(ears.processor, lesson.turns)
    ids = ears.hear(text, lesson.files, lesson.shas)
    n_features = checks.check_prompt(lesson.where, ids, ears.features(text, lesson.files), model)
    return Example(lesson.lesson_id, text, lesson.files, ids, [], group(lesson), n_features)


def sample(engine: Any, those: Sequence[Asked], step: int, options: Distill) -> dict[str, list[Any]]:
    """The completions of each question, by its id; the seeds depend on the step and the question alone."""
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


def rewarded(
    those: Sequence[Asked],
    texts: Mapping[str, Sequence[Any]],
    prompts: Mapping[str, Example],
    reward: Any,
    tokenizer: Any,
    heard: set[int],
) -> tuple[list[Sampled], dict[str, float]]:
    """The samples of this process that something can be learned from, and what is told of the step, of all processes.

    Told are counts (samples, unrated, unusable, no_signal), means of reward and correct, and the median of think
    (tokens). `heard` are the audio placeholders' tokens.
    """
    made: list[Sampled] = []
    found: dict[str, list[float]] = {name: [] for name in ("reward", "correct", "think", "unusable", "no_signal")}
    for one in those:
        completions = texts[one.lesson.lesson_id]
        columns = {name: [value] * len(completions) for name, value in one.columns.items()}
        gained = reward([completion.text for completion in completions], **columns)
        better = advantages(gained)
        known = [value for value in gained if value is not None]
        found["reward"] += known
        found["correct"] += [float(value >= rewards.CORRECT) for value in known]
        found["no_signal"].append(float(not any(better)))
        for completion, advantage in zip(completions, better, strict=True):
            found["think"].append(float(len(tokenizer(split(completion.text)[0])["input_ids"])))
            # in the place of such a token the model would want to hear something
            unusable = not heard.isdisjoint(completion.tokens)
            found["unusable"].append(float(unusable))
            if advantage and not unusable:
                example = replace(prompts[one.lesson.lesson_id], target_ids=list(completion.tokens))
                made.append(Sampled(example, advantage, completion.logprob))
    found = _of_all(found)
    return made, {
        "samples": len(found["think"]),
        "unrated": len(found["think"]) - len(found["reward"]),
        "unusable": sum(found["unusable"]),
        "no_signal": sum(found["no_signal"]),
        "reward": statistics.fmean(found["reward"] or [0.0]),
        "correct": statistics.fmean(found["correct"] or [0.0]),
        "think": statistics.median(found["think"]),
    }


def advantages(given: Sequence[float | None]) -> list[float | None]:
    """Rewards of one question's samples less their mean; None stays None and counts for nothing."""
    known = [reward for reward in given if reward is not None]
    mean = statistics.fmean(known) if known else 0.0
    return [None if reward is None else reward - mean for reward in given]


def _of_all(found: dict[str, list[float]]) -> dict[str, list[float]]:
    """The lists of all processes, one after the other."""
    if processes.count() == 1:
        return found
    import torch

    each: list[Any] = [None] * processes.count()
    torch.distributed.all_gather_object(each, found)
    return {name: [value for one in each for value in one[name]] for name in found}
