"""What all questions would take, from the first few of them (`--limit`). Knows nothing of engines or prompts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mgrd import shards, tables, yields
from mgrd.generate.costs import lasting, sized
from mgrd.generate.job import Job
from mgrd.shards import WHOLE

ASSUMES = (
    "the first questions are like the others, and the machine and its settings stay the same",
    "a short run leaves an engine idle towards its end: more questions at once go faster",
)
SIDE_BY_SIDE = "all {} processes sample at the same time, each as fast as the mean of those that have"


def whole(job: Job, asked: pl.DataFrame, questions: int) -> dict[str, Any]:
    """What `questions` like the first ones, `asked`, would take in all; null where nothing tells.

    Tokens with a 95 % prediction interval from the spread over the questions that were asked (Student's t: those that
    were not asked are as many draws more). Hours are tokens by tokens per second so far, without and then with the
    engine's start; disk is bytes by tokens, and embedded clips by questions; their intervals are that of the tokens.
    Tokens per second and GPUs are those of all processes together, shards times `data_parallel`, each like the mean of
    those that have noted theirs: one that got none of the few questions noted nothing.
    """
    sampled = tables.read_table(job.folder, tables.TRACES, ["question_id", "completion_tokens"])
    each = sampled.group_by("question_id").agg(pl.col("completion_tokens").mean()).sort("question_id")
    mine = each.filter(pl.col("question_id").is_in(asked.get_column("id").to_list()))
    counts = mine.get_column("completion_tokens").fill_null(0.0).to_numpy() * job.options.samples
    tokens, half = _predicted(counts, questions)
    together = job.shard.count * job.options.data_parallel
    noted = _noted(job.folder, together)
    rates = [one["sampled_tokens"] / one["sampling_s"] for one in noted if one["sampling_s"]]
    speed = _mean(rates) * together
    gpus = _mean([one["gpus"] or 0 for one in noted]) * together
    calls = sum(one["calls"] for one in noted)
    here = int(sampled.get_column("completion_tokens").sum())
    size = sum(path.stat().st_size for path in tables.parts(job.folder))
    clips = sum(path.stat().st_size for path in (job.out / "audio").glob("*")) * questions / max(asked.height, 1)
    start_s = sum(one["engine_start_s"] for one in noted) / max(calls, 1)

    def hours(count: float) -> float | None:
        return round((start_s + count / speed) / 3600, 4) if speed else None

    def disk(count: float) -> int | None:
        return round(size * count / here + clips) if here else None

    bounds = None if half is None else [max(0.0, tokens - half), tokens + half]
    return {
        "questions": questions,
        "from_questions": len(counts),
        "samples": questions * job.options.samples,
        "tokens": round(tokens),
        "tokens_per_s": round(speed, 1) if speed else None,
        "hours": hours(tokens),
        "gpu_hours": round((hours(tokens) or 0.0) * gpus, 4) if gpus else None,
        "disk_bytes": disk(tokens),
        "intervals": {
            "tokens": bounds and [round(count) for count in bounds],
            "hours": bounds and [hours(count) for count in bounds],
            "disk_bytes": bounds and [disk(count) for count in bounds],
        },
        "assumes": [*ASSUMES, *([SIDE_BY_SIDE.format(together)] if together > 1 else [])],
    }


def _noted(folder: Path, together: int) -> list[dict[str, Any]]:
    """The metrics of the writers of a job in `together` pieces; of all writers when none of those has noted any."""
    found = [(shards.named(path.name) or WHOLE, tables.read_json(path)) for path in sorted(folder.glob(yields.METRICS))]
    return [one for shard, one in found if shard.count == together] or [one for _, one in found]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def whole_lines(found: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    spans = found["intervals"]

    def told(name: str, write: Callable[[float], str], unit: str = "") -> list[str]:
        if found[name] is None:
            return []
        span = f" ({' to '.join(map(write, spans[name]))})" if spans[name] else ""
        return [f"{write(found[name])}{unit}{span}"]

    figures = [
        *told("hours", lambda hours: lasting(hours * 3600)),
        *told("tokens", lambda tokens: f"{tokens:,.0f}", " tokens"),
        *told("disk_bytes", sized),
    ]
    gpus = "" if found["gpu_hours"] is None else f"; {found['gpu_hours']:,.1f} GPU hours"
    asked = f"All {found['questions']:,} questions ({found['samples']:,} samples), from {found['from_questions']:,}"
    return [f"{asked}: {'; '.join(figures)}{gpus}", *(f"  assumes: {one}" for one in found["assumes"])]


def _predicted(counts: np.typing.NDArray[np.float64], total: int) -> tuple[float, float | None]:
    """The sum over `total` questions when `counts` are those of some; half its 95 % interval, None from fewer than 2.

    The prediction interval of the sum of `rest` more draws: t s rest sqrt(1/n + 1/rest).
    """
    from scipy.special import stdtrit

    n = len(counts)
    rest = max(total - n, 0)
    mean = float(counts.mean()) if n else 0.0
    if not rest:
        return float(counts.sum()), 0.0
    if n < 2:
        return mean * total, None
    spread = float(counts.std(ddof=1)) * math.sqrt(1 / n + 1 / rest)
    return float(counts.sum()) + mean * rest, float(stdtrit(n - 1, 0.975)) * spread * rest
