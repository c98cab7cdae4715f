"""Stage 1: sample traces for questions, and write every sample once.

What is missing is a set difference between what was asked for and what the complete parts hold, so a stopped job goes
on with the same command. A sample that cannot be made is a row with its reason. Knows nothing about rules or answers,
and nothing of how an engine samples.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mgrd import engines, folders, prompts, tables, traces
from mgrd.audio.load import Clip, load, probe
from mgrd.engines import Completion, Engine, Request, Sampling
from mgrd.errors import InputError, MgrdError, MisusedError, SettingsError, Stopped
from mgrd.options import Generate, identity, mapping
from mgrd.progress import Story, stop
from mgrd.questions import audio_base, fingerprint, read_questions, resolve_audio
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
    Returns counts: questions, samples, made (by this call), failed, tokens, seconds. Raises Stopped after SIGTERM, with
    everything so far saved, and MgrdError when more than `max_failed` of the samples failed.
    """
    story = story or Story()
    started = time.monotonic()
    engines.check_server(options.engine, options.url)
    if options.preset and options.engine != "server":
        raise MisusedError(f"--preset {options.preset}: goes with --engine server")
    folders.keep(out)  # before embedded clips are written to it
    names = mapping(options.map)
    asked = read_questions(
        questions, audio_root=audio_root, mapping=names, audio_out=out / "audio", limit=options.limit
    )
    job = _Job(out, model, options, round_number, audio_base(questions, audio_root).resolve())
    made_with, notes = job.identity(asked), audio_notes(out, job.base, out / "audio") | {"questions": questions}
    if only_these:
        made_with["questions"] = fingerprint(asked)
    again = folders.open_stage(out, "generate", made_with, overwrite=overwrite, notes=notes, story=story)
    if again and overwrite and job.folder.exists():
        folders.set_aside(job.folder, story)
    ledger = _Ledger.read(job.folder)
    if options.retry_failed:
        ledger.forget_failed(job.folder)
    ledger.check_unchanged(asked)
    wanted = job.wanted(asked, ledger)
    total = sum(len(seeds) for _, seeds in wanted)
    if total:
        story.note(f"{total:,} samples of {len(wanted):,} questions to make, {ledger.count:,} already there")
        engine = job.open_engine()
        try:
            swapped = swaps(list(tables.rows_of(asked))) if options.control == "swap" else {}
            _sample(job, engine, wanted, _Clips(job, engine, dict(ledger.shas), swapped), story)
        finally:
            engine.close()
    made = tables.read_table(job.folder, tables.TRACES, ["error", "completion_tokens"])
    return _summary(made, asked.height, total, time.monotonic() - started, options)


def sample_seed(seed: int, round_number: int, question_id: str, sample: int) -> int:
    """hash32(run seed, round, question id) + sample, modulo 2**32."""
    digest = hashlib.blake2b(f"{seed}\n{round_number}\n{question_id}".encode(), digest_size=4).digest()
    return (int.from_bytes(digest) + sample) % 2**32


Wanted = list[tuple[dict[str, Any], dict[int, int]]]
"""Questions that lack samples, each with its missing sample indices and their seeds."""


@dataclass(frozen=True)
class _Job:
    """What one call was asked to do."""

    out: Path
    model: Path | str
    options: Generate
    round_number: int
    base: Path
    """The folder that audio paths are relative to."""

    @property
    def folder(self) -> Path:
        return self.out / "traces"

    def identity(self, asked: pl.DataFrame) -> dict[str, Any]:
        """What makes these samples what they are; the rest (batch, engine's memory, ...) is how they were made."""
        made_with = identity(self.options) | {
            "prompt": prompts.template(self.options.prompt),
            "model": engines.model_identity(self.options.engine, self.model),
            "round": self.round_number,
        }
        if self.options.engine == "server":  # the others know their own form and window
            made_with |= {"preset": self.options.preset, "window": self.options.window}
        if self.options.control == "swap":  # who hears whose clip depends on all questions
            made_with["swapped among"] = fingerprint(asked)
        return made_with

    def wanted(self, asked: pl.DataFrame, ledger: _Ledger) -> Wanted:
        """The set difference: what was asked for and is not there."""
        found: Wanted = []
        for row in tables.rows_of(asked):
            missing = sorted(set(range(self.options.samples)) - ledger.samples.get(row["id"], set()))
            seeds = {n: sample_seed(self.options.seed, self.round_number, row["id"], n) for n in missing}
            if seeds:
                found.append((row, seeds))
        return found

    def open_engine(self) -> Engine:
        """Load the model."""
        options = self.options
        name = options.engine or engines.default_engine()
        settings: dict[str, Any] = {"batch": options.batch} if name == "transformers" else {}
        if name == "server":
            settings = {
                "url": options.url,
                "preset": options.preset,
                "audio_part": options.audio_part,
                "window_s": options.window,
                "concurrency": options.concurrency,
                "timeout_s": options.timeout,
            }
        return engines.open_engine(name, self.model, **settings)


@dataclass
class _Ledger:
    """What the complete parts of a folder already hold."""

    samples: dict[str, set[int]] = field(default_factory=dict)
    asked: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    shas: dict[str, str] = field(default_factory=dict)
    """Content hash of each clip, by its path as given, from when it was first decoded."""
    count: int = 0

    _COLUMNS = ("question_id", "sample", "question", "choices", "answer", "audio", "audio_sha", "error")

    @classmethod
    def read(cls, folder: Path) -> _Ledger:
        ledger = cls()
        if folder.exists():
            for part in tables.iter_parts(folder, tables.TRACES, cls._COLUMNS):
                for row in tables.rows_of(part):
                    ledger.samples.setdefault(row["question_id"], set()).add(row["sample"])
                    ledger.asked.setdefault(row["question_id"], _words(row))
                    ledger.shas.update(
                        {path: sha for path, sha in zip(row["audio"], row["audio_sha"], strict=True) if sha}
                    )
                    ledger.count += 1
        return ledger

    def forget_failed(self, folder: Path) -> None:
        """Take failed samples out of the parts, so that they are wanted again."""
        for path in tables.parts(folder):
            rows = tables.read_table(path, tables.TRACES)
            failed = rows.filter(pl.col("error").is_not_null())
            if failed.height:
                for question_id, sample in failed.select("question_id", "sample").iter_rows():
                    self.samples[question_id].discard(sample)
                self.count -= failed.height
                tables.write_table(rows.filter(pl.col("error").is_null()), path, tables.TRACES)

    def check_unchanged(self, asked: pl.DataFrame) -> None:
        """Refuse questions whose id is known with other words: their samples would be mixed."""
        for row in tables.rows_of(asked):
            before = self.asked.get(row["id"])
            if before is not None and before != _words(row):
                raise SettingsError(
                    f"question {row['id']} was sampled with other words, choices, answer or audio; "
                    "give it another id, another -o, or --overwrite to set the old work aside"
                )


def _words(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["question"], tuple(row["choices"] or ()), row["answer"], tuple(row["audio"])


def _sample(job: _Job, engine: Engine, wanted: Wanted, clips: _Clips, story: Story) -> None:
    """Feed the engine lazily and write what comes back, a part at a time."""
    options = job.options
    by_id = {row["id"]: row for row, _ in wanted}
    failed: list[Completion] = []

    def requests() -> Iterator[Request]:
        for row, seeds in wanted:
            if stop:
                return
            try:
                heard = clips.of(row)
            except InputError as error:
                if isinstance(error, ChangedClipError):
                    raise
                failed.extend(_failure(row["id"], sample, seed, str(error)) for sample, seed in seeds.items())
                continue
            text = prompts.render(options.prompt, row["question"], row["choices"])
            yield Request(row["id"], text, heard, [clips.shas[path] for path in row["audio"]], seeds)

    def completions() -> Iterator[Completion]:
        for completion in engine.sample(requests(), Sampling(options.temperature, options.top_p, options.max_tokens)):
            yield from _drain(failed)
            yield completion
        yield from _drain(failed)

    with (
        story.steps("Sampling", sum(len(seeds) for _, seeds in wanted), "samples") as step,
        tables.Parts(job.folder, tables.TRACES) as parts,
    ):
        for completion in completions():
            row = by_id[completion.key]
            parts.add(_trace(job, engine.name, completion, row, clips.shas))
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


class ChangedClipError(InputError):
    """A clip's samples are not those that an earlier call heard."""


@dataclass
class _Clips:
    """Decodes the clips of a question, as the engine and the control want them."""

    job: _Job
    engine: Engine
    shas: dict[str, str]
    """Content hashes by path as given: those of earlier calls, and what this one decodes."""
    swapped: dict[str, list[str]]

    def of(self, row: dict[str, Any]) -> list[NDArray[np.float32]]:
        """Mono clips at the engine's rate; raises InputError for one that cannot be heard whole."""
        clips = [self._decode(path) for path in row["audio"]]
        if self.job.options.control is None:
            for path, clip in zip(row["audio"], clips, strict=True):
                if not np.any(clip.samples):
                    raise InputError(f"{path}: every sample is zero, there is nothing to hear")
        if self.job.options.control == "swap":
            clips = [self._decode(path) for path in self.swapped[row["id"]]]
        heard = [clip.mono(self.engine.sr) for clip in clips]
        if self.job.options.control in ("silence", "noise"):
            heard = [control_clip(self.job.options.control, clip, row["id"]) for clip in heard]
        return heard

    def _decode(self, path: str) -> Clip:
        source = resolve_audio(path, self.job.base, self.job.out / "audio")
        duration_s, _, _ = probe(source, path)
        if duration_s > self.engine.window_s:
            more = ", or say how much it hears with --window" if self.job.options.engine == "server" else ""
            raise InputError(
                f"{path}: {duration_s:.1f} s is longer than the {self.engine.window_s:g} s this model hears; "
                f"cut it, it is never cut silently{more}"
            )
        clip = load(source, path)
        before = self.shas.setdefault(path, clip.sha)
        if before != clip.sha:
            raise ChangedClipError(
                f"{path}: the clip has changed since it was first sampled; give the new one another name, "
                "or --overwrite to sample everything again"
            )
        return clip


def swaps(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Another question's audio for each question: the next of the same task, in an order that depends on ids alone.

    A question whose task has no other audio takes the next question of any task.
    """
    order = sorted(rows, key=lambda row: hashlib.blake2b(row["id"].encode(), digest_size=8).digest())
    rings: dict[str | None, list[dict[str, Any]]] = {}
    for row in order:
        rings.setdefault(row["task"], []).append(row)
    found = {}
    for task, ring in rings.items():
        for index, row in enumerate(ring):
            same_task = (ring[(index + step) % len(ring)] for step in range(1, len(ring)))
            others = itertools.chain(same_task, (other for other in order if other["task"] != task))
            audio = next((other["audio"] for other in others if other["audio"] != row["audio"]), None)
            if audio is None:
                raise MgrdError("--control swap: all questions share one clip, there is nothing to swap it with")
            found[row["id"]] = list(audio)
    return found


def control_clip(control: str, clip: NDArray[np.float32], question_id: str) -> NDArray[np.float32]:
    """Silence, or white noise at the clip's own level, of the clip's length; the same for the same question."""
    if control == "silence":
        return np.zeros_like(clip)
    rng = np.random.default_rng(int.from_bytes(hashlib.blake2b(question_id.encode(), digest_size=8).digest()))
    level = float(np.sqrt(np.mean(np.square(clip, dtype=np.float64))))
    return (rng.standard_normal(len(clip)) * level).astype(np.float32)


def _trace(job: _Job, engine: str, completion: Completion, row: dict[str, Any], shas: dict[str, str]) -> dict[str, Any]:
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
        "prompt": prompts.render(job.options.prompt, row["question"], row["choices"]),
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
