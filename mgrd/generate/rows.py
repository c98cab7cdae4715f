"""Questions and an engine in, rows of traces out. Knows nothing of folders: who asked writes the rows."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from mgrd import prompts, tables, traces
from mgrd.engines import Completion, Engine, Request, Sampling
from mgrd.errors import InputError
from mgrd.generate import ahead, hearing
from mgrd.generate.clips import ChangedClipError, Clips
from mgrd.generate.job import Job
from mgrd.progress import stop

Wanted = tuple[dict[str, Any], dict[int, int]]
"""A question that lacks samples, with their indices and seeds."""


def questions_of(job: Job, wanted: pl.DataFrame) -> Iterator[Wanted]:
    """The questions of `Job.wanted`, one at a time."""
    for row in tables.rows_of(wanted):
        missing = row.pop("missing")
        yield row, job.seeds(row["id"], missing)


def trace_rows(
    job: Job, engine: Engine, wanted: Iterable[Wanted], clips: Clips, ahead_of: int = 0
) -> Iterator[dict[str, Any]]:
    """Feed the engine lazily and yield a row of tables.TRACES for every sample, also for one that failed.

    Holds the questions that are in flight. The clips of `ahead_of` questions, the number of all, are decoded ahead;
    of 0, whose number is not known, each when it is asked.
    """
    options = job.options
    in_flight: dict[str, dict[str, Any]] = {}
    open_samples: dict[str, int] = {}
    failed: deque[Completion] = deque()
    given_s: dict[str, float] = {}
    """Seconds of sound that each question's model is given."""
    texts: dict[str, str] = {}
    """The user's turns that are not the prompt alone."""

    def requests() -> Iterator[Request]:
        questions, coming = itertools.tee(wanted)
        hearings = ahead.hearings(clips, (row for row, _ in coming), ahead_of)
        for (row, seeds), hear in zip(questions, hearings, strict=True):
            if stop:
                return
            in_flight[row["id"]], open_samples[row["id"]] = row, len(seeds)
            try:
                heard = hear()
            except InputError as error:
                if isinstance(error, ChangedClipError):
                    raise
                failed.extend(failure(row["id"], sample, seed, str(error)) for sample, seed in seeds.items())
                continue
            given_s[row["id"]] = heard.samples / engine.sr
            text = prompts.render(options.prompt, row["question"], row["choices"])
            if max(heard.parts) > 1:
                text = texts[row["id"]] = prompts.in_parts(text, heard.parts)
            yield Request(row["id"], text, heard.clips, heard.ids, seeds)

    def completions() -> Iterator[Completion]:
        sampling = Sampling(options.temperature, options.top_p, options.max_tokens, options.think_budget)
        for completion in engine.sample(requests(), sampling):
            yield from _drain(failed)
            yield hearing.all_heard(completion, given_s[completion.key])
        yield from _drain(failed)

    for completion in completions():
        row = in_flight[completion.key]
        open_samples[completion.key] -= 1
        yield trace_row(
            job, engine.name, completion, row, clips.shas, texts.get(completion.key), clips.swapped.get(row["id"])
        )
        if not open_samples[completion.key]:
            for held in (in_flight, open_samples, given_s, texts):
                held.pop(completion.key, None)


def _drain(failed: deque[Completion]) -> Iterator[Completion]:
    while failed:
        yield failed.popleft()


def failure(key: str, sample: int, seed: int, reason: str) -> Completion:
    """A sample that cannot be made."""
    return Completion(key=key, sample=sample, seed=seed, text="", finish_reason="error", error=reason)


def trace_row(
    job: Job,
    engine: str,
    completion: Completion,
    row: dict[str, Any],
    shas: dict[str, str],
    text: str | None = None,
    heard: list[str] | None = None,
) -> dict[str, Any]:
    """A row of tables.TRACES; `shas` are the content hashes of the clips that were decoded, by path as given.

    `text` is the user's turn where it is not the prompt alone, `heard` the clips where they are another question's.
    """
    whole = traces.closed_once(completion.text) if completion.think_forced else completion.text
    think, response = traces.split(whole)
    return {
        "trace_id": f"{row['id']}.{job.round_number}.{completion.sample}",
        "question_id": row["id"],
        "round": job.round_number,
        "sample": completion.sample,
        "audio": row["audio"],
        "audio_sha": [shas.get(path) for path in row["audio"]],
        "question": row["question"],
        "choices": row["choices"],
        "answer": row["answer"],
        "task": row["task"],
        "language": row["language"],
        "model": str(job.model),
        "engine": engine,
        "control": job.options.control,
        "prompt": text or prompts.render(job.options.prompt, row["question"], row["choices"]),
        "completion": whole,
        "think": think,
        "response": response,
        "finish_reason": completion.finish_reason,
        "error": completion.error,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "logprob": completion.logprob,
        "seed": completion.seed,
        "heard_s": list(completion.heard_s),
        "think_forced": completion.think_forced,
        "heard": heard,
    }
