"""What was left of what sampling cost: tokens and hours for a trace that is trained on, and what objections threw away.

Reads the tables that generate and filter wrote and the `metrics.json` beside the traces; the same files give the same
figures. Knows nothing of engines or checks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, tables

METRICS = "metrics*.json"
"""In the folder of traces: one a writer (mgrd.generate.costs)."""
COST = "metrics.json"
"""In the folder of judged traces: what `cost` found."""
SPENT = ("calls", "wall_s", "gpu_s", "engine_start_s", "sampling_s", "sampled_tokens")


def spent(traces: Path | None) -> dict[str, float]:
    """Seconds and tokens that all writers of a traces folder have spent, in all calls; zeros where nobody noted it."""
    noted = [tables.read_json(path) for path in sorted(traces.glob(METRICS))] if traces else []
    return {name: round(sum(one.get(name, 0) for one in noted), 2) for name in SPENT}


def cost(judged: Path, survivors: int, traces: Path) -> dict[str, Any]:
    """What the survivors of judged traces cost; null where nothing was noted, or nothing survived.

    `traces` is what was judged: a run, a round or a stage, a folder of parts, or a file made elsewhere.

    tokens: completion tokens of all traces. tokens_per_survivor. wasted_tokens: by `rule.check`, the completion tokens
    of the traces that it objects to; a trace with two objections counts for both. accepted_per_hour, over the seconds
    of all calls of generate, and accepted_per_gpu_hour, which are GPU seconds: those times GPUs.
    """
    tokens = 0
    wasted: Counter[str] = Counter()
    for part in tables.iter_parts(judged, tables.JUDGED, ["completion_tokens", "objections"]):
        tokens += int(part.get_column("completion_tokens").sum())
        named = (
            part.with_columns(pl.col("completion_tokens").fill_null(0))
            .with_row_index("row")
            .explode("objections")
            .unnest("objections")
            .drop_nulls("check")
            .select("row", pl.concat_str("rule", pl.lit("."), "check").alias("name"), "completion_tokens")
            .unique(["row", "name"])
        )
        for name, count in named.group_by("name").agg(pl.col("completion_tokens").sum()).iter_rows():
            wasted[name] += count
    noted = spent(_parts_of(traces))
    return {
        "tokens": tokens,
        "tokens_per_survivor": round(tokens / survivors, 1) if survivors and tokens else None,
        "wasted_tokens": dict(sorted(wasted.items())),
        "accepted_per_hour": _per_hour(survivors, noted["wall_s"]),
        "accepted_per_gpu_hour": _per_hour(survivors, noted["gpu_s"]),
    }


def line(found: Mapping[str, Any]) -> str | None:
    """What a survivor cost, in a few words; None when nothing is known of it."""
    said = [
        f"{_figure(found[name])} {words}"
        for name, words in (
            ("tokens_per_survivor", "tokens each"),
            ("accepted_per_hour", "an hour"),
            ("accepted_per_gpu_hour", "a GPU hour"),
        )
        if found[name] is not None
    ]
    return ", ".join(said) or None


def _figure(value: float) -> str:
    return f"{value:,.{0 if value >= 100 else 1}f}" if value >= 1 else f"{value:.2g}"


def round_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for every round of a run (its metrics.json) that has survivors and knows what they cost."""
    return [
        f"Round {row['round']}: {row['filter']['survivors']:,} survivors, {said}"
        for row in rows
        if row.get("cost") and (said := line(row["cost"]))
    ]


def _parts_of(traces: Path) -> Path | None:
    """The folder that `metrics.json` lies in, if generate has made the traces."""
    found = folders.find(traces, "traces")
    found = found if found.is_dir() else found.parent
    return found if found.name == "traces" else None


def _per_hour(count: int, seconds: float) -> float | None:
    """None of no survivors, and from less than a second, which tells nothing."""
    if not count or seconds < 1:
        return None
    rate = count / (seconds / 3600)
    return round(rate, 1) if rate >= 1 else float(f"{rate:.2g}")
