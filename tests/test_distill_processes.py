"""Several processes that train together, as torchrun and accelerate start them on this machine's CPU."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from distilling import FAST, run, trace, weights

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port"]
MANY = [trace(n, question=f"{n}: high or low?", response="low" * (1 + n % 5)) for n in range(14)]


def free_port():
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def start(folder, model, out, *options):
    words = ["-m", "mgrd", "distill", folder, "-m", model, "-o", out, "--json", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        list(map(str, [*TORCHRUN, free_port(), *words])),
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_four_micro_batches_in_two_processes_train_as_one_process_does(survivors, model, tmp_path):
    folder = survivors(*MANY)
    options = ["--epochs", "2", "--lr", "1e-3", "--held-out-share", "0.2"]
    both = start(folder, model, tmp_path / "both", *options, "--batch-size", "4", "--accumulate", "4")
    run(folder, model, tmp_path / "one", replace(FAST, lr=1e-3, batch_size=8, held_out_share=0.2))
    told, errors = both.communicate(timeout=300)
    assert both.returncode == 0, errors

    one, two = (json.loads((tmp_path / name / "distill.json").read_text()) for name in ("one", "both"))
    assert json.loads(told)["traces"] == one["traces"]  # one object: only the first process answers
    assert len(one["losses"]) == len(two["losses"]) == 4
    assert two["losses"] == pytest.approx(one["losses"], rel=0.01)
    assert two["losses_held_out"] == pytest.approx(one["losses_held_out"], rel=0.01)
    before, alone, together = (
        weights(folder) for folder in (model, tmp_path / "one" / "model", tmp_path / "both" / "model")
    )
    moved, apart = (
        sum((ones[name] - others[name]).square().sum() for name in ones).sqrt().item()
        for ones, others in ((alone, before), (alone, together))
    )
    assert apart < 0.03 * moved
