"""`--lora` on a real vLLM, with a small Audio Flamingo 3: the adapter's tokens are those of the merged weights."""

import json
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

try:
    version("vllm")
except PackageNotFoundError:  # `import vllm` could find this folder
    pytest.skip("vLLM is not installed: make test-vllm", allow_module_level=True)

from mgrd.engines import Request, Sampling, open_engine

sys.path.append(str(Path(__file__).resolve().parents[1]))
import families
import families_hearing

pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM warns about its own imports

RANK, ALPHA = 4, 8


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A folder as NVIDIA publishes one; vLLM's kernels for CPUs take no smaller heads."""
    from safetensors.torch import load_file, save_file

    monkeypatch.setattr(families_hearing, "TEXT", families_hearing.TEXT | {"hidden_size": 64, "head_dim": 32})
    folder = families.build("audio_flamingo_3", tmp_path / "base")
    (file,) = folder.glob("*.safetensors")
    renamed = {name.replace("model.model.layers", "model.layers"): value for name, value in load_file(file).items()}
    renamed["language_model.model.norm.weight"] = renamed.pop("language_model.model.model.norm.weight")
    renamed["language_model.model.embed_tokens.weight"] = renamed.pop("language_model.model.model.embed_tokens.weight")
    save_file(renamed, file, {"format": "pt"})
    return folder


@pytest.fixture
def adapted(base, tmp_path):
    """An adapter for some of the language model, and the folder of the same weights merged."""
    import torch
    from safetensors.torch import load_file, save_file

    (file,) = base.glob("*.safetensors")
    weights, tensors = load_file(file), {}
    draw = torch.Generator().manual_seed(1)
    for name in sorted(weights):
        if name.startswith("language_model.") and name.endswith(("q_proj.weight", "v_proj.weight", "down_proj.weight")):
            out, into = weights[name].shape
            a, b = torch.randn(RANK, into, generator=draw) * 0.3, torch.randn(out, RANK, generator=draw) * 0.3
            peft = f"base_model.model.{name.removesuffix('.weight')}"
            tensors |= {f"{peft}.lora_A.weight": a, f"{peft}.lora_B.weight": b}
            weights[name] = weights[name] + ALPHA / RANK * b @ a
    assert len(tensors) == 12
    adapter, merged = tmp_path / "adapter", tmp_path / "merged"
    adapter.mkdir()
    save_file(tensors, adapter / "adapter_model.safetensors", {"format": "pt"})
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": ALPHA, "bias": "none"}
    targets = {"target_modules": ["q_proj", "v_proj", "down_proj"], "base_model_name_or_path": str(base)}
    (adapter / "adapter_config.json").write_text(json.dumps(config | targets))
    shutil.copytree(base, merged)
    save_file(weights, merged / file.name, {"format": "pt"})
    return adapter, merged


def greedy(engine):
    rng = np.random.default_rng(0)
    clips = [(0.1 * rng.standard_normal(16000 * seconds)).astype(np.float32) for seconds in (2, 3)]
    requests = [Request(str(n), "What is it?", [clip], [str(n)], {0: 1}) for n, clip in enumerate(clips)]
    try:
        done = list(engine.sample(iter(requests), Sampling(temperature=0, max_tokens=12)))
    finally:
        engine.close()
    assert [one.error for one in done] == [None, None]
    return {one.key: (one.text, one.prompt_tokens) for one in done}


def test_an_adapter_is_sampled_with_as_if_it_were_merged(base, adapted):
    adapter, merged = adapted
    with_adapter = greedy(open_engine("vllm", base, max_model_len=512, lora=adapter))

    assert with_adapter == greedy(open_engine("transformers", merged))
    assert with_adapter != greedy(open_engine("transformers", base))
