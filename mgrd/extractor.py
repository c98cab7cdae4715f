"""`--extractor llm`: put every think text to a model once, and keep its answers.

An answer is kept as it came, by the hash of the text, beside what it was asked with; what it says is read anew whenever
a trace is judged (mgrd.claims.by_model). Knows nothing about audio, rules or verdicts: the model gets text alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import engines, prompts, tables
from mgrd.engines import Request, Sampling
from mgrd.errors import MgrdError, MisusedError, Stopped
from mgrd.options import Filter
from mgrd.progress import Story, stop

ANSWERS: dict[str, pl.DataType] = {
    "text_sha": pl.String(),
    "asked_with": pl.String(),
    "answer": pl.String(),
    "finish_reason": pl.String(),
    "completion_tokens": pl.Int32(),
}

LINES: dict[str, pl.DataType] = {"trace_id": pl.String(), "outcome": pl.String(), "lines": pl.Int32()}
"""What became of the lines of a trace's answer; `added`, or why they were dropped."""


@dataclass(frozen=True, slots=True)
class Extractor:
    """The model that extracts, and all that its answers depend on."""

    model: Path
    tokens: int
    fingerprint: str
    """Of the model's files."""
    prompt: str
    """A hash of the instruction."""

    @property
    def identity(self) -> dict[str, Any]:
        """What makes its answers what they are, by name; the same wherever the model lies."""
        made = asdict(self)
        return {f"extractor_{name}": made[name] for name in ("tokens", "fingerprint", "prompt")}

    @property
    def sha(self) -> str:
        """The identity as one word."""
        return _sha(repr(sorted(self.identity.items())))


def chosen(options: Filter) -> Extractor | None:
    """The extractor that the options name, None for the rules alone.

    Raises MisusedError when model and extractor do not fit, InputError when there is no such model.
    """
    if options.extractor == "rules":
        if options.extractor_model is not None:
            raise MisusedError(f"--extractor-model {options.extractor_model}: goes with --extractor llm")
        return None
    if options.extractor_model is None:
        raise MisusedError("--extractor llm: name the model that extracts, --extractor-model MODEL")
    from mgrd.engines.models import model_fingerprint

    model = Path(options.extractor_model)
    return Extractor(model, options.extractor_tokens, model_fingerprint(model), _sha(prompts.EXTRACT))


def text_sha(think: str) -> str:
    """The name under which the answer to a text is kept."""
    return _sha(think)


def ask(thinks: Callable[[], Iterator[str]], folder: Path, extractor: Extractor, story: Story) -> dict[str, str]:
    """Put the texts of `thinks` that have no answer in `folder` to the model; greedy, each once.

    `thinks` is called twice. Returns why there is no answer to some, by text_sha: such a text is asked again when it is
    judged again. Raises Stopped with every finished answer kept, and MgrdError when no text was ever answered.
    """
    known = lie_in(folder, extractor).keys()
    wanted = {sha for think in thinks() if think and (sha := text_sha(think)) not in known}
    if not wanted:
        return {}
    story.note(f"{len(wanted):,} texts to put to {extractor.model}, {len(known):,} are answered already")

    def requests() -> Iterator[Request]:
        left = set(wanted)
        for think in thinks():
            if stop:
                return
            if (sha := text_sha(think)) in left:
                left.remove(sha)
                yield Request(sha, prompts.EXTRACT + think, clips=[], clip_ids=[], seeds={0: 0})

    failed: dict[str, str] = {}
    engine = engines.open_engine(engines.default_engine(), extractor.model)
    greedy = Sampling(temperature=0.0, max_tokens=extractor.tokens)
    try:
        with story.steps("Extracting", len(wanted), "texts") as done, tables.Parts(folder, ANSWERS) as answers:
            for one in engine.sample(requests(), greedy):
                if one.finish_reason in ("stop", "length"):
                    answer = one.key, extractor.sha, one.text, one.finish_reason, one.completion_tokens
                    answers.add(dict(zip(ANSWERS, answer, strict=True)))
                else:
                    reason = " ".join((one.error or one.finish_reason).split()).removeprefix(f"{one.key}: ")
                    failed[one.key] = reason.replace("--max-tokens", "--extractor-tokens")
                done(1)
    finally:
        engine.close()
    if stop:
        raise Stopped(f"stopped by {stop.signal_name}; the answers are saved, the same command goes on")
    if failed and not known and len(failed) == len(wanted):
        count = f"none of {len(failed):,} texts was answered"
        raise MgrdError(f"{extractor.model}: {count} ({min(failed.values())}); give another --extractor-model")
    return failed


def lie_in(folder: Path, extractor: Extractor) -> dict[str, Path]:
    """In which part of `folder` the answer to each text lies, by text_sha."""
    found: dict[str, Path] = {}
    for path in tables.parts(folder):
        found.update(dict.fromkeys(_part(path, extractor, ["text_sha"])["text_sha"], path))
    return found


def answers(places: Mapping[str, Path], extractor: Extractor, shas: Collection[str]) -> dict[str, str]:
    """The answers to some texts, by text_sha; reads the parts of `places` (lie_in) that hold them, and no others."""
    found: dict[str, str] = {}
    for path in sorted({places[sha] for sha in shas if sha in places}):
        part = _part(path, extractor, ["text_sha", "answer"])
        found.update(part.filter(pl.col("text_sha").is_in(list(shas))).iter_rows())
    return found


def _part(path: Path, extractor: Extractor, columns: list[str]) -> pl.DataFrame:
    part = tables.read_table(path, ANSWERS, [*columns, "asked_with"])
    return part.filter(pl.col("asked_with") == extractor.sha).select(columns)


def _sha(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
