"""After judging: which of the passed traces are trained on, decided with all traces of a question in view.

Reads judged parts, never a clip or a rule. Holds ids, numbers and sketches of all traces, the texts of one part at a
time. Same judged parts, same bytes: every tie is broken by the sample's number, then by the trace's id.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mgrd import folders, likeness, tables
from mgrd.answers import is_correct
from mgrd.options import Select

Row = dict[str, Any]

LEFT_OUT = ("too_easy", "too_hard", "no_majority", "minority", "repeats", "similar", "over_question", "over_task")
"""Why a trace that passed is not kept, in the order in which it is decided."""


def select(judged: Path, out: Path, options: Select, *, majority: bool = False) -> dict[str, Any]:
    """Write `selection.parquet` (every trace, kept or why not), `outcomes.parquet` and `survivors.parquet` to `out`.

    Outcomes has a row a question: what became of it. Survivors has the kept traces, whole.

    In this order, each on what the ones before left of a question's passed traces:
    - with `majority`, of a question without gold, those that answer what most of its samples do (`_vote`);
    - `pass_rate`: none of a question whose share of them among its samples lies outside [lo, hi] (paper, section 4.3: 3
      to 6 of 8); samples that failed are no attempts;
    - `max_similarity`: none whose words are those of an earlier one, or nearly;
    - `per_question`: those most different from each other (`_most_different`);
    - `per_task`: of each question its first, then its second, until the task has as many.

    Returns counts: traces, passed, survivors; questions, and of them too_easy, too_hard, no_majority,
    without_survivors (asked and without any, for whatever reason); left_out, the passed traces by the step that left
    them out; and objections by `rule.check`, most first.
    """
    folder = folders.find(judged, "judged")
    by_likeness = options.max_similarity < 1 or options.per_question is not None or options.per_task is not None
    traces = _read(folder, majority=majority, with_sketches=by_likeness)
    made = _decide(traces, options)
    if options.per_task is not None:
        _balance(traces.rows, made, options.per_task)
    rows, objections = traces.rows.select("row", "trace_id", "question_id", "passed", "why"), traces.objections
    del traces  # its sketches are most of what is held
    rows = rows.with_columns(pl.Series("kept", made.kept), pl.Series("left", made.why, dtype=pl.String))
    rows = rows.with_columns(why=pl.when("kept").then(None).otherwise(pl.coalesce("left", "why")))
    outcomes = _outcomes(rows, made.outcomes)
    votes = outcomes.select("question_id", "majority", "vote_share")
    rows = rows.join(votes, on="question_id", how="left", maintain_order="left")
    tables.write_table(rows, out / "selection.parquet", tables.SELECTION)
    tables.write_table(outcomes, out / "outcomes.parquet", tables.OUTCOMES)
    tables.write_rows_of(folder, rows.filter("kept")["trace_id"], out / "survivors.parquet", tables.JUDGED)
    counted = Counter(outcomes["outcome"])
    return {
        "traces": rows.height,
        "passed": int(rows["passed"].sum()),
        "survivors": int(made.kept.sum()),
        "questions": outcomes.height,
        **{name: counted[name] for name in ("too_easy", "too_hard", "no_majority")},
        "without_survivors": outcomes.filter(pl.col("survivors") == 0).height,
        "left_out": {name: made.left_out[name] for name in LEFT_OUT if made.left_out[name]},
        "objections": dict(sorted(objections.items(), key=lambda item: (-item[1], item[0]))),
    }


@dataclass(frozen=True, slots=True)
class _Traces:
    """What is held of all traces."""

    rows: pl.DataFrame
    """In the order of the parts, one small row each; `row` is its number, `at` that of its sketch."""
    sketches: likeness.Sketch
    objections: Counter[str]


@dataclass(slots=True)
class _Decided:
    """What is decided so far, by the number of the row."""

    kept: NDArray[np.bool_]
    rank: NDArray[np.int32]
    """Its place among the kept ones of its question, from 0."""
    why: list[str | None]
    """Of passed traces that are not kept."""
    outcomes: list[pl.DataFrame] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def leave_out(self, rows: Sequence[Row], step: str, why: str) -> None:
        """Note why these are not kept."""
        self.left_out[step] += len(rows)
        for row in rows:
            self.why[row["row"]] = why


_COLUMNS = [
    "trace_id", "question_id", "sample", "task", "think", "response", "choices", "answer", "predicted", "error",
    "objections", "passed", "logprob", "completion_tokens",
]  # fmt: skip


def _read(folder: Path, *, majority: bool, with_sketches: bool) -> _Traces:
    passed = sum(int(part["passed"].sum()) for part in tables.iter_parts(folder, tables.JUDGED, ["passed"]))
    sketches = np.empty((passed if with_sketches else 0, likeness.HASHES), np.uint16)
    objections: Counter[str] = Counter()
    parts, at = [], 0
    for part in tables.iter_parts(folder, tables.JUDGED, _COLUMNS):
        names = pl.element().struct.field("rule") + "." + pl.element().struct.field("check")
        small = part.select(
            *("trace_id", "question_id", "sample", "task", "passed"),
            pl.col("objections").list.eval(names).list.join(", ").alias("why"),
            pl.col("error").is_not_null().alias("failed"),
            (pl.lit(majority) & pl.col("answer").is_null()).alias("votes"),
            pl.when(pl.lit(majority) & pl.col("answer").is_null()).then("predicted").alias("vote"),
            pl.col("choices").is_null().alias("is_open"),
            (pl.col("logprob") / pl.col("completion_tokens")).fill_nan(None).cast(pl.Float32).alias("likely"),
        )
        for one in part["objections"].explode().drop_nulls().to_list():
            objections[f"{one['rule']}.{one['check']}"] += 1
        keys: list[int | None] = [None] * part.height
        places: list[int | None] = [None] * part.height
        texts = part.select("think", "response", "passed").iter_rows()
        for i, (think, response, is_passed) in enumerate(texts):
            if is_passed:
                words = likeness.folded(f"{think}\n{response}")
                keys[i], places[i] = likeness.key(words), at
                if with_sketches:
                    sketches[at] = likeness.sketch(words)
                at += 1
        new = pl.DataFrame({"key": keys, "at": places}, schema={"key": pl.Int64, "at": pl.Int32})
        parts.append(pl.concat([small, new], how="horizontal_extend"))
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=_SMALL)
    return _Traces(rows.with_row_index("row"), sketches, objections)


_SMALL = {
    "trace_id": pl.String, "question_id": pl.String, "sample": pl.Int32, "task": pl.String, "passed": pl.Boolean,
    "why": pl.String, "failed": pl.Boolean, "votes": pl.Boolean, "vote": pl.String, "is_open": pl.Boolean,
    "likely": pl.Float32, "key": pl.Int64, "at": pl.Int32,
}  # fmt: skip


def _decide(traces: _Traces, options: Select) -> _Decided:
    """Question by question, all but the balance over tasks."""
    n = traces.rows.height
    made = _Decided(np.zeros(n, np.bool_), np.zeros(n, np.int32), [None] * n)
    ordered = traces.rows.sort("question_id", "sample", "trace_id")
    questions = (
        _question(question_id, list(group), traces.sketches, options, made)
        for question_id, group in groupby(ordered.iter_rows(named=True), itemgetter("question_id"))
    )
    made.outcomes = list(_frames(questions, tables.OUTCOMES))
    return made


def _frames(rows: Iterator[Row], schema: dict[str, pl.DataType], size: int = 8192) -> Iterator[pl.DataFrame]:
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == size:
            yield pl.DataFrame(some, schema=schema)
            some = []
    yield pl.DataFrame(some, schema=schema)


def _question(question_id: str, rows: list[Row], sketches: likeness.Sketch, options: Select, made: _Decided) -> Row:
    """Decide about the traces of one question, given in the order of their samples; returns its row of outcomes."""
    attempts = [row for row in rows if not row["failed"]]
    left = [row for row in rows if row["passed"]]
    vote = _vote(attempts) if rows[0]["votes"] else _Vote()
    outcome = None
    if vote.undecided is not None:
        outcome = "no_majority"
        made.leave_out(left, outcome, f"no majority: {vote.undecided}")
    elif vote.value is not None:
        for row in left:
            if row["row"] not in vote.voters:
                said = "is not resolved" if row["vote"] is None else f"answers {row['vote']!r}"
                most = f"{len(vote.voters)} of {len(attempts)} samples answer {vote.value!r}"
                made.leave_out([row], "minority", f"{said}, but {most}")
        left = [row for row in left if row["row"] in vote.voters]
    if outcome is None and options.pass_rate is not None and attempts:
        (lo, hi), rate = options.pass_rate, len(left) / len(attempts)
        if not lo <= rate <= hi:
            verdict = "easy" if rate > hi else "hard"
            outcome = f"too_{verdict}"
            share = f"{len(left)} of {len(attempts)} passed, outside {lo:g} to {hi:g}"
            made.leave_out(left, outcome, f"question too {verdict}: {share}")
    chosen = [] if outcome else _chosen(left, attempts, sketches, options, made)
    for rank, row in enumerate(chosen):
        made.kept[row["row"]], made.rank[row["row"]] = True, rank
    return {
        "question_id": question_id,
        "task": rows[0]["task"],
        "samples": len(attempts),
        "passed": sum(row["passed"] for row in rows),
        "survivors": len(chosen),
        "outcome": outcome or ("kept" if chosen else "none_passed"),
        "majority": vote.value,
        "vote_share": vote.share,
    }


def _chosen(
    left: list[Row], attempts: list[Row], sketches: likeness.Sketch, options: Select, made: _Decided
) -> list[Row]:
    """Of a question's traces what is no copy, as many as it may have, in their rank."""
    distinct: dict[int, Row] = {}
    for row in left:
        first = distinct.setdefault(row["key"], row)
        if first is not row:
            made.leave_out([row], "repeats", f"repeats {first['trace_id']}")
    rows = list(distinct.values())
    if not len(sketches):
        return rows
    mine = sketches[[row["at"] for row in rows]]
    apart: list[int] = []
    for i, row in enumerate(rows):
        near = likeness.to(mine[i], mine[apart])
        if (near > options.max_similarity).any():
            other = int((near > options.max_similarity).argmax())
            which = f"{rows[apart[other]]['trace_id']} (likeness {near[other]:.2f})"
            made.leave_out([row], "similar", f"nearly repeats {which}")
        else:
            apart.append(i)
    rows, mine = [rows[i] for i in apart], mine[apart]
    limit = min(len(rows), options.per_question or len(rows))
    if limit == len(rows) and options.per_task is None:
        return rows
    order = _most_different(rows, attempts, mine, limit)
    over = [row for i, row in enumerate(rows) if i not in set(order)]
    made.leave_out(over, "over_question", f"over the {limit} of its question")
    return [rows[i] for i in order]


@dataclass(frozen=True, slots=True)
class _Vote:
    """What the samples of a question agree on; all empty when nobody was asked to vote."""

    value: str | None = None
    voters: frozenset[int] = frozenset()
    share: float | None = None
    undecided: str | None = None
    """Why there is no majority."""


def _vote(attempts: Sequence[Row]) -> _Vote:
    """Self-consistency (Wang et al. 2022): the answer that most samples of the question give, objected to or not.

    What cannot be resolved votes for nothing but counts among the samples. A tie decides nothing, nor does one vote.
    """
    groups: list[list[Row]] = []
    for row in attempts:
        if row["vote"] is not None:
            mine = next((group for group in groups if _is_same_vote(row, group[0])), None)
            if mine is None:
                groups.append(mine := [])
            mine.append(row)
    groups.sort(key=len, reverse=True)  # stable: the earlier answer first
    if not groups:
        return _Vote(share=0.0, undecided=f"none of {len(attempts)} samples could be resolved")
    most, share = groups[0], len(groups[0]) / len(attempts)
    if len(most) < 2:
        return _Vote(share=share, undecided=f"no two of {len(attempts)} samples answer alike")
    if len(groups) > 1 and len(groups[1]) == len(most):
        tied = f"{len(most)} of {len(attempts)} each for {most[0]['vote']!r} and {groups[1][0]['vote']!r}"
        return _Vote(share=share, undecided=f"{tied}")
    return _Vote(most[0]["vote"], frozenset(row["row"] for row in most), share)


def _is_same_vote(row: Row, other: Row) -> bool:
    """Choices are the same to the letter; open answers when one would be right if the other were gold."""
    if not row["is_open"] or row["vote"] == other["vote"]:
        return bool(row["vote"] == other["vote"])
    return bool(is_correct(row["vote"], other["vote"], None) and is_correct(other["vote"], row["vote"], None))


_UNLIKELY = 0.25


def _most_different(chosen: Sequence[Row], attempts: Sequence[Row], mine: likeness.Sketch, limit: int) -> list[int]:
    """At most `limit` of `chosen` in order: the most typical, then each time what is least like those before.

    Farthest-first traversal (Gonzalez 1985) over the likeness of texts; a tie goes to the earlier sample. Alone it
    finds garble first, for nothing is as different: `_unlikely` ones come after all others.
    """
    typical = np.array([likeness.to(one, mine).sum() for one in mine])
    last = _unlikely(chosen, attempts, typical)
    nearest, order = -typical, list[int]()
    for group in ([i for i in range(len(chosen)) if i not in last], sorted(last)):
        left = list(group)
        while left and len(order) < limit:
            picked = left.pop(int(nearest[left].argmin()))
            now = likeness.to(mine[picked], mine)
            nearest = np.maximum(nearest, now) if order else now
            order.append(picked)
    return order


def _unlikely(chosen: Sequence[Row], attempts: Sequence[Row], typical: NDArray[np.float64]) -> set[int]:
    """Those of `chosen` that stand back.

    Where the engine gave log probabilities, the ones among the least likely quarter (by token) of all samples of the
    question; else the quarter of `chosen` that is least like the rest of it.
    """
    if all(row["likely"] is not None for row in attempts):
        by_likelihood = sorted(attempts, key=lambda row: (row["likely"], -row["sample"]))
        last = {row["row"] for row in by_likelihood[: int(_UNLIKELY * len(attempts))]}
        return {i for i, row in enumerate(chosen) if row["row"] in last}
    return set(np.lexsort((-np.arange(len(chosen)), typical))[: int(_UNLIKELY * len(chosen))].tolist())


def _balance(rows: pl.DataFrame, made: _Decided, limit: int) -> None:
    """Leave out what is over `limit` traces of a task: the later ones of each question first, no question favoured."""
    kept = (
        rows.select("row", "task", "question_id").with_columns(rank=pl.Series(made.rank)).filter(pl.Series(made.kept))
    )
    names = kept["question_id"].unique(maintain_order=True)
    shuffled = [hashlib.blake2b(name.encode(), digest_size=8).hexdigest() for name in names]
    kept = kept.join(pl.DataFrame({"question_id": names, "lot": shuffled}), on="question_id", how="left")
    kept = kept.sort("rank", "lot", "question_id", "row").with_columns(place=pl.int_range(pl.len()).over("task"))
    for row, task in kept.filter(pl.col("place") >= limit).select("row", "task").iter_rows():
        made.kept[row] = False
        made.why[row] = f"over the {limit} of its task" + (f", {task}" if task is not None else "")
        made.left_out["over_task"] += 1


def _outcomes(rows: pl.DataFrame, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The row of each question, with what the balance over tasks left of its survivors."""
    survivors = rows.group_by("question_id").agg(pl.col("kept").sum().cast(pl.Int32).alias("survivors"))
    found = pl.concat(parts).drop("survivors").join(survivors, on="question_id", how="left", maintain_order="left")
    over = (pl.col("outcome") == "kept") & (pl.col("survivors") == 0)
    return found.with_columns(outcome=pl.when(over).then(pl.lit("over_task")).otherwise("outcome"))
