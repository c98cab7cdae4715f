"""Judged traces in, preference pairs out: of one question, a trace that survived and one that must not be preferred.

Why a trace is rejected is what the rules object to: it denies hearing (the self-cognition error that Step-Audio-R1
corrects with such pairs, arXiv 2511.15848, section 6.3), the waveform contradicts it, or it is wrong. Which survivor a
trace is paired with depends on their ids and the seed alone. Knows nothing about models or losses.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, tables
from mgrd.distill import lessons
from mgrd.distill.lessons import Lesson
from mgrd.distill.survivors import TABLE as SURVIVORS
from mgrd.errors import MgrdError, MisusedError
from mgrd.options import Distill
from mgrd.traces import blocks, join

REJECTED_FOR = ("denial", "contradicted", "wrong")
"""What a trace can be rejected for."""
TABLE = "pairs.parquet"
COLUMNS: dict[str, pl.DataType] = {
    "question_id": pl.String(),
    "reason": pl.String(),
    "why": pl.String(),
    "chosen_id": pl.String(),
    "rejected_id": pl.String(),
    "audio": pl.List(pl.String),
    "question": pl.String(),
    "choices": pl.List(pl.String),
    "prompt": pl.String(),
    "chosen_think": pl.String(),
    "chosen_response": pl.String(),
    "rejected_think": pl.String(),
    "rejected_response": pl.String(),
}

_JUDGED = ("trace_id", "question_id", "audio", "question", "think", "response")
_FATE = ("finish_reason", "error", "control", "passed", "objections")
_CHECKS = {"denial": "hears_audio", "contradicted": "true_to_waveform"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to the same turns about the same clips."""

    question_id: str
    reason: str
    """One of REJECTED_FOR."""
    chosen: Lesson
    rejected: Lesson
    row: dict[str, Any]
    """Its row of COLUMNS."""


@dataclass(frozen=True, slots=True)
class Made:
    """The pairs, and what there was no pair of."""

    pairs: list[Pair]
    counts: dict[str, int]
    """pairs, then those of each reason, questions (that have a pair), no_survivor and nothing_rejected (questions that
    have none), unusable (traces that would be rejected but cannot be learned from), beyond (more than
    `pairs_per_question`)."""
    unusable: dict[str, str]
    """Why, by trace_id."""


def reasons(rejected_for: str) -> list[str]:
    """The reasons of `--rejected-for`, in its order; MisusedError for another word than REJECTED_FOR has."""
    named = [word.strip() for word in rejected_for.split(",")]
    if wrong := [word for word in named if word not in REJECTED_FOR]:
        raise MisusedError(f"--rejected-for {wrong[0]!r}: name some of {','.join(REJECTED_FOR)}, with commas between")
    return list(dict.fromkeys(named))


def reason_of(objections: Sequence[dict[str, str]], wanted: Sequence[str]) -> tuple[str, str] | None:
    """The first wanted reason that objections give, and what they say; None where they give none of them.

    `wrong` is any objection of the rule correctness but that of a question without an answer.
    """
    for reason in wanted:
        for one in objections:
            wrong = one["rule"] == "correctness" and one["check"] != "no_gold"
            if (reason == "wrong" and wrong) or (one["rule"] == "acoustic" and one["check"] == _CHECKS.get(reason)):
                return reason, one["reason"]
    return None


def make(sources: Sequence[Path], survivors: Sequence[dict[str, Any]], options: Distill) -> Made:
    """Pair the survivors (rows of mgrd.distill.survivors.read, with question_id) with judged traces of `sources`.

    Of a question at most `options.pairs_per_question` traces are rejected, each once, of all reasons in turn; each is
    set against the next survivor. Raises MgrdError where that makes no pair.
    """
    wanted = reasons(options.rejected_for)
    survived: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in survivors:
        survived.setdefault(_key(row), []).append(row)
    rejected: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    asked: set[tuple[Any, ...]] = set()
    unusable: dict[str, str] = {}
    for source in sources:
        judged = folders.find(source, SURVIVORS).parent / "judged"
        for part in tables.iter_parts(judged, tables.JUDGED, [*_JUDGED, *_FATE]):
            for row in tables.rows_of(part):
                asked.add(_key(row))
                found = None if row["passed"] else reason_of(row["objections"] or [], wanted)
                if found is None:
                    continue
                if why := _unusable(row, survived.get(_key(row), ())):
                    unusable[row["trace_id"]] = why
                else:
                    given = {"reason": found[0], "why": found[1]}
                    rejected.setdefault(_key(row), []).append({name: row[name] for name in _JUDGED} | given)
    pairs: list[Pair] = []
    beyond = 0
    for key in sorted(survived.keys() & rejected.keys(), key=repr):
        chosen = _shuffled(survived[key], options.seed)
        against = _in_turn(_shuffled(rejected[key], options.seed), wanted)
        beyond += len(against[options.pairs_per_question :])
        for number, row in enumerate(against[: options.pairs_per_question]):
            pairs.append(_pair(chosen[number % len(chosen)], row, options.train_prompt))
    by_reason = Counter(pair.reason for pair in pairs)
    counts = {
        "pairs": len(pairs),
        **{reason: by_reason[reason] for reason in REJECTED_FOR},
        "questions": len({pair.question_id for pair in pairs}),
        "no_survivor": len(asked - survived.keys()),
        "nothing_rejected": len(survived.keys() - rejected.keys()),
        "unusable": len(unusable),
        "beyond": beyond,
    }
    if not pairs:
        raise MgrdError(
            f"no pairs to learn from: of {len(asked)} questions {counts['no_survivor']} have no survivor and "
            f"{counts['nothing_rejected']} no trace that is rejected for {', '.join(wanted)}; sample more"
        )
    return Made(pairs, counts, unusable)


def write(pairs: Sequence[Pair], out: Path) -> None:
    """Write the pairs, one a row, to `out/pairs.parquet`."""
    tables.write_table([pair.row for pair in pairs], out / TABLE, COLUMNS)


def content_hash(pairs: Sequence[Pair]) -> str:
    """Hash of what the pairs say; 32 hex digits."""
    return lessons.content_hash([lesson for pair in pairs for lesson in (pair.chosen, pair.rejected)])


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    """What traces of the same question about the same clips share."""
    return row["question_id"], row["question"], tuple(row["audio"])


def _unusable(row: dict[str, Any], survivors: Sequence[dict[str, Any]]) -> str | None:
    """Why a trace cannot be learned from: the model must have written it whole, having been given its clips."""
    if row["error"] is not None:
        return f"is a failed sample ({row['error']})"
    if row["control"] is not None:
        return f"was sampled under --control {row['control']}"
    if row["finish_reason"] == "length":
        return "was cut at --max-tokens"
    if not (row["response"] or "").strip():
        return "has no response"
    if blocks(join(row["think"] or "", row["response"])) != (1, 1):
        return "has think tags inside its think part or its response"
    if any((row["think"], row["response"]) == (one["think"], one["response"]) for one in survivors):
        return "says what a survivor says, which was judged under other rules"
    return None


def _shuffled(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """In an order that depends on each row's id and the seed."""
    return sorted(rows, key=lambda row: hashlib.blake2b(f"{seed}\n{row['trace_id']}".encode()).digest())


def _in_turn(rows: Sequence[dict[str, Any]], wanted: Sequence[str]) -> list[dict[str, Any]]:
    """One of each reason, then another of each, so that no reason takes all of a question's places."""
    columns = [[row for row in rows if row["reason"] == reason] for reason in wanted]
    return [row for turn in zip_longest(*columns) for row in turn if row is not None]


def _pair(chosen: dict[str, Any], rejected: dict[str, Any], train_prompt: str) -> Pair:
    (good,) = lessons.of_survivors([chosen], train_prompt)
    bad = replace(good, lesson_id=rejected["trace_id"], target=join(rejected["think"] or "", rejected["response"]))
    row = {name: chosen[name] for name in ("question_id", "audio", "question", "choices")} | {
        "reason": rejected["reason"],
        "why": rejected["why"],
        "chosen_id": chosen["trace_id"],
        "rejected_id": rejected["trace_id"],
        "prompt": good.turns[-1].text,
        "chosen_think": chosen["think"],
        "chosen_response": chosen["response"],
        "rejected_think": rejected["think"],
        "rejected_response": rejected["response"],
    }
    return Pair(chosen["question_id"], rejected["reason"], good, bad, row)
