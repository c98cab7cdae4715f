"""Sample with transformers: every model it has, on any machine; the default without a GPU.

A question's prompt and audio are encoded once and their cache is shared by its samples. Each sample draws its tokens
with random numbers of its own, made from its own seed, so its text does not depend on the batch it was in. Knows
nothing of throughput: a batch ends when its longest sample ends (vLLM admits continuously).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgrd import traces
from mgrd.engines import Completion, Load, Request, Sampling
from mgrd.engines.chat import ears, hears_padding, opens_think, render_chat, sampling_rate, window_s
from mgrd.progress import stop

if TYPE_CHECKING:
    import torch

_Wanted = tuple[Request, int, int, int]
"""A request, its row of the group, a sample's index and its seed."""


class TransformersEngine:
    """One audio language model in this process, in fp32 on a CPU and in its own precision on a GPU."""

    name = "transformers"

    def __init__(
        self, model: Path, *, batch: int = 16, hears: bool = True, loaded: tuple[Any, Any] | None = None
    ) -> None:
        """Load `model`, which must hear unless told otherwise: a text model takes requests without clips.

        `loaded` is (model, processor) of that folder, to sample with the weights as somebody else changes them.
        """
        import torch
        from transformers import GenerationConfig

        from mgrd.engines.models import load_audio_lm
        from mgrd.engines.text import load_any_lm

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        load = load_audio_lm if hears else load_any_lm
        self.model, self.processor = loaded or load(model, "auto" if self.device == "cuda" else torch.float32)
        self.model = self.model.to(self.device).eval()
        self.gpus = int(self.device == "cuda")
        self.load = Load()
        self.batch = batch
        self.sr = sampling_rate(self.processor)
        self.window_s = window_s(self.processor)
        self.hears_padding = hears_padding(self.processor)
        tokenizer = self.processor.tokenizer
        stops = self.model.generation_config.eos_token_id
        self.stops = {*([stops] if isinstance(stops, int) else stops or []), tokenizer.eos_token_id} - {None}
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        # Nothing else of the model's own: a repetition penalty, say, would make temperature and logprob untrue.
        self.model.generation_config = GenerationConfig(eos_token_id=sorted(self.stops), pad_token_id=self.pad)
        self.positions = int(self.model.config.get_text_config().max_position_embeddings)

    def sample(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """Yield every wanted sample, a batch of questions at a time, in the order of the requests.

        After a signal to stop no batch is begun; the one that runs has the signal's grace to end.
        """
        for group in self._groups(iter(requests)):
            if stop:
                break
            yield from self._sample_group(group, sampling)
        self.load = Load()

    def close(self) -> None:
        """Free the model."""
        del self.model

    def _groups(self, queue: Iterator[Request]) -> Iterator[list[Request]]:
        """Requests by the batch, and only those together that do not change what is heard of each other's clips."""
        while group := list(itertools.islice(queue, self.batch)):
            if self.hears_padding:
                yield from (list(part) for _, part in itertools.groupby(group, key=_lengths))
            else:
                yield group

    def _sample_group(self, group: list[Request], sampling: Sampling) -> Iterator[Completion]:
        """Sample a group of questions together, or in halves where the memory does not hold all of its samples."""
        import torch

        try:
            with torch.inference_mode():
                inputs, cache = self._prefill(group, sampling)
        except (ValueError, RuntimeError) as error:  # what processors and models raise about prompts and clips
            if len(group) == 1:
                yield from _failures(group[0], error)
            else:  # one odd question must not end the others
                for request in group:
                    yield from self._sample_group([request], sampling)
            return
        # One row a sample, each a copy of its question's row.
        wanted = [(request, index, *one) for index, request in enumerate(group) for one in request.seeds.items()]
        self.load = Load(running=len(wanted))
        try:
            tokens, draw = self._continued(inputs, cache, wanted, sampling)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            why = error
        else:
            yield from self._completed(wanted, tokens, draw, inputs["attention_mask"].sum(-1).tolist(), sampling)
            return
        del inputs, cache
        if self.device != "cpu":
            torch.cuda.empty_cache()
        if halves := _halves(group):
            for half in halves:
                yield from self._sample_group(half, sampling)
        else:
            yield from _failures(group[0], why)

    def _continued(
        self, inputs: Any, cache: Any, wanted: list[_Wanted], sampling: Sampling
    ) -> tuple[list[list[int]], _Draw]:
        """The tokens of each wanted sample, and what drew them."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        rows = torch.tensor([index for _, index, _, _ in wanted], device=self.device)
        with torch.inference_mode():
            cache.reorder_cache(rows)  # which caches of every kind know
            closes = [self._closing(request) for request, *_ in wanted] if sampling.think_budget else []
            draw = _Draw([seed for *_, seed in wanted], sampling, self.stops, closes)
            prompt_width = inputs["input_ids"].shape[1]
            tokens = self.model.generate(
                input_ids=inputs["input_ids"][rows],
                attention_mask=inputs["attention_mask"][rows],
                past_key_values=cache,
                max_new_tokens=sampling.max_tokens,
                do_sample=False,  # _Draw has drawn: all but one score are -inf
                logits_processor=LogitsProcessorList([draw]),
                stopping_criteria=StoppingCriteriaList([_told_to_stop]),
            )[:, prompt_width:].tolist()
        return tokens, draw

    def _completed(
        self,
        wanted: list[_Wanted],
        tokens: list[list[int]],
        draw: _Draw,
        prompt_tokens: list[int],
        sampling: Sampling,
    ) -> Iterator[Completion]:
        for row, (request, index, sample, seed) in enumerate(wanted):
            count = next((n for n, token in enumerate(tokens[row], 1) if token in self.stops), None)
            length = count or len(tokens[row])
            if count is None and length < sampling.max_tokens:
                continue  # told to stop in the middle of it: the next call samples it again
            text = tokens[row][: length - 1] if count else tokens[row]
            yield Completion(
                key=request.key,
                sample=sample,
                seed=seed,
                text=self.processor.tokenizer.decode(text, skip_special_tokens=False),
                finish_reason="stop" if count else "length",
                prompt_tokens=int(prompt_tokens[index]),
                completion_tokens=length,
                logprob=float(draw.logprob[row]),
                heard_s=tuple(len(clip) / self.sr for clip in request.clips),
                think_forced=bool(draw.forced[row]) if sampling.think_budget else None,
                tokens=tuple(tokens[row][:length]),
            )

    def _closing(self, request: Request) -> Callable[[list[int]], list[int]]:
        """For the tokens that a sample begins with, those that end its reasoning; none where it has ended."""
        tokenizer = self.processor.tokenizer
        prompt = render_chat(self.processor, request.text, len(request.clips))
        opened = prompt if opens_think(prompt) else ""

        def close(tokens: list[int]) -> list[int]:
            text = tokenizer.decode(tokens, skip_special_tokens=False)
            if not traces.is_thinking(text):
                return []
            return list(tokenizer.encode(traces.closing(opened + text), add_special_tokens=False))

        return close

    def _prefill(self, group: list[Request], sampling: Sampling) -> tuple[Any, Any]:
        """The prompts' tokens, and their key-value cache less the last token: `generate` starts from that one.

        Raises ValueError for a prompt that holds the model's special tokens, that leaves no room for `max_tokens`, or
        that does not hold all of its clips.
        """
        from mgrd.engines.placeholders import audio_token, check_audio
        from mgrd.engines.window import short_window

        for request in group:
            if found := [token for token in self.processor.tokenizer.all_special_tokens if token in request.text]:
                raise ValueError(f"the question holds the model's special token {found[0]}")
        clips = [clip for request in group for clip in request.clips]
        longest_s = max((len(clip) / self.sr for clip in clips), default=0.0)
        with short_window(self.model, self.processor, longest_s) as padded:
            audio_kwargs = {"sampling_rate": self.sr} | ({"max_length": padded} if padded else {})
            inputs = self.processor(
                text=[render_chat(self.processor, request.text, len(request.clips)) for request in group],
                text_kwargs={"padding": True, "padding_side": "left"},
                return_tensors="pt",
                **({"audio": clips, "audio_kwargs": audio_kwargs} if clips else {}),  # a prompt may be text alone
            ).to(self.device)
            if clips:
                lengths = [list(map(len, request.clips)) for request in group]
                check_audio(inputs, lengths, audio_token(self.model), ears(self.processor))
            positions = (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0)
            prompt_tokens = int(positions.max()) + 1
            if prompt_tokens + sampling.max_tokens > self.positions:
                raise ValueError(
                    f"a prompt of {prompt_tokens} tokens and {sampling.max_tokens} more are beyond the model's "
                    f"{self.positions} positions; lower --max-tokens"
                )
            # Not cut off afterwards: a layer with a sliding window or a state has no way back.
            tokens = inputs["input_ids"].shape
            given = {name: one[:, :-1] if one.shape == tokens else one for name, one in inputs.items()}
            cache = self.model(**given, position_ids=positions[:, :-1], use_cache=True).past_key_values
        return inputs, cache


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is memory that lacks: torch has a class of its own for a GPU's alone."""
    return isinstance(error, MemoryError) or "memory" in str(error).lower()


def _halves(group: list[Request]) -> list[list[Request]]:
    """A group in two, by questions, or by samples where it is one question; nothing of a single sample."""
    if len(group) > 1:
        return [group[: len(group) // 2], group[len(group) // 2 :]]
    seeds = list(group[0].seeds.items())
    if len(seeds) == 1:
        return []
    return [[replace(group[0], seeds=dict(part))] for part in (seeds[: len(seeds) // 2], seeds[len(seeds) // 2 :])]


def _lengths(request: Request) -> list[int]:
    return sorted(map(len, request.clips))


def _failures(request: Request, error: Exception) -> Iterator[Completion]:
    reason = " ".join(str(error).split())[:300]
    for sample, seed in request.seeds.items():
        yield Completion(request.key, sample, seed, text="", finish_reason="error", error=f"{request.key}: {reason}")


def _told_to_stop(tokens: torch.Tensor, _scores: torch.Tensor, **_: Any) -> torch.Tensor:
    """A transformers stopping criterion: all rows end when the process was told to stop and its grace is over."""
    return tokens.new_full((tokens.shape[0],), stop.is_over()).bool()


class _Draw:
    """Draws each row's next token with the row's own random numbers; a transformers logits processor."""

    def __init__(
        self,
        seeds: list[int],
        sampling: Sampling,
        stops: set[int],
        closes: Sequence[Callable[[list[int]], list[int]]] = (),
    ) -> None:
        """`closes`, one a row: the tokens that follow those of a whole think budget; none where it needs no ending."""
        self.seeds = np.array(seeds, dtype=np.int64)
        self.sampling = sampling
        self.stops = list(stops)
        self.step = 0
        self.done = np.zeros(len(seeds), dtype=bool)
        self.logprob = np.zeros(len(seeds))
        self.closes = closes
        self.forced: list[list[int]] = [[] for _ in seeds]
        """Per row, the tokens that end its reasoning."""

    def __call__(self, tokens: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import torch

        logprobs = torch.log_softmax(scores.float(), dim=-1)
        chosen = (logprobs if self.sampling.temperature == 0 else self._noisy(logprobs)).argmax(-1)
        picked = logprobs.gather(-1, chosen[:, None])[:, 0].cpu().numpy()
        if self.closes:
            self._force(tokens, chosen, picked)
        self.logprob += np.where(self.done, 0.0, picked)
        self.done |= np.isin(chosen.cpu().numpy(), self.stops)
        self.step += 1
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen[:, None], 0.0)

    def _force(self, tokens: torch.Tensor, chosen: torch.Tensor, picked: NDArray[np.float32]) -> None:
        """Put the ends of reasonings, from the budget on, in the place of what was drawn."""
        budget = self.sampling.think_budget or 0
        if self.step == budget:
            for row, close in enumerate(self.closes):
                self.forced[row] = [] if self.done[row] else close(tokens[row, -budget:].tolist())
        for row, ending in enumerate(self.forced):
            if 0 <= self.step - budget < len(ending):
                chosen[row], picked[row] = ending[self.step - budget], 0.0

    def _noisy(self, logprobs: torch.Tensor) -> torch.Tensor:
        """Scores whose largest is a sample: Gumbel-max, because it hardly ever turns on the last bits of a score."""
        import torch

        scores = logprobs / self.sampling.temperature
        if self.sampling.top_p < 1:
            probs, order = torch.softmax(scores, dim=-1).sort(dim=-1, descending=True, stable=True)
            # The nucleus is the smallest set of tokens that reaches top_p (Holtzman et al. 2020, arXiv 1904.09751).
            outside = probs.cumsum(-1) - probs >= self.sampling.top_p
            scores = scores.masked_fill(outside.scatter(-1, order, outside), -torch.inf)
        seeds = torch.from_numpy(self.seeds).to(scores.device)
        return scores - torch.log(-torch.log(uniform(seeds, self.step, scores.shape[-1])))


def uniform(seeds: torch.Tensor, step: int, n: int) -> torch.Tensor:
    """Random numbers in (0, 1), shape (len(seeds), n), that depend on (seed, step, column) alone.

    A counter through SplitMix64's mixer (Steele, Lea and Flood 2014), so no generator has a state to carry along.
    """
    import torch

    def shifted(x: torch.Tensor, bits: int) -> torch.Tensor:
        return (x >> bits) & ((1 << (64 - bits)) - 1)  # torch shifts in the sign

    def mixed(x: torch.Tensor) -> torch.Tensor:
        x = (x ^ shifted(x, 30)) * -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9 as int64
        x = (x ^ shifted(x, 27)) * -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB
        return x ^ shifted(x, 31)

    golden = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15
    column = torch.arange(n, device=seeds.device, dtype=torch.int64)
    rows = mixed(mixed(seeds * golden + 1) + step * golden % 2**63)
    return (shifted(mixed(rows[:, None] + column * golden), 11).double() + 0.5) / 2**53
