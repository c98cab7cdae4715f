"""Several processes that train together, as torchrun and accelerate start them on this machine's CPU."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from distilling import FAST, run, trace, weights

from mgrd.distill import processes
from mgrd.distill.training import last_checkpoint
from mgrd.errors import MisusedError

torch = pytest.importorskip("torch")
psutil = pytest.importorskip("psutil")  # comes with accelerate
pytest.importorskip("transformers")

ROOT = Path(__file__).parents[1]
MODULE = [sys.executable, "-m"]
MGRD = ["-m", "mgrd"]
SPLITTING = [ROOT / "tests" / "fsdp_on_cpu.py"]
MANY = [trace(n, question=f"{n}: high or low?", response="low" * (1 + n % 5)) for n in range(14)]
LONG = ["--epochs", "6", "--lr", "1e-3", "--held-out-share", "0.2", "--save-steps", "1"]
AS_ONE = replace(FAST, epochs=6, lr=1e-3, batch_size=8, held_out_share=0.2, save_steps=1)


def free_port():
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def torchrun():
    return [*MODULE, "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]


def accelerate(config):
    config = ROOT / "examples" / "accelerate" / f"{config}.yaml"
    return [*MODULE, "accelerate.commands.launch", "--config_file", config, "--num_processes", "2",
            "--main_process_port", free_port()]  # fmt: skip


def start(folder, model, out, *options):
    """Start two processes of torchrun."""
    return launched(torchrun(), MGRD, folder, model, out, *options)


def launched(launcher, program, folder, model, out, *options):
    """Start a launcher's processes; without a launcher, Python itself."""
    words = [*(launcher or [sys.executable]), *program, "distill", folder, "-m", model, "-o", out, "--json", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        list(map(str, words)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process):
    told, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(told)


def kill_all(pid):
    """Kill -9 a process and its children, whom a launcher gives sessions of their own."""
    whole = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for one in whole:
        one.kill()


def terminate(pid):
    os.kill(pid, signal.SIGTERM)


def ended_by(end, process, out):
    """End a process as soon as there is a new checkpoint; returns the exit code, what was said, and its step."""
    until, before = time.monotonic() + 200, last_checkpoint(out / "checkpoints")
    while last_checkpoint(out / "checkpoints") == before:
        assert process.poll() is None and time.monotonic() < until, process.communicate()[1]
        time.sleep(0.02)
    end(process.pid)
    errors = process.communicate(timeout=100)[1]
    assert not (out / "model").exists()
    return process.returncode, errors, int(last_checkpoint(out / "checkpoints").name.removeprefix("checkpoint-"))


def told_of(out):
    return json.loads((out / "distill.json").read_text())


def learned(out):
    return (out / "model" / "model.safetensors").read_bytes()


def apart(model, one, other):
    """How far two trained models are apart, as a share of how far training has moved the first."""
    before, alone, together = weights(model), weights(one / "model"), weights(other / "model")
    moved, between = (
        sum((ones[name] - others[name]).square().sum() for name in ones).sqrt().item()
        for ones, others in ((alone, before), (alone, together))
    )
    return between / moved


@pytest.fixture(scope="module")
def folder(tmp_path_factory, clips):
    from mgrd import tables

    folder = tmp_path_factory.mktemp("many")
    tables.write_table(MANY, folder / "survivors.parquet", tables.JUDGED)
    tables.write_json({"generate": {"audio_root": str(clips)}}, folder / "manifest.json")
    return folder


@pytest.fixture(scope="module")
def alone(folder, model, tmp_path_factory):
    """What one process makes of it, undisturbed."""
    out = tmp_path_factory.mktemp("alone")
    run(folder, model, out, AS_ONE)
    return out


@pytest.fixture(scope="module")
def together(folder, model, tmp_path_factory):
    """What two processes of torchrun make of it, four micro-batches a step each, undisturbed."""
    out = tmp_path_factory.mktemp("together")
    told = finished(start(folder, model, out, *LONG, "--batch-size", "4", "--accumulate", "4"))
    assert told["traces"] == 11  # one object: only the first process answers
    return out


def test_four_micro_batches_in_two_processes_train_as_one_process_does(alone, together, model):
    one, two = told_of(alone), told_of(together)
    assert len(one["losses"]) == len(two["losses"]) == 12
    assert two["losses"] == pytest.approx(one["losses"], rel=0.01)
    assert two["losses_held_out"] == pytest.approx(one["losses_held_out"], rel=0.01)
    assert apart(model, alone, together) < 0.03


def test_a_process_that_is_killed_in_an_epoch_goes_on_to_the_same_bytes(folder, model, alone, tmp_path):
    words = [None, MGRD, folder, model, tmp_path, *LONG, "--batch-size", "8"]
    code, _, step = ended_by(kill_all, launched(*words), tmp_path)
    assert code == -signal.SIGKILL
    assert 0 < step < 12

    code, errors, later = ended_by(terminate, launched(*words), tmp_path)
    assert (code, re.findall(r"step (\d+) of 12; a checkpoint is saved", errors)) == (75, [str(later)])
    assert f"going on from checkpoint-{step}\n" in errors

    assert finished(launched(*words))["steps"] == 12
    assert told_of(tmp_path) | {"seconds": 0} == told_of(alone) | {"seconds": 0}
    assert learned(tmp_path) == learned(alone)


def test_two_processes_of_accelerate_that_are_stopped_go_on_to_the_same_bytes(folder, model, together, tmp_path):
    def again():
        return launched(
            accelerate("ddp"), MGRD, folder, model, tmp_path, *LONG, "--batch-size", "4", "--accumulate", "4"
        )

    _, errors, step = ended_by(terminate, again(), tmp_path)  # the launcher alone, which tells the others
    assert f"at step {step} of 12; a checkpoint is saved" in errors
    finished(again())

    assert told_of(tmp_path) | {"seconds": 0} == told_of(together) | {"seconds": 0}
    assert learned(tmp_path) == learned(together)


def test_split_weights_train_as_whole_ones_and_other_processes_can_go_on(folder, model, tmp_path, monkeypatch):
    monkeypatch.setattr("mgrd.distill.training.precision", lambda: "fp32")  # as in tests/fsdp_on_cpu.py
    run(folder, model, tmp_path / "alone", AS_ONE)

    def again(out):
        return launched(accelerate("fsdp2"), SPLITTING, folder, model, out, *LONG, "--batch-size", "4")

    ended_by(kill_all, again(tmp_path / "two"), tmp_path / "two")
    shutil.copytree(tmp_path / "two", tmp_path / "one")

    finished(again(tmp_path / "two"))  # the parts are taken over
    run(folder, model, tmp_path / "one", AS_ONE)  # the same traces a step, so the same work

    for out in (tmp_path / "two", tmp_path / "one"):
        found, wanted = told_of(out), told_of(tmp_path / "alone")
        assert found["losses"] == pytest.approx(wanted["losses"], rel=0.01)
        assert found["losses_held_out"] == pytest.approx(wanted["losses_held_out"], rel=0.01)
        assert (found["parameters"], found["trainable"]) == (wanted["parameters"], wanted["trainable"])
        assert apart(model, tmp_path / "alone", out) < 0.03


@pytest.mark.parametrize(
    ("launched_with", "message"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "DeepSpeed: .* use examples/accelerate/fsdp2.yaml"),
        ({"ACCELERATE_USE_FSDP": "true"}, "FSDP 1: give fsdp_version: 2"),
        (
            {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_ACTIVATION_CHECKPOINTING": "true"},
            "fsdp_activation_checkpointing: true is not supported; give --gradient-checkpointing instead",
        ),
        (
            {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_OFFLOAD_PARAMS": "true"},
            "fsdp_offload_params: true is not supported",
        ),
    ],
)
def test_a_launcher_that_splits_in_ways_that_are_not_known_is_refused(monkeypatch, launched_with, message):
    for name, value in launched_with.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MisusedError, match=message):
        processes.join()
