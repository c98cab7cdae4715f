"""What this machine can run: each fact as it is, what hangs on it, and how to mend it."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mgrd import doctor, packages
from mgrd.doctor import Fact

SMI = """#!/bin/sh
case "$1" in
  --query-gpu=name,memory.free,memory.total,driver_version) echo "NVIDIA H100 80GB HBM3, 79000, 81559, 570.86.10" ;;
  --version) printf 'NVIDIA-SMI version  : 570.86.10\\nCUDA Version        : 12.8\\n' ;;
esac
"""


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A folder to work in, no keys, no cache, no GPU."""
    monkeypatch.chdir(tmp_path)
    for name in (*doctor.KEYS, *doctor.OFFLINE, "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.fixture
def installed(monkeypatch):
    """Say which versions are installed, whatever is; None: not installed."""

    def set_versions(**given):
        known = {name.replace("_", "-"): found for name, found in given.items()}
        every = [one for some in packages.requirements().values() for one in some]
        least = {packages.name(one): re.search(r"(?<=[=>])[\d.]*\d", one)[0] for one in every} | known
        monkeypatch.setattr(packages, "installed", least.get)

    return set_versions


def with_nvidia(folder, monkeypatch):
    (folder / "bin").mkdir()
    smi = folder / "bin" / "nvidia-smi"
    smi.write_text(SMI)
    smi.chmod(smi.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(doctor, "_has_gpu", lambda: True)


def test_a_wheel_says_the_same_as_the_checkout(tmp_path, monkeypatch):
    """As hatchling writes it into a wheel's metadata: bounds in another order, extras as markers."""
    here = packages.requirements()
    said = ["typer>=0.26", "swift-f0==0.3.*", "transformers<5.21,>=5.16.1; extra == 'train'", "mypy; extra == 'dev'"]
    package = tmp_path / "site" / "mgrd" / "__init__.py"
    monkeypatch.setattr(packages.mgrd, "__file__", str(package))
    monkeypatch.setattr(packages, "requires", {"mgrd": said}.get)
    found = packages.requirements.__wrapped__()
    assert found == {"": ("typer>=0.26", "swift-f0==0.3.*"), "train": ("transformers<5.21,>=5.16.1",)}
    assert {"train", "vllm", "praat"} <= here.keys()
    assert [one for some in here.values() for one in some if packages.name(one) == one] == []


@pytest.mark.parametrize(
    ("found", "requirement", "fits"),
    [
        ("2.11.0+cu130", "torch>=2.11", True),
        ("2.9.1", "torch>=2.11", False),
        ("5.21.0", "transformers>=5.16.1,<5.21", False),
        ("5.20.3", "transformers>=5.16.1,<5.21", True),
        ("5.16", "transformers>=5.16.1,<5.21", False),
        ("0.3.7", "swift-f0==0.3.*", True),
        ("0.4.0", "swift-f0==0.3.*", False),
        ("0.33.0rc1", "vllm>=0.26", True),
        (None, "vllm>=0.26", False),
    ],
)
def test_a_version_fits_or_does_not(installed, found, requirement, fits):
    installed(**{packages.name(requirement).replace("-", "_"): found})
    assert packages.fits(requirement) is fits


def test_what_a_command_lacks_is_named_with_what_mends_it(bare, installed, run):
    installed(torch=None, vllm=None, transformers="5.22.0")
    code, out, err = run("doctor", "generate", "--json")
    assert (code, err) == (1, "")
    found = json.loads(out)["commands"]
    engine = {
        "value": "transformers: torch is missing, transformers 5.22.0 is there, >=5.16.1,<5.21 is needed",
        "ok": False,
        "mend": "pip install 'mgrd[train]', or use --engine server",
    }
    assert found == {"generate": {"runs": False, "missing": {"engine": engine}}}
    code, out, _ = run("doctor", "generate")
    assert (code, out.splitlines()[-1].startswith("generate does not run here: engine: transformers: torch is")) == (
        1,
        True,
    )
    assert run("doctor", "generate", "--engine", "server")[0] == 0
    assert run("doctor", "inspect")[0] == 0
    assert run("doctor", "cook")[0] == 2


def test_without_a_command_all_are_told_of_and_the_exit_code_is_0(bare, installed, run, monkeypatch):
    installed(torch=None, peft=None)
    code, out, err = run("doctor", "--json")
    assert (code, err) == (0, "")
    tone = json.loads(out)["facts"]["clip"]["value"]
    assert re.fullmatch(
        r"a tone of 220 Hz: decoded, and its pitch measured, in \d+\.\d s, pitch 2(19\.[5-9]|20\.[0-5]) Hz; "
        "mgrd doctor measure takes all figures",
        tone,
    )
    runs = {name: one["runs"] for name, one in json.loads(out)["commands"].items()}
    assert (runs["generate"], runs["distill"], runs["run"], runs["filter"], runs["questions"]) == (
        *(False, False, False),
        *(True, True),
    )
    assert "\x1b" not in run("doctor")[1]


def test_a_missing_package_of_the_base_stops_every_command(bare, installed, run):
    installed(polars="1.2")
    assert run("doctor", "rules")[0] == 1
    assert "polars 1.2 is there, >=1.30 is needed; pip install --upgrade mgrd" in run("doctor", "rules")[1]


def test_a_gpu_is_told_of_and_a_torch_that_does_not_fit_it_is_missed(bare, installed, monkeypatch):
    with_nvidia(bare, monkeypatch)
    installed(torch="2.11.0+cpu")
    facts = doctor.examine(["generate"], folder=bare, engine="transformers")
    assert facts["gpu"].value == "NVIDIA H100 80GB HBM3, 77 of 80 GiB free; driver 570.86.10, CUDA up to 12.8"
    assert facts["engine"].ok is False
    assert "is built for the CPU and a GPU is there" in facts["engine"].value
    installed(torch="2.11.0+cu130")
    monkeypatch.setattr(doctor, "_torch_cuda", lambda: 13)
    newer = doctor.examine(["generate"], folder=bare, engine="vllm")["engine"]
    assert (newer.ok, newer.value) == (
        False,
        "vllm: torch 2.11.0+cu130 needs a driver for CUDA 13, this one knows 12.8",
    )
    monkeypatch.setattr(doctor, "_torch_cuda", lambda: 12)
    assert doctor.examine(["generate"], folder=bare, engine="vllm")["engine"] == Fact("vllm", True)


def test_no_key_is_ever_shown(bare, run, monkeypatch):
    for name in doctor.KEYS:
        monkeypatch.setenv(name, "sk-very-secret")
    told = run("doctor", "rules")[1] + run("doctor", "rules", "--json")[1]
    assert "secret" not in told
    assert "MGRD_API_KEY set, HF_TOKEN set" in told


def test_a_model_folder_is_whole_or_it_is_said_what_it_lacks(bare):
    def look(name):
        return doctor.examine(["generate"], folder=bare, model=Path(name))["model"]

    folder = bare / "m"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert look("m").value == "m: has no weights (model.safetensors)"
    (folder / "model.safetensors").write_bytes(b"0" * 2**20)
    assert look("m") == Fact("m: 1 weight file, 0.0 GiB", True)
    (folder / "config.json").unlink()
    assert look("m") == Fact("m: is no model folder, it has no config.json", False, "copy it anew")
    assert look("nowhere") == Fact("nowhere: no such model folder", False, "give the folder of a model with -m")
    (bare / "model-b").mkdir()
    assert look("model-d").mend == "did you mean model-b?"
    assert look("org/name").mend == "hf download org/name, then give the folder that it prints"
    snapshot = bare / "hf" / "hub" / "models--org--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    assert look("org/name").mend == f"it is here already, give its folder: -m {snapshot}"


def test_offline_flags_and_the_cache_are_told_of(bare, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = doctor.examine(["rules"], folder=bare)["hub"].value
    assert found == f"0 models in {bare / 'hf' / 'hub'}; offline by HF_HUB_OFFLINE"


def test_looks_do_not_wait_for_each_other(bare, monkeypatch):
    meeting = threading.Barrier(2, timeout=20)

    def waits():
        meeting.wait()  # raises where the other look has not begun
        return Fact("there", True)

    monkeypatch.setattr(doctor, "_gpu", waits)
    monkeypatch.setattr(doctor, "_training", waits)
    found = doctor.examine(["distill"], folder=bare)
    assert (found["gpu"], found["training"]) == (Fact("there", True), Fact("there", True))
    assert list(found)[:3] == ["python", "packages", "machine"]


def test_a_disk_that_is_full_or_not_ours_stops_what_writes(bare, monkeypatch):
    usage = shutil.disk_usage(bare)._replace(free=2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    full = doctor.examine(["distill"], folder=bare / "not" / "there")["disk"]
    assert (full.ok, full.value.startswith(f"1 GiB free at {bare}, writes ")) == (False, True)
    assert list(bare.iterdir()) == []

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor, "_write_mb_s", refuse)
    refused = doctor.examine(["distill"], folder=bare)["disk"]
    assert refused == Fact(f"{bare} cannot be written (Permission denied)", False, "give another folder with -o")


def test_a_clip_is_decoded_and_measured(bare):
    tone = doctor.examine(["measure"], folder=bare)["clip"]
    assert tone.ok is True
    assert tone.value.endswith("pitch 220.0 Hz")
    sf.write(bare / "quiet.wav", np.zeros(16000), 16000)
    assert "no pitch" in doctor.examine(["measure"], folder=bare, audio=bare / "quiet.wav")["clip"].value
    (bare / "bad.wav").write_bytes(b"nothing")
    assert doctor.examine(["measure"], folder=bare, audio=bare / "bad.wav")["clip"].ok is False


def test_a_clip_that_is_cut_off_is_to_be_copied_again_and_not_to_be_converted(bare):
    sf.write(bare / "whole.wav", np.zeros(16000), 16000)
    (bare / "cut.wav").write_bytes((bare / "whole.wav").read_bytes()[:-2000])
    found = doctor.examine(["measure"], folder=bare, audio=bare / "cut.wav")["clip"]
    promised = f"{bare / 'cut.wav'}: is truncated, its header promises 32000 bytes of audio and 30000 are there"
    assert found == Fact(promised, False, "copy it again")
    (bare / "no.wav").write_text("no audio")
    assert doctor.examine(["measure"], folder=bare, audio=bare / "no.wav")["clip"].mend == "convert it to WAV or FLAC"


@pytest.mark.parametrize(("command", "imported"), [("'distill', ", []), ("", ["onnxruntime"])])
def test_a_look_that_needs_no_figures_of_a_sound_imports_nothing_heavy(bare, command, imported):
    heavy = {"torch", "transformers", "vllm", "librosa", "scipy", "numba", "datasets", "onnxruntime"}
    code = (
        "import sys; from mgrd.cli import main\n"
        f"try: main(['doctor', {command}'-o', '.'])\n"
        "except SystemExit: pass\n"
        f"print(sorted({heavy} & sys.modules.keys()))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(doctor.__file__).parents[1])}
    out = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert out.stdout.splitlines()[-1] == str(imported)


def test_a_clip_without_a_pitch_is_a_fact_and_no_crash(monkeypatch):
    none = type("None", (), {"detect": lambda *_: type("Pitches", (), {"pitch_hz": []})})()
    monkeypatch.setattr("mgrd.audio.frames.swift", lambda: none)

    found = doctor._clip(None, whole=False)

    assert "no pitch (nothing is voiced)" in found.value
    assert found.ok is False
