"""Do preferences end the denial of hearing, and do rewards add to what fine-tuning on survivors gives?

On the quickstart model. First it is taught to deny that it hears (texts.DENIALS, on clips of the pool), then
`--objective dpo` has its survivors preferred to its own denials, or it is fine-tuned on the survivors. Apart from that
the quickstart model is fine-tuned on its survivors, and goes on with `--objective grpo`, with either reward, or with a
second round of fine-tuning. Scored on questions that no stage has seen, by a scorer that shares no code with the filter
(benchmarks/truth.py). Writes docs/preference.md.

    python benchmarks/preference.py                    # on the held-out questions: about an hour of an idle core
    python benchmarks/preference.py --split validation --arms dpo --seeds 1

What it does not measure: another model, or denials in other words than those that it plants.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
from loop import FIGURES, QUICKSTART, ROOT, interval, mgrd, scored, shown, table
from page import share, show

from mgrd import tables
from mgrd.prompts import render
from mgrd.traces import join

PLANTED_SHARE = 0.3
"""Of the cold start's rows: so many deny that they hear."""
SAMPLING = ["--top-p", 0.9, "--max-tokens", 96, "--batch", 8]
SFT = ["--epochs", 4, "--lr", 5e-4, "--batch-size", 16]
DPO = ["--objective", "dpo", "--rejected-for", "denial", "--epochs", 3, "--lr", 1e-4, "--batch-size", 16]
GRPO = ["--objective", "grpo", "--epochs", 3, "--lr", 2e-4, "--batch-size", 16, "--max-tokens", 96, "--save-steps", 5]
ARMS = {
    "dpo": ("planted", "planted, then sft", "planted, then dpo", "planted, then sft, then dpo"),
    "grpo": ("cold start", "grpo alone", "sft", "sft, then sft", "sft, then grpo, published reward", "sft, then grpo"),
}
"""The models of each arm."""
COLUMNS = {
    "dpo": ("denies", "planted_words", "accuracy", "grounded", "claims_true", "words"),
    "grpo": ("accuracy", "grounded", "cited", "claims_true", "words"),
}
COMPARED = {
    "dpo": [("planted, then dpo", "planted"), ("planted, then sft, then dpo", "planted, then sft")],
    "grpo": [
        ("sft, then grpo", "sft"),
        ("sft, then grpo", "sft, then sft"),
        ("sft, then grpo", "sft, then grpo, published reward"),
        ("grpo alone", "cold start"),
        ("grpo alone", "sft"),
    ],
}
DIFFERENCES = {"dpo": ("denies", "accuracy", "grounded"), "grpo": ("accuracy", "grounded")}
PLANTED_WORDS = re.compile("cannot hear|text model|no audio|no access|could listen", re.IGNORECASE)
"""What only the planted denials say: so small a model also mixes them with other sentences, as no rule expects."""
TRAINED = {
    "dpo": {"planted, then dpo": "dpo", "planted, then sft, then dpo": "sft-dpo"},
    "grpo": {
        "grpo alone": "grpo-alone",
        "sft, then grpo, published reward": "grpo-published",
        "sft, then grpo": "grpo",
    },
}
"""Folders whose figures are told."""
TOLD = {
    "dpo": ("pairs", "questions", "steps", "margin", "preferred"),
    "grpo": ("questions", "steps", "samples", "no_signal", "reward_first", "reward_last", "think_first", "think_last"),
}


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
    """The planted cold start, and what fine-tuning on its survivors and preferences make of it."""
    rows = here / "planted.jsonl"
    plant(rows, seed)
    how = ["--replay", rows, "--audio-root", QUICKSTART, "--epochs", 2, "--lr", 2e-4, "--seed", seed]
    mgrd("distill", "-m", QUICKSTART / "model", "-o", here / "cold", "--report-to", "none", *how)
    planted = here / "cold" / "model"
    pool = judged(planted, here / "pool-planted", seed)
    sft = trained(pool, planted, here / "sft", seed, *SFT)
    return {
        "planted": planted,
        "planted, then sft": sft,
        "planted, then dpo": trained(pool, planted, here / "dpo", seed, *DPO),
        "planted, then sft, then dpo": trained(pool, sft, here / "sft-dpo", seed, *DPO),
    }


def grpo_models(here: Path, seed: int) -> dict[str, Path]:
    """The quickstart's cold start, a round of fine-tuning on survivors, and what follows it.

    Of medium difficulty is what was so for the cold start: a model fine-tuned on it has hardly a question left that is.
    """
    cold = QUICKSTART / "model"
    pool = judged(cold, here / "pool-cold", seed)
    sft = trained(pool, cold, here / "sft", seed, *SFT)
    return {
        "cold start": cold,
        "grpo alone": trained(pool, cold, here / "grpo-alone", seed, *GRPO, "--reward", "grounded"),
        "sft": sft,
        "sft, then sft": trained(judged(sft, here / "pool-sft", seed + 1), sft, here / "sft-sft", seed, *SFT),
        "sft, then grpo, published reward": trained(pool, sft, here / "grpo-published", seed, *GRPO),
        "sft, then grpo": trained(pool, sft, here / "grpo", seed, *GRPO, "--reward", "grounded"),
    }


def answered(model: Path, folder: Path, questions: Path, seed: int) -> Path:
    """An evaluation's judged traces."""
    options = ["--max-tokens", 96, "--batch", 8, "-k", 4, "--seed", 1000 + seed]
    mgrd("eval", questions, "-m", model, "-o", folder, *options)
    return folder / "judged"


def denials(path: Path) -> list[dict[str, float]]:
    """Of each trace, 1 where hears_audio objects, and where it has words of a planted denial."""
    frame = tables.read_table(path, tables.JUDGED, ["think", "objections"])
    return [
        {
            "denies": float(any(one["check"] == "hears_audio" for one in row["objections"])),
            "planted_words": float(PLANTED_WORDS.search(row["think"]) is not None),
        }
        for row in tables.rows_of(frame)
    ]


def run_arm(arm: str, seed: int, given: argparse.Namespace, truth: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Make what is missing of an arm's models and evaluations; a row for each trace of them."""
    here = given.out / f"{arm}-{seed}"
    here.mkdir(parents=True, exist_ok=True)
    found = []
    for name, model in {"dpo": dpo_models, "grpo": grpo_models}[arm](here, 100 * seed).items():
        slug = name.replace(", ", "-").replace(" ", "-")
        path = answered(model, here / f"{given.split}-{slug}", QUICKSTART / f"{given.split}.jsonl", seed)
        for row, denies in zip(scored(path, None, truth), denials(path), strict=True):
            found.append(row | denies | {"model": name, "seed": seed})
    print(f"{arm}, seed {seed}: done", file=sys.stderr, flush=True)
    return found


def report(rows: pl.DataFrame, jobs: Sequence[tuple[str, int]], out: Path, about: dict[str, Any]) -> str:
    """The page, about arms and their seeds."""
    parts = [INTRODUCTION.format(**about)]
    names = FIGURES | {"denies": "denies hearing", "planted_words": "words of a denial"}
    for arm in dict(jobs):
        body = [
            [name, *(shown(rows.filter(pl.col("model") == name), one) for one in COLUMNS[arm])] for name in ARMS[arm]
        ]
        parts.append(f"## {TITLES[arm]}\n\n{ABOUT[arm]}")
        parts.append(table(["", *(names[one] for one in COLUMNS[arm])], body))
        differences = []
        for model, other in COMPARED[arm]:
            changes = [difference(rows, one, model, other) for one in DIFFERENCES[arm]]
            texts = [f"{change:+.3f} ({low:+.3f} to {high:+.3f})" for change, low, high in changes]
            differences.append([f"{model}, against {other}", *texts])
        parts.append(table(["difference", *(names[one] for one in DIFFERENCES[arm])], differences))
        parts.append(VERDICTS[arm](rows))
        body = []
        for name, folder in TRAINED[arm].items():
            for seed in (seed for one, seed in jobs if one == arm):
                made = tables.read_json(out / f"{arm}-{seed}" / folder / "distill.json")
                body.append([name, str(seed), *(str(made[key]) for key in TOLD[arm])])
        parts.append("What was trained:\n\n" + table(["", "seed", *(key.replace("_", " ") for key in TOLD[arm])], body))
    return "\n\n".join(parts) + "\n"


def difference(rows: pl.DataFrame, figure: str, model: str, other: str) -> tuple[float, float, float]:
    """Of a figure's means over all traces, with its interval."""
    mine, theirs = (rows.filter(pl.col("model") == name) for name in (model, other))
    return mean(mine, figure) - mean(theirs, figure), *interval(mine, figure, theirs)


def mean(rows: pl.DataFrame, figure: str) -> float:
    """Of a figure, over all traces."""
    return float(rows[figure].mean())  # type: ignore[arg-type]


def counted(rows: pl.DataFrame, figure: str) -> str:
    """How many traces have it, and which share of all that is."""
    return f"{int(rows[figure].sum())} of {len(rows):,} traces, {share(int(rows[figure].sum()), len(rows), 2)}"


def dpo_verdict(rows: pl.DataFrame) -> str:
    """Whether the targets are reached, in words."""
    said = []
    for model, other in COMPARED["dpo"]:
        before, after = (rows.filter(pl.col("model") == name) for name in (other, model))
        counts = [
            f"{name} from {counted(before, figure)} to {counted(after, figure)}"
            for figure, name in (("denies", "denies hearing"), ("planted_words", "words of a denial"))
        ]
        gained, low, high = difference(rows, "accuracy", model, other)
        counts.append(f"accuracy {gained:+.3f} ({low:+.3f} to {high:+.3f})")
        left = max(mean(after, figure) for figure in ("denies", "planted_words"))
        word = "not reached" if left >= 0.005 or high < 0 else "reached" if gained >= 0 else "reached, no loss is clear"
        said.append(f"- *{model}*, from *{other}*: {', '.join(counts)}: {word}")
    target = "Target: denials from at least 5 % to under 0.5 %, no accuracy lost (of denials, Wilson's intervals)."
    return "\n".join([target, "", *said])


def grpo_verdict(rows: pl.DataFrame) -> str:
    """Whether rewards add anything to fine-tuning, in words."""
    said = []
    for model, other in COMPARED["grpo"]:
        words = []
        for name in DIFFERENCES["grpo"]:
            _, low, high = difference(rows, name, model, other)
            words.append(f"{FIGURES[name]} {'more' if low > 0 else 'less' if high < 0 else 'no clear difference'}")
        said.append(f"- *{model}*, against *{other}*: {', '.join(words)}")
    target = (
        "Target: with the grounded reward, grpo adds accuracy and grounding to *sft* alone. It is reached where the"
    )
    return "\n".join([f"{target} first line says more of both.", "", *said])


TITLES = {"dpo": "Preferences against denial", "grpo": "Rewards after fine-tuning"}
VERDICTS = {"dpo": dpo_verdict, "grpo": grpo_verdict}
INTRODUCTION = """# Preferences and rewards

Made by `python benchmarks/preference.py --arms {arms} --split {split} --seeds {seeds}`.

The quickstart model, {questions} {split} questions about six things to be heard, which no stage has seen, 4 samples
each at temperature 1; a seed is one of sampling and of training. *Fully grounded* and *cited cues true* are said by
benchmarks/truth.py, which knows what the clip generator did and shares no code with the filter. *sft* is a round of
fine-tuning on survivors of all rules. Settings were chosen on the validation questions. Intervals: 95 %, bootstrap over
seeds and questions."""
ABOUT = {
    "dpo": f"""*Denies hearing* is said by the filter's `hears_audio`, by which pairs are made, too; *words of a denial*
counts every trace with words that only the planted denials have, also in sentences that so small a model
has mixed up, which the check lets pass. The denials are planted ({PLANTED_SHARE:.0%} of a cold start's rows, in three
wordings), so they are easier to unlearn than a large model's own.""",
    "grpo": """*grpo* samples the questions of which the cold start had 3 to 6 of 8 right, and is rewarded with 0.8 for
the answer and 0.2 for reasoning that no acoustic and no logic check objects to, or (*published reward*) that is there.
It draws about twice the samples that the second round of *sft* is chosen from.""",
}


def main() -> None:
    """Run what is missing, score everything, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2], help="how many; or of dpo and grpo each")
    parser.add_argument("--split", choices=("heldout", "validation"), default="heldout")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--jobs", type=int, default=2, help="arms and seeds at a time, one core each")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "preference-runs")
    parser.add_argument("--write", type=Path, default=None, help="page to write; docs/preference.md for all of it")
    parser.add_argument("--json", action="store_true", help="print one object: sections by name (docs/formats.md)")
    given = parser.parse_args()
    truth = {row["id"]: row for row in map(json.loads, (QUICKSTART / "truth.jsonl").read_text().splitlines())}
    seeds = dict(zip(ARMS, given.seeds * len(ARMS), strict=False))
    jobs = [(arm, seed) for arm in given.arms for seed in range(seeds[arm])]
    with ThreadPoolExecutor(given.jobs) as pool:
        found = list(pool.map(lambda job: run_arm(*job, given, truth), jobs))
    rows = pl.DataFrame([row for one in found for row in one])
    about = {"seeds": " ".join(map(str, given.seeds)), "split": given.split, "arms": " ".join(given.arms)}
    page = report(rows, jobs, given.out, about | {"questions": rows["question_id"].n_unique()})
    show({"preference": [page]}, as_json=given.json)
    whole = given.split == "heldout" and set(given.arms) == set(ARMS)
    if path := given.write or (ROOT / "docs" / "preference.md" if whole else None):
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
