"""The proof: does the loop teach the quickstart model to answer, and to answer from the sound?

Reruns `mgrd run` on the quickstart's pool over several seeds, with two controls that differ in the filter alone, and
scores held-out questions twice: by an independent scorer that knows what the clip generator did (benchmarks/truth.py,
never seen by the filter) and by the filter itself. Writes docs/results.md.

    python benchmarks/loop.py                                         # all of it: about 50 minutes on two cores
    python benchmarks/loop.py --split validation --seeds 1 --arms mgrd --set distill.lr=1e-4 --set run.rounds=3

What it does not measure: another model, other people's audio, or whether the habit survives outside these six tasks.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from page import show
from truth import score

from mgrd import rulebook, tables

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "examples" / "quickstart"
ARMS = ("mgrd", "correctness only", "no filter")
FIGURES = {
    "accuracy": "accuracy",
    "cited": "cites sound",
    "claims_true": "cited cues true",
    "grounded": "fully grounded",
    "grounded_by_filter": "fully grounded, by the filter",
    "words": "think words",
}
HOWS = {
    "sampled": ["-k", "4"],
    "greedy": ["-k", "1", "--temperature", "0"],
}
SWAPPED = ("mgrd", "cold start")
"""The arms that also answer about another clip of the same task."""
CONTROL = {"swapped": "swap"}
RESAMPLES = 2000


TRAINABLE = ("format", "not_truncated", "no_leaks")
"""Kept in every arm: without them a completion has no think block, no end, or tokens that no text may hold."""


def left_out(arm: str) -> list[str]:
    """The checks that an arm goes without."""
    kept = {"mgrd": rulebook.RULES, "correctness only": ("correctness",), "no filter": ()}[arm]
    return [check.name for check in rulebook.load() if check.rule not in kept and check.name not in TRAINABLE]


def config_of(arm: str, seed: int, changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The quickstart's own config, with the arm's filter, a seed, and no evaluation between the rounds."""
    config = tomllib.loads((QUICKSTART / "config.toml").read_text(encoding="utf-8"))
    del config["eval"]
    for name in ("model", "questions"):
        config["run"][name] = str(QUICKSTART / config["run"][name])
    config["filter"] |= {"without": left_out(arm), "workers": 1}
    for table in ("generate", "distill"):
        config[table]["seed"] = 100 * seed
    for name, value in changes.items():
        table, key = name.split(".")
        config[table][key] = value
    return config


def to_toml(config: dict[str, dict[str, Any]]) -> str:
    """A config of flat tables as TOML; JSON's scalars and lists are TOML's."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in config.items()
    )


def mgrd(*words: object) -> None:
    """Run one command; its story is ours. Exit code 3 (nothing survived) ends a run early, which is a result."""
    command = [sys.executable, "-m", "mgrd", *map(str, words), "--quiet"]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    if code not in (0, 3):
        sys.exit(f"mgrd {words[0]} ended with exit code {code}")


def run_arm(arm: str, seed: int, out: Path, changes: dict[str, Any], questions: Path) -> list[tuple[str, Path]]:
    """One run and its evaluations, in a folder of their own; returns (how, judged traces) of each."""
    here = out / f"{arm.replace(' ', '-')}-{seed}"
    here.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    if arm == "cold start":
        model = QUICKSTART / "model"
    else:
        (here / "config.toml").write_text(to_toml(config_of(arm, seed, changes)), encoding="utf-8")
        mgrd("run", here / "config.toml", "-o", here / "run")
        model = max(here.glob("run/round-*/model"), default=QUICKSTART / "model")  # where nothing survived
    judged = [(how, here / how / "judged") for how in HOWS]
    if arm in SWAPPED:
        judged.append(("swapped", here / "sampled" / "control-swap" / "judged"))
    for how, words in HOWS.items():
        options = ["--max-tokens", 96, "--batch", 8, "--seed", 1000 + seed, *words]
        options += ["--control", "swap"] if how == "sampled" and arm in SWAPPED else []
        mgrd("eval", questions, "-m", model, "-o", here / how, *options, "--measurements", here / "measured.parquet")
    if not (here / "seconds.json").exists():
        tables.write_json(round(time.monotonic() - started), here / "seconds.json")
    print(f"{arm}, seed {seed}: {tables.read_json(here / 'seconds.json')} s", flush=True)
    return judged


def training(arm: str, seeds: int, out: Path) -> list[str]:
    """What an arm was trained on: traces and optimizer steps of each round, means over the seeds."""
    texts = []
    for key in ("traces", "steps"):
        by_round: dict[str, list[int]] = {}
        for seed in range(seeds):
            for path in sorted(out.glob(f"{arm.replace(' ', '-')}-{seed}/run/round-*/distill.json")):
                by_round.setdefault(path.parent.name, []).append(tables.read_json(path)[key])
        texts.append(", ".join(f"{sum(counts) / len(counts):.0f}" for counts in by_round.values()))
    return texts


def scored(judged: Path, control: str | None, truth: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row a trace: right or wrong, and grounded by either scorer; every trace must be one under `control`."""
    columns = ["question_id", "task", "audio", "think", "correct", "claims", "error", "control"]
    for part in tables.iter_parts(judged, tables.JUDGED, columns):
        for row in tables.rows_of(part):
            if row["error"] is not None:
                sys.exit(f"{judged}: {row['question_id']} failed: {row['error']}")
            if row["control"] != control:
                sys.exit(f"{judged}: {row['question_id']} heard {row['control']}, wanted {control}")
            found = score(row["think"], truth[Path(row["audio"][0]).stem])
            verdicts = [claim["verdict"] for claim in row["claims"]]
            yield {
                "question_id": row["question_id"],
                "task": row["task"],
                "accuracy": float(row["correct"]),
                "cited": float(found["cited"]),
                "claims": float(found["claims"]),
                "true": float(found["true"]),
                "grounded": float(found["fully_grounded"]),
                "grounded_by_filter": float("supported" in verdicts and "contradicted" not in verdicts),
                "words": float(len(row["think"].split())),
            }


def figure(rows: pl.DataFrame, name: str) -> float:
    """A figure over all rows given."""
    if name == "claims_true":
        return float(rows["true"].sum() / max(rows["claims"].sum(), 1))
    return float(rows[name].mean())  # type: ignore[arg-type]


def interval(rows: pl.DataFrame, name: str, against: pl.DataFrame | None = None) -> tuple[float, float]:
    """95 % percentile bootstrap over seeds and, within them, questions; of a difference where `against` is given.

    The same questions are drawn for both sides, so a difference is paired by question.
    """
    top, bottom = ("true", "claims") if name == "claims_true" else (name, None)

    def grid(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Sums of numerator and denominator, shape (seeds, questions)."""
        both = (
            frame.with_columns(n=pl.lit(1.0))
            .group_by("seed", "question_id")
            .agg(pl.col(top).sum().alias("a"), pl.col(bottom or "n").sum().alias("b"))
            .sort("seed", "question_id")
        )
        shape = (both["seed"].n_unique(), both["question_id"].n_unique())
        return both["a"].to_numpy().reshape(shape), both["b"].to_numpy().reshape(shape)

    sides = [grid(frame) for frame in (rows, against) if frame is not None]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        questions = rng.integers(sides[0][0].shape[1], size=sides[0][0].shape[1])
        values = []
        for a, b in sides:
            seeds = rng.integers(len(a), size=len(a))
            values.append(a[seeds][:, questions].sum() / max(b[seeds][:, questions].sum(), 1))
        drawn.append(values[0] - (values[1] if len(values) > 1 else 0.0))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def shown(rows: pl.DataFrame, name: str) -> str:
    """A figure with its interval."""
    if name == "words":
        return f"{figure(rows, name):.1f}"
    low, high = interval(rows, name)
    return f"{figure(rows, name):.3f} ({low:.3f} to {high:.3f})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows))


def report(rows: pl.DataFrame, arms: Sequence[str], trained: dict[str, list[str]], **about: Any) -> str:
    """The page."""

    def of(arm: str, how: str) -> pl.DataFrame:
        return rows.filter((pl.col("arm") == arm) & (pl.col("how") == how))

    def difference(name: str, label: str, mine: pl.DataFrame, theirs: pl.DataFrame) -> list[str]:
        low, high = interval(mine, name, theirs)
        return [FIGURES[name], label, f"{figure(mine, name) - figure(theirs, name):+.3f} ({low:+.3f} to {high:+.3f})"]

    def by(column: str) -> str:
        values = sorted(rows[column].unique())
        header = ["", *(f"{column} {value}" for value in values)]
        body = []
        for arm in arms:
            slices = [of(arm, "sampled").filter(pl.col(column) == value) for value in values]
            body.append([arm, *(f"{figure(one, 'accuracy'):.2f} / {figure(one, 'grounded'):.2f}" for one in slices)])
        return table(header, body)

    parts = [
        f"## {how.capitalize()}\n\n"
        + table(["", *FIGURES.values()], [[arm, *(shown(of(arm, how), name) for name in FIGURES)] for arm in arms])
        for how in ("sampled", "greedy")
    ]
    differences = [
        difference(name, f"mgrd over {other}", of("mgrd", "sampled"), of(other, "sampled"))
        for name in ("grounded", "accuracy")
        for other in arms
        if other != "mgrd" and "mgrd" in arms
    ]
    differences += [
        difference(
            name, f"{arm}: another clip of the same task instead of its own", of(arm, "swapped"), of(arm, "sampled")
        )
        for arm in SWAPPED
        if arm in arms
        for name in ("accuracy", "grounded")
    ]
    parts.append("## Differences, sampled\n\n" + table(["figure", "of", "difference (95 % interval)"], differences))
    body = [[arm, *texts] for arm, texts in trained.items()]
    parts.append("## What each arm was trained on, by round\n\n" + table(["", "traces", "optimizer steps"], body))
    parts.append("## By task and by seed, sampled: accuracy / fully grounded\n\n" + by("task") + "\n\n" + by("seed"))
    about |= {"questions": rows["question_id"].n_unique(), "seeds": rows["seed"].n_unique()}
    return INTRODUCTION.format(**about) + "\n\n".join(parts) + "\n"


INTRODUCTION = """# Results

Made by `python benchmarks/loop.py` ({seeds} seeds, {minutes:.0f} core-minutes).{changes}

The quickstart model (examples/quickstart) samples traces for questions of its pool; the three rules decide which it is
trained on; {rounds} rounds. The controls go without rules: *correctness only* keeps every whole trace with the right
answer, *no filter* every whole trace. Questions, samples, epochs and the cap per question are the same, so the controls
train on more traces and more steps (the table below); that favours them. Scored on {questions} {split} questions
(voices, sentences and pitches that training never saw), 4 samples each at temperature 1, and greedy.

**What these figures do not say.** The model's cold start *buries* an ability that it has: its first stage learns to
hear, its second imitates reasoning of mixed quality (a third of it grounded). The loop recovers that ability; it
teaches no new perception. *Fully grounded* is the share of traces with at least one acoustic claim and only true ones,
by a scorer that knows what the clip generator did (benchmarks/truth.py), shares no code with the filter and is never
seen by it; the filter's own verdict stands beside it. Settings were chosen on the validation questions (docs/log.md).
Intervals: 95 %, bootstrap over seeds and questions.

"""


def main() -> None:
    """Run what is missing, score everything, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", choices=("heldout", "validation"), default="heldout")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="TABLE.KEY=VALUE")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "loop-runs")
    parser.add_argument(
        "--write", type=Path, default=None, help="page to write; docs/results.md for the whole benchmark"
    )
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    given = parser.parse_args()
    changes = {name: json.loads(value) for name, value in (change.split("=", 1) for change in given.changes)}
    truth = {row["id"]: row for row in map(json.loads, (QUICKSTART / "truth.jsonl").read_text().splitlines())}
    arms = ["cold start", *given.arms]
    out = given.out / given.split
    found: list[dict[str, Any]] = []
    jobs = [(arm, seed) for seed in range(given.seeds) for arm in arms]
    with ThreadPoolExecutor(given.jobs) as pool:
        questions = QUICKSTART / f"{given.split}.jsonl"
        runs = pool.map(lambda job: run_arm(*job, out, changes, questions), jobs)
        for (arm, seed), results in zip(jobs, runs, strict=True):
            for how, judged in results:
                found += [
                    row | {"arm": arm, "seed": seed, "how": how} for row in scored(judged, CONTROL.get(how), truth)
                ]
    page = report(
        pl.DataFrame(found),
        arms,
        {arm: training(arm, given.seeds, out) for arm in given.arms},
        split=given.split,
        rounds=config_of("mgrd", 0, changes)["run"]["rounds"],
        minutes=sum(tables.read_json(path) for path in out.glob("*/seconds.json")) / 60,
        changes=f" Settings other than the quickstart's: {changes}." if changes else "",
    )
    show({"loop": [page]}, as_json=given.json)
    whole = given.split == "heldout" and set(given.arms) == set(ARMS) and not changes
    if path := given.write or (ROOT / "docs" / "results.md" if whole else None):
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
