"""GRPO with TRL on the grounded reward: a policy, the quickstart's clips, and `mgrd.rewards` as it is.

    pip install 'mgrd[train]' trl
    python examples/rewards/grpo_trl.py --model POLICY --steps 100

TRL (1.16) gives images to a policy and no audio. So POLICY is a text model here, which cannot hear: it shows how the
reward is wired, and that a policy without ears earns at most 0.8. Every column of the data set reaches the reward.
"""

import argparse
import json
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from mgrd.prompts import render
from mgrd.rewards import grounded_with, published

QUICKSTART = Path(__file__).resolve().parents[1] / "quickstart"


def questions() -> Dataset:
    """The columns that the rewards read (answer, choices, audio, question), and TRL's own, prompt."""
    rows = [json.loads(line) for line in (QUICKSTART / "pool.jsonl").read_text(encoding="utf-8").splitlines()]
    return Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": render("grounded", row["question"], row["choices"])}],
                "answer": row["answer"],
                "choices": row["choices"],
                "question": row["question"],
                "audio": row["audio"],  # a path; an Audio column of `datasets` does as well
            }
            for row in rows
        ]
    )


def main() -> None:
    """Train, and print the means of both rewards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--out", default="grpo-out")
    given = parser.parse_args()
    trainer = GRPOTrainer(
        model=given.model,
        processing_class=AutoTokenizer.from_pretrained(given.model),
        # `published` is only watched: its weight is 0
        reward_funcs=[grounded_with(audio_root=str(QUICKSTART)), published],
        args=GRPOConfig(
            output_dir=given.out,
            max_steps=given.steps,
            num_generations=4,
            per_device_train_batch_size=4,
            max_completion_length=128,
            reward_weights=[1.0, 0.0],
            beta=0.0,  # no KL term, as in the paper (section 3.2)
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
            bf16=torch.cuda.is_available(),
        ),
        train_dataset=questions(),
    )
    trainer.train()
    for entry in trainer.state.log_history:
        means = {name: value for name, value in entry.items() if name.startswith(("rewards/", "mgrd/"))}
        if means:
            print(json.dumps({"step": entry["step"], **means}))


if __name__ == "__main__":
    main()
