"""The rules as a reward for reinforcement learning: `published` and `grounded` for TRL, `compute_score` for verl.

`published` is 0.8 for a right answer and 0.2 for reasoning that is there (Step-Audio-R1, arXiv 2511.15848, section 4.3,
equation 7). `grounded` gives the 0.2 only for reasoning to which no acoustic and no logic check objects, so that a
fluent text about words earns what no text earns. Nothing is asked of a model. What is right is mgrd.answers' to say: a
public benchmark's blind spots (`--matcher`) would be learned as answers. A sample whose answer nobody knows, or
whose clip cannot be read, has no reward: None for TRL, which leaves it out; 0 and `rated` 0 for verl.

Knows nothing about trainers: examples/rewards shows how each is given these functions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from mgrd import rulebook
from mgrd.answers import is_correct, resolve
from mgrd.errors import InputError
from mgrd.heard import check_table, clips_of, measured
from mgrd.rulebook import Check, Trace, verified_claims
from mgrd.traces import blocks, split

_LOG = logging.getLogger(__name__)

CORRECT, REASONING = 0.8, 0.2
"""Step-Audio-R1, equation 7."""

FAMILIES = ("acoustic", "logic")
"""The rules that reasoning must pass to count as grounded; the answer has a term of its own."""

Columns: TypeAlias = Mapping[str, Any]
Completion: TypeAlias = str | Sequence[Mapping[str, Any]]
"""Text, or a conversation whose last message is the model's."""
Reward = Callable[..., list[float | None]]


@dataclass(frozen=True, slots=True)
class Rated:
    """One completion, rated."""

    correct: bool | None
    """None when nobody knows the answer."""
    reasoning: bool
    """Whether there is any: a think block that is closed and not empty."""
    grounded: bool | None = None
    """Whether no acoustic and no logic check objects to it; None when a clip cannot be read, or nobody asked."""
    why: str | None = None
    """The first objection, or why there is no reward."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """What decides whether reasoning is grounded: the checks, and where clips and their measurements lie."""

    checks: tuple[Check, ...]
    audio_root: Path | None
    measurements: Path | None


def published(
    completions: Sequence[Completion], *, answer: Sequence[Any] | None = None, **columns: Any
) -> list[float | None]:
    """For TRL: 0.8 for the right answer, 0.2 for reasoning; give it to `GRPOTrainer(reward_funcs=...)` as it is.

    Columns of the data set: `answer` (None where nobody knows it), and `choices` for questions that have some.
    """
    rows = _rows(completions, {"answer": _given(answer, "answer"), **columns})
    rated = [_rated(text, row, None) for text, row in rows]
    return _told(
        "published",
        [None if one.correct is None else _sum(one.correct, one.reasoning) for one in rated],
        rated,
        columns,
    )


def grounded(
    completions: Sequence[Completion],
    *,
    answer: Sequence[Any] | None = None,
    audio: Sequence[Any] | None = None,
    **columns: Any,
) -> list[float | None]:
    """For TRL: 0.8 for the right answer, 0.2 for reasoning to which no acoustic and no logic check objects.

    Columns as for `published`, and `audio`: a path, encoded bytes (`{"bytes": ...}`), decoded samples (`{"array": ...,
    "sampling_rate": ...}`), a decoder of `datasets`, or a list of these; optionally `question`, `task` and `language`.
    """
    return _grounded(completions, answer, audio, columns, grounding())


def grounded_with(
    *,
    audio_root: str | None = None,
    measurements: str | None = None,
    rules: str | None = None,
    without: Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Reward:
    """`grounded` with settings: `grounded_with(audio_root="clips")` is a reward function, which is called `grounded`.

    `audio_root` is what audio paths are relative to; `measurements` a table that `mgrd measure` or `filter` wrote,
    which is read and never written. `rules`, `without` and `options` (by check) as for mgrd.rulebook.load.
    """
    how = _grounding(audio_root, measurements, rules, without, options)

    def grounded(
        completions: Sequence[Completion],
        *,
        answer: Sequence[Any] | None = None,
        audio: Sequence[Any] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        return _grounded(completions, answer, audio, columns, how)

    return grounded


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Columns | None = None, **_: Any
) -> dict[str, float]:
    """For verl, as `published`: `score`, and what it is made of. `extra_info` may hold `choices`."""
    one = _rated(solution_str, {**(extra_info or {}), "answer": ground_truth}, None)
    return _scores(one, one.reasoning)


def compute_grounded_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Columns | None = None,
    *,
    audio_root: str | None = None,
    measurements: str | None = None,
    **_: Any,
) -> dict[str, float]:
    """For verl, as `grounded`; `extra_info` holds `audio`, and may hold `choices`, `question`, `task`, `language`.

    `audio_root` and `measurements` as for `grounded_with`, from `custom_reward_function.reward_kwargs`.
    """
    if (extra_info or {}).get("audio") is None:
        raise InputError("the sample has no extra_info['audio'], so nothing can be grounded in it")
    how = grounding(audio_root, measurements)
    one = _rated(solution_str, {**(extra_info or {}), "answer": ground_truth}, how)
    return {**_scores(one, bool(one.grounded), rated=one.grounded is not None), "grounded": float(bool(one.grounded))}


@lru_cache(maxsize=8)
def grounding(audio_root: str | None = None, measurements: str | None = None) -> Grounding:
    """The built-in acoustic and logic checks."""
    return _grounding(audio_root, measurements)


def _grounding(
    audio_root: str | None,
    measurements: str | None,
    rules: str | None = None,
    without: Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Grounding:
    folders = [Path(rules)] if rules else []
    checks = rulebook.load(folders, without=without, options=options)
    if audio_root is not None and not Path(audio_root).is_dir():
        raise InputError(f"{audio_root}: no such folder of audio")
    if measurements is not None:
        check_table(Path(measurements))
    return Grounding(
        tuple(check for check in checks if check.rule in FAMILIES),
        Path(audio_root) if audio_root else None,
        Path(measurements) if measurements else None,
    )


def _grounded(
    completions: Sequence[Completion], answer: Any, audio: Any, columns: Columns, how: Grounding
) -> list[float | None]:
    given = {"answer": _given(answer, "answer"), "audio": _given(audio, "audio"), **columns}
    rated = [_rated(text, row, how) for text, row in _rows(completions, given)]
    rewards = [
        None if one.correct is None or one.grounded is None else _sum(one.correct, one.grounded) for one in rated
    ]
    return _told("grounded", rewards, rated, columns)


def _given(values: Sequence[Any] | None, name: str) -> Sequence[Any]:
    if values is None:
        raise InputError(f"the data set has no column {name}, which this reward needs")
    return values


def _rows(completions: Sequence[Completion], columns: Columns) -> list[tuple[str, dict[str, Any]]]:
    """Each completion as text, with its own values of the columns that matter."""
    names = [
        name for name in ("answer", "choices", "audio", "question", "task", "language") if columns.get(name) is not None
    ]
    for name in names:
        if (n := len(columns[name])) != len(completions):
            raise InputError(f"column {name} has {n} values for {len(completions)} completions; give one for each")
    return [(_text(one), {name: columns[name][place] for name in names}) for place, one in enumerate(completions)]


def _text(completion: Completion) -> str:
    """The completion as it was sampled, also when the trainer has parsed the reasoning out of the message."""
    if isinstance(completion, str):
        return completion
    message = completion[-1] if completion else {}
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "".join(part.get("text") or "" for part in content)
    reasoning = message.get("reasoning_content") or message.get("thinking")
    return f"<think>\n{reasoning}\n</think>\n{content}" if reasoning else content


def _rated(text: str, row: Columns, how: Grounding | None) -> Rated:
    think, response = split(text)
    answer = _word(row.get("answer"))
    given = row.get("choices")
    if isinstance(given, str):
        raise InputError(f"choices is the text {given[:40]!r}; give a list of choices, or None for an open question")
    choices = None if given is None else [str(choice) for choice in given] or None
    resolved = resolve(response, choices, answer)
    correct = is_correct(resolved.value, answer, choices)
    reasoning = bool(think) and blocks(text)[1] > 0
    why = "nobody knows the answer" if correct is None else None
    if how is None:
        return Rated(correct, reasoning, why=why)
    try:
        readings = measured(clips_of(row.get("audio")), how.audio_root, how.measurements)
    except InputError as error:
        return Rated(correct, reasoning, why=str(error))
    if not reasoning:
        return Rated(correct, reasoning, grounded=False, why=why or "there is no reasoning")
    trace = Trace(
        id="sample",
        think=think,
        response=response,
        completion=text,
        question=_word(row.get("question")) or "",
        choices=choices,
        answer=answer,
        task=_word(row.get("task")),
        language=_word(row.get("language")),
        predicted=resolved.value,
        unresolved=resolved.why if resolved.value is None else None,
        correct=correct,
        finish_reason=None,  # a trainer does not say
        claims=verified_claims(think, readings),
        measurements=readings,
        heard_s=[one.duration_s for one in readings],
    )
    objections = ((check.name, check(trace)) for check in how.checks)  # the first will do
    told = next((f"{name}: {reason}" for name, reason in objections if reason is not None), None)
    return Rated(correct, reasoning, grounded=told is None, why=why or told)


def _word(value: Any) -> str | None:
    return None if value is None else str(value)


def _sum(correct: bool, second: bool) -> float:
    return round(CORRECT * correct + REASONING * second, 6)


def _scores(one: Rated, second: bool, *, rated: bool = True) -> dict[str, float]:
    rated = rated and one.correct is not None
    return {
        "score": _sum(bool(one.correct), second) if rated else 0.0,
        "acc": float(bool(one.correct)),
        "reasoning": float(one.reasoning),
        "rated": float(rated),
    }


def _told(name: str, rewards: list[float | None], rated: Sequence[Rated], columns: Columns) -> list[float | None]:
    """The rewards, after telling the trainer what they are made of, where it listens."""
    if rated and all(one.grounded is None for one in rated) and name == "grounded":
        _LOG.warning("no sample of this batch has a reward; the first one: %s", next(one.why for one in rated))
    if log_metric := columns.get("log_metric"):
        n = max(len(rated), 1)
        log_metric(f"mgrd/{name}/correct", sum(one.correct is True for one in rated) / n)
        log_metric(f"mgrd/{name}/reasoning", sum(one.reasoning for one in rated) / n)
        if name == "grounded":
            log_metric(f"mgrd/{name}/grounded", sum(one.grounded is True for one in rated) / n)
        log_metric(f"mgrd/{name}/unrated", sum(reward is None for reward in rewards) / n)
    if log_extra := columns.get("log_extra"):
        log_extra(f"mgrd/{name}", [one.why or "" for one in rated])
    return rewards
