"""The public benchmarks' own tables: by the categories of their files and by their own way to match an answer.

Knows which columns of a file are categories and whose matcher is whose (mgrd.matchers); runs no model, so what a
benchmark has a model judge is named, not guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import tables
from mgrd.evaluate.intervals import interval
from mgrd.evaluate.telling import bounds, number
from mgrd.matchers import decide, is_counted
from mgrd.options import Matcher
from mgrd.questions.published import columns, layout_of
from mgrd.questions.readers import open_source
from mgrd.terminal import safe


@dataclass(frozen=True, slots=True)
class Benchmark:
    """How a benchmark tells of its results."""

    categories: tuple[str, ...]
    """Columns that it tells its accuracy by; two with JOINT between them where it crosses them."""
    matcher: Matcher | None = None
    note: str | None = None
    """What its own protocol does that is not done here."""


JOINT = " / "

BENCHMARKS: Mapping[str, Benchmark] = {
    "MMAU": Benchmark(("task", "difficulty", "category", "sub-category"), "mmau"),
    "MMAR": Benchmark(
        ("modality", "category", "sub-category"),
        "mmar",
        "its rubrics are for a judge (--judge)",
    ),
    # its sub-categories have the same names under both of its categories
    "MMSU": Benchmark(("category", f"category{JOINT}sub-category", "task_name"), "mmsu"),
    "MMAU-Pro": Benchmark(
        ("category",),
        None,
        "its own script matches choices by an embedding model, has a large one give open answers 1 to 5, and looks at "
        "the form of a response alone in `instruction following`: ours of these two categories is no figure of it",
    ),
    "AIR-Bench": Benchmark(("task_name", f"task_name{JOINT}dataset_name"), "airbench"),
    "AIR-Bench chat": Benchmark(("task_name",), None, "open answers, for a judge (--judge)"),
    "AVQA": Benchmark(("question_relation", "question_type"), None, "it has no script of its own"),
    "Big Bench Audio": Benchmark(("category",), "big-bench-audio", "its authors have a large model score it"),
    "Spoken-MQA": Benchmark((), "spoken-mqa"),
    "WildSpeech": Benchmark(("taskType",), None, "open answers: its checklists are for a judge (--judge)"),
}
OTHER = Benchmark(("category",))
"""A user's own file: a column `category` is told by."""


@dataclass(frozen=True, slots=True)
class Points:
    """What a good answer to one question meets."""

    each: tuple[str, ...]
    spoken: str | None = None
    """What is said in the clip, where the file tells."""
    of_right: bool = False
    """Whether a wrong answer meets none."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a questions file says beyond the questions."""

    name: str | None
    """The benchmark, None for any other file."""
    labels: pl.DataFrame
    """question_id, then a column a category that occurs; and `cues` of MMAR."""
    points: Mapping[str, Points] = field(default_factory=dict)
    """By question what a good answer meets: MMAR's rubrics, WildSpeech's checklists."""

    @property
    def benchmark(self) -> Benchmark:
        """Its categories, its matcher."""
        return BENCHMARKS[self.name] if self.name else OTHER


def read_published(source: str, ids: Sequence[str]) -> Published:
    """Read the categories of a source whose first questions have these ids, in the order of read_questions."""
    told_by = (name for one in (*BENCHMARKS.values(), OTHER) for name in one.categories)
    wanted = {column for name in told_by for column in name.split(JOINT)} | columns()
    wanted |= {"cue", "rubric", "user_query", "checklist"}
    opened = open_source(source, wanted - {"audio", "context"})  # clips may be embedded
    name, rows, points = None, [], {}
    for question_id, (_, row) in zip(ids, islice(opened.rows, len(ids)), strict=True):
        cells = row if isinstance(row, dict) else {}
        layout = layout_of({*cells, *opened.columns})
        name = layout.name if layout else None
        named = {column: _label(column, cells) for column in _known(name).categories}
        rows.append({"question_id": question_id, **named, "cues": _cues(cells.get("cue")) if name == "MMAR" else None})
        if layout and (found := _points(layout.name, cells)):
            points[question_id] = found
    schema: dict[str, Any] = {
        "question_id": pl.String,
        **dict.fromkeys(_known(name).categories, pl.String),
        "cues": pl.List(pl.String),
    }
    labels = pl.DataFrame(rows, schema=schema)
    return Published(
        name, labels.select("question_id", *(one for one in labels.columns[1:] if labels[one].count())), points
    )


def by_category(
    published: Published, rows: pl.DataFrame, judged: Path, scored: pl.DataFrame | None = None
) -> dict[str, Any]:
    """The benchmark's table beside ours: `benchmark` (None for any other file) and `by_category`.

    benchmark: name, matcher, accuracy and interval by it, n_traces it counts, note (what its protocol does that is not
    done here), cues_named (MMAR: the mean share of the cues that its human rationales rest on that a think names).
    by_category: by column and value n_questions, n_traces, accuracy and interval by our matcher, and
    benchmark_accuracy by theirs; rubric_score is added to both where `scored` (mgrd.evaluate.rubrics) is given.
    """
    chosen = published.benchmark
    theirs = _theirs(judged, chosen) if chosen.matcher else None
    found: dict[str, Any] = {}
    for column in published.labels.columns[1:]:
        if column == "cues":
            continue
        label = published.labels.select("question_id", pl.col(column).alias("label")).drop_nulls()
        ours = rows.join(label, on="question_id", how="inner").partition_by("label", as_dict=True)
        other = {} if theirs is None else theirs.join(label, on="question_id").partition_by("label", as_dict=True)
        found[column] = {str(key[0]): _row(ours[key], other.get(key)) for key in sorted(ours)}
        if scored is not None:
            for key, some in scored.join(label, on="question_id").partition_by("label", as_dict=True).items():
                found[column][str(key[0])]["rubric_score"] = _share(some)
    if published.name is None:
        return {"benchmark": None, "by_category": found}
    told: dict[str, Any] = {"name": published.name, "matcher": chosen.matcher, "note": chosen.note}
    counted = theirs.filter(pl.col("of") > 0).height if theirs is not None else 0
    told |= {"n_traces": counted, "accuracy": None, "interval": None}
    if theirs is not None:
        told |= {"accuracy": _share(theirs), "interval": interval(theirs, "right", "of")}
    if "cues" in published.labels.columns:
        told["cues_named"] = _cues_named(judged, dict(published.labels.select("question_id", "cues").iter_rows()))
    if scored is not None:
        told |= {"rubric_score": _share(scored), "rubric_interval": interval(scored, "right", "of")}
        told |= {"rubric_traces": int(scored.get_column("of").sum()), "rubric_unjudged": int((scored["of"] == 0).sum())}
    return {"benchmark": told, "by_category": found}


def benchmark_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The benchmark's table for people: ours and theirs side by side."""
    told = result["benchmark"]
    if told:
        yield f"{told['name']}, by its own matcher: {number(told['accuracy'])}{bounds(told['interval'])}"
        if told["note"]:
            yield f"  {told['note']}"
        if told.get("cues_named") is not None:
            yield f"  names {told['cues_named']:.3f} of the cues of its human rationales"
        if told.get("rubric_score") is not None:
            score = f"{told['rubric_score']:.3f}{bounds(told['rubric_interval'])}"
            yield f"  meets {score} of its points, by the judge ({told['rubric_unjudged']:,} traces without a verdict)"
    for column, values in result["by_category"].items():
        yield f"{safe(column):<40} {'questions':>9} {'ours':>7} {'theirs':>7}"
        for value, one in values.items():
            ours, theirs = number(one["accuracy"]), number(one["benchmark_accuracy"])
            yield f"  {safe(value):<38} {one['n_questions']:>9,} {ours:>7} {theirs:>7}{bounds(one['interval'])}"


def _known(name: str | None) -> Benchmark:
    return BENCHMARKS[name] if name else OTHER


def _label(column: str, cells: Mapping[str, Any]) -> str | None:
    """A category as text: MMAU's lists joined, its difficulties in lower case (both occur), JOINT columns together."""
    if JOINT in column:
        parts = [_label(part, cells) for part in column.split(JOINT)]
        return JOINT.join(part for part in parts if part) if all(parts) else None
    value = cells.get(column)
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    if value is None or value == "":
        return None
    return str(value).lower() if column == "difficulty" else str(value)


def _cues(value: Any) -> list[str] | None:
    return [cue for cue in value if isinstance(cue, str) and cue.strip()] or None if isinstance(value, list) else None


def _points(name: str, cells: Mapping[str, Any]) -> Points | None:
    """MMAR's five scoring points, or WildSpeech's checklist, a list or a list as JSON; None where a row has none."""
    given = cells.get("rubric") if name == "MMAR" else cells.get("checklist") if name == "WildSpeech" else None
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = [line.strip("-* ") for line in given.splitlines()]
    if not isinstance(given, list):
        return None
    each = [one.get("scoring_point") if isinstance(one, dict) else one for one in given]
    kept = tuple(one for one in each if isinstance(one, str) and one.strip())
    spoken = cells.get("user_query")
    return Points(kept, spoken if isinstance(spoken, str) else None, name == "MMAR") if kept else None


def _row(ours: pl.DataFrame, theirs: pl.DataFrame | None) -> dict[str, Any]:
    gold = int(ours.get_column("gold").sum())
    return {
        "n_questions": ours.get_column("question_id").n_unique(),
        "n_traces": ours.height,
        "accuracy": float(ours.get_column("right").sum()) / gold if gold else None,
        "interval": interval(ours, "right", "gold"),
        "benchmark_accuracy": None if theirs is None else _share(theirs),
    }


def _share(theirs: pl.DataFrame) -> float | None:
    of = int(theirs.get_column("of").sum())
    return float(theirs.get_column("right").sum()) / of if of else None


def _theirs(judged: Path, chosen: Benchmark) -> pl.DataFrame:
    """question_id, right, of (whether it counts): every trace with gold, decided by the benchmark's own matcher."""
    assert chosen.matcher is not None
    rows: list[tuple[str, bool, bool]] = []
    wanted = ["question_id", "response", "choices", "answer", "error"]
    for part in tables.iter_parts(judged, tables.JUDGED, wanted):
        for question_id, response, choices, answer, error in part.iter_rows():
            if answer is None:
                continue
            said = "" if error else response or ""
            counts = is_counted(said, chosen.matcher)
            correct = counts and decide(said, choices, answer, chosen.matcher).correct
            rows.append((question_id, bool(correct), counts))
    return pl.DataFrame(rows, schema={"question_id": pl.String, "right": pl.Boolean, "of": pl.Boolean}, orient="row")


def _cues_named(judged: Path, cues: Mapping[str, Sequence[str] | None]) -> float | None:
    """The mean over traces of the share of their question's cues whose words a think holds, in any order."""
    shares = []
    for part in tables.iter_parts(judged, tables.JUDGED, ["question_id", "think", "error"]):
        for question_id, think, error in part.iter_rows():
            if error is None and (wanted := cues.get(question_id)):
                said = _words(think or "")
                shares.append(sum(_words(cue) <= said for cue in wanted) / len(wanted))
    return sum(shares) / len(shares) if shares else None


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+", text.casefold()))
