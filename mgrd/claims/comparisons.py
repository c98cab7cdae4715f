"""Two parts of a clip set side by side: `the second sentence is slower`, `the first tone is low`, `it speeds up`.

What differs is measured in each of the two and compared in semitones, decibels or percent, so that neither the gain of
the file nor the voice of its speaker matters. Which parts are meant is for `parts`, the verdict for `verify`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mgrd.audio.figures import Segment
from mgrd.claims import Claim
from mgrd.claims.describe import LESS, MORE
from mgrd.claims.pace import pace_hz
from mgrd.claims.parts import is_later, pairs
from mgrd.claims.readings import SCALES, Finding, Reading, apart_shown, content_of, said, shown
from mgrd.claims.vocabulary import norms

if TYPE_CHECKING:
    from mgrd.audio.measure import Measurements

COURSE = {"second": True, "first": False, "rising": True, "falling": False}
"""Words that name the part that has more, or the course from one to the other: whether the later part has more."""
SAME = frozenset({"same", "equal"})
HEARD_SNR_DB = 35.0
"""Noise further below speech is not heard, so that of two such parts neither is noisier."""


def can_compare(claim: Claim) -> bool:
    """Whether there is a measurement of the difference, and a word for it."""
    return claim.cue in _differences() and claim.asserts in MORE | LESS | SAME | COURSE.keys()


def compare(claim: Claim, clip: Measurements) -> list[Finding]:
    """One finding for each way in which the two parts can be meant, at least one in all."""
    if not can_compare(claim):
        return [Finding(None, "no measurement for it")]
    norm = _differences()[claim.cue]
    found = _pauses(clip) if claim.cue == "pause.duration" else pairs(claim, clip)
    if isinstance(found, str):
        return [Finding(None, found)]
    return [_difference(claim, clip, norm, *pair) for pair in found]


@cache
def _differences() -> dict[str, Mapping[str, Any]]:
    return {norm["cue"]: norm for norm in norms()["difference"]}


def _pauses(clip: Measurements) -> list[tuple[Segment, Segment]] | str:
    found = [one for one in clip.segments if one.kind == "pause"]
    return [(found[0], found[1])] if len(found) == 2 else f"pauses found: {len(found)}; two would be compared"


def _difference(claim: Claim, clip: Measurements, norm: Mapping[str, Any], one: Segment, other: Segment) -> Finding:
    first, second = _value(clip, norm["figure"], one), _value(clip, norm["figure"], other)
    if isinstance(first, str) or isinstance(second, str):
        return Finding(None, first if isinstance(first, str) else str(second))
    (before, before_sigma), (after, after_sigma) = first, second
    scale = SCALES[norm["scale"]]
    value = (scale(after) - scale(before)) * (-1 if norm.get("less_is_more") else 1)
    if not math.isfinite(value):
        return Finding(None, f"no {norm['figure']} in one of the two parts")
    sigma = max(norm["tones" if content_of(clip) == "tones" else "voice"], math.hypot(before_sigma, after_sigma))
    if claim.asserts in SAME:
        reading = Reading(value, sigma, low=-norm["same"], high=norm["same"])
    else:
        reading = Reading(value if _later_has_more(claim) else -value, sigma, low=norm["least"], past_low=0.0)
    heard = f"{shown(norm['figure'], before)}, then {shown(norm['figure'], after)}"
    apart = apart_shown(norm["scale"], value) or f" ({value:+.1f} dB)"
    why = f"{said(claim)}, measured {heard}{apart}"
    if norm["scale"] == "ratio":
        return Finding(reading.z(claim.polarity), why, 100 * math.expm1(value / 100), "%")
    return Finding(reading.z(claim.polarity), why, value, "st" if norm["scale"] == "st" else "dB")


def _later_has_more(claim: Claim) -> bool:
    """Whether the later of the two parts is said to have more: what is said of the earlier is turned round."""
    if claim.asserts in COURSE:
        return COURSE[claim.asserts]
    return (claim.asserts in MORE) == (claim.kind == "trend" or is_later(claim))


def _value(clip: Measurements, name: str, of: Segment) -> tuple[float, float] | str:
    """A figure of one part with its error beyond what the norm has, or why there is none."""
    if name == "length_s":
        return of.t1_s - of.t0_s, 0.0
    if name == "level_dbfs":
        return of.level_db, 0.0
    if name == "f0_median_hz":
        return (of.f0_hz, 0.0) if of.f0_hz else "one of the two has no pitch"
    if name == "syllable_rate_hz":
        pace = pace_hz(clip, of.t0_s, of.t1_s)
        return pace if isinstance(pace, str) else (pace[0], 100 * pace[1] / pace[0])
    if not clip.tracks:
        return "no tracks to measure a part of the clip from"
    figure = clip.figure(name, of.t0_s, of.t1_s)
    if figure.value is None:
        return figure.why or f"{name} was not measured"
    return min(figure.value, HEARD_SNR_DB) if name == "snr_db" else figure.value, 0.0
