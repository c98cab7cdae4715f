"""What a word of place is of: `at the end` belongs to the beep of `loud, with a beep at the end`, and not to `loud`.

A clause is read as stretches that a comma, `with`, `followed by`, `and rises` part; a place is of the stretch that it
stands in. Knows no grammar beyond that: where nothing decides, a place is of nothing and the statement of the whole.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from mgrd.claims.vocabulary import Term

if TYPE_CHECKING:
    from mgrd.claims.scene import Scene

_VERBS = ("start", "begin", "open", "end", "finish", "clos", "conclud", "kick", "lead", "round")
"""How the words begin that are of what follows them: `starts loud`, `ending with a beep`."""
_LITTLE = 3
"""Tokens after `and` within which what it adds shows whether it is a statement of its own."""


def governs(scene: Scene, place: Term, i: int, others: list[Term]) -> bool:
    """Whether a place says where the words at token i hold; `others` are all places of the clause."""
    if place.i <= i < place.j:
        return True
    begin, end = scene.clause(i)
    if scene.word(place.i) >= "\u3400":
        # Chinese places what follows: "声音很大结尾有一声哔"
        return place.j <= i or not any(t.i >= place.j and t.j <= end for t in scene.sound)
    if scene.listed("above_all", place.i - 1):
        return False  # "loud, especially at the end"
    cuts = _cuts(scene, begin, end, others)
    here, there = bisect_right(cuts, i), bisect_right(cuts, place.i)
    if _is_verb(scene, place):
        return place.j <= i and here == there
    if here == there:
        return True
    edges = [begin, *cuts, end]
    low, high = edges[there], edges[there + 1]
    alone = not any(low <= t.i < high for t in scene.sound if not place.i <= t.i < place.j) and not scene.listed(
        "with", low
    )
    if alone and high == end and low > begin:
        return here == there - 1  # "the voice is loud, at the end"
    if not (alone or place.i - begin <= 1) or here < there:
        return False
    # "at the end the voice is loud, clear and slow"
    moved = any(there < bisect_right(cuts, other.i) <= here for other in others)
    return not moved and not any(scene.listed("goes_on", k) for k in edges[there + 2 : here + 1])


def _is_verb(scene: Scene, place: Term) -> bool:
    return scene.word(place.i).startswith(_VERBS) and scene.word(place.i) != "beginning"


def _cuts(scene: Scene, begin: int, end: int, places: list[Term]) -> list[int]:
    """The tokens of a clause at which another of its stretches begins, in order."""
    inside = {k for t in places for k in range(t.i, t.j)}
    cuts = {t.i for t in places if t.i > begin and scene.word(t.i)[-3:] == "ing" and _is_verb(scene, t)}
    for k in range(begin + 1, end):
        if k in inside:
            continue
        word = scene.word(k)
        if word == ",":
            parted = not _is_attributive(scene, k)
        elif word == "and":
            parted = _adds(scene, k, places)
        else:
            parted = scene.listed("with", k) or scene.listed("goes_on", k)
        if parted:
            cuts.add(k)
    return sorted(cuts)


def _adds(scene: Scene, k: int, places: list[Term]) -> bool:
    """Whether `and` adds a statement: `and rises`, `and gets quieter`, `and finally low`; not `loud and clear`."""
    near = range(k + 1, k + 1 + _LITTLE)
    if any(t.i in near for t in places) or any(scene.listed("states", m) for m in near[:2]):
        return True
    if any(t.i in near and _moves(t) for t in scene.sound):
        return True
    return any(t.j <= k for t in places) and any(t.i > k for t in places)  # "loud at first and soft at the end"


def _moves(term: Term) -> bool:
    said = [pair for pairs in term.entry.says.values() for pair in pairs]
    said += [(cue, asserts) for cue, asserts, _ in term.entry.phrases]
    return any(asserts in ("rising", "falling") for _, asserts in said)


def _is_attributive(scene: Scene, k: int) -> bool:
    """Whether a comma stands between adjectives of one noun: `a low, soft voice at the end`."""
    before = next((t for t in scene.sound if t.j == k and t.entry.says), None)
    if before is None or not any(t.i == k + 1 and t.entry.says for t in scene.sound):
        return False
    return any(scene.word(m) in ("a", "an") or scene.listed("article", m) for m in (before.i - 1, before.i - 2))
