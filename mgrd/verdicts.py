"""What a model answers when it is asked about a trace: the schema of each question, and the verdict that answers make.

An answer counts only when it fits the schema to the letter; any other is counted as none. Knows no engine, no file and
no threshold: what a verdict is worth is for a check to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mgrd.traces import blocks, split


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of putting one question about a trace to a model, once or several times."""

    value: str | None = None
    """An answer as it was given; `right` or `wrong`; None for a score and where there is no verdict."""
    score: float | None = None
    """The trimmed mean of the votes."""
    votes: list[float] = field(default_factory=list)
    """Every score that was given, in order: their disagreement is kept."""
    words: list[str] = field(default_factory=list)
    """The reason of each answer that counts, in order."""
    why: str | None = None
    """Why there is no verdict."""


def _schema(**last: Any) -> dict[str, Any]:
    """A reason, then what it comes to: a model that must give its reason first judges by it."""
    properties = {"why": {"type": "string"}, **last}
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


BLIND = _schema(answer={"type": ["string", "null"]})
COHERENT = _schema(score={"type": "integer", "minimum": 1, "maximum": 5})
RIGHT = _schema(right={"type": "boolean"})
RUBRIC = _schema(met={"type": "integer", "minimum": 0})


def blind(answers: Sequence[str]) -> Verdict:
    """The answer of a model that saw a trace's reasoning alone; an empty one when it said that there is none."""
    entry = _first(answers, BLIND)
    if isinstance(entry, str):
        return Verdict(why=entry)
    return Verdict(value=entry["answer"] or "", words=[entry["why"]])


def right(answers: Sequence[str]) -> Verdict:
    """Whether an open answer is `right` or `wrong`."""
    entry = _first(answers, RIGHT)
    if isinstance(entry, str):
        return Verdict(why=entry)
    return Verdict(value="right" if entry["right"] else "wrong", words=[entry["why"]])


def coherent(answers: Sequence[str]) -> Verdict:
    """The mean of the scores, of three and more without the lowest and the highest (MMAR-Rubrics, arXiv 2602.14224).

    None when fewer than half of the answers fit the schema: the few that do are no sample of the rest.
    """
    return _trimmed(answers, COHERENT, "score")


def rubric(answers: Sequence[str], points: int) -> Verdict:
    """The share of `points` that are met, 0 to 1, over the votes as `coherent`; one that finds more is no vote."""
    told = _trimmed(answers, _schema(met={"type": "integer", "minimum": 0, "maximum": points}), "met")
    return told if told.score is None else replace(told, score=told.score / points)


def _trimmed(answers: Sequence[str], schema: Mapping[str, Any], name: str) -> Verdict:
    entries = [entry for answer in answers if isinstance(entry := fitting(answer, schema), dict)]
    votes, words = [float(entry[name]) for entry in entries], [entry["why"] for entry in entries]
    if 2 * len(votes) < len(answers) or not votes:
        return Verdict(votes=votes, words=words, why=f"{len(votes)} of {len(answers)} votes fit the schema")
    kept = sorted(votes)[1:-1] if len(votes) > 2 else votes
    return Verdict(score=sum(kept) / len(kept), votes=votes, words=words)


def corrected(correct: bool | None, verdicts: Mapping[str, Verdict]) -> bool | None:
    """Whether an answer is right: by the judge of open answers where it gave a verdict, else `correct`, by rule."""
    judged = verdicts.get("judged_right")
    return correct if judged is None or judged.value is None else judged.value == "right"


def _first(answers: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any] | str:
    return fitting(answers[0], schema) if answers else "no answer"


def fitting(answer: str, schema: Mapping[str, Any]) -> dict[str, Any] | str:
    """The one JSON object of an answer after its thinking, or why there is none that fits."""
    text = split(answer)[1] if blocks(answer) != (0, 0) else answer
    decoder = json.JSONDecoder()
    at = text.find("{")
    found: list[dict[str, Any]] = []
    while at >= 0 and len(found) < 2:
        try:
            entry, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return "no JSON"  # a model that writes braces outside its object does not keep to the form
        found.append(entry)
        at = text.find("{", end)
    if len(found) != 1:
        return "no JSON" if not found else "two objects"
    (entry,) = found
    if wrong := _misfit(entry, schema):
        return wrong
    return dict(entry)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def _misfit(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
    """What of an object does not fit; of JSON Schema what the schemas above use."""
    for name in schema["required"]:
        if name not in entry:
            return f"no {name}"
    for name, value in entry.items():
        rule = schema["properties"].get(name)
        if rule is None:
            return f"unknown field {name[:40]}"
        named = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
        if type(value) not in [kind for one in named for kind in _TYPES[one]]:
            return f"{name} is no {' or '.join(named)}"
        if isinstance(value, int) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
            return f"{name} {value} is out of range"
    return None
