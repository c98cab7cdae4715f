"""The independent scorer: do the acoustic claims of a think text hold against what the clip generator did?

Written for the language of the quickstart's model (examples/quickstart/texts.py), with a parser of its own: it shares
no code with mgrd's claims, audio or rules, and mgrd never sees a truth row. It is narrow on purpose: on other models'
texts it finds little.

What counts as a claim: a frequency, a speaking rate, a number of beeps, a word for pitch, pace or level, the
direction of a glide, which of two tones is higher. What does not: quoted words, and clauses that only announce the
answer ("so the answer is high"). A claim about something that the clip does not have (a voice in a clip of beeps) is
false. A number without a unit, or a unit without a number, is garbled; such a text is never fully grounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VOICE_SEMITONES = 3.0
"""A voice moves by several semitones within a sentence; the low and the high voices are 10 apart."""
TONE_SEMITONES = 2.0
"""A tone stands still, but the texts round to 20 Hz (1.6 semitones at 210 Hz); two tones are at least 3 apart."""
RATE_SHARE, RATE_FLOOR = 0.30, 1.0
"""Texts round to whole syllables per second, and counts of syllables differ by some 20 % between listeners."""

NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
WORDS = {
    "low": "pitch",
    "deep": "pitch",
    "high": "pitch",
    "slow": "rate",
    "slowly": "rate",
    "fast": "rate",
    "loud": "level",
    "quiet": "level",
    "soft": "level",
}
SAME_AS = {"deep": "low", "slowly": "slow", "soft": "quiet"}
SUBJECTS = {
    "pitch": r"voice|pitch|hz",
    "rate": r"pace|rate|talks|syllables",
    "level": r"level|volume|recording|loudness",
}
OTHER_CUE = {
    ("rate", "low"): "slow",
    ("rate", "high"): "fast",
    ("level", "low"): "quiet",
    ("level", "high"): "loud",
}
"""A low level is a quiet one: what low and high mean of something other than a voice."""

ANSWER = re.compile(
    r"\b(?:(?:so|therefore|and)?\s*(?:the answer is|i choose|i would say|i will say|i can only guess)"
    r"|i assume the answer is|which makes the answer|usually expect|therefore \w+ fits"
    r"|so the mood is|so the speaker sounds|which together suggests)\b"
    r"[^.,]*"
)
QUOTE = re.compile(r'"[^"]*"?')
HZ = re.compile(r"(\d+(?:\.\d+)?)(?= hz\b| to (?:about |around )?\d+ hz\b)")
RATE = re.compile(r"(\d+(?:\.\d+)?) syllables per second\b")
BEEPS = re.compile(
    r"\b(one|two|three|four|five|six|\d) (?:(?:short|separate|clear|equal) )*(?:beeps?\b|times\b|in total\b)"
    r"|\bi count (one|two|three|four|five|six|\d)\b"
)
HIGHER = re.compile(r"\b(first|second)(?: tone| sound| one)? is (?:the )?(higher|lower)\b")
DIRECTION = re.compile(r"\b(?:(rises|rising|upwards?|goes up)|(falls|falling|downwards?|goes down))\b")
PLACE = re.compile(r"\b(?:(first|one tone|starts?|begins?|from)|(second|another|ends?|to))\b")


@dataclass(frozen=True)
class Claim:
    """Something a text says about its clip, and whether that is so."""

    about: str
    text: str
    true: bool


def near(claimed_hz: float, hz: float | None, semitones: float) -> bool:
    """Whether two frequencies lie within that many semitones; false if the clip has none."""
    return bool(hz) and claimed_hz > 0 and abs(12 * math.log2(claimed_hz / hz)) <= semitones  # type: ignore[operator]


def frequencies(text: str, truth: Mapping[str, Any]) -> Iterator[Claim]:
    """Every frequency, against the voice, the beep, or the end of the pair or glide that the words before it name."""
    for count, found in enumerate(HZ.finditer(text)):
        claimed = float(found[1])
        if truth["kind"] == "speech":
            yield Claim("f0", found[0], near(claimed, truth["f0_hz"], VOICE_SEMITONES))
        elif truth["kind"] == "beeps":
            yield Claim("tone", found[0], near(claimed, truth["f1_hz"], TONE_SEMITONES))
        else:
            places = list(PLACE.finditer(text, 0, found.start()))
            later = bool(places[-1][2]) if places else count % 2 == 1
            yield Claim("tone", found[0], near(claimed, truth["f2_hz" if later else "f1_hz"], TONE_SEMITONES))


def words(text: str, truth: Mapping[str, Any]) -> Iterator[Claim]:
    """Words for the pitch and pace of a voice, and for the level of any clip."""
    subject = "pitch"
    for clause in re.split(r"[.,;]| and ", text):
        named = [cue for cue, nouns in SUBJECTS.items() if re.search(rf"\b(?:{nouns})\b", clause)]
        subject = named[-1] if named else subject
        for found in re.finditer(rf"\b(?:{'|'.join(WORDS)})\b", clause):
            word = SAME_AS.get(found[0], found[0])
            cue = WORDS[found[0]]
            if (subject, word) in OTHER_CUE:
                cue, word = subject, OTHER_CUE[subject, word]
            yield Claim(cue, clause.strip(), truth.get(cue) == word)


def events(text: str, truth: Mapping[str, Any]) -> Iterator[Claim]:
    """Speaking rates, numbers of beeps, directions and comparisons of tones."""
    for found in RATE.finditer(text):
        rate = truth.get("syllables_per_s")
        true = rate is not None and abs(float(found[1]) - rate) <= max(RATE_FLOOR, RATE_SHARE * rate)
        yield Claim("rate", found[0], true)
    for found in BEEPS.finditer(text):
        said = found[1] or found[2]
        yield Claim("count", found[0], (int(said) if said.isdigit() else NUMBERS[said]) == truth.get("beeps"))
    moves_up = truth["f2_hz"] > truth["f1_hz"] if "f2_hz" in truth else None
    for found in HIGHER.finditer(text):
        says_up = (found[1] == "second") == (found[2] == "higher")
        yield Claim("order", found[0], truth["kind"] == "pair" and says_up == moves_up)
    for found in DIRECTION.finditer(text):
        yield Claim("direction", found[0], truth["kind"] == "glide" and bool(found[1]) == moves_up)


def spoken_of(think: str) -> str:
    """The text in lower case, without quotations and without clauses that only announce the answer."""
    return ANSWER.sub(" ", QUOTE.sub(" ", " ".join(think.lower().split())))


def claims(think: str, truth: Mapping[str, Any]) -> list[Claim]:
    """Every claim that the parser finds."""
    text = spoken_of(think)
    return [*frequencies(text, truth), *words(text, truth), *events(text, truth)]


def garbled(think: str) -> bool:
    """Whether a number lacks its unit or a unit its number."""
    text = spoken_of(think)
    rates = len(RATE.findall(text))
    numbers, units = len(re.findall(r"\d+(?:\.\d+)?", text)), len(re.findall(r"\bhz\b|\bsyllables?\b", text))
    return numbers != len(HZ.findall(text)) + rates or units != len(re.findall(r"\d hz\b", text)) + rates


def score(think: str, truth_row: Mapping[str, Any]) -> dict[str, Any]:
    """Count a text's claims; fully grounded means at least one, all of them true, and nothing garbled."""
    found = claims(think, truth_row)
    true = sum(claim.true for claim in found)
    return {
        "cited": bool(found),
        "claims": len(found),
        "true": true,
        "fully_grounded": bool(found) and true == len(found) and not garbled(think),
    }
