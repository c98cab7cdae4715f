"""Stage 1: sample traces for questions, and write every sample once.

What is missing is a set difference between what was asked for and what the complete parts hold (ledger), so a stopped
job goes on with the same command. A sample that cannot be made is a row with its reason. Knows nothing about rules or
answers, and nothing of how an engine samples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, locks, prompts, tables, traces
from mgrd.engines import Completion, Engine, Request, Sampling
from mgrd.errors import InputError, MgrdError, Stopped
from mgrd.generate import costs, estimate, hearing, parallel
from mgrd.generate.clips import ChangedClipError, Clips, check_clips, swaps
from mgrd.generate.job import Job, check_engine, check_shard
from mgrd.generate.ledger import forget_failed, read_ledger
from mgrd.generate.seen import Seen
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
    the folder are figures over them. Of a shard, only its questions are sampled and counted.
    Returns counts: questions, samples, made (by this call), failed, tokens, seconds; under `limit` also whole, what all
    questions would take (mgrd.generate.estimate). Raises Stopped after SIGTERM, with everything so far saved, and
    MgrdError when more than `max_failed` of the samples failed.
    """
    story = story or Story()
    started = time.monotonic()
    check_engine(options)
    shard = check_shard(options, overwrite=overwrite)
    stop.grace_s = options.grace
    locks.keep(out, shard if options.shard else None)  # before embedded clips are written to it
    names = mapping(options.map)
    asked = read_questions(
        questions, audio_root=audio_root, mapping=names, audio_out=out / "audio", limit=options.limit
    )
    job = Job(out, model, options, round_number, audio_base(questions, audio_root).resolve(), shard)
    made_with, notes = job.identity(asked), audio_notes(out, job.base, out / "audio") | {"questions": questions}
    if only_these:
        made_with["questions"] = fingerprint(asked)
    mine = job.mine(asked)
    with locks.turn(out) if options.shard else nullcontext():
        again = folders.open_stage(out, "generate", made_with, overwrite=overwrite, notes=notes, story=story)
        if again and overwrite and job.folder.exists():
            folders.set_aside(job.folder, story)
        if options.retry_failed:
            forget_failed(job.folder, mine)
    ledger = read_ledger(job.folder, mine)
    seen = Seen(job.folder, job.writer, job.base)
    check_clips(job, seen, ledger.shas)
    wanted = job.wanted(mine, ledger)
    total = int(wanted.get_column("missing").list.len().sum())
    if total:
        story.note(f"{total:,} samples of {wanted.height:,} questions to make, {ledger.count:,} already there")
    if total and options.data_parallel > 1:
        locks.share(out)
        parallel.sample(job, questions, audio_root, only_these=only_these, story=story)
    elif total:
        loading = time.monotonic()
        engine = job.open_engine()
        meter = costs.Meter(total, engine)
        account = costs.Account(job.folder / costs.metrics_of(job.writer), meter, started, meter.began - loading)
        try:
            swapped = swaps(list(tables.rows_of(asked))) if options.control == "swap" else {}
            clips = Clips(job, engine, ledger.shas, swapped)
            with locks.turn(out) if options.shard else nullcontext():  # the first shard asks for all
                hearing.check(job, engine, wanted, clips, story)
            folders.sign(job.folder, job.writer, made_with)
            _sample(job, engine, wanted, clips, seen, account, story)
        finally:
            engine.close()
    result = _summary(job, mine, total, time.monotonic() - started)
    if options.limit is not None:
        result["whole"] = estimate.whole(job, asked, count_questions(questions, names))
    return result


def _sample(
    job: Job,
    engine: Engine,
    wanted: pl.DataFrame,
    clips: Clips,
    seen: Seen,
    account: costs.Account,
    story: Story,
) -> None:
    """Feed the engine lazily and write what comes back, a part at a time; holds the questions that are in flight."""
    options = job.options
    in_flight: dict[str, dict[str, Any]] = {}
    open_samples: dict[str, int] = {}
    failed: list[Completion] = []
    given_s: dict[str, float] = {}
    """Seconds of sound that each question's model is given."""
    texts: dict[str, str] = {}
    """The user's turns that are not the prompt alone."""

    def requests() -> Iterator[Request]:
        for row in tables.rows_of(wanted):
            if stop:
                return
            seeds = job.seeds(row["id"], row.pop("missing"))
            in_flight[row["id"]], open_samples[row["id"]] = row, len(seeds)
            try:
                heard = clips.of(row)
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
            if stop.is_over():  # an engine that does not look itself
                return
        yield from _drain(failed)

    with (
        account,
        story.steps("Sampling", account.meter.samples, tell=account.meter.text) as step,
        tables.Parts(job.folder, tables.TRACES, job.writer) as parts,
    ):
        try:
            for completion in completions():
                row = in_flight[completion.key]
                open_samples[completion.key] -= 1
                if parts.add(_trace(job, engine.name, completion, row, clips.shas, texts.get(row["id"]))):
                    seen.add(clips.shas)
                if not open_samples[completion.key]:
                    for held in (in_flight, open_samples, given_s, texts):
                        held.pop(completion.key, None)
                account.add(completion)
                step()
        finally:
            seen.add(clips.shas, now=True)
    if stop and account.meter.done < account.meter.samples:
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


def _summary(job: Job, mine: pl.DataFrame, total: int, seconds: float) -> dict[str, Any]:
    """Counts over all samples of this call's questions, whoever made them."""
    ids = mine.select(question_id="id").lazy()
    counted = tables.query(
        job.folder,
        tables.TRACES,
        ["question_id", "error", "completion_tokens"],
        lambda rows: (
            rows.join(ids, on="question_id", how="semi")
            .group_by("error")
            .agg(pl.len().alias("n"), pl.col("completion_tokens").sum().alias("tokens"))
            .sort("n", "error", descending=[True, False])
        ),
    )
    made, failures = int(counted.get_column("n").sum()), counted.filter(pl.col("error").is_not_null())
    failed = int(failures.get_column("n").sum())
    if failed > job.options.max_failed * made:
        raise MgrdError(
            f"{failed} of {made} samples failed, most often: {failures.item(0, 'error')} ({failures.item(0, 'n')}); "
            "mend that and rerun with --retry-failed, or allow more with --max-failed"
        )
    return {
        "questions": mine.height,
        "samples": made,
        "made": total,
        "failed": failed,
        "failures": dict(sorted(failures.select("error", "n").iter_rows())),
        "tokens": int(counted.get_column("tokens").sum()),
        "seconds": round(seconds, 1),
    }
