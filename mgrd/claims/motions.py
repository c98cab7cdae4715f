"""Verbs of motion that say where a pitch goes: `the howl tumbles right back down`, `her voice creeps up`.

Whatever the verb, the particle gives the direction and the subject, which must be one that has a pitch, the sense.
English only; verbs that say it without a particle (`rises`) are in the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mgrd.claims import Claim
from mgrd.claims.describe import Head
from mgrd.claims.scene import Scene

_ADVERBS = 5
"""Tokens between the verb and the particle: `slides all the way back`."""
_REACH = 14
"""Tokens from the subject to the verb."""
_PITCHED = frozenset({"pitch", "voice", "speaker", "tone_of_voice", "note", "music", "music_note", "source"})


def motions(scene: Scene, here: Sequence[Head], described: Sequence[Claim]) -> Iterator[Claim]:
    """The courses of a pitch that a verb and a particle tell of, where no description tells of them."""
    if not here or not scene.allowed("trace"):
        return
    up = scene.vocabulary.lists["upwards"]
    for k in sorted([*scene.all_listed("upwards"), *scene.all_listed("downwards")]):
        word = scene.word(k)
        direction = "rising" if word in up else "falling"
        verb = next((v for v in range(k - 1, k - _ADVERBS - 2, -1) if not _is_adverb(scene, v)), k)
        if not scene.listed("moves", verb):
            continue
        near = [h for h in here if h.j <= verb and verb - h.j <= _REACH and not h.implied]
        head = next((h for h in near if h.i == near[-1].i and h.name in _PITCHED), None)  # a voice is also a person
        if head is None or scene.word(head.j - 1)[-5:] == "steps":
            continue
        if word not in ("higher", "lower") and not _is_of_pitch(scene, head, verb):
            continue
        scope = scene.place(k) or "whole"
        claim = scene.claim(verb, k + 1, "pitch.contour", "trend", direction, at=verb, scope=scope)
        if not any(one.start < claim.end and claim.start < one.end for one in described):
            yield claim


def _is_of_pitch(scene: Scene, head: Head, verb: int) -> bool:
    """Whether a verb says of such a subject where its pitch goes: not `the speaker walks up`, `a voice pops up`."""
    if head.name == "speaker":
        return scene.listed("pitch_moves", verb)
    return head.name != "voice" or not (scene.listed("appears", verb) and _is_indefinite(scene, head))


def _is_indefinite(scene: Scene, head: Head) -> bool:
    return any(scene.word(k) in ("a", "an", "another", "some") for k in range(head.i - 3, head.i))


def _is_adverb(scene: Scene, k: int) -> bool:
    return scene.listed("particle_adverbs", k) or (scene.word(k)[-2:] == "ly" and len(scene.word(k)) > 4)
