#!/usr/bin/env bash
# On a machine with a GPU: `mgrd bench generate` with a Qwen2-Audio of 7B size and random weights, made here (16 GB, no
# download). Prints the device's name, the two ratios and the share of prompt tokens that came from the prefix cache.
#
#   benchmarks/gpu.sh                  64 questions x 8 x 512 tokens, 5 turns
#   benchmarks/gpu.sh --pairs 3        options go to the benchmark
#   TINY=1 benchmarks/gpu.sh           a small model of the same kind: tests this script, also on a CPU
#
# PYTHON names an interpreter that has vLLM and mgrd, WHERE the folder for the model (default: a temporary one).
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
export PYTHONPATH=$PWD HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1
if [ -z "${WHERE:-}" ]; then
    WHERE=$(mktemp -d)
    trap 'rm -rf "$WHERE"' EXIT
fi
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
"$PYTHON" - "$WHERE/model" "${TINY:-}" <<'PY'
"""Write the model: the quickstart's processor, the sizes of Qwen/Qwen2-Audio-7B-Instruct's config.json, random weights."""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoConfig, Qwen2AudioForConditionalGeneration

QUICKSTART = Path("examples/quickstart/model")
AUDIO = {"d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120}
TEXT = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 8192,
    "vocab_size": 156032,
}


def on_disk(name):
    """The name that checkpoints have of a tensor, in which both transformers and vLLM find it."""
    name = name.removeprefix("model.")
    if name.startswith("lm_head"):
        return f"language_model.{name}"
    inside = name.removeprefix("language_model.")
    if inside == name or inside.startswith(("model.", "lm_head")):
        return name
    return f"language_model.model.{inside}"


def shapes(config):
    with torch.device("meta"):
        model = Qwen2AudioForConditionalGeneration(config)
    return {on_disk(name): tensor.shape for name, tensor in model.state_dict().items()}


out, tiny = Path(sys.argv[1]), bool(sys.argv[2])
if (out / "model.safetensors.index.json").exists():
    sys.exit(0)
config = AutoConfig.from_pretrained(QUICKSTART)
with safe_open(QUICKSTART / "model.safetensors", "pt") as there:
    if set(there.keys()) != set(shapes(config)):
        sys.exit("this transformers names the tensors of Qwen2-Audio otherwise; mend on_disk")
content = json.loads((QUICKSTART / "config.json").read_text())
if not tiny:
    content["audio_config"] |= AUDIO
    content["text_config"] |= TEXT
    content["text_config"]["layer_types"] = ["full_attention"] * TEXT["num_hidden_layers"]
content["dtype"] = "bfloat16"
out.mkdir(parents=True, exist_ok=True)
for path in QUICKSTART.iterdir():
    if path.suffix != ".safetensors":
        shutil.copy(path, out)
(out / "config.json").write_text(json.dumps(content, indent=2))
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)
weights, size, index = {}, 0, {}


def write():
    global weights, size
    name = f"model-{len(set(index.values())):05d}.safetensors"
    save_file(weights, out / name, metadata={"format": "pt"})
    index.update(dict.fromkeys(weights, name))
    weights, size = {}, 0


for name, shape in shapes(AutoConfig.from_pretrained(out)).items():
    if "norm" in name and name.endswith("weight"):
        weights[name] = torch.ones(shape, dtype=torch.bfloat16)
    else:
        weights[name] = (0.02 * torch.randn(shape, device=device)).to("cpu", torch.bfloat16).contiguous()
    size += weights[name].numel() * 2
    if size > 4e9:
        write()
write()
# written last, so that its existence means the model is whole
(out / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
PY
if [ -n "${TINY:-}" ]; then
    set -- --questions 4 --samples 2 --max-tokens 16 --pairs 1 "$@"
else
    set -- --max-tokens 512 "$@"
fi
"$PYTHON" benchmarks/generate.py -m "$WHERE/model" "$@"
