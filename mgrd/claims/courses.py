"""When the kinds of sound that a measurement tells apart are heard: `the tone follows the speech`, `噪声从3秒处开始`.

Gives orders with what comes first (`tone then speech`), and names in times, lengths and halves the sound that they are
of. The kinds are the `sounds` of `rules/cues/*-contrast.toml`; of any other source nothing is said here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from mgrd.claims import Claim
from mgrd.claims.contrasts import parts_named
from mgrd.claims.describe import LESS, MORE
from mgrd.claims.scene import Scene
from mgrd.claims.vocabulary import Term

_NEAR = 5
"""Tokens between a word of order and the sound that it places: `only after the end of the speech`."""
_PLACES = frozenset({"first_half", "second_half", "start", "end"})
_COMMAS = frozenset(",，;；")


class Sound(NamedTuple):
    """A kind of sound that the words [i, j) name."""

    i: int
    j: int
    kind: str


def courses(scene: Scene, found: Sequence[Claim]) -> list[Claim]:
    """The claims of a sentence, its orders, times and lengths with the kinds of sound that they are of."""
    kept = list(found)
    kept = [one for one in kept if not (one.cue == "noise.level" and _is_what_changes(scene, one, kept))]
    if not scene.allowed("trace"):
        return kept
    sounds = _sounds(scene)
    if not sounds:
        return kept
    kept = [_named(scene, sounds, one) if one.cue in _NAMED else one for one in kept]
    ordered = list(_orders(scene, sounds))
    if ordered:
        kept = [one for one in kept if one.cue != "event.order"] + ordered
    placed = None if ordered else _placed(scene, sounds, kept)
    if placed is not None:
        # "在前半段" is a place, and no order
        told = ("time.position", "event.order")
        kept = [one for one in kept if one.cue not in told or not _overlap(one, placed)] + [placed]
    spans = [*ordered, *([placed] if placed is not None else [])]
    kept = [one for one in kept if not (_is_vague(one) and any(_overlap(one, of) for of in spans))]
    if spans or any(one.cue in _NAMED and one.claimed.startswith("noise ") for one in kept):
        # "噪声从3秒处开始" is of a sound, not of how noisy the recording is
        starts, ends = scene.text.starts, scene.text.ends
        noises = {(starts[one.i], ends[one.j - 1]) for one in sounds if one.kind == "noise"}
        kept = [one for one in kept if one.cue != "noise.level" or (one.start, one.end) not in noises]
    return kept


def _is_what_changes(scene: Scene, noise: Claim, found: Sequence[Claim]) -> bool:
    """`the hiss grows stronger`, `噪声逐渐变强`: a sound is named whose loudness changes, not a noisy recording."""
    starts, ends = scene.text.starts, scene.text.ends
    named = [one.i for one in _sounds(scene) if one.kind == "noise" and noise.start <= starts[one.i] < noise.end]
    named += [t.i for t in scene.sound if (starts[t.i], ends[t.j - 1]) == (noise.start, noise.end) and t.entry.sign]
    if noise.asserts != "noisy" or not named:
        return False
    clause = scene.clause(named[0])
    return any(
        one.cue == "loudness.trend" and one.kind == "trend" and starts[clause[0]] <= one.start < ends[clause[1] - 1]
        for one in found
    )


def _is_vague(claim: Claim) -> bool:
    """Whether a level is a guess from the grammar, whose value is the words themselves."""
    return (
        claim.kind == "level"
        and claim.cue != "time.position"
        and claim.asserts not in MORE | LESS
        and claim.asserts in claim.text
    )


def _sounds(scene: Scene) -> list[Sound]:
    return [
        Sound(term.i, term.j, mark.partition(".")[2])
        for term in scene.sounds
        for mark in sorted(term.entry.marks)
        if mark.startswith("sounds.")
    ]


def _overlap(one: Claim, other: Claim) -> bool:
    return one.start < other.end and other.start < one.end


def _chinese(scene: Scene, i: int) -> bool:
    return scene.word(i) >= "\u3400"


def _has(term: Term, mark: str) -> bool:
    return mark in term.entry.marks


def _orders(scene: Scene, sounds: Sequence[Sound]) -> Iterator[Claim]:
    """One claim for each pair of neighbouring sounds that a word of order relates."""
    if any(_has(t, "order.together") for t in scene.course):
        return
    for k in range(len(sounds) - 1):
        one, other = sounds[k], sounds[k + 1]
        if one.kind == other.kind:
            continue
        order = _order(scene, one, other)
        if order is not None:
            first, then = order
            yield scene.claim(one.i, other.j, "event.order", "comparison", f"{first.kind} then {then.kind}", at=one.i)


def _order(scene: Scene, one: Sound, other: Sound) -> tuple[Sound, Sound] | None:
    """Which of two sounds comes first, by the words between them, before the first or behind the second."""
    chinese = _chinese(scene, one.i)
    for sound, rest in ((other, one), (one, other)):
        beside = [t for t in scene.course if _stands_by(scene, t, sound, rest, behind=chinese)]
        if any(_has(t, "order.earlier") for t in beside):
            return sound, rest
        if any(_has(t, "order.later") for t in beside):
            return rest, sound
    between = [t for t in scene.course if one.j <= t.i and t.j <= other.i]
    behind = [t for t in scene.course if 0 <= t.i - other.j <= 2]
    if any(_has(t, "order.backwards") for t in between):
        return other, one
    opened = any(scene.listed("firstly", k) for k in (*range(one.i - 6, one.i), *range(one.j, one.j + 3)))
    told = any(_has(t, "order.next") for t in between) or (opened and any(_has(t, "order.next") for t in behind))
    return (one, other) if told else None


def _stands_by(scene: Scene, term: Term, sound: Sound, rest: Sound, *, behind: bool) -> bool:
    """Whether a word of order places a sound: it stands before it in English, behind it in Chinese."""
    if behind:
        i, j, near = sound.j, term.i, 0
        if term.i < sound.j or (rest.i >= sound.j and term.i >= rest.i):
            return False
        # "在说话声之后", "噪声结束之后"
        between = range(i, j)
        return j - i <= near or all(_happens(scene, k) for k in between)
    if not term.j <= sound.i <= term.j + _NEAR or term.j <= rest.i < sound.i:
        return False
    return not any(scene.word(k) in _COMMAS for k in range(term.j, sound.i))


def _happens(scene: Scene, k: int) -> bool:
    return any(t.i <= k < t.j and any(m.startswith("happens.") for m in t.entry.marks) for t in scene.course)


_NAMED = frozenset({"time.position", "time.duration"})


def _named(scene: Scene, sounds: Sequence[Sound], claim: Claim) -> Claim:
    """A time or a length with the sound that it is of, when its clause names one, and with what happens to it then."""
    if claim.kind != "value" or (claim.cue == "time.duration" and claim.scope not in ("span", "whole")):
        return claim
    at = next(k for k in range(scene.sentence.i, scene.sentence.j) if scene.text.ends[k] > claim.start)
    begin, end = scene.clause(at)
    here = [one for one in sounds if begin <= one.i < end]
    if len({one.kind for one in here}) != 1:
        return claim
    if claim.cue == "time.duration":
        lasts = not any(scene.listed("clip", k) for k in range(begin, end) if not here[0].i <= k < here[0].j)
        return replace(claim, scope="span", claimed=f"{here[0].kind} {claim.claimed}") if lasts else claim
    if claim.asserts in ("span", "at_most") or claim.t0_s != claim.t1_s:
        return claim
    edges = [
        (abs(t.i - at), edge)
        for t in scene.course
        if begin <= t.i < end
        for edge in ("offset", "onset")
        if _has(t, f"happens.{edge}")
    ]
    edge = claim.asserts if claim.asserts in ("onset", "offset") else min(edges)[1] if edges else "heard"
    return replace(claim, asserts=edge, claimed=f"{here[0].kind} {claim.claimed}")


def _placed(scene: Scene, sounds: Sequence[Sound], found: Sequence[Claim]) -> Claim | None:
    """`the tone occurs in the first half`: one sound, one part, and a word of being heard between them."""
    named = [one for one in parts_named(scene) if one.name in _PLACES]
    if len(named) != 1 or len({one.kind for one in sounds}) != 1:
        return None
    place, sound = named[0], min(sounds, key=lambda one: abs(one.i - named[0].i))
    i, j = min(sound.j, place.j), max(sound.i, place.i)
    happens = any(i <= t.i < j and _has(t, "happens.occurs") for t in scene.course)
    if (
        place.against
        or not happens
        or scene.clause(place.i) != scene.clause(sound.i)
        or any(scene.word(k) in _COMMAS for k in range(i, j))
    ):
        return None
    where = f"{'in' if place.name.endswith('half') else 'at'} the {place.name.replace('_', ' ')}"
    claim = scene.claim(
        min(sound.i, place.i), max(sound.j, place.j), "time.position", "level", place.name, at=sound.i,
        claimed=f"{sound.kind} {where}",
    )  # fmt: skip
    if any(_overlap(one, claim) and (one.cue, one.kind) == ("time.position", "value") for one in found):
        return None  # "1.2 s after the start"
    other = any(
        _overlap(one, claim)
        and one.kind in ("level", "trend", "comparison")
        and one.cue not in ("noise.level", "time.position", "event.order")
        for one in found
    )
    return None if other else claim
