"""Stage 1: sample traces for questions, and write every sample once.

What is missing is a set difference between what was asked for and what the complete parts hold (ledger), so a stopped
job goes on with the same command. A sample that cannot be made is a row with its reason. Knows nothing about rules or
answers, and nothing of how an engine samples.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import folders, locks, tables, unfinished
from mgrd.errors import MgrdError, SettingsError, Stopped
from mgrd.generate import costs, extrapolate, hearing, parallel
from mgrd.generate.clips import Clips, across_tasks, check_clips, swap_note, swaps
from mgrd.generate.job import Job, check_engine, check_shard, read_asked, widening
from mgrd.generate.ledger import forget_failed, read_ledger
from mgrd.generate.rows import questions_of, trace_rows
from mgrd.generate.seen import Seen
from mgrd.options import Generate
from mgrd.progress import Story, stop
from mgrd.questions import audio_base, count_questions, fingerprint
from mgrd.questions.clips import absolute
from mgrd.settings import mapping
from mgrd.sources import audio_notes
from mgrd.terminal import many

_TOGETHER = ("questions", "swapped among")
"""Settings of which each is a hash of all questions."""


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
    questions would take (mgrd.generate.extrapolate). Raises Stopped after SIGTERM, with everything so far saved, and
    MgrdError when the engine left samples out, or more than `max_failed` of the samples failed.
    """
    story = story or Story()
    started = time.monotonic()
    check_engine(options)
    shard = check_shard(options, overwrite=overwrite)
    if options.data_parallel > 1:  # before anything is written
        parallel.devices(options.data_parallel, os.environ, options.tensor_parallel)
    stop.grace_s = options.grace
    locks.keep(out, shard if options.shard else None)  # before embedded clips are written to it
    asked, every = read_asked(questions, options, audio_root, out / "audio")
    job = Job(out, model, options, round_number, absolute(audio_base(questions, audio_root)), shard)
    made_with = job.identity(every)
    notes: dict[str, Any] = {"questions": questions}
    notes |= audio_notes(out, job.base, out / "audio")
    if only_these:
        made_with["questions"] = fingerprint(asked)
    mine, before = job.mine(asked), folders.read_manifest(out)
    goes_on = job.folder.exists() and not overwrite
    earlier = before.get("generate", {}).get(unfinished.ASKED, {}) if goes_on else {}
    notes[unfinished.ASKED] = earlier | {Path(questions).name: asked.height * options.samples}
    with locks.turn(out) if options.shard else nullcontext():
        try:
            again = folders.open_stage(
                out,
                "generate",
                made_with,
                overwrite=overwrite,
                notes=notes,
                writer=job.writer,
                story=story,
                widened=widening(options),
            )
        except SettingsError as error:
            read_ledger(job.folder, every)  # a hash of all questions does not say which has changed; this does
            old = before["generate"]["identity"] if "generate" in before else made_with
            if any(old.get(name, now) != now for name in _TOGETHER if (now := made_with.get(name)) is not None):
                more = "the questions are one setting here, all together: some were added, left out or moved"
                raise SettingsError(f"{error}; {more}") from error
            raise
        if overwrite:  # what was made of the old traces goes with them: it would be read as of the new
            aside = [job.folder] if again else []
            for one in filter(Path.exists, (*aside, *(out / name for name in folders.PARTS["filter"]))):
                folders.set_aside(one, story)
        if options.retry_failed:
            forget_failed(job.folder, mine)
    with _taken_back(job, before):
        ledger = read_ledger(job.folder, mine)
        seen = Seen(job.folder, job.writer, job.base)
        check_clips(job, seen, ledger.shas)
        wanted = job.wanted(mine, ledger)
        total = int(wanted.get_column("missing").list.len().sum())
        if total:
            of = f"{many(total, 'sample')} of {many(wanted.height, 'question')}"
            story.note(f"{of} to make, {ledger.count:,} already there")
        if total and options.data_parallel > 1:
            locks.share(out)
            parallel.sample(job, questions, audio_root, only_these=only_these, story=story)
        elif total:
            swapped = _swapped(asked, every, story) if options.control == "swap" else {}
            loading = time.monotonic()
            with _rows(job, wanted, ledger.shas, swapped, story) as (rows, made_by):
                meter = costs.Meter(total, made_by)
                account = costs.Account(
                    job.folder / costs.metrics_of(job.writer), meter, started, meter.began - loading
                )
                _write(job, rows, made_with, seen, account, story)
    result = _summary(job, mine, ledger.count, time.monotonic() - started)
    if options.limit is not None:
        result["whole"] = extrapolate.whole(job, asked, count_questions(questions, mapping(options.map)))
    return result


@contextmanager
def _taken_back(job: Job, before: dict[str, Any]) -> Iterator[None]:
    """A call that is refused before its first sample leaves the manifest as it was; shards leave it to each other."""
    parts = [*job.folder.glob("part-*")]
    try:
        yield
    except MgrdError as error:
        is_alone = job.options.shard is None and job.options.data_parallel == 1
        if is_alone and not isinstance(error, Stopped) and sorted(job.folder.glob("part-*")) == sorted(parts):
            if before:
                tables.write_json(before, job.out / folders.MANIFEST)
            else:
                (job.out / folders.MANIFEST).unlink(missing_ok=True)
        raise


def _swapped(asked: pl.DataFrame, every: pl.DataFrame, story: Story) -> dict[str, list[str]]:
    """What is heard in place of each question's clips."""
    found = swaps(list(tables.rows_of(every)))
    if count := across_tasks(asked, every, found):
        story.note(swap_note(count, asked.height))
    return found


@contextmanager
def _rows(
    job: Job, wanted: pl.DataFrame, shas: dict[str, str], swapped: dict[str, list[str]], story: Story
) -> Iterator[tuple[Iterator[dict[str, Any]], object]]:
    """The rows of the wanted samples as they are made, and what makes them: an engine here, or a cluster's workers."""
    if job.options.ray is not None:
        from mgrd.cluster import sampling

        with (
            sampling.opened(job.options) as team,
            closing(sampling.rows(team, job, questions_of(job, wanted), shas, swapped, story)) as rows,
        ):
            yield rows, team
        return
    engine = job.open_engine()
    try:
        clips = Clips(job, engine, shas, swapped)
        with locks.turn(job.out) if job.options.shard else nullcontext():  # the first shard asks for all
            hearing.check(job, engine, wanted, clips, story)
        yield trace_rows(job, engine, questions_of(job, wanted), clips, wanted.height), engine
    finally:
        engine.close()


def _write(
    job: Job,
    rows: Iterable[dict[str, Any]],
    made_with: Mapping[str, Any],
    seen: Seen,
    account: costs.Account,
    story: Story,
) -> None:
    """Write rows as they come, a part at a time, and how the clips look that were decoded for them.

    Nothing is written before the first: a model that does not hear, or an engine that dies at once, leaves no traces.
    """
    heard: set[str] = set()
    with (
        account,
        story.steps("Sampling", account.meter.samples, tell=account.meter.text) as step,
        tables.Parts(job.folder, tables.TRACES, job.writer) as parts,
    ):
        try:
            for row in rows:
                if not account.meter.done:
                    folders.sign(job.folder, job.writer, made_with)
                parts.add(row)
                if row["error"] is None:
                    heard.update(row["heard"] or row["audio"])
                seen.add(heard)
                account.add(row["completion_tokens"])
                step()
        finally:
            if account.meter.done:
                seen.add(heard, now=True)
    done, asked_for = account.meter.done, account.meter.samples
    if stop and done < asked_for:
        saved = f"what was sampled is saved in {job.folder}" if done else "nothing was sampled by this call"
        raise Stopped(f"stopped by {stop.signal_name}; {saved}, the same command goes on")
    if done < asked_for:
        raise MgrdError(
            f"the engine ended and left out {asked_for - done:,} of {asked_for:,} samples, without a reason; "
            f"what was sampled is saved in {job.folder}, the same command goes on"
        )


def _summary(job: Job, mine: pl.DataFrame, before: int, seconds: float) -> dict[str, Any]:
    """Counts over all samples of this call's questions, whoever made them; `before` were there when it began."""
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
        "made": made - before,
        "failed": failed,
        "failures": dict(sorted(failures.select("error", "n").iter_rows())),
        "tokens": int(counted.get_column("tokens").sum()),
        "seconds": round(seconds, 1),
    }
