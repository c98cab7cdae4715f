"""Do preferences end the denial of hearing, and do rewards add to what fine-tuning on survivors gives?

On the quickstart model. First it is taught to deny that it hears (texts.DENIALS, on clips of the pool), then
`--objective dpo` has its survivors preferred to its own denials. Apart from that the quickstart model is fine-tuned on
its survivors, and goes on with `--objective grpo`, or with a second round of fine-tuning. Scored on questions that no
stage has seen, by a scorer that shares no code with the filter (benchmarks/truth.py). Writes docs/preference.md.

    python benchmarks/preference.py                    # on the held-out questions
    python benchmarks/preference.py --split validation --arms dpo

What it does not measure: another model, or denials in other words than those that it plants.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from loop import FIGURES, QUICKSTART, ROOT, interval, mgrd, scored, shown, table
from page import show

from mgrd import tables
from mgrd.prompts import render
from mgrd.traces import join

PLANTED_SHARE = 0.3
"""Of the cold start's rows: so many deny that they hear."""
SAMPLING = ["--top-p", 0.9, "--max-tokens", 96, "--batch", 8]
SFT = ["--epochs", 4, "--lr", 5e-4, "--batch-size", 16]
DPO = ["--objective", "dpo", "--rejected-for", "denial", "--epochs", 3, "--lr", 1e-4, "--batch-size", 16]
GRPO = ["--objective", "grpo", "--reward", "grounded", "--epochs", 2, "--lr", 1e-4, "--batch-size", 8]
GRPO += ["--max-tokens", 96, "--save-steps", 20]
ARMS = {"dpo": ("planted", "planted, then dpo"), "grpo": ("cold start", "sft", "sft, then sft", "sft, then grpo")}


def plant(path: Path, seed: int) -> None:
    """Write a cold start's rows: the mix of the quickstart's own, with denials in the place of PLANTED_SHARE."""
    sys.path.insert(0, str(QUICKSTART))
    from tasks import CHOICES, TASKS_OF, ask
    from texts import DENIALS, mixed

    rng = random.Random(seed)
    rows = []
    truths = map(json.loads, (QUICKSTART / "truth.jsonl").read_text(encoding="utf-8").splitlines())
    for truth in (row for row in truths if row["split"] == "pool"):
        for task in TASKS_OF[truth["kind"]] * 2:
            think, response = mixed(task, truth, rng)
            if rng.random() < PLANTED_SHARE:
                response = rng.choice(CHOICES[task])
                think = rng.choice(DENIALS).format(x=response) + "."
            question = render("plain", *ask(task, rng))
            rows.append({"question": question, "completion": join(think, response), "audio": truth["audio"]})
    lines = [json.dumps(row) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def judged(model: Path, folder: Path, seed: int) -> Path:
    """The pool's questions, sampled from a model and judged."""
    mgrd("generate", QUICKSTART / "pool.jsonl", "-m", model, "-o", folder, "-k", 8, "--seed", seed, *SAMPLING)
    mgrd("filter", folder, "-o", folder, "--workers", 1, "--per-question", 4)
    return folder


def trained(source: Path, model: Path, folder: Path, seed: int, *options: object) -> Path:
    """A model that one stage has made of another."""
    mgrd("distill", source, "-m", model, "-o", folder, "--seed", seed, "--report-to", "none", *options)
    return folder / "model"


def dpo_models(here: Path, seed: int) -> dict[str, Path]:
    """The planted cold start, and what preferences make of it."""
    rows = here / "planted.jsonl"
    plant(rows, seed)
    how = ["--replay", rows, "--audio-root", QUICKSTART, "--epochs", 2, "--lr", 2e-4, "--seed", seed]
    mgrd("distill", "-m", QUICKSTART / "model", "-o", here / "cold", "--report-to", "none", *how)
    planted = here / "cold" / "model"
    pool = judged(planted, here / "pool-planted", seed)
    return {"planted": planted, "planted, then dpo": trained(pool, planted, here / "dpo", seed, *DPO)}


def grpo_models(here: Path, seed: int) -> dict[str, Path]:
    """The quickstart's cold start, a round of fine-tuning on survivors, and what follows it."""
    cold = QUICKSTART / "model"
    sft = trained(judged(cold, here / "pool-cold", seed), cold, here / "sft", seed, *SFT)
    pool = judged(sft, here / "pool-sft", seed + 1)
    return {
        "cold start": cold,
        "sft": sft,
        "sft, then sft": trained(pool, sft, here / "sft-sft", seed, *SFT),
        "sft, then grpo": trained(pool, sft, here / "grpo", seed, *GRPO),
    }


def answered(model: Path, folder: Path, questions: Path, seed: int) -> Path:
    """An evaluation's judged traces."""
    options = ["--max-tokens", 96, "--batch", 8, "-k", 4, "--seed", 1000 + seed]
    mgrd("eval", questions, "-m", model, "-o", folder, *options)
    return folder / "judged"


def denials(path: Path) -> list[float]:
    """Of each trace, 1 where hears_audio objects."""
    frame = tables.read_table(path, tables.JUDGED, ["trace_id", "objections"])
    return [float(any(one["check"] == "hears_audio" for one in row)) for row in frame["objections"].to_list()]


def report(
    rows: pl.DataFrame, made: dict[str, list[dict[str, Any]]], arms: Sequence[str], about: dict[str, Any]
) -> str:
    """The page."""
    parts = [INTRODUCTION.format(**about)]
    columns = ("denies", "accuracy", "grounded", "claims_true", "words")
    names = FIGURES | {"denies": "denies hearing"}
    for arm in arms:
        body = [[name, *(shown(rows.filter(pl.col("model") == name), one) for one in columns)] for name in ARMS[arm]]
        parts.append(f"## {TITLES[arm]}\n\n" + table(["", *(names[one] for one in columns)], body))
        last = ARMS[arm][-1]
        differences = []
        for other in ARMS[arm][:-1]:
            mine, theirs = (rows.filter(pl.col("model") == name) for name in (last, other))
            for one in ("denies", "accuracy", "grounded"):
                low, high = interval(mine, one, theirs)
                change = float(mine[one].mean()) - float(theirs[one].mean())  # type: ignore[arg-type]
                differences.append([f"{last}, over {other}", names[one], f"{change:+.3f} ({low:+.3f} to {high:+.3f})"])
        parts.append(table(["", "figure", "difference (95 % interval)"], differences))
        parts.append(VERDICTS[arm](rows))
        keys = {
            "dpo": ("pairs", "questions", "steps", "margin", "preferred"),
            "grpo": ("questions", "steps", "reward_first", "reward_last", "think_first", "think_last", "drift"),
        }[arm]
        body = [[str(number), *(str(one[key]) for key in keys)] for number, one in enumerate(made[arm])]
        parts.append("What was trained, by seed:\n\n" + table(["seed", *keys], body))
    return "\n\n".join(parts) + "\n"


def mean(rows: pl.DataFrame, model: str, name: str) -> float:
    """Of all traces of a model."""
    return float(rows.filter(pl.col("model") == model)[name].mean())  # type: ignore[arg-type]


def dpo_verdict(rows: pl.DataFrame) -> str:
    """Whether the targets are reached, in words."""
    before, after = (mean(rows, name, "denies") for name in ARMS["dpo"])
    lost = mean(rows, ARMS["dpo"][0], "accuracy") - mean(rows, ARMS["dpo"][1], "accuracy")
    reached = before >= 0.05 and after < 0.005 and lost <= 0
    return (
        f"Target: from at least 5 % to under 0.5 %, with no accuracy lost. {'Reached' if reached else 'Not reached'}: "
        f"{100 * before:.1f} % to {100 * after:.2f} %, accuracy {-lost:+.3f}."
    )


def grpo_verdict(rows: pl.DataFrame) -> str:
    """Whether rewards add anything to fine-tuning, in words."""
    said = []
    for other in ("sft", "sft, then sft"):
        for name in ("accuracy", "grounded"):
            low, high = interval(
                *(rows.filter(pl.col("model") == one) for one in ("sft, then grpo",)),
                name,
                rows.filter(pl.col("model") == other),
            )
            said.append(f"{name} over {other}: {'adds' if low > 0 else 'takes' if high < 0 else 'no clear difference'}")
    return "Target: grpo with the grounded reward adds accuracy and grounding. " + "; ".join(said) + "."


TITLES = {"dpo": "Preferences against denial", "grpo": "Rewards after fine-tuning"}
VERDICTS = {"dpo": dpo_verdict, "grpo": grpo_verdict}
INTRODUCTION = """# Preferences and rewards

Made by `python benchmarks/preference.py --arms {arms} --split {split} --seeds {seeds}` ({minutes:.0f} core-minutes).
The quickstart model, {questions} {split} questions that no stage has seen, 4 samples each at temperature 1.
*Fully grounded* and *cited cues true* are said by benchmarks/truth.py, which knows what the clip generator did;
*denies hearing* by the filter's `hears_audio`, the same check that the pairs are made with. The denials are planted
({share:.0%} of a cold start's rows, in three wordings), so they are easier to unlearn than a large model's own.
Intervals: 95 %, bootstrap over seeds and questions."""


def main() -> None:
    """Run what is missing, score everything, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--split", choices=("heldout", "validation"), default="heldout")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "preference-runs")
    parser.add_argument("--write", type=Path, default=None, help="page to write; docs/preference.md for all of it")
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    given = parser.parse_args()
    truth = {row["id"]: row for row in map(json.loads, (QUICKSTART / "truth.jsonl").read_text().splitlines())}
    found: list[dict[str, Any]] = []
    made: dict[str, list[dict[str, Any]]] = {arm: [] for arm in given.arms}
    seconds = 0.0
    for seed in range(given.seeds):
        for arm in given.arms:
            here = given.out / f"{arm}-{seed}"
            started = time.monotonic()
            models = {"dpo": dpo_models, "grpo": grpo_models}[arm](here, 100 * seed)
            for name, model in models.items():
                slug = name.replace(", then ", "-").replace(" ", "-")
                path = answered(model, here / f"{given.split}-{slug}", QUICKSTART / f"{given.split}.jsonl", seed)
                for row, denies in zip(scored(path, truth), denials(path), strict=True):
                    found.append(row | {"denies": denies, "model": name, "seed": seed})
            made[arm].append(tables.read_json(here / arm / "distill.json"))
            timed = here / f"seconds-{given.split}.json"
            if not timed.exists():
                tables.write_json(round(time.monotonic() - started), timed)
            seconds += tables.read_json(timed)
            print(f"{arm}, seed {seed}: {tables.read_json(timed)} s", file=sys.stderr, flush=True)
    rows = pl.DataFrame(found)
    about = {"seeds": given.seeds, "minutes": seconds / 60, "split": given.split, "share": PLANTED_SHARE}
    about["arms"] = " ".join(given.arms)
    page = report(rows, made, given.arms, about | {"questions": rows["question_id"].n_unique()})
    show({"preference": [page]}, as_json=given.json)
    whole = given.split == "heldout" and set(given.arms) == set(ARMS)
    if path := given.write or (ROOT / "docs" / "preference.md" if whole else None):
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
