"""Keys that a sentence names by their letter: `in F# minor`, `升G小调`, and the mode alone: `in a minor key`.

A key is one claim, written as verification reads it ("F# minor"). Knows no tonic without a mode; those are phrases of
the vocabulary.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from mgrd.claims import Claim
from mgrd.claims.scene import Scene

_ENGLISH = re.compile(
    r"(?<![\w#♯♭])([A-Ga-g])(?:(b|#|♯|♭)|[ -]?(sharp|flat))?[ -]{1,2}"
    r"(?:(?:natural|harmonic|melodic) )?(?a:(major|minor|maj|min))(?![\w])"
    r"(?: (chord|triad|scale|arpeggio|third|seventh|sixth)s?)?",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"(升|降)?\s*([A-Ga-g])(#|♯|♭|b)?\s*(?:自然|和声|旋律)?(大|小)调(?:式?(和弦|音阶))?")
_MODE = re.compile(r"\bin (?:a )?(?:clear(?:ly)? )?(?a:(major|minor)) (?:key|mode|tonality)\b", re.IGNORECASE)
_NAMING = re.compile(r"\b(?:in|of|an|to|is|from|the|key)[ :]+$", re.IGNORECASE)
_SHORT = 40
"""Words of a text in which a mode by itself is about music, and of a longer one it may be a figure of speech."""


def keys(scene: Scene, described: Sequence[Claim]) -> list[Claim]:
    """The descriptions of a sentence with every key that it names, in place of what was found over the same words."""
    raw, first = scene.text.raw, scene.text.starts[scene.sentence.i]
    part = raw[first : scene.text.ends[scene.sentence.j - 1]]
    if not ("ajor" in part or "inor" in part or " maj" in part or " min" in part or "大调" in part or "小调" in part):
        return list(described)
    named = [(m, key) for m, key in ((m, _key(part, m)) for m in _ENGLISH.finditer(part)) if key]
    named += [(m, _chinese_key(m)) for m in _CHINESE.finditer(part)]
    about = scene.about_audio or scene.anchored or len(scene.text.words) <= _SHORT
    found = [_claim(scene, first, match, "music.key", key, match[5]) for match, key in named if about]
    if len({one.asserts for one in found if one.polarity > 0}) > 1:
        found = [
            replace(one, scope="span") for one in found
        ]  # a clip that moves through several keys is in each for a while
    for match in _MODE.finditer(part) if not named else ():
        over = any(
            one.cue == "music.mode" and one.start < first + match.end() and first + match.start() < one.end
            for one in described
        )
        if not over and about:
            found.append(_claim(scene, first, match, "music.mode", match[1].lower(), None))
    lies = [(one.start, one.end) for one in found]
    kept = [one for one in described if not (one.cue.startswith("music.") and _is_in(one, lies))]
    if not named:
        # `in a major key` names no key of A
        kept = [one for one in kept if not (one.cue == "music.key" and one.asserts[:2] == "A " and " a m" in one.text)]
    return kept + found


def _claim(scene: Scene, first: int, match: re.Match[str], cue: str, asserts: str, chord: str | None) -> Claim:
    """The claim over a match; of a chord, which is no key of the whole, when one follows."""
    starts = scene.text.starts
    i = bisect_right(starts, first + match.start()) - 1
    j = bisect_left(starts, first + match.end())
    return scene.claim(i, j, cue, "level", asserts, scope="span" if chord else "whole")


def _is_in(one: Claim, spans: Sequence[tuple[int, int]]) -> bool:
    return any(one.start < end and start < one.end for start, end in spans)


def _key(part: str, match: re.Match[str]) -> str | None:
    """The key in English letters; `a` is an article unless it is a capital that a word of keys stands before."""
    letter, mode = match[1], match[4].lower()
    if letter in "aA" and not (match[2] or match[3]):
        follows = part[match.end() : match.end() + 2].strip()[:1].isalpha()
        if (
            letter == "a"
            or not _NAMING.search(part[: match.start()])
            or (follows and part[match.end() :].startswith((" key", " mode")))
        ):
            return None
    if letter.islower() and mode in ("maj", "min"):
        return None
    flat = match[2] in ("b", "♭") or (match[3] or "").lower() == "flat"
    sharp = match[2] in ("#", "♯") or (match[3] or "").lower() == "sharp"
    return f"{letter.upper()}{'b' if flat else '#' if sharp else ''} {'major' if mode.startswith('maj') else 'minor'}"


def _chinese_key(match: re.Match[str]) -> str:
    sharp, flat = match[1] == "升" or match[3] in ("#", "♯"), match[1] == "降" or match[3] in ("b", "♭")
    return f"{match[2].upper()}{'#' if sharp else 'b' if flat else ''} {'major' if match[4] == '大' else 'minor'}"
