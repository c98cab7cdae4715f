"""What a trained model must do before it is there, and what is looked for before the training, without vLLM."""

import json
import sys
from dataclasses import replace

import families
import pytest
from distilling import FAST, run

from mgrd.errors import InputError, MgrdError, MisusedError

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
        ({"engine_python": sys.executable}, f"--engine-python {sys.executable}: goes with --engine vllm"),
    ],
)
def test_an_interpreter_that_nobody_can_or_would_ask_is_misuse(survivors, model, tmp_path, options, message):
    with pytest.raises(MisusedError) as error:
        run(survivors(), model, tmp_path / "out", replace(FAST, **options))
    assert str(error.value) == message


def test_a_model_that_vllm_does_not_answer_with_never_appears(survivors, model, tmp_path, interpreter):
    python, _ = interpreter(fails="generate")

    with pytest.raises(MgrdError, match=r"the trained model does not answer in vllm \(the GPU is gone\)"):
        run(survivors(), model, tmp_path / "out", replace(FAST, engine="vllm", engine_python=str(python)))
    assert (tmp_path / "out" / "distill.json").exists()
    assert not (tmp_path / "out" / "model").exists()


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
