"""Judged traces as small numbers, one row a trace: what every figure of an evaluation is counted from.

Reads the tables that filter writes, a part at a time; keeps no text but the answers.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mgrd import tables
from mgrd.errors import InputError

NO_TASK = "(no task)"

_COLUMNS = (
    "question_id", "sample", "task", "answer", "predicted", "error", "completion", "think", "response",
    "completion_tokens", "correct", "objections", "passed", "claims",
)  # fmt: skip
_WORD = r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+"
"""A run without white space, or one Chinese character."""


def measured(judged: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The traces of a table of tables.JUDGED as numbers, and their objections counted by name (columns name, n).

    Of a trace: failed and made (one or the other), gold, right (with gold), passed, cites, denies, supported,
    contradicted and verdicts (claims), contradicts (any), grounded (supported claims, none contradicted), words (of its
    think), tokens, answered, before_answer (the tokens before its response, estimated by the share of the completion's
    characters that come before it). Raises InputError when there is no trace.
    """
    parts = [_part(part) for part in tables.iter_parts(judged, tables.JUDGED, _COLUMNS)]
    if not parts:
        raise InputError(f"{judged}: holds no judged traces; run mgrd filter first")
    counted = pl.concat([counts for _, counts in parts]).group_by("name").agg(pl.col("n").sum()).sort("name")
    return pl.concat([rows for rows, _ in parts]), counted


def _part(part: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    verdicts = pl.col("claims").list.eval(pl.element().struct.field("verdict"))
    checks = pl.col("objections").list.eval(pl.element().struct.field("check"))
    failed = pl.col("error").is_not_null()
    gold = pl.col("answer").is_not_null()
    answered = ~failed & (pl.col("response").fill_null("") != "")
    length = pl.col("completion").str.len_chars()
    before = (1 - pl.col("response").str.len_chars() / length).clip(0, 1)
    rows = part.select(
        "question_id",
        "sample",
        pl.col("task").fill_null(NO_TASK),
        "predicted",
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
        answered.alias("answered"),
        pl.when(length > 0).then(before * pl.col("completion_tokens").fill_null(0)).alias("before_answer"),
    ).with_columns(
        cites=pl.col("made") & pl.col("cites"),
        denies=pl.col("made") & pl.col("denies"),
        contradicts=pl.col("made") & (pl.col("contradicted") > 0),
        grounded=pl.col("made") & (pl.col("supported") > 0) & (pl.col("contradicted") == 0),
        verified=pl.col("supported") + pl.col("contradicted"),
    )
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
