"""What sampling costs: tokens per second while it goes on, and `traces/metrics.json` for afterwards.

Counts of samples and tokens are always those of the complete parts; seconds are summed over the calls of a job, however
often it was stopped (a call that is killed loses those since it last wrote: half a minute, as a rule). Knows nothing of
what a trace is worth: mgrd.yields does.
"""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import tables
from mgrd.engines import gpus_of, load_of

METRICS = "metrics.json"
"""In the folder of the parts."""
NOW_S = 30.0
"""Seconds that `now` looks back, or to the last completion before them: a batch that takes longer is seen whole."""
EVERY_S = 30.0
SHARE = 0.01
"""Of the time, at most, that goes into counting parts."""
MOST_REASONS = 20
PIECES = 32
"""At most, of a writer's sampling: by them its speed is seen to vary."""


def metrics_of(writer: str) -> str:
    """The name of a writer's metrics; that of one that has the folder to itself is `METRICS`."""
    return f"metrics-{writer}.json" if writer else METRICS


class Meter:
    """Tokens per second now and overall, what the engine is busy with, and the time left."""

    def __init__(self, samples: int, engine: object) -> None:
        """Of a call that has `samples` to make; starts now, when the engine has loaded."""
        self.samples, self.engine = samples, engine
        self.done = self.tokens = 0
        self.began = time.monotonic()
        self._marks = deque([(self.began, 0)])
        """When how many tokens were there; the first is the latest that is `NOW_S` old."""
        self.pieces: list[tuple[float, int]] = []
        """Seconds and tokens, one piece after the other; what comes at once is of one piece."""

    def add(self, tokens: int) -> None:
        """One more sample is there, of so many tokens."""
        self.done += 1
        self.tokens += tokens
        at = time.monotonic()
        if at - self._marks[-1][0] < 0.25 and len(self._marks) > 1:  # of one batch: there are not many marks
            self._marks[-1] = (self._marks[-1][0], self.tokens)
            seconds, before = self.pieces[-1]
            self.pieces[-1] = (seconds, before + tokens)
        else:
            self.pieces = fewer([*self.pieces, (at - self._marks[-1][0], tokens)])
            self._marks.append((at, self.tokens))
        while len(self._marks) > 2 and at - self._marks[1][0] >= NOW_S:
            self._marks.popleft()

    @property
    def sampling_s(self) -> float:
        """Seconds since the engine was there."""
        return max(time.monotonic() - self.began, 1e-6)

    @property
    def now(self) -> float:
        """Tokens per second of late."""
        at, tokens = self._marks[0]
        return (self.tokens - tokens) / max(time.monotonic() - at, 1e-6)

    @property
    def overall(self) -> float:
        """Tokens per second of this call, without the engine's start."""
        return self.tokens / self.sampling_s

    @property
    def left_s(self) -> float | None:
        """Seconds left, if samples go on to end as they did; None before the first."""
        return (self.samples - self.done) * self.sampling_s / self.done if self.done else None

    def text(self) -> str:
        """All of it in one line."""
        said = [f"{self.now:,.0f} tok/s ({self.overall:,.0f} overall)"]
        if (load := load_of(self.engine)) is not None:
            said.append(f"{load.running:,} running, {load.waiting:,} waiting")
        return ", ".join([*said, *([] if self.left_s is None else [f"{lasting(self.left_s)} left"])])


class Account:
    """Keeps `metrics.json` of one writer of a traces folder: what all its calls have cost so far.

    A context around sampling: writes at the end, however it ends, but for a folder in which nothing was made yet.
    """

    def __init__(self, path: Path, meter: Meter, began: float, engine_start_s: float) -> None:
        """Go on with what `path` says; this call `began` when it did, by time.monotonic."""
        self.path, self.meter, self.began, self.engine_start_s = path, meter, began, engine_start_s
        self.before = read(path)
        self._due = time.monotonic() + EVERY_S

    def add(self, tokens: int) -> None:
        """One more sample is there, of so many tokens; writes when it is time to."""
        self.meter.add(tokens)
        if (since := time.monotonic()) >= self._due:
            self.write()
            took = time.monotonic() - since
            self._due = since + took + max(EVERY_S, took / SHARE)

    def write(self) -> None:
        """Write what everything has cost up to now, and what is in the parts."""
        gpus, wall_s = gpus_of(self.meter.engine), time.monotonic() - self.began
        spent = {
            "calls": 1,
            "wall_s": wall_s,
            "gpu_s": wall_s * (gpus or 0),
            "engine_start_s": self.engine_start_s,
            "sampling_s": self.meter.sampling_s,
            "sampled_tokens": self.meter.tokens,
        }
        spent = {name: round(self.before.get(name, 0) + value, 2) for name, value in spent.items()}
        told: dict[str, Any] = {"gpus": gpus, "gpu": gpu_name() if gpus else None}
        pieces = fewer([*self.before.get("pieces", []), *self.meter.pieces])
        told |= {"pieces": [[round(seconds, 2), tokens] for seconds, tokens in pieces]}
        speed = {"tokens_per_s": round(spent["sampled_tokens"] / max(spent["sampling_s"], 0.01), 1)}
        tables.write_json(counted(self.path.parent) | spent | told | speed, self.path)

    def __enter__(self) -> Account:
        return self

    def __exit__(self, *_: object) -> None:
        if self.meter.done or self.path.parent.exists():
            self.write()


def fewer(pieces: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """The same pieces, two neighbours joined to one until they are at most PIECES."""
    found = [(seconds, tokens) for seconds, tokens in pieces]
    while len(found) > PIECES:
        pairs = (found[n : n + 2] for n in range(0, len(found), 2))
        found = [(sum(seconds for seconds, _ in pair), sum(tokens for _, tokens in pair)) for pair in pairs]
    return found


def read(path: Path) -> dict[str, Any]:
    """A writer's metrics; empty when there are none."""
    return dict(tables.read_json(path)) if path.exists() else {}


def counted(folder: Path) -> dict[str, Any]:
    """What the complete parts of a traces folder hold.

    samples; finish_reasons and failures, how many of each (the most frequent failures, without the names of their
    questions and clips); audio_s, the seconds of audio that were heard, once a question; prompt_tokens (of every
    sample, also where samples shared one prefill) and completion_tokens.
    """
    by_reason = tables.query(
        folder,
        tables.TRACES,
        ["finish_reason", "prompt_tokens", "completion_tokens"],
        lambda rows: (
            rows.group_by("finish_reason")
            .agg(pl.len(), pl.col("prompt_tokens", "completion_tokens").sum())
            .sort("finish_reason")
        ),
    )
    audio = tables.query(
        folder,
        tables.TRACES,
        ["question_id", "heard_s"],
        lambda rows: (
            rows.group_by("question_id").agg(pl.col("heard_s").list.sum().max()).select(pl.col("heard_s").sum())
        ),
    )
    named = pl.concat_str(pl.col("audio").list.first(), pl.lit(": "))
    failures = tables.query(
        folder,
        tables.TRACES,
        ["question_id", "audio", "error"],
        lambda rows: (
            rows.filter(pl.col("error").is_not_null())
            .select(
                pl.col("error")
                .str.strip_prefix(pl.concat_str("question_id", pl.lit(": ")))
                .str.strip_prefix(named.fill_null(""))
            )
            .group_by("error")
            .agg(pl.len())
            .sort("len", "error", descending=[True, False])
        ),
    )
    told = dict(failures.head(MOST_REASONS).iter_rows())
    if others := failures.slice(MOST_REASONS).get_column("len").sum():
        told["others"] = others
    return {
        "samples": int(by_reason.get_column("len").sum()),
        "finish_reasons": dict(by_reason.select("finish_reason", "len").iter_rows()),
        "failures": told,
        "audio_s": round(float(audio.item() or 0.0), 2),
        "prompt_tokens": int(by_reason.get_column("prompt_tokens").sum()),
        "completion_tokens": int(by_reason.get_column("completion_tokens").sum()),
    }


def gpu_name() -> str | None:
    """The first GPU's name, without making a context on it: the engine may live in other processes."""
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in path.read_text().splitlines():
            if line.startswith("Model:"):
                return line.removeprefix("Model:").strip()
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name(0)) if torch and torch.cuda.is_initialized() else None


def lasting(seconds: float) -> str:
    """Seconds as people read them, in two units at most: `40 s`, `5 min`, `3 h 20 min`, `2 d 4 h`."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    if hours < 100:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


def sized(count: float) -> str:
    """Bytes as people read them: `14 kB`, `3.2 GB`; powers of 1000."""
    if count < 999.5:
        return f"{count:.0f} bytes"
    power = min(int(math.log10(count * 1.0005) / 3), 4)
    count /= 1000**power
    return f"{count:.{0 if count >= 99.5 else 1}f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
