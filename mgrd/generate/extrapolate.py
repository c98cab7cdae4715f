"""What all questions would take, from the first few of them (`--limit`). Knows nothing of engines or prompts."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mgrd import shards, tables, yields
from mgrd.generate.costs import lasting, sized
from mgrd.generate.job import Job
from mgrd.shards import WHOLE
from mgrd.terminal import many

ASSUMES = (
    "the first questions are like the others, and the machine and its settings stay the same",
    "a short run leaves an engine idle towards its end: more questions at once go faster",
)
SIDE_BY_SIDE = "all {} processes sample at the same time, each as fast as the mean of those that have"


def whole(job: Job, asked: pl.DataFrame, questions: int) -> dict[str, Any]:
    """What `questions` like the first ones, `asked`, would take in all; null where nothing tells.

    Tokens with a 95 % prediction interval from the spread over the questions that were asked (Student's t: those that
    were not asked are as many draws more). Hours are tokens by tokens per second so far, without and then with the
    engine's start; their interval is that of the tokens and, for what is left, that of the speed between pieces of the
    run, as if they were independent of each other. Disk is rows by the bytes that one adds to a part, parts by the
    bytes that an empty one would have, and embedded clips by questions; its interval is that of the tokens.
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
    start_s = sum(one["engine_start_s"] for one in noted) / max(calls, 1)
    left = max(tokens - int(sampled.get_column("completion_tokens").sum()), 0.0)
    half_s = _half_s([(s, n) for one in noted for s, n in one.get("pieces", [])], left / together)
    seconds = start_s + tokens / speed if speed else None
    span_s = None
    if seconds is not None and half is not None and half_s is not None:
        either = math.hypot(half / speed, half_s)
        span_s = [max(start_s, seconds - either), seconds + either]
    disk = _disk(job, questions, asked.height, _mean(rates) / max(tokens / (questions * job.options.samples), 1.0))
    return {
        "questions": questions,
        "from_questions": len(counts),
        "samples": questions * job.options.samples,
        "there": sampled.height,
        "tokens": round(tokens),
        "tokens_per_s": round(speed, 1) if speed else None,
        "hours": None if seconds is None else round(seconds / 3600, 4),
        "gpu_hours": None if seconds is None or not gpus else round(seconds / 3600 * gpus, 4),
        "disk_bytes": disk and disk(1.0),
        "intervals": {
            "tokens": None if half is None else [round(max(0.0, tokens - half)), round(tokens + half)],
            "hours": span_s and [round(one / 3600, 4) for one in span_s],
            "disk_bytes": None
            if half is None or disk is None
            else [disk(max(0.0, 1 - half / tokens)), disk(1 + half / tokens)]
            if tokens
            else [disk(1.0)] * 2,
        },
        "assumes": [*ASSUMES, *([SIDE_BY_SIDE.format(together)] if together > 1 else [])],
    }


def _half_s(pieces: Sequence[tuple[float, float]], tokens: float) -> float | None:
    """Half the 95 % interval of the seconds that `tokens` more take, by the (seconds, tokens) of pieces of a run.

    Of the ratio of their sums, by what the pieces leave of it; None from fewer than 2.
    """
    from scipy.special import stdtrit

    if len(pieces) < 2:
        return None if tokens else 0.0
    seconds, made = np.array(pieces, dtype=np.float64).T
    if not made.sum():
        return None
    spread = math.sqrt(float(np.square(seconds - made * seconds.sum() / made.sum()).sum()) / (len(pieces) - 1))
    more = tokens / float(made.mean())
    return float(stdtrit(len(pieces) - 1, 0.975)) * spread * math.sqrt(more + more**2 / len(pieces))


def _disk(job: Job, questions: int, asked: int, rows_per_s: float) -> Callable[[float], int] | None:
    """Bytes of all parts and embedded clips, when texts are so many times as long as those there; None of no part.

    The largest part is written again with half of its rows: what the other half adds is what rows cost, the rest is
    what a part costs without any. A process fills a part in a minute at most.
    """
    found = tables.parts(job.folder)
    if not found:
        return None
    largest = max(found, key=lambda part: (part.stat().st_size, part.name))
    rows = tables.read_table(largest, tables.TRACES)
    with tempfile.TemporaryDirectory(prefix="mgrd-") as scratch:
        tables.write_table(rows.head(rows.height // 2), half := Path(scratch) / "half.parquet", tables.TRACES)
        a_row = (largest.stat().st_size - half.stat().st_size) / (rows.height - rows.height // 2)
    a_part = largest.stat().st_size - a_row * rows.height
    count = questions * job.options.samples
    full = min(tables.PART_ROWS, max(rows_per_s * tables.PART_S, 1.0)) if rows_per_s else tables.PART_ROWS
    clips = sum(path.stat().st_size for path in (job.out / "audio").glob("*")) * questions / max(asked, 1)
    return lambda longer: round(a_part * math.ceil(count / full) + a_row * count * longer + clips)


def _noted(folder: Path, together: int) -> list[dict[str, Any]]:
    """The metrics of the writers of a job in `together` pieces; of all writers when none of those has noted any."""
    found = [(shards.named(path.name) or WHOLE, tables.read_json(path)) for path in sorted(folder.glob(yields.METRICS))]
    return [one for shard, one in found if shard.count == together] or [one for _, one in found]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def whole_lines(found: Mapping[str, Any]) -> list[str]:
    """The same for people; nothing of work that is done."""
    if found["there"] >= found["samples"]:
        return []
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
    every = f"{many(found['questions'], 'question')} ({many(found['samples'], 'sample')})"
    asked = f"All {every}, from {found['from_questions']:,}"
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
