"""What a folder of judged traces says about the model that made them: accuracy, grounding, length, objections.

Knows tables and arithmetic; runs no model, no rule and no audio. Shares are null where nothing could be counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from pathlib import Path
from typing import Any

import polars as pl

from mgrd.evaluate.benchmarks import Published, by_category
from mgrd.evaluate.intervals import by_question, interval, is_wilson
from mgrd.evaluate.measured import NO_TASK, measured
from mgrd.evaluate.pairs import gain
from mgrd.evaluate.telling import default_folder, lines, print_rounds, rounds_lines, rounds_table

__all__ = [
    "NO_TASK",
    "default_folder",
    "evaluation",
    "figures",
    "group",
    "interval",
    "lines",
    "metrics",
    "print_rounds",
    "rounds_lines",
    "rounds_table",
]


def metrics(judged: Path) -> dict[str, Any]:
    """Measure judged traces (a table of tables.JUDGED); every value is JSON.

    - n_questions, n_traces, failed (samples that were not made, with an `error`).
    - accuracy: share of correct among traces with a gold answer; unresolved and failed ones count as wrong.
    - majority: share of the questions with gold whose most frequent resolved answer is right; answers that tie share.
    - pass_at: by k (1, 2, 4, ... as far as every question has samples), the chance that one of k samples is right: the
      unbiased estimator 1 - C(n - c, k) / C(n, k), mean over questions (Chen et al. 2021, arXiv 2107.03374).
    - passed: share of all traces without an objection.
    - Of the traces that were made (n_traces - failed): cites_sound (no objection of that check), denies_hearing (an
      objection of hears_audio), contradicted (at least one contradicted claim), fully_grounded (at least one supported
      claim and none contradicted), think_words and completion_tokens (means), answered (has text after its think).
    - tokens_to_answer: tokens before the answer begins, mean over answered traces. An estimate, by the share of the
      completion's characters that come before it: no table says where a token lies, and no engine when it came.
    - claims: how many have a verdict; claims_supported: supported / (supported + contradicted); supported_of_all:
      supported / claims. Both count claims, so a trace with many weighs more.
    - objections: per rule the traces that it objects to, and per `rule.check` likewise.
    - by_task: n_questions, n_traces, accuracy, interval (of accuracy), fully_grounded.
    - intervals: 95 %, over questions (mgrd.evaluate.intervals); interval_method of accuracy: `wilson` or
      `bootstrap over questions`.
    """
    rows, counted = measured(judged)
    return figures(rows) | {"objections": dict(counted.iter_rows())}


def evaluation(
    judged: Path, controls: Mapping[str, Path], published: Published, scored: pl.DataFrame | None = None
) -> dict[str, Any]:
    """The metrics of an evaluation, what hearing adds to them, and the benchmark's own table.

    Adds to `metrics`: `controls`, by name of a control (whose judged traces `controls` gives) what mgrd.evaluate.pairs
    says of it; `benchmark` and `by_category` of mgrd.evaluate.benchmarks, with what a judge `scored`.
    """
    rows, counted = measured(judged)
    return (
        figures(rows)
        | {"objections": dict(counted.iter_rows())}
        | {"controls": {name: gain(rows, measured(path)[0]) for name, path in controls.items()}}
        | by_category(published, rows, judged, scored)
    )


def figures(rows: pl.DataFrame) -> dict[str, Any]:
    """The metrics of traces as mgrd.evaluate.measured gives them, all but the objections."""
    made = rows.filter("made")
    totals = {name: int(made.get_column(name).sum()) for name in ("supported", "contradicted", "verdicts")}
    majority = _majority(rows)
    counts = by_question(rows, "right", "gold")
    return {
        "n_questions": rows.get_column("question_id").n_unique(),
        "n_traces": rows.height,
        "failed": rows.height - made.height,
        "accuracy": _share(rows.get_column("right").sum(), rows.get_column("gold").sum()),
        "majority": _mean(majority, "right"),
        "pass_at": _pass_at(rows),
        "passed": _mean(rows, "passed"),
        "cites_sound": _mean(made, "cites"),
        "denies_hearing": _mean(made, "denies"),
        "contradicted": _mean(made, "contradicts"),
        "fully_grounded": _mean(made, "grounded"),
        "claims": totals["verdicts"],
        "claims_supported": _share(totals["supported"], totals["supported"] + totals["contradicted"]),
        "supported_of_all": _share(totals["supported"], totals["verdicts"]),
        "think_words": _mean(made, "words"),
        "completion_tokens": _mean(made, "tokens"),
        "answered": _mean(made, "answered"),
        "tokens_to_answer": _mean(rows.filter("answered"), "before_answer"),
        "by_task": {
            str(task): group(some) for (task,), some in sorted(rows.partition_by("task", as_dict=True).items())
        },
        "intervals": {
            "accuracy": interval(rows, "right", "gold"),
            "majority": interval(majority, "right", "gold"),
            "denies_hearing": interval(rows, "denies", "made"),
            "fully_grounded": interval(rows, "grounded", "made"),
            "claims_supported": interval(rows, "supported", "verified"),
        },
        "interval_method": "wilson" if len(counts) and is_wilson(counts) else "bootstrap over questions",
    }


def group(rows: pl.DataFrame) -> dict[str, Any]:
    """The figures of some of the traces: those of a task, of a category."""
    return {
        "n_questions": rows.get_column("question_id").n_unique(),
        "n_traces": rows.height,
        "accuracy": _share(rows.get_column("right").sum(), rows.get_column("gold").sum()),
        "interval": interval(rows, "right", "gold"),
        "fully_grounded": _share(rows.get_column("grounded").sum(), rows.get_column("made").sum()),
    }


def _majority(rows: pl.DataFrame) -> pl.DataFrame:
    """A row a question with gold: `right`, the share of right ones among its most frequent answers; `gold`, 1."""
    gold = rows.filter("gold")
    votes = gold.drop_nulls("predicted").group_by("question_id", "predicted").agg(pl.len(), pl.col("right").any())
    most = votes.filter(pl.col("len") == pl.col("len").max().over("question_id"))
    won = most.group_by("question_id").agg(pl.col("right").mean())
    asked = gold.select("question_id").unique().sort("question_id")
    return asked.join(won, on="question_id", how="left", maintain_order="left").select(
        "question_id", pl.col("right").fill_null(0.0), pl.lit(1).alias("gold")
    )


def _pass_at(rows: pl.DataFrame) -> dict[str, float]:
    counts = by_question(rows, "right", "gold")
    most = int(counts[:, 1].min()) if len(counts) else 0
    sizes = [k for k in (2**power for power in range(most.bit_length())) if k <= most]
    return {
        str(k): sum(1 - comb(int(n) - int(c), k) / comb(int(n), k) for c, n in counts.tolist()) / len(counts)
        for k in sizes
    }


def _share(hits: Any, of: Any) -> float | None:
    return float(hits) / float(of) if of else None


def _mean(rows: pl.DataFrame, column: str) -> float | None:
    return _share(rows.get_column(column).sum(), rows.height)
