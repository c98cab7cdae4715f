"""What a run's tables say, round by round: the numbers that the report draws and the warning signs look at.

Reads Parquet by column and holds some numbers a trace, no text but a sample; runs no model and opens no audio. Knows
nothing of pages.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, tables
from mgrd.errors import InputError, MisusedError
from mgrd.evaluate import intervals

RULES = ("acoustic", "logic", "correctness")

CONTROLS = ("swap", "silence", "noise")
"""What `mgrd eval --control` replaces the audio by."""

MEASURES = {
    "accuracy": ("right", "gold"),
    "fully_grounded": ("grounded", "made"),
    "contradicted": ("contradicts", "made"),
    "claims_supported": ("supported", "verified"),
    "passed": ("passed", "one"),
    "think_words": ("words", "made"),
}
"""By name the two columns of `Judged.rows` whose sums it is the ratio of."""

TEXTS = 1000
"""Think texts of a table that are held, those with the lowest hash of their trace id, to compare rounds by."""

_COLUMNS = ("trace_id", "question_id", "answer", "error", "think", "correct", "objections", "passed", "claims")
_WORD = r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+"
"""As in mgrd.evaluate: a run without white space, or one Chinese character."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A share or mean, with its 95 % interval over questions where that is known."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One judged table as numbers."""

    folder: Path
    """Where `judged/` lies."""
    rows: pl.DataFrame
    """A row a trace: trace_id, question_id, and counts."""
    measures: dict[str, Measure]
    """By name of MEASURES, without those of which nothing counts."""
    objections: dict[tuple[str, str], int]
    """Traces that a check objects to, by rule and check."""
    cues: dict[str, tuple[int, int, int]]
    """Claims with a verdict by cue: all, supported, contradicted."""
    texts: list[str]

    def sum(self, column: str) -> int:
        """The sum of one of the counts."""
        return int(self.rows.get_column(column).sum())


@dataclass(frozen=True, slots=True)
class Selection:
    """What became of the traces that passed."""

    by_question: dict[str, int]
    """Survivors, of the questions that have any."""
    left_out: dict[str, int]
    """Traces that passed and were not kept, by reason."""

    @property
    def survivors(self) -> int:
        """How many traces are trained on."""
        return sum(self.by_question.values())


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a run, or a stage's folder, as far as it has come."""

    number: int | None
    """None: the folder is no round of a run."""
    folder: Path
    own: Judged | None
    """The traces that it sampled to train on."""
    held_out: Judged | None
    controls: dict[str, Judged]
    """The same held-out questions without the right audio, by the control that took it away."""
    selection: Selection | None
    metrics: dict[str, Any]
    """Its metrics.json, or nothing."""

    @property
    def name(self) -> str:
        """For people."""
        return self.folder.resolve().name if self.number is None else f"Round {self.number}"

    @property
    def best(self) -> Judged | None:
        """Held-out traces, or where there are none its own: what tells of a model."""
        return self.held_out or self.own


def read_rounds(folder: Path) -> list[Round]:
    """The rounds of a run in order, or the one that `folder` is.

    Raises InputError where nothing was judged, MisusedError where it is no folder.
    """
    if not folder.is_dir():
        raise MisusedError(f"{folder}: is not a folder; give a run, or a folder that mgrd filter wrote")
    numbers = folders.rounds_of(folder)
    found = [_round(folder / f"round-{number:02d}", number) for number in numbers] or [_round(folder, None)]
    if not any(one.own or one.held_out for one in found):
        raise InputError(f"{folder}: holds no judged traces; give a run, or a folder that mgrd filter wrote")
    return found


def _round(here: Path, number: int | None) -> Round:
    chosen = here / "selection.parquet"
    own = _judged(here)
    return Round(
        number=number,
        folder=here,
        own=own,
        held_out=_judged(here / "eval"),
        controls=_controls(here if number is None else here / "eval"),
        selection=_selection(chosen, own) if own and chosen.exists() else None,
        metrics=_json(here / "metrics.json"),
    )


def _controls(folder: Path) -> dict[str, Judged]:
    found = {name: _judged(folder / f"control-{name}") for name in CONTROLS}
    return {name: judged for name, judged in found.items() if judged}


def _json(path: Path) -> dict[str, Any]:
    return dict(tables.read_json(path)) if path.exists() else {}


def _judged(folder: Path) -> Judged | None:
    path = folder / "judged"
    rows = tables.query(path, tables.JUDGED, _COLUMNS, _numbers).sort("trace_id")
    if not rows.height:
        return None
    counted = tables.query(path, tables.JUDGED, ["trace_id", "objections"], _by_check)
    cues = tables.query(path, tables.JUDGED, ["claims"], _by_cue)
    ids = sample(rows.get_column("trace_id").to_list(), TEXTS)
    texts = tables.query(path, tables.JUDGED, ["trace_id", "think"], lambda table: _texts(table, ids))
    measures = {name: _measure(rows, *columns) for name, columns in MEASURES.items()}
    return Judged(
        folder=folder,
        rows=rows,
        measures={name: found for name, found in measures.items() if found is not None},
        objections={(rule, check): n for rule, check, n in counted.iter_rows()},
        cues={cue: (n, supported, contradicted) for cue, n, supported, contradicted in cues.iter_rows()},
        texts=texts.sort("trace_id").get_column("think").to_list(),
    )


def sample(ids: list[str], most: int) -> list[str]:
    """At most so many of some ids, whatever their order: those with the lowest hashes, lowest first."""
    return sorted(ids, key=lambda one: (hashlib.blake2b(one.encode(), digest_size=8).digest(), one))[:most]


def _numbers(table: pl.LazyFrame) -> pl.LazyFrame:
    verdicts = pl.col("claims").list.eval(pl.element().struct.field("verdict"))
    rules = pl.col("objections").list.eval(pl.element().struct.field("rule"))
    made = pl.col("error").is_null()
    gold = pl.col("answer").is_not_null()
    return table.select(
        "trace_id",
        "question_id",
        pl.lit(1, dtype=pl.Int32).alias("one"),
        made.alias("made"),
        gold.alias("gold"),
        (gold & pl.col("correct").fill_null(value=False)).alias("right"),
        pl.col("passed"),
        pl.col("objections").list.len().fill_null(0).cast(pl.Int32).alias("objections"),
        *(rules.list.contains(rule).fill_null(value=False).alias(rule) for rule in RULES),
        verdicts.list.count_matches("supported").fill_null(0).cast(pl.Int32).alias("supported"),
        verdicts.list.count_matches("contradicted").fill_null(0).cast(pl.Int32).alias("contradicted"),
        verdicts.list.drop_nulls().list.len().fill_null(0).cast(pl.Int32).alias("claims"),
        (made * pl.col("think").fill_null("").str.count_matches(_WORD)).cast(pl.Int32).alias("words"),
    ).with_columns(
        verified=pl.col("supported") + pl.col("contradicted"),
        contradicts=pl.col("made") & (pl.col("contradicted") > 0),
        grounded=pl.col("made") & (pl.col("supported") > 0) & (pl.col("contradicted") == 0),
    )


def _by_check(table: pl.LazyFrame) -> pl.LazyFrame:
    named = table.explode("objections").unnest("objections").filter(pl.col("check").is_not_null())
    return named.group_by("rule", "check").agg(pl.col("trace_id").n_unique()).sort("rule", "check")


def _by_cue(table: pl.LazyFrame) -> pl.LazyFrame:
    claims = table.explode("claims").select(pl.col("claims").struct.unnest()).filter(pl.col("verdict").is_not_null())
    return (
        claims.group_by("cue")
        .agg(
            pl.len(),
            (pl.col("verdict") == "supported").sum().alias("supported"),
            (pl.col("verdict") == "contradicted").sum().alias("contradicted"),
        )
        .sort("cue")
    )


def _texts(table: pl.LazyFrame, ids: list[str]) -> pl.LazyFrame:
    wanted = pl.LazyFrame({"trace_id": ids}, schema={"trace_id": pl.String})
    return table.join(wanted, on="trace_id", how="semi").with_columns(pl.col("think").fill_null(""))


def _measure(rows: pl.DataFrame, hits: str, of: str) -> Measure | None:
    count = float(rows.get_column(of).sum())
    if not count:
        return None
    low, high = intervals.interval(rows, hits, of, share=hits != "words") or (None, None)
    return Measure(float(rows.get_column(hits).sum()) / count, low, high)


def _selection(path: Path, own: Judged) -> Selection:
    rows = tables.read_table(path, tables.SELECTION, ["trace_id", "question_id", "kept", "why"])
    kept = rows.filter("kept").group_by("question_id").len().sort("question_id")
    passed = own.rows.filter("passed").select("trace_id")
    out = rows.filter(~pl.col("kept")).join(passed, on="trace_id", how="semi")
    reasons = out.group_by(pl.col("why").fill_null("not kept")).len().sort("len", "why", descending=[True, False])
    return Selection(dict(kept.iter_rows()), dict(reasons.iter_rows()))


def rates(judged: Judged) -> list[tuple[int, int]]:
    """Of each question, in the order of ids: traces that passed, and all."""
    by_question = judged.rows.group_by("question_id").agg(pl.col("passed").sum(), pl.len()).sort("question_id")
    return list(by_question.select("passed", "len").iter_rows())


def training_of(one: Round) -> dict[str, Any]:
    """What distill wrote of a round's training; empty where it has not been there."""
    return _json(one.folder / "distill.json")
