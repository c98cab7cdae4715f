"""What models are asked about traces before the rules judge them: the claims of a text, blind answers, judgements.

A model is asked only for a check (or an extractor) that somebody switched on, all texts before the first trace is
judged; its answers are kept (mgrd.asking) and read anew for every trace. Knows nothing about audio, and no threshold:
what a verdict is worth is for its check under rules/ to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl

from mgrd import asking, engines, extractor, prompts, tables, verdicts
from mgrd.answered import Index
from mgrd.answers import is_correct, resolve
from mgrd.asking import Answered, Asking, Opened, text_sha
from mgrd.choices import key_of
from mgrd.engines.models import check_model_files
from mgrd.errors import InputError, MgrdError, MisusedError
from mgrd.numerals import as_number, with_digits
from mgrd.options import Filter
from mgrd.progress import Story
from mgrd.traces import split
from mgrd.verdicts import Verdict

EXTRACTED = "extracted/answers"
ASKED, VERDICTS = "asked/answers", "asked/verdicts"
"""Under the folder of a stage: what models answered as it came, and what it says of each trace."""

Row = Mapping[str, Any]
Frames = Callable[[], Iterator[pl.DataFrame]]


@dataclass(frozen=True, slots=True)
class Said:
    """What models said of the traces of one part."""

    extracted: dict[str, str | InputError] | None = None
    """What the extractor answered to each think text, by mgrd.asking.text_sha, or why it did not; None without one."""
    verdicts: dict[str, dict[str, Verdict]] | None = None
    """By trace and check; None when no model judges."""


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Panel:
    """The models that are asked."""

    extractor: Asking | None
    checks: dict[str, Asking]
    """What is asked for a check, by its name."""

    def __bool__(self) -> bool:
        return self.extractor is not None or bool(self.checks)

    @property
    def identity(self) -> dict[str, Any]:
        """All that their answers depend on, by name."""
        asked = [*([self.extractor] if self.extractor else []), *self.checks.values()]
        return {name: value for one in asked for name, value in one.identity.items()}


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked for one check."""

    option: Literal["blind", "judge"]
    instruction: str
    schema: dict[str, Any]
    text: Callable[[Row], str | None]
    """What follows the instruction for a trace; None for one that it is not asked of."""
    read: Callable[[Sequence[str]], Verdict]
    """The verdict of the answers, one a vote."""
    several: bool = False
    """Whether it is put to the model once for every vote."""


def _blind(row: Row) -> str | None:
    predicted = resolve(row["response"], row["choices"], row["answer"]).value
    if not row["think"] or predicted is None or not (row["choices"] or _is_number(predicted)):
        return None
    return prompts.asked(row["question"], row["choices"], reasoning=row["think"])


def _coherent(row: Row) -> str | None:
    if not row["think"] or not row["response"]:
        return None
    return prompts.asked(row["question"], row["choices"], reasoning=row["think"], answer_given=row["response"])


def _right(row: Row) -> str | None:
    if row["answer"] is None or row["choices"] or not row["response"]:
        return None
    predicted = resolve(row["response"], None, row["answer"]).value
    if is_correct(predicted, row["answer"], None):
        return None
    if predicted is not None and _is_number(predicted) and _is_number(row["answer"]):
        return None
    return prompts.asked(row["question"], None, answer_given=row["response"], right_answer=row["answer"])


def _is_number(text: str) -> bool:
    return as_number(with_digits(key_of(text))) is not None


QUESTIONS: Mapping[str, _Question] = {
    "leads_to_its_answer": _Question("blind", prompts.BLIND, verdicts.BLIND, _blind, verdicts.blind),
    "judged_coherent": _Question(
        "judge", prompts.COHERENT, verdicts.COHERENT, _coherent, verdicts.coherent, several=True
    ),
    "judged_right": _Question("judge", prompts.RIGHT, verdicts.RIGHT, _right, verdicts.right),
}
"""By the check that reads the verdict."""


def chosen(options: Filter, checks: Collection[str]) -> Panel:
    """The models that the options name, each asked what `checks` (names) need.

    Raises MisusedError for a model that no check needs, InputError when there is no such model.
    """
    engines.check_server(options.judge_engine, options.judge_url, "--judge-")
    asked: dict[str, Asking] = {}
    for option in ("blind", "judge"):
        if (given := getattr(options, option)) is None:
            continue
        needed = [name for name, question in QUESTIONS.items() if question.option == option]
        wanted = [name for name in needed if name in checks]
        if not wanted:
            raise MisusedError(f"--{option} {given}: asks for {' and '.join(needed)}, and nothing else; both left out")
        asked |= {name: _asking(name, given, options) for name in wanted}
    return Panel(extractor.chosen(options), asked)


def _asking(name: str, model: str, options: Filter) -> Asking:
    if options.judge_engine != "server":
        check_model_files(Path(model))
    question = QUESTIONS[name]
    return Asking(
        name=name,
        flag=f"--{question.option}",
        tokens_flag="--judge-tokens",
        model=model if options.judge_engine == "server" else Path(model),
        fingerprint=engines.model_identity(options.judge_engine, model),
        instruction=question.instruction,
        tokens=options.judge_tokens,
        votes=options.judge_votes if question.several else 1,
        schema=question.schema,
        engine=options.judge_engine,
        url=options.judge_url,
    )


def consult(frames: Frames, out: Path, panel: Panel, story: Story) -> Callable[[Sequence[pl.DataFrame]], list[Said]]:
    """Have everything answered that the traces of `frames` need; what reads it back, some parts at a time.

    `frames` is called several times. A trace that a model does not answer about, or in no usable form, is left
    undecided by it: its Verdict, or what stands in the place of its lines, says why. Raises Stopped with every finished
    answer kept, and MgrdError when a model has never answered at all, or never so that it can be used.
    """
    made: dict[str, Answered] = {}
    by_model = sorted(panel.checks.items(), key=lambda item: str(item[1].model))  # each model is loaded once
    with Opened() as opened:
        if panel.extractor:
            made["extractor"] = asking.ask(lambda: _thinks(frames()), out / EXTRACTED, panel.extractor, story, opened)
            asking.check_answers(panel.extractor.flag, panel.extractor.model, [made["extractor"]], story)
        for name, one in by_model:
            texts = _texts_of(frames, QUESTIONS[name])
            made[name] = asking.ask(texts, out / ASKED, one, story, opened)
    failed = {name: one.failed for name, one in made.items()}
    places = {name: asking.lie_in(out / ASKED, one) for name, one in panel.checks.items()}
    for asked in _by_flag(panel):
        flag, model = next((one.flag, one.model) for one in asked.values())
        asking.check_answers(flag, model, [made[name] for name in asked], story)
        _check_forms(frames, out, asked, places, failed, story)
    thinks = asking.lie_in(out / EXTRACTED, panel.extractor) if panel.extractor else None

    def said(some: Sequence[pl.DataFrame]) -> list[Said]:
        lists = _lists(some, panel.extractor, thinks, failed.get("extractor", {}))
        judged: list[dict[str, dict[str, Verdict]]] = [{} for _ in some]
        for name, one in panel.checks.items():
            for told, found in zip(judged, _verdicts(some, name, one, places[name], failed[name]), strict=True):
                for trace_id, verdict in found.items():
                    told.setdefault(trace_id, {})[name] = verdict
        pairs = zip(lists, judged, strict=True)
        return [Said(listed, told if panel.checks else None) for listed, told in pairs]

    return said


def _by_flag(panel: Panel) -> list[dict[str, Asking]]:
    """The checks of each model: one that answers for one of them is a model that answers."""
    flags = dict.fromkeys(one.flag for one in panel.checks.values())
    return [{name: one for name, one in panel.checks.items() if one.flag == flag} for flag in flags]


def _check_forms(
    frames: Frames,
    out: Path,
    asked: Mapping[str, Asking],
    places: Mapping[str, Index],
    failed: Mapping[str, Mapping[str, str]],
    story: Story,
) -> None:
    """Tell how many texts a model answered in no usable form; MgrdError when it never once kept to it, ever.

    Else every trace would be objected to for what is no fault of the trace.
    """
    wrong: Counter[str] = Counter()
    answered = 0
    for name, one in asked.items():
        unanswered = {*failed[name].values(), "no answer"}
        for frame in frames():
            (told,) = _verdicts([frame], name, one, places[name], failed[name])
            given = [verdict.why for verdict in told.values() if verdict.why not in unanswered]
            answered += len(given)
            wrong.update(filter(None, given))
    if not wrong:
        return
    reasons = ", ".join(f"{why} {n:,}" for why, n in wrong.most_common(3)) if len(wrong) > 1 else next(iter(wrong))
    told_of = f"the model answered {wrong.total():,} of {answered:,} texts in no usable form ({reasons})"
    kept = (
        isinstance(verdicts.fitting(answer, QUESTIONS[name].schema), dict)
        for name, one in asked.items()
        for answer in asking.every(out / ASKED, one)
    )
    flag, model = next((one.flag, one.model) for one in asked.values())
    if wrong.total() == answered and not any(kept):
        raise MgrdError(f"{flag} {model}: {told_of}; give a model that follows instructions")
    story.note(f"{flag}: {told_of}")


def _lists(
    some: Sequence[pl.DataFrame], one: Asking | None, places: Index | None, failed: Mapping[str, str]
) -> list[dict[str, str | InputError] | None]:
    if one is None or places is None:
        return [None for _ in some]
    shas = [{text_sha(think) for think in _thinks(iter([frame]))} for frame in some]
    found: dict[str, str | InputError] = dict(asking.answers(places, one, set().union(*shas)))
    found |= {sha: InputError(why) for sha, why in failed.items()}
    return [{sha: found[sha] for sha in mine & found.keys()} for mine in shas]


def _verdicts(
    some: Sequence[pl.DataFrame], name: str, one: Asking, places: Index, failed: Mapping[str, str]
) -> list[dict[str, Verdict]]:
    texts = [dict(_texts(frame, QUESTIONS[name])) for frame in some]
    shas = [{trace_id: text_sha(text) for trace_id, text in told.items()} for told in texts]
    wanted = {vote for mine in shas for sha in mine.values() for vote in asking.votes(sha, one)}
    answers = asking.answers(places, one, wanted)

    def verdict(sha: str) -> Verdict:
        names = asking.votes(sha, one)
        if not any(vote in answers for vote in names):
            return Verdict(why=failed.get(names[0], "no answer"))
        return QUESTIONS[name].read([answers.get(vote, "") for vote in names])

    return [{trace_id: verdict(sha) for trace_id, sha in mine.items()} for mine in shas]


def _texts_of(frames: Frames, question: _Question) -> Callable[[], Iterator[str]]:
    return lambda: (text for frame in frames() for text in _texts_alone(frame, question))


def _texts_alone(frame: pl.DataFrame, question: _Question) -> Iterator[str]:
    return (text for _, text in _texts(frame, question))


def _texts(frame: pl.DataFrame, question: _Question) -> Iterator[tuple[str, str]]:
    """What is asked of the traces of a part, by trace."""
    for row in tables.rows_of(frame.filter(pl.col("error").is_null())):
        think, response = split(row["completion"] or "")
        if (text := question.text(row | {"think": think, "response": response})) is not None:
            yield row["trace_id"], text


def _thinks(frames: Iterator[pl.DataFrame]) -> Iterator[str]:
    """The texts of parts that say anything, in order."""
    for frame in frames:
        made = frame.filter(pl.col("error").is_null())["completion"].to_list()
        yield from filter(None, (split(completion or "")[0] for completion in made))


def keep(said: Said, out: Path, name: str) -> None:
    """Write down what models judged of a part, one row a trace and check."""
    if said.verdicts is not None:
        rows = [
            {"trace_id": trace_id, "check": check, **asdict(verdict)}
            for trace_id, told in said.verdicts.items()
            for check, verdict in told.items()
        ]
        tables.write_table(rows, out / VERDICTS / name, tables.VERDICTS)


def lacking(parts: Iterable[tuple[str, pl.DataFrame]], out: Path, panel: Panel) -> set[str]:
    """The names of the parts with a text that a model has not answered, or not as often as it is asked.

    Those that `--recheck` judges again, since what was not answered is asked again then.
    """
    wanted: list[tuple[Asking, Index, Callable[[pl.DataFrame], Iterator[str]]]] = []
    if one := panel.extractor:
        wanted.append((one, asking.lie_in(out / EXTRACTED, one), lambda frame: _thinks(iter([frame]))))
    for name, one in panel.checks.items():
        texts = partial(_texts_alone, question=QUESTIONS[name])
        wanted.append((one, asking.lie_in(out / ASKED, one), texts))
    return {
        name
        for name, frame in parts
        if any(
            len(places.lacking(vote for text in texts(frame) for vote in asking.votes(text_sha(text), one)))
            for one, places, texts in wanted
        )
    }


def counts(judged: Path, out: Path) -> dict[str, dict[str, Any]]:
    """By check over all judged parts: how many verdicts models gave, and how often they gave none, by reason."""
    found: dict[str, Counter[str]] = {}
    for path in tables.parts(judged):
        rows = tables.read_table(out / VERDICTS / path.name, tables.VERDICTS, ["check", "why"])
        for check, why in rows.iter_rows():
            found.setdefault(check, Counter())[why or ""] += 1
    return {check: {"verdicts": n.pop("", 0), "none": dict(sorted(n.items()))} for check, n in sorted(found.items())}
