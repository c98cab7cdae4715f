"""What a trained model must do before it is there, and what is looked for before the training, without vLLM."""

import json
import sys
from dataclasses import replace

import families
import pytest
from distilling import FAST, run

from mgrd.errors import InputError, MgrdError, MisusedError, Stopped

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from mgrd.distill import trial  # noqa: E402
from mgrd.engines.vllm import arguments  # noqa: E402

RECORDER = """#!{python} -SE
# Stands in for an interpreter that has vLLM: writes down how it was called, and fails at what it is told to fail at.
import json, os, sys

with open({calls!r}, "a") as calls:
    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=calls)
if {fails!r} in sys.argv:
    sys.exit("loading\\nError: the GPU is gone")
"""


@pytest.fixture
def interpreter(tmp_path):
    """Write an interpreter that fails where `fails` is among its arguments; `.calls` reads how it was called."""

    def write(fails):
        path, calls = tmp_path / "python", tmp_path / "calls.jsonl"
        path.write_text(RECORDER.format(python=sys.executable, calls=str(calls), fails=fails))
        path.chmod(0o755)
        return path, lambda: [json.loads(line) for line in calls.read_text().splitlines()]

    return write


def test_what_is_missing_for_vllm_is_said_before_anything_is_written(survivors, model, tmp_path, interpreter):
    python, calls = interpreter(fails="-c")

    with pytest.raises(MgrdError, match=f"^{python}: the GPU is gone$"):
        run(survivors(), model, tmp_path / "out", replace(FAST, engine="vllm", engine_python=str(python)))
    assert not (tmp_path / "out").exists()
    ((words, _),) = calls()
    assert words[-2:] == [trial._LOOK, str(model)]


def test_a_look_for_vllm_that_is_stopped_stops_the_job(survivors, model, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -TERM $$\n")
    python.chmod(0o755)

    with pytest.raises(Stopped, match="stopped while vllm was looked for; the same command goes on"):
        run(survivors(), model, tmp_path / "out", replace(FAST, engine="vllm", engine_python=str(python)))


def test_without_vllm_a_look_says_what_to_install(model, monkeypatch):
    def missing(name):
        raise arguments.PackageNotFoundError(name)

    monkeypatch.setattr(arguments, "version", missing)

    with pytest.raises(SystemExit, match=r"vLLM is not installed here; pip install 'mgrd\[vllm\]'"):
        trial.look(str(model))


def test_a_model_that_vllm_has_behind_a_server_alone_is_not_trained_for_it(survivors, tmp_path):
    pytest.importorskip("mistral_common")
    voxtral = families.build("voxtral", tmp_path / "voxtral")

    with pytest.raises(InputError, match=r"takes whole conversations.*tried with --engine transformers"):
        run(survivors(), voxtral, tmp_path / "out", replace(FAST, engine="vllm", engine_python=sys.executable))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "vllm", "engine_python": "/no/python"}, "--engine-python /no/python: no such interpreter"),
        ({"dtype": "float16"}, "--dtype: goes with --engine vllm"),
        ({"engine": "vllm", "vllm": ["dtype=half"]}, "--vllm dtype=half: has an option of its own, --dtype"),
        ({"engine_python": sys.executable}, f"--engine-python {sys.executable}: goes with --engine vllm"),
    ],
)
def test_what_cannot_or_need_not_be_said_of_vllm_is_misuse(survivors, model, tmp_path, options, message):
    with pytest.raises(MisusedError) as error:
        run(survivors(), model, tmp_path / "out", replace(FAST, **options))
    assert str(error.value) == message


def test_a_model_that_vllm_does_not_answer_with_never_appears(survivors, model, tmp_path, interpreter):
    python, _ = interpreter(fails="generate")

    with pytest.raises(MgrdError, match=r"the trained model does not answer in vllm \(the GPU is gone\)"):
        run(survivors(), model, tmp_path / "out", replace(FAST, engine="vllm", engine_python=str(python)))
    assert (tmp_path / "out" / "distill.json").exists()
    assert not (tmp_path / "out" / "model").exists()


def test_a_new_model_is_tried_in_vllm_as_the_next_round_opens_it(survivors, model, tmp_path, interpreter):
    python, calls = interpreter(fails="generate")
    opened = {"tensor_parallel": 2, "gpu_memory": 0.5, "dtype": "bfloat16", "max_model_len": 512}
    options = replace(FAST, engine="vllm", engine_python=str(python), **opened, vllm=["max_num_seqs=4"])

    with pytest.raises(MgrdError, match="does not answer in vllm"):
        run(survivors(), model, tmp_path / "out", replace(options, trust_remote_code=True))

    (looked, _), (tried, _) = calls()
    assert looked[-2:] == [str(model), "max_num_seqs=4"]
    wanted = {f"--{name.replace('_', '-')}": str(value) for name, value in opened.items()}
    wanted |= {"--engine": "vllm", "--vllm": "max_num_seqs=4", "--samples": "1", "--temperature": "0.0"}
    assert {flag: tried[tried.index(flag) + 1] for flag in wanted} == wanted
    assert {"--trust-remote-code", "--no-canary"} < set(tried)


def test_a_child_is_told_nothing_of_the_launchers_place_for_its_parent(model, interpreter, monkeypatch):
    launched = ("LOCAL_RANK", "WORLD_SIZE", "ROLE_NAME", "MASTER_ADDR", "TORCHELASTIC_RUN_ID", "FSDP_VERSION")
    launched += ("ACCELERATE_USE_FSDP", "TORCH_NCCL_ASYNC_ERROR_HANDLING", "PARALLELISM_CONFIG_TP_SIZE")
    own = {"NAME": "ours", "RANKING": "1", "MASTER_KEY": "2"}
    for name in launched:
        monkeypatch.setenv(name, "0")
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    python, calls = interpreter(fails="nothing")

    trial.check(model, replace(FAST, engine="vllm", engine_python=str(python)))

    ((_, environment),) = calls()
    assert {name: environment.get(name) for name in (*launched, *own)} == dict.fromkeys(launched) | own
