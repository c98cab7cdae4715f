"""Time, memory and size of `mgrd report` for a run of three rounds of 100,000 traces, made up of random texts.

    mgrd bench report                       # 100,000 traces, some minutes
    mgrd bench report --traces 9000         # a small one
    mgrd bench report --write               # into docs/benchmarks.md

Texts have 120 words and six claims, a third of the traces an objection, each clip is 15 s of noise, as large as MP3
gets. What it does not measure: reading from a slow disk, since the run was written just before.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))

from page import show, write_section

from mgrd import tables
from mgrd.audio import cache, measure
from mgrd.audio.load import clip_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
ROUNDS, SAMPLES, PART_ROWS, HELD_OUT, CLIPS = 3, 8, 256, 1000, 60
CHECKS = {
    "acoustic": ("cites_sound", "true_to_waveform", "within_clip", "not_from_words"),
    "logic": ("fluent", "no_contradiction", "no_loops"),
    "correctness": ("right_answer",),
}
CUES = (
    "pitch.level",
    "pitch.contour",
    "rate.level",
    "loudness.level",
    "pause.presence",
    "voice.quality",
    "event.count",
)
WORDS = [f"word{number}" for number in range(3000)]
MOST_S, MOST_BYTES = 60.0, 20_000_000


def main() -> None:
    """Make a run, report it, say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=100_000, help="Of all rounds together.")
    parser.add_argument("--json", action="store_true", help="One JSON object.")
    parser.add_argument("--write", action="store_true", help=f"Also write the section of {PAGE.name}.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        make_run(run, given.traces)
        found = measured(run)
    section = lines(found, given.traces)
    show({"report": section}, as_json=given.json)
    if given.write:
        write_section(PAGE, "report", section)


def make_run(run: Path, traces: int) -> None:
    """Three rounds with held-out traces, clips, measurements and losses."""
    rng = random.Random(0)
    clips(run)
    for number in range(ROUNDS + 1):
        here = run / f"round-{number:02d}"
        judged(here / "eval", HELD_OUT, number, rng)
        if number:
            judged(here, traces // ROUNDS, number, rng)
            select(here)
            tables.write_json({"losses": [1 + rng.random() for _ in range(2000)]}, here / "distill.json")
        tables.write_json({"round": number, "stages": {"generate": {"seconds": 60.0}}}, here / "metrics.json")
        tables.write_json({"filter": {"audio_root": "../clips", "audio_out": "audio"}}, here / "manifest.json")


def clips(run: Path) -> None:
    """Clips that sound different and one clip's measurements for all of them: measuring is no part of a report."""
    import soundfile

    (run / "clips").mkdir(parents=True)
    rng = np.random.default_rng(0)
    row: dict[str, Any] = {}
    rows = []
    for number in range(CLIPS):
        samples = rng.normal(0, 0.1, 15 * 16000).astype(np.float32)
        soundfile.write(run / "clips" / f"{number}.wav", samples, 16000)
        row = row or cache.to_row(measure.measure(clip_of(samples, 16000)))
        rows.append(row | {"audio_sha": f"sha{number}"})
    tables.write_table(rows, run / "measurements.parquet", cache.MEASUREMENTS)


def judged(folder: Path, count: int, number: int, rng: random.Random) -> None:
    """Parts of as many rows as generate writes."""
    base = pl.DataFrame([trace(rng) for _ in range(PART_ROWS)], schema=tables.JUDGED, orient="row")
    for part, start in enumerate(range(0, count, PART_ROWS)):
        size = min(PART_ROWS, count - start)
        questions = [f"q{(start + i) // SAMPLES}" for i in range(size)]
        thinks = [" ".join(rng.choices(WORDS, k=120)) for _ in range(size)]
        rows = base.head(size).with_columns(
            pl.Series("trace_id", [f"{name}.{number}.{(start + i) % SAMPLES}" for i, name in enumerate(questions)]),
            pl.Series("question_id", questions),
            pl.Series("think", thinks),
        )
        tables.write_table(rows, folder / "judged" / f"part-{part:06d}.parquet", tables.JUDGED)


def trace(rng: random.Random) -> dict[str, Any]:
    """A row of the judged table."""
    clip = rng.randrange(CLIPS)
    rule = rng.choice(list(CHECKS)) if rng.random() < 1 / 3 else None
    objections = [{"rule": rule, "check": rng.choice(CHECKS[rule]), "reason": "because"}] if rule else []
    return dict.fromkeys(tables.JUDGED) | {
        "audio": [f"{clip}.wav"], "audio_sha": [f"sha{clip}"], "question": "Which way does the pitch go?",
        "choices": ["up", "down"], "answer": "up", "task": "pitch", "prompt": "Listen.", "completion": "up",
        "response": "up", "finish_reason": "stop", "completion_tokens": 160, "predicted": "up",
        "correct": rule != "correctness", "objections": objections, "passed": not rule,
        "claims": [claim(rng, place) for place in range(6)],
    }  # fmt: skip


def claim(rng: random.Random, place: int) -> dict[str, Any]:
    """A claim with a verdict."""
    verdict = rng.choice(("supported", "supported", "supported", "unverifiable", "contradicted"))
    return {
        "start": 40 * place, "end": 40 * place + 20, "text": "the pitch rises here", "cue": rng.choice(CUES),
        "kind": "trend", "scope": "whole", "polarity": 1, "modality": "asserted", "claimed": "rising", "z": 2.5,
        "verdict": verdict, "why": "claims rising, measured +3.1 st/s", "confidence": 0.9,
    }  # fmt: skip


def select(here: Path) -> None:
    """Keep every second trace that passed."""
    rows = tables.read_table(here / "judged", tables.JUDGED, ["trace_id", "question_id", "passed"])
    even = pl.col("trace_id").str.slice(-1).cast(pl.Int32) % 2 == 0
    chosen = rows.select(
        "trace_id",
        "question_id",
        (pl.col("passed") & even).alias("kept"),
        pl.when("passed").then(pl.lit("over the 4 of its question")).otherwise(pl.lit("objected to")).alias("why"),
        pl.lit(None, dtype=pl.String).alias("majority"),
        pl.lit(None, dtype=pl.Float64).alias("vote_share"),
    )
    tables.write_table(chosen, here / "selection.parquet", tables.SELECTION)


def measured(run: Path) -> dict[str, Any]:
    """What the command said, its seconds and its peak memory."""
    began = monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "mgrd", "report", str(run), "--json"], check=True, capture_output=True, text=True
    )
    took_s = monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    said = json.loads(done.stdout)
    return {"seconds": took_s, "peak_bytes": peak, "bytes": said["bytes"], "players": said["players"]}


def lines(found: dict[str, Any], traces: int) -> list[str]:
    """The section."""
    load = os.getloadavg()[0]
    today = datetime.datetime.now(datetime.UTC).date()
    return [
        f"{traces:,} traces in {ROUNDS} rounds, {HELD_OUT:,} held-out ones a round, {found['players']} players; "
        f"{os.cpu_count()} cores ({platform.machine()}), load {load:.1f}, {today}.",
        "",
        "| what | measured | at most |",
        "|---|---|---|",
        f"| `mgrd report`, start to end | {found['seconds']:.1f} s | {MOST_S:.0f} s |",
        f"| the file | {found['bytes'] / 1e6:.1f} MB | {MOST_BYTES / 1e6:.0f} MB |",
        f"| peak memory | {found['peak_bytes'] / 2**30:.2f} GiB | |",
    ]


if __name__ == "__main__":
    main()
