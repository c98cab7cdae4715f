"""The job array of examples/slurm, with stand-ins for the cluster's own commands."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "examples" / "slurm" / "generate.sbatch"


def test_the_script_is_bash():
    assert subprocess.run(["bash", "-n", SCRIPT], check=False).returncode == 0


@pytest.mark.parametrize(("code", "requeued"), [(0, []), (1, []), (75, ["requeue 7_3"])])
@pytest.mark.parametrize(("first", "count"), [(0, 8), (3, 1), (2, 2)])
def test_a_task_samples_its_shard_of_a_whole_or_partial_array_and_requeues_itself_only_when_it_was_stopped(
    tmp_path, code, requeued, first, count
):
    for name, does in (
        ("srun", f'echo "$@" > {tmp_path}/ran\nexit {code}'),
        ("scontrol", f'echo "$@" > {tmp_path}/said'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    task = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": str(first), "SLURM_ARRAY_TASK_COUNT": str(count)}
    env = os.environ | task | {"SLURM_ARRAY_JOB_ID": "7", "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    done = subprocess.run(["bash", SCRIPT, "my questions.jsonl", "MODEL", "out", "-k", "8"], env=env, check=False)

    assert done.returncode == code
    ran = "mgrd generate my questions.jsonl -m MODEL -o out --shard 3/8 --grace 90 -k 8\n"
    assert (tmp_path / "ran").read_text() == ran
    said = tmp_path / "said"
    assert (said.read_text().splitlines() if said.exists() else []) == requeued
