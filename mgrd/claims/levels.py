"""Levels, trends and comparisons: `low`, `rising`, `the second is higher` against the norms of `rules/cues/norms.toml`.

Says how far a clip is from what was claimed, in one frame of reference each; the verdict is for `verify`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from mgrd.claims import Claim
from mgrd.claims.readings import (
    CONTRADICTED_Z,
    OF_ONE_SOURCE,
    ORDINALS,
    SCALES,
    THIRDS,
    Finding,
    Reading,
    content_of,
    events_of,
    figure_of,
    said,
    shown,
    sigma_on,
    value_of,
)
from mgrd.claims.vocabulary import norms

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

_PHRASE_S = 4.0
"""Speech longer than this is hardly one phrase."""


def levels(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Finding]:
    """One finding for each admissible frame of reference, at least one in all."""
    if claim.kind == "comparison":
        return [_compare(claim, clip)]
    if claim.scope in ORDINALS and claim.kind == "level":
        return [_relative(claim, clip)]
    if (claim.cue, claim.asserts) not in _levels():
        return [Finding(None, "no measurement for it")]
    if _is_of_the_voice(claim) and {"male", "female"} <= admissible:
        return [Finding(None, "several voices, which no measurement tells apart")]
    found = [_level(claim, clip, norm) for norm in _norms_for(claim, clip, admissible)]
    if claim.cue == "pitch.contour" and claim.scope in THIRDS:
        # "starts low and rises": the place may be of the word beside it
        found += [_level(replace(claim, scope="whole"), clip, norm) for norm in _any(claim)]
    return found


def doubts(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Finding]:
    """What the frames say that the text does not name but may mean: high, for a man; low, for a woman."""
    if claim.kind != "level" or claim.scope in ORDINALS or admissible != {"any"} or content_of(clip) == "tones":
        return []
    return [
        _level(claim, clip, norm) for norm in _levels().get((claim.cue, claim.asserts), []) if norm["frame"] in _SEXES
    ]


_SEXES = ("male", "female")


def _is_of_the_voice(claim: Claim) -> bool:
    return claim.cue in ("pitch.level", "pitch.range", "voice.sex", "rate.level")


@cache
def _levels() -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    table: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for norm in norms()["level"]:
        table.setdefault((norm["cue"], norm["asserts"]), []).append(norm)
    return table


def _norms_for(claim: Claim, clip: Measurements, admissible: frozenset[str]) -> list[Mapping[str, Any]]:
    found = _levels()[claim.cue, claim.asserts]
    tonal = content_of(clip) == "tones"
    if claim.cue == "pitch.contour" and not tonal:
        ends = [norm for norm in found if norm["frame"] == "end"]
        if ends and claim.scope == "end":
            return ends
        if claim.scope in ORDINALS or claim.scope in THIRDS:
            return _any(claim)
        return [norm for norm in found if norm["frame"] in ("any", "end")]
    wanted = {"tone"} if tonal and any(norm["frame"] == "tone" for norm in found) else admissible
    return [norm for norm in found if norm["frame"] in wanted]


def _any(claim: Claim) -> list[Mapping[str, Any]]:
    return [norm for norm in _levels()[claim.cue, claim.asserts] if norm["frame"] == "any"]


def _level(claim: Claim, clip: Measurements, norm: Mapping[str, Any]) -> Finding:
    content = content_of(clip)
    if content == "mixed" and norm["cue"] in OF_ONE_SOURCE:
        return Finding(None, "speech among other sounds, whose pitch and pace are not told apart")
    if norm["cue"] == "voice.sex" and content == "tones":
        return Finding(None, "no voice is measured")
    measured = figure_of(claim, clip, norm["figure"])
    if isinstance(measured, str):
        return Finding(None, measured)
    value, sigma = measured
    scale = SCALES[norm["scale"]]
    against = norm.get("against")
    error = norm.get("sigma") or sigma_on(norm["scale"], value, sigma)
    reading = Reading(
        scale(value),
        math.hypot(error, norm["edge"]),
        low=scale(norm["at_least"]) if "at_least" in norm else -math.inf,
        high=scale(norm["at_most"]) if "at_most" in norm else math.inf,
        past_low=scale(against) if against is not None and "at_least" in norm else None,
        past_high=scale(against) if against is not None and "at_most" in norm else None,
    )
    z, why = reading.z(claim.polarity), f"{said(claim)}, measured {shown(norm['figure'], value)}{_bound(norm)}"
    if z <= CONTRADICTED_Z and norm["cue"] == "pitch.contour" and claim.scope == "whole" and _has_phrases(clip):
        return Finding(None, f"{why}: several phrases, and the text does not say which")
    if z <= CONTRADICTED_Z and (relative := _relative_to(claim, clip)) is not None:
        return Finding(None, f"{why}: {relative}")
    return Finding(z, why, value)


def _relative_to(claim: Claim, clip: Measurements) -> str | None:
    """What else a level or trend of tones may mean than one of the clip as a whole."""
    sounds = sum(one.kind == "event" for one in clip.segments)
    if (claim.cue, claim.asserts, claim.scope) == ("pitch.contour", "steady", "whole") and sounds > 1:
        return f"{sounds} sounds, each of which may be steady"
    low_hz, high_hz = value_of(clip, "f0_p10_hz"), value_of(clip, "f0_p90_hz")
    moves = low_hz and high_hz and 12 * math.log2(high_hz / low_hz) > _MOVES_ST
    if claim.cue == "pitch.level" and content_of(clip) == "tones" and moves:
        return f"the pitch moves from {low_hz:.0f} to {high_hz:.0f} Hz, and may be so beside the rest"
    return None


_MOVES_ST = 3.0
"""Tones that lie further apart, or glide further, are called high and low beside one another."""


def _has_phrases(clip: Measurements) -> bool:
    """Speech in several phrases, each with an intonation of its own."""
    speech_s = value_of(clip, "speech_s", 0.0)
    return content_of(clip) == "voice" and (value_of(clip, "pause_count", 0.0) >= 1 or speech_s > _PHRASE_S)


def _bound(norm: Mapping[str, Any]) -> str:
    """The norm in words, so that a reason can be checked by hand."""
    at_least, at_most = norm.get("at_least"), norm.get("at_most")
    word = norm["asserts"] + (f" of a {norm['frame']} voice" if norm["frame"] in ("male", "female") else "")
    if at_least is not None and at_most is not None:
        return f" ({word}: {at_least:g} to {at_most:g})"
    return f" ({word}: at most {at_most:g})" if at_least is None else f" ({word}: at least {at_least:g})"


def _compare(claim: Claim, clip: Measurements) -> Finding:
    if claim.scope != "first_vs_second":
        return Finding(None, "it does not say what is compared with what")
    if claim.cue not in ("pitch.level", "loudness.level"):
        return Finding(None, "no measurement for it")
    return _difference(claim, clip, claim.asserts == "second")


def _relative(claim: Claim, clip: Measurements) -> Finding:
    """`the first is low` of two sounds means low beside the other."""
    if claim.scope not in ("first", "second") or claim.cue not in ("pitch.level", "loudness.level"):
        return Finding(None, "no measurement for it")
    more = claim.asserts in ("high", "loud")
    return _difference(claim, clip, more == (claim.scope == "second"))


def _difference(claim: Claim, clip: Measurements, second_is_more: bool) -> Finding:
    events = events_of(clip)
    if isinstance(events, str):
        return Finding(None, events)
    first, second = events[0], events[1]
    if claim.cue == "loudness.level":
        value, unit, sigma, least = second.level_db - first.level_db, "dB", 1.0, 1.0
    elif first.f0_hz and second.f0_hz:
        value, unit, sigma, least = 12 * math.log2(second.f0_hz / first.f0_hz), "st", 0.35, 0.35
    else:
        return Finding(None, "one of the two has no pitch")
    reading = Reading(value if second_is_more else -value, sigma, low=least, past_low=0.0)
    heard = f"{first.level_db:.0f}, then {second.level_db:.0f} dBFS"
    if unit == "st":
        heard = f"{first.f0_hz:.0f} Hz, then {second.f0_hz:.0f} Hz"
    return Finding(reading.z(claim.polarity), f"{said(claim)}, measured {heard} ({value:+.1f} {unit})", value)
