"""Stage 1: sample traces for questions, and write every sample once.

What is missing is a set difference between what was asked for and what the complete parts hold (ledger), so a stopped
job goes on with the same command. A sample that cannot be made is a row with its reason. Knows nothing about rules or
answers, and nothing of how an engine samples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, prompts, tables, traces
from mgrd.engines import Completion, Engine, Request, Sampling
from mgrd.errors import InputError, MgrdError, Stopped
from mgrd.generate import ahead, costs, estimate, hearing
from mgrd.generate.clips import ChangedClipError, Clips, swaps
from mgrd.generate.job import Job, Wanted, check_engine
from mgrd.generate.ledger import Ledger
from mgrd.options import Generate, mapping
from mgrd.progress import Story, stop
from mgrd.questions import audio_base, count_questions, fingerprint, read_questions
from mgrd.sources import audio_notes


def generate(
    questions: str,
    out: Path,
    model: Path | str,
    options: Generate,
    *,
    round_number: int = 0,
    audio_root: Path | None = None,
    only_these: bool = False,
    overwrite: bool = False,
    story: Story | None = None,
) -> dict[str, Any]:
    """Sample `options.samples` traces for every question into `out/traces`; what is there already is kept.

    `model` is a folder, or the name of a server's. `only_these` makes the questions part of the identity: figures over
    the folder are figures over them.
    Returns counts: questions, samples, made (by this call), failed, tokens, seconds; under `limit` also whole, what all
    questions would take (mgrd.generate.estimate). Raises Stopped after SIGTERM, with everything so far saved, and
    MgrdError when more than `max_failed` of the samples failed.
    """
    story = story or Story()
    started = time.monotonic()
    check_engine(options)
    folders.keep(out)  # before embedded clips are written to it
    names = mapping(options.map)
    asked = read_questions(
        questions, audio_root=audio_root, mapping=names, audio_out=out / "audio", limit=options.limit
    )
    job = Job(out, model, options, round_number, audio_base(questions, audio_root).resolve())
    made_with, notes = job.identity(asked), audio_notes(out, job.base, out / "audio") | {"questions": questions}
    if only_these:
        made_with["questions"] = fingerprint(asked)
    again = folders.open_stage(out, "generate", made_with, overwrite=overwrite, notes=notes, story=story)
    if again and overwrite and job.folder.exists():
        folders.set_aside(job.folder, story)
    ledger = Ledger.read(job.folder)
    if options.retry_failed:
        ledger.forget_failed(job.folder)
    ledger.check_unchanged(asked)
    wanted = job.wanted(asked, ledger)
    total = sum(len(seeds) for _, seeds in wanted)
    if total:
        story.note(f"{total:,} samples of {len(wanted):,} questions to make, {ledger.count:,} already there")
        loading = time.monotonic()
        engine = job.open_engine()
        meter = costs.Meter(total, engine)
        account = costs.Account(job.folder / costs.METRICS, meter, started, meter.began - loading)
        try:
            swapped = swaps(list(tables.rows_of(asked))) if options.control == "swap" else {}
            clips = Clips(job, engine, dict(ledger.shas), swapped)
            hearing.check(job, engine, wanted, clips, story)
            _sample(job, engine, wanted, clips, account, story)
        finally:
            engine.close()
    made = tables.read_table(job.folder, tables.TRACES, ["error", "completion_tokens"])
    result = _summary(made, asked.height, total, time.monotonic() - started, options)
    if options.limit is not None:
        result["whole"] = estimate.whole(job, asked, count_questions(questions, names))
    return result


def _sample(job: Job, engine: Engine, wanted: Wanted, clips: Clips, account: costs.Account, story: Story) -> None:
    """Feed the engine lazily and write what comes back, a part at a time."""
    options = job.options
    by_id = {row["id"]: row for row, _ in wanted}
    failed: list[Completion] = []
    given_s: dict[str, float] = {}
    """Seconds of sound that each question's model is given."""
    texts: dict[str, str] = {}
    """The user's turns that are not the prompt alone."""

    def requests() -> Iterator[Request]:
        hearings = ahead.hearings(clips, (row for row, _ in wanted), len(wanted))
        for (row, seeds), hear in zip(wanted, hearings, strict=True):
            if stop:
                return
            try:
                heard = hear()
            except InputError as error:
                if isinstance(error, ChangedClipError):
                    raise
                failed.extend(_failure(row["id"], sample, seed, str(error)) for sample, seed in seeds.items())
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

    with (
        account,
        story.steps("Sampling", account.meter.samples, tell=account.meter.text) as step,
        tables.Parts(job.folder, tables.TRACES) as parts,
    ):
        for completion in completions():
            row = by_id[completion.key]
            parts.add(_trace(job, engine.name, completion, row, clips.shas, texts.get(row["id"])))
            account.add(completion)
            step()
    if stop:
        raise Stopped(
            f"stopped by {stop.signal_name}; what was sampled is saved in {job.folder}, the same command goes on"
        )


def _drain(failed: list[Completion]) -> Iterator[Completion]:
    while failed:
        yield failed.pop(0)


def _failure(key: str, sample: int, seed: int, reason: str) -> Completion:
    return Completion(key=key, sample=sample, seed=seed, text="", finish_reason="error", error=reason)


def _trace(
    job: Job, engine: str, completion: Completion, row: dict[str, Any], shas: dict[str, str], text: str | None
) -> dict[str, Any]:
    think, response = traces.split(completion.text)
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
        "completion": completion.text,
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
    }


def _summary(made: pl.DataFrame, questions: int, total: int, seconds: float, options: Generate) -> dict[str, Any]:
    failed = made.filter(pl.col("error").is_not_null())
    if made.height and failed.height > options.max_failed * made.height:
        reason = failed.get_column("error").value_counts(sort=True, name="n").row(0, named=True)
        raise MgrdError(
            f"{failed.height} of {made.height} samples failed, most often: {reason['error']} ({reason['n']}); "
            "mend that and rerun with --retry-failed, or allow more with --max-failed"
        )
    return {
        "questions": questions,
        "samples": made.height,
        "made": total,
        "failed": failed.height,
        "failures": dict(sorted(failed.get_column("error").value_counts().iter_rows())),
        "tokens": int(made.get_column("completion_tokens").sum()),
        "seconds": round(seconds, 1),
    }
