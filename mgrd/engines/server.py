"""Sample from any OpenAI-compatible endpoint: vllm serve, SGLang, vllm-omni, Step-Audio-R1's own server, a hosted API.

A thread keeps a bounded number of samples in flight and starts the next as soon as one ends; this one decodes clips
ahead. Samples of a question with consecutive seeds are one request where the server draws several differently, so that
its audio is sent and encoded once. What may pass is tried again; what will not is a failed sample with the server's
words. Knows nothing about HTTP (mgrd.engines.endpoint) or what a request looks like (mgrd.engines.messages).
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
import queue
import random
import re
import threading
import time
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from mgrd import traces
from mgrd.engines import Completion, Load, Request, Sampling, messages
from mgrd.engines.endpoint import Busy, Endpoint, Failed, Refused, address
from mgrd.errors import MgrdError, Stopped
from mgrd.progress import stop

if TYPE_CHECKING:
    import httpx

Found = TypeVar("Found")

TRIES = 10
"""Of a request that brings nothing usable: one in a thousand is lost to a server that fails half of the time."""
SLOW_TRIES = 2
"""Of a request that takes the whole --timeout: a third would take as long again."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
PATIENCE_S = 900.0
"""How long a server that only ever says `later` is asked again."""
HOPELESS = 32
"""Requests given up one after the other, with none answered in between, after which no more are made."""

_log = logging.getLogger(__name__)


@dataclass
class _Job:
    """Samples of one question that are asked for in one request."""

    request: Request
    audio: list[dict[str, Any]]
    samples: list[tuple[int, int]]
    """Sample indices and their seeds, both consecutive."""
    tries: int = 0
    slow: int = 0
    without: set[str] = field(default_factory=set)
    """Optional fields that it is sent without, beyond those that no request is sent with."""
    begun: messages.Choice | None = None
    """With a think budget, what its only sample begins with."""
    forced: bool = False
    """Whether the budget ended that reasoning."""


class ServerEngine:
    """One served model; what it is, only its server knows."""

    name = "server"
    sr = messages.SR

    def __init__(
        self,
        model: str,
        *,
        url: str,
        preset: str | None = None,
        audio_part: str = "input_audio",
        window_s: float = 30.0,
        concurrency: int = 64,
        timeout_s: float = 1200.0,
    ) -> None:
        """Look whether an endpoint is at `url`; `window_s` matters where the preset does not cut clips into chunks.

        Raises MgrdError when none is there, or when it wants a key that the environment does not hold.
        """
        self.model, self.concurrency, self.as_url = model, concurrency, audio_part == "audio_url"
        self.preset = messages.PRESETS[preset] if preset else messages.PLAIN
        self.window_s = float("inf") if self.preset.chunk_s else window_s
        self.endpoint = Endpoint(address(url), timeout_s)
        self.unknown: set[str] = set()
        """Optional fields that the endpoint does not take."""
        self.load = Load()
        self.several = True
        """Whether one request may ask for several samples."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mgrd-server-engine", daemon=True)
        self._thread.start()
        self._clients = [self.endpoint.client() for _ in range(concurrency)]
        try:
            if (why := self.run(self.missing())) is not None:
                raise MgrdError(
                    f"{self.endpoint.base}: no OpenAI-compatible server is there ({why}); mend --url or start it"
                )
        except BaseException:
            self.close()
            raise

    def sample(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """Yield every wanted sample as soon as it is there; what the server does not give is a failed sample.

        After a signal to stop no request is begun; those that are not answered within its grace are given up, and
        another call makes them again. Raises Stopped when the server is gone after it had answered, MgrdError when no
        request can succeed.
        """
        flight = _Flight(self, sampling)
        waiting: deque[_Job] = deque()
        queue_, admitted, draining = iter(requests), 0, False
        ends: MgrdError | None = None
        try:
            while not stop.is_over():
                if stop and not draining:
                    draining, admitted = True, admitted - self.run(flight.shed())
                # Twice as many as are in flight: the next are encoded and wait, so that the server is never idle.
                while not draining and admitted < 2 * self.concurrency:
                    if not waiting and (request := next(queue_, None)) is not None:
                        waiting.extend(self._jobs(request, sampling))
                    if not waiting:
                        break
                    admitted += len(waiting[0].samples)
                    self._loop.call_soon_threadsafe(flight.admit, waiting.popleft())
                if not admitted:
                    return
                completion = flight.next(0.2)
                running = min(admitted, self.concurrency - flight.free)
                self.load = Load(running, admitted - running)
                if completion is not None:
                    admitted -= 1
                    yield completion
        except MgrdError as error:  # raised below, after what is there already: it is paid for
            ends = error
        finally:
            self.load = Load()
            self.run(flight.cancel())
        yield from flight.ended()  # before the signal, or what ends the job
        if ends is not None:
            raise ends

    def close(self) -> None:
        """Close all connections."""

        async def end() -> None:
            await asyncio.gather(*(client.aclose() for client in self._clients))

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Found]) -> Found:
        """Do something in the thread that owns the connections, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def missing(self) -> str | None:
        """Why there is no endpoint; None when there is one."""
        reason = ""
        for attempt in range(4):
            if attempt:
                await asyncio.sleep(wait_s(attempt))
            try:
                async with self.endpoint.client() as client:
                    await self.endpoint.models(client)
            except Failed as failed:
                reason = str(failed)
            except Busy:
                return None
            else:
                return None
        return reason

    def _jobs(self, request: Request, sampling: Sampling) -> Iterator[_Job]:
        """A question's samples as requests: those with consecutive seeds together, but not greedy ones."""
        audio = messages.audio_parts(request.clips, self.preset, as_url=self.as_url)
        run: list[tuple[int, int]] = []
        for sample, seed in sorted(request.seeds.items()):
            follows = run and (sample, seed) == (run[-1][0] + 1, run[-1][1] + 1)
            if run and not (follows and len(run) < self.concurrency and self.several and sampling.temperature > 0):
                yield _Job(request, audio, run)
                run = []
            run.append((sample, seed))
        if run:
            yield _Job(request, audio, run)


class _Flight:
    """The requests of one call of `sample`; all but `next` runs in the thread of the connections."""

    def __init__(self, engine: ServerEngine, sampling: Sampling) -> None:
        self.engine, self.sampling = engine, sampling
        self.began_at = time.monotonic()
        self.waiting: deque[_Job] = deque()
        self.free = engine.concurrency
        self.idle = list(engine._clients)
        self.tasks: set[asyncio.Task[None]] = set()
        self.timers: set[asyncio.TimerHandle] = set()
        self.given_up = 0
        """One after the other, without an answer in between."""
        self._done: queue.SimpleQueue[Completion | BaseException] = queue.SimpleQueue()

    def next(self, within_s: float) -> Completion | None:
        """The next sample that has ended; raises what ends the job."""
        try:
            done = self._done.get(timeout=within_s) if within_s else self._done.get_nowait()
        except queue.Empty:
            return None
        if isinstance(done, BaseException):
            raise done
        return done

    def ended(self) -> Iterator[Completion]:
        """The samples that have ended and were not taken; what else would end the job is left out."""
        while not self._done.empty():
            if isinstance(done := self._done.get(), Completion):
                yield done

    def admit(self, job: _Job) -> None:
        """Take a request, and start it when there is room."""
        self.waiting.append(job)
        self._start()

    async def shed(self) -> int:
        """Drop the requests that have not begun; how many samples those are."""
        dropped = sum(len(job.samples) for job in self.waiting)
        self.waiting.clear()
        return dropped

    async def cancel(self) -> None:
        """Give up everything."""
        self.waiting.clear()
        for timer in self.timers:
            timer.cancel()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def _start(self) -> None:
        while self.waiting and self.idle and len(self.waiting[0].samples) <= self.free:
            job = self.waiting.popleft()
            self.free -= len(job.samples)
            task = asyncio.get_running_loop().create_task(self._work(job, self.idle.pop()))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _work(self, job: _Job, client: httpx.AsyncClient) -> None:
        try:
            await self._ask(job, client)
        except Exception as error:  # whatever it is ends the job, in the thread that can tell the user
            self._done.put(error)
        finally:
            self.free += len(job.samples)
            self.idle.append(client)
            self._start()

    async def _ask(self, job: _Job, client: httpx.AsyncClient) -> None:
        """Ask once, or for as long as the endpoint says `later`, and see to what becomes of the job's samples."""
        n, (_, seed) = len(job.samples), job.samples[0]
        if n > 1 and not self.engine.several:
            return self._one_by_one(job, job.samples)
        made = self._body(job, seed, n)
        unknown = self.engine.unknown | job.without
        sent = {name: value for name, value in made.items() if name not in unknown}
        if "max_tokens" in unknown:  # OpenAI's newer models take it under another name alone
            sent["max_completion_tokens"] = made["max_tokens"]
        path, largest = "/chat/completions", messages.largest(self.sampling, n)
        answer: Any = None
        for attempt in itertools.count(1):
            try:
                answer = await self.engine.endpoint.post(client, path, sent, largest)
                break
            except Busy as busy:  # its place stays taken: the whole job slows down
                await self._rest(busy, attempt)
            except Refused as refused:
                return self._refused(job, sent, str(refused))
            except Failed as failed:
                return await self._failed(job, str(failed), slow=failed.slow)
        try:
            choices, prompt_tokens = messages.read(answer, self.engine.preset)
        except ValueError as error:
            return await self._failed(job, str(error), slow=False)
        return self._answered(job, choices, prompt_tokens)

    def _body(self, job: _Job, seed: int, n: int) -> dict[str, Any]:
        """With a think budget, first as much as the budget; then, where that was not all, the rest of each sample."""
        sampling, begun = self.sampling, ""
        if sampling.think_budget and job.begun is None:
            sampling = dataclasses.replace(sampling, max_tokens=sampling.think_budget)
        elif job.begun is not None:
            left = max(1, sampling.max_tokens - max(job.begun.tokens, sampling.think_budget or 0))
            sampling, begun = dataclasses.replace(sampling, max_tokens=left), job.begun.text
            seed = (seed + 2**31) % 2**32  # not once more the numbers that its beginning was drawn with
        preset = self.engine.preset
        return messages.body(self.engine.model, job.request.text, job.audio, preset, sampling, seed, n, begun)

    def _answered(self, job: _Job, choices: list[messages.Choice], prompt_tokens: int) -> None:
        self.given_up = 0
        self.engine.unknown |= job.without
        n = len(job.samples)
        if n > 1 and (len(choices) < n or len({choice.text for choice in choices}) == 1):
            # Fewer than were asked for, or all drawn with one seed: from now on each is asked for by itself.
            self.engine.several, choices = False, choices[:1]
            self._one_by_one(job, job.samples[1:])
        heard_s = tuple(len(clip) / self.engine.sr for clip in job.request.clips)
        for (sample, seed), part in zip(job.samples, choices, strict=False):
            if self.sampling.think_budget and job.begun is None and part.finish_reason == "length":
                self._go_on(job, (sample, seed), part)
                continue
            choice = part if job.begun is None else self._joined(job.begun, part)
            self._done.put(
                Completion(
                    key=job.request.key,
                    sample=sample,
                    seed=seed,
                    text=choice.text,
                    finish_reason=choice.finish_reason,
                    prompt_tokens=prompt_tokens,
                    completion_tokens=choice.tokens,
                    logprob=choice.logprob,
                    heard_s=heard_s,
                    error=choice.error,
                    think_forced=job.forced if self.sampling.think_budget else None,
                )
            )

    def _go_on(self, job: _Job, sample: tuple[int, int], part: messages.Choice) -> None:
        """Ask for the rest of a sample; first its reasoning is ended, if it has not ended by itself."""
        forced = traces.is_thinking(part.text)
        ending = traces.closing((self.engine.preset.prefill or "") + part.text) if forced else ""
        begun = dataclasses.replace(part, text=part.text + ending)
        self.waiting.appendleft(_Job(job.request, job.audio, [sample], begun=begun, forced=forced))

    def _joined(self, begun: messages.Choice, rest: messages.Choice) -> messages.Choice:
        """A sample of its two parts; MgrdError when the second is another beginning."""
        if traces.begins(rest.text):
            raise self._cannot_go_on("it begins to think anew")
        known = begun.logprob is not None and rest.logprob is not None
        return dataclasses.replace(
            rest,
            text=begun.text + rest.text,
            tokens=begun.tokens + rest.tokens,
            logprob=(begun.logprob or 0.0) + (rest.logprob or 0.0) if known else None,
        )

    def _cannot_go_on(self, reason: str) -> MgrdError:
        return MgrdError(
            f"{self.engine.endpoint.base}: does not go on with an answer that is begun ({reason}), as --think-budget "
            "needs (continue_final_message); sample without it, or from a server that does, such as vLLM"
        )

    def _refused(self, job: _Job, sent: dict[str, Any], reason: str) -> None:
        """Ask without what the endpoint names and does not take; else the samples have failed."""
        if job.begun is not None and re.search(r"\b(continue_final_message|add_generation_prompt)\b", reason):
            raise self._cannot_go_on(reason)
        named = {name for name in messages.OPTIONAL if name in sent and re.search(rf"\b{name}\b", reason)}
        if "max_tokens" in sent and "max_completion_tokens" in reason:
            named.add("max_tokens")
        if "n" in named:
            self.engine.several = False
            self._one_by_one(job, job.samples)
        elif named:
            job.without |= named
            self.waiting.appendleft(job)
        else:
            if self.engine.endpoint.answered_at is not None:  # it answers others: it is this request's own fault
                self.given_up = 0
            self._give_up(job, reason)

    async def _failed(self, job: _Job, reason: str, *, slow: bool) -> None:
        job.tries, job.slow = job.tries + 1, job.slow + slow
        if job.tries < TRIES and job.slow < SLOW_TRIES:
            _log.info("%s: %s, try %d of %d", job.request.key, reason, job.tries, TRIES)
            return self._later(job, wait_s(job.tries))
        gone = await self.engine.missing()
        if gone is not None:
            raise self._lost(f"the server is gone ({gone})")
        return self._give_up(job, f"{reason}, {job.tries} times")

    def _give_up(self, job: _Job, reason: str) -> None:
        self.given_up += 1
        for sample, seed in job.samples:
            self._done.put(
                Completion(
                    job.request.key, sample, seed, text="", finish_reason="error", error=f"{job.request.key}: {reason}"
                )
            )
        if self.given_up >= HOPELESS:
            raise self._lost(f"none of the last {self.given_up} requests was answered, the last with: {reason}")

    def _lost(self, reason: str) -> MgrdError:
        """What to end with: retriable when the server had answered before."""
        where = self.engine.endpoint.base
        if self.engine.endpoint.answered_at is None:
            return MgrdError(f"{where}: {reason}; nothing was ever answered there")
        return Stopped(f"{where}: {reason}; what was sampled is saved, the same command goes on")

    async def _rest(self, busy: Busy, attempt: int) -> None:
        """Wait as long as the endpoint says; Stopped when that is too long."""
        since = max(self.engine.endpoint.answered_at or 0.0, self.began_at)
        pause_s = wait_s(attempt) if busy.after_s is None else busy.after_s + random.uniform(0, 1)
        if time.monotonic() + pause_s > since + PATIENCE_S:
            raise Stopped(
                f"{self.engine.endpoint.base}: has no time for {PATIENCE_S / 60:.0f} min and more ({busy}); "
                "what was sampled is saved, the same command goes on"
            )
        _log.info("%s: waiting %.1f s", busy, pause_s)
        await asyncio.sleep(pause_s)

    def _one_by_one(self, job: _Job, samples: list[tuple[int, int]]) -> None:
        self.waiting.extendleft(_Job(job.request, job.audio, [one]) for one in reversed(samples))

    def _later(self, job: _Job, pause_s: float) -> None:
        """Try a job again after a pause, its place free for others meanwhile."""

        def again() -> None:
            self.timers.discard(timer)
            self.admit(job)

        timer = asyncio.get_running_loop().call_later(pause_s, again)
        self.timers.add(timer)


def wait_s(attempt: int) -> float:
    """The pause after the `attempt`th try, from 1: doubling, between half and the whole of it."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 16)) * random.uniform(0.5, 1.0)
