"""Two ways to keep vLLM busy, alike to the engine: `AsyncLLM` with a process of its own, or vLLM's core in this one.

A question is rendered (tokens, features of its audio) once and asked for once a sample. `Apart` is for GPUs: while the
other process steps, this one renders the next questions and takes apart what is finished. `InProcess` is for CPUs,
where both would compete for the same cores and a step of a small model is shorter than the way between two processes
(docs/benchmarks.md has the figures). Uses what vLLM 0.26 and 0.32 both have. Knows nothing of what is asked, nor of
what to do when an engine is lost.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Found = TypeVar("Found")

WAIT_S = 0.2
"""Longest that `answers` waits, so that a signal is seen."""
_UNFIT = (ValueError, TypeError, LookupError, ArithmeticError, AssertionError, RuntimeError)
"""What processors raise of a clip or a prompt that they cannot take: nobody lists it, and it says nothing of others."""


class Lost(Exception):
    """The engine has died or has no memory left; what it had not finished is gone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one sample."""

    name: str
    output: Any = None
    """vLLM's RequestOutput, finished; None when it was refused."""
    refused: str = ""
    """Why, in vLLM's words."""


class Core(Protocol):
    """A started vLLM."""

    config: Any
    """Its VllmConfig."""

    def admit(self, prompt: Mapping[str, Any], samples: Mapping[str, Any]) -> None:
        """Ask for samples of one prompt, SamplingParams by a name that was never used before."""
        ...

    def answers(self) -> list[Answer]:
        """What has ended since the last call, waiting for it up to WAIT_S; raises Lost."""
        ...

    def abort(self) -> None:
        """Give up what has not ended."""
        ...

    def close(self) -> None:
        """Free the model; also of a core that is lost."""
        ...


class InProcess:
    """vLLM's core in this process: it steps when it is asked for answers, while a thread renders what comes next."""

    def __init__(self, settings: Mapping[str, Any], lora: Any = None) -> None:
        """Start vLLM with these engine arguments; `lora` is the LoRARequest that all samples are drawn with."""
        from vllm import EngineArgs
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.llm_engine import LLMEngine

        self.engine = LLMEngine.from_engine_args(EngineArgs(**settings), usage_context=UsageContext.LLM_CLASS)
        self.config, self.lora = self.engine.vllm_config, lora
        self._renderer = ThreadPoolExecutor(1, thread_name_prefix="mgrd-render")
        self._rendering: deque[tuple[Future[Any], Mapping[str, Any]]] = deque()
        self._refused: list[Answer] = []
        self._asked: set[str] = set()

    def admit(self, prompt: Mapping[str, Any], samples: Mapping[str, Any]) -> None:
        """Ask for samples of one prompt."""
        rendered = self._renderer.submit(self.engine.renderer.render_cmpl, [_parsed(self.config, prompt)])
        self._rendering.append((rendered, samples))

    def answers(self) -> list[Answer]:
        """Step once, and what has ended then."""
        self._take_rendered()
        if self._refused:  # before a step, which may fail
            found, self._refused = self._refused, []
            return found
        try:
            ended = [output for output in self.engine.step() if output.finished] if self._asked else []
        except (RuntimeError, MemoryError) as error:  # of the model's own step: no sample is to blame for it
            raise Lost(_reason(error)) from error
        self._asked.difference_update(output.request_id for output in ended)
        return [Answer(output.request_id, output) for output in ended]

    def abort(self) -> None:
        """Give up what has not ended."""
        self._forget_rendering()
        self.engine.abort_request(list(self._asked))
        self._asked.clear()

    def close(self) -> None:
        """Free the model."""
        self._forget_rendering()
        self._renderer.shutdown()
        self.engine.engine_core.shutdown()
        del self.engine

    def _take_rendered(self) -> None:
        """Hand over what is rendered, in order; where nothing runs, wait for the next, so that a signal is seen."""
        if self._rendering and not self._asked:
            wait([self._rendering[0][0]], WAIT_S)
        while self._rendering and self._rendering[0][0].done():
            rendered, samples = self._rendering.popleft()
            try:
                (one,) = rendered.result()
            except _unfit() as error:
                self._refused += [Answer(name, refused=_reason(error)) for name in samples]
                continue
            for name, params in samples.items():
                try:
                    self.engine.add_request(name, one, params, lora_request=self.lora)
                except _unfit() as error:
                    self._refused.append(Answer(name, refused=_reason(error)))
                else:
                    self._asked.add(name)

    def _forget_rendering(self) -> None:
        for rendered, _ in self._rendering:
            rendered.cancel()
        wait([rendered for rendered, _ in self._rendering])
        self._rendering.clear()


class Apart:
    """vLLM's AsyncLLM: its core is another process; a thread of this one owns what talks to it."""

    def __init__(self, settings: Mapping[str, Any], lora: Any = None) -> None:
        """Start vLLM with these engine arguments; `lora` is the LoRARequest that all samples are drawn with."""
        self.lora = lora
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: queue.SimpleQueue[Answer | BaseException] = queue.SimpleQueue()
        self._failed: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mgrd-vllm", daemon=True)
        self._thread.start()
        try:
            self.engine = self._run(self._started(settings))
        except BaseException:
            self._end()
            raise
        self.config = self.engine.vllm_config

    def admit(self, prompt: Mapping[str, Any], samples: Mapping[str, Any]) -> None:
        """Ask for samples of one prompt."""
        self._loop.call_soon_threadsafe(self._start, prompt, samples)

    def answers(self) -> list[Answer]:
        """What has ended since the last call, at least one unless that takes longer than WAIT_S."""
        found: list[Answer] = []
        try:
            while self._failed is None:
                one = self._done.get_nowait() if found else self._done.get(timeout=WAIT_S)
                if isinstance(one, BaseException):
                    self._failed = one
                else:
                    found.append(one)
        except queue.Empty:
            return found
        if found:  # what had ended before
            return found
        raise self._failed

    def abort(self) -> None:
        """Give up what has not ended."""

        async def cancel() -> None:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._run(cancel())

    def close(self) -> None:
        """End the other process."""

        async def end() -> None:
            for task in self._tasks:
                task.cancel()
            self.engine.shutdown()

        self._run(end())
        self._end()
        del self.engine

    def _run(self, work: Coroutine[Any, Any, Found]) -> Found:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _started(self, settings: Mapping[str, Any]) -> Any:
        from vllm import AsyncEngineArgs
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.async_llm import AsyncLLM

        return AsyncLLM.from_engine_args(AsyncEngineArgs(**settings), usage_context=UsageContext.LLM_CLASS)

    def _start(self, prompt: Mapping[str, Any], samples: Mapping[str, Any]) -> None:
        task = self._loop.create_task(self._ask(prompt, samples))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, prompt: Mapping[str, Any], samples: Mapping[str, Any]) -> None:
        try:
            # Not by `generate`: it would render once a sample, and in vLLM 0.26 while everything else waits.
            (rendered,) = await self.engine.renderer.render_cmpl_async([_parsed(self.config, prompt)])
        except _unfit() as error:
            for name in samples:
                self._done.put(Answer(name, refused=_reason(error)))
        except Exception as error:  # whatever it is ends the job, in the thread that can tell the user
            self._done.put(error)
        else:
            await asyncio.gather(*(self._sample(rendered, name, params) for name, params in samples.items()))

    async def _sample(self, rendered: Any, name: str, params: Any) -> None:
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        output = None
        try:
            async for output in self.engine.generate(rendered, params, name, lora_request=self.lora):
                assert output.finished, "vLLM yields unfinished outputs in spite of FINAL_ONLY"
        except EngineDeadError as error:
            self._done.put(Lost(_reason(error)))
        except EngineGenerateError as error:
            self._done.put(Answer(name, refused=_reason(error.__cause__ or error)))
        except _unfit() as error:
            self._done.put(Answer(name, refused=_reason(error)))
        except Exception as error:  # as above
            self._done.put(error)
        else:
            self._done.put(Answer(name, output))


def _parsed(config: Any, prompt: Mapping[str, Any]) -> Any:
    from vllm.renderers.inputs.preprocess import parse_model_prompt

    return parse_model_prompt(config.model_config, prompt)


def _unfit() -> tuple[type[Exception], ...]:
    from vllm.exceptions import VLLMValidationError  # a ValueError until 0.26

    return (*_UNFIT, VLLMValidationError)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
