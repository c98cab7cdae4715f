"""What a folder of judged traces says about the model that made them: accuracy, grounding, length, objections.

Knows tables and arithmetic; runs no model, no rule and no audio. Shares are null where nothing could be counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mgrd import tables
from mgrd.errors import InputError

RESAMPLES = 1000
LEVEL = 0.95
NO_TASK = "(no task)"

_COLUMNS = (
    "question_id", "task", "answer", "error", "think", "completion_tokens", "correct", "objections", "passed", "claims",
)  # fmt: skip
_WORD = r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+"
"""A run without white space, or one Chinese character."""

Row = Mapping[str, Any]


def metrics(judged: Path) -> dict[str, Any]:
    """Measure judged traces (a table of tables.JUDGED); every value is JSON.

    - n_questions, n_traces, failed (samples that were not made, with an `error`).
    - accuracy: share of correct among traces with a gold answer; unresolved and failed ones count as wrong.
    - passed: share of all traces without an objection.
    - Of the traces that were made (n_traces - failed): cites_sound (no objection of that check), denies_hearing (an
      objection of hears_audio), contradicted (at least one contradicted claim), fully_grounded (at least one supported
      claim and none contradicted), think_words and completion_tokens (means).
    - claims: how many have a verdict; claims_supported: supported / (supported + contradicted); supported_of_all:
      supported / claims. Both count claims, so a trace with many weighs more.
    - objections: per rule the traces that it objects to, and per `rule.check` likewise.
    - by_task: n_traces and accuracy. intervals: 95 % bootstrap over questions, fixed seed (Efron 1979, percentiles).
    """
    parts = [_measured(part) for part in tables.iter_parts(judged, tables.JUDGED, _COLUMNS)]
    if not parts:
        raise InputError(f"{judged}: holds no judged traces; run mgrd filter first")
    rows = pl.concat([part for part, _ in parts])
    counted = pl.concat([counts for _, counts in parts]).group_by("name").agg(pl.col("n").sum()).sort("name")
    made = rows.filter(~pl.col("failed"))
    totals = {name: int(made.get_column(name).sum()) for name in ("supported", "contradicted", "verdicts")}
    by_task = rows.group_by("task").agg(pl.len().alias("n"), pl.col("gold").sum(), pl.col("right").sum()).sort("task")
    return {
        "n_questions": rows.get_column("question_id").n_unique(),
        "n_traces": rows.height,
        "failed": rows.height - made.height,
        "accuracy": _share(rows.get_column("right").sum(), rows.get_column("gold").sum()),
        "passed": _mean(rows, "passed"),
        "cites_sound": _mean(made, "cites"),
        "denies_hearing": _mean(made, "denies"),
        "contradicted": _share(made.filter(pl.col("contradicted") > 0).height, made.height),
        "fully_grounded": _mean(made, "grounded"),
        "claims": totals["verdicts"],
        "claims_supported": _share(totals["supported"], totals["supported"] + totals["contradicted"]),
        "supported_of_all": _share(totals["supported"], totals["verdicts"]),
        "think_words": _mean(made, "words"),
        "completion_tokens": _mean(made, "tokens"),
        "objections": dict(counted.iter_rows()),
        "by_task": {
            task: {"n_traces": n, "accuracy": _share(right, gold)} for task, n, gold, right in by_task.iter_rows()
        },
        "intervals": {
            "accuracy": interval(rows, "right", "gold"),
            "fully_grounded": interval(rows, "grounded", "made"),
        },
    }


def interval(rows: pl.DataFrame, hits: str, of: str) -> list[float] | None:
    """The 95 % bootstrap interval of sum(hits) / sum(of), resampling questions: samples of one are not independent.

    Columns: question_id and two that count. The same rows give the same interval.
    """
    by_question = rows.group_by("question_id").agg(pl.col(hits).sum(), pl.col(of).sum()).sort("question_id")
    counts: NDArray[np.float64] = by_question.select(hits, of).cast(pl.Float64).to_numpy()
    counts = counts[counts[:, 1] > 0]
    if not len(counts):
        return None
    rng = np.random.default_rng(0)
    sums = np.array([counts[rng.integers(len(counts), size=len(counts))].sum(axis=0) for _ in range(RESAMPLES)])
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return [float(low), float(high)]


def _measured(part: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A part as small numbers, one row a trace; and its objections, counted by name."""
    verdicts = pl.col("claims").list.eval(pl.element().struct.field("verdict"))
    checks = pl.col("objections").list.eval(pl.element().struct.field("check"))
    failed = pl.col("error").is_not_null()
    gold = pl.col("answer").is_not_null()
    rows = part.select(
        "question_id",
        pl.col("task").fill_null(NO_TASK),
        failed.alias("failed"),
        (~failed).alias("made"),
        gold.alias("gold"),
        (gold & pl.col("correct").fill_null(value=False)).alias("right"),
        pl.col("passed"),
        (~checks.list.contains("cites_sound")).fill_null(value=True).alias("cites"),
        checks.list.contains("hears_audio").fill_null(value=False).alias("denies"),
        verdicts.list.count_matches("supported").fill_null(0).alias("supported"),
        verdicts.list.count_matches("contradicted").fill_null(0).alias("contradicted"),
        verdicts.list.drop_nulls().list.len().fill_null(0).alias("verdicts"),
        pl.col("think").fill_null("").str.count_matches(_WORD).alias("words"),
        pl.col("completion_tokens").fill_null(0).alias("tokens"),
    ).with_columns(grounded=~pl.col("failed") & (pl.col("supported") > 0) & (pl.col("contradicted") == 0))
    objections = (
        part.select(pl.int_range(pl.len()).alias("row"), pl.col("objections"))
        .explode("objections")
        .unnest("objections")
        .filter(pl.col("rule").is_not_null())
    )
    named = [
        objections.select("row", pl.col("rule").alias("name")),
        objections.select("row", pl.concat_str("rule", pl.lit("."), "check").alias("name")),
    ]
    return rows, pl.concat(named).unique().group_by("name").agg(pl.len().alias("n"))


def _share(hits: Any, of: Any) -> float | None:
    return float(hits) / float(of) if of else None


def _mean(rows: pl.DataFrame, column: str) -> float | None:
    return _share(rows.get_column(column).sum(), rows.height)


def default_folder(questions: str, model: Path | str) -> Path:
    """Where `mgrd eval` writes when it is not told: eval-QUESTIONS-MODEL; a round's `model` goes by its round."""
    path = Path(model).absolute()
    made_by = path.parent.name if path.name == "model" else path.name
    asked = Path(questions).stem if Path(questions).is_file() else questions.strip("./")
    return Path(re.sub(r"[^\w.-]+", "-", f"eval-{asked}-{made_by}"))


def lines(result: Row) -> list[str]:
    """One evaluation for people, a figure a line."""
    low_high = {name: f"  (95 %: {low:.3f} to {high:.3f})" for name, (low, high) in _known(result["intervals"]).items()}
    shown = [
        f"{name:>20}  {_text(result[name])}{low_high.get(name, '')}"
        for name in result
        if name not in ("objections", "by_task", "intervals")
    ]
    shown += [f"{'accuracy, ' + task:>20}  {_text(one['accuracy'])}" for task, one in result["by_task"].items()]
    return shown + [f"{count:>20,}  objections of {name}" for name, count in result["objections"].items()]


def rounds_table(rows: Sequence[Row]) -> Table:
    """The rounds of a run (`metrics.json` of each), one a line: what `mgrd run` ends with."""
    title, columns, cells = _rounds(rows)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right", vertical="bottom", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    return table


def rounds_lines(rows: Sequence[Row]) -> list[str]:
    """The same table as plain lines of less than 80 columns."""
    title, columns, cells = _rounds(rows)
    heads = [[column.rpartition("\n")[part] for column in columns] for part in (0, 2)]
    table = [*heads, *cells]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [title, *(" ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table)]


def print_rounds(rows: Sequence[Row]) -> None:
    """Print the table on stdout: drawn on a terminal, plain lines elsewhere."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if console.is_terminal:
        console.print(rounds_table(rows))
    else:
        console.print("\n".join(rounds_lines(rows)))


_SHARES = {
    "accuracy": "accuracy",
    "cites\nsound": "cites_sound",
    "cues\ntrue": "claims_supported",
    "fully\ngrounded": "fully_grounded",
    "passed": "passed",
}
_RULES = {"acoustic": "acoustic", "logic": "logic", "correct-\nness": "correctness"}


def _rounds(rows: Sequence[Row]) -> tuple[str, list[str], list[list[str]]]:
    """Title, column names and cells: shares of traces (of claims: cues true), and by rule the share it objects to.

    All rows tell of the same thing, held-out traces or else the round's own; but `kept` is how many were trained on.
    """
    held_out = any(row["eval"] for row in rows)
    if held_out:
        title = "Held-out questions; round 0 is the model before training"
    else:
        title = "Each round's own samples, as no held-out questions were given"
    cells = []
    for row in rows:
        found = (row["eval"] if held_out else row["filter"]) or {}
        objections = found.get("objections", {})
        words = found.get("think_words")
        survivors = (row["filter"] or {}).get("survivors")
        cells.append(
            [
                str(row["round"]),
                *(_percent(found.get(name)) for name in _SHARES.values()),
                "-" if words is None else f"{words:.1f}",
                *(_percent(_share(objections.get(rule, 0), found.get("n_traces"))) for rule in _RULES.values()),
                "-" if survivors is None else f"{survivors:,}",
            ]
        )
    return title, ["round", *_SHARES, "think\nwords", *_RULES, "kept"], cells


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
