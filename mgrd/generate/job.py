"""What one call of generate was asked to do: its identity, its seeds, what is still wanted, its engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import engines, prompts, shards
from mgrd.engines import Engine
from mgrd.errors import MisusedError
from mgrd.generate.ledger import Ledger
from mgrd.options import Generate
from mgrd.questions import fingerprint, read_questions
from mgrd.settings import identity, mapping
from mgrd.shards import WHOLE, Shard


def sample_seed(seed: int, round_number: int, question_id: str, sample: int) -> int:
    """hash32(run seed, round, question id) + sample, modulo 2**32."""
    digest = hashlib.blake2b(f"{seed}\n{round_number}\n{question_id}".encode(), digest_size=4).digest()
    return (int.from_bytes(digest) + sample) % 2**32


def check_engine(options: Generate) -> None:
    """Raise MisusedError for options that do not go with the engine."""
    engines.check_server(options.engine, options.url)
    engines.check_vllm(options)
    engines.check_vllm_installed(options)
    if options.preset and options.engine != "server":
        raise MisusedError(f"--preset {options.preset}: goes with --engine server")
    if options.think_budget is not None and options.think_budget >= options.max_tokens:
        raise MisusedError(
            f"--think-budget {options.think_budget}: leaves nothing of --max-tokens {options.max_tokens} to answer with"
        )


def check_shard(options: Generate, *, overwrite: bool) -> Shard:
    """The shard that the options name; MisusedError for what does not go with it."""
    if options.shard and overwrite:
        raise MisusedError(
            "--overwrite: not with --shard, it would set aside what the other shards make; rename the -o"
        )
    if options.data_parallel > 1 and options.ray is not None:
        raise MisusedError("--data-parallel: is for one machine; --ray has a worker for each GPU of a cluster")
    if options.data_parallel > 1 and options.engine == "server":
        raise MisusedError("--data-parallel: a server spreads its work itself; raise --concurrency")
    return shards.parse(options.shard) if options.shard else WHOLE


def read_asked(
    questions: str, options: Generate, audio_root: Path | None, audio_out: Path
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The questions that are asked, and those among which another one's clip is looked for under `--control swap`.

    These are all that there are, whatever the `limit`: what the first few hear is what they hear in the whole job.
    """
    swaps = options.control == "swap"
    every = read_questions(
        questions,
        audio_root=audio_root,
        mapping=mapping(options.map),
        audio_out=audio_out,
        limit=None if swaps else options.limit,
    )
    return every[: options.limit], every


def widening(options: Generate) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]:
    """What a folder's identity may count as for this job, given it and the job's own (mgrd.folders.open_stage).

    Long clips that were refused may be given in parts once their failed samples are forgotten (`retry_failed`): what
    else was sampled is of clips that are in one part anyway. Not by a shard, which forgets its own alone.
    """

    def widened(before: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
        may = before.get("long_clips") == "refuse" and now.get("long_clips") == "chunk"
        forgets = options.retry_failed and options.shard is None
        return {**before, "long_clips": "chunk"} if may and forgets else before

    return widened


@dataclass(frozen=True)
class Job:
    """What one call was asked to do."""

    out: Path
    model: Path | str
    options: Generate
    round_number: int
    base: Path
    """The folder that audio paths are relative to."""
    shard: Shard = WHOLE

    @property
    def folder(self) -> Path:
        """Where the parts go."""
        return self.out / "traces"

    @property
    def writer(self) -> str:
        """What this call's parts have in their names; empty for one that has the folder to itself."""
        return "" if self.shard == WHOLE else self.shard.name

    def identity(self, every: pl.DataFrame) -> dict[str, Any]:
        """What makes these samples what they are; the rest (batch, engine's memory, ...) is how they were made.

        `every` are the questions among which clips are swapped.
        """
        made_with = identity(self.options) | {
            "prompt": prompts.template(self.options.prompt),
            "model": engines.model_identity(self.options.engine, self.model),
            "round": self.round_number,
        }
        if self.options.engine == "server":  # the others know their own form and window
            made_with |= {"preset": self.options.preset, "window": self.options.window}
        if (self.options.engine or engines.default_engine()) == "vllm":
            made_with |= engines.vllm_identity(self.options)
        if self.options.lora is not None:
            made_with["lora"] = engines.model_identity("vllm", self.options.lora)
        if self.options.control == "swap":  # who hears whose clip depends on all questions
            made_with["swapped among"] = fingerprint(every)
        return made_with

    def mine(self, asked: pl.DataFrame) -> pl.DataFrame:
        """The questions of this shard."""
        if self.shard == WHOLE:
            return asked
        return asked.filter([self.shard.holds(name) for name in asked.get_column("id")])

    def wanted(self, asked: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
        """The set difference: the questions that lack samples, and which, in `missing` (list of indices)."""
        every = pl.lit(list(range(self.options.samples)), dtype=pl.List(pl.Int32))
        there = pl.col("samples").fill_null([])
        return (
            asked.join(ledger.samples, on="id", how="left", maintain_order="left")
            .with_columns(every=every)  # first: a literal alone has a row where no question is
            .with_columns(missing=pl.col("every").list.set_difference(there).list.sort())
            .drop("samples", "every")
            .filter(pl.col("missing").list.len() > 0)
        )

    def seeds(self, question_id: str, missing: Sequence[int]) -> dict[int, int]:
        """The seeds of samples of a question, by index."""
        return {n: sample_seed(self.options.seed, self.round_number, question_id, n) for n in missing}

    def open_engine(self) -> Engine:
        """Load the model."""
        options = self.options
        name = options.engine or engines.default_engine()
        settings: dict[str, Any] = {"batch": options.batch} if name == "transformers" else {}
        if name == "vllm":
            settings = engines.vllm_settings(options)
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
