"""Put texts to a model once each, and keep its answers as they came.

An answer is kept by the hash of the text, beside what it was asked with; what it says is read anew whenever it is
wanted, by whoever asked. Knows nothing about traces, rules or audio: a model that is asked here gets text alone.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mgrd import engines, tables
from mgrd.answered import Index, index
from mgrd.engines import Engine, Request, Sampling
from mgrd.errors import MgrdError, Stopped
from mgrd.progress import Story, stop

ANSWERS: dict[str, pl.DataType] = {
    "text_sha": pl.String(),
    "asked_with": pl.String(),
    "answer": pl.String(),
    "finish_reason": pl.String(),
    "completion_tokens": pl.Int32(),
}

VOTE_TEMPERATURE = 0.7
"""Of a text that is asked several times, so that its answers can differ; one that is asked once is asked at 0."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A question that a model is asked of many texts, and all that its answers depend on."""

    name: str
    """Of what is asked; begins the names of its settings."""
    flag: str
    """The option that named the model."""
    tokens_flag: str
    model: Path | str
    """A folder, or the name of a server's."""
    fingerprint: str
    """Of the model's files (engines.model_identity)."""
    instruction: str
    """What stands before every text."""
    tokens: int
    """Longest answer."""
    votes: int = 1
    """How often each text is asked."""
    schema: Mapping[str, Any] | None = None
    """JSON schema that an engine holds the answers to, where it can."""
    engine: str | None = None
    """How it runs; no part of what the answers are."""
    url: str | None = None
    """Where, when it is a server's."""

    @property
    def identity(self) -> dict[str, Any]:
        """What makes its answers what they are, by name; the same wherever the model lies."""
        return {f"{self.name}_{name}": value for name, value in (self._each | {"votes": self.votes}).items()}

    @property
    def sha(self) -> str:
        """What each single answer rests on, as one word: with more votes the first ones are still good."""
        return text_sha(json.dumps([self.name, self._each], sort_keys=True))

    @property
    def temperature(self) -> float:
        """Zero, but for a text that is asked several times."""
        return VOTE_TEMPERATURE if self.votes > 1 else 0.0

    @property
    def _each(self) -> dict[str, Any]:
        return {
            "tokens": self.tokens,
            "fingerprint": self.fingerprint,
            "prompt": text_sha(self.instruction + json.dumps(self.schema)),
            "temperature": self.temperature,
        }


class Opened:
    """The one engine that is open: asked twice for the same model it loads it once. `with Opened() as opened`."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._of: tuple[str, Path | str, str | None] | None = None

    def engine(self, asking: Asking) -> Engine:
        """The engine of `asking`; closes another one first, because two models may not fit."""
        wanted = (asking.engine or engines.default_engine(), asking.model, asking.url)
        if self._engine is None or self._of != wanted:
            self._close()
            settings: dict[str, Any] = {"hears": False} if asking.url is None else {"url": asking.url}
            self._engine, self._of = engines.open_engine(*wanted[:2], **settings), wanted
        return self._engine

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def text_sha(text: str) -> str:
    """The name under which the answer to a text is kept."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def vote(sha: str, number: int) -> str:
    """The name under which the answer to a text is kept that was given at the `number`th time of asking, from 0."""
    return f"{sha}-{number}" if number else sha


def votes(sha: str, asking: Asking) -> list[str]:
    """The names of all answers to a text."""
    return [vote(sha, number) for number in range(asking.votes)]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of putting texts to a model."""

    there: int
    """How many answers are kept by now, those of earlier calls included."""
    failed: dict[str, str]
    """Why there is no answer, by `vote`."""


def ask(texts: Callable[[], Iterator[str]], folder: Path, asking: Asking, story: Story, opened: Opened) -> Answered:
    """Put the texts that have no answer in `folder` to the model: each once, or `asking.votes` times.

    `texts` is called twice. A text that is not answered is asked again the next time; what that means for a trace is
    the caller's, and `check_answers` tells a model that never answers. Raises Stopped with every finished answer kept.
    """
    known = lie_in(folder, asking)
    wanted = known.lacking(name for text in texts() for name in votes(text_sha(text), asking))
    if not len(wanted):
        return Answered(len(known), {})
    story.note(f"{len(wanted):,} texts to put to {asking.model}, {len(known):,} are answered already")

    def requests() -> Iterator[Request]:
        for text in texts():
            if stop:
                return
            sha = text_sha(text)
            mine = [number for number, name in enumerate(votes(sha, asking)) if wanted.take(name)]
            if mine:
                seeds = {number: number for number in mine}
                yield Request(sha, asking.instruction + text, clips=[], clip_ids=[], seeds=seeds)

    failed: dict[str, str] = {}
    engine = opened.engine(asking)
    sampling = Sampling(temperature=asking.temperature, max_tokens=asking.tokens, schema=asking.schema)
    with story.steps(f"Asking for {asking.name}", len(wanted), "texts") as done, tables.Parts(folder, ANSWERS) as kept:
        for one in engine.sample(requests(), sampling):
            if one.finish_reason in ("stop", "length"):
                name = vote(one.key, one.sample)
                answer = name, asking.sha, one.text, one.finish_reason, one.completion_tokens
                kept.add(dict(zip(ANSWERS, answer, strict=True)))
            else:
                reason = " ".join((one.error or one.finish_reason).split()).removeprefix(f"{one.key}: ")
                failed[vote(one.key, one.sample)] = reason.replace("--max-tokens", asking.tokens_flag)
            done(1)
    if stop:
        raise Stopped(f"stopped by {stop.signal_name}; the answers are saved, the same command goes on")
    return Answered(len(known) + len(wanted) - len(failed), failed)


def check_answers(flag: str, model: Path | str, made: Sequence[Answered], story: Story) -> None:
    """Tell how many texts a model did not answer, of all that it was asked, and why; MgrdError when it never has."""
    reasons = Counter(why for one in made for why in one.failed.values())
    if not reasons:
        return
    named = ", ".join(f"{why}: {n:,}" for why, n in reasons.most_common(3))
    if not any(one.there for one in made):
        raise MgrdError(f"{model}: none of {reasons.total():,} texts was answered ({named}); give another {flag}")
    story.note(f"{flag}: {reasons.total():,} texts were not answered ({named}); --recheck asks for them again")


def lie_in(folder: Path, asking: Asking) -> Index:
    """In which part of `folder` each answer lies, by the name that it is kept under."""
    return index((path, _part(path, asking, ["text_sha"])["text_sha"]) for path in tables.parts(folder))


def answers(places: Index, asking: Asking, names: Collection[str]) -> dict[str, str]:
    """Some answers by name; reads the parts of `places` (lie_in) that hold them, and no others."""
    found: dict[str, str] = {}
    for path in places.paths_of(names):
        part = _part(path, asking, ["text_sha", "answer"])
        found.update(part.filter(pl.col("text_sha").is_in(list(names))).iter_rows())
    return found


def every(folder: Path, asking: Asking) -> Iterator[str]:
    """Every answer that is kept to what is asked, a part at a time."""
    for path in tables.parts(folder):
        yield from _part(path, asking, ["answer"])["answer"]


def _part(path: Path, asking: Asking, columns: list[str]) -> pl.DataFrame:
    part = tables.read_table(path, ANSWERS, [*columns, "asked_with"])
    return part.filter(pl.col("asked_with") == asking.sha).select(columns)
