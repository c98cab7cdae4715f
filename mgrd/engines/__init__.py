"""What `generate` asks of an engine: prompts and clips in, sampled completions out.

An engine knows one loaded model. It knows nothing about questions, gold answers, rules or files, and it never decides
what to sample: the order of the requests and the seed of every sample come from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mgrd.errors import MisusedError
from mgrd.options import VLLM, Generate

FinishReason = Literal["stop", "length", "abort", "error"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; temperature 0 is greedy."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 1024
    think_budget: int | None = None
    """Tokens after which a reasoning that has not ended is ended for the model, which then answers."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the completion. An engine that cannot hold a model to it ignores it: the caller checks."""


@dataclass(frozen=True, slots=True)
class Request:
    """The samples that are still wanted of one question."""

    key: str
    """The caller's name for the question; comes back in every Completion."""
    text: str
    """The user's turn (mgrd.prompts.render), without audio placeholders."""
    clips: list[NDArray[np.float32]]
    """Mono samples at the engine's `sr`, each at most `window_s` long."""
    clip_ids: list[str]
    """Content hashes of the clips, for engines that cache what they have encoded."""
    seeds: dict[int, int] = field(default_factory=dict)
    """Sample index -> seed; each sample's tokens depend on its own seed alone."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One sample, or the reason why there is none."""

    key: str
    sample: int
    seed: int
    text: str
    finish_reason: FinishReason
    prompt_tokens: int = 0
    completion_tokens: int = 0
    logprob: float | None = None
    """Sum of the log probabilities of the sampled tokens under the model, before temperature and top-p."""
    heard_s: tuple[float, ...] = ()
    """Seconds of each clip that the model was given."""
    error: str | None = None
    think_forced: bool | None = None
    """Whether `Sampling.think_budget` ended the reasoning, by tokens that `logprob` leaves out; None where there
    is no budget."""
    tokens: tuple[int, ...] = ()
    """What was drawn, with the token that ended it; empty where the engine does not tell."""


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine is busy with, in samples."""

    running: int = 0
    waiting: int = 0
    """Admitted, and not started yet."""


class Engine(Protocol):
    """One loaded model that can be sampled from.

    An engine may also have `load: Load`, kept as things are while it samples, and `gpus: int`, how many it uses; what
    it lacks is not told (`load_of`, `gpus_of`).
    """

    name: str
    sr: int
    """Sampling rate in Hz that the model's feature extractor expects."""
    window_s: float
    """The longest clip that the model hears whole, in seconds."""

    def sample(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """Yield every wanted sample, in any order, as soon as it is finished; reads `requests` lazily."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


def load_of(engine: object) -> Load | None:
    """What an engine is busy with; None when it does not say."""
    found: Load | None = getattr(engine, "load", None)
    return found


def gpus_of(engine: object) -> int | None:
    """How many GPUs of this machine an engine uses; None when it cannot know, as a server's client."""
    found: int | None = getattr(engine, "gpus", None)
    return found


NAMES = ("transformers", "vllm", "server")
MOST_LOSSES = 3
"""Losses of its engine or worker after which a question is given up; at the last it was there alone."""


def default_engine() -> str:
    """`vllm` where it is installed and a GPU is visible, else `transformers`; imports neither."""
    has_gpu = Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists()
    return "vllm" if has_gpu and any(distributions(name="vllm")) else "transformers"


def check_server(engine: str | None, url: str | None, flag: str = "") -> None:
    """Raise MisusedError unless an address is given to a server, and to nothing else; `flag` as in `--judge-`."""
    flag = flag or "--"
    if engine != "server":
        if url is not None:
            raise MisusedError(f"{flag}url: goes with {flag}engine server")
        return
    if url is None:
        raise MisusedError(f"{flag}engine server: say where it is, {flag}url http://HOST:PORT/v1")
    from mgrd.engines.endpoint import address

    address(url, f"{flag}url")


def check_vllm(options: Generate) -> None:
    """Raise MisusedError for options of the vllm engine that cannot be, or that another engine would ignore."""
    from mgrd.engines.vllm.arguments import pairs

    pairs(options.vllm, trust_remote_code=options.trust_remote_code)
    if (options.engine or default_engine()) != "vllm":
        plain = Generate()
        for name in (*VLLM, "lora"):
            if getattr(options, name) != getattr(plain, name):
                raise MisusedError(f"--{name.replace('_', '-')}: goes with --engine vllm")
    if options.lora is not None and not Path(options.lora).is_dir():
        raise MisusedError(f"--lora {options.lora}: no such folder")


def check_vllm_installed(options: Generate) -> None:
    """Raise MisusedError for a `--vllm` that the vLLM of this interpreter does not take; heavy imports are not made."""
    from mgrd.engines.vllm.arguments import check_installed

    check_installed(options.vllm)


def vllm_identity(options: Generate) -> dict[str, Any]:
    """The engine arguments of `--vllm` that make samples what they are, under `vllm`; nothing when there are none."""
    from mgrd.engines.vllm.arguments import shaping

    made_with = shaping(options.vllm)
    return {"vllm": made_with} if made_with else {}


def vllm_settings(options: Generate) -> dict[str, Any]:
    """What the vllm engine is opened with."""
    return {
        "gpu_memory": options.gpu_memory,
        "max_model_len": options.max_model_len,
        "tensor_parallel": options.tensor_parallel,
        "dtype": options.dtype,
        "lora": Path(options.lora) if options.lora else None,
        "more": options.vllm,
        "trust_remote_code": options.trust_remote_code,
    }


def model_identity(engine: str | None, model: str | Path) -> str:
    """What a model is: the hash of its folder's files, or the name that a server serves it under."""
    if engine == "server":
        return f"served as {model}"
    from mgrd.engines.models import model_fingerprint

    return model_fingerprint(Path(model))


def open_engine(name: str, model: str | Path, **options: Any) -> Engine:
    """Load `model`, a folder, into the engine called `name` (one of NAMES); of a server, the name that it serves."""
    if name == "server":
        from mgrd.engines.server import ServerEngine

        return ServerEngine(str(model), **options)
    if name == "transformers":
        from mgrd.engines.transformers import TransformersEngine

        return TransformersEngine(Path(model), **options)
    if name == "vllm":
        from mgrd.engines.vllm import VllmEngine

        return VllmEngine(Path(model), **options)
    raise MisusedError(f"--engine {name}: there is no such engine; there are {', '.join(NAMES)}")
