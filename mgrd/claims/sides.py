"""Comparisons of two parts of a clip: `the second sentence is slower`, `lower in the latter half than in the former`.

Says which part has more of what is compared; the parts themselves are for `scene`, their measures for `comparisons`.
"""

from __future__ import annotations

from dataclasses import replace

from mgrd.claims import Claim
from mgrd.claims.scene import Scene
from mgrd.claims.vocabulary import Term

OTHER = {"first": "second", "second": "first", "first_half": "second_half", "second_half": "first_half"}
_PLACES = {"start": "end", "end": "start"}
_SECOND = frozenset({"second", "second_half", "end"})
_AGAINST = {"first": "first_vs_second", "first_half": "halves", "start": "start_vs_end"}
_TRENDS = {"pitch.level": "pitch.contour", "loudness.level": "loudness.trend"}


def compared(scene: Scene, term: Term, claim: Claim, sign: int) -> Claim:
    """The claim as a comparison of two parts, or as a trend between them; `sign` is 1 when its subject has more."""
    part, place = scene.part(term.i), scene.place(term.i)
    if part in OTHER:
        return _of_two(scene, term, claim, part, OTHER[part], sign)
    if part is not None:
        return replace(claim, kind="comparison", scope=part)
    if place in _PLACES and claim.cue in _TRENDS:
        rising = (sign > 0) == (place == "end")
        return replace(claim, cue=_TRENDS[claim.cue], kind="trend", asserts="rising" if rising else "falling",
                       claimed=f"{scene.text.words[term.i]} at the {place}")  # fmt: skip
    if place in _PLACES:
        return _of_two(scene, term, claim, place, _PLACES[place], sign)
    reference = scene.reference(term.j)
    if reference in OTHER:
        return _of_two(scene, term, claim, OTHER[reference], reference, sign)
    return replace(claim, kind="comparison")


def _of_two(scene: Scene, term: Term, claim: Claim, subject: str, other: str, sign: int) -> Claim:
    more = subject if sign > 0 else other
    scope = _AGAINST[other if subject in _SECOND else subject]
    named = subject.replace("_", " ")
    return replace(claim, kind="comparison", scope=scope, asserts="second" if more in _SECOND else "first",
                   claimed=f"the {named} is {scene.text.words[term.i]}")  # fmt: skip
