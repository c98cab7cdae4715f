"""Two evaluations of the same questions: with the audio and without it, one model and another.

Differences are paired by question (mgrd.evaluate.intervals.paired). Knows judged tables; runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, tables
from mgrd.errors import InputError
from mgrd.evaluate.intervals import interval, paired
from mgrd.evaluate.measured import measured
from mgrd.evaluate.telling import bounds, number
from mgrd.terminal import safe

SHARES = {
    "accuracy": ("right", "gold"),
    "passed": ("passed", "one"),
    "cites_sound": ("cites", "made"),
    "denies_hearing": ("denies", "made"),
    "contradicted": ("contradicts", "made"),
    "fully_grounded": ("grounded", "made"),
    "claims_supported": ("supported", "verified"),
    "think_words": ("words", "made"),
}
"""What is compared: by name, the two columns of mgrd.evaluate.measured whose sums it is the ratio of."""

GAINS = ("accuracy", "claims_supported", "fully_grounded")


def gain(heard: pl.DataFrame, control: pl.DataFrame) -> dict[str, Any]:
    """What the right audio is worth: the traces that heard it (a) against those that did not (b).

    accuracy, interval, denies_hearing, claims_supported, fully_grounded of the control alone, whose claims are judged
    against the right clip, so they are true by chance; `gain`: the differences of some of them, `by_task` of accuracy.
    """
    alone = {name: _share(control, *SHARES[name]) for name in ("accuracy", "denies_hearing", *GAINS[1:])}
    return {
        "n_traces": control.height,
        "failed": int(control.get_column("failed").sum()),
        **alone,
        "interval": interval(control, *SHARES["accuracy"]),
        "gain": {name: paired(heard, control, *SHARES[name]) for name in GAINS},
        "by_task": _by_task(heard, control),
    }


def compare(a: Path, b: Path) -> dict[str, Any]:
    """Paired differences, A - B, of two folders that eval (or filter) wrote over the same questions.

    a, b (folders), settings (`[in a, in b]`, of sampling), n_questions, differences (by name, see SHARES), by_task (of
    accuracy), questions: how many are better, worse, alike in A. Raises InputError when the questions are not the same.
    """
    judged = [folders.find(path, "judged") for path in (a, b)]
    _check_same(judged[0], judged[1])
    one, two = (measured(path)[0].with_columns(one=1) for path in judged)
    shares = [
        side.filter("gold").group_by("question_id").agg(pl.col("right").mean()).sort("question_id")
        for side in (one, two)
    ]
    difference = shares[0].join(shares[1], on="question_id", suffix="_b").select(pl.col("right") - pl.col("right_b"))
    values = difference.to_series()
    return {
        "a": str(judged[0].parent),
        "b": str(judged[1].parent),
        "settings": _settings(judged[0].parent, judged[1].parent),
        "n_questions": one.get_column("question_id").n_unique(),
        "differences": {name: paired(one, two, *columns) for name, columns in SHARES.items()},
        "by_task": _by_task(one, two),
        "questions": {
            "better": int((values > 0).sum()),
            "worse": int((values < 0).sum()),
            "alike": int((values == 0).sum()),
        },
    }


def compare_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The comparison for people: n is how many questions a row rests on, those that count for it in both.

    A difference whose interval holds 0 is no difference that was shown.
    """
    yield f"A {safe(result['a'])}"
    yield f"B {safe(result['b'])}"
    yield from (f"  {safe(name)}: A {safe(str(x))}, B {safe(str(y))}" for name, (x, y) in result["settings"].items())
    yield f"{'':>20}  {'n':>6}  {'A':>7}  {'B':>7}  {'A - B':>7}"
    named = result["differences"] | {f"accuracy, {task}": one for task, one in result["by_task"].items()}
    for name, one in named.items():
        if one is not None:
            shares = f"{one['a']:7.3f}  {one['b']:7.3f}  {one['difference']:+7.3f}"
            yield f"{safe(name):>20}  {one['n_questions']:>6,}  {shares}{bounds(one['interval'])}"
    counts = result["questions"]
    yield f"A is better on {counts['better']:,} questions, worse on {counts['worse']:,}, alike on {counts['alike']:,}"


def control_lines(controls: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What each control answers, and what the right audio adds to it."""
    for name, found in controls.items():
        yield f"{'accuracy, ' + name:>20}  {number(found['accuracy'])}{bounds(found['interval'])}"
        for what, one in found["gain"].items():
            if one is not None:
                n = f"{one['n_questions']:,} questions"
                yield f"{'gain over ' + name:>20}  {one['difference']:+.3f}{bounds(one['interval'])}  of {what}, {n}"


def _by_task(a: pl.DataFrame, b: pl.DataFrame) -> dict[str, Any]:
    sides = [side.partition_by("task", as_dict=True) for side in (a, b)]
    both = sorted(sides[0].keys() & sides[1].keys())
    return {str(key[0]): paired(sides[0][key], sides[1][key], *SHARES["accuracy"]) for key in both}


def _share(rows: pl.DataFrame, hits: str, of: str) -> float | None:
    count = rows.get_column(of).sum()
    return float(rows.get_column(hits).sum()) / float(count) if count else None


def _check_same(a: Path, b: Path) -> None:
    """Raise InputError, naming a question, unless both tables are of the same questions about the same clips."""
    one, two = (_asked(path) for path in (a, b))
    only = [sorted(one.keys() - two.keys()), sorted(two.keys() - one.keys())]
    if any(only):
        where, missing = ((a, b) if only[0] else (b, a)), only[0] or only[1]
        raise InputError(
            f"{missing[0]}: is asked in {where[0].parent} and not in {where[1].parent} ({len(only[0]):,} only in A, "
            f"{len(only[1]):,} only in B); compare evaluations of the same questions"
        )
    for name, (words, clips) in one.items():
        other_words, other_clips = two[name]
        if words != other_words:
            raise InputError(f"{name}: asks something else in {b.parent} than in {a.parent}; these are other questions")
        if clips and other_clips and clips != other_clips:
            raise InputError(
                f"{name}: is about another clip in {b.parent} than in {a.parent}; these are other questions"
            )


def _asked(judged: Path) -> dict[str, tuple[tuple[Any, ...], list[str]]]:
    """By question its words (question, choices, answer) and its clips' hashes, as far as they could be read."""
    found: dict[str, tuple[tuple[Any, ...], list[str]]] = {}
    columns = ["question_id", "question", "choices", "answer", "audio_sha"]
    for part in tables.iter_parts(judged, tables.JUDGED, columns):
        for row in part.iter_rows():
            shas = [sha for sha in row[4] or [] if sha]
            if row[0] not in found or (shas and not found[row[0]][1]):
                found[row[0]] = tuple(row[1:4]), shas
    return found


def _settings(a: Path, b: Path) -> dict[str, list[Any]]:
    one, two = (folders.read_manifest(path).get("generate", {}).get("identity", {}) for path in (a, b))
    return {
        name: [one.get(name), two.get(name)]
        for name in sorted(one.keys() | two.keys())
        if one.get(name) != two.get(name)
    }
