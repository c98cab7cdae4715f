"""Two judgements of the same traces side by side: what the one keeps and the other drops, and why.

Reads what `mgrd filter` wrote under two settings, e.g. `-o a` and `-o b --without length`; judges nothing itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, tables
from mgrd.errors import InputError
from mgrd.terminal import safe

EXAMPLES = 3
"""Of each check and side that makes a difference."""

SELECTION = "selection"
"""Stands in the place of a check for what passed and was not kept."""

_WIDTH = 300
_HASH = re.compile("[0-9a-f]{16,}")
"""Tells a reader nothing; --json has it."""


def compare(a: Path, b: Path) -> dict[str, Any]:
    """What two folders that filter wrote (or runs, or rounds: their last) keep and drop differently.

    Traces are matched by id. A trace counts as kept when selection kept it; where one of the folders has no selection,
    when it passed. Returns `settings` that differ, counts of traces and questions, `checks` that object to other traces
    (`selection` among them), and `examples` with the reasons of the side that drops. Raises InputError when the folders
    share no trace, or when a trace of the same id says something else in the other.
    """
    sides = [_side(path) for path in (a, b)]
    by = "kept" if all(side.selection for side in sides) else "passed"
    rows = [_rows(side, by) for side in sides]
    both = rows[0].join(rows[1], on="trace_id", how="inner", suffix="_b", maintain_order="left")
    if not both.height:
        raise InputError(f"{a} and {b} share no trace; compare two judgements of the same traces")
    if (other := both.filter(pl.col("text") != pl.col("text_b"))).height:
        raise InputError(f"{other['trace_id'][0]}: has another text in {b} than in {a}; these are not the same traces")
    questions = both.group_by("question_id").agg(pl.col("kept").any(), pl.col("kept_b").any())
    return {
        "a": str(sides[0].folder),
        "b": str(sides[1].folder),
        "by": by,
        "settings": _settings(*(side.settings for side in sides)),
        "traces": {"both": both.height, **{f"only_{n}": rows[i].height - both.height for i, n in enumerate("ab")}},
        "kept": _crossed(both),
        "questions": _crossed(questions),
        "checks": _checks(both),
        "examples": _examples(both, sides),
    }


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The comparison for people."""
    yield f"A {result['a']}"
    yield f"B {result['b']}"
    for name, (in_a, in_b) in result["settings"].items():
        is_hash = _HASH.fullmatch(str(in_a)) or _HASH.fullmatch(str(in_b))
        yield f"  {name}: differs" if is_hash else f"  {name}: A {in_a}, B {in_b}"
    alone = ", ".join(f"{result['traces'][f'only_{n}']:,} only in {n.upper()}" for n in "ab")
    yield f"{result['traces']['both']:,} traces in both, {alone}"
    for what, verb in (("kept", f"traces {result['by']}"), ("questions", f"questions with a trace {result['by']}")):
        one = result[what]
        yield (
            f"{verb}: {one['both']:,} in both, {one['only_a']:,} in A alone, {one['only_b']:,} in B alone, "
            f"{one['neither']:,} in neither"
        )
    if result["checks"]:
        yield f"{'drops in':>10} {'A':>8} {'B':>8} {'A alone':>8} {'B alone':>8}"
    for name, n in result["checks"].items():
        yield f"{'':>10} {n['a']:>8,} {n['b']:>8,} {n['only_a']:>8,} {n['only_b']:>8,}  {name}"
    for one in result["examples"]:
        dropped_by = "B" if one["kept_by"] == "a" else "A"
        yield ""
        yield f"{safe(one['trace_id'])}: {result['by']} by {one['kept_by'].upper()}; {dropped_by} says:"
        yield from (f"  {safe(why)}" for why in one["why"])
        yield f"  question  {safe(_short(one['question']))}"
        yield f"  think     {safe(_short(one['think']))}"
        yield f"  response  {safe(_short(one['response']))}"


@dataclass(frozen=True, slots=True)
class _Side:
    """One judgement."""

    folder: Path
    judged: Path
    selection: Path | None
    settings: dict[str, Any]


def _side(path: Path) -> _Side:
    judged = folders.find(path, "judged")
    selection = judged.parent / "selection.parquet"
    identity = folders.read_manifest(judged.parent).get("filter", {}).get("identity", {})
    return _Side(judged.parent, judged, selection if selection.exists() else None, dict(identity))


def _rows(side: _Side, by: str) -> pl.DataFrame:
    """A small row a trace: whether it is kept, what objects to it, and a hash of its text."""
    names = pl.element().struct.field("rule") + "." + pl.element().struct.field("check")
    columns = ["trace_id", "question_id", "completion", "objections", "passed"]
    parts = [
        part.select(
            "trace_id",
            "question_id",
            pl.col("completion").fill_null("").hash().alias("text"),
            pl.col("objections").list.eval(names).alias("checks"),
            "passed",
        )
        for part in tables.iter_parts(side.judged, tables.JUDGED, columns)
    ]
    if not parts:
        raise InputError(f"{side.judged}: holds no judged traces; run mgrd filter first")
    rows = pl.concat(parts)
    if by == "passed" or side.selection is None:
        return rows.with_columns(kept="passed")
    kept = tables.read_table(side.selection, tables.SELECTION, ["trace_id", "kept"])
    rows = rows.join(kept, on="trace_id", how="left", maintain_order="left").with_columns(
        pl.col("kept").fill_null(value=False)
    )
    not_chosen = pl.col("passed") & ~pl.col("kept")
    return rows.with_columns(checks=pl.when(not_chosen).then(pl.lit([SELECTION])).otherwise("checks"))


def _crossed(both: pl.DataFrame) -> dict[str, int]:
    counts = Counter(both.select("kept", "kept_b").iter_rows())
    return {
        "both": counts[True, True],
        "only_a": counts[True, False],
        "only_b": counts[False, True],
        "neither": counts[False, False],
    }


def _checks(both: pl.DataFrame) -> dict[str, dict[str, int]]:
    """By name how many traces a check drops in each, of those that do not drop the same; most differences first."""
    found: dict[str, Counter[str]] = {}
    for in_a, in_b in both.select("checks", "checks_b").iter_rows():
        if in_a or in_b:
            one, other = set(in_a), set(in_b)
            for name in one | other:
                count = found.setdefault(name, Counter(a=0, b=0, only_a=0, only_b=0))
                count["a"] += name in one
                count["b"] += name in other
                count["only_a"] += name not in other
                count["only_b"] += name not in one
    differing = {name: dict(count) for name, count in found.items() if count["only_a"] or count["only_b"]}
    return dict(sorted(differing.items(), key=lambda item: (-item[1]["only_a"] - item[1]["only_b"], item[0])))


def _examples(both: pl.DataFrame, sides: list[_Side]) -> list[dict[str, Any]]:
    """The first traces in order that each check of each side drops and the other side keeps, with the reasons."""
    differing = both.filter(pl.col("kept") != pl.col("kept_b")).sort("trace_id")
    chosen: dict[str, str] = {}
    taken: Counter[tuple[str, str]] = Counter()
    for trace_id, kept, in_a, in_b in differing.select("trace_id", "kept", "checks", "checks_b").iter_rows():
        kept_by = "a" if kept else "b"
        names = [(kept_by, name) for name in (in_b if kept else in_a)]
        if any(taken[name] < EXAMPLES for name in names):
            taken.update(names)
            chosen[trace_id] = kept_by
    told = {
        name: _told(side, [one for one, by in chosen.items() if by != name])
        for name, side in zip("ab", sides, strict=True)
    }
    return [told["b" if by == "a" else "a"][trace_id] | {"kept_by": by} for trace_id, by in chosen.items()]


def _told(side: _Side, trace_ids: list[str]) -> dict[str, dict[str, Any]]:
    """What these traces say, and why this side drops them."""
    if not trace_ids:
        return {}
    columns = ["trace_id", "question_id", "question", "answer", "predicted", "think", "response", "objections"]
    chosen = pl.col("trace_id").is_in(trace_ids)
    parts = [part.filter(chosen) for part in tables.iter_parts(side.judged, tables.JUDGED, columns)]
    found = {row["trace_id"]: row for row in tables.rows_of(pl.concat(parts))}
    left_out: dict[str, str] = {}
    if side.selection:
        rows = tables.read_table(side.selection, tables.SELECTION, ["trace_id", "why"]).filter(chosen)
        left_out = dict(rows.iter_rows())
    for row in found.values():
        objections = [f"{one['rule']}.{one['check']}: {one['reason']}" for one in row.pop("objections")]
        row["why"] = objections or [f"{SELECTION}: {left_out.get(row['trace_id'])}"]
    return found


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The settings that differ, `[in a, in b]` by name; of lists, what only one of them has."""
    flat = [dict(_flat(one)) for one in (a, b)]
    found = {}
    for name in sorted(flat[0].keys() | flat[1].keys()):
        one, other = flat[0].get(name), flat[1].get(name)
        if one == other:
            continue
        if isinstance(one, list) and isinstance(other, list):
            one, other = [x for x in one if x not in other], [x for x in other if x not in one]
        found[name] = [one, other]
    return found


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _short(text: str | None) -> str:
    shown = " ".join((text or "").split())
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 1]}…"
