"""A trained model that must begin to answer in vLLM before it is there, with vLLM in an environment of its own.

Skips where there is no such environment: MGRD_VLLM_PYTHON, or the one that `make test-vllm` makes.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("MGRD_VLLM_PYTHON") or ROOT / ".venv-vllm" / "bin" / "python")
if not PYTHON.exists():
    pytest.skip("vLLM is not installed: make test-vllm", allow_module_level=True)

from mgrd import progress, tables  # noqa: E402
from mgrd.distill import distill  # noqa: E402
from mgrd.errors import MgrdError  # noqa: E402
from mgrd.options import Distill  # noqa: E402

QUICKSTART = ROOT / "examples" / "quickstart"
OPTIONS = Distill(epochs=1, batch_size=4, lora=4, engine="vllm", engine_python=str(PYTHON), report_to="none")


@pytest.fixture
def survivors(tmp_path):
    clips = sorted(path.name for path in (QUICKSTART / "audio").glob("*.ogg"))[:4]
    rows = [
        {
            "trace_id": f"q{number}.0.0", "audio": [clip], "audio_sha": [None], "question": "High or low?",
            "choices": ["high", "low"], "think": "It is near 220 Hz", "response": "low", "passed": True,
        }
        for number, clip in enumerate(clips)
    ]  # fmt: skip
    tables.write_table(rows, tmp_path / "round" / "survivors.parquet", tables.JUDGED)
    tables.write_json({"generate": {"audio_root": str(QUICKSTART / "audio")}}, tmp_path / "round" / "manifest.json")
    return tmp_path / "round"


def test_the_model_is_there_when_vllm_has_answered(survivors, tmp_path, capsys):
    distill([survivors], QUICKSTART / "model", tmp_path / "out", OPTIONS, story=progress.Story())

    assert "vllm loads the model, which begins to answer trace q" in capsys.readouterr().err
    assert (tmp_path / "out" / "model").is_dir()


def test_a_model_of_a_class_that_vllm_has_not_is_not_trained_for_it(survivors, tmp_path):
    shutil.copytree(QUICKSTART / "model", tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | {"architectures": ["NobodysModel"]}))

    with pytest.raises(MgrdError, match=r"python: .*model: vLLM \S+ has no NobodysModel; use --engine transformers"):
        distill([survivors], tmp_path / "model", tmp_path / "out", OPTIONS, story=progress.Story(quiet=True))
    assert not (tmp_path / "out").exists()
