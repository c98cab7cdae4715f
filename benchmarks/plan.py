"""Seconds and memory of `mgrd generate` up to its first request: 100,000 questions, new and with 1,000,000 samples.

    mgrd bench plan                       # both, with an engine that samples nothing
    mgrd bench plan --sample              # also the whole job of one sample a question: is memory flat?
    mgrd bench plan --questions 10000     # a tenth of everything
    mgrd bench plan --write               # the figures into docs/benchmarks.md

Every question has a clip of its own (a few files under as many names). Each job is a process of its own; its seconds
are from its start to the request that a loaded engine would get, imports and checks of the questions included, and its
memory is the peak of its resident set. Where the machine is busy (the load stands beside the figures), only the seconds
of CPU say something.

What it does not measure: loading a model, a network file system (a clip is looked for by name, one call each).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))

from page import show, write_section
from times import where

from mgrd import tables
from mgrd.audio.load import load

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
DONE = 10
"""Finished samples of each question, in the job that goes on."""
MOST_LINKS = 10_000
"""Names of one file: file systems have a limit."""
THINK = "The voice sits near 220 Hz and its pitch rises towards the end of the clip, so the speaker is asking. " * 4

# Samples nothing and tells when it was asked to, or answers at once.
_JOB = """
import json, resource, sys, time
from pathlib import Path

began = time.monotonic()
from mgrd import engines
from mgrd.engines import Completion
from mgrd.errors import Stopped
from mgrd.generate import generate
from mgrd.options import Generate
from mgrd.progress import Story

questions, out, model, samples, answers = sys.argv[1:]
found = {}

class Stub:
    name, sr, window_s = "stub", 16000, 30.0

    def sample(self, requests, sampling):
        for request in requests:
            found.setdefault("first_s", time.monotonic() - began)
            found.setdefault("cpu_s", time.process_time())
            if answers == "no":
                raise Stopped("enough")
            for sample, seed in request.seeds.items():
                yield Completion(request.key, sample, seed, "<think>low</think>yes", "stop", 5, 4, -1.5, (0.1,))

    def close(self):
        pass

engines.open_engine = lambda *_, **__: Stub()
options = Generate(samples=int(samples), engine="transformers", no_canary=True)
try:
    generate(questions, Path(out), Path(model), options, story=Story(quiet=True))
except Stopped:
    pass
found["whole_s"] = time.monotonic() - began
found["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(found))
"""


def lay_out(folder: Path, questions: int) -> None:
    """Questions, their clips, and a folder that passes for a model where none is loaded."""
    import soundfile as sf

    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}")
    (folder / "clips").mkdir()
    tone = 0.1 * np.sin(np.arange(1600))
    sf.write(folder / "one.wav", tone, 16000)
    with (folder / "questions.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(questions):
            if number % MOST_LINKS == 0:
                original = folder / f"clips/{number}.wav"
                sf.write(original, tone, 16000)
            else:
                os.link(original, folder / f"clips/{number}.wav")
            row = {
                "id": f"q{number}",
                "audio": f"clips/{number}.wav",
                "question": f"Does speaker {number} ask or tell?",
            }
            lines.write(json.dumps(row | {"choices": ["asks", "tells"], "answer": "asks", "task": "intent"}) + "\n")


def finish(folder: Path, questions: int) -> int:
    """Write `DONE` samples of each question into the parts that they would have been written to; how many those are."""
    row: dict[str, Any] = {"round": 0, "choices": ["asks", "tells"], "answer": "asks", "task": "intent"}
    row |= {"model": "model", "engine": "stub", "think": THINK, "response": "asks", "finish_reason": "stop"}
    row |= {"completion": f"{THINK}</think>asks", "prompt_tokens": 5, "completion_tokens": 90}
    row["audio_sha"] = [load(folder / "one.wav", "one.wav").sha]
    parts = 0
    for start in range(0, questions * DONE, tables.PART_ROWS):
        cells = pl.DataFrame({"n": range(start, min(start + tables.PART_ROWS, questions * DONE))}).select(
            question_id="q" + (pl.col("n") // DONE).cast(pl.String), sample=pl.col("n") % DONE
        )
        number = pl.col("question_id").str.slice(1)
        made = cells.with_columns(
            trace_id=pl.concat_str("question_id", pl.lit(".0."), "sample"),
            question=pl.concat_str(pl.lit("Does speaker "), number, pl.lit(" ask or tell?")),
            audio=pl.concat_list(pl.concat_str(pl.lit("clips/"), number, pl.lit(".wav"))),
            **{name: pl.lit(value) for name, value in row.items()},
        )
        made = made.with_columns(pl.lit(None).alias(name) for name in tables.TRACES if name not in made.columns)
        tables.write_table(made, folder / f"out/traces/part-{parts:06d}.parquet", tables.TRACES)
        parts += 1
    return parts


def job(folder: Path, out: str, samples: int, *, answers: bool = False) -> dict[str, float]:
    """Run one job in a process of its own; `first_s`, `whole_s` and `peak_bytes`."""
    words = [folder / "questions.jsonl", folder / out, folder / "model", samples, "yes" if answers else "no"]
    done = subprocess.run(
        [sys.executable, "-c", _JOB, *map(str, words)], stdout=subprocess.PIPE, text=True, check=True, env=os.environ
    )
    return dict(json.loads(done.stdout))


def measure(folder: Path, questions: int, *, sample: bool) -> list[str]:
    """The section of the page."""
    lay_out(folder, questions)
    lines = [f"{where()}.", "", "| job | first request after | of it CPU | peak memory |", "|---|---|---|---|"]

    def add(name: str, found: dict[str, float]) -> None:
        lines.append(
            f"| {name} | {found['first_s']:.1f} s | {found['cpu_s']:.1f} s | {found['peak_bytes'] / 2**30:.2f} GiB |"
        )

    add(f"{questions:,} questions, new", job(folder, "new", 8))
    if sample:
        found = job(folder, "whole", 1, answers=True)
        add(f"{questions:,} questions, a sample each to the end ({found['whole_s']:.0f} s)", found)
    job(folder, "out", DONE)  # its identity, as the finished samples would have left it
    parts = finish(folder, questions)
    add(f"the same with {questions * DONE:,} samples done in {parts:,} parts", job(folder, "out", DONE + 1))
    return lines


def main() -> None:
    """Measure, print, and with --write update the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=100_000)
    parser.add_argument("--sample", action="store_true", help="also a whole job of one sample a question")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgrd-plan-") as scratch:
        lines = measure(Path(scratch), given.questions, sample=given.sample)
    show({"plan": lines}, as_json=given.json)
    if given.write:
        write_section(PAGE, "plan", lines)


if __name__ == "__main__":
    main()
