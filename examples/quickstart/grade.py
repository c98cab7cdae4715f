"""Accuracy and grounding by task of a model folder, with the plain prompt; grounding by benchmarks/truth.py.

    python grade.py MODEL --questions validation.jsonl --samples 8

mgrd eval measures any model on any questions; this adds what only the generator's truth can say.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cold_start import HERE, SEED, SHORT_FRAMES, Clips, complete, read_jsonl, set_window
from transformers import Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

from mgrd.prompts import render
from mgrd.traces import split


def scorer() -> Any:
    """The module benchmarks/truth.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("truth", HERE.parents[1] / "benchmarks" / "truth.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["truth"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def grade(
    folder: Path, questions: list[dict[str, Any]], samples: int
) -> tuple[dict[str, list[tuple[bool, ...]]], list[str]]:
    """Of every completion, by task: right, cites the sound, fully grounded; and the completions."""
    score = scorer().score
    truths = {row["audio"]: row for row in read_jsonl(HERE / "truth.jsonl")}
    model = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    set_window(model, SHORT_FRAMES)
    clips = Clips(Qwen2AudioProcessor.from_pretrained(folder), [HERE / row["audio"] for row in questions])
    prompts = [(i, render("plain", row["question"], row["choices"])) for i, row in enumerate(questions)]
    rows, written = defaultdict(list), []
    for row, completions in zip(questions, complete(model, clips, prompts, samples), strict=True):
        for completion in completions:
            think, response = split(completion)
            found = score(think, truths[row["audio"]])
            rows[row["task"]].append((response == row["answer"], found["cited"], found["fully_grounded"]))
            written.append(f"{row['task']} ({row['answer']}): {completion!r}")
    return rows, written


def main() -> None:
    """Print one line a task, greedy or sampled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--questions", default="validation.jsonl")
    parser.add_argument("--samples", type=int, default=0, help="0 is greedy")
    parser.add_argument("--show", type=int, default=0, help="print that many completions")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rows, written = grade(arguments.model, read_jsonl(HERE / arguments.questions), arguments.samples)
    rows["all"] = [row for task in list(rows) for row in rows[task]]
    for task, marks in rows.items():
        right, cited, grounded = np.mean(marks, axis=0)
        print(
            f"{task:6} accuracy {right:.3f}  cites the sound {cited:.3f}  fully grounded {grounded:.3f}  n {len(marks)}"
        )
    for line in written[:: max(1, len(written) // max(1, arguments.show))][: arguments.show]:
        print(line)


if __name__ == "__main__":
    main()
