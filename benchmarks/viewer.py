"""How long `mgrd inspect` takes to open a judged folder, and how much memory: by default a million traces.

    mgrd bench viewer                             # a minute to make the folder, then each figure three times
    mgrd bench viewer  --rows 50000               # a smaller folder
    mgrd bench viewer  --folder DIR --write       # keep the folder for the next time; figures to docs/benchmarks.md

The folder is laid out as filter writes it: parts of 256 traces with every column filled, three in five rejected,
think texts of about 1,500 letters with three claims each. Each figure is a process of its own, from its start to its
end or, for the viewer, to its first whole picture; memory is that process's largest resident set (Linux).

What it does not measure: a cold disk (the files were just written), long think texts, or whether this machine was busy
(the load at the start stands beside the figures: near zero, or they are worth little).
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parent))

from page import show, write_section
from times import where

from mgrd import tables

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
PART_ROWS, SAMPLES = 256, 8
AT_MOST_S, AT_MOST_MB = 2.0, 500
WORDS = (
    "The clip opens with a short pause and then one voice. It falls. The pitch stays low, near 110 Hz, and the pace is "
    "slow. Between the phrases I hear breath and a faint room tone. "
)
CHECKS = (
    ("acoustic", "true_to_waveform", "says 'It falls': claims falling, measured +6.2 st/s"),
    ("acoustic", "cites_sound", "0 of 12 sentences observe this clip's sound"),
    ("logic", "no_loops", "'I hear breath' comes 9 times"),
    ("correctness", "right_answer", "answers up, gold is down"),
)

SHOWN = b"q0.1.1"
"""The first rejected trace: once it is written, the list and the counts above it stand on the screen."""
FIGURES = {
    "full screen, to its first picture": (),
    "`--plain -n 1`": ("--plain", "-n", "1"),
    "`--stats`": ("--stats",),
    "`--stats --check no_loops`": ("--stats", "--check", "no_loops"),
    "`--stats --cue pitch --verdict contradicted`": ("--stats", "--cue", "pitch", "--verdict", "contradicted"),
    "`--stats --search 'take 77777.'`": ("--stats", "--search", "take 77777."),
}


def make(folder: Path, rows: int) -> None:
    """Write `folder/judged` and `folder/selection.parquet` with so many traces, questions of eight each."""
    template = pl.DataFrame([_row(n) for n in range(PART_ROWS)], schema=tables.JUDGED, orient="row", strict=False)
    kept: list[pl.DataFrame] = []
    (folder / "judged").mkdir(parents=True, exist_ok=True)
    for part, first in enumerate(range(0, rows, PART_ROWS)):
        count = min(PART_ROWS, rows - first)
        number = pl.int_range(first, first + count, dtype=pl.Int64)
        frame = template.head(count).with_columns(
            question_id=pl.format("q{}", number // SAMPLES),
            trace_id=pl.format("q{}.1.{}", number // SAMPLES, number % SAMPLES),
            think=pl.format("{}Take {}.", pl.col("think"), number),
        )
        frame.write_parquet(folder / "judged" / f"part-{part:06d}.parquet", compression="zstd", compression_level=1)
        kept.append(frame.filter("passed").select("trace_id", "question_id", kept=pl.col("sample") % 4 != 0))
    selection = pl.concat(kept).with_columns(why=pl.when(~pl.col("kept")).then(pl.lit("per_question: 2 kept already")))
    columns = {name: pl.lit(None, kind).alias(name) for name, kind in tables.SELECTION.items()}
    absent = [column for name, column in columns.items() if name not in selection.columns]
    tables.write_table(selection.with_columns(absent), folder / "selection.parquet", tables.SELECTION)


def _row(number: int) -> dict[str, object]:
    objections = [CHECKS[number % 4], CHECKS[(number + 1) % 4]][: number % 5] if number % 5 < 3 else []
    think = WORDS * 7
    claim = {"text": "It falls", "cue": "pitch.contour", "kind": "trend", "scope": "whole", "modality": "asserted"}
    claim |= {"asserts": "falling", "claimed": "falling", "unit": "st/s", "why": "claims falling, measured +6.2 st/s"}
    at = [n * len(WORDS) + WORDS.index("It falls") for n in range(3)]
    numbers = {"polarity": 1, "measured": 6.2, "z": -4.5, "confidence": 0.9}
    verdicts = ("contradicted" if objections else "supported", "unverifiable", "supported")
    return dict.fromkeys(tables.JUDGED) | {
        "round": 1,
        "sample": number % SAMPLES,
        "audio": [f"clips/{number % 97}.wav"],
        "audio_sha": [f"{number % 97:064x}"],
        "question": "Does the pitch of the voice rise or fall towards the end of the clip?",
        "choices": ["it rises", "it falls"],
        "answer": "it falls",
        "task": ("prosody", "emotion", "music")[number % 3],
        "model": "a-model",
        "engine": "vllm",
        "prompt": "Listen closely. " * 20,
        "completion": f"<think>{think}</think>it falls",
        "think": think,
        "response": "it falls",
        "finish_reason": "stop",
        "prompt_tokens": 300,
        "completion_tokens": 200 + number,
        "logprob": -120.5,
        "seed": number,
        "heard_s": [3.5],
        "predicted": "it falls",
        "correct": True,
        "objections": [dict(zip(("rule", "check", "reason"), one, strict=True)) for one in objections],
        "passed": not objections,
        "claims": [
            claim | numbers | {"start": start, "end": start + 8, "verdict": verdict}
            for start, verdict in zip(at, verdicts, strict=True)
        ],
    }


def ran(folder: Path, options: tuple[str, ...]) -> tuple[float, float, float]:
    """Seconds, seconds of the processor and MB of `mgrd inspect FOLDER OPTIONS` on a terminal of 120 by 40.

    To its end; without options to the first picture of the viewer, which is then told to quit.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    begun = time.perf_counter()
    command = [sys.executable, "-m", "mgrd", "inspect", str(folder), *options]
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)
    seen, took_s = b"", 0.0
    while data := _read(ours):
        seen += data
        if not options and not took_s and SHOWN in seen:
            took_s = time.perf_counter() - begun
            os.write(ours, b"q")
    _, status, used = os.wait4(child.pid, 0)
    took_s = took_s or time.perf_counter() - begun
    os.close(ours)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode or (SHOWN not in seen and not options):
        raise SystemExit(f"Error: {' '.join(command)} ended with {child.returncode}: {seen.decode()[-500:]}")
    return took_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other side has closed
        return b""


def lines(folder: Path, rows: int, times: int) -> list[str]:
    """The section of the page."""
    busy = os.getloadavg()[0]
    found = []
    for name, options in FIGURES.items():
        print(f"{name} ...", file=sys.stderr)
        runs = [ran(folder, options) for _ in range(times)]
        found.append((name, *(statistics.median(one) for one in zip(*runs, strict=True))))
    return [
        f"{rows:,} judged traces in {-(-rows // PART_ROWS):,} parts; {where()}; load at the start {busy:.1f}; medians "
        f"of {times}.",
        f"To be at most: {AT_MOST_S:g} s and {AT_MOST_MB} MB to open.",
        "",
        "| `mgrd inspect` | s | of the processor, s | MB |",
        "|---|---:|---:|---:|",
        *(f"| {name} | {wall:.2f} | {processor:.2f} | {mb:.0f} |" for name, wall, processor, mb in found),
    ]


def main() -> None:
    """Make the folder where it is not there, time, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="traces")
    parser.add_argument("--times", type=int, default=3, help="runs of each figure")
    parser.add_argument("--folder", type=Path, help="where to make the folder, and keep it; what is there is used")
    parser.add_argument("--write", action="store_true", help="also into docs/benchmarks.md")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgrd-") as empty:
        folder = options.folder or Path(empty)
        if not (folder / "selection.parquet").exists():  # written last
            make(folder, options.rows)
        rows = pl.scan_parquet(tables.parts(folder / "judged"), glob=False).select(pl.len()).collect().item()
        section = lines(folder, rows, options.times)
    show({"inspect": section}, as_json=options.json)
    if options.write:
        write_section(PAGE, "inspect", section)


if __name__ == "__main__":
    main()
