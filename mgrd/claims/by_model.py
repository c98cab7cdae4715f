"""A model's list of what a text asserts about its sound, read line by line and checked against the text.

The model finds words and names what they say; nothing that it writes is a verdict. A line counts only when its quote
stands in the text to the letter and every field is one of a few known values; any other line is counted by what is
wrong with it. Knows no engine and no file. It cannot know whether the model named rightly what a quote says.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from mgrd.claims import Claim, Modality
from mgrd.claims.scene import ORDINALS, PLACES, Kind
from mgrd.claims.vocabulary import load, terms, tokenize
from mgrd.traces import blocks, split


@dataclass(frozen=True, slots=True)
class Cue:
    """What a claim of one cue may say: one of some words, or a number in one of some units."""

    kind: Kind
    words: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


_COURSE = ("rising", "falling", "steady")

CUES: Mapping[str, Cue] = {
    "pitch.level": Cue("level", ("low", "middle", "high")),
    "pitch.value": Cue("value", (), ("Hz",)),
    "pitch.contour": Cue("trend", _COURSE, ("st",)),
    "pitch.range": Cue("level", ("narrow", "wide"), ("Hz",)),
    "loudness.level": Cue("level", ("quiet", "moderate", "loud"), ("dB", "dBFS", "LUFS")),
    "loudness.trend": Cue("trend", _COURSE),
    "loudness.range": Cue("level", ("narrow", "wide")),
    "rate.level": Cue("level", ("slow", "moderate", "fast", *_COURSE)),
    "rate.value": Cue("value", (), ("syl/s", "wpm")),
    "pause.presence": Cue("presence", ("present",)),
    "pause.duration": Cue("level", ("short", "long"), ("s",)),
    "tempo.level": Cue("level", ("slow", "moderate", "fast", "rising", "falling")),
    "tempo.value": Cue("value", (), ("BPM",)),
    "rhythm.regularity": Cue("level", ("regular", "irregular")),
    "timbre.brightness": Cue("level", ("dark", "bright"), ("Hz",)),
    "voice.quality": Cue("presence"),
    "voice.sex": Cue("presence", ("male", "female", "child")),
    "space.reverb": Cue("level", ("dry", "wet"), ("s",)),
    "noise.level": Cue("level", ("clean", "noisy"), ("dB",)),
    "music.key": Cue("level"),
    "music.mode": Cue("level", ("major", "minor")),
    "time.duration": Cue("level", ("short", "long"), ("s",)),
    "time.position": Cue("value", (), ("s",)),
    "event.count": Cue("count", (), ("tones", "others")),
    "event.order": Cue("comparison", ("order",)),
    "source.presence": Cue("presence", ("present",)),
}
"""DESIGN, section 5. `voice.quality` says the word of the quote, `music.key` the name of a key."""

_NUMBERS = ("value", "at_least", "at_most")
"""What a number can be: itself, or a bound."""

_TWO = "first_vs_second"
SCOPES = frozenset({"whole", *PLACES, *ORDINALS, _TWO})
MODALITIES = frozenset(get_args(Modality)) - {"presupposed"}

_SCALED = {"kHz": ("Hz", 1000.0), "ms": ("s", 0.001), "min": ("s", 60.0)}
_COUNTED = {"tones": "events", "others": "others"}
"""A unit of a count as mgrd.claims.numbers knows it: only bare tones are counted by a measurement."""

_COMPARED = ("pitch.level", "loudness.level", "rate.level", "time.duration")
"""What `the second is higher` can be said of; `asserts` is then the one that has more."""

_KEY_NAME = re.compile(r"[A-G](?: ?(?:#|♯|♭|b|sharp|flat))? (?:major|minor)")

QUOTE_CHARACTERS = 200
LINES = 500
"""Longer quotes are no phrases, and no text makes more claims: bounds on the time that an answer takes."""

ADDED, KNOWN = "added", "the rules found it"


def extraction(think: str, found: Sequence[Claim], answer: str) -> tuple[list[Claim], Counter[str]]:
    """The claims `found` by the rules, with those of a model's `answer` that overlap none of the same cue, in order.

    Also how many lines of the answer were added, and how many were dropped by each reason.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    for claim in found:
        spans.setdefault(claim.cue, []).append((claim.start, claim.end))
    outcomes: Counter[str] = Counter()
    added: list[Claim] = []
    for line in lines(think, answer):
        if isinstance(line, str):
            outcomes[line] += 1
        elif any(start < line.end and line.start < end for start, end in spans.get(line.cue, ())):
            outcomes[KNOWN] += 1
        else:
            outcomes[ADDED] += 1
            added.append(line)
    return sorted([*found, *added], key=lambda one: (one.start, one.end, one.cue, one.asserts)), outcomes


def lines(think: str, answer: str) -> Iterator[Claim | str]:
    """Every line of a model's answer in its order: the claim that it makes of `think`, or why it makes none.

    A quote stands for its first place in the text that no line before it has taken for the same cue.
    """
    taken: dict[str, list[tuple[int, int]]] = {}
    for count, entry in enumerate(_objects(answer)):
        if count >= LINES:
            yield f"beyond {LINES} lines"
        elif isinstance(entry, str):
            yield entry
        else:
            yield _claim(think, entry, taken)


_FENCE = re.compile(r"[`~]{3,}\w*|[\[\],]+")
"""Lines of Markdown or of a JSON array that hold no object."""


def _objects(answer: str) -> Iterator[dict[str, Any] | str]:
    """The JSON objects of an answer after its thinking, each on a line or on several; a line that is none, by name."""
    text = split(answer)[1] if blocks(answer) != (0, 0) else answer
    decoder = json.JSONDecoder()
    at, attempts = 0, 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        opens = text.find("{", at, end)
        if opens < 0:
            if (line := text[at:end].strip()) and not _FENCE.fullmatch(line):
                yield "no JSON"
            at = end + 1
            continue
        attempts += 1
        try:
            # a broken object is read to its end before it is known to be broken, so only so many are tried
            entry, at = decoder.raw_decode(text, opens) if attempts <= 2 * LINES else (None, end + 1)
        except (ValueError, RecursionError):
            entry, at = None, end + 1
        if entry is not None and (after := _FENCE.match(text, at)):
            at = after.end()
        yield "no JSON" if entry is None else entry


def _claim(think: str, entry: Mapping[str, Any], taken: dict[str, list[tuple[int, int]]]) -> Claim | str:
    """The claim of one object, or the first thing that is wrong with it; notes in `taken` where the quote stands."""
    quote, cue, modality, scope = (entry.get(name) for name in ("quote", "cue", "modality", "scope"))
    if not isinstance(quote, str) or not quote.strip():
        return "no quote"
    if len(quote) > QUOTE_CHARACTERS:
        return "quote too long"
    if not isinstance(cue, str) or cue not in CUES:
        return "unknown cue"
    if not isinstance(modality, str) or modality not in MODALITIES:
        return "unknown modality"
    if not isinstance(entry.get("negated"), bool):
        return "negated is neither true nor false"
    if not isinstance(scope, str) or scope not in SCOPES:
        return "unknown scope"
    said = _said(quote, cue, scope, entry.get("asserts"), entry.get("value"), entry.get("unit"))
    if isinstance(said, str):
        return said
    span = _place(think, quote.strip(), taken.setdefault(cue, []))
    if isinstance(span, str):
        return span
    start, end = span
    fields = {"scope": scope, "claimed": said["asserts"], "text": think[start:end]}
    polarity = -1 if entry["negated"] else 1
    return Claim(start=start, end=end, cue=cue, polarity=polarity, modality=cast(Modality, modality), **(fields | said))


def _said(quote: str, cue: str, scope: str, asserts: Any, value: Any, unit: Any) -> dict[str, Any] | str:
    """What is claimed, as fields of a Claim, or why it is none of what the cue can say."""
    known = CUES[cue]
    if not isinstance(asserts, str):
        return "unknown value"
    if scope == _TWO:
        if cue not in _COMPARED or asserts not in ("first", "second") or value is not None:
            return "unknown value"
        return {"kind": "comparison", "asserts": asserts, "claimed": f"the {asserts} has more"}
    if value is not None or asserts in _NUMBERS:
        return _number(quote, cue, asserts, value, unit) if asserts in _NUMBERS else "unknown value"
    if cue == "voice.quality":
        word = asserts.strip().lower()
        return {"kind": known.kind, "asserts": word} if word and word in quote.lower() else "unknown value"
    if cue == "music.key":
        return {"kind": known.kind, "asserts": asserts} if _KEY_NAME.fullmatch(asserts) else "unknown value"
    if asserts not in known.words:
        return "unknown value"
    if cue == "source.presence":
        return {"kind": known.kind, "asserts": asserts, "claimed": quote.strip().lower()}
    moves = cue in ("rate.level", "tempo.level") and asserts in ("rising", "falling")
    return {"kind": "trend" if moves else known.kind, "asserts": asserts}


def _number(quote: str, cue: str, asserts: str, value: Any, unit: Any) -> dict[str, Any] | str:
    """A number that the quote itself holds, with its unit."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:  # also NaN
        return "value is no number"
    name, factor = _SCALED.get(unit, (unit, 1.0)) if isinstance(unit, str) else (None, 1.0)
    if name not in CUES[cue].units:
        return "unknown unit"
    if not any(math.isclose(abs(value), one) for one in _numbers(quote)):
        return "value not in the quote"
    scaled = value * factor
    bound = {"value": "", "at_least": "at least ", "at_most": "at most "}[asserts]
    said: dict[str, Any] = {"kind": "value", "asserts": asserts, "claimed_value": float(scaled), "unit": name}
    if cue == "event.count":
        if value != int(value) or value < 0:
            return "value is no number"
        shown = bound + f"{value:g} {name}"
        counted = str(int(value)) if asserts == "value" else asserts
        return said | {"kind": "count", "asserts": counted, "claimed": shown, "unit": _COUNTED[str(name)]}
    if cue == "time.position":
        at = {"scope": "span", "t0_s": float(scaled), "t1_s": float(scaled), "claimed": f"at {scaled:g} s"}
        return said | at if asserts != "at_least" else "unknown value"
    return said | {"claimed": (bound or "about ") + f"{scaled:g} {name}"}


def _numbers(quote: str) -> list[float]:
    """The numbers of a quote, in digits, as minutes and seconds, or in words."""
    words, _, _ = tokenize(quote)
    found = [term.entry.number for term in terms(words, load().sound) if term.entry.number is not None]
    for word in words:
        if word[0].isascii() and word[0].isdigit():
            minutes, _, seconds = word.replace(",", "").rpartition(":")
            found.append(float(minutes or 0) * 60 + float(seconds))
    return found


def _place(think: str, quote: str, taken: list[tuple[int, int]]) -> tuple[int, int] | str:
    """The first place of a quote, as whole words, that overlaps none that is taken; `taken` is in order and grows."""
    before = r"(?<![^\W_\u3400-\u9fff])" if _in_a_word(quote[0]) else ""
    after = r"(?![^\W_\u3400-\u9fff])" if _in_a_word(quote[-1]) else ""
    pattern, at, stands = re.compile(before + re.escape(quote) + after), 0, False
    while (match := pattern.search(think, at)) is not None:
        stands = True
        k = bisect_left(taken, match.end(), key=lambda span: span[0]) - 1
        if k < 0 or taken[k][1] <= match.start():
            taken.insert(k + 1, match.span())
            return match.span()
        at = taken[k][1]
    return "said twice" if stands else "quote not in the text"


def _in_a_word(character: str) -> bool:
    """Whether a quote that ends here must end with a word; Chinese puts no space between words."""
    return character.isalnum() and not "\u3400" <= character <= "\u9fff"
