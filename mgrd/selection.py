"""After judging: which of the passed traces are trained on, decided with all traces of a question in view.

Reads judged parts, never a clip or a rule. Same judged parts, same bytes: every tie is broken by the trace's id.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, tables
from mgrd.options import Select

_COLUMNS = ["trace_id", "question_id", "sample", "think", "response", "error", "objections", "passed"]


def select(judged: Path, out: Path, options: Select) -> dict[str, Any]:
    """Write `out/selection.parquet` (every trace, kept or why not) and `out/survivors.parquet` (the kept ones, whole).

    Of the passed traces of a question, texts that repeat an earlier one are left out; `per_question` then keeps the
    ones most different from each other, the first sample first; `pass_rate` leaves out whole questions whose share of
    passed traces lies outside [lo, hi] (paper, section 4.3: 3 to 6 of 8). Samples that failed are no attempts.

    Returns counts: traces, passed, survivors, questions, too_easy, too_hard, without_survivors (questions that were
    asked and have none), and objections by `rule.check`, most first.
    """
    folder = folders.find(judged, "judged")
    counts: Counter[str] = Counter(too_easy=0, too_hard=0, without_survivors=0)
    objections: Counter[str] = Counter()
    questions: dict[str, list[_Seen]] = {}
    order = []
    for frame in tables.iter_parts(folder, tables.JUDGED, _COLUMNS):
        for row in tables.rows_of(frame):
            objections.update(f"{one['rule']}.{one['check']}" for one in row["objections"])
            questions.setdefault(row["question_id"], []).append(_seen(row, with_text=options.per_question is not None))
            order.append(row["trace_id"])
    decided = {
        row["trace_id"]: row
        for question_id, traces in questions.items()
        for row in _decide(question_id, sorted(traces, key=lambda one: (one.sample, one.trace_id)), options, counts)
    }
    rows = [decided[trace_id] for trace_id in order]
    tables.write_table(rows, out / "selection.parquet", tables.SELECTION)
    kept = pl.Series([row["kept"] for row in rows], dtype=pl.Boolean)
    survivors, start = [pl.DataFrame(schema=tables.JUDGED)], 0
    for frame in tables.iter_parts(folder, tables.JUDGED):
        survivors.append(frame.filter(kept[start : start + frame.height]))
        start += frame.height
    tables.write_table(pl.concat(survivors), out / "survivors.parquet", tables.JUDGED)
    return {
        "traces": len(rows),
        "passed": sum(one.passed for traces in questions.values() for one in traces),
        "survivors": int(kept.sum()),
        "questions": len(questions),
        **counts,
        "objections": dict(sorted(objections.items(), key=lambda item: (-item[1], item[0]))),
    }


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is kept in memory of a trace: of the texts, only those of traces that may be chosen among."""

    trace_id: str
    sample: int
    passed: bool
    failed: bool
    why: str
    key: bytes
    text: str


def _seen(row: dict[str, Any], *, with_text: bool) -> _Seen:
    text = _text(row) if row["passed"] else ""
    why = ", ".join(f"{one['rule']}.{one['check']}" for one in row["objections"])
    key = hashlib.blake2b(text.encode(), digest_size=16).digest()
    is_failed = row["error"] is not None
    return _Seen(row["trace_id"], row["sample"], row["passed"], is_failed, why, key, text if with_text else "")


def _decide(question_id: str, traces: list[_Seen], options: Select, counts: Counter[str]) -> list[dict[str, Any]]:
    """The rows of `selection` for the traces of one question, given in the order of their samples."""
    why: dict[str, str | None] = {trace.trace_id: trace.why for trace in traces}
    passed = [trace for trace in traces if trace.passed]
    attempts = sum(not trace.failed for trace in traces)
    if options.pass_rate is not None and attempts:
        (lo, hi), rate = options.pass_rate, len(passed) / attempts
        if not lo <= rate <= hi:
            verdict = "easy" if rate > hi else "hard"
            counts[f"too_{verdict}"] += 1
            share = f"{len(passed)} of {attempts} passed, outside {lo:g} to {hi:g}"
            why |= {trace.trace_id: f"question too {verdict}: {share}" for trace in passed}
            passed = []
    distinct: dict[bytes, _Seen] = {}
    for trace in passed:
        first = distinct.setdefault(trace.key, trace)
        if first is not trace:
            why[trace.trace_id] = f"repeats {first.trace_id}"
    kept = _most_different(list(distinct.values()), options.per_question)
    for trace in distinct.values():
        why[trace.trace_id] = None if trace.trace_id in kept else f"over the {options.per_question} of its question"
    counts["without_survivors"] += not kept
    return [
        {"trace_id": one.trace_id, "question_id": question_id, "kept": one.trace_id in kept, "why": why[one.trace_id]}
        for one in traces
    ]


def _text(row: dict[str, Any]) -> str:
    """A trace's words, so that case, width, punctuation and spaces make no difference between copies."""
    folded = unicodedata.normalize("NFKC", f"{row['think']}\n{row['response']}").casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def _most_different(traces: list[_Seen], limit: int | None) -> set[str]:
    """The ids of at most `limit` traces: the first, then each time the one that shares least with those chosen.

    Sharing is the Jaccard index of word trigrams (Broder 1997, shingles); a tie goes to the earlier sample.
    """
    if limit is None or len(traces) <= limit:
        return {trace.trace_id for trace in traces}
    shingles = [_shingles(trace.text) for trace in traces]
    chosen = [0]
    while len(chosen) < limit:
        rest = [i for i in range(len(traces)) if i not in chosen]
        chosen.append(min(rest, key=lambda i: max(_jaccard(shingles[i], shingles[j]) for j in chosen)))
    return {traces[i].trace_id for i in chosen}


def _shingles(text: str) -> set[str]:
    """Word trigrams; character trigrams of a script without spaces come out of its long words."""
    words = [part for word in text.split() for part in ([word] if word.isascii() else list(word))]
    return {" ".join(words[i : i + 3]) for i in range(max(len(words) - 2, 1))}


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)
