"""The perception-grounded question set, by measurement: hard enough, not too hard, and not solved without the audio.

The paper chooses by need ("requires direct acoustic feature analysis", section 4.2) and does not say how; here need is
what is lost when the audio is (`--control`). Reads what generate, filter and eval wrote; runs no model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import polars as pl

from mgrd import folders, tables
from mgrd.errors import InputError, MgrdError, MisusedError
from mgrd.matchers import decide
from mgrd.options import Questions
from mgrd.progress import Story
from mgrd.questions import audio_base, read_questions
from mgrd.settings import mapping

MEASURED: dict[str, pl.DataType] = {
    "pass_rate": pl.Float64(),
    "samples": pl.Int32(),
    "necessity": pl.Float64(),
    "control": pl.String(),
    "control_rate": pl.Float64(),
    "control_samples": pl.Int32(),
}
"""What is written beside a question: its share of right answers with the audio, and under the best control."""

WHY = {
    "no_traces": "no traces with the audio",
    "no_gold": "no gold answer",
    "few_samples": "too few samples with the audio",
    "too_hard": "too hard",
    "too_easy": "too easy",
    "few_control_samples": "too few samples without the audio",
    "not_needed": "solved without the audio",
}
"""Why a question is left out, in the order in which it is decided."""


@dataclass(slots=True)
class _Tally:
    """What was answered to one question, by control (None: with the audio)."""

    asked: tuple[Any, ...]
    right: Counter[str | None] = field(default_factory=Counter)
    samples: Counter[str | None] = field(default_factory=Counter)
    has_gold: bool = False


def select_questions(
    source: str,
    traces: Sequence[Path],
    out: Path,
    options: Questions,
    *,
    audio_root: Path | None = None,
    story: Story | None = None,
) -> dict[str, Any]:
    """Write the questions of `source` that traces show to be worth asking, in their order, with MEASURED as columns.

    pass_rate: share of right answers among the samples that were made with the audio. necessity: pass_rate less the
    share under the control that answers most (of those with `min_samples`). Those left out go to FILE.left-out.jsonl
    with why. A folder of eval brings its controls along; traces that were not judged are matched here, by our matcher.
    Returns out, questions, kept, left_out (counts by name), controls (samples by name), unjudged (traces that were
    matched here), bounds (what was asked for) and figures: of pass_rate and necessity, over the kept and over all
    questions, on how many it rests (n), their mean, least and most. Raises MisusedError for another
    ending than .jsonl and .parquet, InputError when traces are of another question of the same id or lack a control
    that `necessity` needs, MgrdError when nothing is kept.
    """
    story = story or Story()
    if out.suffix not in (".jsonl", ".parquet"):
        raise MisusedError(f"-o {out}: give a file that ends in .jsonl or .parquet")
    asked = read_questions(
        source,
        audio_root=audio_root,
        mapping=mapping(options.map),
        audio_out=out.parent / "audio",
        limit=options.limit,
    )
    tallies, unjudged = _tallied(traces)
    if unjudged:
        story.note(f"{unjudged:,} traces are not judged: they are matched here, by our matcher and no judge")
    controls = sum((tally.samples for tally in tallies.values()), Counter[str | None]())
    if options.necessity is not None and not controls.keys() - {None}:
        raise InputError(
            f"--necessity: no trace of {', '.join(map(str, traces))} was sampled without the audio; "
            "sample some with mgrd eval QUESTIONS -m MODEL --control swap"
        )
    kept, left_out = [], []
    for row in tables.rows_of(asked):
        tally = tallies.get(row["id"])
        if tally is not None and tally.asked != _words(row):
            raise InputError(f"{row['id']}: asks something else in the traces than in {source}; give its own traces")
        measured = _measured(tally, options.min_samples)
        why = _left_out(tally, measured, options)
        if why is None:
            kept.append(row | measured)
        else:
            left_out.append({"id": row["id"], "why": why, **measured})
    counts = Counter(one["why"] for one in left_out)
    named = {name: counts[name] for name in WHY if counts[name]}
    if not kept:
        told = ", ".join(f"{count:,} {WHY[name]}" for name, count in named.items())
        raise MgrdError(
            f"none of {asked.height:,} questions is kept: {told}; {_way_out(named, tallies, asked, options)}"
        )
    aside = out.with_name(f"{out.stem}.left-out.jsonl")
    _write(kept, out)
    _write_lines(left_out, aside)
    base = audio_base(source, audio_root).resolve()
    if base != out.parent.resolve() and not all(path.startswith("audio/") for row in kept for path in row["audio"]):
        story.note(f"The clips lie under {base}: ask these questions with --audio-root {base}")
    return {
        "out": str(out),
        "questions": asked.height,
        "kept": len(kept),
        "left_out": named,
        "controls": {name: controls[name] for name in sorted(one for one in controls if one is not None)},
        "unjudged": unjudged,
        "bounds": {
            "pass_rate": list(options.pass_rate) if options.pass_rate else None,
            "necessity": options.necessity,
            "min_samples": options.min_samples,
        },
        "figures": {
            name: {"kept": _spread(kept, name), "all": _spread([*kept, *left_out], name)}
            for name in ("pass_rate", "necessity")
        },
    }


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The counts for people, with the bound that each rests on, and the figures of what was kept beside all."""
    least = result["bounds"]["min_samples"]
    low, high = result["bounds"]["pass_rate"] or (None, None)
    beside = {
        "few_samples": f"fewer than {least}",
        "few_control_samples": f"fewer than {least}",
        "too_hard": f"pass rate below {low:.3g}" if low is not None else "",
        "too_easy": f"pass rate above {high:.3g}" if high is not None else "",
        "not_needed": f"necessity below {result['bounds']['necessity']}",
    }
    for name, count in result["left_out"].items():
        yield f"{count:>8,}  left out: {WHY[name]}" + (f" ({beside[name]})" if name in beside else "")
    for name, found in result["figures"].items():
        for of, one in found.items():
            if one["n"]:
                spread = f"mean {one['mean']:.3f}, {one['least']:.3f} to {one['most']:.3f}"
                yield f"{name.replace('_', ' '):>10} of {of:<4}  {spread}, over {one['n']:,} questions"
    yield f"{result['kept']:,} of {result['questions']:,} questions kept: {result['out']}"


def _spread(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    values = [row[name] for row in rows if row[name] is not None]
    if not values:
        return {"n": 0, "mean": None, "least": None, "most": None}
    return {"n": len(values), "mean": round(fmean(values), 9), "least": min(values), "most": max(values)}


def _way_out(named: Mapping[str, int], tallies: Mapping[str, _Tally], asked: pl.DataFrame, options: Questions) -> str:
    """What to do when nothing was kept, by why most of it was not: the bound that is named was given."""
    most = max(named, key=lambda name: named[name])
    if most == "no_traces":
        ids = asked.get_column("id")
        is_other = ids.is_in(list(tallies)).sum() == 0
        return "these traces are of other questions" if is_other else "sample these questions too"
    if most == "no_gold":
        return "give the questions their answers, or leave out --pass-rate and --necessity"
    if most in ("few_samples", "few_control_samples"):
        found = [tally.samples for tally in tallies.values()]
        heard = max((samples[None] for samples in found), default=0)
        unheard = max((n for samples in found for name, n in samples.items() if name is not None), default=0)
        least, there = options.min_samples, heard if most == "few_samples" else unheard
        where = "" if most == "few_samples" else " under a control"
        return f"--min-samples is {least} and the most of any question is {there}{where}: sample more, or lower it"
    if most == "not_needed":
        return "lower --necessity"
    return "lower the first of --pass-rate" if most == "too_hard" else "raise the second of --pass-rate"


def _tallied(traces: Sequence[Path]) -> tuple[dict[str, _Tally], int]:
    """What was answered to each question, and how many of the traces were not judged."""
    tallies: dict[str, _Tally] = {}
    unjudged = 0
    for table in _tables(traces):
        columns = ["question_id", "question", "choices", "answer", "response", "control", "error"]
        is_judged = _is_judged(table)
        for part in tables.iter_parts(table, tables.JUDGED, [*columns, *(["correct"] if is_judged else [])]):
            unjudged += 0 if is_judged else part.height
            for row in tables.rows_of(part):
                _count(tallies, row, table)
    return tallies, unjudged


def _tables(traces: Sequence[Path]) -> list[Path]:
    """The parts of every folder or file given, and of the controls of an evaluation; each once, judged if they are."""
    found: dict[Path, Path] = {}
    for path in traces:
        for folder in (path, *sorted(path.glob("control-*"))):
            try:
                for part in _parts(folder):
                    found.setdefault(part.resolve(), part)
            except InputError:
                if folder is path:
                    raise  # a control may not be sampled yet
    if not found:
        raise InputError(f"{', '.join(map(str, traces))}: holds no traces; sample some with mgrd generate or mgrd eval")
    return list(found.values())


def _parts(folder: Path) -> list[Path]:
    """The parts of a folder or file: each judged one, and those of the traces that are not judged yet."""
    if folder.is_file() or folder.name == "judged":
        return tables.parts(folder)
    if (folder / "judged").is_dir() and not (folder / "traces").is_dir():
        return tables.parts(folder / "judged")
    traces = folders.find(folder, "traces")
    return [
        judged if _is_of(judged := traces.parent / "judged" / part.name, part) else part
        for part in tables.parts(traces)
    ]


def _is_of(judged: Path, traces: Path) -> bool:
    """Whether a judged part is there and is that of the traces as they are now: retried samples change a part."""
    same = ["trace_id", "completion", "error"]
    return judged.is_file() and tables.read_table(judged, tables.JUDGED, same).equals(
        tables.read_table(traces, tables.TRACES, same)
    )


def _is_judged(table: Path) -> bool:
    return tables.holds_traces(table) and "correct" in pl.scan_parquet(table, glob=False).collect_schema()


def _count(tallies: dict[str, _Tally], row: Mapping[str, Any], where: Path) -> None:
    tally = tallies.setdefault(row["question_id"], _Tally(_words(row)))
    if tally.asked != _words(row):
        raise InputError(f"{where}: {row['question_id']} asks something else than in the other traces")
    if row["error"] is not None:
        return
    if "correct" in row:
        correct = row["correct"]
    else:
        correct = decide(row["response"] or "", row["choices"], row["answer"]).correct
    tally.has_gold = row["answer"] is not None
    tally.samples[row["control"]] += 1
    tally.right[row["control"]] += bool(correct)


def _words(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["question"], row["choices"], row["answer"]


def _measured(tally: _Tally | None, least: int) -> dict[str, Any]:
    """MEASURED of a question, null where there is too little to tell."""
    found: dict[str, Any] = dict.fromkeys(MEASURED) | {"samples": 0}
    if tally is None or not tally.has_gold:
        return found
    count = tally.samples[None]
    found |= {"samples": count, "pass_rate": tally.right[None] / count if count else None}
    rates = {name: tally.right[name] / n for name, n in sorted(tally.samples.items(), key=str) if name and n >= least}
    if rates:
        best = max(rates, key=lambda name: rates[name])
        found |= {"control": best, "control_rate": rates[best], "control_samples": tally.samples[best]}
        if count:
            found["necessity"] = round(found["pass_rate"] - rates[best], 9)  # so that .7 - .4 is at least .3
    return found


def _left_out(tally: _Tally | None, measured: Mapping[str, Any], options: Questions) -> str | None:
    """Why a question is left out; None keeps it."""
    if options.pass_rate is None and options.necessity is None:
        return None
    if tally is None or not tally.samples:
        return "no_traces"
    if not tally.has_gold:
        return "no_gold"
    if measured["samples"] < options.min_samples:
        return "few_samples"
    if options.pass_rate is not None:
        low, high = options.pass_rate
        if measured["pass_rate"] < low:
            return "too_hard"
        if measured["pass_rate"] > high:
            return "too_easy"
    if options.necessity is not None:
        if measured["necessity"] is None:
            return "few_control_samples"
        if measured["necessity"] < options.necessity:
            return "not_needed"
    return None


def _write(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    if out.suffix == ".parquet":
        tables.write_table(rows, out, tables.QUESTIONS | MEASURED)
    else:
        _write_lines(rows, out)


def _write_lines(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    with tables.atomic(out) as partial:
        partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
