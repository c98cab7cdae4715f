"""Questions as the Parquet that verl trains on: python examples/rewards/verl_data.py QUESTIONS OUT.parquet.

`reward_model.ground_truth` and `extra_info` are what mgrd.rewards.compute_score and compute_grounded_score read. What
else a policy needs in `prompt` to be given the audio depends on its model: see verl's documentation on multimodal data.
"""

import sys
from pathlib import Path

import polars as pl

from mgrd.prompts import render
from mgrd.questions import read_questions


def main() -> None:
    """Write one row a question."""
    source, out = sys.argv[1:]
    rows = [
        {
            "data_source": row["task"] or "audio",
            "prompt": [{"role": "user", "content": render("grounded", row["question"], row["choices"])}],
            "reward_model": {"style": "rule", "ground_truth": row["answer"]},
            "extra_info": {name: row[name] for name in ("id", "question", "choices", "audio", "task", "language")},
        }
        for row in read_questions(source).iter_rows(named=True)
    ]
    pl.DataFrame(rows).write_parquet(Path(out))
    print(f"{len(rows):,} questions: {out}")


if __name__ == "__main__":
    main()
