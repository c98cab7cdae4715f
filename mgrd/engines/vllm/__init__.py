"""Sample with vLLM: questions are admitted as soon as there is room, and an engine that is lost is started again.

Every sample is a request of its own with its own seed, so a resumed question asks for exactly the samples it lacks;
vLLM shares a question's encoded audio (by the clips' content hashes) and its prefill (by its prefix cache) between
them. The prompt is the one of the transformers engine, and so is the way back from tokens to text: greedy samples are
equal (tests/vllm). Knows nothing of servers, of several engines at once, or of how vLLM is fed
(mgrd.engines.vllm.cores).
"""

from __future__ import annotations

import itertools
import logging
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mgrd import traces
from mgrd.engines import MOST_LOSSES, Completion, FinishReason, Load, Request, Sampling, adapters
from mgrd.engines.chat import opens_think, places_audio, render_chat, sampling_rate, window_s
from mgrd.engines.templated import Templated
from mgrd.engines.vllm import arguments
from mgrd.engines.vllm.cores import Answer, Apart, Core, InProcess, Lost
from mgrd.errors import InputError, MgrdError, Stopped
from mgrd.progress import stop

_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length", "abort": "abort"}
RESTARTS = 3
"""How often in a row, without an answer in between, a lost engine is started again."""
AHEAD = 256
"""Most samples that wait inside vLLM while all its slots are taken."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A sample that has used up its think budget."""

    tokens: list[int]
    """What was sampled, and what ends its reasoning."""
    logprob: float | None
    """Of what was sampled."""
    prompt_tokens: int
    forced: bool
    """Whether the reasoning had to be ended."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What vLLM is asked for under one name."""

    request: Request
    number: int
    seed: int
    begun: Begun | None = None


class VllmEngine:
    """One audio language model in vLLM: in fp32 on a CPU; on a GPU as vLLM chooses (16 bits for fp32 weights)."""

    name = "vllm"

    def __init__(
        self,
        model: Path,
        *,
        gpu_memory: float = 0.9,
        max_model_len: int | None = None,
        tensor_parallel: int = 1,
        dtype: str | None = None,
        lora: Path | None = None,
        more: Sequence[str] = (),
        trust_remote_code: bool = False,
        hears: bool = True,
    ) -> None:
        """Load `model`, taking the share `gpu_memory` of each of `tensor_parallel` GPUs.

        `max_model_len` bounds prompt and completion together, in tokens; by default it is the model's own, or less
        where the cache for it would not fit into the memory. `lora` is an adapter's folder, `more` any other engine
        argument as KEY=VALUE. It must hear unless `hears` says otherwise: a text model takes requests without clips.
        """
        others = arguments.pairs(more, trust_remote_code=trust_remote_code)
        release = arguments.require_vllm()
        on_cpu = "cpu" in release
        in_process = arguments.set_environment(on_cpu=on_cpu)

        from safetensors import SafetensorError

        from mgrd.engines.models import check_model_folder, load_processor, tensor_names
        from mgrd.engines.text import is_text_lm, load_text_processor

        config = check_model_folder(model, trust_remote_code=trust_remote_code)
        adapter = arguments.adapter(lora) if lora is not None else None
        if lora is None and (ships := adapters.find(model)) is not None:
            raise InputError(f"{model}: hears with the adapter that comes with it; add --lora {ships}")
        try:
            tensor_names(model)  # reads the headers alone
        except (OSError, SafetensorError) as error:
            raise InputError(f"{model}: the weights cannot be read ({error})") from error
        is_text = not hears and is_text_lm(model)
        self.processor = (
            load_text_processor(model) if is_text else load_processor(model, trust_remote_code=trust_remote_code)
        )
        if isinstance(self.processor, Templated):
            raise InputError(
                f"{model}: its tokenizer takes whole conversations, which vLLM is given by a server alone; start one "
                "(vllm serve) and use --engine server, or use --engine transformers"
            )
        if not is_text and not places_audio(self.processor):
            raise InputError(f"{model}: its chat template ignores audio; give it one that places an audio part")

        warnings.filterwarnings("ignore", module=r"vllm\.")  # about its own imports, for its makers

        from vllm import EngineArgs

        arguments.check_names(others, EngineArgs.__dataclass_fields__)
        arguments.check_class(model, config.architectures, release)
        self.model = model
        self.settings = arguments.settings(
            model,
            config,
            on_cpu=on_cpu,
            hears=not is_text,
            gpu_memory=gpu_memory,
            max_model_len=max_model_len,
            tensor_parallel=tensor_parallel,
            dtype=dtype,
            lora=adapter,
            trust_remote_code=trust_remote_code,
            more=others,
        )
        self.lora = _lora_request(adapter)
        self.kind: type[InProcess | Apart] = InProcess if in_process else Apart
        self.core: Core = self._started()
        self.sr = sampling_rate(self.processor)
        self.window_s = window_s(self.processor)
        self.slots = int(self.core.config.scheduler_config.max_num_seqs)
        self.gpus = 0 if on_cpu else tensor_parallel
        self.load = Load()
        self._names = map(str, itertools.count())

    def sample(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """Yield every wanted sample as soon as it is finished; a question that vLLM refuses is a failed sample each.

        After a signal to stop nothing is begun; samples that are not finished when its grace is over are given up:
        another call makes them again, the same.
        When the engine is lost, what it had not finished is asked for again, half as much at a time. A question that
        was there at two losses is asked alone, and failed when the engine is lost again: it may be what kills it.
        Stopped when the engine is lost more than RESTARTS times without an answer in between.
        """
        queue = iter(requests)
        again: deque[Request] = deque()
        alone: deque[Request] = deque()
        running: dict[str, Sample] = {}
        lost_with: Counter[str] = Counter()
        given_up: list[Completion] = []
        in_a_row, slots = 0, self.slots
        try:
            while not stop.is_over():
                # More than there are slots: the next prompts wait inside vLLM, so that none is idle between two steps.
                while not stop and len(running) < self.slots + min(self.slots, AHEAD):
                    if running and (alone or _is_suspect(running, lost_with)):
                        break
                    waiting = alone or again
                    if (request := waiting.popleft() if waiting else next(queue, None)) is None:
                        break
                    running |= self._admit(request, sampling)
                self.load = Load(min(len(running), self.slots), max(len(running) - self.slots, 0))
                if not running:
                    if not stop:
                        yield from given_up
                    return
                try:
                    answers = self.core.answers()
                except Lost as lost:
                    in_a_row += 1
                    unfinished = _unfinished(running)
                    running.clear()
                    lost_with.update(request.key for request in unfinished)
                    is_found = lost_with[unfinished[0].key] == MOST_LOSSES  # it was alone
                    if is_found:
                        given_up += _given_up(unfinished[0], lost)
                    else:
                        alone += [one for one in unfinished if lost_with[one.key] == MOST_LOSSES - 1]
                        again.extendleft(one for one in reversed(unfinished) if lost_with[one.key] < MOST_LOSSES - 1)
                    self._restart(lost, in_a_row, slots if is_found else max(self.slots // 2, 1))
                    continue
                if any(answer.output for answer in answers):  # the engine works: it was the question's fault
                    in_a_row = 0
                    yield from given_up
                    given_up.clear()
                for answer in answers:
                    sample = running.pop(answer.name)
                    if rest := self._go_on(sample, answer, sampling):
                        running |= rest
                    else:
                        yield self._completion(sample, answer, sampling)
        except GeneratorExit:  # the caller has stopped listening
            self.core.abort()
            raise
        self.core.abort()

    def close(self) -> None:
        """Free the model."""
        self.core.close()

    def _admit(self, request: Request, sampling: Sampling) -> dict[str, Sample]:
        """Hand a question's samples to vLLM, each under a name of its own."""
        prompt = {"prompt": render_chat(self.processor, request.text, len(request.clips))} | self._heard(request)
        named = {next(self._names): Sample(request, number, seed) for number, seed in request.seeds.items()}
        first = replace(sampling, max_tokens=sampling.think_budget or sampling.max_tokens)
        self.core.admit(prompt, {name: _params(first, sample.seed) for name, sample in named.items()})
        return named

    def _heard(self, request: Request) -> dict[str, Any]:
        if not request.clips:  # a text model knows no such keys
            return {}
        return {
            "multi_modal_data": {"audio": [(clip, self.sr) for clip in request.clips]},
            "multi_modal_uuids": {"audio": request.clip_ids},
        }

    def _go_on(self, sample: Sample, answer: Answer, sampling: Sampling) -> dict[str, Sample]:
        """Ask for the rest of a sample that has used up its think budget, its reasoning ended; nothing of others."""
        if sampling.think_budget is None or sample.begun is not None or answer.output is None:
            return {}
        (made,) = answer.output.outputs
        if made.finish_reason != "length":
            return {}
        tokenizer = self.processor.tokenizer
        chat = render_chat(self.processor, sample.request.text, len(sample.request.clips))
        text = tokenizer.decode(made.token_ids, skip_special_tokens=False)
        forced, opened = traces.is_thinking(text), chat if opens_think(chat) else ""
        ending = tokenizer.encode(traces.closing(opened + text), add_special_tokens=False) if forced else []
        begun = Begun([*made.token_ids, *ending], made.cumulative_logprob, len(answer.output.prompt_token_ids), forced)
        name, left = next(self._names), sampling.max_tokens - len(begun.tokens)
        params = _params(replace(sampling, max_tokens=max(left, 1)), (sample.seed + 2**31) % 2**32)
        prompt = {"prompt_token_ids": [*tokenizer.encode(chat), *begun.tokens]} | self._heard(sample.request)
        self.core.admit(prompt, {name: params})
        return {name: replace(sample, begun=begun)}

    def _completion(self, sample: Sample, answer: Answer, sampling: Sampling) -> Completion:
        request, begun = sample.request, sample.begun
        if answer.output is None:  # a clip too short, a prompt longer than max_model_len
            return _failed(sample, f"vLLM: {answer.refused}")
        (made,) = answer.output.outputs
        tokens, logprob, prompt_tokens = (
            list(made.token_ids),
            made.cumulative_logprob,
            len(answer.output.prompt_token_ids),
        )
        if begun is not None:
            if prompt_tokens != begun.prompt_tokens + len(begun.tokens):
                return _failed(
                    sample,
                    f"vLLM: read a prompt of {begun.prompt_tokens} tokens and {len(begun.tokens)} of an answer as "
                    f"{prompt_tokens}, so that --think-budget cannot go on with it",
                )
            tokens, prompt_tokens = begun.tokens + tokens, begun.prompt_tokens
            logprob = None if logprob is None or begun.logprob is None else begun.logprob + logprob
        reason = _FINISH.get(made.finish_reason, "error")
        # Decoded here and not by vLLM, which leaves out special tokens and broken characters at the end.
        text = self.processor.tokenizer.decode(tokens[:-1] if reason == "stop" else tokens, skip_special_tokens=False)
        return Completion(
            key=request.key,
            sample=sample.number,
            seed=sample.seed,
            text=text,
            finish_reason=reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=len(tokens),
            logprob=logprob,
            heard_s=tuple(len(clip) / self.sr for clip in request.clips),
            think_forced=None if sampling.think_budget is None else begun is not None and begun.forced,
            error=f"vLLM ended it: {made.finish_reason}" if reason == "error" else None,
        )

    def _started(self) -> Core:
        """Start vLLM; too little memory, no GPU, weights of another shape are the user's to fix, in one line."""
        try:
            return self.kind(self.settings, self.lora)
        except (ValueError, RuntimeError, OSError, MemoryError) as error:  # vLLM's log has told the rest
            told = _told(error)
            if isinstance(error, MemoryError) or "out of memory" in told.lower():
                told = f"out of memory: {told[:200]}; try --max-model-len N, --gpu-memory F, --tensor-parallel N"
            raise MgrdError(f"{self.model}: vLLM cannot start ({told[:300]})") from error

    def _restart(self, lost: Lost, losses: int, slots: int) -> None:
        """Start a lost engine again with so many slots; Stopped when that was tried RESTARTS times."""
        self.core.close()
        saved = "what was sampled is saved, the same command goes on"
        if losses > RESTARTS:
            raise Stopped(f"{self.model}: vLLM was lost {losses} times ({lost}); {saved}") from lost
        self.slots = slots
        _log.warning("vLLM is lost (%s); starting it again with %d samples at a time", lost, self.slots)
        self.settings |= {"max_num_seqs": self.slots}
        try:
            self.core = self._started()
        except MgrdError as error:  # it has started before, so it may again
            raise Stopped(f"vLLM was lost ({lost}); {error}; {saved}") from error


def _told(error: Exception) -> str:
    """What an error says, in one line; of one of pydantic's, only what its validators say."""
    failed = getattr(error, "errors", None)
    said = "; ".join(one["msg"].removeprefix("Value error, ") for one in failed()) if callable(failed) else str(error)
    return " ".join(said.split())


def _params(sampling: Sampling, seed: int) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    return SamplingParams(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens,
        seed=seed,
        logprobs=0,  # of the sampled token alone
        detokenize=False,  # see _completion
        output_kind=RequestOutputKind.FINAL_ONLY,
        structured_outputs=StructuredOutputsParams(json=dict(sampling.schema)) if sampling.schema else None,
    )


def _failed(sample: Sample, reason: str) -> Completion:
    return Completion(sample.request.key, sample.number, sample.seed, text="", finish_reason="error", error=reason)


def _given_up(request: Request, lost: Lost) -> list[Completion]:
    reason = f"vLLM was lost {MOST_LOSSES} times with this question, at last with it alone ({lost})"
    return [_failed(Sample(request, number, seed), reason) for number, seed in request.seeds.items()]


def _is_suspect(running: dict[str, Sample], lost_with: Counter[str]) -> bool:
    """Whether what runs is one question that must have no company."""
    return lost_with[next(iter(running.values())).request.key] == MOST_LOSSES - 1


def _unfinished(running: dict[str, Sample]) -> list[Request]:
    """The requests of samples, each with those alone, in the order in which they were asked for."""
    found: dict[int, Request] = {}
    for sample in running.values():
        request = sample.request
        seeds = found[id(request)].seeds if id(request) in found else {}
        found[id(request)] = replace(request, seeds=seeds | {sample.number: sample.seed})
    return list(found.values())


def _lora_request(adapter: arguments.Adapter | None) -> Any:
    if adapter is None:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, str(adapter.path))
