"""The warning signs of a round: what goes wrong when a model trains on its own traces, in numbers and words.

Each sign is a function of the rounds so far that returns what it saw and whether its threshold is crossed, or None
where it cannot be seen. Knows the facts of rounds; reads no file. `[run] stop_when` names signs that end a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mgrd.evaluate.intervals import paired
from mgrd.report.facts import MEASURES, Judged, Round, rates

LIMITS: dict[str, dict[str, float]] = {
    "template_collapse": {"diversity_lost": 0.5, "opening_share": 0.5, "least_texts": 50},
    "length_collapse": {"words_lost": 0.4, "least_traces": 30},
    "cue_stuffing": {"cues_gained": 0.25, "support_lost": 0.05},
    "text_surrogate": {"accuracy_gained": 0.02, "share_without_audio": 0.5},
    "easy_drift": {"share_from_easy": 0.6, "gained": 0.2},
    "few_questions": {"effective_share": 0.1},
    "standstill": {"least_questions": 30},
}
"""When a sign is a warning. Choices of ours, on the careful side: they ask for a look, they prove nothing."""

NEEDS = {
    "template_collapse": "50 texts",
    "length_collapse": "two rounds with 30 traces",
    "cue_stuffing": "two rounds with judged claims",
    "text_surrogate": "two evaluations with a control",
    "easy_drift": "survivors",
    "few_questions": "survivors",
    "standstill": "two rounds in a row measured on the same 30 questions",
}
"""What each sign cannot be seen without."""

GRAM = 4
OPENING = 6
"""Words."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign in one round."""

    name: str
    round: int
    warns: bool
    text: str
    """What was seen, with its threshold."""


def template_collapse(rounds: Sequence[Round]) -> tuple[bool, str] | None:
    """All think texts become one text: few distinct word sequences, or one opening for most."""
    limit = LIMITS["template_collapse"]
    told = [one.texts for one in _alike(rounds)]
    least = min((len(texts) for texts in (told[:1] + told[-1:])), default=0)
    if least < limit["least_texts"]:
        return None
    before, now = diversity(told[0][:least]), diversity(told[-1][:least])
    opening, share = _commonest_opening(told[-1][:least])
    lost = 1 - now / before if before else 0.0
    warns = lost >= limit["diversity_lost"] or share >= limit["opening_share"]
    return warns, (
        f"{now:.0%} of the {GRAM}-word sequences in {least} texts are distinct, {before:.0%} in the first round "
        f"(warns at a loss of {limit['diversity_lost']:.0%}); {share:.0%} begin with \u201c{opening}\u201d "
        f"(warns at {limit['opening_share']:.0%})"
    )


def length_collapse(rounds: Sequence[Round]) -> tuple[bool, str] | None:
    """Reasoning gets short, as it did in the paper without a reward for its form."""
    limit = LIMITS["length_collapse"]
    judged = _alike(rounds)
    if len(judged) < 2 or min(judged[0].sum("made"), judged[-1].sum("made")) < limit["least_traces"]:
        return None
    before, now = (one.measures["think_words"].value for one in (judged[0], judged[-1]))
    lost = 1 - now / before if before else 0.0
    return lost >= limit["words_lost"], (
        f"{now:.1f} words of reasoning a trace, {before:.1f} at first: {-lost:+z.0%} "
        f"(warns at {-limit['words_lost']:.0%})"
    )


def cue_stuffing(rounds: Sequence[Round]) -> tuple[bool, str] | None:
    """More cues are named, and a smaller share of them is borne out."""
    limit = LIMITS["cue_stuffing"]
    judged = _alike(rounds)
    if len(judged) < 2 or not (judged[0].sum("claims") and judged[-1].sum("claims")):
        return None
    (cues_before, held_before), (cues, held) = (
        (one.sum("claims") / one.sum("made"), one.sum("supported") / one.sum("claims"))
        for one in (judged[0], judged[-1])
    )
    warns = cues >= cues_before * (1 + limit["cues_gained"]) and held <= held_before - limit["support_lost"]
    return warns, (
        f"{cues:.2f} cues a trace, {cues_before:.2f} at first, of which {held:.0%} are supported, {held_before:.0%} at "
        f"first (warns at {limit['cues_gained']:+z.0%} cues together with {-limit['support_lost'] * 100:+z.0f} points)"
    )


def text_surrogate(rounds: Sequence[Round]) -> tuple[bool, str] | None:
    """Accuracy rises as much without the right audio: words are learnt, not hearing."""
    limit = LIMITS["text_surrogate"]
    heard = [one.metrics.get("eval") or {} for one in rounds]
    both = [one for one in heard if one.get("accuracy") is not None and one.get("controls")]
    if len(both) < 2 or both[-1] is not heard[-1]:
        return None
    gained = both[-1]["accuracy"] - both[0]["accuracy"]
    said, warns = [], False
    for name in sorted(both[0]["controls"].keys() & both[-1]["controls"].keys()):
        before, now = (one["controls"][name]["accuracy"] for one in (both[0], both[-1]))
        if before is None or now is None:
            continue
        said.append(f"{100 * (now - before):+z.1f} points with {name}")
        warns |= gained >= limit["accuracy_gained"] and now - before >= limit["share_without_audio"] * gained
    if not said:
        return None
    return warns, (
        f"accuracy {100 * gained:+z.1f} points with the audio, {', '.join(said)} (warns when at least "
        f"{limit['share_without_audio']:.0%} of a gain of {100 * limit['accuracy_gained']:.0f} points needs no audio)"
    )


def easy_drift(rounds: Sequence[Round]) -> tuple[bool, str] | None:
    """Survivors come from questions that the model solves every time: they teach little."""
    limit = LIMITS["easy_drift"]
    shares = [share for one in rounds if (share := _from_easy(one)) is not None]
    if _from_easy(rounds[-1]) is None:
        return None
    now, gained = shares[-1], shares[-1] - shares[0]
    warns = now >= limit["share_from_easy"] and (len(shares) == 1 or gained >= limit["gained"])
    before = f", {shares[0]:.0%} in the first round" if len(shares) > 1 else ""
    return warns, (
        f"{now:.0%} of the survivors are of questions whose samples all passed{before} (warns at "
        f"{limit['share_from_easy']:.0%} and {100 * limit['gained']:+z.0f} points)"
    )


def few_questions(rounds: Sequence[Round]) -> tuple[bool, str] | None:
    """A few questions give most survivors."""
    limit = LIMITS["few_questions"]
    last = rounds[-1]
    if last.own is None or last.selection is None or not last.selection.survivors:
        return None
    asked = last.own.rows.get_column("question_id").n_unique()
    effective = effective_number(list(last.selection.by_question.values()))
    return effective < limit["effective_share"] * asked, (
        f"{last.selection.survivors:,} survivors are worth {effective:.0f} questions of {asked:,} asked, were each to "
        f"give as many (warns below {limit['effective_share']:.0%})"
    )


def standstill(rounds: Sequence[Round]) -> tuple[bool, str] | None:
    """A round changed nothing that can be told from chance: its model is as right and as grounded as the one before."""
    alike = _alike(rounds[-2:])
    if len(alike) < 2:
        return None
    before, now = alike
    said, warns = [], True
    for name in ("accuracy", "fully_grounded"):
        found = paired(now.rows, before.rows, *MEASURES[name])
        if found is None or found["n_questions"] < LIMITS["standstill"]["least_questions"]:
            continue
        low, high = found["interval"]
        warns &= low <= 0 <= high
        said.append(
            f"{name.replace('_', ' ')} {100 * found['difference']:+z.1f} points ({100 * low:+z.1f} to "
            f"{100 * high:+z.1f}) on {found['n_questions']:,} questions"
        )
    if not said:
        return None
    return warns, f"{', '.join(said)} since the round before (warns when no 95 % interval is off 0)"


SIGNS: dict[str, Callable[[Sequence[Round]], tuple[bool, str] | None]] = {
    one.__name__: one
    for one in (
        template_collapse, length_collapse, cue_stuffing, text_surrogate, easy_drift, few_questions, standstill,
    )
}  # fmt: skip


def signs_of(rounds: Sequence[Round], names: Sequence[str] = tuple(SIGNS)) -> list[Sign]:
    """What can be seen in the last of some rounds of a run, in order."""
    found = []
    for name in names:
        seen = SIGNS[name](rounds)
        if seen is not None:
            found.append(Sign(name, rounds[-1].number or 0, *seen))
    return found


def diversity(texts: Sequence[str]) -> float:
    """Distinct sequences of GRAM words as a share of all, 0 to 1 (distinct-n: Li et al. 2016, arXiv 1510.03055)."""
    grams = [
        gram
        for words in (text.lower().split() for text in texts)
        for gram in zip(*(words[start:] for start in range(GRAM)), strict=False)
    ]
    return len(set(grams)) / len(grams) if grams else 0.0


def effective_number(counts: Sequence[int]) -> float:
    """How many equal parts are as concentrated as these: 1 / sum of squared shares (Simpson 1949, inverse)."""
    total = sum(counts)
    return total * total / sum(count * count for count in counts) if total else 0.0


def _commonest_opening(texts: Sequence[str]) -> tuple[str, float]:
    counts = Counter(" ".join(text.lower().split()[:OPENING]) for text in texts)
    opening, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return opening, count / len(texts)


def _alike(rounds: Sequence[Round]) -> list[Judged]:
    """Tables that may be compared, the last round's last: held-out ones, or where it has none the rounds' own."""
    held_out = rounds[-1].held_out is not None
    found = [one for one in (one.held_out if held_out else one.own for one in rounds) if one and one.sum("made")]
    return found if found and found[-1] is rounds[-1].best else []


def _from_easy(one: Round) -> float | None:
    """The share of survivors whose question had all its samples pass; None without survivors."""
    if one.own is None or one.selection is None or not one.selection.survivors:
        return None
    names = one.own.rows.get_column("question_id").unique().sort().to_list()
    easy = {name for name, (passed, all_) in zip(names, rates(one.own), strict=True) if passed == all_}
    return sum(count for name, count in one.selection.by_question.items() if name in easy) / one.selection.survivors
