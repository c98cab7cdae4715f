"""How many points of a benchmark's own rubric or checklist a judge finds met: MMAR's, and WildSpeech's open answers.

Puts each trace to the model of --judge, once a vote, and keeps its answers beside those of the checks (mgrd.asking), so
that a second evaluation of the same traces asks nothing. Knows no benchmark: the points are mgrd.evaluate.benchmarks'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import asking, engines, prompts, tables, verdicts
from mgrd.consult import ASKED
from mgrd.evaluate.benchmarks import Points, Published
from mgrd.options import Filter
from mgrd.progress import Story

_COLUMNS = ["question_id", "question", "choices", "think", "response", "correct", "error"]


def scored(out: Path, published: Published, judging: Filter, story: Story) -> pl.DataFrame | None:
    """A row a trace of `out/judged` whose question has points: question_id, right (the share met), of (0: no verdict).

    A sample that failed or gave no answer meets none, nor does a wrong one where the benchmark says so (MMAR); the
    judge is not asked about them. The share is the mean of the votes, of three and more without the lowest and the
    highest. None without --judge or without points.
    """
    if judging.judge is None or not published.points:
        return None
    judge = _asking(judging, judging.judge)
    folder = out / ASKED

    def parts() -> Iterator[list[dict[str, Any]]]:
        for part in tables.iter_parts(out / "judged", tables.JUDGED, _COLUMNS):
            yield [row for row in tables.rows_of(part) if row["question_id"] in published.points]

    def texts() -> Iterator[str]:
        for part in parts():
            yield from filter(None, (_text(row, published.points[row["question_id"]]) for row in part))

    with asking.Opened() as opened:
        made = asking.ask(texts, folder, judge, story, opened)
    asking.check_answers(judge.flag, judge.model, [made], story)
    places = asking.lie_in(folder, judge)
    rows = []
    for part in parts():
        put = [_text(row, published.points[row["question_id"]]) for row in part]
        names = {text: asking.votes(asking.text_sha(text), judge) for text in put if text}
        found = asking.answers(places, judge, [name for some in names.values() for name in some])
        for row, text in zip(part, put, strict=True):
            count, met = len(published.points[row["question_id"]].each), 0.0
            verdict = verdicts.rubric([found[name] for name in names[text] if name in found], count) if text else None
            if verdict is not None and verdict.score is not None:
                met = verdict.score
            rows.append((row["question_id"], met, verdict is None or verdict.score is not None))
    schema = {"question_id": pl.String(), "right": pl.Float64(), "of": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _text(row: Mapping[str, Any], points: Points) -> str | None:
    """What is put to the judge about a trace; None for one that meets no point as it is."""
    if row["error"] is not None or not row["response"] or (points.of_right and row["correct"] is not True):
        return None
    parts = {"words_in_the_recording": points.spoken, "reasoning": row["think"], "answer_given": row["response"]}
    numbered = "\n".join(f"{number}. {point}" for number, point in enumerate(points.each, start=1))
    given = {name: text for name, text in parts.items() if text}
    return prompts.asked(row["question"], row["choices"], **given, points=numbered)


def _asking(judging: Filter, model: str) -> asking.Asking:
    return asking.Asking(
        name="rubric",
        flag="--judge",
        tokens_flag="--judge-tokens",
        model=model if judging.judge_engine == "server" else Path(model),
        fingerprint=engines.model_identity(judging.judge_engine, model),
        instruction=prompts.RUBRIC,
        tokens=judging.judge_tokens,
        votes=judging.judge_votes,
        schema=verdicts.RUBRIC,
        engine=judging.judge_engine,
        url=judging.judge_url,
    )
